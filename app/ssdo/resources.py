"""Where the program's own files are: in a checkout, an editable install and a wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
# the wheel holds both folders inside the package
ROOT = PACKAGE if (PACKAGE / "shaders").is_dir() else PACKAGE.parents[1]
SHADERS = ROOT / "shaders"
ASSETS = ROOT / "assets"
