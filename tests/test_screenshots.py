"""Screenshots of any size, and their captions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ssdo.arrays import Bytes
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.render.pipeline import render_all_frames
from ssdo.render.shot import Shot
from ssdo.settings import UserError
from ssdo.viewer import captions
from ssdo.viewer.color_maps import SLOT_RGB
from ssdo.viewer.image_labels import ImageLabel
from ssdo.viewer.legend import Legend
from ssdo.viewer.screenshot_task import SCOPE, SizedScreenshot
from ssdo.viewer.screenshots import parse_size, save_screenshot
from ssdo.viewer.session import Session
from test_viewer import SessionRunner, open_split

SIZE = (96, 40)


@pytest.fixture
def runner(gpu: Gpu) -> Iterator[SessionRunner]:
    """SSAO and SSDO in a split view."""
    with open_split(gpu) as split:
        yield split


def read_pixels(path: Path) -> Bytes:
    with Image.open(path) as image:
        return np.asarray(image)


def finish(runner: SessionRunner, task: SizedScreenshot) -> list[Bytes]:
    """Step the window and the task until it has saved its files; returns their pixels."""
    for _ in range(200):
        runner.clock.now += 10.0
        runner.session.step((64, 36))
        task.step(runner.session)
        if task.is_done:
            return [read_pixels(path) for path in task.paths]
    raise AssertionError("never done")


def list_scopes(gpu: Gpu) -> set[str]:
    return {name.partition("/")[0] for name in gpu.targets if name.startswith(SCOPE)}


VIEWS: dict[str, dict[str, Any]] = {
    "split": {"view": "split", "divider": 0.3},
    "side by side": {"view": "side by side"},
    "flipped": {"view": "split", "is_flipped": True},
    "buffer": {"view": "A", "buffer": "normals"},
    "difference": {"view": "difference", "gain": 10.0, "is_signed": True},
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_screenshot_of_another_size_is_the_window_of_that_size(
    name: str, runner: SessionRunner, tmp_path: Path
) -> None:
    """The window's own images stay, and what was drawn for the file is freed."""
    session = runner.session
    for key, value in VIEWS[name].items():
        setattr(session.display, key, value)
    runner.render_idle()
    kept = {slot: render.image for slot, render in session.renders.items()}
    task = SizedScreenshot(session, SIZE, False, tmp_path)
    assert "96 x 40" in session.message
    pixels = finish(runner, task)[0]
    assert session.message.startswith(f"saved {tmp_path}") and session.size == (64, 36)
    assert all(render.image is kept[slot] for slot, render in session.renders.items())
    assert not list_scopes(runner.gpu)
    expected = runner.render_idle(*SIZE)
    assert pixels.shape == (40, 96, 3) and np.array_equal(pixels, expected)


def test_a_shot_of_another_size_can_be_repeated(runner: SessionRunner, gpu: Gpu, tmp_path: Path) -> None:
    """Both sides have that size, and the shot that draws them, antialiased."""
    runner.session.change({"antialias": 3})
    runner.render_idle()
    task = SizedScreenshot(runner.session, SIZE, False, tmp_path)
    finish(runner, task)
    for path, technique in zip(task.paths[1:], ("ssao", "ssdo"), strict=True):
        shot = Shot().with_values(images.load_shot_values(path))
        assert (shot.width, shot.height, shot.antialias, shot.technique.group) == (*SIZE, 3, technique)
        assert np.array_equal(images.read_display(render_all_frames(gpu, shot)), read_pixels(path))


def test_changes_do_not_reach_a_screenshot_that_is_drawn(runner: SessionRunner, tmp_path: Path) -> None:
    expected = finish(runner, SizedScreenshot(runner.session, SIZE, False, tmp_path))
    task = SizedScreenshot(runner.session, SIZE, False, tmp_path)
    session = runner.session
    session.change({"camera.fov": 70.0, "ssdo.samples": 2})
    session.choose_view("B")
    actual = finish(runner, task)
    assert len(actual) == 3 and all(np.array_equal(a, b) for a, b in zip(actual, expected, strict=True))


def test_the_exposure_is_that_of_the_window(runner: SessionRunner, tmp_path: Path) -> None:
    """It was metered before the camera moved."""
    session = runner.session
    assert session.change({"display.exposure": None})
    runner.render_idle()
    session.dolly(0.3)
    runner.render_idle()
    exposure = session.shot("B").display.exposure
    task = SizedScreenshot(session, SIZE, False, tmp_path)
    finish(runner, task)
    assert [images.load_shot_values(path)["display.exposure"] for path in task.paths] == [exposure] * 3


def test_converging_images_get_the_frames_of_the_window(runner: SessionRunner, gpu: Gpu, tmp_path: Path) -> None:
    """And the error view gets its reference's."""
    session = runner.session
    session.choose_view("error")
    for _ in range(6):
        runner.clock.now += 10.0
        session.step((64, 36))
    frames = session.renders["reference"].image_convergence.frame_count
    assert frames > 2
    task = SizedScreenshot(session, SIZE, False, tmp_path)
    (pixels, *_) = finish(runner, task)
    assert task._copy.renders["reference"].image_convergence.frame_count == frames
    assert pixels.shape == (40, 96, 3) and not list_scopes(gpu)


def test_an_ended_screenshot_saves_nothing(runner: SessionRunner, tmp_path: Path) -> None:
    runner.session.change({"antialias": 3})
    runner.render_idle()
    task = SizedScreenshot(runner.session, SIZE, False, tmp_path)
    task.step(runner.session)
    assert list_scopes(runner.gpu)
    task.end(runner.session)
    assert task.is_done and not list_scopes(runner.gpu) and not list(tmp_path.iterdir())


def test_a_size_that_opengl_refuses_is_an_error(runner: SessionRunner, tmp_path: Path) -> None:
    task = SizedScreenshot(runner.session, (10**6, 1), False, tmp_path)
    with pytest.raises(UserError, match="choose a smaller size"):
        finish(runner, task)
    assert task.is_done and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "size"),
    [("window", None), ("", None), ("1280x720", (1280, 720)), (" 30 X 2 ", (30, 2)), ("4096\u00d71", (4096, 1))],
)
def test_sizes(text: str, size: tuple[int, int] | None) -> None:
    assert parse_size(text, 4096) == size


@pytest.mark.parametrize("text", ["4097x1", "1x4097", "0x5", "12", "axb", "1x2x3", "-1x5", "9" * 30 + "x1"])
def test_bad_sizes_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="must be window, or width x height up to 4096"):
        parse_size(text, 4096)


# ---- captions ----

GREY = np.full((720, 1280, 3), 128, "u1")


def caption(
    monkeypatch: pytest.MonkeyPatch, session: Session, labels: list[ImageLabel], legends: list[Legend], pixels: Bytes
) -> Bytes:
    monkeypatch.setattr(captions, "list_labels", lambda _: labels)
    monkeypatch.setattr(captions, "list_legends", lambda _: legends)
    return captions.draw_captions(session, pixels)


def find_box(pixels: Bytes, background: Bytes) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what differs."""
    rows, columns = np.nonzero((pixels != background).any(-1))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def test_labels_stand_beside_the_divider(runner: SessionRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in its slot's colour, on its own side; too long ones are shortened."""
    session = runner.session
    session.display.divider = 0.25
    labels = [ImageLabel(("A",), ("A: a very long label", "A: S")), ImageLabel(("B",), ("B: SSDO, 16 directions",))]
    pixels = caption(monkeypatch, session, labels, [], GREY)
    left, right = pixels[:, :320], pixels[:, 320:]
    colors = {slot: np.round(255 * np.asarray(rgb)) for slot, rgb in SLOT_RGB.items()}
    assert (left == colors["A"]).all(-1).any() and (right == colors["B"]).all(-1).any()
    assert not (right == colors["A"]).all(-1).any() and not (left == colors["B"]).all(-1).any()
    assert find_box(left, GREY[:, :320])[2] < 320 and find_box(right, GREY[:, 320:])[0] > 0
    assert find_box(pixels, GREY)[3] < 60
    assert np.array_equal(caption(monkeypatch, session, labels, [], np.zeros((8, 12, 3), "u1")).shape, (8, 12, 3))


def test_legends_stand_at_the_lower_left(runner: SessionRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their bar has the legend's colours, from the left to the right; they scale with the image."""
    colors = ((250, 0, 0), (0, 250, 0), (0, 0, 250))
    legend = Legend("error", colors, ((0.0, "0"), (0.5, "1"), (1.0, "2")), ("a note",))
    label = [ImageLabel(("B",), ("B: SSDO",))]
    boxes = []
    for factor in (1, 2):
        grey = np.full((720 * factor, 1280 * factor, 3), 128, "u1")
        pixels = caption(monkeypatch, runner.session, label, [legend], grey)
        starts = [int(np.nonzero((pixels == color).all(-1).any(0))[0].min()) for color in colors]
        assert starts == sorted(starts) and starts[1] - starts[0] == pytest.approx(starts[2] - starts[1], abs=2)
        box = find_box(pixels[200 * factor :], grey[200 * factor :])
        assert box[3] < 520 * factor and box[0] > 0
        boxes.append(np.array(box))
    assert np.abs(boxes[1] - 2 * boxes[0]).max() <= 6
    small = np.full((30, 40, 3), 128, "u1")
    without_legend = caption(monkeypatch, runner.session, label, [], small)
    assert (caption(monkeypatch, runner.session, label, [legend], small) == without_legend).all(), "no room"


def test_captions_are_those_of_the_view(runner: SessionRunner, tmp_path: Path) -> None:
    """Of the first image alone; without captions the image is what is shown."""
    session = runner.session
    plain, *sides = (read_pixels(path) for path in save_screenshot(session, tmp_path))
    captioned, *other_sides = (read_pixels(path) for path in save_screenshot(session, tmp_path, has_captions=True))
    assert (captioned != plain).any() and (captioned == captions.draw_captions(session, plain)).all()
    assert all((a == b).all() for a, b in zip(sides, other_sides, strict=True))
