"""Small parts of the panel: headings, labels, lists, rows of buttons. Each stores where it was drawn, by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from imgui_bundle import ImVec2, ImVec4, imgui

from ssdo.viewer.theme import THEME, Color

LABEL_WIDTH = 0.42  # fraction of a row's width
MIN_COLUMNS_WIDTH = 260.0  # pixels, before scaling: in narrower windows labels stand above what they name
Rect = tuple[float, float, float, float]  # left, top, right, bottom


def to_u32(rgba: Color) -> int:
    return int(imgui.color_convert_float4_to_u32(ImVec4(*rgba)))


def with_alpha(rgba: Color, alpha: float) -> Color:
    return rgba[0], rgba[1], rgba[2], alpha


@contextmanager
def style_color(entry: imgui.Col_, rgba: Color, is_active: bool = True) -> Iterator[None]:
    """Draw with another colour, if `is_active`."""
    if is_active:
        imgui.push_style_color(entry.value, ImVec4(*rgba))
    yield
    if is_active:
        imgui.pop_style_color()


class Widgets:
    """Draws into the current window. `scale` applies to what is not text."""

    def __init__(self, scale: float, bold_font: imgui.ImFont) -> None:
        self.scale = scale
        self.bold_font = bold_font
        self.search_text = ""  # only parameters that contain this are shown
        self.item_rects: dict[str, Rect] = {}  # of the current frame, by name; tests click there

    def store_rect(self, name: str) -> None:
        """Store where the last item was drawn."""
        low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
        self.item_rects[name] = low.x, low.y, high.x, high.y

    def heading(self, text: str) -> None:
        imgui.push_font(self.bold_font, 0.0)
        imgui.text(text)
        imgui.pop_font()

    def section(self, title: str, is_open: bool = False) -> bool:
        """A collapsing header. Returns whether it is open. `is_open`: initially."""
        imgui.separator()
        imgui.push_font(self.bold_font, 0.0)
        if self.search_text:
            imgui.set_next_item_open(True)
        is_expanded = imgui.collapsing_header(title, imgui.TreeNodeFlags_.default_open.value if is_open else 0)
        self.store_rect(f"section {title}")
        imgui.pop_font()
        return bool(is_expanded)

    def muted_text(self, text: str) -> None:
        """Wrapped text in a subdued colour."""
        with style_color(imgui.Col_.text, THEME.muted_text):
            imgui.text_wrapped(text)

    def begin_list(self, tag: str, preview: str) -> bool:
        """A drop-down list; Escape closes it. Call imgui.end_combo if this returns True."""
        is_open = imgui.begin_combo(tag, preview, imgui.ComboFlags_.height_large.value)
        if not is_open:
            self.store_rect(f"list {tag.strip('#')}")
            return False
        if imgui.is_key_pressed(imgui.Key.escape):
            imgui.close_current_popup()
        return True

    def label(self, text: str, tooltip: str = "", color: Color | None = None) -> bool:
        """The left column; the next item fills the right one, or the line below in a narrow window.

        Returns whether the label was clicked.
        """
        is_narrow = imgui.get_window_width() < MIN_COLUMNS_WIDTH * self.scale
        width = imgui.get_window_width() if is_narrow else LABEL_WIDTH * imgui.get_window_width()
        imgui.align_text_to_frame_padding()
        imgui.push_text_wrap_pos(width - 4 * self.scale)
        with style_color(imgui.Col_.text, color or THEME.muted_text):
            imgui.text(text.replace("_", " "))
        imgui.pop_text_wrap_pos()
        is_clicked = imgui.is_item_clicked(0)
        if tooltip:
            imgui.set_item_tooltip(tooltip)
        if not is_narrow:
            imgui.same_line(width)
        imgui.set_next_item_width(-1)
        return bool(is_clicked)

    def right_aligned_text(self, text: str) -> None:
        """Text at the right end of the current line."""
        line_end = imgui.get_cursor_start_pos().x + imgui.get_content_region_avail().x + imgui.get_scroll_x()
        imgui.same_line(line_end - imgui.calc_text_size(text).x)
        imgui.text(text)

    def button_row(
        self, names: Sequence[str], selected: str | None, tooltips: Sequence[str] = (), tag: str = ""
    ) -> str | None:
        """Buttons that fill a row. Returns the name of the one that was pressed."""
        gap, pressed = 4 * self.scale, None
        text_widths = [imgui.calc_text_size(name).x for name in names]
        free_width = imgui.get_content_region_avail().x - (len(names) - 1) * gap - sum(text_widths)
        padding = max(0.0, free_width / len(names))
        imgui.push_style_var(imgui.StyleVar_.frame_padding.value, ImVec2(2, 5 * self.scale))
        for number, name in enumerate(names):
            if number:
                imgui.same_line(0, gap)
            with style_color(imgui.Col_.button, with_alpha(THEME.accent, 0.55), name == selected):
                if imgui.button(f"{name}##{tag}", ImVec2(text_widths[number] + padding, 0)):
                    pressed = name
                self.store_rect(f"{tag} {name}")
            if number < len(tooltips) and tooltips[number]:
                imgui.set_item_tooltip(tooltips[number])
        imgui.pop_style_var()
        return pressed
