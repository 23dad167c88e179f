"""How cost grows: the figures that `bench cost` states, of times made up; and what it writes."""

from __future__ import annotations

import csv
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
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
from ssdo.measure import plots
from ssdo.measure.timings import CLOCKS
from ssdo.render.pass_times import measure_passes
from ssdo.render.pipeline import render_frame
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides
from ssdo.scene.loader import load_scene
from test_commands import call

RUN = RunInfo("llvmpipe", "4.5", 2, "wall clock around each pass", 5, "0.1.0")
SMALL = (
    "--quick",
    "--scene",
    "nook",
    "--width",
    "64",
    "--height",
    "36",
    "--sizes",
    "32x18,48x27,64x36",
    "--samples",
    "2,3,4",
    "--runs",
    "3",
)


def made_up(
    milliseconds: Callable[[str, str, float], float], asked: dict[str, str] | None = None
) -> list[CostMeasurement]:
    """Rows as if measured: of a technique's own passes by curve, axis and value; blur takes 2 ms, of SSAO 1, the
    G-buffer 3.
    """
    shots = create_shots(
        Overrides({"scene": "nook", "width": 64, "height": 36}, {}), ["ssao", "ssdo"], ["ray-march", "single-sample"]
    )
    rows = []
    for point in plan_points(shots, {**cost.FULL, "triangles": "1000,4000", **(asked or {})}):
        times = {
            "technique": milliseconds(point.curve, point.axis, point.value),
            "denoiser": 2.0 if "SSDO" in point.curve else 1.0,
            "G-buffer": 3.0,
        }
        spreads = {name: {"median": ms, "low": 0.95 * ms, "high": 1.1 * ms} for name, ms in times.items()}
        rows.append(
            CostMeasurement(
                point, {point.shot.technique.group: spreads["technique"], "gbuffer": spreads["G-buffer"]}, spreads
            )
        )
    return rows


def linear(label: str, axis: str, value: float) -> float:
    """3 + 0.5 n ms in samples, 10 a megapixel; 8 whatever the radius and the triangles. SSDO takes twice as long."""
    return {"samples": 3 + 0.5 * value, "resolution": 10 * value}.get(axis, 8.0) * (2 if "SSDO" in label else 1)


def cells(rows: list[CostMeasurement]) -> dict[str, list[str]]:
    """The table's, by curve."""
    found = [[cell.strip() for cell in line.split("|")[1:-1]] for line in format_measurements(rows)]
    assert len({len(line) for line in found}) == 1 and [line[0] for line in found[-2:]] == ["denoiser", "G-buffer"]
    return {line[0]: line[1:] for line in found}


def test_a_line_is_found() -> None:
    """From 1 to 256, where an unweighted fit would care for the largest alone."""
    x = (1.0, 2.0, 4.0, 100.0, 256.0)
    line = fit_line([(n, 0.25 + 3 * n) for n in x])
    assert (line.intercept, line.slope) == pytest.approx((0.25, 3)) and abs(line.max_deviation) < 1e-9
    assert line(10) == pytest.approx(30.25)


@pytest.mark.parametrize(
    "times",
    [(1.0, 5.0, 30.0, 70.0), (9.0, 5.0, 4.0, 4.0), (1.0, 8.0, 3.0, 9.0)],
    ids=["no fixed cost", "falling", "scattered"],
)
def test_no_line_of_positive_costs_fits_better(times: tuple[float, ...]) -> None:
    points = list(zip((1.0, 2.0, 4.0, 8.0), times, strict=True))

    def misfit(fixed: float, slope: float) -> float:
        return sum(((fixed + slope * x) / ms - 1) ** 2 for x, ms in points)

    line = fit_line(points)
    assert line.intercept >= 0 and line.slope >= 0 and all(line(x) > 0 for x, _ in points)
    around = np.linspace(0, 12, 121)
    assert misfit(line.intercept, line.slope) <= min(misfit(fixed, slope) for fixed in around for slope in around)
    assert line.max_deviation == max((ms / line(x) - 1 for x, ms in points), key=abs)
    assert dict(points)[line.deviation_at] / line(line.deviation_at) - 1 == pytest.approx(line.max_deviation)


def test_figures_of_times_in_a_line() -> None:
    found = cells(made_up(linear))
    assert found["SSAO ray-march"][0] == "3.00 + 0.500 n" and found["SSDO single-sample"][0] == "6.00 + 1.000 n"
    assert found["SSAO single-sample"][2] == "0.00 + 10.0 m"
    assert found["SSDO ray-march"][4:] == ["1.00", "1.00"]
    assert all(float(found["SSDO ray-march"][k].split("%")[0]) == 0 for k in (1, 3))
    assert found["denoiser"][:3] == ["", "", "2.00 + 0.0 m"] and found["G-buffer"][5] == "1.00"


def test_a_cliff_behind_32_samples_is_found() -> None:
    """As Mesa had it: 2.5 times the time, as soon as a loop is no longer unrolled."""
    found = cells(
        made_up(
            lambda label, axis, x: (
                linear(label, axis, x) * (2.5 if label == "SSAO single-sample" and axis == "samples" and x > 32 else 1)
            )
        )
    )
    assert abs(float(found["SSAO single-sample"][1].split("%")[0])) > 30
    assert float(found["SSAO ray-march"][1].split("%")[0]) == 0


def test_what_jumps_or_depends_on_triangles_is_found() -> None:
    def jumping(label: str, axis: str, value: float) -> float:
        slow = {"radius": value > 0.3, "triangles": value > 2000}.get(axis, False)
        return linear(label, axis, value) * (1.7 if slow and label == "SSDO ray-march" else 1)

    found = cells(made_up(jumping))
    assert found["SSDO ray-march"][4:] == ["1.70", "1.70"]
    assert found["SSDO single-sample"][5] == "1.00"


def test_one_thing_changes_along_each_axis() -> None:
    changes = {
        "samples": {"ssdo.samples"},
        "resolution": {"width", "height"},
        "radius": {"ssdo.radius", "ssdo.thickness"},
        "triangles": {"scene"},
    }
    points = [
        row.point for row in made_up(linear, {"sizes": "40x30,80x60,20x16"}) if row.point.curve == "SSDO ray-march"
    ]
    for axis, names in changes.items():
        values = [point.shot.values() for point in points if point.axis == axis]
        assert {name for name in values[0] if any(v[name] != values[0][name] for v in values)} == names
        assert all(v["ssdo.visibility"] == "ray-march" for v in values)
    radii = [point.shot.values()["ssdo.radius"] / point.value for point in points if point.axis == "radius"]
    assert radii == pytest.approx([load_scene("nook").bounding_radius] * len(radii))
    assert [point.value for point in points if point.axis == "resolution"] == [320e-6, 1200e-6, 4800e-6]


def test_a_million_triangles_look_like_a_thousand(gpu: Gpu) -> None:
    """The same share of the picture, so that a difference of times is not one of pixels: 68.7 % with 1000, 69.0 % with
    40 000 and with a million.
    """
    shares = []
    for triangles in (1000, 40_000):
        shot = Shot().with_values(
            {"scene": f"million:triangles={triangles}", "technique": "off", "width": 320, "height": 180}
        )
        shares.append(float((gpu.read(render_frame(gpu, shot).inputs.gbuffer.depth) < 1e30).mean()))
    assert shares[0] == pytest.approx(shares[1], abs=0.01) and 0.6 < shares[0] < 0.8


def test_a_file_has_a_line_for_each_point() -> None:
    rows = made_up(linear)
    lines = list(csv.DictReader(io.StringIO(format_csv(rows, RUN))))
    assert len(lines) == len(rows) == 4 * (9 + 6 + 8 + 2)
    for row, line in zip(rows, lines, strict=True):
        assert (line["axis"], float(line["value"])) == (row.point.axis, row.point.value)
        assert f"{line['technique'].upper()} {line['visibility']}" == row.point.curve
        shot = row.point.shot
        assert (int(line["width"]), int(line["height"]), line["scene"]) == (shot.width, shot.height, shot.scene)
        own, other = ("ssao", "ssdo") if "SSAO" in row.point.curve else ("ssdo", "ssao")
        assert (
            float(line["technique median"]) == pytest.approx(row.sums["technique"]["median"], abs=1e-4)
            and line[own] == line["technique median"]
            and line[other] == ""
        )
        assert float(line["technique low"]) < float(line["technique median"]) < float(line["technique high"])
        assert (line["renderer"], line["driver"], line["cores"], line["clock"]) == tuple(map(str, RUN[:4]))
    assert {line["triangles"] for line in lines if line["axis"] == "triangles"} == {"996", "4006"}


def test_every_curve_is_in_the_picture() -> None:
    """By its colour: two techniques, and grey for what they share."""
    pytest.importorskip("matplotlib")
    with Image.open(io.BytesIO(plot(made_up(linear), RUN, "nook"))) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    for color in (*plots.COLORS[:2], plots.GREY):
        near = np.abs(pixels - [int(color[k : k + 2], 16) for k in (1, 3, 5)]).max(1) < 8
        assert near.sum() > 500, color


def test_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "deep" / "cost"
    assert call(monkeypatch, "bench", "cost", *SMALL, "--techniques", "ssdo", "--output", out, "--clock", "cpu") == 0
    said = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == ["cost.csv", "cost.png"]
    assert said.out.splitlines()[0].startswith(
        "| ms of the technique's passes | n samples | off that line | m megapixels |"
    )
    assert "processor time of all threads, 3 frames" in said.out.splitlines()[-1] and said.err.splitlines() == [
        str(out / name) for name in cost.FILES
    ]
    lines = list(csv.DictReader((out / "cost.csv").read_text().splitlines()))
    assert len(lines) == 2 * (3 + 3 + 2 + 2)
    for line in lines:
        assert 0 < float(line["technique low"]) <= float(line["technique median"]) <= float(line["technique high"])
        each = [float(line[name]) for name in ("ssdo:direct", "bounce_sources:diffuse", "ssdo:indirect")]
        assert (
            max(each) <= float(line["technique median"])
            and float(line["denoiser median"]) > 0
            and float(line["gbuffer"]) > 0
        )
    before = (out / "cost.csv").read_bytes()
    assert call(monkeypatch, "bench", "cost", *SMALL, "--output", out) == 2
    assert "exists; add --overwrite" in capsys.readouterr().err and (out / "cost.csv").read_bytes() == before


def test_without_matplotlib_there_are_figures_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert (
        call(
            monkeypatch,
            "bench",
            "cost",
            *SMALL,
            "--visibility",
            "single-sample",
            "--techniques",
            "ssao",
            "--output",
            tmp_path,
        )
        == 0
    )
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "the picture needs the package matplotlib: pip install matplotlib; until then there is cost.csv alone",
        str(tmp_path / "cost.csv"),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["cost.csv"]


@pytest.mark.parametrize("broken, left", [("cost.measure_point", []), ("cost_report.plot", ["cost.csv"])])
def test_nothing_is_half_written(broken: str, left: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured is kept, even where the picture fails."""

    def fails(*_: object) -> None:
        raise ValueError("planted")

    rows = iter(made_up(linear))
    monkeypatch.setattr(cost, "measure_point", lambda *_: next(rows))
    monkeypatch.setattr(cost, "plan_points", lambda *_: [row.point for row in made_up(linear)])
    monkeypatch.setattr(plots, "drawable", lambda left: True)
    monkeypatch.setattr(f"ssdo.commands.bench.{broken}", fails)
    with pytest.raises(ValueError, match="planted"):
        call(monkeypatch, "bench", "cost", *SMALL, "--output", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == left


def test_processor_time_is_none_while_a_pass_waits(gpu: Gpu) -> None:
    """A pass that sleeps 60 ms takes so long by the wall clock, and next to nothing of the processor."""

    def sleeps() -> None:
        with gpu.timer.measure("sleep"):
            time.sleep(0.06)

    before = gpu.timer
    if not before.is_software_renderer:
        pytest.skip("a GPU is measured by its own queries")
    try:
        least = {}
        for name, (seconds, _) in CLOCKS.items():
            gpu.timer = PassTimer(gpu.ctx, clock=seconds)
            least[name] = min(measure_passes(gpu, sleeps, 3)["sleep"])
    finally:
        gpu.timer = before
    assert least["wall"] >= 60 and least["cpu"] < 30


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--samples", "4,x,8"], "--samples x: must be whole numbers from 1 to 256"),
        (["--samples", ""], "--samples : must be whole numbers"),
        (["--samples", "8,16,8"], "--samples 8,16,8: must be at least 3 different values"),
        (["--radii", "0.1,0"], "--radii 0: must be numbers from 0.001 to 10"),
        (["--radii", "nan,0.1"], "--radii nan: must be numbers"),
        (["--sizes", "64x36,9"], "--sizes 9: must be width x height in pixels, as in 1280x720"),
        (["--sizes", "64x36,9x9,9999x9"], "width = 9999: must be 1 to 8192 px"),
        (["--triangles", "9,1000"], "--triangles 9: must be whole numbers from 1000 to 20000000"),
        (
            ["--techniques", "off"],
            "--techniques off: must be of ssao, ssdo, gtao, bitmask, which have samples and a radius",
        ),
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
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(monkeypatch, "bench", "cost", "--quick", "--output", tmp_path, *arguments) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1 and not said.out
    assert not list(tmp_path.iterdir())


def test_techniques_without_that_parameter_have_one_curve() -> None:
    """Samples are directions of 8 steps, or slices with as many fetches."""
    shots = create_shots(Overrides({"scene": "nook"}, {}), ["gtao", "ssao"], ["single-sample"])
    assert list(shots) == ["GTAO", "SSAO single-sample"]
    points = plan_points(shots, {**cost.QUICK, "samples": "4,8,16"})
    slices = [point.shot.technique.sample_count for point in points if (point.axis, point.curve) == ("samples", "GTAO")]
    assert slices == [1, 2, 4]


def test_a_gpu_takes_no_processor_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ssdo.gpu.timer.SOFTWARE_RENDERERS", ())
    assert call(monkeypatch, "bench", "cost", *SMALL, "--output", tmp_path, "--clock", "cpu") == 2
    assert "is not a software renderer; leave it out" in capsys.readouterr().err


def test_without_blur_there_is_no_curve_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = (*SMALL, "--techniques", "ssdo", "--visibility", "single-sample", "--output", tmp_path)
    assert call(monkeypatch, "bench", "cost", *few, "--denoise.radius", "0") == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows[2:]] == ["SSDO single-sample", "G-buffer"]
    assert call(monkeypatch, "bench", "cost", *few, "--overwrite", "--no-ssdo.direct", "--no-ssdo.bounce") == 2
    assert "SSDO single-sample: draws no pass of its own" in capsys.readouterr().err
    bare = (
        "--techniques",
        "off",
        "--denoise.radius",
        "0",
        "--scene",
        "nook",
        "--width",
        "64",
        "--height",
        "36",
        "--runs",
        "3",
    )
    assert call(monkeypatch, "bench", "passes", *bare) == 0


def test_only_a_techniques_own_passes_count_as_its(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of each frame, each pass a power of two."""
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
    row = measure_point(gpu, CostPoint("samples", 4, "SSDO ray-march", Shot()), 3)
    assert {name: found["median"] for name, found in row.sums.items()} == {
        "technique": 8 + 16,
        "denoiser": 32 + 64,
        "G-buffer": 1,
    }
    assert row.sums["technique"]["high"] == pytest.approx(24 * 2.8) and row.passes.keys() == passes.keys()
