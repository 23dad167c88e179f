// What does a program see that is shown one black texel?
// reads  that      writes  that
// Drawn where OpenGL is to let go of textures that were deleted: it holds what the last program read until another
// reads.
uniform sampler2D source;
out vec4 nothing;

void main() { nothing = textureLod(source, vec2(0.5), 0.0); }
