// Which directions above a point see the environment, and what light comes back along the others?
// reads  gbuffer, environment; senders also direct light and sun      writes  irradiance; the open share in a of direct
// after  Ritschel, Grosch, Seidel, Approximating Dynamic Global Illumination in Image Space, I3D 2009: equations 1 and 2
// cannot see occluders and senders that the camera does not see, nor know how deep they are
#include <ssdo>
#include "common/visibility.glsl"
#include "common/pattern.glsl"
#include "common/environment.glsl"
layout(location = 0) out vec4 result;
#include "common/senders.glsl"

struct Point {
    Receiver receiver;
    mat3 vs_from_local;
    vec3 flat_vs;
    int tile, steps;
};

Point point_here(float depth) {
    mat3 vs_from_local = mat3(frame.view_from_world) * basis(normal_ws_at(uv_here()));
    vec3 flat_vs = mat3(frame.view_from_world) * flat_ws_at(uv_here());
    int steps = SSDO_VISIBILITY == SSDO_VISIBILITY_MARCH ? ssdo.steps : 0;
    return Point(receiver_at(uv_here(), depth, flat_vs), vs_from_local, flat_vs, tile_index(ivec2(HERE)), steps);
}

vec3 direction_of(Point p, Sample s) { return above(p.vs_from_local * s.local, p.flat_vs); }

bool closed(Point p, vec3 w_vs, Sample s, out vec2 uv) {
    return closed(p.receiver, w_vs, ssdo.radius, ssdo.thickness, ssdo.bias, p.steps, s.share, uv);
}

vec3 arriving(vec3 w_vs, Sample s) { return radiance_from(mat3(frame.world_from_view) * w_vs, ssdo.prefilter * solid_angle_of(s, ssdo.samples)); }

// Radiance that comes through a direction, and 1 where it is open.
vec4 through(Point p, Pattern q, int i, int k) {
    Sample s = sample_of(q, i, k);
    vec3 w_vs = direction_of(p, s);
    vec2 uv;
    return i + k >= ssdo.samples || closed(p, w_vs, s, uv) ? vec4(0.0) : vec4(arriving(w_vs, s), 1.0);
}

// Equation 1: E = sum of L_in(w) V(w) cos(theta) dw. The density of w is cos(theta) / pi, so cosine and 1/pi cancel.
void direct() {
    result = vec4(0.0, 0.0, 0.0, 1.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    Point p = point_here(depth);
    Pattern q = pattern_of(p.tile, ssdo.samples);
    vec4 sum = vec4(0.0);
    for (int i = 0; i < ssdo.samples; i += AT_ONCE) {
        sum += through(p, q, i, 0) + through(p, q, i, 1) + through(p, q, i, 2) + through(p, q, i, 3);
        go_on(q);
    }
    result = sum / float(ssdo.samples) * vec4(vec3(PI), 1.0);
}

vec3 towards(vec2 uv, float depth) { return vs_from_uv(texel_center(uv), depth_at(uv)) - vs_from_uv(uv_here(), depth); }

// Equation 2: E = sum of L_sender (1 - V(w)) over the closed directions, each sender weighed by
//   solid angle: cos(theta_r) dw, like direct light, so that a closed furnace is white;
//   patch, as published: A_s cos(theta_s) cos(theta_r) / d^2 with A_s = pi r^2 / N. Its directions are uniform, hence the density
//   ratio 1 / (2 cos(theta)); d is at least the patch's own radius r / sqrt(N), which has no unit but the scene's.
vec3 sent(Point p, Sample s, vec2 uv, float depth) {
    vec3 d_vs = towards(uv, depth);
    float weight = PI / float(ssdo.samples), front = facing(uv, d_vs);
    if (front <= 0.0) return vec3(0.0);
    if (SSDO_BOUNCE_FORM == SSDO_BOUNCE_FORM_PATCH) {
        float d2 = dot(d_vs, d_vs), least = ssdo.radius * ssdo.radius / float(ssdo.samples);
        weight = PI * least * front * dot(p.vs_from_local[2], d_vs) / (d2 * max(d2, least)) / (2.0 * s.local.z);
    }
    return weight * textureLod(sender_radiance, uv, 0.0).rgb;
}

// What comes back from the surface that closes a direction.
vec3 back(Point p, Pattern q, int i, int k, float depth) {
    Sample s = sample_of(q, i, k);
    vec2 uv;
    return closed(p, direction_of(p, s), s, uv) && i + k < ssdo.samples ? sent(p, s, uv, depth) : vec3(0.0);
}

void indirect() {
    result = vec4(0.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    Point p = point_here(depth);
    Pattern q = pattern_of(p.tile, ssdo.samples);
    vec3 sum = vec3(0.0);
    for (int i = 0; i < ssdo.samples; i += AT_ONCE) {
        sum += back(p, q, i, 0, depth) + back(p, q, i, 1, depth) + back(p, q, i, 2, depth) + back(p, q, i, 3, depth);
        go_on(q);
    }
    result = vec4(ssdo.bounce_gain * sum, 1.0);
}

#ifdef ENTRY_GLOSS
// The same question for the directions that a glossy surface reflects towards the camera: a is the share of them that is open, rgb the mean
// of what the others send.
void gloss() {
    result = vec4(0.0, 0.0, 0.0, 1.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    vec4 g = gloss_at(uv_here());
    if (g.rgb == vec3(0.0)) return;
    Point p = point_here(depth);
    vec3 v_local = -normalize(vs_from_uv(uv_here(), depth)) * p.vs_from_local;
    float alpha = alpha_of(g.a), total = 0.0;
    vec4 sum = vec4(0.0);
    vec2 uv;
    for (int i = 0; i < ssdo.reflections; i++) {
        Sample s = sample_of(i, ssdo.reflections, p.tile);
        s.local = reflected(v_local, alpha, s.local.xy);
        if (s.local.z <= 0.0) continue;
        float weight = masking(s.local.z, alpha);
        vec3 w_vs = direction_of(p, s);
        total += weight;
        if (!closed(p, w_vs, s, uv)) sum.a += weight;
        else if (facing(uv, towards(uv, depth)) > 0.0) sum.rgb += weight * textureLod(sender_radiance, uv, 0.0).rgb;
    }
    if (total > 0.0) result = sum / total;
    result.rgb *= ssdo.bounce_gain;
}
#endif
