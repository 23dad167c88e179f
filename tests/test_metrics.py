"""Image metrics against closed forms, symmetries and other implementations."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled_data import FAKE_GPU
from ssdo.arrays import Bools, Floats
from ssdo.measure import metrics
from ssdo.measure.metrics import (
    bias,
    compute_metrics,
    error_map,
    false_colour,
    flip,
    flip_hdr,
    noise_free_mse,
    noise_free_rmse,
    psnr,
    relmse,
    rmse,
    ssim,
)
from ssdo.measure.references import ErrorBreakdown, ReferencePair, break_down_error
from ssdo.render.shot import Shot
from ssdo.settings import UserError
from ssdo.srgb import encode_srgb as encode_srgb_array
from ssdo.viewer.convergence import Convergence
from ssdo.viewer.frame_metrics import FrameMetrics
from ssdo.viewer.result_cache import ResultCache

Metric = Callable[..., float]
FLOAT32_MAX = float(np.finfo(np.float32).max)

try:
    import flip_evaluator
except ImportError:  # Python 3.14
    flip_evaluator = None
needs_flip = pytest.mark.skipif(flip_evaluator is None, reason="flip-evaluator is not installed (the extra metrics)")
FLIP_METRICS = [pytest.param(flip, marks=needs_flip), pytest.param(flip_hdr, marks=needs_flip)]
ALL_METRICS = [rmse, bias, relmse, psnr, ssim, *FLIP_METRICS]


def flat_image(*rgb: float, size: tuple[int, int] = (2, 3)) -> Floats:
    """An image of one colour."""
    return np.broadcast_to(np.array(rgb, np.float32), (*size, 3)).copy()


def random_image(seed: int, size: tuple[int, int] = (24, 31)) -> Floats:
    return np.random.default_rng(seed).random((*size, 3), dtype=np.float32)


def left_half_mask(size: tuple[int, int] = (24, 31)) -> Bools:
    """A mask of the left half."""
    return np.broadcast_to(np.arange(size[1]) < size[1] // 2, size).copy()


# ---- closed forms ----------------------------------------------------------------------------------------------------


def test_metrics_of_flat_images() -> None:
    a, b = flat_image(0.5, 1.0, 3.0), flat_image(0.5, 0.5, 1.0)
    assert rmse(a, b) == pytest.approx(math.sqrt((0 + 0.25 + 4) / 3))
    assert bias(a, b) == pytest.approx((0 + 0.5 + 2) / 3)
    assert relmse(a, b) == pytest.approx((0 + 0.25 / 0.26 + 4 / 1.01) / 3)
    assert psnr(a, b) == pytest.approx(10 * math.log10(1 / ((0.25 + 4) / 3)))
    assert psnr(a, b, peak=10.0) == pytest.approx(psnr(a, b) + 20)
    assert error_map(a, b) == pytest.approx(np.full((2, 3), math.sqrt(4.25 / 3)))


def test_relmse_against_black() -> None:
    assert relmse(flat_image(0.3, 0.3, 0.3), flat_image(0, 0, 0)) == pytest.approx(9)


def test_psnr_of_known_noise() -> None:
    """Noise with a standard deviation of 0.01 gives 40 dB."""
    a = random_image(1, (100, 100))
    noise = np.random.default_rng(2).normal(0, 0.01, a.shape).astype("f4")
    assert psnr(a + noise, a) == pytest.approx(40, abs=0.1)


def test_ssim_of_flat_images_is_the_luminance_term() -> None:
    """Without structure, SSIM is (2 x y + c) / (x^2 + y^2 + c) of the sRGB values. Linear 0.21404 is sRGB 0.5."""
    assert ssim(flat_image(0.2140411, 0.2140411, 0.2140411), flat_image(1, 1, 1)) == pytest.approx(
        (2 * 0.5 + 1e-4) / (0.25 + 1 + 1e-4), rel=1e-6
    )


def test_ssim_of_an_inverted_image_is_negative() -> None:
    a = np.repeat(np.where(np.indices((20, 20)).sum(0) % 2, 1.0, 0.0)[..., None], 3, -1).astype("f4")
    assert ssim(1 - a, a) < -0.9


def test_noise_free_mse_removes_the_noise_of_references() -> None:
    """The true RMSE is 0.1. Noise of 0.5 hides it from `rmse`; the estimate's own deviation is 0.5^2 / sqrt(n)."""
    rng = np.random.default_rng(3)
    signal, size = random_image(4, (200, 200)), (200, 200, 3)
    first, second = (signal + rng.normal(0, 0.5, size).astype("f4") for _ in range(2))
    image = signal + np.float32(0.1)
    assert rmse(image, first) > 0.5
    assert noise_free_mse(image, [first, second]) == pytest.approx(0.01, abs=4 * 0.26 / math.sqrt(signal.size))
    assert noise_free_rmse(image, [first, second]) == math.sqrt(noise_free_mse(image, [first, second]))
    mean = (first + second) / 2
    assert noise_free_mse(image, [first, second]) == pytest.approx(
        rmse(image, mean) ** 2 - rmse(first, second) ** 2 / 4, rel=1e-4
    )


def test_noise_free_rmse_of_a_negative_estimate_is_zero() -> None:
    assert noise_free_mse(flat_image(1, 1, 1), [flat_image(0, 0, 0), flat_image(3, 3, 3)]) == -2
    assert noise_free_rmse(flat_image(1, 1, 1), [flat_image(0, 0, 0), flat_image(3, 3, 3)]) == 0


# ---- symmetries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ALL_METRICS)
@pytest.mark.parametrize("size", [(1, 1), (1, 12), (10, 11), (11, 11), (24, 31)])
def test_equal_images_have_the_best_value(metric: Metric, size: tuple[int, int]) -> None:
    best = {psnr: math.inf, ssim: 1.0}.get(metric, 0.0)
    assert metric(random_image(5, size), random_image(5, size)) == pytest.approx(best, abs=1e-12)


@pytest.mark.slow
@given(st.integers(0, 1000), st.floats(0.125, 8, width=32))
def test_symmetries(seed: int, factor: float) -> None:
    a, b = random_image(seed, (12, 13)), random_image(seed + 5000, (12, 13))
    assert rmse(a, b) == rmse(b, a)
    assert bias(a, b) == -bias(b, a)
    assert psnr(a, b) == psnr(b, a)
    assert ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-12)
    k = np.float32(factor)
    assert rmse(k * a, k * b) == pytest.approx(factor * rmse(a, b), rel=1e-5)
    assert rmse(a, b) >= abs(bias(a, b))
    assert rmse(a, b) == pytest.approx(math.sqrt(np.mean(error_map(a, b).astype("f8") ** 2)), rel=1e-6)
    for metric in (rmse, bias, relmse, psnr, ssim):
        assert metric(a[::-1], b[::-1]) == pytest.approx(metric(a, b), rel=1e-9, abs=1e-12)  # negative strides
        assert metric(a, b, np.ones((12, 13), bool)) == metric(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ALL_METRICS)
def test_metrics_rank_noise_levels(metric: Metric) -> None:
    a, noise = random_image(6), random_image(7) - np.float32(0.3)
    values = [metric(a + np.float32(k) * noise, a) for k in (0.02, 0.1, 0.5)]
    assert values == sorted(values, reverse=metric in (psnr, ssim))
    assert len(set(values)) == 3


# ---- masks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ALL_METRICS)
def test_pixels_outside_the_mask_do_not_count(metric: Metric) -> None:
    a, b, where = random_image(8), random_image(9), left_half_mask()
    other = a.copy()
    other[~where] = random_image(10)[~where] * 50
    assert metric(other, b, where) == pytest.approx(metric(a, b, where), abs=1e-9)
    assert metric(a, b, where) != metric(a, b)
    assert metric(other, b) != metric(a, b)


def test_a_mask_equals_a_crop() -> None:
    """Except for FLIP, which reads the reference beyond the mask's edge, and SSIM, whose windows stay inside."""
    a, b, where = random_image(11), random_image(12), left_half_mask()
    for metric in (rmse, bias, relmse, psnr):
        assert metric(a, b, where) == pytest.approx(metric(a[:, :15], b[:, :15]))
    full = metrics._ssim_map(a.astype("f8"), b.astype("f8"), where)[:, :15]
    part = metrics._ssim_map(a[:, :15].astype("f8"), b[:, :15].astype("f8"), np.ones((24, 15), bool))
    assert full == pytest.approx(part)


@pytest.mark.parametrize(("dark", "stops"), [(0.5, 1.0), (2.0**-5, 5.0), (0.0, 23.0)])
def test_hdr_flip_exposures_follow_the_masked_reference(
    monkeypatch: pytest.MonkeyPatch, dark: float, stops: float
) -> None:
    """One exposure per stop from the brightest to the median pixel, at least two. The background is ignored."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(metrics, "_evaluate_flip", lambda *arguments: calls.append(arguments[-1]))
    where = left_half_mask()
    reference = flat_image(50, 50, 50, size=(24, 31))
    reference[where] = dark
    reference[0, 0] = 1
    flip_hdr(random_image(13), reference, where)
    (exposures,) = calls
    assert exposures["stopExposure"] - exposures["startExposure"] == pytest.approx(stops)
    assert exposures["numExposures"] == max(2, stops)
    assert exposures["tonemapper"] == "ACES"


@pytest.mark.parametrize("metric", ALL_METRICS)
def test_mask_of_one_pixel(metric: Metric) -> None:
    a, b = random_image(15), random_image(16)
    where = np.zeros((24, 31), bool)
    where[0, 30] = True
    assert math.isfinite(metric(a, b, where))
    a[0, 30] = b[0, 30]
    assert metric(a, b, where) == pytest.approx({psnr: math.inf, ssim: 1.0}.get(metric, 0.0), abs=1e-12)


# ---- definitions -----------------------------------------------------------------------------------------------------


def encode_srgb(linear: float) -> float:
    c = min(max(linear, 0.0), 1.0)
    return 12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055


def ssim_by_definition(a: Any, b: Any, where: Any) -> float:
    """The sum over each Gaussian window, pixel by pixel, of the windows that lie in the image."""
    height, width = where.shape
    values = []
    for y, x in np.argwhere(where):
        if not (5 <= y < height - 5 and 5 <= x < width - 5):
            continue
        window = [(v, u) for v in range(y - 5, y + 6) for u in range(x - 5, x + 6) if where[v, u]]
        weights = [math.exp(-((v - y) ** 2 + (u - x) ** 2) / (2 * 1.5**2)) for v, u in window]
        total = sum(weights)
        for channel in range(3):
            p = [encode_srgb(float(a[v, u, channel])) for v, u in window]
            q = [encode_srgb(float(b[v, u, channel])) for v, u in window]
            mean_p, mean_q = (sum(w * n for w, n in zip(weights, x, strict=True)) / total for x in (p, q))
            var_p = sum(w * (n - mean_p) ** 2 for w, n in zip(weights, p, strict=True)) / total
            var_q = sum(w * (n - mean_q) ** 2 for w, n in zip(weights, q, strict=True)) / total
            cov = sum(w * (m - mean_p) * (n - mean_q) for w, m, n in zip(weights, p, q, strict=True)) / total
            luminance = (2 * mean_p * mean_q + 1e-4) / (mean_p**2 + mean_q**2 + 1e-4)
            values.append(luminance * (2 * cov + 9e-4) / (var_p + var_q + 9e-4))
    return sum(values) / len(values)


def list_differences(a: Any, b: Any, where: Any) -> list[tuple[float, float]]:
    """The difference and the reference of every channel of every pixel in the mask."""
    return [(float(a[y, x, c]) - float(b[y, x, c]), float(b[y, x, c])) for y, x in np.argwhere(where) for c in range(3)]


@pytest.mark.parametrize("seed", range(3))
def test_metrics_equal_their_definitions(seed: int) -> None:
    """Summed up pixel by pixel, under a mask of random pixels; values from below 0 to above 1."""
    rng = np.random.default_rng(seed)
    size = (13 + seed, 14)
    a, b, c, d = ((rng.random((*size, 3)) * 1.6 - 0.3).astype("f4") for _ in range(4))
    where = rng.random(size) < 0.6
    pairs = list_differences(a, b, where)
    count = len(pairs)
    mse = sum(difference**2 for difference, _ in pairs) / count
    assert rmse(a, b, where) == pytest.approx(math.sqrt(mse), rel=1e-12)
    assert bias(a, b, where) == pytest.approx(sum(difference for difference, _ in pairs) / count, rel=1e-9)
    relative = sum(difference**2 / (expected**2 + 0.01) for difference, expected in pairs) / count
    assert relmse(a, b, where) == pytest.approx(relative, rel=1e-12)
    assert psnr(a, b, where, peak=2.5) == pytest.approx(10 * math.log10(2.5**2 / mse), rel=1e-12)
    assert ssim(a, b, where) == pytest.approx(ssim_by_definition(a, b, where), rel=1e-9)
    products = [m * n for (m, _), (n, _) in zip(pairs, list_differences(a, c, where), strict=True)]
    assert noise_free_mse(a, [b, c], where) == pytest.approx(sum(products) / count, rel=1e-9)
    products = [m * n for (m, _), (n, _) in zip(pairs, list_differences(d, c, where), strict=True)]
    assert noise_free_mse([a, d], [b, c], where) == pytest.approx(sum(products) / count, rel=1e-9)
    root_mean_squares = np.sqrt(np.mean((a.astype("f8") - b) ** 2, -1))
    assert np.allclose(error_map(a, b), root_mean_squares, rtol=1e-6)


@needs_flip
def test_flip_is_the_mean_over_the_mask_of_images_that_are_equal_outside() -> None:
    a, b, where = random_image(40), random_image(41), left_half_mask()
    test = np.where(where[..., None], a, b)
    srgb_images = [encode_srgb_array(np.clip(image.astype("f8"), 0, 1)).astype("f4") for image in (b, test)]
    flip_map = flip_evaluator.evaluate(*srgb_images, "LDR", applyMagma=False)[0][..., 0]
    assert flip(a, b, where) == pytest.approx(float(flip_map[where].mean()), abs=1e-4)


def test_the_noise_free_error_is_unbiased() -> None:
    """Over many renders, within 4 standard errors: the noise of references is removed, and that of an image pair.

    The noise of a single image counts as error. The image may be too dark or too bright.
    """
    rng, trials, size, sigma = np.random.default_rng(6), 1000, (4, 5, 3), 0.5
    signal = rng.random(size)
    where = rng.random((4, 5)) < 0.7

    def draw(offset: float = 0.0) -> Floats:
        return (signal + offset + sigma * rng.standard_normal(size)).astype("f4")

    for offset in (-0.3, 0.2):
        exact = (signal + offset).astype("f4")
        cases: dict[str, tuple[Callable[[], Any], float]] = {
            "exact image": (lambda exact=exact: exact, offset**2),  # type: ignore[misc]
            "noisy image": (lambda offset=offset: draw(offset), offset**2 + sigma**2),  # type: ignore[misc]
            "pair": (lambda offset=offset: [draw(offset), draw(offset)], offset**2),  # type: ignore[misc]
        }
        for name, (make, expected) in cases.items():
            estimates = [noise_free_mse(make(), [draw(), draw()], where) for _ in range(trials)]
            standard_error = float(np.std(estimates)) / math.sqrt(trials)
            assert np.mean(estimates) == pytest.approx(expected, abs=4 * standard_error), name
            assert 4 * standard_error < min(sigma**2 / 8, offset**2 / 2), "noise that is left would be noticed"


# ---- noise of references, wherever it is removed ---------------------------------------------------------------------


class NoisyReferences(NamedTuple):
    """A truth, an image that errs, and two independent references of frames of equal noise."""

    truth: Floats
    image: Floats
    frames: tuple[Floats, Floats]  # (n, h, w, 3) each

    @property
    def pair(self) -> tuple[Floats, Floats]:
        first, second = (frames.mean(0) for frames in self.frames)
        return first, second

    @property
    def reference_pair(self) -> ReferencePair:
        first, second = ({"radiance": radiance, "direct": radiance, "indirect": radiance} for radiance in self.pair)
        return ReferencePair(first, second, (self.image, self.image), Shot())


def make_noisy_references(error: float, frame_noise: float, count: int) -> NoisyReferences:
    """`error`: RMSE of the image. `frame_noise`: standard deviation of a frame."""
    rng, size = np.random.default_rng(12), (48, 64, 3)
    truth = rng.random(size, "f4")
    image = (truth + error * rng.choice((-1, 1), size)).astype("f4")
    frames = [truth + np.float32(frame_noise) * rng.standard_normal((count, *size), "f4") for _ in range(2)]
    return NoisyReferences(truth, image, (frames[0], frames[1]))


def measure_in_viewer(references: NoisyReferences) -> float | None:
    """As the viewer does while the first reference converges, of which it has the mean so far."""
    convergence = Convergence()
    frames = references.frames[0]
    for count in range(1, len(frames) + 1):
        convergence.add_frame(lambda count=count: frames[:count].mean(0).reshape(-1, 3))  # type: ignore[misc]
    renders = {}
    for slot, radiance in (("A", references.image), ("reference", frames.mean(0))):
        gbuffer = SimpleNamespace(depth=np.ones((*radiance.shape[:2], 1), "f4"))
        display = SimpleNamespace(size=radiance.shape[1::-1])
        result = SimpleNamespace(radiance=radiance, display=display, inputs=SimpleNamespace(gbuffer=gbuffer))
        renders[slot] = SimpleNamespace(result=result, image=result, convergence=convergence)
    scheduler: Any = SimpleNamespace(renders=renders)
    return FrameMetrics(FAKE_GPU, scheduler, ResultCache(scheduler)).rmse("A")


def break_down(references: NoisyReferences) -> ErrorBreakdown:
    pair, where = references.reference_pair, np.ones(references.truth.shape[:2], bool)
    return break_down_error(references.image, references.image, pair, pair, where)


# RMSE by each estimator that knows references and their noise.
NOISE_FREE_ERRORS: dict[str, Callable[[NoisyReferences], float | None]] = {
    "metric": lambda r: noise_free_rmse(r.image, r.pair),
    "reference pair": lambda r: r.reference_pair.rmse(r.image, np.ones(r.truth.shape[:2], bool)),
    "viewer": measure_in_viewer,
    "sampling": lambda r: break_down(r).sampling,
    "remaining": lambda r: break_down(r).remaining,
    "denoising": lambda r: break_down(r).denoising,
}


@pytest.mark.parametrize("error", [0.0, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("name", NOISE_FREE_ERRORS)
def test_errors_do_not_depend_on_the_noise_of_references(name: str, error: float) -> None:
    """After few frames or many of little noise or much, which is larger and smaller than the error."""
    for frame_noise in (0.0, 0.05, 0.3):
        for count in (2, 3, 8, 13):
            references = make_noisy_references(error, frame_noise, count)
            noise_free_error = NOISE_FREE_ERRORS[name](references)
            assert noise_free_error is not None and noise_free_error >= 0
            # Of the squared error, at most: by its product with the noise, by the squared noise and by its estimate.
            noise, n = frame_noise / math.sqrt(count), references.truth.size
            deviation = math.sqrt((2 * error * noise) ** 2 + (2 * math.sqrt(2) * noise**2) ** 2) / math.sqrt(n)
            assert abs(noise_free_error**2 - error**2) < 4 * deviation + 1e-6 * (error + 1e-3), (frame_noise, count)


def test_the_noise_of_references_falls_with_the_root_of_their_frames() -> None:
    """As stated beside errors: that of the mean of a pair."""
    for count in (2, 4, 16):
        references = make_noisy_references(0.1, 0.3, count)
        noise = references.reference_pair.noise(np.ones(references.truth.shape[:2], bool))
        assert noise == pytest.approx(0.3 / math.sqrt(2 * count), rel=4 / math.sqrt(2 * references.truth.size))


# ---- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [*ALL_METRICS, error_map, compute_metrics])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_non_finite_values_are_errors(metric: Any, bad: float) -> None:
    good = random_image(17)
    wrong: Any = good.astype("f8") if bad == 1e39 else good.copy()
    wrong[3, 7, 1] = bad
    with pytest.raises(UserError, match=r"image: 1 of 2232 values are not finite .* in row 3, column 7$"):
        metric(wrong, good)
    with pytest.raises(UserError, match=r"reference: 1 of"):
        metric(good, wrong)
    if metric is not error_map:
        with pytest.raises(UserError, match="not finite"):
            metric(good, wrong, left_half_mask() & ~np.isnan(wrong[..., 1]))


@pytest.mark.parametrize("metric", [*ALL_METRICS, error_map, compute_metrics])
def test_wrong_shapes_are_errors(metric: Metric) -> None:
    good = random_image(18)
    with pytest.raises(UserError, match="the image is 31 x 24, the reference 30 x 24"):
        metric(good, good[:, :30])
    with pytest.raises(UserError, match=r"the reference 3 x 1"):  # numpy would broadcast it
        metric(good, good[:1, :3])
    for shape in ((24, 31), (24, 31, 1), (24, 31, 4), (1, 24, 31, 3), (0, 31, 3)):
        with pytest.raises(UserError, match=r"must be \(height, width, 3\)"):
            metric(np.zeros(shape, "f4"), np.zeros(shape, "f4"))
    with pytest.raises(UserError, match="holds uint8"):
        metric((good * 255).astype("u1"), good)


@pytest.mark.parametrize("metric", [*ALL_METRICS, compute_metrics])
def test_wrong_masks_are_errors(metric: Metric) -> None:
    a, b = random_image(19), random_image(20)
    with pytest.raises(UserError, match="mask is empty"):
        metric(a, b, np.zeros((24, 31), bool))
    for wrong in (np.ones((31, 24), bool), np.ones((24, 31, 3), bool), np.ones((24, 31), "f4")):
        with pytest.raises(UserError, match="must be bool and"):
            metric(a, b, wrong)


def test_both_references_are_checked() -> None:
    a = random_image(21)
    with pytest.raises(UserError, match="not finite"):
        noise_free_mse(a, [a, a * np.float32(np.nan)])
    with pytest.raises(UserError, match="the reference 31 x 20"):
        noise_free_mse(a, [a, a[:20]])
    with pytest.raises(UserError, match="must be two"):
        noise_free_mse(a, [a])


@pytest.mark.parametrize("peak", [0.0, -1.0, math.nan, math.inf])
def test_peak_must_be_positive_and_finite(peak: float) -> None:
    with pytest.raises(UserError, match="peak"):
        psnr(random_image(22), random_image(23), peak=peak)


# ---- extreme values --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ALL_METRICS)
@pytest.mark.parametrize("size", [(1, 1), (13, 9)])
def test_extreme_values_give_finite_metrics(metric: Metric, size: tuple[int, int]) -> None:
    huge, ordinary, tiny = (flat_image(v, v, v, size=size) for v in (FLOAT32_MAX, 1, 1e-44))
    negative = flat_image(-1, -2, -3, size=size)
    for a, b in (
        (huge, ordinary),
        (ordinary, huge),
        (huge, -huge),
        (-huge, huge),
        (tiny, ordinary),
        (ordinary, tiny),
        (negative, ordinary),
    ):
        if metric is not flip_hdr or b.max() > 0:
            assert math.isfinite(metric(a, b))
    assert rmse(huge, -huge) == pytest.approx(2 * FLOAT32_MAX)
    assert error_map(huge, -huge).max() == np.float32(FLOAT32_MAX)


# ---- other implementations -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("size", [(11, 11), (24, 31), (64, 48)])
def test_ssim_and_psnr_equal_scikit_image(size: tuple[int, int]) -> None:
    skimage_metrics = pytest.importorskip("skimage.metrics")
    a = random_image(24, size)
    b = np.clip(
        a + (random_image(25, size) - np.float32(0.5)) * np.linspace(0, 2, size[1], dtype="f4")[:, None], -0.5, 1.5
    )
    srgb_images = [encode_srgb_array(np.clip(image.astype("f8"), 0, 1)) for image in (b, a)]
    expected = skimage_metrics.structural_similarity(
        *srgb_images, data_range=1.0, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(b, a) == pytest.approx(expected, abs=1e-12)
    assert psnr(b, a) == pytest.approx(
        skimage_metrics.peak_signal_noise_ratio(a.astype("f8"), b.astype("f8"), data_range=1.0)
    )


@needs_flip
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_flip_equals_the_package(scale: float) -> None:
    """Also where the package chooses the exposures itself."""
    a, b = random_image(26, (24, 32)) ** 3 * np.float32(scale), random_image(27, (24, 32)) ** 3 * np.float32(scale)
    assert flip_hdr(a, b) == pytest.approx(flip_evaluator.evaluate(b, a, "HDR")[1], abs=1e-4)
    srgb_images = [encode_srgb_array(np.clip(image.astype("f8"), 0, 1)).astype("f4") for image in (b, a)]
    assert flip(a, b) == pytest.approx(flip_evaluator.evaluate(*srgb_images, "LDR")[1], abs=1e-4)


@needs_flip
def test_flip_of_white_against_black_is_near_one() -> None:
    assert 0.9 < flip(flat_image(1, 1, 1, size=(20, 20)), flat_image(0, 0, 0, size=(20, 20))) <= 1


@needs_flip
def test_hdr_flip_detects_clipped_differences() -> None:
    a, b = flat_image(4, 4, 4, size=(20, 20)), flat_image(2, 2, 2, size=(20, 20))
    assert flip(a, b) == 0
    assert flip_hdr(a, b) > 0.05
    assert flip_hdr(a, b) == pytest.approx(flip_hdr(a * np.float32(1e6), b * np.float32(1e6)), abs=1e-5)


@needs_flip
def test_hdr_flip_of_a_dark_reference() -> None:
    """The package itself calls exit() here."""
    black = flat_image(0, 0, 0)
    assert 0 < flip_hdr(flat_image(1e-10, 2e-10, 1e-10), flat_image(1e-10, 1e-10, 1e-10)) < 1
    with pytest.raises(UserError, match="the reference is black"):
        flip_hdr(flat_image(1, 1, 1), black)
    values = compute_metrics(flat_image(1, 1, 1), black)
    assert "flip" in values
    assert "flip_hdr" not in values


# ---- all metrics -----------------------------------------------------------------------------------------------------


def test_compute_metrics_returns_every_metric() -> None:
    a, b, where = random_image(28), random_image(29), left_half_mask()
    values = compute_metrics(a, b, where)
    flips = ["flip", "flip_hdr"] if flip_evaluator else []
    assert list(values) == ["rmse", "bias", "relmse", "psnr", "ssim", *flips]
    for name, value in values.items():
        assert type(value) is float
        assert value == getattr(metrics, name)(a, b, where)


def test_without_flip_evaluator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flip_evaluator", None)
    assert list(compute_metrics(random_image(30), random_image(31))) == ["rmse", "bias", "relmse", "psnr", "ssim"]
    for metric in (flip, flip_hdr):
        with pytest.raises(UserError, match="FLIP needs the package flip-evaluator"):
            metric(random_image(30), random_image(31))


def test_metrics_import_neither_opengl_nor_extras() -> None:
    modules = {"moderngl", "flip_evaluator", "skimage", "scipy", "matplotlib"}
    code = f"import sys, ssdo.measure.metrics; print(*{modules} & set(sys.modules))"
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=metrics.__file__.rpartition("ssdo")[0],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() == ""


# ---- false colour ----------------------------------------------------------------------------------------------------


def test_false_colour_values() -> None:
    values = np.array([[0.0, 1.0, 2.0, 5.0, -1.0]], np.float32)
    colours = false_colour(values, 2.0)
    assert colours.dtype == np.uint8
    # matplotlib's inferno at 0, between 127 and 128, and at 255
    assert colours[0, [0, 2, 3, 4]].tolist() == [[0, 0, 4], [252, 255, 164], [252, 255, 164], [0, 0, 4]]
    assert np.abs(colours[0, 1].astype(int) - [187, 55, 84]).max() <= 2
    masked = false_colour(values, 2.0, values > 0)
    assert masked[0].tolist() == [[88, 96, 112], *colours[0, 1:4].tolist(), [88, 96, 112]]
    assert false_colour(np.full((1, 1), FLOAT32_MAX, "f4"), 1e-30).tolist() == [[[252, 255, 164]]]


def test_false_colour_lightness_steps_are_even() -> None:
    """The map is uniform in CAM02-UCS, and nearly so in CIE L*, which differs for dark colours."""
    srgb = false_colour(np.linspace(0, 1, 18, dtype="f4")[None], 1.0)[0] / 255
    y = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4) @ metrics.LUMINANCE
    lightness = np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)
    assert lightness[0] < 1
    assert lightness[-1] > 97
    steps = np.diff(lightness)
    assert steps.min() > 0.5 * steps.mean()  # measured: 0.51 in the first step, at least 0.89 after it
    assert steps.max() < 1.3 * steps.mean()


def test_false_colour_rejects_invalid_input() -> None:
    values = np.zeros((2, 2), "f4")
    for top in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(UserError, match="top"):
            false_colour(values, top)
    with pytest.raises(UserError, match="not finite"):
        false_colour(values * np.float32(np.nan), 1.0)
    with pytest.raises(UserError, match=r"must be \(height, width\)"):
        false_colour(np.zeros((2, 2, 3), "f4"), 1.0)
