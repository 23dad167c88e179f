"""`bench errors` and `bench passes`: their figures are those of the images and of the passes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ssdo.commands.bench import BENCHES, errors, fetch_limits, passes
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.measure.metrics import noise_free_rmse
from ssdo.measure.reference_cache import ReferenceCache
from ssdo.measure.references import render_world_reference
from ssdo.measure.version import program_version
from ssdo.render.frame_uniforms import CameraPose, make_frame
from ssdo.render.gbuffer import GBuffer
from ssdo.render.pipeline import render_all_frames
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.resources import SHADERS
from ssdo.scene.built_in.cameras import CAMERAS_BY_SCENE
from ssdo.scene.loader import load_scene
from test_commands import call

NOOK = {"scene": "nook", "width": 48, "height": 27}
MEBIBYTE = 2**20


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_has_help(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        call(monkeypatch, "bench", name, "--help")
    assert end.value.code == 0 and "usage" in capsys.readouterr().out
    assert call(monkeypatch, "bench") == 0
    assert name in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["erors"], "no bench erors; did you mean errors?"),
        (["errors", "--scenes", "ball"], "--scenes ball: must be of courtyard"),
        (["errors", "--radii", "0"], "--radii 0: must be numbers from 0.001 to 10"),
        (["errors", "--ssdo.radius", "1"], "--ssdo.radius has no effect"),
        (["errors", "--bitmask.slices", "1"], "--bitmask.slices has no effect"),
        (["errors", "--scenes", "nook", "--samples", "0"], "samples = 0: must be 1 to 256"),
        (["errors", "--scenes", "nook", "--reference-frames", "3"], "3 frames: a reference is two halves of at"),
        (["errors", "--scenes", "nook", "--converged-frames", "3"], "3 frames: a reference is two halves of at"),
        (["passes", "--scenes", "nook,nok"], "no scene nok; did you mean nook?"),
        (["passes", "--sizes", "64x36,64"], "--sizes 64: must be width x height in pixels"),
        (["passes", "--sizes", "64x36", "--height", "9"], "--height has no effect beside --sizes; leave one out"),
        (["passes", "--scenes", "nook", "--scene", "ball"], "--scene has no effect beside --scenes; leave one out"),
    ],
)
def test_mistakes(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused before OpenGL starts."""
    for bench in (errors, passes):
        monkeypatch.setattr(bench, "create_headless_context", lambda: pytest.fail("OpenGL starts"))
    assert call(monkeypatch, "bench", *arguments) == 2
    output = capsys.readouterr()
    assert message in output.err and output.err.count("\n") == 1 and not output.out


# ---- errors ----


@pytest.mark.slow
def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "errors.json"
    arguments = ["--scenes", "nook,cornell", "--radii", "0.1,0.3", "--width", "48", "--height", "27"]
    arguments += ["--reference-frames", "4", "--converged-frames", "4", "--no-cache", "--output", str(out)]
    assert call(monkeypatch, "bench", "errors", *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[:2] for line in lines[2:8]] == [
        [f"| {scene}", radius] for scene in ("nook", "cornell", "all") for radius in ("10%", "30%")
    ]
    figures = json.loads(out.read_text())
    assert figures["version"] == program_version() and "samples" in figures["run"]
    assert len(figures["rows"]) == 2 * 3 * 2
    # The table's cell is the mean over the scene's cameras.
    small, large = (
        [row["errors"] for row in figures["rows"] if (row["scene"], row["radius"]) == ("nook", radius)]
        for radius in (0.1, 0.3)
    )
    mean = np.mean([table["world"]["SSAO"] for table in small])
    assert float(lines[2].split(" | ")[3]) == pytest.approx(mean, abs=5e-4)
    # `off` has no radius.
    assert [table["world"]["off"] for table in small] == [table["world"]["off"] for table in large]
    built_in = {"off", "ssao", "ssdo", "gtao", "bitmask", "reference"}
    columns = {"SSAO", "SSDO single sample", "SSDO ray march", "GTAO", "bitmask"}
    columns |= {kind.label for name, kind in Technique.known.items() if name not in built_in}
    assert all(table["screen"].keys() == columns for table in small)
    assert call(monkeypatch, "bench", "errors", *arguments) == 2
    assert "exists; add --overwrite" in capsys.readouterr().err


@pytest.mark.slow
def test_errors_are_those_of_the_images(gpu: Gpu) -> None:
    shot = Shot().with_values(NOOK).resolve(load_scene("nook"))
    table = errors.measure_errors(gpu, shot, 0.2, errors.Accuracy(4, 8, 4), ReferenceCache(None))
    reference = render_world_reference(gpu, shot, Reference(rays=4), 8, ReferenceCache(None))

    def measure_error(values: dict[str, Any]) -> float:
        arrays = images.read_arrays(gpu, render_all_frames(gpu, Shot().with_values(NOOK | values)))
        return noise_free_rmse(arrays["radiance"], reference.radiance_pair, np.isfinite(arrays["depth"]))

    radius = 0.2 * load_scene("nook").bounding_radius
    single_sample = {"ssdo.radius": radius, "ssdo.samples": 4, "ssdo.visibility": "single-sample"}
    assert table["world"]["SSDO single sample"] == measure_error(single_sample)
    # 2 x 16 fetches, as many as 4 directions of 8 steps
    bitmask = {"technique": "bitmask", "bitmask.radius": radius, "bitmask.thickness": radius, "bitmask.slices": 1}
    assert table["world"]["bitmask"] == measure_error(bitmask)
    assert table["world"]["off"] > table["world"]["SSAO"]
    assert table["within"]["off"] < table["world"]["off"]


def test_a_new_technique_has_a_column_of_errors() -> None:
    @dataclass(frozen=True)
    class PlugIn(Technique):
        """A technique of a plug-in."""

    try:
        columns = errors.list_columns()
    finally:
        del Technique.known[PlugIn.group]
    assert list(columns)[-1] == "PlugIn" and columns["PlugIn"] == PlugIn()


def test_the_first_camera_is_the_scenes_own() -> None:
    for name, cameras in CAMERAS_BY_SCENE.items():
        scene = load_scene(name)
        assert cameras[0] == (scene.eye, scene.target) and len(set(cameras)) == 3


# ---- passes ----


@pytest.mark.slow
def test_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "passes.json"
    arguments = ["--scene", "nook", "--width", "64", "--height", "36", "--runs", "3", "--samples", "2,3"]
    arguments += ["--ssdo.steps", "2", "--ssao.visibility", "single-sample"]
    assert call(monkeypatch, "bench", "passes", *arguments, "--output", out) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = json.loads(out.read_text())["rows"]
    assert [row["label"].split(",")[0] for row in rows] == ["off", "SSAO", "SSAO", "SSDO", "SSDO"]
    assert len(lines) == 2 + 5 + 2 and "64 x 36" in lines[-1]
    for row in rows:
        assert {"gbuffer", "composite:diffuse", "display"} < row["passes"].keys()
        for times in (row["lighting"], row["frame"], *row["passes"].values()):
            assert 0 < times["low"] <= times["median"] <= times["high"]
        assert row["lighting"]["median"] < row["frame"]["median"]
        assert (row["fetch_limit"] is None) == (row["compare_limit"] is None) == (row["label"] == "off")

    assert call(monkeypatch, "bench", "passes", *arguments, "--baseline", out) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("lighting, to baseline |") and all(float(line.split("|")[-2]) > 0 for line in lines[2:7])
    out.write_text("{}")
    assert call(monkeypatch, "bench", "passes", *arguments, "--baseline", out) == 2
    assert call(monkeypatch, "bench", "passes", *arguments, "--runs", "1") == 2
    assert call(monkeypatch, "bench", "passes", *arguments, "--samples", "x") == 2


@pytest.mark.slow
def test_targets_are_counted(gpu: Gpu, tmp_path: Path) -> None:
    """The mebibytes of a scene without emission and with diffuse surfaces alone, from bytes per pixel."""
    local_gpu = Gpu(gpu.ctx, (tmp_path, SHADERS))
    pixels = 64 * 36
    # radiance, direct light, display, the G-buffer of 3 x 8 + 4 bytes, and its depth test
    frame = pixels * (16 + 16 + 4 + 28 + 4)
    # reciprocal depth, with a border of one pixel
    depth = 66 * 38 * 4
    # lighting, and two targets of the denoiser; without a bounce each is one texture
    ambient = pixels * 16 * (1 + 2)
    # direct light, hits, radiance and plane of bounce sources, and indirect light; two targets of the denoiser
    directional = pixels * 16 * (5 + 2 * 2)
    for technique, expected in (
        ("off", frame + ambient),
        ("ssao", frame + ambient + depth),
        ("ssdo", frame + directional + depth),
    ):
        values: dict[str, Any] = {"scene": "nook", "width": 64, "height": 36, "technique": technique}
        if technique != "off":
            values |= {f"{technique}.samples": 3, f"{technique}.steps": 2}
        row = passes.measure_shot(local_gpu, Shot().with_values(values), 3, tmp_path)
        assert row["mebibytes"] == pytest.approx(expected / MEBIBYTE), technique


@pytest.mark.slow
def test_passes_of_several_scenes_and_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "passes.json"
    arguments = ["--scenes", "nook,corner", "--sizes", "64x36,32x18", "--techniques", "off,ssao"]
    arguments += ["--samples", "2", "--runs", "3"]
    assert call(monkeypatch, "bench", "passes", *arguments, "--output", out) == 0
    lines, rows = capsys.readouterr().out.splitlines(), json.loads(out.read_text())["rows"]
    views = [
        (scene, width, height)
        for scene in ("nook", "corner")
        for width, height in ((64, 36), (32, 18))
        for _ in ("off", "ssao")
    ]
    assert [(row["scene"], row["width"], row["height"]) for row in rows] == views
    assert [line.split(":")[0] for line in lines[2:10]] == [
        f"| {scene}, {width} x {height}" for scene, width, height in views
    ]
    assert len({row["label"] for row in rows}) == 8 and "nook" not in lines[-1]
    assert rows[0]["mebibytes"] == pytest.approx(4 * rows[2]["mebibytes"])  # four times the pixels
    assert call(monkeypatch, "bench", "passes", *arguments, "--baseline", out) == 0
    assert all(float(line.split("|")[-2]) > 0 for line in capsys.readouterr().out.splitlines()[2:10])


# ---- fetch limits ----


def test_every_scene_and_radius_has_its_own_limit(gpu: Gpu, tmp_path: Path) -> None:
    """Its fetches have another distance. Programs are cached by name, so the names must differ, too."""
    local_gpu = Gpu(gpu.ctx, (tmp_path, SHADERS))
    for scene, radius in (("nook", 0.4), ("corner", 0.4), ("corner", 0.1)):
        values = {"scene": scene, "width": 64, "height": 36, "technique": "ssao", "ssao.radius": radius}
        passes.measure_shot(local_gpu, Shot().with_values(values), 3, tmp_path)
    assert len(list(tmp_path.glob("fetch-1-128-*.frag"))) == 3


@pytest.mark.slow
def test_limits_make_as_many_fetches_as_techniques(gpu: Gpu, tmp_path: Path) -> None:
    """16 directions of 8 steps, or 4 slices of 2 x 16 steps. Techniques with a bounce read three buffers."""
    local_gpu = Gpu(gpu.ctx, (tmp_path, SHADERS))
    for technique, buffers in (("ssao", 1), ("ssdo", 3), ("gtao", 1), ("bitmask", 3)):
        shot = Shot().with_values({"scene": "nook", "width": 64, "height": 36, "technique": technique})
        row = passes.measure_shot(local_gpu, replace(shot, technique=shot.technique.with_budget(16)), 3, tmp_path)
        assert row["fetch_limit"]["median"] > 0
        assert list(tmp_path.glob(f"fetch-{buffers}-128-*.frag"))
        for path in tmp_path.iterdir():
            path.unlink()


@pytest.mark.parametrize(("depth", "counts"), [(1.0, True), (0.999, False), (1.001, True), (0.0, True)])
def test_compare_limits_compare_every_depth(gpu: Gpu, tmp_path: Path, depth: float, counts: bool) -> None:
    """A wall faces the camera. What surrounds it is just in front of it, behind it, or far in front of it."""
    local_gpu = Gpu(gpu.ctx, (tmp_path, SHADERS))
    source = fetch_limits.generate_limit_shader(40, ("depth",), (2.0, 2.0), compares=True)
    (tmp_path / "compare.frag").write_text(source)
    depths, unused, normals = (local_gpu.target(name, (3, 3), "rgba32f") for name in ("depths", "unused", "normals"))
    values = np.full((3, 3, 4), depth, "f4")
    values[1, 1] = 1.0
    local_gpu.write(depths.textures[0], values)
    local_gpu.write(normals.textures[0], np.full((3, 3, 4), (0.0, 0.0, 1.0, 1.0), "f4"))
    (normal,), (other,) = normals.textures, unused.textures
    gbuffer = GBuffer(normal, other, other, depths.textures[0], normal)
    frame = make_frame(load_scene("plane"), CameraPose((0.0, 1.0, 3.0), (0.0, 0.0, 0.0), 40.0), (3, 3))
    (sums,) = local_gpu.draw("compare.frag", local_gpu.target("sums", (3, 3), "rgba32f"), frame=frame, gbuffer=gbuffer)
    # fetches that read the pixel itself
    near = sum(2.0 * ((i + 0.5) / 40) ** 0.5 < 1 / 6 for i in range(40))
    assert local_gpu.read(sums)[1, 1, 0] == pytest.approx(40 * counts, abs=max(near, 1))


@pytest.mark.parametrize("fetches", [1, 16, 64, 65, 1000])
def test_limits_count_their_fetches(gpu: Gpu, tmp_path: Path, fetches: int) -> None:
    """They add up a texture of ones. Beyond UNROLLED_FETCHES they are made in rounds."""
    local_gpu = Gpu(gpu.ctx, (tmp_path, SHADERS))
    source = fetch_limits.generate_limit_shader(fetches, ("depth", "normal", "albedo"), (0.2, 0.3))
    (tmp_path / "limit.frag").write_text(source)
    ones = local_gpu.target("ones", (8, 8), "r32f")
    ones.framebuffer.clear(1.0, 1.0, 1.0, 1.0)
    gbuffer = GBuffer(*[ones.textures[0]] * 5)
    frame = make_frame(load_scene("plane"), CameraPose((0.0, 1.0, 3.0), (0.0, 0.0, 0.0), 40.0), (8, 8))
    (sums,) = local_gpu.draw("limit.frag", local_gpu.target("sums", (8, 8), "rgba32f"), frame=frame, gbuffer=gbuffer)
    per_round = min(fetches, fetch_limits.UNROLLED_FETCHES)
    rounds = -(-fetches // fetch_limits.UNROLLED_FETCHES)
    assert (local_gpu.read(sums)[..., 0] == 3 * per_round * rounds).all()
