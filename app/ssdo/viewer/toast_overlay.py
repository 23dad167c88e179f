"""Draws the toasts over the image, above the status line: the newest at the bottom. A click dismisses one."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from ssdo.viewer.overlay import BACKGROUND_COLOR, ERROR_COLOR, TEXT_COLOR
from ssdo.viewer.theme import THEME
from ssdo.viewer.toasts import Toast, Toasts
from ssdo.viewer.widgets import Rect, to_u32, with_alpha

MAX_WIDTH = 620.0  # pixels, before scaling
MIN_LINES, MAX_LINES = 2, 6  # of a toast; a longer text is cut, and its tooltip is the whole
MAX_HEIGHT_FRACTION = 0.4  # of the image's height that toasts cover, so that its middle can be dragged
MARGIN, GAP = 12.0, 8.0  # pixels, before scaling: to the edges, between toasts
PADDING_X, PADDING_Y = 12.0, 7.0
BAR_HEIGHT = 3.0  # of the progress
CLOSE_SIGN = "\u00d7"
HOVERED_COLOR = (0.13, 0.14, 0.16, 0.92)


def draw_toasts(toasts: Toasts, viewport_width: float, bottom: float, scale: float) -> list[Rect]:
    """Draw as many toasts as have room, the newest first. Returns the rectangles that they cover."""
    highest = bottom * (1 - MAX_HEIGHT_FRACTION)
    free_height = bottom - highest - (GAP + 2 * PADDING_Y) * scale
    max_lines = max(MIN_LINES, min(MAX_LINES, int(free_height / imgui.get_text_line_height())))
    max_width = min(MAX_WIDTH * scale, viewport_width - 2 * MARGIN * scale)
    rects: list[Rect] = []
    text_width = max_width - 3 * PADDING_X * scale - imgui.calc_text_size(CLOSE_SIGN).x
    for toast in reversed(toasts.visible):
        text, size = fit_text(toast.text, text_width, max_lines)
        height = size.y + 2 * PADDING_Y * scale + (BAR_HEIGHT * scale if toast.fraction is not None else 0)
        top = bottom - GAP * scale - height
        if top < highest and rects:
            break
        width = size.x + 3 * PADDING_X * scale + imgui.calc_text_size(CLOSE_SIGN).x
        rect = MARGIN * scale, top, MARGIN * scale + width, top + height
        is_hovered = _draw_toast(toast, text, size.x, rect, scale)
        if is_hovered and text != toast.text:
            _show_tooltip(toast.text)
        if is_hovered and imgui.is_mouse_clicked(0):
            toasts.dismiss(toast)
        rects.append(rect)
        bottom = top
    return rects


def _show_tooltip(text: str) -> None:
    imgui.begin_tooltip()
    imgui.push_text_wrap_pos(0.9 * imgui.get_io().display_size.x)
    imgui.text(text)
    imgui.pop_text_wrap_pos()
    imgui.end_tooltip()


def fit_text(text: str, width: float, max_lines: int) -> tuple[str, ImVec2]:
    """The text, cut if it has more lines when it is wrapped, and its size."""
    max_height = max_lines * imgui.get_text_line_height() + 1
    size = imgui.calc_text_size(text, wrap_width=width)
    if size.y <= max_height:
        return text, size
    short, long = 0, len(text)  # numbers of characters that fit, and that do not
    while long - short > 1:
        middle = (short + long) // 2
        if imgui.calc_text_size(f"{text[:middle]} ...", wrap_width=width).y <= max_height:
            short = middle
        else:
            long = middle
    text = f"{text[:short]} ..."
    return text, imgui.calc_text_size(text, wrap_width=width)


def _draw_toast(toast: Toast, text: str, text_width: float, rect: Rect, scale: float) -> bool:
    """Returns whether the mouse is over it, and not over a window in front of it."""
    left, top, right, bottom = rect
    draw_list, mouse = imgui.get_background_draw_list(), imgui.get_io().mouse_pos
    is_inside = left <= mouse.x < right and top <= mouse.y < bottom
    is_hovered = is_inside and not imgui.is_window_hovered(imgui.HoveredFlags_.any_window.value)
    is_error = toast.kind == "error"
    background = HOVERED_COLOR if is_hovered else BACKGROUND_COLOR
    draw_list.add_rect_filled(ImVec2(left, top), ImVec2(right, bottom), to_u32(background), 5 * scale)
    bar_color = to_u32(ERROR_COLOR if is_error else THEME.accent)
    draw_list.add_rect_filled(ImVec2(left, top), ImVec2(left + 3 * scale, bottom), bar_color, 2 * scale)
    for x, label, color in (
        (left + PADDING_X * scale, text, ERROR_COLOR if is_error else TEXT_COLOR),
        (left + 2 * PADDING_X * scale + text_width, CLOSE_SIGN, TEXT_COLOR if is_hovered else THEME.muted_text),
    ):
        position, font_size = ImVec2(x, top + PADDING_Y * scale), imgui.get_font_size()
        # without rounding up, the last word of the widest line might be wrapped
        draw_list.add_text(imgui.get_font(), font_size, position, to_u32(color), label, wrap_width=text_width + 1)
    if toast.fraction is not None:
        bar_top, end = bottom - BAR_HEIGHT * scale, left + toast.fraction * (right - left)
        rest_color = to_u32(with_alpha(THEME.text, 0.2))
        draw_list.add_rect_filled(ImVec2(left, bar_top), ImVec2(right, bottom), rest_color)
        draw_list.add_rect_filled(ImVec2(left, bar_top), ImVec2(end, bottom), to_u32(THEME.accent))
    return is_hovered
