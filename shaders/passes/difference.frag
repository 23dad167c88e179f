// How does one texture differ from another: as a share of it, by how much, or as far as an eye would see?
// reads  a texture and what it is held against, of the left and of the right side; for the error false colours
//        writes  8 bit sRGB
// after  the colour term of FLIP, Andersson et al., 2020, section 4.1: HyAB distance in L*a*b* with the Hunt effect,
// without spatial filters cannot say what an eye overlooks: noise that it would blur counts in full
#include "common/window.glsl"
uniform sampler2D colours;

// CIE L*a*b* of linear sRGB, its chroma less in the dark: equal steps look alike.
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

vec3 mapped(vec4 t, sampler2D over, vec2 range, vec2 at) {
    vec3 other = scaled(over, at).rgb;
    if (broken(t.rgb) || broken(other)) return BROKEN;
    if (SHOW_MAPPING == SHOW_MAPPING_RATIO) return srgb(clamp(t.rgb / max(other, 1e-9) * show.gain, 0.0, 1.0));
    if (SHOW_MAPPING == SHOW_MAPPING_DIFFERENCE) return srgb(clamp(abs(t.rgb - other) * show.gain, 0.0, 1.0));
    return false_colour(seen_error(t.rgb * show.gain, other * show.gain));
}

void main() { window(); }
