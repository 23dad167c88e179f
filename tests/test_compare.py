"""Truths that are kept and go on, the parts of an error, and the program that puts them on a page."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from render_small import register
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics, reference_cache, references
from ssdo.measure.images import shot_values
from ssdo.measure.reference_cache import Mean, Store, key
from ssdo.render.pipeline import measure_cost, render_accumulated
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import with_sample_counts
from ssdo.render.technique import Technique
from ssdo.render.techniques.bitmask import Bitmask
from ssdo.render.techniques.gtao import Gtao
from ssdo.render.techniques.reference import Reference
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.scene.loader import load_scene
from ssdo.scene.model import Scene
from ssdo.settings import UserError
from test_commands import call, heeding, opened

ROOT = Path(__file__).parents[1]
SMALL = {"scene": "cornell", "width": 48, "height": 27, "technique": "reference"}


def shot_of(**values: Any) -> Shot:
    return Shot().with_values(SMALL | values)


# ---- the store ----------------------------------------------------------------------------------------------------------


def test_a_key_is_of_everything_that_decides(gpu: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = key(gpu, shot_of())
    assert base == key(gpu, shot_of(**{"display.exposure": 3.0, "display.tone_mapper": "none"})), (
        "how it is shown does not matter"
    )
    resolved = shot_of().resolve(load_scene("cornell"))
    assert base == key(gpu, resolved), "nor who said it, the scene or the user"
    others = (
        {"reference.rays": 2},
        {"accumulated_frames": 2},
        {"seed": 1},
        {"width": 49},
        {"sun.irradiance": 1.0},
        {"sky.rotation": 1.0},
        {"camera.fov": 41.0},
        {"environment": "half"},
        {"scene": "ball"},
        {"denoise.radius": 0},
    )
    keys = {base, *(key(gpu, shot_of(**other)) for other in others)}
    assert len(keys) == 1 + len(others)
    # The same names with other content behind them
    cornell = load_scene("cornell")
    moved = replace(cornell.meshes[0], positions=cornell.meshes[0].positions + np.float32(1e-6))
    name = register("changing", lambda: cornell)
    before = key(gpu, shot_of(scene=name))
    register("changing", lambda: replace(cornell, meshes=(moved, *cornell.meshes[1:])))
    assert key(gpu, shot_of(scene=name)) != before
    monkeypatch.setattr(reference_cache, "program", lambda: "another version")
    assert key(gpu, shot_of()) != base


def test_the_program_is_its_shaders_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = reference_cache.program()
    for folder in ("common", "passes", "techniques"):
        (tmp_path / folder).mkdir()
    for path in (ROOT / "shaders").rglob("*.*"):
        (tmp_path / path.relative_to(ROOT / "shaders")).write_text(path.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(reference_cache, "SHADERS", tmp_path)
    reference_cache.program.cache_clear()
    assert reference_cache.program() == before
    with (tmp_path / "common" / "tracing.glsl").open("a") as file:
        file.write("\n")
    reference_cache.program.cache_clear()
    assert reference_cache.program() != before
    monkeypatch.undo()
    reference_cache.program.cache_clear()


def test_what_cannot_be_read_is_not_there(tmp_path: Path) -> None:
    kept = Store(tmp_path)
    mean = Mean(3, np.ones((2, 3, 4), "f4"), np.zeros((2, 3, 4), "f4"))
    kept.save("a", mean)
    found = kept.load("a")
    assert found and found.frames == 3 and (found.direct == mean.direct).all()
    whole = (tmp_path / "a.npz").read_bytes()
    for damaged in (b"", whole[:100], whole[:-30], whole[:200] + b"\xff" * 40 + whole[240:]):
        (tmp_path / "a.npz").write_bytes(damaged)
        assert kept.load("a") is None
    assert kept.load("b") is None and Store(None).load("a") is None
    (tmp_path / "file").write_text("")
    Store(tmp_path / "file").save("a", mean)  # a place that cannot be written to is no reason to stop
    assert (tmp_path / "file").read_text() == ""


def test_the_longest_unused_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, mean = Store(tmp_path), Mean(1, np.ones((8, 8, 4), "f4"), np.ones((8, 8, 4), "f4"))
    for age, name in enumerate("bca"):
        kept.save(name, mean)
        os.utime(tmp_path / f"{name}.npz", (age, age))
    kept.load("b")
    monkeypatch.setattr(reference_cache, "MOST", 2.5 * (tmp_path / "a.npz").stat().st_size)
    kept.save("d", mean)
    assert {p.stem for p in tmp_path.iterdir()} == {"b", "d"}


# ---- means and truths ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values", [{}, {"technique": "ssao"}, {"technique": "ssdo", "ssdo.bounce": False, "scene": "atelier"}]
)
def test_a_mean_goes_on_where_it_was_interrupted(gpu: Gpu, tmp_path: Path, values: dict[str, Any]) -> None:
    """Bit for bit what it would have been; with a bounce, without, and with reflections alone."""
    shot = shot_of(accumulated_frames=7).with_values(values)
    whole = images.arrays(gpu, render_accumulated(gpu, shot))
    drawn: list[Shot] = []

    def impatient(shot: Shot) -> None:
        drawn.append(shot)
        if len(drawn) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        references.mean(gpu, shot, Store(tmp_path), impatient)
    kept = Store(tmp_path).load(key(gpu, shot))
    assert kept and kept.frames == 3
    render_accumulated(gpu, shot_of(accumulated_frames=2, seed=5))  # something else in between
    for frames in (4, 0):
        drawn.clear()
        found = images.arrays(gpu, references.mean(gpu, shot, Store(tmp_path), drawn.append))
        assert len(drawn) == frames
        for name in references.HELD:
            assert (found[name] == whole[name]).all(), name


def test_a_truth_states_its_noise(gpu: Gpu) -> None:
    """As standard error: what it differs by from a much longer run."""
    shot = shot_of(technique="ssdo", environment="sky")
    found = references.world(gpu, shot, Reference(rays=2), 16, Store(None))
    better = references.world(gpu, replace(shot, seed=9), Reference(rays=16), 64, Store(None))
    mask = np.ones((27, 48), bool)
    true = metrics.rmse(found.mean["radiance"], better.mean["radiance"], mask)
    assert found.noise(mask) == pytest.approx(true, rel=0.2)  # six seeds: 5 % of standard deviation
    assert better.noise(mask) < found.noise(mask) / 3
    # An error against either is the same but for chance, 3.4 % of standard deviation over six seeds, however noisy the
    # one is
    picture = images.arrays(gpu, render_accumulated(gpu, shot))["radiance"]
    assert found.error(picture, mask) == pytest.approx(better.error(picture, mask), rel=0.1)
    assert metrics.rmse(picture, found.first["radiance"], mask) > 1.2 * better.error(picture, mask)


def test_parts_of_an_error(gpu: Gpu) -> None:
    """A plane under a white sky has none; without blur there is no blur; fewer samples change the sampling alone."""

    def parts(shot: Shot) -> references.Parts:
        arrays = images.arrays(gpu, render_accumulated(gpu, shot))
        plain = images.arrays(gpu, render_accumulated(gpu, replace(shot, denoise=replace(shot.denoise, radius=0))))
        screen = references.screen(gpu, shot, 8, Store(None))
        world = references.world(gpu, shot, Reference(rays=8), 8, Store(None))
        return references.parts(arrays["radiance"], plain["radiance"], screen, world, references.surface(arrays))

    assert max(parts(shot_of(technique="ssdo", scene="plane"))) < 1e-6
    few, many = (parts(shot_of(technique="ssdo", **{"ssdo.samples": n, "denoise.radius": 0})) for n in (4, 64))
    assert few.blur == many.blur == 0
    assert few.remaining == few.sampling > 3 * many.sampling
    assert few.screen == many.screen > 0
    blurred = parts(shot_of(technique="ssdo", **{"ssdo.samples": 4}))
    assert blurred.screen == few.screen and blurred.sampling == few.sampling
    assert blurred.blur > 0 and blurred.remaining != few.remaining


@pytest.mark.parametrize("technique", ["gtao", "bitmask"])
def test_parts_of_an_error_in_slices(gpu: Gpu, technique: str) -> None:
    """As above: slices and steps decide the sampling alone, and as they grow nothing of it is left."""

    def parts(**values: Any) -> references.Parts:
        shot = shot_of(
            technique=technique,
            **{f"{technique}.{name}": value for name, value in values.items()},
            **{"denoise.radius": 0},
        )
        radiance = images.arrays(gpu, render_accumulated(gpu, shot))["radiance"]
        world = references.world(gpu, shot, Reference(rays=8), 8, Store(None))
        return references.parts(
            radiance, radiance, references.screen(gpu, shot, 8, Store(None)), world, np.ones(radiance.shape[:2], bool)
        )

    few, many = parts(slices=1, steps=4), parts(slices=16, steps=64)
    assert few.sampling > 8 * many.sampling  # measured: 17 (gtao) and 28 times (bitmask)
    assert few.screen == many.screen > 0 and few.blur == 0


def test_equal_samples_look_up_as_many_points() -> None:
    """16 directions of 8 points are 4 slices of 2 x 16; what can be counted only roughly comes as near as it can."""
    same = {name: kind().with_budget(16).fetches for name, kind in Technique.known.items() if kind.sample_param}
    assert same == {"ssao": 128, "ssdo": 128, "gtao": 128, "bitmask": 128}
    assert (
        Bitmask(steps=8).with_budget(16).slices == 8
        and Bitmask().with_budget(1).slices == 1
        and Gtao().with_budget(256).slices == 64
    )
    assert Ssdo(steps=3).with_budget(16).samples == 16 and Ssdo(visibility="single-sample").fetches == 16, (
        "a direction is one, whatever it takes"
    )
    assert (
        Ssdo(steps=4).with_fetches(Bitmask().fetches).samples == 16
        and Bitmask().with_fetches(Ssdo().fetches).slices == 4
    )
    assert Ssdo().with_samples(1e6).samples == 256 and Gtao().with_samples(0.1).slices == 1
    for name in ("off", "reference"):
        technique = Technique.known[name]()
        assert (
            technique.fetches == technique.sample_count == 0
            and technique.with_budget(4) == technique.with_fetches(4) == technique.with_samples(4) == technique
        )
    found = with_sample_counts([Shot(technique=Technique.known[name]()) for name in ("off", "bitmask")], "1,4,8")
    assert [shot.technique.sample_count for shot in found] == [0, 1, 2], "1 and 4 directions are the same slice"


@pytest.mark.parametrize("technique", ["ssdo", "bitmask"])
def test_screen_truth_is_what_screen_space_can_know(gpu: Gpu, technique: str) -> None:
    """A corner that the camera sees whole, with rays no longer than the radius: both truths are one."""
    own = {"radius": 1.0, "thickness": 100.0, "steps": 32}
    shot = shot_of(
        **{"technique": technique, "scene": "corner", "environment": "ramp-x"}
        | {f"{technique}.{name}": value for name, value in own.items()}
    )
    screen = references.screen(gpu, shot, 8, Store(None))
    world = references.world(gpu, shot, Reference(rays=16, max_distance=1.0), 8, Store(None))
    near = np.linalg.norm(images.arrays(gpu, render_accumulated(gpu, shot))["depth"][..., None] - 6.0, axis=-1) < 0.7
    apart = metrics.noise_free_rmse(screen.pair, world.pair, near)
    assert apart < 0.04 * world.mean["radiance"][near].mean()


def test_cost_is_by_pass_and_leaves_the_clock_alone(gpu: Gpu) -> None:
    before = gpu.timer
    passes = measure_cost(gpu, shot_of(technique="ssdo"), frames=3)
    assert gpu.timer is before
    assert {"gbuffer", "ssdo:direct", "ssdo:indirect", "composite:diffuse"} <= passes.keys()
    assert all(milliseconds > 0 for milliseconds in passes.values())


# ---- the program --------------------------------------------------------------------------------------------------------

FAST = ("--scene", "cornell", "--width", "64", "--height", "36", "--reference-frames", "8", "--converged-frames", "4")


def test_compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    sweep = (
        "--techniques",
        "off,ssao,ssdo,gtao,bitmask",
        "--samples",
        "4,16",
        "--ssdo.radius",
        "0.5",
        "--reference.rays",
        "2",
    )
    assert call(monkeypatch, "compare", *FAST, *sweep, "--output", out, "--cache", cache) == 0
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in written)
    told = json.loads((out / "metrics.json").read_text())
    names = [entry["id"] for entry in told["entries"]]
    assert names == [
        "off",
        "ssao-4",
        "ssao-16",
        "ssdo-4",
        "ssdo-16",
        "gtao-1",
        "gtao-4",
        "bitmask-1",
        "bitmask-4",
        "reference",
    ]
    by_name = {entry["id"]: entry for entry in told["entries"]}
    assert by_name["ssdo-4"]["settings"]["ssdo.samples"] == 4
    assert told["reference"]["noise"] > 0 and by_name["reference"]["settings"]["reference.rays"] == 2
    assert told["settings"]["width"] == 64 and "ssdo.radius" not in told["settings"]
    for name in names[1:-1]:
        assert set(by_name[name]["error_breakdown"]) == {"sampling", "sampling, denoised", "denoising", "screen space"}
        assert by_name[name]["cost"]["total"] == pytest.approx(sum(by_name[name]["cost"]["passes"].values()))
    assert by_name["off"]["error_breakdown"] is None and by_name["reference"]["errors"] is None
    # The numbers are those of the files: bias has no noise to be taken out
    reference_radiance = images.radiance_of(out / "reference.exr")
    surface = np.isfinite(np.load(_arrays(tmp_path, monkeypatch, out / "ssdo-16.png"))["depth"])
    for name in names[:-1]:
        radiance = images.radiance_of(out / f"{name}.exr")
        assert by_name[name]["errors"]["bias"] == pytest.approx(
            metrics.bias(radiance, reference_radiance, surface), abs=1e-7
        )
        assert by_name[name]["errors"]["rmse"] < metrics.rmse(radiance, reference_radiance, surface)
    # Every picture repeats itself; means of several shots do not claim to
    assert call(monkeypatch, "capture", "--from-image", out / "ssdo-4.png", "--output", tmp_path / "again.png") == 0
    assert (tmp_path / "again.png").read_bytes() == (out / "ssdo-4.png").read_bytes()
    for name in ("reference.png", "sheet.png", "ssao-4-error.png"):
        with pytest.raises(UserError, match="no shot inside"):
            shot_values(out / name)
    assert opened(out / "sheet.png").width > 3 * 64
    # Nothing is overwritten; what is kept gives the same
    pages = {name: (out / name).read_bytes() for name in ("reference.png", "ssdo-4.png")}
    capsys.readouterr()
    assert call(monkeypatch, "compare", *FAST, *sweep, "--output", out, "--cache", cache) == 2
    assert "exists; add --overwrite" in capsys.readouterr().err
    assert call(monkeypatch, "compare", *FAST, *sweep, "--output", out, "--cache", cache, "--overwrite") == 0
    again = json.loads((out / "metrics.json").read_text())
    assert [e["errors"] for e in again["entries"]] == [e["errors"] for e in told["entries"]]
    assert pages == {name: (out / name).read_bytes() for name in pages}


def _arrays(folder: Path, monkeypatch: pytest.MonkeyPatch, like: Path) -> Path:
    assert call(monkeypatch, "capture", "--from-image", like, "--output", folder / "like.npz") == 0
    return folder / "like.npz"


def test_compare_against_a_file_and_against_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shot = ("--scene", "cornell", "--width", "64", "--height", "36")
    for suffix in ("npz", "exr"):
        file = tmp_path / f"expected.{suffix}"
        assert call(monkeypatch, "capture", *shot, "--technique", "ssdo", "--output", file) == 0
        against = ("--techniques", "ssao,ssdo", "--reference", file, "--converged-frames", "4", "--no-cache")
        assert call(monkeypatch, "compare", *shot, *against, "--output", tmp_path / suffix) == 0
        told = json.loads((tmp_path / suffix / "metrics.json").read_text())
        assert told["reference"]["noise"] is None and told["reference"]["label"] == file.name
        error = {entry["id"]: entry["errors"] for entry in told["entries"]}
        assert error["ssdo"]["rmse"] == 0 and error["ssdo"]["psnr"] is None and error["ssao"]["rmse"] > 0.001
    assert (
        call(
            monkeypatch,
            "compare",
            *shot,
            "--techniques",
            "off",
            "--reference",
            "none",
            "--no-cache",
            "--output",
            tmp_path / "none",
        )
        == 0
    )
    told = json.loads((tmp_path / "none" / "metrics.json").read_text())
    assert (
        told["reference"] is None and [e["id"] for e in told["entries"]] == ["off"] and told["entries"][0]["errors"] is None
    )


def test_compare_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with what it has of its own; of one technique too."""
    shot = ("--scene", "cornell", "--width", "64", "--height", "36", "--technique", "ssdo")
    a, b, other = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "other.png"
    assert call(monkeypatch, "capture", *shot, "--no-ssdo.bounce", "--denoise.radius", "2", "--output", a) == 0
    assert call(monkeypatch, "capture", *shot, "--output", b) == 0
    assert call(monkeypatch, "capture", *shot, "--camera.fov", "50", "--output", other) == 0
    small = ("--reference-frames", "4", "--converged-frames", "4", "--no-cache")
    assert call(monkeypatch, "compare", "--from-image", f"{a},{b}", *small, "--output", tmp_path / "out") == 0
    told = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert [e["id"] for e in told["entries"]] == ["ssdo-16-1", "ssdo-16-2", "reference"]
    for path, name in ((a, "ssdo-16-1"), (b, "ssdo-16-2")):
        assert np.array_equal(np.asarray(opened(path)), np.asarray(opened(tmp_path / "out" / f"{name}.png")))
    capsys.readouterr()
    assert call(monkeypatch, "compare", "--from-image", f"{a},{other}", *small, "--output", tmp_path / "no") == 2
    assert "differ in camera" in capsys.readouterr().err
    assert call(monkeypatch, "compare", "--from-image", f"{a},{b}", "--techniques", "off", "--output", tmp_path / "no") == 2
    assert "--techniques has no effect beside --from-image" in capsys.readouterr().err


def test_compare_where_there_is_nothing_to_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = register("empty", lambda: Scene(()))
    size = ("--width", "1", "--height", "1")
    assert (
        call(
            monkeypatch,
            "compare",
            "--scene",
            name,
            *size,
            "--reference-frames",
            "4",
            "--no-cache",
            "--output",
            tmp_path / "out",
        )
        == 0
    )
    assert all(
        entry["errors"] is None for entry in json.loads((tmp_path / "out" / "metrics.json").read_text())["entries"]
    )


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--samples", "4,x"], "--samples x: must be whole numbers"),
        (["--samples", "4,999"], "samples = 999: must be 1 to 256"),
        (["--samples", "4", "--ssdo.samples", "8"], "--ssdo.samples has no effect beside --samples"),
        (
            ["--samples", "4", "--techniques", "off,bitmask", "--bitmask.slices", "8"],
            "--bitmask.slices has no effect beside --samples",
        ),
        (["--samples", "257", "--techniques", "gtao"], "samples = 257: must be 1 to 256"),
        (["--samples", "4", "--techniques", "off"], "none of off takes samples"),
        (["--techniques", "off,sao"], "no technique sao; did you mean ssao?"),
        (["--technique", "ssao"], "--technique has no effect beside --techniques"),
        (["--reference-frames", "3"], "--reference-frames 3: must be 4 to 65536"),
        (["--reference", "none.exr"], "none.exr: file: there is no such file"),
        (["--reference", "reference.png"], "linear radiance is read from .npz and .exr"),
        (["--reference", "none", "--reference.rays", "3"], "--reference.rays has no effect"),
        (["--scene", "none.glb"], "none.glb"),
    ],
)
def test_mistakes_in_comparing(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "compare", "--width", "16", "--height", "9", "--no-cache", *arguments) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1 and not said.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(how: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, or a polite end, leaves no file but the truth so far, from which the same command goes on."""
    where = ["--output", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    arguments = ["ssdo", "compare", *FAST, "--reference-frames", "60000", "--techniques", "off", *where]
    impatient = f"import sys; from ssdo import __main__; from ssdo.measure import references; references.KEEP_EVERY = 0.1; sys.argv = {arguments!r}; sys.exit(__main__.main())"
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", impatient], cwd=ROOT, preexec_fn=heeding, **pipes)
    while not list(tmp_path.glob("cache/*.npz")):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + how
    assert "Traceback" not in err and not out
    assert ("the same command continues the reference" in err) == (how == signal.SIGINT)
    assert [p.name for p in tmp_path.iterdir()] == ["cache"]
    (kept,) = (tmp_path / "cache").iterdir()
    with np.load(kept) as found:
        assert 0 < found["frames"] < 30000
