// Subsample and crop: the surfaces or the lighting of some of the pixels, bit for bit.
// reads   G-buffer and direct light, or lighting, or one texture
// writes  the same of every n-th pixel, or of a rectangle
// source  -
// limits  texels are copied, never averaged: a mean of surfaces is no surface
#include <subsample>

uniform sampler2D gbuffer_normal;
uniform sampler2D gbuffer_albedo;
uniform sampler2D gbuffer_emission;
uniform sampler2D gbuffer_depth;
uniform sampler2D gbuffer_geometric_normal;
uniform sampler2D gbuffer_specular;
uniform sampler2D direct_irradiance;
uniform sampler2D direct_specular;

vec4 fetch_source(sampler2D source_texture) {
    ivec2 px = ivec2(subsample.origin) + subsample.step * ivec2(gl_FragCoord.xy);
    return texelFetch(source_texture, min(px, textureSize(source_texture, 0) - 1), 0);
}

#ifdef ENTRY_SINGLE
uniform sampler2D source;
layout(location = 0) out vec4 out_texel;

void single() { out_texel = fetch_source(source); }
#elif defined(ENTRY_LIGHTING) || defined(ENTRY_LIGHTING_WITH_SPECULAR)
uniform sampler2D lighting_direct;
uniform sampler2D lighting_indirect;
uniform sampler2D lighting_specular;
layout(location = 0) out vec4 out_direct;
layout(location = 1) out vec4 out_indirect;
layout(location = 2) out vec4 out_specular;

void lighting() {
    out_direct = fetch_source(lighting_direct);
    out_indirect = fetch_source(lighting_indirect);
}

void lighting_with_specular() {
    lighting();
    out_specular = fetch_source(lighting_specular);
}
#else
layout(location = 0) out vec4 out_normal;
layout(location = 1) out vec4 out_albedo;
layout(location = 2) out vec4 out_emission;
layout(location = 3) out vec4 out_depth;
layout(location = 4) out vec4 out_direct_irradiance;
layout(location = 5) out vec4 out_geometric_normal;
layout(location = 6) out vec4 out_specular;
layout(location = 7) out vec4 out_direct_specular;

void diffuse() {
    out_normal = fetch_source(gbuffer_normal);
    out_albedo = fetch_source(gbuffer_albedo);
    out_emission = fetch_source(gbuffer_emission);
    out_depth = fetch_source(gbuffer_depth);
    out_direct_irradiance = fetch_source(direct_irradiance);
    out_geometric_normal = fetch_source(gbuffer_geometric_normal);
}

void specular() {
    diffuse();
    out_specular = fetch_source(gbuffer_specular);
    out_direct_specular = fetch_source(direct_specular);
}
#endif
