// What does each direction of one pixel find, and what light does it bring?
// reads  what the technique reads at that pixel      writes  a column for each direction: which it is and whether it is
//        closed (1), leaves
// the screen open (2) or is open (0); irradiance it brings from the environment, and its open share in a; from the
// surface that closes it, or lies beyond; where that is seen after  shaders/ssdo.frag itself, taken apart; SSAO looks
// at the same directions, and weighs them by the light of all cannot say what the blur makes of it
#include <probe>
#define HERE probe.pixel
#include "techniques/ssdo.frag"
layout(location = 1) out vec4 direct_part;
layout(location = 2) out vec4 indirect_part;
layout(location = 3) out vec4 place;

void main() {
    float depth = depth_at(uv_here());
    Point p = point_here(depth);
    Sample s = sample_of(int(gl_FragCoord.x), ssdo.samples, p.tile);
    vec3 w_vs = p.vs_from_local * direction_of(p, s), w_ws = mat3(frame.world_from_view) * w_vs;
    Ray y = ray_of(p, s);
    int hit = closing(p, y);
    vec3 beyond_radiance;
    vec4 found = arriving(p, s, beyond_radiance);
    bool seen = hit > 0, shut = seen || found.a == 0.0;  // by what is seen, or by what probes know of
    vec2 uv = seen ? place_of(p.receiver, y, hit, p.steps) : uv_here();
    vec3 far = p.receiver.p_vs + w_vs * ssdo.radius;
    vec2 end = on_screen(far).xy;
    bool leaves = far.z >= 0.0 || end != clamp(end, vec2(0.0), frame.size);
    result = vec4(w_ws, shut ? 1.0 : leaves ? 2.0 : 0.0);
    vec3 light = probe.alike ? irradiance_at(normal_ws_at(uv_here())) : found.rgb * PI;
    vec3 back = seen ? returned(p, s, y, hit) : beyond_radiance * PI / float(ssdo.samples);
    direct_part = vec4(shut ? vec3(0.0) : light / float(ssdo.samples), shut ? 0.0 : 1.0);
    indirect_part = vec4(probe.bounces ? ssdo.indirect_intensity * back : vec3(0.0), 1.0);
    place = vec4(uv, s.local.xy);
}
