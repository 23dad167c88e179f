"""Which technique is nearest to the truth in the same time: each with the settings that suit it best, on views to tune
on and on views held out.

For every contender, budget and quantity that candidate is chosen, of a grid of counts, steps, radii and resolutions,
which errs least on the views to tune on of those that take no longer; what it errs by on the views held out has decided
nothing. Errors are RMSE on surfaces against rays of unlimited length with one bounce, noise of the truth taken out,
mean over views; direct light is irradiance over pi. Ratios are ratios of these means. The time is that of all that
lights the surfaces and differs between candidates: the technique's own passes, halving, blur, upsampling. The G-buffer,
sun, composite and display, which all share, are left out, and so are the probes, drawn once for a scene and its light.
"""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from ssdo.commands.bench import equal_time
from ssdo.commands.bench.equal_time import DEFAULT, QUANTITIES, UNLIMITED, Candidate, Figures, Key, Outcome, joined
from ssdo.commands.bench.flags import add_clock, add_count, add_output, save, set_clock, take_output
from ssdo.gpu.context import LATE, Clock, Gpu, headless
from ssdo.measure import references
from ssdo.measure.benchmark_views import HELD_OUT, TUNED, Place, places, surfaces_of
from ssdo.measure.metrics import Mask, noise_free_rmse
from ssdo.measure.reference_cache import Store, add_cache_flags, take_store
from ssdo.measure.timings import summed
from ssdo.measure.version import version
from ssdo.render import probes, ray_scene
from ssdo.render.pipeline import FrameResult, render_frame, shade
from ssdo.render.shot import Shot, Wanted, add_shot_flags, shares, take_wanted
from ssdo.render.technique import Technique, TechniqueInputs
from ssdo.render.techniques.reference import Reference
from ssdo.scene.model import Floats
from ssdo.settings import Parser, UserError, parse

SIZE = {"width": 192, "height": 108}
# Of 0.02, 0.05, 0.1, 0.15, 0.3, 0.5 and 1 of the scene's size 0.1 suits probes best, 0.5 SSDO as published, and 1, the
# largest, all others (16 directions of 8 points, the views tuned on, 160 x 90).
RADII = "0.1,0.5,1,2"
BUDGETS = "0.25x,0.5x,1x,4x"
SHARED = ("composite", "display", "probe_trace")  # what is drawn besides what is timed
# a candidate that takes so much more than the largest budget in the first view is not looked at in the others
SPARED = 1.5
Pair = tuple[Floats, Floats]


def main(arguments: Sequence[str]) -> int:
    """`bench equal FLAGS`. Returns the exit code; raises UserError."""
    parser = Parser(
        "python -m ssdo bench equal",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--scenes",
        default=TUNED,
        metavar="S,S,...",
        help=f"to choose on, but for the last of three cameras, which is held out [{TUNED}]",
    )
    parser.add_argument(
        "--held-out",
        default=HELD_OUT,
        metavar="S,S,...",
        help=f"scenes that are held out with all cameras [{HELD_OUT}]",
    )
    parser.add_argument("--radii", default=RADII, metavar="V,V,...", help=f"as shares of the scene's size [{RADII}]")
    parser.add_argument(
        "--budgets",
        default=BUDGETS,
        metavar="B,B,...",
        help=f"as 5ms, or as 2x of what SSAO takes unless told otherwise [{BUDGETS}]",
    )
    add_count(parser, "runs", 3, 3, "times that each is measured in each view")
    parser.add_argument(
        "--truth-frames", type=int, default=12, metavar="N", help="frames of each truth, 4 rays a pixel each [12]"
    )
    add_clock(parser)
    add_output(parser, "every candidate's figures, and what drew")
    add_cache_flags(parser)
    add_shot_flags(parser)
    given = parse(parser, arguments)
    scenes, held, radii = (
        given.pop("scenes").split(","),
        [s for s in given.pop("held_out").split(",") if s],
        shares(given.pop("radii")),
    )
    runs, frames, clock, store = given.pop("runs"), given.pop("truth_frames"), given.pop("clock"), take_store(given)
    output, budgets = take_output(given), [Budget.read(word) for word in given.pop("budgets").split(",")]
    tuned, kept = places(_plain(take_wanted(given)), scenes, held)
    with Gpu(headless()) as gpu:
        timer = set_clock(gpu, clock)
        with tqdm(total=len(tuned) + len(kept), desc="truths", disable=None) as bar:
            halves = [[drawn(gpu, place, frames, store, bar.update) for place in half] for half in (tuned, kept)]
        outcome = compared(gpu, halves[0], halves[1], radii, budgets, runs)
        size = f"{tuned[0].shot.width} x {tuned[0].shot.height}, {len(tuned)} views tuned on, {len(kept)} held out, truth {4 * frames} rays a pixel"
        by = f"{size}; {gpu.ctx.info['GL_RENDERER']}, {os.cpu_count()} cores; {timer}, median of {runs} runs; version {version()}"
    print("\n".join([*equal_time.report(outcome), "", by]))
    save(output, by, equal_time.as_json(outcome))
    return 0


def _plain(wanted: Wanted) -> Shot:
    own = (
        "scene",
        "technique",
        "frames",
        "probes.",
        "lighting.",
        "temporal.",
        "camera.eye",
        "camera.target",
        *(f"{t}." for t in Technique.known),
    )
    if taken := [name for name in wanted.typed if name.startswith(own)]:
        raise UserError(
            f"--{taken[0]} has no effect: the bench chooses views, techniques and how they light itself; leave it out"
        )
    return Wanted({**SIZE, **wanted.found}, wanted.typed).shot("off")


class Budget(NamedTuple):
    """Milliseconds, or as often as long as SSAO takes unless told otherwise."""

    word: str
    number: float

    @classmethod
    def read(cls, word: str) -> Budget:
        """`5ms` or `2x`. Raises UserError."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|x)", word.strip())
        if not found or float(found[1]) <= 0:
            raise UserError(
                f"--budgets {word[:100]}: must be milliseconds, as in 5ms, or multiples of what SSAO takes, as in 0.25x"
            )
        return cls(found[0], float(found[1]))

    def ms(self, ssao: float) -> float:
        return self.number if self.word.endswith("ms") else self.number * ssao


# ---- what is measured ----


class Seen(NamedTuple):
    """A view, drawn but for its light, and its truth."""

    place: Place
    shot: Shot
    view: TechniqueInputs
    mask: Mask  # where there is something to light
    truths: Mapping[str, Pair]  # by quantity

    def errors(self, found: Mapping[str, Floats | Pair]) -> dict[str, float]:
        """By quantity."""
        return {name: noise_free_rmse(found[name], true, self.mask) for name, true in self.truths.items()}


def drawn(gpu: Gpu, place: Place, frames: int, store: Store, tick: Callable[[], object]) -> Seen:
    """A view with its truth. Raises UserError."""
    true = references.world(gpu, place.shot, Reference(rays=4), frames, store)
    found = surfaces_of(gpu, place)
    tick()
    return Seen(place, *found, twice(true))


def twice(true: references.Truth) -> dict[str, Pair]:
    """By quantity, from independent samples."""
    first, second = (
        quantities(true.first["radiance"], true.first["direct"]),
        quantities(true.second["radiance"], true.second["direct"]),
    )
    return {name: (first[name], second[name]) for name in QUANTITIES}


def quantities(radiance: Floats, direct: Floats) -> dict[str, Floats]:
    """What is held against the truth: radiance, and direct light as what a white surface makes of it."""
    return dict(zip(QUANTITIES, (radiance, direct * np.float32(1 / math.pi)), strict=True))


def draw(gpu: Gpu, seen: Seen, one: Candidate) -> FrameResult:
    with gpu.scope(one.scope):
        return shade(gpu, one.shot(seen.shot, seen.view.scene.size), seen.view._replace(probes=one.far))


def measured(gpu: Gpu, seen: Seen, found: Sequence[Candidate], runs: int, tick: Callable[[], object]) -> list[Figures]:
    """All candidates in one view: what they miss, then what they take, each once in every round: what drifts meanwhile
    drifts for all.
    """
    errors = []
    for one in found:
        errors.append(_each(seen.errors(_read(gpu, draw(gpu, seen, one)))))  # compiles and uploads, too
        tick()
    before, clocks = gpu.clock, [Clock(gpu.ctx, runs, gpu.clock.seconds) for _ in found]
    try:
        for _ in range(runs if before.software else runs + LATE):
            for one, gpu.clock in zip(found, clocks, strict=True):
                gpu.clock.running = True
                gpu.clock.begin_frame()
                gpu.forget(but=probes.TARGET)
                draw(gpu, seen, one)
    finally:
        gpu.clock = before
    times = [summed(clock.readings, lambda name: not name.startswith(SHARED))["median"] for clock in clocks]
    return [Figures(one, (ms,), missed) for one, ms, missed in zip(found, times, errors, strict=True)]


def converged(gpu: Gpu, seen: Seen, one: Candidate, tick: Callable[[], object]) -> Figures:
    """One in unlimited time: what the mean of ever more frames comes to, as of two from independent samples the noise
    can be taken out.
    """
    shot = one.shot(seen.place.shot, seen.view.scene.size)
    with gpu.scope(one.scope):  # where the probes stay, from view to view of a scene
        pictures = [
            _read(gpu, render_frame(gpu, replace(half, accumulated_frames=1))) for half in references.halves(shot, 4)
        ]
    tick()
    return Figures(one, (), _each(seen.errors({name: (pictures[0][name], pictures[1][name]) for name in QUANTITIES})))


def compared(
    gpu: Gpu, tuned: Sequence[Seen], held: Sequence[Seen], radii: Sequence[float], budgets: Sequence[Budget], runs: int
) -> Outcome:
    """Everything is tried on the views to tune on, and what is chosen there on those held out."""
    probe_seconds, trees = once(gpu, [*tuned, *held])
    parts: dict[Candidate, list[Figures]] = {}
    alive = [DEFAULT, *equal_time.candidates(radii)]
    with _bar("candidates", len(alive) * len(tuned)) as bar:
        for number, seen in enumerate(tuned):
            for figures in measured(gpu, seen, alive, runs, bar.update):
                parts.setdefault(figures.candidate, []).append(figures)
            if number == 0:
                most = SPARED * max(budget.ms(parts[DEFAULT][0].time) for budget in budgets)
                alive = [one for one in alive if one == DEFAULT or parts[one][0].time <= most]
                bar.total = bar.n + len(alive) * (len(tuned) - 1)
    found = {one: joined(parts[one]) for one in alive}
    limits = {budget.word: budget.ms(found[DEFAULT].time) for budget in budgets}
    picked = equal_time.chosen(found.values(), limits)
    with _bar("candidates, held out", len(set(picked.values())) * len(held)) as bar:
        pairs = with_held(picked, held, lambda seen, some: measured(gpu, seen, some, runs, bar.update))
    patient = equal_time.unlimited(radii)
    with _bar("unlimited time", len(patient) * len(tuned)) as bar:
        leisurely = [joined(converged(gpu, seen, one, bar.update) for seen in tuned) for one in patient]
    picked = equal_time.chosen(leisurely, {UNLIMITED: math.inf})
    with _bar("unlimited time, held out", len(set(picked.values())) * len(held)) as bar:
        pairs |= with_held(picked, held, lambda seen, some: [converged(gpu, seen, one, bar.update) for one in some])
    limits[UNLIMITED] = math.inf
    off = joined(
        Figures(DEFAULT, (), _each(seen.errors(_read(gpu, shade(gpu, seen.shot, seen.view)))))
        for seen in (*tuned, *held)
    )
    names = [seen.place.name for seen in tuned], [seen.place.name for seen in held]
    return Outcome(
        names,
        limits,
        [*found.values(), *leisurely],
        pairs,
        {name: off.error(name) for name in QUANTITIES},
        probe_seconds,
        trees,
    )


def with_held(
    picked: Mapping[Key, Candidate], held: Sequence[Seen], look_at: Callable[[Seen, Sequence[Candidate]], list[Figures]]
) -> dict[Key, Figures]:
    """What was chosen, in the views held out."""
    winners = list(dict.fromkeys(picked.values()))
    columns = zip(*(look_at(seen, winners) for seen in held), strict=True)
    found = {one: joined(part) for one, part in zip(winners, columns, strict=True)}
    return {key: found[one] for key, one in picked.items()}


def once(gpu: Gpu, views: Sequence[Seen]) -> tuple[dict[int, list[float]], list[float]]:
    """Seconds that the probes take in each scene, by their columns, and the tree of its triangles that they are drawn
    with.
    """
    probe_seconds: dict[int, list[float]] = {}
    trees = []
    for seen in {seen.view.scene.name: seen for seen in views}.values():
        start = gpu.clock.seconds()
        ray_scene.arrays(seen.view.scene)
        trees.append(gpu.clock.seconds() - start)
        for far in dict.fromkeys(one.far for one in equal_time.CONTENDERS if one.far.enabled):
            view = seen.view._replace(probes=far)
            probes.given(gpu, view)  # compiles and uploads
            gpu.forget()
            gpu.ctx.finish()
            start = gpu.clock.seconds()
            probes.given(gpu, view)
            gpu.ctx.finish()
            probe_seconds.setdefault(far.grid_size, []).append(gpu.clock.seconds() - start)
    return probe_seconds, trees


def _bar(what: str, total: int) -> Any:
    return tqdm(total=total, desc=what, disable=None)


def _each(errors: Mapping[str, float]) -> dict[str, tuple[float, ...]]:
    return {name: (e,) for name, e in errors.items()}


def _read(gpu: Gpu, picture: FrameResult) -> dict[str, Floats]:
    return quantities(*(gpu.read(texture)[..., :3] for texture in (picture.radiance, picture.lighting.direct)))
