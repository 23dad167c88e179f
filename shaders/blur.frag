// What is the lighting without the pattern of its samples?
// reads  lighting, gbuffer      writes  lighting, averaged along a row or a column
// A neighbour counts as far as it agrees, see common/agreement.glsl. The width is a multiple of the sampling tile, both ends counting half,
// so that on a plane every position of the tile weighs the same and the pattern vanishes.
// cannot average across an edge, and therefore leaves noise where few neighbours agree
#include <blur>
#include "common/agreement.glsl"
uniform sampler2D light_direct, light_indirect, light_gloss;

#if defined(ENTRY_ACROSS) || defined(ENTRY_DOWN)
layout(location = 0) out vec4 direct;
layout(location = 1) out vec4 indirect;

void along(vec2 one) {
    vec2 uv = uv_here();
    float depth = depth_at(uv);
    direct = textureLod(light_direct, uv, 0.0);
    indirect = textureLod(light_indirect, uv, 0.0);
    if (!on_surface(depth)) return;
    Receiver r = receiver_at(uv, depth);
    float total = 1.0;
    one /= frame.size;
    for (int i = 1; i <= blur.radius; i++) {
        for (int side = -1; side <= 1; side += 2) {
            vec2 q = uv + float(side * i) * one;
            float w = agreement(r, q) * (i == blur.radius ? 0.5 : 1.0);
            if (q != clamp(q, 0.0, 1.0)) w = 0.0;
            direct += w * textureLod(light_direct, q, 0.0);
            indirect += w * textureLod(light_indirect, q, 0.0);
            total += w;
        }
    }
    direct /= total;
    indirect /= total;
}

void across() { along(vec2(1.0, 0.0)); }
void down() { along(vec2(0.0, 1.0)); }
#else
#include "common/gloss.glsl"
layout(location = 0) out vec4 gloss;

// Of the reflection lobe: the narrower it is, the less noise it has and the more detail there would be to lose.
void along(vec2 one) {
    vec2 uv = uv_here();
    float depth = depth_at(uv);
    gloss = textureLod(light_gloss, uv, 0.0);
    vec4 g = gloss_at(uv);
    if (!on_surface(depth) || g.rgb == vec3(0.0)) return;
    Receiver r = receiver_at(uv, depth);
    float total = 1.0, width = clamp(2.0 * g.a, 0.0, 1.0);
    one /= frame.size;
    for (int i = 1; i <= blur.radius; i++) {
        for (int side = -1; side <= 1; side += 2) {
            vec2 q = uv + float(side * i) * one;
            float w = width * agreement(r, q) * (i == blur.radius ? 0.5 : 1.0);
            if (q != clamp(q, 0.0, 1.0) || gloss_at(q).rgb == vec3(0.0)) w = 0.0;
            gloss += w * textureLod(light_gloss, q, 0.0);
            total += w;
        }
    }
    gloss /= total;
}

void lobe_across() { along(vec2(1.0, 0.0)); }
void lobe_down() { along(vec2(0.0, 1.0)); }
#endif
