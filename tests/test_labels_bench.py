"""`tune` and `bench`: every cell of their tables and every value of their files is what its column says."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from labelled_data import (
    DENOISE_FRAMES,
    FAKE_GPU,
    FRAME_PASSES,
    NO_CACHE,
    SIZE,
    TECHNIQUE_FRAMES,
    FakeRenderer,
    assert_sheet_shows,
    make_solid,
    percentile,
    read_table,
    sum_frames,
)
from ssdo.commands import tune
from ssdo.commands.bench import errors, failures, passes
from ssdo.commands.bench.fetch_limits import FetchLimits
from ssdo.commands.tune import scoring, search
from ssdo.commands.tune.budget import Budget, tunable_techniques
from ssdo.measure import references
from ssdo.measure.references import ReferencePair
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.scene.built_in.failures import FAILURES, Failure
from ssdo.scene.loader import load_scene
from ssdo.toml_text import parse_toml

# ---- tune ----


def make_tuning_results() -> list[tune.TuningResult]:
    """Of every technique that can be tuned; every second one is no better than the default."""
    results = []
    for number, name in enumerate(tunable_techniques(), 1):
        default = Shot().with_values({"technique": name})
        default = replace(default, technique=default.technique.with_samples(number + 1))
        tuned_shot = replace(default, technique=default.technique.with_samples(number + 8)).with_values(
            {f"{name}.bias": number / 64, f"{name}.steps": 20 + number}
        )
        held_out = (0.5 + number / 1000, (0.4 if number % 2 else 0.6) + number / 1000)
        tuning_errors = (0.2 + number / 1000, 0.1 + number / 1000)
        results.append(tune.TuningResult(f"preset {number}", tuned_shot, default, tuning_errors, held_out))
    return results


def test_columns_of_tune_hold_their_own_errors() -> None:
    """In percent: of the default and of the tuned values, on the tuning views and on held-out ones."""
    results = make_tuning_results()
    for row, result in zip(read_table(tune.format_table(results)), results, strict=True):
        assert row == {
            "preset": result.preset,
            "technique": result.shot.technique.group,
            "default": describe_samples(result.default),
            "tuned": describe_samples(result.shot),
            "default, tuning views": f"{100 * result.tuning_errors[0]:.2f}%",
            "tuned, tuning views": f"{100 * result.tuning_errors[1]:.2f}%",
            "default, held-out views": f"{100 * result.held_out_errors[0]:.2f}%",
            "tuned, held-out views": f"{100 * result.held_out_errors[1]:.2f}%",
        }


def describe_samples(shot: Shot) -> str:
    technique = shot.technique
    count = technique.sample_count
    return f"{count} {technique.sample_param} x {technique.fetches // count}"


def test_a_preset_holds_each_techniques_own_values(tmp_path: Path) -> None:
    """Tuned ones where they are better on held-out views, else the default's; and the table of the errors."""
    results = make_tuning_results()
    groups = [result.shot.technique.group for result in results]
    spaces = {group: [search.Dimension(f"{group}.bias")] for group in groups}
    path = tmp_path / "p.toml"
    tune.write_preset(path, results, spaces, Budget(fetches=99), ["the command"])
    text = path.read_text("utf-8")
    assert text.startswith("# At most 99 depth fetches per pixel;")
    assert all(f"# {line}\n" in text for line in ["the command", *tune.format_table(results)])
    expected: dict[str, Any] = {}
    for result in results:
        is_better = result.held_out_errors[1] < result.held_out_errors[0]
        group, values = result.shot.technique.group, (result.shot if is_better else result.default).values()
        names = ("bias", "steps", result.shot.technique.sample_param)
        expected |= {f"{group}.{name}": values[f"{group}.{name}"] for name in names}
        assert (f"# {group}: no better than the default" in text) != is_better
    assert parse_toml(text, "preset") == expected
    assert len(results) >= 4


def test_tuning_compares_both_shots_on_both_sets_of_views(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = {("tuned", "a"): 1.0, ("default", "a"): 2.0, ("tuned", "b"): 3.0, ("default", "b"): 4.0}
    monkeypatch.setattr(tune, "compute_score", lambda gpu, shot, views: scores[shot, views])
    sets: Any = tune.ViewSets("a", "b")  # type: ignore[arg-type]
    result = sets.compare(None, "p", "tuned", "default")
    assert result == tune.TuningResult("p", "tuned", "default", (2.0, 1.0), (4.0, 3.0))  # type: ignore[arg-type]
    assert result.is_better and not result._replace(held_out_errors=(1.0, 1.0)).is_better


def test_presets_are_evaluated_against_as_many_fetches() -> None:
    """Each technique of each preset, under the preset's name; nothing else of the preset changes the default."""
    comparisons: list[tuple[str, Shot, Shot]] = []
    views: Any = SimpleNamespace(compare=lambda gpu, preset, shot, default: comparisons.append((preset, shot, default)))
    overrides = Overrides({"width": 32}, {"sky.rotation": 9.0})
    presets: dict[str, dict[str, Any]] = {
        "first": {"ssao.samples": 3, "ssao.steps": 5, "gtao.slices": 7},
        "second": {"ssao.samples": 11, "denoise.radius": 2, "reference.rays": 3},
    }
    tune.evaluate_presets(FAKE_GPU, overrides, presets, views)
    names = [(preset, shot.technique.group) for preset, shot, _ in comparisons]
    assert names == [("first", "ssao"), ("first", "gtao"), ("second", "ssao")]
    for preset, shot, default in comparisons:
        group = shot.technique.group
        mine = {name: value for name, value in presets[preset].items() if name.partition(".")[0] in (group, "denoise")}
        assert shot == overrides.build_shot(group).with_values(mine)
        plain = overrides.build_shot(group)
        sample_count = math.ceil(shot.technique.fetches / plain.technique.fetches_per_sample)
        assert default == replace(plain, technique=plain.technique.with_samples(sample_count))
        assert default.technique.fetches >= shot.technique.fetches


def test_the_score_is_the_mean_over_views_and_radii_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each radius against the reference of that radius, relative to that reference's mean."""
    shots: list[Shot] = []
    view_number = iter(range(1, 100))

    def render(gpu: Any, shot: Shot, prepared: Any) -> Any:
        shots.append(shot)
        return SimpleNamespace(radiance=np.full((3, 4, 4), 10 * getattr(shot.technique, "radius", 0.0), "f4"))

    def draw_surfaces(gpu: Any, view: Any) -> Any:
        mask = np.zeros((3, 4), bool)
        mask[1] = True
        scene = SimpleNamespace(bounding_radius=2.0, length_scale=2.0)
        return SimpleNamespace(shot=view.shot, inputs=SimpleNamespace(scene=scene)), mask

    traced: list[tuple[float | None, int, int]] = []
    levels: dict[tuple[float, int], float] = {}

    def render_reference(gpu: Any, shot: Shot, reference: Reference, frames: int, cache: Any) -> ReferencePair:
        traced.append((reference.max_distance, reference.rays, frames))
        level = 1.0 + next(view_number)
        assert reference.max_distance
        levels[reference.max_distance, shot.seed] = level
        arrays = {"radiance": np.full((3, 4, 3), level, "f4")}
        arrays["radiance"][0] = 1000.0  # outside of the mask
        return ReferencePair(arrays, arrays, (arrays["radiance"], arrays["radiance"]), shot)

    monkeypatch.setattr(scoring, "render_frame", render)
    monkeypatch.setattr(scoring, "draw_view_surfaces", draw_surfaces)
    monkeypatch.setattr(scoring, "load_shot_scene", lambda shot: SimpleNamespace(bounding_radius=2.0, length_scale=2.0))
    monkeypatch.setattr(references, "render_world_reference", render_reference)
    calls: list[None] = []
    views = [
        scoring.prepare_view(
            FAKE_GPU,
            SimpleNamespace(shot=Shot(seed=seed), name=str(seed)),  # type: ignore[arg-type]
            [0.5, 2.0],
            7,
            NO_CACHE,
            lambda: calls.append(None),
        )
        for seed in (1, 2, 3)
    ]
    assert traced == [(radius, 4, 7) for _ in range(3) for radius in (1.0, 4.0)] and len(calls) == 6
    shot = Shot().with_values({"ssdo.relative_thickness": 0.25, "denoise.radius": 2})
    score = scoring.compute_score(FAKE_GPU, shot, views)
    errors_of_it = [abs(10 * radius - level) / level for (radius, _), level in levels.items()]
    assert score == pytest.approx(sum(errors_of_it) / 6)
    assert len(shots) == 6
    for one, radius in zip(shots, [1.0, 4.0] * 3, strict=True):
        technique: Any = one.technique
        assert (technique.radius, technique.thickness) == (radius, radius / 4)
        assert one.denoise == shot.denoise
    assert [one.seed for one in shots] == [1, 1, 2, 2, 3, 3]


# ---- errors ----


def test_columns_of_bench_errors_hold_their_own_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each technique against unlimited rays, rays as long as the radius, and its own converged result."""
    renderer = FakeRenderer(monkeypatch, errors)
    shot = Shot().with_values({"scene": "nook"}).resolve(load_scene("nook"))
    length = 0.25 * load_scene("nook").bounding_radius
    table = errors.measure_errors(FAKE_GPU, shot, 0.25, errors.Accuracy(4, 8, 6), NO_CACHE)
    columns = errors.list_columns()
    assert list(table) == ["world", "within", "screen"]
    limits = {"world": None, "within": length}
    for column, technique in columns.items():
        lengths = {name: length for name in ("radius", "thickness") if hasattr(technique, name)}
        mine = replace(shot, technique=replace(technique, **lengths).with_budget(4))
        level = renderer.radiance(mine)
        for name, limit in limits.items():
            reference = replace(shot, technique=Reference(rays=4, max_distance=limit))
            world = renderer.level(references.independent_shots(reference, 8), 1.0, 0.25)
            rmse = math.sqrt((level - world) * (level - world - 4))
            assert table[name][column] == pytest.approx(rmse, rel=1e-6), (name, column)
        assert (column in table["screen"]) == bool(technique.sample_param)
        if technique.sample_param:
            first, _ = renderer.converged_levels(mine, 6)
            rmse = math.sqrt((level - first) * (level - first - 2))
            assert table["screen"][column] == pytest.approx(rmse, rel=1e-6), column
    assert sum(start == 1.0 for start, _ in renderer.levels) == 2, "two references"
    assert {type(technique).label for technique in columns.values()} == {
        kind.label for kind in Technique.known.values() if not kind.progressive
    }


def test_cells_of_bench_errors_are_means_over_the_cameras() -> None:
    scenes, radii, columns = ("nook", "cornell"), (0.1, 0.25), ("off", "SSAO", "SSDO")
    numbers = iter(np.random.default_rng(2).random(1000))
    measurements = [
        errors.ErrorMeasurement(
            scene,
            camera,
            radius,
            {name: {c: float(next(numbers)) for c in columns[name == "screen" :]} for name in errors.REFERENCES},
        )
        for scene in scenes
        for camera in (1, 2, 3)
        for radius in radii
    ]
    rows = read_table(errors.format_measurements(measurements, scenes, radii))
    assert [(row["scene"], row["radius"]) for row in rows] == [
        (scene, radius) for scene in ("nook", "cornell", "all") for radius in ("10%", "25%")
    ]
    for row in rows:
        mine = [
            m for m in measurements if f"{100 * m.radius:.0f}%" == row["radius"] and row["scene"] in (m.scene, "all")
        ]
        assert len(mine) == (6 if row["scene"] == "all" else 3)
        for name in errors.REFERENCES:
            for column in mine[0].errors[name]:
                mean = sum(m.errors[name][column] for m in mine) / len(mine)
                assert row[f"{column}, {name}"] == f"{mean:.3f}"
        assert len(row) == 2 + 3 + 3 + 2


# ---- failures ----

FAILURES_OF_COMPONENTS = list({failure.component: failure for failure in FAILURES}.values())
ALL_METHODS = [*failures.list_methods("1"), *failures.list_methods("2")]


@pytest.mark.parametrize("failure", FAILURES_OF_COMPONENTS, ids=lambda failure: failure.component)
def test_figures_of_a_failure_are_of_its_component_in_its_region(
    failure: Failure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each method's own image; RMSE is that of radiance."""
    renderer = FakeRenderer(monkeypatch, failures)
    region = np.zeros((3, 4), bool)
    region[1, 1:] = True
    monkeypatch.setattr(failures, "find_region", lambda *_: region)
    overrides = Overrides({"reference.rays": 2}, {})
    measurement = failures.measure_failure(FAKE_GPU, failure, overrides, 8, NO_CACHE)
    scale = {"radiance": 1.0, "direct": 2.0, "indirect": 3.0, "visibility": 1 / 1000}[failure.component]
    reference_shot = failures.create_shot(failures.REFERENCE, failure, overrides)
    world = renderer.level(references.independent_shots(reference_shot, 8), 1.0, 0.25)
    assert sum(start == 1.0 for start, _ in renderer.levels) == 1
    assert measurement.means["reference"] == pytest.approx(scale * (world + 2), rel=1e-6)
    # the halves differ by 4 at each of three pixels alike, of which the program assumes that they are independent
    assert measurement.reference_error == pytest.approx(scale * 4 / math.sqrt(3) / 2, rel=1e-6)
    labels = [method.label for method in ALL_METHODS]
    assert len(set(labels)) == len(labels) and set(measurement.means) == {*labels, "reference"}
    assert set(measurement.rmse) == set(labels) and set(measurement.pixels) == {*labels, "reference"}
    for method in ALL_METHODS:
        level = renderer.radiance(failures.create_shot(method, failure, overrides))
        assert measurement.means[method.label] == pytest.approx(scale * level, rel=1e-6)
        rmse = math.sqrt((level - world) * (level - world - 4))
        assert measurement.rmse[method.label] == pytest.approx(rmse, rel=1e-6)
        assert measurement.pixels[method.label][0, 0, 0] == round(level)
    assert measurement.pixels["reference"][0, 0, 0] == 200, "the tone-mapped mean"


@pytest.mark.parametrize("failure", FAILURES_OF_COMPONENTS, ids=lambda failure: failure.component)
def test_cells_of_the_failures_hold_their_own_figures(failure: Failure) -> None:
    """In both tables and on the contact sheet."""
    labels = [*(method.label for method in ALL_METHODS), "reference"]
    means = {label: 0.1 + 0.011 * number for number, label in enumerate(labels)}
    rmse = {label: 0.5 + 0.013 * number for number, label in enumerate(labels)}
    pixels = {label: make_solid(number) for number, label in enumerate(labels, 1)}
    measurement = failures.FailureMeasurement(failure, means, 0.0625, rmse, pixels, np.ones(SIZE, bool))
    component = "ambient visibility" if failure.component == "visibility" else failure.component
    reference = f"{means['reference']:.3f} ± 0.0625"

    (row,) = read_table([*failures.format_header(), failures.format_row(measurement)])
    single = [method.label for method in failures.list_methods("1")]
    assert row == {
        "scene": f"`{failure.scene}`",
        "failure and cause": f"{failure.symptom}: {failure.cause}",
        "component": component,
        "reference": reference,
        **{label: f"{means[label]:.3f}" for label in single},
        **{f"RMSE, {label}": f"{rmse[label]:.3f}" for label in single},
    }

    (row,) = read_table([*failures.format_layers_header(), failures.format_layers_row(measurement)])
    pairs = {label: f"{label}, two depth layers" for label in single if f"{label}, two depth layers" in labels}
    assert row == {
        "scene, with one depth layer → two": f"`{failure.scene}`",
        "component": component,
        "reference": reference,
        **{one: f"{means[one]:.3f} → {means[two]:.3f}" for one, two in pairs.items()},
        **{f"RMSE, {one}": f"{rmse[one]:.3f} → {rmse[two]:.3f}" for one, two in pairs.items()},
    }

    order = [*pairs, *pairs.values(), *(label for label in single if label not in pairs), "reference"]
    labelled = [(f"{label}  {component} {means[label]:.2f}", pixels[label]) for label in order]
    assert_sheet_shows(failures.create_contact_sheet(measurement), labelled)


# ---- passes ----


def test_figures_of_bench_passes_are_of_their_own_passes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Milliseconds of the lighting, the technique and the frame, both limits, and the targets in MiB."""
    shot = Shot().with_values({"width": 64, "height": 36, "accumulated_frames": 5, "ssdo.radius": 2.0})
    limits = FetchLimits({"median": 4.0, "low": 3.5, "high": 4.5}, {"median": 8.0, "low": 7.5, "high": 8.5})
    calls: list[Shot] = []

    def render(gpu: Any, shot: Shot) -> Any:
        calls.append(shot)
        return SimpleNamespace(shot=shot)

    def measure_passes(gpu: Any, draw: Any, runs: int) -> dict[str, list[float]]:
        draw()
        return FRAME_PASSES

    monkeypatch.setattr(passes, "render_frame", render)
    monkeypatch.setattr(passes, "measure_passes", measure_passes)
    monkeypatch.setattr(passes, "measure_fetch_limits", lambda *_: limits)
    gpu: Any = SimpleNamespace(scope=contextlib.nullcontext, free_unused=lambda: None, target_bytes=300 * 2**20)
    row = passes.measure_shot(gpu, shot, 3, tmp_path)
    assert set(calls) == {replace(shot, accumulated_frames=1)}
    lighting = [a + b for a, b in zip(TECHNIQUE_FRAMES, DENOISE_FRAMES, strict=True)]
    frame_times = sum_frames(*FRAME_PASSES)
    frames_by_name = {"lighting": lighting, "frame": frame_times, **FRAME_PASSES}
    for name, frames in frames_by_name.items():
        times = row["passes"][name] if name in FRAME_PASSES else row[name]
        expected = {"median": 0.5, "low": 0.05, "high": 0.95}
        assert times == {k: pytest.approx(percentile(frames, share)) for k, share in expected.items()}, name
    assert (row["fetch_limit"], row["compare_limit"]) == (limits.fetch, limits.compare)
    assert (row["width"], row["height"], row["label"]) == (64, 36, shot.technique.describe())

    def format_times(frames: Sequence[float]) -> str:
        median, low, high = (percentile(frames, share) for share in (0.5, 0.05, 0.95))
        return f"{median:.2f} ({low:.2f} to {high:.2f})"

    technique_ms = percentile(FRAME_PASSES["ssdo:direct"], 0.5) + percentile(FRAME_PASSES["bounce_sources"], 0.5)
    earlier = row | {"lighting": {"median": row["lighting"]["median"] / 4, "low": 0.0, "high": 0.0}}
    header, _, line = passes.format_rows([row], {row["label"]: earlier})
    names = [cell.strip() for cell in header.strip("|").split("|")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert list(zip(names, cells, strict=True)) == [
        ("technique", row["label"]),
        ("lighting with denoiser", format_times(lighting)),
        ("technique's passes", f"{technique_ms:.2f}"),
        ("fetch limit", "4.00 (3.50 to 4.50)"),
        ("ratio", f"{technique_ms / 4:.2f}"),
        ("compare limit", "8.00 (7.50 to 8.50)"),
        ("ratio", f"{technique_ms / 8:.2f}"),
        ("whole frame", format_times(frame_times)),
        ("targets", "300 MiB"),
        ("lighting, to baseline", "4.00"),
    ]
