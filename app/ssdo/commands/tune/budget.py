"""What a technique may cost: points tried at each pixel, the same on every machine, or milliseconds on this one."""

from __future__ import annotations

import math
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ssdo.gpu.context import Clock, Gpu
from ssdo.render.pipeline import measure_passes
from ssdo.render.technique import HemisphereTechnique, SliceTechnique, Technique, TechniqueInputs
from ssdo.settings import UserError, param_of

MOST_POINTS = 256 * 64  # samples times steps
RUNS = 5  # of a measurement, of which the median counts


def count_of(technique: Technique) -> str:
    """The parameter that says how many directions are tried. Raises UserError."""
    if isinstance(technique, HemisphereTechnique):
        return "samples"
    if isinstance(technique, SliceTechnique):
        return "slices"
    able = [name for name, kind in Technique.known.items() if issubclass(kind, (HemisphereTechnique, SliceTechnique))]
    raise UserError(f"--techniques {technique.group}: has nothing to tune; there are {', '.join(able)}")


def each(technique: Technique) -> int:
    """Points tried for each of them."""
    if isinstance(technique, SliceTechnique):
        return 2 * technique.steps
    assert isinstance(technique, HemisphereTechnique)
    return technique.steps if technique.visibility == "ray-march" else 1


def points(technique: Technique) -> int:
    """Looked up in the depth buffer for each pixel."""
    return int(getattr(technique, count_of(technique))) * each(technique)


def counted(technique: Any, count: int) -> Technique:
    """With so many directions, or as many as there may be."""
    name = count_of(technique)
    p = param_of(type(technique).__dataclass_fields__[name])
    assert p.min is not None and p.max is not None
    changed: Technique = replace(technique, **{name: min(max(count, int(p.min)), int(p.max))})
    return changed


@dataclass(frozen=True)
class Budget:
    """At most so many points at each pixel, or so many milliseconds of the technique's own passes."""

    points: int = 0
    ms: float = 0.0

    @classmethod
    def read(cls, word: str) -> Budget:
        """`128`, or `5ms`. Raises UserError."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms)?", word.strip())
        if found and found[2] and float(found[1]) > 0:
            return cls(ms=float(found[1]))
        if found and not found[2] and found[1].isdecimal() and 2 <= int(found[1]) <= MOST_POINTS:
            return cls(points=int(found[1]))
        raise UserError(
            f"--budget {word[:100]}: must be points at each pixel, 2 to {MOST_POINTS}, as in 128, or milliseconds, as in 5ms"
        )

    def __str__(self) -> str:
        return f"{self.points} points at each pixel" if self.points else f"{self.ms:g} ms of the technique's own passes"

    def filled(self, technique: Technique) -> Technique:
        """The technique with as many directions as the points allow, and no more steps than they do; of milliseconds as
        it is.
        """
        if not self.points:
            return technique
        assert isinstance(technique, (HemisphereTechnique, SliceTechnique))
        most = self.points // (2 if isinstance(technique, SliceTechnique) else 1)
        technique = replace(technique, steps=min(technique.steps, most))
        return counted(technique, self.points // each(technique))

    def cost(self, gpu: Gpu, technique: Technique, views: Sequence[TechniqueInputs]) -> float:
        """What is measured against `ms`: the mean over views of the median of a few runs; on a software renderer
        processor time, which other programs do not lengthen.
        """
        before, gpu.clock = gpu.clock, Clock(gpu.ctx, seconds=time.process_time) if gpu.clock.software else gpu.clock
        try:
            sums = []
            for view in views:
                passes = measure_passes(gpu, lambda v=view: technique.resolve_lengths(v.scene.size).draw(gpu, v), RUNS)  # type: ignore[misc]
                sums.append(statistics.median(sum(frame) for frame in zip(*passes.values(), strict=True)))
        finally:
            gpu.clock = before
        return float(statistics.mean(sums))

    def allows(self, gpu: Gpu, technique: Technique, views: Sequence[TechniqueInputs]) -> bool:
        return not self.ms or self.cost(gpu, technique, views) <= self.ms

    def reached(self, gpu: Gpu, technique: Technique, views: Sequence[TechniqueInputs]) -> Technique:
        """The technique with as many directions as the budget allows, all else as it is: what tuning is held
        against.
        """
        if self.points:
            return self.filled(technique)
        count = int(getattr(technique, count_of(technique)))
        for _ in range(3):  # cost grows nearly in a line with it
            count = max(1, math.floor(count * self.ms / self.cost(gpu, counted(technique, count), views)))
        while count > 1 and not self.allows(gpu, counted(technique, count), views):
            count -= max(1, count // 16)
        return counted(technique, count)
