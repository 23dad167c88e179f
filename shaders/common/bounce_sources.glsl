// Bounce sources: the radiance that leaves each visible surface, and its plane. passes/bounce_sources.frag draws them.
uniform sampler2D sender_radiance;
uniform sampler2D sender_plane;

// Height of a point above the plane of the sender at `uv`. Below 0 the sender shows its back, which reflects nothing.
float height_above_sender(vec2 uv, vec3 p_vs) {
    vec4 plane = textureLod(sender_plane, uv, 0.0);
    return dot(plane.xyz, p_vs) - plane.w;
}

// The same for hidden depth layers. An object with a back sends from its front or its back, whichever faces the point.
uniform sampler2D hidden_back_1_radiance;
uniform sampler2D hidden_back_1_plane;
uniform sampler2D hidden_front_2_radiance;
uniform sampler2D hidden_front_2_plane;
uniform sampler2D hidden_back_2_radiance;
uniform sampler2D hidden_back_2_plane;

vec3 fetch_hidden(sampler2D radiance, sampler2D planes, vec2 uv, vec3 p_vs) {
    vec4 plane = textureLod(planes, uv, 0.0);
    return dot(plane.xyz, p_vs) > plane.w ? textureLod(radiance, uv, 0.0).rgb : vec3(0.0);
}

// From the back of the first layer. `layers` are those of `depth_layers_at`: a second layer with a back but no front is
// merged with the first.
vec3 fetch_first_back(vec4 layers, vec2 uv, vec3 p_vs) {
    bool is_merged = layers.z == INFINITELY_FAR && layers.w > INFINITELY_FAR;
    if (is_merged) return fetch_hidden(hidden_back_2_radiance, hidden_back_2_plane, uv, p_vs);
    return fetch_hidden(hidden_back_1_radiance, hidden_back_1_plane, uv, p_vs);
}

vec3 fetch_second_layer(vec2 uv, vec3 p_vs) {
    return fetch_hidden(hidden_front_2_radiance, hidden_front_2_plane, uv, p_vs)
        + fetch_hidden(hidden_back_2_radiance, hidden_back_2_plane, uv, p_vs);
}
