// G-buffer: what surface does the camera see at this pixel?
// reads   the material and its textures; for hidden layers the depth of the previous layer
// writes  normal, albedo, depth, geometric normal; full materials: F0 and roughness; emissive scenes: emission
// source  glTF 2.0, section 3.9; Mikkelsen, Simulation of Wrinkled Surfaces Revisited, 2008: frame is not normalised
// limits  one layer; blended surfaces have layers of their own, without what is opaque
#include <material>
#include <has>
#include <camera>
#include "common/depth_peel.glsl"
#include "common/shading_normal.glsl"

uniform sampler2D albedo_texture;
uniform sampler2D emission_texture;
uniform sampler2D metallic_roughness_texture;
uniform sampler2D f0_texture;
uniform sampler2D normal_texture;
uniform sampler2D occlusion_texture;
in vec3 normal;
in vec2 image_uv;
in vec2 image_uv2;
in vec4 tint;
in vec4 tangent;
in vec3 position_vs;
layout(location = 0) out vec4 out_normal;
layout(location = 1) out vec4 out_albedo;
layout(location = 2) out float out_depth;
layout(location = 3) out vec4 out_geometric_normal;
#if defined(ENTRY_BASIC) || defined(ENTRY_BASIC_EMISSIVE)
layout(location = 4) out vec4 out_emission;
#else
layout(location = 4) out vec4 out_specular;
layout(location = 5) out vec4 out_emission;
#endif
#ifdef ENTRY_BLENDED
layout(location = 6) out vec4 out_transmittance;
uniform sampler2D opaque_depth;  // metres
#endif

const float MAX_HALF = 65504.0;
// Sines of the angle between interpolated normal and triangle.
const float FLAT_DEVIATION = 0.015;  // below the minimum height of occluders over their distance
const float SMOOTH_DEVIATION = 0.12;
// Both sides of an open mesh are surfaces. The normal of a back faces away from the camera.
const float VISIBLE_SIDE = CAMERA_LAYER == CAMERA_LAYER_BACK ? -1.0 : 1.0;

// `transform_u`, `transform_v`: rows of the texture's UV transform.
vec2 texture_uv(vec3 transform_u, vec3 transform_v, int uv_set) {
    vec3 uv1 = vec3(uv_set == 0 ? image_uv : image_uv2, 1.0);
    return vec2(dot(transform_u, uv1), dot(transform_v, uv1));
}

// Called before any pixel is discarded, as the mip level needs the neighbours.
void write_emission(vec2 uv) {
    vec3 emission = material.emission;
    if (HAS_EMISSION_TEXTURE) emission *= texture(emission_texture, uv).rgb;
    if (HAS_TINTED_EMISSION) emission *= tint.rgb;
    out_emission = vec4(min(emission, MAX_HALF), 1.0);
}

// A hidden layer leaves out what lies in front of it.
bool is_peeled() { return CAMERA_LAYER != CAMERA_LAYER_NEAREST && !is_behind_layer(-position_vs.z); }

// Unit normal of the triangle, towards the camera, world space. 1 / depth is linear on the screen, also beyond the
// horizon of the plane; with an orthographic camera depth is. Called before any pixel is discarded, as derivatives need
// the neighbours.
vec3 triangle_normal_ws() {
    float depth = -position_vs.z;
    if (CAMERA_ORTHOGRAPHIC) {
        vec2 pixel_size = vec2(dFdx(position_vs.x), dFdy(position_vs.y));
        vec2 slope = vec2(dFdx(depth), dFdy(depth)) / pixel_size;
        return normalize(vec3(slope, 1.0)) * mat3(camera.view_from_world);
    }
    vec2 screen = position_vs.xy / depth;
    float inverse_depth = 1.0 / depth;
    vec2 pixel_size = vec2(dFdx(screen.x), dFdy(screen.y));
    vec2 slope = depth * vec2(dFdx(inverse_depth), dFdy(inverse_depth)) / pixel_size;
    return normalize(vec3(-slope, 1.0 - dot(screen, slope))) * mat3(camera.view_from_world);
}

// Writes both normals. `mapped_normal`: by the normal map, on the side of `normal`. The geometric normal is that of the
// triangle, or the interpolated one where both agree, which is exact on flat surfaces. Its alpha is 0 on smooth ones,
// whose light shall not end at edges of triangles: see `smooth_geometric_normal_ws_at`.
void write_normals(vec3 mapped_normal, vec3 triangle_normal) {
    vec3 view_vs = CAMERA_ORTHOGRAPHIC ? vec3(0.0, 0.0, 1.0) : -normalize(position_vs);
    vec3 view_ws = VISIBLE_SIDE * view_vs * mat3(camera.view_from_world);
    triangle_normal *= VISIBLE_SIDE;
    float side = dot(normal, triangle_normal) < 0.0 ? -1.0 : 1.0;
    vec3 interpolated_normal = side * normalize(normal);
    float deviation = length(cross(interpolated_normal, triangle_normal));
    bool is_flat = deviation < FLAT_DEVIATION;
    bool is_smooth = !is_flat && deviation < SMOOTH_DEVIATION && !HAS_NORMAL_TEXTURE;
    out_normal = vec4(bend_towards_viewer(side * normalize(mapped_normal), view_ws, triangle_normal), 1.0);
    out_geometric_normal = vec4(is_flat ? interpolated_normal : triangle_normal, is_smooth ? 0.0 : 1.0);
}

void basic() {
    vec3 triangle_normal = triangle_normal_ws();
    if (is_peeled()) discard;
    write_normals(normal, triangle_normal);
    out_albedo = vec4(material.albedo, 1.0);
    if (HAS_ALBEDO_TEXTURE) out_albedo.rgb *= texture(albedo_texture, image_uv).rgb;
    out_depth = -position_vs.z;
}

void basic_emissive() {
    write_emission(image_uv);
    basic();
}

#if defined(ENTRY_FULL) || defined(ENTRY_FULL_EMISSIVE) || defined(ENTRY_BLENDED)
vec4 sample_base_color() {
    vec4 base_color = vec4(material.albedo, material.opacity) * tint;
    if (HAS_ALBEDO_TEXTURE) {
        vec2 uv = texture_uv(material.albedo_u, material.albedo_v, material.albedo_uv_set);
        base_color *= texture(albedo_texture, uv);
    }
    return base_color;
}

vec2 sample_metallic_roughness() {
    vec2 metallic_roughness = vec2(material.metallic, material.roughness);
    if (HAS_METALLIC_ROUGHNESS_TEXTURE) {
        vec2 uv = texture_uv(
            material.metallic_roughness_u, material.metallic_roughness_v, material.metallic_roughness_uv_set
        );
        metallic_roughness *= texture(metallic_roughness_texture, uv).bg;
    }
    return metallic_roughness;
}

// Reflectance at normal incidence of what is not metallic.
vec3 sample_f0() {
    if (!HAS_F0_TEXTURE) return material.f0;
    return material.f0 * texture(f0_texture, texture_uv(material.f0_u, material.f0_v, material.f0_uv_set)).rgb;
}

// Not normalised.
vec3 sample_normal() {
    vec3 shading_normal = normal;
    if (HAS_NORMAL_TEXTURE) {
        vec2 uv = texture_uv(material.normal_u, material.normal_v, material.normal_uv_set);
        vec3 local = texture(normal_texture, uv).xyz * 2.0 - 1.0;
        if (material.normal_scale != 0.0 && dot(tangent, tangent) > 0.0) {
            vec3 bitangent = cross(normal, tangent.xyz);  // up to its sign, tangent.w
            vec3 slope = local.x * tangent.xyz + local.y * tangent.w * bitangent;
            shading_normal = material.normal_scale * slope + local.z * normal;
        }
    }
    return shading_normal;
}

// The material's own occlusion of ambient light, 1 where it has none.
float sample_occlusion() {
    if (!HAS_OCCLUSION_TEXTURE) return 1.0;
    vec2 uv = texture_uv(material.occlusion_u, material.occlusion_v, material.occlusion_uv_set);
    return mix(1.0, texture(occlusion_texture, uv).r, material.occlusion_strength);
}

// Whether a surface of this opacity is in another layer.
bool is_in_other_layer(float opacity) {
#ifdef ENTRY_BLENDED
    // a surface on an opaque one is in front of it
    float max_depth = texelFetch(opaque_depth, ivec2(gl_FragCoord.xy), 0).r * 1.00001;
    bool is_invisible = opacity <= 0.0 && !material.is_transmissive;
    if (opacity >= material.alpha_cutoff || is_invisible || -position_vs.z > max_depth) return true;
#else
    if (opacity < material.alpha_cutoff) return true;
#endif
    return is_peeled();
}

void full() {
    vec3 triangle_normal = triangle_normal_ws();
    vec4 base_color = sample_base_color();
    vec2 metallic_roughness = sample_metallic_roughness();
    vec3 f0 = sample_f0();
    vec3 mapped_normal = sample_normal();
    float occlusion = sample_occlusion();
    if (is_in_other_layer(base_color.a)) discard;

    float metallic = metallic_roughness.x;
    write_normals(mapped_normal, triangle_normal);
    out_albedo = vec4(base_color.rgb * (1.0 - metallic), occlusion);
    out_depth = -position_vs.z;
    out_specular = vec4(mix(f0, base_color.rgb, metallic), metallic_roughness.y);
}

void full_emissive() {
    write_emission(texture_uv(material.emission_u, material.emission_v, material.emission_uv_set));
    full();
}

#ifdef ENTRY_BLENDED
// A transmissive surface transmits what it neither reflects at the first interface (Schlick, An Inexpensive BRDF Model
// for Physically-based Rendering, 1994) nor scatters.
void blended() {
    vec4 base_color = sample_base_color();
    full_emissive();
    out_transmittance = vec4(vec3(1.0 - base_color.a), base_color.a);
    if (material.is_transmissive) {
        vec3 view_vs = CAMERA_ORTHOGRAPHIC ? vec3(0.0, 0.0, 1.0) : -normalize(position_vs);
        float cosine = clamp(dot(out_normal.xyz, view_vs * mat3(camera.view_from_world)), 0.0, 1.0);
        vec3 grazing = clamp(50.0 * out_specular.rgb, 0.0, 1.0);  // as in common/specular.glsl
        vec3 reflected = mix(out_specular.rgb, grazing, pow(1.0 - cosine, 5.0));
        vec3 diffuse_color = out_albedo.rgb;
        out_transmittance = vec4((1.0 - base_color.a) * diffuse_color * (1.0 - reflected), 1.0);
        out_albedo.rgb *= base_color.a;
    }
}
#endif
#endif
