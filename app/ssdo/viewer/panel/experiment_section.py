"""Buttons that start experiments and the blind test, and the curves of the last experiment."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from ssdo.settings import UserError
from ssdo.viewer.csv_files import list_experiment_rows, save_csv
from ssdo.viewer.curve_plot import draw_plot
from ssdo.viewer.experiment_kinds import EXPERIMENTS
from ssdo.viewer.experiments import Experiment
from ssdo.viewer.panel.blind_test_section import BlindTestSection
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.plot_lines import Line
from ssdo.viewer.render_scheduler import PAIR
from ssdo.viewer.screenshots import scene_stem

PLOT_HEIGHT = 150.0  # pixels, before scaling
TOOLTIPS = (
    "rotate the environment by 360 degrees: fraction of its light that reaches surfaces",
    "1 to 128 samples: error against the reference, and noise",
    "1/16 to 4 times the radius: error against the reference",
)
STOP_TOOLTIP = "end the experiment and restore all settings (Escape)"


class ExperimentSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context
        self.current: Experiment | None = None  # runs or is done
        self.blind_test = BlindTestSection(context)

    @property
    def is_running(self) -> bool:
        return self.blind_test.is_running or (self.current is not None and not self.current.is_done)

    def step(self) -> None:
        """Continue what runs. Call each frame."""
        if self.current:
            self.current.step(self.context.session)
        self.blind_test.step()

    def cancel(self) -> None:
        """End what runs, and restore the settings."""
        if self.current:
            self.current.end(self.context.session)
        self.blind_test.cancel()

    def draw(self) -> None:
        session, widgets = self.context.session, self.context.widgets
        imgui.dummy(ImVec2(0, 2 * self.context.scale))
        imgui.begin_disabled(self.is_running)
        pressed = widgets.button_row(list(EXPERIMENTS), None, TOOLTIPS, "experiments")
        imgui.end_disabled()
        if pressed:
            self.current = EXPERIMENTS[pressed](session)
            self.current.begin(session)
        if not self.is_running:
            self.blind_test.draw_start()
        elif widgets.button_row(["stop"], None, [STOP_TOOLTIP], "experiments"):
            self.cancel()
        if self.current:
            self._draw_experiment(self.current)

    def _draw_experiment(self, experiment: Experiment) -> None:
        widgets = self.context.widgets
        lines = list_lines(experiment)
        draw_plot(widgets, "experiment", lines, experiment.x_axis, experiment.y_axis, PLOT_HEIGHT)
        imgui.text_wrapped(experiment.explanation)
        widgets.store_rect("experiment explanation")
        if experiment.is_done:
            if experiment.outcome:
                imgui.text_wrapped(experiment.outcome)
                widgets.store_rect("experiment outcome")
            if experiment.reference_noise and widgets.button_row(["save CSV"], None, (), "experiment"):
                self._save(experiment)
        else:
            progress = experiment.progress(self.context.session)
            imgui.progress_bar(progress.fraction, ImVec2(-1, 6 * self.context.scale), "")
            widgets.muted_text(progress.text)

    def _save(self, experiment: Experiment) -> None:
        session = self.context.session
        stem = f"{scene_stem(session)}-{experiment.name.replace(' ', '-')}"
        try:
            path = save_csv(stem, list_experiment_rows(experiment))
        except UserError as error:
            session.error = str(error)
            return
        session.message = f"saved {path.absolute()}"


def list_lines(experiment: Experiment) -> list[Line]:
    """What the plot shows: each slot's values, and its noise where it is measured."""
    lines = []
    for slot in PAIR:
        name = f"{slot}: {experiment.labels[slot]}"
        margins = experiment.reference_noise if experiment.uses_reference else ()
        label = f"{name}, error" if experiment.measures_noise else name
        lines.append(Line(slot, label, experiment.curves[slot], margins=margins))
        if experiment.noise[slot]:
            lines.append(Line(slot, f"{name}, noise", experiment.noise[slot], is_dashed=True))
    return lines
