// Is what is seen at two pixels one surface? A neighbour counts if it lies near the receiver's plane and faces the same
// way: fully up to the tolerance, not at all from twice the tolerance on.
#include <denoise>
#include "common/screen.glsl"

struct Receiver {
    // depth * (dot(uv, plane.xy) + plane.z) is the height along the plane's normal of what is seen at uv, in tolerances
    vec3 n_ws, plane;
    float height;      // its own
    float sharpness;   // one over what 1 - cosine may be between normals
};

// The normal of the surface's plane in view space, one over the tolerance long.
vec3 measure_at(vec2 uv, float depth) {
    float pixel = 2.0 * frame.tangent.y * depth / frame.size.y;
    return mat3(frame.view_from_world) * flat_ws_at(uv) / (pixel * denoise.plane_distance);
}

vec3 plane_of(vec3 n_vs, vec2 tangent, vec2 shift) { return vec3(2.0 * tangent * n_vs.xy, dot(shift - tangent, n_vs.xy) - n_vs.z); }

Receiver receiver_at(vec2 uv, float depth) {
    vec3 plane = plane_of(measure_at(uv, depth), frame.tangent, frame.shift);
    return Receiver(normal_ws_at(uv), plane, depth * (dot(uv, plane.xy) + plane.z), 1.0 / max(1.0 - cos(radians(denoise.max_normal_angle)), 1e-4));
}

// How far q is off the plane, and how far it is turned, each in tolerances.
vec2 apart(Receiver r, vec2 q, float depth, vec3 n_ws) {
    return vec2(abs(depth * (dot(q, r.plane.xy) + r.plane.z) - r.height), (1.0 - dot(r.n_ws, n_ws)) * r.sharpness);
}

vec2 apart(Receiver r, vec2 q) { return apart(r, q, depth_at(q), normal_ws_at(q)); }

float agreement(vec2 apart) { return clamp(2.0 - apart.x, 0.0, 1.0) * clamp(2.0 - apart.y, 0.0, 1.0); }

float agreement(Receiver r, vec2 q) { return agreement(apart(r, q)); }
