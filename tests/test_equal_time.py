"""`bench equal`: how settings and methods are chosen, and whether errors and times are those of the images."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ssdo.arrays import Floats
from ssdo.commands.bench import equal, equal_methods, equal_results
from ssdo.commands.bench.equal_methods import PROBES, PUBLISHED_SSDO, SSAO, Candidate, Method
from ssdo.commands.bench.equal_results import (
    HELD_OUT,
    QUANTITIES,
    TUNING,
    UNLIMITED,
    CandidateResult,
    EqualTimeResults,
    Selection,
)
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.measure.benchmark_views import select_views
from ssdo.measure.metrics import noise_free_rmse
from ssdo.measure.reference_cache import ReferenceCache
from ssdo.measure.references import render_converged, render_world_reference
from ssdo.render import probes
from ssdo.render.pipeline import render_all_frames
from ssdo.render.probes import ProbeSettings
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.render.techniques.bitmask import Bitmask
from ssdo.render.techniques.reference import Reference
from ssdo.render.techniques.ssao import Ssao
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.scene.loader import load_scene
from ssdo.settings import param
from test_commands import call

SSDO = "SSDO"
BUDGETS = {"1x": 4.0}


def make_candidate(method: str, samples: int) -> Candidate:
    return Candidate(method, Ssdo(samples=samples), 0.15)


def make_result(candidate: Candidate, milliseconds: float, *errors: float) -> CandidateResult:
    """A result with one view for each error; both quantities have the same errors."""
    return CandidateResult(candidate, (milliseconds,) * len(errors), dict.fromkeys(QUANTITIES, errors))


def make_results(*pairs: tuple[CandidateResult, CandidateResult]) -> EqualTimeResults:
    """Results of several candidates, each given by its result on the tuning set and on the held-out set."""
    tuning = [first for first, _ in pairs]
    held_out = {result.candidate: result for _, result in pairs}
    candidate_by_selection = equal_results.choose_candidates(tuning, BUDGETS)
    tuning_views, held_out_views = (
        [f"nook {n}" for n, _ in enumerate(result.errors["direct"], 1)] for result in pairs[0]
    )
    return EqualTimeResults(
        tuning_views,
        held_out_views,
        BUDGETS,
        tuning,
        {selection: held_out[candidate] for selection, candidate in candidate_by_selection.items()},
        dict.fromkeys(QUANTITIES, 1.0),
        {8: [0.2]},
        [0.1],
    )


# ---- choice ----


def test_candidates_over_budget_are_never_chosen() -> None:
    """A small error does not help them. Time is the mean over views."""
    fast, slow, even = (make_candidate(SSDO, n) for n in (1, 2, 3))
    results = [
        make_result(fast, 3.0, 0.5, 0.7),
        make_result(slow, 4.1, 0.0, 0.0),
        CandidateResult(even, (7.0, 1.0), dict.fromkeys(QUANTITIES, (0.4, 0.7))),
    ]
    choose = equal_results.choose_candidate
    assert choose(results, SSDO, "direct", 4.0) == even
    assert choose(results[:2], SSDO, "direct", 4.0) == fast
    assert choose(results, SSDO, "direct", 5.0) == slow
    assert choose(results, SSDO, "direct", 2.0) is None
    assert choose(results, SSAO, "direct", 5.0) is None


def test_each_quantity_has_its_own_choice() -> None:
    first, second = make_candidate(SSDO, 1), make_candidate(SSDO, 2)
    results = [
        CandidateResult(first, (1.0,), {"radiance": (0.1,), "direct": (0.4,)}),
        CandidateResult(second, (1.0,), {"radiance": (0.2,), "direct": (0.3,)}),
    ]
    assert equal_results.choose_candidates(results, BUDGETS) == {
        Selection("radiance", "1x", SSDO): first,
        Selection("direct", "1x", SSDO): second,
    }


def test_the_held_out_set_decides_nothing() -> None:
    """Neither the settings of a method, nor which method is the best."""
    best, good = make_candidate(SSDO, 1), make_candidate("bitmask", 2)
    ssao, published = make_candidate(SSAO, 3), make_candidate(PUBLISHED_SSDO, 4)
    baselines = [(make_result(c, 1.0, 1.0, 1.0), make_result(c, 1.0, 1.0)) for c in (ssao, published)]
    results = make_results(
        *baselines,
        (make_result(best, 1.0, 0.1, 0.2), make_result(best, 1.0, 0.6)),
        (make_result(good, 1.0, 0.2, 0.3), make_result(good, 1.0, 0.1)),
    )
    assert results.find_best_method("direct", "1x") == SSDO
    # over all three views, and over the held-out one
    assert results.get_ratios(Selection("direct", "1x", SSDO), SSAO) == pytest.approx((0.3, 0.6))
    assert equal_results.describe_best(results, "direct", "1x") == (
        "Direct light, 1x: SSDO has an error of 0.30 of SSAO (held-out set 0.60), "
        "0.30 of SSDO as published (held-out set 0.60)."
    )
    results = make_results(*baselines, (make_result(best, 1.0, 0.1, 0.2), make_result(best, 1.0, 0.4)))
    row = equal_results.format_scenes(results)[2]
    assert row == "| nook | 1.000 | 1.000 | 0.233 | 1.000 | 1.000 | 0.233 |"


def test_unlimited_time_is_compared_with_ssao_alone() -> None:
    ssdo, ssao = make_candidate(SSDO, 1), make_candidate(SSAO, 2)
    tuning = [CandidateResult(c, (), dict.fromkeys(QUANTITIES, (e,))) for c, e in ((ssao, 1.0), (ssdo, 0.45))]
    budgets = {UNLIMITED: math.inf}
    held_out = {
        selection: next(result for result in tuning if result.candidate == candidate)
        for selection, candidate in equal_results.choose_candidates(tuning, budgets).items()
    }
    unoccluded = dict.fromkeys(QUANTITIES, 1.0)
    results = EqualTimeResults(["nook 1"], ["nook 3"], budgets, tuning, held_out, unoccluded, {8: [0.2]}, [0.1])
    for quantity, title in (("direct", "Direct light"), ("radiance", "Final light")):
        assert equal_results.describe_best(results, quantity, UNLIMITED) == (
            f"{title}, unlimited: SSDO has an error of 0.45 of SSAO (held-out set 0.45)."
        )


def test_methods_that_are_too_slow_are_listed() -> None:
    slow, fast = make_candidate(SSAO, 1), make_candidate(SSDO, 2)
    results = make_results(
        (make_result(slow, 9.0, 1.0), make_result(slow, 9.0, 1.0)),
        (make_result(fast, 1.0, 0.1), make_result(fast, 1.0, 0.1)),
    )
    last_row = equal_results.format_quantity(results, "direct")[-1]
    assert last_row.startswith("| 1x, 4.0 ms | SSAO; GTAO; SSDO as published; ") and "not fast enough" in last_row
    assert "SSAO is not fast enough" in equal_results.describe_best(results, "direct", "1x")
    assert equal_results.describe_best(results, "direct", "9x") == "Direct light, 9x: no method is fast enough."


def test_all_methods_have_the_same_radii_and_resolutions() -> None:
    candidates = equal_methods.list_candidates([0.15, 0.5])
    assert len(set(candidates)) == len(candidates)
    assert replace(equal_methods.DEFAULT_CANDIDATE, method=SSAO) in candidates
    for method in equal_methods.list_methods():
        assert {(c.radius, c.resolution) for c in candidates if c.method == method.name} == {
            (radius, resolution) for radius in (0.15, 0.5) for resolution in ("full", "half")
        }
    for candidate in equal_methods.list_converged_candidates([0.15]):
        assert candidate.technique == candidate.technique.as_converged() and candidate.resolution == "full"


@pytest.fixture
def _plug_in() -> Iterator[None]:
    """A technique that nothing else knows: with samples, without radius and steps."""

    @dataclass(frozen=True)
    class PlugIn(Technique):
        """A technique of a plug-in."""

        sample_param = "taps"
        uses_probes = True

        taps: int = param(4, 2, 12, "texture fetches at each pixel")

    yield
    del Technique.known[PlugIn.group]


@pytest.mark.usefixtures("_plug_in")
def test_a_new_technique_takes_part_without_an_entry() -> None:
    """Its candidates have a quarter to four times the default samples, within their range, and one of the radii."""
    names = [method.name for method in equal_methods.list_methods()]
    assert names[-2:] == ["PlugIn", "PlugIn, probes"]
    candidates = [c for c in equal_methods.list_candidates([0.1, 0.5]) if c.method == "PlugIn"]
    assert [(c.technique.sample_count, c.radius, c.resolution) for c in candidates] == [
        (count, 0.1, resolution) for resolution in ("full", "half") for count in (2, 4, 8, 12)
    ]
    shot = candidates[0].apply(Shot(), 10.0)
    assert shot.technique.values() == {"taps": 2} and candidates[0].describe() == "2 samples"
    assert [c.technique for c in equal_methods.list_converged_candidates([0.1, 0.5])][-1].sample_count == 12


# ---- labels ----


@pytest.fixture
def distinct_results() -> EqualTimeResults:
    """Of four methods with two candidates each, in five views of two scenes; every figure occurs once."""
    rng = np.random.default_rng(8)
    tuning_views, held_out_views = ["nook 1", "nook 2", "ball 1"], ["nook 3", "ball 2"]

    def make_result(candidate: Candidate, views: list[str], is_limited: bool) -> CandidateResult:
        times = tuple(map(float, 3 + 6 * rng.random(len(views)))) if is_limited else ()
        return CandidateResult(
            candidate, times, {name: tuple(map(float, 0.1 + rng.random(len(views)))) for name in QUANTITIES}
        )

    methods = (SSAO, PUBLISHED_SSDO, SSDO, "bitmask")
    candidates = [make_candidate(method, 2 + 10 * k + n) for k, method in enumerate(methods) for n in range(3)]
    limits = {"5ms": 5.0, "1x": 6.0, "2x": 9.0}
    tuning: list[CandidateResult] = []
    held_out: dict[Selection, CandidateResult] = {}
    for is_limited, budgets in ((True, limits), (False, {UNLIMITED: math.inf})):
        results = [make_result(candidate, tuning_views, is_limited) for candidate in candidates]
        best_candidates = equal_results.choose_candidates(results, budgets)
        by_candidate = {c: make_result(c, held_out_views, is_limited) for c in dict.fromkeys(best_candidates.values())}
        held_out |= {selection: by_candidate[candidate] for selection, candidate in best_candidates.items()}
        tuning += results
    unoccluded = {name: 0.77 + k for k, name in enumerate(QUANTITIES)}
    budgets = {**limits, UNLIMITED: math.inf}
    return EqualTimeResults(
        tuning_views, held_out_views, budgets, tuning, held_out, unoccluded, {8: [0.25, 0.5], 16: [2.0]}, [0.125]
    )


def find_best(
    results: EqualTimeResults, method: str, quantity: str, budget: str
) -> tuple[CandidateResult, CandidateResult] | None:
    """By definition: the candidate with the least mean error on the tuning set whose mean time is within the budget."""
    is_limited = budget != UNLIMITED
    candidate_results = [
        result
        for result in results.tuning
        if result.candidate.method == method
        and bool(result.milliseconds) == is_limited
        and (not is_limited or np.mean(result.milliseconds) <= results.budgets[budget])
    ]
    if not candidate_results:
        return None
    best = min(candidate_results, key=lambda result: float(np.mean(result.errors[quantity])))
    return best, results.held_out[Selection(quantity, budget, method)]


def test_cells_of_the_quantities_are_of_their_own_candidate(distinct_results: EqualTimeResults) -> None:
    """Settings, times and errors of each method in each budget, and ratios to both baselines."""
    results = distinct_results
    row_count = 0
    for quantity in QUANTITIES:
        header, _, *lines = equal_results.format_quantity(results, quantity)
        names = [cell.strip() for cell in header.strip("|").split("|")]
        assert names == [
            *("time", "method", "settings", "ms, held-out set", "tuning set", "held-out set", "all views"),
            *(f"to {SSAO}, held-out set", f"to {PUBLISHED_SSDO}, held-out set"),
        ]
        for line in lines:
            time, method, settings, ms, *figures = (cell.strip() for cell in line.strip("|").split("|"))
            budget = time.partition(",")[0]
            assert time == (budget if budget == UNLIMITED else f"{budget}, {results.budgets[budget]:.1f} ms")
            if settings == "not fast enough":
                assert all(find_best(results, name, quantity, budget) is None for name in method.split("; "))
                continue
            both = find_best(results, method, quantity, budget)
            assert both and settings == both[0].candidate.describe() == both[1].candidate.describe()
            assert ms == ("" if budget == UNLIMITED else ", ".join(f"{np.mean(r.milliseconds):.1f}" for r in both))
            tuning, held_out = (list(result.errors[quantity]) for result in both)
            assert figures[:3] == [f"{np.mean(part):.3f}" for part in (tuning, held_out, tuning + held_out)]
            for baseline, ratio in zip((SSAO, PUBLISHED_SSDO), figures[3:], strict=True):
                other = find_best(results, baseline, quantity, budget)
                if baseline == method or other is None:
                    assert ratio == ""
                    continue
                theirs, theirs_held_out = (list(result.errors[quantity]) for result in other)
                over_all = np.mean(tuning + held_out) / np.mean(theirs + theirs_held_out)
                over_held_out = np.mean(held_out) / np.mean(theirs_held_out)
                assert ratio == f"{over_all:.2f}, {over_held_out:.2f}"
            row_count += 1
    assert row_count == len(results.held_out) > 20


def test_cells_of_the_scenes_are_of_their_own_views(distinct_results: EqualTimeResults) -> None:
    """Both baselines and the best method within the middle budget, in all views of a scene."""
    results, views = distinct_results, ["nook", "nook", "ball", "nook", "ball"]
    header, _, *lines = equal_results.format_scenes(results)
    names = [cell.strip() for cell in header.strip("|").split("|")]
    expected: dict[str, list[float]] = {}
    for quantity, title in QUANTITIES.items():
        errors = {}
        for method in (SSAO, PUBLISHED_SSDO, SSDO, "bitmask"):
            if both := find_best(results, method, quantity, "1x"):
                errors[method] = [error for result in both for error in result.errors[quantity]]
        best = min(errors, key=lambda method: float(np.mean(errors[method][:3])))
        for method in (SSAO, PUBLISHED_SSDO, best):
            expected.setdefault(f"{method}, {title}, 1x", errors.get(method, []))
    assert set(names) == {"scene", *expected}
    for line, scene in zip(lines, ("nook", "ball"), strict=True):
        cells = dict(zip(names, (cell.strip() for cell in line.strip("|").split("|")), strict=True))
        assert cells.pop("scene") == scene
        for name, cell in cells.items():
            values = [error for error, view in zip(expected[name], views, strict=False) if view == scene]
            assert cell == (f"{np.mean(values):.3f}" if values else "")


def test_the_file_has_each_candidates_own_figures(distinct_results: EqualTimeResults) -> None:
    results = distinct_results
    figures = json.loads(json.dumps(equal_results.to_json(results)))
    assert figures["views"] == {"tuning set": results.tuning_views, "held-out set": results.held_out_views}
    assert figures["budgets"] == {"5ms": 5.0, "1x": 6.0, "2x": 9.0}
    assert figures["unoccluded"] == results.unoccluded_errors
    assert figures["seconds"] == {"probes": {"8": [0.25, 0.5], "16": [2.0]}, "bvh": [0.125]}
    assert "0.25 to 0.50 s with a grid of 8, 2.00 to 2.00 s with a grid of 16" in equal_results.describe_setup(results)
    held_out = {(r.candidate, bool(r.milliseconds)): r for r in results.held_out.values()}
    for row, result in zip(figures["rows"], results.tuning, strict=True):
        is_limited = bool(result.milliseconds)
        assert (row["method"], row["settings"]) == (result.candidate.method, result.candidate.describe())
        assert row["time"] == ("limited" if is_limited else UNLIMITED)
        for name, part in (("tuning set", result), ("held-out set", held_out.get((result.candidate, is_limited)))):
            assert (name in row) == (part is not None)
            if part:
                expected = {"ms": part.milliseconds, **part.errors}
                assert row[name] == {key: list(values) for key, values in expected.items()}
    best_settings = {(c["quantity"], c["budget"], c["method"]): c["settings"] for c in figures["chosen"]}
    for (quantity, budget, method), settings in best_settings.items():
        both = find_best(results, method, quantity, budget)
        assert both and both[0].candidate.describe() == settings
    assert len(best_settings) == len(results.held_out)


def test_times_and_errors_are_of_their_own_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several candidates that are measured in turns."""

    class FakeTimer(SimpleNamespace):
        def __init__(self, ctx: object, frame_count: int, clock: object) -> None:
            super().__init__(samples={}, enabled=False, clock=clock, is_software_renderer=True)

        def begin_frame(self) -> None:
            assert self.enabled

    gpu = SimpleNamespace(
        ctx=None,
        timer=SimpleNamespace(clock=None, is_software_renderer=True),
        pass_cache=SimpleNamespace(invalidate=lambda **_: None),
    )

    def shade(gpu: SimpleNamespace, view: object, candidate: Candidate) -> Candidate:
        if hasattr(gpu.timer, "samples"):
            gpu.timer.samples.setdefault("ssdo", []).append(float(candidate.technique.sample_count))
        return candidate

    def read_quantities(gpu: object, candidate: Candidate) -> dict[str, Floats]:
        level = 10.0 * candidate.technique.sample_count
        return {"radiance": np.full((1, 2, 3), level, "f4"), "direct": np.full((1, 2, 3), level + 1, "f4")}

    monkeypatch.setattr(equal, "PassTimer", FakeTimer)
    monkeypatch.setattr(equal, "shade_candidate", shade)
    monkeypatch.setattr(equal, "_read_quantities", read_quantities)
    pairs = {name: (np.full((1, 2, 3), 2.0, "f4"), np.full((1, 2, 3), 5.0, "f4")) for name in QUANTITIES}
    view = equal.LoadedView(None, None, np.ones((1, 2), bool), pairs)  # type: ignore[arg-type]
    candidates = [make_candidate(SSDO, samples) for samples in (7, 3, 5)]
    results = equal.measure_candidates(gpu, view, candidates, 3, lambda: None)  # type: ignore[arg-type]
    assert [result.candidate for result in results] == candidates
    for result, candidate in zip(results, candidates, strict=True):
        count = candidate.technique.sample_count
        assert result.milliseconds == (count,)
        for name, level in (("radiance", 10 * count), ("direct", 10 * count + 1)):
            assert result.errors[name] == pytest.approx((math.sqrt((level - 2) * (level - 5)),), rel=1e-6)


# ---- measurements ----


def load_nook(gpu: Gpu) -> equal.LoadedView:
    (view, *_), _ = select_views(Shot().with_values({"technique": "off", "width": 48, "height": 27}), ["nook"], [])
    return equal.load_view(gpu, view, 8, ReferenceCache(None), lambda: None)


@pytest.mark.slow
def test_errors_are_those_of_the_images(gpu: Gpu) -> None:
    """Against a render of the same shot. Direct light is irradiance over pi."""
    size = load_scene("nook").bounding_radius
    values = {
        "scene": "nook",
        "width": 48,
        "height": 27,
        "lighting.resolution": "half",
        "probes.enabled": True,
        "probes.grid_size": 8,
    }
    shot = Shot().with_values(values | {"ssdo.samples": 4, "ssdo.radius": 0.3 * size, "ssdo.thickness": 0.3 * size})
    candidate = Candidate(SSDO, Ssdo(samples=4), 0.3, "half", PROBES)
    (result,) = equal.measure_candidates(gpu, load_nook(gpu), [candidate], 3, lambda: None)
    arrays = images.read_arrays(gpu, render_all_frames(gpu, shot))
    resolved = shot.resolve(load_scene("nook"))
    reference = render_world_reference(gpu, resolved, Reference(rays=4), 8, ReferenceCache(None))
    mask = np.isfinite(arrays["depth"])
    assert result.errors["radiance"] == (noise_free_rmse(arrays["radiance"], reference.radiance_pair, mask),)
    pair = reference.first["direct"], reference.second["direct"]
    direct = noise_free_rmse(arrays["direct"], pair, mask) / math.pi
    assert result.mean_error("direct") == pytest.approx(direct, rel=1e-5)


@pytest.mark.slow
def test_converged_errors_have_no_noise(gpu: Gpu) -> None:
    """Against its own converged result a technique has no error but noise, which two independent images remove.

    Measured: -0.004 to 0 of the MSE of one frame; 0.024 to 0.032 with the same image twice.
    """
    view = load_nook(gpu)
    for technique in (Ssao(samples=1), Ssdo(samples=1)):
        candidate = Candidate("", technique.as_converged(), 0.3)
        shot = candidate.apply(view.view.shot, view.scene_size)
        reference = render_converged(gpu, shot, 64, ReferenceCache(None))
        own_pair = view._replace(references=equal.pair_quantities(reference))
        noisy = replace(candidate, technique=technique)
        (frame,) = equal.measure_candidates(gpu, own_pair, [noisy], 3, lambda: None)
        converged = equal.measure_converged(gpu, own_pair, candidate, lambda: None)
        assert not converged.milliseconds
        assert all((converged.mean_error(name) / frame.mean_error(name)) ** 2 < 0.012 for name in QUANTITIES)


def test_times_are_of_the_lighting(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """All passes that a frame draws anew count, except those that all candidates share. Probes stay cached."""
    view, candidate = load_nook(gpu), Candidate("bitmask", Bitmask(slices=1), 0.3, "half", PROBES)
    equal.shade_candidate(gpu, view, candidate)
    target = gpu.targets[f"{candidate.gpu_scope}/{probes.PROBE_TARGET}"].textures[0]
    version = target.extra
    timed: list[dict[str, list[float]]] = []

    def record(samples: dict[str, list[float]], counts: object) -> dict[str, float]:
        timed.append({name: times for name, times in samples.items() if counts(name)})  # type: ignore[operator]
        return {"median": 1.0}

    monkeypatch.setattr(equal, "sum_passes", record)
    equal.measure_candidates(gpu, view, [candidate], 3, lambda: None)
    assert timed[0].keys() == {
        "subsample:diffuse",
        "bitmask:direct",
        "bounce_sources:diffuse",
        "bitmask:indirect",
        "denoise:horizontal",
        "denoise:vertical",
        "upsample:diffuse",
    }
    assert all(len(times) == 3 and min(times) > 0 for times in timed[0].values())
    assert target.extra == version


# ---- command ----


@pytest.mark.slow
def test_one_scene_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    published = Ssdo(samples=4, visibility="single-sample", bounce_estimator="form-factor")
    methods = [
        Method(SSAO, (Ssao(samples=2, steps=2), Ssao(samples=4, steps=4))),
        Method(PUBLISHED_SSDO, (published,)),
        Method("SSDO, probes", (Ssdo(samples=4, steps=4),), ProbeSettings(enabled=True, grid_size=4)),
    ]
    for module in (equal, equal_methods, equal_results):
        monkeypatch.setattr(module, "list_methods", lambda: methods)
    monkeypatch.setattr(equal_methods, "CONVERGED_STEPS", 4)
    out = tmp_path / "equal.json"
    arguments = ["--scenes", "nook", "--held-out", "", "--radii", "0.3", "--width", "32", "--height", "18"]
    arguments += ["--reference-frames", "4", "--no-cache", "--budgets", "1000ms,0.0001ms", "--clock", "cpu"]
    assert call(monkeypatch, "bench", "equal", *arguments, "--output", out) == 0
    lines, figures = capsys.readouterr().out.splitlines(), json.loads(out.read_text())
    assert figures["views"] == {TUNING: ["nook 1", "nook 2"], HELD_OUT: ["nook 3"]}
    assert figures["budgets"] == {"1000ms": 1000.0, "0.0001ms": 0.0001}

    rows = [line.split(" | ")[:2] for line in lines if line.startswith(("| 1000ms", "| 0.0001ms", "| unlimited"))]
    names = [method.name for method in methods]
    limited = [["| 1000ms, 1000.0 ms", name] for name in names]
    unlimited = [[f"| {UNLIMITED}", name] for name in names]
    assert rows == 2 * [*limited, ["| 0.0001ms, 0.0 ms", "; ".join(names)], *unlimited]

    ssao = [row for row in figures["rows"] if row["method"] == SSAO and row["time"] != UNLIMITED]
    means = {row["settings"]: np.mean(row[TUNING]["radiance"]) for row in ssao}
    assert len(means) == 4
    settings = min(means, key=lambda name: means[name])
    selection = {"quantity": "radiance", "budget": "1000ms", "method": SSAO}
    assert selection | {"settings": settings} in figures["chosen"]
    (held_out,) = (row[HELD_OUT]["radiance"] for row in ssao if row["settings"] == settings)
    cells = lines[4].split(" | ")
    assert [cells[n] for n in (2, 4, 5)] == [settings, f"{means[settings]:.3f}", f"{held_out[0]:.3f}"]
    assert {row["budget"] for row in figures["chosen"]} == {"1000ms", UNLIMITED}

    assert call(monkeypatch, "bench", "equal", *arguments, "--output", out) == 2
    assert "exists; add --overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--budgets", "5"],
            "--budgets 5: must be milliseconds, as in 5ms, or multiples of the time of SSAO, as in 0.25x",
        ),
        (["--budgets", "0x"], "--budgets 0x: must be milliseconds"),
        (["--radii", "0"], "--radii 0: must be numbers from 0.001 to 10"),
        (["--runs", "2"], "--runs 2: must be 3 to 1000"),
        (["--clock", "sun"], "argument --clock: invalid choice: 'sun'"),
        (["--scenes", "nok"], "no scene nok; did you mean nook?"),
        (["--scenes", "nook", "--held-out", "nook"], "--held-out nook: is among --scenes"),
        (["--scenes", "ball", "--held-out", ""], "no view is held out"),
        (
            ["--ssdo.radius", "1"],
            "--ssdo.radius has no effect: the bench sets views, techniques and their lighting itself; leave it out",
        ),
        (["--probes.enabled", "on"], "--probes.enabled has no effect"),
        (["--lighting.resolution", "half"], "--lighting.resolution has no effect"),
        (["--accumulated-frames", "2"], "--accumulated_frames has no effect"),
    ],
)
def test_mistakes(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "bench", "equal", *arguments) == 2
    output = capsys.readouterr()
    assert message in output.err and output.err.count("\n") == 1 and not output.out
