"""A dyers' courtyard: pale arcades in soft shade, and sunlit cloths whose colours bounce onto the stone.

North is -z, east is +x. The north and the east side are arcades with covered walks, the others low walls.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from ssdo.arrays import Doubles
from ssdo.scene.built_in.blocks import make_trefoil_knot
from ssdo.scene.model import DirectionalLight, Material, Mesh, Scene
from ssdo.scene.modelling import plants
from ssdo.scene.modelling.assembly import (
    assign_uvs,
    make_transform,
    merge_by_material,
    project_uvs,
    transform,
    translate,
)
from ssdo.scene.modelling.fabrics import drape_cloth, make_fringe
from ssdo.scene.modelling.masonry import (
    BAY_WIDTH,
    CEILING_HEIGHT,
    FLOOR_HEIGHT,
    SPRINGING_HEIGHT,
    WALL_HEIGHT,
    WALL_THICKNESS,
    BuildingMaterials,
    build_arcade,
    build_ashlar,
    build_paving,
    build_pier,
    build_stone_course,
    build_wall,
    make_pole,
)
from ssdo.scene.modelling.shapes import lathe, make_boxes, make_surface
from ssdo.scene.modelling.textures import (
    ACCENT_START,
    PALETTE_SIZE,
    get_palette_uv,
    make_carpet,
    make_palette,
    make_plaster,
    make_striped_cloth,
    make_zellige,
)

NORTH_Z, EAST_X = -1.5 * BAY_WIDTH, 1.5 * BAY_WIDTH  # the arcades' columns
SOUTH_Z, WEST_X = EAST_X + BAY_WIDTH, -4.6  # the low walls
WALK_DEPTH = 2.1
NORTH_BACK_Z, EAST_BACK_X = NORTH_Z - WALK_DEPTH, EAST_X + WALK_DEPTH  # the walls behind the covered walks
LOW_WALL_HEIGHT = 3.4
GATE_Z0, GATE_Z1, GATE_HEIGHT = 0.75, 2.05, 2.4  # in the west wall
STEP_DEPTH = 0.36
COURT_EDGE = EAST_X - 0.75  # where the lower of the two steps begins
POT_SOIL_HEIGHT = 0.43

# entries of the plant palette
LEAF_START, BRACT_START, ORANGE, PIGMENT_START, WATER = 0, 34, 50, 52, 60


def move_to_north_side(mesh: Mesh) -> Mesh:
    """Move from the frame of a side, along x from 0 and facing +z, to the north side."""
    return translate(mesh, (NORTH_Z, 0, NORTH_Z))


def move_to_east_side(mesh: Mesh) -> Mesh:
    """Move from the frame of a side, along x from 0 and facing +z, to the east side, which faces -x."""
    return transform(mesh, make_transform((EAST_X, 0, NORTH_Z), -90))


# ---- the building ----


def build_arcades(materials: BuildingMaterials, rng: Generator) -> list[Mesh]:
    """The two arcades, the piers in their corners, and the walled-up arch."""
    north = build_arcade(3, -WEST_X - EAST_X + 0.42, 2.4, WALK_DEPTH, materials, rng, (1, 2))
    east = build_arcade(4, 0.0, 0.3, WALK_DEPTH, materials, rng, (1, 2, 3))
    parts = [move_to_north_side(m) for m in north]
    # raised, so that mouldings that meet in the corner are not coplanar
    parts += [translate(move_to_east_side(m), (0, 0.003, 0)) for m in east]
    for x, z in ((-EAST_X, NORTH_Z), (EAST_X, NORTH_Z), (EAST_X, SOUTH_Z)):
        parts.append(translate(build_pier(0.22, materials.stone, rng), (x, 0, z)))
    return parts + [move_to_north_side(m) for m in build_blind_bay(materials, rng)]


def build_blind_bay(materials: BuildingMaterials, rng: Generator) -> list[Mesh]:
    """The last arch of the north side, walled up with dressed stone, which receives red bounce light."""
    x0, x1 = 2 * BAY_WIDTH + 0.1, 3 * BAY_WIDTH - 0.1
    back = build_wall((x0, FLOOR_HEIGHT, -0.16), (x1, SPRINGING_HEIGHT + 1.1, -0.10), materials.plaster)
    low, high = (x0 + 0.1, FLOOR_HEIGHT), (x1 - 0.1, SPRINGING_HEIGHT + 0.02)
    blocks = build_ashlar(low, high, 0.31, 0.62, materials.stone, rng, 0.06)
    return [back, translate(blocks, (0, 0, -0.045))]


def build_walls(materials: BuildingMaterials, rng: Generator) -> list[Mesh]:
    """The low walls that close the court, the west one with a gate, and the ends of the covered walks."""
    plaster, inner_plaster, stone = materials.plaster, materials.inner_plaster, materials.stone
    x0, top = WEST_X - 0.35, LOW_WALL_HEIGHT
    along_z = (2, 1)  # texture axes of a wall that faces +x or -x
    south_coping = build_stone_course(
        (WEST_X - 0.42, top, SOUTH_Z - 0.07), (EAST_BACK_X + 0.3, top + 0.12, SOUTH_Z + 0.42), 0.9, stone, rng
    )
    west_coping = build_stone_course(
        (0, top, -0.42), (SOUTH_Z + EAST_X - WALL_THICKNESS / 2 - 0.08, top + 0.12, 0.07), 0.9, stone, rng
    )
    return [
        build_wall((x0, 0, SOUTH_Z), (EAST_BACK_X + 0.3, top, SOUTH_Z + 0.35), plaster),
        build_wall((x0, 0, NORTH_Z + WALL_THICKNESS / 2), (WEST_X, top, GATE_Z0), plaster, along_z),
        build_wall((x0, 0, GATE_Z1), (WEST_X, top, SOUTH_Z), plaster, along_z),
        build_wall((x0, GATE_HEIGHT, GATE_Z0), (WEST_X, top, GATE_Z1), plaster, along_z),
        build_wall(
            (WEST_X - 0.30, 0, NORTH_BACK_Z),
            (WEST_X, CEILING_HEIGHT + 0.4, NORTH_Z - WALL_THICKNESS / 2),
            inner_plaster,
            along_z,
        ),
        build_wall(
            (EAST_BACK_X, 0, NORTH_BACK_Z), (EAST_BACK_X + 0.3, CEILING_HEIGHT + 0.4, NORTH_Z), inner_plaster, along_z
        ),
        build_wall(
            (EAST_X + WALL_THICKNESS / 2, top + 0.05, SOUTH_Z + 0.01),
            (EAST_BACK_X + 0.28, WALL_HEIGHT + 0.26, SOUTH_Z + 0.32),
            plaster,
        ),
        south_coping,
        transform(west_coping, make_transform((WEST_X, 0, SOUTH_Z - 0.08), 90)),
    ]


def build_ground(stone: Material, rng: Generator) -> list[Mesh]:
    """The court's flagstones, two steps up, and the floor of the covered walks, on beds that show in the joints."""
    court_bed = make_boxes((WEST_X - 0.3, -0.25, NORTH_Z - 2.3), (EAST_X + 2.3, -0.012, SOUTH_Z + 0.3), stone)
    walk_edge = COURT_EDGE + 2 * STEP_DEPTH
    bed_edge, bed_top = walk_edge - 0.01, FLOOR_HEIGHT - 0.012
    walk_beds = make_boxes(
        [(WEST_X, -0.01, NORTH_BACK_Z), (bed_edge, -0.01, -bed_edge)],
        [(EAST_BACK_X, bed_top, -bed_edge), (EAST_BACK_X, bed_top, SOUTH_Z)],
        stone,
    )
    parts = [assign_uvs(bed, get_palette_uv(9)) for bed in (court_bed, walk_beds)]
    parts += [
        build_paving((WEST_X, -COURT_EDGE), (COURT_EDGE, SOUTH_Z), 0.0, 0.64, 0.74, stone, rng),
        build_paving((WEST_X, NORTH_BACK_Z), (EAST_BACK_X, -walk_edge), FLOOR_HEIGHT, 0.5, 0.6, stone, rng),
        build_paving((walk_edge, -walk_edge), (EAST_BACK_X, SOUTH_Z), FLOOR_HEIGHT, 0.5, 0.6, stone, rng),
    ]
    for k, top in enumerate((FLOOR_HEIGHT / 2, FLOOR_HEIGHT)):
        edge = COURT_EDGE + k * STEP_DEPTH
        north_low, north_high = (WEST_X, -0.01, -edge - STEP_DEPTH), (edge, top, -edge)
        parts.append(build_stone_course(north_low, north_high, 0.95, stone, rng, 0.015))
        east_low, east_high = (-edge - STEP_DEPTH, -0.01, -STEP_DEPTH), (SOUTH_Z, top, 0)
        east_step = build_stone_course(east_low, east_high, 0.95, stone, rng, 0.015)
        parts.append(transform(east_step, make_transform((edge, 0, 0), -90)))
    return parts


# ---- the fountain ----


def build_fountain(
    materials: BuildingMaterials, marble: Material, palette: Material, center: tuple[float, float]
) -> list[Mesh]:
    """An octagonal basin with tiled sides, and a sculpture on its pedestal in the water."""
    x, z = center
    stone = materials.stone
    octagon = make_transform((x, 0, z), 22.5)
    basin_wall = [(0, 0.0), (1.22, 0.0), (1.22, 0.09), (1.12, 0.09), (1.12, 0.42)]
    basin_rim = [(1.19, 0.44), (1.19, 0.53), (1.17, 0.55), (0.92, 0.55), (0.90, 0.53), (0.90, 0.12), (0, 0.12)]
    basin = transform(lathe([*basin_wall, *basin_rim], (0, 0, 0), stone, 8, 20.0), octagon)
    pedestal_foot = [(0, 0.1), (0.36, 0.1), (0.36, 0.62), (0.40, 0.64), (0.40, 0.70), (0.33, 0.72), (0.27, 0.76)]
    pedestal_shaft = [(0.25, 0.80), (0.25, 1.16), (0.27, 1.20)]
    pedestal_top = [(0.33, 1.24), (0.35, 1.25), (0.35, 1.31), (0.33, 1.33), (0, 1.33)]
    pedestal_profile = [*pedestal_foot, *pedestal_shaft, *pedestal_top]
    pedestal = transform(lathe(pedestal_profile, (0, 0, 0), stone, 8, 20.0), octagon)
    face_z = 1.12 * np.cos(np.pi / 8) + 0.004
    half_width = 1.12 * np.sin(np.pi / 8) - 0.02
    panel = make_boxes((-half_width, 0.10, face_z - 0.02), (half_width, 0.41, face_z + 0.01), materials.tile)
    panel = project_uvs(panel, 0.42, (0, 1))
    panels = [transform(panel, make_transform((x, 0, z), 45.0 * k)) for k in range(8)]

    def ripples(u: Doubles, v: Doubles) -> npt.ArrayLike:
        r, phi = 0.30 + 0.66 * (1 - v), 2 * np.pi * u
        height = 0.43 + 0.006 * np.sin(22 * r) * np.cos(phi * 2 + 5 * r)
        return np.stack([x + r * np.cos(phi), height, z - r * np.sin(phi)], -1)

    pool = make_surface(ripples, palette, 12, 48)
    knot = make_trefoil_knot((0, 0, 0), 0.62, 0.135, marble, 216, 20)
    sculpture = transform(knot, make_transform((x, 1.33 + 0.80, z), 20.0))
    collar_profile = [(0, 1.33), (0.13, 1.33), (0.10, 1.37), (0.055, 1.45), (0.05, 1.50), (0, 1.50)]
    collar = lathe(collar_profile, (x, 0, z), stone, 24)
    return [
        assign_uvs(basin, get_palette_uv(5)),
        assign_uvs(pedestal, get_palette_uv(30)),
        *panels,
        assign_uvs(pool, get_palette_uv(WATER)),
        sculpture,
        assign_uvs(collar, get_palette_uv(20)),
    ]


# ---- cloths ----


def drape_over_pole(cloth: Material, width: float, top: float, hem: float, rng: Generator) -> Mesh:
    """A cloth over a pole along z at height `top`, `width` metres wide; its front faces -x and ends at height `hem`."""
    pole_radius, middle = 0.045, (top + hem) / 2
    back = [(-0.10, hem + 0.5, 0.08), (-0.08, middle + 0.3, 0.05), (-pole_radius, top - 0.12, 0.01)]
    over_pole = [(-pole_radius, top + pole_radius, 0.0), (pole_radius, top + pole_radius, 0.0)]
    front = [(pole_radius, top - 0.12, 0.01), (0.08, middle, 0.15), (0.12, hem, 0.25)]
    cloth_mesh = drape_cloth([*back, *over_pole, *front], width, cloth, rng, folds=5, rows=48, columns=64)
    return transform(cloth_mesh, make_transform(yaw=-90))


def build_hanging_cloth(wood: Material, crimson: Material, rng: Generator) -> list[Mesh]:
    """The crimson cloth over a pole that stands out from the walled-up arch: in the sun, beside a wall in shade."""
    x, back_z, front_z, top = 3.3, NORTH_Z - 0.1, -1.55, 2.75
    pole = make_pole((x, top, back_z), (x, top, front_z - 0.02), 0.035, wood, 12)
    post = make_pole((x, 0, front_z), (x, top + 0.06, front_z), 0.045, wood, 6)
    cloth = drape_over_pole(crimson, 2.05, top, 0.36, rng)
    return [pole, post, translate(cloth, (x, 0, (-3.72 + front_z - 0.06) / 2))]


def build_drying_rack(wood: Material, saffron: Material, rng: Generator) -> list[Mesh]:
    """A drying rack and the saffron cloth over its pole, its foot in the shade."""
    half_width, top = 0.92, 2.35
    feet = [(z, side) for z in (-half_width, half_width) for side in (1, -1)]
    legs = [
        make_pole((-0.34 * side, 0.0, z), (0.05 * side, top + 0.12, z), 0.036, wood, 5 + k)
        for k, (z, side) in enumerate(feet)
    ]
    pole = make_pole((0, top, -half_width - 0.18), (0, top, half_width + 0.18), 0.035, wood, 12)
    cloth = drape_over_pole(saffron, 1.58, top, 0.12, rng)
    return [transform(m, make_transform((2.04, 0, 2.36), 38)) for m in (*legs, pole, cloth)]


def build_curtain(wood: Material, teal: Material, rng: Generator) -> list[Mesh]:
    """The teal curtain in the second arch of the east side, its end on the floor."""
    top = SPRINGING_HEIGHT - 0.02
    rod = make_pole((BAY_WIDTH + 0.1, top + 0.03, 0.12), (2 * BAY_WIDTH - 0.1, top + 0.03, 0.12), 0.02, wood, 20)
    hanging = [(0.0, top, 0.06), (0.02, 2.0, 0.10), (0.04, 1.2, 0.13), (0.07, 0.55, 0.15)]
    on_floor = [(0.12, FLOOR_HEIGHT + 0.015, 0.05), (0.40, FLOOR_HEIGHT + 0.012, 0.05)]
    curtain = drape_cloth([*hanging, *on_floor], 1.25, teal, rng, folds=5, rows=40, columns=80, narrowing=0.12)
    return [move_to_east_side(rod), move_to_east_side(translate(curtain, (BAY_WIDTH + 0.98, 0, 0.12)))]


def build_carpet(carpet: Material, rng: Generator) -> list[Mesh]:
    """A carpet with fringes in the light that falls through the gate."""
    width, length = 1.0, 1.9
    path = [(0.0, 0.018, 0.02), (length, 0.018, 0.02)]
    rug = drape_cloth(path, width, carpet, rng, folds=1.3, rows=32, columns=20, thickness=0.014)
    far_fringe = translate(make_fringe(width, carpet, rng), (0, 0, length))
    near_fringe = transform(make_fringe(width, carpet, rng), make_transform((0, 0, 0), 180))
    return [transform(m, make_transform((-1.75, 0, 1.42), 84)) for m in (rug, far_fringe, near_fringe)]


# ---- plants and vessels ----


def make_plant_palette(rng: Generator) -> Material:
    """Leaves (0 to 31), bracts (32 to 49), oranges (50, 51), pigments (52 to 59, two entries each) and water (60)."""
    leaves = [(0.07, 0.14, 0.04), (0.10, 0.19, 0.05), (0.06, 0.12, 0.05), (0.13, 0.20, 0.06)] * 8
    bracts = [(0.55, 0.03, 0.20), (0.62, 0.05, 0.28), (0.48, 0.02, 0.14)] * 6
    oranges = [(0.70, 0.22, 0.02)] * 2
    ochre, vermilion, ultramarine = (0.70, 0.36, 0.02), (0.60, 0.04, 0.03), (0.03, 0.06, 0.45)
    pigments = [ochre] * 2 + [vermilion] * 2 + [ultramarine] * 2 + [(0.03, 0.35, 0.30)] * 2
    water = [(0.03, 0.14, 0.15)] * 4
    return make_palette("growth", [*leaves, *bracts, *oranges, *pigments, *water], 0.06, 0.05, rng)


def build_pot(position: tuple[float, float, float], size: float, clay: Material, rng: Generator) -> Mesh:
    """A clay pot filled with soil up to POT_SOIL_HEIGHT x size."""
    foot_and_belly = [(0, 0), (0.17, 0), (0.19, 0.02), (0.25, 0.20), (0.27, 0.36), (0.26, 0.42), (0.295, 0.44)]
    rim = [(0.30, 0.49), (0.28, 0.50), (0.245, 0.49), (0.235, 0.43), (0, POT_SOIL_HEIGHT)]
    pot = lathe([*foot_and_belly, *rim], (0, 0, 0), clay, 28)
    return assign_uvs(transform(pot, make_transform(position, 0, size)), get_palette_uv(rng.integers(PALETTE_SIZE)))


def build_potted_plants(materials: BuildingMaterials, palette: Material, rng: Generator) -> list[Mesh]:
    """Clay pots with two agaves, a round bush and an orange tree."""
    parts: list[Mesh] = []

    def add_pot(x: float, y: float, z: float, size: float) -> Doubles:
        """Add a pot and return the middle of its soil."""
        parts.append(build_pot((x, y, z), size, materials.clay, rng))
        return np.array([x, y + POT_SOIL_HEIGHT * size, z])

    soil = add_pot(-1.3, FLOOR_HEIGHT / 2, -3.30, 0.8)
    parts.append(plants.build_agave(soil, 0.62, palette, rng))
    soil = add_pot(1.12, FLOOR_HEIGHT / 2, -3.31, 0.85)
    parts.append(plants.build_bush(soil + np.array([0, 0.30, 0]), (0.34, 0.36, 0.34), 260, 0.13, palette, rng))
    soil = add_pot(3.31, FLOOR_HEIGHT / 2, 1.3, 0.85)
    parts.append(plants.build_agave(soil, 0.7, palette, rng))
    soil = add_pot(-3.3, 0.0, -2.2, 1.35)
    trunk_low, trunk_high = soil - np.array([0, 0.1, 0]), soil + np.array([0.05, 1.15, 0])
    parts.append(plants.build_trunk(trunk_low, trunk_high, 0.05, materials.wood, rng))
    crown_center, crown_radii = soil + np.array([0.05, 1.65, 0]), (0.85, 0.75, 0.85)
    parts.append(plants.build_bush(crown_center, crown_radii, 1350, 0.17, palette, rng))
    parts.append(plants.build_fruit(crown_center, crown_radii, 34, 0.05, palette, rng, ORANGE))
    return parts


def build_bougainvillea(palette: Material, rng: Generator) -> list[Mesh]:
    """Bougainvillea that hangs from the cornice at the left of the north side."""
    parts: list[Mesh] = []
    for length, start in ((2.6, -0.45), (2.0, 0.0), (1.5, 0.5), (1.0, 1.0), (0.7, 1.45)):
        t = np.linspace(0, 1, 8)
        x, y = -EAST_X + start + 0.2 * np.sin(4 * t + start), 4.95 - length * t
        z = NORTH_Z + 0.36 + 0.08 * np.sin(3 * t + 0.4)
        path = np.stack([x, y, z], -1)
        bract_count = int(260 * length)
        parts.append(plants.build_vine(path, 0.15, bract_count // 2, 0.11, palette, rng, LEAF_START, 16))
        parts.append(plants.build_vine(path, 0.16, bract_count, 0.085, palette, rng, BRACT_START, 14))
    return parts


def build_jars(white: Material) -> list[Mesh]:
    """White jars beside the cloths; some part of them faces every colour."""
    foot_and_belly = [(0, 0), (0.17, 0), (0.19, 0.015), (0.25, 0.10), (0.325, 0.24), (0.355, 0.38), (0.34, 0.50)]
    shoulder = [(0.28, 0.60), (0.20, 0.66), (0.165, 0.70), (0.16, 0.74)]
    mouth = [(0.185, 0.775), (0.19, 0.79), (0.175, 0.80), (0.15, 0.785), (0.135, 0.74), (0.14, 0.70), (0, 0.62)]
    jar = lathe([*foot_and_belly, *shoulder, *mouth], (0, 0, 0), white, 36)
    placements = (
        (1.02, 0.0, 2.12, 0.9),
        (0.70, 0.0, 1.55, 0.6),
        (2.72, FLOOR_HEIGHT, -3.64, 0.8),
        (2.28, FLOOR_HEIGHT / 2, -3.31, 0.6),
    )
    return [transform(jar, make_transform((x, y, z), 0, size)) for x, y, z, size in placements]


def build_pigment_bowls(clay: Material, palette: Material, rng: Generator) -> list[Mesh]:
    """Clay bowls heaped with pigment."""
    outside = [(0, 0), (0.08, 0), (0.09, 0.015), (0.15, 0.06), (0.19, 0.11), (0.195, 0.12)]
    inside = [(0.185, 0.12), (0.14, 0.075), (0, 0.05)]
    bowl = lathe([*outside, *inside], (0, 0, 0), clay, 32)
    heap_profile = [(0, 0.08), (0.172, 0.095), (0.12, 0.145), (0.06, 0.20), (0.02, 0.225), (0, 0.228)]
    heap = lathe(heap_profile, (0, 0, 0), palette, 32, 60.0)
    parts = []
    for k, (x, z, size) in enumerate(((-2.10, 1.15, 1.0), (-2.52, 1.30, 0.85), (-2.48, 0.90, 0.9), (-2.14, 0.78, 0.7))):
        matrix = make_transform((x, 0, z), 0, size)
        parts.append(assign_uvs(transform(bowl, matrix), get_palette_uv(rng.integers(PALETTE_SIZE))))
        parts.append(assign_uvs(transform(heap, matrix), get_palette_uv(PIGMENT_START + 2 * k)))
    return parts


# ---- the scene ----


def make_building_materials(rng: Generator) -> BuildingMaterials:
    limestone = [(0.69, 0.565, 0.40)] * ACCENT_START + [(0.58, 0.40, 0.29)] * (PALETTE_SIZE - ACCENT_START)
    return BuildingMaterials(
        stone=make_palette("limestone", limestone, 0.08, 0.05, rng),
        plaster=make_plaster("lime wash", (0.74, 0.64, 0.48), rng),
        inner_plaster=make_plaster("ochre wash", (0.56, 0.33, 0.15), rng),
        tile=make_zellige(rng),
        wood=make_palette("cedar", (0.20, 0.105, 0.05), 0.18, 0.06, rng),
        clay=make_palette("clay", (0.46, 0.20, 0.10), 0.14, 0.06, rng),
    )


def build_courtyard() -> Scene:
    """A court of 12 x 13 m with a low sun from the west-north-west: the north side is in shade, the east side lit."""
    rng = np.random.default_rng(1492)
    materials = make_building_materials(rng)
    crimson = make_striped_cloth("crimson", (0.68, 0.032, 0.035), (0.70, 0.42, 0.10), rng)
    saffron = make_striped_cloth("saffron", (0.74, 0.20, 0.02), (0.50, 0.03, 0.03), rng)
    teal = make_striped_cloth("teal", (0.03, 0.36, 0.38), (0.66, 0.58, 0.38), rng)
    palette, marble = make_plant_palette(rng), Material((0.78, 0.76, 0.72), name="marble")
    parts = [
        *build_arcades(materials, rng),
        *build_walls(materials, rng),
        *build_ground(materials.stone, rng),
        *build_fountain(materials, marble, palette, (-1.2, -0.4)),
        *build_hanging_cloth(materials.wood, crimson, rng),
        *build_drying_rack(materials.wood, saffron, rng),
        *build_curtain(materials.wood, teal, rng),
        *build_carpet(make_carpet(rng), rng),
        *build_potted_plants(materials, palette, rng),
        *build_bougainvillea(palette, rng),
        *build_jars(marble),
        *build_pigment_bowls(materials.clay, palette, rng),
    ]
    return Scene(
        tuple(merge_by_material(parts)),
        eye=(-3.5, 2.0, 5.7),
        target=(0.15, 1.72, -1.5),
        fov=46.0,
        sun=DirectionalLight(azimuth=272.0, elevation=27.0, irradiance=5.6, color=(1.0, 0.90, 0.74)),
        environment="sky",
        name="courtyard",
    )
