// Do positions on the screen and in the world agree, there and back, whichever pixels the view has?
// reads   G-buffer
// writes  world position of the surface; error of its projection in pixels, and of its height relative to its depth
const bool TWO_DEPTH_LAYERS = false;
#include "common/ray_march.glsl"

layout(location = 0) out vec4 out_position;
layout(location = 1) out vec4 out_error;

void main() {
    vec2 uv = pixel_uv();
    float depth = depth_at(uv);
    vec3 p_vs = vs_from_uv(uv, depth);
    vec3 normal_vs = mat3(frame.view_from_world) * geometric_normal_ws_at(uv);
    Receiver receiver = make_receiver(uv, depth, normal_vs);
    out_position = frame.world_from_view * vec4(p_vs, 1.0);
    vec2 projection_error = abs(project_to_screen(p_vs).xy - gl_FragCoord.xy);
    out_error = vec4(projection_error, abs(receiver.plane_offset - dot(normal_vs, p_vs)) / depth, 1.0);
}
