"""What is compared, and what comes out: pictures in their terms, error, its parts, cost. Nothing is written here."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics, references
from ssdo.measure.metrics import Mask
from ssdo.measure.reference_cache import Store, key
from ssdo.measure.references import Arrays, Tick, Truth
from ssdo.render.pipeline import measure_cost, render_accumulated, render_frame
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.render.techniques.off import Off
from ssdo.render.techniques.reference import Reference
from ssdo.scene.model import Bytes, Floats

TRUTH = "truth"  # the name of its entry


@dataclass(frozen=True)
class Plan:
    """What is to be compared, and against what."""

    entries: Sequence[Shot]  # resolved; they differ in their techniques only
    against: str  # reference, none, or the path of a picture
    reference: Reference
    truth_frames: int
    screen_frames: int

    @property
    def names(self) -> list[str]:
        """A name for each entry, and the truth's."""
        groups = [shot.technique.group for shot in self.entries]
        counts = [
            f"-{shot.technique.sample_count or 1}" if groups.count(g) > 1 else ""
            for g, shot in zip(groups, self.entries, strict=True)
        ]
        names = [g + c for g, c in zip(groups, counts, strict=True)]
        twice = {name for name in names if names.count(name) > 1}
        names = [f"{name}-{names[: i + 1].count(name)}" if name in twice else name for i, name in enumerate(names)]
        return names + ([TRUTH] if self.against != "none" else [])


@dataclass(frozen=True)
class Entry:
    """One picture of the comparison."""

    name: str
    label: str
    shot: Shot
    # final, open, direct, bounce: (h, w, 3), open (h, w); irradiance over pi, as a white surface shows it
    terms: Mapping[str, Floats]
    shown: Bytes  # (h, w, 3) 8 bit sRGB
    error: Mapping[str, float] | None = None  # by metric
    parts: references.Parts | None = None
    cost: Mapping[str, float] | None = None  # milliseconds by pass


@dataclass(frozen=True)
class Study:
    """What was found. `entries` ends with the truth, where there is one."""

    entries: Sequence[Entry]
    albedo: Floats  # (h, w, 3)
    unoccluded: Floats  # (h, w, 3) irradiance of the whole environment over pi
    surface: Mask
    noise: float | None  # the truth's own, as standard error; None where it is not known


def measured(gpu: Gpu, plan: Plan, store: Store) -> Study:
    """Draw and measure. Raises UserError."""
    first = plan.entries[0]
    bare = images.arrays(gpu, render_frame(gpu, replace(first, technique=Off(), accumulated_frames=1)))
    surface = references.surface(bare)
    entries: list[Entry] = []
    noise = None
    with _meter(gpu, plan, store) as tick:
        against = _truth(gpu, plan, store, tick)
        screens: dict[Technique, Truth] = {}
        for name, shot in zip(plan.names, plan.entries, strict=False):
            picture = render_accumulated(gpu, shot)
            arrays, shown = images.arrays(gpu, picture), images.pixels(gpu, picture)
            error = parts = None
            if against and surface.any():
                error = metrics.measured(arrays["radiance"], against.mean["radiance"], surface)
                error["rmse"] = against.error(arrays["radiance"], surface)
                error["psnr"] = metrics.decibels(error["rmse"])
                if shot.technique.sample_param:
                    converging = shot.technique.as_converged()
                    if converging not in screens:
                        screens[converging] = references.screen(gpu, shot, plan.screen_frames, store, tick)
                    plain = images.arrays(
                        gpu, render_accumulated(gpu, replace(shot, denoise=replace(shot.denoise, radius=0)))
                    )
                    parts = references.parts(
                        arrays["radiance"], plain["radiance"], screens[converging], against, surface
                    )
            tick(shot)
            entries.append(
                Entry(name, shot.technique.label(), shot, _terms(arrays), shown, error, parts, measure_cost(gpu, shot))
            )
    if against:
        noise = against.noise(surface) if against.shot and surface.any() else None
        label = f"{plan.reference.label()}, {plan.truth_frames} frames" if against.shot else Path(plan.against).name
        shown = images.displayed(gpu, first, against.mean["radiance"])
        entries.append(Entry(TRUTH, label, against.shot or first, _terms(against.mean), shown))
    return Study(entries, bare["albedo"], bare["direct"] / np.float32(np.pi), surface, noise)


def _truth(gpu: Gpu, plan: Plan, store: Store, tick: Tick) -> Truth | None:
    match plan.against:
        case "none":
            return None
        case "reference":
            return references.world(gpu, plan.entries[0], plan.reference, plan.truth_frames, store, tick)
        case path:
            return references.of_file(Path(path), plan.entries[0])


def _terms(arrays: Arrays) -> dict[str, Floats]:
    over_pi = np.float32(1 / np.pi)
    found = {"final": arrays["radiance"]}
    if "direct" in arrays:
        found |= {"open": arrays["open"], "direct": arrays["direct"] * over_pi, "bounce": arrays["indirect"] * over_pi}
    return found


@contextlib.contextmanager
def _meter(gpu: Gpu, plan: Plan, store: Store) -> Iterator[Tick]:
    """A bar with the time left. What is left to draw is weighed by what a frame of each technique takes, tried once
    beforehand.
    """
    todo = list(plan.entries)
    if plan.against == "reference":
        todo += references.halves(replace(plan.entries[0], technique=plan.reference), plan.truth_frames)
    if plan.against != "none":
        screens = {shot.technique.as_converged(): shot for shot in plan.entries if shot.technique.sample_param}
        for technique, shot in screens.items():
            todo += references.halves(replace(shot, technique=technique), plan.screen_frames)
    seconds: dict[Technique, float] = {}
    total = 0.0
    for shot in todo:
        kept = store.load(key(gpu, shot))
        if shot.technique not in seconds:
            # compiles and uploads
            render_frame(
                gpu, replace(shot, width=min(shot.width, 16), height=min(shot.height, 16), accumulated_frames=1)
            )
            start = time.perf_counter()
            render_frame(gpu, replace(shot, accumulated_frames=1))
            gpu.ctx.finish()
            seconds[shot.technique] = time.perf_counter() - start
        total += seconds[shot.technique] * (shot.accumulated_frames - (kept.frames if kept else 0))
    with tqdm(
        total=total,
        bar_format="{desc:<12} {percentage:3.0f} % {bar} {elapsed} gone, {remaining} left",
        disable=None,
        smoothing=0,
    ) as bar:

        def tick(shot: Shot) -> None:
            bar.set_description_str(shot.technique.group, refresh=False)
            bar.update(min(seconds.get(shot.technique, 0.0), total - bar.n))

        yield tick
