"""Every point sees the whole environment: the picture to improve on."""

from __future__ import annotations

from dataclasses import dataclass

from ssdo.gpu.context import Gpu
from ssdo.render.technique import LIGHTING_FORMAT, Lighting, Technique, TechniqueInputs


@dataclass(frozen=True)
class Off(Technique):
    """No occlusion: the environment's irradiance at the normal, no bounce."""

    def draw(self, gpu: Gpu, view: TechniqueInputs) -> Lighting:
        into = gpu.target("off", view.size, LIGHTING_FORMAT)
        (direct,) = gpu.draw(
            "techniques/off.frag", into, frame=view.frame, gbuffer=view.gbuffer, environment=view.environment
        )
        return Lighting(direct, gpu.black)
