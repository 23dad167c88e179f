"""Times of the passes that draw a slot: those of its technique, and those that are the same for all techniques."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from ssdo.gpu.timer import QUERIES_IN_FLIGHT, QUERY_LATENCY, PassTimer
from ssdo.render.denoise import Denoiser
from ssdo.render.display import Display
from ssdo.render.half_resolution import LightingResolution
from ssdo.render.shot import Shot
from ssdo.render.techniques.off import Off
from ssdo.render.temporal import Temporal

# Frames that a median is taken over, by the time of a frame in milliseconds: slow ones block the window.
MIN_FRAME_COUNTS = ((100.0, 5), (1000.0, 3))
MIN_SLOW_FRAME_COUNT = 2
MAX_TIMING_FRAMES = 5 + QUERY_LATENCY + QUERIES_IN_FLIGHT  # drawn for the time of one shot; queries answer late
# Passes that are drawn when the scene or its light changes, not in each frame.
UNTIMED_PASSES = ("probe_trace",)


@dataclass(frozen=True)
class TimedFrame:
    """Frames for which this is equal have passes of the same cost."""

    shot: Shot  # but for what no pass depends on
    scale: float  # of width and height

    @classmethod
    def of(cls, shot: Shot, scale: float) -> TimedFrame:
        return cls(replace(shot, display=Display(), antialias=1), scale)

    @property
    def without_lighting(self) -> TimedFrame:
        """What the passes depend on that are the same for all techniques."""
        shot = replace(
            self.shot, technique=Off(), lighting=LightingResolution(), denoise=Denoiser(), temporal=Temporal()
        )
        return replace(self, shot=shot)


@dataclass(frozen=True)
class PassTimes:
    """Milliseconds of some passes in each of some frames, in drawing order. A pass may not be measured yet."""

    samples: Mapping[str, Sequence[float]]

    @property
    def medians(self) -> dict[str, float | None]:
        """Median milliseconds by pass."""
        return {name: median(times) if times else None for name, times in self.samples.items()}

    @property
    def total_ms(self) -> float:
        """Sum of the medians that are known, of passes that each frame draws."""
        return sum(ms for name, ms in self.medians.items() if ms is not None and not name.startswith(UNTIMED_PASSES))

    @property
    def frame_count(self) -> int:
        """Frames in which each of the passes was measured."""
        counts = [len(times) for name, times in self.samples.items() if not name.startswith(UNTIMED_PASSES)]
        return min(counts, default=0)


class SlotTimes:
    """Times of one slot's passes: of frames that draw one shot at one size, without those that compile shaders."""

    def __init__(self, timer: PassTimer) -> None:
        self.timer = timer
        self.partner: SlotTimes | None = None  # of the other slot, which may draw the same G-buffer and shadows
        self.frame: TimedFrame | None = None  # what the times are of
        self._timing_frame_count = 0  # frames drawn for the time alone

    # ---- frames ----

    def begin_frame(self, shot: Shot, scale: float) -> None:
        """Drop times that are not those of this frame, and begin it."""
        previous, self.frame = self.frame, TimedFrame.of(shot, scale)
        if self.frame != previous:
            self._timing_frame_count = 0
            is_same_surface = previous is not None and previous.without_lighting == self.frame.without_lighting
            self.timer.restart(self.timer.known_passes - (self.timer.shared_passes if is_same_surface else set()))
        self.timer.begin_frame()

    def count_timing_frame(self) -> None:
        """Note that a frame was drawn for its time alone."""
        self._timing_frame_count += 1

    def give_up(self) -> None:
        """Draw no more frames for the time of this shot."""
        self._timing_frame_count = MAX_TIMING_FRAMES

    def discard_frame(self) -> None:
        """Drop the times of a frame that has compiled shaders, or uploaded a scene."""
        self.timer.restart(self.timer.drawn_passes)

    def invalidate(self) -> None:
        """Drop all times when the next frame begins."""
        self.frame = None

    # ---- times ----

    @property
    def lighting(self) -> PassTimes:
        """The technique's passes, with those that filter its lighting."""
        timer = self.timer
        samples = timer.samples
        return PassTimes({name: samples.get(name, []) for name in timer.last_frame if name not in timer.shared_passes})

    @property
    def shared(self) -> PassTimes:
        """The passes that are the same for all techniques, from whichever slot has drawn them.

        Variants, such as the composite of different outputs of techniques, count as one pass.
        """
        slots = [self, self.partner] if self.partner and self.shares_passes(self.partner) else [self]
        samples: dict[str, list[float]] = defaultdict(list)  # by name without the variant
        for slot in slots:
            for name, times in slot.timer.samples.items():
                samples[name.partition(":")[0]] += times if name in slot.timer.shared_passes else []
        names = [name for name in self.timer.last_frame if name in self.timer.shared_passes]
        return PassTimes({name: samples[name.partition(":")[0]] for name in names})

    def shares_passes(self, other: SlotTimes) -> bool:
        """Whether both slots draw the same surfaces in the same light: then those passes count once."""
        if self.frame is None or other.frame is None:
            return False
        return self.frame.without_lighting == other.frame.without_lighting

    @property
    def total_ms(self) -> float:
        """Time of a frame that draws all passes, as far as they are measured."""
        return self.lighting.total_ms + self.shared.total_ms

    @property
    def min_frame_count(self) -> int:
        """Frames that a median is taken over."""
        frame_ms = self.total_ms
        return next((count for limit_ms, count in MIN_FRAME_COUNTS if frame_ms < limit_ms), MIN_SLOW_FRAME_COUNT)

    @property
    def lighting_ms(self) -> float | None:
        """Time of the technique's passes; None before there are enough frames."""
        return self._total_ms(self.lighting)

    @property
    def fixed_ms(self) -> float:
        """The part of `lighting_ms` that does not depend on the sample count: passes not of the technique itself."""
        assert self.frame is not None
        group = self.frame.shot.technique.group
        samples = self.lighting.samples
        return PassTimes({name: s for name, s in samples.items() if name.partition(":")[0] != group}).total_ms

    @property
    def shared_ms(self) -> float | None:
        """Time of the passes that are the same for all techniques; None before there are enough frames."""
        return self._total_ms(self.shared)

    def _total_ms(self, times: PassTimes) -> float | None:
        return times.total_ms if times.frame_count >= self.min_frame_count else None

    @property
    def needs_frame(self) -> bool:
        """Whether another frame is drawn for the time alone."""
        is_measured = None not in (self.lighting_ms, self.shared_ms)
        return not is_measured and self._timing_frame_count < MAX_TIMING_FRAMES

    def choose_redrawn_passes(self) -> Callable[[str], bool]:
        """Decide which passes the next frame draws although their results are cached: those without enough times."""
        misses_shared, misses_lighting = self.shared_ms is None, self.lighting_ms is None

        def redraws_pass(name: str) -> bool:
            is_missing = misses_shared if self.timer.is_shared else misses_lighting
            return is_missing and not name.startswith(UNTIMED_PASSES)

        return redraws_pass

    def redraws_lighting(self, name: str) -> bool:
        """Whether a pass is one of the technique's, which the other slot may have drawn already."""
        return not self.timer.is_shared and not name.startswith(UNTIMED_PASSES)
