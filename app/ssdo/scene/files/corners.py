"""Number the different corners of a mesh, and the vertices that triangles use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ssdo.arrays import Array, Ints, Longs

MAX_ROUNDS = 8  # corners of one vertex that are told apart without sorting


def number_corners(vertices: Array, attributes: Sequence[Array], vertex_count: int) -> tuple[Longs, Ints]:
    """Number different corners 0, 1, 2 in the order of their first use.

    A corner is a vertex, from 0 to `vertex_count` - 1, and a value of each attribute, an array (n,). Returns the (k,)
    first rows of different corners, and the (n,) number of every corner.
    """
    n = len(vertices)
    first_rows, remaining = np.arange(n, dtype=np.int32), np.arange(n, dtype=np.int32)
    for _ in range(MAX_ROUNDS):
        keys = vertices[remaining]
        first_row_of_vertex = np.full(vertex_count, n, np.int32)
        np.minimum.at(first_row_of_vertex, keys, remaining)
        candidates = first_row_of_vertex[keys]
        is_equal = np.ones(len(remaining), bool)
        for attribute in attributes:
            is_equal &= attribute[candidates] == attribute[remaining]
        first_rows[remaining[is_equal]] = candidates[is_equal]
        remaining = remaining[~is_equal]
        if not len(remaining):
            break
    if len(remaining):
        rows = np.stack([vertices[remaining], *(attribute[remaining] for attribute in attributes)], 1)
        _, first, group = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        first_rows[remaining] = remaining[first[group]]
    is_first = first_rows == np.arange(n, dtype=np.int32)
    numbers = np.cumsum(is_first, dtype=np.int32) - 1
    return np.flatnonzero(is_first), numbers[first_rows]


def find_used(indices: Array) -> tuple[Longs, Array]:
    """The different values of `indices`, sorted, and of each index its place among them."""
    if not indices.size:
        return np.empty(0, np.int64), indices.astype(np.int32)
    low, high = int(indices.min()), int(indices.max())
    if high - low > 8 * indices.size:  # far apart
        used, places = np.unique(indices, return_inverse=True)
        return used.astype(np.int64), places
    is_used = np.zeros(high - low + 1, bool)
    is_used[indices - low] = True
    place_of_value = np.cumsum(is_used, dtype=np.int32) - 1
    return np.flatnonzero(is_used) + low, place_of_value[indices - low]
