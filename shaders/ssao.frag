// How much of the hemisphere above a point does the depth buffer leave open?
// reads  gbuffer, environment      writes  irradiance at the normal times the open share; the open share in a; no bounce
// after  Mittring, Finding Next Gen: CryEngine 2, SIGGRAPH 2007; hemisphere of the normal, cosine-weighted
// cannot tell which directions are open: light of all of them is dimmed alike
#include <ssao>
const bool TWO_INTERVALS = SSAO_INTERVALS == SSAO_INTERVALS_TWO;
#include "common/visibility.glsl"
#include "common/pattern.glsl"
#include "common/environment.glsl"
layout(location = 0) out vec4 direct;
layout(location = 1) out vec4 indirect;

// 1 where a direction is open, 0 where it is closed or one too many.
float open_at(Receiver r, mat3 vs_from_local, vec3 flat_vs, Pattern p, int i, int k) {
    int steps = SSAO_VISIBILITY == SSAO_VISIBILITY_MARCH ? ssao.steps : 0;
    Sample s = sample_of(p, i, k);
    Ray y = ray_of(r, above(vs_from_local * s.local, flat_vs), ssao.radius, ssao.bias, steps, s.share);
    return closing(r, y, ssao.thickness, steps) > 0 || i + k >= ssao.samples ? 0.0 : 1.0;
}

void main() {
    direct = vec4(0.0, 0.0, 0.0, 1.0);
    indirect = vec4(0.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    vec3 n_ws = normal_ws_at(uv_here()), flat_vs = mat3(frame.view_from_world) * flat_ws_at(uv_here());
    mat3 vs_from_local = mat3(frame.view_from_world) * basis(n_ws);
    Receiver r = receiver_at(uv_here(), depth, flat_vs);
    Pattern p = pattern_of(tile_index(ivec2(gl_FragCoord.xy)), ssao.samples, 0);
    float open = 0.0;
    for (int i = 0; i < ssao.samples; i += AT_ONCE) {
        open += open_at(r, vs_from_local, flat_vs, p, i, 0) + open_at(r, vs_from_local, flat_vs, p, i, 1);
        open += open_at(r, vs_from_local, flat_vs, p, i, 2) + open_at(r, vs_from_local, flat_vs, p, i, 3);
        go_on(p);
    }
    direct.a = open / float(ssao.samples);
    direct.rgb = irradiance_at(n_ws) * direct.a;
}
