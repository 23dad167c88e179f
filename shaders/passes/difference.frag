// Difference: how does one image differ from another, as a ratio, by value, in sign, or as the eye sees it?
// reads   for each side an image and the image that it is compared with; a colour map
// writes  8 bit sRGB, with a divider between the sides
// source  Andersson et al., FLIP, 2020, section 4.1: HyAB distance in L*a*b* with the Hunt effect
// limits  no spatial filters: noise that the eye would blur counts in full
#include "common/window.glsl"
#include "common/color_map.glsl"

const vec3 LUMINANCE = vec3(0.2126, 0.7152, 0.0722);  // Rec. 709

// CIE L*a*b* of linear sRGB. Chroma shrinks with lightness (Hunt effect).
vec3 hunt_lab_from_linear(vec3 linear) {
    mat3 xyz_from_linear = transpose(mat3(0.4124, 0.3576, 0.1805, 0.2126, 0.7152, 0.0722, 0.0193, 0.1192, 0.9505));
    vec3 xyz = xyz_from_linear * clamp(linear, 0.0, 1.0) / vec3(0.9505, 1.0, 1.0890);
    vec3 cube_root = pow(max(xyz, 1e-6), vec3(1.0 / 3.0));
    vec3 f = mix(xyz / 0.128418 + 0.137931, cube_root, greaterThan(xyz, vec3(0.008856)));
    float lightness = 116.0 * f.y - 16.0;
    return vec3(lightness, 0.01 * lightness * vec2(500.0 * (f.x - f.y), 200.0 * (f.y - f.z)));
}

float hyab_distance(vec3 a, vec3 b) { return pow(abs(a.x - b.x) + length(a.yz - b.yz), 0.7); }

// 0 for equal colours to 1 for a difference as that of green and blue.
float perceived_error(vec3 color, vec3 reference) {
    vec3 green = hunt_lab_from_linear(vec3(0.0, 1.0, 0.0));
    vec3 blue = hunt_lab_from_linear(vec3(0.0, 0.0, 1.0));
    float max_error = hyab_distance(green, blue);
    float error = hyab_distance(hunt_lab_from_linear(color), hunt_lab_from_linear(reference));
    float knee = 0.4 * max_error;
    return error < knee ? 0.95 * error / knee : 0.95 + 0.05 * (error - knee) / (max_error - knee);
}

vec3 map_texel(vec4 texel, sampler2D reference, vec2 range, vec2 window_px) {
    vec3 color = texel.rgb;
    vec3 other = sample_image(reference, window_px).rgb;
    if (is_invalid(color) || is_invalid(other)) return INVALID_COLOR;
    if (VIEW_MAPPING == VIEW_MAPPING_RATIO) {
        return srgb_from_linear(clamp(color / max(other, 1e-9) * view.gain, 0.0, 1.0));
    }
    if (VIEW_MAPPING == VIEW_MAPPING_DIFFERENCE) {
        return srgb_from_linear(clamp(abs(color - other) * view.gain, 0.0, 1.0));
    }
    if (VIEW_MAPPING == VIEW_MAPPING_SIGNED) {
        return map_color(0.5 + 0.5 * dot(color - other, LUMINANCE) * view.gain);
    }
    return map_color(perceived_error(color * view.gain, other * view.gain));
}

void main() { draw_window(); }
