"""The surfaces the camera sees."""

from __future__ import annotations

from typing import NamedTuple

from app.frame import Frame
from app.geometry import seen, upload
from app.gpu import Gpu, Texture
from app.scene import Scene

BACKGROUND = 1e30  # the depth where there is no surface: farther than any, so that it never hides one


class GBuffer(NamedTuple):
    """Passed to shaders as `gbuffer`."""

    normal: Texture  # rgb: unit normal, world space, towards the camera's side; a: 1 on a surface, 0 on the background
    albedo: Texture  # rgb: diffuse reflectance, linear; a: share of the environment's light that the artist lets through
    emission: Texture  # rgb: radiance
    depth: Texture  # metres along the view axis, 32 bit
    flat: Texture  # the normal without the bumps of a normal image: what the surface's own plane is
    gloss: Texture | None = None  # rgb: reflectance at normal incidence; a: roughness; None: everything is diffuse


def draw(gpu: Gpu, scene: Scene, frame: Frame) -> GBuffer:
    """Depth is written in metres beside the depth test's own: as precise at a kilometre as at a metre, and cheap to use."""
    formats = ["rgba16f", "rgba16f", "rgba16f", "r32f", *(["rgba16f", "rgba16f"] if scene.layered else [])]
    into = gpu.target("gbuffer", (int(frame.size[0]), int(frame.size[1])), *formats, depth=True)
    uploaded = upload(gpu, scene)
    gpu.raster("gbuffer", into, uploaded.geometry, seen(uploaded, frame), clear=[BACKGROUND if f == "r32f" else 0.0 for f in formats], frame=frame)
    normal, albedo, emission, depth, *more = into.textures
    return GBuffer(normal, albedo, emission, depth, more[0] if more else normal, more[1] if scene.glossy else None)


def inverse_depth(gpu: Gpu, frame: Frame, surfaces: GBuffer) -> Texture:
    """1 / depth (1 / metres) with a border of one pixel that is 0, as nothing is there: what screen-space techniques look for occluders in."""
    width, height = surfaces.depth.size
    return gpu.draw("inverse.frag", gpu.target("inverse depth", (width + 2, height + 2), "r32f"), frame=frame, gbuffer=surfaces)[0]
