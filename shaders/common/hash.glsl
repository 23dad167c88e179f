// A hash of 32 bits.
// O'Neill, PCG, 2014, as a hash: Jarzynski, Olano, Hash Functions for GPU Rendering, JCGT 2020.
uint pcg_hash(uint x) {
    uint s = x * 747796405u + 2891336453u;
    uint word = ((s >> ((s >> 28) + 4u)) ^ s) * 277803737u;
    return (word >> 22) ^ word;
}
