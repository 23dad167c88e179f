"""What a large scene costs: a .glb file of as many triangles as asked for, loaded, and captured by a process of its
own.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import _checkout
import numpy as np
from PIL import Image
from process_memory import format_peak
from ssdo.resources import PACKAGE
from ssdo.scene.built_in.million import build_million
from ssdo.scene.files import gltf
from ssdo.scene.modelling.textures import encode_srgb8, generate_noise
from ssdo.settings import Parser, UserError, parse

PIECES = 20  # primitives, each with a material of its own


def main(arguments: Sequence[str]) -> int:
    """Run with the flags of a command line. Returns the exit code; raises UserError."""
    parser = Parser(
        "python tests/tools/loading.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--triangles", type=int, default=5_000_000, metavar="N", help="in the file [5000000]")
    parser.add_argument("--images", type=int, default=4, metavar="N", help=f"of 2048 x 2048, 0 to {PIECES} [4]")
    parser.add_argument("--technique", default="ssdo", metavar="T", help="that the capture draws [ssdo]")
    parser.add_argument("--width", type=int, default=1280, metavar="PX", help="of the capture [1280]")
    parser.add_argument("--height", type=int, default=720, metavar="PX", help="[720]")
    given = parse(parser, arguments)
    if not 0 <= given["images"] <= PIECES:
        raise UserError(f"--images {given['images']}: must be 0 to {PIECES}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.glb"
        count = written(path, given["triangles"], given["images"])
        start = time.perf_counter()
        gltf.read_gltf(path)
        loaded = time.perf_counter() - start
        size = [f"--{name}={given[name]}" for name in ("technique", "width", "height")]
        command = [
            sys.executable,
            "-m",
            "ssdo",
            "capture",
            f"--scene={path}",
            *size,
            f"--output={Path(folder) / 'large.png'}",
        ]
        start = time.perf_counter()
        subprocess.run(command, check=True, cwd=PACKAGE.parent, stdout=subprocess.DEVNULL)
        captured = time.perf_counter() - start
        print(
            "| triangles | file | loaded in | process, start to picture | its memory at most |\n|---|---|---|---|---|"
        )
        print(
            f"| {count} | {path.stat().st_size / 2**20:.0f} MB | {loaded:.1f} s | {captured:.1f} s | {format_peak(of_children=True) or 'not known'} |"
        )
    print(
        f"\n{given['width']} x {given['height']}, {given['technique']}, {given['images']} images of 2048 x 2048, {os.cpu_count()} cores"
    )
    return 0


def written(path: Path, triangles: int, images: int) -> int:
    """Write the knot of the scene `million` in PIECES primitives with normals and UVs, the first of them with images.
    Returns its triangles.
    """
    knot = build_million(triangles).meshes[0]
    assert knot.normals is not None and knot.uvs is not None
    views: list[dict[str, int]] = []
    chunks: list[bytes] = []

    def view(data: bytes) -> int:
        at = sum(map(len, chunks))
        chunks.append(data + bytes(-len(data) % 4))
        views.append({"buffer": 0, "byteOffset": at, "byteLength": len(data)})
        return len(views) - 1

    def accessor(data: bytes, component: int, count: int, kind: str) -> int:
        accessors.append({"bufferView": view(data), "componentType": component, "count": count, "type": kind})
        return len(accessors) - 1

    accessors: list[dict[str, object]] = []
    attributes = {
        name: accessor(np.ascontiguousarray(values, "<f4").tobytes(), 5126, len(values), kind)
        for name, values, kind in (
            ("POSITION", knot.positions, "VEC3"),
            ("NORMAL", knot.normals, "VEC3"),
            ("TEXCOORD_0", knot.uvs, "VEC2"),
        )
    }
    pieces = [
        accessor(np.ascontiguousarray(part, "<u4").tobytes(), 5125, part.size, "SCALAR")
        for part in np.array_split(knot.triangles, PIECES)
        if part.size
    ]
    rng = np.random.default_rng(1)
    pictures = []
    for _ in range(images):
        stored = io.BytesIO()
        colors = np.clip(0.4 * np.exp(0.2 * generate_noise(2048, 1.0, rng))[..., None] * rng.uniform(0.4, 1.2, 3), 0, 1)
        Image.fromarray(encode_srgb8(colors)).save(stored, "png")
        pictures.append({"bufferView": view(stored.getvalue()), "mimeType": "image/png"})
    tree = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [
            {
                "primitives": [
                    {"attributes": attributes, "indices": piece, "material": i} for i, piece in enumerate(pieces)
                ]
            }
        ],
        "materials": [
            {
                "pbrMetallicRoughness": {
                    "roughnessFactor": 0.6,
                    "metallicFactor": 0.0,
                    **({"baseColorTexture": {"index": i}} if i < images else {}),
                }
            }
            for i in range(len(pieces))
        ],
        "textures": [{"source": i} for i in range(images)],
        "images": pictures,
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": sum(map(len, chunks))}],
    }
    text = json.dumps({name: value for name, value in tree.items() if value}).encode()
    text += b" " * (-len(text) % 4)
    length = sum(map(len, chunks))
    with path.open("wb") as file:
        file.write(
            struct.pack("<4sIIII", b"glTF", 2, 28 + len(text) + length, len(text), int.from_bytes(b"JSON", "little"))
        )
        file.write(text + struct.pack("<I4s", length, b"BIN\0"))
        file.writelines(chunks)
    return len(knot.triangles)


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
