// How much light of lamps reaches every pixel?
// reads  gbuffer, lamps, their depth maps, sunlight      writes  irradiance, the sun's included; what a glossy surface
//        reflects of it
// after  shaders/sun.frag: each texel is compared with the receiver's plane at that very texel
// cannot see detail finer than a texel of the map; lamps are points, so that shadows are sharp
#include "common/screen.glsl"
#include "common/sampling.glsl"
#include "common/punctual_lights.glsl"
uniform sampler2D lamp_shadows, light_irradiance, light_shine;
layout(location = 0) out vec4 irradiance;
layout(location = 1) out vec4 shine;

// texels by which what is seen may be nearer than the receiver's plane, and more where that is steep
const float SLACK = 0.6, SLOPE = 0.2;

// The map that holds a direction from the lamp: rows right, up, forward.
mat3 axes_of(Lamp lamp, vec3 d, out float face) {
    face = 0.0;
    if (lamp.one_map) return transpose(basis(lamp.axis));
    vec3 size = abs(d);
    int axis = size.x >= max(size.y, size.z) ? 0 : size.y >= size.z ? 1 : 2;
    vec3 forward = vec3(0.0), right = vec3(0.0), up = vec3(0.0);
    forward[axis] = d[axis] >= 0.0 ? 1.0 : -1.0;
    right[(axis + 1) % 3] = 1.0;
    up[(axis + 2) % 3] = 1.0;
    face = float(2 * axis) + (d[axis] >= 0.0 ? 0.0 : 1.0);
    return transpose(mat3(right, up, forward));
}

// 1 where the lamp sees the point, between 0 and 1 where its map's texels disagree.
float lit(Lamp lamp, vec3 p_ws, vec3 n_ws) {
    float face, side = lamps.resolution * lamp.size;
    mat3 axes = axes_of(lamp, p_ws - lamp.p_ws, face);
    vec3 p = axes * (p_ws - lamp.p_ws), n = axes * n_ws;
    vec2 at = (p.xy / (p.z * lamp.tangent) * 0.5 + 0.5) * side;
    vec2 corner = clamp(floor(at - 0.5) + 1.0, vec2(1.0), vec2(side - 1.0)), share = clamp(at + 0.5 - corner, 0.0, 1.0);
    vec4 map = lamp.far * textureGather(lamp_shadows, (corner + vec2(face, lamp.start) * lamps.resolution) / vec2(textureSize(lamp_shadows, 0)));
    vec2 low = ((corner - 0.5) / side * 2.0 - 1.0) * lamp.tangent, high = ((corner + 0.5) / side * 2.0 - 1.0) * lamp.tangent;
    vec4 x = vec4(low.x, high.x, high.x, low.x), y = vec4(high.y, high.y, low.y, low.y);
    float texel = 2.0 * lamp.tangent / side * p.z;
    vec4 along = n.x * x + n.y * y + n.z;  // of the normal with each texel's ray
    // what is farther than the point hides it from nobody
    vec4 plane = min(dot(n, p) / min(along, vec4(-1e-9)), p.z), steps = (p.z - plane) / texel;
    vec4 clear = vec4(greaterThanEqual(map, plane - SLACK * texel * (1.0 + SLOPE * steps)));
    return mix(mix(clear.w, clear.z, share.x), mix(clear.x, clear.y, share.x), share.y);
}

#ifdef ENTRY_GLOSSY
#include "common/specular.glsl"
#endif

void gather() {
    vec2 uv = uv_here();
    irradiance = textureLod(light_irradiance, uv, 0.0);
#ifdef ENTRY_GLOSSY
    shine = textureLod(light_shine, uv, 0.0);
#endif
    float depth = depth_at(uv);
    if (!on_surface(depth)) return;
    vec3 n_ws = normal_ws_at(uv), flat_ws = flat_ws_at(uv), p_ws = (frame.world_from_view * vec4(vs_from_uv(uv, depth), 1.0)).xyz;
    for (int i = 0; i < lamps.count; i++) {
        Lamp lamp = lamp_of(i);
        vec4 to;
        vec3 e = irradiance_from(lamp, p_ws, to);
        float cosine = dot(n_ws, to.xyz);
        if (cosine <= 0.0 || dot(flat_ws, to.xyz) <= 0.0 || e == vec3(0.0)) continue;
        e *= cosine * (lamp.start < 0.0 ? 1.0 : lit(lamp, p_ws, flat_ws));
        irradiance.rgb += e;
#ifdef ENTRY_GLOSSY
        shine.rgb += e * shine_of(uv, to.xyz);
#endif
    }
}

void matte() { gather(); }
void glossy() { gather(); }
