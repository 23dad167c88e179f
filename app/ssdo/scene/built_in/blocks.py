"""A pale sculpture over a sea of coloured boxes that rise and fall: the demonstration that came with the SSDO paper, in
spirit.
"""

from __future__ import annotations

import numpy as np

from ssdo.scene.model import Image, Material, Mesh, Scene, Sunlight
from ssdo.scene.modelling.assembly import Points, moved, painted
from ssdo.scene.modelling.shapes import slabs, tube
from ssdo.scene.modelling.textures import SHADES, shade, srgb8

PITCH, GAP = 0.6, 0.014  # metres from box to box, and between them
PAINTS = 11  # how many colours there are, each in several shades
WHITE = Material((0.78, 0.76, 0.72), name="plaster")


def knot(
    center: tuple[float, float, float],
    size: float,
    thickness: float,
    material: Material,
    steps: int = 240,
    sides: int = 24,
) -> Mesh:
    """A trefoil knot, upright and facing +z, about `size` metres in radius; the tube swells where it turns outwards."""
    t = np.linspace(0, 2 * np.pi, steps + 1)
    r = 2 + np.cos(3 * t)
    path = np.stack([np.sin(2 * t) * r, np.cos(2 * t) * r, np.sin(3 * t) * 1.1], -1) * (size / 3)
    path[-1] = path[0]
    return moved(tube(path, thickness * (1 + 0.12 * np.cos(3 * t)), material, sides), center)


def colours() -> Material:
    """`SHADES` paints in one image: saturated ones, and among them some white, on which the others show."""
    paints = [
        (0.62, 0.03, 0.03),
        (0.72, 0.17, 0.02),
        (0.72, 0.40, 0.03),
        (0.70, 0.66, 0.60),
        (0.06, 0.34, 0.06),
        (0.03, 0.34, 0.36),
        (0.70, 0.66, 0.60),
    ]
    paints += [(0.03, 0.09, 0.50), (0.22, 0.05, 0.42), (0.58, 0.04, 0.26), (0.70, 0.66, 0.60)]
    light = np.random.default_rng(3).uniform(0.85, 1.05, (SHADES, 1))
    return Material(
        (1, 1, 1), albedo_image=Image(srgb8((np.resize(np.array(paints), (SHADES, 3)) * light)[None])), name="colours"
    )


def heights(x: Points, z: Points, time: float) -> Points:
    """How high the boxes stand, metres: two rings of waves and a swell, all of periods that a minute holds."""
    near = np.hypot(x, z)
    tau = 2 * np.pi * time
    waves = (
        np.sin(2.1 * near - tau / 6)
        + 0.8 * np.sin(1.7 * x + 1.1 * z + tau / 10)
        + 0.6 * np.sin(2.3 * z - 1.9 * x + tau / 15)
    )
    return np.asarray(0.75 + 0.21 * waves)


def blocks(count: int = 15, time: float = 0.0) -> Scene:
    """`count` x `count` boxes whose heights move with time (seconds), a knot above them, sky and a low sun."""
    line = (np.arange(count) - (count - 1) / 2) * PITCH
    x, z = (m.ravel() for m in np.meshgrid(line, line))
    rng = np.random.default_rng(7)
    jitter = rng.uniform(-0.12, 0.12, count * count)  # the same for every time
    half = (PITCH - GAP) / 2
    top = heights(x, z, time) + jitter
    # steps that are never 0: neighbours in a row differ
    paint = np.cumsum(rng.integers(1, PAINTS, (count, count)), 1) % PAINTS
    entry = paint.ravel() + PAINTS * rng.integers(0, SHADES // PAINTS, count * count)
    field = slabs(
        np.stack([x - half, np.zeros_like(x), z - half], -1), np.stack([x + half, top, z + half], -1), 0.012, colours()
    )
    lift = 2.22 + 0.10 * np.sin(2 * np.pi * time / 12)
    sculpture = knot((0.0, lift, 0.0), 0.76, 0.185, WHITE)
    return Scene(
        (painted(field, shade(entry)), sculpture),
        eye=(1.2, 6.0, 4.6),
        target=(0.0, 1.55, -0.1),
        fov=28.0,
        sun=Sunlight(azimuth=250.0, elevation=36.0, irradiance=4.8, color=(1.0, 0.93, 0.82)),
        environment="sky",
        name="blocks",
    )
