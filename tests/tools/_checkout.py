"""Lets a developer's program import `ssdo` and the tests' helpers, whatever folder it is started in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHADERS = Path(__file__).resolve().parent / "shaders"  # of these programs alone

sys.path[:0] = [folder for folder in (str(ROOT / "app"), str(ROOT / "tests")) if folder not in sys.path]


def run(main: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """The exit code of a program. A UserError is printed as one line, as `ssdo` does."""
    from ssdo.settings import UserError

    try:
        return main(arguments)
    except UserError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        return error.code
