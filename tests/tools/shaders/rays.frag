// Ray queries: where does each ray of a list hit the scene?
// reads   origins and directions, a texel each; all triangles
// writes  distance, triangle (-1: none), barycentric u, v
// source  common/ray_scene.glsl, as the path tracer uses it
// limits  no surface is read: for counting rays and for comparison with other tracers
#include <query>
#include "common/ray_scene.glsl"

uniform sampler2D ray_origins;
uniform sampler2D ray_directions;
layout(location = 0) out vec4 out_hit;

void main() {
    ivec2 px = ivec2(gl_FragCoord.xy);
    vec3 origin = texelFetch(ray_origins, px, 0).xyz;
    vec3 direction = texelFetch(ray_directions, px, 0).xyz;
    Hit hit = intersect(origin, direction, 1e30, query.any_hit);
    out_hit = vec4(hit.t, hit.triangle, hit.uv);
}
