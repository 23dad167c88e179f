"""What a hand does in the viewer's window, key by key and group by group. Run in a process of its own, under a display:

python tests/ui_checks.py FOLDER [CHECK ...]        every check, or some; a line of JSON for each: its name, and what went wrong or ""
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ssdo.render import presets
from ssdo.settings import param_of, parse_toml
from ssdo.viewer import keys
from ssdo.viewer.buffers import LADDER, MARK
from ssdo.viewer.display_state import VIEWS, Look
from ssdo.viewer.history import PAUSE
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.session import MODE_NAMES, MODES
from ui_driver import ALT, CTRL, SHIFT, Driver

START: dict[str, Any] = {
    "scene": "ball",
    "environment": "ramp-x",
    "technique": "ssdo",
    "ssdo.samples": 4,
    "ssdo.steps": 4,
} | {
    "denoise.radius": 0,
    "sun.resolution": 256,
}
ROWS = slice(50, 260)
PRESSED: set[str] = set()  # actions of keys that a check has tried

Check = Callable[[Driver], None]
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def press(d: Driver, action: str) -> None:
    """The key of an action, as the table has it."""
    key = next(k for k in keys.KEYS if k.action == action)
    PRESSED.add(action)
    if key.characters:
        d.type(key.characters[0])
    else:
        d.key(key.names[0], SHIFT * key.shift | CTRL * key.ctrl | ALT * key.alt)


def picture(d: Driver) -> Any:
    """What is seen beside the panel, above the status line and the messages, below the labels."""
    return d.pixels()[ROWS, : int(d.session.look.free * d.wnd.width) - 10]


def changes(d: Driver, act: Callable[[], None], other: Callable[[Driver], Any] = picture) -> None:
    before = other(d)
    act()
    d.until(lambda: not np.array_equal(other(d), before), "a change")


# ---- keys ---------------------------------------------------------------------------------------------------------------


@check
def keys_choose_techniques(d: Driver) -> None:
    words: dict[Slot, str] = {"B": "right", "A": "left"}
    for slot, word in words.items():
        looks = []
        for number in range(1, len(MODES) + 1):
            press(d, f"{word} {number}")
            assert d.session.mode(slot) == number
            d.rest()
            looks.append(picture(d))
        assert all(not np.array_equal(a, b) for i, a in enumerate(looks) for b in looks[:i])


@check
def keys_choose_views(d: Driver) -> None:
    looks = {}
    press(d, "view A")
    for action in ("split", "view side by side", "view A", "view B", "view difference", "view error"):
        press(d, action)
        d.rest()
        view = action.removeprefix("view ")
        assert d.session.look.view == view and view in VIEWS
        if view == "error":
            d.until(lambda: d.session.sides["truth"].growth.frames > 3, "the truth")
        looks[view] = picture(d)
    assert all(not np.array_equal(looks[a], looks[b]) for i, a in enumerate(looks) for b in list(looks)[:i])
    gains = []
    for _ in range(4):
        press(d, "view difference")
        gains.append(d.session.look.gain)
    assert gains == [1, 10, 100, 1]


@check
def key_holds_the_other(d: Driver) -> None:
    press(d, "view A")
    d.rest()
    a = picture(d)
    PRESSED.add("flip")
    d.key("TAB", release=False)
    d.rest()
    assert not np.array_equal(picture(d), a) and d.session.look.flipped
    d.release("TAB")
    d.rest()
    assert np.array_equal(picture(d), a)


@check
def keys_change_samples_and_slots(d: Driver) -> None:
    press(d, "more")
    assert [t.values()["samples"] for t in d.session.techniques.values()] == [32, 8]
    press(d, "fewer")
    assert [t.values()["samples"] for t in d.session.techniques.values()] == [16, 4]
    groups = [t.group for t in d.session.techniques.values()]
    changes(d, lambda: press(d, "exchange"))
    assert [t.group for t in d.session.techniques.values()] == groups[::-1]


@check
def key_halves_the_light(d: Driver) -> None:
    press(d, "view B")
    d.rest()
    whole = picture(d)
    changes(d, lambda: press(d, "half"))
    d.rest()
    p = d.session.sides["B"].picture
    assert p and p.lit_view.size[0] == (p.display.size[0] + 1) // 2 and "half resolution" in d.session.status()
    press(d, "half")
    d.rest()
    assert np.array_equal(picture(d), whole) and "half" not in d.session.status()


@check
def keys_show_buffers_and_the_truth(d: Driver) -> None:
    for number in range(len(LADDER)):
        press(d, "climb")
        assert d.session.look.buffer == LADDER[number]
    press(d, "descend")
    assert d.session.look.buffer == LADDER[-2]
    seen = set()
    for _ in range(40):
        press(d, "next buffer")
        seen.add(d.session.look.buffer)
    assert set(LADDER) < seen and any(name.endswith(MARK) for name in seen)
    at = d.session.look.buffer
    press(d, "previous buffer")
    press(d, "next buffer")
    assert d.session.look.buffer == at
    press(d, "picture")
    assert d.session.look.buffer == "picture"
    press(d, "truth")
    d.until(lambda: d.session.sides["truth"].growth.frames > 4, "the truth")
    d.until(lambda: d.panel.moments[-1].errors.keys() == {"A", "B"}, "errors")
    press(d, "truth")
    assert not d.session.truth


@check
def keys_inspect_a_pixel(d: Driver) -> None:
    d.move(250, 240)
    press(d, "inspect")
    assert d.panel.inspects and d.panel.cursor and d.panel.cursor.pixel == (250, 240) and d.panel.probe
    assert d.panel.probed == "B"
    d.move(60, 240)
    assert d.panel.cursor and d.panel.cursor.pixel == (60, 240) and str(d.panel.probed) == "A", (
        "the side that is under the mouse"
    )
    press(d, "pin")
    d.move(200, 200)
    assert d.panel.cursor and d.panel.cursor.pixel == (60, 240)
    press(d, "pin")
    d.move(200, 200)
    assert d.panel.cursor and d.panel.cursor.pixel == (200, 200)
    d.move(d.wnd.width - 20, 300)
    assert d.panel.cursor is None, "over the panel there is no pixel"
    press(d, "inspect")


@check
def keys_keep_cameras(d: Driver) -> None:
    start = d.session.pose
    press(d, "keep 1")
    d.drag(60, 200, 60, 30)
    moved = d.session.pose
    assert moved != start
    press(d, "keep 2")
    press(d, "recall 1")
    assert d.session.pose == start
    press(d, "recall 2")
    assert np.allclose(d.session.pose.eye, moved.eye)
    press(d, "recall 7")
    assert "no camera 7" in d.session.note
    for number in (3, 4, 5, 6, 7, 8, 9):
        press(d, f"keep {number}")
        press(d, f"recall {number}")
    press(d, "frame")
    assert d.session.base.camera.eye is None
    press(d, "frame")
    assert d.session.base.camera.eye is not None


@check
def keys_undo(d: Driver) -> None:
    time.sleep(PAUSE)  # what follows sooner is of one step with what came before
    d.turns()
    before = d.session.state()
    press(d, "left 1")
    d.rest()
    after = d.session.state()
    press(d, "undo")
    assert d.session.state() == before
    press(d, "redo")
    assert d.session.state() == after
    d.key("Z", CTRL)
    d.key("Z", CTRL | SHIFT)
    assert d.session.state() == after


@check
def keys_save_copy_and_paste(d: Driver) -> None:
    d.rest()
    state, seen = d.session.state(), picture(d)
    press(d, "copy state")
    press(d, "save state")
    (path,) = Path("captures").glob("*-state.toml")
    d.session.choose_mode("B", 1)
    d.session.change({"display.exposure": 2.0})
    d.drag(60, 200, 60, 30)
    press(d, "paste state")
    assert d.session.state() == state
    d.rest()
    assert np.array_equal(picture(d), seen)
    d.session.choose_mode("B", 1)
    d.wnd.dispatch_event("on_file_drop", 10, 10, [str(path)])
    d.until(lambda: d.session.state() == state, "the dropped state")
    path.unlink()
    path.write_text("nonsense = = 3")
    d.wnd.dispatch_event("on_file_drop", 10, 10, [str(path)])
    d.until(lambda: "not TOML" in d.session.error, "a message")
    assert d.session.state() == state


@check
def keys_save_pictures(d: Driver) -> None:
    press(d, "screenshot")
    assert len(list(Path("captures").glob("*.png"))) == 3
    before = d.session.state()
    press(d, "turntable")
    d.until(lambda: "turntable: 2 of" in d.session.note, "two frames")
    d.key("ESCAPE")
    assert d.session.state() == before and not list(Path("captures").glob("*.webp"))
    press(d, "report")
    assert d.config.task is not None
    d.until(lambda: "report: 1 s" in d.session.note, "a second of the report")
    d.key("ESCAPE")
    assert d.config.task.done and not list(Path("captures").glob("*-report*/index.html"))


@check
def keys_of_the_window(d: Driver) -> None:
    changes(d, lambda: press(d, "help"))
    changes(d, lambda: press(d, "close"))
    assert not d.panel.help
    whole = d.pixels()
    press(d, "panel")
    assert d.session.look.free == 1.0 and not np.array_equal(d.pixels()[:, -200:], whole[:, -200:])
    press(d, "panel")
    press(d, "reload")
    assert d.session.note == "shaders compiled again"
    press(d, "play")
    assert "nothing moves in ball" in d.session.note
    press(d, "play")
    press(d, "quit")
    assert d.config.quit
    d.config.quit = False


@check
def every_key_was_pressed(d: Driver) -> None:
    wanted = {key.action for key in keys.KEYS if key.action}
    assert not wanted - PRESSED, f"not tried: {sorted(wanted - PRESSED)}"


# ---- mouse --------------------------------------------------------------------------------------------------------------


@check
def the_mouse_moves_the_camera_and_the_panel_keeps_it(d: Driver) -> None:
    poses = [d.session.pose]
    for button, modifiers in ((1, 0), (2, 0), (1, SHIFT), (4, 0), (0, 0)):
        if button:
            d.drag(60, 200, 50, 20, button, modifiers)
        else:
            d.wheel(60, 200, 2)
        assert d.session.pose not in poses
        poses.append(d.session.pose)
    x = d.wnd.width - 60
    d.wheel(x, 300, 3)
    d.drag(x, 350, -300, -100)
    d.drag(x, 300, -400, 0, button=4)
    assert d.session.pose == poses[-1], "over the panel, or begun there, nothing moves the camera"


@check
def the_divider_is_dragged(d: Driver) -> None:
    at = d.session.look.at(d.session.size[0])
    pose = d.session.pose
    d.drag(at, 100, 60, 0)
    assert d.session.look.at(d.session.size[0]) == at + 60 and d.session.pose == pose


# ---- the panel ----------------------------------------------------------------------------------------------------------


@check
def panel_views_and_slots(d: Driver) -> None:
    for name, view in zip(("A", "B", "split", "side", "diff", "error"), VIEWS, strict=True):
        d.press(f"view {name}")
        assert d.session.look.view == view
    d.press("view split")
    d.press("copy swap")
    assert d.session.techniques["A"].group == "ssdo"
    d.press("copy A = B")
    assert d.session.techniques["A"] == d.session.techniques["B"]
    d.session.truth = False
    d.rest()
    d.session.look.view = "difference"
    d.rest()
    assert not picture(d).any(), "equal slots differ by nothing"


@check
def panel_modes(d: Driver) -> None:
    slots: tuple[Slot, ...] = ("A", "B")
    for slot in slots:
        d.press(f"tab {slot}")
        for number, name in enumerate(MODE_NAMES, 1):
            d.press(f"mode {slot} {name}")
            assert d.session.mode(slot) == number
        d.press(f"mode {slot} SSDO")


def rows_of(d: Driver) -> list[str]:
    d.turns(3)
    return [name.removeprefix("row ") for name in d.panel.widgets.places if name.startswith("row ")]


@check
def panel_every_parameter(d: Driver) -> None:
    """Each row of every group: a slider is dragged, a box ticked, and a right click brings back the default."""
    for section in ("Camera", "Sky", "Sun", "Lamps", "Blur"):
        d.press(f"section {section}")
    d.press("tab B")
    rows = rows_of(d)
    groups = {name.partition(".")[0] for name in rows}
    assert groups == {"ssdo", "camera", "sky", "sun", "lamps", "blur", "display", "material", "occlusion_maps"}, groups
    tried = 0
    for name in rows:
        shot = d.session.shot("B")
        _, _, f, before = next(row for row in shot.walk() if row[0] == name)
        kind = "list" if param_of(f).choices else type(f.default if f.default is not None else before).__name__
        x, y = d.place(f"row {name}")
        if kind == "list":
            continue
        if kind == "bool":
            left = d.panel.widgets.places[f"row {name}"][0]
            d.click(left + 10, y)
        elif param_of(f).min == 0 and param_of(f).max == 1 and "color" in name:
            continue
        else:
            low, _, high, _ = d.panel.widgets.places[f"row {name}"]
            d.drag(low + 0.25 * (high - low), y, 0.5 * (high - low), 0)
        after = next(row for row in d.session.shot("B").walk() if row[0] == name)[3]
        assert after != before, f"{name} did not change: {before}"
        x, y = d.place(f"row {name}")
        d.click(x, y, button=4)
        again = next(row for row in d.session.shot("B").walk() if row[0] == name)[3]
        assert again == f.default, f"{name} is {again} after a right click, not {f.default}"
        tried += 1
    assert tried >= 18


@check
def panel_links_and_searches(d: Driver) -> None:
    d.press("tab B")
    assert d.session.linked("ssdo.radius")
    d.press("label ssdo.radius")
    assert not d.session.linked("ssdo.radius")
    d.press("label ssdo.radius")
    assert d.session.linked("ssdo.radius")
    d.press("search")
    d.type("exposure")
    d.turns(4)
    assert rows_of(d) == ["display.exposure"], rows_of(d)
    d.key("A", CTRL)
    d.key("BACKSPACE")
    d.turns(4)
    assert len(rows_of(d)) > 8
    d.key("ESCAPE")


@check
def panel_measurements(d: Driver) -> None:
    d.press("truth")
    assert d.session.truth
    d.until(lambda: d.session.sides["truth"].growth.frames > 4, "the truth")
    name = next(n for n in d.panel.widgets.places if n.startswith("pass B ssdo:indirect"))
    d.press(name)
    assert d.session.look.buffer == f"ssdo.indirect{MARK}"
    d.session.look.buffer = "picture"
    d.press("experiments turn light")
    assert d.panel.experiment
    d.until(lambda: d.panel.experiment and len(d.panel.experiment.curves["B"]) > 3, "four steps")
    d.press("experiments stop")
    assert d.panel.experiment.done and d.session.base.sky.rotation == 0
    d.press("inspect")
    assert d.panel.inspects
    d.press("inspect")
    d.press("truth")


@check
def panel_stays_where_it_is(d: Driver) -> None:
    """What a hand is about to press does not move away while pictures become whole, passes come and go, and errors are
    measured.
    """
    d.session.change({"sun.irradiance": 2.0})
    d.rest()
    d.press("truth")
    names, seen = ("experiments turn light", "section Scene"), set()
    for irradiance in (1.0, 3.0, 0.0, 2.0):
        d.session.change({"sun.irradiance": irradiance})
        for _ in range(12):
            d.turns()
            seen.add(tuple(d.panel.widgets.places[name] for name in names))
    assert len(seen) == 1, seen
    d.press("experiments turn light")
    d.place("experiments stop")
    seen.clear()
    for _ in range(12):
        d.turns()
        seen.add(tuple(d.panel.widgets.places[name] for name in (*names, "experiments stop")))
    d.press("experiments stop")
    assert len(seen) == 1, seen


@check
def panel_scene_and_state(d: Driver) -> None:
    d.press("list scene")
    assert d.panel.holds(d.wnd.width - 50, 300)
    d.key("ESCAPE")
    d.press("path")
    d.type("corner:distance=0.3")
    d.key("ENTER")
    d.until(lambda: d.session.base.scene == "corner:distance=0.3", "the scene")
    d.press("path")
    d.key("A", CTRL)
    d.type("nowhere")
    d.key("ENTER")
    d.until(lambda: "no scene nowhere" in d.session.error, "a message")
    assert d.session.base.scene == "corner:distance=0.3"
    d.press("theme")
    light = d.pixels()[:, -200:].mean()
    d.press("theme")
    assert light > 1.5 * d.pixels()[:, -200:].mean()
    d.session.change({"display.exposure": 1.0})
    d.rest()
    d.press("state undo")
    assert d.session.base.display.exposure == 0
    d.press("state redo")
    assert d.session.base.display.exposure == 1.0


@check
def panel_takes_a_preset(d: Driver) -> None:
    """A click on a name: its values are those of B's technique."""
    wanted = parse_toml(presets.built_in()["ultra"].read_text("utf-8"), "ultra")
    x, y = d.place("list preset")
    d.click(x, y)
    named = d.panel.widgets.places["preset ultra"]
    d.click((named[0] + named[2]) / 2, (named[1] + named[3]) / 2)
    d.until(lambda: d.session.shot("B").values()["ssdo.samples"] == wanted["ssdo.samples"], "the preset")
    values = d.session.shot("B").values()
    assert {name: values[name] for name in wanted if name.startswith("ssdo.")} == {
        name: value for name, value in wanted.items() if name.startswith("ssdo.")
    }
    assert not d.session.error


# ---- never in the way ---------------------------------------------------------------------------------------------------


@check
def sliders_never_wait_for_a_compile(d: Driver) -> None:
    """Samples over their whole range, and every other number of the technique: not one program is made."""
    d.press("tab B")
    d.rest()
    programs = len(d.session.gpu.programs)
    for name in ("ssdo.samples", "ssdo.steps", "ssdo.radius", "ssdo.bias", "ssdo.thickness"):
        low, top, high, bottom = (d.place(f"row {name}"), d.panel.widgets.places[f"row {name}"])[1]
        d.drag(low + 3, (top + bottom) / 2, high - low - 6, 0, steps=12)
        d.drag(high - 3, (top + bottom) / 2, low - high + 6, 0, steps=12)
    assert len(d.session.gpu.programs) == programs


@check
def a_key_changes_the_picture_in_one_frame(d: Driver) -> None:
    d.session.truth = False
    press(d, "view B")
    d.rest()
    before = picture(d)
    d.wnd.dispatch_event("on_key_press", d.config.wnd.keys.NUMBER_1, 0)
    d.wnd.dispatch_events()  # what was queued
    d.config.frame()
    assert not np.array_equal(d.drawn()[ROWS, : before.shape[1]], before)
    d.release("NUMBER_1")


@check
def sizes_and_minimising(d: Driver) -> None:
    for size in ((300, 200), (1, 1), (1000, 700), (17, 300), (560, 400)):
        d.wnd.set_size(*size)
        d.until(lambda size=size: tuple(d.config.wnd.size) == size, f"size {size}")  # type: ignore[misc]
        d.turns(3)
    d.rest()
    d.wnd.dispatch_event("on_hide")
    d.wnd.dispatch_events()
    draws = d.session.stage.draws
    d.session.change({"display.exposure": 1.5})
    d.turns(5)
    assert d.session.stage.draws == draws, "what is not seen is not drawn"
    d.wnd.dispatch_event("on_show")
    d.turns(5)
    assert d.session.stage.draws > draws
    d.rest()
    assert picture(d).any()


@check
def a_broken_shader_keeps_the_window(d: Driver) -> None:
    gpu, before = d.session.gpu, None
    press(d, "view B")
    d.rest()
    before = picture(d)
    broken = Path("broken")
    broken.mkdir()
    (broken / "passes").mkdir()
    (broken / "passes/composite.frag").write_text("this is no shader\n")
    folders, gpu.folders = gpu.folders, (broken, *gpu.folders)
    press(d, "reload")
    assert d.session.error.startswith("shaders/passes/composite.frag:1")
    d.rest()
    assert np.array_equal(picture(d), before)
    gpu.folders = folders
    press(d, "reload")
    assert not d.session.error


def main() -> int:
    os.chdir(sys.argv[1])
    failed = 0
    chosen = [one for one in CHECKS if not sys.argv[2:] or one.__name__ in sys.argv[2:]]
    d = Driver(Path("state"), START)
    plain = d.session.state()
    for one in chosen:
        said, start = "", time.monotonic()
        try:
            d.session.restore(plain)
            d.session.look = Look(free=d.session.look.free, view="split")
            d.session.truth, d.session.budget, d.session.error, d.panel.inspects, d.panel.pinned = (
                False,
                "samples",
                "",
                False,
                None,
            )
            d.panel.widgets.searched = ""
            for path in Path("captures").glob("*.*"):
                path.unlink()
            d.rest()
            one(d)
            assert d.session.gpu.ctx.error == "GL_NO_ERROR"
        except Exception:
            said, failed = traceback.format_exc(), failed + 1
            d.key("ESCAPE")
        print(
            json.dumps({"check": one.__name__, "seconds": round(time.monotonic() - start, 1), "said": said}), flush=True
        )
    d.close()
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
