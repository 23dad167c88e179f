"""The scene, its environment, materials and time."""

from __future__ import annotations

import math

from imgui_bundle import ImVec2, imgui

from ssdo.scene.built_in import is_built_in
from ssdo.scene.loader import SCENE_SUFFIXES_TEXT
from ssdo.scene.skies import BUILT_IN_SKIES
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.panel.scene_list import draw_scene_list
from ssdo.viewer.parameter_row import format_help
from ssdo.viewer.session import MAX_TIME

# Parameters without a group, drawn here.
PARAMETER_ROWS = ("up", "ground", "background", "background_color", "material_override", "occlusion_maps")


class SceneSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context
        self._path = ""

    def draw(self) -> None:
        session, widgets, slot = self.context.session, self.context.widgets, self.context.slot
        if not widgets.section("Scene", is_open=True):
            return
        self._draw_scene_list()
        self._draw_path()
        self._draw_environment()
        for name, owner, f, value in session.shot(slot).walk():
            is_effective = name != "up" or not is_built_in(session.slots.shared.scene)
            if name in PARAMETER_ROWS and is_effective:
                self.context.rows.draw(slot, name, owner, f, value)
        if session.is_animated:
            self._draw_time()

    def _draw_scene_list(self) -> None:
        widgets, current = self.context.widgets, self.context.session.slots.shared.scene
        widgets.label("scene")
        chosen = draw_scene_list(widgets, current, self.context.preferences.recent_scenes)
        if chosen:
            self.context.file_to_load = chosen
        imgui.set_item_tooltip(
            f"Built-in and recent scenes. Drop a {SCENE_SUFFIXES_TEXT} file on the window to load it."
        )

    def _draw_path(self) -> None:
        widgets = self.context.widgets
        widgets.label("path")
        flags = imgui.InputTextFlags_.enter_returns_true.value
        widgets.focus_here("path")
        is_entered, self._path = imgui.input_text("##path", self._path, flags)
        widgets.store_rect("path")
        if is_entered and self._path.strip():
            self.context.file_to_load = self._path.strip()
        imgui.set_item_tooltip(
            f"Scene with arguments (blocks:count=9), {SCENE_SUFFIXES_TEXT} scene,\n"
            ".hdr or .exr environment, viewer state or preset (.toml), screenshot (.png)"
        )

    def _draw_environment(self) -> None:
        session, widgets, slot = self.context.session, self.context.widgets, self.context.slot
        name, _, f, current = next(row for row in session.shot(slot).walk() if row[0] == "environment")
        widgets.label("environment")
        if widgets.begin_list("##environment", str(current or "the scene's")):
            if imgui.selectable("the scene's", current is None)[0]:
                session.change({"environment": None}, slot)
            for sky in BUILT_IN_SKIES:
                if imgui.selectable(sky, sky == current)[0]:
                    session.change({"environment": sky}, slot)
            imgui.end_combo()
        imgui.set_item_tooltip(format_help(name, f))

    def _draw_time(self) -> None:
        session, widgets = self.context.session, self.context.widgets
        widgets.label("time")
        if imgui.button("pause##play" if session.is_playing else "play##play", ImVec2(60 * self.context.scale, 0)):
            self.context.pending_actions.append("play")
        widgets.store_rect("play")
        widgets.action_items["play"] = "play"
        imgui.set_item_tooltip("P or Space")
        imgui.same_line()
        imgui.set_next_item_width(-1)
        is_changed, seconds = imgui.drag_float("##time", session.slots.shared.time, 0.02, 0.0, MAX_TIME, "%.2f s")
        if is_changed and math.isfinite(seconds):
            session.change({"time": min(MAX_TIME, max(0.0, seconds))})
