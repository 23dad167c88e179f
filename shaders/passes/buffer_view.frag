// What does the window show of the pictures, or of a buffer?
// reads  the picture or a buffer, of the left and of the right side      writes  8 bit sRGB, a line between the sides
// cannot show values beyond the range of the screen: light is clipped after its gain
#include "common/window.glsl"

const float BACKGROUND = 1e30;

vec3 mapped(vec4 t, sampler2D over, vec2 range, vec2 at) {
    if (SHOW_MAPPING == SHOW_MAPPING_DEPTH) return vec3(t.r < BACKGROUND ? 1.0 - 0.9 * clamp((t.r - range.x) / max(range.y - range.x, 1e-6), 0.0, 1.0) : 0.0);
    if (broken(t.rgb)) return BROKEN;
    if (SHOW_MAPPING == SHOW_MAPPING_NORMAL) return dot(t.xyz, t.xyz) > 0.0 ? t.xyz * 0.5 + 0.5 : vec3(0.0);
    if (SHOW_MAPPING == SHOW_MAPPING_ALPHA) return vec3(t.a);
    if (SHOW_MAPPING == SHOW_MAPPING_LIGHT) return srgb(clamp(t.rgb * show.gain, 0.0, 1.0));
    return t.rgb;
}

void main() { window(); }
