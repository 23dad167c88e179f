// Screen-space ray march: is a direction occluded by a surface in the depth buffer?
//
// A point on the ray is occluded if the depth buffer holds a surface nearer to the camera than the point, by less than
// `thickness`. The surface must also stand above the receiver's tangent plane, which keeps flat surfaces unoccluded at
// every tilt and distance. `bias` is relative to the distance along the ray, so it has no unit.
//
// 1 / depth is linear in screen space: one division per ray, none per step. With an orthographic camera depth itself is
// linear, and negative depth takes the place of 1 / depth: both are larger for what is nearer. 0 becomes INFINITELY_FAR.
//
// Limits: surfaces that are hidden or off screen do not occlude; `thickness` is a guess unless depth layers are used.
#include "common/screen.glsl"
#include "common/sampling.glsl"

// 1 / metres, with one pixel of border. Two depth layers: rgba is 1 / depth of front 1, back 1, front 2, back 2.
uniform sampler2D inverse_depth;

struct Receiver {
    vec3 position_vs;
    vec3 screen;          // pixel coordinates and 1 / depth
    vec3 tangent_plane;   // dot(pixel, xy) + z = height / depth of the pixel's surface; orthographic: height at depth 0
    float plane_offset;   // dot(normal, position_vs), metres: of the tangent plane, negative if it faces the camera
    float normal_z;       // orthographic: z of the normal, view space
    vec2 inv_depth_size;  // 1 / size of inverse_depth
};

// The frame in which ray directions are given.
struct LocalFrame {
    mat3 screen_from_local;   // pixels and 1 / depth per metre
    vec3 geometric_normal;    // local
    vec4 inv_edge_distances;  // 1 / pixels to the right, top, left and bottom edge
};

struct ScreenRay {
    vec3 delta;          // pixels and 1 / depth from t = 0 to t = 1
    float height_slope;  // increase of (minimum height of an occluder / depth of the ray) from t = 0 to 1
    float first_step;
    float step_size;
};

const float ROUNDING = 4e-7;  // a few units in the last place of a float

float height_over_depth(vec3 tangent_plane, vec2 pixel) {
    return dot(floor(pixel), tangent_plane.xy) + tangent_plane.z;
}

float inverse_depth_from(float depth) { return FRAME_ORTHOGRAPHIC ? -depth : 1.0 / depth; }

vec3 project_homogeneous(vec3 p_vs) {
    if (FRAME_ORTHOGRAPHIC) {
        vec2 ndc = (p_vs.xy - frame.projection_offset) / frame.tan_half_fov;
        return vec3(0.5 * frame.size * (ndc + 1.0), 1.0);
    }
    vec2 ndc_w = (p_vs.xy + frame.projection_offset * p_vs.z) / frame.tan_half_fov;
    return vec3(0.5 * frame.size * (ndc_w - p_vs.z), -p_vs.z);
}

// Of a point at infinity.
vec3 project_direction(vec3 direction_vs) {
    if (FRAME_ORTHOGRAPHIC) return vec3(0.5 * frame.size * direction_vs.xy / frame.tan_half_fov, 0.0);
    return project_homogeneous(direction_vs);
}

// Pixel coordinates and 1 / depth of a point.
vec3 project_to_screen(vec3 p_vs) {
    vec3 h = project_homogeneous(p_vs);
    return FRAME_ORTHOGRAPHIC ? vec3(h.xy, p_vs.z) : vec3(h.xy, 1.0) / h.z;
}

Receiver make_receiver(vec2 uv, float depth, vec3 geometric_normal_vs) {
    vec2 slope = 2.0 * frame.tan_half_fov * geometric_normal_vs.xy / frame.size;
    float depth_factor = FRAME_ORTHOGRAPHIC ? 0.0 : geometric_normal_vs.z;
    float offset = dot(frame.projection_offset - frame.tan_half_fov, geometric_normal_vs.xy) - depth_factor;
    vec3 plane = vec3(slope, 0.5 * (slope.x + slope.y) + offset);
    vec2 pixel = uv * frame.size;
    float plane_offset = depth * height_over_depth(plane, pixel);
    float rounding_depth = 1.0;
    if (FRAME_ORTHOGRAPHIC) {
        plane_offset = height_over_depth(plane, pixel) - geometric_normal_vs.z * depth;
        rounding_depth = depth;
    }
    plane.z -= ROUNDING * (dot(frame.size, abs(slope)) + abs(geometric_normal_vs.z) * rounding_depth);
    vec3 screen = vec3(pixel, inverse_depth_from(depth));
    float normal_z = geometric_normal_vs.z;
    return Receiver(vs_from_uv(uv, depth), screen, plane, plane_offset, normal_z, 1.0 / (frame.size + 2.0));
}

LocalFrame make_local_frame(Receiver receiver, mat3 vs_from_local, vec3 geometric_normal_vs) {
    mat3 screen_from_local;
    for (int axis = 0; axis < 3; axis++) {
        vec3 h = project_direction(vs_from_local[axis]);
        vec2 pixels = h.xy - receiver.screen.xy * h.z;
        screen_from_local[axis] = FRAME_ORTHOGRAPHIC
            ? vec3(pixels, vs_from_local[axis].z)
            : receiver.screen.z * vec3(pixels, -h.z * receiver.screen.z);
    }
    vec4 edges = vec4(frame.size - receiver.screen.xy, receiver.screen.xy);
    return LocalFrame(screen_from_local, geometric_normal_vs * vs_from_local, 1.0 / (edges - 1e-3));
}

// `steps` = 0 tests one point, at the distance step_offset * radius (Ritschel 2009). Otherwise the last step is at the
// radius, and `step_offset` shifts the others. Rays end at the image edge; the depth of their end is at least 1 / 20 of
// the receiver's.
ScreenRay make_ray(
    Receiver receiver, LocalFrame local, vec3 direction, float radius, float bias, int steps, float step_offset
) {
    float ray_length = steps == 0 ? radius * step_offset : radius;
    vec3 delta = ray_length * (local.screen_from_local * direction);
    // (receiver depth - end depth) / receiver depth
    float relative_approach = FRAME_ORTHOGRAPHIC ? 0.0 : -delta.z * receiver.position_vs.z;
    // Perspective division: end depth / receiver depth. Larger values end the ray earlier on the same line.
    float inv_clip = 1.0 - relative_approach;
    if (steps > 0) {
        vec4 overshoot = vec4(delta.xy, -delta.xy) * local.inv_edge_distances;
        float edge = max(max(overshoot.x, overshoot.y), max(overshoot.z, overshoot.w));
        inv_clip = max(max(inv_clip, relative_approach / 19.0), edge);
    }
    float clip_factor = 1.0 / inv_clip;
    float height_slope = FRAME_ORTHOGRAPHIC
        ? clip_factor * (bias * ray_length)
        : clip_factor * (receiver.plane_offset * delta.z + bias * ray_length * receiver.screen.z);
    float first_step = 1.0 - step_offset;
    return ScreenRay(clip_factor * delta, height_slope, first_step, 1.0 / (float(steps - 1) + first_step));
}

// Position of a step along the ray, 0 to 1. Steps are denser near the receiver.
float step_position(ScreenRay ray, int index) {
    float t = (float(index) + ray.first_step) * ray.step_size;
    return t * (0.4 + 0.6 * t);
}

// The same as `is_occluded`, where depth is linear on the screen.
bool is_occluded_orthographic(Receiver receiver, ScreenRay ray, float t, float thickness) {
    vec3 point = receiver.screen + ray.delta * t;
    vec2 pixel = floor(point.xy);
    float min_height = receiver.plane_offset + ray.height_slope * t;
    // heights of the surfaces of all layers
    vec4 layers = textureLod(inverse_depth, (pixel + 1.5) * receiver.inv_depth_size, 0.0);
    vec4 heights = height_over_depth(receiver.tangent_plane, pixel) + receiver.normal_z * layers;
    if (TWO_DEPTH_LAYERS) {
        bool in_layer_1 = layers.x > point.z && point.z > layers.y && heights.x > min_height;
        bool in_layer_2 = layers.z > point.z && point.z > layers.w && heights.z > min_height;
        return in_layer_1 || in_layer_2;
    }
    return layers.x > point.z && layers.x - point.z < thickness && heights.x > min_height;
}

bool is_occluded(Receiver receiver, ScreenRay ray, float t, float thickness) {
    if (FRAME_ORTHOGRAPHIC) return is_occluded_orthographic(receiver, ray, t, thickness);
    vec3 point = receiver.screen + ray.delta * t;
    vec2 pixel = floor(point.xy);
    vec2 uv = (pixel + 1.5) * receiver.inv_depth_size;
    float height = (dot(pixel, receiver.tangent_plane.xy) + receiver.tangent_plane.z) * point.z;
    float min_height = receiver.plane_offset * receiver.screen.z + ray.height_slope * t;
    if (TWO_DEPTH_LAYERS) {
        vec4 layers = textureLod(inverse_depth, uv, 0.0);
        bool in_layer_1 = layers.x > point.z && point.z > layers.y && height > min_height * layers.x;
        bool in_layer_2 = layers.z > point.z && point.z > layers.w && height > min_height * layers.z;
        return in_layer_1 || in_layer_2;
    }
    float surface = textureLod(inverse_depth, uv, 0.0).r;
    bool in_front = surface > point.z && surface - point.z < thickness * surface * point.z;
    return in_front && height > min_height * surface;
}

// For each of four rays: 0 if unoccluded, else 1 + the index of its first occluded step. Four rays share a loop, which
// hides the latency of the fetch on a GPU and the cost of the loop on llvmpipe.
//
// Steps are tested from the last to the first, so that the first occluded one overwrites the others. The loop has no
// early exit: it would diverge between the rays and pixels of a SIMD group.
ivec4 first_occluded_steps(Receiver receiver, ScreenRay rays[BATCH], float thickness, int steps) {
    ivec4 first = ivec4(0);
    if (steps == 0) {
        for (int lane = 0; lane < BATCH; lane++) first[lane] = int(is_occluded(receiver, rays[lane], 1.0, thickness));
        return first;
    }
    for (int k = steps; k > 0; k--) {
        for (int lane = 0; lane < BATCH; lane++) {
            bool occluded = is_occluded(receiver, rays[lane], step_position(rays[lane], k - 1), thickness);
            first[lane] = occluded ? k : first[lane];
        }
    }
    return first;
}

int first_occluded_step(Receiver receiver, ScreenRay ray, float thickness, int steps) {
    if (steps == 0) return int(is_occluded(receiver, ray, 1.0, thickness));
    int first = 0;
    for (int k = steps; k > 0; k--) {
        first = is_occluded(receiver, ray, step_position(ray, k - 1), thickness) ? k : first;
    }
    return first;
}

// Where on the ray an occluded step lies, 0 to 1. `hit_step` is what `first_occluded_step` returned.
float hit_position(ScreenRay ray, int hit_step, int steps) {
    return steps == 0 ? 1.0 : step_position(ray, hit_step - 1);
}

// uv of the occluder: the centre of its pixel.
vec2 hit_uv(Receiver receiver, ScreenRay ray, int hit_step, int steps) {
    vec3 point = receiver.screen + ray.delta * hit_position(ray, hit_step, steps);
    return (floor(point.xy) + 0.5) / frame.size;
}

// 1 / depth of the ray at its occluded step.
float hit_inverse_depth(Receiver receiver, ScreenRay ray, int hit_step, int steps) {
    return receiver.screen.z + ray.delta.z * hit_position(ray, hit_step, steps);
}

// 1 / depth of both depth layers at a pixel: front, back, front, back.
vec4 depth_layers_at(Receiver receiver, vec2 uv) {
    return textureLod(inverse_depth, (uv * frame.size + 1.0) * receiver.inv_depth_size, 0.0);
}
