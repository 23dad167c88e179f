"""How far a picture is from a reference: numbers, and a map of where.

Pictures are linear radiance, (h, w, 3) floats, row 0 on top. A mask, (h, w) bool, marks the pixels that count; without
one all do. The first four metrics take values as they are. SSIM and FLIP ask what a viewer sees and say what they take
a screen to show. A wrong shape, an empty mask, or a value that is no finite float32 is a UserError, in masked pixels as
well: NaN there is a fault too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from ssdo.scene.model import Bytes, Floats
from ssdo.settings import UserError

Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FLOAT32_MAX = float(np.finfo(np.float32).max)


def measured(image: Floats, reference: Floats, mask: Mask | None = None) -> dict[str, float]:
    """Every metric by name: rmse, bias, relmse, psnr, ssim; flip and flip_hdr where the extra `metrics` is installed.

    psnr is infinite for equal pictures. flip_hdr is left out where the reference is black: no exposure shows anything
    of it. Raises UserError.
    """
    _, b, where = _checked(image, reference, mask)
    metrics = {"rmse": rmse, "bias": bias, "relmse": relmse, "psnr": psnr, "ssim": ssim}
    if find_spec("flip_evaluator"):
        metrics["flip"] = flip
        if _brightest(b, where) > 0:
            metrics["flip_hdr"] = flip_hdr
    return {name: metric(image, reference, mask) for name, metric in metrics.items()}


# ---- of linear radiance -------------------------------------------------------------------------------------------------


def rmse(image: Floats, reference: Floats, mask: Mask | None = None) -> float:
    """Root of the mean squared difference over pixels and channels, in units of radiance: 0 is equal, lower is better.
    Raises UserError.
    """
    a, b, where = _checked(image, reference, mask)
    return math.sqrt(float(np.mean((a - b)[where] ** 2)))


def bias(image: Floats, reference: Floats, mask: Mask | None = None) -> float:
    """Mean of image - reference over pixels and channels, in units of radiance: above 0 the image is too bright, below
    0 too dark.

    0 is best, but not enough: errors of opposite sign cancel. Raises UserError.
    """
    a, b, where = _checked(image, reference, mask)
    return float(np.mean((a - b)[where]))


def relmse(image: Floats, reference: Floats, mask: Mask | None = None) -> float:
    """Mean of (image - reference)^2 / (reference^2 + 0.01) over pixels and channels: 0 is equal, no upper end, lower is
    better.

    Rousselle, Knaus, Zwicker: Adaptive Sampling and Reconstruction using Greedy Error Minimization, 2011, with epsilon
    = 1e-2, channel by channel. Dark regions count as much as bright ones, down to a radiance of about 0.1. Raises
    UserError.
    """
    a, b, where = _checked(image, reference, mask)
    return float(np.mean(((a - b) ** 2 / (b**2 + 1e-2))[where]))


def psnr(image: Floats, reference: Floats, mask: Mask | None = None, peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio, 20 log10(peak / rmse), in dB: infinite is equal, no lower end, higher is better.

    The peak is radiance 1, the white of a screen at exposure 0, unless told otherwise: not the brightest pixel, so that
    figures of different scenes share one scale. It is a function of `rmse`, for those who think in dB. Raises UserError.
    """
    if not (math.isfinite(peak) and peak > 0):
        raise UserError(f"peak = {peak!r}: must be a finite number above 0")
    return decibels(rmse(image, reference, mask), peak)


def decibels(error: float, peak: float = 1.0) -> float:
    """An RMSE as PSNR."""
    return 20 * (math.log10(peak) - math.log10(error)) if error > 0 else math.inf


Pair = Sequence[Floats]  # the same picture twice, with noise of mean 0 that is independent


def noise_free_mse(image: Floats | Pair, references: Pair, mask: Mask | None = None) -> float:
    """Mean squared error against the truth that two noisy references share, without their noise: 0 is equal, lower is
    better.

    Let the references be t + m and t + n, with noise of mean 0 that is independent of the image and of one another.
    Then

        (a - t - m) (a - t - n) = (a - t)^2 - (a - t) (m + n) + m n

    and of the right side only (a - t)^2 has a mean other than 0. One reference would have left its variance: (a - t -
    n)^2 has the mean (a - t)^2 + var n. The same number is the error against the mean of both, less a quarter of their
    squared difference. An estimate: it may fall below 0 where the image is nearly right. Noise of the image itself
    counts as error, unless it too is given twice: then the first is held against the first reference and the second
    against the second. The pairs must come from different seeds; given one picture twice, its noise is all there.
    Raises UserError.
    """
    twice = [image, image] if isinstance(image, np.ndarray) else image
    for name, pair in (("references", references), ("images", twice)):
        if len(pair) != 2:
            raise UserError(f"{len(pair)} {name}: must be two, whose noise differs")
    (a, b, where), (c, d, _) = (_checked(i, r, mask) for i, r in zip(twice, references, strict=True))
    return float(np.mean(((a - b) * (c - d))[where]))


def noise_free_rmse(image: Floats | Pair, references: Pair, mask: Mask | None = None) -> float:
    """The root of `noise_free_mse`, 0 where that is below 0: radiance, lower is better. Raises UserError."""
    return math.sqrt(max(noise_free_mse(image, references, mask), 0.0))


# ---- of what is seen ----------------------------------------------------------------------------------------------------


def ssim(image: Floats, reference: Floats, mask: Mask | None = None) -> float:
    """Mean structural similarity of what a screen shows: -1 to 1, 1 is equal, higher is better.

    Wang, Bovik, Sheikh, Simoncelli: Image Quality Assessment: From Error Visibility to Structural Similarity, 2004: a
    Gaussian window of 11 pixels, sigma 1.5, K = 0.01 and 0.03, on radiance clipped to 0..1 in the sRGB curve (what the
    display shows with the curve `none`). They compare grey; here red, green and blue are averaged, for coloured light
    is what this project looks at. Windows see only what the mask marks. As in the paper's own code those that lean over
    the image's edge do not count, unless there are no others. Raises UserError.
    """
    a, b, where = _checked(image, reference, mask)
    inner = np.zeros_like(where)
    inner[REACH:-REACH, REACH:-REACH] = True
    counted = where & inner if (where & inner).any() else where
    return float(_ssim_map(a, b, where)[counted].mean())


def flip(image: Floats, reference: Floats, mask: Mask | None = None) -> float:
    """Mean LDR-FLIP: what flipping between the two on a screen shows, 0 to 1, 0 is equal, lower is better.

    Andersson, Nilsson, Akenine-Moller, Oskarsson, Astrom, Fairchild: FLIP: A Difference Evaluator for Alternating
    Images, 2020, as their package computes it, on radiance clipped to 0..1, at 67 pixels a degree (a 0.7 m wide screen
    of 3840 pixels, 0.7 m away). What the mask leaves out is made equal first, so that it does not leak in. Raises
    UserError, also where the extra `metrics` is missing.
    """
    a, b, where = _checked(image, reference, mask)
    return _flip(np.clip(a, 0, 1), np.clip(b, 0, 1), where, "LDR", {})


def flip_hdr(image: Floats, reference: Floats, mask: Mask | None = None) -> float:
    """Mean HDR-FLIP: the largest LDR-FLIP over the exposures that show the reference, 0 to 1, 0 is equal, lower is
    better.

    Andersson, Nilsson, Shirley, Akenine-Moller: Visualizing Errors in Rendered High Dynamic Range Images, 2021, as
    their package computes it with the ACES curve; radiance below 0 counts as 0. The exposures follow from the reference
    where the mask counts, by the paper's rule: its brightest and its median pixel shown at 85 % of white. Independent
    of the unit of radiance. Raises UserError, also for a reference that is black there, and where the extra `metrics` is
    missing.
    """
    a, b, where = _checked(image, reference, mask)
    brightest = _brightest(b, where)
    if brightest <= 0:
        raise UserError(
            "the reference is black where it is compared, so that HDR-FLIP has no exposure for it; use flip or rmse"
        )
    # Given to the package, not left to it: there a dark reference ends the process, and a background would decide the
    # median. In units of the brightest pixel 1e4 is white at every exposure; without an end, large values overflow to
    # NaN there.
    a, b = np.clip(a / brightest, 0, 1e4), np.clip(b / brightest, 0, 1e4)
    median = max(float(np.median(b[where] @ LUMINANCE)), float(np.finfo(np.float32).eps))  # the package's own floor
    start, stop = math.log2(ACES_85), math.log2(ACES_85 / min(median, 1.0))
    exposures = {
        "startExposure": start,
        "stopExposure": stop,
        "numExposures": max(2, math.ceil(stop - start)),
        "tonemapper": "ACES",
    }
    return _flip(a, b, where, "HDR", exposures)


# ---- maps ---------------------------------------------------------------------------------------------------------------


def error_map(image: Floats, reference: Floats) -> Floats:
    """(h, w): at each pixel the root of the mean squared difference of its channels. `rmse` is its root mean square.
    Raises UserError.
    """
    a, b, _ = _checked(image, reference, None)
    apart: Floats = np.minimum(np.sqrt(np.mean((a - b) ** 2, -1)), FLOAT32_MAX).astype(np.float32)
    return apart


def false_colour(values: Floats, top: float, mask: Mask | None = None) -> Bytes:
    """(h, w) values as (h, w, 3) 8 bit sRGB: 0 and less black, over purple and orange to pale yellow at `top` and more.

    The map `inferno` of Nathaniel Smith and Stefan van der Walt (2015, CC0): equal steps look equal, and lightness only
    rises. What the mask leaves out is a blue grey, which the map does not have. Raises UserError.
    """
    if not (math.isfinite(top) and top > 0):
        raise UserError(f"top = {top!r}: must be a finite number above 0")
    if values.ndim != 2:
        raise UserError(f"values of shape {values.shape}: must be (height, width)")
    _check_finite("values", values)
    where = _checked_mask(mask, values.shape)
    place = np.clip(values.astype(np.float64) / top, 0, 1)
    at = np.linspace(0, 1, len(INFERNO))
    colours = np.stack([np.interp(place, at, channel) for channel in INFERNO.T], -1)
    return np.rint(np.where(where[..., None], colours, UNCOUNTED)).astype(np.uint8)


# Every fifth of matplotlib's 256 colours; straight lines between them stay within 1 of 255.
INFERNO = np.frombuffer(
    bytes.fromhex(
        "00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c59106e61136e69166e71196e781c6d801f6c88226a90256898276"
        "6a02a63a82e5fb0315bb73557bf3952c63d4dcc4248d34743d94d3ddf5337e45a31e9612bed6925f1711ff47918f78212f98b0bfa9407fb9d07fca60cfcb014fbba"
        "1ffac42af8cd37f6d746f4e156f2ea69f2f27df5f992fcffa4"
    ),
    np.uint8,
).reshape(-1, 3)
UNCOUNTED = np.array([88, 96, 112])


# ---- inside -------------------------------------------------------------------------------------------------------------


def _checked(image: Floats, reference: Floats, mask: Mask | None) -> tuple[Doubles, Doubles, Mask]:
    """Both in double precision, in which no square of a float32 overflows, and where they count. Raises UserError."""
    for name, picture in (("image", image), ("reference", reference)):
        if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise UserError(f"{name} of shape {picture.shape}: must be (height, width, 3)")
        _check_finite(name, picture)
    if image.shape != reference.shape:
        (h, w, _), (rh, rw, _) = image.shape, reference.shape
        raise UserError(
            f"the image is {w} x {h}, the reference {rw} x {rh}: must be equal; draw one of them again with --width and --height"
        )
    return image.astype(np.float64), reference.astype(np.float64), _checked_mask(mask, image.shape[:2])


def _check_finite(name: str, values: npt.NDArray[Any]) -> None:
    if values.dtype.kind != "f":
        raise UserError(f"{name} holds {values.dtype}: must be linear floating point, not what a screen shows")
    bad = ~(np.abs(values) <= FLOAT32_MAX)  # true for NaN too
    if bad.any():
        first = tuple(np.argwhere(bad)[0])
        where = f"row {first[0]}, column {first[1]}"
        raise UserError(
            f"{name}: {bad.sum()} of {bad.size} values are not finite (float32), the first, {values[first]}, in {where}"
        )


def _checked_mask(mask: Mask | None, shape: tuple[int, ...]) -> Mask:
    if mask is None:
        return np.ones(shape, np.bool_)
    if mask.dtype != np.bool_ or mask.shape != shape:
        raise UserError(f"mask of {mask.dtype} and shape {mask.shape}: must be bool and {shape}")
    if not mask.any():
        raise UserError("the mask marks no pixel: there is nothing to compare")
    return mask


# SSIM of our own: scikit-image, which the tests compare it with, brings 200 MB, knows no mask and refuses images below
# 11 pixels.
REACH = 5
WINDOW = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) / 1.5) ** 2)
WINDOW /= WINDOW.sum()


def _blurred(plane: Doubles) -> Doubles:
    """The Gaussian window over (h, w), with nothing beyond the edges."""
    for axis in (0, 1):
        padded = np.pad(plane, [(REACH, REACH) if a == axis else (0, 0) for a in (0, 1)])
        plane = np.lib.stride_tricks.sliding_window_view(padded, len(WINDOW), axis) @ WINDOW
    return plane


def _ssim_map(a: Doubles, b: Doubles, where: Mask) -> Doubles:
    """(h, w): SSIM of the window at each pixel, mean of the channels; meaningless where the mask is false."""
    weight = np.where(where, _blurred(where.astype(np.float64)), 1.0)
    c1, c2 = 0.01**2, 0.03**2
    total = np.zeros(where.shape)
    for x, y in zip(np.moveaxis(_srgb(a), -1, 0) * where, np.moveaxis(_srgb(b), -1, 0) * where, strict=True):
        mx, my, xx, yy, xy = (_blurred(p) / weight for p in (x, y, x * x, y * y, x * y))
        total += (
            (2 * mx * my + c1)
            * (2 * (xy - mx * my) + c2)
            / ((mx * mx + my * my + c1) * (xx - mx * mx + (yy - my * my) + c2))
        )
    return total / 3


def _srgb(linear: Doubles) -> Doubles:
    """IEC 61966-2-1, clipped to 0..1."""
    c = np.clip(linear, 0, 1)
    return np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)


LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of linear sRGB, as FLIP takes it


def _aces_inverse(shown: float) -> float:
    """What the package's ACES curve (Narkowicz 2015, its input times 0.6) shows at this share of white."""
    a, b, c, d, e = 0.36 * 2.51, 0.6 * 0.03, 0.36 * 2.43, 0.6 * 0.59, 0.14
    p, q, r = a - shown * c, b - shown * d, -shown * e
    return (-q + math.sqrt(q * q - 4 * p * r)) / (2 * p)


ACES_85 = _aces_inverse(0.85)


def _brightest(picture: Doubles, where: Mask) -> float:
    """The largest luminance where it counts."""
    return float((np.maximum(picture[where], 0) @ LUMINANCE).max())


def _flip(a: Doubles, b: Doubles, where: Mask, kind: str, parameters: dict[str, Any]) -> float:
    try:
        import flip_evaluator
    except ImportError:
        raise UserError(
            "FLIP needs the package flip-evaluator, the extra metrics: pip install '.[metrics]' (not for Python 3.14)"
        ) from None
    test, truth = (np.ascontiguousarray(p, np.float32) for p in (np.where(where[..., None], a, b), b))
    found, *_ = flip_evaluator.evaluate(
        truth, test, kind, inputsRGB=False, applyMagma=False, computeMeanError=False, parameters=parameters
    )
    mean = float(found[..., 0][where].mean(dtype=np.float64))
    if not math.isfinite(mean):
        raise UserError(f"FLIP of these pictures is {mean}; use rmse")
    return mean
