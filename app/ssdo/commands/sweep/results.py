"""What a sweep says: means over scenes and cameras, which of them nothing beats, as a table and a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ssdo.commands.sweep.measure import ERRORS, TERMS, TIMES, Row
from ssdo.commands.sweep.plan import Axis, Point, Share, shown

Rows = Mapping[int, Row]  # by point


class Setting(NamedTuple):
    """A technique with its parameters; means over scenes and cameras."""

    line: str
    varied: Mapping[str, Any]
    errors: Mapping[str, float]  # RMSE by term
    ms: float
    points: tuple[int, ...]


def averaged(points: Sequence[Point], rows: Rows) -> list[Setting]:
    """In the order of the points."""
    groups: dict[tuple[str, tuple[Any, ...]], list[Point]] = {}
    for point in points:
        groups.setdefault((point.line, tuple(point.varied.items())), []).append(point)
    found = []
    for (line, varied), members in groups.items():
        each = [rows[point.number] for point in members]
        errors = {term: sum(row[f"{term} RMSE"] for row in each) / len(each) for term in TERMS}
        found.append(
            Setting(
                line,
                dict(varied),
                errors,
                sum(row["ms"] for row in each) / len(each),
                tuple(point.number for point in members),
            )
        )
    return found


def front(places: Sequence[tuple[float, float]]) -> list[int]:
    """Which (cost, error) no other place beats: none costs as little and errs less, or errs as little and costs less.
    By cost.

    Of equal places the first.
    """
    best, found = float("inf"), []
    for number in sorted(range(len(places)), key=lambda n: places[n]):
        if places[number][1] < best:
            best = places[number][1]
            found.append(number)
    return found


def curves(settings: Sequence[Setting], axes: Sequence[Axis]) -> list[tuple[str | None, list[int]]]:
    """The settings that a curve joins, by number, and along which parameter: those of one line that differ in nothing
    else, in its order.
    """
    numbers = [a.name for a in axes if a.kind in (int, float)]
    along = {
        line: _along([s for s in settings if s.line == line], numbers)
        for line in dict.fromkeys(s.line for s in settings)
    }
    found: dict[tuple[Any, ...], list[int]] = {}
    for k, setting in enumerate(settings):
        rest = tuple((name, value) for name, value in setting.varied.items() if name != along[setting.line])
        found.setdefault((setting.line, rest), []).append(k)

    def place(k: int) -> float:
        value = settings[k].varied.get(along[settings[k].line] or "")
        return float("-inf") if value is None else float(value)

    return [(along[line], sorted(members, key=place)) for (line, _), members in found.items()]


def _along(settings: Sequence[Setting], numbers: Sequence[str]) -> str | None:
    """The number that takes the most values in a line; of several the first. None: none takes two."""
    values = {name: len({setting.varied.get(name) for setting in settings}) for name in numbers}
    return max((name for name in numbers if values[name] > 1), key=values.__getitem__, default=None)


def words(setting: Setting) -> str:
    """What varied, in words: short names of numbers, as the line names the rest."""
    return ", ".join(
        f"{name.rpartition('.')[2]} {brief(value)}"
        for name, value in setting.varied.items()
        if not isinstance(value, (str, bool))
    )


def brief(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) and not isinstance(value, Share) else shown(value)


def table(settings: Sequence[Setting]) -> list[str]:
    """Markdown: a row for each setting; what nothing beats has a star behind its error."""
    best = {term: set(front([(s.ms, s.errors[term]) for s in settings])) for term in TERMS}
    lines = ["| technique | | RMSE | direct | indirect | ms |", "|---|---|---|---|---|---|"]
    for k, setting in enumerate(settings):
        errors = [f"{setting.errors[term]:.4f}{' *' if k in best[term] else ''}" for term in TERMS]
        lines.append(f"| {setting.line} | {words(setting)} | {' | '.join(errors)} | {setting.ms:.2f} |")
    return lines


def csv_text(points: Sequence[Point], rows: Rows, axes: Sequence[Axis]) -> str:
    """A line for each point: what was drawn, its errors to the last digit, its times, by what they were measured, and
    the command that draws it.
    """
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(
        [
            "point",
            "technique",
            "line",
            "scene",
            "camera",
            *(a.name for a in axes),
            *ERRORS,
            *TIMES,
            "clock",
            "renderer",
            "command",
        ]
    )
    for point in points:
        row, shot = rows[point.number], point.shot
        varied = [shown(point.varied[a.name]) if a.name in point.varied else "" for a in axes]
        times = [f"{row[name]:.4f}" for name in TIMES]
        told = [row["clock"], row["renderer"], point.command]
        out.writerow(
            [
                point.number,
                shot.technique.group,
                point.line,
                shot.scene,
                point.camera,
                *varied,
                *(repr(row[name]) for name in ERRORS),
                *times,
                *told,
            ]
        )
    return text.getvalue()
