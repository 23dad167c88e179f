// How much sunlight reaches every pixel?
// reads  gbuffer, the sun's depth map      writes  irradiance
// after  Fernando, Percentage-Closer Soft Shadows, 2005; each texel is compared with the receiver's plane at that very
// texel, so a plane never shadows itself and nothing has to be pushed away from its shadow cannot see detail finer than
// a texel of the map
#include <shadow>
#include "common/screen.glsl"
uniform sampler2D shadow_map_depth;
layout(location = 0) out vec4 irradiance;
layout(location = 1) out vec4 shine;  // radiance that a glossy surface reflects of it towards the camera

const int SEARCHED = 8, COMPARED = 16;
const float STEEPEST = 100.0, SLACK = 0.6;

vec2 spread(int i, int count) { return sqrt((float(i) + 0.5) / float(count)) * vec2(cos(2.39996323 * float(i)), sin(2.39996323 * float(i))); }

// Places in texels of the map, depths as it stores them, 0 near to 1 far: a gather, an addition and a comparison for
// four texels.
struct Receiver {
    vec3 h;        // its place and depth
    vec2 slope;    // of its plane, depth for each texel
    // by how much the plane is deeper at the four texels of a gather than at the last of them, less the slack
    vec4 corners;
};

// The map at the four texels of which `last` is the centre of the last, and the receiver's plane there.
void around(Receiver r, vec2 last, out vec4 map, out vec4 plane) {
    map = textureGather(shadow_map_depth, (last + 0.5) / shadow.texels);
    plane = r.h.z + dot(last - r.h.xy, r.slope) + r.corners;
}

float lit(vec3 p_ws, vec3 n_ws) {
    vec4 p4 = shadow.light_from_world * vec4(p_ws, 1.0);
    vec3 n = mat3(shadow.light_from_world) * n_ws, p = vec3(p4.xy, -p4.z);
    vec2 texel = shadow.extent / shadow.texels;
    float coarse = max(texel.x, texel.y);
    vec2 slope = n.xy / max(n.z, 1e-3);  // metres of depth for each metre across
    slope *= min(1.0, STEEPEST / max(length(slope), 1e-6));
    float slack = SLACK * coarse * (1.0 + 0.2 * length(slope)), reach = coarse + p.z * frame.sun_tangent;
    slope *= texel / shadow.depth;
    Receiver r = Receiver(vec3(p.xy / texel, p.z / shadow.depth), slope, vec4(slope.y, slope.x + slope.y, slope.x, 0.0) - slack / shadow.depth);
    vec4 map, plane;
    float sum = 0.0, count = 0.0;
    for (int i = 0; i < SEARCHED; i++) {
        around(r, floor(r.h.xy + reach / texel * spread(i, SEARCHED) - 0.5) + 0.5, map, plane);
        vec4 near = vec4(lessThan(map, plane));
        sum += dot(near, r.h.z - map);
        count += dot(near, vec4(1.0));
    }
    // Where nothing that was searched is near, or everything is, the middle included, nothing need be compared: by a
    // loop, as llvmpipe draws both ways of a condition. Of the courtyard's pixels 0.05 % become dark that would be lit
    // by up to a fifth.
    around(r, floor(r.h.xy - 0.5) + 0.5, map, plane);
    bool part = count > 0.0 && count + dot(vec4(lessThan(map, plane)), vec4(1.0)) < float(4 * (SEARCHED + 1));
    float wide = max(coarse, max(sum / max(count, 1.0), 0.0) * shadow.depth * frame.sun_tangent), open = 0.0;
    for (int k = part ? 0 : 1; k < 1; k++) {
        for (int i = 0; i < COMPARED; i++) {
            vec2 at = r.h.xy + wide / texel * spread(i, COMPARED), last = floor(at - 0.5) + 0.5, f = at - last;
            around(r, last, map, plane);
            vec4 clear = vec4(greaterThanEqual(map, plane));
            open += mix(mix(clear.w, clear.z, f.x), mix(clear.x, clear.y, f.x), f.y);
        }
    }
    return part ? open / float(COMPARED) : count > 0.0 ? 0.0 : 1.0;
}

void matte() {
    irradiance = vec4(0.0);
    float depth = depth_at(uv_here());
    if (!on_surface(depth)) return;
    vec3 flat_ws = flat_ws_at(uv_here());
    float cosine = dot(normal_ws_at(uv_here()), frame.sun_direction);
    if (cosine <= 0.0 || dot(flat_ws, frame.sun_direction) <= 0.0) return;
    vec3 p_ws = (frame.world_from_view * vec4(vs_from_uv(uv_here(), depth), 1.0)).xyz;
    irradiance.rgb = frame.sun_irradiance * cosine * lit(p_ws, flat_ws);
}

#ifdef ENTRY_GLOSSY
#include "common/specular.glsl"

void glossy() {
    matte();
    shine = irradiance.rgb == vec3(0.0) ? vec4(0.0) : vec4(irradiance.rgb * shine_of(uv_here(), frame.sun_direction), 0.0);
}
#endif
