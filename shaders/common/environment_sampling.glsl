// A direction towards the bright texels of the environment, each as likely as its share of their light.
//
// Between texels the map is interpolated: a texel is a tent two texels wide, and the map the sum of the tents. So one
// texel is chosen and a point under its tent, as densely as the tent is high, which leaves nothing of the tent in the
// weight. A tent that leaves the map at a pole is folded back, as the border's texels reach that far. Texels as
// environment.Split lays them out.
#include <bright>
#include "common/random.glsl"
#include "common/ray_scene.glsl"
uniform sampler2D bright_texels;

struct Aimed {
    vec3 w_ws;
    vec3 radiance;  // over the density by solid angle
};

// pick: 32 random bits; u: two random numbers.
Aimed aimed(uint pick, vec2 u) {
    int low = 0, high = bright.count - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (texel(bright_texels, 2 * middle).x > float(pick >> 8)) high = middle;
        else low = middle + 1;
    }
    vec2 tent = mix(sqrt(2.0 * u) - 1.0, 1.0 - sqrt(2.0 - 2.0 * u), step(0.5, u));
    vec2 uv = (texel(bright_texels, 2 * low).yz + 0.5 + tent) / bright.size;
    if (uv.y > 1.0) uv.y = 2.0 - uv.y;
    float theta = PI * abs(uv.y), phi = 2.0 * PI * (uv.x + frame.sky_rotation);
    vec3 w = vec3(sin(theta) * sin(phi), cos(theta), -sin(theta) * cos(phi));
    float solid_angle = 2.0 * PI * PI * sin(theta) / (bright.size.x * bright.size.y);  // of a texel there
    return Aimed(w, frame.sky_intensity * solid_angle * texel(bright_texels, 2 * low + 1).rgb);
}
