// What lies along a direction that the screen leaves open? One of the eight probes around a point is asked, each as
// often as it weighs.
//
// A probe weighs as much as it is near, in front of the surface's plane, and as it sees the point. In an octahedron's
// square of 8 x 8 directions a texel is 26 degrees wide to any side: what lies flatter over the plane than that is
// looked up so much above it, since a texel whose middle lies below the plane would see the surface itself. From in
// front of the plane, above it, a ray meets nothing of a plane or of a convex body: both stay open to the last bit.
//
// Cannot see what is smaller than a cell of the grid, nor tell what is near to the point from what is near to the probe.
#include <probes>
#include "common/probe_grid.glsl"
#include "common/environment.glsl"
uniform sampler2D far_field_seen;

struct Probes {
    vec3 first, n_map;  // the lowest of the eight; the surface's normal as maps hang
    vec3 to_first;      // from the point, as maps hang; metres
    mat3 steps;         // from one probe to the next
    float radius;       // within which the screen was looked at
    vec4 low, high;     // running sums of the weights
};

const float LIFT = 0.25;     // cells by which a point is moved off its surface before the eight are chosen
const float FADES = 0.25;    // cells in front of the plane, before which a probe weighs less
const float UNSEEN = 0.001;  // what a probe weighs that does not see the point

vec4 seen_by(vec3 probe, vec2 uv) {
    vec2 tile = vec2(probe.x + probe.z * grid.counts.x, probe.y);
    return textureLod(far_field_seen, (tile + clamp(uv, 0.001, 0.999)) / vec2(grid.counts.x * grid.counts.z, grid.counts.y), 0.0);
}

vec3 corner_of(int k) { return vec3(k & 1, (k >> 1) & 1, k >> 2); }

float weight_of(vec3 probe, vec3 share, vec3 p_ws, vec3 n_ws, mat3 map) {
    vec3 d = probe_place(probe) - p_ws;
    float distance = length(d), front = clamp(dot(n_ws, d / grid.cell) / FADES, 0.0, 1.0);
    float met = seen_by(probe, unfolded(map * (-d / max(distance, 1e-6)))).a;
    return share.x * share.y * share.z * front * (met > 0.7 * distance ? 1.0 : UNSEEN);
}

Probes probes_at(vec3 p_ws, vec3 n_ws, float radius) {
    Probes r;
    if (!PROBES_ENABLED) return r;
    mat3 map = map_from_world();
    vec3 at = clamp((p_ws - grid.origin) / grid.cell + LIFT * n_ws - 0.5, vec3(0.0), grid.counts - 1.0);
    r.first = min(floor(at), grid.counts - 2.0);
    r.n_map = map * n_ws;
    r.to_first = map * (probe_place(r.first) - p_ws);
    r.steps = mat3(map[0] * grid.cell.x, map[1] * grid.cell.y, map[2] * grid.cell.z);
    r.radius = radius;
    vec3 f = at - r.first;
    float sum = 0.0;
    for (int k = 0; k < 4; k++) {
        vec3 c = corner_of(k);
        r.low[k] = sum += weight_of(r.first + c, mix(1.0 - f, f, c), p_ws, n_ws, map);
    }
    for (int k = 4; k < 8; k++) {
        vec3 c = corner_of(k);
        r.high[k - 4] = sum += weight_of(r.first + c, mix(1.0 - f, f, c), p_ws, n_ws, map);
    }
    return r;
}

// rgb: radiance of what lies there; a: 1 where there is nothing. pick: 0 to 1, which of the probes.
vec4 beyond(Probes r, vec3 w_map, float pick) {
    if (!PROBES_ENABLED || r.high.w <= 0.0) return vec4(0.0, 0.0, 0.0, 1.0);
    float at = pick * r.high.w;
    int k = int(dot(step(r.low, vec4(at)) + step(r.high, vec4(at)), vec4(1.0)));
    vec3 w = normalize(w_map + r.n_map * max(4.0 / grid.directions - dot(w_map, r.n_map), 0.0));
    vec3 corner = corner_of(min(k, 7));
    vec4 seen = seen_by(r.first + corner, unfolded(w));
    return seen.a < 1e8 && length(r.to_first + r.steps * corner + seen.a * w) > r.radius ? vec4(seen.rgb, 0.0) : vec4(0.0, 0.0, 0.0, 1.0);
}
