"""What the turntable's video is like: frames, seconds, size."""

from __future__ import annotations

from ssdo.settings import Param
from ssdo.viewer import turntable
from ssdo.viewer.panel.action_row import draw_action_row
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.turntable import TurntableSettings

FRAMES = Param(turntable.MIN_FRAMES, turntable.MAX_FRAMES, log=True)
SECONDS = Param(turntable.MIN_SECONDS, turntable.MAX_SECONDS, log=True, unit="s")
PERCENT = Param(turntable.MIN_PERCENT, turntable.MAX_PERCENT, log=True, unit="%")


class TurntableSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context
        self.settings = TurntableSettings()

    def draw(self) -> None:
        widgets, settings = self.context.widgets, self.settings
        if not widgets.section("Turntable"):
            return
        frames = self._draw_slider(
            "frames", FRAMES, settings.frame_count, "more frames: smoother video, longer rendering"
        )
        settings.frame_count = round(frames)
        settings.seconds = self._draw_slider("seconds", SECONDS, settings.seconds, "duration of the video")
        percent = self._draw_slider("size", PERCENT, settings.percent, "relative to the image in the window")
        settings.percent = round(percent)
        widgets.muted_text(self._size_text)
        draw_action_row(self.context, "turntable")

    def _draw_slider(self, name: str, param: Param, value: float, tooltip: str) -> float:
        """Returns the value, within its range."""
        self.context.widgets.label(name, tooltip)
        assert param.min is not None and param.max is not None
        tag = f"##turntable {name}"
        _, value = self.context.rows.sliders.draw(tag, f"turntable {name}", param, value, param.min, param.max)
        return min(max(value, param.min), param.max)

    @property
    def _size_text(self) -> str:
        width, height = (round(n * self.settings.percent / 100) for n in self.context.session.image_size)
        return f"a video of {width} x {height} pixels"
