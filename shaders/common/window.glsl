// Two sides of a window: textures of any size, their values mapped to colours by whoever includes this, a line between
// them.
#include <show>
uniform sampler2D left_side, right_side, left_over, right_over;
out vec4 shown;

const vec3 BROKEN = vec3(1.0, 0.0, 1.0);  // where a value is no number

// sRGB transfer function: IEC 61966-2-1
vec3 srgb(vec3 c) { return mix(12.92 * c, 1.055 * pow(max(c, 0.0031308), vec3(1.0 / 2.4)) - 0.055, greaterThan(c, vec3(0.0031308))); }

bool broken(vec3 c) { return any(isnan(c)) || any(isinf(c)); }

vec4 fetched(sampler2D side, ivec2 px) { return texelFetch(side, clamp(px, ivec2(0), textureSize(side, 0) - 1), 0); }

// Of a texture of any size, at a pixel of the window: its own texel where sizes are equal, else bilinear.
vec4 scaled(sampler2D side, vec2 at) {
    ivec2 size = textureSize(side, 0);
    if (size == ivec2(show.size)) return fetched(side, ivec2(at));
    vec2 q = at / show.size * vec2(size) - 0.5, f = q - floor(q);
    ivec2 low = ivec2(floor(q));
    return mix(mix(fetched(side, low), fetched(side, low + ivec2(1, 0)), f.x), mix(fetched(side, low + ivec2(0, 1)), fetched(side, low + 1), f.x), f.y);
}

// A texel as a colour; `at`: its place in the window, pixels from below.
vec3 mapped(vec4 t, sampler2D over, vec2 range, vec2 at);

// Mapped before it is interpolated, so that depth and the like keep their edges.
vec3 look(sampler2D side, sampler2D over, vec2 range, vec2 at) {
    ivec2 size = textureSize(side, 0);
    if (size == ivec2(show.size)) return mapped(fetched(side, ivec2(at)), over, range, at);
    vec2 q = at / show.size * vec2(size) - 0.5, f = q - floor(q);
    ivec2 low = ivec2(floor(q));
    vec3 c[4];
    for (int i = 0; i < 4; i++) {
        ivec2 px = low + ivec2(i & 1, i >> 1);
        c[i] = mapped(fetched(side, px), over, range, (vec2(px) + 0.5) / vec2(size) * show.size);
    }
    return mix(mix(c[0], c[1], f.x), mix(c[2], c[3], f.x), f.y);
}

void window() {
    vec2 at = gl_FragCoord.xy;
    // the middle of each picture, in its half
    if (show.beside) at.x += (at.x < show.divider ? 0.5 : -0.5) * show.divider;
    vec3 c = gl_FragCoord.x < show.divider ? look(left_side, left_over, show.left_range, at) : look(right_side, right_over, show.right_range, at);
    float off = abs(gl_FragCoord.x - show.divider) / show.line;
    if (show.divider >= 0.0 && off < 1.0) c = off < 0.5 ? vec3(0.95) : c * 0.5;
    shown = vec4(c, 1.0);
}
