"""Visibility bitmask: which of 32 sectors of each slice are occluded, and by what (Therrien, Levesque, Gilet 2023)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from ssdo.gpu.context import Gpu
from ssdo.render.bounce_sources import bind_bounce_sources
from ssdo.render.depth_layers import draw_inverse_depth_layers
from ssdo.render.environment_maps import octahedral_environment
from ssdo.render.probes import bind_probes
from ssdo.render.screen_space import (
    SECTORS_PER_SLICE,
    SliceTechnique,
    depth_layers_param,
    relative_thickness_param,
    resolve_thickness,
    thickness_param,
)
from ssdo.render.technique import InspectPass, Lighting, Mode, TechniqueInputs
from ssdo.settings import param


@dataclass(frozen=True)
class Bitmask(SliceTechnique):
    """Directional occlusion by sectors: light through unoccluded sectors only, and one bounce from the occluders."""

    label: ClassVar[str] = "bitmask"
    modes: ClassVar[tuple[Mode, ...]] = (
        Mode("bitmask", "visibility bitmask, directional occlusion by sectors", key=7),
    )
    uses_probes: ClassVar[bool] = True

    thickness: float | None = thickness_param()
    relative_thickness: float = relative_thickness_param()
    depth_layers: str = depth_layers_param()
    environment_samples: int = param(
        8, 1, 32, "environment samples per slice; more resolve bright spots better", log=True
    )
    environment_footprint: float = param(
        0.5,
        0.0,
        64.0,
        "solid angle of an environment sample, relative to the squared angle between samples; larger blurs",
        log=True,
    )
    bounce: bool = param(True, help="one bounce of light from the occluders")
    indirect_intensity: float = param(1.0, 0.0, 8.0, "multiplies indirect light; 1 is physically correct")
    specular_samples: int = param(
        1, 0, 64, "slices through the reflection lobe; 0: ambient visibility dims reflections", log=True
    )

    def resolve_lengths(self, size: float) -> Self:
        resolved = super().resolve_lengths(size)
        thickness = resolve_thickness(resolved.thickness, resolved.relative_thickness, resolved.radius)
        return replace(resolved, thickness=thickness)

    @property
    def specular_sample_count(self) -> int:
        return self.specular_samples

    @property
    def environment_solid_angle(self) -> float:
        """Solid angle of an environment sample, steradians."""
        return self.environment_footprint * (math.pi / self.environment_samples) ** 2

    def as_converged(self) -> Self:
        return replace(super().as_converged(), environment_samples=32)

    def draw(self, gpu: Gpu, inputs: TechniqueInputs) -> Lighting:
        bindings = bind_probes(gpu, inputs) | {"bitmask": self}
        if self.depth_layers == "2":
            bindings["inverse_depth"] = draw_inverse_depth_layers(
                gpu, inputs, self.depth_layers, self.thickness, self.bounce
            )
        has_probe_light = self.bounce and inputs.probes.enabled
        direct, *probe_light = inputs.draw(
            gpu,
            "techniques/bitmask.frag:direct",
            inputs.target(gpu, "bitmask.direct", 2 if has_probe_light else 1),
            bindings,
            environment_octahedral=octahedral_environment(gpu, inputs.environment, self.environment_solid_angle),
        )

        bindings |= bind_bounce_sources(gpu, inputs, direct, self.bounce, self.depth_layers)
        indirect, specular = gpu.black_texture, None
        if self.bounce:
            (indirect,) = inputs.draw(
                gpu,
                "techniques/bitmask.frag:indirect",
                inputs.target(gpu, "bitmask.indirect"),
                bindings,
                previous_probe_light=probe_light[0] if has_probe_light else gpu.black_texture,
            )
        if self.specular_samples and inputs.specular_ibl is not None:
            target = inputs.target(gpu, "bitmask.specular")
            (specular,) = inputs.draw(gpu, "techniques/bitmask.frag:specular", target, bindings)
        return Lighting(direct, indirect, specular)

    def inspect_pass(self, gpu: Gpu, inputs: TechniqueInputs) -> InspectPass:
        bindings = bind_probes(gpu, inputs) | {
            "bitmask": self,
            "inverse_depth": draw_inverse_depth_layers(gpu, inputs, self.depth_layers, self.thickness, self.bounce),
            "environment_octahedral": octahedral_environment(gpu, inputs.environment, self.environment_solid_angle),
        }
        return InspectPass("techniques/bitmask.frag:inspect", bindings, SECTORS_PER_SLICE, is_directional=True)
