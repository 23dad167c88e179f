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
from ssdo.viewer.panel.screenshot_section import ScreenshotSection
from ssdo.viewer.panel.search_results import SearchResults
from ssdo.viewer.panel.settings_sections import SettingsSections
from ssdo.viewer.panel.technique_section import TechniqueSection
from ssdo.viewer.panel.toolbar import Toolbar
from ssdo.viewer.panel.turntable_section import TurntableSection
from ssdo.viewer.panel.view_section import ViewSection
from ssdo.viewer.panel.window_section import WindowSection
from ssdo.viewer.parameter_row import ParameterRows
from ssdo.viewer.preferences import MAX_PANEL_WIDTH, MIN_PANEL_WIDTH, Preferences
from ssdo.viewer.session import Session
from ssdo.viewer.theme import THEME
from ssdo.viewer.toast_overlay import draw_toasts
from ssdo.viewer.widgets import Rect, Widgets

MAX_WIDTH_FRACTION = 0.48  # of the window
MIN_WINDOW_WIDTH = 240.0  # narrower windows have no panel
MIN_OVERLAY_WIDTH, MIN_OVERLAY_HEIGHT = 160.0, 90.0  # smaller windows have no overlays
STATUS_HEIGHT, MIN_STATUS_WINDOW_HEIGHT = 28.0, 120.0  # pixels, before scaling
EDGE_MARGIN = 4.0, 6.0  # pixels outside and inside of the panel in which its edge is grabbed, before scaling
NO_SCROLL = imgui.WindowFlags_.no_scrollbar.value | imgui.WindowFlags_.no_scroll_with_mouse.value


class Panel:
    """Lays out the sections and the overlays, and knows where the mouse belongs to them."""

    def __init__(self, session: Session, bold_font: imgui.ImFont, preferences: Preferences) -> None:
        self.session = session
        self.preferences = preferences
        self.widgets = Widgets(bold_font)
        rows = ParameterRows(session, self.widgets)
        self.context = PanelContext(session, self.widgets, rows, preferences)
        self.overlay = Overlay(session)
        self.image_overlay = ImageOverlay(session)
        self.width = preferences.panel_width  # chosen; pixels, before scaling
        self.is_visible = True
        self.is_help_open = False
        self.is_list_open = self.is_typing = False  # in the last frame; lists are drop-down lists and popups
        self.toolbar = Toolbar(self.context)
        self.search_results = SearchResults(self.context)
        self.compare = CompareSection(self.context)
        self.technique = TechniqueSection(self.context)
        self.view = ViewSection(self.context)
        self.pixel = PixelSection(self.context)
        self.experiments = ExperimentSection(self.context)
        self.measurements = MeasurementSection(self.context, self.experiments)
        self.scene = SceneSection(self.context)
        self.settings = SettingsSections(self.context)
        self.screenshot = ScreenshotSection(self.context)
        self.turntable = TurntableSection(self.context)
        self.window = WindowSection(self.context)
        self.toast_rects: list[Rect] = []  # the newest first
        self._rects: list[Rect] = []  # that the panel covers
        self._help_rect: Rect | None = None
        self._window_width = 0.0
        self._has_mouse = False  # a list is open, or the mouse drags a slider

    def toggle_visible(self) -> None:
        self.is_visible = not self.is_visible

    def toggle_help(self) -> None:
        self.is_help_open = not self.is_help_open

    def focus_search(self) -> None:
        """Give the keyboard to the search field."""
        self.is_visible, self.widgets.item_to_focus = True, "search"

    def focus_path(self) -> None:
        """Give the keyboard to the field for the path of a scene."""
        self.is_visible, self.context.search_text = True, ""
        self.widgets.open_section("Scene")
        self.widgets.item_to_focus = "path"

    def covers(self, x: float, y: float) -> bool:
        """Whether the mouse at that place belongs to the panel. (Dear ImGui's answer is that of the last frame.)"""
        is_inside = any(left <= x < right and top <= y < bottom for left, top, right, bottom in self._rects)
        return self._has_mouse or is_inside or self.experiments.blind_test.is_running

    def step(self) -> None:
        """Continue experiments and measurements, which may render. Call before each frame that is not `draw` alone."""
        self.experiments.step()
        self.measurements.measure()

    def is_at_edge(self, x: float) -> bool:
        """Whether the mouse at that place would drag the panel's left edge."""
        panel_width = self._width(self._window_width)
        if not panel_width or self._has_mouse or self.is_help_open:
            return False
        outside, inside = EDGE_MARGIN
        return -outside * THEME.scale <= x - (self._window_width - panel_width) <= inside * THEME.scale

    def move_edge(self, x: float) -> None:
        """Move the left edge to a place in the window, within the limits of the panel's width."""
        low, high = MIN_PANEL_WIDTH * THEME.scale, MAX_WIDTH_FRACTION * self._window_width
        if low < high:
            width = min(max(self._window_width - x, low), high)
            self.width = min(width / THEME.scale, MAX_PANEL_WIDTH)

    def is_outside_help(self, x: float, y: float) -> bool:
        """Whether the help is open, and the place is not in it."""
        if not self.is_help_open or not self._help_rect:
            return False
        left, top, right, bottom = self._help_rect
        return not (left <= x < right and top <= y < bottom)

    def draw(self, width: float, height: float) -> None:
        """Draw everything into a window of that size. Nothing is rendered, so that this may happen within a frame."""
        self._window_width = width
        panel_width = self._width(width)
        self._rects = [(width - panel_width, 0.0, width, height)]
        self.widgets.begin_frame()
        slots = self.session.visible_slots
        if self.context.slot not in slots:
            self.context.slot = slots[-1]
        if width >= MIN_OVERLAY_WIDTH and height >= MIN_OVERLAY_HEIGHT:
            self._draw_overlays(width - panel_width, height)
        if panel_width:
            imgui.set_next_window_pos(ImVec2(width - panel_width, 0))
            imgui.set_next_window_size(ImVec2(panel_width, height))
            imgui.begin("panel", flags=FIXED_WINDOW | NO_SCROLL)
            if self.experiments.blind_test.is_running:
                self.experiments.blind_test.draw_trial()
            else:
                self.toolbar.draw(height)
                self._draw_scrolled()
            imgui.end()
        elif width >= MIN_WINDOW_WIDTH:
            self._rects.append(self._draw_show_button(width, height))
        self._help_rect = draw_help(width, height, self.context) if self.is_help_open else None
        if self._help_rect:
            self._rects.append(self._help_rect)
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
        return min(self.width * THEME.scale, MAX_WIDTH_FRACTION * window_width)

    def _draw_overlays(self, viewport_width: float, height: float) -> None:
        scale = THEME.scale
        status_height = STATUS_HEIGHT * scale if height > MIN_STATUS_WINDOW_HEIGHT * scale else 0.0
        if self.experiments.blind_test.is_running:
            self.experiments.blind_test.draw_overlay(viewport_width, height)
            free_height = height
        else:
            free_height = self._draw_image_overlays(viewport_width, height, status_height)
        if self.context.file_to_load:
            self.session.toasts.post(f"loading {self.context.file_to_load} ...", topic="loading")
        self.toast_rects = draw_toasts(self.session.toasts, viewport_width, free_height, scale)
        self._rects += self.toast_rects
        if not self.experiments.blind_test.is_running:
            obstacles = [*self.image_overlay.rects.values(), *self.toast_rects]
            self.pixel.draw_card(viewport_width, height, height - status_height, obstacles)

    def _draw_image_overlays(self, viewport_width: float, height: float, status_height: float) -> float:
        """What belongs to the images, and the status line. Returns the height above them."""
        self.pixel.draw_rays(viewport_width, height)
        free_height = self.image_overlay.draw(viewport_width, height - status_height)
        if status_height:
            status_width = viewport_width if self.is_visible else viewport_width - self._show_button_size.x
            self.overlay.draw_status(status_width, height, status_height)
        return free_height

    def _draw_show_button(self, width: float, height: float) -> Rect:
        """A button at the end of the status line that shows the hidden panel. Returns the rectangle it covers."""
        size = self._show_button_size
        corner = ImVec2(width - size.x, height - size.y)
        imgui.set_next_window_pos(corner)
        imgui.set_next_window_size(size)
        imgui.push_style_var(imgui.StyleVar_.window_padding.value, ImVec2(0, 0))
        imgui.push_style_var(imgui.StyleVar_.window_min_size.value, ImVec2(1, 1))
        imgui.begin("show panel", flags=FIXED_WINDOW | NO_SCROLL)
        imgui.pop_style_var(2)
        if imgui.button("panel", size):
            self.context.pending_actions.append("panel")
        imgui.set_item_tooltip("show the panel (F2)")
        self.widgets.store_rect("show panel")
        imgui.end()
        return corner.x, corner.y, width, height

    @property
    def _show_button_size(self) -> ImVec2:
        return ImVec2(self.widgets.button_width("panel"), STATUS_HEIGHT * THEME.scale)

    def _draw_scrolled(self) -> None:
        """What scrolls below the toolbar: the sections, or what the search has found."""
        available, padding = imgui.get_content_region_avail(), imgui.get_style().window_padding
        # The scroll bar is always there, right of what the toolbar covers: nothing moves when sections open.
        size = ImVec2(available.x + imgui.get_style().scrollbar_size, available.y + padding.y)
        flags = imgui.WindowFlags_.always_vertical_scrollbar.value
        imgui.begin_child("search results" if self.context.search_text.strip() else "sections", size, 0, flags)
        if self.context.search_text.strip():
            self.search_results.draw()
        else:
            self._draw_sections()
        imgui.end_child()

    def _draw_sections(self) -> None:
        self.compare.draw()
        self.technique.draw()
        self.view.draw()
        self.pixel.draw()
        self.measurements.draw()
        self.scene.draw()
        self.settings.draw()
        self.screenshot.draw()
        self.turntable.draw()
        self.window.draw()
