// Path tracing: the radiance of a surface that a ray hits, emitted and reflected up to `paths.max_bounces` times.
#include <paths>
#include "common/random.glsl"
#include "common/environment.glsl"
#include "common/ray_scene.glsl"
#include "common/environment_sampling.glsl"
#ifdef ENTRY_FULL
#include "common/specular.glsl"
#include "common/punctual_lights.glsl"
uniform sampler2D full_environment;
#endif

uint rng_state;

float random() {
    rng_state = pcg_hash(rng_state);
    return unit_float(rng_state);
}

// Whether light along `l` reaches the surface from outside, by its geometric normal.
bool is_above(vec3 geometric_normal_ws, vec3 l_ws) { return dot(geometric_normal_ws, l_ws) > 0.0; }

// Irradiance from a point on the sun's disk.
vec3 sample_sun(Surface surface) {
    float radius = sqrt(random()) * frame.tan_sun_radius;
    float azimuth = 2.0 * PI * random();
    vec3 local = vec3(radius * cos(azimuth), radius * sin(azimuth), 1.0);
    vec3 l_ws = normalize(orthonormal_basis(frame.sun_direction_ws) * local);
    float cosine = dot(surface.normal_ws, l_ws);
    if (frame.sun_irradiance == vec3(0.0) || cosine <= 0.0 || !is_above(surface.geometric_normal_ws, l_ws)) {
        return vec3(0.0);
    }
    return is_occluded(surface.position_ws, l_ws, 1e30) ? vec3(0.0) : frame.sun_irradiance * cosine;
}

// Irradiance from the bright part of the environment, by importance sampling. `l_ws`: the sampled direction.
vec3 sample_bright_environment(
    vec3 p_ws, vec3 normal_ws, vec3 geometric_normal_ws, uint random_bits, out vec3 l_ws
) {
    l_ws = normal_ws;
    if (environment_sampling.texel_count == 0) return vec3(0.0);
    float u1 = random();
    float u2 = random();
    LightSample light = sample_environment(random_bits, vec2(u1, u2));
    l_ws = light.direction_ws;
    float cosine = dot(normal_ws, l_ws);
    if (cosine <= 0.0 || !is_above(geometric_normal_ws, l_ws)) return vec3(0.0);
    return is_occluded(p_ws, l_ws, paths.max_distance) ? vec3(0.0) : light.radiance * cosine;
}

#ifdef ENTRY_FULL
// Irradiance from one punctual light, chosen at random and weighted for all. `l_ws`: the direction to it.
vec3 sample_punctual_light(Surface surface, out vec3 l_ws) {
    l_ws = surface.normal_ws;
    if (lights.count == 0) return vec3(0.0);
    vec4 to_light;
    int index = min(int(random() * float(lights.count)), lights.count - 1);
    vec3 irradiance = compute_unshadowed_irradiance(fetch_light(index), surface.position_ws, to_light);
    l_ws = to_light.xyz;
    float cosine = dot(surface.normal_ws, l_ws);
    if (irradiance == vec3(0.0) || cosine <= 0.0 || !is_above(surface.geometric_normal_ws, l_ws)) return vec3(0.0);
    if (is_occluded(surface.position_ws, l_ws, to_light.w * 0.99999)) return vec3(0.0);
    return irradiance * cosine * float(lights.count);
}

// Radiance of the bright part of the environment, for intensity 1. `environment_background` holds the dim part.
vec3 bright_radiance(vec3 direction_ws) {
    vec2 uv = latlong_uv(direction_ws);
    return textureLod(full_environment, uv, 0.0).rgb - textureLod(environment_background, uv, 0.0).rgb;
}

// Weight of a ray of the specular lobe against one that samples the bright environment: the balance heuristic of Veach,
// Guibas, Optimally Combining Sampling Techniques, SIGGRAPH 1995. `probability`: of sampling the lobe at all.
float specular_mis_weight(vec3 n, vec3 v, vec3 l, float alpha, float probability) {
    float nv = max(dot(n, v), 1e-3);
    float pdf = probability * masking(nv, alpha) * ggx_distribution(n, normalize(v + l), alpha) / (4.0 * nv);
    return pdf / max(pdf + environment_sampling.density * dot(bright_radiance(l), vec3(1.0)), 1e-20);
}

// Radiance of the environment along a ray of the specular lobe.
vec3 specular_miss_radiance(vec3 direction_ws, float mis_weight) {
    return background_radiance(direction_ws) + mis_weight * frame.sky_intensity * bright_radiance(direction_ws);
}

// Probability of sampling the specular lobe, not the diffuse one.
float specular_probability(Surface surface, vec3 v) {
    vec3 albedo = specular_albedo(surface.f0, surface.roughness, dot(surface.normal_ws, v));
    float specular = dot(albedo, vec3(1.0));
    float diffuse = dot(surface.albedo, vec3(1.0));
    return specular / max(specular + diffuse, 1e-6);
}

// Samples the direction `l` in which a path goes on and returns its weight. `mis_weight`: of the bright environment.
vec3 sample_bsdf(Surface surface, vec3 v, out vec3 l, out float mis_weight) {
    mat3 ws_from_local = orthonormal_basis(surface.normal_ws);
    float alpha = alpha_from_roughness(surface.roughness);
    float probability = specular_probability(surface, v);
    float u1 = random();
    float u2 = random();
    vec2 disk = sample_disk(u1, u2);
    mis_weight = 0.0;
    if (random() < probability) {
        vec3 l_local = sample_reflection(v * ws_from_local, alpha, disk);
        l = ws_from_local * l_local;
        if (l_local.z <= 0.0) return vec3(0.0);
        mis_weight = specular_mis_weight(surface.normal_ws, v, l, alpha, probability);
        return fresnel(surface.f0, dot(v, normalize(v + l))) * masking(l_local.z, alpha) / probability;
    }
    l = ws_from_local * vec3(disk, sqrt(1.0 - u1));
    vec3 specular = specular_albedo(surface.f0, surface.roughness, dot(surface.normal_ws, v));
    return (1.0 - specular) * surface.albedo / (1.0 - probability);
}

// Radiance reflected towards `v` of light from `l`. `with_mis`: the light is the bright part of the environment, which
// rays of the specular lobe find too.
vec3 reflect_light(Surface surface, vec3 v, vec3 l, vec3 irradiance, bool with_mis) {
    if (irradiance == vec3(0.0)) return vec3(0.0);
    vec3 n = surface.normal_ws;
    float alpha = alpha_from_roughness(surface.roughness);
    vec3 specular = surface.f0 == vec3(0.0) ? vec3(0.0) : specular_brdf(n, v, l, surface.f0, alpha);
    if (with_mis) specular *= 1.0 - specular_mis_weight(n, v, l, alpha, specular_probability(surface, v));
    vec3 diffuse = (1.0 - specular_albedo(surface.f0, surface.roughness, dot(n, v))) * surface.albedo / PI;
    return irradiance * (diffuse + specular);
}

vec3 trace_outgoing_radiance(Hit hit, vec3 direction_ws) {
    Surface surface = fetch_surface(hit, direction_ws);
    vec3 radiance = surface.emission;
    vec3 throughput = vec3(1.0);
    for (int bounce = 1; bounce <= paths.max_bounces; bounce++) {
        vec3 v = -direction_ws;
        vec3 irradiance = sample_sun(surface);
        radiance += throughput * reflect_light(surface, v, frame.sun_direction_ws, irradiance, false);
        vec3 l;
        irradiance = sample_punctual_light(surface, l);
        radiance += throughput * reflect_light(surface, v, l, irradiance, false);
        rng_state = pcg_hash(rng_state);
        irradiance = sample_bright_environment(
            surface.position_ws, surface.normal_ws, surface.geometric_normal_ws, rng_state, l
        );
        radiance += throughput * reflect_light(surface, v, l, irradiance, true);
        float mis_weight;
        throughput *= sample_bsdf(surface, v, direction_ws, mis_weight);
        if (throughput == vec3(0.0)) return radiance;
        if (!is_above(surface.geometric_normal_ws, direction_ws)) return radiance;
        hit = intersect(surface.position_ws, direction_ws, paths.max_distance, false);
        if (hit.triangle < 0) return radiance + throughput * specular_miss_radiance(direction_ws, mis_weight);
        if (bounce == paths.max_bounces) break;
        surface = fetch_surface(hit, direction_ws);
        radiance += throughput * surface.emission;
    }
    return radiance;
}
#else
vec3 trace_outgoing_radiance(Hit hit, vec3 direction_ws) {
    Surface surface = fetch_surface(hit, direction_ws);
    vec3 radiance = surface.emission;
    vec3 throughput = vec3(1.0);
    for (int bounce = 1; bounce <= paths.max_bounces; bounce++) {
        throughput *= surface.albedo;
        radiance += throughput / PI * sample_sun(surface);
        rng_state = pcg_hash(rng_state);
        vec3 l;
        radiance += throughput / PI * sample_bright_environment(
            surface.position_ws, surface.normal_ws, surface.geometric_normal_ws, rng_state, l
        );
        float u1 = random();
        float u2 = random();
        direction_ws = orthonormal_basis(surface.normal_ws) * sample_cosine_hemisphere(u1, u2);
        hit = intersect(surface.position_ws, direction_ws, paths.max_distance, false);
        if (hit.triangle < 0) return radiance + throughput * background_radiance(direction_ws);
        if (bounce == paths.max_bounces) break;
        surface = fetch_surface(hit, direction_ws);
        radiance += throughput * surface.emission;
    }
    return radiance;
}
#endif
