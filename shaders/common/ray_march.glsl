// Does something the camera sees close a direction?
//
// A point q on the direction is hidden when the surface seen at its pixel is nearer to the camera, by less than
// `thickness` (things have no known back), and stands above the receiver's plane: a point in that plane or below closes
// nothing, which makes a plane open to the last bit at every tilt and distance. The surface is taken at the centre of
// the pixel it was stored for. `bias` is a share of q's distance, so that it needs no unit: what stands lower above the
// plane closes nothing.
//
// A direction is a straight line on the screen, and 1 / depth is linear along it: one division for each direction, none
// for its points. Beyond the picture 1 / depth is 0, as on the background. With depth itself, a division and a look at
// the picture's edges for each point, 16 directions of 8 points took 1.6 times as long on llvmpipe.
//
// Cannot see what the camera does not: hidden and off-screen things close nothing.
#include "common/screen.glsl"
// 1 / metres, with a border of one pixel; with TWO_DEPTH_LAYERS front, back, front, back, see passes/depth_layers.frag
uniform sampler2D inverse_depth;

struct Receiver {
    vec3 p_vs;
    vec3 at;       // its place in pixels, and 1 / depth
    // dot(floor(px), plane.xy) + plane.z is the height along the normal of what is seen at px, as a share of its depth
    vec3 plane;
    float height;  // its own, metres
    vec2 texel;    // 1 / size of inverse_depth
};

// The directions above it: those of a frame of its own, which is all that the points tried need to know.
struct Hemisphere {
    mat3 screen_from_local;  // pixels and 1 / depth for each metre, at the start
    vec3 flat_local;         // normal of the surface's plane
    // 1 / pixels to the picture's right, upper, left and lower edge, as a point on an edge is outside
    vec4 room;
};

// A direction as far as it is looked along: s from 0 to 1 of `way` on the screen.
struct Ray {
    vec3 way;              // pixels, and 1 / depth
    // from s = 0 to 1, of the height that an occluder must exceed there: over depth, as the receiver's own is
    float rise;
    float first, spacing;  // of the points: (k + first) * spacing
};

// a few units in the last place: by so much what lies in the plane may seem to stand above it
const float ROUNDING = 4e-7;

float height_of(vec3 plane, vec2 px) { return dot(floor(px), plane.xy) + plane.z; }

// Pixels times depth, and depth: linear in view space.
vec3 homogeneous(vec3 p_vs) { return vec3(0.5 * frame.size * ((p_vs.xy + frame.shift * p_vs.z) / frame.tangent - p_vs.z), -p_vs.z); }

// Pixels and 1 / depth of a point.
vec3 on_screen(vec3 p_vs) {
    vec3 h = homogeneous(p_vs);
    return vec3(h.xy, 1.0) / h.z;
}

Receiver receiver_at(vec2 uv, float depth, vec3 n_vs) {
    vec2 slope = 2.0 * frame.tangent * n_vs.xy / frame.size;
    vec3 plane = vec3(slope, 0.5 * (slope.x + slope.y) + dot(frame.shift - frame.tangent, n_vs.xy) - n_vs.z);
    vec2 px = uv * frame.size;
    float height = depth * height_of(plane, px);
    plane.z -= ROUNDING * (dot(frame.size, abs(slope)) + abs(n_vs.z));
    return Receiver(vs_from_uv(uv, depth), vec3(px, 1.0 / depth), plane, height, 1.0 / (frame.size + 2.0));
}

Hemisphere hemisphere_at(Receiver r, mat3 vs_from_local, vec3 flat_vs) {
    mat3 screen_from_local;
    for (int i = 0; i < 3; i++) {
        vec3 h = homogeneous(vs_from_local[i]);
        screen_from_local[i] = r.at.z * vec3(h.xy - r.at.xy * h.z, -h.z * r.at.z);
    }
    return Hemisphere(screen_from_local, flat_vs * vs_from_local, 1.0 / (vec4(frame.size - r.at.xy, r.at.xy) - 1e-3));
}

// `steps` = 0: one point at `share` of the radius, as published. Otherwise that many points, the last at the radius;
// `share` shifts those between. A direction that comes towards the camera ends at 0.95 of the way to it, and one that
// leaves the picture at its edge: points beyond would be wasted. As one share of the screen's way, all of that takes
// one division.
Ray ray_of(Receiver r, Hemisphere h, vec3 w_local, float radius, float bias, int steps, float share) {
    float reach = steps == 0 ? radius * share : radius, first = 1.0 - share;  // first in (0, 1]
    vec3 way = reach * (h.screen_from_local * w_local);
    float nearer = -way.z * r.p_vs.z, shrunk = 1.0 - nearer;  // of its depth: how much nearer to the camera it ends
    vec4 beyond = vec4(way.xy, -way.xy) * h.room;
    if (steps > 0) shrunk = max(max(shrunk, nearer / 19.0), max(max(beyond.x, beyond.y), max(beyond.z, beyond.w)));
    float part = 1.0 / shrunk;
    return Ray(part * way, part * (r.height * way.z + bias * reach * r.at.z), first, 1.0 / (float(steps - 1) + first));
}

// Where point k of a direction is, 0 to 1. Against 256 directions of 64 points in three scenes, 8 points without blur,
// RMSE of bounce and of direct light: 0.0737 and 0.140 spaced as s^2, 0.0723 and 0.140 so.
float along(Ray y, int k) {
    float s = (float(k) + y.first) * y.spacing;
    return s * (0.4 + 0.6 * s);
}

bool hidden(Receiver r, Ray y, float s, float thickness) {
    vec3 q = r.at + y.way * s;
    vec2 px = floor(q.xy);
    // what is seen stands above the plane: as heights over depths
    float stands = (dot(px, r.plane.xy) + r.plane.z) * q.z, least = r.height * r.at.z + y.rise * s;
    if (TWO_DEPTH_LAYERS) {
        vec4 seen = textureLod(inverse_depth, px * r.texel + 1.5 * r.texel, 0.0);
        return seen.x > q.z && q.z > seen.y && stands > least * seen.x || seen.z > q.z && q.z > seen.w && stands > least * seen.z;
    }
    float seen = textureLod(inverse_depth, px * r.texel + 1.5 * r.texel, 0.0).r, nearer = seen - q.z;
    return seen > q.z && nearer < thickness * seen * q.z && stands > least * seen;
}

// Of four directions: 0 where one is open, else which of its points is the first that is hidden, from 1. Together, as
// llvmpipe pays for every turn of a loop: 16 directions of 8 points took 1.6 times as long one after the other, and
// more with several points in a turn.
ivec4 closing(Receiver r, Ray a, Ray b, Ray c, Ray d, float thickness, int steps) {
    if (steps == 0) return ivec4(hidden(r, a, 1.0, thickness), hidden(r, b, 1.0, thickness), hidden(r, c, 1.0, thickness), hidden(r, d, 1.0, thickness));
    ivec4 found = ivec4(0);
    for (int k = steps; k > 0; k--) {
        found.x = hidden(r, a, along(a, k - 1), thickness) ? k : found.x;
        found.y = hidden(r, b, along(b, k - 1), thickness) ? k : found.y;
        found.z = hidden(r, c, along(c, k - 1), thickness) ? k : found.z;
        found.w = hidden(r, d, along(d, k - 1), thickness) ? k : found.w;
    }
    return found;
}

int closing(Receiver r, Ray y, float thickness, int steps) { return closing(r, y, y, y, y, thickness, steps).x; }

// The surface seen there: uv of the pixel's centre.
vec2 place_of(Receiver r, Ray y, int hit, int steps) {
    vec3 q = r.at + y.way * (steps == 0 ? 1.0 : along(y, hit - 1));
    return (floor(q.xy) + 0.5) / frame.size;
}

// 1 / depth of the point that is hidden, and the two intervals at a pixel.
float inverse_depth_of(Receiver r, Ray y, int hit, int steps) { return r.at.z + y.way.z * (steps == 0 ? 1.0 : along(y, hit - 1)); }

vec4 intervals_at(Receiver r, vec2 uv) { return textureLod(inverse_depth, (uv * frame.size + 1.0) * r.texel, 0.0); }
