"""Temporal reuse of lighting: flicker, ghosting and time, with a history and without.

Flicker is the RMS difference of linear radiance between successive frames while nothing moves but the sample pattern.
Errors are RMSE against the converged result of the same technique and denoiser for each frame's camera and light,
without noise, while something moves; means over the last frames. Columns: without history, with it, and with it but
without clipping.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import _checkout
import numpy as np
from ssdo.arrays import Floats
from ssdo.commands.bench.flags import (
    add_clock_flag,
    add_count_flag,
    add_output_flags,
    describe_machine,
    describe_resolution,
    format_table,
    pop_output,
    save_figures,
    select_clock,
)
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure import images
from ssdo.measure.metrics import noise_free_rmse, rmse
from ssdo.measure.references import surface_mask
from ssdo.measure.version import program_version
from ssdo.render.pass_times import measure_passes
from ssdo.render.pipeline import render_all_frames, render_frame
from ssdo.render.shot import Camera, Shot
from ssdo.render.shot_flags import Overrides, add_shot_flags, parse_overrides
from ssdo.render.temporal import Temporal
from ssdo.scene.loader import load_scene
from ssdo.settings import UserError
from tqdm import tqdm

MEASURED_FRAMES = 4  # the last ones
NO_CLIPPING = 100.0  # clip_sigma
DEFAULTS = {"width": 320, "height": 180, "temporal.history_length": 16}
COLUMNS = ("without history", "with history", "without clipping")


@dataclass(frozen=True)
class Motion:
    """What changes from frame to frame."""

    description: str
    apply: Callable[[Shot, int], Shot]  # a resolved shot, and the frame's index


def main(arguments: Sequence[str]) -> int:
    """Run with these flags. Returns the exit code; raises UserError."""
    flags = parse_flags(_create_parser(), arguments)
    pixels, degrees, frames = flags.pop("pixels"), flags.pop("degrees"), flags.pop("reference_frames")
    for flag, value, minimum, maximum in (
        ("pixels", pixels, 0, 1e3),
        ("degrees", degrees, -180, 180),
        ("reference-frames", frames, 4, 4096),
    ):
        if not minimum <= value <= maximum:
            raise UserError(f"--{flag} {value:g}: must be {minimum:g} to {maximum:g}")
    clock, output, runs = flags.pop("clock"), pop_output(flags), flags.pop("runs")
    shot = _create_shot(parse_overrides(flags))
    with Gpu(create_headless_context()) as gpu:
        clock_text = select_clock(gpu, clock)
        rows = measure_motions(gpu, shot, create_motions(pixels, degrees), frames)
        temporal_ms, frame_ms = measure_cost(gpu, shot, runs)
        run = f"{describe_machine(gpu)}; version {program_version()}"
    view = f"{shot.scene}, {describe_resolution(shot)}, {shot.technique.describe()}"
    temporal = f"history of {shot.temporal.history_length} frames, clip_sigma {shot.temporal.clip_sigma:g}"
    cost = f"temporal passes take {temporal_ms:.3g} of {frame_ms:.3g} ms per frame ({clock_text})"
    print("\n".join([*format_rows(rows), "", f"{cost}; {view}, {temporal}; {run}"]))
    milliseconds = {"temporal": temporal_ms, "frame": frame_ms}
    save_figures(output, run, {"shot": shot.values(), "milliseconds": milliseconds, "rows": rows})
    return 0


def _create_parser() -> FlagParser:
    parser = FlagParser("python tests/tools/temporal_stability.py", __doc__)
    parser.add_argument(
        "--pixels",
        type=float,
        default=4.0,
        metavar="V",
        help="motion of the image per frame while the camera moves [4]",
    )
    parser.add_argument(
        "--degrees", type=float, default=5.0, metavar="V", help="rotation of the light per frame while it moves [5]"
    )
    parser.add_argument(
        "--reference-frames",
        type=int,
        default=32,
        metavar="N",
        help="frames of each frame's converged result, 4 to 4096 [32]",
    )
    add_count_flag(parser, "runs", 5, 3, "frames to time")
    add_clock_flag(parser)
    add_output_flags(parser, "every frame's figures as JSON")
    add_shot_flags(parser)
    return parser


def _create_shot(overrides: Overrides) -> Shot:
    """The resolved shot, with lengths of the technique left to the scene. Raises UserError where it has no history."""
    shot = Overrides({**DEFAULTS, **overrides.preset}, overrides.cli).build_shots()[0]
    if not shot.uses_history:
        causes = "--temporal.history_length 0, --accumulated-frames and progressive techniques"
        raise UserError(f"the shot uses no history: leave out {causes}")
    return replace(shot.resolve(load_scene(shot.scene, shot.time)), technique=shot.technique)


# ---- motions ----


def create_motions(pixels: float, degrees: float) -> list[Motion]:
    """None; a camera that turns, pans, and moves to and fro; a sun and an environment that turn.

    `pixels`: by how much the camera's target moves per frame. For the motion to and fro it is the image's upper edge
    at the target's distance. `degrees`: the rotation of the light per frame.
    """

    def turn(shot: Shot, index: int) -> Shot:
        eye, forward, pixel = _camera_vectors(shot)
        c, s = math.cos(index * pixels * pixel), math.sin(index * pixels * pixel)
        return _look_at(shot, eye, eye + np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ forward)

    def pan(shot: Shot, index: int) -> Shot:
        eye, forward, pixel = _camera_vectors(shot)
        right = np.cross(forward, (0.0, 1.0, 0.0))
        distance = _oscillate(index) * pixels * pixel * np.linalg.norm(forward)
        offset = distance * right / max(float(np.linalg.norm(right)), 1e-9)
        return _look_at(shot, eye + offset, eye + offset + forward)

    def dolly(shot: Shot, index: int) -> Shot:
        eye, forward, _ = _camera_vectors(shot)
        offset = forward * (1 - (1 - min(2 * pixels / shot.height, 0.5)) ** _oscillate(index))
        return _look_at(shot, eye + offset, eye + forward)

    def turn_sun(shot: Shot, index: int) -> Shot:
        return replace(shot, sun=replace(shot.sun, azimuth=((shot.sun.azimuth or 0.0) + degrees * index) % 360))

    def turn_sky(shot: Shot, index: int) -> Shot:
        return replace(shot, sky=replace(shot.sky, rotation=math.remainder(shot.sky.rotation + degrees * index, 360)))

    return [
        Motion("nothing moves", lambda shot, index: shot),
        Motion(f"the camera turns, {pixels:g} pixels per frame", turn),
        Motion(f"the camera pans, {pixels:g} pixels per frame", pan),
        Motion(f"the camera moves to and fro, {pixels:g} pixels per frame", dolly),
        Motion(f"the sun turns, {degrees:g} degrees per frame", turn_sun),
        Motion(f"the environment turns, {degrees:g} degrees per frame", turn_sky),
    ]


def _oscillate(index: int) -> int:
    """One step per frame, between -4 and 4 and back, so that the camera stays in the scene."""
    return 4 - abs((index + 4) % 16 - 8)


def _camera_vectors(shot: Shot) -> tuple[Any, Any, float]:
    """Position, vector to the target, and the size of a pixel at distance 1."""
    camera = shot.camera
    assert camera.eye and camera.target and camera.fov, "not resolved"
    pixel = 2 * math.tan(math.radians(camera.fov) / 2) / shot.height
    return np.array(camera.eye), np.subtract(camera.target, camera.eye), pixel


def _look_at(shot: Shot, eye: Any, target: Any) -> Shot:
    return replace(shot, camera=Camera(eye=tuple(eye.tolist()), target=tuple(target.tolist()), fov=shot.camera.fov))


# ---- measurements ----


def measure_motions(gpu: Gpu, shot: Shot, motions: Sequence[Motion], reference_frames: int) -> list[dict[str, Any]]:
    """A row for each motion: errors of the last frames by column; of the first motion also their flicker."""
    clipping = shot.temporal
    settings = dict(zip(COLUMNS, (Temporal(), clipping, replace(clipping, clip_sigma=NO_CLIPPING)), strict=True))
    end = clipping.history_length + MEASURED_FRAMES
    measured_frames = range(end - MEASURED_FRAMES, end)
    rows: list[dict[str, Any]] = []
    for motion in tqdm(motions, desc="motions", disable=None):
        references = [
            render_converged_pair(gpu, motion.apply(shot, index), reference_frames) for index in measured_frames
        ]
        errors: dict[str, list[float]] = {}
        flicker: dict[str, list[float]] = {}
        for column, temporal in settings.items():
            frames: list[dict[str, Any]] = []
            for index in range(end):
                result = render_frame(gpu, replace(motion.apply(shot, index), temporal=temporal), index)
                if index >= measured_frames.start - 1:
                    frames.append(images.read_arrays(gpu, result))
            errors[column] = [
                noise_free_rmse(frame["radiance"], pair, surface_mask(frame))
                for frame, pair in zip(frames[1:], references, strict=True)
            ]
            flicker[column] = [
                rmse(current["radiance"], previous["radiance"], surface_mask(previous))
                for previous, current in itertools.pairwise(frames)
            ]
        rows.append({"motion": motion.description, "error": errors} | ({} if rows else {"flicker": flicker}))
    return rows


def render_converged_pair(gpu: Gpu, shot: Shot, frames: int) -> tuple[Floats, Floats]:
    """The mean radiance of a shot's frames, twice, from independent samples."""
    with gpu.scope("converged"):
        halves = [
            replace(shot, accumulated_frames=frames // 2, temporal=Temporal(), seed=(shot.seed + k) % 65536)
            for k in (1, 2)
        ]
        first, second = (images.read_arrays(gpu, render_all_frames(gpu, half))["radiance"] for half in halves)
        return first, second


def measure_cost(gpu: Gpu, shot: Shot, runs: int) -> tuple[float, float]:
    """Median milliseconds of the temporal passes, and of whole frames with a history."""
    indices = itertools.count()
    passes = measure_passes(gpu, lambda: render_frame(gpu, shot, next(indices)), runs)
    temporal = [times for name, times in passes.items() if name.startswith("temporal")]
    temporal_ms, frame_ms = (
        median(sum(frame) for frame in zip(*times, strict=True)) for times in (temporal, list(passes.values()))
    )
    return temporal_ms, frame_ms


def format_rows(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table in Markdown: the flicker, then the error of each motion."""
    lines = []
    for row in rows:
        for kind, label in (("flicker", "flicker"), ("error", f"error, {row['motion']}")):
            if kind in row:
                lines.append([label, *(f"{np.mean(row[kind][column]):.4f}" for column in COLUMNS)])
    return format_table(["", *COLUMNS], lines)


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
