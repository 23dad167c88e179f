"""A parlour at dusk: lamps of three kinds, a low sun through the window, and a blue evening sky behind the camera.

North is -z, east is +x. The origin is the middle of the floor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from ssdo.arrays import Doubles
from ssdo.scene.model import DIELECTRIC_F0, DirectionalLight, Material, Mesh, Scene
from ssdo.scene.modelling import plants, room_textures
from ssdo.scene.modelling.assembly import (
    UNTEXTURED_UV,
    Vec3Like,
    assign_uvs,
    make_transform,
    merge_by_material,
    project_uvs,
    transform,
    translate,
)
from ssdo.scene.modelling.fabrics import drape_cloth
from ssdo.scene.modelling.joinery import (
    assign_grain_uvs,
    build_book_row,
    build_bookcase_shell,
    build_floorboards,
    build_framed_picture,
    build_wainscot,
    build_wall_with_openings,
    build_window,
    make_mitred_frame,
    make_timber,
)
from ssdo.scene.modelling.luminaires import Luminaire, build_floor_lamp, build_pendant_lamp, build_table_lamp
from ssdo.scene.modelling.shapes import (
    lathe,
    make_box,
    make_boxes,
    make_chamfered_boxes,
    make_cylinder,
    make_sphere,
    make_surface,
    make_tube,
)
from ssdo.scene.modelling.textures import get_palette_uv, make_palette, make_plaster
from ssdo.scene.modelling.upholstery import build_pillow, build_pouf, build_sofa, lean_back, repeat_uvs
from ssdo.settings import Vec3

HALF_WIDTH, HALF_DEPTH, ROOM_HEIGHT = 2.8, 2.3, 2.75
WALL_THICKNESS = 0.28
PLASTER_TEXTURE_SIZE = 2.0
WAINSCOT_HEIGHT = 0.84
WEST_WINDOW = (-0.95, 0.95, 0.90, 2.32)  # z0, z1, y0, y1
GARDEN_DOORS = ((-2.15, -0.95), (-0.6, 0.6), (0.95, 2.15))  # in the south wall: x0, x1 each
SHELF_LEVELS = (0.12, 0.50, 0.88, 1.25, 1.60, 1.91)  # of the bookcase
HALF_FILLED_SHELVES = ((3, 0), (1, 1), (4, 1))  # (level, side) with room for an object beside the books
COFFEE_TABLE_HEIGHT = 0.40
STEM_ENTRY, PALM_STEM_ENTRY = 40, 42  # of the leaf palette

# (eye, target): the scene's own; from the west on bookcase and sideboard; over the coffee table
CAMERAS: tuple[tuple[Vec3, Vec3], ...] = (
    ((2.25, 1.46, 2.05), (-0.72, 0.95, -1.30)),
    ((-1.70, 1.50, 2.10), (1.35, 0.85, -1.50)),
    ((0.75, 1.05, 1.05), (-0.75, 0.55, -0.75)),
)


@dataclass(frozen=True, eq=False)
class RoomMaterials:
    """The materials that several parts of the parlour share."""

    wall: Material
    east_wall: Material
    ceiling: Material
    paint: Material  # of the woodwork
    oak: Material
    walnut: Material
    lacquer: Material
    brass: Material
    silver: Material
    book_covers: Material  # a palette
    leaves: Material  # a palette
    pages: Material


@dataclass(frozen=True, eq=False)
class Fabrics:
    """The upholstery cloths."""

    petrol: Material
    rust: Material
    ochre: Material
    cream: Material
    plum: Material
    linen: Material


def make_room_materials(rng: Generator) -> RoomMaterials:
    return RoomMaterials(
        wall=make_plaster("wall", (0.74, 0.70, 0.62), rng),
        east_wall=make_plaster("accent", (0.06, 0.20, 0.21), rng),
        ceiling=make_plaster("ceiling", (0.76, 0.75, 0.71), rng),
        paint=Material((0.76, 0.74, 0.68), roughness=0.4, f0=DIELECTRIC_F0, name="paint"),
        oak=room_textures.make_wood("oak", (0.40, 0.22, 0.105), rng),
        walnut=room_textures.make_wood("walnut", (0.20, 0.10, 0.05), rng, 0.08),
        lacquer=Material((0.05, 0.022, 0.02), roughness=0.2, f0=DIELECTRIC_F0, name="lacquer"),
        brass=Material((0.9, 0.65, 0.3), metallic=1.0, roughness=0.3, name="brass"),
        silver=Material((0.8, 0.79, 0.76), metallic=1.0, roughness=0.12, name="silver"),
        book_covers=make_book_covers(rng),
        leaves=make_leaf_palette(rng),
        pages=Material((0.72, 0.66, 0.54), name="pages"),
    )


def make_fabrics(rng: Generator) -> Fabrics:
    return Fabrics(
        petrol=room_textures.make_cloth("petrol", (0.05, 0.20, 0.23), rng),
        rust=room_textures.make_cloth("rust", (0.56, 0.13, 0.035), rng),
        ochre=room_textures.make_cloth("ochre", (0.62, 0.34, 0.06), rng),
        cream=room_textures.make_cloth("cream", (0.70, 0.64, 0.52), rng),
        plum=room_textures.make_cloth("plum", (0.26, 0.04, 0.09), rng),
        linen=room_textures.make_cloth("linen", (0.66, 0.58, 0.44), rng),
    )


def make_book_covers(rng: Generator) -> Material:
    """A palette of cloth and leather in many colours."""
    covers = [(0.42, 0.05, 0.04), (0.06, 0.14, 0.26), (0.62, 0.54, 0.40), (0.10, 0.22, 0.12), (0.58, 0.26, 0.05)]
    covers += [(0.05, 0.05, 0.06), (0.28, 0.07, 0.10), (0.08, 0.28, 0.28), (0.66, 0.44, 0.12), (0.70, 0.66, 0.58)]
    covers += [(0.30, 0.18, 0.09), (0.16, 0.20, 0.36), (0.55, 0.12, 0.05)]
    palette = make_palette("covers", covers, 0.12, 0.05, rng)
    return replace(palette, roughness=0.55, f0=DIELECTRIC_F0)


def make_leaf_palette(rng: Generator) -> Material:
    """A palette of leaves (entries 0 to 31) and stems (from 32)."""
    leaves = [(0.16, 0.22, 0.12), (0.10, 0.19, 0.06), (0.20, 0.26, 0.15), (0.08, 0.16, 0.06)] * 8
    stems = [(0.20, 0.14, 0.08)] * 32
    return replace(make_palette("leaves", [*leaves, *stems], 0.10, 0.05, rng), roughness=0.5, f0=DIELECTRIC_F0)


def _untextured(mesh: Mesh) -> Mesh:
    return assign_uvs(mesh, UNTEXTURED_UV)


# ---- the room ----


def build_shell(materials: RoomMaterials, rng: Generator) -> list[Mesh]:
    """Floor, ceiling and walls: light enters only through the openings."""
    low_y, high_y = -0.08, ROOM_HEIGHT + 0.05
    outer_x, outer_z = HALF_WIDTH + WALL_THICKNESS, HALF_DEPTH + WALL_THICKNESS
    z0, z1, y0, y1 = WEST_WINDOW
    west_wall = build_wall_with_openings(
        (-HALF_DEPTH, low_y, HALF_DEPTH, high_y), [(z0, y0, z1, y1)], WALL_THICKNESS, materials.wall
    )
    door_openings = [(x0, -0.012, x1, 2.35) for x0, x1 in GARDEN_DOORS]
    south_wall = build_wall_with_openings(
        (-outer_x, low_y, outer_x, high_y), door_openings, WALL_THICKNESS, materials.wall
    )
    north_wall = make_box((-outer_x, low_y, -outer_z), (outer_x, high_y, -HALF_DEPTH), materials.wall)
    east_wall = make_box((HALF_WIDTH, low_y, -HALF_DEPTH), (outer_x, high_y, HALF_DEPTH), materials.east_wall)
    slab_x, slab_z = outer_x + 0.01, outer_z + 0.01
    ceiling = make_box((-slab_x, ROOM_HEIGHT, -slab_z), (slab_x, ROOM_HEIGHT + 0.2, slab_z), materials.ceiling)
    subfloor = make_box((-slab_x, -0.2, -slab_z), (slab_x, -0.02, slab_z), materials.pages)
    floor_low, floor_high = (-HALF_WIDTH - 0.01, -HALF_DEPTH - 0.01), (HALF_WIDTH + 0.01, outer_z)
    return [
        transform(west_wall, make_transform((-HALF_WIDTH, 0, 0), 90)),
        transform(south_wall, make_transform((0, 0, HALF_DEPTH), 180)),
        project_uvs(north_wall, PLASTER_TEXTURE_SIZE, (0, 1)),
        project_uvs(east_wall, PLASTER_TEXTURE_SIZE, (2, 1)),
        project_uvs(ceiling, PLASTER_TEXTURE_SIZE),
        _untextured(subfloor),
        build_floorboards(floor_low, floor_high, 0.0, materials.oak, rng),
        build_cornice(materials.paint),
    ]


def build_cornice(paint: Material) -> Mesh:
    """A coved cornice around the ceiling."""
    below_ceiling = [(0.01, 0.0), (0.01, -0.14), (-0.012, -0.14), (-0.022, -0.12), (-0.045, -0.07), (-0.09, -0.035)]
    along_ceiling = [(-0.11, -0.022), (-0.12, 0.0)]
    profile = [(outward, -height) for outward, height in (*below_ceiling, *along_ceiling)]
    cornice = make_mitred_frame(2 * HALF_WIDTH, 2 * HALF_DEPTH, profile, paint)
    lay_flat = np.array([[1, 0, 0, 0], [0, 0, -1, ROOM_HEIGHT + 0.003], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    return _untextured(transform(cornice, lay_flat))


def build_woodwork(paint: Material) -> list[Mesh]:
    """The wainscot, the west window with its sill, and the frames of the open garden doors."""
    north_wainscot = build_wainscot(2 * HALF_WIDTH, WAINSCOT_HEIGHT, 8, paint)
    parts = [translate(m, (-HALF_WIDTH, 0.002, -HALF_DEPTH)) for m in north_wainscot]
    for position, yaw in (((-HALF_WIDTH, 0, HALF_DEPTH), 90), ((HALF_WIDTH, 0, -HALF_DEPTH), -90)):
        side_wainscot = build_wainscot(2 * HALF_DEPTH, WAINSCOT_HEIGHT, 6, paint)
        parts += [transform(m, make_transform(position, yaw)) for m in side_wainscot]
    z0, z1, y0, y1 = WEST_WINDOW
    casement = [translate(m, (0, 0, -0.09)) for m in build_window(z1 - z0, y1 - y0, 0.07, paint, (4, 3))]
    window_profile = [(-0.004, -0.02), (0.085, -0.02), (0.085, 0.02), (0.07, 0.03), (-0.004, 0.02)]
    window_frame = _untextured(make_mitred_frame(z1 - z0, y1 - y0, window_profile, paint))
    window_matrix = make_transform((-HALF_WIDTH, (y0 + y1) / 2, (z0 + z1) / 2), 90)
    parts += [transform(m, window_matrix) for m in (*casement, window_frame)]
    sill_low, sill_high = (-HALF_WIDTH - 0.10, y0 - 0.012, z0 - 0.12), (-HALF_WIDTH + 0.13, y0 + 0.022, z1 + 0.12)
    parts.append(_untextured(make_box(sill_low, sill_high, paint)))
    door_profile = [(-0.03, -0.02), (0.09, -0.02), (0.09, 0.02), (0.07, 0.032), (-0.03, 0.02)]
    for x0, x1 in GARDEN_DOORS:
        door_frame = make_mitred_frame(x1 - x0, 2.40, door_profile, paint)
        door_matrix = make_transform(((x0 + x1) / 2, 1.15, HALF_DEPTH), 180)
        parts.append(_untextured(transform(door_frame, door_matrix)))
    return parts


def build_curtains(linen: Material, brass: Material, rng: Generator) -> list[Mesh]:
    """A brass rod over the west window, with a curtain drawn to each side of it."""
    z0, z1, _, y1 = WEST_WINDOW
    x, top = -HALF_WIDTH + 0.10, y1 + 0.15
    parts = [make_tube([(x, top, z0 - 0.50), (x, top, z1 + 0.50)], 0.011, brass, 12)]
    parts += [make_sphere((x, top, z), 0.022, brass, 12) for z in (z0 - 0.50, z1 + 0.50)]
    parts += [make_tube([(-HALF_WIDTH - 0.005, top, z), (x, top, z)], 0.007, brass, 8) for z in (z0 - 0.42, z1 + 0.42)]
    width, length = 0.46 * 1.5, 2.45  # of the cloth before it is gathered
    for z in (z0 - 0.20, z1 + 0.20):
        upper_path = [(0.0, top - 0.006, 0.05), (0.0, 1.7, 0.09), (0.005, 0.9, 0.11)]
        lower_path = [(0.01, 0.35, 0.12), (0.015, 0.022, 0.12)]
        curtain = drape_cloth(
            [*upper_path, *lower_path], 0.46, linen, rng, folds=4, rows=32, columns=90, thickness=0.006
        )
        parts.append(transform(repeat_uvs(curtain, width, length), make_transform((x - 0.03, 0, z), 90)))
    return parts


def build_hedge(materials: RoomMaterials, rng: Generator) -> list[Mesh]:
    """Shrubs in a trough outside the west window, which break the light of the low sun."""
    x = -HALF_WIDTH - 1.25
    parts = [_untextured(make_box((x - 0.32, -0.2, -2.0), (x + 0.32, 0.45, 2.0), materials.pages))]
    shrubs = ((-1.55, 0.80, 0.50), (-0.80, 0.92, 0.56), (-0.05, 0.82, 0.50), (0.72, 0.95, 0.58), (1.50, 0.84, 0.52))
    for z, y, height in shrubs:
        center = (x + rng.uniform(-0.05, 0.05), y, z)
        parts.append(plants.build_bush(center, (0.42, height, 0.50), 520, 0.13, materials.leaves, rng, 0, 32))
    return parts


# ---- seats ----


def build_seats(fabrics: Fabrics, materials: RoomMaterials, rng: Generator) -> list[Mesh]:
    """A sofa with four cushions, and an armchair with one."""
    sofa = build_sofa(2.08, 2, fabrics.petrol, materials.brass, rng)
    parts = [transform(m, make_transform((-0.75, 0.0, -1.72), 0)) for m in sofa]
    parts.append(lean_back(build_pillow(0.46, 0.46, 0.15, fabrics.ochre, rng), (-1.42, 0.68, -1.55), 24, 22))
    parts.append(lean_back(build_pillow(0.42, 0.42, 0.14, fabrics.plum, rng), (-1.18, 0.655, -1.42), 32, 8))
    parts.append(lean_back(build_pillow(0.46, 0.46, 0.15, fabrics.cream, rng), (-0.06, 0.68, -1.55), 24, -18))
    parts.append(lean_back(build_pillow(0.52, 0.32, 0.13, fabrics.rust, rng), (-0.22, 0.62, -1.40), 34, -6))
    armchair_matrix = make_transform((-1.95, 0.0, 0.30), 68)
    armchair = build_sofa(0.86, 1, fabrics.rust, materials.walnut, rng, 0.86, 0.90)
    parts += [transform(m, armchair_matrix) for m in armchair]
    cushion = lean_back(build_pillow(0.40, 0.40, 0.14, fabrics.cream, rng), (0.0, 0.67, 0.02), 26, 8)
    parts.append(transform(cushion, armchair_matrix))
    return parts


def build_throw(cream: Material, rng: Generator) -> Mesh:
    """A blanket over the sofa's right arm."""
    outside = [(0.0, 0.42, 0.01), (0.0, 0.60, 0.005)]
    over_arm = [(0.04, 0.612, 0.0), (0.18, 0.612, 0.0), (0.215, 0.60, 0.005)]
    inside = [(0.225, 0.30, 0.02), (0.23, 0.17, 0.03)]
    throw = drape_cloth([*outside, *over_arm, *inside], 0.42, cream, rng, 3, 60, 30)
    return transform(repeat_uvs(throw, 0.46, 1.0), make_transform((0.08, 0.0, -1.62), 90))


def build_rug(rng: Generator) -> Mesh:
    """A flat rug, 2.7 x 1.8 m."""
    thickness = 0.011

    def rectangle(u: Doubles, v: Doubles) -> npt.ArrayLike:
        return np.stack([(u - 0.5) * 2.7, 0.0085 + 0 * u, (0.5 - v) * 1.8], -1)

    rug = make_surface(rectangle, room_textures.make_rug(rng), 8, 12, thickness)
    return transform(rug, make_transform((-0.55, 0, -0.28), 3))


# ---- tables and what stands on them ----


def build_coffee_table(materials: RoomMaterials, rng: Generator) -> list[Mesh]:
    """A lacquered table about the origin, with a bowl of fruit, books, a vase with twigs, a cup."""
    top, lacquer = COFFEE_TABLE_HEIGHT, materials.lacquer
    parts = [
        make_chamfered_boxes((-0.60, top - 0.035, -0.33), (0.60, top, 0.33), 0.005, lacquer),
        make_chamfered_boxes((-0.50, 0.11, -0.25), (0.50, 0.128, 0.25), 0.004, lacquer),
    ]
    legs = [(x, z) for x in (-0.54, 0.54) for z in (-0.27, 0.27)]
    leg_lows, leg_highs = (
        [(x - 0.02, 0.0, z - 0.02) for x, z in legs],
        [(x + 0.02, top - 0.03, z + 0.02) for x, z in legs],
    )
    parts.append(make_boxes(leg_lows, leg_highs, lacquer))
    rail_lows, rail_highs = (
        [(-0.54, 0.10, z - 0.012) for z in (-0.255, 0.255)],
        [(0.54, 0.116, z + 0.012) for z in (-0.255, 0.255)],
    )
    parts.append(make_boxes(rail_lows, rail_highs, lacquer))
    bowl_outside = [(0, 0), (0.06, 0), (0.062, 0.012), (0.05, 0.02), (0.09, 0.035), (0.135, 0.07), (0.152, 0.105)]
    bowl_inside = [(0.156, 0.107), (0.150, 0.109), (0.13, 0.076), (0.085, 0.043), (0, 0.03)]
    parts.append(lathe([*bowl_outside, *bowl_inside], (0.22, top, 0.02), materials.silver, 64))
    parts += build_heaped_fruit((0.22, top + 0.034, 0.02))
    y = top
    for size, yaw, cover in (
        ((0.30, 0.034, 0.22), 12, 1),
        ((0.26, 0.028, 0.19), -4, 9),
        ((0.21, 0.022, 0.15), 26, 20),
    ):
        parts += build_lying_book(size, cover, (-0.27, y, 0.06), yaw, materials)
        y += size[1]
    parts += build_coffee_cup((-0.05, top, 0.22))
    # on the table's shelf
    parts += build_lying_book((0.28, 0.03, 0.21), 14, (-0.2, 0.128, 0.03), -8, materials)
    parts += build_lying_book((0.25, 0.03, 0.18), 5, (-0.21, 0.158, 0.03), 6, materials)
    parts += build_olive_vase((-0.36, top, -0.17), materials.leaves, rng)
    return parts


def build_lying_book(
    size: Vec3Like, palette_entry: int, position: Vec3Like, yaw: float, materials: RoomMaterials
) -> list[Mesh]:
    """A book that lies on its side, of size (x, y, z), its middle at `position`."""
    w, t, d = size
    c = 0.003  # thickness of the cover
    lows = [(-w / 2, 0, -d / 2), (-w / 2, t - c, -d / 2), (-w / 2, 0.001, d / 2 - c)]
    highs = [(w / 2, c, d / 2), (w / 2, t, d / 2), (w / 2, t - 0.001, d / 2 + 0.0015)]
    cover = make_boxes(np.array(lows), np.array(highs), materials.book_covers)
    pages_low, pages_high = (-w / 2 + 0.004, c * 0.8, -d / 2 + 0.005), (w / 2 - 0.004, t - c * 0.8, d / 2 - c * 0.8)
    pages = make_box(pages_low, pages_high, materials.pages)
    book = [assign_uvs(cover, get_palette_uv(palette_entry)), _untextured(pages)]
    return [transform(m, make_transform(position, yaw)) for m in book]


def build_heaped_fruit(position: Vec3Like) -> list[Mesh]:
    """Oranges, apples and pears in a heap."""
    orange, apple, pear = (
        Material(color, roughness=0.45, f0=DIELECTRIC_F0, name="fruit")
        for color in ((0.72, 0.24, 0.02), (0.50, 0.05, 0.03), (0.42, 0.46, 0.06))
    )
    fruit = [
        (-0.06, 0.052, 0.035, 0.040, orange),
        (0.03, 0.050, 0.065, 0.038, apple),
        (0.072, 0.054, -0.01, 0.039, orange),
        (0.0, 0.050, -0.07, 0.039, pear),
        (-0.075, 0.054, -0.04, 0.037, apple),
        (0.005, 0.105, 0.0, 0.040, orange),
        (0.06, 0.108, 0.05, 0.034, pear),
    ]
    return [
        transform(
            make_sphere((0, 0, 0), radius, skin, 20), make_transform(np.add(position, (x, y, z)), 0, (1, 0.93, 1))
        )
        for x, y, z, radius, skin in fruit
    ]


def build_coffee_cup(position: Vec3Like) -> list[Mesh]:
    """A cup of coffee on its saucer."""
    china = Material((0.78, 0.77, 0.73), roughness=0.12, f0=(0.05,) * 3, name="china")
    coffee = Material((0.05, 0.026, 0.02), roughness=0.1, f0=(0.02,) * 3, name="coffee")
    saucer_profile = [(0, 0), (0.035, 0), (0.04, 0.004), (0.072, 0.014), (0.074, 0.017), (0.04, 0.009), (0, 0.008)]
    outside = [(0, 0.006), (0.022, 0.006), (0.024, 0.012), (0.037, 0.035), (0.042, 0.062), (0.043, 0.064)]
    inside = [(0.040, 0.063), (0.036, 0.05), (0, 0.05)]
    coffee_profile = [(0, 0.0485), (0.036, 0.0485), (0.0355, 0.0525), (0, 0.0525)]
    t = np.radians(np.linspace(-75, 75, 13))
    handle_path = np.stack([0.036 + 0.026 * np.cos(t), 0.038 + 0.019 * np.sin(t), 0 * t], -1)
    parts = [
        lathe(saucer_profile, (0, 0, 0), china, 40),
        lathe([*outside, *inside], (0, 0, 0), china, 40),
        make_tube(handle_path, 0.0035, china, 8),
        lathe(coffee_profile, (0, 0, 0), coffee, 32),
    ]
    return [transform(m, make_transform(position, 40)) for m in parts]


def build_olive_vase(position: Vec3Like, leaves: Material, rng: Generator) -> list[Mesh]:
    """A vase with olive twigs."""
    glaze = Material((0.72, 0.68, 0.58), roughness=0.2, f0=DIELECTRIC_F0, name="ceramic")
    foot_and_belly = [(0, 0), (0.045, 0), (0.05, 0.005), (0.078, 0.06), (0.084, 0.11), (0.07, 0.165)]
    neck = [(0.04, 0.205), (0.028, 0.23), (0.034, 0.252), (0.03, 0.253), (0, 0.20)]
    parts = [lathe([*foot_and_belly, *neck], position, glaze, 48)]
    root = np.asarray(position, "f8") + (0, 0.20, 0)
    for k in range(9):
        angle = 2.4 * k
        outward = np.array([np.cos(angle), 0, np.sin(angle)])
        t = np.linspace(0, 1, 9)[:, None]
        reach = rng.uniform(0.10, 0.24)
        path = root + t * (0, rng.uniform(0.30, 0.46), 0) + 0.012 * outward * t + reach * outward * t**2
        twig = make_tube(path, np.linspace(0.003, 0.0012, 9), leaves, 6)
        parts.append(assign_uvs(twig, get_palette_uv(STEM_ENTRY)))
        parts.append(plants.build_vine(path[3:], 0.012, 22, 0.065, leaves, rng, 0, 16))
    return parts


def build_side_table(materials: RoomMaterials) -> list[Mesh]:
    """A round table beside the sofa, 0.56 m high, for the table lamp."""
    top_profile = [(0, 0.53), (0.25, 0.53), (0.26, 0.54), (0.26, 0.556), (0.255, 0.56), (0, 0.56)]
    foot_profile = [(0, 0), (0.16, 0), (0.16, 0.012), (0.03, 0.03)]
    stem_profile = [(0.016, 0.06), (0.016, 0.52), (0.05, 0.535), (0, 0.535)]
    top = assign_grain_uvs(lathe(top_profile, (0, 0, 0), materials.walnut, 48), 6)
    stem = lathe([*foot_profile, *stem_profile], (0, 0, 0), materials.brass, 32)
    return [translate(m, (-2.22, 0, -1.86)) for m in (top, stem)]


# ---- along the walls ----


def build_bookcase(materials: RoomMaterials, position: Vec3Like, rng: Generator) -> list[Mesh]:
    """A white bookcase full of books, with a vase, a globe and a bust between them."""
    width, height, depth = 1.46, 2.14, 0.30
    levels = SHELF_LEVELS
    parts = build_bookcase_shell(width, height, depth, levels, materials.paint)
    divider_low, divider_high = (-0.012, levels[0] - 0.01, 0.01), (0.012, height - 0.005, depth - 0.012)
    parts.append(_untextured(make_box(divider_low, divider_high, materials.paint)))
    for k, (y, next_y) in enumerate(zip(levels, [*levels[1:], height], strict=True)):
        for side in (0, 1):
            row_x = -width / 2 + 0.02 if side == 0 else 0.016
            row_width = width / 2 - 0.036
            if (k, side) in HALF_FILLED_SHELVES:
                row_width *= 0.55
            books = build_book_row(
                row_width, next_y - y - 0.05, rng, materials.book_covers, materials.brass, materials.pages
            )
            parts += [translate(m, (row_x, y + 0.0005, depth - 0.045)) for m in books]
    vase_belly = [(0, 0), (0.035, 0), (0.04, 0.004), (0.062, 0.05), (0.066, 0.09), (0.045, 0.14)]
    vase_neck = [(0.022, 0.17), (0.03, 0.195), (0.026, 0.195), (0, 0.16)]
    cobalt_glaze = Material((0.06, 0.20, 0.34), roughness=0.15, f0=(0.05,) * 3, name="cobalt glaze")
    parts.append(lathe([*vase_belly, *vase_neck], (-0.18, levels[3], 0.17), cobalt_glaze, 40))
    parts += build_globe((0.58, levels[1], 0.16), materials.brass)
    bust_foot = [(0, 0), (0.06, 0), (0.06, 0.015), (0.03, 0.03), (0.028, 0.07)]
    bust_head = [(0.06, 0.11), (0.072, 0.16), (0.05, 0.21), (0, 0.23)]
    bisque = Material((0.76, 0.73, 0.66), roughness=0.5, f0=DIELECTRIC_F0, name="bisque")
    parts.append(lathe([*bust_foot, *bust_head], (0.58, levels[4], 0.16), bisque, 40))
    return [translate(m, position) for m in parts]


def build_globe(position: Vec3Like, brass: Material) -> list[Mesh]:
    """A small globe on a brass foot."""
    foot_profile = [(0, 0), (0.06, 0), (0.062, 0.008), (0.02, 0.02), (0.009, 0.04), (0.009, 0.07), (0, 0.07)]
    foot = lathe(foot_profile, (0, 0, 0), brass, 32)
    ball = make_sphere(
        (0, 0.165, 0), 0.10, Material((0.10, 0.26, 0.30), roughness=0.25, f0=DIELECTRIC_F0, name="globe"), 24
    )
    t = np.radians(np.linspace(-90, 90, 25))
    meridian = make_tube(np.stack([0.112 * np.cos(t), 0.165 + 0.112 * np.sin(t), 0 * t], -1), 0.004, brass, 8)
    return [translate(m, position) for m in (foot, ball, transform(meridian, make_transform(yaw=35)))]


def build_sideboard(materials: RoomMaterials, rng: Generator) -> list[Mesh]:
    """A low cupboard along x about the origin, its back at z = 0, with things on it."""
    w, h, d = 1.5, 0.72, 0.42
    walnut, brass = materials.walnut, materials.brass
    top = make_chamfered_boxes((-w / 2, h - 0.03, 0), (w / 2, h, d + 0.01), 0.004, walnut)
    body = make_timber((-w / 2 + 0.01, 0.18, 0.01), (w / 2 - 0.01, h - 0.028, d - 0.012), walnut, 2)
    parts = [assign_grain_uvs(top, 1), body]
    door_width = (w - 0.06) / 3
    for k in range(3):
        x = -w / 2 + 0.03 + door_width * k
        door_low, door_high = (x + 0.003, 0.2, d - 0.02), (x + door_width - 0.003, h - 0.045, d)
        parts.append(assign_grain_uvs(make_chamfered_boxes(door_low, door_high, 0.002, walnut), 4 + k))
        parts.append(make_sphere((x + door_width - 0.04, 0.50, d + 0.014), 0.014, brass, 10))
    for x in (-0.66, 0.66):
        parts += [make_cylinder((x, 0.19, z), (x * 1.03, 0, z), 0.02, brass, 16, 0.6) for z in (0.07, d - 0.07)]
    jar_belly = [(0, 0), (0.07, 0), (0.075, 0.006), (0.11, 0.07), (0.125, 0.15), (0.11, 0.22)]
    jar_profile = [*jar_belly, (0.06, 0.27), (0.05, 0.30), (0.065, 0.32), (0.06, 0.322), (0, 0.27)]
    ochre_glaze = Material((0.62, 0.20, 0.06), roughness=0.2, f0=(0.045,) * 3, name="ochre glaze")
    parts.append(lathe(jar_profile, (-0.5, h, 0.2), ochre_glaze, 48))
    silver_jar_profile = [(r * 0.6, y * 0.55) for r, y in jar_profile]
    parts.append(lathe(silver_jar_profile, (-0.27, h, 0.25), materials.silver, 40))
    y = h
    for size, yaw, cover in (((0.28, 0.035, 0.21), 5, 3), ((0.25, 0.03, 0.19), -6, 30), ((0.22, 0.026, 0.16), 12, 47)):
        parts += build_lying_book(size, cover, (0.1, y, 0.2), yaw, materials)
        y += size[1]
    pot_profile = [(0, 0), (0.06, 0), (0.065, 0.004), (0.085, 0.14), (0.08, 0.143), (0.072, 0.12), (0, 0.12)]
    pot = Material((0.70, 0.67, 0.60), roughness=0.6, f0=(0.03,) * 3, name="pot")
    parts.append(lathe(pot_profile, (0.54, h, 0.21), pot, 40))
    parts.append(plants.build_agave(np.array((0.54, h + 0.11, 0.21)), 0.34, materials.leaves, rng, 22))
    return parts


def build_potted_palm(position: Vec3Like, leaves: Material, rng: Generator) -> list[Mesh]:
    """A tall pot plant: three bent stems with crowns of leaves."""
    terracotta = Material((0.52, 0.22, 0.11), roughness=0.7, f0=(0.03,) * 3, name="terracotta")
    pot_outside = [(0, 0), (0.15, 0), (0.155, 0.006), (0.20, 0.33), (0.205, 0.36)]
    pot_inside = [(0.19, 0.362), (0.182, 0.33), (0, 0.32)]
    base = np.asarray(position, "f8")
    parts = [lathe([*pot_outside, *pot_inside], position, terracotta, 48)]
    stems = (((0.03, 0.02), 1.15, 0.54), ((-0.05, -0.03), 0.75, 0.48), ((0.05, -0.06), 0.45, 0.44))
    for (dx, dz), height, crown_size in stems:
        t = np.linspace(0, 1, 10)[:, None]
        path = base + (dx, 0.3, dz) + t * (0, height - 0.3, 0) + np.array([dx, 0, dz]) * 2.2 * t**2
        stem = make_tube(path, np.linspace(0.022, 0.014, 10), leaves, 10)
        parts.append(assign_uvs(stem, get_palette_uv(PALM_STEM_ENTRY)))
        parts.append(plants.build_agave(path[-1] - (0, 0.03, 0), crown_size, leaves, rng, 30))
    return parts


def build_pictures(pages: Material, rng: Generator) -> list[Mesh]:
    """Three mounted paintings in ebony frames on the north wall."""
    ebony = room_textures.make_wood("ebony", (0.06, 0.035, 0.025), rng, 0.05)
    paintings = (
        (room_textures.paint_landscape(rng), -0.75, 0.96, 0.74, 0.10),
        (room_textures.paint_circles(rng), -1.62, 0.42, 0.54, 0.05),
        (room_textures.paint_color_fields(rng), 0.12, 0.42, 0.54, 0.05),
    )
    parts: list[Mesh] = []
    for k, (canvas, x, width, height, margin) in enumerate(paintings):
        picture = build_framed_picture(width, height, canvas, ebony, k, pages, margin)
        parts += [translate(m, (x, 1.61, -HALF_DEPTH - 0.001)) for m in picture]
    return parts


# ---- lamps ----


def build_lamps(brass: Material, rng: Generator) -> list[Luminaire]:
    """A floor lamp, a table lamp and a pendant lamp over the coffee table."""
    paper = room_textures.make_lampshade_paper("shade", (1.9, 1.12, 0.50), rng)
    celadon = Material((0.06, 0.24, 0.22), roughness=0.15, f0=(0.05,) * 3, name="celadon")
    enamel = Material((0.05, 0.13, 0.10), roughness=0.25, f0=DIELECTRIC_F0, name="enamel")
    lining = Material((0.75, 0.72, 0.66), emission=(2.2, 1.5, 0.8), name="lining")
    return [
        build_floor_lamp((0.60, 0.0, -1.86), (1.9, 1.25, 0.66), paper, brass),
        build_table_lamp((-2.22, 0.56, -1.86), (1.6, 1.0, 0.50), paper, celadon, brass),
        build_pendant_lamp((-0.55, ROOM_HEIGHT, -0.30), 0.86, (2.6, 1.75, 0.95), enamel, lining, brass),
    ]


# ---- the scene ----


def build_parlour() -> Scene:
    """A room of 5.6 x 4.6 x 2.75 m, with a window to the west and three garden doors, open, to the south."""
    rng = np.random.default_rng(1898)
    materials = make_room_materials(rng)
    fabrics = make_fabrics(rng)
    lamps = build_lamps(materials.brass, rng)
    coffee_table_matrix = make_transform((-0.55, 0.013, -0.28), 3)
    east_wall_matrix = make_transform((HALF_WIDTH - 0.046, 0, -0.20), -90)
    east_picture_matrix = make_transform((HALF_WIDTH + 0.001, 1.55, -0.20), -90)
    parts = [
        *build_shell(materials, rng),
        *build_woodwork(materials.paint),
        *build_bookcase(materials, (1.72, 0.0, -HALF_DEPTH + 0.046), rng),
        *build_curtains(fabrics.linen, materials.brass, rng),
        *build_hedge(materials, rng),
        *(mesh for lamp in lamps for mesh in lamp.meshes),
        *build_seats(fabrics, materials, rng),
        build_rug(rng),
        *(transform(m, coffee_table_matrix) for m in build_coffee_table(materials, rng)),
        *build_side_table(materials),
        translate(build_pouf(0.27, 0.36, fabrics.ochre), (1.02, 0.0, -0.62)),
        *build_pictures(materials.pages, rng),
        *(transform(m, east_wall_matrix) for m in build_sideboard(materials, rng)),
        *(
            transform(m, east_picture_matrix)
            for m in build_framed_picture(1.2, 0.84, room_textures.paint_seascape(rng), materials.walnut, 5)
        ),
        *build_potted_palm((-2.32, 0.0, 1.74), materials.leaves, rng),
        build_throw(fabrics.cream, rng),
    ]
    return Scene(
        tuple(merge_by_material(parts)),
        eye=CAMERAS[0][0],
        target=CAMERAS[0][1],
        fov=49.0,
        sun=DirectionalLight(azimuth=229.0, elevation=8.0, irradiance=4.0, color=(1.0, 0.58, 0.27)),
        environment="sunset",
        name="parlour",
        lights=tuple(lamp.light for lamp in lamps),
    )
