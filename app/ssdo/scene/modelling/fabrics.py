"""Cloth that hangs, lies and folds: a surface along a curve, with pleats that grow where the cloth hangs free."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from ssdo.arrays import Doubles
from ssdo.scene.model import Material, Mesh
from ssdo.scene.modelling.assembly import instantiate, make_transform
from ssdo.scene.modelling.shapes import compute_grid_normals, make_polygons, make_surface


def cut_corners(polyline: npt.ArrayLike, iterations: int = 3) -> Doubles:
    """Smooth a polyline (n, k) by cutting its corners (Chaikin 1974); its ends stay."""
    points = np.asarray(polyline, "f8")
    for _ in range(iterations):
        near, far = 0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]
        cuts = np.stack([near, far], 1).reshape(-1, points.shape[1])
        points = np.concatenate([points[:1], cuts[1:-1], points[-1:]])
    return points


def resample(polyline: Doubles, count: int) -> Doubles:
    """`count` points at equal distances along a polyline, measured in its first two coordinates."""
    lengths = np.append(0, np.cumsum(np.linalg.norm(np.diff(polyline[:, :2], axis=0), axis=1)))
    positions = np.linspace(0, lengths[-1], count)
    return np.stack([np.interp(positions, lengths, coordinate) for coordinate in polyline.T], -1)


def compute_pleats(u: Doubles, v: Doubles, folds: float, rng: Generator) -> tuple[Doubles, Doubles]:
    """How far the cloth stands out (0 to 1) and shifts sideways (-1 to 1).

    Both are waves whose phase wanders across and down the cloth.
    """
    a, b, c, d = rng.uniform(0, 2 * np.pi, 4)
    phase = 2 * np.pi * (folds * u + 0.45 * np.sin(2.6 * u * np.pi + a) + 0.10 * np.sin(3 * v + 2 * np.pi * u + b))
    main_wave = 0.5 + 0.5 * np.sin(phase)
    fine_wave = 0.5 + 0.5 * np.sin(1.9 * phase + c + 1.5 * v)
    broad_wave = 0.5 + 0.5 * np.sin(2 * np.pi * u * 1.2 + d + v)
    return 0.55 * main_wave**0.8 + 0.15 * fine_wave + 0.30 * broad_wave, np.cos(phase)


def drape_cloth(
    path: npt.ArrayLike,
    width: float,
    material: Material,
    rng: Generator,
    folds: float = 6,
    rows: int = 48,
    columns: int = 64,
    narrowing: float = 0.0,
    thickness: float = 0.008,
) -> Mesh:
    """A cloth `width` metres wide (along x) that follows a path of (z, y, depth of its folds) points, in metres.

    The front of the cloth is on the path's left where z points to the right and y up: down a wall and out over the
    floor. Folds stand out to the front only, so that a cloth on a wall or a floor does not cut into it.
    `narrowing`: the fraction by which the end is narrower than the beginning.
    """
    curve = resample(cut_corners(path), rows + 1)

    def place(u: Doubles, v: Doubles) -> Doubles:
        path_point = np.broadcast_to(curve[:, None, :2], (*u.shape, 2))
        height, shift = compute_pleats(u, v, folds, rng)
        fold_depth = curve[:, None, 2]
        unfolded = np.stack([-u * width, path_point[..., 1], path_point[..., 0]], -1)
        normals = compute_grid_normals(unfolded)
        points = unfolded + normals * (fold_depth * height)[..., None]
        points[..., 0] = (0.5 - u) * width * (1 - narrowing * v**1.5) + 0.18 * fold_depth * shift
        return np.asarray(points)

    return make_surface(place, material, rows, columns, thickness)


def make_fringe(width: float, material: Material, rng: Generator, count: int = 60, length: float = 0.07) -> Mesh:
    """Loose threads along x, from z = 0 to +z, a few millimetres above y = 0. Thin flat strips, open."""
    x = (np.arange(count) + 0.5) / count * width - width / 2
    outline = np.array([[-0.004, 0.006, 0], [-0.003, 0.003, 1], [0.003, 0.003, 1], [0.004, 0.006, 0]])
    thread = make_polygons(outline[None], material, [[0.5, 0.0]] * 4)
    yaws, lengths = rng.normal(0, 14, count), rng.uniform(0.7, 1.1, count) * length
    transforms = [
        make_transform((thread_x, 0, 0), yaw, (1, 1, thread_length))
        for thread_x, yaw, thread_length in zip(x, yaws, lengths, strict=True)
    ]
    return instantiate(thread, np.stack(transforms))
