// Temporal accumulation: what lighting did this surface have in earlier frames?
// reads   lighting, G-buffer; history: lighting, surfaces and frame counts of the frame before
// writes  the same of this frame
// source  Nehab et al., Reverse Reprojection Caching, 2007; Schied et al., SVGF, HPG 2017; Salvi, GDC 2016: clipping
// limits  moving objects and reflections are not reprojected: there only clipping helps
#include <temporal>
#include <previous_camera>
#include "common/bilateral_weight.glsl"

uniform sampler2D lighting_direct;
uniform sampler2D lighting_indirect;
uniform sampler2D lighting_specular;
uniform sampler2D history_direct;
uniform sampler2D history_indirect;
uniform sampler2D history_specular;
uniform sampler2D history_surface;
uniform sampler2D history_frame_count;
layout(location = 0) out vec4 out_direct;
layout(location = 1) out vec4 out_indirect;
layout(location = 2) out vec4 out_surface;
layout(location = 3) out vec4 out_count;
layout(location = 4) out vec4 out_specular;

const float MIN_TOTAL_WEIGHT = 1e-3;
const float ROUNDING = 1e-5;  // of sums in single precision, relative

// Bilinear taps of the frame before, where this surface was, with their bilateral weights.
struct HistoryTaps {
    vec2 low_uv;
    vec2 high_uv;
    vec4 weights;  // of (low, low), (high, low), (low, high), (high, high) in x, y
    float total_weight;
};

float history_weight(Guide guide, vec2 uv, float bilinear) {
    vec4 surface = textureLod(history_surface, uv, 0.0);
    if (uv != clamp(uv, 0.0, 1.0)) return 0.0;
    return bilinear * bilateral_weight(deviation(guide, uv, surface.a, surface.xyz));
}

HistoryTaps reproject(vec2 uv, float depth) {
    vec3 p_past = (previous_camera.view_from_current_view * vec4(vs_from_uv(uv, depth), 1.0)).xyz;
    // a point behind the camera ends up far off screen
    vec2 tangent = FRAME_ORTHOGRAPHIC ? p_past.xy : p_past.xy / max(-p_past.z, 1e-20);
    vec2 past_uv = 0.5 * (tangent - previous_camera.projection_offset) / previous_camera.tan_half_fov + 0.5;
    Guide guide = make_guide(uv, depth);
    vec3 normal_past = mat3(previous_camera.view_from_current_view) * scaled_normal_vs_at(uv, depth);
    guide.plane = plane_from_normal(normal_past, previous_camera.tan_half_fov, previous_camera.projection_offset);
    guide.normal_z = normal_past.z;
    guide.height = plane_height(guide.plane, guide.normal_z, past_uv, -p_past.z);

    vec2 position = past_uv * frame.size - 0.5;
    vec2 first = floor(position);
    vec2 f = position - first;
    vec2 g = 1.0 - f;
    vec2 low = (first + 0.5) / frame.size;
    vec2 high = (first + 1.5) / frame.size;
    vec4 weights = vec4(
        history_weight(guide, low, g.x * g.y),
        history_weight(guide, vec2(high.x, low.y), f.x * g.y),
        history_weight(guide, vec2(low.x, high.y), g.x * f.y),
        history_weight(guide, high, f.x * f.y)
    );
    // in the order in which `sample_history` adds, so that constant lighting stays exact
    return HistoryTaps(low, high, weights, weights.x + weights.y + weights.z + weights.w);
}

vec4 sample_history(sampler2D history, HistoryTaps taps) {
    vec4 sum = taps.weights.x * textureLod(history, taps.low_uv, 0.0);
    sum += taps.weights.y * textureLod(history, vec2(taps.high_uv.x, taps.low_uv.y), 0.0);
    sum += taps.weights.z * textureLod(history, vec2(taps.low_uv.x, taps.high_uv.y), 0.0);
    return (sum + taps.weights.w * textureLod(history, taps.high_uv, 0.0)) / taps.total_weight;
}

// Standard deviation over 3 x 3 pixels.
vec4 compute_deviation(sampler2D lighting, vec2 uv) {
    vec4 center = textureLod(lighting, uv, 0.0);
    vec4 sum = vec4(0.0);
    vec4 squares = vec4(0.0);
    for (int k = 0; k < 9; k++) {
        vec2 offset = vec2(k % 3 - 1, k / 3 - 1) / frame.size;
        vec4 difference = textureLod(lighting, uv + offset, 0.0) - center;
        sum += difference;
        squares += difference * difference;
    }
    return sqrt(max(squares - sum * sum / 9.0, 0.0) / 8.0);
}

// Blends current lighting with its history. `frames`: the frames in the history, and then in the result. History that
// is clipped counts for fewer frames.
vec4 blend_history(vec4 current, vec4 history, vec4 deviation, inout float frames) {
    vec4 difference = history - current;
    vec4 max_difference = temporal.clip_sigma * deviation + ROUNDING * abs(current) + 1e-20;
    vec4 clip = min(max_difference / max(abs(difference), 1e-20), 1.0);
    float min_clip = min(min(clip.x, clip.y), min(clip.z, clip.w));
    frames = min(frames * min_clip, float(temporal.history_length) - 1.0) + 1.0;
    return current + difference * clip * (1.0 - 1.0 / frames);
}

void diffuse() {
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    out_direct = textureLod(lighting_direct, uv, 0.0);
    out_indirect = textureLod(lighting_indirect, uv, 0.0);
    out_surface = vec4(normal_ws_at(uv), depth);
    out_count = vec4(1.0);
    if (!is_surface(depth)) return;
    HistoryTaps taps = reproject(uv, depth);
    if (taps.total_weight < MIN_TOTAL_WEIGHT) return;

    out_count = sample_history(history_frame_count, taps);
    vec4 direct = sample_history(history_direct, taps);
    out_direct = blend_history(out_direct, direct, compute_deviation(lighting_direct, uv), out_count.x);
    vec4 indirect = sample_history(history_indirect, taps);
    out_indirect = blend_history(out_indirect, indirect, compute_deviation(lighting_indirect, uv), out_count.y);
}

void specular() {
    diffuse();
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    out_specular = textureLod(lighting_specular, uv, 0.0);
    if (!is_surface(depth)) return;
    HistoryTaps taps = reproject(uv, depth);
    if (taps.total_weight < MIN_TOTAL_WEIGHT) return;

    vec4 specular = sample_history(history_specular, taps);
    out_specular = blend_history(out_specular, specular, compute_deviation(lighting_specular, uv), out_count.z);
}
