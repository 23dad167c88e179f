"""Sunlight on the surfaces the camera sees: a disc in the sky, shadowed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ssdo.gpu.context import Gpu, Texture
from ssdo.render.frame_uniforms import FrameUniforms, Matrix, box_corners, flat, look_at
from ssdo.render.gbuffer import GBuffer
from ssdo.render.mesh_buffers import upload
from ssdo.scene.model import Scene
from ssdo.settings import Settings, Vec3, param


@dataclass(frozen=True)
class SunSettings(Settings):
    """The sun: one direction, sharp light."""

    group: ClassVar[str] = "sun"

    azimuth: float | None = param(
        None, -360.0, 360.0, "where it stands: 0 north (-z), 90 east (+x)", unit="deg", auto_label="the scene's"
    )
    elevation: float | None = param(None, -90.0, 90.0, "how high it stands", unit="deg", auto_label="the scene's")
    irradiance: float | None = param(
        None, 0.0, 1e6, "on a surface that faces it; 0 switches it off", auto_label="the scene's"
    )
    color: Vec3 | None = param(None, 0.0, 1.0, "linear colour of its light", auto_label="the scene's")
    angular_diameter: float | None = param(
        None,
        0.0,
        20.0,
        "angular diameter: how soft shadows are",
        unit="deg",
        auto_label="0.53, the sun's, or that of an extracted one",
    )
    resolution: int = param(2048, 256, 8192, "texels a side of its shadow map", unit="px")


@dataclass(frozen=True)
class Shadow:
    """Where the shadow map lies. It holds the whole scene, so that nothing depends on the camera."""

    light_from_world: Matrix  # metres across, 0 to 1 in depth after scaling
    extent: tuple[float, float]  # metres the map covers
    depth: float  # metres from its near to its far plane
    texels: float  # a side


class ShadowMap(NamedTuple):
    depth: Texture


class Sunshine(NamedTuple):
    """Light from directions that are known, on every pixel; passed to shaders as `light`."""

    irradiance: Texture  # rgb
    # rgb: radiance that glossy surfaces reflect of it towards the camera; None: there are none
    shine: Texture | None = None


@lru_cache(2)  # asked for in every frame
def place(scene: Scene, towards: Vec3, texels: int) -> tuple[Shadow, Matrix]:
    """The map's box around the scene, and clip from world for drawing it."""
    low, high = (corner.astype("f8") for corner in scene.bounds)
    center = (low + high) / 2
    view = look_at(tuple(center), tuple(center - np.array(towards)))
    corners = np.column_stack([box_corners(low, high), np.ones(8)]) @ view
    margin = scene.size * 0.01
    least, most = corners[:, :3].min(0) - margin, corners[:, :3].max(0) + margin
    shift = np.eye(4)
    shift[3, :3] = -least[0], -least[1], -most[2]  # x, y from 0; z from 0 downwards
    light = view @ shift
    extent = most - least
    projection = np.diag([2 / extent[0], 2 / extent[1], -2 / extent[2], 1.0])
    projection[3, :3] = -1.0
    return Shadow(flat(light), (float(extent[0]), float(extent[1])), float(extent[2]), float(texels)), flat(
        light @ projection
    )


@dataclass(frozen=True)
class Light:
    """Passed to the shadow map's shader as `light`."""

    clip_from_world: Matrix


def draw(
    gpu: Gpu, scene: Scene, frame: FrameUniforms, gbuffer: GBuffer, sun: SunSettings, name: str = "sun"
) -> Sunshine:
    """The sun's light on every pixel."""
    into = gpu.target(name, gbuffer.depth.size, *["rgba32f"] * (1 if gbuffer.gloss is None else 2))
    if not any(frame.sun_irradiance):
        return Sunshine(*gpu.clear(into))
    shadow, clip = place(scene, frame.sun_direction, sun.resolution)

    def make() -> Texture:
        depth, framebuffer = gpu.depth_map((sun.resolution, sun.resolution))
        uploaded = upload(gpu, scene)
        gpu.raster("passes/sun_shadow", framebuffer, uploaded.geometry, uploaded.shadows, light=Light(clip))
        return depth

    depth = gpu.cached("shadow", (scene, frame.sun_direction, sun.resolution), make, keep=2)
    entry = "matte" if gbuffer.gloss is None else "glossy"
    given: dict[str, Any] = {"frame": frame.still, "shadow": shadow, "gbuffer": gbuffer, "shadow_map": ShadowMap(depth)}
    return Sunshine(*gpu.draw(f"passes/sun.frag:{entry}", into, keep=True, **given))
