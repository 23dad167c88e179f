// What light leaves every pixel?
// reads  gbuffer, direct light, sun      writes  radiance: emitted, and reflected of environment and sun; the plane it leaves from, in view
//        space: its normal, and how far along that it lies
// cannot send to one side: what a glossy surface reflects goes everywhere, as from a diffuse one of the same reflectance
#include "common/screen.glsl"
uniform sampler2D gbuffer_albedo, gbuffer_emission, light_direct, light_sun;
layout(location = 0) out vec4 radiance;
layout(location = 1) out vec4 plane;

void sends(vec3 albedo) {
    vec2 uv = uv_here();
    vec3 irradiance = textureLod(light_direct, uv, 0.0).rgb + textureLod(light_sun, uv, 0.0).rgb, n_vs = mat3(frame.view_from_world) * flat_ws_at(uv);
    radiance = vec4(textureLod(gbuffer_emission, uv, 0.0).rgb + albedo / 3.14159265359 * irradiance, 1.0);
    plane = vec4(n_vs, dot(n_vs, vs_from_uv(uv, depth_at(uv))));
}

void matte() { sends(textureLod(gbuffer_albedo, uv_here(), 0.0).rgb); }

#ifdef ENTRY_GLOSSY
#include "common/gloss.glsl"

void glossy() {
    vec3 f0 = gloss_at(uv_here()).rgb;
    sends(textureLod(gbuffer_albedo, uv_here(), 0.0).rgb * (1.0 - f0) + f0);
}
#endif
