"""The technique of each slot, and its parameters."""

from __future__ import annotations

import inspect

from imgui_bundle import imgui

from ssdo.render.technique import Technique
from ssdo.viewer.action_buttons import ActionButton
from ssdo.viewer.panel.action_row import draw_action_row
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.shared_params import shared_params
from ssdo.viewer.theme import SLOT_COLORS
from ssdo.viewer.widgets import style_color

PROBES_SWITCH = "probes.enabled"  # drawn with the techniques that use probes, not with the other settings


class TechniqueSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context
        self._had_tabs = False  # in the last frame

    def draw(self) -> None:
        """A tab for each visible slot; without tabs for a single one."""
        session, widgets = self.context.session, self.context.widgets
        has_tabs = len(session.visible_slots) == 2
        if has_tabs:
            self._draw_tabs()
        else:
            imgui.separator()
            widgets.heading("Technique")
            self._draw_slot(session.visible_slots[0])
        self._had_tabs = has_tabs

    def _draw_tabs(self) -> None:
        session, widgets = self.context.session, self.context.widgets
        if not imgui.begin_tab_bar("slots", imgui.TabBarFlags_.fitting_policy_shrink.value):
            return
        for slot in session.visible_slots:
            is_preselected = slot == "B" and not self._had_tabs
            flags = imgui.TabItemFlags_.set_selected.value if is_preselected else 0
            title = f"{slot}: {session.slots.mode_label(slot)}###{slot}"
            with style_color(imgui.Col_.text, SLOT_COLORS[slot]):
                is_selected = imgui.begin_tab_item(title, None, flags)[0]
                widgets.store_rect(f"tab {slot}")
            if is_selected:
                self.context.slot = slot
                self._draw_slot(slot)
                imgui.end_tab_item()
        imgui.end_tab_bar()

    def _draw_slot(self, slot: Slot) -> None:
        session, widgets = self.context.session, self.context.widgets
        self._draw_modes(slot)
        technique = session.slots.techniques[slot]
        documentation = inspect.cleandoc(type(technique).__doc__ or "")
        widgets.muted_text(documentation.partition("\n\n")[0].replace("\n", " "))
        if technique.uses_probes:
            self._draw_probes_switch(slot)
        for name, owner, f, value in technique.walk(f"{technique.group}."):
            self.context.rows.draw(slot, name, owner, f, value)
        draw_action_row(self.context, "samples")
        if technique.sample_param and len(session.visible_slots) == 1:
            self._draw_link_switch(slot, technique)

    def _draw_modes(self, slot: Slot) -> None:
        """A button for each mode of each technique."""
        session, widgets = self.context.session, self.context.widgets
        action = "mode" if slot == session.display.active_slot else "mode-A"
        current = session.slots.mode(slot)
        modes = [mode for _, mode in Technique.all_modes()]
        actions = {mode.label: f"{action} {mode.label}" for mode in modes}
        tooltips = [ActionButton(actions[mode.label], mode.label, mode.description).tooltip for mode in modes]
        pressed = widgets.button_row(list(actions), current.label if current else None, tooltips, f"mode {slot}")
        widgets.action_items |= {actions[label]: f"mode {slot} {label}" for label in actions}
        if pressed:
            self.context.pending_actions.append(actions[pressed])

    def _draw_probes_switch(self, slot: Slot) -> None:
        """Probes change the error more than any parameter of the technique, so their switch stands first."""
        for name, owner, f, value in self.context.session.shot(slot).walk():
            if name == PROBES_SWITCH:
                self.context.rows.draw(slot, name, owner, f, value)

    def _draw_link_switch(self, slot: Slot, technique: Technique) -> None:
        session = self.context.session
        is_linked = not shared_params() & session.slots.unlinked
        is_changed, is_linked = imgui.checkbox(f"link all techniques##{slot}", is_linked)
        if is_changed:
            for name in shared_params():
                session.set_linked(f"{technique.group}.{name}", is_linked)
        imgui.set_item_tooltip(
            "Samples, radius, visibility, steps, thickness and bias change in all techniques together.\n"
            "Slice techniques get as many texture fetches as the others."
        )
