"""One scene authored in both workflows of glTF, metallic-roughness and specular-glossiness, by every technique."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from closed_forms import HALF_FLOAT_ROUNDING
from gltf_files import Tree, add_mesh, add_texture, make_empty, write_glb
from render_small import render_small
from ssdo.arrays import Bytes
from ssdo.gpu.context import Gpu
from ssdo.render.technique import Technique
from ssdo.scene.model import Mesh
from ssdo.scene.modelling.shapes import make_box, make_quad, make_sphere
from ssdo.srgb import LINEAR_VALUES
from test_specular import DFG_ERROR

F0_CODE = 56  # sRGB of the dielectrics' F0
IOR = 2 / (1 - np.sqrt(LINEAR_VALUES[F0_CODE])) - 1  # whose F0 that is
SPECULAR_GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"

# Base colour (sRGB codes), metallic (0 or 255), roughness (of 255) of the surfaces; the second half has images.
SURFACES: tuple[tuple[tuple[int, int, int], int, int], ...] = (
    ((188, 180, 170), 0, 153),
    ((230, 190, 110), 255, 77),
    ((150, 60, 40), 0, 51),
    ((120, 170, 220), 255, 0),
)


def write_scene(path: Path, workflow: str) -> Path:
    """A floor, a wall, two boxes and two spheres: of each material one with factors and one with images."""
    tree, binary = make_empty()
    floor = make_quad((-2, 0, 1), (2, 0, 1), (2, 0, -1), (-2, 0, -1))
    wall = make_quad((-2, 0, -1), (2, 0, -1), (2, 2, -1), (-2, 2, -1))
    boxes = [make_box((x, 0, -0.4), (x + 0.5, 0.5, 0.1)) for x in (-1.3, 0.1)]
    spheres = [make_sphere((x, 0.3, 0.1), 0.3, rings=12) for x in (-0.35, 1.0)]
    for i, mesh in enumerate((floor, boxes[0], spheres[0], wall, boxes[1], spheres[1])):
        code, metallic, roughness = SURFACES[i % len(SURFACES)]
        make_material = make_metallic_roughness if workflow == "metallic-roughness" else make_specular_glossiness
        tree["materials"].append(make_material(tree, binary, code, metallic, roughness, has_images=i > 2))
        add_model(tree, binary, mesh, len(tree["materials"]) - 1)
    return write_glb(path, tree, binary)


def add_model(tree: Tree, binary: bytearray, mesh: Mesh, material: int) -> None:
    arrays = {"POSITION": mesh.positions, "TEXCOORD_0": np.zeros((len(mesh.positions), 2), "f4")}
    if mesh.normals is not None:
        arrays["NORMAL"] = mesh.normals
    add_mesh(tree, binary, **arrays, indices=mesh.triangles.astype("u2"))["material"] = material


def to_linear(code: tuple[int, ...]) -> list[float]:
    return [float(LINEAR_VALUES[c]) for c in code]


def make_image(*values: int) -> Bytes:
    return np.full((2, 2, 4), values, "u1")


def make_metallic_roughness(
    tree: Tree, binary: bytearray, code: tuple[int, int, int], metallic: int, roughness: int, has_images: bool
) -> Tree:
    factors: Tree = {
        "baseColorFactor": [*to_linear(code), 1],
        "metallicFactor": metallic / 255,
        "roughnessFactor": roughness / 255,
    }
    if has_images:
        factors = {
            "baseColorTexture": {"index": add_texture(tree, binary, make_image(*code, 255))},
            "metallicRoughnessTexture": {"index": add_texture(tree, binary, make_image(0, roughness, metallic, 255))},
        }
    return {"pbrMetallicRoughness": factors, "extensions": {"KHR_materials_ior": {"ior": float(IOR)}}}


def make_specular_glossiness(
    tree: Tree, binary: bytearray, code: tuple[int, int, int], metallic: int, roughness: int, has_images: bool
) -> Tree:
    """With a fallback that no viewer of the extension should use."""
    diffuse, specular = ((0, 0, 0), code) if metallic else (code, (F0_CODE,) * 3)
    extension: Tree = {
        "diffuseFactor": [*to_linear(diffuse), 1],
        "specularFactor": to_linear(specular),
        "glossinessFactor": 1 - roughness / 255,
    }
    if has_images:
        extension = {
            "diffuseTexture": {"index": add_texture(tree, binary, make_image(*diffuse, 255))},
            "specularGlossinessTexture": {"index": add_texture(tree, binary, make_image(*specular, 255 - roughness))},
        }
    return {"pbrMetallicRoughness": {"baseColorFactor": [1, 0, 1, 1]}, "extensions": {SPECULAR_GLOSSINESS: extension}}


VIEW: dict[str, Any] = {"width": 48, "height": 27, "sun.irradiance": 2.0, "sun.azimuth": 150.0, "sun.elevation": 40.0}
VIEW |= {"environment": "sky", "ground": "off", "display.exposure": 0.0, "camera.eye": (0.3, 1.1, 3.0)}
VIEW |= {"camera.target": (0.0, 0.4, 0.0), "camera.fov": 40.0}


@pytest.mark.parametrize("technique", Technique.known)
def test_both_workflows_look_the_same(gpu: Gpu, tmp_path: Path, technique: str) -> None:
    """Factors and images are the same numbers. Measured 1.5e-4 where rays choose between two lobes."""
    one, other = (
        render_small(gpu, VIEW | {"technique": technique, "scene": str(write_scene(tmp_path / f"{i}.glb", workflow))})
        for i, workflow in enumerate(("metallic-roughness", "specular-glossiness"))
    )
    assert one.radiance.mean() > 0.2 and one.radiance.std() > 0.1
    assert (np.abs(one.radiance - other.radiance) <= HALF_FLOAT_ROUNDING * (1 + one.radiance)).all()


@pytest.mark.parametrize("technique", Technique.known)
def test_white_stays_white_at_any_f0(gpu: Gpu, tmp_path: Path, technique: str) -> None:
    """In a furnace: the layer transmits what it does not reflect, for each colour."""
    tree, binary = make_empty()
    extension = {"specularFactor": [0.9, 0.4, 0.04], "glossinessFactor": 0.5}
    tree["materials"] = [{"extensions": {SPECULAR_GLOSSINESS: extension}}]
    add_model(tree, binary, make_sphere((0, 0, 0), 0.5, rings=64), 0)
    scene = str(write_glb(tmp_path / "a.glb", tree, binary))
    values: dict[str, Any] = {"scene": scene, "technique": technique, "environment": "white", "ground": "off"}
    p = render_small(gpu, VIEW | values | {"sun.irradiance": 0.0, "camera.target": (0.0, 0.0, 0.0)})
    error = p.radiance[p.surface_mask] - 1
    if technique == "reference":  # noise of the lobe's rays
        assert (np.abs(error.mean(0)) < 4 * error.std(0, ddof=1) / np.sqrt(len(error)) + DFG_ERROR).all()
    else:
        assert np.abs(error).max() < HALF_FLOAT_ROUNDING
