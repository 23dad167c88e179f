// The grid of probes: positions, and the directions of their texels.
#include <probe_grid>
#include "common/constants.glsl"

// `probe`: its integer coordinates in the grid.
vec3 probe_position_ws(vec3 probe) { return probe_grid.origin + (probe + 0.5) * probe_grid.cell_size; }

// The inverse of `octahedral_uv` in environment.glsl.
vec3 direction_from_octahedral(vec2 uv) {
    vec2 q = 2.0 * uv - 1.0;
    vec2 a = abs(q);
    bool is_lower = a.x + a.y > 1.0;
    vec2 p = is_lower ? 1.0 - a.yx : a;
    float radius = p.x + p.y;
    float azimuth = 0.5 * PI * p.y / max(radius, 1e-9);
    float horizontal = radius * sqrt(max(2.0 - radius * radius, 0.0));
    vec3 direction = vec3(horizontal * cos(azimuth), 1.0 - radius * radius, horizontal * sin(azimuth));
    return vec3(
        q.x < 0.0 ? -direction.x : direction.x,
        is_lower ? -direction.y : direction.y,
        q.y < 0.0 ? -direction.z : direction.z
    );
}
