// Path-traced reference: which directions see the environment, and what light do the surfaces along the others send?
// reads   G-buffer, environment, all triangles, materials and lights
// writes  direct.rgb, indirect.rgb: irradiance; direct.a: visibility; specular.rgb: mean radiance of the lobe
// source  Kajiya, The Rendering Equation, SIGGRAPH 1986; the bright part of the environment has rays of its own
// limits  noisy until many frames are averaged; what rays hit shows no normal maps
#include <reference>
#ifdef ENTRY_SPECULAR
#define ENTRY_FULL
#endif
#include "common/path_tracing.glsl"

layout(location = 0) out vec4 out_direct;
layout(location = 1) out vec4 out_indirect;

// Index of a ray in Roberts' R2 sequence (2018), which runs on through all frames. Its start differs by pixel and seed.
uint ray_index(int ray) { return (uint(frame.index) & 65535u) * uint(reference.rays) + uint(ray); }

vec2 r2_sequence(uint start_x, uint start_y, uint index) {
    return vec2(unit_float(start_x + index * 3242174889u), unit_float(start_y + index * 2447445413u));
}

void trace_hemisphere() {
    out_direct = vec4(0.0, 0.0, 0.0, 1.0);
    out_indirect = vec4(0.0);
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    if (!is_surface(depth)) return;

    mat3 ws_from_local = orthonormal_basis(normalize(normal_ws_at(uv)));
    vec3 geometric_normal_ws = normalize(geometric_normal_ws_at(uv));
    vec3 origin_ws = offset_ray_origin(depth, geometric_normal_ws);
    uint start_x = pcg_hash(uint(gl_FragCoord.x) + pcg_hash(uint(gl_FragCoord.y) + pcg_hash(uint(frame.index) >> 16)));
    uint start_y = pcg_hash(start_x);
    vec4 visible = vec4(0.0);
    vec3 bounced = vec3(0.0);
    vec3 bright = vec3(0.0);
    for (int i = 0; i < reference.rays; i++) {
        uint index = ray_index(i);
        rng_state = pcg_hash(start_x ^ pcg_hash(index));
        vec2 u = r2_sequence(start_x, start_y, index);
        vec3 direction_ws = ws_from_local * sample_cosine_hemisphere(u.x, u.y);
        direction_ws = reflect_above_surface(direction_ws, geometric_normal_ws);
        Hit hit = intersect(origin_ws, direction_ws, paths.max_distance, false);
        if (hit.triangle < 0) visible += vec4(background_radiance(direction_ws), 1.0);
        else bounced += trace_outgoing_radiance(hit, direction_ws, sqrt(1.0 - u.x) / PI);
        uint golden_ratio_sequence = start_y + index * 2654435769u;
        vec3 n = ws_from_local[2];
        LightSample light = sample_bright_environment(origin_ws, n, geometric_normal_ws, golden_ratio_sequence);
        bright += mirrored_cosine(n, geometric_normal_ws, light.direction_ws) * light.radiance;
        EmitterSample emitter = sample_visible_emitter(origin_ws, n, geometric_normal_ws);
        bounced += emitter_irradiance(emitter, n, geometric_normal_ws) / PI;
    }
    out_direct = (visible * vec4(vec3(PI), 1.0) + vec4(bright, 0.0)) / float(reference.rays);
    out_indirect = vec4(bounced / float(reference.rays) * PI, 1.0);
}

void basic() { trace_hemisphere(); }

void full() { trace_hemisphere(); }

#ifdef ENTRY_SPECULAR
layout(location = 2) out vec4 out_specular;

// The mean radiance of the specular lobe: what it reflects, over what it reflects of white light. Surfaces and
// environment are both included, so its visibility is 0. The weight of a ray is that of the direction before it is
// mirrored above the surface: a lobe reflects as much of white light by any normal.
void trace_lobe() {
    out_specular = vec4(0.0);
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    vec4 surface = specular_at(uv);
    if (!is_surface(depth) || surface.rgb == vec3(0.0)) return;

    vec3 n = normalize(normal_ws_at(uv));
    vec3 geometric_normal_ws = normalize(geometric_normal_ws_at(uv));
    vec3 v = view_ws_at(uv);
    vec3 origin_ws = offset_ray_origin(depth, geometric_normal_ws);
    mat3 ws_from_local = orthonormal_basis(n);
    float alpha = alpha_from_roughness(surface.a);
    uint start_x = pcg_hash(uint(gl_FragCoord.y) + pcg_hash(uint(gl_FragCoord.x) + pcg_hash(uint(frame.index) >> 16)));
    uint start_y = pcg_hash(start_x);
    vec3 sum = vec3(0.0);
    Surface lobe = Surface(origin_ws, n, geometric_normal_ws, vec3(0.0), vec3(0.0), surface.rgb, surface.a);
    for (int i = 0; i < reference.rays; i++) {
        uint index = ray_index(i);
        rng_state = pcg_hash(start_y ^ pcg_hash(index));
        vec2 u = r2_sequence(start_x, start_y, index);
        vec3 l_local = sample_reflection(v * ws_from_local, ray_alpha(alpha), sample_disk(u.x, u.y));
        if (l_local.z > 0.0) {
            vec3 l = ws_from_local * l_local;
            vec3 weight = fresnel(surface.rgb, dot(v, normalize(v + l))) * masking(l_local.z, ray_alpha(alpha));
            float density = specular_density(n, v, l, alpha);
            l = reflect_above_surface(l, geometric_normal_ws);
            Hit hit = intersect(origin_ws, l, paths.max_distance, false);
            vec3 radiance;
            if (hit.triangle >= 0) radiance = trace_outgoing_radiance(hit, l, density);
            else radiance = specular_miss_radiance(l, balance_heuristic(density, environment_density(l)));
            sum += weight * radiance;
        }
        LightSample light = sample_bright_environment(origin_ws, n, geometric_normal_ws, pcg_hash(rng_state));
        vec3 l = light.direction_ws;
        sum += reflect_sample(lobe, v, l, light.radiance, environment_density(l), 0.0);
        EmitterSample emitter = sample_visible_emitter(origin_ws, n, geometric_normal_ws);
        sum += reflect_sample(lobe, v, emitter.direction_ws, emitter.radiance, emitter.density, 0.0);
    }
    vec3 albedo = specular_albedo(surface.rgb, surface.a, dot(n, v));
    out_specular.rgb = sum / float(reference.rays) / max(albedo, vec3(1e-4));
}

void specular() {
    trace_hemisphere();
    trace_lobe();
}
#endif
