"""Joiner's work: walls with openings, mitred mouldings, floorboards, windows, shelves, books. Metres, y up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from ssdo.arrays import Doubles
from ssdo.scene.model import Material, Mesh
from ssdo.scene.modelling.assembly import UNTEXTURED_UV, assign_uvs, project_uvs, transform, translate
from ssdo.scene.modelling.masonry import lay_courses
from ssdo.scene.modelling.room_textures import BOARDS_PER_TEXTURE, WOOD_TEXTURE_LENGTH
from ssdo.scene.modelling.shapes import (
    DEFAULT_MATERIAL,
    QUAD_UVS,
    make_box,
    make_boxes,
    make_chamfered_boxes,
    make_polygons,
)
from ssdo.scene.modelling.textures import get_palette_uv

BOARD_THICKNESS = 0.025
COVER_THICKNESS = 0.0025  # of books
COVER_COLORS = 56  # palette entries that books choose among

Rectangle = tuple[float, float, float, float]  # x0, y0, x1, y1


# ---- walls and woodwork ----


def build_wall_with_openings(
    outline: Rectangle,
    openings: Sequence[Rectangle],
    depth: float,
    material: Material = DEFAULT_MATERIAL,
    texture_size: float = 2.0,
) -> Mesh:
    """A wall in the xy plane with rectangular openings, its front at z = 0 and its back at -depth.

    Closed, without T-junctions. Openings lie inside the outline or reach its edge, and do not touch one another.
    """
    x_lines, y_lines = (
        np.unique([outline[k], outline[k + 2], *(o[k] for o in openings), *(o[k + 2] for o in openings)])
        for k in (0, 1)
    )
    # cells between the lines, with an empty cell around them
    is_solid = np.zeros((len(x_lines) + 1, len(y_lines) + 1), bool)
    middle_x, middle_y = (x_lines[1:] + x_lines[:-1]) / 2, (y_lines[1:] + y_lines[:-1]) / 2
    is_solid[1:-1, 1:-1] = True
    for x0, y0, x1, y1 in openings:
        in_columns, in_rows = (middle_x > x0) & (middle_x < x1), (middle_y > y0) & (middle_y < y1)
        is_solid[1:-1, 1:-1] &= ~(in_columns[:, None] & in_rows[None])
    quads: list[list[tuple[float, float, float]]] = []
    for i, j in np.argwhere(is_solid):
        x0, x1, y0, y1 = x_lines[i - 1], x_lines[i], y_lines[j - 1], y_lines[j]
        quads.append([(x0, y0, 0), (x1, y0, 0), (x1, y1, 0), (x0, y1, 0)])
        quads.append([(x1, y0, -depth), (x0, y0, -depth), (x0, y1, -depth), (x1, y1, -depth)])
        for di, dj, (ax, ay), (bx, by) in (
            (1, 0, (x1, y0), (x1, y1)),
            (-1, 0, (x0, y1), (x0, y0)),
            (0, 1, (x1, y1), (x0, y1)),
            (0, -1, (x0, y0), (x1, y0)),
        ):
            if not is_solid[i + di, j + dj]:
                quads.append([(ax, ay, 0), (ax, ay, -depth), (bx, by, -depth), (bx, by, 0)])
    return project_uvs(make_polygons(quads, material), texture_size, (0, 1))


def make_mitred_frame(
    width: float, height: float, profile: npt.ArrayLike, material: Material = DEFAULT_MATERIAL
) -> Mesh:
    """A mitred frame about a rectangle of the xy plane, centred on the origin. Closed, with flat faces.

    `profile` is a closed outline of (outward, z) points in metres. It runs counter-clockwise where outward points to
    the right and z up. Outward is the distance from the rectangle's edge; negative values are inside. The texture runs
    along each side.
    """
    profile = np.asarray(profile, "f8")
    corner_signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    xy = corner_signs[:, None] * (np.array([width, height]) / 2 + profile[None, :, :1])
    z = np.broadcast_to(profile[None, :, 1:], (4, len(profile), 1))
    corners = np.concatenate([xy, z], -1)
    next_corners = np.roll(corners, -1, 0)
    quads = np.stack([corners, next_corners, np.roll(next_corners, -1, 1), np.roll(corners, -1, 1)], 2)
    quads = quads.reshape(-1, 4, 3)
    return make_polygons(quads, material, np.tile(QUAD_UVS, (len(quads), 1)))


def assign_grain_uvs(mesh: Mesh, board: int, grain_axis: int = 0) -> Mesh:
    """Map the mesh to one board of a wood texture, grain along an axis."""
    p = mesh.positions.astype("f8")
    across = p.sum(1) - p[:, grain_axis]
    v = (across - across.min()) / max(np.ptp(across), 1e-9)
    u = p[:, grain_axis] / WOOD_TEXTURE_LENGTH + 0.37 * board
    uvs = np.stack([u, (board % BOARDS_PER_TEXTURE + 0.06 + 0.88 * v) / BOARDS_PER_TEXTURE], -1)
    return replace(mesh, uvs=uvs.astype("f4"))


def make_timber(low: Sequence[float], high: Sequence[float], material: Material, board: int) -> Mesh:
    """A piece of wood between two corners, grain along its longest side."""
    return assign_grain_uvs(make_box(low, high, material), board, int(np.argmax(np.subtract(high, low))))


def build_floorboards(
    low: Sequence[float],
    high: Sequence[float],
    top: float,
    material: Material,
    rng: Generator,
    width: float = 0.14,
    length: float = 1.9,
) -> Mesh:
    """Boards along x over the rectangle (x, z) to (x, z); their upper sides lie within a millimetre below `top`."""
    lows, highs = lay_courses(low, high, width, length, rng, 0.0025)
    count = len(lows)
    tops = top + rng.uniform(-0.001, 0.0, count)
    floor = make_chamfered_boxes(
        np.stack([lows[:, 0], np.full(count, top - BOARD_THICKNESS), lows[:, 1]], -1),
        np.stack([highs[:, 0], tops, highs[:, 1]], -1),
        0.002,
        material,
    )
    p = floor.positions.reshape(count, -1, 3)
    across = (p[..., 2] - lows[:, None, 1]) / (highs - lows)[:, None, 1]
    v = (rng.integers(0, BOARDS_PER_TEXTURE, count)[:, None] + 0.05 + 0.9 * across) / BOARDS_PER_TEXTURE
    uvs = np.stack([p[..., 0] / WOOD_TEXTURE_LENGTH + rng.uniform(0, 1, count)[:, None], v], -1)
    return replace(floor, uvs=uvs.reshape(-1, 2).astype("f4"))


def build_window(
    width: float, height: float, depth: float, paint: Material, panes: tuple[int, int] = (3, 3)
) -> list[Mesh]:
    """A casement in the xy plane about the origin, from z = -depth to 0, with columns and rows of panes."""
    stile, half_bar = 0.055, 0.014
    profile = [(-stile, -depth), (0.004, -depth), (0.004, 0.0), (-stile, 0.0)]
    parts = [make_mitred_frame(width, height, profile, paint)]
    w, h = width - 2 * stile, height - 2 * stile
    columns, rows = panes
    for k in range(1, columns):
        x = -w / 2 + w * k / columns
        r = 2 * half_bar if k * 2 == columns else half_bar
        parts.append(make_box((x - r, -h / 2 - 0.004, -depth * 0.8), (x + r, h / 2 + 0.004, -depth * 0.2), paint))
    for k in range(1, rows):
        y = -h / 2 + h * k / rows
        low = (-w / 2 - 0.004, y - half_bar, -depth * 0.75)
        high = (w / 2 + 0.004, y + half_bar, -depth * 0.25)
        parts.append(make_box(low, high, paint))
    return [assign_uvs(m, UNTEXTURED_UV) for m in parts]


def build_framed_picture(
    width: float,
    height: float,
    canvas: Material,
    wood: Material,
    board: int,
    mount: Material | None = None,
    margin: float = 0.0,
) -> list[Mesh]:
    """A framed picture about the origin, facing +z, its back at z = 0.

    The frame encloses `width` by `height` metres. A mount leaves a `margin` of its own around the picture.
    """
    profile = [(-0.006, 0.002), (0.028, 0.002), (0.030, 0.018), (0.020, 0.028), (0.010, 0.026), (-0.006, 0.016)]
    frame = make_mitred_frame(width, height, profile, wood)
    uvs = np.tile(np.array([[0.0, 0.96], [0.5, 0.96], [0.5, 0.06], [0.0, 0.06]]), (len(frame.positions) // 4, 1))
    uvs = (uvs + (0, board % BOARDS_PER_TEXTURE)) / (1, BOARDS_PER_TEXTURE)
    parts = [replace(frame, uvs=uvs.astype("f4"))]
    if mount is not None:
        x, y = width / 2, height / 2
        parts.append(assign_uvs(make_box((-x, -y, 0.004), (x, y, 0.009), mount), UNTEXTURED_UV))
    x, y = width / 2 - margin, height / 2 - margin
    return [*parts, make_box((-x, -y, 0.006), (x, y, 0.013), canvas)]


def build_wainscot(width: float, height: float, panel_count: int, paint: Material) -> list[Mesh]:
    """A wainscot along x from 0, on y = 0 and in front of z = 0, 4 cm deep: raised panels, a skirting and a rail."""
    board = make_box((0, 0, 0.0), (width, height, 0.014), paint)
    skirting = make_box((0, 0, 0.004), (width, 0.12, 0.028), paint)
    rail = make_box((0, height - 0.006, 0.002), (width, height + 0.03, 0.042), paint)
    profile = [(0.0, 0.010), (0.034, 0.010), (0.030, 0.022), (0.018, 0.036), (0.006, 0.034), (0.0, 0.022)]
    panel_width = width / panel_count
    low, high = 0.20, height - 0.09
    frame = make_mitred_frame(panel_width - 0.16, high - low, profile, paint)
    frames = [translate(frame, (panel_width * (k + 0.5), (low + high) / 2, 0)) for k in range(panel_count)]
    return [assign_uvs(m, UNTEXTURED_UV) for m in (board, skirting, rail, *frames)]


# ---- bookcases ----


def build_bookcase_shell(
    width: float, height: float, depth: float, levels: Sequence[float], paint: Material, thickness: float = 0.028
) -> list[Mesh]:
    """An empty bookcase along x, centred, its back at z = 0 and open to the front.

    `levels`: heights of the shelves' upper sides, from the bottom.
    """
    half_width, t = width / 2, thickness
    sides = [((s * half_width - t / 2, 0, 0), (s * half_width + t / 2, height, depth)) for s in (-1, 1)]
    shelves = [((-half_width, y - t, 0.012), (half_width, y, depth - 0.006)) for y in levels]
    back = ((-half_width, 0.02, 0.002), (half_width, height - 0.02, 0.014))
    plinth = ((-half_width, 0, 0.03), (half_width, levels[0] - t / 2, depth - 0.03))
    crown = ((-half_width - 0.035, height - 0.01, -0.002), (half_width + 0.035, height + 0.035, depth + 0.03))
    lows, highs = zip(*sides, *shelves, back, plinth, crown, strict=True)
    return [assign_uvs(make_boxes(np.array(lows), np.array(highs), paint), UNTEXTURED_UV)]


def build_book_row(
    width: float,
    max_height: float,
    rng: Generator,
    covers: Material,
    gilt: Material,
    pages: Material,
    cover_colors: int = COVER_COLORS,
) -> list[Mesh]:
    """A row of books along x from 0 to at most `width`, on y = 0, spines towards +z at about z = 0.

    Some books lean, some lie in a pile.
    """
    parts: list[Mesh] = []
    x = 0.0
    while True:
        kind = rng.uniform()
        size = np.array([rng.uniform(0.016, 0.048), max_height * rng.uniform(0.66, 0.97), rng.uniform(0.13, 0.19)])
        is_pile, is_leaning = kind < 0.07, kind > 0.93
        if is_pile:
            book_count = int(rng.integers(3, 6))
            pile_width = rng.uniform(0.19, 0.22)
            if x + pile_width + 0.02 > width:
                return parts
            y = 0.0
            for _ in range(book_count):
                thickness = rng.uniform(0.018, 0.035)
                size = np.array([thickness, pile_width * rng.uniform(0.85, 1.0), rng.uniform(0.13, 0.16)])
                book = build_book(size, rng, covers, gilt, pages, cover_colors)
                lay_down = np.array(
                    [[0, 1.0, 0, x + 0.004], [-1.0, 0, 0, y + thickness], [0, 0, 1.0, 0], [0, 0, 0, 1.0]]
                )
                lay_down[2, 3] = rng.uniform(-0.012, 0)
                parts += [transform(m, lay_down) for m in book]
                y += thickness
            x += pile_width + 0.012
            continue
        lean = np.radians(rng.uniform(4, 11) if is_leaning else 0.0)
        c, s = np.cos(lean), np.sin(lean)
        occupied_width = size[0] * c + size[1] * s
        if x + occupied_width + 0.004 > width:
            return parts
        # it leans on the previous book
        stand = np.array([[c, -s, 0, x + size[1] * s], [s, c, 0, 0], [0, 0, 1, rng.uniform(-0.02, 0.0)], [0, 0, 0, 1]])
        parts += [transform(m, stand) for m in build_book(size, rng, covers, gilt, pages, cover_colors)]
        x += occupied_width + rng.uniform(0.0008, 0.002)


def build_book(
    size: Doubles, rng: Generator, covers: Material, gilt: Material, pages: Material, cover_colors: int = COVER_COLORS
) -> list[Mesh]:
    """A book of size (thickness, height, depth) from the origin, its spine at z = 0 facing +z; some have gilt bands."""
    thickness, height, depth = size
    c = COVER_THICKNESS
    lows = [(0, 0, -depth), (thickness - c, 0, -depth), (c / 2, 0, -c)]
    highs = [(c, height, -0.001), (thickness, height, -0.001), (thickness - c / 2, height, 0.0)]
    cover = make_boxes(np.array(lows), np.array(highs), covers)
    parts = [assign_uvs(cover, get_palette_uv(rng.integers(0, cover_colors)))]
    page_low, page_high = (c * 0.8, 0.003, -depth + 0.005), (thickness - c * 0.8, height - 0.003, -c * 0.8)
    parts.append(assign_uvs(make_box(page_low, page_high, pages), UNTEXTURED_UV))
    if rng.uniform() < 0.4:
        y = np.sort(rng.uniform(0.12, 0.88, 2)) * height
        lows = [(-0.0004, low, -0.004) for low in y]
        highs = [(thickness + 0.0004, low + rng.uniform(0.002, 0.010), 0.0006) for low in y]
        parts.append(assign_uvs(make_boxes(np.array(lows), np.array(highs), gilt), UNTEXTURED_UV))
    return parts
