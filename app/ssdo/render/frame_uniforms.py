"""What every shader may know of one frame: the camera, the light's direction, the size, the count. All camera
mathematics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt
from pyrr import matrix44

from ssdo.scene.model import Scene
from ssdo.settings import Vec3

Matrix = tuple[float, ...]  # 16 numbers, column by column, as GLSL takes them
Doubles = npt.NDArray[np.float64]

# How far the pattern moves from frame to frame: a tile of pixels divides stratum and azimuth by 16, so 16 times the
# first two are Roberts' R2 (2018); with R3 itself the mean of 8 frames erred more than that of 3. The third is R3's
# last.
ADVANCE = ((9 + 0.7548776662466927) / 16, (6 + 0.5698402909980532) / 16, 0.5497004779019703)


@dataclass(frozen=True)
class FrameUniforms:
    """Passed to shaders as `frame`. Spaces: world (metres, y up), view (camera at 0, looking along -z), clip."""

    clip_from_world: Matrix
    view_from_world: Matrix
    world_from_view: Matrix
    eye: Vec3  # world
    size: tuple[float, float]  # pixels
    tangent: tuple[float, float]  # half the image's extent at distance 1: x, y
    shift: tuple[float, float]  # where its middle is at distance 1: x, y; 0 unless some of its pixels were chosen
    jitter: Vec3  # turns the sampling pattern from frame to frame; 0 in the first
    index: int  # counts frames; seeds are 65536 apart, wrapped to 32 bits
    sun_direction: Vec3  # world, unit, towards the sun
    sun_irradiance: Vec3  # on a surface that faces the sun
    sun_tangent: float  # of the sun's angular radius
    sky_rotation: float  # of the environment about y, in turns
    sky_intensity: float

    @property
    def still(self) -> Self:
        """For passes that neither sample nor look at the sky: the same in every frame of a shot, so that what they drew
        can be kept.
        """
        return replace(self, jitter=(0.0, 0.0, 0.0), index=0, sky_rotation=0.0, sky_intensity=0.0)


def direction(azimuth: float, elevation: float) -> Vec3:
    """Unit vector; degrees: azimuth from north (-z) towards east (+x), elevation above the horizon."""
    a, e = math.radians(azimuth), math.radians(elevation)
    return math.sin(a) * math.cos(e), math.sin(e), -math.cos(a) * math.cos(e)


def jitter(index: int, seed: int) -> Vec3:
    """The pattern's shift in frame `index`: evenly spread over frames, different for every seed, 0 for 0 and 0."""
    count = index + 65536 * seed
    return (count * ADVANCE[0]) % 1.0, (count * ADVANCE[1]) % 1.0, (count * ADVANCE[2]) % 1.0


def box_corners(low: npt.ArrayLike, high: npt.ArrayLike) -> Doubles:
    """(8, 3) corners of a box between its lowest and its highest."""
    ends = np.array([low, high], "f8")
    return np.stack([ends[[i >> axis & 1 for i in range(8)], axis] for axis in range(3)], -1)


def planes(scene: Scene, eye: Doubles, forward: Doubles) -> tuple[float, float]:
    """Distances along the view axis that hold the whole scene: near, far. A far/near ratio of 1000 keeps 32-bit depth
    sharp.
    """
    along = (box_corners(*scene.bounds) - eye) @ forward
    far = max(float(along.max()) * 1.01, scene.size * 1e-3)
    return max(float(along.min()) * 0.99, far * 1e-3), far + scene.size * 1e-3


def look_at(eye: Vec3, target: Vec3) -> Doubles:
    """World to view, for row vectors. `eye` = `target` looks north; straight up or down leans a hair, since up is y."""
    e, t = np.array(eye, "f8"), np.array(target, "f8")
    forward = t - e
    length = float(np.linalg.norm(forward))
    forward = forward / length if length > 0 else np.array((0.0, 0.0, -1.0))
    if abs(forward[1]) > 1 - 1e-9:
        forward = np.array((0.0, forward[1], -1e-4))
        forward /= np.linalg.norm(forward)
    view: Doubles = matrix44.create_look_at(e, e + forward, np.array((0.0, 1.0, 0.0)))
    return view


def flat(m: Doubles) -> Matrix:
    """pyrr's row-vector matrices, read row by row, are GLSL's, read column by column."""
    return tuple(float(x) for x in m.ravel())


@lru_cache(2)  # of the two halves of a window: a fifth of a frame's work outside OpenGL, while nothing moves
def _camera(scene: Scene, eye: Vec3, target: Vec3, fov: float, aspect: float) -> tuple[Matrix, Matrix, Matrix]:
    """clip from world, view from world, world from view."""
    view = look_at(eye, target)
    near, far = planes(scene, np.array(eye, "f8"), -view[:3, 2])
    projection = matrix44.create_perspective_projection(fov, aspect, near, far, dtype="f8")
    return flat(matrix44.multiply(view, projection)), flat(view), flat(matrix44.inverse(view))


def frame(
    scene: Scene,
    eye: Vec3,
    target: Vec3,
    fov: float,
    size: tuple[int, int],
    *,
    jitter: Vec3 = (0.0, 0.0, 0.0),
    index: int = 0,
    sun_direction: Vec3 = (0.0, 1.0, 0.0),
    sun_irradiance: Vec3 = (0.0, 0.0, 0.0),
    sun_size: float = 0.0,
    sky_rotation: float = 0.0,
    sky_intensity: float = 1.0,
) -> FrameUniforms:
    """A camera at `eye` looking at `target`; `fov` is vertical; angles in degrees."""
    clip_from_world, view_from_world, world_from_view = _camera(scene, eye, target, fov, size[0] / size[1])
    tangent = math.tan(math.radians(fov) / 2)
    return FrameUniforms(
        clip_from_world=clip_from_world,
        view_from_world=view_from_world,
        world_from_view=world_from_view,
        eye=eye,
        size=(float(size[0]), float(size[1])),
        tangent=(tangent * size[0] / size[1], tangent),
        shift=(0.0, 0.0),
        jitter=jitter,
        index=(index + (1 << 31)) % (1 << 32) - (1 << 31),
        sun_direction=sun_direction,
        sun_irradiance=sun_irradiance,
        sun_tangent=math.tan(math.radians(sun_size) / 2),
        sky_rotation=sky_rotation / 360.0,
        sky_intensity=sky_intensity,
    )


def every_second(frame: FrameUniforms) -> FrameUniforms:
    """The frame of every second pixel of a row and of a column, the lower left first: each has the centre of the pixel
    that it is, so that what is known there is exact. Their picture begins half a pixel to the left of the whole one and
    below it: a shifted lens.
    """
    size = tuple((int(n) + 1) // 2 for n in frame.size)
    grown = [2 * half / n for half, n in zip(size, frame.size, strict=True)]  # 1 where the size is even
    # of the picture, in halves of the whole one
    middle = [g - 1 - 1 / n for g, n in zip(grown, frame.size, strict=True)]
    clip = np.array(frame.clip_from_world).reshape(4, 4)
    for axis in (0, 1):
        clip[:, axis] = (clip[:, axis] - middle[axis] * clip[:, 3]) / grown[axis]
    return replace(
        frame,
        clip_from_world=flat(clip),
        size=(float(size[0]), float(size[1])),
        tangent=(frame.tangent[0] * grown[0], frame.tangent[1] * grown[1]),
        shift=(frame.tangent[0] * middle[0], frame.tangent[1] * middle[1]),
    )


def widened(frame: FrameUniforms, band: int) -> FrameUniforms:
    """The frame with so many more pixels on each side; the others have the centres that they had."""
    grown = [1 + 2 * band / n for n in frame.size]
    clip = np.array(frame.clip_from_world).reshape(4, 4)
    clip[:, :2] /= grown
    return replace(
        frame,
        clip_from_world=flat(clip),
        size=(frame.size[0] + 2 * band, frame.size[1] + 2 * band),
        tangent=(frame.tangent[0] * grown[0], frame.tangent[1] * grown[1]),
    )


def from_view(frame: FrameUniforms, other: FrameUniforms) -> Matrix:
    """From one frame's view space to another's. In double precision, so that a camera that stands still is where it was
    to the last digits.
    """
    if frame.view_from_world == other.view_from_world:
        return flat(np.eye(4))
    return flat(np.array(frame.world_from_view).reshape(4, 4) @ np.array(other.view_from_world).reshape(4, 4))


def positions(frame: FrameUniforms, depth: npt.NDArray[np.float32]) -> Doubles:
    """(h, w, 3) world positions, metres, of what is seen at `depth` (h, w), metres along the view axis, row 0 on top;
    NaN where it is infinite.
    """
    h, w = depth.shape
    x, y = np.meshgrid((np.arange(w) + 0.5) / w * 2 - 1, 1 - (np.arange(h) + 0.5) / h * 2)
    at_one = np.stack(
        [x * frame.tangent[0] + frame.shift[0], y * frame.tangent[1] + frame.shift[1], -np.ones_like(x)], -1
    )
    along = at_one @ np.array(frame.world_from_view).reshape(4, 4)[:3, :3]
    found: Doubles = np.array(frame.eye) + along * np.where(np.isfinite(depth), depth, np.nan)[..., None]
    return found


def outside(scene: Scene, fov: float, aspect: float) -> tuple[Vec3, Vec3]:
    """Eye and target from which all of a scene is seen, from the front, to the right and above."""
    low, high = (corner.astype("f8") for corner in scene.bounds)
    center = (low + high) / 2
    half = math.radians(fov) / 2
    narrow = min(half, math.atan(math.tan(half) * aspect))
    back = np.array((0.45, 0.35, 0.82))
    eye = center + back / np.linalg.norm(back) * scene.size / math.sin(narrow) * 1.02
    return (float(eye[0]), float(eye[1]), float(eye[2])), (float(center[0]), float(center[1]), float(center[2]))
