"""Cameras of built-in scenes that measurements use: (eye, target) each; the first is the scene's own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from ssdo.scene.built_in import BUILT_IN_SCENES, get_builder
from ssdo.settings import Vec3

CAMERAS_BY_SCENE: Mapping[str, Sequence[tuple[Vec3, Vec3]]] = {
    "courtyard": (
        ((-3.5, 2.0, 5.7), (0.15, 1.72, -1.5)),
        ((3.6, 1.6, 4.6), (-1.2, 1.3, -0.6)),
        ((-1.0, 1.5, 1.4), (-3.6, 1.2, -4.6)),
    ),
    "cornell": (
        ((0.0, 2.73, 10.796), (0.0, 2.73, 0.0)),
        ((-2.0, 4.6, 6.0), (0.3, 0.8, -0.6)),
        ((1.2, 1.5, 6.5), (-0.6, 1.6, -1.0)),
    ),
    "nook": (
        ((1.9, 1.6, 3.6), (-0.1, 0.72, -0.3)),
        ((0.6, 1.9, 2.2), (-0.4, 0.4, -0.6)),
        ((-1.2, 0.9, 2.0), (0.6, 0.7, -0.9)),
    ),
    "blocks": (
        ((1.2, 6.0, 4.6), (0.0, 1.55, -0.1)),
        ((5.0, 1.6, 5.5), (0.0, 0.8, 0.0)),
        ((-4.0, 2.2, 4.2), (0.5, 0.8, -0.5)),
    ),
}


def get_cameras(scene: str) -> Sequence[tuple[Vec3 | None, Vec3 | None]]:
    """The cameras of a scene: from this table, from `CAMERAS` of its module, or (None, None) for its own camera."""
    name = scene.partition(":")[0]
    if name in CAMERAS_BY_SCENE or name not in BUILT_IN_SCENES:
        return CAMERAS_BY_SCENE.get(name, [(None, None)])
    module = sys.modules[get_builder(name).__module__]
    cameras: Sequence[tuple[Vec3, Vec3]] = getattr(module, "CAMERAS", [(None, None)])
    return cameras
