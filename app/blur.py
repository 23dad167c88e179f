"""Averages lighting along a surface, never across an edge; where noise is low, no further than the light itself is even."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.gpu import Gpu
from app.settings import Settings, param
from app.technique import LIGHTING_FORMAT, Lighting, Technique, View


@dataclass(frozen=True)
class Blur(Settings):
    """Averages lighting along a surface, never across an edge."""

    radius: int = param(4, 0, 16, "neighbours on each side: 2 covers the sampling tile, 4 calms the bounce as well, 0 switches it off", unit="px", step=2)
    tolerance: float = param(1.0, 0.01, 100.0, "distance from the surface's plane that still counts, in widths of a pixel", log=True)
    angle: float = param(25.0, 1.0, 90.0, "how far normals may differ", unit="deg")
    guide: str = param(
        "surface",
        help="what tells which neighbours count: the surface alone, or the variance of the open share too, so that contact and corners stay sharp",
        choices=("surface", "variance"),
    )

    def draw(self, gpu: Gpu, view: View, light: Lighting, technique: Technique) -> Lighting:
        """Lighting as that technique answered it, averaged."""
        if self.radius == 0:
            return light
        for axis, averaged in (("across", 1), ("down", 2 * self.radius)):
            into = gpu.target(f"blur.{axis}", view.size, LIGHTING_FORMAT, LIGHTING_FORMAT)
            given: dict[str, Any] = {"blur": self, "frame": view.frame, "gbuffer": view.gbuffer, "light": light}
            direct, indirect = gpu.draw(f"blur.frag:{axis}", into, **given, noise=_noise(technique.count, averaged))
            gloss = light.gloss
            if gloss is not None:
                into = gpu.target(f"blur.lobe {axis}", view.size, LIGHTING_FORMAT)
                (gloss,) = gpu.draw(f"blur.frag:lobe_{axis}", into, **given, noise=_noise(technique.lobes, averaged))
            light = Lighting(direct, indirect, gloss)
        return light


@dataclass(frozen=True)
class Noise:
    """Passed to shaders as `noise`: that of an open share."""

    samples: float  # in each pixel's, with those already averaged; 0: not known, and no difference tells anything
    lopsided: float  # how much more a neighbour may count than the one on the other side


def _noise(samples: int, averaged: int) -> Noise:
    return Noise(float(samples * averaged), min(1.0, samples**-0.5) if samples else 1.0)
