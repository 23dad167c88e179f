// How far from the lamp, along the map's axis, is what it sees first?
#include <reach>
#include "common/alpha_mask.glsl"

void whole() { gl_FragDepth = 1.0 / gl_FragCoord.w / reach.far; }  // the same precision near and far
void pierced() {
    if (in_hole()) discard;
    whole();
}
