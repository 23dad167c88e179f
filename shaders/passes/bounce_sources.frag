// Bounce sources: what radiance leaves every pixel's surface, and from which plane?
// reads   G-buffer, environment lighting (Lighting.direct), light of sun and punctual lights
// writes  radiance: emitted and reflected; plane, view space: xyz is its normal, w its offset along the normal
// source  the senders of Ritschel, Grosch, Seidel, I3D 2009
// limits  specular surfaces send as diffuse ones; hidden surfaces guess their visibility; emitters light no senders
#include "common/screen.glsl"

uniform sampler2D gbuffer_albedo;
uniform sampler2D gbuffer_emission;
uniform sampler2D environment_lighting;
uniform sampler2D direct_irradiance;
layout(location = 0) out vec4 out_radiance;
layout(location = 1) out vec4 out_plane;

#if defined(ENTRY_DIFFUSE) || defined(ENTRY_SPECULAR)
vec3 environment_irradiance_at(vec2 uv) { return textureLod(environment_lighting, uv, 0.0).rgb; }

bool is_empty(vec2 uv) { return false; }
#else
#include "common/environment.glsl"
#include <lit_region>
uniform sampler2D next_layer_depth;  // metres: a surface from here on belongs to another layer

// Irradiance of a surface that no lit pixel shows. It takes the visibility of the nearest lit pixel.
vec3 estimate_irradiance(vec2 lit_px) {
    return irradiance_at(normal_ws_at(pixel_uv())) * textureLod(environment_lighting, lit_px / frame.size, 0.0).a;
}

#if defined(ENTRY_HIDDEN_DIFFUSE) || defined(ENTRY_HIDDEN_SPECULAR)
vec3 environment_irradiance_at(vec2 uv) {
    return estimate_irradiance(clamp(SHADED_PIXEL, lit_region.min_px, lit_region.max_px));
}

bool is_empty(vec2 uv) { return depth_at(uv) >= min(textureLod(next_layer_depth, uv, 0.0).r, BACKGROUND_DEPTH); }
#else
vec3 environment_irradiance_at(vec2 uv) {
    vec2 lit_px = clamp(SHADED_PIXEL, lit_region.min_px, lit_region.max_px);
    return lit_px == SHADED_PIXEL ? textureLod(environment_lighting, uv, 0.0).rgb : estimate_irradiance(lit_px);
}

bool is_empty(vec2 uv) { return false; }
#endif
#endif

void write_source(vec2 uv, vec3 albedo) {
    out_radiance = vec4(0.0);
    out_plane = vec4(0.0);
    if (is_empty(uv)) return;
    vec3 irradiance = environment_irradiance_at(uv) + textureLod(direct_irradiance, uv, 0.0).rgb;
    vec3 emission = textureLod(gbuffer_emission, uv, 0.0).rgb;
    out_radiance = vec4(emission + albedo / PI * irradiance, 1.0);
    vec3 normal_vs = mat3(frame.view_from_world) * geometric_normal_ws_at(uv);
    out_plane = vec4(normal_vs, dot(normal_vs, vs_from_uv(uv, depth_at(uv))));
}

void diffuse() {
    vec2 uv = pixel_uv();
    write_source(uv, textureLod(gbuffer_albedo, uv, 0.0).rgb);
}

void guard_band_diffuse() { diffuse(); }

void hidden_diffuse() { diffuse(); }

#if defined(ENTRY_SPECULAR) || defined(ENTRY_GUARD_BAND_SPECULAR) || defined(ENTRY_HIDDEN_SPECULAR)
#include "common/specular.glsl"

void specular() {
    vec2 uv = pixel_uv();
    vec3 f0 = specular_at(uv).rgb;
    write_source(uv, textureLod(gbuffer_albedo, uv, 0.0).rgb * (1.0 - f0) + f0);
}

void guard_band_specular() { specular(); }

void hidden_specular() { specular(); }
#endif
