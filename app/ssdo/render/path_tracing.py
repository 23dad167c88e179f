"""What shaders that follow light with rays are given: the triangles, the environment in two parts, the lamps. See
shaders/common/path_tracing.glsl.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ssdo.gpu.context import Gpu, Texture
from ssdo.render import environment_maps, punctual_lights, ray_scene
from ssdo.render.technique import TechniqueInputs

UNLIMITED = 1e9  # metres


@dataclass(frozen=True)
class Paths:
    """Passed to shaders as `paths`."""

    reach: float  # metres that a ray goes
    bounces: int  # how often light is reflected on its way to where a path begins


@dataclass(frozen=True)
class Bright:
    """Passed to shaders as `bright`: the part of the environment that rays are aimed at."""

    count: int  # texels, see environment.Split; 0: no ray is aimed
    size: tuple[float, float]  # of the whole map
    density: float  # of rays by solid angle, for each unit of remainder, channels added up


def full(view: TechniqueInputs) -> bool:
    """Whether what rays meet needs more than the plainest of materials."""
    return view.scene.layered or bool(view.scene.lamps)


def given(gpu: Gpu, view: TechniqueInputs, reach: float = UNLIMITED, bounces: int = 1) -> dict[str, Any]:
    """All that shaders/common/path_tracing.glsl reads, but the frame."""
    triangles, nodes = ray_scene.upload(gpu, view.scene)
    split, (height, width) = view.sky.split, view.sky.radiance.shape[:2]

    def make() -> tuple[Texture, Texture]:
        return gpu.sphere_map(split.dim) if len(split.bright) else view.environment.background, gpu.texels(
            split.bright.reshape(-1, 4)
        )

    dim, texels = gpu.cached("split environment", view.sky, make, keep=2)
    found: dict[str, Any] = {"paths": Paths(reach, bounces), "walk": ray_scene.Walk(nodes), "traced": triangles}
    bright = Bright(
        len(split.bright), (width, height), width * height / (2 * math.pi**2 * split.light) if split.light else 0.0
    )
    found |= {"environment": view.environment._replace(background=dim), "bright": bright, "bright_texels": texels}
    found["lamps"] = punctual_lights.block(view.scene, view.lights)
    if full(view):
        found |= {"lamp_texels": punctual_lights.listed(gpu, view.scene, view.frame, view.lights)}
        found |= {
            "whole_environment": view.environment.background,
            "gloss_reflectance": environment_maps.reflectance_table(gpu),
        }
    return found
