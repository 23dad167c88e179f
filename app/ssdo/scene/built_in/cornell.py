"""The Cornell box: one red wall, one green, two blocks. The scene by which bounce light is judged."""

from __future__ import annotations

from ssdo.scene.model import DirectionalLight, Material, Mesh, Scene
from ssdo.scene.modelling.assembly import merge_by_material, rotate_y, translate
from ssdo.scene.modelling.shapes import make_box, make_quad

ROOM_SIZE = 5.5  # inside, from wall to wall
WALL_THICKNESS = 0.12  # solid, as screen-space techniques guess a thickness
LIGHT_GAP = 0.01  # the light hangs below the ceiling, not in its plane
WHITE = Material((0.73, 0.71, 0.68), name="white")
RED = Material((0.60, 0.045, 0.04), name="red")
GREEN = Material((0.11, 0.42, 0.08), name="green")
CEILING_LIGHT = Material((0.78, 0.78, 0.78), emission=(14.0, 11.0, 7.5), name="lamp")


def _build_block(width: float, height: float, yaw: float, x: float, z: float) -> Mesh:
    half_width = width / 2
    block = make_box((-half_width, 0, -half_width), (half_width, height, half_width), WHITE)
    return translate(rotate_y(block, yaw), (x, 0, z))


def build_cornell() -> Scene:
    """A box of 5.5 m, open to the front; lit by a white environment, a soft sun and the light in its ceiling."""
    h, bottom, top, t = ROOM_SIZE / 2, 0.0, ROOM_SIZE, WALL_THICKNESS
    floor = make_box((-h - t, bottom - t, -h - t), (h + t, bottom, h), WHITE)
    ceiling = make_box((-h - t, top, -h - t), (h + t, top + t, h), WHITE)
    back_wall = make_box((-h - t, bottom, -h - t), (h + t, top, -h), WHITE)
    left_wall = make_box((-h - t, bottom, -h), (-h, top, h), RED)
    right_wall = make_box((h, bottom, -h), (h + t, top, h), GREEN)
    tall_block = _build_block(1.65, 3.3, 17.0, -0.95, -0.9)
    short_block = _build_block(1.65, 1.65, -17.0, 0.95, 0.85)
    x, y, z = 0.65, ROOM_SIZE - LIGHT_GAP, 0.65 * 0.8
    light = make_quad((-x, y, z), (-x, y, -z), (x, y, -z), (x, y, z), CEILING_LIGHT)
    meshes = [floor, ceiling, back_wall, left_wall, right_wall, tall_block, short_block, light]
    return Scene(
        tuple(merge_by_material(meshes)),
        eye=(0.0, 2.75, 12.2),
        target=(0.0, 2.72, 0.0),
        fov=35.0,
        sun=DirectionalLight(azimuth=148.0, elevation=33.0, irradiance=1.3, color=(1.0, 0.95, 0.86)),
        environment="white",
        name="cornell",
    )
