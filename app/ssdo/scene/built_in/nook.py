"""A corner of a furnished room: a small interior, open to the south and above."""

from __future__ import annotations

import numpy as np

from ssdo.scene.model import Material, Scene, Sunlight
from ssdo.scene.modelling.assembly import merged
from ssdo.scene.modelling.shapes import box, boxes, lathe, placing, quad, sphere, transformed

PLASTER = Material((0.74, 0.71, 0.66))
OAK = Material((0.42, 0.26, 0.13))


def nook() -> Scene:
    """A corner of a furnished room: a table, a shelf, a blue chest, an ochre ball; two walls, the left one green."""
    legs = np.array([[x, 0.0, z] for x in (-0.55, 0.55) for z in (-0.3, 0.3)])
    boards = np.array([[-0.5, y, -0.14] for y in (0.0, 0.45, 0.9, 1.35, 1.77)])
    books = np.array([[-0.35, 0.48, -0.1], [0.1, 0.93, -0.1]])
    table, shelf, chest = (
        placing((0.15, 0.0, 0.1), 18.0, 1.0),
        placing((0.85, 0.0, -1.33), 0.0, 1.0),
        placing((-0.95, 0.0, -0.75), -24.0, 1.0),
    )
    meshes = [
        quad((-1.8, 0, 1.6), (1.8, 0, 1.6), (1.8, 0, -1.5), (-1.8, 0, -1.5), Material((0.52, 0.40, 0.30))),
        quad((-1.8, 0, -1.5), (1.8, 0, -1.5), (1.8, 2.6, -1.5), (-1.8, 2.6, -1.5), PLASTER),
        quad((-1.8, 0, 1.6), (-1.8, 0, -1.5), (-1.8, 2.6, -1.5), (-1.8, 2.6, 1.6), Material((0.22, 0.46, 0.20))),
        transformed(box((-0.65, 0.70, -0.4), (0.65, 0.75, 0.4), OAK), table),
        transformed(boxes(legs - (0.03, 0, 0.03), legs + (0.03, 0.70, 0.03), OAK), table),
        transformed(
            lathe(
                [(0, 0), (0.07, 0), (0.11, 0.12), (0.05, 0.24), (0.07, 0.28), (0, 0.28)],
                (-0.2, 0.75, 0.05),
                Material((0.75, 0.20, 0.12)),
            ),
            table,
        ),
        transformed(sphere((0.3, 0.83, -0.05), 0.08, Material((0.80, 0.78, 0.74))), table),
        transformed(boxes(boards, boards + (1.0, 0.03, 0.28), PLASTER), shelf),
        transformed(
            boxes(
                np.array([[-0.53, 0, -0.14], [0.5, 0, -0.14]]),
                np.array([[-0.5, 1.8, 0.14], [0.53, 1.8, 0.14]]),
                PLASTER,
            ),
            shelf,
        ),
        transformed(boxes(books, books + (0.25, 0.3, 0.2), Material((0.70, 0.16, 0.10))), shelf),
        transformed(box((-0.45, 0, -0.28), (0.45, 0.5, 0.28), Material((0.13, 0.22, 0.55))), chest),
        sphere((-0.75, 0.24, 0.65), 0.24, Material((0.80, 0.56, 0.16))),
        box((0.95, 0, 0.55), (1.35, 0.36, 0.95), Material((0.68, 0.66, 0.62))),
    ]
    return Scene(
        tuple(merged(meshes)),
        eye=(1.9, 1.6, 3.6),
        target=(-0.1, 0.72, -0.3),
        fov=40.0,
        sun=Sunlight(azimuth=150.0, elevation=38.0, irradiance=2.2, color=(1.0, 0.93, 0.82)),
        environment="sky",
    )
