// Depth peeling: does a surface lie behind the previous layer?
uniform sampler2D front_layer_depth;  // metres

// The tolerance is what two passes that draw the same surface may differ by. Thinner objects are lost.
bool is_behind_layer(float depth) {
    return depth > texelFetch(front_layer_depth, ivec2(gl_FragCoord.xy), 0).r * 1.00001;
}
