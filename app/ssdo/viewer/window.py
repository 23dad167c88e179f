"""The window, and what its library does differently on each system."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any, cast

import moderngl_window
from moderngl_window.context.base import BaseWindow, WindowConfig

from ssdo.gpu.context import OPENGL_REQUIRED, NoOpenGLError
from ssdo.viewer.event_queue import EventQueue

TITLE = "SSAO and SSDO"


class Window(WindowConfig):
    """A resizable OpenGL window. Its events wait in a queue until the viewer connects their handlers."""

    events: EventQueue

    gl_version = (4, 1)
    title = TITLE
    aspect_ratio = None  # type: ignore[assignment]  # a fixed one would shift the mouse
    resizable = True
    vsync = True
    log_level = logging.WARNING

    def on_render(self, time: float, frame_time: float) -> None:
        """Unused: the viewer has a loop of its own, which renders only on changes."""


def open_window(size: tuple[int, int]) -> Window:
    """Open the window. Raises NoOpenGLError."""
    try:
        config = moderngl_window.create_window_config_instance(Window, args=["--size", f"{size[0]}x{size[1]}"])
    except Exception as error:  # each window library has its own exceptions, and some raise plain Exception
        reason = " ".join(str(error).split()) or type(error).__name__
        raise NoOpenGLError(f"no window can be opened ({reason}); {OPENGL_REQUIRED}") from None
    assert isinstance(config, Window)
    config.wnd.exit_key = None  # Escape closes menus, not the window
    config.events = EventQueue(config.wnd)
    return config


def dispatch_events(wnd: BaseWindow) -> None:
    """Handle pending events without showing a frame.

    Only pyglet can do one without the other; others show the last frame again.
    """
    if wnd.name == "pyglet":
        cast(Any, wnd)._window.dispatch_events()
    else:
        wnd.swap_buffers()


def unshifted_key(wnd: BaseWindow, key: Any, is_down: bool) -> Any:
    """The key of an event, whatever the Shift key does.

    On X11, pyglet reports the typed character, such as `!` for 1 with Shift. A key that is released after Shift
    remains pressed in its list, and would not be reported again.
    """
    if wnd.name != "pyglet" or sys.platform != "linux":
        return key
    from pyglet.libs.x11 import xlib
    from pyglet.window import key as key_names

    window = cast(Any, wnd)._window
    if not is_down:
        window.pressed_keys.clear()
    code = xlib.XKeysymToKeycode(window._x_display, key) if 32 <= key < 256 else 0
    plain_key = xlib.XKeycodeToKeysym(window._x_display, code, 0) if code else 0
    return plain_key if plain_key in cast(Any, key_names)._key_names else key


def map_extra_keys(wnd: BaseWindow) -> dict[Any, str]:
    """Names of keys that moderngl-window does not know, by key."""
    if wnd.name != "pyglet":
        return {}
    from pyglet.window import key

    return {key.PLUS: "PLUS", key.NUM_ADD: "NUMPAD_ADD", key.NUM_SUBTRACT: "NUMPAD_SUBTRACT"}


class Cursor:
    """The shape of the mouse pointer. Only pyglet can change it."""

    def __init__(self, wnd: BaseWindow) -> None:
        self.wnd = wnd
        self.shape = ""

    def show(self, shape: str) -> None:
        """`shape`: resize (to the left and right), text, or empty for an arrow."""
        if shape == self.shape:
            return
        self.shape = shape
        if self.wnd.name == "pyglet":
            window = cast(Any, self.wnd)._window
            name = {"resize": window.CURSOR_SIZE_LEFT_RIGHT, "text": window.CURSOR_TEXT}.get(shape)
            window.set_mouse_cursor(window.get_system_mouse_cursor(name) if name else None)


class Clipboard:
    """The system's clipboard, or one within the viewer if the window library has none."""

    def __init__(self, wnd: BaseWindow) -> None:
        self.wnd = wnd
        self._text = ""

    def write(self, text: str) -> None:
        self._text = text
        with contextlib.suppress(Exception):  # each system raises its own
            cast(Any, self.wnd)._window.set_clipboard_text(text)

    def read(self) -> str:
        with contextlib.suppress(Exception):
            if text := str(cast(Any, self.wnd)._window.get_clipboard_text()):
                return text
        return self._text
