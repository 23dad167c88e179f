"""Toasts: short messages that stack over the image, and end by themselves, on a click or on Escape."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["notice", "error", "hint"]
SECONDS: dict[Kind, float] = {"notice": 6.0, "error": 20.0, "hint": 30.0}  # until a toast ends by itself
MAX_TOASTS = 4  # the oldest ends when there are more
CANCEL_HINT = "(Escape cancels)"  # ends the text of a running task: Escape cancels the task, and not its toast alone
VARIABLE_WORDS = re.compile(r"\b(?:\d+(?:\.\d+)?|on|off|half|full)\b")
PROGRESS = re.compile(r"[^:]+: (\d+) of (\d+)\b")


@dataclass(eq=False)
class Toast:
    """A message. Its topic decides which later message replaces its text."""

    topic: str
    text: str
    kind: Kind
    end: float  # seconds, of the clock
    fraction: float | None = None  # of a task that is done
    is_hidden: bool = False  # the user has dismissed the toast of a task that still runs

    @property
    def is_task(self) -> bool:
        """Whether it tells how far a running task is."""
        return self.text.endswith(CANCEL_HINT)


def find_topic(text: str) -> str:
    """What a message is about: its text up to a colon, without numbers and states.

    `report: 12 s` is about `report`, `ground on` about `ground #`.
    """
    return VARIABLE_WORDS.sub("#", text.partition(":")[0])


def find_fraction(text: str) -> float | None:
    """The part of a task that is done, as in `turntable: 3 of 60`; None if the text does not tell."""
    match = PROGRESS.match(text)
    return min(int(match[1]) / max(int(match[2]), 1), 1.0) if match else None


class Toasts:
    """The messages that are shown, oldest first. `now`: a clock, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.items: list[Toast] = []
        self._latest: dict[Kind, Toast] = {}

    @property
    def visible(self) -> list[Toast]:
        """The toasts to draw, oldest first."""
        return [toast for toast in self.items if not toast.is_hidden]

    def post(self, text: str, kind: Kind = "notice", topic: str = "", fraction: float | None = None) -> None:
        """Show a message for some seconds. One of the same kind and topic is updated in its place.

        `topic`: by default, what `find_topic` finds. `fraction`: of a task, for a progress bar; by default, what
        `find_fraction` finds.
        """
        topic = topic or find_topic(text)
        toast = next((t for t in self.items if (t.kind, t.topic) == (kind, topic)), None)
        if toast is None:
            toast = Toast(topic, text, kind, 0.0)
            self.items.append(toast)
        toast.text, toast.end = text, self._now() + SECONDS[kind]
        toast.fraction = find_fraction(text) if fraction is None else fraction
        toast.is_hidden = toast.is_hidden and toast.is_task
        self._latest[kind] = toast
        if len(self.items) > MAX_TOASTS:
            self.items.remove(next((t for t in self.items if not t.is_task and t is not toast), self.items[0]))

    def read_latest(self, kind: Kind) -> str:
        """The text of the last message of a kind; empty once it has ended."""
        toast = self._latest.get(kind)
        return toast.text if toast in self.items and toast else ""

    def end_latest(self, kind: Kind) -> None:
        """End the last message of a kind."""
        self.items = [toast for toast in self.items if toast is not self._latest.get(kind)]

    def end_kind(self, kind: Kind) -> None:
        """End all messages of a kind."""
        self.items = [toast for toast in self.items if toast.kind != kind]

    def end_topic(self, topic: str) -> None:
        """End the messages about a topic."""
        self.items = [toast for toast in self.items if toast.topic != topic]

    def end_tasks(self) -> None:
        """End the messages of tasks. Those that still run post theirs again."""
        self.items = [toast for toast in self.items if not toast.is_task]

    def dismiss(self, toast: Toast) -> None:
        """End a toast. That of a running task stays hidden until the task posts its result."""
        if toast.is_task:
            toast.is_hidden = True
        elif toast in self.items:
            self.items.remove(toast)

    def dismiss_all(self) -> bool:
        """End all toasts but those of running tasks. Returns whether there was one."""
        count = len(self.items)
        self.items = [toast for toast in self.items if toast.is_task]
        return len(self.items) < count

    def expire(self) -> bool:
        """End the toasts whose time is over. Returns whether there was one."""
        now, count = self._now(), len(self.items)
        self.items = [toast for toast in self.items if now < toast.end]
        return len(self.items) < count
