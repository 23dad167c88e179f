// Pixel inspector of GTAO: how much of each sector lies between the two horizons, and what light does it bring?
// reads   what techniques/gtao.frag reads at that pixel
// writes  a column per sector: direction and state; direct irradiance and visibility; no bounce; where the horizon is
// source  techniques/gtao.frag; the range between the horizons is cut at the ends of the sectors
// limits  denoising is not included
#include <probe>
#define SHADED_PIXEL probe.pixel
#include "techniques/gtao.frag"
#include "common/sectors.glsl"

layout(location = 1) out vec4 out_sector_direct;
layout(location = 2) out vec4 out_indirect;
layout(location = 3) out vec4 out_position;  // xy: uv of the horizon; zw: the direction, projected onto the surface

const float VISIBLE = 0.0;
const float OCCLUDED = 1.0;
const float LEAVES_SCREEN = 2.0;

// uv of the sample that is the horizon of a side.
vec2 horizon_uv(SliceReceiver receiver, Slice slice, float side, float jitter) {
    ScreenSegment segment = make_segment(receiver, slice, side, gtao.radius);
    float horizon = hemisphere_end(slice, side);
    vec2 uv = vec2(0.0);
    for (int k = 0; k < gtao.steps; k++) {
        DepthSample occluder = sample_depth(receiver, segment, k, gtao.steps, jitter, gtao.bias);
        float distance = length(occluder.offset_vs);
        float cosine = dot(occluder.offset_vs, receiver.view_vs) / distance;
        if (!occluder.is_occluder || distance > gtao.radius || cosine <= horizon) continue;
        horizon = cosine;
        uv = occluder.uv;
    }
    return uv;
}

void main() {
    occlusion();
    vec3 mean_irradiance = out_direct.a > 0.0 ? out_direct.rgb / out_direct.a : vec3(0.0);

    int column = int(gl_FragCoord.x);
    vec2 uv = uv_here();
    SliceReceiver receiver = make_slice_receiver(uv, depth_at(uv), normal_ws_at(uv), geometric_normal_ws_at(uv));
    Slice slice = make_slice(receiver, column / SECTORS_PER_SLICE, gtao.slices, tile_index(ivec2(SHADED_PIXEL)));
    InspectedSector sector = make_inspected_sector(receiver, slice, column % SECTORS_PER_SLICE, 0.5, gtao.radius);
    float lower_jitter = fract(slice.jitter + 0.5);
    float upper = slice_cdf(slice, find_horizon(receiver, slice, 1.0, slice.jitter), 1.0);
    float lower = slice_cdf(slice, find_horizon(receiver, slice, -1.0, lower_jitter), -1.0);
    float sector_size = 1.0 / float(SECTORS_PER_SLICE);
    float start = float(sector.index) * sector_size;
    float visibility = max(min(upper, start + sector_size) - max(lower, start), 0.0) * float(SECTORS_PER_SLICE);
    bool is_above = start + 0.5 * sector_size > upper;
    float state = visibility == 0.0 ? OCCLUDED : sector.leaves_screen ? LEAVES_SCREEN : VISIBLE;
    vec2 occluder_uv = is_above
        ? horizon_uv(receiver, slice, 1.0, slice.jitter)
        : horizon_uv(receiver, slice, -1.0, lower_jitter);
    out_direct = vec4(mat3(frame.world_from_view) * sector.direction_vs, state);
    out_sector_direct = vec4(mean_irradiance * visibility / float(gtao.slices * SECTORS_PER_SLICE), visibility);
    out_indirect = vec4(0.0, 0.0, 0.0, 1.0);
    out_position = vec4(occluder_uv, sector.disk);
}
