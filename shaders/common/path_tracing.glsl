// What light leaves a surface that a ray meets: what it emits, and what it reflects, followed with rays up to `bounces`
// times.
#include <paths>
#include "common/random.glsl"
#include "common/environment.glsl"
#include "common/ray_scene.glsl"
#include "common/environment_sampling.glsl"
#ifdef ENTRY_FULL
#include "common/specular.glsl"
#include "common/punctual_lights.glsl"
uniform sampler2D whole_environment;
#endif

uint state;

float random() { return unit(state = hashed(state)); }

vec3 sunlight(Surface s) {
    float u = sqrt(random()) * frame.sun_tangent, turn = 2.0 * PI * random();
    vec3 w = normalize(basis(frame.sun_direction) * vec3(u * cos(turn), u * sin(turn), 1.0));
    float cosine = dot(s.n_ws, w);
    if (frame.sun_irradiance == vec3(0.0) || cosine <= 0.0 || dot(s.flat_ws, w) <= 0.0) return vec3(0.0);
    return met(s.p_ws, w, 1e30, true).triangle < 0 ? frame.sun_irradiance * cosine : vec3(0.0);
}

// Irradiance from the environment's bright part; flat_ws as above, the same as n_ws where it is not known.
vec3 bright_light(vec3 p_ws, vec3 n_ws, vec3 flat_ws, uint pick, out vec3 l) {
    l = n_ws;
    if (bright.count == 0) return vec3(0.0);
    float x = random(), y = random();
    Aimed light = aimed(pick, vec2(x, y));
    l = light.w_ws;
    float cosine = dot(n_ws, light.w_ws);
    if (cosine <= 0.0 || dot(flat_ws, light.w_ws) <= 0.0) return vec3(0.0);
    return met(p_ws, light.w_ws, paths.reach, true).triangle < 0 ? light.radiance * cosine : vec3(0.0);
}

#ifdef ENTRY_FULL
// Irradiance at a surface from one of the lamps, for all of them; l: where it comes from.
vec3 lamplight(Surface s, out vec3 l) {
    l = s.n_ws;
    if (lamps.count == 0) return vec3(0.0);
    vec4 to;
    vec3 e = irradiance_from(lamp_of(min(int(random() * float(lamps.count)), lamps.count - 1)), s.p_ws, to);
    float cosine = dot(s.n_ws, l = to.xyz);
    if (e == vec3(0.0) || cosine <= 0.0 || dot(s.flat_ws, l) <= 0.0) return vec3(0.0);
    return met(s.p_ws, l, to.w * 0.99999, true).triangle < 0 ? e * cosine * float(lamps.count) : vec3(0.0);
}

// The bright part of the environment is met by rays that are aimed at it and by those that a lobe sends there by
// itself: each counts by how likely it is to be there (Veach, Guibas, Optimally Combining Sampling Techniques, SIGGRAPH
// 1995, the balance heuristic).
vec3 remainder(vec3 w) { return textureLod(whole_environment, latlong(w), 0.0).rgb - textureLod(environment_background, latlong(w), 0.0).rgb; }

// chance: with which a ray goes into the lobe at all.
float lobes_part(vec3 n, vec3 v, vec3 w, float alpha, float chance) {
    float nv = max(dot(n, v), 1e-3), density = chance * masking(nv, alpha) * ggx(n, normalize(v + w), alpha) / (4.0 * nv);
    return density / max(density + bright.density * dot(remainder(w), vec3(1.0)), 1e-20);
}

// Radiance that a ray of a lobe finds in the environment.
vec3 lobe_finds(vec3 w, float part) { return radiance_from(w) + part * frame.sky_intensity * remainder(w); }

float chance_of_lobe(Surface s, vec3 v) {
    float lobe = dot(reflectance(s.f0, s.roughness, dot(s.n_ws, v)), vec3(1.0)), white = dot(s.albedo, vec3(1.0));
    return lobe / max(lobe + white, 1e-6);
}

// The direction in which light goes on from a surface that is seen from v, and what share of it: the lobe as likely as
// what it reflects. part: of the environment's bright part that is left to this ray to find.
vec3 onward(Surface s, vec3 v, out vec3 w, out float part) {
    mat3 from_local = basis(s.n_ws);
    float alpha = alpha_of(s.roughness), chance = chance_of_lobe(s, v), u = random(), turn = random();
    vec2 disc = sqrt(u) * vec2(cos(2.0 * PI * turn), sin(2.0 * PI * turn));
    part = 0.0;
    if (random() < chance) {
        vec3 v_local = v * from_local, l = reflected(v_local, alpha, disc);
        w = from_local * l;
        if (l.z <= 0.0) return vec3(0.0);
        part = lobes_part(s.n_ws, v, w, alpha, chance);
        return fresnel(s.f0, dot(v, normalize(v + w))) * masking(l.z, alpha) / chance;
    }
    w = from_local * vec3(disc, sqrt(1.0 - u));
    return (1.0 - reflectance(s.f0, s.roughness, dot(s.n_ws, v))) * s.albedo / (1.0 - chance);
}

// What a surface reflects towards v of light that arrives from l with this irradiance. aimed: the light is the
// environment's bright part.
vec3 reflects(Surface s, vec3 v, vec3 l, vec3 irradiance, bool aimed) {
    if (irradiance == vec3(0.0)) return vec3(0.0);
    float alpha = alpha_of(s.roughness);
    vec3 lobe = s.f0 == vec3(0.0) ? vec3(0.0) : lobe_of(s.n_ws, v, l, s.f0, alpha);
    if (aimed) lobe *= 1.0 - lobes_part(s.n_ws, v, l, alpha, chance_of_lobe(s, v));
    return irradiance * ((1.0 - reflectance(s.f0, s.roughness, dot(s.n_ws, v))) * s.albedo / PI + lobe);
}

vec3 radiance_of(Hit hit, vec3 w) {
    Surface s = surface_at(hit, w);
    vec3 sum = s.emission, rho = vec3(1.0), l;
    for (int k = 1; k <= paths.bounces; k++) {
        vec3 v = -w, e = sunlight(s);
        sum += rho * reflects(s, v, frame.sun_direction, e, false);
        e = lamplight(s, l);
        sum += rho * reflects(s, v, l, e, false);
        state = hashed(state);
        e = bright_light(s.p_ws, s.n_ws, s.flat_ws, state, l);
        sum += rho * reflects(s, v, l, e, true);
        float part;
        rho *= onward(s, v, w, part);
        if (rho == vec3(0.0)) return sum;
        if (dot(s.flat_ws, w) <= 0.0) return sum;
        hit = met(s.p_ws, w, paths.reach, false);
        if (hit.triangle < 0) return sum + rho * lobe_finds(w, part);
        if (k == paths.bounces) break;
        s = surface_at(hit, w);
        sum += rho * s.emission;
    }
    return sum;
}
#else
// Radiance that leaves what a ray met, towards where it came from: emitted, and reflected up to `bounces` times.
vec3 radiance_of(Hit hit, vec3 w) {
    Surface s = surface_at(hit, w);
    vec3 sum = s.emission, rho = vec3(1.0);
    for (int k = 1; k <= paths.bounces; k++) {
        rho *= s.albedo;
        sum += rho / PI * sunlight(s);
        state = hashed(state);
        vec3 l;
        sum += rho / PI * bright_light(s.p_ws, s.n_ws, s.flat_ws, state, l);
        float u = random();
        w = basis(s.n_ws) * cosine_direction(u, random());
        hit = met(s.p_ws, w, paths.reach, false);
        if (hit.triangle < 0) return sum + rho * radiance_from(w);
        if (k == paths.bounces) break;
        s = surface_at(hit, w);
        sum += rho * s.emission;
    }
    return sum;
}
#endif
