// What surface does the camera see at this pixel?
// reads  the material and its images      writes  normal, albedo, emission, depth
#include <material>
uniform sampler2D albedo_image, emission_image;
in vec3 normal;
in vec2 image_uv;
in float depth;
layout(location = 0) out vec4 out_normal;
layout(location = 1) out vec4 out_albedo;
layout(location = 2) out vec4 out_emission;
layout(location = 3) out float out_depth;

void main() {
    out_normal = vec4(normalize(gl_FrontFacing ? normal : -normal), 1.0);  // both sides of a sheet are surfaces
    out_albedo = vec4(material.albedo * texture(albedo_image, image_uv).rgb, 1.0);
    out_emission = vec4(min(material.emission * texture(emission_image, image_uv).rgb, 65504.0), 1.0);  // the largest half
    out_depth = depth;
}
