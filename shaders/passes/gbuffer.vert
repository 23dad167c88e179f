// Vertices of the G-buffer: attributes in world space, and the position in view space, metres.
#include <camera>

in vec3 position_ws;
in vec3 normal_ws;
in vec2 uv;
in vec2 uv2;
in vec4 color;
in vec4 tangent_ws;
out vec3 normal;
out vec2 image_uv;
out vec2 image_uv2;
out vec4 tint;
out vec4 tangent;
out vec3 position_vs;

void main() {
    normal = normal_ws;
    image_uv = uv;
    image_uv2 = uv2;
    tint = color;
    tangent = tangent_ws;
    position_vs = (camera.view_from_world * vec4(position_ws, 1.0)).xyz;
    gl_Position = camera.clip_from_world * vec4(position_ws, 1.0);
}
