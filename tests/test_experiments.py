"""The viewer's experiments: axes, sentences, what they measure, and that they leave no trace."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ssdo.gpu.context import Gpu
from ssdo.viewer import experiment_kinds, experiments, outcomes
from ssdo.viewer.converged_results import ConvergedResult
from ssdo.viewer.csv_files import list_experiment_rows, save_csv
from ssdo.viewer.experiments import MAX_NOISE_RATIO, MAX_REFERENCE_FRAMES, Curves, Experiment
from ssdo.viewer.plot_axes import Axis, format_tick
from ssdo.viewer.plot_lines import Line, describe_values, find_nearest_x, list_margins
from ssdo.viewer.render_scheduler import PAIR, Slot
from ssdo.viewer.session import Session
from ssdo.viewer.settings_snapshot import describe_change, keep_user_changes
from test_viewer import SessionRunner, free_targets

SIZE = (32, 18)
LABELS: Mapping[Slot, str] = {"A": "SSAO", "B": "SSDO"}


@pytest.fixture
def runner(gpu: Gpu) -> Iterator[SessionRunner]:
    """SSAO and SSDO in a nook, filtered."""
    values = {"ssdo.steps": 4, "denoise.radius": 4, "lighting.resolution": "half"}
    yield SessionRunner(gpu, scene="nook", technique="ssdo", **values)
    free_targets(gpu, "A", "B", "reference", "unoccluded A", "unoccluded B", "converged")


def start(runner: SessionRunner, experiment: Experiment) -> Experiment:
    """Begin an experiment in a session that shows A and B."""
    run_frames(runner, 4)
    experiment.begin(runner.session)
    return experiment


def run_frames(runner: SessionRunner, count: int, experiment: Experiment | None = None) -> None:
    """Frames of the viewer's loop, ten seconds apart."""
    for _ in range(count):
        runner.clock.now += 10
        runner.session.step(SIZE)
        if experiment:
            experiment.step(runner.session)


def run_to_end(runner: SessionRunner, experiment: Experiment) -> None:
    for _ in range(2000):
        run_frames(runner, 1, experiment)
        if experiment.is_done:
            return
    raise AssertionError(f"the experiment does not end: {runner.session.message}")


def make_experiment(name: str, **changes: Any) -> Any:
    """What starts an experiment with few steps."""

    def make(session: Session) -> Experiment:
        experiment = experiment_kinds.EXPERIMENTS[name](session)
        return replace(experiment, steps=experiment.steps[:2], **changes)

    return make


# ---- axes ----


@pytest.mark.parametrize(
    "axis, values, max_count, ticks",
    [
        (Axis(scale="log2"), (1, 128), 8, [1, 2, 4, 8, 16, 32, 64, 128]),
        (Axis(scale="log2"), (1, 128), 4, [1, 4, 16, 64]),
        (Axis(scale="log2"), (3, 128), 9, [4, 8, 16, 32, 64, 128]),
        (Axis(scale="log10"), (0.001, 0.1), 3, [0.001, 0.01, 0.1]),
        (Axis(scale="log10"), (0.03, 0.12), 3, [0.05, 0.1]),
        (Axis(scale="log10"), (1e-6, 1.0), 3, [1e-6, 1e-3, 1.0]),
        (Axis(), (0, 10), 6, [0, 2, 4, 6, 8, 10]),
        (Axis(), (0.62, 0.71), 3, [0.65, 0.7]),
        (Axis(tick_steps=(90, 180)), (0, 360), 5, [0, 90, 180, 270, 360]),
        (Axis(tick_steps=(90, 180)), (0, 360), 4, [0, 180, 360]),
    ],
)
def test_ticks_are_round_numbers(axis: Axis, values: tuple[float, float], max_count: int, ticks: list[float]) -> None:
    found = axis.find_ticks(*axis.fit_range(values), max_count)
    assert found == pytest.approx(ticks)
    assert len(found) <= max_count


@pytest.mark.parametrize("scale", ["linear", "log2", "log10"])
@pytest.mark.parametrize("values", [(0.5, 4.0), (3.0, 3.0), (1e-5, 1e5), (0.0966, 0.0967)])
@pytest.mark.parametrize("max_count", [1, 2, 3, 7])
def test_ticks_lie_in_the_range(scale: Any, values: tuple[float, float], max_count: int) -> None:
    axis = Axis(scale=scale)
    low, high = axis.fit_range(values)
    ticks = axis.find_ticks(low, high, max_count)
    assert len(ticks) <= max_count
    slack = 1e-6 * (high - low)
    assert all(low - slack <= axis.to_linear(tick) <= high + slack for tick in ticks)


@pytest.mark.parametrize("axis", [Axis(), Axis(scale="log2"), Axis(scale="log10")])
def test_curves_keep_a_margin_to_the_frame(axis: Axis) -> None:
    """Also a constant curve, which lies in the middle."""
    low, high = axis.fit_range((0.02, 0.5))
    assert low < axis.to_linear(0.02) - 0.05 * (high - low)
    assert high > axis.to_linear(0.5) + 0.05 * (high - low)
    low, high = axis.fit_range((0.3, 0.3))
    assert axis.to_linear(0.3) == pytest.approx((low + high) / 2) and high > low


def test_a_linear_axis_may_start_at_zero() -> None:
    assert Axis(starts_at_zero=True).fit_range((3.0, 5.0))[0] == 0
    assert Axis().fit_range((3.0, 5.0))[0] > 2


def test_logarithmic_axes_have_no_place_for_zero() -> None:
    assert [Axis(scale="log10").has_place(y) for y in (0.0, -1.0, math.nan, math.inf, 0.1)] == [False] * 4 + [True]
    assert Axis().has_place(0.0) and not Axis().has_place(math.nan)


def test_ticks_are_written_shortly() -> None:
    values = (128, 0.05, 0.005, 1e-5, 1000000, 0, 2.5, 0.62)
    assert [format_tick(v) for v in values] == ["128", "0.05", "0.005", "1e-05", "1e+06", "0", "2.5", "0.62"]


def test_error_bars_are_variances_of_the_reference() -> None:
    line = Line("A", "SSAO", [(1, 0.5), (2, 0.1), (4, 0.2), (8, math.nan)], margins=[0.3, 0.1, 0.0, 0.1])
    bars = list_margins(line)
    assert [x for x, _, _ in bars] == [1, 2]
    assert [end for bar in bars for end in bar[1:]] == pytest.approx([0.4, math.sqrt(0.34), 0.0, math.sqrt(0.02)])


def test_values_under_the_mouse_are_those_of_the_nearest_step() -> None:
    lines = [
        Line("A", "A: SSAO", [(1, 0.5), (2, 0.01)], margins=[0.1, 0.02]),
        Line("B", "B: SSDO", [(1, math.nan), (2, 0.123456)]),
    ]
    assert find_nearest_x(lines, lambda x: abs(x - 1.6)) == 2
    assert find_nearest_x([], abs) is None
    assert describe_values(lines, 1) == [("A", "A: SSAO: 0.5"), ("B", "B: SSDO: not measured")]
    assert describe_values(lines, 2) == [
        ("A", "A: SSAO: below the reference's noise, 0.02"),
        ("B", "B: SSDO: 0.123"),
    ]


# ---- outcomes ----


def curve(*values: float) -> list[tuple[float, float]]:
    return [(2.0**i, value) for i, value in enumerate(values)]


def test_outcome_tells_noise_from_bias() -> None:
    errors: Curves = {"A": curve(0.051, 0.05, 0.05), "B": curve(0.031, 0.02, 0.012)}
    noise: Curves = {"A": curve(0.03, 0.01, 0.004), "B": curve(0.03, 0.02, 0.011)}
    assert outcomes.describe_samples(LABELS, errors, noise) == (
        "SSAO's error stays at 0.05. Its noise falls from 0.03 to 0.004; the rest is bias, which more samples do not "
        "remove. SSDO's error falls from 0.031 to 0.012. Its noise falls from 0.03 to 0.011, most of the error: "
        "more samples help."
    )


def test_outcome_offers_a_remedy_only_against_bias() -> None:
    noisy: Curves = {"A": curve(0.3, 0.1), "B": curve(0.3, 0.1)}
    biased: Curves = {"A": curve(0.3, 0.3), "B": curve(0.3, 0.3)}
    assert "Try probes." not in outcomes.describe_samples(LABELS, noisy, noisy, "Try probes.")
    assert outcomes.describe_samples(LABELS, biased, noisy, "Try probes.").endswith("Try probes.")


def test_outcome_leaves_out_what_was_not_measured() -> None:
    errors: Curves = {"A": curve(math.nan, 0.2, math.nan), "B": curve(0.2, math.nan, 0.4)}
    assert outcomes.describe_samples(LABELS, errors, {"A": [], "B": []}) == "SSDO's error rises from 0.2 to 0.4."


def test_outcome_names_the_slots_of_equal_techniques() -> None:
    labels: Mapping[Slot, str] = {"A": "SSDO", "B": "SSDO"}
    text = outcomes.describe_radius(labels, {"A": curve(0.4, 0.2, 0.3), "B": curve(0.2, 0.21)})
    best = "A (SSDO) has its smallest error, 0.2, at 2 m; the largest is 0.4."
    assert text == f"{best} B (SSDO)'s error is about 0.2 at every radius."


def test_outcome_says_when_the_best_radius_is_at_an_end() -> None:
    text = outcomes.describe_radius(LABELS, {"A": curve(0.1, 0.2, 0.3), "B": curve(0.3, 0.2, 0.1)})
    places = re.findall(r"smallest error, 0.1, at (.*?);", text)
    assert places == ["1 m, the smallest radius tried", "4 m, the largest radius tried"]


@pytest.mark.parametrize(
    "ssao, ssdo, conclusion",
    [
        ((0.62, 0.62), (0.55, 0.71), "Only SSDO depends on where the light comes from."),
        ((0.62, 0.62), (0.71, 0.71), "Neither depends on the direction of this environment's light."),
        ((0.0100, 0.0101), (0.010, 0.016), "Only SSDO depends on where the light comes from."),
        ((0.5, 0.62), (0.55, 0.71), "Both depend on where the light comes from."),
    ],
)
def test_outcome_of_a_rotation(ssao: tuple[float, float], ssdo: tuple[float, float], conclusion: str) -> None:
    assert outcomes.describe_rotation(LABELS, {"A": curve(*ssao), "B": curve(*ssdo)}).endswith(conclusion)


# ---- settings ----


def test_changes_of_the_user_survive_the_experiment(runner: SessionRunner) -> None:
    """What only the experiment has changed is restored."""
    slots = runner.session.slots
    initial = slots.state()
    slots.change({"denoise.radius": 2, "sky.rotation": 90.0, "ssdo.samples": 64}, "B")
    applied = slots.state()
    slots.change({"denoise.guide": "surface", "sky.intensity": 2.0, "ssdo.bias": 0.1}, "B")
    current = slots.state()
    assert describe_change(applied, current) == "the settings were changed"
    merged = keep_user_changes(initial, applied, current)
    old, new = initial.shared, merged.shared
    assert (new.denoise.radius, new.denoise.guide) == (old.denoise.radius, "surface")
    assert (new.sky.rotation, new.sky.intensity) == (old.sky.rotation, 2.0)
    assert merged.techniques["B"] == initial.techniques["B"].with_values({"bias": 0.1})
    assert keep_user_changes(initial, applied, applied) == initial


def test_entries_that_the_user_adds_or_removes_stay_so() -> None:
    initial, applied = {"a": 1, "b": 2}, {"a": 9, "b": 2, "c": 3}
    assert keep_user_changes(initial, applied, {"a": 9, "b": 2, "c": 3, "d": 4}) == {"a": 1, "b": 2, "d": 4}
    assert keep_user_changes(initial, applied, {"a": 9, "c": 3}) == {"a": 1}


# ---- runs ----


@pytest.mark.parametrize("name", experiment_kinds.EXPERIMENTS)
def test_experiments_leave_no_trace(runner: SessionRunner, name: str) -> None:
    """Settings, view, reference and undo are those from before, during which no step is recorded."""
    session = runner.session
    session.change({"display.exposure": 1.0})
    run_frames(runner, 4)
    state, view = session.slots.state(), session.display.view
    experiment = start(runner, make_experiment(name)(session))
    run_to_end(runner, experiment)
    assert session.message == f"{experiment.name}: done"
    assert experiment.outcome
    assert (session.slots.state(), session.display.view, session.reference_enabled) == (state, view, False)
    run_frames(runner, 4)
    session.undo()
    assert session.slots.shared.display.exposure == 0, "one step, of the change before the experiment"
    session.undo()
    assert session.message == "nothing to undo"


@pytest.mark.parametrize("frames", [0, 1, 5, 12])
def test_experiments_can_be_cancelled_at_any_time(runner: SessionRunner, frames: int) -> None:
    session = runner.session
    run_frames(runner, 4)
    state = session.slots.state()
    experiment = start(runner, experiment_kinds.sweep_samples(session))
    run_frames(runner, frames, experiment)
    experiment.end(session)
    assert experiment.is_done and session.message == "sample sweep: cancelled"
    assert (session.slots.state(), session.display.view, session.is_measuring) == (state, "B", False)


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda session: session.change({"scene": "corner"}), "the scene was changed"),
        (lambda session: session.orbit(20.0, 0.0), "the camera was moved"),
        (lambda session: session.choose_mode("B", "GTAO"), "a technique was changed"),
        (lambda session: session.change({"sky.intensity": 2.0}), "the settings were changed"),
        (lambda session: session.undo(), "the settings were changed"),
        (lambda session: session.choose_view("A"), "the view no longer shows A and B"),
        (lambda session: session.choose_view("side by side"), "the size of the image was changed"),
    ],
)
def test_a_change_in_the_middle_ends_the_experiment(runner: SessionRunner, change: Any, reason: str) -> None:
    """With a message; what the user has changed stays, the rest is restored."""
    session = runner.session
    session.change({"display.exposure": 1.0})
    experiment = start(runner, experiment_kinds.sweep_samples(session))
    samples = {slot: technique.sample_count for slot, technique in session.slots.techniques.items()}
    assert samples == {"A": 1, "B": 1}
    run_frames(runner, 2, experiment)
    change(session)
    is_undone = session.message == "undone"
    run_frames(runner, 2, experiment)
    assert experiment.is_done and session.message == f"sample sweep: ended, {reason}"
    techniques = session.slots.techniques
    assert techniques["A"].sample_count == 4
    assert session.slots.shared.denoise.radius == 4 and session.slots.shared.lighting.resolution == "half"
    shared = session.slots.shared
    assert shared.scene == ("corner" if reason == "the scene was changed" else "nook")
    assert shared.display.exposure == (0 if is_undone else 1), "undo does not stop at the experiment's settings"
    assert techniques["B"].label == ("GTAO" if reason == "a technique was changed" else "SSDO")


def test_ending_early_draws_no_conclusion(runner: SessionRunner) -> None:
    experiment = start(runner, experiment_kinds.rotate_environment(runner.session))
    while len(experiment.curves["B"]) < 2:
        run_frames(runner, 1, experiment)
    experiment.end(runner.session)
    assert experiment.outcome == "Ended after 2 of 25 steps: no conclusion."


def test_cancelling_frees_the_converged_results(runner: SessionRunner) -> None:
    session = runner.session
    experiment = start(runner, experiment_kinds.sweep_samples(session))
    while "converged results: 3 of 16" not in session.message:
        run_frames(runner, 1, experiment)
    assert any(name.startswith("converged") for name in session.gpu.targets)
    experiment.end(session)
    assert not any(name.startswith("converged") for name in session.gpu.targets)


def test_noise_is_measured_without_that_of_the_converged_result(runner: SessionRunner) -> None:
    """By two halves with independent samples. Their own noise is far below the offset that is to be measured."""
    session = runner.session
    session.choose_view("split")
    run_frames(runner, 4)
    shot = session.shot("B")
    converged = ConvergedResult(session.gpu, replace(shot, technique=shot.technique.as_converged()))
    assert math.isnan(converged.measure_noise(session.metrics.radiance("B")))
    while not converged.is_complete:
        converged.draw_frame(session.scheduler)
    first, second = converged.halves
    assert not np.array_equal(first, second)
    assert converged.measure_noise(0.5 * (first + second) + 0.1) == pytest.approx(0.1, rel=0.01)
    assert math.isnan(converged.measure_noise(np.full_like(first, math.nan)))


def test_a_shader_error_ends_the_experiment(runner: SessionRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    session = runner.session
    experiment = start(runner, experiment_kinds.rotate_environment(session))
    run_frames(runner, 2, experiment)
    session.renders["B"].failed_shot = session.shot("B")
    experiment.step(session)
    assert experiment.is_done and "B cannot be rendered" in session.message


def test_errors_wait_until_the_reference_is_less_noisy(runner: SessionRunner) -> None:
    """And the experiment says so, with the frames that are left."""
    session = runner.session
    experiment = start(runner, make_experiment("radius")(session))
    texts = set()
    while not experiment.is_done:
        run_frames(runner, 1, experiment)
        texts.add(re.sub(r"\d+", "#", session.message))
    waiting = "# of # steps, waits for the reference: # of # frames, about # s left"
    assert f"radius sweep: {waiting} (Escape cancels)" in texts
    assert session.renders["reference"].convergence.frame_count < MAX_REFERENCE_FRAMES, "no longer than needed"
    for index, noise in enumerate(experiment.reference_noise):
        errors = [experiment.curves[slot][index][1] for slot in PAIR]
        assert 0 < noise <= MAX_NOISE_RATIO * min(errors)


def test_errors_below_the_noise_are_measured_with_a_margin(
    runner: SessionRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of 0 cannot be told from the reference's noise: the wait ends, and the point has the noise as margin."""
    monkeypatch.setattr(experiments, "MAX_REFERENCE_FRAMES", 8)
    session = runner.session
    experiment = start(runner, make_experiment("radius", measure=lambda session, slot: 0.0)(session))
    run_to_end(runner, experiment)
    assert session.renders["reference"].convergence.frame_count >= 8
    assert len(experiment.reference_noise) == 2 and min(experiment.reference_noise) > 0
    assert MAX_REFERENCE_FRAMES > 8


def test_noise_falls_with_samples_and_the_error_stops_at_the_bias(runner: SessionRunner) -> None:
    """It does without the denoiser, which would remove most of the noise at any sample count."""
    experiment = start(runner, replace(experiment_kinds.sweep_samples(runner.session), steps=(1, 8, 64)))
    run_to_end(runner, experiment)
    for slot in PAIR:
        noise, error = [y for _, y in experiment.noise[slot]], [y for _, y in experiment.curves[slot]]
        assert noise[0] > 2 * noise[1] > 4 * noise[2] > 0, noise
        assert error[2] > 2 * noise[2], "bias"


# ---- files ----


def test_curves_are_saved_as_csv(runner: SessionRunner, tmp_path: Path) -> None:
    experiment = start(runner, make_experiment("samples")(runner.session))
    run_to_end(runner, experiment)
    paths = [save_csv("nook-sample-sweep", list_experiment_rows(experiment), tmp_path) for _ in range(2)]
    assert [path.name for path in paths] == ["nook-sample-sweep.csv", "nook-sample-sweep-2.csv"]
    heading, *rows = csv.reader(paths[0].read_text("utf-8").splitlines())
    assert heading == [
        "samples per pixel",
        "A: SSAO, RMSE against the reference (radiance)",
        "A: SSAO, noise: RMSE against its converged result",
        "B: SSDO, RMSE against the reference (radiance)",
        "B: SSDO, noise: RMSE against its converged result",
        "noise of the reference",
    ]
    columns = [[float(text) for text in column] for column in zip(*rows, strict=True)]
    assert columns[0] == [1, 2]
    for slot, column in (("A", 1), ("B", 3)):
        assert columns[column] == [y for _, y in experiment.curves[slot]]  # type: ignore[index]
        assert columns[column + 1] == [y for _, y in experiment.noise[slot]]  # type: ignore[index]
    assert columns[5] == experiment.reference_noise
