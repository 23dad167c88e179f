"""Experiments: vary one parameter step by step, wait until A and B are rendered, and measure both.

An error is measured once the noise of the reference is well below it. At the end, or if it is cancelled, an experiment
restores the settings from before. It ends when the user changes something meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ssdo.gpu.target import Size
from ssdo.measure.references import MIN_REFERENCE_FRAMES
from ssdo.settings import UserError
from ssdo.viewer.converged_results import FRAMES, ConvergedResult
from ssdo.viewer.plot_axes import Axis
from ssdo.viewer.render_scheduler import PAIR, SLOTS, Slot
from ssdo.viewer.session import Session
from ssdo.viewer.settings_snapshot import SettingsSnapshot

MAX_NOISE_RATIO = 0.2  # of the reference's noise to the smallest error: 2 % of it, before the noise is subtracted
MAX_REFERENCE_FRAMES = 256
Curves = dict[Slot, list[tuple[float, float]]]


def _empty_curves() -> Curves:
    return {"A": [], "B": []}


class Progress(NamedTuple):
    """How far an experiment is."""

    fraction: float  # 0 to 1
    text: str


@dataclass
class Experiment:
    """An experiment that runs or is done. `curves` holds its measurements, by slot, as points (x, y)."""

    name: str
    explanation: str  # what is varied, what is measured, and what to look for
    x_axis: Axis
    y_axis: Axis
    steps: Sequence[float]  # values of x
    apply: Callable[[Session, float], None]
    measure: Callable[[Session, Slot], float]
    conclude: Callable[[Experiment], str]  # the outcome, from the curves
    prepare: Callable[[Session], None] = lambda session: None  # settings that are the same in all steps
    cost: Callable[[float], float] = lambda x: 1.0  # relative time of a step, to predict the time left
    uses_reference: bool = False
    measures_noise: bool = False
    curves: Curves = field(default_factory=_empty_curves)
    noise: Curves = field(default_factory=_empty_curves)  # distance to the technique's own converged result
    reference_noise: list[float] = field(default_factory=list)  # at each step; its standard error
    labels: dict[Slot, str] = field(default_factory=dict)  # of the techniques
    outcome: str = ""
    is_done: bool = False
    _snapshot: SettingsSnapshot | None = None
    _image_size: Size = (0, 0)
    _converged: dict[Slot, ConvergedResult] = field(default_factory=dict)
    _step_index: int = 0
    _needed_frames: int = MIN_REFERENCE_FRAMES  # of the reference
    _stage: str = ""
    _stage_start: tuple[float, float] = (0.0, 0.0)  # time, and fraction that was done then
    _stage_end: float | None = None  # predicted time
    _last_fraction: float = 0.0

    # ---- start and end ----

    def begin(self, session: Session) -> None:
        """Show both slots, and start."""
        self.labels = {slot: session.slots.mode_label(slot) for slot in PAIR}
        self._snapshot = SettingsSnapshot(session)
        if len(session.visible_slots) < 2:
            session.display.view = "split"
        session.reference_enabled = session.reference_enabled or self.uses_reference
        self._image_size = session.image_size
        self.prepare(session)
        self._apply_step(session)

    def end(self, session: Session, message: str = "") -> None:
        """Restore the settings from before; at the end, or to cancel."""
        if self.is_done:
            return
        self.is_done = True
        for converged in self._converged.values():
            converged.free_targets()
        self._converged.clear()
        if self._snapshot:
            self._snapshot.restore(session)
        session.message = message or f"{self.name}: cancelled"
        step_count = len(self.reference_noise)
        if step_count == len(self.steps):
            self.outcome = self.conclude(self)
        elif step_count:
            self.outcome = f"Ended after {step_count} of {len(self.steps)} steps: no conclusion."

    def _apply_step(self, session: Session) -> None:
        try:
            self.apply(session, self.steps[self._step_index])
        except UserError as error:
            self.end(session, f"{self.name}: ended, {error}")
            return
        if self._snapshot:
            self._snapshot.accept(session)

    # ---- one frame ----

    def step(self, session: Session) -> None:
        """Call after each frame: measures and continues if both slots are idle and their references are ready."""
        if self.is_done:
            return
        if reason := self._find_interruption(session):
            self.end(session, f"{self.name}: ended, {reason}")
            return
        if not all(session.is_idle(slot) for slot in PAIR):
            self._note_stage(session, "steps", self._step_progress)
        elif self.uses_reference and not self._is_reference_ready(session):
            count = session.renders["reference"].convergence.frame_count
            self._note_stage(session, f"reference {self._step_index}", count / self._needed_frames)
        elif self.measures_noise and not self._draw_converged(session):
            self._note_stage(session, "converged", self._converged_fraction)
        else:
            self._measure_step(session)

    def _find_interruption(self, session: Session) -> str:
        """Why the experiment cannot go on; empty: it can."""
        assert self._snapshot
        if change := self._snapshot.find_change(session):
            return change
        if session.visible_slots != PAIR:
            return "the view no longer shows A and B"
        if session.image_size != self._image_size:
            return "the size of the image was changed"
        slots: Sequence[Slot] = SLOTS if self.uses_reference else PAIR
        failed = [slot for slot in slots if session.renders[slot].failed_shot == session.shot(slot)]
        return f"{failed[0]} cannot be rendered: {session.error}" if failed else ""

    def _is_reference_ready(self, session: Session) -> bool:
        """Whether the reference's noise is well below the errors, or will not get there in reasonable time."""
        if not session.is_idle("reference"):
            return False
        convergence = session.renders["reference"].convergence
        count, noise = convergence.frame_count, convergence.noise
        if count < self._needed_frames or noise is None:
            return False
        measured_slots = [slot for slot in PAIR if not session.slots.techniques[slot].progressive]
        errors = [error for error in (self.measure(session, slot) for slot in measured_slots) if math.isfinite(error)]
        target = MAX_NOISE_RATIO * min(errors, default=math.inf)
        if noise <= target or count >= MAX_REFERENCE_FRAMES:
            return True
        target_count = count * (noise / target) ** 2 if target else math.inf
        self._needed_frames = math.ceil(min(max(target_count, count + 1), 4 * count, MAX_REFERENCE_FRAMES))
        return False

    def _draw_converged(self, session: Session) -> bool:
        """Draw the next frame of the converged results. Returns whether they are complete."""
        if not self._converged:
            for slot in PAIR:
                technique = session.slots.techniques[slot]
                if technique.sample_param:
                    shot = replace(session.shot(slot), technique=technique.as_converged())
                    self._converged[slot] = ConvergedResult(session.gpu, shot)
        for converged in self._converged.values():
            if not converged.is_complete:
                try:
                    converged.draw_frame(session.scheduler)
                except UserError as error:
                    self.end(session, f"{self.name}: ended, {error}")
                return False
        return True

    def _measure_step(self, session: Session) -> None:
        x = self.steps[self._step_index]
        noise = session.renders["reference"].convergence.noise if self.uses_reference else None
        self.reference_noise.append(noise or 0.0)
        for slot in PAIR:
            self.curves[slot].append((x, self.measure(session, slot)))
            if slot in self._converged:
                noise_of_slot = self._converged[slot].measure_noise(session.metrics.radiance(slot))
                self.noise[slot].append((x, noise_of_slot))
        self._step_index += 1
        if self._step_index == len(self.steps):
            self.end(session, f"{self.name}: done")
            return
        self._apply_step(session)
        self._note_stage(session, "steps", self._step_progress)

    # ---- progress ----

    @property
    def _step_progress(self) -> float:
        """Fraction of the steps' time that is done."""
        costs = [self.cost(x) for x in self.steps]
        return sum(costs[: self._step_index]) / sum(costs)

    @property
    def _converged_fraction(self) -> float:
        total = FRAMES * max(len(self._converged), 1)
        return sum(converged.frame_count for converged in self._converged.values()) / total

    def _note_stage(self, session: Session, stage: str, fraction: float) -> None:
        """Note what runs, and predict the time that is left of it from its time so far."""
        if self.is_done:  # drawing has ended it
            return
        now = session.now()
        if stage != self._stage:
            self._stage, self._stage_start, self._stage_end = stage, (now, fraction), None
        elif fraction != self._last_fraction:
            start, first_fraction = self._stage_start
            speed = (fraction - first_fraction) / max(now - start, 1e-9)
            self._stage_end = now + (1 - fraction) / speed if speed > 0 else None
        self._last_fraction = fraction
        session.message = f"{self.name}: {self.progress(session).text} (Escape cancels)"

    def progress(self, session: Session) -> Progress:
        """How far the experiment is, and the time left of its current stage."""
        left = ""
        if self._stage_end is not None:
            left = f", about {max(1, math.ceil(self._stage_end - session.now()))} s left"
        step = f"{min(self._step_index + 1, len(self.steps))} of {len(self.steps)} steps"
        if self._stage.startswith("reference"):
            count = session.renders["reference"].convergence.frame_count
            return Progress(
                self._step_progress, f"{step}, waits for the reference: {count} of {self._needed_frames} frames{left}"
            )
        if self._stage == "converged":
            frames = sum(converged.frame_count for converged in self._converged.values())
            total = FRAMES * len(self._converged)
            return Progress(self._step_progress, f"{step}, draws the converged results: {frames} of {total}{left}")
        return Progress(self._step_progress, f"{step}{left}")
