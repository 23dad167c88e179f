// Where does each corner of a triangle stand, and how far from the camera?
#include <camera>
in vec3 position_ws;
in vec2 uv, uv2;
in vec4 color;
out vec2 image_uv, image_uv2;
out vec4 tint;
out float depth;

void main() {
    image_uv = uv;
    image_uv2 = uv2;
    tint = color;
    depth = -(camera.view_from_world * vec4(position_ws, 1.0)).z;
    gl_Position = camera.clip_from_world * vec4(position_ws, 1.0);
}
