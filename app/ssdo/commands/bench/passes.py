"""Cost of techniques by pass in milliseconds, beside the cost of their texture fetches alone.

Each shot is drawn once to compile and upload, then measured frame by frame. Surfaces and sun are drawn in every frame.
Passes are measured by the wall clock on a software renderer, by timer queries on a GPU. The fetch limit is a shader
that makes as many texture fetches as the technique may and adds them up; the compare limit also compares each depth
with a plane. Compare figures of the same run only.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ssdo.commands.bench.fetch_limits import measure_fetch_limits
from ssdo.commands.bench.flags import (
    add_count_flag,
    add_output_flags,
    add_techniques_flag,
    describe_machine,
    describe_resolution,
    format_table,
    parse_sizes,
    pop_output,
    save_figures,
)
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure.timings import SHARED_PASSES, format_percentiles, is_technique_pass, percentiles, sum_passes
from ssdo.measure.version import program_version
from ssdo.render.pass_times import measure_passes
from ssdo.render.pipeline import load_shot_scene, render_frame
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides, add_shot_flags, parse_overrides, with_sample_counts, without_antialiasing
from ssdo.resources import SHADERS
from ssdo.settings import UserError

HEADER = (
    "technique",
    "lighting with denoiser",
    "technique's passes",
    "fetch limit",
    "ratio",
    "compare limit",
    "ratio",
    "whole frame",
    "targets",
)


def main(arguments: Sequence[str]) -> int:
    """`bench passes FLAGS`. Returns the exit code; raises UserError."""
    flags = parse_flags(_create_parser(), arguments)
    output, runs = pop_output(flags), flags.pop("runs")
    baseline = _load_baseline(path) if (path := flags.pop("baseline")) else {}
    techniques, samples = flags.pop("techniques").split(","), flags.pop("samples")
    scenes, sizes = flags.pop("scenes"), flags.pop("sizes")
    shots = create_shots(without_antialiasing(parse_overrides(flags)), techniques, samples, scenes, sizes)
    has_many_views = bool(scenes or sizes)
    with tempfile.TemporaryDirectory() as folder, Gpu(create_headless_context(), (Path(folder), SHADERS)) as gpu:
        rows = []
        for shot in tqdm(shots, desc="passes", disable=None):
            row = measure_shot(gpu, shot, runs, Path(folder))
            rows.append(row | {"label": f"{_describe_view(shot)}: {row['label']}"} if has_many_views else row)
        timer = "wall clock around each pass" if gpu.is_software_renderer else "timer queries"
        view = "" if has_many_views else f"{_describe_view(shots[0])}, "
        run = f"{view}{describe_machine(gpu)}; {timer}, {runs} frames"
    print("\n".join([*format_rows(rows, baseline), "", f"{run}; version {program_version()}"]))
    save_figures(output, run, {"rows": rows})
    return 0


def _create_parser() -> FlagParser:
    parser = FlagParser("ssdo bench passes", __doc__)
    add_techniques_flag(parser, "off,ssao,ssdo")
    parser.add_argument(
        "--samples",
        default="16,64",
        metavar="N,N,...",
        help="measure each screen-space technique with each of these sample counts [16,64]",
    )
    parser.add_argument("--scenes", metavar="S,S,...", help="measure each of these scenes instead of --scene")
    parser.add_argument(
        "--sizes",
        metavar="WxH,WxH,...",
        help="measure each of these sizes instead of --width and --height, as in 1280x720,1920x1080",
    )
    add_count_flag(parser, "runs", 11, 3, "frames to measure")
    add_output_flags(parser, "all figures as JSON")
    parser.add_argument(
        "--baseline", type=Path, metavar="FILE.json", help="print the ratio to the figures of an earlier run"
    )
    add_shot_flags(parser)
    return parser


def create_shots(
    overrides: Overrides, techniques: Sequence[str], samples: str, scenes: str | None, sizes: str | None
) -> list[Shot]:
    """The shots of all techniques and sample counts, in each scene and size. Raises UserError, also for the scenes."""
    for name, list_name, values in (
        ("scene", "scenes", scenes),
        ("width", "sizes", sizes),
        ("height", "sizes", sizes),
    ):
        if values and name in overrides.cli:
            raise UserError(f"--{name} has no effect beside --{list_name}; leave one out")
    shots = with_sample_counts(overrides.build_shots(techniques), samples)
    if sizes:
        extents = dict.fromkeys(parse_sizes(sizes))
        shots = [replace(shot, width=width, height=height) for width, height in extents for shot in shots]
    if scenes:
        shots = [replace(shot, scene=scene) for scene in dict.fromkeys(scenes.split(",")) for shot in shots]
    for shot in shots:
        load_shot_scene(shot)
    return shots


def _describe_view(shot: Shot) -> str:
    return f"{shot.scene}, {describe_resolution(shot)}"


def measure_shot(gpu: Gpu, shot: Shot, runs: int, shader_folder: Path) -> dict[str, Any]:
    """Milliseconds of every pass, of their sums, and of the fetch limits, each as median, 5th and 95th percentile.

    Also the size of all render targets in MiB.
    """
    shot = replace(shot, accumulated_frames=1)
    with gpu.scope("passes"):
        gpu.free_unused()
        result = render_frame(gpu, shot)
        gpu.free_unused()  # targets of the shot before
        passes = measure_passes(gpu, lambda: render_frame(gpu, shot), runs)
        target_bytes = gpu.target_bytes
        limits = measure_fetch_limits(gpu, result, runs, shader_folder)
    return {
        "label": result.shot.technique.describe(),
        "scene": shot.scene,
        "width": shot.width,
        "height": shot.height,
        "passes": {name: percentiles(times) for name, times in passes.items()},
        "lighting": sum_passes(passes, lambda name: not name.startswith(SHARED_PASSES)),
        "frame": sum_passes(passes, lambda name: True),
        "fetch_limit": limits.fetch if limits else None,
        "compare_limit": limits.compare if limits else None,
        "mebibytes": target_bytes / 2**20,
    }


def format_rows(rows: Sequence[Mapping[str, Any]], baseline: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table in Markdown: median milliseconds with 5th and 95th percentile, ratios to the limits and the baseline."""
    table = []
    for row in rows:
        technique_ms = sum(times["median"] for name, times in row["passes"].items() if is_technique_pass(name))
        cells = [row["label"], format_percentiles(row["lighting"]), f"{technique_ms:.2f}"]
        for limit in (row["fetch_limit"], row["compare_limit"]):
            cells += [format_percentiles(limit), f"{technique_ms / limit['median']:.2f}"] if limit else ["", ""]
        cells += [format_percentiles(row["frame"]), f"{row['mebibytes']:.0f} MiB"]
        if baseline:
            earlier = baseline.get(row["label"])
            ratio = row["lighting"]["median"] / earlier["lighting"]["median"] if earlier else None
            cells.append("" if ratio is None else f"{ratio:.2f}")
        table.append(cells)
    return format_table([*HEADER, *(["lighting, to baseline"] if baseline else [])], table)


def _load_baseline(path: Path) -> dict[str, Mapping[str, Any]]:
    """The rows of an earlier run by label. Raises UserError."""
    try:
        rows = json.loads(path.read_text("utf-8"))["rows"]
        return {row["label"]: row for row in rows if row["lighting"]["median"] > 0}
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"--baseline {path}: must be a file that `bench passes --output` wrote") from None
