// Directional occlusion: which directions above a point see the environment, and what light do the occluders send?
// reads   G-buffer, inverse depth, environment, probes, bounce sources
// writes  direct.rgb, indirect.rgb: irradiance; direct.a: visibility; specular.rgb: radiance; specular.a: visibility
// source  Ritschel, Grosch, Seidel, Approximating Dynamic Global Illumination in Image Space, I3D 2009, eq. 1 and 2
// limits  off-screen and hidden occluders and senders are missed; the thickness of occluders is a guess
#include <ssdo>
#include <batch>
const bool TWO_DEPTH_LAYERS = SSDO_DEPTH_LAYERS == SSDO_DEPTH_LAYERS_2;
const bool USES_CONTROL_VARIATE = SSDO_DIRECT_ESTIMATOR == SSDO_DIRECT_ESTIMATOR_CONTROL_VARIATE;
#include "common/sampling.glsl"
#include "common/ray_march.glsl"
#include "common/environment.glsl"
#include "common/probes.glsl"
#include "common/bounce_sources.glsl"

// What the samples of a pixel have in common.
struct ShadingPoint {
    Receiver receiver;
    LocalFrame local;
    mat3 vs_from_local;
    mat3 environment_from_local;
    int tile;
    int steps;
    ProbeCell probes;
};

ShadingPoint make_shading_point(vec2 uv, float depth) {
    mat3 vs_from_world = mat3(frame.view_from_world);
    vec3 geometric_normal_ws = geometric_normal_ws_at(uv);
    vec3 geometric_normal_vs = vs_from_world * geometric_normal_ws;
    mat3 vs_from_local = vs_from_world * orthonormal_basis(normal_ws_at(uv));
    mat3 environment_from_local = environment_from_world() * mat3(frame.world_from_view) * vs_from_local;
    Receiver receiver = make_receiver(uv, depth, geometric_normal_vs);
    LocalFrame local = make_local_frame(receiver, vs_from_local, geometric_normal_vs);
    int steps = SSDO_VISIBILITY == SSDO_VISIBILITY_RAY_MARCH ? ssdo.steps : 0;
    ProbeCell probes = make_probe_cell(ws_from_vs(receiver.position_vs), geometric_normal_ws, ssdo.radius);
    return ShadingPoint(
        receiver, local, vs_from_local, environment_from_local, index_in_tile(ivec2(SHADED_PIXEL)), steps, probes
    );
}

// Local frame.
vec3 sample_direction(ShadingPoint point, DirectionSample s) {
    return reflect_above_surface(s.direction, point.local.geometric_normal);
}

ScreenRay make_sample_ray(ShadingPoint point, DirectionSample s) {
    vec3 direction = sample_direction(point, s);
    return make_ray(point.receiver, point.local, direction, ssdo.radius, ssdo.bias, point.steps, s.step_offset);
}

// rgb: radiance of the environment along a sample; a: its visibility to the probes, 0 if one finds an occluder, whose
// radiance goes to `probe_radiance`.
vec4 gather_environment_light(ShadingPoint point, DirectionSample s, out vec3 probe_radiance) {
    vec3 direction_env = point.environment_from_local * sample_direction(point, s);
    vec4 probe = sample_probes(point.probes, direction_env, s.step_offset);
    probe_radiance = probe.rgb;
    return vec4(octahedral_radiance(direction_env), probe.a);
}

// The direct pass stores the hit step of each sample, so that the bounce need not march again. A texel holds those of
// `batch.samples_per_texel` samples. Sample i is in channel i % 4, from bit (i / 4) * `batch.bits_per_hit` on. Samples
// that do not fit go to the next pass, which adds its light to that of the previous ones.
uniform sampler2D previous_batches;
uniform sampler2D previous_probe_light;
uniform sampler2D batch_hits;
uniform sampler2D batch_hits_2;
uniform sampler2D batch_hits_3;

#if defined(ENTRY_DIRECT_LARGE_BATCH) || defined(ENTRY_INDIRECT_LARGE_BATCH)
#define LARGE_BATCH
#endif

#if defined(ENTRY_DIRECT) || defined(ENTRY_DIRECT_LARGE_BATCH)
layout(location = 0) out vec4 out_direct;
layout(location = 1) out vec4 out_hits;
#ifdef LARGE_BATCH
layout(location = 2) out vec4 out_hits_2;
layout(location = 3) out vec4 out_hits_3;
layout(location = 4) out vec4 out_probe_indirect;
#else
layout(location = 2) out vec4 out_probe_indirect;
#endif

// Sums over samples.
struct SampledLight {
    vec4 direct;  // rgb: radiance of the environment, added or taken away; a: number of unoccluded samples
    vec3 probes;  // radiance of what the probes find
};

// Radiance that a sample adds to the direct light: of an unoccluded one to 0, or of an occluded one, taken away, to the
// exact irradiance. `is_active`: 0 for the padding of the last batch.
vec3 compute_contribution(vec3 radiance, float visibility, int is_active) {
    return USES_CONTROL_VARIATE ? (visibility - float(is_active)) * radiance : visibility * radiance;
}

// Adds the light of the samples of one texel, from `first` on. Returns their hits.
vec4 trace_samples(ShadingPoint point, inout SampleSequence sequence, int first, inout SampledLight sum) {
    uvec4 hits = uvec4(0u);
    int end = min(first + batch.samples_per_texel, batch.end);
    for (int i = first, shift = 0; i < end; i += BATCH, shift += batch.bits_per_hit) {
        DirectionSample samples[BATCH];
        ScreenRay rays[BATCH];
        for (int lane = 0; lane < BATCH; lane++) {
            samples[lane] = batch_sample(sequence, i, lane);
            rays[lane] = make_sample_ray(point, samples[lane]);
        }
        ivec4 occluded = first_occluded_steps(point.receiver, rays, ssdo.thickness, point.steps);
        ivec4 lanes = active_lanes(i, ssdo.samples);
        bvec4 visible = greaterThan(lanes, occluded);
        for (int lane = 0; lane < BATCH; lane++) {
            vec3 probe_radiance;
            vec4 light = gather_environment_light(point, samples[lane], probe_radiance);
            float visibility = visible[lane] ? light.a : 0.0;
            sum.direct += vec4(compute_contribution(light.rgb, visibility, lanes[lane]), visibility);
            if (visible[lane]) sum.probes += probe_radiance;
        }
        hits |= uvec4(occluded * lanes) << uint(shift);
        next_batch(sequence);
    }
    return vec4(hits);
}

// Equation 1: E = sum of L_in(w) V(w) cos(theta) dw. The density of w is cos(theta) / pi, so cosine and 1/pi cancel.
// With a control variate E is the exact irradiance of the hemisphere minus the sum of L_in(w) (1 - V(w)). It is exact
// where nothing is occluded, and texels of the environment that reach below the horizon matter less. Noise may make a
// pixel negative; the mean over pixels is right.
void direct() {
    out_direct = vec4(0.0, 0.0, 0.0, 1.0);
    out_hits = vec4(0.0);
    out_probe_indirect = vec4(0.0);
#ifdef LARGE_BATCH
    out_hits_2 = vec4(0.0);
    out_hits_3 = vec4(0.0);
#endif
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    if (!is_surface(depth)) return;

    ShadingPoint point = make_shading_point(uv, depth);
    SampleSequence sequence = start_sequence(point.tile, ssdo.samples, batch.first);
    SampledLight sum = SampledLight(vec4(0.0), vec3(0.0));
    out_hits = trace_samples(point, sequence, batch.first, sum);
#ifdef LARGE_BATCH
    out_hits_2 = trace_samples(point, sequence, batch.first + batch.samples_per_texel, sum);
    out_hits_3 = trace_samples(point, sequence, batch.first + 2 * batch.samples_per_texel, sum);
#endif
    vec4 start = textureLod(previous_batches, uv, 0.0);
    if (USES_CONTROL_VARIATE && batch.first == 0) start.rgb = irradiance_at(normal_ws_at(uv));
    out_direct = start + sum.direct / float(ssdo.samples) * vec4(vec3(PI), 1.0);
    vec3 probe_indirect = ssdo.indirect_intensity * PI / float(ssdo.samples) * sum.probes;
    out_probe_indirect = textureLod(previous_probe_light, uv, 0.0) + vec4(probe_indirect, 0.0);
}

void direct_large_batch() { direct(); }
#endif

// Radiance that an occluder sends along a ray, from its visible front or, with depth layers, from what is hidden.
vec3 gather_sender_light(ShadingPoint point, ScreenRay ray, int hit_step, vec2 uv, out bool is_front) {
    vec3 p_vs = point.receiver.position_vs;
    is_front = height_above_sender(uv, p_vs) > 0.0;
    if (TWO_DEPTH_LAYERS) {
        vec4 layers = depth_layers_at(point.receiver, uv);
        float ray_inverse_depth = hit_inverse_depth(point.receiver, ray, hit_step, point.steps);
        bool is_first_layer = layers.x > ray_inverse_depth && ray_inverse_depth > layers.y;
        is_front = is_front && is_first_layer;
        if (!is_front) {
            return is_first_layer ? fetch_first_back(layers, uv, p_vs) : fetch_second_layer(uv, p_vs);
        }
    }
    return is_front ? textureLod(sender_radiance, uv, 0.0).rgb : vec3(0.0);
}

// Form factor of the paper: A_s cos(theta_s) cos(theta_r) / d^2 with the patch area A_s = pi r^2 / N. The paper samples
// uniform directions, hence the ratio of densities 1 / (2 cos(theta)). d is at least the radius of the patch. Heights
// above both planes are d times the cosines.
float compute_form_factor(ShadingPoint point, DirectionSample s, vec2 uv) {
    vec3 to_sender_vs = vs_from_uv(uv, depth_at(uv)) - point.receiver.position_vs;
    float distance2 = dot(to_sender_vs, to_sender_vs);
    float patch_radius2 = ssdo.radius * ssdo.radius / float(ssdo.samples);
    float sender_height = height_above_sender(uv, point.receiver.position_vs);
    float receiver_height = dot(point.vs_from_local[2], to_sender_vs);
    float distance4 = distance2 * max(distance2, patch_radius2);
    return PI * patch_radius2 * sender_height * receiver_height / distance4 / (2.0 * s.direction.z);
}

// Equation 2: E = sum of L_sender (1 - V(w)) over the occluded directions. A sender counts by its solid angle, which
// conserves energy, or by the form factor of the paper. Hidden senders have no form factor.
vec3 compute_bounce(ShadingPoint point, DirectionSample s, ScreenRay ray, int hit_step) {
    vec2 uv = hit_uv(point.receiver, ray, hit_step, point.steps);
    bool is_front;
    vec3 radiance = gather_sender_light(point, ray, hit_step, uv, is_front);
    float weight = PI / float(ssdo.samples);
    if (SSDO_BOUNCE_ESTIMATOR == SSDO_BOUNCE_ESTIMATOR_FORM_FACTOR) {
        if (!is_front) return vec3(0.0);
        weight = compute_form_factor(point, s, uv);
    }
    return weight * radiance;
}

#if defined(ENTRY_INDIRECT) || defined(ENTRY_INDIRECT_LARGE_BATCH)
layout(location = 0) out vec4 out_indirect;

// Bounced light of the samples of one hit texel, from `first` on.
vec3 gather_bounce(ShadingPoint point, inout SampleSequence sequence, int first, sampler2D hit_texels) {
    uvec4 hits = uvec4(textureLod(hit_texels, pixel_uv(), 0.0));
    vec3 sum = vec3(0.0);
    int end = min(first + batch.samples_per_texel, batch.end);
    for (int i = first, shift = 0; i < end; i += BATCH, shift += batch.bits_per_hit) {
        uvec4 lane_hits = hits >> uint(shift) & uint((1 << batch.bits_per_hit) - 1);
        vec3 light[BATCH];
        for (int lane = 0; lane < BATCH; lane++) {
            DirectionSample s = batch_sample(sequence, i, lane);
            int hit_step = int(lane_hits[lane]);
            light[lane] = hit_step == 0 ? vec3(0.0) : compute_bounce(point, s, make_sample_ray(point, s), hit_step);
        }
        sum += (light[0] + light[1]) + (light[2] + light[3]);
        next_batch(sequence);
    }
    return sum;
}

void indirect() {
    out_indirect = vec4(0.0);
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    if (!is_surface(depth)) return;

    ShadingPoint point = make_shading_point(uv, depth);
    SampleSequence sequence = start_sequence(point.tile, ssdo.samples, batch.first);
    vec3 sum = gather_bounce(point, sequence, batch.first, batch_hits);
#ifdef LARGE_BATCH
    sum += gather_bounce(point, sequence, batch.first + batch.samples_per_texel, batch_hits_2);
    sum += gather_bounce(point, sequence, batch.first + 2 * batch.samples_per_texel, batch_hits_3);
#endif
    out_indirect = textureLod(previous_batches, uv, 0.0) + vec4(ssdo.indirect_intensity * sum, 0.0);
}

void indirect_large_batch() { indirect(); }
#endif

#ifdef ENTRY_SPECULAR
#include "common/specular.glsl"
layout(location = 0) out vec4 out_specular;

// The specular lobe: a is the fraction of it that sees the environment, rgb the mean radiance that the rest receives.
void specular() {
    out_specular = vec4(0.0, 0.0, 0.0, 1.0);
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    if (!is_surface(depth)) return;
    vec4 surface = specular_at(uv);
    if (surface.rgb == vec3(0.0)) return;

    ShadingPoint point = make_shading_point(uv, depth);
    vec3 view_local = view_vs_at(uv, depth) * point.vs_from_local;
    float alpha = alpha_from_roughness(surface.a);
    float total_weight = 0.0;
    vec4 sum = vec4(0.0);
    for (int i = 0; i < ssdo.specular_samples; i++) {
        DirectionSample s = single_sample(i, ssdo.specular_samples, point.tile);
        s.direction = sample_reflection(view_local, alpha, s.direction.xy);
        if (s.direction.z <= 0.0) continue;
        float weight = masking(s.direction.z, alpha);
        total_weight += weight;
        ScreenRay ray = make_sample_ray(point, s);
        int hit_step = first_occluded_step(point.receiver, ray, ssdo.thickness, point.steps);
        if (hit_step == 0) {
            vec3 direction_env = point.environment_from_local * sample_direction(point, s);
            vec4 probe = sample_probes(point.probes, direction_env, s.step_offset);
            sum += weight * vec4(ssdo.bounce ? probe.rgb : vec3(0.0), probe.a);
        } else {
            bool is_front;
            vec2 sender_uv = hit_uv(point.receiver, ray, hit_step, point.steps);
            sum.rgb += weight * gather_sender_light(point, ray, hit_step, sender_uv, is_front);
        }
    }
    if (total_weight > 0.0) out_specular = sum / total_weight;
    out_specular.rgb *= ssdo.indirect_intensity;
}
#endif

#ifdef ENTRY_INSPECT
#include "common/inspect.glsl"

// The exact irradiance of the hemisphere minus that of all samples, which `direct` corrects. All have an equal part in it.
vec3 compute_sampling_error(ShadingPoint point) {
    vec3 radiance = vec3(0.0);
    for (int i = 0; i < ssdo.samples; i++) {
        DirectionSample s = single_sample(i, ssdo.samples, point.tile);
        radiance += octahedral_radiance(point.environment_from_local * sample_direction(point, s));
    }
    return irradiance_at(normal_ws_at(pixel_uv())) - PI / float(ssdo.samples) * radiance;
}

// A column per direction, as `direct` and `indirect` sample them. SSAO has the same directions with equal light.
void inspect() {
    vec2 uv = pixel_uv();
    ShadingPoint point = make_shading_point(uv, depth_at(uv));
    DirectionSample s = single_sample(int(gl_FragCoord.x), ssdo.samples, point.tile);
    vec3 direction_vs = point.vs_from_local * sample_direction(point, s);
    vec3 end_vs = point.receiver.position_vs + direction_vs * ssdo.radius;
    ScreenRay ray = make_sample_ray(point, s);
    int hit_step = first_occluded_step(point.receiver, ray, ssdo.thickness, point.steps);
    vec3 probe_radiance;
    vec4 environment = gather_environment_light(point, s, probe_radiance);

    bool is_hit = hit_step > 0;
    bool is_occluded = is_hit || environment.a == 0.0;
    float state = is_occluded ? OCCLUDED : find_unoccluded_state(end_vs);
    vec2 occluder_uv = is_hit ? hit_uv(point.receiver, ray, hit_step, point.steps) : uv;
    float visibility = is_occluded ? 0.0 : 1.0 / float(ssdo.samples);
    vec3 direct = visibility * irradiance_at(normal_ws_at(uv));
    if (inspected.is_directional) {
        direct = visibility * PI * environment.rgb;
        if (USES_CONTROL_VARIATE) direct += compute_sampling_error(point) / float(ssdo.samples);
    }
    vec3 indirect = is_hit ? compute_bounce(point, s, ray, hit_step) : probe_radiance * PI / float(ssdo.samples);
    out_direction = vec4(mat3(frame.world_from_view) * direction_vs, state);
    out_direct = vec4(direct, is_occluded ? 0.0 : 1.0);
    out_indirect = vec4(inspected.has_bounce ? ssdo.indirect_intensity * indirect : vec3(0.0), 1.0);
    out_position = vec4(occluder_uv, s.direction.xy);
}
#endif
