// Where do given rays end?
// reads  where they start and where they go, a texel each; all triangles      writes  distance, triangle (-1: none
//        met), its shares u, v
// after  what shaders/reference.frag does at each of its steps, alone: to count rays, and to hold hits against another
// tracer's cannot say what is there: no surface is looked up
#include <rays>
#include "common/ray_scene.glsl"
uniform sampler2D rays_from, rays_towards;
layout(location = 0) out vec4 hit;

void main() {
    ivec2 px = ivec2(gl_FragCoord.xy);
    Hit found = met(texelFetch(rays_from, px, 0).xyz, texelFetch(rays_towards, px, 0).xyz, 1e30, rays.any);
    hit = vec4(found.t, found.triangle, found.uv);
}
