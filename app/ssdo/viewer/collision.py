"""Keeps the orbiting camera in the room that it is in."""

from __future__ import annotations

import numpy as np

from ssdo.arrays import Bools, Doubles, Floats
from ssdo.scene.model import Scene
from ssdo.settings import Vec3
from ssdo.viewer.controls import Pose

MAX_TRIANGLES = 1_000_000  # a larger scene has no walls: testing them would take more than 50 ms
PARALLEL = 1e-12  # relative: of a determinant, below which a segment and a triangle are parallel


class CameraCollision:
    """Tests segments against the triangles of the last scene."""

    def __init__(self) -> None:
        self._scene: Scene | None = None
        self._corners: Floats = np.zeros((0, 3, 3), "f4")
        self._low = self._high = self._corners[:, 0].T  # (3, n) of each triangle

    def is_blocked(self, scene: Scene, old: Pose, new: Pose) -> bool:
        """Whether the eye passes through a surface that then lies between it and the target."""
        if new.height or not self._count_hits(scene, old.eye, new.eye):
            return False
        return self._count_hits(scene, new.target, new.eye) > self._count_hits(scene, old.target, old.eye)

    def _count_hits(self, scene: Scene, start: Vec3, end: Vec3) -> int:
        if self._scene is not scene:
            self._scene, self._corners = scene, _collect_corners(scene)
            self._low, self._high = (np.ascontiguousarray(f(1).T) for f in (self._corners.min, self._corners.max))
        is_near: Bools = np.ones(len(self._corners), bool)
        for axis in range(3):
            is_near &= (self._low[axis] <= max(start[axis], end[axis])) & (
                self._high[axis] >= min(start[axis], end[axis])
            )
        return _count_crossings(self._corners[is_near].astype("f8"), np.array(start), np.array(end))


def _collect_corners(scene: Scene) -> Floats:
    """(n, 3, 3) corners of all triangles but those of an added ground; none of a scene that is too large."""
    meshes = scene.meshes[:-1] if scene.ground else scene.meshes
    if sum(len(mesh.triangles) for mesh in meshes) > MAX_TRIANGLES:
        return np.zeros((0, 3, 3), "f4")
    return np.concatenate([np.zeros((0, 3, 3), "f4"), *(mesh.positions[mesh.triangles] for mesh in meshes)])


def _count_crossings(corners: Doubles, start: Doubles, end: Doubles) -> int:
    """How many triangles (n, 3, 3) a segment crosses. Moeller, Trumbore, Fast Ray-Triangle Intersection, 1997."""
    direction = end - start
    edge_1, edge_2, offset = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], start - corners[:, 0]
    p, q = np.cross(direction, edge_2), np.cross(offset, edge_1)
    determinant = (edge_1 * p).sum(1)
    scale = np.linalg.norm(edge_1, axis=1) * np.linalg.norm(p, axis=1)
    crosses = np.abs(determinant) > PARALLEL * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v, t = (offset * p).sum(1) / determinant, (q @ direction) / determinant, (edge_2 * q).sum(1) / determinant
    return int((crosses & (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < 1)).sum())
