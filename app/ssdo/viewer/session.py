"""The viewer's state: two slots over one scene and camera, and all that can be changed of them.

Knows neither the window nor the panel, so that it runs without a display.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Set
from dataclasses import fields, replace
from typing import Any, NamedTuple

import moderngl
import numpy as np

from ssdo.gpu.context import Gpu, Size
from ssdo.render.half_resolution import LightingResolution
from ssdo.render.shot import Camera, Shot
from ssdo.render.technique import HemisphereTechnique, SliceTechnique, Technique
from ssdo.render.techniques.off import Off
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.scene import built_in, environment
from ssdo.scene.model import Scene
from ssdo.settings import UserError
from ssdo.viewer import budget, controls
from ssdo.viewer.buffers import PICTURE
from ssdo.viewer.controls import Pose
from ssdo.viewer.display_state import Lens, Look
from ssdo.viewer.history import History
from ssdo.viewer.render_scheduler import Shots, Side, Slot, Stage

LARGEST = 8192  # pixels a side: the most a shot may have
# of a shot, but not chosen here: size follows the window, and frames stand still
ODDS = ("width", "height", "frames", "seed")
ALWAYS = ("scene", "time", "camera.")  # the same in both slots, or there would be nothing to compare
# of the techniques that look at the screen
COMMON = tuple(dict.fromkeys(f.name for family in (HemisphereTechnique, SliceTechnique) for f in fields(family)))
# of these, what decides how many points they look up: each family's own
COUNTED = {"samples", "visibility", "slices", "steps"}
MODES: tuple[dict[str, Any], ...] = (
    {"technique": "off"},
    {"technique": "ssao"},
    {"technique": "ssdo", "direct": True, "bounce": False},
    {"technique": "ssdo", "direct": True, "bounce": True},
    {"technique": "reference"},
    {"technique": "gtao"},
    {"technique": "bitmask"},
)
MODE_NAMES = ("off", "SSAO", "SSDO direct", "SSDO", "truth", "GTAO", "bitmask")
TERMS = {
    (True, False): " direct",
    (True, True): " with bounce",
    (False, True): " bounce only",
    (False, False): ", no light",
}


class State(NamedTuple):
    """All that decides the pictures; what undo goes back to."""

    base: Shot
    techniques: Mapping[Slot, Technique]
    own: Mapping[Slot, Mapping[str, Any]]
    apart: frozenset[str]


def in_words(milliseconds: float) -> str:
    """Three digits are all that a time is good for."""
    return f"{milliseconds:.0f} ms" if milliseconds >= 100 else f"{milliseconds:.3g} ms"


def at_first(gpu: Gpu, shot: Shot, choose: bool) -> Shot:
    """A shot as the viewer begins with it; `choose`: at what resolution light is found is left to it, half of it where
    a processor draws.
    """
    return replace(shot, lighting=LightingResolution("half")) if choose and gpu.clock.software else shot


class Session:
    """The viewer's state. Raises UserError when made with a scene or an environment that cannot be loaded."""

    def __init__(
        self, gpu: Gpu, shot: Shot, others: Mapping[str, Technique], now: Callable[[], float] = time.perf_counter
    ) -> None:
        self.gpu = gpu
        self.now = now
        # what the slots have in common; its technique is none of theirs
        self.base = replace(shot, accumulated_frames=1, technique=Off())
        self.known = {name: others.get(name) or kind() for name, kind in Technique.known.items()} | {
            shot.technique.group: shot.technique
        }
        for name, technique in self.known.items():
            if (
                technique.sample_param != shot.technique.sample_param
                and technique == type(technique)()
                and shot.technique.fetches
            ):
                self.known[name] = technique.with_fetches(shot.technique.fetches)
        self.techniques: dict[Slot, Technique] = {"A": self.known["ssao"], "B": shot.technique}
        self.own: dict[Slot, dict[str, Any]] = {"A": {}, "B": {}}  # what a slot has of its own, by dotted name
        self.apart: set[str] = set()  # what is not linked: dotted names, and bare ones for COMMON
        self.stage = Stage(gpu, now)
        self.lens = Lens(gpu, self.stage)
        self.look = Look()
        self.history = History(self.state())
        self.size: Size = (0, 0)
        self.budget = "samples"  # of budget.KINDS
        self.truth = False  # draw the truth behind, to measure errors against it
        self.playing = False
        self.error = ""  # the last, in one line, until something works
        self.note = ""  # what has just been done
        self._counts: tuple[tuple[Shot, ...], list[str]] = ((), [])
        self._check(self.base)

    # ---- the slots ----

    @property
    def sides(self) -> dict[Slot, Side]:
        return self.stage.sides

    @property
    def shown(self) -> tuple[Slot, ...]:
        return self.look.shown

    @property
    def scene(self) -> Scene:
        return built_in.load(self.base.scene, self.base.time)

    def shot(self, slot: Slot) -> Shot:
        """What a slot is asked to show, at the window's size."""
        width, height = (max(1, min(LARGEST, n)) for n in self.size)
        technique = self.known["reference"] if slot == "truth" else self.techniques[slot]
        shot = replace(self.base, technique=technique, width=width, height=height)
        if own := self.own.get("B" if slot == "truth" else slot):
            shot = shot.with_values(own)
        return (
            replace(shot, denoise=replace(shot.denoise, radius=0), lighting=LightingResolution())
            if technique.progressive
            else shot
        )

    def state(self) -> State:
        return State(
            self.base, dict(self.techniques), {slot: dict(own) for slot, own in self.own.items()}, frozenset(self.apart)
        )

    def restore(self, state: State) -> None:
        """Go back to a state. Raises UserError where its scene is gone."""
        self._check(state.base)
        self.base, self.apart, self.techniques = state.base, set(state.apart), dict(state.techniques)
        self.own = {slot: dict(own) for slot, own in state.own.items()}
        self.known |= {technique.group: technique for technique in self.techniques.values()}

    def undo(self, back: bool = True) -> None:
        """One step back, or forth again."""
        self.history.add(self.state(), self.now(), settled=True)
        state = self.history.back() if back else self.history.forth()
        if state is None:
            self.note = "nothing to undo" if back else "nothing to do again"
            return
        self.restore(state)
        self.note = "undone" if back else "done again"

    # ---- changing them ----

    def change(self, values: Mapping[str, Any], slot: Slot = "B") -> bool:
        """Set parameters by dotted name; those of a technique are that slot's. False, and `error`, where it cannot
        be.
        """
        before = self.techniques[slot]
        group = values.get("technique", before.group)
        technique = {
            name: value for name, value in values.items() if name == "technique" or name.startswith(f"{group}.")
        }
        rest = {name: value for name, value in values.items() if name not in technique}
        mine = {name: value for name, value in rest.items() if name in self.apart}
        try:
            shot = replace(self.base, technique=before).with_values(technique)
            shot.with_values(rest)
            base = shot.with_values({name: value for name, value in rest.items() if name not in mine})
            if "scene" in rest:
                base = replace(base, camera=Camera(fov=None), time=0.0)
            if {"scene", "environment"} & rest.keys():
                self._check(base.with_values(mine))
        except UserError as problem:
            self.error = str(problem)
            return False
        self.error = ""
        self.base, self.techniques[slot] = replace(base, technique=self.base.technique), shot.technique
        self.own[slot] |= mine
        self.known[shot.technique.group] = shot.technique
        if before.group == shot.technique.group:
            self._link(before, shot.technique)
        return True

    def _check(self, shot: Shot) -> None:
        scene = built_in.load(shot.scene, shot.time)
        shot.resolved(scene).surroundings()

    def _link(self, before: Technique, after: Technique) -> None:
        """What changed of the parameters that techniques have in common changes in all of them, but for those set
        apart.
        """
        had, has = before.values(), after.values()
        common = {name for name in COMMON if name not in self.apart and had.get(name) != has.get(name)}
        if self.budget != "samples":
            common.discard(after.sample_param)  # they follow from the times, or the errors
        self._spread(after, common)

    def _spread(self, source: Technique, common: Set[str]) -> None:
        """Give parameters to all techniques that have them. Those that count otherwise, slices instead of directions,
        look up as many points.
        """

        def follow(t: Technique) -> Technique:
            alike = t.sample_param == source.sample_param
            t = replace(
                t,
                **{
                    name: getattr(source, name)
                    for name in common
                    if hasattr(t, name) and (alike or name not in COUNTED)
                },
            )
            equal = self.budget == "samples" and not self.apart & {t.sample_param, source.sample_param}
            return t.with_fetches(source.fetches) if equal and not alike and common & COUNTED else t

        self.known = {name: follow(technique) for name, technique in self.known.items()}
        self.techniques = {slot: follow(technique) for slot, technique in self.techniques.items()}

    def can_part(self, name: str) -> bool:
        """Whether a parameter, by dotted name, can be other in A than in B: what the scene and the camera are
        cannot.
        """
        return not name.startswith(ALWAYS) and not (
            name.partition(".")[0] in Technique.known and name.rpartition(".")[2] not in COMMON
        )

    def linked(self, name: str) -> bool:
        return self._link_name(name) not in self.apart

    def _link_name(self, name: str) -> str:
        return name.rpartition(".")[2] if name.partition(".")[0] in Technique.known else name

    def set_linked(self, name: str, linked: bool) -> None:
        """Link a parameter of A and B, who then have B's value; or let each have its own."""
        key = self._link_name(name)
        if not linked:
            self.apart.add(key)
            if key == name:
                value = {n: v for n, _, _, v in self.base.walk()}[name]
                self.own = {slot: {**own, name: value} for slot, own in self.own.items()}
            return
        self.apart.discard(key)
        if key == name:
            value = self.own["B"].get(name)
            for own in self.own.values():
                own.pop(name, None)
            self.change({name: value})
        elif hasattr(b := self.techniques["B"], key):
            self._spread(b, {key})

    def choose(self, slot: Slot, name: str, **values: Any) -> None:
        """Give a slot a technique, with the values it had when it was last used and those given."""
        self.techniques[slot] = self.known[name] = replace(self.known[name], **values)
        self.error = ""

    def choose_mode(self, slot: Slot, number: int) -> None:
        """1 off, 2 SSAO, 3 SSDO direct, 4 SSDO with bounce, 5 ground truth, 6 GTAO, 7 visibility bitmask."""
        values = dict(MODES[number - 1])
        self.choose(slot, values.pop("technique"), **values)

    def mode(self, slot: Slot) -> int:
        """Which of these a slot is now; 0: none of them."""
        technique = self.techniques[slot]
        values = {"technique": technique.group} | {f.name: getattr(technique, f.name) for f in fields(technique)}
        return next((n for n, mode in enumerate(MODES, 1) if mode.items() <= values.items()), 0)

    def exchange(self) -> None:
        """A becomes B and B becomes A."""
        self.techniques = {"A": self.techniques["B"], "B": self.techniques["A"]}
        self.own = {"A": self.own["B"], "B": self.own["A"]}

    def copy(self, source: Slot, into: Slot) -> None:
        """One slot becomes what the other is."""
        self.techniques[into], self.own[into] = self.techniques[source], dict(self.own[source])
        self.note = f"{into} is now what {source} is"

    def multiply_samples(self, ratio: float) -> None:
        """Of what is shown, directions or slices, as far as they go; where both look up as many points, as far as they
        go together.
        """
        before = {slot: self.techniques[slot] for slot in self.shown}
        after = {slot: technique.with_samples(technique.sample_count * ratio) for slot, technique in before.items()}
        fetches = [
            {technique.fetches for technique in some.values() if technique.sample_param} for some in (before, after)
        ]
        if len(fetches[0]) == 1 < len(fetches[1]):
            after = before
        for slot, technique in after.items():
            self.techniques[slot] = self.known[technique.group] = technique
            if len(after) == 1:
                self._link(before[slot], technique)
        counts = ", ".join(technique.count_text or "no samples" for technique in after.values())
        self.note = counts if fetches[0] else f"{self.techniques['B'].display_name} takes no samples"

    def toggle_half(self) -> None:
        """Lighting at half the resolution, or at every pixel, of what is shown."""
        slots = [slot for slot in self.shown if not self.techniques[slot].progressive]
        half = any(self.shot(slot).lighting.half for slot in slots)
        for slot in slots:
            self.change({"lighting.resolution": "full" if half else "half"}, slot)
        self.note = (
            ("light at every pixel" if half else "light at half the resolution")
            if slots
            else "the truth is always at full resolution"
        )

    def toggle_split(self) -> None:
        look = self.look
        look.view = "B" if look.view == "split" else "split"
        if look.split and self.mode("A") == self.mode("B"):
            self.choose_mode("A" if self.mode("A") != 2 else "B", 2 if self.mode("A") != 2 else 4)

    def choose_view(self, view: str) -> None:
        """A, B, split, side by side, difference, error."""
        self.note = self.look.choose(view)
        self.truth = self.truth or view == "error"

    def reload(self) -> None:
        """Compile the shaders again; where that fails the old ones go on drawing."""
        errors = self.gpu.reload()
        self.error = next(iter(errors.values()), "")
        self.note = "" if errors else "shaders compiled again"
        self.stage.forget()

    def drop(self, path: str) -> bool:
        """Load a scene or an environment from a file; its suffix tells which."""
        return self.change({"environment" if path.lower().endswith(tuple(environment.FILES)) else "scene": path})

    # ---- camera and time ----

    @property
    def pose(self) -> Pose:
        c = self.shot("B").resolved(self.scene).camera
        assert c.eye and c.target and c.fov
        return Pose(c.eye, c.target, c.fov)

    def move(self, pose: Pose) -> None:
        """Put the camera there. A pose that is no longer finite is not taken."""
        if np.isfinite([*pose.eye, *pose.target]).all() and pose.eye != pose.target:
            self.base = replace(self.base, camera=replace(self.base.camera, eye=pose.eye, target=pose.target))

    def frame_scene(self) -> None:
        """The scene's own view; where that is seen already, all of it."""
        own = replace(self.base.camera, eye=None, target=None)
        if self.base.camera != own:
            self.base = replace(self.base, camera=own)
        else:
            self.move(controls.framed(self.pose, self.scene, self.size[0] / max(1, self.size[1])))

    @property
    def moves(self) -> bool:
        return built_in.moves(self.base.scene)

    def advance(self, seconds: float) -> None:
        """Let time run, where it does."""
        if self.playing and self.moves:
            self.base = replace(self.base, time=min(1e6, self.base.time + seconds))

    # ---- drawing ----

    def step(self, size: Size, busy: bool = False) -> bool:
        """Draw what has changed since the last step; whether anything had. `busy`: more changes are about to come."""
        if min(size) < 1:
            return False
        self.size = size
        shots: Shots = {slot: self.shot(slot) for slot in self.shown}
        behind: Shots = {"truth": self.shot("truth")} if self.truth else {}
        drawn = self.stage.step(shots, behind, busy or (self.playing and self.moves))
        if self.stage.error:
            self.error, self.stage.error = self.stage.error, ""
        if not busy:
            self.history.add(self.state(), self.now())
            self._balance()
        return drawn

    def _balance(self) -> None:
        """As many samples, or slices, of B as the budget wants, once both pictures are at rest and measured."""
        b = self.techniques["B"]
        if self.budget == "samples" or self.shown != ("A", "B") or not b.sample_param:
            return
        if any(self.sides[slot].asked != self.shot(slot) or self.sides[slot].scale < 1 for slot in self.shown):
            return
        if self.budget == "time":
            own, other = (self.stage.lighting(slot) for slot in ("B", "A"))
            wanted = budget.by_time(b.sample_count, own, other) if own and other else b.sample_count
        else:
            own, other = (self.lens.rmse(slot) for slot in ("B", "A"))
            wanted = budget.by_error(b.sample_count, own, other) if own and other else b.sample_count
        if wanted != b.sample_count:
            self.techniques["B"] = self.known[b.group] = b.with_samples(wanted)

    def show(self, into: moderngl.Framebuffer) -> None:
        """The last pictures, as they are looked at, over all of a framebuffer of the window's size."""
        self.lens.show(into, self.size, self.look)

    def next_buffer(self, by: int) -> None:
        names = list(self.lens.buffers("B") or self.lens.buffers("A")) or [PICTURE]
        look = self.look
        look.buffer = names[(names.index(look.buffer) + by) % len(names)] if look.buffer in names else names[0]
        self.note = f"buffer: {look.buffer}"

    # ---- in words ----

    def label(self, slot: Slot) -> str:
        """A slot's technique and how much it tries, as over the picture."""
        t = self.shot(slot).technique
        if t.progressive:
            return f"{t.label()}, {self.sides[slot].growth.words()}"
        name = t.display_name + (TERMS[t.direct, t.bounce] if isinstance(t, Ssdo) else "")
        return f"{name}, {t.count_text}" if t.count_text else name

    def _counted(self) -> list[str]:
        """What is counted in pictures at rest, in words. Reading them makes the GPU wait: not while they move, and of
        one that grows only now and then.
        """
        shown, shots = self.shown, tuple(self.shot(slot) for slot in self.shown)
        if shots != self._counts[0]:
            self._counts = (shots, [])
        for slot, shot in zip(shown, shots, strict=True):
            side, frames = self.sides[slot], self.sides[slot].growth.frames
            if (
                side.asked != shot
                or side.scale < self.stage.rest(slot, shot)
                or (shot.technique.progressive and frames & (frames - 1))
            ):
                return self._counts[1]
        parts = []
        if len(shown) == 2 and (changed := self.lens.changed()) is not None:
            parts.append(f"B changes {100 * changed:.0f} % of pixels" if changed else "A and B look the same")
        if broken := sum(self.lens.broken(slot) for slot in shown):
            parts.append(f"{broken} pixels are no numbers (magenta)")
        self._counts = (shots, parts)
        return parts

    def status(self) -> str:
        """What is seen and what it costs, in one line."""
        shown = self.shown
        sides = []
        for slot in shown:
            words = [
                *["half resolution"] * self.shot(slot).lighting.half,
                *self.techniques[slot].resolve_lengths(self.scene.size).method_text,
            ]
            sides.append((f"{slot}: " * (len(shown) > 1) + self.label(slot), words))
        same = len(sides) == 2 and sides[0][1] == sides[1][1]
        parts = [", ".join([label, *(() if same else words)]) for label, words in sides]
        parts += [", ".join(sides[0][1])] if same and sides[0][1] else []
        parts += self._counted()
        scale = min(self.sides[slot].scale for slot in shown)
        rests = all(self.sides[slot].scale >= self.stage.rest(slot, self.shot(slot)) for slot in shown)
        if any(self.sides[slot].picture for slot in shown):
            size = f"{self.size[0]}x{self.size[1]}"
            parts.append(
                f"{size} at {100 * scale:.3g} %" if rests else f"{size}, drawing at {100 * scale:.3g} % until it rests"
            )
        times = [self.stage.milliseconds(slot) for slot in shown]
        known = [t for t in times if t is not None]
        parts.append(
            f"{in_words(sum(known))}, {self.stage.timer}"
            if len(known) == len(times)
            else f"measuring, {self.stage.timer}"
        )
        return "   |   ".join(parts)
