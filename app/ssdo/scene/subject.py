"""The subject of a scene: what a camera should frame, and what default lengths are relative to.

A file may hold a few triangles far from all others, left there by mistake, or a ground or a sky dome that is much wider
than what stands in it. They are drawn, but they do not count here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ssdo.arrays import Bools, Doubles, Floats, Longs

if TYPE_CHECKING:
    from ssdo.scene.model import Mesh

MIN_SIZE_RATIO = 10.0  # how many times wider a gap or a triangle must be than the subject
MAX_STRAY_FRACTION = 0.1  # of the triangles
SAMPLED_VERTICES = 1 << 15  # of each mesh, for a first look
BINS = 64


class Subject(NamedTuple):
    """The bounds of the subject, and how many triangles are outside."""

    low: Doubles  # (3,)
    high: Doubles  # (3,)
    stray_count: int = 0  # triangles far from all others
    wide_count: int = 0  # triangles much wider than all others together


class TriangleBounds(NamedTuple):
    """The bounds of each triangle, (3, n): contiguous by axis, which numpy reduces faster."""

    low: Floats
    high: Floats

    def select(self, indices: Longs) -> TriangleBounds:
        return TriangleBounds(self.low[:, indices], self.high[:, indices])

    @property
    def width(self) -> float:
        """The longest side of the bounds of all."""
        return float((self.high.max(1).astype("f8") - self.low.min(1)).max())


def find_subject(meshes: Sequence[Mesh], bounds: tuple[Floats, Floats]) -> Subject:
    """Find the subject of meshes whose bounds are known."""
    low, high = (corner.astype("f8") for corner in bounds)
    meshes = [mesh for mesh in meshes if mesh.triangles.size]
    if not meshes or not _is_concentrated(meshes, low, high):
        return Subject(low, high)
    triangles = _compute_triangle_bounds(meshes)
    near = _remove_stray(triangles)
    subject = _remove_wide(triangles, near)
    counts = triangles.low.shape[1] - len(near), len(near) - len(subject)
    if not any(counts):
        return Subject(low, high)
    subject_bounds = triangles.select(subject)
    return Subject(subject_bounds.low.min(1).astype("f8"), subject_bounds.high.max(1).astype("f8"), *counts)


def _is_concentrated(meshes: Sequence[Mesh], low: Doubles, high: Doubles) -> bool:
    """Whether half of the vertices may lie in a tenth of the longest axis. Most scenes need no closer look."""
    axis = int((high - low).argmax())
    samples = [mesh.positions[:: len(mesh.positions) // SAMPLED_VERTICES + 1, axis] for mesh in meshes]
    if high[axis] <= low[axis]:
        return False
    counts, _ = np.histogram(np.concatenate(samples), BINS, (low[axis], high[axis]))
    sums = np.concatenate([[0], np.cumsum(counts)])
    window = int(BINS / MIN_SIZE_RATIO) + 2
    return bool((sums[window:] - sums[:-window]).max() >= 0.5 * counts.sum())


def _compute_triangle_bounds(meshes: Sequence[Mesh]) -> TriangleBounds:
    lows, highs = [], []
    for mesh in meshes:
        a, b, c = (np.ascontiguousarray(mesh.positions.T)[:, mesh.triangles[:, k]] for k in range(3))
        lows.append(np.minimum(np.minimum(a, b), c))
        highs.append(np.maximum(np.maximum(a, b), c))
    return TriangleBounds(np.concatenate(lows, 1), np.concatenate(highs, 1))


def _remove_stray(triangles: TriangleBounds) -> Longs:
    """Indices of the triangles without those beyond gaps much wider than all that remain, if they are few."""
    everything = np.arange(triangles.low.shape[1])
    gaps = [_find_gaps(low, high) for low, high in zip(*triangles, strict=True) if _may_have_gap(low, high)]
    width = 0.0
    while gaps:
        is_near = np.ones(len(everything), bool)
        for axis_gaps in gaps:
            is_near &= axis_gaps.find_near(MIN_SIZE_RATIO * width)
        remaining = np.flatnonzero(is_near)
        remaining_width = triangles.select(remaining).width if len(remaining) else np.inf
        if remaining_width <= width:  # so each gap is wide enough
            return remaining if len(remaining) >= (1 - MAX_STRAY_FRACTION) * len(everything) else everything
        width = remaining_width
    return everything


class Gaps(NamedTuple):
    """Empty intervals between triangles along an axis."""

    order: Longs  # (n,) triangles by their lower end
    size: Doubles  # (n - 1,) of the gap behind each, negative where they overlap

    def find_near(self, min_size: float) -> Bools:
        """(n,) which triangles lie between the same gaps of that size as the median triangle."""
        gaps, middle = np.flatnonzero(self.size > min_size), len(self.order) // 2
        bounds = np.concatenate([[0], gaps + 1, [len(self.order)]])
        number = np.searchsorted(bounds, middle, "right") - 1
        is_near = np.zeros(len(self.order), bool)
        is_near[self.order[bounds[number] : bounds[number + 1]]] = True
        return is_near


def _find_gaps(low: Floats, high: Floats) -> Gaps:
    order = np.argsort(low)
    return Gaps(order, low[order[1:]].astype("f8") - np.maximum.accumulate(high[order])[:-1])


def _may_have_gap(low: Floats, high: Floats) -> bool:
    """Whether intervals leave most of their range empty. (n,) their ends."""
    start, end = float(low.min()), float(high.max())
    if not end > start:
        return False
    scale = BINS / (end - start)
    first, last = (np.minimum((x.astype("f8") - start) * scale, BINS - 1).astype(np.int64) for x in (low, high))
    covering = np.cumsum(np.bincount(first, minlength=BINS + 1) - np.bincount(last + 1, minlength=BINS + 1))
    return bool((covering[:BINS] == 0).mean() > 0.5)


def _remove_wide(triangles: TriangleBounds, near: Longs) -> Longs:
    """The indices without triangles much wider than all others together. At most half of them are removed at a time."""
    near_bounds = triangles.select(near)
    half_width = (0.5 * near_bounds.high - 0.5 * near_bounds.low).max(0)  # the whole one may overflow
    half = len(near) // 2
    smaller = near_bounds.select(np.argpartition(half_width, half)[: max(half, 1)])
    if 2 * float(half_width.max()) <= MIN_SIZE_RATIO * smaller.width:
        return near
    order = np.argsort(half_width, kind="stable")
    low, high = (
        np.minimum.accumulate(near_bounds.low[:, order], 1),
        np.maximum.accumulate(near_bounds.high[:, order], 1),
    )
    half_extent = (0.5 * high - 0.5 * low).max(0)  # of the triangles up to each
    count = len(near)
    for step in np.flatnonzero(half_width[order[1:]] > MIN_SIZE_RATIO * half_extent[:-1])[::-1] + 1:
        if 2 * step >= count:
            count = int(step)
    return near[order[:count]]
