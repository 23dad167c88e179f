"""Load a scene by name: a built-in scene with arguments, or a scene file by its path."""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ssdo.scene.built_in import BUILT_IN_SCENES, get_builder
from ssdo.scene.files.errors import quote_name
from ssdo.scene.files.file_cache import FileCache
from ssdo.scene.files.progress import show_progress_bar
from ssdo.scene.limits import Limits
from ssdo.scene.model import Scene
from ssdo.scene.staging import stage_file_scene
from ssdo.settings import UserError, shorten, suggest

GLTF_SUFFIXES = (".glb", ".gltf")
SCENE_SUFFIXES = (*GLTF_SUFFIXES, ".obj", ".ply", ".stl")
SCENE_SUFFIXES_TEXT = f"{', '.join(SCENE_SUFFIXES[:-1])} or {SCENE_SUFFIXES[-1]}"  # for help texts and messages
MAX_SPEC = 1 << 14  # characters: file systems have shorter paths
LARGE_SCENE_BYTES = 100 << 20  # the size of larger scenes is printed

_files: FileCache[Scene] = FileCache(max_entries=2)


class SceneFile(NamedTuple):
    """A scene's file, and what is chosen from it: indices of a glTF file's scene, camera and light."""

    path: Path
    selection: tuple[tuple[str, int], ...]
    up: str | None = None  # the file's axis that points up; None: as usual in its format

    def read(self) -> Scene:
        return stage_file_scene(read_scene_file(self.path, self.up, **dict(self.selection)))


def load_scene(spec: str, time: float = 0.0, up: str | None = None) -> Scene:
    """Load a built-in scene or a scene file; the last few are cached.

    `spec` is a name, a name with arguments, or a path: `courtyard`, `blocks:count=9`, `models/chair.glb`,
    `models/chair.glb:scene=1,camera=2,light=0`. `time` is in seconds and moves animated scenes.
    `up` is the axis of a file's coordinates that points up, y or z; None: as usual in its format.
    It has no effect on built-in scenes. Raises UserError for a scene that does not exist or cannot be read.
    """
    name, _, arguments = spec.partition(":")
    if name in BUILT_IN_SCENES:
        return _build_scene(spec, name, arguments, time if is_animated(name) else 0.0)
    file = _parse_file_spec(spec)._replace(up=up)
    return _files.load(file, file.read)


def compute_scene_digest(spec: str) -> str:
    """A digest of the contents of all files of a scene; empty for a built-in scene. Raises UserError.

    It is the same on every machine, unlike the scene's arrays, whose last bits depend on the processor.
    """
    if spec.partition(":")[0] in BUILT_IN_SCENES:
        return ""
    file = _parse_file_spec(spec)
    return _files.compute_digest(file, file.read)


def preload_scene(spec: str, time: float = 0.0, up: str | None = None) -> None:
    """Load a scene into the cache with a progress bar, and print its notes on stderr."""
    with show_progress_bar():
        scene = load_scene(spec, time, up)
    print_notes(spec, scene)


def print_notes(spec: str, scene: Scene) -> None:
    """Print a scene's notes on stderr, and its size if it is large. `spec` is the name it was loaded by."""
    for note in scene.notes:
        print(f"{spec}: {note}", file=sys.stderr)
    if scene.byte_size > LARGE_SCENE_BYTES:
        print(f"{spec}: {describe_scene(scene)}", file=sys.stderr)


def describe_scene(scene: Scene) -> str:
    """The number of triangles and the size in memory, as text."""
    return f"{scene.triangle_count} triangles, {scene.byte_size / 2**20:.0f} MiB"


def is_animated(spec: str) -> bool:
    """Whether a scene depends on the time. `spec` as for `load_scene`."""
    name = spec.partition(":")[0]
    return name in BUILT_IN_SCENES and "time" in _get_parameters(get_builder(name))


def read_scene_file(path: Path, up: str | None = None, **selection: int) -> Scene:
    """Read a scene file by its suffix, without the cache. `up`: as for `load_scene`.

    `selection` is for glTF: scene, camera, light.

    Readers are imported when they are needed. Raises UserError for a file that cannot be read.
    """
    match path.suffix.lower():
        case ".obj":
            from ssdo.scene.files.obj import read_obj

            return read_obj(path, up or "y")
        case ".ply":
            from ssdo.scene.files.ply import read_ply

            return read_ply(path, up or "y")
        case ".stl":
            from ssdo.scene.files.stl import read_stl

            return read_stl(path, up)
        case _:
            from ssdo.scene.files.gltf import read_gltf

            return read_gltf(path, up=up or "y", **selection)


@lru_cache(16)  # called several times a frame
def _parse_file_spec(spec: str) -> SceneFile:
    """The file that `spec` names, which may not exist. Raises UserError."""
    # The arguments follow the last colon behind the suffix: a Windows drive has a colon, too.
    suffixes = "|".join(map(re.escape, SCENE_SUFFIXES))
    pattern = rf"(.*(?:{suffixes}))(?::([^/\\]*))?"
    match = re.fullmatch(pattern, spec[:MAX_SPEC], re.IGNORECASE | re.DOTALL)
    if match is None or len(spec) > MAX_SPEC:
        hint = f"{suggest(spec.partition(':')[0], BUILT_IN_SCENES)}, or give a path to a {SCENE_SUFFIXES_TEXT} file"
        raise UserError(f"no scene {quote_name(spec)}{hint}")
    path = Path(match[1])
    suffix = path.suffix.lower()
    defaults = {"scene": 0, "camera": 0, "light": 0} if suffix in GLTF_SUFFIXES else {}
    selection = _parse_arguments(spec, match[2] or "", defaults, f"a {suffix} file")
    for key, value in selection.items():
        if value < 0:
            raise UserError(f"scene {quote_name(spec)}: {key} must be a whole number from 0")
    return SceneFile(path, tuple(selection.items()))


@lru_cache(4)
def _build_scene(spec: str, name: str, arguments: str, time: float) -> Scene:
    build = get_builder(name)
    defaults = {key: p.default for key, p in _get_parameters(build).items() if key != "time"}
    values = _parse_arguments(spec, arguments, defaults, name)
    _check_limits(spec, values, get_limits(build))
    if is_animated(name):
        values["time"] = time
    scene: Scene = build(**values)
    return replace(scene, name=spec)


@cache
def _get_parameters(build: Callable[..., Scene]) -> Mapping[str, inspect.Parameter]:
    """The arguments that a built-in scene takes. Cached, since every frame asks for them."""
    return inspect.signature(build).parameters


def get_limits(build: Callable[..., Scene]) -> dict[str, Limits]:
    """The ranges of a built-in scene's arguments, by name, from the annotations of its builder."""
    hints = typing.get_type_hints(build, include_extras=True)
    extras = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {name: extra for name in extras for extra in extras[name] if isinstance(extra, Limits)}


def _check_limits(spec: str, values: Mapping[str, Any], limits: Mapping[str, Limits]) -> None:
    """Raises UserError for a value out of its range. Every argument of a scene must have one."""
    for key, value in values.items():
        if not limits[key].contains(value):
            number = f"{value:g}" if isinstance(value, float) else shorten(value)
            raise UserError(f"scene {quote_name(spec)}: {key} = {number}: must be {limits[key].range_text()}")


def _parse_arguments(spec: str, arguments: str, defaults: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Parse `key=value,...` into numbers of the types of `defaults`. Raises UserError for any other key or value."""
    values: dict[str, Any] = {}
    for argument in filter(None, arguments.split(",")):
        key, _, value = argument.partition("=")
        if key not in defaults:
            hint = suggest(key, defaults) if defaults else f"; {name} takes none"
            raise UserError(f"scene {quote_name(spec)}: no argument {quote_name(key)}{hint}")
        try:
            values[key] = type(defaults[key])(value)
        except ValueError:
            kind = "a whole number" if isinstance(defaults[key], int) else "a number"
            raise UserError(f"scene {quote_name(spec)}: {key} must be {kind}") from None
    return values
