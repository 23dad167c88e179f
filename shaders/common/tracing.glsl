// Where does a ray meet the scene's triangles, and what is there? Lists of texels as app/tracing.py lays them out.
#include <walk>
uniform sampler2D traced_nodes, traced_triangles, traced_corners, traced_materials, traced_images;

const float TINY = 1e-20, SEAM = 1e-6;  // a triangle is this share larger, so that no light passes between two that share an edge

struct Hit {
    float t;  // metres; `far` where nothing was met
    int triangle;
    vec2 uv;  // shares of the second and third corner
};

struct Surface {
    vec3 p_ws, n_ws, flat_ws;  // where; unit normals, interpolated and the triangle's own, both towards where the ray came from
    vec3 albedo, emission;
};

vec4 texel(sampler2D list, int i) { return texelFetch(list, ivec2(i & 4095, i >> 12), 0); }

// The nearest triangle before `far`, or any where that is enough. Moeller, Trumbore, Fast Minimum Storage Ray/Triangle Intersection, 1997.
// Boxes until a leaf is found, then its triangles: rays that run side by side wait less for one another (Aila, Laine, Understanding the
// Efficiency of Ray Traversal on GPUs, 2009). On llvmpipe 1.5 to 1.7 times as fast as both in one loop; visiting the nearer box first, with a
// stack or with an order for each octant, gains no more than a tenth there.
Hit met(vec3 from, vec3 w, float far, bool any) {
    Hit hit = Hit(far, -1, vec2(0.0));
    vec3 inverse = 1.0 / mix(w, vec3(TINY), lessThan(abs(w), vec3(TINY)));
    int node = 0;
    while (node < walk.nodes) {
        int leaf = -1;
        while (leaf < 0 && node < walk.nodes) {
            vec4 low = texel(traced_nodes, 2 * node), high = texel(traced_nodes, 2 * node + 1);
            vec3 a = (low.xyz - from) * inverse, b = (high.xyz - from) * inverse, enters = min(a, b), leaves = max(a, b);
            float begin = max(max(enters.x, enters.y), enters.z), end = min(min(leaves.x, leaves.y), leaves.z) * 1.000001;  // Ize 2013: rounding
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
            if (d != 0.0 && uvt.x >= -SEAM && uvt.y >= -SEAM && uvt.x + uvt.y <= 1.0 + SEAM && uvt.z > 0.0 && uvt.z < hit.t) {
                hit = Hit(uvt.z, i, uvt.xy);
                if (any) return hit;
            }
            last = corner.w > 0.5;
        }
    }
    return hit;
}

// An image as the G-buffer reads its finest level: linear, bilinear, repeating. place: first row, width, height.
vec3 image(vec4 place, vec2 uv) {
    if (place.y == 0.0) return vec3(1.0);
    ivec2 size = ivec2(place.yz), low = ivec2(floor(fract(uv) * place.yz - 0.5));
    vec2 share = fract(fract(uv) * place.yz - 0.5);
    vec3 sum = vec3(0.0);
    for (int i = 0; i < 4; i++) {
        ivec2 step = ivec2(i & 1, i >> 1), px = (low + step + size) % size;
        vec2 weight = mix(1.0 - share, share, vec2(step));
        sum += weight.x * weight.y * texel(traced_images, int(place.x) * 4096 + px.y * size.x + px.x).rgb;
    }
    return sum;
}

Surface surface_at(Hit hit, vec3 w) {
    vec3 corner = texel(traced_triangles, 3 * hit.triangle).xyz, e = texel(traced_triangles, 3 * hit.triangle + 1).xyz;
    vec3 f = texel(traced_triangles, 3 * hit.triangle + 2).xyz, share = vec3(1.0 - hit.uv.x - hit.uv.y, hit.uv);
    vec4 a = texel(traced_corners, 4 * hit.triangle), b = texel(traced_corners, 4 * hit.triangle + 1);
    vec4 c = texel(traced_corners, 4 * hit.triangle + 2), v = texel(traced_corners, 4 * hit.triangle + 3);
    vec3 across = cross(e, f), n_ws = mat3(a.xyz, b.xyz, c.xyz) * share;
    vec3 flat_ws = across / length(across);
    if (dot(flat_ws, w) > 0.0) flat_ws = -flat_ws;
    n_ws = dot(n_ws, n_ws) > 1e-12 ? normalize(n_ws) : flat_ws;
    if (dot(n_ws, flat_ws) < 0.0) n_ws = -n_ws;
    vec2 uv = vec2(dot(vec3(a.w, b.w, c.w), share), dot(v.xyz, share));
    int m = 4 * int(v.w);
    vec3 albedo = texel(traced_materials, m).rgb * image(texel(traced_materials, m + 2), uv);
    vec3 emission = texel(traced_materials, m + 1).rgb * image(texel(traced_materials, m + 3), uv);
    // Away from the surface by more than the position's rounding: of the corner and the edges it is a sum of.
    vec3 size = abs(corner) + abs(e) + abs(f);
    return Surface(corner + hit.uv.x * e + hit.uv.y * f + flat_ws * 1e-6 * max(size.x, max(size.y, size.z)), n_ws, flat_ws, albedo, emission);
}
