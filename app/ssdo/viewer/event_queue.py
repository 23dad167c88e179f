"""The window's events: passed on at once, or kept in order while the viewer loads a file or draws a slow frame."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from moderngl_window.context.base import BaseWindow

EVENTS = (  # of the window library
    "resize",
    "iconify",
    "key_event",
    "unicode_char_entered",
    "mouse_position_event",
    "mouse_press_event",
    "mouse_release_event",
    "mouse_drag_event",
    "mouse_scroll_event",
    "files_dropped_event",
)
PATIENT_EVENTS = {"mouse_position_event"}  # can wait until a frame is complete

Handler = Callable[..., None]


class EventQueue:
    """Receives all events of a window. Until handlers are connected, it keeps them."""

    def __init__(self, wnd: BaseWindow) -> None:
        self._handlers: Mapping[str, Handler] = {}
        self._events: list[tuple[str, tuple[Any, ...]]] = []
        self._is_deferring = False
        self._keys = wnd.keys
        for name in EVENTS:
            setattr(wnd, f"{name}_func", partial(self._receive, name))

    def connect(self, handlers: Mapping[str, Handler]) -> None:
        """Pass events on from now, to a handler for each of EVENTS. Earlier ones wait for `handle_deferred`."""
        self._handlers = handlers

    def _receive(self, name: str, *arguments: Any) -> None:
        if self._is_deferring or self._events or not self._handlers:  # events stay in their order
            self._events.append((name, arguments))
        else:
            self._handlers[name](*arguments)

    @property
    def is_urgent(self) -> bool:
        """Whether an event waits that wants an answer at once."""
        return any(name not in PATIENT_EVENTS for name, _ in self._events)

    @contextlib.contextmanager
    def defer(self) -> Iterator[None]:
        """Within the context, events are kept for `handle_deferred`."""
        self._is_deferring = True
        try:
            yield
        finally:
            self._is_deferring = False

    def handle_deferred(self) -> None:
        """Pass the events on that were kept."""
        events, self._events = self._events, []
        for name, arguments in events:
            self._handlers[name](*arguments)

    def take_escape(self) -> bool:
        """Whether a press of Escape waits to be handled. It is removed, and what came before it stays."""
        escape = self._keys.ESCAPE, self._keys.ACTION_PRESS
        is_escape = [name == "key_event" and arguments[:2] == escape for name, arguments in self._events]
        self._events = [event for event, is_removed in zip(self._events, is_escape, strict=True) if not is_removed]
        return any(is_escape)
