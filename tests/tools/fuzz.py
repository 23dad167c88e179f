"""Hostile input for every reader: valid files, damaged in all the ways that a disk, a network, a program or a person
damages them.

python tests/tools/fuzz.py --inputs 20000 --seed 1             all formats
python tests/tools/fuzz.py --format obj --seconds 600          one, as many inputs as there is time for
python tests/tools/fuzz.py --repeat DIR                        what was found, once more, with its traceback

Every input is read in a process of its own kind, with 5 s of processor time and 1 GiB more than the process has without
it. Whatever ends other than with a scene, a picture or a shot that holds what it promises, or with a UserError of one
line that names the file, is found: another exception, a crash, a hang. Input N of a format and a seed is the same every
time; what is found is kept with its files.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import itertools
import json
import math
import multiprocessing
import os
import random
import re
import shutil
import signal
import struct
import sys
import tempfile
import time
import tomllib
import traceback
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import _checkout  # noqa: F401 - makes the following importable
import gltf_files
import numpy as np
import test_gltf
import test_gltf_features
import test_hdr
import tomli_w
from PIL import Image, PngImagePlugin
from ssdo.measure import images
from ssdo.render.shot import Shot, validate_values, read_text, parse_overrides
from ssdo.scene import loader
from ssdo.scene.files import exr, gltf, hdr
from ssdo.scene.files import images as file_images
from ssdo.scene.model import Scene
from ssdo.settings import UserError, format_toml
from ssdo.viewer import preferences
from ssdo.viewer.display_state import VIEWS, Look

SECONDS = 5  # of processor time for one input
PATIENCE = 60.0  # seconds by the clock, on a machine that has other things to do
MEMORY = 1 << 30  # bytes for one input, above what the process has
BATCH = 200  # inputs between two reports
FOUND = Path(tempfile.gettempdir()) / "ssdo-fuzz"
LONGEST = 1000  # characters of a UserError

Files = dict[str, bytes]  # by name; the first is the one that is opened
Random = random.Random


class Format(NamedTuple):
    """How a kind of file is read, and what makes valid ones."""

    read: Callable[
        [Path], None
    ]  # raises UserError, or AssertionError where what was read does not hold what it promises
    seeds: Sequence[Callable[[Random], Files]]


# ---- readers --------------------------------------------------------------------------------------------------------------


def check_scene(scene: Scene) -> None:
    """What everything that draws a scene relies on."""
    assert scene.meshes and all(0 < x < math.inf for x in (scene.bounding_radius, scene.fov))
    for mesh in scene.meshes:
        n = len(mesh.positions)
        assert (
            mesh.positions.dtype == np.float32 and mesh.positions.shape == (n, 3) and np.isfinite(mesh.positions).all()
        )
        assert mesh.triangles.dtype == np.int32 and mesh.triangles.shape[1:] == (3,) and mesh.triangles.size
        assert mesh.triangles.min() >= 0 and mesh.triangles.max() < n
        for values, width in ((mesh.normals, 3), (mesh.uvs, 2), (mesh.uvs2, 2), (mesh.colors, 4), (mesh.tangents, 4)):
            if values is not None:
                assert values.dtype == np.float32 and values.shape == (n, width) and np.isfinite(values).all()
        if mesh.normals is not None:
            assert np.allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-3)
        m = mesh.material
        numbers = [
            *m.albedo,
            *m.emission,
            m.metallic,
            m.roughness,
            m.f0,
            m.opacity,
            m.alpha_cutoff,
            m.normal_scale,
            m.occlusion_strength,
        ]
        assert (
            np.isfinite(numbers).all()
            and all(0 <= x <= 1 for x in (*m.albedo, m.metallic, m.roughness, m.opacity))
            and min(m.emission) >= 0
        )
        for image in (m.albedo_texture, m.emission_texture, m.metallic_roughness_texture, m.normal_texture, m.occlusion_texture):
            assert image is None or (
                image.pixels.dtype == np.uint8
                and image.pixels.ndim == 3
                and image.pixels.shape[2] == 4
                and image.pixels.size
            )
            assert image is None or np.isfinite(image.transform).all()
    assert all("\n" not in note for note in scene.warnings)


def read_gltf(path: Path) -> None:
    check_scene(gltf.read_gltf(path))


def read_mesh(path: Path) -> None:
    check_scene(loader.read_scene_file(path))


def read_hdr(path: Path) -> None:
    radiance = hdr.read_hdr(path)
    assert radiance.dtype == np.float32 and radiance.shape[2:] == (3,) and np.isfinite(radiance).all()


def read_exr(path: Path) -> None:
    radiance = exr.read_exr(path)
    assert radiance.dtype == np.float32 and radiance.shape[2:] == (3,) and np.isfinite(radiance).all()


def read_picture(path: Path) -> None:
    try:
        pixels = file_images.decoded(path.read_bytes(), str(path), file_images.Spent(), file_images.MORE_FORMATS)
    except MemoryError:  # as the readers of scenes do
        raise UserError(f"{path}: needs more memory than there is") from None
    assert pixels.dtype == np.uint8 and pixels.shape[2:] == (4,)


def read_preset(path: Path) -> None:
    wanted = parse_overrides({"preset": path})
    assert wanted.build_shot(wanted.technique).values()


def read_state(path: Path) -> None:
    """As the viewer does when a file is dropped on it, without a window."""
    base = Shot()

    def change(values: dict[str, Any]) -> bool:
        try:
            base.with_values(values)
        except UserError as problem:
            session.error = str(problem)
        return not session.error

    session = SimpleNamespace(base=base, look=Look(), error="", techniques={"B": base.technique}, change=change)
    session.restore, session.state = (lambda _: None), (lambda: None)
    preferences.take_state(cast(Any, session), read_text(path), str(path))
    assert math.isfinite(session.look.exposure) and math.isfinite(session.look.alpha)


def read_shot(path: Path) -> None:
    wanted = parse_overrides({}, validate_values(images.shot_values(path), path))
    assert wanted.build_shot(wanted.technique).values()


def read_truth(path: Path) -> None:
    radiance = images.radiance_of(path)
    assert radiance.dtype == np.float32 and radiance.ndim == 3 and radiance.shape[2] == 3


# ---- valid files: a function each -----------------------------------------------------------------------------------------


def _glb(tree: gltf_files.Tree, binary: bytes | bytearray) -> Files:
    with tempfile.TemporaryDirectory() as folder:
        return {"a.glb": gltf_files.write_glb(Path(folder) / "a.glb", tree, binary).read_bytes()}


def _gltf(tree: gltf_files.Tree, binary: bytes | bytearray) -> Files:
    tree["buffers"][0]["uri"] = "a.bin"
    return {"a.gltf": json.dumps(tree).encode(), "a.bin": bytes(binary)}


def glb_plain(rng: Random) -> Files:
    return _glb(*gltf_files.tetrahedron())


def glb_everything(rng: Random) -> Files:
    return _glb(*test_gltf.everything())


def glb_features(rng: Random) -> Files:
    """Skins, morph targets, instances, images of all kinds, lamps, cameras."""
    return _glb(*test_gltf_features.everything())


def glb_draco(rng: Random) -> Files:
    tree, binary, _ = test_gltf_features.packed(3)
    return _glb(tree, binary)


def gltf_features(rng: Random) -> Files:
    return _gltf(*test_gltf_features.everything())


def gltf_textured(rng: Random) -> Files:
    return _gltf(*gltf_files.textured())


def gltf_everything(rng: Random) -> Files:
    return _gltf(*test_gltf.everything())


def gltf_hierarchy(rng: Random) -> Files:
    """Nodes that are little but one another's children."""
    tree, binary = gltf_files.tetrahedron()
    n = rng.randint(2, 8)
    tree["nodes"] = [{"mesh": 0, "children": [c for c in range(1, n) if (c - 1) // 2 == i]} for i in range(n)]
    return _gltf(tree, binary)


def obj_grid(rng: Random) -> Files:
    """A grid of triangles, quadrilaterals and larger polygons with everything that a corner may have, or some of it."""
    n = rng.randint(1, 4)
    lines = ["# a comment", "mtllib a.mtl", "o grid"]
    color = rng.random() < 0.3
    for y, x in itertools.product(range(n + 1), repeat=2):
        lines.append(f"v {x} {y} {rng.uniform(-1, 1):.4f}" + (" 0.1 0.5 1" if color else ""))
        lines += [f"vt {x / n:g} {y / n:g}", f"vn 0 {rng.random():.3f} 1"]
    form = rng.choice(("{0}", "{0}/{0}", "{0}//{0}", "{0}/{0}/{0}"))
    for y, x in itertools.product(range(n), repeat=2):
        if rng.random() < 0.3:
            lines += [f"usemtl {rng.choice(('one', 'two', 'none'))}", f"g {x}", "s 1"]
        a = 1 + x + y * (n + 1)
        face = [a, a + 1, a + n + 2, a + n + 1]
        if rng.random() < 0.2:
            face = [i - (n + 1) ** 2 - 1 for i in face]
        faces = [face] if rng.random() < 0.5 else [face[:3], [face[0], *face[2:]]]
        lines += ["f " + " ".join(form.format(i) for i in f) for f in faces]
    mtl = "newmtl one\nKd 0.5 0.6 0.7\nKs 0.5 0.5 0.5\nNs 96\nd 0.9\nmap_Kd -s 2 2 1 -o 0.5 0 a.png\n"
    mtl += "newmtl two\nKe 1 2 3\nPr 0.3\nPm 1\nmap_Ke a.png\nTr 0\nmap_d a.png\n"
    return {
        "a.obj": rng.choice(("\n", "\r\n")).join(lines).encode(),
        "a.mtl": mtl.encode(),
        "a.png": gltf_files.png(gltf_files.PICTURE),
    }


def obj_star(rng: Random) -> Files:
    """One concave polygon."""
    n = rng.randint(4, 40)
    points = [
        (r * math.cos(i * math.tau / n), r * math.sin(i * math.tau / n))
        for i in range(n)
        for r in (rng.uniform(0.1, 1),)
    ]
    return {
        "a.obj": (
            "".join(f"v {x:.4f} {y:.4f} 0\n" for x, y in points) + "f " + " ".join(map(str, range(1, n + 1))) + "\n"
        ).encode()
    }


def ply_any(rng: Random) -> Files:
    """Any format, with or without normals, UVs and colours; faces of one size or of several."""
    form = rng.choice(("ascii", "binary_little_endian", "binary_big_endian"))
    order = ">" if "big" in form else "<"
    more = [
        p
        for p in ("float nx|float ny|float nz", "float s|float t", "uchar red|uchar green|uchar blue", "uchar alpha")
        if rng.random() < 0.5
    ]
    vertex = (
        ["float x", "float y", "float z", *"|".join(more).split("|")] if more else ["float x", "float y", "float z"]
    )
    length, index = rng.choice(("uchar", "ushort", "int")), rng.choice(("int", "uint", "ushort", "uchar"))
    n = rng.randint(5, 9)
    rows = [[rng.randint(0, 99) for _ in vertex] for _ in range(n)]
    sides = rng.choice(((3,), (4,), (3, 4, 5)))
    faces = [rng.sample(range(n), rng.choice(sides)) for _ in range(rng.randint(1, 9))]
    head = [
        f"ply\nformat {form} 1.0",
        *(["comment TextureFile a.png"] if rng.random() < 0.3 else []),
        f"element vertex {n}",
    ]
    head += [f"property {p}" for p in vertex] + [
        f"element face {len(faces)}",
        f"property list {length} {index} vertex_indices",
        "end_header\n",
    ]
    if form == "ascii":
        body = "\n".join(" ".join(map(str, row)) for row in (*rows, *([len(f), *f] for f in faces))).encode()
    else:
        codes = {"float": "f", "uchar": "B", "ushort": "H", "int": "i", "uint": "I"}
        row = struct.Struct(order + "".join(codes[p.split()[0]] for p in vertex))
        body = b"".join(row.pack(*values) for values in rows)
        body += b"".join(struct.pack(f"{order}{codes[length]}{len(f)}{codes[index]}", len(f), *f) for f in faces)
    return {"a.ply": "\n".join(head).encode() + body, "a.png": gltf_files.png(gltf_files.PICTURE)}


def stl_binary(rng: Random) -> Files:
    triangles = [struct.pack("<12fH", *(rng.uniform(-9, 9) for _ in range(12)), 0) for _ in range(rng.randint(1, 9))]
    return {"a.stl": rng.choice((b"", b"solid ")).ljust(80) + struct.pack("<I", len(triangles)) + b"".join(triangles)}


def stl_text(rng: Random) -> Files:
    lines = []
    for _ in range(rng.randint(1, 2)):
        lines.append("solid s")
        for _ in range(rng.randint(1, 4)):
            n, *corners = (" ".join(f"{rng.uniform(-9, 9):.3g}" for _ in range(3)) for _ in range(4))
            lines += [
                f" facet normal {n}",
                "  outer loop",
                *(f"   vertex {c}" for c in corners),
                "  endloop",
                " endfacet",
            ]
        lines.append("endsolid s")
    return {"a.stl": "\n".join(lines).encode()}


def hdr_any(rng: Random) -> Files:
    h, w = rng.randint(1, 6), rng.choice((1, 7, 8, 20))
    pixels = test_hdr.picture(h, w, rng.randrange(99))
    code = rng.choice((pixels.tobytes(), test_hdr.old_style(pixels), *([test_hdr.new_style(pixels)] if w >= 8 else [])))
    return {"a.hdr": test_hdr.TOP + b"\n-Y %d +X %d\n" % (h, w) + code}


def _pixels(rng: Random, channels: int = 3) -> Any:
    return np.random.default_rng(rng.randrange(99)).integers(
        0, 256, (rng.randint(1, 12), rng.randint(1, 12), channels), "u1"
    )


def _saved(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def picture_png(rng: Random) -> Files:
    mode = rng.choice(("RGB", "RGBA", "L", "P", "1", "LA", "I;16"))
    image = Image.fromarray(_pixels(rng))
    image = Image.fromarray(np.full((3, 4), 999, "u2")) if mode == "I;16" else image.convert(mode)
    return {"a.png": _saved(image, "PNG")}


def picture_jpeg(rng: Random) -> Files:
    return {
        "a.jpg": _saved(
            Image.fromarray(_pixels(rng)).convert(rng.choice(("RGB", "L", "CMYK"))),
            "JPEG",
            progressive=rng.random() < 0.5,
        )
    }


def picture_webp(rng: Random) -> Files:
    return {"a.webp": _saved(Image.fromarray(_pixels(rng, 4)), "WEBP", lossless=rng.random() < 0.5)}


def picture_old(rng: Random) -> Files:
    form = rng.choice(("BMP", "TGA"))
    return {f"a.{form.lower()}": _saved(Image.fromarray(_pixels(rng)), form)}


def _shot(rng: Random) -> dict[str, Any]:
    technique = rng.choice(("off", "ssao", "ssdo", "reference"))
    return (
        Shot()
        .with_values({"technique": technique, "width": rng.randint(1, 64), "camera.eye": (1.0, 2.0, 3.0)})
        .values()
    )


def preset(rng: Random) -> Files:
    return {"a.toml": format_toml(_shot(rng)).encode()}


def preset_of_several(rng: Random) -> Files:
    return {
        "a.toml": tomli_w.dumps(
            {"technique": "ssao", "width": 32, "ssao": {"samples": 8}, "ssdo": {"samples": 16, "bounce": True}}
        ).encode()
    }


def state(rng: Random) -> Files:
    """As Ctrl+S writes it."""
    look = {
        "view": rng.choice(VIEWS),
        "gain": 1,
        "buffer": "picture",
        "exposure": 0.5,
        "alpha": False,
        "divider": 0.4,
        "apart": ["denoise.radius"],
    }
    slots = {
        "A": {"technique": "ssao", "ssao": {"samples": 8}},
        "B": {"technique": "ssdo", "ssdo": {"samples": 16}, "blur": {"radius": 2}},
    }
    both = {"scene": "cornell", "camera": {"eye": [1.0, 2.0, 3.0]}, "sky": {"rotation": 20.0}}
    return {
        "a.toml": tomli_w.dumps({"both": both, **slots, "look": look | {"budget": "samples", "truth": True}}).encode()
    }


def shot_png(rng: Random) -> Files:
    note = PngImagePlugin.PngInfo()
    note.add_itxt("shot", format_toml(_shot(rng)), zip=rng.random() < 0.5)
    return {"a.png": _saved(Image.fromarray(_pixels(rng)), "PNG", pnginfo=note)}


def truth_npz(rng: Random) -> Files:
    radiance = np.full((rng.randint(1, 5), 4, 3), 0.5, rng.choice(("f2", "f4", "f8")))
    members = {}
    for name, values in {"radiance": radiance, "depth": np.ones((2, 2)), "shot": np.array("width = 1")}.items():
        stream = io.BytesIO()
        np.save(stream, values)
        members[f"{name}.npy"] = stream.getvalue()
    return {"a.npz": _zipped(members, rng)}


def _zipped(members: Files, rng: Random) -> bytes:
    """As numpy.savez and savez_compressed do, without the time of day."""
    stream, way = io.BytesIO(), rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(stream, "w") as into:
        for name, content in members.items():
            into.writestr(zipfile.ZipInfo(name), content, way)
    return stream.getvalue()


@cache
def _exr(compression: str, channels: str) -> bytes:
    import OpenEXR

    values = np.linspace(0, 1, 5 * 4 * len(channels), dtype="f4").reshape(5, 4, len(channels))
    header = {"compression": getattr(OpenEXR, compression), "type": OpenEXR.scanlineimage, "shot": "width = 1"}
    with tempfile.TemporaryDirectory() as folder:
        OpenEXR.File(header, {channels: values}).write(f"{folder}/a.exr")
        return Path(folder, "a.exr").read_bytes()


def truth_exr(rng: Random) -> Files:
    return {
        "a.exr": _exr(
            rng.choice(("ZIP_COMPRESSION", "NO_COMPRESSION", "RLE_COMPRESSION", "PIZ_COMPRESSION")),
            rng.choice(("RGB", "RGBA")),
        )
    }


FORMATS = {
    "glb": Format(read_gltf, (glb_plain, glb_everything, glb_features, glb_features, glb_draco)),
    "gltf": Format(read_gltf, (gltf_textured, gltf_everything, gltf_features, gltf_features, gltf_hierarchy)),
    "obj": Format(read_mesh, (obj_grid, obj_grid, obj_star)),
    "ply": Format(read_mesh, (ply_any,)),
    "stl": Format(read_mesh, (stl_binary, stl_text)),
    "hdr": Format(read_hdr, (hdr_any,)),
    "picture": Format(read_picture, (picture_png, picture_jpeg, picture_webp, picture_old)),
    "preset": Format(read_preset, (preset, preset_of_several)),
    "state": Format(read_state, (state, preset)),
    "shot": Format(read_shot, (shot_png,)),
    "npz": Format(read_truth, (truth_npz,)),
    "exr": Format(read_truth, (truth_exr,)),
    "sky": Format(read_exr, (truth_exr,)),
}


# ---- damage ---------------------------------------------------------------------------------------------------------------

EXTREMES = [
    b"0",
    b"-1",
    b"1",
    b"3",
    b"255",
    b"256",
    b"65536",
    b"2147483647",
    b"2147483648",
    b"-2147483648",
    b"4294967295",
    b"1e39",
    b"-1e300",
    b"1e-320",
]
EXTREMES += [b"nan", b"inf", b"-inf", b"0.5", b"9" * 30, b"9" * 5000, b"1/2/3", b"", b"x", b"-", b"1_0", b"\xd9\xa3"]
WORDS = [
    0,
    1,
    2,
    3,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    0xFFFFFFFC,
    0x7F800000,
    0x7FC00000,
]
NASTY: list[Any] = [
    -1,
    0,
    1,
    2,
    7,
    0.5,
    2**31,
    2**32,
    2**63,
    10**40,
    1e300,
    -1e30,
    math.nan,
    math.inf,
    None,
    True,
    "",
    "a\n\ud800",
    "VEC3",
    "../a",
]
NASTY += [[], {}, [[]], [{}], [0, 0, 0], "x" * 5000]


def _span(rng: Random, data: bytes | bytearray, most: int = 64) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.randint(1, most))


def damaged_bytes(rng: Random, data: bytes, other: bytes) -> bytes:
    """One of the ways to damage any file."""
    new = bytearray(data or b"\0")
    start, end = _span(rng, new)
    match rng.randrange(10):
        case 0:
            new[rng.randrange(len(new))] ^= 1 << rng.randrange(8)
        case 1:
            new[rng.randrange(len(new))] = rng.randrange(256)
        case 2:
            del new[rng.randrange(len(new)) :]
        case 3:
            del new[start:end]
        case 4:
            new[start:start] = new[start:end] * rng.choice((1, 1, 2, 100))
        case 5:
            new[start:end] = rng.randbytes(end - start)
        case 6:
            a, b = _span(rng, other, 200)
            new[start : end if rng.random() < 0.5 else start] = other[a:b]
        case 7:
            at = rng.randrange(max(len(new) - 3, 1))
            at -= at % 4 if rng.random() < 0.7 else 0
            new[at : at + 4] = struct.pack(rng.choice("<>") + "I", rng.choice(WORDS))
        case 8:
            a, b = sorted((start, rng.randrange(len(new) + 1)))
            c = rng.randrange(len(new) + 1)
            new = new[b:c] + new[a:b] + new[:a] + new[max(b, c) :]
        case _:
            early = min(len(new), 128)
            new[rng.randrange(early)] = rng.randrange(256)  # headers are where it hurts
    return bytes(new)


def damaged_text(rng: Random, data: bytes, other: bytes) -> bytes:
    """A number at its extreme, or lines that are lost, doubled, exchanged, joined or endless; another encoding."""
    numbers = list(re.finditer(rb"[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", data))
    lines = data.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(10):
        case 0 | 1 | 2 | 3 if numbers:
            at = rng.choice(numbers)
            return data[: at.start()] + rng.choice(EXTREMES) + data[at.end() :]
        case 4:
            del lines[i]
        case 5:
            lines[i:i] = [lines[j]] * rng.choice((1, 1, 3, 500))
        case 6:
            lines[i], lines[j] = lines[j], lines[i]
        case 7:
            lines[i] = b" ".join([lines[i]] * rng.choice((2, 30, 3000)))
        case 8:
            words = lines[i].split()
            rng.shuffle(words)
            lines[i] = b" ".join(words[: rng.randint(0, len(words))])
        case _:
            text = data.decode("latin-1")
            return rng.choice(
                (
                    text.encode("utf-16"),
                    text.encode("utf-8-sig"),
                    data.replace(b"\n", b"\r"),
                    data.replace(b" ", b"\t"),
                    data.upper(),
                )
            )
    return b"\n".join(lines)


def damaged_tree(rng: Random, tree: Any) -> None:
    """Well-formed JSON with a wrong value somewhere, an entry lost, doubled, or another's."""
    # else what is long, as accessors are, would have most of it
    key = rng.choice(list(tree)) if tree and rng.random() < 0.7 else None
    found = test_gltf.places(tree[key]) if key is not None else []
    found = found or test_gltf.places(tree)
    if not found:
        return
    container, key = rng.choice(found)
    what = rng.random()
    if what < 0.15:
        del container[key]
    elif what < 0.3 and isinstance(container, list):
        container.insert(rng.randrange(len(container) + 1), container[key])
    elif what < 0.45:
        other, place = rng.choice(found)
        container[key] = json.loads(json.dumps(other[place], default=str))
    elif what < 0.6 and isinstance(container[key], (int, float)):
        # most are references
        container[key] = rng.randrange(6) if rng.random() < 0.5 else container[key] + rng.choice((-1, 1, 4, -4, 1000))
    else:
        container[key] = copy.deepcopy(rng.choice(NASTY))


def damaged_gltf(rng: Random, data: bytes, other: bytes) -> bytes:
    tree = json.loads(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        damaged_tree(rng, tree)
    return json.dumps(tree).encode()


def damaged_toml(rng: Random, data: bytes, other: bytes) -> bytes:
    tree = tomllib.loads(data.decode())
    for _ in range(rng.choice((1, 1, 2, 5))):
        damaged_tree(rng, tree)
    return tomli_w.dumps(tree).encode()


def damaged_glb(rng: Random, data: bytes, other: bytes) -> bytes:
    """The tree within, with lengths that agree again, or chunks lost, doubled, exchanged, of wrong length or kind."""
    chunks, at = [], 12
    while at + 8 <= len(data):
        size, kind = struct.unpack_from("<I4s", data, at)
        chunks.append([size, kind, data[at + 8 : at + 8 + size]])
        at += 8 + size
    if rng.random() < 0.7:
        chunks[0][2] = damaged_gltf(rng, chunks[0][2], other)
        chunks[0][0] = len(chunks[0][2])
    else:
        i = rng.randrange(len(chunks))
        match rng.randrange(5):
            case 0:
                del chunks[i]
            case 1:
                chunks.insert(rng.randrange(len(chunks) + 1), list(chunks[i]))
            case 2:
                chunks.reverse()
            case 3:
                chunks[i][0] = rng.choice(WORDS) if rng.random() < 0.5 else max(chunks[i][0] + rng.randint(-9, 9), 0)
            case _:
                chunks[i][1] = rng.choice((b"BIN\0", b"JSON", b"XXXX"))
    body = b"".join(struct.pack("<I4s", size, kind) + content for size, kind, content in chunks)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body) + (rng.choice((0, 0, 0, 1, -1, 10**9)))) + body


def damaged_png(rng: Random, data: bytes, other: bytes) -> bytes:
    """A chunk changed with its checksum right again, so that what lies behind the checksum is reached; or chunks lost,
    doubled, exchanged.
    """
    chunks, at = [], 8
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    i = rng.randrange(len(chunks))
    kind, content = chunks[i]
    if rng.random() < 0.7:
        if kind == b"IDAT" and rng.random() < 0.5:
            with contextlib.suppress(zlib.error):
                content = zlib.compress(damaged_bytes(rng, zlib.decompress(content), other))
        elif kind == b"IHDR" and rng.random() < 0.5:
            content = (
                struct.pack(">II", rng.choice((1, 5, 2**14, 2**14 + 1, 2**31 - 1)), rng.choice((1, 5, 2**12, 2**31)))
                + content[8:]
            )
        else:
            content = damaged_bytes(rng, content, other)
        chunks[i] = kind, content
    else:
        j = rng.randrange(len(chunks))
        chunks[i : i + rng.randint(0, 1)] = [chunks[j]] * rng.randint(0, 2)
    made = (struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    return data[:8] + b"".join(made)


def damaged_npz(rng: Random, data: bytes, other: bytes) -> bytes:
    """A member changed, with the archive's checksums right again."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    chosen = rng.choice(list(members))
    members[chosen] = (damaged_text if rng.random() < 0.5 else damaged_bytes)(rng, members[chosen], other)
    return _zipped(members, rng)


TEXTS = (".gltf", ".obj", ".mtl", ".toml")
Damage = Callable[[Random, bytes, bytes], bytes]
STRUCTURED: dict[str, Damage] = {
    ".gltf": damaged_gltf,
    ".toml": damaged_toml,
    ".glb": damaged_glb,
    ".png": damaged_png,
    ".npz": damaged_npz,
}


def made(name: str, form: Format, seed: int, number: int) -> Files:
    """Input `number`: one in ten is whole, the others are damaged in one to four ways, now and then in a file beside
    the first.
    """
    rng = random.Random(f"{seed} {name} {number}")
    files = rng.choice(form.seeds)(rng)
    if rng.random() < 0.1:
        return files
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        which = next(iter(files)) if rng.random() < 0.8 else rng.choice(list(files))
        suffix, data, other = Path(which).suffix, files[which], rng.choice(list(files.values()))
        text = suffix in TEXTS or (suffix in (".ply", ".stl", ".hdr") and rng.random() < 0.5)
        damage: Damage = damaged_text if text and rng.random() < 0.7 else damaged_bytes
        if suffix in STRUCTURED and rng.random() < 0.6:
            damage = STRUCTURED[suffix]
        with contextlib.suppress(Exception):  # what was damaged before may no longer be taken apart
            files[which] = damage(rng, data, other)
    return files


# ---- a process that reads -------------------------------------------------------------------------------------------------


class Overtime(BaseException):
    """The processor time of an input is spent. No Exception: readers that turn those into UserError must not catch
    it.
    """


@dataclass
class Tally:
    """What became of the inputs of a format."""

    outcomes: Counter[str] = field(default_factory=Counter)  # drawn, refused, too large
    failures: list[tuple[int, str]] = field(default_factory=list)  # number of the input, and why


def attempt(read: Callable[[Path], None], path: Path) -> tuple[str, str]:
    """What becomes of a file: drawn, refused, too large (for the memory there is), or failed and why."""
    try:
        read(path)
        return "drawn", ""
    except UserError as problem:
        text = str(problem)
        rules = {
            "of one line": len(text.splitlines()) == 1,
            "short": len(text) <= LONGEST,
            "with the file's name": path.name in text,
        }
        wrong = ", ".join(rule for rule, kept in rules.items() if not kept)
        if wrong:
            return "failed", f"a UserError that is not {wrong}: {ascii(text)[:300]}"
        return "too large" if "more memory than there is" in text else "refused", ""
    except Overtime:
        return "failed", f"not done after {SECONDS} s of processor time\n{traceback.format_exc(limit=-6)}"
    except BaseException as error:
        return "failed", f"{type(error).__name__}: {ascii(str(error))[:200]}\n{traceback.format_exc(limit=-6)}"


def _limit() -> None:
    """From here on: no more memory than MEMORY above what there is, and Overtime when a timer ends."""
    try:
        import resource
    except ImportError:  # Windows: the parent's patience alone
        return

    def stop(*_: object) -> None:
        raise Overtime

    signal.signal(signal.SIGPROF, stop)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _quiet() -> None:
    """Libraries in C print what they find wrong."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def _timer(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def work(name: str, form: Format, seed: int, numbers: range, doing: Any, results: Any) -> None:
    """Reads inputs, one after the other. `doing` says which, and since when; `results` gets a Tally for every batch."""
    warm = random.Random(0)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as there:
        folder = Path(there)
        for seed_file in form.seeds:  # so that libraries are loaded before memory is limited
            attempt(form.read, _written(folder, seed_file(warm)))
        _quiet()
        _limit()
        for batch in (numbers[at : at + BATCH] for at in range(0, len(numbers), BATCH)):
            tally = Tally()
            for number in batch:
                files = made(name, form, seed, number)
                path = _written(folder, files)
                doing[:] = number, time.monotonic()
                _timer(SECONDS)
                outcome, why = attempt(form.read, path)
                _timer(0)
                doing[:] = number, 0.0
                tally.outcomes[outcome] += 1
                if outcome == "failed":
                    tally.failures.append((number, why))
            results.send(tally)
    results.send(None)


def _written(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / next(iter(files))


# ---- the process that watches ---------------------------------------------------------------------------------------------


def watched(name: str, form: Format, seed: int, numbers: range, until: float, patience: float = PATIENCE) -> Tally:
    """Reads inputs of a format in another process, and in a new one whenever that dies or hangs, which is then its
    input's failure.
    """
    context, total = multiprocessing.get_context("spawn"), Tally()
    while numbers:
        doing = context.Array("d", [numbers.start, 0.0], lock=False)
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(name, form, seed, numbers, doing, theirs), daemon=True)
        process.start()
        theirs.close()
        why, counted = _followed(process, ours, doing, total, until, patience)
        last = int(doing[0])
        if process.is_alive():
            process.kill()
        process.join()
        if not why:
            break
        total.outcomes["failed"] += 1
        total.failures.append((last, why if why != "died" else f"the process died of {_cause(process.exitcode)}"))
        # What its last batch had found is lost with it: those before are read again.
        again = numbers[counted : last - numbers.start]
        if again:
            before = watched(name, form, seed, again, until, patience)
            total.outcomes += before.outcomes
            total.failures += before.failures
        numbers = numbers[last - numbers.start + 1 :]
    return total


def _followed(process: Any, results: Any, doing: Any, total: Tally, until: float, patience: float) -> tuple[str, int]:
    """Adds up what a process reports. Why it ended before its time, if it did, and how many inputs its reports were
    about.
    """
    counted = 0
    while True:
        try:
            if results.poll(0.2):
                tally = results.recv()
                if tally is None:
                    return "", counted
                total.outcomes += tally.outcomes
                total.failures += tally.failures
                counted += sum(tally.outcomes.values())
                if time.monotonic() > until:
                    return "", counted
            elif not process.is_alive() and not results.poll():
                return "died", counted
            elif doing[1] and time.monotonic() - doing[1] > patience:
                return f"not done after {patience:g} s", counted
        except EOFError:
            process.join()
            return "died", counted


def _cause(code: int | None) -> str:
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"


def kept(name: str, form: Format, seed: int, tally: Tally, folder: Path) -> list[Path]:
    """The files of what was found, each input in a folder of its own with the reason beside."""
    found = []
    for number, why in tally.failures:
        into = folder / f"{name}-{seed}-{number}"
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        found.append(_written(into, made(name, form, seed, number)))
        (into / "why.txt").write_text(why, "utf-8")
    return found


def run(
    formats: dict[str, Format],
    inputs: int,
    seed: int,
    seconds: float,
    folder: Path,
    jobs: int = 2,
    patience: float = PATIENCE,
) -> dict[str, Tally]:
    """`inputs` of all formats together, each format in a process of its own, `jobs` at a time. What is found is kept in
    `folder`.
    """
    from concurrent.futures import ThreadPoolExecutor

    each, part = -(-inputs // len(formats)), seconds * jobs / len(formats)

    def followed(name: str) -> Tally:
        return watched(name, formats[name], seed, range(each), time.monotonic() + part, patience)

    with ThreadPoolExecutor(jobs) as pool:
        share = {name: pool.submit(followed, name) for name in formats}
        tallies = {name: future.result() for name, future in share.items()}
    for name, tally in tallies.items():
        kept(name, formats[name], seed, tally, folder)
    return tallies


def repeated(folder: Path) -> int:
    """Reads what was kept once more, without limits, so that a traceback is seen."""
    form = FORMATS[folder.name.partition("-")[0]]
    (path,) = [
        p
        for p in folder.iterdir()
        if p.stem == "a"
        and p.suffix not in (".bin", ".mtl")
        and (p.suffix != ".png" or len(list(folder.iterdir())) == 2)
    ]
    try:
        form.read(path)
        print("drawn")
    except UserError as problem:
        print(f"refused: {problem}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=20_000, metavar="N", help="of all formats together [20000]")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="decides all inputs [1]")
    parser.add_argument("--format", choices=FORMATS, action="append", help="only this one, or these [all]")
    parser.add_argument(
        "--seconds",
        type=float,
        default=math.inf,
        metavar="T",
        help="stop after about that long [when all inputs are read]",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="J", help="processes at a time [one for each core]"
    )
    parser.add_argument(
        "--output", type=Path, default=FOUND, metavar="DIR", help=f"where what is found is kept [{FOUND}]"
    )
    parser.add_argument("--repeat", type=Path, metavar="DIR", help="read what was kept there")
    given = parser.parse_args()
    if given.repeat:
        return repeated(given.repeat)
    formats = {name: FORMATS[name] for name in given.format or FORMATS}
    start = time.monotonic()
    tallies = run(formats, given.inputs, given.seed, given.seconds, given.output, given.jobs)
    print(f"{'format':8} {'inputs':>8} {'refused':>8} {'drawn':>8} {'too large':>9} {'failed':>7}")
    for name, tally in tallies.items():
        count = tally.outcomes
        print(
            f"{name:8} {sum(count.values()):8} {count['refused']:8} {count['drawn']:8} {count['too large']:9} {count['failed']:7}"
        )
        for number, why in tally.failures[:9]:
            print(f"    {given.output / f'{name}-{given.seed}-{number}'}: {why.splitlines()[0]}")
    print(f"{sum(sum(t.outcomes.values()) for t in tallies.values())} inputs in {time.monotonic() - start:.0f} s")
    return 1 if any(tally.failures for tally in tallies.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
