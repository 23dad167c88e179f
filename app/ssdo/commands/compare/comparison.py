"""Runs a comparison: images of several techniques, their errors, what causes the errors, and the cost."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ssdo.arrays import Bytes, Floats
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics, references
from ssdo.measure.metrics import Mask
from ssdo.measure.reference_cache import ReferenceCache, cache_key
from ssdo.measure.references import MIN_REFERENCE_FRAMES, Arrays, ProgressCallback, ReferencePair
from ssdo.render.denoise import Denoiser
from ssdo.render.display import Display
from ssdo.render.pass_times import measure_cost
from ssdo.render.pipeline import freeze_exposure, load_shot, render_all_frames, render_frame
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.render.techniques.off import Off
from ssdo.render.techniques.reference import Reference

ConvergedKey = tuple[Shot, Denoiser]
REFERENCE = "reference"  # name of the reference's entry, and of the technique that draws it


@dataclass(frozen=True)
class ComparisonPlan:
    """What is compared with which reference."""

    shots: Sequence[Shot]  # resolved; they differ only in the technique
    reference_source: str  # `reference`: path-traced; `none`; or the path of a linear image
    reference_technique: Reference
    reference_frames: int
    converged_frames: int

    @property
    def has_reference(self) -> bool:
        return self.reference_source != "none"

    @property
    def names(self) -> list[str]:
        """File names of the entries, in the order of the shots; the reference's comes last."""
        reference = [REFERENCE] if self.has_reference else []
        groups = [shot.technique.group for shot in self.shots]
        names = [
            f"{group}-{shot.technique.sample_count or 1}" if [*groups, *reference].count(group) > 1 else group
            for group, shot in zip(groups, self.shots, strict=True)
        ]
        numbered = [
            f"{name}-{names[: i + 1].count(name)}" if names.count(name) > 1 else name for i, name in enumerate(names)
        ]
        return numbered + reference


@dataclass(frozen=True)
class ComparisonEntry:
    """One image of the comparison and what was measured of it."""

    name: str  # of its files
    label: str
    shot: Shot
    # `final`: radiance; `direct`, `indirect`: irradiance over pi, as a white surface shows it; (h, w, 3) linear each
    # `visibility`: ambient visibility, (h, w)
    components: Mapping[str, Floats]  # at the pixels' centres, for errors
    pixels: Bytes  # (h, w, 3) 8-bit sRGB, antialiased
    picture: Floats | None = None  # radiance of `pixels`, (h, w, 3); None: that of `final`
    errors: Mapping[str, float] | None = None  # by metric
    error_breakdown: references.ErrorBreakdown | None = None
    cost: Mapping[str, float] | None = None  # milliseconds by pass


@dataclass(frozen=True)
class Comparison:
    """All that was drawn and measured."""

    entries: Sequence[ComparisonEntry]  # one for each shot
    reference: ComparisonEntry | None
    reference_noise: float | None  # standard error of its radiance, RMS; None: not known
    albedo: Floats  # (h, w, 3)
    unoccluded: Floats  # (h, w, 3) irradiance of the whole environment over pi
    surface_mask: Mask  # (h, w)

    @property
    def all_entries(self) -> list[ComparisonEntry]:
        return [*self.entries, *([self.reference] if self.reference else [])]


def run_comparison(gpu: Gpu, plan: ComparisonPlan, cache: ReferenceCache) -> Comparison:
    """Draw and measure all entries. Raises UserError."""
    plan = replace(plan, shots=freeze_exposure(gpu, plan.shots))
    first = plan.shots[0]
    unoccluded = images.read_arrays(gpu, render_frame(gpu, _without_averaging(replace(first, technique=Off()))))
    surface_mask = references.surface_mask(unoccluded)
    with _show_progress(gpu, plan, cache) as on_frame:
        reference = _load_reference(gpu, plan, cache, on_frame)
        measure = _EntryMeasurement(gpu, plan, cache, reference, surface_mask, on_frame)
        entries = [measure.run(name, shot) for name, shot in zip(plan.names, plan.shots, strict=False)]
    noise = None
    if reference and reference.shot and surface_mask.any():
        noise = reference.noise(surface_mask)
    return Comparison(
        entries,
        _create_reference_entry(gpu, plan, reference) if reference else None,
        noise,
        unoccluded["albedo"],
        unoccluded["direct"] / np.float32(np.pi),
        surface_mask,
    )


def _load_reference(
    gpu: Gpu, plan: ComparisonPlan, cache: ReferenceCache, on_frame: ProgressCallback
) -> ReferencePair | None:
    if plan.reference_source == REFERENCE:
        return references.render_world_reference(
            gpu, plan.shots[0], plan.reference_technique, plan.reference_frames, cache, on_frame
        )
    return references.load_reference(Path(plan.reference_source), plan.shots[0]) if plan.has_reference else None


def _create_reference_entry(gpu: Gpu, plan: ComparisonPlan, reference: ReferencePair) -> ComparisonEntry:
    if reference.shot:
        label = f"{plan.reference_technique.describe()}, {plan.reference_frames} frames"
    else:
        label = Path(plan.reference_source).name
    shot = reference.shot or plan.shots[0]
    # More jittered frames would cost as much again as the reference: its edges are filtered.
    display_shot = plan.shots[0]
    if display_shot.antialias > 1:
        display_shot = replace(display_shot, display=replace(display_shot.display, fxaa=True))
    pixels = images.tone_map(gpu, display_shot, reference.mean["radiance"])
    return ComparisonEntry(REFERENCE, label, shot, _split_components(reference.mean), pixels)


class _EntryMeasurement:
    """Draws entries and measures them against one reference."""

    def __init__(
        self,
        gpu: Gpu,
        plan: ComparisonPlan,
        cache: ReferenceCache,
        reference: ReferencePair | None,
        surface_mask: Mask,
        on_frame: ProgressCallback,
    ) -> None:
        self.gpu, self.plan, self.cache = gpu, plan, cache
        self.reference = reference if surface_mask.any() else None
        self.surface_mask = surface_mask
        self.on_frame = on_frame
        self._converged: dict[ConvergedKey, ReferencePair] = {}

    def run(self, name: str, shot: Shot) -> ComparisonEntry:
        # Errors are those of the pixels' centres, as the reference's are.
        result = render_all_frames(self.gpu, replace(shot, antialias=1))
        arrays, pixels, picture = images.read_arrays(self.gpu, result), images.read_display(result), None
        if shot.antialias > 1:
            result = render_all_frames(self.gpu, shot)
            pixels, picture = images.read_display(result), self.gpu.read(result.radiance)[..., :3]
        errors = self._measure_errors(arrays["radiance"])
        breakdown = self._break_down_error(shot, arrays["radiance"])
        self.on_frame(shot)
        cost = measure_cost(self.gpu, shot)
        label = shot.technique.describe()
        return ComparisonEntry(name, label, shot, _split_components(arrays), pixels, picture, errors, breakdown, cost)

    def _measure_errors(self, radiance: Floats) -> dict[str, float] | None:
        """By metric; the reference's noise is removed from RMSE and PSNR."""
        if not self.reference:
            return None
        errors = metrics.compute_metrics(radiance, self.reference.mean["radiance"], self.surface_mask)
        errors["rmse"] = self.reference.rmse(radiance, self.surface_mask)
        errors["psnr"] = metrics.psnr_from_rmse(errors["rmse"])
        return errors

    def _break_down_error(self, shot: Shot, radiance: Floats) -> references.ErrorBreakdown | None:
        if not self.reference or not shot.technique.sample_param:
            return None
        shot = replace(shot, antialias=1)
        converged = self._load_converged(shot)
        without_denoiser = replace(shot, denoise=replace(shot.denoise, radius=0))
        noisy = images.read_arrays(self.gpu, render_all_frames(self.gpu, without_denoiser))["radiance"]
        return references.break_down_error(radiance, noisy, converged, self.reference, self.surface_mask)

    def _load_converged(self, shot: Shot) -> ReferencePair:
        """The converged screen-space result; shots that differ only in their samples share one."""
        key, frames = _converged_key(shot), self.plan.converged_frames
        if key not in self._converged:
            self._converged[key] = references.render_converged(self.gpu, shot, frames, self.cache, self.on_frame)
        return self._converged[key]


def _without_averaging(shot: Shot) -> Shot:
    return replace(shot, accumulated_frames=1, antialias=1)


def _converged_key(shot: Shot) -> ConvergedKey:
    """What decides the converged result of a shot and its denoised image."""
    technique = shot.technique.as_converged()
    halves = references.independent_shots(replace(shot, technique=technique, display=Display()), MIN_REFERENCE_FRAMES)
    return halves[0], shot.denoise


def _split_components(arrays: Arrays) -> dict[str, Floats]:
    """`final`, and unless the image is from a file the components of its light."""
    if "direct" not in arrays:
        return {"final": arrays["radiance"]}
    inverse_pi = np.float32(1 / np.pi)
    return {
        "final": arrays["radiance"],
        "visibility": arrays["visibility"],
        "direct": arrays["direct"] * inverse_pi,
        "indirect": arrays["indirect"] * inverse_pi,
    }


# ---- progress ----


def _list_renders(plan: ComparisonPlan) -> list[Shot]:
    """All shots that are drawn, those of the references included."""
    renders = list(plan.shots)
    if plan.reference_source == REFERENCE:
        shot = replace(plan.shots[0], technique=plan.reference_technique)
        renders += references.independent_shots(shot, plan.reference_frames)
    if plan.has_reference:
        converged = {_converged_key(shot): shot for shot in plan.shots if shot.technique.sample_param}
        for shot in converged.values():
            converged_shot = replace(shot, technique=shot.technique.as_converged())
            renders += references.independent_shots(converged_shot, plan.converged_frames)
    return renders


def _time_frame(gpu: Gpu, shot: Shot) -> float:
    """Seconds of one frame. A small one goes before it, which compiles shaders and uploads the scene."""
    width, height = min(shot.width, 16), min(shot.height, 16)
    render_frame(gpu, _without_averaging(replace(shot, width=width, height=height)))
    start = time.perf_counter()
    render_frame(gpu, _without_averaging(shot))
    gpu.ctx.finish()
    return time.perf_counter() - start


@contextlib.contextmanager
def _show_progress(gpu: Gpu, plan: ComparisonPlan, cache: ReferenceCache) -> Iterator[ProgressCallback]:
    """A progress bar with the remaining time, estimated from one frame of each technique."""
    seconds: dict[Technique, float] = {}
    total = 0.0
    for shot in _list_renders(plan):
        if shot.technique not in seconds:
            seconds[shot.technique] = _time_frame(gpu, shot)
        cached = cache.load(cache_key(gpu, load_shot(shot)), shot)
        total += seconds[shot.technique] * (shot.accumulated_frames - (cached.frames if cached else 0))
    with tqdm(
        total=total,
        bar_format="{desc:<12} {percentage:3.0f} % {bar} {elapsed} elapsed, {remaining} left",
        disable=None,
        smoothing=0,
    ) as progress:

        def on_frame(shot: Shot) -> None:
            progress.set_description_str(shot.technique.group, refresh=False)
            progress.update(min(seconds.get(shot.technique, 0.0), total - progress.n))

        yield on_frame
