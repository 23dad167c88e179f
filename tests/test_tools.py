"""The developers' programs in tests/tools: their help, and the figures of those that measure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import interaction
import loading
import numpy as np
import pytest
import ray_throughput
import startup
from _checkout import ROOT, run
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.render.pipeline import render_all_frames
from ssdo.render.shot import Shot
from ssdo.scene.loader import load_scene
from ssdo.viewer.render_scheduler import PREVIEW_SCALES


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [path.stem for path in (ROOT / "tests" / "tools").glob("*.py") if "__main__" in path.read_text("utf-8")],
)
def test_every_program_has_help(name: str, tmp_path: Path) -> None:
    """From any folder, without an installed package."""
    program = str(ROOT / "tests" / "tools" / f"{name}.py")
    command = [sys.executable, program, "--help"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"{name}.py" in process.stdout and not process.stderr


@pytest.mark.slow
def test_ray_throughput(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rays.json"
    arguments = ["--scenes", "nook,million:triangles=5000", "--width", "64", "--height", "36", "--output", str(out)]
    assert run(ray_throughput.main, arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| nook", "| million:triangles=5000"]
    nook, million = json.loads(out.read_text())["rows"]
    assert nook["triangles"] == load_scene("nook").triangle_count
    assert abs(million["triangles"] / 5000 - 1) < 0.05
    assert min(nook["rays_per_second"].values()) > 0
    assert f"{nook['rays_per_second']['any'] / 1e6:.2f} M/s" in lines[2]
    assert run(ray_throughput.main, arguments) == 2
    assert "exists; add --overwrite" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nook", "cornell", "million:triangles=20000"])
def test_hits_equal_those_of_embree(gpu: Gpu, name: str) -> None:
    """Of nearest and any hits. Up to 4 rays of 9216 may differ, as some pass within a rounding of an edge."""
    pytest.importorskip("embreex")
    measurement = ray_throughput.measure_scene(gpu, Shot().with_values({"scene": name, "width": 128, "height": 72}))
    assert measurement.equal_hits is not None
    assert measurement.equal_hits >= 1 - 4 / 9216


def test_rays_start_on_surfaces_and_leave_them(gpu: Gpu) -> None:
    """Cosine-weighted about the normal: the mean of the cosine is 2/3, its variance 1/18."""
    shot = Shot().with_values({"scene": "plane", "width": 64, "height": 36})
    origins, directions = ray_throughput.create_rays(gpu, shot)
    assert origins.shape == directions.shape == (36, 64, 3)
    assert np.abs(np.linalg.norm(directions, axis=-1) - 1).max() < 1e-6
    normal = images.read_arrays(gpu, render_all_frames(gpu, shot))["normal"]
    cosine = (normal * directions).sum(-1)
    assert cosine.min() >= -1e-3
    assert abs(cosine.mean() - 2 / 3) < 4 * np.sqrt(1 / 18 / cosine.size)
    seconds, distances = ray_throughput.trace_rays(gpu, shot, ray_throughput.Rays(origins, directions), True)
    assert seconds > 0
    assert (distances == ray_throughput.NO_HIT).all()


@pytest.mark.slow
def test_interaction(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "interaction.json"
    small = ["--scene", "nook", "--width", "64", "--height", "36", "--steps", "3"]
    small += ["--ssdo.samples", "4", "--ssao.samples", "4"]
    assert run(interaction.main, [*small, "--output", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = json.loads(out.read_text())["rows"]
    ssao, ssdo = "SSAO, 4 directions", "SSDO, 4 directions"
    assert [row["techniques"] for row in rows[::2]] == [ssao, ssdo, f"{ssao} beside {ssdo}"]
    assert [row["motion"] for row in rows] == ["the camera orbits", "the environment turns"] * 3
    assert all(0 < row["milliseconds"]["low"] <= row["milliseconds"]["high"] for row in rows)
    assert all(row["scale"] in PREVIEW_SCALES for row in rows), "a busy machine lowers the resolution"
    assert len(lines) == 2 + 6 + 2
    assert lines[2].split("|")[5].strip() == "64 x 36 (100 %)"
    assert "a window of 64 x 36" in lines[-1]
    assert run(interaction.main, [*small, "--output", str(out)]) == 2
    assert run(interaction.main, [*small, "--steps", "2"]) == 2
    assert run(interaction.main, [*small, "--techniques", "x"]) == 2


@pytest.mark.slow
def test_startup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "start.json"
    arguments = ["--scene", "nook", "--width", "48", "--height", "27", "--runs", "1"]
    arguments += ["--techniques", "off,ssao", "--output", str(out)]
    assert run(startup.main, arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    results = json.loads(out.read_text())
    steps = results["steps"]
    assert [line.split(" | ")[0][2:] for line in lines[2 : 2 + len(steps)]] == list(steps)
    assert all(step[clock]["median"] >= 0 for step in steps.values() for clock in ("wall", "processor"))
    single = [name for name in steps if "command" not in name and "second" not in name]
    assert len(single) == 10
    total = sum(steps[name]["wall"]["median"] for name in single)
    assert total < 3 * steps["`capture`, the command"]["wall"]["median"]
    assert 30 < results["megabytes"]["median"] < 2000
    assert results["unchanged_frame"].keys() == {"off", "ssao"}
    assert all(0 < milliseconds["median"] < 50 for milliseconds in results["unchanged_frame"].values())
    assert run(startup.main, ["--runs", "0"]) == 2
    assert "--runs 0: must be 1 to 1000" in capsys.readouterr().err
    assert run(startup.main, ["--scene", "nowhere"]) == 2
    assert "no scene nowhere" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        (ray_throughput, ["--scenes", "million:triangles=9"], "triangles = 9: must be 1000 to 20000000"),
        (ray_throughput, ["--width", "0"], "width = 0: must be 1 to 8192"),
        (loading, ["--images", "21"], "--images 21: must be 0 to 20"),
    ],
)
def test_invalid_flags(
    program: ModuleType, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(program.main, arguments) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.err.count("\n") == 1
    assert not output.out
