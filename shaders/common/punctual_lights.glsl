// The scene's lamps, as app/lamps.py lists them.
#include <lamps>
uniform sampler2D lamp_texels;

struct Lamp {
    vec3 p_ws, intensity, axis;
    float reach, edge, sharpness, tangent, far;
    float start, size;  // where its shadow maps begin, -1: there are none; how wide each is; in widths of a cube's
    bool one_map;
};

Lamp lamp_of(int i) {
    vec4 a = texelFetch(lamp_texels, ivec2(4 * i, 0), 0), b = texelFetch(lamp_texels, ivec2(4 * i + 1, 0), 0);
    vec4 c = texelFetch(lamp_texels, ivec2(4 * i + 2, 0), 0), d = texelFetch(lamp_texels, ivec2(4 * i + 3, 0), 0);
    return Lamp(a.xyz, lamps.intensity * b.xyz, c.xyz, a.w, c.w, d.x, d.z, d.w, b.w, abs(d.y), d.y < 0.0);
}

// Irradiance at a point on a surface that faces the lamp, nothing between; to: unit vector and distance to the lamp.
// glTF's KHR_lights_punctual: the inverse square, the window in which it ends, the square of the cone's edge.
vec3 irradiance_from(Lamp lamp, vec3 p_ws, out vec4 to) {
    vec3 d = lamp.p_ws - p_ws;
    float d2 = max(dot(d, d), 1e-12), far = d2 / (lamp.reach * lamp.reach);
    to = vec4(d * inversesqrt(d2), sqrt(d2));
    float cone = clamp((dot(-to.xyz, lamp.axis) - lamp.edge) * lamp.sharpness, 0.0, 1.0);
    return lamp.intensity * cone * cone * clamp(1.0 - far * far, 0.0, 1.0) / d2;
}
