"""A scene of any size: the same shape with as many triangles as asked for, to measure what they cost."""

from __future__ import annotations

import math
from typing import Annotated

from ssdo.scene.built_in.blocks import make_trefoil_knot
from ssdo.scene.limits import Limits
from ssdo.scene.model import DirectionalLight, Material, Scene
from ssdo.scene.modelling.shapes import make_quad

BRONZE = Material((0.42, 0.27, 0.14), name="bronze")
STONE = Material((0.55, 0.52, 0.47), name="stone")


def build_million(triangles: Annotated[int, Limits(1000, 20_000_000)] = 1_000_000) -> Scene:
    """A knot of about `triangles` triangles on a floor; its shape does not depend on their number."""
    sides = max(round(math.sqrt(triangles / 20)), 6)
    steps = round(triangles / (2 * sides))
    knot = make_trefoil_knot((0.0, 1.02, 0.0), 0.76, 0.185, BRONZE, steps=steps, sides=sides)
    floor = make_quad((-6, 0, 6), (6, 0, 6), (6, 0, -6), (-6, 0, -6), STONE)
    return Scene(
        (knot, floor),
        eye=(1.6, 1.9, 3.4),
        target=(0.0, 0.85, 0.0),
        fov=36.0,
        sun=DirectionalLight(azimuth=140.0, elevation=42.0, irradiance=2.4, color=(1.0, 0.94, 0.84)),
        environment="sky",
    )
