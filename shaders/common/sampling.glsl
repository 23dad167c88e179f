// Sample directions: cosine-weighted, stratified over a 4 x 4 pixel tile, deterministic.
//
// A tile holds 16 N directions, N per pixel. cos^2(theta) is stratified over the pixel and over the tile. Azimuth and
// step offset follow Roberts' R2 sequence (2018) within a pixel and van der Corput's over the tile. Every sum over a
// tile is therefore evenly spread. The denoiser covers whole tiles and removes the pattern.
#include <frame>
#include "common/constants.glsl"

const int TILE = 4;

// Index of a pixel in its tile, 0 to 15, in Bayer order so that small neighbourhoods are spread as well.
int index_in_tile(ivec2 pixel) {
    int x = (pixel.x ^ pixel.y) & 3;
    int y = pixel.y & 3;
    return (x & 1) * 8 + (y & 1) * 4 + (x >> 1) * 2 + (y >> 1);
}

struct DirectionSample {
    vec3 direction;     // local frame, +z is the normal
    float step_offset;  // 0 to 1, offsets the steps along the direction
};

struct SampleSequence {
    float stratum;    // offset of this pixel in the stratification of cos^2(theta)
    float inv_count;  // 1 / samples per pixel
    float step_offset;
    vec2 azimuth;  // (cos, sin) of the first sample of the current batch
};

SampleSequence start_sequence(int tile, int count, int first) {
    float tile_azimuth = float(bitfieldReverse(uint(tile)) >> 28) / 16.0;
    float phi = 2.0 * PI * fract(tile_azimuth + frame.pattern_offset.y + fract(float(first) * 0.7548776662));
    float stratum = fract((float(tile) + 0.5) / 16.0 + frame.pattern_offset.x);
    float step_offset = float(tile) * 0.6180339887 + frame.pattern_offset.z;
    return SampleSequence(stratum, 1.0 / float(count), step_offset, vec2(cos(phi), sin(phi)));
}

// Samples come in batches of four. From one sample to the next the azimuth turns by 0.7548776662 of a circle, so a
// rotation replaces a sine and a cosine per sample.
const int BATCH = 4;
const vec2 AZIMUTH_STEPS[BATCH] = vec2[BATCH](
    vec2(1.0, 0.0),
    vec2(0.030642483, -0.999530409),
    vec2(-0.998122076, -0.061256188),
    vec2(-0.091812361, 0.995776325)
);

vec2 rotate(vec2 v, vec2 cos_sin) {
    return vec2(v.x * cos_sin.x - v.y * cos_sin.y, v.x * cos_sin.y + v.y * cos_sin.x);
}

// Sample `first + lane`, where `first` is the first sample of the batch.
DirectionSample batch_sample(SampleSequence sequence, int first, int lane) {
    float index = float(first + lane);
    float u = (index + sequence.stratum) * sequence.inv_count;  // sin^2(theta)
    vec2 azimuth = rotate(sequence.azimuth, AZIMUTH_STEPS[lane]);
    return DirectionSample(vec3(sqrt(u) * azimuth, sqrt(1.0 - u)), fract(index * 0.5698402910 + sequence.step_offset));
}

void next_batch(inout SampleSequence sequence) {
    sequence.azimuth = rotate(rotate(sequence.azimuth, AZIMUTH_STEPS[BATCH - 1]), AZIMUTH_STEPS[1]);
}

// 1 for each lane of the batch that is below `count`, 0 for the rest of the last batch.
ivec4 active_lanes(int first, int count) { return ivec4(lessThan(first + ivec4(0, 1, 2, 3), ivec4(count))); }

// One sample outside of a batch.
DirectionSample single_sample(int index, int count, int tile) {
    return batch_sample(start_sequence(tile, count, index), index, 0);
}

// A point in a disk of radius 1, uniform by area.
vec2 sample_disk(float u1, float u2) { return sqrt(u1) * vec2(cos(2.0 * PI * u2), sin(2.0 * PI * u2)); }

// Duff et al., Building an Orthonormal Basis, Revisited, JCGT 2017. `n` has unit length and becomes +z.
mat3 orthonormal_basis(vec3 n) {
    float s = n.z >= 0.0 ? 1.0 : -1.0;
    float a = -1.0 / (s + n.z);
    float b = n.x * n.y * a;
    return mat3(vec3(1.0 + s * n.x * n.x * a, s * b, -s * n.x), vec3(b, s + n.y * n.y * a, -n.y), n);
}
