"""What the turntable's video is like: frames, seconds, size."""

from __future__ import annotations

from imgui_bundle import imgui

from ssdo.viewer import turntable
from ssdo.viewer.panel.action_row import draw_action_row
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.turntable import TurntableSettings


class TurntableSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context
        self.settings = TurntableSettings()

    def draw(self) -> None:
        widgets, settings = self.context.widgets, self.settings
        if not widgets.section("Turntable"):
            return
        widgets.label("frames", "number of frames of the video; more make it smoother and take longer")
        _, frames = imgui.slider_int("##turntable frames", settings.frame_count, turntable.MIN_FRAMES, 240)
        settings.frame_count = max(turntable.MIN_FRAMES, min(turntable.MAX_FRAMES, frames))
        widgets.store_rect("turntable frames")
        widgets.label("seconds", "duration of the video")
        _, seconds = imgui.slider_float("##turntable seconds", settings.seconds, turntable.MIN_SECONDS, 20.0, "%.1f s")
        settings.seconds = max(turntable.MIN_SECONDS, min(turntable.MAX_SECONDS, seconds))
        widgets.store_rect("turntable seconds")
        widgets.label("size", "width and height of the video, relative to the image in the window")
        _, percent = imgui.slider_int(
            "##turntable size", settings.percent, turntable.MIN_PERCENT, 200, self._format_size()
        )
        settings.percent = max(turntable.MIN_PERCENT, min(turntable.MAX_PERCENT, percent))
        widgets.store_rect("turntable size")
        draw_action_row(self.context, "turntable")

    def _format_size(self) -> str:
        width, height = (round(n * self.settings.percent / 100) for n in self.context.session.image_size)
        return f"%d %% ({width} x {height})"
