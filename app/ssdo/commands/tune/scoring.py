"""The error that tuning minimises: how far a technique is from the reference, over views and radii.

It is the RMSE of linear radiance on surfaces, without the reference's noise, relative to the reference's mean: so a
dark view counts as much as a bright one. The reference is one bounce of rays no longer than the technique's radius,
as in XeGTAO's tuning. With a reference of unlimited rays, the largest radius would always be the best.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ssdo.gpu.context import Gpu
from ssdo.measure import references
from ssdo.measure.benchmark_views import BenchmarkView, draw_view_surfaces
from ssdo.measure.metrics import Mask
from ssdo.measure.reference_cache import ReferenceCache, cache_key
from ssdo.render.denoise import Denoiser
from ssdo.render.pipeline import PreparedFrame, load_shot, load_shot_scene, render_frame
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique, TechniqueInputs
from ssdo.render.techniques.reference import Reference

RAYS_PER_FRAME = 4  # of a reference, per pixel


@dataclass(frozen=True)
class TuningView:
    """A view with its surfaces drawn, and its references."""

    view: BenchmarkView
    surfaces: PreparedFrame
    mask: Mask  # pixels with a surface
    references: Mapping[float, references.ReferencePair]  # by radius, metres

    @property
    def shot(self) -> Shot:
        return self.surfaces.shot

    @property
    def inputs(self) -> TechniqueInputs:
        return self.surfaces.inputs

    def compute_error(self, gpu: Gpu, technique: Any, denoise: Denoiser) -> float:
        """The mean relative error of a technique over the view's radii, which replace the technique's own."""
        errors = []
        for radius, reference in self.references.items():
            resolved = technique.with_lengths({"radius": radius}).resolve_lengths(self.inputs.scene.length_scale)
            shot = replace(self.shot, technique=resolved, denoise=denoise)
            result = render_frame(gpu, shot, prepared=self.surfaces)
            rmse = reference.rmse(gpu.read(result.radiance)[..., :3], self.mask)
            errors.append(rmse / float(reference.mean["radiance"][self.mask].mean()))
        return float(np.mean(errors))


def prepare_view(
    gpu: Gpu,
    view: BenchmarkView,
    radius_fractions: Sequence[float],
    frames: int,
    cache: ReferenceCache,
    callback: Callable[[], object],
) -> TuningView:
    """Draw a view's surfaces and its references; `callback` is called after each. Raises UserError.

    Radii are relative to the scene's size.
    """
    scene_size = load_shot_scene(view.shot).bounding_radius
    references_by_radius = {}
    for fraction in radius_fractions:
        radius = fraction * scene_size
        reference = Reference(rays=RAYS_PER_FRAME).with_lengths({"max_distance": radius})
        references_by_radius[radius] = references.render_world_reference(gpu, view.shot, reference, frames, cache)
        callback()
    return TuningView(view, *draw_view_surfaces(gpu, view), references_by_radius)


def compute_score(gpu: Gpu, shot: Shot, views: Iterable[TuningView]) -> float:
    """The mean error over views of a shot's technique and denoiser; smaller is better."""
    return float(np.mean([view.compute_error(gpu, shot.technique, shot.denoise) for view in views]))


def compute_search_id(gpu: Gpu, technique: Technique, views: Sequence[TuningView], frames: int, conditions: str) -> str:
    """A digest of everything that decides a score, except the values that are searched."""
    digest = hashlib.blake2b(digest_size=20)
    for view in views:
        digest.update(cache_key(gpu, load_shot(replace(view.shot, technique=technique))).encode())
        digest.update(repr(sorted(view.references)).encode())
    digest.update(f"{frames} {RAYS_PER_FRAME} {conditions}".encode())
    return digest.hexdigest()
