// How much of the hemisphere above a point does the depth buffer leave open?
// reads  gbuffer, environment      writes  irradiance at the normal times the open share; the open share in a
// after  Mittring, Finding Next Gen: CryEngine 2, SIGGRAPH 2007; hemisphere of the normal, cosine-weighted
// cannot tell which directions are open: light of all of them is dimmed alike
#include <ssao>
const bool TWO_DEPTH_LAYERS = SSAO_DEPTH_LAYERS == SSAO_DEPTH_LAYERS_2;
#include "common/ray_march.glsl"
#include "common/sampling.glsl"
#include "common/environment.glsl"
out vec4 direct;

Ray ray_at(Receiver r, Hemisphere h, Pattern p, int i, int k, int steps) {
    Sample s = sample_of(p, i, k);
    return ray_of(r, h, above(s.local, h.flat_local), ssao.radius, ssao.bias, steps, s.share);
}

void main() {
    direct = vec4(0.0, 0.0, 0.0, 1.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    vec3 n_ws = normal_ws_at(uv_here()), flat_vs = mat3(frame.view_from_world) * flat_ws_at(uv_here());
    Receiver r = receiver_at(uv_here(), depth, flat_vs);
    Hemisphere h = hemisphere_at(r, mat3(frame.view_from_world) * basis(n_ws), flat_vs);
    Pattern p = pattern_of(tile_index(ivec2(gl_FragCoord.xy)), ssao.samples, 0);
    int steps = SSAO_VISIBILITY == SSAO_VISIBILITY_RAY_MARCH ? ssao.steps : 0;
    float open = 0.0;
    for (int i = 0; i < ssao.samples; i += AT_ONCE) {
        Ray y0 = ray_at(r, h, p, i, 0, steps), y1 = ray_at(r, h, p, i, 1, steps), y2 = ray_at(r, h, p, i, 2, steps), y3 = ray_at(r, h, p, i, 3, steps);
        ivec4 hit = closing(r, y0, y1, y2, y3, ssao.thickness, steps);
        open += dot(vec4(greaterThan(asked_of(i, ssao.samples), hit)), vec4(1.0));
        go_on(p);
    }
    direct.a = open / float(ssao.samples);
    direct.rgb = irradiance_at(n_ws) * direct.a;
}
