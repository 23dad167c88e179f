// How much of the hemisphere lies above the two horizons of each slice?
// reads  gbuffer, environment      writes  irradiance times the open share; the open share in a
// after  Jimenez, Wu, Pesce, Jarabo, Practical Realtime Strategies for Accurate Indirect Occlusion, SIGGRAPH 2016
// cannot know what is open below a horizon: things are taken to go on behind what is seen, but for the heuristic `thin`
#include <gtao>
const bool TWO_DEPTH_LAYERS = false;  // a horizon has no back
#include "common/slices.glsl"
#include "common/environment.glsl"
layout(location = 0) out vec4 direct;

// A horizon's cosine. `thin` is the authors' heuristic: with 0.1 RMSE of radiance in cornell, nook, blocks and
// courtyard (15 % of their size) is 0.344, 0.059, 0.055, 0.117, without it 0.319, 0.058, 0.056, 0.096, as most of what
// is too bright there is hidden anyway. A thing that is farther than the radius raises none, one that is nearly as far
// a part of its own.
float horizon_of(Post p, Slice s, float side, float shift) {
    Way way = way_of(p, s, side, gtao.radius);
    float low = end_of(s, side), horizon = low;
    for (int k = 0; k < gtao.steps; k++) {
        Seen q = seen_at(p, way, k, gtao.steps, shift, gtao.bias);
        float distance = length(q.d_vs), full = clamp((1.0 - distance / gtao.radius) / max(gtao.falloff_range, 1e-6), 0.0, 1.0);
        float cosine = q.above ? mix(low, dot(q.d_vs, p.v_vs) / distance, full) : low;
        horizon = cosine >= horizon ? cosine : mix(horizon, cosine, gtao.thin_occluder_compensation);
    }
    return horizon;
}

void occlusion() {
    direct = vec4(0.0, 0.0, 0.0, 1.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    vec3 n_ws = normal_ws_at(uv_here()), flat_ws = flat_ws_at(uv_here()), bent_vs = vec3(0.0);
    Post p = post_at(uv_here(), depth, n_ws, flat_ws);
    int tile = tile_index(ivec2(HERE));
    float open = 0.0;
    for (int i = 0; i < gtao.slices; i++) {
        Slice s = slice_of(p, i, gtao.slices, tile);
        float a = horizon_of(p, s, 1.0, s.shift), b = horizon_of(p, s, -1.0, fract(s.shift + 0.5));
        open += place(s, a, 1.0) - place(s, b, -1.0);
        if (gtao.bent_normals) {
            vec2 between = moment(s, vec2(a, sqrt(max(1.0 - a * a, 0.0)))) - moment(s, vec2(b, -sqrt(max(1.0 - b * b, 0.0))));
            bent_vs += between.x * p.v_vs + between.y * s.d_vs;
        }
    }
    direct.a = open / float(gtao.slices);
    vec3 towards_ws = gtao.bent_normals && dot(bent_vs, bent_vs) > 0.0 ? normalize(mat3(frame.world_from_view) * bent_vs) : n_ws;
    direct.rgb = irradiance_at(towards_ws) * direct.a;
}
