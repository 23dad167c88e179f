"""Direct light with a control variate: exact where nothing is occluded, and on average equal for all sample counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from render_small import render_small
from ssdo.gpu.context import Gpu
from test_faults import add_environment

# Techniques with directional occlusion, and few and many samples of theirs.
COUNTS: dict[str, tuple[dict[str, Any], ...]] = {
    # 3 is less than a batch of four; 200 are more than the hit texels of one pass hold.
    "ssdo": ({"ssdo.samples": 1}, {"ssdo.samples": 3}, {"ssdo.samples": 16}, {"ssdo.samples": 200}),
    "bitmask": ({"bitmask.slices": 1}, {"bitmask.slices": 3, "bitmask.environment_samples": 1}),
}


@pytest.mark.parametrize("technique", COUNTS)
@pytest.mark.parametrize("environment", ["ramp-x", "studio", "sunset"])
def test_unoccluded_surfaces_have_the_exact_irradiance(gpu: Gpu, technique: str, environment: str) -> None:
    """That of technique off, at every pixel, for every sample count, also turned and dimmed. Measured 1e-6."""
    shot: dict[str, Any] = {"scene": "plane:tilt=30", "environment": environment}
    for sky in ({}, {"sky.rotation": 70.0, "sky.intensity": 0.5}):
        exact = render_small(gpu, shot | sky | {"technique": "off"}).direct
        for count in COUNTS[technique]:
            direct = render_small(gpu, shot | sky | {"technique": technique} | count).direct
            np.testing.assert_allclose(direct, exact, rtol=1e-5)


@pytest.mark.slow
def test_small_lights_are_seen_on_average(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by the plain sum, which is unbiased without prefilter, although few samples of a pixel find the light."""
    radiance = np.full((64, 128, 3), 0.2, "f4")
    radiance[16:28, 36:48] = 30.0
    shot: dict[str, Any] = {"scene": "yard", "environment": add_environment(monkeypatch, radiance), "technique": "ssdo"}
    shot |= {"ssdo.environment_footprint": 0.0, "ssdo.bounce": False, "ssdo.samples": 8, "accumulated_frames": 64}
    result, plain = (render_small(gpu, shot | {"ssdo.direct_estimator": name}) for name in ("control-variate", "sum"))
    means = [values.direct[values.surface_mask].mean() for values in (result, plain)]
    assert means[0] == pytest.approx(means[1], rel=0.01)
    occluded = plain.surface_mask & (plain.direct.mean(-1) < 0.5 * plain.direct.max())
    assert result.direct[occluded].mean() == pytest.approx(plain.direct[occluded].mean(), rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("scene", ["courtyard", "cornell", "nook", "blocks", "parlour", "atelier"])
def test_the_mean_does_not_depend_on_the_sample_count(gpu: Gpu, scene: str) -> None:
    """Within 0.5 % for 4 and 64 directions. The plain sum loses up to 7 %: texels reach below the horizon."""
    shot = {"scene": scene, "technique": "ssdo", "width": 160, "height": 90}
    few, many = (render_small(gpu, shot | {"ssdo.samples": samples}) for samples in (4, 64))
    means = [result.direct[result.surface_mask].mean() for result in (few, many)]
    assert means[0] == pytest.approx(means[1], rel=0.005)


@pytest.mark.parametrize("technique", COUNTS)
def test_radiance_is_never_negative(gpu: Gpu, technique: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where noise makes direct light negative, which only the mean over pixels and frames makes up for."""
    radiance = np.full((64, 128, 3), 0.01, "f4")
    radiance[20:24, 40:44] = 200.0
    shot: dict[str, Any] = {"scene": "yard", "environment": add_environment(monkeypatch, radiance)}
    result = render_small(gpu, shot | {"technique": technique} | COUNTS[technique][1])
    assert result.direct.min() < 0 <= result.radiance.min()
