// The hemisphere in slices: planes through the view ray, each marched to both sides over the depth buffer.
//
// In a slice a direction has the angle theta from the view ray, positive towards the normal's side. n is the normal,
// alpha its angle to the view ray, gamma the angle of its projection. Irradiance is the integral of L cos dw = L
// |n_slice| cos(theta - gamma) |sin(theta)| dtheta dphi. Over theta it is known in closed form (Jimenez, Wu, Pesce,
// Jarabo 2016). Over phi too: what the slices up to phi hold of the hemisphere is
//   1/2 + (sin(alpha) sin(phi) atan(tan(alpha) cos(phi)) + atan(cos(alpha) tan(phi))) / pi      phi from the normal's
// side, -pi/2 to pi/2
// so slices are taken evenly by that, and all weigh the same: a plane is open to the last bit, an enclosure closed,
// with one slice or many.
//
// A slice's directions are numbered by what lies below them, cosine-weighted, 0 at one end and 1 at the other: `place`.
// `side` is 1 or -1.
#include "common/ray_march.glsl"
#include "common/sampling.glsl"

struct Post {
    vec3 p_vs, v_vs;           // the receiver, and the direction towards the camera
    vec3 n_vs;                 // its normal, at least edge-on to the camera
    vec3 along_vs, across_vs;  // with v_vs a frame in which the normal has no part across
    vec2 tilt;                 // cosine and sine of alpha
    Receiver receiver;
};

struct Slice {
    vec3 d_vs;                  // perpendicular to the view ray; dot(n, d) >= 0
    float gamma, cosine, sine;  // of gamma
    float before, per;          // of the integral: up to the view ray, and 1 over the whole
    float shift;                // 0 to 1: of places, and of the points marched
    float spread, at_view;      // of a lobe's slice alone, see lobe.glsl: r, and its integral's value at the view ray
};

struct Seen {
    bool above;     // the receiver's plane: it can close something
    vec3 d_vs;      // from the receiver
    vec3 ray;       // from the camera to it, unit length
    float stretch;  // length along the ray for each along the view axis
    vec2 uv;
    float depth;
};

Post post_at(vec2 uv, float depth, vec3 n_ws, vec3 flat_ws) {
    Post p;
    p.p_vs = vs_from_uv(uv, depth);
    p.v_vs = -normalize(p.p_vs);
    vec3 n = mat3(frame.view_from_world) * n_ws;
    p.n_vs = normalize(n + max(0.001 - dot(n, p.v_vs), 0.0) * p.v_vs);
    p.tilt.x = dot(p.n_vs, p.v_vs);
    vec3 aside = p.n_vs - p.tilt.x * p.v_vs;
    p.tilt.y = length(aside);
    p.along_vs = p.tilt.y > 1e-4 ? aside / p.tilt.y : basis(p.v_vs)[0];
    p.across_vs = cross(p.v_vs, p.along_vs);
    p.receiver = receiver_at(uv, depth, mat3(frame.view_from_world) * flat_ws);
    return p;
}

// acos to 7e-5: Hastings, Approximations for Digital Computers, 1955.
float angle_of(float cosine) {
    float x = abs(cosine), a = (((-0.0187293 * x + 0.0742610) * x - 0.2121144) * x + 1.5707288) * sqrt(max(1.0 - x, 0.0));
    return cosine < 0.0 ? PI - a : a;
}

// Sine of phi of the slice below which lies `share` of the hemisphere: a guess, exact at alpha = 0 and 90 degrees, and
// one of Newton's steps, which leaves 1e-3 of the range at most (a second one 3e-6). cos(phi) is not negative.
float azimuth_of(vec2 tilt, float share) {
    float y = 2.0 * share - 1.0, even = 0.5 * PI * y, phi = mix(even, 0.5 * PI - angle_of(y), tilt.y * tilt.y * tilt.y);
    float s = sin(phi), c = sqrt(max(1.0 - s * s, 0.0)), lean = angle_of(tilt.x * inversesqrt(tilt.x * tilt.x + tilt.y * tilt.y * c * c));
    float turn = angle_of(c * inversesqrt(c * c + tilt.x * tilt.x * s * s));
    phi -= (tilt.y * s * lean + (s < 0.0 ? -turn : turn) - even) / max(tilt.x + tilt.y * c * lean, 1e-3);
    return sin(clamp(phi, -0.5 * PI, 0.5 * PI));
}

// The 4 x 4 pixels of a tile take 16 times as many slices, evenly spread.
Slice slice_of(Post p, int i, int count, int tile) {
    Slice s;
    float y = azimuth_of(p.tilt, (float(i) + fract((float(tile) + 0.5) / 16.0 + frame.jitter.x)) / float(count)), x = sqrt(max(1.0 - y * y, 0.0));
    s.d_vs = x * p.along_vs + y * p.across_vs;
    vec2 n = normalize(vec2(p.tilt.x, p.tilt.y * x));
    s.cosine = n.x;
    s.sine = n.y;
    s.gamma = angle_of(n.x);
    s.before = 0.5 * (s.cosine - s.sine * (0.5 * PI - s.gamma));
    s.per = 1.0 / (s.cosine + s.gamma * s.sine);
    s.shift = fract(float(tile) * 0.6180339887 + frame.jitter.z + float(i) * 0.5698402910);
    return s;
}

// The cosine, to the view ray, of the hemisphere's end on a side.
float end_of(Slice s, float side) { return -side * s.sine; }

float place(Slice s, float cosine, float side) {
    float x = min(cosine, 1.0), y2 = 1.0 - x * x;
    float found = (s.before + 0.5 * (side * s.cosine * y2 + s.sine * (angle_of(x) - x * sqrt(max(y2, 0.0))))) * s.per;
    return cosine > end_of(s, side) ? found : 0.5 + 0.5 * side;
}

// The integral of the direction itself from the view ray to an angle of which cosine and sine are given: along v, along
// d; over the whole.
vec2 moment(Slice s, vec2 w) {
    vec2 three = vec2(4.0 * w.x * w.x - 3.0, 3.0 - 4.0 * w.y * w.y) * w;  // cosine and sine of three times the angle
    float cos_less = w.x * s.cosine + w.y * s.sine, cos_more = w.x * s.cosine - w.y * s.sine;
    float sin_less = w.y * s.cosine - w.x * s.sine, sin_more = w.y * s.cosine + w.x * s.sine;
    float along_v = (4.0 * s.cosine - three.x * s.cosine - three.y * s.sine) / 12.0 - cos_more / 4.0;
    float along_d = 0.5 * sin_less - (three.y * s.cosine - three.x * s.sine) / 12.0 - sin_more / 4.0 + s.sine / 1.5;
    return (w.y < 0.0 ? -s.per : s.per) * vec2(along_v, along_d);
}

// The part of a slice's side in which something within the radius can be seen: a line in the picture, as far as the
// picture goes. A ball of the radius about the receiver ends where the camera's rays touch it; from within it has no
// end.
struct Way {
    vec2 from, along;  // pixels
};

Way way_of(Post p, Slice s, float side, float radius) {
    vec3 h = homogeneous(p.p_vs), line = homogeneous(side * s.d_vs);
    vec2 from = p.receiver.at.xy, towards = normalize(line.xy * h.z - h.xy * line.z);
    vec2 ends = mix(from / max(-towards, 1e-6), (frame.size - from) / max(towards, 1e-6), step(0.0, towards));
    float far = min(ends.x, ends.y), reach = radius / length(p.p_vs);
    vec3 edge = h + line * (radius * inversesqrt(max(1.0 - reach * reach, 1e-6)));
    if (reach < 1.0 && edge.z > 0.0) far = min(far, distance(edge.xy / edge.z, from));
    return Way(from, towards * far);
}

// What is seen at the k-th point. Distances grow with the power 1.5, as in visibility.glsl. Whether it stands above the
// plane is decided at the texel's centre; where it is, at the point itself, as the centre lies beside the slice: in
// five corners (F2) the bitmask's occlusion is too low by 0.0073 to 0.0101 with the centre and by 0.0002 to 0.0036 so.
Seen seen_at(Post p, Way way, int k, int steps, float shift, float bias) {
    float first = 1.0 - shift, s = (float(k) + first) / (float(steps - 1) + first);
    vec2 at = way.from + way.along * (s * sqrt(s)), px = floor(at) + 0.5, off = abs(px - 0.5 * frame.size);
    Seen q;
    q.uv = px / frame.size;
    q.depth = depth_at(q.uv);
    q.ray = vs_from_uv(at / frame.size, 1.0);
    q.d_vs = q.ray * q.depth - p.p_vs;
    q.stretch = length(q.ray);
    q.ray /= q.stretch;
    bool inside = off.x < 0.5 * frame.size.x && off.y < 0.5 * frame.size.y && on_surface(q.depth);
    q.above = inside && q.depth * height_of(p.receiver.plane, px) - p.receiver.height > bias * length(q.d_vs);
    return q;
}
