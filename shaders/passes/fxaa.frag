// FXAA: how much of the surface across an edge does this pixel show?
// reads   the tone-mapped picture of one frame, 8 bit sRGB
// writes  the same with smooth edges: along each step of an edge, the two sides are blended by their coverage
// source  Reshetnikov, Morphological Antialiasing, HPG 2009; Lottes, FXAA, NVIDIA 2009: contrast test, search for ends
// limits  edges of 2 x 8 pixels at most a step; what is thinner than a pixel stays broken, corners are rounded
#include "common/color.glsl"

uniform sampler2D display;
out vec4 out_color;

const float MIN_CONTRAST = 1.0 / 16.0;  // of luma, well above the dither
const float MIN_RELATIVE_CONTRAST = 1.0 / 8.0;  // to the brightest neighbour
const int MAX_STEPS = 8;  // pixels of the search in each direction

vec3 color_at(ivec2 px) { return texelFetch(display, clamp(px, ivec2(0), textureSize(display, 0) - 1), 0).rgb; }

float luma_at(ivec2 px) { return dot(color_at(px), vec3(0.299, 0.587, 0.114)); }

// Contrast of second order across a line of three pixels, and of the lines beside it.
float edge_strength(vec3 before, vec3 here, vec3 after) {
    vec3 bend = abs(before - 2.0 * here + after);
    return bend.x + 2.0 * bend.y + bend.z;
}

// Pixels to the end of the edge, and whether the edge turns there to the side of this pixel.
struct End {
    int distance;
    float luma;  // mean of both sides, beyond that of this pixel
};

// `across`: from a pixel to the one beyond the edge.
End find_end(ivec2 px, ivec2 along, ivec2 across, float mean_luma, float threshold) {
    End end = End(0, 0.0);
    for (int k = 1; k <= MAX_STEPS && abs(end.luma) < threshold; k++) {
        ivec2 p = px + k * along;
        end = End(k, 0.5 * (luma_at(p) + luma_at(p + across)) - mean_luma);
    }
    if (abs(end.luma) < threshold) end.distance++;
    return end;
}

vec3 smooth_edge(ivec2 px, vec3 color) {
    float luma = luma_at(px);
    float left = luma_at(px + ivec2(-1, 0)), right = luma_at(px + ivec2(1, 0));
    float below = luma_at(px + ivec2(0, -1)), above = luma_at(px + ivec2(0, 1));
    float left_below = luma_at(px + ivec2(-1, -1)), right_below = luma_at(px + ivec2(1, -1));
    float left_above = luma_at(px + ivec2(-1, 1)), right_above = luma_at(px + ivec2(1, 1));
    float horizontal = edge_strength(
        vec3(left_below, below, right_below), vec3(left, luma, right), vec3(left_above, above, right_above)
    );
    float vertical = edge_strength(
        vec3(left_below, left, left_above), vec3(below, luma, above), vec3(right_below, right, right_above)
    );
    bool is_horizontal = horizontal >= vertical;
    ivec2 along = is_horizontal ? ivec2(1, 0) : ivec2(0, 1);
    vec2 sides = is_horizontal ? vec2(below, above) : vec2(left, right);
    bool is_first_side = abs(sides.x - luma) >= abs(sides.y - luma);
    ivec2 across = (is_first_side ? -1 : 1) * (ivec2(1) - along);
    float other_luma = is_first_side ? sides.x : sides.y;

    float mean_luma = 0.5 * (luma + other_luma);
    float threshold = 0.25 * abs(other_luma - luma);
    End back = find_end(px, -along, across, mean_luma, threshold);
    End ahead = find_end(px, along, across, mean_luma, threshold);
    int nearest = min(back.distance, ahead.distance);
    // A line from the middle of the step to its end: it covers half a pixel at the end, and none in the middle.
    float run = float(back.distance + ahead.distance - 1);
    float coverage = max(0.5 - (float(nearest) - 0.5) / run, 0.0);
    // Where the edge turns away from this pixel, the line runs through the other side's pixels.
    float end_luma = back.distance < ahead.distance ? back.luma : ahead.luma;
    if (abs(end_luma) < threshold || (end_luma < 0.0) == (luma < mean_luma)) coverage = 0.0;
    vec3 other = color_at(px + across);
    return srgb_from_linear(mix(linear_from_srgb(color), linear_from_srgb(other), coverage));
}

bool is_edge(ivec2 px) {
    float luma = luma_at(px);
    vec4 cross = vec4(
        luma_at(px + ivec2(-1, 0)), luma_at(px + ivec2(1, 0)), luma_at(px + ivec2(0, -1)), luma_at(px + ivec2(0, 1))
    );
    float low = min(luma, min(min(cross.x, cross.y), min(cross.z, cross.w)));
    float high = max(luma, max(max(cross.x, cross.y), max(cross.z, cross.w)));
    return high - low > max(MIN_CONTRAST, MIN_RELATIVE_CONTRAST * high);
}

void main() {
    ivec2 px = ivec2(gl_FragCoord.xy);
    vec3 color = color_at(px);
    // a loop instead of a condition: llvmpipe executes both branches of a condition
    for (int k = is_edge(px) ? 1 : 0; k > 0; k--) color = smooth_edge(px, color);
    out_color = vec4(color, 1.0);
}
