// What does the window show?
// reads  the picture or a buffer, of the left and of the right side      writes  8 bit sRGB, a line between the sides
// its own texels where the size is that of the window, bilinear between mapped texels otherwise
// sRGB transfer function: IEC 61966-2-1
// cannot show values beyond the range of the screen: light is clipped after its gain
#include <show>
uniform sampler2D left_side, right_side;
out vec4 shown;

const float BACKGROUND = 1e30;

vec3 srgb(vec3 c) { return mix(12.92 * c, 1.055 * pow(max(c, 0.0031308), vec3(1.0 / 2.4)) - 0.055, greaterThan(c, vec3(0.0031308))); }

vec3 mapped(vec4 t, vec2 range) {
    if (show.mapping == SHOW_MAPPING_NORMAL) return dot(t.xyz, t.xyz) > 0.0 ? t.xyz * 0.5 + 0.5 : vec3(0.0);
    if (show.mapping == SHOW_MAPPING_DEPTH) return vec3(t.r < BACKGROUND ? 1.0 - 0.9 * clamp((t.r - range.x) / max(range.y - range.x, 1e-6), 0.0, 1.0) : 0.0);
    if (show.mapping == SHOW_MAPPING_ALPHA) return vec3(t.a);
    if (show.mapping == SHOW_MAPPING_LIGHT) return srgb(clamp(t.rgb * show.gain, 0.0, 1.0));
    return t.rgb;
}

vec3 look(sampler2D side, vec2 range) {
    ivec2 size = textureSize(side, 0);
    if (size == ivec2(show.size)) return mapped(texelFetch(side, ivec2(gl_FragCoord.xy), 0), range);
    vec2 at = gl_FragCoord.xy / show.size * vec2(size) - 0.5;
    ivec2 low = ivec2(floor(at)), last = size - 1;
    vec2 f = at - floor(at);
    vec3 c[4];
    for (int i = 0; i < 4; i++) c[i] = mapped(texelFetch(side, clamp(low + ivec2(i & 1, i >> 1), ivec2(0), last), 0), range);
    return mix(mix(c[0], c[1], f.x), mix(c[2], c[3], f.x), f.y);
}

void main() {
    vec3 c = gl_FragCoord.x < show.divider ? look(left_side, show.left_range) : look(right_side, show.right_range);
    float off = abs(gl_FragCoord.x - show.divider) / show.line;
    if (show.divider >= 0.0 && off < 1.0) c = off < 0.5 ? vec3(0.95) : c * 0.5;
    shown = vec4(c, 1.0);
}
