"""The toolbar on top of the panel: buttons that are always in reach, presets, and the search field."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from ssdo.render import presets
from ssdo.viewer.action_buttons import BUTTONS
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.theme import THEME
from ssdo.viewer.widgets import BUTTON_GAP, arrange_rows, style_color

MAX_HEIGHT_FRACTION = 0.45  # of the window; buttons that do not fit are in a list
MORE = "More"
CLEAR = "x"


class Toolbar:
    def __init__(self, context: PanelContext) -> None:
        self.context = context
        self._opens_presets = False  # in this frame

    def choose_preset(self) -> None:
        """Open the list of presets."""
        self._opens_presets = True

    def draw(self, window_height: float) -> None:
        """Draw the toolbar at the top of the current window."""
        widgets, buttons = self.context.widgets, BUTTONS["toolbar"]
        count = self._count_direct_buttons(window_height)
        labels = [button.label for button in buttons[:count]]
        tooltips = [button.tooltip for button in buttons[:count]]
        if count < len(buttons):
            labels, tooltips = [*labels, MORE], [*tooltips, "more buttons"]
        pressed = widgets.button_row(labels, None, tooltips, "toolbar")
        for button in buttons:
            is_direct = button.label in labels
            widgets.action_items[button.action] = f"toolbar {button.label if is_direct else MORE}"
            if pressed == button.label:
                self.context.pending_actions.append(button.action)
        if pressed == MORE:
            imgui.open_popup("more")
        self._draw_more_buttons(count)
        self._draw_presets()
        self._draw_search()
        imgui.separator()

    def _count_direct_buttons(self, window_height: float) -> int:
        """How many buttons fit into the rows that the toolbar may have. The last row is that of the search."""
        widgets, buttons = self.context.widgets, BUTTONS["toolbar"]
        row_height = widgets.button_height + imgui.get_style().item_spacing.y
        row_count = max(1, int(MAX_HEIGHT_FRACTION * window_height / row_height) - 1)
        available, gap = imgui.get_content_region_avail().x, BUTTON_GAP * widgets.scale
        widths = [widgets.button_width(button.label) for button in buttons]
        if len(arrange_rows(widths, available, gap)) <= row_count:
            return len(buttons)
        more_width = widgets.button_width(MORE)
        counts = range(len(buttons) - 1, 0, -1)
        fits = (n for n in counts if len(arrange_rows([*widths[:n], more_width], available, gap)) <= row_count)
        return next(fits, 0)

    def _draw_more_buttons(self, first: int) -> None:
        """The list of the buttons that do not fit."""
        if not imgui.begin_popup("more"):
            return
        for button in BUTTONS["toolbar"][first:]:
            if imgui.selectable(button.label, False)[0]:
                self.context.pending_actions.append(button.action)
            self.context.widgets.store_rect(f"more {button.label}")
            imgui.set_item_tooltip(button.tooltip)
        self._end_popup()

    def _draw_presets(self) -> None:
        if self._opens_presets:
            self._opens_presets = False
            imgui.open_popup("presets")
        if not imgui.begin_popup("presets"):
            return
        with style_color(imgui.Col_.text, THEME.muted_text):
            imgui.text("for what is shown, and linked parameters of the other slot")
        for name, path in presets.built_in_presets().items():
            if imgui.selectable(name, False)[0]:
                self.context.file_to_load = str(path)
            self.context.widgets.store_rect(f"preset {name}")
        self._end_popup()

    @staticmethod
    def _end_popup() -> None:
        if imgui.is_key_pressed(imgui.Key.escape):
            imgui.close_current_popup()
        imgui.end_popup()

    def _draw_search(self) -> None:
        """The search field, and a button that clears it."""
        context, widgets = self.context, self.context.widgets
        clear_width = widgets.button_height
        imgui.set_next_item_width(-clear_width - BUTTON_GAP * widgets.scale)
        widgets.focus_here("search")
        flags = imgui.InputTextFlags_.escape_clears_all.value
        _, context.search_text = imgui.input_text_with_hint("##search", "Search", context.search_text, flags)
        widgets.store_rect("search")
        imgui.set_item_tooltip("parameters, sections, buffers, scenes and buttons whose name or help has these words")
        imgui.same_line(0, BUTTON_GAP * widgets.scale)
        imgui.begin_disabled(not context.search_text)
        if imgui.button(f"{CLEAR}##clear", ImVec2(clear_width, 0)):
            context.search_text = ""
        imgui.end_disabled()
        widgets.store_rect("clear search")
