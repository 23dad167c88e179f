// Ambient occlusion: which fraction of the hemisphere above a point does the depth buffer leave unoccluded?
// reads   G-buffer, environment irradiance
// writes  direct.rgb: irradiance x visibility; direct.a: cosine-weighted visibility, 0 to 1
// source  Mittring, Finding Next Gen: CryEngine 2, SIGGRAPH 2007; normal-oriented hemisphere, cosine-weighted
// limits  no directions: light from everywhere is dimmed by the same factor
#include <ssao>
const bool TWO_DEPTH_LAYERS = SSAO_DEPTH_LAYERS == SSAO_DEPTH_LAYERS_2;
#include "common/sampling.glsl"
#include "common/ray_march.glsl"
#include "common/environment.glsl"

out vec4 out_direct;

void main() {
    out_direct = vec4(0.0, 0.0, 0.0, 1.0);
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    if (!is_surface(depth)) return;

    mat3 vs_from_world = mat3(frame.view_from_world);
    vec3 normal_ws = normal_ws_at(uv);
    vec3 geometric_normal_vs = vs_from_world * geometric_normal_ws_at(uv);
    Receiver receiver = make_receiver(uv, depth, geometric_normal_vs);
    LocalFrame local = make_local_frame(receiver, vs_from_world * orthonormal_basis(normal_ws), geometric_normal_vs);
    SampleSequence sequence = start_sequence(index_in_tile(ivec2(gl_FragCoord.xy)), ssao.samples, 0);
    int steps = SSAO_VISIBILITY == SSAO_VISIBILITY_RAY_MARCH ? ssao.steps : 0;

    float unoccluded = 0.0;
    for (int first = 0; first < ssao.samples; first += BATCH) {
        ScreenRay rays[BATCH];
        for (int lane = 0; lane < BATCH; lane++) {
            DirectionSample s = batch_sample(sequence, first, lane);
            vec3 direction = reflect_above_surface(s.direction, local.geometric_normal);
            rays[lane] = make_ray(receiver, local, direction, ssao.radius, ssao.bias, steps, s.step_offset);
        }
        ivec4 occluded = first_occluded_steps(receiver, rays, ssao.thickness, steps);
        unoccluded += dot(vec4(greaterThan(active_lanes(first, ssao.samples), occluded)), vec4(1.0));
        next_batch(sequence);
    }
    out_direct.a = unoccluded / float(ssao.samples);
    out_direct.rgb = irradiance_at(normal_ws) * out_direct.a;
}
