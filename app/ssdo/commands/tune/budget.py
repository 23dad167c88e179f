"""The cost that tuning allows: depth-buffer fetches per pixel, or milliseconds on this machine."""

from __future__ import annotations

import math
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ssdo.gpu.context import Gpu
from ssdo.gpu.timer import PassTimer
from ssdo.render.pass_times import measure_passes
from ssdo.render.screen_space import HemisphereTechnique, SliceTechnique
from ssdo.render.technique import Technique, TechniqueInputs
from ssdo.settings import UserError

MIN_FETCHES, MAX_FETCHES = 2, 256 * 64  # samples times steps
TIMED_FRAMES = 5


def tunable_techniques() -> list[str]:
    return [name for name, technique in Technique.known.items() if technique.sample_param]


def require_tunable(technique: Technique) -> None:
    """Raises UserError for a technique without samples."""
    if not technique.sample_param:
        names = ", ".join(tunable_techniques())
        raise UserError(f"--techniques {technique.group}: has nothing to tune; there are {names}")


@dataclass(frozen=True)
class Budget:
    """An upper limit: depth-buffer fetches per pixel, or milliseconds of the technique's own passes."""

    fetches: int = 0
    ms: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Parse `128` or `5ms`. Raises UserError."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms)?", text.strip())
        if match and match[2] and float(match[1]) > 0:
            return cls(ms=float(match[1]))
        if match and not match[2] and match[1].isdecimal() and MIN_FETCHES <= int(match[1]) <= MAX_FETCHES:
            return cls(fetches=int(match[1]))
        raise UserError(
            f"--budget {text[:100]}: must be depth fetches per pixel, {MIN_FETCHES} to {MAX_FETCHES}, as in 128, "
            "or milliseconds, as in 5ms"
        )

    def __str__(self) -> str:
        return (
            f"{self.fetches} depth fetches per pixel"
            if self.fetches
            else f"{self.ms:g} ms of the technique's own passes"
        )

    def fit_fetches(self, technique: Technique) -> Technique:
        """The technique with as many samples as the fetches allow, and at most as many steps. Unchanged with `ms`."""
        if not self.fetches:
            return technique
        if isinstance(technique, (HemisphereTechnique, SliceTechnique)):
            fetches_per_step = 2 if isinstance(technique, SliceTechnique) else 1
            technique = replace(technique, steps=min(technique.steps, self.fetches // fetches_per_step))
        return technique.with_samples(self.fetches // technique.fetches_per_sample)

    def measure_cost(self, gpu: Gpu, technique: Technique, inputs: Sequence[TechniqueInputs]) -> float:
        """Milliseconds of the technique's own passes: the mean over views of the median of a few frames.

        On a software renderer this is processor time, which other programs do not lengthen.
        """
        timer = gpu.timer
        if gpu.is_software_renderer:
            gpu.timer = PassTimer(gpu.ctx, clock=time.process_time)
        try:
            medians = [_measure_view(gpu, technique, view) for view in inputs]
        finally:
            gpu.timer = timer
        return float(statistics.mean(medians))

    def allows(self, gpu: Gpu, technique: Technique, inputs: Sequence[TechniqueInputs]) -> bool:
        """Whether the measured cost is within `ms`; always with `fetches`."""
        return not self.ms or self.measure_cost(gpu, technique, inputs) <= self.ms

    def fit(self, gpu: Gpu, technique: Technique, inputs: Sequence[TechniqueInputs]) -> Technique:
        """The technique with as many samples as the budget allows: the baseline that tuning must beat."""
        if self.fetches:
            return self.fit_fetches(technique)
        count = technique.sample_count
        for _ in range(3):  # the cost is nearly proportional to the samples
            count = max(1, math.floor(count * self.ms / self.measure_cost(gpu, technique.with_samples(count), inputs)))
        while count > 1 and not self.allows(gpu, technique.with_samples(count), inputs):
            count -= max(1, count // 16)
        return technique.with_samples(count)


def _measure_view(gpu: Gpu, technique: Technique, inputs: TechniqueInputs) -> float:
    """Median milliseconds of drawing a technique."""
    technique = technique.resolve_lengths(inputs.scene.length_scale)
    passes = measure_passes(gpu, lambda: technique.draw(gpu, inputs), TIMED_FRAMES)
    return float(statistics.median(sum(frame) for frame in zip(*passes.values(), strict=True)))
