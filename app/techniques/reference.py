"""Ground truth: rays against all triangles, from the same pixels and with the same two answers as every technique."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app import tracing
from app.gpu import Gpu
from app.settings import param
from app.technique import LIGHTING_FORMAT, Lighting, Technique, View

UNLIMITED = 1e9  # metres


@dataclass(frozen=True)
class Walk:
    """Passed to shaders as `walk`."""

    nodes: int


@dataclass(frozen=True)
class Reference(Technique):
    """Ground truth: rays against all triangles of the scene, on screen or not. Many frames make it smooth."""

    rays: int = param(4, 1, 256, "rays at each pixel in each frame", log=True)
    reach: float | None = param(None, 1e-4, UNLIMITED, "how far an occluder may be; unlimited is what is true", unit="m", auto="unlimited", log=True)
    bounces: int = param(1, 0, 8, "how often light is reflected on its way to a pixel; 0: surfaces only emit")

    def draw(self, gpu: Gpu, view: View) -> Lighting:
        into = gpu.target("reference", view.size, LIGHTING_FORMAT, LIGHTING_FORMAT)
        triangles, nodes = tracing.upload(gpu, view.scene)
        mine = self if self.reach is not None else replace(self, reach=UNLIMITED)
        given = {"reference": mine, "walk": Walk(nodes), "traced": triangles, "frame": view.frame, "gbuffer": view.gbuffer, "environment": view.environment}
        return Lighting(*gpu.draw("reference.frag", into, **given))
