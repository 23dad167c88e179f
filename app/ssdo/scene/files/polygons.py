"""Triangulate polygons: as a fan where one vertex sees all others, else by ear clipping.

Ear clipping: G. H. Meisters, "Polygons Have Ears", American Mathematical Monthly 82, 1975. Its work grows with the cube
of the vertex count, so it is limited.
"""

from __future__ import annotations

import numpy as np

from ssdo.arrays import Doubles, Longs

MAX_FAN_APEXES = 8  # vertices of a polygon that are tried as the apex of a fan
MAX_CLIPPED_VERTICES = 2**10  # of a polygon that is clipped
MAX_CLIP_WORK = 2**22  # point-in-triangle tests for all polygons of a call: two seconds
EAR_COST = 100  # fixed cost of one ear, in tests


def triangulate_polygons(points: Doubles, sizes: Longs) -> tuple[Longs, int]:
    """Triangulate polygons that lie in `points` (n, 3) one after the other, with `sizes` vertices each.

    Returns (m, 3) rows of `points`, wound as the polygons are, and the number of polygons that cannot be cut well.
    These cross themselves or exceed the limits, and become fans. Polygons of less than 3 vertices are left out.
    """
    order = np.argsort(sizes, kind="stable")
    starts = (np.cumsum(sizes) - sizes)[order]
    group_starts = np.flatnonzero(np.diff(sizes[order], prepend=-1))
    triangles = [np.empty((0, 3), np.int64)]
    failed_count, work = 0, MAX_CLIP_WORK
    # zip is not strict: np.split makes one part of an empty array
    for group_start, group in zip(group_starts, np.split(starts, group_starts[1:]), strict=False):
        n = int(sizes[order[group_start]])
        if n == 3:
            triangles.append(group[:, None] + np.arange(3))
        elif n > 3:
            fans, concave_starts, normals = _triangulate_fans(points, group, n)
            triangles.append(fans)
            for start, normal in zip(concave_starts, normals, strict=True):
                ears, is_complete, work = _clip_ears(points[start : start + n], normal, work)
                triangles.append(start + ears)
                failed_count += not is_complete
    return np.concatenate(triangles), failed_count


def _make_fan(n: int, apex: int) -> Longs:
    """(n - 2, 3) triangles that share the vertex `apex`."""
    others = (apex + np.arange(1, n)) % n
    return np.stack([np.full(n - 2, apex), others[:-1], others[1:]], 1)


def _triangulate_fans(points: Doubles, starts: Longs, n: int) -> tuple[Longs, Longs, Doubles]:
    """Triangulate the polygons of `n` vertices that a fan covers.

    Returns their triangles, and the starts and normals of the other polygons.
    """
    vertices = points[starts[:, None] + np.arange(n)]
    vertices = vertices - vertices[:, :1]
    normals = np.cross(vertices[:, 1:-1], vertices[:, 2:]).sum(1)
    # The tolerance accepts three vertices in a line.
    threshold = -1e-9 * (normals * normals).sum(1, keepdims=True)
    remaining, triangles = np.arange(len(starts)), []
    for apex in range(min(n, MAX_FAN_APEXES)):
        fan = _make_fan(n, apex)
        a, b, c = (vertices[remaining][:, fan[:, i]] for i in range(3))
        facing = (np.cross(b - a, c - a) * normals[remaining, None]).sum(2)
        is_covered = (facing >= threshold[remaining]).all(1) & (threshold[remaining, 0] < 0)
        triangles.append((starts[remaining[is_covered], None, None] + fan).reshape(-1, 3))
        remaining = remaining[~is_covered]
        if not remaining.size:
            break
    return np.concatenate(triangles), starts[remaining], normals[remaining]


def _clip_ears(vertices: Doubles, normal: Doubles, work: int) -> tuple[Longs, bool, int]:
    """Triangulate one polygon (n, 3). `work` is what remains of MAX_CLIP_WORK.

    Returns its triangles, whether they cover it, and the remaining work.
    """
    n, axis = len(vertices), int(np.abs(normal).argmax())
    if n > MAX_CLIPPED_VERTICES or not normal[axis]:
        return _make_fan(n, 0), False, work
    projected = vertices[:, [(axis + 1) % 3, (axis + 2) % 3]] * (1.0, np.sign(normal[axis]))
    remaining: Longs = np.arange(n)
    ears: list[Longs] = []
    while len(remaining) > 3 and work > 0:
        a, b, c = projected[np.roll(remaining, 1)], projected[remaining], projected[np.roll(remaining, -1)]
        areas = _compute_signed_area(a, b, c)
        convex, reflex = np.flatnonzero(areas > 0), b[areas <= 0]
        ear_cost = len(reflex) + EAR_COST
        convex = convex[: work // ear_cost + 1]
        ear = next((e for e in convex if not _contains_any(a[e], b[e], c[e], reflex)), None)
        work -= (len(convex) if ear is None else int(np.searchsorted(convex, ear)) + 1) * ear_cost
        if ear is None:
            break
        ears.append(remaining[[ear - 1, ear, (ear + 1) % len(remaining)]])
        remaining = np.delete(remaining, ear)
    # The rest is one triangle, or a fan where the polygon could not be cut.
    triangles = np.concatenate([np.reshape(ears, (-1, 3)).astype(np.int64), remaining[_make_fan(len(remaining), 0)]])
    return triangles, len(remaining) == 3, work


def _compute_signed_area(a: Doubles, b: Doubles, c: Doubles) -> Doubles:
    """Twice the signed area of triangles (..., 2): positive where they are counter-clockwise."""
    ab, ac = b - a, c - a
    area: Doubles = ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0]
    return area


def _contains_any(a: Doubles, b: Doubles, c: Doubles, points: Doubles) -> bool:
    """Whether a point lies in the triangle or on its edge. Points that coincide with its vertices do not count."""
    inside = (
        (_compute_signed_area(a, b, points) >= 0)
        & (_compute_signed_area(b, c, points) >= 0)
        & (_compute_signed_area(c, a, points) >= 0)
    )
    is_vertex = (points == a).all(1) | (points == b).all(1) | (points == c).all(1)
    return bool((inside & ~is_vertex).any())
