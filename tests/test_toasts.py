"""Messages over the image: what stacks, what replaces what, and what ends when."""

from __future__ import annotations

from pathlib import Path

import pytest
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.toasts import MAX_TOASTS, SECONDS, Kind, Toasts, find_fraction, find_topic


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def make_toasts() -> tuple[Toasts, Clock]:
    clock = Clock()
    return Toasts(clock), clock


def list_texts(toasts: Toasts) -> list[str]:
    return [toast.text for toast in toasts.visible]


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("report: 12 s, runs in the background (Escape cancels)", "report"),
        ("ground on", "ground #"),
        ("ground off", "ground #"),
        ("2 samples, 16.5 slices", "# samples, # slices"),
        ("corner is not animated", "corner is not animated"),
        ("lighting at half resolution", "lighting at # resolution"),
    ],
)
def test_topics(text: str, topic: str) -> None:
    assert find_topic(text) == topic


@pytest.mark.parametrize(
    ("text", "fraction"),
    [("turntable: 3 of 60 (Escape cancels)", 0.05), ("a: 7 of 5", 1.0), ("a: 0 of 0", 0.0), ("3 of 60 lines", None)],
)
def test_fractions(text: str, fraction: float | None) -> None:
    assert find_fraction(text) == fraction


@pytest.mark.parametrize("kind", SECONDS)
def test_a_toast_ends_after_its_time(kind: Kind) -> None:
    toasts, clock = make_toasts()
    toasts.post("text", kind)
    clock.seconds += SECONDS[kind] - 0.01
    assert not toasts.expire() and toasts.read_latest(kind) == "text"
    clock.seconds += 0.02
    assert toasts.expire() and not toasts.items and toasts.read_latest(kind) == ""
    assert not toasts.expire()
    assert SECONDS["error"] > SECONDS["notice"]


def test_the_same_text_is_one_toast_that_stays_longer() -> None:
    toasts, clock = make_toasts()
    toasts.post("text")
    clock.seconds += SECONDS["notice"] - 1
    toasts.post("text")
    assert list_texts(toasts) == ["text"]
    clock.seconds += 2
    assert not toasts.expire() and list_texts(toasts) == ["text"]


def test_messages_about_a_topic_are_one_toast_in_its_place() -> None:
    toasts, _ = make_toasts()
    for text in ("report: 1 s", "saved a.png", "report: 2 s", "report: 3 of 4"):
        toasts.post(text)
    toasts.post("report: failed", "error")  # an error replaces no notice
    assert list_texts(toasts) == ["report: 3 of 4", "saved a.png", "report: failed"]
    assert [toast.fraction for toast in toasts.items] == [0.75, None, None]
    assert toasts.read_latest("notice") == "report: 3 of 4" and toasts.read_latest("error") == "report: failed"
    toasts.post("report: page written", fraction=0.9)
    assert toasts.items[0].fraction == 0.9


def test_the_oldest_end_when_there_are_too_many() -> None:
    toasts, _ = make_toasts()
    toasts.post("task: 1 of 2 (Escape cancels)")
    names = [f"message {letter}" for letter in "abcdefgh"]
    for name in names:
        toasts.post(name)
    assert list_texts(toasts) == ["task: 1 of 2 (Escape cancels)", *names[-MAX_TOASTS + 1 :]], "tasks stay"


def test_a_dismissed_task_stays_hidden_until_its_result() -> None:
    toasts, clock = make_toasts()
    toasts.post("task: 1 of 3 (Escape cancels)")
    toasts.dismiss(toasts.items[0])
    clock.seconds += 1
    toasts.post("task: 2 of 3 (Escape cancels)")
    assert list_texts(toasts) == [] and toasts.read_latest("notice") == "task: 2 of 3 (Escape cancels)"
    toasts.post("task: done")
    assert list_texts(toasts) == ["task: done"]
    toasts.dismiss(toasts.items[0])
    assert not toasts.items


def test_escape_leaves_the_messages_of_tasks() -> None:
    toasts, _ = make_toasts()
    assert not toasts.dismiss_all()
    for text in ("task: 1 s (Escape cancels)", "saved"):
        toasts.post(text)
    toasts.post("no file", "error")
    assert toasts.dismiss_all() and list_texts(toasts) == ["task: 1 s (Escape cancels)"]
    assert not toasts.dismiss_all()
    toasts.end_tasks()
    assert not toasts.items


def test_the_first_run_is_noted(tmp_path: Path) -> None:
    preferences = Preferences(tmp_path)
    assert [preferences.begin_run(), preferences.begin_run()] == [True, False]
    again = Preferences(tmp_path)
    again.add_recent_scene("corner")
    assert not again.begin_run() and not Preferences(tmp_path).begin_run()
    assert Preferences(tmp_path).recent_scenes == ["corner"]
