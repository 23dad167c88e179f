"""The commands as a user calls them: what they write, print and return."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ssdo.__main__ import COMMANDS, main
from ssdo.measure.images import load_shot_values
from ssdo.measure.output_files import unique_path

SMALL = ["--width", "64", "--height", "36"]


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run a command in this process; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["ssdo", *map(str, arguments)])
    return main()


def run_app(arguments: list[str], cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, in another folder."""
    env = env | {"PYTHONPATH": str(Path(__file__).parents[1] / "app")}
    return subprocess.run(
        [sys.executable, "-m", "ssdo", *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


def heed_interrupts() -> None:
    """In a child before it starts: shells let their background processes ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def read_image(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.copy()


# ---- capture ----


@pytest.mark.slow
def test_an_image_repeats_its_shot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b, c = (tmp_path / "deep" / f"{name}.png" for name in "abc")
    shot = ["--scene", "cornell", "--technique", "ssao", "--ssao.radius", "0.4"]
    shot += ["--accumulated-frames", "2", "--seed", "3", "--camera.fov", "50"]
    assert call(monkeypatch, "capture", *shot, *SMALL, "--output", a) == 0
    assert capsys.readouterr().out == f"{a}\n"
    assert call(monkeypatch, "capture", "--from-image", a, "--output", b) == 0
    assert a.read_bytes() == b.read_bytes()
    assert load_shot_values(a)["ssao.radius"] == 0.4
    assert call(monkeypatch, "capture", "--from-image", a, "--technique", "ssdo", "--output", c) == 0
    assert load_shot_values(c)["technique"] == "ssdo"
    assert load_shot_values(c)["seed"] == 3
    assert (np.asarray(read_image(a)) != np.asarray(read_image(c))).any()
    assert not [path for path in a.parent.iterdir() if path.name.startswith(".")], "temporary files"


def test_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "a.npz"
    assert call(monkeypatch, "capture", "--scene", "ball", *SMALL, "--sun.irradiance", "0", "--output", out) == 0
    arrays = np.load(out)
    for name in ("radiance", "direct", "indirect", "albedo", "normal", "emission", "sun_and_lights"):
        assert arrays[name].shape == (36, 64, 3)
        assert arrays[name].dtype == np.float32
    assert arrays["visibility"].shape == arrays["depth"].shape == (36, 64)
    surface = np.isfinite(arrays["depth"])
    radiance = arrays["albedo"] / np.pi * (arrays["direct"] + arrays["indirect"])
    assert np.abs(arrays["radiance"] - radiance)[surface].max() < 1e-6
    assert 'scene = "ball"' in str(arrays["shot"])
    # row 0 is on top: the far side of the floor
    assert arrays["depth"][0].mean() > arrays["depth"][-1].mean()


@pytest.mark.slow
def test_exr_has_the_radiance_of_the_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openexr = pytest.importorskip("OpenEXR")
    shot = ["capture", "--scene", "cornell", *SMALL, "--antialias", "1"]
    assert call(monkeypatch, *shot, "--output", tmp_path / "a.exr") == 0
    assert call(monkeypatch, *shot, "--output", tmp_path / "a.npz") == 0
    with openexr.File(str(tmp_path / "a.exr")) as file:
        pixels = file.channels()["RGB"].pixels
        assert 'scene = "cornell"' in file.header()["shot"]
    assert (pixels == np.load(tmp_path / "a.npz")["radiance"]).all()


def test_a_contact_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sheet.png"
    shot = ["--scene", "ball", *SMALL, "--ssao.samples", "8", "--ssdo.samples", "4"]
    assert call(monkeypatch, "capture", *shot, "--techniques", "off,ssao,ssdo", "--output", out) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.name for path in paths] == ["sheet-off.png", "sheet-ssao.png", "sheet-ssdo.png", "sheet.png"]
    assert all(path.is_file() and path.is_absolute() for path in paths)
    assert read_image(out).width > 3 * 64
    assert load_shot_values(paths[1])["ssao.samples"] == 8
    assert load_shot_values(paths[2])["ssdo.samples"] == 4


@pytest.mark.slow
def test_presets_and_images_may_have_values_of_other_techniques(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """But flags without effect are refused."""
    preset = tmp_path / "p.toml"
    preset.write_text(
        'scene = "ball"\nwidth = 64\nheight = 36\ntechnique = "ssao"\n[ssao]\nsamples = 3\n[ssdo]\nsamples = 5\n'
    )
    one, two, sheet, again = (tmp_path / f"{name}.png" for name in ("one", "two", "sheet", "again"))
    assert call(monkeypatch, "capture", "--preset", preset, "--output", one) == 0
    assert load_shot_values(one)["ssao.samples"] == 3
    assert call(monkeypatch, "capture", "--preset", preset, "--techniques", "ssao,ssdo", "--output", sheet) == 0
    assert load_shot_values(tmp_path / "sheet-ssdo.png")["ssdo.samples"] == 5
    assert call(monkeypatch, "capture", "--from-image", sheet, "--output", again) == 0
    assert sheet.read_bytes() == again.read_bytes()
    assert call(monkeypatch, "capture", "--from-image", one, "--techniques", "ssao,ssdo", "--output", two) == 0
    assert (tmp_path / "two-ssao.png").read_bytes() == one.read_bytes()
    capsys.readouterr()
    for flags in (["--techniques", "off"], ["--technique", "off"]):
        assert call(monkeypatch, "capture", "--preset", preset, *flags, "--ssao.samples", "9") == 2
        assert "--ssao.samples has no effect" in capsys.readouterr().err
    assert call(monkeypatch, "capture", "--technique", "off", "--techniques", "off,ssao") == 2
    assert "--technique has no effect beside --techniques" in capsys.readouterr().err


@pytest.mark.slow
def test_files_are_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.png"
    out.write_text("mine")
    shot = ["capture", "--scene", "ball", *SMALL, "--output", out]
    assert call(monkeypatch, *shot) == 2
    assert "exists; add --overwrite" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert call(monkeypatch, *shot, "--overwrite") == 0
    monkeypatch.chdir(tmp_path)
    for name in ("ball-ssdo.png", "ball-ssdo-2.png"):
        assert call(monkeypatch, "capture", "--scene", "ball", *SMALL) == 0
        assert (tmp_path / "captures" / name).is_file()
    assert unique_path(tmp_path / "captures", "ball-ssdo", ".png").name == "ball-ssdo-3.png"


def test_other_images_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "half.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.png").write_text("hello")
    for name, message in (("a.png", "no shot inside"), ("half.png", "cannot be read"), ("text.png", "not an image")):
        assert call(monkeypatch, "capture", "--from-image", tmp_path / name) == 2
        assert message in capsys.readouterr().err


def test_an_unwritable_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert call(monkeypatch, "capture", "--scene", "ball", *SMALL, "--output", tmp_path / "file" / "a.png") == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (17, 3), (3, 200), (640, 360)])
def test_any_size(size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "a.png"
    for technique in ("ssao", "ssdo"):
        flags = ["--scene", "cornell", "--technique", technique, f"--{technique}.samples", "4"]
        flags += ["--width", str(size[0]), "--height", str(size[1]), "--output", str(out), "--overwrite"]
        assert call(monkeypatch, "capture", *flags) == 0
        assert read_image(out).size == size


# ---- all commands ----


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["capture", "--scene", "courtyrd"], "no scene courtyrd; did you mean courtyard?"),
        (["capture", "--scene", "none.glb"], "none.glb"),
        (["capture", "--scene", "ball:heigth=2"], "no argument heigth; did you mean height?"),
        (["capture", "--scene", "ball:height=x"], "height must be a number"),
        (["capture", "--environment", "none.hdr", "--scene", "ball"], "none.hdr"),
        (["capture", "--environment", "whit", "--scene", "ball"], "did you mean white?"),
        (["capture", "--technique", "sao"], "no technique sao; did you mean ssao?"),
        (["capture", "--techniques", "off,sao"], "no technique sao"),
        (["capture", "--techniques", "off", "--ssao.radius", "1"], "ssao is not among --techniques off"),
        (["capture", "--width", "8193"], "width = 8193: must be 1 to 8192 px"),
        (["capture", "--ssdo.samples", "0"], "ssdo.samples = 0: must be 1 to 256"),
        (["capture", "--denoise.radius", "3"], "a multiple of 2"),
        (["capture", "--output", "a.jpg"], "unknown image format; use .png, .exr or .npz"),
        (["capture", "--from-image", "none.png"], "none.png: cannot be read"),
        (["capture", "--preset", "none.toml"], "none.toml: cannot be read"),
        (["captur"], "no command captur; did you mean capture?"),
        (["view", "--ui-scale", "9"], "--ui-scale 9: must be 0.5 to 4"),
        (["--scen", "ball"], "unknown flag --scen; did you mean --scene?"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *arguments) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.err.count("\n") == 1
    assert not output.out
    assert not list(tmp_path.iterdir())


def test_doctor_and_parameters(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "doctor") == 0
    output = capsys.readouterr().out
    for word in ("vendor", "renderer", "GL_MAX_TEXTURE_SIZE", "times"):
        assert word in output
    assert call(monkeypatch, "parameters") == 0
    assert "| `ssdo.radius` |" in capsys.readouterr().out
    assert call(monkeypatch, "--help") == 0
    assert "capture" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str) -> None:
    arguments = [sys.executable, "-m", "ssdo", command, "--help"]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert "usage" in result.stdout


# ---- without display or OpenGL ----


@pytest.mark.skipif(sys.platform != "linux", reason="windows open without asking on this system")
def test_without_a_display_the_viewer_captures(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    result = run_app(["--scene", "ball", *SMALL], tmp_path, env)
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith("no window: ")
    paths = [Path(line) for line in result.stdout.splitlines()]
    assert [path.name for path in paths] == [
        "ball-comparison-off.png",
        "ball-comparison-ssao.png",
        "ball-comparison-ssdo.png",
        "ball-comparison.png",
    ]
    assert all(path.is_file() and path.parent == tmp_path / "captures" for path in paths)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="OpenGL is part of this system")
def test_without_opengl_the_message_names_doctor(tmp_path: Path) -> None:
    """Neither EGL nor X can be loaded. Without a display, display 0 is tried, which may exist: it gets no driver."""
    env = os.environ | {"__EGL_VENDOR_LIBRARY_FILENAMES": str(tmp_path / "none.json"), "DISPLAY": ":987"}
    env |= {"LIBGL_DRIVERS_PATH": str(tmp_path), "LIBGL_DEBUG": "quiet"}
    result = run_app(["capture", "--scene", "ball", *SMALL], tmp_path, env)
    doctor = run_app(["doctor"], tmp_path, env)
    assert result.returncode == 3, f"OpenGL was found: {doctor.stdout}"
    (message,) = (line for line in result.stderr.splitlines() if line.startswith("ssdo: "))  # beside the loader's own
    assert "doctor" in message
    assert doctor.returncode == 3
    assert "apt-get install" in doctor.stdout
