"""Plots of curves: numbers along both axes, a legend, error bars, and values under the mouse."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from imgui_bundle import ImVec2, imgui

from ssdo.viewer.plot_axes import Axis, format_tick
from ssdo.viewer.plot_lines import (
    Line,
    Points,
    describe_values,
    find_nearest_x,
    list_margin_ends,
    list_margins,
    list_plottable,
)
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.theme import SLOT_COLORS, THEME, Color
from ssdo.viewer.widgets import Widgets, style_color, to_u32, with_alpha

MAX_MARKERS = 40  # a longer curve has a marker at its end only
LINE_WIDTH, MARKER_RADIUS = 1.8, 2.4  # pixels, before scaling
DASH, GAP = 4.0, 3.0  # pixels, before scaling
TICK_GAP = 4.0  # between a number and the frame; pixels, before scaling
SAMPLE_WIDTH = 18.0  # of a line in the legend; pixels, before scaling


class Frame(NamedTuple):
    """Where the axes lie on the screen, and what range they show."""

    low: ImVec2  # left and top
    high: ImVec2  # right and bottom
    x_axis: Axis
    y_axis: Axis
    x_range: tuple[float, float]  # places along the axes
    y_range: tuple[float, float]

    def x(self, value: float) -> float:
        start, end = self.x_range
        return self.low.x + (self.x_axis.to_linear(value) - start) / (end - start) * (self.high.x - self.low.x)

    def y(self, value: float) -> float:
        start, end = self.y_range
        return self.high.y - (self.y_axis.to_linear(value) - start) / (end - start) * (self.high.y - self.low.y)


def draw_plot(widgets: Widgets, tag: str, lines: Sequence[Line], x_axis: Axis, y_axis: Axis, height: float) -> None:
    """Plot lines over common axes, with the legend above and the label of the x axis below.

    `height`: of the frame with the numbers; pixels, before scaling.
    """
    if y_axis.label:
        widgets.muted_text(y_axis.label)
    _draw_legend(widgets, lines)
    _draw_area(tag, lines, x_axis, y_axis, height, widgets.scale)
    widgets.store_rect(tag)
    if x_axis.label:
        _center_text(widgets, x_axis.label)


def draw_curves(
    tag: str, curves: Mapping[Slot, Points], height: float, scale: float, *, is_log: bool = False, unit: str = ""
) -> None:
    """Plot curves over time in seconds, without a legend. `is_log`: logarithmic y axis, else it starts at 0.

    `height`: pixels, before `scale`.
    """
    lines = [Line(slot, str(slot), points) for slot, points in curves.items()]
    y_axis = Axis(scale="log10" if is_log else "linear", unit=unit, starts_at_zero=not is_log)
    _draw_area(tag, lines, Axis(unit="s"), y_axis, height, scale)


def _draw_area(tag: str, lines: Sequence[Line], x_axis: Axis, y_axis: Axis, height: float, scale: float) -> None:
    """The frame with its numbers and lines, and the values under the mouse."""
    corner, width = imgui.get_cursor_screen_pos(), max(imgui.get_content_region_avail().x, 1.0)
    size = ImVec2(width, height * scale)
    imgui.invisible_button(tag, size)
    is_hovered = imgui.is_item_hovered()
    draw_list = imgui.get_window_draw_list()
    draw_list.push_clip_rect(corner, ImVec2(corner.x + size.x, corner.y + size.y), True)
    frame = _draw_axes(corner, size, lines, x_axis, y_axis, scale)
    if frame:
        for line in lines:
            _draw_line(frame, line, scale)
    draw_list.pop_clip_rect()
    if frame and is_hovered:
        _draw_values(frame, lines, scale)


# ---- axes ----


def _draw_axes(
    corner: ImVec2, size: ImVec2, lines: Sequence[Line], x_axis: Axis, y_axis: Axis, scale: float
) -> Frame | None:
    """The frame and the numbers along it. None: there is nothing to plot yet."""
    color, gap, line_height = to_u32(THEME.muted_text), TICK_GAP * scale, imgui.get_text_line_height()
    points = [point for line in lines for point in list_plottable(line, x_axis, y_axis)]
    bottom = corner.y + size.y - line_height - gap
    if not points:
        _draw_background(corner, ImVec2(corner.x + size.x, bottom))
        return None
    x_range = x_axis.fit_range([x for x, _ in points])
    y_range = y_axis.fit_range([*(y for _, y in points), *list_margin_ends(lines, y_axis)])
    y_ticks = y_axis.find_ticks(*y_range, int((bottom - corner.y) / (1.6 * line_height)))
    y_texts = _tick_texts(y_axis, y_ticks)
    left = corner.x + max(imgui.calc_text_size(text).x for text in y_texts) + gap if y_texts else corner.x
    frame = Frame(ImVec2(left, corner.y), ImVec2(corner.x + size.x, bottom), x_axis, y_axis, x_range, y_range)
    _draw_background(frame.low, frame.high)
    draw_list, grid = imgui.get_window_draw_list(), to_u32(with_alpha(THEME.text, 0.08))
    for tick, text in zip(y_ticks, y_texts, strict=True):
        y = frame.y(tick)
        draw_list.add_line(ImVec2(left, y), ImVec2(frame.high.x, y), grid, 1.0)
        text_y = min(max(y - line_height / 2, corner.y), bottom - line_height)
        draw_list.add_text(ImVec2(left - gap - imgui.calc_text_size(text).x, text_y), color, text)
    x_ticks, x_texts = _fit_x_ticks(frame)
    for tick, text in zip(x_ticks, x_texts, strict=True):
        x, width = frame.x(tick), imgui.calc_text_size(text).x
        draw_list.add_line(ImVec2(x, corner.y), ImVec2(x, bottom), grid, 1.0)
        text_x = min(max(x - width / 2, corner.x), frame.high.x - width)
        draw_list.add_text(ImVec2(text_x, bottom + gap / 2), color, text)
    return frame


def _draw_background(low: ImVec2, high: ImVec2) -> None:
    draw_list = imgui.get_window_draw_list()
    draw_list.add_rect_filled(low, high, to_u32(with_alpha(THEME.text, 0.05)), 3.0)


def _fit_x_ticks(frame: Frame) -> tuple[list[float], list[str]]:
    """As many numbers as fit side by side."""
    width = frame.high.x - frame.low.x
    for count in range(10, 0, -1):
        ticks = frame.x_axis.find_ticks(*frame.x_range, count)
        texts = _tick_texts(frame.x_axis, ticks)
        text_width = sum(imgui.calc_text_size(text + "0").x for text in texts)
        if text_width <= width and len(ticks) <= count:
            return ticks, texts
    return [], []


def _tick_texts(axis: Axis, ticks: Sequence[float]) -> list[str]:
    """The numbers; the last one with the unit."""
    texts = [format_tick(tick) for tick in ticks]
    return [*texts[:-1], f"{texts[-1]} {axis.unit}".rstrip()] if texts else []


# ---- lines ----


def _draw_line(frame: Frame, line: Line, scale: float) -> None:
    """The curve, with a marker at each point, or at the end of a long curve, and error bars."""
    draw_list, color = imgui.get_window_draw_list(), SLOT_COLORS[line.slot]
    points = list_plottable(line, frame.x_axis, frame.y_axis)
    positions = [ImVec2(frame.x(x), frame.y(y)) for x, y in points]
    for a, b in itertools.pairwise(positions):
        _draw_segment(a, b, color, line.is_dashed, scale)
    for position in positions[-1:] if len(positions) > MAX_MARKERS else positions:
        draw_list.add_circle_filled(position, MARKER_RADIUS * scale, to_u32(color))
    for x, low, high in list_margins(line):
        if frame.y_axis.has_place(high):
            bottom = min(frame.y(low), frame.high.y) if frame.y_axis.has_place(low) else frame.high.y
            bar = ImVec2(frame.x(x), frame.y(high)), ImVec2(frame.x(x), bottom)
            draw_list.add_line(*bar, to_u32(with_alpha(color, 0.6)), scale)


def _draw_segment(a: ImVec2, b: ImVec2, color: Color, is_dashed: bool, scale: float) -> None:
    draw_list, width = imgui.get_window_draw_list(), LINE_WIDTH * scale
    length = math.dist((a.x, a.y), (b.x, b.y))
    if not is_dashed or length <= 0:
        draw_list.add_line(a, b, to_u32(color), width)
        return
    for start in itertools.takewhile(lambda s: s < length, itertools.count(0.0, (DASH + GAP) * scale)):
        u, v = start / length, min(start + DASH * scale, length) / length
        dash_start, dash_end = (ImVec2(a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)) for t in (u, v))
        draw_list.add_line(dash_start, dash_end, to_u32(color), width)


# ---- text ----


def _draw_legend(widgets: Widgets, lines: Sequence[Line]) -> None:
    """A row of line samples with their labels, which wraps."""
    scale, is_first = widgets.scale, True
    for line in lines:
        if not line.label:
            continue
        width = imgui.calc_text_size(line.label).x + (SAMPLE_WIDTH + 6) * scale
        if not is_first:
            imgui.same_line(0, 12 * scale)
            if imgui.get_content_region_avail().x < width:
                imgui.new_line()
        is_first = False
        start = imgui.get_cursor_screen_pos()
        y = start.y + imgui.get_text_line_height() / 2
        end = ImVec2(start.x + SAMPLE_WIDTH * scale, y)
        _draw_segment(ImVec2(start.x, y), end, SLOT_COLORS[line.slot], line.is_dashed, scale)
        imgui.dummy(ImVec2(SAMPLE_WIDTH * scale, imgui.get_text_line_height()))
        imgui.same_line(0, 6 * scale)
        with style_color(imgui.Col_.text, SLOT_COLORS[line.slot]):
            imgui.text(line.label)
        widgets.store_rect(f"legend {line.label}")


def _center_text(widgets: Widgets, text: str) -> None:
    """A line in the middle, or wrapped if it is too long."""
    free = imgui.get_content_region_avail().x - imgui.calc_text_size(text).x
    if free > 0:
        imgui.set_cursor_pos_x(imgui.get_cursor_pos_x() + free / 2)
    widgets.muted_text(text)


def _draw_values(frame: Frame, lines: Sequence[Line], scale: float) -> None:
    """The values at the x nearest to the mouse, and a line there."""
    mouse = imgui.get_mouse_pos()
    x = find_nearest_x(lines, lambda x: abs(frame.x(x) - mouse.x) if frame.x_axis.has_place(x) else math.inf)
    if x is None or not frame.x_axis.has_place(x):
        return
    top, bottom = ImVec2(frame.x(x), frame.low.y), ImVec2(frame.x(x), frame.high.y)
    imgui.get_window_draw_list().add_line(top, bottom, to_u32(with_alpha(THEME.text, 0.4)), scale)
    if not imgui.begin_tooltip():
        return
    imgui.text(
        f"{frame.x_axis.label}: {format_tick(x)}" if frame.x_axis.label else f"{format_tick(x)} {frame.x_axis.unit}"
    )
    for slot, text in describe_values(lines, x):
        with style_color(imgui.Col_.text, SLOT_COLORS[slot]):
            imgui.text(text)
    imgui.end_tooltip()
