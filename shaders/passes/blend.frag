// Blending: what radiance reaches the camera from blended surfaces, and through them?
// reads   a layer's radiance and transmittance, the layers in front of it; radiance of the opaque surfaces
// writes  radiance and opacity of the layers so far; or the radiance of everything
// source  Porter, Duff, Compositing Digital Images, SIGGRAPH 1984, front to back
// limits  no refraction
uniform sampler2D blended_radiance;
uniform sampler2D blended_opacity;

#ifdef ENTRY_SURFACES
uniform sampler2D opaque_radiance;
out vec4 out_radiance;

void surfaces() {
    ivec2 px = ivec2(gl_FragCoord.xy);
    vec3 transmittance = 1.0 - texelFetch(blended_opacity, px, 0).rgb;
    vec4 opaque = texelFetch(opaque_radiance, px, 0);
    out_radiance.rgb = texelFetch(blended_radiance, px, 0).rgb + transmittance * opaque.rgb;
    out_radiance.a = 1.0 - dot(transmittance, vec3(1.0 / 3.0)) * (1.0 - opaque.a);
}
#else
#include "common/constants.glsl"

uniform sampler2D gbuffer_depth;
uniform sampler2D layer_radiance;
uniform sampler2D layer_transmittance;
layout(location = 0) out vec4 out_radiance;
layout(location = 1) out vec4 out_opacity;

void composite_layer(vec3 radiance, vec3 transmittance) {
    ivec2 px = ivec2(gl_FragCoord.xy);
    bool is_surface = texelFetch(gbuffer_depth, px, 0).r < BACKGROUND_DEPTH;
    vec4 layer = is_surface ? texelFetch(layer_transmittance, px, 0) : vec4(1.0, 1.0, 1.0, 0.0);
    vec3 layer_light = is_surface ? layer.a * texelFetch(layer_radiance, px, 0).rgb : vec3(0.0);
    out_radiance = vec4(radiance + transmittance * layer_light, 1.0);
    out_opacity = vec4(1.0 - transmittance * layer.rgb, 1.0);
}

void first_layer() { composite_layer(vec3(0.0), vec3(1.0)); }

void next_layer() {
    ivec2 px = ivec2(gl_FragCoord.xy);
    composite_layer(texelFetch(blended_radiance, px, 0).rgb, 1.0 - texelFetch(blended_opacity, px, 0).rgb);
}
#endif
