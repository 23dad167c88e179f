// What is the lighting without the pattern of its samples?
// reads  lighting, gbuffer      writes  lighting, averaged along a row or a column
// after  Schied et al., Spatiotemporal Variance-Guided Filtering, HPG 2017, where variance guides; that of an open
// share need not be estimated A neighbour counts as far as it agrees, see common/agreement.glsl. The width is a
// multiple of the sampling tile, both ends counting half, so that on a plane every position of the tile weighs the same
// and the pattern vanishes. cannot average across an edge, and therefore leaves noise where few neighbours agree
#include <denoise>
#include <noise>
#include "common/bilateral_weight.glsl"
#include "common/lighting.glsl"

const bool BY_VARIANCE = DENOISE_GUIDE == DENOISE_GUIDE_VARIANCE;

// How far two open shares are alike: half as far where they differ by four standard deviations. That of a share p of N
// yes-or-no samples is sqrt(p (1 - p) / N), and p (1 - p) no less than 0.02, as p is not known (0.002 to 0.1: RMSE
// within 2 %). Of the RMSE of SSDO with 16 samples (see app/blur.py) it is 1.07 times without this, 1.02 with six
// deviations, 0.99 with three, which for SSAO with 4 samples are 1.03.
float likeness(float a, float b) {
    float p = 0.5 * (a + b), variance = max(p * (1.0 - p), 0.0) + 0.02;
    return BY_VARIANCE ? 1.0 / (1.0 + noise.samples * (a - b) * (a - b) / (16.0 * variance)) : 1.0;
}

float inside(vec2 q) { return q == clamp(q, 0.0, 1.0) ? 1.0 : 0.0; }

// Weights of neighbours on either side. Beside an edge, as in the corner of a room, a mean of one side is a mean of
// another place, and light changes fastest there: the more one counts than the other, the less of that is taken, and
// none if there is no noise.
vec2 both(vec2 w) { return BY_VARIANCE ? mix(vec2(min(w.x, w.y)), w, noise.lopsided) : w; }

#if defined(ENTRY_ACROSS) || defined(ENTRY_DOWN)
layout(location = 0) out vec4 direct;
layout(location = 1) out vec4 indirect;

float weight(Receiver r, vec2 q, int i) { return inside(q) * agreement(r, q) * (i == denoise.radius ? 0.5 : 1.0); }

void along(vec2 one) {
    vec2 uv = uv_here();
    float depth = depth_at(uv);
    direct = direct_at(uv);
    indirect = indirect_at(uv);
    if (!on_surface(depth)) return;
    Receiver r = receiver_at(uv, depth);
    float total = 1.0, open = direct.a;
    one /= frame.size;
    for (int i = 1; i <= denoise.radius; i++) {
        vec2 q = uv - float(i) * one, p = uv + float(i) * one;
        vec4 direct_q = direct_at(q), direct_p = direct_at(p);
        vec2 w = both(vec2(weight(r, q, i) * likeness(open, direct_q.a), weight(r, p, i) * likeness(open, direct_p.a)));
        direct += w.x * direct_q + w.y * direct_p;
        indirect += w.x * indirect_at(q) + w.y * indirect_at(p);
        total += w.x + w.y;
    }
    direct /= total;
    indirect /= total;
}

void across() { along(vec2(1.0, 0.0)); }
void down() { along(vec2(0.0, 1.0)); }
#else
#include "common/specular.glsl"
layout(location = 0) out vec4 gloss;

float weight(Receiver r, vec2 q, int i) {
    return gloss_at(q).rgb == vec3(0.0) ? 0.0 : inside(q) * agreement(r, q) * (i == denoise.radius ? 0.5 : 1.0);
}

// Of the reflection lobe: the narrower it is, the less noise it has and the more detail there would be to lose.
void along(vec2 one) {
    vec2 uv = uv_here();
    float depth = depth_at(uv);
    gloss = lobe_at(uv);
    vec4 g = gloss_at(uv);
    if (!on_surface(depth) || g.rgb == vec3(0.0)) return;
    Receiver r = receiver_at(uv, depth);
    float total = 1.0, width = clamp(2.0 * g.a, 0.0, 1.0), open = gloss.a;
    one /= frame.size;
    for (int i = 1; i <= denoise.radius; i++) {
        vec2 q = uv - float(i) * one, p = uv + float(i) * one;
        vec4 gloss_q = lobe_at(q), gloss_p = lobe_at(p);
        vec2 w = width * both(vec2(weight(r, q, i) * likeness(open, gloss_q.a), weight(r, p, i) * likeness(open, gloss_p.a)));
        gloss += w.x * gloss_q + w.y * gloss_p;
        total += w.x + w.y;
    }
    gloss /= total;
}

void lobe_across() { along(vec2(1.0, 0.0)); }
void lobe_down() { along(vec2(0.0, 1.0)); }
#endif
