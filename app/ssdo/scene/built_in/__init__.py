"""Built-in scenes, a module each, and any scene by what the flag `--scene` says: a name, a name with arguments, or a
path.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from ssdo.scene.files import SCENES, SCENES_IN_WORDS, progress
from ssdo.scene.model import Scene
from ssdo.settings import UserError, suggest

LARGE = 100 << 20  # bytes of a scene that are worth a word
MESHES = (".obj", ".ply", ".stl")  # read by scene/files/meshes.py, the others by gltf.py
# The functions that build scenes; until one is asked for, the name of its module: a picture needs one of them, and to
# import all takes 30 ms.
BUILT_IN: dict[str, Callable[..., Scene] | str] = {
    **{name: name for name in ("courtyard", "parlour", "atelier", "cornell", "nook", "blocks", "million")},
    **dict.fromkeys(
        ("plane", "corner", "niche", "fence", "groove", "trench", "ball", "bowl", "room", "step", "checker", "pole"),
        "fixtures",
    ),
    **dict.fromkeys(
        ("signpost", "overhang", "bouncer", "backlight", "grazing", "foreground", "grille", "scale"), "failures"
    ),
}


def builder(name: str) -> Callable[..., Scene]:
    """The function that builds a built-in scene."""
    found = BUILT_IN[name]
    if isinstance(found, str):
        found = BUILT_IN[name] = getattr(importlib.import_module(f"{__name__}.{found}"), name)
    return found


def moves(name: str) -> bool:
    """Whether a scene depends on the time."""
    name = name.partition(":")[0]
    return name in BUILT_IN and "time" in _parameters(builder(name))


@cache
def _parameters(function: Callable[..., Scene]) -> Mapping[str, inspect.Parameter]:
    """What a scene may be told: asked for in every frame."""
    return inspect.signature(function).parameters


def load(text: str, time: float = 0.0) -> Scene:
    """The scene that `text` names: `courtyard`, `blocks:count=9`, `models/chair.glb`,
    `models/chair.glb:scene=1,camera=2,light=0`.

    `time` in seconds, for those that move. Raises UserError for what does not exist or cannot be read.
    """
    name, _, arguments = text.partition(":")
    if name in BUILT_IN:
        return _built_in(text, name, arguments, time if moves(name) else 0.0)
    # a drive's colon stands before
    file = re.fullmatch(rf"(.*(?:{'|'.join(map(re.escape, SCENES))}))(?::([^/\\]*))?", text, re.IGNORECASE | re.DOTALL)
    if file is None:
        raise UserError(f"no scene {text}{suggest(name, BUILT_IN)}, or give a path to a {SCENES_IN_WORDS} file")
    path = Path(file[1])
    known = {} if path.suffix.lower() in MESHES else {"scene": 0, "camera": 0, "light": 0}
    given = _arguments(text, file[2] or "", known, f"a {path.suffix.lower()} file")
    for key, value in given.items():
        if value < 0:
            raise UserError(f"scene {text}: {key} must be a whole number from 0")
    return _file(path, path.stat().st_mtime_ns if path.is_file() else 0, tuple(given.items()))


def announce(text: str, time: float = 0.0) -> None:
    """Load a scene, with a bar where that takes a while, and say on stderr what was odd in its file and how large it
    is, unless it is small.
    """
    with progress.on_terminal():
        scene = load(text, time)
    for note in scene.notes:
        print(f"{text}: {note}", file=sys.stderr)
    if scene.bytes > LARGE:
        print(f"{text}: {described(scene)}", file=sys.stderr)


def described(scene: Scene) -> str:
    """How large it is, in words."""
    return f"{scene.triangle_count} triangles, {scene.bytes / 2**20:.0f} MB"


@lru_cache(4)
def _built_in(text: str, name: str, arguments: str, time: float) -> Scene:
    function = builder(name)
    known = {k: p.default for k, p in _parameters(function).items() if k != "time"}
    given = _arguments(text, arguments, known, name)
    if moves(name):
        given["time"] = time
    scene: Scene = function(**given)
    return replace(scene, name=text)


def _arguments(text: str, arguments: str, known: dict[str, Any], name: str) -> dict[str, Any]:
    """Numbers as key=value,... of the types that `known` has."""
    given: dict[str, Any] = {}
    for part in filter(None, arguments.split(",")):
        key, _, value = part.partition("=")
        if key not in known:
            raise UserError(
                f"scene {text}: no argument {key}{suggest(key, known) if known else f'; {name} takes none'}"
            )
        try:
            given[key] = type(known[key])(value)
        except ValueError:
            raise UserError(
                f"scene {text}: {key} must be {'a whole number' if isinstance(known[key], int) else 'a number'}"
            ) from None
    return given


@lru_cache(2)
def _file(path: Path, changed: int, chosen: tuple[tuple[str, int], ...]) -> Scene:
    if path.suffix.lower() in MESHES:
        from ssdo.scene.files import meshes

        return meshes.load(path)
    from ssdo.scene.files import gltf

    return gltf.load(path, **dict(chosen))
