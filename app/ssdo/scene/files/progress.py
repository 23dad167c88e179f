"""Progress of reading a large file, for a progress bar or the viewer."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

Item = TypeVar("Item")
ProgressCallback = Callable[[str, int, int], None]  # what is read, number of items or bytes done, number of all

BAR_DELAY = 0.7  # seconds of reading before the bar appears

_callback: ContextVar[ProgressCallback | None] = ContextVar("callback", default=None)


class LoadCancelledError(Exception):
    """Raised by a callback to end the reading. Readers let it pass, and nothing is cached."""


@contextlib.contextmanager
def report_progress_to(callback: ProgressCallback) -> Iterator[None]:
    """Within the context, readers report their progress to `callback`."""
    token = _callback.set(callback)
    try:
        yield
    finally:
        _callback.reset(token)


@contextlib.contextmanager
def show_progress_bar() -> Iterator[None]:
    """Within the context, readers show a bar on stderr, if it is a terminal and reading takes a while."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def get_bar() -> Any:
            from tqdm import tqdm  # imported when a reader reports: built-in scenes never do

            layout = "{desc} {percentage:3.0f}% |{bar:40}|"
            return stack.enter_context(tqdm(disable=None, leave=False, delay=BAR_DELAY, bar_format=layout))

        def update_bar(label: str, done: int, count: int) -> None:
            bar = get_bar()
            bar.total = count
            bar.set_description_str(f"reading {label}", refresh=False)
            bar.update(done - bar.n)

        with report_progress_to(update_bar):
            yield


def track_progress(
    label: str, items: Iterable[Item], count: int, measure: Callable[[Item], int] = lambda _: 1
) -> Iterator[Item]:
    """Iterate over `items` and report after each how much of `count` is done. `measure`: how much an item counts."""
    callback, done = _callback.get(), 0
    for item in items:
        yield item
        done += measure(item)
        if callback:
            callback(label, done, count)
