"""What probes in a scene see around themselves: drawn once for a scene and its light, and looked up for every direction
that the screen leaves open.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from ssdo.gpu.context import Gpu, Texture
from ssdo.render import path_tracing
from ssdo.render.frame_uniforms import FrameUniforms
from ssdo.render.probe_grid import Grid, grid
from ssdo.render.technique import TechniqueInputs

TARGET = "far field"  # what holds it
IDENTITY = tuple(float(i % 5 == 0) for i in range(16))


class Probes(NamedTuple):
    """Passed to shaders as `far_field`; read through shaders/common/probes.glsl."""

    seen: Texture | None  # rgb: radiance of what is met; a: metres to that. None: there are no probes


def given(gpu: Gpu, view: TechniqueInputs) -> dict[str, Any]:
    """All that shaders/common/probes.glsl reads, but the frame."""
    where = grid(view.scene, view.probes)
    return {
        "probes": view.probes,
        "grid": where,
        "far_field": Probes(_drawn(gpu, view, where) if view.probes.enabled else None),
    }


def _drawn(gpu: Gpu, view: TechniqueInputs, where: Grid) -> Texture:
    light_alone = view._replace(frame=_without_camera(view.frame), lights=replace(view.lights, shadows=0))
    into = gpu.target(TARGET, where.size, "rgba32f")
    entry = "full" if path_tracing.full(view) else "matte"
    return gpu.draw(
        f"passes/probe_trace.frag:{entry}",
        into,
        keep=True,
        grid=where,
        frame=light_alone.frame,
        **path_tracing.given(gpu, light_alone),
    )[0]


def _without_camera(frame: FrameUniforms) -> FrameUniforms:
    """The light of a frame: the same wherever the camera is, and in every frame."""
    seen = replace(
        frame,
        clip_from_world=IDENTITY,
        view_from_world=IDENTITY,
        world_from_view=IDENTITY,
        eye=(0.0, 0.0, 0.0),
        jitter=(0.0, 0.0, 0.0),
        index=0,
    )
    return replace(seen, size=(1.0, 1.0), tangent=(1.0, 1.0), shift=(0.0, 0.0))
