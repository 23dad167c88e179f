"""The results of a sweep: means over scenes and cameras, the Pareto front, a Markdown table and a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ssdo.commands.sweep.measure import COMPONENTS, ERROR_COLUMNS, TIME_COLUMNS, Measurement
from ssdo.commands.sweep.plan import Axis, Point, SceneFraction, format_flag_value

Measurements = Mapping[int, Measurement]  # by point number


class Configuration(NamedTuple):
    """A technique with its parameters, and its means over scenes and cameras."""

    variant: str
    values: Mapping[str, Any]  # of the axes
    errors: Mapping[str, float]  # RMSE by lighting component
    ms: float
    points: tuple[int, ...]


def average_over_views(points: Sequence[Point], rows: Measurements) -> list[Configuration]:
    """The configurations of the points, in the order of the points."""
    groups: dict[tuple[str, tuple[Any, ...]], list[Point]] = {}
    for point in points:
        groups.setdefault((point.variant, tuple(point.values.items())), []).append(point)
    configurations = []
    for (variant, values), members in groups.items():
        member_rows = [rows[point.number] for point in members]
        count = len(members)
        errors = {component: sum(row[f"{component} RMSE"] for row in member_rows) / count for component in COMPONENTS}
        ms = sum(row["ms"] for row in member_rows) / count
        numbers = tuple(point.number for point in members)
        configurations.append(Configuration(variant, dict(values), errors, ms, numbers))
    return configurations


def find_pareto_front(costs_and_errors: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the Pareto front, by cost: no other pair has at most this cost and less error, or less of both.

    Of equal pairs the first is taken.
    """
    least_error, front = float("inf"), []
    for index in sorted(range(len(costs_and_errors)), key=lambda k: costs_and_errors[k]):
        _, error = costs_and_errors[index]
        if error < least_error:
            least_error = error
            front.append(index)
    return front


def find_pareto_fronts(configurations: Sequence[Configuration]) -> dict[str, set[int]]:
    """The Pareto front of each lighting component, as indices of configurations."""
    return {
        component: set(find_pareto_front([(c.ms, c.errors[component]) for c in configurations]))
        for component in COMPONENTS
    }


def group_curves(configurations: Sequence[Configuration], axes: Sequence[Axis]) -> list[tuple[str | None, list[int]]]:
    """Curves of the plot: the parameter along each, and the indices of its configurations in that parameter's order.

    A curve joins configurations of one variant that differ only in that parameter.
    """
    numbers = [axis.name for axis in axes if axis.is_number]
    curve_parameter = {
        variant: _find_curve_parameter([c for c in configurations if c.variant == variant], numbers)
        for variant in dict.fromkeys(c.variant for c in configurations)
    }
    curves: dict[tuple[Any, ...], list[int]] = {}
    for k, configuration in enumerate(configurations):
        parameter = curve_parameter[configuration.variant]
        other_values = tuple((name, value) for name, value in configuration.values.items() if name != parameter)
        curves.setdefault((configuration.variant, other_values), []).append(k)

    def position_on_curve(k: int) -> float:
        value = configurations[k].values.get(curve_parameter[configurations[k].variant] or "")
        return float("-inf") if value is None else float(value)

    return [
        (curve_parameter[variant], sorted(members, key=position_on_curve)) for (variant, _), members in curves.items()
    ]


def _find_curve_parameter(configurations: Sequence[Configuration], numbers: Sequence[str]) -> str | None:
    """The number with the most different values, and the first of several. None: no number has two values."""
    counts = {name: len({c.values.get(name) for c in configurations}) for name in numbers}
    return max((name for name in numbers if counts[name] > 1), key=counts.__getitem__, default=None)


def format_values(configuration: Configuration) -> str:
    """The numbers of a configuration with short names: `samples 4, radius 15%`. The variant names the choices."""
    return ", ".join(
        f"{name.rpartition('.')[2]} {format_short(value)}"
        for name, value in configuration.values.items()
        if not isinstance(value, (str, bool))
    )


def format_short(value: Any) -> str:
    """A value with at most four digits."""
    is_plain_float = isinstance(value, float) and not isinstance(value, SceneFraction)
    return f"{value:.4g}" if is_plain_float else format_flag_value(value)


def format_table(configurations: Sequence[Configuration]) -> list[str]:
    """A Markdown table; errors on the Pareto front are marked with a star."""
    fronts = find_pareto_fronts(configurations)
    lines = ["| technique | | RMSE | direct | indirect | ms |", "|---|---|---|---|---|---|"]
    for k, c in enumerate(configurations):
        errors = [f"{c.errors[name]:.4f}{' *' if k in front else ''}" for name, front in fronts.items()]
        lines.append(f"| {c.variant} | {format_values(c)} | {' | '.join(errors)} | {c.ms:.2f} |")
    return lines


def format_csv(points: Sequence[Point], rows: Measurements, axes: Sequence[Axis]) -> str:
    """A CSV file with a row for each point: its parameters, exact errors, times, and the command that renders it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    axis_names = [axis.name for axis in axes]
    writer.writerow(
        [
            *("point", "technique", "variant", "scene", "camera"),
            *axis_names,
            *ERROR_COLUMNS,
            *TIME_COLUMNS,
            *("clock", "renderer", "command"),
        ]
    )
    for point in points:
        row, shot = rows[point.number], point.shot
        writer.writerow(
            [
                *(point.number, shot.technique.group, point.variant, shot.scene, point.camera),
                *(format_flag_value(point.values[name]) if name in point.values else "" for name in axis_names),
                *(repr(row[name]) for name in ERROR_COLUMNS),
                *(f"{row[name]:.4f}" for name in TIME_COLUMNS),
                *(row["clock"], row["renderer"], point.command),
            ]
        )
    return text.getvalue()
