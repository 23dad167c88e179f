"""Compares techniques on one shot, on a page that can be sent: images, errors, causes of the errors, and cost."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ssdo.commands.compare import report
from ssdo.commands.compare.comparison import REFERENCE, ComparisonPlan
from ssdo.commands.compare.progress_output import ProgressSink, show_progress
from ssdo.commands.compare.report import ReportWriter
from ssdo.commands.compare.stages import refine_comparison
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure import images, references
from ssdo.measure.output_files import own_output_folder
from ssdo.measure.progress import WorkEstimate
from ssdo.measure.reference_cache import ReferenceCache, add_cache_flags, parse_cache_flags
from ssdo.render.antialiasing import PICTURE_FRAMES
from ssdo.render.pipeline import load_shot_scene, preload_shot
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import (
    Overrides,
    add_shot_flags,
    parse_overrides,
    validate_values,
    with_picture_defaults,
    with_sample_counts,
)
from ssdo.render.techniques.reference import Reference
from ssdo.settings import UserError

TECHNIQUES = "off,ssao,ssdo"
# Parameters, or what their names begin with, of what images show and its light: one reference serves all. Other
# parameters may be what is compared, the shadow maps' included.
COMMON_PARAMS = (
    "scene",
    "up",
    "environment",
    "time",
    "width",
    "height",
    "material_override",
    "occlusion_maps",
    "ground",
    "background",
    "camera.",
    "sky.",
    "sun.",
    "lights.",
)
SHADOW_PARAMS = ("sun.resolution", "lights.shadows", "lights.resolution")


def main(arguments: Sequence[str]) -> int:
    """`compare FLAGS`. Returns the exit code; raises UserError."""
    flags = parse_flags(_create_parser(), arguments)
    overwrite, output, cache = flags.pop("overwrite"), flags.pop("output"), parse_cache_flags(flags)
    progress_output = flags.pop("progress")
    plan = _create_plan(flags)
    command = shlex.join(["ssdo", "compare", *arguments])
    scene_name = Path(plan.shots[0].scene.partition(":")[0]).stem
    with own_output_folder(output, f"{scene_name}-compare", command) as folder:
        report.require_free_names(folder, plan, overwrite)
        with Gpu(create_headless_context()) as gpu:
            writer = ReportWriter(folder, {"command": command, **report.describe_renderer(gpu)}, overwrite)
            try:
                with show_progress(progress_output) as show:
                    paths = _write_comparison(gpu, plan, cache, writer, show)
            except (KeyboardInterrupt, SystemExit):
                _finish_early(writer, bool(cache.folder))
                raise
            for path in paths:
                print(path.absolute())
    return 0


def _write_comparison(
    gpu: Gpu, plan: ComparisonPlan, cache: ReferenceCache, writer: ReportWriter, show: ProgressSink
) -> list[Path]:
    """Write drafts and then the comparison; returns its paths. Raises UserError."""
    work = WorkEstimate(on_progress=show)
    paths: list[Path] = []
    with contextlib.closing(refine_comparison(gpu, plan, cache, work)) as comparisons:
        for comparison in comparisons:
            start = work.elapsed
            paths = writer.write(comparison)
            if draft := comparison.draft:
                work.page, work.page_frames = str(writer.page), draft.frames
                work.plan("page", 1, work.elapsed - start)
                work.skip()
                work.report()
            else:
                work.advance("page")
    return paths


def _finish_early(writer: ReportWriter, has_cache: bool) -> None:
    """Leave the last draft as a page of its own."""
    draft = writer.stop()
    hint = ""
    if draft and draft.planned_frames:
        message = f"{writer.page} has {draft.frames} of {draft.planned_frames} frames of the reference"
        hint = "; the same command with --overwrite continues" if has_cache else ""
    elif writer.last:
        message = f"{writer.page} is {'not complete' if draft else 'complete'}"
    else:
        message, hint = "no page yet", "; the same command continues the reference" if has_cache else ""
    with contextlib.suppress(OSError):
        print(f"\ninterrupted: {message}{hint}", file=sys.stderr)


def _create_parser() -> FlagParser:
    parser = FlagParser("ssdo compare", __doc__)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder of index.html, metrics.json and the images [captures/SCENE-compare]",
    )
    parser.add_argument(
        "--progress",
        choices=("bar", "json"),
        default="bar",
        help="progress on stderr: a bar on a terminal, or lines of JSON; then `stop` on stdin ends the command [bar]",
    )
    parser.add_argument("--overwrite", action="store_true", help="overwrite existing files")
    parser.add_argument("--techniques", metavar="T,T,...", help=f"techniques to compare [{TECHNIQUES}]")
    parser.add_argument(
        "--from-image",
        metavar="FILE,FILE,...",
        help="compare the shots stored in these images: of one scene, camera and size",
    )
    parser.add_argument(
        "--samples", metavar="N,N,...", help="draw each screen-space technique with each of these sample counts"
    )
    parser.add_argument(
        "--reference",
        default=REFERENCE,
        metavar="reference|FILE|none",
        help="path-traced reference, or linear radiance from an .exr or .npz file [reference]",
    )
    parser.add_argument("--reference-frames", type=int, default=256, metavar="N", help="frames of the reference [256]")
    parser.add_argument(
        "--converged-frames",
        type=int,
        default=16,
        metavar="N",
        help=f"frames of the converged screen-space result, {references.CONVERGED_TEXT} each [16]",
    )
    add_cache_flags(parser)
    add_shot_flags(parser, {"antialias": PICTURE_FRAMES})
    return parser


def _create_plan(flags: dict[str, Any]) -> ComparisonPlan:
    """What the flags ask for. Raises UserError."""
    source, samples, techniques = flags.pop("reference"), flags.pop("samples"), flags.pop("techniques")
    image_paths = flags.pop("from_image")
    frames = {name: _check_frames(name, flags.pop(name)) for name in ("reference_frames", "converged_frames")}
    overrides = parse_overrides(flags)
    shot = overrides.build_shot(REFERENCE)
    technique = shot.technique
    assert isinstance(technique, Reference)
    if image_paths:
        _refuse_beside_images(overrides, {"techniques": techniques, "samples": samples})
        shots = load_shots([Path(path.strip()) for path in image_paths.split(",")])
    else:
        preload_shot(shot)
        names = [name.strip() for name in (techniques or TECHNIQUES).split(",")]
        shots = create_shots(with_picture_defaults(overrides), names, samples, source == REFERENCE)
    return ComparisonPlan(shots, source, technique, **frames)


def _check_frames(name: str, count: int) -> int:
    if not 4 <= count <= 65536:
        raise UserError(f"--{name.replace('_', '-')} {count}: must be 4 to 65536, half of them in each of two renders")
    return count


def _refuse_beside_images(overrides: Overrides, flags: Mapping[str, object]) -> None:
    names = [name for name in overrides.cli if not name.startswith(f"{REFERENCE}.")]
    names += [name for name, value in flags.items() if value]
    if names:
        raise UserError(f"--{names[0]} has no effect beside --from-image; leave one out")


def create_shots(
    overrides: Overrides, techniques: Sequence[str], samples: str | None, has_path_traced_reference: bool
) -> list[Shot]:
    """A resolved shot for each technique and sample count. Raises UserError."""
    cli = dict(overrides.cli)
    if has_path_traced_reference and REFERENCE not in techniques:  # its parameters are for the reference alone
        cli = {name: value for name, value in cli.items() if not name.startswith(f"{REFERENCE}.")}
    shots = [shot.resolve(load_shot_scene(shot)) for shot in Overrides(overrides.preset, cli).build_shots(techniques)]
    if samples is None:
        return shots
    sample_params = {f"{shot.technique.group}.{shot.technique.sample_param}" for shot in shots}
    if conflicts := [name for name in cli if name in sample_params]:
        raise UserError(f"--{conflicts[0]} has no effect beside --samples; leave one out")
    if not any(shot.technique.sample_param for shot in shots):
        raise UserError(f"--samples has no effect: none of {','.join(techniques)} takes samples")
    return with_sample_counts(shots, samples)


def load_shots(paths: Sequence[Path]) -> list[Shot]:
    """The resolved shots stored in images. Raises UserError where they do not show the same view in the same light."""
    shots: list[Shot] = []
    for path in paths:
        shot = Shot().with_values(validate_values(images.load_shot_values(path), path))
        shot = shot.resolve(load_shot_scene(shot))
        shots.append(shot)
        values, first_values = shot.values(), shots[0].values()
        for name in values:
            is_common = name.startswith(COMMON_PARAMS) and name not in SHADOW_PARAMS
            if is_common and values[name] != first_values.get(name):
                raise UserError(
                    f"{path} and {paths[0]} differ in {name}; "
                    "images to compare must show one scene in one light, from one camera, at one size"
                )
    return shots
