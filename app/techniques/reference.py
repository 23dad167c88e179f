"""Ground truth: rays against all triangles, from the same pixels and with the same two answers as every technique."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from app import lamps, light, tracing
from app.gpu import Gpu, Texture
from app.settings import param
from app.technique import LIGHTING_FORMAT, Lighting, Technique, View

UNLIMITED = 1e9  # metres


@dataclass(frozen=True)
class Walk:
    """Passed to shaders as `walk`."""

    nodes: int


@dataclass(frozen=True)
class Bright:
    """Passed to shaders as `bright`: the part of the environment that rays are aimed at."""

    count: int  # texels, see environment.Split; 0: no ray is aimed
    size: tuple[float, float]  # of the whole map
    density: float  # of rays by solid angle, for each unit of remainder, channels added up


@dataclass(frozen=True)
class Reference(Technique):
    """Ground truth: rays against all triangles of the scene, on screen or not. Many frames make it smooth."""

    progressive: ClassVar[bool] = True

    rays: int = param(1, 1, 256, "rays at each pixel in each frame", log=True)
    reach: float | None = param(None, 1e-4, UNLIMITED, "how far an occluder may be; unlimited is what is true", unit="m", auto="unlimited", log=True)
    bounces: int = param(1, 0, 8, "how often light is reflected on its way to a pixel; 0: surfaces only emit")

    def draw(self, gpu: Gpu, view: View) -> Lighting:
        into = gpu.target("reference", view.size, *[LIGHTING_FORMAT] * (2 if view.gloss is None else 3))
        triangles, nodes = tracing.upload(gpu, view.scene)
        mine = self if self.reach is not None else replace(self, reach=UNLIMITED)
        split, (height, width) = view.sky.split, view.sky.radiance.shape[:2]

        def make() -> tuple[Texture, Texture]:
            return gpu.sphere_map(split.dim) if len(split.bright) else view.environment.background, gpu.texels(split.bright.reshape(-1, 4))

        dim, texels = gpu.cached("split environment", view.sky, make, keep=2)
        given: dict[str, Any] = {"reference": mine, "frame": view.frame, "gbuffer": view.gbuffer, "walk": Walk(nodes), "traced": triangles}
        bright = Bright(len(split.bright), (width, height), width * height / (2 * math.pi**2 * split.light) if split.light else 0.0)
        given |= {"environment": view.environment._replace(background=dim), "bright": bright, "bright_texels": texels}
        given["lamps"] = lamps.block(view.scene, view.lamps)
        if not (view.scene.layered or view.scene.lamps):
            return Lighting(*gpu.draw("reference.frag:matte", into, **given))
        given |= {"lamp_texels": lamps.listed(gpu, view.scene, view.frame, view.lamps)}
        given |= {"whole_environment": view.environment.background, "gloss_reflectance": light.reflectance_table(gpu)}
        return Lighting(*gpu.draw(f"reference.frag:{'full' if view.gloss is None else 'glossy'}", into, **given))

    def label(self) -> str:
        reach = "" if self.reach is None else f", reach {self.reach:.3g} m"
        return f"{self.group}, {self.rays} {'ray' if self.rays == 1 else 'rays'} a frame{reach}, {self.bounces} {'bounce' if self.bounces == 1 else 'bounces'}"
