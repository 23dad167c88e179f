// Where does each corner of a triangle stand, seen from a lamp?
#include "shadow.vert"
