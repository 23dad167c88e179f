"""The commands that print the README's figures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ssdo.commands.bench import BENCHES, errors, fetch_limits, passes
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.measure.metrics import noise_free_rmse
from ssdo.measure.reference_cache import Store
from ssdo.measure.references import world
from ssdo.measure.version import version
from ssdo.render.frame_uniforms import make_frame
from ssdo.render.gbuffer import GBuffer
from ssdo.render.pipeline import render_accumulated
from ssdo.render.shot import Shot
from ssdo.render.techniques.reference import Reference
from ssdo.resources import SHADERS
from ssdo.scene.built_in.cameras import CAMERAS_BY_SCENE
from ssdo.scene.loader import load_scene
from test_commands import call

SMALL = ("--width", "48", "--height", "27", "--reference-frames", "4", "--converged-frames", "4", "--no-cache")


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "errors.json"
    arguments = ("bench", "errors", "--scenes", "nook,cornell", "--radii", "0.1,0.3", *SMALL, "--output", out)
    assert call(monkeypatch, *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[:2] for line in lines[2:8]] == [
        [f"| {s}", r] for s in ("nook", "cornell", "all") for r in ("10%", "30%")
    ]
    found = json.loads(out.read_text())
    rows = found["rows"]
    assert found["version"] == version() and "samples" in found["run"]
    assert len(rows) == 2 * 3 * 2
    # The table's cell is the mean of its cameras; off knows no radius
    nook = [row["errors"] for row in rows if row["scene"] == "nook" and row["radius"] == 0.1]
    assert float(lines[2].split(" | ")[3]) == pytest.approx(np.mean([e["world"]["SSAO"] for e in nook]), abs=5e-4)
    far = [row["errors"] for row in rows if row["scene"] == "nook" and row["radius"] == 0.3]
    assert [e["world"]["off"] for e in nook] == [e["world"]["off"] for e in far]
    assert all(e["screen"].keys() == {"SSAO", "SSDO single sample", "SSDO ray march", "GTAO", "bitmask"} for e in nook)
    assert call(monkeypatch, *arguments) == 2
    assert "exists; add --overwrite" in capsys.readouterr().err


def test_an_error_is_that_of_the_pictures(gpu: Gpu) -> None:
    """Measured anew, by hand."""
    shot = Shot().with_values({"scene": "nook", "width": 48, "height": 27}).resolve(load_scene("nook"))
    row = errors.measure_errors(gpu, shot, 0.2, errors.Accuracy(4, 8, 4), Store(None))
    radius = 0.2 * load_scene("nook").bounding_radius
    values = {
        "scene": "nook",
        "width": 48,
        "height": 27,
        "ssdo.radius": radius,
        "ssdo.samples": 4,
        "ssdo.visibility": "single-sample",
    }
    arrays = images.arrays(gpu, render_accumulated(gpu, Shot().with_values(values)))
    truth = world(gpu, shot, Reference(rays=4), 8, Store(None))
    assert row["world"]["SSDO single sample"] == noise_free_rmse(
        arrays["radiance"], truth.pair, np.isfinite(arrays["depth"])
    )
    assert row["world"]["off"] > row["world"]["SSAO"]
    # 2 x 16 points: 4 directions of 8
    mask = {"technique": "bitmask", "bitmask.radius": radius, "bitmask.thickness": radius, "bitmask.slices": 1}
    arrays = images.arrays(
        gpu, render_accumulated(gpu, Shot().with_values({"scene": "nook", "width": 48, "height": 27} | mask))
    )
    assert row["world"]["bitmask"] == noise_free_rmse(arrays["radiance"], truth.pair, np.isfinite(arrays["depth"]))
    assert row["within"]["off"] < row["world"]["off"]


def test_the_first_camera_is_the_scenes_own() -> None:
    for name, cameras in CAMERAS_BY_SCENE.items():
        scene = load_scene(name)
        assert cameras[0] == (scene.eye, scene.target) and len(set(cameras)) == 3


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["erors"], "no bench erors; did you mean errors?"),
        (["errors", "--scenes", "ball"], "--scenes ball: must be of courtyard"),
        (["errors", "--radii", "0"], "--radii 0: must be numbers from 0.001 to 10"),
        (["errors", "--ssdo.radius", "1"], "--ssdo.radius has no effect"),
        (["errors", "--bitmask.slices", "1"], "--bitmask.slices has no effect"),
        (["errors", "--samples", "0"], "samples = 0: must be 1 to 256"),
        (["passes", "--scenes", "nook,nok"], "no scene nok; did you mean nook?"),
        (["passes", "--sizes", "64x36,64"], "--sizes 64: must be width x height in pixels"),
        (["passes", "--sizes", "64x36", "--height", "9"], "--height has no effect beside --sizes; leave one out"),
        (["passes", "--scenes", "nook", "--scene", "ball"], "--scene has no effect beside --scenes; leave one out"),
    ],
)
def test_mistakes(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "bench", *arguments) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1 and not said.out


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_has_help(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        call(monkeypatch, "bench", name, "--help")
    assert end.value.code == 0 and "usage" in capsys.readouterr().out
    assert call(monkeypatch, "bench") == 0
    assert name in capsys.readouterr().out


def test_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "passes.json"
    small = (
        "--scene",
        "nook",
        "--width",
        "64",
        "--height",
        "36",
        "--runs",
        "3",
        "--samples",
        "2,3",
        "--ssdo.steps",
        "2",
        "--ssao.visibility",
        "single-sample",
    )
    assert call(monkeypatch, "bench", "passes", *small, "--output", out) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = json.loads(out.read_text())["rows"]
    assert [row["label"].split(",")[0] for row in rows] == ["off", "SSAO", "SSAO", "SSDO", "SSDO"]
    assert len(lines) == 2 + 5 + 2 and "64 x 36" in lines[-1]
    for row in rows:
        assert {"gbuffer", "composite:diffuse", "display"} < row["passes"].keys()
        assert all(
            0 < p["low"] <= p["median"] <= p["high"] for p in (row["lighting"], row["frame"], *row["passes"].values())
        )
        assert row["lighting"]["median"] < row["frame"]["median"]
        assert (row["fetch_limit"] is None) == (row["compare_limit"] is None) == (row["label"] == "off")
    # radiance, sun, display and the G-buffer of 2 x 8 + 4 bytes with its depth, since nothing shines, then what the
    # technique and its blur have
    bare = 64 * 36 * (16 + 16 + 4 + 20 + 4) / 2**20
    # SSDO: direct light and hits, senders' radiance and plane, bounce; 1 / depth with its border. Without a bounce
    # there is one light, not two.
    assert rows[0]["megabytes"] == pytest.approx(bare + 64 * 36 * 16 * (1 + 2) / 2**20)
    assert rows[1]["megabytes"] == pytest.approx(bare + (64 * 36 * 16 * (1 + 2) + 66 * 38 * 4) / 2**20)
    assert rows[-1]["megabytes"] == pytest.approx(bare + (64 * 36 * 16 * (5 + 4) + 66 * 38 * 4) / 2**20)
    assert call(monkeypatch, "bench", "passes", *small, "--baseline", out) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("lighting, to baseline |") and all(float(line.split("|")[-2]) > 0 for line in lines[2:7])
    out.write_text("{}")
    assert call(monkeypatch, "bench", "passes", *small, "--baseline", out) == 2
    assert call(monkeypatch, "bench", "passes", *small, "--runs", "1") == 2
    assert call(monkeypatch, "bench", "passes", *small, "--samples", "x") == 2


def test_passes_of_several_scenes_and_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "passes.json"
    several = (
        "--scenes",
        "nook,corner",
        "--sizes",
        "64x36,32x18",
        "--techniques",
        "off,ssao",
        "--samples",
        "2",
        "--runs",
        "3",
    )
    assert call(monkeypatch, "bench", "passes", *several, "--output", out) == 0
    lines, rows = capsys.readouterr().out.splitlines(), json.loads(out.read_text())["rows"]
    places = [
        (scene, width, height)
        for scene in ("nook", "corner")
        for width, height in ((64, 36), (32, 18))
        for _ in ("off", "ssao")
    ]
    assert [(row["scene"], row["width"], row["height"]) for row in rows] == places
    assert [line.split(":")[0] for line in lines[2:10]] == [
        f"| {scene}, {width} x {height}" for scene, width, height in places
    ]
    assert len({row["label"] for row in rows}) == 8 and "nook" not in lines[-1]
    assert rows[0]["megabytes"] == pytest.approx(4 * rows[2]["megabytes"])  # of a quarter of the pixels
    assert call(monkeypatch, "bench", "passes", *several, "--baseline", out) == 0
    assert all(float(line.split("|")[-2]) > 0 for line in capsys.readouterr().out.splitlines()[2:10])


def test_every_scene_and_size_has_its_own_limit(gpu: Gpu, tmp_path: Path) -> None:
    """Whose fetches reach as far as the radius does there: a program is known by its name, and would go on with the
    first scene's.
    """
    own = Gpu(gpu.ctx, (tmp_path, SHADERS))
    for scene, radius in (("nook", 0.4), ("corner", 0.4), ("corner", 0.1)):
        passes.measure_shot(
            own,
            Shot().with_values({"scene": scene, "width": 64, "height": 36, "technique": "ssao", "ssao.radius": radius}),
            3,
            tmp_path,
        )
    assert len(list(tmp_path.glob("fetch-1-128-*.frag"))) == 3


def test_a_limit_looks_as_often_as_its_technique(gpu: Gpu, tmp_path: Path) -> None:
    """16 directions of 8 points, or 4 slices of 2 x 16; three fetches a point where there is a bounce."""
    own = Gpu(gpu.ctx, (tmp_path, SHADERS))
    for technique, kind, count in (("ssao", 1, 128), ("ssdo", 3, 128), ("gtao", 1, 128), ("bitmask", 3, 128)):
        shot = Shot().with_values({"scene": "nook", "width": 64, "height": 36, "technique": technique})
        found = passes.measure_shot(own, replace(shot, technique=shot.technique.with_budget(16)), 3, tmp_path)
        assert found["fetch_limit"]["median"] > 0
        assert list(tmp_path.glob(f"fetch-{kind}-{count}-*.frag"))
        for path in tmp_path.iterdir():
            path.unlink()


@pytest.mark.parametrize(("depth", "open_"), [(1.0, 1.0), (0.999, 0.0), (1.001, 1.0), (0.0, 1.0)])
def test_an_asking_limit_asks_every_depth(gpu: Gpu, tmp_path: Path, depth: float, open_: float) -> None:
    """Before a wall that faces the camera, of which all around is seen a little before it or behind it, or far before
    it.
    """
    own = Gpu(gpu.ctx, (tmp_path, SHADERS))
    (tmp_path / "compare.frag").write_text(
        fetch_limits.generate_limit_shader(40, ("depth",), (2.0, 2.0), compares=True)
    )
    seen, wall, normal = (own.target(name, (3, 3), "rgba32f") for name in ("seen", "wall", "normal"))
    values = np.full((3, 3, 4), depth, "f4")
    values[1, 1] = 1.0
    own.write(seen.textures[0], values)
    own.write(normal.textures[0], np.full((3, 3, 4), (0.0, 0.0, 1.0, 1.0), "f4"))
    gbuffer = GBuffer(normal.textures[0], wall.textures[0], wall.textures[0], seen.textures[0], normal.textures[0])
    view = make_frame(load_scene("plane"), (0.0, 1.0, 3.0), (0.0, 0.0, 0.0), 40.0, (3, 3))
    (drawn,) = own.draw("compare.frag", own.target("asked", (3, 3), "rgba32f"), frame=view, gbuffer=gbuffer)
    near = sum(2.0 * ((i + 0.5) / 40) ** 0.5 < 1 / 6 for i in range(40))
    assert own.read(drawn)[1, 1, 0] == pytest.approx(40 * open_, abs=max(near, 1))


@pytest.mark.parametrize("samples", [1, 16, 64, 65, 1000])
def test_a_limit_makes_so_many_fetches(gpu: Gpu, tmp_path: Path, samples: int) -> None:
    """Counted by reading a texture of ones; more than BODY are rounds of BODY."""
    own = Gpu(gpu.ctx, (tmp_path, SHADERS))
    (tmp_path / "limit.frag").write_text(
        fetch_limits.generate_limit_shader(samples, ("depth", "normal", "albedo"), (0.2, 0.3))
    )
    ones = own.target("ones", (8, 8), "r32f")
    ones.framebuffer.clear(1.0, 1.0, 1.0, 1.0)
    gbuffer = GBuffer(*[ones.textures[0]] * 5)
    view = make_frame(load_scene("plane"), (0.0, 1.0, 3.0), (0.0, 0.0, 0.0), 40.0, (8, 8))
    (drawn,) = own.draw("limit.frag", own.target("drawn", (8, 8), "rgba32f"), frame=view, gbuffer=gbuffer)
    expected = 3 * (
        samples
        if samples <= fetch_limits.UNROLLED_FETCHES
        else -(-samples // fetch_limits.UNROLLED_FETCHES) * fetch_limits.UNROLLED_FETCHES
    )
    assert (own.read(drawn)[..., 0] == expected).all()
