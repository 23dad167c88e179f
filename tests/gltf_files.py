"""Build small glTF files piece by piece."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ssdo.arrays import Array, Bytes, Doubles
from ssdo.scene.files import gltf
from ssdo.scene.model import Mesh, Scene
from ssdo.settings import UserError

Tree = dict[str, Any]
CODES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}

# A tetrahedron, wound outwards, of volume 4/6.
CORNERS = np.array([(0, 0, 0), (1, 0, 0), (0, 2, 0), (0, 0, 2)], "f4")
FACES = np.array([(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)], "u2")
UVS = np.array([(0, 0), (1, 0), (0, 0.5), (0.25, 1)], "f4")
ONE = np.float32(1)
PIXELS = np.array(
    [[(255, 0, 0, 255), (0, 255, 0, 128)], [(0, 0, 255, 0), (10, 20, 30, 40)], [(1, 2, 3, 4), (200, 100, 50, 255)]],
    "u1",
)


def get_albedo_pixels(mesh: Mesh) -> Bytes:
    assert mesh.material.albedo_texture is not None
    return mesh.material.albedo_texture.pixels


# ---- files -----------------------------------------------------------------------------------------------------------


def encode_glb(tree: Tree, binary: bytes | bytearray) -> bytes:
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    data = bytes(binary) + bytes(-len(binary) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def write_glb(path: Path, tree: Tree, binary: bytes | bytearray) -> Path:
    path.write_bytes(encode_glb(tree, binary))
    return path


def add_buffer_view(tree: Tree, binary: bytearray, data: bytes, **members: Any) -> int:
    """Append bytes, aligned to 4, and a buffer view of them. Returns its index."""
    binary += bytes(-len(binary) % 4)
    tree["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(data), **members})
    binary += data
    tree["buffers"][0]["byteLength"] = len(binary)
    return len(tree["bufferViews"]) - 1


def add_accessor(tree: Tree, binary: bytearray, values: Array, **members: Any) -> int:
    width = values.shape[1] if values.ndim == 2 else 1
    code = CODES[values.dtype.str[1:]]
    entry = {
        "bufferView": add_buffer_view(tree, binary, values.tobytes()),
        "componentType": code,
        "count": len(values),
        "type": TYPES[width],
        **members,
    }
    tree["accessors"].append(entry)
    return len(tree["accessors"]) - 1


def make_empty() -> tuple[Tree, bytearray]:
    lists: Tree = {
        key: [] for key in ("bufferViews", "accessors", "materials", "textures", "images", "cameras", "meshes", "nodes")
    }
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": []}],
        "buffers": [{"byteLength": 0}],
        **lists,
    }, bytearray()


def add_node(tree: Tree, **node: Any) -> int:
    """Append a root node of the scene. Returns its index."""
    tree["nodes"].append(node)
    tree["scenes"][0]["nodes"].append(len(tree["nodes"]) - 1)
    return len(tree["nodes"]) - 1


def add_mesh(tree: Tree, binary: bytearray, **arrays: Array) -> Tree:
    """Append a mesh of one primitive from POSITION=..., indices=..., and a node with it. Returns the primitive."""
    primitive: Tree = {"attributes": {k: add_accessor(tree, binary, v) for k, v in arrays.items() if k != "indices"}}
    if "indices" in arrays:
        primitive["indices"] = add_accessor(tree, binary, arrays["indices"].ravel())
    tree["meshes"].append({"primitives": [primitive]})
    add_node(tree, mesh=len(tree["meshes"]) - 1)
    return primitive


def make_tetrahedron(**arrays: Array) -> tuple[Tree, bytearray]:
    tree, binary = make_empty()
    add_mesh(tree, binary, **{"POSITION": CORNERS, "indices": FACES, **arrays})
    return tree, binary


def encode_png(pixels: Array | Image.Image) -> bytes:
    stream = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(stream, "PNG")
    return stream.getvalue()


def add_texture(tree: Tree, binary: bytearray, pixels: Array = PIXELS) -> int:
    tree["images"].append({"bufferView": add_buffer_view(tree, binary, encode_png(pixels)), "mimeType": "image/png"})
    tree["textures"].append({"source": len(tree["images"]) - 1})
    return len(tree["textures"]) - 1


def make_textured(info: Tree | None = None, **arrays: Array) -> tuple[Tree, bytearray]:
    """The tetrahedron with an albedo texture."""
    tree, binary = make_tetrahedron(**(arrays or {"TEXCOORD_0": UVS}))
    tree["materials"] = [
        {"pbrMetallicRoughness": {"baseColorTexture": {"index": add_texture(tree, binary), **(info or {})}}}
    ]
    tree["meshes"][0]["primitives"][0]["material"] = 0
    return tree, binary


def read_scene(tmp_path: Path, tree: Tree, binary: bytes | bytearray) -> Scene:
    return gltf.read_gltf(write_glb(tmp_path / "a.glb", tree, binary))


def read_mesh(tmp_path: Path, tree: Tree, binary: bytes | bytearray) -> Mesh:
    """Read a file that has one mesh."""
    (mesh,) = read_scene(tmp_path, tree, binary).meshes
    return mesh


def find_container(tree: Tree, path: Sequence[str | int]) -> Any:
    """The list or object that holds the last step of a path."""
    container: Any = tree
    for step in path[:-1]:
        container = container[step]
    return container


def list_members(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a tree."""
    keys: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in keys for place in ((value, key), *list_members(inner))]


def sort_triangles(mesh: Mesh) -> Doubles:
    """(m, 3, 3) corners of the triangles, sorted, so that meshes compare without regard to order."""
    corners = np.round(mesh.positions[mesh.triangles].astype("f8"), 5) + 0.0
    rotated = [min(t[k:] + t[:k] for k in range(3)) for t in corners.tolist()]
    return np.array(sorted(rotated))


def compute_volume(mesh: Mesh) -> float:
    """The signed volume of a closed mesh: positive if its triangles face outwards."""
    a, b, c = mesh.positions[mesh.triangles].astype("f8").transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


def shift_corners(x: float) -> Array:
    """The tetrahedron's corners, moved by x along the first axis."""
    corners: Array = CORNERS + np.array((x, 0, 0), "f4")
    return corners


def assert_near(actual: Any, expected: Any, atol: float = 1e-6) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


def read_error(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        gltf.read_gltf(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and text.count(": ") >= 2, text
    assert "\n" not in text and len(text) < 300 + len(str(path)), text
    return text.removeprefix(f"{path}: ")
