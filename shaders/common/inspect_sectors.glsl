// Pixel inspector: the sectors of slices, a column each.
#include "common/inspect.glsl"
#include "common/slices.glsl"

struct InspectedSector {
    int index;  // in its slice, from the lower end
    vec3 direction_vs;
    float unoccluded_state;
    vec2 disk;  // direction, projected onto the surface: in a disk of radius 1
};

// The direction below which a fraction `u` of a slice lies: the inverse of `slice_cdf`, by bisection.
vec3 invert_slice_cdf(SliceReceiver receiver, Slice slice, float u) {
    float low = slice.gamma - 0.5 * PI;
    float high = slice.gamma + 0.5 * PI;
    for (int i = 0; i < 24; i++) {
        float middle = 0.5 * (low + high);
        if (slice_cdf(slice, cos(middle), middle < 0.0 ? -1.0 : 1.0) < u) low = middle;
        else high = middle;
    }
    return cos(low) * receiver.view_vs + sin(low) * slice.axis_vs;
}

// `offset` is the position in the sector at which it is tested, 0 to 1.
InspectedSector make_inspected_sector(SliceReceiver receiver, Slice slice, int index, float offset, float radius) {
    vec3 direction_vs = invert_slice_cdf(receiver, slice, (float(index) + offset) / float(SECTORS_PER_SLICE));
    float state = find_unoccluded_state(receiver.position_vs + direction_vs * radius);
    vec3 direction_ws = mat3(frame.world_from_view) * direction_vs;
    vec2 disk = (direction_ws * orthonormal_basis(normal_ws_at(pixel_uv()))).xy;
    return InspectedSector(index, direction_vs, state, disk);
}
