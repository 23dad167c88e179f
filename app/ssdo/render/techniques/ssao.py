"""Screen-space ambient occlusion: the visible part of the hemisphere as one number (Mittring 2007)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from ssdo.gpu.context import Gpu
from ssdo.render.depth_layers import draw_inverse_depth_layers
from ssdo.render.screen_space import HemisphereTechnique
from ssdo.render.technique import InspectPass, Lighting, Mode, Technique, TechniqueInputs


@dataclass(frozen=True)
class Ssao(HemisphereTechnique):
    """Ambient occlusion: ambient visibility dims the light of all directions alike. No bounce."""

    label: ClassVar[str] = "SSAO"
    modes: ClassVar[tuple[Mode, ...]] = (Mode("SSAO", "SSAO", key=2),)

    def draw(self, gpu: Gpu, inputs: TechniqueInputs) -> Lighting:
        inverse_depth = draw_inverse_depth_layers(gpu, inputs, self.depth_layers, self.thickness)
        target = inputs.target(gpu, "ssao")
        (direct,) = inputs.draw(gpu, "techniques/ssao.frag", target, ssao=self, inverse_depth=inverse_depth)
        return Lighting(direct, gpu.black_texture)

    def inspect_pass(self, gpu: Gpu, inputs: TechniqueInputs) -> InspectPass | None:
        # SSAO tests the same directions as SSDO, whose shader inspects both.
        common = {f.name: getattr(self, f.name) for f in fields(HemisphereTechnique)}
        ssdo = Technique.by_name("ssdo")().with_values(common | {"bounce": False})
        inspect_pass = ssdo.inspect_pass(gpu, inputs)
        return inspect_pass and inspect_pass._replace(is_directional=False)
