// A table of colours at even positions from 0 to 1, in sRGB. The viewer's legends show the same one.
uniform sampler2D color_map;

vec3 map_color(float position) {
    int last = textureSize(color_map, 0).x - 1;
    float place = clamp(position, 0.0, 1.0) * float(last);
    int first = min(int(place), last - 1);
    vec3 low = texelFetch(color_map, ivec2(first, 0), 0).rgb;
    vec3 high = texelFetch(color_map, ivec2(first + 1, 0), 0).rgb;
    return mix(low, high, place - float(first));
}
