"""The command `compare`: its files, figures, references, and interruption. The page itself: test_page.py."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from render_small import register_scene
from ssdo.measure import images, metrics, reference_cache
from ssdo.measure.images import load_shot_values
from ssdo.scene.model import Scene
from ssdo.settings import UserError
from test_commands import call, heed_interrupts, read_image

ROOT = Path(__file__).parents[1]
VIEW = ["--scene", "cornell", "--width", "64", "--height", "36"]
FRAMES = ["--reference-frames", "8", "--converged-frames", "4"]
CAUSES = {"sampling", "sampling, denoised", "denoising", "screen space"}


def read_summary(folder: Path) -> Any:
    return json.loads((folder / "metrics.json").read_text())


def read_depth(folder: Path, monkeypatch: pytest.MonkeyPatch, image: Path) -> Any:
    """The depth of the shot that an image stores."""
    assert call(monkeypatch, "capture", "--from-image", image, "--output", folder / "depth.npz") == 0
    return np.load(folder / "depth.npz")["depth"]


@pytest.mark.slow
def test_compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arguments = [*VIEW, *FRAMES, "--techniques", "off,ssao,ssdo,gtao,bitmask", "--samples", "4,16"]
    arguments += ["--ssdo.radius", "0.5", "--reference.rays", "2"]
    arguments += ["--output", str(out), "--cache", str(tmp_path / "cache")]
    assert call(monkeypatch, "compare", *arguments) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in paths)

    summary = read_summary(out)
    names = ["off", "ssao-4", "ssao-16", "ssdo-4", "ssdo-16", "gtao-1", "gtao-4", "bitmask-1", "bitmask-4"]
    assert [entry["id"] for entry in summary["entries"]] == [*names, "reference"]
    entries = {entry["id"]: entry for entry in summary["entries"]}
    assert entries["ssdo-4"]["settings"]["ssdo.samples"] == 4
    assert summary["reference"]["noise"] > 0 and entries["reference"]["settings"]["reference.rays"] == 2
    assert summary["settings"]["width"] == 64 and "ssdo.radius" not in summary["settings"]
    for name in names[1:]:
        assert set(entries[name]["error_breakdown"]) == CAUSES
        cost = entries[name]["cost"]
        assert cost["total"] == pytest.approx(sum(cost["passes"].values()))
    assert entries["off"]["error_breakdown"] is None and entries["reference"]["errors"] is None

    # The errors are those of the files. Bias has no noise to remove.
    expected = images.load_radiance(out / "reference.exr")
    surface = np.isfinite(read_depth(tmp_path, monkeypatch, out / "ssdo-16.png"))
    for name in names:
        radiance = images.load_radiance(out / f"{name}.exr")
        assert entries[name]["errors"]["bias"] == pytest.approx(metrics.bias(radiance, expected, surface), abs=1e-7)
        assert entries[name]["errors"]["rmse"] < metrics.rmse(radiance, expected, surface)

    # An image stores its shot, unless it is a mean of several.
    assert call(monkeypatch, "capture", "--from-image", out / "ssdo-4.png", "--output", tmp_path / "again.png") == 0
    assert (tmp_path / "again.png").read_bytes() == (out / "ssdo-4.png").read_bytes()
    for file in ("reference.png", "sheet.png", "ssao-4-error.png"):
        with pytest.raises(UserError, match="no shot inside"):
            load_shot_values(out / file)
    assert read_image(out / "sheet.png").width > 3 * 64

    # Files are not overwritten unless asked to. From the cache they are the same.
    contents = {file: (out / file).read_bytes() for file in ("reference.png", "ssdo-4.png")}
    capsys.readouterr()
    assert call(monkeypatch, "compare", *arguments) == 2
    assert "exists; add --overwrite" in capsys.readouterr().err
    assert call(monkeypatch, "compare", *arguments, "--overwrite") == 0
    again = read_summary(out)
    assert [e["errors"] for e in again["entries"]] == [e["errors"] for e in summary["entries"]]
    assert contents == {file: (out / file).read_bytes() for file in contents}


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["npz", "exr"])
def test_a_reference_from_a_file(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / f"expected.{suffix}"
    assert call(monkeypatch, "capture", *VIEW, "--technique", "ssdo", "--antialias", "1", "--output", file) == 0
    arguments = [*VIEW, "--techniques", "ssao,ssdo", "--reference", str(file), "--converged-frames", "4", "--no-cache"]
    assert call(monkeypatch, "compare", *arguments, "--output", tmp_path / "out") == 0
    summary = read_summary(tmp_path / "out")
    assert summary["reference"]["noise"] is None and summary["reference"]["label"] == file.name
    errors = {entry["id"]: entry["errors"] for entry in summary["entries"]}
    assert errors["ssdo"]["rmse"] == 0 and errors["ssdo"]["psnr"] is None and errors["ssao"]["rmse"] > 0.001


def test_no_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [*VIEW, "--techniques", "off", "--reference", "none", "--no-cache", "--output", str(tmp_path / "out")]
    assert call(monkeypatch, "compare", *arguments) == 0
    summary = read_summary(tmp_path / "out")
    assert summary["reference"] is None
    assert [(entry["id"], entry["errors"]) for entry in summary["entries"]] == [("off", None)]


@pytest.mark.slow
def test_the_reference_may_be_compared_with_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entry has another name then."""
    arguments = [*VIEW, *FRAMES, "--techniques", "reference", "--no-cache", "--output", str(tmp_path / "out")]
    assert call(monkeypatch, "compare", *arguments) == 0
    assert [entry["id"] for entry in read_summary(tmp_path / "out")["entries"]] == ["reference-1", "reference"]


@pytest.mark.slow
def test_compare_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The page has all settings of the images' shots, also where both are of one technique."""
    shot = [*VIEW, "--technique", "ssdo"]
    a, b, other = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "other.png"
    assert call(monkeypatch, "capture", *shot, "--no-ssdo.bounce", "--denoise.radius", "2", "--output", a) == 0
    assert call(monkeypatch, "capture", *shot, "--output", b) == 0
    assert call(monkeypatch, "capture", *shot, "--camera.fov", "50", "--output", other) == 0
    frames = ["--reference-frames", "4", "--converged-frames", "4", "--no-cache"]
    out, refused = tmp_path / "out", tmp_path / "refused"
    assert call(monkeypatch, "compare", "--from-image", f"{a},{b}", *frames, "--output", out) == 0
    assert [entry["id"] for entry in read_summary(out)["entries"]] == ["ssdo-16-1", "ssdo-16-2", "reference"]
    for path, name in ((a, "ssdo-16-1"), (b, "ssdo-16-2")):
        assert np.array_equal(np.asarray(read_image(path)), np.asarray(read_image(out / f"{name}.png")))
    capsys.readouterr()
    assert call(monkeypatch, "compare", "--from-image", f"{a},{other}", *frames, "--output", refused) == 2
    assert "differ in camera" in capsys.readouterr().err
    assert call(monkeypatch, "compare", "--from-image", f"{a},{b}", "--techniques", "off", "--output", refused) == 2
    assert "--techniques has no effect beside --from-image" in capsys.readouterr().err


@pytest.mark.slow
def test_an_empty_image_has_no_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = register_scene("empty", lambda: Scene(()))
    arguments = ["--scene", name, "--width", "1", "--height", "1", "--reference-frames", "4", "--no-cache"]
    assert call(monkeypatch, "compare", *arguments, "--output", tmp_path / "out") == 0
    assert all(entry["errors"] is None for entry in read_summary(tmp_path / "out")["entries"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
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
        (["--reference", "image.png"], "linear radiance is read from .npz and .exr"),
        (["--reference", "none", "--reference.rays", "3"], "--reference.rays has no effect"),
        (["--scene", "none.glb"], "none.glb"),
    ],
)
def test_mistakes(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "compare", "--width", "16", "--height", "9", "--no-cache", *arguments) == 2
    output = capsys.readouterr()
    assert message in output.err and output.err.count("\n") == 1 and not output.out
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_comparison_continues(interrupt: signal.Signals, tmp_path: Path) -> None:
    """Before the first draft it leaves no file but the accumulated reference."""
    arguments = ["ssdo", "compare", *VIEW, "--reference-frames", "60000", "--techniques", "off"]
    arguments += ["--output", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    script = f"""
import sys
from ssdo import __main__
from ssdo.commands.compare import stages
from ssdo.measure import accumulation
accumulation.CHECKPOINT_INTERVAL = 0.1
stages.DRAFT_INTERVAL = stages.DRAFT_DEADLINE = 1e9
sys.argv = {arguments!r}
sys.exit(__main__.main())
"""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, preexec_fn=heed_interrupts, **pipes)
    while not list(tmp_path.glob(f"cache/*{reference_cache.ENTRY_SUFFIX}")):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(interrupt)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + interrupt
    assert "Traceback" not in err and not out
    assert "the same command continues the reference" in err
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    frames = []
    for path in (tmp_path / "cache").iterdir():
        with np.load(io.BytesIO(path.read_bytes()[reference_cache.CHECKSUM_BYTES :])) as accumulation:
            frames.append(int(accumulation["frames"]))
    assert len(frames) == 2 and all(0 < count < 30000 for count in frames), "both halves"
