"""Images for the materials of the built-in scenes, made from formulas. Colours are linear until `srgb8` writes them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ssdo.scene.model import Bytes, Floats, Image, Material
from ssdo.settings import Vec3

Array = npt.NDArray[np.float64]
SHADES = 64  # entries of a palette
ROSY = 48  # where the limestone's rosy entries begin


def srgb8(linear: npt.ArrayLike) -> Bytes:
    """Linear colours (h, w, 3) as an opaque image (h, w, 4), sRGB."""
    c = np.clip(np.asarray(linear, "f8"), 0, 1)
    encoded = np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)
    alpha = np.ones((*c.shape[:2], 1))
    image: Bytes = np.rint(np.concatenate([encoded, alpha], -1) * 255).astype("u1")
    return image


def palette(name: str, bases: npt.ArrayLike, spread: float, warmth: float, rng: np.random.Generator) -> Material:
    """A material of `SHADES` flat colours in a row, scattered about the bases; `shade` gives the texture coordinates of
    one.
    """
    base = (
        np.resize(np.asarray(bases, "f8"), (SHADES, 3))
        if np.ndim(bases) > 1
        else np.tile(np.asarray(bases, "f8"), (SHADES, 1))
    )
    light = np.exp(rng.normal(0, spread, (SHADES, 1)))
    tilt = rng.normal(0, warmth, (SHADES, 1)) * np.array([0.6, 0.0, -1.0])
    return Material(
        (1, 1, 1), albedo_image=Image(srgb8(np.clip(base * light * (1 + tilt), 0.02, 0.8)[None])), name=name
    )


def shade(index: npt.ArrayLike) -> Floats:
    """Texture coordinates in the middle of a palette's entry, so that filtering leaves it alone; (..., 2)."""
    u = (np.asarray(index) % SHADES + 0.5) / SHADES
    return np.stack([u, np.full_like(u, 0.5)], -1).astype("f4")


def shades(rng: np.random.Generator, count: int) -> Floats:
    """Texture coordinates of `count` entries drawn at random, but for a palette's accents; (count, 2)."""
    return shade(rng.integers(0, ROSY, count))


def mottle(size: int, slope: float, rng: np.random.Generator) -> Array:
    """Noise of mean 0 and deviation 1 that repeats without a seam; a steeper slope makes larger blotches. (size,
    size)
    """
    fx, fy = np.fft.rfftfreq(size), np.fft.fftfreq(size)
    frequency = np.hypot(fx[None], fy[:, None])
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.normal(size=(size, size))) / frequency**slope
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, (size, size))
    return np.asarray(noise / noise.std())


def plaster(name: str, color: Vec3, rng: np.random.Generator) -> Material:
    """Lime wash: clouds and a little grain."""
    clouds = 0.05 * mottle(128, 1.5, rng) + 0.015 * mottle(128, 0.2, rng)
    tilt = 0.02 * mottle(128, 1.8, rng)[..., None] * np.array([0.5, 0.0, -1.0])
    return Material(
        (1, 1, 1),
        albedo_image=Image(srgb8(np.clip(np.array(color) * np.exp(clouds)[..., None] * (1 + tilt), 0.02, 0.8))),
        name=name,
    )


def zellige(rng: np.random.Generator) -> Material:
    """Glazed tiles: eight-pointed stars and crosses, two by two stars in the image."""
    size = 128
    at = (np.arange(size) + 0.5) / size * 2
    x, y = np.meshgrid((at % 1) - 0.5, (at % 1) - 0.5)
    square, diamond = np.maximum(abs(x), abs(y)), (abs(x) + abs(y)) / np.sqrt(2)
    star = np.minimum(square, diamond)  # < r: inside the star of two squares
    corner = (0.5 - abs(x)) + (0.5 - abs(y))
    cell = (np.floor(at)[None] + np.floor(at)[:, None]) % 2
    cobalt, teal, white, ochre, grout = (
        (0.04, 0.09, 0.27),
        (0.05, 0.23, 0.22),
        (0.66, 0.64, 0.56),
        (0.55, 0.30, 0.07),
        (0.45, 0.40, 0.32),
    )
    color = np.where((cell == 0)[..., None], cobalt, teal)
    color = np.where((star < 0.13)[..., None], white, color)
    color = np.where((star < 0.065)[..., None], ochre, color)
    color = np.where((star > 0.33)[..., None], white, color)
    color = np.where((corner < 0.14)[..., None], ochre, color)
    lines = (abs(star - 0.33) < 0.012) | (abs(star - 0.13) < 0.010) | (abs(corner - 0.14) < 0.012)
    color = np.where(lines[..., None], grout, color) * np.exp(0.06 * mottle(size, 0.8, rng))[..., None]
    return Material((1, 1, 1), albedo_image=Image(srgb8(np.clip(color, 0.02, 0.75))), name="zellige")


def woven(
    name: str,
    ground: Vec3,
    band: Vec3,
    rng: np.random.Generator,
    stripes: tuple[float, ...] = (0.06, 0.10, 0.115, 0.9, 0.94),
) -> Material:
    """Dyed cloth with bands across; the image's rows run along the cloth from one hem (0) to the other (1)."""
    rows, columns = 256, 32
    v = (np.arange(rows) + 0.5)[:, None] / rows
    width = np.resize([0.012, 0.004, 0.004, 0.014, 0.004], len(stripes))
    banded = np.any([abs(v - s) < w for s, w in zip(stripes, width, strict=True)], axis=0)
    dye = 1 + 0.06 * mottle(rows, 1.2, rng)[:, :columns]
    color = np.where(banded[..., None], band, ground) * np.ones((1, columns, 1)) * dye[..., None]
    return Material((1, 1, 1), albedo_image=Image(srgb8(np.clip(color, 0.025, 0.75))), name=name)


def carpet(rng: np.random.Generator) -> Material:
    """A rug: two borders and a field of stepped diamonds. Rows run along it."""
    h, w = 192, 96
    y, x = np.meshgrid((np.arange(h) + 0.5) / w, (np.arange(w) + 0.5) / w, indexing="ij")
    edge = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 2 - y))
    knots = 48  # patterns in knotted pile have steps
    qx, qy = np.floor(x * knots) / knots, np.floor(y * knots) / knots
    diamond = (abs(qx - 0.5) + abs((qy % 0.5) - 0.25)) * 4
    red, deep, cream, orange, navy = (
        (0.52, 0.035, 0.03),
        (0.30, 0.02, 0.03),
        (0.62, 0.50, 0.32),
        (0.66, 0.20, 0.03),
        (0.04, 0.05, 0.18),
    )
    color = np.where(((diamond % 1) < 0.5)[..., None], red, deep)
    color = np.where((diamond < 0.30)[..., None], orange, color)
    color = np.where((abs(diamond - 1.0) < 0.06)[..., None], cream, color)
    border = ((qx + qy) * 12 % 1 < 0.5)[..., None]
    color = np.where((edge < 0.16)[..., None], np.where(border, navy, orange), color)
    color = np.where((abs(edge - 0.16) < 0.011)[..., None], cream, color)
    color = np.where((edge < 0.05)[..., None], red, color)
    color = np.where((abs(edge - 0.05) < 0.008)[..., None], cream, color)
    return Material(
        (1, 1, 1),
        albedo_image=Image(srgb8(np.clip(color * (1 + 0.05 * mottle(h, 0.5, rng)[:, :w, None]), 0.025, 0.75))),
        name="carpet",
    )
