"""Coordinates of a scene's file against those of the world, which is y up and near its origin.

Geometry is stored in 32-bit floats. Maps and globes place it millions of metres from their origin, where such numbers
are decimetres apart. Readers therefore shift it in double precision. Cameras are typed and stored in the file's
coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssdo.arrays import Array, Doubles, to_vec3
from ssdo.settings import Vec3

UP_AXES = ("y", "z")
MAX_SAMPLES = 1 << 16  # points of a mesh that decide the origin
MAX_EXTENT_RATIO = 100.0  # of the distance from the file's origin to the extent of the points
MAX_SPREAD_RATIO = 1000.0  # the same to the extent without a tenth of the points at each end
Z_UP_ROTATION = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))  # world from file


@dataclass(frozen=True)
class FileCoordinates:
    """How a file's coordinates become those of the world: `origin` is subtracted, then `up` is rotated to y."""

    origin: Vec3 = (0.0, 0.0, 0.0)  # of the world, in the file's coordinates
    is_z_up: bool = False  # else y is up

    @property
    def up(self) -> str:
        """One of UP_AXES: the file's axis that points up."""
        return "z" if self.is_z_up else "y"

    @property
    def world_from_file(self) -> Doubles:
        """The affine matrix, (4, 4), for column vectors."""
        matrix = np.eye(4)
        matrix[:3, :3] = self._rotation
        matrix[:3, 3] = -self._rotation @ self.origin
        return matrix

    @property
    def _rotation(self) -> Doubles:
        return np.array(Z_UP_ROTATION) if self.is_z_up else np.eye(3)

    def to_world(self, points: Doubles) -> Doubles:
        """Positions (..., 3), exact for points near the origin."""
        return self.rotate_to_world(points - np.array(self.origin))

    def rotate_to_world(self, directions: Doubles) -> Doubles:
        """Directions (..., 3)."""
        if not self.is_z_up:
            return directions
        return np.stack([directions[..., 0], directions[..., 2], -directions[..., 1]], -1)

    def to_file(self, points: Doubles) -> Doubles:
        """Positions (..., 3): the inverse of `to_world`."""
        if self.is_z_up:
            points = np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)
        file_points: Doubles = points + np.array(self.origin)
        return file_points

    def point_to_world(self, point: Vec3) -> Vec3:
        return to_vec3(self.to_world(np.array(point, "f8")))

    def point_to_file(self, point: Vec3) -> Vec3:
        return to_vec3(self.to_file(np.array(point, "f8")))


def find_origin(points: Doubles, weights: Doubles | None = None) -> Vec3:
    """An origin near points (n, 3): zero, unless their coordinates are large against their extent.

    It is a multiple of a power of two, so that it is exact and short. A tenth of the points, by `weights` (n,), may lie
    anywhere. Points that are not finite do not count.
    """
    is_finite = np.isfinite(points).all(1)
    points = points[is_finite]
    if not len(points):
        return 0.0, 0.0, 0.0
    weights = np.ones(len(points)) if weights is None else weights[is_finite]
    low, middle, high = np.stack([_find_percentiles(points[:, axis], weights) for axis in range(3)], 1)
    distance = float(abs(middle).max())
    extent = float((points.max(0) - points.min(0)).max())
    spread = float((high - low).max()) or extent
    if not distance > min(MAX_EXTENT_RATIO * extent, MAX_SPREAD_RATIO * spread) or not spread:
        return 0.0, 0.0, 0.0
    step = 2.0 ** np.ceil(np.log2(spread))
    return to_vec3(np.round(middle / step) * step)


def find_up(forward: Doubles) -> Doubles:
    """What is up in the picture of a camera without roll, (3,): y. Looking straight down it is north; up, south."""
    is_vertical = abs(forward[1]) > 1 - 1e-9
    return np.array((0.0, 0.0, forward[1]) if is_vertical else (0.0, 1.0, 0.0))


def compute_roll(forward: Doubles, up: Doubles) -> float:
    """The roll of a camera whose own axes are these unit vectors (3,), in degrees, counter-clockwise from behind."""
    right = np.cross(forward, find_up(forward))
    level_up = np.cross(right, forward)
    roll = float(np.degrees(np.arctan2(-up @ right, up @ level_up)))
    return roll if abs(roll) > 1e-6 else 0.0


def sample_rows(values: Array, max_count: int = MAX_SAMPLES) -> Array:
    """At most so many rows of an array, evenly spread."""
    return values[:: len(values) // max_count + 1]


def _find_percentiles(values: Doubles, weights: Doubles) -> Doubles:
    """(3,) the values at 10, 50 and 90 percent of the weights."""
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    rows = np.searchsorted(sums, np.array((0.1, 0.5, 0.9)) * sums[-1])
    percentiles: Doubles = values[order[np.minimum(rows, len(values) - 1)]]
    return percentiles


IDENTITY = FileCoordinates()
