// How much of each sector of one pixel's slices lies between the two horizons, and what light does it bring?
// reads  what the technique reads at that pixel      writes  a column for each sector: its direction and whether it is
//        closed (1), leaves the
// screen open (2) or is open (0), to direct; its share of the pixel's light, and its open share in a; no bounce; where
// the horizon that closes it is seen after  shaders/gtao.frag itself: what lies between its horizons is cut at the
// sectors' ends cannot say what the blur makes of it
#include <probe>
#define HERE probe.pixel
#include "techniques/gtao.frag"
#include "common/sectors.glsl"
layout(location = 1) out vec4 direct_part;
layout(location = 2) out vec4 indirect_part;
layout(location = 3) out vec4 place_part;

// Where the highest horizon of a side is seen.
vec2 highest(Post p, Slice s, float side, float shift) {
    Way way = way_of(p, s, side, gtao.radius);
    float horizon = end_of(s, side);
    vec2 uv = vec2(0.0);
    for (int k = 0; k < gtao.steps; k++) {
        Seen q = seen_at(p, way, k, gtao.steps, shift, gtao.bias);
        float distance = length(q.d_vs), cosine = dot(q.d_vs, p.v_vs) / distance;
        if (!q.above || distance > gtao.radius || cosine <= horizon) continue;
        horizon = cosine;
        uv = q.uv;
    }
    return uv;
}

void main() {
    occlusion();
    vec3 light = direct.a > 0.0 ? direct.rgb / direct.a : vec3(0.0);
    int column = int(gl_FragCoord.x);
    Post p = post_at(uv_here(), depth_at(uv_here()), normal_ws_at(uv_here()), flat_ws_at(uv_here()));
    Slice s = slice_of(p, column / PARTS, gtao.slices, tile_index(ivec2(HERE)));
    Sector sector = sector_of(p, s, column % PARTS, 0.5, gtao.radius);
    float opposite = fract(s.shift + 0.5), wide = 1.0 / float(PARTS), from = float(sector.number) * wide;
    float high = place(s, horizon_of(p, s, 1.0, s.shift), 1.0), low = place(s, horizon_of(p, s, -1.0, opposite), -1.0);
    float open = max(min(high, from + wide) - max(low, from), 0.0) * float(PARTS);
    bool upper = from + 0.5 * wide > high, shut = open == 0.0;
    direct = vec4(mat3(frame.world_from_view) * sector.w_vs, shut ? 1.0 : sector.leaves ? 2.0 : 0.0);
    direct_part = vec4(light * open / float(gtao.slices * PARTS), open);
    indirect_part = vec4(0.0, 0.0, 0.0, 1.0);
    place_part = vec4(upper ? highest(p, s, 1.0, s.shift) : highest(p, s, -1.0, opposite), sector.disc);
}
