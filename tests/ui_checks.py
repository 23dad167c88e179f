"""Checks of the viewer in its window: every key and every section of the panel. Needs a display.

python tests/ui_checks.py FOLDER [CHECK ...]    all checks, or some; prints a line of JSON for each: its name, its error
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from imgui_bundle import imgui
from PIL import Image
from ssdo.arrays import Bytes
from ssdo.gpu import context
from ssdo.gpu.context import Gpu
from ssdo.render import presets
from ssdo.render.screen_space import SliceTechnique
from ssdo.render.technique import Lighting, Technique, TechniqueInputs
from ssdo.render.techniques.off import Off
from ssdo.scene.built_in import BUILT_IN_SCENES, SCENE_GROUPS
from ssdo.settings import param_of
from ssdo.toml_text import parse_toml
from ssdo.viewer import input as viewer_input
from ssdo.viewer import keys, loading_screen, main_loop, render_scheduler
from ssdo.viewer.buffers import FINAL_IMAGE, LIGHTING_COMPONENTS, TARGET_SUFFIX
from ssdo.viewer.display_state import GAINS, VIEWS, DisplayState
from ssdo.viewer.history import MERGE_SECONDS
from ssdo.viewer.input import CLICK_FRAMES
from ssdo.viewer.legend import list_legends
from ssdo.viewer.loading_screen import INTERVAL, LoadingScreen
from ssdo.viewer.main_loop import FIRST_RUN_HINT
from ssdo.viewer.panel.panel import MAX_WIDTH_FRACTION, STATUS_HEIGHT
from ssdo.viewer.preferences import DEFAULT_PANEL_WIDTH, Preferences
from ssdo.viewer.render_scheduler import PAIR
from ssdo.viewer.screenshot_task import SizedScreenshot
from ssdo.viewer.status import StatusLine
from ssdo.viewer.theme import SLOT_COLORS, THEME, set_scale
from ssdo.viewer.widgets import LABEL_WIDTH, Rect
from ui_driver import CTRL, LEFT, MIDDLE, RIGHT, SHIFT, Driver

START: dict[str, Any] = {
    "scene": "corner",
    "environment": "ramp-x",
    "technique": "ssdo",
    "ssdo.samples": 4,
    "ssdo.steps": 4,
    "denoise.radius": 0,
    "sun.resolution": 256,
}
IMAGE_ROWS = slice(50, 260)  # below the labels, above the status line and the messages
MODE_LABELS = [mode.label for _, mode in Technique.all_modes()]
pressed_actions: set[str] = set()  # actions whose keys were pressed

Check = Callable[[Driver], None]
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def press(d: Driver, action: str) -> None:
    """Press the key of an action."""
    key = next(k for k in keys.all_keys() if k.action == action)
    pressed_actions.add(action)
    d.press_shortcut(key)


def read_image(d: Driver) -> Bytes:
    """The image beside the panel, without the overlays."""
    toasts = d.session.toasts.visible
    for toast in toasts:
        toast.is_hidden = True
    pixels = d.draw_pixels()
    for toast in toasts:
        toast.is_hidden = False
    return pixels[IMAGE_ROWS, : d.session.size[0] - 10]


def assert_changes(d: Driver, act: Callable[[], None], read_pixels: Callable[[Driver], Bytes] = read_image) -> None:
    old = read_pixels(d)
    act()
    d.wait_until(lambda: not np.array_equal(read_pixels(d), old), "change of the image")


def assert_all_different(images: list[Bytes]) -> None:
    assert all(not np.array_equal(a, b) for i, a in enumerate(images) for b in images[:i])


# ---- keys ----


@check
def the_first_frame_has_the_whole_panel(d: Driver) -> None:
    """Tabs and rows are there at once, at the place where they stay."""
    names = [name for name in d.first_rects if name.startswith(("toolbar", "view", "copy", "tab", "mode", "row"))]
    assert {"tab A", "tab B", "mode B SSDO"} <= set(names)
    assert {name: d.first_rects[name] for name in names} == {name: d.panel.widgets.item_rects[name] for name in names}


@check
def keys_choose_techniques(d: Driver) -> None:
    for slot in PAIR:
        images = []
        for label in MODE_LABELS:
            press(d, f"mode-A {label}" if slot == "A" else f"mode {label}")
            assert d.session.slots.mode_label(slot) == label
            d.wait_idle()
            images.append(read_image(d))
        assert_all_different(images)


@check
def keys_choose_views(d: Driver) -> None:
    images = {}
    press(d, "view A")
    for action in ("split", "view side by side", "view A", "view B", "view difference", "view error"):
        press(d, action)
        d.wait_idle()
        view = action.removeprefix("view ")
        assert d.session.display.view == view and view in VIEWS
        if view == "error":
            d.wait_until(lambda: d.session.renders["reference"].convergence.frame_count > 3, "reference")
        images[view] = read_image(d)
    assert_all_different(list(images.values()))
    gains = []
    for _ in range(4):
        press(d, "view difference")
        gains.append(d.session.display.gain)
    assert gains == [1, 10, 100, 1]


@check
def key_shows_the_other_slot_while_held(d: Driver) -> None:
    press(d, "view A")
    d.wait_idle()
    image_a = read_image(d)
    pressed_actions.add("flip")
    d.press_key("TAB", release=False)
    d.wait_idle()
    assert not np.array_equal(read_image(d), image_a) and d.session.display.is_flipped
    d.release_key("TAB")
    d.wait_idle()
    assert np.array_equal(read_image(d), image_a)
    assert not d.panel.is_typing, "Tab goes to no field of the panel"


@check
def keys_change_samples_and_swap_slots(d: Driver) -> None:
    slots = d.session.slots
    press(d, "more-samples")
    assert [t.values()["samples"] for t in slots.techniques.values()] == [32, 8]
    press(d, "fewer-samples")
    assert [t.values()["samples"] for t in slots.techniques.values()] == [16, 4]
    groups = [t.group for t in slots.techniques.values()]
    assert_changes(d, lambda: press(d, "swap"))
    assert [t.group for t in slots.techniques.values()] == groups[::-1]


@check
def key_halves_the_lighting_resolution(d: Driver) -> None:
    press(d, "view B")
    d.wait_idle()
    full = read_image(d)
    assert_changes(d, lambda: press(d, "half-resolution"))
    d.wait_idle()
    result, status = d.session.renders["B"].result, StatusLine(d.session)
    assert result and result.shading_inputs.size[0] == (result.display.size[0] + 1) // 2
    assert "half resolution" in status.text
    press(d, "half-resolution")
    d.wait_idle()
    assert np.array_equal(read_image(d), full) and "half" not in status.text


@check
def keys_show_buffers_and_the_reference(d: Driver) -> None:
    display = d.session.display
    for component in LIGHTING_COMPONENTS:
        press(d, "next-component")
        assert display.buffer == component
    press(d, "previous-component")
    assert display.buffer == LIGHTING_COMPONENTS[-2]
    buffers = set()
    for _ in range(40):
        press(d, "next-buffer")
        buffers.add(display.buffer)
    assert set(LIGHTING_COMPONENTS) < buffers and any(name.endswith(TARGET_SUFFIX) for name in buffers)
    current = display.buffer
    press(d, "previous-buffer")
    press(d, "next-buffer")
    assert display.buffer == current
    press(d, "final-image")
    assert display.buffer == FINAL_IMAGE
    press(d, "reference")
    d.wait_until(lambda: d.session.renders["reference"].convergence.frame_count > 4, "reference")
    d.wait_until(lambda: d.panel.measurements.measurements[-1].errors.keys() == {"A", "B"}, "errors")
    press(d, "reference")
    assert not d.session.reference_enabled


@check
def keys_inspect_a_pixel(d: Driver) -> None:
    section = d.panel.pixel
    d.move_mouse(250, 240)
    press(d, "inspect")
    assert section.is_enabled and section.values and section.values.pixel == (250, 240) and section.inspection
    assert section.slot == "B"
    d.move_mouse(60, 240)
    assert section.values and section.values.pixel == (60, 240)
    assert str(section.slot) == "A", "the slot under the mouse"
    press(d, "pin")
    d.move_mouse(200, 200)
    assert section.values and section.values.pixel == (60, 240)
    press(d, "pin")
    d.move_mouse(200, 200)
    assert section.values and section.values.pixel == (200, 200)
    d.move_mouse(d.wnd.width - 20, 300)
    assert section.values is None, "there is no pixel under the panel"
    press(d, "inspect")


@check
def keys_save_bookmarks(d: Driver) -> None:
    start = d.session.pose
    press(d, "save-bookmark 1")
    d.drag(60, 200, 60, 30)
    new_pose = d.session.pose
    assert new_pose != start
    press(d, "save-bookmark 2")
    press(d, "restore-bookmark 1")
    assert d.session.pose == start
    press(d, "restore-bookmark 2")
    assert np.allclose(d.session.pose.eye, new_pose.eye)
    press(d, "restore-bookmark 7")
    assert "no bookmark 7" in d.session.message
    for number in (3, 4, 5, 6, 7, 8, 9):
        press(d, f"save-bookmark {number}")
        press(d, f"restore-bookmark {number}")
    press(d, "frame")
    assert d.session.slots.shared.camera.eye is None
    press(d, "frame")
    assert d.session.slots.shared.camera.eye is not None


@check
def keys_undo(d: Driver) -> None:
    slots = d.session.slots
    time.sleep(MERGE_SECONDS)  # so that the next change is a step of its own
    d.run_frames()
    old_state = slots.state()
    press(d, "mode-A off")
    d.wait_idle()
    new_state = slots.state()
    press(d, "undo")
    assert slots.state() == old_state
    press(d, "redo")
    assert slots.state() == new_state
    d.press_key("Z", CTRL)
    d.press_key("Z", CTRL | SHIFT)
    assert slots.state() == new_state


@check
def keys_save_copy_and_paste(d: Driver) -> None:
    slots = d.session.slots
    d.wait_idle()
    state, image = slots.state(), read_image(d)
    press(d, "copy-state")
    press(d, "save-state")
    (path,) = Path("captures").glob("*-state.toml")
    d.session.choose_mode("B", "off")
    d.session.change({"display.exposure": 2.0})
    d.drag(60, 200, 60, 30)
    press(d, "paste-state")
    assert slots.state() == state
    d.wait_idle()
    assert np.array_equal(read_image(d), image)
    d.session.choose_mode("B", "off")
    d.wnd.dispatch_event("on_file_drop", 10, 10, [str(path)])
    d.wait_until(lambda: slots.state() == state, "dropped state")
    path.unlink()
    path.write_text("nonsense = = 3")
    d.wnd.dispatch_event("on_file_drop", 10, 10, [str(path)])
    d.wait_until(lambda: "not TOML" in d.session.error, "message")
    assert slots.state() == state


@check
def keys_save_images(d: Driver) -> None:
    press(d, "screenshot")
    assert len(list(Path("captures").glob("*.png"))) == 3
    old_state = d.session.slots.state()
    press(d, "turntable")
    d.wait_until(lambda: "turntable: 2 of" in d.session.message, "second frame")
    assert d.session.slots.state() == old_state
    press(d, "next-buffer")  # the window answers meanwhile
    d.wait_until(lambda: "turntable: 3 of" in d.session.message, "third frame")
    press(d, "final-image")
    task = d.viewer.actions.task
    d.press_key("ESCAPE")
    assert task is not None and not task.is_done and "turntable" in d.session.message, "others end first"
    d.press_key("ESCAPE")
    assert task.is_done and not [toast for toast in d.session.toasts.items if toast.is_task]
    assert d.session.slots.state() == old_state and not list(Path("captures").glob("*turntable*"))
    press(d, "report")
    task = d.viewer.actions.task
    assert task is not None
    d.wait_until(lambda: "report: images 0 of 2, 0 %" in d.session.message, "the start of the report")
    while d.session.message != "report: stopping":
        d.press_key("ESCAPE")  # other messages end first
    d.wait_until(lambda: task.is_done, "the end of the report")
    assert d.session.message == "report cancelled" and not list(Path("captures").glob("*-report*/index.html"))


@check
def panel_screenshots(d: Driver) -> None:
    """Of the size that is typed or chosen, with captions by a key or a check box; a bad size is refused."""
    press(d, "view difference")
    d.wait_idle()
    d.click_item("section Screenshot")
    d.click_item("list screenshot sizes")
    d.click_item("screenshot 1280x720")
    settings = d.panel.screenshot.settings
    assert settings.size == "1280x720"
    d.click_item("screenshot size")
    d.press_key("A", CTRL)
    d.type_text("90x9000000")
    d.press_key("ENTER")
    d.click_item("screenshot save")
    assert "must be window, or width x height up to" in d.session.error
    settings.size = "300x200"
    plain = save_sized(d, lambda: press(d, "screenshot"))
    captioned = save_sized(d, lambda: press(d, "screenshot captions"))
    assert plain.shape == captioned.shape == (200, 300, 3)
    assert (plain[:30, :150] != captioned[:30, :150]).any(), "the label"
    assert (plain[150:, :150] != captioned[150:, :150]).any(), "the legend"
    d.click_item("screenshot captions")
    assert (save_sized(d, lambda: d.click_item("screenshot save")) == captioned).all()
    settings.size, settings.has_captions = "window", False
    d.click_item("section Screenshot")


def save_sized(d: Driver, start: Callable[[], None]) -> Bytes:
    """The pixels of a screenshot that is drawn beside the window."""
    start()
    task = d.viewer.actions.task
    assert isinstance(task, SizedScreenshot)
    d.wait_until(lambda: task.is_done, "the screenshot")
    with Image.open(task.paths[0]) as image:
        return np.asarray(image)


@check
def keys_of_the_window(d: Driver) -> None:
    assert_changes(d, lambda: press(d, "help"))
    assert_changes(d, lambda: press(d, "close"))
    assert not d.panel.is_help_open
    with_panel = d.draw_pixels()
    press(d, "panel")
    assert d.session.size[0] == d.wnd.width
    assert not np.array_equal(d.draw_pixels()[:, -200:], with_panel[:, -200:])
    press(d, "panel")
    press(d, "reload")
    assert d.session.message == "shaders reloaded"
    press(d, "play")
    assert "corner is not animated" in d.session.message
    for state in ("on", "off"):
        press(d, "ground")
        assert d.session.message == f"ground {state}" and d.session.slots.shared.ground == state
    press(d, "play")
    press(d, "quit")
    assert d.viewer.actions.should_quit
    d.viewer.actions.should_quit = False


def list_overlay_rects(d: Driver) -> dict[str, Rect]:
    """What labels, legends, messages and the pixel's card cover."""
    toasts = {f"toast {number}": rect for number, rect in enumerate(d.panel.toast_rects)}
    card = {"card": d.panel.pixel.card_rect} if d.panel.pixel.card_rect else {}
    return d.panel.image_overlay.rects | toasts | card


def assert_apart(d: Driver) -> None:
    """Nothing over the image is clipped, or covers another."""
    rects = list_overlay_rects(d)
    width, bottom = d.session.size[0], d.wnd.height - STATUS_HEIGHT
    for left, top, right, low in rects.values():
        assert 0 <= left < right <= width and 0 <= top < low <= bottom, rects
    for a, b in itertools.combinations(rects.values(), 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], rects


@contextmanager
def scaled_interface(scale: float) -> Iterator[None]:
    """Letters and overlays of another size."""
    try:
        set_scale(scale)
        yield
    finally:
        set_scale(1.0)


def assert_labelled(d: Driver, view: str, buffer: str) -> None:
    """Each image has a label with its technique and its buffer, and a legend where colours stand for numbers."""
    display, overlay = d.session.display, d.panel.image_overlay
    display.view, display.buffer = view, buffer
    d.run_frames()
    assert_apart(d)
    labels = [text for name, text in overlay.texts.items() if name.startswith("label")]
    if view == "difference":
        assert len(labels) == 1 and labels[0].startswith("|A - B| x1") and "SSAO" in labels[0]
        return
    names = {"A": "A: SS", "B": "B: SS"}
    expected = [name for slot, name in names.items() if slot in d.session.visible_slots]
    for label, name in zip(labels, expected, strict=True):
        assert label.startswith(name) and (buffer == FINAL_IMAGE or buffer[:2] in label), label
    assert ("legend" in overlay.rects) == (buffer != FINAL_IMAGE)


@check
def every_image_is_labelled_and_nothing_overlaps(d: Driver) -> None:
    """Without the panel, beside it, with letters of twice the size, and in a narrow side."""
    display, overlay = d.session.display, d.panel.image_overlay
    press(d, "panel")
    assert_labelled(d, "A", "depth")
    press(d, "panel")
    for scale, buffers in ((1.0, (FINAL_IMAGE, "direct light")), (2.0, ("direct light",))):
        with scaled_interface(scale):
            for view, buffer in itertools.product(VIEWS[:-1], buffers):
                assert_labelled(d, view, buffer)
    display.view, display.divider = "split", 0.2
    d.run_frames()
    assert_apart(d)
    assert overlay.texts["label A"].startswith("A") and overlay.rects["label A"][2] <= 0.2 * d.session.size[0]


@check
def legends_have_the_colours_of_the_shader(d: Driver) -> None:
    display = d.session.display
    display.view = "difference"
    display.is_signed = True
    d.wait_idle()
    (legend,) = list_legends(d.session)
    left, top, right, bottom = map(int, d.panel.image_overlay.rects["legend"])
    pixels = {tuple(pixel) for pixel in d.draw_pixels()[top:bottom, left:right].reshape(-1, 3).tolist()}
    assert len(set(legend.colors)) > 60 and set(legend.colors) <= pixels


@check
def the_difference_has_a_slider_and_a_sign(d: Driver) -> None:
    display = d.session.display
    press(d, "view difference")
    d.wait_idle()
    x, y = d.find_item("row difference gain")
    assert_changes(d, lambda: d.click(x + 5, y))
    assert display.gain not in GAINS and 10 < display.gain < 40, "10 lies in the middle"
    assert f"x{display.gain:.3g}" in d.panel.image_overlay.texts["label A B"]
    d.click(x, y, button=RIGHT)
    assert display.gain == 1
    assert_changes(d, lambda: d.click_item("signed"))
    assert display.is_signed


@check
def the_error_view_says_that_there_is_no_reference(d: Driver) -> None:
    overlay = d.panel.image_overlay
    press(d, "view error")
    d.session.reference_enabled = False
    d.session.scheduler.invalidate()
    d.wait_idle()
    assert "No reference" in overlay.texts["missing"] and "legend" not in overlay.rects
    assert_apart(d)
    press(d, "reference")
    d.wait_until(lambda: "missing" not in overlay.rects, "error")
    assert "legend" in overlay.rects
    assert_apart(d)


@check
def the_card_lies_beside_the_pixel(d: Driver) -> None:
    """In the middle and at the edges of each half, next to labels and a legend."""
    section, display = d.panel.pixel, d.session.display
    press(d, "panel")
    press(d, "inspect")
    display.buffer = "direct light"
    for view in ("B", "side by side"):
        display.view = view
        d.run_frames()
        width, height = d.session.size[0], d.wnd.height
        for x, y in itertools.product((4, 0.45 * width, width - 4), (4, 0.5 * height, height - STATUS_HEIGHT - 4)):
            d.move_mouse(x, y)
            rect = section.card_rect
            assert section.values and rect is not None, (view, x, y)
            places = [x, (x + width / 2) % width] if view == "side by side" else [x]
            assert not any(rect[0] <= place <= rect[2] and rect[1] <= y <= rect[3] for place in places), (rect, x, y)
            assert_apart(d)
    assert section.card_rect
    left, top, right, bottom = map(int, section.card_rect)
    with_card = d.draw_pixels()[top:bottom, left:right]
    press(d, "inspect")
    without_card = d.draw_pixels()[top:bottom, left:right]
    assert section.card_rect is None and with_card.mean() < without_card.mean() - 20, "a dark card"
    press(d, "panel")


@check
def keys_of_the_panel(d: Driver) -> None:
    """What is typed right after Ctrl+F is searched for, and runs no action."""
    state, message = d.session.slots.state(), d.session.message
    pressed_actions.add("search")
    d.wnd.dispatch_event("on_key_press", d.key_codes.F, CTRL)
    for character in "x+ radius":  # within a frame
        d.wnd.dispatch_event("on_text", character)
    d.release_key("F", CTRL)
    d.press_key("LEFT_CTRL")  # Dear ImGui keeps Ctrl held until its release arrives
    d.run_frames(10)
    assert d.panel.context.search_text == "x+ radius", d.panel.context.search_text
    assert (d.session.slots.state(), d.session.message) == (state, message)
    d.press_key("ESCAPE")
    assert d.panel.context.search_text == ""
    d.press_key("ESCAPE")
    pixels, size = d.draw_pixels(), d.session.size
    press(d, "larger-ui")
    d.run_frames(2)
    assert d.session.size[0] == d.wnd.width - round(MAX_WIDTH_FRACTION * d.wnd.width) == size[0]
    assert not np.array_equal(d.draw_pixels()[:, size[0] :], pixels[:, size[0] :])
    press(d, "smaller-ui")
    press(d, "smaller-ui")
    assert THEME.scale < 1
    d.run_frames(2)
    assert d.session.size[0] == d.wnd.width - round(DEFAULT_PANEL_WIDTH * THEME.scale) or d.session.size == size
    press(d, "default-ui")
    d.run_frames(2)
    assert THEME.scale == 1.0 and d.session.size == size


@check
def open_shows_the_dialog_of_the_system(d: Driver) -> None:
    """Without one, the path field is focused. With one, the viewer goes on while it is open."""
    press(d, "open")
    d.run_frames(CLICK_FRAMES)
    assert "no file dialog" in d.session.message and d.viewer.ui.io.want_text_input, d.session.message
    d.press_key("ESCAPE")
    folder, answer = Path("bin").absolute(), Path("answer").absolute()
    folder.mkdir()
    dialog = folder / "zenity"
    dialog.write_text(f"#!/bin/sh\nwhile [ ! -f {answer} ]; do sleep 0.05; done; cat {answer}\n")
    dialog.chmod(0o755)
    old_path = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}{os.pathsep}{old_path}"
    try:
        press(d, "open")
        d.run_frames(5)
        assert d.session.slots.shared.scene == "corner"
        answer.write_text("corner:distance=0.4\n")
        d.wait_until(lambda: d.session.slots.shared.scene == "corner:distance=0.4", "chosen scene")
    finally:
        os.environ["PATH"] = old_path


@check
def blind_test_hides_the_techniques(d: Driver) -> None:
    session, test = d.session, d.panel.experiments.blind_test
    state, display = session.slots.state(), session.display
    d.click_item("experiments blind test")
    assert test.run and test.is_running
    run = test.run
    d.wait_until(lambda: run.is_ready, "trial")
    d.run_frames(3)
    items = set(d.panel.widgets.item_rects)
    assert items == {"choose left", "choose right", "show reference", "blind test stop"}, items
    applied = session.slots.state()
    for action in ("flip", "swap", "mode-A SSAO", "mode SSDO", "view A", "more-samples", "next-buffer", "inspect"):
        press(d, action)
    for action in ("copy-state", "screenshot", "undo"):
        press(d, action)
    assert session.slots.state() == applied and session.display is run._display and not session.display.is_flipped
    assert "Left, Right: choose" in session.message and not list(Path("captures").glob("*.png"))
    d.drag(60, 150, 40, 0)
    d.scroll(60, 150, 2)
    assert session.slots.state() == applied, "the camera stays"
    d.wait_until(lambda: run.is_ready, "pictures")
    pictures = read_image(d)
    press(d, "show-reference")
    assert run.shows_reference and not np.array_equal(read_image(d), pictures)
    press(d, "show-reference")
    press(d, "choose left")
    d.wait_until(lambda: run.is_ready, "second trial")
    press(d, "choose right")
    assert [answer.choice for answer in run.test.answers] == ["left", "right"]
    session.toasts.dismiss_all()  # which Escape would close first
    press(d, "close")
    assert not test.is_running and (session.slots.state(), session.display) == (state, display)
    d.find_item("blind test score")


@check
def blind_test_tells_nothing_over_the_image(d: Driver) -> None:
    """Without the pictures, the window is the same whatever is hidden: labels, costs, status, an inspected pixel."""
    d.move_mouse(60, 150)
    press(d, "inspect")
    press(d, "pin")
    test = d.panel.experiments.blind_test
    d.session.draw_view = lambda framebuffer: None  # type: ignore[method-assign]
    windows = []
    for pair in (("SSAO", "SSDO"), ("GTAO", "off")):
        test.start(seed=1)
        assert test.run
        run = test.run
        run.test.trials = [trial._replace(left=pair[0], right=pair[1]) for trial in run.test.trials]
        run._show_trial(d.session)
        d.wait_until(lambda run=run: run.is_ready, "trial")  # type: ignore[misc]
        d.run_frames(3)
        windows.append(d.draw_pixels())
        test.cancel()
    del d.session.draw_view
    press(d, "inspect")
    assert np.array_equal(windows[0], windows[1])
    assert windows[0][:50, : d.session.size[0]].std() > 0, "which side is which is seen"


@check
def every_key_was_pressed(d: Driver) -> None:
    missing = {key.action for key in keys.all_keys() if key.names or key.characters} - pressed_actions
    assert not missing, f"not pressed: {sorted(missing)}"


@check
def the_loading_screen_shows_how_far_a_file_is(d: Driver) -> None:
    pictures: list[Bytes] = []
    wnd = d.viewer.wnd
    wnd.swap_buffers = lambda: pictures.append(d.read_pixels())  # type: ignore[method-assign]
    screen = LoadingScreen(wnd, d.viewer.ui, 1.0, "a file")
    screen.draw()
    screen.report("images", 1, 4)  # too soon after the last one
    for done in (1, 3):
        time.sleep(INTERVAL)
        screen.report("images", done, 4)
    del wnd.swap_buffers
    text, quarter, most = (picture.astype(int) - picture[0, 0] for picture in pictures)
    assert np.abs(text).max() > 100, "the name is seen"
    bar_pixels = [(np.abs(picture - text).max(-1) > 60).sum() for picture in (quarter, most)]
    assert bar_pixels[1] > 2 * bar_pixels[0] > 0


@check
def keys_that_were_pressed_before_the_start_are_handled(d: Driver) -> None:
    assert d.started_with_help, "Escape, then F1"


@check
def escape_cancels_a_load(d: Driver) -> None:
    """The previous scene stays, and its image."""
    d.wait_idle()
    old_image, old_scene, wnd = read_image(d), d.session.scene, d.viewer.wnd
    path = Path("grid.obj")
    path.write_text("".join(f"v {n} 0 0\nv {n} 1 0\nv {n} 0 1\nf -3 -2 -1\n" for n in range(60000)))
    pictures: list[Bytes] = []

    def press_escape() -> None:
        pictures.append(d.read_pixels())
        for event in ("on_key_press", "on_key_release"):
            d.wnd.dispatch_event(event, d.key_codes.ESCAPE, 0)
        d.wnd.dispatch_events()

    d.session.error = "it stays: Escape was for the load"
    d.panel.context.file_to_load = str(path)
    interval, loading_screen.INTERVAL = loading_screen.INTERVAL, 0.0
    wnd.swap_buffers = press_escape  # type: ignore[method-assign]
    try:
        for _ in range(3):
            d.viewer.update()  # announces it, then loads it
    finally:
        loading_screen.INTERVAL = interval
        del wnd.swap_buffers
    assert len(pictures) == 1 and d.session.message == f"loading {path} cancelled"
    assert d.session.scene is old_scene and d.session.error
    d.wait_idle()
    assert np.array_equal(read_image(d), old_image)
    d.panel.context.file_to_load = str(path)
    d.wait_until(lambda: d.session.slots.shared.scene == str(path), "scene")


# ---- messages ----


def find_toast(d: Driver, text: str) -> tuple[float, float]:
    """The centre of the toast that contains a text."""
    d.run_frames()
    texts = [toast.text for toast in reversed(d.session.toasts.visible)]
    (number,) = (i for i, shown in enumerate(texts) if text in shown)
    left, top, right, bottom = d.panel.toast_rects[number]
    return (left + right) / 2, (top + bottom) / 2


@check
def toasts_stack_and_end_on_a_click(d: Driver) -> None:
    session = d.session
    before = d.draw_pixels()
    session.message = "first"
    session.error = "second"
    d.run_frames()
    first, second = find_toast(d, "first"), find_toast(d, "second")
    assert first[1] < second[1] < d.wnd.height - 30, "the newest is at the bottom, above the status line"
    assert d.panel.covers(*first) and not d.panel.covers(first[0], first[1] - 60)
    left, top, right, bottom = map(int, d.panel.toast_rects[0])
    changed = np.abs(d.draw_pixels().astype(int) - before).max(-1) > 10
    assert changed[top:bottom, left:right].mean() > 0.5
    pose = session.pose
    d.move_mouse(*first)
    hovered = d.draw_pixels().astype(int)
    d.drag(*first, 40, -60)
    assert session.pose == pose, "a drag that begins on a toast does not orbit"
    assert (session.message, session.error) == ("", "second")
    assert np.abs(hovered[int(first[1])] - d.draw_pixels()[int(first[1])]).max() > 10
    session.display.view = "B"
    press(d, "help")
    for expected in ((False, "second"), (False, "")):
        d.press_key("ESCAPE")
        assert (d.panel.is_help_open, session.error) == expected
    d.click_item("list scene")
    session.message = "third"
    d.press_key("ESCAPE")
    assert session.message == "third" and not d.panel.is_list_open
    d.press_key("ESCAPE")
    assert not session.message


@check
def toasts_of_tasks_have_a_bar(d: Driver) -> None:
    session = d.session

    def count_bar_pixels(number: int) -> int:
        session.message = f"task: {number} of 4 (Escape cancels)"
        d.run_frames(2)
        assert len(session.toasts.visible) == 1
        left, _, right, bottom = map(int, d.panel.toast_rects[0])
        row = d.draw_pixels()[bottom - 2, left:right].astype(int)
        return int((row[:, 2] - row[:, 0] > 60).sum())

    counts = [count_bar_pixels(number) for number in (1, 2, 4)]
    assert abs(counts[1] - 2 * counts[0]) < 8 and abs(counts[2] - 4 * counts[0]) < 12, counts
    d.press_key("ESCAPE")
    assert not session.message, "nothing runs that would post it again"


@check
def toasts_leave_room_for_the_image(d: Driver) -> None:
    """However long their texts are."""
    for number in range(6):
        d.session.error = f"{'abc'[number % 3] * (number + 1)}: {'word ' * 400}"
    d.run_frames(2)
    assert 1 <= len(d.panel.toast_rects) <= 4
    left, _, right, _ = d.panel.toast_rects[0]
    assert left > 0 and right < d.session.size[0]
    assert min(top for _, top, _, _ in d.panel.toast_rects) > d.wnd.height / 2, "the middle can be dragged"


@check
def a_hint_ends_with_the_first_drag(d: Driver) -> None:
    d.session.toasts.post(FIRST_RUN_HINT, "hint")
    d.run_frames(2)
    assert len(d.panel.toast_rects) == 1
    d.click_item("view split")
    assert FIRST_RUN_HINT in [toast.text for toast in d.session.toasts.visible], "nothing was dragged"
    d.drag(60, 200, 20, 0)
    assert FIRST_RUN_HINT not in [toast.text for toast in d.session.toasts.visible]


# ---- mouse ----


@check
def the_mouse_moves_the_camera_but_not_over_the_panel(d: Driver) -> None:
    poses = [d.session.pose]
    for button, modifiers in ((LEFT, 0), (MIDDLE, 0), (LEFT, SHIFT), (RIGHT, 0), (0, 0)):
        if button:
            d.drag(60, 200, 50, 20, button, modifiers)
        else:
            d.scroll(60, 200, 2)
        assert d.session.pose not in poses
        poses.append(d.session.pose)
    x = d.wnd.width - 60
    d.scroll(x, 300, 3)
    d.drag(x, 350, -300, -100)
    d.drag(x, 300, -400, 0, button=RIGHT)
    assert d.session.pose == poses[-1], "over the panel, or dragged from there, nothing moves the camera"


@check
def the_divider_is_dragged(d: Driver) -> None:
    width = d.session.size[0]
    divider, pose = d.session.display.divider_px(width), d.session.pose
    d.drag(divider, 100, 60, 0)
    assert d.session.display.divider_px(width) == divider + 60 and d.session.pose == pose


@check
def the_edge_of_the_panel_is_dragged(d: Driver) -> None:
    edge, pose, cursor = d.session.size[0], d.session.pose, d.viewer.input._cursor
    d.move_mouse(edge - 60, 300)
    assert cursor.shape == ""
    d.move_mouse(edge + 1, 300)
    assert cursor.shape == "resize"
    d.drag(edge + 1, 300, 21, 0)
    d.run_frames(2)
    assert d.session.size[0] == edge + 22 and d.session.pose == pose
    assert Preferences(Path("state")).panel_width == d.panel.width == d.wnd.width - edge - 22
    d.wait_idle()
    result = d.session.renders["B"].result
    assert result and result.display.size[0] == edge + 22, "images have the size of what is left"
    d.drag(edge + 22, 300, -22, 0)
    assert d.session.size[0] == edge


@check
def a_click_outside_closes_the_help(d: Driver) -> None:
    press(d, "help")
    d.run_frames(3)
    rect = d.panel._help_rect
    assert rect and rect[1] > 2, "there is an outside"
    pose, size = d.session.pose, d.session.size
    d.scroll(d.wnd.width / 2, d.wnd.height / 2, -3)
    assert d.session.pose == pose and d.panel.is_help_open
    d.drag(rect[0] / 2, 1, 30, 20)
    assert not d.panel.is_help_open and d.session.pose == pose, "the click does nothing else"
    press(d, "help")
    d.run_frames(3)
    d.press_key("ESCAPE")
    assert not d.panel.is_help_open and d.session.size == size


# ---- panel ----


@check
def panel_views_and_slots(d: Driver) -> None:
    for name, view in zip(("A", "B", "split", "side", "diff", "error"), VIEWS, strict=True):
        d.click_item(f"view {name}")
        assert d.session.display.view == view
    d.click_item("view split")
    d.click_item("copy swap")
    techniques = d.session.slots.techniques
    assert techniques["A"].group == "ssdo"
    d.click_item("copy A = B")
    assert techniques["A"] == techniques["B"]
    d.session.reference_enabled = False
    d.wait_idle()
    d.session.display.view = "difference"
    d.wait_idle()
    assert not read_image(d).any(), "equal slots have no difference"


@check
def panel_modes(d: Driver) -> None:
    for slot in PAIR:
        d.click_item(f"tab {slot}")
        for label in MODE_LABELS:
            d.click_item(f"mode {slot} {label}")
            assert d.session.slots.mode_label(slot) == label
        d.click_item(f"mode {slot} SSDO")


@dataclass(frozen=True)
class UninspectableTechnique(SliceTechnique):
    """A technique of a plug-in, which cannot be inspected."""

    label: ClassVar[str] = "PLUG-IN"

    def draw(self, gpu: Gpu, inputs: TechniqueInputs) -> Lighting:
        return Off().draw(gpu, inputs)


del Technique.known[UninspectableTechnique.group]  # only one check registers it
PLUG_IN_KEY = len(Technique.all_modes()) + 1  # the first free key


@check
def panel_offers_a_plug_in_technique(d: Driver) -> None:
    """It has a button and a free key, and a message instead of its samples."""
    Technique.known[UninspectableTechnique.group] = UninspectableTechnique
    d.session.slots.last_used[UninspectableTechnique.group] = UninspectableTechnique()
    try:
        d.click_item("tab B")
        d.click_item("mode B PLUG-IN")
        assert isinstance(d.session.slots.techniques["B"], UninspectableTechnique)
        d.press_key("NUMBER_1")
        d.press_key(f"NUMBER_{PLUG_IN_KEY}")
        assert isinstance(d.session.slots.techniques["B"], UninspectableTechnique)
        d.wait_idle()
        d.move_mouse(250, 240)
        press(d, "inspect")
        d.run_frames(3)
        section = d.panel.pixel
        assert section.values and section.inspection is None and section.message == "PLUG-IN cannot be inspected"
        press(d, "inspect")
    finally:
        del Technique.known[UninspectableTechnique.group], d.session.slots.last_used[UninspectableTechnique.group]


def find_row_names(d: Driver) -> list[str]:
    """Dotted names of the parameters in the panel."""
    d.run_frames(3)
    return [name.removeprefix("row ") for name in d.panel.widgets.item_rects if name.startswith("row ")]


@check
def panel_every_parameter(d: Driver) -> None:
    """Each slider is dragged and each box ticked; a right click resets it."""
    press(d, "view B")
    for section in ("Camera", "Sky", "Sun", "Lights", "Denoise"):
        d.click_item(f"section {section}")
    rows = find_row_names(d)
    groups = {name.partition(".")[0] for name in rows}
    assert rows.count("probes.enabled") == 1  # with the technique's parameters, not with those of the probes
    expected_groups = {"ssdo", "probes", "camera", "sky", "sun", "lights", "denoise", "display"}
    plain = {"ground", "background", "background_color", "material_override", "occlusion_maps", "antialias"}
    assert groups == expected_groups | plain, groups
    row_count = 0
    for name in rows:
        _, _, f, old_value = next(row for row in d.session.shot("B").walk() if row[0] == name)
        param, kind = param_of(f), type(f.default if f.default is not None else old_value)
        _, y = d.find_item(f"row {name}")
        x_min, _, x_max, _ = d.panel.widgets.item_rects[f"row {name}"]
        is_color = param.min == 0 and param.max == 1 and "color" in name
        if param.choices or is_color:
            continue
        if kind is bool:
            d.click(x_min + 10, y)
        else:
            d.drag(x_min + 0.25 * (x_max - x_min), y, 0.5 * (x_max - x_min), 0, steps=2)
        assert read_value(d, name) != old_value, f"{name} did not change: {old_value}"
        d.click_item(f"row {name}", button=RIGHT)
        assert read_value(d, name) == f.default, f"{name} was not reset to {f.default}"
        row_count += 1
    assert row_count >= 18


@check
def numbers_stand_beside_their_sliders(d: Driver) -> None:
    """The handle never covers a number, and the number does not move while the handle does."""
    press(d, "view B")
    d.run_frames(2)
    rects = d.panel.widgets.item_rects
    names = [name.removeprefix("number ") for name in rects if name.startswith("number ")]
    assert {"ssdo.radius", "ssdo.samples", "ssdo.bias", "display.exposure"} <= set(names)
    for name in names:
        slider, number = rects[f"row {name}"], rects[f"number {name}"]
        end = rects[f"auto {name}"][0] if f"auto {name}" in rects else rects["row ssdo.visibility"][2] + 1
        assert slider[2] < number[0] and number[2] <= end, name
        assert slider[1] == number[1] and slider[2] - slider[0] > 35, name
    low, y, high, _ = d.panel.widgets.item_rects["row ssdo.bias"]
    _, y = d.find_item("row ssdo.bias")
    d.move_mouse(low + 4, y)
    d.wnd.dispatch_event("on_mouse_press", int(low + 4), d.wnd.height - int(y), LEFT, 0)
    numbers, values = [], []
    for step in range(5):
        x = low + 4 + step * (high - low - 8) / 4
        d.wnd.dispatch_event("on_mouse_drag", int(x), d.wnd.height - int(y), 1, 0, LEFT, 0)
        d.run_frames(3)
        left, top, right, bottom = (int(edge) for edge in d.panel.widgets.item_rects["number ssdo.bias"])
        pixels = d.draw_pixels()[top:bottom, left:right].astype(int)
        assert (pixels[..., 2] - pixels[..., 0]).max() < 40, "no part of the blue handle"
        assert pixels.max() > 180, "a bright number"
        numbers.append((left, right))
        values.append(read_value(d, "ssdo.bias"))
    d.wnd.dispatch_event("on_mouse_release", int(x), d.wnd.height - int(y), LEFT, 0)
    assert len(set(numbers)) == 1 and sorted(set(values)) == values, (numbers, values)


@check
def names_fit_their_column(d: Driver) -> None:
    """Each word in the panel's width, and in that of the window, where names are cut by nothing."""
    d.run_frames()
    shots = [d.session.shot("B").with_values({"technique": name}) for name in Technique.known]
    names = {name.rpartition(".")[2] for shot in shots for name, *_ in shot.walk()}
    assert len(names) > 60
    column = LABEL_WIDTH * DEFAULT_PANEL_WIDTH - imgui.get_style().window_padding.x - 4
    too_wide = {word for name in names for word in name.split("_") if imgui.calc_text_size(word).x > column}
    assert not too_wide, too_wide
    for name in find_row_names(d):
        if f"label {name}" in d.panel.widgets.item_rects:
            label, row = d.panel.widgets.item_rects[f"label {name}"], d.panel.widgets.item_rects[f"row {name}"]
            assert label[2] <= row[0] and label[0] >= d.session.size[0], name


@check
def numbers_are_typed(d: Driver) -> None:
    press(d, "view B")

    def type_number(text: str, key: str = "ENTER", ctrl: bool = False) -> Any:
        place = d.find_item("row ssdo.bias" if ctrl else "number ssdo.bias")
        if ctrl:
            d.press_key("LEFT_CTRL", release=False)
        d.click(*place, modifiers=CTRL if ctrl else 0)
        d.release_key("LEFT_CTRL")
        d.type_text(text)
        d.press_key(key)
        d.run_frames(2)
        assert not d.panel.is_typing
        return read_value(d, "ssdo.bias")

    mode = d.session.slots.mode_label("B")
    assert type_number("0.05") == 0.05
    assert d.session.slots.mode_label("B") == mode, "digits that are typed are no keys"
    assert type_number("0.06", ctrl=True) == 0.06
    assert type_number("-") == 0.06, "no number"
    assert type_number("1", key="ESCAPE") == 0.06
    assert type_number("1", key="ESCAPE", ctrl=True) == 0.06, "the click moves no handle"
    assert type_number("9e9") == max_value(d, "ssdo.bias")
    d.click(*d.find_item("number ssdo.samples"))
    d.type_text("12")
    d.click_item("tab B" if "tab B" in d.panel.widgets.item_rects else "mode B SSDO")
    assert read_value(d, "ssdo.samples") == 12, "a click elsewhere takes the number"
    assert d.session.slots.techniques["B"].values().get("radius") is None
    d.click_item("number ssdo.radius")
    d.press_key("ESCAPE")
    d.run_frames(2)
    assert d.session.slots.techniques["B"].values().get("radius") is None, "an automatic value stays"
    d.click_item("number ssdo.bias", button=RIGHT)
    d.click_item("row ssdo.samples", button=RIGHT)
    for name in ("ssdo.bias", "ssdo.samples"):
        field = next(row[2] for row in d.session.shot("B").walk() if row[0] == name)
        assert read_value(d, name) == field.default


def max_value(d: Driver, name: str) -> Any:
    return param_of(next(row[2] for row in d.session.shot("B").walk() if row[0] == name)).max


def read_value(d: Driver, name: str) -> Any:
    """Value of a parameter of B, by dotted name."""
    return next(row for row in d.session.shot("B").walk() if row[0] == name)[3]


@check
def panel_links_and_searches(d: Driver) -> None:
    slots = d.session.slots
    d.click_item("tab B")
    assert slots.is_linked("ssdo.radius")
    d.click_item("label ssdo.radius")
    assert not slots.is_linked("ssdo.radius")
    d.click_item("label ssdo.radius")
    assert slots.is_linked("ssdo.radius")
    d.click_item("search")
    d.type_text("exposure")
    d.run_frames(4)
    assert find_row_names(d) == ["display.exposure"], find_row_names(d)
    d.press_key("A", CTRL)
    d.press_key("BACKSPACE")
    d.run_frames(4)
    assert len(find_row_names(d)) > 8
    d.press_key("ESCAPE")


@check
def panel_measurements(d: Driver) -> None:
    experiments = d.panel.experiments
    d.click_item("reference")
    assert d.session.reference_enabled
    d.wait_until(lambda: d.session.renders["reference"].convergence.frame_count > 4, "reference")
    d.click_item("pass B ssdo:indirect")
    assert d.session.display.buffer == f"ssdo.indirect{TARGET_SUFFIX}"
    d.session.display.buffer = FINAL_IMAGE
    d.click_item("experiments rotate environment")
    experiment = experiments.current
    assert experiment
    d.wait_until(lambda: len(experiment.curves["B"]) > 3, "fourth step")
    d.click_item("experiments stop")
    assert experiment.is_done and d.session.slots.shared.sky.rotation == 0
    d.click_item("inspect")
    assert d.panel.pixel.is_enabled
    d.click_item("inspect")
    d.click_item("reference")


@check
def panel_items_keep_their_place(d: Driver) -> None:
    """While the resolution changes, passes come and go, and errors are measured."""
    d.session.change({"sun.irradiance": 2.0})
    d.wait_idle()
    d.click_item("reference")
    names = ("experiments rotate environment", "section Scene")
    positions = set()
    for irradiance in (1.0, 3.0, 0.0, 2.0):
        d.session.change({"sun.irradiance": irradiance})
        for _ in range(12):
            d.run_frames()
            positions.add(tuple(d.panel.widgets.item_rects[name] for name in names))
    for label in ("off", "GTAO", "SSAO"):
        d.session.choose_mode("A", label)
        for _ in range(12):
            d.run_frames()
            positions.add(tuple(d.panel.widgets.item_rects[name] for name in names))
    assert len(positions) == 1, positions
    d.click_item("experiments rotate environment")
    d.find_item("experiments stop")
    positions.clear()
    for _ in range(12):
        d.run_frames()
        positions.add(tuple(d.panel.widgets.item_rects[name] for name in (*names, "experiments stop")))
    d.click_item("experiments stop")
    assert len(positions) == 1, positions


@check
def pass_list_is_collapsed(d: Driver) -> None:
    """It gives its height to what is below; the totals stay."""
    d.find_item("pass times")
    rects = d.panel.widgets.item_rects
    list_top, list_bottom = rects["pass list"][1], rects["pass list"][3]
    below = rects["section Scene"][1]
    assert any(name.startswith("pass shared ") for name in rects)
    d.click_item("pass times")
    d.run_frames(2)
    rects = d.panel.widgets.item_rects
    assert not any(name.startswith("pass ") and name != "pass times" for name in rects)
    assert below - rects["section Scene"][1] >= list_bottom - list_top
    d.click_item("pass times")
    d.run_frames(2)
    assert d.panel.widgets.item_rects["section Scene"][1] == below


@check
def experiments_explain_themselves(d: Driver) -> None:
    """Legend, explanation and outcome lie within the panel; the mouse shows values; Escape restores everything."""
    section, state = d.panel.experiments, d.session.slots.state()
    d.click_item("experiments radius")
    assert section.current
    section.current.steps = section.current.steps[:2]
    d.wait_until(lambda: section.current and section.current.is_done, "end of the experiment")
    d.run_frames(3)
    assert d.session.slots.state() == state and d.session.message == "radius sweep: done"
    rects = d.panel.widgets.item_rects
    left, right = d.panel.viewport_size(d.viewer.wnd)[0], d.wnd.width
    names = ("legend A: SSAO", "legend B: SSDO", "experiment", "experiment explanation", "experiment outcome")
    for name in names:
        assert left < rects[name][0] < rects[name][2] < right, (name, rects[name])
    for above, below in itertools.pairwise(names[1:]):
        assert rects[above][3] <= rects[below][1], f"{below} is not below {above}"
    x, y = d.find_item("experiment")
    x_min, y_min, x_max, y_max = (round(n) for n in d.panel.widgets.item_rects["experiment"])
    plot = slice(y_min, y_max), slice(x_min, x_max)
    d.move_mouse(5, 5)
    old = d.draw_pixels()[plot]
    assert np.array_equal(d.draw_pixels()[plot], old), "nothing but the mouse changes the plot"
    d.move_mouse(x, y)
    d.wait_until(lambda: not np.array_equal(d.draw_pixels()[plot], old), "values under the mouse", 5.0)
    d.click_item("experiment save CSV")
    assert Path("captures/corner-radius-sweep.csv").exists()
    d.click_item("experiments samples")
    d.run_frames(2)
    assert section.is_running and d.session.slots.state() != state
    d.session.toasts.dismiss_all()  # which Escape would close first
    press(d, "close")
    assert not section.is_running and d.session.slots.state() == state


@check
def plots_keep_curves_and_numbers_inside(d: Driver) -> None:
    """No curve touches the frame, and no number lies outside of the plot."""
    d.click_item("experiments radius")
    current = d.panel.experiments.current
    assert current
    current.steps = current.steps[:3]
    d.wait_until(lambda: current.is_done, "end of the experiment")
    x_center, _ = d.find_item("experiment")
    x_min, y_min, x_max, y_max = (round(n) for n in d.panel.widgets.item_rects["experiment"])
    pixels = d.draw_pixels().astype("f8")
    for slot in PAIR:
        is_curve = np.abs(pixels - 255 * np.array(SLOT_COLORS[slot][:3])).max(-1) < 3
        rows, columns = np.nonzero(is_curve[y_min:y_max, x_min:x_max])
        assert rows.size > 20, "the curve is seen"
        assert rows.min() >= 4 and columns.max() < x_max - x_min - 4
        assert rows.max() < y_max - y_min - 20, "above the numbers"
    beside = pixels[y_min:y_max, [x_min - 2, x_max + 2]]
    assert np.ptp(beside, axis=(0, 1)).max() == 0, "a number is cut off"
    assert x_min < x_center < x_max


@check
def panel_scene_and_state(d: Driver) -> None:
    slots = d.session.slots
    d.click_item("list scene")
    assert d.panel.covers(d.wnd.width - 50, 300)
    d.press_key("ESCAPE")
    d.click_item("path")
    d.type_text("corner:distance=0.3")
    d.press_key("ENTER")
    d.wait_until(lambda: slots.shared.scene == "corner:distance=0.3", "scene")
    d.click_item("path")
    d.press_key("A", CTRL)
    d.type_text("nowhere")
    d.press_key("ENTER")
    d.wait_until(lambda: "no scene nowhere" in d.session.error, "message")
    assert slots.shared.scene == "corner:distance=0.3"
    d.click_item("window theme")
    light_theme = d.draw_pixels()[:, -200:].mean()
    d.click_item("window theme")
    assert light_theme > 1.5 * d.draw_pixels()[:, -200:].mean()
    d.session.change({"display.exposure": 1.0})
    d.wait_idle()
    d.click_item("toolbar Undo")
    assert slots.shared.display.exposure == 0
    d.click_item("toolbar Redo")
    assert slots.shared.display.exposure == 1.0


@check
def scenes_are_listed_by_group(d: Driver) -> None:
    """With a line for each, beside its name, which a click loads."""
    d.viewer.preferences.recent_scenes = ["models/a-file.glb", "corner"]
    d.click_item("list scene")
    d.run_frames(3)
    rects = dict(d.panel.widgets.item_rects)
    listed = [name.removeprefix("scene ") for name in rects if name.startswith("scene ")]
    assert listed == [*BUILT_IN_SCENES, "models/a-file.glb"]
    for name in BUILT_IN_SCENES:
        (left, top, right, bottom), text = rects[f"scene {name}"], rects[f"description {name}"]
        assert left + 40 < text[0] < text[2] <= right <= d.wnd.width and top <= text[1] < text[3] <= bottom, name
    gaps = {
        second: rects[f"scene {second}"][1] - rects[f"scene {first}"][3] for first, second in itertools.pairwise(listed)
    }
    firsts = {next(iter(names)) for names in SCENE_GROUPS.values()} - {"courtyard"} | {"models/a-file.glb"}
    assert {name for name, gap in gaps.items() if gap > 12} == firsts, gaps
    d.move_mouse(*d.get_item_center("scene courtyard"))
    d.click(*d.get_item_center("scene nook"))
    d.wait_until(lambda: d.session.slots.shared.scene == "nook", "scene")


@check
def panel_loads_a_preset(d: Driver) -> None:
    """B gets the values of its technique."""
    preset = parse_toml(presets.built_in_presets()["ultra"].read_text("utf-8"), "ultra")
    d.click_item("toolbar Preset")
    d.click(*d.get_item_center("preset ultra"))
    d.wait_until(lambda: d.session.shot("B").values()["ssdo.samples"] == preset["ssdo.samples"], "preset")
    expected = {name: value for name, value in preset.items() if name.startswith("ssdo.")}
    values = d.session.shot("B").values()
    assert {name: values[name] for name in expected} == expected
    assert not d.session.error


# ---- responsiveness and errors ----


@check
def sliders_never_compile(d: Driver) -> None:
    """Samples over their whole range, and other numbers of the technique."""
    d.click_item("tab B")
    d.wait_idle()
    program_count = len(d.session.gpu.shaders.programs)
    for name in ("ssdo.samples", "ssdo.steps", "ssdo.radius", "ssdo.bias", "ssdo.thickness"):
        _, y = d.find_item(f"row {name}")
        x_min, _, x_max, _ = d.panel.widgets.item_rects[f"row {name}"]
        d.drag(x_min + 3, y, x_max - x_min - 6, 0, steps=12)
        d.drag(x_max - 3, y, x_min - x_max + 6, 0, steps=12)
    assert len(d.session.gpu.shaders.programs) == program_count


@check
def a_key_changes_the_image_in_one_frame(d: Driver) -> None:
    d.session.reference_enabled = False
    press(d, "view B")
    d.wait_idle()
    old = read_image(d)
    d.wnd.dispatch_event("on_key_press", d.key_codes.NUMBER_1, 0)
    d.wnd.dispatch_events()  # of earlier actions
    d.viewer.update()
    assert not np.array_equal(d.read_pixels()[IMAGE_ROWS, : old.shape[1]], old)
    d.release_key("NUMBER_1")


@check
def sizes_and_minimising(d: Driver) -> None:
    for size in ((300, 200), (1, 1), (1000, 700), (17, 300), (560, 400)):
        d.wnd.set_size(*size)
        d.wait_until(lambda size=size: tuple(d.viewer.wnd.size) == size, f"size {size}")  # type: ignore[misc]
        d.run_frames(3)
    d.wait_idle()
    d.wnd.dispatch_event("on_hide")
    d.wnd.dispatch_events()
    draw_count = d.session.scheduler.draw_count
    d.session.change({"ssdo.samples": 5})
    d.run_frames(5)
    assert d.session.scheduler.draw_count == draw_count, "a minimised window is not drawn"
    d.wnd.dispatch_event("on_show")
    d.run_frames(5)
    assert d.session.scheduler.draw_count > draw_count
    d.wait_idle()
    assert read_image(d).any()


@check
def a_broken_shader_keeps_the_image(d: Driver) -> None:
    gpu = d.session.gpu
    press(d, "view B")
    d.wait_idle()
    old = read_image(d)
    broken_shaders = Path("broken")
    (broken_shaders / "passes").mkdir(parents=True)
    (broken_shaders / "passes/composite.frag").write_text("this is no shader\n")
    folders, gpu.shaders.folders = gpu.shaders.folders, (broken_shaders, *gpu.shaders.folders)
    press(d, "reload")
    assert d.session.error.startswith("shaders/passes/composite.frag:1")
    d.wait_idle()
    assert np.array_equal(read_image(d), old)
    gpu.shaders.folders = folders
    press(d, "reload")
    assert not d.session.error


@check
def the_divider_lights_up_under_the_mouse(d: Driver) -> None:
    d.wait_idle()
    divider = int(d.session.display.divider_px(d.session.size[0]))
    rows, columns = slice(d.wnd.height // 2 - 16, d.wnd.height // 2 + 16), slice(divider - 16, divider + 16)
    counts = []
    for x in (divider - 60, divider + 7, divider + 60):
        d.move_mouse(x, 100)
        counts.append(int((d.draw_pixels()[rows, columns].min(-1) > 250).sum()))
    assert counts[1] > 300 and counts[0] == counts[2] < counts[1] / 2, counts


class MouseWithinFrames:
    """Moves the mouse while a frame is drawn, to a place each time that the viewer looks for events.

    `pictures`: what the window shows meanwhile.
    """

    def __init__(self, d: Driver, places: list[tuple[float, float]]) -> None:
        self.d, self.places = d, itertools.cycle(places)
        self.pictures: list[Bytes] = []
        self._limits = [
            (context, "BAND_SECONDS", 2e-3),
            (render_scheduler, "UNINTERRUPTED_MS", -1.0),
            (render_scheduler, "ONCE_INTERRUPTED_MS", -1.0),
            (main_loop, "REDRAW_INTERVAL", 0.0),
            (viewer_input, "dispatch_events", self._dispatch),
            (d.viewer.wnd, "swap_buffers", lambda: self.pictures.append(d.read_pixels())),
        ]

    def _dispatch(self, _: Any) -> None:
        x, y = next(self.places)
        self.d.wnd.dispatch_event("on_mouse_motion", int(x), int(self.d.wnd.height - y), 1, 1)
        self.d.wnd.dispatch_events()

    def draw_frame(self) -> bool:
        """Draw one frame of the viewer. Returns whether it was complete."""
        old = [(module, name, getattr(module, name)) for module, name, _ in self._limits]
        scheduler = self.d.session.scheduler
        count = scheduler.draw_count
        try:
            for module, name, value in self._limits:
                setattr(module, name, value)
            self.d.viewer.update()
        finally:
            for module, name, value in old:
                setattr(module, name, value)
            del self.d.viewer.wnd.swap_buffers
        return scheduler.draw_count > count


@check
def the_panel_answers_the_mouse_within_a_frame(d: Driver) -> None:
    """The buttons under it light up, over the last view, and the frame is not left. Over the image nothing is drawn."""
    d.session.reference_enabled = False
    press(d, "view B")
    d.find_item("view diff")
    d.move_mouse(60, 200)
    d.wait_idle()
    last_view, width = d.draw_pixels()[IMAGE_ROWS, : d.session.size[0]], d.session.size[0]
    centers = [d.get_item_center(f"view {name}") for name in ("side", "diff")]
    d.session.change({"ssdo.samples": 6})
    mouse = MouseWithinFrames(d, centers)
    assert mouse.draw_frame(), "the frame is complete"
    assert len(mouse.pictures) > 4
    for picture in mouse.pictures:
        assert np.array_equal(picture[IMAGE_ROWS, :width], last_view)
    left, top, _, _ = map(int, d.panel.widgets.item_rects["view diff"])
    values = {int(picture[top + 3, left + 4].astype(int).sum()) for picture in mouse.pictures[2:]}
    assert len(values) == 2, "lit in every other picture"
    d.move_mouse(60, 200)
    d.wait_idle()
    new_view = d.draw_pixels()[IMAGE_ROWS, :width]
    assert not np.array_equal(new_view, last_view)
    d.session.change({"ssdo.samples": 5})
    d.wait_idle()
    d.session.change({"ssdo.samples": 6})
    over_image = MouseWithinFrames(d, [(60, 200), (61, 220)])
    assert over_image.draw_frame() and not over_image.pictures
    d.wait_idle()
    assert np.array_equal(d.draw_pixels()[IMAGE_ROWS, :width], new_view), "the frame was drawn as without a mouse"


def reset(d: Driver, initial_state: Any) -> None:
    """Restore the settings of the start."""
    session, section = d.session, d.panel.pixel
    session.slots.restore(initial_state)
    session.display = DisplayState(view="split")
    session.reference_enabled, session.slots.budget = False, "samples"
    session.toasts.items.clear()
    section.is_enabled, section.pinned = False, None
    d.panel.context.search_text = ""
    for path in Path("captures").glob("*.*"):
        path.unlink()
    d.wait_idle()


def main() -> int:
    os.chdir(sys.argv[1])
    has_failed = False
    selected_checks = [function for function in CHECKS if not sys.argv[2:] or function.__name__ in sys.argv[2:]]
    d = Driver(Path("state"), START)
    initial_state = d.session.slots.state()
    for function in selected_checks:
        error, start = "", time.monotonic()
        try:
            reset(d, initial_state)
            function(d)
            assert d.session.gpu.ctx.error == "GL_NO_ERROR"
        except Exception:
            error, has_failed = traceback.format_exc(), True
            d.press_key("ESCAPE")
        seconds = round(time.monotonic() - start, 1)
        print(json.dumps({"check": function.__name__, "seconds": seconds, "error": error}), flush=True)
    d.close()
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main())
