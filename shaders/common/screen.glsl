// What the camera sees at a point of the screen. uv: 0 to 1; vs: view space, metres; ws: world space, metres.
#include <frame>
uniform sampler2D gbuffer_normal, gbuffer_flat, gbuffer_depth;

const float BACKGROUND = 1e30;

#ifndef HERE
#define HERE gl_FragCoord.xy
#endif
vec2 uv_here() { return HERE / frame.size; }

float depth_at(vec2 uv) { return textureLod(gbuffer_depth, uv, 0.0).r; }

bool on_surface(float depth) { return depth < BACKGROUND; }

vec3 normal_ws_at(vec2 uv) { return textureLod(gbuffer_normal, uv, 0.0).xyz; }

// The normal of the surface's plane: without the bumps that an image gives it.
vec3 flat_ws_at(vec2 uv) { return textureLod(gbuffer_flat, uv, 0.0).xyz; }

// A direction of a bumpy surface that lies below its plane is taken from above, as in a mirror: what lies below is not
// there.
vec3 above(vec3 w, vec3 flat_normal) { return w - 2.0 * min(dot(w, flat_normal), 0.0) * flat_normal; }

vec3 vs_from_uv(vec2 uv, float depth) { return vec3((uv * 2.0 - 1.0) * frame.tangent + frame.shift, -1.0) * depth; }
