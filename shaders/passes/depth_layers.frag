// Where do the first two bodies behind each pixel begin and end?
// reads  gbuffer, peeled      writes  1 / depth of front, back, front, back, and around the picture a border of one
//        pixel where nothing is: 0;
// front, back, 0, back of two bodies with less between them than a pixel is high: they are taken for one after  1 /
// depth being linear on the screen: shaders/common/visibility.glsl cannot tell a sheet from a body whose back lies
// behind the front of another that stands in it: it ends there, where the other goes on
#include "common/screen.glsl"
#include <guess>
uniform sampler2D peeled_back, peeled_second, peeled_second_back;
out vec4 result;

void main() {
    vec2 px = gl_FragCoord.xy - 1.0, uv = px / frame.size;
    result = vec4(0.0);
    if (px != clamp(px, vec2(0.0), frame.size)) return;
    float front = depth_at(uv), back = textureLod(peeled_back, uv, 0.0).r;
    float second = textureLod(peeled_second, uv, 0.0).r, second_back = textureLod(peeled_second_back, uv, 0.0).r;
    if (second - back < second * 2.0 * frame.tangent.y / frame.size.y && second > back && second_back < BACKGROUND) {
        result = vec4(1.0 / front, 1.0 / second_back, 0.0, 1.0 / second_back);
        return;
    }
    if (back >= min(second, BACKGROUND)) back = min(front + guess.thickness, second);
    if (second_back >= BACKGROUND) second_back = second + guess.thickness;
    result = 1.0 / vec4(front, back, second, second_back);
}
