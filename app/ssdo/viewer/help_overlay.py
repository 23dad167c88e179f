"""The key help."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from ssdo.viewer import keys
from ssdo.viewer.overlay import FIXED_WINDOW
from ssdo.viewer.panel.action_row import draw_action_row
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.theme import THEME
from ssdo.viewer.widgets import Rect, Widgets, style_color

LEFT_GROUPS = ("compare", "view", "panel")  # of two columns
COLUMN_GAP, LABEL_GAP, LINE_GAP = 28.0, 14.0, 3.0  # pixels, before scaling
MIN_DESCRIPTION_WIDTH = 150.0  # pixels, before scaling; narrower ones stand below their key
Groups = list[tuple[str, list[keys.Key]]]


def draw_help(width: float, height: float, context: PanelContext) -> Rect:
    """Draw all keys in the middle of a window of that size, over the panel too. Returns the rectangle it covers.

    One column if two do not fit; it scrolls if it is too high.
    """
    scale, style = THEME.scale, imgui.get_style()
    groups = list(keys.group_keys().items())
    columns = [[entry for entry in groups if (entry[0] in LEFT_GROUPS) == is_left] for is_left in (True, False)]
    frame_width = 2 * style.window_padding.x + style.scrollbar_size
    column_widths = [_column_width(column, scale) for column in columns]
    two_columns_width = sum(column_widths) + COLUMN_GAP * scale + frame_width
    has_one_column = two_columns_width > width
    help_width = min(width, max(column_widths) + frame_width if has_one_column else two_columns_width)
    imgui.set_next_window_pos(ImVec2(width / 2, height / 2), 0, ImVec2(0.5, 0.5))
    imgui.set_next_window_size_constraints(ImVec2(help_width, 0), ImVec2(help_width, height))
    imgui.set_next_window_focus()
    imgui.push_style_var(imgui.StyleVar_.window_rounding.value, 8 * scale)
    imgui.begin("help", flags=FIXED_WINDOW | imgui.WindowFlags_.always_auto_resize.value)
    imgui.pop_style_var()
    imgui.push_style_var(imgui.StyleVar_.item_spacing.value, ImVec2(style.item_spacing.x, LINE_GAP * scale))
    if has_one_column:
        _draw_column(groups, help_width - frame_width, context.widgets)
    else:
        _draw_column(columns[0], column_widths[0], context.widgets)
        imgui.same_line(0, COLUMN_GAP * scale)
        _draw_column(columns[1], column_widths[1], context.widgets)
    imgui.pop_style_var()
    draw_action_row(context, "help")
    corner, size = imgui.get_window_pos(), imgui.get_window_size()
    imgui.end()
    return corner.x, corner.y, corner.x + size.x, corner.y + size.y


def _label_width(groups: Groups) -> float:
    return float(max(imgui.calc_text_size(key.label).x for _, group in groups for key in group))


def _column_width(groups: Groups, scale: float) -> float:
    """The width of a column whose lines do not wrap."""
    descriptions = max(imgui.calc_text_size(key.description).x for _, group in groups for key in group)
    return float(_label_width(groups) + LABEL_GAP * scale + descriptions + 1)


def _draw_column(groups: Groups, width: float, widgets: Widgets) -> None:
    scale = THEME.scale
    label_width = _label_width(groups) + LABEL_GAP * scale
    if width - label_width < MIN_DESCRIPTION_WIDTH * scale:
        label_width = 0.0
    imgui.begin_group()
    x_start = imgui.get_cursor_pos_x()
    for name, group in groups:
        widgets.heading(name.capitalize())
        for key in group:
            with style_color(imgui.Col_.text, THEME.accent):
                imgui.text(key.label)
            widgets.store_rect(f"key {key.label}")
            if label_width:
                imgui.same_line()
            # `same_line` with an offset would count the column's place twice
            imgui.set_cursor_pos_x(x_start + label_width)
            imgui.push_text_wrap_pos(x_start + width)
            imgui.text(key.description)
            widgets.store_rect(f"description {key.label}")
            imgui.pop_text_wrap_pos()
        imgui.dummy(ImVec2(0, 6 * scale))
    imgui.end_group()
