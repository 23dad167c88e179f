"""Lamps: their light by the formula written a second time, their shadows against the geometry, their bounce against
Mitsuba.

Tolerances: positions are rebuilt from 32-bit depth, normals along the axes are exact; what else is left is stated where
it stands, measured on software OpenGL.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from render_small import Bools, Doubles, Probe, register, shoot
from ssdo.gpu.context import Gpu
from ssdo.render.shot import Shot
from ssdo.scene.model import Lamp, Material, Mesh, Scene
from ssdo.scene.modelling.shapes import box, polygons, quad, sphere
from ssdo.settings import Vec3

GREY = Material((0.5, 0.5, 0.5))
DARK: dict[str, Any] = {"technique": "off", "environment": "black", "sun.irradiance": 0.0}
ROUNDING = 1e-4  # of positions, by the distance to a lamp a metre away


def floor(side: float = 6.0, material: Material = GREY) -> Mesh:
    return quad((-side, 0, side), (side, 0, side), (side, 0, -side), (-side, 0, -side), material)


def lit(
    gpu: Gpu, meshes: tuple[Mesh, ...], lamps: tuple[Lamp, ...], values: dict[str, Any] | None = None, **camera: Any
) -> Probe:
    """A scene in the light of lamps alone, from above unless a camera is given."""
    view: dict[str, Any] = {"eye": (0.0, 5.0, 4.0), "target": (0.0, 0.0, 0.0), "fov": 45.0} | camera
    scene = Scene(meshes, lamps=lamps, **view)
    return shoot(gpu, DARK | {"scene": register("lamplit", lambda: scene)} | (values or {}))


def irradiance(p: Probe, lamp: Lamp) -> Doubles:
    """(h, w, 3) KHR_lights_punctual, nothing between."""
    to = np.array(lamp.position) - p.position
    d = np.linalg.norm(to, axis=-1)
    cosine = np.maximum((to * p.normal).sum(-1) / d, 0)
    window = np.clip(1 - (d / lamp.reach) ** 4, 0, 1)
    cone = np.ones_like(d)
    if lamp.outer < 180:
        inner, outer = math.cos(math.radians(lamp.inner)), math.cos(math.radians(lamp.outer))
        scale = 1 / max(0.001, inner - outer)
        cone = np.clip(-(to / d[..., None]) @ np.array(lamp.direction) * scale - outer * scale, 0, 1) ** 2
    found: Doubles = (np.where(p.surface, cosine * window * cone, 0) / d**2)[..., None] * np.array(lamp.intensity)
    return found


def down(angle: float, axis: float = 0.0) -> Vec3:
    """Unit: `angle` degrees from straight down, towards `axis` degrees from +x."""
    a, t = math.radians(angle), math.radians(axis)
    return math.sin(a) * math.cos(t), -math.cos(a), math.sin(a) * math.sin(t)


LAMPS = {
    "point": Lamp((0.5, 1.5, -0.3), (3.0, 2.0, 1.0)),
    "near": Lamp((0.2, 0.05, 0.3), (0.1, 0.1, 0.1)),
    "reach": Lamp((0.5, 1.5, -0.3), (3.0, 2.0, 1.0), reach=2.2),
    "cone": Lamp((0.5, 1.5, -0.3), (3.0, 2.0, 1.0), down(20.0, 30.0), 20.0, 40.0),
    "sharp cone": Lamp((0.5, 1.5, -0.3), (3.0, 2.0, 1.0), down(10.0, 200.0), 30.0, 30.0),
    "wide cone": Lamp((0.5, 1.5, -0.3), (3.0, 2.0, 1.0), down(50.0, 120.0), 60.0, 85.0),
    "wider than half": Lamp((0.5, 0.8, -0.3), (3.0, 2.0, 1.0), (0.0, 1.0, 0.0), 90.0, 130.0),
    "below": Lamp((0.0, -1.0, 0.0), (3.0, 2.0, 1.0)),
}


@pytest.mark.parametrize("name", LAMPS)
@pytest.mark.parametrize("shadows", [0, 8])
def test_a_lamp_on_a_floor(gpu: Gpu, name: str, shadows: int) -> None:
    lamp = LAMPS[name]
    for intensity in (1.0, 2.5):
        p = lit(gpu, (floor(),), (lamp,), {"lights.shadows": shadows, "lights.intensity": intensity})
        exact = intensity * irradiance(p, lamp)
        # Where a cone or a window ends the share itself is rounded
        slack = 1e-3 * exact.max() if "cone" in name or "wider" in name else 1e-5 * exact.max()
        assert (np.abs(p.sun - exact) <= ROUNDING * exact * 10 + slack).all()
        assert (exact.max() > 0) == (name != "below")
        assert np.abs(p.radiance - 0.5 / np.pi * p.sun).max() < 1e-3 * exact.max() + 1e-9  # half-float albedo


def test_a_cone_ends_where_it_should(gpu: Gpu) -> None:
    lamp = replace(LAMPS["cone"], direction=(0.0, -1.0, 0.0), inner=25.0, outer=35.0)
    p = lit(gpu, (floor(),), (lamp,), {"width": 128, "height": 72})
    to = np.array(lamp.position) - p.position
    angle = np.degrees(np.arccos(np.clip(to[..., 1] / np.linalg.norm(to, axis=-1), -1, 1)))
    full = irradiance(p, replace(lamp, outer=180.0))
    assert not p.sun[p.surface & (angle > 35.05)].any()
    assert (p.sun[p.surface & (angle < 34.5)] > 0).all()
    inside = p.surface & (angle < 24.95)
    assert inside.sum() > 50 and np.allclose(p.sun[inside], full[inside], rtol=1e-3)
    between = p.surface & (angle > 26) & (angle < 34)
    assert (p.sun[between] < full[between] * 0.95).all()


def test_sixty_four_lamps(gpu: Gpu) -> None:
    rng = np.random.default_rng(0)
    place = rng.uniform((-3, 0.5, -3), (3, 2, 3), (64, 3))
    lamps = tuple(Lamp((float(x), float(y), float(z)), (float(x) + 3, 1.0, 0.5)) for x, y, z in place)
    for shadows in (0, 8):
        p = lit(gpu, (floor(),), lamps, {"lights.shadows": shadows})
        exact = sum(irradiance(p, lamp) for lamp in lamps)
        assert np.allclose(p.sun, exact, rtol=1e-3, atol=1e-6)
    one_less = lit(gpu, (floor(),), lamps[:63])
    assert np.allclose(p.sun - one_less.sun, irradiance(p, lamps[63]), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("technique", ["off", "ssao", "ssdo"])
@pytest.mark.parametrize("material", [GREY, Material((0.5, 0.5, 0.5), reflectance=0.04, roughness=0.4)])
def test_lamps_that_are_off_change_nothing(gpu: Gpu, technique: str, material: Material) -> None:
    """To the last bit; and so does no lamp add to a sun what it has not."""
    meshes = (floor(6.0, material), box((-0.5, 0, -0.5), (0.5, 1, 0.5), material))
    values = {"technique": technique, "environment": "ramp-y", "sun.irradiance": 2.0}
    without, off, dark = (
        lit(gpu, meshes, lamps, values | more)
        for lamps, more in (
            ((), {}),
            (tuple(LAMPS.values()), {"lights.intensity": 0.0}),
            ((Lamp((0.0, 2.0, 0.0), (0.0, 0.0, 0.0)),), {}),
        )
    )
    assert np.array_equal(without.radiance, off.radiance) and np.array_equal(without.indirect, off.indirect)
    assert np.array_equal(without.radiance, dark.radiance) and np.array_equal(without.sun, dark.sun)
    on = lit(gpu, meshes, tuple(LAMPS.values()), values)
    assert (on.radiance > without.radiance).any()


# ---- shadows -------------------------------------------------------------------------------------------------------------


def crossing(p: Probe, lamp: Lamp, height: float) -> Doubles:
    """(h, w, 2): x, z where the way from each point to the lamp is at a height."""
    to = np.array(lamp.position) - p.position
    t = (height - p.position[..., 1]) / np.where(np.abs(to[..., 1]) < 1e-9, 1e-9, to[..., 1])
    found: Doubles = (p.position + t[..., None] * to)[..., [0, 2]]
    return found


SHADOWED = {
    "point": Lamp((0.3, 3.0, 0.2), (9.0, 9.0, 9.0)),
    "beside": Lamp((2.4, 2.2, -0.4), (9.0, 9.0, 9.0)),
    "cone": Lamp((0.3, 3.0, 0.2), (9.0, 9.0, 9.0), down(8.0, 60.0), 40.0, 60.0),
    "leaning cone": Lamp((2.4, 2.2, -0.4), (9.0, 9.0, 9.0), down(50.0, 170.0), 40.0, 74.0),
    "wide cone": Lamp((0.3, 3.0, 0.2), (9.0, 9.0, 9.0), down(30.0, 60.0), 80.0, 100.0),
}


@pytest.mark.parametrize("name", SHADOWED)
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e3])
def test_a_board_casts_its_shadow(gpu: Gpu, name: str, scale: float) -> None:
    """Nothing in it, all of the light outside of it, but for a seam of two texels; at any scale."""
    lamp = SHADOWED[name]
    board = quad((-0.5, 1, 0.5), (0.5, 1, 0.5), (0.5, 1, -0.5), (-0.5, 1, -0.5), GREY)
    meshes = tuple(replace(m, positions=(m.positions * np.float32(scale))) for m in (floor(), board))
    x, y, z = lamp.position
    scaled = replace(
        lamp, position=(scale * x, scale * y, scale * z), intensity=(9 * scale**2, 9 * scale**2, 9 * scale**2)
    )
    camera = {"eye": (-3.0 * scale, 4.0 * scale, 4.0 * scale), "target": (-0.5 * scale, 0.0, 0.0)}
    shaded, plain = (
        lit(gpu, meshes, (scaled,), {"lights.shadows": n, "width": 128, "height": 72}, **camera) for n in (8, 0)
    )
    at = crossing(replace(shaded, position=shaded.position / scale), lamp, 1.0)
    on_floor = shaded.surface & (shaded.position[..., 1] < 0.01 * scale) & (plain.sun[..., 0] > 0)
    off_edge = np.abs(at).max(-1) - 0.5
    # two texels of the map as they lie on the board: 0.03 m, of the cone of 74 degrees 0.12
    margin = 0.15 if "leaning" in name else 0.04
    dark, light = on_floor & (off_edge < -margin), on_floor & (off_edge > margin)
    assert dark.sum() > 50 and light.sum() > 500
    assert not shaded.sun[dark].any()
    assert np.array_equal(shaded.sun[light], plain.sun[light])
    top = shaded.surface & (shaded.position[..., 1] > 0.5 * scale)
    assert top.sum() > 50 and np.array_equal(shaded.sun[top], plain.sun[top])


@pytest.mark.parametrize("shape", ["everywhere", "cone", "narrow", "needle"])
@pytest.mark.parametrize("tilt", [0.0, 30.0, 60.0, 85.0])
@pytest.mark.parametrize("height", [0.01, 0.1, 1.0, 30.0])
def test_a_plane_never_shadows_itself(gpu: Gpu, shape: str, tilt: float, height: float) -> None:
    """At any tilt, from any distance, where the light grazes it too."""
    t, turn = math.radians(tilt), math.radians(35.0)
    n = np.array([math.sin(t) * math.cos(turn), math.cos(t), math.sin(t) * math.sin(turn)])
    a = np.cross(n, (0.3, 0.1, 1.0))
    a /= np.linalg.norm(a)
    b = np.cross(n, a)
    plane = polygons(50 * np.array([[-a - b, b - a, a + b, a - b]]), GREY)
    # nearer, 24 bits of 70 m are more than the texels of so narrow a cone allow
    height = max(height, 0.03) if shape == "needle" else height
    eye, place = 3 * n + 1.5 * a, height * n + 0.4 * a
    axis = b * 0.6 - place
    axis /= np.linalg.norm(axis)
    at: Vec3 = (float(place[0]), float(place[1]), float(place[2]))
    along: Vec3 = (float(axis[0]), float(axis[1]), float(axis[2]))
    inner, outer = {"everywhere": (180.0, 180.0), "cone": (30.0, 60.0), "narrow": (4.0, 8.0), "needle": (0.5, 1.0)}[
        shape
    ]
    lamp = Lamp(at, (1.0, 1.0, 1.0), along, inner, outer)
    for resolution in (64, 1024):
        shaded, bare = (
            lit(
                gpu,
                (plane,),
                (lamp,),
                {"lights.shadows": k, "lights.resolution": resolution},
                eye=tuple(eye.tolist()),
                target=(0.0, 0.0, 0.0),
            )
            for k in (8, 0)
        )
        assert bare.sun.any() or shape == "needle"  # which may fall between pixels
        assert np.array_equal(shaded.sun, bare.sun), f"{(shaded.sun != bare.sun).any(-1).sum()} of {bare.surface.sum()}"


@pytest.mark.parametrize("place", [(0.0, 0.0, 0.0), (0.5, 0.2, -0.4), (0.9, -0.9, 0.85)])
def test_no_border_of_a_cubes_faces_is_seen(gpu: Gpu, place: Vec3) -> None:
    """Within a room nothing hides the lamp, wherever its walls meet."""
    lamp = Lamp(place, (1.0, 1.0, 1.0))
    for target in ((1.0, 0.3, 0.2), (0.1, -1.0, 0.2), (-0.6, 0.5, -0.7), (0.2, 1.0, -0.3)):
        shaded, bare = (
            lit(
                gpu,
                (box((-1, -1, -1), (1, 1, 1), GREY),),
                (lamp,),
                {"lights.shadows": k},
                eye=(-0.3, 0.1, 0.2),
                target=target,
                fov=100.0,
            )
            for k in (8, 0)
        )
        inner = (np.abs(shaded.position) > 1 - 0.01).sum(-1) == 1
        assert inner.mean() > 0.95
        assert np.array_equal(shaded.sun[inner], bare.sun[inner])


def test_a_lamp_within_a_ball_lights_all_of_it(gpu: Gpu) -> None:
    """Smooth normals, flat triangles: what is left of light where facets bend is stated."""
    lamp = Lamp((0.2, 0.1, 0.0), (1.0, 1.0, 1.0))
    ball = sphere((0, 0, 0), 1.0, GREY)
    shaded, bare = (
        lit(gpu, (ball,), (lamp,), {"lights.shadows": k}, eye=(-0.5, 0.0, 0.0), target=(1.0, 0.0, 0.0), fov=90.0)
        for k in (8, 0)
    )
    assert np.array_equal(shaded.sun, bare.sun)


def test_a_wall_hides_a_lamp_close_to_it(gpu: Gpu) -> None:
    """A centimetre before a wall it lights the wall, and nothing behind."""
    wall = quad((0, -3, 3), (0, -3, -3), (0, 3, -3), (0, 3, 3), GREY)  # faces -x
    meshes = (floor(), wall)
    lamp = Lamp((-0.01, 0.5, 0.0), (1.0, 1.0, 1.0))
    p, bare = (lit(gpu, meshes, (lamp,), {"lights.shadows": k}, eye=(0.0, 6.0, 4.0)) for k in (8, 0))
    behind, before = (p.surface & (p.position[..., 1] < 0.01) & (side * p.position[..., 0] > 0.05) for side in (1, -1))
    assert behind.sum() > 200 and before.sum() > 200
    assert not p.sun[behind].any() and bare.sun[behind].any()
    assert np.array_equal(p.sun[before], bare.sun[before])
    face = lit(gpu, meshes, (lamp,), eye=(-3.0, 1.0, 0.5), target=(0.0, 0.5, 0.0))
    on_wall = face.surface & (np.abs(face.position[..., 0]) < 1e-3) & (face.position[..., 1] > 0.02)
    assert on_wall.sum() > 200
    # a centimetre off, of positions rounded to 1e-6 of metres
    assert np.allclose(face.sun[on_wall], irradiance(face, lamp)[on_wall], rtol=0.02)


def test_the_nearest_cast_shadows(gpu: Gpu) -> None:
    board = quad((-0.5, 1, 0.5), (0.5, 1, 0.5), (0.5, 1, -0.5), (-0.5, 1, -0.5), GREY)
    lamps = (
        Lamp((-4.0, 8.0, -3.0), (9.0, 0.0, 0.0)),
        Lamp((1.0, 3.0, 2.0), (0.0, 9.0, 0.0)),
        Lamp((1.0, 6.0, -4.0), (0.0, 0.0, 9.0)),
    )
    distance = [math.dist((0.0, 5.0, 4.0), lamp.position) for lamp in lamps]
    order = sorted(range(3), key=distance.__getitem__)
    bare = lit(gpu, (floor(), board), lamps, {"lights.shadows": 0})
    for count in (1, 2, 3):
        p = lit(gpu, (floor(), board), lamps, {"lights.shadows": count})
        shadowed = [bool((p.sun[..., i] < bare.sun[..., i]).any()) for i in range(3)]
        assert shadowed == [i in order[:count] for i in range(3)]


# ---- bounce ---------------------------------------------------------------------------------------------------------------


def beside_a_wall(lamps: tuple[Lamp, ...]) -> Scene:
    """A red wall beside a floor, and a box on it; all of them in the picture."""
    red = Material((0.7, 0.2, 0.1))
    wall = quad((-1.5, 0, -1), (1.5, 0, -1), (1.5, 1.5, -1), (-1.5, 1.5, -1), red)
    ground = quad((-1.5, 0, 1.5), (1.5, 0, 1.5), (1.5, 0, -1), (-1.5, 0, -1), GREY)
    return Scene(
        (ground, wall, box((0.3, 0, -0.3), (0.8, 0.5, 0.2), GREY)),
        (0.0, 2.2, 4.0),
        (0.0, 0.5, 0.0),
        40.0,
        environment="black",
        lamps=lamps,
    )


BOUNCING = {
    "point": (Lamp((-0.4, 1.2, 0.3), (3.0, 3.0, 3.0)),),
    "cone": (Lamp((-0.2, 1.4, 1.0), (6.0, 6.0, 6.0), (0.0, -0.5144957554275265, -0.8574929257125441), 29.9, 30.0),),
    "three": (
        Lamp((-0.4, 1.2, 0.3), (3.0, 2.0, 1.0)),
        Lamp((1.0, 1.0, 0.8), (0.0, 1.0, 2.0)),
        Lamp((-0.2, 1.4, 1.0), (6.0, 6.0, 6.0), (0.0, -0.5144957554275265, -0.8574929257125441), 29.9, 30.0),
    ),
}


def test_lamps_bounce_in_screen_space(gpu: Gpu) -> None:
    """SSDO with a deep, long and fine march sends what the reference finds, where the camera sees the sender."""
    whole = beside_a_wall(BOUNCING["point"])
    # without the box, of which the camera does not see what lights the floor
    scene = replace(whole, meshes=whole.meshes[:2])
    values: dict[str, Any] = {"scene": register("bouncing", lambda: scene), "width": 96, "height": 54}
    deep = {"ssdo.radius": 3.0, "ssdo.steps": 64, "ssdo.samples": 64, "accumulated_frames": 4}
    true = shoot(gpu, values | {"technique": "reference", "reference.rays": 16, "accumulated_frames": 4})
    screen = shoot(gpu, values | {"technique": "ssdo"} | deep)
    dark = shoot(gpu, values | {"technique": "ssdo", "lights.intensity": 0.0} | deep)
    ground = (
        true.surface
        & (true.position[..., 1] < 1e-3)
        & (np.abs(true.position[..., 2] + 0.6) < 0.3)
        & (true.position[..., 0] < 0)
    )
    assert ground.sum() > 50 and true.indirect[ground].mean() > 0.1
    ratio = screen.indirect[ground].mean(0) / true.indirect[ground].mean(0)
    assert np.abs(ratio - 1).max() < 0.06, ratio  # rays that pass between two steps
    assert not dark.indirect.any()


@pytest.mark.parametrize("name", BOUNCING)
def test_every_pixel_of_lamplight_agrees_with_mitsuba(gpu: Gpu, name: str) -> None:
    """The bounce of lamps, pixel by pixel by Welch's test as in test_reference; and what lamps bring by themselves,
    shadow maps against rays.
    """
    pytest.importorskip("mitsuba")
    pytest.importorskip("scipy")
    import mitsuba_reference as truth
    from test_mitsuba import inside, traced
    from test_reference import SIDE, smooth, welch

    count, batches = 40, 16
    scene = beside_a_wall(BOUNCING[name])
    values: dict[str, Any] = {
        "scene": register(f"mitsuba lamps {name}", lambda: scene),
        "width": count,
        "height": count,
        "denoise.radius": 0,
    }
    values |= {"technique": "reference", "reference.rays": 4, "sun.irradiance": 0.0, "environment": "black"}
    shot, fine = Shot().with_values(values), values | {"width": count * SIDE, "height": count * SIDE}
    plain = shoot(gpu, fine)
    where: Bools = (inside(plain.surface) & smooth(plain)).reshape(count, SIDE, count, SIDE).all((1, 3))
    bounce = np.empty((batches, count, count))
    for batch in range(batches):
        p = shoot(gpu, fine | {"seed": batch})
        bounce[batch] = (p.albedo * p.indirect / np.pi).reshape(count, SIDE, count, SIDE, 3).mean((1, 3, 4), dtype="f8")
    first, both = (
        np.stack([traced(scene, shot, depth, 48, 1 + seed) for seed in range(batches)]).mean(-1, dtype="f8")
        for depth in (truth.DIRECT, truth.BOUNCE)
    )
    theirs = both - first
    p_values = welch(bounce[:, where], theirs[:, where])
    least, limit, rejected = (
        float(np.nanmin(p_values)),
        1 - 0.999 ** (1 / where.sum()),
        float(np.nanmean(p_values < 0.05)),
    )
    print(
        f"\n{name}: {where.sum()} pixels, smallest p {least:.1e}, limit {limit:.1e}; {rejected:.1%} below 0.05; {theirs[:, where].mean():.4f}"
    )
    assert least > limit
    assert rejected < 0.05 + 4 * np.sqrt(0.05 * 0.95 / where.sum())
    means = bounce[:, where].mean(1), theirs[:, where].mean(1)
    error = np.sqrt(sum(m.var(ddof=1) for m in means) / batches)
    assert abs(means[0].mean() - means[1].mean()) < 4 * error and error < 0.03 * means[1].mean()
    assert np.nanmin(welch(1.5 * bounce[:, where], theirs[:, where])) < limit  # that it would see half as much again
    direct = (plain.albedo * plain.sun / np.pi).reshape(count, SIDE, count, SIDE, 3).mean((1, 3, 4))
    apart = np.abs(direct - first.mean(0))[where]
    assert np.median(apart) < 0.01 * direct[where].max()  # of three lamps Mitsuba takes one by chance for each path
    assert (apart > 0.05 * direct[where].max()).mean() < 0.05  # where a shadow or a cone ends within a pixel
