"""A table-top as a glTF file: an emissive panel, metal balls and a box on a normal-mapped floor.

Reflections and a small emitter dominate there. The file is deterministic and holds its camera.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gltf_files import add_mesh, add_node, add_texture, make_empty, write_glb
from ssdo.arrays import Array
from ssdo.scene.model import Material, Mesh
from ssdo.scene.modelling.shapes import make_box, make_sphere

TABLE_TOP = (1.2, 0.8)  # half extent along x and z, metres
RIPPLES = 6  # of the normal map, along each axis
PANEL_RADIANCE = 12.0
# Centre on the table (x, z), radius, base colour, roughness.
BALLS = (
    ((-0.45, 0.05), 0.16, (0.95, 0.75, 0.4), 0.15),
    ((0.05, 0.3), 0.12, (0.9, 0.9, 0.9), 0.3),
    ((0.5, 0.1), 0.18, (0.7, 0.4, 0.3), 0.5),
)
CAMERA_EYE, CAMERA_PITCH = (0.0, 1.15, 1.75), -29.0  # metres, degrees
CAMERA_FOV = 40.0  # vertical, degrees


def write_table_top(path: Path) -> Path:
    """Write the scene to a .glb file; its camera is camera=0."""
    tree, binary = make_empty()
    white = _add_material(tree, (0.8, 0.8, 0.8), 0.0, 0.8)
    floor = _add_material(tree, (0.55, 0.45, 0.35), 0.0, 0.35)
    tree["materials"][floor]["normalTexture"] = {"index": add_texture(tree, binary, _make_ripples())}
    x, z = TABLE_TOP
    corners = np.array([(-x, 0, z), (x, 0, z), (x, 0, -z), (-x, 0, -z)], "f4")
    primitive = add_mesh(
        tree,
        binary,
        POSITION=corners,
        NORMAL=np.tile(np.array((0, 1, 0), "f4"), (4, 1)),
        TEXCOORD_0=np.array([(0, 1), (1, 1), (1, 0), (0, 0)], "f4"),
        indices=np.array([(0, 1, 2), (0, 2, 3)], "u2"),
    )
    primitive["material"] = floor
    for (ball_x, ball_z), radius, color, roughness in BALLS:
        metal = _add_material(tree, color, 1.0, roughness)
        _add_model(tree, binary, make_sphere((ball_x, radius, ball_z), radius, Material(), rings=24), metal)
    _add_model(tree, binary, make_box((-0.95, 0.0, -0.35), (-0.65, 0.35, -0.05)), white)
    panel = _add_material(tree, (0.0, 0.0, 0.0), 0.0, 1.0)
    tree["materials"][panel]["emissiveFactor"] = [1.0, 0.8, 0.6]
    tree["materials"][panel]["extensions"] = {"KHR_materials_emissive_strength": {"emissiveStrength": PANEL_RADIANCE}}
    tree["extensionsUsed"] = ["KHR_materials_emissive_strength"]
    _add_model(tree, binary, make_box((-0.1, 0.1, -0.75), (0.4, 0.45, -0.7)), panel)
    perspective = {"yfov": float(np.radians(CAMERA_FOV)), "znear": 0.01}
    tree["cameras"].append({"type": "perspective", "perspective": perspective})
    half_pitch = np.radians(CAMERA_PITCH) / 2
    rotation = [float(np.sin(half_pitch)), 0.0, 0.0, float(np.cos(half_pitch))]
    add_node(tree, camera=0, translation=list(CAMERA_EYE), rotation=rotation)
    return write_glb(path, tree, binary)


def _add_material(tree: dict[str, Any], color: tuple[float, float, float], metallic: float, roughness: float) -> int:
    tree["materials"].append(
        {
            "pbrMetallicRoughness": {
                "baseColorFactor": [*color, 1.0],
                "metallicFactor": metallic,
                "roughnessFactor": roughness,
            }
        }
    )
    return len(tree["materials"]) - 1


def _add_model(tree: dict[str, Any], binary: bytearray, mesh: Mesh, material: int) -> None:
    arrays: dict[str, Array] = {"POSITION": mesh.positions.astype("f4"), "indices": mesh.triangles.astype("u4")}
    if mesh.normals is not None:
        arrays["NORMAL"] = mesh.normals.astype("f4")
    add_mesh(tree, binary, **arrays)["material"] = material


def _make_ripples() -> Array:
    """(128, 128, 4) a normal map of waves along both axes, up to 8 degrees steep."""
    phase = 2 * np.pi * RIPPLES * (np.arange(128) + 0.5) / 128
    x, y = np.meshgrid(0.1 * np.cos(phase), 0.1 * np.cos(phase))
    normal = np.stack([x, y, np.ones_like(x)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    pixels = np.rint((normal * 0.5 + 0.5) * 255)
    return np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], -1).astype("u1")
