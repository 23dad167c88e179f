"""Flags and output that measurements have in common."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ssdo.gpu.context import Gpu
from ssdo.gpu.timer import PassTimer
from ssdo.measure import images
from ssdo.measure.output_files import require_absent
from ssdo.measure.timings import CLOCKS
from ssdo.measure.version import program_version
from ssdo.render.shot import Shot
from ssdo.settings import UserError


def add_count_flag(parser: argparse.ArgumentParser, flag: str, default: int, minimum: int, description: str) -> None:
    """A flag for a number of repetitions, `minimum` to 1000. Parsing raises UserError."""

    def parse_count(word: str) -> int:
        if not minimum <= (count := int(word)) <= 1000:
            raise UserError(f"--{flag} {count}: must be {minimum} to 1000")
        return count

    parse_count.__name__ = "int"  # argparse names the type in its error messages
    text = f"{description}, {minimum} to 1000 [{default}]"
    parser.add_argument(f"--{flag}", type=parse_count, default=default, metavar="N", help=text)


def add_techniques_flag(parser: argparse.ArgumentParser, default: str) -> None:
    """`--techniques`, a comma-separated list."""
    parser.add_argument("--techniques", default=default, metavar="T,T,...", help=f"techniques to measure [{default}]")


def add_clock_flag(parser: argparse.ArgumentParser) -> None:
    """`--clock`, for `select_clock`."""
    parser.add_argument(
        "--clock",
        default="wall",
        choices=CLOCKS,
        help="clock on a software renderer: cpu counts processor time, for busy machines [wall]",
    )


def select_clock(gpu: Gpu, clock: str) -> str:
    """Measure passes by this clock; returns its description. Raises UserError where it cannot measure the GPU."""
    seconds, description = CLOCKS[clock]
    gpu.timer = PassTimer(gpu.ctx, clock=seconds)
    if clock != "wall" and not gpu.is_software_renderer:
        raise UserError(f"--clock {clock}: {gpu.ctx.info['GL_RENDERER']} is not a software renderer; leave it out")
    return description if gpu.is_software_renderer else "timer queries"


def add_output_flags(parser: argparse.ArgumentParser, description: str) -> None:
    """`--output` and `--overwrite`, for `pop_output`."""
    parser.add_argument("--output", type=Path, metavar="FILE.json", help=description)
    parser.add_argument("--overwrite", action="store_true", help="overwrite an existing file")


class FiguresFile(NamedTuple):
    """The file of a measurement's figures."""

    path: Path
    overwrite: bool


def pop_output(flags: dict[str, Any]) -> FiguresFile | None:
    """The output file, or None. Raises UserError where it exists and may not be overwritten."""
    output, overwrite = flags.pop("output"), flags.pop("overwrite")
    if output is None:
        return None
    require_absent([output], overwrite)
    return FiguresFile(output, overwrite)


def save_figures(output: FiguresFile | None, run: str, figures: Mapping[str, Any]) -> None:
    """Write figures and a description of the run as JSON. Without a file nothing is written. Raises UserError."""
    if output:
        values = {"run": run, "version": program_version(), **figures}
        images.save_json(output.path, values, overwrite=output.overwrite)
        print(output.path.absolute(), file=sys.stderr)


def parse_sizes(text: str) -> list[tuple[int, int]]:
    """Widths and heights in pixels, as in 1280x720,1920x1080. Raises UserError."""
    sizes = []
    for word in text.split(","):
        width, _, height = word.partition("x")
        if not (width.isdecimal() and height.isdecimal()):
            raise UserError(f"--sizes {word}: must be width x height in pixels, as in 1280x720")
        sizes.append((int(width), int(height)))
    return sizes


def describe_machine(gpu: Gpu) -> str:
    return f"{gpu.ctx.info['GL_RENDERER']}, {os.cpu_count()} cores"


def describe_resolution(shot: Shot) -> str:
    return f"{shot.width} x {shot.height}" + (", lighting at half resolution" if shot.lighting.is_half else "")


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    return lines + [f"| {' | '.join(row)} |" for row in rows]
