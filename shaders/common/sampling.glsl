// Directions that look random and are not: computed from pixel and frame, the same every time.
//
// 4 x 4 pixels share a pattern of 16 N directions, N each: cos^2(theta) is stratified N ways at a pixel and 16 N ways
// over the tile, the azimuth and the length follow Roberts' sequence R2 (2018) at a pixel and van der Corput's over the
// tile. Every sum of a whole tile is therefore evenly spread, and the blur (a multiple of the tile) sees all of it.
#include <frame>

const float PI = 3.14159265359;
const int TILE = 4;

// 0 to 15, ordered (Bayer) so that small neighbourhoods are spread as well.
int tile_index(ivec2 px) {
    int x = (px.x ^ px.y) & 3, y = px.y & 3;
    return (x & 1) * 8 + (y & 1) * 4 + (x >> 1) * 2 + (y >> 1);
}

struct Sample {
    vec3 local;   // cosine-weighted direction about +z
    float share;  // 0 to 1: where along the direction
};

// What a pixel's samples have in common. turn: cosine and sine of the azimuth of the next one, at first of sample
// `first`.
struct Pattern {
    float stratum, scale, share;
    vec2 turn;
};

Pattern pattern_of(int tile, int count, int first) {
    float phi = 2.0 * PI * fract(float(bitfieldReverse(uint(tile)) >> 28) / 16.0 + frame.jitter.y + fract(float(first) * 0.7548776662));
    float stratum = fract((float(tile) + 0.5) / 16.0 + frame.jitter.x), share = float(tile) * 0.6180339887 + frame.jitter.z;
    return Pattern(stratum, 1.0 / float(count), share, vec2(cos(phi), sin(phi)));
}

// Samples are taken four at once, and from one to the next the azimuth turns by a constant, 0.7548776662 of a circle:
// on llvmpipe SSAO with one point on each of 64 directions takes 0.38 of the time that it takes one by one with a sine
// and a cosine each.
const int AT_ONCE = 4;
const vec2 TURNS[AT_ONCE] =
    vec2[AT_ONCE](vec2(1.0, 0.0), vec2(0.030642483, -0.999530409), vec2(-0.998122076, -0.061256188), vec2(-0.091812361, 0.995776325));

vec2 turned(vec2 a, vec2 b) { return vec2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }

// Sample i + k, where p.turn is that of sample i.
Sample sample_of(Pattern p, int i, int k) {
    float number = float(i + k), u = (number + p.stratum) * p.scale;
    return Sample(vec3(sqrt(u) * turned(p.turn, TURNS[k]), sqrt(1.0 - u)), fract(number * 0.5698402910 + p.share));
}

void go_on(inout Pattern p) { p.turn = turned(turned(p.turn, TURNS[AT_ONCE - 1]), TURNS[1]); }

// Of the four from i on: 1 for each that is among `count`, 0 for those too many.
ivec4 asked_of(int i, int count) { return ivec4(lessThan(i + ivec4(0, 1, 2, 3), ivec4(count))); }

// One of them alone.
Sample sample_of(int i, int count, int tile) {
    return sample_of(pattern_of(tile, count, i), i, 0);
}

// Duff et al., Building an Orthonormal Basis, Revisited, JCGT 2017. n unit length; +z becomes n.
mat3 basis(vec3 n) {
    float s = n.z >= 0.0 ? 1.0 : -1.0, a = -1.0 / (s + n.z), b = n.x * n.y * a;
    return mat3(vec3(1.0 + s * n.x * n.x * a, s * b, -s * n.x), vec3(b, s + n.y * n.y * a, -n.y), n);
}
