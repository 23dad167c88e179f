// Which directions above a point see the environment, and what light comes back along the others?
// reads  gbuffer, environment, senders      writes  irradiance; the open share in a of direct
// after  Ritschel, Grosch, Seidel, Approximating Dynamic Global Illumination in Image Space, I3D 2009: equations 1 and 2
// cannot see occluders and senders that the camera does not see, nor know how deep they are
#include <ssdo>
#include <batch>
const bool TWO_DEPTH_LAYERS = SSDO_DEPTH_LAYERS == SSDO_DEPTH_LAYERS_2;
#include "common/ray_march.glsl"
#include "common/sampling.glsl"
#include "common/environment.glsl"
#include "common/probes.glsl"
#include "common/bounce_sources.glsl"
layout(location = 0) out vec4 result;

struct Point {
    Receiver receiver;
    Hemisphere hemisphere;
    mat3 vs_from_local, map_from_local;
    int tile, steps;
    Probes probes;
};

Probes probes_of(Receiver r) { return probes_at((frame.world_from_view * vec4(r.p_vs, 1.0)).xyz, flat_ws_at(uv_here()), ssdo.radius); }

Point point_here(float depth) {
    mat3 vs_from_local = mat3(frame.view_from_world) * basis(normal_ws_at(uv_here()));
    vec3 flat_vs = mat3(frame.view_from_world) * flat_ws_at(uv_here());
    int steps = SSDO_VISIBILITY == SSDO_VISIBILITY_RAY_MARCH ? ssdo.steps : 0;
    mat3 map_from_local = map_from_world() * mat3(frame.world_from_view) * vs_from_local;
    Receiver receiver = receiver_at(uv_here(), depth, flat_vs);
    Hemisphere hemisphere = hemisphere_at(receiver, vs_from_local, flat_vs);
    return Point(receiver, hemisphere, vs_from_local, map_from_local, tile_index(ivec2(HERE)), steps, probes_of(receiver));
}

vec3 direction_of(Point p, Sample s) { return above(s.local, p.hemisphere.flat_local); }

Ray ray_of(Point p, Sample s) { return ray_of(p.receiver, p.hemisphere, direction_of(p, s), ssdo.radius, ssdo.bias, p.steps, s.share); }

int closing(Point p, Ray y) { return closing(p.receiver, y, ssdo.thickness, p.steps); }

// Radiance of the environment along a direction that the screen leaves open, and 1, or 0 where something is beyond.
// far: radiance of that.
vec4 arriving(Point p, Sample s, out vec3 far) {
    vec3 w_map = p.map_from_local * direction_of(p, s);
    vec4 found = beyond(p.probes, w_map, s.share);
    far = found.rgb;
    return found.a * vec4(radiance_around(w_map), 1.0);
}

// The direct pass tells the bounce which of a sample's points is hidden, so that it need not look again: half of
// marched SSDO's time was spent on looking twice. A texel says so of `each` samples, `bits` bits of channel i % 4 for
// sample i; a batch is as many as the pass writes texels for.
// the sums of earlier batches; what the direct pass found
uniform sampler2D before, before_far, batch_hits, batch_hits_2, batch_hits_3;

#if defined(ENTRY_DIRECT_MORE) || defined(ENTRY_INDIRECT_MORE)
#define MORE
#endif

#if defined(ENTRY_DIRECT) || defined(ENTRY_DIRECT_MORE)
layout(location = 1) out vec4 hits;
#ifdef MORE
layout(location = 2) out vec4 hits_2;
layout(location = 3) out vec4 hits_3;
layout(location = 4) out vec4 far_indirect;
#else
layout(location = 2) out vec4 far_indirect;
#endif

// Radiance that comes through a direction where it is open, and 1. afar: grows by radiance of what is beyond.
vec4 through(Point p, Sample s, bool open, inout vec3 afar) {
    vec3 sent;
    vec4 found = arriving(p, s, sent);
    if (!open) return vec4(0.0);
    afar += sent;
    return found;
}

// What a texel says of the samples from `first` on; their light is added.
vec4 looked(Point p, inout Pattern q, int first, inout vec4 sum, inout vec3 afar) {
    uvec4 found = uvec4(0u);
    int end = min(first + batch.each, batch.end);
    for (int i = first, shift = 0; i < end; i += AT_ONCE, shift += batch.bits) {
        Sample s0 = sample_of(q, i, 0), s1 = sample_of(q, i, 1), s2 = sample_of(q, i, 2), s3 = sample_of(q, i, 3);
        ivec4 hit = closing(p.receiver, ray_of(p, s0), ray_of(p, s1), ray_of(p, s2), ray_of(p, s3), ssdo.thickness, p.steps);
        ivec4 asked = asked_of(i, ssdo.samples);
        bvec4 open = greaterThan(asked, hit);
        sum += through(p, s0, open.x, afar) + through(p, s1, open.y, afar) + through(p, s2, open.z, afar) + through(p, s3, open.w, afar);
        found |= uvec4(hit * asked) << uint(shift);
        go_on(q);
    }
    return vec4(found);
}

// Equation 1: E = sum of L_in(w) V(w) cos(theta) dw. The density of w is cos(theta) / pi, so cosine and 1/pi cancel.
void direct() {
    result = vec4(0.0, 0.0, 0.0, 1.0);
    hits = far_indirect = vec4(0.0);
#ifdef MORE
    hits_2 = hits_3 = vec4(0.0);
#endif
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    Point p = point_here(depth);
    Pattern q = pattern_of(p.tile, ssdo.samples, batch.first);
    vec4 sum = vec4(0.0);
    vec3 afar = vec3(0.0);
    hits = looked(p, q, batch.first, sum, afar);
#ifdef MORE
    hits_2 = looked(p, q, batch.first + batch.each, sum, afar);
    hits_3 = looked(p, q, batch.first + 2 * batch.each, sum, afar);
#endif
    result = textureLod(before, uv_here(), 0.0) + sum / float(ssdo.samples) * vec4(vec3(PI), 1.0);
    far_indirect = textureLod(before_far, uv_here(), 0.0) + vec4(ssdo.indirect_intensity * PI / float(ssdo.samples) * afar, 0.0);
}

void direct_more() { direct(); }
#endif

// Radiance that the body which closes a direction sends along it: from its front, as the camera sees it, or its back.
vec3 sent(Point p, Ray y, int hit, vec2 uv, out bool front) {
    front = front_of(uv, p.receiver.p_vs) > 0.0;
    if (TWO_DEPTH_LAYERS) {
        vec4 seen = intervals_at(p.receiver, uv);
        float q = inverse_depth_of(p.receiver, y, hit, p.steps);
        bool first = seen.x > q && q > seen.y;
        front = front && first;
        if (!front) return (first ? from_back(seen, uv, p.receiver.p_vs) : from_second(uv, p.receiver.p_vs));
    }
    return front ? textureLod(sender_radiance, uv, 0.0).rgb : vec3(0.0);
}

// Equation 2: E = sum of L_sender (1 - V(w)) over the closed directions, each sender weighed by solid angle:
// cos(theta_r) dw, like direct light, so that a closed furnace is white; patch, as published: A_s cos(theta_s)
// cos(theta_r) / d^2 with A_s = pi r^2 / N. Its directions are uniform, hence the density ratio 1 / (2 cos(theta)); d
// is at least the patch's own radius r / sqrt(N), which has no unit but the scene's. It says nothing of what is not
// seen, which is left out of it.
vec3 returned(Point p, Sample s, Ray y, int hit) {
    vec2 uv = place_of(p.receiver, y, hit, p.steps);
    float weight = PI / float(ssdo.samples);
    bool front;
    vec3 radiance = sent(p, y, hit, uv, front);
    if (SSDO_BOUNCE_ESTIMATOR == SSDO_BOUNCE_ESTIMATOR_FORM_FACTOR) {
        if (!front) return vec3(0.0);
        vec3 d_vs = vs_from_uv(uv, depth_at(uv)) - p.receiver.p_vs;
        float d2 = dot(d_vs, d_vs), least = ssdo.radius * ssdo.radius / float(ssdo.samples);
        weight = PI * least * front_of(uv, p.receiver.p_vs) * dot(p.vs_from_local[2], d_vs) / (d2 * max(d2, least)) / (2.0 * s.local.z);
    }
    return weight * radiance;
}

// What comes back from the surface that closes a direction, where one does.
vec3 back(Point p, Pattern q, int i, int k, uint hit) {
    Sample s = sample_of(q, i, k);
    return hit == 0u ? vec3(0.0) : returned(p, s, ray_of(p, s), int(hit));
}

// The same of all samples from `first` on that a texel speaks of.
vec3 back(Point p, inout Pattern q, int first, sampler2D hits) {
    uvec4 found = uvec4(textureLod(hits, uv_here(), 0.0));
    vec3 sum = vec3(0.0);
    int end = min(first + batch.each, batch.end);
    for (int i = first, shift = 0; i < end; i += AT_ONCE, shift += batch.bits) {
        uvec4 hit = found >> uint(shift) & uint((1 << batch.bits) - 1);
        sum += back(p, q, i, 0, hit.x) + back(p, q, i, 1, hit.y) + back(p, q, i, 2, hit.z) + back(p, q, i, 3, hit.w);
        go_on(q);
    }
    return sum;
}

void indirect() {
    result = vec4(0.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    Point p = point_here(depth);
    Pattern q = pattern_of(p.tile, ssdo.samples, batch.first);
    vec3 sum = back(p, q, batch.first, batch_hits);
#ifdef MORE
    sum += back(p, q, batch.first + batch.each, batch_hits_2);
    sum += back(p, q, batch.first + 2 * batch.each, batch_hits_3);
#endif
    result = textureLod(before, uv_here(), 0.0) + vec4(ssdo.indirect_intensity * sum, 0.0);
}

void indirect_more() { indirect(); }

#ifdef ENTRY_GLOSS
#include "common/specular.glsl"

// The same question for the directions that a glossy surface reflects towards the camera: a is the share of them that
// is open, rgb the mean of what the others send.
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
    for (int i = 0; i < ssdo.specular_samples; i++) {
        Sample s = sample_of(i, ssdo.specular_samples, p.tile);
        s.local = reflected(v_local, alpha, s.local.xy);
        if (s.local.z <= 0.0) continue;
        float weight = masking(s.local.z, alpha);
        total += weight;
        Ray y = ray_of(p, s);
        int hit = closing(p, y);
        if (hit == 0) {
            vec4 far = beyond(p.probes, p.map_from_local * direction_of(p, s), s.share);
            sum += weight * vec4(ssdo.bounce ? far.rgb : vec3(0.0), far.a);
        } else {
            bool front;
            sum.rgb += weight * sent(p, y, hit, place_of(p.receiver, y, hit, p.steps), front);
        }
    }
    if (total > 0.0) result = sum / total;
    result.rgb *= ssdo.indirect_intensity;
}
#endif
