"""From radiance to 8 bits, against the formulas as their authors wrote them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ssdo.gpu.context import Gpu
from ssdo.render.display import Display
from ssdo.scene.model import Bytes, Floats

HEIGHT, WIDTH = 24, 64


def ramp() -> Floats:
    """Greys and colours from black to far above white, (h, w, 3)."""
    level = np.concatenate([[0.0], np.geomspace(1e-4, 30.0, WIDTH - 1)])
    tint = np.random.default_rng(0).random((HEIGHT, 1, 3)) ** 2
    tint[0] = 1.0
    return (level[None, :, None] * tint).astype("f4")


def displayed(gpu: Gpu, radiance: Floats, **values: Any) -> Bytes:
    into = gpu.target("test radiance", (radiance.shape[1], radiance.shape[0]), "rgba32f")
    gpu.write(into.textures[0], np.concatenate([radiance, np.ones_like(radiance[..., :1])], -1))
    found = gpu.read(Display(**values).draw(gpu, into.textures[0]))[..., :3]
    return np.rint(found * 255).astype("u1")


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
    """As in Khronos' specification of 2024: F90 = 0.04, start 0.8, desaturation 0.15."""
    f90, start, desaturation = 0.04, 0.8 - 0.04, 0.15
    x = c.min(-1, keepdims=True)
    c = c - np.where(x <= 2 * f90, x - x**2 / (4 * f90), f90)
    peak = np.maximum(c.max(-1, keepdims=True), 1e-12)
    new = 1 - (1 - start) ** 2 / (peak + 1 - 2 * start)
    g = 1 / (desaturation * (peak - new) + 1)
    return np.where(peak < start, c, c * new / peak * g + new * (1 - g))


@pytest.mark.parametrize("exposure", [0.0, 1.5, -2.0])
@pytest.mark.parametrize("curve", [None, reinhard, aces, neutral])
def test_exposure_curve_and_transfer(gpu: Gpu, curve: Any, exposure: float) -> None:
    """To half a step of 8 bits, and a hair for their rounding."""
    radiance = ramp()
    linear = radiance.astype("f8") * 2.0**exposure
    expected = srgb(curve(linear) if curve else linear) * 255
    found = displayed(gpu, radiance, curve=curve.__name__ if curve else "none", exposure=exposure, dither=False)
    assert np.abs(found - expected).max() < 0.52
    assert found.min() == 0 and (curve is not None or found.max() == 255)


def test_dither_is_half_a_step_and_no_more(gpu: Gpu) -> None:
    """It moves no value by more than half a step, and makes their mean the value between two steps."""
    flat = np.full((HEIGHT, WIDTH, 3), 0.2, "f4")
    exact = float(srgb(np.array(0.2)) * 255)
    found = displayed(gpu, flat, curve="none").astype("f8")
    assert np.abs(found - exact).max() < 1.02
    assert abs(found.mean() - exact) < 0.05 and found.std() > 0.1


def test_what_is_no_number_is_magenta(gpu: Gpu) -> None:
    radiance = np.full((4, 4, 3), 0.2, "f4")
    radiance[0, 1, 0], radiance[2, 3, 1], radiance[3, 0, 2] = np.nan, np.inf, -np.inf
    for curve in ("neutral", "aces", "reinhard", "none"):
        found = (displayed(gpu, radiance, curve=curve) == (255, 0, 255)).all(-1)
        assert found[0, 1] and found[2, 3] and found[3, 0] and found.sum() == 3, curve
