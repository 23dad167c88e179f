"""Antialiasing: frames are drawn with sub-pixel offsets of the projection, and their linear radiance is averaged.

The mean is taken before tone mapping, as a camera's pixel does. Everything else of a frame, from the G-buffer to the
lighting, is that of its own offset: only radiance is averaged.
"""

from __future__ import annotations

import math
from functools import lru_cache

from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Texture
from ssdo.render.composite import AccumulationWeight
from ssdo.render.technique import LIGHTING_FORMAT

MAX_ANTIALIAS = 64  # frames
PICTURE_FRAMES = 8  # of pictures to look at, unless the user says otherwise
MEAN_TARGET = "antialiased"  # first part of the names of the targets that hold the mean

Offset = tuple[float, float]  # pixels to the right and upwards


@lru_cache(MAX_ANTIALIAS)
def subpixel_offsets(count: int) -> tuple[Offset, ...]:
    """The offsets of `count` frames, each within half a pixel of the pixel's centre. Their mean is (0, 0).

    They are a rank-1 lattice (Korobov 1959): each of `count` columns of the pixel holds one, and each row. The first is
    (0, 0), so that the first frame is that of a single frame; of two frames neither is, as both would have to be.
    """
    coordinates = _lattice_coordinates(count)
    generator = _best_generator(count)
    # Consecutive frames are far apart, so that the mean of the first few is of the whole pixel too.
    stride = _nearest_coprime(count, count * (5**0.5 - 1) / 2)
    columns = [frame * stride % count for frame in range(count)]
    return tuple((coordinates[column], coordinates[generator * column % count]) for column in columns)


def _lattice_coordinates(count: int) -> list[float]:
    """`count` coordinates, one in each of as many intervals of a pixel; number 0 is 0, and their mean is 0."""
    if count == 2:
        return [-0.25, 0.25]
    steps = [number if 2 * number < count else number - count for number in range(count)]
    # An even number of intervals has none in the middle. The others make up for the coordinate that is there.
    shift = count / (2 * (count - 1)) if count % 2 == 0 else 0.0
    return [(step + shift) / count if step else 0.0 for step in steps]


def _best_generator(count: int) -> int:
    """The generator of the lattice whose nearest points are farthest apart."""
    return max(_coprimes(count), key=lambda generator: (_min_distance(count, generator), -generator))


def _min_distance(count: int, generator: int) -> int:
    """Squared distance of the nearest points of a lattice that repeats in every pixel, in 1 / count^2 pixels."""
    return min(
        (min(k, count - k) ** 2 + min(generator * k % count, -generator * k % count) ** 2 for k in range(1, count)),
        default=0,
    )


def _nearest_coprime(count: int, value: float) -> int:
    return min(_coprimes(count), key=lambda number: abs(number - value))


def _coprimes(count: int) -> list[int]:
    return [number for number in range(1, count + 1) if math.gcd(number, count) == 1]


def average_radiance(gpu: Gpu, radiance: Texture, index: int) -> Texture:
    """The mean radiance of frames 0 to `index`, in 32 bit. Index 0 starts anew."""
    target, previous = (gpu.target(f"{MEAN_TARGET}.{(index + k) % 2}", radiance.size, LIGHTING_FORMAT) for k in (0, 1))
    if index == 0:
        gpu.clear(previous)
    (mean,) = gpu.draw(
        "passes/accumulate.frag:radiance",
        target,
        accumulation_weight=AccumulationWeight(1 / (index + 1)),
        mean=previous.textures[0],
        newest=radiance,
    )
    return mean
