// Which sectors of each slice does what is seen close, what comes through the others, and what is sent from these?
// reads  gbuffer, environment, senders      writes  irradiance; the open share in a of direct
// after  Therrien, Levesque, Gilet, Screen Space Indirect Lighting with Visibility Bitmask, 2023 (arXiv 2301.11376);
// sectors of equal share cannot see occluders and senders that the camera does not see, nor know how deep they are
#include <bitmask>
const bool TWO_DEPTH_LAYERS = BITMASK_DEPTH_LAYERS == BITMASK_DEPTH_LAYERS_2;
#include "common/slices.glsl"
#include "common/environment.glsl"
#include "common/probes.glsl"
#include "common/bounce_sources.glsl"
layout(location = 0) out vec4 result;
uniform sampler2D before_far;  // what the direct pass found beyond the open sectors

const float SECTORS = 32.0;

// Whether a sector is counted is decided at one point of it, 0 to 1, another in each pixel of a tile: right in the mean.
float decided_at(Slice s) { return fract(s.shift * 2.6180339887); }

#ifdef ENTRY_GLOSS
#include "common/ggx.glsl"
float place_of(Slice s, float cosine, float side) { return lobe_place(s, cosine, side); }
#else
float place_of(Slice s, float cosine, float side) { return place(s, cosine, side); }
#endif

// The sectors before a place.
uint sectors_before(Slice s, float place) {
    float n = ceil(SECTORS * place - decided_at(s));
    return n >= SECTORS ? 0xffffffffu : (1u << uint(max(n, 0.0))) - 1u;
}

// The sectors that are closed by a body: it goes on away from the camera, `thickness` along the view axis, as far as it
// lies within the radius. What a march of infinitely many rays and steps would find closed is this.
uint closed_by(Post p, Slice s, Seen q, float thickness, float side) {
    float d2 = dot(q.d_vs, q.d_vs), b = dot(q.d_vs, q.ray), root2 = b * b - d2 + bitmask.radius * bitmask.radius, root = sqrt(max(root2, 0.0));
    float first = max(-b - root, 0.0), last = min(thickness * q.stretch, root - b);
    float near = dot(q.d_vs, p.v_vs), turn = dot(q.ray, p.v_vs);
    float front = (near + first * turn) * inversesqrt(max(d2 + first * (2.0 * b + first), 1e-6 * d2));
    float back = (near + last * turn) * inversesqrt(max(d2 + last * (2.0 * b + last), 1e-6 * d2));
    uint sectors = sectors_before(s, place_of(s, front, side)) ^ sectors_before(s, place_of(s, back, side));
    return q.above && root2 > 0.0 && last > first ? sectors : 0u;
}

// By what is seen; with two intervals by the first body there, and by the second.
uint closed_at(Post p, Slice s, Seen q, float side, out uint second) {
    second = 0u;
    if (!TWO_DEPTH_LAYERS) return closed_by(p, s, q, bitmask.thickness, side);
    vec4 known = intervals_at(p.receiver, q.uv), depths = 1.0 / max(known, 1e-15);
    uint first = closed_by(p, s, q, depths.y - depths.x, side);
    q.d_vs = q.ray * (q.stretch * depths.z) - p.p_vs;
    q.above = known.z > 0.0 && depths.z * height_of(p.receiver.plane, q.uv * frame.size) - p.receiver.height > bitmask.bias * length(q.d_vs);
    second = closed_by(p, s, q, depths.w - depths.z, side);
    return first;
}

uint closed_at(Post p, Slice s, Seen q, float side) {
    uint second, first = closed_at(p, s, q, side, second);
    return first | second;
}

float share_of(uint sectors) { return float(bitCount(sectors)) / SECTORS; }

// Radiance through the open sectors, and their share; afar grows by radiance of what is beyond. It is taken from the
// centroid of each of `lookups` groups, of equal angle: where a group is open in part, from its closed part too. Beside
// a wall in an environment that grows brighter towards it (F8; what SSAO cannot know is 0.42 there) that adds 0.19,
// 0.09, 0.048, 0.036 with 2, 4, 8, 16 of them, 0.033 being left with ever more. RMSE of radiance in nook, 16 lookups
// apart from 4 by 0.002 at a radius of 15 % of its size, falls from 0.029 with 4 to 0.025 with 8 at 3 m, a room's size.
vec4 through(Post p, Slice s, uint closed, vec3 flat_vs, mat3 map_from_view, Probes probes, inout vec3 afar) {
    float wide = PI / float(bitmask.environment_samples);
    vec2 turn = vec2(cos(wide), sin(wide)), w = vec2(s.sine, -s.cosine), before = moment(s, w);
    uint below = 0u;
    vec4 sum = vec4(0.0);
    for (int i = 1; i <= bitmask.environment_samples; i++) {
        w = turned(w, turn);
        uint until = i < bitmask.environment_samples ? sectors_before(s, place(s, w.x, w.y < 0.0 ? -1.0 : 1.0)) : 0xffffffffu;
        vec2 until_moment = moment(s, w), middle = until_moment - before;
        vec3 w_map = map_from_view * above(normalize(middle.x * p.v_vs + middle.y * s.d_vs), flat_vs);
        float open = share_of((until ^ below) & ~closed);
        vec4 far = beyond(probes, w_map, fract(s.shift + float(i) * 0.6180339887));
        sum += open * far.a * vec4(radiance_around(w_map), 1.0);
        afar += open * far.rgb;
        below = until;
        before = until_moment;
    }
    return sum;
}

#ifdef ENTRY_DIRECT
layout(location = 1) out vec4 far_indirect;

void direct() {
    result = vec4(0.0, 0.0, 0.0, 1.0);
    far_indirect = vec4(0.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    Post p = post_at(uv_here(), depth, normal_ws_at(uv_here()), flat_ws_at(uv_here()));
    vec3 flat_vs = mat3(frame.view_from_world) * flat_ws_at(uv_here());
    mat3 map_from_view = map_from_world() * mat3(frame.world_from_view);
    int tile = tile_index(ivec2(HERE));
    Probes probes = probes_at((frame.world_from_view * vec4(p.p_vs, 1.0)).xyz, flat_ws_at(uv_here()), bitmask.radius);
    vec4 sum = vec4(0.0);
    vec3 afar = vec3(0.0);
    for (int i = 0; i < bitmask.slices; i++) {
        Slice s = slice_of(p, i, bitmask.slices, tile);
        Way one = way_of(p, s, 1.0, bitmask.radius), other = way_of(p, s, -1.0, bitmask.radius);
        uint closed = 0u;
        for (int k = 0; k < bitmask.steps; k++) {
            closed |= closed_at(p, s, seen_at(p, one, k, bitmask.steps, s.shift, bitmask.bias), 1.0);
            closed |= closed_at(p, s, seen_at(p, other, k, bitmask.steps, fract(s.shift + 0.5), bitmask.bias), -1.0);
        }
        sum += through(p, s, closed, flat_vs, map_from_view, probes, afar);
    }
    result = sum / float(bitmask.slices) * vec4(vec3(PI), 1.0);
    far_indirect = vec4(bitmask.indirect_intensity * PI / float(bitmask.slices) * afar, 0.0);
}
#endif

// Each sender weighed by the sectors that it is the first to close, from the receiver outwards. Whether it faces the
// receiver is decided at its texel's centre, where its normal and its depth belong together: beside an edge half of the
// light would be lost otherwise.
vec3 sent(Post p, Slice s, Seen q, float side, inout uint closed) {
    uint second, sectors = closed_at(p, s, q, side, second) & ~closed;
    second &= ~(closed | sectors);
    closed |= sectors | second;
    vec3 behind = vec3(0.0);
    if (TWO_DEPTH_LAYERS && second != 0u) behind = share_of(second) * from_second(q.uv, p.p_vs);
    if (front_of(q.uv, p.p_vs) > 0.0) return behind + share_of(sectors) * textureLod(sender_radiance, q.uv, 0.0).rgb;
    return TWO_DEPTH_LAYERS && sectors != 0u ? behind + share_of(sectors) * from_back(intervals_at(p.receiver, q.uv), q.uv, p.p_vs) : behind;
}

void indirect() {
    result = vec4(0.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    Post p = post_at(uv_here(), depth, normal_ws_at(uv_here()), flat_ws_at(uv_here()));
    int tile = tile_index(ivec2(HERE));
    vec3 sum = vec3(0.0);
    for (int i = 0; i < bitmask.slices; i++) {
        Slice s = slice_of(p, i, bitmask.slices, tile);
        Way one = way_of(p, s, 1.0, bitmask.radius), other = way_of(p, s, -1.0, bitmask.radius);
        uint closed = 0u;
        for (int k = 0; k < bitmask.steps; k++) {
            sum += sent(p, s, seen_at(p, one, k, bitmask.steps, s.shift, bitmask.bias), 1.0, closed);
            sum += sent(p, s, seen_at(p, other, k, bitmask.steps, fract(s.shift + 0.5), bitmask.bias), -1.0, closed);
        }
    }
    result = textureLod(before_far, uv_here(), 0.0) + vec4(bitmask.indirect_intensity * PI / float(bitmask.slices) * sum, 1.0);
}

#ifdef ENTRY_GLOSS
// Through the open sectors of a slice of the lobe, and from beyond them, in as many groups as the environment is looked
// up in elsewhere; total grows by what a slice all open would have.
vec4 through_lobe(Post p, Lobe l, uint closed, vec3 flat_vs, mat3 map_from_view, Probes probes, inout float total) {
    float wide = l.wide / float(bitmask.environment_samples), x = l.x;
    uint below = 0u;
    vec4 sum = vec4(0.0);
    for (int i = 1; i <= bitmask.environment_samples; i++, x += wide) {
        vec3 w_vs = direction_at(p, l, x + 0.5 * wide);
        uint until = i < bitmask.environment_samples ? sectors_before(l.s, lobe_place(l, x + wide)) : 0xffffffffu, group = until ^ below;
        vec4 far = beyond(probes, map_from_view * above(w_vs, flat_vs), fract(l.s.shift + float(i) * 0.6180339887));
        float weight = weight_of(p, l, w_vs);
        sum += weight * share_of(group & ~closed) * vec4(bitmask.bounce ? far.rgb : vec3(0.0), far.a);
        total += weight * share_of(group);
        below = until;
    }
    return sum;
}

// The same questions for the directions that a glossy surface reflects towards the camera: a is the share of them that
// is open, rgb the mean of what the others send. RMSE of radiance on metal of roughness 0.1, 0.3 and 0.6 among things
// below a white sky (blur 4): dimmed by the open share 0.41, 0.33, 0.11; with one slice 0.143, 0.113, 0.072, with two
// 0.141, 0.108, 0.063, with 16 of 64 steps 0.110, 0.083, 0.047; SSDO with 4 directions 0.182, 0.135, 0.061. At
// roughness 1, where the lobe is the hemisphere, the open share says as much: 0.026, one slice 0.039, SSDO 0.031.
// Processor time in atelier, 640 x 360 on llvmpipe: 60 ms with one slice, 90 with two, beside 580 of all else; SSDO's
// four directions 30.
void gloss() {
    result = vec4(0.0, 0.0, 0.0, 1.0);
    float depth = depth_at(uv_here());
    vec4 g = gloss_at(uv_here());
    if (!on_surface(depth) || g.rgb == vec3(0.0)) return;
    Post p = post_at(uv_here(), depth, normal_ws_at(uv_here()), flat_ws_at(uv_here()));
    vec3 flat_vs = mat3(frame.view_from_world) * flat_ws_at(uv_here());
    mat3 map_from_view = map_from_world() * mat3(frame.world_from_view);
    int tile = tile_index(ivec2(HERE));
    Probes probes = probes_at((frame.world_from_view * vec4(p.p_vs, 1.0)).xyz, flat_ws_at(uv_here()), bitmask.radius);
    vec4 sum = vec4(0.0);
    float total = 0.0;
    for (int i = 0; i < bitmask.specular_samples; i++) {
        Lobe l = lobe_slice(p, i, bitmask.specular_samples, tile, alpha_of(g.a));
        uint closed = 0u, low = sectors_before(l.s, l.s.before * l.s.per);
        for (float side = -1.0; side < 2.0; side += 2.0) {
            Way way = way_of(p, l.s, side, bitmask.radius);
            float shift = side > 0.0 ? l.s.shift : fract(l.s.shift + 0.5);
            // a narrow lobe often has none on one side; then nothing is looked up there
            uint mine = side > 0.0 ? ~low : low;
            for (int k = 0; k < bitmask.steps && (mine & ~closed) != 0u; k++) {
                Seen q = seen_at(p, way, k, bitmask.steps, shift, bitmask.bias);
                sum.rgb += weight_of(p, l, normalize(q.d_vs)) * sent(p, l.s, q, side, closed);
            }
        }
        sum += through_lobe(p, l, closed, flat_vs, map_from_view, probes, total);
    }
    if (total > 0.0) result = sum / total;
    result.rgb *= bitmask.indirect_intensity;
}
#endif
