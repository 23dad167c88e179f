"""Punctual lights: irradiance against glTF's formula, shadows against the geometry, bounces against Mitsuba.

Positions are reconstructed from 32-bit depth; normals along the axes are exact. Other tolerances are stated where they
apply, measured on software OpenGL.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from render_small import SmallRender, register_scene, render_small
from ssdo.arrays import Doubles
from ssdo.gpu.context import Gpu
from ssdo.render.shot import Shot
from ssdo.scene.model import Material, Mesh, PunctualLight, Scene
from ssdo.scene.modelling.shapes import make_box, make_polygons, make_quad, make_sphere
from ssdo.settings import Vec3

GREY = Material((0.5, 0.5, 0.5))
LIGHTS_ONLY: dict[str, Any] = {"technique": "off", "environment": "black", "sun.irradiance": 0.0}
POSITION_ROUNDING = 1e-4  # relative to the distance of a light a metre away


def make_floor(side: float = 6.0, material: Material = GREY) -> Mesh:
    return make_quad((-side, 0, side), (side, 0, side), (side, 0, -side), (-side, 0, -side), material)


def render_lit(
    gpu: Gpu,
    meshes: tuple[Mesh, ...],
    lights: tuple[PunctualLight, ...],
    values: dict[str, Any] | None = None,
    **camera: Any,
) -> SmallRender:
    """Render a scene lit by punctual lights alone, from above by default."""
    view: dict[str, Any] = {"eye": (0.0, 5.0, 4.0), "target": (0.0, 0.0, 0.0), "fov": 45.0} | camera
    scene = Scene(meshes, lights=lights, **view)
    return render_small(
        gpu, LIGHTS_ONLY | {"scene": register_scene("lit by punctual lights", lambda: scene)} | (values or {})
    )


def exact_irradiance(p: SmallRender, light: PunctualLight) -> Doubles:
    """(h, w, 3) irradiance by KHR_lights_punctual, without shadows."""
    to = np.array(light.position) - p.position
    d = np.linalg.norm(to, axis=-1)
    cosine = np.maximum((to * p.normal).sum(-1) / d, 0)
    window = np.clip(1 - (d / light.range) ** 4, 0, 1)
    cone = np.ones_like(d)
    if light.outer_cone_angle < 180:
        inner, outer = math.cos(math.radians(light.inner_cone_angle)), math.cos(math.radians(light.outer_cone_angle))
        slope = 1 / max(0.001, inner - outer)
        cone = np.clip(-(to / d[..., None]) @ np.array(light.direction) * slope - outer * slope, 0, 1) ** 2
    scale = np.where(p.surface_mask, cosine * window * cone, 0) / d**2
    irradiance: Doubles = scale[..., None] * np.array(light.intensity)
    return irradiance


def direction_from_down(angle: float, axis: float = 0.0) -> Vec3:
    """Unit vector, `angle` degrees from straight down, towards `axis` degrees from +x."""
    a, t = math.radians(angle), math.radians(axis)
    return math.sin(a) * math.cos(t), -math.cos(a), math.sin(a) * math.sin(t)


LIGHTS = {
    "point": PunctualLight((0.5, 1.5, -0.3), (3.0, 2.0, 1.0)),
    "near": PunctualLight((0.2, 0.05, 0.3), (0.1, 0.1, 0.1)),
    "range": PunctualLight((0.5, 1.5, -0.3), (3.0, 2.0, 1.0), range=2.2),
    "spot": PunctualLight((0.5, 1.5, -0.3), (3.0, 2.0, 1.0), direction_from_down(20.0, 30.0), 20.0, 40.0),
    "sharp spot": PunctualLight((0.5, 1.5, -0.3), (3.0, 2.0, 1.0), direction_from_down(10.0, 200.0), 30.0, 30.0),
    "wide spot": PunctualLight((0.5, 1.5, -0.3), (3.0, 2.0, 1.0), direction_from_down(50.0, 120.0), 60.0, 85.0),
    "spot wider than 90 degrees": PunctualLight((0.5, 0.8, -0.3), (3.0, 2.0, 1.0), (0.0, 1.0, 0.0), 90.0, 130.0),
    "below": PunctualLight((0.0, -1.0, 0.0), (3.0, 2.0, 1.0)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LIGHTS)
@pytest.mark.parametrize("shadows", [0, 8])
def test_irradiance_on_a_floor(gpu: Gpu, name: str, shadows: int) -> None:
    light = LIGHTS[name]
    for intensity in (1.0, 2.5):
        p = render_lit(gpu, (make_floor(),), (light,), {"lights.shadows": shadows, "lights.intensity": intensity})
        exact = intensity * exact_irradiance(p, light)
        # Near the edge of a cone its factor is rounded too.
        slack = 1e-3 * exact.max() if "spot" in name else 1e-5 * exact.max()
        assert (np.abs(p.sun_and_lights - exact) <= POSITION_ROUNDING * exact * 10 + slack).all()
        assert (exact.max() > 0) == (name != "below")
        # half floats of the albedo
        assert np.abs(p.radiance - 0.5 / np.pi * p.sun_and_lights).max() < 1e-3 * exact.max() + 1e-9


def test_spot_cone_angles(gpu: Gpu) -> None:
    light = replace(LIGHTS["spot"], direction=(0.0, -1.0, 0.0), inner_cone_angle=25.0, outer_cone_angle=35.0)
    p = render_lit(gpu, (make_floor(),), (light,), {"width": 128, "height": 72})
    to = np.array(light.position) - p.position
    angle = np.degrees(np.arccos(np.clip(to[..., 1] / np.linalg.norm(to, axis=-1), -1, 1)))
    without_cone = exact_irradiance(p, replace(light, outer_cone_angle=180.0))
    assert not p.sun_and_lights[p.surface_mask & (angle > 35.05)].any()
    assert (p.sun_and_lights[p.surface_mask & (angle < 34.5)] > 0).all()
    inside = p.surface_mask & (angle < 24.95)
    assert inside.sum() > 50 and np.allclose(p.sun_and_lights[inside], without_cone[inside], rtol=1e-3)
    between = p.surface_mask & (angle > 26) & (angle < 34)
    assert (p.sun_and_lights[between] < without_cone[between] * 0.95).all()


def test_sixty_four_lights(gpu: Gpu) -> None:
    rng = np.random.default_rng(0)
    positions = rng.uniform((-3, 0.5, -3), (3, 2, 3), (64, 3))
    lights = tuple(PunctualLight((float(x), float(y), float(z)), (float(x) + 3, 1.0, 0.5)) for x, y, z in positions)
    for shadows in (0, 8):
        p = render_lit(gpu, (make_floor(),), lights, {"lights.shadows": shadows})
        exact = sum(exact_irradiance(p, light) for light in lights)
        assert np.allclose(p.sun_and_lights, exact, rtol=1e-3, atol=1e-6)
    without_last = render_lit(gpu, (make_floor(),), lights[:63])
    assert np.allclose(
        p.sun_and_lights - without_last.sun_and_lights, exact_irradiance(p, lights[63]), rtol=1e-2, atol=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["off", "ssao", "ssdo"])
@pytest.mark.parametrize("material", [GREY, Material((0.5, 0.5, 0.5), f0=(0.04,) * 3, roughness=0.4)])
def test_lights_without_intensity_change_nothing(gpu: Gpu, technique: str, material: Material) -> None:
    """Bit for bit: no lights, lights switched off, and a black light."""
    meshes = (make_floor(6.0, material), make_box((-0.5, 0, -0.5), (0.5, 1, 0.5), material))
    values = {"technique": technique, "environment": "ramp-y", "sun.irradiance": 2.0}
    without, off, dark = (
        render_lit(gpu, meshes, lights, values | more)
        for lights, more in (
            ((), {}),
            (tuple(LIGHTS.values()), {"lights.intensity": 0.0}),
            ((PunctualLight((0.0, 2.0, 0.0), (0.0, 0.0, 0.0)),), {}),
        )
    )
    assert np.array_equal(without.radiance, off.radiance) and np.array_equal(without.indirect, off.indirect)
    assert np.array_equal(without.radiance, dark.radiance) and np.array_equal(
        without.sun_and_lights, dark.sun_and_lights
    )
    on = render_lit(gpu, meshes, tuple(LIGHTS.values()), values)
    assert (on.radiance > without.radiance).any()


# ---- shadows ---------------------------------------------------------------------------------------------------------


def position_at_height(p: SmallRender, light: PunctualLight, height: float) -> Doubles:
    """(h, w, 2) x and z where the ray from each point to the light passes a height."""
    to = np.array(light.position) - p.position
    t = (height - p.position[..., 1]) / np.where(np.abs(to[..., 1]) < 1e-9, 1e-9, to[..., 1])
    x_z: Doubles = (p.position + t[..., None] * to)[..., [0, 2]]
    return x_z


SHADOW_LIGHTS = {
    "point": PunctualLight((0.3, 3.0, 0.2), (9.0, 9.0, 9.0)),
    "point beside": PunctualLight((2.4, 2.2, -0.4), (9.0, 9.0, 9.0)),
    "spot": PunctualLight((0.3, 3.0, 0.2), (9.0, 9.0, 9.0), direction_from_down(8.0, 60.0), 40.0, 60.0),
    "tilted spot": PunctualLight((2.4, 2.2, -0.4), (9.0, 9.0, 9.0), direction_from_down(50.0, 170.0), 40.0, 74.0),
    "wide spot": PunctualLight((0.3, 3.0, 0.2), (9.0, 9.0, 9.0), direction_from_down(30.0, 60.0), 80.0, 100.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHADOW_LIGHTS)
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e3])
def test_shadow_of_a_board(gpu: Gpu, name: str, scale: float) -> None:
    """No light inside the shadow, all of it outside, except near the edge; at any scale of the scene."""
    light = SHADOW_LIGHTS[name]
    board = make_quad((-0.5, 1, 0.5), (0.5, 1, 0.5), (0.5, 1, -0.5), (-0.5, 1, -0.5), GREY)
    meshes = tuple(replace(m, positions=(m.positions * np.float32(scale))) for m in (make_floor(), board))
    x, y, z = light.position
    scaled = replace(
        light, position=(scale * x, scale * y, scale * z), intensity=(9 * scale**2, 9 * scale**2, 9 * scale**2)
    )
    camera = {"eye": (-3.0 * scale, 4.0 * scale, 4.0 * scale), "target": (-0.5 * scale, 0.0, 0.0)}
    shadowed, unshadowed = (
        render_lit(gpu, meshes, (scaled,), {"lights.shadows": n, "width": 128, "height": 72}, **camera) for n in (8, 0)
    )
    board_x_z = position_at_height(replace(shadowed, position=shadowed.position / scale), light, 1.0)
    is_floor = shadowed.surface_mask & (shadowed.position[..., 1] < 0.01 * scale)
    on_floor = is_floor & (unshadowed.sun_and_lights[..., 0] > 0)
    edge_distance = np.abs(board_x_z).max(-1) - 0.5
    # two texels of the shadow map on the board: 0.03 m, of the 74 degree spot 0.12 m
    margin = 0.15 if "tilted" in name else 0.04
    in_shadow, in_light = on_floor & (edge_distance < -margin), on_floor & (edge_distance > margin)
    assert in_shadow.sum() > 50 and in_light.sum() > 500
    assert not shadowed.sun_and_lights[in_shadow].any()
    assert np.array_equal(shadowed.sun_and_lights[in_light], unshadowed.sun_and_lights[in_light])
    board_top = shadowed.surface_mask & (shadowed.position[..., 1] > 0.5 * scale)
    assert board_top.sum() > 50
    assert np.array_equal(shadowed.sun_and_lights[board_top], unshadowed.sun_and_lights[board_top])


# Half angles of the inner and the outer cone, degrees.
SPOT_ANGLES = {
    "point": (180.0, 180.0),
    "spot": (30.0, 60.0),
    "narrow spot": (4.0, 8.0),
    "very narrow spot": (0.5, 1.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", SPOT_ANGLES)
@pytest.mark.parametrize("tilt", [0.0, 30.0, 60.0, 85.0])
@pytest.mark.parametrize("height", [0.01, 0.1, 1.0, 30.0])
def test_plane_does_not_shadow_itself(gpu: Gpu, shape: str, tilt: float, height: float) -> None:
    """At any tilt and distance, also at grazing angles."""
    t, turn = math.radians(tilt), math.radians(35.0)
    n = np.array([math.sin(t) * math.cos(turn), math.cos(t), math.sin(t) * math.sin(turn)])
    a = np.cross(n, (0.3, 0.1, 1.0))
    a /= np.linalg.norm(a)
    b = np.cross(n, a)
    plane = make_polygons(50 * np.array([[-a - b, b - a, a + b, a - b]]), GREY)
    # Nearer, 24 bits of depth over 70 m are coarser than the texels of so narrow a cone.
    height = max(height, 0.03) if shape == "very narrow spot" else height
    eye, light_position = 3 * n + 1.5 * a, height * n + 0.4 * a
    axis = b * 0.6 - light_position
    axis /= np.linalg.norm(axis)
    position: Vec3 = (float(light_position[0]), float(light_position[1]), float(light_position[2]))
    direction: Vec3 = (float(axis[0]), float(axis[1]), float(axis[2]))
    inner, outer = SPOT_ANGLES[shape]
    light = PunctualLight(position, (1.0, 1.0, 1.0), direction, inner, outer)
    for resolution in (64, 1024):
        shadowed, unshadowed = (
            render_lit(
                gpu,
                (plane,),
                (light,),
                {"lights.shadows": k, "lights.resolution": resolution},
                eye=tuple(eye.tolist()),
                target=(0.0, 0.0, 0.0),
            )
            for k in (8, 0)
        )
        assert unshadowed.sun_and_lights.any() or shape == "very narrow spot"  # which may fall between pixels
        differs = (shadowed.sun_and_lights != unshadowed.sun_and_lights).any(-1)
        assert not differs.any(), f"{differs.sum()} of {unshadowed.surface_mask.sum()} pixels"


@pytest.mark.parametrize("position", [(0.0, 0.0, 0.0), (0.5, 0.2, -0.4), (0.9, -0.9, 0.85)])
def test_cube_face_borders_are_seamless(gpu: Gpu, position: Vec3) -> None:
    """Inside an empty room the light is visible from everywhere."""
    light = PunctualLight(position, (1.0, 1.0, 1.0))
    for target in ((1.0, 0.3, 0.2), (0.1, -1.0, 0.2), (-0.6, 0.5, -0.7), (0.2, 1.0, -0.3)):
        shadowed, unshadowed = (
            render_lit(
                gpu,
                (make_box((-1, -1, -1), (1, 1, 1), GREY),),
                (light,),
                {"lights.shadows": k},
                eye=(-0.3, 0.1, 0.2),
                target=target,
                fov=100.0,
            )
            for k in (8, 0)
        )
        off_edges = (np.abs(shadowed.position) > 1 - 0.01).sum(-1) == 1
        assert off_edges.mean() > 0.95
        assert np.array_equal(shadowed.sun_and_lights[off_edges], unshadowed.sun_and_lights[off_edges])


def test_light_inside_a_sphere_casts_no_shadow(gpu: Gpu) -> None:
    """Interpolated normals on flat triangles cause no self-shadowing."""
    light = PunctualLight((0.2, 0.1, 0.0), (1.0, 1.0, 1.0))
    ball = make_sphere((0, 0, 0), 1.0, GREY)
    shadowed, unshadowed = (
        render_lit(
            gpu, (ball,), (light,), {"lights.shadows": k}, eye=(-0.5, 0.0, 0.0), target=(1.0, 0.0, 0.0), fov=90.0
        )
        for k in (8, 0)
    )
    assert np.array_equal(shadowed.sun_and_lights, unshadowed.sun_and_lights)


def test_wall_near_a_light(gpu: Gpu) -> None:
    """A light one centimetre in front of a wall lights the wall, and nothing behind it."""
    wall = make_quad((0, -3, 3), (0, -3, -3), (0, 3, -3), (0, 3, 3), GREY)  # faces -x
    meshes = (make_floor(), wall)
    light = PunctualLight((-0.01, 0.5, 0.0), (1.0, 1.0, 1.0))
    p, unshadowed = (render_lit(gpu, meshes, (light,), {"lights.shadows": k}, eye=(0.0, 6.0, 4.0)) for k in (8, 0))
    on_floor = p.surface_mask & (p.position[..., 1] < 0.01)
    behind, in_front = (on_floor & (side * p.position[..., 0] > 0.05) for side in (1, -1))
    assert behind.sum() > 200 and in_front.sum() > 200
    assert not p.sun_and_lights[behind].any() and unshadowed.sun_and_lights[behind].any()
    assert np.array_equal(p.sun_and_lights[in_front], unshadowed.sun_and_lights[in_front])
    face = render_lit(gpu, meshes, (light,), eye=(-3.0, 1.0, 0.5), target=(0.0, 0.5, 0.0))
    on_wall = face.surface_mask & (np.abs(face.position[..., 0]) < 1e-3) & (face.position[..., 1] > 0.02)
    assert on_wall.sum() > 200
    # one centimetre away, with positions rounded to 1e-6 m
    assert np.allclose(face.sun_and_lights[on_wall], exact_irradiance(face, light)[on_wall], rtol=0.02)


def test_nearest_lights_cast_shadows(gpu: Gpu) -> None:
    board = make_quad((-0.5, 1, 0.5), (0.5, 1, 0.5), (0.5, 1, -0.5), (-0.5, 1, -0.5), GREY)
    lights = (
        PunctualLight((-4.0, 8.0, -3.0), (9.0, 0.0, 0.0)),
        PunctualLight((1.0, 3.0, 2.0), (0.0, 9.0, 0.0)),
        PunctualLight((1.0, 6.0, -4.0), (0.0, 0.0, 9.0)),
    )
    distances = [math.dist((0.0, 5.0, 4.0), light.position) for light in lights]
    order = sorted(range(3), key=distances.__getitem__)
    unshadowed = render_lit(gpu, (make_floor(), board), lights, {"lights.shadows": 0})
    for count in (1, 2, 3):
        p = render_lit(gpu, (make_floor(), board), lights, {"lights.shadows": count})
        shadowed = [bool((p.sun_and_lights[..., i] < unshadowed.sun_and_lights[..., i]).any()) for i in range(3)]
        assert shadowed == [i in order[:count] for i in range(3)]


# ---- bounce ----------------------------------------------------------------------------------------------------------


def scene_beside_wall(lights: tuple[PunctualLight, ...]) -> Scene:
    """A red wall beside a floor, and a box on it, all of them visible."""
    red = Material((0.7, 0.2, 0.1))
    wall = make_quad((-1.5, 0, -1), (1.5, 0, -1), (1.5, 1.5, -1), (-1.5, 1.5, -1), red)
    ground = make_quad((-1.5, 0, 1.5), (1.5, 0, 1.5), (1.5, 0, -1), (-1.5, 0, -1), GREY)
    return Scene(
        (ground, wall, make_box((0.3, 0, -0.3), (0.8, 0.5, 0.2), GREY)),
        (0.0, 2.2, 4.0),
        (0.0, 0.5, 0.0),
        40.0,
        environment="black",
        lights=lights,
    )


BOUNCE_LIGHTS = {
    "point": (PunctualLight((-0.4, 1.2, 0.3), (3.0, 3.0, 3.0)),),
    "spot": (
        PunctualLight((-0.2, 1.4, 1.0), (6.0, 6.0, 6.0), (0.0, -0.5144957554275265, -0.8574929257125441), 29.9, 30.0),
    ),
    "three": (
        PunctualLight((-0.4, 1.2, 0.3), (3.0, 2.0, 1.0)),
        PunctualLight((1.0, 1.0, 0.8), (0.0, 1.0, 2.0)),
        PunctualLight((-0.2, 1.4, 1.0), (6.0, 6.0, 6.0), (0.0, -0.5144957554275265, -0.8574929257125441), 29.9, 30.0),
    ),
}


@pytest.mark.slow
def test_screen_space_bounce_of_punctual_lights(gpu: Gpu) -> None:
    """SSDO with a fine and long ray march equals the reference where the camera sees the sender."""
    with_box = scene_beside_wall(BOUNCE_LIGHTS["point"])
    # The camera does not see the side of the box that lights the floor.
    scene = replace(with_box, meshes=with_box.meshes[:2])
    values: dict[str, Any] = {"scene": register_scene("bounce beside a wall", lambda: scene), "width": 96, "height": 54}
    fine = {"ssdo.radius": 3.0, "ssdo.steps": 64, "ssdo.samples": 64, "accumulated_frames": 4}
    reference = render_small(gpu, values | {"technique": "reference", "reference.rays": 16, "accumulated_frames": 4})
    screen = render_small(gpu, values | {"technique": "ssdo"} | fine)
    without_lights = render_small(gpu, values | {"technique": "ssdo", "lights.intensity": 0.0} | fine)
    ground = (
        reference.surface_mask
        & (reference.position[..., 1] < 1e-3)
        & (np.abs(reference.position[..., 2] + 0.6) < 0.3)
        & (reference.position[..., 0] < 0)
    )
    assert ground.sum() > 50 and reference.indirect[ground].mean() > 0.1
    ratio = screen.indirect[ground].mean(0) / reference.indirect[ground].mean(0)
    assert np.abs(ratio - 1).max() < 0.06, ratio  # rays that pass between two steps
    assert not without_lights.indirect.any()


@pytest.mark.mitsuba
@pytest.mark.parametrize("name", BOUNCE_LIGHTS)
def test_light_of_punctual_lights_agrees_with_mitsuba(gpu: Gpu, name: str) -> None:
    """The bounce pixel by pixel with Welch's test, and the direct light with its shadow maps."""
    pytest.importorskip("mitsuba")
    pytest.importorskip("scipy")
    from mitsuba_reference import (
        SUPERSAMPLING,
        assert_different_means,
        assert_equal_means,
        assert_equal_totals,
        average_blocks,
        comparable_mask,
        render_direct_and_bounce,
    )

    size, batches = 40, 16
    scene = scene_beside_wall(BOUNCE_LIGHTS[name])
    values: dict[str, Any] = {
        "scene": register_scene(f"mitsuba, light {name}", lambda: scene),
        "technique": "reference",
        "reference.rays": 4,
        "environment": "black",
        "sun.irradiance": 0.0,
        "denoise.radius": 0,
    }
    shot = Shot().with_values(values | {"width": size, "height": size})
    supersampled = values | {"width": size * SUPERSAMPLING, "height": size * SUPERSAMPLING}
    first = render_small(gpu, supersampled)
    mask = comparable_mask(first)
    results = [render_small(gpu, supersampled | {"seed": batch}) for batch in range(batches)]
    bounce = np.stack([average_blocks(result.albedo * result.indirect / np.pi) for result in results])
    mitsuba_direct, mitsuba_bounce = render_direct_and_bounce(scene, shot, 48, batches)
    ours, theirs = bounce[:, mask], mitsuba_bounce[:, mask]
    assert_equal_means(name, ours, theirs)
    assert_equal_totals(ours, theirs, 0.03)
    assert_different_means(1.5 * ours, theirs)  # the test would detect a bounce that is 1.5 times too strong

    direct = average_blocks(first.albedo * first.sun_and_lights / np.pi)
    errors = np.abs(direct - mitsuba_direct.mean(0))[mask]
    assert np.median(errors) < 0.01 * direct[mask].max()  # Mitsuba chooses one of three lights at random per path
    assert (errors > 0.05 * direct[mask].max()).mean() < 0.05  # where a shadow or a cone ends inside a pixel
