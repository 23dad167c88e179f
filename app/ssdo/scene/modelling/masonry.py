"""Stone, plaster, timber and tile for buildings: walls, arcades, floors, roofs. A side of a court stands along x and
faces +z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdo.scene.model import Material, Mesh
from ssdo.scene.modelling.assembly import Points, copies, moved, painted, placed_uvs, placing, transformed
from ssdo.scene.modelling.shapes import arch, boxes, cylinder, grid, lathe, polygons, prism, sheet, slabs
from ssdo.scene.modelling.textures import ROSY, SHADES, shade, shades

BAY, SPAN, RING, WALL = 2.6, 2.2, 0.2, 0.36  # metres from column to column, clear opening, arch stones, thickness
# heights of the arcade's floor, of the arches' centres, of the beams, of the wall
FLOOR, SPRING, CEILING, TOP = 0.30, 2.78, 4.02, 4.62
# a floor's upper side becomes a wall's front
UPRIGHT = np.array([[1.0, 0, 0, 0], [0, 0, -1.0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1.0]])


@dataclass(frozen=True, eq=False)
class Finishes:
    """The materials of a building."""

    stone: Material  # a palette
    plaster: Material
    inner: Material  # of the walks
    tile: Material
    wood: Material  # a palette
    clay: Material  # a palette


def courses(
    low: Sequence[float],
    high: Sequence[float],
    row: float,
    length: float,
    rng: np.random.Generator,
    joint: float = 0.01,
) -> tuple[Points, Points]:
    """Rectangles in running bond that fill a rectangle: (n, 2) lowest and highest corners. Rows lie along the first
    axis.
    """
    count = max(1, round((high[1] - low[1]) / row))
    edges = np.linspace(low[1], high[1], count + 1)
    lows, highs = [], []
    for k in range(count):
        n = max(1, round((high[0] - low[0]) / length))
        cuts = (np.arange(n + 2) - 0.5 * (k % 2) - 0.15 + rng.uniform(-0.12, 0.12, n + 2)) / n
        cuts = (
            np.concatenate([[0.0], cuts[(cuts > 0.25 / n) & (cuts < 1 - 0.25 / n)], [1.0]]) * (high[0] - low[0])
            + low[0]
        )
        lows.append(np.stack([cuts[:-1] + joint / 2, np.full(len(cuts) - 1, edges[k] + joint / 2)], -1))
        highs.append(np.stack([cuts[1:] - joint / 2, np.full(len(cuts) - 1, edges[k + 1] - joint / 2)], -1))
    return np.concatenate(lows), np.concatenate(highs)


def paving(
    low: Sequence[float],
    high: Sequence[float],
    top: float,
    row: float,
    length: float,
    stone: Material,
    rng: np.random.Generator,
) -> Mesh:
    """Flagstones over x and z at a height, a little uneven, on a bed that shows in the joints."""
    a, b = courses(low, high, row, length, rng)
    n = len(a)
    ups = top + rng.normal(0, 0.0015, n)
    flags = slabs(
        np.stack([a[:, 0], np.full(n, top - 0.05), a[:, 1]], -1), np.stack([b[:, 0], ups, b[:, 1]], -1), 0.008, stone
    )
    return painted(flags, shades(rng, n))


def ashlar(
    low: Sequence[float],
    high: Sequence[float],
    row: float,
    length: float,
    stone: Material,
    rng: np.random.Generator,
    depth: float = 0.1,
) -> Mesh:
    """Dressed blocks over x and y whose faces stand about z = 0, a few millimetres in and out."""
    a, b = courses(low, high, row, length, rng, 0.008)
    n = len(a)
    front = rng.normal(0, 0.004, n)
    lying = slabs(
        np.stack([a[:, 0], np.full(n, -depth), -b[:, 1]], -1), np.stack([b[:, 0], front, -a[:, 1]], -1), 0.012, stone
    )
    return painted(transformed(lying, UPRIGHT), shades(rng, n))


def strip(
    low: Sequence[float],
    high: Sequence[float],
    length: float,
    stone: Material,
    rng: np.random.Generator,
    bevel: float = 0.012,
) -> Mesh:
    """One course of stones along x between two corners: steps, copings, string courses."""
    n = max(1, round((high[0] - low[0]) / length))
    cuts = np.linspace(low[0], high[0], n + 1) + np.pad(rng.uniform(-0.08, 0.08, max(n - 1, 0)), 1) * length
    lows = np.stack([cuts[:-1] + 0.002, np.full(n, low[1]), np.full(n, low[2])], -1)
    highs = np.stack([cuts[1:] - 0.002, np.full(n, high[1]), np.full(n, high[2])], -1)
    return painted(slabs(lows, highs, bevel, stone), shades(rng, n))


def wall(low: Sequence[float], high: Sequence[float], material: Material) -> Mesh:
    """A box with its image laid over x and y, one repeat in two metres."""
    return placed_uvs(boxes(low, high, material), 2.0, (0, 1))


def tiled(low: Sequence[float], high: Sequence[float], rows: int, tile: Material) -> Mesh:
    """A panel of tiles whose front is seen from +z, with whole rows of them from its lower to its upper edge."""
    return placed_uvs(boxes(low, high, tile), (high[1] - low[1]) / rows * 2, (0, 1), low)


def column(stone: Material, rng: np.random.Generator, segments: int = 28) -> list[Mesh]:
    """A slender column from the arcade's floor to the arches: plinth, base, shaft, carved capital, impost. About the y
    axis.
    """
    y, top = FLOOR, SPRING
    base = [(0, y), (0.20, y + 0.10), (0.215, y + 0.13), (0.20, y + 0.16), (0.165, y + 0.17), (0.155, y + 0.20)]
    base += [(0.165, y + 0.22), (0.18, y + 0.235), (0.165, y + 0.255)]
    shaft = [(0.135, y + 0.27), (0.128, y + 0.32), (0.127, y + 0.9), (0.118, top - 0.62), (0.122, top - 0.585)]
    neck = [
        (0.14, top - 0.575),
        (0.148, top - 0.56),
        (0.14, top - 0.545),
        (0.12, top - 0.535),
        (0.12, top - 0.50),
        (0, top - 0.50),
    ]
    turned = lathe(base + shaft + neck, (0, 0, 0), stone, segments)
    blocks = slabs(
        [(-0.22, y - 0.02, -0.22), (-0.24, top - 0.13, -0.24)],
        [(0.22, y + 0.10, 0.22), (0.24, top, 0.24)],
        0.012,
        stone,
    )
    crown = capital(top - 0.53, top - 0.115, 0.125, 0.225, stone)
    return [
        painted(turned, shade(rng.integers(ROSY, SHADES))),
        *(painted(m, shade(rng.integers(ROSY))) for m in (blocks, crown)),
    ]


def capital(low: float, high: float, radius: float, half: float, stone: Material) -> Mesh:
    """Two rows of upright leaves that open from a round neck to a square block."""
    v, phi = np.meshgrid(np.linspace(0, 1, 15), np.linspace(0, 2 * np.pi, 65), indexing="ij")
    square = half / np.maximum(abs(np.cos(phi)), abs(np.sin(phi))) ** 0.8
    blend = np.clip((v - 0.35) / 0.6, 0, 1) ** 1.6
    lower, upper = np.sin(np.pi * np.clip(v / 0.48, 0, 1)) ** 0.7, np.sin(np.pi * np.clip((v - 0.42) / 0.5, 0, 1))
    leaves = (0.016 * lower - 0.018 * upper) * np.cos(8 * phi)
    lip = 0.014 * np.exp(-(((v - 0.46) / 0.05) ** 2)) + 0.016 * np.exp(-(((v - 0.9) / 0.06) ** 2))
    r = radius * (1 + 0.25 * v) * (1 - blend) + square * blend + leaves + lip
    p = np.stack([r * np.cos(phi), low + (high - low) * v, -r * np.sin(phi)], -1)
    p[:, -1] = p[:, 0]
    return grid(p, stone)


def pier(half: float, stone: Material, rng: np.random.Generator, top: float = SPRING) -> Mesh:
    """A square pier of blocks with a plinth and an impost, about the y axis."""
    cuts = np.linspace(FLOOR + 0.28, top - 0.14, 7)
    inset = rng.normal(0, 0.002, 6)[:, None] + half
    block_low, block_high = np.pad(-inset, ((0, 0), (0, 2)), mode="edge"), np.pad(inset, ((0, 0), (0, 2)), mode="edge")
    block_low[:, 1], block_high[:, 1] = cuts[:-1] + 0.003, cuts[1:] - 0.003
    h = half + 0.04
    ends = ([(-h, 0, -h), (-h, top - 0.13, -h)], [(h, FLOOR + 0.28, h), (h, top, h)])
    lows, highs = np.concatenate([block_low, ends[0]]), np.concatenate([block_high, ends[1]])
    core = painted(boxes((-half + 0.02, FLOOR, -half + 0.02), (half - 0.02, top - 0.02, half - 0.02), stone), shade(3))
    blocks = painted(slabs(lows, highs, 0.012, stone), shades(rng, 8))
    return Mesh(
        np.concatenate([core.positions, blocks.positions]),
        np.concatenate([core.triangles, blocks.triangles + np.int32(len(core.positions))]),
        stone,
        None,
        None if core.uvs is None or blocks.uvs is None else np.concatenate([core.uvs, blocks.uvs]),
    )


def spandrels(bays: int, material: Material, arc: int = 24) -> Mesh:
    """The wall over `bays` round arches from x = 0 on: one closed solid with the openings cut out."""
    radius = SPAN / 2 + RING - 0.01
    x = -radius * np.cos(np.linspace(0, np.pi, arc + 1))
    low = SPRING + np.sqrt(np.maximum(radius**2 - x**2, 0))
    x = np.concatenate([x + BAY * (k + 0.5) for k in range(bays)])
    low = np.tile(low, bays)
    z = WALL / 2
    ring = [(low, z), (np.full_like(low, TOP), z), (np.full_like(low, TOP), -z), (low, -z)]
    corners = np.stack([np.stack([x, y, np.full_like(x, depth)], -1) for y, depth in ring], 1)
    sides = np.stack(
        [
            np.stack([corners[:-1, i], corners[1:, i], corners[1:, j], corners[:-1, j]], 1)
            for i, j in ((0, 1), (1, 2), (2, 3), (3, 0))
        ],
        1,
    )
    ends = np.stack([corners[0, ::-1], corners[-1]])
    return placed_uvs(polygons(np.concatenate([sides.reshape(-1, 4, 3), ends]), material), 2.0, (0, 1))


def arches(bays: int, stone: Material, rng: np.random.Generator) -> Mesh:
    """The arch stones of the bays, alternately light and rosy, standing 2 cm before the wall."""
    count = 19
    rosy = np.where(
        np.arange(count) % 2 == 1, ROSY + rng.integers(0, SHADES - ROSY, count), rng.integers(0, ROSY, count)
    )
    ring = painted(arch(SPAN, RING, WALL + 0.04, stone, count), shade(rosy))
    every = [placing((BAY * (k + 0.5), SPRING, 0)) for k in range(bays)]
    return copies(ring, np.stack(every))


def mouldings(x0: float, x1: float, bays: int, f: Finishes, rng: np.random.Generator) -> list[Mesh]:
    """What frames the arches: upright fillets, a tiled frieze, dentils and a cornice, from x0 to x1 metres."""
    z = WALL / 2
    top = SPRING + SPAN / 2 + RING
    fillets = np.arange(bays + 1) * BAY
    a = np.stack([fillets - 0.05, np.full_like(fillets, SPRING + 0.004), np.full_like(fillets, z - 0.02)], -1)
    uprights = painted(boxes(a, a + np.array([0.10, top + 0.06 - SPRING, 0.055]), f.stone), shades(rng, bays + 1))
    dentils = np.arange(x0 + 0.06, x1 - 0.08, 0.17)
    low = np.stack([dentils, np.full_like(dentils, TOP + 0.06), np.full_like(dentils, z)], -1)
    return [
        uprights,
        strip((x0, top + 0.06, z - 0.02), (x1, top + 0.13, z + 0.06), 1.3, f.stone, rng),
        tiled((x0, top + 0.13, z - 0.02), (x1, TOP - 0.03, z + 0.015), 3, f.tile),
        strip((x0, TOP - 0.03, z - 0.12), (x1, TOP + 0.06, z + 0.07), 1.1, f.stone, rng),
        painted(boxes(low, low + np.array([0.085, 0.075, 0.12]), f.stone), shades(rng, len(low))),
        strip((x0, TOP + 0.06, z - 0.3), (x1, TOP + 0.135, z), 1.4, f.stone, rng),
        strip((x0, TOP + 0.135, z - 0.3), (x1, TOP + 0.20, z + 0.16), 1.1, f.stone, rng),
        strip((x0, TOP + 0.20, z - 0.3), (x1, TOP + 0.27, z + 0.22), 1.2, f.stone, rng),
    ]


def ceiling(x0: float, x1: float, depth: float, wood: Material, rng: np.random.Generator) -> list[Mesh]:
    """Beams and boards over an arcade that reaches `depth` metres back from the wall."""
    at = np.arange(x0 + 0.18, x1 - 0.1, 0.52)
    low = np.stack([at, np.full_like(at, CEILING), np.full_like(at, -depth)], -1)
    beams = painted(boxes(low, low + np.array([0.12, 0.17, depth - WALL / 2 + 0.02]), wood), shades(rng, len(at)))
    rows = np.arange(-depth, -WALL / 2 - 0.05, 0.21)
    first = np.stack([np.full_like(rows, x0), np.full_like(rows, CEILING + 0.17), rows], -1)
    boards = painted(boxes(first, first + np.array([x1 - x0, 0.03, 0.20]), wood), shades(rng, len(rows)))
    return [beams, boards, painted(boxes((x0, CEILING + 0.21, -depth), (x1, 4.5, -WALL / 2), wood), shade(0))]


def roof(
    x0: float, x1: float, depth: float, clay: Material, stone: Material, rng: np.random.Generator, rise: float = 0.75
) -> list[Mesh]:
    """Round tiles in rows from the ridge at the back down to the eaves, on a wedge."""
    y, eaves = TOP + 0.27, WALL / 2 + 0.30
    run = depth + eaves
    wedge = prism([(-depth - 0.3, y), (WALL / 2 + 0.1, y), (-depth - 0.3, y + rise * 0.96)], x0, x1, stone)

    def shell(u: Points, v: Points) -> npt.ArrayLike:
        angle = np.pi * (1 - u)
        return np.stack([0.095 * np.cos(angle), 0.055 * np.sin(angle) + 0.02, -v * 0.82], -1)

    lean = np.eye(4)
    angle = np.arctan2(rise, run) + 0.03  # every tile lies on the head of the one below it
    lean[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    tile = transformed(sheet(shell, clay, 1, 5, 0.016), lean)
    across = int((x1 - x0) / 0.21)
    k, i = (m.ravel() for m in np.meshgrid(np.arange(int(run / 0.70) + 1), np.arange(across)))
    along = k * 0.70
    place = np.tile(np.eye(4), (k.size, 1, 1))
    place[:, :3, 3] = np.stack([x0 + 0.105 + i * (x1 - x0) / across, y + 0.025 + rise * along / run, eaves - along], -1)
    place[:, :3, 3] += rng.normal(0, 0.003, (k.size, 3))
    return [painted(wedge, shade(0)), painted(copies(tile, place), shades(rng, k.size))]


def dado(
    x0: float, x1: float, z: float, f: Finishes, rng: np.random.Generator, top: float = FLOOR + 1.05
) -> list[Mesh]:
    """Tiles over the lower part of a wall that faces +z at `z`, with a skirting and a rail."""
    return [
        strip((x0, FLOOR, z), (x1, FLOOR + 0.12, z + 0.05), 1.2, f.stone, rng),
        tiled((x0, FLOOR + 0.12, z), (x1, top, z + 0.02), 4, f.tile),
        strip((x0, top, z), (x1, top + 0.07, z + 0.05), 1.2, f.stone, rng),
    ]


def beam(low: Sequence[float], high: Sequence[float], radius: float, wood: Material, entry: int) -> Mesh:
    """A round pole from one point to another."""
    return painted(cylinder(low, high, radius, wood, 12), shade(entry))


def arcade(
    bays: int, before: float, after: float, depth: float, f: Finishes, rng: np.random.Generator, columns: Sequence[int]
) -> list[Mesh]:
    """A side of a court: `bays` arches along x from 0 on, with wall `before` and `after` them, and a covered walk
    `depth` metres deep.
    """
    x0, x1 = -before, bays * BAY + after
    z = WALL / 2
    parts = [
        spandrels(bays, f.plaster),
        arches(bays, f.stone, rng),
        *mouldings(x0, bays * BAY + min(after, z), bays, f, rng),
    ]
    for k in columns:
        parts += [moved(m, (k * BAY, 0, 0)) for m in column(f.stone, rng)]
    if before:
        parts += [wall((x0, 0, -z), (-0.2, TOP, z), f.plaster), wall((-0.2, SPRING, -z), (0, TOP, z), f.plaster)]
    if after:
        parts += [wall((bays * BAY, CEILING, -z), (x1, TOP, z), f.plaster)]
    parts += [wall((x0, 0, -depth - 0.3), (x1, TOP + 0.27, -depth), f.inner), *dado(x0, x1, -depth, f, rng)]
    parts += [*ceiling(x0, x1, depth, f.wood, rng), *roof(x0, x1, depth, f.clay, f.stone, rng)]
    return parts
