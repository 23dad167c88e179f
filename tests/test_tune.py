"""`tune`: the search, the error it minimises, budgets, the command, and the presets that come with the program."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ssdo.commands import tune
from ssdo.commands.tune import TuningResult, ViewSets, search
from ssdo.commands.tune.budget import Budget
from ssdo.commands.tune.scoring import TuningView, compute_score, prepare_view
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.measure.benchmark_views import select_views
from ssdo.measure.reference_cache import ReferenceCache
from ssdo.measure.references import REFERENCE_ARRAYS, render_world_reference
from ssdo.optional_packages import format_install_command
from ssdo.render import presets
from ssdo.render.pipeline import render_all_frames
from ssdo.render.screen_space import SliceTechnique
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides, add_shot_flags, parse_overrides, validate_values
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.scene.loader import load_scene
from ssdo.settings import UserError, param_of
from ssdo.toml_text import format_toml, parse_toml
from test_commands import call

pytest.importorskip("optuna")

SIZE_FLAGS = ("--width", "32", "--height", "18", "--reference-frames", "4")
SMALL_RUN = (*SIZE_FLAGS, "--radii", "0.3", "--scenes", "nook", "--held-out", "")
SCREEN_SPACE = ["bitmask", "gtao", "ssao", "ssdo"]
TUNABLE = [name for name, kind in Technique.known.items() if kind.sample_param]  # those of plug-ins too
ErrorFunction = Callable[[Mapping[str, Any]], float]


def build_shot(technique: str, **values: Any) -> Shot:
    named_values = {f"{technique}.{name}": value for name, value in values.items()}
    return Shot().with_values({"technique": technique, **named_values})


def ignore_progress(_: float) -> None:
    pass


# ---- search ----

OPTIMUM = {
    "ssdo.steps": 20,
    "ssdo.relative_thickness": 0.3,
    "ssdo.bias": 0.06,
    "ssdo.environment_footprint": 0.375,
}


def squared_octaves(values: Mapping[str, Any]) -> float:
    """The squared distance from the optimum, in octaves."""
    return sum(math.log2(values[name] / value) ** 2 for name, value in OPTIMUM.items())


def search_optimum(
    error: ErrorFunction = squared_octaves, trials: int = 120, seed: int = 0, log: Path | None = None
) -> search.SearchResult:
    start = build_shot("ssdo")
    space = search.build_search_space(start, list(OPTIMUM))
    return search.run_search(space, start.values(), error, trials, seed, search.TrialLog(log), ignore_progress)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_search_recovers_a_known_optimum(seed: int) -> None:
    """In four dimensions of 6 to 10 octaves each; over 8 seeds the distance was at most 0.34 octaves."""
    best = search_optimum(seed=seed)
    assert best.trials == 120
    assert not best.interrupted
    assert math.sqrt(best.error) < 0.7
    assert math.sqrt(squared_octaves(build_shot("ssdo").values())) > 3.0  # the start


def test_choices_and_switches_are_searched() -> None:
    start = build_shot("ssdo")
    space = search.build_search_space(start, ["ssdo.bounce", "ssdo.visibility", "denoise.radius"])

    def error(values: Mapping[str, Any]) -> float:
        is_march = values["ssdo.visibility"] == "ray-march"
        return float(values["ssdo.bounce"] + is_march + values["denoise.radius"] / 16)

    best = search.run_search(space, start.values(), error, 60, 3, search.TrialLog(None), ignore_progress)
    assert best.values == {"ssdo.bounce": False, "ssdo.visibility": "single-sample", "denoise.radius": 0}
    assert all(values["denoise.radius"] % 2 == 0 for values in collect_trials(start, space))


def collect_trials(start: Shot, space: list[search.Dimension]) -> list[dict[str, Any]]:
    trials: list[dict[str, Any]] = []

    def error(values: Mapping[str, Any]) -> float:
        trials.append(dict(values))
        return 1.0

    search.run_search(space, start.values(), error, 30, 5, search.TrialLog(None), ignore_progress)
    return trials


@pytest.mark.slow
@pytest.mark.parametrize("name", SCREEN_SPACE)
def test_every_trial_is_a_valid_shot_and_preset(name: str) -> None:
    """For every number, switch and choice of a technique; a preset keeps the values exactly."""
    start = build_shot(name)
    params = [f"{name}.{field.name}" for field in fields(start.technique) if field.name not in ("radius", "thickness")]
    space = search.build_search_space(start, params)
    for values in collect_trials(start, space):
        assert {**values, **parse_toml(format_toml(values), "")} == values
        assert values.items() <= start.with_values(values).values().items()
    for dimension in space:
        for end in dimension.choices or (dimension.low, dimension.high):
            start.with_values({dimension.name: int(end) if dimension.step else end})


def test_search_depends_on_its_seed_only() -> None:
    assert search_optimum(trials=30, seed=4) == search_optimum(trials=30, seed=4)
    assert search_optimum(trials=30, seed=4).values != search_optimum(trials=30, seed=5).values


@pytest.mark.slow
def test_interrupted_search_continues(tmp_path: Path) -> None:
    """With the result of an uninterrupted search; logged trials are not evaluated again, but a truncated one is."""
    trials: list[Mapping[str, Any]] = []

    def interrupt_after_20(values: Mapping[str, Any]) -> float:
        if len(trials) == 20:
            raise KeyboardInterrupt
        trials.append(values)
        return squared_octaves(values)

    first = search_optimum(interrupt_after_20, 40, 6, tmp_path / "log")
    assert first.interrupted
    assert first.trials == 20
    assert first.error == min(map(squared_octaves, trials))
    text = (tmp_path / "log").read_text()
    (tmp_path / "log").write_text(text[:-20])
    new_trials: list[Mapping[str, Any]] = []

    def count(values: Mapping[str, Any]) -> float:
        new_trials.append(values)
        return squared_octaves(values)

    assert search_optimum(count, 40, 6, tmp_path / "log") == search_optimum(trials=40, seed=6)
    assert len(new_trials) == 21


def test_search_works_without_a_writable_log(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert search_optimum(trials=5, seed=1, log=tmp_path / "file" / "log") == search_optimum(trials=5, seed=1)


# ---- score ----


def prepare_small_view(gpu: Gpu) -> TuningView:
    (view, *_), _ = select_views(Shot().with_values({"width": 64, "height": 36}), ["nook"], [])
    return prepare_view(gpu, view, [0.3], 4, ReferenceCache(None), lambda: None)


def with_result_as_reference(gpu: Gpu, view: TuningView, technique: Any) -> TuningView:
    """The view with a technique's own result as the reference."""
    (radius,) = view.references
    result = render_all_frames(gpu, replace(view.view.shot, technique=replace(technique, radius=radius)))
    all_arrays = images.read_arrays(gpu, result)
    arrays = {name: all_arrays[name] for name in REFERENCE_ARRAYS}
    reference = view.references[radius]._replace(first=arrays, second=arrays)
    return replace(view, references={radius: reference})


@pytest.mark.slow
def test_tuning_recovers_the_parameters_of_the_reference(gpu: Gpu) -> None:
    """At 64 x 36; over 6 seeds thickness came within 0.26 octaves and intensity within 0.06."""
    true_values = {"ssdo.relative_thickness": 0.2, "ssdo.indirect_intensity": 2.5}
    start = build_shot("ssdo")
    view = with_result_as_reference(gpu, prepare_small_view(gpu), start.with_values(true_values).technique)
    settings = tune.ViewSettings(Overrides({}, {}), ["nook"], [], [0.3], 4, ReferenceCache(None))
    space = search.build_search_space(start, list(true_values))
    technique_search = tune.TechniqueSearch(start, space, Budget(fetches=128), 60, 1, settings)
    result, interrupted = tune.tune_technique(gpu, technique_search, ViewSets([view], [view]))
    assert not interrupted
    assert compute_score(gpu, start.with_values(true_values), [view]) == 0.0
    default_error, tuned_error = result.tuning_errors
    assert tuned_error < default_error / 5
    for name, value in true_values.items():
        assert abs(math.log2(getattr(result.shot.technique, name.partition(".")[2]) / value)) < 0.5


def test_score_is_the_relative_rmse_of_the_image(gpu: Gpu) -> None:
    """Measured independently: the radius is the view's, and the thickness relative to it."""
    view = prepare_small_view(gpu)
    (radius, reference), *_ = view.references.items()
    assert radius == pytest.approx(0.3 * load_scene("nook").bounding_radius)
    limited = Reference(rays=4, max_distance=radius)
    repeated = render_world_reference(gpu, view.view.shot, limited, 4, ReferenceCache(None))
    assert np.array_equal(repeated.radiance_pair, reference.radiance_pair)
    shot_values = {"scene": "nook", "width": 64, "height": 36}
    technique_values = {"ssdo.samples": 5, "ssdo.radius": radius, "ssdo.thickness": 0.4 * radius}
    result = render_all_frames(gpu, Shot().with_values({**shot_values, **technique_values}))
    arrays = images.read_arrays(gpu, result)
    mask = np.isfinite(arrays["depth"])
    expected = reference.rmse(arrays["radiance"], mask) / reference.mean["radiance"][mask].mean()
    shot = build_shot("ssdo", relative_thickness=0.4, samples=5)
    assert compute_score(gpu, shot, [view]) == pytest.approx(expected, rel=1e-6)


def test_views_keep_their_own_surfaces(gpu: Gpu) -> None:
    views, scores = [], []
    for benchmark_view in select_views(Shot().with_values({"width": 32, "height": 18}), ["nook", "corner"], [])[0]:
        views.append(prepare_view(gpu, benchmark_view, [0.3], 4, ReferenceCache(None), lambda: None))
        scores.append(compute_score(gpu, build_shot("ssao"), views[-1:]))
    assert len(set(scores)) == 3
    assert [compute_score(gpu, build_shot("ssao"), [view]) for view in reversed(views)] == scores[::-1]


@pytest.mark.slow
def test_no_view_is_tuned_on_and_held_out() -> None:
    tuning, held_out = select_views(Shot(), ["courtyard", "nook", "corner"], ["parlour"])
    assert [view.name for view in tuning] == ["courtyard 1", "courtyard 2", "nook 1", "nook 2", "corner 1"]
    assert [view.name for view in held_out] == ["courtyard 3", "nook 3", "parlour 1", "parlour 2", "parlour 3"]
    assert len({view.shot for view in [*tuning, *held_out]}) == 10
    with pytest.raises(UserError, match="--held-out nook: is among --scenes"):
        select_views(Shot(), ["nook"], ["nook"])


@pytest.mark.parametrize("name", ["ssao", "ssdo", "bitmask"])
def test_unset_thickness_is_relative_to_the_radius(name: str) -> None:
    technique: Any = Technique.known[name]
    assert technique(radius=2.0).resolve_lengths(9.0).thickness == 2.0
    assert technique(radius=2.0, relative_thickness=0.25).resolve_lengths(9.0).thickness == 0.5
    assert technique(relative_thickness=0.5).resolve_lengths(10.0).thickness == pytest.approx(0.75)
    assert technique(radius=2.0, thickness=3.0, relative_thickness=0.25).resolve_lengths(9.0).thickness == 3.0
    assert technique(radius=1e-4, relative_thickness=0.01).resolve_lengths(1.0).thickness == 1e-4


# ---- budget ----


@pytest.mark.parametrize("name", SCREEN_SPACE)
@pytest.mark.parametrize("fetches", [2, 5, 32, 128, 16384])
def test_budget_of_fetches_is_kept_and_used(name: str, fetches: int) -> None:
    for steps in (1, 3, 16, 64):
        technique: Any = Budget(fetches=fetches).fit_fetches(build_shot(name, steps=steps).technique)
        assert technique.fetches <= fetches
        assert technique.steps <= steps
        max_samples = 64 if isinstance(technique, SliceTechnique) else 256
        is_full = technique.fetches + technique.fetches_per_sample > fetches
        assert is_full or technique.sample_count == max_samples


def test_budget_of_milliseconds_is_kept_and_used(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a cost of 0.1 ms for each fetch; the default has as many samples as fit."""
    monkeypatch.setattr(Budget, "measure_cost", lambda self, gpu, technique, inputs: 0.1 * technique.fetches)
    budget, start = Budget.parse("5ms"), build_shot("ssdo")
    assert str(budget) == "5 ms of the technique's own passes"
    default: Any = budget.fit(gpu, start.technique, [])
    assert default.samples == 6  # 48 fetches; 56 would cost 5.6 ms
    assert default.steps == 8
    params = tune._choose_params(start, None, budget, ["ssdo"])
    assert "ssdo.samples" in params
    assert "ssdo.samples" not in tune._choose_params(start, None, Budget(fetches=9), ["ssdo"])

    def error(values: Mapping[str, Any]) -> float:
        technique = start.with_values(values).technique
        return -technique.fetches if budget.allows(gpu, technique, []) else math.inf

    space = search.build_search_space(start, params)
    start_values = replace(start, technique=default).values()
    best = search.run_search(space, start_values, error, 40, 1, search.TrialLog(None), ignore_progress)
    assert 48 <= start.with_values(best.values).technique.fetches <= 50


@pytest.mark.slow
def test_cost_is_that_of_the_techniques_passes(gpu: Gpu) -> None:
    """256 directions take longer than one, in processor time on a software renderer."""
    inputs = [prepare_small_view(gpu).inputs]
    few, many = (build_shot("ssdo", samples=count, radius=0.3).technique for count in (1, 256))
    budget = Budget(ms=1.0)
    assert 0 < budget.measure_cost(gpu, few, inputs) < budget.measure_cost(gpu, many, inputs)


# ---- the command ----


@pytest.mark.slow
def test_tune_writes_a_preset_and_evaluates_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tuning again takes its errors from the log, and evaluation measures the same errors."""
    output, cache = tmp_path / "mine.toml", tmp_path / "cache"
    search_flags = ("--techniques", "ssao,gtao", "--budget", "32", "--trials", "6")
    arguments = ("tune", *SMALL_RUN, *search_flags, "--output", output, "--cache", cache)
    assert call(monkeypatch, *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[1] for line in lines[2:]] == ["ssao", "gtao"]
    text = output.read_text()
    assert all(f"# {line}" in text for line in lines)
    assert "# ssdo tune --width 32" in text
    assert "32 depth fetches per pixel" in text
    values = validate_values(parse_toml(text, "mine"), output)
    assert values["ssao.samples"] * values["ssao.steps"] <= 32 >= 2 * values["gtao.slices"] * values["gtao.steps"]
    assert not [name for name in values if name.endswith(("radius", ".thickness"))]
    logs = {path: path.read_bytes() for path in cache.glob("tune-*.jsonl")}
    assert len(logs) == 2

    assert call(monkeypatch, *arguments) == 2
    assert "exists; add --overwrite" in capsys.readouterr().err
    assert call(monkeypatch, *arguments, "--overwrite") == 0
    assert capsys.readouterr().out.splitlines() == lines
    assert {path: path.read_bytes() for path in cache.glob("tune-*.jsonl")} == logs
    assert call(monkeypatch, "tune", *SMALL_RUN, "--evaluate", output, "--cache", cache) == 0
    evaluated_lines = capsys.readouterr().out.splitlines()
    for evaluated_line, line in zip(evaluated_lines[2:4], lines[2:], strict=True):
        assert evaluated_line.split(" | ")[4] == line.split(" | ")[4]
        if "no better" not in text:
            assert evaluated_line == line


@pytest.mark.parametrize("held_out_error, is_better", [(0.9, True), (1.1, False)])
def test_values_worse_on_held_out_views_are_not_written(held_out_error: float, is_better: bool, tmp_path: Path) -> None:
    """The preset then has the errors of the tuned values, but the default's values."""
    start = build_shot("ssao")
    tuned_shot = start.with_values({"ssao.steps": 16, "ssao.bias": 0.3, "denoise.max_normal_angle": 40.0})
    result = TuningResult("p", tuned_shot, start, (1.0, 0.8), (1.0, held_out_error))
    space = search.build_search_space(start, ["ssao.bias", "denoise.max_normal_angle"])
    tune.write_preset(tmp_path / "p.toml", [result], {"ssao": space}, Budget(fetches=128), ["command"])
    text = (tmp_path / "p.toml").read_text()
    assert parse_toml(text, "") == {
        "ssao.samples": 16,
        "ssao.steps": 16 if is_better else 8,
        "ssao.bias": 0.3 if is_better else 0.02,
        "denoise.max_normal_angle": 40.0 if is_better else 25.0,
    }
    assert ("no better than the default" in text) != is_better


def test_interruption_writes_the_best_values_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt_after_3(self: search.TrialLog, values: Mapping[str, Any], evaluate: ErrorFunction) -> float:
        if len(self) == 3:
            raise KeyboardInterrupt
        self._errors[str(len(self))] = 1.0
        return evaluate(values)

    monkeypatch.setattr(search.TrialLog, "evaluate", interrupt_after_3)
    output = tmp_path / "p.toml"
    flags = ("--techniques", "ssao,ssdo", "--trials", "9", "--output", output, "--no-cache")
    assert call(monkeypatch, "tune", *SMALL_RUN, *flags) == 130
    text = output.read_text()
    assert "interrupted: the best values so far" in text
    assert {name.partition(".")[0] for name in parse_toml(text, "")} == {"ssao"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "--output is missing: the preset is written to a .toml file; add --output my.toml"),
        (("--output", "a.txt"), "--output a.txt: the preset is written to a .toml file"),
        (
            ("--techniques", "off", "--output", "a.toml"),
            f"--techniques off: has nothing to tune; there are {', '.join(TUNABLE)}",
        ),
        (("--techniques", "ssa", "--output", "a.toml"), "no technique ssa; did you mean ssao?"),
        (
            ("--budget", "1", "--output", "a.toml"),
            "--budget 1: must be depth fetches per pixel, 2 to 16384, as in 128, or milliseconds, as in 5ms",
        ),
        (("--budget", "0ms", "--output", "a.toml"), "--budget 0ms: must be depth fetches"),
        (("--trials", "0", "--output", "a.toml"), "--trials 0: must be 1 to 100000"),
        (("--radii", "0", "--output", "a.toml"), "--radii 0: must be numbers from 0.001 to 10"),
        (("--ssdo.radius", "1", "--output", "a.toml"), "--ssdo.radius has no effect: tune chooses"),
        (("--scene", "ball", "--output", "a.toml"), "--scene has no effect: tune chooses"),
        (
            ("--search", "ssdo.bia", "--techniques", "ssdo", "--output", "a.toml"),
            "--search ssdo.bia: no such parameter of ssdo; did you mean ssdo.bias?",
        ),
        (
            ("--search", "scene", "--techniques", "ssdo", "--output", "a.toml"),
            "--search scene: not a number with limits, a switch or a choice",
        ),
        (
            ("--search", "ssdo.bias,denoise.max_normal_angle", "--techniques", "ssdo,ssao", "--output", "a.toml"),
            "--search denoise.max_normal_angle: a preset has one for all techniques",
        ),
        (
            ("--search", "ssdo.bias", "--techniques", "ssao", "--output", "a.toml"),
            "--search ssdo.bias: no parameter of ssao",
        ),
        (
            ("--search", "ssdo.radius", "--techniques", "ssdo", "--output", "a.toml"),
            "--search ssdo.radius: the radii are those of --radii",
        ),
        (
            ("--search", "ssdo.samples", "--techniques", "ssdo", "--output", "a.toml"),
            "--search ssdo.samples: it follows from the budget",
        ),
        (("--evaluate", "low", "--trials", "3"), "--trials has no effect beside --evaluate"),
        (("--evaluate", "lowest"), "no preset lowest; did you mean low?, or give a path to a .toml file"),
        (
            ("--scenes", "corner", "--held-out", "", "--output", "a.toml"),
            "no view is held out: the scenes have fewer than three cameras each",
        ),
        (("--scenes", "nook", "--held-out", "nook", "--output", "a.toml"), "--held-out nook: is among --scenes"),
    ],
)
def test_usage_errors(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "tune", *arguments) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.err.count("\n") == 1
    assert not output.out
    assert not list(tmp_path.iterdir())


def test_missing_optuna_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert call(monkeypatch, "tune", "--output", tmp_path / "a.toml") == 2
    assert f"tune needs the package optuna: {format_install_command('optuna')}\n" in capsys.readouterr().err


# ---- presets ----

QUALITIES = ["low", "medium", "high", "ultra"]


def parse_shot_flags(*flags: str) -> Overrides:
    parser = FlagParser("test")
    add_shot_flags(parser)
    return parse_overrides(parse_flags(parser, flags))


def test_built_in_presets_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(presets.built_in_presets()) == QUALITIES
    for name in QUALITIES:
        overrides = parse_shot_flags("--preset", name, "--technique", "gtao")
        (shot,) = overrides.build_shots()
        assert isinstance(shot.technique, SliceTechnique)
        assert shot.technique.group == "gtao"
        assert overrides.preset["gtao.slices"] == shot.technique.slices
    with pytest.raises(UserError, match=r"no preset lo; did you mean low\?, or give a path to a .toml file"):
        parse_shot_flags("--preset", "lo")
    with pytest.raises(UserError, match="no preset quick; there are low, medium, high, ultra"):
        parse_shot_flags("--preset", "quick")


def test_file_with_the_name_of_a_preset_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "low").write_text("width = 77\n")
    assert parse_shot_flags("--preset", "low").build_shots()[0].width == 77


@pytest.mark.parametrize("quality, fetches", [("low", 32), ("medium", 64), ("high", 128), ("ultra", 256)])
def test_preset_sets_quality_within_its_budget_and_nothing_else(quality: str, fetches: int) -> None:
    """Every screen-space technique, and no length, so that a preset suits scenes of any size."""
    path = presets.built_in_presets()[quality]
    values = validate_values(parse_toml(path.read_text("utf-8"), quality), path)
    assert {name.partition(".")[0] for name in values} == set(SCREEN_SPACE)
    assert not [name for name in values if name.endswith((".radius", ".thickness", ".indirect_intensity"))]
    for name in SCREEN_SPACE:
        technique = Overrides(values, {}).build_shot(name).technique
        assert fetches / 2 < technique.fetches <= fetches, name
        assert all(param_of(field).unit == "" for field in fields(technique) if f"{name}.{field.name}" in values)


@pytest.mark.parametrize("quality", QUALITIES)
def test_preset_states_its_command_and_beats_the_default_on_held_out_views(quality: str) -> None:
    """As its header and the README say. Where the search was no better, the preset has the default's values."""
    readme = (presets.FOLDER.parents[1] / "README.md").read_text("utf-8")
    path = presets.built_in_presets()[quality]
    header = [line[2:] for line in path.read_text("utf-8").splitlines() if line.startswith("# ")]
    assert any(line.startswith("ssdo tune") for line in header)
    assert all(line in readme for line in header if line.startswith("| "))
    rows = [line.strip("| ").split(" | ") for line in header if line.startswith(f"| {quality} ")]
    assert [row[1] for row in rows] == SCREEN_SPACE
    for row in rows:
        default_error, tuned_error = (float(cell.rstrip("%")) for cell in row[6:8])
        has_default_values = any(line.startswith(f"{row[1]}: no better than the default") for line in header)
        assert tuned_error < default_error or has_default_values, row
