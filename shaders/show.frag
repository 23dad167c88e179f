// What does the window show?
// reads  the picture or a buffer, of the left and of the right side, and the truth's radiance      writes  8 bit sRGB, a line between the sides
// its own texels where the size is that of the window, bilinear between mapped texels otherwise; magenta where a value is no number
// sRGB transfer function: IEC 61966-2-1; the error's colour term: Andersson et al., FLIP, 2020, section 4.1, without its spatial filters
// cannot show values beyond the range of the screen: light is clipped after its gain
#include <show>
uniform sampler2D left_side, right_side, left_over, right_over, truth_side, colours;
out vec4 shown;

const float BACKGROUND = 1e30;
const vec3 BROKEN = vec3(1.0, 0.0, 1.0);

vec3 srgb(vec3 c) { return mix(12.92 * c, 1.055 * pow(max(c, 0.0031308), vec3(1.0 / 2.4)) - 0.055, greaterThan(c, vec3(0.0031308))); }

bool broken(vec3 c) { return any(isnan(c)) || any(isinf(c)); }

// CIE L*a*b* of linear sRGB, its chroma less in the dark (Hunt): equal steps look alike.
vec3 lab(vec3 c) {
    vec3 xyz = transpose(mat3(0.4124, 0.3576, 0.1805, 0.2126, 0.7152, 0.0722, 0.0193, 0.1192, 0.9505)) * clamp(c, 0.0, 1.0) / vec3(0.9505, 1.0, 1.0890);
    vec3 f = mix(xyz / 0.128418 + 0.137931, pow(max(xyz, 1e-6), vec3(1.0 / 3.0)), greaterThan(xyz, vec3(0.008856)));
    float light = 116.0 * f.y - 16.0;
    return vec3(light, 0.01 * light * vec2(500.0 * (f.x - f.y), 200.0 * (f.y - f.z)));
}

float apart(vec3 a, vec3 b) { return pow(abs(a.x - b.x) + length(a.yz - b.yz), 0.7); }

// 0 equal to 1 as different as green and blue.
float seen_error(vec3 c, vec3 truth) {
    float most = apart(lab(vec3(0.0, 1.0, 0.0)), lab(vec3(0.0, 0.0, 1.0))), e = apart(lab(c), lab(truth)), knee = 0.4 * most;
    return e < knee ? 0.95 * e / knee : 0.95 + 0.05 * (e - knee) / (most - knee);
}

vec3 false_colour(float x) { return texelFetch(colours, ivec2(int(clamp(x, 0.0, 1.0) * 255.0 + 0.5), 0), 0).rgb; }

vec3 mapped(vec4 t, vec4 over, vec4 truth, vec2 range) {
    if (show.mapping == SHOW_MAPPING_DEPTH) return vec3(t.r < BACKGROUND ? 1.0 - 0.9 * clamp((t.r - range.x) / max(range.y - range.x, 1e-6), 0.0, 1.0) : 0.0);
    if (broken(t.rgb)) return BROKEN;
    if (show.mapping == SHOW_MAPPING_NORMAL) return dot(t.xyz, t.xyz) > 0.0 ? t.xyz * 0.5 + 0.5 : vec3(0.0);
    if (show.mapping == SHOW_MAPPING_ALPHA) return vec3(t.a);
    if (show.mapping == SHOW_MAPPING_LIGHT) return srgb(clamp(t.rgb * show.gain, 0.0, 1.0));
    if (show.mapping == SHOW_MAPPING_RATIO) return srgb(clamp(t.rgb / max(over.rgb, 1e-9) * show.gain, 0.0, 1.0));
    if (show.mapping == SHOW_MAPPING_DIFFERENCE) return broken(over.rgb) ? BROKEN : srgb(clamp(abs(t.rgb - over.rgb) * show.gain, 0.0, 1.0));
    if (show.mapping == SHOW_MAPPING_ERROR) return broken(truth.rgb) ? BROKEN : false_colour(seen_error(t.rgb * show.gain, truth.rgb * show.gain));
    return t.rgb;
}

vec4 fetched(sampler2D side, ivec2 px) { return texelFetch(side, clamp(px, ivec2(0), textureSize(side, 0) - 1), 0); }

// Of a texture of any size, at a pixel of the window.
vec4 scaled(sampler2D side, vec2 at) {
    ivec2 size = textureSize(side, 0);
    if (size == ivec2(show.size)) return fetched(side, ivec2(at));
    vec2 q = at / show.size * vec2(size) - 0.5, f = q - floor(q);
    ivec2 low = ivec2(floor(q));
    return mix(mix(fetched(side, low), fetched(side, low + ivec2(1, 0)), f.x), mix(fetched(side, low + ivec2(0, 1)), fetched(side, low + 1), f.x), f.y);
}

// `at`: pixels of the window, from below. Mapped before it is interpolated, so that depth and the like keep their edges.
vec3 look(sampler2D side, sampler2D over, vec2 range, vec2 at) {
    ivec2 size = textureSize(side, 0);
    if (size == ivec2(show.size)) return mapped(fetched(side, ivec2(at)), scaled(over, at), scaled(truth_side, at), range);
    vec2 q = at / show.size * vec2(size) - 0.5, f = q - floor(q);
    ivec2 low = ivec2(floor(q));
    vec3 c[4];
    for (int i = 0; i < 4; i++) {
        ivec2 px = low + ivec2(i & 1, i >> 1);
        vec2 there = (vec2(px) + 0.5) / vec2(size) * show.size;
        c[i] = mapped(fetched(side, px), scaled(over, there), scaled(truth_side, there), range);
    }
    return mix(mix(c[0], c[1], f.x), mix(c[2], c[3], f.x), f.y);
}

void main() {
    vec2 at = gl_FragCoord.xy;
    if (show.beside) at.x += (at.x < show.divider ? 0.5 : -0.5) * show.divider;  // the middle of each picture, in its half
    vec3 c = gl_FragCoord.x < show.divider ? look(left_side, left_over, show.left_range, at) : look(right_side, right_over, show.right_range, at);
    float off = abs(gl_FragCoord.x - show.divider) / show.line;
    if (show.divider >= 0.0 && off < 1.0) c = off < 0.5 ? vec3(0.95) : c * 0.5;
    shown = vec4(c, 1.0);
}
