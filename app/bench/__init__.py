"""Figures that the README states, each by one command.

errors     how far techniques are from world truth and from screen truth, over scenes, cameras and radii
failures   scenes built to break screen space: what each technique makes of them, and the truth
passes     what techniques cost, pass by pass, beside a limit that makes the same fetches
cost       how that grows with samples, radius, pixels and triangles, as a table, a CSV file and a picture
start      from a command to its picture, step by step, and the work outside OpenGL of a frame like the one before
rays       the reference's tree and its rays per second, beside Embree's
loading    a file of millions of triangles: seconds and memory until its picture is there
steady     what remembering light from frame to frame gains and loses: flicker, ghosts and cost
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from app.settings import Problem, suggestion
from app.version import version as version

BENCHES = ("errors", "failures", "passes", "cost", "start", "rays", "loading", "steady")
BLUR = ("blur", "reproject", "halve", "upsample")  # passes that belong to a technique's lighting but are none of its own
SHARED = ("gbuffer", "sun", "lamps", "composite", "display", "average")  # passes that are the same whatever the technique


def sizes(words: str) -> list[tuple[int, int]]:
    """Widths and heights, as in 1280x720,1920x1080. Raises Problem."""
    found = []
    for word in words.split(","):
        width, _, height = word.partition("x")
        if not (width.isdecimal() and height.isdecimal()):
            raise Problem(f"--sizes {word}: must be width x height in pixels, as in 1280x720")
        found.append((int(width), int(height)))
    return found


def own(name: str) -> bool:
    """Whether a pass is one of the technique's own."""
    return not name.startswith((*SHARED, *BLUR))


def spread(times: Sequence[float]) -> dict[str, float]:
    """Median, 5th and 95th percentile."""
    low, median, high = np.percentile(times, [5, 50, 95])
    return {"median": float(median), "low": float(low), "high": float(high)}


def summed(passes: Mapping[str, Sequence[float]], chosen: Callable[[str], bool]) -> dict[str, float]:
    """The spread of what some passes take together in each frame; nothing takes no time."""
    return spread([sum(frame) for frame in zip(*(times for name, times in passes.items() if chosen(name)), strict=True)] or [0.0])


def megabytes(children: bool = False) -> float:
    """The most that this process has held, or those that it started; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0.0
    most = resource.getrusage(resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) / 2**20


def peak_memory(children: bool = False) -> str:
    """The same in words; empty where the system does not tell."""
    most = megabytes(children)
    return f"{most / 1024:.2f} GB" if most else ""


def main(arguments: Sequence[str]) -> int:
    """`bench NAME FLAGS`. Returns the exit code; raises Problem."""
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print(f"usage: python -m app bench NAME [FLAGS]\n\n{(__doc__ or '').strip()}\n\n`python -m app bench NAME --help` lists the flags of one.")
        return 0
    if name not in BENCHES:
        raise Problem(f"no bench {name}{suggestion(name, BENCHES)}")
    code: int = importlib.import_module(f"app.bench.{name}").main(arguments[1:])
    return code
