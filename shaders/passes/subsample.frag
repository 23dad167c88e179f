// What is known of some of the pixels?
// reads  gbuffer, sun, lighting      writes  the same of these pixels alone, bit for bit: no mean of surfaces is a
//        surface
#include <pick>
uniform sampler2D gbuffer_normal, gbuffer_albedo, gbuffer_emission, gbuffer_depth, gbuffer_flat, gbuffer_gloss, light_sun, light_shine;

vec4 kept(sampler2D all) { return texelFetch(all, min(ivec2(pick.first) + pick.step * ivec2(gl_FragCoord.xy), textureSize(all, 0) - 1), 0); }

#ifdef ENTRY_ONE
uniform sampler2D whole;
layout(location = 0) out vec4 result;

void one() { result = kept(whole); }
#elif defined(ENTRY_LIGHT) || defined(ENTRY_LIGHT_GLOSSY)
uniform sampler2D light_direct, light_indirect, light_gloss;
layout(location = 0) out vec4 direct;
layout(location = 1) out vec4 indirect;
layout(location = 2) out vec4 lobe;

void light() {
    direct = kept(light_direct);
    indirect = kept(light_indirect);
}

void light_glossy() {
    light();
    lobe = kept(light_gloss);
}
#else
layout(location = 0) out vec4 normal;
layout(location = 1) out vec4 albedo;
layout(location = 2) out vec4 emission;
layout(location = 3) out vec4 depth;
layout(location = 4) out vec4 sun;
layout(location = 5) out vec4 flat_normal;
layout(location = 6) out vec4 gloss;
layout(location = 7) out vec4 shine;

void matte() {
    normal = kept(gbuffer_normal);
    albedo = kept(gbuffer_albedo);
    emission = kept(gbuffer_emission);
    depth = kept(gbuffer_depth);
    sun = kept(light_sun);
}

void layered() {
    matte();
    flat_normal = kept(gbuffer_flat);
}

void glossy() {
    layered();
    gloss = kept(gbuffer_gloss);
    shine = kept(light_shine);
}
#endif
