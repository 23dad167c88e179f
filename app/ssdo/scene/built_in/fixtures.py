"""Analytic scenes: the light at the point the camera looks at is known exactly.

Closed forms are cosine-weighted and for infinite extent; the geometry is large enough beside every radius that makes
sense. The receiver lies at the origin of the floor unless said otherwise. All are lit by radiance 1 from everywhere,
without a sun, and have albedo 0.5, except where the form asks for something else.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ssdo.scene.model import Material, Mesh, Scene
from ssdo.scene.modelling.assembly import Points, merged, mesh_of
from ssdo.scene.modelling.shapes import box, polygons, quad, sphere
from ssdo.settings import UserError

GREY = Material(albedo=(0.5, 0.5, 0.5))
FAR = 50.0  # what stands for infinity, metres


def _scene(
    *meshes: Mesh,
    eye: tuple[float, float, float],
    target: tuple[float, float, float] = (0.0, 0.0, 0.0),
    fov: float = 40.0,
    environment: str = "white",
) -> Scene:
    return Scene(tuple(merged(meshes)), eye, target, fov, environment=environment)


def _floor(reach: float = FAR) -> Mesh:
    return quad((-reach, 0, reach), (reach, 0, reach), (reach, 0, -reach), (-reach, 0, -reach), GREY)


def plane(tilt: float = 60.0, distance: float = 10.0) -> Scene:
    """A plane alone: open share 1, irradiance pi. Seen from `distance` metres at `tilt` degrees from its normal; fills
    the image.
    """
    t = math.radians(tilt)
    return _scene(
        _floor(200.0 * distance),
        eye=(0.0, distance * math.cos(t), distance * math.sin(t)),
        fov=min(40.0, (89.0 - tilt) * 1.6),
    )


def corner(distance: float = 0.25, albedo: float = 0.5, camera: float = 40.0, turn: float = 20.0) -> Scene:
    """A floor and a wall at x = `distance`. Ray length r, c = distance / r: occlusion (acos c - c sqrt(1 - c^2)) / pi.

    The camera looks at the origin from `camera` degrees above the floor, `turn` degrees from straight on to the wall.
    """
    grey = Material(albedo=(albedo,) * 3)
    floor = quad((-FAR, 0, FAR), (distance, 0, FAR), (distance, 0, -FAR), (-FAR, 0, -FAR), grey)
    wall = quad((distance, 0, FAR), (distance, FAR, FAR), (distance, FAR, -FAR), (distance, 0, -FAR), grey)
    e, a = math.radians(camera), math.radians(turn)
    return _scene(
        floor, wall, eye=(-6 * math.cos(e) * math.cos(a), 6 * math.sin(e), 6 * math.cos(e) * math.sin(a)), fov=45.0
    )


def niche() -> Scene:
    """Three orthogonal planes that meet at the origin: open share 1/4 in the corner."""
    meshes = (
        quad((0, 0, FAR), (FAR, 0, FAR), (FAR, 0, 0), (0, 0, 0), GREY),
        quad((0, 0, 0), (FAR, 0, 0), (FAR, FAR, 0), (0, FAR, 0), GREY),
        quad((0, 0, FAR), (0, 0, 0), (0, FAR, 0), (0, FAR, FAR), GREY),
    )
    return _scene(*meshes, eye=(4.0, 3.0, 5.0), fov=12.0)


def fence(height: float = 1.0, distance: float = 1.0) -> Scene:
    """A wall of finite height at x = `distance`: occlusion (1 - d / sqrt(d^2 + h^2)) / 2."""
    wall = box((distance, 0, -FAR), (distance + 0.5, height, FAR), GREY)
    return _scene(_floor(), wall, eye=(-4.0, 4.0, 1.0), fov=20.0)


def groove(angle: float = 90.0, along: int = 0) -> Scene:
    """Two planes that meet at `angle` degrees along z at the origin: open share (1 - cos angle) / 2 anywhere on either.

    The right face is x > 0 half way up: seen from across, or `along` the groove.
    """
    if not 10 <= angle <= 170:
        raise UserError(f"scene groove: angle = {angle:g}: must be 10 to 170 degrees")
    h = math.radians(angle / 2)
    x, y = FAR * math.sin(h), FAR * math.cos(h)
    right = quad((0, 0, FAR), (x, y, FAR), (x, y, -FAR), (0, 0, -FAR), GREY)
    left = quad((0, 0, -FAR), (-x, y, -FAR), (-x, y, FAR), (0, 0, FAR), GREY)
    eye = (0.0, 6.0, 6.0) if along else (-1.5 * math.sin(h), 6.0, 1.0)
    return _scene(right, left, eye=eye, target=(0.5 * math.sin(h), 0.5 * math.cos(h), 0.0), fov=12.0)


def trench(width: float = 2.0, depth: float = 1.0) -> Scene:
    """A trench along z; at its floor's centre the open share is (w/2) / sqrt((w/2)^2 + h^2)."""
    w = width / 2
    meshes = [
        box((s * w, 0, -FAR) if s > 0 else (-FAR, 0, -FAR), (FAR, depth, FAR) if s > 0 else (-w, depth, FAR), GREY)
        for s in (1, -1)
    ]
    return _scene(_floor(), *meshes, eye=(0.0, depth + 3.0, 0.8), fov=20.0)


def ball(height: float = 1.0, radius: float = 1.0) -> Scene:
    """A sphere above a floor, from above. At distance D from its centre, centre at height H: open share 1 - (H / D) (a
    / D)^2.
    """
    return _scene(
        _floor(), sphere((0, height, 0), radius, GREY, rings=96), eye=(0.0, 8.0 * radius, 6.0 * radius), fov=40.0
    )


def bowl(albedo: float = 0.5) -> Scene:
    """A hemispherical bowl of radius 1 from above: open share 1/2 everywhere; one bounce gives radiance rho/2 +
    rho^2/4.
    """
    rings, segments = 64, 128
    theta = np.linspace(np.pi / 2, np.pi, rings + 1)
    phi = np.linspace(0, 2 * np.pi, segments + 1)

    def point(t: Points, p: Points) -> Points:
        return np.stack([np.sin(t) * np.cos(p), np.cos(t), np.sin(t) * np.sin(p)], -1)

    grid = point(theta[:, None] + 0 * phi, phi + 0 * theta[:, None]).reshape(-1, 3)
    i, j = (k.ravel() for k in np.meshgrid(np.arange(rings), np.arange(segments), indexing="ij"))
    a, b = i * (segments + 1) + j, i * (segments + 1) + j + 1
    c, d = a + segments + 1, b + segments + 1
    triangles = np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
    material = Material(albedo=(albedo,) * 3)
    return _scene(
        mesh_of(grid, triangles, material, normals=-grid), eye=(0.0, 3.0, 0.4), target=(0.0, -0.5, 0.0), fov=38.0
    )


def room(emission: float = 1.0, albedo: float = 0.0) -> Scene:
    """A closed cube, 2 m a side, seen from inside, whose walls emit: indirect irradiance pi L, direct 0."""
    p = box((-1, -1, -1), (1, 1, 1))
    inside = mesh_of(p.positions, p.triangles[:, ::-1], Material((albedo,) * 3, (emission,) * 3))
    return _scene(inside, eye=(0.0, 0.0, 0.95), target=(0.0, 0.0, -1.0), fov=90.0)


def step(gap: float = 10.0) -> Scene:
    """Two planes parallel to the image, the left half `gap` metres in front of the right: both are open."""
    near = quad((-FAR, -FAR, 0), (0, -FAR, 0), (0, FAR, 0), (-FAR, FAR, 0), GREY)
    far = quad((-FAR, -FAR, -gap), (FAR, -FAR, -gap), (FAR, FAR, -gap), (-FAR, FAR, -gap), GREY)
    return _scene(near, far, eye=(0.0, 0.0, 10.0))


def checker() -> Scene:
    """A floor of light and dark squares (albedo 0.8 and 0.1): what blurring albedo would show."""
    cells = [(i, j) for i in range(-20, 20) for j in range(-20, 20)]
    meshes = [
        polygons(
            [[(i, 0, j + 1), (i + 1, 0, j + 1), (i + 1, 0, j), (i, 0, j)] for i, j in cells if (i + j) % 2 == odd],
            Material(albedo=(rho,) * 3),
        )
        for odd, rho in ((0, 0.8), (1, 0.1))
    ]
    return _scene(*meshes, eye=(0.0, 6.0, 6.0))


def pole(distance: float = 5.0) -> Scene:
    """A thin pole before a wall, `distance` metres in front of it, from the front."""
    wall = quad((-FAR, -FAR, 0), (FAR, -FAR, 0), (FAR, FAR, 0), (-FAR, FAR, 0), GREY)
    post = box((-0.1, -FAR, distance), (0.1, FAR, distance + 0.1), GREY)
    return _scene(wall, post, eye=(0.0, 0.0, distance + 10.0), fov=30.0)


ALL: tuple[Callable[..., Scene], ...] = (
    plane,
    corner,
    niche,
    fence,
    groove,
    trench,
    ball,
    bowl,
    room,
    step,
    checker,
    pole,
)
