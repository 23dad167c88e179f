"""What is equal on both sides of a comparison: the samples, the time of a frame, or the error against the truth. B's
samples, or slices, follow A.
"""

from __future__ import annotations

import math

KINDS = ("samples", "time", "error")
FEWEST, MOST = 1, 256
CLOSE = 0.06  # a ratio within this of 1 is equal: times of one shot differ by as much from run to run


def by_time(samples: int, own: float, other: float, fixed: float = 0.0) -> int:
    """Samples, or slices, with which a technique takes as long as the other. `own`, `other`: milliseconds of the
    lighting passes, of which `fixed` do not depend on samples; time is linear in them.
    """
    each = max(own - fixed, 1e-6) / samples
    return _within(samples, (other - fixed) / each)


def by_error(samples: int, own: float, other: float, least: float = 0.0) -> int:
    """Samples, or slices, with which a technique errs as much as the other, as errors of sampling fall with the root of
    the samples. `least`: what is left with any number of them, so far as is known.
    """
    noise, wanted = own**2 - least**2, other**2 - least**2
    if wanted <= 0:
        return MOST
    return _within(samples, samples * max(noise, 1e-12) / wanted)


def _within(samples: int, wanted: float) -> int:
    """A whole number in range; the one there is where the wish is close to it."""
    wanted = min(max(wanted, FEWEST), MOST) if math.isfinite(wanted) else samples
    return samples if abs(wanted / samples - 1) < CLOSE else round(wanted)
