"""Timings by pass, curves over time, the error against the reference, and experiments."""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

from imgui_bundle import ImVec2, imgui

from ssdo.viewer.buffers import TARGET_SUFFIX
from ssdo.viewer.curve_plot import draw_curves
from ssdo.viewer.experiments import Curves
from ssdo.viewer.panel.action_row import draw_action_checkbox
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.panel.experiment_section import ExperimentSection
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.status import describe_slot, format_ms
from ssdo.viewer.theme import SLOT_COLORS, THEME
from ssdo.viewer.widgets import style_color, to_u32, with_alpha

MAX_MEASUREMENTS = 240
MEASURE_INTERVAL = 0.25  # seconds
ERROR_PLOT_HEIGHT, TIME_PLOT_HEIGHT = 74.0, 54.0  # pixels, before scaling
TIME_COLUMN_WIDTH = 70.0


class Measurement(NamedTuple):
    """Frame times and errors at a time, by slot."""

    seconds: float
    milliseconds: dict[Slot, float]
    errors: dict[Slot, float]  # RMSE


class MeasurementSection:
    def __init__(self, context: PanelContext, experiments: ExperimentSection) -> None:
        self.context = context
        self.experiments = experiments
        self.measurements: deque[Measurement] = deque(maxlen=MAX_MEASUREMENTS)
        self._start = time.perf_counter()
        # the most passes listed so far, by slot and technique: items below the list keep their place
        self._row_counts: dict[tuple[Slot, str], int] = {}

    def measure(self) -> None:
        """Add a measurement, if the last one is old enough. Call each frame."""
        session, seconds = self.context.session, time.perf_counter() - self._start
        if self.measurements and seconds - self.measurements[-1].seconds < MEASURE_INTERVAL:
            return
        slots = session.visible_slots
        times = {slot: session.scheduler.frame_ms(slot) for slot in slots}
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
        for slot in session.visible_slots:
            self._draw_passes(slot)
        times: Curves = {
            slot: [(m.seconds, m.milliseconds[slot]) for m in self.measurements if slot in m.milliseconds]
            for slot in session.visible_slots
        }
        draw_curves("times", times, TIME_PLOT_HEIGHT, self.context.scale, unit="ms")
        widgets.muted_text(
            f"Medians of up to 15 frames, {session.scheduler.timer_text}. Click a pass to show its output."
        )
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

    def _draw_passes(self, slot: Slot) -> None:
        """The passes of the last frame, with a bar for the time of each."""
        session, widgets = self.context.session, self.context.widgets
        frame_ms, passes = session.scheduler.frame_ms(slot), session.renders[slot].timer.last_frame
        is_pair = len(session.visible_slots) == 2
        with style_color(imgui.Col_.text, SLOT_COLORS[slot], is_pair):
            imgui.text(describe_slot(session, slot).partition(",")[0] if is_pair else "frame")
        widgets.right_aligned_text(format_ms(frame_ms) if frame_ms is not None else "measuring")
        longest_ms = max((ms for ms in passes.values() if ms), default=1.0)
        for name, ms in passes.items():
            self._draw_pass(slot, name, ms, (ms or 0.0) / longest_ms)
        kind = slot, session.shot(slot).technique.group
        self._row_counts[kind] = max(self._row_counts.get(kind, 0), len(passes))
        for _ in range(self._row_counts[kind] - len(passes)):
            imgui.text("")

    def _draw_pass(self, slot: Slot, name: str, ms: float | None, bar_fraction: float) -> None:
        widgets, scale = self.context.widgets, self.context.scale
        width, line_height = imgui.get_content_region_avail().x, imgui.get_text_line_height_with_spacing()
        corner = imgui.get_cursor_screen_pos()
        bar_end = ImVec2(corner.x + width * bar_fraction, corner.y + line_height - 3 * scale)
        imgui.get_window_draw_list().add_rect_filled(corner, bar_end, to_u32(with_alpha(SLOT_COLORS[slot], 0.22)), 3.0)
        with style_color(imgui.Col_.text, THEME.muted_text):
            text = f"  {name.replace(':', ' ')}##{slot}{name}"
            if imgui.selectable(text, False, 0, ImVec2(width - TIME_COLUMN_WIDTH * scale, 0))[0]:
                self._show_pass(slot, name)
            widgets.store_rect(f"pass {slot} {name}")
            imgui.set_item_tooltip("show its output" + ("; rendered for the other slot" if ms is None else ""))
            widgets.right_aligned_text("-" if ms is None else format_ms(ms))

    def _show_pass(self, slot: Slot, name: str) -> None:
        """Show the first texture that a pass has drawn into."""
        session = self.context.session
        path = session.gpu.last_target_name.get(f"{session.renders[slot].scope}/{name.partition(' ')[0]}", "")
        target = path.partition("/")[2]
        for buffer in session.view_renderer.buffers(slot):
            label = buffer.removesuffix(TARGET_SUFFIX)
            if buffer.endswith(TARGET_SUFFIX) and (label == target or label.startswith(f"{target} ")):
                session.display.buffer = buffer
                session.message = f"output of {name}: {label}"
                return
