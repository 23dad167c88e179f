"""A tiny scene in which every field of the model has a value, and a tiny environment."""

from __future__ import annotations

import math

import numpy as np
import pytest
from render_small import register_scene
from ssdo.arrays import Bytes, Floats
from ssdo.scene import environment, skies
from ssdo.scene.model import MIN_OPAQUE_ALPHA, DirectionalLight, ImageTexture, Material, Mesh, PunctualLight, Scene
from ssdo.settings import Vec3

SCENE, SKY = "tiny", "tiny sky"  # names of what `register_tiny_assets` adds
TINY = {"scene": SCENE, "environment": SKY, "width": 24, "height": 16, "sun.resolution": 256, "lights.resolution": 64}
SKY_SIZE = (64, 128)  # rows and columns; smaller maps have no sun that can be extracted


def make_pixels(seed: int, height: int = 4, width: int = 8, alpha: tuple[int, int] = (255, 256)) -> Bytes:
    """(h, w, 4) random colours with an alpha in a range."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(64, 256, (height, width, 4), "u1")
    pixels[..., 3] = rng.integers(*alpha, (height, width))
    return pixels


REPEATING = ((2.0, 0.0, 0.25), (0.0, 2.0, 0.25))  # a UV transform that goes beyond the image


def make_texture(seed: int, pixels: Bytes | None = None) -> ImageTexture:
    transform = ((1.5, 0.25, 0.125), (-0.25, 1.5, 0.5))
    return ImageTexture(make_pixels(seed) if pixels is None else pixels, 1, transform, (True, False))


def make_material(seed: int, is_masked: bool = False) -> Material:
    """A material with every texture, some of which are laid out by the second set of UVs."""
    normals = make_pixels(seed + 3)
    normals[..., 2] = 255
    return Material(
        albedo=(0.7, 0.5 + 0.01 * seed, 0.4),
        emission=(0.3, 0.2, 0.1),
        albedo_texture=ImageTexture(
            make_pixels(seed, alpha=(0, 256) if is_masked else (255, 256)), transform=REPEATING
        ),
        emission_texture=make_texture(seed + 1),
        metallic=0.5,
        roughness=0.4,
        f0=(0.04,) * 3,
        f0_texture=make_texture(seed + 5),
        metallic_roughness_texture=make_texture(seed + 2),
        normal_texture=make_texture(seed + 3, normals),
        normal_scale=0.7,
        occlusion_texture=make_texture(seed + 4),
        occlusion_strength=0.8,
        opacity=0.9,
        alpha_cutoff=0.4 if is_masked else 0.0,
        double_sided=False,
        coat=None if is_masked else make_coat(seed + 50),
        name=f"material {seed}",
    )


def make_coat(seed: int) -> Material:
    return Material(
        albedo=(0.9, 0.8, 0.7),
        f0=(0.03, 0.04, 0.05),
        roughness=0.3,
        opacity=0.2,
        alpha_cutoff=MIN_OPAQUE_ALPHA,
        blending="transmission",
        albedo_texture=make_texture(seed),
    )


def make_mesh(corners: list[Vec3], normal: Vec3, material: Material) -> Mesh:
    """A quad with every attribute."""
    positions = np.array(corners, "f4")
    uvs = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], "f4")
    tangent = positions[1] - positions[0]
    tangents = np.append(tangent / np.linalg.norm(tangent), 1.0).astype("f4")
    return Mesh(
        positions,
        np.array([(0, 1, 2), (0, 2, 3)], "i4"),
        material,
        np.tile(np.array(normal, "f4"), (4, 1)),
        uvs,
        uvs[:, ::-1].copy(),
        np.linspace(0.5, 1.0, 16, dtype="f4").reshape(4, 4),
        np.tile(tangents, (4, 1)),
    )


def make_tiny_scene() -> Scene:
    """A floor, a wall with an alpha mask, a box without attributes, a spot light and two point lights."""
    floor = make_mesh([(-3, 0, 3), (3, 0, 3), (3, 0, -3), (-3, 0, -3)], (0, 1, 0), make_material(0))
    fence = make_mesh(
        [(-1, 0, 0), (1, 0, 0), (1, 1.2, 0), (-1, 1.2, 0)], (0.28, 0, 0.96), make_material(10, is_masked=True)
    )
    corners = np.array([(x, y, z) for x in (1, 2) for y in (0, 1) for z in (-1, 0)], "f4")
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = np.array([t for a, b, c, d in faces for t in ((a, b, c), (a, c, d))], "i4")
    box = Mesh(corners, triangles, Material((0.6, 0.2, 0.2)))
    downwards = (0.0, -math.cos(0.25), -math.sin(0.25))
    lights = (
        PunctualLight((-2.0, 2.0, 1.0), (4.0, 3.0, 2.0), range=9.0),
        PunctualLight((2.5, 2.5, 1.5), (2.0, 3.0, 4.0), range=8.0),
        PunctualLight((0.5, 3.0, 2.0), (6.0, 6.0, 6.0), downwards, 20.0, 35.0, 10.0),
    )
    sun = DirectionalLight(120.0, 40.0, 3.0, (0.95, 0.9, 0.8))
    return Scene((floor, fence, box), (1.0, 2.0, 5.0), (0.0, 0.4, 0.0), 45.0, sun, "white", "tiny", lights, ("none",))


def make_tiny_sky(sun_direction: Vec3) -> Floats:
    """Radiance of a random sky with a bright spot, a little redder where the sun is east."""
    radiance = np.random.default_rng(5).random((*SKY_SIZE, 3)).astype("f4")
    radiance[20:22, 30:32] = 3000.0
    radiance[..., 0] *= np.float32(1.5 + 0.5 * sun_direction[0])
    return radiance


def register_tiny_assets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the scene and the environment to the built-in ones, until the end of the test."""
    register_scene(SCENE, make_tiny_scene)
    monkeypatch.setitem(skies.BUILT_IN_SKIES, SKY, make_tiny_sky)
    monkeypatch.setattr(environment, "SUN_DEPENDENT_SKIES", (*skies.SUN_DEPENDENT_SKIES, SKY))
    environment._build_sky.cache_clear()
