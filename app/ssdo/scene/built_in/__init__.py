"""The table of built-in scenes, by group: a module or function for each."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from functools import cache

from ssdo.scene.model import Scene

# By group and name: the module whose function build_<name> builds the scene, or that function itself. Modules are
# imported when their scene is used. Lists of scenes are in this order.
SCENE_GROUPS: dict[str, dict[str, Callable[..., Scene] | str]] = {
    "outdoors": {"courtyard": "courtyard"},
    "rooms": {name: name for name in ("parlour", "cornell", "nook")},
    "objects": {name: name for name in ("atelier", "blocks", "million")},
    "known light": dict.fromkeys(
        ("plane", "corner", "niche", "fence", "groove", "trench", "ball", "bowl", "room", "step", "checker", "pole"),
        "fixtures",
    ),
    "failure gallery": dict.fromkeys(
        ("signpost", "overhang", "bouncer", "backlight", "grazing", "foreground", "grille", "scale"), "failures"
    ),
}
BUILT_IN_SCENES: dict[str, Callable[..., Scene] | str] = {
    name: entry for scenes in SCENE_GROUPS.values() for name, entry in scenes.items()
}


@cache
def describe_builder(name: str) -> str:
    """The first sentence about a built-in scene, in one line."""
    line = inspect.cleandoc(get_builder(name).__doc__ or "").partition("\n")[0]
    return line.partition(". ")[0].rstrip(".")


def is_built_in(spec: str) -> bool:
    """Whether a scene, with its arguments, is built in."""
    return spec.partition(":")[0] in BUILT_IN_SCENES


def get_builder(name: str) -> Callable[..., Scene]:
    """The function that builds a built-in scene."""
    entry = BUILT_IN_SCENES[name]
    if not isinstance(entry, str):
        return entry
    build: Callable[..., Scene] = getattr(importlib.import_module(f"{__name__}.{entry}"), f"build_{name}")
    return build
