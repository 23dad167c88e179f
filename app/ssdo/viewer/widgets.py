"""Small parts of the panel: headings, labels, lists, rows of buttons. Each stores where it was drawn, by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from imgui_bundle import ImVec2, ImVec4, imgui

from ssdo.viewer.theme import THEME, Color

BUTTON_GAP, BUTTON_PADDING = 4.0, (6.0, 4.0)  # pixels, before scaling; in x and y
LABEL_WIDTH = 0.42  # fraction of a row's width
MIN_COLUMNS_WIDTH = 242.0  # pixels, before scaling: in narrower windows labels stand above what they name
Rect = tuple[float, float, float, float]  # left, top, right, bottom


def to_u32(rgba: Color) -> int:
    return int(imgui.color_convert_float4_to_u32(ImVec4(*rgba)))


def with_alpha(rgba: Color, alpha: float) -> Color:
    return rgba[0], rgba[1], rgba[2], alpha


def arrange_rows(widths: Sequence[float], available: float, gap: float) -> list[list[int]]:
    """Indices of items by row: each row has as many as fit into the available width, and at least one."""
    rows: list[list[int]] = []
    end = 0.0
    for index, width in enumerate(widths):
        if rows and end + gap + width <= available:
            rows[-1].append(index)
            end += gap + width
        else:
            rows.append([index])
            end = width
    return rows


@contextmanager
def style_color(entry: imgui.Col_, rgba: Color, is_active: bool = True) -> Iterator[None]:
    """Draw with another colour, if `is_active`."""
    if is_active:
        imgui.push_style_color(entry.value, ImVec4(*rgba))
    yield
    if is_active:
        imgui.pop_style_color()


class Widgets:
    """Draws into the current window."""

    def __init__(self, bold_font: imgui.ImFont) -> None:
        self.bold_font = bold_font
        # of the current frame: where items were drawn, what part of the window shows them, and the item of each action
        self.item_rects: dict[str, Rect] = {}  # by name; tests click there
        self.clip_rects: dict[str, Rect] = {}  # by name
        self.action_items: dict[str, str] = {}  # names of items, by action
        self.section_titles: dict[str, None] = {}  # of all sections that were drawn, in their order
        self.held_button = ""  # name of the button that the mouse holds down
        self.item_to_focus = ""  # a text field that is to get the keyboard when it is drawn
        self.has_moved_focus = False  # to a text field, in this frame
        self._section_to_open = ""

    @property
    def scale(self) -> float:
        """Of the user interface: applies to what is not text."""
        return THEME.scale

    def begin_frame(self) -> None:
        """Forget what the last frame has drawn."""
        self.item_rects, self.clip_rects, self.action_items, self.held_button = {}, {}, {}, ""

    def store_rect(self, name: str) -> None:
        """Store where the last item was drawn."""
        draw_list = imgui.get_window_draw_list()
        low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
        clip_low, clip_high = draw_list.get_clip_rect_min(), draw_list.get_clip_rect_max()
        self.item_rects[name] = low.x, low.y, high.x, high.y
        self.clip_rects[name] = clip_low.x, clip_low.y, clip_high.x, clip_high.y

    def focus_here(self, name: str) -> None:
        """Give the keyboard to the next item if it is the one to focus."""
        if self.item_to_focus == name:
            imgui.set_keyboard_focus_here()
            self.item_to_focus, self.has_moved_focus = "", True

    def open_section(self, title: str) -> None:
        """Open a section and scroll to it when it is drawn."""
        self._section_to_open = title

    def heading(self, text: str) -> None:
        imgui.push_font(self.bold_font, 0.0)
        imgui.text(text)
        imgui.pop_font()

    def section(self, title: str, is_open: bool = False) -> bool:
        """A collapsing header. Returns whether it is open. `is_open`: initially."""
        imgui.separator()
        imgui.push_font(self.bold_font, 0.0)
        is_wanted = title == self._section_to_open
        if is_wanted:
            self._section_to_open = ""
            imgui.set_next_item_open(True)
        is_expanded = imgui.collapsing_header(title, imgui.TreeNodeFlags_.default_open.value if is_open else 0)
        self.store_rect(f"section {title}")
        self.section_titles[title] = None
        if is_wanted:
            imgui.set_scroll_here_y(0.0)
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
        """Buttons that fill a row, or several if it is narrow. Returns the name of the one that was pressed."""
        gap, pressed, x_start = BUTTON_GAP * self.scale, None, imgui.get_cursor_pos_x()
        available = imgui.get_content_region_avail().x
        widths = [self.button_width(name) for name in names]
        imgui.push_style_var(imgui.StyleVar_.frame_padding.value, ImVec2(2, BUTTON_PADDING[1] * self.scale))
        for row in arrange_rows(widths, available, gap):
            free_width = available - (len(row) - 1) * gap - sum(widths[i] for i in row)
            imgui.set_cursor_pos_x(x_start)
            for i in row:
                if i != row[0]:
                    imgui.same_line(0, gap)
                width = min(widths[i] + max(0.0, free_width / len(row)), available)
                with style_color(imgui.Col_.button, with_alpha(THEME.accent, 0.55), names[i] == selected):
                    if imgui.button(f"{names[i]}##{tag}", ImVec2(width, 0)):
                        pressed = names[i]
                self._store_button(f"{tag} {names[i]}")
                if i < len(tooltips) and tooltips[i]:
                    imgui.set_item_tooltip(tooltips[i])
        imgui.pop_style_var()
        return pressed

    def button_width(self, text: str) -> float:
        """The least width of a button in a row."""
        return float(imgui.calc_text_size(text).x + 2 * BUTTON_PADDING[0] * self.scale)

    @property
    def button_height(self) -> float:
        """Of a button in a row."""
        return float(imgui.get_text_line_height() + 2 * BUTTON_PADDING[1] * self.scale)

    def _store_button(self, name: str) -> None:
        self.store_rect(name)
        if imgui.is_item_active():
            self.held_button = name
