"""The program's version and commit, which stand beside published numbers."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ssdo import __version__


def program_version() -> str:
    """The version; in a checkout also the commit, and whether it has changed."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        git = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return __version__
    return f"{__version__} ({git.stdout.strip()})" if git.returncode == 0 else __version__
