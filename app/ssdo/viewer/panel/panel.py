"""The panel at the right of the window, and the overlays over the image."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui
from moderngl_window.context.base import BaseWindow

from ssdo.gpu.target import Size
from ssdo.viewer.help_overlay import draw_help
from ssdo.viewer.image_overlay import ImageOverlay
from ssdo.viewer.overlay import FIXED_WINDOW, Overlay
from ssdo.viewer.panel.compare_section import CompareSection
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.panel.experiment_section import ExperimentSection
from ssdo.viewer.panel.measurement_section import MeasurementSection
from ssdo.viewer.panel.pixel_section import PixelSection
from ssdo.viewer.panel.scene_section import SceneSection
from ssdo.viewer.panel.settings_sections import SettingsSections
from ssdo.viewer.panel.state_section import StateSection
from ssdo.viewer.panel.technique_section import TechniqueSection
from ssdo.viewer.panel.turntable_section import TurntableSection
from ssdo.viewer.panel.view_section import ViewSection
from ssdo.viewer.parameter_row import ParameterRows
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.session import Session
from ssdo.viewer.toast_overlay import draw_toasts
from ssdo.viewer.widgets import Rect, Widgets

WIDTH = 340.0  # pixels, before scaling
MAX_WIDTH_FRACTION = 0.48  # of the window
MIN_WINDOW_WIDTH = 240.0  # narrower windows have no panel
MIN_OVERLAY_WIDTH, MIN_OVERLAY_HEIGHT = 160.0, 90.0  # smaller windows have no overlays
STATUS_HEIGHT, MIN_STATUS_WINDOW_HEIGHT = 28.0, 120.0  # pixels, before scaling
HINTS = (
    "F1: key help. Right-click a value: reset. Ctrl+click: type a value. Click a name: link or unlink it in A and B."
)


class Panel:
    """Lays out the sections and the overlays, and knows where the mouse belongs to them."""

    def __init__(self, session: Session, scale: float, bold_font: imgui.ImFont, preferences: Preferences) -> None:
        self.session = session
        self.scale = scale
        self.widgets = Widgets(scale, bold_font)
        rows = ParameterRows(session, self.widgets)
        self.context = PanelContext(session, self.widgets, rows, preferences, scale)
        self.overlay = Overlay(session, scale)
        self.image_overlay = ImageOverlay(session, scale)
        self.is_visible = True
        self.is_help_open = False
        self.is_list_open = self.is_typing = False  # in the last frame
        self.compare = CompareSection(self.context)
        self.technique = TechniqueSection(self.context)
        self.view = ViewSection(self.context)
        self.pixel = PixelSection(self.context)
        self.experiments = ExperimentSection(self.context)
        self.measurements = MeasurementSection(self.context, self.experiments)
        self.scene = SceneSection(self.context)
        self.settings = SettingsSections(self.context)
        self.turntable = TurntableSection(self.context)
        self.state = StateSection(self.context)
        self.toast_rects: list[Rect] = []  # the newest first
        self._rects: list[Rect] = []  # that the panel covers
        self._has_mouse = False  # a list is open, or the mouse drags a slider

    def toggle_visible(self) -> None:
        self.is_visible = not self.is_visible

    def toggle_help(self) -> None:
        self.is_help_open = not self.is_help_open

    def covers(self, x: float, y: float) -> bool:
        """Whether the mouse at that place belongs to the panel. (Dear ImGui's answer is that of the last frame.)"""
        is_inside = any(left <= x < right and top <= y < bottom for left, top, right, bottom in self._rects)
        return self._has_mouse or is_inside

    def step(self) -> None:
        """Continue experiments and measurements, which may render. Call before each frame that is not `draw` alone."""
        self.experiments.step()
        self.measurements.measure()

    def draw(self, width: float, height: float) -> None:
        """Draw everything into a window of that size. Nothing is rendered, so that this may happen within a frame."""
        panel_width = self._width(width)
        self._rects = [(width - panel_width, 0.0, width, height)]
        self.widgets.item_rects = {}
        if width >= MIN_OVERLAY_WIDTH and height >= MIN_OVERLAY_HEIGHT:
            self._draw_overlays(width - panel_width, height)
        if panel_width:
            imgui.set_next_window_pos(ImVec2(width - panel_width, 0))
            imgui.set_next_window_size(ImVec2(panel_width, height))
            imgui.begin("panel", flags=FIXED_WINDOW)
            self._draw_sections()
            imgui.end()
        if self.is_help_open:
            self._rects.append(draw_help(width, height, self.scale, self.widgets))
        self.is_list_open = imgui.is_popup_open("", imgui.PopupFlags_.any_popup.value)
        self.is_typing = imgui.get_io().want_text_input
        is_dragging = imgui.is_any_item_active() and any(imgui.is_mouse_down(button) for button in range(3))
        self._has_mouse = self.is_list_open or is_dragging

    def viewport_size(self, wnd: BaseWindow) -> Size:
        """The pixels of a window that the panel does not cover, in x and y."""
        width, height = wnd.buffer_size
        return round(width * (1 - self._width(wnd.size[0]) / max(wnd.size[0], 1))), height

    def _width(self, window_width: float) -> float:
        if not self.is_visible or window_width < MIN_WINDOW_WIDTH:
            return 0.0
        return min(WIDTH * self.scale, MAX_WIDTH_FRACTION * window_width)

    def _draw_overlays(self, viewport_width: float, height: float) -> None:
        status_height = STATUS_HEIGHT * self.scale if height > MIN_STATUS_WINDOW_HEIGHT * self.scale else 0.0
        self.pixel.draw_rays(viewport_width, height)
        free_height = self.image_overlay.draw(viewport_width, height - status_height)
        obstacles = list(self.image_overlay.rects.values())
        self.pixel.draw_card(viewport_width, height, height - status_height, obstacles)
        if status_height:
            self.overlay.draw_status(viewport_width, height, status_height)
        if self.context.file_to_load:
            self.session.toasts.post(f"loading {self.context.file_to_load} ...", topic="loading")
        self.toast_rects = draw_toasts(self.session.toasts, viewport_width, free_height, self.scale)
        self._rects += self.toast_rects

    def _draw_sections(self) -> None:
        slots = self.session.visible_slots
        if self.context.slot not in slots:
            self.context.slot = slots[-1]
        self.compare.draw()
        self.technique.draw()
        self.view.draw()
        self.pixel.draw()
        self.measurements.draw()
        self.scene.draw()
        self.settings.draw()
        self.turntable.draw()
        self.state.draw()
        imgui.dummy(ImVec2(0, 4 * self.scale))
        self.widgets.muted_text(HINTS)
