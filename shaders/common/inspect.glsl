// Pixel inspector: what the entry `inspect` of a technique writes, a column per sample of the inspected pixel.
//
// The rows are read by viewer/pixel_inspector.py. `inspected` is bound to what the viewer asks for.
#include "common/ray_march.glsl"

layout(location = 0) out vec4 out_direction;  // xyz: world space, unit; w: its state
layout(location = 1) out vec4 out_direct;     // rgb: irradiance from the environment; a: visibility
layout(location = 2) out vec4 out_indirect;   // rgb: irradiance from the occluder, or from probes
layout(location = 3) out vec4 out_position;   // xy: uv of the occluder; zw: direction, projected onto the surface

// States of a sample. One that leaves the screen, or passes the camera, is visible as far as is known.
const float VISIBLE = 0.0;
const float OCCLUDED = 1.0;
const float LEAVES_SCREEN = 2.0;

// State of an unoccluded sample that ends at a point.
float find_unoccluded_state(vec3 end_vs) {
    vec2 end_px = project_to_screen(end_vs).xy;
    bool leaves_screen = end_vs.z >= 0.0 || end_px != clamp(end_px, vec2(0.0), frame.size);
    return leaves_screen ? LEAVES_SCREEN : VISIBLE;
}
