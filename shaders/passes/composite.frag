// Compositing: what radiance reaches the camera?
// reads   G-buffer, lighting, direct light of sun and punctual lights, environment
// writes  rgb: linear radiance times a: emission + albedo / pi * irradiance + specular on surfaces, else the background;
//         a: opacity
// source  Karis, Real Shading in Unreal Engine 4, SIGGRAPH 2013: split sum; the rest is cited at each function
// limits  one lobe per surface; environment reflections do not stretch at grazing angles
#include <background>
#include "common/screen.glsl"
#include "common/environment.glsl"
#include "common/lighting.glsl"

uniform sampler2D gbuffer_albedo;
uniform sampler2D gbuffer_emission;
uniform sampler2D direct_irradiance;
out vec4 out_radiance;

// The blurred environment is the radiance of a white surface that faces the direction.
vec4 background_at(vec2 uv) {
    if (BACKGROUND_KIND == BACKGROUND_KIND_TRANSPARENT) return vec4(0.0);
    if (BACKGROUND_KIND == BACKGROUND_KIND_COLOR) return vec4(background.color, 1.0);
    vec3 direction_vs = FRAME_ORTHOGRAPHIC ? vec3(0.0, 0.0, -1.0) : vs_from_uv(uv, 1.0);
    vec3 direction_ws = normalize(mat3(frame.world_from_view) * direction_vs);
    bool is_blurred = BACKGROUND_KIND == BACKGROUND_KIND_BLURRED;
    return vec4(is_blurred ? irradiance_at(direction_ws) / PI : background_radiance(direction_ws), 1.0);
}

// A surface; the ground fades into the background.
void write_radiance(vec2 uv, vec3 radiance) {
    out_radiance = vec4(radiance, 1.0);
    if (!BACKGROUND_HAS_GROUND) return;
    vec3 from_center = ws_from_vs(vs_from_uv(uv, depth_at(uv))) - background.ground_center;
    bool is_ground = abs(from_center.y) < 1e-3 * background.ground_fade_start;
    float weight = smoothstep(background.ground_fade_start, background.ground_fade_end, length(from_center.xz));
    out_radiance = mix(out_radiance, background_at(uv), is_ground ? weight : 0.0);
}

// albedo.a is the material's own occlusion. It does not dim sun and punctual lights.
vec3 compute_diffuse_radiance(vec2 uv) {
    vec4 albedo = textureLod(gbuffer_albedo, uv, 0.0);
    vec3 ambient = albedo.a * (direct_at(uv).rgb + indirect_at(uv).rgb);
    return albedo.rgb / PI * (ambient + textureLod(direct_irradiance, uv, 0.0).rgb);
}

// Light with a control variate may be negative where few samples find a small light. Invalid values stay.
vec3 clamp_negative(vec3 radiance) { return mix(radiance, vec3(0.0), lessThan(radiance, vec3(0.0))); }

void diffuse() {
    vec2 uv = pixel_uv();
    vec3 radiance = textureLod(gbuffer_emission, uv, 0.0).rgb + compute_diffuse_radiance(uv);
    write_radiance(uv, clamp_negative(radiance));
    // a loop instead of a condition: llvmpipe executes both branches of a condition
    for (int k = is_surface(depth_at(uv)) ? 1 : 0; k < 1; k++) out_radiance = background_at(uv);
}

#if defined(ENTRY_SPECULAR) || defined(ENTRY_SPECULAR_OCCLUSION)
#include "common/specular.glsl"
uniform sampler2D specular_ibl_prefiltered;
uniform sampler2D direct_specular;

// The dominant direction of a rough lobe leans from the mirror direction towards the normal. Lagarde, de Rousiers,
// Moving Frostbite to Physically Based Rendering, SIGGRAPH 2014, listing 22.
vec3 dominant_direction(vec3 mirror, vec3 normal, float alpha) {
    float weight = (1.0 - alpha) * (sqrt(1.0 - alpha) + alpha);
    return normalize(mix(normal, mirror, weight));
}

// `lobe`: mean radiance that surfaces send into the specular lobe, and the fraction of it that sees the environment.
void write_surface(vec2 uv, vec4 lobe) {
    vec4 specular = specular_at(uv);
    vec3 normal_ws = normalize(normal_ws_at(uv));
    vec3 view_ws = view_ws_at(uv);
    vec3 reflectance = specular_albedo(specular.rgb, specular.a, dot(normal_ws, view_ws));
    float alpha = alpha_from_roughness(specular.a);
    vec3 direction_ws = dominant_direction(reflect(-view_ws, normal_ws), normal_ws, alpha);
    float level = specular.a * (float(SPECULAR_LEVELS) - 1.0);
    vec3 environment = frame.sky_intensity * textureLod(specular_ibl_prefiltered, latlong_uv(direction_ws), level).rgb;
    float material_occlusion = textureLod(gbuffer_albedo, uv, 0.0).a;
    vec3 reflected = material_occlusion * reflectance * (lobe.rgb + lobe.a * environment);
    vec3 specular_radiance = textureLod(direct_specular, uv, 0.0).rgb + reflected;
    vec3 emission = textureLod(gbuffer_emission, uv, 0.0).rgb;
    vec3 radiance = emission + (1.0 - reflectance) * compute_diffuse_radiance(uv) + specular_radiance;
    write_radiance(uv, clamp_negative(radiance));
}

// The technique knows the visibility of the lobe.
void specular() {
    vec2 uv = pixel_uv();
    if (is_surface(depth_at(uv))) write_surface(uv, specular_lighting_at(uv));
    else out_radiance = background_at(uv);
}

// The technique knows the visibility of the hemisphere only. Lagarde, de Rousiers, 2014, listing 26.
float lobe_visibility(float cosine, float visibility, float roughness) {
    return clamp(pow(cosine + visibility, exp2(-16.0 * roughness - 1.0)) - 1.0 + visibility, 0.0, 1.0);
}

void specular_occlusion() {
    vec2 uv = pixel_uv();
    if (!is_surface(depth_at(uv))) {
        out_radiance = background_at(uv);
        return;
    }
    float cosine = max(dot(normal_ws_at(uv), view_ws_at(uv)), 0.0);
    float visibility = lobe_visibility(cosine, direct_at(uv).a, specular_at(uv).a);
    write_surface(uv, vec4(0.0, 0.0, 0.0, visibility));
}
#endif
