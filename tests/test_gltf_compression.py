"""Tests of compressed glTF: buffer views (meshopt) and images (KTX2 with Basis Universal) against plain ones."""

from __future__ import annotations

import copy
import random
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gltf_files import (
    PIXELS,
    UVS,
    Tree,
    add_buffer_view,
    add_mesh,
    add_node,
    encode_png,
    get_albedo_pixels,
    make_empty,
    make_textured,
    read_error,
    read_mesh,
    read_scene,
    sort_triangles,
    write_glb,
)
from ssdo.arrays import Bytes
from ssdo.optional_packages import format_install_command
from ssdo.scene.files import gltf, gltf_ktx2, gltf_meshopt, images
from ssdo.settings import UserError

# ---- meshopt ---------------------------------------------------------------------------------------------------------


def compress_views(tree: Tree, binary: bytearray, name: str, **members: Any) -> tuple[Tree, bytearray]:
    """The same file with compressed buffer views. Its second buffer has the plain data's length, and no data."""
    import meshopt

    compressed, data = copy.deepcopy(tree), bytearray()
    widths = {view: accessor for accessor in tree["accessors"] for view in [accessor["bufferView"]]}
    for i, view in enumerate(compressed["bufferViews"]):
        accessor = widths.get(i)
        if accessor is None:
            continue
        size = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        kind = {5121: "u1", 5123: "u2", 5125: "u4", 5126: "f4"}[accessor["componentType"]]
        start = view["byteOffset"]
        values = np.frombuffer(binary[start : start + view["byteLength"]], kind).reshape(-1, size)
        mode = "ATTRIBUTES"
        if size == 1:
            mode = "TRIANGLES" if i % 2 else "INDICES"
            values = values.astype("u2" if kind == "u1" else kind)
            accessor["componentType"] = 5125 if kind == "u4" else 5123
        encoded = meshopt.encode_gltf_buffer(values.ravel() if size == 1 else values, mode, int(name[0] == "K"))
        stride = values.itemsize * size
        extension = {"byteStride": stride, "count": len(values), "mode": mode, **members}
        data += bytes(-len(data) % 4)
        extension |= {"buffer": 0, "byteOffset": len(data), "byteLength": len(encoded)}
        data += encoded
        compressed["bufferViews"][i] = {
            "buffer": 1,
            "byteLength": stride * len(values),
            "extensions": {name: extension},
        }
    compressed["buffers"] = [{"byteLength": len(data)}, {"byteLength": 10**6, "extensions": {name: {"fallback": True}}}]
    compressed |= {"extensionsUsed": [name], "extensionsRequired": [name]}
    return compressed, data


def make_grid(size: int = 20, kind: str = "u2") -> tuple[Tree, bytearray]:
    rng = np.random.default_rng(size)
    uvs = np.stack(np.meshgrid(np.linspace(0, 1, size), np.linspace(0, 1, size)), -1).reshape(-1, 2).astype("f4")
    positions = np.concatenate([uvs, rng.uniform(size=(len(uvs), 1))], 1).astype("f4")
    first = (np.arange(size - 1)[:, None] * size + np.arange(size - 1)).ravel()
    triangles = np.concatenate([first, first + 1, first + size, first + 1, first + size + 1, first + size])
    tree, binary = make_empty()
    colors = rng.integers(0, 256, (len(uvs), 4), "u1")
    add_mesh(tree, binary, POSITION=positions, TEXCOORD_0=uvs, COLOR_0=colors, indices=triangles.astype(kind))
    return tree, binary


@pytest.mark.parametrize("kind", ["u2", "u4"])
@pytest.mark.parametrize("name", gltf_meshopt.EXTENSIONS)
def test_meshopt(tmp_path: Path, name: str, kind: str) -> None:
    """Attributes and indices of every size, in both modes for indices: bit for bit the plain ones."""
    pytest.importorskip("meshopt")
    tree, binary = make_grid(kind=kind)
    plain = read_scene(tmp_path, tree, binary)
    for swap in (False, True):  # shifts views by one, and so swaps the modes of indices
        if swap:
            tree["bufferViews"].insert(0, {"buffer": 0, "byteOffset": 0, "byteLength": 4})
            for accessor in tree["accessors"]:
                accessor["bufferView"] += 1
        scene = read_scene(tmp_path, *compress_views(tree, binary, name))
        assert scene.warnings == ()
        for field in ("positions", "uvs", "colors"):
            np.testing.assert_array_equal(getattr(scene.meshes[0], field), getattr(plain.meshes[0], field))
        # meshoptimizer rotates the corners of triangles
        assert (sort_triangles(scene.meshes[0]) == sort_triangles(plain.meshes[0])).all()


def test_meshopt_filters(tmp_path: Path) -> None:
    """Octahedral normals, and exponents of positions: within the rounding of their bits."""
    meshopt = pytest.importorskip("meshopt")
    rng = np.random.default_rng(4)
    normals = rng.normal(size=(64, 3))
    normals = np.pad((normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype("f4"), ((0, 0), (0, 1)))
    positions = rng.normal(size=(64, 3)).astype("f4")
    tree, binary = make_empty()
    triangles = np.arange(63, dtype="u2")
    add_mesh(tree, binary, POSITION=positions, NORMAL=normals[:, :3].copy(), indices=triangles)
    plain = read_mesh(tmp_path, tree, binary)
    encoded = {
        0: (meshopt.encode_filter_exp(positions, 15), "EXPONENTIAL"),
        1: (meshopt.encode_filter_oct(normals, 8, 16), "OCTAHEDRAL"),
    }
    for i, (values, kind) in encoded.items():
        data = meshopt.encode_gltf_buffer(values, "ATTRIBUTES", 0)
        extension = {"count": 64, "byteStride": values.shape[1], "mode": "ATTRIBUTES", "filter": kind, "buffer": 0}
        start = tree["bufferViews"][add_buffer_view(tree, binary, data)]["byteOffset"]
        extension |= {"byteOffset": start, "byteLength": len(data)}
        tree["bufferViews"][i] = {
            "buffer": 1,
            "byteLength": values.nbytes,
            "byteStride": values.shape[1],
            "extensions": {"EXT_meshopt_compression": extension},
        }
    tree["buffers"].append({"byteLength": 10**4})
    tree["accessors"][1] |= {"componentType": 5122, "normalized": True}
    mesh = read_mesh(tmp_path, tree, binary)
    # 15 bits for the largest component of each vector; 16 bits for each octahedral coordinate
    assert np.abs(mesh.positions - plain.positions).max() < np.abs(positions).max() * 2.0**-13
    assert mesh.normals is not None and plain.normals is not None
    assert np.abs(mesh.normals - plain.normals).max() < 2.0**-13


def test_meshopt_uses_plain_data_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package, too."""
    monkeypatch.setitem(sys.modules, "meshopt", None)
    tree, binary = make_grid(4)
    for view in tree["bufferViews"]:
        view["extensions"] = {"EXT_meshopt_compression": {"buffer": 0, "count": 1, "byteStride": 4}}
    assert read_scene(tmp_path, tree, binary).warnings == ()


@pytest.mark.parametrize("name", gltf_meshopt.EXTENSIONS)
def test_meshopt_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Refused, though it has another mesh without compression: installing the package is easy."""
    pytest.importorskip("meshopt")
    tree, binary = compress_views(*make_grid(4), name)
    tree["bufferViews"].append({"buffer": 2, "byteLength": 36})
    tree["buffers"].append({"byteLength": 36, "uri": "data:," + "%00" * 36})
    view = len(tree["bufferViews"]) - 1
    tree["accessors"].append({"bufferView": view, "componentType": 5126, "count": 3, "type": "VEC3"})
    tree["meshes"].append({"primitives": [{"attributes": {"POSITION": len(tree["accessors"]) - 1}}]})
    add_node(tree, mesh=1)
    path = write_glb(tmp_path / "a.glb", tree, binary)
    assert len(gltf.read_gltf(path).meshes) == 2
    monkeypatch.setitem(sys.modules, "meshopt", None)
    text = read_error(path)
    assert f"{name} needs the package meshopt: {format_install_command('meshopt')}; or convert" in text
    assert "gltfpack -i in.glb -o out.glb -noq" in text


BROKEN_MESHOPT: dict[str, tuple[dict[str, Any], str]] = {
    "no count": ({"count": None}, "count: must be a whole number"),
    "count 0": ({"count": 0}, "must have elements"),
    "huge count": ({"count": 2**40}, "count: 1099511627776 elements of"),
    "another block": ({"count": 700}, "not a whole meshopt buffer"),
    "no mode": ({"mode": "POINTS"}, "must have elements, one of the modes"),
    "another mode": ({"mode": "TRIANGLES"}, "not a whole meshopt buffer"),
    "no filter": ({"filter": "GAUSS"}, "and a known filter"),
    "odd stride": ({"byteStride": 7}, "not a whole meshopt buffer"),
    "wide stride": ({"byteStride": 260}, "not a whole meshopt buffer"),
    "cut off": ({"byteLength": 50}, "not a whole meshopt buffer"),
    "of no buffer": ({"buffer": 9}, "buffer: buffers[9] does not exist"),
    "beyond the buffer": ({"byteOffset": 10**6}, "not a whole meshopt buffer"),
}


@pytest.mark.parametrize("name", BROKEN_MESHOPT)
def test_broken_meshopt(tmp_path: Path, name: str) -> None:
    pytest.importorskip("meshopt")
    tree, binary = compress_views(*make_grid(), "EXT_meshopt_compression")
    members, rule = BROKEN_MESHOPT[name]
    tree["bufferViews"][0]["extensions"]["EXT_meshopt_compression"] |= members
    text = read_error(write_glb(tmp_path / "a.glb", tree, binary))
    assert text.startswith("bufferViews[0].extensions.EXT_meshopt_compression") and rule in text, text


# ---- KTX2 ------------------------------------------------------------------------------------------------------------


def encode_ktx2(pixels: Bytes, codec: str = "uastc", **options: Any) -> bytes:
    alktx2 = pytest.importorskip("alktx2")
    data: bytes = alktx2.encode_bytes_to_ktx2(encode_png(pixels), mime="png", codec=codec, threads=1, **options)
    return data


def make_smooth_pixels(width: int, height: int) -> Bytes:
    """(height, width, 4) with a gradient of its own in each channel."""
    x, y = np.linspace(0, 1, width)[None, :], np.linspace(0, 1, height)[:, None]
    channels = (x + 0 * y, y + 0 * x, 1 - (x + y) / 2, 1 - 0.5 * x * y)
    return np.rint(255 * np.stack(channels, -1)).astype("u1")


def make_with_ktx2(data: bytes) -> tuple[Tree, bytearray]:
    tree, binary = make_textured({}, TEXCOORD_0=UVS)
    tree["images"][0] = {"bufferView": add_buffer_view(tree, binary, data), "mimeType": "image/ktx2"}
    tree["textures"][0] = {"extensions": {"KHR_texture_basisu": {"source": 0}}}
    tree |= {"extensionsUsed": ["KHR_texture_basisu"], "extensionsRequired": ["KHR_texture_basisu"]}
    return tree, binary


@pytest.mark.parametrize("size", [(64, 32), (37, 61)])
@pytest.mark.parametrize("options", [{"codec": "etc1s"}, {}, {"zstd_supercompression_level": 6}, {"mipmaps": True}])
def test_ktx2(tmp_path: Path, size: tuple[int, int], options: dict[str, Any]) -> None:
    """As it was encoded, row 0 on top. ETC1S has one colour of 5 bits for each block of 4 x 4, in four shades."""
    pixels = make_smooth_pixels(*size)
    scene = read_scene(tmp_path, *make_with_ktx2(encode_ktx2(pixels, quality=100, **options)))
    decoded = get_albedo_pixels(scene.meshes[0])
    assert decoded.shape == pixels.shape and scene.warnings == ()
    error = np.abs(decoded.astype("i4") - pixels)
    assert error.mean() < (6 if "codec" in options else 2)
    # Turned, mirrored or with swapped channels it would be far off.
    for turned in (pixels[::-1], pixels[:, ::-1], pixels[..., [2, 1, 0, 3]]):
        assert np.abs(decoded.astype("i4") - turned).mean() > 30


def test_ktx2_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn without its images, with one note that names the command."""
    data = encode_ktx2(make_smooth_pixels(8, 8))
    tree, binary = make_with_ktx2(data)
    tree["images"].append({"bufferView": add_buffer_view(tree, binary, data + b"\0")})
    tree["textures"].append({"extensions": {"KHR_texture_basisu": {"source": 1}}})
    tree["materials"][0]["emissiveTexture"], tree["materials"][0]["emissiveFactor"] = {"index": 1}, [1, 1, 1]
    monkeypatch.setitem(sys.modules, "alktx2", None)
    scene = read_scene(tmp_path, tree, binary)
    assert scene.meshes[0].material.textures == []
    (warning,) = scene.warnings
    command = f"KHR_texture_basisu needs the package alktx2: {format_install_command('alktx2')}"
    assert warning.startswith(f"images[0]: {command}; or convert the file: ")
    assert warning.endswith("the image is left out (1 more)")


def test_a_plain_image_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "alktx2", None)
    tree, binary = make_textured({}, TEXCOORD_0=UVS)
    tree["images"].append({"uri": "none.ktx2"})
    tree["textures"][0]["extensions"] = {"KHR_texture_basisu": {"source": 1}}
    scene = read_scene(tmp_path, tree, binary)
    np.testing.assert_array_equal(get_albedo_pixels(scene.meshes[0]), PIXELS)
    assert scene.warnings == ()


def change_header(data: bytes, field: int, value: int) -> bytes:
    """KTX2 data with another number in its header; fields from 9 on are those of the first level."""
    changed = bytearray(data)
    at = 12 + 4 * field if field < 9 else gltf_ktx2.FIRST_LEVEL + 8 * (field - 9)
    struct.pack_into("<I" if field < 9 else "<Q", changed, at, value)
    return bytes(changed)


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        (0, 37, "must be a KTX2 image of two dimensions"),  # vkFormat
        (2, 0, "must be a KTX2 image of two dimensions"),  # width
        (2, 24, "not a whole KTX2 image"),
        (2, 16385, "must be at most 16384 pixels a side"),
        (3, 2**32 - 1, "must be at most 16384 pixels a side"),
        (4, 2, "must be a KTX2 image of two dimensions"),  # depth
        (5, 3, "must be a KTX2 image of two dimensions"),  # layers
        (6, 6, "must be a KTX2 image of two dimensions"),  # faces
        (7, 2**31, "must be a KTX2 image of two dimensions"),  # levels
        (7, 9, "the sizes in the KTX2 header contradict"),
        (9, 2**60, "the sizes in the KTX2 header contradict"),
        (10, 2**60, "the sizes in the KTX2 header contradict"),
        (11, 2**60, "the sizes in the KTX2 header contradict"),
        (11, 10**6, "the sizes in the KTX2 header contradict"),
    ],
)
def test_broken_ktx2(tmp_path: Path, field: int, value: int, rule: str) -> None:
    tree, binary = make_with_ktx2(change_header(encode_ktx2(make_smooth_pixels(16, 8)), field, value))
    scene = read_scene(tmp_path, tree, binary)
    assert scene.meshes[0].material.textures == []
    assert scene.warnings[0].startswith("images[0]: ") and rule in scene.warnings[0], scene.warnings


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["etc1s", "uastc"])
def test_damaged_ktx2(codec: str) -> None:
    """The package survives whatever follows a valid header."""
    good = encode_ktx2(make_smooth_pixels(16, 8), codec)
    rng = random.Random(1)
    valid = 0
    for _ in range(200):
        data = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(12, len(data))] = rng.randrange(256)
        try:
            image = gltf_ktx2.open_ktx2(bytes(data), "a")
            images.ImageLimits().add_image(image.width, image.height, "a")
            valid += gltf_ktx2.decode_ktx2(image, "a").shape == (image.height, image.width, 4)
        except UserError as error:
            assert str(error).startswith("a: ")
    assert 0 < valid < 200
