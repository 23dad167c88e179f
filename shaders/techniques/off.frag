// How bright is every point when nothing hides the environment?
// reads  gbuffer, environment      writes  irradiance at the normal, all open
#include "common/screen.glsl"
#include "common/environment.glsl"
out vec4 direct;

void main() {
    direct = vec4(0.0, 0.0, 0.0, 1.0);
    if (on_surface(depth_at(uv_here()))) direct.rgb = irradiance_at(normal_ws_at(uv_here()));
}
