"""The surfaces the camera sees."""

from __future__ import annotations

from typing import NamedTuple

from app.frame import Frame
from app.geometry import upload
from app.gpu import Gpu, Texture
from app.scene import Scene

BACKGROUND = 1e30  # the depth where there is no surface: farther than any, so that it never hides one


class GBuffer(NamedTuple):
    """Passed to shaders as `gbuffer`."""

    normal: Texture  # rgb: unit normal, world space, towards the camera's side; a: 1 on a surface, 0 on the background
    albedo: Texture  # rgb: diffuse reflectance, linear
    emission: Texture  # rgb: radiance
    depth: Texture  # metres along the view axis, 32 bit


def draw(gpu: Gpu, scene: Scene, frame: Frame) -> GBuffer:
    """Depth is written in metres beside the depth test's own: as precise at a kilometre as at a metre, and cheap to use."""
    into = gpu.target("gbuffer", (int(frame.size[0]), int(frame.size[1])), "rgba16f", "rgba16f", "rgba16f", "r32f", depth=True)
    geometry, parts = upload(gpu, scene)
    gpu.raster("gbuffer", into, geometry, parts, clear=(0.0, 0.0, 0.0, BACKGROUND), frame=frame)
    return GBuffer(*into.textures)
