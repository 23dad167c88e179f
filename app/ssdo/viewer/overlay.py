"""What is drawn over the picture: the slots' names, the line of status, messages, values under the mouse, a pixel's
directions, the help.
"""

from __future__ import annotations

import math

import numpy as np
from imgui_bundle import ImVec2, imgui

from ssdo.scene.model import Floats
from ssdo.settings import Vec3
from ssdo.viewer import keys
from ssdo.viewer.display_state import Cursor
from ssdo.viewer.imgui_renderer import THEME
from ssdo.viewer.pixel_inspector import CLOSED, LEAVES, Probe
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.session import Session
from ssdo.viewer.widgets import COLORS, Color, colored, faint, u32

FIXED = (
    imgui.WindowFlags_.no_title_bar.value
    | imgui.WindowFlags_.no_resize.value
    | imgui.WindowFlags_.no_collapse.value
    | imgui.WindowFlags_.no_move.value
    | imgui.WindowFlags_.no_saved_settings.value
)
INK, DARK, WARN = (0.95, 0.96, 0.97, 1.0), (0.05, 0.055, 0.065, 0.84), (0.96, 0.55, 0.42, 1.0)
# of a direction that is closed, and of one that leaves the screen
SHUT, OFF = (0.12, 0.12, 0.14, 1.0), (0.55, 0.35, 0.85, 1.0)


class Overlay:
    """Draws on the list behind the panel. `free` is the width that the panel leaves, in the panel's units."""

    def __init__(self, session: Session, scale: float, bold: imgui.ImFont) -> None:
        self.session = session
        self.scale = scale
        self.bold = bold

    @property
    def _ratio(self) -> float:
        return float(imgui.get_io().display_framebuffer_scale.x) or 1.0

    def names(self, free: float) -> None:
        """Of what is seen: both sides at the divider's top, and its handle; or of the view, at the left."""
        s, k = self.session, self.scale
        look = s.look
        pen, height = imgui.get_background_draw_list(), imgui.get_io().display_size.y
        if not look.split:
            if look.view == "difference":
                self._tag(pen, 12 * k, f"|A - B| x{look.gain}:  A {s.label('A')},  B {s.label('B')}", free)
            elif len(s.shown) == 2 or look.flipped or look.view == "A":
                self._tag(pen, 12 * k, f"{look.single}: {s.label(look.single)}", free, COLORS[look.single])
            return
        at = look.at(s.size[0]) / self._ratio
        sides: tuple[Slot, Slot] = ("B", "A") if look.flipped else ("A", "B")
        for slot, left in zip(sides, (True, False), strict=True):
            words = f"{slot}: {s.label(slot)}"
            if look.view == "error" and (error := s.lens.rmse(slot)) is not None:
                words += f", RMSE {error:.4f}"
            size, pad = imgui.calc_text_size(words), 9 * k
            x = max(8 * k, at - 12 * k - size.x - 2 * pad) if left else at + 12 * k
            self._tag(pen, x, words, at - 12 * k if left else free - 8 * k, COLORS[slot])
        if look.view == "side by side":
            return
        middle, r = height / 2, 11 * k
        pen.add_circle_filled(ImVec2(at, middle), r, u32((0.95, 0.95, 0.95, 0.95)), 32)
        for side in (-1, 1):
            x = at + side * 3.2 * k
            pen.add_triangle_filled(
                ImVec2(x, middle - 4 * k),
                ImVec2(x, middle + 4 * k),
                ImVec2(x + side * 4.5 * k, middle),
                u32((0.15, 0.16, 0.18, 1.0)),
            )

    def _tag(self, pen: imgui.ImDrawList, x: float, words: str, end: float, color: Color = INK) -> None:
        k = self.scale
        size, pad, y = imgui.calc_text_size(words), 9 * k, 12 * k
        if x + size.x + 2 * pad <= end + 1:
            pen.add_rect_filled(ImVec2(x, y), ImVec2(x + size.x + 2 * pad, y + size.y + 10 * k), u32(DARK), 5 * k)
            pen.add_text(ImVec2(x + pad, y + 5 * k), u32(color), words)

    def status(self, free: float, height: float, bar: float) -> None:
        k, words = self.scale, self.session.status()
        pen = imgui.get_background_draw_list()
        pen.add_rect_filled(ImVec2(0, height - bar), ImVec2(free, height), u32(DARK))
        y = height - bar / 2 - imgui.get_text_line_height() / 2
        parts = words.split("   |   ")
        while len(parts) > 1 and imgui.calc_text_size("   |   ".join(parts)).x > free - 24 * k:
            parts.pop(0 if len(parts) > 2 else -1)  # the size and the time are said nowhere else
        pen.add_text(ImVec2(14 * k, y), u32(INK), "   |   ".join(parts))

    def messages(self, free: float, height: float, loading: str) -> None:
        """What went wrong, and what was done, above the status line."""
        s, k = self.session, self.scale
        lines = [(s.error, WARN)] if s.error else []
        if loading:
            lines = [(f"loading {loading} ...", INK)]
        elif s.note:
            lines.append((s.note, INK))
        pen, y = imgui.get_background_draw_list(), height
        for words, color in reversed(lines):
            room = free - 48 * k
            size = imgui.calc_text_size(words, wrap_width=room)
            y -= size.y + 22 * k
            pen.add_rect_filled(ImVec2(12 * k, y), ImVec2(size.x + 36 * k, y + size.y + 14 * k), u32(DARK), 5 * k)
            pen.add_rect_filled(
                ImVec2(12 * k, y),
                ImVec2(15 * k, y + size.y + 14 * k),
                u32(color if color == WARN else THEME.accent),
                2 * k,
            )
            pen.add_text(imgui.get_font(), imgui.get_font_size(), ImVec2(24 * k, y + 7 * k), u32(color), words, room)

    # ---- a pixel ----

    def probe(self, slot: Slot, cursor: Cursor, found: Probe) -> None:
        """The directions of a pixel in the scene: a line to each surface that closes one, a dot where each open one
        ends.
        """
        picture = self.session.sides[slot].picture
        if picture is None or cursor.position is None:
            return
        pen, k, (w, h) = imgui.get_background_draw_list(), self.scale, imgui.get_io().display_size
        frame = picture.view.frame
        here = self._screen(frame.clip_from_world, cursor.position, w, h)
        ends = np.array(cursor.position) + found.directions * found.radius
        top = max(float(found.direct.max(initial=0)), float(found.indirect.max(initial=0)), 1e-9)
        for i, fate in enumerate(found.fates):
            light = found.indirect[i] if fate == CLOSED else found.direct[i]
            color = _shown(light / top)
            if fate == CLOSED:
                sender = ImVec2(float(found.senders[i, 0]) * w, (1 - float(found.senders[i, 1])) * h)
                if here:
                    pen.add_line(here, sender, u32((*color[:3], 0.9)), 1.5 * k)
                pen.add_circle_filled(sender, 3.2 * k, u32(color))
                pen.add_circle(sender, 3.2 * k, u32(SHUT), 0, k)
            elif end := self._screen(
                frame.clip_from_world, (float(ends[i, 0]), float(ends[i, 1]), float(ends[i, 2])), w, h
            ):
                if here:
                    pen.add_line(here, end, u32((*color[:3], 0.35)), k)
                pen.add_circle_filled(end, 2.6 * k, u32(OFF if fate == LEAVES else color))
        if here:
            pen.add_circle(here, 6 * k, u32(INK), 0, 1.6 * k)

    @staticmethod
    def _screen(clip_from_world: tuple[float, ...], p_ws: Vec3, w: float, h: float) -> ImVec2 | None:
        """Where a point is seen, in the panel's units; None behind the camera."""
        x, y, _, depth = np.array((*p_ws, 1.0)) @ np.array(clip_from_world).reshape(4, 4)
        return ImVec2(float(0.5 + 0.5 * x / depth) * w, float(0.5 - 0.5 * y / depth) * h) if depth > 1e-6 else None

    def disc(self, found: Probe, across: float) -> None:
        """The same directions as seen from above the surface: open ones in the colour of their light, closed ones in
        that of their sender's.
        """
        k = self.scale
        at, radius = imgui.get_cursor_screen_pos(), across / 2
        imgui.invisible_button("disc", ImVec2(across, across))
        pen, centre = imgui.get_window_draw_list(), ImVec2(at.x + radius, at.y + radius)
        pen.add_circle_filled(centre, radius, u32(faint(THEME.ink, 0.06)), 64)
        for ring in (math.sin(math.radians(30)), math.sin(math.radians(60)), 1.0):
            pen.add_circle(centre, radius * ring, u32(faint(THEME.ink, 0.14)), 64)
        top = max(float(found.direct.max(initial=0)), float(found.indirect.max(initial=0)), 1e-9)
        dot = max(2.5, min(7.0, 24 / math.sqrt(len(found.fates)))) * k
        for i, fate in enumerate(found.fates):
            q = ImVec2(
                centre.x + float(found.disc[i, 0]) * radius * 0.97, centre.y - float(found.disc[i, 1]) * radius * 0.97
            )
            pen.add_circle_filled(q, dot, u32(_shown((found.indirect[i] if fate == CLOSED else found.direct[i]) / top)))
            pen.add_circle(
                q, dot, u32(SHUT if fate == CLOSED else OFF if fate == LEAVES else faint(THEME.ink, 0.5)), 0, 1.5 * k
            )

    # ---- help ----

    def help(self, width: float, height: float) -> tuple[float, float, float, float]:
        """All keys; the rectangle it takes: left, top, right, bottom."""
        k = self.scale
        # over the panel too: the picture alone is too narrow
        imgui.set_next_window_pos(ImVec2(width / 2, height / 2), 0, ImVec2(0.5, 0.5))
        imgui.set_next_window_size_constraints(ImVec2(0, 0), ImVec2(width, height))
        imgui.set_next_window_focus()
        imgui.push_style_var(imgui.StyleVar_.window_rounding.value, 8 * k)
        imgui.begin("help", flags=FIXED | imgui.WindowFlags_.always_auto_resize.value)
        imgui.pop_style_var()
        groups = list(keys.groups().items())
        for column, half in enumerate((groups[:2], groups[2:])):
            if column:
                imgui.same_line(0, 28 * k)
            imgui.begin_group()
            for name, entries in half:
                self._help_group(name, entries)
            imgui.end_group()
        at, size = imgui.get_window_pos(), imgui.get_window_size()
        imgui.end()
        return at.x, at.y, at.x + size.x, at.y + size.y

    def _help_group(self, name: str, entries: list[keys.Key]) -> None:
        imgui.push_font(self.bold, 0.0)
        imgui.text(name.capitalize())
        imgui.pop_font()
        across = max(imgui.calc_text_size(key.shown).x for key in entries) + 14 * self.scale
        left = imgui.get_cursor_pos_x()
        for key in entries:
            with colored(imgui.Col_.text, THEME.accent):
                imgui.text(key.shown)
            imgui.same_line()
            imgui.set_cursor_pos_x(left + across)  # `same_line` would count a second column's place twice
            imgui.text(key.words)
        imgui.dummy(ImVec2(0, 6 * self.scale))


def _shown(light: Floats) -> Color:
    """A light, 0 to 1, as a colour on the screen."""
    c = np.clip(light, 0, 1) ** (1 / 2.2)
    return float(c[0]), float(c[1]), float(c[2]), 1.0
