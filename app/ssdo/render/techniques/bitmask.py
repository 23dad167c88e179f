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
    Sliced,
    View,
    intervals_param,
    share,
    thickness_param,
    thickness_share_param,
)
from ssdo.settings import param


@dataclass(frozen=True)
class Bitmask(Sliced):
    """Directional occlusion by sectors: light of the open sectors only, and one bounce from what closes the others."""

    far_sighted: ClassVar[bool] = True

    thickness: float | None = thickness_param()
    thickness_share: float = thickness_share_param()
    intervals: str = intervals_param()
    lookups: int = param(8, 1, 32, "places in each slice at which the environment is looked up", log=True)
    prefilter: float = param(
        0.5, 0.0, 64.0, "solid angle a lookup sees of the environment, in squares of the angle between two", log=True
    )
    bounce: bool = param(True, help="one bounce of light from the surfaces that close sectors")
    bounce_gain: float = param(1.0, 0.0, 8.0, "weight of the bounce; 1 is physical")
    reflections: int = param(
        1, 0, 64, "slices through the lobe of a glossy surface; 0: it is dimmed by the open share, as in SSAO", log=True
    )

    def fitted(self, size: float) -> Self:
        fitted = super().fitted(size)
        return (
            fitted
            if fitted.thickness is not None
            else replace(fitted, thickness=share(fitted.thickness_share, fitted.radius))
        )

    @property
    def title(self) -> str:
        return self.group

    @property
    def seen(self) -> float:
        """Solid angle that a lookup sees of the environment."""
        return self.prefilter * (math.pi / self.lookups) ** 2

    def converging(self) -> Self:
        return replace(super().converging(), lookups=32)

    def draw(self, gpu: Gpu, view: View) -> Lighting:
        given: dict[str, Any] = {"bitmask": self, "frame": view.frame, "gbuffer": view.gbuffer} | probes.given(
            gpu, view
        )
        if self.intervals == "two":
            given["inverse_depth"] = depths(gpu, view, self.intervals, self.thickness, self.bounce)
        into = gpu.target("bitmask.direct", view.size, *[LIGHTING_FORMAT] * (1 + (self.bounce and view.far.known)))
        direct, *sent = gpu.draw(
            "techniques/bitmask.frag:direct",
            into,
            within=view.within,
            **given,
            environment_around=around(gpu, view.sky, self.seen),
        )
        given |= bounce_sources.given(gpu, view, direct, self.bounce, self.intervals)
        indirect, gloss = gpu.black, None
        if self.bounce:
            into = gpu.target("bitmask.indirect", view.size, LIGHTING_FORMAT)
            (indirect,) = gpu.draw(
                "techniques/bitmask.frag:indirect",
                into,
                within=view.within,
                **given,
                before_far=sent[0] if sent else gpu.black,
            )
        if self.reflections and view.gloss is not None:
            (gloss,) = gpu.draw(
                "techniques/bitmask.frag:gloss",
                gpu.target("bitmask.gloss", view.size, LIGHTING_FORMAT),
                within=view.within,
                **given,
            )
        return Lighting(direct, indirect, gloss)
