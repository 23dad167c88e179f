"""What probes in a scene see around themselves: drawn once for a scene and its light, and looked up for every direction that the screen leaves open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from app import paths
from app.far import Grid, grid
from app.frame import Frame
from app.gpu import Gpu, Texture
from app.technique import View

TARGET = "far field"  # what holds it
IDENTITY = tuple(float(i % 5 == 0) for i in range(16))


class Probes(NamedTuple):
    """Passed to shaders as `far_field`; read through shaders/common/far.glsl."""

    seen: Texture | None  # rgb: radiance of what is met; a: metres to that. None: there are no probes


def given(gpu: Gpu, view: View) -> dict[str, Any]:
    """All that shaders/common/far.glsl reads, but the frame."""
    where = grid(view.scene, view.far)
    return {"far": view.far, "grid": where, "far_field": Probes(_drawn(gpu, view, where) if view.far.known else None)}


def _drawn(gpu: Gpu, view: View, where: Grid) -> Texture:
    light_alone = view._replace(frame=_without_camera(view.frame), lamps=replace(view.lamps, shadows=0))
    into = gpu.target(TARGET, where.size, "rgba32f")
    entry = "full" if paths.full(view) else "matte"
    return gpu.draw(f"far.frag:{entry}", into, keep=True, grid=where, frame=light_alone.frame, **paths.given(gpu, light_alone))[0]


def _without_camera(frame: Frame) -> Frame:
    """The light of a frame: the same wherever the camera is, and in every frame."""
    seen = replace(frame, clip_from_world=IDENTITY, view_from_world=IDENTITY, world_from_view=IDENTITY, eye=(0.0, 0.0, 0.0), jitter=(0.0, 0.0, 0.0), index=0)
    return replace(seen, size=(1.0, 1.0), tangent=(1.0, 1.0), shift=(0.0, 0.0))
