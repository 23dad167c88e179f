"""How cost grows with samples, radius, pixels and triangles: a table, a CSV file and a plot.

One parameter changes at a time. Passes are measured as in `bench passes`: by the wall clock on a software renderer, by
timer queries on a GPU; `--clock cpu` counts the processor time of all threads, for busy machines. The triangle counts
are those of the scene `million`, which looks the same with any number of them.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ssdo.commands.bench import cost_report
from ssdo.commands.bench.cost_points import (
    CostMeasurement,
    CostPoint,
    RunInfo,
    create_shots,
    measure_point,
    plan_points,
)
from ssdo.commands.bench.flags import add_clock_flag, add_count_flag, add_techniques_flag, select_clock
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure import plots
from ssdo.measure.output_files import own_output_folder, require_absent, save_bytes
from ssdo.measure.version import program_version
from ssdo.render.pipeline import load_shot_scene
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides, add_shot_flags, parse_overrides, without_antialiasing

FULL = {
    "samples": "4,8,16,24,32,48,64,96,128",
    "radii": "0.02,0.035,0.06,0.11,0.19,0.33,0.57,1",
    "sizes": "320x180,480x270,640x360,960x540,1280x720,1920x1080",
    "triangles": "1000,10000,100000,1000000",
}
QUICK = {"samples": "4,16,32", "radii": "0.05,0.5", "sizes": "64x36,96x54,128x72", "triangles": "1000,4000"}
FULL_SIZE, QUICK_SIZE = {"width": 640, "height": 360}, {"width": 128, "height": 72}  # where pixels do not change
FILES = ("cost.csv", "cost.png")


def main(arguments: Sequence[str]) -> int:
    """`bench cost FLAGS`. Returns the exit code; raises UserError."""
    flags = parse_flags(_create_parser(), arguments)
    quick, clock, runs = flags.pop("quick"), flags.pop("clock"), flags.pop("runs")
    techniques, visibilities = flags.pop("techniques").split(","), flags.pop("visibility").split(",")
    presets = QUICK if quick else FULL
    values = presets | {flag: text for flag in presets if (text := flags.pop(flag)) is not None}
    output, overwrite = flags.pop("output"), flags.pop("overwrite")
    overrides = without_antialiasing(parse_overrides(flags))
    size = QUICK_SIZE if quick else FULL_SIZE
    shots = create_shots(Overrides({**size, **overrides.preset}, overrides.cli), techniques, visibilities)
    points = plan_points(shots, values)
    has_plots = plots.has_matplotlib(FILES[0])
    with own_output_folder(output, "cost", shlex.join(["ssdo", "bench", "cost", *arguments])) as folder:
        csv_path, plot_path = (folder / name for name in FILES)
        require_absent([csv_path, plot_path], overwrite)
        measurements, run = _measure_points(points, runs, clock)
        defaults = _describe_defaults(next(iter(shots.values())))
        try:
            _write(csv_path, cost_report.format_csv(measurements, run).encode(), overwrite)
            if has_plots:
                _write(plot_path, cost_report.plot(measurements, run, defaults), overwrite)
        finally:
            print("\n".join([*cost_report.format_measurements(measurements), "", f"{defaults}; {run.describe()}"]))
    return 0


def _create_parser() -> FlagParser:
    parser = FlagParser("ssdo bench cost", __doc__)
    add_techniques_flag(parser, "ssao,ssdo")
    parser.add_argument(
        "--visibility",
        default="ray-march,single-sample",
        metavar="V,V",
        help="values of that parameter, for techniques that have it [ray-march,single-sample]",
    )
    parser.add_argument("--samples", metavar="N,N,...", help=f"directions per pixel [{FULL['samples']}]")
    parser.add_argument("--radii", metavar="V,V,...", help=f"fractions of the scene's size [{FULL['radii']}]")
    parser.add_argument(
        "--sizes",
        metavar="WxH,WxH,...",
        help=f"image sizes; other axes use --width and --height, 640 and 360 [{FULL['sizes']}]",
    )
    parser.add_argument(
        "--triangles",
        metavar="N,N,...",
        help=f"triangles of the scene `million`; other axes use --scene [{FULL['triangles']}]",
    )
    add_count_flag(parser, "runs", 5, 3, "frames to measure")
    parser.add_argument("--quick", action="store_true", help="few points and small images, for a test run")
    add_clock_flag(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help=f"folder of {' and '.join(FILES)} [captures/cost]")
    parser.add_argument("--overwrite", action="store_true", help="overwrite existing files")
    add_shot_flags(parser)
    return parser


def _measure_points(points: Sequence[CostPoint], runs: int, clock: str) -> tuple[list[CostMeasurement], RunInfo]:
    with Gpu(create_headless_context()) as gpu:
        clock_text = select_clock(gpu, clock)
        measurements = [measure_point(gpu, point, runs) for point in tqdm(points, desc="cost", disable=None)]
        info = gpu.ctx.info
        run = RunInfo(info["GL_RENDERER"], info["GL_VERSION"], os.cpu_count() or 1, clock_text, runs, program_version())
    return measurements, run


def _write(path: Path, content: bytes, overwrite: bool) -> None:
    save_bytes(path, content, overwrite)
    print(path.absolute(), file=sys.stderr)


def _describe_defaults(shot: Shot) -> str:
    """The values of parameters that an axis does not change."""
    technique: Any = shot.resolve(load_shot_scene(shot)).technique
    samples = f"{technique.sample_count} samples, radius {technique.radius:.3g} m"
    return f"{shot.scene}, {shot.width} x {shot.height}, {samples} unless an axis changes them"
