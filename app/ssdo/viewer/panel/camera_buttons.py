"""Buttons of the camera: frame the scene, save and restore bookmarks."""

from __future__ import annotations

from ssdo.viewer.panel.action_row import draw_action_row
from ssdo.viewer.panel.context import PanelContext


def draw_camera_buttons(context: PanelContext) -> None:
    draw_action_row(context, "camera")
    for place in ("save bookmark", "restore bookmark"):
        context.widgets.label(place, "Camera bookmarks of this scene")
        draw_action_row(context, place)
