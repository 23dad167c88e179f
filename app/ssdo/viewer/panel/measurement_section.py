"""Times of passes, curves over time, the error against the reference, and experiments."""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

from imgui_bundle import imgui

from ssdo.viewer.curve_plot import draw_curves
from ssdo.viewer.experiments import Curves
from ssdo.viewer.panel.action_row import draw_action_checkbox
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.panel.experiment_section import ExperimentSection
from ssdo.viewer.panel.pass_list import PassList
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.theme import SLOT_COLORS
from ssdo.viewer.widgets import style_color

MAX_MEASUREMENTS = 240
MEASURE_INTERVAL = 0.25  # seconds
ERROR_PLOT_HEIGHT, TIME_PLOT_HEIGHT = 74.0, 54.0  # pixels, before scaling


class Measurement(NamedTuple):
    """Times of the techniques and errors at a time, by slot."""

    seconds: float
    milliseconds: dict[Slot, float]
    errors: dict[Slot, float]  # RMSE


class MeasurementSection:
    def __init__(self, context: PanelContext, experiments: ExperimentSection) -> None:
        self.context = context
        self.experiments = experiments
        self.measurements: deque[Measurement] = deque(maxlen=MAX_MEASUREMENTS)
        self._start = time.perf_counter()
        self.passes = PassList(context)

    def measure(self) -> None:
        """Add a measurement, if the last one is old enough. Call each frame."""
        session, seconds = self.context.session, time.perf_counter() - self._start
        if self.measurements and seconds - self.measurements[-1].seconds < MEASURE_INTERVAL:
            return
        slots = session.visible_slots
        times = {slot: session.scheduler.lighting_ms(slot) for slot in slots}
        is_complete = session.reference_enabled and all(session.is_idle(slot) for slot in slots)
        errors = {slot: session.metrics.rmse(slot) for slot in slots} if is_complete else {}
        self.measurements.append(
            Measurement(
                seconds,
                {slot: ms for slot, ms in times.items() if ms is not None},
                {slot: error for slot, error in errors.items() if error is not None},
            )
        )

    def draw(self) -> None:
        session, widgets = self.context.session, self.context.widgets
        if not widgets.section("Measurements", is_open=True):
            return
        draw_action_checkbox(self.context, "reference", session.reference_enabled)
        if session.reference_enabled:
            self._draw_errors()
        self.passes.draw()
        times: Curves = {
            slot: [(m.seconds, m.milliseconds[slot]) for m in self.measurements if slot in m.milliseconds]
            for slot in session.visible_slots
        }
        draw_curves("times", times, TIME_PLOT_HEIGHT, self.context.scale, unit="ms")
        self.experiments.draw()

    def _draw_errors(self) -> None:
        session, widgets = self.context.session, self.context.widgets
        widgets.muted_text(f"reference: {session.renders['reference'].convergence.text}")
        for slot in session.visible_slots:
            error = session.metrics.rmse(slot) if session.is_idle(slot) else None
            with style_color(imgui.Col_.text, SLOT_COLORS[slot]):
                imgui.text(f"{slot}: RMSE " + ("measuring" if error is None else f"{error:.4f}"))
        errors: Curves = {
            slot: [(m.seconds, m.errors[slot]) for m in self.measurements if slot in m.errors]
            for slot in session.visible_slots
        }
        draw_curves("errors", errors, ERROR_PLOT_HEIGHT, self.context.scale, is_log=True, unit="RMSE")
