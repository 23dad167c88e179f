"""Time and memory of a large scene: a .glb file with many triangles, read, then drawn by `capture` in a new process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import _checkout
import gltf_files
import numpy as np
from process_memory import format_peak
from ssdo.arrays import Bytes
from ssdo.commands.bench.flags import format_table
from ssdo.flags import FlagParser, parse_flags
from ssdo.resources import PACKAGE
from ssdo.scene.built_in.million import build_million
from ssdo.scene.files import gltf
from ssdo.scene.modelling.textures import encode_srgb8, generate_noise
from ssdo.settings import UserError

PRIMITIVES = 20  # each with a material of its own
TEXTURE_SIZE = 2048  # pixels on each side
HEADER = ("triangles", "file", "reading", "process, start to image", "its peak memory")


def main(arguments: Sequence[str]) -> int:
    """Run with these flags. Returns the exit code; raises UserError."""
    parser = FlagParser("python tests/tools/loading.py", __doc__)
    parser.add_argument("--triangles", type=int, default=5_000_000, metavar="N", help="triangles in the file [5000000]")
    parser.add_argument(
        "--images", type=int, default=4, metavar="N", help=f"textures of 2048 x 2048, 0 to {PRIMITIVES} [4]"
    )
    parser.add_argument("--technique", default="ssdo", metavar="T", help="technique of the capture [ssdo]")
    parser.add_argument("--width", type=int, default=1280, metavar="PX", help="width of the capture [1280]")
    parser.add_argument("--height", type=int, default=720, metavar="PX", help="height of the capture [720]")
    flags = parse_flags(parser, arguments)
    image_count = flags.pop("images")
    if not 0 <= image_count <= PRIMITIVES:
        raise UserError(f"--images {image_count}: must be 0 to {PRIMITIVES}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.glb"
        triangle_count = write_scene(path, flags.pop("triangles"), image_count)
        start = time.perf_counter()
        gltf.read_gltf(path)
        reading = time.perf_counter() - start
        shot = [f"--{name}={value}" for name, value in flags.items()]
        output = f"--output={Path(folder) / 'large.png'}"
        command = [sys.executable, "-m", "ssdo", "capture", f"--scene={path}", *shot, output]
        start = time.perf_counter()
        subprocess.run(command, check=True, cwd=PACKAGE.parent, stdout=subprocess.DEVNULL)
        capture = time.perf_counter() - start
        size = f"{path.stat().st_size / 2**20:.0f} MiB"
    memory = format_peak(of_children=True) or "not known"
    row = [str(triangle_count), size, f"{reading:.1f} s", f"{capture:.1f} s", memory]
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


def _generate_texture(rng: np.random.Generator) -> Bytes:
    """(TEXTURE_SIZE, TEXTURE_SIZE, 3) sRGB: noise in one colour."""
    noise = generate_noise((TEXTURE_SIZE, TEXTURE_SIZE), 1.0, rng)
    linear = 0.4 * np.exp(0.2 * noise)[..., None] * rng.uniform(0.4, 1.2, 3)
    return encode_srgb8(np.clip(linear, 0, 1))


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
