"""A corner of a furnished room: a small interior, open to the south and above."""

from __future__ import annotations

import numpy as np

from ssdo.scene.model import DirectionalLight, Material, Mesh, Scene
from ssdo.scene.modelling.assembly import make_transform, merge_by_material, transform
from ssdo.scene.modelling.shapes import lathe, make_box, make_boxes, make_quad, make_sphere

PLASTER = Material((0.74, 0.71, 0.66))
OAK = Material((0.42, 0.26, 0.13))


def _build_room() -> list[Mesh]:
    """A wooden floor, a plain back wall, a green left wall."""
    wood, green = Material((0.52, 0.40, 0.30)), Material((0.22, 0.46, 0.20))
    return [
        make_quad((-1.8, 0, 1.6), (1.8, 0, 1.6), (1.8, 0, -1.5), (-1.8, 0, -1.5), wood),
        make_quad((-1.8, 0, -1.5), (1.8, 0, -1.5), (1.8, 2.6, -1.5), (-1.8, 2.6, -1.5), PLASTER),
        make_quad((-1.8, 0, 1.6), (-1.8, 0, -1.5), (-1.8, 2.6, -1.5), (-1.8, 2.6, 1.6), green),
    ]


def _build_table() -> list[Mesh]:
    """A table with a vase and a ball on it."""
    top = make_box((-0.65, 0.70, -0.4), (0.65, 0.75, 0.4), OAK)
    feet = np.array([[x, 0.0, z] for x in (-0.55, 0.55) for z in (-0.3, 0.3)])
    legs = make_boxes(feet - (0.03, 0, 0.03), feet + (0.03, 0.70, 0.03), OAK)
    vase_profile = [(0, 0), (0.07, 0), (0.11, 0.12), (0.05, 0.24), (0.07, 0.28), (0, 0.28)]
    vase = lathe(vase_profile, (-0.2, 0.75, 0.05), Material((0.75, 0.20, 0.12)))
    ball = make_sphere((0.3, 0.83, -0.05), 0.08, Material((0.80, 0.78, 0.74)))
    matrix = make_transform((0.15, 0.0, 0.1), 18.0)
    return [transform(m, matrix) for m in (top, legs, vase, ball)]


def _build_shelf() -> list[Mesh]:
    """Five boards between two sides, and two piles of red books."""
    board_corners = np.array([[-0.5, y, -0.14] for y in (0.0, 0.45, 0.9, 1.35, 1.77)])
    boards = make_boxes(board_corners, board_corners + (1.0, 0.03, 0.28), PLASTER)
    side_lows, side_highs = [[-0.53, 0, -0.14], [0.5, 0, -0.14]], [[-0.5, 1.8, 0.14], [0.53, 1.8, 0.14]]
    sides = make_boxes(np.array(side_lows), np.array(side_highs), PLASTER)
    book_corners = np.array([[-0.35, 0.48, -0.1], [0.1, 0.93, -0.1]])
    books = make_boxes(book_corners, book_corners + (0.25, 0.3, 0.2), Material((0.70, 0.16, 0.10)))
    matrix = make_transform((0.85, 0.0, -1.33))
    return [transform(m, matrix) for m in (boards, sides, books)]


def _build_chest() -> Mesh:
    chest = make_box((-0.45, 0, -0.28), (0.45, 0.5, 0.28), Material((0.13, 0.22, 0.55)))
    return transform(chest, make_transform((-0.95, 0.0, -0.75), -24.0))


def build_nook() -> Scene:
    """A corner of a furnished room: a table, a shelf, a blue chest, an ochre ball; two walls, the left one green."""
    meshes = [*_build_room(), *_build_table(), *_build_shelf(), _build_chest()]
    meshes.append(make_sphere((-0.75, 0.24, 0.65), 0.24, Material((0.80, 0.56, 0.16))))
    meshes.append(make_box((0.95, 0, 0.55), (1.35, 0.36, 0.95), Material((0.68, 0.66, 0.62))))
    return Scene(
        tuple(merge_by_material(meshes)),
        eye=(1.9, 1.6, 3.6),
        target=(-0.1, 0.72, -0.3),
        fov=40.0,
        sun=DirectionalLight(azimuth=150.0, elevation=38.0, irradiance=2.2, color=(1.0, 0.93, 0.82)),
        environment="sky",
    )
