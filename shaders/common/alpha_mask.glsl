// Alpha mask of a material, for passes that read nothing else of it.
#include <alpha_mask>

uniform sampler2D albedo_texture;
in vec2 image_uv;
in vec2 image_uv2;
in vec4 tint;

bool is_masked() {
    vec3 uv1 = vec3(alpha_mask.albedo_uv_set == 0 ? image_uv : image_uv2, 1.0);
    vec2 uv = vec2(dot(alpha_mask.albedo_u, uv1), dot(alpha_mask.albedo_v, uv1));
    float opacity = alpha_mask.opacity * tint.a * texture(albedo_texture, uv).a;
    return opacity < alpha_mask.cutoff;
}
