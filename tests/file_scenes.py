"""Small scenes of every file format, with the files beside them that they depend on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from gltf_files import CORNERS, FACES, UVS, encode_png
from ssdo.render.shot import Shot

GLTF = """{"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
"buffers": [{"uri": "tree/g.bin", "byteLength": %d}], "images": [{"uri": "tree/g.png"}], "textures": [{"source": 0}],
"bufferViews": [{"buffer": 0, "byteLength": 48}, {"buffer": 0, "byteOffset": 48, "byteLength": 32},
{"buffer": 0, "byteOffset": 80, "byteLength": 24}],
"accessors": [{"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
{"bufferView": 1, "componentType": 5126, "count": 4, "type": "VEC2"},
{"bufferView": 2, "componentType": 5123, "count": 12, "type": "SCALAR"}],
"materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
"meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}]}
"""
PLY = """ply
format ascii 1.0
comment TextureFile tree/p.png
element vertex 3
property float x
property float y
property float z
property float s
property float t
element face 1
property list uchar int vertex_indices
end_header
0 0 0 0 0
1 0 0 1 0
0 1 0 0 1
3 0 1 2
"""
STL = (
    "solid s\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\nendsolid s\n"
)


# By kind: the scene's or the environment's own file, then the files that it depends on.
FILE_KINDS = {
    "gltf": ("g.gltf", "tree/g.bin", "tree/g.png"),
    "obj": ("o.obj", "tree/o.mtl", "tree/o.png"),
    "ply": ("p.ply", "tree/p.png"),
    "stl": ("s.stl",),
    "hdr": ("e.hdr",),
}


def write_scene_files(folder: Path, kind: str) -> tuple[str, list[Path]]:
    """Write the files of a kind. Returns the name for a shot, and all paths."""
    (folder / "tree").mkdir(parents=True, exist_ok=True)
    buffer = CORNERS.tobytes() + UVS.tobytes() + FACES.tobytes()
    pixels = np.arange(48, dtype="u1").reshape(3, 4, 4) | 0x80
    contents = {
        "g.gltf": (GLTF % len(buffer)).encode(),
        "tree/g.bin": buffer,
        "o.obj": b"mtllib tree/o.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1\n",
        "tree/o.mtl": b"newmtl m\nmap_Kd tree/o.png\n",
        "p.ply": PLY.encode(),
        "s.stl": STL.encode(),
        "e.hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 4\n" + bytes(range(100, 132)),
    }
    paths = [folder / name for name in FILE_KINDS[kind]]
    for path, name in zip(paths, FILE_KINDS[kind], strict=True):
        path.write_bytes(contents.get(name) or encode_png(pixels))
    return str(paths[0]), paths


def make_file_shot(name: str) -> Shot:
    """A shot of a scene or an environment that is a file."""
    is_environment = name.endswith(".hdr")
    return Shot(scene="plane", environment=name) if is_environment else Shot(scene=name)


def write_changed(path: Path, content: bytes | bytearray) -> None:
    """Write a file with another modification time than it had, however coarse the file system's clock is."""
    previous_mtime = path.stat().st_mtime_ns if path.exists() else 0
    path.write_bytes(content)
    os.utime(path, ns=(previous_mtime + 10**9, previous_mtime + 10**9))
