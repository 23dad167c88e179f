// Where does each corner of a triangle stand, seen from a lamp?
#include "passes/sun_shadow.vert"
