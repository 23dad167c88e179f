// Where does each corner of a triangle stand, seen from the sun?
#include <light>
in vec3 position_ws;

void main() { gl_Position = light.clip_from_world * vec4(position_ws, 1.0); }
