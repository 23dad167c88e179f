// What does a surface of some roughness reflect of the environment, seen straight on?
// reads  environment      writes  radiance, a lat-long map, row 0 at the zenith once it is read
// after  Karis, Real Shading in Unreal Engine 4, SIGGRAPH 2013: the view is taken to be along the normal; Krivanek,
// Colbert, Real-Time Shading with Filtered Importance Sampling, 2008: each sample sees its own share of the map cannot
// stretch reflections at grazing angles, since the view is not known
#include <lobe>
#include "common/environment.glsl"
#include "common/sampling.glsl"
#include "common/specular.glsl"
out vec4 result;

void main() {
    vec2 uv = gl_FragCoord.xy / lobe.size;
    float theta = PI * (1.0 - uv.y), turn = 2.0 * PI * uv.x;
    vec3 n = vec3(sin(theta) * sin(turn), cos(theta), -sin(theta) * cos(turn));
    mat3 from_local = basis(n);
    float alpha = alpha_of(lobe.roughness), total = 0.0;
    vec3 sum = vec3(0.0);
    for (int i = 0; i < lobe.samples; i++) {
        // Roberts' R2, 2018; straight on
        vec2 u = lobe.samples == 1 ? vec2(0.0) : fract(vec2(0.5) + float(i) * vec2(0.7548776662, 0.5698402910));
        vec3 l = reflected(vec3(0.0, 0.0, 1.0), alpha, sqrt(u.x) * vec2(cos(2.0 * PI * u.y), sin(2.0 * PI * u.y)));
        if (l.z <= 0.0) continue;
        float density = ggx(vec3(0.0, 0.0, 1.0), normalize(l + vec3(0.0, 0.0, 1.0)), alpha) / 4.0;
        sum += l.z * radiance_from(from_local * l, max(4.0 / (float(lobe.samples) * density), lobe.texel));
        total += l.z;
    }
    result = vec4(sum / total, 1.0);
}
