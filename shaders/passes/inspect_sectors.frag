// What does each sector of one pixel's slices find, and what light does it bring?
// reads  what the technique reads at that pixel      writes  a column for each sector: its direction and whether it is
//        closed (1), leaves the
// screen open (2) or is open (0); irradiance it brings from the environment, and its open share in a; from the surface
// that is the first to close it; where that is seen after  shaders/bitmask.frag itself, with all sectors but one taken
// for closed cannot say what the blur makes of it
#include <probe>
#define HERE probe.pixel
#include "techniques/bitmask.frag"
#include "common/sectors.glsl"
layout(location = 1) out vec4 direct_part;
layout(location = 2) out vec4 indirect_part;
layout(location = 3) out vec4 place_part;

void main() {
    int column = int(gl_FragCoord.x);
    Post p = post_at(uv_here(), depth_at(uv_here()), normal_ws_at(uv_here()), flat_ws_at(uv_here()));
    Slice s = slice_of(p, column / PARTS, bitmask.slices, tile_index(ivec2(HERE)));
    Sector sector = sector_of(p, s, column % PARTS, decided_at(s), bitmask.radius);
    uint closed = ~(1u << uint(sector.number));
    vec3 back = vec3(0.0), flat_vs = mat3(frame.view_from_world) * flat_ws_at(uv_here());
    vec2 uv = vec2(0.0);
    for (int k = 0; k < bitmask.steps; k++) {
        for (float side = 1.0; side > -2.0; side -= 2.0) {
            Way way = way_of(p, s, side, bitmask.radius);
            float shift = side > 0.0 ? s.shift : fract(s.shift + 0.5);
            uint before = closed;
            Seen q = seen_at(p, way, k, bitmask.steps, shift, bitmask.bias);
            back += sent(p, s, q, side, closed);
            if (closed != before) uv = q.uv;
        }
    }
    bool shut = closed == 0xffffffffu;
    float each = PI / float(bitmask.slices);
    vec3 afar = vec3(0.0);
    Probes probes = probes_at((frame.world_from_view * vec4(p.p_vs, 1.0)).xyz, flat_ws_at(uv_here()), bitmask.radius);
    vec4 light = through(p, s, closed, flat_vs, map_from_world() * mat3(frame.world_from_view), probes, afar);
    result = vec4(mat3(frame.world_from_view) * sector.w_vs, shut ? 1.0 : sector.leaves ? 2.0 : 0.0);
    direct_part = vec4(each * light.rgb, light.a * float(PARTS));
    indirect_part = vec4(probe.bounces ? bitmask.indirect_intensity * each * (back + afar) : vec3(0.0), 1.0);
    place_part = vec4(uv, sector.disc);
}
