"""Estimates how long the stages of a comparison take."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

from ssdo.commands.compare.comparison import CAUSES, FLIP, REFERENCE, ComparisonPlan
from ssdo.commands.compare.errors import list_converged_shots
from ssdo.gpu.context import Gpu
from ssdo.measure.progress import WorkEstimate
from ssdo.render.pipeline import render_frame
from ssdo.render.shot import Shot

PROBE_RATIO = 4  # a frame of 1 / 4 of width and height estimates the time of a whole one
COST_FRAMES = 8  # that measuring the cost of a shot draws
CONVERGED_RATIO = 4.0  # of the time of a frame with many samples to that of an image, about
FLIP_SECONDS = 8.0  # of both FLIP metrics, about, for a million pixels
UNKNOWN_SECONDS = 1.0  # of a frame, until one is drawn


def plan_work(
    work: WorkEstimate,
    plan: ComparisonPlan,
    missing: Collection[str],
    image_seconds: float = UNKNOWN_SECONDS,
    reference_seconds: float = UNKNOWN_SECONDS,
    cached_frames: int = 0,
) -> None:
    """Estimate all stages from the seconds of one frame of each kind. `cached_frames`: of the reference."""
    first, count = plan.shots[0], len(plan.shots)
    megapixels = first.width * first.height / 1e6
    work.plan("images", count, image_seconds)
    work.plan("antialiasing", sum(shot.antialias > 1 for shot in plan.shots), first.antialias * image_seconds)
    work.plan("cost", count, COST_FRAMES * image_seconds)
    if plan.reference_source == REFERENCE:
        work.plan("reference", plan.reference_frames // 2 * 2, reference_seconds, cached_frames)
    if CAUSES in missing:
        frames = len(list_converged_shots(plan.shots)) * (plan.converged_frames // 2 * 2)
        work.plan("causes", frames, CONVERGED_RATIO * image_seconds)
    if plan.has_reference:
        work.plan("errors", count, (FLIP_SECONDS if FLIP in missing else 1.0) * megapixels)
    work.plan("page", 1, megapixels)


def estimate_frame_seconds(gpu: Gpu, shot: Shot) -> float:
    """Seconds of one frame, from one of fewer pixels. A tiny one goes first: it compiles shaders, uploads the scene."""
    shot = replace(shot, accumulated_frames=1, antialias=1)
    render_frame(gpu, replace(shot, width=min(shot.width, 16), height=min(shot.height, 16)))
    width, height = (max(n // PROBE_RATIO, 1) for n in (shot.width, shot.height))
    gpu.ctx.finish()
    start = time.perf_counter()
    render_frame(gpu, replace(shot, width=width, height=height))
    gpu.ctx.finish()
    return (time.perf_counter() - start) * (shot.width * shot.height) / (width * height)
