"""The Cornell box as measured at Cornell University: https://www.graphics.cornell.edu/online/box/data.html.

Walls, blocks, light and camera have the published coordinates, 100 units to a metre. Colours are linear Rec. 709, from
the published spectra with the CIE 1931 observer: reflectances under D65, the light's radiance as it is. Three things
differ:

- White light of an environment comes through the open front. The measured box stands in the dark, but screen-space
  techniques know no area lights: the one in the ceiling reaches them only through the bounce.
- Walls are solid, as these techniques guess how thick surfaces are.
- Walls are at right angles. The measured left wall leans by 0.6 % of the width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ssdo.scene.model import Material, Mesh, Scene
from ssdo.scene.modelling.assembly import merge_by_material
from ssdo.scene.modelling.shapes import make_box, make_hexahedra, make_polygons
from ssdo.settings import Vec3

Corner = tuple[float, float]  # x and z, in units of the published data

UNITS_PER_METRE = 100.0
CENTER = (278.0, 279.6)  # x and z of the origin: x of the camera, and the middle of the depth
WIDTH, HEIGHT, DEPTH = 552.8, 548.8, 559.2
WALL_THICKNESS = 0.12  # metres
LIGHT_GAP = 0.01  # metres: the light hangs below the ceiling, not in its plane
LIGHT_CORNERS: Sequence[Corner] = ((343, 227), (343, 332), (213, 332), (213, 227))
SHORT_BLOCK: Sequence[Corner] = ((130, 65), (82, 225), (240, 272), (290, 114))
TALL_BLOCK: Sequence[Corner] = ((423, 247), (265, 296), (314, 456), (472, 406))
SHORT_HEIGHT, TALL_HEIGHT = 165.0, 330.0
FOCAL_LENGTH, FILM_SIZE = 0.035, 0.025
EYE: Vec3 = (0.0, 2.73, 10.796)
WHITE = Material((0.738, 0.736, 0.740), name="white")
RED = Material((0.494, 0.049, 0.051), name="red")
GREEN = Material((0.068, 0.398, 0.087), name="green")
CEILING_LIGHT = Material((0.78, 0.78, 0.78), emission=(20.74, 10.86, 2.77), name="lamp")


def _place(x: float, y: float, z: float) -> Vec3:
    """A point of the published data in the world: metres, to the right, up, and towards the camera."""
    return (CENTER[0] - x) / UNITS_PER_METRE, y / UNITS_PER_METRE, (CENTER[1] - z) / UNITS_PER_METRE


def _build_block(footprint: Sequence[Corner], height: float) -> Mesh:
    bottom, top = ([_place(x, y, z) for x, z in footprint] for y in (0.0, height))
    return make_hexahedra([[*bottom, *top]], WHITE)


def _build_walls() -> list[Mesh]:
    """Floor, ceiling, back wall, red left and green right wall."""
    t = WALL_THICKNESS
    left, bottom, back = _place(WIDTH, 0, DEPTH)
    right, top, front = _place(0, HEIGHT, 0)
    return [
        make_box((left - t, bottom - t, back - t), (right + t, bottom, front), WHITE),
        make_box((left - t, top, back - t), (right + t, top + t, front), WHITE),
        make_box((left - t, bottom, back - t), (right + t, top, back), WHITE),
        make_box((left - t, bottom, back), (left, top, front), RED),
        make_box((right, bottom, back), (right + t, top, front), GREEN),
    ]


def build_cornell() -> Scene:
    """The measured Cornell box, lit by the light in its ceiling, and by a white environment through its open front."""
    light = [_place(x, HEIGHT - LIGHT_GAP * UNITS_PER_METRE, z) for x, z in LIGHT_CORNERS]
    meshes = [
        *_build_walls(),
        _build_block(TALL_BLOCK, TALL_HEIGHT),
        _build_block(SHORT_BLOCK, SHORT_HEIGHT),
        make_polygons([light], CEILING_LIGHT),
    ]
    return Scene(
        tuple(merge_by_material(meshes)),
        eye=EYE,
        target=(0.0, EYE[1], 0.0),
        fov=float(np.degrees(2 * np.arctan(FILM_SIZE / 2 / FOCAL_LENGTH))),
        environment="white",
        name="cornell",
    )
