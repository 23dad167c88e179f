// How much of the hemisphere above a point does the depth buffer leave open?
// reads  gbuffer, environment      writes  irradiance at the normal times the open share; the open share in a; no bounce
// after  Mittring, Finding Next Gen: CryEngine 2, SIGGRAPH 2007; hemisphere of the normal, cosine-weighted
// cannot tell which directions are open: light of all of them is dimmed alike
#include <ssao>
#include "common/visibility.glsl"
#include "common/pattern.glsl"
#include "common/environment.glsl"
layout(location = 0) out vec4 direct;
layout(location = 1) out vec4 indirect;

void main() {
    direct = vec4(0.0, 0.0, 0.0, 1.0);
    indirect = vec4(0.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    vec3 n_ws = normal_ws_at(uv_here()), flat_vs = mat3(frame.view_from_world) * flat_ws_at(uv_here());
    mat3 vs_from_local = mat3(frame.view_from_world) * basis(n_ws);
    Receiver r = receiver_at(uv_here(), depth, flat_vs);
    int tile = tile_index(ivec2(gl_FragCoord.xy)), steps = ssao.visibility == SSAO_VISIBILITY_MARCH ? ssao.steps : 0;
    int open = 0;
    vec2 uv;
    for (int i = 0; i < ssao.samples; i++) {
        Sample s = sample_of(i, ssao.samples, tile);
        if (!closed(r, above(vs_from_local * s.local, flat_vs), ssao.radius, ssao.thickness, ssao.bias, steps, s.share, uv)) open++;
    }
    direct.a = float(open) / float(ssao.samples);
    direct.rgb = irradiance_at(n_ws) * direct.a;
}
