"""What is compared, and what was drawn and measured so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ssdo.arrays import Bytes, Floats
from ssdo.measure.metrics import Mask
from ssdo.measure.references import ErrorBreakdown
from ssdo.render.shot import Shot
from ssdo.render.techniques.reference import Reference

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
    error_breakdown: ErrorBreakdown | None = None
    cost: Mapping[str, float] | None = None  # milliseconds by pass


# What drafts may lack.
ANTIALIASING, COST, CAUSES, FLIP = "antialiasing", "cost", "causes of the error", "FLIP"


@dataclass(frozen=True)
class Draft:
    """How far a comparison is that is not complete."""

    frames: int  # of the reference
    planned_frames: int  # 0: no path-traced reference
    missing: tuple[str, ...]  # parts that follow
    seconds_to_next: float  # estimated, until the next draft
    is_stopped: bool = False  # no other draft follows


@dataclass(frozen=True)
class Comparison:
    """All that was drawn and measured."""

    entries: Sequence[ComparisonEntry]  # one for each shot
    reference: ComparisonEntry | None
    reference_noise: float | None  # standard error of its radiance, RMS; None: not known
    albedo: Floats  # (h, w, 3)
    unoccluded: Floats  # (h, w, 3) irradiance of the whole environment over pi
    surface_mask: Mask  # (h, w)
    draft: Draft | None = None  # None: complete

    @property
    def all_entries(self) -> list[ComparisonEntry]:
        return [*self.entries, *([self.reference] if self.reference else [])]
