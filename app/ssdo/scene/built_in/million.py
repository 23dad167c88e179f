"""A model as large as one likes, to see what its size costs."""

from __future__ import annotations

import math

from ssdo.scene.built_in.blocks import knot
from ssdo.scene.model import Material, Scene, Sunlight
from ssdo.scene.modelling.shapes import quad
from ssdo.settings import UserError

BRONZE = Material((0.42, 0.27, 0.14), name="bronze")
STONE = Material((0.55, 0.52, 0.47), name="stone")


def million(triangles: int = 1_000_000) -> Scene:
    """A knot of about `triangles` triangles on a floor: as many as you like, all of one shape, so that only their
    number differs.
    """
    if not 1000 <= triangles <= 20_000_000:
        raise UserError(f"scene million: triangles = {triangles}: must be 1000 to 20000000")
    sides = max(round(math.sqrt(triangles / 20)), 6)
    body = knot((0.0, 1.02, 0.0), 0.76, 0.185, BRONZE, steps=round(triangles / (2 * sides)), sides=sides)
    floor = quad((-6, 0, 6), (6, 0, 6), (6, 0, -6), (-6, 0, -6), STONE)
    sun = Sunlight(azimuth=140.0, elevation=42.0, irradiance=2.4, color=(1.0, 0.94, 0.84))
    return Scene((body, floor), eye=(1.6, 1.9, 3.4), target=(0.0, 0.85, 0.0), fov=36.0, sun=sun, environment="sky")
