"""Pictures along a camera path: one shot, or several side by side under their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from ssdo.arrays import Bytes
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.measure.camera_paths import CameraPath, find_center, make_dolly, make_orbit, make_swing, make_turntable
from ssdo.measure.key_poses import load_key_path
from ssdo.render.collision import CameraCollision
from ssdo.render.frame_uniforms import CameraPose
from ssdo.render.pipeline import LoadedShot, load_shot, load_shot_scene, render_loaded_frame
from ssdo.render.shot import Camera, Shot
from ssdo.scene.coordinates import FileCoordinates
from ssdo.settings import UserError, suggest

PATHS = ("turntable", "orbit", "swing", "dolly")
PATH_FILE_SUFFIXES = (".toml", ".json")
DEFAULT_FRAMES, DEFAULT_FPS = 60, Fraction(20)
MAX_FRAMES, MAX_FPS = 100_000, 240
# In a video's metadata, beside the values of its shot: names and types.
STORED_VALUES: Mapping[str, type] = {"animation.path": str, "animation.frames": int, "animation.fps": float}


class Timing(NamedTuple):
    """The frames of a video."""

    frame_count: int = DEFAULT_FRAMES
    fps: Fraction = DEFAULT_FPS  # frames a second

    @classmethod
    def from_flags(cls, frames: int | None, seconds: float | None, fps: float | None) -> Timing:
        """From any two of three numbers, or fewer. Raises UserError for all three, and out of range."""
        if None not in (frames, seconds, fps):
            raise UserError("--frames, --seconds and --fps: any two decide the third; leave one out")
        if fps is not None and not 0 < fps <= MAX_FPS:
            raise UserError(f"--fps {fps:g}: must be above 0, up to {MAX_FPS}")
        rate = Fraction(fps).limit_denominator(1001) if fps else DEFAULT_FPS
        if seconds is not None and not 0 < seconds <= MAX_FRAMES:
            raise UserError(f"--seconds {seconds:g}: must be above 0, up to {MAX_FRAMES}")
        if seconds and fps:
            frames = max(1, round(seconds * rate))
        frames = DEFAULT_FRAMES if frames is None else frames
        if not 1 <= frames <= MAX_FRAMES:
            raise UserError(f"--frames {frames}: must be 1 to {MAX_FRAMES}")
        if seconds and not fps:
            rate = (frames / Fraction(seconds)).limit_denominator(1001)
        if not 0 < rate <= MAX_FPS:
            raise UserError(
                f"{float(rate):g} frames a second: must be above 0, up to {MAX_FPS}; change --seconds or --fps"
            )
        return cls(frames, rate)

    def describe(self, path: str) -> dict[str, Any]:
        """The values of STORED_VALUES for a camera path."""
        return dict(zip(STORED_VALUES, (path, self.frame_count, float(self.fps)), strict=True))


def make_path(name: str, shot: Shot) -> CameraPath:
    """The path of a name from PATHS, or of a file of key poses, that begins at a shot's camera. Raises UserError."""
    scene = load_shot_scene(shot)
    camera = shot.resolve_camera(scene)
    if Path(name).suffix.lower() in PATH_FILE_SUFFIXES:
        return load_key_path(Path(name), shot.scene, camera, scene.coordinates)
    if name not in PATHS:
        raise UserError(
            f"--path {name}: must be one of {', '.join(PATHS)}, or a .toml or .json file{suggest(name, PATHS)}"
        )
    pose = to_world_pose(camera, scene.coordinates)
    if name == "turntable":
        return make_turntable(scene, pose)
    if name == "orbit":
        return make_orbit(pose, find_center(scene))
    collision = CameraCollision()
    return {"swing": make_swing, "dolly": make_dolly}[name](
        pose, lambda old, new: collision.is_blocked(scene, old, new)
    )


def to_world_pose(camera: Camera, coordinates: FileCoordinates) -> CameraPose:
    """A resolved camera in the world."""
    assert camera.eye and camera.target and camera.fov and camera.roll is not None, "not resolved"
    height = camera.height if camera.projection == "orthographic" else None
    eye, target = (coordinates.point_to_world(point) for point in (camera.eye, camera.target))
    return CameraPose(eye, target, camera.fov, camera.roll, height)


def to_camera(pose: CameraPose, coordinates: FileCoordinates) -> Camera:
    """The inverse of `to_world_pose`. Raises UserError for a pose that is out of range."""
    return Camera(
        eye=coordinates.point_to_file(pose.eye),
        target=coordinates.point_to_file(pose.target),
        fov=pose.fov,
        roll=pose.roll,
        projection="orthographic" if pose.height else "perspective",
        height=pose.height,
    )


class Picture(NamedTuple):
    """A picture of a path."""

    pixels: Bytes  # (h, w, 3) 8 bit sRGB
    camera: Camera


class PictureSequence:
    """Draws shots along a path: a frame of a shot at a time, so that a window can answer between them.

    `shots`: of one scene, with a fixed exposure. The pictures of several are side by side under their labels.
    """

    def __init__(
        self, gpu: Gpu, shots: Sequence[Shot], poses: Sequence[CameraPose], labels: Sequence[str] = ()
    ) -> None:
        self.gpu = gpu
        self.shots, self.labels = shots, labels
        coordinates = load_shot_scene(shots[0]).coordinates
        self.cameras = [to_camera(pose, coordinates) for pose in poses]
        self.picture_count = 0  # that are complete
        self._images: list[Bytes] = []  # of the next picture
        self._frame_index = 0  # of the next shot
        self._loaded: LoadedShot | None = None

    @property
    def is_complete(self) -> bool:
        return self.picture_count == len(self.cameras)

    def draw_frame(self) -> Picture | None:
        """Draw the next frame. Returns the picture if that completes it. Raises UserError.

        After an exception the next call begins the shot anew.
        """
        shot = replace(self.shots[len(self._images)], camera=self.cameras[self.picture_count])
        index, self._frame_index = self._frame_index, 0
        if index == 0:
            self._loaded = load_shot(shot)
        assert self._loaded is not None
        with self.gpu.scope("animation"):
            result = render_loaded_frame(self.gpu, self._loaded, index)
            self.gpu.free_unused()
            if index + 1 < shot.frame_count:
                self._frame_index = index + 1
                return None
            self._images.append(images.read_opaque(result))
        if len(self._images) < len(self.shots):
            return None
        return self._finish_picture()

    def _finish_picture(self) -> Picture:
        pixels = self._images[0]
        if len(self.shots) > 1:
            labels = self.labels or [shot.technique.describe() for shot in self.shots]
            pixels = images.make_contact_sheet(list(zip(labels, self._images, strict=True)))
        camera = self.cameras[self.picture_count]
        self._images = []
        self.picture_count += 1
        return Picture(pixels, camera)

    def free_targets(self) -> None:
        """Free all targets."""
        self._loaded = None
        self.gpu.free_scope("animation")
