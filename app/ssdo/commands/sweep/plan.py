"""The plan of a sweep: parameters and values, techniques, scenes, cameras, and the shots that follow from them."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import Field, replace
from typing import Any, NamedTuple

import numpy as np

from ssdo.flags import parse_value
from ssdo.measure import references
from ssdo.render import pipeline
from ssdo.render.denoise import Denoiser
from ssdo.render.display import Display
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import ANTIALIASING_PARAMS, Overrides
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.scene.built_in.cameras import CAMERAS_BY_SCENE
from ssdo.scene.loader import load_scene
from ssdo.settings import Settings, UserError, field_type, param_of, suggest
from ssdo.toml_text import format_toml

MAX_POINTS = 100_000  # a week at six seconds each
# flags of a sweep that set these parameters of a shot
DEDICATED_FLAGS = {
    "scene": "--scenes",
    "technique": "--techniques",
    "camera.eye": "--cameras",
    "camera.target": "--cameras",
}


class SceneFraction(float):
    """A length as a fraction of the scene's size."""

    def __str__(self) -> str:
        return f"{100 * self:.6g}%"


class Axis(NamedTuple):
    """A parameter and the values it takes."""

    name: str
    type: type  # float, int, bool or str
    values: tuple[Any, ...]

    @property
    def technique(self) -> str:
        """The technique that the parameter belongs to; empty: all techniques."""
        group = self.name.partition(".")[0]
        return group if group in Technique.known else ""

    @property
    def is_number(self) -> bool:
        return self.type in (int, float)


class Point(NamedTuple):
    """One shot to measure. Parameters that are unset follow from the scene."""

    number: int
    camera: int  # 1: the scene's own
    variant: str  # the technique and its choices among names: one colour and dash pattern of the plot
    values: Mapping[str, Any]  # of the axes
    shot: Shot

    @property
    def command(self) -> str:
        """The command that renders the same image. It has no flag without effect, which `capture` refuses."""
        technique = self.shot.technique.group
        defaults = Shot().with_values({"technique": technique}).values()
        flags = []
        for name, value in self.shot.drop_ineffective().values().items():
            if defaults.get(name) != value:
                is_like_flag = isinstance(value, str) and value.startswith("-")
                text = format_flag_value(value)
                flags += [f"--{name}={text}"] if is_like_flag else [f"--{name}", text]
        return shlex.join(["ssdo", "capture", "--technique", technique, *flags])


class ReferencePlan(NamedTuple):
    """How the references are rendered."""

    reference: Reference
    frames: int

    def build_shot(self, shot: Shot) -> Shot:
        """The first half of a shot's reference: equal for all shots that share a reference."""
        reference_shot = replace(
            shot, technique=self.reference, denoise=Denoiser(radius=0), display=Display(), accumulated_frames=1
        )
        return references.independent_shots(reference_shot, self.frames)[0]


def format_flag_value(value: Any) -> str:
    """A value as text that a flag reads back exactly."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, SceneFraction):
        return str(value)
    if isinstance(value, tuple):
        return ",".join(map(repr, value))
    if value is None:
        return "auto"
    return value if isinstance(value, str) else repr(value)


# ---- flags ----


def collect_parameters() -> dict[str, tuple[Settings, Field[Any]]]:
    """Every parameter of shots and techniques by dotted name: the settings it belongs to, and its field."""
    parameters = {name: (settings, field) for name, settings, field, _ in Shot().walk()}
    for group, technique in Technique.known.items():
        parameters |= {name: (settings, field) for name, settings, field, _ in technique().walk(f"{group}.")}
    return parameters


def parse_axis(text: str) -> Axis:
    """Parse `ssdo.samples=4,8,16`, `ssao.radius=0.1..2:5log`, `sky.rotation=0..270:4` or `ssdo.bounce=on,off`.

    Raises UserError.
    """
    name, equals, values_text = text.partition("=")
    parameters = collect_parameters()
    if name in DEDICATED_FLAGS:
        raise UserError(f"--param {name} has no effect: {DEDICATED_FLAGS[name]} says what is swept; leave it out")
    if name in ANTIALIASING_PARAMS:
        raise UserError(f"--param {name} has no effect: measurements use the centres of the pixels; leave it out")
    if name not in parameters:
        raise UserError(f"--param {name[:100]}: no such parameter{suggest(name, sorted(parameters))}")
    if not equals or not values_text:
        raise UserError(
            f"--param {text}: must be NAME=V,V,... or NAME=FIRST..LAST:COUNT, with log behind it for equal ratios"
        )
    settings, field = parameters[name]
    value_type = field_type(type(settings), field.name)
    first, dots, last_and_count = values_text.partition("..")
    if dots and value_type in (int, float):
        values = _parse_range(text, value_type, first, last_and_count)
    else:
        values = [_parse_value(name, settings, field, word.strip()) for word in values_text.split(",")]
    # a copy of the settings validates and converts the value
    values = [
        value if isinstance(value, SceneFraction) else getattr(replace(settings, **{field.name: value}), field.name)
        for value in values
    ]
    return Axis(name, value_type, tuple(dict.fromkeys(values)))


def _parse_value(name: str, settings: Settings, field: Field[Any], text: str) -> Any:
    """Parse a value or a percentage of the scene's size. Raises UserError."""
    if not text.endswith("%"):
        return parse_value(name, settings, field, text)
    if param_of(field).fraction is None:
        raise UserError(f"--param {name}={text}: does not follow the scene's size; leave out the %")
    try:
        percent = float(text[:-1])
    except ValueError:
        percent = -1.0
    if not 0.1 <= percent <= 1000:
        raise UserError(f"--param {name}={text}: must be 0.1% to 1000% of the scene's size")
    return SceneFraction(percent / 100)


def _parse_range(text: str, value_type: type, first: str, last_and_count: str) -> list[Any]:
    """The values of FIRST..LAST:COUNT: the exact ends, and six digits of those between. Raises UserError."""
    match = re.fullmatch(r"([^:]+):(\d{1,4})(log)?", last_and_count)
    try:
        low, high = float(first), float(match[1] if match else "")
        count = int(match[2]) if match else 0
    except ValueError:
        match, low, high, count = None, 0.0, 0.0, 0
    if not match or not (math.isfinite(low) and math.isfinite(high)) or low == high or not 2 <= count <= 1000:
        raise UserError(
            f"--param {text}: a range is FIRST..LAST:COUNT, of two different numbers and 2 to 1000 values, "
            "as in 0.1..2:5 or 0.1..2:5log"
        )
    is_log = match[3] is not None
    if is_log and not (low > 0 and high > 0):
        raise UserError(f"--param {text}: both ends must be above 0 where values grow in equal ratios; leave log out")
    between = (np.geomspace if is_log else np.linspace)(low, high, count)[1:-1]
    values = [low, *(float(f"{value:.6g}") for value in between), high]
    return [round(value) for value in values] if value_type is int else values


def parse_scenes(text: str) -> list[str]:
    """Scene names with their arguments, from `cornell,blocks:count=9,nook`. Raises UserError for unknown scenes."""
    names: list[str] = []
    for word in text.split(","):
        is_argument = names and ":" in names[-1] and "=" in word and ":" not in word
        if is_argument:
            names[-1] += f",{word}"
        else:
            names.append(word.strip())
    for name in names:
        load_scene(name)
    return list(dict.fromkeys(names))


def parse_cameras(text: str, scene: str) -> list[int]:
    """Camera numbers of a scene; 1 is its own. Raises UserError."""
    count = len(CAMERAS_BY_SCENE.get(scene, (None,)))
    if text == "all":
        return list(range(1, count + 1))
    for word in text.split(","):
        if not word.isdecimal() or not 1 <= int(word) <= count:
            numbers = f"1 to {count}" if count > 1 else f"only {count}"
            raise UserError(f"--cameras {word}: must be all, or numbers; {scene} has {numbers}, and 1 is its own")
    return list(dict.fromkeys(map(int, text.split(","))))


# ---- points ----


def plan_points(
    overrides: Overrides, techniques: Sequence[str], axes: Sequence[Axis], scenes: Sequence[str], cameras: str
) -> list[Point]:
    """Every combination of axes, scenes and cameras, scene by scene.

    Raises UserError when a flag has no effect, or a value is not allowed.
    """
    overrides = _without_reference_flags(overrides, techniques)
    overrides.build_shots(techniques)  # raises for flags without effect
    _check_axes(overrides, techniques, axes, cameras)
    # names first, so that the points of a variant follow one another
    sorted_axes = sorted(axes, key=lambda axis: axis.is_number)
    axes_of_technique = {
        name: [axis for axis in sorted_axes if axis.technique in ("", name)] for name in dict.fromkeys(techniques)
    }
    views = [(scene, camera) for scene in scenes for camera in parse_cameras(cameras, scene)]
    points_per_view = sum(math.prod(len(axis.values) for axis in own_axes) for own_axes in axes_of_technique.values())
    if (count := len(views) * points_per_view) > MAX_POINTS:
        raise UserError(f"{count} points: must be at most {MAX_POINTS}; vary less")
    points: list[Point] = []
    for scene, camera in views:
        scene_size = load_scene(scene).bounding_radius
        for technique, own_axes in axes_of_technique.items():
            for combination in itertools.product(*(axis.values for axis in own_axes)):
                values = {axis.name: value for axis, value in zip(own_axes, combination, strict=True)}
                shot = _build_shot(overrides, technique, scene, camera, values, scene_size)
                choices = [_format_choice(axis, values[axis.name]) for axis in own_axes if not axis.is_number]
                points.append(Point(len(points), camera, " ".join([technique.upper(), *choices]), values, shot))
    return points


def _without_reference_flags(overrides: Overrides, techniques: Sequence[str]) -> Overrides:
    """Without the flags of the references, unless the reference is swept as a technique itself."""
    if "reference" in techniques:
        return overrides
    cli = {name: value for name, value in overrides.cli.items() if not name.startswith("reference.")}
    return Overrides(overrides.preset, cli)


def _check_axes(overrides: Overrides, techniques: Sequence[str], axes: Sequence[Axis], cameras: str) -> None:
    """Raises UserError for flags and axes that have no effect or exclude one another."""
    camera_params = ("camera.eye", "camera.target") if cameras != "1" else ()
    for name in ("scene", *camera_params):
        if name in overrides.cli:
            raise UserError(f"--{name} has no effect: {DEDICATED_FLAGS[name]} says what is swept; leave it out")
    names = [axis.name for axis in axes]
    for k, axis in enumerate(axes):
        if axis.name in names[:k]:
            raise UserError(f"--param {axis.name}: given twice; give all its values in one list")
    for axis in axes:
        if axis.name in overrides.cli:
            raise UserError(f"--{axis.name} has no effect: --param {axis.name} says what is swept; leave one out")
        if axis.technique and axis.technique not in techniques:
            raise UserError(
                f"--param {axis.name} has no effect: {axis.technique} is not among "
                f"--techniques {','.join(techniques)}; add it or leave it out"
            )


def _build_shot(
    overrides: Overrides, technique: str, scene: str, camera: int, values: Mapping[str, Any], scene_size: float
) -> Shot:
    """The shot of a point; fractions of the scene's size become metres, or the nearest in range. Raises UserError."""
    params = {name: param_of(f) for name, _, f, _ in Shot().with_values({"technique": technique}).walk()}
    metres = {
        name: params[name].clamp(scene_size * value) if isinstance(value, SceneFraction) else value
        for name, value in values.items()
    }
    shot = replace(Overrides(overrides.preset, {**overrides.cli, **metres}).build_shot(technique), scene=scene)
    if camera > 1:
        eye, target = CAMERAS_BY_SCENE[scene][camera - 1]
        shot = replace(shot, camera=replace(shot.camera, eye=eye, target=target))
    return shot


def _format_choice(axis: Axis, value: Any) -> str:
    """A choice among names as part of a variant's name: `ray-march`, `bounce off`."""
    return (
        format_flag_value(value) if axis.type is str else f"{axis.name.rpartition('.')[2]} {format_flag_value(value)}"
    )


def compute_file_digests(points: Sequence[Point]) -> tuple[tuple[str, str], ...]:
    """The name and a digest of every scene and environment that the points read from files. Raises UserError.

    Built-in scenes and environments follow from the program's source.
    """
    digests: dict[str, str] = {}
    for shot in {(point.shot.scene, point.shot.environment): point.shot for point in points}.values():
        digests |= pipeline.compute_file_digests(shot)
    return tuple(sorted(digests.items()))


def compute_sweep_id(
    points: Sequence[Point],
    reference_plan: ReferencePlan,
    source_digest: str,
    file_digests: Sequence[tuple[str, str]],
) -> str:
    """A digest of everything that decides a sweep's errors, but the driver."""
    parts = [source_digest, format_toml(reference_plan.reference.values()), str(reference_plan.frames)]
    parts += [text for name_and_digest in file_digests for text in name_and_digest]
    parts += ["points", *(format_toml(point.shot.values()) for point in points)]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
