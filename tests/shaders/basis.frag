// Is the tangent frame of every normal orthonormal and right-handed?
// reads  normals      writes  largest error of any product of its axes, and of its determinant
#include "common/pattern.glsl"
uniform sampler2D normals;
out vec4 error;

void main() {
    vec3 n = texelFetch(normals, ivec2(gl_FragCoord.xy), 0).xyz;
    mat3 b = basis(n), p = transpose(b) * b;
    vec3 e = max(max(abs(p[0] - vec3(1, 0, 0)), abs(p[1] - vec3(0, 1, 0))), abs(p[2] - vec3(0, 0, 1)));
    error = vec4(max(e.x, max(e.y, e.z)), abs(determinant(b) - 1.0), length(b[2] - n), any(isnan(b[0] + b[1])) ? 1.0 : 0.0);
}
