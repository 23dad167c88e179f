"""The choice of settings in `bench equal`, and its report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

from ssdo.commands.bench.equal_methods import BASELINES, Candidate, list_methods
from ssdo.commands.bench.flags import format_table

QUANTITIES = {"radiance": "final light", "direct": "direct light"}  # that are compared with the reference
UNLIMITED = "unlimited"  # name of the budget without a limit
TUNING, HELD_OUT = "tuning set", "held-out set"


class CandidateResult(NamedTuple):
    """Time and errors of a candidate, in each of some views."""

    candidate: Candidate
    milliseconds: tuple[float, ...]  # empty: time is unlimited
    errors: Mapping[str, tuple[float, ...]]  # RMSE by quantity

    @property
    def mean_milliseconds(self) -> float:
        return mean(self.milliseconds)

    def mean_error(self, quantity: str) -> float:
        return mean(self.errors[quantity])


class Selection(NamedTuple):
    """For which a candidate is chosen."""

    quantity: str
    budget: str  # its name
    method: str


class EqualTimeResults(NamedTuple):
    """All results, in views that settings are chosen on (the tuning set) and in others (the held-out set)."""

    tuning_views: list[str]
    held_out_views: list[str]
    budgets: dict[str, float]  # milliseconds by name; infinite where time is unlimited
    tuning: list[CandidateResult]  # of all candidates
    held_out: dict[Selection, CandidateResult]  # of the chosen candidates
    unoccluded_errors: dict[str, float]  # by quantity, mean over all views
    probe_seconds: dict[int, list[float]]  # by grid size, of each scene
    bvh_seconds: list[float]  # of each scene

    def get_results(self, selection: Selection) -> tuple[CandidateResult, CandidateResult]:
        """The chosen candidate's results on the tuning set and on the held-out set."""
        held_out = self.held_out[selection]
        for result in self.tuning:
            if result.candidate == held_out.candidate and bool(result.milliseconds) == bool(held_out.milliseconds):
                return result, held_out
        raise KeyError(selection)

    def get_ratios(self, selection: Selection, baseline: str) -> tuple[float, float] | None:
        """Error relative to a baseline's within the same budget: over all views, and over the held-out set.

        None where one of them has no candidate, or the baseline no error.
        """
        other = selection._replace(method=baseline)
        if not {selection, other} <= self.held_out.keys():
            return None
        (tuning, held_out), (other_tuning, other_held_out) = self.get_results(selection), self.get_results(other)
        pairs = [
            (merge_views([tuning, held_out]), merge_views([other_tuning, other_held_out])),
            (held_out, other_held_out),
        ]
        errors = [(mine.mean_error(selection.quantity), its.mean_error(selection.quantity)) for mine, its in pairs]
        if min(its for _, its in errors) <= 0:
            return None
        over_all, over_held_out = (mine / its for mine, its in errors)
        return over_all, over_held_out

    def find_best_method(self, quantity: str, budget: str) -> str | None:
        """The method with the least error on the tuning set; None where no method is fast enough."""
        selections = [key for key in self.held_out if (key.quantity, key.budget) == (quantity, budget)]
        if not selections:
            return None
        return min(selections, key=lambda key: self.get_results(key)[0].mean_error(quantity)).method


def merge_views(results: Iterable[CandidateResult]) -> CandidateResult:
    """Results of one candidate in different views, as one."""
    results = list(results)
    errors = {name: tuple(error for r in results for error in r.errors[name]) for name in results[0].errors}
    return CandidateResult(results[0].candidate, tuple(ms for r in results for ms in r.milliseconds), errors)


def choose_candidate(results: Iterable[CandidateResult], method: str, quantity: str, budget: float) -> Candidate | None:
    """The method's candidate with the least mean error that is within the budget (ms); None where none is."""
    within = [
        result
        for result in results
        if result.candidate.method == method and (not result.milliseconds or result.mean_milliseconds <= budget)
    ]
    return min(within, key=lambda result: result.mean_error(quantity)).candidate if within else None


def choose_candidates(results: Collection[CandidateResult], budgets: Mapping[str, float]) -> dict[Selection, Candidate]:
    """The best candidate of each method for each quantity and budget, by results on the tuning set."""
    candidates: dict[Selection, Candidate] = {}
    for quantity in QUANTITIES:
        for budget, milliseconds in budgets.items():
            for method in list_methods():
                if candidate := choose_candidate(results, method.name, quantity, milliseconds):
                    candidates[Selection(quantity, budget, method.name)] = candidate
    return candidates


# ---- report ----


def format_report(results: EqualTimeResults) -> list[str]:
    """Markdown: a table for each quantity, one by scene, and a summary."""
    lines = []
    for quantity, title in QUANTITIES.items():
        lines += [f"{title.capitalize()}:", "", *format_quantity(results, quantity), ""]
    lines += ["By scene, all views:", "", *format_scenes(results), ""]
    summary = [describe_best(results, quantity, budget) for quantity in QUANTITIES for budget in results.budgets]
    errors = ", ".join(f"{results.unoccluded_errors[quantity]:.3f} ({title})" for quantity, title in QUANTITIES.items())
    summary += [f"Without occlusion, all views: {errors}.", describe_setup(results)]
    return lines + [f"- {sentence}" for sentence in summary]


def format_quantity(results: EqualTimeResults, quantity: str) -> list[str]:
    """A table with a row for each budget and method."""
    header = ["time", "method", "settings", f"ms, {HELD_OUT}", TUNING, HELD_OUT, "all views"]
    header += [f"to {baseline}, {HELD_OUT}" for baseline in BASELINES]
    rows = []
    for budget, milliseconds in results.budgets.items():
        time = budget if budget == UNLIMITED else f"{budget}, {milliseconds:.1f} ms"
        selections = [Selection(quantity, budget, method.name) for method in list_methods()]
        rows += [[time, *_format_selection(results, key)] for key in selections if key in results.held_out]
        if too_slow := [key.method for key in selections if key not in results.held_out]:
            rows.append([time, "; ".join(too_slow), "not fast enough", *[""] * (len(header) - 3)])
    return format_table(header, rows)


def _format_selection(results: EqualTimeResults, selection: Selection) -> list[str]:
    tuning, held_out = results.get_results(selection)
    times = f"{tuning.mean_milliseconds:.1f}, {held_out.mean_milliseconds:.1f}" if held_out.milliseconds else ""
    errors = [part.mean_error(selection.quantity) for part in (tuning, held_out, merge_views([tuning, held_out]))]
    ratios = []
    for baseline in BASELINES:
        both = results.get_ratios(selection, baseline) if baseline != selection.method else None
        ratios.append(f"{both[0]:.2f}, {both[1]:.2f}" if both else "")
    settings = held_out.candidate.describe()
    return [selection.method, settings, times, *(f"{error:.3f}" for error in errors), *ratios]


def format_scenes(results: EqualTimeResults) -> list[str]:
    """A table of the baselines and the best method in each scene, within the median budget."""
    budget = list(results.budgets)[(len(results.budgets) - 1) // 2]
    columns = [
        Selection(quantity, budget, method)
        for quantity in QUANTITIES
        if (best := results.find_best_method(quantity, budget))
        for method in (*BASELINES, best)
    ]
    scenes = [name.rpartition(" ")[0] for name in (*results.tuning_views, *results.held_out_views)]
    rows = [
        [scene, *(_format_scene_error(results, column, scenes, scene) for column in columns)]
        for scene in dict.fromkeys(scenes)
    ]
    return format_table(["scene", *(f"{key.method}, {QUANTITIES[key.quantity]}, {budget}" for key in columns)], rows)


def _format_scene_error(results: EqualTimeResults, selection: Selection, scenes: Sequence[str], scene: str) -> str:
    """`scenes`: the scene of each view."""
    if selection not in results.held_out:
        return ""
    errors = merge_views(results.get_results(selection)).errors[selection.quantity]
    return f"{mean([error for error, name in zip(errors, scenes, strict=True) if name == scene]):.3f}"


def describe_best(results: EqualTimeResults, quantity: str, budget: str) -> str:
    """The best method on the tuning set, and its error relative to the baselines."""
    prefix = f"{QUANTITIES[quantity].capitalize()}, {budget}"
    best = results.find_best_method(quantity, budget)
    if best is None:
        return f"{prefix}: no method is fast enough."
    if best in BASELINES:
        return f"{prefix}: no method has less error than {best}."
    parts = []
    for baseline in BASELINES[:1] if budget == UNLIMITED else BASELINES:
        ratios = results.get_ratios(Selection(quantity, budget, best), baseline)
        text = f"{ratios[0]:.2f} of {baseline} ({HELD_OUT} {ratios[1]:.2f})" if ratios else ""
        parts.append(text or f"{baseline} is not fast enough")
    return f"{prefix}: {best} has an error of {', '.join(parts)}."


def describe_setup(results: EqualTimeResults) -> str:
    """The cost of the probes, once per scene and light."""
    probes = ", ".join(
        f"{_format_range(seconds)} with a grid of {grid_size}" for grid_size, seconds in results.probe_seconds.items()
    )
    return (
        f"Probes, traced once per scene and light, outside these times: {probes}; "
        f"BVH of the scene {_format_range(results.bvh_seconds)}."
    )


def _format_range(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.2f} to {max(seconds):.2f} s"


def to_json(results: EqualTimeResults) -> dict[str, Any]:
    """All figures."""
    held_out = {(result.candidate, bool(result.milliseconds)): result for result in results.held_out.values()}
    rows = []
    for result in results.tuning:
        row: dict[str, Any] = {
            "method": result.candidate.method,
            "settings": result.candidate.describe(),
            "time": "limited" if result.milliseconds else UNLIMITED,
            TUNING: {"ms": result.milliseconds, **result.errors},
        }
        if other := held_out.get((result.candidate, bool(result.milliseconds))):
            row[HELD_OUT] = {"ms": other.milliseconds, **other.errors}
        rows.append(row)
    return {
        "views": {TUNING: results.tuning_views, HELD_OUT: results.held_out_views},
        "budgets": {name: ms for name, ms in results.budgets.items() if name != UNLIMITED},
        "chosen": [
            {**selection._asdict(), "settings": result.candidate.describe()}
            for selection, result in results.held_out.items()
        ],
        "rows": rows,
        "unoccluded": results.unoccluded_errors,
        "seconds": {"probes": results.probe_seconds, "bvh": results.bvh_seconds},
    }
