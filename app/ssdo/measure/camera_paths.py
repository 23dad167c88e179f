"""Camera paths of videos: a circle around the subject, a swing in a room, a dolly, and a curve through key poses.

A path maps time, from 0 to 1, to a camera in the world. Those but for key poses begin at the camera of the shot and
return to it, so that the video repeats without a jump.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ssdo.arrays import Doubles, to_vec3
from ssdo.render.collision import CameraCollision
from ssdo.render.frame_uniforms import CameraPose
from ssdo.scene.model import Scene
from ssdo.settings import UserError, Vec3

MAX_SWING = 35.0  # degrees to each side
SWING_STEP = 1.0  # degrees between tests for walls
MIN_SWING = 4.0  # degrees from end to end: less is no swing
WALL_MARGIN = 0.8  # fraction of the angle up to a wall
NEAREST_DOLLY = 0.55  # of the distance to the target
DOLLY_STEPS = 32  # tests for walls on the way
ORBIT_STEPS = 72  # tests for walls on the circle


class CameraPath(NamedTuple):
    """A camera over time."""

    name: str
    pose: Callable[[float], CameraPose]  # of a time from 0 to 1
    is_loop: bool = True  # whether the pose at 1 is that at 0

    def poses(self, frame_count: int) -> list[CameraPose]:
        """The cameras of evenly spaced frames. The first is at 0; the last at 1, or a step before in a loop."""
        last = frame_count if self.is_loop else max(frame_count - 1, 1)
        return [self.pose(number / last) for number in range(frame_count)]


Blocked = Callable[[CameraPose, CameraPose], bool]  # whether a wall stops the camera between two poses


# ---- paths -----------------------------------------------------------------------------------------------------------


def make_turntable(scene: Scene, pose: CameraPose) -> CameraPath:
    """A swing for a camera in a room, else a circle around the subject. Raises UserError as `make_swing` does."""
    collision = CameraCollision()
    if not collision.is_inside(scene, pose.eye):
        orbit = make_orbit(pose, find_center(scene))
        poses = [orbit.pose(number / ORBIT_STEPS) for number in range(ORBIT_STEPS + 1)]
        if not any(collision.is_blocked(scene, old, new) for old, new in itertools.pairwise(poses)):
            return orbit
    return make_swing(pose, lambda old, new: collision.is_blocked(scene, old, new))


def find_center(scene: Scene) -> Vec3:
    """The centre of the subject's bounds."""
    return to_vec3((np.asarray(scene.subject.low, "f8") + scene.subject.high) / 2)


def make_orbit(pose: CameraPose, center: Vec3) -> CameraPath:
    """A full circle about the vertical axis through a point. The camera keeps its view of the axis."""
    return CameraPath("orbit", lambda time: rotate_about(pose, center, 360.0 * time))


def make_swing(pose: CameraPose, is_blocked: Blocked) -> CameraPath:
    """A sine about the vertical axis through the target, as far as walls allow. Raises UserError if they are too near.

    Where one side has less room than the other, the middle of the swing moves to the other side.
    """
    left, right = (WALL_MARGIN * _find_limit(pose, sign, is_blocked) for sign in (-1.0, 1.0))
    middle, amplitude = (right - left) / 2, (right + left) / 2
    if 2 * amplitude < MIN_SWING:
        raise UserError("walls are too near for a swing of the camera; move it away from them")
    phase = math.asin(max(-1.0, min(1.0, -middle / amplitude)))

    def swing(time: float) -> CameraPose:
        return rotate_about(pose, pose.target, middle + amplitude * math.sin(math.tau * time + phase))

    return CameraPath("swing", swing)


def _find_limit(pose: CameraPose, sign: float, is_blocked: Blocked) -> float:
    """Degrees to one side before the first wall, at most as many as leave MAX_SWING with the margin."""
    old, degrees = pose, 0.0
    while degrees * WALL_MARGIN < MAX_SWING:
        new = rotate_about(pose, pose.target, sign * (degrees + SWING_STEP))
        if is_blocked(old, new):
            break
        old, degrees = new, degrees + SWING_STEP
    return degrees


def make_dolly(pose: CameraPose, is_blocked: Blocked) -> CameraPath:
    """Towards the target and back, as far as nothing is in the way. An orthographic camera zooms in."""
    nearest = 1.0
    for number in range(1, DOLLY_STEPS + 1):
        ratio = 1.0 - (1.0 - NEAREST_DOLLY) * number / DOLLY_STEPS
        if is_blocked(_scale_distance(pose, nearest), _scale_distance(pose, ratio)):
            break
        nearest = ratio
    # by a constant factor a second, as distances are seen
    return CameraPath("dolly", lambda time: _scale_distance(pose, nearest ** ((1 - math.cos(math.tau * time)) / 2)))


def _scale_distance(pose: CameraPose, ratio: float) -> CameraPose:
    if pose.height:
        return pose._replace(height=pose.height * ratio)
    target = np.array(pose.target)
    return pose._replace(eye=to_vec3(target + (np.array(pose.eye) - target) * ratio))


def rotate_about(pose: CameraPose, center: Vec3, degrees: float) -> CameraPose:
    """Rotate a camera about the vertical axis through a point, from +x towards -z: the camera moves to its right."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    axis = np.array(center)

    def rotate(point: Vec3) -> Vec3:
        x, y, z = np.array(point) - axis
        return to_vec3(axis + (x * cosine + z * sine, y, z * cosine - x * sine))

    return pose._replace(eye=rotate(pose.eye), target=rotate(pose.target))


# ---- key poses -------------------------------------------------------------------------------------------------------


def make_key_path(keys: Sequence[CameraPose], times: Sequence[float], is_loop: bool) -> CameraPath:
    """A smooth curve through cameras at increasing times: cubic Hermite splines.

    `times`: in any unit; one more than keys in a loop, where the last is when the first camera is reached again.
    Roll takes the shorter way. The pictures of orthographic cameras must all have a height.
    """
    values = np.array([[*key.eye, *key.target, key.fov, key.roll, key.height or 1.0] for key in keys])
    values[:, 7] = np.unwrap(values[:, 7], period=360.0)
    values[:, 8] = np.log(values[:, 8])
    if is_loop:
        values = np.concatenate([values, values[:1]])
        values[-1, 7] = np.unwrap(values[-2:, 7], period=360.0)[1]
    knots = np.asarray(times, "f8")
    slopes = _find_slopes(values, knots, is_loop)

    def interpolate(time: float) -> CameraPose:
        moment = knots[0] + (time % 1.0 if is_loop else time) * (knots[-1] - knots[0])
        x = _evaluate_hermite(values, slopes, knots, moment)
        height = float(np.exp(x[8])) if keys[0].height else None
        roll = (float(x[7]) + 180.0) % 360.0 - 180.0
        return CameraPose(to_vec3(x[:3]), to_vec3(x[3:6]), float(x[6]), roll, height)

    return CameraPath("keys", interpolate, is_loop)


def _find_slopes(values: Doubles, knots: Doubles, is_loop: bool) -> Doubles:
    """Derivatives at the knots: of the parabola through three neighbours; 0 at the ends of a curve that is no loop.

    A derivative is at most three times the smaller of the two steps beside it, and 0 where they have opposite signs
    (Fritsch and Carlson 1980): so that the camera does not leave the box between its neighbours.
    """
    steps, differences = np.diff(knots)[:, None], np.diff(values, axis=0)
    secants = differences / steps
    slopes = np.zeros_like(values)
    before, after = secants[:-1], secants[1:]
    slopes[1:-1] = _limit_slopes(before, after, steps[:-1], steps[1:])
    if is_loop:
        slopes[0] = slopes[-1] = _limit_slopes(secants[-1:], secants[:1], steps[-1:], steps[:1])[0]
    return slopes


def _limit_slopes(before: Doubles, after: Doubles, before_step: Doubles, after_step: Doubles) -> Doubles:
    slopes = (before * after_step + after * before_step) / (before_step + after_step)
    limit = 3 * np.minimum(np.abs(before), np.abs(after))
    return np.asarray(np.where(before * after > 0, np.clip(slopes, -limit, limit), 0.0))


def _evaluate_hermite(values: Doubles, slopes: Doubles, knots: Doubles, moment: float) -> Doubles:
    index = int(np.clip(np.searchsorted(knots, moment, side="right") - 1, 0, len(knots) - 2))
    step = knots[index + 1] - knots[index]
    t = (moment - knots[index]) / step
    return np.asarray(
        (2 * t**3 - 3 * t**2 + 1) * values[index]
        + (t**3 - 2 * t**2 + t) * step * slopes[index]
        + (3 * t**2 - 2 * t**3) * values[index + 1]
        + (t**3 - t**2) * step * slopes[index + 1]
    )
