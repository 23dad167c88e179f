"""Analytic scenes: the light at the point the camera looks at is known exactly.

Closed forms are cosine-weighted and hold for infinite extent; `EXTENT` is large compared with any useful radius. The
receiver lies at the origin of the floor unless the docstring says otherwise. All scenes are lit by a constant
environment of radiance 1, without a sun, and have albedo 0.5 unless the closed form needs another.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np

from ssdo.arrays import Doubles
from ssdo.scene.limits import Limits
from ssdo.scene.model import Material, Mesh, Scene
from ssdo.scene.modelling.assembly import make_mesh, merge_by_material
from ssdo.scene.modelling.shapes import make_box, make_polygons, make_quad, make_sphere

GREY = Material(albedo=(0.5, 0.5, 0.5))
EXTENT = 50.0  # metres, instead of infinity

Albedo = Annotated[float, Limits(0.0, 1.0)]


def _make_scene(
    *meshes: Mesh,
    eye: tuple[float, float, float],
    target: tuple[float, float, float] = (0.0, 0.0, 0.0),
    fov: float = 40.0,
    environment: str = "white",
) -> Scene:
    return Scene(tuple(merge_by_material(meshes)), eye, target, fov, environment=environment)


def _make_floor(half_size: float = EXTENT) -> Mesh:
    s = half_size
    return make_quad((-s, 0, s), (s, 0, s), (s, 0, -s), (-s, 0, -s), GREY)


# ---- occlusion ----


def build_plane(
    tilt: Annotated[float, Limits(0.0, 88.0, "degrees")] = 60.0,
    distance: Annotated[float, Limits(0.001, 1e6, "m")] = 10.0,
) -> Scene:
    """A plane alone: ambient visibility 1, irradiance pi. It fills the image.

    The camera is `distance` metres away, `tilt` degrees from the normal.
    """
    t = math.radians(tilt)
    eye = (0.0, distance * math.cos(t), distance * math.sin(t))
    return _make_scene(_make_floor(200.0 * distance), eye=eye, fov=min(40.0, (89.0 - tilt) * 1.6))


def build_corner(
    distance: Annotated[float, Limits(0.0, EXTENT, "m")] = 0.25,
    albedo: Albedo = 0.5,
    camera: Annotated[float, Limits(1.0, 90.0, "degrees")] = 40.0,
    turn: Annotated[float, Limits(-89.0, 89.0, "degrees")] = 20.0,
) -> Scene:
    """A floor and a wall at x = `distance`. Ray length r, c = distance / r: occlusion (acos c - c sqrt(1 - c^2)) / pi.

    The camera looks at the origin from `camera` degrees above the floor, `turn` degrees from the wall's normal.
    """
    material = Material(albedo=(albedo,) * 3)
    x, s = distance, EXTENT
    floor = make_quad((-s, 0, s), (x, 0, s), (x, 0, -s), (-s, 0, -s), material)
    wall = make_quad((x, 0, s), (x, s, s), (x, s, -s), (x, 0, -s), material)
    elevation, azimuth = math.radians(camera), math.radians(turn)
    eye = (
        -6 * math.cos(elevation) * math.cos(azimuth),
        6 * math.sin(elevation),
        6 * math.cos(elevation) * math.sin(azimuth),
    )
    return _make_scene(floor, wall, eye=eye, fov=45.0)


def build_niche() -> Scene:
    """Three orthogonal planes that meet at the origin: ambient visibility 1/4 in the corner."""
    s = EXTENT
    floor = make_quad((0, 0, s), (s, 0, s), (s, 0, 0), (0, 0, 0), GREY)
    back_wall = make_quad((0, 0, 0), (s, 0, 0), (s, s, 0), (0, s, 0), GREY)
    left_wall = make_quad((0, 0, s), (0, 0, 0), (0, s, 0), (0, s, s), GREY)
    return _make_scene(floor, back_wall, left_wall, eye=(4.0, 3.0, 5.0), fov=12.0)


def build_fence(
    height: Annotated[float, Limits(0.001, EXTENT, "m")] = 1.0,
    distance: Annotated[float, Limits(0.0, EXTENT, "m")] = 1.0,
) -> Scene:
    """A wall of finite height at x = `distance`: occlusion (1 - d / sqrt(d^2 + h^2)) / 2."""
    wall = make_box((distance, 0, -EXTENT), (distance + 0.5, height, EXTENT), GREY)
    return _make_scene(_make_floor(), wall, eye=(-4.0, 4.0, 1.0), fov=20.0)


def build_groove(
    angle: Annotated[float, Limits(10.0, 170.0, "degrees")] = 90.0, along: Annotated[int, Limits(0, 1)] = 0
) -> Scene:
    """Two planes that meet at `angle` degrees along z: ambient visibility (1 - cos angle) / 2 anywhere on either.

    The camera looks at the right plane, from across the groove or (`along` = 1) along it.
    """
    half_angle = math.radians(angle / 2)
    x, y, s = EXTENT * math.sin(half_angle), EXTENT * math.cos(half_angle), EXTENT
    right = make_quad((0, 0, s), (x, y, s), (x, y, -s), (0, 0, -s), GREY)
    left_face = make_quad((0, 0, -s), (-x, y, -s), (-x, y, s), (0, 0, s), GREY)
    eye = (0.0, 6.0, 6.0) if along else (-1.5 * math.sin(half_angle), 6.0, 1.0)
    target = (0.5 * math.sin(half_angle), 0.5 * math.cos(half_angle), 0.0)
    return _make_scene(right, left_face, eye=eye, target=target, fov=12.0)


def build_trench(
    width: Annotated[float, Limits(0.001, EXTENT, "m")] = 2.0, depth: Annotated[float, Limits(0.001, EXTENT, "m")] = 1.0
) -> Scene:
    """A trench along z: ambient visibility (w/2) / sqrt((w/2)^2 + h^2) at the centre of its floor."""
    half_width, s = width / 2, EXTENT
    right_bank = make_box((half_width, 0, -s), (s, depth, s), GREY)
    left_bank = make_box((-s, 0, -s), (-half_width, depth, s), GREY)
    return _make_scene(_make_floor(), right_bank, left_bank, eye=(0.0, depth + 3.0, 0.8), fov=20.0)


def build_ball(
    height: Annotated[float, Limits(-EXTENT, EXTENT, "m")] = 1.0,
    radius: Annotated[float, Limits(0.001, EXTENT, "m")] = 1.0,
) -> Scene:
    """A sphere of radius a above a floor, seen from above.

    At distance D from its centre, which is at height H: ambient visibility 1 - (H / D) (a / D)^2.
    """
    ball = make_sphere((0, height, 0), radius, GREY, rings=96)
    return _make_scene(_make_floor(), ball, eye=(0.0, 8.0 * radius, 6.0 * radius), fov=40.0)


# ---- bounce light ----


def build_bowl(albedo: Albedo = 0.5) -> Scene:
    """A hemispherical bowl of radius 1: ambient visibility 1/2; one bounce gives radiance rho/2 + rho^2/4."""
    rings, segments = 64, 128
    theta = np.linspace(np.pi / 2, np.pi, rings + 1)[:, None]
    phi = np.linspace(0, 2 * np.pi, segments + 1)
    points: Doubles = np.stack(
        np.broadcast_arrays(np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)), -1
    ).reshape(-1, 3)
    i, j = (k.ravel() for k in np.meshgrid(np.arange(rings), np.arange(segments), indexing="ij"))
    a, b = i * (segments + 1) + j, i * (segments + 1) + j + 1
    c, d = a + segments + 1, b + segments + 1
    triangles = np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
    bowl = make_mesh(points, triangles, Material(albedo=(albedo,) * 3), normals=-points)
    return _make_scene(bowl, eye=(0.0, 3.0, 0.4), target=(0.0, -0.5, 0.0), fov=38.0)


def build_room(emission: Annotated[float, Limits(0.0, 10000.0)] = 1.0, albedo: Albedo = 0.0) -> Scene:
    """A closed cube of 2 m, seen from inside, whose walls emit radiance L: indirect irradiance pi L, direct 0."""
    box = make_box((-1, -1, -1), (1, 1, 1))
    inside = make_mesh(box.positions, box.triangles[:, ::-1], Material((albedo,) * 3, (emission,) * 3))
    return _make_scene(inside, eye=(0.0, 0.0, 0.95), target=(0.0, 0.0, -1.0), fov=90.0)


# ---- filters ----


def build_step(gap: Annotated[float, Limits(0.0, 1000.0, "m")] = 10.0) -> Scene:
    """Two planes parallel to the image, the left one `gap` metres in front of the right: ambient visibility 1."""
    s = EXTENT
    near = make_quad((-s, -s, 0), (0, -s, 0), (0, s, 0), (-s, s, 0), GREY)
    far = make_quad((-s, -s, -gap), (s, -s, -gap), (s, s, -gap), (-s, s, -gap), GREY)
    return _make_scene(near, far, eye=(0.0, 0.0, 10.0))


def build_checker() -> Scene:
    """A floor of light and dark squares (albedo 0.8 and 0.1), which a filter that blurs albedo would mix."""
    cells = [(i, j) for i in range(-20, 20) for j in range(-20, 20)]
    meshes = []
    for remainder, albedo in ((0, 0.8), (1, 0.1)):
        quads = [
            [(i, 0, j + 1), (i + 1, 0, j + 1), (i + 1, 0, j), (i, 0, j)] for i, j in cells if (i + j) % 2 == remainder
        ]
        meshes.append(make_polygons(quads, Material(albedo=(albedo,) * 3)))
    return _make_scene(*meshes, eye=(0.0, 6.0, 6.0))


def build_pole(distance: Annotated[float, Limits(0.0, 1000.0, "m")] = 5.0) -> Scene:
    """A thin pole `distance` metres in front of a wall."""
    s = EXTENT
    wall = make_quad((-s, -s, 0), (s, -s, 0), (s, s, 0), (-s, s, 0), GREY)
    pole = make_box((-0.1, -s, distance), (0.1, s, distance + 0.1), GREY)
    return _make_scene(wall, pole, eye=(0.0, 0.0, distance + 10.0), fov=30.0)
