"""Render times of passes: what they belong to, the clocks, and percentiles over frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

# Passes that filter or resample a technique's lighting.
DENOISE_PASSES = ("denoise", "temporal", "subsample", "upsample")
# Passes that are the same for all techniques.
SHARED_PASSES = ("gbuffer", "sun", "punctual_lights", "composite", "display", "accumulate")
# Clocks by name: the function, in seconds, and what it measures.
CLOCKS: Mapping[str, tuple[Callable[[], float], str]] = {
    "wall": (time.perf_counter, "wall clock around each pass"),
    "cpu": (time.process_time, "processor time of all threads"),
}


def is_technique_pass(pass_name: str) -> bool:
    """Whether the pass belongs to the technique itself."""
    return not pass_name.startswith((*SHARED_PASSES, *DENOISE_PASSES))


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """The median, and the 5th and 95th percentile as low and high."""
    low, median, high = np.percentile(times, [5, 50, 95])
    return {"median": float(median), "low": float(low), "high": float(high)}


def sum_passes(passes: Mapping[str, Sequence[float]], is_included: Callable[[str], bool]) -> dict[str, float]:
    """Percentiles of the sum of some passes in each frame; 0 without a pass."""
    included = [times for name, times in passes.items() if is_included(name)]
    frame_times = [sum(frame) for frame in zip(*included, strict=True)]
    return percentiles(frame_times or [0.0])


def format_percentiles(times: Mapping[str, float], digits: int = 2) -> str:
    """Format percentiles as "median (low to high)"."""
    return f"{times['median']:.{digits}f} ({times['low']:.{digits}f} to {times['high']:.{digits}f})"
