// Probe lookup: what lies along a direction in which the screen shows no occluder?
//
// One of the eight probes around a point answers, chosen with a probability in proportion to its weight. Weights are
// trilinear; they fall for probes near or behind the surface's plane and for those that do not see the point.
//
// A texel is 26 degrees wide to each side for 8 x 8 directions. Its centre may lie below the plane although the
// direction does not. Directions near the plane are therefore raised by that angle: a plane or a convex object then
// never occludes itself.
//
// What a probe meets may lie in another direction from the point. It then counts by its solid angle, and a second probe
// answers for the rest. Without this an object beside a probe occludes all the points around.
//
// Limits: objects smaller than a cell of the grid are missed; the second probe's answer is taken as it is.
#include <probes>
#include "common/probe_grid.glsl"
#include "common/environment.glsl"

uniform sampler2D probe_maps_radiance_distance;  // rgb: radiance; a: distance, metres

struct ProbeCell {
    vec3 first_probe;      // the lowest of the eight
    vec3 normal_env;       // geometric normal
    vec3 first_probe_env;  // from the point to the first probe, metres
    mat3 axes_env;         // from one probe to the next, metres
    float radius;          // within it the screen was searched
    vec4 low_weights;      // cumulative weights of the lower four probes
    vec4 high_weights;     // cumulative weights of the upper four probes
};

const float NORMAL_OFFSET = 0.25;   // cells by which the point is moved off its surface
const float FADE_DISTANCE = 0.25;   // cells above the plane, below which the weight of a probe falls
const float HIDDEN_WEIGHT = 0.001;  // of a probe that does not see the point
const float MAX_OUTSIDE = 1.0;      // cells outside of the outermost probes up to which these answer
const float MIN_AGREEMENT = 0.9;    // cosine between the direction asked and that of the hit, seen from the point
const float MISS_DISTANCE = 1e8;    // metres; hits are nearer
const vec4 PROBE_MISS = vec4(0.0, 0.0, 0.0, 1.0);

vec4 fetch_probe(vec3 probe, vec2 octahedral) {
    vec2 tile = vec2(probe.x + probe.z * probe_grid.counts.x, probe.y);
    vec2 tiles = vec2(probe_grid.counts.x * probe_grid.counts.z, probe_grid.counts.y);
    return textureLod(probe_maps_radiance_distance, (tile + clamp(octahedral, 0.001, 0.999)) / tiles, 0.0);
}

// Offset of corner 0 to 7 of a cell.
vec3 cell_corner(int index) { return vec3(index & 1, (index >> 1) & 1, index >> 2); }

float compute_probe_weight(vec3 probe, vec3 trilinear, vec3 p_ws, vec3 normal_ws, mat3 environment_from_ws) {
    vec3 to_probe = probe_position_ws(probe) - p_ws;
    float distance = length(to_probe);
    float front = clamp(dot(normal_ws, to_probe / probe_grid.cell_size) / FADE_DISTANCE, 0.0, 1.0);
    float seen_distance = fetch_probe(probe, octahedral_uv(environment_from_ws * (-to_probe / max(distance, 1e-6)))).a;
    float visibility = seen_distance > 0.7 * distance ? 1.0 : HIDDEN_WEIGHT;
    return trilinear.x * trilinear.y * trilinear.z * front * visibility;
}

ProbeCell make_probe_cell(vec3 p_ws, vec3 normal_ws, float radius) {
    ProbeCell cell;
    if (!PROBES_ENABLED) return cell;
    mat3 environment_from_ws = environment_from_world();
    vec3 position = (p_ws - probe_grid.origin) / probe_grid.cell_size + NORMAL_OFFSET * normal_ws - 0.5;
    vec3 inside = clamp(position, vec3(0.0), probe_grid.counts - 1.0);
    bool is_outside = any(greaterThan(abs(position - inside), vec3(MAX_OUTSIDE)));
    position = inside;
    cell.first_probe = min(floor(position), probe_grid.counts - 2.0);
    cell.normal_env = environment_from_ws * normal_ws;
    cell.first_probe_env = environment_from_ws * (probe_position_ws(cell.first_probe) - p_ws);
    cell.axes_env = mat3(
        environment_from_ws[0] * probe_grid.cell_size.x,
        environment_from_ws[1] * probe_grid.cell_size.y,
        environment_from_ws[2] * probe_grid.cell_size.z
    );
    cell.radius = radius;
    vec3 f = position - cell.first_probe;
    float sum = 0.0;
    for (int k = 0; k < 4; k++) {
        vec3 corner = cell_corner(k);
        vec3 trilinear = mix(1.0 - f, f, corner);
        sum += compute_probe_weight(cell.first_probe + corner, trilinear, p_ws, normal_ws, environment_from_ws);
        cell.low_weights[k] = sum;
    }
    for (int k = 4; k < 8; k++) {
        vec3 corner = cell_corner(k);
        vec3 trilinear = mix(1.0 - f, f, corner);
        sum += compute_probe_weight(cell.first_probe + corner, trilinear, p_ws, normal_ws, environment_from_ws);
        cell.high_weights[k - 4] = sum;
    }
    if (is_outside) cell.high_weights.w = 0.0;
    return cell;
}

// Corner 0 to 7 of the cell, whose probe answers. `u`: 0 to 1.
vec3 choose_corner(ProbeCell cell, float u) {
    vec4 threshold = vec4(u * cell.high_weights.w);
    int index = int(dot(step(cell.low_weights, threshold) + step(cell.high_weights, threshold), vec4(1.0)));
    return cell_corner(min(index, 7));
}

// The answer of one probe, as of `sample_probes`. `probability`: with which it counts. A texel spans solid angles in
// proportion to 1 / distance^2, from the probe and from the point.
vec4 ask_probe(ProbeCell cell, vec3 corner, vec3 direction, vec2 octahedral, out float probability) {
    vec4 hit = fetch_probe(cell.first_probe + corner, octahedral);
    probability = 1.0;
    if (hit.a >= MISS_DISTANCE) return PROBE_MISS;
    vec3 hit_env = cell.first_probe_env + cell.axes_env * corner + hit.a * direction;
    float distance2 = dot(hit_env, hit_env);
    float distance = sqrt(distance2);
    if (dot(hit_env, direction) < MIN_AGREEMENT * distance) probability = hit.a * hit.a / distance2;
    return distance > cell.radius ? vec4(hit.rgb, 0.0) : PROBE_MISS;
}

// rgb: radiance from beyond the radius, 0 where nothing is hit; a: 1 where nothing is hit, else 0. `u`, 0 to 1, chooses
// the probes.
vec4 sample_probes(ProbeCell cell, vec3 direction_env, float u) {
    if (!PROBES_ENABLED || cell.high_weights.w <= 0.0) return PROBE_MISS;
    float raise = max(4.0 / probe_grid.octahedral_size - dot(direction_env, cell.normal_env), 0.0);
    vec3 direction = normalize(direction_env + cell.normal_env * raise);
    vec2 octahedral = octahedral_uv(direction);
    float probability;
    vec4 answer = ask_probe(cell, choose_corner(cell, u), direction, octahedral, probability);
    if (fract(61.8 * u) < probability) return answer;
    return ask_probe(cell, choose_corner(cell, fract(u + 0.5)), direction, octahedral, probability);
}
