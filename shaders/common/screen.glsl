// The surface that the camera sees at a point of the screen.
//
// Suffixes: uv is a position on the screen, 0 to 1; px is in pixels; vs is view space and ws world space, in metres.
#include <frame>
#include "common/constants.glsl"
#include "common/shading_normal.glsl"

const float INFINITELY_FAR = FRAME_ORTHOGRAPHIC ? -2.0 * BACKGROUND_DEPTH : 0.0;  // as 1 / depth, see ray_march.glsl

uniform sampler2D gbuffer_normal;
uniform sampler2D gbuffer_geometric_normal;
uniform sampler2D gbuffer_depth;

// The centre of the pixel that is shaded. The pixel inspector draws the samples of one pixel.
#ifdef ENTRY_INSPECT
#include <inspected>
#define SHADED_PIXEL inspected.centre_px
#else
#define SHADED_PIXEL gl_FragCoord.xy
#endif

vec2 pixel_uv() { return SHADED_PIXEL / frame.size; }

float depth_at(vec2 uv) { return textureLod(gbuffer_depth, uv, 0.0).r; }

bool is_surface(float depth) { return depth < BACKGROUND_DEPTH; }

vec3 normal_ws_at(vec2 uv) { return textureLod(gbuffer_normal, uv, 0.0).xyz; }

vec3 geometric_normal_ws_at(vec2 uv) { return textureLod(gbuffer_geometric_normal, uv, 0.0).xyz; }

// The plane that decides where light from a single direction ends. On smooth surfaces it does not show the triangles.
vec3 smooth_geometric_normal_ws_at(vec2 uv) {
    vec4 geometric_normal = textureLod(gbuffer_geometric_normal, uv, 0.0);
    return geometric_normal.a > 0.5 ? geometric_normal.xyz : normal_ws_at(uv);
}

// With an orthographic camera, `frame.tan_half_fov` and `frame.projection_offset` are metres at every depth.
vec3 vs_from_uv(vec2 uv, float depth) {
    if (FRAME_ORTHOGRAPHIC) return vec3((uv * 2.0 - 1.0) * frame.tan_half_fov + frame.projection_offset, -depth);
    return vec3((uv * 2.0 - 1.0) * frame.tan_half_fov + frame.projection_offset, -1.0) * depth;
}

// Unit vector from a surface towards the camera.
vec3 view_vs_at(vec2 uv, float depth) {
    return FRAME_ORTHOGRAPHIC ? vec3(0.0, 0.0, 1.0) : -normalize(vs_from_uv(uv, depth));
}

// Height of a pixel at a depth, metres.
float pixel_size_at(float depth) {
    float size_at_1 = 2.0 * frame.tan_half_fov.y;
    return (FRAME_ORTHOGRAPHIC ? size_at_1 : size_at_1 * depth) / frame.size.y;
}

vec3 ws_from_vs(vec3 p_vs) { return (frame.world_from_view * vec4(p_vs, 1.0)).xyz; }
