"""References that images are measured against, and the breakdown of an image's error.

The world reference is path traced (technique `reference`). The converged screen-space result is the same technique with
many samples, many frames and no denoiser: all that it can know from one G-buffer. Each is rendered as a pair of images
from independent samples, so that its own noise can be removed from an error (see `metrics.noise_free_mse`) and stated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics
from ssdo.measure.metrics import Mask
from ssdo.measure.reference_cache import Accumulation, ReferenceCache, cache_key
from ssdo.render import composite
from ssdo.render.half_resolution import LightingResolution
from ssdo.render.pipeline import FrameResult, LoadedShot, composite_lighting, load_shot, render_loaded_frame
from ssdo.render.screen_space import CONVERGED_SAMPLES, CONVERGED_SLICES, CONVERGED_STEPS
from ssdo.render.shot import Shot
from ssdo.render.technique import Lighting, Technique
from ssdo.render.techniques.reference import Reference
from ssdo.render.temporal import Temporal
from ssdo.settings import UserError

CHECKPOINT_INTERVAL = 20.0  # seconds of rendering that an interruption may lose
# Samples of the converged screen-space result, at each pixel in each frame.
CONVERGED_TEXT = f"{CONVERGED_SAMPLES} directions or {CONVERGED_SLICES} slices of 2 x {CONVERGED_STEPS} points"
REFERENCE_ARRAYS = ("radiance", "direct", "indirect", "visibility")
MIN_REFERENCE_FRAMES = 4
MAX_SEEDS = 65536

Arrays = Mapping[str, Floats]
ProgressCallback = Callable[[Shot], None]  # called after each frame


def no_progress(shot: Shot) -> None:
    """A callback that reports nothing."""


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


def _render_pair(
    gpu: Gpu, shot: Shot, technique: Technique, frames: int, cache: ReferenceCache, on_frame: ProgressCallback
) -> ReferencePair:
    half_shots = independent_shots(replace(shot, technique=technique), frames)
    loaded = load_shot(half_shots[0])  # once: both halves must show the same, even if a file changes
    halves: list[Arrays] = []
    denoised: list[Floats] = []
    for half_shot in half_shots:
        loaded_half = loaded._replace(shot=replace(loaded.shot, seed=half_shot.seed))
        result = accumulate(gpu, loaded_half, cache, on_frame)
        arrays = images.read_arrays(gpu, result)
        halves.append({name: arrays[name] for name in REFERENCE_ARRAYS})
        lighting = shot.denoise.draw(gpu, result.inputs, result.lighting, shot.technique)
        denoised.append(gpu.read(composite.draw_radiance(gpu, result.inputs, lighting))[..., :3])
    return ReferencePair(halves[0], halves[1], (denoised[0], denoised[1]), loaded.shot)


def accumulate(
    gpu: Gpu, loaded: LoadedShot, cache: ReferenceCache, on_frame: ProgressCallback = no_progress
) -> FrameResult:
    """Render and average a shot's frames, starting from the cached ones. An interruption saves what is rendered."""
    key, shot = cache_key(gpu, loaded), loaded.shot
    cached = cache.load(key, shot)
    count = cached.frames if cached else 0
    if cached:
        lighting = composite.restore_accumulation(gpu, count, *cached.textures.values())
    last_save, saved_count = time.monotonic(), count
    try:
        while count < shot.accumulated_frames:
            result = render_loaded_frame(gpu, loaded, count)
            gpu.ctx.finish()  # a queued frame is not yet rendered
            lighting, count = result.lighting, count + 1
            if time.monotonic() - last_save > CHECKPOINT_INTERVAL:
                cache.save(key, shot, _read_accumulation(gpu, count, lighting))
                last_save, saved_count = time.monotonic(), count
            on_frame(shot)
    finally:
        if count > saved_count:
            cache.save(key, shot, _read_accumulation(gpu, count, lighting))
    return composite_lighting(gpu, loaded, lighting)


def _read_accumulation(gpu: Gpu, frames: int, lighting: Lighting) -> Accumulation:
    return Accumulation(frames, *(gpu.read(texture) for texture in lighting if texture is not None))


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
