// Visibility bitmask: which sectors of a slice are occluded, and what light do the others and the occluders bring?
// reads   G-buffer, depth layers, environment, probes, bounce sources
// writes  direct.rgb, indirect.rgb: irradiance; direct.a: visibility; specular.rgb: radiance; specular.a: visibility
// source  Therrien, Levesque, Gilet, Screen Space Indirect Lighting with Visibility Bitmask, 2023 (arXiv 2301.11376)
// limits  off-screen and hidden occluders and senders are missed; the thickness of occluders is a guess
#include <bitmask>
const bool TWO_DEPTH_LAYERS = BITMASK_DEPTH_LAYERS == BITMASK_DEPTH_LAYERS_2;
#include "common/slices.glsl"
#include "common/environment.glsl"
#include "common/probes.glsl"
#include "common/bounce_sources.glsl"

const uint ALL_SECTORS = 0xffffffffu;

// The point of each sector at which it is tested, 0 to 1. It differs between the pixels of a tile: the mean is right.
float sector_offset(Slice slice) { return fract(slice.step_offset * 2.6180339887); }

#ifdef ENTRY_SPECULAR
#include "common/ggx_slices.glsl"
float sector_cdf(Slice slice, float cosine, float side) { return lobe_cdf(slice, cosine, side); }
#else
float sector_cdf(Slice slice, float cosine, float side) { return slice_cdf(slice, cosine, side); }
#endif

// The sectors below a fraction of the slice.
uint sectors_below(Slice slice, float cdf) {
    float count = ceil(float(SECTORS_PER_SLICE) * cdf - sector_offset(slice));
    return count >= float(SECTORS_PER_SLICE) ? ALL_SECTORS : (1u << uint(max(count, 0.0))) - 1u;
}

float sector_fraction(uint sectors) { return float(bitCount(sectors)) / float(SECTORS_PER_SLICE); }

// The sectors that an occluder covers. It extends from its front away from the camera, `thickness` along the view axis,
// as far as it lies within the radius.
uint find_occluded_sectors(SliceReceiver receiver, Slice slice, DepthSample occluder, float thickness, float side) {
    float distance2 = dot(occluder.offset_vs, occluder.offset_vs);
    float b = dot(occluder.offset_vs, occluder.ray_vs);
    float discriminant = b * b - distance2 + bitmask.radius * bitmask.radius;
    float root = sqrt(max(discriminant, 0.0));
    float front_t = max(-b - root, 0.0);
    float back_t = min(thickness * occluder.distance_per_depth, root - b);

    float offset_cosine = dot(occluder.offset_vs, receiver.view_vs);
    float ray_cosine = dot(occluder.ray_vs, receiver.view_vs);
    float front_length2 = max(distance2 + front_t * (2.0 * b + front_t), 1e-6 * distance2);
    float back_length2 = max(distance2 + back_t * (2.0 * b + back_t), 1e-6 * distance2);
    float front_cosine = (offset_cosine + front_t * ray_cosine) * inversesqrt(front_length2);
    float back_cosine = (offset_cosine + back_t * ray_cosine) * inversesqrt(back_length2);

    uint below_front = sectors_below(slice, sector_cdf(slice, front_cosine, side));
    uint below_back = sectors_below(slice, sector_cdf(slice, back_cosine, side));
    bool occludes = occluder.is_occluder && discriminant > 0.0 && back_t > front_t;
    return occludes ? below_front ^ below_back : 0u;
}

// The sectors that both depth layers of a pixel cover; `second`: those of the second layer.
uint find_layer_sectors(SliceReceiver receiver, Slice slice, DepthSample occluder, float side, out uint second) {
    second = 0u;
    if (!TWO_DEPTH_LAYERS) return find_occluded_sectors(receiver, slice, occluder, bitmask.thickness, side);
    vec4 layers = depth_layers_at(receiver.geometric, occluder.uv);
    vec4 depths = FRAME_ORTHOGRAPHIC ? min(-layers, 1e15) : 1.0 / max(layers, 1e-15);
    uint first = find_occluded_sectors(receiver, slice, occluder, depths.y - depths.x, side);

    if (FRAME_ORTHOGRAPHIC) occluder.offset_vs.z = -depths.z - receiver.position_vs.z;
    else occluder.offset_vs = occluder.ray_vs * (occluder.distance_per_depth * depths.z) - receiver.position_vs;
    vec2 pixel = occluder.uv * frame.size;
    occluder.is_occluder = layers.z > INFINITELY_FAR
        && height_above_plane(receiver.geometric, pixel, depths.z) > bitmask.bias * length(occluder.offset_vs);
    second = find_occluded_sectors(receiver, slice, occluder, depths.w - depths.z, side);
    return first;
}

uint find_layer_sectors(SliceReceiver receiver, Slice slice, DepthSample occluder, float side) {
    uint second;
    uint first = find_layer_sectors(receiver, slice, occluder, side, second);
    return first | second;
}

DepthSample sample_depth(SliceReceiver receiver, Slice slice, ScreenSegment segment, int index, float side) {
    float step_offset = side > 0.0 ? slice.step_offset : fract(slice.step_offset + 0.5);
    return sample_depth(receiver, segment, index, bitmask.steps, step_offset, bitmask.bias);
}

// What the slices of a pixel have in common.
struct BitmaskPoint {
    SliceReceiver receiver;
    vec3 geometric_normal_vs;
    mat3 environment_from_view;
    ProbeCell probes;
    int tile;
};

BitmaskPoint make_bitmask_point(vec2 uv, float depth) {
    vec3 geometric_normal_ws = geometric_normal_ws_at(uv);
    BitmaskPoint point;
    point.receiver = make_slice_receiver(uv, depth, normal_ws_at(uv), geometric_normal_ws);
    point.geometric_normal_vs = mat3(frame.view_from_world) * geometric_normal_ws;
    point.environment_from_view = environment_from_world() * mat3(frame.world_from_view);
    point.probes = make_probe_cell(ws_from_vs(point.receiver.position_vs), geometric_normal_ws, bitmask.radius);
    point.tile = index_in_tile(ivec2(SHADED_PIXEL));
    return point;
}

// Sums over sectors, each weighted by its fraction of the slice.
struct SectorLight {
    vec4 unoccluded;  // rgb: radiance of the environment; a: number of unoccluded slices
    vec3 occluded;    // radiance of the environment
    vec3 probes;      // radiance of what the probes find
};

// Adds the light of a slice. The environment is sampled in groups of equal angle, along the mean direction of each.
void gather_environment_light(BitmaskPoint point, Slice slice, uint occluded, inout SectorLight sum) {
    float group_angle = PI / float(bitmask.environment_samples);
    vec2 group_rotation = vec2(cos(group_angle), sin(group_angle));
    vec2 direction = vec2(slice.sin_gamma, -slice.cos_gamma);
    vec2 lower_moment = directional_moment(slice, direction);
    uint lower_sectors = 0u;
    for (int i = 1; i <= bitmask.environment_samples; i++) {
        direction = rotate(direction, group_rotation);
        uint upper_sectors = ALL_SECTORS;
        if (i < bitmask.environment_samples) {
            float side = direction.y < 0.0 ? -1.0 : 1.0;
            upper_sectors = sectors_below(slice, slice_cdf(slice, direction.x, side));
        }
        vec2 upper_moment = directional_moment(slice, direction);
        vec2 mean = upper_moment - lower_moment;
        vec3 mean_vs = normalize(mean.x * point.receiver.view_vs + mean.y * slice.axis_vs);
        vec3 mean_env = point.environment_from_view * reflect_above_surface(mean_vs, point.geometric_normal_vs);
        uint group = upper_sectors ^ lower_sectors;
        float visible = sector_fraction(group & ~occluded);
        vec4 probe = sample_probes(point.probes, mean_env, fract(slice.step_offset + float(i) * 0.6180339887));
        vec3 radiance = octahedral_radiance(mean_env);
        sum.unoccluded += visible * probe.a * vec4(radiance, 1.0);
        sum.occluded += (sector_fraction(group) - visible * probe.a) * radiance;
        sum.probes += visible * probe.rgb;
        lower_sectors = upper_sectors;
        lower_moment = upper_moment;
    }
}

#ifdef ENTRY_DIRECT
layout(location = 0) out vec4 out_direct;
layout(location = 1) out vec4 out_probe_indirect;

void direct() {
    out_direct = vec4(0.0, 0.0, 0.0, 1.0);
    out_probe_indirect = vec4(0.0);
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    if (!is_surface(depth)) return;

    BitmaskPoint point = make_bitmask_point(uv, depth);
    SectorLight sum = SectorLight(vec4(0.0), vec3(0.0), vec3(0.0));
    for (int i = 0; i < bitmask.slices; i++) {
        Slice slice = make_slice(point.receiver, i, bitmask.slices, point.tile);
        ScreenSegment upper = make_segment(point.receiver, slice, 1.0, bitmask.radius);
        ScreenSegment lower = make_segment(point.receiver, slice, -1.0, bitmask.radius);
        uint occluded = 0u;
        for (int k = 0; k < bitmask.steps; k++) {
            DepthSample upper_sample = sample_depth(point.receiver, slice, upper, k, 1.0);
            occluded |= find_layer_sectors(point.receiver, slice, upper_sample, 1.0);
            DepthSample lower_sample = sample_depth(point.receiver, slice, lower, k, -1.0);
            occluded |= find_layer_sectors(point.receiver, slice, lower_sample, -1.0);
        }
        gather_environment_light(point, slice, occluded, sum);
    }
    float weight = PI / float(bitmask.slices);
    vec3 irradiance = irradiance_at(normal_ws_at(uv)) - weight * sum.occluded;
    out_direct = vec4(irradiance, sum.unoccluded.a / float(bitmask.slices));
    vec3 probe_indirect = bitmask.indirect_intensity * weight * sum.probes;
    out_probe_indirect = vec4(probe_indirect, 0.0);
}
#endif

// Radiance that an occluder sends, weighted by the sectors that it is the first to occlude. Whether it faces the
// receiver is tested at the pixel centre, where its normal and its depth belong. Else half of the light is lost beside
// edges.
vec3 gather_sender_light(SliceReceiver receiver, Slice slice, DepthSample occluder, float side, inout uint occluded) {
    uint second;
    uint first = find_layer_sectors(receiver, slice, occluder, side, second) & ~occluded;
    second &= ~(occluded | first);
    occluded |= first | second;
    vec3 p_vs = receiver.position_vs;
    vec3 radiance = vec3(0.0);
    if (TWO_DEPTH_LAYERS && second != 0u) {
        radiance = sector_fraction(second) * fetch_second_layer(occluder.uv, p_vs);
    }
    if (height_above_sender(occluder.uv, p_vs) > 0.0) {
        radiance += sector_fraction(first) * textureLod(sender_radiance, occluder.uv, 0.0).rgb;
    } else if (TWO_DEPTH_LAYERS && first != 0u) {
        vec4 layers = depth_layers_at(receiver.geometric, occluder.uv);
        radiance += sector_fraction(first) * fetch_first_back(layers, occluder.uv, p_vs);
    }
    return radiance;
}

#ifdef ENTRY_INDIRECT
uniform sampler2D previous_probe_light;  // indirect irradiance from probes, of the direct pass
layout(location = 0) out vec4 out_indirect;

void indirect() {
    out_indirect = vec4(0.0);
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    if (!is_surface(depth)) return;

    SliceReceiver receiver = make_slice_receiver(uv, depth, normal_ws_at(uv), geometric_normal_ws_at(uv));
    int tile = index_in_tile(ivec2(SHADED_PIXEL));
    vec3 sum = vec3(0.0);
    for (int i = 0; i < bitmask.slices; i++) {
        Slice slice = make_slice(receiver, i, bitmask.slices, tile);
        ScreenSegment upper = make_segment(receiver, slice, 1.0, bitmask.radius);
        ScreenSegment lower = make_segment(receiver, slice, -1.0, bitmask.radius);
        uint occluded = 0u;
        for (int k = 0; k < bitmask.steps; k++) {
            DepthSample upper_sample = sample_depth(receiver, slice, upper, k, 1.0);
            sum += gather_sender_light(receiver, slice, upper_sample, 1.0, occluded);
            DepthSample lower_sample = sample_depth(receiver, slice, lower, k, -1.0);
            sum += gather_sender_light(receiver, slice, lower_sample, -1.0, occluded);
        }
    }
    vec3 bounced = bitmask.indirect_intensity * PI / float(bitmask.slices) * sum;
    out_indirect = textureLod(previous_probe_light, uv, 0.0) + vec4(bounced, 1.0);
}
#endif

#ifdef ENTRY_SPECULAR
layout(location = 0) out vec4 out_specular;

// Visibility of the unoccluded sectors of a lobe's slice, and what probes know. `total_weight` grows by the weight of
// the whole slice.
vec4 gather_lobe_light(BitmaskPoint point, LobeSlice lobe, uint occluded, inout float total_weight) {
    float group_range = lobe.x_range / float(bitmask.environment_samples);
    float x = lobe.x_low;
    uint lower_sectors = 0u;
    vec4 sum = vec4(0.0);
    for (int i = 1; i <= bitmask.environment_samples; i++) {
        vec3 direction_vs = lobe_direction_vs(point.receiver, lobe, x + 0.5 * group_range);
        uint upper_sectors = ALL_SECTORS;
        if (i < bitmask.environment_samples) {
            upper_sectors = sectors_below(lobe.slice, lobe_cdf(lobe, x + group_range));
        }
        uint group = upper_sectors ^ lower_sectors;
        vec3 raised_vs = reflect_above_surface(direction_vs, point.geometric_normal_vs);
        float u = fract(lobe.slice.step_offset + float(i) * 0.6180339887);
        vec4 probe = sample_probes(point.probes, point.environment_from_view * raised_vs, u);
        float weight = lobe_weight(point.receiver, lobe, direction_vs);
        vec3 probe_radiance = bitmask.bounce ? probe.rgb : vec3(0.0);
        sum += weight * sector_fraction(group & ~occluded) * vec4(probe_radiance, probe.a);
        total_weight += weight * sector_fraction(group);
        lower_sectors = upper_sectors;
        x += group_range;
    }
    return sum;
}

// The specular lobe: a is the fraction of it that sees the environment, rgb the mean radiance that the rest receives.
void specular() {
    out_specular = vec4(0.0, 0.0, 0.0, 1.0);
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    vec4 surface = specular_at(uv);
    if (!is_surface(depth) || surface.rgb == vec3(0.0)) return;

    BitmaskPoint point = make_bitmask_point(uv, depth);
    float alpha = alpha_from_roughness(surface.a);
    vec4 sum = vec4(0.0);
    float total_weight = 0.0;
    for (int i = 0; i < bitmask.specular_samples; i++) {
        LobeSlice lobe = make_lobe_slice(point.receiver, i, bitmask.specular_samples, point.tile, alpha);
        Slice slice = lobe.slice;
        uint lower_sectors = sectors_below(slice, slice.view_integral * slice.inv_norm);
        uint occluded = 0u;
        for (float side = -1.0; side < 2.0; side += 2.0) {
            ScreenSegment segment = make_segment(point.receiver, slice, side, bitmask.radius);
            // a narrow lobe often has no sectors on one side, which then needs no search
            uint side_sectors = side > 0.0 ? ~lower_sectors : lower_sectors;
            for (int k = 0; k < bitmask.steps && (side_sectors & ~occluded) != 0u; k++) {
                DepthSample occluder = sample_depth(point.receiver, slice, segment, k, side);
                float weight = lobe_weight(point.receiver, lobe, normalize(occluder.offset_vs));
                sum.rgb += weight * gather_sender_light(point.receiver, slice, occluder, side, occluded);
            }
        }
        sum += gather_lobe_light(point, lobe, occluded, total_weight);
    }
    if (total_weight > 0.0) out_specular = sum / total_weight;
    out_specular.rgb *= bitmask.indirect_intensity;
}
#endif

#ifdef ENTRY_INSPECT
#include "common/inspect_sectors.glsl"

// A column per sector: the passes above, with all sectors but one occluded from the start.
void inspect() {
    int column = int(gl_FragCoord.x);
    vec2 uv = pixel_uv();
    BitmaskPoint point = make_bitmask_point(uv, depth_at(uv));
    Slice slice = make_slice(point.receiver, column / SECTORS_PER_SLICE, bitmask.slices, point.tile);
    InspectedSector sector = make_inspected_sector(
        point.receiver, slice, column % SECTORS_PER_SLICE, sector_offset(slice), bitmask.radius
    );

    uint occluded = ~(1u << uint(sector.index));
    vec3 bounced = vec3(0.0);
    vec2 occluder_uv = vec2(0.0);
    for (int k = 0; k < bitmask.steps; k++) {
        for (float side = 1.0; side > -2.0; side -= 2.0) {
            ScreenSegment segment = make_segment(point.receiver, slice, side, bitmask.radius);
            DepthSample occluder = sample_depth(point.receiver, slice, segment, k, side);
            uint occluded_before = occluded;
            bounced += gather_sender_light(point.receiver, slice, occluder, side, occluded);
            if (occluded != occluded_before) occluder_uv = occluder.uv;
        }
    }
    SectorLight light = SectorLight(vec4(0.0), vec3(0.0), vec3(0.0));
    gather_environment_light(point, slice, occluded, light);
    // The exact irradiance minus the sampled one is corrected by `direct`. All sectors have an equal part in it.
    SectorLight hemisphere = SectorLight(vec4(0.0), vec3(0.0), vec3(0.0));
    for (int i = 0; i < bitmask.slices; i++) {
        Slice other = make_slice(point.receiver, i, bitmask.slices, point.tile);
        gather_environment_light(point, other, ALL_SECTORS, hemisphere);
    }
    float weight = PI / float(bitmask.slices);
    vec3 sampling_error = irradiance_at(normal_ws_at(uv)) - weight * hemisphere.occluded;
    vec3 direct = weight * light.unoccluded.rgb + sampling_error / float(SECTORS_PER_SLICE * bitmask.slices);
    float state = occluded == ALL_SECTORS ? OCCLUDED : sector.unoccluded_state;
    vec3 indirect = bitmask.indirect_intensity * weight * (bounced + light.probes);
    out_direction = vec4(mat3(frame.world_from_view) * sector.direction_vs, state);
    out_direct = vec4(direct, light.unoccluded.a * float(SECTORS_PER_SLICE));
    out_indirect = vec4(inspected.has_bounce ? indirect : vec3(0.0), 1.0);
    out_position = vec4(occluder_uv, sector.disk);
}
#endif
