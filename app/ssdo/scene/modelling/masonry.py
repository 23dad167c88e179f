"""Stone, plaster, timber and tile for buildings: walls, arcades, floors, roofs. Metres, y up.

The side of a court stands along x and faces +z. Stone, wood and clay are palettes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from ssdo.arrays import Doubles
from ssdo.scene.model import Material, Mesh
from ssdo.scene.modelling.assembly import (
    assign_uvs,
    instantiate,
    make_transform,
    merge_by_material,
    project_uvs,
    transform,
    translate,
)
from ssdo.scene.modelling.shapes import (
    lathe,
    make_arch,
    make_boxes,
    make_chamfered_boxes,
    make_cylinder,
    make_grid,
    make_polygons,
    make_prism,
    make_surface,
)
from ssdo.scene.modelling.textures import ACCENT_START, PALETTE_SIZE, get_palette_uv, pick_palette_uvs

BAY_WIDTH = 2.6  # from column to column
ARCH_SPAN = 2.2  # clear opening
VOUSSOIR_HEIGHT = 0.2  # from the arch's inner to its outer edge
WALL_THICKNESS = 0.36
FLOOR_HEIGHT = 0.30
SPRINGING_HEIGHT = 2.78  # of the arches' centres
CEILING_HEIGHT = 4.02
WALL_HEIGHT = 4.62
PLASTER_TEXTURE_SIZE = 2.0

# rotates +y to +z: the top of a floor becomes the front of a wall
WALL_FROM_FLOOR = np.array([[1.0, 0, 0, 0], [0, 0, -1.0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1.0]])


@dataclass(frozen=True, eq=False)
class BuildingMaterials:
    """The materials of a building."""

    stone: Material  # a palette
    plaster: Material
    inner_plaster: Material  # of the covered walks
    tile: Material
    wood: Material  # a palette
    clay: Material  # a palette


# ---- walls and floors ----


def lay_courses(
    low: Sequence[float],
    high: Sequence[float],
    course_height: float,
    length: float,
    rng: Generator,
    joint: float = 0.01,
) -> tuple[Doubles, Doubles]:
    """Fill a rectangle with smaller ones in running bond: their lowest and highest corners, (n, 2) each.

    Courses lie along the first axis, `joint` metres apart.
    """
    course_count = max(1, round((high[1] - low[1]) / course_height))
    edges = np.linspace(low[1], high[1], course_count + 1)
    lows, highs = [], []
    for k in range(course_count):
        n = max(1, round((high[0] - low[0]) / length))
        cuts = (np.arange(n + 2) - 0.5 * (k % 2) - 0.15 + rng.uniform(-0.12, 0.12, n + 2)) / n
        inner_cuts = cuts[(cuts > 0.25 / n) & (cuts < 1 - 0.25 / n)]
        x = np.concatenate([[0.0], inner_cuts, [1.0]]) * (high[0] - low[0]) + low[0]
        lows.append(np.stack([x[:-1] + joint / 2, np.full(len(x) - 1, edges[k] + joint / 2)], -1))
        highs.append(np.stack([x[1:] - joint / 2, np.full(len(x) - 1, edges[k + 1] - joint / 2)], -1))
    return np.concatenate(lows), np.concatenate(highs)


def build_paving(
    low: Sequence[float],
    high: Sequence[float],
    top: float,
    course_height: float,
    length: float,
    stone: Material,
    rng: Generator,
) -> Mesh:
    """Slightly uneven flagstones over the rectangle (x, z) to (x, z); their upper sides lie about `top`."""
    lows, highs = lay_courses(low, high, course_height, length, rng)
    count = len(lows)
    tops = top + rng.normal(0, 0.0015, count)
    flags = make_chamfered_boxes(
        np.stack([lows[:, 0], np.full(count, top - 0.05), lows[:, 1]], -1),
        np.stack([highs[:, 0], tops, highs[:, 1]], -1),
        0.008,
        stone,
    )
    return assign_uvs(flags, pick_palette_uvs(rng, count))


def build_ashlar(
    low: Sequence[float],
    high: Sequence[float],
    course_height: float,
    length: float,
    stone: Material,
    rng: Generator,
    depth: float = 0.1,
) -> Mesh:
    """Dressed blocks over the rectangle (x, y) to (x, y); their fronts stand within millimetres of z = 0."""
    lows, highs = lay_courses(low, high, course_height, length, rng, 0.008)
    count = len(lows)
    fronts = rng.normal(0, 0.004, count)
    lying = make_chamfered_boxes(
        np.stack([lows[:, 0], np.full(count, -depth), -highs[:, 1]], -1),
        np.stack([highs[:, 0], fronts, -lows[:, 1]], -1),
        0.012,
        stone,
    )
    return assign_uvs(transform(lying, WALL_FROM_FLOOR), pick_palette_uvs(rng, count))


def build_stone_course(
    low: Sequence[float],
    high: Sequence[float],
    length: float,
    stone: Material,
    rng: Generator,
    chamfer: float = 0.012,
) -> Mesh:
    """One course of stones along x between two corners: a step, a coping, a string course."""
    count = max(1, round((high[0] - low[0]) / length))
    shifts = np.pad(rng.uniform(-0.08, 0.08, max(count - 1, 0)), 1) * length
    cuts = np.linspace(low[0], high[0], count + 1) + shifts
    lows = np.stack([cuts[:-1] + 0.002, np.full(count, low[1]), np.full(count, low[2])], -1)
    highs = np.stack([cuts[1:] - 0.002, np.full(count, high[1]), np.full(count, high[2])], -1)
    return assign_uvs(make_chamfered_boxes(lows, highs, chamfer, stone), pick_palette_uvs(rng, count))


def build_wall(low: Sequence[float], high: Sequence[float], material: Material, axes: tuple[int, int] = (0, 1)) -> Mesh:
    """A plastered box; its texture is projected along two axes, by default onto its front."""
    return project_uvs(make_boxes(low, high, material), PLASTER_TEXTURE_SIZE, axes)


def build_tile_panel(low: Sequence[float], high: Sequence[float], rows: int, tile: Material) -> Mesh:
    """A panel that faces +z, tiled with whole rows from its lower to its upper edge."""
    texture_size = (high[1] - low[1]) / rows * 2
    return project_uvs(make_boxes(low, high, tile), texture_size, (0, 1), low)


def build_dado(
    x0: float, x1: float, z: float, materials: BuildingMaterials, rng: Generator, top: float = FLOOR_HEIGHT + 1.05
) -> list[Mesh]:
    """Tiles over the lower part of a wall that faces +z at `z`, with a skirting and a rail."""
    stone = materials.stone
    return [
        build_stone_course((x0, FLOOR_HEIGHT, z), (x1, FLOOR_HEIGHT + 0.12, z + 0.05), 1.2, stone, rng),
        build_tile_panel((x0, FLOOR_HEIGHT + 0.12, z), (x1, top, z + 0.02), 4, materials.tile),
        build_stone_course((x0, top, z), (x1, top + 0.07, z + 0.05), 1.2, stone, rng),
    ]


def make_pole(start: Sequence[float], end: Sequence[float], radius: float, wood: Material, palette_entry: int) -> Mesh:
    """A round pole from one point to another."""
    return assign_uvs(make_cylinder(start, end, radius, wood, 12), get_palette_uv(palette_entry))


# ---- columns and arches ----


def build_column(stone: Material, rng: Generator, segments: int = 28) -> list[Mesh]:
    """A slender column about the y axis, from the floor to the arches: plinth, base, shaft, capital, impost."""
    y, top = FLOOR_HEIGHT, SPRINGING_HEIGHT
    base = [(0, y), (0.20, y + 0.10), (0.215, y + 0.13), (0.20, y + 0.16), (0.165, y + 0.17), (0.155, y + 0.20)]
    base += [(0.165, y + 0.22), (0.18, y + 0.235), (0.165, y + 0.255)]
    shaft = [(0.135, y + 0.27), (0.128, y + 0.32), (0.127, y + 0.9), (0.118, top - 0.62), (0.122, top - 0.585)]
    necking = [(0.14, top - 0.575), (0.148, top - 0.56), (0.14, top - 0.545), (0.12, top - 0.535)]
    necking += [(0.12, top - 0.50), (0, top - 0.50)]
    plinth_low, plinth_high = (-0.22, y - 0.02, -0.22), (0.22, y + 0.10, 0.22)
    impost_low, impost_high = (-0.24, top - 0.13, -0.24), (0.24, top, 0.24)
    turned_part = lathe(base + shaft + necking, (0, 0, 0), stone, segments)
    blocks = make_chamfered_boxes([plinth_low, impost_low], [plinth_high, impost_high], 0.012, stone)
    capital = build_capital(top - 0.53, top - 0.115, 0.125, 0.225, stone)
    return [
        assign_uvs(turned_part, get_palette_uv(rng.integers(ACCENT_START, PALETTE_SIZE))),
        *(assign_uvs(m, get_palette_uv(rng.integers(ACCENT_START))) for m in (blocks, capital)),
    ]


def build_capital(low: float, high: float, neck_radius: float, half_width: float, stone: Material) -> Mesh:
    """Two rows of upright leaves that open from a round neck to a square block, from `low` to `high`."""
    v, phi = np.meshgrid(np.linspace(0, 1, 15), np.linspace(0, 2 * np.pi, 65), indexing="ij")
    square = half_width / np.maximum(abs(np.cos(phi)), abs(np.sin(phi))) ** 0.8
    squareness = np.clip((v - 0.35) / 0.6, 0, 1) ** 1.6
    lower_leaves = np.sin(np.pi * np.clip(v / 0.48, 0, 1)) ** 0.7
    upper_leaves = np.sin(np.pi * np.clip((v - 0.42) / 0.5, 0, 1))
    leaves = (0.016 * lower_leaves - 0.018 * upper_leaves) * np.cos(8 * phi)
    tips = 0.014 * np.exp(-(((v - 0.46) / 0.05) ** 2)) + 0.016 * np.exp(-(((v - 0.9) / 0.06) ** 2))
    r = neck_radius * (1 + 0.25 * v) * (1 - squareness) + square * squareness + leaves + tips
    points = np.stack([r * np.cos(phi), low + (high - low) * v, -r * np.sin(phi)], -1)
    points[:, -1] = points[:, 0]
    return make_grid(points, stone)


def build_pier(half_width: float, stone: Material, rng: Generator, top: float = SPRINGING_HEIGHT) -> Mesh:
    """A square pier of six blocks with a plinth and an impost, about the y axis."""
    cuts = np.linspace(FLOOR_HEIGHT + 0.28, top - 0.14, 7)
    block_half_width = rng.normal(0, 0.002, 6)[:, None] + half_width
    block_lows = np.pad(-block_half_width, ((0, 0), (0, 2)), mode="edge")
    block_highs = np.pad(block_half_width, ((0, 0), (0, 2)), mode="edge")
    block_lows[:, 1], block_highs[:, 1] = cuts[:-1] + 0.003, cuts[1:] - 0.003
    h = half_width + 0.04
    lows = np.concatenate([block_lows, [(-h, 0, -h), (-h, top - 0.13, -h)]])
    highs = np.concatenate([block_highs, [(h, FLOOR_HEIGHT + 0.28, h), (h, top, h)]])
    c = half_width - 0.02  # a core closes the joints
    core = assign_uvs(make_boxes((-c, FLOOR_HEIGHT, -c), (c, top - 0.02, c), stone), get_palette_uv(3))
    blocks = assign_uvs(make_chamfered_boxes(lows, highs, 0.012, stone), pick_palette_uvs(rng, 8))
    return merge_by_material([core, blocks])[0]


def build_spandrel_wall(bays: int, material: Material, arc_segments: int = 24) -> Mesh:
    """The wall over `bays` round arches from x = 0: one closed solid with the openings cut out."""
    radius = ARCH_SPAN / 2 + VOUSSOIR_HEIGHT - 0.01
    arc_x = -radius * np.cos(np.linspace(0, np.pi, arc_segments + 1))
    arc_y = SPRINGING_HEIGHT + np.sqrt(np.maximum(radius**2 - arc_x**2, 0))
    x = np.concatenate([arc_x + BAY_WIDTH * (k + 0.5) for k in range(bays)])
    bottom, top = np.tile(arc_y, bays), np.full_like(x, WALL_HEIGHT)
    z = WALL_THICKNESS / 2
    section = [(bottom, z), (top, z), (top, -z), (bottom, -z)]
    corners = np.stack([np.stack([x, y, np.full_like(x, depth)], -1) for y, depth in section], 1)
    sides = np.stack(
        [
            np.stack([corners[:-1, i], corners[1:, i], corners[1:, j], corners[:-1, j]], 1)
            for i, j in ((0, 1), (1, 2), (2, 3), (3, 0))
        ],
        1,
    )
    ends = np.stack([corners[0, ::-1], corners[-1]])
    wall = make_polygons(np.concatenate([sides.reshape(-1, 4, 3), ends]), material)
    return project_uvs(wall, PLASTER_TEXTURE_SIZE, (0, 1))


def build_voussoirs(bays: int, stone: Material, rng: Generator) -> Mesh:
    """The arch stones of the bays, alternately light and rosy, standing 2 cm in front of the wall."""
    count = 19
    rosy = ACCENT_START + rng.integers(0, PALETTE_SIZE - ACCENT_START, count)
    light = rng.integers(0, ACCENT_START, count)
    palette_entries = np.where(np.arange(count) % 2 == 1, rosy, light)
    arch = make_arch(ARCH_SPAN, VOUSSOIR_HEIGHT, WALL_THICKNESS + 0.04, stone, count)
    arch = assign_uvs(arch, get_palette_uv(palette_entries))
    return instantiate(
        arch, np.stack([make_transform((BAY_WIDTH * (k + 0.5), SPRINGING_HEIGHT, 0)) for k in range(bays)])
    )


def build_mouldings(x0: float, x1: float, bays: int, materials: BuildingMaterials, rng: Generator) -> list[Mesh]:
    """What frames the arches: upright fillets, a tiled frieze, dentils and a cornice, from x0 to x1."""
    stone = materials.stone
    z = WALL_THICKNESS / 2
    arch_top = SPRINGING_HEIGHT + ARCH_SPAN / 2 + VOUSSOIR_HEIGHT

    def build_string_course(low_y: float, high_y: float, back: float, front: float, length: float) -> Mesh:
        return build_stone_course((x0, low_y, z + back), (x1, high_y, z + front), length, stone, rng)

    x = np.arange(bays + 1) * BAY_WIDTH
    lows = np.stack([x - 0.05, np.full_like(x, SPRINGING_HEIGHT + 0.004), np.full_like(x, z - 0.02)], -1)
    fillets = make_boxes(lows, lows + np.array([0.10, arch_top + 0.06 - SPRINGING_HEIGHT, 0.055]), stone)
    fillets = assign_uvs(fillets, pick_palette_uvs(rng, bays + 1))
    below_frieze = build_string_course(arch_top + 0.06, arch_top + 0.13, -0.02, 0.06, 1.3)
    frieze = build_tile_panel((x0, arch_top + 0.13, z - 0.02), (x1, WALL_HEIGHT - 0.03, z + 0.015), 3, materials.tile)
    above_frieze = build_string_course(WALL_HEIGHT - 0.03, WALL_HEIGHT + 0.06, -0.12, 0.07, 1.1)
    x = np.arange(x0 + 0.06, x1 - 0.08, 0.17)
    lows = np.stack([x, np.full_like(x, WALL_HEIGHT + 0.06), np.full_like(x, z)], -1)
    dentils = make_boxes(lows, lows + np.array([0.085, 0.075, 0.12]), stone)
    dentils = assign_uvs(dentils, pick_palette_uvs(rng, len(lows)))
    cornice = [
        build_string_course(WALL_HEIGHT + 0.06, WALL_HEIGHT + 0.135, -0.3, 0.0, 1.4),
        build_string_course(WALL_HEIGHT + 0.135, WALL_HEIGHT + 0.20, -0.3, 0.16, 1.1),
        build_string_course(WALL_HEIGHT + 0.20, WALL_HEIGHT + 0.27, -0.3, 0.22, 1.2),
    ]
    return [fillets, below_frieze, frieze, above_frieze, dentils, *cornice]


# ---- roofs ----


def build_ceiling(x0: float, x1: float, depth: float, wood: Material, rng: Generator) -> list[Mesh]:
    """Beams and boards over a walk that reaches `depth` metres back from the wall."""
    x = np.arange(x0 + 0.18, x1 - 0.1, 0.52)
    lows = np.stack([x, np.full_like(x, CEILING_HEIGHT), np.full_like(x, -depth)], -1)
    beams = make_boxes(lows, lows + np.array([0.12, 0.17, depth - WALL_THICKNESS / 2 + 0.02]), wood)
    beams = assign_uvs(beams, pick_palette_uvs(rng, len(x)))
    z = np.arange(-depth, -WALL_THICKNESS / 2 - 0.05, 0.21)
    lows = np.stack([np.full_like(z, x0), np.full_like(z, CEILING_HEIGHT + 0.17), z], -1)
    boards = make_boxes(lows, lows + np.array([x1 - x0, 0.03, 0.20]), wood)
    boards = assign_uvs(boards, pick_palette_uvs(rng, len(z)))
    cover = make_boxes((x0, CEILING_HEIGHT + 0.21, -depth), (x1, 4.5, -WALL_THICKNESS / 2), wood)
    return [beams, boards, assign_uvs(cover, get_palette_uv(0))]


def build_roof(
    x0: float, x1: float, depth: float, clay: Material, stone: Material, rng: Generator, rise: float = 0.75
) -> list[Mesh]:
    """Round tiles in rows from the ridge at the back down to the eaves, on a wedge of stone."""
    y, eaves = WALL_HEIGHT + 0.27, WALL_THICKNESS / 2 + 0.30
    run = depth + eaves
    wedge_outline = [(-depth - 0.3, y), (WALL_THICKNESS / 2 + 0.1, y), (-depth - 0.3, y + rise * 0.96)]
    wedge = make_prism(wedge_outline, x0, x1, stone)

    def half_pipe(u: Doubles, v: Doubles) -> npt.ArrayLike:
        angle = np.pi * (1 - u)
        return np.stack([0.095 * np.cos(angle), 0.055 * np.sin(angle) + 0.02, -v * 0.82], -1)

    slope = np.arctan2(rise, run) + 0.03  # every tile lies on the head of the one below it
    tilt = np.eye(4)
    tilt[1:3, 1:3] = [[np.cos(slope), -np.sin(slope)], [np.sin(slope), np.cos(slope)]]
    tile = transform(make_surface(half_pipe, clay, 1, 5, 0.016), tilt)

    tiles_per_row, row_spacing = int((x1 - x0) / 0.21), 0.70
    row_count = int(run / row_spacing) + 1
    row, column = (m.ravel() for m in np.meshgrid(np.arange(row_count), np.arange(tiles_per_row)))
    up_slope = row * row_spacing
    transforms = np.tile(np.eye(4), (row.size, 1, 1))
    transforms[:, :3, 3] = np.stack(
        [x0 + 0.105 + column * (x1 - x0) / tiles_per_row, y + 0.025 + rise * up_slope / run, eaves - up_slope], -1
    )
    transforms[:, :3, 3] += rng.normal(0, 0.003, (row.size, 3))
    tiles = assign_uvs(instantiate(tile, transforms), pick_palette_uvs(rng, row.size))
    return [assign_uvs(wedge, get_palette_uv(0)), tiles]


# ---- a side of a court ----


def build_arcade(
    bays: int,
    wall_before: float,
    wall_after: float,
    depth: float,
    materials: BuildingMaterials,
    rng: Generator,
    column_bays: Sequence[int],
) -> list[Mesh]:
    """A side of a court: `bays` arches from x = 0 and a covered walk `depth` metres deep.

    A wall extends the arches by `wall_before` and `wall_after` metres. Columns stand between the bays `column_bays`.
    """
    x0, x1 = -wall_before, bays * BAY_WIDTH + wall_after
    z = WALL_THICKNESS / 2
    parts = [
        build_spandrel_wall(bays, materials.plaster),
        build_voussoirs(bays, materials.stone, rng),
        *build_mouldings(x0, bays * BAY_WIDTH + min(wall_after, z), bays, materials, rng),
    ]
    for k in column_bays:
        parts += [translate(m, (k * BAY_WIDTH, 0, 0)) for m in build_column(materials.stone, rng)]
    if wall_before:
        parts.append(build_wall((x0, 0, -z), (-0.2, WALL_HEIGHT, z), materials.plaster))
        parts.append(build_wall((-0.2, SPRINGING_HEIGHT, -z), (0, WALL_HEIGHT, z), materials.plaster))
    if wall_after:
        parts.append(build_wall((bays * BAY_WIDTH, CEILING_HEIGHT, -z), (x1, WALL_HEIGHT, z), materials.plaster))
    back_low, back_high = (x0, 0, -depth - 0.3), (x1, WALL_HEIGHT + 0.27, -depth)
    parts.append(build_wall(back_low, back_high, materials.inner_plaster))
    parts += build_dado(x0, x1, -depth, materials, rng)
    parts += build_ceiling(x0, x1, depth, materials.wood, rng)
    parts += build_roof(x0, x1, depth, materials.clay, materials.stone, rng)
    return parts
