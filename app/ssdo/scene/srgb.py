"""8-bit sRGB images that are computed from others, texel by texel (IEC 61966-2-1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from ssdo.arrays import Bytes, Doubles

_VALUES = np.arange(256) / 255
LINEAR_VALUES: Doubles = np.where(_VALUES <= 0.04045, _VALUES / 12.92, ((_VALUES + 0.055) / 1.055) ** 2.4)  # by code


def encode_srgb(linear: npt.ArrayLike) -> Bytes:
    """Codes of linear values; those beyond 0 and 1 are clipped."""
    c = np.clip(np.asarray(linear, "f8"), 0, 1)
    encoded = np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)
    codes: Bytes = np.rint(255 * encoded).astype("u1")
    return codes


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


def resize_pixels(pixels: Bytes, width: int, height: int) -> Bytes:
    """(height, width) or (height, width, channels) as `pixels`, bilinear in codes."""
    if pixels.shape[:2] == (height, width):
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
