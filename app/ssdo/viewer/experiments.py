"""Experiments: vary one parameter step by step, wait until both slots are rendered, and measure each.

At the end, or if it is cancelled, an experiment restores the settings from before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ssdo.measure.metrics import LUMINANCE
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.technique import DEFAULT_STEPS
from ssdo.settings import UserError
from ssdo.viewer.render_scheduler import PAIR, Slot
from ssdo.viewer.session import Session
from ssdo.viewer.slots import SlotState

ROTATIONS = tuple(range(0, 361, 15))  # degrees
SAMPLE_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
RADIUS_FACTORS = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
MIN_RADIUS, MAX_RADIUS = 1e-4, 1e4  # metres
Curves = dict[Slot, list[tuple[float, float]]]


@dataclass
class Experiment:
    """An experiment that runs or is done. `curves` holds its measurements, by slot, as points (x, y)."""

    name: str
    x_label: str
    y_label: str
    steps: Sequence[float]  # values of x
    apply: Callable[[Session, float], None]
    measure: Callable[[Session, Slot], float]
    uses_reference: bool
    curves: Curves = field(default_factory=lambda: {"A": [], "B": []})
    is_done: bool = False
    _initial_state: SlotState | None = None
    _initial_view: str = ""
    _step_index: int = -1

    def begin(self, session: Session) -> None:
        """Show both slots, and start."""
        self._initial_state, self._initial_view = session.slots.state(), session.display.view
        if len(session.visible_slots) < 2:
            session.display.view = "split"
        session.reference_enabled = session.reference_enabled or self.uses_reference
        self._next_step(session)

    def _next_step(self, session: Session) -> None:
        self._step_index += 1
        if self._step_index == len(self.steps):
            self.end(session)
            session.message = f"{self.name}: done"
        else:
            session.message = f"{self.name}: {self._step_index + 1} of {len(self.steps)} (Escape cancels)"
            self.apply(session, self.steps[self._step_index])

    def end(self, session: Session) -> None:
        """Restore the settings from before; at the end, or to cancel."""
        if not self.is_done and self._initial_state:
            session.slots.restore(self._initial_state)
            session.display.view = self._initial_view
        self.is_done = True

    def step(self, session: Session) -> None:
        """Call after each frame: measures and continues if both slots are idle."""
        if self.is_done or not all(session.is_idle(slot) for slot in PAIR):
            return
        for slot in PAIR:
            self.curves[slot].append((self.steps[self._step_index], self.measure(session, slot)))
        try:
            self._next_step(session)
        except UserError as error:
            self.end(session)
            session.error = str(error)


def rotate_environment(session: Session) -> Experiment:
    """Rotate the environment by 360 degrees. The visibility of SSAO stays constant, that of SSDO changes."""

    def apply(session: Session, degrees: float) -> None:
        for slot in PAIR:
            session.change({"sky.rotation": degrees}, slot)

    return Experiment(
        "environment rotation",
        "degrees",
        "visible fraction of the environment's light",
        ROTATIONS,
        apply,
        measure_visible_light,
        uses_reference=False,
    )


def sweep_samples(session: Session) -> Experiment:
    """1 to 128 samples. Slice techniques start at the count that one slice of texture fetches equals."""

    def apply(session: Session, count: float) -> None:
        for slot, technique in session.slots.techniques.items():
            session.slots.techniques[slot] = technique.with_budget(int(count))

    techniques = [technique for technique in session.slots.techniques.values() if technique.sample_param]
    counts = [n for n in SAMPLE_COUNTS if all(t.with_budget(n) != t.with_budget(2 * n) for t in techniques)]
    has_one_kind = len({technique.sample_param for technique in techniques}) < 2
    x_label = "samples" if has_one_kind else f"samples, or slices with {DEFAULT_STEPS} fetches per sample"
    return Experiment(
        "sample sweep", x_label, "RMSE against the reference", counts, apply, measure_rmse, uses_reference=True
    )


def sweep_radius(session: Session) -> Experiment:
    """1/16 to 4 times the radius of B, or of A if B has none."""

    def apply(session: Session, metres: float) -> None:
        for slot, technique in session.slots.techniques.items():
            if technique.sample_param:
                session.slots.techniques[slot] = technique.with_values({"radius": metres})

    length_scale = session.scene.length_scale
    resolved = [session.slots.techniques[slot].resolve_lengths(length_scale).values() for slot in ("B", "A")]
    radius = next((values["radius"] for values in resolved if "radius" in values), length_scale)
    steps = [round(radius * f, 6) for f in RADIUS_FACTORS if MIN_RADIUS <= radius * f <= MAX_RADIUS]
    return Experiment(
        "radius sweep", "metres", "RMSE against the reference", steps, apply, measure_rmse, uses_reference=True
    )


def measure_visible_light(session: Session, slot: Slot) -> float:
    """Fraction of the environment's light that reaches the surfaces, by luminance, mean over surfaces."""
    result = session.renders[slot].result
    assert result
    unoccluded_texture = session.view_renderer.buffers(slot)["unoccluded light"]().texture
    is_surface = session.gpu.read(result.inputs.gbuffer.depth)[..., 0] < BACKGROUND_DEPTH
    direct, unoccluded = (
        session.gpu.read(texture)[is_surface][:, :3] @ LUMINANCE
        for texture in (result.lighting.direct, unoccluded_texture)
    )
    has_light = unoccluded > 0
    return float((direct[has_light] / unoccluded[has_light]).mean()) if has_light.any() else float("nan")


def measure_rmse(session: Session, slot: Slot) -> float:
    """RMSE against the reference; NaN before there is one."""
    return session.metrics.rmse(slot) or float("nan")
