"""The points that `bench cost` measures: shots in which one parameter changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ssdo.commands.bench.flags import parse_sizes
from ssdo.commands.bench.techniques import get_param, list_screen_space_techniques
from ssdo.gpu.context import Gpu
from ssdo.measure.timings import DENOISE_PASSES, is_technique_pass, percentiles, sum_passes
from ssdo.render.pass_times import measure_passes
from ssdo.render.pipeline import load_shot_scene, render_frame
from ssdo.render.shot import Camera, Shot
from ssdo.render.shot_flags import Overrides
from ssdo.render.technique import Technique
from ssdo.settings import UserError

# passes of other parts of the frame, by their first letters
OTHER_PASSES = {"denoiser": DENOISE_PASSES, "G-buffer": ("gbuffer",)}

Percentiles = Mapping[str, float]  # milliseconds: median, low (5 %), high (95 %)
Change = Callable[[Shot], Shot]


class CostPoint(NamedTuple):
    """One measurement to make: a shot, its curve, and its place on an axis."""

    axis: str
    value: float  # samples; megapixels; fraction of the scene's size; triangles
    curve: str
    shot: Shot


class CostMeasurement(NamedTuple):
    """The times of a point: of each pass, and in sum of the technique's passes and of OTHER_PASSES."""

    point: CostPoint
    passes: Mapping[str, Percentiles]
    sums: Mapping[str, Percentiles]


class RunInfo(NamedTuple):
    """The machine, and how times were measured."""

    renderer: str
    driver: str
    cores: int
    clock: str
    frames: int
    version: str

    def describe(self) -> str:
        machine = f"{self.renderer}, OpenGL {self.driver}, {self.cores} cores"
        return f"{machine}; {self.clock}, {self.frames} frames; version {self.version}"


def create_shots(overrides: Overrides, techniques: Sequence[str], visibilities: Sequence[str]) -> dict[str, Shot]:
    """The shots in which one parameter changes, by the name of their curve. Raises UserError."""
    supported = [kind.group for kind in list_screen_space_techniques() if get_param(kind, "radius")]
    for name in techniques:
        if Technique.by_name(name).group not in supported:
            raise UserError(f"--techniques {name}: must be of {', '.join(supported)}, which have samples and a radius")
        if f"{name}.visibility" in overrides.cli:
            raise UserError(f"--{name}.visibility has no effect beside --visibility; leave it out")
    shots = {}
    for shot in overrides.build_shots(techniques):
        shot = replace(shot, accumulated_frames=1)
        label = type(shot.technique).label
        if get_param(type(shot.technique), "visibility"):
            for visibility in dict.fromkeys(visibilities):
                shots[f"{label} {visibility}"] = _with_params(shot, visibility=visibility)
        else:
            shots[label] = shot
    return shots


def _with_params(shot: Shot, **values: Any) -> Shot:
    """The shot with other parameters of its technique. Raises UserError."""
    return replace(shot, technique=replace(shot.technique, **values))


def plan_points(shots: Mapping[str, Shot], values: Mapping[str, str]) -> list[CostPoint]:
    """The points of all axes. Raises UserError.

    Points of one value are neighbours, so that a machine that slows down slows all curves alike.
    """
    points = []
    for axis in AXES:
        words = values[axis.flag]
        changes = dict(axis.parse(word) for word in words.split(","))
        if len(changes) < axis.min_points:
            raise UserError(f"--{axis.flag} {words}: must be at least {axis.min_points} different values")
        for value, change in sorted(changes.items(), key=lambda item: item[0]):
            for curve, shot in shots.items():
                changed = change(shot)
                points.append(CostPoint(axis.name, value, curve, changed.resolve(load_shot_scene(changed))))
    return points


def _parse_number(flag: str, word: str, kind: type[int] | type[float], minimum: float, maximum: float) -> Any:
    try:
        number = kind(word)
    except ValueError:
        number = kind(-1)
    if not minimum <= number <= maximum:
        number_text = "whole numbers" if kind is int else "numbers"
        raise UserError(f"--{flag} {word}: must be {number_text} from {minimum:g} to {maximum:.10g}")
    return number


def _parse_samples(word: str) -> tuple[float, Change]:
    count = _parse_number("samples", word, int, 1, 256)
    return count, lambda shot: replace(shot, technique=shot.technique.with_budget(count))


def _parse_radius(word: str) -> tuple[float, Change]:
    fraction = _parse_number("radii", word, float, 0.001, 10)

    def set_radius(shot: Shot) -> Shot:
        length = fraction * load_shot_scene(shot).bounding_radius
        return replace(shot, technique=shot.technique.with_lengths({"radius": length}))

    return fraction, set_radius


def _parse_pixels(word: str) -> tuple[float, Change]:
    [(width, height)] = parse_sizes(word)
    return width * height / 1e6, lambda shot: replace(shot, width=width, height=height)


def _parse_triangles(word: str) -> tuple[float, Change]:
    count = _parse_number("triangles", word, int, 1000, 20_000_000)
    return count, lambda shot: replace(shot, scene=f"million:triangles={count}", camera=Camera())


class CostAxis(NamedTuple):
    """A parameter that changes, and how its values are written."""

    name: str
    flag: str
    min_points: int  # two points are always on a line
    parse: Callable[[str], tuple[float, Change]]  # a word of the flag: its value on the axis, and the changed shot
    unit: str
    # The text of a tick on a logarithmic axis; None: a linear axis, on which times are expected on a line
    format_tick: Callable[[float], str] | None = None


def _format_percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def _format_count(count: float) -> str:
    return f"{count:,.0f}".replace(",", " ")


AXES = (
    CostAxis("samples", "samples", 3, _parse_samples, "samples per pixel"),
    CostAxis("resolution", "sizes", 3, _parse_pixels, "megapixels"),
    CostAxis("radius", "radii", 2, _parse_radius, "fraction of the scene's size", _format_percent),
    CostAxis("triangles", "triangles", 2, _parse_triangles, "triangles of equal appearance", _format_count),
)


def measure_point(gpu: Gpu, point: CostPoint, runs: int) -> CostMeasurement:
    """Raises UserError where the technique draws no pass of its own."""
    passes = measure_passes(gpu, lambda: render_frame(gpu, point.shot), runs)
    if not any(map(is_technique_pass, passes)):
        raise UserError(f"{point.curve}: draws no pass of its own; leave it out, or switch a part of it on")
    sums = {"technique": sum_passes(passes, is_technique_pass)}
    for name, prefixes in OTHER_PASSES.items():
        if others := {key: times for key, times in passes.items() if key.startswith(prefixes)}:
            sums[name] = sum_passes(others, lambda _: True)
    return CostMeasurement(point, {name: percentiles(times) for name, times in passes.items()}, sums)
