"""What the readers of radiance images share: conversion to Rec. 709 primaries, and values that are no radiance.

Linear colour is converted through CIE XYZ. A white point that is not D65 is adapted with the Bradford matrix, so that
white stays white (G. Sharma, Digital Color Imaging Handbook, 2003, chapter 1). CIE XYZ itself is absolute and is not
adapted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ssdo.arrays import Doubles, Floats

# x and y of red, green, blue and white, as the attribute of EXR and the header line of HDR give them.
Chromaticities = tuple[float, ...]

REC_709: Chromaticities = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)
CIE_XYZ: Chromaticities = (1, 0, 0, 1, 0, 0, 1 / 3, 1 / 3)
MAX_ROUNDING = 5e-4  # files give three decimals or more
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
MAX_HALF = 65504.0  # the largest 16-bit float: brighter suns are infinite in files of half floats
MAX_FLOAT = float(np.finfo("f4").max)
MAX_CLIPPED_FRACTION = 0.01  # of the light; more is noted
BATCH_PIXELS = 2**16  # converted at a time, in double precision


# ---- primaries -------------------------------------------------------------------------------------------------------


def is_rec_709(primaries: Chromaticities) -> bool:
    """Whether primaries are Rec. 709 with D65, as files round them."""
    return np.allclose(primaries, REC_709, rtol=0, atol=MAX_ROUNDING)


def compute_xyz_matrix(primaries: Chromaticities) -> Doubles:
    """(3, 3) linear RGB to CIE XYZ; RGB white has luminance 1. Raises ValueError for primaries without a colour space.

    SMPTE RP 177, 1993.
    """
    xy = np.reshape(primaries, (4, 2)).astype("f8")
    if not np.isfinite(xy).all() or np.abs(xy).max() > 10 or abs(xy[3, 1]) < 1e-6:
        raise ValueError
    columns = np.stack([xy[:, 0], xy[:, 1], 1 - xy.sum(1)])
    if abs(np.linalg.det(columns[:, :3])) < 1e-6:
        raise ValueError
    scales = np.linalg.solve(columns[:, :3], columns[:, 3] / xy[3, 1])
    if np.abs(scales).min() < 1e-6:
        raise ValueError
    matrix: Doubles = columns[:, :3] * scales
    return matrix


def adapt_white(white: Sequence[float]) -> Doubles:
    """(3, 3) CIE XYZ under a white point (x, y) to CIE XYZ under D65."""
    source, target = (np.array((x, y, 1 - x - y)) / y for x, y in (white, REC_709[6:]))
    matrix: Doubles = np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ target) / (BRADFORD @ source)) @ BRADFORD
    return matrix


def compute_rec_709_matrix(primaries: Chromaticities) -> Doubles:
    """(3, 3) linear RGB of these primaries to Rec. 709. Raises ValueError for primaries without a colour space."""
    to_xyz = compute_xyz_matrix(primaries)
    if not np.allclose(primaries, CIE_XYZ, rtol=0, atol=MAX_ROUNDING):
        to_xyz = adapt_white(primaries[6:]) @ to_xyz
    if not np.isfinite(to_xyz).all():
        raise ValueError
    matrix: Doubles = np.linalg.inv(compute_xyz_matrix(REC_709)) @ to_xyz
    return matrix


def convert_primaries(image: Floats, primaries: Chromaticities) -> None:
    """Convert (h, w, 3) to Rec. 709 in place. Colours outside become negative, values beyond float32 infinite.

    Raises ValueError for primaries without a colour space.
    """
    if is_rec_709(primaries):
        return
    multiply_colors(image, compute_rec_709_matrix(primaries))


def multiply_colors(image: Floats, matrix: Doubles) -> None:
    """Multiply each colour of (h, w, 3) by a matrix, in place."""
    rows = max(BATCH_PIXELS // max(image.shape[1], 1), 1)
    with np.errstate(over="ignore", invalid="ignore"):
        for y in range(0, len(image), rows):
            image[y : y + rows] = image[y : y + rows].astype("f8") @ matrix.T


# ---- values that are no radiance -------------------------------------------------------------------------------------


def replace_non_finite(image: Floats, notes: list[str]) -> None:
    """Make NaN 0, and infinite values the brightest finite one, or the largest half float. In place, with a note."""
    finite = np.isfinite(image)
    if finite.all():
        return
    pixels = ~finite.all(-1)
    row, column = np.argwhere(pixels)[0]
    peak = max(MAX_HALF, float(np.max(image, initial=0.0, where=finite)))
    np.nan_to_num(image, copy=False, nan=0.0, posinf=peak, neginf=0.0)
    count = np.count_nonzero(pixels)
    notes.append(
        f"{count} pixel{'s are' if count > 1 else ' is'} NaN or infinite, first at column {column}, row {row}; "
        f"NaN is taken as 0, infinite as {peak:g}"
    )


def clip_negative(image: Floats, notes: list[str]) -> None:
    """Make negative values 0, in place, with a note if they are much of the light. Infinite ones become finite."""
    low, high = float(image.min(initial=0.0)), float(image.max(initial=0.0))
    if max(-low, high) > MAX_FLOAT:
        np.clip(image, -MAX_FLOAT, MAX_FLOAT, out=image)
    if low >= 0:
        return
    negative, positive = (float(np.sum(image, dtype="f8", where=mask)) for mask in (image < 0, image > 0))
    np.maximum(image, 0, out=image)
    if -negative > MAX_CLIPPED_FRACTION * positive:
        amount = f"{-negative / positive:.0%} of the positive ones" if positive else "there are no others"
        notes.append(f"negative values are clipped to 0: {amount}")


def clip_radiance(image: Floats, limit: float, notes: list[str]) -> Floats:
    """The image up to a limit, with a note. It is changed in place."""
    peak = float(image.max(initial=0.0))
    if peak <= limit:
        return image
    count = np.count_nonzero(image.max(-1) > limit)
    notes.append(f"{count} pixel{'s' if count > 1 else ''} of up to {peak:.2g} clipped to {limit:g}")
    return np.minimum(image, np.float32(limit), out=image)
