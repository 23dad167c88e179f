"""`bench cost`: its figures from synthetic times, its files, and how passes are timed."""

from __future__ import annotations

import csv
import io
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_data import percentile
from PIL import Image
from ssdo.commands.bench import cost, cost_points
from ssdo.commands.bench.cost_points import (
    CostMeasurement,
    CostPoint,
    RunInfo,
    create_shots,
    measure_point,
    plan_points,
)
from ssdo.commands.bench.cost_report import format_csv, format_measurements, plot
from ssdo.commands.bench.line_fit import fit_line
from ssdo.gpu.context import Gpu
from ssdo.gpu.timer import PassTimer
from ssdo.measure import plots, timings
from ssdo.measure.timings import CLOCKS
from ssdo.optional_packages import format_install_command
from ssdo.render.pass_times import measure_passes
from ssdo.render.pipeline import render_frame
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides
from ssdo.render.technique import Technique
from ssdo.scene.loader import load_scene
from test_commands import call

RUN = RunInfo("llvmpipe", "4.5", 2, "wall clock around each pass", 5, "0.1.0")
SMALL = ["--scene", "nook", "--width", "64", "--height", "36", "--runs", "3"]
QUICK = ["--quick", *SMALL, "--sizes", "32x18,48x27,64x36", "--samples", "2,3,4"]

# Milliseconds of a technique's passes by curve, axis and value.
CostModel = Callable[[str, str, float], float]

# The built-in ones first, then those of plug-ins.
SUPPORTED = ", ".join(dict.fromkeys(kind.group for kind, _ in Technique.all_modes() if kind.sample_param))
assert SUPPORTED.startswith("ssao, ssdo, gtao, bitmask")


def make_measurements(model: CostModel, values: dict[str, str] | None = None) -> list[CostMeasurement]:
    """Measurements of SSAO and SSDO. The denoiser takes 2 ms with SSDO, 1 ms with SSAO; the G-buffer takes 3 ms."""
    overrides = Overrides({"scene": "nook", "width": 64, "height": 36}, {})
    shots = create_shots(overrides, ["ssao", "ssdo"], ["ray-march", "single-sample"])
    measurements = []
    for point in plan_points(shots, {**cost.FULL, "triangles": "1000,4000", **(values or {})}):
        times = {
            "technique": model(point.curve, point.axis, point.value),
            "denoiser": 2.0 if "SSDO" in point.curve else 1.0,
            "G-buffer": 3.0,
        }
        sums = {name: {"median": ms, "low": 0.95 * ms, "high": 1.1 * ms} for name, ms in times.items()}
        passes = {point.shot.technique.group: sums["technique"], "gbuffer": sums["G-buffer"]}
        measurements.append(CostMeasurement(point, passes, sums))
    return measurements


def linear_cost(curve: str, axis: str, value: float) -> float:
    """3 + 0.5 n ms over n samples, 10 ms per megapixel, otherwise 8 ms. SSDO takes twice as long."""
    factor = 2 if "SSDO" in curve else 1
    return factor * {"samples": 3 + 0.5 * value, "resolution": 10 * value}.get(axis, 8.0)


def read_table(measurements: list[CostMeasurement]) -> dict[str, list[str]]:
    """The cells of each curve."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in format_measurements(measurements)]
    assert len({len(row) for row in rows}) == 1 and [row[0] for row in rows[-2:]] == ["denoiser", "G-buffer"]
    return {row[0]: row[1:] for row in rows}


def read_percent(cell: str) -> float:
    return float(cell.split("%")[0])


# ---- lines ----


def test_a_line_is_fitted() -> None:
    """From 1 to 256, where an unweighted fit would depend on the largest value alone."""
    line = fit_line([(x, 0.25 + 3 * x) for x in (1.0, 2.0, 4.0, 100.0, 256.0)])
    assert (line.intercept, line.slope) == pytest.approx((0.25, 3)) and abs(line.max_deviation) < 1e-9
    assert line(10) == pytest.approx(30.25)


@pytest.mark.parametrize(
    "times",
    [(1.0, 5.0, 30.0, 70.0), (9.0, 5.0, 4.0, 4.0), (1.0, 8.0, 3.0, 9.0)],
    ids=["no fixed cost", "falling", "scattered"],
)
def test_no_line_of_positive_costs_fits_better(times: tuple[float, ...]) -> None:
    points = list(zip((1.0, 2.0, 4.0, 8.0), times, strict=True))

    def squared_error(intercept: float, slope: float) -> float:
        return sum(((intercept + slope * x) / ms - 1) ** 2 for x, ms in points)

    line = fit_line(points)
    assert line.intercept >= 0 and line.slope >= 0 and all(line(x) > 0 for x, _ in points)
    grid = np.linspace(0, 12, 121)
    assert squared_error(line.intercept, line.slope) <= min(squared_error(a, b) for a in grid for b in grid)
    assert line.max_deviation == max((ms / line(x) - 1 for x, ms in points), key=abs)
    assert dict(points)[line.deviation_at] / line(line.deviation_at) - 1 == pytest.approx(line.max_deviation)


# ---- table, file and plot ----


def test_linear_costs() -> None:
    table = read_table(make_measurements(linear_cost))
    assert table["SSAO ray-march"][0] == "3.00 + 0.500 n" and table["SSDO single-sample"][0] == "6.00 + 1.000 n"
    assert table["SSAO single-sample"][2] == "0.00 + 10.0 m"
    assert table["SSDO ray-march"][4:] == ["1.00", "1.00"]
    assert all(read_percent(table["SSDO ray-march"][column]) == 0 for column in (1, 3))
    assert table["denoiser"][:3] == ["", "", "2.00 + 0.0 m"] and table["G-buffer"][5] == "1.00"


def test_a_step_over_samples_is_found() -> None:
    """As Mesa had it: 2.5 times the time beyond 32 samples, where it does not unroll the loop."""

    def stepped_cost(curve: str, axis: str, value: float) -> float:
        is_slow = curve == "SSAO single-sample" and axis == "samples" and value > 32
        return linear_cost(curve, axis, value) * (2.5 if is_slow else 1)

    table = read_table(make_measurements(stepped_cost))
    assert abs(read_percent(table["SSAO single-sample"][1])) > 30
    assert read_percent(table["SSAO ray-march"][1]) == 0


def test_costs_that_depend_on_radius_or_triangles_are_found() -> None:
    def stepped_cost(curve: str, axis: str, value: float) -> float:
        is_slow = {"radius": value > 0.3, "triangles": value > 2000}.get(axis, False)
        return linear_cost(curve, axis, value) * (1.7 if is_slow and curve == "SSDO ray-march" else 1)

    table = read_table(make_measurements(stepped_cost))
    assert table["SSDO ray-march"][4:] == ["1.70", "1.70"]
    assert table["SSDO single-sample"][5] == "1.00"


def test_the_file_has_a_line_for_each_point() -> None:
    measurements = make_measurements(linear_cost)
    lines = list(csv.DictReader(io.StringIO(format_csv(measurements, RUN))))
    assert len(lines) == len(measurements) == 4 * (9 + 6 + 8 + 2)
    for (point, _, sums), line in zip(measurements, lines, strict=True):
        shot = point.shot
        assert (line["axis"], float(line["value"])) == (point.axis, point.value)
        assert f"{line['technique'].upper()} {line['visibility']}" == point.curve
        assert (int(line["width"]), int(line["height"]), line["scene"]) == (shot.width, shot.height, shot.scene)
        assert float(line["technique median"]) == pytest.approx(sums["technique"]["median"], abs=1e-4)
        assert float(line["technique low"]) < float(line["technique median"]) < float(line["technique high"])
        name, other = ("ssao", "ssdo") if "SSAO" in point.curve else ("ssdo", "ssao")
        assert line[name] == line["technique median"] and line[other] == ""
        assert (line["renderer"], line["driver"], line["cores"], line["clock"]) == tuple(map(str, RUN[:4]))
    assert {line["triangles"] for line in lines if line["axis"] == "triangles"} == {"996", "4006"}


@pytest.mark.slow
def test_the_plot_has_every_color() -> None:
    """One for each of two techniques, and grey for the other passes."""
    pytest.importorskip("matplotlib")
    with Image.open(io.BytesIO(plot(make_measurements(linear_cost), RUN, "nook"))) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    for color in (*plots.COLORS[:2], plots.GREY):
        rgb = [int(color[k : k + 2], 16) for k in (1, 3, 5)]
        assert (np.abs(pixels - rgb).max(1) < 8).sum() > 500, color


def distinct_cost(curve: str, axis: str, value: float) -> float:
    """A time that no other point has."""
    number = ["SSAO ray-march", "SSAO single-sample", "SSDO ray-march", "SSDO single-sample"].index(curve)
    axis_number = ["samples", "resolution", "radius", "triangles"].index(axis)
    return 10.0 + 3 * number + 20 * axis_number + math.log1p(value)


def list_medians(measurements: list[CostMeasurement]) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """The value and the technique's median time of each point, by curve and axis."""
    medians: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for point, _, sums in measurements:
        medians.setdefault((point.curve, point.axis), []).append((point.value, sums["technique"]["median"]))
    return medians


@pytest.mark.slow
def test_curves_of_the_plot_are_those_of_their_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the panel of their axis: medians and the band around them, the fitted line, colours, dashes and ticks."""
    pytest.importorskip("matplotlib")
    from matplotlib.colors import to_hex

    figures: list[Any] = []

    def keep(figure: Any) -> bytes:
        figures.append(figure)
        return b""

    monkeypatch.setattr(plots, "to_png", keep)
    measurements = make_measurements(distinct_cost)
    plot(measurements, RUN, "nook")
    (figure,) = figures
    (legend,) = figure.legends

    def style(line: Any) -> tuple[str, str]:
        return to_hex(line.get_color()), line.get_marker()

    labels = {style(h): text.get_text() for h, text in zip(legend.legend_handles, legend.get_texts(), strict=True)}
    curves = {measurement.point.curve for measurement in measurements}
    assert set(labels.values()) == {*curves, "denoiser", "G-buffer"} and len(labels) == 6
    colors = {label: color for (color, _), label in labels.items()}
    assert len({colors[curve] for curve in curves}) == 2 and colors["denoiser"] == colors["G-buffer"]
    units = {
        "samples": "samples per pixel",
        "resolution": "megapixels",
        "radius": "fraction of the scene's size",
        "triangles": "triangles of equal appearance",
    }
    panels = {panel.get_title(loc="left").partition(":")[0].lower(): panel for panel in figure.axes}
    assert panels.keys() == units.keys()
    for axis, panel in panels.items():
        assert (panel.get_xlabel(), panel.get_ylabel()) == (units[axis], "ms")
        points = {curve: medians for (curve, name), medians in list_medians(measurements).items() if name == axis}
        lines = {labels[style(line)]: line for line in panel.lines if line.get_marker() != "None"}
        assert lines.keys() >= curves
        assert ("G-buffer" in lines) == (axis == "triangles")
        bands = {to_hex(band.get_facecolor()[0]): band for band in panel.collections}
        for curve in curves:
            assert list(zip(*lines[curve].get_data(), strict=True)) == points[curve], (axis, curve)
        assert len(panel.collections) == len(lines) and bands.keys() <= {color for color, _ in labels}
        for (curve, line), band in zip(lines.items(), panel.collections, strict=True):
            y = [vertex[1] for vertex in band.get_paths()[0].vertices]
            medians = line.get_data()[1]
            assert min(y) == pytest.approx(0.95 * min(medians)) and max(y) == pytest.approx(1.1 * max(medians)), curve
        fits = [line for line in panel.lines if line.get_marker() == "None"]
        assert len(fits) == (4 if axis in ("samples", "resolution") else 0)
        for curve, line in zip(points, fits, strict=False):
            fit = fit_line(points[curve])
            ends = [points[curve][0][0], points[curve][-1][0]]
            assert to_hex(line.get_color()) == colors[curve]
            assert list(line.get_data()[0]) == ends and list(line.get_data()[1]) == [fit(x) for x in ends]
    ticks = {
        axis: {
            float(x): text.get_text()
            for x, text in zip(panels[axis].get_xticks(), panels[axis].get_xticklabels(), strict=True)
        }
        for axis in ("radius", "triangles")
    }
    radii = [float(word) for word in cost.FULL["radii"].split(",")]
    assert ticks["radius"] == {radius: f"{100 * radius:g} %" for radius in radii}
    assert ticks["triangles"] == {1000: "1 000", 4000: "4 000"}
    times = list_medians(measurements)
    worst = max(abs(fit_line(times[curve, "samples"]).max_deviation) for curve in curves)
    assert panels["samples"].get_title(loc="left") == f"Samples: within {worst:.1%} of a line"


def test_rows_of_the_table_are_of_their_own_curve() -> None:
    """Also the signs of deviations, where they are, and the denoiser's own times."""
    measurements = make_measurements(distinct_cost)
    table = read_table(measurements)
    times = list_medians(measurements)
    for curve in {curve for curve, _ in times}:
        over_samples, over_pixels = (fit_line(times[curve, axis]) for axis in ("samples", "resolution"))
        radius, triangles = ([ms for _, ms in times[curve, axis]] for axis in ("radius", "triangles"))
        assert table[curve] == [
            f"{over_samples.intercept:.2f} + {over_samples.slope:.3f} n",
            f"{over_samples.max_deviation:+.1%} at {over_samples.deviation_at:g}",
            f"{over_pixels.intercept:.2f} + {over_pixels.slope:.1f} m",
            f"{over_pixels.max_deviation:+.1%} at {over_pixels.deviation_at:.2f}",
            f"{max(radius) / min(radius):.2f}",
            f"{triangles[-1] / triangles[0]:.2f}",
        ]


# ---- percentiles ----


@pytest.mark.parametrize("count", [1, 2, 3, 11, 40])
def test_percentiles_are_those_of_the_sorted_times(count: int) -> None:
    """Of single times, and of sums in each frame, which are not sums of percentiles."""
    rng = np.random.default_rng(count)
    passes = {name: list(map(float, rng.exponential(3.0, count))) for name in ("a:x", "a:y", "b")}
    shares = {"median": 0.5, "low": 0.05, "high": 0.95}
    for name, times in passes.items():
        assert timings.percentiles(times) == pytest.approx({k: percentile(times, s) for k, s in shares.items()}), name
    sums = [x + y for x, y in zip(passes["a:x"], passes["a:y"], strict=True)]
    expected = {k: percentile(sums, s) for k, s in shares.items()}
    assert timings.sum_passes(passes, lambda name: name.startswith("a")) == pytest.approx(expected)
    assert timings.sum_passes(passes, lambda _: False) == {"median": 0, "low": 0, "high": 0}
    text = timings.format_percentiles(expected)
    assert text == f"{expected['median']:.2f} ({expected['low']:.2f} to {expected['high']:.2f})"


@pytest.mark.slow
def test_every_pass_belongs_to_the_technique_the_denoiser_or_the_frame(gpu: Gpu) -> None:
    """Of each technique, at half resolution and with a history."""
    shared, denoising = set(), set()
    names = [kind.group for kind, _ in Technique.all_modes()]
    for name in dict.fromkeys(names):
        values = {"technique": name, "scene": "nook", "width": 16, "height": 9}
        shot = Shot().with_values(values | {"lighting.resolution": "half", "temporal.history_length": 2})
        passes = measure_passes(gpu, lambda shot=shot: render_frame(gpu, shot), 1)  # type: ignore[misc]
        technique_passes = {key for key in passes if timings.is_technique_pass(key)}
        assert any(key.partition(":")[0] == name for key in technique_passes)
        shared |= {key for key in passes if key.startswith(timings.SHARED_PASSES)}
        denoising |= {key for key in passes if key.startswith(timings.DENOISE_PASSES)}
        assert not technique_passes & (shared | denoising)
    assert {"gbuffer", "composite:diffuse", "display"} <= shared
    assert {key.partition(":")[0] for key in denoising} == {"subsample", "denoise", "temporal", "upsample"}


# ---- points ----


def test_one_parameter_changes_along_each_axis() -> None:
    changes = {
        "samples": {"ssdo.samples"},
        "resolution": {"width", "height"},
        "radius": {"ssdo.radius", "ssdo.thickness"},
        "triangles": {"scene"},
    }
    measurements = make_measurements(linear_cost, {"sizes": "40x30,80x60,20x16"})
    points = [measurement.point for measurement in measurements if measurement.point.curve == "SSDO ray-march"]
    for axis, names in changes.items():
        values = [point.shot.values() for point in points if point.axis == axis]
        assert {name for name in values[0] if any(v[name] != values[0][name] for v in values)} == names
        assert all(v["ssdo.visibility"] == "ray-march" for v in values)
    radii = [point.shot.values()["ssdo.radius"] / point.value for point in points if point.axis == "radius"]
    assert radii == pytest.approx([load_scene("nook").bounding_radius] * len(radii))
    assert [point.value for point in points if point.axis == "resolution"] == [320e-6, 1200e-6, 4800e-6]


def test_techniques_without_the_visibility_parameter_have_one_curve() -> None:
    """Samples are directions of 8 steps, or slices with as many fetches."""
    shots = create_shots(Overrides({"scene": "nook"}, {}), ["gtao", "ssao"], ["single-sample"])
    assert list(shots) == ["GTAO", "SSAO single-sample"]
    points = plan_points(shots, {**cost.QUICK, "samples": "4,8,16"})
    slices = [point.shot.technique.sample_count for point in points if (point.axis, point.curve) == ("samples", "GTAO")]
    assert slices == [1, 2, 4]


def test_triangle_counts_do_not_change_the_image(gpu: Gpu) -> None:
    """The scene `million` covers the same fraction of the image, so that times differ by triangles alone."""
    coverages = []
    for triangles in (1000, 40_000):
        values = {"scene": f"million:triangles={triangles}", "technique": "off", "width": 320, "height": 180}
        depth = gpu.read(render_frame(gpu, Shot().with_values(values)).inputs.gbuffer.depth)
        coverages.append(float((depth < 1e30).mean()))
    assert coverages[0] == pytest.approx(coverages[1], abs=0.01) and 0.6 < coverages[0] < 0.8


# ---- command ----


@pytest.mark.slow
def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "deep" / "cost"
    assert call(monkeypatch, "bench", "cost", *QUICK, "--techniques", "ssdo", "--output", out, "--clock", "cpu") == 0
    output = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == ["cost.csv", "cost.png"]
    assert output.err.splitlines() == [str(out / name) for name in cost.FILES]
    header, *_, run = output.out.splitlines()
    assert header.startswith("| ms of the technique's passes | n samples | off that line | m megapixels |")
    assert "processor time of all threads, 3 frames" in run
    lines = list(csv.DictReader((out / "cost.csv").read_text().splitlines()))
    assert len(lines) == 2 * (3 + 3 + 2 + 2)
    for line in lines:
        assert 0 < float(line["technique low"]) <= float(line["technique median"]) <= float(line["technique high"])
        passes = [float(line[name]) for name in ("ssdo:direct", "bounce_sources:diffuse", "ssdo:indirect")]
        assert max(passes) <= float(line["technique median"])
        assert float(line["denoiser median"]) > 0 and float(line["gbuffer"]) > 0
    content = (out / "cost.csv").read_bytes()
    assert call(monkeypatch, "bench", "cost", *QUICK, "--output", out) == 2
    assert "exists; add --overwrite" in capsys.readouterr().err and (out / "cost.csv").read_bytes() == content


@pytest.mark.slow
def test_without_matplotlib_only_the_plot_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, module, None)
    flags = [*QUICK, "--visibility", "single-sample", "--techniques", "ssao"]
    assert call(monkeypatch, "bench", "cost", *flags, "--output", tmp_path) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"the plot needs the package matplotlib: {format_install_command('matplotlib')};"
        " without it only cost.csv is written",
        str(tmp_path / "cost.csv"),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["cost.csv"]


@pytest.mark.parametrize(("function", "files"), [("cost.measure_point", []), ("cost_report.plot", ["cost.csv"])])
def test_figures_are_written_even_if_the_plot_fails(
    function: str, files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("injected")

    measurements = make_measurements(linear_cost)
    results = iter(measurements)
    monkeypatch.setattr(cost, "measure_point", lambda *_: next(results))
    monkeypatch.setattr(cost, "plan_points", lambda *_: [measurement.point for measurement in measurements])
    monkeypatch.setattr(plots, "has_matplotlib", lambda *_: True)
    monkeypatch.setattr(f"ssdo.commands.bench.{function}", fail)
    with pytest.raises(ValueError, match="injected"):
        call(monkeypatch, "bench", "cost", *QUICK, "--output", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == files


@pytest.mark.slow
def test_without_denoiser_it_has_no_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [*QUICK, "--techniques", "ssdo", "--visibility", "single-sample", "--output", tmp_path]
    assert call(monkeypatch, "bench", "cost", *flags, "--denoise.radius", "0") == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows[2:]] == ["SSDO single-sample", "G-buffer"]
    assert call(monkeypatch, "bench", "cost", *flags, "--overwrite", "--no-ssdo.direct", "--no-ssdo.bounce") == 2
    assert "SSDO single-sample: draws no pass of its own" in capsys.readouterr().err
    assert call(monkeypatch, "bench", "passes", *SMALL, "--techniques", "off", "--denoise.radius", "0") == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--samples", "4,x,8"], "--samples x: must be whole numbers from 1 to 256"),
        (["--samples", ""], "--samples : must be whole numbers"),
        (["--samples", "8,16,8"], "--samples 8,16,8: must be at least 3 different values"),
        (["--radii", "0.1,0"], "--radii 0: must be numbers from 0.001 to 10"),
        (["--radii", "nan,0.1"], "--radii nan: must be numbers"),
        (["--sizes", "64x36,9"], "--sizes 9: must be width x height in pixels, as in 1280x720"),
        (["--sizes", "64x36,9x9,9999x9"], "width = 9999: must be 1 to 8192 px"),
        (["--triangles", "9,1000"], "--triangles 9: must be whole numbers from 1000 to 20000000"),
        (["--techniques", "off"], f"--techniques off: must be of {SUPPORTED}, which have samples"),
        (["--techniques", "sao"], "no technique sao; did you mean ssao?"),
        (["--visibility", "cone"], "visibility = 'cone': must be one of ray-march, single-sample"),
        (["--ssao.visibility", "single-sample"], "--ssao.visibility has no effect"),
        (["--runs", "2"], "--runs 2: must be 3 to 1000"),
        (["--clock", "sun"], "argument --clock: invalid choice"),
        (["--technique", "ssao"], "--technique has no effect beside --techniques"),
    ],
)
def test_mistakes(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(monkeypatch, "bench", "cost", "--quick", "--output", tmp_path, *arguments) == 2
    output = capsys.readouterr()
    assert message in output.err and output.err.count("\n") == 1 and not output.out
    assert not list(tmp_path.iterdir())


# ---- timing ----


@pytest.mark.slow
def test_waiting_takes_no_processor_time(gpu: Gpu) -> None:
    """A pass that sleeps 60 ms."""

    def sleep() -> None:
        with gpu.timer.measure("sleep"):
            time.sleep(0.06)

    original = gpu.timer
    if not original.is_software_renderer:
        pytest.skip("a GPU is measured by timer queries")
    shortest = {}
    try:
        for name, (seconds, _) in CLOCKS.items():
            gpu.timer = PassTimer(gpu.ctx, clock=seconds)
            shortest[name] = min(measure_passes(gpu, sleep, 3)["sleep"])
    finally:
        gpu.timer = original
    assert shortest["wall"] >= 60 and shortest["cpu"] < 30


def test_processor_time_needs_a_software_renderer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ssdo.gpu.timer.SOFTWARE_RENDERERS", ())
    assert call(monkeypatch, "bench", "cost", *QUICK, "--output", tmp_path, "--clock", "cpu") == 2
    assert "is not a software renderer; leave it out" in capsys.readouterr().err


def test_passes_are_summed_by_owner(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pass takes another power of two, so that a sum shows its passes."""
    names = [
        "gbuffer",
        "sun:diffuse",
        "punctual_lights:diffuse",
        "ssdo:direct",
        "ssdo:indirect",
        "denoise:horizontal",
        "denoise:specular_vertical",
        "display",
    ]
    passes = {name: [2.0**k, 2.0**k, 3 * 2.0**k] for k, name in enumerate(names)}
    monkeypatch.setattr(cost_points, "measure_passes", lambda *_: passes)
    measurement = measure_point(gpu, CostPoint("samples", 4, "SSDO ray-march", Shot()), 3)
    assert {name: times["median"] for name, times in measurement.sums.items()} == {
        "technique": 8 + 16,
        "denoiser": 32 + 64,
        "G-buffer": 1,
    }
    assert measurement.sums["technique"]["high"] == pytest.approx(24 * 2.8)
    assert measurement.passes.keys() == passes.keys()
