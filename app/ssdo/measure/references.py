"""References that images are measured against, and the breakdown of an image's error.

The world reference is path traced (technique `reference`). The converged screen-space result is the same technique with
many samples, many frames and no denoiser: all that it can know from one G-buffer. Each is rendered as a pair of images
from independent samples, so that its own noise can be removed from an error (see `metrics.noise_free_mse`) and stated.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics
from ssdo.measure.accumulation import Accumulator, ProgressCallback, no_progress
from ssdo.measure.metrics import Mask
from ssdo.measure.reference_cache import ReferenceCache
from ssdo.render import composite
from ssdo.render.half_resolution import LightingResolution
from ssdo.render.pipeline import FrameResult, load_shot
from ssdo.render.screen_space import CONVERGED_SAMPLES, CONVERGED_SLICES, CONVERGED_STEPS
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.render.temporal import Temporal
from ssdo.settings import UserError

# Samples of the converged screen-space result, at each pixel in each frame.
CONVERGED_TEXT = f"{CONVERGED_SAMPLES} directions or {CONVERGED_SLICES} slices of 2 x {CONVERGED_STEPS} points"
REFERENCE_ARRAYS = ("radiance", "direct", "indirect", "visibility")
MIN_REFERENCE_FRAMES = 4
MAX_SEEDS = 65536

Arrays = Mapping[str, Floats]
Halves = tuple[Accumulator, Accumulator]


class ReferencePair(NamedTuple):
    """The same lighting twice, from independent samples, and its mean. Arrays as in `images.read_arrays`."""

    first: Arrays  # REFERENCE_ARRAYS
    second: Arrays
    denoised: tuple[Floats, Floats]  # radiance of both with the shot's denoiser
    shot: Shot | None  # of the first, resolved. None: loaded from a file, and `second` is the same image

    @property
    def radiance_pair(self) -> tuple[Floats, Floats]:
        return self.first["radiance"], self.second["radiance"]

    @property
    def mean(self) -> Arrays:
        return {name: (values + self.second[name]) * np.float32(0.5) for name, values in self.first.items()}

    def rmse(self, radiance: Floats, mask: Mask) -> float:
        """RMSE of an image's radiance, without the reference's own noise. Raises UserError."""
        if self.shot is None:
            return metrics.rmse(radiance, self.first["radiance"], mask)
        return metrics.noise_free_rmse(radiance, self.radiance_pair, mask)

    def noise(self, mask: Mask) -> float:
        """Standard error of the mean's radiance, RMS over the mask: half the difference of the pair."""
        return metrics.rmse(*self.radiance_pair, mask) / 2


class ErrorBreakdown(NamedTuple):
    """RMSE of radiance by cause, without the references' noise.

    The causes do not add up to the whole error, since the denoiser removes some of the sampling error.
    """

    sampling: float  # of the image without denoiser, against its converged result
    remaining: float  # of the image with denoiser, against its converged result
    denoising: float  # of the denoised converged result, against the converged result
    screen_space: float  # of the converged result, against the world reference: what one G-buffer cannot know


def break_down_error(
    radiance: Floats, noisy_radiance: Floats, converged: ReferencePair, world: ReferencePair, mask: Mask
) -> ErrorBreakdown:
    """Break down an image's error. `noisy_radiance`: from the same samples without denoiser. Raises UserError."""
    return ErrorBreakdown(
        sampling=metrics.noise_free_rmse(noisy_radiance, converged.radiance_pair, mask),
        remaining=metrics.noise_free_rmse(radiance, converged.radiance_pair, mask),
        denoising=metrics.noise_free_rmse(converged.denoised, converged.radiance_pair, mask),
        screen_space=metrics.noise_free_rmse(converged.radiance_pair, world.radiance_pair, mask),
    )


def surface_mask(arrays: Arrays) -> Mask:
    """(h, w) true where a surface is visible."""
    mask: Mask = np.isfinite(arrays["depth"])
    return mask


# ---- rendering -------------------------------------------------------------------------------------------------------


def render_world_reference(
    gpu: Gpu,
    shot: Shot,
    reference: Reference,
    frames: int,
    cache: ReferenceCache,
    on_frame: ProgressCallback = no_progress,
) -> ReferencePair:
    """Render the world reference of a shot. Raises UserError."""
    return _render_pair(gpu, shot, reference, frames, cache, on_frame)


def render_converged(
    gpu: Gpu, shot: Shot, frames: int, cache: ReferenceCache, on_frame: ProgressCallback = no_progress
) -> ReferencePair:
    """Render the converged screen-space result of a shot, see CONVERGED_TEXT. Raises UserError."""
    return _render_pair(gpu, shot, shot.technique.as_converged(), frames, cache, on_frame)


def independent_shots(shot: Shot, frames: int) -> tuple[Shot, Shot]:
    """Two shots with half the frames each: no denoiser, jitter or half resolution, other seeds. Raises UserError."""
    if frames < MIN_REFERENCE_FRAMES:
        raise UserError(
            f"{frames} frames: a reference is two halves of at least 2 frames each; "
            f"ask for {MIN_REFERENCE_FRAMES} or more"
        )
    half = replace(
        shot,
        denoise=replace(shot.denoise, radius=0),
        lighting=LightingResolution(),
        temporal=Temporal(),
        accumulated_frames=frames // 2,
        antialias=1,
    )
    first, second = (replace(half, seed=(shot.seed + offset) % MAX_SEEDS) for offset in (1, 2))
    return first, second


class GrowingReference:
    """The world reference of a shot, rendered in steps. Cached frames are there from the start. Raises UserError."""

    def __init__(self, gpu: Gpu, shot: Shot, reference: Reference, frames: int, cache: ReferenceCache) -> None:
        self.gpu, self.shot = gpu, shot
        self._halves = _start_halves(gpu, shot, reference, frames, cache)

    @property
    def frames(self) -> int:
        """Frames of both halves so far."""
        return sum(half.count for half in self._halves)

    @property
    def planned_frames(self) -> int:
        """Frames of both halves in the end."""
        return sum(half.loaded.shot.accumulated_frames for half in self._halves)

    def render_steps(self, on_frame: ProgressCallback = no_progress) -> Generator[ReferencePair]:
        """Yield the pair when each half has 1 frame, or those that are cached, then 2, 4, 8, ...

        The last pair equals that of `render_world_reference`. Close the iterator to save what is rendered. Raises
        UserError.
        """
        halves = self._halves
        try:
            for count in _list_doublings(min(half.count for half in halves), self.planned_frames // 2):
                yield _read_pair(self.gpu, self.shot, halves, (half.render(count, on_frame) for half in halves))
        finally:
            for half in halves:
                half.save()


def _list_doublings(start: int, total: int) -> list[int]:
    """`start`, at least 1, and the powers of 2 between it and `total`, which comes last."""
    first = max(start, 1)
    powers = (1 << k for k in range(total.bit_length()))
    return [first, *(count for count in powers if first < count < total), *([total] if first < total else [])]


def _render_pair(
    gpu: Gpu, shot: Shot, technique: Technique, frames: int, cache: ReferenceCache, on_frame: ProgressCallback
) -> ReferencePair:
    halves = _start_halves(gpu, shot, technique, frames, cache)
    return _read_pair(gpu, shot, halves, (half.render_all(on_frame) for half in halves))


def _start_halves(gpu: Gpu, shot: Shot, technique: Technique, frames: int, cache: ReferenceCache) -> Halves:
    first, second = independent_shots(replace(shot, technique=technique), frames)
    loaded = load_shot(first)  # once: both halves must show the same, even if a file changes
    loaded_second = loaded._replace(shot=replace(loaded.shot, seed=second.seed))
    return Accumulator(gpu, loaded, cache), Accumulator(gpu, loaded_second, cache)


def _read_pair(gpu: Gpu, shot: Shot, accumulators: Halves, results: Iterable[FrameResult]) -> ReferencePair:
    """Read each result before the next is rendered, which may use its textures again."""
    halves: list[Arrays] = []
    denoised: list[Floats] = []
    for result in results:
        arrays = images.read_arrays(gpu, result)
        halves.append({name: arrays[name] for name in REFERENCE_ARRAYS})
        lighting = shot.denoise.draw(gpu, result.inputs, result.lighting, shot.technique)
        denoised.append(gpu.read(composite.draw_radiance(gpu, result.inputs, lighting))[..., :3])
    return ReferencePair(halves[0], halves[1], (denoised[0], denoised[1]), accumulators[0].loaded.shot)


def load_reference(path: Path, shot: Shot) -> ReferencePair:
    """Load linear radiance from an .npz or .exr file as reference of unknown noise. Raises UserError."""
    radiance = images.load_radiance(path)
    height, width = radiance.shape[:2]
    if (height, width) != (shot.height, shot.width):
        raise UserError(
            f"{path} is {width} x {height}, the shot {shot.width} x {shot.height}; "
            f"add --width {width} --height {height}"
        )
    arrays = {"radiance": radiance}
    return ReferencePair(arrays, arrays, (radiance, radiance), None)
