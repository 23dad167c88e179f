// Depth peeling: how far away is the nearest surface behind the previous layer?
// reads   depth of the previous layer, alpha masks
// writes  depth, metres along the view axis; the depth test keeps the nearest
// source  Everitt, Interactive Order-Independent Transparency, 2001
// limits  layers nearer to each other than the tolerance of `is_behind_layer` are one
#include "common/alpha_mask.glsl"
#include "common/depth_peel.glsl"

in float depth;
out float out_depth;

void opaque() {
    if (!is_behind_layer(depth)) discard;
    out_depth = depth;
}

void masked() {
    if (is_masked() || !is_behind_layer(depth)) discard;
    out_depth = depth;
}
