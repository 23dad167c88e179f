"""Figures of the slots' results: difference of A and B, error against the reference, invalid pixels."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ssdo.arrays import Bools, Floats
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Texture
from ssdo.measure import metrics
from ssdo.render import composite
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.pipeline import FrameResult
from ssdo.viewer.antialiased_image import MAX_FRAMES
from ssdo.viewer.render_scheduler import RenderScheduler, Slot
from ssdo.viewer.result_cache import ResultCache

NOTICEABLE_DIFFERENCE = 1.5 / 255  # display values that differ by more count as different
SETTLED_NOISE = 0.5  # an error is shown if the reference's noise is at most this fraction of it
SAME_SURFACE_DEPTH = 0.03  # two texels show the same surface if their depths differ by less, relative to the depth
SAME_SURFACE_COSINE = 0.95  # and if their normals enclose less than 18 degrees


class ErrorEstimate(NamedTuple):
    """The error of a slot, as far as the reference has converged."""

    rmse: float | None  # radiance, corrected for the reference's noise; NaN: no pixel to compare; None: not known
    noise: float | None  # of the reference, RMS radiance; None before its second frame
    frame_count: int  # of the reference
    can_improve: bool  # whether the reference converges further

    @property
    def is_settled(self) -> bool:
        """Whether the noise is well below the error, which the correction then changes by at most 12 %."""
        if self.rmse is None or self.noise is None:
            return False
        return math.isnan(self.rmse) or self.noise <= SETTLED_NOISE * self.rmse

    @property
    def text(self) -> str:
        """The RMSE, or why it is not shown."""
        if not self.is_settled:
            frames = f"{self.frame_count} frame{'s' if self.frame_count != 1 else ''}"
            return f"settling, {frames}" if self.can_improve else f"below the noise, {self.noise:.2g}"
        assert self.rmse is not None
        return "RMSE undefined" if math.isnan(self.rmse) else f"RMSE {self.rmse:.3g}"


class FrameMetrics:
    """Reads results back and measures them. Everything is cached until the results change."""

    def __init__(self, gpu: Gpu, scheduler: RenderScheduler, cache: ResultCache) -> None:
        self.gpu = gpu
        self.scheduler = scheduler
        self.cache = cache

    def _result(self, slot: Slot) -> FrameResult | None:
        return self.scheduler.renders[slot].result

    def radiance(self, slot: Slot) -> Floats | None:
        """A slot's linear radiance, (h, w, 3), row 0 on top."""
        result = self._result(slot)
        if result is None:
            return None
        return self.cache.get(f"radiance {slot}", (result,), lambda: self.gpu.read(result.radiance)[..., :3])

    def invalid_pixels(self, slot: Slot) -> int:
        """Number of pixels with NaN or infinite radiance."""
        radiance = self.radiance(slot)
        if radiance is None:
            return 0
        return self.cache.get(
            f"invalid {slot}", (self._result(slot),), lambda: int((~np.isfinite(radiance)).any(-1).sum())
        )

    def changed_fraction(self) -> float | None:
        """Fraction of pixels whose final images look different in A and B; None if their sizes differ."""
        a, b = (self.scheduler.renders[slot].image for slot in ("A", "B"))
        if a is None or b is None or a.display.size != b.display.size:
            return None

        def compare() -> float:
            difference = np.abs(self.gpu.read(a.display)[..., :3] - self.gpu.read(b.display)[..., :3]).max(-1)
            return float((difference > NOTICEABLE_DIFFERENCE).mean())

        return self.cache.get("changed", (a, b), compare)

    def rmse(self, slot: Slot) -> float | None:
        """RMSE of a slot's radiance against the reference so far, corrected for the reference's noise.

        Only pixels that see the same surface count. None while it is not known.
        """
        result, reference = self._result(slot), self._result("reference")
        noise = self.scheduler.renders["reference"].convergence.noise
        radiance = self.radiance(slot)
        if result is None or reference is None or radiance is None or noise is None:
            return None

        def measure() -> float:
            expected = self.gpu.read(self.relight(slot, result, reference))[..., :3]
            mask = self._same_surface_mask(result, reference)
            if not mask.any() or not np.isfinite(radiance).all() or not np.isfinite(expected).all():
                return math.nan
            return math.sqrt(max(metrics.rmse(radiance, expected, mask) ** 2 - noise**2, 0.0))

        return self.cache.get(f"rmse {slot}", (result, reference), measure)

    def estimate_error(self, slot: Slot) -> ErrorEstimate:
        """The error of a slot, and whether the reference's noise is low enough to show it."""
        convergence = self.scheduler.renders["reference"].convergence
        can_improve = convergence.frame_count < MAX_FRAMES
        return ErrorEstimate(self.rmse(slot), convergence.noise, convergence.frame_count, can_improve)

    def relight(self, slot: str, result: FrameResult, reference: FrameResult) -> Texture:
        """Radiance of a slot's surfaces in the reference's light.

        A reference of a smaller size samples materials at other texels, but has the same light.
        """
        if reference.display.size == result.display.size:
            return reference.radiance

        def draw() -> Texture:
            with self.gpu.scope(f"relit {slot}"):
                return composite.draw_radiance(self.gpu, result.inputs, reference.lighting)

        return self.cache.get(f"relit {slot}", (result, reference), draw)

    def _same_surface_mask(self, result: FrameResult, reference: FrameResult) -> Bools:
        """Pixels whose texel of the reference lies on the same surface, (h, w) booleans."""
        surfaces, reference_surfaces = result.inputs.gbuffer, reference.inputs.gbuffer
        depth = self.gpu.read(surfaces.depth)[..., 0]
        is_surface: Bools = depth < BACKGROUND_DEPTH
        if reference.display.size == result.display.size:
            return is_surface
        reference_depth = _resize_nearest(self.gpu.read(reference_surfaces.depth)[..., 0], depth.shape)
        reference_normal = _resize_nearest(self.gpu.read(reference_surfaces.normal)[..., :3], depth.shape)
        cosine = (self.gpu.read(surfaces.normal)[..., :3] * reference_normal).sum(-1)
        has_same_depth = np.abs(reference_depth - depth) < SAME_SURFACE_DEPTH * depth
        mask: Bools = is_surface & has_same_depth & (cosine > SAME_SURFACE_COSINE)
        return mask


def _resize_nearest(values: Floats, shape: tuple[int, ...]) -> Floats:
    """An image of another size, by nearest texels as in composite.frag."""
    rows, columns = (
        ((np.arange(new_size) + 0.5) / new_size * size).astype(int)
        for new_size, size in zip(shape[:2], values.shape[:2], strict=True)
    )
    resized: Floats = values[rows][:, columns]
    return resized
