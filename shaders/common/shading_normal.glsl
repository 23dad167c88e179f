// Shading normals: interpolated between vertices or read from a normal map, they may contradict the triangle they are on.
//
// Light that a shading normal lets in from below the triangle is mirrored to above it, see `reflect_above_surface`, so
// none is lost. A normal that is turned away from the viewer has no such light: it is bent back.

const float MIN_VIEW_COSINE = 2.0 / 31.0;  // second column of the DFG table, from which on it is exact

// Mirrors a direction that lies below the geometric surface to above it.
vec3 reflect_above_surface(vec3 direction, vec3 geometric_normal) {
    return direction - 2.0 * min(dot(direction, geometric_normal), 0.0) * geometric_normal;
}

// Bends a shading normal towards the viewer as far as it takes to be seen from there. `view` is above the geometric
// surface. The limit is that of the surface itself where it is seen at a grazing angle: normals of flat surfaces stay.
// Keller et al., The Iray Light Transport Simulation and Rendering System, 2017, appendix A.3.
vec3 bend_towards_viewer(vec3 normal, vec3 view, vec3 geometric_normal) {
    float min_cosine = min(MIN_VIEW_COSINE, 0.5 * dot(geometric_normal, view));
    float lift = min_cosine - dot(normal, view);
    return lift > 0.0 ? normalize(normal + lift * view) : normal;
}
