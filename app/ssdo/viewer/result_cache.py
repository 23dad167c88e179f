"""Values computed from frame results, cached until the results change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ssdo.render.pipeline import FrameResult
from ssdo.viewer.render_scheduler import RenderScheduler

T = TypeVar("T")


class ResultCache:
    """One value by name. It keeps no result alive that no slot shows."""

    def __init__(self, scheduler: RenderScheduler) -> None:
        self.scheduler = scheduler
        self.entries: dict[str, tuple[tuple[FrameResult | None, ...], Any]] = {}

    def get(self, name: str, results: tuple[FrameResult | None, ...], compute: Callable[[], T]) -> T:
        """The value of these results; computed if it is that of other ones."""
        cached = self.entries.get(name)
        if cached is None or any(a is not b for a, b in zip(cached[0], results, strict=True)):
            self._drop_unused()
            cached = self.entries[name] = results, compute()
        value: T = cached[1]
        return value

    def _drop_unused(self) -> None:
        renders = self.scheduler.renders.values()
        current = {id(result) for render in renders for result in (render.result, render.image)}
        self.entries = {
            name: entry for name, entry in self.entries.items() if all(id(result) in current for result in entry[0])
        }
