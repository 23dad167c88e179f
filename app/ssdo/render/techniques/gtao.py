"""Ground-truth ambient occlusion: visibility from two horizons per slice (Jimenez, Wu, Pesce, Jarabo 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ssdo.gpu.context import Gpu
from ssdo.render.screen_space import SECTORS_PER_SLICE, SliceTechnique
from ssdo.render.technique import InspectPass, Lighting, Mode, TechniqueInputs
from ssdo.settings import param


@dataclass(frozen=True)
class Gtao(SliceTechnique):
    """Ambient occlusion from horizons: ambient visibility dims the light of all directions alike. No bounce."""

    label: ClassVar[str] = "GTAO"
    modes: ClassVar[tuple[Mode, ...]] = (Mode("GTAO", "GTAO, ambient occlusion from horizons", key=6),)

    thin_occluder_compensation: float = param(
        0.0, 0.0, 1.0, "how much the horizon drops per step behind an occluder; larger lets light pass thin occluders"
    )
    falloff_range: float = param(
        0.0, 0.0, 1.0, "outer part of the radius over which occluders fade out, relative to the radius"
    )
    bent_normals: bool = param(False, help="sample the environment along the mean unoccluded direction")

    def draw(self, gpu: Gpu, inputs: TechniqueInputs) -> Lighting:
        (direct,) = inputs.draw(gpu, "techniques/gtao.frag:occlusion", inputs.target(gpu, "gtao"), gtao=self)
        return Lighting(direct, gpu.black_texture)

    def inspect_pass(self, gpu: Gpu, inputs: TechniqueInputs) -> InspectPass:
        return InspectPass("techniques/gtao.frag:inspect", {"gtao": self}, SECTORS_PER_SLICE)
