"""Measure error and cost over parameters, scenes and cameras; write a CSV file, plots and a page.

Error is RMSE and bias against a path-traced reference: of the radiance, and of direct and indirect light as the
radiance of a white surface. Cost is the milliseconds of a technique's own passes and of denoising. Each point is
saved in --output when it is complete; the same command continues an interrupted sweep. Errors are equal bit for bit
on the same renderer, whatever the workers and their order; times are not.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from ssdo.commands.sweep import plot, worker_pool
from ssdo.commands.sweep.checkpoint import CHECKPOINT_NAME, Checkpoint
from ssdo.commands.sweep.measure import ERROR_COLUMNS, TIME_COLUMNS, Measurement, SweepTask, Worker
from ssdo.commands.sweep.page import build_page
from ssdo.commands.sweep.plan import (
    Axis,
    Point,
    ReferencePlan,
    compute_file_digests,
    compute_sweep_id,
    format_flag_value,
    parse_axis,
    parse_scenes,
    plan_points,
)
from ssdo.commands.sweep.results import average_over_views, format_csv, format_table
from ssdo.flags import FlagParser, parse_flags
from ssdo.measure import output_files, plots, reference_cache
from ssdo.measure.reference_cache import add_cache_flags
from ssdo.measure.timings import CLOCKS
from ssdo.measure.version import program_version
from ssdo.render.screen_space import HemisphereTechnique
from ssdo.render.shot_flags import Overrides, add_shot_flags, parse_overrides, without_antialiasing
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.settings import UserError

DEFAULT_SCENES = "cornell,nook,blocks,courtyard"
DEFAULTS = {"width": 320, "height": 180, "reference.rays": 4}
# a large radius, as more steps pay only there; few samples, as denoising removes the noise of more
DEFAULT_RADIUS, DEFAULT_SAMPLES, DEFAULT_STEPS = "50%", "8", "2,4,8,16,32"
# SSDO as published; steps have no effect on a single sample, so it is a sweep of its own
PUBLISHED_SSDO = ("ssdo.radius=50%", "ssdo.visibility=single-sample", "ssdo.samples=4,8,16,32,64")
RESULT_NAMES = CSV_NAME, PLOT_NAME, PAGE_NAME = "sweep.csv", "sweep.png", "index.html"
PLOT_CAPTION = "RMSE of linear radiance on surfaces against rays, without the reference's noise; "
PLOT_CAPTION += "cost: the technique's own passes and denoising."


class SweepArguments(NamedTuple):
    """What the flags of `sweep` say, without those of the shot."""

    param: Sequence[str] | None
    techniques: str | None
    scenes: str
    cameras: str
    reference_frames: int
    runs: int
    clock: str | None
    workers: int | None
    cluster: bool
    scheduler: str | None
    point: int | None
    output: Path
    overwrite: bool
    cache: Path | None

    @property
    def is_parallel(self) -> bool:
        return bool(self.cluster or self.scheduler or (self.workers or 1) > 1)


class Sweep(NamedTuple):
    """The points of a sweep, and how they are measured."""

    points: Sequence[Point]
    axes: Sequence[Axis]
    task: SweepTask
    command: str


def main(arguments: Sequence[str]) -> int:
    """`sweep FLAGS`. Returns the exit code; raises UserError."""
    values = parse_flags(_make_parser(), arguments)
    args = SweepArguments(**{name: values.pop(name) for name in SweepArguments._fields})
    _check_arguments(args)
    overrides = without_antialiasing(parse_overrides(values))
    sweep = plan_sweep(args, Overrides({**DEFAULTS, **overrides.preset}, overrides.cli), arguments)
    if args.point is not None:
        if not 0 <= args.point < len(sweep.points):
            raise UserError(f"--point {args.point}: must be 0 to {len(sweep.points) - 1}")
        return repeat_point(sweep.points[args.point], sweep.task)
    has_plots = plots.has_matplotlib(CSV_NAME)
    sweep_id = compute_sweep_id(
        sweep.points, sweep.task.reference_plan, sweep.task.source_digest, sweep.task.file_digests
    )
    with output_files.own_folder(args.output, sweep.command):
        checkpoint = Checkpoint.open(
            args.output, sweep_id, sweep.command, args.overwrite, RESULT_NAMES if has_plots else RESULT_NAMES[:1]
        )
        missing_points = [point for point in sweep.points if point.number not in checkpoint.rows]
        if missing_points:
            reference_count = len(worker_pool.collect_reference_shots(sweep.task, missing_points))
            results = _start_workers(args, sweep.task, missing_points)
            collect_results(results, checkpoint, len(sweep.points), reference_count)
        write_results(checkpoint, sweep, has_plots)
    return 0


# ---- flags ----


def _make_parser() -> FlagParser:
    techniques = ",".join(list_screen_space_techniques())
    parser = FlagParser("ssdo sweep", __doc__)
    add = parser.add_argument
    add(
        "--param",
        action="append",
        metavar="NAME=VALUES",
        help="V,V,... or FIRST..LAST:COUNT or FIRST..LAST:COUNTlog; lengths may be percentages of the scene's size, "
        "5%%,15%%. May be repeated: every combination is measured",
    )
    add("--techniques", metavar="T,T,...", help=f"techniques to measure [those of --param, or {techniques}]")
    add("--scenes", default=DEFAULT_SCENES, metavar="S,S,...", help=f"scenes to measure in [{DEFAULT_SCENES}]")
    add(
        "--cameras",
        default="1",
        metavar="all|N,N,...",
        help="cameras of each scene; 1 is its own; cornell, nook, blocks and courtyard have 3 [1]",
    )
    add(
        "--reference-frames",
        type=int,
        default=32,
        metavar="N",
        help="frames of the reference, of --reference.rays (here 4) rays each [32]",
    )
    add("--runs", type=int, default=5, metavar="N", help="timed frames of each point, 3 to 1000 [5]")
    add(
        "--clock",
        choices=CLOCKS,
        help="clock on a software renderer [wall with one worker; cpu with several, which slow one another down]",
    )
    add("--workers", type=int, metavar="N", help="worker processes on this machine, 1 to 64 [1]")
    add("--cluster", action="store_true", help="start the worker processes by Dask (package distributed)")
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="use the workers of this Dask scheduler, as in tcp://10.0.0.1:8786; each has this program installed",
    )
    add("--point", type=int, metavar="N", help="measure this point again and print it; write nothing")
    add(
        "--output",
        type=Path,
        default=Path("captures/sweep"),
        metavar="DIR",
        help=f"folder of {CHECKPOINT_NAME}, {CSV_NAME}, {PLOT_NAME} and {PAGE_NAME} [captures/sweep]",
    )
    add("--overwrite", action="store_true", help="start again where the folder holds a sweep")
    add_cache_flags(parser)
    add_shot_flags(parser)
    return parser


def _check_arguments(args: SweepArguments) -> None:
    """Raises UserError for numbers out of range, flags that exclude one another, and a missing package."""
    for name, value, low, high in (
        ("reference-frames", args.reference_frames, 4, 65536),
        ("runs", args.runs, 3, 1000),
        ("workers", 1 if args.workers is None else args.workers, 1, 64),
    ):
        if not low <= value <= high:
            raise UserError(f"--{name} {value}: must be {low} to {high}")
    if args.scheduler and (args.cluster or args.workers):
        flag = "cluster" if args.cluster else "workers"
        raise UserError(f"--{flag} has no effect beside --scheduler, whose workers are used; leave it out")
    if args.cluster or args.scheduler:
        worker_pool.require_dask()


# ---- plan ----


def list_screen_space_techniques() -> list[str]:
    """The techniques that read the depth buffer, in the order of their keys in the viewer."""
    return list(dict.fromkeys(technique.group for technique, _ in Technique.all_modes() if technique.sample_param))


def default_sweeps() -> list[list[str]]:
    """The parameters of a sweep without --param: steps of every technique, and samples of SSDO as published."""
    names = list_screen_space_techniques()
    hemisphere_names = [name for name in names if issubclass(Technique.known[name], HemisphereTechnique)]
    return [
        [
            *(f"{name}.radius={DEFAULT_RADIUS}" for name in names),
            *(f"{name}.samples={DEFAULT_SAMPLES}" for name in hemisphere_names),
            "ssdo.visibility=ray-march",
            *(f"{name}.steps={DEFAULT_STEPS}" for name in names),
        ],
        list(PUBLISHED_SSDO),
    ]


def plan_sweep(args: SweepArguments, overrides: Overrides, arguments: Sequence[str]) -> Sweep:
    """Every point to measure. Raises UserError."""
    axis_groups, techniques = choose_axes(args.param, args.techniques, overrides)
    scenes = parse_scenes(args.scenes)
    point_groups = []
    for k, axes in enumerate(axis_groups):
        # further groups measure only techniques with axes of their own
        names = techniques if k == 0 else [name for name in techniques if name in collect_techniques(axes)]
        point_groups.append(plan_points(overrides, names, axes, scenes, args.cameras))
    all_axes = {axis.name: axis for axes in axis_groups for axis in axes}
    reference = overrides.build_shot("reference").technique
    assert isinstance(reference, Reference)
    points = renumber(point_groups)
    task = SweepTask(
        ReferencePlan(reference, args.reference_frames),
        args.runs,
        args.clock or ("cpu" if args.is_parallel else "wall"),
        args.cache,
        reference_cache.source_digest(),
        compute_file_digests(points),
    )
    command = shlex.join(["ssdo", "sweep", *arguments])
    return Sweep(points, list(all_axes.values()), task, command)


def choose_axes(
    params: Sequence[str] | None, techniques: str | None, overrides: Overrides
) -> tuple[list[list[Axis]], list[str]]:
    """The axes of one sweep, or of the default sweeps without --param; and the techniques. Raises UserError."""
    names = [name.strip() for name in techniques.split(",")] if techniques else []
    if params:
        axes = [parse_axis(text) for text in params]
        return [axes], names or collect_techniques(axes) or list_screen_space_techniques()
    names = names or list_screen_space_techniques()
    groups = [
        [axis for axis in map(parse_axis, sweep) if axis.technique in names and axis.name not in overrides.cli]
        for sweep in default_sweeps()
    ]
    return [axes for k, axes in enumerate(groups) if axes or k == 0], names


def collect_techniques(axes: Sequence[Axis]) -> list[str]:
    """The techniques that have axes of their own."""
    return list(dict.fromkeys(axis.technique for axis in axes if axis.technique))


def renumber(groups: Sequence[Sequence[Point]]) -> list[Point]:
    """The points of all groups, numbered from 0."""
    points = [point for group in groups for point in group]
    return [point._replace(number=number) for number, point in enumerate(points)]


# ---- measure ----


def _start_workers(args: SweepArguments, task: SweepTask, points: Sequence[Point]) -> worker_pool.Results:
    """Results as they arrive: those of references first."""
    if args.scheduler or args.cluster:
        return worker_pool.run_cluster(task, points, args.scheduler, args.workers or 2)
    if args.is_parallel:
        return worker_pool.run_processes(task, points, min(args.workers or 1, len(points)))
    return worker_pool.run_serial(task, points)


def collect_results(
    results: worker_pool.Results, checkpoint: Checkpoint, point_count: int, reference_count: int
) -> None:
    """Save the results in the checkpoint. Ctrl-C and SIGTERM end the workers. Raises UserError."""
    total, finished = point_count + reference_count, len(checkpoint.rows)
    try:
        with (
            closing(results),
            tqdm(total=total, initial=finished, desc="reference", disable=None, smoothing=0) as progress,
        ):
            for number, row in results:
                if number is not None:
                    checkpoint.add(number, row)
                    progress.set_description_str("sweep", refresh=False)
                progress.update()
    except (KeyboardInterrupt, SystemExit):
        print(
            f"\ninterrupted: {len(checkpoint.rows)} of {point_count} points are kept in {checkpoint.path.parent}; "
            "the same command continues",
            file=sys.stderr,
        )
        raise


def repeat_point(point: Point, task: SweepTask) -> int:
    """Measure one point and print a value in each line; its errors equal those of the whole sweep exactly."""
    worker = Worker(task)
    with worker.gpu:
        row = worker.measure(point.shot)
    values = {
        "point": point.number,
        "variant": point.variant,
        "scene": point.shot.scene,
        "camera": point.camera,
        **{name: format_flag_value(value) for name, value in point.values.items()},
        **{name: repr(row[name]) for name in ERROR_COLUMNS},
        **{name: f"{row[name]:.4f}" for name in TIME_COLUMNS},
        "clock": row["clock"],
        "renderer": row["renderer"],
        "command": point.command,
    }
    for name, value in values.items():
        print(f"{name:<20} {value}")
    return 0


# ---- output ----


def write_results(checkpoint: Checkpoint, sweep: Sweep, has_plots: bool) -> None:
    """Print the table; write CSV file, plot and page, each of which replaces an older one when it is complete.

    Raises UserError.
    """
    rows = checkpoint.rows
    configurations = average_over_views(sweep.points, rows)
    conditions = describe_conditions(rows, sweep)
    print("\n".join([*format_table(configurations), "", f"{conditions}; * Pareto front"]))
    contents: dict[str, bytes] = {CSV_NAME: format_csv(sweep.points, rows, sweep.axes).encode()}
    if has_plots:
        title = f"Error over cost: {', '.join(dict.fromkeys(c.variant for c in configurations))}"
        pngs = _draw_plots(title, conditions, rows, sweep)
        contents[PLOT_NAME] = next(iter(pngs.values()))
        page = build_page(title, conditions, sweep.command, pngs, configurations, sweep.points, rows)
        contents[PAGE_NAME] = page.encode()
    for name, content in contents.items():
        print(checkpoint.save_result(name, content).absolute(), file=sys.stderr)


def _draw_plots(title: str, conditions: str, rows: Mapping[int, Measurement], sweep: Sweep) -> dict[str, bytes]:
    """PNG files by heading: the mean of all scenes, and with several scenes each of them."""
    scenes = list(dict.fromkeys(point.shot.scene for point in sweep.points))
    points_by_heading: dict[str, Sequence[Point]] = {}
    if len(scenes) > 1:
        points_by_heading[f"Mean of {', '.join(scenes)}"] = sweep.points
    for scene in scenes:
        points_by_heading[scene] = [point for point in sweep.points if point.shot.scene == scene]
    return {
        heading: plot.draw_plot(
            average_over_views(points, rows), sweep.axes, title, heading, f"{PLOT_CAPTION}\n{conditions}"
        )
        for heading, points in points_by_heading.items()
    }


def describe_conditions(rows: Mapping[int, Measurement], sweep: Sweep) -> str:
    """Image size, reference, renderer, clock and version, in one line."""
    sizes = " and ".join(dict.fromkeys(f"{point.shot.width} x {point.shot.height}" for point in sweep.points))
    renderers, clocks = (
        " and ".join(dict.fromkeys(rows[point.number][name] for point in sweep.points))
        for name in ("renderer", "clock")
    )
    reference, frames = sweep.task.reference_plan
    return (
        f"{sizes}; reference {reference.rays * frames} rays a pixel; {renderers}, {os.cpu_count()} cores; "
        f"{clocks}, {sweep.task.runs} frames; version {program_version()}"
    )
