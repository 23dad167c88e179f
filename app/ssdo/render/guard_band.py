"""The guard band: surfaces just outside the picture, so that they occlude and send light (Ritschel et al. 2009).

The pipeline draws a padded frame. Techniques read all of it but shade only the picture, the scissor rectangle in its
middle. The lighting is then cropped by copying texels, so later passes never see the band. Surfaces outside the band,
or behind the camera, remain unknown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Box
from ssdo.render.frame_uniforms import FrameUniforms
from ssdo.render.subsample import Subsample, subsample_inputs, subsample_lighting
from ssdo.render.technique import Lighting, TechniqueInputs
from ssdo.settings import Settings, param

# Each pixel takes the same samples with and without a band: 8 is the sampling tile of 4 px times 2 for half resolution.
BAND_ALIGNMENT_PX = 8


@dataclass(frozen=True)
class GuardBand(Settings):
    """Surfaces drawn around the picture, for techniques to read."""

    group: ClassVar[str] = "guard_band"

    size: float = param(
        0.0, 0.0, 0.5, "width of the band around the picture, relative to its height; rounded up to 8 px"
    )

    def size_px(self, height: int) -> int:
        """Width of the band around a picture of that height, in pixels."""
        return BAND_ALIGNMENT_PX * math.ceil(self.size * height / BAND_ALIGNMENT_PX)


def picture_box(frame: FrameUniforms, band_px: int) -> Box:
    """The picture's pixels in its padded frame."""
    return (band_px, band_px, int(frame.size[0]), int(frame.size[1]))


def crop_inputs(gpu: Gpu, padded: TechniqueInputs, frame: FrameUniforms, name: str = "cropped") -> TechniqueInputs:
    """The inputs of the picture alone, whose camera is `frame`; without a guard band the same object."""
    if padded.scissor is None:
        return padded
    crop = Subsample(padded.scissor[:2], 1)
    return subsample_inputs(gpu, padded, crop, frame, name)._replace(scissor=None)


def crop_lighting(gpu: Gpu, padded: TechniqueInputs, lighting: Lighting) -> Lighting:
    """The lighting of the picture alone; without a guard band the same object."""
    if padded.scissor is None:
        return lighting
    x, y, width, height = padded.scissor
    return subsample_lighting(gpu, lighting, Subsample((x, y), 1), (width, height), "cropped lighting")


def picture_origin(padded: TechniqueInputs) -> tuple[int, int]:
    """The picture's first pixel in a padded frame, from the lower left."""
    return padded.scissor[:2] if padded.scissor else (0, 0)


def picture_uv(padded: TechniqueInputs, uv: Floats) -> Floats:
    """Convert uv (n, 2) of a padded frame to uv of the picture: below 0 or above 1 in the guard band."""
    if padded.scissor is None:
        return uv
    origin, size = np.array(padded.scissor[:2], "f4"), np.array(padded.scissor[2:], "f4")
    converted: Floats = (uv * np.array(padded.size, "f4") - origin) / size
    return converted
