// What leaves the surfaces seen, and whether it goes towards the receiver. Whoever includes this declares `out vec4 result`.
#include "common/pattern.glsl"
#include "common/screen.glsl"
uniform sampler2D gbuffer_albedo, gbuffer_emission, light_direct, light_sun, sender_radiance;

// Radiance that leaves every pixel: emitted, and reflected of environment and sun.
void sends(vec3 albedo) {
    vec2 uv = uv_here();
    vec3 irradiance = textureLod(light_direct, uv, 0.0).rgb + textureLod(light_sun, uv, 0.0).rgb;
    result = vec4(textureLod(gbuffer_emission, uv, 0.0).rgb + albedo / PI * irradiance, 1.0);
}

void senders() { sends(textureLod(gbuffer_albedo, uv_here(), 0.0).rgb); }

#if defined(ENTRY_GLOSSY_SENDERS) || defined(ENTRY_GLOSS)
#include "common/gloss.glsl"

// What leaves a glossy surface goes to one side; from here it is as if it went everywhere, as from a diffuse one of the same reflectance.
void glossy_senders() {
    vec3 f0 = gloss_at(uv_here()).rgb;
    sends(textureLod(gbuffer_albedo, uv_here(), 0.0).rgb * (1.0 - f0) + f0);
}
#endif

// Whether what is seen at uv turns its front to the receiver: a sender's back reflects nothing towards us. d_vs: from there to it.
float facing(vec2 uv, vec3 d_vs) { return -dot(mat3(frame.view_from_world) * flat_ws_at(uv), d_vs); }
