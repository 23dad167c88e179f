"""How the cost of SSAO and SSDO grows: with samples, radius, pixels and triangles. What that says as a table, a CSV
file and a picture.

Frames are measured pass by pass, as in `bench passes`: by the wall clock on a software renderer, by timer queries
elsewhere. On a busy machine `--clock cpu` counts the processor time of all threads instead, on two cores up to twice as
much. One thing changes at a time. Triangles are those of `million`, which looks the same with any number of them: from
1000 to a million, 69 % of its pixels are surface.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from ssdo.commands.bench import fit, sizes
from ssdo.commands.bench.flags import add_clock, add_count, set_clock
from ssdo.gpu.context import Gpu, headless
from ssdo.measure import images, plots
from ssdo.measure.timings import BLUR, own, spread, summed
from ssdo.measure.version import version
from ssdo.render.pipeline import load_scene_of, measure_passes, render_frame
from ssdo.render.shot import Camera, Shot, Wanted, add_shot_flags, take_wanted
from ssdo.render.technique import HemisphereTechnique, Technique
from ssdo.settings import Parser, UserError, parse

FULL = {
    # 33: beyond 32 Mesa no longer unrolls a loop, and that has cost two and a half times
    "samples": "4,8,16,24,32,33,48,64,96,128",
    "radii": "0.02,0.035,0.06,0.11,0.19,0.33,0.57,1",
    "sizes": "320x180,480x270,640x360,960x540,1280x720,1920x1080",
    "triangles": "1000,10000,100000,1000000",
}
QUICK = {"samples": "4,16,32,33", "radii": "0.05,0.5", "sizes": "64x36,96x54,128x72", "triangles": "1000,4000"}
# of the picture, --quick or not, where it does not change
SIZE = {False: {"width": 640, "height": 360}, True: {"width": 128, "height": 72}}
NAMES = ("cost.csv", "cost.png")
OTHERS = {"blur": BLUR, "G-buffer": ("gbuffer",)}  # passes that are no technique's own, shown beside them
Change = Callable[[Shot], Shot]


class Point(NamedTuple):
    """What is measured: a shot, on whose curve it is, and where on which axis."""

    axis: str
    value: float  # samples; megapixels; share of the scene's size; triangles
    label: str
    shot: Shot


class Row(NamedTuple):
    """A point with its milliseconds (median, 5th and 95th percentile): by pass, and summed up: `own`, and OTHERS."""

    point: Point
    passes: Mapping[str, Mapping[str, float]]
    sums: Mapping[str, Mapping[str, float]]


class Drawn(NamedTuple):
    """By what, and how it was measured."""

    renderer: str
    driver: str
    cores: int
    clock: str
    frames: int
    version: str

    def words(self) -> str:
        return f"{self.renderer}, OpenGL {self.driver}, {self.cores} cores; {self.clock}, {self.frames} frames; version {self.version}"


def main(arguments: Sequence[str]) -> int:
    """`bench cost FLAGS`. Returns the exit code; raises UserError."""
    parser = Parser(
        "python -m ssdo bench cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--techniques", default="ssao,ssdo", metavar="T,T,...", help="what is measured [ssao,ssdo]")
    parser.add_argument(
        "--visibility", default="march,point", metavar="V,V", help="each technique in these forms [march,point]"
    )
    parser.add_argument("--samples", metavar="N,N,...", help=f"directions at each pixel [{FULL['samples']}]")
    parser.add_argument("--radii", metavar="V,V,...", help=f"as shares of the scene's size [{FULL['radii']}]")
    parser.add_argument(
        "--sizes",
        metavar="WxH,WxH,...",
        help=f"of the picture; elsewhere it has --width and --height, 640 and 360 [{FULL['sizes']}]",
    )
    parser.add_argument(
        "--triangles", metavar="N,N,...", help=f"of the scene `million`; elsewhere it is --scene [{FULL['triangles']}]"
    )
    add_count(parser, "runs", 5, 3, "frames that are measured")
    parser.add_argument("--quick", action="store_true", help="few points and small pictures, to see whether all works")
    add_clock(parser)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help=f"the folder for {' and '.join(NAMES)} [captures/cost]"
    )
    parser.add_argument("--overwrite", action="store_true", help="existing files may be replaced")
    add_shot_flags(parser)
    given = parse(parser, arguments)
    quick, clock, output, overwrite = (given.pop(name) for name in ("quick", "clock", "output", "overwrite"))
    runs, names, forms = given.pop("runs"), given.pop("techniques").split(","), given.pop("visibility").split(",")
    asked = {
        flag: default if (typed := given.pop(flag)) is None else typed
        for flag, default in (QUICK if quick else FULL).items()
    }
    output = output or images.free_name(Path("captures"), "cost", "")
    paths = [output / name for name in NAMES]
    images.check_free(paths, overwrite)
    wanted = take_wanted(given)
    shots = starts(Wanted({**SIZE[quick], **wanted.found}, wanted.typed), names, forms)
    points = planned(shots, asked)
    drawable = plots.drawable(NAMES[0])
    with Gpu(headless()) as gpu:
        timer = set_clock(gpu, clock)
        rows = [measured(gpu, point, runs) for point in tqdm(points, desc="cost", disable=None)]
        info = gpu.ctx.info
        drawn = Drawn(info["GL_RENDERER"], info["GL_VERSION"], os.cpu_count() or 1, timer, runs, version())
    base = _base(next(iter(shots.values())))
    print("\n".join([*table(rows), "", f"{base}; {drawn.words()}"]))
    _write(paths[0], csv_text(rows, drawn).encode())
    if drawable:
        _write(paths[1], picture(rows, drawn, base))
    return 0


def _write(path: Path, content: bytes) -> None:
    with images.written(path) as file:
        file.write(content)
    print(path.absolute(), file=sys.stderr)


def _base(shot: Shot) -> str:
    technique = shot.resolved(load_scene_of(shot)).technique
    assert isinstance(technique, HemisphereTechnique)
    return f"{shot.scene}, {shot.width} x {shot.height}, {technique.samples} samples, radius {technique.radius:.3g} m where nothing else is said"


# ---- what is measured ----


def starts(wanted: Wanted, names: Sequence[str], forms: Sequence[str]) -> dict[str, Shot]:
    """By the names of the curves: the shots in which one thing changes. Raises UserError."""
    able = [name for name, kind in Technique.known.items() if issubclass(kind, HemisphereTechnique)]
    for name in names:
        if Technique.named(name).group not in able:
            raise UserError(f"--techniques {name}: must be of {', '.join(able)}, which have samples and a radius")
        if f"{name}.visibility" in wanted.typed:
            raise UserError(f"--{name}.visibility has no effect: --visibility says what is measured; leave one out")
    shots = wanted.shots(names)
    return {
        f"{s.technique.group.upper()} {form}": _with(replace(s, accumulated_frames=1), visibility=form)
        for s in shots
        for form in dict.fromkeys(forms)
    }


def _with(shot: Shot, **values: Any) -> Shot:
    """The shot with other parameters of its technique. Raises UserError."""
    return replace(shot, technique=replace(shot.technique, **values))


def planned(shots: Mapping[str, Shot], asked: Mapping[str, str]) -> list[Point]:
    """Every point of every axis, those of one value side by side: what drifts meanwhile drifts for all. Raises
    UserError.
    """
    found = []
    for axis in AXES:
        changes = dict(axis.read(word) for word in asked[axis.flag].split(","))
        if len(changes) < axis.least:
            raise UserError(f"--{axis.flag} {asked[axis.flag]}: must be {axis.least} that differ, or more")
        for value in sorted(changes):
            for label, shot in shots.items():
                changed = changes[value](shot)
                found.append(Point(axis.name, value, label, changed.resolved(load_scene_of(changed))))
    return found


def _number(flag: str, word: str, kind: type[int] | type[float], lo: float, hi: float) -> Any:
    try:
        number = kind(word)
    except ValueError:
        number = kind(-1)
    if not lo <= number <= hi:
        raise UserError(f"--{flag} {word}: must be {'whole ' if kind is int else ''}numbers from {lo:g} to {hi:.10g}")
    return number


def _samples(word: str) -> tuple[float, Change]:
    count = _number("samples", word, int, 1, 256)
    return count, lambda shot: _with(shot, samples=count)


def _radius(word: str) -> tuple[float, Change]:
    share = _number("radii", word, float, 0.001, 10)
    return share, lambda shot: _with(shot, radius=share * load_scene_of(shot).size)


def _pixels(word: str) -> tuple[float, Change]:
    [(width, height)] = sizes(word)
    return width * height / 1e6, lambda shot: replace(shot, width=width, height=height)


def _triangles(word: str) -> tuple[float, Change]:
    count = _number("triangles", word, int, 1000, 20_000_000)
    return count, lambda shot: replace(shot, scene=f"million:triangles={count}", camera=Camera())


class Axis(NamedTuple):
    name: str
    flag: str
    least: int  # how many points it takes: two are always in a line
    # of a word behind the flag: where it is on the axis, and what it changes
    read: Callable[[str], tuple[float, Change]]
    unit: str
    # a value, where they grow in ratios; None: time is claimed to grow in a line
    write: Callable[[float], str] | None = None


AXES = (
    Axis("samples", "samples", 3, _samples, "samples a pixel"),
    Axis("resolution", "sizes", 3, _pixels, "megapixels"),
    Axis("radius", "radii", 2, _radius, "share of the scene's size", write=lambda share: f"{100 * share:.3g} %"),
    Axis(
        "triangles",
        "triangles",
        2,
        _triangles,
        "triangles that look the same",
        write=lambda count: f"{count:,.0f}".replace(",", " "),
    ),
)


def measured(gpu: Gpu, point: Point, runs: int) -> Row:
    """Raises UserError where there is nothing to measure."""
    passes = measure_passes(gpu, lambda: render_frame(gpu, point.shot), runs)
    if not any(map(own, passes)):
        raise UserError(f"{point.label}: draws nothing of its own; leave it out, or switch a part of it on")
    sums = {"own": summed(passes, own)}
    for name, first in OTHERS.items():
        if beside := {p: times for p, times in passes.items() if p.startswith(first)}:
            sums[name] = summed(beside, lambda _: True)
    return Row(point, {name: spread(times) for name, times in passes.items()}, sums)


# ---- what it says ----


def curves(rows: Sequence[Row], axis: str) -> dict[str, list[tuple[float, Mapping[str, float]]]]:
    """By name, in order: value and milliseconds, of each technique's own passes and of OTHERS, whose times are those
    beside the last one: a blur of light without a bounce takes less.
    """
    here = [row for row in rows if row.point.axis == axis]
    found: dict[str, list[tuple[float, Mapping[str, float]]]] = {}
    for row in here:
        found.setdefault(row.point.label, []).append((row.point.value, row.sums["own"]))
    last = [row for row in here if row.point.label == here[-1].point.label]
    return found | {
        name: [(row.point.value, row.sums[name]) for row in last] for name in OTHERS if name in here[0].sums
    }


def _medians(points: Sequence[tuple[float, Mapping[str, float]]]) -> list[tuple[float, float]]:
    return [(value, found["median"]) for value, found in points]


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown, a row for each curve: the lines that fit, how far times are from them, the largest steps."""
    by = {axis.name: {name: _medians(points) for name, points in curves(rows, axis.name).items()} for axis in AXES}
    names = dict.fromkeys(row.point.label for row in rows)
    counts = [value for value, _ in by["samples"][next(iter(names))]]
    first, second = min(pairwise(counts), key=lambda pair: pair[1] - pair[0])
    head = [
        "ms of own passes",
        "n samples",
        "off that line",
        f"{first:g} to {second:g} samples",
        "m megapixels",
        "off that line",
    ]
    head += ["radius, largest step", "triangles, most to fewest"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name in by["samples"]:
        samples, triangles = by["samples"][name], by["triangles"][name]
        line, wide = fit.line(samples), fit.line(by["resolution"][name])
        close = next(step for step in fit.steps(samples) if step.before == first)
        jump = fit.largest(fit.steps(by["radius"][name]))
        of_samples = [
            f"{line.fixed:.2f} + {line.slope:.3f} n",
            f"{line.off:+.1%} at {line.at:g}",
            f"{close.ratio:.2f}, line {line(second) / line(first):.2f}",
        ]
        cells = [
            name,
            *(of_samples if name in names else [""] * 3),
            f"{wide.fixed:.2f} + {wide.slope:.1f} m",
            f"{wide.off:+.1%} at {wide.at:.2f}",
        ]
        cells += [
            f"{jump.ratio:.2f}, {jump.before:g} to {jump.after:g}" if name in names else "",
            f"{triangles[-1][1] / triangles[0][1]:.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def csv_text(rows: Sequence[Row], drawn: Drawn) -> str:
    """A line for each row. Times are milliseconds; a pass that a technique does not have is empty."""
    passes = list(dict.fromkeys(name for row in rows for name in row.passes))
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    kinds = [f"{name} {kind}" for name in rows[0].sums for kind in ("median", "low", "high")]
    about = ["axis", "value", "technique", "visibility", "samples", "radius", "width", "height", "scene", "triangles"]
    out.writerow([*about, *kinds, *passes, *Drawn._fields])
    for point, times, sums in rows:
        shot, technique = point.shot, point.shot.technique
        assert isinstance(technique, HemisphereTechnique)
        settings = [
            technique.group,
            technique.visibility,
            technique.samples,
            technique.radius,
            shot.width,
            shot.height,
            shot.scene,
        ]
        ms = [f"{found[kind]:.4f}" for found in sums.values() for kind in ("median", "low", "high")]
        each = [f"{times[name]['median']:.4f}" if name in times else "" for name in passes]
        out.writerow([point.axis, point.value, *settings, load_scene_of(shot).triangle_count, *ms, *each, *drawn])
    return text.getvalue()


def picture(rows: Sequence[Row], drawn: Drawn, base: str) -> bytes:
    """A PNG with a panel for each axis: colours are techniques, dashes their forms."""
    names = list(dict.fromkeys(row.point.label for row in rows))
    kinds, forms = (list(dict.fromkeys(name.split()[part] for name in names)) for part in (0, 1))
    panels = []
    for axis in AXES:
        found = curves(rows, axis.name)
        lines = {name: fit.line(_medians(found[name])) for name in names} if axis.write is None else {}
        shown = []
        for name in names:
            kind, form = name.split()
            shown.append(
                plots.Curve(
                    name,
                    plots.COLORS[kinds.index(kind) % len(plots.COLORS)],
                    forms.index(form),
                    found[name],
                    lines.get(name),
                )
            )
        for number, name in enumerate(OTHERS):
            # that the G-buffer's time grows is news there only
            if name in found and (name == "blur" or axis.name == "triangles"):
                shown.append(plots.Curve(name, plots.GREY, number, found[name]))
        if axis.write is None:
            said, ticks = f"within {max(abs(line.off) for line in lines.values()):.1%} of a line", None
        else:
            apart = [max(ms) / min(ms) for ms in ([ms for _, ms in _medians(found[name])] for name in names)]
            said, ticks = (
                f"longest / shortest time at most {max(apart):.2f}",
                {value: axis.write(value) for value, _ in found[names[0]]},
            )
        panels.append(plots.Panel(f"{axis.name.capitalize()}: {said}", axis.unit, shown, ticks))
    title, by = (
        f"What {' and '.join(kinds)} cost",
        f"{drawn.renderer}, OpenGL {drawn.driver}, {drawn.cores} cores; {drawn.clock}",
    )
    below = f"{base}; for triangles: the scene million.\nOwn passes of a technique, and others; median and 5th to 95th percentile of {drawn.frames} frames."
    return plots.png(panels, title, by, below, "ms")
