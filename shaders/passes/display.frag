// What does a screen show of a radiance?
// reads  linear radiance      writes  8 bit sRGB
// magenta where the radiance is no number: it must not look like black
// exposure, then a tone curve, then the sRGB transfer function (IEC 61966-2-1), then dithering by half a step
#include <display>
uniform sampler2D radiance;
out vec4 shown;

// Reinhard et al., Photographic Tone Reproduction, 2002, on luminance
vec3 reinhard(vec3 c) { return c / (1.0 + dot(c, vec3(0.2126, 0.7152, 0.0722))); }

// Narkowicz, ACES Filmic Tone Mapping Curve, 2015
vec3 aces(vec3 c) { return c * (2.51 * c + 0.03) / (c * (2.43 * c + 0.59) + 0.14); }

// Khronos PBR Neutral Tone Mapper, 2024
vec3 neutral(vec3 c) {
    const float START = 0.8 - 0.04, DESATURATION = 0.15;
    float least = min(c.r, min(c.g, c.b));
    c -= least < 0.08 ? least - 6.25 * least * least : 0.04;
    float peak = max(c.r, max(c.g, c.b));
    if (peak < START) return c;
    float d = 1.0 - START, new_peak = 1.0 - d * d / (peak + d - START);
    return mix(c * new_peak / peak, vec3(new_peak), 1.0 - 1.0 / (DESATURATION * (peak - new_peak) + 1.0));
}

vec3 srgb(vec3 c) { return mix(12.92 * c, 1.055 * pow(max(c, 0.0031308), vec3(1.0 / 2.4)) - 0.055, greaterThan(c, vec3(0.0031308))); }

void main() {
    vec3 c = textureLod(radiance, gl_FragCoord.xy / vec2(textureSize(radiance, 0)), 0.0).rgb * exp2(display.exposure);
    if (DISPLAY_TONE_MAPPER == DISPLAY_TONE_MAPPER_REINHARD) c = reinhard(c);
    if (DISPLAY_TONE_MAPPER == DISPLAY_TONE_MAPPER_ACES) c = aces(c);
    if (DISPLAY_TONE_MAPPER == DISPLAY_TONE_MAPPER_NEUTRAL) c = neutral(c);
    bool broken = any(isnan(c)) || any(isinf(c));
    c = srgb(clamp(c, 0.0, 1.0));
    // interleaved gradient noise, Jimenez 2014
    if (display.dither) c += (fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715)))) - 0.5) / 255.0;
    shown = vec4(broken ? vec3(1.0, 0.0, 1.0) : c, 1.0);
}
