"""Packages that some features need, and the command that installs them where this program runs."""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from ssdo.settings import UserError

IS_X86 = platform.machine().lower() in ("x86_64", "amd64")


class OptionalPackage(NamedTuple):
    """A package on PyPI."""

    name: str
    purpose: str
    has_wheels: bool = True  # for this platform and Python


# By Python module. Each is an extra in pyproject.toml, with the same conditions.
OPTIONAL_PACKAGES = {
    "DracoPy": OptionalPackage("DracoPy", "glTF files with Draco compression"),
    "OpenEXR": OptionalPackage("OpenEXR", ".exr images"),
    "alktx2": OptionalPackage("alktx2", "KTX2 images of glTF files", IS_X86 and sys.platform in ("linux", "win32")),
    "av": OptionalPackage("av", ".mp4 videos"),
    "distributed": OptionalPackage("distributed", "sweep --cluster"),
    "flip_evaluator": OptionalPackage("flip-evaluator", "the metric FLIP", sys.version_info < (3, 14)),
    "matplotlib": OptionalPackage("matplotlib", "plots"),
    "meshopt": OptionalPackage("meshopt", "glTF files with meshopt compression"),
    "optuna": OptionalPackage("optuna", "tune"),
}


class MissingPackageError(UserError):
    """A feature needs a package that is not installed."""


def make_missing_error(subject: str, module: str, alternative: str = "") -> MissingPackageError:
    """The error for a module that cannot be imported. `subject`: with a verb, as in "the plot needs"."""
    package = OPTIONAL_PACKAGES[module]
    cure = f": {format_install_command(package.name)}"
    if not package.has_wheels:
        cure = ", which has no release for this Python and platform"
    return MissingPackageError(f"{subject} the package {package.name}{cure}{alternative}")


def format_install_command(package: str) -> str:
    """The command that installs a package for this Python, which need not be the one that `pip` on the PATH is of."""
    python = _shorten_path(sys.executable)
    if importlib.util.find_spec("pip") is None and shutil.which("uv"):
        return _join_words(["uv", "pip", "install", "--python", python, package])
    return _join_words([python, "-m", "pip", "install", package])


def _shorten_path(path: str) -> str:
    """The path from the current folder, if the file is below it."""
    try:
        inside = Path(path).relative_to(Path.cwd())
    except (ValueError, OSError):  # OSError: the current folder is gone
        return path
    return str(inside) if len(inside.parts) > 1 else path


def _join_words(words: list[str]) -> str:
    """A command line of the platform's shell."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
