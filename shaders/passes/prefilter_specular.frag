// Specular image-based lighting: what does a surface of one roughness reflect of the environment, seen head-on?
// reads   environment
// writes  radiance, a latitude-longitude map
// source  Karis, Real Shading in Unreal Engine 4, SIGGRAPH 2013; Krivanek, Colbert, Filtered Importance Sampling, 2008
// limits  reflections do not stretch at grazing angles, as the view is taken to be the normal
#include <prefilter>
#include "common/environment.glsl"
#include "common/sampling.glsl"
#include "common/specular.glsl"

out vec4 out_radiance;

// Roberts' R2 sequence, 2018.
vec2 r2_point(int index) { return fract(vec2(0.5) + float(index) * vec2(0.7548776662, 0.5698402910)); }

void main() {
    vec2 uv = gl_FragCoord.xy / prefilter.size;
    float theta = PI * (1.0 - uv.y);
    float phi = 2.0 * PI * uv.x;
    vec3 normal_ws = vec3(sin(theta) * sin(phi), cos(theta), -sin(theta) * cos(phi));
    mat3 ws_from_local = orthonormal_basis(normal_ws);
    const vec3 VIEW = vec3(0.0, 0.0, 1.0);  // local frame, along the normal
    float alpha = alpha_from_roughness(prefilter.roughness);
    vec3 sum = vec3(0.0);
    float total_weight = 0.0;
    bool is_mirror = prefilter.sample_count == 1;
    for (int i = 0; i < prefilter.sample_count; i++) {
        vec2 u = is_mirror ? vec2(0.0) : r2_point(i);
        vec3 l = sample_reflection(VIEW, alpha, sample_disk(u.x, u.y));
        if (l.z <= 0.0) continue;
        float pdf = ggx_distribution(VIEW, normalize(l + VIEW), alpha) / 4.0;
        float solid_angle = max(4.0 / (float(prefilter.sample_count) * pdf), prefilter.texel_solid_angle);
        sum += l.z * prefiltered_radiance(ws_from_local * l, solid_angle);
        total_weight += l.z;
    }
    out_radiance = vec4(sum / total_weight, 1.0);
}
