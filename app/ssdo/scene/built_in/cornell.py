"""The box of Cornell University: one red wall, one green, two blocks. The scene every bounce is judged by."""

from __future__ import annotations

from ssdo.scene.model import Material, Mesh, Scene, Sunlight
from ssdo.scene.modelling.assembly import merged, moved, turned
from ssdo.scene.modelling.shapes import box, quad

SIDE = 5.5  # metres inside, from wall to wall
WHITE = Material((0.73, 0.71, 0.68), name="white")
RED = Material((0.60, 0.045, 0.04), name="red")
GREEN = Material((0.11, 0.42, 0.08), name="green")
LAMP = Material((0.78, 0.78, 0.78), emission=(14.0, 11.0, 7.5), name="lamp")


def _block(low_side: float, height: float, degrees: float, x: float, z: float) -> Mesh:
    half = low_side / 2
    return moved(turned(box((-half, 0, -half), (half, height, half), WHITE), degrees), (x, 0, z))


def cornell() -> Scene:
    """The box 5.5 m wide, open to the front (+z), lit from there by a white environment and a soft sun, and by the lamp
    in its ceiling.
    """
    h, low, high, t = SIDE / 2, 0.0, SIDE, 0.12  # t: the walls are solid, as depth-based methods expect of walls
    walls = [
        box((-h - t, low - t, -h - t), (h + t, low, h), WHITE),
        box((-h - t, high, -h - t), (h + t, high + t, h), WHITE),
        box((-h - t, low, -h - t), (h + t, high, -h), WHITE),
        box((-h - t, low, -h), (-h, high, h), RED),
        box((h, low, -h), (h + t, high, h), GREEN),
    ]
    blocks = [_block(1.65, 3.3, 17.0, -0.95, -0.9), _block(1.65, 1.65, -17.0, 0.95, 0.85)]
    a, y = 0.65, SIDE - 0.01  # below the ceiling, not in it
    lamp = quad((-a, y, a * 0.8), (-a, y, -a * 0.8), (a, y, -a * 0.8), (a, y, a * 0.8), LAMP)
    return Scene(
        tuple(merged([*walls, *blocks, lamp])),
        eye=(0.0, 2.75, 12.2),
        target=(0.0, 2.72, 0.0),
        fov=35.0,
        sun=Sunlight(azimuth=148.0, elevation=33.0, irradiance=1.3, color=(1.0, 0.95, 0.86)),
        environment="white",
        name="cornell",
    )
