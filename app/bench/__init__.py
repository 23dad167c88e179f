"""Figures that the README states, each by one command.

  errors     how far techniques are from world truth and from screen truth, over scenes, cameras and radii
  failures   scenes built to break screen space: what each technique makes of them, and the truth
  passes     what techniques cost, pass by pass, beside a limit that makes the same fetches
  rays       the reference's tree and its rays per second, beside Embree's
  loading    a file of millions of triangles: seconds and memory until its picture is there
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from app.settings import Problem, suggestion

BENCHES = ("errors", "failures", "passes", "rays", "loading")


def peak_memory(children: bool = False) -> str:
    """The most that this process has held, or those that it started; empty where the system does not tell."""
    try:
        import resource
    except ImportError:
        return ""
    most = resource.getrusage(resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF).ru_maxrss
    return f"{most * (1 if sys.platform == 'darwin' else 1024) / 2**30:.2f} GB"


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
