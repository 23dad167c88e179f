// What has a technique found? Where nothing bounces, no indirect light is fetched.
#include <bounce>
uniform sampler2D light_direct, light_indirect, light_gloss;

vec4 direct_at(vec2 uv) { return textureLod(light_direct, uv, 0.0); }

vec4 indirect_at(vec2 uv) { return BOUNCE_GIVEN == BOUNCE_GIVEN_YES ? textureLod(light_indirect, uv, 0.0) : vec4(0.0); }

vec4 lobe_at(vec2 uv) { return textureLod(light_gloss, uv, 0.0); }
