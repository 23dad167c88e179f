// Pixel inspector of the visibility bitmask: what occludes each sector of one pixel, and what light does it bring?
// reads   what techniques/bitmask.frag reads at that pixel
// writes  a column per sector: direction and state; direct irradiance and visibility; indirect irradiance; where
// source  techniques/bitmask.frag, run with all sectors but one occluded from the start
// limits  denoising is not included
#include <probe>
#define SHADED_PIXEL probe.pixel
#include "techniques/bitmask.frag"
#include "common/sectors.glsl"

layout(location = 1) out vec4 out_direct;
layout(location = 2) out vec4 out_indirect;
layout(location = 3) out vec4 out_position;  // xy: uv of the occluder; zw: the direction, projected onto the surface

const float VISIBLE = 0.0;
const float OCCLUDED = 1.0;
const float LEAVES_SCREEN = 2.0;

void main() {
    int column = int(gl_FragCoord.x);
    vec2 uv = uv_here();
    BitmaskPoint point = make_bitmask_point(uv, depth_at(uv));
    Slice slice = make_slice(point.receiver, column / SECTORS_PER_SLICE, bitmask.slices, point.tile);
    InspectedSector sector =
        make_inspected_sector(point.receiver, slice, column % SECTORS_PER_SLICE, sector_offset(slice), bitmask.radius);

    uint occluded = ~(1u << uint(sector.index));
    vec3 bounced = vec3(0.0);
    vec2 occluder_uv = vec2(0.0);
    for (int k = 0; k < bitmask.steps; k++) {
        for (float side = 1.0; side > -2.0; side -= 2.0) {
            ScreenSegment segment = make_segment(point.receiver, slice, side, bitmask.radius);
            DepthSample occluder = sample_depth(point.receiver, slice, segment, k, side);
            uint occluded_before = occluded;
            bounced += sender_light(point.receiver, slice, occluder, side, occluded);
            if (occluded != occluded_before) occluder_uv = occluder.uv;
        }
    }
    vec3 probe_radiance = vec3(0.0);
    vec4 environment = environment_light(point, slice, occluded, probe_radiance);

    float weight = PI / float(bitmask.slices);
    float state = occluded == ALL_SECTORS ? OCCLUDED : sector.leaves_screen ? LEAVES_SCREEN : VISIBLE;
    vec3 indirect = bitmask.indirect_intensity * weight * (bounced + probe_radiance);
    out_lighting = vec4(mat3(frame.world_from_view) * sector.direction_vs, state);
    out_direct = vec4(weight * environment.rgb, environment.a * float(SECTORS_PER_SLICE));
    out_indirect = vec4(probe.bounces ? indirect : vec3(0.0), 1.0);
    out_position = vec4(occluder_uv, sector.disk);
}
