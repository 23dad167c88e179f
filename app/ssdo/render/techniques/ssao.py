"""Screen-space ambient occlusion: the visible part of the hemisphere as one number (Mittring 2007)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from ssdo.gpu.context import Gpu
from ssdo.render.depth_layers import draw_occluder_depth
from ssdo.render.screen_space import HemisphereTechnique
from ssdo.render.technique import InspectPass, Lighting, Mode, TechniqueInputs


@dataclass(frozen=True)
class Ssao(HemisphereTechnique):
    """Ambient occlusion: ambient visibility dims the light of all directions alike. No bounce."""

    label: ClassVar[str] = "SSAO"
    modes: ClassVar[tuple[Mode, ...]] = (Mode("SSAO", "SSAO", key=2),)

    def draw(self, gpu: Gpu, inputs: TechniqueInputs) -> Lighting:
        inverse_depth = draw_occluder_depth(gpu, inputs, self.depth_layers, self.thickness)
        target = inputs.target(gpu, "ssao")
        (direct,) = inputs.draw(gpu, "techniques/ssao.frag", target, ssao=self, inverse_depth=inverse_depth)
        return Lighting(direct, gpu.black)

    def inspect_pass(self, gpu: Gpu, inputs: TechniqueInputs) -> InspectPass:
        # Imported here, as importing a technique registers it, and the order of techniques is that of their names.
        from ssdo.render.techniques.ssdo import Ssdo

        # SSAO tests the same directions as SSDO, whose shader inspects both.
        ssdo = Ssdo(**{f.name: getattr(self, f.name) for f in fields(HemisphereTechnique)}, bounce=False)
        return ssdo.inspect_pass(gpu, inputs)._replace(is_directional=False)
