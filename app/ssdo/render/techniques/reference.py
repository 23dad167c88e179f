"""The path-traced reference: rays against all triangles, from the same pixels and with the same result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ssdo.gpu.context import Gpu
from ssdo.render.path_tracing import UNLIMITED_DISTANCE, bind_path_tracing, needs_full_material
from ssdo.render.technique import Lighting, Mode, Technique, TechniqueInputs
from ssdo.settings import param


@dataclass(frozen=True)
class Reference(Technique):
    """Path tracing against all triangles of the scene, on the screen or not. The mean of many frames converges."""

    label: ClassVar[str] = "reference"
    modes: ClassVar[tuple[Mode, ...]] = (Mode("reference", "path-traced reference, which keeps converging", key=5),)
    progressive: ClassVar[bool] = True

    rays: int = param(1, 1, 256, "rays per pixel and frame; more cost time and reduce noise", log=True)
    max_distance: float | None = param(
        None,
        1e-4,
        UNLIMITED_DISTANCE,
        "maximum distance of an occluder; unlimited is correct",
        unit="m",
        auto_label="unlimited",
        log=True,
    )
    max_bounces: int = param(
        1, 0, 8, "maximum number of bounces of all light; a path tracer calls it a depth of 2 more"
    )

    def draw(self, gpu: Gpu, inputs: TechniqueInputs) -> Lighting:
        max_distance = self.max_distance or UNLIMITED_DISTANCE
        has_specular = inputs.specular_ibl is not None
        entry = "specular" if has_specular else "full" if needs_full_material(inputs) else "basic"
        textures = inputs.draw(
            gpu,
            f"techniques/reference.frag:{entry}",
            inputs.target(gpu, "reference", 3 if has_specular else 2),
            bind_path_tracing(gpu, inputs, max_distance, self.max_bounces),
            reference=replace(self, max_distance=max_distance),
        )
        return Lighting(*textures)

    def describe(self) -> str:
        rays = f"{self.rays} {'ray' if self.rays == 1 else 'rays'} per pixel and frame"
        distance = [] if self.max_distance is None else [f"{self.max_distance:.3g} m"]
        bounces = f"{self.max_bounces} {'bounce' if self.max_bounces == 1 else 'bounces'}"
        return ", ".join([self.label, rays, *distance, bounces])
