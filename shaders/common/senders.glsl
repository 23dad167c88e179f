// What light leaves the surfaces seen, and from which plane: see shaders/senders.frag.
uniform sampler2D sender_radiance, sender_plane;

// How much of its front what is seen at uv turns to a point: the height of that over its plane. A sender's back, below 0, reflects nothing there.
float front_of(vec2 uv, vec3 p_vs) {
    vec4 plane = textureLod(sender_plane, uv, 0.0);
    return dot(plane.xyz, p_vs) - plane.w;
}
