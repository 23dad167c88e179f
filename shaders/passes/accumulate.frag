// Accumulation: what is the mean lighting of all frames so far?
// reads   this frame's lighting; the mean of the frames before
// writes  lighting: the mean with this frame
// source  -
// limits  camera, scene and settings must not change between frames
#include <accumulation_weight>
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
