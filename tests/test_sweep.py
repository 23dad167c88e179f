"""`sweep`: what is swept, what is said of it, and that neither a kill nor the number of those who draw changes an
error.
"""

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
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ssdo.commands import sweep
from ssdo.commands.sweep import checkpoint, worker_pool
from ssdo.commands.sweep.measure import TERMS, TIMES, Task, Worker
from ssdo.commands.sweep.plan import Axis, Point, Truths, axis, points, scenes_of, shown
from ssdo.commands.sweep.results import averaged, csv_text, curves, front, table
from ssdo.gpu.context import Gpu
from ssdo.measure import metrics, reference_cache, references
from ssdo.render.shot import Shot, Wanted
from ssdo.render.techniques.reference import Reference
from ssdo.scene import built_in
from ssdo.settings import UserError
from test_commands import call, heeding, run_app

SWEPT = [
    "--techniques",
    "ssao,ssdo",
    "--vary",
    "ssdo.samples=2,3",
    "--vary",
    "ssao.samples=2,4",
    "--vary",
    "ssdo.visibility=single-sample,march",
]
SMALL = [*SWEPT, "--scenes", "nook,cornell", "--width", "64", "--height", "36", "--truth-frames", "4", "--runs", "3"]
COUNT = 2 * (2 + 4)
Line = dict[str, str]


def lines_of(path: Path) -> list[Line]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def timeless(lines: list[Line]) -> list[Line]:
    """What must not depend on who draws."""
    return [{name: value for name, value in line.items() if name not in (*TIMES, "clock")} for line in lines]


class Whole:
    """A sweep that nothing disturbed, by one process."""

    def __init__(self, folder: Path) -> None:
        self.cache, self.output = folder / "cache", folder / "out"
        self.said = io.StringIO()
        with contextlib.redirect_stdout(self.said):
            assert sweep.main([*SMALL, "--cache", str(self.cache), "--output", str(self.output)]) == 0
        self.lines = lines_of(self.output / "sweep.csv")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(tmp_path_factory.mktemp("sweep"))


# ---- what is swept ----


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
        ("material=white,full", ("white", "full")),
    ],
)
def test_lists_and_ranges(text: str, values: tuple[Any, ...]) -> None:
    found = axis(text)
    assert found.values == values and found.name == text.partition("=")[0]
    assert found.owner == ("" if text.startswith(("sky", "material")) else text[:4])


def test_every_combination_is_a_point() -> None:
    """Of a technique with its own parameters, all with the common ones, in every scene from every camera."""
    axes = [axis(text) for text in ("ssao.samples=2,4,8", "ssdo.bounce=on,off", "sky.rotation=0,90")]
    found = points(Wanted({}, {"width": 64}), ["ssao", "ssdo", "off"], axes, ["nook", "ball"], "1")
    assert len(found) == 2 * (3 * 2 + 2 * 2 + 2) and [p.number for p in found] == list(range(len(found)))
    shots = [p.shot for p in found]
    assert len(set(shots)) == len(shots) and all(shot.width == 64 for shot in shots)
    assert {p.line for p in found} == {"SSAO", "SSDO bounce on", "SSDO bounce off", "OFF"}
    for p in found:
        assert all(p.shot.values()[name] == value for name, value in p.varied.items())
    seen = points(Wanted({}, {}), ["off"], [], ["cornell"], "all")
    assert (
        [p.camera for p in seen] == [1, 2, 3]
        and seen[0].shot.camera.eye is None
        and len({p.shot.camera for p in seen}) == 3
    )


def test_a_share_is_of_each_scene() -> None:
    found = points(Wanted({}, {}), ["ssao"], [axis("ssao.radius=10%,0.25")], ["nook", "ball"], "1")
    sizes = {name: built_in.load(name).size for name in ("nook", "ball")}
    assert [p.shot.values()["ssao.radius"] for p in found] == [0.1 * sizes["nook"], 0.25, 0.1 * sizes["ball"], 0.25]
    assert [shown(p.varied["ssao.radius"]) for p in found] == ["10%", "0.25"] * 2


def test_a_scenes_arguments_stay_with_it() -> None:
    assert scenes_of("nook,blocks:count=9,ball,signpost:height=2") == [
        "nook",
        "blocks:count=9",
        "ball",
        "signpost:height=2",
    ]


def test_shots_of_one_scene_share_their_truth() -> None:
    """Whatever decides only the technique, the blur or the display; what moves the light has its own."""
    truths = Truths(Reference(rays=4), 8)
    first, *others = (
        Shot().with_values(v | {"scene": "nook"})
        for v in ({}, {"ssdo.samples": 3}, {"technique": "off"}, {"denoise.radius": 0}, {"accumulated_frames": 3})
    )
    assert {truths.of(shot) for shot in others} == {truths.of(first)}
    assert truths.of(Shot().with_values({"scene": "nook", "display.exposure": 1.0})) == truths.of(first)
    for change in ({"sky.rotation": 9.0}, {"width": 99}, {"seed": 1}, {"scene": "ball"}):
        assert truths.of(first.with_values(change)) != truths.of(first)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--vary", "ssdo.sample=4"], "--vary ssdo.sample: no such parameter; did you mean ssdo.samples?"),
        (["--vary", "ssdo.samples"], "--vary ssdo.samples: must be NAME=V,V,..."),
        (["--vary", "ssdo.samples=4,999"], "ssdo.samples = 999: must be 1 to 256"),
        (["--vary", "ssdo.samples=1..999:3"], "ssdo.samples = 500: must be 1 to 256"),
        (["--vary", "ssdo.samples=4,x"], "--ssdo.samples x: must be a whole number"),
        (["--vary", "ssdo.visibility=cone"], "ssdo.visibility = 'cone': must be one of march, point"),
        (["--vary", "denoise.radius=3"], "denoise.radius = 3: must be 0 to 16 px, a multiple of 2"),
        (
            ["--vary", "ssao.radius=0.1..2"],
            "a range is FIRST..LAST:COUNT, of two different numbers and 2 to 1000 values",
        ),
        (["--vary", "ssao.radius=2..2:3"], "a range is FIRST..LAST:COUNT"),
        (["--vary", "ssao.radius=1..nan:3"], "a range is FIRST..LAST:COUNT"),
        (["--vary", "ssao.radius=0.1..2:1"], "a range is FIRST..LAST:COUNT"),
        (["--vary", "sky.rotation=-9..9:3log"], "both ends must be above 0 where values grow in equal ratios"),
        (["--vary", "ssao.radius=0%"], "--vary ssao.radius=0%: must be 0.1% to 1000% of the scene's size"),
        (["--vary", "ssao.samples=5%"], "--vary ssao.samples=5%: does not follow the scene's size"),
        (["--vary", "scene=nook"], "--vary scene has no effect: --scenes says what is swept"),
        (["--vary", "camera.eye=1,2,3"], "--vary camera.eye has no effect: --cameras"),
        (
            ["--vary", "ssdo.samples=4", "--techniques", "ssao"],
            "--vary ssdo.samples has no effect: ssdo is not among --techniques ssao",
        ),
        (["--vary", "ssdo.samples=4", "--vary", "ssdo.samples=8"], "--vary ssdo.samples: named twice"),
        (
            ["--vary", "ssdo.samples=4", "--ssdo.samples", "8"],
            "--ssdo.samples has no effect: --vary ssdo.samples says what is swept",
        ),
        (["--techniques", "ssao,sdo"], "no technique sdo"),
        (["--technique", "ssao"], "--technique has no effect beside --techniques"),
        (["--scenes", "nok"], "no scene nok; did you mean nook?"),
        (["--scene", "nook"], "--scene has no effect: --scenes says what is swept"),
        (["--cameras", "4"], "--cameras 4: must be all, or numbers; cornell has 1 to 3"),
        (["--cameras", "all", "--camera.eye", "1,2,3"], "--camera.eye has no effect: --cameras"),
        (["--scenes", "ball", "--cameras", "2"], "--cameras 2: must be all, or numbers; ball has only 1"),
        (["--vary", "sky.rotation=0..1:999", "--vary", "time=0..1:999"], "points: must be at most 100000; vary less"),
        (["--truth-frames", "3"], "--truth-frames 3: must be 4 to 65536"),
        (["--runs", "2"], "--runs 2: must be 3 to 1000"),
        (["--workers", "0"], "--workers 0: must be 1 to 64"),
        (["--workers", "2", "--scheduler", "tcp://1.2.3.4:5"], "--workers has no effect beside --scheduler"),
        (["--point", "999"], "--point 999: must be 0 to"),
    ],
)
def test_mistakes(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(monkeypatch, "sweep", "--scenes", "cornell", "--output", tmp_path, *arguments) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1 and not said.out
    assert not list(tmp_path.iterdir())


# ---- what comes out ----


def test_a_line_for_each_point(whole: Whole) -> None:
    assert [int(line["point"]) for line in whole.lines] == list(range(COUNT))
    assert sorted(path.name for path in whole.output.iterdir()) == [
        "index.html",
        "points.jsonl",
        "sweep.csv",
        "sweep.png",
    ]
    assert len(list(whole.cache.iterdir())) == 2 * 2  # two halves of two scenes: each truth was drawn once
    for line in whole.lines:
        assert 0 < float(line["own ms"]) < float(line["ms"]) and float(line["ms, 5 %"]) <= float(line["ms"]) <= float(
            line["ms, 95 %"]
        )
        assert (
            float(line["indirect bias"]) < 0 < float(line["indirect RMSE"])
            and line["clock"] == "wall clock around each pass"
        )
    ssao = [line for line in whole.lines if line["technique"] == "ssao"]
    assert len({line["indirect RMSE"] for line in ssao}) == 2  # it has none: the truth's own, of two scenes
    assert whole.said.getvalue().splitlines()[0] == "| technique | | RMSE | direct | indirect | ms |"


def test_a_row_can_be_repeated(
    whole: Whole, gpu: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By --point to the last digit; and its command draws the picture whose errors it states."""
    line = next(
        line
        for line in whole.lines
        if line["line"] == "SSDO point" and line["scene"] == "cornell" and line["ssdo.samples"] == "3"
    )
    assert (
        call(
            monkeypatch,
            "sweep",
            *SMALL,
            "--cache",
            whole.cache,
            "--output",
            tmp_path / "none",
            "--point",
            line["point"],
        )
        == 0
    )
    told = dict(
        re.split(r"\s{2,}| (?=ssdo capture)", text, maxsplit=1) for text in capsys.readouterr().out.splitlines()
    )
    names = [name for name in line if name not in TIMES and line[name] and name != "technique"]
    assert {name: told[name] for name in names} == {name: line[name] for name in names} and not (
        tmp_path / "none"
    ).exists()

    assert call(monkeypatch, *shlex.split(line["command"])[1:], "--output", tmp_path / "a.npz") == 0
    with np.load(tmp_path / "a.npz") as drawn, gpu.ctx:
        shot = Shot().with_values({"technique": "off", "scene": "cornell", "width": 64, "height": 36})
        against = references.world(gpu, shot, Reference(rays=4), 4, reference_cache.Store(whole.cache))
        surface = np.isfinite(drawn["depth"])
        assert repr(metrics.noise_free_rmse(drawn["radiance"], against.pair, surface)) == line["final RMSE"]
        pair = against.first["direct"], against.second["direct"]
        assert metrics.noise_free_rmse(drawn["direct"], pair, surface) / np.pi == pytest.approx(
            float(line["direct RMSE"]), rel=1e-12
        )
        assert repr(metrics.bias(drawn["radiance"], against.mean["radiance"], surface)) == line["final bias"]
        assert repr(against.noise(surface)) == line["noise of the truth"]


def test_the_page_needs_nothing_else(whole: Whole) -> None:
    text = (whole.output / "index.html").read_text("utf-8")
    assert not re.findall(r"<script|<link (?!rel=\"icon\")|https?://", text)
    assert text.count("data:image/png;base64,") == 3  # all scenes, and each
    for line in whole.lines:
        assert f"<code>{html.escape(line['command'])}</code>" in text


def test_another_sweep_in_the_folder(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is left alone: one line. The same is not drawn again; what was measured stays."""
    before = (whole.output / "points.jsonl").read_bytes()
    other = [*SMALL, "--cache", whole.cache, "--output", whole.output, "--vary", "sky.rotation=0,9"]
    assert call(monkeypatch, "sweep", *other) == 2
    said = capsys.readouterr().err
    assert (
        "holds another sweep (ssdo sweep --techniques ssao,ssdo" in said
        and "--overwrite begins anew" in said
        and said.count("\n") == 1
    )
    monkeypatch.setattr(worker_pool, "Worker", None)
    monkeypatch.setattr("ssdo.commands.sweep.plot.png", lambda *_: b"")
    assert call(monkeypatch, "sweep", *SMALL, "--cache", whole.cache, "--output", whole.output) == 0
    assert (whole.output / "points.jsonl").read_bytes() == before and lines_of(
        whole.output / "sweep.csv"
    ) == whole.lines
    capsys.readouterr()
    (tmp_path / "points.jsonl").write_bytes(before.replace(b'"sweep": "', b'"sweep": "0'))
    monkeypatch.setattr(
        sweep,
        "drawn",
        lambda done, kept, *_: kept.rows.update(
            {n: json.loads(row)["row"] for n, row in enumerate(before.splitlines()[1:])}
        ),
    )
    assert call(monkeypatch, "sweep", *SMALL, "--cache", whole.cache, "--output", tmp_path, "--overwrite") == 0
    assert len((tmp_path / "points.jsonl").read_bytes().splitlines()) == 1


def test_without_matplotlib_there_are_figures(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    (tmp_path / "points.jsonl").write_bytes((whole.output / "points.jsonl").read_bytes())
    assert call(monkeypatch, "sweep", *SMALL, "--cache", whole.cache, "--output", tmp_path) == 0
    assert "until then there is sweep.csv alone" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["points.jsonl", "sweep.csv"]


def test_nothing_beats_the_front() -> None:
    assert front([(1, 9), (2, 5), (3, 6), (4, 5), (5, 1), (5, 2), (0.5, 20)]) == [6, 0, 1, 4]
    assert front([(1, 1), (1, 1), (1, 0.5)]) == [2] and front([(2, 3)]) == [0]
    places = [tuple(p) for p in np.random.default_rng(3).random((200, 2))]
    best = front(places)
    for k, (cost, error) in enumerate(places):
        beaten = any(c <= cost and e <= error and (c, e) != (cost, error) for c, e in places)
        assert beaten != (k in best)


def made_up() -> tuple[list[Point], dict[int, dict[str, Any]], list[Axis]]:
    """Two scenes; an error of 1 / samples, twice that for point, plus the scene's number; a millisecond a sample."""
    axes = [axis("ssdo.visibility=single-sample,march"), axis("ssdo.samples=8,2,4"), axis("sky.rotation=0,90")]
    found = points(Wanted({}, {}), ["ssdo"], axes, ["nook", "ball"], "1")
    rows = {}
    for p in found:
        error = (2 if "point" in p.line else 1) / p.varied["ssdo.samples"] + (p.shot.scene == "ball")
        numbers = {f"{term} {kind}": error for term in TERMS for kind in ("RMSE", "bias")} | dict.fromkeys(
            TIMES, float(p.varied["ssdo.samples"])
        )
        rows[p.number] = numbers | {"noise of the truth": 0.0, "clock": "made up", "renderer": "none"}
    return found, rows, axes


def test_means_and_curves() -> None:
    """Over scenes; a curve along the samples for each visibility and rotation, in the order of the samples."""
    found, rows, axes = made_up()
    settings = averaged(found, rows)
    assert len(settings) == 12 and all(len(s.points) == 2 for s in settings)
    for s in settings:
        assert (
            s.errors["final"] == pytest.approx((2 if "point" in s.line else 1) / s.varied["ssdo.samples"] + 0.5)
            and s.ms == s.varied["ssdo.samples"]
        )
    joined = curves(settings, axes)
    assert len(joined) == 4 and sorted(k for _, curve in joined for k in curve) == list(range(12))
    for along, curve in joined:
        assert along == "ssdo.samples"
        assert [settings[k].varied["ssdo.samples"] for k in curve] == [2, 4, 8]
        assert len({(settings[k].line, settings[k].varied["sky.rotation"]) for k in curve}) == 1
    assert sum(" * " in line for line in table(settings)) == 3 and all(
        "SSDO march" in line for line in table(settings) if " * " in line
    )
    assert len(csv_text(found, rows, axes).splitlines()) == 25


# ---- who draws, and what interrupts it ----


def begun(whole: Whole, output: Path, *more: str, rows: int = 3) -> subprocess.Popen[str]:
    """A sweep in a group of processes of its own, that has done so many points."""
    command = [
        sys.executable,
        "-m",
        "ssdo",
        "sweep",
        *SMALL,
        "--cache",
        str(whole.cache),
        "--output",
        str(output),
        *more,
    ]
    process = subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=heeding
    )
    until(lambda: len(checkpoint.read(output / "points.jsonl")[0]) > rows or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def until(done: Any) -> None:
    for _ in range(24000):
        if done():
            return
        time.sleep(0.005)
    raise AssertionError("two minutes have passed")


def gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes, and signals to them")
@pytest.mark.parametrize(
    "kind, workers", [("SIGKILL", "1"), ("SIGKILL", "2"), ("SIGTERM", "2"), ("SIGINT", "2"), ("SIGINT", "2 by Dask")]
)
def test_what_was_interrupted_goes_on(
    kind: str, workers: str, whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same CSV file; what had been measured is not drawn again; and no worker outlives the one that started it."""
    if "Dask" in workers:
        pytest.importorskip("distributed")
    process = begun(whole, tmp_path, "--workers", workers[0], *["--cluster"] * ("Dask" in workers))
    if kind == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    else:
        process.send_signal(signal.Signals[kind])
    _, said = process.communicate(timeout=60)
    assert process.returncode == {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130}[kind]
    if kind != "SIGKILL":
        assert "points are kept in" in said and "Traceback" not in said
    until(lambda: gone(process.pid))
    lines, _ = checkpoint.read(tmp_path / "points.jsonl")
    kept = {line["point"]: line["row"] for line in lines[1:]}
    assert 3 <= len(kept) < COUNT and not (tmp_path / "sweep.csv").exists()

    drawn: list[Shot] = []
    point = Worker.point

    def counted(self: Worker, shot: Shot) -> dict[str, Any]:
        drawn.append(shot)
        return point(self, shot)

    monkeypatch.setattr(Worker, "point", counted)
    assert sweep.main([*SMALL, "--cache", str(whole.cache), "--output", str(tmp_path)]) == 0
    found = lines_of(tmp_path / "sweep.csv")
    assert len(drawn) == COUNT - len(kept) and timeless(found) == timeless(whole.lines)
    for number, row in kept.items():
        assert found[number]["ms"] == f"{row['ms']:.4f}"


def test_a_line_that_was_cut(whole: Whole, tmp_path: Path) -> None:
    """Is as if it had not been begun, wherever it was cut; the next is written in its place."""
    content = (whole.output / "points.jsonl").read_bytes()
    first = json.loads(content.splitlines()[0])
    ends = [k + 1 for k, byte in enumerate(content) if byte == 10]
    path = tmp_path / "points.jsonl"
    for cut in [*range(0, len(content), 97), len(content) - 1, *ends]:
        path.write_bytes(content[:cut])
        found = checkpoint.Journal.opened(tmp_path, first["sweep"], "", False)
        rows = max(sum(end <= cut for end in ends) - 1, 0)
        assert list(found.rows) == list(reversed(range(rows))), cut
        found.add(99, {"ms": 1.0})
        assert (
            checkpoint.read(path)[0][-1] == {"point": 99, "row": {"ms": 1.0}}
            and len(checkpoint.read(path)[0]) == rows + 2
        )


def test_a_cluster_says_the_same(whole: Whole, tmp_path: Path) -> None:
    """Two worker processes of a Dask scheduler; truths are sent to them, as nothing is kept on disk."""
    pytest.importorskip("distributed")
    done = run_app(
        ["sweep", *SMALL, "--no-cache", "--cluster", "--workers", "2", "--output", str(tmp_path)],
        tmp_path,
        dict(os.environ),
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert timeless(lines_of(tmp_path / "sweep.csv")) == timeless(whole.lines)
    assert {line["clock"] for line in lines_of(tmp_path / "sweep.csv")} == {"processor time of all threads"}


def test_without_dask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert call(monkeypatch, "sweep", *SMALL, "--cluster", "--output", tmp_path) == 2
    assert (
        capsys.readouterr().err
        == "ssdo: --cluster and --scheduler need the package distributed: pip install distributed; --workers does without\n"
    )


def test_a_scheduler_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(worker_pool, "PATIENCE", 0.3)
    assert (
        call(monkeypatch, "sweep", *SMALL, "--no-cache", "--scheduler", "tcp://127.0.0.1:9", "--output", tmp_path) == 2
    )
    said = capsys.readouterr().err
    assert "--scheduler tcp://127.0.0.1:9: no scheduler with a worker answers" in said and "Traceback" not in said


def test_a_worker_that_dies() -> None:
    mine, theirs = multiprocessing.Pipe()
    theirs.close()
    with mine, pytest.raises(UserError, match="a worker has died"):
        list(worker_pool._shared_out([mine], [(0, Shot())]))


def test_a_worker_of_another_version_says_so_and_lives_through_ctrl_c() -> None:
    """A terminal's Ctrl-C reaches the workers too: they leave it to the one that started them to end them."""
    task = Task(Truths(Reference(), 4), 3, "wall", None, "older")
    before = set(multiprocessing.active_children())
    with worker_pool._started(task, 1) as pipes:
        (child,) = set(multiprocessing.active_children()) - before
        for _ in range(2):
            pipes[0].send((0, Shot()))
            answer = pipes[0].recv()
            assert isinstance(answer, UserError) and "another version" in str(answer)
            assert child.pid and child.is_alive()
            os.kill(child.pid, signal.SIGINT)
    assert not child.is_alive()
