"""Turned by 90 degrees, with its lights, its sky and the camera, a scene looks as before.

Directions of samples and probes are not turned, so that techniques that sample differ by noise. It is compared with
what changes if the sky alone is turned.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from light_sources import SOURCES, LightYard, render_yard
from render_small import SmallRender
from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu
from test_linearity import PIPELINES

CONTRAST = 5.0  # of the environment: from 0.03 to 0.97


def average_tiles(image: Floats) -> Floats:
    """Means over the sampling tiles of 32 x 16 pixels: (4, 8, k)."""
    tiles: Floats = image[:16].reshape(4, 4, 8, 4, -1).mean((1, 3))
    return tiles


def rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype="f8"))))


@pytest.mark.slow
@pytest.mark.parametrize("name", PIPELINES)
def test_a_turned_scene_looks_the_same_in_a_turned_sky(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Irradiance, the light of a metal, and what probes and rays find of the sky."""
    pipeline = PIPELINES[name]
    values = pipeline.values | {"accumulated_frames": 4}
    if name.startswith("reference"):
        values["reference.rays"] = 8
    dark = frozenset(SOURCES) - {"environment"}

    def render(turns: int, **more: Any) -> SmallRender:
        yard = LightYard(dark=dark, has_metal=pipeline.has_metal, contrast=CONTRAST, quarter_turns=turns)
        return render_yard(gpu, monkeypatch, yard, values | more)

    plain, rotated = render(0), render(1)
    rotated_sky = render(0, **{"sky.rotation": 90.0})
    np.testing.assert_allclose(rotated.depth, plain.depth, rtol=1e-5)
    background = ~plain.surface_mask
    np.testing.assert_allclose(rotated.radiance[background], plain.radiance[background], atol=1e-4)
    assert rms(rotated_sky.radiance[background] - plain.radiance[background]) > 0.1
    masks = {"surface": plain.surface_mask}
    if pipeline.has_metal:
        masks["metal"] = plain.surface_mask & ~plain.albedo.any(-1)
    for label, mask in masks.items():
        for term in ("radiance",) if label == "metal" else ("radiance", "direct"):
            a, b, c = (average_tiles(getattr(p, term) * mask[..., None]) for p in (plain, rotated, rotated_sky))
            # Measured: at most 0.27, in most techniques below 0.1.
            assert rms(b - a) < 0.35 * rms(c - a), (label, term)
    # Paths from probes are few and random: measured 0.06.
    indirect, rotated_indirect = (float(p.indirect.mean()) for p in (plain, rotated))
    assert abs(rotated_indirect - indirect) <= 0.1 * indirect


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_sun_and_lights_turn_with_the_scene(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, quarter_turns: int) -> None:
    """With their shadows, whose texels turn too."""
    plain, rotated = (
        render_yard(gpu, monkeypatch, LightYard(quarter_turns=turns), {"technique": "off"})
        for turns in (0, quarter_turns)
    )
    difference = average_tiles(rotated.sun_and_lights) - average_tiles(plain.sun_and_lights)
    assert plain.sun_and_lights.std() > 0.1
    assert np.abs(difference).max() < 1e-3  # measured 1e-4, where a shadow's edge rounds to another texel
