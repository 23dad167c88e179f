// Buffer view: what does the viewer show of an image or a buffer?
// reads   the texture of the left and of the right side; a colour map
// writes  8 bit sRGB, with a divider between the sides
// source  -
// limits  light beyond the range of the screen is clipped after its gain
#include "common/window.glsl"
#include "common/color_map.glsl"
#include "common/constants.glsl"

vec3 map_depth(float depth, vec2 range) {
    float position = clamp((depth - range.x) / max(range.y - range.x, 1e-6), 0.0, 1.0);
    return depth < BACKGROUND_DEPTH ? map_color(position) : vec3(0.0);
}

vec3 map_texel(vec4 texel, sampler2D reference, vec2 range, vec2 window_px) {
    if (VIEW_MAPPING == VIEW_MAPPING_DEPTH) return map_depth(texel.r, range);
    if (is_invalid(texel.rgb)) return INVALID_COLOR;
    if (VIEW_MAPPING == VIEW_MAPPING_NORMAL) {
        return dot(texel.xyz, texel.xyz) > 0.0 ? texel.xyz * 0.5 + 0.5 : vec3(0.0);
    }
    if (VIEW_MAPPING == VIEW_MAPPING_ALPHA) return vec3(texel.a);
    if (VIEW_MAPPING == VIEW_MAPPING_LIGHT) return srgb_from_linear(clamp(texel.rgb * view.gain, 0.0, 1.0));
    return texel.rgb;
}

void main() { draw_window(); }
