"""Handles the window's events: keys, mouse, dropped files."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from imgui_bundle import imgui
from moderngl_window.context.base import BaseWindow, KeyModifiers

from ssdo.viewer import controls, keys
from ssdo.viewer.actions import Actions
from ssdo.viewer.image_overlay import DIVIDER_MARGIN
from ssdo.viewer.imgui_renderer import ImguiRenderer
from ssdo.viewer.panel.panel import Panel
from ssdo.viewer.session import Session
from ssdo.viewer.window import Cursor, Window, dispatch_events, map_extra_keys, unshifted_key

DEGREES_PER_PIXEL = 0.35
DOLLY_RATIO = 0.88  # of the distance, per notch of the wheel
FAST_FLY_FACTOR = 4.0
DOUBLE_CLICK_SECONDS, DOUBLE_CLICK_DISTANCE = 0.35, 6.0  # at most, between two presses
FLY_KEYS = {"W": (0, 0, 1), "S": (0, 0, -1), "D": (1, 0, 0), "A": (-1, 0, 0), "E": (0, 1, 0), "Q": (0, -1, 0)}
CLICK_FRAMES = 5  # until Dear ImGui has handled a click, and knows whether it activated a text field


class InputHandler:
    """Passes events to Dear ImGui, and moves the camera or runs an action if they are not meant for the panel."""

    def __init__(self, window: Window, session: Session, ui: ImguiRenderer, panel: Panel, actions: Actions) -> None:
        self.wnd, self.events = window.wnd, window.events
        self.session = session
        self.ui = ui
        self.panel = panel
        self.actions = actions
        self.had_event = False  # since the last `take_activity`
        self.is_minimised = False
        self.drag = ""  # what the mouse drags: orbit, look, pan, divider
        self.mouse = (0, 0)  # Dear ImGui's own position is that of the last frame
        self._drag_button = 0
        self._last_click = -math.inf, 0, 0  # time and place of the last press of the left button
        self._held_keys: set[str] = set()
        self._key_names = _map_key_names(window.wnd)
        self._cursor = Cursor(window.wnd)
        # While it is not known whether a click activated a text field, the actions of keys wait.
        self.frames_to_decide = 0
        # What is typed before a text field that was given the keyboard has it.
        self._is_focusing, self._held_text = False, ""
        self._deferred_actions: list[str] = []
        window.events.connect(self._list_handlers())

    def _list_handlers(self) -> dict[str, Callable[..., None]]:
        return {
            "resize": self._on_resize,
            "iconify": self._on_minimise,
            "key_event": self._on_key,
            "unicode_char_entered": self._on_character,
            "mouse_position_event": self._on_mouse_move,
            "mouse_press_event": self._on_mouse_press,
            "mouse_release_event": self._on_mouse_release,
            "mouse_drag_event": self._on_mouse_drag,
            "mouse_scroll_event": self._on_scroll,
            "files_dropped_event": self._on_files_dropped,
        }

    def poll_while_rendering(self) -> bool:
        """Defer the events that have come. Returns whether one of them wants an answer at once.

        Moves of the mouse can wait until a frame is complete.
        """
        with self.events.defer():
            dispatch_events(self.wnd)
        return self.events.is_urgent

    def follow_mouse(self) -> bool:
        """Handle the moves of the mouse that wait, while nothing else does. Returns whether they show in the window.

        Those over the image do not, except at the divider. Call after `poll_while_rendering` has returned False.
        """
        was_seen = self._is_seen()
        position = self.mouse
        self.events.handle_deferred()
        return self.mouse != position and (was_seen or self._is_seen())

    def _is_seen(self) -> bool:
        """Whether the mouse is over the panel or the divider."""
        return self.panel.covers(*self.mouse) or self._is_at_divider(self.mouse[0])

    # ---- once a frame ----

    def take_activity(self) -> bool:
        """Whether there was an event since the last call."""
        had_event, self.had_event = self.had_event, False
        return had_event

    @property
    def is_dragging(self) -> bool:
        """Whether the mouse drags something, in the image or in the panel."""
        return bool(self.drag) or (self.ui.io.want_capture_mouse and self.ui.io.mouse_down[0])

    @property
    def pixel_under_mouse(self) -> tuple[int, int] | None:
        """Pixel of the framebuffer, row 0 on top; None over the panel."""
        return None if self.panel.covers(*self.mouse) else self._pixel_at(*self.mouse)

    def _pixel_at(self, x: float, y: float) -> tuple[int, int]:
        return int(x * self._pixel_ratio), int(y * self._pixel_ratio)

    @property
    def _pixel_ratio(self) -> float:
        return self.wnd.buffer_size[0] / max(self.wnd.size[0], 1)

    def fly(self, seconds: float) -> None:
        """Move the camera while the right button and keys are held."""
        pressed = self._held_keys & FLY_KEYS.keys()
        if self.drag != "look" or not pressed:
            return
        session = self.session
        speed = controls.fly_speed(session.pose, session.scene) * (FAST_FLY_FACTOR if "shift" in self._held_keys else 1)
        right, up, forward = (sum(FLY_KEYS[name][axis] for name in pressed) * speed * seconds for axis in range(3))
        session.move_camera(controls.fly(session.pose, right, up, forward))
        self.had_event = True

    def run_deferred_actions(self) -> None:
        """Call after each frame of the panel: runs or drops the actions that wait."""
        if self.panel.widgets.has_moved_focus:
            self.panel.widgets.has_moved_focus, self._is_focusing, self.frames_to_decide = False, True, CLICK_FRAMES
        if not self.frames_to_decide:
            return
        self.frames_to_decide -= 1
        if self.ui.io.want_text_input:
            self._deferred_actions, self.frames_to_decide = [], 0
        elif not self.frames_to_decide:
            actions, self._deferred_actions = self._deferred_actions, []
            for action in actions:
                self.actions.run(action)
        if self._is_focusing and not self.frames_to_decide:
            self._is_focusing = False
            self.ui.add_text(self._held_text)
            self._held_text = ""

    @property
    def _awaits_focus(self) -> bool:
        """Whether a text field was given the keyboard, and does not have it yet."""
        return self._is_focusing or bool(self.panel.widgets.item_to_focus)

    # ---- window ----

    def _on_resize(self, width: int, height: int) -> None:
        self.had_event = True
        self.ui.resize()

    def _on_minimise(self, is_minimised: bool) -> None:
        self.had_event = True
        self.is_minimised = is_minimised

    def _on_files_dropped(self, x: int, y: int, paths: Any) -> None:
        self.had_event = True
        if paths:
            self.panel.context.file_to_load = str(paths[0])

    # ---- keys ----

    def _on_key(self, key: Any, key_action: Any, modifiers: KeyModifiers) -> None:
        self.had_event = True
        is_down = key_action != self.wnd.keys.ACTION_RELEASE
        key = unshifted_key(self.wnd, key, is_down)
        # Tab would activate a text field; it shows the other slot, unless text is typed
        if key != self.wnd.keys.TAB or not is_down or self.ui.io.want_text_input:
            self.ui.add_key(key, is_down, modifiers)
        is_shift = key in (self.wnd.keys.LEFT_SHIFT, self.wnd.keys.RIGHT_SHIFT)
        name = "shift" if is_shift else self._key_names.get(key, "")
        if is_down:
            self._held_keys.add(name)
        else:
            self._held_keys.discard(name)
        if name == "TAB" and not is_down:
            self.session.display.is_flipped = False
        if key_action != self.wnd.keys.ACTION_PRESS or not name:
            return
        is_flying = self.drag == "look" and name in FLY_KEYS
        shift, ctrl, alt = bool(modifiers.shift), bool(modifiers.ctrl), bool(modifiers.alt)
        shortcut = keys.find_key(name, shift=shift, ctrl=ctrl, alt=alt)
        if shortcut and shortcut.while_typing:
            self.actions.run(shortcut.action)
        elif shortcut and not is_flying:
            self._run_unless_typing(shortcut.action)

    def _on_character(self, character: str) -> None:
        self.had_event = True
        if self._awaits_focus:
            self._held_text += character
        else:
            self.ui.add_text(character)
        self._run_unless_typing(keys.find_character_action(character))

    def _run_unless_typing(self, action: str) -> None:
        """Run an action, unless its key is typed into a text field. This may not be known yet."""
        if not action:
            return
        if self.frames_to_decide or self._awaits_focus:
            self._deferred_actions.append(action)
        elif not self.ui.io.want_text_input:
            self.actions.run(action)

    # ---- mouse ----

    def _on_mouse_move(self, x: int, y: int, dx: int, dy: int) -> None:
        self.had_event = True
        self.mouse = (x, y)
        self.ui.add_mouse_move(x, y)

    def _on_mouse_press(self, x: int, y: int, button: int) -> None:
        self.had_event = True
        if self.panel.is_outside_help(x, y):
            self.panel.is_help_open = False
            return
        self.ui.add_mouse_button(x, y, button, True)
        if self.drag:
            return
        if button == self.wnd.mouse.left and self.panel.is_at_edge(x):
            self.drag, self._drag_button = "panel edge", button
            return
        if self.panel.covers(x, y):
            self.frames_to_decide = CLICK_FRAMES
            return
        mouse = self.wnd.mouse
        if button == mouse.left and self._is_double_click(x, y):
            self.session.center_on(self._pixel_at(x, y))
        elif button == mouse.left:
            self.drag = "divider" if self._is_at_divider(x) else "pan" if self.wnd.modifiers.shift else "orbit"
        elif button in (mouse.right, mouse.middle):
            self.drag = "look" if button == mouse.right else "pan"
        self._drag_button = button
        self.session.toasts.end_kind("hint")

    def _is_double_click(self, x: int, y: int) -> bool:
        """Whether this press of the left button follows another one at the same place."""
        now, (last_time, last_x, last_y) = self.session.now(), self._last_click
        self._last_click = now, x, y
        return now - last_time < DOUBLE_CLICK_SECONDS and math.dist((x, y), (last_x, last_y)) < DOUBLE_CLICK_DISTANCE

    def _on_mouse_release(self, x: int, y: int, button: int) -> None:
        self.had_event = True
        self.ui.add_mouse_button(x, y, button, False)
        if self.drag and button == self._drag_button:
            if self.drag == "panel edge":
                self.panel.preferences.save_panel_width(self.panel.width)
            self.drag = ""

    def _on_mouse_drag(self, x: int, y: int, dx: int, dy: int) -> None:
        self._on_mouse_move(x, y, dx, dy)
        session = self.session
        height = self.wnd.size[1]
        match self.drag:
            case "divider":
                session.display.divider = max(0.0, min(1.0, x * self._pixel_ratio / max(session.size[0], 1)))
            case "panel edge":
                self.panel.move_edge(x)
            case "orbit":
                session.orbit(dx * DEGREES_PER_PIXEL, -dy * DEGREES_PER_PIXEL)
            case "look":
                session.move_camera(controls.look_around(session.pose, dx * DEGREES_PER_PIXEL, -dy * DEGREES_PER_PIXEL))
            case "pan":
                session.move_camera(controls.pan(session.pose, -dx / max(height, 1), dy / max(height, 1)))

    def _on_scroll(self, x_offset: float, y_offset: float) -> None:
        self.had_event = True
        self.ui.add_scroll(x_offset, y_offset)
        if not self.panel.covers(*self.mouse):
            self.session.dolly(DOLLY_RATIO**y_offset, self.pixel_under_mouse)

    def update_cursor(self) -> None:
        """Show what the mouse would do. Call after each frame of the panel."""
        x, y = self.mouse
        is_at_divider = self._is_at_divider(x) and not self.panel.covers(x, y)
        if self.drag in ("panel edge", "divider") or (not self.drag and (self.panel.is_at_edge(x) or is_at_divider)):
            self._cursor.show("resize")
        else:
            self._cursor.show("text" if imgui.get_mouse_cursor() == imgui.MouseCursor_.text_input else "")

    def _is_at_divider(self, x: float) -> bool:
        display = self.session.display
        if not display.shows_two_images or display.view == "side by side":
            return False
        distance = abs(x * self._pixel_ratio - display.divider_px(self.session.size[0]))
        return distance <= DIVIDER_MARGIN * self._pixel_ratio


def _map_key_names(wnd: BaseWindow) -> dict[Any, str]:
    """Names of the window library's keys that are used, by key."""
    names = {name for key in keys.all_keys() for name in key.names} | FLY_KEYS.keys()
    return {getattr(wnd.keys, name): name for name in names if hasattr(wnd.keys, name)} | map_extra_keys(wnd)
