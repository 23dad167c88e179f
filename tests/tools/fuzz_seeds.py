"""Valid files of every format that is read, for fuzz.py: a function each, which takes its choices from `rng`."""

from __future__ import annotations

import io
import itertools
import json
import math
import random
import struct
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import _checkout  # noqa: F401 - makes the following importable
import exr_files
import gltf_files
import numpy as np
import test_gltf
import test_gltf_compression
import test_gltf_features
import test_hdr
import test_radiance
import tomli_w
from PIL import Image, PngImagePlugin
from ssdo.render.shot import Shot
from ssdo.scene.files import gltf_meshopt
from ssdo.toml_text import format_toml
from ssdo.viewer.display_state import VIEWS

Files = dict[str, bytes]  # by name; the first is the one that is read
Random = random.Random


def pack_glb(tree: gltf_files.Tree, binary: bytes | bytearray) -> Files:
    return {"a.glb": gltf_files.encode_glb(tree, binary)}


def pack_gltf(tree: gltf_files.Tree, binary: bytes | bytearray) -> Files:
    tree["buffers"][0]["uri"] = "a.bin"
    return {"a.gltf": json.dumps(tree).encode(), "a.bin": bytes(binary)}


def make_plain_glb(rng: Random) -> Files:
    return pack_glb(*gltf_files.make_tetrahedron())


def make_full_glb(rng: Random) -> Files:
    return pack_glb(*test_gltf.make_everything())


def make_feature_glb(rng: Random) -> Files:
    """With skins, morph targets, instances, all kinds of images, lights and cameras."""
    return pack_glb(*test_gltf_features.make_everything())


def make_draco_glb(rng: Random) -> Files:
    tree, binary, _ = test_gltf_features.make_draco(3)
    return pack_glb(tree, binary)


def make_meshopt_glb(rng: Random) -> Files:
    """With compressed attributes and indices of both kinds."""
    name = rng.choice(gltf_meshopt.EXTENSIONS)
    return pack_glb(*test_gltf_compression.compress_views(*test_gltf_compression.make_grid(5), name))


def make_ktx2_glb(rng: Random) -> Files:
    return pack_glb(*test_gltf_compression.make_with_ktx2(encode_ktx2(rng.choice(("etc1s", "uastc")))))


@cache
def encode_ktx2(codec: str) -> bytes:
    return test_gltf_compression.encode_ktx2(test_gltf_compression.make_smooth_pixels(13, 6), codec)


def make_detailed_glb(rng: Random) -> Files:
    """With hidden nodes, strips that restart, unlit vertex colours, and extensions that are not read."""
    tree, binary = gltf_files.make_textured({}, TEXCOORD_0=gltf_files.UVS, COLOR_0=np.ones((4, 4), "f4"))
    strip = gltf_files.add_mesh(
        tree, binary, POSITION=gltf_files.CORNERS, indices=np.array([0, 1, 2, 65535, 1, 2, 3], "u2")
    )
    strip |= {"mode": rng.choice((5, 6)), "material": 0}
    tree["materials"][0]["extensions"] = {"KHR_materials_unlit": {}, "KHR_materials_clearcoat": {"clearcoatFactor": 1}}
    tree["nodes"][0]["extensions"] = {"KHR_node_visibility": {"visible": rng.random() < 0.5}}
    tree["asset"]["minVersion"] = "2.0"
    tree["extensionsUsed"] = tree["extensionsRequired"] = ["KHR_materials_clearcoat", "KHR_xmp_json_ld", "XYZ_new"]
    return pack_glb(tree, binary)


def make_feature_gltf(rng: Random) -> Files:
    return pack_gltf(*test_gltf_features.make_everything())


def make_textured_gltf(rng: Random) -> Files:
    return pack_gltf(*gltf_files.make_textured())


def make_full_gltf(rng: Random) -> Files:
    return pack_gltf(*test_gltf.make_everything())


def make_hierarchy_gltf(rng: Random) -> Files:
    """A deep tree of nodes."""
    tree, binary = gltf_files.make_tetrahedron()
    n = rng.randint(2, 8)
    tree["nodes"] = [{"mesh": 0, "children": [c for c in range(1, n) if (c - 1) // 2 == i]} for i in range(n)]
    return pack_gltf(tree, binary)


def make_obj_grid(rng: Random) -> Files:
    """A grid of triangles and quadrilaterals, with or without UVs, normals, colours and materials."""
    n = rng.choice((1, 2, 3, 4, 8))  # 8: enough lines for several blocks
    lines = ["# a comment", "mtllib a.mtl", "o grid"]
    color = rng.random() < 0.3
    for y, x in itertools.product(range(n + 1), repeat=2):
        lines.append(f"v {x} {y} {rng.uniform(-1, 1):.4f}" + (" 0.1 0.5 1" if color else ""))
        lines += [f"vt {x / n:g} {y / n:g}", f"vn 0 {rng.random():.3f} 1"]
    corner = rng.choice(("{0}", "{0}/{0}", "{0}//{0}", "{0}/{0}/{0}"))
    for y, x in itertools.product(range(n), repeat=2):
        if rng.random() < 0.3:
            lines += [f"usemtl {rng.choice(('one', 'two', 'none'))}", f"g {x}", "s 1"]
        a = 1 + x + y * (n + 1)
        face = [a, a + 1, a + n + 2, a + n + 1]
        if rng.random() < 0.2:
            face = [i - (n + 1) ** 2 - 1 for i in face]
        faces = [face] if rng.random() < 0.5 else [face[:3], [face[0], *face[2:]]]
        lines += ["f " + " ".join(corner.format(i) for i in f) for f in faces]
    mtl = "newmtl one\nKd 0.5 0.6 0.7\nKs 0.5 0.5 0.5\nNs 96\nd 0.9\nmap_Kd -s 2 2 1 -o 0.5 0 a.png\n"
    mtl += "newmtl two\nKe 1 2 3\nPr 0.3\nPm 1\nmap_Ke a.png\nTr 0\nmap_d -imfchan r -mm 0 1 b.png\n"
    mtl += "map_Pr a.png\nmap_Pm b.png\nnorm a.png\nmap_Bump -bm 0.5 b.png\n"
    encoding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-16"))
    return {
        "a.obj": rng.choice(("\n", "\r\n")).join(lines).encode(encoding),
        "a.mtl": mtl.encode(encoding),
        "a.png": gltf_files.encode_png(gltf_files.PIXELS),
        "b.png": encode_image(Image.fromarray(make_pixels(rng, 4)), "PNG"),
    }


def make_obj_star(rng: Random) -> Files:
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


PLY_CODES = {"float": "f", "uchar": "B", "ushort": "H", "int": "i", "uint": "I"}
PlyColumn = tuple[str, list[Any]]  # the declaration of a property behind "property ", and its values


def encode_ply(encoding: str, elements: dict[str, list[PlyColumn]], comments: list[str]) -> bytes:
    order = {"binary_little_endian": "<", "binary_big_endian": ">"}.get(encoding, "")
    head, body = ["ply", f"format {encoding} 1.0", *comments], []
    for name, columns in elements.items():
        head += [f"element {name} {len(columns[0][1])}", *(f"property {declaration}" for declaration, _ in columns)]
        for row in zip(*(values for _, values in columns), strict=True):
            items: list[tuple[str, Any]] = []
            for (declaration, _), value in zip(columns, row, strict=True):
                types = declaration.split()
                is_list = types[0] == "list"
                items += [(types[1], len(value)), *((types[2], v) for v in value)] if is_list else [(types[0], value)]
            if order:
                body.append(struct.pack(order + "".join(PLY_CODES[kind] for kind, _ in items), *(v for _, v in items)))
            else:
                body.append((" ".join(str(v) for _, v in items) + "\n").encode())
    return "\n".join([*head, "end_header", ""]).encode() + b"".join(body)


def make_ply(rng: Random) -> Files:
    """Any encoding; faces of one size or of several, or strips; optional properties of vertices and of faces."""

    def add_some(columns: list[PlyColumn], groups: list[list[PlyColumn]]) -> None:
        for group in groups:
            columns += group if rng.random() < 0.4 else []

    def numbers(count: int, low: int = 0, high: int = 99) -> list[int]:
        return [rng.randint(low, high) for _ in range(count)]

    n, m = rng.randint(5, 9), rng.randint(1, 9)
    vertices: list[PlyColumn] = [(f"float {axis}", numbers(n)) for axis in "xyz"]
    add_some(
        vertices,
        [
            [(f"float n{axis}", numbers(n)) for axis in "xyz"],
            [(f"float {name}", numbers(n)) for name in "st"],
            [(f"uchar {name}", numbers(n)) for name in ("red", "green", "blue")],
            [("uchar alpha", numbers(n))],
            [("list uchar int neighbours", [numbers(rng.randint(0, 3)) for _ in range(n)])],
        ],
    )
    sides = rng.choice(((3,), (4,), (3, 4, 5)))
    faces = [rng.sample(range(n), rng.choice(sides)) for _ in range(m)]
    length, index = rng.choice(("uchar", "ushort", "int")), rng.choice(("int", "uint", "ushort", "uchar"))
    face_columns: list[PlyColumn] = [(f"list {length} {index} {rng.choice(('vertex_indices', 'corners'))}", faces)]
    add_some(
        face_columns,
        [
            [("list uchar float texcoord", [numbers(2 * len(face)) for face in faces])],
            [("int texnumber", numbers(m, -1, 2))],
            [(f"uchar {name}", numbers(m)) for name in ("red", "green", "blue")],
        ],
    )
    rng.shuffle(face_columns)
    elements = {"vertex": vertices}
    if rng.random() < 0.3:
        elements["other"] = [("list int float values", [numbers(k) for k in range(3)])]
    if rng.random() < 0.3:
        strips = [numbers(rng.randint(0, 9), -1, n - 1) for _ in range(rng.randint(1, 3))]
        elements["tristrips"] = [("list int int vertex_indices", strips)]
    if "tristrips" not in elements or rng.random() < 0.5:
        elements["face"] = face_columns
    comments = ["comment TextureFile a.png", "comment TextureFile b.png"][: rng.randint(0, 2)]
    encoding = rng.choice(("ascii", "binary_little_endian", "binary_big_endian"))
    png = gltf_files.encode_png(gltf_files.PIXELS)
    return {"a.ply": encode_ply(encoding, elements, comments), "a.png": png, "b.png": png}


def make_binary_stl(rng: Random) -> Files:
    triangles = [struct.pack("<12fH", *(rng.uniform(-9, 9) for _ in range(12)), 0) for _ in range(rng.randint(1, 9))]
    return {"a.stl": rng.choice((b"", b"solid ")).ljust(80) + struct.pack("<I", len(triangles)) + b"".join(triangles)}


def make_text_stl(rng: Random) -> Files:
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


def make_hdr(rng: Random) -> Files:
    h, w = rng.randint(1, 6), rng.choice((1, 7, 8, 20))
    pixels = test_hdr.make_pixels(h, w, rng.randrange(99))
    codes = [pixels.tobytes(), test_hdr.encode_old(pixels)]
    if w >= 8:
        codes.append(test_hdr.encode_new(pixels))
    code = rng.choice(codes)
    return {"a.hdr": test_hdr.HEADER + b"\n-Y %d +X %d\n" % (h, w) + code}


def make_colored_hdr(rng: Random) -> Files:
    """With primaries, factors, CIE XYZ and any orientation."""
    h, w = rng.randint(1, 6), rng.choice((1, 7, 8, 20))
    primaries = rng.choice([*test_radiance.SPACES.values()])[0]
    lines = [
        f"FORMAT=32-bit_rle_{rng.choice(('rgbe', 'xyze'))}",
        f"PRIMARIES= {' '.join(map(str, primaries))}",
        f"EXPOSURE={rng.choice((0.5, 2, 1e-9, 5.586592e-03))}",
        "COLORCORR=1 0.5 2",
    ]
    axes = rng.choice(("YX", "XY"))
    order = f"{rng.choice('+-')}{axes[0]} {h} {rng.choice('+-')}{axes[1]} {w}"
    top = "\n".join(["#?RADIANCE", *rng.sample(lines, rng.randint(1, 4)), "", order, ""])
    return {"a.hdr": top.encode() + test_hdr.make_pixels(h, w, rng.randrange(99)).tobytes()}


def make_pixels(rng: Random, channels: int = 3) -> Any:
    return np.random.default_rng(rng.randrange(99)).integers(
        0, 256, (rng.randint(1, 12), rng.randint(1, 12), channels), "u1"
    )


def encode_image(image: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def make_png(rng: Random) -> Files:
    mode = rng.choice(("RGB", "RGBA", "L", "P", "1", "LA", "I;16"))
    image = Image.fromarray(make_pixels(rng))
    image = Image.fromarray(np.full((3, 4), 999, "u2")) if mode == "I;16" else image.convert(mode)
    return {"a.png": encode_image(image, "PNG")}


def make_jpeg(rng: Random) -> Files:
    return {
        "a.jpg": encode_image(
            Image.fromarray(make_pixels(rng)).convert(rng.choice(("RGB", "L", "CMYK"))),
            "JPEG",
            progressive=rng.random() < 0.5,
        )
    }


def make_webp(rng: Random) -> Files:
    return {"a.webp": encode_image(Image.fromarray(make_pixels(rng, 4)), "WEBP", lossless=rng.random() < 0.5)}


def make_bmp_or_tga(rng: Random) -> Files:
    file_format = rng.choice(("BMP", "TGA"))
    return {f"a.{file_format.lower()}": encode_image(Image.fromarray(make_pixels(rng)), file_format)}


def make_tiff_or_gif(rng: Random) -> Files:
    image = Image.fromarray(make_pixels(rng)).convert(rng.choice(("RGB", "RGBA", "L", "P", "1", "CMYK")))
    if rng.random() < 0.3:
        return {"a.gif": encode_image(image.convert("P"), "GIF")}
    return {"a.tiff": encode_image(image, "TIFF", compression=rng.choice(("raw", "tiff_lzw", "tiff_adobe_deflate")))}


def make_shot_values(rng: Random) -> dict[str, Any]:
    technique = rng.choice(("off", "ssao", "ssdo", "reference"))
    return (
        Shot()
        .with_values({"technique": technique, "width": rng.randint(1, 64), "camera.eye": (1.0, 2.0, 3.0)})
        .values()
    )


def make_preset(rng: Random) -> Files:
    return {"a.toml": format_toml(make_shot_values(rng)).encode()}


def make_preset_of_several(rng: Random) -> Files:
    """With parameters of two techniques."""
    return {
        "a.toml": tomli_w.dumps(
            {"technique": "ssao", "width": 32, "ssao": {"samples": 8}, "ssdo": {"samples": 16, "bounce": True}}
        ).encode()
    }


def make_state(rng: Random) -> Files:
    """A state of the viewer, as Ctrl+S writes it."""
    viewer = {
        "view": rng.choice(VIEWS),
        "gain": 1,
        "buffer": "final image",
        "exposure": 0.5,
        "show_alpha": False,
        "divider": 0.4,
        "unlinked": ["denoise.radius"],
        "budget": "samples",
        "reference": True,
    }
    slots = {
        "A": {"technique": "ssao", "ssao": {"samples": 8}},
        "B": {"technique": "ssdo", "ssdo": {"samples": 16}, "denoise": {"radius": 2}},
    }
    shared_values = {"scene": "cornell", "camera": {"eye": [1.0, 2.0, 3.0]}, "sky": {"rotation": 20.0}}
    return {"a.toml": tomli_w.dumps({"shared": shared_values, **slots, "viewer": viewer}).encode()}


def make_shot_png(rng: Random) -> Files:
    metadata = PngImagePlugin.PngInfo()
    metadata.add_itxt("shot", format_toml(make_shot_values(rng)), zip=rng.random() < 0.5)
    return {"a.png": encode_image(Image.fromarray(make_pixels(rng)), "PNG", pnginfo=metadata)}


def make_npz(rng: Random) -> Files:
    radiance = np.full((rng.randint(1, 5), 4, 3), 0.5, rng.choice(("f2", "f4", "f8")))
    members = {}
    for name, values in {"radiance": radiance, "depth": np.ones((2, 2)), "shot": np.array("width = 1")}.items():
        stream = io.BytesIO()
        np.save(stream, values)
        members[f"{name}.npy"] = stream.getvalue()
    return {"a.npz": pack_zip(members, rng)}


def pack_zip(members: Files, rng: Random) -> bytes:
    """As numpy.savez and savez_compressed write it, but without the time of day."""
    stream, compression = io.BytesIO(), rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return stream.getvalue()


@cache
def encode_exr(compression: str, channels: str) -> bytes:
    import OpenEXR

    values = np.linspace(0, 1, 5 * 4 * len(channels), dtype="f4").reshape(5, 4, len(channels))
    header = {"compression": getattr(OpenEXR, compression), "type": OpenEXR.scanlineimage, "shot": "width = 1"}
    with tempfile.TemporaryDirectory() as folder:
        OpenEXR.File(header, {channels: values}).write(f"{folder}/a.exr")
        return Path(folder, "a.exr").read_bytes()


def make_exr(rng: Random) -> Files:
    return {
        "a.exr": encode_exr(
            rng.choice(("ZIP_COMPRESSION", "NO_COMPRESSION", "RLE_COMPRESSION", "PIZ_COMPRESSION")),
            rng.choice(("RGB", "RGBA")),
        )
    }


def make_exr_parts(rng: Random) -> Files:
    """Parts, layers, windows, tiles, primaries, subsampled channels and luminance with chroma."""
    primaries = rng.choice([*test_radiance.SPACES.values()])[0]
    shared = {"chromaticities": exr_files.encode_chromaticities(primaries)} if rng.random() < 0.5 else {}
    display_window = (rng.randint(-3, 3), rng.randint(-3, 3), rng.randint(4, 9), rng.randint(4, 9))
    parts = []
    for number in range(rng.choice((1, 1, 2, 3))):
        names, sampling = rng.choice(EXR_CHANNELS)
        kind, left, top = rng.choice(("f2", "f4", "u4")), 2 * rng.randint(-2, 2), 2 * rng.randint(-2, 2)
        channels = {}
        for name in names.split():
            x_step, y_step = sampling.get(name, (1, 1))
            channels[name] = (np.arange(48).reshape(6, 8)[::y_step, ::x_step] / 8).astype(kind)
        tile = (4, 3) if not sampling and rng.random() < 0.4 else None
        part = exr_files.Part(channels, sampling, (left, top, left + 7, top + 5), display_window, shared, tile)
        attributes = shared | {"name": ("string", f"{rng.choice(('beauty', 'depth'))} {number}".encode())}
        parts.append(part._replace(attributes=attributes, level_mode=rng.randint(0, 2) if tile else 0))
    return {"a.exr": exr_files.encode_exr(*parts)}


# Names of channels, and pixels per value.
EXR_CHANNELS: list[tuple[str, dict[str, tuple[int, int]]]] = [
    ("R G B", {}),
    ("A B G R Z", {}),
    ("Combined.R Combined.G Combined.B Depth.Z", {}),
    ("Y", {}),
    ("Y RY BY", {"RY": (2, 2), "BY": (2, 2)}),
    ("R G B", {"R": (2, 1)}),
    ("X Y Z", {}),
    ("Normal.X Normal.Y Normal.Z", {}),
    ("R G", {}),
    ("density", {}),
]
