"""Averages lighting along a surface, never across an edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.gpu import Gpu
from app.settings import Settings, param
from app.technique import LIGHTING_FORMAT, Lighting, View


@dataclass(frozen=True)
class Blur(Settings):
    """Averages lighting along a surface, never across an edge."""

    radius: int = param(4, 0, 16, "neighbours on each side: 2 covers the sampling tile, 4 calms the bounce as well, 0 switches it off", unit="px", step=2)
    tolerance: float = param(1.0, 0.01, 100.0, "distance from the surface's plane that still counts, in widths of a pixel", log=True)
    angle: float = param(25.0, 1.0, 90.0, "how far normals may differ", unit="deg")

    def draw(self, gpu: Gpu, view: View, light: Lighting) -> Lighting:
        if self.radius == 0:
            return light
        for axis in ("across", "down"):
            into = gpu.target(f"blur.{axis}", view.size, LIGHTING_FORMAT, LIGHTING_FORMAT)
            given: dict[str, Any] = {"blur": self, "frame": view.frame, "gbuffer": view.gbuffer, "light": light}
            direct, indirect = gpu.draw(f"blur.frag:{axis}", into, **given)
            gloss = light.gloss
            if gloss is not None:
                (gloss,) = gpu.draw(f"blur.frag:lobe_{axis}", gpu.target(f"blur.lobe {axis}", view.size, LIGHTING_FORMAT), **given)
            light = Lighting(direct, indirect, gloss)
        return light
