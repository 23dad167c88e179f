"""Undo and redo."""

from __future__ import annotations

import math
from typing import Generic, TypeVar

T = TypeVar("T")

MERGE_SECONDS = 0.6  # changes that follow sooner are merged into one step, such as those of a dragged slider
MAX_STEPS = 200


class History(Generic[T]):
    """States before and after the current one."""

    def __init__(self, state: T) -> None:
        self._current = state
        self._undo_stack: list[T] = []
        self._redo_stack: list[T] = []
        self._last_change = -math.inf

    def record(self, state: T, now: float, end_step: bool = False) -> None:
        """Store the state at a time in seconds. `end_step`: the next change starts a new step in any case."""
        if state != self._current:
            if now - self._last_change > MERGE_SECONDS or not self._undo_stack:
                self._undo_stack = [*self._undo_stack, self._current][-MAX_STEPS:]
            self._current, self._redo_stack, self._last_change = state, [], now
        if end_step:
            self._last_change = -math.inf

    def amend(self, state: T) -> None:
        """Replace the current state by one that follows from it: both are undone by one step."""
        self._current = state

    def undo(self) -> T | None:
        """The previous state; None if there is none."""
        return self._step(self._undo_stack, self._redo_stack)

    def redo(self) -> T | None:
        """The state that was undone last; None if there is none."""
        return self._step(self._redo_stack, self._undo_stack)

    def _step(self, source: list[T], target: list[T]) -> T | None:
        if not source:
            return None
        target.append(self._current)
        self._current = source.pop()
        return self._current
