"""The line that fits times best, and how far they are from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Times = Sequence[tuple[float, float]]  # x, milliseconds


@dataclass(frozen=True)
class LineFit:
    """time = intercept + slope x."""

    intercept: float
    slope: float
    max_deviation: float  # of the farthest point, relative to the line
    deviation_at: float  # x of that point

    def __call__(self, x: float) -> float:
        return self.intercept + self.slope * x


def fit_line(times: Times) -> LineFit:
    """Least squares of the relative distances, as times vary in proportion to themselves.

    Neither coefficient is negative: where the best fit has a negative one, it is 0 and the other is fitted alone.
    """
    x, ms = np.array(times, "f8").T
    # intercept / ms + slope x / ms = 1 for each point
    coefficients = np.stack([1 / ms, x / ms], -1)
    intercept, slope = np.linalg.lstsq(coefficients, np.ones_like(ms))[0]
    if intercept < 0 or slope < 0:
        column = coefficients[:, 1] if intercept < 0 else coefficients[:, 0]
        value = column.sum() / (column**2).sum()
        intercept, slope = (0.0, value) if intercept < 0 else (value, 0.0)
    deviations = ms / (intercept + slope * x) - 1
    farthest = int(np.abs(deviations).argmax())
    return LineFit(float(intercept), float(slope), float(deviations[farthest]), float(x[farthest]))
