"""Mip levels computed on the CPU, for software renderers and for alpha masks: see `Uploader.image`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ssdo.arrays import Bytes, Doubles, Floats
from ssdo.srgb import LINEAR_VALUES, encode_srgb

COVERAGE_SAMPLES = 16384  # points of an image at which its coverage is measured
MAX_COVERAGE_ERROR = 0.02  # of a mip level, relative


def compute_mips(image: Bytes, srgb: bool) -> list[Bytes]:
    """The mip levels below an image (h, w, 4), down to one pixel. With `srgb`, colours are averaged in linear light."""
    values = image.astype("f4") / 255
    if srgb:
        values[..., :3] = LINEAR_VALUES.astype("f4")[image[..., :3]]
    levels = []
    while values.shape[:2] != (1, 1):
        rows, columns = _box_filter(values.shape[0]), _box_filter(values.shape[1]).T
        values = np.stack([rows @ values[..., channel] @ columns for channel in range(values.shape[2])], -1)
        encoded = values.copy()
        if srgb:
            encoded[..., :3] = encode_srgb(encoded[..., :3])
        levels.append(np.rint(encoded * 255).astype("u1"))
    return levels


def preserve_coverage(
    image: Bytes, levels: Sequence[Bytes], cutoff: float, clamp: tuple[bool, bool] = (False, False)
) -> list[Bytes]:
    """The mip levels below an image (h, w, 4), whose alpha is changed so that their coverage is that of the image.

    Coverage is the fraction of the interpolated image whose alpha is at least `cutoff`, 0 to 1. A level that is too
    smooth for it ends the list: coarser ones would be opaque or empty. As Castano, Computing Alpha Mipmaps, 2010, but
    not by a factor alone, which would saturate at high cutoffs.
    """
    threshold = 255 * cutoff
    coverage = np.mean(_sample_alpha(image, clamp) >= threshold)
    if coverage in (0.0, 1.0):
        return list(levels)
    changed_levels: list[Bytes] = []
    for level in levels:
        alpha = level[..., 3]
        quantile = float(np.quantile(_sample_alpha(level, clamp), 1 - coverage))
        ranges = quantile - int(alpha.min()), int(alpha.max()) - quantile
        if min(ranges) <= 0:
            break
        contrast = min(threshold / ranges[0], (255 - threshold) / ranges[1]) if threshold < 255 else 1.0
        codes = np.rint(np.clip(threshold + contrast * (np.arange(256) - quantile), 0, 255)).astype("u1")
        changed = level.copy()
        changed[..., 3] = codes[alpha]
        error = np.mean(_sample_alpha(changed, clamp) >= threshold) - coverage
        if abs(error) > MAX_COVERAGE_ERROR * coverage:
            break
        changed_levels.append(changed)
    return changed_levels


def _sample_alpha(image: Bytes, clamp: tuple[bool, bool]) -> Doubles:
    """Alpha at points that are evenly spread over an image, bilinear, 0 to 255."""
    alpha, points = image[..., 3], _spread_points(COVERAGE_SAMPLES)
    corners, fractions = [], []
    for position, size, is_clamped in zip(points, alpha.shape[::-1], clamp, strict=True):
        first = np.floor(position * size - 0.5)
        fractions.append(position * size - 0.5 - first)
        pair = first.astype("i8") + np.arange(2)[:, None]
        corners.append(np.clip(pair, 0, size - 1) if is_clamped else pair % size)
    (x0, x1), (y0, y1), (fx, fy) = *corners, fractions
    top = (1 - fx) * alpha[y0, x0] + fx * alpha[y0, x1]
    bottom = (1 - fx) * alpha[y1, x0] + fx * alpha[y1, x1]
    values: Doubles = (1 - fy) * top + fy * bottom
    return values


@lru_cache(1)
def _spread_points(count: int) -> Doubles:
    """(2, count) points of Roberts' R2 sequence (2018), 0 to 1."""
    return np.outer((0.7548776662466927, 0.5698402909980532), np.arange(1, count + 1)) % 1.0


@lru_cache(32)  # images of a scene have few sizes
def _box_filter(count: int) -> Floats:
    """The matrix (count // 2, count) that averages values over equal intervals. A single value stays."""
    edges = np.linspace(0, count, max(count // 2, 1) + 1)
    starts, ends = np.arange(count), np.arange(count) + 1
    overlap = np.clip(np.minimum(edges[1:, None], ends) - np.maximum(edges[:-1, None], starts), 0, 1)
    weights: Floats = (overlap / overlap.sum(1, keepdims=True)).astype("f4")
    return weights
