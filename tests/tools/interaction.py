"""Resolution and frame rate of the viewer while the camera or the light moves.

Each technique is measured alone, then the first and the last side by side. The viewer's session draws step by step, as
in its window, into a texture of the window's size, and waits after each step. The panel and the system's window are
left out. Some steps before the measured ones let the resolution settle. On a software renderer lighting starts at half
resolution, as in the viewer, unless a flag sets it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from statistics import median_high
from typing import Any

import _checkout
from ssdo.commands.bench.flags import (
    add_count_flag,
    add_output_flags,
    add_techniques_flag,
    describe_machine,
    describe_resolution,
    format_table,
    pop_output,
    save_figures,
)
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure.timings import format_percentiles, percentiles
from ssdo.measure.version import program_version
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import add_shot_flags, parse_overrides
from ssdo.viewer import controls
from ssdo.viewer.session import Session, initial_shot
from ssdo.viewer.status import describe_slot
from tqdm import tqdm

SETTLING_STEPS = 10  # before the measured ones
IDLE_SECONDS = 10.0  # by which the clock of an idle session is advanced, so that it converges
DEGREES_PER_STEP = 0.5
ORBIT, TURN_ENVIRONMENT = "the camera orbits", "the environment turns"
HEADER = ("techniques", "motion", "frames per second", "milliseconds", "resolution")


def main(arguments: Sequence[str]) -> int:
    """Run with these flags. Returns the exit code; raises UserError."""
    parser = FlagParser("python tests/tools/interaction.py", __doc__)
    add_techniques_flag(parser, "ssao,ssdo")
    add_count_flag(parser, "steps", 40, 3, "steps to measure")
    add_output_flags(parser, "all figures as JSON")
    add_shot_flags(parser)
    flags = parse_flags(parser, arguments)
    output, steps, techniques = pop_output(flags), flags.pop("steps"), flags.pop("techniques").split(",")
    overrides = parse_overrides(flags)
    with Gpu(create_headless_context()) as gpu:
        may_halve = not overrides.is_set("lighting.resolution")
        shots = [initial_shot(gpu, shot, may_halve) for shot in overrides.build_shots(techniques)]
        pairs: list[tuple[Shot | None, Shot]] = [(None, shot) for shot in shots]
        if len(shots) > 1:
            pairs.append((shots[0], shots[-1]))
        rows: list[dict[str, Any]] = []
        for left, right in tqdm(pairs, desc="interaction", disable=None):
            rows += [measure_motion(gpu, left, right, motion, steps) for motion in (ORBIT, TURN_ENVIRONMENT)]
        run = f"{shots[0].scene}, a window of {describe_resolution(shots[0])}, {describe_machine(gpu)}"
    print("\n".join([*format_rows(rows), "", f"{run}; {steps} steps; version {program_version()}"]))
    save_figures(output, run, {"steps": steps, "rows": rows})
    return 0


class SessionDriver:
    """A session with a texture in place of its window, and a clock that can be advanced."""

    def __init__(self, gpu: Gpu, left: Shot | None, right: Shot) -> None:
        self.gpu, self.size = gpu, (right.width, right.height)
        self._skipped_seconds = 0.0
        self.session = Session(gpu, right, {}, now=lambda: time.perf_counter() + self._skipped_seconds)
        self.window = gpu.ctx.framebuffer([gpu.ctx.texture(self.size, 4)])
        if left:
            self.session.slots.techniques["A"] = left.technique
            self.session.toggle_split()

    def wait_until_idle(self) -> None:
        """Until nothing is left to draw, for at most 20 steps."""
        for _ in range(20):
            self._skipped_seconds += IDLE_SECONDS
            if not self.session.step(self.size):
                break

    def step(self, index: int, motion: str) -> float:
        """Move once; returns the milliseconds until the change is shown."""
        start = time.perf_counter()
        if motion == ORBIT:
            self.session.move_camera(controls.orbit(self.session.pose, DEGREES_PER_STEP, 0.0))
        else:
            self.session.change({"sky.rotation": DEGREES_PER_STEP * index})
        self.session.step(self.size, is_interacting=True)
        self.session.draw_view(self.window)
        self.gpu.ctx.finish()
        return 1e3 * (time.perf_counter() - start)


def measure_motion(gpu: Gpu, left: Shot | None, right: Shot, motion: str, steps: int) -> dict[str, Any]:
    """The techniques in the window, milliseconds of a step, and the median resolution."""
    driver = SessionDriver(gpu, left, right)
    driver.wait_until_idle()
    session = driver.session
    times: list[float] = []
    scales: list[float] = []
    for index in range(SETTLING_STEPS + steps):
        milliseconds = driver.step(index, motion)
        if index >= SETTLING_STEPS:
            times.append(milliseconds)
            scales.append(session.renders["B"].scale)
    scale = median_high(scales)
    return {
        "techniques": " beside ".join(describe_slot(session, slot) for slot in session.visible_slots),
        "motion": motion,
        "milliseconds": percentiles(times),
        "size": [round(length * scale) for length in driver.size],
        "scale": scale,
    }


def format_rows(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A table in Markdown: median milliseconds with 5th and 95th percentile."""
    lines = []
    for row in rows:
        times, (width, height) = row["milliseconds"], row["size"]
        resolution = f"{width} x {height} ({100 * row['scale']:.3g} %)"
        rate = f"{1e3 / times['median']:.0f}"
        lines.append([row["techniques"], row["motion"], rate, format_percentiles(times, 0), resolution])
    return format_table(HEADER, lines)


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
