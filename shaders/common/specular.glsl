// Specular reflection: GGX, separable Smith masking, Schlick's Fresnel (glTF 2.0, appendix B.3).
//
// The diffuse light below is reduced by what the lobe reflects. A white furnace therefore stays white, but for the
// energy that GGX itself loses.
#include "common/screen.glsl"

uniform sampler2D gbuffer_specular;
uniform sampler2D specular_ibl_dfg;

const float MIN_ALPHA = 0.002;
const int SPECULAR_LEVELS = 6;  // of the prefiltered environment, roughness 0 to 1

// rgb: F0; a: roughness
vec4 specular_at(vec2 uv) { return textureLod(gbuffer_specular, uv, 0.0); }

float alpha_from_roughness(float roughness) { return max(roughness * roughness, MIN_ALPHA); }

// Reflectance at grazing angles: 1, unless F0 is 0.
vec3 f90_from_f0(vec3 f0) { return clamp(50.0 * f0, 0.0, 1.0); }

vec3 fresnel(vec3 f0, float cosine) { return f0 + (f90_from_f0(f0) - f0) * pow(clamp(1.0 - cosine, 0.0, 1.0), 5.0); }

// Smith's masking function G1.
float masking(float cosine, float alpha) {
    return 2.0 * cosine / (cosine + sqrt(alpha * alpha + (1.0 - alpha * alpha) * cosine * cosine));
}

// The distribution of normals. 1 - cosine^2 comes from the cross product, as the difference rounds to nothing near 1.
float ggx_distribution(vec3 n, vec3 h, float alpha) {
    vec3 sine = cross(n, h);
    float cosine = dot(n, h);
    float k = alpha / (dot(sine, sine) + cosine * cosine * alpha * alpha);
    return k * k / PI;
}

// All are unit vectors; `v` and `l` lie above the surface.
vec3 specular_brdf(vec3 n, vec3 v, vec3 l, vec3 f0, float alpha) {
    vec3 h = normalize(v + l);
    float nv = max(dot(n, v), 1e-3);
    float nl = max(dot(n, l), 1e-3);
    return fresnel(f0, dot(v, h)) * ggx_distribution(n, h, alpha) * masking(nv, alpha) * masking(nl, alpha)
        / (4.0 * nv * nl);
}

// Directional albedo of the lobe, from a table over cosine and roughness that is interpolated from edge to edge.
vec3 specular_albedo(vec3 f0, float roughness, float cosine) {
    vec2 size = vec2(textureSize(specular_ibl_dfg, 0));
    vec2 uv = (clamp(vec2(cosine, roughness), 0.0, 1.0) * (size - 1.0) + 0.5) / size;
    vec2 scale_bias = textureLod(specular_ibl_dfg, uv, 0.0).rg;
    return f0 * scale_bias.x + f90_from_f0(f0) * scale_bias.y;
}

// Samples a reflected direction; its weight is masking(l). Local frame, +z is the normal; `disk` is uniform in a disk
// of radius 1. Heitz, Sampling the GGX Distribution of Visible Normals, JCGT 2018.
vec3 sample_reflection(vec3 v, float alpha, vec2 disk) {
    v.z = max(v.z, 1e-3);
    vec3 stretched = normalize(vec3(alpha * v.xy, v.z));
    float length2 = dot(stretched.xy, stretched.xy);
    vec3 t1 = length2 > 0.0 ? vec3(-stretched.y, stretched.x, 0.0) * inversesqrt(length2) : vec3(1.0, 0.0, 0.0);
    vec3 t2 = cross(stretched, t1);
    float s = 0.5 * (1.0 + stretched.z);
    float y = mix(sqrt(max(1.0 - disk.x * disk.x, 0.0)), disk.y, s);
    vec3 h = disk.x * t1 + y * t2 + sqrt(max(1.0 - disk.x * disk.x - y * y, 0.0)) * stretched;
    return reflect(-normalize(v), normalize(vec3(alpha * h.xy, max(h.z, 1e-6))));
}

vec3 view_ws_at(vec2 uv) {
    vec3 view_vs = FRAME_ORTHOGRAPHIC ? vec3(0.0, 0.0, -1.0) : vs_from_uv(uv, 1.0);
    return -normalize(mat3(frame.world_from_view) * view_vs);
}

// The BRDF of the visible surface towards the camera, for light from direction `l_ws`.
vec3 specular_brdf_at(vec2 uv, vec3 l_ws) {
    vec4 specular = specular_at(uv);
    if (specular.rgb == vec3(0.0)) return vec3(0.0);
    vec3 normal_ws = normalize(normal_ws_at(uv));
    return specular_brdf(normal_ws, view_ws_at(uv), l_ws, specular.rgb, alpha_from_roughness(specular.a));
}
