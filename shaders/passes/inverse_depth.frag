// How near is what the camera sees at each pixel?
// reads  gbuffer      writes  1 / depth, and around the picture a border of one pixel where nothing is: 0
// after  1 / depth being linear on the screen: shaders/common/visibility.glsl
#include "common/screen.glsl"
out float result;

void main() {
    vec2 px = gl_FragCoord.xy - 1.0;
    result = px == clamp(px, vec2(0.0), frame.size) ? 1.0 / depth_at(px / frame.size) : 0.0;
}
