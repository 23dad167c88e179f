"""Measures the errors of a comparison's entries, and what causes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ssdo.arrays import Floats
from ssdo.commands.compare.comparison import ComparisonEntry
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics, references
from ssdo.measure.accumulation import ProgressCallback
from ssdo.measure.metrics import Mask
from ssdo.measure.reference_cache import ReferenceCache
from ssdo.measure.references import MIN_REFERENCE_FRAMES, ErrorBreakdown, ReferencePair
from ssdo.render.denoise import Denoiser
from ssdo.render.display import Display
from ssdo.render.pipeline import render_all_frames
from ssdo.render.shot import Shot

ConvergedKey = tuple[Shot, Denoiser]


class ErrorMeasurement:
    """Measures entries. Their errors have causes once the converged screen-space results are drawn."""

    def __init__(self, gpu: Gpu, cache: ReferenceCache, converged_frames: int) -> None:
        self.gpu, self.cache, self.converged_frames = gpu, cache, converged_frames
        self._converged: dict[ConvergedKey, ReferencePair] = {}
        self._noisy: dict[str, Floats] = {}  # radiance without denoiser, by entry

    def draw_converged(self, entries: Sequence[ComparisonEntry], on_frame: ProgressCallback) -> None:
        """Draw what the causes of the errors are measured against. Raises UserError."""
        for shot in list_converged_shots([entry.shot for entry in entries]):
            self._converged[_converged_key(shot)] = references.render_converged(
                self.gpu, replace(shot, antialias=1), self.converged_frames, self.cache, on_frame
            )
        for entry in entries:
            if entry.shot.technique.sample_param:
                shot = replace(entry.shot, antialias=1)
                without_denoiser = replace(shot, denoise=replace(shot.denoise, radius=0))
                result = render_all_frames(self.gpu, without_denoiser)
                self._noisy[entry.name] = images.read_arrays(self.gpu, result)["radiance"]

    def measure(self, entry: ComparisonEntry, reference: ReferencePair, mask: Mask, with_flip: bool) -> ComparisonEntry:
        """The entry with its errors by metric, and with their causes. Raises UserError.

        The reference's noise is removed from RMSE and PSNR.
        """
        radiance = entry.components["final"]
        errors = metrics.compute_metrics(radiance, reference.mean["radiance"], mask, with_flip)
        errors["rmse"] = reference.rmse(radiance, mask)
        errors["psnr"] = metrics.psnr_from_rmse(errors["rmse"])
        return replace(entry, errors=errors, error_breakdown=self._break_down_error(entry, reference, mask))

    def _break_down_error(self, entry: ComparisonEntry, reference: ReferencePair, mask: Mask) -> ErrorBreakdown | None:
        if entry.name not in self._noisy:
            return None
        converged, radiance = self._converged[_converged_key(entry.shot)], entry.components["final"]
        return references.break_down_error(radiance, self._noisy[entry.name], converged, reference, mask)


def list_converged_shots(shots: Sequence[Shot]) -> list[Shot]:
    """A shot for each converged screen-space result; shots that differ only in their samples share one."""
    shots_by_key: dict[ConvergedKey, Shot] = {}
    for shot in shots:
        if shot.technique.sample_param:
            shots_by_key.setdefault(_converged_key(shot), shot)
    return list(shots_by_key.values())


def _converged_key(shot: Shot) -> ConvergedKey:
    """What decides the converged result of a shot and its denoised image."""
    technique = shot.technique.as_converged()
    halves = references.independent_shots(replace(shot, technique=technique, display=Display()), MIN_REFERENCE_FRAMES)
    return halves[0], shot.denoise
