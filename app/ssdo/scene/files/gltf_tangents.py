"""Tangents where a file gives none, after MikkTSpace (M. Mikkelsen 2008, mikktspace.c), which glTF names in section
3.7.2.1.

Vertices of one position, normal and UV count as one. Each triangle adds the direction in which u grows on it, projected
into the normal's plane, weighted by its angle there. Triangles whose UVs are mirrored never mix with others: vertices
between them are split. Unlike there, triangles that meet in a vertex but share no edge do mix, as long as their
vertices are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ssdo.scene.model import Floats, Ints

Array = npt.NDArray[Any]
BLOCK = 2**14  # triangles at once: what stands between fits into a core's cache


def perpendicular(normals: Array) -> npt.NDArray[np.float64]:
    """(n, 3) unit vectors at right angles to unit vectors (Duff et al. 2017)."""
    x, y, z = normals.astype(np.float64).T
    sign = np.where(z < 0, -1.0, 1.0)
    a = -1 / (sign + z)
    return np.stack([1 + sign * x * x * a, sign * x * y * a, -sign * x], 1)


def tangents(positions: Floats, normals: Floats, uvs: Floats, triangles: Array) -> tuple[Floats, Ints, Ints]:
    """(k, 4) tangents, the (k,) vertices they belong to (all in order, then the split ones again), and (m, 3) triangles
    in the new numbers.

    `normals` have unit length; `uvs` are those of the image, v downwards, so that w is 1 where u, v upwards and the
    normal are right-handed. Where UVs give no direction, any at right angles to the normal.
    """
    same = _welded(np.concatenate([positions, normals, uvs], 1))
    sums, sides = _summed(positions, normals, uvs, triangles, same)
    size, count = len(sums[0]) // 2, len(positions)
    found: Array = np.any(sums, axis=0)
    # A triangle without a direction takes part on the side that others have at that corner.
    corner = same[triangles]
    side = np.where(sides[:, None] < 0, np.where(found[corner], 0, found[corner + size]), sides[:, None])
    keys = triangles.astype(np.int64) + side * count
    seen = np.zeros(2 * count, bool)
    seen[keys] = True
    split = np.flatnonzero(seen[:count] & seen[count:])
    vertices = np.concatenate([np.arange(count), split]).astype(np.int32)
    mirrored = np.concatenate([seen[count:] & ~seen[:count], np.ones(len(split), bool)])
    place = np.tile(np.arange(count, dtype=np.int32), 2)
    place[count + split] = count + np.arange(len(split), dtype=np.int32)
    along = sums[:, same[vertices] + mirrored * size]
    length = np.sqrt(_dot(along, along))
    result = np.empty((len(vertices), 4), np.float32)
    result[:, :3] = (along / np.maximum(length, 1e-12)).T
    result[:, 3] = np.where(mirrored, -1, 1)
    lost = length <= 1e-12
    result[lost, :3] = perpendicular(normals[vertices[lost]])
    return result, vertices, place[keys]


def _welded(rows: Floats) -> npt.NDArray[np.int64]:
    """(n,) the first of the rows that equal each."""
    rows = rows + np.float32(0)  # -0 becomes 0
    bits = rows.view(np.uint32).astype(np.uint64)
    mixed = np.zeros(len(rows), np.uint64)
    for k in range(rows.shape[1]):
        mixed = (mixed ^ bits[:, k]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    _, first, group = np.unique(mixed, return_index=True, return_inverse=True)
    if not np.array_equal(rows[first[group]], rows):  # two different rows of one hash
        _, first, group = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first[group]


def _summed(
    positions: Floats, normals: Floats, uvs: Floats, triangles: Array, same: Array
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """(3, 2n) directions of u at the welded vertices, n of triangles that are not mirrored and n of those that are, and
    (m,) which of both a triangle is: 0, 1, or -1 where its UVs or its corners span nothing.
    """
    size = len(positions)
    sums, sides = np.zeros((3, 2 * size)), np.full(len(triangles), -1, np.int64)
    columns, across, flat_uvs = (np.ascontiguousarray(values.T, np.float64) for values in (positions, normals, uvs))
    for start in range(0, len(triangles), BLOCK):
        corners = np.ascontiguousarray(triangles[start : start + BLOCK].T)
        p, t = columns[:, corners], flat_uvs[:, corners]  # (3, 3, m) and (2, 3, m): x, y, z of three corners
        d1, d2 = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
        (u1, v1), (u2, v2) = t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]
        area = u1 * v2 - v1 * u2
        of_u, of_v = v2 * d1 - v1 * d2, u1 * d2 - u2 * d1
        good = (area != 0) & np.logical_and.reduce([_dot(v, v) > 0 for v in (of_u, of_v, d1, d2, d2 - d1)])
        side = (area > 0).astype(np.int64)  # v points down: positive is mirrored
        sides[start : start + BLOCK] = np.where(good, side, -1)
        along = of_u * (np.sign(area) / np.sqrt(_dot(of_u, of_u)))
        for k in range(3):
            n = across[:, corners[k]]
            before, after = (_flat(p[:, (k + step) % 3] - p[:, k], n) for step in (2, 1))
            angle = np.arccos(np.clip(_dot(before, after), -1, 1))
            added = (_flat(along, n) * angle)[:, good]
            at = (same[corners[k]] + side * size)[good]
            for c in range(3):
                np.add.at(sums[c], at, added[c])
    return sums, sides


def _dot(a: Array, b: Array) -> Array:
    product: Array = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return product


def _flat(vectors: Array, n: Array) -> Array:
    """(3, m) projected into the planes of n, unit length, 0 where nothing is left."""
    flat = vectors - n * _dot(vectors, n)
    length = np.sqrt(_dot(flat, flat))
    unit: Array = flat / np.where(length > 1e-30, length, np.inf)
    return unit
