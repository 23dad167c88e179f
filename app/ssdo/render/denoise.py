"""A separable joint bilateral blur of the lighting: along surfaces, not across edges, optionally guided by variance.

The weights follow Schied et al. 2017 (SVGF). The variance is not estimated: it follows from the number of samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ssdo.gpu.context import Gpu
from ssdo.render.technique import Lighting, Technique, TechniqueInputs
from ssdo.settings import Settings, param


@dataclass(frozen=True)
class Denoiser(Settings):
    """Blurs the lighting along surfaces, not across edges."""

    group: ClassVar[str] = "denoise"

    radius: int = param(
        2,
        0,
        16,
        "blur radius; 2 hides the sampling pattern, 4 also noise of a single sample, 0 disables",
        unit="px",
        step=2,
    )
    plane_distance: float = param(
        1.0,
        0.01,
        100.0,
        "maximum distance of a neighbour from the surface's plane, in pixel widths; larger blurs across steps",
        log=True,
    )
    max_normal_angle: float = param(
        25.0, 1.0, 90.0, "maximum angle between normals; larger values blur across edges", unit="deg"
    )
    guide: str = param(
        "variance",
        help="weights by surface only, or also by the variance of visibility, which keeps contact shadows sharp",
        choices=("surface", "variance"),
    )

    def draw(self, gpu: Gpu, inputs: TechniqueInputs, lighting: Lighting, technique: Technique) -> Lighting:
        """Blur the lighting of a technique: rows, then columns."""
        if self.radius == 0:
            return lighting
        # Each pixel of the second pass is already a mean of 2 * radius pixels.
        for direction, averaged_pixels in (("horizontal", 1), ("vertical", 2 * self.radius)):
            irradiance = lighting._replace(specular=None)
            target = gpu.target(f"denoise.{direction}", inputs.size, *irradiance.formats)
            textures = inputs.draw(
                gpu,
                f"passes/denoise.frag:{direction}",
                target,
                lighting.bindings,
                denoise=self,
                noise=estimate_noise(technique.sample_count, averaged_pixels),
            )
            blurred = irradiance.with_textures(textures)
            if lighting.specular is not None:
                target = inputs.target(gpu, f"denoise.specular_{direction}")
                (specular,) = inputs.draw(
                    gpu,
                    f"passes/denoise.frag:specular_{direction}",
                    target,
                    lighting.bindings,
                    denoise=self,
                    noise=estimate_noise(technique.specular_sample_count, averaged_pixels),
                )
                blurred = blurred._replace(specular=specular)
            lighting = blurred
        return lighting


@dataclass(frozen=True)
class Noise:
    """The noise of the visibility, passed to shaders as `noise`."""

    sample_count: float  # samples in each pixel's value; 0: unknown, then differences do not reduce weights
    max_asymmetry: float  # how much more the neighbour of one side may weigh than that of the other; 1: any


def estimate_noise(samples: int, averaged_pixels: int) -> Noise:
    """The noise of a mean over pixels of so many samples each; of unknown noise for 0 samples."""
    return Noise(float(samples * averaged_pixels), min(1.0, samples**-0.5) if samples else 1.0)
