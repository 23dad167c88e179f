"""Steps that can be undone. Changes that follow one another quickly, as a slider's while it is dragged, are one
step.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

PAUSE = 0.6  # seconds without a change, after which the next is another step
MOST = 200  # steps that are kept


class History(Generic[T]):
    """States before now, and those gone back from."""

    def __init__(self, state: T) -> None:
        self._now = state
        self._before: list[T] = []
        self._after: list[T] = []
        self._last = -1e9  # when something last changed

    def add(self, state: T, at: float, settled: bool = False) -> None:
        """The state at a time, seconds. `settled`: what changes from now on is another step in any case."""
        if state != self._now:
            if at - self._last > PAUSE or not self._before:
                self._before = [*self._before, self._now][-MOST:]
            self._now, self._after, self._last = state, [], at
        if settled:
            self._last = -1e9

    def back(self) -> T | None:
        """The state before; None where there is none."""
        return self._step(self._before, self._after)

    def forth(self) -> T | None:
        """The state that was gone back from; None where there is none."""
        return self._step(self._after, self._before)

    def _step(self, here: list[T], there: list[T]) -> T | None:
        if not here:
            return None
        there.append(self._now)
        self._now = here.pop()
        return self._now
