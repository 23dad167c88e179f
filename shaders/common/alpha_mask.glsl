// Alpha mask of a material, for passes that read nothing else of it.
#include <alpha_mask>
#include "common/hash.glsl"

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

// Thresholds from 0 to 1, one in each sixteenth for each tile of 4 x 4 texels, so that the area above an opacity is 1
// minus the opacity. They are those of Bayer (1973) in an order that is random in each tile and triangle: surfaces one
// behind the other do not leave the same texels open.
float dither_threshold() {
    uvec2 px = uvec2(gl_FragCoord.xy);
    uvec2 fine = px & 1u;
    uvec2 coarse = (px >> 1) & 1u;
    uint rank = 4u * (2u * (fine.x ^ fine.y) + fine.y) + 2u * (coarse.x ^ coarse.y) + coarse.y;
    uint triangle = uint(alpha_mask.first_triangle + gl_PrimitiveID);
    uint bits = pcg_hash((px.x >> 2) + pcg_hash((px.y >> 2) + pcg_hash(triangle)));
    rank = (((rank ^ bits) * (bits >> 4 | 1u)) ^ (bits >> 8)) & 15u;
    return (float(rank) + float(bits >> 16) / 65536.0) / 16.0;
}

// Of shadows: those of blended surfaces are dithered.
bool is_shadow_masked() {
    vec4 color = masked_color();
    if (alpha_mask.is_transmissive) color.a = 1.0 - (1.0 - color.a) * dot(color.rgb, vec3(1.0 / 3.0));
    return color.a < (alpha_mask.is_blended ? dither_threshold() : alpha_mask.cutoff);
}
