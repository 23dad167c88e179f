"""A small plot of curves, one for each slot."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imgui_bundle import ImVec2, imgui

from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.theme import SLOT_COLORS, THEME, Color
from ssdo.viewer.widgets import to_u32, with_alpha

Points = Sequence[tuple[float, float]]
MAX_MARKERS = 40  # a longer curve has a marker at its end only


@dataclass(frozen=True)
class Axes:
    """Maps points to a rectangle of the screen."""

    corner: ImVec2
    size: ImVec2
    padding: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]  # exponents of ten if logarithmic
    is_log: bool

    def to_screen(self, point: tuple[float, float]) -> ImVec2:
        (x_min, x_max), (y_min, y_max) = self.x_range, self.y_range
        x = (point[0] - x_min) / max(x_max - x_min, 1e-12)
        y = (_axis_value(point[1], self.is_log) - y_min) / max(y_max - y_min, 0.1 if self.is_log else 1e-12)
        return ImVec2(
            self.corner.x + self.padding + x * (self.size.x - 2 * self.padding),
            self.corner.y + self.size.y - self.padding - y * (self.size.y - 2 * self.padding),
        )


def draw_curves(
    tag: str,
    curves: Mapping[Slot, Points],
    height: float,
    scale: float,
    *,
    is_log: bool = False,
    unit: str = "",
    starts_at_zero: bool = True,
) -> None:
    """Plot curves over a common x axis, with the ends of both axes as text.

    `height`: pixels, before `scale`. `is_log`: logarithmic y axis. `starts_at_zero`: of a linear y axis.
    """
    corner, size = imgui.get_cursor_screen_pos(), ImVec2(imgui.get_content_region_avail().x, height * scale)
    imgui.invisible_button(tag, size)
    background = to_u32(with_alpha(THEME.text, 0.05))
    end = ImVec2(corner.x + size.x, corner.y + size.y)
    imgui.get_window_draw_list().add_rect_filled(corner, end, background, 4.0)
    curves = {slot: [p for p in points if _is_plottable(p, is_log)] for slot, points in curves.items()}
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return
    x_values, y_values = [x for x, _ in points], [_axis_value(y, is_log) for _, y in points]
    y_min = min(*y_values, 0.0) if starts_at_zero and not is_log else min(y_values)
    axes = Axes(corner, size, 4 * scale, (min(x_values), max(x_values)), (y_min, max(y_values)), is_log)
    for slot, curve in curves.items():
        _draw_curve([axes.to_screen(point) for point in curve], SLOT_COLORS[slot], scale)
    _draw_axis_labels(axes, unit)


def _draw_curve(positions: Sequence[ImVec2], color: Color, scale: float) -> None:
    """Lines, with a marker at each point, or at the end of a long curve."""
    draw_list = imgui.get_window_draw_list()
    for a, b in itertools.pairwise(positions):
        draw_list.add_line(a, b, to_u32(color), 1.8 * scale)
    for position in positions[-1:] if len(positions) > MAX_MARKERS else positions:
        draw_list.add_circle_filled(position, 2.4 * scale, to_u32(color))


def _draw_axis_labels(axes: Axes, unit: str) -> None:
    draw_list, color, corner = imgui.get_window_draw_list(), to_u32(THEME.muted_text), axes.corner
    low, high = (10**y if axes.is_log else y for y in axes.y_range)
    x_min, bottom = corner.x + axes.padding, corner.y + axes.size.y - imgui.get_text_line_height() - 1
    x_text = f"{axes.x_range[0]:.3g} to {axes.x_range[1]:.3g}"
    right = corner.x + axes.size.x - imgui.calc_text_size(x_text).x - axes.padding
    draw_list.add_text(ImVec2(x_min, corner.y + 1), color, f"{high:.3g} {unit}".rstrip())
    draw_list.add_text(ImVec2(x_min, bottom), color, f"{low:.3g}")
    draw_list.add_text(ImVec2(right, bottom), color, x_text)


def _is_plottable(point: tuple[float, float], is_log: bool) -> bool:
    x, y = point
    return math.isfinite(x) and math.isfinite(y) and (y > 0 or not is_log)


def _axis_value(y: float, is_log: bool) -> float:
    return math.log10(y) if is_log else y
