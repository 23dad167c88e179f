"""Milliseconds of each pass of a frame."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from statistics import median

from ssdo.gpu.context import Gpu
from ssdo.gpu.timer import QUERY_LATENCY, PassTimer
from ssdo.render.pipeline import render_frame
from ssdo.render.shot import Shot


def measure_cost(gpu: Gpu, shot: Shot, frames: int = 7) -> dict[str, float]:
    """Median milliseconds of each pass of a shot, by name: see `measure_passes`. Raises UserError."""
    shot = replace(shot, accumulated_frames=1, antialias=1)
    indices = itertools.count()  # a new index for each frame, so that there is a history to reuse
    samples = measure_passes(gpu, lambda: render_frame(gpu, shot, next(indices)), frames)
    return {name: median(times) for name, times in samples.items()}


def measure_passes(gpu: Gpu, draw: Callable[[], object], frames: int) -> dict[str, list[float]]:
    """Milliseconds of each pass that `draw` draws, by name, in each of some frames.

    A frame before them compiles shaders and uploads the scene. No pass is skipped because its result is cached.
    """
    previous_timer = gpu.timer
    draw()
    gpu.timer = PassTimer(gpu.ctx, frames, previous_timer.clock)
    gpu.timer.enabled = True
    try:
        for _ in range(frames if gpu.timer.is_software_renderer else frames + QUERY_LATENCY):
            gpu.timer.begin_frame()
            gpu.pass_cache.invalidate()
            draw()
        return gpu.timer.samples
    finally:
        gpu.timer = previous_timer
