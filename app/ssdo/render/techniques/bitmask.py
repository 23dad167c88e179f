"""Visibility bitmask: which of 32 sectors of each slice are open, and what closes the others (Therrien, Levesque, Gilet
2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from ssdo.gpu.context import Gpu
from ssdo.render import bounce_sources, probes
from ssdo.render.depth_layers import depths
from ssdo.render.environment_maps import around
from ssdo.render.technique import (
    LIGHTING_FORMAT,
    Lighting,
    SliceTechnique,
    TechniqueInputs,
    intervals_param,
    share,
    thickness_param,
    thickness_share_param,
)
from ssdo.settings import param


@dataclass(frozen=True)
class Bitmask(SliceTechnique):
    """Directional occlusion by sectors: light of the open sectors only, and one bounce from what closes the others."""

    uses_probes: ClassVar[bool] = True

    thickness: float | None = thickness_param()
    relative_thickness: float = thickness_share_param()
    depth_layers: str = intervals_param()
    environment_samples: int = param(8, 1, 32, "places in each slice at which the environment is looked up", log=True)
    environment_footprint: float = param(
        0.5, 0.0, 64.0, "solid angle a lookup sees of the environment, in squares of the angle between two", log=True
    )
    bounce: bool = param(True, help="one bounce of light from the surfaces that close sectors")
    indirect_intensity: float = param(1.0, 0.0, 8.0, "weight of the bounce; 1 is physical")
    specular_samples: int = param(
        1, 0, 64, "slices through the lobe of a glossy surface; 0: it is dimmed by the open share, as in SSAO", log=True
    )

    def resolve_lengths(self, size: float) -> Self:
        fitted = super().resolve_lengths(size)
        return (
            fitted
            if fitted.thickness is not None
            else replace(fitted, thickness=share(fitted.relative_thickness, fitted.radius))
        )

    @property
    def display_name(self) -> str:
        return self.group

    @property
    def seen(self) -> float:
        """Solid angle that a lookup sees of the environment."""
        return self.environment_footprint * (math.pi / self.environment_samples) ** 2

    def as_converged(self) -> Self:
        return replace(super().as_converged(), environment_samples=32)

    def draw(self, gpu: Gpu, view: TechniqueInputs) -> Lighting:
        given: dict[str, Any] = {"bitmask": self, "frame": view.frame, "gbuffer": view.gbuffer} | probes.given(
            gpu, view
        )
        if self.depth_layers == "2":
            given["inverse_depth"] = depths(gpu, view, self.depth_layers, self.thickness, self.bounce)
        into = gpu.target("bitmask.direct", view.size, *[LIGHTING_FORMAT] * (1 + (self.bounce and view.probes.enabled)))
        direct, *sent = gpu.draw(
            "techniques/bitmask.frag:direct",
            into,
            within=view.scissor,
            **given,
            environment_around=around(gpu, view.sky, self.seen),
        )
        given |= bounce_sources.given(gpu, view, direct, self.bounce, self.depth_layers)
        indirect, gloss = gpu.black, None
        if self.bounce:
            into = gpu.target("bitmask.indirect", view.size, LIGHTING_FORMAT)
            (indirect,) = gpu.draw(
                "techniques/bitmask.frag:indirect",
                into,
                within=view.scissor,
                **given,
                before_far=sent[0] if sent else gpu.black,
            )
        if self.specular_samples and view.specular is not None:
            (gloss,) = gpu.draw(
                "techniques/bitmask.frag:gloss",
                gpu.target("bitmask.gloss", view.size, LIGHTING_FORMAT),
                within=view.scissor,
                **given,
            )
        return Lighting(direct, indirect, gloss)
