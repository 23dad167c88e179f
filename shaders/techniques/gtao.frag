// Ambient occlusion from horizons: which fraction of the hemisphere lies above the two horizons of each slice?
// reads   G-buffer, environment irradiance
// writes  direct.rgb: irradiance x visibility; direct.a: cosine-weighted visibility, 0 to 1
// source  Jimenez, Wu, Pesce, Jarabo, Practical Realtime Strategies for Accurate Indirect Occlusion, SIGGRAPH 2016
// limits  occluders are infinitely thick (all below a horizon is occluded), except for the thin-occluder heuristic
#include <gtao>
const bool TWO_DEPTH_LAYERS = false;
#include "common/slices.glsl"
#include "common/environment.glsl"

// Cosine of the horizon on one side. Occluders beyond the radius do not raise it. With a falloff range those near the
// radius raise it in part.
float find_horizon_cosine(SliceReceiver receiver, Slice slice, float side, float step_offset) {
    ScreenSegment segment = make_segment(receiver, slice, side, gtao.radius);
    float hemisphere_horizon = hemisphere_end_cosine(slice, side);
    float horizon = hemisphere_horizon;
    for (int k = 0; k < gtao.steps; k++) {
        DepthSample depth_sample = sample_depth(receiver, segment, k, gtao.steps, step_offset, gtao.bias);
        float distance = length(depth_sample.offset_vs);
        float falloff = clamp((1.0 - distance / gtao.radius) / max(gtao.falloff_range, 1e-6), 0.0, 1.0);
        float cosine = dot(depth_sample.offset_vs, receiver.view_vs) / distance;
        cosine = depth_sample.is_occluder ? mix(hemisphere_horizon, cosine, falloff) : hemisphere_horizon;
        horizon = cosine >= horizon ? cosine : mix(horizon, cosine, gtao.thin_occluder_compensation);
    }
    return horizon;
}

// Cosine and sine of a signed angle, from its cosine and its side.
vec2 cos_sin(float cosine, float side) { return vec2(cosine, side * sqrt(max(1.0 - cosine * cosine, 0.0))); }

// rgb: irradiance x visibility; a: visibility
vec4 compute_occluded_irradiance(vec2 uv, float depth) {
    vec3 normal_ws = normal_ws_at(uv);
    SliceReceiver receiver = make_slice_receiver(uv, depth, normal_ws, geometric_normal_ws_at(uv));
    int tile = index_in_tile(ivec2(SHADED_PIXEL));
    float unoccluded = 0.0;
    vec3 bent_normal_vs = vec3(0.0);
    for (int i = 0; i < gtao.slices; i++) {
        Slice slice = make_slice(receiver, i, gtao.slices, tile);
        float upper = find_horizon_cosine(receiver, slice, 1.0, slice.step_offset);
        float lower = find_horizon_cosine(receiver, slice, -1.0, fract(slice.step_offset + 0.5));
        unoccluded += slice_cdf(slice, upper, 1.0) - slice_cdf(slice, lower, -1.0);
        if (gtao.bent_normals) {
            vec2 lower_moment = directional_moment(slice, cos_sin(lower, -1.0));
            vec2 moment = directional_moment(slice, cos_sin(upper, 1.0)) - lower_moment;
            bent_normal_vs += moment.x * receiver.view_vs + moment.y * slice.axis_vs;
        }
    }
    float visibility = unoccluded / float(gtao.slices);
    bool is_bent = gtao.bent_normals && dot(bent_normal_vs, bent_normal_vs) > 0.0;
    vec3 light_normal_ws = is_bent ? normalize(mat3(frame.world_from_view) * bent_normal_vs) : normal_ws;
    return vec4(irradiance_at(light_normal_ws) * visibility, visibility);
}

#ifdef ENTRY_OCCLUSION
layout(location = 0) out vec4 out_direct;

void occlusion() {
    out_direct = vec4(0.0, 0.0, 0.0, 1.0);
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    if (is_surface(depth)) out_direct = compute_occluded_irradiance(uv, depth);
}
#endif

#ifdef ENTRY_INSPECT
#include "common/inspect_sectors.glsl"

// uv of the sample that is the horizon of a side.
vec2 find_horizon_uv(SliceReceiver receiver, Slice slice, float side, float step_offset) {
    ScreenSegment segment = make_segment(receiver, slice, side, gtao.radius);
    float horizon = hemisphere_end_cosine(slice, side);
    vec2 uv = vec2(0.0);
    for (int k = 0; k < gtao.steps; k++) {
        DepthSample depth_sample = sample_depth(receiver, segment, k, gtao.steps, step_offset, gtao.bias);
        float distance = length(depth_sample.offset_vs);
        float cosine = dot(depth_sample.offset_vs, receiver.view_vs) / distance;
        if (!depth_sample.is_occluder || distance > gtao.radius || cosine <= horizon) continue;
        horizon = cosine;
        uv = depth_sample.uv;
    }
    return uv;
}

// Writes one column per sector. Its visibility is the part of the sector between the two horizons. No bounce.
void inspect() {
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    vec4 irradiance = compute_occluded_irradiance(uv, depth);
    vec3 mean_irradiance = irradiance.a > 0.0 ? irradiance.rgb / irradiance.a : vec3(0.0);

    int column = int(gl_FragCoord.x);
    int tile = index_in_tile(ivec2(SHADED_PIXEL));
    SliceReceiver receiver = make_slice_receiver(uv, depth, normal_ws_at(uv), geometric_normal_ws_at(uv));
    Slice slice = make_slice(receiver, column / SECTORS_PER_SLICE, gtao.slices, tile);
    InspectedSector sector =
        make_inspected_sector(receiver, slice, column % SECTORS_PER_SLICE, 0.5, gtao.radius);
    float lower_step_offset = fract(slice.step_offset + 0.5);
    float upper_cdf = slice_cdf(slice, find_horizon_cosine(receiver, slice, 1.0, slice.step_offset), 1.0);
    float lower_cdf = slice_cdf(slice, find_horizon_cosine(receiver, slice, -1.0, lower_step_offset), -1.0);
    float size = 1.0 / float(SECTORS_PER_SLICE);
    float start = float(sector.index) * size;
    float visibility = max(min(upper_cdf, start + size) - max(lower_cdf, start), 0.0) * float(SECTORS_PER_SLICE);
    bool is_above = start + 0.5 * size > upper_cdf;
    vec2 occluder_uv = is_above
        ? find_horizon_uv(receiver, slice, 1.0, slice.step_offset)
        : find_horizon_uv(receiver, slice, -1.0, lower_step_offset);
    float state = visibility == 0.0 ? OCCLUDED : sector.unoccluded_state;
    out_direction = vec4(mat3(frame.world_from_view) * sector.direction_vs, state);
    out_direct = vec4(mean_irradiance * visibility / float(gtao.slices * SECTORS_PER_SLICE), visibility);
    out_indirect = vec4(0.0, 0.0, 0.0, 1.0);
    out_position = vec4(occluder_uv, sector.disk);
}
#endif
