"""Limits of what users and files may ask for: scene arguments, camera coordinates, names of files.

Everything beyond is refused at once, in one line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from file_scenes import FILE_KINDS, write_changed, write_scene_files
from ssdo.commands.compare import load_shots
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.render.pipeline import load_shot
from ssdo.render.shot import MAX_COORDINATE, Shot
from ssdo.render.shot_flags import parse_overrides
from ssdo.scene import loader
from ssdo.scene.built_in import BUILT_IN_SCENES, get_builder
from ssdo.scene.limits import Limits
from ssdo.scene.loader import get_limits, load_scene
from ssdo.settings import UserError
from ssdo.viewer import controls
from ssdo.viewer.controls import Pose
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.saved_state import load_state
from test_commands import call
from test_viewer import SessionRunner, free_targets

# ---- arguments of scenes ---------------------------------------------------------------------------------------------

MAX_SCENE_BYTES = 1 << 30
LARGE_ON_REQUEST = {"million"}  # as many triangles as are asked for, to measure what they cost


class Argument(NamedTuple):
    """An argument of a built-in scene."""

    scene: str
    name: str
    default: float
    limits: Limits | None

    @property
    def neighbours(self) -> list[float]:
        """The numbers just outside of the range."""
        assert self.limits
        if isinstance(self.default, int):
            return [self.limits.min - 1, self.limits.max + 1]
        return [math.nextafter(self.limits.min, -math.inf), math.nextafter(self.limits.max, math.inf)]


def list_arguments() -> Iterator[Argument]:
    for scene, entry in BUILT_IN_SCENES.items():
        if isinstance(entry, str):  # else it is a test's own
            build = get_builder(scene)
            for name, parameter in loader._get_parameters(build).items():
                if name != "time":
                    yield Argument(scene, name, parameter.default, get_limits(build).get(name))


ARGUMENTS = list(list_arguments())
each_argument = pytest.mark.parametrize("argument", ARGUMENTS, ids=lambda a: f"{a.scene}:{a.name}")


@each_argument
def test_every_argument_of_a_scene_has_a_range(argument: Argument) -> None:
    limits = argument.limits
    assert limits and limits.min <= argument.default <= limits.max and limits.min < limits.max
    assert type(limits.min) is type(limits.max) is type(argument.default)


@each_argument
def test_values_out_of_range_are_refused_at_once(argument: Argument) -> None:
    """In one line that names the value and the rule."""
    assert argument.limits
    values = [*argument.neighbours, -999999999, 999999999, "9" * 400]
    values += [] if isinstance(argument.default, int) else ["nan", "inf", "-inf", "1e308", "-1e308", "1e999"]
    for value in values:
        with pytest.raises(UserError) as error:
            load_scene(f"{argument.scene}:{argument.name}={value}")
        text = str(error.value)
        assert f": {argument.name} = " in text and f": must be {argument.limits.range_text()}" in text, text
        assert text.isprintable() and len(text) < 700


@pytest.mark.slow
@each_argument
def test_scenes_at_both_ends_of_a_range_are_valid(argument: Argument) -> None:
    """Finite, seen by their camera, and small enough."""
    assert argument.limits
    for value in (argument.limits.min, argument.limits.max):
        if argument.scene in LARGE_ON_REQUEST and value == argument.limits.max:
            continue
        loaded = load_shot(Shot(scene=f"{argument.scene}:{argument.name}={value!r}"))
        scene = loaded.scene
        assert scene.byte_size < MAX_SCENE_BYTES and 0 < scene.triangle_count < 3_000_000
        assert np.isfinite(scene.bounds).all() and scene.bounding_radius > 0
        assert np.isfinite(loaded.shot.frame_uniforms(scene, 0).clip_from_world).all()


# ---- the camera ------------------------------------------------------------------------------------------------------

FAR = 1e308
RULE = "three numbers, each -1e+13 to 1e+13"
each_point = pytest.mark.parametrize("name", ["camera.eye", "camera.target"])


@each_point
@pytest.mark.parametrize("value", [(FAR, 0.0, 0.0), (0.0, -FAR, 0.0), (0.0, 0.0, math.nextafter(1e13, math.inf))])
def test_cameras_beyond_the_range_are_refused_everywhere(
    gpu: Gpu,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: tuple[float, ...],
) -> None:
    """By flags, presets, images, states and bookmarks, in one line."""
    group, leaf = name.split(".")
    toml = f"[{group}]\n{leaf} = {list(value)!r}\n"
    (tmp_path / "preset.toml").write_text(toml)
    images.save_png(tmp_path / "image.png", np.zeros((1, 1, 3), "u1"), {name: value})
    for flags in (
        [f"--{name}={','.join(map(repr, value))}"],
        ["--preset", tmp_path / "preset.toml"],
        ["--from-image", tmp_path / "image.png"],
    ):
        assert call(monkeypatch, "capture", "--scene", "plane", "--output", tmp_path / "out.png", *flags) == 2
        error = capsys.readouterr().err
        assert f"{name} = " in error and RULE in error and error.count("\n") == 1, error
    with pytest.raises(UserError, match=re.escape(RULE)):
        load_shots([tmp_path / "image.png"])
    session = SessionRunner(gpu).session
    pose = session.pose
    for text in (toml, f'[shared]\nscene = "plane"\n[shared.{group}]\n{leaf} = {list(value)!r}\n'):
        with pytest.raises(UserError, match=re.escape(RULE)):
            load_state(session, text, "a file")
    # as the handler of the key does with a bookmark
    point = value[0], value[1], value[2]
    far_pose = pose._replace(eye=point) if leaf == "eye" else pose._replace(target=point)
    preferences = Preferences(tmp_path)
    preferences.save_bookmark("plane", 1, far_pose)
    restored = preferences.restore_bookmark("plane", 1)
    assert restored == far_pose
    assert not session.set_pose(far_pose) and RULE in session.error
    assert session.pose == pose


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_viewers_camera_stops_at_the_end_of_the_range(gpu: Gpu, sign: float) -> None:
    """Whatever the mouse and the keys do there."""
    session = SessionRunner(gpu).session
    edge = sign * MAX_COORDINATE
    session.move_camera(Pose((edge, edge, edge), (edge - 100 * sign, edge, edge), 40.0))
    moves: list[Callable[[Pose], Pose]] = [
        *(partial(controls.fly, right=x, up=y, forward=z) for x, y, z in 1e9 * np.concatenate([np.eye(3), -np.eye(3)])),
        *(partial(controls.dolly, ratio=ratio, scene=session.scene) for ratio in (1e300, 1e-300)),
        *(partial(controls.pan, right=distance, up=distance) for distance in (1e7, -1e7)),
        partial(controls.orbit, heading=170.0, pitch=80.0),
        partial(controls.look_around, heading=170.0, pitch=-80.0),
    ]
    for move in moves * 3:
        session.move_camera(move(session.pose))
        assert np.abs([session.pose.eye, session.pose.target]).max() <= MAX_COORDINATE
        assert session.step((16, 9)) is not None and not session.error
    session.frame_scene()
    session.frame_scene()
    assert not session.error
    free_targets(gpu, "A", "B")


# ---- names of files -------------------------------------------------------------------------------------------------

LONG_NAME, LONG_PATH = "a" * 300, "folder/" * 1000 + "a"
BAD_NAMES = {"long": LONG_NAME, "deep": LONG_PATH, "nul": "a\0b", "lines": "a\nb", "escape": "\x1b[31ma"}
each_bad_name = pytest.mark.parametrize("bad_name", BAD_NAMES.values(), ids=BAD_NAMES)


def assert_one_line(error: pytest.ExceptionInfo[UserError]) -> None:
    text = str(error.value)
    assert (len(text.splitlines()) == 1 and text.isprintable()) or ("\0" not in text and "\x1b" not in text), repr(text)


@each_bad_name
def test_bad_names_of_scenes_environments_and_presets(bad_name: str) -> None:
    for suffix in (".glb", ".gltf", ".obj", ".ply", ".stl", ".glb:camera=1", ""):
        with pytest.raises(UserError) as error:
            load_shot(Shot(scene=bad_name + suffix))
        assert_one_line(error)
    for suffix in (".hdr", ".exr", ".png", ""):
        with pytest.raises(UserError) as error:
            load_shot(Shot(scene="plane", environment=bad_name + suffix))
        assert_one_line(error)
    for suffix in (".toml", "", "/x"):
        with pytest.raises(UserError) as error:
            parse_overrides({"preset": bad_name + suffix})
        assert_one_line(error)


def test_a_very_long_scene_is_refused_at_once() -> None:
    """Not after all divisions into a path and arguments have been tried."""
    for part in ("a.glb:", "a.glb/", "x=1,"):
        with pytest.raises(UserError, match="no scene"):
            loader.load_scene(part * 200_000 + "/")


@each_bad_name
@pytest.mark.parametrize("kind", ["gltf", "obj", "ply"])
def test_bad_names_within_scene_files(tmp_path: Path, kind: str, bad_name: str) -> None:
    """Of a texture, a buffer or a material file: a UserError or a warning, in one line."""
    name, paths = write_scene_files(tmp_path, kind)
    for referring in paths[:2]:
        content = referring.read_bytes()
        for dependency in FILE_KINDS[kind][1:]:
            if dependency.encode() in content and b"PNG" not in content:
                encoded_name = bad_name.encode("unicode_escape") if kind == "gltf" else bad_name.encode()
                encoded_name = encoded_name.replace(b"\\x00", b"\\u0000").replace(b"\\x1b", b"\\u001b")
                write_changed(referring, content.replace(dependency.encode(), encoded_name))
                try:
                    lines = loader.load_scene(name).warnings
                except UserError as error:
                    lines = (str(error),)
                assert lines and all(len(line.splitlines()) == 1 and "\0" not in line for line in lines), lines
                write_changed(referring, content)
