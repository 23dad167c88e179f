// Only depth is kept, where there is no hole.
#include "common/alpha_mask.glsl"

void whole() {}
void pierced() {
    if (in_hole()) discard;
}
