"""Draws legends over the image, one above the other, at the lower left of the viewport."""

from __future__ import annotations

from collections.abc import Sequence

from imgui_bundle import ImVec2, imgui

from ssdo.viewer.legend import Legend
from ssdo.viewer.overlay import BACKGROUND_COLOR, TEXT_COLOR
from ssdo.viewer.widgets import Rect, to_u32

MARGIN, PADDING, GAP = 12.0, 9.0, 4.0  # pixels, before scaling
BAR_WIDTH, BAR_HEIGHT, TICK_HEIGHT = 300.0, 12.0, 3.0
MAX_HEIGHT_FRACTION = 0.6  # of the viewport: a taller legend loses its notes, then its title


def draw_legends(legends: Sequence[Legend], viewport_width: float, bottom: float, scale: float) -> Rect | None:
    """Draw legends above `bottom`, in the panel's units, and return what they cover."""
    rects: list[Rect] = []
    top, max_height = bottom, MAX_HEIGHT_FRACTION * bottom / max(len(legends), 1)
    for legend in reversed(legends):
        layout = _fit(legend, viewport_width, max_height, scale)
        if layout:
            rect = layout.draw(top - MARGIN * scale)
            rects.append(rect)
            top = rect[1]
    return (rects[0][0], top, max(rect[2] for rect in rects), bottom - MARGIN * scale) if rects else None


def _fit(legend: Legend, viewport_width: float, max_height: float, scale: float) -> _Layout | None:
    """The layout of as much of a legend as there is room for."""
    bar_width = min(BAR_WIDTH * scale, viewport_width - 2 * (MARGIN + PADDING) * scale)
    shorter = legend._replace(notes=())
    layouts = (_Layout(part, bar_width, scale) for part in (legend, shorter, shorter._replace(title="")))
    return next((layout for layout in layouts if layout.height <= max_height), None)


class _Layout:
    """A legend of a width: its title and its notes are wrapped."""

    def __init__(self, legend: Legend, bar_width: float, scale: float) -> None:
        self.legend, self.bar_width, self.scale = legend, bar_width, scale
        self._line_height = imgui.get_text_line_height()

    @property
    def height(self) -> float:
        gaps = GAP * (len(self.legend.notes) + bool(self.legend.title)) + BAR_HEIGHT + TICK_HEIGHT + 2 * PADDING
        texts = [self.legend.title, *self.legend.notes]
        return gaps * self.scale + self._line_height + sum(map(self._text_height, texts))

    def _text_height(self, text: str) -> float:
        return float(imgui.calc_text_size(text, wrap_width=self.bar_width).y) if text else 0.0

    def draw(self, bottom: float) -> Rect:
        scale, legend, draw_list = self.scale, self.legend, imgui.get_background_draw_list()
        left, top = MARGIN * scale, bottom - self.height
        rect = left, top, left + self.bar_width + 2 * PADDING * scale, bottom
        background = to_u32(BACKGROUND_COLOR)
        draw_list.add_rect_filled(ImVec2(*rect[:2]), ImVec2(*rect[2:]), background, 5 * scale)
        x, y = left + PADDING * scale, top + PADDING * scale
        if legend.title:
            y = self._draw_text(legend.title, x, y)
        self._draw_bar(x, y)
        y = self._draw_ticks(x, y + BAR_HEIGHT * scale)
        for note in legend.notes:
            y = self._draw_text(note, x, y + GAP * scale) - GAP * scale
        return rect

    def _draw_text(self, text: str, x: float, y: float) -> float:
        """Draw wrapped text, and return where the next part begins."""
        font, size = imgui.get_font(), imgui.get_font_size()
        color = to_u32(TEXT_COLOR)
        imgui.get_background_draw_list().add_text(font, size, ImVec2(x, y), color, text, self.bar_width)
        return y + self._text_height(text) + GAP * self.scale

    def _draw_bar(self, x: float, y: float) -> None:
        draw_list, colors = imgui.get_background_draw_list(), self.legend.colors
        for i, color in enumerate(colors):
            left, right = (x + round(self.bar_width * edge / len(colors)) for edge in (i, i + 1))
            corner = ImVec2(right, y + BAR_HEIGHT * self.scale)
            rgba = color[0] / 255, color[1] / 255, color[2] / 255, 1.0
            draw_list.add_rect_filled(ImVec2(left, y), corner, to_u32(rgba))

    def _draw_ticks(self, x: float, y: float) -> float:
        """Numbers below the bar: the ends first, then those that do not touch others. Returns their lower end."""
        draw_list, scale, color = imgui.get_background_draw_list(), self.scale, to_u32(TEXT_COLOR)
        spans: list[tuple[float, float]] = []
        for position, text in sorted(self.legend.ticks, key=lambda tick: (tick[0] not in (0, 1), tick[0] != 0.5)):
            width = imgui.calc_text_size(text).x
            left = x + min(max(position * self.bar_width - width / 2, 0.0), self.bar_width - width)
            if any(left < end + 6 * scale and left + width > start - 6 * scale for start, end in spans):
                continue
            spans.append((left, left + width))
            tick = min(x + position * self.bar_width, x + self.bar_width - 1)
            draw_list.add_line(ImVec2(tick, y), ImVec2(tick, y + TICK_HEIGHT * scale), color, max(1.0, scale))
            draw_list.add_text(ImVec2(left, y + TICK_HEIGHT * scale), color, text)
        return y + TICK_HEIGHT * scale + self._line_height
