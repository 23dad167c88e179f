"""`sweep`: parsing of parameters, results and page, interruption and continuation, and workers of every kind."""

from __future__ import annotations

import contextlib
import csv
import html
import io
import json
import multiprocessing
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ssdo.commands import sweep
from ssdo.commands.sweep import checkpoint, worker_pool
from ssdo.commands.sweep.measure import COMPONENTS, TIME_COLUMNS, SweepTask, Worker
from ssdo.commands.sweep.plan import (
    Axis,
    Point,
    ReferencePlan,
    format_flag_value,
    parse_axis,
    parse_scenes,
    plan_points,
)
from ssdo.commands.sweep.results import average_over_views, find_pareto_front, format_csv, format_table, group_curves
from ssdo.gpu.context import Gpu
from ssdo.measure import json_lines, metrics, reference_cache, references
from ssdo.optional_packages import format_install_command
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides
from ssdo.render.techniques.reference import Reference
from ssdo.scene.loader import load_scene
from ssdo.settings import UserError
from test_commands import call, heed_interrupts, run_app

SMALL_SWEEP = [
    *("--techniques", "ssao,ssdo", "--param", "ssdo.samples=2,3", "--param", "ssao.samples=2,4"),
    *("--param", "ssdo.visibility=single-sample,ray-march", "--scenes", "nook,cornell"),
    *("--width", "64", "--height", "36", "--reference-frames", "4", "--runs", "3"),
]
POINT_COUNT = 2 * (2 + 4)
CsvRow = dict[str, str]


def read_csv(path: Path) -> list[CsvRow]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def read_checkpoint(folder: Path) -> list[dict[str, Any]]:
    """The lines of a checkpoint."""
    return json_lines.read_lines(folder / "points.jsonl").values


def without_times(rows: list[CsvRow]) -> list[CsvRow]:
    """The columns that do not depend on the workers."""
    return [{name: value for name, value in row.items() if name not in (*TIME_COLUMNS, "clock")} for row in rows]


class CompleteSweep:
    """A sweep without interruption in one process."""

    def __init__(self, folder: Path) -> None:
        self.cache, self.output = folder / "cache", folder / "out"
        self.stdout = io.StringIO()
        with contextlib.redirect_stdout(self.stdout):
            assert sweep.main([*SMALL_SWEEP, "--cache", str(self.cache), "--output", str(self.output)]) == 0
        self.rows = read_csv(self.output / "sweep.csv")


@pytest.fixture(scope="module")
def complete_sweep(tmp_path_factory: pytest.TempPathFactory) -> CompleteSweep:
    return CompleteSweep(tmp_path_factory.mktemp("sweep"))


# ---- plan ----


@pytest.mark.parametrize(
    "text, values",
    [
        ("ssdo.samples=4,8,4,16", (4, 8, 16)),
        ("ssdo.samples=1..9:5", (1, 3, 5, 7, 9)),
        ("ssdo.samples=1..4:7", (1, 2, 3, 4)),  # whole numbers, each once
        ("ssdo.samples=4..64:5log", (4, 8, 16, 32, 64)),
        ("ssao.radius=0.1..2:5log", (0.1, 0.211474, 0.447214, 0.945742, 2.0)),
        ("sky.rotation=-90..90:3", (-90.0, 0.0, 90.0)),
        ("ssdo.thickness=auto,0.5", (None, 0.5)),
        ("ssdo.radius=5%,15%,0.5", (0.05, 0.15, 0.5)),
        ("ssdo.bounce=on,off", (True, False)),
        ("ssdo.visibility=single-sample,ray-march", ("single-sample", "ray-march")),
        ("material_override=white,full", ("white", "full")),
    ],
)
def test_parses_lists_and_ranges(text: str, values: tuple[Any, ...]) -> None:
    axis = parse_axis(text)
    assert axis.values == values and axis.name == text.partition("=")[0]
    assert axis.technique == ("" if text.startswith(("sky", "material")) else text[:4])


def test_every_combination_is_a_point() -> None:
    """A technique has its own axes and the shared ones, in every scene and from every camera."""
    axes = [parse_axis(text) for text in ("ssao.samples=2,4,8", "ssdo.bounce=on,off", "sky.rotation=0,90")]
    points = plan_points(Overrides({}, {"width": 64}), ["ssao", "ssdo", "off"], axes, ["nook", "ball"], "1")
    assert len(points) == 2 * (3 * 2 + 2 * 2 + 2)
    assert [point.number for point in points] == list(range(len(points)))
    shots = [point.shot for point in points]
    assert len(set(shots)) == len(shots)
    assert all(shot.width == 64 for shot in shots)
    assert {point.variant for point in points} == {"SSAO", "SSDO bounce on", "SSDO bounce off", "OFF"}
    for point in points:
        assert all(point.shot.values()[name] == value for name, value in point.values.items())


def test_every_camera_is_a_point() -> None:
    points = plan_points(Overrides({}, {}), ["off"], [], ["cornell"], "all")
    assert [point.camera for point in points] == [1, 2, 3]
    assert points[0].shot.camera.eye is None
    assert len({point.shot.camera for point in points}) == 3


def test_percentages_are_of_each_scenes_size() -> None:
    points = plan_points(Overrides({}, {}), ["ssao"], [parse_axis("ssao.radius=10%,0.25")], ["nook", "ball"], "1")
    sizes = {name: load_scene(name).bounding_radius for name in ("nook", "ball")}
    radii = [point.shot.values()["ssao.radius"] for point in points]
    assert radii == [0.1 * sizes["nook"], 0.25, 0.1 * sizes["ball"], 0.25]
    assert [format_flag_value(point.values["ssao.radius"]) for point in points] == ["10%", "0.25"] * 2


def test_scene_arguments_are_not_split() -> None:
    assert parse_scenes("nook,blocks:count=9,ball,signpost:height=2") == [
        "nook",
        "blocks:count=9",
        "ball",
        "signpost:height=2",
    ]


def test_shots_with_the_same_light_share_a_reference() -> None:
    """Technique, denoiser and display do not change the reference; what changes the light does."""
    plan = ReferencePlan(Reference(rays=4), 8)
    first, *others = (
        Shot().with_values(v | {"scene": "nook"})
        for v in ({}, {"ssdo.samples": 3}, {"technique": "off"}, {"denoise.radius": 0}, {"accumulated_frames": 3})
    )
    assert {plan.build_shot(shot) for shot in others} == {plan.build_shot(first)}
    assert plan.build_shot(Shot().with_values({"scene": "nook", "display.exposure": 1.0})) == plan.build_shot(first)
    for change in ({"sky.rotation": 9.0}, {"width": 99}, {"seed": 1}, {"scene": "ball"}):
        assert plan.build_shot(first.with_values(change)) != plan.build_shot(first)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--param", "ssdo.sample=4"], "--param ssdo.sample: no such parameter; did you mean ssdo.samples?"),
        (["--param", "ssdo.samples"], "--param ssdo.samples: must be NAME=V,V,..."),
        (["--param", "ssdo.samples=4,999"], "ssdo.samples = 999: must be 1 to 256"),
        (["--param", "ssdo.samples=1..999:3"], "ssdo.samples = 500: must be 1 to 256"),
        (["--param", "ssdo.samples=4,x"], "--ssdo.samples x: must be a whole number"),
        (["--param", "ssdo.visibility=cone"], "ssdo.visibility = 'cone': must be one of ray-march, single-sample"),
        (["--param", "denoise.radius=3"], "denoise.radius = 3: must be 0 to 16 px, a multiple of 2"),
        (
            ["--param", "ssao.radius=0.1..2"],
            "a range is FIRST..LAST:COUNT, of two different numbers and 2 to 1000 values",
        ),
        (["--param", "ssao.radius=2..2:3"], "a range is FIRST..LAST:COUNT"),
        (["--param", "ssao.radius=1..nan:3"], "a range is FIRST..LAST:COUNT"),
        (["--param", "ssao.radius=0.1..2:1"], "a range is FIRST..LAST:COUNT"),
        (["--param", "sky.rotation=-9..9:3log"], "both ends must be above 0 where values grow in equal ratios"),
        (["--param", "ssao.radius=0%"], "--param ssao.radius=0%: must be 0.1% to 1000% of the scene's size"),
        (["--param", "ssao.samples=5%"], "--param ssao.samples=5%: does not follow the scene's size"),
        (["--param", "scene=nook"], "--param scene has no effect: --scenes says what is swept"),
        (["--param", "camera.eye=1,2,3"], "--param camera.eye has no effect: --cameras"),
        (
            ["--param", "ssdo.samples=4", "--techniques", "ssao"],
            "--param ssdo.samples has no effect: ssdo is not among --techniques ssao",
        ),
        (["--param", "ssdo.samples=4", "--param", "ssdo.samples=8"], "--param ssdo.samples: given twice"),
        (
            ["--param", "ssdo.samples=4", "--ssdo.samples", "8"],
            "--ssdo.samples has no effect: --param ssdo.samples says what is swept",
        ),
        (["--techniques", "ssao,sdo"], "no technique sdo"),
        (["--technique", "ssao"], "--technique has no effect beside --techniques"),
        (["--scenes", "nok"], "no scene nok; did you mean nook?"),
        (["--scene", "nook"], "--scene has no effect: --scenes says what is swept"),
        (["--cameras", "4"], "--cameras 4: must be all, or numbers; cornell has 1 to 3"),
        (["--cameras", "all", "--camera.eye", "1,2,3"], "--camera.eye has no effect: --cameras"),
        (["--scenes", "ball", "--cameras", "2"], "--cameras 2: must be all, or numbers; ball has only 1"),
        (["--param", "sky.rotation=0..1:999", "--param", "time=0..1:999"], "points: must be at most 100000; vary less"),
        (["--reference-frames", "3"], "--reference-frames 3: must be 4 to 65536"),
        (["--runs", "2"], "--runs 2: must be 3 to 1000"),
        (["--workers", "0"], "--workers 0: must be 1 to 64"),
        (["--workers", "2", "--scheduler", "tcp://1.2.3.4:5"], "--workers has no effect beside --scheduler"),
        (["--point", "999"], "--point 999: must be 0 to"),
    ],
)
def test_usage_errors(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(monkeypatch, "sweep", "--scenes", "cornell", "--output", tmp_path, *arguments) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.err.count("\n") == 1
    assert not output.out
    assert not list(tmp_path.iterdir())


# ---- results ----


@pytest.mark.slow
def test_csv_has_a_row_for_each_point(complete_sweep: CompleteSweep) -> None:
    rows = complete_sweep.rows
    assert [int(row["point"]) for row in rows] == list(range(POINT_COUNT))
    names = sorted(path.name for path in complete_sweep.output.iterdir())
    assert names == ["index.html", "points.jsonl", "sweep.csv", "sweep.png"]
    assert len(list(complete_sweep.cache.iterdir())) == 2 * 2  # each half of the references of two scenes, once
    for row in rows:
        assert 0 < float(row["technique ms"]) < float(row["ms"])
        assert float(row["ms p5"]) <= float(row["ms"]) <= float(row["ms p95"])
        assert float(row["indirect bias"]) < 0 < float(row["indirect RMSE"])
        assert row["clock"] == "wall clock around each pass"
    ssao = [row for row in rows if row["technique"] == "ssao"]
    # SSAO has no indirect light: its error depends on the scene only.
    assert len({row["indirect RMSE"] for row in ssao}) == 2
    assert complete_sweep.stdout.getvalue().splitlines()[0] == "| technique | | RMSE | direct | indirect | ms |"


def test_point_flag_repeats_a_row_exactly(
    complete_sweep: CompleteSweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = find_row(complete_sweep)
    flags = ["--cache", complete_sweep.cache, "--output", tmp_path / "none", "--point", row["point"]]
    assert call(monkeypatch, "sweep", *SMALL_SWEEP, *flags) == 0
    lines = capsys.readouterr().out.splitlines()
    printed = dict(re.split(r"\s{2,}| (?=ssdo capture)", line, maxsplit=1) for line in lines)
    names = [name for name in row if name not in TIME_COLUMNS and row[name] and name != "technique"]
    assert {name: printed[name] for name in names} == {name: row[name] for name in names}
    assert not (tmp_path / "none").exists()


def test_command_of_a_row_renders_the_image_with_its_errors(
    complete_sweep: CompleteSweep, gpu: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = find_row(complete_sweep)
    assert call(monkeypatch, *shlex.split(row["command"])[1:], "--output", tmp_path / "a.npz") == 0
    with np.load(tmp_path / "a.npz") as arrays, gpu.ctx:
        shot = Shot().with_values({"technique": "off", "scene": "cornell", "width": 64, "height": 36})
        cache = reference_cache.ReferenceCache(complete_sweep.cache)
        reference = references.render_world_reference(gpu, shot, Reference(rays=4), 4, cache)
        surface = np.isfinite(arrays["depth"])
        assert repr(metrics.noise_free_rmse(arrays["radiance"], reference.radiance_pair, surface)) == row["final RMSE"]
        pair = reference.first["direct"], reference.second["direct"]
        direct_rmse = metrics.noise_free_rmse(arrays["direct"], pair, surface) / np.pi
        assert direct_rmse == pytest.approx(float(row["direct RMSE"]), rel=1e-12)
        assert repr(metrics.bias(arrays["radiance"], reference.mean["radiance"], surface)) == row["final bias"]
        assert repr(reference.noise(surface)) == row["reference noise"]


def find_row(complete_sweep: CompleteSweep) -> CsvRow:
    """The row of SSDO with single samples and 3 directions in `cornell`."""
    return next(
        row
        for row in complete_sweep.rows
        if row["variant"] == "SSDO single-sample" and row["scene"] == "cornell" and row["ssdo.samples"] == "3"
    )


def test_page_needs_no_other_file(complete_sweep: CompleteSweep) -> None:
    text = (complete_sweep.output / "index.html").read_text("utf-8")
    assert not re.findall(r"<script|<link (?!rel=\"icon\")|https?://", text)
    assert text.count("data:image/png;base64,") == 3  # the mean, and both scenes
    for row in complete_sweep.rows:
        assert f"<code>{html.escape(row['command'])}</code>" in text


def test_folder_of_another_sweep_is_left_alone(
    complete_sweep: CompleteSweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [*SMALL_SWEEP, "--cache", complete_sweep.cache, "--output", complete_sweep.output]
    assert call(monkeypatch, "sweep", *flags, "--param", "sky.rotation=0,9") == 2
    error = capsys.readouterr().err
    assert "holds another sweep (ssdo sweep --techniques ssao,ssdo" in error
    assert "--overwrite starts again" in error
    assert error.count("\n") == 1


def test_complete_sweep_is_not_measured_again(complete_sweep: CompleteSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (complete_sweep.output / "points.jsonl").read_bytes()
    old_lines = read_checkpoint(complete_sweep.output)
    monkeypatch.setattr(worker_pool, "Worker", None)
    monkeypatch.setattr("ssdo.commands.sweep.plot.draw_plot", lambda *_: b"")
    flags = ["--cache", complete_sweep.cache, "--output", complete_sweep.output]
    assert call(monkeypatch, "sweep", *SMALL_SWEEP, *flags) == 0
    assert (complete_sweep.output / "points.jsonl").read_bytes().startswith(content)
    new_lines = read_checkpoint(complete_sweep.output)[len(old_lines) :]
    assert [line["file"] for line in new_lines] == ["sweep.png", "index.html"]  # as they are drawn differently here
    assert read_csv(complete_sweep.output / "sweep.csv") == complete_sweep.rows


def test_overwrite_starts_again(complete_sweep: CompleteSweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = read_checkpoint(complete_sweep.output)
    measurements = {line["point"]: line["row"] for line in lines if "row" in line}
    others = [line | {"sweep": f"0{line['sweep']}"} for line in lines]
    json_lines.write_lines(tmp_path / "points.jsonl", others, overwrite=False)
    monkeypatch.setattr("ssdo.commands.sweep.plot.draw_plot", lambda *_: b"")
    monkeypatch.setattr(sweep, "collect_results", lambda results, checkpoint, *_: checkpoint.rows.update(measurements))
    flags = ["--cache", complete_sweep.cache, "--output", tmp_path, "--overwrite"]
    assert call(monkeypatch, "sweep", *SMALL_SWEEP, *flags) == 0
    header, *others = read_checkpoint(tmp_path)
    assert header["sweep"] == lines[0]["sweep"]
    assert [line["file"] for line in others] == ["sweep.csv", "sweep.png", "index.html"]


def test_without_matplotlib_only_the_csv_file_is_written(
    complete_sweep: CompleteSweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    (tmp_path / "points.jsonl").write_bytes((complete_sweep.output / "points.jsonl").read_bytes())
    flags = ["--cache", complete_sweep.cache, "--output", tmp_path]
    assert call(monkeypatch, "sweep", *SMALL_SWEEP, *flags) == 0
    assert f"{format_install_command('matplotlib')}; without it only sweep.csv is written" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["points.jsonl", "sweep.csv"]


def test_pareto_front_is_not_dominated() -> None:
    assert find_pareto_front([(1, 9), (2, 5), (3, 6), (4, 5), (5, 1), (5, 2), (0.5, 20)]) == [6, 0, 1, 4]
    assert find_pareto_front([(1, 1), (1, 1), (1, 0.5)]) == [2]
    assert find_pareto_front([(2, 3)]) == [0]
    pairs = [tuple(p) for p in np.random.default_rng(3).random((200, 2))]
    front = find_pareto_front(pairs)
    for k, (cost, error) in enumerate(pairs):
        is_dominated = any(c <= cost and e <= error and (c, e) != (cost, error) for c, e in pairs)
        assert is_dominated != (k in front)


def make_measurements() -> tuple[list[Point], dict[int, dict[str, Any]], list[Axis]]:
    """Points of SSDO in two scenes with made-up values: one millisecond per sample.

    The error is 1 / samples, twice that with single samples, and 1 larger in the second scene.
    """
    texts = ("ssdo.visibility=single-sample,ray-march", "ssdo.samples=8,2,4", "sky.rotation=0,90")
    axes = [parse_axis(text) for text in texts]
    points = plan_points(Overrides({}, {}), ["ssdo"], axes, ["nook", "ball"], "1")
    rows = {}
    for point in points:
        samples = point.values["ssdo.samples"]
        error = expected_error(point.variant, samples) + (point.shot.scene == "ball")
        errors = {f"{component} {metric}": error for component in COMPONENTS for metric in ("RMSE", "bias")}
        times = dict.fromkeys(TIME_COLUMNS, float(samples))
        rows[point.number] = {**errors, **times, "reference noise": 0.0, "clock": "made up", "renderer": "none"}
    return points, rows, axes


def expected_error(variant: str, samples: int) -> float:
    return (2 if "single-sample" in variant else 1) / samples


def test_configurations_are_means_over_scenes() -> None:
    points, rows, axes = make_measurements()
    configurations = average_over_views(points, rows)
    assert len(configurations) == 12
    for c in configurations:
        samples = c.values["ssdo.samples"]
        assert len(c.points) == 2
        assert c.errors["final"] == pytest.approx(expected_error(c.variant, samples) + 0.5)
        assert c.ms == samples
    starred = [line for line in format_table(configurations) if " * " in line]
    assert len(starred) == 3
    assert all("SSDO ray-march" in line for line in starred)
    assert len(format_csv(points, rows, axes).splitlines()) == 25


def test_curves_join_configurations_that_differ_in_one_parameter() -> None:
    points, rows, axes = make_measurements()
    configurations = average_over_views(points, rows)
    curves = group_curves(configurations, axes)
    assert len(curves) == 4
    assert sorted(k for _, members in curves for k in members) == list(range(12))
    for parameter, members in curves:
        assert parameter == "ssdo.samples"
        assert [configurations[k].values["ssdo.samples"] for k in members] == [2, 4, 8]
        assert len({(configurations[k].variant, configurations[k].values["sky.rotation"]) for k in members}) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_checkpoints_hold_finite_numbers_only(value: float, tmp_path: Path) -> None:
    """Others are refused, and leave no line; such a line from elsewhere is ignored."""
    opened_checkpoint = checkpoint.Checkpoint.open(tmp_path, "id", "command", overwrite=False)
    content = opened_checkpoint.path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        opened_checkpoint.add(0, {"final RMSE": float(value)})
    assert opened_checkpoint.path.read_bytes() == content
    assert json_lines.parse_object(b'{"point": 0, "row": {"final RMSE": %s}}' % json.dumps(value).encode()) is None


# ---- workers and interruption ----


def start_sweep(complete_sweep: CompleteSweep, output: Path, *flags: str, min_points: int = 3) -> subprocess.Popen[str]:
    """Start a sweep in a process group of its own and wait until it has measured some points."""
    where = ["--cache", str(complete_sweep.cache), "--output", str(output)]
    process = subprocess.Popen(
        [sys.executable, "-m", "ssdo", "sweep", *SMALL_SWEEP, *where, *flags],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    wait_until(lambda: len(read_checkpoint(output)) > min_points or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(24000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("two minutes have passed")


def group_has_ended(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="process groups and signals")
@pytest.mark.parametrize(
    "signal_name, workers",
    [("SIGKILL", "1"), ("SIGKILL", "2"), ("SIGTERM", "2"), ("SIGINT", "2"), ("SIGINT", "2 by Dask")],
)
def test_interrupted_sweep_continues(
    signal_name: str,
    workers: str,
    complete_sweep: CompleteSweep,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The CSV file is the same, finished points are not measured again, and no worker outlives its parent."""
    if "Dask" in workers:
        pytest.importorskip("distributed")
    process = start_sweep(complete_sweep, tmp_path, "--workers", workers[0], *["--cluster"] * ("Dask" in workers))
    if signal_name == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    else:
        process.send_signal(signal.Signals[signal_name])
    _, error = process.communicate(timeout=60)
    assert process.returncode == {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130}[signal_name]
    if signal_name != "SIGKILL":
        assert "points are kept in" in error
        assert "Traceback" not in error
    wait_until(lambda: group_has_ended(process.pid))
    finished = {line["point"]: line["row"] for line in read_checkpoint(tmp_path)[1:]}
    assert 3 <= len(finished) < POINT_COUNT
    assert not (tmp_path / "sweep.csv").exists()

    measured_shots: list[Shot] = []
    measure = Worker.measure

    def measure_and_count(self: Worker, shot: Shot) -> dict[str, Any]:
        measured_shots.append(shot)
        return measure(self, shot)

    monkeypatch.setattr(Worker, "measure", measure_and_count)
    assert sweep.main([*SMALL_SWEEP, "--cache", str(complete_sweep.cache), "--output", str(tmp_path)]) == 0
    rows = read_csv(tmp_path / "sweep.csv")
    assert len(measured_shots) == POINT_COUNT - len(finished)
    assert without_times(rows) == without_times(complete_sweep.rows)
    for number, row in finished.items():
        assert rows[number]["ms"] == f"{row['ms']:.4f}"


@pytest.mark.slow
def test_truncated_line_is_replaced(complete_sweep: CompleteSweep, tmp_path: Path) -> None:
    """Wherever the checkpoint is truncated, the incomplete line counts as missing and the next one replaces it."""
    header, *lines = read_checkpoint(complete_sweep.output)
    rows = [line for line in lines if "row" in line]
    content = b"".join(map(json_lines.format_line, [header, *rows]))
    sweep_id = header["sweep"]
    line_ends = [k + 1 for k, byte in enumerate(content) if byte == ord("\n")]
    path = tmp_path / "points.jsonl"
    for size in [*range(0, len(content), 97), len(content) - 1, *line_ends]:
        path.write_bytes(content[:size])
        opened_checkpoint = checkpoint.Checkpoint.open(tmp_path, sweep_id, "", False)
        row_count = max(sum(end <= size for end in line_ends) - 1, 0)
        assert list(opened_checkpoint.rows) == list(reversed(range(row_count))), size
        opened_checkpoint.add(99, {"ms": 1.0})
        lines = read_checkpoint(tmp_path)
        assert lines[-1] == {"sweep": sweep_id, "point": 99, "row": {"ms": 1.0}}
        assert len(lines) == row_count + 2


@pytest.mark.slow
def test_dask_workers_measure_the_same_errors(complete_sweep: CompleteSweep, tmp_path: Path) -> None:
    """Two worker processes of a Dask scheduler, to which references are sent, as nothing is cached on disk."""
    pytest.importorskip("distributed")
    flags = ["--no-cache", "--cluster", "--workers", "2", "--output", str(tmp_path)]
    process = run_app(["sweep", *SMALL_SWEEP, *flags], tmp_path, dict(os.environ))
    assert process.returncode == 0, process.stderr
    assert "Traceback" not in process.stderr, process.stderr
    rows = read_csv(tmp_path / "sweep.csv")
    assert without_times(rows) == without_times(complete_sweep.rows)
    assert {row["clock"] for row in rows} == {"processor time of all threads"}


def test_missing_dask_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert call(monkeypatch, "sweep", *SMALL_SWEEP, "--cluster", "--output", tmp_path) == 2
    command = format_install_command("distributed")
    message = f"--cluster and --scheduler need the package distributed: {command}; --workers does without"
    assert capsys.readouterr().err == f"ssdo: {message}\n"


def test_silent_scheduler_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(worker_pool, "CONNECT_TIMEOUT", 0.3)
    flags = ["--no-cache", "--scheduler", "tcp://127.0.0.1:9", "--output", tmp_path]
    assert call(monkeypatch, "sweep", *SMALL_SWEEP, *flags) == 2
    error = capsys.readouterr().err
    assert "--scheduler tcp://127.0.0.1:9: no scheduler with a worker answers" in error
    assert "Traceback" not in error


def test_death_of_a_worker_is_reported() -> None:
    parent_end, child_end = multiprocessing.Pipe()
    child_end.close()
    with parent_end, pytest.raises(UserError, match="a worker has died"):
        list(worker_pool._distribute([parent_end], [(0, Shot())]))


@pytest.mark.slow
def test_worker_of_another_version_reports_it_and_ignores_ctrl_c() -> None:
    """A terminal's Ctrl-C reaches the workers, too, but their parent ends them."""
    task = SweepTask(ReferencePlan(Reference(), 4), 3, "wall", None, "older")
    other_children = set(multiprocessing.active_children())
    with worker_pool._start_processes(task, 1) as pipes:
        (child,) = set(multiprocessing.active_children()) - other_children
        for _ in range(2):
            pipes[0].send((0, Shot()))
            result = pipes[0].recv()
            assert isinstance(result, UserError)
            assert "another version" in str(result)
            assert child.pid and child.is_alive()
            os.kill(child.pid, signal.SIGINT)
    assert not child.is_alive()
