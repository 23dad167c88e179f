// Sampling of emissive triangles, each in proportion to its light: area times mean radiance.
#include <emitters>
#include "common/ray_scene.glsl"

uniform sampler2D emitter_triangles;  // cumulative probability; triangle; its area over its probability

struct EmitterSample {
    vec3 direction_ws;
    float distance;
    vec3 radiance;  // divided by the density over solid angle
    float density;  // over solid angle, as `emitter_density`
};

// Density over solid angle with which a point that a ray hits is sampled. 0: rays alone find it.
float emitter_density(Hit hit, vec3 direction) {
    if (!EMITTERS_SAMPLED) return 0.0;
    float density = fetch_texel(ray_scene_materials, first_material_texel(hit.triangle) + EMISSION_TEXTURE_TEXEL + 1).w;
    if (density == 0.0) return 0.0;
    vec3 e1 = fetch_texel(ray_scene_triangles, 3 * hit.triangle + 1).xyz;
    vec3 e2 = fetch_texel(ray_scene_triangles, 3 * hit.triangle + 2).xyz;
    float cosine = abs(dot(normalize(cross(e1, e2)), direction));
    return density * hit.t * hit.t / max(cosine, 1e-6);
}

// `random_bits` chooses the triangle, `u` a point that is uniform on it. Its density is the triangle's own.
EmitterSample sample_emitter(vec3 p_ws, uint random_bits, vec2 u) {
    int low = 0;
    int high = emitters.count - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (fetch_texel(emitter_triangles, middle).x > float(random_bits >> 8)) high = middle;
        else low = middle + 1;
    }
    vec4 emitter = fetch_texel(emitter_triangles, low);
    int triangle = int(emitter.y);
    vec4 corner = fetch_texel(ray_scene_triangles, 3 * triangle);
    vec3 e1 = fetch_texel(ray_scene_triangles, 3 * triangle + 1).xyz;
    vec3 e2 = fetch_texel(ray_scene_triangles, 3 * triangle + 2).xyz;
    float edge = sqrt(u.x);
    vec2 uv = vec2(edge * (1.0 - u.y), edge * u.y);
    vec3 to_light = corner.xyz + uv.x * e1 + uv.y * e2 - p_ws;
    float distance2 = max(dot(to_light, to_light), 1e-12);
    Hit hit = Hit(sqrt(distance2), triangle, uv);
    vec3 direction_ws = to_light / hit.t;
    float cosine = abs(dot(normalize(cross(e1, e2)), direction_ws));
    vec3 radiance = fetch_emission(hit, direction_ws) * cosine / distance2 * emitter.z;
#ifdef ENTRY_FULL
    if (corner.w > 1.5 && is_masked(triangle, uv)) radiance = vec3(0.0);
#endif
    return EmitterSample(direction_ws, hit.t, radiance, emitter_density(hit, direction_ws));
}
