"""Which technique has the least error in the same time, each with the settings that suit it best.

For each method, budget and quantity, a candidate is chosen from a grid of sample counts, steps, radii and resolutions:
the one with the least error on the tuning set of those within the budget. The held-out set decides nothing. Errors are
RMSE on surfaces against rays of unlimited length with one bounce, without the reference's noise, mean over views;
direct light is irradiance over pi. Ratios are ratios of these means. Times are those of all passes that differ between
candidates: the technique's passes, half resolution, denoiser and upsampling. Left out are G-buffer, sun, composite and
display, and the probes, which are traced once per scene and light.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from ssdo.arrays import Floats
from ssdo.commands.bench.equal_methods import (
    DEFAULT_CANDIDATE,
    Candidate,
    list_candidates,
    list_converged_candidates,
    list_methods,
)
from ssdo.commands.bench.equal_results import (
    QUANTITIES,
    UNLIMITED,
    CandidateResult,
    EqualTimeResults,
    Selection,
    choose_candidates,
    format_report,
    merge_views,
    to_json,
)
from ssdo.commands.bench.flags import (
    add_clock_flag,
    add_count_flag,
    add_output_flags,
    describe_machine,
    pop_output,
    save_figures,
    select_clock,
)
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.gpu.timer import QUERY_LATENCY, PassTimer
from ssdo.measure import references
from ssdo.measure.benchmark_views import (
    HELD_OUT_SCENES,
    TUNING_SCENES,
    BenchmarkView,
    draw_view_surfaces,
    select_views,
)
from ssdo.measure.metrics import Mask, noise_free_rmse
from ssdo.measure.reference_cache import ReferenceCache, add_cache_flags, parse_cache_flags
from ssdo.measure.timings import sum_passes
from ssdo.measure.version import program_version
from ssdo.render import probes, ray_scene
from ssdo.render.pipeline import FrameResult, PreparedFrame, render_frame
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides, add_shot_flags, parse_overrides, parse_radii, without_antialiasing
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.settings import UserError

SIZE = {"width": 192, "height": 108}
RADII = "0.1,0.5,1,2"  # each method chose one of these on the tuning set
BUDGETS = "0.25x,0.5x,1x,4x"
UNTIMED_PASSES = ("composite", "display", "probe_trace")
# A candidate that takes this many times the largest budget in the first view is not measured in the others.
HOPELESS_FACTOR = 1.5

Pair = tuple[Floats, Floats]
Callback = Callable[[], object]


class TimeBudget(NamedTuple):
    """A time, in milliseconds or as a multiple of SSAO's with default parameters."""

    name: str  # 5ms, 2x
    number: float

    @classmethod
    def parse(cls, text: str) -> TimeBudget:
        """`5ms` or `2x`. Raises UserError."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|x)", text.strip())
        if not match or float(match[1]) <= 0:
            rule = "must be milliseconds, as in 5ms, or multiples of the time of SSAO, as in 0.25x"
            raise UserError(f"--budgets {text[:100]}: {rule}")
        return cls(match[0], float(match[1]))

    def in_milliseconds(self, ssao_milliseconds: float) -> float:
        return self.number if self.name.endswith("ms") else self.number * ssao_milliseconds


def main(arguments: Sequence[str]) -> int:
    """`bench equal FLAGS`. Returns the exit code; raises UserError."""
    flags = parse_flags(_create_parser(), arguments)
    scenes = flags.pop("scenes").split(",")
    held_out_scenes = [scene for scene in flags.pop("held_out").split(",") if scene]
    radii, budgets = (
        parse_radii(flags.pop("radii")),
        [TimeBudget.parse(text) for text in flags.pop("budgets").split(",")],
    )
    runs, frames, clock = flags.pop("runs"), flags.pop("reference_frames"), flags.pop("clock")
    output, cache = pop_output(flags), parse_cache_flags(flags)
    shot = _create_shot(without_antialiasing(parse_overrides(flags)))
    tuning, held_out = select_views(shot, scenes, held_out_scenes)
    with Gpu(create_headless_context()) as gpu:
        clock_text = select_clock(gpu, clock)
        with _progress("references", len(tuning) + len(held_out)) as progress:
            tuning_views, held_out_views = (
                [load_view(gpu, view, frames, cache, progress.update) for view in views] for views in (tuning, held_out)
            )
        results = run_search(gpu, tuning_views, held_out_views, radii, budgets, runs)
        views = f"{len(tuning)} views in the tuning set, {len(held_out)} in the held-out set"
        size = f"{shot.width} x {shot.height}, {views}, reference {4 * frames} rays per pixel"
        timing = f"{clock_text}, median of {runs} runs"
        run = f"{size}; {describe_machine(gpu)}; {timing}; version {program_version()}"
    print("\n".join([*format_report(results), "", run]))
    save_figures(output, run, to_json(results))
    return 0


def _create_parser() -> FlagParser:
    parser = FlagParser("ssdo bench equal", __doc__)
    parser.add_argument(
        "--scenes",
        default=TUNING_SCENES,
        metavar="S,S,...",
        help=f"tuning set, except the last of three cameras, which is held out [{TUNING_SCENES}]",
    )
    parser.add_argument(
        "--held-out",
        default=HELD_OUT_SCENES,
        metavar="S,S,...",
        help=f"held-out set, all cameras [{HELD_OUT_SCENES}]",
    )
    parser.add_argument("--radii", default=RADII, metavar="V,V,...", help=f"fractions of the scene's size [{RADII}]")
    parser.add_argument(
        "--budgets",
        default=BUDGETS,
        metavar="B,B,...",
        help=f"as 5ms, or as 2x the time of SSAO with default parameters [{BUDGETS}]",
    )
    add_count_flag(parser, "runs", 3, 3, "times to measure each candidate in each view")
    parser.add_argument(
        "--reference-frames",
        type=int,
        default=12,
        metavar="N",
        help="frames of each reference, 4 rays per pixel each [12]",
    )
    add_clock_flag(parser)
    add_output_flags(parser, "every candidate's figures as JSON")
    add_cache_flags(parser)
    add_shot_flags(parser)
    return parser


def _create_shot(overrides: Overrides) -> Shot:
    """The shot without scene, camera and technique. Raises UserError for flags of what the bench chooses itself."""
    names = ("scene", "technique", "accumulated_frames", "camera.eye", "camera.target")
    prefixes = ("probes.", "lighting.", "temporal.", *(f"{name}." for name in Technique.known))
    for name in overrides.cli:
        if name in names or name.startswith(prefixes):
            raise UserError(
                f"--{name} has no effect: the bench sets views, techniques and their lighting itself; leave it out"
            )
    return Overrides({**SIZE, **overrides.preset}, overrides.cli).build_shot("off")


def _progress(description: str, total: int) -> Any:
    return tqdm(total=total, desc=description, disable=None)


# ---- measurements in one view ----


class LoadedView(NamedTuple):
    """A view with its surfaces and its reference."""

    view: BenchmarkView
    surfaces: PreparedFrame
    mask: Mask  # of surfaces
    references: Mapping[str, Pair]  # by quantity

    @property
    def scene_size(self) -> float:
        return self.surfaces.inputs.scene.bounding_radius

    def measure_errors(self, images: Mapping[str, Floats | Pair]) -> dict[str, tuple[float, ...]]:
        """RMSE by quantity, as the errors of one view."""
        return {
            name: (noise_free_rmse(images[name], reference, self.mask),) for name, reference in self.references.items()
        }


def load_view(gpu: Gpu, view: BenchmarkView, frames: int, cache: ReferenceCache, on_done: Callback) -> LoadedView:
    """Draw a view's surfaces and its reference. Raises UserError."""
    reference = references.render_world_reference(gpu, view.shot, Reference(rays=4), frames, cache)
    surfaces, mask = draw_view_surfaces(gpu, view)
    on_done()
    return LoadedView(view, surfaces, mask, pair_quantities(reference))


def pair_quantities(reference: references.ReferencePair) -> dict[str, Pair]:
    """Both independent images of each quantity."""
    first, second = (
        convert_quantities(arrays["radiance"], arrays["direct"]) for arrays in (reference.first, reference.second)
    )
    return {name: (first[name], second[name]) for name in QUANTITIES}


def convert_quantities(radiance: Floats, direct: Floats) -> dict[str, Floats]:
    """Radiance as it is, direct irradiance as the radiance of a white surface."""
    return dict(zip(QUANTITIES, (radiance, direct * np.float32(1 / math.pi)), strict=True))


def _read_quantities(gpu: Gpu, result: FrameResult) -> dict[str, Floats]:
    return convert_quantities(*(gpu.read(texture)[..., :3] for texture in (result.radiance, result.lighting.direct)))


def shade_candidate(gpu: Gpu, view: LoadedView, candidate: Candidate) -> FrameResult:
    """A frame of the view's surfaces, lit by the candidate."""
    shot = candidate.apply(view.surfaces.shot, view.scene_size)
    with gpu.scope(candidate.gpu_scope):
        return render_frame(gpu, shot, prepared=view.surfaces.with_probes(candidate.probes))


def measure_candidates(
    gpu: Gpu, view: LoadedView, candidates: Sequence[Candidate], runs: int, on_done: Callback
) -> list[CandidateResult]:
    """Errors and times of candidates in one view.

    Each is timed once per round, so that a machine that slows down slows all candidates alike.
    """
    errors = []
    for candidate in candidates:  # also compiles and uploads, before anything is timed
        errors.append(view.measure_errors(_read_quantities(gpu, shade_candidate(gpu, view, candidate))))
        on_done()
    original = gpu.timer
    timers = [PassTimer(gpu.ctx, runs, original.clock) for _ in candidates]
    try:
        for _ in range(runs if original.is_software_renderer else runs + QUERY_LATENCY):
            for candidate, timer in zip(candidates, timers, strict=True):
                gpu.timer = timer
                timer.enabled = True
                timer.begin_frame()
                gpu.pass_cache.invalidate(except_target=probes.PROBE_TARGET)
                shade_candidate(gpu, view, candidate)
    finally:
        gpu.timer = original
    return [
        CandidateResult(candidate, (_timed_milliseconds(timer),), candidate_errors)
        for candidate, timer, candidate_errors in zip(candidates, timers, errors, strict=True)
    ]


def _timed_milliseconds(timer: PassTimer) -> float:
    """Median of the passes that differ between candidates."""
    return sum_passes(timer.samples, lambda name: not name.startswith(UNTIMED_PASSES))["median"]


def measure_converged(gpu: Gpu, view: LoadedView, candidate: Candidate, on_done: Callback) -> CandidateResult:
    """Errors of a candidate without noise: of two independent images, as the mean of many frames would have them."""
    shot = candidate.apply(view.view.shot, view.scene_size)
    with gpu.scope(candidate.gpu_scope):  # in which the probes stay cached from view to view
        first, second = (
            _read_quantities(gpu, render_frame(gpu, replace(half, accumulated_frames=1)))
            for half in references.independent_shots(shot, 4)
        )
    on_done()
    pairs = {name: (first[name], second[name]) for name in QUANTITIES}
    return CandidateResult(candidate, (), view.measure_errors(pairs))


def measure_unoccluded(gpu: Gpu, view: LoadedView) -> CandidateResult:
    """Errors without occlusion."""
    result = render_frame(gpu, view.surfaces.shot, prepared=view.surfaces)
    return CandidateResult(DEFAULT_CANDIDATE, (), view.measure_errors(_read_quantities(gpu, result)))


def measure_setup(gpu: Gpu, views: Sequence[LoadedView]) -> tuple[dict[int, list[float]], list[float]]:
    """Seconds to trace the probes in each scene, by grid size, and to build its BVH."""
    probe_seconds: dict[int, list[float]] = {}
    bvh_seconds = []
    settings = dict.fromkeys(method.probes for method in list_methods() if method.probes.enabled)
    for view in {view.surfaces.inputs.scene.name: view for view in views}.values():
        start = gpu.timer.clock()
        ray_scene.build_arrays(view.surfaces.inputs.scene)
        bvh_seconds.append(gpu.timer.clock() - start)
        for probe_settings in settings:
            inputs = view.surfaces.inputs._replace(probes=probe_settings)
            probes.bind_probes(gpu, inputs)  # compiles and uploads
            gpu.pass_cache.invalidate()
            gpu.ctx.finish()
            start = gpu.timer.clock()
            probes.bind_probes(gpu, inputs)
            gpu.ctx.finish()
            probe_seconds.setdefault(probe_settings.grid_size, []).append(gpu.timer.clock() - start)
    return probe_seconds, bvh_seconds


# ---- search ----


def run_search(
    gpu: Gpu,
    tuning_views: Sequence[LoadedView],
    held_out_views: Sequence[LoadedView],
    radii: Sequence[float],
    budgets: Sequence[TimeBudget],
    runs: int,
) -> EqualTimeResults:
    """Measure all candidates on the tuning set, and the chosen ones on the held-out set."""
    probe_seconds, bvh_seconds = measure_setup(gpu, [*tuning_views, *held_out_views])
    tuning = measure_tuning_set(gpu, tuning_views, list_candidates(radii), budgets, runs)
    ssao = next(result for result in tuning if result.candidate == DEFAULT_CANDIDATE)
    limits = {budget.name: budget.in_milliseconds(ssao.mean_milliseconds) for budget in budgets}
    candidate_by_selection = choose_candidates(tuning, limits)
    with _progress("held-out set", len(set(candidate_by_selection.values())) * len(held_out_views)) as progress:
        held_out = measure_chosen(
            candidate_by_selection,
            held_out_views,
            lambda view, candidates: measure_candidates(gpu, view, candidates, runs, progress.update),
        )
    candidates = list_converged_candidates(radii)
    with _progress("unlimited time", len(candidates) * len(tuning_views)) as progress:
        converged = [
            merge_views(measure_converged(gpu, view, candidate, progress.update) for view in tuning_views)
            for candidate in candidates
        ]
    candidate_by_selection = choose_candidates(converged, {UNLIMITED: math.inf})
    with _progress(
        "unlimited time, held-out set", len(set(candidate_by_selection.values())) * len(held_out_views)
    ) as progress:
        held_out |= measure_chosen(
            candidate_by_selection,
            held_out_views,
            lambda view, candidates: [measure_converged(gpu, view, one, progress.update) for one in candidates],
        )
    unoccluded = merge_views(measure_unoccluded(gpu, view) for view in (*tuning_views, *held_out_views))
    return EqualTimeResults(
        [view.view.name for view in tuning_views],
        [view.view.name for view in held_out_views],
        {**limits, UNLIMITED: math.inf},
        [*tuning, *converged],
        held_out,
        {name: unoccluded.mean_error(name) for name in QUANTITIES},
        probe_seconds,
        bvh_seconds,
    )


def measure_tuning_set(
    gpu: Gpu, views: Sequence[LoadedView], candidates: Sequence[Candidate], budgets: Sequence[TimeBudget], runs: int
) -> list[CandidateResult]:
    """Results of all candidates and of DEFAULT_CANDIDATE, without those that are much too slow in the first view."""
    remaining = [DEFAULT_CANDIDATE, *candidates]
    results: dict[Candidate, list[CandidateResult]] = {}
    with _progress("candidates", len(remaining) * len(views)) as progress:
        for number, view in enumerate(views):
            for result in measure_candidates(gpu, view, remaining, runs, progress.update):
                results.setdefault(result.candidate, []).append(result)
            if number == 0:
                ssao_milliseconds = results[DEFAULT_CANDIDATE][0].mean_milliseconds
                limit = HOPELESS_FACTOR * max(budget.in_milliseconds(ssao_milliseconds) for budget in budgets)
                remaining = [
                    candidate
                    for candidate in remaining
                    if candidate == DEFAULT_CANDIDATE or results[candidate][0].mean_milliseconds <= limit
                ]
                progress.total = progress.n + len(remaining) * (len(views) - 1)
    return [merge_views(results[candidate]) for candidate in remaining]


def measure_chosen(
    candidate_by_selection: Mapping[Selection, Candidate],
    views: Sequence[LoadedView],
    measure: Callable[[LoadedView, Sequence[Candidate]], list[CandidateResult]],
) -> dict[Selection, CandidateResult]:
    """Results of the chosen candidates in all views; each is measured once, however often it was chosen."""
    candidates = list(dict.fromkeys(candidate_by_selection.values()))
    by_candidate = zip(*(measure(view, candidates) for view in views), strict=True)
    results = {candidate: merge_views(parts) for candidate, parts in zip(candidates, by_candidate, strict=True)}
    return {selection: results[candidate] for selection, candidate in candidate_by_selection.items()}
