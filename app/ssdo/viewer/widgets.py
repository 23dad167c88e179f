"""What every part of the panel is made of: colours, labels, lists, curves, and a row for any parameter that knows its
range and meaning.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import Field
from typing import Any

from imgui_bundle import ImVec2, ImVec4, imgui

from ssdo.settings import Param, Settings, UserError, kind_of, param_of
from ssdo.viewer.imgui_renderer import THEME
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.session import Session

LABELS = 0.36  # share of a row's width
STOPS = (-8.0, 8.0)  # of a slider for exposure; more can be typed
Color = tuple[float, float, float, float]
COLORS: Mapping[Slot, Color] = {
    "A": (0.95, 0.62, 0.30, 1.0),
    "B": (0.36, 0.66, 0.92, 1.0),
    "truth": (0.50, 0.78, 0.45, 1.0),
}


def useful(p: Param, value: float, default: float) -> tuple[float, float]:
    """The ends of a slider: the parameter's own, drawn in around the default where they are too far apart to aim
    within.

    What a scene's size decides spans a fiftieth of that to twenty times that. Any allowed value can be typed.
    """
    assert p.min is not None and p.max is not None
    lo, hi = p.min, p.max
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
    p = param_of(f)
    default = p.auto_label if f.default is None else shown(f.default, p)
    lines = [p.help, f"{p.range_text()}; default {default}" if p.range_text() else f"default {default}", f"--{name}"]
    return "\n".join(line for line in lines if line)


def vec(rgba: Color) -> ImVec4:
    return ImVec4(*rgba)


def u32(rgba: Color) -> int:
    return int(imgui.color_convert_float4_to_u32(vec(rgba)))


def faint(rgba: Color, alpha: float) -> Color:
    return rgba[0], rgba[1], rgba[2], alpha


@contextmanager
def colored(entry: imgui.Col_, rgba: Color, when: bool = True) -> Iterator[None]:
    if when:
        imgui.push_style_color(entry.value, vec(rgba))
    yield
    if when:
        imgui.pop_style_color()


class Widgets:
    """Draws into the panel; `scale` enlarges what is not text."""

    def __init__(self, session: Session, scale: float, bold: imgui.ImFont) -> None:
        self.session = session
        self.scale = scale
        self.bold = bold
        self.searched = ""  # rows whose names and meanings do not hold this are left out
        # where things are in this frame, by name: left, top, right, bottom
        self.places: dict[str, tuple[float, float, float, float]] = {}
        self._automatic: dict[Slot, tuple[Any, dict[str, Any]]] = {}

    def placed(self, name: str) -> None:
        """Remember where the last thing was drawn, for whoever drives the panel without hands."""
        low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
        self.places[name] = low.x, low.y, high.x, high.y

    # ---- small parts ----

    def heading(self, words: str) -> None:
        imgui.push_font(self.bold, 0.0)
        imgui.text(words)
        imgui.pop_font()

    def section(self, words: str, opened: bool = False) -> bool:
        """A headline that folds what follows away; whether it is open."""
        imgui.separator()
        imgui.push_font(self.bold, 0.0)
        if self.searched:
            imgui.set_next_item_open(True)
        found = imgui.collapsing_header(words, imgui.TreeNodeFlags_.default_open.value if opened else 0)
        self.placed(f"section {words}")
        imgui.pop_font()
        return bool(found)

    def quiet(self, words: str) -> None:
        with colored(imgui.Col_.text, THEME.quiet):
            imgui.text_wrapped(words)

    def opened(self, tag: str, preview: str) -> bool:
        """A list to choose from; Escape closes it. Call end_combo where it is open."""
        listed = imgui.begin_combo(tag, preview, imgui.ComboFlags_.height_large.value)
        if not listed:
            self.placed(f"list {tag.strip('#')}")
            return False
        if imgui.is_key_pressed(imgui.Key.escape):
            imgui.close_current_popup()
        return True

    def label(self, words: str, tooltip: str = "", color: Color | None = None) -> bool:
        """The left column; what follows fills the right one. Whether it was clicked."""
        imgui.align_text_to_frame_padding()
        with colored(imgui.Col_.text, color or THEME.quiet):
            imgui.text(words.replace("_", " "))
        clicked = imgui.is_item_clicked(0)
        if tooltip:
            imgui.set_item_tooltip(tooltip)
        imgui.same_line(LABELS * imgui.get_window_width())
        imgui.set_next_item_width(-1)
        return bool(clicked)

    def right(self, words: str) -> None:
        """Text that ends at the right edge of the line."""
        imgui.same_line(
            imgui.get_cursor_start_pos().x
            + imgui.get_content_region_avail().x
            + imgui.get_scroll_x()
            - imgui.calc_text_size(words).x
        )
        imgui.text(words)

    def row_of_buttons(
        self, names: Sequence[str], chosen: str | None, tips: Sequence[str] = (), tag: str = ""
    ) -> str | None:
        """Buttons that share the width; the name of the one that was pressed."""
        gap, pressed = 4 * self.scale, None
        sizes = [imgui.calc_text_size(words).x for words in names]
        spare = max(0.0, (imgui.get_content_region_avail().x - (len(sizes) - 1) * gap - sum(sizes)) / len(sizes))
        imgui.push_style_var(imgui.StyleVar_.frame_padding.value, ImVec2(2, 5 * self.scale))
        for number, words in enumerate(names):
            if number:
                imgui.same_line(0, gap)
            with colored(imgui.Col_.button, faint(THEME.accent, 0.55), words == chosen):
                if imgui.button(f"{words}##{tag}", ImVec2(sizes[number] + spare, 0)):
                    pressed = words
                self.placed(f"{tag} {words}")
            if number < len(tips) and tips[number]:
                imgui.set_item_tooltip(tips[number])
        imgui.pop_style_var()
        return pressed

    def curves(
        self,
        tag: str,
        lines: Mapping[Slot, Sequence[tuple[float, float]]],
        height: float,
        log: bool = False,
        unit: str = "",
        zero: bool = True,
    ) -> None:
        """Curves over one axis, each in its slot's colour, with the ends of both axes written beside them. Points (x,
        y); log: of y; zero: where y begins.
        """
        across = imgui.get_content_region_avail().x
        at, high = imgui.get_cursor_screen_pos(), height * self.scale
        imgui.invisible_button(tag, ImVec2(across, high))
        pen = imgui.get_window_draw_list()
        pen.add_rect_filled(at, ImVec2(at.x + across, at.y + high), u32(faint(THEME.ink, 0.05)), 4.0)
        points = [p for line in lines.values() for p in line if all(map(math.isfinite, p)) and (p[1] > 0 or not log)]
        if not points:
            return
        xs, ys = [x for x, _ in points], [math.log10(y) if log else y for _, y in points]
        left, right = min(xs), max(xs)
        low, top = min(ys), max(ys)
        low = min(low, 0.0) if zero and not log else low
        pad, wide, tall = 4 * self.scale, max(right - left, 1e-12), max(top - low, 1e-12 if not log else 0.1)

        def place(x: float, y: float) -> ImVec2:
            y = math.log10(y) if log else y
            return ImVec2(
                at.x + pad + (x - left) / wide * (across - 2 * pad),
                at.y + high - pad - (y - low) / tall * (high - 2 * pad),
            )

        for slot, line in lines.items():
            good = [place(x, y) for x, y in line if math.isfinite(x) and math.isfinite(y) and (y > 0 or not log)]
            for a, b in itertools.pairwise(good):
                pen.add_line(a, b, u32(COLORS[slot]), 1.8 * self.scale)
            for q in good[-1:] if len(good) > 40 else good:
                pen.add_circle_filled(q, 2.4 * self.scale, u32(COLORS[slot]))
        written = u32(THEME.quiet)
        ends = (10**top, 10**low) if log else (top, low)
        pen.add_text(ImVec2(at.x + pad, at.y + 1), written, f"{ends[0]:.3g} {unit}".rstrip())
        pen.add_text(ImVec2(at.x + pad, at.y + high - imgui.get_text_line_height() - 1), written, f"{ends[1]:.3g}")
        words = f"{left:.3g} to {right:.3g}"
        pen.add_text(
            ImVec2(at.x + across - imgui.calc_text_size(words).x - pad, at.y + high - imgui.get_text_line_height() - 1),
            written,
            words,
        )

    # ---- a parameter ----

    def _auto(self, slot: Slot, name: str) -> Any:
        """What an unset parameter stands for now."""
        s = self.session
        shot = s.shot(slot)
        if slot not in self._automatic or self._automatic[slot][0] != shot:
            self._automatic[slot] = (shot, {})
        known = self._automatic[slot][1]
        if name not in known:
            resolved = shot.with_values({name: None}).resolved(s.scene)
            known[name] = dict(resolved.values()).get(name)
        return known[name]

    def wanted(self, name: str, f: Field[Any]) -> bool:
        """Whether a row is to be seen, going by what is searched for."""
        words = self.searched.lower().split()
        return all(word in f"{name} {param_of(f).help}".lower().replace("_", " ") for word in words)

    def row(self, slot: Slot, name: str, owner: Settings, f: Field[Any], value: Any) -> None:
        """One parameter: label, control, and for those that may be left to the scene a switch. A click on the label
        links and unlinks it.
        """
        if not self.wanted(name, f):
            return
        s, p, kind = self.session, param_of(f), kind_of(type(owner), f.name)
        tip = explanation(name, f)
        automatic = None
        if p.auto_label:
            try:
                automatic = self._auto(slot, name)
            except UserError:
                return
        both, parts = len(s.shown) == 2, s.can_part(name)
        apart = parts and not s.linked(name)
        state = (
            "A and B have their own; click to link"
            if apart
            else "the same in A and B; click to unlink"
            if both and parts
            else ""
        )
        if (
            self.label(f.name, "\n".join(filter(None, (tip, state))), COLORS[slot] if apart else None)
            and (both or apart)
            and parts
        ):
            s.set_linked(name, apart)
        self.placed(f"label {name}")
        chip = imgui.calc_text_size("auto").x + 12 * self.scale
        if p.auto_label:
            imgui.set_next_item_width(-chip - 6 * self.scale)
        current = automatic if value is None else value
        # unset it stands for no number: that of a slider is the scene's size
        without = automatic is None and kind in (int, float)
        begin = (
            kind(min(max(s.scene.size, p.min), p.max)) if without and p.min is not None and p.max is not None else None
        )
        with colored(imgui.Col_.text, faint(THEME.ink, 0.62), value is None):
            if without and value is None:
                changed, new = imgui.button(f"{p.auto_label}##{slot}{name}", ImVec2(imgui.calc_item_width(), 0)), begin
            else:
                changed, new = self._control(
                    f"##{slot}{name}",
                    kind,
                    p,
                    current,
                    next((v for v in (automatic, f.default, begin) if v is not None), None),
                )
        self.placed(f"row {name}")
        if imgui.is_item_clicked(1):
            changed, new = True, f.default
        imgui.set_item_tooltip(tip)
        if p.auto_label:
            imgui.same_line(0, 6 * self.scale)
            imgui.push_style_var(imgui.StyleVar_.frame_padding.value, ImVec2(2, imgui.get_style().frame_padding.y))
            with colored(imgui.Col_.button, faint(THEME.accent, 0.45), value is None):
                if imgui.button(f"auto##{slot}{name}", ImVec2(chip, 0)):
                    changed, new = True, ((begin if without else automatic) if value is None else None)
                self.placed(f"auto {name}")
            imgui.pop_style_var()
            imgui.set_item_tooltip(f"{'on' if value is None else 'off'}: {p.auto_label}")
        if changed and new != value:
            s.change({name: new}, slot)

    def _control(self, tag: str, kind: type, p: Param, value: Any, default: Any) -> tuple[bool, Any]:
        flags = imgui.SliderFlags_.logarithmic.value if p.log else 0
        if kind is bool:
            return imgui.checkbox(tag, value)
        if p.choices:
            chosen = value
            if self.opened(tag, value):
                for choice in p.choices:
                    if imgui.selectable(choice, choice == value)[0]:
                        chosen = choice
                imgui.end_combo()
            return chosen != value, chosen
        if kind is tuple:
            if p.min == 0 and p.max == 1:
                changed, new = imgui.color_edit3(
                    tag, list(value), imgui.ColorEditFlags_.float.value | imgui.ColorEditFlags_.no_inputs.value
                )
            else:
                changed, new = imgui.drag_float3(
                    tag, list(value), max(1e-3, 0.005 * self.session.scene.size), format="%.3g"
                )
            new = [min(max(v, p.min), p.max) if p.min is not None and p.max is not None else v for v in new]
            return changed and all(map(math.isfinite, new)), tuple(new)
        if kind is str:
            changed, text = imgui.input_text(tag, str(value or ""), imgui.InputTextFlags_.enter_returns_true.value)
            return changed, text
        assert p.min is not None and p.max is not None
        lo, hi = useful(p, value, default)
        if kind is int:
            changed, number = imgui.slider_int(tag, value, int(lo), int(hi), f"%d {p.unit}".strip(), flags)
            return changed, int(min(max(round(number / p.step) * p.step, p.min), p.max))
        changed, real = imgui.slider_float(tag, value, lo, hi, f"%.3g {p.unit}".strip(), flags)
        return changed and math.isfinite(real), min(max(real, p.min), p.max)
