"""A dyers' courtyard: pale arcades in soft shade, and in the last of the sun the cloths whose colours run over the
stone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ssdo.scene.built_in.blocks import knot
from ssdo.scene.model import Material, Mesh, Scene, Sunlight
from ssdo.scene.modelling import plants
from ssdo.scene.modelling.assembly import merged, moved, painted, placed_uvs, placing, transformed
from ssdo.scene.modelling.fabrics import draped, fringe
from ssdo.scene.modelling.masonry import (
    BAY,
    CEILING,
    FLOOR,
    SPRING,
    TOP,
    WALL,
    Finishes,
    arcade,
    ashlar,
    beam,
    paving,
    pier,
    strip,
    wall,
)
from ssdo.scene.modelling.shapes import boxes, lathe, sheet
from ssdo.scene.modelling.textures import ROSY, SHADES, carpet, palette, plaster, shade, woven, zellige

SIDE = 1.5 * BAY  # from the middle of the court to its columns, metres
SOUTH, WEST = SIDE + BAY, -4.6  # where the low walls stand
DEPTH = 2.1  # of the covered walks

WATER = 60  # its entry in the palette of `growth`

Rng = np.random.Generator


def eastern(mesh: Mesh) -> Mesh:
    """From the frame of a side (along x from 0, facing +z) to the east side of the court, which faces -x."""
    return transformed(mesh, placing((SIDE, 0, -SIDE), -90))


def northern(mesh: Mesh) -> Mesh:
    """The same for the north side, which faces +z."""
    return moved(mesh, (-SIDE, 0, -SIDE))


def building(f: Finishes, rng: Rng) -> list[Mesh]:
    """The two arcades, the corner pier they share, and the low walls that close the court."""
    north = arcade(3, -WEST - SIDE + 0.42, 2.4, DEPTH, f, rng, (1, 2))
    east = arcade(4, 0.0, 0.3, DEPTH, f, rng, (1, 2, 3))
    # mouldings meet in the corner, not in one plane
    parts = [northern(m) for m in north] + [moved(eastern(m), (0, 0.003, 0)) for m in east]
    for x, z in ((-SIDE, -SIDE), (SIDE, -SIDE), (SIDE, SOUTH)):
        parts.append(moved(pier(0.22, f.stone, rng), (x, 0, z)))
    parts += [northern(m) for m in blind_bay(f, rng)]
    low, gate = 3.4, (0.75, 2.05)
    parts += [
        wall((WEST - 0.35, 0, SOUTH), (SIDE + DEPTH + 0.3, low, SOUTH + 0.35), f.plaster),
        placed_uvs(boxes((WEST - 0.35, 0, -SIDE + WALL / 2), (WEST, low, gate[0]), f.plaster), 2.0, (2, 1)),
        placed_uvs(boxes((WEST - 0.35, 0, gate[1]), (WEST, low, SOUTH), f.plaster), 2.0, (2, 1)),
        placed_uvs(boxes((WEST - 0.35, 2.4, gate[0]), (WEST, low, gate[1]), f.plaster), 2.0, (2, 1)),
        placed_uvs(
            boxes((WEST - 0.30, 0, -SIDE - DEPTH), (WEST, CEILING + 0.4, -SIDE - WALL / 2), f.inner), 2.0, (2, 1)
        ),
        placed_uvs(
            boxes((SIDE + DEPTH, 0, -SIDE - DEPTH), (SIDE + DEPTH + 0.3, CEILING + 0.4, -SIDE), f.inner), 2.0, (2, 1)
        ),
        wall((SIDE + WALL / 2, low + 0.05, SOUTH + 0.01), (SIDE + DEPTH + 0.28, TOP + 0.26, SOUTH + 0.32), f.plaster),
        strip((WEST - 0.42, low, SOUTH - 0.07), (SIDE + DEPTH + 0.3, low + 0.12, SOUTH + 0.42), 0.9, f.stone, rng),
        transformed(
            strip((0, low, -0.42), (SOUTH + SIDE - WALL / 2 - 0.08, low + 0.12, 0.07), 0.9, f.stone, rng),
            placing((WEST, 0, SOUTH - 0.08), 90),
        ),
    ]
    return parts


def blind_bay(f: Finishes, rng: Rng) -> list[Mesh]:
    """The north side's last arch, walled up with dressed stone: what the red cloth shines on."""
    x0, x1 = 2 * BAY + 0.1, 3 * BAY - 0.1
    back = wall((x0, FLOOR, -0.16), (x1, SPRING + 1.1, -0.10), f.plaster)
    return [
        back,
        moved(ashlar((x0 + 0.1, FLOOR), (x1 - 0.1, SPRING + 0.02), 0.31, 0.62, f.stone, rng, 0.06), (0, 0, -0.045)),
    ]


def ground(f: Finishes, rng: Rng) -> list[Mesh]:
    """The court's flags, two steps up, and the floor of the walks."""
    edge, step = SIDE - 0.75, 0.36
    bed = painted(boxes((WEST - 0.3, -0.25, -SIDE - 2.3), (SIDE + 2.3, -0.012, SOUTH + 0.3), f.stone), shade(9))
    inside, under = edge + 2 * step - 0.01, FLOOR - 0.012
    raised = (
        [(WEST, -0.01, -SIDE - DEPTH), (inside, -0.01, -inside)],
        [(SIDE + DEPTH, under, -inside), (SIDE + DEPTH, under, SOUTH)],
    )
    parts = [bed, painted(boxes(*raised, f.stone), shade(9))]
    parts += [paving((WEST, -edge), (edge, SOUTH), 0.0, 0.64, 0.74, f.stone, rng)]
    parts += [paving((WEST, -SIDE - DEPTH), (SIDE + DEPTH, -edge - 2 * step), FLOOR, 0.5, 0.6, f.stone, rng)]
    parts += [paving((edge + 2 * step, -edge - 2 * step), (SIDE + DEPTH, SOUTH), FLOOR, 0.5, 0.6, f.stone, rng)]
    for k, top in enumerate((FLOOR / 2, FLOOR)):
        inner = edge + k * step
        parts += [strip((WEST, -0.01, -inner - step), (inner, top, -inner), 0.95, f.stone, rng, 0.015)]
        east = strip((-inner - step, -0.01, -step), (SOUTH, top, 0), 0.95, f.stone, rng, 0.015)
        parts += [transformed(east, placing((inner, 0, 0), -90))]
    return parts


def fountain(f: Finishes, marble: Material, paint: Material, rng: Rng, center: tuple[float, float]) -> list[Mesh]:
    """An eight-sided basin with a tiled side, and the sculpture on its pedestal in the water."""
    x, z = center
    outer = [(0, 0.0), (1.22, 0.0), (1.22, 0.09), (1.12, 0.09), (1.12, 0.42), (1.19, 0.44), (1.19, 0.53), (1.17, 0.55)]
    outer += [(0.92, 0.55), (0.90, 0.53), (0.90, 0.12), (0, 0.12)]
    pedestal = [
        (0, 0.1),
        (0.36, 0.1),
        (0.36, 0.62),
        (0.40, 0.64),
        (0.40, 0.70),
        (0.33, 0.72),
        (0.27, 0.76),
        (0.25, 0.80),
        (0.25, 1.16),
    ]
    pedestal += [(0.27, 1.20), (0.33, 1.24), (0.35, 1.25), (0.35, 1.31), (0.33, 1.33), (0, 1.33)]
    basin = transformed(lathe(outer, (0, 0, 0), f.stone, 8, 20.0), placing((x, 0, z), 22.5))
    stand = transformed(lathe(pedestal, (0, 0, 0), f.stone, 8, 20.0), placing((x, 0, z), 22.5))
    face = 1.12 * np.cos(np.pi / 8) + 0.004
    half = 1.12 * np.sin(np.pi / 8) - 0.02
    panel = placed_uvs(boxes((-half, 0.10, face - 0.02), (half, 0.41, face + 0.01), f.tile), 0.42, (0, 1))
    panels = [transformed(panel, placing((x, 0, z), 45.0 * k)) for k in range(8)]

    def ripples(u: npt.NDArray[np.float64], v: npt.NDArray[np.float64]) -> npt.ArrayLike:
        r, phi = 0.30 + 0.66 * (1 - v), 2 * np.pi * u
        return np.stack(
            [x + r * np.cos(phi), 0.43 + 0.006 * np.sin(22 * r) * np.cos(phi * 2 + 5 * r), z - r * np.sin(phi)], -1
        )

    pool = painted(sheet(ripples, paint, 12, 48), shade(WATER))
    sculpture = transformed(knot((0, 0, 0), 0.62, 0.135, marble, 216, 20), placing((x, 1.33 + 0.80, z), 20.0))
    collar = painted(
        lathe([(0, 1.33), (0.13, 1.33), (0.10, 1.37), (0.055, 1.45), (0.05, 1.50), (0, 1.50)], (x, 0, z), f.stone, 24),
        shade(20),
    )
    return [painted(basin, shade(5)), painted(stand, shade(30)), *panels, pool, sculpture, collar]


def hanging(f: Finishes, cloth: Material, rng: Rng) -> list[Mesh]:
    """The crimson cloth over a pole that stands out from the walled bay: lit by the sun, beside a wall that is not."""
    x, z0, z1, top = 3.3, -SIDE - 0.1, -1.55, 2.75
    pole = [
        beam((x, top, z0), (x, top, z1 - 0.02), 0.035, f.wood, 12),
        beam((x, 0, z1), (x, top + 0.06, z1), 0.045, f.wood, 6),
    ]
    return [*pole, moved(over_bar(cloth, 2.05, top, 0.36, rng), (x, 0, (-3.72 + z1 - 0.06) / 2))]


def rack(f: Finishes, cloth: Material, rng: Rng) -> list[Mesh]:
    """A drying frame and the saffron cloth over its bar, its foot in the shade."""
    half, top = 0.92, 2.35
    feet = [(z, s) for z in (-half, half) for s in (1, -1)]
    poles = [
        beam((-0.34 * s, 0.0, z), (0.05 * s, top + 0.12, z), 0.036, f.wood, 5 + k) for k, (z, s) in enumerate(feet)
    ]
    bar = beam((0, top, -half - 0.18), (0, top, half + 0.18), 0.035, f.wood, 12)
    return [transformed(m, placing((2.04, 0, 2.36), 38)) for m in (*poles, bar, over_bar(cloth, 1.58, top, 0.12, rng))]


def over_bar(cloth: Material, width: float, top: float, hem: float, rng: Rng) -> Mesh:
    """A cloth `width` metres wide (along z) over a bar at `top`, its front towards -x and down to `hem`."""
    r, middle = 0.045, (top + hem) / 2
    back = [(-0.10, hem + 0.5, 0.08), (-0.08, middle + 0.3, 0.05), (-r, top - 0.12, 0.01), (-r, top + r, 0.0)]
    front = [(r, top + r, 0.0), (r, top - 0.12, 0.01), (0.08, middle, 0.15), (0.12, hem, 0.25)]
    return transformed(draped([*back, *front], width, cloth, rng, folds=5, rows=48, columns=64), placing(degrees=-90))


def curtain(f: Finishes, cloth: Material, rng: Rng) -> list[Mesh]:
    """The teal curtain in the second arch of the east side, its end on the floor."""
    top = SPRING - 0.02
    rod = [beam((BAY + 0.1, top + 0.03, 0.12), (2 * BAY - 0.1, top + 0.03, 0.12), 0.02, f.wood, 20)]
    path = [
        (0.0, top, 0.06),
        (0.02, 2.0, 0.10),
        (0.04, 1.2, 0.13),
        (0.07, 0.55, 0.15),
        (0.12, FLOOR + 0.015, 0.05),
        (0.40, FLOOR + 0.012, 0.05),
    ]
    hung = draped(path, 1.25, cloth, rng, folds=5, rows=40, columns=80, narrowing=0.12)
    return [*(eastern(m) for m in rod), eastern(moved(hung, (BAY + 0.98, 0, 0.12)))]


def rugs(pattern: Material, rng: Rng) -> list[Mesh]:
    """A carpet in the light that falls through the gate."""
    width, long = 1.0, 1.9
    path = [(0.0, 0.018, 0.02), (long, 0.018, 0.02)]
    rug = draped(path, width, pattern, rng, folds=1.3, rows=32, columns=20, thickness=0.014)
    ends = [
        moved(fringe(width, pattern, rng), (0, 0, long)),
        transformed(fringe(width, pattern, rng), placing((0, 0, 0), 180)),
    ]
    return [transformed(m, placing((-1.75, 0, 1.42), 84)) for m in (rug, *ends)]


def pots(f: Finishes, green: Material, rng: Rng) -> list[Mesh]:
    """Clay pots with agaves, a round bush and an orange tree."""
    jar = [(0, 0), (0.17, 0), (0.19, 0.02), (0.25, 0.20), (0.27, 0.36), (0.26, 0.42), (0.295, 0.44)]
    jar += [(0.30, 0.49), (0.28, 0.50), (0.245, 0.49), (0.235, 0.43), (0, 0.43)]
    parts: list[Mesh] = []

    def pot(x: float, y: float, z: float, size: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        parts.append(
            painted(
                transformed(lathe(jar, (0, 0, 0), f.clay, 28), placing((x, y, z), 0, size)), shade(rng.integers(64))
            )
        )
        return np.array([x, y + 0.43 * size, z])

    at = pot(-1.3, FLOOR / 2, -3.30, 0.8)
    parts.append(plants.agave(at, 0.62, green, rng))
    at = pot(1.12, FLOOR / 2, -3.31, 0.85)
    parts.append(plants.bush(at + np.array([0, 0.30, 0]), (0.34, 0.36, 0.34), 260, 0.13, green, rng))
    at = pot(3.31, FLOOR / 2, 1.3, 0.85)
    parts.append(plants.agave(at, 0.7, green, rng))
    at = pot(-3.3, 0.0, -2.2, 1.35)
    parts.append(plants.trunk(at - np.array([0, 0.1, 0]), at + np.array([0.05, 1.15, 0]), 0.05, f.wood, rng))
    crown = at + np.array([0.05, 1.65, 0])
    parts.append(plants.bush(crown, (0.85, 0.75, 0.85), 1350, 0.17, green, rng))
    parts.append(plants.fruit(crown, (0.85, 0.75, 0.85), 34, 0.05, green, rng, 50))
    return parts


def jars(white: Material) -> list[Mesh]:
    """White jars beside the cloths: round, so that some part of them faces every colour."""
    body = [
        (0, 0),
        (0.17, 0),
        (0.19, 0.015),
        (0.25, 0.10),
        (0.325, 0.24),
        (0.355, 0.38),
        (0.34, 0.50),
        (0.28, 0.60),
        (0.20, 0.66),
        (0.165, 0.70),
        (0.16, 0.74),
    ]
    mouth = [(0.185, 0.775), (0.19, 0.79), (0.175, 0.80), (0.15, 0.785), (0.135, 0.74), (0.14, 0.70), (0, 0.62)]
    spots = ((1.02, 0.0, 2.12, 0.9), (0.70, 0.0, 1.55, 0.6), (2.72, FLOOR, -3.64, 0.8), (2.28, FLOOR / 2, -3.31, 0.6))
    return [
        transformed(lathe([*body, *mouth], (0, 0, 0), white, 36), placing((x, y, z), 0, size))
        for x, y, z, size in spots
    ]


def vine(green: Material, rng: Rng) -> list[Mesh]:
    """Bougainvillea that hangs from the cornice at the left of the north side."""
    x0 = -SIDE
    parts: list[Mesh] = []
    for length, start in ((2.6, -0.45), (2.0, 0.0), (1.5, 0.5), (1.0, 1.0), (0.7, 1.45)):
        t = np.linspace(0, 1, 8)
        path = np.stack(
            [x0 + start + 0.2 * np.sin(4 * t + start), 4.95 - length * t, -SIDE + 0.36 + 0.08 * np.sin(3 * t + 0.4)], -1
        )
        count = int(260 * length)
        parts.append(plants.cascade(path, 0.15, count // 2, 0.11, green, rng, 0, 16))
        parts.append(plants.cascade(path, 0.16, count, 0.085, green, rng, 34, 14))
    return parts


def bowls(f: Finishes, paint: Material, rng: Rng) -> list[Mesh]:
    """Clay bowls heaped with pigment."""
    dish = [
        (0, 0),
        (0.08, 0),
        (0.09, 0.015),
        (0.15, 0.06),
        (0.19, 0.11),
        (0.195, 0.12),
        (0.185, 0.12),
        (0.14, 0.075),
        (0, 0.05),
    ]
    heap = [(0, 0.08), (0.172, 0.095), (0.12, 0.145), (0.06, 0.20), (0.02, 0.225), (0, 0.228)]
    spots = ((-2.10, 1.15, 1.0, 52), (-2.52, 1.30, 0.85, 54), (-2.48, 0.90, 0.9, 56), (-2.14, 0.78, 0.7, 58))
    parts = []
    for x, z, size, entry in spots:
        place = placing((x, 0, z), 0, size)
        parts += [painted(transformed(lathe(dish, (0, 0, 0), f.clay, 32), place), shade(rng.integers(64)))]
        parts += [painted(transformed(lathe(heap, (0, 0, 0), paint, 32, 60.0), place), shade(entry))]
    return parts


def growth(rng: Rng) -> Material:
    """Leaves (0 to 15 grey-green, to 31 fresh), bracts (32 to 49), oranges, (50), pairs of pigments from 52 on and
    water (60): one palette.
    """
    greens = [(0.07, 0.14, 0.04), (0.10, 0.19, 0.05), (0.06, 0.12, 0.05), (0.13, 0.20, 0.06)] * 8
    bracts = [(0.55, 0.03, 0.20), (0.62, 0.05, 0.28), (0.48, 0.02, 0.14)] * 6
    pigments = (
        [(0.70, 0.22, 0.02)] * 2
        + [(0.70, 0.36, 0.02)] * 2
        + [(0.60, 0.04, 0.03)] * 2
        + [(0.03, 0.06, 0.45)] * 2
        + [(0.03, 0.35, 0.30)] * 2
    )
    return palette("growth", [*greens, *bracts, *pigments, *[(0.03, 0.14, 0.15)] * 4], 0.06, 0.05, rng)


def courtyard() -> Scene:
    """The whole court, 12 x 13 m, with a low sun from the west-north-west: the north side is in shade, the east side in
    light.
    """
    rng = np.random.default_rng(1492)
    f = Finishes(
        stone=palette(
            "limestone", [(0.69, 0.565, 0.40)] * ROSY + [(0.58, 0.40, 0.29)] * (SHADES - ROSY), 0.08, 0.05, rng
        ),
        plaster=plaster("lime wash", (0.74, 0.64, 0.48), rng),
        inner=plaster("ochre wash", (0.56, 0.33, 0.15), rng),
        tile=zellige(rng),
        wood=palette("cedar", (0.20, 0.105, 0.05), 0.18, 0.06, rng),
        clay=palette("clay", (0.46, 0.20, 0.10), 0.14, 0.06, rng),
    )
    crimson = woven("crimson", (0.68, 0.032, 0.035), (0.70, 0.42, 0.10), rng)
    saffron = woven("saffron", (0.74, 0.20, 0.02), (0.50, 0.03, 0.03), rng)
    teal = woven("teal", (0.03, 0.36, 0.38), (0.66, 0.58, 0.38), rng)
    green, marble = growth(rng), Material((0.78, 0.76, 0.72), name="marble")
    parts = [*building(f, rng), *ground(f, rng), *fountain(f, marble, green, rng, (-1.2, -0.4))]
    parts += [*hanging(f, crimson, rng), *rack(f, saffron, rng), *curtain(f, teal, rng), *rugs(carpet(rng), rng)]
    parts += [*pots(f, green, rng), *vine(green, rng), *jars(marble), *bowls(f, green, rng)]
    return Scene(
        tuple(merged(parts)),
        eye=(-3.5, 2.0, 5.7),
        target=(0.15, 1.72, -1.5),
        fov=46.0,
        sun=Sunlight(azimuth=272.0, elevation=27.0, irradiance=5.6, color=(1.0, 0.90, 0.74)),
        environment="sky",
        name="courtyard",
    )
