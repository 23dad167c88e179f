"""What the image shows, drawn over it: labels, legends, the divider's handle, and why an image is missing."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from ssdo.viewer.image_labels import ImageLabel, describe_missing, list_labels, shorten_label
from ssdo.viewer.legend import list_legends
from ssdo.viewer.legend_overlay import draw_legends
from ssdo.viewer.overlay import BACKGROUND_COLOR, TEXT_COLOR
from ssdo.viewer.session import Session
from ssdo.viewer.theme import SLOT_COLORS, THEME, Color
from ssdo.viewer.widgets import Rect, to_u32

HANDLE_COLOR: Color = (0.86, 0.86, 0.86, 0.9)
HOVERED_HANDLE_COLOR: Color = (1.0, 1.0, 1.0, 1.0)
DIVIDER_MARGIN = 8.0  # pixels on both sides of the divider in which it is grabbed
ARROW_COLOR: Color = (0.15, 0.16, 0.18, 1.0)
MARGIN, PADDING, TOP, HANDLE_RADIUS = 8.0, 6.0, 12.0, 11.0  # pixels, before scaling


class ImageOverlay:
    """Draws behind the panel. Positions are in the panel's units."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.rects: dict[str, Rect] = {}  # what the last frame covers: `label A`, `legend`, `missing`
        self.texts: dict[str, str] = {}  # of labels, as they were drawn

    @property
    def scale(self) -> float:
        return THEME.scale

    def draw(self, viewport_width: float, bottom: float) -> float:
        """Draw above `bottom`. Returns the lower end of what is still free."""
        self.rects, self.texts = {}, {}
        self._draw_labels(viewport_width)
        if texts := describe_missing(self.session):
            self._draw_missing(texts, viewport_width)
        if legend_rect := draw_legends(list_legends(self.session), viewport_width, bottom, self.scale):
            self.rects["legend"] = legend_rect
            bottom = legend_rect[1]
        return bottom

    # ---- labels ----

    def _draw_labels(self, viewport_width: float) -> None:
        """Labels on both sides of the divider, or one label at the left."""
        display, scale, labels = self.session.display, self.scale, list_labels(self.session)
        if len(labels) == 1:
            self._draw_label(labels[0], MARGIN * scale, viewport_width - MARGIN * scale)
            return
        divider, gap = display.divider_px(self.session.size[0]) / self._pixel_ratio, MARGIN * scale
        self._draw_label(labels[0], MARGIN * scale, divider - gap, is_right_aligned=True)
        self._draw_label(labels[1], divider + gap, viewport_width - MARGIN * scale)
        if display.view != "side by side":
            self._draw_handle(divider)

    @property
    def _pixel_ratio(self) -> float:
        return float(imgui.get_io().display_framebuffer_scale.x) or 1.0

    def _draw_label(self, label: ImageLabel, left: float, right: float, is_right_aligned: bool = False) -> None:
        """A label between left and right, shortened to fit."""
        padding = PADDING * self.scale

        def width(text: str) -> float:
            return float(imgui.calc_text_size(text).x) + 2 * padding

        text = shorten_label(label.texts, lambda text: width(text) <= right - left)
        if not text:
            return
        x = right - width(text) if is_right_aligned else left
        name = f"label {' '.join(label.slots)}"
        color = SLOT_COLORS[label.slots[0]] if len(label.slots) == 1 else TEXT_COLOR
        self.rects[name] = self._draw_tag(text, x, TOP * self.scale, color)
        self.texts[name] = text

    def _draw_tag(self, text: str, x: float, y: float, color: Color, wrap_width: float = 0.0) -> Rect:
        """Text on a dark background, with its upper left corner at (x, y)."""
        scale, draw_list, padding = self.scale, imgui.get_background_draw_list(), PADDING * self.scale
        size = imgui.calc_text_size(text, wrap_width=wrap_width or -1.0)
        rect = x, y, x + size.x + 2 * padding, y + size.y + 10 * scale
        draw_list.add_rect_filled(ImVec2(*rect[:2]), ImVec2(*rect[2:]), to_u32(BACKGROUND_COLOR), 5 * scale)
        font, font_size = imgui.get_font(), imgui.get_font_size()
        draw_list.add_text(font, font_size, ImVec2(x + padding, y + 5 * scale), to_u32(color), text, wrap_width)
        return rect

    def _draw_missing(self, texts: tuple[str, ...], viewport_width: float) -> None:
        """Why an image is missing: between the labels and the divider's handle."""
        scale = self.scale
        wrap_width = viewport_width - 2 * (MARGIN + PADDING) * scale
        top = max((rect[3] for rect in self.rects.values()), default=0.0) + MARGIN * scale
        bottom = imgui.get_io().display_size.y / 2 - (HANDLE_RADIUS + MARGIN) * scale
        for text in texts:
            size = imgui.calc_text_size(text, wrap_width=wrap_width)
            height = size.y + 10 * scale
            if top + height <= bottom or text is texts[-1]:
                x, y = (viewport_width - size.x) / 2 - PADDING * scale, max(top, (top + bottom - height) / 2)
                self.rects["missing"] = self._draw_tag(text, x, y, TEXT_COLOR, wrap_width)
                self.texts["missing"] = text
                return

    # ---- divider ----

    def _draw_handle(self, divider: float) -> None:
        scale, draw_list = self.scale, imgui.get_background_draw_list()
        io = imgui.get_io()
        y, is_hovered = io.display_size.y / 2, abs(io.mouse_pos.x - divider) <= DIVIDER_MARGIN
        radius, color = (HANDLE_RADIUS + 2, HOVERED_HANDLE_COLOR) if is_hovered else (HANDLE_RADIUS, HANDLE_COLOR)
        draw_list.add_circle_filled(ImVec2(divider, y), radius * scale, to_u32(color), 32)
        for direction in (-1, 1):
            x = divider + direction * 3.2 * scale
            draw_list.add_triangle_filled(
                ImVec2(x, y - 4 * scale),
                ImVec2(x, y + 4 * scale),
                ImVec2(x + direction * 4.5 * scale, y),
                to_u32(ARROW_COLOR),
            )
