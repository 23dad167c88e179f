// Sunlight: how much of the sun's disk does every pixel see?
// reads   G-buffer, the sun's shadow map
// writes  irradiance; radiance of its specular reflection towards the camera
// source  Fernando, Percentage-Closer Soft Shadows, 2005, against the receiver's plane at each texel
// limits  no detail finer than a texel of the shadow map; surfaces outside of the map are lit
#include <shadow_frustum>
#include "common/screen.glsl"

uniform sampler2D shadow_map_depth;
layout(location = 0) out vec4 out_irradiance;
layout(location = 1) out vec4 out_specular;

const int SEARCH_SAMPLES = 8;
const int FILTER_SAMPLES = 16;
const float MAX_SLOPE = 100.0;    // depth over width
const float CONSTANT_BIAS = 0.6;  // texels
const float SLOPE_BIAS = 0.2;     // growth of the bias per slope

// Point of a golden-angle spiral in a disk of radius 1.
vec2 disk_point(int index, int count) {
    float angle = 2.39996323 * float(index);
    return sqrt((float(index) + 0.5) / float(count)) * vec2(cos(angle), sin(angle));
}

// Positions in texels of the map, depths as the map stores them: 0 is near, 1 is far.
struct ShadowReceiver {
    vec3 position;
    vec2 slope;          // of the tangent plane, depth per texel
    vec4 plane_offsets;  // depth of the plane at the texels of a gather, minus its depth at the last one and the bias
};

// Map depths and plane depths at the four texels of a gather; `last_texel` is the centre of its last.
void gather_depths(ShadowReceiver receiver, vec2 last_texel, out vec4 map_depths, out vec4 plane_depths) {
    map_depths = textureGather(shadow_map_depth, (last_texel + 0.5) / shadow_frustum.resolution);
    float last_depth = receiver.position.z + dot(last_texel - receiver.position.xy, receiver.slope);
    plane_depths = last_depth + receiver.plane_offsets;
}

vec2 last_texel_at(vec2 position) { return floor(position - 0.5) + 0.5; }

// Visibility of the sun, 0 to 1.
float compute_shadow_visibility(vec3 p_ws, vec3 normal_ws) {
    vec4 p_light = shadow_frustum.light_from_world * vec4(p_ws, 1.0);
    vec3 n = mat3(shadow_frustum.light_from_world) * normal_ws;
    vec3 p = vec3(p_light.xy, -p_light.z);
    vec3 size = vec3(shadow_frustum.extent, shadow_frustum.depth_range);
    if (p.xy != clamp(p.xy, vec2(0.0), size.xy) || p.z > size.z) return 1.0;
    vec2 texel = shadow_frustum.extent / shadow_frustum.resolution;
    float texel_size = max(texel.x, texel.y);
    vec2 slope = n.xy / max(n.z, 1e-3);
    slope *= min(1.0, MAX_SLOPE / max(length(slope), 1e-6));
    float bias = CONSTANT_BIAS * texel_size * (1.0 + SLOPE_BIAS * length(slope));
    float search_radius = texel_size + p.z * frame.tan_sun_radius;
    slope *= texel / shadow_frustum.depth_range;
    vec4 plane_offsets = vec4(slope.y, slope.x + slope.y, slope.x, 0.0) - bias / shadow_frustum.depth_range;
    vec3 map_position = vec3(p.xy / texel, p.z / shadow_frustum.depth_range);
    ShadowReceiver receiver = ShadowReceiver(map_position, slope, plane_offsets);

    vec4 map_depths;
    vec4 plane_depths;
    float distance_sum = 0.0;
    float occluder_count = 0.0;
    for (int i = 0; i < SEARCH_SAMPLES; i++) {
        vec2 position = receiver.position.xy + search_radius / texel * disk_point(i, SEARCH_SAMPLES);
        gather_depths(receiver, last_texel_at(position), map_depths, plane_depths);
        vec4 occluders = vec4(lessThan(map_depths, plane_depths));
        distance_sum += dot(occluders, receiver.position.z - map_depths);
        occluder_count += dot(occluders, vec4(1.0));
    }
    gather_depths(receiver, last_texel_at(receiver.position.xy), map_depths, plane_depths);
    float center_count = dot(vec4(lessThan(map_depths, plane_depths)), vec4(1.0));
    bool is_penumbra = occluder_count > 0.0 && occluder_count + center_count < float(4 * (SEARCH_SAMPLES + 1));

    float occluder_distance = max(distance_sum / max(occluder_count, 1.0), 0.0) * shadow_frustum.depth_range;
    float filter_radius = max(texel_size, occluder_distance * frame.tan_sun_radius);
    float visibility = 0.0;
    // a loop instead of a condition: llvmpipe executes both branches of a condition
    for (int k = is_penumbra ? 0 : 1; k < 1; k++) {
        for (int i = 0; i < FILTER_SAMPLES; i++) {
            vec2 position = receiver.position.xy + filter_radius / texel * disk_point(i, FILTER_SAMPLES);
            vec2 last_texel = last_texel_at(position);
            vec2 f = position - last_texel;
            gather_depths(receiver, last_texel, map_depths, plane_depths);
            vec4 visible = vec4(greaterThanEqual(map_depths, plane_depths));
            visibility += mix(mix(visible.w, visible.z, f.x), mix(visible.x, visible.y, f.x), f.y);
        }
    }
    if (is_penumbra) return visibility / float(FILTER_SAMPLES);
    return occluder_count > 0.0 ? 0.0 : 1.0;
}

void diffuse() {
    out_irradiance = vec4(0.0);
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    if (!is_surface(depth)) return;
    vec3 geometric_normal_ws = smooth_geometric_normal_ws_at(uv);
    float cosine = dot(normal_ws_at(uv), frame.sun_direction_ws);
    if (cosine <= 0.0 || dot(geometric_normal_ws, frame.sun_direction_ws) <= 0.0) return;
    vec3 p_ws = ws_from_vs(vs_from_uv(uv, depth));
    out_irradiance.rgb = frame.sun_irradiance * cosine * compute_shadow_visibility(p_ws, geometric_normal_ws);
}

#ifdef ENTRY_SPECULAR
#include "common/specular.glsl"

void specular() {
    diffuse();
    out_specular = vec4(0.0);
    if (out_irradiance.rgb == vec3(0.0)) return;
    out_specular.rgb = out_irradiance.rgb * specular_brdf_at(pixel_uv(), frame.sun_direction_ws);
}
#endif
