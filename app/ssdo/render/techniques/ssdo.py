"""Screen-space directional occlusion: which directions are open, and what the closed ones reflect (Ritschel, Grosch,
Seidel 2009).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ssdo.gpu.context import Gpu, Target, Texture
from ssdo.render import bounce_sources, probes
from ssdo.render.depth_layers import depths
from ssdo.render.environment_maps import around
from ssdo.render.technique import LIGHTING_FORMAT, HemisphereTechnique, Lighting, TechniqueInputs
from ssdo.settings import param

MORE = 3  # texels in which a pass says what it has found, where one is not enough


@dataclass(frozen=True)
class Batch:
    """Some of a pixel's samples; passed to shaders/techniques/ssdo.frag as `batch`."""

    first: int
    end: int
    bits: int  # for each sample: 0, or which of its points is hidden
    each: int  # samples that a texel speaks of


@dataclass(frozen=True)
class Ssdo(HemisphereTechnique):
    """Directional occlusion: light of the open directions only, and one bounce from the surfaces that close the
    others.
    """

    uses_probes: ClassVar[bool] = True

    direct: bool = param(True, help="light of the open directions")
    bounce: bool = param(True, help="one bounce of light from the surfaces that close the other directions")
    bounce_estimator: str = param(
        "solid-angle",
        help="how a sender counts: by its solid angle (conserves energy) or by patch area over distance squared (as published)",
        choices=("solid-angle", "form-factor"),
    )
    environment_footprint: float = param(
        4.0,
        0.0,
        64.0,
        "solid angle a sample sees of the environment: 1 its share of the 4 x 4 tile, 16 of a pixel (for small lights, or without blur)",
        log=True,
    )
    indirect_intensity: float = param(1.0, 0.0, 8.0, "weight of the bounce; 1 is physical")
    specular_samples: int = param(
        4,
        0,
        64,
        "directions tried in the lobe of a glossy surface; 0: it is dimmed by the open share, as in SSAO",
        log=True,
    )

    def draw(self, gpu: Gpu, view: TechniqueInputs) -> Lighting:
        def target(name: str, textures: int = 1) -> Target:
            return gpu.target(f"ssdo.{name}", view.size, *[LIGHTING_FORMAT] * textures)

        def unlit() -> Texture:
            into = target("no direct")
            into.framebuffer.clear(0.0, 0.0, 0.0, 1.0)
            return into.textures[0]

        if not (self.direct or self.bounce or (self.specular_samples and view.specular is not None)):
            return Lighting(unlit(), gpu.black)
        given: dict[str, Any] = {"ssdo": self, "frame": view.frame, "gbuffer": view.gbuffer}
        given |= {
            "inverse_depth": depths(gpu, view, self.depth_layers, self.thickness, self.bounce),
            "environment_around": around(gpu, view.sky, self.seen),
        }
        given |= probes.given(gpu, view)
        direct = far = gpu.black
        hits: list[Sequence[Texture]] = []
        texels, suffix = (MORE, "_more") if self.bounce and self.samples > self.each else (1, "")
        if self.direct or self.bounce:
            for number, batch in enumerate(self.batches):
                # what a bounce needs too
                into = target(
                    f"direct {number}" if number else "direct", 1 + self.bounce * (texels + view.probes.enabled)
                )
                direct, *more = gpu.draw(
                    f"techniques/ssdo.frag:direct{suffix}",
                    into,
                    within=view.scissor,
                    **given,
                    batch=batch,
                    before=direct,
                    before_far=far,
                )
                far = more[texels] if len(more) > texels else far
                hits.append(more[:texels])
        indirect = far
        gloss = None
        given |= bounce_sources.given(gpu, view, direct, self.bounce, self.depth_layers)
        if self.bounce:
            for number, (batch, found) in enumerate(zip(self.batches, hits, strict=True)):
                into = target(f"indirect {number % 2}" if number else "indirect")
                parts: dict[str, Any] = {"batch": batch, "before": indirect}
                parts |= dict(zip(("batch_hits", "batch_hits_2", "batch_hits_3"), found, strict=False))
                (indirect,) = gpu.draw(
                    f"techniques/ssdo.frag:indirect{suffix}", into, within=view.scissor, **given, **parts
                )
        if self.specular_samples and view.specular is not None:
            (gloss,) = gpu.draw(
                "techniques/ssdo.frag:gloss", target("gloss"), within=view.scissor, **given, batch=self.batches[0]
            )
        return Lighting(
            direct if self.direct else unlit(),
            indirect if self.bounce else gpu.black,
            gloss,
        )

    @property
    def specular_count(self) -> int:
        return self.specular_samples

    @property
    def seen(self) -> float:
        """Solid angle that a sample sees of the environment: so many shares of the tile's 16 N directions, at 60
        degrees from the normal.
        """
        return self.environment_footprint * math.pi / (16 * self.samples * 0.5)

    @property
    def bits(self) -> int:
        """What it takes to say which of a sample's points is hidden, if any."""
        return (self.steps if self.visibility == "ray-march" else 1).bit_length()

    @property
    def each(self) -> int:
        """Samples that fit into a texel: 24 bits in each of four channels, exact as float32."""
        return 4 * (24 // self.bits)

    @property
    def batches(self) -> list[Batch]:
        """The samples, in parts whose hits fit into the texels of one pass; all of them, where no bounce asks for
        hits.
        """
        most = self.each if self.samples <= self.each else MORE * self.each
        if not self.bounce:
            return [Batch(0, self.samples, 0, self.samples)]
        return [
            Batch(first, min(first + most, self.samples), self.bits, self.each)
            for first in range(0, self.samples, most)
        ]
