"""Draws the panel without a window and sends it events of Dear ImGui. Nothing is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from imgui_bundle import ImVec2, imgui
from ssdo.gpu.context import Gpu
from ssdo.render.shot import Shot
from ssdo.viewer.actions import Actions
from ssdo.viewer.panel.panel import Panel
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.session import Session
from ssdo.viewer.theme import apply_theme, load_fonts, set_scale
from ssdo.viewer.widgets import Rect

IMAGE_SIZE = (32, 18)  # pixels, of the rendered images
START = {"scene": "blocks:count=2", "technique": "ssdo", "ssdo.samples": 2, "ssdo.steps": 2, "sun.resolution": 256}
SETTLING_FRAMES = 3  # until automatic sizes and popups stay as they are


class PanelRunner:
    """A panel in a window of a size. Its buttons run actions, as in the viewer's loop."""

    def __init__(self, gpu: Gpu, folder: Path, size: tuple[int, int]) -> None:
        imgui.create_context()
        self.io = imgui.get_io()
        self.io.backend_flags |= imgui.BackendFlags_.renderer_has_textures.value
        self.io.set_ini_filename("")
        self.io.config_input_trickle_event_queue = False
        self.size = size
        self.session = Session(gpu, Shot().with_values(START), {})
        self.session.step(IMAGE_SIZE)
        self.preferences = Preferences(folder)
        self.panel = Panel(self.session, load_fonts(), self.preferences)
        self.actions = Actions(self.session, self.panel, self.preferences, cast(Any, None))
        self.run_actions: list[str] = []  # in their order
        set_scale(1.0)
        apply_theme(is_dark=True)
        self.draw()

    @property
    def rects(self) -> dict[str, Rect]:
        return self.panel.widgets.item_rects

    def run(self, action: str) -> None:
        self.run_actions.append(action)
        self.actions.run(action)

    def draw(self, count: int = SETTLING_FRAMES) -> None:
        for _ in range(count):
            for action in self.panel.context.take_actions():
                self.run(action)
            self.session.step(IMAGE_SIZE)
            self.io.display_size, self.io.delta_time = ImVec2(*self.size), 1 / 60
            imgui.new_frame()
            self.panel.draw(*self.size)
            imgui.render()
            for texture in imgui.get_platform_io().textures:
                texture.set_tex_id(1)
                texture.status = imgui.ImTextureStatus.ok

    def draw_at(self, size: tuple[int, int], scale: float) -> None:
        """Change the size of the window and the scale of the interface, and draw."""
        self.size = size
        set_scale(scale)
        self.draw()

    def open_sections(self) -> None:
        for title in list(self.panel.widgets.section_titles):
            self.panel.widgets.open_section(title)
            self.draw(2)

    def move_mouse(self, x: float, y: float) -> None:
        self.io.add_mouse_pos_event(x, y)
        self.draw(1)

    def press(self, name: str) -> None:
        """Hold the left button on an item."""
        assert name in self.rects, f"no {name} in the panel: {sorted(self.rects)}"
        left, top, right, bottom = self.rects[name]
        self.move_mouse((left + right) / 2, (top + bottom) / 2)
        self.io.add_mouse_button_event(0, True)
        self.draw(1)

    def release(self) -> None:
        self.io.add_mouse_button_event(0, False)
        self.draw(2)

    def click(self, name: str) -> None:
        self.press(name)
        self.release()

    def scroll(self, x: float, y: float, notches: float) -> None:
        self.move_mouse(x, y)
        self.io.add_mouse_wheel_event(0, notches)
        self.draw(2)

    def type_text(self, text: str) -> None:
        self.io.add_input_characters_utf8(text)
        self.draw(2)


@contextmanager
def open_panel(gpu: Gpu, folder: Path, size: tuple[int, int] = (1280, 720)) -> Iterator[PanelRunner]:
    """`folder`: of the preferences. Nothing of Dear ImGui remains."""
    runner = PanelRunner(gpu, folder, size)
    try:
        yield runner
    finally:
        set_scale(1.0)
        imgui.get_io().backend_flags &= ~imgui.BackendFlags_.renderer_has_textures.value
        for texture in imgui.get_platform_io().textures:
            texture.set_tex_id(0)
            texture.status = imgui.ImTextureStatus.destroyed
        imgui.destroy_context()
