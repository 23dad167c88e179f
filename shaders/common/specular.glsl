// How does a glossy surface reflect? GGX with Smith's masking, separable, and Schlick's Fresnel: glTF 2.0, appendix
// B.3. What it reflects is taken from the diffuse light below it, so that white furnaces stay white but for what GGX
// itself loses.
#include "common/screen.glsl"
uniform sampler2D gbuffer_gloss, gloss_reflectance;

const int GLOSS_LEVELS = 6;  // of the environment, roughness 0 to 1

vec4 gloss_at(vec2 uv) { return textureLod(gbuffer_gloss, uv, 0.0); }

float alpha_of(float roughness) { return max(roughness * roughness, 0.002); }

// The share that a lobe reflects at grazing angles: everything, unless it has no reflectance at all.
vec3 grazing(vec3 f0) { return clamp(50.0 * f0, 0.0, 1.0); }

vec3 fresnel(vec3 f0, float cosine) { return f0 + (grazing(f0) - f0) * pow(clamp(1.0 - cosine, 0.0, 1.0), 5.0); }

// Smith's masking of one direction.
float masking(float cosine, float alpha) { return 2.0 * cosine / (cosine + sqrt(alpha * alpha + (1.0 - alpha * alpha) * cosine * cosine)); }

// The distribution of normals. 1 - cosine^2 from the cross product: at 1 the difference would be all rounding.
float ggx(vec3 n, vec3 h, float alpha) {
    vec3 across = cross(n, h);
    float c = dot(n, h), k = alpha / (dot(across, across) + c * c * alpha * alpha);
    return k * k / 3.14159265359;
}

// BRDF of the lobe. All unit vectors, both above the surface.
vec3 lobe_of(vec3 n, vec3 v, vec3 l, vec3 f0, float alpha) {
    vec3 h = normalize(v + l);
    float nv = max(dot(n, v), 1e-3), nl = max(dot(n, l), 1e-3);
    return fresnel(f0, dot(v, h)) * ggx(n, h, alpha) * masking(nv, alpha) * masking(nl, alpha) / (4.0 * nv * nl);
}

// What the lobe reflects of light from everywhere: its directional albedo, tabled over cosine and roughness from edge
// to edge.
vec3 reflectance(vec3 f0, float roughness, float cosine) {
    vec2 size = vec2(textureSize(gloss_reflectance, 0));
    vec2 ab = textureLod(gloss_reflectance, (clamp(vec2(cosine, roughness), 0.0, 1.0) * (size - 1.0) + 0.5) / size, 0.0).rg;
    return f0 * ab.x + grazing(f0) * ab.y;
}

// A direction as likely as the lobe reflects it towards v but for masking(l): that is its weight. disc: evenly spread
// in a disc of radius 1. Local frame, +z the normal. Heitz, Sampling the GGX Distribution of Visible Normals, JCGT
// 2018.
vec3 reflected(vec3 v, float alpha, vec2 disc) {
    v.z = max(v.z, 1e-3);
    vec3 c = normalize(vec3(alpha * v.xy, v.z));
    float across = dot(c.xy, c.xy);
    vec3 t = across > 0.0 ? vec3(-c.y, c.x, 0.0) * inversesqrt(across) : vec3(1.0, 0.0, 0.0);
    float s = 0.5 * (1.0 + c.z), y = mix(sqrt(max(1.0 - disc.x * disc.x, 0.0)), disc.y, s);
    vec3 h = disc.x * t + y * cross(c, t) + sqrt(max(1.0 - disc.x * disc.x - y * y, 0.0)) * c;
    return reflect(-normalize(v), normalize(vec3(alpha * h.xy, max(h.z, 1e-6))));
}

vec3 eye_ws_from(vec2 uv) { return -normalize(mat3(frame.world_from_view) * vs_from_uv(uv, 1.0)); }

// Radiance that what is seen at uv reflects towards the camera, for each unit of irradiance from direction l.
vec3 shine_of(vec2 uv, vec3 l) {
    vec4 g = gloss_at(uv);
    vec3 n_ws = normalize(normal_ws_at(uv));
    return g.rgb == vec3(0.0) ? vec3(0.0) : lobe_of(n_ws, eye_ws_from(uv), l, g.rgb, alpha_of(g.a));
}
