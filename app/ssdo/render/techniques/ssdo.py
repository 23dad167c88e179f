"""Screen-space directional occlusion (Ritschel, Grosch, Seidel 2009).

Light from unoccluded directions only, and what the occluders reflect along the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ssdo.gpu.context import Gpu
from ssdo.gpu.shaders import Bindings
from ssdo.gpu.target import Texture
from ssdo.render.bounce_sources import bind_bounce_sources
from ssdo.render.depth_layers import draw_inverse_depth_layers
from ssdo.render.environment_maps import octahedral_environment
from ssdo.render.probes import bind_probes
from ssdo.render.screen_space import HemisphereTechnique
from ssdo.render.technique import InspectPass, Lighting, Mode, TechniqueInputs
from ssdo.settings import param

# The samplers of the textures in which a direct pass stores its hits: one, or all where one is not enough.
HIT_SAMPLERS = ("batch_hits", "batch_hits_2", "batch_hits_3")
MAX_HIT_TEXTURES = len(HIT_SAMPLERS)
HIT_BITS_PER_CHANNEL = 24  # integers that float32 holds exactly


@dataclass(frozen=True)
class Batch:
    """Samples of one pair of passes; passed to shaders/techniques/ssdo.frag as `batch`.

    The direct pass stores the hit step of each sample, so that the indirect pass need not march again.
    """

    first: int  # sample
    end: int
    bits_per_hit: int  # bits that store a hit step: 0 (unoccluded) to the number of steps
    samples_per_texel: int


@dataclass(frozen=True)
class Ssdo(HemisphereTechnique):
    """Directional occlusion: light from unoccluded directions only, and one bounce from the occluders."""

    label: ClassVar[str] = "SSDO"
    modes: ClassVar[tuple[Mode, ...]] = (
        Mode("SSDO direct", "SSDO, direct light only", {"direct": True, "bounce": False}, key=3),
        Mode("SSDO", "SSDO with bounce", {"direct": True, "bounce": True}, key=4),
    )
    uses_probes: ClassVar[bool] = True

    direct: bool = param(True, help="light from unoccluded directions")
    bounce: bool = param(True, help="one bounce of light from the occluders")
    direct_estimator: str = param(
        "control-variate",
        help="direct light: exact irradiance minus the occluded samples, or the sum of the unoccluded (as published)",
        choices=("control-variate", "sum"),
    )
    bounce_estimator: str = param(
        "solid-angle",
        help="weight of a sender: its solid angle (conserves energy), or the form factor of a patch (as published)",
        choices=("solid-angle", "form-factor"),
    )
    environment_footprint: float = param(
        1.0,
        0.0,
        64.0,
        "solid angle of an environment sample: 1 a 16th of a pixel's sample, 16 all of it; larger blurs",
        log=True,
    )
    indirect_intensity: float = param(1.0, 0.0, 8.0, "multiplies indirect light; 1 is physically correct")
    specular_samples: int = param(
        4, 0, 64, "directions in the reflection lobe; 0: ambient visibility dims reflections", log=True
    )

    def draw(self, gpu: Gpu, inputs: TechniqueInputs) -> Lighting:
        has_specular = self.specular_samples > 0 and inputs.specular_ibl is not None
        if not (self.direct or self.bounce or has_specular):
            return Lighting(self._draw_unlit(gpu, inputs), gpu.black_texture)
        bindings = self._bind(gpu, inputs)
        direct = probe_light = gpu.black_texture
        hits: list[Sequence[Texture]] = []
        if self.direct or self.bounce:
            direct, probe_light, hits = self._draw_direct(gpu, inputs, bindings)

        bindings |= bind_bounce_sources(gpu, inputs, direct, self.bounce, self.depth_layers)
        indirect, specular = gpu.black_texture, None
        if self.bounce:
            indirect = self._draw_indirect(gpu, inputs, bindings, probe_light, hits)
        if has_specular:
            target = inputs.target(gpu, "ssdo.specular")
            (specular,) = inputs.draw(gpu, "techniques/ssdo.frag:specular", target, bindings, batch=self.batches[0])
        return Lighting(direct if self.direct else self._draw_unlit(gpu, inputs), indirect, specular)

    def inspect_pass(self, gpu: Gpu, inputs: TechniqueInputs) -> InspectPass:
        bindings = self._bind(gpu, inputs) | {"batch": self.batches[0]}
        return InspectPass("techniques/ssdo.frag:inspect", bindings, is_directional=True)

    def _bind(self, gpu: Gpu, inputs: TechniqueInputs) -> Bindings:
        """What all entries of shaders/techniques/ssdo.frag read."""
        return bind_probes(gpu, inputs) | {
            "ssdo": self,
            "inverse_depth": draw_inverse_depth_layers(gpu, inputs, self.depth_layers, self.thickness, self.bounce),
            "environment_octahedral": octahedral_environment(gpu, inputs.environment, self.environment_solid_angle),
        }

    def _draw_unlit(self, gpu: Gpu, inputs: TechniqueInputs) -> Texture:
        """No direct light, and full visibility."""
        target = inputs.target(gpu, "ssdo.unlit")
        target.framebuffer.clear(0.0, 0.0, 0.0, 1.0)
        return target.textures[0]

    def _draw_direct(
        self, gpu: Gpu, inputs: TechniqueInputs, bindings: Bindings
    ) -> tuple[Texture, Texture, list[Sequence[Texture]]]:
        """Direct light, indirect light from probes, and the textures of hits for each batch. Batches add up."""
        direct = probe_light = gpu.black_texture
        hits: list[Sequence[Texture]] = []
        for number, batch in enumerate(self.batches):
            textures = 1
            if self.bounce:
                textures += self.hit_texture_count + inputs.probes.enabled
            direct, *others = inputs.draw(
                gpu,
                f"techniques/ssdo.frag:direct{self._entry_suffix}",
                inputs.target(gpu, f"ssdo.direct {number}" if number else "ssdo.direct", textures),
                bindings,
                batch=batch,
                previous_batches=direct,
                previous_probe_light=probe_light,
            )
            hits.append(others[: self.hit_texture_count])
            if len(others) > self.hit_texture_count:
                probe_light = others[self.hit_texture_count]
        return direct, probe_light, hits

    def _draw_indirect(
        self,
        gpu: Gpu,
        inputs: TechniqueInputs,
        bindings: Bindings,
        probe_light: Texture,
        hits: Sequence[Sequence[Texture]],
    ) -> Texture:
        """Indirect light from probes and from the hits. Batches add up."""
        indirect = probe_light
        for number, (batch, textures) in enumerate(zip(self.batches, hits, strict=True)):
            (indirect,) = inputs.draw(
                gpu,
                f"techniques/ssdo.frag:indirect{self._entry_suffix}",
                inputs.target(gpu, f"ssdo.indirect {number % 2}" if number else "ssdo.indirect"),
                {**bindings, **dict(zip(HIT_SAMPLERS, textures, strict=False))},
                batch=batch,
                previous_batches=indirect,
            )
        return indirect

    @property
    def specular_sample_count(self) -> int:
        return self.specular_samples

    @property
    def environment_solid_angle(self) -> float:
        """Solid angle of an environment sample, steradians, at 60 degrees from the normal."""
        directions_of_tile = 16 * self.samples
        return self.environment_footprint * math.pi / (directions_of_tile * 0.5)

    @property
    def bits_per_hit(self) -> int:
        """Bits that store the hit step of a sample."""
        return (self.steps if self.visibility == "ray-march" else 1).bit_length()

    @property
    def samples_per_texel(self) -> int:
        """Samples whose hits fit into one RGBA texel."""
        return 4 * (HIT_BITS_PER_CHANNEL // self.bits_per_hit)

    @property
    def hit_texture_count(self) -> int:
        """Textures in which a direct pass stores its hits."""
        return MAX_HIT_TEXTURES if self.bounce and self.samples > self.samples_per_texel else 1

    @property
    def _entry_suffix(self) -> str:
        return "_large_batch" if self.hit_texture_count > 1 else ""

    @property
    def batches(self) -> list[Batch]:
        """The samples in batches whose hits fit into the texels of one pass; one batch without a bounce."""
        if not self.bounce:
            return [Batch(0, self.samples, 0, self.samples)]
        size = self.hit_texture_count * self.samples_per_texel
        return [
            Batch(first, min(first + size, self.samples), self.bits_per_hit, self.samples_per_texel)
            for first in range(0, self.samples, size)
        ]
