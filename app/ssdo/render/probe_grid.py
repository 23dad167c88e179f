"""What the screen cannot know: how techniques that know about directions are told of what lies beyond it, and where the
probes stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ssdo.scene.model import Scene
from ssdo.settings import Settings, Vec3, param

FLAT = 0.05  # of the other cells' width: how high the cells of a scene without height are


@dataclass(frozen=True)
class ProbeSettings(Settings):
    """What lies along directions that the screen leaves open, for SSDO and the bitmask."""

    group: ClassVar[str] = "probes"

    enabled: bool = param(False, help="look up what the screen does not show in a grid of probes", compile_time=True)
    grid_size: int = param(8, 2, 32, "probes along the scene's longest side; as far apart along the others", log=True)
    octahedral_size: int = param(12, 4, 16, "directions each probe looks, squared: a side of an unfolded octahedron")


@dataclass(frozen=True)
class Grid:
    """Passed to shaders as `grid`: the probes stand in the middle of its cells."""

    origin: Vec3  # metres
    cell: Vec3  # metres
    counts: Vec3  # cells along x, y, z
    directions: float  # a side

    @property
    def size(self) -> tuple[int, int]:
        """Texels of what all probes see: a square for each, those of one height in a row."""
        x, y, z = (int(n) for n in self.counts)
        side = int(self.directions)
        return x * z * side, y * side


def grid(scene: Scene, far: ProbeSettings) -> Grid:
    """Cells that fill the scene's bounds, at least two along each axis, so that there are probes above a floor, and
    between two walls.
    """
    low, high = (corner.astype("f8") for corner in scene.bounds)
    wide = max(float((high - low).max()) / far.grid_size, 1e-6)
    counts = np.maximum(np.ceil((high - low) / wide - 1e-4), 2)
    cell = np.maximum((high - low) / counts, FLAT * wide)
    origin = (low + high - counts * cell) / 2
    x, y, z = ((float(a), float(b), float(c)) for a, b, c in zip(origin, cell, counts, strict=True))
    return Grid((x[0], y[0], z[0]), (x[1], y[1], z[1]), (x[2], y[2], z[2]), float(far.octahedral_size))
