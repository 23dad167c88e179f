"""Tone mapping: linear radiance becomes the 8-bit picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Texture
from ssdo.settings import Settings, param

MAX_EXPOSURE = 20.0  # stops


@dataclass(frozen=True)
class Display(Settings):
    """Exposure and tone mapping, from linear radiance to 8 bits."""

    exposure: float | None = param(
        0.0,
        -MAX_EXPOSURE,
        MAX_EXPOSURE,
        "exposure in stops; larger values are brighter; auto: metered from the light on the surfaces",
        unit="EV",
        auto_label="metered",
    )
    tone_mapper: str = param(
        "neutral",
        help="tone curve: Khronos PBR neutral, ACES (Narkowicz), Reinhard, or none (clipped)",
        choices=("neutral", "aces", "reinhard", "none"),
    )
    dither: bool = param(True, help="half an 8-bit step of noise, which hides banding")
    fxaa: bool = param(False, help="smooth the edges of single frames, after tone mapping; fast, but blurs thin lines")

    def draw(self, gpu: Gpu, radiance: Texture) -> Texture:
        """8-bit sRGB and opacity, of radiance times opacity and opacity."""
        assert self.exposure is not None, "not metered"
        width, height = radiance.size
        target = gpu.target("display", (width, height), "rgba8")
        # the filter has no uniforms: without it the shader of the tone curve is as it was
        (display,) = gpu.draw("passes/display.frag", target, display=replace(self, fxaa=False), radiance=radiance)
        if not self.fxaa:
            return display
        return gpu.draw("passes/fxaa.frag", gpu.target("fxaa", (width, height), "rgba8"), display=display)[0]
