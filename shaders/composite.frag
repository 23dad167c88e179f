// What radiance reaches the camera?
// reads  gbuffer, lighting, sun, environment      writes  linear radiance
// L = emission + albedo / pi * (direct + indirect + sun) on a surface, the environment behind
#include "common/screen.glsl"
#include "common/environment.glsl"
uniform sampler2D gbuffer_albedo, gbuffer_emission, light_direct, light_indirect, light_sun;
out vec4 radiance;

void main() {
    vec2 uv = uv_here();
    if (on_surface(depth_at(uv))) {
        vec3 irradiance = textureLod(light_direct, uv, 0.0).rgb + textureLod(light_indirect, uv, 0.0).rgb + textureLod(light_sun, uv, 0.0).rgb;
        radiance = vec4(textureLod(gbuffer_emission, uv, 0.0).rgb + textureLod(gbuffer_albedo, uv, 0.0).rgb / 3.14159265359 * irradiance, 1.0);
    } else {
        radiance = vec4(radiance_from(normalize(mat3(frame.world_from_view) * vs_from_uv(uv, 1.0))), 1.0);
    }
}
