"""Decides what is rendered next for each slot: a preview during interaction, then the full resolution, then further
frames: jittered ones for antialiasing, and those of images that converge. Shots come from the session.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu
from ssdo.gpu.timer import PassTimer
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.pipeline import FrameResult, draw_display, render_frame
from ssdo.render.shot import Shot
from ssdo.settings import UserError
from ssdo.viewer.antialiased_image import MAX_FRAMES, AntialiasedImage
from ssdo.viewer.convergence import Convergence
from ssdo.viewer.cost import FrameCost
from ssdo.viewer.slot_times import SlotTimes

Slot = Literal["A", "B", "reference"]  # left, right, and what both are compared with
PAIR: tuple[Slot, Slot] = ("A", "B")
SLOTS: tuple[Slot, ...] = (*PAIR, "reference")
Shots = Mapping[Slot, Shot]  # what is rendered, at the window's size

PREVIEW_SCALES = (1.0, 0.75, 0.625, 0.5, 0.375, 0.3125, 0.25, 0.1875, 0.125)  # of the window's width and height
PREVIEW_MS = {True: 70.0, False: 20.0}  # time of a preview, by whether the renderer is software
IDLE_DELAY = 0.25  # seconds without a change before the full resolution is rendered
SLOW_FRAME_MS = 400.0  # the delay is doubled for slower frames
SLOW_ANTIALIAS_DELAY = 1.5  # seconds without a change before slower frames are antialiased: each blocks the window
# longest frame that only improves an image, so that the window keeps responding
CONVERGING_FRAME_MS: Mapping[Slot, float] = {"A": 600.0, "B": 600.0, "reference": 250.0}
UNINTERRUPTED_MS = 60.0  # quicker frames are drawn to their end
ONCE_INTERRUPTED_MS = 600.0  # quicker frames are left unfinished only once: an image converges while keys are pressed
TIMING_SCOPE = "timing"  # of the targets of frames that are drawn for their time alone
UNKNOWN_COST_PIXELS = 65536  # larger first frames are assumed to be slow on a software renderer


class FrameInterruptedError(Exception):
    """A frame was left unfinished, as the user did something."""


@dataclass
class SlotRender:
    """The last result of a slot, and its cost."""

    scope: str  # of its render targets: the slot's name, or the other's after a swap
    times: SlotTimes
    requested: Shot | None = None  # what the result was rendered for, at full size
    result: FrameResult | None = None
    scale: float = 1.0
    convergence: Convergence = field(default_factory=Convergence)  # of a progressive technique
    frame_index: int = 0  # of the result, if it uses the history
    stable_frames: int = 0  # frames since the last change, if the result uses the history
    failed_shot: Shot | None = None  # not tried again
    antialiased: AntialiasedImage | None = None  # of the same shot; None before its first jittered frame
    costs: dict[str, FrameCost] = field(default_factory=dict)  # by technique and lighting resolution

    @property
    def image(self) -> FrameResult | None:
        """What the final image shows: the mean of jittered frames, as far as it is drawn, or the result.

        Its buffers are those of the result, at the centres of the pixels.
        """
        return (self.antialiased and self.antialiased.result) or self.result

    @property
    def image_convergence(self) -> Convergence:
        """Of the image of a progressive technique."""
        has_image = self.antialiased is not None and self.antialiased.result is not None
        return self.antialiased.convergence if self.antialiased and has_image else self.convergence


class RenderScheduler:
    """Renders the slots. `error` is the last error, in one line."""

    def __init__(self, gpu: Gpu, now: Callable[[], float]) -> None:
        self.gpu = gpu
        self.now = now
        times: dict[Slot, SlotTimes] = {slot: SlotTimes(self._start_timer()) for slot in SLOTS}
        self.renders: dict[Slot, SlotRender] = {slot: SlotRender(slot, times[slot]) for slot in SLOTS}
        for slot, partner in (PAIR, PAIR[::-1]):
            times[slot].partner = times[partner]
        self.draw_count = 0
        self.error = ""
        # If set, it is called while `step` draws slow frames. Returns whether the user waits for an answer.
        self.has_input: Callable[[], bool] | None = None
        self.draws_whole_images = False  # for a file: no previews, however slow the frames are
        self._is_stepping = False
        self._interrupted: tuple[Slot, Shot] | None = None  # the last frame that was left unfinished
        self._has_timing_targets = False
        self._shots: Shots = {}
        self._last_change = -math.inf
        # cost key and scene of frames that are rendered before: the first one compiles and uploads
        self._warm: set[tuple[str, str]] = set()

    def _start_timer(self) -> PassTimer:
        timer = PassTimer(self.gpu.ctx)
        timer.enabled = True
        return timer

    def invalidate(self) -> None:
        """Render everything again: the shaders have changed."""
        self._warm.clear()
        for render in self.renders.values():
            render.requested = render.failed_shot = None
            render.times.invalidate()

    # ---- what to render next ----

    def step(
        self, shots: Shots, idle_shots: Shots, is_interacting: bool = False, shows_final_images: bool = True
    ) -> bool:
        """Render what has changed since the last step. Returns whether anything was rendered.

        `idle_shots`: rendered while there is nothing else to do. `is_interacting`: more changes are about to come.
        `shows_final_images`: which are antialiased, unlike buffers, differences and errors.
        """
        self._is_stepping = True
        try:
            return self._step(shots, idle_shots, is_interacting, shows_final_images)
        finally:
            self._is_stepping = False

    def _step(self, shots: Shots, idle_shots: Shots, is_interacting: bool, shows_final_images: bool) -> bool:
        if shots != self._shots and self._reuse_results(shots, idle_shots):
            self._shots = dict(shots)
            return True
        improves = False  # renders more frames of unchanged shots
        if shots != self._shots:
            scale = self._begin_change(shots, is_interacting)
        elif any(self.renders[slot].scale < self.idle_scale(slot, shot) for slot, shot in shots.items()):
            delay = IDLE_DELAY if self._predict_total_ms(shots) < SLOW_FRAME_MS else 2 * IDLE_DELAY
            if self.now() - self._last_change < delay:
                return False
            scale = 1.0
        elif any(self._is_outdated(slot, shot, self.idle_scale(slot, shot)) for slot, shot in shots.items()):
            scale = 1.0
        elif is_interacting:
            return False
        elif self._draw_timing_frames(shots) or (shows_final_images and self._antialias(shots)):
            return True
        elif any(self.can_improve(slot, shot) for slot, shot in shots.items()):
            scale, improves = 1.0, True
        else:
            shots, scale, improves = idle_shots, 1.0, True
        has_drawn = False
        for slot, shot in shots.items():
            force = improves and self.can_improve(slot, shot)
            has_drawn |= self.draw(slot, shot, min(scale, self.idle_scale(slot, shot)), force)
        if not improves:
            self._last_change = self.now()  # the idle delay starts after rendering, which may take longer than it
        return has_drawn

    def _reuse_results(self, shots: Shots, idle_shots: Shots) -> bool:
        """Swap the results of A and B if their shots are swapped; tone-map images if only the display has changed.

        Returns whether `shots` need no rendering.
        """
        a, b = (self.renders[slot] for slot in PAIR)
        swapped: dict[Slot, Shot | None] = {"A": b.requested, "B": a.requested}
        if a.requested != b.requested and all(shots[slot] == swapped[slot] for slot in PAIR if slot in shots):
            self.renders["A"], self.renders["B"] = b, a
        for slot, shot in (*shots.items(), *idle_shots.items()):
            if _differs_in_display_only(self.renders[slot], shot):
                self._draw_display(self.renders[slot], shot)
        return all(self.renders[slot].requested == shot for slot, shot in shots.items())

    def _draw_display(self, render: SlotRender, shot: Shot) -> None:
        """Tone-map the images of a slot again."""
        assert render.result is not None
        render.requested = shot
        with self.gpu.scope(render.scope):
            render.result = draw_display(self.gpu, render.result, shot.display)
        if render.antialiased is not None:
            render.antialiased.change_display(shot.display)

    def _begin_change(self, shots: Shots, is_interacting: bool) -> float:
        """Store changed shots and return the scale to render them at."""
        is_slow = self._predict_total_ms(shots) > SLOW_FRAME_MS
        is_moving = is_interacting or is_slow or self.now() - self._last_change < IDLE_DELAY
        self._shots, self._last_change = dict(shots), self.now()
        return self._affordable_scale(shots) if is_moving and not self.draws_whole_images else 1.0

    def can_improve(self, slot: Slot, shot: Shot) -> bool:
        """Whether another frame reduces the noise of the image."""
        render = self.renders[slot]
        if shot.uses_history:
            return render.failed_shot is None and render.stable_frames < shot.temporal.history_length
        has_frames_left = render.convergence.frame_count < MAX_FRAMES
        return shot.technique.progressive and render.failed_shot is None and has_frames_left

    def _antialias(self, shots: Shots) -> bool:
        """Draw a jittered frame of each image that is at rest and not yet complete. Returns whether any was drawn.

        Slow frames are drawn one at a time, so that the window keeps responding.
        """
        is_slow = self._predict_total_ms(shots) > SLOW_FRAME_MS
        delay = 0.0 if self.draws_whole_images else SLOW_ANTIALIAS_DELAY if is_slow else IDLE_DELAY
        has_rested = self.now() - self._last_change >= delay
        slots = [
            slot
            for slot, shot in shots.items()
            if self.can_antialias(slot, shot) and (shot.technique.progressive or has_rested)
        ]
        slots.sort(key=self._count_jittered)
        has_drawn = False
        for slot in slots[:1] if is_slow else slots:
            has_drawn |= self.draw_jittered(slot, shots[slot])
        return has_drawn

    def _count_jittered(self, slot: Slot) -> int:
        image = self.renders[slot].antialiased
        return image.frame_count if image else 0

    def can_antialias(self, slot: Slot, shot: Shot) -> bool:
        """Whether another jittered frame improves the final image. A history is filled first."""
        render = self.renders[slot]
        if shot.antialias == 1 or render.failed_shot is not None or render.requested != shot:
            return False
        if shot.uses_history and self.can_improve(slot, shot):
            return False
        return render.antialiased is None or not render.antialiased.is_complete

    def idle_scale(self, slot: Slot, shot: Shot) -> float:
        """Scale of an idle image: 1, or less if its frames would block the window while it converges.

        A cost near the limit keeps the current scale, so that it does not alternate.
        """
        render = self.renders[slot]
        if not shot.technique.progressive or self.draws_whole_images:
            return 1.0
        if render.requested == shot and render.convergence.frame_count > 2:
            return render.scale
        limit_ms = CONVERGING_FRAME_MS[slot]
        if 0.5 * limit_ms < self._predict_ms(slot, shot, render.scale) < 1.5 * limit_ms:
            return render.scale
        affordable = (s for s in PREVIEW_SCALES if self._predict_ms(slot, shot, s) <= limit_ms)
        return next(affordable, PREVIEW_SCALES[-1])

    def _is_outdated(self, slot: Slot, shot: Shot, scale: float) -> bool:
        render = self.renders[slot]
        return render.failed_shot != shot and (render.requested != shot or render.scale != scale)

    def _predict_ms(self, slot: Slot, shot: Shot, scale: float = 1.0) -> float:
        """Predicted frame time. An unknown technique is assumed to be slow on a software renderer."""
        render, pixels = self.renders[slot], shot.width * shot.height
        cost = render.costs.get(_cost_key(shot))
        if cost is None:
            is_large = pixels > UNKNOWN_COST_PIXELS
            return 10 * SLOW_FRAME_MS * scale**2 if self.gpu.is_software_renderer and is_large else 0.0
        return cost.predict(pixels * scale**2)

    def _predict_total_ms(self, shots: Shots, scale: float = 1.0) -> float:
        return sum(self._predict_ms(slot, shot, scale) for slot, shot in shots.items())

    def _affordable_scale(self, shots: Shots) -> float:
        """The largest scale that is fast enough for interaction."""
        current = min(self.renders[slot].scale for slot in shots)
        limit_ms = PREVIEW_MS[self.gpu.is_software_renderer]
        for scale in PREVIEW_SCALES:
            margin = 0.8 if scale > current else 1.0  # so that the scale does not alternate
            if self._predict_total_ms(shots, scale) <= limit_ms * margin:
                return scale
        return PREVIEW_SCALES[-1]

    # ---- rendering ----

    def draw(self, slot: Slot, shot: Shot, scale: float, force: bool = False) -> bool:
        """Render a slot at a scale, if it is outdated or if `force` is set. Returns whether it was rendered."""
        render = self.renders[slot]
        is_outdated = self._is_outdated(slot, shot, scale)
        if not force and not is_outdated:
            return False
        index = self._next_frame_index(render, shot, scale, is_outdated)
        start = time.perf_counter()
        try:
            redrawn_passes = self._redrawn_passes(slot, shot, scale, force)
            with self.gpu.in_bands(self._interruption(slot, shot, scale)), self._measure_passes(render, redrawn_passes):
                self._render_frame(slot, shot, scale, index)
            self._record_cost(slot, shot, scale, 1e3 * (time.perf_counter() - start))
            render.requested, render.scale, render.failed_shot = shot, scale, None
            render.frame_index = index
            render.stable_frames = 1 if is_outdated else render.stable_frames + 1
            if is_outdated:
                self._drop_antialiased(render)
            if shot.technique.progressive:
                self._count_frame(render, index)
        except UserError as error:
            # the last result stays, and counts as full size, since it will not improve
            self.error, render.failed_shot, render.scale = str(error), shot, 1.0
        except FrameInterruptedError:
            self._last_change, self._interrupted = self.now(), (slot, shot)  # the last result stays
            if shot.uses_history:
                render.requested = None  # its history is of two frames
            return False
        self.draw_count += 1
        return True

    def _interruption(self, slot: Slot, shot: Shot, scale: float) -> Callable[[], None] | None:
        """What a slow frame calls while it is drawn. None: it is quick, or drawn for a file, and must be complete."""
        limit_ms = ONCE_INTERRUPTED_MS if self._interrupted == (slot, shot) else UNINTERRUPTED_MS
        if not self._is_stepping or self._predict_ms(slot, shot, scale) < limit_ms:
            return None
        return self.interrupt_for_input

    def interrupt_for_input(self) -> None:
        """Raises FrameInterruptedError if the user waits for an answer."""
        if self.has_input is not None and self.has_input():
            raise FrameInterruptedError

    def draw_jittered(self, slot: Slot, shot: Shot) -> bool:
        """Draw the next jittered frame of a slot that is up to date. Returns whether it was drawn."""
        render, result = self.renders[slot], self.renders[slot].result
        assert result is not None
        if render.antialiased is None:
            width, height = result.display.size
            jittered = replace(shot, width=width, height=height, accumulated_frames=1)
            render.antialiased = AntialiasedImage(self.gpu, f"{render.scope} antialiased", jittered)
        image = render.antialiased
        try:
            with self.gpu.in_bands(self._interruption(slot, shot, render.scale)):
                image.draw_frame(result)
        except FrameInterruptedError:
            self._last_change, self._interrupted = self.now(), (slot, shot)
            return False
        except UserError as error:
            self.error, render.failed_shot = str(error), shot
            return False
        if self.gpu.is_software_renderer:
            self.gpu.ctx.finish()
        if shot.technique.progressive and image.result is not None:
            mean = image.result
            image.convergence.add_frame(lambda: _read_surface_radiance(self.gpu, mean))
        self.draw_count += 1
        return True

    def _drop_antialiased(self, render: SlotRender) -> None:
        if render.antialiased is not None:
            render.antialiased.free_targets()
        render.antialiased = None

    def _next_frame_index(self, render: SlotRender, shot: Shot, scale: float, is_outdated: bool) -> int:
        """Index of the frame: 0 restarts accumulation and history."""
        previous = render.requested
        has_history = shot.uses_history and render.failed_shot is None and render.scale == scale
        if has_history and previous and shot.can_follow(previous):
            return render.frame_index + 1
        return render.convergence.frame_count if shot.technique.progressive and not is_outdated else 0

    def _render_frame(self, slot: Slot, shot: Shot, scale: float, index: int) -> None:
        render, is_progressive = self.renders[slot], shot.technique.progressive
        scaled = replace(
            shot,
            width=max(1, round(shot.width * scale)),
            height=max(1, round(shot.height * scale)),
            accumulated_frames=MAX_FRAMES if is_progressive else 1,
            antialias=1,
        )
        render.times.begin_frame(shot, scale)
        with self.gpu.scope(render.scope):
            result = render_frame(self.gpu, scaled, index)
            self.gpu.free_unused()
        accumulated_frames = index + 1 if is_progressive else 1
        render.result = result._replace(shot=replace(result.shot, accumulated_frames=accumulated_frames))
        if self.gpu.is_software_renderer:
            self.gpu.ctx.finish()

    def _record_cost(self, slot: Slot, shot: Shot, scale: float, milliseconds: float) -> None:
        """Record the time of a frame, but for the first one of its kind, which compiles and uploads."""
        render, key = self.renders[slot], _cost_key(shot)
        if (key, shot.scene) not in self._warm:
            self._warm.add((key, shot.scene))
            render.times.discard_frame()
            return
        # The first frame of a preview size has no cached passes, unlike those that follow, and is not counted.
        if scale in (render.scale, 1.0):
            pixels = max(1, round(shot.width * scale)) * max(1, round(shot.height * scale))
            frame_ms = milliseconds if self.gpu.is_software_renderer else render.times.total_ms
            render.costs.setdefault(key, FrameCost()).record(pixels, frame_ms)

    def _count_frame(self, render: SlotRender, index: int) -> None:
        if index == 0:
            render.convergence = Convergence()
        result = render.result
        assert result is not None
        render.convergence.add_frame(lambda: _read_surface_radiance(self.gpu, result))

    def render_idle(self, slot: Slot, shot: Shot) -> None:
        """Render a slot at its idle scale, and all jittered frames, so that its shot alone reproduces the image.

        With a history it restarts at the first frame, since the shot does not store earlier ones.
        """
        scale = self.idle_scale(slot, shot)
        if not shot.uses_history:
            self.draw(slot, shot, scale)
        else:
            self.renders[slot].requested = None
            for _ in range(replace(shot, antialias=1).frame_count):
                self.draw(slot, shot, scale, force=True)
        while self.can_antialias(slot, shot):
            image = self.renders[slot].antialiased
            if image and image.frame_count >= image.needed_frames:
                break
            self.draw_jittered(slot, shot)

    # ---- times ----

    def _draw_timing_frames(self, shots: Shots) -> bool:
        """Draw each image that is at rest once more, if its time is not known. Returns whether any was drawn.

        Slow frames are drawn one at a time, so that the window keeps responding.
        """
        slots = [slot for slot, shot in shots.items() if self._needs_timing(slot, shot)]
        if not slots:
            self._free_timing_targets()
            return False
        is_slow = self._predict_total_ms(shots) > SLOW_FRAME_MS
        slots.sort(key=lambda slot: self.renders[slot].times.lighting.frame_count)
        drawn = [self._draw_timing_frame(slot, shots[slot]) for slot in (slots[:1] if is_slow else slots)]
        return any(drawn)

    def _needs_timing(self, slot: Slot, shot: Shot) -> bool:
        render = self.renders[slot]
        is_current = render.failed_shot is None and render.requested == shot
        return is_current and render.scale == self.idle_scale(slot, shot) and render.times.needs_frame

    def _draw_timing_frame(self, slot: Slot, shot: Shot) -> bool:
        """Returns whether the frame was drawn to its end."""
        render = self.renders[slot]
        if shot.technique.progressive or shot.uses_history:
            has_drawn = self.draw(slot, shot, render.scale, force=True)
        else:
            has_drawn = self._draw_separate_frame(slot, shot)
        if has_drawn:
            render.times.count_timing_frame()
        return has_drawn

    def _draw_separate_frame(self, slot: Slot, shot: Shot) -> bool:
        """Draw into targets of its own: the result stays, also if this frame is left unfinished."""
        render = self.renders[slot]
        assert render.result is not None
        width, height = render.result.display.size
        frame = replace(shot, width=width, height=height, accumulated_frames=1, antialias=1)
        self._has_timing_targets = True
        try:
            with (
                self.gpu.in_bands(self._interruption(slot, shot, render.scale)),
                self._measure_passes(render, self._redrawn_passes(slot, shot, render.scale, force=True)),
                self.gpu.scope(TIMING_SCOPE),
            ):
                render.times.timer.begin_frame()
                render_frame(self.gpu, frame)
        except FrameInterruptedError:
            self._last_change, self._interrupted = self.now(), (slot, shot)
            return False
        except UserError:  # out of memory: the image stays, without a time
            render.times.give_up()
            return False
        self.draw_count += 1
        return True

    def _redrawn_passes(self, slot: Slot, shot: Shot, scale: float, force: bool) -> Callable[[str], bool] | None:
        """Which passes of a frame are drawn for their times, although their results are cached."""
        times = self.renders[slot].times
        if force:
            return times.choose_redrawn_passes() if times.needs_frame else None
        # Passes that cost little beside the frame. Without their times another frame would be drawn for them.
        is_idle = self.gpu.is_software_renderer and scale == self.idle_scale(slot, shot)
        return times.redraws_lighting if is_idle else None

    @contextlib.contextmanager
    def _measure_passes(self, render: SlotRender, redraws_pass: Callable[[str], bool] | None) -> Iterator[None]:
        """Measure the passes of a frame that is drawn inside."""
        times, gpu_timer, program_count = render.times, self.gpu.timer, len(self.gpu.shaders.programs)
        self.gpu.timer = times.timer
        try:
            with self.gpu.redrawing(redraws_pass):
                yield
        except BaseException:
            times.timer.abort_frame()
            raise
        finally:
            self.gpu.timer = gpu_timer
            if len(self.gpu.shaders.programs) != program_count:
                times.discard_frame()

    def _free_timing_targets(self) -> None:
        if not self._has_timing_targets:
            return
        self._has_timing_targets = False
        self.gpu.free_scope(TIMING_SCOPE)

    def lighting_ms(self, slot: Slot) -> float | None:
        """Median time of the technique's passes in an image at rest; None before it is measured."""
        times = self._idle_times(slot)
        return times.lighting_ms if times else None

    def fixed_ms(self, slot: Slot) -> float:
        """The part of `lighting_ms` that does not depend on the sample count."""
        times = self._idle_times(slot)
        return times.fixed_ms if times else 0.0

    def shared_ms(self, slot: Slot) -> float | None:
        """Median time of the passes that are the same for all techniques; None before it is measured."""
        times = self._idle_times(slot)
        return times.shared_ms if times else None

    @property
    def shares_passes(self) -> bool:
        """Whether A and B draw the same surfaces in the same light: then those passes count once."""
        a, b = (self.renders[slot].times for slot in PAIR)
        return a.shares_passes(b)

    def _idle_times(self, slot: Slot) -> SlotTimes | None:
        """The times of a slot, unless its image is a preview or of an earlier shot."""
        render = self.renders[slot]
        requested = render.requested
        if requested is None or self._shots.get(slot, requested) != requested:
            return None
        return render.times if render.scale == self.idle_scale(slot, requested) else None

    @property
    def timer_text(self) -> str:
        """How times are measured, and on what."""
        renderer = self.gpu.ctx.info["GL_RENDERER"].split("(")[0].split("/")[0].strip()
        return f"{'wall clock' if self.gpu.is_software_renderer else 'GPU timer'} on {renderer}"


def _read_surface_radiance(gpu: Gpu, result: FrameResult) -> Floats:
    """Radiance of the surfaces, (n, 3)."""
    is_surface = gpu.read(result.inputs.gbuffer.depth)[..., 0] < BACKGROUND_DEPTH
    return gpu.read(result.radiance)[is_surface][:, :3]


def _differs_in_display_only(render: SlotRender, shot: Shot) -> bool:
    """Whether a slot's result is that of a shot, but for its tone mapping."""
    if render.requested is None or render.failed_shot is not None or render.requested == shot:
        return False
    return replace(render.requested, display=shot.display) == shot


def _cost_key(shot: Shot) -> str:
    """Shots with the same key cost about the same per pixel."""
    return shot.technique.group + " at half resolution" * shot.lighting.is_half
