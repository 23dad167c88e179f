"""How the stage's pictures are looked at: views of one or both, the terms of the light, differences, errors, and what
is under the mouse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import moderngl
import numpy as np

from ssdo.gpu.context import Gpu, Size, Target, Texture
from ssdo.measure import metrics
from ssdo.render import composite
from ssdo.render.gbuffer import BACKGROUND
from ssdo.render.pipeline import FrameResult
from ssdo.scene.model import Floats
from ssdo.settings import Vec3, param
from ssdo.viewer.buffers import LADDER, PICTURE, Buffer, of_picture, unoccluded
from ssdo.viewer.render_scheduler import Slot, Stage

T = TypeVar("T")

MAPPINGS = ("picture", "light", "normal", "depth", "alpha", "ratio", "difference", "error")
VIEWS = ("A", "B", "split", "side by side", "difference", "error")
GAINS = (1, 10, 100)  # of the difference
SAME = 0.03  # of the depth
NOTICED = 1.5  # of 255: pixels that differ by more have changed


@dataclass(frozen=True)
class Show:
    """Passed to shaders/passes/buffer_view.frag and shaders/passes/difference.frag as `show`."""

    size: tuple[float, float]  # of the window, pixels
    divider: float  # pixels from the left; -1: one side alone
    beside: bool  # each side shows its middle, up to the divider and from there
    line: float  # half the divider's width, pixels
    gain: float  # of light
    left_range: tuple[float, float]  # of depth, metres
    right_range: tuple[float, float]
    mapping: str = param("picture", choices=MAPPINGS)


@dataclass
class Look:
    """What is chosen to be seen."""

    view: str = "B"
    flipped: bool = False  # A and B are exchanged while a key is held
    gain: int = 1  # of the difference
    divider: float | None = None  # share of the window's width; None: the middle of what the panel leaves free
    free: float = 1.0  # share of the window's width that the panel leaves free
    buffer: str = PICTURE
    exposure: float = 0.0  # stops, of buffers that hold light
    alpha: bool = False  # show a target's alpha as grey

    @property
    def split(self) -> bool:
        """Whether two pictures share the window, each on its side."""
        return self.view in ("split", "side by side", "error")

    @property
    def single(self) -> Slot:
        """The slot that is seen where there is one."""
        return "A" if (self.view == "A") != self.flipped else "B"

    @property
    def shown(self) -> tuple[Slot, ...]:
        """The slots whose pictures are kept up to date."""
        return (self.single,) if self.view in ("A", "B") else ("A", "B")

    def at(self, width: int) -> float:
        """The divider, pixels from the left."""
        share = 0.5 * self.free if self.divider is None or self.view == "side by side" else self.divider
        return round(share * width)

    def choose(self, view: str) -> str:
        """Another view; the difference goes from x1 to x10 to x100 when it is chosen again. In words."""
        if view == self.view == "difference":
            self.gain = GAINS[(GAINS.index(self.gain) + 1) % len(GAINS)]
        self.view = view
        return f"{view} x{self.gain}" if view == "difference" else {"A": "A alone", "B": "B alone"}.get(view, view)

    def climb(self, by: int) -> str:
        """The next step of the ladder from a surface's colour to the picture, in words."""
        at = LADDER.index(self.buffer) if self.buffer in LADDER else len(LADDER) - 1
        self.buffer = LADDER[(at + by) % len(LADDER)]
        return f"{LADDER.index(self.buffer) + 1} of {len(LADDER)}: {self.buffer}"


class Cursor(NamedTuple):
    """What is known of the pixel under the mouse."""

    pixel: tuple[int, int]  # of the window, row 0 on top
    position: Vec3 | None  # world, metres; None: background
    normal: Vec3 | None
    values: Mapping[Slot, Mapping[str, tuple[float, ...]]]  # linear: radiance, direct, indirect (rgb), open


class Lens:
    """Shows the stage's pictures, and reads from them. Only where a picture changed is anything computed again."""

    def __init__(self, gpu: Gpu, stage: Stage) -> None:
        self.gpu = gpu
        self.stage = stage
        self._kept: dict[str, tuple[tuple[Any, ...], Any]] = {}

    def _of(self, name: str, pictures: tuple[FrameResult | None, ...], make: Callable[[], T]) -> T:
        """What was made of just these pictures, made anew for others. What was made of pictures that are gone goes with
        them.
        """
        if name not in self._kept or any(a is not b for a, b in zip(self._kept[name][0], pictures, strict=True)):
            there = {id(side.picture) for side in self.stage.sides.values()}
            self._kept = {
                other: kept for other, kept in self._kept.items() if all(id(picture) in there for picture in kept[0])
            }
            self._kept[name] = pictures, make()
        thing: T = self._kept[name][1]
        return thing

    def picture(self, slot: Slot) -> FrameResult | None:
        return self.stage.sides[slot].picture

    # ---- buffers ----

    def buffers(self, slot: Slot) -> dict[str, Callable[[], Buffer]]:
        """What can be shown of a slot, by name."""
        p = self.picture(slot)
        return of_picture(self.gpu, slot, p, lambda: self._bare(slot, p)) if p else {}

    def _bare(self, slot: Slot, p: FrameResult) -> Texture:
        return self._of(f"bare {slot}", (p,), lambda: unoccluded(self.gpu, slot, p))

    def buffer(self, slot: Slot, look: Look) -> Buffer | None:
        """What is chosen, of a slot; its picture where it has no such thing."""
        found = self.buffers(slot)
        make = found.get(look.buffer) or found.get(PICTURE)
        if make is None:
            return None
        chosen = make()
        return (
            chosen._replace(mapping="alpha")
            if look.alpha and look.buffer != PICTURE and chosen.texture.components == 4
            else chosen
        )

    def _range(self, slot: Slot, buffer: Buffer) -> tuple[float, float]:
        """Of depth, metres, without the few that are far from all others."""
        if buffer.mapping != "depth":
            return 0.0, 1.0

        def measured() -> tuple[float, float]:
            values = self.gpu.read(buffer.texture)[..., 0]
            values = values[values < BACKGROUND]
            low, high = np.percentile(values, (0.5, 99.5)) if values.size else (0.0, 1.0)
            return float(low), float(high)

        return self._of(f"range {slot}", (self.picture(slot),), measured)

    # ---- the window's pixels ----

    def show(self, into: moderngl.Framebuffer, size: Size, look: Look) -> None:
        """Fill a framebuffer of the window's size."""
        into.viewport = (0, 0, *size)
        a, b, truth = (self.picture(slot) for slot in ("A", "B", "truth"))
        if look.view == "difference" and a and b:
            left = right = Buffer(a.radiance, "difference", float(look.gain), over=b.radiance)
        elif look.view == "error" and a and b and truth:
            left, right = (
                Buffer(p.radiance, "error", 2.0**p.shot.display.exposure, over=self.relit(s, p, truth))
                for s, p in (("A", a), ("B", b))
            )
        else:
            one: Slot = look.single
            sides: tuple[Slot, Slot] = (("B", "A") if look.flipped else ("A", "B")) if look.split else (one, one)
            found = [self.buffer(slot, look) for slot in sides]
            if not all(found):
                found = [next((f for f in (*found, self.buffer("B", look), self.buffer("A", look)) if f), None)] * 2
            if found[0] is None or found[1] is None:
                into.clear(0.05, 0.05, 0.06, 1.0)
                return
            left, right = found[0], found[1]
        light = 2.0**look.exposure if right.mapping in ("light", "ratio") else 1.0
        show = Show(
            size=(float(size[0]), float(size[1])),
            divider=look.at(size[0]) if look.split else -1.0,
            beside=look.view == "side by side",
            line=max(1.5, size[1] / 480),
            gain=right.gain * light,
            left_range=self._range("A", left),
            right_range=self._range("B", right),
            mapping=right.mapping,
        )
        given: dict[str, Any] = {"show": show, "left_side": left.texture, "right_side": right.texture}
        if right.over is None or left.over is None:
            self.gpu.draw("passes/buffer_view.frag", Target((), into, ()), **given)
        else:
            self.gpu.draw(
                "passes/difference.frag",
                Target((), into, ()),
                **given,
                left_over=left.over,
                right_over=right.over,
                colours=self._colours(),
            )

    def _colours(self) -> Texture:
        def make() -> Texture:
            ramp = metrics.false_colour(np.linspace(0, 1, 256, dtype="f4")[None], 1.0)[0].astype("f4") / 255
            return self.gpu.texels(np.concatenate([ramp, np.ones((256, 1), "f4")], 1))

        return self._of("colours", (), make)

    # ---- numbers ----

    def radiance(self, slot: Slot) -> Floats | None:
        """A slot's linear radiance, (h, w, 3), row 0 on top; read once for each picture."""
        p = self.picture(slot)
        return self._of(f"radiance {slot}", (p,), lambda: self.gpu.read(p.radiance)[..., :3]) if p else None

    def broken(self, slot: Slot) -> int:
        """Pixels whose radiance is no finite number."""
        values = self.radiance(slot)
        return (
            0
            if values is None
            else self._of(f"broken {slot}", (self.picture(slot),), lambda: int((~np.isfinite(values)).any(-1).sum()))
        )

    def changed(self) -> float | None:
        """Share of pixels that look different in A and B; None where sizes differ."""
        a, b = self.picture("A"), self.picture("B")
        if a is None or b is None or a.display.size != b.display.size:
            return None

        def compared() -> float:
            apart = np.abs(self.gpu.read(a.display)[..., :3] - self.gpu.read(b.display)[..., :3]).max(-1)
            return float((apart > NOTICED / 255).mean())

        return self._of("changed", (a, b), compared)

    def relit(self, slot: str, p: FrameResult, truth: FrameResult) -> Texture:
        """A slot's surfaces in the truth's light, radiance. A truth that is drawn smaller has other texels of their
        textures, but the same light.
        """
        if truth.display.size == p.display.size:
            return truth.radiance

        def draw() -> Texture:
            with self.gpu.scope(f"relit {slot}"):
                return composite.draw(self.gpu, p.view, truth.lighting)

        return self._of(f"relit {slot}", (p, truth), draw)

    def rmse(self, slot: Slot) -> float | None:
        """Of a slot's radiance against the truth's so far, without the truth's own noise, where both see one surface;
        None where that is not known yet.
        """
        p, truth, noise = self.picture(slot), self.picture("truth"), self.stage.sides["truth"].growth.noise
        values = self.radiance(slot)
        if p is None or truth is None or values is None or noise is None:
            return None

        def measured() -> float:
            true = self.gpu.read(self.relit(slot, p, truth))[..., :3]
            where = self._shared(p, truth)
            if not where.any() or not np.isfinite(values).all() or not np.isfinite(true).all():
                return math.nan
            return math.sqrt(max(metrics.rmse(values, true, where) ** 2 - noise**2, 0.0))

        return self._of(f"rmse {slot}", (p, truth), measured)

    def _shared(self, p: FrameResult, truth: FrameResult) -> Any:
        """Pixels whose texel of the truth lies on the same surface: no farther apart than it is deep there, turned by
        no more than 18 degrees.
        """
        read = self.gpu.read
        depth = read(p.view.gbuffer.depth)[..., 0]
        surface = depth < BACKGROUND
        if truth.display.size == p.display.size:
            return surface
        other = _enlarged(read(truth.view.gbuffer.depth)[..., 0], depth.shape)
        normal, turned = (
            read(p.view.gbuffer.normal)[..., :3],
            _enlarged(read(truth.view.gbuffer.normal)[..., :3], depth.shape),
        )
        return surface & (np.abs(other - depth) < SAME * depth) & ((normal * turned).sum(-1) > 0.95)

    def under(self, size: Size, at: tuple[int, int], slots: tuple[Slot, ...]) -> Cursor:
        """What is at a pixel of the window (row 0 on top), in each slot: whole texels, never a mixture."""
        values: dict[Slot, dict[str, tuple[float, ...]]] = {}
        position = normal = None
        for slot in slots:
            p = self.picture(slot)
            if p is None:
                continue
            x, y = (min(int((a + 0.5) / s * n), n - 1) for a, s, n in zip(at, size, p.display.size, strict=True))
            depth = self.gpu.pixel(p.view.gbuffer.depth, x, y)[0]
            direct = self.gpu.pixel(p.lighting.direct, x, y)
            values[slot] = {
                "radiance": self.gpu.pixel(p.radiance, x, y)[:3],
                "direct": direct[:3],
                "indirect": self.gpu.pixel(p.lighting.indirect, x, y)[:3]
                if p.lighting.has_indirect
                else (0.0, 0.0, 0.0),
                "open": direct[3:],
            }
            if depth < BACKGROUND and position is None:
                position = _position(p, x, y, depth)
                n = self.gpu.pixel(p.view.gbuffer.normal, x, y)[:3]
                normal = (n[0], n[1], n[2])
        return Cursor(at, position, normal, values)


def _position(p: FrameResult, x: int, y: int, depth: float) -> Vec3:
    """World position, metres, of what is seen at a texel (row 0 on top)."""
    frame, (w, h) = p.view.frame, p.display.size
    view = np.array(
        (
            (2 * (x + 0.5) / w - 1) * frame.tangent[0] * depth,
            (1 - 2 * (y + 0.5) / h) * frame.tangent[1] * depth,
            -depth,
            1.0,
        )
    )
    world = view @ np.array(frame.world_from_view).reshape(4, 4)
    return float(world[0]), float(world[1]), float(world[2])


def _enlarged(values: Floats, shape: tuple[int, ...]) -> Floats:
    """Nearest texels, as the composite takes them."""
    rows, columns = (
        ((np.arange(n) + 0.5) / n * m).astype(int) for n, m in zip(shape[:2], values.shape[:2], strict=True)
    )
    found: Floats = values[rows][:, columns]
    return found
