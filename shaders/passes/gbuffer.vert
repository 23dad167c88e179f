// Where does each corner of a triangle stand?
// reads  corners in world space      writes  the same for every pixel, and depth in metres
#include <camera>
in vec3 position_ws, normal_ws;
in vec2 uv, uv2;
in vec4 color, tangent_ws;
out vec3 normal;
out vec2 image_uv, image_uv2;
out vec4 tint, tangent;
out float depth;

void main() {
    normal = normal_ws;
    image_uv = uv;
    image_uv2 = uv2;
    tint = color;
    tangent = tangent_ws;
    depth = -(camera.view_from_world * vec4(position_ws, 1.0)).z;
    gl_Position = camera.clip_from_world * vec4(position_ws, 1.0);
}
