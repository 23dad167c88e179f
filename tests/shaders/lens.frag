// Do screen and world positions agree, there and back, at every resolution?
// reads  gbuffer      writes  the world position of the surface at a pixel; in pixels, the error of projecting it back;
//        the error of height_of(), relative to the depth
const bool TWO_DEPTH_LAYERS = false;
#include "common/ray_march.glsl"
layout(location = 0) out vec4 position;
layout(location = 1) out vec4 error;

void main() {
    float depth = depth_at(uv_here());
    vec3 p_vs = vs_from_uv(uv_here(), depth), n_vs = mat3(frame.view_from_world) * flat_ws_at(uv_here());
    Receiver r = receiver_at(uv_here(), depth, n_vs);
    position = frame.world_from_view * vec4(p_vs, 1.0);
    error = vec4(abs(on_screen(p_vs).xy - gl_FragCoord.xy), abs(r.height - dot(n_vs, p_vs)) / depth, 1.0);
}
