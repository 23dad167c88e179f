"""What remembering light from frame to frame gains and loses: flicker, ghosts and cost.

Flicker is the RMS difference of linear radiance between one frame and the next while nothing moves but the pattern of
samples. The errors are RMSE against what the same technique and blur converge to for each frame's own camera and light,
noise of that taken out, while something moves from frame to frame; means over the last frames. Three columns: nothing
remembered; remembered; remembered whatever this frame says.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import _checkout
import numpy as np
from ssdo.arrays import Floats
from ssdo.commands.bench.flags import add_clock, add_count, add_output, save, set_clock, take_output
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure import images
from ssdo.measure.metrics import noise_free_rmse, rmse
from ssdo.measure.references import surface
from ssdo.measure.version import version
from ssdo.render.pipeline import measure_passes, render_accumulated, render_frame
from ssdo.render.shot import Camera, Shot, Overrides, add_shot_flags, parse_overrides
from ssdo.render.temporal import Temporal
from ssdo.scene.loader import load_scene
from ssdo.settings import Parser, UserError, parse
from tqdm import tqdm

MEASURED = 4  # last frames, whose figures are averaged
UNCLAMPED = 100.0
COLUMNS = ("none remembered", "remembered", "without clamping")
DEFAULTS = {"width": 320, "height": 180, "temporal.history_length": 16}


@dataclass(frozen=True)
class Motion:
    """What changes from frame to frame; `moved` makes of a resolved shot that of a frame."""

    words: str
    moved: Callable[[Shot, int], Shot]


def main(arguments: Sequence[str]) -> int:
    """Run with the flags of a command line. Returns the exit code; raises UserError."""
    parser = Parser(
        "python tests/tools/temporal_stability.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--pixels",
        type=float,
        default=4.0,
        metavar="V",
        help="how far the picture moves from frame to frame, where the camera does [4]",
    )
    parser.add_argument(
        "--degrees",
        type=float,
        default=5.0,
        metavar="V",
        help="how far the light turns from frame to frame, where it does [5]",
    )
    parser.add_argument(
        "--truth-frames",
        type=int,
        default=32,
        metavar="N",
        help="frames that each frame's own light converges in, 4 to 4096 [32]",
    )
    add_count(parser, "runs", 5, 3, "frames that are timed")
    add_clock(parser)
    add_output(parser, "every frame's figures, and what drew")
    add_shot_flags(parser)
    given = parse(parser, arguments)
    pixels, degrees, truth_frames, clock = (given.pop(name) for name in ("pixels", "degrees", "truth_frames", "clock"))
    for flag, value, low, high in (
        ("pixels", pixels, 0, 1e3),
        ("degrees", degrees, -180, 180),
        ("truth-frames", truth_frames, 4, 4096),
    ):
        if not low <= value <= high:
            raise UserError(f"--{flag} {value:g}: must be {low:g} to {high:g}")
    output, runs = take_output(given), given.pop("runs")
    wanted = parse_overrides(given)
    shot = Overrides({**DEFAULTS, **wanted.preset}, wanted.cli).build_shots()[0]
    if not shot.uses_history:
        raise UserError(
            "nothing is remembered: leave --temporal.history_length 0, --accumulated-frames and progressive techniques out"
        )
    shot = replace(shot.resolve(load_scene(shot.scene, shot.time)), technique=shot.technique)
    with Gpu(create_headless_context()) as gpu:
        timer = set_clock(gpu, clock)
        rows = measured(gpu, shot, motions(pixels, degrees), truth_frames)
        own, whole = cost(gpu, shot, runs)
        drawn = f"{gpu.ctx.info['GL_RENDERER']}, {os.cpu_count()} cores; version {version()}"
    what = f"{shot.scene}, {shot.width} x {shot.height}{', lighting at half' * shot.lighting.is_half}, {shot.technique.describe()}, "
    what += f"{shot.temporal.history_length} frames, clamping {shot.temporal.clip_sigma:g}"
    print(
        "\n".join(
            [
                *table(rows),
                "",
                f"{own:.3g} ms of the frame's {whole:.3g} ms are spent on remembering ({timer}); {what}; {drawn}",
            ]
        )
    )
    save(output, drawn, {"shot": shot.values(), "milliseconds": {"own": own, "frame": whole}, "rows": rows})
    return 0


def motions(pixels: float, degrees: float) -> list[Motion]:
    """A camera that turns, goes from side to side and to and fro, so that the middle, what it looks at, and the
    picture's upper edge there move by so many pixels a frame; the sun, then all light from far away, that turn by so
    many degrees a frame.
    """

    def turned(shot: Shot, index: int) -> Shot:
        eye, ahead, pixel = _camera(shot)
        c, s = math.cos(index * pixels * pixel), math.sin(index * pixels * pixel)
        return _seen(shot, eye, eye + np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ ahead)

    def aside(shot: Shot, index: int) -> Shot:
        eye, ahead, pixel = _camera(shot)
        right = np.cross(ahead, (0.0, 1.0, 0.0))
        step = _swing(index) * pixels * pixel * np.linalg.norm(ahead) * right / max(float(np.linalg.norm(right)), 1e-9)
        return _seen(shot, eye + step, eye + step + ahead)

    def forward(shot: Shot, index: int) -> Shot:
        eye, ahead, _ = _camera(shot)
        step = ahead * (1 - (1 - min(2 * pixels / shot.height, 0.5)) ** _swing(index))
        return _seen(shot, eye + step, eye + ahead)

    def sun(shot: Shot, index: int) -> Shot:
        return replace(shot, sun=replace(shot.sun, azimuth=((shot.sun.azimuth or 0.0) + degrees * index) % 360))

    def sky(shot: Shot, index: int) -> Shot:
        return replace(shot, sky=replace(shot.sky, rotation=math.remainder(shot.sky.rotation + degrees * index, 360)))

    return [
        Motion("nothing moves", lambda shot, index: shot),
        Motion(f"the camera turns, {pixels:g} pixels a frame", turned),
        Motion(f"it goes from side to side, {pixels:g} pixels a frame", aside),
        Motion(f"it goes to and fro, {pixels:g} pixels a frame", forward),
        Motion(f"the sun turns, {degrees:g} degrees a frame", sun),
        Motion(f"the sky turns, {degrees:g} degrees a frame", sky),
    ]


def _swing(index: int) -> int:
    """A step a frame, eight one way and eight back, around 0: a camera that went on would leave the scene."""
    return 4 - abs((index + 4) % 16 - 8)


def _camera(shot: Shot) -> tuple[Any, Any, float]:
    """Eye, what lies ahead as far as the target, and the size of a pixel at distance 1."""
    c = shot.camera
    assert c.eye and c.target and c.fov, "not resolved"
    return np.array(c.eye), np.subtract(c.target, c.eye), 2 * math.tan(math.radians(c.fov) / 2) / shot.height


def _seen(shot: Shot, eye: Any, target: Any) -> Shot:
    return replace(shot, camera=Camera(eye=tuple(eye.tolist()), target=tuple(target.tolist()), fov=shot.camera.fov))


def measured(gpu: Gpu, shot: Shot, moves: Sequence[Motion], truth_frames: int) -> list[dict[str, Any]]:
    """By motion: each of the last frames' error, by column; and where nothing moves, its difference from the frame
    before.
    """
    count = shot.temporal.history_length + MEASURED
    kinds = dict(zip(COLUMNS, (Temporal(), shot.temporal, replace(shot.temporal, clip_sigma=UNCLAMPED)), strict=True))
    rows: list[dict[str, Any]] = []
    for number, motion in enumerate(tqdm(moves, desc="steady", disable=None)):
        truths = [converged(gpu, motion.moved(shot, index), truth_frames) for index in range(count - MEASURED, count)]
        errors: dict[str, list[float]] = {}
        flicker: dict[str, list[float]] = {}
        for column, temporal in kinds.items():
            pictures: list[dict[str, Any]] = []
            for index in range(count):
                picture = render_frame(gpu, replace(motion.moved(shot, index), temporal=temporal), index)
                if index >= count - MEASURED - 1:
                    pictures.append(images.arrays(gpu, picture))
            last = list(zip(pictures[1:], truths, strict=True))
            errors[column] = [noise_free_rmse(a["radiance"], pair, surface(a)) for a, pair in last]
            flicker[column] = [rmse(b["radiance"], a["radiance"], surface(a)) for a, b in itertools.pairwise(pictures)]
        rows.append({"motion": motion.words, "error": errors} | ({"flicker": flicker} if number == 0 else {}))
    return rows


def converged(gpu: Gpu, shot: Shot, frames: int) -> tuple[Floats, Floats]:
    """The radiance that a shot's frames have as their mean, twice, from samples of their own."""
    with gpu.scope("converged"):
        halves = [
            replace(shot, accumulated_frames=frames // 2, temporal=Temporal(), seed=(shot.seed + k) % 65536)
            for k in (1, 2)
        ]
        first, second = (images.arrays(gpu, render_accumulated(gpu, half))["radiance"] for half in halves)
        return first, second


def cost(gpu: Gpu, shot: Shot, runs: int) -> tuple[float, float]:
    """Milliseconds that a frame spends on remembering, and all of it: medians, of frames that have others before
    them.
    """
    count = itertools.count()
    passes = measure_passes(gpu, lambda: render_frame(gpu, shot, next(count)), runs)
    own = median(
        sum(frame)
        for frame in zip(*(times for name, times in passes.items() if name.startswith("temporal")), strict=True)
    )
    return own, median(sum(frame) for frame in zip(*passes.values(), strict=True))


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Markdown: the flicker, then a row for each motion."""
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|" + "---|" * (1 + len(COLUMNS))]
    for row in rows:
        for kind, words in (("flicker", "flicker"), ("error", f"error, {row['motion']}")):
            if kind in row:
                lines.append(
                    f"| {words} | " + " | ".join(f"{np.mean(row[kind][column]):.4f}" for column in COLUMNS) + " |"
                )
    return lines


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
