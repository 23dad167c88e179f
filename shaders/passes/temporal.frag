// What light did this surface have in the frames before?
// reads  lighting, gbuffer; lighting, surfaces and counts of the frame before      writes  the same of this frame
// after  Nehab et al., Accelerating Real-Time Shading with Reverse Reprojection Caching, Graphics Hardware 2007: where
// it was, and rejection; Schied et al., Spatiotemporal Variance-Guided Filtering, HPG 2017: a count for each pixel;
// Salvi, An Excursion in Temporal Supersampling, GDC 2016: what is remembered may not stray from what is seen now by
// more than its spread cannot follow things that move by themselves, nor reflections, which move otherwise than the
// surface: there the clamping alone helps
#include <temporal>
#include <past>
#include "common/bilateral_weight.glsl"
uniform sampler2D light_direct, light_indirect, light_gloss;
uniform sampler2D before_direct, before_indirect, before_gloss, before_surface, before_counted;
layout(location = 0) out vec4 direct;
layout(location = 1) out vec4 indirect;
layout(location = 2) out vec4 surface;
layout(location = 3) out vec4 counted;
layout(location = 4) out vec4 gloss;

const float NONE = 1e-3;      // agreement that is none
const float ROUNDING = 1e-5;  // of sums in single precision

// Four pixels of the frame before, around where this surface was seen, and how much each counts.
struct Past4 {
    vec2 low, high;
    vec4 weights;  // of (low, low), (high, low), (low, high), (high, high) in x, y
    float total;   // as the lights are added, so that ones stay one
};

float weight_of(Receiver r, vec2 q, float near) {
    vec4 there = textureLod(before_surface, q, 0.0);
    return q == clamp(q, 0.0, 1.0) ? near * agreement(apart(r, q, there.a, there.xyz)) : 0.0;
}

Past4 past_of(vec2 uv, float depth) {
    vec3 p_vs = (past.from_view * vec4(vs_from_uv(uv, depth), 1.0)).xyz;
    vec2 was = 0.5 * (p_vs.xy / max(-p_vs.z, 1e-20) - past.shift) / past.tangent + 0.5;  // from behind it: far outside
    Receiver r = receiver_at(uv, depth);
    r.plane = plane_of(mat3(past.from_view) * measure_at(uv, depth), past.tangent, past.shift);
    r.height = -p_vs.z * (dot(was, r.plane.xy) + r.plane.z);
    vec2 at = was * frame.size - 0.5, first = floor(at), far = at - first, near = 1.0 - far;
    vec2 low = (first + 0.5) / frame.size, high = (first + 1.5) / frame.size;
    vec4 w = vec4(weight_of(r, low, near.x * near.y), weight_of(r, vec2(high.x, low.y), far.x * near.y), weight_of(r, vec2(low.x, high.y), near.x * far.y),
                  weight_of(r, high, far.x * far.y));
    return Past4(low, high, w, w.x + w.y + w.z + w.w);
}

vec4 remembered(sampler2D light, Past4 p) {
    vec4 sum = p.weights.x * textureLod(light, p.low, 0.0);
    sum += p.weights.y * textureLod(light, vec2(p.high.x, p.low.y), 0.0);
    sum += p.weights.z * textureLod(light, vec2(p.low.x, p.high.y), 0.0);
    return (sum + p.weights.w * textureLod(light, p.high, 0.0)) / p.total;
}

// The standard deviation of light in 3 x 3 pixels. In the courtyard (`bench steady`) flicker is 0.0062 with half of it
// as the clamping and 0.0041 with all of it, where 0.0105 is nothing remembered; the error under a turning sun is
// 0.0069 and 0.0119, of 0.0044. The spread before the blur, over the blur's width, makes the same bargain: 0.0070 and
// 0.0052 with twice, 0.0056 and 0.0071 with thrice of it.
vec4 spread(sampler2D light, vec2 uv) {
    vec4 middle = textureLod(light, uv, 0.0), sum = vec4(0.0), squares = vec4(0.0);
    for (int k = 0; k < 9; k++) {
        vec4 d = textureLod(light, uv + vec2(k % 3 - 1, k / 3 - 1) / frame.size, 0.0) - middle;
        sum += d;
        squares += d * d;
    }
    return sqrt(max(squares - sum * sum / 9.0, 0.0) / 8.0);
}

// Light now and before as one. frames: how many are in what is remembered, and then in all of it: what had to be
// brought nearer counts for less.
vec4 together(vec4 now, vec4 before, vec4 spread, inout float frames) {
    vec4 off = before - now, most = temporal.clip_sigma * spread + ROUNDING * abs(now) + 1e-20, share = min(most / max(abs(off), 1e-20), 1.0);
    frames = min(frames * min(min(share.x, share.y), min(share.z, share.w)), float(temporal.history_length) - 1.0) + 1.0;
    return now + off * share * (1.0 - 1.0 / frames);
}

void matte() {
    vec2 uv = uv_here();
    float depth = depth_at(uv);
    direct = textureLod(light_direct, uv, 0.0);
    indirect = textureLod(light_indirect, uv, 0.0);
    surface = vec4(normal_ws_at(uv), depth);
    counted = vec4(1.0);
    if (!on_surface(depth)) return;
    Past4 p = past_of(uv, depth);
    if (p.total < NONE) return;
    counted = remembered(before_counted, p);
    direct = together(direct, remembered(before_direct, p), spread(light_direct, uv), counted.x);
    indirect = together(indirect, remembered(before_indirect, p), spread(light_indirect, uv), counted.y);
}

void glossy() {
    matte();
    vec2 uv = uv_here();
    float depth = depth_at(uv);
    gloss = textureLod(light_gloss, uv, 0.0);
    if (!on_surface(depth)) return;
    Past4 p = past_of(uv, depth);
    if (p.total < NONE) return;
    gloss = together(gloss, remembered(before_gloss, p), spread(light_gloss, uv), counted.z);
}
