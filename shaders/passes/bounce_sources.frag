// What light leaves every pixel?
// reads  gbuffer, direct light, sun      writes  radiance: emitted, and reflected of environment and sun; the plane it
//        leaves from, in view
//        space: its normal, and how far along that it lies
// cannot send to one side: what a glossy surface reflects goes everywhere, as from a diffuse one of the same reflectance
#include "common/screen.glsl"
uniform sampler2D gbuffer_albedo, gbuffer_emission, light_direct, light_sun;
layout(location = 0) out vec4 radiance;
layout(location = 1) out vec4 plane;

#if defined(ENTRY_MATTE) || defined(ENTRY_GLOSSY)
vec3 from_environment(vec2 uv) { return textureLod(light_direct, uv, 0.0).rgb; }
bool is_none(vec2 uv) { return false; }
#else
#include "common/environment.glsl"
#include <lit>
uniform sampler2D hidden_end;  // the depth from which on a surface belongs to another body: it is then none

// Of a surface that no pixel of the picture shows: it is taken to see as large a share of the environment as what is
// seen there, or nearest to there.
vec3 guessed(vec2 px) { return irradiance_at(normal_ws_at(uv_here())) * textureLod(light_direct, px / frame.size, 0.0).a; }

#if defined(ENTRY_HIDDEN_MATTE) || defined(ENTRY_HIDDEN_GLOSSY)
vec3 from_environment(vec2 uv) { return guessed(clamp(HERE, lit.low, lit.high)); }
bool is_none(vec2 uv) { return depth_at(uv) >= min(textureLod(hidden_end, uv, 0.0).r, BACKGROUND); }
#else
vec3 from_environment(vec2 uv) {
    vec2 px = clamp(HERE, lit.low, lit.high);
    return px == HERE ? textureLod(light_direct, uv, 0.0).rgb : guessed(px);
}
bool is_none(vec2 uv) { return false; }
#endif
#endif

void sends(vec3 albedo) {
    vec2 uv = uv_here();
    radiance = plane = vec4(0.0);
    if (is_none(uv)) return;
    vec3 irradiance = from_environment(uv) + textureLod(light_sun, uv, 0.0).rgb, n_vs = mat3(frame.view_from_world) * flat_ws_at(uv);
    radiance = vec4(textureLod(gbuffer_emission, uv, 0.0).rgb + albedo / 3.14159265359 * irradiance, 1.0);
    plane = vec4(n_vs, dot(n_vs, vs_from_uv(uv, depth_at(uv))));
}

void matte() { sends(textureLod(gbuffer_albedo, uv_here(), 0.0).rgb); }

void banded_matte() { matte(); }

void hidden_matte() { matte(); }

#if defined(ENTRY_GLOSSY) || defined(ENTRY_BANDED_GLOSSY) || defined(ENTRY_HIDDEN_GLOSSY)
#include "common/specular.glsl"

void glossy() {
    vec3 f0 = gloss_at(uv_here()).rgb;
    sends(textureLod(gbuffer_albedo, uv_here(), 0.0).rgb * (1.0 - f0) + f0);
}

void banded_glossy() { glossy(); }

void hidden_glossy() { glossy(); }
#endif
