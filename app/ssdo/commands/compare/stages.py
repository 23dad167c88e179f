"""Runs a comparison in stages, so that there is a draft soon.

The order: images, the reference's first frames, antialiasing and cost, more frames, the causes of the errors, the
other frames. The result does not depend on how many drafts are made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np

from ssdo.arrays import Floats
from ssdo.commands.compare.comparison import (
    ANTIALIASING,
    CAUSES,
    COST,
    FLIP,
    REFERENCE,
    Comparison,
    ComparisonEntry,
    ComparisonPlan,
    Draft,
)
from ssdo.commands.compare.errors import ErrorMeasurement, list_converged_shots
from ssdo.commands.compare.work_plan import estimate_frame_seconds, plan_work
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics, references
from ssdo.measure.progress import WorkEstimate
from ssdo.measure.reference_cache import ReferenceCache
from ssdo.measure.references import Arrays, ReferencePair
from ssdo.render.pass_times import measure_cost
from ssdo.render.pipeline import freeze_exposure, render_all_frames, render_frame
from ssdo.render.shot import Shot
from ssdo.render.techniques.off import Off

# Seconds after which the first draft waits for no reference. Its errors and its page take about five more.
DRAFT_DEADLINE = 15.0
DRAFT_INTERVAL = 5.0  # seconds, at least, before the first draft and between two


def refine_comparison(
    gpu: Gpu, plan: ComparisonPlan, cache: ReferenceCache, work: WorkEstimate | None = None
) -> Generator[Comparison]:
    """Draw and measure all entries. Yields drafts, and last the complete comparison.

    Close the iterator to save the reference's frames. Raises UserError.
    """
    stages = _Stages(gpu, plan, cache, work or WorkEstimate())
    stages.draw_images()
    stages.start_reference()
    if stages.is_reference_late:
        yield stages.compose_draft()
    with contextlib.closing(stages.refine_reference()) as steps:
        for is_first, is_complete in steps:
            if is_first:
                if stages.is_draft_due:
                    yield stages.compose_draft()
                stages.draw_antialiased()
                stages.measure_costs()
            if is_complete or stages.reference_frames >= plan.converged_frames:
                stages.draw_converged()
            if not is_complete and stages.is_draft_due:
                yield stages.compose_draft()
    yield stages.compose_result()


class _Stages:
    """The entries of a comparison as far as they are drawn and measured."""

    def __init__(self, gpu: Gpu, plan: ComparisonPlan, cache: ReferenceCache, work: WorkEstimate) -> None:
        self.gpu, self.cache, self.work = gpu, cache, work
        self.plan = plan = replace(plan, shots=freeze_exposure(gpu, plan.shots))
        self.entries: list[ComparisonEntry] = []
        self.reference: ReferencePair | None = None
        self._growing: references.GrowingReference | None = None
        self._errors = ErrorMeasurement(gpu, cache, plan.converged_frames)
        self._last_draft = work.elapsed
        self.missing = [ANTIALIASING] * any(shot.antialias > 1 for shot in plan.shots) + [COST]
        if plan.has_reference:
            self.missing += [CAUSES] * bool(list_converged_shots(plan.shots)) + [FLIP] * metrics.has_flip()

    # ---- stages ----

    def draw_images(self) -> None:
        """Draw the shots without antialiasing: errors are those of the pixels' centres."""
        plan, work = self.plan, self.work
        plan_work(work, plan, self.missing)
        work.report("images")
        off = _without_averaging(replace(plan.shots[0], technique=Off()))
        unoccluded = images.read_arrays(self.gpu, render_frame(self.gpu, off))
        # One array for all drafts: the page packs it once.
        self._albedo, self._unoccluded = unoccluded["albedo"], unoccluded["direct"] / np.float32(np.pi)
        self.surface_mask = references.surface_mask(unoccluded)
        for name, shot in zip(plan.names, plan.shots, strict=False):
            result = render_all_frames(self.gpu, replace(shot, antialias=1))
            components, pixels = _split_components(images.read_arrays(self.gpu, result)), images.read_display(result)
            self.entries.append(ComparisonEntry(name, shot.technique.describe(), shot, components, pixels))
            work.advance("images")

    def start_reference(self) -> None:
        """Load the reference's file, or its cached frames, and estimate the work."""
        plan, first = self.plan, self.plan.shots[0]
        reference_seconds, cached_frames = 0.0, 0
        if plan.reference_source == REFERENCE:
            self._growing = references.GrowingReference(
                self.gpu, first, plan.reference_technique, plan.reference_frames, self.cache
            )
            cached_frames = self._growing.frames
            reference_seconds = estimate_frame_seconds(self.gpu, replace(first, technique=plan.reference_technique))
        elif plan.has_reference:
            self.reference = references.load_reference(Path(plan.reference_source), first)
        image_seconds = self.work.unit_seconds("images")
        plan_work(self.work, plan, self.missing, image_seconds, reference_seconds, cached_frames)
        self.work.skip()

    def refine_reference(self) -> Generator[tuple[bool, bool]]:
        """Render the reference in steps. Yields whether the step is the first, and whether it is the last one."""
        growing = self._growing
        if not growing:
            yield True, True
            return
        is_first = True
        with contextlib.closing(growing.render_steps(lambda _: self.work.advance("reference"))) as pairs:
            for self.reference in pairs:
                yield is_first, self.reference_frames == growing.planned_frames
                is_first = False

    def draw_antialiased(self) -> None:
        """Draw the shots with antialiasing, as they are shown."""
        for i, entry in enumerate(self.entries):
            if entry.shot.antialias > 1:
                result = render_all_frames(self.gpu, entry.shot)
                pixels, picture = images.read_display(result), self.gpu.read(result.radiance)[..., :3]
                self.entries[i] = replace(entry, pixels=pixels, picture=picture)
                self.work.advance("antialiasing")
        self._finish("antialiasing", ANTIALIASING)

    def measure_costs(self) -> None:
        """Measure the cost of each entry."""
        for i, entry in enumerate(self.entries):
            self.entries[i] = replace(entry, cost=measure_cost(self.gpu, entry.shot))
            self.work.advance("cost")
        self._finish("cost", COST)

    def draw_converged(self) -> None:
        """Draw what the causes of the errors are measured against, unless it is drawn."""
        if CAUSES not in self.missing or not self.surface_mask.any():
            return
        self._errors.draw_converged(self.entries, lambda _: self.work.advance("causes"))
        self._finish("causes", CAUSES)

    def _finish(self, stage: str, part: str) -> None:
        self.work.finish(stage)
        self.missing = [name for name in self.missing if name != part]

    # ---- drafts ----

    @property
    def reference_frames(self) -> int:
        """Frames of the path-traced reference so far."""
        return self._growing.frames if self._growing and self.reference else 0

    @property
    def is_reference_late(self) -> bool:
        """Whether the first draft must do without a reference, to be there in time."""
        if not self._growing or self._growing.frames >= 2:
            return False
        return self.work.elapsed + 2 * self.work.unit_seconds("reference") > DRAFT_DEADLINE

    @property
    def is_draft_due(self) -> bool:
        """Whether the last draft is old enough."""
        return self.work.elapsed - self._last_draft >= DRAFT_INTERVAL

    def compose_draft(self) -> Comparison:
        """What is drawn and measured so far."""
        self._measure_errors(with_flip=False)
        self._last_draft = self.work.elapsed
        self.work.skip()
        planned_frames = self._growing.planned_frames if self._growing else 0
        draft = Draft(self.reference_frames, planned_frames, tuple(self.missing), self._estimate_next_draft())
        return self._compose(draft)

    def compose_result(self) -> Comparison:
        """The complete comparison."""
        self._measure_errors(with_flip=True)
        return self._compose(None)

    def _estimate_next_draft(self) -> float:
        """Seconds until the next draft, or the result."""
        work, frames = self.work, self.reference_frames
        if ANTIALIASING in self.missing or COST in self.missing:
            if not frames and self._growing:
                return 2 * work.unit_seconds("reference")
            return work.stage_seconds_left("antialiasing") + work.stage_seconds_left("cost")
        seconds = min(frames * work.unit_seconds("reference"), work.seconds_left) if self._growing else 0.0
        if CAUSES in self.missing and 2 * frames >= self.plan.converged_frames:
            seconds += work.stage_seconds_left("causes")
        return max(seconds, DRAFT_INTERVAL)

    def _compose(self, draft: Draft | None) -> Comparison:
        reference, noise = self.reference, None
        if reference and reference.shot and self.surface_mask.any():
            noise = reference.noise(self.surface_mask)
        return Comparison(
            list(self.entries),
            self._create_reference_entry(reference) if reference else None,
            noise,
            self._albedo,
            self._unoccluded,
            self.surface_mask,
            draft,
        )

    def _create_reference_entry(self, reference: ReferencePair) -> ComparisonEntry:
        plan = self.plan
        if reference.shot:
            assert self._growing
            frames, planned_frames = self.reference_frames, self._growing.planned_frames
            count = f"{frames}" if frames == planned_frames else f"{frames} of {planned_frames}"
            label = f"{plan.reference_technique.describe()}, {count} frames"
        else:
            label = Path(plan.reference_source).name
        shot = reference.shot or plan.shots[0]
        # More jittered frames would cost as much again as the reference: its edges are filtered.
        display_shot = plan.shots[0]
        if display_shot.antialias > 1:
            display_shot = replace(display_shot, display=replace(display_shot.display, fxaa=True))
        pixels = images.tone_map(self.gpu, display_shot, reference.mean["radiance"])
        return ComparisonEntry(REFERENCE, label, shot, _split_components(reference.mean), pixels)

    def _measure_errors(self, with_flip: bool) -> None:
        """Measure the errors and their causes against the reference so far."""
        if not self.reference or not self.surface_mask.any():
            return
        for i, entry in enumerate(self.entries):
            self.entries[i] = self._errors.measure(entry, self.reference, self.surface_mask, with_flip)
            if with_flip:
                self.work.advance("errors")
        if with_flip:
            self._finish("errors", FLIP)


def _without_averaging(shot: Shot) -> Shot:
    return replace(shot, accumulated_frames=1, antialias=1)


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
