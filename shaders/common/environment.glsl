// Light from far away, by world direction. Lat-long maps: u = atan(x, -z) / 2 pi, v = acos(y) / pi, row 0 at the zenith.
#include <frame>
uniform sampler2D environment_background, environment_prefiltered, environment_irradiance;

vec2 latlong(vec3 w_ws) {
    return vec2(atan(w_ws.x, -w_ws.z) / 6.28318530718 - frame.sky_rotation, acos(clamp(w_ws.y, -1.0, 1.0)) / 3.14159265359);
}

// The same to 1e-4 radians, a hundredth of a prefiltered texel, for a third of the price: Hastings, Approximations for Digital Computers, 1955.
vec2 near_latlong(vec3 w_ws) {
    vec2 size = abs(w_ws.xz);
    float a = min(size.x, size.y) / max(max(size.x, size.y), 1e-20), s = a * a;
    float turn = ((-0.0464964749 * s + 0.15931422) * s - 0.327622764) * s * a + a;
    if (size.x > size.y) turn = 1.57079632679 - turn;
    if (w_ws.z > 0.0) turn = 3.14159265359 - turn;
    float y = min(abs(w_ws.y), 1.0), down = (((-0.0187293 * y + 0.0742610) * y - 0.2121144) * y + 1.5707288) * sqrt(1.0 - y);
    return vec2((w_ws.x < 0.0 ? -turn : turn) / 6.28318530718 - frame.sky_rotation, (w_ws.y < 0.0 ? 3.14159265359 - down : down) / 3.14159265359);
}

// Radiance as given.
vec3 radiance_from(vec3 w_ws) { return frame.sky_intensity * textureLod(environment_background, latlong(w_ws), 0.0).rgb; }

// Mean radiance of the directions around one: a row of level l spans pi / rows, so its texels at the equator span that squared.
vec3 radiance_from(vec3 w_ws, float solid_angle) {
    float rows = float(textureSize(environment_prefiltered, 0).y);
    float level = log2(max(rows * sqrt(solid_angle) / 3.14159265359, 1.0));
    return frame.sky_intensity * textureLod(environment_prefiltered, near_latlong(w_ws), level).rgb;
}

// Irradiance of the whole hemisphere about a normal. The map's first and last rows are the poles themselves.
vec3 irradiance_at(vec3 n_ws) {
    vec2 size = vec2(textureSize(environment_irradiance, 0));
    vec2 uv = latlong(n_ws);
    return frame.sky_intensity * textureLod(environment_irradiance, vec2(uv.x + 0.5 / size.x, (uv.y * (size.y - 1.0) + 0.5) / size.y), 0.0).rgb;
}
