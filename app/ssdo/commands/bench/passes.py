"""What techniques cost: milliseconds of every pass, beside a limit that makes the same fetches and nothing else.

Each shot is drawn once to compile and upload, then measured frame by frame, surfaces and sun drawn anew in each: the
wall clock around each pass on a software renderer, timer queries elsewhere. The limit of a screen-space technique reads
depth (and, for three fetches, what a sender's normal and radiance are stored in) as often as its directions, or slices,
and steps may, at constant offsets spread over the radius, unrolled in the text. The asking limit also compares each
depth with a plane's there, from both sides: the least that a technique can ask, which no technique is below. Figures
compare within one run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ssdo.commands.bench import sizes
from ssdo.commands.bench.flags import add_count, add_output, save, take_output
from ssdo.gpu.context import Gpu, headless
from ssdo.measure.timings import SHARED, in_words, own, spread, summed
from ssdo.measure.version import version
from ssdo.render.gbuffer import BACKGROUND
from ssdo.render.pipeline import FrameResult, load_scene_of, measure_passes, render_frame
from ssdo.render.shot import Shot, Wanted, add_shot_flags, sampled, take_wanted
from ssdo.render.technique import LIGHTING_FORMAT
from ssdo.resources import SHADERS
from ssdo.settings import Parser, UserError, parse

BODY = 64  # fetches written out one after the other; more are a loop around these
READ = ("depth", "normal", "albedo")  # of the G-buffer, the first alone or all three


def main(arguments: Sequence[str]) -> int:
    """`bench passes FLAGS`. Returns the exit code; raises UserError."""
    parser = Parser(
        "python -m ssdo bench passes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--techniques", default="off,ssao,ssdo", metavar="T,T,...", help="what is measured [off,ssao,ssdo]"
    )
    parser.add_argument(
        "--samples",
        default="16,64",
        metavar="N,N,...",
        help="each technique that looks at the screen with each of these counts [16,64]",
    )
    parser.add_argument("--scenes", metavar="S,S,...", help="each of these instead of --scene")
    parser.add_argument(
        "--sizes", metavar="WxH,WxH,...", help="each of these instead of --width and --height, as in 1280x720,1920x1080"
    )
    add_count(parser, "runs", 11, 3, "frames that are measured")
    add_output(parser, "all figures, and what drew")
    parser.add_argument(
        "--against", type=Path, metavar="FILE.json", help="print the ratio to the figures of an earlier run"
    )
    add_shot_flags(parser)
    given = parse(parser, arguments)
    output, runs = take_output(given), given.pop("runs")
    names, counts, against = given.pop("techniques").split(","), given.pop("samples"), given.pop("against")
    places, extents = given.pop("scenes"), given.pop("sizes")
    before = _read(against) if against else {}
    several = bool(places or extents)
    shots = spaced(take_wanted(given), names, counts, places, extents)
    with tempfile.TemporaryDirectory() as folder, Gpu(headless(), (Path(folder), SHADERS)) as gpu:
        rows = [measured(gpu, shot, runs, Path(folder), several) for shot in tqdm(shots, desc="passes", disable=None)]
        timer = "wall clock around each pass" if gpu.clock.software else "timer queries"
        where = "" if several else f"{_where(shots[0])}, "
        drawn = f"{where}{gpu.ctx.info['GL_RENDERER']}, {os.cpu_count()} cores; {timer}, {runs} frames"
    print("\n".join([*table(rows, before), "", f"{drawn}; version {version()}"]))
    save(output, drawn, {"rows": rows})
    return 0


def spaced(wanted: Wanted, names: Sequence[str], counts: str, places: str | None, extents: str | None) -> list[Shot]:
    """The shots of each scene and size: those asked for, or the one of the flags of a shot. Raises UserError."""
    for name, instead, other in (
        ("scene", "scenes", places),
        ("width", "sizes", extents),
        ("height", "sizes", extents),
    ):
        if other and name in wanted.typed:
            raise UserError(f"--{name} has no effect beside --{instead}; leave one out")
    shots = sampled(wanted.shots(names), counts)
    if extents:
        shots = [
            replace(shot, width=width, height=height)
            for width, height in dict.fromkeys(sizes(extents))
            for shot in shots
        ]
    if places:
        shots = [replace(shot, scene=place) for place in dict.fromkeys(places.split(",")) for shot in shots]
    for shot in shots:
        load_scene_of(shot)  # a mistake in the last is said before the first is measured
    return shots


def _where(shot: Shot) -> str:
    return f"{shot.scene}, {shot.width} x {shot.height}{', lighting at half' * shot.lighting.half}"


def measured(gpu: Gpu, shot: Shot, runs: int, folder: Path, several: bool = False) -> dict[str, Any]:
    """A row: label, with scene and size where there are several; of every pass the median, 5th and 95th percentile of
    milliseconds; of its two limits, or None; megabytes of targets.
    """
    one = replace(shot, accumulated_frames=1)
    with gpu.scope("measured"):
        gpu.sweep()
        picture = render_frame(gpu, one)
        gpu.sweep()  # of what the shot before had
        passes = measure_passes(gpu, lambda: render_frame(gpu, one), runs)
        memory = gpu.memory
        limit, asking = _limits(gpu, picture, runs, folder)
    return {
        "label": f"{_where(shot)}: {picture.shot.technique.label()}" if several else picture.shot.technique.label(),
        "scene": shot.scene,
        "width": shot.width,
        "height": shot.height,
        "passes": {name: spread(times) for name, times in passes.items()},
        "lighting": summed(passes, lambda name: not name.startswith(SHARED)),
        "frame": summed(passes, lambda name: True),
        "limit": limit,
        "asking": asking,
        "megabytes": memory / 2**20,
    }


def _limits(gpu: Gpu, picture: FrameResult, runs: int, folder: Path) -> list[dict[str, float] | None]:
    """Milliseconds of the fetches that the picture's technique may make, without and with a question to each depth;
    None where it makes none.
    """
    technique = picture.shot.technique
    if not technique.sample_param:
        return [None, None]
    values = technique.values()
    read = READ if values.get("bounce") else READ[:1]
    reach = _reach(gpu, picture, values["radius"])
    into = gpu.target("limit", picture.lit_view.size, LIGHTING_FORMAT)
    given: dict[str, Any] = {"frame": picture.lit_view.frame, "gbuffer": picture.lit_view.gbuffer}
    found: list[dict[str, float] | None] = []
    for kind in ("limit", "asking"):
        text = limit_text(technique.fetches, read, reach, kind == "asking")
        # programs are kept by name: the reach is each scene's own
        name = f"{kind}-{len(read)}-{technique.fetches}-{zlib.crc32(text.encode()):08x}.frag"
        (folder / name).write_text(text, "utf-8")
        found.append(spread(measure_passes(gpu, partial(gpu.draw, name, into, **given), runs)[name]))
    return found


def _reach(gpu: Gpu, picture: FrameResult, radius: float) -> tuple[float, float]:
    """The radius in shares of the picture, at the median depth of what is seen."""
    depth = gpu.read(picture.view.gbuffer.depth)
    seen = depth[depth < BACKGROUND]
    at = float(np.median(seen)) if seen.size else 1.0
    x, y = picture.view.frame.tangent
    return min(0.5 * radius / (x * at), 0.5), min(0.5 * radius / (y * at), 0.5)


def limit_text(samples: int, read: Sequence[str], reach: tuple[float, float], asking: bool = False) -> str:
    """A shader that reads the G-buffer so often around every pixel, and adds; asking: adds up how many depths do not
    lie just above a plane.
    """
    rounds = -(-samples // BODY)
    lines = []
    for i in range(min(samples, BODY)):
        r, phi = math.sqrt((i + 0.5) / min(samples, BODY)), 2 * math.pi * i * 0.7548776662
        offset = f"vec2({reach[0] * r * math.cos(phi):.8f}, {reach[1] * r * math.sin(phi):.8f})"
        found = [f"textureLod(gbuffer_{name}, uv + {offset}, 0.0).r" for name in read]
        if asking:
            lines += [f"    seen = {found.pop(0)};", f"    plane = depth + dot(slope, {offset});"]
            lines += ["    sum += seen < plane && seen > plane - depth ? 0.0 : 1.0;"]
        lines += [f"    sum += {value};" for value in found]
    declared = "".join(f"uniform sampler2D gbuffer_{name};\n" for name in read if name not in ("depth", "normal"))
    loop = [f"    for (int k = 0; k < {rounds}; k++) {{", *lines, "    uv += 0.001;", "    }"] if rounds > 1 else lines
    given = (
        ["    float depth = depth_at(uv), seen, plane;", "    vec2 slope = depth * normal_ws_at(uv).xy;"]
        if asking
        else []
    )
    body = "\n".join(["    vec2 uv = uv_here();", "    float sum = 0.0;", *given, *loop, "    result = vec4(sum);"])
    return f'// How long do these fetches take?\n#include "common/screen.glsl"\n{declared}out vec4 result;\n\nvoid main() {{\n{body}\n}}\n'


def table(rows: Sequence[Mapping[str, Any]], before: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Markdown: medians in milliseconds with 5th and 95th percentile, and the ratios to the limits, and to an earlier
    run where there is one.
    """
    head = [
        "technique",
        "lighting, blur included",
        "its own passes",
        "limit",
        "ratio",
        "asking limit",
        "ratio",
        "whole frame",
        "targets",
    ]
    head += ["lighting, to before"] if before else []
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        alone = sum(p["median"] for name, p in row["passes"].items() if own(name))
        cells = [row["label"], in_words(row["lighting"]), f"{alone:.2f}"]
        for limit in (row["limit"], row["asking"]):
            cells += [in_words(limit), f"{alone / limit['median']:.2f}"] if limit else ["", ""]
        cells += [in_words(row["frame"]), f"{row['megabytes']:.0f} MB"]
        if before:
            earlier = before.get(row["label"])
            cells.append(f"{row['lighting']['median'] / earlier['lighting']['median']:.2f}" if earlier else "")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _read(path: Path) -> dict[str, Mapping[str, Any]]:
    """The rows of an earlier run by label. Raises UserError."""
    try:
        return {
            row["label"]: row for row in json.loads(path.read_text("utf-8"))["rows"] if row["lighting"]["median"] > 0
        }
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"--against {path}: must be a file that `bench passes --output` wrote") from None
