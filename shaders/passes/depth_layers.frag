// Depth layers: where do the first two objects behind each pixel begin and end?
// reads   G-buffer depth, peeled depths
// writes  1 / depth of front, back, front, back, with a border of one pixel of 0; merged layers: front, back, 0, back
// source  depth peeling, as Ritschel, Grosch, Seidel, I3D 2009, propose; 1 / depth as in common/ray_march.glsl
// limits  an object that another one intersects ends where the other begins
#include "common/screen.glsl"
#include <thickness_fallback>

uniform sampler2D depth_layers_back_1;
uniform sampler2D depth_layers_front_2;
uniform sampler2D depth_layers_back_2;
out vec4 out_layers;

void main() {
    vec2 px = gl_FragCoord.xy - 1.0;
    vec2 uv = px / frame.size;
    out_layers = vec4(INFINITELY_FAR);
    if (px != clamp(px, vec2(0.0), frame.size)) return;
    float front = depth_at(uv);
    float back = textureLod(depth_layers_back_1, uv, 0.0).r;
    float second_front = textureLod(depth_layers_front_2, uv, 0.0).r;
    float second_back = textureLod(depth_layers_back_2, uv, 0.0).r;
    bool is_gap_small = second_front - back < pixel_size_at(second_front) && second_front > back;
    if (is_gap_small && second_back < BACKGROUND_DEPTH) {
        out_layers = vec4(1.0 / front, 1.0 / second_back, 0.0, 1.0 / second_back);
        if (FRAME_ORTHOGRAPHIC) out_layers = vec4(-front, -second_back, INFINITELY_FAR, -second_back);
        return;
    }
    bool has_back = back < min(second_front, BACKGROUND_DEPTH);
    if (!has_back) back = min(front + thickness_fallback.thickness, second_front);
    if (second_back >= BACKGROUND_DEPTH) second_back = second_front + thickness_fallback.thickness;
    vec4 depths = vec4(front, back, second_front, second_back);
    out_layers = FRAME_ORTHOGRAPHIC ? -depths : 1.0 / depths;
}
