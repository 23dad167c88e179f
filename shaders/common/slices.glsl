// Slices of the hemisphere: planes through the view ray, searched to both sides in the depth buffer.
//
//   theta    angle between a direction in the slice and the view ray, positive towards the normal
//   phi      azimuth of the slice about the view ray, -pi/2 to pi/2; 0 contains the normal
//   n        normal of the surface
//   n_slice  projection of n into the slice
//   alpha    angle between n and the view ray
//   gamma    angle between n_slice and the view ray
//
// Irradiance is the integral over theta and phi of
//   L cos dw = L |n_slice| cos(theta - gamma) |sin(theta)| dtheta dphi
// For constant L both integrals have a closed form (Jimenez, Wu, Pesce, Jarabo 2016). The slices from -pi/2 to phi hold
// this cosine-weighted fraction of the hemisphere:
//   1/2 + (sin(alpha) sin(phi) atan(tan(alpha) cos(phi)) + atan(cos(alpha) tan(phi))) / pi
// Slices are spread evenly by that fraction, so all have the same weight. A plane is then fully visible and an
// enclosure fully occluded, with any number of slices.
//
// `slice_cdf` is the cosine-weighted fraction of a slice between the lower end and a direction, 0 to 1. `side` is 1 or
// -1.
#include "common/ray_march.glsl"
#include "common/sampling.glsl"

const int SECTORS_PER_SLICE = 32;  // bits of the visibility bitmask of a slice

struct SliceReceiver {
    vec3 position_vs;
    vec3 view_vs;       // unit, towards the camera
    vec3 normal_vs;     // shading normal, at least edge-on to the camera
    vec3 tangent_vs;    // unit, the direction in which the normal leans away from the view
    vec3 bitangent_vs;  // unit, perpendicular to view and normal
    vec2 cos_sin_alpha;          // cosine and sine of alpha
    Receiver geometric;
};

struct Slice {
    vec3 axis_vs;  // unit, perpendicular to the view ray; dot(normal, axis) >= 0
    float gamma;
    float cos_gamma;
    float sin_gamma;
    float view_integral;       // integral from the lower end to the view ray, not normalised
    float inv_norm;            // 1 / integral of the whole slice
    float step_offset;         // 0 to 1, offsets the steps
    float lobe_spread;         // slices of a lobe only: r, see ggx_slices.glsl
    float lobe_view_integral;  // slices of a lobe only: antiderivative at the view ray
};

// The part of the screen that is searched on one side of a slice.
struct ScreenSegment {
    vec2 start_px;
    vec2 delta_px;
};

struct DepthSample {
    bool is_occluder;  // stands above the receiver's tangent plane
    vec3 offset_vs;    // from the receiver
    vec3 ray_vs;       // unit, from the camera
    float distance_per_depth;   // distance along the ray over depth
    vec2 uv;           // pixel centre
    float depth;
};

SliceReceiver make_slice_receiver(vec2 uv, float depth, vec3 normal_ws, vec3 geometric_normal_ws) {
    mat3 vs_from_world = mat3(frame.view_from_world);
    SliceReceiver receiver;
    receiver.position_vs = vs_from_uv(uv, depth);
    receiver.view_vs = view_vs_at(uv, depth);
    vec3 normal_vs = vs_from_world * normal_ws;
    float lift = max(0.001 - dot(normal_vs, receiver.view_vs), 0.0);
    receiver.normal_vs = normalize(normal_vs + lift * receiver.view_vs);
    receiver.cos_sin_alpha.x = dot(receiver.normal_vs, receiver.view_vs);
    vec3 tangent = receiver.normal_vs - receiver.cos_sin_alpha.x * receiver.view_vs;
    receiver.cos_sin_alpha.y = length(tangent);
    bool is_tilted = receiver.cos_sin_alpha.y > 1e-4;
    vec3 any_tangent_vs = orthonormal_basis(receiver.view_vs)[0];
    receiver.tangent_vs = is_tilted ? tangent / receiver.cos_sin_alpha.y : any_tangent_vs;
    receiver.bitangent_vs = cross(receiver.view_vs, receiver.tangent_vs);
    receiver.geometric = make_receiver(uv, depth, vs_from_world * geometric_normal_ws);
    return receiver;
}

// Height of the surface at a pixel above the tangent plane of the receiver, metres.
float height_above_plane(Receiver receiver, vec2 pixel, float depth) {
    float height = height_over_depth(receiver.tangent_plane, pixel);
    height = FRAME_ORTHOGRAPHIC ? height - receiver.normal_z * depth : depth * height;
    return height - receiver.plane_offset;
}

// acos with an error of 7e-5: Hastings, Approximations for Digital Computers, 1955.
float fast_acos(float cosine) {
    float x = abs(cosine);
    float angle = (((-0.0187293 * x + 0.0742610) * x - 0.2121144) * x + 1.5707288) * sqrt(max(1.0 - x, 0.0));
    return cosine < 0.0 ? PI - angle : angle;
}

// Returns sin(phi) such that the slices up to phi hold the fraction `u` of the hemisphere. The first guess is exact
// for alpha of 0 and 90 degrees. One step of Newton's method leaves an error of at most 1e-3 of the range.
float sample_slice_azimuth(vec2 cos_sin_alpha, float u) {
    float cos_alpha = cos_sin_alpha.x;
    float sin_alpha = cos_sin_alpha.y;
    float y = 2.0 * u - 1.0;
    float uniform_phi = 0.5 * PI * y;
    float phi = mix(uniform_phi, 0.5 * PI - fast_acos(y), sin_alpha * sin_alpha * sin_alpha);
    float s = sin(phi);
    float c = sqrt(max(1.0 - s * s, 0.0));
    // atan(tan(alpha) cos(phi)) and atan(cos(alpha) |tan(phi)|)
    float lean = fast_acos(cos_alpha * inversesqrt(cos_alpha * cos_alpha + sin_alpha * sin_alpha * c * c));
    float turn = fast_acos(c * inversesqrt(c * c + cos_alpha * cos_alpha * s * s));
    float error = sin_alpha * s * lean + (s < 0.0 ? -turn : turn) - uniform_phi;
    phi -= error / max(cos_alpha + sin_alpha * c * lean, 1e-3);
    return sin(clamp(phi, -0.5 * PI, 0.5 * PI));
}

// The 4 x 4 pixels of a tile take 16 times as many slices, evenly spread.
Slice make_slice(SliceReceiver receiver, int index, int count, int tile) {
    float stratum = fract((float(tile) + 0.5) / 16.0 + frame.pattern_offset.x);
    float y = sample_slice_azimuth(receiver.cos_sin_alpha, (float(index) + stratum) / float(count));
    float x = sqrt(max(1.0 - y * y, 0.0));
    Slice slice;
    slice.axis_vs = x * receiver.tangent_vs + y * receiver.bitangent_vs;
    vec2 normal = normalize(vec2(receiver.cos_sin_alpha.x, receiver.cos_sin_alpha.y * x));
    slice.cos_gamma = normal.x;
    slice.sin_gamma = normal.y;
    slice.gamma = fast_acos(normal.x);
    slice.view_integral = 0.5 * (slice.cos_gamma - slice.sin_gamma * (0.5 * PI - slice.gamma));
    slice.inv_norm = 1.0 / (slice.cos_gamma + slice.gamma * slice.sin_gamma);
    slice.step_offset = fract(float(tile) * 0.6180339887 + frame.pattern_offset.z + float(index) * 0.5698402910);
    return slice;
}

// Cosine to the view ray of the direction in which the hemisphere ends on a side.
float hemisphere_end_cosine(Slice slice, float side) { return -side * slice.sin_gamma; }

float slice_cdf(Slice slice, float cosine, float side) {
    float x = min(cosine, 1.0);
    float y2 = 1.0 - x * x;
    float integral = side * slice.cos_gamma * y2 + slice.sin_gamma * (fast_acos(x) - x * sqrt(max(y2, 0.0)));
    float cdf = (slice.view_integral + 0.5 * integral) * slice.inv_norm;
    return cosine > hemisphere_end_cosine(slice, side) ? cdf : 0.5 + 0.5 * side;
}

// The weighted sum of directions from the view ray to an angle, divided by the integral of the slice. x is its part
// along the view ray, y along the axis. `cos_sin` is cosine and sine of that angle.
vec2 directional_moment(Slice slice, vec2 cos_sin) {
    vec2 w = cos_sin;
    vec2 triple = vec2(4.0 * w.x * w.x - 3.0, 3.0 - 4.0 * w.y * w.y) * w;  // cosine and sine of three times the angle
    float cos_difference = w.x * slice.cos_gamma + w.y * slice.sin_gamma;
    float cos_sum = w.x * slice.cos_gamma - w.y * slice.sin_gamma;
    float sin_difference = w.y * slice.cos_gamma - w.x * slice.sin_gamma;
    float sin_sum = w.y * slice.cos_gamma + w.x * slice.sin_gamma;
    float along_view = (4.0 * slice.cos_gamma - triple.x * slice.cos_gamma - triple.y * slice.sin_gamma) / 12.0;
    float along_axis = 0.5 * sin_difference - (triple.y * slice.cos_gamma - triple.x * slice.sin_gamma) / 12.0;
    vec2 moment = vec2(along_view - cos_sum / 4.0, along_axis - sin_sum / 4.0 + slice.sin_gamma / 1.5);
    return (w.y < 0.0 ? -slice.inv_norm : slice.inv_norm) * moment;
}

// The segment ends at the image edge, or at the silhouette of the sphere of that radius around the receiver, seen from
// the camera. If the camera is inside the sphere, only the image edge ends the segment.
ScreenSegment make_segment(SliceReceiver receiver, Slice slice, float side, float radius) {
    vec3 origin = project_homogeneous(receiver.position_vs);
    vec3 line = project_direction(side * slice.axis_vs);
    vec2 start = receiver.geometric.screen.xy;
    vec2 direction = normalize(line.xy * origin.z - origin.xy * line.z);
    vec2 ends = mix(start / max(-direction, 1e-6), (frame.size - start) / max(direction, 1e-6), step(0.0, direction));
    float end = min(ends.x, ends.y);
    float relative_radius = FRAME_ORTHOGRAPHIC ? 0.0 : radius / length(receiver.position_vs);
    vec3 tangent_point = origin + line * (radius * inversesqrt(max(1.0 - relative_radius * relative_radius, 1e-6)));
    if (relative_radius < 1.0 && tangent_point.z > 0.0) {
        end = min(end, distance(tangent_point.xy / tangent_point.z, start));
    }
    return ScreenSegment(start, direction * end);
}

// Distances grow with the power 1.5. The test against the tangent plane uses the pixel centre, where the depth was
// sampled. The position uses the point on the segment, so that it stays in the slice.
DepthSample sample_depth(
    SliceReceiver receiver, ScreenSegment segment, int index, int steps, float step_offset, float bias
) {
    float first_step = 1.0 - step_offset;
    float t = (float(index) + first_step) / (float(steps - 1) + first_step);
    vec2 position_px = segment.start_px + segment.delta_px * (t * sqrt(t));
    vec2 pixel = floor(position_px) + 0.5;
    vec2 from_center = abs(pixel - 0.5 * frame.size);
    DepthSample depth_sample;
    depth_sample.uv = pixel / frame.size;
    depth_sample.depth = depth_at(depth_sample.uv);
    vec2 position_uv = position_px / frame.size;
    if (FRAME_ORTHOGRAPHIC) {
        depth_sample.ray_vs = vec3(0.0, 0.0, -1.0);
        depth_sample.distance_per_depth = 1.0;
        depth_sample.offset_vs = vs_from_uv(position_uv, depth_sample.depth) - receiver.position_vs;
    } else {
        depth_sample.ray_vs = vs_from_uv(position_uv, 1.0);
        depth_sample.offset_vs = depth_sample.ray_vs * depth_sample.depth - receiver.position_vs;
        depth_sample.distance_per_depth = length(depth_sample.ray_vs);
        depth_sample.ray_vs /= depth_sample.distance_per_depth;
    }
    bool is_inside = from_center.x < 0.5 * frame.size.x && from_center.y < 0.5 * frame.size.y;
    bool is_visible = is_inside && is_surface(depth_sample.depth);
    depth_sample.is_occluder = is_visible
        && height_above_plane(receiver.geometric, pixel, depth_sample.depth) > bias * length(depth_sample.offset_vs);
    return depth_sample;
}
