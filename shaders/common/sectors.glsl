// A sector of a slice: which direction it is, for a probe that takes a pixel apart. Sector i of n is decided at the
// place (i + within) / n.
#include "common/slices.glsl"

const int PARTS = 32;  // sectors of each slice, a column each

struct Sector {
    Slice slice;
    int number;   // in its slice, from below
    vec3 w_vs;
    bool leaves;  // as far as the screen goes it is open, and then it goes on
    vec2 disc;    // where it is seen from above the surface
};

// The direction below which lies so much of a slice: `place` the other way round.
vec3 direction_at(Post p, Slice s, float below) {
    float low = s.gamma - 0.5 * PI, high = s.gamma + 0.5 * PI;
    for (int i = 0; i < 24; i++) {
        float middle = 0.5 * (low + high);
        if (place(s, cos(middle), middle < 0.0 ? -1.0 : 1.0) < below) low = middle;
        else high = middle;
    }
    return cos(low) * p.v_vs + sin(low) * s.d_vs;
}

Sector sector_of(Post p, Slice s, int number, float within, float radius) {
    vec3 w_vs = direction_at(p, s, (float(number) + within) / float(PARTS)), far = p.p_vs + w_vs * radius;
    vec2 end = on_screen(far).xy;
    bool leaves = far.z >= 0.0 || end != clamp(end, vec2(0.0), frame.size);
    return Sector(s, number, w_vs, leaves, ((mat3(frame.world_from_view) * w_vs) * basis(normal_ws_at(uv_here()))).xy);
}
