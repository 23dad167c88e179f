"""No occlusion: every point sees the whole environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ssdo.gpu.context import Gpu
from ssdo.render.technique import Lighting, Mode, Technique, TechniqueInputs


@dataclass(frozen=True)
class Off(Technique):
    """No occlusion: the environment's irradiance at the normal, no bounce."""

    label: ClassVar[str] = "off"
    modes: ClassVar[tuple[Mode, ...]] = (Mode("off", "off", key=1),)

    def draw(self, gpu: Gpu, inputs: TechniqueInputs) -> Lighting:
        (direct,) = inputs.draw(gpu, "techniques/off.frag", inputs.target(gpu, "off"))
        return Lighting(direct, gpu.black_texture)
