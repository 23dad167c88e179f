"""What the viewer shows and how it gets there: two sides, the camera, a resolution that keeps up with the hand, the last pictures.

Draws into any framebuffer and knows neither the window nor the panel, so that it runs without a display.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

import moderngl
import numpy as np

from app import environment, frame, images, scenes
from app.gbuffer import BACKGROUND, GBuffer
from app.gpu import Clock, Gpu, Size, Target, Texture
from app.pipeline import Picture, render
from app.scene import Floats, Scene
from app.settings import Problem, param
from app.shot import Camera, Shot
from app.technique import Lighting, ScreenSpace, Technique
from app.techniques.ssdo import Ssdo
from app.viewer import controls
from app.viewer.controls import Pose
from app.viewer.growth import Growth

Slot = Literal["A", "B"]  # left and right; alone, B is shown

SCALES = (1.0, 0.75, 0.5, 0.375, 0.25, 0.125)  # shares of the window's size, while something moves
BUDGET = {True: 70.0, False: 20.0}  # milliseconds a moving frame may take, by whether a processor draws
REST = 0.25  # seconds without change until the picture is drawn at full size
SLOW = 400.0  # milliseconds; where a full frame takes longer, it waits for a longer rest
QUICK = 150.0  # milliseconds; a resting frame that is faster is drawn thrice, for a median
PATIENCE = 700.0  # milliseconds a frame of a picture that goes on growing may keep the window from answering
MOST = 65536  # frames a picture grows to: a shot's most
LARGEST = 8192  # pixels a side: the most a shot may have
ODDS = ("width", "height", "frames", "seed")  # of a shot, but not chosen here: size follows the window, and frames stand still
MAPPINGS = ("picture", "light", "normal", "depth", "alpha")
MODES: tuple[dict[str, Any], ...] = (
    {"technique": "off"},
    {"technique": "ssao"},
    {"technique": "ssdo", "direct": True, "bounce": False},
    {"technique": "ssdo", "direct": True, "bounce": True},
    {"technique": "reference"},
)
TERMS = {(True, False): " direct", (True, True): " with bounce", (False, True): " bounce only", (False, False): ", no light"}


@dataclass(frozen=True)
class Show:
    """Passed to shaders/show.frag as `show`."""

    size: tuple[float, float]  # of the window, pixels
    divider: float  # pixels from the left; -1: one side alone
    line: float  # half the divider's width, pixels
    gain: float  # of light
    left_range: tuple[float, float]  # of depth, metres
    right_range: tuple[float, float]
    mapping: str = param("picture", choices=MAPPINGS)


class Buffer(NamedTuple):
    """Something to look at instead of the picture."""

    texture: Texture
    mapping: str
    gain: float = 1.0


@dataclass
class Side:
    """One of the two: its technique, the last picture, and what it cost."""

    technique: Technique
    clock: Clock
    asked: Shot | None = None  # what the picture was drawn for, at full size
    picture: Picture | None = None
    scale: float = 1.0
    growth: Growth = field(default_factory=Growth)  # of the picture, where the technique is progressive
    failed: Shot | None = None  # not tried again
    per_pixel: dict[str, float] = field(default_factory=dict)  # milliseconds by technique, from the last frame
    times: deque[float] = field(default_factory=lambda: deque(maxlen=15))  # milliseconds a frame
    depths: tuple[float, float] | None = None  # range of the picture's depth, metres


def in_words(milliseconds: float) -> str:
    """Three digits are all that a time is good for."""
    return f"{milliseconds:.0f} ms" if milliseconds >= 100 else f"{milliseconds:.3g} ms"


class Session:
    """The viewer's state. Raises Problem when made with a scene or an environment that cannot be loaded."""

    def __init__(self, gpu: Gpu, shot: Shot, others: Mapping[str, Technique], now: Callable[[], float] = time.perf_counter) -> None:
        self.gpu = gpu
        self.now = now
        self.base = replace(shot, frames=1)
        self.known = {name: others.get(name) or kind() for name, kind in Technique.known.items()} | {shot.technique.group: shot.technique}
        self.sides: dict[Slot, Side] = {"A": Side(self.known["ssao"], self._clock()), "B": Side(shot.technique, self._clock())}
        self.size: Size = (0, 0)
        self.split = False
        self.divider: float | None = None  # share of the window's width; None: the middle of what the panel leaves free
        self.free = 1.0  # share of the window's width that the panel leaves free
        self.buffer = "picture"
        self.exposure = 0.0  # stops, of buffers that hold light
        self.alpha = False  # show a target's alpha as grey
        self.linked = True  # samples, radius, ... are the same for all techniques, so that a comparison is fair
        self.playing = False
        self.error = ""  # the last, in one line, until something works
        self.note = ""  # what has just been done
        self.draws = 0  # calls of render, to tell that a picture at rest costs nothing
        self._wanted: tuple[Any, ...] = ()
        self._changed = -1e9
        self._warm: set[tuple[str, str]] = set()  # technique and scene whose first frame, which compiles and uploads, is over
        self._check(self.base)

    def _clock(self) -> Clock:
        clock = Clock(self.gpu.ctx)
        clock.running = True
        return clock

    # ---- what is shown ----

    @property
    def shown(self) -> tuple[Slot, ...]:
        return ("A", "B") if self.split else ("B",)

    @property
    def scene(self) -> Scene:
        return scenes.load(self.base.scene, self.base.time)

    def shot(self, slot: Slot) -> Shot:
        """What that side is asked to show, at the window's size."""
        width, height = (max(1, min(LARGEST, n)) for n in self.size)
        technique = self.sides[slot].technique
        shot = replace(self.base, technique=technique, width=width, height=height)
        return replace(shot, blur=replace(shot.blur, radius=0)) if technique.progressive else shot

    @property
    def divider_px(self) -> float:
        """From the left, in pixels of the framebuffer."""
        share = 0.5 * self.free if self.divider is None else self.divider
        return round(share * self.size[0])

    # ---- changing it ----

    def change(self, values: Mapping[str, Any], slot: Slot = "B") -> bool:
        """Set parameters by dotted name; those of a technique are that side's. False, and `error`, where it cannot be."""
        try:
            shot = self.shot(slot).with_values(values)
            if {"scene", "environment"} & values.keys():
                if "scene" in values:
                    shot = replace(shot, camera=Camera(fov=None), time=0.0)
                self._check(shot)
        except Problem as problem:
            self.error = str(problem)
            return False
        self.error = ""
        self.base = replace(shot, technique=self.base.technique, width=self.base.width, height=self.base.height)
        before, self.sides[slot].technique = self.sides[slot].technique, shot.technique
        self.known[shot.technique.group] = shot.technique
        if self.linked and before.group == shot.technique.group:
            self._link(before, shot.technique)
        return True

    def _check(self, shot: Shot) -> None:
        scene = scenes.load(shot.scene, shot.time)
        resolved = shot.resolved(scene)
        assert resolved.environment and resolved.sun.azimuth is not None and resolved.sun.elevation is not None
        environment.load(resolved.environment, frame.direction(resolved.sun.azimuth, resolved.sun.elevation))

    def _link(self, before: Technique, after: Technique) -> None:
        """What changed of the parameters that all screen-space techniques have changes in all of them."""
        if not isinstance(after, ScreenSpace):
            return
        common = {f.name: getattr(after, f.name) for f in fields(ScreenSpace) if getattr(after, f.name) != getattr(before, f.name)}
        for name, technique in self.known.items():
            if isinstance(technique, ScreenSpace):
                self.known[name] = replace(technique, **common)
        for side in self.sides.values():
            if isinstance(side.technique, ScreenSpace):
                side.technique = replace(side.technique, **common)

    def choose(self, slot: Slot, name: str, **values: Any) -> None:
        """Give a side a technique, with the values it had when it was last used and those given."""
        self.sides[slot].technique = self.known[name] = replace(self.known[name], **values)
        self.error = ""

    def choose_mode(self, slot: Slot, number: int) -> None:
        """1 off, 2 SSAO, 3 SSDO direct, 4 SSDO with bounce, 5 ground truth."""
        values = dict(MODES[number - 1])
        self.choose(slot, values.pop("technique"), **values)

    def mode(self, slot: Slot) -> int:
        """Which of these a side is now; 0: none of them."""
        technique = self.sides[slot].technique
        values = {"technique": technique.group} | {f.name: getattr(technique, f.name) for f in fields(technique)}
        return next((n for n, mode in enumerate(MODES, 1) if mode.items() <= values.items()), 0)

    def toggle_split(self) -> None:
        self.split = not self.split
        if self.split and self.mode("A") == self.mode("B"):
            self.choose_mode("A" if self.mode("A") != 2 else "B", 2 if self.mode("A") != 2 else 4)

    def exchange(self) -> None:
        a, b = self.sides["A"], self.sides["B"]
        a.technique, b.technique = b.technique, a.technique

    def multiply_samples(self, ratio: float) -> None:
        """Of what is shown, 1 to 256."""
        changed = False
        for slot in self.shown:
            technique = self.sides[slot].technique
            if isinstance(technique, ScreenSpace):
                new = replace(technique, samples=max(1, min(256, round(technique.samples * ratio))))
                self.sides[slot].technique = self.known[new.group] = new
                if self.linked and not self.split:
                    self._link(technique, new)
                changed = True
        counts = ", ".join(f"{getattr(self.sides[s].technique, 'samples', 'no')} samples" for s in self.shown)
        self.note = counts if changed else f"{self.sides['B'].technique.group.upper()} takes no samples"

    def reload(self) -> None:
        """Compile the shaders again; where that fails the old ones go on drawing."""
        errors = self.gpu.reload()
        self.error = next(iter(errors.values()), "")
        self.note = "" if errors else "shaders compiled again"
        self._warm.clear()
        for side in self.sides.values():
            side.asked = side.failed = None

    def drop(self, path: str) -> bool:
        """Load a scene or an environment from a file; its suffix tells which."""
        return self.change({"environment" if path.lower().endswith(".hdr") else "scene": path})

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
        return scenes.moves(self.base.scene)

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
        wanted = tuple((slot, self.shot(slot)) for slot in self.shown)
        again = False
        if wanted != self._wanted:
            slow = self._full_cost() > SLOW  # a small picture at once says more than a large one later
            moving = busy or self.playing or slow or self.now() - self._changed < REST
            self._wanted, self._changed = wanted, self.now()
            scale = self._affordable() if moving else 1.0
        elif any(self.sides[slot].scale < self._rest(slot) for slot in self.shown):
            if self.now() - self._changed < (REST if self._full_cost() < SLOW else 2 * REST):
                return False
            scale = 1.0
        elif any(self._unmeasured(slot) for slot in self.shown):
            scale, again = 1.0, True
        elif any(self._stale(slot, self._rest(slot)) for slot in self.shown):
            scale = 1.0
        elif any(self._grows(slot) for slot in self.shown) and not busy:
            scale, again = 1.0, True
        else:
            return False
        drawn = [self._draw(slot, min(scale, self._rest(slot)), again and (self._unmeasured(slot) or self._grows(slot))) for slot in self.shown]
        if not again:
            self._changed = self.now()  # rest is counted from here: on a slow machine drawing alone takes longer
        return any(drawn)

    def _unmeasured(self, slot: Slot) -> bool:
        """Whether a picture at rest is to be drawn again for its time: a first frame compiles, and timer queries answer late."""
        side = self.sides[slot]
        if side.failed is not None or side.technique.progressive:
            return False
        if self.gpu.clock.software:
            return not side.times or (len(side.times) < 3 and side.times[-1] < QUICK)
        return not side.clock.times and side.clock.frame < 12

    def _stale(self, slot: Slot, scale: float) -> bool:
        side, shot = self.sides[slot], self.shot(slot)
        return side.failed != shot and (side.asked != shot or side.scale != scale)

    def _grows(self, slot: Slot) -> bool:
        """Whether another frame makes the picture smoother."""
        side = self.sides[slot]
        return side.technique.progressive and side.failed is None and side.growth.frames < MOST

    def _rest(self, slot: Slot) -> float:
        """The share of the window's size that a picture at rest is drawn at: all of it, but where it goes on growing and would keep the
        window from answering. Between the two ends of patience it stays as it is, so that it does not flip to and fro."""
        side = self.sides[slot]
        if not side.technique.progressive:
            return 1.0
        if side.asked == self.shot(slot) and side.growth.frames > 2:
            return side.scale
        cost = self._cost(slot)
        if 0.5 * PATIENCE < cost * side.scale**2 < 1.5 * PATIENCE:
            return side.scale
        return next((s for s in SCALES if cost * s * s <= PATIENCE), SCALES[-1])

    def _cost(self, slot: Slot) -> float:
        """Milliseconds that a picture of the window's size will take, going by the last with that technique. The first: too many, on a processor."""
        side, pixels = self.sides[slot], self.size[0] * self.size[1]
        if side.technique.group not in side.per_pixel:
            return 10 * SLOW if self.gpu.clock.software and pixels > 65536 else 0.0
        return side.per_pixel[side.technique.group] * pixels

    def _full_cost(self) -> float:
        return sum(self._cost(slot) for slot in self.shown)

    def _affordable(self) -> float:
        """The largest share of the window's size that is fast enough to follow the hand."""
        full = self._full_cost()
        now = min(self.sides[slot].scale for slot in self.shown)
        budget = BUDGET[self.gpu.clock.software]
        # growing needs room to spare, so that it does not flip to and fro
        return next((s for s in SCALES if full * s * s <= budget * (0.8 if s > now else 1.0)), SCALES[-1])

    def _draw(self, slot: Slot, scale: float, again: bool) -> bool:
        side, shot = self.sides[slot], self.shot(slot)
        if not again and not self._stale(slot, scale):
            return False
        software = self.gpu.clock.software
        same = side.asked and (side.asked.technique.group, *self._dims(side.asked)) == (shot.technique.group, *self._dims(shot))
        grows = side.technique.progressive
        index = side.growth.frames if grows and not self._stale(slot, scale) else 0
        if side.scale != scale or not same:
            side.times.clear()
            if software:  # a median over frames of another size would be wrong; timer queries are read late and go on
                side.clock = self._clock()
        width, height = (max(1, round(n * scale)) for n in self._dims(shot))
        before, self.gpu.clock = self.gpu.clock, side.clock
        start = time.perf_counter()
        try:
            side.clock.begin_frame()
            with self.gpu.scope(slot):
                picture = render(self.gpu, replace(shot, width=width, height=height, frames=MOST if grows else 1), index)
                self.gpu.sweep()
            side.picture = picture._replace(shot=replace(picture.shot, frames=index + 1))
            if software:
                self.gpu.ctx.finish()
            took = 1e3 * (time.perf_counter() - start)
            if (warm := (shot.technique.group, shot.scene)) not in self._warm:
                self._warm.add(warm)
                side.clock = self._clock()
            elif software:
                side.times.append(took)
            side.asked, side.scale, side.failed, side.depths = shot, scale, None, None
            side.per_pixel[shot.technique.group] = (took if software else self.milliseconds(slot) or 0.0) / (width * height)
            if grows:
                side.growth = side.growth if index else Growth()
                side.growth.add(lambda: self._radiance(picture))
        except Problem as problem:
            self.error, side.failed, side.scale = str(problem), shot, 1.0  # the last picture is as good as it gets
        finally:
            self.gpu.clock = before
        self.draws += 1
        return True

    def _radiance(self, picture: Picture) -> Floats:
        """Of its surfaces, (n, 3)."""
        surface = self.gpu.read(picture.view.gbuffer.depth)[..., 0] < BACKGROUND
        return self.gpu.read(picture.radiance)[surface][:, :3]

    @staticmethod
    def _dims(shot: Shot) -> Size:
        return shot.width, shot.height

    def show(self, into: moderngl.Framebuffer) -> None:
        """The last pictures, or their buffers, over all of a framebuffer of the window's size."""
        into.viewport = (0, 0, *self.size)
        right = self._buffer("B") or self._buffer("A")
        left = self._buffer("A") if self.split else right
        if right is None or left is None:
            into.clear(0.05, 0.05, 0.06, 1.0)
            return
        at = self.divider_px if self.split else -1.0
        gain = right.gain * 2.0**self.exposure
        line = max(1.5, self.size[1] / 480)
        show = Show((float(self.size[0]), float(self.size[1])), at, line, gain, self._depths("A", left), self._depths("B", right), right.mapping)
        self.gpu.draw("show.frag", Target((), into, ()), show=show, left_side=left.texture, right_side=right.texture)

    def _buffer(self, slot: Slot) -> Buffer | None:
        found = self.buffers(slot)
        if found and self.buffer in found:
            chosen = found[self.buffer]
            return chosen._replace(mapping="alpha") if self.alpha and self.buffer != "picture" and chosen.texture.components == 4 else chosen
        return found.get("picture")

    def _depths(self, slot: Slot, buffer: Buffer) -> tuple[float, float]:
        side = self.sides[slot]
        if buffer.mapping != "depth":
            return 0.0, 1.0
        if side.depths is None:
            values = self.gpu.read(buffer.texture)[..., 0]
            values = values[values < BACKGROUND]
            low, high = np.percentile(values, (0.5, 99.5)) if values.size else (0.0, 1.0)
            side.depths = float(low), float(high)
        return side.depths

    def buffers(self, slot: Slot) -> dict[str, Buffer]:
        """What can be shown of a side: what every picture has, by meaning, then every target, by name."""
        p = self.sides[slot].picture
        if p is None:
            return {}
        surfaces, over_pi = p.view.gbuffer, 1 / np.pi
        found = {
            "picture": Buffer(p.image, "picture"),
            "open share": Buffer(p.lighting.direct, "alpha"),
            "open share, not blurred": Buffer(p.raw.direct, "alpha"),
            "light of the environment": Buffer(p.lighting.direct, "light", over_pi),
            "bounce": Buffer(p.lighting.indirect, "light", over_pi),
            "bounce, not blurred": Buffer(p.raw.indirect, "light", over_pi),
            "sunlight": Buffer(p.view.sun, "light", over_pi),
            "normals": Buffer(surfaces.normal, "normal"),
            "albedo": Buffer(surfaces.albedo, "light"),
            "emission": Buffer(surfaces.emission, "light"),
            "depth": Buffer(surfaces.depth, "depth"),
        }
        for name, target in self.gpu.targets.items():
            if name.startswith(f"{slot}/"):
                leaf = name.partition("/")[2]
                parts = {4: GBuffer._fields, 2: Lighting._fields, 1: ("",)}.get(len(target.textures), tuple(map(str, range(len(target.textures)))))
                for part, texture in zip(parts, target.textures, strict=True):
                    mapping = "picture" if texture.dtype == "f1" else "depth" if part == "depth" else "normal" if part == "normal" else "light"
                    found[f"{leaf} {part}".strip() + " *"] = Buffer(texture, mapping)
        return found

    def next_buffer(self, by: int) -> None:
        names = list(self.buffers("B")) or ["picture"]
        self.buffer = names[(names.index(self.buffer) + by) % len(names)] if self.buffer in names else names[0]
        self.note = f"buffer: {self.buffer}"

    # ---- in words ----

    def label(self, slot: Slot) -> str:
        """A side's technique and samples, as over the picture."""
        t = self.sides[slot].technique
        name = t.group.upper() if len(t.group) <= 4 and t.group != "off" else t.group
        if isinstance(t, Ssdo):
            name += TERMS[t.direct, t.bounce]
        if t.progressive:
            return f"{t.label()}, {self.sides[slot].growth.words()}"
        return f"{name}, {t.samples} directions" if isinstance(t, ScreenSpace) else name

    def status(self) -> str:
        """What is seen and what it costs, in one line."""
        sides = []
        for slot in self.shown:
            side, words = self.sides[slot], []
            fitted = side.technique.fitted(self.scene.size)
            if isinstance(fitted, ScreenSpace):
                words = [f"march {fitted.steps}" if fitted.visibility == "march" else "one point each", f"radius {fitted.radius:.3g} m"]
            sides.append((f"{slot}: " * self.split + self.label(slot), words))
        same = len(sides) == 2 and sides[0][1] == sides[1][1]
        parts = [", ".join([label, *(() if same else words)]) for label, words in sides]
        parts += [", ".join(sides[0][1])] if same and sides[0][1] else []
        picture, scale = self.sides["B"].picture, min(self.sides[slot].scale for slot in self.shown)
        rests = all(self.sides[slot].scale >= self._rest(slot) for slot in self.shown)
        if picture:
            size = f"{self.size[0]}x{self.size[1]}"
            parts.append(f"{size} at {100 * scale:.3g} %" if rests else f"{size}, drawing at {100 * scale:.3g} % until it rests")
        times = [self.milliseconds(slot) for slot in self.shown]
        parts.append(f"{in_words(sum(t for t in times if t is not None))}, {self.timer}" if all(t is not None for t in times) else f"measuring, {self.timer}")
        return "   |   ".join(parts)

    @property
    def timer(self) -> str:
        renderer = self.gpu.ctx.info["GL_RENDERER"].split("(")[0].split("/")[0].strip()
        return f"{'wall clock' if self.gpu.clock.software else 'GPU timer'} on {renderer}"

    def milliseconds(self, slot: Slot) -> float | None:
        """Median time of a frame of that side; None until there is one."""
        side = self.sides[slot]
        if self.gpu.clock.software:
            return median(side.times) if side.times else None
        return sum(side.clock.times.values()) if side.clock.times else None

    # ---- keeping it ----

    def screenshot(self, folder: Path = Path("captures")) -> list[Path]:
        """Save what is seen, at the size that it rests at, with its shot inside; split, each side too, since a file holds one shot.

        Raises Problem.
        """
        for slot in self.shown:
            self._draw(slot, self._rest(slot), False)
        if any(self.sides[slot].picture is None for slot in self.shown):
            raise Problem("there is no picture to save yet")
        stem = Path(self.base.scene.partition(":")[0]).stem
        names = [self._word(slot) for slot in self.shown]
        seen = "" if self.buffer == "picture" else "-" + "".join(c if c.isalnum() else "-" for c in self.buffer).strip("-")
        smaller = not self.split and not seen and self._rest("B") < 1  # its shot makes a picture of its own size
        paths = [self._save(images.free_name(folder, "-".join([stem, *names]) + seen, ".png"), "B", alone=smaller)]
        if self.split:
            for slot in ("A", "B"):
                paths.append(self._save(images.free_name(folder, f"{paths[0].stem}-{'left' if slot == 'A' else 'right'}", ".png"), slot, alone=True))
        self.note = "saved " + " ".join(str(path.absolute()) for path in paths[:1]) + (" and each side" if self.split else "")
        return [path.absolute() for path in paths]

    def _word(self, slot: Slot) -> str:
        return {1: "off", 2: "ssao", 3: "ssdo-direct", 4: "ssdo"}.get(self.mode(slot), self.sides[slot].technique.group)

    def _save(self, path: Path, slot: Slot, alone: bool = False) -> Path:
        picture = self.sides[slot].picture
        assert picture
        if alone:
            pixels = images.pixels(self.gpu, picture)
        else:
            with self.gpu.scope("window"):
                target = self.gpu.target("screenshot", self.size, "rgba8")
                self.show(target.framebuffer)
                pixels = images.shown(self.gpu, target.textures[0])
                self.gpu.sweep()
                self.gpu.sweep()  # it is not needed until the next one
        images.save_png(path, pixels, picture.shot.values())
        return path
