"""Sliders whose number stands beside the track. A click on the number, or Ctrl+click on the track, types a value."""

from __future__ import annotations

import math

from imgui_bundle import ImVec2, imgui

from ssdo.settings import Param
from ssdo.viewer.widgets import Widgets

NUMBER_GAP = 6.0  # pixels, before scaling, between the track and the number
NUMBER_INSET = 4.0  # pixels, before scaling, at the right of the number
TYPICAL_NUMBER = "0.0123 m"  # the column has room for it, so that most tracks have the same length
FOCUS_FRAMES = 4  # until the text field has the keyboard
MAX_NUMBER_FRACTION = 0.48  # of the width of both
INPUT_FLAGS = (
    imgui.InputTextFlags_.enter_returns_true.value
    | imgui.InputTextFlags_.auto_select_all.value
    | imgui.InputTextFlags_.chars_scientific.value
)


def format_number(value: float, unit: str = "") -> str:
    """Three digits, or all of a whole number, and the unit."""
    text = str(value) if isinstance(value, int) else f"{value:.3g}"
    return f"{text} {unit}".strip()


class NumberSliders:
    """Draws sliders. One number at a time is typed."""

    def __init__(self, widgets: Widgets) -> None:
        self.widgets = widgets
        self._typed_tag = ""  # of the slider whose number is typed; empty: none
        self._text = self._old_text = ""  # as it is typed, and before
        self._focus_frames = 0  # until the text field must have the keyboard

    def draw(self, tag: str, name: str, param: Param, value: float, low: float, high: float) -> tuple[bool, float]:
        """Draw a slider from `low` to `high` that fills the item's width. An int `value` stays one.

        Returns whether the value was changed, and the new value, which may be out of the range if it was typed.
        """
        width = imgui.calc_item_width()
        imgui.begin_group()
        if tag == self._typed_tag:
            is_changed, new_value = self._draw_input(tag, name, value, width)
        else:
            is_changed, new_value = self._draw_slider(tag, name, param, value, low, high, width)
        imgui.end_group()
        return is_changed, new_value

    def _draw_slider(
        self, tag: str, name: str, param: Param, value: float, low: float, high: float, width: float
    ) -> tuple[bool, float]:
        gap = NUMBER_GAP * self.widgets.scale
        number_width = _widest_number(param, value, low, high) + NUMBER_INSET * self.widgets.scale
        number_width = min(number_width, MAX_NUMBER_FRACTION * width)
        imgui.set_next_item_width(width - number_width - gap)
        flags = imgui.SliderFlags_.no_input.value | (imgui.SliderFlags_.logarithmic.value if param.log else 0)
        new_value: float
        if isinstance(value, int):
            is_changed, new_value = imgui.slider_int(tag, value, int(low), int(high), "", flags)
        else:
            is_changed, new_value = imgui.slider_float(tag, value, low, high, "", flags)
            new_value = float(f"{new_value:.3g}") if math.isfinite(new_value) else value
        self.widgets.store_rect(f"row {name}")
        is_typing = imgui.get_io().key_ctrl and imgui.is_item_clicked(0)
        imgui.same_line(0, gap)
        is_typing |= self._draw_number(tag, param, new_value if is_changed else value, number_width)
        self.widgets.store_rect(f"number {name}")
        if is_typing:
            self._typed_tag, self._focus_frames = tag, FOCUS_FRAMES
            self._text = self._old_text = f"{value:.6g}"
            is_changed = False  # the click has moved the handle
        return is_changed, new_value

    def _draw_number(self, tag: str, param: Param, value: float, width: float) -> bool:
        """The number at the right, without its unit if that has no room. Returns whether it was clicked."""
        text, inset = format_number(value, param.unit), NUMBER_INSET * self.widgets.scale
        if imgui.calc_text_size(text).x > width - inset:
            text = format_number(value)
        imgui.invisible_button(f"{tag}number", ImVec2(width, imgui.get_frame_height()))
        low, high, style = imgui.get_item_rect_min(), imgui.get_item_rect_max(), imgui.get_style()
        draw_list = imgui.get_window_draw_list()
        if imgui.is_item_hovered():
            imgui.set_mouse_cursor(imgui.MouseCursor_.text_input.value)
            color = imgui.get_color_u32(imgui.Col_.frame_bg_hovered.value)
            draw_list.add_rect_filled(low, high, color, style.frame_rounding)
        position = ImVec2(high.x - inset - imgui.calc_text_size(text).x, low.y + style.frame_padding.y)
        draw_list.push_clip_rect(low, high, True)
        draw_list.add_text(position, imgui.get_color_u32(imgui.Col_.text.value), text)
        draw_list.pop_clip_rect()
        return bool(imgui.is_item_clicked(0))

    def _draw_input(self, tag: str, name: str, value: float, width: float) -> tuple[bool, float]:
        """The text field in place of the slider. Enter or a click elsewhere takes the number, Escape the old text.

        A text that is the old one changes nothing: an automatic value stays automatic.
        """
        if self._focus_frames == FOCUS_FRAMES:
            imgui.set_keyboard_focus_here()
        imgui.set_next_item_width(width)
        is_entered, self._text = imgui.input_text(f"{tag}typed", self._text, INPUT_FLAGS)
        self.widgets.store_rect(f"number {name}")
        self._focus_frames = max(self._focus_frames - 1, 0)
        is_ended = imgui.is_item_deactivated() or not (self._focus_frames or imgui.is_item_active())
        if not is_entered and not is_ended:
            return False, value
        self._typed_tag = ""
        number = _parse_number(self._text)
        if number is None or self._text == self._old_text:
            return False, value
        return True, round(number) if isinstance(value, int) else number


def _widest_number(param: Param, value: float, low: float, high: float) -> float:
    """The width of the widest number that the slider shows, the same while it is dragged."""
    samples = (low, high, value) if isinstance(value, int) else (low, high, value, -0.0123 if low < 0 else 0.0123)
    texts = [TYPICAL_NUMBER, *(format_number(sample, param.unit) for sample in samples)]
    return max(float(imgui.calc_text_size(text).x) for text in texts)


def _parse_number(text: str) -> float | None:
    """A finite number; None if the text is none."""
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
