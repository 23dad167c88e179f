"""Ground-truth ambient occlusion: the open share from two horizons in each slice (Jimenez, Wu, Pesce, Jarabo 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ssdo.gpu.context import Gpu
from ssdo.render.technique import LIGHTING_FORMAT, Lighting, SliceTechnique, TechniqueInputs
from ssdo.settings import param


@dataclass(frozen=True)
class Gtao(SliceTechnique):
    """Ambient occlusion from horizons: the part of the hemisphere between them dims the light of all directions alike.
    No bounce.
    """

    thin_occluder_compensation: float = param(
        0.0,
        0.0,
        1.0,
        "how far a horizon sinks at each step that lies below it, as things have a back; 0: they have none",
    )
    falloff_range: float = param(
        0.0, 0.0, 1.0, "the outer share of the radius over which occluders fade; 0: all count up to the radius"
    )
    bent_normals: bool = param(False, help="light is looked up along the mean open direction instead of the normal")

    def draw(self, gpu: Gpu, view: TechniqueInputs) -> Lighting:
        into = gpu.target("gtao", view.size, LIGHTING_FORMAT)
        given: dict[str, Any] = {
            "gtao": self,
            "frame": view.frame,
            "gbuffer": view.gbuffer,
            "environment": view.environment,
        }
        (direct,) = gpu.draw("techniques/gtao.frag:occlusion", into, within=view.scissor, **given)
        return Lighting(direct, gpu.black)
