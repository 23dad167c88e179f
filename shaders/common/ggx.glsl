// A reflection lobe in slices of the view ray, in place of the hemisphere: sectors are then of equal share of the lobe.
//
// v, a direction w and the microfacet h that reflects one into the other lie in one plane, so that in a slice the lobe
// is as simple as h is: w is as likely as D(h) but for masking(w), with u = theta / 2 - gamma the angle of h from the
// projected normal
//   D(h) ~ 1 / (1 - q cos(u)^2)^2        1 - q = r^2 = (distance of n from the slice)^2 + (alpha length of its
// projection)^2
// and its integral over |sin(theta)| dtheta is elementary. x = atan(tan(u) / r) is even where the lobe is dense. after
// Heitz, Sampling the GGX Distribution of Visible Normals, JCGT 2018, for the slices: each holds a direction of the
// lobe
#include "common/specular.glsl"

struct Lobe {
    Slice s;
    float alpha, inside;  // inside: the share of the slice's part of the lobe that lies above the surface
    float x, wide;        // of its lower end, and how far it is to the upper one
};

// r^2 times the integral over theta.
float lobe_integral(Slice s, vec2 u, float x) {
    float r2 = s.spread * s.spread, q = 1.0 - r2, sine2 = u.y * u.y, e = r2 + q * sine2, double_sine = 2.0 * s.sine * s.cosine;
    float even = (2.0 - q) * u.x * u.y / e + q / s.spread * x;
    return (s.cosine * s.cosine - s.sine * s.sine) * 2.0 * sine2 / e + double_sine * even;
}

float lobe_integral(Slice s, vec2 u) { return lobe_integral(s, u, atan(u.y, s.spread * u.x)); }

// Cosine and sine of u, the cosine of theta and its side being given.
vec2 facet_of(Slice s, float cosine, float side) {
    vec2 h = vec2(sqrt(0.5 + 0.5 * cosine), side * sqrt(0.5 - 0.5 * cosine));
    return vec2(h.x * s.cosine + h.y * s.sine, h.y * s.cosine - h.x * s.sine);
}

float lobe_place(Slice s, float cosine, float side) {
    float found = (s.before + side * (lobe_integral(s, facet_of(s, clamp(cosine, -1.0, 1.0), side)) - s.at_view)) * s.per;
    return cosine > end_of(s, side) ? clamp(found, 0.0, 1.0) : 0.5 + 0.5 * side;
}

// The slice of direction i of the lobe, as SSDO takes it.
Lobe lobe_slice(Post p, int i, int count, int tile, float alpha) {
    Lobe l;
    l.alpha = alpha;
    vec3 aside = cross(p.across_vs, p.n_vs), local = reflected(vec3(dot(p.v_vs, aside), 0.0, p.tilt.x), alpha, sample_of(i, count, tile).local.xy);
    vec3 w_vs = local.x * aside + local.y * p.across_vs + local.z * p.n_vs, d = w_vs - dot(w_vs, p.v_vs) * p.v_vs;
    d = dot(d, d) > 1e-12 ? normalize(d) : p.along_vs;
    Slice s;
    s.d_vs = dot(d, p.n_vs) < 0.0 ? -d : d;
    vec2 n = vec2(p.tilt.x, dot(s.d_vs, p.n_vs));
    float off = dot(cross(p.v_vs, s.d_vs), p.n_vs);
    s.spread = sqrt(off * off + alpha * alpha * dot(n, n));
    n = normalize(n);
    s.cosine = n.x;
    s.sine = n.y;
    s.gamma = angle_of(n.x);
    float low = -0.5 * s.gamma - 0.25 * PI, high = low + 0.5 * PI;  // where w lies in the surface
    l.x = atan(sin(low), s.spread * cos(low));
    l.wide = atan(sin(high), s.spread * cos(high)) - l.x;
    s.at_view = lobe_integral(s, vec2(s.cosine, -s.sine));
    s.before = lobe_integral(s, vec2(cos(low), sin(low))) - s.at_view;
    float over = s.before + lobe_integral(s, vec2(cos(high), sin(high))) - s.at_view;
    s.per = 1.0 / max(over, 1e-9);
    // h from edge-on to edge-on
    float whole = lobe_integral(s, vec2(0.0, -1.0)) + lobe_integral(s, vec2(s.sine, s.cosine)) - 2.0 * s.at_view;
    l.inside = over / max(whole, 1e-9);
    s.shift = fract(float(tile) * 0.6180339887 + frame.jitter.z + float(i) * 0.5698402910);
    l.s = s;
    return l;
}

// The direction at x of a slice, and what lies below it.
vec3 direction_at(Post p, Lobe l, float x) {
    vec2 u = normalize(vec2(cos(x), l.s.spread * sin(x))), h = vec2(u.x * l.s.cosine - u.y * l.s.sine, u.y * l.s.cosine + u.x * l.s.sine);
    return (h.x * h.x - h.y * h.y) * p.v_vs + 2.0 * h.x * h.y * l.s.d_vs;
}

float lobe_place(Lobe l, float x) {
    vec2 u = normalize(vec2(cos(x), l.s.spread * sin(x)));
    float side = u.y * l.s.cosine + u.x * l.s.sine < 0.0 ? -1.0 : 1.0;
    return clamp((l.s.before + side * (lobe_integral(l.s, u, x) - l.s.at_view)) * l.s.per, 0.0, 1.0);
}

// What a direction counts in its slice: as much as masking leaves of it.
float weight_of(Post p, Lobe l, vec3 w_vs) { return l.inside * masking(max(dot(p.n_vs, w_vs), 0.0), l.alpha); }
