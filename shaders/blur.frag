// What is the lighting without the pattern of its samples?
// reads  lighting, gbuffer      writes  lighting, averaged along a row or a column
// A neighbour counts if it lies near the receiver's plane and faces the same way: fully up to the tolerance, not at all from twice
// the tolerance on. The width is a multiple of the sampling tile, both ends counting half, so that on a plane every position of
// the tile weighs the same and the pattern vanishes.
// cannot average across an edge, and therefore leaves noise where few neighbours agree
#include <blur>
#include "common/screen.glsl"
uniform sampler2D light_direct, light_indirect;
layout(location = 0) out vec4 direct;
layout(location = 1) out vec4 indirect;

void along(vec2 one) {
    vec2 uv = uv_here();
    float depth = depth_at(uv);
    direct = textureLod(light_direct, uv, 0.0);
    indirect = textureLod(light_indirect, uv, 0.0);
    if (!on_surface(depth)) return;
    vec3 p_vs = vs_from_uv(uv, depth), n_ws = normal_ws_at(uv), n_vs = mat3(frame.view_from_world) * n_ws;
    float pixel = 2.0 * frame.tangent.y * depth / frame.size.y, flat_cosine = cos(radians(blur.angle));
    float total = 1.0;
    for (int i = -blur.radius; i <= blur.radius; i++) {
        vec2 q = uv + one * float(i) / frame.size;
        if (i == 0 || q != clamp(q, 0.0, 1.0)) continue;
        float off_plane = abs(dot(vs_from_uv(q, depth_at(q)) - p_vs, n_vs)) / (pixel * blur.tolerance);
        float turned = (1.0 - dot(n_ws, normal_ws_at(q))) / max(1.0 - flat_cosine, 1e-4);
        float w = clamp(2.0 - off_plane, 0.0, 1.0) * clamp(2.0 - turned, 0.0, 1.0) * (abs(i) == blur.radius ? 0.5 : 1.0);
        direct += w * textureLod(light_direct, q, 0.0);
        indirect += w * textureLod(light_indirect, q, 0.0);
        total += w;
    }
    direct /= total;
    indirect /= total;
}

void across() { along(vec2(1.0, 0.0)); }
void down() { along(vec2(0.0, 1.0)); }
