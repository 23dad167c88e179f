"""Built-in scenes, a module each, and any scene by what the flag `--scene` says: a name, a name with arguments, or a path."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from app.loading import SCENES, SCENES_IN_WORDS, gltf, meshes
from app.scene import Scene
from app.scenes import failures, fixtures
from app.scenes.blocks import blocks
from app.scenes.cornell import cornell
from app.scenes.courtyard import courtyard
from app.scenes.million import million
from app.scenes.nook import nook
from app.settings import Problem, suggestion

BUILT_IN: dict[str, Callable[..., Scene]] = {f.__name__: f for f in (courtyard, cornell, nook, blocks, million, *fixtures.ALL, *failures.ALL)}


def moves(name: str) -> bool:
    """Whether a scene depends on the time."""
    function = BUILT_IN.get(name.partition(":")[0])
    return function is not None and "time" in inspect.signature(function).parameters


def load(text: str, time: float = 0.0) -> Scene:
    """The scene that `text` names: `courtyard`, `blocks:count=9`, `models/chair.glb`. `time` in seconds, for those that move.

    Raises Problem for what does not exist or cannot be read.
    """
    name, _, arguments = text.partition(":")
    if name in BUILT_IN:
        return _built_in(text, name, arguments, time if moves(name) else 0.0)
    path = Path(text)
    if path.suffix.lower() in SCENES:
        return _file(path, path.stat().st_mtime_ns if path.is_file() else 0)
    raise Problem(f"no scene {text}{suggestion(name, BUILT_IN)}, or give a path to a {SCENES_IN_WORDS} file")


@lru_cache(4)
def _built_in(text: str, name: str, arguments: str, time: float) -> Scene:
    function = BUILT_IN[name]
    known = {k: p.default for k, p in inspect.signature(function).parameters.items() if k != "time"}
    given: dict[str, float] = {}
    for part in filter(None, arguments.split(",")):
        key, _, value = part.partition("=")
        if key not in known:
            raise Problem(f"scene {text}: no argument {key}{suggestion(key, known) if known else f'; {name} takes none'}")
        try:
            given[key] = type(known[key])(value)
        except ValueError:
            raise Problem(f"scene {text}: {key} must be {'a whole number' if isinstance(known[key], int) else 'a number'}") from None
    if moves(name):
        given["time"] = time
    scene: Scene = function(**given)
    return replace(scene, name=text)


@lru_cache(2)
def _file(path: Path, changed: int) -> Scene:
    return meshes.load(path) if path.suffix.lower() in meshes.READERS else gltf.load(path)
