"""Presets: TOML files of parameters. Built-in ones are chosen by name."""

from __future__ import annotations

from pathlib import Path

from ssdo.resources import ASSETS
from ssdo.scene.files.errors import quote_name
from ssdo.scene.files.file_access import file_exists
from ssdo.settings import UserError, suggest

FOLDER = ASSETS / "presets"
QUALITY_ORDER = ("low", "medium", "high", "ultra")


def built_in_presets() -> dict[str, Path]:
    """Files by name: the four qualities first, then the others in alphabetical order."""
    paths = {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}
    qualities = [name for name in QUALITY_ORDER if name in paths]
    return {name: paths[name] for name in dict.fromkeys([*qualities, *paths])}


def preset_path(name: str | Path) -> Path:
    """The file of a built-in preset, or the path itself. Raises UserError for a bare word that is neither."""
    path, presets = Path(name), built_in_presets()
    if path.suffix or len(path.parts) != 1 or file_exists(path):
        return path
    if path.name not in presets:
        raise UserError(
            f"no preset {quote_name(path.name)}{suggest(path.name, presets)}, or give a path to a .toml file"
        )
    return presets[path.name]
