"""One point: its errors against the truth, and what it costs. The same numbers whoever draws it, but for the times."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ssdo.commands.sweep.plan import Truths
from ssdo.gpu.context import Clock, Gpu, headless
from ssdo.measure import images, metrics, reference_cache, references
from ssdo.measure.references import Truth
from ssdo.measure.timings import BLUR, CLOCKS, own, summed
from ssdo.render.pipeline import measure_passes, render_accumulated, render_frame
from ssdo.render.shot import Shot
from ssdo.settings import UserError

# irradiance as a white surface shows it
TERMS = {"final": ("radiance", 1.0), "direct": ("direct", 1 / math.pi), "indirect": ("indirect", 1 / math.pi)}
ERRORS = (*(f"{term} {metric}" for term in TERMS for metric in ("RMSE", "bias")), "noise of the truth")
TIMES = ("ms", "ms, 5 %", "ms, 95 %", "own ms", "blur ms")
Row = dict[str, Any]  # ERRORS, TIMES, clock, renderer


class Task(NamedTuple):
    """What is the same for all points of a sweep; everything a process elsewhere must know."""

    truths: Truths
    runs: int  # frames that are timed
    clock: str  # of CLOCKS
    cache: Path | None
    program: str  # the digest of what was asked to sweep: who draws must be the same


class Worker:
    """Draws truths and points, with a context of its own. Raises UserError where another version of the program is asked
    to.
    """

    def __init__(self, task: Task) -> None:
        if reference_cache.program() != task.program:
            raise UserError("a worker runs another version of this program; install the same on every machine")
        self.task = task
        self.gpu = Gpu(headless())
        self.gpu.clock = Clock(self.gpu.ctx, seconds=CLOCKS[task.clock][0])

    def truth(self, shot: Shot) -> Truth:
        """Of a shot that `Truths.of` made; kept on disk, and the last two at hand."""
        reference, frames = self.task.truths

        def make() -> Truth:
            shown = replace(shot, seed=(shot.seed - 1) % 65536)  # halves() had counted it up
            found = references.world(self.gpu, shown, reference, frames, reference_cache.Store(self.task.cache))
            return found._replace(blurred=found.pair)

        return self.gpu.cached("truth of a sweep", shot, make, keep=2)

    def point(self, shot: Shot, against: Truth | None = None) -> Row:
        """Errors and times of a shot. Raises UserError."""
        against = against or self.truth(self.task.truths.of(shot))
        arrays = images.arrays(self.gpu, render_accumulated(self.gpu, shot))
        surface = references.surface(arrays)
        row: Row = {}
        for term, (name, unit) in TERMS.items():
            pair = against.first[name], against.second[name]
            row[f"{term} RMSE"] = unit * metrics.noise_free_rmse(arrays[name], pair, surface)
            row[f"{term} bias"] = unit * metrics.bias(arrays[name], against.mean[name], surface)
        row["noise of the truth"] = against.noise(surface)
        passes = measure_passes(
            self.gpu, lambda: render_frame(self.gpu, replace(shot, accumulated_frames=1)), self.task.runs
        )
        both = summed(passes, lambda name: own(name) or name.startswith(BLUR))
        alone, blur = summed(passes, own), summed(passes, lambda name: name.startswith(BLUR))
        row |= dict(
            zip(TIMES, (both["median"], both["low"], both["high"], alone["median"], blur["median"]), strict=True)
        )
        clock = CLOCKS[self.task.clock][1] if self.gpu.clock.software else "timer queries"
        return row | {"clock": clock, "renderer": self.gpu.ctx.info["GL_RENDERER"]}
