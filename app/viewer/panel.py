"""The panel, made by walking the shot: every parameter becomes a row that knows its range, unit, meaning and default."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import Field
from typing import Any

from imgui_bundle import ImVec2, ImVec4, imgui

from app import environment, scenes
from app.settings import Param, Problem, Settings, about, kind_of
from app.technique import ScreenSpace, Technique
from app.viewer import keys
from app.viewer.imgui_renderer import ACCENT, INK, QUIET
from app.viewer.session import MODES, ODDS, Session, Slot, in_words

WIDTH = 340.0  # before scaling
LABELS = 0.36  # share of a row's width
STOPS = (-8.0, 8.0)  # of a slider for exposure; more can be typed
MODE_NAMES = ("off", "SSAO", "SSDO direct", "SSDO", "truth")
ELSEWHERE = {*ODDS, "scene", "environment", "time"}
OPEN = {"display"}  # sections that are open at the start
FIXED = (
    imgui.WindowFlags_.no_title_bar.value
    | imgui.WindowFlags_.no_resize.value
    | imgui.WindowFlags_.no_collapse.value
    | imgui.WindowFlags_.no_move.value
    | imgui.WindowFlags_.no_saved_settings.value
)
WARN = (0.96, 0.55, 0.42, 1.0)


def useful(p: Param, value: float, default: float) -> tuple[float, float]:
    """The ends of a slider: the parameter's own, drawn in around the default where they are too far apart to aim within.

    What a scene's size decides spans a fiftieth of that to twenty times that. Any allowed value can be typed.
    """
    assert p.lo is not None and p.hi is not None
    lo, hi = p.lo, p.hi
    if p.unit == "EV":
        lo, hi = max(lo, STOPS[0]), min(hi, STOPS[1])
    elif p.log and lo > 0 and hi / lo > 1e5:
        lo, hi = max(lo, default / 50), min(hi, default * 20)
    elif hi - lo > 1e3 and lo >= 0:
        hi = min(hi, 20 * default or 20.0)
    return min(lo, value), max(hi, value)


def shown(value: Any, p: Param) -> str:
    """A value in words."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(f"{v:.3g}" for v in value)
    return (f"{value:.4g} {p.unit}" if isinstance(value, float) else f"{value} {p.unit}").strip()


def explanation(name: str, f: Field[Any]) -> str:
    """The tooltip: meaning, range, default, flag."""
    p = about(f)
    default = p.auto if f.default is None else shown(f.default, p)
    lines = [p.help, f"{p.span()}; default {default}" if p.span() else f"default {default}", f"--{name}"]
    return "\n".join(line for line in lines if line)


def vec(rgba: tuple[float, float, float, float]) -> ImVec4:
    return ImVec4(*rgba)


def u32(rgba: tuple[float, float, float, float]) -> int:
    return int(imgui.color_convert_float4_to_u32(vec(rgba)))


@contextmanager
def colored(entry: imgui.Col_, rgba: tuple[float, float, float, float], when: bool = True) -> Iterator[None]:
    if when:
        imgui.push_style_color(entry.value, vec(rgba))
    yield
    if when:
        imgui.pop_style_color()


class Panel:
    """Draws the panel, the labels over the picture, the help, messages and the status line; changes the session."""

    def __init__(self, session: Session, scale: float, bold: imgui.ImFont) -> None:
        self.session = session
        self.scale = scale
        self.bold = bold
        self.visible = True
        self.help = False
        self.loading = ""  # a scene to load once this has been said
        self._path = ""
        self._tabs = False  # whether the sides' tabs were there in the last frame
        self._rects: list[tuple[float, float, float, float]] = []  # left, top, right, bottom
        self._busy = False  # a list is open, or the mouse holds a slider
        self._automatic: tuple[Any, dict[str, Any]] = (None, {})

    # ---- where it is ----

    def width(self, window: float) -> float:
        """Of the panel; it gives way in small windows."""
        return min(WIDTH * self.scale, 0.48 * window) if self.visible and window >= 240 else 0.0

    def holds(self, x: float, y: float) -> bool:
        """Whether the mouse there is the panel's. Dear ImGui's own answer is of the last frame, when the mouse was elsewhere."""
        return self._busy or any(left <= x < right and top <= y < bottom for left, top, right, bottom in self._rects)

    # ---- a frame ----

    def draw(self, width: float, height: float) -> None:
        k, across = self.scale, self.width(width)
        bar = 28 * k if height > 120 * k else 0.0
        self.session.free = 1 - across / max(width, 1)
        self._rects = [(width - across, 0.0, width, height)]
        if width >= 160 and height >= 90:
            if self.session.split:
                self._labels(width - across)
            if bar:
                self._status(width - across, height, bar)
            self._messages(width - across, height - bar)
        if across:
            imgui.set_next_window_pos(ImVec2(width - across, 0))
            imgui.set_next_window_size(ImVec2(across, height))
            imgui.begin("panel", flags=FIXED)
            self._sections()
            imgui.end()
        if self.help:
            self._help(width, height)
        any_popup = imgui.PopupFlags_.any_popup.value
        self._busy = imgui.is_popup_open("", any_popup) or (imgui.is_any_item_active() and any(imgui.is_mouse_down(button) for button in range(3)))

    def _sections(self) -> None:
        s = self.session
        self._inside = imgui.get_content_region_avail().x
        self._title()
        if s.split:
            if imgui.begin_tab_bar("sides"):
                sides: tuple[tuple[Slot, str], ...] = (("A", "Left"), ("B", "Right"))
                for slot, words in sides:
                    chosen = imgui.TabItemFlags_.set_selected.value if slot == "B" and not self._tabs else 0
                    name = MODE_NAMES[s.mode(slot) - 1] if s.mode(slot) else s.sides[slot].technique.group
                    if imgui.begin_tab_item(f"{words}: {name}###{slot}", None, chosen)[0]:
                        self._technique(slot)
                        imgui.end_tab_item()
                imgui.end_tab_bar()
            self._tabs = True
        else:
            self._tabs = False
            self._technique("B")
        self._view()
        self._scene()
        for group in dict.fromkeys(name.partition(".")[0] for name, owner, *_ in s.base.walk() if "." in name and not isinstance(owner, Technique)):
            self._group(group)
        self._times()
        imgui.dummy(ImVec2(0, 4 * self.scale))
        with colored(imgui.Col_.text, QUIET):
            imgui.text_wrapped("F1 lists the keys. Right click on a value: default. Ctrl+click: type.")

    def _title(self) -> None:
        s = self.session
        imgui.push_font(self.bold, 0.0)
        imgui.text("Technique")
        imgui.pop_font()
        words = "one picture" if s.split else "split  S"
        size = imgui.calc_text_size(words).x + 2 * imgui.get_style().frame_padding.x
        imgui.same_line(imgui.get_content_region_avail().x - size + imgui.get_cursor_pos_x())
        if imgui.button(words):
            s.toggle_split()
        imgui.set_item_tooltip("Two techniques side by side, with a divider to drag (S)")

    # ---- sections ----

    def _header(self, words: str, opened: bool = False) -> bool:
        imgui.separator()
        imgui.push_font(self.bold, 0.0)
        shown = imgui.collapsing_header(words, imgui.TreeNodeFlags_.default_open.value if opened else 0)
        imgui.pop_font()
        return bool(shown)

    def _technique(self, slot: Slot) -> None:
        s = self.session
        mode, gap = s.mode(slot), 4 * self.scale
        sizes = [imgui.calc_text_size(words).x for words in MODE_NAMES]
        spare = (imgui.get_content_region_avail().x - (len(sizes) - 1) * gap - sum(sizes)) / len(sizes)
        imgui.push_style_var(imgui.StyleVar_.frame_padding.value, ImVec2(2, 5 * self.scale))
        for number, words in enumerate(MODE_NAMES, 1):
            if number > 1:
                imgui.same_line(0, gap)
            with colored(imgui.Col_.button, (*ACCENT[:3], 0.55), mode == number):
                if imgui.button(f"{words}##{slot}", ImVec2(sizes[number - 1] + spare, 0)):
                    s.choose_mode(slot, number)
            imgui.set_item_tooltip(f"{'Shift+' if slot == 'A' else ''}{number}")
        imgui.pop_style_var()
        others = [name for name in Technique.known if name not in {mode["technique"] for mode in MODES}]
        if others:
            group = s.sides[slot].technique.group
            self._label("other")
            if self._opened(f"##other{slot}", group if group in others else "-"):
                for name in others:
                    if imgui.selectable(name, name == group)[0]:
                        s.choose(slot, name)
                imgui.end_combo()
        technique = s.sides[slot].technique
        with colored(imgui.Col_.text, QUIET):
            imgui.text_wrapped((type(technique).__doc__ or "").split("\n")[0])
        for name, owner, f, value in technique.walk(f"{technique.group}."):
            self._row(slot, name, owner, f, value)
        if isinstance(technique, ScreenSpace):
            _, s.linked = imgui.checkbox(f"the same for SSAO and SSDO##{slot}", s.linked)
            imgui.set_item_tooltip("Samples, radius, visibility, steps, thickness and bias change together,\nso that a comparison is fair")

    def _view(self) -> None:
        if not self._header("View", True):
            return
        s = self.session
        found = s.buffers("B")
        self._label("show")
        if self._opened("##buffer", s.buffer.removesuffix(" *")):
            with colored(imgui.Col_.text, QUIET):
                imgui.text("by meaning")
            told = False
            for name in found:
                if name.endswith("*") and not told:
                    told = True
                    imgui.separator()
                    with colored(imgui.Col_.text, QUIET):
                        imgui.text("every target, as drawn")
                if imgui.selectable(name.removesuffix(" *") + f"##{name}", name == s.buffer)[0]:
                    s.buffer = name
            imgui.end_combo()
        imgui.set_item_tooltip("What the window shows (B: next, Shift+B: previous, V: the picture)")
        if (chosen := found.get(s.buffer)) and s.buffer != "picture":
            if chosen.mapping == "light":
                self._label("exposure")
                _, s.exposure = imgui.slider_float("##gain", s.exposure, *STOPS, "%.2f EV")
                if imgui.is_item_clicked(1):
                    s.exposure = 0.0
                imgui.set_item_tooltip("Of this buffer alone; the picture's own is under Display")
            if chosen.mapping != "alpha" and chosen.texture.components == 4:
                self._label("alpha")
                _, s.alpha = imgui.checkbox("as grey", s.alpha)
                imgui.set_item_tooltip("In direct light: the open share of the hemisphere")

    def _scene(self) -> None:
        if not self._header("Scene", True):
            return
        s = self.session
        self._label("scene")
        if self._opened("##scene", s.base.scene):
            for name in scenes.BUILT_IN:
                if imgui.selectable(name, name == s.base.scene)[0]:
                    self.loading = name
                imgui.set_item_tooltip((scenes.BUILT_IN[name].__doc__ or "").split("\n")[0])
            imgui.end_combo()
        imgui.set_item_tooltip("Built-in scenes; a .glb or .gltf file can be dropped on the window")
        self._label("path")
        done, self._path = imgui.input_text("##path", self._path, imgui.InputTextFlags_.enter_returns_true.value)
        if done and self._path.strip():
            self.loading = self._path.strip()
        imgui.set_item_tooltip("A scene with arguments (blocks:count=9), a .glb, .gltf or .hdr file; Enter loads it")
        name, _, f, value = next(p for p in s.base.walk() if p[0] == "environment")
        self._label("environment")
        if self._opened("##environment", str(value or "the scene's")):
            if imgui.selectable("the scene's", value is None)[0]:
                s.change({"environment": None})
            for known in environment.BUILT_IN:
                if imgui.selectable(known, known == value)[0]:
                    s.change({"environment": known})
            imgui.end_combo()
        imgui.set_item_tooltip(explanation(name, f))
        if s.moves:
            self._label("time")
            if imgui.button("pause##play" if s.playing else "play##play", ImVec2(60 * self.scale, 0)):
                s.playing = not s.playing
            imgui.set_item_tooltip("P or Space")
            imgui.same_line()
            imgui.set_next_item_width(-1)
            changed, at = imgui.drag_float("##time", s.base.time, 0.02, 0.0, 1e6, "%.2f s")
            if changed:
                s.change({"time": max(0.0, at)})

    def _group(self, group: str) -> None:
        if not self._header(group.capitalize(), group in OPEN):
            return
        for name, owner, f, value in self.session.base.walk():
            if name.startswith(f"{group}.") and not isinstance(owner, Technique):
                self._row("B", name, owner, f, value)
        if group == "camera" and imgui.button("frame the scene"):
            self.session.frame_scene()

    def _times(self) -> None:
        if not self._header("Times", True):
            return
        s = self.session
        for slot in s.shown:
            side = s.sides[slot]
            whole, passes = s.milliseconds(slot), side.clock.times
            imgui.text(f"{s.label(slot)}" if s.split else "one frame")
            words = in_words(whole) if whole is not None else "measuring"
            imgui.same_line(self._right(words))
            imgui.text(words)
            most = max(passes.values(), default=1.0)
            for name, ms in passes.items():
                at = imgui.get_cursor_screen_pos()
                across, line = imgui.get_content_region_avail().x, imgui.get_text_line_height_with_spacing()
                pen = imgui.get_window_draw_list()
                pen.add_rect_filled(at, ImVec2(at.x + across * ms / most, at.y + line - 3 * self.scale), u32((*ACCENT[:3], 0.22)), 3.0)
                with colored(imgui.Col_.text, QUIET):
                    imgui.text("  " + name.replace(".frag", "").replace(":", " "))
                    words = in_words(ms)
                    imgui.same_line(self._right(words))
                    imgui.text(words)
        with colored(imgui.Col_.text, QUIET):
            imgui.text_wrapped(f"medians of up to 15 frames, {s.timer}")

    def _right(self, words: str) -> float:
        """Where text starts that ends at the right edge."""
        return float(imgui.get_cursor_start_pos().x + self._inside - imgui.calc_text_size(words).x)

    # ---- rows ----

    def _opened(self, tag: str, preview: str) -> bool:
        """A list to choose from; Escape closes it. Call end_combo where it is open."""
        if not imgui.begin_combo(tag, preview, imgui.ComboFlags_.height_large.value):
            return False
        if imgui.is_key_pressed(imgui.Key.escape):
            imgui.close_current_popup()
        return True

    def _label(self, words: str, tooltip: str = "") -> None:
        """The left column; what follows fills the right one."""
        imgui.align_text_to_frame_padding()
        with colored(imgui.Col_.text, QUIET):
            imgui.text(words.replace("_", " "))
        if tooltip:
            imgui.set_item_tooltip(tooltip)
        imgui.same_line(LABELS * imgui.get_window_width())
        imgui.set_next_item_width(-1)

    def _auto(self, slot: Slot, name: str) -> Any:
        """What an unset parameter stands for now."""
        s = self.session
        shot = s.shot(slot)
        if self._automatic[0] != shot:
            self._automatic = (shot, {})
        known = self._automatic[1]
        if name not in known:
            resolved = shot.with_values({name: None}).resolved(s.scene)
            known[name] = dict(resolved.values()).get(name)
        return known[name]

    def _row(self, slot: Slot, name: str, owner: Settings, f: Field[Any], value: Any) -> None:
        """One parameter: label, control, and for those that may be left to the scene a switch."""
        p, kind = about(f), kind_of(type(owner), f.name)
        tip = explanation(name, f)
        automatic = None
        if p.auto:
            try:
                automatic = self._auto(slot, name)
            except Problem:
                return
        self._label(f.name, tip)
        chip = imgui.calc_text_size("auto").x + 12 * self.scale
        if p.auto:
            imgui.set_next_item_width(-chip - 6 * self.scale)
        current = automatic if value is None else value
        without = automatic is None and kind in (int, float)  # unset it stands for no number: that of a slider is the scene's size
        begin = kind(min(max(self.session.scene.size, p.lo), p.hi)) if without and p.lo is not None and p.hi is not None else None
        with colored(imgui.Col_.text, (*INK[:3], 0.62), value is None):
            if without and value is None:
                changed, new = imgui.button(f"{p.auto}##{slot}{name}", ImVec2(imgui.calc_item_width(), 0)), begin
            else:
                changed, new = self._control(f"##{slot}{name}", kind, p, current, next((v for v in (automatic, f.default, begin) if v is not None), None))
        if imgui.is_item_clicked(1):
            changed, new = True, f.default
        imgui.set_item_tooltip(tip)
        if p.auto:
            imgui.same_line(0, 6 * self.scale)
            imgui.push_style_var(imgui.StyleVar_.frame_padding.value, ImVec2(2, imgui.get_style().frame_padding.y))
            with colored(imgui.Col_.button, (*ACCENT[:3], 0.45), value is None):
                if imgui.button(f"auto##{slot}{name}", ImVec2(chip, 0)):
                    changed, new = True, ((begin if without else automatic) if value is None else None)
            imgui.pop_style_var()
            imgui.set_item_tooltip(f"{'on' if value is None else 'off'}: {p.auto}")
        if changed and new != value:
            self.session.change({name: new}, slot)

    def _control(self, tag: str, kind: type, p: Param, value: Any, default: Any) -> tuple[bool, Any]:
        flags = imgui.SliderFlags_.logarithmic.value if p.log else 0
        if kind is bool:
            return imgui.checkbox(tag, value)
        if p.choices:
            chosen = value
            if self._opened(tag, value):
                for choice in p.choices:
                    if imgui.selectable(choice, choice == value)[0]:
                        chosen = choice
                imgui.end_combo()
            return chosen != value, chosen
        if kind is tuple:
            if p.lo == 0 and p.hi == 1:
                changed, new = imgui.color_edit3(tag, list(value), imgui.ColorEditFlags_.float.value | imgui.ColorEditFlags_.no_inputs.value)
            else:
                changed, new = imgui.drag_float3(tag, list(value), max(1e-3, 0.005 * self.session.scene.size), format="%.3g")
            new = [min(max(v, p.lo), p.hi) if p.lo is not None and p.hi is not None else v for v in new]
            return changed and all(map(math.isfinite, new)), tuple(new)
        if kind is str:
            changed, text = imgui.input_text(tag, str(value or ""), imgui.InputTextFlags_.enter_returns_true.value)
            return changed, text
        assert p.lo is not None and p.hi is not None
        lo, hi = useful(p, value, default)
        if kind is int:
            changed, number = imgui.slider_int(tag, value, int(lo), int(hi), f"%d {p.unit}".strip(), flags)
            return changed, int(min(max(round(number / p.step) * p.step, p.lo), p.hi))
        changed, real = imgui.slider_float(tag, value, lo, hi, f"%.3g {p.unit}".strip(), flags)
        return changed and math.isfinite(real), min(max(real, p.lo), p.hi)

    # ---- over the picture ----

    def _labels(self, free: float) -> None:
        """The names of both sides, at the divider's top, and its handle."""
        s, k = self.session, self.scale
        ratio = imgui.get_io().display_framebuffer_scale.x or 1.0
        at = s.divider_px / ratio
        pen, height = imgui.get_background_draw_list(), imgui.get_io().display_size.y
        for slot in s.shown:
            words = s.label(slot)
            size, pad = imgui.calc_text_size(words), 9 * k
            x = at - 12 * k - size.x - 2 * pad if slot == "A" else at + 12 * k
            x = max(8 * k, x) if slot == "A" else x
            room = at - 12 * k if slot == "A" else free - 8 * k
            if x + size.x + 2 * pad > room + 1:
                continue
            y = 12 * k
            pen.add_rect_filled(ImVec2(x, y), ImVec2(x + size.x + 2 * pad, y + size.y + 10 * k), u32((0.05, 0.055, 0.065, 0.78)), 5 * k)
            pen.add_text(ImVec2(x + pad, y + 5 * k), u32(INK), words)
        middle, r = height / 2, 11 * k
        pen.add_circle_filled(ImVec2(at, middle), r, u32((0.95, 0.95, 0.95, 0.95)), 32)
        for side in (-1, 1):
            x = at + side * 3.2 * k
            pen.add_triangle_filled(ImVec2(x, middle - 4 * k), ImVec2(x, middle + 4 * k), ImVec2(x + side * 4.5 * k, middle), u32((0.15, 0.16, 0.18, 1.0)))

    def _status(self, free: float, height: float, bar: float) -> None:
        k, words = self.scale, self.session.status()
        pen = imgui.get_background_draw_list()
        pen.add_rect_filled(ImVec2(0, height - bar), ImVec2(free, height), u32((0.05, 0.055, 0.065, 0.82)))
        y = height - bar / 2 - imgui.get_text_line_height() / 2
        parts = words.split("   |   ")
        while len(parts) > 1 and imgui.calc_text_size("   |   ".join(parts)).x > free - 24 * k:
            parts.pop(0 if len(parts) > 2 else -1)  # the size and the time are said nowhere else
        pen.add_text(ImVec2(14 * k, y), u32(INK), "   |   ".join(parts))

    def _messages(self, free: float, height: float) -> None:
        """What went wrong, and what was done, above the status line."""
        s, k = self.session, self.scale
        lines = [(s.error, WARN)] if s.error else []
        if self.loading:
            lines = [(f"loading {self.loading} ...", INK)]
        elif s.note:
            lines.append((s.note, INK))
        pen, y = imgui.get_background_draw_list(), height
        for words, color in reversed(lines):
            room = free - 48 * k
            size = imgui.calc_text_size(words, wrap_width=room)
            y -= size.y + 22 * k
            pen.add_rect_filled(ImVec2(12 * k, y), ImVec2(size.x + 36 * k, y + size.y + 14 * k), u32((0.05, 0.055, 0.065, 0.88)), 5 * k)
            pen.add_rect_filled(ImVec2(12 * k, y), ImVec2(15 * k, y + size.y + 14 * k), u32(color if color == WARN else ACCENT), 2 * k)
            pen.add_text(imgui.get_font(), imgui.get_font_size(), ImVec2(24 * k, y + 7 * k), u32(color), words, room)

    def _help(self, width: float, height: float) -> None:
        k = self.scale
        free = width - self.width(width)
        imgui.set_next_window_pos(ImVec2(free / 2, height / 2), 0, ImVec2(0.5, 0.5))
        imgui.set_next_window_size_constraints(ImVec2(0, 0), ImVec2(width, height))
        imgui.set_next_window_focus()
        imgui.push_style_var(imgui.StyleVar_.window_rounding.value, 8 * k)
        imgui.begin("help", flags=FIXED | imgui.WindowFlags_.always_auto_resize.value)
        imgui.pop_style_var()
        groups = list(keys.groups().items())
        for column, half in enumerate((groups[:1], groups[1:])):
            if column:
                imgui.same_line(0, 28 * k)
            imgui.begin_group()
            for name, entries in half:
                self._help_group(name, entries)
            imgui.end_group()
        at, size = imgui.get_window_pos(), imgui.get_window_size()
        self._rects.append((at.x, at.y, at.x + size.x, at.y + size.y))
        imgui.end()

    def _help_group(self, name: str, entries: list[keys.Key]) -> None:
        imgui.push_font(self.bold, 0.0)
        imgui.text(name.capitalize())
        imgui.pop_font()
        across = max(imgui.calc_text_size(key.shown).x for key in entries) + 14 * self.scale
        for key in entries:
            with colored(imgui.Col_.text, ACCENT):
                imgui.text(key.shown)
            imgui.same_line(across)
            imgui.text(key.words)
        imgui.dummy(ImVec2(0, 6 * self.scale))
