"""A vocabulary for modelling in arrays: every builder returns a `Mesh`, closed and wound outwards unless it says
otherwise.

Metres, y up. Angles in degrees. Textures are laid out by `uvs` with (0, 0) at the top left of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ssdo.scene.model import Material, Mesh
from ssdo.scene.modelling.assembly import (
    Place,
    Points,
    aligned,
    copies,
    flat,
    merged,
    mesh_of,
    moved,
    painted,
    placed_uvs,
    placing,
    scaled,
    transformed,
    turned,
)

__all__ = [  # with what puts them together, so that a modeller needs one import
    "FACES",
    "PLAIN",
    "Place",
    "Points",
    "aligned",
    "arch",
    "box",
    "boxes",
    "copies",
    "cylinder",
    "flat",
    "grid",
    "grid_normals",
    "hexahedra",
    "lathe",
    "merged",
    "mesh_of",
    "moved",
    "painted",
    "placed_uvs",
    "placing",
    "polygons",
    "prism",
    "quad",
    "scaled",
    "sheet",
    "slabs",
    "sphere",
    "transformed",
    "tube",
    "turned",
]

PLAIN = Material()

# The corners of a hexahedron: 0 to 3 around the bottom, 4 to 7 above them, counter-clockwise seen from the top.
FACES = ((3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))
SLAB_FACES = (*FACES[:1], *FACES[2:], (8, 9, 10, 11), (4, 5, 9, 8), (5, 6, 10, 9), (6, 7, 11, 10), (7, 4, 8, 11))


def polygons(corners: npt.ArrayLike, material: Material, uvs: npt.ArrayLike | None = None) -> Mesh:
    """Flat convex polygons of equal corner count, (n, corners, 3), counter-clockwise seen from the front."""
    points = np.asarray(corners, "f8")
    n, k = points.shape[:2]
    fan = np.array([[0, i, i + 1] for i in range(1, k - 1)])
    return mesh_of(points, np.arange(n)[:, None, None] * k + fan, material, uvs=uvs)


def quad(a: Place, b: Place, c: Place, d: Place, material: Material = PLAIN) -> Mesh:
    """A flat open quadrilateral; a, b, c, d counter-clockwise seen from the front, the image upright with its lower
    edge along ab.
    """
    return polygons(np.asarray([a, b, c, d], "f8")[None], material, [[0, 1], [1, 1], [1, 0], [0, 0]])


def hexahedra(corners: npt.ArrayLike, material: Material = PLAIN, faces: Sequence[Sequence[int]] = FACES) -> Mesh:
    """Closed solids, (n, corners, 3), all with the same quadrilateral faces. Every face carries the whole image."""
    sides = np.asarray(corners, "f8")[:, faces, :].reshape(-1, 4, 3)
    return polygons(sides, material, np.tile([[0, 1], [1, 1], [1, 0], [0, 0]], (len(sides), 1)))


def _eight(lows: npt.ArrayLike, highs: npt.ArrayLike) -> Points:
    ends = np.stack([np.atleast_2d(np.asarray(lows, "f8")), np.atleast_2d(np.asarray(highs, "f8"))])
    pick = np.array([[0, 0, 1], [1, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1], [1, 1, 0], [0, 1, 0]])
    return np.stack([ends[pick[:, axis], :, axis] for axis in range(3)], -1).transpose(1, 0, 2)


def boxes(lows: npt.ArrayLike, highs: npt.ArrayLike, material: Material = PLAIN) -> Mesh:
    """Boxes along the axes, (n, 3) lowest and (n, 3) highest corners."""
    return hexahedra(_eight(lows, highs), material)


def slabs(lows: npt.ArrayLike, highs: npt.ArrayLike, bevel: float, material: Material = PLAIN) -> Mesh:
    """Boxes whose upper edges are cut off by `bevel` metres: flagstones, steps, dressed blocks."""
    eight = _eight(lows, highs)
    shoulder, top = eight.copy(), eight[:, 4:].copy()
    shoulder[:, 4:, 1] -= bevel
    top += np.array([[1, 0, -1], [-1, 0, -1], [-1, 0, 1], [1, 0, 1]]) * bevel
    return hexahedra(np.concatenate([shoulder, top], 1), material, SLAB_FACES)


def box(low: Place, high: Place, material: Material = PLAIN) -> Mesh:
    """A box along the axes between its lowest and its highest corner."""
    return boxes(np.asarray(low), np.asarray(high), material)


def prism(outline: npt.ArrayLike, x0: float, x1: float, material: Material = PLAIN) -> Mesh:
    """A convex outline of (z, y) points swept along x; counter-clockwise where z points to the right and y up."""
    p = np.asarray(outline, "f8")
    low, high = (np.stack([np.full(len(p), x), p[:, 1], p[:, 0]], -1) for x in (x0, x1))
    ends = polygons(np.stack([low, high[::-1]]), material)
    sides = polygons(np.stack([np.roll(low, -1, 0), low, high, np.roll(high, -1, 0)], 1), material)
    return merged([ends, sides])[0]


def sphere(center: Place, radius: float, material: Material = PLAIN, rings: int = 48) -> Mesh:
    """A smooth sphere of `rings` bands from pole to pole and twice as many around."""
    theta, phi = np.linspace(0, np.pi, rings + 1), np.linspace(0, 2 * np.pi, 2 * rings + 1)
    across, height = np.sin(theta), -np.cos(theta)
    across[-1] = 0.0  # the seam and the poles meet to the last bit, so that the sphere is closed
    around = np.stack([np.cos(phi), -np.sin(phi)])
    around[:, -1] = around[:, 0]
    out = np.stack(np.broadcast_arrays(across[:, None] * around[0], height[:, None], across[:, None] * around[1]), -1)
    return grid(out * radius + np.asarray(center, "f8"), material, normals=out)


def grid(
    points: npt.ArrayLike,
    material: Material = PLAIN,
    normals: npt.ArrayLike | None = None,
    uvs: npt.ArrayLike | None = None,
) -> Mesh:
    """A smooth skin over points (rows, columns, 3). With rows going up and columns to the right, the front is seen.

    Where the first and the last row or column coincide the skin is closed, and smooth across the seam. Triangles
    without area are left out.
    """
    p = np.asarray(points, "f8")
    rows, columns = p.shape[:2]
    if uvs is None:
        u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(1, 0, rows))
        uvs = np.stack([u, v], -1)
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    a, b, c, d = first, first + 1, first + columns + 1, first + columns
    triangles = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)])
    corner = p.reshape(-1, 3)[triangles]
    keep = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=-1) > 1e-12
    return mesh_of(p, triangles[keep], material, grid_normals(p) if normals is None else normals, uvs)


def grid_normals(points: Points) -> Points:
    """Unit normals of a grid of points by central differences, (rows, columns, 3)."""
    n = np.cross(_along(points, 1), _along(points, 0))
    return np.asarray(n / np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-12))


def _along(points: Points, axis: int) -> Points:
    p = np.moveaxis(points, axis, 0)
    slope = np.empty_like(p)
    slope[1:-1] = p[2:] - p[:-2]
    slope[0], slope[-1] = p[1] - p[0], p[-1] - p[-2]
    if np.allclose(p[0], p[-1], atol=1e-9):
        slope[0] = slope[-1] = p[1] - p[-2]
    return np.moveaxis(slope, 0, axis)


def sheet(
    function: Callable[[Points, Points], npt.ArrayLike],
    material: Material = PLAIN,
    rows: int = 32,
    columns: int = 32,
    thickness: float = 0.0,
) -> Mesh:
    """A smooth surface `function(u, v)` -> (..., 3) with u to the right and v upwards, both 0 to 1, seen from its
    front.

    With a thickness (metres) it is a closed solid of two skins and a rim, else a single open skin.
    """
    u, v = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
    p = np.asarray(function(u, v), "f8")
    if thickness <= 0:
        return grid(p, material)
    n = grid_normals(p)
    front, back = p + n * thickness / 2, p - n * thickness / 2
    loops = [np.concatenate([s[0, :-1], s[:-1, -1], s[-1, :0:-1], s[:0:-1, 0], s[:1, 0]]) for s in (front, back)]
    edge = np.concatenate(
        [
            np.stack([u, v], -1)[i]
            for i in (np.s_[0, :-1], np.s_[:-1, -1], np.s_[-1, :0:-1], np.s_[:0:-1, 0], np.s_[:1, 0])
        ]
    )
    uvs = np.stack([u, 1 - v], -1)
    rim = grid(np.stack([loops[1], loops[0]]), material, uvs=np.stack([edge * (1, -1) + (0, 1)] * 2))
    return merged([grid(front, material, n, uvs), grid(back[:, ::-1], material, -n[:, ::-1], uvs[:, ::-1]), rim])[0]


def lathe(
    profile: npt.ArrayLike,
    center: Place = (0, 0, 0),
    material: Material = PLAIN,
    segments: int = 32,
    crease: float = 35.0,
) -> Mesh:
    """A profile of (radius, height) points, from the bottom to the top, turned about the vertical through `center`.

    Corners sharper than `crease` degrees stay sharp. Closed where both ends have radius 0 or meet.
    """
    p = np.asarray(profile, "f8")
    p = p[np.append(True, np.linalg.norm(np.diff(p, axis=0), axis=1) > 1e-9)]
    edge = np.diff(p, axis=0)
    out = np.stack([edge[:, 1], -edge[:, 0]], -1) / np.linalg.norm(edge, axis=1, keepdims=True)
    ends = np.stack([out, out], 1)  # the normal at the start and at the end of every edge
    soft = (out[1:] * out[:-1]).sum(-1) > np.cos(np.radians(crease))
    mean = out[1:] + out[:-1]
    ends[1:, 0][soft] = ends[:-1, 1][soft] = (mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9))[
        soft
    ]
    phi = np.linspace(0, 2 * np.pi, segments + 1)
    turn = np.stack([np.cos(phi), -np.sin(phi)])
    turn[:, -1] = turn[:, 0]
    rings = np.stack([p[:-1], p[1:]], 1).reshape(-1, 2)

    def turned_about(flat: Points) -> Points:
        return np.stack(np.broadcast_arrays(flat[:, :1] * turn[0], flat[:, 1:], flat[:, :1] * turn[1]), -1)

    return grid(turned_about(rings) + np.asarray(center, "f8"), material, turned_about(ends.reshape(-1, 2)))


def cylinder(
    low: Place, high: Place, radius: float, material: Material = PLAIN, segments: int = 24, taper: float = 1.0
) -> Mesh:
    """A closed cylinder from the middle of one end to that of the other; `taper` scales the radius of the second
    end.
    """
    a, b = np.asarray(low, "f8"), np.asarray(high, "f8")
    length = float(np.linalg.norm(b - a))
    upright = lathe([(0, 0), (radius, 0), (radius * taper, length), (0, length)], material=material, segments=segments)
    return transformed(upright, aligned(b - a, a))


def tube(path: npt.ArrayLike, radius: npt.ArrayLike, material: Material = PLAIN, sides: int = 12) -> Mesh:
    """A smooth tube along a path (n, 3) with one radius, or one for every point. Closed on itself if the path's ends
    coincide, else capped.
    """
    p = np.asarray(path, "f8")
    radii = np.broadcast_to(np.asarray(radius, "f8"), len(p))[:, None, None]
    loop = bool(np.allclose(p[0], p[-1]))
    along = _along(p[:, None, :], 0)[:, 0]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = _carried(along)
    if loop:  # what the frame has turned by on its way round is taken back evenly
        other = np.cross(along[0], side[0])
        slip = np.arctan2(side[-1] @ other, side[-1] @ side[0])
        back = (-slip * np.linspace(0, 1, len(p)))[:, None]
        side = side * np.cos(back) + np.cross(along, side) * np.sin(back)
    up = np.cross(along, side)
    phi = np.linspace(0, 2 * np.pi, sides + 1)[None, :, None]
    out = np.cos(phi) * side[:, None] + np.sin(phi) * up[:, None]
    out[:, -1] = out[:, 0]
    skin = p[:, None] + radii * out
    if loop:
        skin[-1] = skin[0]
        return grid(skin, material)
    first, last = (np.broadcast_to(p[i], skin[:1].shape) for i in (0, -1))
    low = grid(np.concatenate([first, skin[:1]]), material, np.broadcast_to(-along[0], (2, sides + 1, 3)))
    high = grid(np.concatenate([skin[-1:], last]), material, np.broadcast_to(along[-1], (2, sides + 1, 3)))
    return merged([grid(skin, material), low, high])[0]


def _carried(along: Points) -> Points:
    """A unit vector across each unit tangent, turned as little as possible from one to the next."""
    side = np.empty_like(along)
    seed = np.eye(3)[int(np.argmin(np.abs(along[0])))]
    for i, t in enumerate(along):
        seed = seed - t * (seed @ t)
        side[i] = seed = seed / np.sqrt(seed @ seed)
    return side


def arch(
    span: float,
    ring: float,
    depth: float,
    material: Material = PLAIN,
    stones: int = 15,
    gap: float = 0.006,
    sweep: float = 180.0,
) -> Mesh:
    """A round arch of wedge stones in the xy plane: clear span, ring thickness and depth (along z) in metres, centred
    on the origin.

    `sweep` beyond 180 degrees draws it in below its centre: a horseshoe. `gap` is the width of the joints, metres.
    """
    radius, half = span / 2, np.radians(sweep) / 2
    edge = np.linspace(half, -half, stones + 1)
    start, end = edge[:-1] - gap / radius / 2, edge[1:] + gap / radius / 2

    def corner(angle: Points, r: float, z: float) -> Points:
        return np.stack([-np.sin(angle) * r, np.cos(angle) * r, np.full_like(angle, z)], -1)

    lower, upper = [
        [
            corner(start, r, depth / 2),
            corner(end, r, depth / 2),
            corner(end, r, -depth / 2),
            corner(start, r, -depth / 2),
        ]
        for r in (radius, radius + ring)
    ]
    return hexahedra(np.stack([*lower, *upper], 1), material)
