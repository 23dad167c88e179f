"""The window and its loop: events to the panel, the camera and the keys, and frames only when there is something new to
show.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import moderngl_window
from moderngl_window.context.base import BaseWindow, KeyModifiers, WindowConfig

from ssdo.gpu.context import NO_OPENGL, Gpu, NoOpenGL, give_back
from ssdo.measure import images
from ssdo.render.shot import Shot, read_text
from ssdo.render.technique import Technique
from ssdo.scene import built_in
from ssdo.scene.files import progress
from ssdo.settings import UserError, format_toml
from ssdo.viewer import controls, keys, preferences
from ssdo.viewer.buffers import PICTURE
from ssdo.viewer.imgui_renderer import ImguiRenderer
from ssdo.viewer.panel import Panel
from ssdo.viewer.preferences import Memory
from ssdo.viewer.recording import Report, Turntable
from ssdo.viewer.session import Session, at_first

PAUSE = 0.01  # seconds between looks at an idle window's events
AWAKE = 0.7  # seconds after an event in which the panel is drawn: tooltips come late
HEARTBEAT = 1.0  # seconds; an idle window is drawn this often, in case another one had covered it
TURN = 0.35  # degrees for a pixel of dragging
STEP = 0.88  # distance for a notch of the wheel
GRIP = 8.0  # pixels at the divider that take hold of it
FLYING = {"W": (0, 0, 1), "S": (0, 0, -1), "D": (1, 0, 0), "A": (-1, 0, 0), "E": (0, 1, 0), "Q": (0, -1, 0)}
FRAMES = 5  # until Dear ImGui has taken all events of a click
SMOOTH = 1 / 60  # seconds between frames of the panel alone
NOTE = 6.0  # seconds a message stays
TIDY = 5.0  # seconds between looks at what memory can be given back


class Viewer(WindowConfig):
    """What moderngl-window calls. It does nothing until `begin`, since the first events come before there is a
    session.
    """

    gl_version = (4, 1)
    title = "SSAO and SSDO"
    aspect_ratio = None  # type: ignore[assignment]  # a fixed one would shift the mouse
    resizable = True
    vsync = True
    log_level = logging.WARNING

    session: Session | None = None

    def begin(self, session: Session, scale: float, memory: Memory) -> None:
        self.wnd.exit_key = None  # Escape closes menus, not the window
        self.ui = ImguiRenderer(self.wnd, scale)
        self.memory = memory
        self.panel = Panel(session, scale, self.ui.bold, memory)
        self.task: Turntable | Report | None = None
        self.clipboard = ""  # where the system has none
        self.drag = ""
        self.mouse = (0, 0)  # Dear ImGui's own is that of the last frame
        self.held: set[str] = set()
        self.names = {
            getattr(self.wnd.keys, name): name
            for name in {n for k in keys.KEYS for n in k.names} | FLYING.keys()
            if hasattr(self.wnd.keys, name)
        }
        self.unsure = 0  # frames until it is known whether a click went into a field
        self.waiting: list[str] = []  # actions of keys pressed meanwhile
        self.awake = 0.0
        self.drawn = 0.0
        self.last = self.tidied = time.perf_counter()
        self.hidden = False
        self.noted = ("", 0.0)
        self.session = session
        self.quit = False

    # ---- the loop ----

    def loop(self) -> None:
        """Until the window closes."""
        while not self.wnd.is_closing and not self.quit:
            if self.frame():
                self.wnd.swap_buffers()  # takes events too
            else:
                time.sleep(PAUSE)
                _take_events(self.wnd)
        self.ui.close()

    def frame(self) -> bool:
        """Bring the picture up to date and draw the window, if there is anything new."""
        session, now = self.session, time.perf_counter()
        assert session
        passed, self.last = min(now - self.last, 0.1), now
        width, height = self.wnd.buffer_size
        if self.hidden or min(width, height) < 1:
            return False
        if self.panel.loading and self.drawn > self.awake - AWAKE:  # it has been said that it loads
            self._load(self.panel.loading)
        self._fly(passed)
        session.advance(passed)
        if session.note != self.noted[0]:
            self.noted = (session.note, now)
        elif session.note and now - self.noted[1] > NOTE:
            session.note = ""
            self.awake = now
        new = session.step(
            (width, height), busy=bool(self.drag) or (self.ui.io.want_capture_mouse and self.ui.io.mouse_down[0])
        )
        if self.task and not self.task.done:
            self._guarded(lambda: self.task.step(session) if self.task else None)
        over = self.mouse if not self.panel.holds(*self.mouse) else None
        ratio = width / max(self.wnd.size[0], 1)
        self.panel.inspect((int(over[0] * ratio), int(over[1] * ratio)) if over else None)
        running = self.panel.experiment is not None and not self.panel.experiment.done
        if not new and now - self.tidied > TIDY:
            self.tidied = now
            give_back()
        if not new and not running and now - self.drawn < (HEARTBEAT if now > self.awake else SMOOTH):
            return False
        self.wnd.use()
        session.show(self.wnd.fbo)
        wishes, self.panel.wishes = self.panel.wishes, []
        for wish in wishes:
            self._act(wish)
        self.ui.begin()
        self.panel.draw(*self.wnd.size)
        self.ui.end(self.wnd.fbo)
        self._decide()
        self.drawn = time.perf_counter()
        return True

    def _wake(self) -> bool:
        """Something happened: draw for a while. False before the viewer has begun."""
        if self.session is None:
            return False
        self.awake = time.perf_counter() + AWAKE
        return True

    def _load(self, what: str) -> None:
        assert self.session
        self.panel.loading = ""
        self._guarded(lambda: self._loaded(what))
        self._wake()

    def _loaded(self, what: str) -> None:
        """A state, a preset, a picture's shot, an environment or a scene; its suffix tells which."""
        session = self.session
        assert session
        match what.lower().rpartition(".")[2]:
            case "toml":
                preferences.take_state(session, read_text(Path(what)), what)
            case "png":
                preferences.take_state(session, format_toml(images.shot_values(Path(what))), what)
            case "hdr" | "exr":
                session.change({"environment": what}, self.panel.slot)
            case _:
                with progress.told(self._tell):
                    changed = session.change({"scene": what})
                self.wnd.title = self.title
                if changed:
                    self.memory.visit(what)
                    session.note = f"{session.base.scene}: {'; '.join([built_in.described(session.scene), *session.scene.notes[:3]])}"

    def _tell(self, what: str, done: int, count: int) -> None:
        """How far a file has been read: in the title, since the window waits."""
        percent = f"{self.title}: reading {what}, {100 * done // max(count, 1)} %"
        if self.wnd.title != percent:
            self.wnd.title = percent

    def _guarded(self, act: Callable[[], None]) -> None:
        """What goes wrong for the user is said, and the window stays."""
        try:
            act()
        except UserError as problem:
            assert self.session
            self.session.error = str(problem)

    def _fly(self, seconds: float) -> None:
        """While the right button is held."""
        session = self.session
        assert session
        if self.drag != "look" or not (held := self.held & FLYING.keys()):
            return
        reach = controls.speed(session.pose, session.scene) * seconds * (4 if "shift" in self.held else 1)
        right, up, forward = (sum(FLYING[name][axis] for name in held) * reach for axis in range(3))
        session.move(controls.fly(session.pose, right, up, forward))
        self._wake()

    # ---- events ----

    def on_render(self, time: float, frame_time: float) -> None:
        """Unused: the loop is our own, since moderngl-window's draws without end."""

    def on_resize(self, width: int, height: int) -> None:
        if self._wake():
            self.ui.resize()

    def on_iconify(self, iconified: bool) -> None:
        if self._wake():
            self.hidden = iconified

    def on_key_event(self, key: Any, action: Any, modifiers: KeyModifiers) -> None:
        if not self._wake():
            return
        down = action != self.wnd.keys.ACTION_RELEASE
        key = _without_shift(self.wnd, key, down)
        self.ui.key(key, down, modifiers)
        shift = key in (self.wnd.keys.LEFT_SHIFT, self.wnd.keys.RIGHT_SHIFT)
        name = "shift" if shift else self.names.get(key, "")
        (self.held.add if down else self.held.discard)(name)
        if name == "TAB" and not down:
            self.session.look.flipped = False  # type: ignore[union-attr]
        if action != self.wnd.keys.ACTION_PRESS or not name:
            return
        if name == "ESCAPE":
            self._escape()
        if not (self.drag == "look" and name in FLYING):
            self._perhaps(
                keys.action(name, shift=bool(modifiers.shift), ctrl=bool(modifiers.ctrl), alt=bool(modifiers.alt))
            )

    def _escape(self) -> None:
        """What goes on ends, and the help is closed."""
        session = self.session
        assert session
        self.panel.help = False
        for task in (self.task, self.panel.experiment):
            if task and not task.done:
                task.end(session)

    def on_unicode_char_entered(self, char: str) -> None:
        if not self._wake():
            return
        self.ui.character(char)
        self._perhaps(keys.action_of_character(char))

    def _perhaps(self, action: str) -> None:
        """Act, unless the key is being typed into a field; whether it is may not be known yet."""
        if self.unsure and action:
            self.waiting.append(action)
        elif not self.ui.io.want_text_input:
            self._act(action)

    def _decide(self) -> None:
        """After a frame: Dear ImGui takes a click's events one by one, so that it takes some until a field is
        active.
        """
        if self.unsure:
            self.unsure -= 1
            if self.ui.io.want_text_input:
                self.waiting, self.unsure = [], 0
            elif not self.unsure:
                waiting, self.waiting = self.waiting, []
                for action in waiting:
                    self._act(action)

    def _act(self, action: str) -> None:
        session = self.session
        assert session
        verb, _, rest = action.partition(" ")
        self._guarded(lambda: self._do(session, verb, rest))

    def _do(self, session: Session, verb: str, rest: str) -> None:
        match verb:
            case "right":
                session.choose_mode("B", int(rest))
            case "left":
                session.choose_mode("A", int(rest))
            case "split":
                session.toggle_split()
            case "view":
                session.choose_view(rest)
            case "flip":
                session.look.flipped = True
            case "half":
                session.toggle_half()
            case "exchange":
                session.exchange()
            case "more":
                session.multiply_samples(2.0)
            case "fewer":
                session.multiply_samples(0.5)
            case "truth":
                session.truth = not session.truth
                session.note = (
                    "the truth is drawn behind, while nothing changes" if session.truth else "no truth behind"
                )
            case "climb" | "descend":
                session.note = session.look.climb(1 if verb == "climb" else -1)
            case "next" | "previous":
                session.next_buffer(1 if verb == "next" else -1)
            case "picture":
                session.look.buffer = PICTURE
            case "inspect":
                self.panel.inspects, self.panel.pinned = not self.panel.inspects, None
            case "pin":
                self.panel.pinned = None if self.panel.pinned or not self.panel.cursor else self.panel.cursor.pixel
            case "frame":
                session.frame_scene()
            case "keep":
                self.memory.keep(session.base.scene, int(rest), session.pose)
                session.note = f"camera kept: Alt+{rest} goes back to it"
            case "recall":
                pose = self.memory.recall(session.base.scene, int(rest))
                session.note = "" if pose else f"no camera {rest} for this scene; Ctrl+{rest} keeps one"
                if pose:
                    session.change({"camera.fov": pose.fov})
                    session.move(pose)
            case "play":
                session.playing = not session.playing
                session.note = "" if session.moves else f"nothing moves in {session.base.scene}"
            case "help":
                self.panel.help = not self.panel.help
            case "panel":
                self.panel.visible = not self.panel.visible
            case "reload":
                session.reload()
            case "screenshot":
                session.step(self.wnd.buffer_size)  # the window may have another size than in the last frame
                print("\n".join(map(str, preferences.screenshot(session))), flush=True)
            case "turntable" | "report":
                if not self.task or self.task.done:
                    self.task = Turntable(session) if verb == "turntable" else Report(session)
            case "save":
                path = images.free_name(
                    Path("captures"), f"{Path(session.base.scene.partition(':')[0]).stem}-state", ".toml"
                )
                with images.written(path) as file:
                    file.write(preferences.state_text(session).encode())
                session.note = f"saved {path.absolute()}"
                print(path.absolute(), flush=True)
            case "copy":
                self._to_clipboard(preferences.state_text(session))
                session.note = "the state is in the clipboard, as TOML"
            case "paste":
                preferences.take_state(session, self._from_clipboard(), "the clipboard")
            case "undo" | "redo":
                session.undo(back=verb == "undo")
            case "quit":
                self.quit = True

    def _to_clipboard(self, text: str) -> None:
        """Of the system, where the window library has one; else our own."""
        self.clipboard = text
        with contextlib.suppress(Exception):  # of any kind: each system's own
            cast(Any, self.wnd)._window.set_clipboard_text(text)

    def _from_clipboard(self) -> str:
        with contextlib.suppress(Exception):
            if text := str(cast(Any, self.wnd)._window.get_clipboard_text()):
                return text
        return self.clipboard

    def on_mouse_position_event(self, x: int, y: int, dx: int, dy: int) -> None:
        if self._wake():
            self.mouse = (x, y)
            self.ui.mouse_move(x, y)

    def on_mouse_press_event(self, x: int, y: int, button: int) -> None:
        if not self._wake():
            return
        self.ui.mouse_button(x, y, button, True)
        if self.drag:
            return
        if self.panel.holds(x, y):
            self.unsure = FRAMES
            return
        mouse = self.wnd.mouse
        if button == mouse.left:
            self.drag = "divider" if self._at_divider(x) else "pan" if self.wnd.modifiers.shift else "orbit"
        elif button in (mouse.right, mouse.middle):
            self.drag = "look" if button == mouse.right else "pan"
        self.button = button

    def on_mouse_release_event(self, x: int, y: int, button: int) -> None:
        if self._wake():
            self.ui.mouse_button(x, y, button, False)
            if self.drag and button == self.button:
                self.drag = ""

    def on_mouse_drag_event(self, x: int, y: int, dx: int, dy: int) -> None:
        session = self.session
        if not self._wake() or session is None:
            return
        self.mouse = (x, y)
        self.ui.mouse_move(x, y)
        width, height = self.wnd.size
        match self.drag:
            case "divider":
                session.look.divider = max(0.0, min(1.0, x / max(width, 1)))
            case "orbit":
                session.move(controls.orbit(session.pose, dx * TURN, -dy * TURN))
            case "look":
                session.move(controls.look(session.pose, dx * TURN, -dy * TURN))
            case "pan":
                session.move(controls.pan(session.pose, -dx / max(height, 1), dy / max(height, 1)))

    def on_mouse_scroll_event(self, x_offset: float, y_offset: float) -> None:
        session = self.session
        if not self._wake() or session is None:
            return
        self.ui.scroll(x_offset, y_offset)
        if not self.panel.holds(*self.mouse):
            session.move(controls.zoom(session.pose, STEP**y_offset, session.scene))

    def on_files_dropped_event(self, x: int, y: int, paths: Any) -> None:
        if self._wake() and paths:
            self.panel.loading = str(paths[0])

    def _at_divider(self, x: float) -> bool:
        session = self.session
        assert session
        ratio = self.wnd.buffer_size[0] / max(self.wnd.size[0], 1)
        look = session.look
        return look.split and look.view != "side by side" and abs(x * ratio - look.at(session.size[0])) <= GRIP * ratio


def _take_events(wnd: BaseWindow) -> None:
    """Events without showing a frame. Only pyglet can do one without the other; elsewhere the last frame is shown
    again.
    """
    if wnd.name == "pyglet":
        cast(Any, wnd)._window.dispatch_events()
    else:
        wnd.swap_buffers()


def _without_shift(wnd: BaseWindow, key: Any, down: bool) -> Any:
    """The key itself. On X11 pyglet reports what it types: `!` for 1 with Shift; and one that is released after Shift
    stays pressed for good, so that it is not reported again.
    """
    if wnd.name != "pyglet" or sys.platform != "linux":
        return key
    from pyglet.libs.x11 import xlib
    from pyglet.window import key as names

    window = cast(Any, wnd)._window
    if not down:
        window.pressed_keys.clear()
    code = xlib.XKeysymToKeycode(window._x_display, key) if 32 <= key < 256 else 0
    plain = xlib.XKeycodeToKeysym(window._x_display, code, 0) if code else 0
    return plain if plain in cast(Any, names)._key_names else key


def open_window(size: tuple[int, int]) -> Viewer:
    """Raises NoOpenGL."""
    try:
        config = moderngl_window.create_window_config_instance(Viewer, args=["--size", f"{size[0]}x{size[1]}"])
    except Exception as error:  # every library below has its own, and some raise plain Exception
        reason = " ".join(str(error).split()) or type(error).__name__
        raise NoOpenGL(f"no window can be opened ({reason}); {NO_OPENGL}") from None
    assert isinstance(config, Viewer)
    return config


def run(
    shot: Shot, others: Mapping[str, Technique], ui_scale: float, size: tuple[int, int], split: bool, choose: bool
) -> int:
    config = open_window(size)
    gpu = Gpu(config.wnd.ctx)
    session = Session(gpu, at_first(gpu, shot, choose), others)
    if split:
        session.toggle_split()
    memory = Memory()
    config.begin(session, ui_scale, memory)
    config.wnd.title = f"{Viewer.title}: {shot.scene}"
    config.loop()
    return 0
