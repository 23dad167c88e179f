"""The camera under the hand: orbit, pan, zoom, look around, fly, frame. Pure functions of a pose; no window, no OpenGL.

Angles in degrees, lengths in metres. The camera never rolls: up is y, and the pitch stays within 89 degrees.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ssdo.render.frame_uniforms import Doubles
from ssdo.scene.model import Scene
from ssdo.settings import Vec3

STEEPEST = 89.0  # at 90 there is no telling where the top of the picture is


class Pose(NamedTuple):
    """Where the camera is, what it looks at, and its vertical field of view."""

    eye: Vec3
    target: Vec3
    fov: float

    @property
    def distance(self) -> float:
        return math.dist(self.eye, self.target)


def _vec(v: Doubles) -> Vec3:
    return float(v[0]), float(v[1]), float(v[2])


def angles(v: Doubles) -> tuple[float, float]:
    """Heading (0 north, -z; 90 east, +x) and pitch of a direction."""
    return math.degrees(math.atan2(v[0], -v[2])), math.degrees(math.atan2(v[1], math.hypot(v[0], v[2])))


def along(heading: float, pitch: float) -> Doubles:
    """The unit vector of a heading and a pitch, which is held within what never rolls."""
    h, p = math.radians(heading), math.radians(max(-STEEPEST, min(STEEPEST, pitch)))
    return np.array((math.sin(h) * math.cos(p), math.sin(p), -math.cos(h) * math.cos(p)))


def axes(pose: Pose) -> tuple[Doubles, Doubles, Doubles]:
    """Right, up and forward: unit vectors."""
    away = np.subtract(pose.target, pose.eye)
    heading, pitch = angles(away if np.any(away) else np.array((0.0, 0.0, -1.0)))
    forward = along(heading, pitch)
    right = along(heading + 90.0, 0.0)
    return right, np.cross(right, forward), forward


def orbit(pose: Pose, heading: float, pitch: float) -> Pose:
    """Around the target. The eye goes west for a positive heading, and up for a negative pitch."""
    now = angles(np.subtract(pose.target, pose.eye))
    forward = along(now[0] + heading, now[1] + pitch)
    return pose._replace(eye=_vec(np.array(pose.target) - forward * pose.distance))


def look(pose: Pose, heading: float, pitch: float) -> Pose:
    """Turn on the spot; the target goes round at its distance."""
    now = angles(np.subtract(pose.target, pose.eye))
    return pose._replace(target=_vec(np.array(pose.eye) + along(now[0] + heading, now[1] + pitch) * pose.distance))


def pan(pose: Pose, right: float, up: float) -> Pose:
    """Shift in the image's plane, by shares of the image's height at the target's distance."""
    x, y, _ = axes(pose)
    height = 2 * math.tan(math.radians(pose.fov) / 2) * pose.distance
    return _moved(pose, (x * right + y * up) * height)


def fly(pose: Pose, right: float, up: float, forward: float) -> Pose:
    """Move by metres: sideways, straight up, and where the camera looks."""
    x, _, z = axes(pose)
    return _moved(pose, x * right + np.array((0.0, up, 0.0)) + z * forward)


def zoom(pose: Pose, ratio: float, scene: Scene) -> Pose:
    """The distance to the target times `ratio`; neither through the target nor out of sight of the scene."""
    centre = np.mean(scene.bounds, 0)
    far = 20 * scene.size + float(np.linalg.norm(centre - pose.target))
    distance = max(scene.size * 1e-4, min(far, pose.distance * ratio))
    return pose._replace(eye=_vec(np.array(pose.target) - axes(pose)[2] * distance))


def framed(pose: Pose, scene: Scene, aspect: float) -> Pose:
    """From the same side, back until all of the scene is seen."""
    centre = np.mean(np.array(scene.bounds, "f8"), 0)
    half = math.radians(pose.fov) / 2
    narrow = min(half, math.atan(math.tan(half) * aspect))
    return pose._replace(eye=_vec(centre - axes(pose)[2] * scene.size / math.sin(narrow)), target=_vec(centre))


def speed(pose: Pose, scene: Scene) -> float:
    """Metres a second for flying: half the scene's size, less where the target is near, so that a detail can be flown
    around.
    """
    return 0.5 * min(scene.size, 2 * max(pose.distance, scene.size * 1e-3))


def _moved(pose: Pose, by: Doubles) -> Pose:
    return pose._replace(eye=_vec(np.array(pose.eye) + by), target=_vec(np.array(pose.target) + by))
