"""The table of built-in scenes: a module or function for each."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from ssdo.scene.model import Scene

# By name: the module whose function build_<name> builds the scene, or that function itself. Modules are imported
# when their scene is used.
BUILT_IN_SCENES: dict[str, Callable[..., Scene] | str] = {
    **{name: name for name in ("courtyard", "parlour", "atelier", "cornell", "nook", "blocks", "million")},
    **dict.fromkeys(
        ("plane", "corner", "niche", "fence", "groove", "trench", "ball", "bowl", "room", "step", "checker", "pole"),
        "fixtures",
    ),
    **dict.fromkeys(
        ("signpost", "overhang", "bouncer", "backlight", "grazing", "foreground", "grille", "scale"), "failures"
    ),
}


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
