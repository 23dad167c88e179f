// Is the orthonormal basis of every normal orthonormal and right-handed?
// reads   normals
// writes  largest error of a product of its axes; error of its determinant; error of its third axis; 1 if it is NaN
#include "common/sampling.glsl"

uniform sampler2D normals;
out vec4 out_error;

void main() {
    vec3 n = texelFetch(normals, ivec2(gl_FragCoord.xy), 0).xyz;
    mat3 b = orthonormal_basis(n);
    mat3 p = transpose(b) * b;
    vec3 e = max(max(abs(p[0] - vec3(1, 0, 0)), abs(p[1] - vec3(0, 1, 0))), abs(p[2] - vec3(0, 0, 1)));
    float largest = max(e.x, max(e.y, e.z));
    out_error = vec4(largest, abs(determinant(b) - 1.0), length(b[2] - n), any(isnan(b[0] + b[1])) ? 1.0 : 0.0);
}
