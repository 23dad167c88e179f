"""The blind test: which of two images is nearer to the reference? Its trials, answers and score, without a window."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ssdo.viewer.controls import Pose

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")
TRIAL_COUNT = 10
CLOSE_RATIO = 0.02  # errors that differ by less than this fraction are too close to count


class View(NamedTuple):
    """A camera of the scene. `pose`: in the coordinates of the scene's file."""

    name: str
    pose: Pose


class Trial(NamedTuple):
    """Two techniques in one view, by their labels."""

    view: View
    left: str
    right: str

    @property
    def labels(self) -> tuple[str, str]:
        return self.left, self.right


class Answer(NamedTuple):
    """What was chosen in a trial, and the RMSE of both images, left and right."""

    trial: Trial
    choice: Side
    errors: tuple[float, float]

    @property
    def nearer(self) -> Side | None:
        """The side with the smaller error; None if both are about equal or unknown."""
        left, right = self.errors
        if not abs(left - right) > CLOSE_RATIO * max(left, right):
            return None
        return "left" if left < right else "right"

    @property
    def is_counted(self) -> bool:
        return self.nearer is not None

    @property
    def agrees(self) -> bool:
        """Whether the choice is the image with the smaller error."""
        return self.choice == self.nearer

    @property
    def text(self) -> str:
        """The trial in words: its view, both errors, the choice, and whether that agrees."""
        by_side = dict(zip(SIDES, zip(self.trial.labels, self.errors, strict=True), strict=True))
        chosen_method, other = by_side[self.choice], by_side["right" if self.choice == "left" else "left"]
        verdict = "agrees" if self.agrees else "the other is nearer" if self.is_counted else "too close to count"
        pair = f"{chosen_method[0]} ({_describe_error(chosen_method[1])}), not {other[0]} ({_describe_error(other[1])})"
        return f"{self.trial.view.name}: you chose {pair}: {verdict}"


def _describe_error(error: float) -> str:
    """An RMSE in words. It is 0 where it is below the noise of the reference."""
    return f"{error:.3g}" if error > 0 else "below the noise"


@dataclass
class BlindTest:
    """Trials in their order, and the answers so far."""

    trials: Sequence[Trial]
    answers: list[Answer] = field(default_factory=list)

    @property
    def current(self) -> Trial | None:
        """The trial that waits for an answer; None: all are answered."""
        return None if self.is_complete else self.trials[len(self.answers)]

    @property
    def is_complete(self) -> bool:
        return len(self.answers) == len(self.trials)

    def answer(self, choice: Side, errors: tuple[float, float]) -> None:
        """Answer the current trial. `errors`: RMSE of the left and the right image."""
        trial = self.current
        assert trial, "all trials are answered"
        self.answers.append(Answer(trial, choice, errors))

    @property
    def score(self) -> tuple[int, int]:
        """How many choices agree with the RMSE, of how many that count."""
        counted = [answer for answer in self.answers if answer.is_counted]
        return sum(answer.agrees for answer in counted), len(counted)

    @property
    def score_text(self) -> str:
        """The score in words, and what guessing gives."""
        agree_count, count = self.score
        close = len(self.answers) - count
        left_out = f" {close} too close to count." if close else ""
        if not count:
            return f"Blind test: no answer counts.{left_out}"
        return (
            f"Blind test: {agree_count} of {count} choices agree with the RMSE; "
            f"guessing gives about {count / 2:g}.{left_out}"
        )


def plan_trials(views: Sequence[View], labels: Sequence[str], count: int, seed: int | None) -> list[Trial]:
    """Trials of random pairs of techniques on random sides. Views take turns, and so do pairs.

    Needs a view and two labels at least.
    """
    rng = random.Random(seed)
    pairs = [list(pair) for pair in itertools.combinations(labels, 2)]
    rng.shuffle(pairs)
    shuffled_views = rng.sample(list(views), len(views))
    trials = []
    for number in range(count):
        pair = list(pairs[number % len(pairs)])
        rng.shuffle(pair)
        # With as many pairs as views, each pair would keep its view: a further round of pairs moves on.
        view = shuffled_views[(number + number // len(pairs)) % len(views)]
        trials.append(Trial(view, pair[0], pair[1]))
    return trials
