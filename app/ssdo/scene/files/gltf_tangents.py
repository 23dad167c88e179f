"""Compute tangents for a mesh without them, after MikkTSpace, which glTF requires (section 3.7.2.1).

M. Mikkelsen, mikktspace.c, 2008. Vertices with the same position, normal and UV count as one. Each triangle adds the
direction in which u grows, projected into the normal's plane and weighted by the triangle's angle at the vertex.
Triangles with mirrored UVs never mix with others: the vertices between them are split. Unlike MikkTSpace, triangles
that share a vertex but no edge do mix.
"""

from __future__ import annotations

import numpy as np

from ssdo.arrays import Array, Doubles, Floats, Ints, Longs

BATCH = 2**14  # triangles at a time, so that intermediate arrays fit into a core's cache


def make_perpendicular(normals: Array) -> Doubles:
    """(n, 3) unit vectors perpendicular to unit vectors.

    Duff et al., Building an Orthonormal Basis, Revisited, JCGT 2017.
    """
    x, y, z = normals.astype(np.float64).T
    sign = np.where(z < 0, -1.0, 1.0)
    a = -1 / (sign + z)
    return np.stack([1 + sign * x * x * a, sign * x * y * a, -sign * x], 1)


def compute_tangents(positions: Floats, normals: Floats, uvs: Floats, triangles: Array) -> tuple[Floats, Ints, Ints]:
    """Tangents of a mesh; vertices on the border of mirrored UVs are split.

    `normals` have unit length; v of `uvs` points down, as in images. Returns:
    - (k, 4) tangents; w is 1 where u, v upwards and the normal are right-handed. Where UVs give no direction, the
      tangent is any perpendicular vector.
    - the (k,) vertices that they belong to: all in order, then the split ones again.
    - (m, 3) triangles of the new vertices.
    """
    welded = _weld_vertices(np.concatenate([positions, normals, uvs], 1))
    sums, sides = _sum_directions(positions, normals, uvs, triangles, welded)
    size, count = len(sums[0]) // 2, len(positions)
    has_sum: Array = np.any(sums, axis=0)
    # A triangle without a direction takes the side that others have at that corner.
    corners = welded[triangles]
    default_side = np.where(has_sum[corners], 0, has_sum[corners + size])
    side = np.where(sides[:, None] < 0, default_side, sides[:, None])
    keys = triangles.astype(np.int64) + side * count
    is_used = np.zeros(2 * count, bool)
    is_used[keys] = True
    split_vertices = np.flatnonzero(is_used[:count] & is_used[count:])
    vertices = np.concatenate([np.arange(count), split_vertices]).astype(np.int32)
    is_mirrored = np.concatenate([is_used[count:] & ~is_used[:count], np.ones(len(split_vertices), bool)])
    new_index = np.tile(np.arange(count, dtype=np.int32), 2)
    new_index[count + split_vertices] = count + np.arange(len(split_vertices), dtype=np.int32)
    directions = sums[:, welded[vertices] + is_mirrored * size]
    length = np.sqrt(_dot(directions, directions))
    tangents = np.empty((len(vertices), 4), np.float32)
    tangents[:, :3] = (directions / np.maximum(length, 1e-12)).T
    tangents[:, 3] = np.where(is_mirrored, -1, 1)
    is_undefined = length <= 1e-12
    tangents[is_undefined, :3] = make_perpendicular(normals[vertices[is_undefined]])
    return tangents, vertices, new_index[keys]


def _weld_vertices(rows: Floats) -> Longs:
    """(n,) the index of the first row that equals each row."""
    rows = rows + np.float32(0)  # -0 becomes 0
    bits = rows.view(np.uint32).astype(np.uint64)
    hashes = np.zeros(len(rows), np.uint64)
    for k in range(rows.shape[1]):
        hashes = (hashes ^ bits[:, k]) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    if not np.array_equal(rows[first[group]], rows):  # a hash collision
        _, first, group = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first[group]


def _sum_directions(
    positions: Floats, normals: Floats, uvs: Floats, triangles: Array, welded: Array
) -> tuple[Doubles, Longs]:
    """Sum the directions of u over the triangles of each welded vertex.

    Returns (3, 2n) sums: n over triangles with plain UVs, then n over those with mirrored UVs. And (m,) sides of the
    triangles: 0 plain, 1 mirrored, -1 without a direction, as its UVs or its corners span no area.
    """
    size = len(positions)
    sums, sides = np.zeros((3, 2 * size)), np.full(len(triangles), -1, np.int64)
    position_rows, normal_rows, uv_rows = (
        np.ascontiguousarray(values.T, np.float64) for values in (positions, normals, uvs)
    )
    for start in range(0, len(triangles), BATCH):
        corners = np.ascontiguousarray(triangles[start : start + BATCH].T)
        p, t = position_rows[:, corners], uv_rows[:, corners]  # (3, 3, m) and (2, 3, m): coordinates of three corners
        edge1, edge2 = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
        (u1, v1), (u2, v2) = t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]
        uv_area = u1 * v2 - v1 * u2
        u_direction, v_direction = v2 * edge1 - v1 * edge2, u1 * edge2 - u2 * edge1
        vectors = (u_direction, v_direction, edge1, edge2, edge2 - edge1)
        is_valid = (uv_area != 0) & np.logical_and.reduce([_dot(v, v) > 0 for v in vectors])
        side = (uv_area > 0).astype(np.int64)  # v points down: a positive area is mirrored
        sides[start : start + BATCH] = np.where(is_valid, side, -1)
        direction = u_direction * (np.sign(uv_area) / np.sqrt(_dot(u_direction, u_direction)))
        for k in range(3):
            n = normal_rows[:, corners[k]]
            to_previous, to_next = (_project(p[:, (k + step) % 3] - p[:, k], n) for step in (2, 1))
            angle = np.arccos(np.clip(_dot(to_previous, to_next), -1, 1))
            contribution = (_project(direction, n) * angle)[:, is_valid]
            targets = (welded[corners[k]] + side * size)[is_valid]
            for c in range(3):
                np.add.at(sums[c], targets, contribution[c])
    return sums, sides


def _dot(a: Array, b: Array) -> Array:
    product: Array = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return product


def _project(vectors: Array, n: Array) -> Array:
    """(3, m) vectors projected into the planes of n, unit length; 0 for a vector parallel to n."""
    projected = vectors - n * _dot(vectors, n)
    length = np.sqrt(_dot(projected, projected))
    unit: Array = projected / np.where(length > 1e-30, length, np.inf)
    return unit
