"""Measure a point of a sweep: its errors against the reference, and its cost.

Errors do not depend on the process that measures; times do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ssdo.commands.sweep.plan import ReferencePlan
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.gpu.timer import PassTimer
from ssdo.measure import images, metrics, reference_cache, references
from ssdo.measure.references import ReferencePair
from ssdo.measure.timings import CLOCKS, DENOISE_PASSES, is_technique_pass, sum_passes
from ssdo.render import pipeline
from ssdo.render.pass_times import measure_passes
from ssdo.render.pipeline import render_all_frames, render_frame
from ssdo.render.shot import Shot
from ssdo.scene.files.file_cache import hold_files
from ssdo.settings import UserError

# of the lighting: the array of images.read_arrays, and its scale. Irradiance becomes the radiance of a white surface.
COMPONENTS = {"final": ("radiance", 1.0), "direct": ("direct", 1 / math.pi), "indirect": ("indirect", 1 / math.pi)}
ERROR_COLUMNS = (
    *(f"{component} {metric}" for component in COMPONENTS for metric in ("RMSE", "bias")),
    "reference noise",
)
TIME_COLUMNS = ("ms", "ms p5", "ms p95", "technique ms", "denoise ms")
Measurement = dict[str, Any]  # by ERROR_COLUMNS, TIME_COLUMNS, "clock" and "renderer"


class SweepTask(NamedTuple):
    """What all points of a sweep share: everything that a worker process must know."""

    reference_plan: ReferencePlan
    runs: int  # timed frames of each point
    clock: str  # a key of CLOCKS
    cache: Path | None
    source_digest: str  # workers must run the same version of the program
    file_digests: tuple[tuple[str, str], ...] = ()  # see `plan.compute_file_digests`: workers must read the same files


class Worker:
    """Renders references and measures points with an OpenGL context of its own.

    Raises UserError when the task comes from another version of the program.
    """

    def __init__(self, task: SweepTask) -> None:
        if reference_cache.source_digest() != task.source_digest:
            raise UserError("a worker runs another version of this program; install the same on every machine")
        self.task = task
        self.gpu = Gpu(create_headless_context())
        self.gpu.timer = PassTimer(self.gpu.ctx, clock=CLOCKS[task.clock][0])

    def load_reference(self, reference_shot: Shot) -> ReferencePair:
        """The reference of a shot from `ReferencePlan.build_shot`; cached on disk, and the last two in memory.

        Raises UserError.
        """
        reference, frames = self.task.reference_plan

        def render() -> ReferencePair:
            # build_shot returns the shot of the first half, whose seed is 1 higher
            shot = replace(reference_shot, seed=(reference_shot.seed - 1) % 65536)
            with self._hold_planned_files(shot):
                result = references.render_world_reference(
                    self.gpu, shot, reference, frames, reference_cache.ReferenceCache(self.task.cache)
                )
            return result._replace(denoised=result.radiance_pair)

        return self.gpu.cached("sweep reference", reference_shot, render, max_entries=2)

    def measure(self, shot: Shot, reference: ReferencePair | None = None) -> Measurement:
        """Errors and times of a shot. Raises UserError."""
        reference = reference or self.load_reference(self.task.reference_plan.build_shot(shot))
        with self._hold_planned_files(shot):
            return self._measure(shot, reference)

    @contextmanager
    def _hold_planned_files(self, shot: Shot) -> Iterator[None]:
        """Within the context, the shot's files are those of the plan. Raises UserError if they are others."""
        with hold_files():
            planned = dict(self.task.file_digests)
            for name, digest in pipeline.compute_file_digests(shot).items():
                if planned.get(name) != digest:
                    raise UserError(
                        f"{name}: a worker reads another content than the sweep was planned with; "
                        "give every machine the same file and run the sweep again"
                    )
            yield

    def _measure(self, shot: Shot, reference: ReferencePair) -> Measurement:
        arrays = images.read_arrays(self.gpu, render_all_frames(self.gpu, shot))
        surface = references.surface_mask(arrays)
        row: Measurement = {}
        for component, (name, scale) in COMPONENTS.items():
            pair = reference.first[name], reference.second[name]
            row[f"{component} RMSE"] = scale * metrics.noise_free_rmse(arrays[name], pair, surface)
            row[f"{component} bias"] = scale * metrics.bias(arrays[name], reference.mean[name], surface)
        row["reference noise"] = reference.noise(surface)
        return row | self._measure_times(shot) | {"renderer": self.gpu.ctx.info["GL_RENDERER"]}

    def _measure_times(self, shot: Shot) -> Measurement:
        """Milliseconds of the technique's own passes and of denoising, by TIME_COLUMNS, and the clock."""
        single_frame = replace(shot, accumulated_frames=1)
        passes = measure_passes(self.gpu, lambda: render_frame(self.gpu, single_frame), self.task.runs)
        total = sum_passes(passes, lambda name: is_technique_pass(name) or name.startswith(DENOISE_PASSES))
        technique, denoise = (
            sum_passes(passes, is_technique_pass),
            sum_passes(passes, lambda name: name.startswith(DENOISE_PASSES)),
        )
        times = (total["median"], total["low"], total["high"], technique["median"], denoise["median"])
        clock = CLOCKS[self.task.clock][1] if self.gpu.is_software_renderer else "timer queries"
        return dict(zip(TIME_COLUMNS, times, strict=True)) | {"clock": clock}
