// How bright is every point in truth: which directions see the environment, and what comes from the surfaces that close the others?
// reads  gbuffer, environment, all triangles      writes  irradiance; the open share in a of direct
// after  Kajiya, The Rendering Equation, 1986, with a ray to the sun at every hit; cosine-weighted, so that cosine and 1/pi cancel
// cannot find a small bright spot of the environment but by chance: sun and lamps that small need many frames
#include <reference>
#include "common/screen.glsl"
#include "common/pattern.glsl"
#include "common/environment.glsl"
#include "common/tracing.glsl"
layout(location = 0) out vec4 direct;
layout(location = 1) out vec4 indirect;

uint state;

// O'Neill, PCG, 2014, as a hash: Jarzynski, Olano, Hash Functions for GPU Rendering, JCGT 2020.
uint hashed(uint x) {
    uint s = x * 747796405u + 2891336453u, word = ((s >> ((s >> 28) + 4u)) ^ s) * 277803737u;
    return (word >> 22) ^ word;
}

float unit(uint x) { return float(x >> 8) / 16777216.0; }

float random() { return unit(state = hashed(state)); }

vec3 cosine_direction(float u, float turn) {
    return vec3(sqrt(u) * vec2(cos(2.0 * PI * turn), sin(2.0 * PI * turn)), sqrt(1.0 - u));
}

vec3 sunlight(Surface s) {
    float u = sqrt(random()) * frame.sun_tangent, turn = 2.0 * PI * random();
    vec3 w = normalize(basis(frame.sun_direction) * vec3(u * cos(turn), u * sin(turn), 1.0));
    float cosine = dot(s.n_ws, w);
    if (frame.sun_irradiance == vec3(0.0) || cosine <= 0.0 || dot(s.flat_ws, w) <= 0.0) return vec3(0.0);
    return met(s.p_ws, w, 1e30, true).triangle < 0 ? frame.sun_irradiance * cosine : vec3(0.0);
}

// Radiance that leaves what a ray met, towards where it came from: emitted, and reflected up to `bounces` times.
vec3 radiance_of(Hit hit, vec3 w) {
    Surface s = surface_at(hit, w);
    vec3 sum = s.emission, rho = vec3(1.0);
    for (int k = 1; k <= reference.bounces; k++) {
        rho *= s.albedo;
        sum += rho / PI * sunlight(s);
        float u = random();
        w = basis(s.n_ws) * cosine_direction(u, random());
        hit = met(s.p_ws, w, reference.reach, false);
        if (hit.triangle < 0) return sum + rho * radiance_from(w);
        if (k == reference.bounces) break;
        s = surface_at(hit, w);
        sum += rho * s.emission;
    }
    return sum;
}

void main() {
    direct = vec4(0.0, 0.0, 0.0, 1.0);
    indirect = vec4(0.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    mat3 ws_from_local = basis(normalize(normal_ws_at(uv_here())));
    vec3 p_ws = (frame.world_from_view * vec4(vs_from_uv(uv_here(), depth), 1.0)).xyz;
    vec3 size = abs(p_ws) + abs(frame.eye);
    p_ws += ws_from_local[2] * 1e-5 * max(depth, max(size.x, max(size.y, size.z)));
    // Roberts' sequence R2 (2018) runs on through all frames; where it starts is random for each pixel and seed.
    uint start = hashed(uint(gl_FragCoord.x) + hashed(uint(gl_FragCoord.y) + hashed(uint(frame.index) >> 16))), turn = hashed(start);
    vec4 open = vec4(0.0);
    vec3 closed = vec3(0.0);
    for (int i = 0; i < reference.rays; i++) {
        uint number = (uint(frame.index) & 65535u) * uint(reference.rays) + uint(i);
        state = hashed(start ^ hashed(number));
        vec3 w = ws_from_local * cosine_direction(unit(start + number * 3242174889u), unit(turn + number * 2447445413u));
        Hit hit = met(p_ws, w, reference.reach, false);
        if (hit.triangle < 0) open += vec4(radiance_from(w), 1.0);
        else closed += radiance_of(hit, w);
    }
    direct = open / float(reference.rays) * vec4(vec3(PI), 1.0);
    indirect = vec4(closed / float(reference.rays) * PI, 1.0);
}
