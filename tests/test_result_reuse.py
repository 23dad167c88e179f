"""The viewer renders nothing again when only the view, the tone mapping, or the sides of A and B change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from parameter_values import Parameter, list_parameters
from ssdo.gpu.context import Gpu
from ssdo.viewer import antialiased_image, render_scheduler
from ssdo.viewer.antialiased_image import AntialiasedImage
from ssdo.viewer.display_state import VIEWS
from ssdo.viewer.render_scheduler import PAIR, Slot
from ssdo.viewer.session import Session
from test_viewer import SessionRunner, open_split

DISPLAY_PARAMETERS = [parameter for parameter in list_parameters() if parameter.name.startswith("display.")]


class FrameCounter:
    """Counts the frames that the viewer renders."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for module in (render_scheduler, antialiased_image):
            monkeypatch.setattr(module, "render_frame", self._count(module.render_frame))

    def _count(self, render_frame: Callable[..., Any]) -> Callable[..., Any]:
        def render(*arguments: Any) -> Any:
            self.count += 1
            return render_frame(*arguments)

        return render


@pytest.fixture
def runner(gpu: Gpu) -> Iterator[SessionRunner]:
    """SSAO beside SSDO, antialiased."""
    with open_split(gpu, scene="corner", technique="ssdo", antialias=2) as split:
        yield split


@pytest.fixture
def frames(runner: SessionRunner, monkeypatch: pytest.MonkeyPatch) -> FrameCounter:
    return FrameCounter(monkeypatch)


def render_anew(runner: SessionRunner) -> Any:
    """The view of the same settings, all frames rendered again."""
    runner.session.scheduler.invalidate()
    return complete(runner)


def complete(runner: SessionRunner) -> Any:
    """The view with all jittered frames, which may take more steps than one call."""
    for _ in range(3):
        view = runner.render_idle()
    return view


def step_until_jittered(runner: SessionRunner, frame_count: int) -> AntialiasedImage:
    """Step until A has so many jittered frames, but not all."""
    while not (image := runner.session.renders["A"].antialiased) or image.frame_count < frame_count:
        runner.clock.now += 10.0
        runner.session.step((64, 36))
    assert not image.is_complete
    return image


@pytest.mark.parametrize("parameter", DISPLAY_PARAMETERS, ids=lambda parameter: parameter.name)
@pytest.mark.parametrize("history", [0, 3])
def test_a_change_of_the_display_renders_no_frame(
    runner: SessionRunner, frames: FrameCounter, parameter: Parameter, history: int
) -> None:
    session = runner.session
    session.change({"temporal.history_length": history})
    before = runner.render_idle()
    frames.count = 0
    old = session.shot("B").values().get(parameter.name)
    value = next(value for value in parameter.allowed_values if value not in (None, old))
    assert session.change({parameter.name: value})
    view = runner.render_idle()
    assert frames.count == 0
    assert parameter.name == "display.fxaa" or not np.array_equal(view, before), "antialiased images need no filter"
    assert np.array_equal(view, render_anew(runner))


def test_frames_after_a_change_of_the_display_are_shown_with_it(runner: SessionRunner) -> None:
    session = runner.session
    session.change({"antialias": 16})
    image = step_until_jittered(runner, 3)
    assert session.change({"display.exposure": 1.5})
    view = complete(runner)
    assert image is session.renders["A"].antialiased and image.is_complete
    assert np.array_equal(view, render_anew(runner))


def test_a_display_of_one_slot_leaves_the_other_alone(runner: SessionRunner, frames: FrameCounter) -> None:
    session = runner.session
    session.set_linked("display.exposure", False)
    before = runner.render_idle()
    assert session.change({"display.exposure": 1.5}, "A")
    view = runner.render_idle()
    assert frames.count == 0
    assert not np.array_equal(view[:, :30], before[:, :30]) and np.array_equal(view[:, 34:], before[:, 34:])


def test_a_display_that_changes_with_something_else_is_rendered(runner: SessionRunner, frames: FrameCounter) -> None:
    assert runner.session.change({"display.exposure": 1.5, "sun.irradiance": 2.0})
    view = runner.render_idle()
    assert frames.count > 0
    assert np.array_equal(view, render_anew(runner))


def test_the_reference_goes_on_after_a_change_of_exposure(runner: SessionRunner) -> None:
    session = runner.session
    session.toggle_reference()
    runner.render_idle()
    count = session.renders["reference"].convergence.frame_count
    assert session.change({"display.exposure": 1.5})
    runner.render_idle()
    assert session.renders["reference"].convergence.frame_count > count > 2


def swap(session: Session) -> None:
    session.slots.swap()


def exchange_modes(session: Session) -> None:
    labels = {slot: session.slots.mode_label(slot) for slot in PAIR}
    session.choose_mode("A", labels["B"])
    session.choose_mode("B", labels["A"])


@pytest.mark.parametrize("exchange", [swap, exchange_modes])
@pytest.mark.parametrize("view", ["A", "B", "split", "difference"])
def test_swapped_slots_render_no_frame(
    runner: SessionRunner, frames: FrameCounter, view: str, exchange: Callable[[Session], None]
) -> None:
    session = runner.session
    session.choose_view(view)
    before = runner.render_idle()
    exchange(session)
    swapped = runner.render_idle()
    assert frames.count == 0
    assert np.array_equal(swapped, before) == (view == "difference")
    assert session.view_renderer.buffers(PAIR[0]) and all(session.is_idle(slot) for slot in session.visible_slots)
    exchange(session)
    assert np.array_equal(runner.render_idle(), before) and frames.count == 0


@pytest.mark.parametrize("antialias", [1, 2])
@pytest.mark.parametrize("slot", PAIR)
def test_a_swapped_slot_changes_alone(runner: SessionRunner, slot: Slot, antialias: int) -> None:
    """Each slot draws into targets of its own."""
    runner.session.change({"antialias": antialias})
    runner.render_idle()
    swap(runner.session)
    before = runner.render_idle()
    runner.session.choose_mode(slot, "GTAO")
    view = runner.render_idle()
    changed = (view != before).any((0, 2))
    assert {"A": changed[:30], "B": changed[34:]}[slot].any()
    assert not {"A": changed[34:], "B": changed[:30]}[slot].any()
    assert np.array_equal(view, render_anew(runner))


def test_a_swap_between_jittered_frames(runner: SessionRunner) -> None:
    session = runner.session
    session.change({"antialias": 16})
    step_until_jittered(runner, 3)
    swap(session)
    runner.session.step((64, 36))
    session.choose_mode("A", "GTAO")
    step_until_jittered(runner, 8)
    image = session.renders["B"].antialiased
    assert image and image.frame_count > 8, "B went on"
    assert np.array_equal(complete(runner), render_anew(runner))


def test_render_targets_are_those_of_the_slot_after_a_swap(runner: SessionRunner) -> None:
    names = {slot: list(runner.session.view_renderer.buffers(slot)) for slot in PAIR}
    runner.session.slots.swap()
    runner.render_idle()
    assert names["A"] != names["B"]
    assert {slot: list(runner.session.view_renderer.buffers(slot)) for slot in PAIR} == {
        "A": names["B"],
        "B": names["A"],
    }


def test_views_and_buffers_render_no_frame(runner: SessionRunner, frames: FrameCounter) -> None:
    """Side by side the images have another size."""
    session = runner.session
    for view in (view for view in VIEWS if view != "side by side"):
        session.choose_view(view)
        session.reference_enabled = False
        runner.render_idle()
    session.choose_view("split")
    for buffer in session.view_renderer.buffers("B"):
        session.display.buffer = buffer
        runner.render_idle()
    assert frames.count == 0
