"""The viewer's loop: handles events, and renders and draws only if there is something new to show."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ssdo.gpu.context import Gpu, trim_heap
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.scene.files.progress import LoadCancelledError, report_progress_to
from ssdo.viewer.actions import Actions
from ssdo.viewer.file_loading import load_file
from ssdo.viewer.imgui_renderer import ImguiRenderer
from ssdo.viewer.input import InputHandler
from ssdo.viewer.loading_screen import BACKGROUND_COLOR, LoadingScreen
from ssdo.viewer.panel.panel import Panel
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.session import Session, initial_shot
from ssdo.viewer.theme import THEME
from ssdo.viewer.view_copy import ViewCopy
from ssdo.viewer.window import TITLE, Window, dispatch_events, open_window

POLL_INTERVAL = 0.01  # seconds between polls of an idle window's events
ACTIVE_SECONDS = 0.7  # for which the panel is redrawn after an event, since tooltips appear with a delay
ACTIVE_INTERVAL = 1 / 60  # seconds between redraws of the panel while it is active
REDRAW_INTERVAL = 0.06  # seconds between redraws of the panel within a slow frame
IDLE_INTERVAL = 1.0  # seconds between redraws of an idle window, which another one may have covered
MAX_TIME_STEP = 0.1  # seconds, of flying and of animated scenes
FIRST_RUN_HINT = "drag to orbit, wheel to zoom, drop a model on the window, F1 for keys"
TRIM_INTERVAL = 5.0  # seconds between attempts to return freed memory to the system


class Viewer:
    """The window's content: the session's view, the panel, and the loop that updates them."""

    def __init__(self, window: Window, ui: ImguiRenderer, session: Session, preferences: Preferences) -> None:
        self.window = window  # kept alive: the window library holds a weak reference
        self.wnd = window.wnd
        self.session = session
        self.preferences = preferences
        self.ui = ui
        self.panel = Panel(session, self.ui.bold_font, preferences)
        self.actions = Actions(session, self.panel, preferences, self.wnd)
        self.input = InputHandler(window, session, self.ui, self.panel, self.actions)
        self._view_copy = ViewCopy(self.wnd)
        session.scheduler.has_input = self._answer_while_rendering
        if preferences.begin_run():
            session.toasts.post(FIRST_RUN_HINT, "hint")
        self._panel_is_outdated = False  # the mouse has moved over it since it was drawn
        self._active_until = 0.0
        self._last_draw = 0.0
        self._last_frame = self._last_trim = time.perf_counter()

    def run(self) -> None:
        """Run until the window closes."""
        while not self.wnd.is_closing and not self.actions.should_quit:
            if self.update():
                self.wnd.swap_buffers()  # also handles events
            else:
                time.sleep(POLL_INTERVAL)
                dispatch_events(self.wnd)
        self.actions.file_dialog.close()
        self.ui.close()

    def update(self) -> bool:
        """Render and draw the window, if there is anything new. Returns whether it was drawn."""
        self.window.events.handle_deferred()
        session, now = self.session, time.perf_counter()
        seconds, self._last_frame = min(now - self._last_frame, MAX_TIME_STEP), now
        self._extend_activity()
        if self.input.is_minimised or min(self.wnd.buffer_size) < 1:
            return False
        if self.panel.context.file_to_load and self._last_draw > self._active_until - ACTIVE_SECONDS:
            self._load_file()  # after a frame that has announced it
        self.input.fly(seconds)
        session.advance_time(seconds)
        if session.toasts.expire():
            self._active_until = now
        has_rendered = session.step(self.panel.viewport_size(self.wnd), is_interacting=self.input.is_dragging)
        self.actions.step_task()
        self.actions.poll_file_dialog()
        self.panel.pixel.inspect(self.input.pixel_under_mouse)
        self._extend_activity()
        if not has_rendered and now - self._last_trim > TRIM_INTERVAL:
            self._last_trim = now
            trim_heap()
        interval = IDLE_INTERVAL if now > self._active_until else ACTIVE_INTERVAL
        if not has_rendered and not self.panel.experiments.is_running and now - self._last_draw < interval:
            return False
        self._draw()
        return True

    def _extend_activity(self) -> None:
        """Redraw the panel for a while after each event."""
        if self.input.take_activity():
            self._active_until = time.perf_counter() + ACTIVE_SECONDS

    def _draw(self) -> None:
        self.wnd.use()
        self.wnd.clear(*BACKGROUND_COLOR)
        self.session.draw_view(self.wnd.fbo)
        self._view_copy.store()
        for action in self.panel.context.take_actions():
            self.actions.run(action)
        self.panel.step()
        if not self._last_draw:  # Dear ImGui shows tabs, and knows sizes, in its second frame
            self.ui.begin_frame()
            self.panel.draw(*self.wnd.size)
            self.ui.discard_frame()
        self._draw_panel()
        self.input.run_deferred_actions()
        self.input.update_cursor()

    def _draw_panel(self) -> None:
        self.ui.begin_frame()
        self.panel.draw(*self.wnd.size)
        self.ui.end_frame(self.wnd.fbo)
        self._panel_is_outdated, self._last_draw = False, time.perf_counter()

    def _answer_while_rendering(self) -> bool:
        """Called while a slow frame is drawn. Returns whether an event has come for which the frame is left.

        Moves of the mouse leave no frame: the panel is drawn again, over the last view.
        """
        if self.input.poll_while_rendering():
            return True
        if self.input.follow_mouse():
            self._panel_is_outdated = True
        is_due = time.perf_counter() - self._last_draw >= REDRAW_INTERVAL
        if self._panel_is_outdated and is_due and not self.session.gpu.is_counting and self._view_copy.can_restore:
            self._view_copy.restore()
            self._draw_panel()
            with self.window.events.defer():
                self.wnd.swap_buffers()
        return False

    def _load_file(self) -> None:
        context = self.panel.context
        name, context.file_to_load = context.file_to_load, ""
        events = self.window.events
        screen = LoadingScreen(self.wnd, self.ui, THEME.scale, name, events.take_escape)
        with events.defer():
            try:
                self.actions.guard(lambda: load_file(name, self.session, context.slot, self.preferences, screen.report))
            except LoadCancelledError:
                self.session.message = f"loading {name} cancelled"
        self.session.toasts.end_topic("loading")
        self.wnd.title = f"{TITLE}: {self.session.slots.shared.scene}"
        self.input.had_event = True


def run_viewer(
    shot: Shot,
    techniques: Mapping[str, Technique],
    ui_scale: float | None,
    size: tuple[int, int],
    is_split: bool,
    may_halve_lighting: bool,
) -> None:
    """Open the window and run the viewer. Raises NoOpenGLError and UserError.

    `ui_scale`: of text and controls; None: as it was last chosen.
    """
    window, preferences = open_window(size), Preferences()
    ui = ImguiRenderer(window.wnd, preferences.ui_scale if ui_scale is None else ui_scale)
    window.wnd.title = f"{TITLE}: {shot.scene}"
    screen = LoadingScreen(window.wnd, ui, THEME.scale, shot.scene)
    screen.draw()
    gpu = Gpu(window.wnd.ctx)
    with report_progress_to(screen.report):
        session = Session(gpu, initial_shot(gpu, shot, may_halve_lighting), techniques)
    if is_split:
        session.toggle_split()
    Viewer(window, ui, session, preferences).run()
