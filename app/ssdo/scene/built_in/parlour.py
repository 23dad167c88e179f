"""A parlour at dusk: lamps of three kinds, a last sun through the window, and the blue of the evening from behind the
camera.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ssdo.scene.model import Material, Mesh, Scene, Sunlight
from ssdo.scene.modelling import plants, room_textures
from ssdo.scene.modelling.assembly import Place, merged, moved, painted, placed_uvs, placing, transformed
from ssdo.scene.modelling.fabrics import draped
from ssdo.scene.modelling.joinery import bar, boards, border, grained, panels, picture, pierced, shelf, volumes, window
from ssdo.scene.modelling.luminaires import Luminaire, floor_lamp, pendant, table_lamp
from ssdo.scene.modelling.shapes import box, boxes, cylinder, lathe, sheet, slabs, sphere, tube
from ssdo.scene.modelling.textures import palette, plaster, shade
from ssdo.scene.modelling.upholstery import fitted, leaning, pillow, pouf, seat
from ssdo.settings import Vec3

WIDE, DEEP, HIGH = 2.8, 2.3, 2.75  # metres from the middle of the floor to the walls, and up to the ceiling
WALL = 0.28
DADO = 0.84  # how high the wainscot is
SILL = (-0.95, 0.95, 0.90, 2.32)  # the west window: z0, z1, y0, y1
DOORS = ((-2.15, -0.95), (-0.6, 0.6), (0.95, 2.15))  # the garden doors in the south: x0, x1

# eye, target: the scene's own; from the west on shelves and sideboard; over the coffee table
CAMERAS: tuple[tuple[Vec3, Vec3], ...] = (
    ((2.25, 1.46, 2.05), (-0.72, 0.95, -1.30)),
    ((-1.70, 1.50, 2.10), (1.35, 0.85, -1.50)),
    ((0.75, 1.05, 1.05), (-0.75, 0.55, -0.75)),
)

Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Stuff:
    """The materials of the parlour."""

    wall: Material
    accent: Material  # of the east wall
    ceiling: Material
    paint: Material  # of the woodwork
    oak: Material
    walnut: Material
    lacquer: Material
    brass: Material
    silver: Material
    covers: Material  # a palette
    leaves: Material  # a palette
    pages: Material


def shell(s: Stuff, rng: Rng) -> list[Mesh]:
    """Floor, walls with their openings, ceiling: nothing comes in but through the openings."""
    low, high = -0.08, HIGH + 0.05
    west = pierced((-DEEP, low, DEEP, high), [(SILL[0], SILL[2], SILL[1], SILL[3])], WALL, s.wall)
    south = pierced((-WIDE - WALL, low, WIDE + WALL, high), [(a, -0.012, b, 2.35) for a, b in DOORS], WALL, s.wall)
    parts = [
        transformed(west, placing((-WIDE, 0, 0), 90)),
        transformed(south, placing((0, 0, DEEP), 180)),
        placed_uvs(box((-WIDE - WALL, low, -DEEP - WALL), (WIDE + WALL, high, -DEEP), s.wall), 2.0, (0, 1)),
        placed_uvs(box((WIDE, low, -DEEP), (WIDE + WALL, high, DEEP), s.accent), 2.0, (2, 1)),
        placed_uvs(
            box(
                (-WIDE - WALL - 0.01, HIGH, -DEEP - WALL - 0.01),
                (WIDE + WALL + 0.01, HIGH + 0.2, DEEP + WALL + 0.01),
                s.ceiling,
            ),
            2.0,
        ),
        painted(
            box(
                (-WIDE - WALL - 0.01, -0.2, -DEEP - WALL - 0.01),
                (WIDE + WALL + 0.01, -0.02, DEEP + WALL + 0.01),
                s.pages,
            ),
            (0.5, 0.5),
        ),
        boards((-WIDE - 0.01, -DEEP - 0.01), (WIDE + 0.01, DEEP + WALL), 0.0, s.oak, rng),
    ]
    cove = [
        (0.01, 0.0),
        (0.01, -0.14),
        (-0.012, -0.14),
        (-0.022, -0.12),
        (-0.045, -0.07),
        (-0.09, -0.035),
        (-0.11, -0.022),
        (-0.12, 0.0),
    ]
    cornice = border(2 * WIDE, 2 * DEEP, [(d, -h) for d, h in cove], s.paint)
    parts.append(
        painted(
            transformed(cornice, np.array([[1, 0, 0, 0], [0, 0, -1, HIGH + 0.003], [0, 1, 0, 0], [0, 0, 0, 1.0]])),
            (0.5, 0.5),
        )
    )
    return parts


def woodwork(s: Stuff) -> list[Mesh]:
    """Wainscot, the window with its sill, the garden doors that stand open."""
    parts = [moved(m, (-WIDE, 0.002, -DEEP)) for m in panels(2 * WIDE, DADO, 8, s.paint)]
    parts += [transformed(m, placing((-WIDE, 0, DEEP), 90)) for m in panels(2 * DEEP, DADO, 6, s.paint)]
    parts += [transformed(m, placing((WIDE, 0, -DEEP), -90)) for m in panels(2 * DEEP, DADO, 6, s.paint)]
    z0, z1, y0, y1 = SILL
    frame = [moved(m, (0, 0, -0.09)) for m in window(z1 - z0, y1 - y0, 0.07, s.paint, (4, 3))]
    frame.append(
        painted(
            border(
                z1 - z0,
                y1 - y0,
                [(-0.004, -0.02), (0.085, -0.02), (0.085, 0.02), (0.07, 0.03), (-0.004, 0.02)],
                s.paint,
            ),
            (0.5, 0.5),
        )
    )
    place = placing((-WIDE, (y0 + y1) / 2, (z0 + z1) / 2), 90)
    parts += [transformed(m, place) for m in frame]
    parts.append(
        painted(box((-WIDE - 0.10, y0 - 0.012, z0 - 0.12), (-WIDE + 0.13, y0 + 0.022, z1 + 0.12), s.paint), (0.5, 0.5))
    )
    for a, b in DOORS:
        trim = border(b - a, 2.40, [(-0.03, -0.02), (0.09, -0.02), (0.09, 0.02), (0.07, 0.032), (-0.03, 0.02)], s.paint)
        parts.append(painted(transformed(trim, placing(((a + b) / 2, 1.15, DEEP), 180)), (0.5, 0.5)))
    return parts


def bookcase(s: Stuff, at: Place, rng: Rng) -> list[Mesh]:
    """A white case full of books, with a few things between them."""
    width, height, depth = 1.46, 2.14, 0.30
    levels = [0.12, 0.50, 0.88, 1.25, 1.60, 1.91]
    parts = shelf(width, height, depth, levels, s.paint)
    parts.append(
        painted(box((-0.012, levels[0] - 0.01, 0.01), (0.012, height - 0.005, depth - 0.012), s.paint), (0.5, 0.5))
    )
    tops = [*levels[1:], height]
    for k, (y, top) in enumerate(zip(levels, tops, strict=True)):
        for side in (0, 1):
            left = -width / 2 + 0.02 if side == 0 else 0.016
            room = width / 2 - 0.036
            if (k, side) in ((3, 0), (1, 1), (4, 1)):
                room *= 0.55
            rows = volumes(room, top - y - 0.05, rng, s.covers, s.brass, s.pages)
            parts += [moved(m, (left, y + 0.0005, depth - 0.045)) for m in rows]
    vase = [
        (0, 0),
        (0.035, 0),
        (0.04, 0.004),
        (0.062, 0.05),
        (0.066, 0.09),
        (0.045, 0.14),
        (0.022, 0.17),
        (0.03, 0.195),
        (0.026, 0.195),
        (0, 0.16),
    ]
    parts.append(
        lathe(
            vase,
            (-0.18, levels[3], 0.17),
            Material((0.06, 0.20, 0.34), roughness=0.15, reflectance=0.05, name="cobalt glaze"),
            40,
        )
    )
    parts += globe(s, (0.58, levels[1], 0.16))
    bust = [
        (0, 0),
        (0.06, 0),
        (0.06, 0.015),
        (0.03, 0.03),
        (0.028, 0.07),
        (0.06, 0.11),
        (0.072, 0.16),
        (0.05, 0.21),
        (0, 0.23),
    ]
    parts.append(
        lathe(
            bust,
            (0.58, levels[4], 0.16),
            Material((0.76, 0.73, 0.66), roughness=0.5, reflectance=0.04, name="bisque"),
            40,
        )
    )
    return [moved(m, at) for m in parts]


def globe(s: Stuff, at: Place) -> list[Mesh]:
    """A small globe on a foot of brass."""
    foot = [(0, 0), (0.06, 0), (0.062, 0.008), (0.02, 0.02), (0.009, 0.04), (0.009, 0.07), (0, 0.07)]
    ball = sphere((0, 0.165, 0), 0.10, Material((0.10, 0.26, 0.30), roughness=0.25, reflectance=0.04, name="globe"), 24)
    t = np.radians(np.linspace(-90, 90, 25))
    ring = tube(np.stack([0.112 * np.cos(t), 0.165 + 0.112 * np.sin(t), 0 * t], -1), 0.004, s.brass, 8)
    return [moved(m, at) for m in (lathe(foot, (0, 0, 0), s.brass, 32), ball, transformed(ring, placing(degrees=35)))]


def coffee_table(s: Stuff, rng: Rng) -> list[Mesh]:
    """A lacquered table with a bowl of fruit, books, a vase with twigs, a cup. About the origin; 0.40 m high."""
    top = 0.40
    parts = [slabs((-0.60, top - 0.035, -0.33), (0.60, top, 0.33), 0.005, s.lacquer)]
    parts.append(slabs((-0.50, 0.11, -0.25), (0.50, 0.128, 0.25), 0.004, s.lacquer))
    legs = [(x, z) for x in (-0.54, 0.54) for z in (-0.27, 0.27)]
    parts += [
        boxes(
            [(x - 0.02, 0.0, z - 0.02) for x, z in legs], [(x + 0.02, top - 0.03, z + 0.02) for x, z in legs], s.lacquer
        )
    ]
    rails = [((-0.54, 0.10, z - 0.012), (0.54, 0.116, z + 0.012)) for z in (-0.255, 0.255)]
    parts.append(boxes([a for a, _ in rails], [b for _, b in rails], s.lacquer))
    dish = [
        (0, 0),
        (0.06, 0),
        (0.062, 0.012),
        (0.05, 0.02),
        (0.09, 0.035),
        (0.135, 0.07),
        (0.152, 0.105),
        (0.156, 0.107),
        (0.150, 0.109),
        (0.13, 0.076),
    ]
    parts.append(lathe([*dish, (0.085, 0.043), (0, 0.03)], (0.22, top, 0.02), s.silver, 64))
    parts += fruit((0.22, top + 0.034, 0.02))
    y = top
    for size, turn, entry in (
        ((0.30, 0.034, 0.22), 12, 1),
        ((0.26, 0.028, 0.19), -4, 9),
        ((0.21, 0.022, 0.15), 26, 20),
    ):
        parts += lying(s, size, entry, (-0.27, y, 0.06), turn)
        y += size[1]
    parts += cup(s, (-0.05, top, 0.22))
    parts += lying(s, (0.28, 0.03, 0.21), 14, (-0.2, 0.128, 0.03), -8)
    parts += lying(s, (0.25, 0.03, 0.18), 5, (-0.21, 0.158, 0.03), 6)
    parts += twigs((-0.36, top, -0.17), rng, s)
    return parts


def lying(s: Stuff, size: Place, entry: int, at: Place, turn: float) -> list[Mesh]:
    """A book that lies on its side, of a size along x, y, z, its middle at a place."""
    w, t, d = size
    skin = 0.003
    lows, highs = (
        np.array([(-w / 2, 0, -d / 2), (-w / 2, t - skin, -d / 2), (-w / 2, 0.001, d / 2 - skin)]),
        np.array([(w / 2, skin, d / 2), (w / 2, t, d / 2), (w / 2, t - 0.001, d / 2 + 0.0015)]),
    )
    cover = painted(boxes(lows, highs, s.covers), shade(entry))
    leaves = painted(
        box((-w / 2 + 0.004, skin * 0.8, -d / 2 + 0.005), (w / 2 - 0.004, t - skin * 0.8, d / 2 - skin * 0.8), s.pages),
        (0.5, 0.5),
    )
    return [transformed(m, placing(at, turn)) for m in (cover, leaves)]


def fruit(at: Place) -> list[Mesh]:
    """Oranges, apples, a lemon and grapes, heaped."""
    orange, apple, pear = ((0.72, 0.24, 0.02), (0.50, 0.05, 0.03), (0.42, 0.46, 0.06))
    spots = [
        (-0.06, 0.052, 0.035, 0.040, orange),
        (0.03, 0.050, 0.065, 0.038, apple),
        (0.072, 0.054, -0.01, 0.039, orange),
        (0.0, 0.050, -0.07, 0.039, pear),
    ]
    spots += [
        (-0.075, 0.054, -0.04, 0.037, apple),
        (0.005, 0.105, 0.0, 0.040, orange),
        (0.06, 0.108, 0.05, 0.034, pear),
    ]
    skins = {c: Material(c, roughness=0.45, reflectance=0.04, name="fruit") for c in (orange, apple, pear)}
    parts = [
        transformed(sphere((0, 0, 0), r, skins[c], 20), placing(np.add(at, (x, y, z)), 0, (1, 0.93, 1)))
        for x, y, z, r, c in spots
    ]
    return parts


def cup(s: Stuff, at: Place) -> list[Mesh]:
    """A cup of coffee on its saucer."""
    china = Material((0.78, 0.77, 0.73), roughness=0.12, reflectance=0.05, name="china")
    saucer = [(0, 0), (0.035, 0), (0.04, 0.004), (0.072, 0.014), (0.074, 0.017), (0.04, 0.009), (0, 0.008)]
    body = [
        (0, 0.006),
        (0.022, 0.006),
        (0.024, 0.012),
        (0.037, 0.035),
        (0.042, 0.062),
        (0.043, 0.064),
        (0.040, 0.063),
        (0.036, 0.05),
        (0, 0.05),
    ]
    t = np.radians(np.linspace(-75, 75, 13))
    handle = tube(np.stack([0.036 + 0.026 * np.cos(t), 0.038 + 0.019 * np.sin(t), 0 * t], -1), 0.0035, china, 8)
    black = Material((0.05, 0.026, 0.02), roughness=0.1, reflectance=0.02, name="coffee")
    coffee = lathe([(0, 0.0485), (0.036, 0.0485), (0.0355, 0.0525), (0, 0.0525)], (0, 0, 0), black, 32)
    return [
        transformed(m, placing(at, 40))
        for m in (lathe(saucer, (0, 0, 0), china, 40), lathe(body, (0, 0, 0), china, 40), handle, coffee)
    ]


def twigs(at: Place, rng: Rng, s: Stuff) -> list[Mesh]:
    """A vase with olive twigs."""
    glaze = Material((0.72, 0.68, 0.58), roughness=0.2, reflectance=0.04, name="ceramic")
    body = [
        (0, 0),
        (0.045, 0),
        (0.05, 0.005),
        (0.078, 0.06),
        (0.084, 0.11),
        (0.07, 0.165),
        (0.04, 0.205),
        (0.028, 0.23),
    ]
    parts = [lathe([*body, (0.034, 0.252), (0.03, 0.253), (0, 0.20)], at, glaze, 48)]
    root = np.asarray(at, "f8") + (0, 0.20, 0)
    for k in range(9):
        angle = 2.4 * k
        out = np.array([np.cos(angle), 0, np.sin(angle)])
        t = np.linspace(0, 1, 9)[:, None]
        reach = rng.uniform(0.10, 0.24)
        path = root + t * (0, rng.uniform(0.30, 0.46), 0) + 0.012 * out * t + reach * out * t**2
        parts.append(painted(tube(path, np.linspace(0.003, 0.0012, 9), s.leaves, 6), shade(40)))
        parts.append(plants.cascade(path[3:], 0.012, 22, 0.065, s.leaves, rng, 0, 16))
    return parts


def sideboard(s: Stuff, rng: Rng) -> list[Mesh]:
    """A low cupboard along x about the origin, its back at z = 0, with things on it."""
    w, h, d = 1.5, 0.72, 0.42
    parts = [grained(slabs((-w / 2, h - 0.03, 0), (w / 2, h, d + 0.01), 0.004, s.walnut), 1)]
    parts += [bar((-w / 2 + 0.01, 0.18, 0.01), (w / 2 - 0.01, h - 0.028, d - 0.012), s.walnut, 2)]
    each = (w - 0.06) / 3
    for k in range(3):
        x = -w / 2 + 0.03 + each * k
        parts.append(
            grained(slabs((x + 0.003, 0.2, d - 0.02), (x + each - 0.003, h - 0.045, d), 0.002, s.walnut), 4 + k)
        )
        parts.append(sphere((x + each - 0.04, 0.50, d + 0.014), 0.014, s.brass, 10))
    for x in (-0.66, 0.66):
        parts += [cylinder((x, 0.19, z), (x * 1.03, 0, z), 0.02, s.brass, 16, 0.6) for z in (0.07, d - 0.07)]
    jar = [
        (0, 0),
        (0.07, 0),
        (0.075, 0.006),
        (0.11, 0.07),
        (0.125, 0.15),
        (0.11, 0.22),
        (0.06, 0.27),
        (0.05, 0.30),
        (0.065, 0.32),
        (0.06, 0.322),
        (0, 0.27),
    ]
    parts.append(
        lathe(
            jar, (-0.5, h, 0.2), Material((0.62, 0.20, 0.06), roughness=0.2, reflectance=0.045, name="ochre glaze"), 48
        )
    )
    parts.append(lathe([(r * 0.6, y * 0.55) for r, y in jar], (-0.27, h, 0.25), s.silver, 40))
    y = h
    for size, turn, entry in (((0.28, 0.035, 0.21), 5, 3), ((0.25, 0.03, 0.19), -6, 30), ((0.22, 0.026, 0.16), 12, 47)):
        parts += lying(s, size, entry, (0.1, y, 0.2), turn)
        y += size[1]
    pot = [(0, 0), (0.06, 0), (0.065, 0.004), (0.085, 0.14), (0.08, 0.143), (0.072, 0.12), (0, 0.12)]
    parts.append(
        lathe(pot, (0.54, h, 0.21), Material((0.70, 0.67, 0.60), roughness=0.6, reflectance=0.03, name="pot"), 40)
    )
    parts.append(plants.agave(np.array((0.54, h + 0.11, 0.21)), 0.34, s.leaves, rng, 22))
    return parts


def palm(at: Place, s: Stuff, rng: Rng) -> list[Mesh]:
    """A tall pot plant: a bent stem or two and crowns of leaves."""
    pot = [(0, 0), (0.15, 0), (0.155, 0.006), (0.20, 0.33), (0.205, 0.36), (0.19, 0.362), (0.182, 0.33), (0, 0.32)]
    base = np.asarray(at, "f8")
    parts = [lathe(pot, at, Material((0.52, 0.22, 0.11), roughness=0.7, reflectance=0.03, name="terracotta"), 48)]
    for (dx, dz), tall, size in (((0.03, 0.02), 1.15, 0.54), ((-0.05, -0.03), 0.75, 0.48), ((0.05, -0.06), 0.45, 0.44)):
        t = np.linspace(0, 1, 10)[:, None]
        path = base + (dx, 0.3, dz) + t * (0, tall - 0.3, 0) + np.array([dx, 0, dz]) * 2.2 * t**2
        parts.append(painted(tube(path, np.linspace(0.022, 0.014, 10), s.leaves, 10), shade(42)))
        parts.append(plants.agave(path[-1] - (0, 0.03, 0), size, s.leaves, rng, 30))
    return parts


def curtains(linen: Material, s: Stuff, rng: Rng) -> list[Mesh]:
    """A rod of brass over the west window, and a curtain drawn to each side of it."""
    z0, z1, _, y1 = SILL
    top, x = y1 + 0.15, -WIDE + 0.10
    parts = [tube([(x, top, z0 - 0.50), (x, top, z1 + 0.50)], 0.011, s.brass, 12)]
    parts += [sphere((x, top, z), 0.022, s.brass, 12) for z in (z0 - 0.50, z1 + 0.50)]
    parts += [tube([(-WIDE - 0.005, top, z), (x, top, z)], 0.007, s.brass, 8) for z in (z0 - 0.42, z1 + 0.42)]
    for z in (z0 - 0.20, z1 + 0.20):
        path = [
            (0.0, top - 0.006, 0.05),
            (0.0, 1.7, 0.09),
            (0.005, 0.9, 0.11),
            (0.01, 0.35, 0.12),
            (0.015, 0.022, 0.12),
        ]
        hung = draped(path, 0.46, linen, rng, folds=4, rows=32, columns=90, thickness=0.006)
        parts.append(transformed(fitted(hung, 0.46 * 1.5, 2.45), placing((x - 0.03, 0, z), 90)))
    return parts


def hedge(s: Stuff, rng: Rng) -> list[Mesh]:
    """Shrubs in a trough outside the west window: what the low sun comes through."""
    x = -WIDE - 1.25
    parts = [painted(box((x - 0.32, -0.2, -2.0), (x + 0.32, 0.45, 2.0), s.pages), (0.5, 0.5))]
    for z, y, r in (
        (-1.55, 0.80, 0.50),
        (-0.80, 0.92, 0.56),
        (-0.05, 0.82, 0.50),
        (0.72, 0.95, 0.58),
        (1.50, 0.84, 0.52),
    ):
        parts.append(
            plants.bush((x + rng.uniform(-0.05, 0.05), y, z), (0.42, r, 0.50), 520, 0.13, s.leaves, rng, 0, 32)
        )
    return parts


def greens(rng: Rng) -> Material:
    """Leaves (0 to 31) and stems (from 40 on): one palette."""
    leaf = [(0.16, 0.22, 0.12), (0.10, 0.19, 0.06), (0.20, 0.26, 0.15), (0.08, 0.16, 0.06)] * 8
    return replace(
        palette("leaves", [*leaf, *[(0.20, 0.14, 0.08)] * 32], 0.10, 0.05, rng), roughness=0.5, reflectance=0.04
    )


def books(rng: Rng) -> Material:
    """Cloth and leather covers in many colours: one palette."""
    covers = [
        (0.42, 0.05, 0.04),
        (0.06, 0.14, 0.26),
        (0.62, 0.54, 0.40),
        (0.10, 0.22, 0.12),
        (0.58, 0.26, 0.05),
        (0.05, 0.05, 0.06),
        (0.28, 0.07, 0.10),
    ]
    covers += [
        (0.08, 0.28, 0.28),
        (0.66, 0.44, 0.12),
        (0.70, 0.66, 0.58),
        (0.30, 0.18, 0.09),
        (0.16, 0.20, 0.36),
        (0.55, 0.12, 0.05),
    ]
    return replace(palette("covers", covers, 0.12, 0.05, rng), roughness=0.55, reflectance=0.04)


def parlour() -> Scene:
    """A room of 5.6 x 4.6 x 2.75 m, with a window to the west and three garden doors, open, to the south."""
    rng = np.random.default_rng(1898)
    s = Stuff(
        wall=plaster("wall", (0.74, 0.70, 0.62), rng),
        accent=plaster("accent", (0.06, 0.20, 0.21), rng),
        ceiling=plaster("ceiling", (0.76, 0.75, 0.71), rng),
        paint=Material((0.76, 0.74, 0.68), roughness=0.4, reflectance=0.04, name="paint"),
        oak=room_textures.wood("oak", (0.40, 0.22, 0.105), rng),
        walnut=room_textures.wood("walnut", (0.20, 0.10, 0.05), rng, 0.08),
        lacquer=Material((0.05, 0.022, 0.02), roughness=0.2, reflectance=0.04, name="lacquer"),
        brass=Material((0.9, 0.65, 0.3), metallic=1.0, roughness=0.3, name="brass"),
        silver=Material((0.8, 0.79, 0.76), metallic=1.0, roughness=0.12, name="silver"),
        covers=books(rng),
        leaves=greens(rng),
        pages=Material((0.72, 0.66, 0.54), name="pages"),
    )
    petrol, rust, ochre = (
        room_textures.cloth(n, c, rng)
        for n, c in (("petrol", (0.05, 0.20, 0.23)), ("rust", (0.56, 0.13, 0.035)), ("ochre", (0.62, 0.34, 0.06)))
    )
    cream, plum, linen = (
        room_textures.cloth(n, c, rng)
        for n, c in (("cream", (0.70, 0.64, 0.52)), ("plum", (0.26, 0.04, 0.09)), ("linen", (0.66, 0.58, 0.44)))
    )
    glow = room_textures.paper("shade", (1.9, 1.12, 0.50), rng)
    glaze = Material((0.06, 0.24, 0.22), roughness=0.15, reflectance=0.05, name="celadon")
    enamel = Material((0.05, 0.13, 0.10), roughness=0.25, reflectance=0.04, name="enamel")
    lining = Material((0.75, 0.72, 0.66), emission=(2.2, 1.5, 0.8), name="lining")
    lamps: list[Luminaire] = [
        floor_lamp((0.60, 0.0, -1.86), (1.9, 1.25, 0.66), glow, s.brass),
        table_lamp((-2.22, 0.56, -1.86), (1.6, 1.0, 0.50), glow, glaze, s.brass),
        pendant((-0.55, HIGH, -0.30), 0.86, (2.6, 1.75, 0.95), enamel, lining, s.brass),
    ]
    parts = [
        *shell(s, rng),
        *woodwork(s),
        *bookcase(s, (1.72, 0.0, -DEEP + 0.046), rng),
        *curtains(linen, s, rng),
        *hedge(s, rng),
    ]
    for lamp in lamps:
        parts += lamp.meshes
    sofa = placing((-0.75, 0.0, -1.72), 0)
    parts += [transformed(m, sofa) for m in seat(2.08, 2, petrol, s.brass, rng)]
    parts.append(leaning(pillow(0.46, 0.46, 0.15, ochre, rng), (-1.42, 0.68, -1.55), 24, 22))
    parts.append(leaning(pillow(0.42, 0.42, 0.14, plum, rng), (-1.18, 0.655, -1.42), 32, 8))
    parts.append(leaning(pillow(0.46, 0.46, 0.15, cream, rng), (-0.06, 0.68, -1.55), 24, -18))
    parts.append(leaning(pillow(0.52, 0.32, 0.13, rust, rng), (-0.22, 0.62, -1.40), 34, -6))
    parts += [transformed(m, placing((-1.95, 0.0, 0.30), 68)) for m in seat(0.86, 1, rust, s.walnut, rng, 0.86, 0.90)]
    chair = leaning(pillow(0.40, 0.40, 0.14, cream, rng), (0.0, 0.67, 0.02), 26, 8)
    parts.append(transformed(chair, placing((-1.95, 0.0, 0.30), 68)))
    carpet = room_textures.rug(rng)
    flatweave = sheet(
        lambda u, v: np.stack([(u - 0.5) * 2.7, 0.0085 + 0 * u, (0.5 - v) * 1.8], -1), carpet, 8, 12, 0.011
    )
    parts.append(transformed(flatweave, placing((-0.55, 0, -0.28), 3)))
    parts += [transformed(m, placing((-0.55, 0.013, -0.28), 3)) for m in coffee_table(s, rng)]
    side = lathe(
        [(0, 0.53), (0.25, 0.53), (0.26, 0.54), (0.26, 0.556), (0.255, 0.56), (0, 0.56)], (0, 0, 0), s.walnut, 48
    )
    stem = lathe(
        [(0, 0), (0.16, 0), (0.16, 0.012), (0.03, 0.03), (0.016, 0.06), (0.016, 0.52), (0.05, 0.535), (0, 0.535)],
        (0, 0, 0),
        s.brass,
        32,
    )
    parts += [moved(m, (-2.22, 0, -1.86)) for m in (grained(side, 6), stem)]
    parts.append(moved(pouf(0.27, 0.36, ochre), (1.02, 0.0, -0.62)))
    dark = room_textures.wood("ebony", (0.06, 0.035, 0.025), rng, 0.05)
    hung = (
        (room_textures.landscape(rng), -0.75, 0.96, 0.74, 0.10),
        (room_textures.circles(rng), -1.62, 0.42, 0.54, 0.05),
        (room_textures.fields(rng), 0.12, 0.42, 0.54, 0.05),
    )
    for k, (canvas, x, w, h, margin) in enumerate(hung):
        parts += [moved(m, (x, 1.61, -DEEP - 0.001)) for m in picture(w, h, canvas, dark, k, s.pages, margin)]
    parts += [transformed(m, placing((WIDE - 0.046, 0, -0.20), -90)) for m in sideboard(s, rng)]
    parts += [
        transformed(m, placing((WIDE + 0.001, 1.55, -0.20), -90))
        for m in picture(1.2, 0.84, room_textures.sea(rng), s.walnut, 5)
    ]
    parts += palm((-2.32, 0.0, 1.74), s, rng)
    over = [
        (0.0, 0.42, 0.01),
        (0.0, 0.60, 0.005),
        (0.04, 0.612, 0.0),
        (0.18, 0.612, 0.0),
        (0.215, 0.60, 0.005),
        (0.225, 0.30, 0.02),
        (0.23, 0.17, 0.03),
    ]
    throw = draped(over, 0.42, cream, rng, 3, 60, 30)
    parts.append(transformed(fitted(throw, 0.46, 1.0), placing((0.08, 0.0, -1.62), 90)))
    return Scene(
        tuple(merged(parts)),
        eye=CAMERAS[0][0],
        target=CAMERAS[0][1],
        fov=49.0,
        sun=Sunlight(azimuth=229.0, elevation=8.0, irradiance=4.0, color=(1.0, 0.58, 0.27)),
        environment="sunset",
        name="parlour",
        lamps=tuple(lamp.lamp for lamp in lamps),
    )
