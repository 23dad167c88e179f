"""The view, and what is equal in A and B."""

from __future__ import annotations

from imgui_bundle import imgui

from ssdo.viewer import budget
from ssdo.viewer.display_state import GAIN_RANGE, GAINS, VIEWS
from ssdo.viewer.panel.context import PanelContext

VIEW_BUTTONS = {  # label: tooltip, in the order of VIEWS
    "A": "A only (A)",
    "B": "B only (Shift+A)",
    "split": "split with a divider to drag (S)",
    "side": "side by side (Shift+S)",
    "diff": "|A - B|; again: x10, x100 (D)",
    "error": "error against the reference, in false colour (G)",
}
COPY_BUTTONS = {"A = B": "copy B to A", "B = A": "copy A to B", "swap": "swap A and B (X)"}


class CompareSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context

    def draw(self) -> None:
        session, widgets = self.context.session, self.context.widgets
        names = list(VIEW_BUTTONS)
        current = names[VIEWS.index(session.display.view)]
        if pressed := widgets.button_row(names, current, list(VIEW_BUTTONS.values()), "view"):
            session.choose_view(VIEWS[names.index(pressed)])
        if session.display.view == "difference":
            self._draw_difference_settings()
        if len(session.visible_slots) == 2:
            self._draw_copy_buttons()
            self._draw_budget()

    def _draw_difference_settings(self) -> None:
        display, widgets = self.context.session.display, self.context.widgets
        widgets.label("gain", "Factor of the difference (D: 1, 10, 100)")
        flags = imgui.SliderFlags_.logarithmic.value | imgui.SliderFlags_.always_clamp.value
        _, display.gain = imgui.slider_float("##difference gain", display.gain, *GAIN_RANGE, "x%.3g", flags)
        widgets.store_rect("difference gain")
        if imgui.is_item_clicked(1):
            display.gain = GAINS[0]
        widgets.label("signed", "Show which slot is brighter: A in orange, B in blue")
        _, display.is_signed = imgui.checkbox("##signed", display.is_signed)
        widgets.store_rect("signed")

    def _draw_copy_buttons(self) -> None:
        session, widgets = self.context.session, self.context.widgets
        match widgets.button_row(list(COPY_BUTTONS), None, list(COPY_BUTTONS.values()), "copy"):
            case "A = B":
                session.copy_slot("B", "A")
            case "B = A":
                session.copy_slot("A", "B")
            case "swap":
                session.slots.swap()

    def _draw_budget(self) -> None:
        session, widgets = self.context.session, self.context.widgets
        widgets.label("equal", "What A and B have in common. The sample count of B follows that of A.")
        if widgets.begin_list("##budget", session.slots.budget):
            for kind in budget.KINDS:
                if imgui.selectable(kind, kind == session.slots.budget)[0]:
                    session.slots.budget = kind
                    session.reference_enabled = session.reference_enabled or kind == "error"
            imgui.end_combo()
