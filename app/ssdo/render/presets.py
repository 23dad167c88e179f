"""Presets: TOML files with parameters. Those that come with the program are found by name."""

from __future__ import annotations

from pathlib import Path

from ssdo.resources import ASSETS
from ssdo.settings import UserError, suggest

FOLDER = ASSETS / "presets"
TIERS = ("low", "medium", "high", "ultra")  # from cheap to dear


def built_in() -> dict[str, Path]:
    """By name, from cheap to dear."""
    found = {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}
    return {name: found[name] for name in sorted(found, key=lambda n: TIERS.index(n) if n in TIERS else len(TIERS))}


def path_of(word: str | Path) -> Path:
    """A file, or a preset by its name. Raises UserError for a bare word that is neither."""
    path, known = Path(word), built_in()
    if path.suffix or len(path.parts) != 1 or path.exists():
        return path
    if path.name not in known:
        raise UserError(f"no preset {path.name[:100]}{suggest(path.name, known)}, or give a path to a .toml file")
    return known[path.name]
