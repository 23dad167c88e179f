"""Whether times grow in a line: the line that fits them best, how far they are from it, and where they jump."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

Times = Sequence[tuple[float, float]]  # x, milliseconds; x ascending


@dataclass(frozen=True)
class Line:
    """Time = fixed + slope x. `off`: of the point farthest from it, the distance as a share of the line; `at`: where
    that is.
    """

    fixed: float
    slope: float
    off: float
    at: float

    def __call__(self, x: float) -> float:
        return self.fixed + self.slope * x


class Step(NamedTuple):
    """Two neighbours, and how many times as long the second takes as the first."""

    before: float
    after: float
    ratio: float


def line(times: Times) -> Line:
    """Least squares of the relative distances, since times spread in proportion to themselves. Neither part is
    negative: nothing costs less than nothing.
    """
    x, ms = np.array(times, "f8").T
    ways = np.stack([1 / ms, x / ms], -1)
    fixed, slope = np.linalg.lstsq(ways, np.ones_like(ms))[0]
    if fixed < 0 or slope < 0:
        kept = 1 if fixed < 0 else 0
        alone = ways[:, kept].sum() / (ways[:, kept] ** 2).sum()
        fixed, slope = (0.0, alone) if kept else (alone, 0.0)
    off = ms / (fixed + slope * x) - 1
    worst = int(np.abs(off).argmax())
    return Line(float(fixed), float(slope), float(off[worst]), float(x[worst]))


def steps(times: Times) -> list[Step]:
    return [Step(x0, x1, ms1 / ms0) for (x0, ms0), (x1, ms1) in pairwise(times)]


def largest(found: Sequence[Step]) -> Step:
    """Up or down."""
    return max(found, key=lambda step: abs(math.log(step.ratio)))
