// Light from far away, by world direction. Lat-long maps: u = atan(x, -z) / 2 pi, v = acos(y) / pi, row 0 at the zenith.
#include <frame>
uniform sampler2D environment_background, environment_prefiltered, environment_irradiance, environment_around;

vec2 latlong(vec3 w_ws) {
    return vec2(atan(w_ws.x, -w_ws.z) / 6.28318530718 - frame.sky_rotation, acos(clamp(w_ws.y, -1.0, 1.0)) / 3.14159265359);
}

// Radiance as given.
vec3 radiance_from(vec3 w_ws) { return frame.sky_intensity * textureLod(environment_background, latlong(w_ws), 0.0).rgb; }

// Mean radiance of the directions around one: a row of level l spans pi / rows, so its texels at the equator span that
// squared.
vec3 radiance_from(vec3 w_ws, float solid_angle) {
    float rows = float(textureSize(environment_prefiltered, 0).y);
    float level = log2(max(rows * sqrt(solid_angle) / 3.14159265359, 1.0));
    return frame.sky_intensity * textureLod(environment_prefiltered, latlong(w_ws), level).rgb;
}

// Irradiance of the whole hemisphere about a normal. The map's first and last rows are the poles themselves.
vec3 irradiance_at(vec3 n_ws) {
    vec2 size = vec2(textureSize(environment_irradiance, 0));
    vec2 uv = latlong(n_ws);
    return frame.sky_intensity * textureLod(environment_irradiance, vec2(uv.x + 0.5 / size.x, (uv.y * (size.y - 1.0) + 0.5) / size.y), 0.0).rgb;
}

// World directions as the maps hang.
mat3 map_from_world() {
    float c = cos(6.28318530718 * frame.sky_rotation), s = sin(6.28318530718 * frame.sky_rotation);
    return mat3(c, 0.0, -s, 0.0, 1.0, 0.0, s, 0.0, c);
}

// Where a direction is on an octahedron unfolded to a square, 0 to 1, all parts of which have one solid angle for each
// area (Clarberg, Fast Equal-Area Mapping of the (Hemi)Sphere, 2008). atan to 1e-4 (Hastings, Approximations for
// Digital Computers, 1955).
vec2 unfolded(vec3 w_map) {
    vec3 a = abs(w_map);
    float q = min(a.x, a.z) / max(max(a.x, a.z), 1e-20), s = q * q, r = sqrt(max(1.0 - a.y, 0.0));
    float turn = (((-0.0296005750 * s + 0.101422583) * s - 0.208571131) * s + 0.636619772) * q;  // of a quarter
    if (a.z > a.x) turn = 1.0 - turn;
    vec2 p = vec2(r - turn * r, turn * r);
    if (w_map.y < 0.0) p = 1.0 - p.yx;
    return 0.5 + 0.5 * vec2(w_map.x < 0.0 ? -p.x : p.x, w_map.z < 0.0 ? -p.y : p.y);
}

// Mean radiance of the directions around one, as wide as the cells of `environment_around`. One texel for each
// direction: interpolated between texels and levels of a lat-long map, 16 take six times as long on llvmpipe.
vec3 radiance_around(vec3 w_map) { return frame.sky_intensity * textureLod(environment_around, unfolded(w_map), 0.0).rgb; }
