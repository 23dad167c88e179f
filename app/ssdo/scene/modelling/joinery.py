"""What carpenters make: walls with openings, mitred mouldings, floors of boards, windows, tables, shelves. Metres, y
up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ssdo.scene.model import Material, Mesh
from ssdo.scene.modelling.assembly import Points, moved, painted, placed_uvs, transformed
from ssdo.scene.modelling.masonry import courses
from ssdo.scene.modelling.room_textures import GRAIN, STRIPS
from ssdo.scene.modelling.shapes import PLAIN, box, boxes, polygons, slabs
from ssdo.scene.modelling.textures import shade

Rng = np.random.Generator
Rectangle = tuple[float, float, float, float]  # x0, y0, x1, y1


def pierced(
    outline: Rectangle, holes: Sequence[Rectangle], depth: float, material: Material = PLAIN, scale: float = 2.0
) -> Mesh:
    """A wall over x and y with rectangular holes, its front at z = 0 and its back at -depth; closed, without
    T-junctions.

    Holes lie inside the outline, or reach its edge, and do not touch one another. One repeat of the image for every
    `scale` metres.
    """
    xs, ys = (
        np.unique([outline[k], outline[k + 2], *(h[k] for h in holes), *(h[k + 2] for h in holes)]) for k in (0, 1)
    )
    solid = np.zeros((len(xs) + 1, len(ys) + 1), bool)  # cells, with a margin of air
    mid_x, mid_y = (xs[1:] + xs[:-1]) / 2, (ys[1:] + ys[:-1]) / 2
    solid[1:-1, 1:-1] = True
    for x0, y0, x1, y1 in holes:
        solid[1:-1, 1:-1] &= ~(((mid_x > x0) & (mid_x < x1))[:, None] & ((mid_y > y0) & (mid_y < y1))[None])
    sides: list[list[tuple[float, float, float]]] = []
    for i, j in np.argwhere(solid):
        x0, x1, y0, y1 = xs[i - 1], xs[i], ys[j - 1], ys[j]
        sides.append([(x0, y0, 0), (x1, y0, 0), (x1, y1, 0), (x0, y1, 0)])
        sides.append([(x1, y0, -depth), (x0, y0, -depth), (x0, y1, -depth), (x1, y1, -depth)])
        for di, dj, (ax, ay), (bx, by) in (
            (1, 0, (x1, y0), (x1, y1)),
            (-1, 0, (x0, y1), (x0, y0)),
            (0, 1, (x1, y1), (x0, y1)),
            (0, -1, (x0, y0), (x1, y0)),
        ):
            if not solid[i + di, j + dj]:
                sides.append([(ax, ay, 0), (ax, ay, -depth), (bx, by, -depth), (bx, by, 0)])
    return placed_uvs(polygons(sides, material), scale, (0, 1))


def border(width: float, height: float, profile: npt.ArrayLike, material: Material = PLAIN) -> Mesh:
    """A mitred frame about a rectangle of the xy plane, centred on the origin. Closed, with flat faces.

    `profile`: (out, z) points, metres: out from the rectangle's edge (negative: into it) and towards the front; a
    closed outline, counter-clockwise where `out` points to the right and z up. Its image runs along each side.
    """
    p = np.asarray(profile, "f8")
    corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    ring = np.concatenate(
        [
            corner[:, None] * (np.array([width, height]) / 2 + p[None, :, :1]),
            np.broadcast_to(p[None, :, 1:], (4, len(p), 1)),
        ],
        -1,
    )
    after = np.roll(ring, -1, 0)
    faces = np.stack([ring, after, np.roll(after, -1, 1), np.roll(ring, -1, 1)], 2).reshape(-1, 4, 3)
    return polygons(faces, material, np.tile([[0, 1], [1, 1], [1, 0], [0, 0]], (len(faces), 1)))


def grained(mesh: Mesh, strip: int, along: int = 0) -> Mesh:
    """The mesh laid out on one strip of a wood's image, grain along an axis."""
    p = mesh.positions.astype("f8")
    other = p.sum(1) - p[:, along]
    v = (other - other.min()) / max(np.ptp(other), 1e-9)
    uvs = np.stack([p[:, along] / GRAIN + 0.37 * strip, (strip % STRIPS + 0.06 + 0.88 * v) / STRIPS], -1)
    return replace(mesh, uvs=uvs.astype("f4"))


def boards(
    low: Sequence[float],
    high: Sequence[float],
    top: float,
    material: Material,
    rng: Rng,
    width: float = 0.14,
    length: float = 1.9,
) -> Mesh:
    """A floor of boards along x, over x and z, whose upper sides lie within a millimetre of a height; 25 mm thick."""
    a, b = courses(low, high, width, length, rng, 0.0025)
    n = len(a)
    ups = top + rng.uniform(-0.001, 0.0, n)
    floor = slabs(
        np.stack([a[:, 0], np.full(n, top - 0.025), a[:, 1]], -1),
        np.stack([b[:, 0], ups, b[:, 1]], -1),
        0.002,
        material,
    )
    p = floor.positions.reshape(n, -1, 3)
    across = (p[..., 2] - a[:, None, 1]) / (b - a)[:, None, 1]
    v = (rng.integers(0, STRIPS, n)[:, None] + 0.05 + 0.9 * across) / STRIPS
    uvs = np.stack([p[..., 0] / GRAIN + rng.uniform(0, 1, n)[:, None], v], -1)
    return replace(floor, uvs=uvs.reshape(-1, 2).astype("f4"))


def bar(low: Sequence[float], high: Sequence[float], material: Material, strip: int) -> Mesh:
    """A piece of wood between two corners, grain along its longest side."""
    return grained(box(low, high, material), strip, int(np.argmax(np.subtract(high, low))))


def window(width: float, height: float, depth: float, paint: Material, panes: tuple[int, int] = (3, 3)) -> list[Mesh]:
    """A casement for an opening about the origin of the xy plane, its frame from z = -depth to 0, divided into columns
    and rows of panes.
    """
    stile = 0.055
    outer = [(-stile, -depth), (0.004, -depth), (0.004, 0.0), (-stile, 0.0)]
    parts = [border(width, height, outer, paint)]
    w, h = width - 2 * stile, height - 2 * stile
    thin = 0.014
    for k in range(1, panes[0]):
        x = -w / 2 + w * k / panes[0]
        r = 2 * thin if k * 2 == panes[0] else thin
        parts.append(box((x - r, -h / 2 - 0.004, -depth * 0.8), (x + r, h / 2 + 0.004, -depth * 0.2), paint))
    for k in range(1, panes[1]):
        y = -h / 2 + h * k / panes[1]
        parts.append(box((-w / 2 - 0.004, y - thin, -depth * 0.75), (w / 2 + 0.004, y + thin, -depth * 0.25), paint))
    return [painted(m, (0.5, 0.5)) for m in parts]


def picture(
    width: float,
    height: float,
    canvas: Material,
    wood: Material,
    strip: int,
    mount: Material | None = None,
    margin: float = 0.0,
) -> list[Mesh]:
    """A picture in a frame, about the origin, facing +z, its back at z = 0; `width` and `height` of what the frame
    encloses, metres.

    A mount leaves `margin` metres of its own around the picture.
    """
    moulded = [(-0.006, 0.002), (0.028, 0.002), (0.030, 0.018), (0.020, 0.028), (0.010, 0.026), (-0.006, 0.016)]
    frame = border(width, height, moulded, wood)
    uvs = np.tile(np.array([[0.0, 0.96], [0.5, 0.96], [0.5, 0.06], [0.0, 0.06]]), (len(frame.positions) // 4, 1))
    parts = [replace(frame, uvs=((uvs + (0, strip % STRIPS)) / (1, STRIPS)).astype("f4"))]
    x, y = width / 2 - margin, height / 2 - margin
    if mount is not None:
        parts.append(painted(box((-width / 2, -height / 2, 0.004), (width / 2, height / 2, 0.009), mount), (0.5, 0.5)))
    return [*parts, box((-x, -y, 0.006), (x, y, 0.013), canvas)]


def panels(width: float, height: float, count: int, paint: Material) -> list[Mesh]:
    """Wainscot along x from 0, standing on y = 0 before z = 0: a board with `count` raised frames, a skirting and a
    rail; 4 cm deep.
    """
    board = box((0, 0, 0.0), (width, height, 0.014), paint)
    skirting = box((0, 0, 0.004), (width, 0.12, 0.028), paint)
    rail = box((0, height - 0.006, 0.002), (width, height + 0.03, 0.042), paint)
    each = width / count
    raised = [(0.0, 0.010), (0.034, 0.010), (0.030, 0.022), (0.018, 0.036), (0.006, 0.034), (0.0, 0.022)]
    low, high = 0.20, height - 0.09
    frame = border(each - 0.16, high - low, raised, paint)
    frames = [moved(frame, (each * (k + 0.5), (low + high) / 2, 0)) for k in range(count)]
    return [painted(m, (0.5, 0.5)) for m in (board, skirting, rail, *frames)]


def shelf(
    width: float, height: float, depth: float, levels: Sequence[float], paint: Material, thick: float = 0.028
) -> list[Mesh]:
    """A case along x, centred, its back at z = 0, open to the front; `levels`: the upper sides of its shelves, from the
    bottom, metres.
    """
    half = width / 2
    sides = [((s * half - thick / 2, 0, 0), (s * half + thick / 2, height, depth)) for s in (-1, 1)]
    shelves = [((-half, y - thick, 0.012), (half, y, depth - 0.006)) for y in levels]
    back = ((-half, 0.02, 0.002), (half, height - 0.02, 0.014))
    plinth = ((-half, 0, 0.03), (half, levels[0] - thick / 2, depth - 0.03))
    crown = ((-half - 0.035, height - 0.01, -0.002), (half + 0.035, height + 0.035, depth + 0.03))
    lows, highs = zip(*sides, *shelves, back, plinth, crown, strict=True)
    return [painted(boxes(np.array(lows), np.array(highs), paint), (0.5, 0.5))]


def volumes(
    width: float, tallest: float, rng: Rng, covers: Material, gilt: Material, pages: Material, entries: int = 56
) -> list[Mesh]:
    """A row of books standing on y = 0 along x from 0, spines towards +z at about z = 0, until `width` metres are full;
    some lean, some lie.
    """
    parts: list[Mesh] = []
    x = 0.0
    while True:
        kind = rng.uniform()
        size = np.array([rng.uniform(0.016, 0.048), tallest * rng.uniform(0.66, 0.97), rng.uniform(0.13, 0.19)])
        if kind < 0.07:  # a pile
            count = int(rng.integers(3, 6))
            broad = rng.uniform(0.19, 0.22)
            if x + broad + 0.02 > width:
                return parts
            y = 0.0
            for _ in range(count):
                thick = rng.uniform(0.018, 0.035)
                lying = volume(
                    np.array([thick, broad * rng.uniform(0.85, 1.0), rng.uniform(0.13, 0.16)]),
                    rng,
                    covers,
                    gilt,
                    pages,
                    entries,
                )
                turn = np.array(
                    [
                        [0, 1.0, 0, x + 0.004],
                        [-1.0, 0, 0, y + thick],
                        [0, 0, 1.0, rng.uniform(-0.012, 0)],
                        [0, 0, 0, 1.0],
                    ]
                )
                parts += [transformed(m, turn) for m in lying]
                y += thick
            x += broad + 0.012
            continue
        lean = rng.uniform(4, 11) if kind > 0.93 else 0.0
        room = size[0] * np.cos(np.radians(lean)) + size[1] * np.sin(np.radians(lean))
        if x + room + 0.004 > width:
            return parts
        c, s = np.cos(np.radians(lean)), np.sin(np.radians(lean))
        # leans back on the one before
        place = np.array([[c, -s, 0, x + size[1] * s], [s, c, 0, 0], [0, 0, 1, rng.uniform(-0.02, 0.0)], [0, 0, 0, 1]])
        parts += [transformed(m, place) for m in volume(size, rng, covers, gilt, pages, entries)]
        x += room + rng.uniform(0.0008, 0.002)


def volume(size: Points, rng: Rng, covers: Material, gilt: Material, pages: Material, entries: int = 56) -> list[Mesh]:
    """A book of a size (thickness, height, depth) from the origin, its spine at z = 0 towards +z: boards and back,
    leaves, bands of gilt.
    """
    t, h, d = size
    skin = 0.0025
    lows = [(0, 0, -d), (t - skin, 0, -d), (skin / 2, 0, -skin)]
    highs = [(skin, h, -0.001), (t, h, -0.001), (t - skin / 2, h, 0.0)]
    parts = [painted(boxes(np.array(lows), np.array(highs), covers), shade(rng.integers(0, entries)))]
    parts.append(
        painted(box((skin * 0.8, 0.003, -d + 0.005), (t - skin * 0.8, h - 0.003, -skin * 0.8), pages), (0.5, 0.5))
    )
    if rng.uniform() < 0.4:
        at = np.sort(rng.uniform(0.12, 0.88, 2)) * h
        bands = [((-0.0004, y, -0.004), (t + 0.0004, y + rng.uniform(0.002, 0.010), 0.0006)) for y in at]
        parts.append(painted(boxes(np.array([b[0] for b in bands]), np.array([b[1] for b in bands]), gilt), (0.5, 0.5)))
    return parts
