"""The view, and what is equal in A and B."""

from __future__ import annotations

from imgui_bundle import imgui

from ssdo.settings import Param
from ssdo.viewer import budget
from ssdo.viewer.action_buttons import BUTTONS
from ssdo.viewer.display_state import GAIN_RANGE, GAINS, VIEWS
from ssdo.viewer.panel.action_row import draw_action_row
from ssdo.viewer.panel.context import PanelContext

FLIP_BUTTON = "copy other"  # name of the item
GAIN_PARAM = Param(*GAIN_RANGE, log=True)


class CompareSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context
        self._was_held = False  # the button that shows the other slot

    def draw(self) -> None:
        session = self.context.session
        draw_action_row(self.context, "view", BUTTONS["view"][VIEWS.index(session.display.view)].label)
        draw_action_row(self.context, "copy")
        self._follow_held_button()
        if session.display.view == "difference":
            self._draw_difference_settings()
        if len(session.visible_slots) == 2:
            self._draw_budget()

    def _draw_difference_settings(self) -> None:
        display, widgets = self.context.session.display, self.context.widgets
        widgets.label("gain", "Factor of the difference (D: 1, 10, 100)")
        sliders, (low, high) = self.context.rows.sliders, GAIN_RANGE
        _, gain = sliders.draw("##difference gain", "difference gain", GAIN_PARAM, display.gain, low, high)
        display.gain = GAINS[0] if imgui.is_item_clicked(1) else min(max(gain, low), high)
        widgets.label("signed", "Show which slot is brighter: A in orange, B in blue")
        _, display.is_signed = imgui.checkbox("##signed", display.is_signed)
        widgets.store_rect("signed")

    def _follow_held_button(self) -> None:
        """Show the other slot while its button is held."""
        is_held = self.context.widgets.held_button == FLIP_BUTTON
        if is_held != self._was_held:
            self.context.session.display.is_flipped = self._was_held = is_held

    def _draw_budget(self) -> None:
        session, widgets = self.context.session, self.context.widgets
        widgets.label("equal", "What A and B have in common. The sample count of B follows that of A.")
        if widgets.begin_list("##budget", session.slots.budget):
            for kind in budget.KINDS:
                if imgui.selectable(kind, kind == session.slots.budget)[0]:
                    session.slots.budget = kind
                    session.reference_enabled = session.reference_enabled or kind == "error"
            imgui.end_combo()
