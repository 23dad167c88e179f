"""Pictures of the viewer's slots, brought up to date a step at a time: small while the hand moves, whole when it rests,
growing where they can.

Knows what each slot asks for and what it costs, and nothing of why: shots come from the session.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Literal

from ssdo.gpu.context import Clock, Gpu
from ssdo.render.gbuffer import BACKGROUND
from ssdo.render.pipeline import FrameResult, render_frame
from ssdo.render.shot import Shot
from ssdo.scene.model import Floats
from ssdo.settings import UserError
from ssdo.viewer.convergence import Growth
from ssdo.viewer.cost import Cost

Slot = Literal["A", "B", "truth"]  # left and right, and what both are measured against
PAIR: tuple[Slot, Slot] = ("A", "B")
SLOTS: tuple[Slot, ...] = (*PAIR, "truth")
Shots = Mapping[Slot, Shot]  # of what is to be drawn, at the window's size

# shares of the window's size, while something moves
SCALES = (1.0, 0.75, 0.625, 0.5, 0.375, 0.3125, 0.25, 0.1875, 0.125)
BUDGET = {True: 70.0, False: 20.0}  # milliseconds a moving frame may take, by whether a processor draws
REST = 0.25  # seconds without change until the picture is drawn at full size
SLOW = 400.0  # milliseconds; where a full frame takes longer, it waits for a longer rest
QUICK = 150.0  # milliseconds; a resting frame that is faster is drawn thrice, for a median
# milliseconds a frame that only makes smoother may keep the window busy
PATIENCE: Mapping[Slot, float] = {"A": 600.0, "B": 600.0, "truth": 250.0}
MOST = 65536  # frames a picture grows to: a shot's most


@dataclass
class Side:
    """What was last drawn for a slot, and what it cost."""

    clock: Clock
    asked: Shot | None = None  # what the picture was drawn for, at full size
    picture: FrameResult | None = None
    scale: float = 1.0
    growth: Growth = field(default_factory=Growth)  # of the picture, where the technique is progressive
    index: int = 0  # of the picture's frame, where light is remembered
    rested: int = 0  # frames since something last changed, where light is remembered
    failed: Shot | None = None  # not tried again
    costs: dict[str, Cost] = field(default_factory=dict)  # by technique and resolution
    times: deque[float] = field(default_factory=lambda: deque(maxlen=15))  # milliseconds a frame


class Stage:
    """Draws. `error` is the last thing that went wrong, in one line."""

    def __init__(self, gpu: Gpu, now: Callable[[], float]) -> None:
        self.gpu = gpu
        self.now = now
        self.sides: dict[Slot, Side] = {slot: Side(self._clock()) for slot in SLOTS}
        self.draws = 0  # calls of render, to tell that a picture at rest costs nothing
        self.error = ""
        self._shots: Shots = {}
        self._changed = -1e9
        # technique, with its resolution, and scene whose first frame, which compiles and uploads, is over
        self._warm: set[tuple[str, str]] = set()

    def _clock(self) -> Clock:
        clock = Clock(self.gpu.ctx)
        clock.running = True
        return clock

    def forget(self) -> None:
        """Draw everything again: the shaders have changed."""
        self._warm.clear()
        for side in self.sides.values():
            side.asked = side.failed = None

    # ---- a step ----

    def step(self, shots: Shots, behind: Shots, busy: bool = False) -> bool:
        """Draw what has changed since the last step; whether anything had. `busy`: more changes are about to come.
        `behind`: what is drawn as well, when there is nothing else to do.
        """
        again = False
        if shots != self._shots:
            slow = self._costs(shots) > SLOW  # a small picture at once says more than a large one later
            moving = busy or slow or self.now() - self._changed < REST
            # a slot that is only shown or hidden moves nothing
            if all(self.sides[slot].asked == shot for slot, shot in shots.items()):
                moving = False
            self._shots, self._changed = dict(shots), self.now()
            scale = self._affordable(shots) if moving else 1.0
        elif any(self.sides[slot].scale < self.rest(slot, shot) for slot, shot in shots.items()):
            if self.now() - self._changed < (REST if self._costs(shots) < SLOW else 2 * REST):
                return False
            scale = 1.0
        elif any(self._unmeasured(slot, shot) for slot, shot in shots.items()):
            scale, again = 1.0, True
        elif any(self._stale(slot, shot, self.rest(slot, shot)) for slot, shot in shots.items()):
            scale = 1.0
        elif busy:
            return False
        elif any(self.grows(slot, shot) for slot, shot in shots.items()):
            scale, again = 1.0, True
        else:
            shots, scale, again = behind, 1.0, True
        drawn = [
            self.draw(
                slot,
                shot,
                min(scale, self.rest(slot, shot)),
                again and (self._unmeasured(slot, shot) or self.grows(slot, shot)),
            )
            for slot, shot in shots.items()
        ]
        if not again:
            self._changed = self.now()  # rest is counted from here: on a slow machine drawing alone takes longer
        return any(drawn)

    def _unmeasured(self, slot: Slot, shot: Shot) -> bool:
        """Whether a picture at rest is to be drawn again for its time: a first frame compiles, and timer queries answer
        late.
        """
        side = self.sides[slot]
        if side.failed is not None or shot.technique.progressive:
            return False
        if self.gpu.clock.software:
            return not side.times or (len(side.times) < 3 and side.times[-1] < QUICK)
        return not side.clock.times and side.clock.frame < 12

    def grows(self, slot: Slot, shot: Shot) -> bool:
        """Whether another frame makes the picture smoother."""
        side = self.sides[slot]
        if shot.remembers:
            return side.failed is None and side.rested < shot.temporal.history_length
        return shot.technique.progressive and side.failed is None and side.growth.frames < MOST

    def rest(self, slot: Slot, shot: Shot) -> float:
        """The share of the window's size that a picture at rest is drawn at: all of it, but where it goes on growing
        and would keep the window from answering. Between the two ends of patience it stays as it is, so that it does
        not flip to and fro.
        """
        side = self.sides[slot]
        if not shot.technique.progressive:
            return 1.0
        if side.asked == shot and side.growth.frames > 2:
            return side.scale
        patience = PATIENCE[slot]
        if 0.5 * patience < self._cost(slot, shot, side.scale) < 1.5 * patience:
            return side.scale
        return next((s for s in SCALES if self._cost(slot, shot, s) <= patience), SCALES[-1])

    def _stale(self, slot: Slot, shot: Shot, scale: float) -> bool:
        side = self.sides[slot]
        return side.failed != shot and (side.asked != shot or side.scale != scale)

    def _cost(self, slot: Slot, shot: Shot, scale: float = 1.0) -> float:
        """Milliseconds that a picture will take at a share of its size, going by those with that technique. The first:
        too many, on a processor.
        """
        side, pixels = self.sides[slot], shot.width * shot.height * scale**2
        if _kind(shot) not in side.costs:
            return 10 * SLOW * scale**2 if self.gpu.clock.software and shot.width * shot.height > 65536 else 0.0
        return side.costs[_kind(shot)].at(pixels)

    def _costs(self, shots: Shots, scale: float = 1.0) -> float:
        return sum(self._cost(slot, shot, scale) for slot, shot in shots.items())

    def _affordable(self, shots: Shots) -> float:
        """The largest share of the window's size that is fast enough to follow the hand."""
        now = min(self.sides[slot].scale for slot in shots)
        budget = BUDGET[self.gpu.clock.software]
        # growing needs room to spare, so that it does not flip to and fro
        return next((s for s in SCALES if self._costs(shots, s) <= budget * (0.8 if s > now else 1.0)), SCALES[-1])

    def draw(self, slot: Slot, shot: Shot, scale: float, again: bool = False) -> bool:
        """Draw one slot at a share of the size its shot says, unless it is there already; `again`: all the same."""
        side = self.sides[slot]
        stale = self._stale(slot, shot, scale)
        if not again and not stale:
            return False
        software, grows, remembers = self.gpu.clock.software, shot.technique.progressive, shot.remembers
        before = side.asked
        same = before and (_kind(before), before.width, before.height) == (_kind(shot), shot.width, shot.height)
        index = side.growth.frames if grows and not stale else 0
        if remembers and before and side.failed is None and side.scale == scale and shot.follows(before):
            index = side.index + 1
        if side.scale != scale or not same:
            side.times.clear()
            if software:  # a median over frames of another size would be wrong; timer queries are read late and go on
                side.clock = self._clock()
        if (not side.clock.times and scale == self.rest(slot, shot)) or (again and not grows):
            self.gpu.forget()  # for its time: what another side drew has none here
        width, height = (max(1, round(n * scale)) for n in (shot.width, shot.height))
        clock, self.gpu.clock = self.gpu.clock, side.clock
        start = time.perf_counter()
        try:
            side.clock.begin_frame()
            with self.gpu.scope(slot):
                picture = render_frame(
                    self.gpu, replace(shot, width=width, height=height, accumulated_frames=MOST if grows else 1), index
                )
                self.gpu.sweep()
            side.picture = picture._replace(shot=replace(picture.shot, accumulated_frames=index + 1 if grows else 1))
            if software:
                self.gpu.ctx.finish()
            took = 1e3 * (time.perf_counter() - start)
            if (warm := (_kind(shot), shot.scene)) not in self._warm:
                self._warm.add(warm)
                side.clock = self._clock()
            else:
                if software:
                    side.times.append(took + side.clock.spared)  # of a whole frame
                # what moves, moves on: the next one keeps what this one did, but the first of a size keeps nothing
                if scale in (side.scale, 1.0):
                    side.costs.setdefault(_kind(shot), Cost()).measured(
                        width * height, took if software else self.milliseconds(slot) or 0.0
                    )
            side.asked, side.scale, side.failed = shot, scale, None
            side.index, side.rested = index, 1 if stale else side.rested + 1
            if grows:
                side.growth = side.growth if index else Growth()
                side.growth.add(lambda: self._radiance(picture))
        except UserError as problem:
            self.error, side.failed, side.scale = str(problem), shot, 1.0  # the last picture is as good as it gets
        finally:
            self.gpu.clock = clock
        self.draws += 1
        return True

    def settle(self, slot: Slot, shot: Shot) -> None:
        """Draw one slot at the size that it rests at, so that its shot alone makes the same picture: where light is
        remembered, from the first frame, since what was there before is known to the window only.
        """
        scale = self.rest(slot, shot)
        if not shot.remembers:
            self.draw(slot, shot, scale)
            return
        self.sides[slot].asked = None
        for _ in range(shot.drawn):
            self.draw(slot, shot, scale, again=True)

    def _radiance(self, picture: FrameResult) -> Floats:
        """Of its surfaces, (n, 3)."""
        surface = self.gpu.read(picture.view.gbuffer.depth)[..., 0] < BACKGROUND
        return self.gpu.read(picture.radiance)[surface][:, :3]

    # ---- what it cost ----

    def milliseconds(self, slot: Slot) -> float | None:
        """Median time of a frame of that side; None until there is one."""
        side = self.sides[slot]
        if self.gpu.clock.software:
            return median(side.times) if side.times else None
        return sum(side.clock.times.values()) if side.clock.times else None

    def lighting(self, slot: Slot) -> float | None:
        """Median time of the passes that are the technique's own, without the G-buffer, the sun and what follows; None
        until there is one.
        """
        side = self.sides[slot]
        own = side.asked.technique.group if side.asked else ""
        found = [ms for name, ms in side.clock.times.items() if own and name.startswith(own)]
        return sum(found) if found else None

    @property
    def timer(self) -> str:
        """How times are taken, and by what."""
        renderer = self.gpu.ctx.info["GL_RENDERER"].split("(")[0].split("/")[0].strip()
        return f"{'wall clock' if self.gpu.clock.software else 'GPU timer'} on {renderer}"


def _kind(shot: Shot) -> str:
    """What shots have in common that cost about the same for each pixel."""
    return shot.technique.group + " at half resolution" * shot.lighting.half
