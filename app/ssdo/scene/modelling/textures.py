"""Procedural textures and materials. Colours are linear until `encode_image` writes them.

A palette is a texture of `PALETTE_SIZE` plain colours in a row, so that many objects share one material.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from ssdo.arrays import Bytes, Doubles, Floats
from ssdo.scene.model import ImageTexture, Material
from ssdo.settings import Vec3
from ssdo.srgb import encode_srgb8

PALETTE_SIZE = 64
ACCENT_START = 48  # the palette entries from here on are accents, such as the limestone's rosy ones
MIN_ALBEDO, MAX_ALBEDO = 0.02, 0.8  # of real surfaces
WHITE_FACTOR = (1.0, 1.0, 1.0)  # albedo of materials whose texture holds the colour


# ---- colours and noise ----


def encode_image(linear: npt.ArrayLike) -> Bytes:
    """Encode linear colours (h, w, 3) as an opaque sRGB image (h, w, 4)."""
    codes = encode_srgb8(linear)
    return np.dstack([codes, np.full(codes.shape[:2], 255, "u1")])


def make_albedo_texture(
    color: npt.ArrayLike, min_albedo: float = MIN_ALBEDO, max_albedo: float = MAX_ALBEDO
) -> ImageTexture:
    """An albedo texture of linear colours (h, w, 3), clamped to plausible values."""
    return ImageTexture(encode_image(np.clip(np.asarray(color), min_albedo, max_albedo)))


def paint_over(image: Doubles, mask: npt.ArrayLike, color: npt.ArrayLike) -> Doubles:
    """Replace the colours of `image` (h, w, 3) where `mask` (h, w) is true."""
    return np.where(np.asarray(mask)[..., None], color, image)


def generate_noise(shape: tuple[int, int], slope: float, rng: Generator, stretch: float = 1.0) -> Doubles:
    """Tileable noise (rows, columns) of mean 0 and standard deviation 1, with the spectrum 1 / frequency^slope.

    A larger slope makes larger blotches. A `stretch` above 1 draws them out along the rows.
    """
    rows, columns = shape
    frequency = np.hypot(np.fft.rfftfreq(columns)[None] * stretch, np.fft.fftfreq(rows)[:, None])
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.normal(size=shape)) / frequency**slope
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, shape)
    return np.asarray(noise / noise.std())


# ---- palettes ----


def make_palette(name: str, base_colors: npt.ArrayLike, spread: float, warmth: float, rng: Generator) -> Material:
    """A material of `PALETTE_SIZE` colours scattered about one base colour (3,) or several (n, 3), which repeat.

    `spread` is the standard deviation of the brightness (logarithm), `warmth` that of a shift from blue to red.
    """
    base = np.resize(np.asarray(base_colors, "f8"), (PALETTE_SIZE, 3))
    brightness = np.exp(rng.normal(0, spread, (PALETTE_SIZE, 1)))
    red_shift = rng.normal(0, warmth, (PALETTE_SIZE, 1)) * np.array([0.6, 0.0, -1.0])
    colors = base * brightness * (1 + red_shift)
    return Material(WHITE_FACTOR, albedo_texture=make_albedo_texture(colors[None]), name=name)


def get_palette_uv(entry: npt.ArrayLike) -> Floats:
    """Texture coordinates (..., 2) of the middle of a palette entry, which filtering leaves unchanged."""
    u = (np.asarray(entry) % PALETTE_SIZE + 0.5) / PALETTE_SIZE
    return np.stack([u, np.full_like(u, 0.5)], -1).astype("f4")


def pick_palette_uvs(rng: Generator, count: int) -> Floats:
    """Texture coordinates (count, 2) of random palette entries other than accents."""
    return get_palette_uv(rng.integers(0, ACCENT_START, count))


# ---- materials ----


def make_plaster(name: str, color: Vec3, rng: Generator) -> Material:
    """Lime wash: cloudy, with a little grain."""
    shape = (128, 128)
    brightness = np.exp(0.05 * generate_noise(shape, 1.5, rng) + 0.015 * generate_noise(shape, 0.2, rng))
    red_shift = 0.02 * generate_noise(shape, 1.8, rng)[..., None] * np.array([0.5, 0.0, -1.0])
    colors = np.array(color) * brightness[..., None] * (1 + red_shift)
    return Material(WHITE_FACTOR, albedo_texture=make_albedo_texture(colors), name=name)


def make_zellige(rng: Generator) -> Material:
    """Glazed Moroccan tiles: eight-pointed stars and crosses, two by two stars in the texture."""
    cobalt, teal, white = (0.04, 0.09, 0.27), (0.05, 0.23, 0.22), (0.66, 0.64, 0.56)
    ochre, grout = (0.55, 0.30, 0.07), (0.45, 0.40, 0.32)
    size = 128
    texel = (np.arange(size) + 0.5) / size * 2
    x, y = np.meshgrid((texel % 1) - 0.5, (texel % 1) - 0.5)  # from the centre of a star
    square, diamond = np.maximum(abs(x), abs(y)), (abs(x) + abs(y)) / np.sqrt(2)
    star = np.minimum(square, diamond)  # below r: inside the star of a square and a diamond of that size
    corner = (0.5 - abs(x)) + (0.5 - abs(y))
    is_teal = (np.floor(texel)[None] + np.floor(texel)[:, None]) % 2 != 0
    color = np.where(is_teal[..., None], teal, cobalt)
    color = paint_over(color, star < 0.13, white)
    color = paint_over(color, star < 0.065, ochre)
    color = paint_over(color, star > 0.33, white)
    color = paint_over(color, corner < 0.14, ochre)
    joints = (abs(star - 0.33) < 0.012) | (abs(star - 0.13) < 0.010) | (abs(corner - 0.14) < 0.012)
    color = paint_over(color, joints, grout) * np.exp(0.06 * generate_noise((size, size), 0.8, rng))[..., None]
    return Material(WHITE_FACTOR, albedo_texture=make_albedo_texture(color, max_albedo=0.75), name="zellige")


def make_striped_cloth(
    name: str,
    ground: Vec3,
    stripe: Vec3,
    rng: Generator,
    stripes: tuple[float, ...] = (0.06, 0.10, 0.115, 0.9, 0.94),
) -> Material:
    """Dyed cloth with stripes across it; v runs along the cloth from one hem (0) to the other (1)."""
    rows, columns = 256, 32
    v = (np.arange(rows) + 0.5)[:, None] / rows
    half_widths = np.resize([0.012, 0.004, 0.004, 0.014, 0.004], len(stripes))
    is_stripe = np.any([abs(v - s) < half_width for s, half_width in zip(stripes, half_widths, strict=True)], axis=0)
    dye = 1 + 0.06 * generate_noise((rows, rows), 1.2, rng)[:, :columns]
    color = np.where(is_stripe[..., None], stripe, ground) * np.ones((1, columns, 1)) * dye[..., None]
    return Material(WHITE_FACTOR, albedo_texture=make_albedo_texture(color, 0.025, 0.75), name=name)


def make_carpet(rng: Generator) -> Material:
    """A carpet, twice as long as wide, rows along it: two borders and a field of stepped diamonds."""
    red, dark_red, cream = (0.52, 0.035, 0.03), (0.30, 0.02, 0.03), (0.62, 0.50, 0.32)
    orange, navy = (0.66, 0.20, 0.03), (0.04, 0.05, 0.18)
    h, w = 192, 96
    y, x = np.meshgrid((np.arange(h) + 0.5) / w, (np.arange(w) + 0.5) / w, indexing="ij")
    edge_distance = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 2 - y))
    knots = 48  # patterns in knotted pile have steps
    knot_x, knot_y = np.floor(x * knots) / knots, np.floor(y * knots) / knots
    diamond = (abs(knot_x - 0.5) + abs((knot_y % 0.5) - 0.25)) * 4
    color = np.where(((diamond % 1) < 0.5)[..., None], red, dark_red)
    color = paint_over(color, diamond < 0.30, orange)
    color = paint_over(color, abs(diamond - 1.0) < 0.06, cream)
    is_navy = ((knot_x + knot_y) * 12 % 1 < 0.5)[..., None]
    color = paint_over(color, edge_distance < 0.16, np.where(is_navy, navy, orange))
    color = paint_over(color, abs(edge_distance - 0.16) < 0.011, cream)
    color = paint_over(color, edge_distance < 0.05, red)
    color = paint_over(color, abs(edge_distance - 0.05) < 0.008, cream)
    color = color * (1 + 0.05 * generate_noise((h, h), 0.5, rng)[:, :w, None])
    return Material(WHITE_FACTOR, albedo_texture=make_albedo_texture(color, 0.025, 0.75), name="carpet")
