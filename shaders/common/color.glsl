// What the passes that draw for a screen have in common: the sRGB curve, and a colour for invalid values.

const vec3 INVALID_COLOR = vec3(1.0, 0.0, 1.0);

bool is_invalid(vec3 color) { return any(isnan(color)) || any(isinf(color)); }

// sRGB transfer function, IEC 61966-2-1. `linear` is 0 to 1.
vec3 srgb_from_linear(vec3 linear) {
    vec3 curve = 1.055 * pow(linear, vec3(1.0 / 2.4)) - 0.055;
    return mix(12.92 * linear, curve, greaterThan(linear, vec3(0.0031308)));
}
