"""A small plot of curves, one for each slot."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from imgui_bundle import ImVec2, imgui

from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.theme import SLOT_COLORS, THEME
from ssdo.viewer.widgets import to_u32, with_alpha

Points = Sequence[tuple[float, float]]
MAX_MARKERS = 40  # a curve with more points has a marker at its end only


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
    width, height = imgui.get_content_region_avail().x, height * scale
    corner = imgui.get_cursor_screen_pos()
    imgui.invisible_button(tag, ImVec2(width, height))
    draw_list = imgui.get_window_draw_list()
    background = to_u32(with_alpha(THEME.text, 0.05))
    draw_list.add_rect_filled(corner, ImVec2(corner.x + width, corner.y + height), background, 4.0)
    curves = {slot: [p for p in points if _is_plottable(p, is_log)] for slot, points in curves.items()}
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return
    x_min, x_max = min(x for x, _ in points), max(x for x, _ in points)
    y_min, y_max = min(_axis_value(y, is_log) for _, y in points), max(_axis_value(y, is_log) for _, y in points)
    if starts_at_zero and not is_log:
        y_min = min(y_min, 0.0)
    padding = 4 * scale
    x_range, y_range = max(x_max - x_min, 1e-12), max(y_max - y_min, 0.1 if is_log else 1e-12)

    def to_screen(point: tuple[float, float]) -> ImVec2:
        x, y = point[0], _axis_value(point[1], is_log)
        return ImVec2(
            corner.x + padding + (x - x_min) / x_range * (width - 2 * padding),
            corner.y + height - padding - (y - y_min) / y_range * (height - 2 * padding),
        )

    for slot, curve in curves.items():
        color = to_u32(SLOT_COLORS[slot])
        positions = [to_screen(point) for point in curve]
        for a, b in itertools.pairwise(positions):
            draw_list.add_line(a, b, color, 1.8 * scale)
        for position in positions[-1:] if len(positions) > MAX_MARKERS else positions:
            draw_list.add_circle_filled(position, 2.4 * scale, color)

    text_color = to_u32(THEME.muted_text)
    low, high = (10**y_min, 10**y_max) if is_log else (y_min, y_max)
    bottom = corner.y + height - imgui.get_text_line_height() - 1
    x_text = f"{x_min:.3g} to {x_max:.3g}"
    right = corner.x + width - imgui.calc_text_size(x_text).x - padding
    draw_list.add_text(ImVec2(corner.x + padding, corner.y + 1), text_color, f"{high:.3g} {unit}".rstrip())
    draw_list.add_text(ImVec2(corner.x + padding, bottom), text_color, f"{low:.3g}")
    draw_list.add_text(ImVec2(right, bottom), text_color, x_text)


def _is_plottable(point: tuple[float, float], is_log: bool) -> bool:
    x, y = point
    return math.isfinite(x) and math.isfinite(y) and (y > 0 or not is_log)


def _axis_value(y: float, is_log: bool) -> float:
    return math.log10(y) if is_log else y
