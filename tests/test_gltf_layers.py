"""Opacity, transmission, volumes and sheen of glTF materials, as they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gltf_files import UVS, Tree, add_texture, make_tetrahedron, read_scene
from ssdo.arrays import Array
from ssdo.scene.files.gltf_layers import SHEEN, SHEEN_ALBEDO
from ssdo.scene.model import MIN_OPAQUE_ALPHA, Material
from ssdo.srgb import LINEAR_VALUES, encode_srgb8

TRANSMISSION, VOLUME = "KHR_materials_transmission", "KHR_materials_volume"
ROUNDING = 0.6  # of an 8-bit code


def make_image(seed: int, width: int = 4, height: int = 3) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), "u1")


def read_with_images(
    tmp_path: Path, material: Tree, *images: Array, **arrays: Array
) -> tuple[Material, tuple[str, ...]]:
    """The material of a tetrahedron with textures 0, 1, ... of these images; and the file's warnings."""
    tree, binary = make_tetrahedron(TEXCOORD_0=UVS, **arrays)
    for image in images:
        add_texture(tree, binary, image)
    tree["materials"] = [material]
    tree["meshes"][0]["primitives"][0]["material"] = 0
    scene = read_scene(tmp_path, tree, binary)
    return scene.meshes[0].material, scene.warnings


def get_texels(material: Material) -> Array:
    assert material.albedo_texture is not None
    return material.albedo_texture.pixels


# ---- opacity ---------------------------------------------------------------------------------------------------------


def test_alpha_modes(tmp_path: Path) -> None:
    base = {"pbrMetallicRoughness": {"baseColorFactor": [1, 1, 1, 0.25]}}
    for mode, expected in {
        "OPAQUE": (1, 0, "none"),
        "MASK": (0.25, 0.5, "none"),
        "BLEND": (0.25, MIN_OPAQUE_ALPHA, "alpha"),
    }.items():
        m, warnings = read_with_images(tmp_path, {**base, "alphaMode": mode})
        assert (m.opacity, m.alpha_cutoff, m.blending) == expected
        assert not warnings


@pytest.mark.parametrize("source", ["none", "factor", "image", "vertices"])
def test_blend_of_an_opaque_surface_is_opaque(tmp_path: Path, source: str) -> None:
    """Exporters write BLEND for what is not: such a material costs what an opaque one does."""
    pixels, colors = make_image(1), np.full((4, 4), 255, "u1")
    pixels[..., 3] = 255
    factor: Any = [1, 1, 1, 1]
    if source == "factor":
        factor[3] = 0.99
    elif source == "image":
        pixels[1, 2, 3] = 254
    elif source == "vertices":
        colors[2, 3] = 254
    pbr = {"baseColorFactor": factor, "baseColorTexture": {"index": 0}}
    material, _ = read_with_images(
        tmp_path, {"alphaMode": "BLEND", "pbrMetallicRoughness": pbr}, pixels, COLOR_0=colors
    )
    is_opaque = source == "none"
    assert (material.blending == "none", material.alpha_cutoff == 0) == (is_opaque, is_opaque)


# ---- transmission ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.25, 1.0])
@pytest.mark.parametrize("images", ["none", "colour", "transmission", "both", "both of two sizes"])
def test_transmission(tmp_path: Path, images: str, factor: float) -> None:
    """Opacity is 1 - factor * red; the colour's own alpha has no effect on an OPAQUE material."""
    sizes = {"both of two sizes": (8, 6)}.get(images, (4, 3))
    color, red = make_image(1), make_image(2, *sizes)
    pbr: Tree = {"baseColorFactor": [0.5, 0.6, 0.7, 0.3]}
    extension: Tree = {"transmissionFactor": factor}
    if images not in ("none", "transmission"):
        pbr["baseColorTexture"] = {"index": 0}
    if images not in ("none", "colour"):
        extension["transmissionTexture"] = {"index": 1}
    material, warnings = read_with_images(
        tmp_path, {"pbrMetallicRoughness": pbr, "extensions": {TRANSMISSION: extension}}, color, red
    )
    assert not warnings
    assert (material.blending, material.alpha_cutoff) == ("transmission", MIN_OPAQUE_ALPHA)
    assert material.albedo == (0.5, 0.6, 0.7)
    if images == "none":
        assert material.opacity == 1 - factor and material.albedo_texture is None
        return
    texels = get_texels(material)
    assert material.opacity == 1
    transmitted = np.full((3, 4), 255) if images == "colour" else red[..., 0]
    assert texels[..., 3] == pytest.approx(255 - factor * transmitted, abs=ROUNDING)
    if images == "transmission":
        assert (texels[..., :3] == 255).all()
    elif images != "both of two sizes":
        assert (texels[..., :3] == color[..., :3]).all()


def test_transmission_whose_images_cannot_be_read(tmp_path: Path) -> None:
    """Its factor is left, with a note."""
    extension = {"transmissionFactor": 0.75, "transmissionTexture": {"index": 0}}
    tree, binary = make_tetrahedron(TEXCOORD_0=UVS)
    tree["images"], tree["textures"] = [{"uri": "missing.png"}], [{"source": 0}]
    tree["materials"] = [{"extensions": {TRANSMISSION: extension}}]
    tree["meshes"][0]["primitives"][0]["material"] = 0
    scene = read_scene(tmp_path, tree, binary)
    material = scene.meshes[0].material
    assert (material.opacity, material.blending) == (0.25, "transmission") and len(scene.warnings) == 1


def test_transmission_beside_other_alpha_is_noted(tmp_path: Path) -> None:
    """It has no effect, with an image and without."""
    base: Tree = {"extensions": {TRANSMISSION: {"transmissionFactor": 0.5}}}
    base["pbrMetallicRoughness"] = {"baseColorFactor": [1, 1, 1, 0.2]}
    for mode, count in (("OPAQUE", 0), ("MASK", 1), ("BLEND", 1)):
        material, warnings = read_with_images(tmp_path, {**base, "alphaMode": mode})
        assert material.blending == "transmission" and len(warnings) == count and material.opacity == 0.5
        textured: Tree = {**base["pbrMetallicRoughness"], "baseColorTexture": {"index": 0}}
        changed = {**base, "alphaMode": mode, "pbrMetallicRoughness": textured}
        material, warnings = read_with_images(tmp_path, changed, make_image(1))
        assert len(warnings) == count and material.opacity == 1
        assert get_texels(material)[..., 3] == pytest.approx(np.full((3, 4), 127.5), abs=ROUNDING)
    material, warnings = read_with_images(tmp_path, {"extensions": {TRANSMISSION: {"transmissionFactor": 0}}})
    assert material.blending == "none" and not warnings


def test_transmission_that_lies_elsewhere_is_left_out(tmp_path: Path) -> None:
    transform = {"KHR_texture_transform": {"scale": [2, 2]}}
    extension = {"transmissionFactor": 0.5, "transmissionTexture": {"index": 1, "extensions": transform}}
    pbr = {"baseColorTexture": {"index": 0}}
    material, warnings = read_with_images(
        tmp_path, {"pbrMetallicRoughness": pbr, "extensions": {TRANSMISSION: extension}}, make_image(1), make_image(2)
    )
    assert len(warnings) == 1 and "transmissionTexture" in warnings[0]
    assert get_texels(material)[..., 3] == pytest.approx(np.full((3, 4), 127.5), abs=ROUNDING)


@pytest.mark.parametrize("thickness", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("distance", [None, 0.0, 0.25, 4.0])
def test_a_volume_attenuates_over_its_thickness(tmp_path: Path, thickness: float, distance: float | None) -> None:
    """Beer's law: the colour is what is left after the distance, which is infinite by default."""
    color = np.array([0.9, 0.5, 0.0])
    volume: Tree = {"thicknessFactor": thickness, "attenuationColor": color.tolist()}
    if distance is not None:
        volume["attenuationDistance"] = distance
    extensions = {TRANSMISSION: {"transmissionFactor": 1}, VOLUME: volume}
    material, _ = read_with_images(tmp_path, {"extensions": extensions})
    expected = np.ones(3)
    if distance is not None and thickness:
        expected = color ** (thickness / distance) if distance else np.zeros(3)
    assert material.albedo == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("has_color", [False, True])
@pytest.mark.parametrize("lies", ["alike", "elsewhere", "nowhere"])
def test_the_image_of_a_thickness(tmp_path: Path, has_color: bool, lies: str) -> None:
    """Its green multiplies the thickness texel by texel; without it, or if it cannot be used, all of it counts."""
    thickness: Tree = {"index": 0}
    images = [make_image(1), make_image(2)]
    if lies == "elsewhere":
        thickness["extensions"] = {"KHR_texture_transform": {"scale": [2, 2]}}
    elif lies == "nowhere":
        thickness["index"] = 9
    volume = {
        "thicknessFactor": 0.5,
        "thicknessTexture": thickness,
        "attenuationDistance": 1,
        "attenuationColor": [0.9, 0.5, 0.0],
    }
    extensions: Tree = {TRANSMISSION: {"transmissionFactor": 1}, VOLUME: volume}
    pbr = {"baseColorTexture": {"index": 1}} if has_color else {}
    material, warnings = read_with_images(tmp_path, {"pbrMetallicRoughness": pbr, "extensions": extensions}, *images)
    whole = np.array([0.9, 0.5, 0.0]) ** 0.5
    is_used = lies == "alike" or (lies == "elsewhere" and not has_color)
    assert len(warnings) == (not is_used)
    assert material.albedo == pytest.approx((1, 1, 1) if is_used else whole)
    if not is_used and not has_color:
        assert (material.opacity, material.albedo_texture) == (0, None)
        return
    texels = get_texels(material)
    colors = LINEAR_VALUES[images[1][..., :3]] if has_color else np.ones((3, 4, 3))
    attenuation = whole ** (images[0][..., 1:2] / 255) if is_used else 1
    assert np.abs(texels[..., :3] - encode_srgb8(colors * attenuation).astype("f8")).max() <= 1
    assert not texels[..., 3].any()


# ---- sheen -----------------------------------------------------------------------------------------------------------


def evaluate_sheen(roughness: float, cosine: Array, cosine_l: Array, azimuth: Array) -> Array:
    """The sheen BRDF of Estevez and Kulla (2017), as in appendix B of KHR_materials_sheen."""
    alpha = roughness**2
    sine, sine_l = np.sqrt(1 - cosine**2), np.sqrt(1 - cosine_l**2)
    v_dot_l = sine * sine_l * np.cos(azimuth) + cosine * cosine_l
    n_dot_h = (cosine + cosine_l) / np.sqrt(2 + 2 * v_dot_l)
    distribution = (2 + 1 / alpha) * np.maximum(1 - n_dot_h**2, 0) ** (0.5 / alpha) / (2 * np.pi)
    weight = (1 - alpha) ** 2
    a, b, c, d, e = (
        weight * rough + (1 - weight) * smooth
        for rough, smooth in (
            *((25.3245, 21.5473), (3.32435, 3.82987), (0.16801, 0.19823)),
            *((-1.27393, -1.97760), (-4.85967, -4.32054)),
        )
    )

    def fit(x: Array) -> Array:
        value: Array = a / (1 + b * x**c) + d * x + e
        return value

    def masking(x: Array) -> Array:
        return np.where(x < 0.5, np.exp(fit(x)), np.exp(2 * fit(np.array(0.5)) - fit(1 - x)))

    brdf: Array = distribution / ((1 + masking(cosine) + masking(cosine_l)) * 4 * cosine * cosine_l)
    return brdf


@pytest.mark.parametrize("step", range(1, 11))
def test_sheen_reflects_its_albedo(step: int) -> None:
    """The table is the integral of the BRDF over both hemispheres."""
    x, weight = np.polynomial.legendre.leggauss(48)
    cosine, weight = (x + 1) / 2, weight / 2
    azimuth = (np.arange(96) + 0.5) / 96 * 2 * np.pi
    brdf = evaluate_sheen(step / 10, cosine[:, None, None], cosine[:, None], azimuth)
    integral = np.einsum("vla,v,l,v,l->", brdf, weight, weight, cosine, cosine) * 2 * 2 * np.pi / len(azimuth)
    assert SHEEN_ALBEDO[step] == pytest.approx(integral, abs=1e-4)


def make_sheen(**members: Any) -> Tree:
    extensions = {SHEEN: {"sheenRoughnessFactor": 0.5, "sheenColorFactor": [1, 0.5, 0], **members}}
    pbr = {"metallicFactor": 0, "baseColorFactor": [0.2, 0.4, 0.6, 1]}
    return {"pbrMetallicRoughness": pbr, "extensions": extensions}


@pytest.mark.parametrize("images", ["none", "color", "sheen", "both"])
def test_sheen(tmp_path: Path, images: str) -> None:
    """It takes from the diffuse light below what it reflects, in every texel; alpha stays."""
    below, above = make_image(1), make_image(2, 8, 6)
    tree = make_sheen(**({"sheenColorTexture": {"index": 1}} if images in ("sheen", "both") else {}))
    if images in ("color", "both"):
        tree["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
    material, warnings = read_with_images(tmp_path, tree, below, above)
    color, sheen = np.array((0.2, 0.4, 0.6)), SHEEN_ALBEDO[5] * np.array((1, 0.5, 0))
    if images == "both":  # constant parts of a smaller image keep their values
        material, warnings = read_with_images(tmp_path, tree, below[:1, :1], above)
        color = color * LINEAR_VALUES[below[0, 0, :3]]
    elif images == "color":
        color = color * LINEAR_VALUES[below[..., :3]]
    if images in ("sheen", "both"):
        sheen = sheen * LINEAR_VALUES[above[..., :3]]
    expected = color * (1 - sheen) + sheen
    assert not warnings
    if images == "none":
        assert material.albedo == pytest.approx(expected) and material.albedo_texture is None
        return
    assert material.albedo == (1, 1, 1)
    texels = get_texels(material)
    assert np.abs(texels[..., :3] - 255 * encode(expected)).max() < ROUNDING
    alpha = {"color": below[..., 3], "both": below[0, 0, 3], "sheen": 255}[images]
    assert (texels[..., 3] == alpha).all()


def encode(linear: Array) -> Array:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_sheen_that_is_not_shown(tmp_path: Path) -> None:
    """On metals, and where its image lies elsewhere, with a note. Black sheen has none."""
    metal = make_sheen() | {"pbrMetallicRoughness": {"baseColorFactor": [0.2, 0.4, 0.6, 1]}}
    unlike = make_sheen(sheenColorTexture={"index": 0, "texCoord": 1})
    unlike["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
    black = make_sheen(sheenColorFactor=[0, 0, 0])
    notes = []
    for tree in (metal, unlike, black):
        material, warnings = read_with_images(tmp_path, tree, make_image(1), TEXCOORD_1=UVS)
        assert material.albedo == (0.2, 0.4, 0.6)
        notes.append(warnings)
    inside = f"materials[0].extensions.{SHEEN}"
    assert notes == [
        (f"{inside}: is shown neither on metals nor on what transmits light",),
        (f"{inside}: lies on the surface unlike baseColorTexture, and is left out",),
        (),
    ]
