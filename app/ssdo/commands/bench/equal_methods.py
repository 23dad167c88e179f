"""The methods that `bench equal` compares, and the settings that each may choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ssdo.commands.bench.techniques import get_param, list_screen_space_techniques
from ssdo.render.half_resolution import LightingResolution
from ssdo.render.probes import ProbeSettings
from ssdo.render.screen_space import HemisphereTechnique, SliceTechnique
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.render.techniques.bitmask import Bitmask
from ssdo.render.techniques.gtao import Gtao
from ssdo.render.techniques.ssao import Ssao
from ssdo.render.techniques.ssdo import Ssdo

SSAO, PUBLISHED_SSDO = "SSAO", "SSDO as published"
BASELINES = (SSAO, PUBLISHED_SSDO)  # methods that all others are compared with

NO_PROBES = ProbeSettings()
PROBES = ProbeSettings(enabled=True)
MORE_PROBES = ProbeSettings(enabled=True, grid_size=16)

RAY_MARCH_GRID = ((2, 4), (4, 4), (4, 8), (8, 8), (16, 8), (16, 16), (32, 16))  # directions, steps
DEPTH_LAYERS_GRID = ((4, 8), (16, 8))  # the same; fewer, as peeling the layers takes most of the time
SINGLE_SAMPLE_GRID = (4, 16, 64)  # directions
SLICE_GRID = ((1, 4), (1, 8), (2, 8), (2, 16), (4, 16))  # slices, steps on each side
SAMPLE_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the default sample count, for techniques without a grid here
CONVERGED_STEPS = 32  # where time is unlimited


@dataclass(frozen=True)
class Method:
    """A technique with all sample and step counts that it may choose from, with or without probes."""

    name: str
    variants: tuple[Technique, ...]
    probes: ProbeSettings = NO_PROBES


@dataclass(frozen=True)
class Candidate:
    """One choice of settings for a method."""

    method: str
    technique: Technique
    radius: float  # fraction of the scene's size
    resolution: str = "full"
    probes: ProbeSettings = NO_PROBES

    def apply(self, shot: Shot, scene_size: float) -> Shot:
        """The shot, lit with these settings, in a scene of that size (metres)."""
        technique = self.technique
        if get_param(type(technique), "radius"):
            technique = technique.with_lengths({"radius": self.radius * scene_size})
        return replace(
            shot,
            technique=technique.resolve_lengths(scene_size),
            probes=self.probes,
            lighting=LightingResolution(self.resolution),
        )

    @property
    def gpu_scope(self) -> str:
        """Candidates of one scope share render targets: those of equal sizes, and with the same probes."""
        return f"{self.resolution} {self.probes.grid_size if self.probes.enabled else 'no probes'}"

    def describe(self) -> str:
        """Samples x steps, the radius, and the resolution unless full."""
        parts = [_describe_samples(self.technique)]
        if get_param(type(self.technique), "radius"):
            parts.append(f"{self.radius:.0%}")
        return ", ".join([*parts, *(["half"] if self.resolution == "half" else [])])


def _describe_samples(technique: Technique) -> str:
    if isinstance(technique, SliceTechnique):
        return f"{technique.slices} x 2 x {technique.steps}"
    if isinstance(technique, HemisphereTechnique):
        if technique.visibility == "ray-march":
            return f"{technique.samples} x {technique.steps}"
        return f"{technique.samples} single samples"
    return technique.sample_count_text or f"{technique.sample_count} samples"


def _ray_marches(
    technique: HemisphereTechnique, grid: Sequence[tuple[int, int]] = RAY_MARCH_GRID
) -> tuple[Technique, ...]:
    return tuple(replace(technique, visibility="ray-march", samples=samples, steps=steps) for samples, steps in grid)


def _single_samples(technique: HemisphereTechnique) -> tuple[Technique, ...]:
    return tuple(replace(technique, visibility="single-sample", samples=samples) for samples in SINGLE_SAMPLE_GRID)


def _slices(technique: SliceTechnique) -> tuple[Technique, ...]:
    return tuple(replace(technique, slices=slices, steps=steps) for slices, steps in SLICE_GRID)


def _default_variants(technique: type[Technique]) -> tuple[Technique, ...]:
    """Sample counts from a quarter to four times the default, within the declared range."""
    default = technique()
    variants = (default.with_samples(default.sample_count * factor) for factor in SAMPLE_FACTORS)
    return tuple(dict.fromkeys(variants))


BUILT_IN_METHODS = (
    Method(SSAO, _ray_marches(Ssao()) + _single_samples(Ssao())),
    Method("GTAO", _slices(Gtao())),
    Method(PUBLISHED_SSDO, _single_samples(Ssdo(direct_estimator="sum", bounce_estimator="form-factor"))),
    Method("SSDO", _ray_marches(Ssdo())),
    Method("SSDO, two depth layers", _ray_marches(Ssdo(depth_layers="2"), DEPTH_LAYERS_GRID)),
    Method("bitmask", _slices(Bitmask())),
    Method("SSDO, probes", _ray_marches(Ssdo()), PROBES),
    Method("SSDO, more probes", _ray_marches(Ssdo()), MORE_PROBES),
    Method("bitmask, probes", _slices(Bitmask()), PROBES),
)
DEFAULT_CANDIDATE = Candidate("", Ssao(), 0.15)  # budgets are multiples of its time


def list_methods() -> list[Method]:
    """BUILT_IN_METHODS, and every other screen-space technique, also with probes where it uses them."""
    built_in = {type(variant) for method in BUILT_IN_METHODS for variant in method.variants}
    others = [technique for technique in list_screen_space_techniques() if technique not in built_in]
    methods = [Method(technique.label, _default_variants(technique)) for technique in others]
    methods += [
        Method(f"{technique.label}, probes", _default_variants(technique), PROBES)
        for technique in others
        if technique.uses_probes
    ]
    return [*BUILT_IN_METHODS, *methods]


def _list_radii(technique: Technique, radii: Sequence[float]) -> Sequence[float]:
    """One of the radii for techniques without a radius, which would otherwise be measured several times."""
    return radii if get_param(type(technique), "radius") else radii[:1]


def list_candidates(radii: Sequence[float]) -> list[Candidate]:
    """All candidates with these radii (fractions of the scene's size), at full and at half resolution."""
    return [
        Candidate(method.name, technique, radius, resolution, method.probes)
        for method in list_methods()
        for resolution in ("full", "half")
        for technique in method.variants
        for radius in _list_radii(technique, radii)
    ]


def list_converged_candidates(radii: Sequence[float]) -> list[Candidate]:
    """All candidates where time is unlimited: as many samples as a converged result has, at full resolution."""
    candidates = [
        Candidate(method.name, _with_converged_steps(technique), radius, probes=method.probes)
        for method in list_methods()
        for technique in method.variants
        for radius in _list_radii(technique, radii)
    ]
    return list(dict.fromkeys(candidates))


def _with_converged_steps(technique: Technique) -> Technique:
    if get_param(type(technique), "steps"):
        values: dict[str, Any] = {"steps": CONVERGED_STEPS}
        technique = replace(technique, **values)
    return technique.as_converged()
