"""Folders of the program's own files, in a checkout, an editable install and a wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
# a wheel contains both folders inside the package
ROOT = PACKAGE if (PACKAGE / "shaders").is_dir() else PACKAGE.parents[1]
IS_CHECKOUT = ROOT != PACKAGE  # or an editable install: shaders may be edited while the program runs
SHADERS = ROOT / "shaders"
ASSETS = ROOT / "assets"
