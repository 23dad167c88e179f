"""Error and cost over parameters: any of them, over lists and ranges, scenes and cameras, as a CSV file, plots and a
page.

Error is RMSE (and bias) against ray-traced truth: of the radiance that is seen, and of direct and indirect light as a
white surface shows them. Cost is the milliseconds of a technique's own passes and the blur. Every point is kept in
--output as soon as it is done: what was interrupted goes on with the same command. Errors are equal bit for bit on the
same renderer, whoever draws and in which order; times are not.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ssdo.commands.sweep import plot, worker_pool
from ssdo.commands.sweep.checkpoint import NAME, Journal
from ssdo.commands.sweep.measure import ERRORS, TIMES, Row, Task, Worker
from ssdo.commands.sweep.page import page
from ssdo.commands.sweep.plan import Axis, Point, Truths, axis, digest, points, scenes_of, shown
from ssdo.commands.sweep.results import averaged, csv_text, table
from ssdo.measure import images, plots, reference_cache
from ssdo.measure.reference_cache import add_cache_flags
from ssdo.measure.timings import CLOCKS
from ssdo.measure.version import version
from ssdo.render.shot import Wanted, add_shot_flags, take_wanted
from ssdo.render.techniques.reference import Reference
from ssdo.settings import Parser, UserError, parse

TECHNIQUES = "ssao,ssdo,gtao,bitmask"
SCENES = "cornell,nook,blocks,courtyard"
# Two sweeps in one, as steps have no effect on a single point. Radius: more steps pay only where there is room for
# them. Samples: with the blur that all share, 4 of them err as little as 64 (`cornell`, 320 x 180, radius 15 %: SSAO
# 0.3142 and 0.3145, SSDO 0.3311 and 0.3317).
STEPS = "2,4,8,16,32"
VARIED = (
    (
        *(f"{name}.radius=50%" for name in ("ssao", "ssdo", "gtao", "bitmask")),
        *(f"{name}.samples=8" for name in ("ssao", "ssdo")),
        "ssdo.visibility=march",
        *(f"{name}.steps={STEPS}" for name in ("ssao", "ssdo", "gtao", "bitmask")),
    ),
    ("ssdo.radius=50%", "ssdo.visibility=point", "ssdo.samples=4,8,16,32,64"),
)
SIZE = {"width": 320, "height": 180, "reference.rays": 4}
TABLE, PICTURE, PAGE = "sweep.csv", "sweep.png", "index.html"


def main(arguments: Sequence[str]) -> int:
    """`sweep FLAGS`. Returns the exit code; raises UserError."""
    parser = Parser(
        "python -m ssdo sweep",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    values = (
        "V,V,...; FIRST..LAST:COUNT; FIRST..LAST:COUNTlog; of a length that may follow the scene's size also 5%%,15%%"
    )
    add(
        "--vary",
        action="append",
        metavar="NAME=VALUES",
        help=f"{values}. As often as you like: every combination is drawn",
    )
    add("--techniques", metavar="T,T,...", help=f"what is swept [those whose parameters vary, or {TECHNIQUES}]")
    add("--scenes", default=SCENES, metavar="S,S,...", help=f"[{SCENES}]")
    add(
        "--cameras",
        default="1",
        metavar="all|N,N,...",
        help="1 is a scene's own; cornell, nook, blocks and courtyard have 3 [1]",
    )
    add(
        "--truth-frames",
        type=int,
        default=32,
        metavar="N",
        help="frames of the reference, of --reference.rays (here 4) rays each [32]",
    )
    add("--runs", type=int, default=5, metavar="N", help="frames that are timed at each point, 3 to 1000 [5]")
    add(
        "--clock",
        choices=CLOCKS,
        help="what counts on a software renderer [wall in one process, cpu in several: they are in one another's way]",
    )
    add("--workers", type=int, metavar="N", help="processes of this machine that draw, 1 to 64 [1]")
    add("--cluster", action="store_true", help="the same processes by Dask (pip install distributed)")
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="draw on the workers of this Dask scheduler, as in tcp://10.0.0.1:8786; each has this program installed",
    )
    add("--point", type=int, metavar="N", help="measure this one again, and print it; nothing is written")
    add(
        "--output",
        type=Path,
        default=Path("captures/sweep"),
        metavar="DIR",
        help=f"for {NAME}, {TABLE}, {PICTURE} and {PAGE} [captures/sweep]",
    )
    add("--overwrite", action="store_true", help="begin anew where the folder holds a sweep")
    add_cache_flags(parser)
    add_shot_flags(parser)
    given = parse(parser, arguments)
    taken = [
        given.pop(name)
        for name in (
            "vary",
            "techniques",
            "scenes",
            "cameras",
            "truth_frames",
            "runs",
            "clock",
            "workers",
            "cluster",
            "scheduler",
            "point",
        )
    ]
    vary, techniques, scenes, cameras, frames, runs, clock, workers, clustered, scheduler, single = taken
    output, overwrite, cache = given.pop("output"), given.pop("overwrite"), given.pop("cache")
    for name, value, low, high in (
        ("truth-frames", frames, 4, 65536),
        ("runs", runs, 3, 1000),
        ("workers", 1 if workers is None else workers, 1, 64),
    ):
        if not low <= value <= high:
            raise UserError(f"--{name} {value}: must be {low} to {high}")
    if scheduler and (clustered or workers):
        raise UserError(
            f"--{'cluster' if clustered else 'workers'} has no effect beside --scheduler, whose workers are used; leave it out"
        )
    if clustered or scheduler:
        worker_pool.check()
    wanted = take_wanted(given)
    wanted = Wanted({**SIZE, **wanted.found}, wanted.typed)
    groups, names = asked(vary, techniques, wanted)
    places = scenes_of(scenes)
    found = together(
        [
            points(wanted, [name for name in names if g == 0 or name in owners(axes)], axes, places, cameras)
            for g, axes in enumerate(groups)
        ]
    )
    axes = list({a.name: a for axes in groups for a in axes}.values())
    truth = wanted.shot("reference").technique
    assert isinstance(truth, Reference)
    truths = Truths(truth, frames)
    several = bool(clustered or scheduler or (workers or 1) > 1)
    task = Task(truths, runs, clock or ("cpu" if several else "wall"), cache, reference_cache.program())
    if single is not None:
        if not 0 <= single < len(found):
            raise UserError(f"--point {single}: must be 0 to {len(found) - 1}")
        return again(found[single], task)
    command = shlex.join(["ssdo", "sweep", *arguments])
    with_pictures = plots.drawable(TABLE)
    journal = Journal.opened(output, digest(found, truths, task.program), command, overwrite)
    left = [point for point in found if point.number not in journal.rows]
    if scheduler or clustered:
        done = worker_pool.cluster(task, left, scheduler, workers or 2)
    else:
        done = worker_pool.processes(task, left, min(workers, len(left))) if several else worker_pool.alone(task, left)
    if left:
        drawn(done, journal, len(found), len(worker_pool.truths(task, left)))
    written(output, journal.rows, found, axes, command, truths, runs, with_pictures)
    return 0


def asked(vary: Sequence[str] | None, techniques: str | None, wanted: Wanted) -> tuple[list[list[Axis]], list[str]]:
    """What varies, and which techniques are swept: the default where nothing is said. Raises UserError."""
    names = [name.strip() for name in techniques.split(",")] if techniques else []
    if vary:
        axes = [axis(text) for text in vary]
        return [axes], names or owners(axes) or TECHNIQUES.split(",")
    names = names or TECHNIQUES.split(",")
    groups = [[a for a in map(axis, group) if a.owner in names and a.name not in wanted.typed] for group in VARIED]
    return [group for g, group in enumerate(groups) if group or g == 0], names


def owners(axes: Sequence[Axis]) -> list[str]:
    """The techniques whose parameters vary."""
    return list(dict.fromkeys(a.owner for a in axes if a.owner))


def together(groups: Sequence[Sequence[Point]]) -> list[Point]:
    """The points of several sweeps under one numbering."""
    return [point._replace(number=number) for number, point in enumerate(point for group in groups for point in group)]


def again(point: Point, task: Task) -> int:
    """One point, as a value in each line: its errors are those of the whole sweep, to the last digit."""
    worker = Worker(task)
    with worker.gpu:
        row = worker.point(point.shot)
    told = {
        "point": point.number,
        "line": point.line,
        "scene": point.shot.scene,
        "camera": point.camera,
        **{k: shown(v) for k, v in point.varied.items()},
    }
    told |= {name: repr(row[name]) for name in ERRORS} | {name: f"{row[name]:.4f}" for name in TIMES}
    for name, value in {**told, "clock": row["clock"], "renderer": row["renderer"], "command": point.command}.items():
        print(f"{name:<20} {value}")
    return 0


def drawn(done: Iterator[worker_pool.Done], journal: Journal, count: int, truths: int) -> None:
    """Keep what comes. An interrupt, Ctrl-C or SIGTERM, ends whoever draws. Raises UserError."""
    started = len(journal.rows)
    try:
        with tqdm(total=count + truths, initial=started, desc="truth", disable=None, smoothing=0) as bar:
            for number, row in done:
                if number is not None:
                    journal.add(number, row)
                    bar.set_description_str("sweep", refresh=False)
                bar.update()
    except (KeyboardInterrupt, SystemExit):
        print(
            f"\ninterrupted: {len(journal.rows)} of {count} points are kept in {journal.path.parent}; the same command goes on",
            file=sys.stderr,
        )
        raise
    finally:
        close = getattr(done, "close", None)
        if close:
            close()


def written(
    folder: Path,
    rows: Mapping[int, Row],
    found: Sequence[Point],
    axes: Sequence[Axis],
    command: str,
    truths: Truths,
    runs: int,
    with_pictures: bool,
) -> None:
    """Table, CSV, pictures and page; each appears under its name when it is complete."""
    settings = averaged(found, rows)
    facts = described(rows, found, truths, runs)
    print("\n".join([*table(settings), "", f"{facts}; * nothing errs less for less"]))
    contents: dict[str, bytes] = {TABLE: csv_text(found, rows, axes).encode()}
    if with_pictures:
        title = f"Error over cost: {', '.join(dict.fromkeys(s.line for s in settings))}"
        names = list(dict.fromkeys(point.shot.scene for point in found))
        pictures = {f"Mean of {', '.join(names)}" if len(names) > 1 else names[0]: settings}
        if len(names) > 1:
            pictures |= {name: averaged([point for point in found if point.shot.scene == name], rows) for name in names}
        below = (
            "RMSE of linear radiance on surfaces against rays, the truth's noise taken out; cost: own passes and blur. "
        )
        plotted = {name: plot.png(chosen, axes, title, name, f"{below}\n{facts}") for name, chosen in pictures.items()}
        contents[PICTURE] = next(iter(plotted.values()))
        contents[PAGE] = page(title, facts, command, plotted, settings, found, rows).encode()
    for name, content in contents.items():
        with images.written(folder / name) as file:
            file.write(content)
        print((folder / name).absolute(), file=sys.stderr)


def described(rows: Mapping[int, Row], found: Sequence[Point], truths: Truths, runs: int) -> str:
    """What was drawn by what, and how it was measured."""
    sizes = " and ".join(dict.fromkeys(f"{p.shot.width} x {p.shot.height}" for p in found))
    each: Any = {
        name: " and ".join(dict.fromkeys(rows[p.number][name] for p in found)) for name in ("renderer", "clock")
    }
    rays = truths.reference.rays * truths.frames
    return f"{sizes}; truth {rays} rays a pixel; {each['renderer']}, {os.cpu_count()} cores; {each['clock']}, {runs} frames; version {version()}"
