// Pixel inspector of SSDO and SSAO: what happens to each direction of one pixel, and what light does it bring?
// reads   what techniques/ssdo.frag reads at that pixel
// writes  a column per direction: direction and state; direct irradiance and visibility; indirect irradiance; where
// source  techniques/ssdo.frag; SSAO has the same directions, each weighted by the mean light
// limits  denoising is not included
#include <probe>
#define SHADED_PIXEL probe.pixel
#include "techniques/ssdo.frag"

layout(location = 1) out vec4 out_direct;
layout(location = 2) out vec4 out_indirect;
layout(location = 3) out vec4 out_position;  // xy: uv of the occluder; zw: the direction, projected onto the surface

const float VISIBLE = 0.0;
const float OCCLUDED = 1.0;
const float LEAVES_SCREEN = 2.0;

// Whether the ray ends off screen or behind the camera.
bool leaves_screen(vec3 end_vs) {
    vec2 end_px = project_to_screen(end_vs).xy;
    return end_vs.z >= 0.0 || end_px != clamp(end_px, vec2(0.0), frame.size);
}

void main() {
    vec2 uv = uv_here();
    ShadingPoint point = make_shading_point(uv, depth_at(uv));
    DirectionSample s = single_sample(int(gl_FragCoord.x), ssdo.samples, point.tile);
    vec3 direction_vs = point.vs_from_local * sample_direction(point, s);
    ScreenRay ray = make_sample_ray(point, s);
    int hit = first_occluded_step(point.receiver, ray, ssdo.thickness, point.steps);
    vec3 probe_radiance;
    vec4 environment = environment_light(point, s, probe_radiance);

    bool is_hit = hit > 0;
    bool is_occluded = is_hit || environment.a == 0.0;
    float state = leaves_screen(point.receiver.position_vs + direction_vs * ssdo.radius) ? LEAVES_SCREEN : VISIBLE;
    vec2 occluder_uv = is_hit ? hit_uv(point.receiver, ray, hit, point.steps) : uv;
    vec3 direct = probe.alike ? irradiance_at(normal_ws_at(uv)) : environment.rgb * PI;
    vec3 indirect = is_hit ? bounced_light(point, s, ray, hit) : probe_radiance * PI / float(ssdo.samples);
    out_lighting = vec4(mat3(frame.world_from_view) * direction_vs, is_occluded ? OCCLUDED : state);
    out_direct = vec4(is_occluded ? vec3(0.0) : direct / float(ssdo.samples), is_occluded ? 0.0 : 1.0);
    out_indirect = vec4(probe.bounces ? ssdo.indirect_intensity * indirect : vec3(0.0), 1.0);
    out_position = vec4(occluder_uv, s.direction.xy);
}
