"""How far the reading of a large file has come, for whoever waits for it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

Thing = TypeVar("Thing")
Listener = Callable[[str, int, int], None]  # what is being read, how many are done, of how many

WAIT = 0.7  # seconds that a file may take until a bar appears

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def told(listener: Listener) -> Iterator[None]:
    """Inside, reading a file tells the listener how far it has come."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


@contextlib.contextmanager
def on_terminal() -> Iterator[None]:
    """Inside, reading a file that takes a while shows a bar on stderr, where that is a terminal."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def bar() -> Any:
            from tqdm import (
                tqdm,  # not before something is read: it takes 25 ms, and built-in scenes have nothing to tell
            )

            return stack.enter_context(
                tqdm(disable=None, leave=False, delay=WAIT, bar_format="{desc} {percentage:3.0f}% |{bar:40}|")
            )

        def show(what: str, done: int, count: int) -> None:
            bar().total = count
            bar().set_description_str(f"reading {what}", refresh=False)
            bar().update(done - bar().n)

        with told(show):
            yield


def counted(what: str, things: Iterable[Thing], count: int) -> Iterator[Thing]:
    """The things, one after the other, telling whoever listens how many are done."""
    listener = _listener.get()
    for number, thing in enumerate(things, 1):
        yield thing
        if listener:
            listener(what, number, count)
