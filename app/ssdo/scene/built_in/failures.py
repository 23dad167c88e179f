"""The failure gallery: stills in which screen-space lighting gets one thing wrong, and the region where it shows.

Every scene has one argument that moves it towards the failure or away from it. `bench failures` measures all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.random import Generator

from ssdo.scene.built_in.blocks import make_trefoil_knot
from ssdo.scene.limits import Limits
from ssdo.scene.model import DirectionalLight, Material, Mesh, Scene
from ssdo.scene.modelling.assembly import (
    assign_uvs,
    make_transform,
    merge_by_material,
    scale,
    transform,
    translate,
)
from ssdo.scene.modelling.masonry import build_paving, build_stone_course, build_wall
from ssdo.scene.modelling.shapes import lathe, make_box, make_boxes, make_cylinder, make_sphere
from ssdo.scene.modelling.textures import get_palette_uv, make_palette, make_plaster
from ssdo.settings import Vec3

MARBLE = Material((0.78, 0.76, 0.72), name="marble")
STEEL = Material((0.22, 0.23, 0.25), name="steel")
RED = Material((0.62, 0.035, 0.03), name="red")
TEAL = Material((0.03, 0.34, 0.36), name="teal")
OCHRE_WASH = (0.56, 0.36, 0.17)
LIME_WASH = (0.72, 0.68, 0.60)
LOW_SUN_COLOR = (1.0, 0.93, 0.83)


class Failure(NamedTuple):
    """What goes wrong in a scene, and the region where it shows. Positions and lengths in metres."""

    scene: str
    symptom: str
    cause: str
    component: str  # of the lighting, a key of images.read_arrays: ambient visibility, direct or indirect irradiance
    bias_sign: int  # SSDO against the reference: 1 too bright, -1 too dark, 0 right
    region_min: Vec3  # the region: surfaces within a box, world space
    region_max: Vec3
    radius: float  # that reaches the relevant surfaces
    thickness: float  # of the relevant objects
    remedy: Mapping[str, Any] = {}  # shot parameters with which screen space has the missing information

    @property
    def name(self) -> str:
        """The scene without its arguments."""
        return self.scene.partition(":")[0]


# ---- shared parts ----


def _make_stone(rng: Generator) -> Material:
    return make_palette("limestone", (0.58, 0.52, 0.44), 0.07, 0.04, rng)


def _build_ground(low: tuple[float, float], high: tuple[float, float], stone: Material, rng: Generator) -> list[Mesh]:
    """Flagstones from (x, z) to (x, z) with their tops at y = 0, and the bed below their joints."""
    bed = make_box((low[0], -0.3, low[1]), (high[0], -0.012, high[1]), stone)
    return [assign_uvs(bed, get_palette_uv(9)), build_paving(low, high, 0.0, 0.6, 0.9, stone, rng)]


class Site(NamedTuple):
    """What several scenes stand on and are built of."""

    ground: list[Mesh]
    stone: Material
    lime: Material
    rng: Generator


def _build_site(seed: int, low: tuple[float, float], high: tuple[float, float]) -> Site:
    """Flagstones from (x, z) to (x, z), and the materials."""
    rng = np.random.default_rng(seed)
    stone, lime = _make_stone(rng), make_plaster("lime wash", LIME_WASH, rng)
    return Site(_build_ground(low, high, stone, rng), stone, lime, rng)


def _build_vase(x: float, z: float, size: float, material: Material, y: float = 0.0) -> Mesh:
    foot_and_belly = [(0, 0), (0.17, 0), (0.19, 0.015), (0.25, 0.10), (0.325, 0.24), (0.355, 0.38), (0.34, 0.50)]
    shoulder = [(0.28, 0.60), (0.20, 0.66), (0.165, 0.72)]
    mouth = [(0.19, 0.78), (0.175, 0.80), (0.145, 0.76), (0.14, 0.70), (0, 0.62)]
    vase = lathe([*foot_and_belly, *shoulder, *mouth], (0, 0, 0), material, 36)
    return transform(vase, make_transform((x, y, z), 0, size))


def _make_scene(name: str, parts: list[Mesh], eye: Vec3, target: Vec3, fov: float, sun: DirectionalLight) -> Scene:
    return Scene(tuple(merge_by_material(parts)), eye, target, fov, sun, "sky", name)


def _make_low_sun(azimuth: float, elevation: float, irradiance: float) -> DirectionalLight:
    return DirectionalLight(azimuth, elevation, irradiance, LOW_SUN_COLOR)


# ---- scenes ----


def build_signpost(height: Annotated[float, Limits(0.4, 4.0, "m")] = 2.6) -> Scene:
    """Thin object: a post of `height` metres is taken for one as deep as `thickness` and darkens the ground behind."""
    rng = np.random.default_rng(1)
    stone = _make_stone(rng)
    ground = _build_ground((-7, -6.5), (7, 4), stone, rng)
    wall = build_wall((-7, 0, -6.8), (7, 1.2, -6.5), make_plaster("ochre wash", OCHRE_WASH, rng))
    x = 0.45
    post = make_cylinder((x, 0, 0), (x, height, 0), 0.03, STEEL, 20)
    foot = make_cylinder((x, 0, 0), (x, 0.04, 0), 0.11, STEEL, 24)
    sign = [
        make_cylinder((x, height, 0.031), (x, height, 0.045), 0.30, RED, 48),
        make_cylinder((x, height, 0.045), (x, height, 0.05), 0.22, MARBLE, 48),
        make_box((x - 0.15, height - 0.04, 0.05), (x + 0.15, height + 0.04, 0.056), RED),
    ]
    bench = make_box((-2.9, 0, -2.6), (-1.3, 0.45, -2.1), MARBLE)
    vases = [_build_vase(-2.2, -0.9, 0.9, TEAL), _build_vase(2.6, -2.3, 1.1, MARBLE)]
    parts = [*ground, wall, post, foot, *sign, bench, *vases]
    return _make_scene("signpost", parts, (-0.2, 4.4, 5.4), (0.1, 0.75, -0.5), 32.0, _make_low_sun(125.0, 42.0, 1.2))


def build_overhang(depth: Annotated[float, Limits(0.1, 8.0, "m")] = 5.0) -> Scene:
    """Occluder off screen: the ground under a roof of `depth` metres above the view is as bright as open ground."""
    timber = Material((0.30, 0.17, 0.09), name="timber")
    site = _build_site(2, (-7, -2), (7, 9))
    wall = build_wall((-7, 0, -2.4), (7, 3.6, -2), site.lime)
    skirting = build_stone_course((-7, 0, -2), (7, 0.2, -1.94), 1.2, site.stone, site.rng)
    roof = make_box((-7, 2.9, -2), (7, 3.1, -2 + depth), timber)
    x, z = 0.2, -0.4
    table = [
        make_cylinder((x, 0.70, z), (x, 0.75, z), 0.55, timber, 48),
        make_cylinder((x, 0, z), (x, 0.70, z), 0.05, STEEL),
        make_cylinder((x, 0, z), (x, 0.03, z), 0.28, STEEL, 32),
    ]
    vases = [
        _build_vase(0.1, -0.45, 0.5, TEAL, 0.75),
        _build_vase(-1.5, -1.3, 1.1, MARBLE),
        _build_vase(1.7, -1.45, 0.8, RED),
        _build_vase(2.3, -1.2, 0.6, MARBLE),
    ]
    parts = [*site.ground, wall, skirting, roof, *table, *vases]
    return _make_scene("overhang", parts, (-0.6, 1.55, 4.4), (0.1, 0.62, -1.0), 32.0, _make_low_sun(165.0, 62.0, 3.6))


def build_bouncer(distance: Annotated[float, Limits(0.0, 10.0, "m")] = 0.1) -> Scene:
    """Bounce source off screen: a sunlit red wall `distance` metres outside the image does not tinge its neighbour."""
    x = 3.1 + distance
    site = _build_site(3, (-4, 0), (x, 6))
    back_wall = build_wall((-4, 0, -0.3), (x + 0.3, 2.6, 0), site.lime)
    red_wall = build_wall((x, 0, 0), (x + 0.3, 2.6, 6), make_plaster("red wash", (0.62, 0.05, 0.035), site.rng))
    pedestal = make_box((1.45, 0, 0.75), (2.05, 0.7, 1.35), MARBLE)
    knot = make_trefoil_knot((1.75, 1.2, 1.05), 0.42, 0.09, MARBLE, 180, 18)
    vases = [_build_vase(-0.35, 0.7, 1.1, MARBLE), _build_vase(-1.4, 0.9, 0.8, TEAL)]
    parts = [*site.ground, back_wall, red_wall, pedestal, knot, *vases]
    return _make_scene("bouncer", parts, (0.2, 1.35, 5.2), (0.2, 0.95, 0.0), 34.0, _make_low_sun(282.0, 34.0, 5.0))


def build_backlight(distance: Annotated[float, Limits(0.2, 4.0, "m")] = 1.0) -> Scene:
    """Hidden bounce source: a board glows towards the wall `distance` metres behind it, away from the camera."""
    glow = Material((0.1, 0.1, 0.1), emission=(0.7, 6.0, 7.0), name="lamps")
    site = _build_site(4, (-4, 0), (4, 6))
    wall = build_wall((-4, 0, -0.3), (4, 3.4, 0), site.lime)
    z = distance
    board = make_box((-0.8, 0.55, z), (0.8, 1.55, z + 0.08), STEEL)
    glowing_back = make_boxes((-0.74, 0.61, z - 0.01), (0.74, 1.49, z - 0.001), glow)
    legs = [make_cylinder((x, 0, z + 0.04), (x, 0.55, z + 0.04), 0.03, STEEL) for x in (-0.6, 0.6)]
    vase, ball = _build_vase(-1.6, 0.8, 1.0, MARBLE), make_sphere((1.55, 0.35, 0.9), 0.35, MARBLE)
    parts = [*site.ground, wall, board, glowing_back, *legs, vase, ball]
    sun = DirectionalLight(azimuth=180.0, elevation=10.0)
    return _make_scene("backlight", parts, (0.5, 1.5, 5.6), (0.0, 1.0, 0.0), 36.0, sun)


def build_grazing(angle: Annotated[float, Limits(0.0, 90.0, "degrees")] = 1.0) -> Scene:
    """Grazing surface: a wall seen at `angle` degrees has no pixels for its side and does not occlude the ground."""
    site = _build_site(5, (-7, -6), (7, 7))
    grazing_wall = make_box((-0.15, 0, -3), (0.15, 2.3, 2), make_plaster("ochre wash", OCHRE_WASH, site.rng))
    back_wall = build_wall((-7, 0, -6.3), (7, 2.6, -6), site.lime)
    ball = make_sphere((1.7, 0.45, -0.4), 0.45, MARBLE)
    vases = [_build_vase(-1.6, -0.1, 1.1, TEAL), _build_vase(-2.3, -1.4, 0.8, MARBLE)]
    block = make_box((2.2, 0, -2.9), (3.1, 0.9, -2.0), RED)
    parts = [*site.ground, grazing_wall, back_wall, ball, *vases, block]
    a = np.radians(angle)
    eye = (float(8 * np.sin(a)), 2.6, float(8 * np.cos(a)))
    return _make_scene("grazing", parts, eye, (0.0, 0.6, -0.3), 29.0, _make_low_sun(120.0, 48.0, 1.2))


def build_foreground(distance: Annotated[float, Limits(1.0, 5.0, "m")] = 4.0) -> Scene:
    """Depth discontinuity: a pillar `distance` metres in front of a block hides it, so the block occludes nothing."""
    site = _build_site(6, (-7, -5), (7, 7))
    wall = build_wall((-7, 0, -5.3), (7, 3.2, -5), make_plaster("ochre wash", OCHRE_WASH, site.rng))
    block = make_box((-0.6, 0, -0.7), (0.6, 1.3, 0.6), site.lime)
    pillar = make_cylinder((0, 0, distance), (0, 4, distance), 0.30, MARBLE, 64)
    ball = make_sphere((1.9, 0.4, -1.2), 0.4, RED)
    vases = [_build_vase(-1.8, -0.6, 1.1, TEAL), _build_vase(-2.5, -1.7, 0.8, MARBLE)]
    parts = [*site.ground, wall, block, pillar, ball, *vases]
    return _make_scene("foreground", parts, (0.0, 2.2, 6.6), (0.0, 0.7, 0.0), 34.0, _make_low_sun(178.0, 50.0, 1.2))


def build_grille(bar: Annotated[float, Limits(0.01, 0.5, "m")] = 0.04) -> Scene:
    """Undersampling: a fence of bars `bar` metres thick, twice as far apart, falls between the steps of a ray march."""
    site = _build_site(7, (-6, -6), (6, 5))
    wall = build_wall((-6, 0, -6.3), (6, 1.6, -6), site.lime)
    x = np.arange(-2.4, 2.4, 2 * bar)
    lows = np.stack([x, np.full_like(x, 0.1), np.zeros_like(x)], -1)
    bars = make_boxes(lows, lows + np.array([bar, 1.6, bar]), STEEL)
    upper_rail = make_box((-2.45, 1.7, -0.03), (2.45, 1.76, bar + 0.03), STEEL)
    curb = make_box((-2.45, 0, -0.06), (2.45, 0.1, bar + 0.06), MARBLE)
    ball, vase = make_sphere((1.45, 0.35, 0.75), 0.35, RED), _build_vase(-1.45, 0.75, 0.9, TEAL)
    parts = [*site.ground, wall, bars, upper_rail, curb, ball, vase]
    sun = DirectionalLight(azimuth=215.0, elevation=44.0)
    return _make_scene("grille", parts, (0.3, 1.7, 4.2), (0.0, 0.75, 0.0), 34.0, sun)


def build_scale(factor: Annotated[float, Limits(0.001, 1000.0, "times")] = 1.0) -> Scene:
    """No failure: a still life scaled by `factor`, from millimetres to kilometres, which must look the same."""
    rng = np.random.default_rng(8)
    stone, ochre = _make_stone(rng), make_plaster("ochre wash", OCHRE_WASH, rng)
    ground = _build_ground((-2.4, -1.2), (2.4, 2.4), stone, rng)
    wall = build_wall((-2.4, 0, -1.5), (2.4, 2.2, -1.2), ochre)
    block = make_box((-0.75, 0, -0.7), (-0.15, 0.6, -0.1), MARBLE)
    red_ball = translate(make_sphere((0, 0, 0), 0.3, RED), (-0.45, 0.9, -0.4))
    vase = _build_vase(0.55, -0.3, 1.0, TEAL)
    marble_ball = make_sphere((0.15, 0.2, 0.45), 0.2, MARBLE)
    parts = merge_by_material([*ground, wall, block, red_ball, vase, marble_ball])
    eye, target = (0.5 * factor, 1.25 * factor, 4.0 * factor), (0.0, 0.55 * factor, -0.3 * factor)
    return _make_scene("scale", [scale(m, factor) for m in parts], eye, target, 32.0, _make_low_sun(235.0, 42.0, 3.6))


# ---- where they fail ----

FAILURES = (
    Failure(
        "signpost",
        "a thin post darkens the ground behind it like a board",
        "a depth buffer has no back faces, so thickness is a guess",
        "visibility",
        -1,
        (-0.3, -0.03, -2.6),
        (0.9, 0.03, -0.4),
        radius=3.0,
        thickness=3.0,
        remedy={"ssdo.thickness": 0.06},
    ),
    Failure(
        "overhang",
        "the ground under a roof above the image is as bright as outside",
        "occluders off screen are missing",
        "visibility",
        1,
        (-1.5, -0.03, -1.2),
        (1.5, 0.03, 1.0),
        radius=6.0,
        thickness=1.0,
        remedy={"camera.eye": (0.0, 1.0, 9.0), "camera.target": (0.0, 1.6, -1.0), "camera.fov": 50.0},
    ),
    Failure(
        "bouncer",
        "a sunlit red wall beside the image sends no red into it",
        "bounce sources off screen are missing",
        "indirect",
        -1,
        (2.2, 0.2, -0.02),
        (3.05, 1.7, 0.02),
        radius=4.0,
        thickness=1.0,
        remedy={
            "camera.eye": (0.0, 1.6, 5.8),
            "camera.target": (2.8, 1.0, 1.5),
            "camera.fov": 70.0,
            "ssdo.thickness": 0.3,
        },
    ),
    Failure(
        "backlight",
        "a panel that glows away from the camera does not light the wall",
        "only surfaces that face the camera send light",
        "indirect",
        -1,
        (-1.6, 0.4, -0.02),
        (1.6, 2.2, 0.02),
        radius=4.0,
        thickness=0.1,
        remedy={
            "camera.eye": (-2.4, 1.8, 0.4),
            "camera.target": (0.2, 1.0, 0.5),
            "camera.fov": 80.0,
            "ssdo.thickness": 0.5,
        },
    ),
    Failure(
        "grazing",
        "the ground beside a wall seen edge on is as bright as far from it",
        "a face without pixels is missing, and so is what its edge hides",
        "visibility",
        1,
        (0.18, -0.03, -2.5),
        (0.7, 0.03, 1.5),
        radius=4.0,
        thickness=0.3,
        remedy={"scene": "grazing:angle=40"},
    ),
    Failure(
        "foreground",
        "a block hidden by a pillar does not occlude the ground beside it",
        "surfaces behind the nearest one are missing",
        "visibility",
        1,
        (0.62, -0.03, -0.7),
        (1.1, 0.03, 0.6),
        radius=3.0,
        thickness=1.5,
        remedy={"camera.eye": (3.5, 1.8, 5.6)},
    ),
    Failure(
        "grille",
        "a fence of thin bars lets too much sky through",
        "thin objects fall between the steps of a ray march",
        "visibility",
        1,
        (-1.5, -0.03, 0.15),
        (1.5, 0.03, 0.8),
        radius=4.0,
        thickness=0.04,
        remedy={"scene": "grille:bar=0.4", "ssdo.thickness": 0.4},
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
