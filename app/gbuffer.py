"""The surfaces the camera sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.frame import Frame, Matrix
from app.geometry import seen, upload
from app.gpu import Gpu, Texture
from app.scene import Scene

BACKGROUND = 1e30  # the depth where there is no surface: farther than any, so that it never hides one


class GBuffer(NamedTuple):
    """Passed to shaders as `gbuffer`."""

    normal: Texture  # rgb: unit normal, world space, towards the camera's side; a: 1 on a surface, 0 on the background
    albedo: Texture  # rgb: diffuse reflectance, linear; a: share of the environment's light that the artist lets through
    emission: Texture  # rgb: radiance; a black texel where nothing in the scene shines
    depth: Texture  # metres along the view axis, 32 bit
    flat: Texture  # the normal without the bumps of a normal image: what the surface's own plane is
    gloss: Texture | None = None  # rgb: reflectance at normal incidence; a: roughness; None: everything is diffuse


@dataclass(frozen=True)
class Camera:
    """Passed to shaders/gbuffer.vert as `camera`: all of a frame that decides what is seen, so that other light draws no surfaces again."""

    clip_from_world: Matrix
    view_from_world: Matrix


def draw(gpu: Gpu, scene: Scene, frame: Frame) -> GBuffer:
    """Depth is written in metres beside the depth test's own: as precise at a kilometre as at a metre, and cheap to use."""
    formats = ["rgba16f", "rgba16f", "r32f", *["rgba16f"] * (2 * scene.layered + scene.shining)]
    into = gpu.target("gbuffer", (int(frame.size[0]), int(frame.size[1])), *formats, depth=True)
    uploaded = upload(gpu, scene)
    clear, camera = [BACKGROUND if f == "r32f" else 0.0 for f in formats], Camera(frame.clip_from_world, frame.view_from_world)
    gpu.raster("gbuffer", into, uploaded.geometry, seen(uploaded, frame), clear, camera=camera, keep=True)
    normal, albedo, depth, *more = into.textures
    emission = more.pop() if scene.shining else gpu.cached("black", None, lambda: gpu.table(np.zeros((1, 1, 4), "f4")))
    return GBuffer(normal, albedo, emission, depth, more[0] if more else normal, more[1] if scene.glossy else None)


def inverse_depth(gpu: Gpu, frame: Frame, surfaces: GBuffer) -> Texture:
    """1 / depth (1 / metres) with a border of one pixel that is 0, as nothing is there: what screen-space techniques look for occluders in."""
    width, height = surfaces.depth.size
    into = gpu.target("inverse depth", (width + 2, height + 2), "r32f")
    return gpu.draw("inverse.frag", into, keep=True, frame=frame.still, gbuffer=surfaces)[0]
