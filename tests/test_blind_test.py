"""The blind test: its plan, its score, and that a session tells nothing during it and is restored after it."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from ssdo.gpu.context import Gpu
from ssdo.measure.references import MIN_REFERENCE_FRAMES
from ssdo.viewer.blind_test import Answer, BlindTest, Side, Trial, View, plan_trials
from ssdo.viewer.blind_test_run import BlindTestRun, list_methods, list_views
from ssdo.viewer.controls import Pose
from ssdo.viewer.csv_files import list_trial_rows, save_csv
from ssdo.viewer.render_scheduler import PAIR
from test_viewer import SessionRunner, free_targets

SIZE = (32, 18)
LABELS = ["off", "SSAO", "SSDO", "GTAO"]
POSE = Pose((0.0, 1.0, 5.0), (0.0, 0.0, 0.0), 40.0)
VIEWS = [View(f"view {number}", POSE) for number in range(3)]


@pytest.fixture
def runner(gpu: Gpu) -> Iterator[SessionRunner]:
    yield SessionRunner(gpu, scene="nook", technique="ssdo", **{"denoise.radius": 4})
    free_targets(gpu, "A", "B", "reference")


def run_frames(runner: SessionRunner, run: BlindTestRun, count: int = 200) -> None:
    """Frames of the viewer's loop until the trial is ready, or so many."""
    for _ in range(count):
        runner.clock.now += 10
        runner.session.step(SIZE)
        run.step(runner.session)
        if run.is_ready or run.is_done:
            return


# ---- plan and score ----


def test_trials_compare_different_techniques_in_all_views() -> None:
    trials = plan_trials(VIEWS, LABELS, 10, seed=1)
    assert len(trials) == 10
    assert all(trial.left != trial.right for trial in trials)
    assert Counter(trial.view for trial in trials).most_common()[0][1] <= 4
    pairs = Counter(frozenset(trial[1:]) for trial in trials)
    assert len(pairs) == 6 and max(pairs.values()) == 2
    assert len({(trial.view, frozenset(trial[1:])) for trial in trials}) == 10, "no trial comes twice"


def test_sides_are_random_and_repeatable() -> None:
    """Each of two techniques is on the left about as often: five standard deviations of a fair coin."""
    plans = [plan_trials(VIEWS, ["SSAO", "SSDO"], 10, seed) for seed in range(40)]
    assert plans == [plan_trials(VIEWS, ["SSAO", "SSDO"], 10, seed) for seed in range(40)]
    left_count = sum(trial.left == "SSAO" for trials in plans for trial in trials)
    assert abs(left_count - 200) < 5 * math.sqrt(400) / 2
    assert len({tuple(trial.left for trial in trials) for trials in plans}) > 30


def make_answer(choice: Side, left: float, right: float) -> Answer:
    return Answer(Trial(VIEWS[0], "SSAO", "SSDO"), choice, (left, right))


@pytest.mark.parametrize(
    "choice, errors, nearer, agrees",
    [
        ("left", (0.1, 0.2), "left", True),
        ("right", (0.1, 0.2), "left", False),
        ("right", (0.2, 0.1), "right", True),
        ("left", (0.2, 0.199), None, False),
        ("left", (0.0, 0.0), None, False),
        ("left", (math.nan, 0.1), None, False),
    ],
)
def test_an_answer_agrees_with_the_smaller_error(
    choice: Side, errors: tuple[float, float], nearer: Side | None, agrees: bool
) -> None:
    answer = make_answer(choice, *errors)
    assert (answer.nearer, answer.agrees, answer.is_counted) == (nearer, agrees, nearer is not None)


def test_the_score_leaves_out_what_is_too_close() -> None:
    test = BlindTest([Trial(VIEWS[0], "SSAO", "SSDO")] * 4)
    for choice, errors in (("left", (0.1, 0.2)), ("left", (0.2, 0.1)), ("right", (0.1, 0.1)), ("right", (0.3, 0.1))):
        assert test.current
        test.answer("left" if choice == "left" else "right", errors)
    assert test.is_complete and test.current is None
    assert test.score == (2, 3)
    assert test.score_text == (
        "Blind test: 2 of 3 choices agree with the RMSE; guessing gives about 1.5. 1 too close to count."
    )


def test_answers_in_words() -> None:
    assert make_answer("right", 0.1, 0.25).text == (
        "view 0: you chose SSDO (0.25), not SSAO (0.1): the other is nearer"
    )
    assert make_answer("left", 0.0, 0.25).text == "view 0: you chose SSAO (below the noise), not SSDO (0.25): agrees"
    assert make_answer("left", 0.1, 0.1).text.endswith("too close to count")


# ---- in a session ----


def test_views_are_those_of_the_benchmark_or_around_the_model(runner: SessionRunner, tmp_path: Path) -> None:
    session = runner.session
    names = [view.name for view in list_views(session)]
    assert names == ["nook 1", "nook 2", "nook 3"]
    assert len({view.pose.eye for view in list_views(session)}) == 3
    session.change({"scene": "ball"})
    session.step(SIZE)
    views = list_views(session)
    assert [view.name for view in views] == ["orbit 0 degrees", "orbit 120 degrees", "orbit 240 degrees"]
    assert views[0].pose.eye == pytest.approx(session.file_pose.eye)
    assert {view.pose.target for view in views} == {views[0].pose.target}
    assert len({view.pose.eye for view in views}) == 3


def test_contenders_include_probes_but_not_the_reference() -> None:
    methods = list_methods()
    assert "reference" not in methods
    assert {"off", "SSAO", "SSDO", "SSDO + probes"} <= methods.keys()
    assert methods["SSDO + probes"].has_probes and not methods["SSDO"].has_probes


def test_a_test_shows_its_trials_and_restores_the_session(runner: SessionRunner) -> None:
    session = runner.session
    session.change({"display.exposure": 1.0})
    runner.render_idle(*SIZE)
    state, display, undo_count = session.slots.state(), session.display, 1
    run = BlindTestRun(session, seed=3, trial_count=3)
    for trial in run.test.trials:
        assert not run.is_ready
        run.choose("left", session)
        assert run.test.current == trial, "no answer before the trial is ready"
        run_frames(runner, run)
        assert session.renders["reference"].convergence.frame_count >= MIN_REFERENCE_FRAMES
        for slot, label in zip(PAIR, trial[1:], strict=True):
            method = run._methods[label]
            assert session.slots.mode_label(slot) == method.mode
            has_probes = session.shot(slot).probes.enabled
            assert has_probes == method.has_probes, label
        assert session.file_pose == trial.view.pose
        run.choose("right", session)
    assert run.is_done and run.test.is_complete and session.message == "blind test: done"
    assert all(0 <= error < 1 for answer in run.test.answers for error in answer.errors)
    assert (session.slots.state(), session.reference_enabled, session.is_measuring) == (state, False, False)
    assert session.display is display
    runner.render_idle(*SIZE)
    for _ in range(undo_count + 1):
        session.undo()
    assert session.message == "nothing to undo"


def test_errors_are_those_of_the_pictures(runner: SessionRunner) -> None:
    session = runner.session
    run = BlindTestRun(session, seed=3, trial_count=2)
    run_frames(runner, run)
    errors = tuple(session.metrics.rmse(slot) for slot in PAIR)
    run.choose("left", session)
    assert run.test.answers[0].errors == errors
    run.end(session)


def test_the_reference_is_shown_in_both_halves(runner: SessionRunner) -> None:
    session = runner.session
    run = BlindTestRun(session, seed=3, trial_count=2)
    run.toggle_reference()
    assert not run.shows_reference, "it is not ready"
    run_frames(runner, run)
    pictures = runner.read_view()
    run.toggle_reference()
    assert run.shows_reference
    reference = runner.read_view()
    left, right = reference[:, : SIZE[0] // 2 - 2], reference[:, SIZE[0] // 2 + 2 :]
    # the divider covers pixels at both sides
    assert (left[:, 2:] == reference[:, SIZE[0] // 2 + 2 :][:, : left.shape[1] - 2]).mean() > 0.9
    assert (reference != pictures).any(-1)[:, : left.shape[1]].mean() > 0.2
    assert (reference != pictures).any(-1)[:, -right.shape[1] :].mean() > 0.2
    run.choose("left", session)
    assert not run.shows_reference, "the next trial begins with the pictures"
    run.end(session)


@pytest.mark.parametrize("frames", [0, 1, 50])
def test_leaving_early_restores_the_session(runner: SessionRunner, frames: int) -> None:
    session = runner.session
    runner.render_idle(*SIZE)
    state, display = session.slots.state(), session.display
    run = BlindTestRun(session, seed=5)
    run_frames(runner, run, frames)
    run.end(session)
    assert run.is_done and session.message == "blind test: cancelled"
    assert (session.slots.state(), session.display is display, session.reference_enabled) == (state, True, False)


def test_a_change_of_the_scene_ends_the_test(runner: SessionRunner) -> None:
    session = runner.session
    run = BlindTestRun(session, seed=5)
    run_frames(runner, run)
    session.change({"scene": "corner"})
    run_frames(runner, run)
    assert run.is_done and session.message == "blind test: ended, the scene was changed"
    assert session.slots.shared.scene == "corner" and session.slots.mode_label("B") == "SSDO"


def test_trials_are_saved_as_csv(tmp_path: Path) -> None:
    answers = [make_answer("left", 0.1, 0.2), make_answer("left", 0.1, 0.1)]
    test = BlindTest([answer.trial for answer in answers], answers)
    path = save_csv("nook-blind-test", list_trial_rows(test), tmp_path)
    heading, *rows = csv.reader(path.read_text("utf-8").splitlines())
    assert rows == [
        ["view 0", "SSAO", "SSDO", "0.1", "0.2", "left", "left"],
        ["view 0", "SSAO", "SSDO", "0.1", "0.1", "left", "too close"],
    ]
    assert len(heading) == 7
