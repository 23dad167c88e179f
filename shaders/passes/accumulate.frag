// What is the mean of the frames so far?
// reads  this frame's lighting, the mean of those before      writes  the mean with this one
#include <average>
#include "common/lighting.glsl"
uniform sampler2D before_direct, before_indirect, before_gloss;
layout(location = 0) out vec4 direct;
layout(location = 1) out vec4 indirect;
layout(location = 2) out vec4 gloss;

vec2 uv_here() { return gl_FragCoord.xy / vec2(textureSize(light_direct, 0)); }

void matte() {
    direct = mix(textureLod(before_direct, uv_here(), 0.0), direct_at(uv_here()), average.share);
    indirect = mix(textureLod(before_indirect, uv_here(), 0.0), indirect_at(uv_here()), average.share);
}

void glossy() {
    matte();
    gloss = mix(textureLod(before_gloss, uv_here(), 0.0), lobe_at(uv_here()), average.share);
}
