"""Tests of glTF's features: each in a file built here, compared with the same content written plainly."""

from __future__ import annotations

import builtins
import copy
import itertools
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
    PIXELS,
    UVS,
    Tree,
    add_accessor,
    add_buffer_view,
    add_node,
    add_texture,
    assert_near,
    compute_volume,
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
from ssdo.arrays import Array
from ssdo.optional_packages import format_install_command
from ssdo.render.shot import MAX_SUN_IRRADIANCE, Shot
from ssdo.scene.files import gltf, gltf_document, gltf_geometry, gltf_nodes, gltf_tangents, images
from ssdo.scene.loader import load_scene
from ssdo.scene.model import DIELECTRIC_F0, Material, Mesh, PunctualLight, Scene
from ssdo.settings import UserError, Vec3

NORMALS = (np.array([(-1, -1, -1), (1, 0, 0), (0, 1, 0), (0, 0, 1)]) / np.array([[3**0.5], [1], [1], [1]])).astype("f4")


def make_with_material(material: Tree, **arrays: Array) -> tuple[Tree, bytearray]:
    """The tetrahedron with a material."""
    tree, binary = make_tetrahedron(**arrays)
    tree["materials"] = [material]
    tree["meshes"][0]["primitives"][0]["material"] = 0
    return tree, binary


def read_material(tmp_path: Path, material: Tree) -> Material:
    return read_mesh(tmp_path, *make_with_material(material)).material


def make_quaternion(axis: tuple[float, float, float], angle: float) -> list[float]:
    """A quaternion from an axis and an angle in degrees."""
    half = math.radians(angle / 2)
    return [*(a * math.sin(half) for a in axis), math.cos(half)]


# ---- materials -------------------------------------------------------------------------------------------------------


def test_default_material(tmp_path: Path) -> None:
    """Section 3.9.2: white, metallic, rough, single-sided. Without a material, the same."""
    for tree, binary in (make_with_material({}), make_tetrahedron()):
        m = read_mesh(tmp_path, tree, binary).material
        assert (m.albedo, m.metallic, m.roughness) == ((1, 1, 1), 1, 1) and m.f0 == pytest.approx((0.04, 0.04, 0.04))
        assert (m.opacity, m.alpha_cutoff, m.double_sided, m.emission) == (1, 0, False, (0, 0, 0))


def test_all_factors_and_textures(tmp_path: Path) -> None:
    """Five textures, each with an image, a UV set and a transform of its own."""
    tree, binary = make_with_material({}, NORMAL=NORMALS, TEXCOORD_0=UVS, TEXCOORD_1=UVS + ONE)
    textures = [add_texture(tree, binary, PIXELS + np.uint8(k)) for k in range(5)]

    def info(k: int, **members: Any) -> Tree:
        return {
            "index": textures[k],
            "texCoord": k % 2,
            "extensions": {"KHR_texture_transform": {"offset": [k, 0]}},
            **members,
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
    scene = read_scene(tmp_path, tree, binary)
    (mesh,) = scene.meshes
    m = mesh.material
    assert (m.albedo, m.opacity, m.alpha_cutoff, m.double_sided) == ((0.1, 0.2, 0.3), 0.4, 0.3, True)
    assert (m.metallic, m.roughness, m.normal_scale, m.occlusion_strength) == (0.5, 0.25, -0.5, 0.75)
    for k, image in enumerate(
        (m.albedo_texture, m.metallic_roughness_texture, m.normal_texture, m.occlusion_texture, m.emission_texture)
    ):
        assert image is not None
        np.testing.assert_array_equal(image.pixels, PIXELS + np.uint8(k))
        assert (image.uv_set, image.transform, image.clamp) == (k % 2, ((1, 0, k), (0, 1, 0)), (False, False))
    assert mesh.uvs is not None and mesh.uvs2 is not None and mesh.tangents is not None
    # compared by corners: tangents split some vertices
    np.testing.assert_array_equal(mesh.uvs[mesh.triangles], UVS[FACES])
    np.testing.assert_array_equal(mesh.uvs2[mesh.triangles], UVS[FACES] + ONE)
    assert scene.warnings == ()


def test_second_uvs_are_read_only_if_used(tmp_path: Path) -> None:
    arrays = {"TEXCOORD_0": UVS, "TEXCOORD_1": UVS + ONE, "TEXCOORD_2": UVS + 2 * ONE}
    assert read_mesh(tmp_path, *make_textured({}, **arrays)).uvs2 is None
    for info in ({"texCoord": 1}, {"extensions": {"KHR_texture_transform": {"texCoord": 1}}}):
        mesh = read_mesh(tmp_path, *make_textured(info, **arrays))
        np.testing.assert_array_equal(mesh.uvs2, UVS + ONE)
        assert mesh.material.albedo_texture is not None and mesh.material.albedo_texture.uv_set == 1
    mesh = read_mesh(tmp_path, *make_textured({"texCoord": 2}, **arrays))  # takes a slot that no texture uses
    np.testing.assert_array_equal(mesh.uvs, UVS + 2 * ONE)
    tree, binary = make_textured({}, **arrays)
    for k, key in enumerate(("occlusionTexture", "normalTexture"), 1):
        tree["materials"][0][key] = {"index": 0, "texCoord": k}
    scene = read_scene(tmp_path, tree, binary)
    m = scene.meshes[0].material
    assert [image is None for image in (m.albedo_texture, m.normal_texture, m.occlusion_texture)].count(True) == 1
    assert any("needs a third set of UVs" in warning for warning in scene.warnings)


def sample_texture(image: Any, u: float, v: float) -> list[int]:
    """The pixel at (u, v), as ImageTexture defines it."""
    h, w = image.pixels.shape[:2]
    x, y = np.array(image.transform) @ (u, v, 1)
    x, y = (min(max(p, 0), 1 - 1e-6) if clamp else p % 1 for p, clamp in zip((x, y), image.clamp, strict=True))
    pixel: list[int] = image.pixels[int(y * h), int(x * w)].tolist()
    return pixel


@pytest.mark.slow
@pytest.mark.parametrize("wrap_s", [None, 10497, 33071, 33648])
@pytest.mark.parametrize("wrap_t", [None, 10497, 33071, 33648])
def test_wrap_modes(tmp_path: Path, wrap_s: int | None, wrap_t: int | None) -> None:
    """Compared with OpenGL's definitions (4.1, table 3.20), with and without a transform."""

    def wrap(p: float, mode: int | None) -> float:
        if mode == 33071:
            return min(max(p, 0), 1 - 1e-6)
        return 1 - abs(p % 2 - 1) if mode == 33648 else p % 1

    for transform in ({}, {"offset": [0.3, 0.6], "scale": [2, 3]}):
        tree, binary = make_textured({"extensions": {"KHR_texture_transform": transform}})
        tree["samplers"] = [{k: v for k, v in (("wrapS", wrap_s), ("wrapT", wrap_t)) if v}]
        tree["textures"][0]["sampler"] = 0
        image = read_mesh(tmp_path, tree, binary).material.albedo_texture
        for u in np.arange(-2.45, 2.5, 0.1):
            for v in np.arange(-2.43, 2.5, 0.35):
                x, y = (u * 2 + 0.3, v * 3 + 0.6) if transform else (u, v)
                assert (
                    sample_texture(image, u, v) == PIXELS[int(wrap(y, wrap_t) * 3), int(wrap(x, wrap_s) * 2)].tolist()
                )


def test_a_mirrored_image_is_shared_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, binary = make_textured()
    tree["samplers"], tree["textures"][0]["sampler"] = [{"wrapS": 33648}], 0
    tree["materials"][0] |= {
        "emissiveTexture": {"index": 0},
        "emissiveFactor": [1, 1, 1],
        "occlusionTexture": {"index": 1},
    }
    tree["textures"].append({"source": 0})
    m = read_mesh(tmp_path, tree, binary).material
    assert m.albedo_texture is not None and m.emission_texture is not None and m.occlusion_texture is not None
    assert (
        m.albedo_texture.pixels is m.emission_texture.pixels
        and m.albedo_texture.pixels.shape == (3, 4, 4)
        and m.occlusion_texture.pixels.shape == (3, 2, 4)
    )
    monkeypatch.setattr(images, "MAX_SIDE", 3)
    rule = "images[0]: must be at most 3 pixels a side with its mirror image beside it, not 4 x 3"
    assert rule in gltf.read_gltf(tmp_path / "a.glb").warnings[0]
    monkeypatch.setattr(images, "MAX_SIDE", 4)
    monkeypatch.setattr(images, "MAX_TOTAL_PIXELS", 17)
    scene = gltf.read_gltf(tmp_path / "a.glb")
    assert "images[0]: all images together" in scene.warnings[0]
    material = scene.meshes[0].material
    assert material.albedo_texture is not None and material.occlusion_texture is None


@pytest.mark.parametrize(
    ("extensions", "f0"),
    [
        ({}, (0.04,) * 3),
        ({"KHR_materials_ior": {"ior": 1.33}}, ((0.33 / 2.33) ** 2,) * 3),
        ({"KHR_materials_ior": {"ior": 1}}, (0,) * 3),
        ({"KHR_materials_ior": {"ior": 0}}, (1,) * 3),  # 0 means infinity
        ({"KHR_materials_specular": {"specularFactor": 0.5}}, (0.02,) * 3),
        ({"KHR_materials_specular": {"specularColorFactor": [0, 2, 0.5]}}, (0, 0.08, 0.02)),
        # The colour is limited first, the strength multiplies the result.
        ({"KHR_materials_specular": {"specularColorFactor": [99, 1, 99], "specularFactor": 0.5}}, (0.5, 0.02, 0.5)),
        ({"KHR_materials_ior": {"ior": 2}, "KHR_materials_specular": {"specularFactor": 0.5}}, (1 / 18,) * 3),
    ],
)
def test_f0(tmp_path: Path, extensions: Tree, f0: Vec3) -> None:
    assert read_material(tmp_path, {"extensions": extensions}).f0 == pytest.approx(f0)


def test_unlit(tmp_path: Path) -> None:
    tree, binary = make_textured({}, TEXCOORD_0=UVS, COLOR_0=np.ones((4, 3), "f4"))
    tree["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] = [0.1, 0.2, 0.3, 1]
    tree["materials"][0] |= {
        "extensions": {"KHR_materials_unlit": {}},
        "emissiveFactor": [9, 9, 9],
        "occlusionTexture": {"index": 0},
    }
    scene = read_scene(tmp_path, tree, binary)
    m = scene.meshes[0].material
    assert (m.albedo, m.emission, m.has_specular) == ((0, 0, 0), (0.1, 0.2, 0.3), False)
    assert m.albedo_texture is None and m.occlusion_texture is None and m.emission_texture is not None
    np.testing.assert_array_equal(m.emission_texture.pixels, PIXELS)
    assert scene.warnings == () and m.has_tinted_emission and scene.meshes[0].colors is not None
    tree["materials"][0]["alphaMode"] = "MASK"
    m = read_scene(tmp_path, tree, binary).meshes[0].material
    assert (
        m.albedo_texture is not None
        and m.emission_texture is not None
        and m.albedo_texture.pixels is m.emission_texture.pixels
    )


def encode_srgb(linear: Any) -> Any:
    """Codes of linear values, not rounded (IEC 61966-2-1)."""
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def decode_srgb(codes: Array) -> Any:
    c = codes / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


STRENGTHS = PIXELS[::-1, ::-1]  # of the size of PIXELS


def make_with_specular_images(extension: Tree, ior: float = 1.5) -> tuple[Tree, bytearray]:
    """A dielectric with KHR_materials_specular. Textures: PIXELS, STRENGTHS, STRENGTHS in twice the size, clamped."""
    extensions = {"KHR_materials_ior": {"ior": ior}, "KHR_materials_specular": extension}
    tree, binary = make_with_material(
        {"pbrMetallicRoughness": {"metallicFactor": 0}, "extensions": extensions}, TEXCOORD_0=UVS, TEXCOORD_1=UVS
    )
    for pixels in (PIXELS, STRENGTHS, STRENGTHS.repeat(2, 0).repeat(2, 1), STRENGTHS):
        add_texture(tree, binary, pixels)
    tree["samplers"], tree["textures"][3]["sampler"] = [{"wrapS": 33071}], 0
    return tree, binary


COLOR, STRENGTH = {"specularColorTexture": {"index": 0}}, {"specularTexture": {"index": 1}}


@pytest.mark.parametrize(
    "extension", [COLOR, STRENGTH, {**COLOR, **STRENGTH}, {**COLOR, "specularTexture": {"index": 0}}]
)
@pytest.mark.parametrize("factors", [{}, {"specularFactor": 0.5, "specularColorFactor": [0.25, 4, 99]}])
@pytest.mark.parametrize("ior", [1.5, 3.0])
def test_specular_images(tmp_path: Path, extension: Tree, factors: Tree, ior: float) -> None:
    """F0 in every texel is that of the extension's text, to half a step of its code."""
    tree, binary = make_with_specular_images({**factors, **extension}, ior)
    scene = read_scene(tmp_path, tree, binary)
    m = scene.meshes[0].material
    assert scene.warnings == () and m.f0_texture is not None and m.has_specular
    color = decode_srgb(PIXELS[..., :3]) if "specularColorTexture" in extension else np.ones((3, 2, 3))
    strengths = (PIXELS, STRENGTHS)[extension.get("specularTexture", {"index": 0})["index"]][..., 3:] / 255
    if "specularTexture" not in extension:
        strengths = np.ones((3, 2, 1))
    f0 = np.minimum(((ior - 1) / (ior + 1)) ** 2 * np.array(factors.get("specularColorFactor", (1, 1, 1))) * color, 1)
    f0 = f0 * factors.get("specularFactor", 1) * strengths
    assert_near(m.f0_texture.pixels[..., :3], encode_srgb(f0 / m.f0), atol=0.5 + 1e-9)
    if extension is COLOR and max(m.f0) < 0.5:
        np.testing.assert_array_equal(m.f0_texture.pixels, PIXELS)  # as it is stored


def test_specular_images_of_different_sizes(tmp_path: Path) -> None:
    """The smaller one is resized: constant parts keep their values."""
    tree, binary = make_with_specular_images({**COLOR, "specularTexture": {"index": 2}})
    tree["textures"][0]["source"] = add_texture(tree, binary, np.full((1, 1, 4), (188, 100, 0, 9), "u1"))
    texture = read_mesh(tmp_path, tree, binary).material.f0_texture
    assert texture is not None and texture.pixels.shape == (6, 4, 4)
    strengths = STRENGTHS.repeat(2, 0).repeat(2, 1)[..., 3:] / 255
    expected = encode_srgb(decode_srgb(np.array([188, 100, 0])) * strengths)
    assert_near(texture.pixels[..., :3], expected, atol=0.5 + 1e-9)


@pytest.mark.parametrize(
    "info",
    [
        {"index": 3},
        {"index": 1, "texCoord": 1},
        {"index": 1, "extensions": {"KHR_texture_transform": {"scale": [2, 1]}}},
    ],
)
def test_specular_images_that_lie_differently(tmp_path: Path, info: Tree) -> None:
    """The colour is used, and a note names the other. Without a reflection neither is read."""
    scene = read_scene(tmp_path, *make_with_specular_images({**COLOR, "specularTexture": info}))
    texture = scene.meshes[0].material.f0_texture
    assert texture is not None
    np.testing.assert_array_equal(texture.pixels, PIXELS)
    (warning,) = scene.warnings
    assert "specularTexture: lies on the surface unlike specularColorTexture, and is left out" in warning
    for dark in ({"specularFactor": 0}, {"specularColorFactor": [0, 0, 0]}):
        scene = read_scene(tmp_path, *make_with_specular_images({**COLOR, "specularTexture": info, **dark}))
        assert scene.meshes[0].material.textures == [] and scene.warnings == ()


SPECULAR_GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"


@pytest.mark.parametrize("fallback", [{}, {"pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 1]}}])
def test_specular_glossiness(tmp_path: Path, fallback: Tree) -> None:
    """Every value as the extension's text has it, whether there is a fallback beside it or not."""

    def read(extension: Tree) -> Material:
        return read_material(tmp_path, {"extensions": {SPECULAR_GLOSSINESS: extension}, **fallback})

    m = read({})  # its defaults: a white mirror
    assert (m.albedo, m.roughness, m.metallic, m.f0) == ((1, 1, 1), 0, 0, (1, 1, 1))
    m = read({"diffuseFactor": [0.5, 0.6, 0.7, 1], "specularFactor": [0.05, 0.9, 0.04], "glossinessFactor": 0.75})
    assert (m.albedo, m.roughness, m.metallic, m.f0) == ((0.5, 0.6, 0.7), 0.25, 0, (0.05, 0.9, 0.04))
    m = read({"specularFactor": [0, 0, 0]})
    assert (m.albedo, m.metallic, m.has_specular) == ((1, 1, 1), 0, False)


@pytest.mark.parametrize("fallback", [{}, {"pbrMetallicRoughness": {"metallicRoughnessTexture": {"index": 1}}}])
def test_specular_glossiness_images(tmp_path: Path, fallback: Tree) -> None:
    """Its colours are F0, its alpha times the factor is the glossiness."""
    tree, binary = make_textured()
    add_texture(tree, binary, PIXELS[::-1])
    tree["extensionsRequired"] = [SPECULAR_GLOSSINESS]
    images = {"diffuseTexture": {"index": 1}, "specularGlossinessTexture": {"index": 0}}
    extension = images | {"specularFactor": [1, 0.5, 0.25], "glossinessFactor": 0.5}
    tree["materials"] = [{"extensions": {SPECULAR_GLOSSINESS: extension}, **fallback}]
    scene = read_scene(tmp_path, tree, binary)
    m = scene.meshes[0].material
    assert (m.albedo, m.roughness, m.metallic, m.f0) == ((1, 1, 1), 1, 0, (1, 0.5, 0.25)) and scene.warnings == ()
    assert m.metallic_roughness_texture is not None and m.f0_texture is not None
    assert_near(m.metallic_roughness_texture.pixels[..., 1], 255 - PIXELS[..., 3] / 2, atol=0.5)
    np.testing.assert_array_equal(m.f0_texture.pixels, PIXELS)
    np.testing.assert_array_equal(get_albedo_pixels(scene.meshes[0]), PIXELS[::-1])


def test_broken_specular_glossiness_image(tmp_path: Path) -> None:
    """Without its image a surface is a dielectric, not a mirror: the factors are rarely meant without it."""
    broken_images = ({"index": 9}, {"index": 1})
    for info in broken_images:
        tree, binary = make_textured()
        tree["images"].append({"uri": "missing.png"})
        tree["textures"].append({"source": 1})
        images = {"diffuseTexture": {"index": 0}, "specularGlossinessTexture": info}
        tree["materials"] = [{"extensions": {SPECULAR_GLOSSINESS: images | {"specularFactor": [1, 0.01, 1]}}}]
        scene = read_scene(tmp_path, tree, binary)
        m = scene.meshes[0].material
        assert m.albedo_texture is not None and m.f0_texture is None and len(scene.warnings) == 1
        assert (m.albedo, m.f0, m.roughness) == ((1, 1, 1), (0.04, 0.01, 0.04), 1)


COAT: Tree = {"clearcoatFactor": 0.5, "clearcoatRoughnessFactor": 0.25}


def test_clear_coat(tmp_path: Path) -> None:
    """A layer of its own that transmits what it does not reflect. Without strength there is none."""
    name = "KHR_materials_clearcoat"
    m = read_material(tmp_path, {"extensions": {name: COAT}, "doubleSided": True})
    assert m.coat is not None and m.roughness == 1 and m.f0 == pytest.approx(DIELECTRIC_F0)
    assert (m.coat.f0, m.coat.roughness, m.coat.metallic) == ((0.02, 0.02, 0.02), 0.25, 0)
    assert (m.coat.albedo, m.coat.opacity, m.coat.blending, m.coat.double_sided) == ((1, 1, 1), 0, "transmission", True)
    for without in ({name: {**COAT, "clearcoatFactor": 0}}, {name: COAT, "KHR_materials_unlit": {}}):
        assert read_material(tmp_path, {"extensions": without}).coat is None


@pytest.mark.parametrize(("mode", "opacity"), [("MASK", 1.0), ("BLEND", 0.5), ("BLEND", 1.0)])
def test_clear_coat_on_a_surface_with_holes(tmp_path: Path, mode: str, opacity: float) -> None:
    """It would fill them. A BLEND surface that is opaque has none."""
    pbr = {"baseColorFactor": [1, 1, 1, opacity]}
    material = {"extensions": {"KHR_materials_clearcoat": COAT}, "alphaMode": mode, "pbrMetallicRoughness": pbr}
    scene = read_scene(tmp_path, *make_with_material(material))
    is_opaque = mode == "BLEND" and opacity == 1
    assert (scene.meshes[0].material.coat is not None) == is_opaque
    inside = "materials[0].extensions.KHR_materials_clearcoat"
    warning = f"{inside}: is not shown on surfaces with an alpha mask or blending"
    assert scene.warnings == (() if is_opaque else (warning,))


def test_a_coat_has_a_normal_map_of_its_own(tmp_path: Path) -> None:
    """Tangents are there for it, too; the surface below keeps its own normals."""
    tree, binary = make_with_material({}, NORMAL=NORMALS, TEXCOORD_0=UVS)
    normal_map = {"index": add_texture(tree, binary), "scale": 0.5}
    tree["materials"] = [{"extensions": {"KHR_materials_clearcoat": {**COAT, "clearcoatNormalTexture": normal_map}}}]
    mesh = read_mesh(tmp_path, tree, binary)
    assert mesh.tangents is not None and mesh.material.normal_texture is None
    assert mesh.material.coat is not None and mesh.material.coat.normal_texture is not None
    assert mesh.material.coat.normal_scale == 0.5


# ---- vertices --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["f4", "u1", "u2"])
@pytest.mark.parametrize("width", [3, 4])
def test_colors(tmp_path: Path, kind: str, width: int) -> None:
    """Integers are fractions of their largest value, whether the accessor is normalised or not."""
    colors = np.random.default_rng(1).random((4, width)).astype("f4")
    full_scale = 1 if kind == "f4" else np.iinfo(kind).max
    encoded = colors if kind == "f4" else np.rint(colors * np.float32(full_scale)).astype(kind)
    for normalized in (True, False):
        tree, binary = make_tetrahedron(COLOR_0=np.pad(encoded, ((0, 0), (0, 4 - width))))
        entry = tree["accessors"][1]
        entry |= {"type": f"VEC{width}", **({"normalized": True} if normalized and kind != "f4" else {})}
        tree["bufferViews"][entry["bufferView"]]["byteStride"] = 4 * encoded.itemsize
        actual = read_mesh(tmp_path, tree, binary).colors
        assert actual is not None and actual.dtype == np.float32
        assert_near(
            actual[:, :width], colors, atol=0.5 / full_scale + 1e-7 if kind != "f4" else 0
        )  # half a step of the stored type
        np.testing.assert_array_equal(actual[:, width:], np.ones((4, 4 - width)))


def test_colors_are_clipped(tmp_path: Path) -> None:
    scene = read_scene(tmp_path, *make_tetrahedron(COLOR_0=np.array([(2, 0.5, -1)] * 4, "f4")))
    np.testing.assert_array_equal(scene.meshes[0].colors, [(1, 0.5, 0, 1)] * 4)
    assert len(scene.warnings) == 1 and "clipped" in scene.warnings[0]


ATTRIBUTES = {
    "NORMAL": NORMALS,
    "TEXCOORD_0": UVS,
    "COLOR_0": np.full((4, 4), 0.25, "f4"),
    "TANGENT": np.tile(np.array((0, 0, 1, -1), "f4"), (4, 1)),
}


def make_with_normal_map(**arrays: Array) -> tuple[Tree, bytearray]:
    """The tetrahedron with a normal map."""
    tree, binary = make_with_material({}, **arrays)
    tree["materials"][0]["normalTexture"] = {"index": add_texture(tree, binary)}
    return tree, binary


def test_morph_targets(tmp_path: Path) -> None:
    """At the weights of the mesh or of the node. Targets without a base attribute or without weight are not read."""
    rng = np.random.default_rng(5)
    offsets = {
        name: (rng.random((4, min(v.shape[1], 3) if name == "TANGENT" else v.shape[1])) / 2).astype("f4")
        for name, v in ATTRIBUTES.items()
    }
    offsets["POSITION"] = rng.random((4, 3)).astype("f4")
    base = {"POSITION": CORNERS, **ATTRIBUTES}
    expected = {}
    for name, values in base.items():
        expected[name] = values.copy()
        expected[name][:, : offsets[name].shape[1]] += np.float32(0.5) * offsets[name]
    plain = read_mesh(tmp_path, *make_with_normal_map(**expected))
    for weights in ({"mesh": [0, 0.5]}, {"mesh": [1, 1], "node": [0, 0.5]}):
        tree, binary = make_with_normal_map(**ATTRIBUTES)
        targets = [
            {"POSITION": 99},
            {name: add_accessor(tree, binary, values) for name, values in offsets.items()} | {"TEXCOORD_7": 98},
        ]
        tree["meshes"][0]["primitives"][0]["targets"] = targets
        tree["meshes"][0]["weights"] = weights["mesh"]
        if "node" in weights:
            tree["nodes"][0]["weights"] = weights["node"]
        mesh = read_mesh(tmp_path, tree, binary)
        for name in ("positions", "triangles", "normals", "uvs", "colors", "tangents"):
            assert_near(getattr(mesh, name), getattr(plain, name), atol=1e-6)  # a few roundings of numbers up to 3
    tree["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": 99}] * 2
    del tree["meshes"][0]["weights"], tree["nodes"][0]["weights"]
    np.testing.assert_array_equal(read_mesh(tmp_path, tree, binary).positions, CORNERS)


def make_skinned(weights: Array, joints: Array | None = None, **arrays: Array) -> tuple[Tree, bytearray]:
    """The tetrahedron on two joints; the second is a rotated and translated child of the first.

    The mesh's own node is far away, which is ignored.
    """
    joints = np.tile(np.array((0, 1, 0, 0), "u1"), (4, 1)) if joints is None else joints
    tree, binary = make_tetrahedron(**arrays, JOINTS_0=joints, WEIGHTS_0=weights)
    add_node(tree, children=[2], translation=[1, 0, 0])
    tree["nodes"].append({"rotation": make_quaternion((0, 0, 1), 90), "translation": [0, 2, 0], "scale": [1, 1, 2]})
    inverse = np.tile(np.eye(4, dtype="f4"), (2, 1, 1))
    inverse[1, 3, :3] = 0, -1, 0  # stored by columns: moves by (0, -1, 0)
    tree["skins"] = [{"joints": [1, 2], "inverseBindMatrices": add_accessor(tree, binary, inverse.reshape(2, 16))}]
    tree["nodes"][0] |= {"skin": 0, "translation": [50, 60, 70]}
    return tree, binary


def compute_skinned_positions(points: Array, weight: Array) -> Array:
    """Points skinned by make_skinned(), with `weight` on the second joint, computed by hand."""
    x, y, z = points.T
    first = np.stack([x + 1, y, z], 1)
    second = np.stack([-(y - 1) + 1, x + 2, 2 * z], 1)
    blended: Array = first * (1 - weight[:, None]) + second * weight[:, None]
    return blended


@pytest.mark.parametrize("kind", ["f4", "u1", "u2"])
def test_skins(tmp_path: Path, kind: str) -> None:
    weight = np.array([0, 1, 0.25, 0.5])
    weights = np.stack([1 - weight, weight, 0 * weight, 0 * weight], 1)
    full_scale = 1.0 if kind == "f4" else float(np.iinfo(kind).max)
    encoded = (weights * full_scale * 0.5).astype(kind)  # half of the correct sum: the reader normalises it
    tree, binary = make_skinned(encoded)
    if kind != "f4":
        tree["accessors"][2]["normalized"] = True
    mesh = read_mesh(tmp_path, tree, binary)
    # one step of a weight moves a vertex by up to 6 metres
    assert_near(
        mesh.positions, compute_skinned_positions(CORNERS, weight), atol=1e-6 if kind == "f4" else 6 / full_scale
    )
    assert compute_volume(mesh) > 0


def test_hidden_joints_move_their_skin(tmp_path: Path) -> None:
    tree, binary = make_skinned(np.tile(np.array((0, 1, 0, 0), "f4"), (4, 1)))
    mesh = read_mesh(tmp_path, tree, binary)
    for joint in tree["skins"][0]["joints"]:
        tree["nodes"][joint]["extensions"] = {"KHR_node_visibility": {"visible": False}}
    np.testing.assert_array_equal(read_mesh(tmp_path, tree, binary).positions, mesh.positions)


def test_skins_transform_normals_and_tangents(tmp_path: Path) -> None:
    """Skinning by one joint equals a node with its matrix. Two equal joint sets equal one."""
    for mirror in (1, -1):
        weights = np.tile(np.array((0, 1, 0, 0), "f4"), (4, 1))
        tree, binary = make_skinned(weights, NORMAL=NORMALS, TEXCOORD_0=UVS, TANGENT=ATTRIBUTES["TANGENT"])
        tree["nodes"][1]["scale"] = [mirror, 1, 1]
        tree["materials"] = [{"normalTexture": {"index": add_texture(tree, binary)}}]
        primitive = tree["meshes"][0]["primitives"][0]
        primitive["material"] = 0
        first = read_mesh(tmp_path, tree, binary)
        primitive["attributes"] |= {
            "JOINTS_1": primitive["attributes"]["JOINTS_0"],
            "WEIGHTS_1": primitive["attributes"]["WEIGHTS_0"],
        }
        second = read_mesh(tmp_path, tree, binary)
        del tree["nodes"][0]["skin"]
        tree["nodes"][0] = {"mesh": 0, "translation": [0, -1, 0]}
        tree["nodes"][2]["children"], tree["scenes"][0]["nodes"] = [0], [1]
        plain = read_mesh(tmp_path, tree, binary)
        for mesh in (first, second):
            np.testing.assert_array_equal(mesh.triangles, plain.triangles)
            for name in ("positions", "normals", "tangents"):
                assert_near(getattr(mesh, name), getattr(plain, name))
        assert compute_volume(first) * mirror == pytest.approx(compute_volume(plain) * mirror)


def test_zero_weights(tmp_path: Path) -> None:
    weights = np.tile(np.array((0, 1, 0, 0), "f4"), (4, 1))
    weights[2] = 0
    scene = read_scene(tmp_path, *make_skinned(weights))
    assert_near(scene.meshes[0].positions, compute_skinned_positions(CORNERS, np.array([1, 1, 0, 1])))
    assert scene.warnings == (
        "meshes[0].primitives[0]: has weights whose sum is 0; these vertices go with their first joint",
    )


def test_joints_without_weight_are_ignored(tmp_path: Path) -> None:
    weights = np.tile(np.array((0, 1, 0, 0), "f4"), (4, 1))
    mesh = read_mesh(tmp_path, *make_skinned(weights, np.tile(np.array((0, 1, 99, 99), "u1"), (4, 1))))
    assert_near(mesh.positions, compute_skinned_positions(CORNERS, np.ones(4)))


def test_a_skin_without_weights_is_ignored(tmp_path: Path) -> None:
    tree, binary = make_skinned(np.ones((4, 4), "f4"))
    del tree["meshes"][0]["primitives"][0]["attributes"]["WEIGHTS_0"]
    scene = read_scene(tmp_path, tree, binary)
    assert_near(scene.meshes[0].positions, CORNERS + np.array((50, 60, 70)))
    assert len(scene.warnings) == 1 and "stands as its node says" in scene.warnings[0]


def test_instancing(tmp_path: Path) -> None:
    """Instances equal as many nodes below a rotated node. One is mirrored; quaternions may be integers."""
    translations = np.array([(0, 0, 0), (5, 0, 0), (0, 7, 1)], "f4")
    rotations = np.array(
        [make_quaternion((0, 0, 1), 0), make_quaternion((0, 1, 0), 90), make_quaternion((1, 0, 0), 30)], "f4"
    )
    scales = np.array([(1, 1, 1), (1, 2, 3), (-1, 1, 1)], "f4")
    for kind in ("f4", "i2"):
        tree, binary = make_with_normal_map(**ATTRIBUTES)
        encoded = rotations if kind == "f4" else np.rint(rotations * 32767).astype(kind)
        attributes = {
            n: add_accessor(tree, binary, v)
            for n, v in (("TRANSLATION", translations), ("ROTATION", encoded), ("SCALE", scales), ("_ID", translations))
        }
        tree["accessors"][attributes["ROTATION"]]["normalized"] = True
        tree["nodes"][0] |= {
            "rotation": make_quaternion((0, 0, 1), 20),
            "extensions": {"EXT_mesh_gpu_instancing": {"attributes": attributes}},
        }
        tree["extensionsRequired"] = ["EXT_mesh_gpu_instancing"]
        mesh = read_mesh(tmp_path, tree, binary)
        assert len(mesh.triangles) == 12
        del tree["nodes"][0]["extensions"], tree["nodes"][0]["mesh"]
        tree["nodes"][0]["children"] = [1, 2, 3]
        for t, r, s in zip(translations, rotations, scales, strict=True):
            tree["nodes"].append({"mesh": 0, "translation": t.tolist(), "rotation": r.tolist(), "scale": s.tolist()})
        plain = read_mesh(tmp_path, tree, binary)
        for name in ("positions", "triangles", "normals", "uvs", "colors", "tangents"):
            # a step of 1/32767 moves a vertex by up to 8 metres
            assert_near(getattr(mesh, name), getattr(plain, name), atol=2e-6 if kind == "f4" else 3e-4)


def test_instances_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of instances or vertices do not change the result."""
    tree, binary = make_with_normal_map(**ATTRIBUTES)
    translations = np.arange(21, dtype="f4").reshape(7, 3)
    tree["nodes"][0]["extensions"] = {
        "EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": add_accessor(tree, binary, translations)}}
    }
    expected = read_mesh(tmp_path, tree, binary)
    assert_near(expected.positions.reshape(7, 4, 3), CORNERS + translations[:, None])
    for batch in (1, 3, 9):
        monkeypatch.setattr("ssdo.scene.files.gltf_meshes.BATCH", batch)
        mesh = read_mesh(tmp_path, tree, binary)
        for name in ("positions", "triangles", "normals", "tangents"):
            np.testing.assert_array_equal(getattr(mesh, name), getattr(expected, name))


@pytest.mark.parametrize("batch", [9, 2**17])
def test_small_meshes_are_placed_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    """As each alone, bit for bit: mirrored or not, with skins and instances between them, of other sizes and types."""
    tree, binary = make_everything()
    primitive = tree["meshes"][0]["primitives"][0]
    rng = np.random.default_rng(2)
    for i in range(7):
        if i % 2:
            indices = add_accessor(tree, binary, FACES[: i % 3 + 1].ravel().astype(("u1", "u2", "u4")[i % 3]))
            tree["meshes"].append({"primitives": [{**primitive, "indices": indices}]})
        sign = -1.0 if i in (1, 2, 5) else 1.0
        transform = {"translation": rng.normal(size=3).tolist(), "scale": [sign * 2.0, 1.0, 1.0 + i]}
        rotation = rng.normal(size=4)
        transform["rotation"] = (rotation / np.linalg.norm(rotation)).tolist()
        node = {"mesh": i % len(tree["meshes"]), **transform}
        tree["nodes"].append(node | ({"skin": 0} if i == 3 else {}))
        tree["scenes"][0]["nodes"].append(len(tree["nodes"]) - 1)
    meshes = []
    for size in (0, 512):
        monkeypatch.setattr("ssdo.scene.files.gltf_meshes.MAX_RUN_VERTICES", size)
        monkeypatch.setattr("ssdo.scene.files.gltf_meshes.BATCH", batch)
        meshes.append(read_scene(tmp_path, tree, binary).meshes)
    for one, other in zip(*meshes, strict=True):
        for name in ("positions", "triangles", "normals", "uvs", "uvs2", "colors", "tangents"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


def test_trees_of_nodes(tmp_path: Path) -> None:
    """World matrices of random trees are the products along their paths, whatever the order of the nodes."""
    rng = np.random.default_rng(3)
    tree, binary = make_tetrahedron()
    count = 40
    parents = [-1, *(int(rng.integers(-1, i)) for i in range(1, count))]
    order = rng.permutation(count)
    matrices = [np.vstack([rng.normal(size=(3, 4)), (0, 0, 0, 1)]) for _ in range(count)]
    tree["nodes"] = [{} for _ in range(count)]
    for i, matrix in enumerate(matrices):
        children = [int(order[k]) for k, parent in enumerate(parents) if parent == i]
        tree["nodes"][order[i]] = {"mesh": 0, "matrix": matrix.T.ravel().tolist(), "children": children}
    tree["scenes"][0]["nodes"] = [int(order[i]) for i, parent in enumerate(parents) if parent < 0]
    expected: list[Any] = []
    for i, parent in enumerate(parents):
        expected.append(matrices[i] if parent < 0 else expected[parent] @ matrices[i])
    doc = gltf_document.Document(tmp_path, tree, memoryview(binary))
    nodes = gltf_nodes.read_nodes(doc, None)
    assert len(nodes) == count
    for i in range(count):
        largest = np.abs(expected[i]).max()
        assert_near(nodes[int(order[i])].world_from_node / largest, expected[i] / largest, atol=1e-12)
    visited = list(nodes)
    for i, parent in enumerate(parents):
        assert parent < 0 or visited.index(int(order[parent])) < visited.index(int(order[i]))


def test_instances_and_morphs_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, binary = make_tetrahedron()
    tree["nodes"][0]["extensions"] = {
        "EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": add_accessor(tree, binary, CORNERS)}}
    }
    path = write_glb(tmp_path / "a.glb", tree, binary)
    monkeypatch.setattr(gltf_geometry, "MAX_TRIANGLES", 15)
    assert read_error(path).startswith("nodes[0]: all instances together")
    monkeypatch.setattr(gltf_geometry, "MAX_TRIANGLES", 16)
    assert len(gltf.read_gltf(path).meshes[0].triangles) == 16
    monkeypatch.setattr(gltf_nodes, "MAX_INSTANCES", 3)
    assert "must be at most 3, not 4" in read_error(path)
    tree, binary = make_tetrahedron()
    tree["meshes"][0]["weights"] = [1] * 9
    tree["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": 0}] * 9
    monkeypatch.setattr(gltf_document, "MAX_ACCESSOR_NUMBERS", 24 + 8 * 12)
    assert "targets[8].POSITION: all accessors together" in read_error(write_glb(tmp_path / "a.glb", tree, binary))


# ---- tangents --------------------------------------------------------------------------------------------------------


def test_stored_tangents(tmp_path: Path) -> None:
    """Tangents transform with the surface, and a mirror changes their sign. Without a normal map they are not read."""
    encoded = np.array([(1, 0, 0, 1), (0, 1, 0, -1), (0, 0, 1, 0.9), (0, 0, 0, 1)], "f4")
    tree, binary = make_with_normal_map(NORMAL=NORMALS, TEXCOORD_0=UVS, TANGENT=encoded)
    tree["nodes"][0]["matrix"] = [-2, 0, 0, 0, 1, 1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1]
    tangents = read_mesh(tmp_path, tree, binary).tangents
    assert tangents is not None
    assert_near(tangents[:3], [(-1, 0, 0, -1), (0.5**0.5, 0.5**0.5, 0, 1), (0, 0, 1, -1)])
    assert_near(np.linalg.norm(tangents[:, :3], axis=1), 1)
    del tree["materials"][0]["normalTexture"]
    assert read_mesh(tmp_path, tree, binary).tangents is None


def compute_tangents_slowly(
    positions: Array, normals: Array, uvs: Array, triangles: Array
) -> dict[tuple[int, int], Array]:
    """MikkTSpace corner by corner, in the steps of mikktspace.c: (triangle, corner) -> x, y, z, sign. v points up."""
    p, n = positions.astype("f8"), normals.astype("f8")
    t = np.stack([uvs[:, 0], 1 - uvs[:, 1].astype("f8")], 1)

    def normalize(v: Array) -> Array:
        length: Array = v / np.linalg.norm(v)
        return length

    def key(i: int) -> tuple[float, ...]:
        return (*p[i], *n[i], *t[i])

    def project(v: Array, normal: Array) -> Array:
        return normalize(v - normal * (v @ normal))

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
                    along = normalize((s2[1] * d1 - s1[1] * d2) * np.sign(area))
                    total += project(along, n[a]) * math.acos(np.clip(project(d1, n[a]) @ project(d2, n[a]), -1, 1))
            result[f, k] = np.array([*normalize(total), 1 if side else -1])
    return result


def make_bumpy_patch(seed: int, cells: int = 5) -> tuple[Array, Array, Array, Array]:
    """A bumpy patch with smooth normals; the UVs of its right half are mirrored.

    Some triangles share vertices, others have copies.
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
    # every third triangle has copies of its vertices
    copies = len(grid) + np.arange(triangles[::3].size).reshape(-1, 3)
    vertices = np.concatenate([np.arange(len(grid)), triangles[::3].ravel()])
    triangles[::3] = copies
    return positions[vertices], normals[vertices], uvs[vertices], triangles.astype("u2")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_tangents_equal_mikktspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    positions, normals, uvs, triangles = make_bumpy_patch(seed)
    expected = compute_tangents_slowly(positions, normals, uvs, triangles)
    tree, binary = make_with_normal_map(POSITION=positions, NORMAL=normals, TEXCOORD_0=uvs, indices=triangles)
    for batch in (2**17, 7):
        monkeypatch.setattr(gltf_tangents, "BATCH", batch)
        mesh = read_mesh(tmp_path, tree, binary)
        assert mesh.tangents is not None and len(mesh.positions) > len(positions), (
            "vertices between mirrored and plain UVs are split"
        )
        np.testing.assert_array_equal(mesh.positions[mesh.triangles], positions[triangles])
        assert mesh.uvs is not None and mesh.normals is not None
        np.testing.assert_array_equal(mesh.uvs[mesh.triangles], uvs[triangles])
        assert_near(mesh.normals[mesh.triangles], normals[triangles])
        for (f, k), tangent in expected.items():
            # rounding of float32, also of the normals
            assert_near(mesh.tangents[mesh.triangles[f, k]], tangent, atol=1e-6)
        assert {-1.0, 1.0} == set(mesh.tangents[:, 3].tolist())


def test_tangents_of_a_sphere(tmp_path: Path) -> None:
    """Where u grows eastwards, tangents point east. A texture rotated by 30 degrees rotates them."""
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
    inner = np.abs(latitude.ravel()) < 1.1  # vertices with triangles on all sides
    tree, binary = make_with_normal_map(POSITION=p, NORMAL=p, TEXCOORD_0=uvs, indices=triangles)
    tangents = read_mesh(tmp_path, tree, binary).tangents
    assert tangents is not None
    # At the seam triangles lie on one side only: half a step of longitude off, 2 pi / 128 = 0.05
    assert_near(tangents[inner], np.concatenate([east, np.ones((len(p), 1))], 1)[inner], atol=0.05)
    middle = inner & (longitude.ravel() > 0) & (longitude.ravel() < 6.2)
    # the square of a step, (2 pi / 64)^2
    assert_near(tangents[middle], np.concatenate([east, np.ones((len(p), 1))], 1)[middle], atol=0.01)
    # The texture is rotated by 30 degrees. On the equator, where u and v have the same scale, that is 30 degrees from
    # east.
    tree["materials"][0]["normalTexture"]["extensions"] = {"KHR_texture_transform": {"rotation": math.radians(30)}}
    mesh = read_mesh(tmp_path, tree, binary)
    assert mesh.tangents is not None and mesh.material.normal_texture is not None
    equator = middle & (np.abs(latitude.ravel()) < 0.01)
    # u' = cos u + sin v, and v grows southwards: u' grows along (cos 30, -sin 30) in (east, north)
    north = np.array((0.0, 1.0, 0.0))
    assert_near(mesh.tangents[equator, :3], (math.cos(math.pi / 6) * east - 0.5 * north)[equator], atol=0.01)
    np.testing.assert_array_equal(mesh.tangents[:, 3], 1)


def test_normal_map_green_points_up(tmp_path: Path) -> None:
    """On an upright image, the tangent points right and the bitangent cross(normal, tangent) * w up.

    On a mirrored one, the bitangent still points up.
    """
    square = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], "f4")
    for mirror in (False, True):
        uvs = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], "f4")  # v points down: the lower edge is v = 1
        uvs = uvs * np.array((-1, 1), "f4") if mirror else uvs
        normal = np.tile(np.array((0, 0, 1), "f4"), (4, 1))
        tree, binary = make_with_normal_map(
            POSITION=square, NORMAL=normal, TEXCOORD_0=uvs, indices=np.array([0, 1, 2, 0, 2, 3], "u1")
        )
        for flat in (False, True):  # without normals every triangle gets its own
            if flat:
                del tree["meshes"][0]["primitives"][0]["attributes"]["NORMAL"]
            mesh = read_mesh(tmp_path, tree, binary)
            assert mesh.tangents is not None and mesh.normals is not None and len(mesh.positions) == (6 if flat else 4)
            assert_near(mesh.normals, np.tile((0, 0, 1), (len(mesh.positions), 1)))
            for x, y, z, w in mesh.tangents.tolist():
                assert_near((x, y, z), (-1, 0, 0) if mirror else (1, 0, 0))
                assert_near(np.cross((0, 0, 1), (x, y, z)) * w, (0, 1, 0))


def test_tangents_without_uv_extent(tmp_path: Path) -> None:
    """UVs without extent give no direction: the tangent is any unit vector perpendicular to the normal."""
    tree, binary = make_with_normal_map(NORMAL=NORMALS, TEXCOORD_0=np.zeros((4, 2), "f4"))
    tangents = read_mesh(tmp_path, tree, binary).tangents
    assert tangents is not None
    assert_near(np.linalg.norm(tangents[:, :3], axis=1), 1)
    assert_near((tangents[:, :3] * NORMALS).sum(1), 0)
    assert set(np.abs(tangents[:, 3]).tolist()) == {1.0}


def test_a_triangle_without_uvs_joins_its_neighbours(tmp_path: Path) -> None:
    """It splits no vertex, whether its neighbours have mirrored UVs or not."""
    fan = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], "f4")
    up, index = np.tile(np.array((0, 0, 1), "f4"), (4, 1)), np.array([0, 1, 2, 0, 2, 3], "u1")
    for mirror in (1, -1):
        uvs = np.array([(0, 0), (mirror, 0), (mirror, -1), (0, 0)], "f4")  # the second triangle's UVs have no area
        mesh = read_mesh(tmp_path, *make_with_normal_map(POSITION=fan, NORMAL=up, TEXCOORD_0=uvs, indices=index))
        assert mesh.tangents is not None
        np.testing.assert_array_equal(mesh.triangles, [(0, 1, 2), (0, 2, 3)])
        assert_near(mesh.tangents[:3], [(mirror, 0, 0, mirror)] * 3)


# ---- selection of scene, camera and light ----------------------------------------------------------------------------


def make_cameras_and_lights() -> tuple[Tree, bytearray]:
    """Two scenes; the first has three cameras and four lights."""
    tree, binary = make_tetrahedron()
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


def test_selection_by_index(tmp_path: Path) -> None:
    """By indices into the file's lists, also through the flag --scene."""
    path = write_glb(tmp_path / "a.glb", *make_cameras_and_lights())
    scene = gltf.read_gltf(path)
    assert (
        scene.fov == pytest.approx(50)
        and scene.eye == (2, 0, 9)
        and scene.sun.irradiance == 3
        and len(scene.lights) == 2
    )
    assert scene.warnings == ("lights[2]: is left out: the sun is lights[1]; the argument light chooses another",)
    scene = gltf.read_gltf(path, camera=1, light=2)
    assert scene.fov == pytest.approx(40) and scene.sun.irradiance == 4
    assert gltf.read_gltf(path, camera=0).picture_height == 2  # orthographic
    other = gltf.read_gltf(path, scene=1)
    np.testing.assert_array_equal(other.meshes[0].positions, shift_corners(7))
    assert other.eye is None and other.sun.irradiance == 0 and other.lights == ()
    assert load_scene(f"{path}:scene=0,camera=1,light=2").fov == pytest.approx(40)
    assert load_scene(f"{path}:camera=2").sun.irradiance == 3
    assert load_scene(f"{path}:").fov == load_scene(str(path)).fov == pytest.approx(50)
    assert load_scene(f"{path}:scene=1").eye is None


@pytest.mark.parametrize(
    ("selection", "rule"),
    [
        ({"scene": 2}, "scene: scenes[2] does not exist, 2 present"),
        ({"camera": 9}, "camera: cameras[9] does not exist, 4 present"),
        ({"camera": 3}, "camera: cameras[3] is not in this scene, which has 0, 1, 2"),
        ({"scene": 1, "camera": 1}, "camera: cameras[1] is not in this scene, which has none"),
        ({"light": 4}, "light: lights[4] does not exist, 4 present"),
        ({"light": 0}, "light: lights[0] is a point light; the sun must be directional: 1, 2"),
    ],
)
def test_wrong_selections(tmp_path: Path, selection: dict[str, int], rule: str) -> None:
    path = write_glb(tmp_path / "a.glb", *make_cameras_and_lights())
    with pytest.raises(UserError) as caught:
        load_scene(f"{path}:" + ",".join(f"{k}={v}" for k, v in selection.items()))
    assert str(caught.value) == f"{path}: {rule}"


def test_arguments_of_scene_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_glb(tmp_path / "b.glb", *make_cameras_and_lights())
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
    calls: list[tuple[Path, dict[str, object]]] = []
    scene = load_scene(str(path))

    def read(path: Path, **selection: object) -> Scene:
        calls.append((path, selection))
        return scene

    monkeypatch.setattr(gltf, "read_gltf", read)
    load_scene(r"C:\models\a.glb:scene=1,light=2")
    load_scene(r"C:\models\a.glb")
    default = {"up": "y"}
    expected = [(Path(r"C:\models\a.glb"), default | {"scene": 1, "light": 2}), (Path(r"C:\models\a.glb"), default)]
    assert calls == expected
    for text in ("a.glb/b", "a.glb:scene=1/b", "a.off:b", "glb"):
        with pytest.raises(UserError, match="no scene"):
            load_scene(text)


# ---- punctual lights -------------------------------------------------------------------------------------------------


def test_punctual_lights(tmp_path: Path) -> None:
    tree, binary = make_tetrahedron()
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
        node = {"extensions": {"KHR_lights_punctual": {"light": i}}, "translation": [1, 2, 3]}
        tree["nodes"].append(node | {"rotation": make_quaternion((1, 0, 0), -90)} if i == 1 else node)
    add_node(tree, children=[1, 2, 3], translation=[10, 0, 0], scale=[2, 2, 2])
    point, narrow, plain = read_scene(tmp_path, tree, binary).lights
    assert point == PunctualLight((12, 4, 6), (4, 4, 4))
    assert (narrow.position, narrow.intensity, narrow.range) == ((12, 4, 6), (10, 5, 0), 3)
    assert_near(narrow.direction, (0, -1, 0))
    assert_near((narrow.inner_cone_angle, narrow.outer_cone_angle), np.degrees((0.25, 0.5)))
    assert_near(plain.direction, (0, 0, -1))
    assert_near((plain.inner_cone_angle, plain.outer_cone_angle), (0, 45))  # the extension's defaults


@pytest.mark.parametrize("kind", ["directional", "point", "spot"])
def test_colours_above_1_become_intensity(tmp_path: Path, kind: str) -> None:
    """Intensity times colour is what the file says, and the colour is one that the flags take."""
    tree, binary = make_tetrahedron()
    light = {"type": kind, "intensity": 3, "color": [2, 1, 0.5]}
    tree["extensions"] = {"KHR_lights_punctual": {"lights": [light]}}
    add_node(tree, extensions={"KHR_lights_punctual": {"light": 0}})
    scene = read_scene(tmp_path, tree, binary)
    if kind == "directional":
        assert (scene.sun.irradiance, scene.sun.color) == (6, (1, 0.5, 0.25))
    else:
        assert scene.lights[0].intensity == (6, 3, 1.5)
    assert scene.warnings == ("lights[0].color: is above 1, and is kept as part of the intensity",)


@pytest.mark.parametrize("intensity", [1.4e6, 1e12, 1e30])
def test_no_sun_is_refused_by_flags(tmp_path: Path, intensity: float) -> None:
    """What follows from a file is valid as a flag, so that a saved state can be read."""
    tree, binary = make_tetrahedron()
    light = {"type": "directional", "intensity": intensity, "color": [7, 0, 1]}
    tree["extensions"] = {"KHR_lights_punctual": {"lights": [light]}}
    add_node(tree, extensions={"KHR_lights_punctual": {"light": 0}})
    path = write_glb(tmp_path / "a.glb", tree, binary)
    values = {"lights.units": "radiometric", "scene": str(path)}
    shot = Shot().with_values(values)
    resolved = shot.resolve(load_scene(str(path)))
    assert resolved.sun.irradiance == min(7 * intensity, MAX_SUN_IRRADIANCE)
    assert Shot().with_values(resolved.values()) == resolved


@pytest.mark.parametrize("inner", [0.5, 0.6, 9])
def test_cones_of_equal_angles(tmp_path: Path, inner: float) -> None:
    tree, binary = make_tetrahedron()
    cone = {"innerConeAngle": inner, "outerConeAngle": 0.5}
    tree["extensions"] = {"KHR_lights_punctual": {"lights": [{"type": "spot", "spot": cone}]}}
    add_node(tree, extensions={"KHR_lights_punctual": {"light": 0}})
    scene = read_scene(tmp_path, tree, binary)
    (light,) = scene.lights
    assert light.inner_cone_angle == light.outer_cone_angle == pytest.approx(math.degrees(0.5))
    assert any("must have innerConeAngle below outerConeAngle" in warning for warning in scene.warnings)


def test_too_many_punctual_lights(tmp_path: Path) -> None:
    for count in (64, 65, 67):
        tree, binary = make_tetrahedron()
        tree["extensions"] = {"KHR_lights_punctual": {"lights": [{"type": "point"}]}}
        for i in range(count):
            add_node(tree, translation=[i, 0, 0], extensions={"KHR_lights_punctual": {"light": 0}})
        scene = read_scene(tmp_path, tree, binary)
        assert [light.position[0] for light in scene.lights] == list(range(64))
        warning = "nodes[65]: is a light beyond the first 64, and is left out"
        assert scene.warnings == {64: (), 65: (warning,), 67: (f"{warning} (2 more)",)}[count]


# ---- Draco -----------------------------------------------------------------------------------------------------------


def make_draco(grid: int = 9) -> tuple[Tree, bytearray, Mesh]:
    """A wavy patch with normals, two UV sets and colours, compressed with 16 bits; and the same patch plainly."""
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
    tree, binary = make_empty()
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
        "bufferView": add_buffer_view(tree, binary, data),
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


def sort_corner_rows(mesh: Mesh) -> Array:
    """(m, 36) all attributes of every corner, sorted by positions, which are rounded to more than Draco's step."""
    attributes = [mesh.positions, mesh.normals, mesh.uvs, mesh.uvs2, mesh.colors]
    rows = np.concatenate([a for a in attributes if a is not None], 1)[mesh.triangles]
    key = np.round(rows[:, :, 0] * 8) * 9 + np.round(rows[:, :, 2] * 8)
    first = key.argmin(1)
    rows = np.stack([rows[np.arange(len(rows)), (first + k) % 3] for k in range(3)], 1)
    order: Array = rows[np.lexsort(np.sort(key, 1).T)].reshape(len(rows), -1)
    return order


def test_draco(tmp_path: Path) -> None:
    tree, binary, plain = make_draco()
    mesh = read_mesh(tmp_path, tree, binary)
    assert_near(
        sort_corner_rows(mesh), sort_corner_rows(plain), atol=1 / 65535
    )  # 16 bits for the largest extent, which is 1
    assert read_scene(tmp_path, tree, binary).warnings == ()
    tree["accessors"][0]["count"] = 3
    assert read_scene(tmp_path, tree, binary).warnings == (
        "accessors[0]: declares another count than its compressed data has, which is taken",
    )
    tree["meshes"][0]["primitives"][0]["mode"] = 5  # decoded data is triangles in any mode
    np.testing.assert_array_equal(read_mesh(tmp_path, tree, binary).triangles, mesh.triangles)


def test_draco_without_dracopy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, binary, _ = make_draco()
    real_import = builtins.__import__

    def import_without_dracopy(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "DracoPy":
            raise ImportError
        return real_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", import_without_dracopy)
    text = read_error(write_glb(tmp_path / "a.glb", tree, binary))
    assert format_install_command("DracoPy") in text and "gltf-transform copy in.glb out.glb" in text


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
        tree, binary, _ = make_draco()
        change(tree, tree["meshes"][0]["primitives"][0]["extensions"]["KHR_draco_mesh_compression"])
        try:
            notes = "".join(read_scene(tmp_path, tree, binary).warnings)  # of an attribute that is left out
        except UserError as error:
            notes = str(error)
        assert rule in notes


# ---- warnings --------------------------------------------------------------------------------------------------------


def test_warnings(tmp_path: Path) -> None:
    """One line for each kind of warning, with its first element and the number of the others."""
    tree, binary = make_textured()
    primitive = tree["meshes"][0]["primitives"][0]
    tree["meshes"][0]["primitives"] += [
        {**primitive, "mode": 1},
        {**primitive, "mode": 0},
        {**primitive, "attributes": {"POSITION": 0}},
    ]
    tree["materials"][0]["extensions"] = {"KHR_materials_anisotropy": {}, "KHR_materials_iridescence": {}}
    tree["extensionsUsed"] = [
        "KHR_materials_anisotropy",
        "XYZ_light",
        "KHR_texture_transform",
        "KHR_texture_basisu",
        "KHR_xmp_json_ld",
    ]
    tree["animations"] = [{}]
    tree["nodes"][0]["rotation"] = [0, 0, 0, 2]
    deep = encode_png(np.array([[0, 0x1234]], "u2"))
    tree["images"][0] = {"bufferView": add_buffer_view(tree, binary, deep)}
    assert read_scene(tmp_path, tree, binary).warnings == (
        "nodes[0]: has a rotation whose length is not 1, which is normalised",
        "materials[0]: the extension 'KHR_materials_anisotropy' is not read; what it changes is not shown",
        "materials[0]: the extension 'KHR_materials_iridescence' is not read; what it changes is not shown",
        "meshes[0].primitives[1]: points and lines are not shown (1 more)",
        "meshes[0].primitives[3]: has no TEXCOORD_0 for the albedo texture of materials[0], which is left out",
        "images[0]: has 16 bits a channel, of which the upper 8 are used",
        "animations: are not shown; everything stands at rest",
        "extensionsUsed: the extension 'XYZ_light' is not read; what it changes is not shown",
    )
    assert read_scene(tmp_path, *make_tetrahedron()).warnings == ()


def test_corners_that_make_no_triangle_are_left_out(tmp_path: Path) -> None:
    tree, binary = make_tetrahedron()
    tree["accessors"][tree["meshes"][0]["primitives"][0]["indices"]]["count"] = 11
    scene = read_scene(tmp_path, tree, binary)
    assert scene.triangle_count == 3
    assert scene.warnings == ("meshes[0].primitives[0]: has corners that make no whole triangle, which are left out",)


def test_a_texture_without_an_image_is_left_out(tmp_path: Path) -> None:
    tree, binary = make_textured()
    tree["textures"][0] = {}
    scene = read_scene(tmp_path, tree, binary)
    assert scene.meshes[0].material.albedo_texture is None
    assert scene.warnings == ("textures[0]: names no image, and is left out",)


def test_warnings_are_limited(tmp_path: Path) -> None:
    tree, binary = make_tetrahedron()
    tree["extensionsUsed"] = [f"XYZ_{i}" for i in range(100)]
    warnings = read_scene(tmp_path, tree, binary).warnings
    assert len(warnings) == 41 and warnings[-1] == "file: 60 more warnings"


# ---- broken ----------------------------------------------------------------------------------------------------------


def make_everything() -> tuple[Tree, bytearray]:
    """A skinned, morphed and coloured tetrahedron with all textures; instances of it without the skin; a spot light."""
    weights = np.tile(np.array((0.5, 0.5, 0, 0), "f4"), (4, 1))
    tree, binary = make_skinned(weights, **ATTRIBUTES)
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
    primitive["targets"] = [
        {"POSITION": add_accessor(tree, binary, CORNERS), "NORMAL": add_accessor(tree, binary, CORNERS)}
    ]
    tree["meshes"][0]["weights"] = [0.5]
    spread: Tree = {"TRANSLATION": CORNERS, "ROTATION": np.ones((4, 4), "f4"), "SCALE": CORNERS + ONE}
    spread = {name: add_accessor(tree, binary, values) for name, values in spread.items()}
    add_node(tree, mesh=0, extensions={"EXT_mesh_gpu_instancing": {"attributes": spread}})
    spot = {"type": "spot", "range": 3, "spot": {"innerConeAngle": 0.1, "outerConeAngle": 0.5}}
    tree["extensions"] = {"KHR_lights_punctual": {"lights": [spot]}}
    add_node(tree, extensions={"KHR_lights_punctual": {"light": 0}})
    tree["cameras"] = [{"type": "perspective", "perspective": {"yfov": 1, "znear": 0.1}}]
    add_node(tree, camera=0)
    return tree, binary


def test_everything(tmp_path: Path) -> None:
    scene = read_scene(tmp_path, *make_everything())
    assert (
        len(scene.meshes) == 1
        and len(scene.meshes[0].triangles) == 20
        and len(scene.lights) == 1
        and scene.warnings == ()
    )


NUMBER = "must be a number"
NOTED: dict[str, tuple[tuple[str | int, ...], Any, str]] = {
    "joints of no node": (("skins", 0, "joints"), [1, 99], "skins[0].joints: nodes[99] does not exist"),
    "no joints": (("skins", 0, "joints"), [], "skins[0].joints: must name at least one node"),
    "joint twice in the tree": (("nodes", 2, "children"), [1], "nodes[1]: must have one parent and be in no cycle"),
    "joint outside of the scene": (("scenes", 0, "nodes"), [0], "skins[0].joints[0]: nodes[1] must be in the scene"),
    "no such skin": (("nodes", 0, "skin"), 5, "nodes[0].skin: skins[5] does not exist, 1 present"),
    "few matrices": (("accessors", 8, "count"), 1, "skins[0].inverseBindMatrices: 1 of them for 2 joints"),
    "matrices no matrices": (("accessors", 8, "type"), "VEC4", "accessors[8].type: must be MAT4"),
    "few joints of a vertex": (("accessors", 5, "count"), 3, "JOINTS_0: 3 of them for 4"),
    "joints as floats": (("accessors", 5, "componentType"), 5126, "accessors[5].componentType: must be one of"),
    "one joint": (
        ("skins", 0, "joints"),
        [1],
        "attributes: joint 1 of 1; weights of joints that do not exist are left out",
    ),
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
        "attributes: must have TRANSLATION, ROTATION or SCALE; the mesh is shown once",
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
        "lights[0].spot.outerConeAngle: must be a number from 0 to 1.5708, and is clamped",
    ),
    "light scaled to nothing": (
        ("nodes", 4, "scale"),
        [1, 1, 0],
        "nodes[4]: a camera or light must not be scaled to nothing",
    ),
}


TRIANGLE_COUNTS = {"instances of many counts": 16, "instances of nothing": 8, "joint outside of the scene": 4}


@pytest.mark.parametrize("name", NOTED)
def test_details_do_not_refuse_a_file(tmp_path: Path, name: str) -> None:
    tree, binary = make_everything()
    path, value, rule = NOTED[name]
    find_container(tree, path)[path[-1]] = value
    scene = read_scene(tmp_path, tree, binary)
    assert len(list_corners(scene)) == TRIANGLE_COUNTS.get(name, 20)
    assert any(rule in warning for warning in scene.warnings), scene.warnings


def list_corners(scene: Scene) -> list[Any]:
    """The corners of all triangles, sorted."""
    return sorted(corners for mesh in scene.meshes for corners in sort_triangles(mesh).tolist())


# Every value below these paths of make_everything() is of a material, an image, a light or a camera.
SHRUGGED_OFF = (("materials",), ("textures",), ("samplers",), ("images",), ("cameras",), ("extensions",))
WRONG_VALUES: list[Any] = [
    *(-1, 7, 10**400, math.nan, None, True, "../a.png", [], {}, [math.nan] * 3, [2] * 4, "delete"),
]


@pytest.mark.slow
@pytest.mark.parametrize("path", SHRUGGED_OFF, ids=lambda path: path[0])
def test_materials_and_lights_never_refuse_the_geometry(tmp_path: Path, path: tuple[str]) -> None:
    """Whatever stands in place of any of their values, all triangles are drawn."""
    tree, binary = make_everything()
    geometry = list_corners(read_scene(tmp_path, tree, binary))
    count = len(list_members(tree[path[0]]))
    assert count
    for i, value in itertools.product(range(count), WRONG_VALUES):
        mutated = copy.deepcopy(tree)
        container, key = list_members(mutated[path[0]])[i]
        if value == "delete" and isinstance(container, dict):
            del container[key]
        else:
            container[key] = value
        assert list_corners(read_scene(tmp_path, mutated, binary)) == geometry, (i, key, value)


NUMBERS = ("COLOR_0", "TANGENT", "WEIGHTS_0", "inverseBindMatrices", "target", "TRANSLATION", "ROTATION", "SCALE")


@pytest.mark.parametrize("name, bad", [*itertools.product(NUMBERS, (math.nan, math.inf)), ("WEIGHTS_0", -1.0)])
def test_numbers_must_be_finite(tmp_path: Path, name: str, bad: float) -> None:
    """The first number of each accessor is replaced in the file. Weights must not be negative, either."""
    tree, binary = make_everything()
    attributes = (
        tree["meshes"][0]["primitives"][0]["attributes"]
        | tree["nodes"][3]["extensions"]["EXT_mesh_gpu_instancing"]["attributes"]
    )
    i = {"inverseBindMatrices": 8, "target": 9}.get(name, attributes.get(name))
    at = tree["bufferViews"][tree["accessors"][i]["bufferView"]]["byteOffset"]
    binary[at : at + 4] = np.array([bad], "f4").tobytes()
    scene = read_scene(tmp_path, tree, binary)
    rule = "has negative weights, which are taken as 0" if bad == -1 else "must be finite numbers"
    assert any(rule in warning for warning in scene.warnings), scene.warnings
    for mesh in scene.meshes:
        for values in (mesh.positions, mesh.normals, mesh.tangents, mesh.colors):
            assert values is None or np.isfinite(values).all()
    assert len(list_corners(scene)) >= (5 if name == "target" else 16)


@pytest.mark.slow
def test_tree_mutations(tmp_path: Path) -> None:
    """Well-formed JSON with a wrong value gives a scene or one UserError."""
    tree, binary = make_everything()
    numbers = [-1, 0, 1, 2, 7, 0.5, 2**31, 10**40, 1e300, math.nan]
    wrong_values: list[Any] = [*numbers, None, True, "", "VEC3", [], {}, [{}], [0, 0, 0], [0, 0, 0, 0]]
    rng = random.Random(6)
    succeeded = []

    for _ in range(400):
        mutated = copy.deepcopy(tree)
        container, key = rng.choice(list_members(mutated))
        if rng.random() < 0.4 and isinstance(container, dict):
            del container[key]
        else:
            container[key] = copy.deepcopy(rng.choice(wrong_values))
        path = write_glb(tmp_path / "a.glb", mutated, binary)
        try:
            scene = gltf.read_gltf(path)
        except UserError as caught:
            assert "\n" not in str(caught)
            succeeded.append(False)
            continue
        succeeded.append(True)
        for mesh in scene.meshes:
            for values in (mesh.positions, mesh.normals, mesh.tangents, mesh.colors):
                assert values is None or (np.isfinite(values).all() and len(values) == len(mesh.positions))
            assert mesh.triangles.max() < len(mesh.positions)
    assert 40 < sum(succeeded) < 360, "the mutations must give scenes and errors"


def test_skinning_by_the_identity_changes_nothing(tmp_path: Path) -> None:
    """The tetrahedron on joints that do not move it stays in place."""
    tree, binary = make_skinned(np.tile(np.array((1, 0, 0, 0), "f4"), (4, 1)))
    tree["nodes"][1] = {"children": [2]}
    np.testing.assert_array_equal(
        sort_triangles(read_mesh(tmp_path, tree, binary)), sort_triangles(Mesh(CORNERS, FACES.astype("i4")))
    )
