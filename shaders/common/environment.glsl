// The environment map: radiance and irradiance by direction.
//
// Maps are latitude-longitude: u = atan(x, -z) / (2 pi), v = acos(y) / pi, row 0 at the zenith. The suffix _env marks
// directions in the orientation of the map. World space is turned from it about y by `frame.sky_rotation`.
#include <frame>
#include "common/constants.glsl"

uniform sampler2D environment_background;
uniform sampler2D environment_prefiltered;
uniform sampler2D environment_irradiance;
uniform sampler2D environment_octahedral;

vec2 latlong_uv(vec3 direction_ws) {
    float u = atan(direction_ws.x, -direction_ws.z) / (2.0 * PI) - frame.sky_rotation;
    return vec2(u, acos(clamp(direction_ws.y, -1.0, 1.0)) / PI);
}

vec3 background_radiance(vec3 direction_ws) {
    return frame.sky_intensity * textureLod(environment_background, latlong_uv(direction_ws), 0.0).rgb;
}

// Mean radiance over a solid angle. At the equator the texels of a level span (pi / its rows)^2.
vec3 prefiltered_radiance(vec3 direction_ws, float solid_angle) {
    float rows = float(textureSize(environment_prefiltered, 0).y);
    float level = log2(max(rows * sqrt(solid_angle) / PI, 1.0));
    return frame.sky_intensity * textureLod(environment_prefiltered, latlong_uv(direction_ws), level).rgb;
}

// Irradiance of the hemisphere about a normal. The first and last row of the map are the poles.
vec3 irradiance_at(vec3 normal_ws) {
    vec2 size = vec2(textureSize(environment_irradiance, 0));
    vec2 uv = latlong_uv(normal_ws);
    uv = vec2(uv.x + 0.5 / size.x, (uv.y * (size.y - 1.0) + 0.5) / size.y);
    return frame.sky_intensity * textureLod(environment_irradiance, uv, 0.0).rgb;
}

mat3 environment_from_world() {
    float c = cos(2.0 * PI * frame.sky_rotation);
    float s = sin(2.0 * PI * frame.sky_rotation);
    return mat3(c, 0.0, -s, 0.0, 1.0, 0.0, s, 0.0, c);
}

// Equal-area octahedral mapping, 0 to 1: Clarberg, Fast Equal-Area Mapping of the (Hemi)Sphere, 2008. atan with an
// error of 1e-4: Hastings, Approximations for Digital Computers, 1955.
vec2 octahedral_uv(vec3 direction) {
    vec3 a = abs(direction);
    float q = min(a.x, a.z) / max(max(a.x, a.z), 1e-20);
    float q2 = q * q;
    float radius = sqrt(max(1.0 - a.y, 0.0));
    float azimuth = (((-0.0296005750 * q2 + 0.101422583) * q2 - 0.208571131) * q2 + 0.636619772) * q;  // quarter turns
    if (a.z > a.x) azimuth = 1.0 - azimuth;
    vec2 p = vec2(radius - azimuth * radius, azimuth * radius);
    if (direction.y < 0.0) p = 1.0 - p.yx;
    return 0.5 + 0.5 * vec2(direction.x < 0.0 ? -p.x : p.x, direction.z < 0.0 ? -p.y : p.y);
}

// Mean radiance over the texel of the octahedral map that holds a direction. One texel, as interpolation between texels
// and levels is slow on llvmpipe.
vec3 octahedral_radiance(vec3 direction_env) {
    return frame.sky_intensity * textureLod(environment_octahedral, octahedral_uv(direction_env), 0.0).rgb;
}
