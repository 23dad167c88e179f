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
from ssdo.__main__ import main
from ssdo.measure.images import free_name, shot_values

SMALL = ["--width", "64", "--height", "36"]


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["ssdo", *map(str, arguments)])
    return main()


def run_app(arguments: list[str], cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own, from another folder."""
    env = env | {"PYTHONPATH": str(Path(__file__).parents[1] / "app")}
    return subprocess.run(
        [sys.executable, "-m", "ssdo", *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


def heeding() -> None:
    """In a child before it begins: an interrupt ends it, though what a shell runs in the background has it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.copy()


def test_a_picture_repeats_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b, c = (tmp_path / "deep" / f"{n}.png" for n in "abc")
    shot = [
        "--scene",
        "cornell",
        "--technique",
        "ssao",
        "--ssao.radius",
        "0.4",
        "--accumulated-frames",
        "2",
        "--seed",
        "3",
        "--camera.fov",
        "50",
    ]
    assert call(monkeypatch, "capture", *shot, *SMALL, "--output", a) == 0
    assert capsys.readouterr().out == f"{a}\n"
    assert call(monkeypatch, "capture", "--like", a, "--output", b) == 0
    assert a.read_bytes() == b.read_bytes()
    assert shot_values(a)["ssao.radius"] == 0.4
    assert call(monkeypatch, "capture", "--like", a, "--technique", "ssdo", "--output", c) == 0
    assert shot_values(c)["technique"] == "ssdo"
    assert shot_values(c)["seed"] == 3
    assert (np.asarray(opened(a)) != np.asarray(opened(c))).any()
    assert not [p for p in a.parent.iterdir() if p.name.startswith(".")]


def test_arrays_hold_what_is_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "a.npz"
    assert call(monkeypatch, "capture", "--scene", "ball", *SMALL, "--sun.irradiance", "0", "--output", out) == 0
    a = np.load(out)
    for name in ("radiance", "direct", "indirect", "albedo", "normal", "emission", "sun"):
        assert a[name].shape == (36, 64, 3)
        assert a[name].dtype == np.float32
    assert a["open"].shape == a["depth"].shape == (36, 64)
    surface = np.isfinite(a["depth"])
    expected = a["albedo"] / np.pi * (a["direct"] + a["indirect"])
    assert np.abs(a["radiance"] - expected)[surface].max() < 1e-6
    assert 'scene = "ball"' in str(a["shot"])
    top, bottom = a["depth"][0].mean(), a["depth"][-1].mean()
    assert top > bottom  # row 0 is the far side of the floor


def test_exr_is_the_same_light(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openexr = pytest.importorskip("OpenEXR")
    shot = ["capture", "--scene", "cornell", *SMALL]
    assert call(monkeypatch, *shot, "--output", tmp_path / "a.exr") == 0
    assert call(monkeypatch, *shot, "--output", tmp_path / "a.npz") == 0
    with openexr.File(str(tmp_path / "a.exr")) as file:
        found = file.channels()["RGB"].pixels
        assert 'scene = "cornell"' in file.header()["shot"]
    assert (found == np.load(tmp_path / "a.npz")["radiance"]).all()


def test_a_contact_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sheet.png"
    shot = ["--scene", "ball", *SMALL, "--ssao.samples", "8", "--ssdo.samples", "4"]
    assert call(monkeypatch, "capture", *shot, "--techniques", "off,ssao,ssdo", "--output", out) == 0
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [p.name for p in written] == ["sheet-off.png", "sheet-ssao.png", "sheet-ssdo.png", "sheet.png"]
    assert all(p.is_file() and p.is_absolute() for p in written)
    assert opened(out).width > 3 * 64
    assert shot_values(written[1])["ssao.samples"] == 8
    assert shot_values(written[2])["ssdo.samples"] == 4


def test_a_preset_of_several_techniques_and_a_sheet_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a preset or a picture holds beyond the technique asked for is no mistake; what is typed in vain is one."""
    preset = tmp_path / "p.toml"
    preset.write_text(
        'scene = "ball"\nwidth = 64\nheight = 36\ntechnique = "ssao"\n[ssao]\nsamples = 3\n[ssdo]\nsamples = 5\n'
    )
    sheet, again = tmp_path / "sheet.png", tmp_path / "again.png"
    assert call(monkeypatch, "capture", "--preset", preset, "--output", tmp_path / "one.png") == 0
    assert shot_values(tmp_path / "one.png")["ssao.samples"] == 3
    assert call(monkeypatch, "capture", "--preset", preset, "--techniques", "ssao,ssdo", "--output", sheet) == 0
    assert shot_values(tmp_path / "sheet-ssdo.png")["ssdo.samples"] == 5
    assert call(monkeypatch, "capture", "--like", sheet, "--output", again) == 0
    assert sheet.read_bytes() == again.read_bytes()
    assert (
        call(
            monkeypatch,
            "capture",
            "--like",
            tmp_path / "one.png",
            "--techniques",
            "ssao,ssdo",
            "--output",
            tmp_path / "two.png",
        )
        == 0
    )
    assert (tmp_path / "two-ssao.png").read_bytes() == (tmp_path / "one.png").read_bytes()
    capsys.readouterr()
    for typed in (["--techniques", "off"], ["--technique", "off"]):
        assert (
            call(
                monkeypatch,
                "capture",
                "--preset",
                preset,
                *typed,
                "--ssao.samples",
                "9",
                "--output",
                tmp_path / "three.png",
            )
            == 2
        )
        assert "--ssao.samples has no effect" in capsys.readouterr().err
    assert call(monkeypatch, "capture", "--technique", "off", "--techniques", "off,ssao") == 2
    assert "--technique has no effect beside --techniques" in capsys.readouterr().err


def test_nothing_is_overwritten(
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
    assert free_name(tmp_path / "captures", "ball-ssdo", ".png").name == "ball-ssdo-3.png"


@pytest.mark.parametrize(
    "arguments, words",
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
        (["capture", "--output", "a.jpg"], ".png, .exr, .npz"),
        (["capture", "--like", "none.png"], "none.png: cannot be read"),
        (["capture", "--preset", "none.toml"], "none.toml: cannot be read"),
        (["captur"], "no command captur; did you mean capture?"),
        (["view", "--ui-scale", "9"], "--ui-scale 9: must be 0.5 to 4"),
        (["--scen", "ball"], "unknown flag --scen; did you mean --scene?"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *arguments) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not said.out
    assert not list(tmp_path.iterdir())


def test_a_picture_that_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("hello")
    for name, words in (("a.png", "no shot inside"), ("half.png", "cannot be read"), ("text.png", "not a picture")):
        assert call(monkeypatch, "capture", "--like", tmp_path / name) == 2
        assert words in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert call(monkeypatch, "capture", "--scene", "ball", *SMALL, "--output", tmp_path / "file" / "a.png") == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("size", [(1, 1), (17, 3), (3, 200), (640, 360)])
def test_any_size(size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "a.png"
    for technique in ("ssao", "ssdo"):
        shot = ["--scene", "cornell", "--technique", technique, f"--{technique}.samples", "4"]
        assert (
            call(monkeypatch, "capture", *shot, "--width", size[0], "--height", size[1], "--output", out, "--overwrite")
            == 0
        )
        assert opened(out).size == size


def test_doctor_and_parameters(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "doctor") == 0
    said = capsys.readouterr().out
    for word in ("vendor", "renderer", "GL_MAX_TEXTURE_SIZE", "times"):
        assert word in said
    assert call(monkeypatch, "parameters") == 0
    assert "| `ssdo.radius` |" in capsys.readouterr().out
    assert call(monkeypatch, "--help") == 0
    assert "capture" in capsys.readouterr().out


def test_help_of_every_command() -> None:
    for command in ("view", "capture", "doctor", "parameters"):
        done = subprocess.run(
            [sys.executable, "-m", "ssdo", command, "--help"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0
        assert "usage" in done.stdout


def test_without_a_display_the_comparison_is_captured(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    if sys.platform != "linux":
        pytest.skip("windows open without asking on this system")
    done = run_app(["--scene", "ball", *SMALL], tmp_path, env)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("no window: ")
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert [p.name for p in paths] == [
        "ball-comparison-off.png",
        "ball-comparison-ssao.png",
        "ball-comparison-ssdo.png",
        "ball-comparison.png",
    ]
    assert all(p.is_file() and p.parent == tmp_path / "captures" for p in paths)


def test_without_opengl_it_says_what_to_do(tmp_path: Path) -> None:
    """EGL and X are refused by pointing their loaders at nothing."""
    if sys.platform != "linux":
        pytest.skip("OpenGL is part of this system")
    env = os.environ | {"__EGL_VENDOR_LIBRARY_FILENAMES": str(tmp_path / "none.json"), "DISPLAY": ":987"}
    done = run_app(["capture", "--scene", "ball", *SMALL], tmp_path, env)
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("\n") == 1
    assert "doctor" in done.stderr
    doctor = run_app(["doctor"], tmp_path, env)
    assert doctor.returncode == 3
    assert "apt-get install" in doctor.stdout
