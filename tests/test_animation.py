"""`turntable` and `capture --path`: videos and image sequences along a camera path."""

from __future__ import annotations

import contextlib
import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ssdo import __version__
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.measure.animation import MAX_FRAMES, PictureSequence, Timing, make_path, to_camera, to_world_pose
from ssdo.measure.video import VideoWriter, load_video_values
from ssdo.optional_packages import format_install_command
from ssdo.render.pipeline import freeze_exposure, load_shot_scene, render_all_frames
from ssdo.render.shot import Shot
from ssdo.settings import UserError
from ssdo.viewer.turntable import Turntable, TurntableSettings
from test_commands import call
from test_video import read_video
from test_viewer import open_split

SMALL = ["--scene", "corner", "--width", "32", "--height", "18", "--antialias", "1", "--ssdo.samples", "4"]
LOSS = 6.0  # mean error of a decoded frame, levels of 255: measured 3.4 at this size


# ---- frames and seconds ----


@pytest.mark.parametrize(
    "given, expected",
    [
        ((None, None, None), (60, 20)),
        ((30, None, None), (30, 20)),
        ((30, 2.0, None), (30, 15)),
        ((None, 2.0, None), (60, 30)),
        ((None, 2.0, 24.0), (48, 24)),
        ((10, None, 29.97), (10, Fraction("29.97"))),
        ((7, 3.0, None), (7, Fraction(7, 3))),
    ],
)
def test_two_of_three_decide_the_timing(given: tuple[Any, Any, Any], expected: tuple[int, Fraction]) -> None:
    assert Timing.from_flags(*given) == expected


@pytest.mark.parametrize(
    "given, message",
    [
        ((2, 2.0, 1.0), "--frames, --seconds and --fps: any two decide the third; leave one out"),
        ((0, None, None), f"--frames 0: must be 1 to {MAX_FRAMES}"),
        ((None, -1.0, None), "--seconds -1: must be above 0"),
        ((None, float("nan"), None), "--seconds nan: must be above 0"),
        ((None, None, 1e9), "--fps 1e+09: must be above 0, up to 240"),
        ((None, None, float("nan")), "--fps nan: must be above 0, up to 240"),
        ((None, None, 0.0), "--fps 0: must be above 0, up to 240"),
        ((1000, 0.5, None), "2000 frames a second: must be above 0, up to 240; change --seconds or --fps"),
    ],
)
def test_impossible_timings(given: tuple[Any, Any, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        Timing.from_flags(*given)


# ---- paths and pictures ----


def test_paths_begin_at_the_camera_of_the_shot() -> None:
    """In the coordinates of a file that is not y up, too."""
    shot = Shot().with_values({"scene": "ball", "camera.eye": (1.0, 2.0, 3.0), "camera.roll": 7.0})
    scene = load_shot_scene(shot)
    expected = to_world_pose(shot.resolve_camera(scene), scene.coordinates)
    for name in ("turntable", "orbit", "swing", "dolly"):
        pose = make_path(name, shot).pose(0.0)
        assert pose.eye == pytest.approx(expected.eye) and pose.target == pytest.approx(expected.target)
        assert (pose.fov, pose.roll, pose.height) == expected[2:]
    camera = to_camera(expected, scene.coordinates)
    assert to_world_pose(camera, scene.coordinates) == expected
    with pytest.raises(UserError, match=r"--path orbitt: must be one of turntable, .*did you mean orbit\?"):
        make_path("orbitt", shot)


def test_pictures_are_those_of_their_cameras(gpu: Gpu) -> None:
    """Bit for bit, of two jittered frames each, though a frame was interrupted; several shots under their labels."""
    values = {"scene": "corner", "width": 32, "height": 18, "antialias": 2, "ssdo.samples": 4}
    (shot,) = freeze_exposure(gpu, [Shot().with_values(values)])
    off = Shot().with_values({name: value for name, value in values.items() if "." not in name} | {"technique": "off"})
    poses = make_path("swing", shot).poses(3)
    single, double = PictureSequence(gpu, [shot], poses), PictureSequence(gpu, [shot, off], poses, ["a", "b"])
    for number in range(3):
        assert single.draw_frame() is None
        with pytest.raises(KeyboardInterrupt), gpu.in_bands(_interrupt):
            single.draw_frame()
        assert single.draw_frame() is None
        picture = single.draw_frame()
        assert picture is not None and single.picture_count == number + 1
        expected = images.read_display(render_all_frames(gpu, _with_camera(shot, picture.camera)))
        assert np.array_equal(picture.pixels, expected)
        both = [double.draw_frame() for _ in range(4)]
        assert both[:3] == [None] * 3 and both[3] is not None
        assert np.array_equal(both[3].pixels[-8 - 18 : -8, 8 : 8 + 32], expected)
    assert single.is_complete and double.is_complete
    single.free_targets()
    assert not [name for name in gpu.targets if name.startswith("animation/")]


def _interrupt() -> None:
    raise KeyboardInterrupt


def _with_camera(shot: Shot, camera: Any) -> Shot:
    return shot.with_values({f"camera.{name}": value for name, value in camera.values().items()})


# ---- commands ----


def test_a_turntable_is_a_capture_along_a_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And its video repeats it, byte for byte, or with other flags."""
    paths = [tmp_path / f"{name}.webp" for name in "abcd"]
    timing = ["--frames", "3", "--seconds", "1.5"]
    assert call(monkeypatch, "turntable", *SMALL, *timing, "--output", paths[0]) == 0
    assert call(monkeypatch, "capture", "--path", "turntable", *SMALL, *timing, "--output", paths[1]) == 0
    assert call(monkeypatch, "capture", "--from-image", paths[0], "--output", paths[2]) == 0
    assert paths[0].read_bytes() == paths[1].read_bytes() == paths[2].read_bytes()
    values = load_video_values(paths[0])
    assert {name: values[f"animation.{name}"] for name in ("path", "frames", "fps")} == {
        "path": "turntable",
        "frames": 3,
        "fps": 2.0,
    }
    assert values["ssdo.samples"] == 4 and values["scene"] == "corner"
    again = ["--from-image", paths[0], "--frames", "2", "--technique", "off", "--output", paths[3]]
    assert call(monkeypatch, "turntable", *again) == 0
    assert load_video_values(paths[3])["technique"] == "off" and len(read_video(paths[3])) == 2


@pytest.mark.parametrize("view, techniques", [("A", None), ("B", None), ("split", "ssao,ssdo")])
def test_a_video_of_the_viewer_is_repeated(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, view: str, techniques: str | None
) -> None:
    """By `capture`: as many frames of the same width (labels may have more lines), and all settings."""
    with open_split(gpu, scene="corner", technique="ssdo") as runner:
        runner.session.choose_view(view)
        runner.render_idle()
        turntable = Turntable(runner.session, TurntableSettings(frame_count=3, seconds=1.5), tmp_path)
        while not turntable.is_done:
            runner.clock.now += 10.0
            turntable.step(runner.session)
    video, again = turntable.path, tmp_path / f"again{turntable.path.suffix}"
    values = load_video_values(video)
    assert values.get("techniques") == techniques
    assert call(monkeypatch, "capture", "--from-image", video, "--output", again) == 0
    assert [frame.shape[1] for frame in read_video(again)] == [frame.shape[1] for frame in read_video(video)]
    repeated = load_video_values(again)
    changed = {name for name in repeated if repeated[name] != values.get(name)}
    assert not changed, changed


@pytest.mark.parametrize("name, value", [("path", 3), ("frames", "x"), ("fps", "x")])
def test_damaged_values_of_a_video_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, value: Any
) -> None:
    path = tmp_path / "a.webp"
    values = {"scene": "corner", "animation.path": "orbit", "animation.frames": 2, "animation.fps": 20.0}
    with VideoWriter(".webp", Fraction(20), values | {f"animation.{name}": value}) as writer:
        writer.add(np.zeros((18, 32, 3), "u1"))
        writer.save(path)
    assert call(monkeypatch, "capture", "--from-image", path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"a.webp: animation.{name} = " in line and "must be of type" in line


def test_techniques_are_side_by_side(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    shot = ["--scene", "corner", "--width", "32", "--height", "18", "--antialias", "1"]
    flags = ["--techniques", "off,ssao", "--frames", "2", "--path", "orbit"]
    assert call(monkeypatch, "capture", *shot, *flags, "--output", path) == 0
    values = load_video_values(path)
    assert values["techniques"] == "off,ssao" and isinstance(values["display.exposure"], float)
    frames = read_video(path)
    for name, left in (("off", 8), ("ssao", 8 + 32 + 8)):
        image = tmp_path / f"{name}.png"
        exposure = ["--display.exposure", values["display.exposure"]]
        assert call(monkeypatch, "capture", *shot, *exposure, "--technique", name, "--output", image) == 0
        with Image.open(image) as opened:
            expected = np.asarray(opened.convert("RGB")).astype(int)
        assert np.abs(frames[0][-8 - 18 : -8, left : left + 32] - expected).mean() < LOSS
    again = tmp_path / "b.webp"
    assert call(monkeypatch, "capture", "--from-image", path, "--output", again) == 0
    assert again.read_bytes() == path.read_bytes()


def test_numbered_images_hold_their_shots(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text('[{"eye": [1, 1, 4], "target": [0, 0, 0]}, {"eye": [2, 1, 4], "target": [0, 0, 0], "fov": 30}]')
    arguments = ["capture", *SMALL, "--path", keys, "--frames", "3", "--output", tmp_path / "a.png"]
    assert call(monkeypatch, *arguments) == 0
    paths = [tmp_path / f"a-{number:04}.png" for number in (1, 2, 3)]
    assert capsys.readouterr().out.splitlines() == [str(path) for path in paths]
    eyes = [images.load_shot_values(path)["camera.eye"] for path in paths]
    assert eyes == [(1.0, 1.0, 4.0), pytest.approx((1.5, 1.0, 4.0)), (2.0, 1.0, 4.0)]
    assert images.load_shot_values(paths[2])["camera.fov"] == 30.0
    again = tmp_path / "again.png"
    assert call(monkeypatch, "capture", "--from-image", paths[1], "--output", again) == 0
    with Image.open(paths[1]) as a, Image.open(again) as b:
        assert np.array_equal(np.asarray(a), np.asarray(b))
    assert call(monkeypatch, *arguments) == 2  # nothing is overwritten


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.mp4"])
def test_interrupted_animations_leave_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    if name.endswith("mp4"):
        pytest.importorskip("av")
    draw_frame, calls = PictureSequence.draw_frame, []

    def draw_or_interrupt(sequence: PictureSequence) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return draw_frame(sequence)

    monkeypatch.setattr(PictureSequence, "draw_frame", draw_or_interrupt)
    assert call(monkeypatch, "turntable", *SMALL, "--frames", "4", "--output", tmp_path / name) == 130
    assert len(calls) == 3 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["capture", "--frames", "3"], "--frames has no effect without a camera path; add --path or leave it out"),
        (["capture", "--fps", "3"], "--fps has no effect without a camera path"),
        (["turntable", "--output", "a.exr"], "a camera path makes a video (.mp4, .webp) or numbered images (.png)"),
        (["turntable", "--frames", "x"], "invalid int value: 'x'"),
        (["capture", "--path", "none.toml", "--scene", "ball"], "none.toml: cannot be read"),
        (["capture", "--from-image", "none.webp"], "none.webp: cannot be read"),
    ],
)
def test_wrong_flags(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *arguments) == 2
    errors = capsys.readouterr().err
    assert message in errors and errors.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_without_av_there_is_webp(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It is the default then, and the message about an .mp4 names the command that installs av."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "av", None)
    assert call(monkeypatch, "turntable", *SMALL, "--frames", "2") == 0
    assert capsys.readouterr().out == f"{tmp_path / 'captures' / 'corner-ssdo-turntable.webp'}\n"
    assert call(monkeypatch, "turntable", *SMALL, "--output", "a.mp4") == 2
    assert format_install_command("av") in capsys.readouterr().err
    assert not (tmp_path / "a.mp4").exists()


def test_the_default_video_is_mp4(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("av")
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "turntable", *SMALL, "--frames", "2") == 0
    assert [path.name for path in Path("captures").iterdir()] == ["corner-ssdo-turntable.mp4"]


def test_progress_counts_frames(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One step a frame."""
    bars: list[Any] = []

    class Bar(contextlib.nullcontext[Any]):
        def __init__(self, **arguments: Any) -> None:
            super().__init__(self)
            self.total, self.count = arguments["total"], 0
            bars.append(self)

        def update(self) -> None:
            self.count += 1

    monkeypatch.setattr("tqdm.tqdm", Bar)
    assert call(monkeypatch, "turntable", *SMALL, "--frames", "3", "--output", tmp_path / "a.webp") == 0
    assert [(bar.total, bar.count) for bar in bars] == [(3, 3)]


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "--version") == 0
    python = ".".join(map(str, sys.version_info[:3]))
    pattern = rf"ssdo {re.escape(__version__)}( \(.*\))?, Python {python}, moderngl [\d.]+\n"
    assert re.fullmatch(pattern, capsys.readouterr().out)
