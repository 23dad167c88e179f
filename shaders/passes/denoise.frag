// Joint bilateral filter: what is the lighting without the pattern of its samples?
// reads   lighting, G-buffer
// writes  lighting, averaged along a row or a column
// source  Schied et al., Spatiotemporal Variance-Guided Filtering, HPG 2017
// limits  noise remains where few neighbours show the same surface, as beside edges
#include <denoise>
#include <noise>
#include "common/bilateral_weight.glsl"
#include "common/lighting.glsl"

const bool GUIDED_BY_VARIANCE = DENOISE_GUIDE == DENOISE_GUIDE_VARIANCE;

// Weight by similarity of two visibilities: 1/2 where they differ by four standard deviations. With N binary samples
// the variance is p (1 - p) / N. As p is an estimate, p (1 - p) is at least 0.02.
float value_weight(float a, float b) {
    if (!GUIDED_BY_VARIANCE) return 1.0;
    float p = 0.5 * (a + b);
    float variance = max(p * (1.0 - p), 0.0) + 0.02;
    return 1.0 / (1.0 + noise.sample_count * (a - b) * (a - b) / (16.0 * variance));
}

// Limits how much more one of two opposite neighbours may weigh. Beside an edge only one of them counts, and its mean
// would belong to another position.
vec2 limit_asymmetry(vec2 weights) {
    return GUIDED_BY_VARIANCE ? mix(vec2(min(weights.x, weights.y)), weights, noise.max_asymmetry) : weights;
}

// The kernel spans a multiple of the sampling tile and its ends count half. On a plane each position in the tile then
// has the same weight, and the pattern vanishes.
float surface_weight(Guide guide, vec2 uv, int offset) {
    float is_inside = uv == clamp(uv, 0.0, 1.0) ? 1.0 : 0.0;
    return is_inside * bilateral_weight_at(guide, uv) * (offset == denoise.radius ? 0.5 : 1.0);
}

#if defined(ENTRY_HORIZONTAL) || defined(ENTRY_VERTICAL)
layout(location = 0) out vec4 out_direct;
layout(location = 1) out vec4 out_indirect;

void filter_lighting(vec2 axis) {
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    out_direct = direct_at(uv);
    out_indirect = indirect_at(uv);
    if (!is_surface(depth)) return;

    Guide guide = make_guide(uv, depth);
    float visibility = out_direct.a;
    float total_weight = 1.0;
    vec2 pixel_step = axis / frame.size;
    for (int i = 1; i <= denoise.radius; i++) {
        vec2 uv_a = uv - float(i) * pixel_step;
        vec2 uv_b = uv + float(i) * pixel_step;
        vec4 direct_a = direct_at(uv_a);
        vec4 direct_b = direct_at(uv_b);
        float weight_a = surface_weight(guide, uv_a, i) * value_weight(visibility, direct_a.a);
        float weight_b = surface_weight(guide, uv_b, i) * value_weight(visibility, direct_b.a);
        vec2 weights = limit_asymmetry(vec2(weight_a, weight_b));
        out_direct += weights.x * direct_a + weights.y * direct_b;
        out_indirect += weights.x * indirect_at(uv_a) + weights.y * indirect_at(uv_b);
        total_weight += weights.x + weights.y;
    }
    out_direct /= total_weight;
    out_indirect /= total_weight;
}

void horizontal() { filter_lighting(vec2(1.0, 0.0)); }

void vertical() { filter_lighting(vec2(0.0, 1.0)); }
#else
#include "common/specular.glsl"
layout(location = 0) out vec4 out_specular;

float specular_weight(Guide guide, vec2 uv, int offset) {
    return specular_at(uv).rgb == vec3(0.0) ? 0.0 : surface_weight(guide, uv, offset);
}

// Narrow lobes are filtered less: they have less noise and more detail.
void filter_specular(vec2 axis) {
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    out_specular = specular_lighting_at(uv);
    vec4 surface = specular_at(uv);
    if (!is_surface(depth) || surface.rgb == vec3(0.0)) return;

    Guide guide = make_guide(uv, depth);
    float visibility = out_specular.a;
    float lobe_weight = clamp(2.0 * surface.a, 0.0, 1.0);
    float total_weight = 1.0;
    vec2 pixel_step = axis / frame.size;
    for (int i = 1; i <= denoise.radius; i++) {
        vec2 uv_a = uv - float(i) * pixel_step;
        vec2 uv_b = uv + float(i) * pixel_step;
        vec4 specular_a = specular_lighting_at(uv_a);
        vec4 specular_b = specular_lighting_at(uv_b);
        float weight_a = specular_weight(guide, uv_a, i) * value_weight(visibility, specular_a.a);
        float weight_b = specular_weight(guide, uv_b, i) * value_weight(visibility, specular_b.a);
        vec2 weights = lobe_weight * limit_asymmetry(vec2(weight_a, weight_b));
        out_specular += weights.x * specular_a + weights.y * specular_b;
        total_weight += weights.x + weights.y;
    }
    out_specular /= total_weight;
}

void specular_horizontal() { filter_specular(vec2(1.0, 0.0)); }

void specular_vertical() { filter_specular(vec2(0.0, 1.0)); }
#endif
