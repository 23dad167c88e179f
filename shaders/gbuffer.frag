// What surface does the camera see at this pixel?
// reads  the material and its images      writes  normal, albedo, emission, depth; of layered materials also the normal without bumps, and gloss
// after  glTF 2.0, section 3.9; Mikkelsen, Simulation of Wrinkled Surfaces Revisited, 2008: the frame of a normal image is not normalised
#include <material>
uniform sampler2D albedo_image, emission_image, surface_image, normal_image, occlusion_image;
in vec3 normal;
in vec2 image_uv, image_uv2;
in vec4 tint, tangent;
in float depth;
layout(location = 0) out vec4 out_normal;
layout(location = 1) out vec4 out_albedo;
layout(location = 2) out vec4 out_emission;
layout(location = 3) out float out_depth;
layout(location = 4) out vec4 out_flat;
layout(location = 5) out vec4 out_gloss;

const float LARGEST = 65504.0;  // half

void plain() {
    out_normal = vec4(normalize(gl_FrontFacing ? normal : -normal), 1.0);  // both sides of a sheet are surfaces
    out_albedo = vec4(material.albedo * texture(albedo_image, image_uv).rgb, 1.0);
    out_emission = vec4(min(material.emission * texture(emission_image, image_uv).rgb, LARGEST), 1.0);
    out_depth = depth;
}

vec2 laid(vec3 u, vec3 v, int set) {
    vec3 at = vec3(set == 0 ? image_uv : image_uv2, 1.0);
    return vec2(dot(u, at), dot(v, at));
}

void layered() {
    vec4 base = vec4(material.albedo, material.opacity) * tint * texture(albedo_image, laid(material.albedo_u, material.albedo_v, material.albedo_set));
    vec4 surface = texture(surface_image, laid(material.surface_u, material.surface_v, material.surface_set));
    vec3 bump = texture(normal_image, laid(material.normal_u, material.normal_v, material.normal_set)).xyz * 2.0 - 1.0;
    float occlusion = texture(occlusion_image, laid(material.occlusion_u, material.occlusion_v, material.occlusion_set)).r;
    vec3 emitted = texture(emission_image, laid(material.emission_u, material.emission_v, material.emission_set)).rgb;
    if (base.a < material.cutoff) discard;
    vec3 n = normal;
    if (material.bump != 0.0 && dot(tangent, tangent) > 0.0) {
        n = material.bump * (bump.x * tangent.xyz + bump.y * tangent.w * cross(normal, tangent.xyz)) + bump.z * normal;
    }
    float metallic = material.metallic * surface.b, side = gl_FrontFacing ? 1.0 : -1.0;
    out_normal = vec4(side * normalize(n), 1.0);
    out_albedo = vec4(base.rgb * (1.0 - metallic), mix(1.0, occlusion, material.occlusion));
    out_emission = vec4(min(material.emission * emitted, LARGEST), 1.0);
    out_depth = depth;
    out_flat = vec4(side * normalize(normal), 1.0);
    out_gloss = vec4(mix(vec3(material.reflectance), base.rgb, metallic), material.roughness * surface.g);
}
