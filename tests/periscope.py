"""Surfaces as rays of the path tracer see them: by a mirror before the camera.

The technique `reference` rasterises the visible surfaces and their direct light. Only what a ray hits is shaded by the
path tracer. A camera that sees nothing but a mirror therefore shows path-traced surfaces, direct light included.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from render_small import SMALL, read_depth, register_scene
from ssdo.arrays import Doubles, Floats
from ssdo.gpu.context import Gpu
from ssdo.render.frame_uniforms import world_positions
from ssdo.render.pipeline import render_all_frames
from ssdo.render.shot import Shot
from ssdo.scene.model import Material, Mesh, Scene
from ssdo.scene.modelling.shapes import make_polygons
from ssdo.settings import Vec3

MIRROR = Material((1.0, 1.0, 1.0), metallic=1.0, roughness=0.0)
MIRROR_DISTANCE = 0.045  # before the camera, relative to its height: no nearer than the near plane
# Roughness 0 is a GGX alpha of 0.002: so far do reflected rays spread, per metre. 1 in 100 deviates by ten times that.
SPREAD = 2 * 0.002


class ReflectedView(NamedTuple):
    """What a mirror shows of a floor at height 0: arrays (h, w, 3), row 0 on top."""

    radiance: Floats  # towards the mirror
    position: Doubles  # world space, metres
    direction: Doubles  # unit, of the ray from the mirror


def render_floor_by_rays(
    gpu: Gpu,
    meshes: tuple[Mesh, ...],
    eye: Vec3,
    fov: float,
    values: dict[str, Any],
    pitch: float = 90.0,
    **fields: Any,
) -> ReflectedView:
    """Render the floor before `eye` by rays. `fov` is less than 90 degrees; `fields` are those of the scene.

    The camera looks north (-z) into a mirror, which shows what lies to the south, `pitch` degrees below the horizon.
    """
    aspect = values.get("width", SMALL["width"]) / values.get("height", SMALL["height"])
    normal, mirror = _make_mirror(eye, fov, aspect, math.radians(pitch))
    scene = Scene((*meshes, mirror), eye, (eye[0], eye[1], eye[2] - 1), fov, **fields)
    name = register_scene("periscope", scene)
    shot = Shot().with_values(SMALL | {"scene": name, "technique": "reference", "reference.rays": 16} | values)
    result = render_all_frames(gpu, shot)
    assert result.lighting.specular is not None
    radiance: Floats = gpu.read(result.lighting.specular)[..., :3]
    on_mirror = world_positions(result.inputs.frame, read_depth(gpu, result.inputs.gbuffer))
    offset = on_mirror - mirror.positions[0]
    assert np.abs(offset @ normal).max() < 1e-3 * MIRROR_DISTANCE * eye[1], "the mirror does not fill the image"
    ray = on_mirror - np.array(eye)
    direction = ray - 2 * (ray @ normal)[..., None] * normal
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    distance = -on_mirror[..., 1] / direction[..., 1]
    return ReflectedView(radiance, on_mirror + distance[..., None] * direction, direction)


def _make_mirror(eye: Vec3, fov: float, aspect: float, pitch: float) -> tuple[Doubles, Mesh]:
    """The unit normal of a mirror that fills the image, and its mesh. `pitch` is in radians."""
    tilt, tangent, distance = pitch / 2, math.tan(math.radians(fov) / 2), MIRROR_DISTANCE * eye[1]
    normal = np.array((0.0, -math.sin(tilt), math.cos(tilt)))
    right, up = np.array((1.0, 0.0, 0.0)), np.array((0.0, math.cos(tilt), math.sin(tilt)))
    nearest = math.cos(tilt) - tangent * math.sin(tilt)
    right = 1.1 * distance * tangent * aspect * math.cos(tilt) / nearest * right
    up = 1.1 * distance * tangent / nearest * up
    center = np.array(eye) - (0.0, 0.0, distance)
    return normal, make_polygons(
        [[center - right - up, center + right - up, center + right + up, center - right + up]], MIRROR
    )
