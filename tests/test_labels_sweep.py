"""`sweep`: columns, rows, curves and commands are those of the points that they stand with."""

from __future__ import annotations

import base64
import csv
import html.parser
import io
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from labelled_data import DENOISE_FRAMES, FRAME_PASSES, TECHNIQUE_FRAMES, FakeRenderer, percentile
from parameter_values import Parameter, list_parameters, list_value_sets
from ssdo.commands import capture, sweep
from ssdo.commands.sweep import measure as sweep_measure
from ssdo.commands.sweep import plot as sweep_plot
from ssdo.commands.sweep.measure import ERROR_COLUMNS, TIME_COLUMNS, SweepTask
from ssdo.commands.sweep.page import build_page
from ssdo.commands.sweep.plan import Point, ReferencePlan, format_flag_value, parse_axis, plan_points
from ssdo.commands.sweep.results import average_over_views, format_csv, format_table
from ssdo.flags import FlagParser, parse_flags
from ssdo.measure import plots
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides, parse_overrides
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.scene.loader import load_scene
from ssdo.scene.model import DirectionalLight, Scene


def read_command(parser: FlagParser, command: str) -> Shot:
    """The shot of a command that a sweep prints."""
    program, name, *words = shlex.split(command)
    assert (program, name) == ("ssdo", "capture")
    flags = parse_flags(parser, words)
    for flag in ("from_image", "techniques", "overwrite", "output"):
        assert not flags.pop(flag)
    (shot,) = parse_overrides(flags).build_shots()
    return shot


@pytest.fixture(scope="module")
def capture_parser() -> FlagParser:
    return capture.create_parser()


def extract_no_sun(shot: Shot, scene: Scene) -> DirectionalLight:
    """In place of Shot._extract_sun: the environments do not exist."""
    return replace(scene.sun, angular_diameter=0.25)


def assert_command_repeats(parser: FlagParser, shot: Shot) -> None:
    """The command of a point is accepted and makes the shot's image: resolved, both are equal."""
    scene = load_scene("nook")
    repeated = read_command(parser, Point(0, 1, "", {}, shot).command)
    assert repeated.resolve(scene) == shot.resolve(scene)


@pytest.mark.parametrize("parameter", list_parameters(), ids=lambda parameter: parameter.name)
def test_the_command_of_a_point_repeats_its_shot(
    parameter: Parameter, capture_parser: FlagParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each value of a parameter alone, also where the technique does not read it, so that its flag is refused."""
    monkeypatch.setattr(Shot, "_extract_sun", extract_no_sun)
    for group in [parameter.technique] if parameter.technique else Technique.known:
        for value in parameter.allowed_values:
            shot = Shot().with_values({"technique": group, parameter.name: value})
            assert_command_repeats(capture_parser, shot)


def test_the_command_of_a_point_repeats_all_parameters(
    capture_parser: FlagParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shot, "_extract_sun", extract_no_sun)
    for values in list_value_sets():
        assert_command_repeats(capture_parser, Shot().with_values(values))


SWEPT = ("ssdo.visibility=single-sample,ray-march", "ssdo.samples=8,2,4", "ssao.samples=3,5", "sky.rotation=0,90")
COMPONENT_COLUMNS = {"final": "RMSE", "direct": "direct", "indirect": "indirect"}  # of the table


@dataclass
class MadeSweep:
    """Points with made-up measurements, in which each number occurs once."""

    axes: list[Any]
    points: list[Point]
    rows: dict[int, dict[str, Any]]

    @property
    def groups(self) -> dict[tuple[str, str], list[Point]]:
        """The points of each row of the table, by its variant and values."""
        groups: dict[tuple[str, str], list[Point]] = {}
        for point in self.points:
            numbers = [
                f"{name.partition('.')[2]} {value:g}" for name, value in point.values.items() if type(value) is not str
            ]
            groups.setdefault((point.variant, ", ".join(numbers)), []).append(point)
        return groups

    def mean(self, points: Sequence[Point], column: str) -> float:
        return float(np.mean([self.rows[point.number][column] for point in points]))

    def fronts(self) -> dict[str, set[tuple[str, str]]]:
        """The Pareto front of each component: rows that no other row beats in one of cost and error, or both."""
        fronts = {}
        for component in COMPONENT_COLUMNS:
            pairs = {
                key: (self.mean(points, "ms"), self.mean(points, f"{component} RMSE"))
                for key, points in self.groups.items()
            }
            fronts[component] = {
                key
                for key, (ms, error) in pairs.items()
                if not any(a <= ms and b <= error and (a, b) != (ms, error) for a, b in pairs.values())
            }
        return fronts


@pytest.fixture
def made_sweep() -> MadeSweep:
    axes = [parse_axis(text) for text in SWEPT]
    points = plan_points(Overrides({"width": 64}, {}), ["ssao", "ssdo"], axes, ["nook", "cornell"], "1,3")
    rng = np.random.default_rng(5)
    rows = {}
    for point in points:
        numbers = rng.random(len(ERROR_COLUMNS) + len(TIME_COLUMNS)) + 0.5
        row: dict[str, Any] = dict(zip((*ERROR_COLUMNS, *TIME_COLUMNS), map(float, numbers), strict=True))
        rows[point.number] = row | {"clock": f"clock {point.number}", "renderer": f"renderer {point.number}"}
    return MadeSweep(axes, points, rows)


def test_columns_of_the_sweeps_file_hold_their_own_values(made_sweep: MadeSweep, capture_parser: FlagParser) -> None:
    text = format_csv(made_sweep.points, made_sweep.rows, made_sweep.axes)
    lines = list(csv.DictReader(io.StringIO(text)))
    axis_names = [axis.name for axis in made_sweep.axes]
    for point, line in zip(made_sweep.points, lines, strict=True):
        row, values = made_sweep.rows[point.number], point.shot.values()
        assert (int(line["point"]), line["technique"], line["scene"]) == (
            point.number,
            values["technique"],
            values["scene"],
        )
        assert line["variant"].split()[0] == values["technique"].upper()
        assert line["variant"].split()[1:] == ([values["ssdo.visibility"]] if "ssdo.visibility" in values else [])
        assert (int(line["camera"]) == 1) == (point.shot.camera.eye is None)
        for name in axis_names:
            assert line[name] == (format_flag_value(values[name]) if name in values else ""), name
        for column in ERROR_COLUMNS:
            assert float(line[column]) == row[column], column
        for column in TIME_COLUMNS:
            assert float(line[column]) == pytest.approx(row[column], abs=5.1e-5), column
        assert (line["clock"], line["renderer"]) == (row["clock"], row["renderer"])
        assert read_command(capture_parser, line["command"]) == point.shot
    assert set(lines[0]) == {
        *("point", "technique", "variant", "scene", "camera", "clock", "renderer", "command"),
        *axis_names,
        *ERROR_COLUMNS,
        *TIME_COLUMNS,
    }


def test_rows_of_the_sweeps_table_hold_their_own_means(made_sweep: MadeSweep) -> None:
    """And a star where nothing errs less for less."""
    header, _, *lines = format_table(average_over_views(made_sweep.points, made_sweep.rows))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (header, *lines)]
    assert cells[0] == ["technique", "", *COMPONENT_COLUMNS.values(), "ms"]
    groups, fronts = made_sweep.groups, made_sweep.fronts()
    assert {(row[0], row[1]) for row in cells[1:]} == set(groups) and len(cells) - 1 == len(groups) == 16
    for variant, values, *errors_and_ms in cells[1:]:
        points = groups[variant, values]
        assert len(points) == 4
        assert errors_and_ms[-1] == f"{made_sweep.mean(points, 'ms'):.2f}"
        for component, cell in zip(COMPONENT_COLUMNS, errors_and_ms, strict=False):
            star = " *" if (variant, values) in fronts[component] else ""
            assert cell == f"{made_sweep.mean(points, f'{component} RMSE'):.4f}{star}"


class PageParser(html.parser.HTMLParser):
    """The tables of a page as lists of rows of (text, class of the cell), and its headings and images in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[list[list[tuple[str, str]]]] = []
        self.blocks: list[tuple[str, str]] = []  # ("h2", text), ("img", alt), ("src", address)
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append(("", values.get("class") or ""))
        elif tag == "h2":
            self.blocks.append(("h2", ""))
        elif tag == "img":
            self.blocks += [("img", values["alt"] or ""), ("src", values["src"] or "")]
        self._open = self._open if tag == "code" else tag if tag in ("td", "th", "h2") else ""

    def handle_endtag(self, tag: str) -> None:
        self._open = "" if tag == self._open else self._open

    def handle_data(self, data: str) -> None:
        if self._open == "h2":
            self.blocks[-1] = ("h2", self.blocks[-1][1] + data)
        elif self._open and self.tables and self.tables[-1]:
            text, css = self.tables[-1][-1][-1]
            self.tables[-1][-1][-1] = text + data, css


def test_the_sweeps_page_shows_its_rows_and_plots(made_sweep: MadeSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Means with the Pareto front in green, every point with its command, and each plot under its heading."""

    def draw_plot(configurations: Any, axes: Any, title: str, subtitle: str, caption: str) -> bytes:
        return f"{subtitle}: {sorted(number for c in configurations for number in c.points)}".encode()

    monkeypatch.setattr(sweep_plot, "draw_plot", draw_plot)
    task = SweepTask(ReferencePlan(Reference(), 4), 3, "wall", None, "digest")
    full_sweep = sweep.Sweep(made_sweep.points, made_sweep.axes, task, "the command")
    pngs = sweep._draw_plots("the title", "the conditions", made_sweep.rows, full_sweep)
    configurations = average_over_views(made_sweep.points, made_sweep.rows)
    text = build_page(
        "the title", "the conditions", "the command", pngs, configurations, made_sweep.points, made_sweep.rows
    )
    parsed = PageParser(text)
    means, points_table = parsed.tables

    groups, fronts = made_sweep.groups, made_sweep.fronts()
    assert [cell for cell, _ in means[0]] == ["technique", "", *COMPONENT_COLUMNS, "ms"]
    assert {(row[0][0], row[1][0]) for row in means[1:]} == set(groups) and len(means) - 1 == len(groups)
    for row in means[1:]:
        key = row[0][0], row[1][0]
        assert row[-1][0] == f"{made_sweep.mean(groups[key], 'ms'):.2f}"
        for component, (cell, css) in zip(COMPONENT_COLUMNS, row[2:], strict=False):
            assert cell == f"{made_sweep.mean(groups[key], f'{component} RMSE'):.4f}"
            assert ("best" in css.split()) == (key in fronts[component])

    columns = [cell for cell, _ in points_table[0]]
    assert columns == ["point", "scene", "camera", "RMSE", "bias", "ms", "command"]
    for row, point in zip(points_table[1:], made_sweep.points, strict=True):
        values = made_sweep.rows[point.number]
        assert [cell for cell, _ in row] == [
            str(point.number),
            point.shot.scene,
            str(point.camera),
            f"{values['final RMSE']:.4f}",
            f"{values['final bias']:+.4f}",
            f"{values['ms']:.2f}",
            point.command,
        ]

    points_by_heading = {"Mean of nook, cornell": made_sweep.points}
    points_by_heading |= {
        scene: [p for p in made_sweep.points if p.shot.scene == scene] for scene in ("nook", "cornell")
    }
    blocks = iter(parsed.blocks)
    for heading, points in points_by_heading.items():
        png = f"{heading}: {[point.number for point in points]}".encode()
        assert [next(blocks) for _ in range(3)] == [
            ("h2", heading),
            ("img", f"RMSE over milliseconds, {heading}"),
            ("src", f"data:image/png;base64,{base64.b64encode(png).decode()}"),
        ]


@pytest.mark.slow
def test_curves_of_the_sweeps_plot_are_those_of_their_legend(
    made_sweep: MadeSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the panel of their component, with the values of the parameter at their ends and rings on the front."""
    pytest.importorskip("matplotlib")
    from matplotlib.colors import to_hex

    monkeypatch.setattr(plots, "to_png", lambda figure: figure)
    axes = [axis for axis in made_sweep.axes if axis.name != "sky.rotation"]
    points = [
        point._replace(values={k: v for k, v in point.values.items() if k != "sky.rotation"})
        for point in made_sweep.points
        if point.values["sky.rotation"] == 0
    ]
    one = MadeSweep(axes, points, made_sweep.rows)
    figure: Any = sweep_plot.draw_plot(average_over_views(points, one.rows), axes, "title", "subtitle", "caption")
    (legend,) = figure.legends

    def style(line: Any) -> Any:
        return to_hex(line.get_color()), line.get_linestyle(), line.get_marker()

    labels = {
        style(handle): text.get_text() for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True)
    }
    variants = {"SSAO", "SSDO single-sample", "SSDO ray-march"}
    assert set(labels.values()) == {*variants, "Pareto front"} and len(labels) == 4
    panels = {panel.get_title(loc="left"): panel for panel in figure.axes}
    titles = {"final": "Radiance", "direct": "Direct light", "indirect": "Indirect light"}
    assert list(panels) == list(titles.values())
    for component, title in titles.items():
        panel = panels[title]
        assert panel.get_xlabel() == "ms"
        expected: dict[str, dict[tuple[float, float], str]] = {variant: {} for variant in variants}
        for (variant, values), members in one.groups.items():
            position = one.mean(members, "ms"), one.mean(members, f"{component} RMSE")
            expected[variant][position] = values.removeprefix("samples ")
        lines = {labels[style(line)]: line for line in panel.lines if style(line) in labels}
        assert lines.keys() == variants
        for variant, line in lines.items():
            positions = list(zip(*line.get_data(), strict=True))
            assert set(positions) == set(expected[variant])
            samples = [int(expected[variant][position]) for position in positions]
            assert samples == sorted(samples), "the curve joins neighbours"
            ends = {(positions[0], str(samples[0])), (positions[-1], str(samples[-1]))}
            texts = {(t.xy, t.get_text()) for t in panel.texts if to_hex(t.get_color()) == to_hex(line.get_color())}
            assert ends <= texts, variant
        front = {
            (one.mean(one.groups[key], "ms"), one.mean(one.groups[key], f"{component} RMSE"))
            for key in one.fronts()[component]
        }
        (rings,) = panel.collections
        assert {(float(x), float(y)) for x, y in rings.get_offsets()} == front
    assert figure.axes[0].get_ylabel() == "RMSE"


def test_columns_of_a_sweeps_point_are_measured_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of each component against the same of the reference, bias by its sign, and times of their own passes."""
    renderer = FakeRenderer(monkeypatch, sweep_measure)
    timed: list[Shot] = []

    def measure_passes(gpu: Any, draw: Any, runs: int) -> dict[str, list[float]]:
        timed.append(draw().shot)
        assert runs == 3
        return FRAME_PASSES

    monkeypatch.setattr(sweep_measure, "measure_passes", measure_passes)
    worker = object.__new__(sweep_measure.Worker)
    worker.task = SweepTask(ReferencePlan(Reference(), 4), 3, "cpu", None, "digest")
    ctx = SimpleNamespace(info={"GL_RENDERER": "a card"})
    worker.gpu = SimpleNamespace(ctx=ctx, is_software_renderer=True)  # type: ignore[assignment]
    shot = Shot().with_values({"accumulated_frames": 5})
    level = renderer.radiance(shot)
    row = worker.measure(shot, renderer.pair(300.0, 304.0, 0.0))
    scales = {"final": 1.0, "direct": 2 / math.pi, "indirect": 3 / math.pi}
    for component, scale in scales.items():
        rmse = scale * math.sqrt((level - 300) * (level - 304))
        assert row.pop(f"{component} RMSE") == pytest.approx(rmse, rel=1e-6), component
        assert row.pop(f"{component} bias") == pytest.approx(scale * (level - 302), rel=1e-6), component
    both = [a + b for a, b in zip(TECHNIQUE_FRAMES, DENOISE_FRAMES, strict=True)]
    assert row == {
        "reference noise": pytest.approx(2.0),
        "ms": pytest.approx(percentile(both, 0.5)),
        "ms p5": pytest.approx(percentile(both, 0.05)),
        "ms p95": pytest.approx(percentile(both, 0.95)),
        "technique ms": pytest.approx(percentile(TECHNIQUE_FRAMES, 0.5)),
        "denoise ms": pytest.approx(percentile(DENOISE_FRAMES, 0.5)),
        "clock": "processor time of all threads",
        "renderer": "a card",
    }
    assert timed == [replace(shot, accumulated_frames=1)]
