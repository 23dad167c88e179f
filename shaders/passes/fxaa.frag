// FXAA: how much of the surface across an edge does this pixel show?
// reads   the tone-mapped picture of one frame, 8 bit sRGB
// writes  the same with smooth edges: along each step of an edge, the two sides are blended by their coverage
// source  Reshetnikov, Morphological Antialiasing, HPG 2009; Lottes, FXAA, NVIDIA 2009: contrast test, search for ends
// limits  edges of 2 x 8 pixels at most a step; what is thinner than a pixel stays broken, corners are rounded
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

// Pixels to the end of an edge, and the mean of both sides there, less that at this pixel.
struct End {
    int distance;
    float luma;
};

// `across`: from a pixel to the one beyond the edge.
End find_end(ivec2 px, ivec2 along, ivec2 across, float mean_luma, float threshold, int steps) {
    End end = End(0, 0.0);
    for (int k = 1; k <= steps && abs(end.luma) < threshold; k++) {
        ivec2 p = px + k * along;
        end = End(k, 0.5 * (luma_at(p) + luma_at(p + across)) - mean_luma);
    }
    if (abs(end.luma) < threshold) end.distance++;
    return end;
}

// Whether a line goes on beyond the end, one pixel to the side of this pixel, for about as long: a corner does not.
// Where the edge turns to the other side, the line runs through the pixels there.
bool is_step(
    ivec2 px, ivec2 along, ivec2 across, End end, int run, bool is_darker, float mean_luma, float threshold
) {
    if (abs(end.luma) < threshold || (end.luma < 0.0) == is_darker) return false;
    ivec2 beyond = px + along * (end.distance + (run + 1) / 2 - 1);
    return abs(0.5 * (luma_at(beyond) + luma_at(beyond - across)) - mean_luma) < threshold;
}

// Area of this pixel beyond a line from half a pixel at the end of the run to none in its middle.
float step_coverage(End end, int run) {
    vec2 to_middle = max(0.5 * float(run) - vec2(end.distance - 1, end.distance), 0.0);
    return (to_middle.x * to_middle.x - to_middle.y * to_middle.y) / (2.0 * float(run));
}

// `steps`: of the search; 0 where there is no edge. As it is not constant, no driver unrolls the search.
vec3 smooth_edge(ivec2 px, vec3 color, int steps) {
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
    End back = find_end(px, -along, across, mean_luma, threshold, steps);
    End ahead = find_end(px, along, across, mean_luma, threshold, steps);
    int run = back.distance + ahead.distance - 1;
    bool is_darker = luma < mean_luma;
    float coverage = 0.0;
    if (is_step(px, -along, across, back, run, is_darker, mean_luma, threshold)) coverage += step_coverage(back, run);
    if (is_step(px, along, across, ahead, run, is_darker, mean_luma, threshold)) coverage += step_coverage(ahead, run);
    vec3 other = color_at(px + across);
    return sqrt(mix(color * color, other * other, coverage));  // about linear
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
    bool has_edge = is_edge(px);
    vec3 smooth_color = smooth_edge(px, color, has_edge ? MAX_STEPS : 0);
    if (has_edge) color = smooth_color;
    out_color = vec4(color, texelFetch(display, px, 0).a);
}
