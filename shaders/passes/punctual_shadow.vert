// Vertices of a punctual light's shadow map.
#include "passes/sun_shadow.vert"
