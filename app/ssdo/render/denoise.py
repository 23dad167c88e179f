"""Averages lighting along a surface, never across an edge; guided by variance, no further than the light itself is
even.

What the guide gains: RMSE of radiance at 320 x 180, over courtyard, cornell, nook and blocks, three cameras and radii
of 5, 15 and 50 % (the bitmask: 15 %), as a share of what a blur of the same radius has without it, geometric means with
4 / 16 / 64 samples.

    against screen truth                 radius 4               radius 2
    SSDO                        0.93 / 0.72 / 0.51     0.98 / 0.83 / 0.62
    SSAO                        0.85 / 0.61 / 0.41     0.98 / 0.76 / 0.54
    bitmask                     0.99 / 0.87 / 0.75     1.00 / 0.90 / 0.80
    against rays within the radius
    SSDO                        0.97 / 0.93 / 0.91     0.99 / 0.97 / 0.96
    SSAO                        1.01 / 1.02 / 1.03     1.01 / 1.02 / 1.02
    bitmask                     1.00 / 0.97 / 0.95     1.00 / 0.99 / 0.98

With a radius of 4, 7 of 252 pictures are further from screen truth than without (at worst 1.21 times, of few samples
and the largest radius), with 2 they are 44. SSAO is further from the world as it darkens corners too much, which a blur
hides. At 1280 x 720, where details have more pixels, less is gained: 0.98 / 0.79 / 0.52 in the courtyard (SSDO, radius
4), and with 4 samples and a radius of 2 up to 8 % is lost (SSAO). It costs 171 ms of processor time there instead of
156, and 126 instead of 114 with a radius of 2, beside 930 of SSDO's own passes (16 samples, llvmpipe).

Tried and left out, shares of the error of SSDO against screen truth: a third pass a trous over means of tiles, guided
by their variance, gains 3 / 1 / 0 % for half the blur's cost. The line of least squares in place of the mean gains as
much as weighing both sides of an edge alike, within 3 %, and leaves the range of what it averages; shrinking its slope
by the variance of its residuals gains nothing on that. As patterns, interleaved gradient noise and R2 over the picture
change the error of the blur as it was by 1 % and of the guided one by -1 to -9 %, and no longer cancel on a plane; a
tile that is a Graeco-Latin square does, and gains 0 to 2 % and 3 to 10 %, but for the bitmask, where it loses up to 2
%.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ssdo.gpu.context import Gpu
from ssdo.render.technique import LIGHTING_FORMAT, Lighting, Technique, TechniqueInputs
from ssdo.settings import Settings, param


@dataclass(frozen=True)
class Denoiser(Settings):
    """Averages lighting along a surface, never across an edge."""

    group: ClassVar[str] = "denoise"

    radius: int = param(
        4,
        0,
        16,
        "neighbours on each side: 2 covers the sampling tile, 4 calms the bounce as well, 0 switches it off",
        unit="px",
        step=2,
    )
    plane_distance: float = param(
        1.0, 0.01, 100.0, "distance from the surface's plane that still counts, in widths of a pixel", log=True
    )
    max_normal_angle: float = param(25.0, 1.0, 90.0, "how far normals may differ", unit="deg")
    guide: str = param(
        "surface",
        help="what tells which neighbours count: the surface alone, or the variance of the open share too, so that contact and corners stay sharp",
        choices=("surface", "variance"),
    )

    def draw(self, gpu: Gpu, view: TechniqueInputs, light: Lighting, technique: Technique) -> Lighting:
        """Lighting as that technique answered it, averaged."""
        if self.radius == 0:
            return light
        for axis, averaged in (("across", 1), ("down", 2 * self.radius)):
            into = gpu.target(f"blur.{axis}", view.size, *light._replace(gloss=None).formats)
            given: dict[str, Any] = {"denoise": self, "frame": view.frame, "gbuffer": view.gbuffer} | light.given
            blurred = light.of(
                gpu.draw(f"passes/denoise.frag:{axis}", into, **given, noise=_noise(technique.sample_count, averaged))
            )
            if light.gloss is not None:
                into = gpu.target(f"blur.lobe {axis}", view.size, LIGHTING_FORMAT)
                (gloss,) = gpu.draw(
                    f"passes/denoise.frag:lobe_{axis}", into, **given, noise=_noise(technique.specular_count, averaged)
                )
                blurred = blurred._replace(gloss=gloss)
            light = blurred
        return light


@dataclass(frozen=True)
class Noise:
    """Passed to shaders as `noise`: that of an open share."""

    samples: float  # in each pixel's, with those already averaged; 0: not known, and no difference tells anything
    lopsided: float  # how much more a neighbour may count than the one on the other side


def _noise(samples: int, averaged: int) -> Noise:
    return Noise(float(samples * averaged), min(1.0, samples**-0.5) if samples else 1.0)
