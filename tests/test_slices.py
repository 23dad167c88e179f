"""Techniques that march slices, `gtao` and `bitmask`, against the same closed forms as those that try directions
(tests/test_closed_forms.py).

Tolerances: HALF is what the half floats of the G-buffer resolve; what else is left is measured on software OpenGL and
stated where it stands.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from render_small import Bools, Doubles, Probe, register, shoot
from ssdo.gpu.context import Gpu
from ssdo.render.technique import Technique
from ssdo.scene.model import Material, Scene
from ssdo.scene.modelling.shapes import quad
from test_closed_forms import FENCE, HALF, corner, exact_open, near_origin, ray

SLICED = ("gtao", "bitmask")


def sliced(technique: str, scene: str, **parameters: object) -> dict[str, object]:
    """A shot in which nothing but the estimator can err: deep occluders, short steps, 32 slices in all."""
    parameters = {"slices": 4, "steps": 48, "radius": 1.0, "thickness": 100.0, "bounce": False} | parameters
    known = {f.name for f in fields(Technique.named(technique))}
    shot: dict[str, object] = {
        "scene": scene,
        "technique": technique,
        "accumulated_frames": 8,
        "width": 128,
        "height": 72,
    }
    return shot | {f"{technique}.{name}": value for name, value in parameters.items() if name in known}


@pytest.mark.parametrize("technique", SLICED)
@pytest.mark.parametrize("tilt", [0, 45, 85])
@pytest.mark.parametrize("distance", [1, 10, 100, 1000])
def test_f1_a_plane_is_open(gpu: Gpu, technique: str, tilt: int, distance: int) -> None:
    """To the last bit, with one slice as with several."""
    for radius, slices in ((0.5, 1), (0.3 * distance, 1), (0.3 * distance, 5)):
        p = shoot(
            gpu,
            sliced(
                technique, f"plane:tilt={tilt},distance={distance}", radius=radius, slices=slices, bounce=True, steps=8
            )
            | {"accumulated_frames": 1},
        )
        assert p.surface.all()
        assert (p.open == 1).all()
        assert np.abs(p.direct / np.pi - 1).max() < HALF
        assert not p.indirect.any()


def corner_at(p: Probe) -> tuple[Bools, Doubles]:
    """Where F2 holds, and the wall's distance there in radii."""
    c = np.clip(0.25 - p.position[..., 0], 1e-6, 1)
    where = near_origin(p) & (c > 0.1) & (c < 0.9)
    assert where.sum() > 20
    return where, c[where]


@pytest.mark.parametrize("camera, turn", [(20, 0), (40, 20), (60, 30), (75, 60), (30, 60)])
@pytest.mark.parametrize("technique", SLICED)
def test_f2_a_corner_follows_the_curve(gpu: Gpu, technique: str, camera: int, turn: int) -> None:
    p = shoot(gpu, sliced(technique, f"corner:camera={camera},turn={turn}"))
    where, c = corner_at(p)
    error = 1 - p.open[where] - ray(c)
    # measured: 0.0015 to 0.0055; a horizon lies between two points, and so too low: on a wall seen from 75 degrees
    # above by 0.0145
    assert abs(error.mean()) < (0.02 if technique == "gtao" and camera == 75 else 0.007)
    assert np.abs(error).max() < (0.05 if technique == "gtao" and camera == 75 else 0.02)  # measured: 0.035 and 0.013


@pytest.mark.parametrize("technique", SLICED)
def test_f2_the_mean_is_right_with_one_slice(gpu: Gpu, technique: str) -> None:
    """Slices are as dense as the hemisphere is in them: few of them spread more, but err no more in the mean, seen at a
    grazing angle too.
    """
    found = []
    for slices in (1, 2, 8):
        p = shoot(gpu, sliced(technique, "corner:camera=20,turn=0", slices=slices) | {"accumulated_frames": 16})
        where, c = corner_at(p)
        found.append(1 - p.open[where] - ray(c))
    spread = max(error.std() for error in found) / np.sqrt(found[0].size)
    for error in found:
        assert abs(error.mean() - found[-1].mean()) < 4 * spread + 1e-3  # of Newton's one step, see slices.glsl


@pytest.mark.parametrize("technique", SLICED)
def test_f2_frames_converge(gpu: Gpu, technique: str) -> None:
    """From what 128 frames say, 16 stray by less than a quarter of what one does, as independent samples would;
    measured: 0.05 of it.
    """
    one, some, many = (
        shoot(gpu, sliced(technique, "corner", slices=1) | {"accumulated_frames": n}) for n in (1, 16, 128)
    )
    where, _ = corner_at(many)
    spread = [float(np.sqrt(((p.open - many.open)[where] ** 2).mean())) for p in (one, some)]
    assert spread[1] < 0.25 * spread[0]


@pytest.mark.parametrize("technique", SLICED)
def test_f3_a_fence(gpu: Gpu, technique: str) -> None:
    def hit(w: Doubles, x: Doubles) -> Bools:
        t = np.where(w[:, 0] > 1e-9, (1 - x[0]) / np.maximum(w[:, 0], 1e-9), np.inf)
        return (t < 2) & (t * w[:, 1] < 1)

    p = shoot(gpu, sliced(technique, "fence", radius=2.0) | FENCE)
    where = near_origin(p) & (p.position[..., 0] > 0) & (p.position[..., 0] < 0.9)
    assert where.sum() > 10
    assert abs((p.open[where] - exact_open(p, where, hit)).mean()) < 0.015  # as SSDO


@pytest.mark.parametrize("technique", SLICED)
def test_f5_a_trench_without_a_limit(gpu: Gpu, technique: str) -> None:
    """The radius is 100 m, and so is everything that the picture shows within it: open = x / sqrt(x^2 + h^2), summed
    over both walls.
    """
    p = shoot(gpu, sliced(technique, "trench", radius=100.0) | {"camera.fov": 75.0})
    where = near_origin(p) & (np.abs(p.position[..., 0]) < 0.3)
    x = p.position[..., 0][where]
    exact = (1 - x) / np.sqrt((1 - x) ** 2 + 1) / 2 + (1 + x) / np.sqrt((1 + x) ** 2 + 1) / 2
    assert where.sum() > 4
    assert abs((p.open[where] - exact).mean()) < 0.02


@pytest.mark.parametrize("technique", SLICED)
def test_f6_a_ball_on_a_floor_is_round(gpu: Gpu, technique: str) -> None:
    camera = {"camera.eye": (0.0, 12.0, 0.0), "camera.target": (0.0, 0.0, 0.0), "camera.fov": 60.0, "width": 168}
    p = shoot(gpu, sliced(technique, "ball", radius=11.9) | camera)
    x = np.hypot(p.position[..., 0], p.position[..., 2])
    floor = p.surface & (np.abs(p.position[..., 1]) < 1e-3)
    ring, far = floor & (x > 1.6) & (x < 2.2), floor & (x > 3.5) & (x < 4)
    found = p.open - (1 - (1 / np.sqrt(x * x + 1)) ** 3)
    # what lies under the sphere is hidden from above and taken for solid, as with SSDO
    assert abs(found[ring].mean()) < 0.06
    across, down = (
        ring & (np.abs(p.position[..., 0]) > np.abs(p.position[..., 2])),
        ring & (np.abs(p.position[..., 0]) < np.abs(p.position[..., 2])),
    )
    assert abs(found[across].mean() - found[down].mean()) < 0.02
    assert abs(found[far].mean()) < 0.03


@pytest.mark.parametrize("technique", SLICED)
def test_f7_a_bowl_from_above(gpu: Gpu, technique: str) -> None:
    """Half is open everywhere; with rho = 0.5 and one bounce the radiance is rho / 2 + rho^2 / 4."""
    p = shoot(gpu, sliced(technique, "bowl", radius=2.05, bounce=True) | {"camera.fov": 40.0})
    inside = p.surface & (p.position[..., 1] < -0.3)
    assert inside.sum() > 100
    # measured: 0.527 and 0.325, as SSDO, and 0.007 of spread
    assert abs(p.open[inside].mean() - 0.5) < 0.03
    assert p.open[inside].std() < 0.01
    if technique == "bitmask":
        assert abs(p.radiance[inside].mean() - (0.25 + 0.0625)) < 0.016


@pytest.mark.parametrize("axis", ["x", "y", "z"])
# measured: 0.032 and 0.017 at most; SSDO's is 0.02
@pytest.mark.parametrize("lookups, error", [(8, 0.045), (32, 0.03)])
def test_f8_a_linear_environment_measures_directional_occlusion(
    gpu: Gpu, axis: str, lookups: int, error: float
) -> None:
    b = {"x": np.array((1.0, 0, 0)), "y": np.array((0, 1.0, 0)), "z": np.array((0, 0, 1.0))}[axis]
    p = shoot(gpu, sliced("bitmask", "corner", lookups=lookups) | {"environment": f"ramp-{axis}"})
    where, c = corner_at(p)
    exact = (
        np.pi * (1 - ray(c))
        - b[0] * 2 / 3 * (1 - c * c) ** 1.5
        + b[1] * (2 * np.pi / 3 - np.pi / 2 * (2 / 3 - c + c**3 / 3))
    )
    assert abs((p.direct[..., 0][where] - exact).mean()) < error
    for bent in (False, True):
        gtao = shoot(gpu, sliced("gtao", "corner", bent=bent) | {"environment": f"ramp-{axis}"}).direct[..., 0][where]
        if axis == "x" and not bent:
            assert abs((gtao - exact).mean()) > 0.2, "one number for all directions cannot know it"
        if axis == "x" and bent:
            assert abs((gtao - exact).mean()) < 0.1, "the mean open direction knows most of it; measured: 0.05"


@pytest.mark.parametrize("technique", SLICED)
def test_f9_half_a_sky_lights_by_the_tilt(gpu: Gpu, technique: str) -> None:
    p = shoot(gpu, sliced(technique, "ball", radius=1e-3, slices=8, steps=1, lookups=32) | {"environment": "half"})
    error = (p.direct[..., 0] - np.pi * (1 + p.normal[..., 1]) / 2)[p.surface]
    assert abs(error.mean()) < 0.01
    assert np.abs(error).max() < 0.06


def test_f10_a_glowing_room(gpu: Gpu) -> None:
    """What closes a sector sends its light: open and closed sectors together bring pi L, as many slices and steps as
    there are.
    """
    for slices, steps in ((1, 8), (3, 48)):
        shot = sliced("bitmask", "room", radius=4.0, slices=slices, steps=steps, bounce=True) | {
            "camera.fov": 100.0,
            "width": 64,
            "height": 36,
            "accumulated_frames": 4,
        }
        dark, furnace = shoot(gpu, shot | {"environment": "black"}), shoot(gpu, shot)
        assert not dark.direct.any()
        # a pixel's centre on an edge belongs to two walls
        inner = dark.surface & ((np.abs(dark.position) > 1 - 1e-4).sum(-1) == 1)
        assert inner.sum() > 0.97 * inner.size
        assert np.abs(dark.indirect[..., 0] / np.pi - (1 - dark.open))[inner].max() < 2 * HALF
        assert np.abs((furnace.direct + furnace.indirect) / np.pi - 1)[inner].max() < 2 * HALF
    # the middle of the far wall sees 4 walls and not the one behind the camera, F10's pi L but for that; SSDO finds the
    # same
    ssdo = shoot(
        gpu, corner("ssdo", radius=4.0, steps=48) | {"scene": "room", "camera.fov": 100.0, "width": 64, "height": 36}
    )
    assert abs((dark.open - ssdo.open)[inner].mean()) < 0.01


@pytest.mark.parametrize("technique", SLICED)
def test_a_white_sky_gives_the_albedo(gpu: Gpu, technique: str) -> None:
    p = shoot(gpu, {"scene": "plane", "technique": technique})
    assert np.abs(p.radiance / 0.5 - 1).max() < 2 * HALF


def test_bitmask_and_ssdo_find_the_same_closed(gpu: Gpu) -> None:
    """Both hold what is seen for solid, thickness deep and up to the radius: many sectors and many marched rays
    agree.
    """
    for scene, thickness in (("nook", 0.3), ("blocks", 100.0)):
        values = {"width": 96, "height": 54, "accumulated_frames": 4, "denoise.radius": 0}
        a = shoot(gpu, sliced("bitmask", scene, thickness=thickness, steps=64, slices=8) | values)
        b = shoot(gpu, corner("ssdo", thickness=thickness, steps=64) | {"scene": scene} | values)
        on = a.surface
        assert abs((a.open - b.open)[on].mean()) < 0.01
        assert np.sqrt(((a.open - b.open)[on] ** 2).mean()) < 0.03


@pytest.mark.parametrize("technique", SLICED)
def test_23_a_thin_pole_beyond_the_radius_casts_no_halo(gpu: Gpu, technique: str) -> None:
    p = shoot(gpu, sliced(technique, "pole:distance=5", thickness=1.0))
    wall = p.depth > 14.5
    assert (~wall).any()
    assert (p.open[wall] == 1).all()


def test_23_the_wall_behind_a_thin_pole_stays_open(gpu: Gpu) -> None:
    """A pole 0.2 m wide and 0.1 m deep, half a metre before a wall: horizons hide the wall behind it, sectors see past
    its back.
    """
    shares = {}
    for technique, more in (("gtao", {}), ("bitmask", {"thickness": 0.1})):
        p = shoot(gpu, sliced(technique, "pole:distance=0.5", **more) | {"camera.fov": 15.0})
        behind = (p.depth > 10.4) & (np.abs(p.position[..., 0]) < 0.3)
        assert behind.sum() > 100
        shares[technique] = float(p.open[behind].mean())

    def hit(w: Doubles, x: Doubles) -> Bools:
        found = np.zeros(len(w), bool)
        for z in np.linspace(0.5, 0.6, 9):
            t = (z - x[2]) / np.maximum(w[:, 2], 1e-9)
            found |= (t < 1) & (np.abs(x[0] + t * w[:, 0]) < 0.1)
        return found

    exact = exact_open(p, behind & (np.arange(72)[:, None] == 36), hit).mean()
    assert abs(shares["bitmask"] - exact) < 0.03
    assert shares["gtao"] < exact - 0.1


@pytest.mark.parametrize("technique", SLICED)
def test_24_what_is_convex_closes_nothing_of_itself(gpu: Gpu, technique: str) -> None:
    from ssdo.scene.modelling.shapes import sphere

    alone = register(
        "ball alone",
        lambda: Scene(
            (sphere((0, 0, 0), 1.0, Material((0.5, 0.5, 0.5)), rings=96),), (0.0, 1.0, 4.0), (0.0, 0.0, 0.0), 40.0
        ),
    )
    p = shoot(gpu, sliced(technique, alone, radius=2.0, bounce=True))
    assert p.open[p.surface].min() > 0.97  # facets of 2 degrees under smooth normals, as in test_faults.py
    assert p.indirect.max() < 0.01 * np.pi


def test_24_the_back_of_what_is_seen_sends_nothing(gpu: Gpu) -> None:
    p = shoot(gpu, sliced("bitmask", "step:gap=0.5", radius=2.0, bounce=True))
    assert p.open.min() < 0.9
    assert not p.indirect.any()


def test_26_one_bounce_makes_no_energy(gpu: Gpu) -> None:
    for scene in ("niche", "corner:albedo=1.0", "bowl:albedo=1.0", "trench"):
        p = shoot(gpu, sliced("bitmask", scene, radius=3.0, bounce=True) | {"accumulated_frames": 1})
        assert (p.direct + p.indirect)[p.surface].max() < np.pi * (1 + 2 * HALF)
        assert p.indirect.max() > 0.2


def test_28_the_first_to_close_a_sector_sends(gpu: Gpu) -> None:
    """A glowing wall behind a black one: the floor between camera and walls gets nothing from what is hidden from
    it.
    """

    def walls() -> Scene:
        black, lamp = Material((0.0, 0.0, 0.0)), Material((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        floor = quad((-9, 0, 9), (9, 0, 9), (9, 0, -9), (-9, 0, -9), black)
        near, far = (
            quad((x, 0, 9), (x, h, 9), (x, h, -9), (x, 0, -9), m) for x, h, m in ((0.5, 0.5, black), (1.0, 1.0, lamp))
        )
        return Scene((floor, near, far), (-4.0, 3.0, 1.0), (0.0, 0.0, 0.0), 40.0, environment="black")

    p = shoot(gpu, sliced("bitmask", register("two walls", walls), radius=4.0, bounce=True))
    where = (
        (np.abs(p.position[..., 1]) < 1e-3) & (np.abs(p.position[..., 0]) < 0.2) & (np.abs(p.position[..., 2]) < 0.3)
    )
    x = p.position[..., 0][where]
    low, high = np.arctan2(0.5, 0.5 - x), np.arctan2(1.0, 1.0 - x)
    exact = np.pi * np.maximum((np.cos(low) - np.cos(high)) / 2, 0)  # the part of the far wall above the near one
    assert where.sum() > 20
    assert abs((p.indirect[..., 0][where] - exact).mean()) < 0.03


@pytest.mark.parametrize("technique", SLICED)
def test_40_the_same_twice(gpu: Gpu, technique: str) -> None:
    values = {"scene": "nook", "technique": technique, "accumulated_frames": 2}
    a = shoot(gpu, values)
    shoot(gpu, values | {"technique": "off"})
    b = shoot(gpu, values)
    assert (a.radiance == b.radiance).all() and (a.indirect == b.indirect).all()


@pytest.mark.parametrize("technique", SLICED)
def test_15_16_the_blur_takes_the_pattern_away(gpu: Gpu, technique: str) -> None:
    """The blur covers the tile: beside a long wall less than a quarter of it is left."""
    shot = sliced(technique, "corner:camera=60,turn=0", slices=1) | {"accumulated_frames": 1}
    errors = []
    for radius in (0, 4):
        p = shoot(gpu, shot | {"denoise.radius": radius})
        where, c = corner_at(p)
        errors.append(float((1 - p.open[where] - ray(c)).std()))
    assert errors[1] < errors[0] / 4  # 81 pixels of which 16 differ
