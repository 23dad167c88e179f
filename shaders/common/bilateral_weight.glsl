// Bilateral weight: do two pixels show the same surface?
//
// A neighbour counts if it lies near the guide's tangent plane and its normal points the same way: fully within the
// tolerance, not at all from twice the tolerance on.
#include <denoise>
#include "common/screen.glsl"

struct Guide {
    vec3 normal_ws;
    vec3 plane;                // see `plane_height`
    float normal_z;            // orthographic: height per depth, negative
    float height;              // the guide's own height
    float inv_max_difference;  // 1 / tolerance of 1 - cosine between normals
};

// The geometric normal in view space, of length 1 / tolerance.
vec3 scaled_normal_vs_at(vec2 uv, float depth) {
    float tolerance = pixel_size_at(depth) * denoise.plane_distance;
    return mat3(frame.view_from_world) * geometric_normal_ws_at(uv) / tolerance;
}

// `tan_half_fov` and `projection_offset` are those of the camera in whose image the heights are taken.
vec3 plane_from_normal(vec3 normal_vs, vec2 tan_half_fov, vec2 projection_offset) {
    float normal_z = FRAME_ORTHOGRAPHIC ? 0.0 : normal_vs.z;
    return vec3(2.0 * tan_half_fov * normal_vs.xy, dot(projection_offset - tan_half_fov, normal_vs.xy) - normal_z);
}

// Height of a pixel's surface above the plane through the camera, in tolerances.
float plane_height(vec3 plane, float normal_z, vec2 uv, float depth) {
    if (FRAME_ORTHOGRAPHIC) return dot(uv, plane.xy) + plane.z - normal_z * depth;
    return depth * (dot(uv, plane.xy) + plane.z);
}

Guide make_guide(vec2 uv, float depth) {
    vec3 normal_vs = scaled_normal_vs_at(uv, depth);
    vec3 plane = plane_from_normal(normal_vs, frame.tan_half_fov, frame.projection_offset);
    float height = plane_height(plane, normal_vs.z, uv, depth);
    float max_difference = max(1.0 - cos(radians(denoise.max_normal_angle)), 1e-4);
    return Guide(normal_ws_at(uv), plane, normal_vs.z, height, 1.0 / max_difference);
}

// Distance from the guide's plane and difference of the normals, each in tolerances.
vec2 deviation(Guide guide, vec2 uv, float depth, vec3 normal_ws) {
    float distance = abs(plane_height(guide.plane, guide.normal_z, uv, depth) - guide.height);
    return vec2(distance, (1.0 - dot(guide.normal_ws, normal_ws)) * guide.inv_max_difference);
}

vec2 deviation_at(Guide guide, vec2 uv) { return deviation(guide, uv, depth_at(uv), normal_ws_at(uv)); }

float bilateral_weight(vec2 deviation) {
    return clamp(2.0 - deviation.x, 0.0, 1.0) * clamp(2.0 - deviation.y, 0.0, 1.0);
}

float bilateral_weight_at(Guide guide, vec2 uv) { return bilateral_weight(deviation_at(guide, uv)); }
