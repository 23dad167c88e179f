// Joint bilateral upsampling: what is the lighting of every pixel, where it is known at every second one?
// reads   lighting at half resolution; G-buffer at full resolution, environment
// writes  lighting at full resolution
// source  Kopf, Cohen, Lischinski, Uyttendaele, Joint Bilateral Upsampling, SIGGRAPH 2007
// limits  a surface that no lit pixel shows, as a twig, takes the unoccluded environment
#include "common/bilateral_weight.glsl"
#include "common/environment.glsl"
#include "common/lighting.glsl"

uniform sampler2D gbuffer_specular;
layout(location = 0) out vec4 out_direct;
layout(location = 1) out vec4 out_indirect;
layout(location = 2) out vec4 out_specular;

const float MIN_TOTAL_WEIGHT = 1e-3;
const float MIN_BACKGROUND_DEVIATION = 1e12;  // tolerances: the background is at least that far from any surface

// `px` are pixels at half resolution.
vec2 full_resolution_uv(vec2 px) { return (2.0 * px + 0.5) / frame.size; }

vec2 half_resolution_uv(vec2 px) { return (px + 0.5) / vec2(textureSize(lighting_direct, 0)); }

#ifdef ENTRY_SPECULAR
float total_specular_weight = 0.0;

// Only specular surfaces have a lobe.
void add_specular(vec2 px, float weight) {
    if (textureLod(gbuffer_specular, full_resolution_uv(px), 0.0).rgb == vec3(0.0)) return;
    out_specular += weight * specular_lighting_at(half_resolution_uv(px));
    total_specular_weight += weight;
}
#else
void add_specular(vec2 px, float weight) {}
#endif

void add_lighting(vec2 px, float weight) {
    out_direct += weight * direct_at(half_resolution_uv(px));
    out_indirect += weight * indirect_at(half_resolution_uv(px));
    add_specular(px, weight);
}

void upsample() {
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    out_direct = vec4(0.0, 0.0, 0.0, 1.0);
    out_specular = vec4(0.0, 0.0, 0.0, 1.0);
    out_indirect = vec4(0.0);
    if (!is_surface(depth)) return;

    Guide guide = make_guide(uv, depth);
    vec2 position = 0.5 * floor(SHADED_PIXEL);
    vec2 last = floor(0.5 * (frame.size - 1.0));
    vec2 low = floor(position);
    vec2 high = min(low + 1.0, last);
    vec2 f = position - low;
    vec2 g = 1.0 - f;
    vec2 right = vec2(high.x, low.y);
    vec2 above = vec2(low.x, high.y);
    vec4 weights = vec4(g.x, f.x, g.x, f.x) * vec4(g.y, g.y, f.y, f.y);
    weights *= vec4(
        bilateral_weight_at(guide, full_resolution_uv(low)),
        bilateral_weight_at(guide, full_resolution_uv(right)),
        bilateral_weight_at(guide, full_resolution_uv(above)),
        bilateral_weight_at(guide, full_resolution_uv(high))
    );
    // in the order in which the lighting is added, so that constant lighting stays exact
    float total_weight = weights.x + weights.y + weights.z + weights.w;

    // Where no neighbour shows the same surface, the most similar of 4 x 4 pixels is taken.
    bool has_none = total_weight < MIN_TOTAL_WEIGHT;
    vec2 most_similar = low;
    float min_deviation = MIN_BACKGROUND_DEVIATION;
    // a loop instead of a condition: llvmpipe executes both branches of a condition
    for (int k = has_none ? 0 : 16; k < 16; k++) {
        vec2 px = clamp(low + vec2(k & 3, k >> 2) - 1.0, vec2(0.0), last);
        vec2 deviation = deviation_at(guide, full_resolution_uv(px));
        most_similar = deviation.x + deviation.y < min_deviation ? px : most_similar;
        min_deviation = min(min_deviation, deviation.x + deviation.y);
    }
    weights = has_none ? vec4(1.0, 0.0, 0.0, 0.0) : weights;
    out_direct = vec4(0.0);
    out_indirect = vec4(0.0);
    out_specular = vec4(0.0);
    add_lighting(has_none ? most_similar : low, weights.x);
    add_lighting(right, weights.y);
    add_lighting(above, weights.z);
    add_lighting(high, weights.w);
    out_direct /= has_none ? 1.0 : total_weight;
    out_indirect /= has_none ? 1.0 : total_weight;

    bool is_unlit = has_none && min_deviation == MIN_BACKGROUND_DEVIATION;
    for (int k = is_unlit ? 0 : 1; k < 1; k++) {
        out_direct = vec4(irradiance_at(guide.normal_ws), 1.0);
        out_indirect = vec4(0.0);
        out_specular = vec4(0.0);
    }
}

void diffuse() { upsample(); }

#ifdef ENTRY_SPECULAR
void specular() {
    upsample();
    bool is_specular = textureLod(gbuffer_specular, pixel_uv(), 0.0).rgb != vec3(0.0);
    bool has_specular = is_specular && total_specular_weight > 0.0;
    out_specular = has_specular ? out_specular / total_specular_weight : vec4(0.0, 0.0, 0.0, 1.0);
}
#endif
