"""The camera and everything else that each shader may know of a frame; all camera mathematics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pyrr import matrix44

from ssdo.arrays import Doubles, Floats, to_vec3
from ssdo.scene.coordinates import find_up
from ssdo.scene.model import Scene
from ssdo.settings import Vec3, param

Matrix = tuple[float, ...]  # 16 numbers, column by column, as GLSL takes them

# Offset of the sampling pattern from frame to frame. The first two are Roberts' R2 (2018) times 16 and modulo 1, as the
# 4 x 4 tile of pixels divides stratum and azimuth by 16; the third is the last of R3.
PATTERN_OFFSET_STEP = ((9 + 0.7548776662466927) / 16, (6 + 0.5698402909980532) / 16, 0.5497004779019703)
# Offset from seed to seed. Errors of consecutive seeds must not correlate: a converged result is a pair of them, by
# which its noise is known and removed.
SEED_OFFSET_STEP = (5**0.5 - 2, 0.6931471805599453, 3**0.5 - 1)

MIN_NEAR_FAR_RATIO = 1e-3  # of the near to the far plane
MIN_CLOSE_UP_NEAR_FAR_RATIO = 1e-7  # the same for a camera close to its target
MAX_SURPLUS_RATIO = 4.0  # of the distance of an orthographic camera to the scene, to the width of the scene
MIN_GAP_RATIO = 0.1  # of the distance to the subject that counts at least, to the subject's bounding radius
MAX_NEAR_RATIO = 0.05  # of the near plane to the distance of what the camera stands near


@dataclass(frozen=True)
class FrameUniforms:
    """Passed to shaders as `frame`. Spaces: world (metres, y up), view (camera at 0, looking along -z), clip."""

    clip_from_world: Matrix
    view_from_world: Matrix
    world_from_view: Matrix
    eye_ws: Vec3  # of an orthographic camera far away, a point nearer to the scene
    size: tuple[float, float]  # pixels
    tan_half_fov: tuple[float, float]  # half the extent of the image plane at distance 1 (orthographic: anywhere): x, y
    # centre of that image plane: x, y; not 0 at half resolution and in jittered frames
    projection_offset: tuple[float, float]
    pattern_offset: Vec3  # offset of the sampling pattern; 0 in frame 0 of seed 0
    index: int  # number of the frame; seeds are 65536 apart, wrapped to 32 bits
    sun_direction_ws: Vec3  # unit, towards the sun
    sun_irradiance: Vec3  # of a surface that faces the sun
    tan_sun_radius: float  # tangent of the sun's angular radius
    sky_rotation: float  # of the environment about y, in turns
    sky_intensity: float
    orthographic: bool = param(False, compile_time=True)

    @property
    def for_cached_passes(self) -> Self:
        """The same in every frame of a shot, so that passes which neither sample nor read the sky can be cached."""
        return replace(self, pattern_offset=(0.0, 0.0, 0.0), index=0, sky_rotation=0.0, sky_intensity=0.0)


def direction_from_angles(azimuth: float, elevation: float) -> Vec3:
    """Unit vector from degrees: azimuth from north (-z) towards east (+x), elevation above the horizon."""
    a, e = math.radians(azimuth), math.radians(elevation)
    return math.sin(a) * math.cos(e), math.sin(e), -math.cos(a) * math.cos(e)


def compute_pattern_offset(index: int, seed: int) -> Vec3:
    """Offset of the sampling pattern in frame `index`, 0 to 1: evenly distributed over frames, different per seed."""
    x, y, z = (
        (index * frame_step + seed * seed_step) % 1.0
        for frame_step, seed_step in zip(PATTERN_OFFSET_STEP, SEED_OFFSET_STEP, strict=True)
    )
    return x, y, z


def box_corners(minimum: npt.ArrayLike, maximum: npt.ArrayLike) -> Doubles:
    """Corners of an axis-aligned box, (8, 3)."""
    bounds = np.array([minimum, maximum], "f8")
    return np.stack([bounds[[i >> axis & 1 for i in range(8)], axis] for axis in range(3)], -1)


class CameraPose(NamedTuple):
    """A camera in the world. It looks from `eye` towards `target`; angles are in degrees, lengths in metres."""

    eye: Vec3
    target: Vec3
    fov: float = 50.0  # vertical
    roll: float = 0.0  # about the view axis, counter-clockwise seen from behind the camera
    height: float | None = None  # orthographic: of the picture. None: perspective


def near_far(scene: Scene, eye: Doubles, target: Doubles, forward: Doubles) -> tuple[float, float]:
    """Distances of the near and the far plane along the view axis, so that they enclose the scene.

    Where the camera stands within the bounds, their ratio is limited, so that 32-bit depth stays precise. The near
    plane still keeps a distance from the target and from the subject.
    """
    distance = (box_corners(*scene.bounds) - eye) @ forward
    far = max(float(distance.max()) * 1.01, scene.bounding_radius * 1e-3)
    low, high, *_ = scene.subject
    target_gap = float(np.linalg.norm(target - eye))
    # A camera at the edge of the subject's bounds is as good as inside.
    subject_gap = float(np.linalg.norm(np.maximum(np.maximum(low - eye, eye - high), 0)))
    gaps = target_gap, max(subject_gap, MIN_GAP_RATIO * scene.bounding_radius)
    near_limits = [far * MIN_NEAR_FAR_RATIO, *(MAX_NEAR_RATIO * gap for gap in gaps if gap > 0)]
    near = max(float(distance.min()) * 0.99, min(near_limits), far * MIN_CLOSE_UP_NEAR_FAR_RATIO)
    return near, far + scene.bounding_radius * 1e-3


def near_far_orthographic(scene: Scene, eye: Doubles, forward: Doubles) -> tuple[float, float]:
    """Distances of the near and the far plane of an orthographic camera, which sees nothing behind itself."""
    distance = (box_corners(*scene.bounds) - eye) @ forward
    margin = scene.bounding_radius * 1e-2
    near = max(float(distance.min()) - margin, 0.0)
    return near, max(float(distance.max()), near) + margin


def look_at(eye: Vec3, target: Vec3, roll: float = 0.0) -> Doubles:
    """View from world, for row vectors. Up is y, rolled by an angle in degrees.

    With `eye` = `target` the camera looks north. Looking straight down, north is up; straight up, south is.
    """
    e, t = np.array(eye, "f8"), np.array(target, "f8")
    forward = t - e
    length = float(np.linalg.norm(forward))
    forward = forward / length if length > 0 else np.array((0.0, 0.0, -1.0))
    view: Doubles = matrix44.create_look_at(e, e + forward, find_up(forward))
    if roll:
        cosine, sine = math.cos(math.radians(roll)), math.sin(math.radians(roll))
        rotation = np.eye(4)
        rotation[:2, :2] = (cosine, -sine), (sine, cosine)
        view = view @ rotation
    return view


def to_glsl_matrix(matrix: Doubles) -> Matrix:
    """A matrix for row vectors, read row by row, is that of GLSL, read column by column."""
    return tuple(float(x) for x in matrix.ravel())


@lru_cache(2)  # of the viewer's two sides, while their cameras do not move
def _camera_matrices(scene: Scene, camera: CameraPose, aspect: float) -> tuple[Matrix, Matrix, Matrix]:
    """Clip from world, view from world, world from view."""
    view = look_at(camera.eye, camera.target, camera.roll)
    eye, target, forward = np.array(camera.eye, "f8"), np.array(camera.target, "f8"), -view[:3, 2]
    if camera.height is None:
        near, far = near_far(scene, eye, target, forward)
        projection = matrix44.create_perspective_projection(camera.fov, aspect, near, far, dtype="f8")
    else:
        near, far = near_far_orthographic(scene, eye, forward)
        projection = np.diag((2 / (camera.height * aspect), 2 / camera.height, -2 / (far - near), 1.0))
        projection[3, 2] = -(far + near) / (far - near)
    clip_from_world = matrix44.multiply(view, projection)
    return to_glsl_matrix(clip_from_world), to_glsl_matrix(view), to_glsl_matrix(matrix44.inverse(view))


def make_frame(
    scene: Scene,
    camera: CameraPose,
    size: tuple[int, int],
    *,
    pattern_offset: Vec3 = (0.0, 0.0, 0.0),
    index: int = 0,
    sun_direction: Vec3 = (0.0, 1.0, 0.0),
    sun_irradiance: Vec3 = (0.0, 0.0, 0.0),
    sun_angular_diameter: float = 0.0,
    sky_rotation: float = 0.0,
    sky_intensity: float = 1.0,
) -> FrameUniforms:
    """The frame of a camera. Angles are in degrees."""
    aspect = size[0] / size[1]
    camera = _approach_scene(scene, camera)
    clip_from_world, view_from_world, world_from_view = _camera_matrices(scene, camera, aspect)
    tan_half_fov = math.tan(math.radians(camera.fov) / 2) if camera.height is None else camera.height / 2
    return FrameUniforms(
        clip_from_world=clip_from_world,
        view_from_world=view_from_world,
        world_from_view=world_from_view,
        eye_ws=camera.eye,
        size=(float(size[0]), float(size[1])),
        tan_half_fov=(tan_half_fov * size[0] / size[1], tan_half_fov),
        projection_offset=(0.0, 0.0),
        pattern_offset=pattern_offset,
        index=(index + (1 << 31)) % (1 << 32) - (1 << 31),
        sun_direction_ws=sun_direction,
        sun_irradiance=sun_irradiance,
        tan_sun_radius=math.tan(math.radians(sun_angular_diameter) / 2),
        sky_rotation=sky_rotation / 360.0,
        sky_intensity=sky_intensity,
        orthographic=camera.height is not None,
    )


def _approach_scene(scene: Scene, camera: CameraPose) -> CameraPose:
    """An orthographic camera that is not much farther from the scene than this is wide.

    The picture is the same. Depth is more precise: single precision rounds it relative to the distance.
    """
    if camera.height is None:
        return camera
    eye, view = np.array(camera.eye, "f8"), look_at(camera.eye, camera.target, camera.roll)
    forward = -view[:3, 2]
    size = float(np.linalg.norm(np.subtract(*scene.bounds, dtype="f8")))
    surplus = float(((box_corners(*scene.bounds) - eye) @ forward).min()) - size
    if surplus <= MAX_SURPLUS_RATIO * size:
        return camera
    eye = eye + surplus * forward
    return camera._replace(eye=to_vec3(eye), target=to_vec3(eye + size * forward))


def halve_frame(frame: FrameUniforms) -> FrameUniforms:
    """The frame of every second pixel in x and y, beginning at the lower left.

    Each pixel keeps its centre, so that the G-buffer is exact there. The smaller image therefore begins half a pixel
    left of the full one and below it: its projection is off-centre.
    """
    size = tuple((int(n) + 1) // 2 for n in frame.size)
    scale = [2 * half / n for half, n in zip(size, frame.size, strict=True)]  # 1 where the size is even
    # centre of the half image in the full one's normalized device coordinates
    center = [s - 1 - 1 / n for s, n in zip(scale, frame.size, strict=True)]
    clip = np.array(frame.clip_from_world).reshape(4, 4)
    for axis in (0, 1):
        clip[:, axis] = (clip[:, axis] - center[axis] * clip[:, 3]) / scale[axis]
    return replace(
        frame,
        clip_from_world=to_glsl_matrix(clip),
        size=(float(size[0]), float(size[1])),
        tan_half_fov=(frame.tan_half_fov[0] * scale[0], frame.tan_half_fov[1] * scale[1]),
        projection_offset=_shift_center(frame, center),
    )


def jitter_frame(frame: FrameUniforms, offset_px: tuple[float, float]) -> FrameUniforms:
    """The frame whose pixels are sampled so many pixels right of their centres and above them.

    The same object for (0, 0). Call it before `pad_frame` and `halve_frame`, whose frames keep the offset.
    """
    if offset_px == (0.0, 0.0):
        return frame
    # centre of the jittered image in normalized device coordinates
    center = [2 * offset / n for offset, n in zip(offset_px, frame.size, strict=True)]
    clip = np.array(frame.clip_from_world).reshape(4, 4)
    for axis in (0, 1):
        clip[:, axis] -= center[axis] * clip[:, 3]
    return replace(frame, clip_from_world=to_glsl_matrix(clip), projection_offset=_shift_center(frame, center))


def _shift_center(frame: FrameUniforms, center: Sequence[float]) -> tuple[float, float]:
    """The projection offset of an image whose centre lies at `center`, in normalized device coordinates of `frame`."""
    x, y = (
        offset + tangent * shift
        for offset, tangent, shift in zip(frame.projection_offset, frame.tan_half_fov, center, strict=True)
    )
    return x, y


def pad_frame(frame: FrameUniforms, padding: int) -> FrameUniforms:
    """The frame with so many more pixels on each side; the pixels inside keep their centres."""
    if not padding:
        return frame
    scale = [1 + 2 * padding / n for n in frame.size]
    clip = np.array(frame.clip_from_world).reshape(4, 4)
    clip[:, :2] /= scale
    return replace(
        frame,
        clip_from_world=to_glsl_matrix(clip),
        size=(frame.size[0] + 2 * padding, frame.size[1] + 2 * padding),
        tan_half_fov=(frame.tan_half_fov[0] * scale[0], frame.tan_half_fov[1] * scale[1]),
    )


def view_from_view(frame: FrameUniforms, other: FrameUniforms) -> Matrix:
    """Matrix from the view space of `frame` to that of `other`; exactly the identity where the cameras are equal."""
    if frame.view_from_world == other.view_from_world:
        return to_glsl_matrix(np.eye(4))
    world_from_view = np.array(frame.world_from_view).reshape(4, 4)
    return to_glsl_matrix(world_from_view @ np.array(other.view_from_world).reshape(4, 4))


def world_positions(frame: FrameUniforms, depth: Floats) -> Doubles:
    """World positions (h, w, 3), metres, of the surfaces at `depth` (h, w), metres along the view axis.

    Row 0 is on top. NaN where the depth is infinite.
    """
    h, w = depth.shape
    x, y = np.meshgrid((np.arange(w) + 0.5) / w * 2 - 1, 1 - (np.arange(h) + 0.5) / h * 2)
    x_vs = x * frame.tan_half_fov[0] + frame.projection_offset[0]
    y_vs = y * frame.tan_half_fov[1] + frame.projection_offset[1]
    finite_depth = np.where(np.isfinite(depth), depth, np.nan)[..., None]
    plane_vs = np.stack([x_vs, y_vs], -1) * (1.0 if frame.orthographic else finite_depth)
    position_vs = np.concatenate([plane_vs, -finite_depth], -1)
    positions: Doubles = np.array(frame.eye_ws) + position_vs @ np.array(frame.world_from_view).reshape(4, 4)[:3, :3]
    return positions


# Relative to the subject's bounding radius: nothing of it is nearer than the near plane, and an orthographic camera
# stands behind all of a ground.
MIN_FRAMED_DISTANCE, ORTHOGRAPHIC_DISTANCE = 0.05, 20.0
FRAMED_FRACTION = 0.8  # of the image that the subject fills, in height or in width
DEFAULT_VIEW_DIRECTION = (-0.45, -0.35, -0.82)  # from the front, the right and above


@lru_cache(4)  # called for every shot of the viewer
def fit_camera(
    scene: Scene, fov: float, aspect: float, direction: Vec3 = DEFAULT_VIEW_DIRECTION, roll: float = 0.0
) -> tuple[Vec3, Vec3]:
    """Eye and target of a camera that looks along `direction`, so that the subject fills the image.

    Its projection is centred, and spans FRAMED_FRACTION of the height or of the width. The target lies on the view
    axis, beside the centre of the subject. `fov` is vertical, in degrees.
    """
    back_from_world = look_at((0.0, 0.0, 0.0), direction, roll)[:3, :3]
    points: Doubles = _subject_vertices(scene) @ back_from_world
    tan = math.tan(math.radians(fov) / 2)
    # Planes through the eye bound the frame on each side: a point is inside if x - slope * z, with z towards the eye,
    # is at most that of the eye for the upper side, and at least that for the lower one.
    eye = np.zeros(3)
    limits = []
    for axis, tan_axis in ((0, tan * aspect), (1, tan)):
        upper, lower = (sign * tan_axis * FRAMED_FRACTION for sign in (1, -1))
        max_upper = float((points[:, axis] + upper * points[:, 2]).max())
        min_lower = float((points[:, axis] + lower * points[:, 2]).min())
        limits.append((upper, lower, max_upper, min_lower))
    eye[2] = max((top - bottom) / (upper - lower) for upper, lower, top, bottom in limits)
    eye[2] = max(eye[2], float(points[:, 2].max()) + MIN_FRAMED_DISTANCE * scene.bounding_radius)
    for axis, (upper, lower, top, bottom) in enumerate(limits):
        eye[axis] = ((top - upper * eye[2]) + (bottom - lower * eye[2])) / 2
    target = np.array((eye[0], eye[1], float((points[:, 2].min() + points[:, 2].max()) / 2)))
    return to_vec3(back_from_world @ eye), to_vec3(back_from_world @ target)


@lru_cache(4)
def fit_orthographic_camera(
    scene: Scene, aspect: float, direction: Vec3 = DEFAULT_VIEW_DIRECTION, roll: float = 0.0
) -> tuple[Vec3, Vec3, float]:
    """Eye, target and height of the picture, in metres, of an orthographic camera: see `fit_camera`."""
    back_from_world = look_at((0.0, 0.0, 0.0), direction, roll)[:3, :3]
    points: Doubles = _subject_vertices(scene) @ back_from_world
    low, high = points.min(0), points.max(0)
    size, center = high - low, (low + high) / 2
    height = max(size[1], size[0] / aspect, 1e-3 * scene.bounding_radius) / FRAMED_FRACTION
    eye = (center[0], center[1], high[2] + ORTHOGRAPHIC_DISTANCE * scene.bounding_radius)
    return to_vec3(back_from_world @ eye), to_vec3(back_from_world @ center), float(height)


def _subject_vertices(scene: Scene) -> Doubles:
    """(n, 3) positions of the vertices within the subject's bounds."""
    low, high = scene.subject.low - 1e-6 * scene.bounding_radius, scene.subject.high + 1e-6 * scene.bounding_radius
    meshes = scene.meshes[:-1] if scene.ground else scene.meshes
    vertices = [box_corners(low, high)] if not any(mesh.triangles.size for mesh in meshes) else []
    for mesh in meshes:
        is_used = np.zeros(len(mesh.positions), bool)
        is_used[mesh.triangles] = True
        for axis in range(3):
            is_used &= (mesh.positions[:, axis] >= low[axis]) & (mesh.positions[:, axis] <= high[axis])
        vertices.append(mesh.positions[is_used].astype("f8"))
    return np.concatenate(vertices)
