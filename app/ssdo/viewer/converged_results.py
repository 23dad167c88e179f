"""The converged results of A and B: the same techniques with many samples and frames, without the denoiser.

The distance of an image to its own technique's converged result is its noise. What is left of the error is bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ssdo.arrays import Bools, Floats
from ssdo.gpu.context import Gpu
from ssdo.measure import metrics
from ssdo.measure.references import independent_shots
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.pipeline import LoadedShot, load_shot, render_loaded_frame
from ssdo.render.shot import Shot
from ssdo.viewer.render_scheduler import FrameInterruptedError, RenderScheduler

FRAMES = 8  # of each technique, in two halves with independent samples
SCOPE = "converged"  # of the targets


@dataclass
class ConvergedResult:
    """Two means of half the frames each, drawn frame by frame beside the slots."""

    gpu: Gpu
    shot: Shot  # of the image
    frame_count: int = 0
    halves: list[Floats] = field(default_factory=list)  # radiance, (h, w, 3)
    mask: Bools | None = None  # pixels that show a surface, (h, w)
    _loaded: LoadedShot | None = None

    @property
    def is_complete(self) -> bool:
        return self.frame_count == FRAMES

    def draw_frame(self, scheduler: RenderScheduler) -> None:
        """Draw the next frame. It is left unfinished if the user does something. Raises UserError."""
        half, index = divmod(self.frame_count, FRAMES // 2)
        shot = independent_shots(self.shot, FRAMES)[half]
        if index == 0:
            self._loaded = load_shot(shot)
        assert self._loaded

        try:
            with self.gpu.in_bands(scheduler.interrupt_for_input), self.gpu.scope(SCOPE):
                result = render_loaded_frame(self.gpu, self._loaded, index)
                self.gpu.free_unused()
        except FrameInterruptedError:
            return
        self.frame_count += 1
        if self.frame_count % (FRAMES // 2) == 0:
            self.halves.append(self.gpu.read(result.radiance)[..., :3])
        if self.is_complete:
            self.mask = self.gpu.read(result.inputs.gbuffer.depth)[..., 0] < BACKGROUND_DEPTH
            self.free_targets()

    def measure_noise(self, radiance: Floats | None) -> float:
        """RMS distance of an image to the converged result, corrected for that result's noise.

        NaN: it cannot be measured.
        """
        if radiance is None or self.mask is None or not self.mask.any():
            return math.nan
        if not all(np.isfinite(values).all() for values in (radiance, *self.halves)):
            return math.nan
        return metrics.noise_free_rmse(radiance, (self.halves[0], self.halves[1]), self.mask)

    def free_targets(self) -> None:
        self.gpu.free_scope(SCOPE)
