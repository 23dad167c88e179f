"""The reference against Mitsuba where much comes together.

Gloss, bumps and a panel; a room lit through a window; masked, blended and single-sided surfaces.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from render_small import SmallRender, binomial_tolerance, register_scene, render_small
from ssdo.arrays import Doubles
from ssdo.gpu.context import Gpu
from ssdo.render.shot import Shot
from ssdo.scene import skies
from ssdo.scene.model import MIN_OPAQUE_ALPHA, ImageTexture, Material, Mesh, Scene
from ssdo.scene.modelling.shapes import make_box, make_quad, make_sphere

pytest.importorskip("mitsuba")
pytest.importorskip("scipy")

from mitsuba_reference import (
    DIRECT_DEPTH,
    ONE_BOUNCE_DEPTH,
    SUPERSAMPLING,
    assert_different_means,
    assert_equal_means,
    assert_equal_totals,
    average_blocks,
    comparable_mask,
    make_patches_sky,
    render_mitsuba_batches,
)

pytestmark = [pytest.mark.mitsuba, pytest.mark.slow]

BATCHES = 10
GREY = Material((0.6, 0.6, 0.6))
RED = Material((0.7, 0.2, 0.1))
BLUE = Material((0.2, 0.4, 0.6))
LIME = Material((0.7, 0.68, 0.6))
METAL = Material((0.9, 0.7, 0.4), metallic=1.0, roughness=0.4)
LACQUER = Material((0.2, 0.3, 0.5), f0=(0.12, 0.06, 0.03), roughness=0.4)


class Comparison(NamedTuple):
    """Radiance of batches (batches, pixels) of both programs, where one smooth surface is seen that emits nothing."""

    ours: Doubles
    theirs: Doubles
    height: Doubles  # (pixels,) of the surface, metres
    cosine: Doubles  # (pixels,) between its shading normal and +y


def make_bumpy_floor(slope: float) -> Mesh:
    """4 x 4 m with a normal map of 8 x 8 texels whose slopes in x and z are up to `slope`."""
    n = np.concatenate([np.random.default_rng(0).uniform(-slope, slope, (8, 8, 2)), np.ones((8, 8, 1))], -1)
    pixels = np.full((8, 8, 4), 255, "u1")
    pixels[..., :3] = np.rint((n / np.linalg.norm(n, axis=-1, keepdims=True) + 1) / 2 * 255)
    material = replace(GREY, normal_texture=ImageTexture(pixels))
    floor = make_quad((-2, 0, 2), (2, 0, 2), (2, 0, -2), (-2, 0, -2), material)
    uvs = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], "f4")
    normals, tangents = np.tile(np.array([0, 1, 0], "f4"), (4, 1)), np.tile(np.array([1, 0, 0, 1], "f4"), (4, 1))
    return replace(floor, uvs=uvs, normals=normals, tangents=tangents)


def make_table_top() -> Scene:
    """Balls of metal and lacquer on a bumpy floor, before a wall, below an emissive panel. No other light."""
    panel = Material((0.0, 0.0, 0.0), emission=(20.0, 18.0, 14.0))
    meshes = (
        make_bumpy_floor(0.2),
        make_quad((-2, 0, -2), (2, 0, -2), (2, 1.4, -2), (-2, 1.4, -2), RED),
        make_sphere((-0.45, 0.4, 0.0), 0.4, METAL),
        make_sphere((0.55, 0.4, 0.2), 0.4, LACQUER),
        make_quad((-1.3, 1.6, -0.4), (-0.5, 1.6, -0.4), (-0.5, 1.6, 0.4), (-1.3, 1.6, 0.4), panel),  # faces down
    )
    return Scene(meshes, (0.3, 2.4, 3.2), (0.0, 0.3, -0.2), 38.0, environment="black")


def make_room() -> Scene:
    """A closed room of 4 x 4 x 2.4 m with a window of 1.4 x 1 m in the west, a block and a metal ball."""
    x, z, low, high = (-2.0, 2.0), (-2.0, 2.0), 0.9, 1.9
    window_z, top = (-0.6, 0.8), 2.4

    def west(z0: float, z1: float, y0: float, y1: float) -> Mesh:
        return make_quad((x[0], y0, z1), (x[0], y0, z0), (x[0], y1, z0), (x[0], y1, z1), LIME)

    meshes = (
        make_quad((-2, 0, 2), (2, 0, 2), (2, 0, -2), (-2, 0, -2), Material((0.5, 0.35, 0.2))),
        make_quad((-2, top, -2), (2, top, -2), (2, top, 2), (-2, top, 2), LIME),
        make_quad((-2, 0, -2), (2, 0, -2), (2, top, -2), (-2, top, -2), LIME),
        make_quad((2, 0, -2), (2, 0, 2), (2, top, 2), (2, top, -2), BLUE),
        make_quad((2, 0, 2), (-2, 0, 2), (-2, top, 2), (2, top, 2), LIME),
        west(*z, 0.0, low),
        west(*z, high, top),
        west(z[0], window_z[0], low, high),
        west(window_z[1], z[1], low, high),
        make_box((-0.6, 0, -0.9), (0.2, 0.7, -0.1), GREY),
        make_sphere((0.9, 0.35, 0.2), 0.35, METAL),
    )
    return Scene(meshes, (1.5, 1.5, 1.9), (-0.5, 0.8, -0.6), 60.0, environment="patches")


def make_stripes() -> ImageTexture:
    """Four stripes along u, every other one of them masked out."""
    pixels = np.full((1, 4, 4), 255, "u1")
    pixels[0, 1::2, 3] = 0
    return ImageTexture(pixels)


def make_frosted_texture() -> ImageTexture:
    """An opacity of 0.1 to 0.9 that varies smoothly."""
    pixels = np.full((4, 4, 4), 255, "u1")
    pixels[..., 3] = np.random.default_rng(0).integers(25, 230, (4, 4))
    return ImageTexture(pixels, clamp=(True, True))


def make_plate(x: tuple[float, float], y: float, z: tuple[float, float], material: Material) -> Mesh:
    """Horizontal. It faces upwards."""
    return make_quad((x[0], y, z[1]), (x[1], y, z[1]), (x[1], y, z[0]), (x[0], y, z[0]), material)


def make_open_room() -> Scene:
    """A room of 2 x 2 x 0.9 m, seen from outside, through its single-sided walls in the south and the east.

    In it are a grating, a grey glass, a box and a ball; above it a blended plate, and a plate seen from behind.
    """
    single_sided = replace(LIME, double_sided=False)
    room = make_box((-1, 0, -1), (1, 0.9, 1), single_sided)
    is_ceiling = room.positions[room.triangles][..., 1].min(1) > 0.8
    room = replace(room, triangles=room.triangles[~is_ceiling][:, ::-1], normals=None)
    grating = Material((0.3, 0.5, 0.2), albedo_texture=make_stripes(), alpha_cutoff=0.5)
    frosted = Material(
        (0.7, 0.3, 0.2), albedo_texture=make_frosted_texture(), alpha_cutoff=MIN_OPAQUE_ALPHA, blending="alpha"
    )
    glass = Material((0.5, 0.5, 0.5), opacity=0.0, alpha_cutoff=MIN_OPAQUE_ALPHA, blending="transmission")
    hidden = make_plate((-0.2, 1.0), 1.3, (-0.6, 0.6), single_sided)
    meshes = (
        room,
        make_plate((-0.9, 0.0), 0.45, (-0.4, 0.9), grating),
        make_plate((-1.0, 0.0), 1.0, (-1.0, 0.2), frosted),
        make_plate((0.1, 0.9), 0.6, (-0.3, 0.9), glass),
        make_box((0.2, 0, -0.8), (0.6, 0.5, -0.4), replace(GREY, double_sided=False)),
        make_sphere((0.5, 0.25, 0.3), 0.25, replace(METAL, double_sided=False)),
        replace(hidden, triangles=hidden.triangles[:, ::-1], normals=None),
    )
    return Scene(meshes, (1.5, 2.9, 2.2), (-0.05, 0.3, 0.0), 36.0, environment="patches")


def without_culled(scene: Scene) -> Scene:
    """The scene without the triangles of its first and its last mesh that the eye is behind."""
    meshes = list(scene.meshes)
    for i in (0, -1):
        a, b, c = (meshes[i].positions[meshes[i].triangles[:, k]] for k in range(3))
        is_front = (np.cross(b - a, c - a) * (np.array(scene.eye) - a)).sum(-1) > 0
        meshes[i] = replace(meshes[i], triangles=meshes[i].triangles[is_front], normals=None)
    return replace(scene, meshes=tuple(meshes))


def make_opaque(scene: Scene) -> Scene:
    """The scene without blending."""
    meshes = (
        replace(
            mesh, material=replace(mesh.material, opacity=1.0, alpha_cutoff=0.0, albedo_texture=None, blending="none")
        )
        if mesh.material.blending != "none"
        else mesh
        for mesh in scene.meshes
    )
    return replace(scene, meshes=tuple(meshes))


def compare(
    gpu: Gpu, scene: Scene, depth: int, size: int, rays: int, spp: int, mitsuba_scene: Scene | None = None
) -> Comparison:
    """`mitsuba_scene`: without what our camera and rays pass because it is culled."""
    values: dict[str, Any] = {
        "scene": register_scene("mitsuba room", lambda: scene),
        "technique": "reference",
        "reference.rays": rays,
        "reference.max_bounces": depth - DIRECT_DEPTH,
        "width": size,
        "height": size,
        "sun.irradiance": 0.0,
        "denoise.radius": 0,
    }
    fine = values | {"width": size * SUPERSAMPLING, "height": size * SUPERSAMPLING}
    results = [render_small(gpu, fine | {"seed": seed}) for seed in range(BATCHES)]
    first: SmallRender = results[0]
    mask = comparable_mask(first) & (average_blocks(first.emission) == 0)
    if any(mesh.material.blending != "none" for mesh in scene.meshes):  # whose edges the G-buffer does not show
        opaque = register_scene("mitsuba room without blending", lambda: make_opaque(scene))
        mask &= comparable_mask(render_small(gpu, fine | {"scene": opaque, "reference.rays": 1}))
    ours = np.stack([average_blocks(result.radiance) for result in results])[:, mask]
    theirs = render_mitsuba_batches(mitsuba_scene or scene, Shot().with_values(values), depth, spp, BATCHES)[:, mask]
    height, cosine = (average_blocks(np.repeat(v[..., 1:2], 3, -1))[mask] for v in (first.position, first.normal))
    return Comparison(ours, theirs, height, cosine)


@pytest.fixture(autouse=True)
def _patches_sky(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(skies.BUILT_IN_SKIES, "patches", make_patches_sky)


def test_gloss_bumps_and_a_panel_agree(gpu: Gpu) -> None:
    """Light of the panel, and its reflection once more, on every kind of surface: within noise.

    A twentieth of the light more would be seen.
    """
    ours, theirs, height, _ = compare(gpu, make_table_top(), ONE_BOUNCE_DEPTH, size=20, rays=8, spp=8)
    assert (height < 1e-3).sum() > 50 and (height > 1e-3).sum() > 80
    assert_equal_means("table-top", ours, theirs)
    assert_equal_totals(ours, theirs, 0.02)
    with pytest.raises(AssertionError):
        assert_equal_totals(1.05 * ours, theirs, 0.02)


def test_a_room_lit_through_a_window_agrees(gpu: Gpu) -> None:
    """Most light comes from two patches of the sky, at which rays are aimed: within noise."""
    ours, theirs, *_ = compare(gpu, make_room(), ONE_BOUNCE_DEPTH, size=16, rays=8, spp=96)
    assert_equal_means("room with a window", ours, theirs)
    assert_equal_totals(ours, theirs, 0.04)
    assert_different_means(1.5 * ours, theirs)


def test_bumps_are_brighter_by_the_light_that_mitsuba_loses(gpu: Gpu) -> None:
    """Of a white sky a normal that leans by t lets in (1 - cos t) / 2 from below the floor.

    Here that light is mirrored, there it is lost: 2.7 %. From above no normal is turned away from the eye.
    """
    scene = Scene((make_bumpy_floor(0.6),), (0.3, 5.0, 1.4), (0.0, 0.0, 0.0), 38.0, environment="white")
    ours, theirs, height, cosine = compare(gpu, scene, DIRECT_DEPTH, size=20, rays=4, spp=32)
    assert np.abs(height).max() < 1e-3
    np.testing.assert_allclose(ours, GREY.albedo[0], rtol=2e-3)  # half floats of albedo and normals
    lost = (1 - cosine) / 2
    standard_error = theirs.mean(1).std(ddof=1) / np.sqrt(BATCHES)
    assert abs(theirs.mean() - (GREY.albedo[0] * (1 - lost)).mean()) < 4 * standard_error + 1e-3
    assert lost.mean() > 0.02 and standard_error < 0.002


def test_masked_blended_and_single_sided_surfaces_agree(gpu: Gpu) -> None:
    """Seen by the camera, passed by rays, and lit by other surfaces: within noise."""
    scene = make_open_room()
    visible = without_culled(scene)
    ours, theirs, height, _ = compare(gpu, scene, ONE_BOUNCE_DEPTH, 28, rays=4, spp=32, mitsuba_scene=visible)
    assert (height < 1e-3).sum() > 50 and (height > 1e-3).sum() > 80
    assert_equal_means("open room", ours, theirs)
    assert_equal_totals(ours, theirs, 0.005)
    with pytest.raises(AssertionError):
        assert_equal_totals(1.03 * ours, theirs, 0.005)


def test_sunlight_through_masked_blended_and_single_sided_surfaces_agrees(gpu: Gpu) -> None:
    """Shadows of blended surfaces are dithered: pixels are means of 4 x 4."""
    scene, size = make_open_room(), 28
    values: dict[str, Any] = {
        "scene": register_scene("sunlit room", lambda: scene),
        "technique": "off",
        "environment": "black",
        "width": size,
        "height": size,
        "sun.irradiance": 3.0,
        "sun.azimuth": 150.0,
        "sun.elevation": 50.0,
        "sun.angular_diameter": 0.0,
        "denoise.radius": 0,
    }
    result = render_small(gpu, values | {"width": size * SUPERSAMPLING, "height": size * SUPERSAMPLING})
    theirs = render_mitsuba_batches(without_culled(scene), Shot().with_values(values), DIRECT_DEPTH, 64, 1)[0]
    mask = comparable_mask(result)
    difference = np.abs(average_blocks(result.radiance) - theirs)[mask]
    assert mask.sum() > 200 and theirs[mask].mean() > 0.2
    assert np.median(difference) < 0.002  # measured 0.0009
    assert (difference > 0.03).mean() < 0.05  # measured 0.02, where a shadow ends within a pixel


@pytest.mark.parametrize("f0", [0.04, 0.2])
def test_clear_glass_agrees(gpu: Gpu, f0: float) -> None:
    """A pane over a floor in sunlight that comes from beside the pane, and over a black floor below a white sky.

    The glass of Mitsuba is a thin sheet that reflects F0, too: up to 28 degrees Schlick's error is far below the noise.
    """
    clear = Material(
        (1.0, 1.0, 1.0),
        f0=(f0,) * 3,
        roughness=0.0,
        opacity=0.0,
        alpha_cutoff=MIN_OPAQUE_ALPHA,
        blending="transmission",
    )
    paths, size = 64, 48
    values = {"technique": "off", "width": size, "height": size, "sun.azimuth": 90.0, "sun.elevation": 12.0}
    for albedo, environment, irradiance in ((0.5, "black", 3.0), (0.0, "white", 0.0)):
        floor = make_plate((-9.0, 9.0), 0.0, (-9.0, 9.0), Material((albedo,) * 3))
        scene = Scene((floor, make_plate((-2.0, 2.0), 1.5, (-2.0, 2.0), clear)), (0.0, 4.0, 0.0), (0.0, 0.0, 0.0), 40.0)
        lighting = {"environment": environment, "sun.irradiance": irradiance, "denoise.radius": 0}
        shot = values | lighting | {"scene": register_scene("glass", scene)}
        ours = render_small(gpu, shot).radiance.mean()
        theirs = render_mitsuba_batches(scene, Shot().with_values(shot), DIRECT_DEPTH, paths, 1).mean()
        behind = 3.0 * np.sin(np.radians(12.0)) * albedo / np.pi
        tolerance = binomial_tolerance(f0, paths * size**2) * (behind or 1.0)
        assert abs(ours - theirs) < tolerance
        assert abs((1 - f0) * behind + (f0 if environment == "white" else 0) - theirs) < tolerance
