"""Images and materials for rooms: wood, cloth, a rug, pictures, paper. Colours are linear until they are written;
reliefs become normal images.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ssdo.scene.model import Image, Material
from ssdo.scene.modelling.textures import Array, mottle, srgb8
from ssdo.settings import Vec3

STRIPS = 16  # of a wood's image: one board each
GRAIN = 1.8  # metres that a wood's image covers along the grain
WEAVE = 0.14  # metres that a cloth's image covers

Rng = np.random.Generator


def relief(height: npt.ArrayLike, pixel: float) -> Image:
    """A normal image (tangent space, y up, linear) of heights (h, w) in metres that repeat; `pixel`: the width of one,
    metres.
    """
    z = np.asarray(height, "f8")
    right, up = ((np.roll(z, -s, axis) - np.roll(z, s, axis)) / (2 * pixel) for axis, s in ((1, 1), (0, -1)))
    n = np.stack([-right, -up, np.ones_like(z)], -1)
    n /= np.linalg.norm(n, axis=-1, keepdims=True)
    opaque = np.full((*z.shape, 1), 255.0)
    return Image(np.rint(np.concatenate([(n * 0.5 + 0.5) * 255, opaque], -1)).astype("u1"))


def streaks(rows: int, columns: int, stretch: float, slope: float, rng: Rng) -> Array:
    """Noise of mean 0 and deviation 1, drawn out along the rows, that repeats without a seam; (rows, columns)."""
    frequency = np.hypot(np.fft.rfftfreq(columns)[None] * stretch, np.fft.fftfreq(rows)[:, None])
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.normal(size=(rows, columns))) / frequency**slope
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, (rows, columns))
    return np.asarray(noise / noise.std())


def wood(name: str, color: Vec3, rng: Rng, spread: float = 0.14, roughness: float = 0.4) -> Material:
    """`STRIPS` boards one above the other, grain along u, each of its own tone; `joinery.grained` lays a thing on one
    of them.
    """
    rows, columns = 24, 512
    tone = []
    for _ in range(STRIPS):
        across = np.linspace(-1, 1, rows)[:, None] + 0.35 * streaks(rows, columns, 30, 1.6, rng)
        rings = np.sin(rng.uniform(4, 8) * across + rng.uniform(0, 6))
        tone.append(0.07 * rings + 0.06 * streaks(rows, columns, 14, 0.7, rng) + rng.normal(0, spread))
    t = np.concatenate(tone)[..., None]
    color8 = srgb8(np.clip(np.array(color) * np.exp(t * np.array([0.9, 1.0, 1.15])), 0.02, 0.8))
    bumps = relief(0.0002 * np.concatenate([s - s.mean() for s in tone]), GRAIN / columns)
    return Material(
        (1, 1, 1),
        albedo_image=Image(color8),
        roughness=roughness,
        reflectance=0.04,
        normal_image=bumps,
        normal_scale=0.6,
        name=name,
    )


def cloth(name: str, color: Vec3, rng: Rng, variety: float = 0.06) -> Material:
    """Plain weave: threads over and under one another, each a little lighter or darker."""
    threads, fine = 32, 4
    size = threads * fine
    at = (np.arange(size) + 0.5) / fine
    over = np.abs(np.sin(np.pi * at))
    parity = (np.floor(at)[:, None] + np.floor(at)[None]) % 2
    height = np.where(parity == 0, over[:, None], over[None])
    warp, weft = (np.repeat(np.exp(rng.normal(0, variety, threads)), fine) for _ in range(2))
    tone = (
        np.where(parity == 0, warp[:, None], weft[None]) * (0.78 + 0.3 * height) * np.exp(0.03 * mottle(size, 1.2, rng))
    )
    pixels = srgb8(np.clip(np.array(color) * tone[..., None], 0.02, 0.8))
    return Material(
        (1, 1, 1), albedo_image=Image(pixels), normal_image=relief(0.0011 * height, WEAVE / size), name=name
    )


def paper(name: str, light: Vec3, rng: Rng) -> Material:
    """A lampshade that glows, most in its middle (v 0 at its upper rim, 1 at the lower one). `light`: its radiance
    there.
    """
    size = 128
    v = (np.arange(size) + 0.5)[:, None] / size
    fibres = 0.05 * mottle(size, 0.7, rng) + 0.04 * streaks(size, size, 6, 0.9, rng).T
    glow = (0.35 + 0.65 * np.exp(-(((v - 0.52) / 0.33) ** 2))) * np.exp(fibres)
    pixels = srgb8(np.clip(glow, 0, 1)[..., None] * np.ones(3))
    return Material((0.72, 0.66, 0.54), emission=light, emission_image=Image(pixels), name=name)


def rug(rng: Rng) -> Material:
    """A knotted rug, half as long again as it is wide, its image's columns along it: medallions in a field of stepped
    lozenges, three borders.
    """
    h, w, knots = 288, 432, 96
    y, x = np.meshgrid((np.arange(h) + 0.5) / h, (np.arange(w) + 0.5) / h, indexing="ij")
    edge = np.minimum(np.minimum(x, 1.5 - x), np.minimum(y, 1 - y))
    qx, qy = (np.floor(a * knots) / knots for a in (x, y))  # patterns in knotted pile have steps
    red, deep, cream, ochre = (0.42, 0.045, 0.035), (0.20, 0.02, 0.03), (0.62, 0.52, 0.37), (0.60, 0.27, 0.06)
    navy, teal = (0.03, 0.05, 0.14), (0.05, 0.20, 0.20)
    lozenge = abs((qx * 8) % 1 - 0.5) + abs((qy * 8) % 1 - 0.5)
    color = np.where((lozenge < 0.22)[..., None], ochre, red)
    color = np.where((lozenge < 0.11)[..., None], navy, color)
    center = np.minimum.reduce([abs(qx - c) * 1.25 + abs(qy - 0.5) for c in (0.42, 0.75, 1.08)])
    for limit, paint in (
        (0.27, cream),
        (0.255, navy),
        (0.20, ochre),
        (0.185, teal),
        (0.12, cream),
        (0.105, red),
        (0.04, cream),
    ):
        color = np.where((center < limit)[..., None], paint, color)
    wave = ((qx + qy) * 16 % 1 < 0.5) ^ ((qx - qy) * 16 % 1 < 0.5)
    color = np.where((edge < 0.155)[..., None], np.where(wave[..., None], teal, navy), color)
    color = np.where((edge < 0.045)[..., None], np.where(((qx + qy) * 24 % 1 < 0.4)[..., None], ochre, red), color)
    for at in (0.155, 0.045, 0.012):
        color = np.where((abs(edge - at) < 0.0075)[..., None], cream, color)
    color = np.where((edge < 0.006)[..., None], deep, color)
    fade = np.exp(0.06 * mottle(512, 1.3, rng)[:h, :w] + 0.07 * streaks(h, w, 40, 0.3, rng))  # dyed in lots
    pile = 0.0006 * np.tile(np.abs(np.sin(np.pi * (np.arange(h) + 0.5) / 3)), (w, 1)).T
    return Material(
        (1, 1, 1),
        albedo_image=Image(srgb8(np.clip(color * fade[..., None], 0.02, 0.75))),
        normal_image=relief(pile, 1.7 / h),
        name="rug",
    )


def landscape(rng: Rng) -> Material:
    """A picture: hills behind hills, and a low sun."""
    h, w = 120, 160
    y, x = np.meshgrid(np.linspace(0, 1, h), np.linspace(0, w / h, w), indexing="ij")
    color = np.array([0.62, 0.50, 0.36]) * (1 - y[..., None]) + np.array([0.78, 0.46, 0.22]) * y[..., None]
    color = np.where((np.hypot(x - 0.95, y - 0.36) < 0.11)[..., None], (0.78, 0.62, 0.30), color)
    for k, paint in enumerate(((0.42, 0.30, 0.34), (0.22, 0.22, 0.32), (0.09, 0.16, 0.22), (0.04, 0.08, 0.09))):
        a, b, c = rng.uniform(0, 6, 3)
        ridge = (
            0.42
            + 0.14 * k
            + (0.10 - 0.015 * k) * (np.sin(2.1 * x + a) + 0.4 * np.sin(5.3 * x + b) + 0.15 * np.sin(13 * x + c))
        )
        color = np.where((y > ridge)[..., None], paint, color)
    return _canvas("landscape", color, rng)


def sea(rng: Rng) -> Material:
    """A picture: boats on a sea at noon, in broad strokes."""
    h, w = 112, 160
    y, x = np.meshgrid(np.linspace(0, 1, h), np.linspace(0, w / h, w), indexing="ij")
    strokes = streaks(256, 256, 7, 1.1, rng)[:h, :w]
    above, beach = (y < 0.45)[..., None], (y > 0.80 + 0.06 * np.sin(2.2 * x + 1))[..., None]
    color = np.where(above, np.array([0.44, 0.60, 0.70]), (0.05, 0.26, 0.36)) * np.exp(
        np.where(above, 0.08, 0.22) * strokes[..., None]
    )
    color = np.where(beach, np.array([0.66, 0.54, 0.34]) * np.exp(0.08 * strokes)[..., None], color)
    white, red = (0.74, 0.70, 0.62), (0.66, 0.20, 0.08)
    for cx, cy, size, sail in ((0.42, 0.56, 0.30, white), (0.98, 0.50, 0.17, red), (1.20, 0.475, 0.10, white)):
        dx, dy = (x - cx) / size, (y - cy) / size
        color = np.where(((dy < 0) & (dy > -1) & (abs(dx + 0.05) < 0.36 * (1 + dy)))[..., None], sail, color)
        color = np.where(((dy > 0.02) & (dy < 0.14) & (abs(dx) < 0.5 - dy))[..., None], (0.10, 0.05, 0.04), color)
    return _canvas("sea", color, rng)


def fields(rng: Rng) -> Material:
    """A picture: two fields of colour on a third, with soft edges."""
    h, w = 144, 112
    y, x = np.meshgrid(np.linspace(0, 1, h), np.linspace(0, 1, w), indexing="ij")
    color = np.ones((h, w, 1)) * np.array([0.34, 0.05, 0.03])
    for low, high, paint in ((0.08, 0.52, (0.72, 0.30, 0.04)), (0.57, 0.92, (0.06, 0.10, 0.30))):
        wobble = 0.012 * mottle(256, 1.4, rng)[:h, :w]
        inside = np.minimum(np.minimum(y - low, high - y), np.minimum(x - 0.1, 0.9 - x)) + wobble
        color += (np.array(paint) - color) * np.clip(inside / 0.03, 0, 1)[..., None]
    return _canvas("fields", color, rng)


def circles(rng: Rng) -> Material:
    """A picture: discs and bars, flat paint on cream."""
    h, w = 144, 112
    y, x = np.meshgrid(np.linspace(0, 1.28, h), np.linspace(0, 1, w), indexing="ij")
    color = np.ones((h, w, 1)) * np.array([0.66, 0.60, 0.48])
    for cx, cy, r, paint in (
        (0.42, 0.48, 0.28, (0.05, 0.24, 0.26)),
        (0.62, 0.78, 0.20, (0.66, 0.16, 0.04)),
        (0.36, 0.92, 0.10, (0.05, 0.05, 0.06)),
    ):
        color = np.where((np.hypot(x - cx, y - cy) < r)[..., None], paint, color)
    color = np.where((abs(0.9 * x - 0.5 * y + 0.03) < 0.012)[..., None], (0.05, 0.05, 0.06), color)
    color = np.where(((abs(y - 0.48) < 0.02) & (x > 0.2) & (x < 0.9))[..., None], (0.70, 0.42, 0.06), color)
    return _canvas("circles", color, rng)


def _canvas(name: str, color: Array, rng: Rng) -> Material:
    tone = np.exp(0.04 * mottle(256, 0.4, rng)[: color.shape[0], : color.shape[1]])
    return Material((1, 1, 1), albedo_image=Image(srgb8(np.clip(color * tone[..., None], 0.02, 0.8))), name=name)
