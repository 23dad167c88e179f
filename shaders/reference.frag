// How bright is every point in truth: which directions see the environment, and what comes from the surfaces that close the others?
// reads  gbuffer, environment, all triangles      writes  irradiance; the open share in a of direct
// after  Kajiya, The Rendering Equation, 1986, with a ray to the sun at every hit; cosine-weighted, so that cosine and 1/pi cancel
// also   the bright part of the environment is met by rays of its own from every point, the dim part by those that go everywhere: as
//        the two add up to the map, nothing counts twice
// cannot find a small lamp, a surface that emits, but by chance: it needs many frames
#include <reference>
#include "common/random.glsl"
#include "common/environment.glsl"
#include "common/tracing.glsl"
#include "common/bright.glsl"
layout(location = 0) out vec4 direct;
layout(location = 1) out vec4 indirect;

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
vec3 bright_light(vec3 p_ws, vec3 n_ws, vec3 flat_ws, uint pick) {
    if (bright.count == 0) return vec3(0.0);
    float x = random(), y = random();
    Aimed light = aimed(pick, vec2(x, y));
    float cosine = dot(n_ws, light.w_ws);
    if (cosine <= 0.0 || dot(flat_ws, light.w_ws) <= 0.0) return vec3(0.0);
    return met(p_ws, light.w_ws, reference.reach, true).triangle < 0 ? light.radiance * cosine : vec3(0.0);
}

// Radiance that leaves what a ray met, towards where it came from: emitted, and reflected up to `bounces` times.
vec3 radiance_of(Hit hit, vec3 w) {
    Surface s = surface_at(hit, w);
    vec3 sum = s.emission, rho = vec3(1.0);
    for (int k = 1; k <= reference.bounces; k++) {
        rho *= s.albedo;
        sum += rho / PI * sunlight(s);
        state = hashed(state);
        sum += rho / PI * bright_light(s.p_ws, s.n_ws, s.flat_ws, state);
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
    vec3 p_ws = ray_start(depth, ws_from_local[2]);
    // Roberts' sequence R2 (2018) runs on through all frames; where it starts is random for each pixel and seed.
    uint start = hashed(uint(gl_FragCoord.x) + hashed(uint(gl_FragCoord.y) + hashed(uint(frame.index) >> 16))), turn = hashed(start);
    vec4 open = vec4(0.0);
    vec3 closed = vec3(0.0), lit = vec3(0.0);
    for (int i = 0; i < reference.rays; i++) {
        uint number = (uint(frame.index) & 65535u) * uint(reference.rays) + uint(i);
        state = hashed(start ^ hashed(number));
        vec3 w = ws_from_local * cosine_direction(unit(start + number * 3242174889u), unit(turn + number * 2447445413u));
        Hit hit = met(p_ws, w, reference.reach, false);
        if (hit.triangle < 0) open += vec4(radiance_from(w), 1.0);
        else closed += radiance_of(hit, w);
        lit += bright_light(p_ws, ws_from_local[2], ws_from_local[2], turn + number * 2654435769u);  // the golden ratio's sequence
    }
    direct = (open * vec4(vec3(PI), 1.0) + vec4(lit, 0.0)) / float(reference.rays);
    indirect = vec4(closed / float(reference.rays) * PI, 1.0);
}
