"""Figures that the README states, each by one command.

errors     how far techniques are from world truth and from screen truth, over scenes, cameras and radii
equal      which technique is nearest to the truth in the same time, each with the settings that suit it best
failures   scenes built to break screen space: what each technique makes of them, and the truth
passes     what techniques cost, pass by pass, beside a limit that makes the same fetches
cost       how that grows with samples, radius, pixels and triangles, as a table, a CSV file and a picture
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from ssdo.settings import UserError, suggest

BENCHES = ("errors", "equal", "failures", "passes", "cost")


def sizes(words: str) -> list[tuple[int, int]]:
    """Widths and heights, as in 1280x720,1920x1080. Raises UserError."""
    found = []
    for word in words.split(","):
        width, _, height = word.partition("x")
        if not (width.isdecimal() and height.isdecimal()):
            raise UserError(f"--sizes {word}: must be width x height in pixels, as in 1280x720")
        found.append((int(width), int(height)))
    return found


def main(arguments: Sequence[str]) -> int:
    """`bench NAME FLAGS`. Returns the exit code; raises UserError."""
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print(
            f"usage: python -m ssdo bench NAME [FLAGS]\n\n{(__doc__ or '').strip()}\n\n`python -m ssdo bench NAME --help` lists the flags of one."
        )
        return 0
    if name not in BENCHES:
        raise UserError(f"no bench {name}{suggest(name, BENCHES)}")
    code: int = importlib.import_module(f"ssdo.commands.bench.{name}").main(arguments[1:])
    return code
