"""The buffer that is shown, and its exposure."""

from __future__ import annotations

from imgui_bundle import imgui

from ssdo.settings import Param
from ssdo.viewer.buffers import FINAL_IMAGE, LIGHTING_COMPONENTS, TARGET_SUFFIX, UNFILTERED_VISIBILITY, Buffer
from ssdo.viewer.panel.action_row import draw_action_row
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.parameter_row import EXPOSURE_RANGE

EXPOSURE_PARAM = Param(*EXPOSURE_RANGE, unit="EV")


class ViewSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context

    def draw(self) -> None:
        session, widgets = self.context.session, self.context.widgets
        if not widgets.section("View", is_open=True):
            return
        display = session.display
        buffers = session.view_renderer.buffers(session.visible_slots[-1])
        widgets.label("buffer", "Buffer to show (B: next, V: final image, L: next lighting component)")
        if widgets.begin_list("##buffer", display.buffer.removesuffix(TARGET_SUFFIX)):
            self._draw_buffer_list(list(buffers))
            imgui.end_combo()
        draw_action_row(self.context, "buffer")
        if display.buffer in buffers and display.buffer != FINAL_IMAGE:
            self._draw_buffer_settings(buffers[display.buffer]())

    def _draw_buffer_list(self, names: list[str]) -> None:
        display, widgets = self.context.session.display, self.context.widgets
        targets = [name for name in names if name.endswith(TARGET_SUFFIX)]
        captions = {LIGHTING_COMPONENTS[0]: "lighting components", UNFILTERED_VISIBILITY: "other buffers"}
        captions |= dict.fromkeys(targets[:1], "render targets")
        for name in names:
            if name in captions:
                if name != names[0]:
                    imgui.separator()
                widgets.muted_text(captions[name])
            if imgui.selectable(f"{name.removesuffix(TARGET_SUFFIX)}##{name}", name == display.buffer)[0]:
                display.buffer = name

    def _draw_buffer_settings(self, buffer: Buffer) -> None:
        display, widgets = self.context.session.display, self.context.widgets
        if buffer.mapping in ("light", "ratio"):
            widgets.label("exposure")
            sliders, (low, high) = self.context.rows.sliders, EXPOSURE_RANGE
            _, stops = sliders.draw("##buffer exposure", "buffer exposure", EXPOSURE_PARAM, display.exposure, low, high)
            display.exposure = 0.0 if imgui.is_item_clicked(1) else min(max(stops, low), high)
            imgui.set_item_tooltip("Exposure of this buffer only; that of the final image is under Display")
        if buffer.mapping != "alpha" and buffer.texture.components == 4:
            widgets.label("alpha")
            _, display.show_alpha = imgui.checkbox("as grey", display.show_alpha)
            imgui.set_item_tooltip("The alpha channel; in direct light: ambient visibility")
