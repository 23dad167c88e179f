// Is what is seen at two pixels one surface?
// A neighbour counts if it lies near the receiver's plane and faces the same way: fully up to the tolerance, not at all from twice
// the tolerance on.
#include <blur>
#include "common/screen.glsl"

struct Receiver {
    vec3 p_vs, n_ws, flat_vs;
    float width;  // metres off the plane that still count
};

Receiver receiver_at(vec2 uv, float depth) {
    float pixel = 2.0 * frame.tangent.y * depth / frame.size.y;
    return Receiver(vs_from_uv(uv, depth), normal_ws_at(uv), mat3(frame.view_from_world) * flat_ws_at(uv), pixel * blur.tolerance);
}

// How far q is off the plane, and how far it is turned, each in tolerances.
vec2 apart(Receiver r, vec2 q) {
    float off_plane = abs(dot(vs_from_uv(q, depth_at(q)) - r.p_vs, r.flat_vs)) / r.width;
    return vec2(off_plane, (1.0 - dot(r.n_ws, normal_ws_at(q))) / max(1.0 - cos(radians(blur.angle)), 1e-4));
}

float agreement(vec2 apart) { return clamp(2.0 - apart.x, 0.0, 1.0) * clamp(2.0 - apart.y, 0.0, 1.0); }

float agreement(Receiver r, vec2 q) { return agreement(apart(r, q)); }
