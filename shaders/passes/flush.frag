// Flush: releases the textures of the last program.
// reads   one black texel
// writes  that texel
// source  -
// limits  OpenGL keeps what the last program read until another program reads: this one does
uniform sampler2D source;
out vec4 out_texel;

void main() { out_texel = textureLod(source, vec2(0.5), 0.0); }
