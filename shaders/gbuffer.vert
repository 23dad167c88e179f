// Where does each corner of a triangle stand?
// reads  positions and normals in world space      writes  the same for every pixel, and depth in metres
#include <frame>
in vec3 position_ws, normal_ws;
in vec2 uv;
out vec3 normal;
out vec2 image_uv;
out float depth;

void main() {
    normal = normal_ws;
    image_uv = uv;
    depth = -(frame.view_from_world * vec4(position_ws, 1.0)).z;
    gl_Position = frame.clip_from_world * vec4(position_ws, 1.0);
}
