// Where does a ray meet the scene's triangles, and what is there? Lists of texels as app/tracing.py lays them out.
#include <walk>
uniform sampler2D traced_nodes, traced_triangles, traced_corners, traced_materials, traced_images, traced_extras;

// a triangle is this share larger, so that no light passes between two that share an edge
const float TINY = 1e-20, SEAM = 1e-6;

struct Hit {
    float t;  // metres; `far` where nothing was met
    int triangle;
    vec2 uv;  // shares of the second and third corner
};

struct Surface {
    // where; unit normals, interpolated and the triangle's own, both towards where the ray came from
    vec3 p_ws, n_ws, flat_ws;
    vec3 albedo, emission;
#ifdef ENTRY_FULL
    vec3 f0;
    float roughness;
#endif
};

vec4 texel(sampler2D list, int i) { return texelFetch(list, ivec2(i & 4095, i >> 12), 0); }

const int MATERIAL = 12;  // texels

// An image as the G-buffer reads its finest level: bilinear, of linear values unless `raw`. place: first row, width,
// height, and how it lies.
vec4 image(vec4 place, vec2 uv, bool raw) {
    if (place.y == 0.0) return vec4(1.0);
    ivec2 size = ivec2(place.yz), ends = ivec2((int(place.w) >> 1) & 1, (int(place.w) >> 2) & 1);
    vec2 at = mix(fract(uv), clamp(uv, 0.0, 1.0), vec2(ends)) * place.yz - 0.5, share = fract(at);
    ivec2 low = ivec2(floor(at));
    vec4 sum = vec4(0.0);
    for (int i = 0; i < 4; i++) {
        ivec2 step = ivec2(i & 1, i >> 1), px = low + step;
        px = ends * clamp(px, ivec2(0), size - 1) + (1 - ends) * ((px + size) % size);
        vec2 weight = mix(1.0 - share, share, vec2(step));
        vec4 t = texel(traced_images, int(place.x) * 4096 + px.y * size.x + px.x);
        // as it was stored
        if (raw) t.rgb = mix(12.92 * t.rgb, 1.055 * pow(t.rgb, vec3(1.0 / 2.4)) - 0.055, greaterThan(t.rgb, vec3(0.0031308)));
        sum += weight.x * weight.y * t;
    }
    return sum;
}

vec2 first_uvs(int triangle, vec3 share) {
    int at = 4 * triangle;
    vec3 u = vec3(texel(traced_corners, at).w, texel(traced_corners, at + 1).w, texel(traced_corners, at + 2).w);
    return vec2(dot(u, share), dot(texel(traced_corners, at + 3).xyz, share));
}

#ifdef ENTRY_FULL
struct Layout {
    vec2 uv, uv2;
    vec4 tint;
};

Layout layout_of(int triangle, vec3 share, int m) {
    Layout l = Layout(first_uvs(triangle, share), vec2(0.0), vec4(1.0));
    if (texel(traced_materials, m + 2).w > 0.5) {
        vec4 a = texel(traced_extras, 5 * triangle), b = texel(traced_extras, 5 * triangle + 1);
        l.uv2 = share.x * a.xy + share.y * a.zw + share.z * b.xy;
        for (int i = 0; i < 3; i++) l.tint = (i == 0 ? vec4(0.0) : l.tint) + share[i] * texel(traced_extras, 5 * triangle + 2 + i);
    }
    return l;
}

// The image whose place is texel m of a material.
vec4 laid(int m, Layout l, bool raw) {
    vec4 place = texel(traced_materials, m);
    vec3 at = vec3((int(place.w) & 1) == 0 ? l.uv : l.uv2, 1.0);
    return image(place, vec2(dot(texel(traced_materials, m + 1).xyz, at), dot(texel(traced_materials, m + 2).xyz, at)), raw);
}

bool in_hole(int triangle, vec2 uv) {
    vec3 share = vec3(1.0 - uv.x - uv.y, uv);
    int m = MATERIAL * int(texel(traced_corners, 4 * triangle + 3).w);
    Layout l = layout_of(triangle, share, m);
    return texel(traced_materials, m).a * l.tint.a * laid(m + 3, l, false).a < texel(traced_materials, m + 1).a;
}
#endif

// The nearest triangle before `far`, or any where that is enough. Moeller, Trumbore, Fast Minimum Storage Ray/Triangle
// Intersection, 1997. Boxes until a leaf is found, then its triangles: rays that run side by side wait less for one
// another (Aila, Laine, Understanding the Efficiency of Ray Traversal on GPUs, 2009). On llvmpipe 1.5 to 1.7 times as
// fast as both in one loop; visiting the nearer box first, with a stack or with an order for each octant, gains no more
// than a tenth there.
Hit met(vec3 from, vec3 w, float far, bool any) {
    Hit hit = Hit(far, -1, vec2(0.0));
    vec3 inverse = 1.0 / mix(w, vec3(TINY), lessThan(abs(w), vec3(TINY)));
    int node = 0;
    while (node < walk.nodes) {
        int leaf = -1;
        while (leaf < 0 && node < walk.nodes) {
            vec4 low = texel(traced_nodes, 2 * node), high = texel(traced_nodes, 2 * node + 1);
            vec3 a = (low.xyz - from) * inverse, b = (high.xyz - from) * inverse, enters = min(a, b), leaves = max(a, b);
            // Ize 2013: rounding
            float begin = max(max(enters.x, enters.y), enters.z), end = min(min(leaves.x, leaves.y), leaves.z) * 1.000001;
            bool missed = end < 0.0 || begin > end || begin * 0.999999 > hit.t;
            node = missed ? int(low.w) : node + 1;
            leaf = missed ? -1 : int(high.w);
        }
        if (leaf < 0) break;
        bool last = false;
        for (int i = leaf; !last; i++) {
            vec4 corner = texel(traced_triangles, 3 * i);
            vec3 e = texel(traced_triangles, 3 * i + 1).xyz, f = texel(traced_triangles, 3 * i + 2).xyz;
            vec3 p = cross(w, f), s = from - corner.xyz, q = cross(s, e);
            float d = dot(e, p);
            vec3 uvt = vec3(dot(s, p), dot(w, q), dot(f, q)) / (d == 0.0 ? TINY : d);
            bool closer = d != 0.0 && uvt.x >= -SEAM && uvt.y >= -SEAM && uvt.x + uvt.y <= 1.0 + SEAM && uvt.z > 0.0 && uvt.z < hit.t;
#ifdef ENTRY_FULL
            if (closer && corner.w > 1.5) closer = !in_hole(i, uvt.xy);
            corner.w = mod(corner.w, 2.0);
#endif
            if (closer) {
                hit = Hit(uvt.z, i, uvt.xy);
                if (any) return hit;
            }
            last = corner.w > 0.5;
        }
    }
    return hit;
}

Surface surface_at(Hit hit, vec3 w) {
    vec3 corner = texel(traced_triangles, 3 * hit.triangle).xyz, e = texel(traced_triangles, 3 * hit.triangle + 1).xyz;
    vec3 f = texel(traced_triangles, 3 * hit.triangle + 2).xyz, share = vec3(1.0 - hit.uv.x - hit.uv.y, hit.uv);
    vec4 a = texel(traced_corners, 4 * hit.triangle), b = texel(traced_corners, 4 * hit.triangle + 1);
    vec4 c = texel(traced_corners, 4 * hit.triangle + 2);
    vec3 across = cross(e, f), n_ws = mat3(a.xyz, b.xyz, c.xyz) * share;
    vec3 flat_ws = across / length(across);
    if (dot(flat_ws, w) > 0.0) flat_ws = -flat_ws;
    n_ws = dot(n_ws, n_ws) > 1e-12 ? normalize(n_ws) : flat_ws;
    if (dot(n_ws, flat_ws) < 0.0) n_ws = -n_ws;
    int m = MATERIAL * int(texel(traced_corners, 4 * hit.triangle + 3).w);
    // Away from the surface by more than the position's rounding: of the corner and the edges it is a sum of.
    vec3 size = abs(corner) + abs(e) + abs(f);
    vec3 p_ws = corner + hit.uv.x * e + hit.uv.y * f + flat_ws * 1e-6 * max(size.x, max(size.y, size.z));
    vec4 base = texel(traced_materials, m);
    vec3 emission = texel(traced_materials, m + 1).rgb;
#ifdef ENTRY_FULL
    Layout l = layout_of(hit.triangle, share, m);
    vec4 surface = texel(traced_materials, m + 2), laid_out = laid(m + 9, l, true);
    base.rgb *= l.tint.rgb * laid(m + 3, l, false).rgb;
    emission *= laid(m + 6, l, false).rgb;
    float metallic = surface.x * laid_out.b;
    return Surface(p_ws, n_ws, flat_ws, base.rgb * (1.0 - metallic), emission, mix(vec3(surface.z), base.rgb, metallic), surface.y * laid_out.g);
#else
    vec2 uv = first_uvs(hit.triangle, share);
    vec3 painted = image(texel(traced_materials, m + 3), uv, false).rgb, shining = image(texel(traced_materials, m + 6), uv, false).rgb;
    return Surface(p_ws, n_ws, flat_ws, base.rgb * painted, emission * shining);
#endif
}
