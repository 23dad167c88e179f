// The viewer's viewport: two sides with a divider between them. The including shader maps texels to colours.
#include <view>
#include "common/color.glsl"

uniform sampler2D left_image;
uniform sampler2D right_image;
uniform sampler2D left_reference;
uniform sampler2D right_reference;
out vec4 out_color;

vec4 fetch_clamped(sampler2D image, ivec2 px) {
    return texelFetch(image, clamp(px, ivec2(0), textureSize(image, 0) - 1), 0);
}

// Position in an image of any size, in texels from the centre of the first.
vec2 image_position(vec2 window_px, ivec2 size) { return window_px / view.size * vec2(size) - 0.5; }

vec4 bilinear(vec4 texels[4], vec2 f) {
    return mix(mix(texels[0], texels[1], f.x), mix(texels[2], texels[3], f.x), f.y);
}

ivec2 bilinear_corner(int index) { return ivec2(index & 1, index >> 1); }

// Value of an image at a pixel of the window: a texel where the sizes are equal, else bilinear.
vec4 sample_image(sampler2D image, vec2 window_px) {
    ivec2 size = textureSize(image, 0);
    if (size == ivec2(view.size)) return fetch_clamped(image, ivec2(window_px));
    vec2 position = image_position(window_px, size);
    ivec2 first = ivec2(floor(position));
    vec4 texels[4];
    for (int i = 0; i < 4; i++) texels[i] = fetch_clamped(image, first + bilinear_corner(i));
    return bilinear(texels, position - floor(position));
}

// Defined by the including shader. `reference`: the image that a side is compared with; `range`: of depth, metres.
vec3 map_texel(vec4 texel, sampler2D reference, vec2 range, vec2 window_px);

// Texels are mapped before they are interpolated, so that depth edges stay sharp.
vec3 sample_color(sampler2D image, sampler2D reference, vec2 range, vec2 window_px) {
    ivec2 size = textureSize(image, 0);
    if (size == ivec2(view.size)) {
        return map_texel(fetch_clamped(image, ivec2(window_px)), reference, range, window_px);
    }
    vec2 position = image_position(window_px, size);
    ivec2 first = ivec2(floor(position));
    vec4 colors[4];
    for (int i = 0; i < 4; i++) {
        ivec2 px = first + bilinear_corner(i);
        vec2 center = (vec2(px) + 0.5) / vec2(size) * view.size;
        colors[i] = vec4(map_texel(fetch_clamped(image, px), reference, range, center), 1.0);
    }
    return bilinear(colors, position - floor(position)).rgb;
}

void draw_window() {
    vec2 window_px = gl_FragCoord.xy;
    bool is_left = window_px.x < view.divider;
    if (view.is_side_by_side && !is_left) window_px.x -= view.divider;
    vec3 color = is_left
        ? sample_color(left_image, left_reference, view.left_range, window_px)
        : sample_color(right_image, right_reference, view.right_range, window_px);
    float distance = abs(gl_FragCoord.x - view.divider) / view.divider_half_width;
    if (view.divider >= 0.0 && distance < 1.0) color = distance < 0.5 ? vec3(0.95) : color * 0.5;
    out_color = vec4(color, 1.0);
}
