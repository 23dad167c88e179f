"""glTF: what a deferred renderer shows, each feature in a file made here, against the same content written plainly."""

from __future__ import annotations

import builtins
import copy
import io
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import DracoPy
import numpy as np
import pytest
from gltf_files import (
    CORNERS,
    FACES,
    ONE,
    PICTURE,
    UVS,
    Tree,
    accessor,
    add_node,
    add_texture,
    empty,
    moved,
    near,
    one,
    pixels_of,
    problem,
    solid,
    tetrahedron,
    textured,
    view,
    volume,
    write_glb,
)
from PIL import Image as Pillow
from ssdo.arrays import Array
from ssdo.scene.files import gltf, gltf_document, gltf_geometry, gltf_nodes, gltf_tangents, images
from ssdo.scene.loader import load_scene
from ssdo.scene.model import Material, Mesh, PunctualLight, Scene
from ssdo.settings import UserError

NORMALS = (np.array([(-1, -1, -1), (1, 0, 0), (0, 1, 0), (0, 0, 1)]) / np.array([[3**0.5], [1], [1], [1]])).astype("f4")


def load(tmp_path: Path, tree: Tree, binary: bytes | bytearray, **chosen: int) -> Scene:
    return gltf.read_gltf(write_glb(tmp_path / "a.glb", tree, binary), **chosen)


def painted(material: Tree, **arrays: Array) -> tuple[Tree, bytearray]:
    """The tetrahedron of one material."""
    tree, binary = tetrahedron(**arrays)
    tree["materials"] = [material]
    tree["meshes"][0]["primitives"][0]["material"] = 0
    return tree, binary


def material_of(tmp_path: Path, material: Tree) -> Material:
    return one(tmp_path, *painted(material)).material


def turned(axis: tuple[float, float, float], angle: float) -> list[float]:
    """A quaternion; degrees."""
    half = math.radians(angle / 2)
    return [*(a * math.sin(half) for a in axis), math.cos(half)]


# ---- materials -------------------------------------------------------------------------------------------------------


def test_what_a_material_is_by_default(tmp_path: Path) -> None:
    """Section 3.9.2: white, metal, rough, seen from one side; the same without a material at all."""
    for tree, binary in (painted({}), tetrahedron()):
        m = one(tmp_path, tree, binary).material
        assert (m.albedo, m.metallic, m.roughness) == ((1, 1, 1), 1, 1) and m.f0 == pytest.approx(0.04)
        assert (m.opacity, m.alpha_cutoff, m.double_sided, m.emission) == (1, 0, False, (0, 0, 0))


def test_every_factor_and_image(tmp_path: Path) -> None:
    """Five images, five pictures, each with UVs and a transform of its own."""
    tree, binary = painted({}, NORMAL=NORMALS, TEXCOORD_0=UVS, TEXCOORD_1=UVS + ONE)
    index = [add_texture(tree, binary, PICTURE + np.uint8(k)) for k in range(5)]

    def info(k: int, **more: Any) -> Tree:
        return {
            "index": index[k],
            "texCoord": k % 2,
            "extensions": {"KHR_texture_transform": {"offset": [k, 0]}},
            **more,
        }

    tree["materials"] = [
        {
            "pbrMetallicRoughness": {
                "baseColorFactor": [0.1, 0.2, 0.3, 0.4],
                "metallicFactor": 0.5,
                "roughnessFactor": 0.25,
                "baseColorTexture": info(0),
                "metallicRoughnessTexture": info(1),
            },
            "normalTexture": info(2, scale=-0.5),
            "occlusionTexture": info(3, strength=0.75),
            "emissiveTexture": info(4),
            "emissiveFactor": [1, 1, 1],
            "alphaMode": "MASK",
            "alphaCutoff": 0.3,
            "doubleSided": True,
        }
    ]
    scene = load(tmp_path, tree, binary)
    (mesh,) = scene.meshes
    m = mesh.material
    assert (m.albedo, m.opacity, m.alpha_cutoff, m.double_sided) == ((0.1, 0.2, 0.3), 0.4, 0.3, True)
    assert (m.metallic, m.roughness, m.normal_scale, m.occlusion_strength) == (0.5, 0.25, -0.5, 0.75)
    for k, image in enumerate((m.albedo_texture, m.metallic_roughness_texture, m.normal_texture, m.occlusion_texture, m.emission_texture)):
        assert image is not None
        np.testing.assert_array_equal(image.pixels, PICTURE + np.uint8(k))
        assert (image.uv_set, image.transform, image.clamp) == (k % 2, ((1, 0, k), (0, 1, 0)), (False, False))
    assert mesh.uvs is not None and mesh.uvs2 is not None and mesh.tangents is not None
    # by corners: some vertices are split for their tangents
    np.testing.assert_array_equal(mesh.uvs[mesh.triangles], UVS[FACES])
    np.testing.assert_array_equal(mesh.uvs2[mesh.triangles], UVS[FACES] + ONE)
    assert scene.warnings == ()


def test_second_uvs_are_read_only_where_wanted(tmp_path: Path) -> None:
    arrays = {"TEXCOORD_0": UVS, "TEXCOORD_1": UVS + ONE, "TEXCOORD_2": UVS + 2 * ONE}
    assert one(tmp_path, *textured({}, **arrays)).uvs2 is None
    for info in ({"texCoord": 1}, {"extensions": {"KHR_texture_transform": {"texCoord": 1}}}):
        mesh = one(tmp_path, *textured(info, **arrays))
        np.testing.assert_array_equal(mesh.uvs2, UVS + ONE)
        assert mesh.material.albedo_texture is not None and mesh.material.albedo_texture.uv_set == 1
    mesh = one(tmp_path, *textured({"texCoord": 2}, **arrays))  # takes the place of a set that no image wants
    np.testing.assert_array_equal(mesh.uvs, UVS + 2 * ONE)
    tree, binary = textured({}, **arrays)
    for k, key in enumerate(("occlusionTexture", "normalTexture"), 1):
        tree["materials"][0][key] = {"index": 0, "texCoord": k}
    scene = load(tmp_path, tree, binary)
    m = scene.meshes[0].material
    assert [image is None for image in (m.albedo_texture, m.normal_texture, m.occlusion_texture)].count(True) == 1
    assert any("needs a third set of UVs" in note for note in scene.warnings)


def sampled(image: Any, u: float, v: float) -> list[int]:
    """The pixel at (u, v), as scene.Image describes it."""
    h, w = image.pixels.shape[:2]
    x, y = np.array(image.transform) @ (u, v, 1)
    x, y = (min(max(p, 0), 1 - 1e-6) if clamp else p % 1 for p, clamp in zip((x, y), image.clamp, strict=True))
    found: list[int] = image.pixels[int(y * h), int(x * w)].tolist()
    return found


@pytest.mark.parametrize("wrap_s", [None, 10497, 33071, 33648])
@pytest.mark.parametrize("wrap_t", [None, 10497, 33071, 33648])
def test_wraps(tmp_path: Path, wrap_s: int | None, wrap_t: int | None) -> None:
    """Against OpenGL's own definitions (4.1, table 3.20), with and without a transform."""

    def wrapped(p: float, mode: int | None) -> float:
        if mode == 33071:
            return min(max(p, 0), 1 - 1e-6)
        return 1 - abs(p % 2 - 1) if mode == 33648 else p % 1

    for transform in ({}, {"offset": [0.3, 0.6], "scale": [2, 3]}):
        tree, binary = textured({"extensions": {"KHR_texture_transform": transform}})
        tree["samplers"] = [{k: v for k, v in (("wrapS", wrap_s), ("wrapT", wrap_t)) if v}]
        tree["textures"][0]["sampler"] = 0
        image = one(tmp_path, tree, binary).material.albedo_texture
        for u in np.arange(-2.45, 2.5, 0.1):
            for v in np.arange(-2.43, 2.5, 0.35):
                x, y = (u * 2 + 0.3, v * 3 + 0.6) if transform else (u, v)
                assert (
                    sampled(image, u, v) == PICTURE[int(wrapped(y, wrap_t) * 3), int(wrapped(x, wrap_s) * 2)].tolist()
                )


def test_a_mirrored_image_is_shared_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, binary = textured()
    tree["samplers"], tree["textures"][0]["sampler"] = [{"wrapS": 33648}], 0
    tree["materials"][0] |= {
        "emissiveTexture": {"index": 0},
        "emissiveFactor": [1, 1, 1],
        "occlusionTexture": {"index": 1},
    }
    tree["textures"].append({"source": 0})
    m = one(tmp_path, tree, binary).material
    assert m.albedo_texture is not None and m.emission_texture is not None and m.occlusion_texture is not None
    assert (
        m.albedo_texture.pixels is m.emission_texture.pixels
        and m.albedo_texture.pixels.shape == (3, 4, 4)
        and m.occlusion_texture.pixels.shape == (3, 2, 4)
    )
    monkeypatch.setattr(images, "MAX_SIDE", 3)
    assert "images[0]: must be at most 3 pixels a side with its mirror image beside it, not 4 x 3" in problem(
        tmp_path / "one.glb"
    )
    monkeypatch.setattr(images, "MAX_SIDE", 4)
    monkeypatch.setattr(images, "MAX_TOTAL_PIXELS", 17)
    assert "images[0]: all images together" in problem(tmp_path / "one.glb")


def test_alpha(tmp_path: Path) -> None:
    base = {"pbrMetallicRoughness": {"baseColorFactor": [1, 1, 1, 0.25]}}
    found = {mode: material_of(tmp_path, {**base, "alphaMode": mode}) for mode in ("OPAQUE", "MASK", "BLEND")}
    assert {mode: (m.opacity, m.alpha_cutoff) for mode, m in found.items()} == {
        "OPAQUE": (1, 0),
        "MASK": (0.25, 0.5),
        "BLEND": (0.25, 0.5),
    }
    notes = load(tmp_path, *painted({"alphaMode": "BLEND"})).warnings
    assert notes == ("materials[0]: blending is not shown; alpha below 0.5 is masked out",)


@pytest.mark.parametrize(
    ("extensions", "reflectance"),
    [
        ({}, 0.04),
        ({"KHR_materials_ior": {"ior": 1.33}}, (0.33 / 2.33) ** 2),
        ({"KHR_materials_ior": {"ior": 1}}, 0),
        ({"KHR_materials_ior": {"ior": 0}}, 1),  # as the extension says: infinite
        ({"KHR_materials_specular": {"specularFactor": 0.5}}, 0.02),
        ({"KHR_materials_specular": {"specularColorFactor": [0, 2, 0]}}, 0.04 * 2 * 0.7152),
        ({"KHR_materials_specular": {"specularColorFactor": [99, 99, 99]}}, 1),
        ({"KHR_materials_ior": {"ior": 2}, "KHR_materials_specular": {"specularFactor": 0.5}}, 1 / 18),
    ],
)
def test_reflectance(tmp_path: Path, extensions: Tree, reflectance: float) -> None:
    assert material_of(tmp_path, {"extensions": extensions}).f0 == pytest.approx(reflectance)


def test_unlit(tmp_path: Path) -> None:
    tree, binary = textured({}, TEXCOORD_0=UVS, COLOR_0=np.ones((4, 3), "f4"))
    tree["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] = [0.1, 0.2, 0.3, 1]
    tree["materials"][0] |= {
        "extensions": {"KHR_materials_unlit": {}},
        "emissiveFactor": [9, 9, 9],
        "occlusionTexture": {"index": 0},
    }
    scene = load(tmp_path, tree, binary)
    m = scene.meshes[0].material
    assert (m.albedo, m.emission, m.has_specular) == ((0, 0, 0), (0.1, 0.2, 0.3), False)
    assert m.albedo_texture is None and m.occlusion_texture is None and m.emission_texture is not None
    np.testing.assert_array_equal(m.emission_texture.pixels, PICTURE)
    assert scene.warnings == ("meshes[0].primitives[0]: colours of vertices are not shown on an unlit material",)
    tree["materials"][0]["alphaMode"] = "MASK"
    m = load(tmp_path, tree, binary).meshes[0].material
    assert (
        m.albedo_texture is not None and m.emission_texture is not None and m.albedo_texture.pixels is m.emission_texture.pixels
    )


def test_specular_and_glossy(tmp_path: Path) -> None:
    name = "KHR_materials_pbrSpecularGlossiness"

    def made(glossy: Tree, **more: Any) -> Material:
        return material_of(tmp_path, {"extensions": {name: glossy}, **more})

    m = made({"diffuseFactor": [0.5, 0.6, 0.7, 1], "specularFactor": [0.05, 0.06, 0.04], "glossinessFactor": 0.75})
    assert (m.albedo, m.roughness, m.metallic, m.f0) == ((0.5, 0.6, 0.7), 0.25, 0, 0.06)
    m = made({"diffuseFactor": [0, 0, 0, 1], "specularFactor": [1, 0.8, 0.3], "glossinessFactor": 0.75})
    assert (m.albedo, m.roughness, m.metallic) == ((1, 0.8, 0.3), 0.25, 1)
    m = made({"diffuseFactor": [0, 0, 0, 1], "specularFactor": [0.04, 0.05, 0.04]})  # black, but no metal
    assert (m.albedo, m.metallic, m.f0) == ((0, 0, 0), 0, 0.05)
    # its author's own conversion
    m = made({"diffuseFactor": [0, 0, 0, 1]}, pbrMetallicRoughness={"metallicFactor": 0.125})
    assert (m.albedo, m.metallic) == ((1, 1, 1), 0.125)
    tree, binary = textured()
    tree["extensionsRequired"] = [name]
    tree["materials"] = [
        {
            "extensions": {
                name: {
                    "diffuseTexture": {"index": 0},
                    "specularGlossinessTexture": {"index": 0},
                    "glossinessFactor": 0.5,
                }
            }
        }
    ]
    scene = load(tmp_path, tree, binary)
    m = scene.meshes[0].material
    assert m.metallic_roughness_texture is not None and (m.roughness, m.metallic, m.f0) == (1, 0, 0.04)
    near(m.metallic_roughness_texture.pixels[..., 1], 255 - PICTURE[..., 3] / 2, atol=0.5)
    np.testing.assert_array_equal(pixels_of(scene.meshes[0]), PICTURE)
    assert len(scene.warnings) == 1 and "are not read" in scene.warnings[0]


# ---- vertices --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["f4", "u1", "u2"])
@pytest.mark.parametrize("width", [3, 4])
def test_colors(tmp_path: Path, kind: str, width: int) -> None:
    """Integers are shares of their largest, normalised or not said to be."""
    colors = np.random.default_rng(1).random((4, width)).astype("f4")
    top = 1 if kind == "f4" else np.iinfo(kind).max
    stored = colors if kind == "f4" else np.rint(colors * np.float32(top)).astype(kind)
    for normalized in (True, False):
        tree, binary = tetrahedron(COLOR_0=np.pad(stored, ((0, 0), (0, 4 - width))))
        entry = tree["accessors"][1]
        entry |= {"type": f"VEC{width}", **({"normalized": True} if normalized and kind != "f4" else {})}
        tree["bufferViews"][entry["bufferView"]]["byteStride"] = 4 * stored.itemsize
        found = one(tmp_path, tree, binary).colors
        assert found is not None and found.dtype == np.float32
        near(found[:, :width], colors, atol=0.5 / top + 1e-7 if kind != "f4" else 0)  # half a step of what is stored
        np.testing.assert_array_equal(found[:, width:], np.ones((4, 4 - width)))


def test_colors_are_clipped(tmp_path: Path) -> None:
    scene = load(tmp_path, *tetrahedron(COLOR_0=np.array([(2, 0.5, -1)] * 4, "f4")))
    np.testing.assert_array_equal(scene.meshes[0].colors, [(1, 0.5, 0, 1)] * 4)
    assert len(scene.warnings) == 1 and "clipped" in scene.warnings[0]


MORE = {
    "NORMAL": NORMALS,
    "TEXCOORD_0": UVS,
    "COLOR_0": np.full((4, 4), 0.25, "f4"),
    "TANGENT": np.tile(np.array((0, 0, 1, -1), "f4"), (4, 1)),
}


def with_relief(**arrays: Array) -> tuple[Tree, bytearray]:
    """The tetrahedron with an image of normals."""
    tree, binary = painted({}, **arrays)
    tree["materials"][0]["normalTexture"] = {"index": add_texture(tree, binary)}
    return tree, binary


def test_morph_targets(tmp_path: Path) -> None:
    """Sparse or quantised or plain, at the mesh's weights or the node's; what has no base and what weighs nothing is
    not read.
    """
    rng = np.random.default_rng(5)
    change = {
        name: (rng.random((4, min(v.shape[1], 3) if name == "TANGENT" else v.shape[1])) / 2).astype("f4")
        for name, v in MORE.items()
    }
    change["POSITION"] = rng.random((4, 3)).astype("f4")
    base = {"POSITION": CORNERS, **MORE}
    expected = {}
    for name, values in base.items():
        expected[name] = values.copy()
        expected[name][:, : change[name].shape[1]] += np.float32(0.5) * change[name]
    plain = one(tmp_path, *with_relief(**expected))
    for weights in ({"mesh": [0, 0.5]}, {"mesh": [1, 1], "node": [0, 0.5]}):
        tree, binary = with_relief(**MORE)
        targets = [
            {"POSITION": 99},
            {name: accessor(tree, binary, values) for name, values in change.items()} | {"TEXCOORD_7": 98},
        ]
        tree["meshes"][0]["primitives"][0]["targets"] = targets
        tree["meshes"][0]["weights"] = weights["mesh"]
        if "node" in weights:
            tree["nodes"][0]["weights"] = weights["node"]
        mesh = one(tmp_path, tree, binary)
        for name in ("positions", "triangles", "normals", "uvs", "colors", "tangents"):
            near(getattr(mesh, name), getattr(plain, name), atol=1e-6)  # a few roundings of numbers up to 3
    tree["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": 99}] * 2
    del tree["meshes"][0]["weights"], tree["nodes"][0]["weights"]
    np.testing.assert_array_equal(one(tmp_path, tree, binary).positions, CORNERS)


def skinned(weights: Array, joints: Array | None = None, **arrays: Array) -> tuple[Tree, bytearray]:
    """The tetrahedron on two joints, the second turned, moved, and a child of the first; its own node is far away,
    which is ignored.
    """
    joints = np.tile(np.array((0, 1, 0, 0), "u1"), (4, 1)) if joints is None else joints
    tree, binary = tetrahedron(**arrays, JOINTS_0=joints, WEIGHTS_0=weights)
    add_node(tree, children=[2], translation=[1, 0, 0])
    tree["nodes"].append({"rotation": turned((0, 0, 1), 90), "translation": [0, 2, 0], "scale": [1, 1, 2]})
    inverse = np.tile(np.eye(4, dtype="f4"), (2, 1, 1))
    inverse[1, 3, :3] = 0, -1, 0  # stored by columns: moves by (0, -1, 0)
    tree["skins"] = [{"joints": [1, 2], "inverseBindMatrices": accessor(tree, binary, inverse.reshape(2, 16))}]
    tree["nodes"][0] |= {"skin": 0, "translation": [50, 60, 70]}
    return tree, binary


def hung(points: Array, share: Array) -> Array:
    """Where skinned() puts points of which `share` hangs on the second joint, worked out by hand."""
    x, y, z = points.T
    first = np.stack([x + 1, y, z], 1)
    second = np.stack([-(y - 1) + 1, x + 2, 2 * z], 1)
    whole: Array = first * (1 - share[:, None]) + second * share[:, None]
    return whole


@pytest.mark.parametrize("kind", ["f4", "u1", "u2"])
def test_skins(tmp_path: Path, kind: str) -> None:
    share = np.array([0, 1, 0.25, 0.5])
    weights = np.stack([1 - share, share, 0 * share, 0 * share], 1)
    top = 1.0 if kind == "f4" else float(np.iinfo(kind).max)
    stored = (weights * top * 0.5).astype(kind)  # half of what it should be: normalised
    tree, binary = skinned(stored)
    if kind != "f4":
        tree["accessors"][2]["normalized"] = True
    mesh = one(tmp_path, tree, binary)
    # a step of a weight, of up to 6 metres
    near(mesh.positions, hung(CORNERS, share), atol=1e-6 if kind == "f4" else 6 / top)
    assert volume(mesh) > 0


def test_skins_move_what_else_a_vertex_has(tmp_path: Path) -> None:
    """On one joint all goes the way it goes under a node with the same matrix; eight influences are one."""
    for mirror in (1, -1):
        weights = np.tile(np.array((0, 1, 0, 0), "f4"), (4, 1))
        tree, binary = skinned(weights, NORMAL=NORMALS, TEXCOORD_0=UVS, TANGENT=MORE["TANGENT"])
        tree["nodes"][1]["scale"] = [mirror, 1, 1]
        tree["materials"] = [{"normalTexture": {"index": add_texture(tree, binary)}}]
        primitive = tree["meshes"][0]["primitives"][0]
        primitive["material"] = 0
        first = one(tmp_path, tree, binary)
        primitive["attributes"] |= {
            "JOINTS_1": primitive["attributes"]["JOINTS_0"],
            "WEIGHTS_1": primitive["attributes"]["WEIGHTS_0"],
        }
        second = one(tmp_path, tree, binary)
        del tree["nodes"][0]["skin"]
        tree["nodes"][0] = {"mesh": 0, "translation": [0, -1, 0]}
        tree["nodes"][2]["children"], tree["scenes"][0]["nodes"] = [0], [1]
        plain = one(tmp_path, tree, binary)
        for mesh in (first, second):
            np.testing.assert_array_equal(mesh.triangles, plain.triangles)
            for name in ("positions", "normals", "tangents"):
                near(getattr(mesh, name), getattr(plain, name))
        assert volume(first) * mirror == pytest.approx(volume(plain) * mirror)


def test_weights_of_nothing(tmp_path: Path) -> None:
    weights = np.tile(np.array((0, 1, 0, 0), "f4"), (4, 1))
    weights[2] = 0
    scene = load(tmp_path, *skinned(weights))
    near(scene.meshes[0].positions, hung(CORNERS, np.array([1, 1, 0, 1])))
    assert scene.warnings == (
        "meshes[0].primitives[0]: has weights whose sum is 0; these vertices go with their first joint",
    )


def test_joints_of_no_weight_may_be_any(tmp_path: Path) -> None:
    weights = np.tile(np.array((0, 1, 0, 0), "f4"), (4, 1))
    mesh = one(tmp_path, *skinned(weights, np.tile(np.array((0, 1, 99, 99), "u1"), (4, 1))))
    near(mesh.positions, hung(CORNERS, np.ones(4)))


def test_a_skin_without_weights_is_none(tmp_path: Path) -> None:
    tree, binary = skinned(np.ones((4, 4), "f4"))
    del tree["meshes"][0]["primitives"][0]["attributes"]["WEIGHTS_0"]
    scene = load(tmp_path, tree, binary)
    near(scene.meshes[0].positions, CORNERS + np.array((50, 60, 70)))
    assert len(scene.warnings) == 1 and "stands as its node says" in scene.warnings[0]


def test_instancing(tmp_path: Path) -> None:
    """As many nodes as instances, one of them mirrored, all under a node that turns; quaternions of bytes too."""
    shifts = np.array([(0, 0, 0), (5, 0, 0), (0, 7, 1)], "f4")
    rotations = np.array([turned((0, 0, 1), 0), turned((0, 1, 0), 90), turned((1, 0, 0), 30)], "f4")
    scales = np.array([(1, 1, 1), (1, 2, 3), (-1, 1, 1)], "f4")
    for kind in ("f4", "i2"):
        tree, binary = with_relief(**MORE)
        stored = rotations if kind == "f4" else np.rint(rotations * 32767).astype(kind)
        attributes = {
            n: accessor(tree, binary, v)
            for n, v in (("TRANSLATION", shifts), ("ROTATION", stored), ("SCALE", scales), ("_ID", shifts))
        }
        tree["accessors"][attributes["ROTATION"]]["normalized"] = True
        tree["nodes"][0] |= {
            "rotation": turned((0, 0, 1), 20),
            "extensions": {"EXT_mesh_gpu_instancing": {"attributes": attributes}},
        }
        tree["extensionsRequired"] = ["EXT_mesh_gpu_instancing"]
        mesh = one(tmp_path, tree, binary)
        assert len(mesh.triangles) == 12
        del tree["nodes"][0]["extensions"], tree["nodes"][0]["mesh"]
        tree["nodes"][0]["children"] = [1, 2, 3]
        for t, r, s in zip(shifts, rotations, scales, strict=True):
            tree["nodes"].append({"mesh": 0, "translation": t.tolist(), "rotation": r.tolist(), "scale": s.tolist()})
        plain = one(tmp_path, tree, binary)
        for name in ("positions", "triangles", "normals", "uvs", "colors", "tangents"):
            # 1/32767 of an angle, of up to 8 metres
            near(getattr(mesh, name), getattr(plain, name), atol=2e-6 if kind == "f4" else 3e-4)


def test_instances_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither many instances nor many vertices are seen to be done piece by piece."""
    tree, binary = with_relief(**MORE)
    shifts = np.arange(21, dtype="f4").reshape(7, 3)
    tree["nodes"][0]["extensions"] = {
        "EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": accessor(tree, binary, shifts)}}
    }
    whole = one(tmp_path, tree, binary)
    near(whole.positions.reshape(7, 4, 3), CORNERS + shifts[:, None])
    for block in (1, 3, 9):
        monkeypatch.setattr("ssdo.scene.files.gltf_meshes.BATCH", block)
        mesh = one(tmp_path, tree, binary)
        for name in ("positions", "triangles", "normals", "tangents"):
            np.testing.assert_array_equal(getattr(mesh, name), getattr(whole, name))


def test_instances_and_morphs_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, binary = tetrahedron()
    tree["nodes"][0]["extensions"] = {
        "EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": accessor(tree, binary, CORNERS)}}
    }
    path = write_glb(tmp_path / "a.glb", tree, binary)
    monkeypatch.setattr(gltf_geometry, "MAX_TRIANGLES", 15)
    assert problem(path).startswith("nodes[0]: all instances together")
    monkeypatch.setattr(gltf_geometry, "MAX_TRIANGLES", 16)
    assert len(gltf.read_gltf(path).meshes[0].triangles) == 16
    monkeypatch.setattr(gltf_nodes, "MAX_INSTANCES", 3)
    assert "must be of one count, at most 3, not 4" in problem(path)
    tree, binary = tetrahedron()
    tree["meshes"][0]["weights"] = [1] * 9
    tree["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": 0}] * 9
    monkeypatch.setattr(gltf_document, "MAX_ACCESSOR_NUMBERS", 24 + 8 * 12)
    assert "targets[8].POSITION: all accessors together" in problem(write_glb(tmp_path / "a.glb", tree, binary))


# ---- tangents --------------------------------------------------------------------------------------------------------


def test_given_tangents(tmp_path: Path) -> None:
    """They turn and stretch with the surface, not as normals do; a mirror changes their side. Without an image they are
    not read.
    """
    given = np.array([(1, 0, 0, 1), (0, 1, 0, -1), (0, 0, 1, 0.9), (0, 0, 0, 1)], "f4")
    tree, binary = with_relief(NORMAL=NORMALS, TEXCOORD_0=UVS, TANGENT=given)
    tree["nodes"][0]["matrix"] = [-2, 0, 0, 0, 1, 1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1]
    tangents = one(tmp_path, tree, binary).tangents
    assert tangents is not None
    near(tangents[:3], [(-1, 0, 0, -1), (0.5**0.5, 0.5**0.5, 0, 1), (0, 0, 1, -1)])
    near(np.linalg.norm(tangents[:, :3], axis=1), 1)
    del tree["materials"][0]["normalTexture"]
    assert one(tmp_path, tree, binary).tangents is None


def slow_tangents(positions: Array, normals: Array, uvs: Array, triangles: Array) -> dict[tuple[int, int], Array]:
    """MikkTSpace corner by corner, in the steps of mikktspace.c: (triangle, corner) -> x, y, z, side. V upwards, as
    there.
    """
    p, n = positions.astype("f8"), normals.astype("f8")
    t = np.stack([uvs[:, 0], 1 - uvs[:, 1].astype("f8")], 1)

    def unit(v: Array) -> Array:
        length: Array = v / np.linalg.norm(v)
        return length

    def key(i: int) -> tuple[float, ...]:
        return (*p[i], *n[i], *t[i])

    def flat(v: Array, normal: Array) -> Array:
        return unit(v - normal * (v @ normal))

    result = {}
    for f, corners in enumerate(triangles):
        for k in range(3):
            side, total = None, np.zeros(3)
            for g in [f, *range(len(triangles))]:
                for j in range(3):
                    if key(triangles[g][j]) != key(corners[k]):
                        continue
                    a, b, c = (triangles[g][(j + step) % 3] for step in range(3))
                    d1, d2, s1, s2 = p[b] - p[a], p[c] - p[a], t[b] - t[a], t[c] - t[a]
                    area = s1[0] * s2[1] - s1[1] * s2[0]
                    if side is None:
                        side = area > 0
                        break
                    if (area > 0) != side:
                        continue
                    along = unit((s2[1] * d1 - s1[1] * d2) * np.sign(area))
                    total += flat(along, n[a]) * math.acos(np.clip(flat(d1, n[a]) @ flat(d2, n[a]), -1, 1))
            result[f, k] = np.array([*unit(total), 1 if side else -1])
    return result


def bumpy(seed: int, cells: int = 5) -> tuple[Array, Array, Array, Array]:
    """A bumpy patch with smooth normals, its right half's UVs mirrored, in triangles that in part share vertices and in
    part repeat them.
    """
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(cells), np.arange(cells), indexing="ij"), -1).reshape(-1, 2).astype("f4")
    positions = np.concatenate(
        [grid + rng.uniform(-0.2, 0.2, grid.shape), rng.uniform(-0.5, 0.5, (len(grid), 1))], 1
    ).astype("f4")
    normals = np.concatenate([rng.uniform(-0.4, 0.4, grid.shape), np.ones((len(grid), 1))], 1)
    normals = (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype("f4")
    uvs = (
        np.stack([cells // 2 - np.abs(grid[:, 0] - cells // 2), -grid[:, 1]], 1) / 3
        + rng.uniform(-0.02, 0.02, grid.shape)
    ).astype("f4")
    quads = np.array(
        [
            (i * cells + j, (i + 1) * cells + j, (i + 1) * cells + j + 1, i * cells + j + 1)
            for i in range(cells - 1)
            for j in range(cells - 1)
        ]
    )
    triangles = quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    # every third has vertices of its own, which are equal
    again = len(grid) + np.arange(triangles[::3].size).reshape(-1, 3)
    every = np.concatenate([np.arange(len(grid)), triangles[::3].ravel()])
    triangles[::3] = again
    return positions[every], normals[every], uvs[every], triangles.astype("u2")


@pytest.mark.parametrize("seed", range(3))
def test_tangents_against_the_slow_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    positions, normals, uvs, triangles = bumpy(seed)
    expected = slow_tangents(positions, normals, uvs, triangles)
    tree, binary = with_relief(POSITION=positions, NORMAL=normals, TEXCOORD_0=uvs, indices=triangles)
    for block in (2**17, 7):
        monkeypatch.setattr(gltf_tangents, "BATCH", block)
        mesh = one(tmp_path, tree, binary)
        assert mesh.tangents is not None and len(mesh.positions) > len(positions), (
            "some vertices lie between mirrored and plain"
        )
        np.testing.assert_array_equal(mesh.positions[mesh.triangles], positions[triangles])
        assert mesh.uvs is not None and mesh.normals is not None
        np.testing.assert_array_equal(mesh.uvs[mesh.triangles], uvs[triangles])
        near(mesh.normals[mesh.triangles], normals[triangles])
        for (f, k), tangent in expected.items():
            # float32 of unit length: 6e-8, and that of the normals
            near(mesh.tangents[mesh.triangles[f, k]], tangent, atol=1e-6)
        assert {-1.0, 1.0} == set(mesh.tangents[:, 3].tolist())


def test_tangents_of_a_sphere(tmp_path: Path) -> None:
    """Where u grows eastwards they point east, whatever the order of triangles; an image turned by 30 degrees turns
    them.
    """
    longitude, latitude = np.meshgrid(np.linspace(0, 2 * np.pi, 65), np.linspace(-1.2, 1.2, 33), indexing="ij")
    p = (
        np.stack([np.cos(latitude) * np.sin(longitude), np.sin(latitude), np.cos(latitude) * np.cos(longitude)], -1)
        .reshape(-1, 3)
        .astype("f4")
    )
    east = np.stack([np.cos(longitude), 0 * longitude, -np.sin(longitude)], -1).reshape(-1, 3)
    uvs = np.stack([longitude / (2 * np.pi), 0.5 - latitude / (2 * np.pi)], -1).reshape(-1, 2).astype("f4")
    i = np.arange(65 * 33).reshape(65, 33)
    a, b, c, d = i[:-1, :-1].ravel(), i[1:, :-1].ravel(), i[1:, 1:].ravel(), i[:-1, 1:].ravel()
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype("u2")
    inner = np.abs(latitude.ravel()) < 1.1  # where triangles lie all around
    tree, binary = with_relief(POSITION=p, NORMAL=p, TEXCOORD_0=uvs, indices=triangles)
    tangents = one(tmp_path, tree, binary).tangents
    assert tangents is not None
    # At the seam triangles lie on one side only: half a step of longitude off, 2 pi / 128 = 0.05
    near(tangents[inner], np.concatenate([east, np.ones((len(p), 1))], 1)[inner], atol=0.05)
    middle = inner & (longitude.ravel() > 0) & (longitude.ravel() < 6.2)
    # a step squared, (2 pi / 64)^2
    near(tangents[middle], np.concatenate([east, np.ones((len(p), 1))], 1)[middle], atol=0.01)
    # The image turned by 30 degrees: its x is where its u grows. At u, v of equal scale that is 30 degrees from east,
    # on the equator.
    tree["materials"][0]["normalTexture"]["extensions"] = {"KHR_texture_transform": {"rotation": math.radians(30)}}
    mesh = one(tmp_path, tree, binary)
    assert mesh.tangents is not None and mesh.material.normal_texture is not None
    equator = middle & (np.abs(latitude.ravel()) < 0.01)
    # u' = cos u + sin v, and v grows southwards: u' grows along (cos 30, -sin 30) in (east, north)
    north = np.array((0.0, 1.0, 0.0))
    near(mesh.tangents[equator, :3], (math.cos(math.pi / 6) * east - 0.5 * north)[equator], atol=0.01)
    np.testing.assert_array_equal(mesh.tangents[:, 3], 1)


def test_which_way_green_points(tmp_path: Path) -> None:
    """A picture held upright: x to the right, and y = cross(normal, tangent) * w upwards; held in a mirror, y still
    upwards.
    """
    square = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], "f4")
    for mirror in (False, True):
        uvs = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], "f4")  # v down: the lower edge is v = 1
        uvs = uvs * np.array((-1, 1), "f4") if mirror else uvs
        normal = np.tile(np.array((0, 0, 1), "f4"), (4, 1))
        tree, binary = with_relief(
            POSITION=square, NORMAL=normal, TEXCOORD_0=uvs, indices=np.array([0, 1, 2, 0, 2, 3], "u1")
        )
        for flat in (False, True):  # without normals every triangle gets its own, and tangents all the same
            if flat:
                del tree["meshes"][0]["primitives"][0]["attributes"]["NORMAL"]
            mesh = one(tmp_path, tree, binary)
            assert mesh.tangents is not None and mesh.normals is not None and len(mesh.positions) == (6 if flat else 4)
            near(mesh.normals, np.tile((0, 0, 1), (len(mesh.positions), 1)))
            for x, y, z, w in mesh.tangents.tolist():
                near((x, y, z), (-1, 0, 0) if mirror else (1, 0, 0))
                near(np.cross((0, 0, 1), (x, y, z)) * w, (0, 1, 0))


def test_tangents_of_nothing(tmp_path: Path) -> None:
    """UVs without extent give no direction: any, of unit length, at right angles to the normal."""
    tree, binary = with_relief(NORMAL=NORMALS, TEXCOORD_0=np.zeros((4, 2), "f4"))
    tangents = one(tmp_path, tree, binary).tangents
    assert tangents is not None
    near(np.linalg.norm(tangents[:, :3], axis=1), 1)
    near((tangents[:, :3] * NORMALS).sum(1), 0)
    assert set(np.abs(tangents[:, 3]).tolist()) == {1.0}


def test_a_triangle_without_uvs_joins_its_neighbours(tmp_path: Path) -> None:
    """On whichever side of the mirror they are: it splits no vertex."""
    fan = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], "f4")
    up, index = np.tile(np.array((0, 0, 1), "f4"), (4, 1)), np.array([0, 1, 2, 0, 2, 3], "u1")
    for mirror in (1, -1):
        uvs = np.array([(0, 0), (mirror, 0), (mirror, -1), (0, 0)], "f4")  # the second triangle's have no area
        mesh = one(tmp_path, *with_relief(POSITION=fan, NORMAL=up, TEXCOORD_0=uvs, indices=index))
        assert mesh.tangents is not None
        np.testing.assert_array_equal(mesh.triangles, [(0, 1, 2), (0, 2, 3)])
        near(mesh.tangents[:3], [(mirror, 0, 0, mirror)] * 3)


# ---- what is chosen --------------------------------------------------------------------------------------------------


def studio() -> tuple[Tree, bytearray]:
    """Two scenes; in the first three cameras, four lights."""
    tree, binary = tetrahedron()
    tree["cameras"] = [
        {"type": "orthographic", "orthographic": {"xmag": 1, "ymag": 1, "zfar": 9, "znear": 1}},
        *({"type": "perspective", "perspective": {"yfov": math.radians(v), "znear": 0.1}} for v in (40, 50, 60)),
    ]
    kinds = (
        {"type": "point", "intensity": 5},
        {"type": "directional", "intensity": 3},
        {"type": "directional", "intensity": 4},
        {"type": "spot", "spot": {}},
    )
    tree["extensions"] = {"KHR_lights_punctual": {"lights": list(kinds)}}
    for i in (0, 2, 1):
        add_node(tree, camera=i, translation=[i, 0, 9])
    for i in range(4):
        add_node(tree, extensions={"KHR_lights_punctual": {"light": i}})
    tree["nodes"].append({"mesh": 0, "translation": [7, 0, 0]})
    tree["scenes"].append({"nodes": [len(tree["nodes"]) - 1]})
    return tree, binary


def test_choices(tmp_path: Path) -> None:
    """By the numbers of the file's own lists, through the flag --scene too."""
    path = write_glb(tmp_path / "a.glb", *studio())
    scene = gltf.read_gltf(path)
    assert (
        scene.fov == pytest.approx(50)
        and scene.eye == (2, 0, 9)
        and scene.sun.irradiance == 3
        and len(scene.lights) == 2
    )
    assert scene.warnings == (
        "cameras[0]: is orthographic and cannot be used",
        "lights[2]: is left out: the sun is lights[1]; the argument light chooses another",
    )
    scene = gltf.read_gltf(path, camera=1, light=2)
    assert scene.fov == pytest.approx(40) and scene.sun.irradiance == 4
    assert gltf.read_gltf(path, camera=0).eye is None  # orthographic: as if there were none
    other = gltf.read_gltf(path, scene=1)
    np.testing.assert_array_equal(other.meshes[0].positions, moved(7))
    assert other.eye is None and other.sun.irradiance == 0 and other.lights == ()
    assert load_scene(f"{path}:scene=0,camera=1,light=2").fov == pytest.approx(40)
    assert load_scene(f"{path}:camera=2").sun.irradiance == 3
    assert load_scene(f"{path}:").fov == load_scene(str(path)).fov == pytest.approx(50)
    assert load_scene(f"{path}:scene=1").eye is None


@pytest.mark.parametrize(
    ("chosen", "rule"),
    [
        ({"scene": 2}, "scene: scenes[2] does not exist, 2 present"),
        ({"camera": 9}, "camera: cameras[9] does not exist, 4 present"),
        ({"camera": 3}, "camera: cameras[3] is not in this scene, which has 0, 1, 2"),
        ({"scene": 1, "camera": 1}, "camera: cameras[1] is not in this scene, which has none"),
        ({"light": 4}, "light: lights[4] does not exist, 4 present"),
        ({"light": 0}, "light: lights[0] is a point light; the sun must be directional: 1, 2"),
    ],
)
def test_choices_that_are_none(tmp_path: Path, chosen: dict[str, int], rule: str) -> None:
    path = write_glb(tmp_path / "a.glb", *studio())
    with pytest.raises(UserError) as caught:
        load_scene(f"{path}:" + ",".join(f"{k}={v}" for k, v in chosen.items()))
    assert str(caught.value) == f"{path}: {rule}"


def test_arguments_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_glb(tmp_path / "b.glb", *studio())
    for arguments, rule in (
        ("cam=1", "no argument cam; did you mean camera"),
        ("camera=x", "camera must be a whole"),
        ("camera=-1", "camera must be a whole"),
    ):
        with pytest.raises(UserError, match=rule):
            load_scene(f"{path}:{arguments}")
    for name in ("a:b.glb", "x.glb:y.GLB", "scene=1,b.gltf"):
        (tmp_path / name).write_bytes(path.read_bytes())
        assert load_scene(f"{tmp_path / name}:camera=1").fov == pytest.approx(40)
        assert load_scene(str(tmp_path / name)).fov == pytest.approx(50)
    asked: list[tuple[Path, dict[str, int]]] = []
    monkeypatch.setattr(gltf, "read_gltf", lambda path, **chosen: asked.append((path, chosen)))
    load_scene(r"C:\models\a.glb:scene=1,light=2")
    load_scene(r"C:\models\a.glb")
    assert asked == [(Path(r"C:\models\a.glb"), {"scene": 1, "light": 2}), (Path(r"C:\models\a.glb"), {})]
    for text in ("a.glb/b", "a.glb:scene=1/b", "a.off:b", "glb"):
        with pytest.raises(UserError, match="no scene"):
            load_scene(text)


# ---- lamps -----------------------------------------------------------------------------------------------------------


def test_lamps(tmp_path: Path) -> None:
    tree, binary = tetrahedron()
    spot = {
        "type": "spot",
        "intensity": 10,
        "color": [1, 0.5, 0],
        "range": 3,
        "spot": {"innerConeAngle": 0.25, "outerConeAngle": 0.5},
    }
    tree["extensions"] = {
        "KHR_lights_punctual": {"lights": [{"type": "point", "intensity": 4}, spot, {"type": "spot"}]}
    }
    for i in range(3):
        lit = {"extensions": {"KHR_lights_punctual": {"light": i}}, "translation": [1, 2, 3]}
        tree["nodes"].append(lit | {"rotation": turned((1, 0, 0), -90)} if i == 1 else lit)
    add_node(tree, children=[1, 2, 3], translation=[10, 0, 0], scale=[2, 2, 2])
    point, narrow, plain = load(tmp_path, tree, binary).lights
    assert point == PunctualLight((12, 4, 6), (4, 4, 4))
    assert (narrow.position, narrow.intensity, narrow.range) == ((12, 4, 6), (10, 5, 0), 3)
    near(narrow.direction, (0, -1, 0))
    near((narrow.inner_cone_angle, narrow.outer_cone_angle), np.degrees((0.25, 0.5)))
    near(plain.direction, (0, 0, -1))
    near((plain.inner_cone_angle, plain.outer_cone_angle), (0, 45))  # the extension's defaults


def test_too_many_lamps(tmp_path: Path) -> None:
    for count in (64, 65, 67):
        tree, binary = tetrahedron()
        tree["extensions"] = {"KHR_lights_punctual": {"lights": [{"type": "point"}]}}
        for i in range(count):
            add_node(tree, translation=[i, 0, 0], extensions={"KHR_lights_punctual": {"light": 0}})
        scene = load(tmp_path, tree, binary)
        assert [lamp.position[0] for lamp in scene.lights] == list(range(64))
        note = "nodes[65]: is a light beyond the first 64, and is left out"
        assert scene.warnings == {64: (), 65: (note,), 67: (f"{note} (2 more)",)}[count]


# ---- Draco -----------------------------------------------------------------------------------------------------------


def packed(grid: int = 9) -> tuple[Tree, bytearray, Mesh]:
    """A wavy patch with normals, UVs, colours and second UVs, compressed without loss of more than 16 bits, and the
    same plainly.
    """
    x, z = np.meshgrid(np.linspace(0, 1, grid), np.linspace(0, 1, grid), indexing="ij")
    positions = np.stack([x, np.sin(5 * x) * z, z], -1).reshape(-1, 3).astype("f4")
    normals = (positions + ONE) / np.linalg.norm(positions + ONE, axis=1, keepdims=True)
    uvs, colors = np.stack([x, z], -1).reshape(-1, 2).astype("f4"), np.arange(4 * grid**2).reshape(-1, 4).astype("u1")
    i = np.arange(grid * grid).reshape(grid, grid)
    triangles = np.stack([i[:-1, :-1], i[:-1, 1:], i[1:, 1:]], -1).reshape(-1, 3)
    lossless = {
        "normals": normals.astype("f8"),
        "tex_coord": uvs.astype("f8"),
        "colors": colors,
        "generic_attributes": {7: uvs * 2},
    }
    data = DracoPy.encode(positions, triangles.astype("u4"), quantization_bits=16, **lossless)
    decoded = DracoPy.decode(data)
    ids = {a["attribute_type"]: a["unique_id"] for a in decoded.attributes}
    tree, binary = empty()
    names = {
        "POSITION": (ids[0], 5126, "VEC3"),
        "NORMAL": (ids[1], 5126, "VEC3"),
        "COLOR_0": (ids[2], 5121, "VEC4"),
        "TEXCOORD_0": (ids[3], 5126, "VEC2"),
    }
    names["TEXCOORD_1"] = (7, 5126, "VEC2")
    count = len(decoded.points)
    tree["accessors"] = [{"componentType": code, "type": kind, "count": count} for _, code, kind in names.values()]
    tree["accessors"][2]["normalized"] = True
    tree["accessors"].append({"componentType": 5125, "type": "SCALAR", "count": triangles.size})
    extension = {
        "bufferView": view(tree, binary, data),
        "attributes": {name: number for name, (number, _, _) in names.items()},
    }
    primitive = {
        "attributes": dict(zip(names, range(5), strict=True)),
        "indices": 5,
        "extensions": {"KHR_draco_mesh_compression": extension},
    }
    tree["meshes"] = [{"primitives": [primitive]}]
    tree["extensionsRequired"] = tree["extensionsUsed"] = ["KHR_draco_mesh_compression"]
    add_texture(tree, binary)
    tree["materials"] = [{"emissiveTexture": {"index": 0, "texCoord": 1}, "emissiveFactor": [1, 1, 1]}]
    primitive["material"] = 0
    add_node(tree, mesh=0)
    return (
        tree,
        binary,
        Mesh(
            positions,
            triangles.astype("i4"),
            normals=normals,
            uvs=uvs,
            uvs2=uvs * 2,
            colors=(colors / 255).astype("f4"),
        ),
    )


def corners_of(mesh: Mesh) -> Array:
    """(m, 36) all of every corner; triangles and their corners in an order of positions rounded to more than Draco's
    step.
    """
    attributes = [mesh.positions, mesh.normals, mesh.uvs, mesh.uvs2, mesh.colors]
    rows = np.concatenate([a for a in attributes if a is not None], 1)[mesh.triangles]
    key = np.round(rows[:, :, 0] * 8) * 9 + np.round(rows[:, :, 2] * 8)
    first = key.argmin(1)
    rows = np.stack([rows[np.arange(len(rows)), (first + k) % 3] for k in range(3)], 1)
    order: Array = rows[np.lexsort(np.sort(key, 1).T)].reshape(len(rows), -1)
    return order


def test_draco(tmp_path: Path) -> None:
    tree, binary, plain = packed()
    mesh = one(tmp_path, tree, binary)
    near(corners_of(mesh), corners_of(plain), atol=1 / 65535)  # 16 bits for the largest extent, which is 1
    assert load(tmp_path, tree, binary).warnings == ()
    tree["accessors"][0]["count"] = 3
    assert load(tmp_path, tree, binary).warnings == (
        "accessors[0]: declares another count than its compressed data has, which is taken",
    )
    tree["meshes"][0]["primitives"][0]["mode"] = 5  # what is decoded is triangles, whatever they were
    np.testing.assert_array_equal(one(tmp_path, tree, binary).triangles, mesh.triangles)


def test_draco_without_dracopy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, binary, _ = packed()
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "DracoPy":
            raise ImportError
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    text = problem(write_glb(tmp_path / "a.glb", tree, binary))
    assert "pip install DracoPy" in text and "gltf-transform copy in.glb out.glb" in text


def test_broken_draco(tmp_path: Path) -> None:
    where = "meshes[0].primitives[0]"
    inside = f"{where}.extensions.KHR_draco_mesh_compression"
    cases: list[tuple[Callable[[Tree, Tree], object], str]] = [
        (lambda tree, ext: ext.pop("bufferView"), f"{inside}.bufferView: must be a whole number"),
        (lambda tree, ext: ext.update(bufferView=9), f"{inside}.bufferView: bufferViews[9] does not exist"),
        (
            lambda tree, ext: ext["attributes"].update(POSITION=99),
            f"{inside}.attributes.POSITION: there is no attribute 99",
        ),
        (
            lambda tree, ext: ext["attributes"].update(POSITION="x"),
            f"{inside}.attributes.POSITION: must be a whole number",
        ),
        (lambda tree, ext: ext.update(bufferView=1), f"{inside}: not a whole Draco mesh"),
        (lambda tree, ext: tree["bufferViews"][0].update(byteLength=50), f"{inside}: not a whole Draco mesh"),
        (
            lambda tree, ext: ext["attributes"].update(NORMAL=7),
            "accessors[1].type: VEC3 declared, but its compressed data has 2 numbers",
        ),
        (lambda tree, ext: tree["accessors"][0].update(count=2**50), "accessors[0].count: must be at most"),
        (lambda tree, ext: tree["accessors"][0].update(componentType=1), "accessors[0].componentType: must be one of"),
        (lambda tree, ext: tree["accessors"][3].update(type="VEC3"), "accessors[3].type: must be VEC2"),
        (
            lambda tree, ext: tree["meshes"][0]["primitives"][0].pop("indices"),
            f"{where}.indices: must be a whole number",
        ),
    ]
    for change, rule in cases:
        tree, binary, _ = packed()
        change(tree, tree["meshes"][0]["primitives"][0]["extensions"]["KHR_draco_mesh_compression"])
        assert rule in problem(write_glb(tmp_path / "a.glb", tree, binary)), rule


# ---- notes -----------------------------------------------------------------------------------------------------------


def test_notes(tmp_path: Path) -> None:
    """A line for each kind of oddity, with its first place and the number of others."""
    tree, binary = textured()
    primitive = tree["meshes"][0]["primitives"][0]
    tree["meshes"][0]["primitives"] += [
        {**primitive, "mode": 1},
        {**primitive, "mode": 0},
        {**primitive, "attributes": {"POSITION": 0}},
    ]
    tree["materials"][0]["extensions"] = {"KHR_materials_clearcoat": {}, "KHR_materials_sheen": {}}
    tree["extensionsUsed"] = [
        "KHR_materials_clearcoat",
        "XYZ_light",
        "KHR_texture_transform",
        "KHR_texture_basisu",
        "KHR_xmp_json_ld",
    ]
    tree["animations"] = [{}]
    tree["nodes"][0]["rotation"] = [0, 0, 0, 2]
    deep = io.BytesIO()
    Pillow.fromarray(np.array([[0, 0x1234]], "u2")).save(deep, "PNG")
    tree["images"][0] = {"bufferView": view(tree, binary, deep.getvalue())}
    assert load(tmp_path, tree, binary).warnings == (
        "nodes[0]: has a rotation whose length is not 1, which is normalised",
        "materials[0]: the extension 'KHR_materials_clearcoat' is not read; what it changes is not shown",
        "materials[0]: the extension 'KHR_materials_sheen' is not read; what it changes is not shown",
        "meshes[0].primitives[1]: points and lines are not shown (1 more)",
        "meshes[0].primitives[3]: has no TEXCOORD_0 for the albedo texture of materials[0], which is left out",
        "images[0]: has 16 bits a channel, of which the upper 8 are used",
        "animations: are not shown; everything stands at rest",
        "extensionsUsed: the extension 'XYZ_light' is not read; what it changes is not shown",
    )
    assert load(tmp_path, *tetrahedron()).warnings == ()


def test_corners_that_make_no_triangle_are_left_out(tmp_path: Path) -> None:
    tree, binary = tetrahedron()
    tree["accessors"][tree["meshes"][0]["primitives"][0]["indices"]]["count"] = 11
    scene = load(tmp_path, tree, binary)
    assert scene.triangle_count == 3
    assert scene.warnings == ("meshes[0].primitives[0]: has corners that make no whole triangle, which are left out",)


def test_a_texture_without_an_image_is_left_out(tmp_path: Path) -> None:
    tree, binary = textured()
    tree["textures"][0] = {}
    scene = load(tmp_path, tree, binary)
    assert scene.meshes[0].material.albedo_texture is None
    assert scene.warnings == ("textures[0]: names no image, and is left out",)


def test_notes_end(tmp_path: Path) -> None:
    tree, binary = tetrahedron()
    tree["extensionsUsed"] = [f"XYZ_{i}" for i in range(100)]
    notes = load(tmp_path, tree, binary).warnings
    assert len(notes) == 41 and notes[-1] == "file: 60 more warnings"


# ---- broken ----------------------------------------------------------------------------------------------------------


def everything() -> tuple[Tree, bytearray]:
    """A skinned, morphed, coloured tetrahedron of every material image, instanced once more without its skin, below
    lamps.
    """
    weights = np.tile(np.array((0.5, 0.5, 0, 0), "f4"), (4, 1))
    tree, binary = skinned(weights, **MORE)
    tree["meshes"][0]["primitives"][0]["material"] = 0
    info = {"index": add_texture(tree, binary), "extensions": {"KHR_texture_transform": {"rotation": 1}}}
    tree["samplers"], tree["textures"][0]["sampler"] = [{"wrapS": 33648, "wrapT": 33071}], 0
    surface = {"baseColorTexture": info, "metallicRoughnessTexture": info, "metallicFactor": 1, "roughnessFactor": 1}
    more = {
        "KHR_materials_ior": {"ior": 1.5},
        "KHR_materials_specular": {"specularFactor": 1, "specularColorFactor": [1, 1, 1]},
    }
    tree["materials"] = [
        {
            "pbrMetallicRoughness": surface,
            "normalTexture": {**info, "scale": 1},
            "occlusionTexture": {**info, "strength": 1},
            "alphaMode": "MASK",
            "alphaCutoff": 0.5,
            "doubleSided": True,
            "extensions": more,
        }
    ]
    primitive = tree["meshes"][0]["primitives"][0]
    primitive["targets"] = [{"POSITION": accessor(tree, binary, CORNERS), "NORMAL": accessor(tree, binary, CORNERS)}]
    tree["meshes"][0]["weights"] = [0.5]
    spread: Tree = {"TRANSLATION": CORNERS, "ROTATION": np.ones((4, 4), "f4"), "SCALE": CORNERS + ONE}
    spread = {name: accessor(tree, binary, values) for name, values in spread.items()}
    add_node(tree, mesh=0, extensions={"EXT_mesh_gpu_instancing": {"attributes": spread}})
    spot = {"type": "spot", "range": 3, "spot": {"innerConeAngle": 0.1, "outerConeAngle": 0.5}}
    tree["extensions"] = {"KHR_lights_punctual": {"lights": [spot]}}
    add_node(tree, extensions={"KHR_lights_punctual": {"light": 0}})
    return tree, binary


def test_everything(tmp_path: Path) -> None:
    scene = load(tmp_path, *everything())
    assert (
        len(scene.meshes) == 1 and len(scene.meshes[0].triangles) == 20 and len(scene.lights) == 1 and scene.warnings == ()
    )


NUMBER = "must be a number"
BROKEN: dict[str, tuple[tuple[str | int, ...], Any, str]] = {
    "joints of no node": (("skins", 0, "joints"), [1, 99], "skins[0].joints: nodes[99] does not exist"),
    "no joints": (("skins", 0, "joints"), [], "skins[0].joints: must name at least one node"),
    "joint twice in the tree": (("nodes", 2, "children"), [1], "nodes[1]: must have one parent and be in no cycle"),
    "joint outside of the scene": (("scenes", 0, "nodes"), [0], "skins[0].joints[0]: nodes[1] must be in the scene"),
    "no such skin": (("nodes", 0, "skin"), 5, "nodes[0].skin: skins[5] does not exist, 1 present"),
    "few matrices": (("accessors", 8, "count"), 1, "skins[0].inverseBindMatrices: 1 of them for 2 joints"),
    "matrices no matrices": (("accessors", 8, "type"), "VEC4", "accessors[8].type: must be MAT4"),
    "few joints of a vertex": (("accessors", 5, "count"), 3, "JOINTS_0: 3 of them for 4"),
    "joints as floats": (("accessors", 5, "componentType"), 5126, "accessors[5].componentType: must be one of"),
    "one joint": (("skins", 0, "joints"), [1], "JOINTS_0: joint 1 of 1"),
    "few weights": (("accessors", 6, "count"), 3, "WEIGHTS_0: 3 of them for 4"),
    "weights of three": (("accessors", 6, "type"), "VEC3", "accessors[6].type: must be VEC4"),
    "colours of two": (("accessors", 3, "type"), "VEC2", "accessors[3].type: must be VEC3 or VEC4"),
    "few tangents": (("accessors", 4, "count"), 3, "TANGENT: 3 of them for 4"),
    "tangents of three": (("accessors", 4, "type"), "VEC3", "accessors[4].type: must be VEC4"),
    "weights of a mesh": (("meshes", 0, "weights"), [1, 2], "targets: 1 of them for 2 weights"),
    "weights of a node": (("nodes", 0, "weights"), [1, 2], "targets: 1 of them for 2 weights"),
    "weights not finite": (("meshes", 0, "weights"), [math.nan], f"meshes[0].weights[0]: {NUMBER}"),
    "target no object": (("meshes", 0, "primitives", 0, "targets"), [3], "targets[0]: must be an object"),
    "target of no accessor": (
        ("meshes", 0, "primitives", 0, "targets", 0, "POSITION"),
        99,
        "targets[0].POSITION: accessors[99] does not exist",
    ),
    "target short": (("accessors", 9, "count"), 3, "targets[0].POSITION: 3 of them for 4"),
    "target of two": (("accessors", 9, "type"), "VEC2", "accessors[9].type: must be VEC3"),
    "instances of many counts": (
        ("accessors", 11, "count"),
        3,
        "EXT_mesh_gpu_instancing.attributes: must be of one count",
    ),
    "instances of nothing": (
        ("nodes", 3, "extensions"),
        {"EXT_mesh_gpu_instancing": {}},
        "attributes: must have TRANSLATION",
    ),
    "instances of no accessor": (
        ("nodes", 3, "extensions", "EXT_mesh_gpu_instancing", "attributes", "SCALE"),
        99,
        "SCALE: accessors[99]",
    ),
    "no such wrap": (("samplers", 0, "wrapS"), 1, "samplers[0].wrapS: must be 33071, 33648 or 10497, not 1"),
    "no such sampler": (("textures", 0, "sampler"), 1, "textures[0].sampler: samplers[1] does not exist"),
    "alpha mode": (
        ("materials", 0, "alphaMode"),
        "GLASS",
        "materials[0].alphaMode: must be OPAQUE, MASK or BLEND, not 'GLASS'",
    ),
    "alpha cutoff": (("materials", 0, "alphaCutoff"), -1, f"materials[0].alphaCutoff: {NUMBER}"),
    "sides": (("materials", 0, "doubleSided"), 1, "materials[0].doubleSided: must be true or false, not 1"),
    "metallic": (
        ("materials", 0, "pbrMetallicRoughness", "metallicFactor"),
        1.5,
        f"metallicFactor: {NUMBER} from 0 to 1",
    ),
    "roughness": (
        ("materials", 0, "pbrMetallicRoughness", "roughnessFactor"),
        -0.5,
        f"roughnessFactor: {NUMBER} from 0 to 1",
    ),
    "scale of normals": (("materials", 0, "normalTexture", "scale"), math.inf, f"normalTexture.scale: {NUMBER}"),
    "strength of occlusion": (
        ("materials", 0, "occlusionTexture", "strength"),
        2,
        f"occlusionTexture.strength: {NUMBER}",
    ),
    "no such normal texture": (
        ("materials", 0, "normalTexture", "index"),
        7,
        "normalTexture.index: textures[7] does not exist",
    ),
    "ior": (("materials", 0, "extensions", "KHR_materials_ior", "ior"), 0.5, "ior: must be 0 or at least 1, not 0.5"),
    "ior NaN": (("materials", 0, "extensions", "KHR_materials_ior", "ior"), math.nan, f"ior: {NUMBER}"),
    "specular": (
        ("materials", 0, "extensions", "KHR_materials_specular", "specularFactor"),
        2,
        f"specularFactor: {NUMBER}",
    ),
    "specular colour": (
        ("materials", 0, "extensions", "KHR_materials_specular", "specularColorFactor"),
        [1],
        "specularColorFactor: must be 3 numbers",
    ),
    "light of no kind": (
        ("extensions", "KHR_lights_punctual", "lights", 0, "type"),
        "area",
        "lights[0].type: must be directional, point or spot, not 'area'",
    ),
    "light of no reach": (
        ("extensions", "KHR_lights_punctual", "lights", 0, "range"),
        0,
        "lights[0].range: must be above 0",
    ),
    "light NaN": (
        ("extensions", "KHR_lights_punctual", "lights", 0, "intensity"),
        math.nan,
        f"lights[0].intensity: {NUMBER}",
    ),
    "cone inside out": (
        ("extensions", "KHR_lights_punctual", "lights", 0, "spot", "innerConeAngle"),
        0.5,
        "lights[0].spot: must have innerConeAngle below",
    ),
    "cone too wide": (
        ("extensions", "KHR_lights_punctual", "lights", 0, "spot", "outerConeAngle"),
        3,
        "lights[0].spot: must have innerConeAngle below",
    ),
    "light scaled to nothing": (
        ("nodes", 4, "scale"),
        [1, 1, 0],
        "nodes[4]: a camera or light must not be scaled to nothing",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(tmp_path: Path, name: str) -> None:
    tree, binary = everything()
    path, value, rule = BROKEN[name]
    place: Any = tree
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert rule in problem(write_glb(tmp_path / "broken.glb", tree, binary))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
@pytest.mark.parametrize(
    "name", ["COLOR_0", "TANGENT", "WEIGHTS_0", "inverseBindMatrices", "target", "TRANSLATION", "ROTATION", "SCALE"]
)
def test_numbers_must_be_finite(tmp_path: Path, name: str, bad: float) -> None:
    """The first number of each replaced in the file itself."""
    if bad < 0 and name != "WEIGHTS_0":
        return
    tree, binary = everything()
    attributes = (
        tree["meshes"][0]["primitives"][0]["attributes"]
        | tree["nodes"][3]["extensions"]["EXT_mesh_gpu_instancing"]["attributes"]
    )
    i = {"inverseBindMatrices": 8, "target": 9}.get(name, attributes.get(name))
    at = tree["bufferViews"][tree["accessors"][i]["bufferView"]]["byteOffset"]
    binary[at : at + 4] = np.array([bad], "f4").tobytes()
    assert "must be finite numbers" in problem(write_glb(tmp_path / "a.glb", tree, binary)) and name != ""


def test_tree_mutations(tmp_path: Path) -> None:
    """Well-formed JSON with a wrong value somewhere is a scene or one UserError."""
    tree, binary = everything()
    nasty: list[Any] = [
        -1,
        0,
        1,
        2,
        7,
        0.5,
        2**31,
        10**40,
        1e300,
        math.nan,
        None,
        True,
        "",
        "VEC3",
        [],
        {},
        [{}],
        [0, 0, 0],
        [0, 0, 0, 0],
    ]
    rng = random.Random(6)
    found = []

    def places(value: Any) -> list[tuple[Any, Any]]:
        keys: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [place for key, inner in keys for place in ((value, key), *places(inner))]

    for _ in range(400):
        changed = copy.deepcopy(tree)
        container, key = rng.choice(places(changed))
        if rng.random() < 0.4 and isinstance(container, dict):
            del container[key]
        else:
            container[key] = copy.deepcopy(rng.choice(nasty))
        path = write_glb(tmp_path / "a.glb", changed, binary)
        try:
            scene = gltf.read_gltf(path)
        except UserError as caught:
            assert "\n" not in str(caught)
            found.append(False)
            continue
        found.append(True)
        for mesh in scene.meshes:
            for values in (mesh.positions, mesh.normals, mesh.tangents, mesh.colors):
                assert values is None or (np.isfinite(values).all() and len(values) == len(mesh.positions))
            assert mesh.triangles.max() < len(mesh.positions)
    assert 40 < sum(found) < 360, "the loop must reach both ends"


def test_solid_is_the_same_by_any_way(tmp_path: Path) -> None:
    """The morphed tetrahedron, skinned onto joints that do not move it, is where it was."""
    tree, binary = skinned(np.tile(np.array((1, 0, 0, 0), "f4"), (4, 1)))
    tree["nodes"][1] = {"children": [2]}
    np.testing.assert_array_equal(solid(one(tmp_path, tree, binary)), solid(Mesh(CORNERS, FACES.astype("i4"))))
