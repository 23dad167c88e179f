// The scene's point and spot lights, four texels each: the layout is that of punctual_lights.py.
#include <lights>

uniform sampler2D punctual_light_texels;

struct PunctualLight {
    vec3 position_ws;
    vec3 intensity;
    vec3 axis_ws;
    float range;             // metres
    float cos_outer_angle;   // of the cone
    float inv_cone_softness; // 1 / width of the cone's edge, in cosines
    float tan_half_fov;      // of its shadow maps
    float far;               // far plane of its shadow maps, metres
    float map_row;           // where its shadow maps begin, in heights of a cube map's face; -1: it has none
    float map_size;          // in widths of a cube map's face
    bool has_single_map;     // one map for the cone, not six for a cube
};

PunctualLight fetch_light(int index) {
    vec4 a = texelFetch(punctual_light_texels, ivec2(4 * index, 0), 0);
    vec4 b = texelFetch(punctual_light_texels, ivec2(4 * index + 1, 0), 0);
    vec4 c = texelFetch(punctual_light_texels, ivec2(4 * index + 2, 0), 0);
    vec4 d = texelFetch(punctual_light_texels, ivec2(4 * index + 3, 0), 0);
    return PunctualLight(
        a.xyz, lights.intensity * b.xyz, c.xyz, a.w, c.w, d.x, d.z, d.w, b.w, abs(d.y), d.y < 0.0
    );
}

// Unshadowed irradiance of a surface that faces the light. `to_light`: unit direction and distance. As in glTF's
// KHR_lights_punctual: inverse square, windowed by the range, with the square of the cone's falloff.
vec3 compute_unshadowed_irradiance(PunctualLight light, vec3 p_ws, out vec4 to_light) {
    vec3 offset = light.position_ws - p_ws;
    float distance2 = max(dot(offset, offset), 1e-12);
    float range_ratio2 = distance2 / (light.range * light.range);
    to_light = vec4(offset * inversesqrt(distance2), sqrt(distance2));
    float cosine = dot(-to_light.xyz, light.axis_ws);
    float cone = clamp((cosine - light.cos_outer_angle) * light.inv_cone_softness, 0.0, 1.0);
    float window = clamp(1.0 - range_ratio2 * range_ratio2, 0.0, 1.0);
    return light.intensity * cone * cone * window / distance2;
}
