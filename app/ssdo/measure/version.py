"""Which program this is: what stands beside a published number."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ssdo import __version__


def version() -> str:
    """Of the program, and its commit where it runs from a checkout."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return __version__
    return f"{__version__} ({done.stdout.strip()})" if done.returncode == 0 else __version__
