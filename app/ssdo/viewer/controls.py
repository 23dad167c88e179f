"""Camera controls: orbit, look around, pan, dolly, fly, fit the scene. Pure functions of a pose.

Angles are in degrees, lengths in metres. The camera keeps its roll: y is up, and the pitch stays within 89 degrees.
"""

from __future__ import annotations

import math

import numpy as np

from ssdo.arrays import Doubles, to_vec3
from ssdo.render.frame_uniforms import CameraPose, fit_camera, fit_orthographic_camera
from ssdo.scene.coordinates import FileCoordinates
from ssdo.scene.model import Scene
from ssdo.settings import Vec3

MAX_PITCH = 89.0  # at 90 degrees the up direction of the image is undefined
MIN_DISTANCE_RATIO, MAX_DISTANCE_RATIO = 1e-4, 20.0  # of the scene's bounding radius


class Pose(CameraPose):
    """A camera in the world, or in the coordinates of the scene's file."""

    __slots__ = ()

    @property
    def height_at_target(self) -> float:
        """What the picture's height spans at the distance of the target."""
        return self.height or 2 * math.tan(math.radians(self.fov) / 2) * self.distance

    @property
    def distance(self) -> float:
        return math.dist(self.eye, self.target)

    def to_world(self, coordinates: FileCoordinates) -> Pose:
        """The pose in the world, of one in the file's coordinates."""
        return self._replace(eye=coordinates.point_to_world(self.eye), target=coordinates.point_to_world(self.target))

    def to_file(self, coordinates: FileCoordinates) -> Pose:
        """The inverse of `to_world`."""
        return self._replace(eye=coordinates.point_to_file(self.eye), target=coordinates.point_to_file(self.target))


def heading_and_pitch(direction: Doubles) -> tuple[float, float]:
    """Heading (0 north, -z; 90 east, +x) and pitch of a direction."""
    x, y, z = direction
    return math.degrees(math.atan2(x, -z)), math.degrees(math.atan2(y, math.hypot(x, z)))


def direction_from_heading(heading: float, pitch: float) -> Doubles:
    """Unit vector of a heading and a pitch. The pitch is clamped to MAX_PITCH."""
    h, p = math.radians(heading), math.radians(max(-MAX_PITCH, min(MAX_PITCH, pitch)))
    return np.array((math.sin(h) * math.cos(p), math.sin(p), -math.cos(h) * math.cos(p)))


def camera_axes(pose: Pose) -> tuple[Doubles, Doubles, Doubles]:
    """Unit vectors right, up and forward: those of the horizon, without roll."""
    to_target = np.subtract(pose.target, pose.eye)
    heading, pitch = heading_and_pitch(to_target if np.any(to_target) else np.array((0.0, 0.0, -1.0)))
    forward = direction_from_heading(heading, pitch)
    right = direction_from_heading(heading + 90.0, 0.0)
    return right, np.cross(right, forward), forward


def image_axes(pose: Pose) -> tuple[Doubles, Doubles]:
    """Unit vectors to the right and up in the image, with roll."""
    x, y, _ = camera_axes(pose)
    cosine, sine = math.cos(math.radians(pose.roll)), math.sin(math.radians(pose.roll))
    return x * cosine + y * sine, y * cosine - x * sine


def orbit(pose: Pose, heading: float, pitch: float) -> Pose:
    """Rotate about the target. The eye moves west for a positive heading, and up for a negative pitch."""
    old_heading, old_pitch = heading_and_pitch(np.subtract(pose.target, pose.eye))
    forward = direction_from_heading(old_heading + heading, old_pitch + pitch)
    return pose._replace(eye=to_vec3(np.array(pose.target) - forward * pose.distance))


def look_around(pose: Pose, heading: float, pitch: float) -> Pose:
    """Rotate the target about the eye, at its distance."""
    old_heading, old_pitch = heading_and_pitch(np.subtract(pose.target, pose.eye))
    forward = direction_from_heading(old_heading + heading, old_pitch + pitch)
    return pose._replace(target=to_vec3(np.array(pose.eye) + forward * pose.distance))


def pan(pose: Pose, right: float, up: float) -> Pose:
    """Move in the image plane, in fractions of the image's height at the target's distance."""
    x, y = image_axes(pose)
    return _translate(pose, (x * right + y * up) * pose.height_at_target)


def fly(pose: Pose, right: float, up: float, forward: float) -> Pose:
    """Move by metres: sideways, straight up, and in view direction."""
    x, _, z = camera_axes(pose)
    return _translate(pose, x * right + np.array((0.0, up, 0.0)) + z * forward)


def dolly(pose: Pose, ratio: float, scene: Scene, cursor: tuple[float, float] = (0.0, 0.0)) -> Pose:
    """Multiply the distance to the target, or an orthographic picture's height, within limits by the scene's size.

    What is under the cursor at the target's distance stays there. `cursor`: from the centre of the image to the right
    and up, in fractions of the image's height.
    """
    centre = (scene.subject.low + scene.subject.high) / 2
    nearest = MIN_DISTANCE_RATIO * scene.bounding_radius
    farthest = MAX_DISTANCE_RATIO * scene.bounding_radius + float(np.linalg.norm(centre - pose.target))
    right, up = image_axes(pose)
    offset = (right * cursor[0] + up * cursor[1]) * pose.height_at_target
    if pose.height:
        height = max(nearest, min(farthest, pose.height * ratio))
        return _translate(pose, offset * (1 - height / pose.height))._replace(height=height)
    distance = max(nearest, min(farthest, pose.distance * ratio))
    target = np.array(pose.target) + offset * (1 - distance / pose.distance)
    return pose._replace(eye=to_vec3(target - camera_axes(pose)[2] * distance), target=to_vec3(target))


def center_on(pose: Pose, point: Vec3) -> Pose:
    """Pan until a point is in the centre of the image, and orbit about it from then on."""
    forward = camera_axes(pose)[2]
    distance = float(np.subtract(point, pose.eye) @ forward)
    return pose._replace(eye=to_vec3(np.array(point) - forward * distance), target=point)


def fit_scene(pose: Pose, scene: Scene, aspect: float) -> Pose:
    """Look at the whole subject from the same side. `aspect`: width over height of the image."""
    direction = to_vec3(camera_axes(pose)[2])
    if pose.height:
        eye, target, height = fit_orthographic_camera(scene, aspect, direction, pose.roll)
        return pose._replace(eye=eye, target=target, height=height)
    eye, target = fit_camera(scene, pose.fov, aspect, direction, pose.roll)
    return pose._replace(eye=eye, target=target)


def fly_speed(pose: Pose, scene: Scene) -> float:
    """Metres per second. Slower near the target, so that details can be circled."""
    return 0.5 * min(scene.bounding_radius, 2 * max(pose.distance, scene.bounding_radius * 1e-3))


def _translate(pose: Pose, offset: Doubles) -> Pose:
    return pose._replace(eye=to_vec3(np.array(pose.eye) + offset), target=to_vec3(np.array(pose.target) + offset))
