"""How large and how often the viewer draws while the hand moves the camera, or the light.

The viewer's own session draws as in its window, one step after the other, into a texture of the window's size, each
step waited for; without the panel and what the system's window takes. Some steps go before those that are measured, in
which the size settles. On a software renderer light is found at half the resolution, as the viewer begins there, unless
flags say otherwise.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from statistics import median_high
from typing import Any

import _checkout
from ssdo.commands.bench.flags import add_count, add_output, save, take_output
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure.timings import in_words, spread
from ssdo.measure.version import version
from ssdo.render.shot import Shot, add_shot_flags, parse_overrides
from ssdo.settings import Parser, parse
from ssdo.viewer import controls
from ssdo.viewer.session import Session, at_first
from tqdm import tqdm

SETTLING = 10  # steps before those that are measured
PAUSE = 10.0  # seconds that the session takes to have passed, so that a picture is at rest
TURN = 0.5  # degrees in a step
MOTIONS = ("the camera goes around", "the sky turns")


def main(arguments: Sequence[str]) -> int:
    """Run with the flags of a command line. Returns the exit code; raises UserError."""
    parser = Parser(
        "python tests/tools/interaction.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--techniques",
        default="ssao,ssdo",
        metavar="T,T,...",
        help="each alone, then the first and the last beside one another [ssao,ssdo]",
    )
    add_count(parser, "steps", 40, 3, "steps that are measured")
    add_output(parser, "all figures, and what drew")
    add_shot_flags(parser)
    given = parse(parser, arguments)
    output, steps, names = take_output(given), given.pop("steps"), given.pop("techniques").split(",")
    wanted = parse_overrides(given)
    shots = wanted.build_shots(names)
    with Gpu(create_headless_context()) as gpu:
        begun = [at_first(gpu, shot, not wanted.is_set("lighting.resolution")) for shot in shots]
        rows: list[dict[str, Any]] = []
        for left, right in tqdm(
            [*((None, shot) for shot in begun), *[(begun[0], begun[-1])] * (len(begun) > 1)],
            desc="moving",
            disable=None,
        ):
            rows += measured(gpu, left, right, steps)
        half = ", lighting at half" * begun[0].lighting.is_half
        drawn = f"{begun[0].scene}, a window of {begun[0].width} x {begun[0].height}{half}, {gpu.ctx.info['GL_RENDERER']}, {os.cpu_count()} cores"
    print("\n".join([*table(rows), "", f"{drawn}; {steps} steps; version {version()}"]))
    save(output, drawn, {"steps": steps, "rows": rows})
    return 0


class Hand:
    """A session, and a window's pixels to show it in. Time may be skipped."""

    def __init__(self, gpu: Gpu, left: Shot | None, right: Shot) -> None:
        self.gpu, self.size, self.skipped = gpu, (right.width, right.height), 0.0
        self.session = Session(gpu, right, {}, now=lambda: time.perf_counter() + self.skipped)
        self.window = gpu.ctx.framebuffer([gpu.ctx.texture(self.size, 4)])
        if left:
            self.session.techniques["A"] = left.technique
            self.session.toggle_split()

    def rest(self) -> None:
        """Until nothing is left to be drawn, or 20 steps."""
        for _ in range(20):
            self.skipped += PAUSE
            if not self.session.step(self.size):
                break

    def step(self, number: int, motion: str) -> float:
        """Milliseconds until a change is seen."""
        start = time.perf_counter()
        if motion == MOTIONS[0]:
            self.session.move(controls.orbit(self.session.pose, TURN, 0.0))
        else:
            self.session.change({"sky.rotation": TURN * (number + SETTLING)})
        self.session.step(self.size, busy=True)
        self.session.show(self.window)
        self.gpu.ctx.finish()
        return 1e3 * (time.perf_counter() - start)


def measured(gpu: Gpu, left: Shot | None, right: Shot, steps: int) -> list[dict[str, Any]]:
    """A row for each motion: what is shown, milliseconds of a step, the median of the sizes it is drawn at."""
    rows = []
    for motion in MOTIONS:
        hand = Hand(gpu, left, right)
        hand.rest()
        session = hand.session
        times: list[float] = []
        scales: list[float] = []
        for number in range(-SETTLING, steps):
            took = hand.step(number, motion)
            if number >= 0:
                times.append(took)
                scales.append(session.sides["B"].scale)
        scale = median_high(scales)
        size = [round(n * scale) for n in hand.size]
        shown = " beside ".join(session.label(slot) for slot in session.shown)
        rows.append({"shown": shown, "motion": motion, "milliseconds": spread(times), "size": size, "scale": scale})
    return rows


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Markdown: medians in milliseconds with 5th and 95th percentile."""
    lines = ["| shown | what moves | frames a second | milliseconds | drawn at |", "|---|---|---|---|---|"]
    for row in rows:
        took, (width, height) = row["milliseconds"], row["size"]
        cells = [
            row["shown"],
            row["motion"],
            f"{1e3 / took['median']:.0f}",
            in_words(took, 0),
            f"{width} x {height} ({100 * row['scale']:.3g} %)",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
