"""The transfer function of sRGB (IEC 61966-2-1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ssdo.arrays import Array, Bytes, Doubles


def decode_srgb(srgb: Doubles) -> Doubles:
    """Linear values of sRGB from 0 to 1."""
    linear: Doubles = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return linear


def encode_srgb(linear: Array) -> Array:
    """sRGB of linear values from 0 to 1, of the same type."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def encode_srgb8(linear: npt.ArrayLike) -> Bytes:
    """sRGB codes, 0 to 255, of linear values; those beyond 0 and 1 are clipped."""
    codes: Bytes = np.rint(255 * encode_srgb(np.clip(np.asarray(linear, "f8"), 0, 1))).astype("u1")
    return codes


LINEAR_VALUES: Doubles = decode_srgb(np.arange(256) / 255)  # by code
