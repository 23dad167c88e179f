"""What passes took: whose they are, by which clock, and the spread over frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

# passes that belong to a technique's lighting but are none of its own
BLUR = ("denoise", "temporal", "subsample", "upsample")
# passes that are the same whatever the technique
SHARED = ("gbuffer", "sun", "punctual_lights", "composite", "display", "accumulate")
CLOCKS: Mapping[str, tuple[Callable[[], float], str]] = {
    "wall": (time.perf_counter, "wall clock around each pass"),
    "cpu": (time.process_time, "processor time of all threads"),
}


def own(name: str) -> bool:
    """Whether a pass is one of the technique's own."""
    return not name.startswith((*SHARED, *BLUR))


def spread(times: Sequence[float]) -> dict[str, float]:
    """Median, 5th and 95th percentile."""
    low, median, high = np.percentile(times, [5, 50, 95])
    return {"median": float(median), "low": float(low), "high": float(high)}


def summed(passes: Mapping[str, Sequence[float]], chosen: Callable[[str], bool]) -> dict[str, float]:
    """The spread of what some passes take together in each frame; nothing takes no time."""
    return spread(
        [sum(frame) for frame in zip(*(times for name, times in passes.items() if chosen(name)), strict=True)] or [0.0]
    )


def in_words(found: Mapping[str, float], digits: int = 2) -> str:
    """A spread: median (low to high)."""
    return f"{found['median']:.{digits}f} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"
