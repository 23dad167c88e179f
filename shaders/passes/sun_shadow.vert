// Vertices of the sun's shadow map.
#include <shadow_camera>

in vec3 position_ws;
in vec2 uv;
in vec2 uv2;
in vec4 color;
out vec2 image_uv;
out vec2 image_uv2;
out vec4 tint;

void main() {
    image_uv = uv;
    image_uv2 = uv2;
    tint = color;
    gl_Position = shadow_camera.clip_from_world * vec4(position_ws, 1.0);
}
