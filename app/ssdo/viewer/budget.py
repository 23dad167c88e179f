"""Fair comparison: the sample count of B that matches A's time or error."""

from __future__ import annotations

import math

KINDS = ("samples", "time", "error")
MIN_SAMPLES, MAX_SAMPLES = 1, 256
TOLERANCE = 0.06  # a ratio this close to 1 counts as equal: timings of one shot vary as much from run to run


def match_time(samples: int, milliseconds: float, target_ms: float, fixed_ms: float = 0.0) -> int:
    """Sample count with which a technique takes as long as the other.

    `milliseconds`: lighting passes with `samples` samples. `target_ms`: those of the other technique. `fixed_ms`: the
    part that does not depend on the sample count. The rest is linear in it.
    """
    ms_per_sample = max(milliseconds - fixed_ms, 1e-6) / samples
    return _round_samples(samples, (target_ms - fixed_ms) / ms_per_sample)


def match_error(samples: int, error: float, target_error: float, bias: float = 0.0) -> int:
    """Sample count with which a technique has the other's error.

    The variance of sampling is inversely proportional to the sample count. `bias`: the error with any sample count.
    """
    variance, target_variance = error**2 - bias**2, target_error**2 - bias**2
    if target_variance <= 0:
        return MAX_SAMPLES
    return _round_samples(samples, samples * max(variance, 1e-12) / target_variance)


def _round_samples(samples: int, target: float) -> int:
    """The target as an integer in range; the current count if it is close enough."""
    target = min(max(target, MIN_SAMPLES), MAX_SAMPLES) if math.isfinite(target) else samples
    return samples if abs(target / samples - 1) < TOLERANCE else round(target)
