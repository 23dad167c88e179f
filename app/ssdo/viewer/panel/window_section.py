"""Buttons for the size of the interface, and for the window."""

from __future__ import annotations

from ssdo.viewer.panel.action_row import draw_action_row
from ssdo.viewer.panel.context import PanelContext


class WindowSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context

    def draw(self) -> None:
        widgets = self.context.widgets
        if not widgets.section("Window", is_open=True):
            return
        widgets.label("text", "Size of text and controls")
        draw_action_row(self.context, "scale")
        draw_action_row(self.context, "window")
