// What radiance reaches the camera?
// reads  gbuffer, lighting, sun, environment      writes  linear radiance
// L = emission + albedo / pi * (direct + indirect + sun) on a surface, the environment behind glossy surfaces: the
// lobe's reflectance R takes from the diffuse part what it reflects, (1 - R) albedo; it reflects the environment
// filtered for its roughness (Karis, Real Shading in Unreal Engine 4, 2013, the split sum), of the sun what
// passes/sun.frag found
#include "common/screen.glsl"
#include "common/environment.glsl"
#include "common/lighting.glsl"
uniform sampler2D gbuffer_albedo, gbuffer_emission, light_sun;
out vec4 radiance;

const float PI_ = 3.14159265359;

void background(vec2 uv) { radiance = vec4(radiance_from(normalize(mat3(frame.world_from_view) * vs_from_uv(uv, 1.0))), 1.0); }

// Radiance of a diffuse surface.
vec3 diffuse(vec2 uv) {
    vec4 albedo = textureLod(gbuffer_albedo, uv, 0.0);
    vec3 far = albedo.a * (direct_at(uv).rgb + indirect_at(uv).rgb);
    return albedo.rgb / PI_ * (far + textureLod(light_sun, uv, 0.0).rgb);
}

void matte() {
    vec2 uv = uv_here();
    radiance = vec4(textureLod(gbuffer_emission, uv, 0.0).rgb + diffuse(uv), 1.0);
    // by a loop, as llvmpipe draws both ways of a condition
    for (int k = on_surface(depth_at(uv)) ? 1 : 0; k < 1; k++) background(uv);
}

#if defined(ENTRY_GLOSSY) || defined(ENTRY_DIMMED)
#include "common/specular.glsl"
uniform sampler2D gloss_environment, light_shine;

// Where a rough lobe's light comes from: not from the mirrored direction w, since masking takes the flat ones. Lagarde,
// de Rousiers, listing 22. Against the integral in a linear sky, RMSE at roughness 0.5 and 1: at cosines 0.05 to 0.3
// 0.20 and 0.22 without it, 0.13 and 0.02 with it; at cosines 0.6 to 1 0.05 and 0.08, 0.01 and 0.01.
vec3 leaning(vec3 w, vec3 n, float alpha) { return normalize(mix(n, w, (1.0 - alpha) * (sqrt(1.0 - alpha) + alpha))); }

// lobe: mean radiance of what closes the reflection lobe, and the share of it that is open to the environment.
void reflecting(vec2 uv, vec4 lobe) {
    vec4 g = gloss_at(uv);
    vec3 n_ws = normalize(normal_ws_at(uv)), v_ws = eye_ws_from(uv);  // half floats are not of unit length
    vec3 share = reflectance(g.rgb, g.a, dot(n_ws, v_ws));
    float level = g.a * (float(GLOSS_LEVELS) - 1.0);
    vec3 environment = frame.sky_intensity * textureLod(gloss_environment, latlong(leaning(reflect(-v_ws, n_ws), n_ws, alpha_of(g.a))), level).rgb;
    vec3 shine = textureLod(light_shine, uv, 0.0).rgb + textureLod(gbuffer_albedo, uv, 0.0).a * share * (lobe.rgb + lobe.a * environment);
    radiance = vec4(textureLod(gbuffer_emission, uv, 0.0).rgb + (1.0 - share) * diffuse(uv) + shine, 1.0);
}

// The technique knows which directions of the lobe are open.
void glossy() {
    vec2 uv = uv_here();
    if (!on_surface(depth_at(uv))) background(uv);
    else reflecting(uv, lobe_at(uv));
}

// It knows the open share of the hemisphere only. Lagarde, de Rousiers, Moving Frostbite to Physically Based Rendering,
// SIGGRAPH 2014, listing 26.
void dimmed() {
    vec2 uv = uv_here();
    if (!on_surface(depth_at(uv))) {
        background(uv);
        return;
    }
    float open = direct_at(uv).a, cosine = max(dot(normal_ws_at(uv), eye_ws_from(uv)), 0.0);
    float share = clamp(pow(cosine + open, exp2(-16.0 * gloss_at(uv).a - 1.0)) - 1.0 + open, 0.0, 1.0);
    reflecting(uv, vec4(0.0, 0.0, 0.0, share));
}
#endif
