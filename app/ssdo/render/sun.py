"""Direct light of the sun: a disc in the sky with percentage-closer soft shadows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np

from ssdo.arrays import Doubles
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Box, Texture
from ssdo.render.culling import CulledTriangles, find_culled_triangles, upload_occluders
from ssdo.render.frame_uniforms import FrameUniforms, Matrix, box_corners, look_at, to_glsl_matrix
from ssdo.render.gbuffer import GBuffer
from ssdo.render.mesh_buffers import upload_scene
from ssdo.scene.model import Scene
from ssdo.settings import Settings, Vec3, param

DIRECT_LIGHTING_FORMAT = "rgba32f"
MAX_SHADOW_DEPTH = 100.0  # how far the shadow map extends along the light from the subject, in its bounding radii


@dataclass(frozen=True)
class SunSettings(Settings):
    """The sun: a distant light from one direction."""

    group: ClassVar[str] = "sun"

    azimuth: float | None = param(
        None, -360.0, 360.0, "direction of the sun: 0 is north (-z), 90 east (+x)", unit="deg", auto_label="the scene's"
    )
    elevation: float | None = param(
        None, -90.0, 90.0, "height of the sun above the horizon", unit="deg", auto_label="the scene's"
    )
    irradiance: float | None = param(
        None, 0.0, 1e9, "irradiance on a surface that faces the sun; 0 switches it off", auto_label="the scene's"
    )
    color: Vec3 | None = param(None, 0.0, 1.0, "linear colour of sunlight", auto_label="the scene's")
    angular_diameter: float | None = param(
        None,
        0.0,
        20.0,
        "angular diameter of the sun; larger values soften shadows",
        unit="deg",
        auto_label="the scene's",
    )
    resolution: int = param(2048, 256, 8192, "width of the shadow map", unit="px")


@dataclass(frozen=True)
class ShadowFrustum:
    """Passed to shaders as `shadow_frustum`: the box of the shadow map. It does not depend on the camera."""

    # To light space, metres: x and y from the box's lowest corner, z 0 at the near plane and negative behind it.
    light_from_world: Matrix
    extent: tuple[float, float]  # width and height, metres
    depth_range: float  # from the near to the far plane, metres
    resolution: float  # width of the shadow map, texels


@dataclass(frozen=True)
class ShadowCamera:
    """Passed to the shaders of shadow maps as `shadow_camera`."""

    clip_from_world: Matrix


class ShadowMap(NamedTuple):
    """Passed to shaders as `shadow_map`."""

    depth: Texture  # 0 at the near plane, 1 at the far plane


class DirectLighting(NamedTuple):
    """Direct light of sun and punctual lights at every pixel, with shadows."""

    irradiance: Texture  # rgb
    specular: Texture | None = None  # rgb: radiance that the specular lobe reflects. None: everything is diffuse


def direct_lighting_formats(gbuffer: GBuffer) -> list[str]:
    """The formats of the textures of `DirectLighting`."""
    return [DIRECT_LIGHTING_FORMAT] * (1 if gbuffer.specular is None else 2)


def draw_sun(
    gpu: Gpu,
    scene: Scene,
    frame: FrameUniforms,
    gbuffer: GBuffer,
    settings: SunSettings,
    target_name: str = "sun",
    scissor: Box | None = None,
) -> DirectLighting:
    """Draw the sun's direct light, on the pixels of the scissor box or all. Raises UserError."""
    target = gpu.target(target_name, gbuffer.depth.size, *direct_lighting_formats(gbuffer))
    if not any(frame.sun_irradiance):
        return DirectLighting(*gpu.clear(target))
    frustum, _ = fit_shadow_frustum(scene, frame.sun_direction_ws, settings.resolution)
    culled = find_culled_triangles(gpu, scene, frame)
    shadow_map = ShadowMap(_draw_shadow_map(gpu, scene, frame.sun_direction_ws, settings.resolution, culled))
    entry = "diffuse" if gbuffer.specular is None else "specular"
    textures = gpu.draw(
        f"passes/sun.frag:{entry}",
        target,
        cache=scissor is None,
        scissor=scissor,
        frame=frame.for_cached_passes,
        gbuffer=gbuffer,
        shadow_frustum=frustum,
        shadow_map=shadow_map,
    )
    return DirectLighting(*textures)


@lru_cache(2)  # called in every frame
def fit_shadow_frustum(scene: Scene, sun_direction_ws: Vec3, resolution: int) -> tuple[ShadowFrustum, ShadowCamera]:
    """Fit the shadow map's box to the scene's subject, and to all that its shadow may fall on.

    A wide ground and stray triangles still cast shadows on the subject; what lies beside the box is lit.
    """
    low, high, *outside_counts = scene.subject
    center = (low + high) / 2
    view = look_at(tuple(center), tuple(center - np.array(sun_direction_ws)))
    corners = np.column_stack([box_corners(low, high), np.ones(8)]) @ view
    margin = scene.bounding_radius * 0.01
    box_low, box_high = corners[:, :3].min(0) - margin, corners[:, :3].max(0) + margin
    if any(outside_counts) or scene.ground:
        _extend_along_light(scene, view, box_low, box_high)
    translation = np.eye(4)
    translation[3, :3] = -box_low[0], -box_low[1], -box_high[2]
    light_from_world = view @ translation
    extent = box_high - box_low
    projection = np.diag([2 / extent[0], 2 / extent[1], -2 / extent[2], 1.0])
    projection[3, :3] = -1.0
    frustum = ShadowFrustum(
        light_from_world=to_glsl_matrix(light_from_world),
        extent=(float(extent[0]), float(extent[1])),
        depth_range=float(extent[2]),
        resolution=float(resolution),
    )
    return frustum, ShadowCamera(to_glsl_matrix(light_from_world @ projection))


def _extend_along_light(scene: Scene, light_from_world: Doubles, box_low: Doubles, box_high: Doubles) -> None:
    """Extend a box in light space along z to the part of the scene's bounds that its columns may pass through.

    At most MAX_SHADOW_DEPTH radii, so that the map's depth stays precise.
    """
    x, y = np.meshgrid((box_low[0], box_high[0]), (box_low[1], box_high[1]))
    columns_ws = np.column_stack([x.ravel(), y.ravel(), np.zeros(4), np.ones(4)]) @ np.linalg.inv(light_from_world)
    direction_ws = light_from_world[:3, 2]
    limit = MAX_SHADOW_DEPTH * scene.bounding_radius
    z_low, z_high = box_low[2] - limit, box_high[2] + limit
    for axis in np.flatnonzero(abs(direction_ws) > 1e-6):
        low, high = (float(corner[axis]) for corner in scene.bounds)
        ends = (np.array((low, high))[:, None] - columns_ws[:, axis]) / direction_ws[axis]
        z_low, z_high = max(z_low, ends.min()), min(z_high, ends.max())
    margin = scene.bounding_radius * 0.01
    box_low[2], box_high[2] = min(box_low[2], z_low - margin), max(box_high[2], z_high + margin)


def _draw_shadow_map(
    gpu: Gpu, scene: Scene, sun_direction_ws: Vec3, resolution: int, culled: CulledTriangles
) -> Texture:
    def draw() -> Texture:
        target = gpu.depth_target((resolution, resolution))
        _, camera = fit_shadow_frustum(scene, sun_direction_ws, resolution)
        gpu.raster(
            "passes/sun_shadow",
            target,
            upload_occluders(gpu, scene, culled),
            upload_scene(gpu, scene).mask_ranges,
            # Empty texels at the border: a ground that extends beyond the map casts no shadow there.
            scissor=(1, 1, resolution - 2, resolution - 2),
            shadow_camera=camera,
        )
        return target.textures[0]

    return gpu.cached("sun shadow map", (scene, sun_direction_ws, resolution, culled), draw, max_entries=2)
