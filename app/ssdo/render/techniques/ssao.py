"""Screen-space ambient occlusion: how much of the hemisphere the depth buffer hides, as one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ssdo.gpu.context import Gpu
from ssdo.render.depth_layers import depths
from ssdo.render.technique import LIGHTING_FORMAT, HemisphereTechnique, Lighting, TechniqueInputs


@dataclass(frozen=True)
class Ssao(HemisphereTechnique):
    """Ambient occlusion: the open share of the hemisphere dims the light of all directions alike. No bounce."""

    def draw(self, gpu: Gpu, view: TechniqueInputs) -> Lighting:
        into = gpu.target("ssao", view.size, LIGHTING_FORMAT)
        given: dict[str, Any] = {
            "ssao": self,
            "frame": view.frame,
            "gbuffer": view.gbuffer,
            "environment": view.environment,
        }
        given["inverse_depth"] = depths(gpu, view, self.depth_layers, self.thickness)
        (direct,) = gpu.draw("techniques/ssao.frag", into, within=view.scissor, **given)
        return Lighting(direct, gpu.black)
