"""The list of scenes: built-in ones by group, each with a line about it, and recent files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgui_bundle import ImVec2, imgui

from ssdo.scene.built_in import BUILT_IN_SCENES, SCENE_GROUPS, describe_builder
from ssdo.viewer.theme import THEME
from ssdo.viewer.widgets import Widgets, style_color

MAX_WIDTH = 620.0  # pixels, before scaling
MARGIN = 16.0  # to the edges of the window
NAME_WIDTH = 92.0  # the column of names, where a description follows


def draw_scene_list(widgets: Widgets, current: str, recent: Sequence[str]) -> str:
    """Draw the list, and return the scene that was chosen; empty if none was. `recent`: names of scenes, too."""
    scale, (window_width, window_height) = widgets.scale, imgui.get_io().display_size
    width = min(MAX_WIDTH * scale, window_width - 2 * MARGIN * scale)
    imgui.set_next_window_size_constraints(ImVec2(width, 0), ImVec2(width, window_height - 2 * MARGIN * scale))
    chosen = ""
    if not widgets.begin_list("##scene", current):
        return chosen
    for group, names in SCENE_GROUPS.items():
        _draw_heading(widgets, group)
        for name in names:
            if _draw_scene(widgets, name, name, describe_builder(name), name == current):
                chosen = name
    files = [name for name in recent if name not in BUILT_IN_SCENES]
    if files:
        _draw_heading(widgets, "recent")
    for name in files:
        folder = str(Path(name).parent)
        if _draw_scene(widgets, name, Path(name).name, "" if folder == "." else folder, name == current):
            chosen = name
    imgui.end_combo()
    return chosen


def _draw_heading(widgets: Widgets, text: str) -> None:
    imgui.dummy(ImVec2(0, 2 * widgets.scale))
    widgets.muted_text(text.capitalize())
    imgui.separator()


def _draw_scene(widgets: Widgets, name: str, label: str, description: str, is_current: bool) -> bool:
    """A line of the list. Returns whether it was chosen. The whole description is the tooltip."""
    start = imgui.get_cursor_pos_x()
    is_chosen = imgui.selectable(f"{label}##{name}", is_current)[0]
    widgets.store_rect(f"scene {name}")
    if description and imgui.begin_item_tooltip():
        imgui.push_text_wrap_pos(imgui.get_io().display_size.x - 2 * MARGIN * widgets.scale)
        imgui.text(description)
        imgui.pop_text_wrap_pos()
        imgui.end_tooltip()
    column = max(NAME_WIDTH * widgets.scale, imgui.calc_text_size(label).x + 12 * widgets.scale)
    room = imgui.get_content_region_avail().x - column
    text = _shorten(description, room)
    if text:
        imgui.same_line()
        imgui.set_cursor_pos_x(start + column)
        with style_color(imgui.Col_.text, THEME.muted_text):
            imgui.text(text)
        widgets.store_rect(f"description {name}")
    return bool(is_chosen)


def _shorten(text: str, width: float) -> str:
    """The text, without the words at its end that have no room; empty if the first has none."""
    if imgui.calc_text_size(text).x <= width:
        return text
    words = text.split(" ")
    while words and imgui.calc_text_size(f"{' '.join(words)} ...").x > width:
        words.pop()
    return f"{' '.join(words)} ..." if words else ""
