// Inverse depth: how near is the visible surface at each pixel?
// reads   G-buffer depth
// writes  1 / depth in 1 / metres, with a border of one pixel of 0
// source  1 / depth is linear in screen space: see common/ray_march.glsl
// limits  one layer
#include "common/screen.glsl"

out float out_inverse_depth;

void main() {
    vec2 px = gl_FragCoord.xy - 1.0;
    bool is_inside = px == clamp(px, vec2(0.0), frame.size);
    float depth = depth_at(px / frame.size);
    if (FRAME_ORTHOGRAPHIC) out_inverse_depth = is_inside ? -depth : INFINITELY_FAR;
    else out_inverse_depth = is_inside ? 1.0 / depth : 0.0;
}
