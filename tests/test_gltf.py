"""Tests of glTF: the same content gives the same scene however it is stored; broken files give one-line errors."""

from __future__ import annotations

import base64
import contextlib
import copy
import io
import itertools
import json
import math
import random
import struct
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gltf_files import (
    CODES,
    CORNERS,
    FACES,
    ONE,
    PIXELS,
    UVS,
    Tree,
    add_buffer_view,
    add_mesh,
    add_node,
    add_texture,
    assert_near,
    compute_volume,
    encode_glb,
    encode_png,
    find_container,
    get_albedo_pixels,
    list_members,
    make_empty,
    make_tetrahedron,
    make_textured,
    read_error,
    read_mesh,
    read_scene,
    shift_corners,
    sort_triangles,
    write_glb,
)
from PIL import Image
from ssdo.arrays import Bytes
from ssdo.scene.files import gltf, gltf_document, gltf_extensions, gltf_geometry, gltf_images, images
from ssdo.scene.model import Mesh, Scene
from ssdo.settings import UserError

# ---- containers and accessors ----------------------------------------------------------------------------------------


def test_tetrahedron(tmp_path: Path) -> None:
    scene = gltf.read_gltf(write_glb(tmp_path / "name.glb", *make_tetrahedron()))
    (mesh,) = scene.meshes
    np.testing.assert_array_equal(mesh.positions, CORNERS)
    np.testing.assert_array_equal(mesh.triangles, FACES)
    assert mesh.positions.dtype == np.float32 and mesh.triangles.dtype == np.int32
    assert mesh.normals is None and mesh.uvs is None
    assert mesh.material.albedo == (1, 1, 1) and mesh.material.emission == (0, 0, 0)
    assert (scene.name, scene.eye, scene.target, scene.sun.irradiance) == ("name", None, None, 0)
    assert compute_volume(mesh) == pytest.approx(4 / 6)


def test_containers_agree(tmp_path: Path) -> None:
    """.glb, .gltf with a file, in a folder with a space, and with data in the URI."""
    tree, binary = make_textured()
    expected = read_mesh(tmp_path, tree, binary)
    (tmp_path / "in here").mkdir()
    (tmp_path / "in here" / "b.bin").write_bytes(binary)
    (tmp_path / "in here" / "p.png").write_bytes(encode_png(PIXELS))
    data = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
    for uri, image_uri in (
        ("in%20here/b.bin", "in here/p.png"),
        (data, "data:image/png;base64," + base64.b64encode(encode_png(PIXELS)).decode()),
    ):
        tree["buffers"][0]["uri"], tree["images"][0] = uri, {"uri": image_uri}
        (tmp_path / "a.gltf").write_text(json.dumps(tree))
        (mesh,) = gltf.read_gltf(tmp_path / "a.gltf").meshes
        for name in ("positions", "triangles", "uvs"):
            np.testing.assert_array_equal(getattr(mesh, name), getattr(expected, name))
        np.testing.assert_array_equal(get_albedo_pixels(mesh), PIXELS)


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", None])
def test_index_types(tmp_path: Path, kind: str | None) -> None:
    tree, binary = make_empty()
    if kind:
        add_mesh(tree, binary, POSITION=CORNERS, indices=FACES.ravel().astype(kind))
    else:
        add_mesh(tree, binary, POSITION=CORNERS[FACES.ravel()])
    np.testing.assert_array_equal(
        sort_triangles(read_mesh(tmp_path, tree, binary)), sort_triangles(Mesh(CORNERS, FACES.astype("i4")))
    )


def test_interleaved(tmp_path: Path) -> None:
    tree, binary = make_tetrahedron(TEXCOORD_0=UVS, NORMAL=CORNERS + ONE)
    plain = read_mesh(tmp_path, tree, binary)
    rows = np.concatenate([CORNERS, CORNERS + ONE, UVS], 1)
    buffer_view = add_buffer_view(tree, binary, b"1234" + rows.tobytes() + b"56", byteStride=32)
    for name, offset in (("POSITION", 4), ("NORMAL", 16), ("TEXCOORD_0", 28)):
        entry = tree["accessors"][tree["meshes"][0]["primitives"][0]["attributes"][name]]
        entry["bufferView"], entry["byteOffset"] = buffer_view, offset
    mesh = read_mesh(tmp_path, tree, binary)
    for name in ("positions", "triangles", "normals", "uvs"):
        np.testing.assert_array_equal(getattr(mesh, name), getattr(plain, name))


@pytest.mark.parametrize("base_kind", ["values", "nothing"])
@pytest.mark.parametrize("kind", ["u1", "u2", "u4"])
def test_sparse(tmp_path: Path, base_kind: str, kind: str) -> None:
    tree, binary = make_tetrahedron()
    base = CORNERS.copy() if base_kind == "values" else np.zeros_like(CORNERS)
    base[[1, 3]] = 9 if base_kind == "values" else 0
    indices = [1, 3] if base_kind == "values" else [0, 1, 2, 3]
    entry = tree["accessors"][0]
    entry["bufferView"] = add_buffer_view(tree, binary, base.tobytes())
    if base_kind == "nothing":
        del entry["bufferView"]
    entry["sparse"] = {
        "count": len(indices),
        "indices": {
            "bufferView": add_buffer_view(tree, binary, np.array(indices, kind).tobytes()),
            "componentType": CODES[kind],
        },
        "values": {"bufferView": add_buffer_view(tree, binary, b"skip" + CORNERS[indices].tobytes()), "byteOffset": 4},
    }
    np.testing.assert_array_equal(read_mesh(tmp_path, tree, binary).positions, CORNERS)


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2"])
def test_quantised_and_normalised(tmp_path: Path, kind: str) -> None:
    """Integers with a node that scales them back are the floats they stand for."""
    top = np.iinfo(kind).max
    tree, binary = make_tetrahedron(
        POSITION=np.pad(CORNERS * 50, ((0, 0), (0, 1))).astype(kind), TEXCOORD_0=np.rint(UVS * top).astype(kind)
    )
    tree["accessors"][0] |= {"type": "VEC3"}
    tree["bufferViews"][0]["byteStride"] = 4 * np.dtype(kind).itemsize
    tree["accessors"][1]["normalized"] = True
    tree["nodes"][0]["scale"] = [0.02] * 3
    tree["extensionsRequired"] = ["KHR_mesh_quantization"]
    mesh = read_mesh(tmp_path, tree, binary)
    assert_near(mesh.positions, CORNERS)
    assert_near(mesh.uvs, UVS, atol=0.6 / top)


def test_the_most_negative_normalised_is_minus_one(tmp_path: Path) -> None:
    signed = np.array([(-128, 127), (-127, 0), (64, -64), (1, -1)], "i1")
    tree, binary = make_tetrahedron(TEXCOORD_0=np.pad(signed, ((0, 0), (0, 2))))
    tree["accessors"][1] |= {"type": "VEC2", "normalized": True}
    tree["bufferViews"][1]["byteStride"] = 4
    assert_near(read_mesh(tmp_path, tree, binary).uvs, np.array([(-127, 127), (-127, 0), (64, -64), (1, -1)]) / 127)


def test_strips_and_fans(tmp_path: Path) -> None:
    """Winding equals that of the triangles written out. Degenerate triangles that join strips are left out."""
    points = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 1), (-1, 1, 0)], "f4")
    shapes = {
        5: ([0, 1, 2, 3, 4], [(0, 1, 2), (2, 1, 3), (2, 3, 4)]),
        6: ([0, 1, 2, 3, 4], [(0, 1, 2), (0, 2, 3), (0, 3, 4)]),
    }
    for mode, (indices, triangles) in shapes.items():
        tree, binary = make_empty()
        add_mesh(tree, binary, POSITION=points, indices=np.array(indices, "u2"))["mode"] = mode
        plain = Mesh(points, np.array(triangles, "i4"))
        np.testing.assert_array_equal(sort_triangles(read_mesh(tmp_path, tree, binary)), sort_triangles(plain))
    tree, binary = make_empty()
    add_mesh(tree, binary, POSITION=points, indices=np.array([0, 1, 2, 2, 3, 3, 1, 4], "u2"))["mode"] = 5
    assert read_mesh(tmp_path, tree, binary).triangles.shape == (2, 3)


@pytest.mark.parametrize("kind", ["u1", "u2", "u4"])
@pytest.mark.parametrize("mode", [5, 6])
def test_primitive_restart(tmp_path: Path, mode: int, kind: str) -> None:
    """The largest index starts the next strip or fan, as if it were another primitive."""
    points = np.random.default_rng(0).uniform(size=(9, 3)).astype("f4")
    parts = [[0, 1, 2, 3], [], [4, 5, 6], [1], [8, 7, 6, 5, 4]]
    tree, binary = make_empty()
    for part in filter(None, parts):
        add_mesh(tree, binary, POSITION=points, indices=np.array(part, kind))["mode"] = mode
    expected = sort_triangles(read_mesh(tmp_path, tree, binary))
    tree, binary = make_empty()
    restart = [np.iinfo(kind).max]
    indices = np.array([i for part in parts for i in part + restart], kind)
    add_mesh(tree, binary, POSITION=points, indices=indices)["mode"] = mode
    scene = read_scene(tmp_path, tree, binary)
    np.testing.assert_array_equal(sort_triangles(scene.meshes[0]), expected)
    assert scene.warnings == ()


def test_unused_vertices_of_a_shared_accessor_are_left_out(tmp_path: Path) -> None:
    tree, binary = make_empty()
    positions = np.concatenate([np.full((1000, 3), np.nan, "f4"), CORNERS])  # unused vertices may be NaN
    add_mesh(
        tree,
        binary,
        POSITION=positions,
        NORMAL=np.abs(positions) + 1,
        TEXCOORD_0=positions[:, :2].copy(),
        indices=FACES + np.uint16(1000),
    )
    mesh = read_mesh(tmp_path, tree, binary)
    np.testing.assert_array_equal(mesh.positions, CORNERS)
    np.testing.assert_array_equal(mesh.triangles, FACES)
    np.testing.assert_array_equal(mesh.uvs, CORNERS[:, :2])
    assert_near(np.linalg.norm(np.array(mesh.normals), axis=1), np.ones(4))


def test_points_and_lines_are_skipped(tmp_path: Path) -> None:
    tree, binary = make_tetrahedron()
    plain = tree["meshes"][0]["primitives"][0]
    tree["meshes"][0]["primitives"] += [{**plain, "mode": mode} for mode in range(4)] + [{"attributes": {}}]
    assert len(read_mesh(tmp_path, tree, binary).triangles) == 4
    tree["meshes"][0]["primitives"].remove(plain)
    rule = "file: has no triangles; meshes[0].primitives[0]: points and lines are not shown (3 more)"
    assert read_error(write_glb(tmp_path / "a.glb", tree, binary)) == rule


# ---- hierarchy -------------------------------------------------------------------------------------------------------


def test_hierarchy(tmp_path: Path) -> None:
    """A quarter turn about y takes x to -z. The parent's transform applies last."""
    tree, binary = make_tetrahedron()
    half = math.sqrt(0.5)
    tree["nodes"] = [
        {"children": [1], "translation": [10, 0, 0]},
        {"children": [2], "rotation": [0, half, 0, half]},
        {"mesh": 0, "scale": [2, 3, 4], "translation": [0, 0, 5]},
    ]
    expected = np.array([(15, 0, 0), (15, 0, -2), (15, 6, 0), (23, 0, 0)])
    assert_near(read_mesh(tmp_path, tree, binary).positions, expected, atol=1e-5)
    for i, columns in enumerate(
        ((1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 10, 0, 0, 1), (0, 0, -1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1))
    ):
        tree["nodes"][i] = {"children": [i + 1], "matrix": columns}
        assert_near(read_mesh(tmp_path, tree, binary).positions, expected, atol=1e-5)


def test_rotation_about_each_axis(tmp_path: Path) -> None:
    tree, binary = make_tetrahedron()
    for axis in range(3):
        # half of the angle
        tree["nodes"][0]["rotation"] = [*(math.sin(0.3) * (k == axis) for k in range(3)), math.cos(0.3)]
        a, b = (axis + 1) % 3, (axis + 2) % 3
        rotated = CORNERS.copy()
        rotated[:, a] = math.cos(0.6) * CORNERS[:, a] - math.sin(0.6) * CORNERS[:, b]
        rotated[:, b] = math.sin(0.6) * CORNERS[:, a] + math.cos(0.6) * CORNERS[:, b]
        assert_near(read_mesh(tmp_path, tree, binary).positions, rotated)


@pytest.mark.parametrize("signs", list(itertools.product((1, -1), repeat=3)))
def test_mirrors_keep_the_outside(tmp_path: Path, signs: tuple[int, int, int]) -> None:
    """Volume and normals under mirroring scales of a parent node."""
    normals = np.array([(-1, -1, -1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)], "f4")
    tree, binary = make_tetrahedron(NORMAL=normals)
    tree["nodes"][0]["scale"] = [1, 2, 3]
    tree["nodes"].append({"children": [0], "scale": signs})
    tree["scenes"][0]["nodes"] = [1]
    mesh = read_mesh(tmp_path, tree, binary)
    assert compute_volume(mesh) == pytest.approx(6 * 4 / 6)
    expected = normals / (1, 2, 3) * signs
    assert_near(mesh.normals, expected / np.linalg.norm(expected, axis=1, keepdims=True))


def test_normals_stay_perpendicular(tmp_path: Path) -> None:
    """A slanted square, scaled and sheared: its normal is the cross product of its transformed edges."""
    square = np.array([(0, 0, 0), (1, 0, 1), (1, 1, 1), (0, 1, 0)], "f4")
    tree, binary = make_empty()
    normal = np.tile(np.array((-(0.5**0.5), 0, 0.5**0.5), "f4"), (4, 1))
    add_mesh(tree, binary, POSITION=square, NORMAL=normal, indices=np.array([0, 1, 2, 0, 2, 3], "u1"))
    tree["nodes"][0]["matrix"] = [2, 0, 0.5, 0, 0.3, 1, 0, 0, 0, 0, 3, 0, 7, 8, 9, 1]
    mesh = read_mesh(tmp_path, tree, binary)
    a, b, c = mesh.positions[mesh.triangles[0]].astype("f8")
    face = np.cross(b - a, c - a)
    assert_near(mesh.normals, np.tile(face / np.linalg.norm(face), (4, 1)))
    tree["nodes"][0]["matrix"][8:12] = [0, 0, 0, 0]  # singular: flattened to a plane
    assert_near(np.linalg.norm(np.array(read_mesh(tmp_path, tree, binary).normals), axis=1), 1)


def test_zero_normals_come_from_the_faces(tmp_path: Path) -> None:
    normals = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], "f4")
    mesh = read_mesh(tmp_path, *make_tetrahedron(NORMAL=normals))
    assert mesh.normals is not None
    np.testing.assert_array_equal(mesh.normals[1:], normals[1:])
    # around corner 0: faces of area 1, 1 and 2 in the planes z = 0, y = 0, x = 0
    assert_near(mesh.normals[0], -np.array((2, 1, 1)) / math.sqrt(6))
    tree, binary = make_tetrahedron(NORMAL=np.tile(np.array((1, 0, 0), "f4"), (4, 1)))
    tree["nodes"][0]["scale"] = [1, 1e-8, 1e-8]  # a thin scale is not singular
    assert_near(read_mesh(tmp_path, tree, binary).normals, np.tile((1, 0, 0), (4, 1)))


def test_instances_and_merging(tmp_path: Path) -> None:
    """One mesh for a material; another if normals are missing."""
    tree, binary = make_tetrahedron()
    tree["materials"] = [{"name": "a"}, {"name": "b"}]
    tree["meshes"][0]["primitives"][0]["material"] = 0
    add_mesh(tree, binary, POSITION=CORNERS + 100 * ONE, indices=FACES)["material"] = 1
    add_mesh(tree, binary, POSITION=CORNERS, NORMAL=CORNERS + ONE, indices=FACES)["material"] = 0
    add_node(tree, mesh=0, translation=[5, 0, 0])
    meshes = read_scene(tmp_path, tree, binary).meshes
    assert [(m.material.name, len(m.triangles), m.normals is None) for m in meshes] == [
        ("a", 8, True),
        ("b", 4, True),
        ("a", 4, False),
    ]
    np.testing.assert_array_equal(meshes[0].positions, np.concatenate([CORNERS, shift_corners(5)]))
    np.testing.assert_array_equal(meshes[0].triangles, np.concatenate([FACES, FACES + 4]))
    assert meshes[0].material is meshes[2].material


def test_depth_has_no_limit(tmp_path: Path) -> None:
    tree, binary = make_tetrahedron()
    depth = sys.getrecursionlimit() * 2
    tree["nodes"] = [{"children": [i + 1], "translation": [1, 0, 0]} for i in range(depth)] + [{"mesh": 0}]
    scene = read_scene(tmp_path, tree, binary)
    (mesh,) = scene.meshes
    np.testing.assert_array_equal(scene.coordinates.to_file(mesh.positions.astype("f8")), shift_corners(depth))


def test_default_scene(tmp_path: Path) -> None:
    """The default scene, else the first, else all nodes without a parent, in the file's order."""
    tree, binary = make_tetrahedron()
    tree["nodes"] = [{"mesh": 0}, {"mesh": 0, "translation": [7, 0, 0]}, {"children": [1]}]
    tree["scenes"] = [{"nodes": [0]}, {"nodes": [2]}]
    for default, x in ((0, [0]), (1, [7])):
        tree["scene"] = default
        assert read_mesh(tmp_path, tree, binary).positions[::4, 0].tolist() == x
    del tree["scene"]
    assert read_mesh(tmp_path, tree, binary).positions[::4, 0].tolist() == [0]
    del tree["scenes"]
    assert read_mesh(tmp_path, tree, binary).positions[::4, 0].tolist() == [0, 7]
    tree["nodes"][2]["children"] = [1, 0]
    assert read_mesh(tmp_path, tree, binary).positions[::4, 0].tolist() == [7, 0]


def test_hidden_nodes(tmp_path: Path) -> None:
    """Meshes and lights of a hidden node and of all below it are hidden; its cameras are not (KHR_node_visibility)."""
    light = {"type": "point"}
    for hidden in itertools.product((None, False, True), repeat=3):
        tree, binary = make_tetrahedron()
        tree["cameras"] = [{"type": "perspective", "perspective": {"yfov": 1, "znear": 0.1}}]
        tree["extensions"] = {"KHR_lights_punctual": {"lights": [light] * 4}}
        tree["nodes"] = [
            {"mesh": 0, "translation": [i, 0, 0], "extensions": {"KHR_lights_punctual": {"light": i}}} for i in range(4)
        ]
        for i, is_hidden in enumerate(hidden):
            tree["nodes"][i]["children"] = [i + 1]
            if is_hidden is not None:
                tree["nodes"][i]["extensions"]["KHR_node_visibility"] = {"visible": not is_hidden} if is_hidden else {}
        tree["nodes"][2]["camera"] = 0
        add_node(tree, mesh=0, translation=[-9, 0, 0])
        scene = read_scene(tmp_path, tree, binary)
        count = next((i for i, is_hidden in enumerate(hidden) if is_hidden), 4)
        places = np.cumsum(np.arange(count))
        assert scene.meshes[0].positions[::4, 0].tolist() == [*places, -9]
        assert [x for (x, _, _) in (point.position for point in scene.lights)] == places.tolist()
        assert scene.eye == (3, 0, 0)


# ---- materials -------------------------------------------------------------------------------------------------------


def test_factors(tmp_path: Path) -> None:
    tree, binary = make_tetrahedron()
    tree["materials"] = [
        {
            "name": "lamp",
            "emissiveFactor": [1, 0.5, 0],
            "pbrMetallicRoughness": {"baseColorFactor": [0.1, 0.2, 0.3, 0.4]},
        }
    ]
    tree["meshes"][0]["primitives"][0]["material"] = 0
    material = read_mesh(tmp_path, tree, binary).material
    assert (material.name, material.albedo, material.emission) == ("lamp", (0.1, 0.2, 0.3), (1, 0.5, 0))
    tree["materials"][0]["extensions"] = {"KHR_materials_emissive_strength": {"emissiveStrength": 8}}
    assert read_mesh(tmp_path, tree, binary).material.emission == (8, 4, 0)


def test_images(tmp_path: Path) -> None:
    """Pixels are those of the image, row 0 on top, for PNGs of several kinds."""
    tree, binary = make_textured()
    mesh = read_mesh(tmp_path, tree, binary)
    assert get_albedo_pixels(mesh).dtype == np.uint8
    np.testing.assert_array_equal(get_albedo_pixels(mesh), PIXELS)
    np.testing.assert_array_equal(mesh.uvs, UVS)
    deep = np.array([[0, 0x1234], [0x8000, 0xFFFF]], "u2")
    grey = np.array([[0, 0x12], [0x80, 0xFF]], "u1")
    expected: dict[str, tuple[bytes, Bytes]] = {
        "16 bit": (encode_png(deep), np.stack([grey] * 3 + [np.full_like(grey, 255)], -1)),
        "grey": (encode_png(grey), np.stack([grey] * 3 + [np.full_like(grey, 255)], -1)),
        "palette": (
            encode_png(Image.fromarray(PIXELS[..., :3]).quantize(6)),
            np.concatenate([PIXELS[..., :3], np.full((3, 2, 1), 255, "u1")], -1),
        ),
    }
    for name, (data, pixels) in expected.items():
        tree["images"][0] = {"bufferView": add_buffer_view(tree, binary, data)}
        np.testing.assert_array_equal(get_albedo_pixels(read_mesh(tmp_path, tree, binary)), pixels, name)


def test_other_image_formats(tmp_path: Path) -> None:
    flat = np.full((16, 8, 3), (200, 100, 50), "u1")
    tree, binary = make_textured()
    tree["extensionsRequired"] = ["EXT_texture_webp"]
    for kind in ("JPEG", "WEBP"):
        stream = io.BytesIO()
        Image.fromarray(flat).save(stream, kind, quality=95)
        tree["images"][0] = {"bufferView": add_buffer_view(tree, binary, stream.getvalue())}
        tree["textures"][0] = {"extensions": {"EXT_texture_webp": {"source": 0}}} if kind == "WEBP" else {"source": 0}
        actual = get_albedo_pixels(read_mesh(tmp_path, tree, binary))
        assert actual.shape == (16, 8, 4)
        assert_near(actual, np.pad(flat, ((0, 0), (0, 0), (0, 1)), constant_values=255), atol=6)


def test_images_are_shared(tmp_path: Path) -> None:
    tree, binary = make_textured()
    tree["materials"].append(copy.deepcopy(tree["materials"][0]))
    tree["materials"][1]["emissiveTexture"], tree["materials"][1]["emissiveFactor"] = {"index": 0}, [1, 1, 1]
    add_mesh(tree, binary, POSITION=CORNERS, TEXCOORD_0=UVS, indices=FACES)["material"] = 1
    first, second = read_scene(tmp_path, tree, binary).meshes
    emitted = second.material.emission_texture
    assert emitted is not None and get_albedo_pixels(first) is get_albedo_pixels(second) is emitted.pixels
    assert first.material.emission_texture is None


def test_black_emission_has_no_texture(tmp_path: Path) -> None:
    tree, binary = make_textured()
    tree["materials"][0] |= {"emissiveTexture": {"index": 0, "texCoord": 5}}
    material = read_mesh(tmp_path, tree, binary).material
    assert material.emission_texture is None and material.albedo_texture is not None


def test_textures_need_uvs(tmp_path: Path) -> None:
    tree, binary = make_textured()
    add_mesh(tree, binary, POSITION=CORNERS, indices=FACES)["material"] = 0
    with_uvs, without = read_scene(tmp_path, tree, binary).meshes
    assert with_uvs.material.albedo_texture is not None and with_uvs.uvs is not None
    assert without.material.albedo_texture is None and without.uvs is None


@pytest.mark.parametrize(
    ("transform", "corner"),
    [
        ({}, (1, 0)),
        ({"offset": [0.25, 0.5]}, (1.25, 0.5)),
        ({"scale": [2, 3]}, (2, 0)),
        ({"rotation": math.pi / 2}, (0, -1)),  # counter-clockwise as seen, and v points down
        ({"rotation": math.pi / 2, "scale": [2, 3]}, (0, -2)),  # scaled first
        ({"rotation": math.pi / 2, "scale": [2, 3], "offset": [0.25, 0.5]}, (0.25, -1.5)),
    ],
)
def test_texture_transform(tmp_path: Path, transform: Tree, corner: tuple[float, float]) -> None:
    """The transformed corner (1, 0) of the image, computed by hand."""
    tree, binary = make_textured({"extensions": {"KHR_texture_transform": transform}})
    tree["extensionsRequired"] = ["KHR_texture_transform"]
    mesh = read_mesh(tmp_path, tree, binary)
    image = mesh.material.albedo_texture
    assert image is not None and mesh.uvs is not None
    assert_near(np.array(image.transform) @ (1, 0, 1), corner)
    np.testing.assert_array_equal(mesh.uvs, UVS)  # as stored


def test_optional_extensions_fall_back(tmp_path: Path) -> None:
    tree, binary = make_textured()
    plain = read_mesh(tmp_path, tree, binary)
    tree["extensionsUsed"] = ["KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_texture_basisu", "XYZ_new"]
    tree["meshes"][0]["primitives"][0]["extensions"] = {
        "KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {}}
    }
    tree["bufferViews"][0]["extensions"] = {"EXT_meshopt_compression": {"buffer": 0}}
    tree["textures"][0]["extensions"] = {"KHR_texture_basisu": {"source": 9}}
    mesh = read_mesh(tmp_path, tree, binary)
    np.testing.assert_array_equal(mesh.positions, plain.positions)
    np.testing.assert_array_equal(get_albedo_pixels(mesh), PIXELS)


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.17", 2.0])
@pytest.mark.parametrize("lowest", [None, "2.0", 2.0, "1.0", "0.9", "2.1", "2.10", "3.0", 2.5, "new", [], math.nan])
def test_versions(tmp_path: Path, version: Any, lowest: Any) -> None:
    """Minor versions are compatible unless the file says otherwise (section 3.2)."""
    tree, binary = make_tetrahedron()
    tree["asset"] = {"version": version} if lowest is None else {"version": version, "minVersion": lowest}
    path = write_glb(tmp_path / "a.glb", tree, binary)
    if lowest in ("2.1", "2.10", "3.0", 2.5):
        assert read_error(path).startswith("asset.minVersion: must be at most 2.0, not ")
    else:
        assert len(gltf.read_gltf(path).meshes) == 1


APPROXIMATED = (
    "KHR_materials_anisotropy",
    "KHR_materials_diffuse_transmission",
    "KHR_materials_dispersion",
    "KHR_materials_iridescence",
    "ADOBE_materials_thin_transparency",
    "EXT_lights_image_based",
    "MOZ_lightmap",
    "NV_materials_mdl",
    "VRMC_materials_mtoon",
    "XYZ_unknown",
    "x\n",
)
KNOWN = sorted(gltf_extensions.SUPPORTED_EXTENSIONS | gltf_extensions.HARMLESS_EXTENSIONS)


@pytest.mark.parametrize("key", ["extensionsUsed", "extensionsRequired"])
@pytest.mark.parametrize("name", [*APPROXIMATED, *KNOWN])
def test_extensions_do_not_refuse_a_file(tmp_path: Path, name: str, key: str) -> None:
    """Required or not: a note names those that are not read and change the image, once."""
    tree, binary = make_textured()
    tree[key], tree["extensionsUsed"] = [name, name], [name, {}, 3]
    scene = read_scene(tmp_path, tree, binary)
    np.testing.assert_array_equal(scene.meshes[0].positions, CORNERS)
    rule = f"{key}: the extension {name!a} is not read; what it changes is not shown"
    assert scene.warnings == ((rule,) if name in APPROXIMATED else ())


# ---- camera and sun --------------------------------------------------------------------------------------------------


def test_camera(tmp_path: Path) -> None:
    """The first perspective camera. It looks along its -z; the target is as far as the centre of the bounds."""
    tree, binary = make_tetrahedron()
    tree["cameras"] = [
        {"type": "orthographic", "orthographic": {"xmag": 1, "ymag": 1, "zfar": 9, "znear": 1}},
        {"type": "perspective", "perspective": {"yfov": math.radians(40), "znear": 0.1}},
        {"type": "perspective", "perspective": {"yfov": 2, "znear": 0.1}},
    ]
    add_node(tree, camera=0, translation=[9, 9, 9])
    half = math.sqrt(0.5)
    child = add_node(tree, camera=1, rotation=[0, half, 0, half], scale=[2, 2, 2])  # a quarter turn: looks along -x
    tree["scenes"][0]["nodes"].remove(child)
    add_node(tree, children=[child], translation=[10.5, 1, 1])
    add_node(tree, camera=2)
    scene = read_scene(tmp_path, tree, binary)
    assert scene.eye == (10.5, 1, 1) and scene.fov == pytest.approx(40)
    assert scene.target == pytest.approx((0.5, 1, 1))


@pytest.mark.parametrize(
    ("axis", "angle", "azimuth", "elevation"),
    [
        ((1, 0, 0), -90, None, 90),
        ((0, 1, 0), 90, 90, 0),
        ((0, 1, 0), 180, 0, 0),
        ((0, 1, 0), -90, 270, 0),
        ((1, 0, 0), -30, 180, 30),
    ],
)
def test_sun(tmp_path: Path, axis: tuple[int, int, int], angle: float, azimuth: float | None, elevation: float) -> None:
    """Light travels along the node's -z, so the sun stands along its +z: in the south without a rotation."""
    tree, binary = make_tetrahedron()
    lights = [
        {"type": "point", "intensity": 5},
        {"type": "directional", "intensity": 3, "color": [1, 0.5, 0.25]},
        {"type": "directional"},
    ]
    tree["extensions"] = {"KHR_lights_punctual": {"lights": lights}}
    half = math.radians(angle / 2)
    for light in (0, 1, 2):
        rotation = {"rotation": [*(a * math.sin(half) for a in axis), math.cos(half)]} if light == 1 else {}
        add_node(tree, extensions={"KHR_lights_punctual": {"light": light}}, **rotation)
    sun = read_scene(tmp_path, tree, binary).sun
    assert (sun.irradiance, sun.color) == (3, (1, 0.5, 0.25))
    assert sun.elevation == pytest.approx(elevation, abs=1e-5)
    if azimuth is not None:
        assert math.cos(math.radians(sun.azimuth - azimuth)) == pytest.approx(1)


# ---- broken files ----------------------------------------------------------------------------------------------------

Change = Callable[[Tree], object]


def set_value(*path: str | int, to: Any) -> Change:
    """A change that sets the value at a path."""

    def change(tree: Tree) -> None:
        find_container(tree, path)[path[-1]] = to

    return change


def drop_value(*path: str | int) -> Change:
    def change(tree: Tree) -> None:
        del find_container(tree, path)[path[-1]]

    return change


def combine(*changes: Change) -> Change:
    return lambda tree: [change(tree) for change in changes]


# In make_textured(): accessors 0 positions, 1 UVs, 2 indices; bufferViews the same, 3 the image.
PRIMITIVE = ("meshes", 0, "primitives", 0)
BASE = ("materials", 0, "pbrMetallicRoughness")
SPARSE = {
    "count": 1,
    "indices": {"bufferView": 2, "byteOffset": 16, "componentType": 5123},
    "values": {"bufferView": 0},
}
LIGHT = {"KHR_lights_punctual": {"light": 0}}
# What refuses the file.
BROKEN: dict[str, tuple[Change, str]] = {
    "no asset": (drop_value("asset"), "asset.version: must be 2.x"),
    "version 1": (set_value("asset", "version", to="1.0"), "asset.version: must be 2.x, not '1.0'"),
    "later version": (
        set_value("asset", to={"version": "2.1", "minVersion": "2.1"}),
        "asset.minVersion: must be at most",
    ),
    "unknown compression": (
        combine(set_value("extensionsRequired", to=["XYZ_new"]), drop_value(*PRIMITIVE, "attributes", "POSITION")),
        "; the file requires 'XYZ_new', not read here: export it without",
    ),
    "accessors no list": (set_value("accessors", to={}), "POSITION: accessors[0] does not exist, 0 present"),
    "no such node": (set_value("scenes", 0, "nodes", to=[5]), "scenes[0].nodes: nodes[5] does not exist"),
    "cycle": (
        set_value("nodes", to=[{"children": [1]}, {"children": [0]}]),
        "nodes[0]: must have one parent and be in no cycle",
    ),
    "cycle without scenes": (
        combine(
            drop_value("scenes"), drop_value("scene"), set_value("nodes", to=[{"children": [1]}, {"children": [0]}])
        ),
        "nodes: every one",
    ),
    "beyond float32": (
        set_value("nodes", to=[{"children": [1], "scale": [1e30] * 3}, {"mesh": 0, "scale": [1e30] * 3}]),
        "nodes[1]: moves vertices beyond what float32 holds",
    ),
    "beyond float64": (
        set_value("nodes", to=[*({"children": [i + 1], "scale": [1e30] * 3} for i in range(12)), {"mesh": 0}]),
        "nodes[10]: the transform must be finite",
    ),
    "no nodes": (set_value("scenes", 0, "nodes", to=[]), "file: has no triangles"),
}
# What leaves out the primitive, and refuses a file that has no other.
BROKEN_PARTS: dict[str, tuple[Change, str]] = {
    "draco without plain data": (
        combine(
            set_value(*PRIMITIVE, "extensions", to={"KHR_draco_mesh_compression": {}}),
            drop_value("accessors", 0, "bufferView"),
        ),
        "meshes[0].primitives[0].extensions.KHR_draco_mesh_compression.bufferView: must be a whole number",
    ),
    "meshopt without plain data": (
        combine(
            set_value("buffers", to=[{"byteLength": 9000}, {"byteLength": 9000}]),
            set_value(
                "bufferViews",
                0,
                to={"buffer": 1, "byteLength": 48, "extensions": {"EXT_meshopt_compression": {"buffer": 0}}},
            ),
        ),
        "bufferViews[0].extensions.EXT_meshopt_compression.byteLength: must be a whole number",
    ),
    "accessor no object": (set_value("accessors", 0, to=3), "accessors[0].type: must be VEC3"),
    "no such accessor": (
        set_value(*PRIMITIVE, "attributes", "POSITION", to=99),
        "POSITION: accessors[99] does not exist",
    ),
    "negative accessor": (set_value(*PRIMITIVE, "attributes", "POSITION", to=-1), "POSITION: must be a whole number"),
    "accessor true": (set_value(*PRIMITIVE, "attributes", "POSITION", to=True), "POSITION: must be a whole number"),
    "count missing": (
        drop_value("accessors", 0, "count"),
        "accessors[0].count: must be a whole number from 0 to 2^53; it is missing",
    ),
    "count as text": (set_value("accessors", 0, "count", to="4"), "accessors[0].count: must be a whole number"),
    "count beyond the data": (set_value("accessors", 0, "count", to=5), "accessors[0].count: 5 elements end beyond"),
    "count huge": (set_value("accessors", 0, "count", to=2**50), "accessors[0].count: "),
    "count infinite": (set_value("accessors", 0, "count", to=math.inf), "accessors[0].count: must be a whole number"),
    "count of 4000 digits": (
        set_value("accessors", 0, "count", to=10**4000),
        "accessors[0].count: must be a whole number",
    ),
    "huge and blank": (
        combine(drop_value("accessors", 0, "bufferView"), set_value("accessors", 0, "count", to=10**7)),
        "accessors[0].count: must be at most",
    ),
    "indices huge and blank": (
        combine(drop_value("accessors", 2, "bufferView"), set_value("accessors", 2, "count", to=10**8)),
        "accessors[2].count: must be at most",
    ),
    "component type": (
        set_value("accessors", 0, "componentType", to=5130),
        "accessors[0].componentType: must be one of",
    ),
    "float indices": (
        set_value("accessors", 2, "componentType", to=5126),
        "accessors[2].componentType: must be one of",
    ),
    "type": (set_value("accessors", 0, "type", to="VEC2"), "accessors[0].type: must be VEC3"),
    "offset": (set_value("accessors", 0, "byteOffset", to=4), "accessors[0].count: 4 elements end beyond"),
    "stride": (
        set_value("bufferViews", 0, "byteStride", to=8),
        "accessors[0]: elements of 12 bytes in a bufferView with byteStride 8",
    ),
    "view of no buffer": (
        set_value("bufferViews", 0, "buffer", to=7),
        "bufferViews[0].buffer: buffers[7] does not exist",
    ),
    "buffer without data": (
        combine(set_value("buffers", to=[{"byteLength": 1}] * 2), set_value("bufferViews", 0, "buffer", to=1)),
        "buffers[1]: has no data",
    ),
    "buffer from a URL": (
        set_value("buffers", 0, "uri", to="https://example.org/a.bin"),
        "buffers[0].uri: must name a file beside",
    ),
    "buffer from a server": (
        set_value("buffers", 0, "uri", to="//example.org/a.bin"),
        "buffers[0].uri: must name a file beside",
    ),
    "buffer from the root": (
        set_value("buffers", 0, "uri", to="/etc/passwd"),
        "buffers[0].uri: must stay in the folder",
    ),
    "buffer from above": (set_value("buffers", 0, "uri", to="../a.bin"), "buffers[0].uri: must stay in the folder"),
    "buffer from above, disguised": (
        set_value("buffers", 0, "uri", to="x/%2e%2e/..%2Fa.bin"),
        "buffers[0].uri: must stay in the folder",
    ),
    "buffer missing": (
        set_value("buffers", 0, "uri", to="none.bin"),
        "buffers[0].uri 'none.bin': there is no such file",
    ),
    "buffer a folder": (set_value("buffers", 0, "uri", to="."), "buffers[0].uri '.': is a folder"),
    "buffer of a bad name": (set_value("buffers", 0, "uri", to="a\0\ud800\n.bin"), "buffers[0].uri: "),
    "buffer of a long name": (set_value("buffers", 0, "uri", to="a" * 5000), "buffers[0].uri: not a file name"),
    "buffer not UTF-8": (set_value("buffers", 0, "uri", to="%ff%fe.bin"), "buffers[0].uri: not a file name"),
    "buffer bad base64": (
        set_value("buffers", 0, "uri", to="data:;base64,AAAA$AAAA"),
        "buffers[0].uri: must be base64",
    ),
    "mode": (set_value(*PRIMITIVE, "mode", to=7), "mode: must be 0 to 6, not 7"),
    "primitive no object": (set_value(*PRIMITIVE, to=[]), "meshes[0].primitives[0]: must be an object"),
    "sparse longer than the accessor": (
        set_value("accessors", 0, "sparse", to={**SPARSE, "count": 5}),
        "accessors[0].sparse.count: must be at most 4",
    ),
    "sparse without data": (
        set_value("accessors", 0, "sparse", to={"count": 1}),
        "accessors[0].sparse.indices.componentType: ",
    ),
    "sparse beyond": (
        combine(set_value("accessors", 0, "sparse", to=SPARSE), set_value("accessors", 0, "count", to=2)),
        "accessors[0].sparse.indices: 2 of 2",
    ),
}
# What is drawn in another way.
NOTED: dict[str, tuple[Change, str]] = {
    "counts differ": (set_value("accessors", 1, "count", to=3), "TEXCOORD_0: 3 of them for 4"),
    "negative offset": (
        set_value("accessors", 0, "byteOffset", to=-4),
        "accessors[0].byteOffset: must be a whole number",
    ),
    "view beyond the buffer": (
        set_value("bufferViews", 0, "byteLength", to=10**6),
        "bufferViews[0]: ends at byte 1000000 of a buffer",
    ),
    "buffer longer than the data": (
        set_value("buffers", 0, "byteLength", to=10**12),
        "buffers[0].byteLength: 1000000000000 declared",
    ),
    "index too large": (
        combine(drop_value(*PRIMITIVE, "attributes", "TEXCOORD_0"), set_value("accessors", 0, "count", to=3)),
        "indices: vertex 3 of 3",
    ),
    "no such material": (set_value(*PRIMITIVE, "material", to=1), "material: materials[1] does not exist"),
    "base colour above 1": (
        set_value(*BASE, "baseColorFactor", to=[2, 0, 0, 1]),
        "baseColorFactor[0]: must be a number from 0 to 1, and is clamped",
    ),
    "base colour short": (set_value(*BASE, "baseColorFactor", to=[1]), "baseColorFactor: must be 4 numbers"),
    "base colour NaN": (
        set_value(*BASE, "baseColorFactor", to=[math.nan, 0, 0, 1]),
        "baseColorFactor[0]: must be a number",
    ),
    "emission negative": (
        set_value("materials", 0, "emissiveFactor", to=[-1, 0, 0]),
        "materials[0].emissiveFactor[0]: must be a number",
    ),
    "texture without index": (
        drop_value(*BASE, "baseColorTexture", "index"),
        "baseColorTexture.index: must be a whole number",
    ),
    "no such image": (set_value("textures", 0, "source", to=4), "textures[0].source: images[4] does not exist"),
    "image of nothing": (set_value("images", 0, to={}), "images[0]: must have a uri or a bufferView"),
    "image garbage": (set_value("images", 0, "bufferView", to=0), "images[0]: not a whole PNG, JPEG or WebP image"),
    "image cut off": (
        set_value("bufferViews", 3, "byteLength", to=60),
        "images[0]: not a whole PNG, JPEG or WebP image",
    ),
    "image a KTX2": (
        set_value("images", 0, to={"uri": "data:,%ABKTX%2020%BB%0D%0A%1A%0A"}),
        "images[0]: the KTX2 header is cut off",
    ),
    "rotation of textures": (
        set_value(*BASE, "baseColorTexture", "extensions", to={"KHR_texture_transform": {"rotation": "x"}}),
        "rotation: must be a number",
    ),
    "no such scene": (set_value("scene", to=3), "scene: scenes[3] does not exist"),
    "no such child": (set_value("nodes", 0, "children", to=[5]), "nodes[0].children: nodes[5] does not exist"),
    "node its own child": (
        set_value("nodes", 0, "children", to=[0]),
        "nodes[0]: must have one parent and be in no cycle",
    ),
    "two parents": (
        set_value("nodes", to=[{"children": [1, 2]}, {"children": [2]}, {"mesh": 0}]),
        "nodes[2]: must have one parent",
    ),
    "matrix short": (set_value("nodes", 0, "matrix", to=[1] * 15), "nodes[0].matrix: must be 16 numbers"),
    "matrix projects": (set_value("nodes", 0, "matrix", to=[1] * 16), "nodes[0].matrix: must have 0, 0, 0, 1"),
    "matrix infinite": (set_value("nodes", 0, "matrix", to=[math.inf] * 16), "nodes[0].matrix[0]: must be a number"),
    "rotation nothing": (set_value("nodes", 0, "rotation", to=[0, 0, 0, 0]), "nodes[0].rotation: must be a quaternion"),
    "translation text": (set_value("nodes", 0, "translation", to="far"), "nodes[0].translation: must be 3 numbers"),
    "camera flat": (
        combine(set_value("cameras", to=[{"type": "perspective"}]), set_value("nodes", 0, "camera", to=0)),
        "cameras[0].perspective.yfov: must be",
    ),
    "no such light": (set_value("nodes", 0, "extensions", to=LIGHT), "light: lights[0] does not exist"),
    "light negative": (
        combine(
            set_value("nodes", 0, "extensions", to=LIGHT),
            set_value("extensions", to={"KHR_lights_punctual": {"lights": [{"type": "directional", "intensity": -1}]}}),
        ),
        "lights[0].intensity: must be a number",
    ),
}


@pytest.mark.parametrize("name", BROKEN | BROKEN_PARTS)
def test_broken(tmp_path: Path, name: str) -> None:
    tree, binary = make_textured()
    change, rule = (BROKEN | BROKEN_PARTS)[name]
    change(tree)
    assert rule in read_error(write_glb(tmp_path / "broken.glb", tree, binary))


@pytest.mark.parametrize("name", BROKEN_PARTS)
def test_broken_parts_are_left_out(tmp_path: Path, name: str) -> None:
    """A mesh with a buffer of its own is drawn without the broken one."""
    tree, binary = make_textured()
    change, rule = BROKEN_PARTS[name]
    change(tree)
    add_separate_mesh(tree)
    scene = read_scene(tmp_path, tree, binary)
    (mesh,) = scene.meshes
    np.testing.assert_array_equal(mesh.positions, CORNERS[FACES.ravel()])
    assert any(rule in warning for warning in scene.warnings), scene.warnings


def add_separate_mesh(tree: Tree) -> None:
    """Append a node with the tetrahedron, which shares nothing with the rest of the file."""
    data = CORNERS[FACES.ravel()].tobytes()
    uri = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    tree["buffers"].append({"byteLength": len(data), "uri": uri})
    tree["bufferViews"].append({"buffer": len(tree["buffers"]) - 1, "byteLength": len(data)})
    view = len(tree["bufferViews"]) - 1
    tree["accessors"].append({"bufferView": view, "componentType": 5126, "count": FACES.size, "type": "VEC3"})
    tree["meshes"].append({"primitives": [{"attributes": {"POSITION": len(tree["accessors"]) - 1}}]})
    add_node(tree, mesh=len(tree["meshes"]) - 1)


@pytest.mark.parametrize("name", NOTED)
def test_details_do_not_refuse_a_file(tmp_path: Path, name: str) -> None:
    """The rest is shown, with a note."""
    tree, binary = make_textured()
    change, rule = NOTED[name]
    change(tree)
    scene = read_scene(tmp_path, tree, binary)
    assert sum(len(mesh.triangles) for mesh in scene.meshes) >= (1 if name == "index too large" else 4)
    assert any(rule in warning for warning in scene.warnings), scene.warnings


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["POSITION", "NORMAL", "TEXCOORD_0", "COLOR_0"])
def test_numbers_that_are_not_finite(tmp_path: Path, name: str, bad: float) -> None:
    """Triangles of such a corner are left out; a normal comes from the faces; others get a default."""
    arrays = {
        "POSITION": CORNERS.copy(),
        "NORMAL": CORNERS + ONE,
        "TEXCOORD_0": UVS.copy(),
        "COLOR_0": np.full((4, 3), 0.5, "f4"),
    }
    plain = read_mesh(tmp_path, *make_tetrahedron(**arrays))
    arrays[name][2, 1] = bad
    scene = read_scene(tmp_path, *make_tetrahedron(**arrays))
    (mesh,) = scene.meshes
    assert scene.warnings[0].startswith(f"meshes[0].primitives[0].attributes.{name}: must be finite numbers")
    if name == "POSITION":  # only one face does without the corner
        np.testing.assert_array_equal(mesh.positions[mesh.triangles[0]], CORNERS[FACES[1]])
        assert len(mesh.triangles) == 1 and np.isfinite(mesh.positions).all()
        return
    for field in ("positions", "normals", "uvs", "colors"):
        values, plain_values = getattr(mesh, field), getattr(plain, field)
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(values[[0, 1, 3]], plain_values[[0, 1, 3]])
    assert mesh.uvs is not None and mesh.colors is not None and mesh.normals is not None
    assert name != "TEXCOORD_0" or mesh.uvs[2].tolist() == [UVS[2, 0], 0]
    assert name != "COLOR_0" or mesh.colors[2].tolist() == [0.5, 1, 0.5, 1]


@pytest.mark.parametrize("excess", [1e-7, 9e-5, 1e-3])
def test_rounding_is_clamped_without_a_note(tmp_path: Path, excess: float) -> None:
    tree, binary = make_tetrahedron()
    pbr = {"baseColorFactor": [1 + excess, -excess, 0.5, 1], "metallicFactor": 1 + excess, "roughnessFactor": -excess}
    tree["materials"] = [{"pbrMetallicRoughness": pbr}]
    tree["meshes"][0]["primitives"][0]["material"] = 0
    scene = read_scene(tmp_path, tree, binary)
    material = scene.meshes[0].material
    assert (material.albedo, material.metallic, material.roughness) == ((1, 0, 0.5), 1, 0)
    assert len(scene.warnings) == (0 if excess < 1e-4 else 1)


def test_broken_containers(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    good = write_glb(path, *make_tetrahedron()).read_bytes()
    json_length = struct.unpack_from("<I", good, 12)[0]
    cases = {
        b"": "not JSON",
        b"glTF": "GLB header is cut off",
        good[:4] + b"\1\0\0\0" + good[8:]: "GLB version must be 2, not 1",
        good[:100]: "cut off",
        good[:12] + b"\xff\xff\xff\x7f" + good[16:]: "the GLB chunk at byte 12 is longer than the file",
        good[:16] + b"JUNK" + good[20:]: "without a JSON chunk",
        good[: 20 + json_length].replace(good[8:12], struct.pack("<I", 20 + json_length)): "buffers[0]: has no data",
        good.replace(b"POSITION", b"POS\xff\xfeION"): "must be JSON in UTF-8",
        json.dumps(make_tetrahedron()[0]).encode("utf-16"): "must be JSON in UTF-8",
        b"[1, 2]": "must be a JSON object",
        b"{'a': 1}": "not JSON: Expecting property name",
        b'{"a": ' + b"[" * 100_000: "nested too deep",
        b'{"a": ' + b"1" * 5000 + b"}": "a number is too long",
        bytes(range(256)): "must be JSON in UTF-8",
    }
    for content, rule in cases.items():
        path.write_bytes(content)
        assert rule in read_error(path), rule


def test_missing_files(tmp_path: Path) -> None:
    assert read_error(tmp_path / "none.glb") == "file: there is no such file"
    assert read_error(tmp_path) == "file: is a folder, not a file"
    assert "cannot be read" in read_error(tmp_path / ("x" * 300))


def test_links_outside_of_the_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(10_000))
    (tmp_path / "inside" / "a.bin").symlink_to(tmp_path / "secret.bin")
    (tmp_path / "inside" / "ring.bin").symlink_to(tmp_path / "inside" / "ring.bin")
    tree, binary = make_tetrahedron()
    for name in ("a.bin", "ring.bin"):
        tree["buffers"][0]["uri"] = name
        assert "buffers[0].uri: " in read_error(write_glb(tmp_path / "inside" / "a.glb", tree, binary))


IMAGE_URIS = {
    "none.png": "images[0].uri 'none.png': there is no such file",
    ".": "images[0].uri '.': is a folder, not a file",
    "../out.png": "images[0].uri: must stay in the folder",
    "x/%2e%2e/..%2Fout.png": "images[0].uri: must stay in the folder",
    "{outside}": "images[0].uri: must stay in the folder",
    "file://{outside}": "images[0].uri: must name a file beside this one",
    "https://example.org/a.png": "images[0].uri: must name a file beside this one",
    "C:\\out.png": "images[0].uri: must name a file beside this one",
    "link.png": "images[0].uri: must stay in the folder",
    "a.bin": "images[0]: not a whole PNG, JPEG or WebP image",
    "data:image/png;base64,AAAA$": "images[0].uri: must be base64",
    "cut.png": "images[0]: not a whole PNG, JPEG or WebP image",
}


@pytest.mark.parametrize("uri", IMAGE_URIS)
def test_images_that_cannot_be_read_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    """With one note, and without opening a file elsewhere. What such an image would make emissive is dark."""
    folder, outside = tmp_path / "in", tmp_path / "out.png"
    folder.mkdir()
    outside.write_bytes(encode_png(PIXELS))
    (folder / "link.png").symlink_to(outside)
    (folder / "cut.png").write_bytes(encode_png(PIXELS)[:60])
    tree, binary = make_textured()
    (folder / "a.bin").write_bytes(binary)
    tree["buffers"][0]["uri"] = "a.bin"
    tree["images"][0] = {"uri": uri.format(outside=outside)}
    tree["materials"][0] |= {"emissiveTexture": {"index": 0}, "emissiveFactor": [1, 1, 1]}
    (folder / "a.gltf").write_text(json.dumps(tree))
    opened: list[Path] = []
    read_bytes = Path.read_bytes

    def record(path: Path) -> bytes:
        opened.append(path.resolve())
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", record)
    scene = gltf.read_gltf(folder / "a.gltf")
    (mesh,) = scene.meshes
    np.testing.assert_array_equal(mesh.positions, CORNERS)
    assert mesh.material.textures == [] and mesh.material.emission == (0, 0, 0)
    (warning,) = scene.warnings
    assert IMAGE_URIS[uri] in warning
    assert opened and all(path.parent == folder for path in opened)


def test_large_images_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their header, before they are decoded."""

    def header(width: int, height: int) -> bytes:
        chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n"
            + struct.pack(">I", 13)
            + chunk
            + struct.pack(">I", zlib.crc32(chunk))
            + b"\0\0\0\0IDAT"
            + bytes(4)
        )

    for width, height in ((16385, 1), (1, 16385), (20000, 20000), (2**31 - 1, 2**31 - 1)):
        tree, binary = make_textured()
        tree["images"][0] = {"bufferView": add_buffer_view(tree, binary, header(width, height))}
        scene = read_scene(tmp_path, tree, binary)
        assert "images[0]: must be at most 16384 pixels a side" in scene.warnings[0]
        assert scene.meshes[0].material.albedo_texture is None
    monkeypatch.setattr(images, "MAX_TOTAL_PIXELS", 11)
    tree, binary = make_textured()
    tree["textures"].append({"source": add_texture(tree, binary, PIXELS[::-1])})
    tree["materials"][0] |= {"emissiveTexture": {"index": 1}, "emissiveFactor": [1, 1, 1]}
    scene = read_scene(tmp_path, tree, binary)
    material = scene.meshes[0].material
    assert "images[1]: all images together" in scene.warnings[0]
    assert material.albedo_texture is not None and material.emission_texture is None


def test_instances_and_primitives_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gltf_geometry, "MAX_TRIANGLES", 100)
    tree, binary = make_tetrahedron()
    tree["scenes"][0]["nodes"] = list(range(26))
    tree["nodes"] = [{"mesh": 0}] * 26
    assert read_error(write_glb(tmp_path / "a.glb", tree, binary)).startswith("nodes[25]: all instances together")
    tree["nodes"] = tree["nodes"][:25]
    tree["scenes"][0]["nodes"] = list(range(25))
    assert len(read_mesh(tmp_path, tree, binary).triangles) == 100
    tree, binary = make_tetrahedron()
    tree["meshes"][0]["primitives"] *= 26
    assert read_error(write_glb(tmp_path / "a.glb", tree, binary)).startswith(
        "meshes[0].primitives[25]: all primitives together"
    )
    monkeypatch.setattr(gltf_document, "MAX_ACCESSOR_NUMBERS", 20)
    assert read_error(write_glb(tmp_path / "a.glb", tree, binary)).startswith(
        "accessors[1].count: all accessors together"
    )


def test_small_files_take_little_memory(tmp_path: Path) -> None:
    """Counts, lengths and sizes are checked against the data before anything is allocated."""
    paths = []
    for name in (
        "count huge",
        "huge and blank",
        "indices huge and blank",
        "buffer longer than the data",
        "view beyond the buffer",
    ):
        tree, binary = make_textured()
        (BROKEN_PARTS | NOTED)[name][0](tree)
        paths.append(write_glb(tmp_path / f"{name}.glb", tree, binary))
    tracemalloc.start()
    try:
        for path in paths:
            with contextlib.suppress(UserError):
                gltf.read_gltf(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


# ---- mutations -------------------------------------------------------------------------------------------------------


def make_everything() -> tuple[Tree, bytearray]:
    """A file with strips, sparse accessors, a camera, a light and a texture transform."""
    tree, binary = make_textured(
        {"extensions": {"KHR_texture_transform": {"rotation": 0.5, "offset": [0.1, 0.2], "scale": [2, 3]}}}
    )
    tree["materials"].append({"name": "lamp", "emissiveTexture": {"index": 0}, "emissiveFactor": [1, 1, 1]})
    strip = add_mesh(
        tree, binary, POSITION=CORNERS, NORMAL=CORNERS + ONE, TEXCOORD_0=UVS, indices=np.arange(4, dtype="u1")
    )
    strip |= {"mode": 5, "material": 1}
    tree["accessors"][strip["attributes"]["POSITION"]]["sparse"] = {
        "count": 2,
        "indices": {"bufferView": add_buffer_view(tree, binary, b"\1\0\3\0"), "componentType": 5123},
        "values": {"bufferView": add_buffer_view(tree, binary, CORNERS[:2].tobytes())},
    }
    tree["cameras"] = [{"type": "perspective", "perspective": {"yfov": 1, "znear": 0.1}}]
    tree["extensions"] = {
        "KHR_lights_punctual": {"lights": [{"type": "directional", "intensity": 2, "color": [1, 1, 1]}]}
    }
    add_node(tree, camera=0, translation=[0, 1, 5], rotation=[0, 0, 0, 1], scale=[1, -1, 1])
    tree["nodes"][2] |= {"extensions": LIGHT, "children": [3]}
    tree["nodes"].append({"mesh": 0, "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 2, 3, 4, 1]})
    return tree, binary


def read_content(monkeypatch: pytest.MonkeyPatch, content: bytes) -> Scene | None:
    """Read content without writing a file. Returns the scene, or None for a valid UserError."""
    monkeypatch.setattr(gltf_document, "read_file_bytes", lambda *_: content)
    try:
        scene = gltf.read_gltf(Path("memory.glb"))
    except UserError as caught:
        assert str(caught).startswith("memory.glb: ") and "\n" not in str(caught)
        return None
    assert scene.meshes
    for mesh in scene.meshes:
        assert (
            np.isfinite(mesh.positions).all()
            and mesh.triangles.max() < len(mesh.positions)
            and mesh.triangles.min() >= 0
        )
        assert mesh.normals is None or np.isfinite(mesh.normals).all()
    return scene


def test_byte_mutations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = write_glb(tmp_path / "a.glb", *make_everything()).read_bytes()
    assert read_content(monkeypatch, good)
    rng = random.Random(2)
    results = []
    for _ in range(300):
        content = bytearray(good)
        for _ in range(rng.choice((1, 1, 1, 2, 9))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        results.append(
            read_content(monkeypatch, bytes(content[: rng.randrange(len(content))] if rng.random() < 0.1 else content))
        )
    assert 30 < sum(r is None for r in results) < 270, "the mutations must give scenes and errors"


@pytest.mark.slow
def test_image_mutations() -> None:
    """Whatever Pillow's decoders raise becomes a warning."""
    good = encode_png(np.random.default_rng(4).integers(0, 256, (16, 16, 4), "u1"))
    rng = random.Random(4)
    warnings = set()
    for _ in range(600):
        data = bytearray(good)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(60) if rng.random() < 0.5 else rng.randrange(len(data))] = rng.randrange(256)
        uri = "data:;base64," + base64.b64encode(data).decode()
        doc = gltf_document.Document(Path(), {"images": [{"uri": uri}]}, None)
        decoded = gltf_images.read_images(doc, [gltf_images.ImageVariant(0)])
        assert all(pixels.shape[2] == 4 for pixels in decoded.values())
        assert decoded or doc.warnings
        warnings |= set(doc.format_warnings())
    assert all(warning.startswith("images[0]: ") for warning in warnings) and len(warnings) > 2, (
        "the mutations must give several kinds of errors"
    )


@pytest.mark.slow
def test_tree_mutations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Well-formed JSON with wrong values."""
    tree, binary = make_everything()
    numbers = [-1, 0, 1, 2, 7, 0.5, 2**31, 2**63, 10**40, 1e300, -1e30, math.nan, math.inf]
    wrong_values: list[Any] = [*numbers, None, True, "", "a\n\ud800", "VEC3", [], {}, [[]], [{}], [0, 0, 0]]
    rng = random.Random(3)
    results = []
    for _ in range(450):
        mutated = copy.deepcopy(tree)
        for _ in range(rng.choice((1, 1, 1, 2))):
            container, key = rng.choice(list_members(mutated))
            if rng.random() < 0.2 and isinstance(container, dict):
                del container[key]
            else:
                container[key] = copy.deepcopy(rng.choice(wrong_values))
        results.append(read_content(monkeypatch, encode_glb(mutated, binary)))
    assert 20 < sum(r is None for r in results) < 420, "the mutations must give scenes and errors"
