"""Extensions of glTF: which are read, and which change nothing in a still image.

All others are approximated: the file is drawn without what they add, with a note that names them, also where it
requires them. Its author asked viewers to refuse it, but a coat that is missing is better than no picture. Geometry
that only an unknown extension can decode is left out as other primitives that cannot be read; if nothing is left, the
error names the extension.

Registry: https://github.com/KhronosGroup/glTF/tree/main/extensions
"""

from __future__ import annotations

from ssdo.scene.files.errors import quote_value
from ssdo.scene.files.json_tree import Json, get_list

SUPPORTED_EXTENSIONS = {
    "EXT_mesh_gpu_instancing",
    "EXT_meshopt_compression",
    "EXT_texture_webp",
    "KHR_draco_mesh_compression",
    "KHR_lights_punctual",
    "KHR_materials_clearcoat",
    "KHR_materials_emissive_strength",
    "KHR_materials_ior",
    "KHR_materials_pbrSpecularGlossiness",
    "KHR_materials_sheen",
    "KHR_materials_specular",
    "KHR_materials_transmission",
    "KHR_materials_unlit",
    "KHR_materials_variants",  # the default one is drawn
    "KHR_materials_volume",  # its attenuation
    "KHR_mesh_quantization",
    "KHR_meshopt_compression",
    "KHR_node_visibility",
    "KHR_texture_basisu",
    "KHR_texture_transform",
    "BENTLEY_primitive_restart",
    "EXT_mesh_primitive_restart",
}
# Not read, and without effect on a still image.
HARMLESS_EXTENSIONS = {
    # metadata
    "AGI_stk_metadata",
    "CESIUM_geopose",
    "CVTOOLS_unity_metadata",
    "EXT_feature_metadata",
    "EXT_geopose",
    "EXT_instance_features",
    "EXT_mesh_features",
    "EXT_structural_metadata",
    "FB_geometry_metadata",
    "GODOT_single_root",
    "GRIFFEL_bim_data",
    "KHR_data_sizes",
    "KHR_xmp",
    "KHR_xmp_json_ld",
    "VRM",
    "VRMC_node_constraint",
    "VRMC_springBone",
    "VRMC_vrm",
    # animation, interaction, sound and physics
    "AGI_articulations",
    "EXT_property_animation",
    "KHR_animation_pointer",
    "KHR_audio_emitter",
    "KHR_behavior",
    "KHR_collision_shapes",
    "KHR_implicit_shapes",
    "KHR_interactivity",
    "KHR_node_hoverability",
    "KHR_node_selectability",
    "KHR_physics_rigid_bodies",
    "MSFT_audio_emitter",
    "OMI_audio_emitter",
    "OMI_collider",
    "OMI_link",
    "OMI_physics_body",
    "OMI_physics_joint",
    "OMI_physics_shape",
    "OMI_seat",
    "OMI_spawn_point",
    "OMI_vehicle_body",
    "OMI_vehicle_wheel",
    # how triangles belong together, and coarser or equal copies of what is drawn
    "CESIUM_RTC",  # moves everything alike
    "EXT_manifold",
    "EXT_mesh_lod",
    "EXT_mesh_manifold",
    "EXT_mesh_polygon",
    "EXT_node_lod",
    "EXT_texture_avif",  # where the texture names another image, too
    "FB_ngon_encoding",
    "MAXAR_collision_geometry",
    "MSFT_lod",
    "MSFT_packing_normalRoughnessMetallic",
    "MSFT_packing_occlusionRoughnessMetallic",
    "MSFT_texture_dds",
}
CONVERT_MESHOPT = "gltfpack -i in.glb -o out.glb -noq"
# How to convert a file without the package that reads it. Tested with gltfpack 1.3 and gltf-transform 4.5.1, whose copy
# decodes Draco and EXT_meshopt but not KHR_meshopt.
CONVERSIONS = {
    "EXT_meshopt_compression": CONVERT_MESHOPT,
    "KHR_meshopt_compression": CONVERT_MESHOPT,
    "KHR_draco_mesh_compression": "gltf-transform copy in.glb out.glb",
    "KHR_texture_basisu": "gltf-transform ktxdecompress in.glb out.glb (needs KTX-Software)",
}
MAX_NAMES = 4  # in a message


def describe_conversion(extension: str) -> str:
    """How to do without the package that an extension needs: the end of a message."""
    return f"; or convert the file: {CONVERSIONS[extension]}"


def list_extensions(tree: Json, key: str) -> list[str]:
    """The names in extensionsUsed or extensionsRequired, each once."""
    return list(dict.fromkeys(name for name in get_list(tree, key, "") if isinstance(name, str)))


def list_approximated(tree: Json, key: str) -> list[str]:
    """Those of `list_extensions` that are not read and change the image."""
    known = SUPPORTED_EXTENSIONS | HARMLESS_EXTENSIONS
    return [name for name in list_extensions(tree, key) if name not in known]


def describe_required(tree: Json) -> str:
    """What to say where a file cannot be read that requires unknown extensions; empty if it requires none."""
    names = ", ".join(quote_value(name) for name in list_approximated(tree, "extensionsRequired")[:MAX_NAMES])
    return f"; the file requires {names}, not read here: export it without" if names else ""
