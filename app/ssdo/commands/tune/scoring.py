"""What is minimised: how far a technique's pictures are from the truth, over views and radii.

RMSE of linear radiance on surfaces, noise of the truth taken out, as a share of the truth's mean, so that a dark view
counts as much as a bright one; averaged over views and radii. The truth is one bounce of rays no longer than the radius
that the technique is given: how far to look is the user's choice, and with another truth the largest radius would
always seem the best (as in XeGTAO's tuning).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ssdo.gpu.context import Gpu
from ssdo.measure import references
from ssdo.measure.benchmark_views import Place, surfaces_of
from ssdo.measure.metrics import Mask
from ssdo.measure.reference_cache import Store, key
from ssdo.render.denoise import Denoiser
from ssdo.render.pipeline import load_scene_of, shade
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique, TechniqueInputs
from ssdo.render.techniques.reference import Reference

RAYS = 4  # of a truth, at each pixel in each frame


@dataclass(frozen=True)
class Seen:
    """A view, drawn but for its light, and its truths."""

    place: Place
    shot: Shot
    view: TechniqueInputs
    mask: Mask  # where there is something to light
    truths: Mapping[float, references.Truth]  # by radius, metres

    def error(self, gpu: Gpu, technique: Any, blur: Denoiser) -> float:
        """Mean over the radii of a technique, whatever radius it has of its own."""
        errors = []
        for radius, true in self.truths.items():
            fitted = replace(technique, radius=radius).resolve_lengths(self.view.scene.size)
            picture = shade(gpu, replace(self.shot, technique=fitted, denoise=blur), self.view)
            errors.append(
                true.error(gpu.read(picture.radiance)[..., :3], self.mask)
                / float(true.mean["radiance"][self.mask].mean())
            )
        return float(np.mean(errors))


def drawn(
    gpu: Gpu, place: Place, shares: Sequence[float], frames: int, store: Store, tick: Callable[[], object]
) -> Seen:
    """A view with its truths. Raises UserError."""
    size = load_scene_of(place.shot).size
    truths = {}
    for share in shares:
        truths[share * size] = references.world(
            gpu, place.shot, Reference(rays=RAYS, max_distance=share * size), frames, store
        )
        tick()
    return Seen(place, *surfaces_of(gpu, place), truths)


def score(gpu: Gpu, shot: Shot, seen: Iterable[Seen]) -> float:
    """Mean error over views of a shot's technique and blur."""
    return float(np.mean([one.error(gpu, shot.technique, shot.denoise) for one in seen]))


def digest(gpu: Gpu, technique: Technique, seen: Sequence[Seen], frames: int, more: str) -> str:
    """Of everything that decides a score besides what is tried."""
    found = hashlib.blake2b(digest_size=20)
    for one in seen:
        found.update(key(gpu, replace(one.shot, technique=technique)).encode())
        found.update(repr(sorted(one.truths)).encode())
    found.update(f"{frames} {RAYS} {more}".encode())
    return found.hexdigest()
