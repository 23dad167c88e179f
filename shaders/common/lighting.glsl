// The lighting that a technique returns. Without a bounce no indirect lighting is fetched.
#include <has>

uniform sampler2D lighting_direct;
uniform sampler2D lighting_indirect;
uniform sampler2D lighting_specular;

// rgb: irradiance; a: ambient visibility
vec4 direct_at(vec2 uv) { return textureLod(lighting_direct, uv, 0.0); }

vec4 indirect_at(vec2 uv) { return HAS_INDIRECT ? textureLod(lighting_indirect, uv, 0.0) : vec4(0.0); }

// Of the specular lobe. rgb: mean radiance from surfaces; a: visibility
vec4 specular_lighting_at(vec2 uv) { return textureLod(lighting_specular, uv, 0.0); }
