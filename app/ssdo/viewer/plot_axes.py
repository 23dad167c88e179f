"""Axes of a plot: the range that is shown, and the numbers along it. Pure functions, without a window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Scale = Literal["linear", "log2", "log10"]
PADDING = 0.08  # of the range, at each end, so that no curve touches the frame
MIN_LOG_SPAN = 0.5  # of a logarithmic axis, in decades or octaves; a constant curve is a line in its middle
MIN_LINEAR_SPAN = 0.02  # of a linear axis, relative to its largest value, so that noise does not look like a change
NICE_FACTORS = (1.0, 2.0, 5.0, 10.0)
ROUNDING = 1e-9  # relative; ticks at the ends of the range count as inside


@dataclass(frozen=True)
class Axis:
    """What an axis shows. `unit` follows the last number; `label` names the values and their unit."""

    label: str = ""
    scale: Scale = "linear"
    unit: str = ""
    starts_at_zero: bool = False  # of a linear axis
    tick_steps: Sequence[float] = ()  # of a linear axis, in ascending order; empty: 1, 2 or 5 times a power of ten

    def to_linear(self, value: float) -> float:
        """The value's place along the axis: its logarithm, or itself. A logarithm needs a value above 0."""
        if self.scale == "linear":
            return value
        return math.log2(value) if self.scale == "log2" else math.log10(value)

    def has_place(self, value: float) -> bool:
        """Whether a value can be shown."""
        return math.isfinite(value) and (value > 0 or self.scale == "linear")

    def fit_range(self, values: Sequence[float]) -> tuple[float, float]:
        """The places along the axis at which it starts and ends, with padding. `values` must have places."""
        places = [self.to_linear(value) for value in values]
        if self.starts_at_zero and self.scale == "linear":
            places.append(0.0)
        low, high = min(places), max(places)
        largest = max(abs(low), abs(high))
        min_span = MIN_LOG_SPAN if self.scale != "linear" else MIN_LINEAR_SPAN * largest or 1.0
        if high - low < min_span:
            middle = (low + high) / 2
            low, high = middle - min_span / 2, middle + min_span / 2
        padding = PADDING * (high - low)
        is_at_zero = self.starts_at_zero and low == 0
        return low if is_at_zero else low - padding, high + padding

    def find_ticks(self, low: float, high: float, max_count: int) -> list[float]:
        """Values to number between two places: at most `max_count`, at least one if that is possible."""
        max_count = max(max_count, 1)
        if self.scale == "log2":
            return [2.0**n for n in _multiples(low, high, _integer_step(low, high, max_count))]
        if self.scale == "log10":
            return _decade_ticks(low, high, max_count)
        return _multiples(low, high, self._linear_step(low, high, max_count))

    def _linear_step(self, low: float, high: float, max_count: int) -> float:
        for step in self.tick_steps:
            if len(_multiples(low, high, step)) <= max_count:
                return step
        step = 10.0 ** math.floor(math.log10(max(high - low, 1e-30) / max_count))
        fitting = (f * step for f in NICE_FACTORS if len(_multiples(low, high, f * step)) <= max_count)
        return next(fitting, 10 * step)


def _multiples(low: float, high: float, step: float) -> list[float]:
    """Multiples of a step between two numbers."""
    tolerance = ROUNDING * max(abs(low), abs(high), step)
    first, last = math.ceil((low - tolerance) / step), math.floor((high + tolerance) / step)
    return [step * n for n in range(first, last + 1)]


def _integer_step(low: float, high: float, max_count: int) -> int:
    """The smallest whole step with at most so many multiples between two numbers."""
    step = 1
    while len(_multiples(low, high, step)) > max_count:
        step += 1
    return step


def _decade_ticks(low: float, high: float, max_count: int) -> list[float]:
    """Powers of ten and their multiples; fewer where there is less room."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    tolerance = ROUNDING * max(abs(low), abs(high), 1.0)
    for factors in ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 5), (1, 3), (1,)):
        values = [factor * 10.0**decade for decade in decades for factor in factors]
        ticks = [value for value in values if low - tolerance <= math.log10(value) <= high + tolerance]
        if 0 < len(ticks) <= max_count:
            return ticks
    powers = _multiples(low, high, _integer_step(low, high, max_count))
    if powers:
        return [10.0**n for n in powers]
    middle = 10 ** ((low + high) / 2)  # no round number is in range
    return [float(f"{middle:.1g}")] if low <= math.log10(float(f"{middle:.1g}")) <= high else [float(f"{middle:.2g}")]


def format_tick(value: float) -> str:
    """A number along an axis: 128, 0.05, 1e-05."""
    return f"{value:.4g}"
