"""8-bit sRGB images that are computed from others, texel by texel (IEC 61966-2-1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ssdo.arrays import Bytes
from ssdo.settings import Vec3
from ssdo.srgb import LINEAR_VALUES, encode_srgb8


def combine_images(one: Bytes, other: Bytes, tables: Sequence[Bytes]) -> Bytes:
    """(h, w, 4) an opaque image whose colours are tables[channel][code of one, code of other].

    Images have one channel or more, which then stands for all. The one with fewer pixels is resized.
    """
    height, width = max(one.shape[:2], other.shape[:2], key=lambda size: size[0] * size[1])
    combined = np.full((height, width, 4), 255, "u1")
    for channel, table in enumerate(tables):
        codes = (
            resize_pixels(pixels[..., min(channel, pixels.shape[2] - 1)], width, height) for pixels in (one, other)
        )
        combined[..., channel] = table[tuple(codes)]
    return combined


def layer_images(below: Bytes | None, above: Bytes | None, below_factor: Vec3, above_factor: Vec3) -> Bytes:
    """(h, w, 4) reflectance of one layer on another, below (1 - above) + above, each times its factor.

    None stands for white. Alpha is that of `below`.
    """
    white = np.full((1, 1, 4), 255, "u1")
    below, above = (white if pixels is None else pixels for pixels in (below, above))
    rows, columns = LINEAR_VALUES[:, None], LINEAR_VALUES
    factors = zip(below_factor, above_factor, strict=True)
    tables = [encode_srgb8(b * rows * (1 - a * columns) + a * columns) for b, a in factors]
    layered = combine_images(below[..., :3], above[..., :3], tables)
    layered[..., 3] = resize_pixels(below[..., 3], layered.shape[1], layered.shape[0])
    return layered


def resize_pixels(pixels: Bytes, width: int, height: int) -> Bytes:
    """(height, width) or (height, width, channels) as `pixels`, bilinear in codes."""
    if pixels.shape[:2] == (height, width):
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
