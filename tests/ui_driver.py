"""Hands for the viewer: a window of its own under the display there is, driven by the window library's own events, its
state in reach.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from ssdo.gpu.context import Gpu
from ssdo.render.shot import Shot
from ssdo.scene.model import Bytes
from ssdo.viewer import window
from ssdo.viewer.experiments import at_rest
from ssdo.viewer.preferences import Memory
from ssdo.viewer.session import Session

SHIFT, CTRL, ALT = 1, 2, 4  # pyglet's


class Driver:
    """A viewer whose loop turns when it is told to. Places are in the panel's units, row 0 on top."""

    def __init__(self, folder: Path, values: dict[str, Any], size: tuple[int, int] = (560, 400)) -> None:
        shot = Shot().with_values(values)
        window.SMOOTH = window.HEARTBEAT = 0.0  # every turn draws
        self.config = window.open_window(size)
        self.session = Session(Gpu(self.config.wnd.ctx), shot, {})
        self.session.toggle_split()
        self.config.begin(self.session, 1.0, Memory(folder))
        self.panel = self.config.panel
        self.wnd: Any = cast(Any, self.config.wnd)._window  # pyglet's
        self.held = 0
        self.turns(5)

    # ---- the loop ----

    def turns(self, count: int = 1) -> None:
        """So many turns of the viewer's loop."""
        for _ in range(count):
            if self.config.frame():
                self.config.wnd.swap_buffers()
            else:
                self.wnd.dispatch_events()

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{what} did not come in {seconds} s"
            self.turns()
            time.sleep(0.002)

    def rest(self) -> None:
        """Until both pictures are what is asked for, at full size."""
        self.turns(2)
        self.until(lambda: all(at_rest(self.session, slot) for slot in self.session.shown), "rest")
        self.turns(2)

    # ---- hands ----

    def key(self, name: str, modifiers: int = 0, release: bool = True) -> None:
        """Press a key by the window library's name: `S`, `NUMBER_1`, `F12`."""
        symbol = getattr(self.config.wnd.keys, name)
        self._hold(modifiers, "on_key_press")
        self.wnd.dispatch_event("on_key_press", symbol, modifiers)
        if release:
            self.release(name, modifiers)
        self._hold(modifiers, "on_key_release")
        self.turns(8 if self.config.unsure else 2)

    def _hold(self, modifiers: int, event: str) -> None:
        """The keys of modifiers, as a hand presses and releases them."""
        for bit, name in ((SHIFT, "LEFT_SHIFT"), (CTRL, "LEFT_CTRL"), (ALT, "LEFT_ALT")):
            if modifiers & bit and hasattr(self.config.wnd.keys, name):
                self.wnd.dispatch_event(
                    event, getattr(self.config.wnd.keys, name), modifiers if event == "on_key_press" else 0
                )

    def release(self, name: str, modifiers: int = 0) -> None:
        self.wnd.dispatch_event("on_key_release", getattr(self.config.wnd.keys, name), modifiers)
        self.turns()

    def type(self, text: str) -> None:
        for character in text:
            self.wnd.dispatch_event("on_text", character)
            self.turns()

    def move(self, x: float, y: float) -> None:
        self.wnd.dispatch_event("on_mouse_motion", int(x), self._up(y), 0, 0)
        self.turns(2)

    def click(self, x: float, y: float, button: int = 1, modifiers: int = 0) -> None:
        """1 left, 2 middle, 4 right."""
        self.move(x, y)
        self.wnd.dispatch_event("on_mouse_press", int(x), self._up(y), button, modifiers)
        self.turns(3)
        self.wnd.dispatch_event("on_mouse_release", int(x), self._up(y), button, modifiers)
        self.turns(6)

    def drag(
        self, x: float, y: float, dx: float, dy: float, button: int = 1, modifiers: int = 0, steps: int = 5
    ) -> None:
        self.move(x, y)
        self.wnd.dispatch_event("on_mouse_press", int(x), self._up(y), button, modifiers)
        self.turns(2)
        for step in range(1, steps + 1):
            at = x + dx * step / steps, y + dy * step / steps
            self.wnd.dispatch_event(
                "on_mouse_drag", int(at[0]), self._up(at[1]), int(dx / steps), -int(dy / steps), button, modifiers
            )
            self.turns()
        self.wnd.dispatch_event("on_mouse_release", int(x + dx), self._up(y + dy), button, modifiers)
        self.turns(2)

    def wheel(self, x: float, y: float, notches: float) -> None:
        self.move(x, y)
        self.wnd.dispatch_event("on_mouse_scroll", int(x), self._up(y), 0.0, float(notches))
        self.turns(2)

    def _up(self, y: float) -> int:
        return int(self.wnd.height - y)

    # ---- the panel by name ----

    def place(self, name: str) -> tuple[float, float]:
        """The middle of a thing of the panel, after scrolling it into sight."""
        for _ in range(80):
            self.turns()
            assert name in self.panel.widgets.places, f"no {name} in the panel: {sorted(self.panel.widgets.places)}"
            left, top, right, bottom = self.panel.widgets.places[name]
            y = (top + bottom) / 2
            if 8 < y < self.wnd.height - 8:
                return (left + right) / 2, y
            notches = max(1, min(8, abs(y - self.wnd.height / 2) // 80))
            self.wheel(self.wnd.width - 40, self.wnd.height / 2, -notches if y > 8 else notches)
        raise AssertionError(f"{name} cannot be scrolled into sight")

    def press(self, name: str, button: int = 1) -> None:
        self.click(*self.place(name), button=button)

    # ---- eyes ----

    def pixels(self) -> Bytes:
        """The window as it is drawn now, (h, w, 3), row 0 on top."""
        self.config.frame()  # without showing it: what is behind is not known after that
        return self.drawn()

    def drawn(self) -> Bytes:
        """What the last frame drew, before it is shown."""
        fbo = self.config.wnd.fbo
        width, height = self.config.wnd.buffer_size
        data = fbo.read((0, 0, width, height), components=3, alignment=1)
        _ = self.config.wnd.ctx.error  # moderngl names an attachment that a window's framebuffer has not
        return np.frombuffer(data, "u1").reshape(height, width, 3)[::-1]

    def close(self) -> None:
        self.config.ui.close()
        self.config.wnd.destroy()
