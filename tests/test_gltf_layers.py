"""Opacity, transmission and volumes of glTF materials, as they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gltf_files import UVS, Tree, add_texture, make_tetrahedron, read_scene
from ssdo.arrays import Array
from ssdo.scene.model import MIN_OPAQUE_ALPHA, Material

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


def test_transmission_beside_other_alpha_is_noted(tmp_path: Path) -> None:
    base: Tree = {"extensions": {TRANSMISSION: {"transmissionFactor": 0.5}}}
    for mode, count in (("OPAQUE", 0), ("MASK", 1), ("BLEND", 1)):
        material, warnings = read_with_images(tmp_path, {**base, "alphaMode": mode})
        assert material.blending == "transmission" and len(warnings) == count
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
