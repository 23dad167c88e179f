// No occlusion: how bright is every point if nothing hides the environment?
// reads   G-buffer, environment irradiance
// writes  direct.rgb: irradiance; direct.a: visibility, 1
// source  -
// limits  corners and contacts look detached: no occlusion, no bounce
#include "common/screen.glsl"
#include "common/environment.glsl"

out vec4 out_direct;

void main() {
    out_direct = vec4(0.0, 0.0, 0.0, 1.0);
    vec2 uv = pixel_uv();
    if (is_surface(depth_at(uv))) out_direct.rgb = irradiance_at(normal_ws_at(uv));
}
