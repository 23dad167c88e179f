// Shadow map of the sun: how far away is the nearest surface?
// reads   alpha masks
// writes  nothing but the depth buffer
// source  -
// limits  one depth per texel; blended surfaces are dithered
#include "common/alpha_mask.glsl"

void opaque() {}

void masked() {
    if (is_shadow_masked()) discard;
}
