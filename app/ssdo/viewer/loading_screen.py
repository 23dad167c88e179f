"""What the window shows while a scene is loaded: its name, and how far that is."""

from __future__ import annotations

import time
from collections.abc import Callable

from imgui_bundle import ImVec2, imgui
from moderngl_window.context.base import BaseWindow

from ssdo.scene.files.progress import LoadCancelledError
from ssdo.viewer.imgui_renderer import ImguiRenderer
from ssdo.viewer.overlay import TEXT_COLOR
from ssdo.viewer.theme import THEME
from ssdo.viewer.widgets import to_u32, with_alpha

BACKGROUND_COLOR = 0.05, 0.05, 0.06, 1.0  # of the window, where no image is
INTERVAL = 0.1  # seconds between redraws
MIN_PERCENT_COUNT = 10000  # larger counts, as of bytes, are shown as a percentage
BAR_WIDTH, BAR_HEIGHT = 320.0, 6.0  # pixels, before scaling


class LoadingScreen:
    """Draws itself into the window. `take_escape`: whether Escape was pressed, which cancels; None: nothing does."""

    def __init__(
        self,
        wnd: BaseWindow,
        ui: ImguiRenderer,
        scale: float,
        name: str,
        take_escape: Callable[[], bool] | None = None,
    ) -> None:
        self._wnd, self._ui, self._scale = wnd, ui, scale
        self._take_escape = take_escape
        self._name = name
        self._last_draw = 0.0

    def draw(self, text: str = "", fraction: float | None = None) -> None:
        """Show the name, and below it a text and a bar of a fraction."""
        self._last_draw = time.perf_counter()
        self._ui.resize()  # the event of a resized window waits
        self._wnd.use()
        self._wnd.clear(*BACKGROUND_COLOR)
        self._ui.begin_frame()
        width, height = imgui.get_io().display_size
        draw_list, line = imgui.get_background_draw_list(), imgui.get_text_line_height()
        hint = "Escape cancels" if self._take_escape else ""
        for row, label in enumerate((f"loading {self._name}", text, hint)):
            left = (width - imgui.calc_text_size(label).x) / 2
            draw_list.add_text(ImVec2(left, height / 2 + (3 * row - 2) * line), to_u32(TEXT_COLOR), label)
        if fraction is not None:
            bar_width = min(BAR_WIDTH * self._scale, 0.8 * width)
            left, top = (width - bar_width) / 2, height / 2
            bottom = top + BAR_HEIGHT * self._scale
            color = to_u32(with_alpha(THEME.text, 0.2))
            draw_list.add_rect_filled(ImVec2(left, top), ImVec2(left + bar_width, bottom), color)
            end = left + min(max(fraction, 0.0), 1.0) * bar_width
            draw_list.add_rect_filled(ImVec2(left, top), ImVec2(end, bottom), to_u32(THEME.accent))
        self._ui.end_frame(self._wnd.fbo)
        self._wnd.swap_buffers()

    def report(self, step: str, done: int, total: int) -> None:
        """Show the progress of a reader: see `files.progress`. Raises LoadCancelledError after Escape."""
        if time.perf_counter() - self._last_draw < INTERVAL:
            return
        fraction = done / max(total, 1)
        text = f"{done} of {total}" if total < MIN_PERCENT_COUNT else f"{100 * fraction:.0f} %"
        self.draw(f"{step}: {text}", fraction)
        if self._take_escape is not None and self._take_escape():
            raise LoadCancelledError
