// Tone mapping: what does a screen show of a radiance?
// reads   rgb: linear radiance times a: opacity
// writes  8 bit sRGB and opacity; magenta where the radiance is NaN or infinite
// source  cited at each curve; sRGB of IEC 61966-2-1
// limits  no local adaptation
#include <display>
#include "common/color.glsl"

uniform sampler2D radiance;
out vec4 out_color;

// Reinhard et al., Photographic Tone Reproduction for Digital Images, 2002, on luminance.
vec3 tone_map_reinhard(vec3 c) { return c / (1.0 + dot(c, vec3(0.2126, 0.7152, 0.0722))); }

// Narkowicz, ACES Filmic Tone Mapping Curve, 2015.
vec3 tone_map_aces(vec3 c) { return c * (2.51 * c + 0.03) / (c * (2.43 * c + 0.59) + 0.14); }

// Khronos PBR Neutral Tone Mapper, 2024.
vec3 tone_map_neutral(vec3 c) {
    const float START = 0.8 - 0.04;
    const float DESATURATION = 0.15;
    float smallest = min(c.r, min(c.g, c.b));
    c -= smallest < 0.08 ? smallest - 6.25 * smallest * smallest : 0.04;
    float peak = max(c.r, max(c.g, c.b));
    if (peak < START) return c;
    float d = 1.0 - START;
    float new_peak = 1.0 - d * d / (peak + d - START);
    float white = 1.0 - 1.0 / (DESATURATION * (peak - new_peak) + 1.0);
    return mix(c * new_peak / peak, vec3(new_peak), white);
}

// Interleaved gradient noise, 0 to 1: Jimenez, Next Generation Post Processing in Call of Duty, SIGGRAPH 2014.
float gradient_noise(vec2 px) { return fract(52.9829189 * fract(dot(px, vec2(0.06711056, 0.00583715)))); }

void main() {
    vec2 uv = gl_FragCoord.xy / vec2(textureSize(radiance, 0));
    vec4 premultiplied = textureLod(radiance, uv, 0.0);
    vec3 c = premultiplied.rgb / max(premultiplied.a, 1e-6) * exp2(display.exposure);
    if (DISPLAY_TONE_MAPPER == DISPLAY_TONE_MAPPER_REINHARD) c = tone_map_reinhard(c);
    if (DISPLAY_TONE_MAPPER == DISPLAY_TONE_MAPPER_ACES) c = tone_map_aces(c);
    if (DISPLAY_TONE_MAPPER == DISPLAY_TONE_MAPPER_NEUTRAL) c = tone_map_neutral(c);
    bool has_invalid = is_invalid(c);
    c = srgb_from_linear(clamp(c, 0.0, 1.0));
    if (display.dither) c += (gradient_noise(gl_FragCoord.xy) - 0.5) / 255.0;
    out_color = vec4(has_invalid ? INVALID_COLOR : c, premultiplied.a);
}
