// Ray tracing: intersects the scene's triangles and reads the surface at a hit. The texel layout is that of
// ray_scene.py.
#include <bvh>
#include <ray_materials>
#include "common/color.glsl"
#include "common/random.glsl"
#include "common/shading_normal.glsl"

uniform sampler2D ray_scene_nodes;
uniform sampler2D ray_scene_triangles;
uniform sampler2D ray_scene_attributes;
uniform sampler2D ray_scene_materials;
uniform sampler2D ray_scene_images;
uniform sampler2D ray_scene_extra_attributes;

const float TINY = 1e-20;
const float EDGE_TOLERANCE = 1e-6;  // enlarges triangles, so that no ray passes between two that share an edge
const int MATERIAL_TEXELS = 16;
const int ALBEDO_TEXTURE_TEXEL = 4;
const int EMISSION_TEXTURE_TEXEL = 7;
const int METALLIC_ROUGHNESS_TEXTURE_TEXEL = 10;
const int F0_TEXTURE_TEXEL = 13;
const int TEXELS_PER_ROW = 4096;

struct Hit {
    float t;       // metres; the maximum distance if nothing was hit
    int triangle;  // -1 if nothing was hit
    vec2 uv;       // barycentric coordinates of the second and third vertex
};

struct Surface {
    vec3 position_ws;
    vec3 normal_ws;            // unit, interpolated, seen from the ray's origin
    vec3 geometric_normal_ws;  // unit, of the triangle, towards the ray's origin
    vec3 albedo;
    vec3 emission;
#ifdef ENTRY_FULL
    vec3 f0;
    float roughness;
#endif
};

vec4 fetch_texel(sampler2D list, int index) { return texelFetch(list, ivec2(index & 4095, index >> 12), 0); }

vec3 barycentric_weights(vec2 uv) { return vec3(1.0 - uv.x - uv.y, uv); }

// Finest mip level of a texture, bilinear. `location`: first row, width, height, flags. `as_stored`: not linearised.
vec4 sample_texture(vec4 location, vec2 uv, bool as_stored) {
    if (location.y == 0.0) return vec4(1.0);
    ivec2 size = ivec2(location.yz);
    ivec2 clamps = ivec2((int(location.w) >> 1) & 1, (int(location.w) >> 2) & 1);
    vec2 position = mix(fract(uv), clamp(uv, 0.0, 1.0), vec2(clamps)) * location.yz - 0.5;
    vec2 f = fract(position);
    ivec2 first = ivec2(floor(position));
    vec4 sum = vec4(0.0);
    for (int i = 0; i < 4; i++) {
        ivec2 corner = ivec2(i & 1, i >> 1);
        ivec2 px = first + corner;
        px = clamps * clamp(px, ivec2(0), size - 1) + (1 - clamps) * ((px + size) % size);
        vec2 weight = mix(1.0 - f, f, vec2(corner));
        vec4 value = fetch_texel(ray_scene_images, int(location.x) * TEXELS_PER_ROW + px.y * size.x + px.x);
        if (as_stored) value.rgb = srgb_from_linear(value.rgb);
        sum += weight.x * weight.y * value;
    }
    return sum;
}

vec2 interpolate_uv(int triangle, vec3 weights) {
    int first = 4 * triangle;
    float u0 = fetch_texel(ray_scene_attributes, first).w;
    float u1 = fetch_texel(ray_scene_attributes, first + 1).w;
    float u2 = fetch_texel(ray_scene_attributes, first + 2).w;
    vec3 v = fetch_texel(ray_scene_attributes, first + 3).xyz;
    return vec2(dot(vec3(u0, u1, u2), weights), dot(v, weights));
}

// First texel of a triangle's material.
int first_material_texel(int triangle) {
    return MATERIAL_TEXELS * int(fetch_texel(ray_scene_attributes, 4 * triangle + 3).w);
}

#ifdef ENTRY_FULL
struct VertexAttributes {
    vec2 uv;
    vec2 uv2;
    vec4 color;
};

VertexAttributes interpolate_attributes(int triangle, vec3 weights, int material) {
    VertexAttributes attributes = VertexAttributes(interpolate_uv(triangle, weights), vec2(0.0), vec4(1.0));
    bool has_extras = fetch_texel(ray_scene_materials, material + 2).z > 0.5;
    if (has_extras) {
        int first = 5 * triangle;
        vec4 a = fetch_texel(ray_scene_extra_attributes, first);
        vec4 b = fetch_texel(ray_scene_extra_attributes, first + 1);
        attributes.uv2 = weights.x * a.xy + weights.y * a.zw + weights.z * b.xy;
        attributes.color = vec4(0.0);
        for (int i = 0; i < 3; i++) {
            attributes.color += weights[i] * fetch_texel(ray_scene_extra_attributes, first + 2 + i);
        }
    }
    return attributes;
}

// The texture whose location is texel `texture_texel` of the materials, with its UV set and transform.
vec4 sample_material_texture(int texture_texel, VertexAttributes attributes, bool as_stored) {
    vec4 location = fetch_texel(ray_scene_materials, texture_texel);
    vec3 uv1 = vec3((int(location.w) & 1) == 0 ? attributes.uv : attributes.uv2, 1.0);
    vec3 transform_u = fetch_texel(ray_scene_materials, texture_texel + 1).xyz;
    vec3 transform_v = fetch_texel(ray_scene_materials, texture_texel + 2).xyz;
    return sample_texture(location, vec2(dot(transform_u, uv1), dot(transform_v, uv1)), as_stored);
}

// Fraction of the rays that meet a transmissive surface: it transmits no other light than that of its diffuse colour.
float transmissive_coverage(vec4 base_color, float metallic) {
    return 1.0 - (1.0 - base_color.a) * (1.0 - metallic) * dot(base_color.rgb, vec3(1.0 / 3.0));
}

// Of a material whose texel of emission and alpha cutoff this is.
bool is_transmissive(vec4 emission_cutoff) { return RAY_MATERIALS_HAVE_TRANSMISSION && emission_cutoff.a < -1.5; }

// Metallic and roughness, not of basic materials.
vec2 sample_metallic_roughness(int material, VertexAttributes attributes) {
    vec2 factors = fetch_texel(ray_scene_materials, material + 2).xy;
    return factors * sample_material_texture(material + METALLIC_ROUGHNESS_TEXTURE_TEXEL, attributes, true).bg;
}

// Whether a ray passes: it meets a masked texel, or by chance a blended surface lets it through. Every ray that hits the
// same point has the same chance.
bool is_masked(int triangle, vec2 uv) {
    vec3 weights = barycentric_weights(uv);
    int material = first_material_texel(triangle);
    VertexAttributes attributes = interpolate_attributes(triangle, weights, material);
    vec4 texture_color = sample_material_texture(material + ALBEDO_TEXTURE_TEXEL, attributes, false);
    vec4 color = fetch_texel(ray_scene_materials, material) * attributes.color * texture_color;
    vec4 emission_cutoff = fetch_texel(ray_scene_materials, material + 1);
    if (emission_cutoff.a >= 0.0) return color.a < emission_cutoff.a;
    if (is_transmissive(emission_cutoff)) {
        color.a = transmissive_coverage(color, sample_metallic_roughness(material, attributes).x);
    }
    return color.a <= unit_float(pcg_hash(floatBitsToUint(uv.x) + pcg_hash(floatBitsToUint(uv.y) + uint(triangle))));
}
#endif

// The nearest triangle within `max_distance`, or the first one found if `any_hit`. Triangles: Moeller, Trumbore, Fast
// Minimum Storage Ray/Triangle Intersection, 1997. The loop visits boxes until it finds a leaf, and then the leaf's
// triangles: Aila, Laine, Understanding the Efficiency of Ray Traversal on GPUs, 2009.
Hit intersect(vec3 origin, vec3 direction, float max_distance, bool any_hit) {
    Hit hit = Hit(max_distance, -1, vec2(0.0));
    vec3 inv_direction = 1.0 / mix(direction, vec3(TINY), lessThan(abs(direction), vec3(TINY)));
    int node = 0;
    while (node < bvh.node_count) {
        int leaf = -1;
        while (leaf < 0 && node < bvh.node_count) {
            vec4 low = fetch_texel(ray_scene_nodes, 2 * node);
            vec4 high = fetch_texel(ray_scene_nodes, 2 * node + 1);
            vec3 a = (low.xyz - origin) * inv_direction;
            vec3 b = (high.xyz - origin) * inv_direction;
            vec3 entries = min(a, b);
            vec3 exits = max(a, b);
            // Ize, Robust BVH Ray Traversal, JCGT 2013: the factors make up for rounding
            float entry = max(max(entries.x, entries.y), entries.z);
            float exit = min(min(exits.x, exits.y), exits.z) * 1.000001;
            bool is_missed = exit < 0.0 || entry > exit || entry * 0.999999 > hit.t;
            node = is_missed ? int(low.w) : node + 1;
            leaf = is_missed ? -1 : int(high.w);
        }
        if (leaf < 0) break;
        bool is_last = false;
        for (int i = leaf; !is_last; i++) {
            vec4 corner = fetch_texel(ray_scene_triangles, 3 * i);
            vec3 e1 = fetch_texel(ray_scene_triangles, 3 * i + 1).xyz;
            vec3 e2 = fetch_texel(ray_scene_triangles, 3 * i + 2).xyz;
            vec3 p = cross(direction, e2);
            vec3 s = origin - corner.xyz;
            vec3 q = cross(s, e1);
            float d = dot(e1, p);
            vec3 uvt = vec3(dot(s, p), dot(direction, q), dot(e2, q)) / (d == 0.0 ? TINY : d);
            bool is_inside =
                uvt.x >= -EDGE_TOLERANCE && uvt.y >= -EDGE_TOLERANCE && uvt.x + uvt.y <= 1.0 + EDGE_TOLERANCE;
            bool is_closer = d != 0.0 && is_inside && uvt.z > 0.0 && uvt.z < hit.t;
#ifdef ENTRY_FULL
            if (is_closer && corner.w > 1.5) is_closer = !is_masked(i, uvt.xy);
            corner.w = mod(corner.w, 2.0);
#endif
            if (is_closer) {
                hit = Hit(uvt.z, i, uvt.xy);
                if (any_hit) return hit;
            }
            is_last = corner.w > 0.5;
        }
    }
    return hit;
}

bool is_occluded(vec3 origin, vec3 direction, float max_distance) {
    return intersect(origin, direction, max_distance, true).triangle >= 0;
}

// Whether a ray hits an emitter from behind that emits from its front only.
bool is_dark_side(int material, bool is_behind) {
    if (!BVH_HAS_SINGLE_SIDED_EMITTERS) return false;
    return is_behind && fetch_texel(ray_scene_materials, material + EMISSION_TEXTURE_TEXEL + 2).w > 0.5;
}

#ifdef ENTRY_FULL
// What emission is multiplied by: vertex colours, or 1.
vec3 emission_tint(VertexAttributes attributes, int material) {
    if (!RAY_MATERIALS_HAVE_TINTED_EMISSION) return vec3(1.0);
    bool is_tinted = fetch_texel(ray_scene_materials, material + 2).w > 0.5;
    return is_tinted ? attributes.color.rgb : vec3(1.0);
}
#endif

// Emitted radiance, against the `direction` of a ray.
vec3 fetch_emission(Hit hit, vec3 direction) {
    int material = first_material_texel(hit.triangle);
    vec3 emission = fetch_texel(ray_scene_materials, material + 1).rgb;
    if (emission == vec3(0.0)) return emission;
    if (BVH_HAS_SINGLE_SIDED_EMITTERS) {
        vec3 e1 = fetch_texel(ray_scene_triangles, 3 * hit.triangle + 1).xyz;
        vec3 e2 = fetch_texel(ray_scene_triangles, 3 * hit.triangle + 2).xyz;
        if (is_dark_side(material, dot(cross(e1, e2), direction) > 0.0)) return vec3(0.0);
    }
    vec3 weights = barycentric_weights(hit.uv);
#ifdef ENTRY_FULL
    VertexAttributes attributes = interpolate_attributes(hit.triangle, weights, material);
    emission *= emission_tint(attributes, material);
    return emission * sample_material_texture(material + EMISSION_TEXTURE_TEXEL, attributes, false).rgb;
#else
    vec2 uv = interpolate_uv(hit.triangle, weights);
    vec4 location = fetch_texel(ray_scene_materials, material + EMISSION_TEXTURE_TEXEL);
    return emission * sample_texture(location, uv, false).rgb;
#endif
}

// `direction`: of the ray that hit the surface.
Surface fetch_surface(Hit hit, vec3 direction) {
    vec3 corner = fetch_texel(ray_scene_triangles, 3 * hit.triangle).xyz;
    vec3 e1 = fetch_texel(ray_scene_triangles, 3 * hit.triangle + 1).xyz;
    vec3 e2 = fetch_texel(ray_scene_triangles, 3 * hit.triangle + 2).xyz;
    vec3 weights = barycentric_weights(hit.uv);
    vec3 n0 = fetch_texel(ray_scene_attributes, 4 * hit.triangle).xyz;
    vec3 n1 = fetch_texel(ray_scene_attributes, 4 * hit.triangle + 1).xyz;
    vec3 n2 = fetch_texel(ray_scene_attributes, 4 * hit.triangle + 2).xyz;
    vec3 area_normal = cross(e1, e2);
    vec3 geometric_normal_ws = area_normal / length(area_normal);
    bool is_behind = dot(geometric_normal_ws, direction) > 0.0;
    if (is_behind) geometric_normal_ws = -geometric_normal_ws;
    vec3 normal_ws = mat3(n0, n1, n2) * weights;
    normal_ws = dot(normal_ws, normal_ws) > 1e-12 ? normalize(normal_ws) : geometric_normal_ws;
    if (dot(normal_ws, geometric_normal_ws) < 0.0) normal_ws = -normal_ws;
    normal_ws = bend_towards_viewer(normal_ws, -direction, geometric_normal_ws);
    // moved off the surface by more than the rounding of the corner and the edges that it is a sum of
    vec3 size = abs(corner) + abs(e1) + abs(e2);
    vec3 offset = geometric_normal_ws * 1e-6 * max(size.x, max(size.y, size.z));
    vec3 position_ws = corner + hit.uv.x * e1 + hit.uv.y * e2 + offset;

    int material = first_material_texel(hit.triangle);
    vec4 base_color = fetch_texel(ray_scene_materials, material);
    vec4 emission_cutoff = fetch_texel(ray_scene_materials, material + 1);
    vec3 emission = is_dark_side(material, is_behind) ? vec3(0.0) : emission_cutoff.rgb;
#ifdef ENTRY_FULL
    VertexAttributes attributes = interpolate_attributes(hit.triangle, weights, material);
    vec2 metallic_roughness = sample_metallic_roughness(material, attributes);
    base_color *= attributes.color * sample_material_texture(material + ALBEDO_TEXTURE_TEXEL, attributes, false);
    emission *= sample_material_texture(material + EMISSION_TEXTURE_TEXEL, attributes, false).rgb;
    emission *= emission_tint(attributes, material);
    float metallic = metallic_roughness.x;
    vec3 albedo = base_color.rgb * (1.0 - metallic);
    // a ray that meets it meets what it reflects, or what it absorbs
    if (is_transmissive(emission_cutoff)) {
        albedo *= base_color.a / max(transmissive_coverage(base_color, metallic), TINY);
    }
    vec3 f0 = fetch_texel(ray_scene_materials, material + 3).rgb;
    if (RAY_MATERIALS_HAVE_F0_TEXTURES) {
        f0 *= sample_material_texture(material + F0_TEXTURE_TEXEL, attributes, false).rgb;
    }
    f0 = mix(f0, base_color.rgb, metallic);
    return Surface(position_ws, normal_ws, geometric_normal_ws, albedo, emission, f0, metallic_roughness.y);
#else
    vec2 uv = interpolate_uv(hit.triangle, weights);
    vec4 albedo_location = fetch_texel(ray_scene_materials, material + ALBEDO_TEXTURE_TEXEL);
    vec3 albedo = base_color.rgb * sample_texture(albedo_location, uv, false).rgb;
    emission *= sample_texture(fetch_texel(ray_scene_materials, material + EMISSION_TEXTURE_TEXEL), uv, false).rgb;
    return Surface(position_ws, normal_ws, geometric_normal_ws, albedo, emission);
#endif
}
