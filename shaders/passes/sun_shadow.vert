// Where does each corner of a triangle stand, seen from the sun?
#include <light>
in vec3 position_ws;
in vec2 uv, uv2;
in vec4 color;
out vec2 image_uv, image_uv2;
out vec4 tint;

void main() {
    image_uv = uv;
    image_uv2 = uv2;
    tint = color;
    gl_Position = light.clip_from_world * vec4(position_ws, 1.0);
}
