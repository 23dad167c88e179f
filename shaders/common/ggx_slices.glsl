// Slices of a GGX lobe: as slices.glsl, with sectors that hold equal parts of the lobe instead of the hemisphere.
//
// View v, direction w and half vector h lie in one plane, so a slice of the lobe is as simple as one of h. Let u =
// theta / 2 - gamma be the angle of h to the projected normal. Without masking, the density of w is
//   D(h) ~ 1 / (1 - q cos(u)^2)^2
// with 1 - q = r^2 = (distance of n from the slice)^2 + (alpha times the length of its projection)^2. Its integral over
// |sin(theta)| dtheta is elementary. x = atan(tan(u) / r) is uniform where the lobe is dense.
//
// Each slice holds a direction sampled as in Heitz, Sampling the GGX Distribution of Visible Normals, JCGT 2018.
#include "common/slices.glsl"
#include "common/specular.glsl"

struct LobeSlice {
    Slice slice;
    float alpha;
    float surface_fraction;  // of the slice of the lobe, what lies above the surface
    float x_low;             // x of its lower end
    float x_range;           // x from the lower to the upper end
};

// Antiderivative over theta, times r^2. `u` is given by its cosine and sine.
float lobe_integral(Slice slice, vec2 u, float x) {
    float r2 = slice.lobe_spread * slice.lobe_spread;
    float q = 1.0 - r2;
    float sine2 = u.y * u.y;
    float e = r2 + q * sine2;
    float sin_2gamma = 2.0 * slice.sin_gamma * slice.cos_gamma;
    float even = (2.0 - q) * u.x * u.y / e + q / slice.lobe_spread * x;
    float cos_2gamma = slice.cos_gamma * slice.cos_gamma - slice.sin_gamma * slice.sin_gamma;
    return cos_2gamma * 2.0 * sine2 / e + sin_2gamma * even;
}

float lobe_integral(Slice slice, vec2 u) { return lobe_integral(slice, u, atan(u.y, slice.lobe_spread * u.x)); }

// Cosine and sine of u, from the cosine of theta and its side.
vec2 half_vector_angle(Slice slice, float cosine, float side) {
    vec2 h = vec2(sqrt(0.5 + 0.5 * cosine), side * sqrt(0.5 - 0.5 * cosine));
    return vec2(h.x * slice.cos_gamma + h.y * slice.sin_gamma, h.y * slice.cos_gamma - h.x * slice.sin_gamma);
}

// Cosine and sine of u, from x.
vec2 half_vector_angle(Slice slice, float x) { return normalize(vec2(cos(x), slice.lobe_spread * sin(x))); }

float lobe_cdf(Slice slice, float cosine, float side) {
    float integral = lobe_integral(slice, half_vector_angle(slice, clamp(cosine, -1.0, 1.0), side));
    float cdf = (slice.view_integral + side * (integral - slice.lobe_view_integral)) * slice.inv_norm;
    return cosine > hemisphere_end_cosine(slice, side) ? clamp(cdf, 0.0, 1.0) : 0.5 + 0.5 * side;
}

float lobe_cdf(LobeSlice lobe, float x) {
    Slice slice = lobe.slice;
    vec2 u = half_vector_angle(slice, x);
    float side = u.y * slice.cos_gamma + u.x * slice.sin_gamma < 0.0 ? -1.0 : 1.0;
    float integral = side * (lobe_integral(slice, u, x) - slice.lobe_view_integral);
    return clamp((slice.view_integral + integral) * slice.inv_norm, 0.0, 1.0);
}

// The direction that gives the lobe's slice `index` its orientation: sampled as SSDO samples the lobe.
vec3 sample_lobe_direction_vs(SliceReceiver receiver, int index, int count, int tile, float alpha) {
    vec3 tangent_vs = cross(receiver.bitangent_vs, receiver.normal_vs);
    vec3 view_local = vec3(dot(receiver.view_vs, tangent_vs), 0.0, receiver.cos_sin_alpha.x);
    vec3 local = sample_reflection(view_local, alpha, single_sample(index, count, tile).direction.xy);
    return local.x * tangent_vs + local.y * receiver.bitangent_vs + local.z * receiver.normal_vs;
}

LobeSlice make_lobe_slice(SliceReceiver receiver, int index, int count, int tile, float alpha) {
    vec3 direction_vs = sample_lobe_direction_vs(receiver, index, count, tile, alpha);
    vec3 axis_vs = direction_vs - dot(direction_vs, receiver.view_vs) * receiver.view_vs;
    axis_vs = dot(axis_vs, axis_vs) > 1e-12 ? normalize(axis_vs) : receiver.tangent_vs;

    Slice slice;
    slice.axis_vs = dot(axis_vs, receiver.normal_vs) < 0.0 ? -axis_vs : axis_vs;
    vec2 normal = vec2(receiver.cos_sin_alpha.x, dot(slice.axis_vs, receiver.normal_vs));
    float distance = dot(cross(receiver.view_vs, slice.axis_vs), receiver.normal_vs);
    slice.lobe_spread = sqrt(distance * distance + alpha * alpha * dot(normal, normal));
    normal = normalize(normal);
    slice.cos_gamma = normal.x;
    slice.sin_gamma = normal.y;
    slice.gamma = fast_acos(normal.x);
    slice.step_offset = fract(float(tile) * 0.6180339887 + frame.pattern_offset.z + float(index) * 0.5698402910);

    float u_low = -0.5 * slice.gamma - 0.25 * PI;  // where w lies in the surface
    float u_high = u_low + 0.5 * PI;
    slice.lobe_view_integral = lobe_integral(slice, vec2(slice.cos_gamma, -slice.sin_gamma));
    slice.view_integral = lobe_integral(slice, vec2(cos(u_low), sin(u_low))) - slice.lobe_view_integral;
    float upper_integral = lobe_integral(slice, vec2(cos(u_high), sin(u_high)));
    float surface_integral = slice.view_integral + upper_integral - slice.lobe_view_integral;
    slice.inv_norm = 1.0 / max(surface_integral, 1e-9);

    LobeSlice lobe;
    lobe.slice = slice;
    lobe.alpha = alpha;
    lobe.x_low = atan(sin(u_low), slice.lobe_spread * cos(u_low));
    lobe.x_range = atan(sin(u_high), slice.lobe_spread * cos(u_high)) - lobe.x_low;
    // h from edge-on to edge-on
    float lobe_total = lobe_integral(slice, vec2(0.0, -1.0))
        + lobe_integral(slice, vec2(slice.sin_gamma, slice.cos_gamma)) - 2.0 * slice.lobe_view_integral;
    lobe.surface_fraction = surface_integral / max(lobe_total, 1e-9);
    return lobe;
}

vec3 lobe_direction_vs(SliceReceiver receiver, LobeSlice lobe, float x) {
    Slice slice = lobe.slice;
    vec2 u = half_vector_angle(slice, x);
    vec2 h = vec2(u.x * slice.cos_gamma - u.y * slice.sin_gamma, u.y * slice.cos_gamma + u.x * slice.sin_gamma);
    return (h.x * h.x - h.y * h.y) * receiver.view_vs + 2.0 * h.x * h.y * slice.axis_vs;
}

// Weight of a direction in its slice: what masking leaves of it.
float lobe_weight(SliceReceiver receiver, LobeSlice lobe, vec3 direction_vs) {
    return lobe.surface_fraction * masking(max(dot(receiver.normal_vs, direction_vs), 0.0), lobe.alpha);
}
