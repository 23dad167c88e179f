"""The key help."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from ssdo.viewer import keys
from ssdo.viewer.overlay import FIXED_WINDOW
from ssdo.viewer.theme import THEME
from ssdo.viewer.widgets import Rect, Widgets, style_color

FIRST_COLUMN_GROUPS = 2


def draw_help(width: float, height: float, scale: float, widgets: Widgets) -> Rect:
    """Draw all keys in the middle of a window of that size, over the panel too. Returns the rectangle it covers."""
    imgui.set_next_window_pos(ImVec2(width / 2, height / 2), 0, ImVec2(0.5, 0.5))
    imgui.set_next_window_size_constraints(ImVec2(0, 0), ImVec2(width, height))
    imgui.set_next_window_focus()
    imgui.push_style_var(imgui.StyleVar_.window_rounding.value, 8 * scale)
    imgui.begin("help", flags=FIXED_WINDOW | imgui.WindowFlags_.always_auto_resize.value)
    imgui.pop_style_var()
    groups = list(keys.group_keys().items())
    _draw_column(groups[:FIRST_COLUMN_GROUPS], scale, widgets)
    imgui.same_line(0, 28 * scale)
    _draw_column(groups[FIRST_COLUMN_GROUPS:], scale, widgets)
    corner, size = imgui.get_window_pos(), imgui.get_window_size()
    imgui.end()
    return corner.x, corner.y, corner.x + size.x, corner.y + size.y


def _draw_column(groups: list[tuple[str, list[keys.Key]]], scale: float, widgets: Widgets) -> None:
    imgui.begin_group()
    for name, group in groups:
        widgets.heading(name.capitalize())
        label_width = max(imgui.calc_text_size(key.label).x for key in group) + 14 * scale
        x_start = imgui.get_cursor_pos_x()
        for key in group:
            with style_color(imgui.Col_.text, THEME.accent):
                imgui.text(key.label)
            imgui.same_line()
            # `same_line` with an offset would count the column's place twice
            imgui.set_cursor_pos_x(x_start + label_width)
            imgui.text(key.description)
        imgui.dummy(ImVec2(0, 6 * scale))
    imgui.end_group()
