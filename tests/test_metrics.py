"""Metrics by hand, by their symmetries, and beside the implementations of others."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ssdo.measure import metrics
from ssdo.measure.metrics import (
    bias,
    error_map,
    false_colour,
    flip,
    flip_hdr,
    measured,
    noise_free_mse,
    noise_free_rmse,
    psnr,
    relmse,
    rmse,
    ssim,
)
from ssdo.scene.model import Floats
from ssdo.settings import UserError

Bools = npt.NDArray[np.bool_]
Metric = Callable[..., float]
HUGE = float(np.finfo(np.float32).max)

try:
    import flip_evaluator
except ImportError:  # Python 3.14
    flip_evaluator = None
with_flip = pytest.mark.skipif(flip_evaluator is None, reason="flip-evaluator is not installed (the extra metrics)")
FLIPS = [pytest.param(flip, marks=with_flip), pytest.param(flip_hdr, marks=with_flip)]
ALL = [rmse, bias, relmse, psnr, ssim, *FLIPS]


def flat(*rgb: float, size: tuple[int, int] = (2, 3)) -> Floats:
    """A picture of one colour, (h, w)."""
    return np.broadcast_to(np.array(rgb, np.float32), (*size, 3)).copy()


def random(seed: int, size: tuple[int, int] = (24, 31)) -> Floats:
    return np.random.default_rng(seed).random((*size, 3), dtype=np.float32)


def left(size: tuple[int, int] = (24, 31)) -> Bools:
    """A mask of the left half."""
    return np.broadcast_to(np.arange(size[1]) < size[1] // 2, size).copy()


# ---- by hand ------------------------------------------------------------------------------------------------------------


def test_by_hand() -> None:
    a, b = flat(0.5, 1.0, 3.0), flat(0.5, 0.5, 1.0)
    assert rmse(a, b) == pytest.approx(math.sqrt((0 + 0.25 + 4) / 3))
    assert bias(a, b) == pytest.approx((0 + 0.5 + 2) / 3)
    assert relmse(a, b) == pytest.approx((0 + 0.25 / 0.26 + 4 / 1.01) / 3)
    assert psnr(a, b) == pytest.approx(10 * math.log10(1 / ((0.25 + 4) / 3)))
    assert psnr(a, b, peak=10.0) == pytest.approx(psnr(a, b) + 20)
    assert error_map(a, b) == pytest.approx(np.full((2, 3), math.sqrt(4.25 / 3)))


def test_relmse_against_black_is_the_square_in_units_of_a_tenth() -> None:
    assert relmse(flat(0.3, 0.3, 0.3), flat(0, 0, 0)) == pytest.approx(9)


def test_psnr_of_known_noise() -> None:
    """Noise of deviation 0.01 about any picture: 40 dB."""
    a = random(1, (100, 100))
    noise = np.random.default_rng(2).normal(0, 0.01, a.shape).astype("f4")
    assert psnr(a + noise, a) == pytest.approx(40, abs=0.1)


def test_ssim_of_two_greys_is_its_first_factor() -> None:
    """Flat pictures have no structure: (2 x y + c) / (x^2 + y^2 + c) of the sRGB values. 0.21404 is shown as 0.5."""
    assert ssim(flat(0.2140411, 0.2140411, 0.2140411), flat(1, 1, 1)) == pytest.approx(
        (2 * 0.5 + 1e-4) / (0.25 + 1 + 1e-4), rel=1e-6
    )


def test_ssim_falls_below_zero_for_a_negative() -> None:
    a = np.repeat(np.where(np.indices((20, 20)).sum(0) % 2, 1.0, 0.0)[..., None], 3, -1).astype("f4")
    assert ssim(1 - a, a) < -0.9


def test_two_references_without_their_noise() -> None:
    """Noise of deviation 0.5 leaves rmse far from the true 0.1; without noise it is within the estimate's own 0.5^2 /
    sqrt(n).
    """
    rng = np.random.default_rng(3)
    truth, size = random(4, (200, 200)), (200, 200, 3)
    first, second = (truth + rng.normal(0, 0.5, size).astype("f4") for _ in range(2))
    image = truth + np.float32(0.1)
    assert rmse(image, first) > 0.5
    assert noise_free_mse(image, [first, second]) == pytest.approx(0.01, abs=4 * 0.26 / math.sqrt(truth.size))
    assert noise_free_rmse(image, [first, second]) == math.sqrt(noise_free_mse(image, [first, second]))
    both = (first + second) / 2
    assert noise_free_mse(image, [first, second]) == pytest.approx(
        rmse(image, both) ** 2 - rmse(first, second) ** 2 / 4, rel=1e-4
    )


def test_two_references_around_the_image_give_no_root_of_a_negative() -> None:
    assert noise_free_mse(flat(1, 1, 1), [flat(0, 0, 0), flat(3, 3, 3)]) == -2
    assert noise_free_rmse(flat(1, 1, 1), [flat(0, 0, 0), flat(3, 3, 3)]) == 0


# ---- symmetries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("size", [(1, 1), (1, 12), (10, 11), (11, 11), (24, 31)])
def test_equal_pictures(metric: Metric, size: tuple[int, int]) -> None:
    best = {psnr: math.inf, ssim: 1.0}.get(metric, 0.0)
    assert metric(random(5, size), random(5, size)) == pytest.approx(best, abs=1e-12)


@given(st.integers(0, 1000), st.floats(0.125, 8, width=32))
def test_symmetries(seed: int, factor: float) -> None:
    a, b = random(seed, (12, 13)), random(seed + 5000, (12, 13))
    assert rmse(a, b) == rmse(b, a)
    assert bias(a, b) == -bias(b, a)
    assert psnr(a, b) == psnr(b, a)
    assert ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-12)
    k = np.float32(factor)
    assert rmse(k * a, k * b) == pytest.approx(factor * rmse(a, b), rel=1e-5)
    assert rmse(a, b) >= abs(bias(a, b))
    assert rmse(a, b) == pytest.approx(math.sqrt(np.mean(error_map(a, b).astype("f8") ** 2)), rel=1e-6)
    for metric in (rmse, bias, relmse, psnr, ssim):
        assert metric(a[::-1], b[::-1]) == pytest.approx(metric(a, b), rel=1e-9, abs=1e-12)  # strides of any sign
        assert metric(a, b, np.ones((12, 13), bool)) == metric(a, b)


@pytest.mark.parametrize("metric", ALL)
def test_worse_is_worse(metric: Metric) -> None:
    a, noise = random(6), random(7) - np.float32(0.3)
    values = [metric(a + np.float32(k) * noise, a) for k in (0.02, 0.1, 0.5)]
    assert values == sorted(values, reverse=metric in (psnr, ssim))
    assert len(set(values)) == 3


# ---- masks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ALL)
def test_what_the_mask_leaves_out_does_not_count(metric: Metric) -> None:
    a, b, where = random(8), random(9), left()
    other = a.copy()
    other[~where] = random(10)[~where] * 50
    assert metric(other, b, where) == pytest.approx(metric(a, b, where), abs=1e-9)
    assert metric(a, b, where) != metric(a, b)
    assert metric(other, b) != metric(a, b)


def test_a_mask_is_a_crop() -> None:
    """FLIP looks over the mask's edge into the reference, SSIM keeps its windows inside: but for them a mask crops
    exactly.
    """
    a, b, where = random(11), random(12), left()
    for metric in (rmse, bias, relmse, psnr):
        assert metric(a, b, where) == pytest.approx(metric(a[:, :15], b[:, :15]))
    full = metrics._ssim_map(a.astype("f8"), b.astype("f8"), where)[:, :15]
    part = metrics._ssim_map(a[:, :15].astype("f8"), b[:, :15].astype("f8"), np.ones((24, 15), bool))
    assert full == pytest.approx(part)


@pytest.mark.parametrize(("dark", "stops"), [(0.5, 1.0), (2.0**-5, 5.0), (0.0, 23.0)])
def test_exposures_come_from_what_the_mask_counts(monkeypatch: pytest.MonkeyPatch, dark: float, stops: float) -> None:
    """From the brightest pixel to the median one, a step for each stop, at least two; the background, most of it
    brighter, has no say.
    """
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(metrics, "_flip", lambda *given: seen.append(given[-1]))
    where = left()
    reference = flat(50, 50, 50, size=(24, 31))
    reference[where] = dark
    reference[0, 0] = 1
    flip_hdr(random(13), reference, where)
    (found,) = seen
    assert found["stopExposure"] - found["startExposure"] == pytest.approx(stops)
    assert found["numExposures"] == max(2, stops)
    assert found["tonemapper"] == "ACES"


@pytest.mark.parametrize("metric", ALL)
def test_a_single_pixel_counts(metric: Metric) -> None:
    a, b = random(15), random(16)
    where = np.zeros((24, 31), bool)
    where[0, 30] = True
    assert math.isfinite(metric(a, b, where))
    a[0, 30] = b[0, 30]
    assert metric(a, b, where) == pytest.approx({psnr: math.inf, ssim: 1.0}.get(metric, 0.0), abs=1e-12)


# ---- what is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [*ALL, error_map, measured])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_what_is_no_number_is_a_problem(metric: Any, bad: float) -> None:
    good = random(17)
    wrong: Any = good.astype("f8") if bad == 1e39 else good.copy()
    wrong[3, 7, 1] = bad
    with pytest.raises(UserError, match=r"image: 1 of 2232 values are not finite .* in row 3, column 7$"):
        metric(wrong, good)
    with pytest.raises(UserError, match=r"reference: 1 of"):
        metric(good, wrong)
    if metric is not error_map:
        with pytest.raises(UserError, match="not finite"):
            metric(good, wrong, left() & ~np.isnan(wrong[..., 1]))


@pytest.mark.parametrize("metric", [*ALL, error_map, measured])
def test_wrong_shapes_are_a_problem(metric: Metric) -> None:
    good = random(18)
    with pytest.raises(UserError, match="the image is 31 x 24, the reference 30 x 24"):
        metric(good, good[:, :30])
    with pytest.raises(UserError, match=r"the reference 3 x 1"):  # NumPy alone would stretch it
        metric(good, good[:1, :3])
    for shape in ((24, 31), (24, 31, 1), (24, 31, 4), (1, 24, 31, 3), (0, 31, 3)):
        with pytest.raises(UserError, match=r"must be \(height, width, 3\)"):
            metric(np.zeros(shape, "f4"), np.zeros(shape, "f4"))
    with pytest.raises(UserError, match="holds uint8"):
        metric((good * 255).astype("u1"), good)


@pytest.mark.parametrize("metric", [*ALL, measured])
def test_wrong_masks_are_a_problem(metric: Metric) -> None:
    a, b = random(19), random(20)
    with pytest.raises(UserError, match="marks no pixel"):
        metric(a, b, np.zeros((24, 31), bool))
    for wrong in (np.ones((31, 24), bool), np.ones((24, 31, 3), bool), np.ones((24, 31), "f4")):
        with pytest.raises(UserError, match="must be bool and"):
            metric(a, b, wrong)


def test_the_second_reference_is_looked_at_too() -> None:
    a = random(21)
    with pytest.raises(UserError, match="not finite"):
        noise_free_mse(a, [a, a * np.float32(np.nan)])
    with pytest.raises(UserError, match="the reference 31 x 20"):
        noise_free_mse(a, [a, a[:20]])
    with pytest.raises(UserError, match="must be two"):
        noise_free_mse(a, [a])


@pytest.mark.parametrize("peak", [0.0, -1.0, math.nan, math.inf])
def test_a_peak_must_be_one(peak: float) -> None:
    with pytest.raises(UserError, match="peak"):
        psnr(random(22), random(23), peak=peak)


# ---- ends of the range --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("size", [(1, 1), (13, 9)])
def test_huge_and_tiny_values_stay_numbers(metric: Metric, size: tuple[int, int]) -> None:
    huge, ordinary, tiny = (flat(v, v, v, size=size) for v in (HUGE, 1, 1e-44))
    negative = flat(-1, -2, -3, size=size)
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
    assert rmse(huge, -huge) == pytest.approx(2 * HUGE)
    assert error_map(huge, -huge).max() == np.float32(HUGE)


# ---- beside others ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(11, 11), (24, 31), (64, 48)])
def test_ssim_and_psnr_are_scikit_images(size: tuple[int, int]) -> None:
    others = pytest.importorskip("skimage.metrics")
    a = random(24, size)
    b = np.clip(a + (random(25, size) - np.float32(0.5)) * np.linspace(0, 2, size[1], dtype="f4")[:, None], -0.5, 1.5)
    shown = [metrics._srgb(p.astype("f8")) for p in (b, a)]
    theirs = others.structural_similarity(
        *shown, data_range=1.0, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(b, a) == pytest.approx(theirs, abs=1e-12)
    assert psnr(b, a) == pytest.approx(others.peak_signal_noise_ratio(a.astype("f8"), b.astype("f8"), data_range=1.0))


@with_flip
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_flip_is_the_packages_own(scale: float) -> None:
    """Where the package chooses the exposures itself, it chooses the same."""
    a, b = random(26, (24, 32)) ** 3 * np.float32(scale), random(27, (24, 32)) ** 3 * np.float32(scale)
    assert flip_hdr(a, b) == pytest.approx(flip_evaluator.evaluate(b, a, "HDR")[1], abs=1e-4)
    shown = [metrics._srgb(p.astype("f8")).astype("f4") for p in (b, a)]
    assert flip(a, b) == pytest.approx(flip_evaluator.evaluate(*shown, "LDR")[1], abs=1e-4)


@with_flip
def test_flip_of_white_on_black_is_close_to_its_end() -> None:
    assert 0.9 < flip(flat(1, 1, 1, size=(20, 20)), flat(0, 0, 0, size=(20, 20))) <= 1


@with_flip
def test_hdr_flip_sees_what_a_screen_clips() -> None:
    a, b = flat(4, 4, 4, size=(20, 20)), flat(2, 2, 2, size=(20, 20))
    assert flip(a, b) == 0
    assert flip_hdr(a, b) > 0.05
    assert flip_hdr(a, b) == pytest.approx(flip_hdr(a * np.float32(1e6), b * np.float32(1e6)), abs=1e-5)


@with_flip
def test_hdr_flip_of_a_dark_reference_does_not_end_the_process() -> None:
    """Left to itself the package calls exit() here."""
    black = flat(0, 0, 0)
    assert 0 < flip_hdr(flat(1e-10, 2e-10, 1e-10), flat(1e-10, 1e-10, 1e-10)) < 1
    with pytest.raises(UserError, match="the reference is black"):
        flip_hdr(flat(1, 1, 1), black)
    found = measured(flat(1, 1, 1), black)
    assert "flip" in found
    assert "flip_hdr" not in found


# ---- all together -------------------------------------------------------------------------------------------------------


def test_measured_names_what_there_is() -> None:
    a, b, where = random(28), random(29), left()
    found = measured(a, b, where)
    assert list(found) == ["rmse", "bias", "relmse", "psnr", "ssim", *(["flip", "flip_hdr"] if flip_evaluator else [])]
    for name, value in found.items():
        assert type(value) is float
        assert value == getattr(metrics, name)(a, b, where)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flip_evaluator", None)
    assert list(measured(random(30), random(31))) == ["rmse", "bias", "relmse", "psnr", "ssim"]
    for metric in (flip, flip_hdr):
        with pytest.raises(UserError, match=r"the extra metrics: pip install '\.\[metrics\]'"):
            metric(random(30), random(31))


def test_metrics_need_no_opengl_and_no_extra() -> None:
    """Imported alone: neither OpenGL nor what is optional comes along."""
    code = "import sys, ssdo.measure.metrics; print(*{'moderngl', 'flip_evaluator', 'skimage', 'scipy', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=metrics.__file__.rpartition("ssdo")[0],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""


# ---- false colour -------------------------------------------------------------------------------------------------------


def test_false_colours() -> None:
    values = np.array([[0.0, 1.0, 2.0, 5.0, -1.0]], np.float32)
    found = false_colour(values, 2.0)
    assert found.dtype == np.uint8
    # inferno at 0, halfway (the 127th and 128th of 256) and 255, as matplotlib lists them
    assert found[0, [0, 2, 3, 4]].tolist() == [[0, 0, 4], [252, 255, 164], [252, 255, 164], [0, 0, 4]]
    assert np.abs(found[0, 1].astype(int) - [187, 55, 84]).max() <= 2
    assert false_colour(values, 2.0, values > 0)[0].tolist() == [[88, 96, 112], *found[0, 1:4].tolist(), [88, 96, 112]]
    assert false_colour(np.full((1, 1), HUGE, "f4"), 1e-30).tolist() == [[[252, 255, 164]]]


def test_false_colours_grow_brighter_in_even_steps() -> None:
    """Uniform in CAM02-UCS, and nearly so in CIE L*, which differs where it is dark."""
    shown = false_colour(np.linspace(0, 1, 18, dtype="f4")[None], 1.0)[0] / 255
    y = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4) @ metrics.LUMINANCE
    lightness = np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)
    assert lightness[0] < 1
    assert lightness[-1] > 97
    steps = np.diff(lightness)
    assert steps.min() > 0.5 * steps.mean()  # measured: 0.51 in the first step, 0.89 and more after it
    assert steps.max() < 1.3 * steps.mean()


def test_false_colours_refuse_what_they_cannot_show() -> None:
    values = np.zeros((2, 2), "f4")
    for top in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(UserError, match="top"):
            false_colour(values, top)
    with pytest.raises(UserError, match="not finite"):
        false_colour(values * np.float32(np.nan), 1.0)
    with pytest.raises(UserError, match=r"must be \(height, width\)"):
        false_colour(np.zeros((2, 2, 3), "f4"), 1.0)
