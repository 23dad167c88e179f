"""Polygons -> triangles: as a fan from a corner that sees all others where there is one, else ear by ear.

Ear clipping: G. H. Meisters, "Polygons Have Ears", American Mathematical Monthly 82, 1975. The work it takes is
limited: it grows with the cube of the corners.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

FANS = 8  # corners that are tried, of every polygon
MAX_CORNERS = 2**10  # of a polygon that is clipped
MAX_WORK = 2**22  # corners looked at for all ears: two seconds
EAR = 100  # corners that could be looked at in the time an ear takes besides


def triangulated(points: Doubles, sizes: Longs) -> tuple[Longs, int]:
    """Triangles of polygons that lie in `points` (n, 3) one behind the other, `sizes` corners each; those with less
    than 3 are left out.

    (m, 3) rows of `points`, wound as the polygons are, and how many polygons could not be cut well: those that cross
    themselves, or are beyond the limits. They are fans.
    """
    order = np.argsort(sizes, kind="stable")
    starts = (np.cumsum(sizes) - sizes)[order]
    first = np.flatnonzero(np.diff(sizes[order], prepend=-1))
    parts, crude, work = [np.empty((0, 3), np.int64)], 0, MAX_WORK
    for at, group in zip(first, np.split(starts, first[1:]), strict=False):  # of nothing, split makes one part
        n = int(sizes[order[at]])
        if n == 3:
            parts.append(group[:, None] + np.arange(3))
        elif n > 3:
            triangles, hard, normals = _fans(points, group, n)
            parts.append(triangles)
            for start, normal in zip(hard, normals, strict=True):
                own, whole, work = _clipped(points[start : start + n], normal, work)
                parts.append(start + own)
                crude += not whole
    return np.concatenate(parts), crude


def _fan(n: int, k: int) -> Longs:
    """(n - 2, 3) triangles that all have corner k."""
    others = (k + np.arange(1, n)) % n
    return np.stack([np.full(n - 2, k), others[:-1], others[1:]], 1)


def _fans(points: Doubles, starts: Longs, n: int) -> tuple[Longs, Longs, Doubles]:
    """Triangles of the polygons that a fan covers; where the others start, and their normals."""
    corners = points[starts[:, None] + np.arange(n)]
    corners = corners - corners[:, :1]
    normals = np.cross(corners[:, 1:-1], corners[:, 2:]).sum(1)
    least = -1e-9 * (normals * normals).sum(1, keepdims=True)  # three corners in a line are no fault
    left, parts = np.arange(len(starts)), []
    for k in range(min(n, FANS)):
        fan = _fan(n, k)
        a, b, c = (corners[left][:, fan[:, i]] for i in range(3))
        seen = ((np.cross(b - a, c - a) * normals[left, None]).sum(2) >= least[left]).all(1) & (least[left, 0] < 0)
        parts.append((starts[left[seen], None, None] + fan).reshape(-1, 3))
        left = left[~seen]
        if not left.size:
            break
    return np.concatenate(parts), starts[left], normals[left]


def _clipped(corners: Doubles, normal: Doubles, work: int) -> tuple[Longs, bool, int]:
    """Triangles of one polygon (n, 3), whether they cover it, and how much more work may be done."""
    n, axis = len(corners), int(np.abs(normal).argmax())
    if n > MAX_CORNERS or not normal[axis]:
        return _fan(n, 0), False, work
    flat = corners[:, [(axis + 1) % 3, (axis + 2) % 3]] * (1.0, np.sign(normal[axis]))
    left: Longs = np.arange(n)
    found: list[Longs] = []
    while len(left) > 3 and work > 0:
        a, b, c = flat[np.roll(left, 1)], flat[left], flat[np.roll(left, -1)]
        turns = _turn(a, b, c)
        convex, reflex = np.flatnonzero(turns > 0), b[turns <= 0]
        convex = convex[: work // (len(reflex) + EAR) + 1]
        ear = next((e for e in convex if not _holds_any(a[e], b[e], c[e], reflex)), None)
        work -= (len(convex) if ear is None else int(np.searchsorted(convex, ear)) + 1) * (len(reflex) + EAR)
        if ear is None:
            break
        found.append(left[[ear - 1, ear, (ear + 1) % len(left)]])
        left = np.delete(left, ear)
    return np.concatenate([np.reshape(found, (-1, 3)).astype(np.int64), left[_fan(len(left), 0)]]), len(left) == 3, work


def _turn(a: Doubles, b: Doubles, c: Doubles) -> Doubles:
    """Positive where a, b, c turn left."""
    turn: Doubles = (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
        c[..., 0] - a[..., 0]
    )
    return turn


def _holds_any(a: Doubles, b: Doubles, c: Doubles, points: Doubles) -> bool:
    """Whether a point lies in the triangle or on its edge. Its own corners, and those that lie on them, do not
    count.
    """
    inside = (_turn(a, b, points) >= 0) & (_turn(b, c, points) >= 0) & (_turn(c, a, points) >= 0)
    own = (points == a).all(1) | (points == b).all(1) | (points == c).all(1)
    return bool((inside & ~own).any())
