// Do places of the screen and of the world agree, there and back, whichever pixels a view has?
// reads  gbuffer      writes  where what is seen at a pixel is; there: how far on_screen() is from that pixel, in
//        pixels, and how far
//        height_of() is from the height along the normal, as a share of the depth
const bool TWO_DEPTH_LAYERS = false;
#include "common/visibility.glsl"
layout(location = 0) out vec4 place;
layout(location = 1) out vec4 error;

void main() {
    float depth = depth_at(uv_here());
    vec3 p_vs = vs_from_uv(uv_here(), depth), n_vs = mat3(frame.view_from_world) * flat_ws_at(uv_here());
    Receiver r = receiver_at(uv_here(), depth, n_vs);
    place = frame.world_from_view * vec4(p_vs, 1.0);
    error = vec4(abs(on_screen(p_vs).xy - gl_FragCoord.xy), abs(r.height - dot(n_vs, p_vs)) / depth, 1.0);
}
