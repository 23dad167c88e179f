"""Progress of a long command: stage, share of the work, and time left.

With `--progress json` a command prints `Progress` as lines of JSON on stderr, and reads stdin: the line `stop` ends it
early, as Ctrl+C does. Other lines on stderr are notes and errors.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

STOP_LINE = "stop"  # on stdin


@dataclass(frozen=True)
class Progress:
    """What a long command does now. Its JSON has these names."""

    stage: str  # reference, cost, ...
    done: int  # units of the stage: frames or images
    total: int
    fraction: float  # of all stages, 0 to 1
    seconds_left: float  # of all stages
    page: str | None = None  # path of the page; None: not yet written
    page_frames: int = 0  # of the page's reference

    def to_line(self) -> str:
        """One line of JSON."""
        return json.dumps({"progress": dataclasses.asdict(self)})

    @property
    def text(self) -> str:
        """For people: `reference 12 of 256 frames, 34 %, 2 min left`."""
        unit = " frames" if self.stage == "reference" else ""
        return (
            f"{self.stage} {self.done} of {self.total}{unit}, {100 * self.fraction:.0f} %, "
            f"{format_duration(self.seconds_left)} left"
        )


def parse_progress(line: str) -> Progress | None:
    """The progress of a line of JSON. None: the line is something else."""
    try:
        values: Mapping[str, Any] = json.loads(line)["progress"]
        return Progress(**values)
    except (ValueError, TypeError, KeyError):
        return None


def format_duration(seconds: float) -> str:
    """A duration in words, `40 s` or `3 min`."""
    return f"{max(seconds, 1):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


@dataclass
class _Stage:
    total: int
    guess: float  # seconds of a unit
    done: int = 0
    cached: int = 0  # of `done`
    seconds: float = 0.0  # spent

    @property
    def seconds_left(self) -> float:
        measured = self.done - self.cached
        return (self.total - self.done) * (self.seconds / measured if measured else self.guess)


@dataclass
class WorkEstimate:
    """Estimates the time left from stages of equal units. The time of a unit is guessed, then measured."""

    clock: Callable[[], float] = time.perf_counter
    on_progress: Callable[[Progress], None] = lambda progress: None
    page: str | None = None
    page_frames: int = 0
    _stages: dict[str, _Stage] = field(default_factory=dict)
    _stage: str = ""  # the current one
    _fraction: float = 0.0

    def __post_init__(self) -> None:
        self.start = self._last = self.clock()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.clock() - self.start

    @property
    def seconds_left(self) -> float:
        """Seconds of all stages that are not done."""
        return sum(stage.seconds_left for stage in self._stages.values())

    def unit_seconds(self, stage: str) -> float:
        """Seconds of one unit of a stage."""
        return dataclasses.replace(self._stages[stage], total=self._stages[stage].done + 1).seconds_left

    def stage_seconds_left(self, stage: str) -> float:
        """Seconds of what is not done of a stage."""
        return self._stages[stage].seconds_left if stage in self._stages else 0.0

    def plan(self, stage: str, total: int, seconds: float, cached: int = 0) -> None:
        """Add a stage, or guess again how long it takes. `seconds`: of a unit; `cached`: units that take no time."""
        known = self._stages.get(stage)
        if known and known.seconds:
            known.guess = seconds
        elif total:
            self._stages[stage] = _Stage(total, seconds, cached, cached)

    def advance(self, stage: str) -> None:
        """A unit is done: the time since the last one was spent on it."""
        now = self.clock()
        current = self._stages[stage]
        current.seconds += now - self._last
        current.done = min(current.done + 1, current.total)
        self._last = now
        self.report(stage)

    def finish(self, stage: str) -> None:
        """The stage is done, also if some of its units were not needed."""
        if stage in self._stages:
            self._stages[stage].done = self._stages[stage].total
        self.skip()

    def skip(self) -> None:
        """The time since the last unit was spent on something else."""
        self._last = self.clock()

    def report(self, stage: str = "") -> None:
        """Report the progress again, as when a stage starts. The share of the work never falls."""
        self._stage = stage or self._stage
        current, left = self._stages[self._stage], self.seconds_left
        self._fraction = max(self._fraction, self.elapsed / max(self.elapsed + left, 1e-9) if left else 1.0)
        self.on_progress(
            Progress(self._stage, current.done, current.total, self._fraction, left, self.page, self.page_frames)
        )
