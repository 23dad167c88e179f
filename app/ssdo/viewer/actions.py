"""What keys and buttons do, by name: `view split`, `undo`, `save-bookmark 3`."""

from __future__ import annotations

from collections.abc import Callable

from moderngl_window.context.base import BaseWindow

from ssdo.gpu.target import max_target_size
from ssdo.measure.output_files import CAPTURES, NumberedFiles, save_bytes
from ssdo.settings import UserError, describe_os_error
from ssdo.viewer.buffers import FINAL_IMAGE
from ssdo.viewer.file_dialog import DIALOG_PROGRAMS, FileDialog, has_file_dialog
from ssdo.viewer.panel.panel import Panel
from ssdo.viewer.preferences import MAX_UI_SCALE, MIN_UI_SCALE, Preferences
from ssdo.viewer.report import Report
from ssdo.viewer.saved_state import format_state, load_state
from ssdo.viewer.screenshot_task import SizedScreenshot
from ssdo.viewer.screenshots import parse_size, save_screenshot, scene_stem
from ssdo.viewer.session import Session
from ssdo.viewer.theme import THEME, apply_theme, set_scale
from ssdo.viewer.turntable import Turntable
from ssdo.viewer.window import Clipboard

UI_SCALES = (MIN_UI_SCALE, 0.65, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, MAX_UI_SCALE)
Task = Turntable | Report | SizedScreenshot


class Actions:
    """Runs actions. The first word of an action names it, the rest is its argument."""

    def __init__(self, session: Session, panel: Panel, preferences: Preferences, wnd: BaseWindow) -> None:
        self.session = session
        self.panel = panel
        self.preferences = preferences
        self.wnd = wnd
        self.clipboard = Clipboard(wnd)
        self.file_dialog = FileDialog()
        self.task: Task | None = None  # that runs beside the window
        self.should_quit = False
        self.handlers: dict[str, Callable[[str], None]] = {
            **self._view_handlers(),
            **self._comparison_handlers(),
            **self._camera_handlers(),
            **self._file_handlers(),
            **self._blind_test_handlers(),
            **self._window_handlers(),
        }

    def run(self, action: str) -> None:
        """Run an action. Errors are shown in the window."""
        if not self.panel.experiments.blind_test.may_run(action):
            return
        name, _, argument = action.partition(" ")
        self.guard(lambda: self.handlers[name](argument))

    def guard(self, function: Callable[[], None]) -> None:
        """Call a function and show its UserError, or what the file system does, in the window."""
        try:
            function()
        except UserError as error:
            self.session.error = str(error)
        except OSError as error:
            self.session.error = describe_os_error(error)

    def step_task(self) -> None:
        """Continue the running task. Call after each frame."""
        if self.task and not self.task.is_done:
            task = self.task
            self.guard(lambda: task.step(self.session))
            if task.is_done:
                self.session.toasts.end_tasks()

    # ---- handlers ----

    def _view_handlers(self) -> dict[str, Callable[[str], None]]:
        session, pixel = self.session, self.panel.pixel
        return {
            "split": lambda _: session.toggle_split(),
            "view": session.choose_view,
            "flip": lambda _: self._flip(),
            "reference": lambda _: session.toggle_reference(),
            "next-component": lambda _: session.step_component(1),
            "previous-component": lambda _: session.step_component(-1),
            "next-buffer": lambda _: session.step_buffer(1),
            "previous-buffer": lambda _: session.step_buffer(-1),
            "final-image": lambda _: self._show_final_image(),
            "inspect": lambda _: pixel.toggle(),
            "pin": lambda _: pixel.toggle_pin(),
        }

    def _comparison_handlers(self) -> dict[str, Callable[[str], None]]:
        session = self.session
        return {
            "mode": lambda label: session.choose_mode(session.display.active_slot, label),
            "mode-A": lambda label: session.choose_mode("A", label),
            "copy-to-A": lambda _: session.copy_slot("B", "A"),
            "copy-to-B": lambda _: session.copy_slot("A", "B"),
            "half-resolution": lambda _: session.toggle_half_resolution(),
            "swap": lambda _: session.slots.swap(),
            "more-samples": lambda _: session.multiply_samples(2.0),
            "fewer-samples": lambda _: session.multiply_samples(0.5),
            "undo": lambda _: session.undo(),
            "redo": lambda _: session.redo(),
        }

    def _camera_handlers(self) -> dict[str, Callable[[str], None]]:
        return {
            "frame": lambda _: self.session.frame_scene(),
            "save-bookmark": lambda number: self._save_bookmark(int(number)),
            "restore-bookmark": lambda number: self._restore_bookmark(int(number)),
            "play": lambda _: self.session.toggle_playing(),
            "ground": lambda _: self.session.toggle_ground(),
        }

    def _file_handlers(self) -> dict[str, Callable[[str], None]]:
        session = self.session
        return {
            "open": lambda _: self._open_file(),
            "choose-preset": lambda _: self.panel.toolbar.choose_preset(),
            "reload": lambda _: session.reload_shaders(),
            "screenshot": lambda argument: self._save_screenshot(with_captions=argument == "captions"),
            "turntable": lambda _: self._start_task(lambda: Turntable(session, self.panel.turntable.settings)),
            "report": lambda _: self._start_task(lambda: Report(session)),
            "save-state": lambda _: self._save_state(),
            "copy-state": lambda _: self._copy_state(),
            "paste-state": lambda _: load_state(session, self.clipboard.read(), "the clipboard"),
        }

    def _blind_test_handlers(self) -> dict[str, Callable[[str], None]]:
        test = self.panel.experiments.blind_test
        return {
            "choose": lambda side: test.choose("left" if side == "left" else "right"),
            "show-reference": lambda _: test.toggle_reference(),
            "end-blind-test": lambda _: test.cancel(),
        }

    def _window_handlers(self) -> dict[str, Callable[[str], None]]:
        return {
            "help": lambda _: self.panel.toggle_help(),
            "panel": lambda _: self.panel.toggle_visible(),
            "search": lambda _: self.panel.focus_search(),
            "theme": lambda _: apply_theme(not THEME.is_dark),
            "larger-ui": lambda _: self._choose_scale(min((s for s in UI_SCALES if s > THEME.scale), default=0.0)),
            "smaller-ui": lambda _: self._choose_scale(max((s for s in UI_SCALES if s < THEME.scale), default=0.0)),
            "default-ui": lambda _: self._choose_scale(1.0),
            "full-screen": lambda _: self._toggle_full_screen(),
            "cancel": lambda _: self._cancel_tasks(),
            "close": lambda _: self._close(),
            "quit": lambda _: self._quit(),
        }

    def _flip(self) -> None:
        """Show the other slot, until the key is released."""
        self.session.display.is_flipped = True

    def _show_final_image(self) -> None:
        self.session.display.buffer = FINAL_IMAGE

    def _save_bookmark(self, number: int) -> None:
        self.preferences.save_bookmark(self.session.slots.shared.scene, number, self.session.file_pose)
        self.session.message = f"bookmark {number} saved; Alt+{number} restores it"

    def _restore_bookmark(self, number: int) -> None:
        pose = self.preferences.restore_bookmark(self.session.slots.shared.scene, number)
        if pose is None:
            self.session.message = f"no bookmark {number} for this scene; Ctrl+{number} saves one"
            return
        self.session.message = ""
        self.session.set_pose(pose)

    def _save_screenshot(self, with_captions: bool) -> None:
        session, settings = self.session, self.panel.screenshot.settings
        has_captions = with_captions or settings.has_captions
        size = parse_size(settings.size, max_target_size(session.gpu.ctx))
        if size is not None:
            self._start_task(lambda: SizedScreenshot(session, size, has_captions))
            return
        session.step(self.panel.viewport_size(self.wnd))  # the window may have been resized since the last frame
        print("\n".join(map(str, save_screenshot(session, has_captions=has_captions))), flush=True)

    def _start_task(self, start: Callable[[], Task]) -> None:
        if self.task and not self.task.is_done:
            raise UserError("a turntable, report or screenshot is being made; wait for it, or cancel it with Escape")
        self.task = start()

    def _save_state(self) -> None:
        content = format_state(self.session).encode()
        files = NumberedFiles(CAPTURES, f"{scene_stem(self.session)}-state", [".toml"])
        files.save(".toml", lambda path, overwrite: save_bytes(path, content, overwrite))
        (path,) = files.paths
        self.session.message = f"saved {path.absolute()}"
        print(path.absolute(), flush=True)

    def _copy_state(self) -> None:
        self.clipboard.write(format_state(self.session))
        self.session.message = "viewer state copied to the clipboard"

    def _open_file(self) -> None:
        """Open the file dialog; where there is none, the field for a path gets the keyboard."""
        if has_file_dialog():
            self.file_dialog.open()
            return
        self.panel.focus_path()
        self.session.message = f"no file dialog ({' or '.join(DIALOG_PROGRAMS)}): type a path, or drop a file"

    def poll_file_dialog(self) -> None:
        """Load the file that was chosen in the dialog. Call each frame."""
        if path := self.file_dialog.poll():
            self.panel.context.file_to_load = path

    def _choose_scale(self, scale: float) -> None:
        """Scale the user interface; 0: no further step."""
        if not scale:
            limit = "smallest" if THEME.scale <= MIN_UI_SCALE else "largest"
            self.session.message = f"text and controls have the {limit} size"
            return
        set_scale(scale)
        self.preferences.save_ui_scale(scale)
        self.session.message = f"text and controls at {100 * scale:.0f} %"

    def _toggle_full_screen(self) -> None:
        self.wnd.fullscreen = not self.wnd.fullscreen

    def _close(self) -> None:
        """Close what is on top: a list, the help, the search, typed text, messages. Without any, cancel what runs."""
        panel = self.panel
        if panel.is_list_open:
            return  # Dear ImGui closes it
        if panel.is_help_open:
            panel.is_help_open = False
        elif panel.context.search_text:
            panel.context.search_text = ""
        elif not panel.is_typing and not self.session.toasts.dismiss_all():
            self._cancel_tasks()

    def _cancel_tasks(self) -> None:
        if self.task and not self.task.is_done:
            self.task.end(self.session)
        self.panel.experiments.cancel()
        self.session.toasts.end_tasks()

    def _quit(self) -> None:
        self.should_quit = True
