"""Time and memory of a large scene: a file with many triangles, read, then drawn by `capture` in a new process.

The file is a .glb file, an .obj file or an ASCII .ply file.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import _checkout
import gltf_files
import numpy as np
from process_memory import format_peak
from ssdo.arrays import Array, Bytes
from ssdo.commands.bench.flags import format_table
from ssdo.flags import FlagParser, parse_flags
from ssdo.render.mesh_buffers import build_vertices
from ssdo.resources import PACKAGE
from ssdo.scene.built_in.million import build_million
from ssdo.scene.loader import read_scene_file
from ssdo.scene.modelling.shapes import make_box
from ssdo.scene.modelling.textures import encode_image, generate_noise
from ssdo.settings import UserError

PRIMITIVES = 20  # each with a material of its own
TEXTURE_SIZE = 2048  # pixels on each side
ROWS_AT_ONCE = 2**16
HEADER = ("triangles", "file", "reading", "its processor time", "process, start to image", "its peak memory")


def main(arguments: Sequence[str]) -> int:
    """Run with these flags. Returns the exit code; raises UserError."""
    parser = FlagParser("python tests/tools/loading.py", __doc__)
    parser.add_argument("--triangles", type=int, default=5_000_000, metavar="N", help="triangles in the file [5000000]")
    parser.add_argument("--format", choices=("glb", "obj", "ply"), default="glb", help="format of the file [glb]")
    parser.add_argument(
        "--images",
        type=int,
        default=4,
        metavar="N",
        help=f"textures of a .glb file, 2048 x 2048, up to {PRIMITIVES} [4]",
    )
    parser.add_argument(
        "--meshes", type=int, default=0, metavar="N", help="a .glb file of N boxes, a mesh each, instead"
    )
    parser.add_argument("--technique", default="ssdo", metavar="T", help="technique of the capture [ssdo]")
    parser.add_argument("--width", type=int, default=1280, metavar="PX", help="width of the capture [1280]")
    parser.add_argument("--height", type=int, default=720, metavar="PX", help="height of the capture [720]")
    flags = parse_flags(parser, arguments)
    file_format, image_count, mesh_count = flags.pop("format"), flags.pop("images"), flags.pop("meshes")
    if not 0 <= image_count <= PRIMITIVES:
        raise UserError(f"--images {image_count}: must be 0 to {PRIMITIVES}")
    requested_count = flags.pop("triangles")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"large.{file_format}"
        if mesh_count:
            triangle_count, image_count = write_boxes(path, mesh_count), 0
        elif file_format == "glb":
            triangle_count = write_scene(path, requested_count, image_count)
        else:
            triangle_count, image_count = write_text(path, requested_count), 0
        start, processor_start = time.perf_counter(), time.process_time()
        read_scene_file(path)
        reading, processor = time.perf_counter() - start, time.process_time() - processor_start
        shot = [f"--{name}={value}" for name, value in flags.items()]
        output = f"--output={Path(folder) / 'large.png'}"
        command = [sys.executable, "-m", "ssdo", "capture", f"--scene={path}", *shot, output]
        start = time.perf_counter()
        subprocess.run(command, check=True, cwd=PACKAGE.parent, stdout=subprocess.DEVNULL)
        capture = time.perf_counter() - start
        size = f"{path.stat().st_size / 2**20:.0f} MiB"
    memory = format_peak(of_children=True) or "not known"
    row = [str(triangle_count), size, f"{reading:.1f} s", f"{processor:.1f} s", f"{capture:.1f} s", memory]
    print("\n".join(format_table(HEADER, [row])))
    textures = f"{image_count} textures of {TEXTURE_SIZE} x {TEXTURE_SIZE}"
    print(f"\n{flags['width']} x {flags['height']}, {flags['technique']}, {textures}, {os.cpu_count()} cores")
    return 0


def write_scene(path: Path, triangle_count: int, image_count: int) -> int:
    """Write the knot of the scene `million` with normals and UVs, in PRIMITIVES primitives, some of them with textures.

    Returns its number of triangles, which is about `triangle_count`.
    """
    knot = build_million(triangle_count).meshes[0]
    assert knot.normals is not None and knot.uvs is not None
    tree, binary = gltf_files.make_empty()
    attributes = {
        name: gltf_files.add_accessor(tree, binary, np.ascontiguousarray(values, "<f4"))
        for name, values in (("POSITION", knot.positions), ("NORMAL", knot.normals), ("TEXCOORD_0", knot.uvs))
    }
    rng = np.random.default_rng(1)
    primitives = []
    for number, triangles in enumerate(np.array_split(knot.triangles, PRIMITIVES)):
        if not triangles.size:
            continue
        indices = gltf_files.add_accessor(tree, binary, np.ascontiguousarray(triangles, "<u4").ravel())
        material: gltf_files.Tree = {"roughnessFactor": 0.6, "metallicFactor": 0.0}
        if number < image_count:
            material["baseColorTexture"] = {"index": gltf_files.add_texture(tree, binary, _generate_texture(rng))}
        tree["materials"].append({"pbrMetallicRoughness": material})
        primitives.append({"attributes": attributes, "indices": indices, "material": len(tree["materials"]) - 1})
    tree["meshes"].append({"primitives": primitives})
    gltf_files.add_node(tree, mesh=0)
    gltf_files.write_glb(path, {name: value for name, value in tree.items() if value != []}, binary)
    return len(knot.triangles)


def write_text(path: Path, triangle_count: int) -> int:
    """Write the knot of the scene `million` with normals and UVs as an .obj file or an ASCII .ply file.

    Returns its number of triangles, which is about `triangle_count`.
    """
    knot = build_million(triangle_count).meshes[0]
    assert knot.normals is not None and knot.uvs is not None
    with path.open("w") as file:
        if path.suffix == ".obj":
            for keyword, values in (("v", knot.positions), ("vt", knot.uvs), ("vn", knot.normals)):
                _write_rows(file, keyword + " %.6f" * values.shape[1], values)
            _write_rows(file, "f %d/%d/%d %d/%d/%d %d/%d/%d", np.repeat(knot.triangles + 1, 3, axis=1))
        else:
            names = ["x", "y", "z", "nx", "ny", "nz", "s", "t"]
            properties = "".join(f"property float {name}\n" for name in names)
            file.write(f"ply\nformat ascii 1.0\nelement vertex {len(knot.positions)}\n{properties}")
            file.write(f"element face {len(knot.triangles)}\nproperty list uchar int vertex_indices\nend_header\n")
            _write_rows(file, "%.6f" + " %.6f" * 7, np.hstack([knot.positions, knot.normals, knot.uvs]))
            _write_rows(file, "3 %d %d %d", knot.triangles)
    return len(knot.triangles)


def _write_rows(file: TextIO, line: str, rows: Array) -> None:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        batch = rows[start : start + ROWS_AT_ONCE]
        file.write(f"{line}\n" * len(batch) % tuple(batch.ravel().tolist()))


def write_boxes(path: Path, mesh_count: int) -> int:
    """Write boxes on a grid: each with a node, a mesh and accessors of its own. Returns the number of triangles."""
    box = make_box((-0.4, 0.0, -0.4), (0.4, 1.0, 0.4))
    vertices, triangles = build_vertices(box)
    arrays = {
        "POSITION": vertices[:, :3].copy(),
        "NORMAL": vertices[:, 3:6].copy(),
        "TEXCOORD_0": vertices[:, 6:].copy(),
        "indices": triangles.astype("u2"),
    }
    tree, binary = gltf_files.make_empty()
    colors = np.random.default_rng(1).uniform(0.1, 0.9, (PRIMITIVES, 3))
    factors = ({"baseColorFactor": [*color, 1], "metallicFactor": 0} for color in colors.tolist())
    tree["materials"] = [{"pbrMetallicRoughness": factor} for factor in factors]
    side = math.ceil(math.sqrt(mesh_count))
    for number in range(mesh_count):
        gltf_files.add_mesh(tree, binary, **arrays)["material"] = number % PRIMITIVES
        tree["nodes"][-1] |= {"translation": [number % side, 0, number // side], "scale": [1, 1 + number % 7 / 7, 1]}
    gltf_files.write_glb(path, {name: value for name, value in tree.items() if value != []}, binary)
    return mesh_count * len(triangles)


def _generate_texture(rng: np.random.Generator) -> Bytes:
    """(TEXTURE_SIZE, TEXTURE_SIZE, 3) sRGB: noise in one colour."""
    noise = generate_noise((TEXTURE_SIZE, TEXTURE_SIZE), 1.0, rng)
    linear = 0.4 * np.exp(0.2 * noise)[..., None] * rng.uniform(0.4, 1.2, 3)
    return encode_image(np.clip(linear, 0, 1))


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
