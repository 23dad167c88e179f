// Has a surface a hole here? For shaders that look at nothing else of a material.
#include <hole>
uniform sampler2D albedo_image;
in vec2 image_uv, image_uv2;
in vec4 tint;

bool in_hole() {
    vec3 at = vec3(hole.albedo_set == 0 ? image_uv : image_uv2, 1.0);
    float opacity = hole.opacity * tint.a * texture(albedo_image, vec2(dot(hole.albedo_u, at), dot(hole.albedo_v, at))).a;
    return opacity < hole.cutoff;
}
