"""The failure gallery in numbers: what each screen-space technique and the reference show where screen space fails.

All techniques have as many samples and steps as they allow (at most 256), a radius and a thickness that suit the scene,
and no denoiser: their errors are not for want of samples. Means are of one component of the light in the marked region,
the reference's with its standard error. RMSE is of radiance there, without the reference's noise. A second table
compares one depth layer with two, for techniques that have the choice.
"""

from __future__ import annotations

import contextlib
import math
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ssdo.arrays import Bytes, Floats
from ssdo.commands.bench.flags import format_table
from ssdo.commands.bench.techniques import get_param, highest_values, list_screen_space_techniques
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure import images, references
from ssdo.measure.metrics import Mask
from ssdo.measure.output_files import own_folder, require_absent
from ssdo.measure.reference_cache import ReferenceCache, add_cache_flags, parse_cache_flags
from ssdo.render.frame_uniforms import FrameUniforms, world_positions
from ssdo.render.pipeline import render_all_frames
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides, add_shot_flags, parse_overrides, without_antialiasing
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.scene.built_in.failures import FAILURES, Failure
from ssdo.settings import UserError, suggest

MAX_SAMPLES = 256
COMPONENT_LABELS = {"visibility": "ambient visibility"}  # of keys of images.read_arrays that are not labels themselves
OUTLINE_COLOR = (255, 220, 40)


class GalleryMethod(NamedTuple):
    """A technique with some of its parameters."""

    label: str
    technique: type[Technique]
    defaults: Mapping[str, Any] = {}  # which flags and presets override
    fixed: Mapping[str, Any] = {}  # which make it this method


REFERENCE = GalleryMethod("reference", Reference, {"rays": 4})


def list_methods(depth_layers: str = "1") -> list[GalleryMethod]:
    """A method for each screen-space technique; with two depth layers only those that have them."""
    methods = []
    for technique in list_screen_space_techniques():
        names = (technique.sample_param, "steps", "environment_samples")
        method = GalleryMethod(technique.label, technique, highest_values(technique, names, MAX_SAMPLES))
        if get_param(technique, "depth_layers"):
            suffix = ", two depth layers" if depth_layers == "2" else ""
            methods.append(method._replace(label=method.label + suffix, fixed={"depth_layers": depth_layers}))
        elif depth_layers == "1":
            methods.append(method)
    return methods


def list_layer_pairs() -> list[tuple[GalleryMethod, GalleryMethod]]:
    """Methods with one and with two depth layers."""
    single = {method.technique: method for method in list_methods()}
    return [(single[method.technique], method) for method in list_methods("2")]


class FailureMeasurement(NamedTuple):
    """A failure in numbers, by the label of a method; `means` and `pixels` also of the reference."""

    failure: Failure
    means: Mapping[str, float]  # of the failure's component in its region; visibility, or irradiance
    reference_error: float  # standard error of the reference's mean
    rmse: Mapping[str, float]  # of radiance in the region
    pixels: Mapping[str, Bytes]  # (h, w, 3) 8-bit sRGB
    region: Mask  # (h, w)


def main(arguments: Sequence[str]) -> int:
    """`bench failures FLAGS`. Returns the exit code; raises UserError."""
    flags = parse_flags(_create_parser(), arguments)
    names, folder, overwrite = flags.pop("only"), flags.pop("output"), flags.pop("overwrite")
    frames, cache = flags.pop("reference_frames"), parse_cache_flags(flags)
    overrides = without_antialiasing(parse_overrides(flags))
    _refuse_overrides(overrides)
    failures = select_failures(names.split(",")) if names else list(FAILURES)
    paths = [folder / f"{re.sub('[:=]', '-', failure.scene)}.png" for failure in failures] if folder else []
    measurements = []
    with contextlib.ExitStack() as stack:
        if folder:
            stack.enter_context(own_folder(folder, shlex.join(["ssdo", "bench", "failures", *arguments])))
            require_absent(paths, overwrite)
        gpu = stack.enter_context(Gpu(create_headless_context()))
        print("\n".join(format_header()), flush=True)
        for number, failure in enumerate(failures):
            measurement = measure_failure(gpu, failure, overrides, frames, cache)
            measurements.append(measurement)
            print(format_row(measurement), flush=True)
            if folder:
                images.save_png(paths[number], create_contact_sheet(measurement), overwrite=overwrite)
    print("", *format_layers_header(), *map(format_layers_row, measurements), sep="\n")
    for path in paths:
        print(path.absolute(), file=sys.stderr)
    return 0


def _create_parser() -> FlagParser:
    parser = FlagParser("ssdo bench failures", __doc__)
    parser.add_argument("--only", metavar="NAME,NAME,...", help=f"of {', '.join(list_scene_names())} [all]")
    parser.add_argument(
        "--reference-frames",
        type=int,
        default=64,
        metavar="N",
        help="frames of the reference, 4 rays per pixel each by default [64]",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of a contact sheet for each scene, with the region outlined"
    )
    parser.add_argument("--overwrite", action="store_true", help="overwrite existing files")
    add_cache_flags(parser)
    add_shot_flags(parser)
    return parser


def _refuse_overrides(overrides: Overrides) -> None:
    for name in overrides.cli:
        if name in ("scene", "technique"):
            raise UserError(f"--{name} has no effect: the gallery sets it; leave it out, or choose with --only")
        if name.endswith(".depth_layers"):
            raise UserError(f"--{name} has no effect: the gallery has one and two; leave it out")


def list_scene_names() -> list[str]:
    """The scenes of the gallery, without arguments."""
    return list(dict.fromkeys(failure.name for failure in FAILURES))


def select_failures(names: Sequence[str]) -> list[Failure]:
    """The failures of some scenes, in the gallery's order. Raises UserError."""
    names = [name.strip() for name in names]
    for name in names:
        if name not in list_scene_names():
            raise UserError(f"--only {name}: no such failure{suggest(name, list_scene_names())}")
    return [failure for failure in FAILURES if failure.name in names]


def create_shot(method: GalleryMethod, failure: Failure, overrides: Overrides) -> Shot:
    """The shot of a method in a scene of the gallery. Raises UserError."""
    lengths = {"radius": failure.radius, "thickness": failure.thickness}
    params = {**method.defaults, **{name: v for name, v in lengths.items() if get_param(method.technique, name)}}
    group = method.technique.group
    defaults: dict[str, Any] = {"scene": failure.scene, "width": 320, "height": 180, "denoise.radius": 0}
    defaults |= {f"{group}.{name}": value for name, value in params.items()}
    fixed = {f"{group}.{name}": value for name, value in method.fixed.items()}
    return Overrides({**defaults, **overrides.preset, **fixed}, overrides.cli).build_shot(group)


def measure_failure(
    gpu: Gpu,
    failure: Failure,
    overrides: Overrides,
    frames: int,
    cache: ReferenceCache,
    methods: Sequence[GalleryMethod] | None = None,
) -> FailureMeasurement:
    """Draw a failure with some methods (all by default) and `frames` frames of the reference. Raises UserError."""
    shot = create_shot(REFERENCE, failure, overrides)
    technique = shot.technique
    assert isinstance(technique, Reference)
    arrays, pixels = {}, {}
    for method in methods or [*list_methods("1"), *list_methods("2")]:
        result = render_all_frames(gpu, create_shot(method, failure, overrides))
        arrays[method.label] = images.read_arrays(gpu, result)
        pixels[method.label] = images.read_display(result)
    region = find_region(failure, result.inputs.frame, arrays[method.label]["depth"])
    reference = references.render_world_reference(gpu, shot, technique, frames, cache)
    pixels[REFERENCE.label] = images.tone_map(gpu, result.shot, reference.mean["radiance"])
    means = {label: float(a[failure.component][region].mean(dtype="f8")) for label, a in arrays.items()}
    first, second = (half[failure.component][region].astype("f8") for half in (reference.first, reference.second))
    means[REFERENCE.label] = float((first + second).mean() / 2)
    return FailureMeasurement(
        failure,
        means,
        _standard_error(first, second),
        {label: reference.rmse(a["radiance"], region) for label, a in arrays.items()},
        pixels,
        region,
    )


def _standard_error(first: Any, second: Any) -> float:
    """Of the mean of two independent images' pixels. Pixels are independent, channels are not."""
    differences = (first - second).reshape(len(first), -1).mean(1)
    return math.sqrt(float((differences**2).sum())) / len(differences) / 2


def find_region(failure: Failure, frame: FrameUniforms, depth: Floats) -> Mask:
    """(h, w): the pixels whose surface lies in the failure's box. Raises UserError where there are none."""
    positions = world_positions(frame, depth)
    region: Mask = np.all((positions > failure.region_min) & (positions < failure.region_max), axis=-1)
    if not region.any():
        raise UserError(
            f"scene {failure.scene}: its region is not in the image; leave --camera.* out, or make the image larger"
        )
    return region


# ---- tables ----


def _list_columns(methods: Sequence[GalleryMethod]) -> list[str]:
    labels = [method.label for method in methods]
    return [*labels, REFERENCE.label, *(f"RMSE, {label}" for label in labels)]


def _label_component(failure: Failure) -> str:
    return COMPONENT_LABELS.get(failure.component, failure.component)


def _format_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def format_header() -> list[str]:
    """The first lines of the table in Markdown."""
    return format_table(["scene", "failure and cause", "component", *_list_columns(list_methods())], [])


def format_row(measurement: FailureMeasurement) -> str:
    """A row of the table: means in the region, and RMSE of radiance there."""
    labels = [method.label for method in list_methods()]
    means = [f"{measurement.means[label]:.3f}" for label in labels]
    errors = [f"{measurement.rmse[label]:.3f}" for label in labels]
    cells = [*describe_failure(measurement.failure), *means, _format_reference(measurement), *errors]
    return _format_row(cells)


def describe_failure(failure: Failure) -> list[str]:
    """The first cells of the row."""
    return [f"`{failure.scene}`", f"{failure.symptom}: {failure.cause}", _label_component(failure)]


def format_layers_header() -> list[str]:
    """The first lines of the second table in Markdown."""
    columns = _list_columns([single for single, _ in list_layer_pairs()])
    return format_table(["scene, with one depth layer → two", "component", *columns], [])


def format_layers_row(measurement: FailureMeasurement) -> str:
    """A row of the second table: the same with one depth layer and with two."""
    pairs = [(single.label, double.label) for single, double in list_layer_pairs()]
    means, errors = (
        [f"{values[single]:.3f} → {values[double]:.3f}" for single, double in pairs]
        for values in (measurement.means, measurement.rmse)
    )
    failure = measurement.failure
    return _format_row(
        [f"`{failure.scene}`", _label_component(failure), *means, _format_reference(measurement), *errors]
    )


def _format_reference(measurement: FailureMeasurement) -> str:
    return f"{measurement.means[REFERENCE.label]:.3f} ± {measurement.reference_error:.4f}"


def create_contact_sheet(measurement: FailureMeasurement) -> Bytes:
    """The images under their means, the region outlined: one depth layer, two, then techniques without the choice."""
    pairs = list_layer_pairs()
    others = [method for method in list_methods() if not method.fixed]
    methods = [*(single for single, _ in pairs), *(double for _, double in pairs), *others, REFERENCE]
    inside = measurement.region.copy()
    for axis in (0, 1):
        for step in (1, -1):
            inside &= np.roll(measurement.region, step, axis)
    edge = (measurement.region & ~inside)[..., None]
    component = _label_component(measurement.failure)
    labelled = []
    for method in methods:
        outlined = np.where(edge, OUTLINE_COLOR, measurement.pixels[method.label]).astype("u1")
        labelled.append((f"{method.label}  {component} {measurement.means[method.label]:.2f}", outlined))
    return images.make_contact_sheet(labelled)
