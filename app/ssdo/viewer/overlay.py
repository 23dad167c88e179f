"""Drawn over the image: the status line."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from ssdo.viewer.session import Session
from ssdo.viewer.status import SEPARATOR, StatusLine
from ssdo.viewer.theme import THEME, Color
from ssdo.viewer.widgets import to_u32

FIXED_WINDOW = (
    imgui.WindowFlags_.no_title_bar.value
    | imgui.WindowFlags_.no_resize.value
    | imgui.WindowFlags_.no_collapse.value
    | imgui.WindowFlags_.no_move.value
    | imgui.WindowFlags_.no_saved_settings.value
)
TEXT_COLOR: Color = (0.95, 0.96, 0.97, 1.0)
BACKGROUND_COLOR: Color = (0.05, 0.055, 0.065, 0.84)
ERROR_COLOR: Color = (0.96, 0.55, 0.42, 1.0)


class Overlay:
    """Draws behind the panel. `viewport_width`: what the panel leaves of the window, in its units."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.status_line = StatusLine(session)

    @property
    def scale(self) -> float:
        return THEME.scale

    def draw_status(self, viewport_width: float, height: float, bar_height: float) -> None:
        """The status line. Its first parts are dropped if it is too long: the panel shows them too."""
        scale, draw_list = self.scale, imgui.get_background_draw_list()
        top = height - bar_height
        draw_list.add_rect_filled(ImVec2(0, top), ImVec2(viewport_width, height), to_u32(BACKGROUND_COLOR))
        parts = self.status_line.text.split(SEPARATOR)
        while len(parts) > 1 and imgui.calc_text_size(SEPARATOR.join(parts)).x > viewport_width - 24 * scale:
            parts.pop(0 if len(parts) > 2 else -1)
        y = height - bar_height / 2 - imgui.get_text_line_height() / 2
        draw_list.add_text(ImVec2(14 * scale, y), to_u32(TEXT_COLOR), SEPARATOR.join(parts))
