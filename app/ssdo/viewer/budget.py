"""Fair comparison: the sample count of B that matches A's time or error."""

from __future__ import annotations

import math
from collections.abc import Hashable

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


class TriedCounts:
    """Ends a search for a sample count by times, which vary from run to run: no count is tried twice."""

    def __init__(self) -> None:
        self._key: Hashable = None
        self._last_choice = 0
        self._tried: set[int] = set()

    def choose(self, key: Hashable, count: int, proposal: int) -> int:
        """The proposal; the present count if the proposal was tried. `key`: what the search is for.

        A count that was not chosen here begins a new search.
        """
        if key != self._key or count != self._last_choice:
            self._key, self._tried = key, set()
        self._tried.add(count)
        self._last_choice = count if proposal in self._tried else proposal
        return self._last_choice
