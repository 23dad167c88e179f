// Does something the camera sees close a direction?
//
// A point q on the direction is hidden when the surface seen at its pixel is nearer to the camera, by less than `thickness`
// (things have no known back), and stands above the receiver's plane: a point in that plane or below closes nothing, which makes
// a plane open to the last bit at every tilt and distance. The surface is taken at the centre of the pixel it was stored for.
// `bias` is the sine of the angle above the plane that is ignored; being a share of the distance it needs no unit.
//
// Cannot see what the camera does not: hidden and off-screen things close nothing.
#include "common/screen.glsl"

bool hidden(vec3 q_vs, vec3 p_vs, vec3 n_vs, float thickness, float bias, out vec2 uv) {
    uv = uv_from_vs(q_vs);
    if (q_vs.z >= 0.0 || uv != clamp(uv, 0.0, 1.0)) return false;
    float depth = depth_at(uv), behind = -q_vs.z - depth;
    vec3 s_vs = vs_from_uv(texel_center(uv), depth) - p_vs;
    return behind > 0.0 && behind < thickness && dot(s_vs, n_vs) > bias * length(s_vs);
}

// `steps` = 0: one point at `share` of the radius, as published. Otherwise that many points, the last at the radius, their
// distances growing with the square so that contacts are found; `share` shifts those between. uv: where the first occluder is.
bool closed(vec3 p_vs, vec3 n_vs, vec3 w_vs, float radius, float thickness, float bias, int steps, float share, out vec2 uv) {
    if (steps == 0) return hidden(p_vs + w_vs * radius * share, p_vs, n_vs, thickness, bias, uv);
    float first = 1.0 - share;  // in (0, 1], so that one step is at the radius
    for (int k = 0; k < steps; k++) {
        float s = (float(k) + first) / (float(steps - 1) + first);
        if (hidden(p_vs + w_vs * radius * s * s, p_vs, n_vs, thickness, bias, uv)) return true;
    }
    return false;
}
