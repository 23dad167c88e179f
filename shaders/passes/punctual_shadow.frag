// Shadow map of a punctual light: how far along the map's axis is the nearest surface?
// reads   alpha masks
// writes  depth over the far plane: as precise near as far
// source  -
// limits  one depth per texel; blended surfaces are dithered
#include <shadow_range>
#include "common/alpha_mask.glsl"

void opaque() { gl_FragDepth = 1.0 / gl_FragCoord.w / shadow_range.far; }

void masked() {
    if (is_shadow_masked()) discard;
    opaque();
}
