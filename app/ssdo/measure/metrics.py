"""Image metrics against a reference, and error maps.

Images are linear radiance, (h, w, 3) floats, row 0 on top. A mask, (h, w) bool, selects the pixels that count; without
one all do. RMSE, bias, relMSE and PSNR use values as they are. SSIM and FLIP ask what a viewer sees on a display.

All functions raise UserError on a wrong shape, an empty mask, or a value that is not a finite float32. This includes
pixels outside the mask: NaN is a fault there too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from ssdo.arrays import Array, Bools, Bytes, Doubles, Floats
from ssdo.optional_packages import make_missing_error
from ssdo.settings import UserError
from ssdo.srgb import encode_srgb

Mask = Bools
Pair = Sequence[Floats]  # two images of the same signal, with independent noise of mean 0

FLOAT32_MAX = float(np.finfo(np.float32).max)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of linear sRGB, as in FLIP


def has_flip() -> bool:
    """Whether FLIP can be computed: it needs the extra `metrics`."""
    return find_spec("flip_evaluator") is not None


def compute_metrics(
    image: Floats, reference: Floats, mask: Mask | None = None, with_flip: bool = True
) -> dict[str, float]:
    """Compute every metric, by name: rmse, bias, relmse, psnr, ssim; with the extra `metrics` also flip and flip_hdr.

    `with_flip` False leaves out the latter, which take most of the time. psnr is infinite for equal images. flip_hdr is
    left out for a black reference, which no exposure can show. Raises UserError.
    """
    _, checked_reference, mask_or_all = _check_images(image, reference, mask)
    metrics = {"rmse": rmse, "bias": bias, "relmse": relmse, "psnr": psnr, "ssim": ssim}
    if with_flip and has_flip():
        metrics["flip"] = flip
        if _max_luminance(checked_reference, mask_or_all) > 0:
            metrics["flip_hdr"] = flip_hdr
    return {name: metric(image, reference, mask) for name, metric in metrics.items()}


# ---- linear radiance -------------------------------------------------------------------------------------------------


def rmse(image: Floats, reference: Floats, mask: Mask | None = None) -> float:
    """Root mean square error over pixels and channels, in units of radiance. 0 is equal, lower is better.

    Raises UserError.
    """
    a, b, where = _check_images(image, reference, mask)
    return math.sqrt(float(np.mean((a - b)[where] ** 2)))


def bias(image: Floats, reference: Floats, mask: Mask | None = None) -> float:
    """Mean of image - reference over pixels and channels, in units of radiance. Above 0 the image is too bright.

    0 does not mean that the images are equal: errors of opposite sign cancel. Raises UserError.
    """
    a, b, where = _check_images(image, reference, mask)
    return float(np.mean((a - b)[where]))


def relmse(image: Floats, reference: Floats, mask: Mask | None = None) -> float:
    """Mean of (image - reference)^2 / (reference^2 + 0.01) over pixels and channels. 0 is equal, lower is better.

    Rousselle, Knaus, Zwicker, Adaptive Sampling and Reconstruction using Greedy Error Minimization, 2011, with epsilon
    = 1e-2, for each channel. Dark regions count as much as bright ones, down to a radiance of about 0.1. Raises
    UserError.
    """
    a, b, where = _check_images(image, reference, mask)
    return float(np.mean(((a - b) ** 2 / (b**2 + 1e-2))[where]))


def psnr(image: Floats, reference: Floats, mask: Mask | None = None, peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio, 20 log10(peak / rmse), in dB. Infinite is equal, higher is better.

    The peak is radiance 1, which is white at exposure 0. It is not the brightest pixel, so that values of different
    scenes are comparable. Raises UserError.
    """
    if not (math.isfinite(peak) and peak > 0):
        raise UserError(f"peak = {peak!r}: must be a finite number above 0")
    return psnr_from_rmse(rmse(image, reference, mask), peak)


def psnr_from_rmse(error: float, peak: float = 1.0) -> float:
    """Convert an RMSE to PSNR, in dB."""
    return 20 * (math.log10(peak) - math.log10(error)) if error > 0 else math.inf


def noise_free_mse(image: Floats | Pair, references: Pair, mask: Mask | None = None) -> float:
    """Mean squared error against the signal that two noisy references share, without their noise.

    Let the references be t + m and t + n, with noise of mean 0 that is independent of the image and of one another.
    Then

        (a - t - m) (a - t - n) = (a - t)^2 - (a - t) (m + n) + m n

    and only (a - t)^2 on the right side has a mean other than 0. With one reference, the mean of (a - t - n)^2 would be
    (a - t)^2 + var n. The result equals the error against the mean of both references, minus a quarter of their squared
    difference. It is an estimate, which may be below 0 for an image that is nearly right.

    The image's own noise counts as error, unless the image is a pair too: then the first is compared with the first
    reference, and the second with the second. The pairs must come from different seeds. Raises UserError.
    """
    image_pair = [image, image] if isinstance(image, np.ndarray) else image
    for name, pair in (("references", references), ("images", image_pair)):
        if len(pair) != 2:
            raise UserError(f"{len(pair)} {name}: must be two with different noise")
    (a, b, where), (c, d, _) = (_check_images(i, r, mask) for i, r in zip(image_pair, references, strict=True))
    return float(np.mean(((a - b) * (c - d))[where]))


def noise_free_rmse(image: Floats | Pair, references: Pair, mask: Mask | None = None) -> float:
    """The root of `noise_free_mse`, 0 if that is below 0, in units of radiance. Raises UserError."""
    return math.sqrt(max(noise_free_mse(image, references, mask), 0.0))


# ---- perception ------------------------------------------------------------------------------------------------------

# scikit-image, which the tests compare with, takes 200 MB, has no mask and needs images of at least 11 pixels.
SSIM_RADIUS = 5  # pixels
SSIM_WINDOW = np.exp(-0.5 * (np.arange(-SSIM_RADIUS, SSIM_RADIUS + 1) / 1.5) ** 2)
SSIM_WINDOW /= SSIM_WINDOW.sum()
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2


def ssim(image: Floats, reference: Floats, mask: Mask | None = None) -> float:
    """Mean structural similarity of the displayed images, -1 to 1. 1 is equal, higher is better.

    Wang, Bovik, Sheikh, Simoncelli, Image Quality Assessment: From Error Visibility to Structural Similarity, 2004:
    a Gaussian window of 11 pixels, sigma 1.5, K = 0.01 and 0.03. Radiance is clipped to 0..1 and converted to sRGB. The
    paper compares grey images; here the mean of red, green and blue is taken, because coloured light matters. Windows
    read only pixels of the mask. As in the paper's code, windows that reach beyond the image do not count, unless there
    are no others. Raises UserError.
    """
    a, b, where = _check_images(image, reference, mask)
    has_full_window = np.zeros_like(where)
    has_full_window[SSIM_RADIUS:-SSIM_RADIUS, SSIM_RADIUS:-SSIM_RADIUS] = True
    window_mask = where & has_full_window if (where & has_full_window).any() else where
    return float(_ssim_map(a, b, where)[window_mask].mean())


def _ssim_map(a: Doubles, b: Doubles, where: Mask) -> Doubles:
    """(h, w) mean SSIM of the channels in the window at each pixel; undefined outside the mask."""
    weight = np.where(where, _blur(where.astype(np.float64)), 1.0)
    total = np.zeros(where.shape)
    a, b = (np.moveaxis(encode_srgb(np.clip(values, 0, 1)), -1, 0) * where for values in (a, b))
    for x, y in zip(a, b, strict=True):
        mx, my, xx, yy, xy = (_blur(plane) / weight for plane in (x, y, x * x, y * y, x * y))
        total += (
            (2 * mx * my + SSIM_C1)
            * (2 * (xy - mx * my) + SSIM_C2)
            / ((mx * mx + my * my + SSIM_C1) * (xx - mx * mx + (yy - my * my) + SSIM_C2))
        )
    return total / 3


def _blur(plane: Doubles) -> Doubles:
    """(h, w) sums over the SSIM window, with 0 beyond the edges."""
    for axis in (0, 1):
        padding = [(SSIM_RADIUS, SSIM_RADIUS) if a == axis else (0, 0) for a in (0, 1)]
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(plane, padding), len(SSIM_WINDOW), axis)
        plane = windows @ SSIM_WINDOW
    return plane


def flip(image: Floats, reference: Floats, mask: Mask | None = None) -> float:
    """Mean LDR-FLIP, the difference seen when alternating the images on a display, 0 to 1. 0 is equal, lower is better.

    Andersson, Nilsson, Akenine-Moller, Oskarsson, Astrom, Fairchild, FLIP: A Difference Evaluator for Alternating
    Images, 2020, by the authors' package, on radiance clipped to 0..1, at 67 pixels per degree (a display 0.7 m wide,
    of 3840 pixels, at 0.7 m). Pixels outside the mask are made equal first, so that they do not affect others. Raises
    UserError, also without the extra `metrics`.
    """
    a, b, where = _check_images(image, reference, mask)
    return _evaluate_flip(np.clip(a, 0, 1), np.clip(b, 0, 1), where, "LDR", {})


def flip_hdr(image: Floats, reference: Floats, mask: Mask | None = None) -> float:
    """Mean HDR-FLIP, the largest LDR-FLIP over the exposures that suit the reference, 0 to 1. Lower is better.

    Andersson, Nilsson, Shirley, Akenine-Moller, Visualizing Errors in Rendered High Dynamic Range Images, 2021, by the
    authors' package with the ACES curve. Radiance below 0 counts as 0. The exposures follow from the masked reference
    by the paper's rule: its brightest and its median pixel are shown at 85 % of white. The result does not depend on
    the unit of radiance. Raises UserError, also for a reference that is black there, and without the extra `metrics`.
    """
    a, b, where = _check_images(image, reference, mask)
    brightest = _max_luminance(b, where)
    if brightest <= 0:
        raise UserError("the reference is black inside the mask, so HDR-FLIP has no exposure for it; use flip or rmse")
    # In units of the brightest pixel, 1e4 is white at every exposure. Larger values would overflow to NaN.
    a, b = np.clip(a / brightest, 0, 1e4), np.clip(b / brightest, 0, 1e4)
    # The package's own exposures would count the background, and a dark reference would end the process.
    package_floor = float(np.finfo(np.float32).eps)
    median = max(float(np.median(b[where] @ LUMINANCE)), package_floor)
    start, stop = math.log2(ACES_85), math.log2(ACES_85 / min(median, 1.0))
    exposures = {
        "startExposure": start,
        "stopExposure": stop,
        "numExposures": max(2, math.ceil(stop - start)),
        "tonemapper": "ACES",
    }
    return _evaluate_flip(a, b, where, "HDR", exposures)


def _invert_aces(displayed: float) -> float:
    """The value that FLIP's ACES curve (Narkowicz 2015, its input times 0.6) maps to `displayed`, 0 to 1."""
    a, b, c, d, e = 0.36 * 2.51, 0.6 * 0.03, 0.36 * 2.43, 0.6 * 0.59, 0.14
    p, q, r = a - displayed * c, b - displayed * d, -displayed * e
    return (-q + math.sqrt(q * q - 4 * p * r)) / (2 * p)


ACES_85 = _invert_aces(0.85)


def _max_luminance(image: Doubles, where: Mask) -> float:
    return float((np.maximum(image[where], 0) @ LUMINANCE).max())


def _evaluate_flip(a: Doubles, b: Doubles, where: Mask, kind: str, parameters: dict[str, Any]) -> float:
    try:
        import flip_evaluator
    except ImportError:
        raise make_missing_error("FLIP needs", "flip_evaluator") from None
    test, reference = (np.ascontiguousarray(p, np.float32) for p in (np.where(where[..., None], a, b), b))
    flip_map, *_ = flip_evaluator.evaluate(
        reference, test, kind, inputsRGB=False, applyMagma=False, computeMeanError=False, parameters=parameters
    )
    mean = float(flip_map[..., 0][where].mean(dtype=np.float64))
    if not math.isfinite(mean):
        raise UserError(f"FLIP of these images is {mean}; use rmse")
    return mean


# ---- error maps ------------------------------------------------------------------------------------------------------

# Every fifth of matplotlib's 256 colours of the map; linear interpolation stays within 1 of 255.
INFERNO = np.frombuffer(
    bytes.fromhex(
        "00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c59106e61136e69166e"
        "71196e781c6d801f6c88226a902568982766a02a63a82e5fb0315bb73557bf3952c63d4dcc4248d34743d94d3ddf5337"
        "e45a31e9612bed6925f1711ff47918f78212f98b0bfa9407fb9d07fca60cfcb014fbba1ffac42af8cd37f6d746f4e156"
        "f2ea69f2f27df5f992fcffa4"
    ),
    np.uint8,
).reshape(-1, 3)
MASKED_COLOUR = np.array([88, 96, 112])  # blue grey, which is not in the map


def error_map(image: Floats, reference: Floats) -> Floats:
    """(h, w) root mean square of the difference's channels at each pixel. `rmse` is its root mean square.

    Raises UserError.
    """
    a, b, _ = _check_images(image, reference, None)
    errors: Floats = np.minimum(np.sqrt(np.mean((a - b) ** 2, -1)), FLOAT32_MAX).astype(np.float32)
    return errors


def false_colour(values: Floats, top: float, mask: Mask | None = None) -> Bytes:
    """Map values (h, w) from 0 to `top` to colours (h, w, 3), 8 bit sRGB, from black over purple and orange to yellow.

    The map is `inferno` of Nathaniel Smith and Stefan van der Walt (2015, CC0), which is perceptually uniform. Pixels
    outside the mask are blue grey. Raises UserError.
    """
    if not (math.isfinite(top) and top > 0):
        raise UserError(f"top = {top!r}: must be a finite number above 0")
    if values.ndim != 2:
        raise UserError(f"values of shape {values.shape}: must be (height, width)")
    _check_finite("values", values)
    where = _check_mask(mask, values.shape)
    positions = np.clip(values.astype(np.float64) / top, 0, 1)
    stops = np.linspace(0, 1, len(INFERNO))
    colours = np.stack([np.interp(positions, stops, channel) for channel in INFERNO.T], -1)
    return np.rint(np.where(where[..., None], colours, MASKED_COLOUR)).astype(np.uint8)


# ---- checks ----------------------------------------------------------------------------------------------------------


def _check_images(image: Floats, reference: Floats, mask: Mask | None) -> tuple[Doubles, Doubles, Mask]:
    """Both images in double precision, in which no square of a float32 overflows, and the mask. Raises UserError."""
    for name, values in (("image", image), ("reference", reference)):
        if values.ndim != 3 or values.shape[2] != 3 or not values.size:
            raise UserError(f"{name} of shape {values.shape}: must be (height, width, 3)")
        _check_finite(name, values)
    if image.shape != reference.shape:
        (h, w, _), (rh, rw, _) = image.shape, reference.shape
        raise UserError(
            f"the image is {w} x {h}, the reference {rw} x {rh}: must be equal; "
            "draw one of them again with --width and --height"
        )
    return image.astype(np.float64), reference.astype(np.float64), _check_mask(mask, image.shape[:2])


def _check_finite(name: str, values: Array) -> None:
    if values.dtype.kind != "f":
        raise UserError(f"{name} holds {values.dtype}: must be linear floating point, not 8 bit sRGB")
    is_bad = ~(np.abs(values) <= FLOAT32_MAX)  # true for NaN too
    if is_bad.any():
        first = tuple(np.argwhere(is_bad)[0])
        raise UserError(
            f"{name}: {is_bad.sum()} of {is_bad.size} values are not finite (float32), the first, {values[first]}, "
            f"in row {first[0]}, column {first[1]}"
        )


def _check_mask(mask: Mask | None, shape: tuple[int, ...]) -> Mask:
    if mask is None:
        return np.ones(shape, np.bool_)
    if mask.dtype != np.bool_ or mask.shape != shape:
        raise UserError(f"mask of {mask.dtype} and shape {mask.shape}: must be bool and {shape}")
    if not mask.any():
        raise UserError("the mask is empty: there is nothing to compare")
    return mask
