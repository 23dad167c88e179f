// Does a surface lie behind what is known already at its pixel?
uniform sampler2D before;  // metres

// By more than two draws of the same surface may differ. A body that is thinner is not there.
bool is_behind(float depth) { return depth > texelFetch(before, ivec2(gl_FragCoord.xy), 0).r * 1.00001; }
