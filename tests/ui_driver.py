"""Drives the viewer in a window of its own, by events of the window library. Its state can be read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from ssdo.arrays import Bytes
from ssdo.gpu.context import Gpu
from ssdo.render.shot import Shot
from ssdo.viewer import keys, main_loop
from ssdo.viewer.imgui_renderer import ImguiRenderer
from ssdo.viewer.main_loop import Viewer
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.session import Session
from ssdo.viewer.window import open_window

SHIFT, CTRL, ALT = 1, 2, 4  # pyglet's modifiers
LEFT, MIDDLE, RIGHT = 1, 2, 4  # pyglet's mouse buttons
EARLY_KEYS = ("ESCAPE", "F1")  # pressed before there is a viewer
PANEL_EDGE = 6  # pixels from the right, where the panel scrolls and no list inside it
EDGE = 8  # pixels at the top and the bottom of what scrolls in which no item is clicked


class Driver:
    """A viewer whose loop runs on demand. Positions are in the panel's units, row 0 on top."""

    def __init__(self, folder: Path, values: dict[str, Any], size: tuple[int, int] = (560, 400)) -> None:
        """Open the viewer on a shot of some values, split. `folder`: of its preferences."""
        main_loop.ACTIVE_INTERVAL = main_loop.IDLE_INTERVAL = 0.0  # every update draws
        window = open_window(size)
        self.wnd: Any = cast(Any, window.wnd)._window  # pyglet's
        self.key_codes = window.wnd.keys
        for name in EARLY_KEYS:
            self.wnd.dispatch_event("on_key_press", getattr(self.key_codes, name), 0)
            self.wnd.dispatch_event("on_key_release", getattr(self.key_codes, name), 0)
        self.wnd.dispatch_events()
        self.session = Session(Gpu(window.wnd.ctx), Shot().with_values(values), {})
        self.session.toggle_split()
        self.viewer = Viewer(window, ImguiRenderer(window.wnd, 1.0), self.session, Preferences(folder))
        self.panel = self.viewer.panel
        self.run_frames()
        self.first_rects = self.panel.widgets.item_rects  # of the panel's first frame
        self.run_frames(4)
        self.started_with_help = self.panel.is_help_open
        self.panel.is_help_open = False

    # ---- loop ----

    def run_frames(self, count: int = 1) -> None:
        for _ in range(count):
            if self.viewer.update():
                self.viewer.wnd.swap_buffers()
            else:
                self.wnd.dispatch_events()

    def wait_until(self, condition: Callable[[], Any], description: str, seconds: float = 60.0) -> None:
        """Run frames until a condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"no {description} within {seconds} s"
            self.run_frames()
            time.sleep(0.002)

    def wait_idle(self, seconds: float = 60.0) -> None:
        """Run frames until all visible slots are rendered at full size."""
        self.run_frames(2)
        session = self.session
        self.wait_until(lambda: all(session.is_idle(slot) for slot in session.visible_slots), "idle slots", seconds)
        self.run_frames(2)

    # ---- keyboard and mouse ----

    def press_key(self, name: str, modifiers: int = 0, release: bool = True) -> None:
        """Press a key by the window library's name: `S`, `NUMBER_1`, `F12`."""
        self._send_modifiers(modifiers, "on_key_press")
        self.wnd.dispatch_event("on_key_press", getattr(self.key_codes, name), modifiers)
        if release:
            self.release_key(name, modifiers)
        self._send_modifiers(modifiers, "on_key_release")
        self.run_frames(8 if self.viewer.input.frames_to_decide else 2)

    def press_shortcut(self, shortcut: keys.Key) -> None:
        """Press the first key or type the first character of a shortcut."""
        if shortcut.characters:
            self.type_text(shortcut.characters[0])
        else:
            modifiers = SHIFT * shortcut.shift | CTRL * shortcut.ctrl | ALT * shortcut.alt
            self.press_key(shortcut.names[0], modifiers)

    def _send_modifiers(self, modifiers: int, event: str) -> None:
        """Press or release the keys of modifiers."""
        for bit, name in ((SHIFT, "LEFT_SHIFT"), (CTRL, "LEFT_CTRL"), (ALT, "LEFT_ALT")):
            if modifiers & bit and hasattr(self.key_codes, name):
                state = modifiers if event == "on_key_press" else 0
                self.wnd.dispatch_event(event, getattr(self.key_codes, name), state)

    def release_key(self, name: str, modifiers: int = 0) -> None:
        self.wnd.dispatch_event("on_key_release", getattr(self.key_codes, name), modifiers)
        self.run_frames()

    def type_text(self, text: str) -> None:
        for character in text:
            self.wnd.dispatch_event("on_text", character)
            self.run_frames(2)  # the first may be left for the event

    def move_mouse(self, x: float, y: float) -> None:
        self.wnd.dispatch_event("on_mouse_motion", int(x), self._flip(y), 0, 0)
        self.run_frames(2)

    def click(self, x: float, y: float, button: int = LEFT, modifiers: int = 0) -> None:
        self.move_mouse(x, y)
        self.wnd.dispatch_event("on_mouse_press", int(x), self._flip(y), button, modifiers)
        self.run_frames(2)
        self.wnd.dispatch_event("on_mouse_release", int(x), self._flip(y), button, modifiers)
        self.run_frames(3)

    def drag(
        self, x: float, y: float, dx: float, dy: float, button: int = LEFT, modifiers: int = 0, steps: int = 5
    ) -> None:
        """Drag from a position by an offset, in so many steps."""
        self.move_mouse(x, y)
        self.wnd.dispatch_event("on_mouse_press", int(x), self._flip(y), button, modifiers)
        self.run_frames(2)
        for step in range(1, steps + 1):
            step_x, step_y = int(x + dx * step / steps), self._flip(y + dy * step / steps)
            offset = int(dx / steps), -int(dy / steps)
            self.wnd.dispatch_event("on_mouse_drag", step_x, step_y, *offset, button, modifiers)
            self.run_frames()
        self.wnd.dispatch_event("on_mouse_release", int(x + dx), self._flip(y + dy), button, modifiers)
        self.run_frames(2)

    def scroll(self, x: float, y: float, notches: float) -> None:
        self.move_mouse(x, y)
        self.wnd.dispatch_event("on_mouse_scroll", int(x), self._flip(y), 0.0, float(notches))
        self.run_frames(2)

    def _flip(self, y: float) -> int:
        """pyglet's y, from below."""
        return int(self.wnd.height - y)

    # ---- items of the panel, by name ----

    def get_item_center(self, name: str) -> tuple[float, float]:
        rects = self.panel.widgets.item_rects
        assert name in rects, f"no {name} in the panel: {sorted(rects)}"
        x_min, y_min, x_max, y_max = rects[name]
        return (x_min + x_max) / 2, (y_min + y_max) / 2

    def find_item(self, name: str) -> tuple[float, float]:
        """Scroll an item into view, and return its centre."""
        if name.startswith("pass ") and name not in ("pass list", "pass times"):
            x, _ = self.find_item("pass list")  # scrolls inside the panel
        else:
            x = self.wnd.width - PANEL_EDGE
        for _ in range(80):
            self.run_frames()
            item_x, item_y = self.get_item_center(name)
            _, top, _, bottom = self.panel.widgets.clip_rects[name]
            if top + EDGE < item_y < bottom - EDGE:
                return item_x, item_y
            notches = max(1, min(8, abs(item_y - (top + bottom) / 2) // 80))
            self.scroll(x, (top + bottom) / 2, -notches if item_y > top + EDGE else notches)
        raise AssertionError(f"{name} cannot be scrolled into view")

    def click_item(self, name: str, button: int = LEFT) -> None:
        self.click(*self.find_item(name), button=button)

    # ---- pixels ----

    def draw_pixels(self) -> Bytes:
        """Draw the window, without showing it, and return it: (h, w, 3), row 0 on top."""
        self.viewer.update()  # the back buffer is undefined after it was shown
        return self.read_pixels()

    def read_pixels(self) -> Bytes:
        """What the last frame has drawn, before it is shown."""
        fbo = self.viewer.wnd.fbo
        width, height = self.viewer.wnd.buffer_size
        data = fbo.read((0, 0, width, height), components=3, alignment=1)
        # moderngl reads from an attachment that a window's framebuffer does not have: clear the error
        _ = self.viewer.wnd.ctx.error
        return np.frombuffer(data, "u1").reshape(height, width, 3)[::-1]

    def close(self) -> None:
        self.viewer.ui.close()
        self.viewer.wnd.destroy()
