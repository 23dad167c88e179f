"""Mip levels computed on the CPU, for software renderers: see `Uploader.image`."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ssdo.arrays import Bytes, Floats


def compute_mips(image: Bytes, srgb: bool) -> list[Bytes]:
    """The mip levels below an image (h, w, 4), down to one pixel. With `srgb`, colours are averaged in linear light."""
    values = image.astype("f4") / 255
    if srgb:
        values[..., :3] = SRGB_TO_LINEAR[image[..., :3]]
    levels = []
    while values.shape[:2] != (1, 1):
        rows, columns = _box_filter(values.shape[0]), _box_filter(values.shape[1]).T
        values = np.stack([rows @ values[..., channel] @ columns for channel in range(values.shape[2])], -1)
        encoded = values.copy()
        if srgb:
            linear = encoded[..., :3]
            encoded[..., :3] = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        levels.append(np.rint(encoded * 255).astype("u1"))
    return levels


@lru_cache(32)  # images of a scene have few sizes
def _box_filter(count: int) -> Floats:
    """The matrix (count // 2, count) that averages values over equal intervals. A single value stays."""
    edges = np.linspace(0, count, max(count // 2, 1) + 1)
    starts, ends = np.arange(count), np.arange(count) + 1
    overlap = np.clip(np.minimum(edges[1:, None], ends) - np.maximum(edges[:-1, None], starts), 0, 1)
    weights: Floats = (overlap / overlap.sum(1, keepdims=True)).astype("f4")
    return weights


_CODES = np.arange(256, dtype="f4") / 255
SRGB_TO_LINEAR: Floats = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype("f4")
