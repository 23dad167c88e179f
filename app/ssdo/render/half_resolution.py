"""Lighting at half resolution: every second pixel is shaded, then all pixels are upsampled (Kopf et al. 2007).

A quarter of the pixels is shaded, so lighting costs a quarter. Pixels are point-sampled, not averaged, so that each
lies on a surface. `FrameUniforms.projection_offset` accounts for their position; techniques need not know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Size
from ssdo.render.denoise import Denoiser
from ssdo.render.frame_uniforms import halve_frame
from ssdo.render.subsample import Subsample, subsample_inputs
from ssdo.render.technique import Lighting, TechniqueInputs
from ssdo.settings import Settings, param

EVERY_SECOND_PIXEL = Subsample((0, 0), 2)


@dataclass(frozen=True)
class LightingResolution(Settings):
    """The resolution of the lighting."""

    group: ClassVar[str] = "lighting"

    resolution: str = param(
        "full",
        help="resolution of the lighting; half shades a quarter of the pixels (the reference is always full)",
        choices=("full", "half"),
    )

    @property
    def is_half(self) -> bool:
        return self.resolution == "half"


def halve_inputs(gpu: Gpu, inputs: TechniqueInputs) -> TechniqueInputs:
    """The inputs at every second pixel in x and y, beginning at the lower left."""
    halved = subsample_inputs(gpu, inputs, EVERY_SECOND_PIXEL, halve_frame(inputs.frame), "half")
    if inputs.scissor is None:
        return halved
    x, y, width, height = inputs.scissor  # x and y are even, as the guard band is whole tiles
    return halved._replace(scissor=(x // 2, y // 2, (width + 1) // 2, (height + 1) // 2))


def halve_denoiser(denoiser: Denoiser) -> Denoiser:
    """A denoiser of half the radius in pixels, rounded up to half a sampling tile: at least as much of the image."""
    return replace(denoiser, radius=2 * -(-denoiser.radius // 4))


def upsample_lighting(gpu: Gpu, inputs: TechniqueInputs, lighting: Lighting, denoiser: Denoiser) -> Lighting:
    """Lighting of every pixel from that of every second one: a joint bilateral filter with the denoiser's weights."""
    entry = "diffuse" if lighting.specular is None else "specular"
    target = gpu.target("upsampled", inputs.size, *lighting.formats)
    textures = inputs.draw(gpu, f"passes/upsample.frag:{entry}", target, lighting.bindings, denoise=denoiser)
    return lighting.with_textures(textures)


def full_resolution_uv(size: Size, uv: Floats) -> Floats:
    """Convert pixel centres (n, 2) in uv of the half resolution to uv of the full one, `size` pixels large."""
    full_size = np.array(size, "f4")
    converted: Floats = (2 * uv * np.ceil(full_size / 2) - np.float32(0.5)) / full_size
    return converted


def half_resolution_pixel(size: Size, x: int, y: int) -> tuple[int, int]:
    """The pixel of the half resolution nearest to pixel x, y of the full one, `size` pixels large. Row 0 is on top."""
    return x // 2, (size[1] + 1) // 2 - 1 - (size[1] - 1 - y) // 2
