"""Procedural materials for rooms: wood, cloth, a rug, paintings, lampshade paper. Colours are linear."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from ssdo.arrays import Doubles
from ssdo.scene.model import DIELECTRIC_F0, ImageTexture, Material
from ssdo.scene.modelling.textures import WHITE_FACTOR, encode_image, generate_noise, make_albedo_texture, paint_over
from ssdo.settings import Vec3

BOARDS_PER_TEXTURE = 16  # of a wood texture, one above the other
WOOD_TEXTURE_LENGTH = 1.8  # metres along the grain
CLOTH_TEXTURE_SIZE = 0.14  # metres


def make_normal_map(height: npt.ArrayLike, texel_size: float) -> ImageTexture:
    """A tangent-space normal map (y up) of a tileable height field (h, w); heights and `texel_size` are in metres."""
    z = np.asarray(height, "f8")
    slope_right = (np.roll(z, -1, 1) - np.roll(z, 1, 1)) / (2 * texel_size)
    slope_up = (np.roll(z, 1, 0) - np.roll(z, -1, 0)) / (2 * texel_size)
    n = np.stack([-slope_right, -slope_up, np.ones_like(z)], -1)
    n /= np.linalg.norm(n, axis=-1, keepdims=True)
    opaque = np.full((*z.shape, 1), 255.0)
    return ImageTexture(np.rint(np.concatenate([(n * 0.5 + 0.5) * 255, opaque], -1)).astype("u1"))


def make_wood(name: str, color: Vec3, rng: Generator, spread: float = 0.14, roughness: float = 0.4) -> Material:
    """`BOARDS_PER_TEXTURE` boards, grain along u; `joinery.assign_grain_uvs` maps an object to one of them.

    `spread` is the standard deviation of the boards' brightness (logarithm).
    """
    shape = (24, 512)
    tones = []
    for _ in range(BOARDS_PER_TEXTURE):
        ring_position = np.linspace(-1, 1, shape[0])[:, None] + 0.35 * generate_noise(shape, 1.6, rng, stretch=30)
        rings = np.sin(rng.uniform(4, 8) * ring_position + rng.uniform(0, 6))
        pores = generate_noise(shape, 0.7, rng, stretch=14)
        tones.append(0.07 * rings + 0.06 * pores + rng.normal(0, spread))
    tone = np.concatenate(tones)[..., None]
    colors = np.array(color) * np.exp(tone * np.array([0.9, 1.0, 1.15]))
    height = 0.0002 * np.concatenate([tone - tone.mean() for tone in tones])
    return Material(
        WHITE_FACTOR,
        albedo_texture=make_albedo_texture(colors),
        roughness=roughness,
        f0=DIELECTRIC_F0,
        normal_texture=make_normal_map(height, WOOD_TEXTURE_LENGTH / shape[1]),
        normal_scale=0.6,
        name=name,
    )


def make_cloth(name: str, color: Vec3, rng: Generator, spread: float = 0.06) -> Material:
    """Plain weave: threads over and under one another. `spread` varies their brightness (logarithm)."""
    threads, texels_per_thread = 32, 4
    size = threads * texels_per_thread
    position = (np.arange(size) + 0.5) / texels_per_thread  # in threads
    profile = np.abs(np.sin(np.pi * position))
    is_warp = (np.floor(position)[:, None] + np.floor(position)[None]) % 2 == 0
    height = np.where(is_warp, profile[:, None], profile[None])
    warp, weft = (np.repeat(np.exp(rng.normal(0, spread, threads)), texels_per_thread) for _ in range(2))
    thread_tone = np.where(is_warp, warp[:, None], weft[None])
    stains = np.exp(0.03 * generate_noise((size, size), 1.2, rng))
    tone = thread_tone * (0.78 + 0.3 * height) * stains
    return Material(
        WHITE_FACTOR,
        albedo_texture=make_albedo_texture(np.array(color) * tone[..., None]),
        normal_texture=make_normal_map(0.0011 * height, CLOTH_TEXTURE_SIZE / size),
        name=name,
    )


def make_lampshade_paper(name: str, radiance: Vec3, rng: Generator) -> Material:
    """Glowing paper, brightest about the middle: v is 0 at the shade's upper rim. `radiance`: its maximum."""
    size = 128
    v = (np.arange(size) + 0.5)[:, None] / size
    fibres = 0.05 * generate_noise((size, size), 0.7, rng) + 0.04 * generate_noise((size, size), 0.9, rng, stretch=6).T
    glow = (0.35 + 0.65 * np.exp(-(((v - 0.52) / 0.33) ** 2))) * np.exp(fibres)
    emission = ImageTexture(encode_image(np.clip(glow, 0, 1)[..., None] * np.ones(3)))
    return Material((0.72, 0.66, 0.54), emission=radiance, emission_texture=emission, name=name)


def make_rug(rng: Generator) -> Material:
    """A knotted rug, half as long again as wide, columns along it: medallions, a field of lozenges, three borders."""
    red, dark_red, cream, ochre = (0.42, 0.045, 0.035), (0.20, 0.02, 0.03), (0.62, 0.52, 0.37), (0.60, 0.27, 0.06)
    navy, teal = (0.03, 0.05, 0.14), (0.05, 0.20, 0.20)
    h, w, knots = 288, 432, 96
    y, x = np.meshgrid((np.arange(h) + 0.5) / h, (np.arange(w) + 0.5) / h, indexing="ij")
    edge_distance = np.minimum(np.minimum(x, 1.5 - x), np.minimum(y, 1 - y))
    knot_x, knot_y = (np.floor(a * knots) / knots for a in (x, y))  # patterns in knotted pile have steps

    lozenge = abs((knot_x * 8) % 1 - 0.5) + abs((knot_y * 8) % 1 - 0.5)
    color = np.where((lozenge < 0.22)[..., None], ochre, red)
    color = paint_over(color, lozenge < 0.11, navy)

    medallion = np.minimum.reduce([abs(knot_x - c) * 1.25 + abs(knot_y - 0.5) for c in (0.42, 0.75, 1.08)])
    outer_rings = ((0.27, cream), (0.255, navy), (0.20, ochre), (0.185, teal))
    inner_rings = ((0.12, cream), (0.105, red), (0.04, cream))
    for radius, paint in (*outer_rings, *inner_rings):
        color = paint_over(color, medallion < radius, paint)

    is_teal = ((knot_x + knot_y) * 16 % 1 < 0.5) ^ ((knot_x - knot_y) * 16 % 1 < 0.5)
    is_ochre = (knot_x + knot_y) * 24 % 1 < 0.4
    color = paint_over(color, edge_distance < 0.155, np.where(is_teal[..., None], teal, navy))
    color = paint_over(color, edge_distance < 0.045, np.where(is_ochre[..., None], ochre, red))
    for distance in (0.155, 0.045, 0.012):
        color = paint_over(color, abs(edge_distance - distance) < 0.0075, cream)
    color = paint_over(color, edge_distance < 0.006, dark_red)

    blotches = generate_noise((512, 512), 1.3, rng)[:h, :w]
    dye_lots = generate_noise((h, w), 0.3, rng, stretch=40)
    color = color * np.exp(0.06 * blotches + 0.07 * dye_lots)[..., None]
    pile = 0.0006 * np.tile(np.abs(np.sin(np.pi * (np.arange(h) + 0.5) / 3)), (w, 1)).T
    return Material(
        WHITE_FACTOR,
        albedo_texture=make_albedo_texture(color, max_albedo=0.75),
        normal_texture=make_normal_map(pile, 1.7 / h),
        name="rug",
    )


# ---- paintings ----


def _make_canvas(name: str, color: Doubles, rng: Generator) -> Material:
    """A painting of linear colours (h, w, 3), at most 256 texels a side, on rough canvas."""
    grain = np.exp(0.04 * generate_noise((256, 256), 0.4, rng)[: color.shape[0], : color.shape[1]])
    return Material(WHITE_FACTOR, albedo_texture=make_albedo_texture(color * grain[..., None]), name=name)


def paint_landscape(rng: Generator) -> Material:
    """A painting: hills behind hills, and a low sun."""
    h, w = 120, 160
    y, x = np.meshgrid(np.linspace(0, 1, h), np.linspace(0, w / h, w), indexing="ij")
    color = np.array([0.62, 0.50, 0.36]) * (1 - y[..., None]) + np.array([0.78, 0.46, 0.22]) * y[..., None]
    color = paint_over(color, np.hypot(x - 0.95, y - 0.36) < 0.11, (0.78, 0.62, 0.30))
    hills = ((0.42, 0.30, 0.34), (0.22, 0.22, 0.32), (0.09, 0.16, 0.22), (0.04, 0.08, 0.09))  # far to near
    for k, paint in enumerate(hills):
        a, b, c = rng.uniform(0, 6, 3)
        waves = np.sin(2.1 * x + a) + 0.4 * np.sin(5.3 * x + b) + 0.15 * np.sin(13 * x + c)
        ridge = 0.42 + 0.14 * k + (0.10 - 0.015 * k) * waves
        color = paint_over(color, y > ridge, paint)
    return _make_canvas("landscape", color, rng)


def paint_seascape(rng: Generator) -> Material:
    """A painting: boats on a sea at noon, in broad strokes."""
    h, w = 112, 160
    y, x = np.meshgrid(np.linspace(0, 1, h), np.linspace(0, w / h, w), indexing="ij")
    strokes = generate_noise((256, 256), 1.1, rng, stretch=7)[:h, :w]
    is_sky = (y < 0.45)[..., None]
    is_beach = y > 0.80 + 0.06 * np.sin(2.2 * x + 1)
    sky_and_sea = np.where(is_sky, np.array([0.44, 0.60, 0.70]), (0.05, 0.26, 0.36))
    color = sky_and_sea * np.exp(np.where(is_sky, 0.08, 0.22) * strokes[..., None])
    color = paint_over(color, is_beach, np.array([0.66, 0.54, 0.34]) * np.exp(0.08 * strokes)[..., None])
    white, red, hull = (0.74, 0.70, 0.62), (0.66, 0.20, 0.08), (0.10, 0.05, 0.04)
    for boat_x, boat_y, size, sail in ((0.42, 0.56, 0.30, white), (0.98, 0.50, 0.17, red), (1.20, 0.475, 0.10, white)):
        dx, dy = (x - boat_x) / size, (y - boat_y) / size
        color = paint_over(color, (dy < 0) & (dy > -1) & (abs(dx + 0.05) < 0.36 * (1 + dy)), sail)
        color = paint_over(color, (dy > 0.02) & (dy < 0.14) & (abs(dx) < 0.5 - dy), hull)
    return _make_canvas("sea", color, rng)


def paint_color_fields(rng: Generator) -> Material:
    """A painting: two fields of colour on a third, with soft edges."""
    h, w = 144, 112
    y, x = np.meshgrid(np.linspace(0, 1, h), np.linspace(0, 1, w), indexing="ij")
    color = np.ones((h, w, 1)) * np.array([0.34, 0.05, 0.03])
    for top, bottom, paint in ((0.08, 0.52, (0.72, 0.30, 0.04)), (0.57, 0.92, (0.06, 0.10, 0.30))):
        wobble = 0.012 * generate_noise((256, 256), 1.4, rng)[:h, :w]
        edge_distance = np.minimum(np.minimum(y - top, bottom - y), np.minimum(x - 0.1, 0.9 - x)) + wobble
        color += (np.array(paint) - color) * np.clip(edge_distance / 0.03, 0, 1)[..., None]
    return _make_canvas("fields", color, rng)


def paint_circles(rng: Generator) -> Material:
    """A painting: discs and bars, flat paint on cream."""
    teal, red, black, ochre = (0.05, 0.24, 0.26), (0.66, 0.16, 0.04), (0.05, 0.05, 0.06), (0.70, 0.42, 0.06)
    h, w = 144, 112
    y, x = np.meshgrid(np.linspace(0, 1.28, h), np.linspace(0, 1, w), indexing="ij")
    color = np.ones((h, w, 1)) * np.array([0.66, 0.60, 0.48])
    for center_x, center_y, radius, paint in (
        (0.42, 0.48, 0.28, teal),
        (0.62, 0.78, 0.20, red),
        (0.36, 0.92, 0.10, black),
    ):
        color = paint_over(color, np.hypot(x - center_x, y - center_y) < radius, paint)
    color = paint_over(color, abs(0.9 * x - 0.5 * y + 0.03) < 0.012, black)
    color = paint_over(color, (abs(y - 0.48) < 0.02) & (x > 0.2) & (x < 0.9), ochre)
    return _make_canvas("circles", color, rng)
