"""Errors of every technique against the reference, over scenes, cameras and radii, at equal samples.

RMSE of linear radiance on surfaces, mean over three cameras of a scene, without the noise of the references.
`world`: rays of unlimited length against all triangles, one bounce. `within`: the same with rays as long as the radius.
`screen`: the same technique with many samples and no denoiser, all that one image can tell it. Techniques that sample
slices make as many texture fetches as N directions of 8 steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from ssdo.commands.bench.flags import (
    add_output_flags,
    describe_machine,
    describe_resolution,
    format_table,
    pop_output,
    save_figures,
)
from ssdo.commands.bench.techniques import list_techniques
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure import images, references
from ssdo.measure.reference_cache import ReferenceCache, add_cache_flags, parse_cache_flags
from ssdo.render.pipeline import load_shot_scene, render_all_frames
from ssdo.render.shot import Camera, Shot
from ssdo.render.shot_flags import Overrides, add_shot_flags, parse_overrides, parse_radii, without_antialiasing
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.scene.built_in.cameras import CAMERAS_BY_SCENE
from ssdo.scene.loader import load_scene
from ssdo.settings import UserError, Vec3

RADII = "0.05,0.15,0.5"
SIZE = {"width": 320, "height": 180}
REFERENCES = ("world", "within", "screen")
# Techniques with more than one column; every other technique has one, with its default parameters.
VARIANTS: Mapping[type[Technique], Mapping[str, Mapping[str, Any]]] = {
    Ssdo: {"SSDO single sample": {"visibility": "single-sample"}, "SSDO ray march": {}},
}
ErrorTable = dict[str, dict[str, float]]  # RMSE by reference and column


class Accuracy(NamedTuple):
    """Sample counts and frames of the images."""

    samples: int  # directions per pixel, or slices with as many fetches
    reference_frames: int
    converged_frames: int


class ErrorMeasurement(NamedTuple):
    """The errors in one view with one radius."""

    scene: str
    camera: int  # counted from 1
    radius: float  # fraction of the scene's size
    errors: ErrorTable


def main(arguments: Sequence[str]) -> int:
    """`bench errors FLAGS`. Returns the exit code; raises UserError."""
    flags = parse_flags(_create_parser(), arguments)
    scenes, radii = flags.pop("scenes").split(","), parse_radii(flags.pop("radii"))
    for scene in scenes:
        if scene not in CAMERAS_BY_SCENE:
            raise UserError(f"--scenes {scene}: must be of {', '.join(CAMERAS_BY_SCENE)}")
    accuracy = Accuracy(flags.pop("samples"), flags.pop("reference_frames"), flags.pop("converged_frames"))
    output, cache = pop_output(flags), parse_cache_flags(flags)
    overrides = without_antialiasing(parse_overrides(flags))
    _refuse_overrides(overrides)
    shots = {
        (scene, number): _create_shot(overrides, scene, *camera)
        for scene in scenes
        for number, camera in enumerate(CAMERAS_BY_SCENE[scene], 1)
    }
    _check_accuracy(accuracy, shots[scenes[0], 1])
    measurements = []
    with (
        Gpu(create_headless_context()) as gpu,
        tqdm(total=len(shots) * len(radii), desc="errors", disable=None) as progress,
    ):
        for (scene, number), shot in shots.items():
            for radius in radii:
                errors = measure_errors(gpu, shot, radius, accuracy, cache)
                measurements.append(ErrorMeasurement(scene, number, radius, errors))
                progress.update()
        resolution = describe_resolution(shots[scenes[0], 1])
        run = f"{resolution}, {accuracy.samples} samples, {describe_machine(gpu)}"
    converged = f"{accuracy.converged_frames} frames of {references.CONVERGED_TEXT}"
    details = f"world: {4 * accuracy.reference_frames} rays per pixel; screen: {converged}"
    print("\n".join([*format_measurements(measurements, scenes, radii), "", f"{run}; {details}"]))
    save_figures(output, run, {"rows": [measurement._asdict() for measurement in measurements]})
    return 0


def _create_parser() -> FlagParser:
    parser = FlagParser("ssdo bench errors", __doc__)
    parser.add_argument(
        "--scenes",
        default=",".join(CAMERAS_BY_SCENE),
        metavar="S,S,...",
        help=f"of {', '.join(CAMERAS_BY_SCENE)} [all]",
    )
    parser.add_argument("--radii", default=RADII, metavar="V,V,...", help=f"fractions of the scene's size [{RADII}]")
    parser.add_argument(
        "--samples", type=int, default=16, metavar="N", help="directions per pixel, or as many fetches in slices [16]"
    )
    parser.add_argument(
        "--reference-frames",
        type=int,
        default=64,
        metavar="N",
        help="frames of the reference, 4 rays per pixel each [64]",
    )
    parser.add_argument(
        "--converged-frames",
        type=int,
        default=16,
        metavar="N",
        help=f"frames of the converged screen-space result, {references.CONVERGED_TEXT} each [16]",
    )
    add_output_flags(parser, "every camera's figures as JSON")
    add_cache_flags(parser)
    add_shot_flags(parser)
    return parser


def _refuse_overrides(overrides: Overrides) -> None:
    prefixes = ("camera.", *(f"{name}." for name in Technique.known))
    for name in overrides.cli:
        if name in ("scene", "technique") or name.startswith(prefixes):
            raise UserError(
                f"--{name} has no effect: the bench sets scenes, cameras and techniques itself; leave it out"
            )


def _check_accuracy(accuracy: Accuracy, shot: Shot) -> None:
    """Raise UserError for wrong counts, before minutes of references are rendered."""
    for technique in list_columns().values():
        technique.with_budget(accuracy.samples)
    for frames in (accuracy.reference_frames, accuracy.converged_frames):
        references.independent_shots(shot, frames)


def _create_shot(overrides: Overrides, scene: str, eye: Vec3, target: Vec3) -> Shot:
    shot = Overrides({**SIZE, **overrides.preset}, overrides.cli).build_shots([Ssdo.group])[0]
    shot = replace(shot, scene=scene, camera=Camera(eye=eye, target=target))
    return shot.resolve(load_shot_scene(shot))


def list_columns() -> dict[str, Technique]:
    """The techniques by column, in the order of the viewer's keys. The reference is what they are compared with."""
    columns: dict[str, Technique] = {}
    for technique in list_techniques():
        if technique.progressive:
            continue
        variants = VARIANTS.get(technique, {technique.label: {}})
        columns |= {column: technique(**values) for column, values in variants.items()}
    return columns


def _set_lengths(technique: Technique, length: float) -> Technique:
    """Radius and thickness in metres, where the technique has them."""
    names = [name for name in ("radius", "thickness") if hasattr(technique, name)]
    return technique.with_lengths(dict.fromkeys(names, length))


def measure_errors(gpu: Gpu, shot: Shot, radius: float, accuracy: Accuracy, cache: ReferenceCache) -> ErrorTable:
    """RMSE of all techniques. `radius` is a fraction of the scene's size."""
    length = radius * load_scene(shot.scene, shot.time, shot.up).bounding_radius
    world, within = (
        references.render_world_reference(gpu, shot, reference, accuracy.reference_frames, cache)
        for reference in (Reference(rays=4), Reference(rays=4).with_lengths({"max_distance": length}))
    )
    table: ErrorTable = {name: {} for name in REFERENCES}
    for column, technique in list_columns().items():
        shot = replace(shot, technique=_set_lengths(technique, length).with_budget(accuracy.samples))
        arrays = images.read_arrays(gpu, render_all_frames(gpu, shot))
        compared = {"world": world, "within": within}
        if technique.sample_param:
            compared["screen"] = references.render_converged(gpu, shot, accuracy.converged_frames, cache)
        for name, reference in compared.items():
            table[name][column] = reference.rmse(arrays["radiance"], references.surface_mask(arrays))
    return table


def format_measurements(
    measurements: Sequence[ErrorMeasurement], scenes: Sequence[str], radii: Sequence[float]
) -> list[str]:
    """A table in Markdown: a row for each scene and radius, mean over its cameras, then the mean over all scenes."""
    cells = [(reference, column) for reference in REFERENCES for column in measurements[0].errors[reference]]
    rows = []
    for scene in [*scenes, *(["all"] if len(scenes) > 1 else [])]:
        for radius in radii:
            errors = [m.errors for m in measurements if m.radius == radius and scene in (m.scene, "all")]
            means = [float(np.mean([table[name][column] for table in errors])) for name, column in cells]
            rows.append([scene, f"{radius:.0%}", *(f"{mean:.3f}" for mean in means)])
    return format_table(["scene", "radius", *(f"{column}, {name}" for name, column in cells)], rows)
