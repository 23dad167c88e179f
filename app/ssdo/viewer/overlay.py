"""Drawn over the image: labels of the slots, the divider's handle, the status line, messages."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from ssdo.viewer.session import Session
from ssdo.viewer.status import SEPARATOR, StatusLine, describe_slot
from ssdo.viewer.theme import SLOT_COLORS, THEME, Color
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
HANDLE_COLOR: Color = (0.95, 0.95, 0.95, 0.95)
ARROW_COLOR: Color = (0.15, 0.16, 0.18, 1.0)


class Overlay:
    """Draws behind the panel. `viewport_width`: what the panel leaves of the window, in its units."""

    def __init__(self, session: Session, scale: float) -> None:
        self.session = session
        self.scale = scale
        self.status_line = StatusLine(session)

    def draw_labels(self, viewport_width: float) -> None:
        """Labels of both slots beside the divider, or one label at the left."""
        session, display = self.session, self.session.display
        if display.shows_two_images:
            self._draw_split_labels(viewport_width)
            return
        x_min = 12 * self.scale
        if display.view == "difference":
            a, b = describe_slot(session, "A"), describe_slot(session, "B")
            self._draw_tag(x_min, f"|A - B| x{display.gain}:  A {a},  B {b}", viewport_width)
        elif len(session.visible_slots) == 2 or display.is_flipped or display.view == "A":
            slot = display.single_slot
            self._draw_tag(x_min, f"{slot}: {describe_slot(session, slot)}", viewport_width, SLOT_COLORS[slot])

    def _draw_split_labels(self, viewport_width: float) -> None:
        session, scale, display = self.session, self.scale, self.session.display
        divider = display.divider_px(session.size[0]) / self._pixel_ratio
        for slot, is_left in zip(display.side_slots, (True, False), strict=True):
            text = f"{slot}: {describe_slot(session, slot)}"
            if display.view == "error" and (error := session.metrics.rmse(slot)) is not None:
                text += f", RMSE {error:.4f}"
            width = imgui.calc_text_size(text).x + 18 * scale
            x_min = max(8 * scale, divider - 12 * scale - width) if is_left else divider + 12 * scale
            right = divider - 12 * scale if is_left else viewport_width - 8 * scale
            self._draw_tag(x_min, text, right, SLOT_COLORS[slot])
        if display.view != "side by side":
            self._draw_handle(divider)

    @property
    def _pixel_ratio(self) -> float:
        return float(imgui.get_io().display_framebuffer_scale.x) or 1.0

    def _draw_handle(self, divider: float) -> None:
        scale, draw_list = self.scale, imgui.get_background_draw_list()
        y = imgui.get_io().display_size.y / 2
        draw_list.add_circle_filled(ImVec2(divider, y), 11 * scale, to_u32(HANDLE_COLOR), 32)
        for direction in (-1, 1):
            x = divider + direction * 3.2 * scale
            draw_list.add_triangle_filled(
                ImVec2(x, y - 4 * scale),
                ImVec2(x, y + 4 * scale),
                ImVec2(x + direction * 4.5 * scale, y),
                to_u32(ARROW_COLOR),
            )

    def _draw_tag(self, x_min: float, text: str, right: float, color: Color = TEXT_COLOR) -> None:
        """Text on a dark background at the top, if it fits between left and right."""
        scale, draw_list = self.scale, imgui.get_background_draw_list()
        size, padding, top = imgui.calc_text_size(text), 9 * scale, 12 * scale
        width = size.x + 2 * padding
        if x_min + width > right + 1:
            return
        corner = ImVec2(x_min + width, top + size.y + 10 * scale)
        draw_list.add_rect_filled(ImVec2(x_min, top), corner, to_u32(BACKGROUND_COLOR), 5 * scale)
        draw_list.add_text(ImVec2(x_min + padding, top + 5 * scale), to_u32(color), text)

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

    def draw_messages(self, viewport_width: float, bottom: float, file_to_load: str) -> None:
        """The error and the message, above the status line."""
        session, scale = self.session, self.scale
        lines = [(session.error, ERROR_COLOR, ERROR_COLOR)] if session.error else []
        if file_to_load:
            lines = [(f"loading {file_to_load} ...", TEXT_COLOR, THEME.accent)]
        elif session.message:
            lines.append((session.message, TEXT_COLOR, THEME.accent))
        for text, text_color, bar_color in reversed(lines):
            height = imgui.calc_text_size(text, wrap_width=viewport_width - 48 * scale).y + 14 * scale
            bottom -= height + 8 * scale
            self._draw_message(text, bottom, viewport_width - 48 * scale, text_color, bar_color)

    def _draw_message(self, text: str, top: float, wrap_width: float, text_color: Color, bar_color: Color) -> None:
        scale, draw_list = self.scale, imgui.get_background_draw_list()
        size = imgui.calc_text_size(text, wrap_width=wrap_width)
        x_min, bottom = 12 * scale, top + size.y + 14 * scale
        background, bar = to_u32(BACKGROUND_COLOR), to_u32(bar_color)
        draw_list.add_rect_filled(ImVec2(x_min, top), ImVec2(size.x + 36 * scale, bottom), background, 5 * scale)
        draw_list.add_rect_filled(ImVec2(x_min, top), ImVec2(x_min + 3 * scale, bottom), bar, 2 * scale)
        position = ImVec2(24 * scale, top + 7 * scale)
        font, font_size = imgui.get_font(), imgui.get_font_size()
        draw_list.add_text(font, font_size, position, to_u32(text_color), text, wrap_width)
