"""Ground truth: rays against all triangles, from the same pixels and with the same two answers as every technique."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ssdo.gpu.context import Gpu
from ssdo.render import path_tracing
from ssdo.render.path_tracing import UNLIMITED
from ssdo.render.technique import LIGHTING_FORMAT, Lighting, Technique, TechniqueInputs
from ssdo.settings import param


@dataclass(frozen=True)
class Reference(Technique):
    """Ground truth: rays against all triangles of the scene, on screen or not. Many frames make it smooth."""

    progressive: ClassVar[bool] = True

    rays: int = param(1, 1, 256, "rays at each pixel in each frame", log=True)
    max_distance: float | None = param(
        None,
        1e-4,
        UNLIMITED,
        "how far an occluder may be; unlimited is what is true",
        unit="m",
        auto_label="unlimited",
        log=True,
    )
    max_bounces: int = param(1, 0, 8, "how often light is reflected on its way to a pixel; 0: surfaces only emit")

    def draw(self, gpu: Gpu, view: TechniqueInputs) -> Lighting:
        into = gpu.target("reference", view.size, *[LIGHTING_FORMAT] * (2 if view.specular is None else 3))
        mine = self if self.max_distance is not None else replace(self, max_distance=UNLIMITED)
        given: dict[str, Any] = {"reference": mine, "frame": view.frame, "gbuffer": view.gbuffer}
        given |= path_tracing.given(gpu, view, mine.max_distance or UNLIMITED, self.max_bounces)
        entry = "glossy" if view.specular is not None else "full" if path_tracing.full(view) else "matte"
        return Lighting(*gpu.draw(f"techniques/reference.frag:{entry}", into, **given))

    def label(self) -> str:
        reach = "" if self.max_distance is None else f", reach {self.max_distance:.3g} m"
        return f"{self.group}, {self.rays} {'ray' if self.rays == 1 else 'rays'} a frame{reach}, {self.max_bounces} {'bounce' if self.max_bounces == 1 else 'bounces'}"
