"""Experiments in one click: turn the light, climb the samples, climb the radius, and see what each slot makes of it.

An experiment changes the session step by step, waits each time until both pictures are at rest, measures, and puts all
back as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ssdo.render.gbuffer import BACKGROUND
from ssdo.render.technique import POINTS
from ssdo.settings import UserError
from ssdo.viewer.render_scheduler import PAIR, Slot
from ssdo.viewer.session import Session, State

LUMINANCE = np.array((0.2126, 0.7152, 0.0722))
TURNS = tuple(range(0, 361, 15))  # degrees
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
SHARES = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)  # of the radius


@dataclass
class Experiment:
    """One that runs or has run. `curves`: what was measured, by slot, as points (x, y)."""

    name: str
    what: str  # of x, in words
    measures: str  # of y, in words
    steps: Sequence[float]
    apply: Callable[[Session, float], None]
    measure: Callable[[Session, Slot], float]
    curves: dict[Slot, list[tuple[float, float]]] = field(default_factory=lambda: {"A": [], "B": []})
    done: bool = False
    _before: State | None = None
    _view: str = ""
    _at: int = -1

    def begin(self, session: Session) -> None:
        """Show both, and start."""
        self._before, self._view = session.state(), session.look.view
        if len(session.shown) < 2:
            session.look.view = "split"
        self._next(session)

    def _next(self, session: Session) -> None:
        self._at += 1
        if self._at == len(self.steps):
            self.end(session)
            session.note = f"{self.name}: done"
        else:
            session.note = f"{self.name}: {self._at + 1} of {len(self.steps)} (Escape ends it)"
            self.apply(session, self.steps[self._at])

    def end(self, session: Session) -> None:
        """Put back what was before; at the end, or where it is interrupted."""
        if not self.done and self._before:
            session.restore(self._before)
            session.look.view = self._view
        self.done = True

    def step(self, session: Session) -> None:
        """Call after each frame: goes on where both pictures are what was asked for."""
        if self.done or not all(at_rest(session, slot) for slot in PAIR):
            return
        for slot in PAIR:
            self.curves[slot].append((self.steps[self._at], self.measure(session, slot)))
        try:
            self._next(session)
        except UserError as problem:
            self.end(session)
            session.error = str(problem)


def at_rest(session: Session, slot: Slot) -> bool:
    """Whether a slot's picture is what is asked for, at its full size, and as steady as it gets where light is
    remembered.
    """
    side, shot = session.sides[slot], session.shot(slot)
    if shot.remembers and session.stage.grows(slot, shot):
        return False
    return side.failed is None and side.asked == shot and side.scale >= session.stage.rest(slot, shot)


def dimming(session: Session, slot: Slot) -> float:
    """How much of the environment's light is left, by luminance, mean over surfaces: what SSAO decides without looking
    at where it comes from.
    """
    picture = session.sides[slot].picture
    assert picture
    bare = session.lens.buffers(slot)["unoccluded"]().texture
    surface = session.gpu.read(picture.view.gbuffer.depth)[..., 0] < BACKGROUND
    light, everything = (session.gpu.read(t)[surface][:, :3] @ LUMINANCE for t in (picture.lighting.direct, bare))
    lit = everything > 0
    return float((light[lit] / everything[lit]).mean()) if lit.any() else float("nan")


def error(session: Session, slot: Slot) -> float:
    """RMSE against the truth; not known before there is one."""
    return session.lens.rmse(slot) or float("nan")


def _turn(session: Session, angle: float) -> None:
    for slot in PAIR:
        session.change({"sky.rotation": angle}, slot)


def _samples(session: Session, count: float) -> None:
    for slot in PAIR:
        session.techniques[slot] = session.techniques[slot].with_budget(int(count))


def turn_the_light(session: Session) -> Experiment:
    """The environment goes round: SSAO stays flat where SSDO follows."""
    return Experiment(
        "turning the light", "degrees", "share of the environment's light that is left", TURNS, _turn, dimming
    )


def climb_samples(session: Session) -> Experiment:
    """1 to 128 samples; where one takes slices, from what a slice looks up."""
    able = [
        count
        for count in COUNTS
        if all(t.with_budget(count) != t.with_budget(2 * count) for t in session.techniques.values() if t.sample_param)
    ]
    what = (
        "samples"
        if len({t.sample_param for t in session.techniques.values() if t.sample_param}) < 2
        else f"samples, or slices of as many times {POINTS} points"
    )
    return Experiment("sample ladder", what, "RMSE against the truth", able, _samples, error)


def climb_radius(session: Session) -> Experiment:
    """A sixteenth of B's radius to four times it."""
    fitted = [session.techniques[slot].resolve_lengths(session.scene.size).values() for slot in ("B", "A")]
    radius = next((values["radius"] for values in fitted if "radius" in values), session.scene.size)

    def apply(s: Session, value: float) -> None:
        for slot in PAIR:
            if (t := s.techniques[slot]).sample_param:
                s.techniques[slot] = t.with_values({"radius": value})

    steps = [round(radius * share, 6) for share in SHARES if 1e-4 <= radius * share <= 1e4]
    return Experiment("radius ladder", "metres", "RMSE against the truth", steps, apply, error)
