// What surface does the camera see at this pixel?
// reads  the material and its images      writes  normal, albedo, depth; of layered materials also the normal without
//        bumps, and gloss;
// emission where anything in the scene shines after  glTF 2.0, section 3.9; Mikkelsen, Simulation of Wrinkled Surfaces
// Revisited, 2008: the frame of a normal image is not normalised
#include <material>
#include <has>
#include <camera>
#include "common/depth_peel.glsl"
uniform sampler2D albedo_image, emission_image, surface_image, normal_image, occlusion_image;
in vec3 normal;
in vec2 image_uv, image_uv2;
in vec4 tint, tangent;
in float depth;
layout(location = 0) out vec4 out_normal;
layout(location = 1) out vec4 out_albedo;
layout(location = 2) out float out_depth;
#if defined(ENTRY_PLAIN) || defined(ENTRY_PLAIN_SHINING)
layout(location = 3) out vec4 out_emission;
#else
layout(location = 3) out vec4 out_flat;
layout(location = 4) out vec4 out_gloss;
layout(location = 5) out vec4 out_emission;
#endif

const float LARGEST = 65504.0;  // half

vec2 laid(vec3 u, vec3 v, int set) {
    vec3 at = vec3(set == 0 ? image_uv : image_uv2, 1.0);
    return vec2(dot(u, at), dot(v, at));
}

void shine(vec2 at) {
    vec3 emission = material.emission;
    if (HAS_EMISSION == HAS_EMISSION_IMAGE) emission *= texture(emission_image, at).rgb;
    out_emission = vec4(min(emission, LARGEST), 1.0);
}

// Of other layers than what is seen: what lies in front is left out, and a back keeps the normal that its body has
// there.
bool left_out() { return CAMERA_LAYER != CAMERA_LAYER_SEEN && !is_behind(depth); }

const float TURNED = CAMERA_LAYER == CAMERA_LAYER_BACKS ? -1.0 : 1.0;

void plain() {
    if (left_out()) discard;
    // both sides of a sheet are surfaces
    out_normal = vec4(TURNED * normalize(gl_FrontFacing ? normal : -normal), 1.0);
    out_albedo = vec4(material.albedo, 1.0);
    if (HAS_ALBEDO == HAS_ALBEDO_IMAGE) out_albedo.rgb *= texture(albedo_image, image_uv).rgb;
    out_depth = depth;
}

void plain_shining() {
    shine(image_uv);
    plain();
}

#if defined(ENTRY_LAYERED) || defined(ENTRY_LAYERED_SHINING)
void layered() {
    vec4 base = vec4(material.albedo, material.opacity) * tint;
    float metallic = material.metallic, roughness = material.roughness, open = 1.0, side = gl_FrontFacing ? TURNED : -TURNED;
    vec3 n = normal;
    if (HAS_ALBEDO == HAS_ALBEDO_IMAGE) base *= texture(albedo_image, laid(material.albedo_u, material.albedo_v, material.albedo_set));
    if (HAS_SURFACE == HAS_SURFACE_IMAGE) {
        vec4 surface = texture(surface_image, laid(material.surface_u, material.surface_v, material.surface_set));
        metallic *= surface.b;
        roughness *= surface.g;
    }
    if (HAS_NORMAL == HAS_NORMAL_IMAGE) {
        vec3 bump = texture(normal_image, laid(material.normal_u, material.normal_v, material.normal_set)).xyz * 2.0 - 1.0;
        if (material.bump != 0.0 && dot(tangent, tangent) > 0.0) {
            n = material.bump * (bump.x * tangent.xyz + bump.y * tangent.w * cross(normal, tangent.xyz)) + bump.z * normal;
        }
    }
    if (HAS_OCCLUSION == HAS_OCCLUSION_IMAGE) {
        float occlusion = texture(occlusion_image, laid(material.occlusion_u, material.occlusion_v, material.occlusion_set)).r;
        open = mix(1.0, occlusion, material.occlusion);
    }
    if (base.a < material.cutoff || left_out()) discard;
    out_normal = vec4(side * normalize(n), 1.0);
    out_albedo = vec4(base.rgb * (1.0 - metallic), open);
    out_depth = depth;
    out_flat = vec4(side * normalize(normal), 1.0);
    out_gloss = vec4(mix(vec3(material.reflectance), base.rgb, metallic), roughness);
}

void layered_shining() {
    // before any pixel is discarded: the image's level needs neighbours
    shine(laid(material.emission_u, material.emission_v, material.emission_set));
    layered();
}
#endif
