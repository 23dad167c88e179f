"""Search, presets, undo, and buttons that save."""

from __future__ import annotations

from collections.abc import Mapping

from imgui_bundle import imgui

from ssdo.render import presets
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.theme import THEME, apply_theme

Buttons = Mapping[str, tuple[str, str]]  # by label: action, tooltip
STATE_BUTTONS: Buttons = {
    "save": ("save-state", "save the viewer state as TOML in captures/ (Ctrl+S)"),
    "copy": ("copy-state", "copy the viewer state to the clipboard (Ctrl+C)"),
    "paste": ("paste-state", "paste a viewer state from the clipboard (Ctrl+V)"),
    "undo": ("undo", "Ctrl+Z"),
    "redo": ("redo", "Ctrl+Y"),
}
CAPTURE_BUTTONS: Buttons = {
    "screenshot": ("screenshot", "save a PNG that stores its settings (F12)"),
    "report": ("report", "the page of `compare` for A and B, against the reference (Ctrl+F12)"),
    "turntable": ("turntable", "a video that circles an object, or swings in a room (Ctrl+T)"),
}


class StateSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context

    def draw(self) -> None:
        widgets = self.context.widgets
        imgui.separator()
        widgets.label("search", "Show only parameters whose name or help contains these words")
        _, widgets.search_text = imgui.input_text("##search", widgets.search_text)
        widgets.store_rect("search")
        self._draw_presets()
        self._draw_buttons(STATE_BUTTONS, "state")
        self._draw_buttons(CAPTURE_BUTTONS, "capture")
        if imgui.button("light theme" if THEME.is_dark else "dark theme"):
            apply_theme(self.context.scale, not THEME.is_dark)
        widgets.store_rect("theme")

    def _draw_presets(self) -> None:
        widgets = self.context.widgets
        widgets.label("preset", "Quality presets, from fast to slow: for B, and for linked parameters of A")
        if widgets.begin_list("##preset", "-"):
            for name, path in presets.built_in_presets().items():
                if imgui.selectable(name, False)[0]:
                    self.context.file_to_load = str(path)
                widgets.store_rect(f"preset {name}")
            imgui.end_combo()

    def _draw_buttons(self, buttons: Buttons, tag: str) -> None:
        tooltips = [tooltip for _, tooltip in buttons.values()]
        if pressed := self.context.widgets.button_row(list(buttons), None, tooltips, tag):
            self.context.pending_actions.append(buttons[pressed][0])
