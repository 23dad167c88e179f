// Punctual lights: how much light of point and spot lights reaches every pixel?
// reads   G-buffer, lights, their shadow maps, direct light of the sun
// writes  irradiance, including the sun's; radiance of its specular reflection towards the camera
// source  glTF KHR_lights_punctual; shadows as in passes/sun.frag, against the receiver's plane
// limits  shadows are sharp, as lights are points; no detail finer than a shadow map's texel
#include "common/screen.glsl"
#include "common/sampling.glsl"
#include "common/punctual_lights.glsl"

uniform sampler2D punctual_light_shadow_maps;
uniform sampler2D sunlight_irradiance;
uniform sampler2D sunlight_specular;
layout(location = 0) out vec4 out_irradiance;
layout(location = 1) out vec4 out_specular;

// Shadow bias, in texels: constant, and per texel of the receiver's slope.
const float CONSTANT_BIAS = 0.6;
const float SLOPE_BIAS = 0.2;
const float INFINITE_DEPTH = 1e30;  // of empty texels: what is beyond the far plane is lit

// Axes of the shadow map that holds a direction from the light: rows are right, up, forward. `face`: its column.
mat3 shadow_map_axes(PunctualLight light, vec3 direction_ws, out float face) {
    face = 0.0;
    if (light.has_single_map) return transpose(orthonormal_basis(light.axis_ws));
    vec3 size = abs(direction_ws);
    int axis = size.x >= max(size.y, size.z) ? 0 : size.y >= size.z ? 1 : 2;
    bool is_positive = direction_ws[axis] >= 0.0;
    vec3 forward = vec3(0.0);
    vec3 right = vec3(0.0);
    vec3 up = vec3(0.0);
    forward[axis] = is_positive ? 1.0 : -1.0;
    right[(axis + 1) % 3] = 1.0;
    up[(axis + 2) % 3] = 1.0;
    face = float(2 * axis) + (is_positive ? 0.0 : 1.0);
    return transpose(mat3(right, up, forward));
}

// Visibility of the light, 0 to 1. Four texels are each compared with the receiver's plane at that texel.
float compute_shadow_visibility(PunctualLight light, vec3 p_ws, vec3 normal_ws) {
    float face;
    float size = lights.shadow_resolution * light.map_size;
    mat3 axes = shadow_map_axes(light, p_ws - light.position_ws, face);
    vec3 p = axes * (p_ws - light.position_ws);
    vec3 n = axes * normal_ws;
    vec2 position = (p.xy / (p.z * light.tan_half_fov) * 0.5 + 0.5) * size;
    vec2 corner = clamp(floor(position - 0.5) + 1.0, vec2(1.0), vec2(size - 1.0));
    vec2 f = clamp(position + 0.5 - corner, 0.0, 1.0);
    vec2 map_px = corner + vec2(face, light.map_row) * lights.shadow_resolution;
    vec2 map_uv = map_px / vec2(textureSize(punctual_light_shadow_maps, 0));
    vec4 map_depth = textureGather(punctual_light_shadow_maps, map_uv);
    map_depth = mix(light.far * map_depth, vec4(INFINITE_DEPTH), equal(map_depth, vec4(1.0)));

    vec2 low = ((corner - 0.5) / size * 2.0 - 1.0) * light.tan_half_fov;
    vec2 high = ((corner + 0.5) / size * 2.0 - 1.0) * light.tan_half_fov;
    vec4 x = vec4(low.x, high.x, high.x, low.x);
    vec4 y = vec4(high.y, high.y, low.y, low.y);
    float texel_size = 2.0 * light.tan_half_fov / size * p.z;
    vec4 ray_cosine = n.x * x + n.y * y + n.z;
    vec4 plane_depth = min(dot(n, p) / min(ray_cosine, vec4(-1e-9)), p.z);
    vec4 slope = (p.z - plane_depth) / texel_size;
    vec4 bias = CONSTANT_BIAS * texel_size * (1.0 + SLOPE_BIAS * slope);
    vec4 visible = vec4(greaterThanEqual(map_depth, plane_depth - bias));
    return mix(mix(visible.w, visible.z, f.x), mix(visible.x, visible.y, f.x), f.y);
}

#ifdef ENTRY_SPECULAR
#include "common/specular.glsl"
#endif

void add_lights() {
    vec2 uv = pixel_uv();
    out_irradiance = textureLod(sunlight_irradiance, uv, 0.0);
#ifdef ENTRY_SPECULAR
    out_specular = textureLod(sunlight_specular, uv, 0.0);
#endif
    float depth = depth_at(uv);
    if (!is_surface(depth)) return;

    vec3 normal_ws = normal_ws_at(uv);
    vec3 geometric_normal_ws = smooth_geometric_normal_ws_at(uv);
    vec3 p_ws = ws_from_vs(vs_from_uv(uv, depth));
    for (int i = 0; i < lights.count; i++) {
        PunctualLight light = fetch_light(i);
        vec4 to_light;
        vec3 irradiance = compute_unshadowed_irradiance(light, p_ws, to_light);
        float cosine = dot(normal_ws, to_light.xyz);
        bool is_lit = cosine > 0.0 && dot(geometric_normal_ws, to_light.xyz) > 0.0 && irradiance != vec3(0.0);
        if (!is_lit) continue;
        bool has_shadow = light.map_row >= 0.0;
        irradiance *= cosine * (has_shadow ? compute_shadow_visibility(light, p_ws, geometric_normal_ws) : 1.0);
        out_irradiance.rgb += irradiance;
#ifdef ENTRY_SPECULAR
        out_specular.rgb += irradiance * specular_brdf_at(uv, to_light.xyz);
#endif
    }
}

void diffuse() { add_lights(); }

void specular() { add_lights(); }
