"""What screenshots are like: size and captions."""

from __future__ import annotations

from imgui_bundle import imgui

from ssdo.viewer.panel.action_row import draw_action_row
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.screenshots import SIZES, ScreenshotSettings


class ScreenshotSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context
        self.settings = ScreenshotSettings()

    def draw(self) -> None:
        widgets = self.context.widgets
        if not widgets.section("Screenshot"):
            return
        self._draw_size()
        widgets.label("captions", "draw the labels and legends into the image")
        _, self.settings.has_captions = imgui.checkbox("##captions", self.settings.has_captions)
        widgets.store_rect("screenshot captions")
        draw_action_row(self.context, "screenshot")

    def _draw_size(self) -> None:
        """A field for any size, and a list of common ones."""
        widgets, settings = self.context.widgets, self.settings
        widgets.label("size", "pixels of the image: window, or width x height such as 1920x1080")
        arrow_width = imgui.get_frame_height()
        imgui.set_next_item_width(imgui.get_content_region_avail().x - arrow_width)
        _, settings.size = imgui.input_text("##screenshot size", settings.size)
        widgets.store_rect("screenshot size")
        imgui.same_line(0, 0)
        if imgui.begin_combo("##screenshot sizes", "", imgui.ComboFlags_.no_preview.value):
            for size in SIZES:
                if imgui.selectable(size, size == settings.size)[0]:
                    settings.size = size
                widgets.store_rect(f"screenshot {size}")
            if imgui.is_key_pressed(imgui.Key.escape):
                imgui.close_current_popup()
            imgui.end_combo()
        else:
            widgets.store_rect("list screenshot sizes")
