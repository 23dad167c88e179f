"""The table, CSV file and plot of `bench cost`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from ssdo.commands.bench.cost_points import AXES, OTHER_PASSES, CostAxis, CostMeasurement, Percentiles, RunInfo
from ssdo.commands.bench.flags import format_table
from ssdo.commands.bench.line_fit import LineFit, fit_line
from ssdo.measure import plots
from ssdo.render.pipeline import load_shot_scene

HEADER = (
    "ms of the technique's passes",
    "n samples",
    "off that line",
    "m megapixels",
    "off that line",
    "radius, longest to shortest",
    "triangles, most to fewest",
)
STATISTICS = ("median", "low", "high")

CurvePoints = list[tuple[float, Percentiles]]  # value on the axis, milliseconds; in the order of the values


def list_curves(measurements: Sequence[CostMeasurement], axis: str) -> dict[str, CurvePoints]:
    """The curves of an axis: one for each technique and visibility, then OTHER_PASSES.

    OTHER_PASSES are measured with every curve; here they are those of the last one. They cost less with a technique
    without indirect light.
    """
    on_axis = [measurement for measurement in measurements if measurement.point.axis == axis]
    curves: dict[str, CurvePoints] = {}
    for point, _, sums in on_axis:
        curves.setdefault(point.curve, []).append((point.value, sums["technique"]))
    last = [measurement for measurement in on_axis if measurement.point.curve == on_axis[-1].point.curve]
    for name in OTHER_PASSES:
        if name in on_axis[0].sums:
            curves[name] = [(measurement.point.value, measurement.sums[name]) for measurement in last]
    return curves


def _get_medians(points: CurvePoints) -> list[tuple[float, float]]:
    return [(value, times["median"]) for value, times in points]


def _range_ratio(points: CurvePoints) -> float:
    """The longest time relative to the shortest."""
    medians = [ms for _, ms in _get_medians(points)]
    return max(medians) / min(medians)


def format_measurements(measurements: Sequence[CostMeasurement]) -> list[str]:
    """A table in Markdown, a row for each curve: fitted lines, deviations from them, and ratios of times."""
    curves = {axis.name: list_curves(measurements, axis.name) for axis in AXES}
    rows = []
    for name in curves["samples"]:
        over_samples = fit_line(_get_medians(curves["samples"][name]))
        over_pixels = fit_line(_get_medians(curves["resolution"][name]))
        over_triangles = _get_medians(curves["triangles"][name])
        is_technique = name not in OTHER_PASSES
        rows.append(
            [
                name,
                f"{over_samples.intercept:.2f} + {over_samples.slope:.3f} n" if is_technique else "",
                f"{over_samples.max_deviation:+.1%} at {over_samples.deviation_at:g}" if is_technique else "",
                f"{over_pixels.intercept:.2f} + {over_pixels.slope:.1f} m",
                f"{over_pixels.max_deviation:+.1%} at {over_pixels.deviation_at:.2f}",
                f"{_range_ratio(curves['radius'][name]):.2f}" if is_technique else "",
                f"{over_triangles[-1][1] / over_triangles[0][1]:.2f}",
            ]
        )
    return format_table(HEADER, rows)


def format_csv(measurements: Sequence[CostMeasurement], run: RunInfo) -> str:
    """A line for each point. Times are milliseconds; a pass that a technique does not have is empty."""
    passes = list(dict.fromkeys(name for measurement in measurements for name in measurement.passes))
    sums = [f"{name} {statistic}" for name in measurements[0].sums for statistic in STATISTICS]
    settings = ["technique", "visibility", "samples", "radius", "width", "height", "scene", "triangles"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["axis", "value", *settings, *sums, *passes, *RunInfo._fields])
    for point, pass_times, sum_times in measurements:
        shot = point.shot
        technique: Any = shot.technique
        visibility = getattr(technique, "visibility", "")
        values = [technique.group, visibility, technique.sample_count, technique.radius]
        values += [shot.width, shot.height, shot.scene, load_shot_scene(shot).triangle_count]
        values += [f"{times[statistic]:.4f}" for times in sum_times.values() for statistic in STATISTICS]
        values += [f"{pass_times[name]['median']:.4f}" if name in pass_times else "" for name in passes]
        writer.writerow([point.axis, point.value, *values, *run])
    return text.getvalue()


def plot(measurements: Sequence[CostMeasurement], run: RunInfo, defaults: str) -> bytes:
    """A PNG with a panel for each axis. Colours are techniques, dashes are values of `visibility`."""
    panels = [_create_panel(measurements, axis) for axis in AXES]
    labels = dict.fromkeys(type(measurement.point.shot.technique).label for measurement in measurements)
    subtitle = f"{run.renderer}, OpenGL {run.driver}, {run.cores} cores; {run.clock}"
    footnote = (
        f"{defaults}; triangles: of the scene million.\n"
        f"Passes of a technique, and others; median and 5th to 95th percentile of {run.frames} frames."
    )
    return plots.draw_panels(panels, f"Cost of {' and '.join(labels)}", subtitle, footnote, "ms")


def _create_panel(measurements: Sequence[CostMeasurement], axis: CostAxis) -> plots.PlotPanel:
    points = list_curves(measurements, axis.name)
    shots = {measurement.point.curve: measurement.point.shot for measurement in measurements}
    techniques = list(dict.fromkeys(shot.technique.group for shot in shots.values()))
    visibilities = list(dict.fromkeys(getattr(shot.technique, "visibility", "") for shot in shots.values()))
    lines: dict[str, LineFit] = {}
    if axis.format_tick is None:
        lines = {name: fit_line(_get_medians(points[name])) for name in shots}
    curves = []
    for name, shot in shots.items():
        color = plots.COLORS[techniques.index(shot.technique.group) % len(plots.COLORS)]
        dashes = visibilities.index(getattr(shot.technique, "visibility", ""))
        curves.append(plots.Curve(name, color, dashes, points[name], lines.get(name)))
    for number, name in enumerate(OTHER_PASSES):
        # The G-buffer's cost does not depend on the technique's parameters.
        if name in points and (name != "G-buffer" or axis.name == "triangles"):
            curves.append(plots.Curve(name, plots.GREY, number, points[name]))
    if axis.format_tick is None:
        summary = f"within {max(abs(line.max_deviation) for line in lines.values()):.1%} of a line"
        ticks = None
    else:
        summary = f"longest / shortest time at most {max(_range_ratio(points[name]) for name in shots):.2f}"
        ticks = {value: axis.format_tick(value) for value, _ in next(iter(points.values()))}
    return plots.PlotPanel(f"{axis.name.capitalize()}: {summary}", axis.unit, curves, ticks)
