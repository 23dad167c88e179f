"""Flags that benches have in common: how often is measured, by which clock, and the file for the figures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssdo.gpu.context import Clock, Gpu
from ssdo.measure import images
from ssdo.measure.timings import CLOCKS
from ssdo.measure.version import version
from ssdo.settings import UserError


def add_count(parser: argparse.ArgumentParser, flag: str, default: int, low: int, what: str) -> None:
    """A flag for how often something is measured, `low` to 1000. Raises UserError when it is parsed."""

    def counted(word: str) -> int:
        if not low <= (count := int(word)) <= 1000:
            raise UserError(f"--{flag} {count}: must be {low} to 1000")
        return count

    counted.__name__ = "int"  # as argparse calls what is none
    parser.add_argument(
        f"--{flag}", type=counted, default=default, metavar="N", help=f"{what}, {low} to 1000 [{default}]"
    )


def add_clock(parser: argparse.ArgumentParser) -> None:
    """The flag for `set_clock`."""
    parser.add_argument(
        "--clock",
        default="wall",
        choices=CLOCKS,
        help="what counts on a software renderer: cpu where other programs run [wall]",
    )


def set_clock(gpu: Gpu, clock: str) -> str:
    """Measure by it from now on, and by what, in words. Raises UserError where it cannot count."""
    seconds, words = CLOCKS[clock]
    gpu.clock = Clock(gpu.ctx, seconds=seconds)
    if clock != "wall" and not gpu.clock.software:
        raise UserError(
            f"--clock {clock}: {gpu.ctx.info['GL_RENDERER']} does not draw with the processor; leave it out"
        )
    return words if gpu.clock.software else "timer queries"


def add_output(parser: argparse.ArgumentParser, what: str) -> None:
    """Flags for a file of figures."""
    parser.add_argument("--output", type=Path, metavar="FILE.json", help=what)
    parser.add_argument("--overwrite", action="store_true", help="an existing file may be replaced")


def take_output(given: dict[str, Any]) -> Path | None:
    """The file, or None. Raises UserError where it exists and may not be replaced."""
    output: Path | None = given.pop("output")
    images.check_free([output] if output else [], given.pop("overwrite"))
    return output


def save(output: Path | None, drawn: str, figures: Mapping[str, Any]) -> None:
    """Write figures, and what drew them, to the file that was asked for, if one was."""
    if output:
        images.save_json(output, {"drawn": drawn, "version": version(), **figures})
        print(output.absolute(), file=sys.stderr)
