// What does each probe see around itself?
// reads  environment, all triangles      writes  radiance that comes from what is met; how far that is in a
// after  Majercik, Guertin, Nowrouzezahrai, McGuire, Dynamic Diffuse Global Illumination with Ray-Traced Irradiance
// Fields, JCGT 2019; each texel stays a direction of its own: what is met there and how far away, not the mean over a
// hemisphere
// also   whether a direction is closed is one ray's word, of the texel's middle: what a plane hides must not reach into
//        texels above it
// cannot see what is smaller than a texel is wide
#include <grid>
#include "common/path_tracing.glsl"
#include "common/probe_grid.glsl"
layout(location = 0) out vec4 seen;

// In each direction that is closed: a small lamp is met by some. RMSE of radiance in cornell is 0.073 with one and
// 0.057 with four.
const int PATHS = 4;

vec3 towards(ivec2 texel, vec2 part) { return folded((vec2(texel) + part) / grid.directions) * map_from_world(); }

void look() {
    ivec2 px = ivec2(gl_FragCoord.xy), side = ivec2(int(grid.directions)), probe = px / side;
    int x = probe.x % int(grid.counts.x), z = probe.x / int(grid.counts.x);
    vec3 p_ws = probe_place(vec3(x, probe.y, z)), w = towards(px % side, vec2(0.5));
    state = hashed(uint(px.x) + hashed(uint(px.y)));
    Hit hit = met(p_ws, w, paths.reach, false);
    seen = vec4(0.0, 0.0, 0.0, hit.t);
    if (hit.triangle < 0) return;
    float count = 0.0;
    for (int i = 0; i < PATHS; i++) {
        w = towards(px % side, (vec2(i & 1, i >> 1) + vec2(random(), random())) / 2.0);
        hit = met(p_ws, w, paths.reach, false);
        if (hit.triangle < 0) continue;
        seen.rgb += radiance_of(hit, w);
        count += 1.0;
    }
    seen.rgb /= max(count, 1.0);
}

void matte() { look(); }
void full() { look(); }
