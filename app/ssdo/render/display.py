"""Radiance becomes what a screen shows."""

from __future__ import annotations

from dataclasses import dataclass

from ssdo.gpu.context import Gpu, Texture
from ssdo.settings import Settings, param


@dataclass(frozen=True)
class Display(Settings):
    """From linear radiance to the 8 bits that are looked at."""

    exposure: float = param(0.0, -20.0, 20.0, "stops brighter or darker", unit="EV")
    tone_mapper: str = param(
        "neutral",
        help="tone curve: Khronos PBR neutral, ACES (Narkowicz), Reinhard, or none (clipped)",
        choices=("neutral", "aces", "reinhard", "none"),
    )
    dither: bool = param(True, help="hides the steps of 8 bits with half a step of noise")

    def draw(self, gpu: Gpu, radiance: Texture) -> Texture:
        """8 bit sRGB, rgba."""
        width, height = radiance.size
        return gpu.draw(
            "passes/display.frag", gpu.target("display", (width, height), "rgba8"), display=self, radiance=radiance
        )[0]
