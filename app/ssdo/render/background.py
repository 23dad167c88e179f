"""What is seen behind surfaces, and how the ground fades into it."""

from __future__ import annotations

from dataclasses import dataclass

from ssdo.scene.model import Scene
from ssdo.settings import Vec3, param

KINDS = ("environment", "blurred", "color", "transparent")


@dataclass(frozen=True)
class BackgroundUniforms:
    """Passed to shaders/passes/composite.frag as `background`."""

    color: Vec3  # linear radiance
    ground_center: Vec3  # world space
    ground_fade_start: float  # metres from the centre
    ground_fade_end: float
    kind: str = param("environment", choices=KINDS)
    has_ground: bool = param(False, compile_time=True)


def make_background(scene: Scene, kind: str, color: Vec3) -> BackgroundUniforms:
    """The background of a scene. `kind` is one of KINDS."""
    ground = scene.ground
    if ground is None:
        return BackgroundUniforms(color, (0.0, 0.0, 0.0), 0.0, 1.0, kind)
    return BackgroundUniforms(color, ground.center, ground.fade_start, ground.fade_end, kind, has_ground=True)
