"""Bounding volume hierarchy over triangles, as flat arrays that a shader walks without a stack. No OpenGL here.

Nodes are stored depth first: the first child of a node follows it, and each node stores a skip link, the node to visit
when its box is missed (Smits, Efficiency Issues for Ray Tracing, 1998). Splits minimise the surface area heuristic over
bins (Wald, On fast Construction of SAH-based Bounding Volume Hierarchies, 2007). All nodes of a level are split at
once, in numpy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssdo.arrays import Array, Bools, Doubles, Floats, Ints, Longs
from ssdo.settings import UserError

MAX_LEAF_TRIANGLES = 4
# From this depth on, nodes are split in the middle, which bounds the depth.
MEDIAN_SPLIT_DEPTH = 40
# Bins of a node. A level of many nodes has few triangles in each, and uses the lower number.
BINS, BINS_OF_MANY_NODES, MANY_NODES = 16, 4, 2048
# Indices are stored as float32, which is exact for integers up to here.
MAX_NODES = 1 << 24


class Bvh(NamedTuple):
    """Nodes and the order of triangles in their leaves."""

    # (k, 2, 4): lowest corner and skip link (k: end); highest corner and first triangle of a leaf (-1: inner node)
    nodes: Floats
    order: Ints  # (n,) index of the triangle at each place
    is_last: Bools  # (n,) whether the triangle is the last of its leaf


class Level(NamedTuple):
    """The nodes of one depth. The children of the i-th inner node are nodes 2 i and 2 i + 1 of the next level."""

    start: Longs
    end: Longs
    low: Floats
    high: Floats
    is_leaf: Bools


def build_bvh(triangles: Floats) -> Bvh:
    """Build the hierarchy of (n, 3, 3) vertices. Raises UserError when there are too many triangles to index."""
    count = len(triangles)
    if count > MAX_NODES // 2:
        raise UserError(
            f"{count} triangles: rays can be traced through at most {MAX_NODES // 2}; "
            "choose another technique or a smaller scene"
        )
    if count == 0:
        empty_node = np.array([[[1, 1, 1, 1], [-1, -1, -1, -1]]], "f4")
        return Bvh(empty_node, np.zeros(0, "i4"), np.zeros(0, bool))
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    order = np.arange(count)
    levels: list[Level] = []
    start, end = np.array([0]), np.array([count])
    while len(start):
        members = _concatenate_ranges(start, end)
        first = np.cumsum(end - start) - (end - start)
        is_leaf = end - start <= MAX_LEAF_TRIANGLES
        node_low, node_high = np.minimum.reduceat(low[members], first), np.maximum.reduceat(high[members], first)
        levels.append(Level(start, end, node_low, node_high, is_leaf))
        use_median = len(levels) > MEDIAN_SPLIT_DEPTH
        start, end = _split_nodes(order, start[~is_leaf], end[~is_leaf], low, high, use_median)
    is_last = np.zeros(count, bool)
    for level in levels:
        is_last[level.end[level.is_leaf] - 1] = True
    return Bvh(_flatten(levels), order.astype("i4"), is_last)


def _concatenate_ranges(start: Longs, end: Longs) -> Longs:
    """Concatenate the integers from each start up to its end, exclusive."""
    length = end - start
    offsets = np.repeat(start - (np.cumsum(length) - length), length)
    members: Longs = offsets + np.arange(length.sum())
    return members


def _split_nodes(
    order: Longs, start: Longs, end: Longs, low: Floats, high: Floats, use_median: bool
) -> tuple[Longs, Longs]:
    """Sort the triangles of each node by bin, in place, and return the ranges of its two children.

    `order`, `low` and `high` are permuted together, so that later levels read memory in order.
    """
    if not len(start):
        return start, end
    members, triangle_counts, nodes = _concatenate_ranges(start, end), end - start, len(start)
    lower, upper = low[members], high[members]
    node = np.repeat(np.arange(nodes), triangle_counts)
    first = np.cumsum(triangle_counts) - triangle_counts
    bins = BINS if nodes < MANY_NODES else BINS_OF_MANY_NODES
    key = node * bins + _bin_centroids(lower, upper, node, first, bins)
    sorting = np.argsort(key, kind="stable")
    lower, upper = lower[sorting], upper[sorting]
    order[members], low[members], high[members] = order[members][sorting], lower, upper

    bin_counts = np.bincount(key, minlength=nodes * bins)
    occupied = bin_counts > 0
    bin_starts = (np.cumsum(bin_counts) - bin_counts)[occupied]
    bin_low: Array = np.full((nodes * bins, 3), np.inf)
    bin_high: Array = np.full((nodes * bins, 3), -np.inf)
    bin_low[occupied] = np.minimum.reduceat(lower, bin_starts)
    bin_high[occupied] = np.maximum.reduceat(upper, bin_starts)
    bin_low, bin_high = bin_low.reshape(nodes, bins, 3), bin_high.reshape(nodes, bins, 3)

    # Surface area heuristic of every split between two bins.
    left_count = np.cumsum(bin_counts.reshape(nodes, bins), 1)[:, :-1]
    right_count = triangle_counts[:, None] - left_count
    left_area = _half_area(np.minimum.accumulate(bin_low, 1), np.maximum.accumulate(bin_high, 1))[:, :-1]
    right_low, right_high = np.minimum.accumulate(bin_low[:, ::-1], 1), np.maximum.accumulate(bin_high[:, ::-1], 1)
    right_area = _half_area(right_low, right_high)[:, -2::-1]
    splits = (left_count > 0) & (right_count > 0)
    cost = np.where(splits, left_count * left_area + right_count * right_area, np.inf)
    best = cost.argmin(1)
    use_heuristic = np.isfinite(cost.min(1)) & (not use_median)
    middle = start + np.where(use_heuristic, left_count[np.arange(nodes), best], triangle_counts // 2)
    return np.stack([start, middle], 1).ravel(), np.stack([middle, end], 1).ravel()


def _bin_centroids(lower: Floats, upper: Floats, node: Longs, first: Longs, bins: int) -> Longs:
    """(n,) bin of each triangle along the axis in which the centroids of its node extend most."""
    centroid = lower * np.float32(0.5) + upper * np.float32(0.5)
    low, high = np.minimum.reduceat(centroid, first), np.maximum.reduceat(centroid, first)
    extent = high - low
    axis = extent.argmax(1)
    position, origin = centroid[np.arange(len(node)), axis[node]], low[np.arange(len(first)), axis]
    scale = bins / np.maximum(extent.max(1).astype("f8"), 1e-300)
    bin_index: Longs = np.clip((position - origin[node]) * scale[node], 0, bins - 1).astype(np.int64)
    return bin_index


def _half_area(low: Doubles, high: Doubles) -> Doubles:
    """Half the surface area of boxes, 0 for empty ones (low > high)."""
    x, y, z = np.moveaxis(np.where(high >= low, high - np.where(high >= low, low, 0), 0), -1, 0)
    area: Doubles = x * y + y * z + z * x
    return area


def _flatten(levels: list[Level]) -> Floats:
    """Arrange the nodes of all levels depth first: `Bvh.nodes`."""
    subtree_sizes: list[Longs] = []  # from the deepest level upwards
    for level in reversed(levels):
        size = np.ones(len(level.start), np.int64)
        if subtree_sizes:
            size[~level.is_leaf] += subtree_sizes[-1].reshape(-1, 2).sum(1)
        subtree_sizes.append(size)
    subtree_sizes.reverse()
    nodes = np.empty((int(subtree_sizes[0][0]), 2, 4), "f4")
    index = np.zeros(1, np.int64)
    for depth, level in enumerate(levels):
        nodes[index, 0, :3], nodes[index, 1, :3] = level.low, level.high
        nodes[index, 0, 3] = index + subtree_sizes[depth]
        nodes[index, 1, 3] = np.where(level.is_leaf, level.start, -1)
        inner = index[~level.is_leaf]
        if len(inner):
            index = np.stack([inner + 1, inner + 1 + subtree_sizes[depth + 1][::2]], 1).ravel()
    return nodes
