"""An image halved from level to level, for software renderers: see `Gpu.image`. No OpenGL here."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ssdo.scene.model import Bytes, Floats


def halved(image: Bytes, srgb: bool) -> list[Bytes]:
    """The levels below an image (h, w, 4), down to one pixel, each the mean over areas of the one above: of light,
    where colours are sRGB.
    """
    values = image.astype("f4") / 255
    if srgb:
        values[..., :3] = _LINEAR[image[..., :3]]
    levels = []
    while values.shape[:2] != (1, 1):
        down, across = _half(values.shape[0]), _half(values.shape[1]).T
        values = np.stack([down @ values[..., i] @ across for i in range(values.shape[2])], -1)
        stored = values.copy()
        if srgb:
            c = stored[..., :3]
            stored[..., :3] = np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)
        levels.append(np.rint(stored * 255).astype("u1"))
    return levels


@lru_cache(32)  # images of a scene have few sizes
def _half(count: int) -> Floats:
    """The matrix (count // 2, count) that makes means over areas of so many values; of one value itself."""
    edges = np.linspace(0, count, max(count // 2, 1) + 1)
    low, high = np.arange(count), np.arange(count) + 1
    shared = np.clip(np.minimum(edges[1:, None], high) - np.maximum(edges[:-1, None], low), 0, 1)
    matrix: Floats = (shared / shared.sum(1, keepdims=True)).astype("f4")
    return matrix


_C = np.arange(256, dtype="f4") / 255
_LINEAR: Floats = np.where(_C <= 0.04045, _C / 12.92, ((_C + 0.055) / 1.055) ** 2.4).astype("f4")
