"""The failure gallery: small stills, each built so that screen space gets one thing wrong, and where in them it shows.

Every argument moves its scene towards the failure or away from it. `bench failures` draws and measures them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ssdo.scene.built_in.blocks import knot
from ssdo.scene.model import Material, Mesh, Scene, Sunlight
from ssdo.scene.modelling.assembly import merged, moved, painted, placing, scaled, transformed
from ssdo.scene.modelling.masonry import paving, strip, wall
from ssdo.scene.modelling.shapes import box, boxes, cylinder, lathe, sphere
from ssdo.scene.modelling.textures import palette, plaster, shade
from ssdo.settings import UserError, Vec3

Rng = np.random.Generator

MARBLE = Material((0.78, 0.76, 0.72), name="marble")
STEEL = Material((0.22, 0.23, 0.25), name="steel")
RED = Material((0.62, 0.035, 0.03), name="red")
TEAL = Material((0.03, 0.34, 0.36), name="teal")
OCHRE = (0.56, 0.36, 0.17)
LOW = (1.0, 0.93, 0.83)  # the colour of a sun that is low
LIME = (0.72, 0.68, 0.60)


class Failure(NamedTuple):
    """What goes wrong in a scene, and where to look for it."""

    scene: str
    what: str  # goes wrong
    why: str  # screen space cannot know better
    term: str  # of the lighting in which it shows: open (share), direct or indirect (irradiance)
    sign: int  # of SSDO less truth: 1 too bright, -1 too dark, 0 as it should be
    low: Vec3  # the region in which it shows: surfaces between two corners, world, metres
    high: Vec3
    radius: float  # that reaches what matters, metres
    thickness: float  # of what matters, metres
    cure: Mapping[str, Any] = {}  # parameters of a shot under which screen space does know, or has nothing to miss

    @property
    def name(self) -> str:
        """The scene without its arguments."""
        return self.scene.partition(":")[0]


def _stone(rng: Rng) -> Material:
    return palette("limestone", (0.58, 0.52, 0.44), 0.07, 0.04, rng)


def _ground(low: tuple[float, float], high: tuple[float, float], stone: Material, rng: Rng) -> list[Mesh]:
    """Flagstones over x and z, their upper side at y = 0, and the bed that shows in their joints."""
    bed = painted(box((low[0], -0.3, low[1]), (high[0], -0.012, high[1]), stone), shade(9))
    return [bed, paving(low, high, 0.0, 0.6, 0.9, stone, rng)]


def _vase(x: float, z: float, size: float, material: Material, y: float = 0.0) -> Mesh:
    body = [
        (0, 0),
        (0.17, 0),
        (0.19, 0.015),
        (0.25, 0.10),
        (0.325, 0.24),
        (0.355, 0.38),
        (0.34, 0.50),
        (0.28, 0.60),
        (0.20, 0.66),
        (0.165, 0.72),
    ]
    mouth = [(0.19, 0.78), (0.175, 0.80), (0.145, 0.76), (0.14, 0.70), (0, 0.62)]
    return transformed(lathe([*body, *mouth], (0, 0, 0), material, 36), placing((x, y, z), 0, size))


def _scene(name: str, parts: list[Mesh], eye: Vec3, target: Vec3, fov: float, sun: Sunlight) -> Scene:
    return Scene(tuple(merged(parts)), eye, target, fov, sun, "sky", name)


def _within(scene: str, name: str, value: float, low: float, high: float, unit: str = "m") -> None:
    if not low <= value <= high:
        raise UserError(f"scene {scene}: {name} = {value:g}: must be {low:g} to {high:g} {unit}".rstrip())


def signpost(height: float = 2.6) -> Scene:
    """Thin pole: a post `height` metres high is taken for a board as deep as `thickness`, and darkens the ground behind
    it.
    """
    _within("signpost", "height", height, 0.4, 4)
    rng = np.random.default_rng(1)
    stone = _stone(rng)
    parts = [
        *_ground((-7, -6.5), (7, 4), stone, rng),
        wall((-7, 0, -6.8), (7, 1.2, -6.5), plaster("ochre wash", OCHRE, rng)),
    ]
    x, r = 0.45, 0.03
    parts += [cylinder((x, 0, 0), (x, height, 0), r, STEEL, 20), cylinder((x, 0, 0), (x, 0.04, 0), 0.11, STEEL, 24)]
    parts += [
        cylinder((x, height, 0.031), (x, height, 0.045), 0.30, RED, 48),
        cylinder((x, height, 0.045), (x, height, 0.05), 0.22, MARBLE, 48),
    ]
    parts += [box((x - 0.15, height - 0.04, 0.05), (x + 0.15, height + 0.04, 0.056), RED)]
    parts += [
        box((-2.9, 0, -2.6), (-1.3, 0.45, -2.1), MARBLE),
        _vase(-2.2, -0.9, 0.9, TEAL),
        _vase(2.6, -2.3, 1.1, MARBLE),
    ]
    return _scene(
        "signpost",
        parts,
        (-0.2, 4.4, 5.4),
        (0.1, 0.75, -0.5),
        32.0,
        Sunlight(azimuth=125.0, elevation=42.0, irradiance=1.2, color=LOW),
    )


def overhang(depth: float = 5.0) -> Scene:
    """Occluder off screen: a roof above the view, `depth` metres deep, leaves the terrace as light as under open
    sky.
    """
    _within("overhang", "depth", depth, 0.1, 8)
    rng = np.random.default_rng(2)
    stone, lime = _stone(rng), plaster("lime wash", LIME, rng)
    parts = [*_ground((-7, -2), (7, 9), stone, rng), wall((-7, 0, -2.4), (7, 3.6, -2), lime)]
    parts += [strip((-7, 0, -2), (7, 0.2, -1.94), 1.2, stone, rng)]
    roof = Material((0.30, 0.17, 0.09), name="timber")
    parts += [box((-7, 2.9, -2), (7, 3.1, -2 + depth), roof)]
    table = [
        cylinder((0.2, 0.70, -0.4), (0.2, 0.75, -0.4), 0.55, roof, 48),
        cylinder((0.2, 0, -0.4), (0.2, 0.70, -0.4), 0.05, STEEL),
    ]
    table += [cylinder((0.2, 0, -0.4), (0.2, 0.03, -0.4), 0.28, STEEL, 32)]
    parts += [
        *table,
        _vase(0.1, -0.45, 0.5, TEAL, 0.75),
        _vase(-1.5, -1.3, 1.1, MARBLE),
        _vase(1.7, -1.45, 0.8, RED),
        _vase(2.3, -1.2, 0.6, MARBLE),
    ]
    sun = Sunlight(azimuth=165.0, elevation=62.0, irradiance=3.6, color=LOW)
    return _scene("overhang", parts, (-0.6, 1.55, 4.4), (0.1, 0.62, -1.0), 32.0, sun)


def bouncer(distance: float = 0.1) -> Scene:
    """Bouncer off screen: a sunlit red wall, `distance` metres beyond the picture's edge, does not tinge the wall it
    meets.
    """
    _within("bouncer", "distance", distance, 0, 10)
    rng = np.random.default_rng(3)
    stone, lime = _stone(rng), plaster("lime wash", LIME, rng)
    x = 3.1 + distance
    parts = [*_ground((-4, 0), (x, 6), stone, rng), wall((-4, 0, -0.3), (x + 0.3, 2.6, 0), lime)]
    parts += [wall((x, 0, 0), (x + 0.3, 2.6, 6), plaster("red wash", (0.62, 0.05, 0.035), rng))]
    parts += [box((1.45, 0, 0.75), (2.05, 0.7, 1.35), MARBLE), knot((1.75, 1.2, 1.05), 0.42, 0.09, MARBLE, 180, 18)]
    parts += [_vase(-0.35, 0.7, 1.1, MARBLE), _vase(-1.4, 0.9, 0.8, TEAL)]
    sun = Sunlight(azimuth=282.0, elevation=34.0, irradiance=5.0, color=LOW)
    return _scene("bouncer", parts, (0.2, 1.35, 5.2), (0.2, 0.95, 0.0), 34.0, sun)


def backlight(distance: float = 1.0) -> Scene:
    """Hidden sender: a board whose lamps face the wall `distance` metres behind it; their side is not in the
    picture.
    """
    _within("backlight", "distance", distance, 0.2, 4)
    rng = np.random.default_rng(4)
    stone, lime = _stone(rng), plaster("lime wash", LIME, rng)
    lamps = Material((0.1, 0.1, 0.1), emission=(0.7, 6.0, 7.0), name="lamps")
    parts = [*_ground((-4, 0), (4, 6), stone, rng), wall((-4, 0, -0.3), (4, 3.4, 0), lime)]
    z = distance
    parts += [
        box((-0.8, 0.55, z), (0.8, 1.55, z + 0.08), STEEL),
        boxes((-0.74, 0.61, z - 0.01), (0.74, 1.49, z - 0.001), lamps),
    ]
    parts += [cylinder((x, 0, z + 0.04), (x, 0.55, z + 0.04), 0.03, STEEL) for x in (-0.6, 0.6)]
    parts += [_vase(-1.6, 0.8, 1.0, MARBLE), sphere((1.55, 0.35, 0.9), 0.35, MARBLE)]
    return _scene("backlight", parts, (0.5, 1.5, 5.6), (0.0, 1.0, 0.0), 36.0, Sunlight(azimuth=180.0, elevation=10.0))


def grazing(angle: float = 1.0) -> Scene:
    """Grazing plane: a wall seen `angle` degrees from edge on has no pixels for its side; the ground beside it stays
    light.
    """
    _within("grazing", "angle", angle, 0, 90, "degrees")
    rng = np.random.default_rng(5)
    stone, lime = _stone(rng), plaster("lime wash", LIME, rng)
    parts = [
        *_ground((-7, -6), (7, 7), stone, rng),
        box((-0.15, 0, -3), (0.15, 2.3, 2), plaster("ochre wash", OCHRE, rng)),
    ]
    parts += [
        wall((-7, 0, -6.3), (7, 2.6, -6), lime),
        sphere((1.7, 0.45, -0.4), 0.45, MARBLE),
        _vase(-1.6, -0.1, 1.1, TEAL),
        _vase(-2.3, -1.4, 0.8, MARBLE),
    ]
    parts += [box((2.2, 0, -2.9), (3.1, 0.9, -2.0), RED)]
    a = np.radians(angle)
    eye = (float(8 * np.sin(a)), 2.6, float(8 * np.cos(a)))
    return _scene(
        "grazing",
        parts,
        eye,
        (0.0, 0.6, -0.3),
        29.0,
        Sunlight(azimuth=120.0, elevation=48.0, irradiance=1.2, color=LOW),
    )


def foreground(distance: float = 4.0) -> Scene:
    """Depth discontinuity: a pillar `distance` metres before a block hides it, and what is hidden closes nothing."""
    _within("foreground", "distance", distance, 1.0, 5.0)
    rng = np.random.default_rng(6)
    stone, lime = _stone(rng), plaster("lime wash", LIME, rng)
    parts = [
        *_ground((-7, -5), (7, 7), stone, rng),
        wall((-7, 0, -5.3), (7, 3.2, -5), plaster("ochre wash", OCHRE, rng)),
    ]
    parts += [
        box((-0.6, 0, -0.7), (0.6, 1.3, 0.6), lime),
        cylinder((0, 0, distance), (0, 4, distance), 0.30, MARBLE, 64),
    ]
    parts += [sphere((1.9, 0.4, -1.2), 0.4, RED), _vase(-1.8, -0.6, 1.1, TEAL), _vase(-2.5, -1.7, 0.8, MARBLE)]
    sun = Sunlight(azimuth=178.0, elevation=50.0, irradiance=1.2, color=LOW)
    return _scene("foreground", parts, (0.0, 2.2, 6.6), (0.0, 0.7, 0.0), 34.0, sun)


def grille(bar: float = 0.04) -> Scene:
    """Tunnelling: a fence of bars `bar` metres thick, twice as far apart, slips between the points tried on a
    direction.
    """
    _within("grille", "bar", bar, 0.01, 0.5)
    rng = np.random.default_rng(7)
    stone, lime = _stone(rng), plaster("lime wash", LIME, rng)
    parts = [*_ground((-6, -6), (6, 5), stone, rng), wall((-6, 0, -6.3), (6, 1.6, -6), lime)]
    x = np.arange(-2.4, 2.4, 2 * bar)
    low = np.stack([x, np.full_like(x, 0.1), np.zeros_like(x)], -1)
    parts += [
        boxes(low, low + np.array([bar, 1.6, bar]), STEEL),
        box((-2.45, 1.7, -0.03), (2.45, 1.76, bar + 0.03), STEEL),
    ]
    parts += [
        box((-2.45, 0, -0.06), (2.45, 0.1, bar + 0.06), MARBLE),
        sphere((1.45, 0.35, 0.75), 0.35, RED),
        _vase(-1.45, 0.75, 0.9, TEAL),
    ]
    return _scene("grille", parts, (0.3, 1.7, 4.2), (0.0, 0.75, 0.0), 34.0, Sunlight(azimuth=215.0, elevation=44.0))


def scale(factor: float = 1.0) -> Scene:
    """No failure: a still life `factor` times as large, from millimetres to kilometres; it must look the same in
    all.
    """
    _within("scale", "factor", factor, 0.001, 1000, "times")
    rng = np.random.default_rng(8)
    stone, lime = _stone(rng), plaster("ochre wash", OCHRE, rng)
    parts = [*_ground((-2.4, -1.2), (2.4, 2.4), stone, rng), wall((-2.4, 0, -1.5), (2.4, 2.2, -1.2), lime)]
    parts += [
        box((-0.75, 0, -0.7), (-0.15, 0.6, -0.1), MARBLE),
        moved(sphere((0, 0, 0), 0.3, RED), (-0.45, 0.9, -0.4)),
        _vase(0.55, -0.3, 1.0, TEAL),
    ]
    parts += [sphere((0.15, 0.2, 0.45), 0.2, MARBLE)]
    sun = Sunlight(azimuth=235.0, elevation=42.0, irradiance=3.6, color=LOW)
    eye, target = (0.5 * factor, 1.25 * factor, 4.0 * factor), (0.0, 0.55 * factor, -0.3 * factor)
    return _scene("scale", [scaled(m, factor) for m in merged(parts)], eye, target, 32.0, sun)


ALL: tuple[Callable[..., Scene], ...] = (signpost, overhang, bouncer, backlight, grazing, foreground, grille, scale)

FAILURES = (
    Failure(
        "signpost",
        "a thin post darkens the ground behind it like a board",
        "one depth has no back, so how deep a thing is must be guessed",
        "open",
        -1,
        (-0.3, -0.03, -2.6),
        (0.9, 0.03, -0.4),
        radius=3.0,
        thickness=3.0,
        cure={"ssdo.thickness": 0.06},
    ),
    Failure(
        "overhang",
        "under a roof above the picture it is as light as outside",
        "what is off screen closes nothing",
        "open",
        1,
        (-1.5, -0.03, -1.2),
        (1.5, 0.03, 1.0),
        radius=6.0,
        thickness=1.0,
        cure={"camera.eye": (0.0, 1.0, 9.0), "camera.target": (0.0, 1.6, -1.0), "camera.fov": 50.0},
    ),
    Failure(
        "bouncer",
        "a sunlit red wall beside the picture sends no red into it",
        "what is off screen sends nothing",
        "indirect",
        -1,
        (2.2, 0.2, -0.02),
        (3.05, 1.7, 0.02),
        radius=4.0,
        thickness=1.0,
        cure={
            "camera.eye": (0.0, 1.6, 5.8),
            "camera.target": (2.8, 1.0, 1.5),
            "camera.fov": 70.0,
            "ssdo.thickness": 0.3,
        },
    ),
    Failure(
        "backlight",
        "lamps that face away from the camera do not light the wall",
        "of every thing one side is seen, and only that sends",
        "indirect",
        -1,
        (-1.6, 0.4, -0.02),
        (1.6, 2.2, 0.02),
        radius=4.0,
        thickness=0.1,
        cure={
            "camera.eye": (-2.4, 1.8, 0.4),
            "camera.target": (0.2, 1.0, 0.5),
            "camera.fov": 80.0,
            "ssdo.thickness": 0.5,
        },
    ),
    Failure(
        "grazing",
        "beside a wall seen edge on the ground is as light as far from it",
        "a face with no pixels is not there; behind its edge everything is hidden",
        "open",
        1,
        (0.18, -0.03, -2.5),
        (0.7, 0.03, 1.5),
        radius=4.0,
        thickness=0.3,
        cure={"scene": "grazing:angle=40"},
    ),
    Failure(
        "foreground",
        "a block hidden by a pillar casts no occlusion beside it",
        "behind the nearest surface nothing is known",
        "open",
        1,
        (0.62, -0.03, -0.7),
        (1.1, 0.03, 0.6),
        radius=3.0,
        thickness=1.5,
        cure={"camera.eye": (3.5, 1.8, 5.6)},
    ),
    Failure(
        "grille",
        "through a fence of thin bars more sky is seen than there is",
        "thin things fall between the points tried on a direction",
        "open",
        1,
        (-1.5, -0.03, 0.15),
        (1.5, 0.03, 0.8),
        radius=4.0,
        thickness=0.04,
        cure={"scene": "grille:bar=0.4", "ssdo.thickness": 0.4},
    ),
    *(
        Failure(
            f"scale:factor={factor:g}",
            "nothing",
            f"the same in {unit}, as angles and ratios have no unit",
            "indirect",
            0,
            (-1.0 * factor, -0.03 * factor, -1.0 * factor),
            (1.0 * factor, 0.03 * factor, 1.0 * factor),
            radius=1.5 * factor,
            thickness=0.5 * factor,
        )
        for factor, unit in ((0.001, "millimetres"), (1000.0, "kilometres"))
    ),
)
