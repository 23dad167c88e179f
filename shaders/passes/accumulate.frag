// Accumulation: what is the mean lighting, or radiance, of all frames so far?
// reads   this frame's lighting or radiance; the mean of the frames before
// writes  the mean with this frame
// source  -
// limits  scene, settings and camera, but for sub-pixel offsets, must not change between frames
#include <accumulation_weight>

#ifdef ENTRY_RADIANCE
uniform sampler2D newest;
uniform sampler2D mean;
out vec4 out_mean;

void radiance() {
    ivec2 px = ivec2(gl_FragCoord.xy);
    out_mean = mix(texelFetch(mean, px, 0), texelFetch(newest, px, 0), accumulation_weight.newest);
}
#else
#include "common/lighting.glsl"

uniform sampler2D mean_direct;
uniform sampler2D mean_indirect;
uniform sampler2D mean_specular;
layout(location = 0) out vec4 out_direct;
layout(location = 1) out vec4 out_indirect;
layout(location = 2) out vec4 out_specular;

void accumulate_diffuse(vec2 uv) {
    out_direct = mix(textureLod(mean_direct, uv, 0.0), direct_at(uv), accumulation_weight.newest);
    out_indirect = mix(textureLod(mean_indirect, uv, 0.0), indirect_at(uv), accumulation_weight.newest);
}

vec2 pixel_uv() { return gl_FragCoord.xy / vec2(textureSize(lighting_direct, 0)); }

void diffuse() { accumulate_diffuse(pixel_uv()); }

void specular() {
    vec2 uv = pixel_uv();
    accumulate_diffuse(uv);
    out_specular = mix(textureLod(mean_specular, uv, 0.0), specular_lighting_at(uv), accumulation_weight.newest);
}
#endif
