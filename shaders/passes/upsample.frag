// What is the lighting of every pixel, where it is known at every second of a row and of a column?
// reads  lighting of these, gbuffer of all, environment      writes  lighting of all
// after  Kopf, Cohen, Lischinski, Uyttendaele, Joint Bilateral Upsampling, SIGGRAPH 2007: what is near and on the same
// surface counts Each of the four around a pixel counts by its distance and as far as it agrees; where none does, the
// one of 4 x 4 that agrees best. cannot know the light of what is seen at none of these, as a twig: it is taken to be
// all of the environment's
#include "common/bilateral_weight.glsl"
#include "common/environment.glsl"
#include "common/lighting.glsl"
uniform sampler2D gbuffer_gloss;
layout(location = 0) out vec4 direct;
layout(location = 1) out vec4 indirect;
layout(location = 2) out vec4 gloss;

const float NONE = 1e-3, BEHIND = 1e12;  // agreement that is none; how far, in tolerances, the background is at least

// Where one of these pixels is in the whole picture.
vec2 whole_uv(vec2 px) { return (2.0 * px + 0.5) / frame.size; }

vec2 own_uv(vec2 px) { return (px + 0.5) / vec2(textureSize(light_direct, 0)); }

#ifdef ENTRY_GLOSSY
float total_gloss = 0.0;  // of those that are glossy themselves

void take_gloss(vec2 px, float weight) {
    if (textureLod(gbuffer_gloss, whole_uv(px), 0.0).rgb == vec3(0.0)) return;
    gloss += weight * lobe_at(own_uv(px));
    total_gloss += weight;
}
#else
void take_gloss(vec2 px, float weight) {}
#endif

void take(vec2 px, float weight) {
    direct += weight * direct_at(own_uv(px));
    indirect += weight * indirect_at(own_uv(px));
    take_gloss(px, weight);
}

void upsampled() {
    vec2 uv = uv_here();
    float depth = depth_at(uv);
    direct = gloss = vec4(0.0, 0.0, 0.0, 1.0);
    indirect = vec4(0.0);
    if (!on_surface(depth)) return;
    Receiver r = receiver_at(uv, depth);
    vec2 at = 0.5 * floor(HERE), low = floor(at), far = at - low, near = 1.0 - far, last = floor(0.5 * (frame.size - 1.0));
    vec2 high = min(low + 1.0, last), right = vec2(high.x, low.y), above = vec2(low.x, high.y);
    vec4 weights = vec4(near.x, far.x, near.x, far.x) * vec4(near.y, near.y, far.y, far.y);
    weights *= vec4(agreement(r, whole_uv(low)), agreement(r, whole_uv(right)), agreement(r, whole_uv(above)), agreement(r, whole_uv(high)));
    // as the lights are added, so that ones stay one
    float total = weights.x + weights.y + weights.z + weights.w, least = BEHIND;
    bool alone = total < NONE;
    vec2 best = low;
    for (int k = alone ? 0 : 16; k < 16; k++) {  // by a loop, as llvmpipe draws both ways of a condition
        vec2 px = clamp(low + vec2(k & 3, k >> 2) - 1.0, vec2(0.0), last), off = apart(r, whole_uv(px));
        best = off.x + off.y < least ? px : best;
        least = min(least, off.x + off.y);
    }
    weights = alone ? vec4(1.0, 0.0, 0.0, 0.0) : weights;
    direct = indirect = gloss = vec4(0.0);
    take(alone ? best : low, weights.x);
    take(right, weights.y);
    take(above, weights.z);
    take(high, weights.w);
    direct /= alone ? 1.0 : total;
    indirect /= alone ? 1.0 : total;
    for (int k = alone && least == BEHIND ? 0 : 1; k < 1; k++) {
        direct = vec4(irradiance_at(r.n_ws), 1.0);
        indirect = gloss = vec4(0.0);
    }
}

void matte() { upsampled(); }

#ifdef ENTRY_GLOSSY
void glossy() {
    upsampled();
    bool shiny = textureLod(gbuffer_gloss, uv_here(), 0.0).rgb != vec3(0.0);
    gloss = shiny && total_gloss > 0.0 ? gloss / total_gloss : vec4(0.0, 0.0, 0.0, 1.0);
}
#endif
