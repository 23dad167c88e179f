"""Triangles in boxes in boxes, as flat arrays a shader can walk without a stack. No OpenGL here.

Nodes lie depth first: the next one down is the next in the array, and every node knows where to go when its box is
missed (Smits, Efficiency Issues for Ray Tracing, 1998). Splits minimise the surface area heuristic over bins (Wald
2007); all nodes of a level are split at once, so that numpy does the work.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssdo.scene.model import Floats, Ints
from ssdo.settings import UserError

LEAF, BALANCED = 4, 40  # triangles in a leaf at most; the level from which nodes are halved, so that depth ends
BINS, FEW, MANY = 16, 4, 2048  # bins of a node; fewer where a level has many nodes, each with few triangles
MOST = 1 << 24  # whole numbers up to here are exact as float32
Longs = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


class Tree(NamedTuple):
    """`nodes` (k, 2, 4): lowest corner and the node to go to when the box is missed (k: none); highest corner and the
    first triangle of a leaf, -1 inside. `order` (n,): which triangle stands where. `last` (n,): whether a leaf's list
    ends with it.
    """

    nodes: Floats
    order: Ints
    last: npt.NDArray[np.bool_]


class Level(NamedTuple):
    """The nodes of one depth. The i-th that is no leaf has nodes 2 i and 2 i + 1 of the next level as children."""

    start: Longs
    end: Longs
    low: Floats
    high: Floats
    leaf: npt.NDArray[np.bool_]


def build(triangles: Floats) -> Tree:
    """The tree of (n, 3, 3) corners. Raises UserError when there are more than it can number."""
    count = len(triangles)
    if count > MOST // 2:
        raise UserError(
            f"{count} triangles: rays can be traced through at most {MOST // 2}; choose another technique or a smaller scene"
        )
    if count == 0:
        return Tree(np.array([[[1, 1, 1, 1], [-1, -1, -1, -1]]], "f4"), np.zeros(0, "i4"), np.zeros(0, bool))
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    order = np.arange(count)
    levels, start, end = [], np.array([0]), np.array([count])
    while len(start):
        at = _ranges(start, end)
        first = np.cumsum(end - start) - (end - start)
        leaf = end - start <= LEAF
        levels.append(
            Level(start, end, np.minimum.reduceat(low[at], first), np.maximum.reduceat(high[at], first), leaf)
        )
        start, end = _split(order, start[~leaf], end[~leaf], low, high, len(levels) > BALANCED)
    last = np.zeros(count, bool)
    for level in levels:
        last[level.end[level.leaf] - 1] = True
    return Tree(_laid_out(levels), order.astype("i4"), last)


def _ranges(start: Longs, end: Longs) -> Longs:
    """All whole numbers from each start to before its end, one after the other."""
    length = end - start
    found: Longs = np.repeat(start - (np.cumsum(length) - length), length) + np.arange(length.sum())
    return found


def _split(order: Longs, start: Longs, end: Longs, low: Floats, high: Floats, halve: bool) -> tuple[Longs, Longs]:
    """Sort triangles (number, lowest and highest corner) within each node by bin, in place, and say where the halves of
    each node lie.

    Corners move with their numbers so that memory is read in order: 7 s for a million instead of 16.
    """
    if not len(start):
        return start, end
    at, count, nodes = _ranges(start, end), end - start, len(start)
    lower, upper = low[at], high[at]
    node = np.repeat(np.arange(nodes), count)
    first = np.cumsum(count) - count
    center = lower * np.float32(0.5) + upper * np.float32(0.5)
    bins = BINS if nodes < MANY else FEW
    least, most = np.minimum.reduceat(center, first), np.maximum.reduceat(center, first)
    extent = most - least
    axis = extent.argmax(1)
    along, zero = center[np.arange(len(node)), axis[node]], least[np.arange(nodes), axis]
    scale = bins / np.maximum(extent.max(1).astype("f8"), 1e-300)
    slot = np.clip((along - zero[node]) * scale[node], 0, bins - 1).astype(np.int64)
    key = node * bins + slot
    sorting = np.argsort(key, kind="stable")
    lower, upper = lower[sorting], upper[sorting]
    order[at], low[at], high[at] = order[at][sorting], lower, upper

    held = np.bincount(key, minlength=nodes * bins)
    full = held > 0
    begins = (np.cumsum(held) - held)[full]
    lows: npt.NDArray[Any] = np.full((nodes * bins, 3), np.inf)
    highs: npt.NDArray[Any] = np.full((nodes * bins, 3), -np.inf)
    lows[full], highs[full] = np.minimum.reduceat(lower, begins), np.maximum.reduceat(upper, begins)
    lows, highs = lows.reshape(nodes, bins, 3), highs.reshape(nodes, bins, 3)
    left = np.cumsum(held.reshape(nodes, bins), 1)[:, :-1]
    right = count[:, None] - left
    area_left = _area(np.minimum.accumulate(lows, 1), np.maximum.accumulate(highs, 1))[:, :-1]
    area_right = _area(np.minimum.accumulate(lows[:, ::-1], 1), np.maximum.accumulate(highs[:, ::-1], 1))[:, -2::-1]
    cost = np.where((left > 0) & (right > 0), left * area_left + right * area_right, np.inf)
    best = cost.argmin(1)
    split = np.isfinite(cost.min(1)) & (not halve)
    middle = start + np.where(split, left[np.arange(nodes), best], count // 2)
    return np.stack([start, middle], 1).ravel(), np.stack([middle, end], 1).ravel()


def _area(low: Doubles, high: Doubles) -> Doubles:
    """Half the surface of boxes, 0 for those that hold nothing."""
    x, y, z = np.moveaxis(np.where(high >= low, high - np.where(high >= low, low, 0), 0), -1, 0)
    area: Doubles = x * y + y * z + z * x
    return area


def _laid_out(levels: list[Level]) -> Floats:
    sizes: list[Longs] = []  # nodes in each subtree, from the lowest level upwards
    for level in reversed(levels):
        size = np.ones(len(level.start), np.int64)
        if sizes:
            size[~level.leaf] += sizes[-1].reshape(-1, 2).sum(1)
        sizes.append(size)
    sizes.reverse()
    nodes = np.empty((int(sizes[0][0]), 2, 4), "f4")
    index = np.zeros(1, np.int64)
    for depth, level in enumerate(levels):
        nodes[index, 0, :3], nodes[index, 1, :3] = level.low, level.high
        nodes[index, 0, 3] = index + sizes[depth]
        nodes[index, 1, 3] = np.where(level.leaf, level.start, -1)
        inner = index[~level.leaf]
        if len(inner):
            index = np.stack([inner + 1, inner + 1 + sizes[depth + 1][::2]], 1).ravel()
    return nodes
