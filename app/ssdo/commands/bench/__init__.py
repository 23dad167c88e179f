"""Measurements of errors and costs; each prints a table.

errors     errors of techniques against the reference, over scenes, cameras and radii
equal      errors at equal time, each technique with its best settings
failures   scenes in which screen space fails: what each technique and the reference show
passes     cost by pass, beside the cost of the texture fetches alone
cost       how cost grows with samples, radius, pixels and triangles; also as a CSV file and a plot
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from ssdo.settings import UserError, suggest

BENCHES = ("errors", "equal", "failures", "passes", "cost")


def main(arguments: Sequence[str]) -> int:
    """`bench NAME FLAGS`. Returns the exit code; raises UserError."""
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print("usage: ssdo bench NAME [FLAGS]", (__doc__ or "").strip(), sep="\n\n")
        print("\n`ssdo bench NAME --help` lists the flags of a measurement.")
        return 0
    if name not in BENCHES:
        raise UserError(f"no bench {name}{suggest(name, BENCHES)}")
    exit_code: int = importlib.import_module(f"ssdo.commands.bench.{name}").main(arguments[1:])
    return exit_code
