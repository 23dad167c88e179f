"""Files of camera key poses, TOML or JSON: `[[poses]]` with eye, target, fov, roll, height and time.

The viewer's bookmarks are read too: its file viewer.toml holds those of every scene.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ssdo.measure.camera_paths import CameraPath, make_key_path
from ssdo.render.frame_uniforms import CameraPose
from ssdo.render.shot import Camera
from ssdo.render.shot_flags import read_text
from ssdo.scene.coordinates import FileCoordinates
from ssdo.settings import UserError, shorten
from ssdo.toml_text import parse_toml_tree

EXAMPLE = "[[poses]] with eye = [x, y, z] and target = [x, y, z]"
POSE_KEYS = ("eye", "target", "fov", "roll", "height", "time")


def load_key_path(path: Path, scene_name: str, camera: Camera, coordinates: FileCoordinates) -> CameraPath:
    """The path through the poses of a file, in the coordinates of the scene's file.

    `camera`: resolved; what poses leave out is taken from it. Poses without a time are evenly spaced. `loop = true`
    leads back to the first pose. Raises UserError.
    """
    tree = _parse(path)
    poses = _bookmarks(tree, scene_name, path) if "bookmarks" in tree else tree.get("poses")
    if not isinstance(poses, list) or len(poses) < 2:
        raise UserError(f"{path}: must hold two camera poses or more: {EXAMPLE}")
    if "bookmarks" not in tree and (unknown := tree.keys() - {"poses", "loop"}):
        raise UserError(f"{path}: no value {shorten(min(unknown, key=str))}; there are poses and loop")
    is_loop = tree.get("loop", False)
    if not isinstance(is_loop, bool):
        raise UserError(f"{path}: loop = {shorten(is_loop)}: must be true or false")
    keys = [_read_pose(pose, camera, f"{path}: pose {number}") for number, pose in enumerate(poses, 1)]
    world = [
        key._replace(eye=coordinates.point_to_world(key.eye), target=coordinates.point_to_world(key.target))
        for key in keys
    ]
    if len({key.height is None for key in keys}) > 1:
        raise UserError(f"{path}: all poses must have a height, or none: it makes a camera orthographic")
    return make_key_path(world, _read_times(poses, path, is_loop), is_loop)


def _parse(path: Path) -> Mapping[str, Any]:
    text = read_text(path)
    if path.suffix.lower() != ".json":
        return parse_toml_tree(text, str(path))
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    return tree if isinstance(tree, dict) else {"poses": tree}


def _bookmarks(tree: Mapping[str, Any], scene_name: str, path: Path) -> list[Any]:
    """The bookmarks of a scene, by number, as poses. Raises UserError."""
    by_scene = tree["bookmarks"]
    bookmarks = by_scene.get(scene_name) if isinstance(by_scene, dict) else None
    if not isinstance(bookmarks, dict) or len(bookmarks) < 2:
        raise UserError(f"{path}: fewer than two bookmarks of {scene_name}; Ctrl+1 to Ctrl+9 save them in the viewer")
    poses = []
    for number in sorted(bookmarks):
        values = bookmarks[number]
        if not isinstance(values, list) or len(values) not in (7, 9):
            raise UserError(f"{path}: bookmark {shorten(number)} is damaged; save it again in the viewer")
        pose = {"eye": values[:3], "target": values[3:6], "fov": values[6], "roll": values[7] if values[7:] else 0.0}
        poses.append(pose | ({"height": values[8]} if values[8:] and values[8] else {}))
    return poses


def _read_pose(pose: Any, camera: Camera, source: str) -> CameraPose:
    """A pose in the file's coordinates. Raises UserError, which begins with `source`."""
    if not isinstance(pose, dict) or not {"eye", "target"} <= pose.keys():
        raise UserError(f"{source}: must have an eye and a target: {EXAMPLE}")
    if unknown := pose.keys() - set(POSE_KEYS):
        raise UserError(f"{source}: no value {shorten(min(unknown, key=str))}; there are {', '.join(POSE_KEYS)}")
    values = {name: value for name, value in pose.items() if name != "time"}
    try:
        camera = replace(camera, **values)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    assert camera.eye and camera.target and camera.fov and camera.roll is not None
    if camera.eye == camera.target:
        raise UserError(f"{source}: eye and target must differ")
    is_orthographic = "height" in pose or camera.projection == "orthographic"
    return CameraPose(camera.eye, camera.target, camera.fov, camera.roll, camera.height if is_orthographic else None)


def _read_times(poses: Sequence[Mapping[str, Any]], path: Path, is_loop: bool) -> list[float]:
    """Times of the poses; of a loop also that of its end. Raises UserError."""
    times = [pose["time"] for pose in poses if "time" in pose]
    if not times:
        return [float(number) for number in range(len(poses) + is_loop)]
    is_number = all(isinstance(t, (int, float)) and not isinstance(t, bool) and math.isfinite(t) for t in times)
    if len(times) < len(poses) or not is_number or any(b <= a for a, b in itertools.pairwise(times)):
        raise UserError(f"{path}: time must be a number of seconds that rises from pose to pose, in all poses or none")
    mean_step = (times[-1] - times[0]) / (len(times) - 1)
    return [*map(float, times), *([times[-1] + mean_step] if is_loop else [])]
