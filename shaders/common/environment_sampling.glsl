// Importance sampling of the environment's bright texels, each in proportion to its light.
//
// The map is interpolated between its texels, so it is a sum of tents, each two texels wide. A texel is chosen, and
// then a point under its tent with the tent's own density, which cancels. A tent that reaches beyond a pole is folded
// back.
#include <environment_sampling>
#include "common/random.glsl"
#include "common/ray_scene.glsl"

uniform sampler2D environment_sampling_texels;  // two per texel: cumulative probability and position, then radiance

struct LightSample {
    vec3 direction_ws;
    vec3 radiance;  // divided by the density over solid angle
};

// `random_bits` chooses the texel, `u` the point under its tent.
LightSample sample_environment(uint random_bits, vec2 u) {
    int low = 0;
    int high = environment_sampling.texel_count - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (fetch_texel(environment_sampling_texels, 2 * middle).x > float(random_bits >> 8)) high = middle;
        else low = middle + 1;
    }
    vec2 tent = mix(sqrt(2.0 * u) - 1.0, 1.0 - sqrt(2.0 - 2.0 * u), step(0.5, u));
    vec2 uv = (fetch_texel(environment_sampling_texels, 2 * low).yz + 0.5 + tent) / environment_sampling.map_size;
    if (uv.y > 1.0) uv.y = 2.0 - uv.y;
    float theta = PI * abs(uv.y);
    float phi = 2.0 * PI * (uv.x + frame.sky_rotation);
    vec3 direction_ws = vec3(sin(theta) * sin(phi), cos(theta), -sin(theta) * cos(phi));
    vec2 map_size = environment_sampling.map_size;
    float solid_angle = 2.0 * PI * PI * sin(theta) / (map_size.x * map_size.y);  // of a texel
    vec3 radiance = frame.sky_intensity * solid_angle * fetch_texel(environment_sampling_texels, 2 * low + 1).rgb;
    return LightSample(direction_ws, radiance);
}
