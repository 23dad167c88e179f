"""Views of built-in scenes that figures are measured over: eye and target, the first the scene's own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from ssdo.scene.built_in import BUILT_IN, builder
from ssdo.settings import Vec3

CAMERAS: Mapping[str, Sequence[tuple[Vec3, Vec3]]] = {
    "courtyard": (
        ((-3.5, 2.0, 5.7), (0.15, 1.72, -1.5)),
        ((3.6, 1.6, 4.6), (-1.2, 1.3, -0.6)),
        ((-1.0, 1.5, 1.4), (-3.6, 1.2, -4.6)),
    ),
    "cornell": (
        ((0.0, 2.75, 12.2), (0.0, 2.72, 0.0)),
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


def of(scene: str) -> Sequence[tuple[Vec3 | None, Vec3 | None]]:
    """Those of a scene: listed here, or in its module; of any other scene its own view alone."""
    name = scene.partition(":")[0]
    if name in CAMERAS or name not in BUILT_IN:
        return CAMERAS.get(name, [(None, None)])
    found: Sequence[tuple[Vec3, Vec3]] = getattr(sys.modules[builder(name).__module__], "CAMERAS", [(None, None)])
    return found
