// What light leaves the surfaces seen, and from which plane: see shaders/senders.frag.
uniform sampler2D sender_radiance, sender_plane;

// How much of its front what is seen at uv turns to a point: the height of that over its plane. A sender's back, below
// 0, reflects nothing there.
float front_of(vec2 uv, vec3 p_vs) {
    vec4 plane = textureLod(sender_plane, uv, 0.0);
    return dot(plane.xyz, p_vs) - plane.w;
}

// The same of what lies behind it: with two intervals a body sends from its front or from its back, whichever faces the
// point.
uniform sampler2D hidden_back, hidden_back_plane, hidden_second, hidden_second_plane, hidden_second_back, hidden_second_back_plane;

vec3 from_hidden(sampler2D radiance, sampler2D planes, vec2 uv, vec3 p_vs) {
    vec4 plane = textureLod(planes, uv, 0.0);
    return dot(plane.xyz, p_vs) > plane.w ? textureLod(radiance, uv, 0.0).rgb : vec3(0.0);
}

// From the back of the first body. seen: its interval and the next, see shaders/intervals.frag: where that is none but
// has a back, both are one.
vec3 from_back(vec4 seen, vec2 uv, vec3 p_vs) {
    if (seen.z == 0.0 && seen.w > 0.0) return from_hidden(hidden_second_back, hidden_second_back_plane, uv, p_vs);
    return from_hidden(hidden_back, hidden_back_plane, uv, p_vs);
}

vec3 from_second(vec2 uv, vec3 p_vs) {
    return from_hidden(hidden_second, hidden_second_plane, uv, p_vs) + from_hidden(hidden_second_back, hidden_second_back_plane, uv, p_vs);
}
