"""Camera paths: circles that keep their view, swings that stop before walls, smooth curves through key poses."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from ssdo.arrays import Doubles
from ssdo.measure.camera_paths import (
    MAX_SWING,
    MIN_SWING,
    NEAREST_DOLLY,
    WALL_MARGIN,
    CameraPath,
    find_center,
    make_dolly,
    make_key_path,
    make_orbit,
    make_swing,
    make_turntable,
    rotate_about,
)
from ssdo.measure.key_poses import load_key_path
from ssdo.render.collision import CameraCollision
from ssdo.render.frame_uniforms import CameraPose
from ssdo.render.shot import Camera, Shot
from ssdo.scene.coordinates import IDENTITY
from ssdo.scene.loader import load_scene
from ssdo.scene.model import Scene
from ssdo.settings import UserError, Vec3
from ssdo.viewer import controls

POSE = CameraPose((1.0, 2.0, 5.0), (0.5, 1.0, -1.0), 40.0, 10.0)
ROUNDING = 1e-9  # of coordinates of some metres in 64-bit floats


def never(_old: CameraPose, _new: CameraPose) -> bool:
    return False


def scene_pose(scene: Scene) -> CameraPose:
    camera = Shot().resolve_camera(scene)
    assert camera.eye and camera.target and camera.fov
    return CameraPose(camera.eye, camera.target, camera.fov)


def heading(point: Vec3, center: Vec3) -> float:
    """Degrees of a point about the vertical axis through another."""
    return math.degrees(math.atan2(point[0] - center[0], point[2] - center[2]))


def headings(path: CameraPath, count: int = 360) -> Doubles:
    """Degrees from the first pose, continuous."""
    poses = path.poses(count)
    angles = np.unwrap([heading(pose.eye, POSE.target) for pose in poses], period=360.0)
    return np.asarray(angles - angles[0])


# ---- circles and swings ----


def test_an_orbit_circles_the_axis_once_and_keeps_its_view() -> None:
    center = (0.3, 0.7, -0.2)
    path = make_orbit(POSE, center)
    poses = path.poses(8)
    assert poses[0].eye == pytest.approx(POSE.eye) and path.pose(1.0).eye == pytest.approx(POSE.eye)
    for number, pose in enumerate(poses):
        for point, start in ((pose.eye, POSE.eye), (pose.target, POSE.target)):
            turned = heading(point, center) - heading(start, center)
            assert turned % 360 == pytest.approx(45.0 * number, abs=1e-6)
            assert math.dist(point, center) == pytest.approx(math.dist(start, center), abs=ROUNDING)
            assert point[1] == pytest.approx(start[1], abs=ROUNDING)
        assert (pose.fov, pose.roll) == (POSE.fov, POSE.roll)


def test_a_rotation_is_that_of_the_viewer() -> None:
    expected = controls.orbit(controls.Pose(*POSE), -30.0, 0.0)
    assert rotate_about(POSE, POSE.target, 30.0).eye == pytest.approx(expected.eye, abs=1e-6)


def test_a_swing_without_walls_is_even_and_begins_at_the_camera() -> None:
    path = make_swing(POSE, never)
    angles = headings(path)
    limit = WALL_MARGIN * math.ceil(MAX_SWING / WALL_MARGIN)
    assert angles.max() == pytest.approx(limit, abs=0.1) and angles.min() == pytest.approx(-limit, abs=0.1)
    assert path.poses(360)[0].eye == pytest.approx(POSE.eye, abs=ROUNDING)
    assert path.pose(1.0).eye == pytest.approx(POSE.eye, abs=ROUNDING)
    steps = np.diff([*angles, 0.0])
    assert np.abs(np.diff(steps)).max() < 0.02  # degrees: no jerk, also where it repeats


@pytest.mark.parametrize("wall", [5.0, 20.0, -12.0])
def test_a_swing_stops_before_walls(wall: float) -> None:
    """A wall on one side moves the middle; the camera stays on its side of it, with a margin."""
    start = heading(POSE.eye, POSE.target)

    def is_blocked(old: CameraPose, new: CameraPose) -> bool:
        first, second = (heading(pose.eye, POSE.target) - start for pose in (old, new))
        return (first - wall) * (second - wall) <= 0

    angles = headings(make_swing(POSE, is_blocked))
    extreme = angles.max() if wall > 0 else -angles.min()
    assert WALL_MARGIN * (abs(wall) - 1.01) - 0.1 <= extreme <= WALL_MARGIN * abs(wall) + 0.01
    other = -angles.min() if wall > 0 else angles.max()
    assert other == pytest.approx(MAX_SWING, abs=1.0)
    assert np.abs(np.diff(angles, 2)).max() < 0.02


def test_a_swing_without_room_is_an_error() -> None:
    with pytest.raises(UserError, match="walls are too near for a swing of the camera; move it"):
        make_swing(POSE, lambda _old, _new: True)
    assert MIN_SWING > 0


@pytest.mark.parametrize(
    "name, kind",
    [
        *(("room", "swing"), ("cornell", "swing"), ("nook", "swing"), ("niche", "swing")),
        *(("ball", "orbit"), ("bowl", "orbit"), ("blocks", "orbit")),
    ],
)
def test_a_turntable_swings_in_rooms_and_circles_objects(name: str, kind: str) -> None:
    scene = load_scene(name)
    path = make_turntable(scene, scene_pose(scene))
    assert path.name == kind
    collision, poses = CameraCollision(), path.poses(36)
    assert not any(collision.is_blocked(scene, old, new) for old, new in itertools.pairwise(poses))
    if kind == "orbit":
        center = find_center(scene)
        assert {round(math.dist(pose.eye, center), 5) for pose in poses} == {
            round(math.dist(scene_pose(scene).eye, center), 5)
        }


def test_a_box_that_is_seen_from_behind_is_an_object() -> None:
    scene = load_scene("nook")
    center = find_center(scene)
    collision = CameraCollision()
    inside = [collision.is_inside(scene, rotate_about(scene_pose(scene), center, a).eye) for a in (0.0, 180.0)]
    assert inside == [True, False]


# ---- dolly ----


def test_a_dolly_moves_to_the_target_and_back() -> None:
    poses = make_dolly(POSE, never).poses(40)
    distances = np.array([math.dist(pose.eye, POSE.target) for pose in poses]) / math.dist(POSE.eye, POSE.target)
    assert distances[0] == pytest.approx(1.0) and distances.min() == pytest.approx(NEAREST_DOLLY)
    assert np.argmin(distances) == 20 and distances[1:20] == pytest.approx(distances[:20:-1])
    assert all(pose.target == POSE.target for pose in poses)
    assert make_dolly(POSE._replace(height=3.0), never).pose(0.5).height == pytest.approx(3.0 * NEAREST_DOLLY)


def test_a_dolly_stops_before_a_wall() -> None:
    path = make_dolly(POSE, lambda _old, new: math.dist(new.eye, POSE.target) < 0.8 * math.dist(POSE.eye, POSE.target))
    ratio = math.dist(path.pose(0.5).eye, POSE.target) / math.dist(POSE.eye, POSE.target)
    assert 0.8 <= ratio < 0.8 + (1 - NEAREST_DOLLY) / 32


# ---- key poses ----

KEYS = [
    CameraPose((0.0, 1.0, 0.5), (0.0, 0.0, 0.0), 40.0, 170.0),
    CameraPose((4.0, 2.0, 3.0), (1.0, 0.5, 0.0), 50.0, -170.0),
    CameraPose((4.0, 1.0, -3.0), (0.0, 0.5, 1.0), 30.0, -160.0),
]


@pytest.mark.parametrize("is_loop", [False, True])
def test_a_curve_passes_through_its_keys_smoothly(is_loop: bool) -> None:
    times = [0.0, 1.0, 3.0, *([4.0] if is_loop else [])]
    path = make_key_path(KEYS, times, is_loop)
    for key, time in zip(KEYS, times, strict=False):
        pose = path.pose(time / times[-1])
        if not (is_loop and time == times[-1]):
            assert [*pose.eye, *pose.target, pose.fov] == pytest.approx([*key.eye, *key.target, key.fov], abs=ROUNDING)
            assert math.cos(math.radians(pose.roll - key.roll)) == pytest.approx(1.0)
    first, *_, last = path.poses(5)
    assert (last.eye == pytest.approx(KEYS[-1].eye)) != is_loop and first.eye == pytest.approx(KEYS[0].eye)
    assert math.dist(first.eye, last.eye) > 0.5  # the frame that repeats the first is left out of a loop
    eyes = np.array([pose.eye for pose in path.poses(3000)])
    if is_loop:
        eyes = np.concatenate([eyes, eyes[:2]])
    speeds = np.diff(eyes, axis=0) * 3000
    assert (
        np.abs(np.diff(speeds, axis=0)).max() < 0.5
    )  # metres per path, in 1/3000 of it; corners of straight lines: 4 and more
    low, high = np.min([key.eye for key in KEYS], 0), np.max([key.eye for key in KEYS], 0)
    assert (eyes >= low - ROUNDING).all() and (eyes <= high + ROUNDING).all()


def test_roll_takes_the_shorter_way() -> None:
    rolls = [abs(pose.roll) for pose in make_key_path(KEYS[:2], [0.0, 1.0], False).poses(9)]
    assert min(rolls) >= 170.0 - ROUNDING


def load(path: Path, camera: Camera | None = None) -> CameraPath:
    resolved = camera or Camera((0, 0, 9.0), (0, 0, 0.0), 33.0, 5.0, "perspective", 3.0)
    return load_key_path(path, "ball", resolved, IDENTITY)


def test_key_poses_are_read_from_toml_json_and_bookmarks(tmp_path: Path) -> None:
    poses = [{"eye": [0, 1, 5], "target": [0, 0, 0]}, {"eye": [4.0, 2, 3], "target": [1, 0, 0], "fov": 50, "roll": 1}]
    (tmp_path / "a.json").write_text(json.dumps({"poses": poses}))
    (tmp_path / "b.json").write_text(json.dumps(poses))
    (tmp_path / "a.toml").write_text(
        "[[poses]]\neye = [0, 1, 5]\ntarget = [0, 0, 0]\n"
        "[[poses]]\neye = [4, 2, 3]\ntarget = [1, 0, 0]\nfov = 50\nroll = 1\n"
    )
    (tmp_path / "viewer.toml").write_text(
        "[bookmarks.ball]\n3 = [4, 2, 3, 1, 0, 0, 50, 1, 0]\n1 = [0, 1, 5, 0, 0, 0, 33, 5, 0]\n"
    )
    expected = [((0, 1, 5), (0, 0, 0), 33.0, 5.0, None), ((4, 2, 3), (1, 0, 0), 50.0, 1.0, None)]
    for name in ("a.json", "b.json", "a.toml", "viewer.toml"):
        path = load(tmp_path / name)
        assert not path.is_loop
        for pose, (eye, target, *others) in zip((path.pose(0.0), path.pose(1.0)), expected, strict=True):
            assert (pose.eye, pose.target) == (eye, target)
            assert [pose.fov, pose.roll] == pytest.approx(others[:2])
            assert pose.height is None


def test_a_loop_of_key_poses_returns(tmp_path: Path) -> None:
    text = "loop = true\n" + "".join(
        f"[[poses]]\ntime = {time}\neye = [{x}, 0, 4]\ntarget = [0, 0, 0]\n" for time, x in ((0, 0), (2, 1), (3, 2))
    )
    (tmp_path / "a.toml").write_text(text)
    path = load(tmp_path / "a.toml")
    assert path.is_loop and path.pose(1.0) == path.pose(0.0)
    assert path.pose(2 / 4.5).eye[0] == pytest.approx(1.0)  # the last step takes as long as the mean of the others


@pytest.mark.parametrize(
    "text, message",
    [
        ("poses = 3", "must hold two camera poses or more: [[poses]] with eye"),
        ("[[poses]]\neye = [0,0,1]\ntarget = [0,0,0]", "must hold two camera poses or more"),
        ("[bookmarks.cornell]\n1 = [0]", "fewer than two bookmarks of ball; Ctrl+1 to Ctrl+9 save them"),
        ("[bookmarks.ball]\n1 = [0]\n2 = [0]", "bookmark '1' is damaged; save it again"),
        ("= 3", "not TOML"),
        ("[[poses]]\neye = [0,0,1]\n[[poses]]", "pose 1: must have an eye and a target"),
        ("[[poses]]\neye = [0,0,1]\ntarget = [0,0,0]\nfow = 3\n[[poses]]", "pose 1: no value 'fow'; there are eye, "),
        (
            "[[poses]]\neye = [0,0,1]\ntarget = [0,0,0]\nfov = 300\n[[poses]]",
            "pose 1: camera.fov = 300: must be 1 to 170 deg",
        ),
        ("[[poses]]\neye = [0,0,1]\ntarget = [0,0,1]\n[[poses]]", "pose 1: eye and target must differ"),
        (
            "[[poses]]\neye = [0,0,1]\ntarget = [0,0,0]\ntime=1\n[[poses]]\neye = [0,0,2]\ntarget = [0,0,0]\ntime=1",
            "time must be a number of seconds that rises from pose to pose, in all poses or none",
        ),
        (
            "[[poses]]\neye = [0,0,1]\ntarget = [0,0,0]\nheight=1\n[[poses]]\neye = [0,0,2]\ntarget = [0,0,0]",
            "all poses must have a height, or none",
        ),
        ("loop = 1\n[[poses]]\n[[poses]]", "loop = 1: must be true or false"),
    ],
)
def test_broken_key_poses_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load(path)
    assert message in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)
