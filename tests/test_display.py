"""Tone mapping, from radiance to 8 bits, against the published formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ssdo.arrays import Bytes, Floats
from ssdo.gpu.context import Gpu
from ssdo.render.display import Display

HEIGHT, WIDTH = 24, 64


def radiance_ramp() -> Floats:
    """(h, w, 3) greys and colours from black to far above white."""
    level = np.concatenate([[0.0], np.geomspace(1e-4, 30.0, WIDTH - 1)])
    tint = np.random.default_rng(0).random((HEIGHT, 1, 3)) ** 2
    tint[0] = 1.0
    return (level[None, :, None] * tint).astype("f4")


def draw_display(gpu: Gpu, radiance: Floats, **values: Any) -> Bytes:
    """(h, w, 3) 8 bit sRGB of a radiance; `values` are parameters of Display."""
    into = gpu.target("test radiance", (radiance.shape[1], radiance.shape[0]), "rgba32f")
    gpu.write(into.textures[0], np.concatenate([radiance, np.ones_like(radiance[..., :1])], -1))
    pixels = gpu.read(Display(**values).draw(gpu, into.textures[0]))[..., :3]
    return np.rint(pixels * 255).astype("u1")


def srgb(c: Any) -> Any:
    """IEC 61966-2-1."""
    c = np.clip(c, 0, 1)
    return np.where(c <= 0.0031308, 12.92 * c, 1.055 * np.maximum(c, 1e-12) ** (1 / 2.4) - 0.055)


def reinhard(c: Any) -> Any:
    return c / (1 + (c * (0.2126, 0.7152, 0.0722)).sum(-1, keepdims=True))


def aces(c: Any) -> Any:
    a, b, d, e, f = 2.51, 0.03, 2.43, 0.59, 0.14
    return (c * (a * c + b)) / (c * (d * c + e) + f)


def neutral(c: Any) -> Any:
    """Khronos PBR Neutral, 2024: F90 = 0.04, start 0.8, desaturation 0.15."""
    f90, start, desaturation = 0.04, 0.8 - 0.04, 0.15
    x = c.min(-1, keepdims=True)
    c = c - np.where(x <= 2 * f90, x - x**2 / (4 * f90), f90)
    peak = np.maximum(c.max(-1, keepdims=True), 1e-12)
    new_peak = 1 - (1 - start) ** 2 / (peak + 1 - 2 * start)
    g = 1 / (desaturation * (peak - new_peak) + 1)
    return np.where(peak < start, c, c * new_peak / peak * g + new_peak * (1 - g))


@pytest.mark.parametrize("exposure", [0.0, 1.5, -2.0])
@pytest.mark.parametrize("tone_mapper", [None, reinhard, aces, neutral])
def test_exposure_tone_mapper_and_transfer_function(gpu: Gpu, tone_mapper: Any, exposure: float) -> None:
    """Correct to half a step of 8 bits, plus rounding."""
    radiance = radiance_ramp()
    linear = radiance.astype("f8") * 2.0**exposure
    expected = srgb(tone_mapper(linear) if tone_mapper else linear) * 255
    name = tone_mapper.__name__ if tone_mapper else "none"
    pixels = draw_display(gpu, radiance, tone_mapper=name, exposure=exposure, dither=False)
    assert np.abs(pixels - expected).max() < 0.52
    assert pixels.min() == 0 and (tone_mapper is not None or pixels.max() == 255)


def test_dither_is_at_most_half_a_step(gpu: Gpu) -> None:
    """It changes no value by more than half a step; the mean is the exact value between two steps."""
    uniform = np.full((HEIGHT, WIDTH, 3), 0.2, "f4")
    exact = float(srgb(np.array(0.2)) * 255)
    pixels = draw_display(gpu, uniform, tone_mapper="none").astype("f8")
    assert np.abs(pixels - exact).max() < 1.02
    assert abs(pixels.mean() - exact) < 0.05 and pixels.std() > 0.1


def test_invalid_radiance_is_magenta(gpu: Gpu) -> None:
    radiance = np.full((4, 4, 3), 0.2, "f4")
    radiance[0, 1, 0], radiance[2, 3, 1], radiance[3, 0, 2] = np.nan, np.inf, -np.inf
    for tone_mapper in ("neutral", "aces", "reinhard", "none"):
        is_magenta = (draw_display(gpu, radiance, tone_mapper=tone_mapper) == (255, 0, 255)).all(-1)
        assert is_magenta[0, 1] and is_magenta[2, 3] and is_magenta[3, 0] and is_magenta.sum() == 3, tone_mapper
