// Probe tracing: what does each probe see around itself?
// reads   environment, all triangles, materials and lights
// writes  rgb: radiance from the surface that is hit; a: its distance, metres
// source  Majercik et al., Dynamic Diffuse Global Illumination with Ray-Traced Irradiance Fields, JCGT 2019
// limits  texels are single directions, not means: what is smaller than a texel is missed
#include <probe_grid>
#include "common/path_tracing.glsl"
#include "common/probe_grid.glsl"

layout(location = 0) out vec4 out_radiance_distance;

const int PATHS = 4;  // per texel that hits a surface: small emitters are found by some

// `position` in the texel, 0 to 1.
vec3 texel_direction_ws(ivec2 texel, vec2 position) {
    return direction_from_octahedral((vec2(texel) + position) / probe_grid.octahedral_size) * environment_from_world();
}

// The ray through the texel's centre decides whether it hits a surface: a plane must not occlude the texels above it.
void trace_probe() {
    ivec2 px = ivec2(gl_FragCoord.xy);
    ivec2 size = ivec2(int(probe_grid.octahedral_size));
    ivec2 tile = px / size;
    ivec2 texel = px % size;
    int x = tile.x % int(probe_grid.counts.x);
    int z = tile.x / int(probe_grid.counts.x);
    vec3 origin_ws = probe_position_ws(vec3(x, tile.y, z));
    vec3 direction_ws = texel_direction_ws(texel, vec2(0.5));
    rng_state = pcg_hash(uint(px.x) + pcg_hash(uint(px.y)));
    Hit hit = intersect(origin_ws, direction_ws, paths.max_distance, false);
    out_radiance_distance = vec4(0.0, 0.0, 0.0, hit.t);
    if (hit.triangle < 0) return;

    vec3 radiance = vec3(0.0);
    float count = 0.0;
    for (int i = 0; i < PATHS; i++) {
        vec2 u = vec2(random(), random());
        direction_ws = texel_direction_ws(texel, (vec2(i & 1, i >> 1) + u) / 2.0);
        hit = intersect(origin_ws, direction_ws, paths.max_distance, false);
        if (hit.triangle < 0) continue;
        radiance += trace_outgoing_radiance(hit, direction_ws);
        count += 1.0;
    }
    out_radiance_distance.rgb = radiance / max(count, 1.0);
}

void basic() { trace_probe(); }

void full() { trace_probe(); }
