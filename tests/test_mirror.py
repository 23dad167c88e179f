"""Specular reflection where it is sharp, grazing or seen by a ray; and materials whose textures are written plainly.

Lobes are evaluated by test_specular.evaluate_specular. What rays hit is seen in a mirror, see periscope.py.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from periscope import ReflectedView, render_floor_by_rays
from render_small import register_scene, render_small
from ssdo.arrays import Doubles, Floats
from ssdo.gpu.context import Gpu
from ssdo.render.technique import Technique
from ssdo.scene import skies
from ssdo.scene.model import ImageTexture, Material, Mesh, PunctualLight, Scene
from ssdo.scene.modelling.shapes import make_box, make_quad
from ssdo.settings import Vec3
from test_specular import (
    DFG_ERROR,
    HALF_FLOAT_ROUNDING,
    MATERIALS,
    DirectMaterial,
    dot,
    evaluate_specular,
    make_dielectric,
    make_metal,
    normalize,
    register_plane,
    specular_albedo,
)

WITH_LOBE = [name for name, technique_type in Technique.known.items() if hasattr(technique_type, "specular_samples")]
BLACK = Material((0.0, 0.0, 0.0))
SMALL_VIEW = {"width": 32, "height": 18, "reference.rays": 64}


# ---- sharpness -------------------------------------------------------------------------------------------------------

CELL = 8  # texels of a map of 256 x 128, 11 degrees
FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "denoiser": {"denoise.radius": 8},
    "denoiser guided by variance": {"denoise.radius": 8, "denoise.guide": "variance"},
    "half resolution": {"denoise.radius": 4, "lighting.resolution": "half"},
    "history": {"denoise.radius": 4, "temporal.history_length": 3},
    "mean": {"accumulated_frames": 2},
}


def make_checkered_sky(_: Vec3) -> Floats:
    """(128, 256, 3): cells of radiance 0.25 and 1.75."""
    row, column = np.indices((128, 256)) // CELL
    return np.repeat(np.where((row + column) % 2, 0.25, 1.75)[..., None], 3, -1).astype("f4")


def reflect_on_floor(ray: Doubles) -> Doubles:
    """Directions in which rays go on from a horizontal mirror."""
    return ray * (1.0, -1.0, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("technique", Technique.known)
def test_mirror_keeps_a_checkered_sky_sharp(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, technique: str) -> None:
    """Whatever filters the lighting, each pixel shows the texel of its reflected direction."""
    monkeypatch.setitem(skies.BUILT_IN_SKIES, "checkered", make_checkered_sky)
    values: dict[str, Any] = {"technique": technique, "environment": "checkered"}
    values["scene"] = register_plane(make_metal(0.0), 50.0)
    if technique == "reference":
        values["reference.rays"] = 16
    for name, filters in FILTERS.items():
        p = render_small(gpu, values | filters)
        assert p.surface_mask.all()
        x, y, z = np.moveaxis(reflect_on_floor(p.ray), -1, 0)
        u, v = np.arctan2(x, -z) / (2 * np.pi) * 256 / CELL, np.arccos(y) / np.pi * 128 / CELL
        expected = np.where((np.floor(u) + np.floor(v)) % 2, 0.25, 1.75)
        # Texels are interpolated, so edges of cells are two texels wide.
        inside = (np.abs(u - np.rint(u)) > 2 / CELL) & (np.abs(v - np.rint(v)) > 2 / CELL)
        assert inside.sum() > 200 and 0.2 < (expected[inside] > 1).mean() < 0.8
        error = np.abs(p.radiance[..., 0] - expected)[inside]
        if technique == "reference":  # one ray of 16 may miss its cell
            assert error.mean() < 0.01 and error.max() < 1.5 * 2.5 / 16, name
        else:
            assert error.max() < 2e-3, name  # rounding of the DFG table; measured 9e-4


def checkered_wall_scene() -> Scene:
    """A mirror before a wall with a checkered emission of 0 and 1, in cells of 0.25 m."""
    pixels = np.full((64, 64, 4), 255, "u1")  # row 0 on top
    row, column = np.indices((64, 64)) // 8
    pixels[(row + column) % 2 == 1, :3] = 0
    emission = ImageTexture(pixels, clamp=(True, True))
    material = replace(BLACK, emission=(1.0, 1.0, 1.0), emission_texture=emission)
    wall = make_quad((-1, 0, -1), (1, 0, -1), (1, 2, -1), (-1, 2, -1), material)
    floor = make_quad((-1, 0, 2), (1, 0, 2), (1, 0, -1), (-1, 0, -1), make_metal(0.0))
    return Scene((floor, wall), (0.0, 1.0, 3.0), (0.0, 0.3, 0.0), 40.0, environment="black")


@pytest.mark.slow
@pytest.mark.parametrize("technique", [*WITH_LOBE, "reference"])
def test_mirror_keeps_a_checkered_wall_sharp(gpu: Gpu, technique: str) -> None:
    """Also at half resolution, where cells are some pixels wide, the wall's cells appear where they are reflected."""
    scene = checkered_wall_scene()
    values: dict[str, Any] = {"scene": register_scene("checkered wall", scene), "technique": technique}
    values |= {"width": 96, "height": 54}
    if technique in WITH_LOBE:
        values |= {f"{technique}.radius": 6.0, f"{technique}.steps": 64}
    for name, filters in FILTERS.items():
        p = render_small(gpu, values | filters)
        reflected_ray = reflect_on_floor(p.ray)
        t = (-1 - p.position[..., 2]) / np.minimum(reflected_ray[..., 2], -1e-9)
        x, y = (p.position[..., i] + t * reflected_ray[..., i] for i in (0, 1))
        u, v = 4 * (x + 1), 4 * y  # in cells
        is_bright = (np.floor(u) + np.floor(v)) % 2 == 1
        floor = p.surface_mask & (np.abs(p.position[..., 1]) < 1e-3) & (np.abs(x) < 0.9) & (y > 0.1) & (y < 1.2)
        inside = floor & (np.abs(u - np.rint(u)) > 0.25) & (np.abs(v - np.rint(v)) > 0.25)
        assert inside.sum() > 100
        bright, dark = (float(p.radiance[inside & side].mean()) for side in (is_bright, ~is_bright))
        # Measured: 0.985 and 0.015 by steps along the rays; 0.82 and 0.17 between pixels of the half resolution.
        is_interpolated = "lighting.resolution" in filters and technique in WITH_LOBE
        slack = 0.25 if is_interpolated else 0.03
        assert bright > 1 - slack and dark < slack, (name, bright, dark)


# ---- without a specular layer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("technique", Technique.known)
@pytest.mark.parametrize("roughness", [0.0, 0.5])
def test_surface_without_reflectance_is_diffuse(gpu: Gpu, technique: str, roughness: float) -> None:
    """Bit for bit, at all angles up to grazing ones, beside specular surfaces: F0 = 0 has no Fresnel reflection."""
    lights = (PunctualLight((0.0, 0.4, 1.0), (1.0, 2.0, 3.0)),)
    values = {
        "technique": technique,
        "environment": "ramp-z",
        "sun.irradiance": 2.0,
        "sun.azimuth": 10.0,
        "sun.elevation": 8.0,
        "denoise.radius": 4,
    }
    if technique == "reference":
        values["reference.max_bounces"] = 0  # other bounces take other random numbers
    if hasattr(Technique.known[technique], "radius"):
        values[f"{technique}.radius"] = 0.3
    images = []
    for other in (make_metal(0.3), BLACK):
        without_layer = Material((0.6, 0.3, 0.9), roughness=roughness)
        floor = make_quad((-50, 0, 9), (50, 0, 9), (50, 0, -90), (-50, 0, -90), without_layer)
        step = make_quad((-0.6, 0.2, -3), (0.6, 0.2, -3), (0.6, 0.5, -3), (-0.6, 0.5, -3), without_layer)
        post = make_quad((-60, 0, -40), (-59, 0, -40), (-59, 9, -40), (-60, 9, -40), other)  # outside of the image
        scene = Scene((floor, step, post), (0.0, 0.25, 2.0), (0.0, 0.2, 0.0), 30.0, lights=lights)
        images.append(render_small(gpu, values | {"scene": register_scene("without a layer", scene)}))
    beside_metal, alone = images
    cosine = np.abs((alone.ray * alone.normal).sum(-1))[alone.surface_mask]
    assert cosine.min() < 0.02 and alone.radiance.max() > 0.3
    for term in ("radiance", "direct", "indirect", "sun_and_lights"):
        np.testing.assert_array_equal(getattr(beside_metal, term), getattr(alone, term), err_msg=term)


# ---- Fresnel at grazing angles ---------------------------------------------------------------------------------------

F0_VALUES = (0.01, 0.04, 0.3)


def schlick(f0: float, cosine: Doubles) -> Doubles:
    """Schlick's curve with the reflectance at grazing angles that shaders/common/specular.glsl documents."""
    f90 = min(50 * f0, 1.0)
    reflectance: Doubles = f0 + (f90 - f0) * (1 - cosine) ** 5
    return reflectance


def chord_error(cosine: Doubles) -> Doubles:
    """What interpolation of the DFG table, 31 intervals, adds to Schlick's curve, and the table's own error."""
    error: Doubles = DFG_ERROR + 20 * (1 + 1 / 31 - cosine) ** 3 / 8 / 31**2
    return error


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["off", *WITH_LOBE, "reference"])
def test_black_dielectric_reflects_the_sky_at_grazing_angles(gpu: Gpu, technique: str) -> None:
    """In a white sky, by image-based lighting and by the lobe of the path tracer: 1 towards the horizon."""
    values: dict[str, Any] = {"technique": technique, "sky.intensity": 3.0}
    if technique == "reference":
        values["reference.rays"] = 16
    for f0 in F0_VALUES:
        for tilt in (75.0, 83.0, 87.0):
            scene = register_plane(make_dielectric(0.0, (0.0, 0.0, 0.0), f0), tilt)
            p = render_small(gpu, values | {"scene": scene})
            assert p.surface_mask.all()
            cosine = -p.ray[..., 1]
            error = p.radiance[..., 0] / 3 - schlick(f0, cosine)
            # In the first two columns the table errs more; measured 0.033.
            slack = np.where(cosine > 2 / 31, chord_error(cosine) + HALF_FLOAT_ROUNDING, 0.05)
            if technique == "reference":  # one ray of 16 may leave the narrow lobe; measured 0.0013 and 0.0024
                assert np.median(np.abs(error)) < 0.003 and abs(error.mean()) < 0.005, (f0, tilt)
            else:
                assert (np.abs(error) < slack).all(), (f0, tilt)


@pytest.mark.slow
@pytest.mark.parametrize("pitch", [7.0, 15.0, 60.0])
def test_rays_see_more_reflection_at_grazing_angles(gpu: Gpu, pitch: float) -> None:
    """What a ray hits, in a white sky: Schlick's curve."""
    for f0 in F0_VALUES:
        floor = make_floor(make_dielectric(0.0, (0.0, 0.0, 0.0), f0))
        view = render_floor_by_rays(gpu, (floor,), (0.0, 1.0, 0.0), 6.0, SMALL_VIEW, pitch)
        error = view.radiance[..., 0] - schlick(f0, -view.direction[..., 1])
        # A ray of 64 may leave the narrow lobe of the mirror; measured 0.022, and 0.0009.
        assert np.abs(error).max() < 3 / 64 and abs(error.mean()) < 0.003


# ---- materials that rays hit -----------------------------------------------------------------------------------------


def make_floor(material: Material) -> Mesh:
    return make_quad((-20, 0, 20), (20, 0, 20), (20, 0, -20), (-20, 0, -20), material)


UP = np.array((0.0, 1.0, 0.0))


def reflected_radiance(
    view: ReflectedView, towards_light: Doubles, irradiance: npt.ArrayLike, material: DirectMaterial
) -> Doubles:
    """(h, w, 3): radiance of the floor towards the mirror, by light from unit vectors (..., 3).

    `irradiance` (..., 3) is that of a surface that faces the light.
    """
    v, n = -view.direction, np.broadcast_to(UP, view.direction.shape)
    l = np.broadcast_to(towards_light, v.shape)  # noqa: E741 - the literature's letter
    roughness = material.material.roughness
    specular = evaluate_specular(n, v, l, material.f0, roughness)
    diffuse = (
        (1 - specular_albedo(np.array(material.f0), roughness, v[..., 1])) * np.array(material.diffuse_albedo) / np.pi
    )
    radiance: Doubles = np.asarray(irradiance) * l[..., 1:2] * (diffuse + specular)
    return radiance


@pytest.mark.parametrize("index", range(len(MATERIALS)))
@pytest.mark.parametrize("light", ["sun", "point light"])
def test_rays_see_the_reflection_of_lights(gpu: Gpu, index: int, light: str) -> None:
    """Around the mirror direction: tinted by a metal, white by a dielectric, as wide as the roughness squared."""
    material = MATERIALS[index]
    values: dict[str, Any] = {"environment": "black", "reference.rays": 16}
    lights: tuple[PunctualLight, ...] = ()
    if light == "sun":
        values |= {"sun.azimuth": 180.0, "sun.elevation": 40.0, "sun.irradiance": 3.0, "sun.angular_diameter": 0.0}
        values["sun.color"] = (1.0, 0.9, 0.5)
    else:
        lights = (PunctualLight((0.0, 1.0, 2.4), (3.0, 2.7, 1.5)),)
    view = render_floor_by_rays(
        gpu, (make_floor(material.material),), (0.0, 1.0, 0.0), 30.0, values, 40.0, lights=lights
    )
    if light == "sun":
        towards = np.array((0.0, math.sin(math.radians(40)), math.cos(math.radians(40))))
        irradiance = np.array((3.0, 2.7, 1.5))
    else:
        offset = np.array(lights[0].position) - view.position
        towards, irradiance = normalize(offset), np.array(lights[0].intensity) / dot(offset, offset)[..., None]
    expected = reflected_radiance(view, towards, irradiance, material)
    error = np.abs(view.radiance - expected) / (expected + 0.02 * expected.max())
    # The mirror blurs the sharpest reflections: measured 0.0013 and 0.034.
    assert np.median(error) < 0.004 and np.quantile(error, 0.98) < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("roughness", [0.0, 0.4, 1.0])
def test_rays_see_the_energy_of_a_rough_metal(gpu: Gpu, roughness: float) -> None:
    """In a white sky: the directional albedo of the DFG table, for each channel's F0."""
    color = (1.0, 0.5, 0.1)
    for pitch in (20.0, 70.0):
        floor = make_floor(make_metal(roughness, color))
        values = SMALL_VIEW | {"sky.intensity": 2.0}
        view = render_floor_by_rays(gpu, (floor,), (0.0, 1.0, 0.0), 10.0, values, pitch)
        expected = 2 * specular_albedo(np.array(color), roughness, -view.direction[..., 1])
        error = view.radiance - expected
        noise = error.std((0, 1)) / math.sqrt(error[..., 0].size)
        assert (np.abs(error.mean((0, 1))) < 4 * noise + 2 * DFG_ERROR).all(), pitch


# ---- bounces ---------------------------------------------------------------------------------------------------------

BOUNCING: list[tuple[str, dict[str, Any]]] = [
    (name, values)
    for name, technique_type in Technique.known.items()
    if hasattr(technique_type, "bounce")
    for values in ({}, {"guard_band.size": 0.25}, {f"{name}.depth_layers": "2"})
]


@pytest.mark.parametrize("technique, values", BOUNCING)
@pytest.mark.parametrize("kind", ["metal", "dielectric"])
def test_specular_surfaces_bounce_like_diffuse_ones(
    gpu: Gpu, technique: str, values: dict[str, Any], kind: str
) -> None:
    """A specular surface sends as much light as a diffuse one of the same reflectance, on the screen or beside it."""
    color, f0 = (0.6, 0.3, 0.1), 0.2
    specular, diffuse = make_metal(0.4, color), Material(color)
    if kind == "dielectric":
        r, g, b = ((1 - f0) * c + f0 for c in color)
        specular, diffuse = make_dielectric(0.4, color, f0), Material((r, g, b))
    light = []
    for material in (specular, diffuse):
        wall = make_quad((-2, 0, -1), (2, 0, -1), (2, 2, -1), (-2, 2, -1), material)
        board = make_box((0.3, 0.0, -0.5), (0.5, 0.8, 0.3), material)
        floor = make_quad((-2, 0, 2), (2, 0, 2), (2, 0, -1), (-2, 0, -1), Material((0.5, 0.5, 0.5)))
        scene = Scene((floor, wall, board), (0.5, 1.2, 2.5), (0.0, 0.2, 0.0), 30.0, environment="black")
        sun = {"sun.irradiance": 3.0, "sun.azimuth": 150.0, "sun.elevation": 40.0, f"{technique}.radius": 1.5}
        name = register_scene("bounces", scene)
        p = render_small(gpu, values | sun | {"scene": name, "technique": technique})
        on_floor = p.surface_mask & (np.abs(p.position[..., 1]) < 1e-3)
        light.append(p.indirect[on_floor])
    assert light[1].mean() > 0.01
    np.testing.assert_allclose(light[0], light[1], rtol=2 * HALF_FLOAT_ROUNDING, atol=1e-9)


# ---- textures --------------------------------------------------------------------------------------------------------

TEXEL = (188, 128, 64)  # of an image of one colour
LINEAR = tuple(((c / 255 + 0.055) / 1.055) ** 2.4 for c in TEXEL)
TEXTURE = ImageTexture(np.full((4, 4, 4), (*TEXEL, 255), "u1"))
BASE = Material((0.8, 0.6, 0.9), (0.5, 2.0, 1.0), metallic=0.7, roughness=0.9, f0=(0.05, 0.05, 0.05))
DIELECTRIC = Material((0.1, 0.0, 0.2), roughness=0.4, f0=(0.9, 0.7, 0.8))


def times(factor: Vec3, texture: tuple[float, ...]) -> Vec3:
    r, g, b = (a * t for a, t in zip(factor, texture, strict=True))
    return r, g, b


# By the field of a texture: what it multiplies, written plainly. Colours are sRGB, other values linear.
PLAIN_TWINS = {
    "albedo_texture": replace(BASE, albedo=times(BASE.albedo, LINEAR)),
    "f0_texture": replace(DIELECTRIC, f0=times(DIELECTRIC.f0, LINEAR)),
    "emission_texture": replace(BASE, emission=times(BASE.emission, LINEAR)),
    "metallic_roughness_texture": replace(
        BASE, metallic=BASE.metallic * TEXEL[2] / 255, roughness=BASE.roughness * TEXEL[1] / 255
    ),
}
OTHER_TEXTURES = {
    "normal_texture": "a direction: test_materials.test_normal_map_formula",
    "occlusion_texture": "no part of what rays see: test_materials.test_occlusion_maps",
}


def test_every_texture_has_a_twin() -> None:
    textures = {f.name for f in fields(Material) if f.name.endswith("_texture")}
    assert textures == PLAIN_TWINS.keys() | OTHER_TEXTURES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN_TWINS)
def test_texture_multiplies_its_factor(gpu: Gpu, name: str) -> None:
    """In the G-buffer and where rays hit: as the material whose factors are multiplied beforehand."""
    sun = {"sun.irradiance": 3.0, "sun.azimuth": 180.0, "sun.elevation": 60.0}
    textured_field: dict[str, Any] = {name: TEXTURE}
    base = DIELECTRIC if name == "f0_texture" else BASE
    for renderer in ("raster", "rays"):
        images = []
        for material in (replace(base, **textured_field), PLAIN_TWINS[name], base):
            floor = make_floor(material)
            if renderer == "rays":
                images.append(render_floor_by_rays(gpu, (floor,), (0.0, 1.0, 0.0), 10.0, sun, 50.0).radiance)
                continue
            scene = Scene((floor,), (0.0, 1.0, 3.0), (0.0, 0.0, 0.0), 30.0)
            values = sun | {"scene": register_scene("twins", scene), "technique": "off"}
            images.append(render_small(gpu, values).radiance)
        textured_image, plain_image, untextured_image = images
        # Half floats; rays choose between diffuse and specular by nearly equal probabilities. Measured 0.0027.
        assert np.abs(textured_image - plain_image).mean() < 0.005
        assert np.abs(untextured_image - plain_image).mean() > 0.3
