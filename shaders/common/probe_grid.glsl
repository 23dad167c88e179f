// Where probes stand, and which way they look.
#include <grid>

vec3 probe_place(vec3 probe) { return grid.origin + (probe + 0.5) * grid.cell; }

// The direction at a place of an unfolded octahedron, 0 to 1: the reverse of `unfolded` in environment.glsl.
vec3 folded(vec2 uv) {
    vec2 q = 2.0 * uv - 1.0, a = abs(q), p = a.x + a.y > 1.0 ? 1.0 - a.yx : a;
    float r = p.x + p.y, turn = 1.57079632679 * p.y / max(r, 1e-9), across = r * sqrt(max(2.0 - r * r, 0.0));
    vec3 w = vec3(across * cos(turn), 1.0 - r * r, across * sin(turn));
    return vec3(q.x < 0.0 ? -w.x : w.x, a.x + a.y > 1.0 ? -w.y : w.y, q.y < 0.0 ? -w.z : w.z);
}
