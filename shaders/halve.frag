// What is seen at every second pixel of a row and of a column?
// reads  gbuffer, sun      writes  the same of these pixels alone, bit for bit: no mean of surfaces is a surface
uniform sampler2D gbuffer_normal, gbuffer_albedo, gbuffer_emission, gbuffer_depth, gbuffer_flat, gbuffer_gloss, light_sun, light_shine;
layout(location = 0) out vec4 normal;
layout(location = 1) out vec4 albedo;
layout(location = 2) out vec4 emission;
layout(location = 3) out vec4 depth;
layout(location = 4) out vec4 sun;
layout(location = 5) out vec4 flat_normal;
layout(location = 6) out vec4 gloss;
layout(location = 7) out vec4 shine;

vec4 kept(sampler2D whole) { return texelFetch(whole, min(2 * ivec2(gl_FragCoord.xy), textureSize(whole, 0) - 1), 0); }

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
