"""Cloth that hangs, lies and folds: one sheet along a curve, with pleats that grow where it hangs free."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ssdo.scene.model import Material, Mesh
from ssdo.scene.modelling.assembly import Points, copies, placing
from ssdo.scene.modelling.shapes import grid_normals, polygons, sheet


def rounded(corners: npt.ArrayLike, rounds: int = 3) -> Points:
    """A polyline with its corners cut, again and again (Chaikin); its ends stay. Works in any dimension."""
    p = np.asarray(corners, "f8")
    for _ in range(rounds):
        cut = np.stack([0.75 * p[:-1] + 0.25 * p[1:], 0.25 * p[:-1] + 0.75 * p[1:]], 1).reshape(-1, p.shape[1])
        p = np.concatenate([p[:1], cut[1:-1], p[-1:]])
    return p


def even(path: Points, count: int) -> Points:
    """The same polyline in `count` points at equal distances, measured in the first two coordinates."""
    s = np.append(0, np.cumsum(np.linalg.norm(np.diff(path[:, :2], axis=0), axis=1)))
    at = np.linspace(0, s[-1], count)
    return np.stack([np.interp(at, s, column) for column in path.T], -1)


def pleats(u: Points, v: Points, folds: float, rng: np.random.Generator) -> tuple[Points, Points]:
    """How far the cloth stands out (0 to 1) and sways aside (-1 to 1): a wave whose phase wanders across and down the
    cloth.
    """
    a, b, c, d = rng.uniform(0, 2 * np.pi, 4)
    phase = 2 * np.pi * (folds * u + 0.45 * np.sin(2.6 * u * np.pi + a) + 0.10 * np.sin(3 * v + 2 * np.pi * u + b))
    wave = 0.5 + 0.5 * np.sin(phase)
    minor = 0.5 + 0.5 * np.sin(1.9 * phase + c + 1.5 * v)
    broad = 0.5 + 0.5 * np.sin(2 * np.pi * u * 1.2 + d + v)
    return 0.55 * wave**0.8 + 0.15 * minor + 0.30 * broad, np.cos(phase)


def draped(
    path: npt.ArrayLike,
    width: float,
    material: Material,
    rng: np.random.Generator,
    folds: float = 6,
    rows: int = 48,
    columns: int = 64,
    narrowing: float = 0.0,
    skew: float = 0.0,
    sag: float = 0.0,
    thickness: float = 0.008,
) -> Mesh:
    """A cloth `width` metres wide (along x) that follows a curve of (z, y, depth of its folds) points, in metres.

    The curve runs so that the side to be seen is on its left when z points to the right and y up: down a wall and out
    over the floor. Folds stand out to that side only, so that a cloth on a wall or a floor does not cut into it.
    `narrowing`: share by which the end is narrower than the beginning; `skew`: metres the end slides along x; `sag`:
    metres the middle of the first edge hangs below its ends.
    """
    curve = even(rounded(path), rows + 1)

    def place(u: Points, v: Points) -> Points:
        spine = np.broadcast_to(curve[:, None, :2], (*u.shape, 2))
        out, sway = pleats(u, v, folds, rng)
        deep = curve[:, None, 2]
        flat = np.stack([-u * width, spine[..., 1], spine[..., 0]], -1)
        n = grid_normals(flat)
        fit = 1 - narrowing * v**1.5
        x = (0.5 - u) * width * fit + 0.18 * deep * sway + skew * v**2
        p = flat + n * (deep * out)[..., None]
        p[..., 0] = x
        p[..., 1] -= sag * (1 - (2 * u - 1) ** 2) * (1 - v) ** 0.5
        return np.asarray(p)

    return sheet(place, material, rows, columns, thickness)


def fringe(width: float, material: Material, rng: np.random.Generator, count: int = 60, length: float = 0.07) -> Mesh:
    """Loose threads along x from z = 0 to +z, lying 4 mm above y = 0; thin flat strips, open."""
    x = (np.arange(count) + 0.5) / count * width - width / 2
    thread = np.array([[-0.004, 0.006, 0], [-0.003, 0.003, 1], [0.003, 0.003, 1], [0.004, 0.006, 0]])
    strip = polygons(thread[None], material, [[0.5, 0.0]] * 4)
    spots = [
        placing((xi, 0, 0), turn, (1, 1, size))
        for xi, turn, size in zip(x, rng.normal(0, 14, count), rng.uniform(0.7, 1.1, count) * length, strict=True)
    ]
    return copies(strip, np.stack(spots))
