// What becomes of lighting that is known at every point of the world?
// reads   G-buffer
// writes  frame 0: waves along the three axes, or one lit pixel; later frames: a checkerboard of pixels
#include <pattern>
#include "common/screen.glsl"

layout(location = 0) out vec4 out_direct;
layout(location = 1) out vec4 out_indirect;
layout(location = 2) out vec4 out_specular;

void main() {
    out_direct = vec4(0.0, 0.0, 0.0, 1.0);
    out_indirect = vec4(0.0);
    out_specular = vec4(0.0, 0.0, 0.0, 1.0);
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    if (!is_surface(depth)) return;

    vec3 waves = sin(pattern.frequency * ws_from_vs(vs_from_uv(uv, depth)));
    vec2 px = floor(gl_FragCoord.xy);
    float checker = mod(px.x + px.y, 2.0) * 2.0 - 1.0;
    vec3 light = frame.index > 0 ? vec3(pattern.noise * checker) : waves;
    if (PATTERN_KIND == PATTERN_KIND_PIXEL) light = vec3(px == vec2(pattern.x, pattern.y) ? 1.0 : 0.0);
    out_direct = vec4(light, 0.5);
    out_indirect = vec4(2.0 * light.yzx, 0.5);
    out_specular = vec4(4.0 * light.zxy, 0.5);
}
