// Path tracing: the radiance of a surface that a ray hits, emitted and reflected up to `paths.max_bounces` times. All
// light is reflected as often: of the environment, the sun, punctual lights and emissive surfaces.
//
// Light that a shading normal lets in from below the geometric surface is that of the mirrored direction. Other path
// tracers lose it (Schuessler, Heitz, Hanika, Dachsbacher, Microfacet-Based Normal Mapping, SIGGRAPH Asia 2017).
#include <paths>
#include "common/random.glsl"
#include "common/environment.glsl"
#include "common/ray_scene.glsl"
#include "common/environment_sampling.glsl"
#include "common/emitter_sampling.glsl"
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

// Cosine of light from above the geometric surface, and of its mirror image below.
float mirrored_cosine(vec3 normal_ws, vec3 geometric_normal_ws, vec3 l_ws) {
    return max(dot(normal_ws, l_ws), 0.0) + max(dot(normal_ws, reflect(l_ws, geometric_normal_ws)), 0.0);
}

// The bright part of the environment, by importance sampling: visible radiance over density, and its direction.
LightSample sample_bright_environment(vec3 p_ws, vec3 normal_ws, vec3 geometric_normal_ws, uint random_bits) {
    LightSample light = LightSample(normal_ws, vec3(0.0));
    float u1 = random();  // also without bright texels: paths go on in the same directions in any light
    float u2 = random();
    if (environment_sampling.texel_count == 0) return light;
    light = sample_environment(random_bits, vec2(u1, u2));
    bool is_lit = is_above(geometric_normal_ws, light.direction_ws)
        && mirrored_cosine(normal_ws, geometric_normal_ws, light.direction_ws) > 0.0;
    if (!is_lit || is_occluded(p_ws, light.direction_ws, paths.max_distance)) light.radiance = vec3(0.0);
    return light;
}

// A point of an emissive surface; its radiance is 0 where it is hidden. Its random numbers are its own, so that all else
// is drawn the same without emitters.
EmitterSample sample_visible_emitter(vec3 p_ws, vec3 normal_ws, vec3 geometric_normal_ws) {
    EmitterSample light = EmitterSample(normal_ws, 0.0, vec3(0.0), 0.0);
    if (!EMITTERS_SAMPLED) return light;
    uint random_bits = pcg_hash(rng_state ^ 0x9e3779b9u);
    uint next_bits = pcg_hash(random_bits);
    vec2 u = vec2(unit_float(next_bits), unit_float(pcg_hash(next_bits)));
    light = sample_emitter(p_ws, random_bits, u);
    bool is_lit = is_above(geometric_normal_ws, light.direction_ws) && light.distance < paths.max_distance
        && mirrored_cosine(normal_ws, geometric_normal_ws, light.direction_ws) > 0.0 && light.radiance != vec3(0.0);
    if (!is_lit || is_occluded(p_ws, light.direction_ws, light.distance * 0.9999)) light.radiance = vec3(0.0);
    return light;
}

// Weight of a sample with one density against one with the other: the balance heuristic of Veach, Guibas, Optimally
// Combining Sampling Techniques, SIGGRAPH 1995.
float balance_heuristic(float density, float other) { return density / max(density + other, 1e-20); }

// Irradiance from a sampled emitter, against rays with a density of cosine / pi.
vec3 emitter_irradiance(EmitterSample light, vec3 normal_ws, vec3 geometric_normal_ws) {
    float cosine = max(dot(normal_ws, light.direction_ws), 0.0);
    float mirrored = max(dot(normal_ws, reflect(light.direction_ws, geometric_normal_ws)), 0.0);
    return light.radiance * (cosine * balance_heuristic(light.density, cosine / PI)
        + mirrored * balance_heuristic(light.density, mirrored / PI));
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

// Alpha of the rays of a lobe. That of a mirror is narrower than what lights are evaluated with: it loses no ray.
float ray_alpha(float alpha) { return alpha > MIN_ALPHA ? alpha : 0.0; }

// Probability density with which the rays of a lobe sample `l`. Rays alone find the light of a mirror.
float specular_density(vec3 n, vec3 v, vec3 l, float alpha) {
    if (alpha <= MIN_ALPHA) return 1e30;
    float nv = max(dot(n, v), 1e-3);
    return masking(nv, alpha) * ggx_distribution(n, normalize(v + l), alpha) / (4.0 * nv);
}

// Density with which the bright environment is sampled.
float environment_density(vec3 l) { return environment_sampling.density * dot(bright_radiance(l), vec3(1.0)); }

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

// Samples the direction in which a path goes on and returns its weight. `l_ws` is above the geometric surface.
// `environment_weight`: of the bright environment, which is left to its samples by rays of the diffuse part.
vec3 sample_bsdf(Surface surface, vec3 v, out vec3 l_ws, out float density, out float environment_weight) {
    mat3 ws_from_local = orthonormal_basis(surface.normal_ws);
    float alpha = alpha_from_roughness(surface.roughness);
    float probability = specular_probability(surface, v);
    float u1 = random();
    float u2 = random();
    vec2 disk = sample_disk(u1, u2);
    environment_weight = 0.0;
    density = 0.0;
    if (random() < probability) {
        vec3 l_local = sample_reflection(v * ws_from_local, ray_alpha(alpha), disk);
        if (l_local.z <= 0.0) return vec3(0.0);
        vec3 l = ws_from_local * l_local;
        l_ws = reflect_above_surface(l, surface.geometric_normal_ws);
        density = probability * specular_density(surface.normal_ws, v, l, alpha);
        environment_weight = balance_heuristic(density, environment_density(l_ws));
        return fresnel(surface.f0, dot(v, normalize(v + l))) * masking(l_local.z, ray_alpha(alpha)) / probability;
    }
    density = (1.0 - probability) * sqrt(1.0 - u1) / PI;
    l_ws = reflect_above_surface(ws_from_local * vec3(disk, sqrt(1.0 - u1)), surface.geometric_normal_ws);
    vec3 specular = specular_albedo(surface.f0, surface.roughness, dot(surface.normal_ws, v));
    return (1.0 - specular) * surface.albedo / (1.0 - probability);
}

// Radiance reflected towards `v` of light from `l`. `weights`: of its diffuse and its specular reflection.
vec3 reflect_light(Surface surface, vec3 v, vec3 l, vec3 irradiance, vec2 weights) {
    if (irradiance == vec3(0.0)) return vec3(0.0);
    vec3 n = surface.normal_ws;
    float alpha = alpha_from_roughness(surface.roughness);
    vec3 specular = surface.f0 == vec3(0.0) ? vec3(0.0) : specular_brdf(n, v, l, surface.f0, alpha);
    vec3 diffuse = (1.0 - specular_albedo(surface.f0, surface.roughness, dot(n, v))) * surface.albedo / PI;
    return irradiance * (weights.x * diffuse + weights.y * specular);
}

// The same of a sample with a density, and of its mirror image. Rays of the specular lobe find such light too, and so do
// those of the diffuse part if `is_found_by_diffuse` is 1, not 0.
vec3 reflect_sample(
    Surface surface, vec3 v, vec3 l, vec3 radiance, float light_density, float is_found_by_diffuse
) {
    vec3 sum = vec3(0.0);
    if (radiance == vec3(0.0)) return sum;
    float alpha = alpha_from_roughness(surface.roughness);
    float probability = specular_probability(surface, v);
    for (int i = 0; i < 2; i++) {
        float cosine = max(dot(surface.normal_ws, l), 0.0);
        float diffuse_density = is_found_by_diffuse * (1.0 - probability) * cosine / PI;
        vec2 weights = vec2(
            balance_heuristic(light_density, diffuse_density),
            balance_heuristic(light_density, probability * specular_density(surface.normal_ws, v, l, alpha))
        );
        sum += reflect_light(surface, v, l, cosine * radiance, weights);
        l = reflect(l, surface.geometric_normal_ws);
    }
    return sum;
}

// `density`: with which the ray was sampled, where emitters are sampled too.
vec3 trace_outgoing_radiance(Hit hit, vec3 direction_ws, float density) {
    Surface surface = fetch_surface(hit, direction_ws);
    vec3 radiance = balance_heuristic(density, emitter_density(hit, direction_ws)) * surface.emission;
    vec3 throughput = vec3(1.0);
    for (int bounce = 1; bounce <= paths.max_bounces; bounce++) {
        vec3 v = -direction_ws;
        vec3 irradiance = sample_sun(surface);
        radiance += throughput * reflect_light(surface, v, frame.sun_direction_ws, irradiance, vec2(1.0));
        vec3 l;
        irradiance = sample_punctual_light(surface, l);
        radiance += throughput * reflect_light(surface, v, l, irradiance, vec2(1.0));
        rng_state = pcg_hash(rng_state);
        LightSample light = sample_bright_environment(
            surface.position_ws, surface.normal_ws, surface.geometric_normal_ws, rng_state
        );
        l = light.direction_ws;
        radiance += throughput * reflect_sample(surface, v, l, light.radiance, environment_density(l), 0.0);
        EmitterSample emitter = sample_visible_emitter(
            surface.position_ws, surface.normal_ws, surface.geometric_normal_ws
        );
        l = emitter.direction_ws;
        radiance += throughput * reflect_sample(surface, v, l, emitter.radiance, emitter.density, 1.0);
        float environment_weight;
        throughput *= sample_bsdf(surface, v, direction_ws, density, environment_weight);
        if (throughput == vec3(0.0)) return radiance;
        hit = intersect(surface.position_ws, direction_ws, paths.max_distance, false);
        if (hit.triangle < 0) return radiance + throughput * specular_miss_radiance(direction_ws, environment_weight);
        vec3 throughput_of_emission = throughput * balance_heuristic(density, emitter_density(hit, direction_ws));
        if (bounce == paths.max_bounces) return radiance + throughput_of_emission * fetch_emission(hit, direction_ws);
        surface = fetch_surface(hit, direction_ws);
        radiance += throughput_of_emission * surface.emission;
    }
    return radiance;
}
#else
vec3 trace_outgoing_radiance(Hit hit, vec3 direction_ws, float density) {
    Surface surface = fetch_surface(hit, direction_ws);
    vec3 radiance = balance_heuristic(density, emitter_density(hit, direction_ws)) * surface.emission;
    vec3 throughput = vec3(1.0);
    for (int bounce = 1; bounce <= paths.max_bounces; bounce++) {
        throughput *= surface.albedo;
        radiance += throughput / PI * sample_sun(surface);
        rng_state = pcg_hash(rng_state);
        LightSample light = sample_bright_environment(
            surface.position_ws, surface.normal_ws, surface.geometric_normal_ws, rng_state
        );
        float cosine = mirrored_cosine(surface.normal_ws, surface.geometric_normal_ws, light.direction_ws);
        radiance += throughput / PI * cosine * light.radiance;
        EmitterSample emitter = sample_visible_emitter(
            surface.position_ws, surface.normal_ws, surface.geometric_normal_ws
        );
        radiance += throughput / PI * emitter_irradiance(emitter, surface.normal_ws, surface.geometric_normal_ws);
        float u1 = random();
        float u2 = random();
        direction_ws = orthonormal_basis(surface.normal_ws) * sample_cosine_hemisphere(u1, u2);
        direction_ws = reflect_above_surface(direction_ws, surface.geometric_normal_ws);
        hit = intersect(surface.position_ws, direction_ws, paths.max_distance, false);
        if (hit.triangle < 0) return radiance + throughput * background_radiance(direction_ws);
        density = sqrt(1.0 - u1) / PI;
        vec3 throughput_of_emission = throughput * balance_heuristic(density, emitter_density(hit, direction_ws));
        if (bounce == paths.max_bounces) return radiance + throughput_of_emission * fetch_emission(hit, direction_ws);
        surface = fetch_surface(hit, direction_ws);
        radiance += throughput_of_emission * surface.emission;
    }
    return radiance;
}
#endif

// Of a ray from a point where emitters are not sampled.
vec3 trace_outgoing_radiance(Hit hit, vec3 direction_ws) { return trace_outgoing_radiance(hit, direction_ws, 1e30); }
