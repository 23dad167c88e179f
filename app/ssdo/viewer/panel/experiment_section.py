"""Buttons that start experiments, and the curves of the last one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from imgui_bundle import ImVec2, imgui

from ssdo.viewer.curve_plot import draw_curves
from ssdo.viewer.experiments import Experiment, rotate_environment, sweep_radius, sweep_samples
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.session import Session

PLOT_HEIGHT = 96.0  # pixels, before scaling
EXPERIMENTS: Mapping[str, Callable[[Session], Experiment]] = {
    "rotate environment": rotate_environment,
    "samples": sweep_samples,
    "radius": sweep_radius,
}
TOOLTIPS = (
    "rotate the environment by 360 degrees: SSAO stays constant, SSDO changes",
    "1 to 128 samples: error against the reference",
    "1/16 to 4 times the radius: error against the reference",
)


class ExperimentSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context
        self.current: Experiment | None = None  # runs or is done

    @property
    def is_running(self) -> bool:
        return self.current is not None and not self.current.is_done

    def step(self) -> None:
        """Continue the current experiment. Call each frame."""
        if self.current:
            self.current.step(self.context.session)

    def draw(self) -> None:
        session, widgets = self.context.session, self.context.widgets
        imgui.dummy(ImVec2(0, 2 * self.context.scale))
        names = (*EXPERIMENTS, "stop") if self.is_running else tuple(EXPERIMENTS)
        pressed = widgets.button_row(names, None, TOOLTIPS, "experiments")
        if pressed == "stop" and self.current:
            self.current.end(session)
        elif pressed and not self.is_running:
            self.current = EXPERIMENTS[pressed](session)
            self.current.begin(session)
        if self.current:
            experiment = self.current
            widgets.muted_text(f"{experiment.name}: {experiment.y_label}, over {experiment.x_label}")
            draw_curves(
                "experiment",
                experiment.curves,
                PLOT_HEIGHT,
                self.context.scale,
                is_log=experiment.uses_reference,
                starts_at_zero=False,
            )
