"""Curves of a plot, their error bars and their values in words. Pure functions, without a window."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ssdo.viewer.plot_axes import Axis
from ssdo.viewer.render_scheduler import Slot

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """A curve. `margins`: standard errors of its values, in the same order; empty: unknown."""

    slot: Slot
    label: str
    points: Points
    is_dashed: bool = False
    margins: Sequence[float] = ()


def list_plottable(line: Line, x_axis: Axis, y_axis: Axis) -> list[tuple[float, float]]:
    """The points that both axes have a place for."""
    return [(x, y) for x, y in line.points if x_axis.has_place(x) and y_axis.has_place(y)]


def list_margins(line: Line) -> list[tuple[float, float, float]]:
    """Of each point with a margin: x, and the ends of its error bar. Variances add up, errors do not."""
    return [
        (x, math.sqrt(max(y**2 - margin**2, 0.0)), math.sqrt(y**2 + margin**2))
        for (x, y), margin in zip(line.points, line.margins, strict=False)
        if math.isfinite(y) and margin > 0
    ]


def list_margin_ends(lines: Sequence[Line], axis: Axis) -> list[float]:
    """The upper ends of all error bars; the lower ones may be near 0, and would stretch a logarithmic axis."""
    return [high for line in lines for _, _, high in list_margins(line) if axis.has_place(high)]


def find_nearest_x(lines: Sequence[Line], distance: Callable[[float], float]) -> float | None:
    """The measured x at the least distance; None without points."""
    values = {x for line in lines for x, y in line.points if math.isfinite(y)}
    return min(sorted(values), key=distance, default=None)


def describe_values(lines: Sequence[Line], x: float) -> list[tuple[Slot, str]]:
    """The value of each line at x, in words, and whose it is."""
    texts: list[tuple[Slot, str]] = []
    for line in lines:
        index = next((i for i, point in enumerate(line.points) if point[0] == x), None)
        if index is None:
            continue
        y = line.points[index][1]
        margin = line.margins[index] if index < len(line.margins) else 0.0
        text = f"{y:.3g}" if math.isfinite(y) else "not measured"
        if margin > 0 and y <= margin:
            text = f"below the reference's noise, {margin:.2g}"
        texts.append((line.slot, f"{line.label or line.slot}: {text}"))
    return texts
