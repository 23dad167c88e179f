"""Where walls stop a camera: keeps one that orbits in its room, and tells a room from an object in the open."""

from __future__ import annotations

import numpy as np

from ssdo.arrays import Bools, Doubles, Floats
from ssdo.render.frame_uniforms import CameraPose
from ssdo.scene.model import Scene
from ssdo.settings import Vec3

MAX_TRIANGLES = 1_000_000  # a larger scene has no walls: testing them would take more than 50 ms
PARALLEL_TOLERANCE = 1e-12  # relative: of a determinant, below which a segment and a triangle are parallel
MIN_SIZE_RATIO = 1e-6  # of the bounds: least width over the largest
FACE_RAYS = 7  # rays along each side of a face of the bounds
WALL_DEPTH = 0.1  # of the bounds' depth: a wall lies within it behind a face of the bounds
MIN_WALL_COVER, MAX_OPENING_COVER = 0.8, 0.4  # fractions of a face that a wall covers, and that an opening has left


class CameraCollision:
    """Tests segments against the triangles of the last scene."""

    def __init__(self) -> None:
        self._scene: Scene | None = None
        self._corners: Floats = np.zeros((0, 3, 3), "f4")
        self._low = self._high = self._corners[:, 0].T  # (3, n) of each triangle

    def is_blocked(self, scene: Scene, old: CameraPose, new: CameraPose) -> bool:
        """Whether the eye passes through a surface that then lies between it and the target."""
        if new.height or not self._count_hits(scene, old.eye, new.eye):
            return False
        return self._count_hits(scene, new.target, new.eye) > self._count_hits(scene, old.target, old.eye)

    def is_inside(self, scene: Scene, eye: Vec3) -> bool:
        """Whether a camera stands within the subject's bounds, or before the opening of a box with walls behind."""
        low, high = (np.asarray(corner, "f8") for corner in (scene.subject.low, scene.subject.high))
        if ((low < eye) & (high > eye)).all():
            return True
        size = high - low
        offset = (np.array(eye) - (low + high) / 2) / np.maximum(size, MIN_SIZE_RATIO * size.max())
        axis = 0 if abs(offset[0]) > abs(offset[2]) else 2
        covers = {(a, side): self._cover(scene, a, side) for a in (0, 2) for side in (0, 1)}
        is_open = covers.pop((axis, int(offset[axis] > 0))) < MAX_OPENING_COVER
        return is_open and max(covers.values()) > MIN_WALL_COVER

    def _cover(self, scene: Scene, axis: int, side: int) -> float:
        """Fraction of a vertical face of the subject's bounds that a wall close behind it covers."""
        self._collect(scene)
        bounds = np.array([scene.subject.low, scene.subject.high], "f8")
        starts = np.empty((FACE_RAYS, FACE_RAYS, 3))
        fractions = (np.arange(FACE_RAYS) + 0.5) / FACE_RAYS
        for other, values in zip(({0, 1, 2} - {axis}), np.meshgrid(fractions, fractions), strict=True):
            starts[..., other] = bounds[0, other] + (bounds[1, other] - bounds[0, other]) * values
        depth = (bounds[1 - side, axis] - bounds[side, axis]) * WALL_DEPTH
        starts[..., axis] = bounds[side, axis] - 0.1 * depth
        step = np.zeros(3)
        step[axis] = 1.1 * depth
        rays = starts.reshape(-1, 3)
        near = self._near(rays.min(0), rays.max(0) + step)
        return float(np.mean([_count_crossings(near, start, start + step) > 0 for start in rays]))

    def _count_hits(self, scene: Scene, start: Vec3, end: Vec3) -> int:
        self._collect(scene)
        return _count_crossings(self._near(np.array(start), np.array(end)), np.array(start), np.array(end))

    def _collect(self, scene: Scene) -> None:
        if self._scene is not scene:
            self._scene, self._corners = scene, _collect_corners(scene)
            self._low, self._high = (np.ascontiguousarray(f(1).T) for f in (self._corners.min, self._corners.max))

    def _near(self, start: Doubles, end: Doubles) -> Doubles:
        """Corners (n, 3, 3) of the triangles that overlap the box between two of its corners."""
        is_near: Bools = np.ones(len(self._corners), bool)
        for axis in range(3):
            is_near &= (self._low[axis] <= max(start[axis], end[axis])) & (
                self._high[axis] >= min(start[axis], end[axis])
            )
        return self._corners[is_near].astype("f8")


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
    crosses = np.abs(determinant) > PARALLEL_TOLERANCE * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v, t = (offset * p).sum(1) / determinant, (q @ direction) / determinant, (edge_2 * q).sum(1) / determinant
        return int((crosses & (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < 1)).sum())
