"""The panel: what is compared, how it is looked at, every parameter (made by walking the shot), measurements and
experiments.
"""

from __future__ import annotations

import math
import time
from collections import deque
from pathlib import Path
from typing import NamedTuple

from imgui_bundle import ImVec2, imgui

from ssdo.render import presets
from ssdo.render.technique import Technique
from ssdo.scene import built_in, environment
from ssdo.scene.files import SCENES_IN_WORDS
from ssdo.viewer import budget, experiments
from ssdo.viewer.buffers import LADDER, MARK, PICTURE
from ssdo.viewer.display_state import VIEWS, Cursor
from ssdo.viewer.experiments import Experiment
from ssdo.viewer.imgui_renderer import THEME, theme
from ssdo.viewer.overlay import FIXED, Overlay
from ssdo.viewer.pixel_inspector import Probe, probed
from ssdo.viewer.preferences import Memory
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.session import COMMON, MODE_NAMES, MODES, ODDS, Session, in_words
from ssdo.viewer.widgets import COLORS, STOPS, Widgets, colored, explanation, faint, u32

WIDTH = 340.0  # before scaling
VIEW_TIPS = (
    "A alone (A)",
    "B alone (Shift+A)",
    "a divider to drag (S)",
    "each in its half (Shift+S)",
    "|A - B|, again: x10, x100 (D)",
    "against the truth, in false colour (G)",
)
ELSEWHERE = {*ODDS, "scene", "environment", "time"}
OPEN = {"display"}  # sections that are open at the start
TRACE = 240  # points of a curve over time
EVERY = 0.25  # seconds between them


class Moment(NamedTuple):
    """What was measured at a time, by slot."""

    at: float  # seconds
    milliseconds: dict[Slot, float]
    errors: dict[Slot, float]


class Panel:
    """Draws the panel and what lies over the picture; changes the session."""

    def __init__(self, session: Session, scale: float, bold: imgui.ImFont, memory: Memory) -> None:
        self.session = session
        self.scale = scale
        self.memory = memory
        self.widgets = Widgets(session, scale, bold)
        self.overlay = Overlay(session, scale, bold)
        self.visible = True
        self.help = False
        self.inspects = False  # values and directions of the pixel under the mouse
        self.cursor: Cursor | None = None
        self.probe: Probe | None = None
        self.probed: Slot = "B"  # whose pixel that is
        self.pinned: tuple[int, int] | None = None  # a pixel that is inspected wherever the mouse is
        self.loading = ""  # a scene to load once this has been said
        self.wishes: list[str] = []  # actions of the window that were asked for here, as its keys do
        self.experiment: Experiment | None = None
        self.moments: deque[Moment] = deque(maxlen=TRACE)
        self.slot: Slot = "B"  # whose parameters are shown
        self._path = ""
        self._tabs = False  # whether the slots' tabs were there in the last frame
        self._rects: list[tuple[float, float, float, float]] = []  # left, top, right, bottom
        # the most passes listed of a slot, by technique: what is below stays where it is
        self._tall: dict[tuple[Slot, str], int] = {}
        self._busy = False  # a list is open, or the mouse holds a slider
        self._begun = time.perf_counter()

    # ---- where it is ----

    def width(self, window: float) -> float:
        """Of the panel; it gives way in small windows."""
        return min(WIDTH * self.scale, 0.48 * window) if self.visible and window >= 240 else 0.0

    def holds(self, x: float, y: float) -> bool:
        """Whether the mouse there is the panel's. Dear ImGui's own answer is of the last frame, when the mouse was
        elsewhere.
        """
        return self._busy or any(left <= x < right and top <= y < bottom for left, top, right, bottom in self._rects)

    # ---- a frame ----

    def draw(self, width: float, height: float) -> None:
        k, across, s = self.scale, self.width(width), self.session
        bar = 28 * k if height > 120 * k else 0.0
        s.look.free = 1 - across / max(width, 1)
        self._rects = [(width - across, 0.0, width, height)]
        self.widgets.places = {}
        self._measure()
        if width >= 160 and height >= 90:
            if self.cursor and self.probe and s.look.view != "side by side":
                self.overlay.probe(self.probed, self.cursor, self.probe)
            self.overlay.names(width - across)
            if bar:
                self.overlay.status(width - across, height, bar)
            self.overlay.messages(width - across, height - bar, self.loading)
        if across:
            imgui.set_next_window_pos(ImVec2(width - across, 0))
            imgui.set_next_window_size(ImVec2(across, height))
            imgui.begin("panel", flags=FIXED)
            self._sections()
            imgui.end()
        if self.help:
            self._rects.append(self.overlay.help(width, height))
        any_popup = imgui.PopupFlags_.any_popup.value
        self._busy = imgui.is_popup_open("", any_popup) or (
            imgui.is_any_item_active() and any(imgui.is_mouse_down(button) for button in range(3))
        )

    def inspect(self, at: tuple[int, int] | None) -> None:
        """Read what is under the mouse, pixels of the framebuffer, row 0 on top; None: nowhere."""
        s = self.session
        at = self.pinned or at
        if not self.inspects or at is None or not (0 <= at[0] < s.size[0] and 0 <= at[1] < s.size[1]):
            self.cursor = self.probe = None
            return
        self.cursor = s.lens.under(s.size, at, s.shown)
        left = s.look.view == "split" and at[0] < s.look.at(s.size[0])
        self.probed = "A" if left != s.look.flipped and len(s.shown) == 2 else s.shown[-1] if len(s.shown) == 1 else "B"
        picture = s.sides[self.probed].picture
        self.probe = None
        if picture and self.cursor.position is not None:
            x, y = (
                min(int((a + 0.5) / w * n), n - 1) for a, w, n in zip(at, s.size, picture.display.size, strict=True)
            )
            self.probe = probed(s.gpu, picture, x, y)

    def _measure(self) -> None:
        """Another point of the curves over time."""
        s, now = self.session, time.perf_counter() - self._begun
        if self.experiment:
            self.experiment.step(s)
        if self.moments and now - self.moments[-1].at < EVERY:
            return
        times: dict[Slot, float] = {slot: ms for slot in s.shown if (ms := s.stage.milliseconds(slot)) is not None}
        resting = all(experiments.at_rest(s, slot) for slot in s.shown)
        errors: dict[Slot, float] = {
            slot: e for slot in s.shown if s.truth and resting and (e := s.lens.rmse(slot)) is not None
        }
        self.moments.append(Moment(now, times, errors))

    def _sections(self) -> None:
        s = self.session
        self.slot = self.slot if self.slot in s.shown else s.shown[-1]
        self._compare()
        self._technique()
        self._look()
        self._pixel()
        self._measured()
        self._scene()
        for group in dict.fromkeys(
            name.partition(".")[0]
            for name, owner, *_ in s.base.walk()
            if "." in name and not isinstance(owner, Technique)
        ):
            self._group(group)
        self._state()
        imgui.dummy(ImVec2(0, 4 * self.scale))
        self.widgets.quiet(
            "F1 lists the keys. Right click on a value: default. Ctrl+click: type. A click on a name links it in A and B, or not."
        )

    # ---- sections ----

    def _compare(self) -> None:
        """The view, and what is equal on both sides."""
        s, w = self.session, self.widgets
        names = ("A", "B", "split", "side", "diff", "error")
        pressed = w.row_of_buttons(names, names[VIEWS.index(s.look.view)], VIEW_TIPS, "view")
        if pressed:
            s.choose_view(VIEWS[names.index(pressed)])
        if len(s.shown) < 2:
            return
        pressed = w.row_of_buttons(
            ("A = B", "B = A", "swap"),
            None,
            ("A becomes what B is", "B becomes what A is", "exchange them (X)"),
            "copy",
        )
        if pressed == "swap":
            s.exchange()
        elif pressed:
            s.copy("B" if pressed == "A = B" else "A", "A" if pressed == "A = B" else "B")
        w.label(
            "equal",
            "What is the same for A and B, so that the comparison is fair: B's samples, or slices, follow from A's",
        )
        if w.opened("##budget", s.budget):
            for kind in budget.KINDS:
                if imgui.selectable(kind, kind == s.budget)[0]:
                    s.budget = kind
                    s.truth = s.truth or kind == "error"
            imgui.end_combo()

    def _technique(self) -> None:
        s, w = self.session, self.widgets
        if len(s.shown) == 2:
            if imgui.begin_tab_bar("slots"):
                for slot in s.shown:
                    name = MODE_NAMES[s.mode(slot) - 1] if s.mode(slot) else s.techniques[slot].group
                    first = imgui.TabItemFlags_.set_selected.value if slot == "B" and not self._tabs else 0
                    with colored(imgui.Col_.text, COLORS[slot]):
                        selected = imgui.begin_tab_item(f"{slot}: {name}###{slot}", None, first)[0]
                        w.placed(f"tab {slot}")
                    if selected:
                        self.slot = slot
                        self._parameters(slot)
                        imgui.end_tab_item()
                imgui.end_tab_bar()
            self._tabs = True
        else:
            self._tabs = False
            imgui.separator()
            w.heading("Technique")
            self._parameters(s.shown[0])

    def _parameters(self, slot: Slot) -> None:
        s, w = self.session, self.widgets
        number = s.mode(slot)
        for row in (MODE_NAMES[:5], MODE_NAMES[5:]):
            tips = [f"{'Shift+' if slot == 'A' else ''}{MODE_NAMES.index(name) + 1}" for name in row]
            if pressed := w.row_of_buttons(row, MODE_NAMES[number - 1] if number else None, tips, f"mode {slot}"):
                s.choose_mode(slot, MODE_NAMES.index(pressed) + 1)
        others = [name for name in Technique.known if name not in {mode["technique"] for mode in MODES}]
        if others:
            group = s.techniques[slot].group
            w.label("other")
            if w.opened(f"##other{slot}", group if group in others else "-"):
                for name in others:
                    if imgui.selectable(name, name == group)[0]:
                        s.choose(slot, name)
                imgui.end_combo()
        technique = s.techniques[slot]
        w.quiet((type(technique).__doc__ or "").split("\n")[0])
        for name, owner, f, value in technique.walk(f"{technique.group}."):
            w.row(slot, name, owner, f, value)
        if technique.sample_param and len(s.shown) == 1:
            changed, linked = imgui.checkbox(
                f"the same for all techniques##{slot}", not any(name in s.apart for name in COMMON)
            )
            if changed:
                for name in COMMON:
                    s.set_linked(f"{technique.group}.{name}", linked)
            imgui.set_item_tooltip(
                "Samples, radius, visibility, steps, thickness and bias change together, so that a comparison is fair;\n"
                "slices so that as many points are looked up as with directions"
            )

    def _look(self) -> None:
        s, w = self.session, self.widgets
        if not w.section("View", True):
            return
        look, found = s.look, s.lens.buffers(s.shown[-1])
        w.label(
            "show",
            "What the window shows (B: next, V: the picture; L climbs the first seven: from the surface's colour to the picture)",
        )
        if w.opened("##buffer", look.buffer.removesuffix(MARK)):
            for name in found:
                if name == LADDER[0]:
                    w.quiet("the terms of the light, in order")
                if name == "open share, not blurred" or (
                    name.endswith(MARK) and not any(n.endswith(MARK) for n in list(found)[: list(found).index(name)])
                ):
                    imgui.separator()
                    w.quiet("every target, as drawn" if name.endswith(MARK) else "more, by meaning")
                if imgui.selectable(name.removesuffix(MARK) + f"##{name}", name == look.buffer)[0]:
                    look.buffer = name
            imgui.end_combo()
        if look.buffer in found and look.buffer != PICTURE:
            chosen = found[look.buffer]()
            if chosen.mapping in ("light", "ratio"):
                w.label("exposure")
                _, look.exposure = imgui.slider_float("##gain", look.exposure, *STOPS, "%.2f EV")
                if imgui.is_item_clicked(1):
                    look.exposure = 0.0
                imgui.set_item_tooltip("Of this buffer alone; the picture's own is under Display")
            if chosen.mapping != "alpha" and chosen.texture.components == 4:
                w.label("alpha")
                _, look.alpha = imgui.checkbox("as grey", look.alpha)
                imgui.set_item_tooltip("In direct light: the open share of the hemisphere")

    def _measured(self) -> None:
        """Times by pass, curves over time, the error against the truth, experiments."""
        s, w = self.session, self.widgets
        if not w.section("Measurements", True):
            return
        _, s.truth = imgui.checkbox("error against the truth", s.truth)
        w.placed("truth")
        imgui.set_item_tooltip("Rays against all triangles are averaged behind the picture while nothing changes (T)")
        if s.truth:
            w.quiet(f"truth: {s.sides['truth'].growth.words()}")
            for slot in s.shown:
                error = s.lens.rmse(slot) if experiments.at_rest(s, slot) else None
                with colored(imgui.Col_.text, COLORS[slot]):
                    imgui.text(f"{slot}: RMSE " + ("measuring" if error is None else f"{error:.4f}"))
            errors: dict[Slot, list[tuple[float, float]]] = {
                slot: [(m.at, m.errors[slot]) for m in self.moments if slot in m.errors] for slot in s.shown
            }
            w.curves("errors", errors, 74, log=True, unit="RMSE")
        for slot in s.shown:
            self._passes(slot)
        times: dict[Slot, list[tuple[float, float]]] = {
            slot: [(m.at, m.milliseconds[slot]) for m in self.moments if slot in m.milliseconds] for slot in s.shown
        }
        w.curves("times", times, 54, unit="ms")
        w.quiet(f"medians of up to 15 frames, {s.stage.timer}; a click on a pass shows what it drew")
        self._experiments()

    def _passes(self, slot: Slot) -> None:
        s, w = self.session, self.widgets
        whole, passes = s.stage.milliseconds(slot), s.sides[slot].clock.passes
        with colored(imgui.Col_.text, COLORS[slot], len(s.shown) == 2):
            imgui.text(s.label(slot).partition(",")[0] if len(s.shown) == 2 else "one frame")
        w.right(in_words(whole) if whole is not None else "measuring")
        most = max((ms for ms in passes.values() if ms), default=1.0)
        across, line = imgui.get_content_region_avail().x, imgui.get_text_line_height_with_spacing()
        for name, ms in passes.items():
            at = imgui.get_cursor_screen_pos()
            pen = imgui.get_window_draw_list()
            pen.add_rect_filled(
                at,
                ImVec2(at.x + across * (ms or 0.0) / most, at.y + line - 3 * self.scale),
                u32(faint(COLORS[slot], 0.22)),
                3.0,
            )
            words = "  " + name.replace(":", " ")
            with colored(imgui.Col_.text, THEME.quiet):
                if imgui.selectable(f"{words}##{slot}{name}", False, 0, ImVec2(across - 70 * self.scale, 0))[0]:
                    self._show_pass(slot, name)
                w.placed(f"pass {slot} {name}")
                imgui.set_item_tooltip("shows what it drew" + ("; drawn for the other side" if ms is None else ""))
                w.right("-" if ms is None else in_words(ms))
        kind = slot, s.shot(slot).technique.group
        self._tall[kind] = max(self._tall.get(kind, 0), len(passes))
        for _ in range(self._tall[kind] - len(passes)):
            imgui.text("")

    def _show_pass(self, slot: Slot, name: str) -> None:
        """The first target that a pass of the timing list drew into becomes what is seen."""
        s = self.session
        target = s.gpu.written.get(f"{slot}/{name.partition(' ')[0]}", "").partition("/")[2]
        found = [
            b
            for b in s.lens.buffers(slot)
            if b.endswith(MARK) and (b.removesuffix(MARK) == target or b.startswith(f"{target} "))
        ]
        if found:
            s.look.buffer = found[0]
            s.note = f"what {name} drew: {found[0].removesuffix(MARK)}"

    def _experiments(self) -> None:
        s, w = self.session, self.widgets
        imgui.dummy(ImVec2(0, 2 * self.scale))
        names = ("turn light", "samples", "radius")
        tips = (
            "the environment goes round: SSAO stays flat, SSDO follows",
            "1 to 128, or slices of as many points, against the truth",
            "a sixteenth of the radius to four times it",
        )
        running = self.experiment and not self.experiment.done
        pressed = w.row_of_buttons((*names, "stop") if running else names, None, tips, "experiments")
        if pressed == "stop" and self.experiment:
            self.experiment.end(s)
        elif pressed and not running:
            make = (experiments.turn_the_light, experiments.climb_samples, experiments.climb_radius)[
                names.index(pressed)
            ]
            self.experiment = make(s)
            s.truth = s.truth or self.experiment.measure is experiments.error
            self.experiment.begin(s)
        if self.experiment:
            w.quiet(f"{self.experiment.name}: {self.experiment.measures}, over {self.experiment.what}")
            w.curves(
                "experiment", self.experiment.curves, 96, log=self.experiment.measure is experiments.error, zero=False
            )

    def _pixel(self) -> None:
        w = self.widgets
        if not w.section("Pixel", True):
            return
        _, self.inspects = imgui.checkbox("inspect under the mouse", self.inspects)
        w.placed("inspect")
        imgui.set_item_tooltip(
            "Values, linear, and the directions, or sectors of slices, that were tried (I); Shift+I holds on to the pixel"
        )
        if not self.inspects:
            return
        cursor = self.cursor
        if cursor is None:
            w.quiet("no pixel under the mouse")
            return
        held = " (held)" if self.pinned else ""
        w.quiet(f"pixel {cursor.pixel[0]}, {cursor.pixel[1]}{held}" + ("" if cursor.position else ": background"))
        if cursor.position and cursor.normal:
            w.quiet(
                "at "
                + ", ".join(f"{v:.3f}" for v in cursor.position)
                + " m, normal "
                + ", ".join(f"{v:.2f}" for v in cursor.normal)
            )
        for slot, values in cursor.values.items():
            for name, value in values.items():
                w.label(f"{slot} {name}", color=COLORS[slot])
                imgui.text("  ".join(f"{v:.4g}" for v in value))
        if self.probe:
            direct, indirect, share = self.probe.sums
            w.quiet(f"{self.probed}: {self.probe.tries}, before the blur: open {share:.3f}; their sum:")
            w.quiet(
                "direct "
                + "  ".join(f"{v:.4g}" for v in direct)
                + "   bounce "
                + "  ".join(f"{v:.4g}" for v in indirect)
            )
            self.overlay.disc(self.probe, min(imgui.get_content_region_avail().x, 220 * self.scale))
            w.quiet("filled: the light it brings; black rim: closed; violet rim: leaves the screen")

    def _scene(self) -> None:
        s, w = self.session, self.widgets
        if not w.section("Scene", True):
            return
        w.label("scene")
        if w.opened("##scene", s.base.scene):
            for name in built_in.BUILT_IN:
                if imgui.selectable(name, name == s.base.scene)[0]:
                    self.loading = name
                imgui.set_item_tooltip((built_in.builder(name).__doc__ or "").split("\n")[0])
            recent = [name for name in self.memory.recent if name not in built_in.BUILT_IN]
            if recent:
                imgui.separator()
                w.quiet("recent")
            for name in recent:
                if imgui.selectable(f"{Path(name).name}##{name}", name == s.base.scene)[0]:
                    self.loading = name
                imgui.set_item_tooltip(name)
            imgui.end_combo()
        imgui.set_item_tooltip(f"Built-in scenes; a {SCENES_IN_WORDS} file can be dropped on the window")
        w.label("path")
        done, self._path = imgui.input_text("##path", self._path, imgui.InputTextFlags_.enter_returns_true.value)
        w.placed("path")
        if done and self._path.strip():
            self.loading = self._path.strip()
        imgui.set_item_tooltip(
            f"A scene with arguments (blocks:count=9), a {SCENES_IN_WORDS} scene, an .hdr or .exr environment,\n"
            "a state or preset (.toml), a picture with a shot (.png)"
        )
        shot = s.shot(self.slot)
        name, _, f, value = next(p for p in shot.walk() if p[0] == "environment")
        w.label("environment")
        if w.opened("##environment", str(value or "the scene's")):
            if imgui.selectable("the scene's", value is None)[0]:
                s.change({"environment": None}, self.slot)
            for known in environment.BUILT_IN:
                if imgui.selectable(known, known == value)[0]:
                    s.change({"environment": known}, self.slot)
            imgui.end_combo()
        imgui.set_item_tooltip(explanation(name, f))
        for name, owner, f, value in shot.walk():
            if name in ("material", "occlusion_maps"):
                w.row(self.slot, name, owner, f, value)
        if s.moves:
            w.label("time")
            if imgui.button("pause##play" if s.playing else "play##play", ImVec2(60 * self.scale, 0)):
                s.playing = not s.playing
            imgui.set_item_tooltip("P or Space")
            imgui.same_line()
            imgui.set_next_item_width(-1)
            changed, at = imgui.drag_float("##time", s.base.time, 0.02, 0.0, 1e6, "%.2f s")
            if changed and math.isfinite(at):
                s.change({"time": min(1e6, max(0.0, at))})

    def _group(self, group: str) -> None:
        w = self.widgets
        rows = [
            row
            for row in self.session.shot(self.slot).walk()
            if row[0].startswith(f"{group}.") and not isinstance(row[1], Technique)
        ]
        if (w.searched and not any(w.wanted(name, f) for name, _, f, _ in rows)) or not w.section(
            group.capitalize(), group in OPEN
        ):
            return
        for name, owner, f, value in rows:
            w.row(self.slot, name, owner, f, value)
        if group == "camera" and imgui.button("frame the scene"):
            self.session.frame_scene()

    def _state(self) -> None:
        """Search, undo, what is kept, how the panel looks."""
        w = self.widgets
        imgui.separator()
        w.label("search", "Only parameters whose name or meaning holds these words")
        _, w.searched = imgui.input_text("##search", w.searched)
        w.placed("search")
        w.label("preset", "Quality tuned against the truth, from cheap to dear: for B, and for A what it shares with B")
        if w.opened("##preset", "-"):
            for name, path in presets.built_in().items():
                if imgui.selectable(name, False)[0]:
                    self.loading = str(path)
                w.placed(f"preset {name}")
            imgui.end_combo()
        actions = {"save": "save state", "copy": "copy state", "paste": "paste state", "undo": "undo", "redo": "redo"}
        tips: tuple[str, ...] = (
            "all of it as TOML, in captures/ (Ctrl+S)",
            "to the clipboard (Ctrl+C)",
            "from the clipboard (Ctrl+V)",
            "Ctrl+Z",
            "Ctrl+Y",
        )
        if pressed := w.row_of_buttons(tuple(actions), None, tips, "state"):
            self.wishes.append(actions[pressed])
        tips = (
            "F12",
            "the page of `compare` for A and B, against the truth (Ctrl+F12)",
            "once around, as an animated image (Ctrl+T)",
            "",
        )
        if pressed := w.row_of_buttons(("screenshot", "report", "turntable"), None, tips, "keep"):
            self.wishes.append(pressed)
        if imgui.button("light panel" if THEME.dark else "dark panel"):
            theme(self.scale, not THEME.dark)
        w.placed("theme")
