// Alpha mask of a material, for passes that read nothing else of it.
#include <alpha_mask>

uniform sampler2D albedo_texture;
in vec2 image_uv;
in vec2 image_uv2;
in vec4 tint;

// Base colour and opacity.
vec4 masked_color() {
    vec3 uv1 = vec3(alpha_mask.albedo_uv_set == 0 ? image_uv : image_uv2, 1.0);
    vec2 uv = vec2(dot(alpha_mask.albedo_u, uv1), dot(alpha_mask.albedo_v, uv1));
    return vec4(alpha_mask.albedo, alpha_mask.opacity) * tint * texture(albedo_texture, uv);
}

bool is_masked() { return masked_color().a < alpha_mask.cutoff; }

// Thresholds 1/32 to 31/32 in a 4 x 4 pattern (Bayer 1973): the area above an opacity is 1 minus the opacity, nearly so
// in each 2 x 2 texels too.
float dither_threshold() {
    ivec2 px = ivec2(gl_FragCoord.xy) & 3;
    ivec2 fine = px & 1;
    ivec2 coarse = px >> 1;
    int rank = 4 * (2 * (fine.x ^ fine.y) + fine.y) + 2 * (coarse.x ^ coarse.y) + coarse.y;
    return (float(rank) + 0.5) / 16.0;
}

// Of shadows: those of blended surfaces are dithered.
bool is_shadow_masked() {
    vec4 color = masked_color();
    if (alpha_mask.is_transmissive) color.a = 1.0 - (1.0 - color.a) * dot(color.rgb, vec3(1.0 / 3.0));
    return color.a < (alpha_mask.is_blended ? dither_threshold() : alpha_mask.cutoff);
}
