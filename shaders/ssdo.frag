// Which directions above a point see the environment, and what light comes back along the others?
// reads  gbuffer, environment; senders also direct light and sun      writes  irradiance; the open share in a of direct
// after  Ritschel, Grosch, Seidel, Approximating Dynamic Global Illumination in Image Space, I3D 2009: equations 1 and 2
// cannot see occluders and senders that the camera does not see, nor know how deep they are
#include <ssdo>
#include "common/visibility.glsl"
#include "common/pattern.glsl"
#include "common/environment.glsl"
uniform sampler2D gbuffer_albedo, gbuffer_emission, light_direct, light_sun, sender_radiance;
layout(location = 0) out vec4 result;

struct Point {
    Receiver receiver;
    mat3 ws_from_local, vs_from_local;
    int tile, steps;
};

Point point_here(float depth) {
    mat3 ws_from_local = basis(normal_ws_at(uv_here())), vs_from_local = mat3(frame.view_from_world) * ws_from_local;
    int steps = ssdo.visibility == SSDO_VISIBILITY_MARCH ? ssdo.steps : 0;
    return Point(receiver_at(uv_here(), depth, vs_from_local[2]), ws_from_local, vs_from_local, tile_index(ivec2(HERE)), steps);
}

bool closed(Point p, Sample s, out vec2 uv) {
    return closed(p.receiver, p.vs_from_local * s.local, ssdo.radius, ssdo.thickness, ssdo.bias, p.steps, s.share, uv);
}

vec3 arriving(Point p, Sample s) { return radiance_from(p.ws_from_local * s.local, ssdo.prefilter * solid_angle_of(s, ssdo.samples)); }

// Equation 1: E = sum of L_in(w) V(w) cos(theta) dw. The density of w is cos(theta) / pi, so cosine and 1/pi cancel.
void direct() {
    result = vec4(0.0, 0.0, 0.0, 1.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    Point p = point_here(depth);
    vec4 sum = vec4(0.0);
    vec2 uv;
    for (int i = 0; i < ssdo.samples; i++) {
        Sample s = sample_of(i, ssdo.samples, p.tile);
        if (!closed(p, s, uv)) sum += vec4(arriving(p, s), 1.0);
    }
    result = sum / float(ssdo.samples) * vec4(vec3(PI), 1.0);
}

// Radiance that leaves every pixel: emitted, and reflected of environment and sun.
void senders() {
    vec2 uv = uv_here();
    vec3 irradiance = textureLod(light_direct, uv, 0.0).rgb + textureLod(light_sun, uv, 0.0).rgb;
    result = vec4(textureLod(gbuffer_emission, uv, 0.0).rgb + textureLod(gbuffer_albedo, uv, 0.0).rgb / PI * irradiance, 1.0);
}

// Equation 2: E = sum of L_sender (1 - V(w)) over the closed directions, each sender weighed by
//   solid angle: cos(theta_r) dw, like direct light, so that a closed furnace is white;
//   patch, as published: A_s cos(theta_s) cos(theta_r) / d^2 with A_s = pi r^2 / N. Its directions are uniform, hence the density
//   ratio 1 / (2 cos(theta)); d is at least the patch's own radius r / sqrt(N), which has no unit but the scene's.
// The sender's back reflects nothing towards us.
vec3 sent(Point p, Sample s, vec2 uv, float depth) {
    vec3 d_vs = vs_from_uv(texel_center(uv), depth_at(uv)) - vs_from_uv(uv_here(), depth);
    vec3 sender_vs = mat3(frame.view_from_world) * normal_ws_at(uv);
    float weight = PI / float(ssdo.samples);
    float facing = -dot(sender_vs, d_vs);
    if (facing <= 0.0) return vec3(0.0);
    if (ssdo.bounce_form == SSDO_BOUNCE_FORM_PATCH) {
        float d2 = dot(d_vs, d_vs), least = ssdo.radius * ssdo.radius / float(ssdo.samples);
        weight = PI * least * facing * dot(p.vs_from_local[2], d_vs) / (d2 * max(d2, least)) / (2.0 * s.local.z);
    }
    return weight * textureLod(sender_radiance, uv, 0.0).rgb;
}

void indirect() {
    result = vec4(0.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    Point p = point_here(depth);
    vec3 sum = vec3(0.0);
    vec2 uv;
    for (int i = 0; i < ssdo.samples; i++) {
        Sample s = sample_of(i, ssdo.samples, p.tile);
        if (closed(p, s, uv)) sum += sent(p, s, uv, depth);
    }
    result = vec4(ssdo.bounce_gain * sum, 1.0);
}
