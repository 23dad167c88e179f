// Random numbers for ray tracing, and the origin of rays that leave the visible surface.
#include "common/hash.glsl"
#include "common/sampling.glsl"
#include "common/screen.glsl"

// 0 to 1, without 1.
float unit_float(uint x) { return float(x >> 8) / 16777216.0; }

// Cosine-weighted, local frame, +z is the normal.
vec3 sample_cosine_hemisphere(float u1, float u2) { return vec3(sample_disk(u1, u2), sqrt(1.0 - u1)); }

// The visible surface's position, moved off it by more than the rounding of the depth and of the position.
vec3 offset_ray_origin(float depth, vec3 normal_ws) {
    vec3 p_ws = ws_from_vs(vs_from_uv(pixel_uv(), depth));
    vec3 size = abs(p_ws) + abs(frame.eye_ws);
    return p_ws + normal_ws * 1e-5 * max(depth, max(size.x, max(size.y, size.z)));
}
