"""A section for each group of a shot's parameters: camera, sky, sun and so on. Made by walking the shot."""

from __future__ import annotations

from ssdo.render.technique import Technique
from ssdo.viewer.panel.camera_buttons import draw_camera_buttons
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.panel.technique_section import PROBES_SWITCH

OPEN_GROUPS = {"display"}  # initially
PARAMETER_ROWS = {"display": ("antialias",)}  # parameters without a group, drawn in that of another


class SettingsSections:
    def __init__(self, context: PanelContext) -> None:
        self.context = context

    def draw(self) -> None:
        shared = self.context.session.slots.shared
        groups = [
            name.partition(".")[0]
            for name, owner, *_ in shared.walk()
            if "." in name and not isinstance(owner, Technique)
        ]
        for group in dict.fromkeys(groups):
            self._draw_group(group)

    def _draw_group(self, group: str) -> None:
        session, widgets, slot = self.context.session, self.context.widgets, self.context.slot
        if not widgets.section(group.replace("_", " ").capitalize(), group in OPEN_GROUPS):
            return
        parameters = [
            (name, owner, f, value)
            for name, owner, f, value in session.shot(slot).walk()
            if (name.startswith(f"{group}.") or name in PARAMETER_ROWS.get(group, ()))
            and name != PROBES_SWITCH
            and not isinstance(owner, Technique)
        ]
        for name, owner, f, value in parameters:
            self.context.rows.draw(slot, name, owner, f, value)
        if group == "camera":
            draw_camera_buttons(self.context)
