// Random numbers for rays, and where rays start.
#include "common/sampling.glsl"
#include "common/screen.glsl"

// O'Neill, PCG, 2014, as a hash: Jarzynski, Olano, Hash Functions for GPU Rendering, JCGT 2020.
uint hashed(uint x) {
    uint s = x * 747796405u + 2891336453u, word = ((s >> ((s >> 28) + 4u)) ^ s) * 277803737u;
    return (word >> 22) ^ word;
}

float unit(uint x) { return float(x >> 8) / 16777216.0; }

vec3 cosine_direction(float u, float turn) {
    return vec3(sqrt(u) * vec2(cos(2.0 * PI * turn), sin(2.0 * PI * turn)), sqrt(1.0 - u));
}

// Off the surface seen here by more than its position's rounding: of the depth, and of the places it is added to.
vec3 ray_start(float depth, vec3 n_ws) {
    vec3 p_ws = (frame.world_from_view * vec4(vs_from_uv(uv_here(), depth), 1.0)).xyz, size = abs(p_ws) + abs(frame.eye);
    return p_ws + n_ws * 1e-5 * max(depth, max(size.x, max(size.y, size.z)));
}
