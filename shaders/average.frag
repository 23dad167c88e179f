// What is the mean of the frames so far?
// reads  this frame's lighting, the mean of those before      writes  the mean with this one
#include <average>
uniform sampler2D light_direct, light_indirect, before_direct, before_indirect, light_gloss, before_gloss;
layout(location = 0) out vec4 direct;
layout(location = 1) out vec4 indirect;
layout(location = 2) out vec4 gloss;

void matte() {
    vec2 uv = gl_FragCoord.xy / vec2(textureSize(light_direct, 0));
    direct = mix(textureLod(before_direct, uv, 0.0), textureLod(light_direct, uv, 0.0), average.share);
    indirect = mix(textureLod(before_indirect, uv, 0.0), textureLod(light_indirect, uv, 0.0), average.share);
}

void glossy() {
    matte();
    ivec2 px = ivec2(gl_FragCoord.xy);
    gloss = mix(texelFetch(before_gloss, px, 0), texelFetch(light_gloss, px, 0), average.share);
}
