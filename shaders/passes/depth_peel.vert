// Vertices of a depth layer: position and view depth in metres.
#include <camera>

in vec3 position_ws;
in vec2 uv;
in vec2 uv2;
in vec4 color;
out vec2 image_uv;
out vec2 image_uv2;
out vec4 tint;
out float depth;

void main() {
    image_uv = uv;
    image_uv2 = uv2;
    tint = color;
    depth = -(camera.view_from_world * vec4(position_ws, 1.0)).z;
    gl_Position = camera.clip_from_world * vec4(position_ws, 1.0);
}
