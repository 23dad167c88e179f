// How bright is every point in truth: which directions see the environment, and what comes from the surfaces that close
// the others?
// reads  gbuffer, environment, all triangles      writes  irradiance; the open share in a of direct
// after  Kajiya, The Rendering Equation, 1986, with a ray to the sun at every hit; cosine-weighted, so that cosine and
// 1/pi cancel
// also   the bright part of the environment is met by rays of its own from every point, the dim part by those that go
//        everywhere: as
//        the two add up to the map, nothing counts twice
// cannot find a small lamp, a surface that emits, but by chance: it needs many frames
#include <reference>
#ifdef ENTRY_GLOSSY
#define ENTRY_FULL
#endif
#include "common/path_tracing.glsl"
layout(location = 0) out vec4 direct;
layout(location = 1) out vec4 indirect;

void irradiances() {
    direct = vec4(0.0, 0.0, 0.0, 1.0);
    indirect = vec4(0.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    mat3 ws_from_local = basis(normalize(normal_ws_at(uv_here())));
    vec3 flat_ws = normalize(flat_ws_at(uv_here())), p_ws = ray_start(depth, flat_ws), l;
    // Roberts' sequence R2 (2018) runs on through all frames; where it starts is random for each pixel and seed.
    uint start = hashed(uint(gl_FragCoord.x) + hashed(uint(gl_FragCoord.y) + hashed(uint(frame.index) >> 16))), turn = hashed(start);
    vec4 open = vec4(0.0);
    vec3 closed = vec3(0.0), lit = vec3(0.0);
    for (int i = 0; i < reference.rays; i++) {
        uint number = (uint(frame.index) & 65535u) * uint(reference.rays) + uint(i);
        state = hashed(start ^ hashed(number));
        vec3 w = above(ws_from_local * cosine_direction(unit(start + number * 3242174889u), unit(turn + number * 2447445413u)), flat_ws);
        Hit hit = met(p_ws, w, paths.reach, false);
        if (hit.triangle < 0) open += vec4(radiance_from(w), 1.0);
        else closed += radiance_of(hit, w);
        // the golden ratio's sequence
        lit += bright_light(p_ws, ws_from_local[2], flat_ws, turn + number * 2654435769u, l);
    }
    direct = (open * vec4(vec3(PI), 1.0) + vec4(lit, 0.0)) / float(reference.rays);
    indirect = vec4(closed / float(reference.rays) * PI, 1.0);
}

void matte() { irradiances(); }
void full() { irradiances(); }

#ifdef ENTRY_GLOSSY
layout(location = 2) out vec4 gloss;

// The mean radiance of the reflection lobe, over what the lobe reflects of white light: all of it, so that no share is
// left open.
void glossy() {
    irradiances();
    gloss = vec4(0.0);
    float depth = depth_at(uv_here());
    vec4 g = gloss_at(uv_here());
    if (!on_surface(depth) || g.rgb == vec3(0.0)) return;
    vec3 n_ws = normalize(normal_ws_at(uv_here())), flat_ws = normalize(flat_ws_at(uv_here())), v = eye_ws_from(uv_here()), l;
    vec3 p_ws = ray_start(depth, flat_ws), sum = vec3(0.0);
    mat3 from_local = basis(n_ws);
    float alpha = alpha_of(g.a);
    uint start = hashed(uint(gl_FragCoord.y) + hashed(uint(gl_FragCoord.x) + hashed(uint(frame.index) >> 16))), turn = hashed(start);
    for (int i = 0; i < reference.rays; i++) {
        uint number = (uint(frame.index) & 65535u) * uint(reference.rays) + uint(i);
        state = hashed(turn ^ hashed(number));
        float u = unit(start + number * 3242174889u), around = 2.0 * PI * unit(turn + number * 2447445413u);
        vec3 local = reflected(v * from_local, alpha, sqrt(u) * vec2(cos(around), sin(around)));
        if (local.z > 0.0) {
            vec3 w = above(from_local * local, flat_ws), share = fresnel(g.rgb, dot(v, normalize(v + w))) * masking(local.z, alpha);
            Hit hit = met(p_ws, w, paths.reach, false);
            sum += share * (hit.triangle >= 0 ? radiance_of(hit, w) : lobe_finds(w, lobes_part(n_ws, v, w, alpha, 1.0)));
        }
        vec3 e = bright_light(p_ws, n_ws, flat_ws, hashed(state), l);
        if (e != vec3(0.0)) sum += e * lobe_of(n_ws, v, l, g.rgb, alpha) * (1.0 - lobes_part(n_ws, v, l, alpha, 1.0));
    }
    gloss.rgb = sum / float(reference.rays) / max(reflectance(g.rgb, g.a, dot(n_ws, v)), vec3(1e-4));
}
#endif
