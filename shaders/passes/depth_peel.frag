// How far is what lies behind a depth?
// reads  the depth before, holes of materials      writes  depth, metres along the view axis; the depth test keeps the
//        nearest
// after  Everitt, Interactive Order-Independent Transparency, 2001: a layer is what remains when all in front of it is
// left out
#include "common/alpha_mask.glsl"
#include "common/depth_peel.glsl"
in float depth;
out float out_depth;

void whole() {
    if (!is_behind(depth)) discard;
    out_depth = depth;
}

void pierced() {
    if (in_hole() || !is_behind(depth)) discard;
    out_depth = depth;
}
