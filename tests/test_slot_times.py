"""Times of passes in the viewer: what counts, over how many frames, what A and B share, and how it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from ssdo.gpu.context import Gpu
from ssdo.gpu.timer import QUERY_LATENCY, PassTimer
from ssdo.measure.timings import SHARED_PASSES, is_technique_pass
from ssdo.render.pass_times import measure_passes
from ssdo.render.pipeline import render_frame
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.viewer import render_scheduler, slot_times
from ssdo.viewer.budget import TriedCounts
from ssdo.viewer.panel.pass_list import PassList, describe_frame_counts
from ssdo.viewer.render_scheduler import PAIR, TIMING_SCOPE, Slot
from ssdo.viewer.session import Session
from ssdo.viewer.slot_times import PassTimes, SlotTimes, TimedFrame
from ssdo.viewer.status import describe_times
from test_faults import SimulatedGpu
from test_viewer import SessionRunner, free_targets

SIZE = (32, 18)
SCOPES = ("A", "B", "reference", TIMING_SCOPE, "A antialiased", "B antialiased")


class FixedTime:
    """What each pass takes, in milliseconds, whatever the machine does."""

    milliseconds = 1.0


class FixedTimer(PassTimer):
    """Measures this time."""

    def __init__(self, gpu: Gpu, time: FixedTime) -> None:
        super().__init__(gpu.ctx)
        self.enabled, self.time = True, time

    def _add_sample(self, name: str, milliseconds: float) -> None:
        super()._add_sample(name, self.time.milliseconds)


@pytest.fixture
def clock(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> FixedTime:
    """Each pass takes `milliseconds`."""
    if not gpu.is_software_renderer:
        pytest.skip("a GPU is timed by queries")
    clock = FixedTime()
    monkeypatch.setattr(render_scheduler.RenderScheduler, "_start_timer", lambda _: FixedTimer(gpu, clock))
    return clock


@pytest.fixture
def runner(gpu: Gpu, clock: FixedTime) -> Iterator[SessionRunner]:
    """A split view of SSAO and SSDO."""
    runner = SessionRunner(gpu, scene="corner", technique="ssdo", **{"sun.irradiance": 2.0})
    runner.session.toggle_split()
    yield runner
    free_targets(gpu, *SCOPES)


def run_steps(runner: SessionRunner, count: int = 20) -> int:
    """Steps of a session at rest. Returns how many frames were drawn."""
    drawn = runner.session.scheduler.draw_count
    for _ in range(count):
        runner.clock.now += 10
        runner.session.step(SIZE)
    return runner.session.scheduler.draw_count - drawn


def get_times(session: Session, slot: Slot) -> SlotTimes:
    return session.renders[slot].times


def list_groups(session: Session) -> dict[str, tuple[list[str], float | None]]:
    """The panel's list: by heading its passes and its total."""
    groups = PassList(cast(Any, SimpleNamespace(session=session))).list_groups()
    return {group.title: (list(group.times.samples), group.total_ms) for group in groups}


# ---- what a time is of ----


@pytest.mark.slow
def test_passes_belong_to_the_technique_as_in_compare(gpu: Gpu) -> None:
    """For every technique, by the stage of the frame as by the names that `bench` sorts by."""
    for group in dict.fromkeys(kind.group for kind, _ in Technique.all_modes()):
        values = {"technique": group, "scene": "nook", "width": 16, "height": 9, "lighting.resolution": "half"}
        shot = Shot().with_values(values)
        timer, gpu.timer = gpu.timer, PassTimer(gpu.ctx)
        gpu.timer.enabled = True
        try:
            gpu.timer.begin_frame()
            render_frame(gpu, shot)
            names, shared = set(gpu.timer.last_frame), gpu.timer.shared_passes
        finally:
            gpu.timer = timer
        assert shared == {name for name in names if name.startswith(SHARED_PASSES)}, group
        assert any(is_technique_pass(name) for name in names - shared)


def test_panel_and_compare_list_the_same_passes(gpu: Gpu, runner: SessionRunner) -> None:
    """None is missing because the other slot has drawn it."""
    run_steps(runner)
    for slot in PAIR:
        shot = runner.session.renders[slot].requested
        assert shot
        passes = measure_passes(gpu, lambda shot=shot: render_frame(gpu, shot), 1)  # type: ignore[misc]
        times = get_times(runner.session, slot)
        assert {*times.lighting.samples, *times.shared.samples} == passes.keys()
        assert all(times.lighting.samples.values()) and all(times.shared.samples.values())


def test_totals_are_sums_of_medians(runner: SessionRunner) -> None:
    session, scheduler = runner.session, runner.session.scheduler
    run_steps(runner)
    for slot in PAIR:
        times = get_times(session, slot)
        assert scheduler.lighting_ms(slot) == pytest.approx(len(times.lighting.samples))  # a millisecond each
        assert scheduler.shared_ms(slot) == pytest.approx(len(times.shared.samples))
    assert session.scheduler.shared_ms("A") == session.scheduler.shared_ms("B")
    own_count = sum(name.startswith("ssdo") for name in get_times(session, "B").lighting.samples)
    assert scheduler.fixed_ms("B") == pytest.approx(len(get_times(session, "B").lighting.samples) - own_count)


def test_shared_passes_are_drawn_once_for_both_slots(runner: SessionRunner) -> None:
    """And not once more in each slot: the samples of both are one list."""
    run_steps(runner)
    a, b = (get_times(runner.session, slot) for slot in PAIR)
    assert sorted(a.shared.samples["gbuffer"]) == sorted(b.shared.samples["gbuffer"])
    counts = [len(times.timer.samples.get("gbuffer", [])) for times in (a, b)]
    assert sum(counts) == len(a.shared.samples["gbuffer"]) == a.min_frame_count == 5


def test_variants_of_a_shared_pass_count_once() -> None:
    """SSAO and SSDO composite other textures where materials are specular: one pass, the same total in both slots."""
    simulated = SimulatedGpu("llvmpipe", [])
    a, b = (SlotTimes(PassTimer(cast(Any, simulated), clock=simulated.perf_counter)) for _ in PAIR)
    a.partner, b.partner = b, a
    for times, composite, milliseconds in ((a, "composite:specular_occlusion", 4.0), (b, "composite:specular", 6.0)):
        times.timer.enabled = True
        times.begin_frame(Shot(), 1.0)
        times.timer.skip("gbuffer")
        simulated.draw_times = [milliseconds]
        with times.timer.measure(composite):
            simulated.draw()
    assert a.shared.samples == {"gbuffer": [], "composite:specular_occlusion": pytest.approx([4.0, 6.0])}
    assert b.shared.samples == {"gbuffer": [], "composite:specular": pytest.approx([6.0, 4.0])}
    assert a.shared.total_ms == b.shared.total_ms == pytest.approx(5.0)


@pytest.mark.parametrize("milliseconds, frame_count", [(1.0, 5), (20.0, 3), (200.0, 2)])
def test_slow_frames_are_timed_twice(
    runner: SessionRunner, clock: FixedTime, milliseconds: float, frame_count: int
) -> None:
    """No more frames are drawn than the median needs, and none later."""
    clock.milliseconds = milliseconds
    run_steps(runner)
    for slot in PAIR:
        assert get_times(runner.session, slot).lighting.frame_count == frame_count
        assert get_times(runner.session, slot).shared.frame_count >= frame_count
    assert run_steps(runner) == 0
    runner.session.change({"camera.fov": 41.0})
    run_steps(runner, 1)  # the image
    assert runner.session.scheduler.lighting_ms("A") is None
    assert run_steps(runner) == 2 * (frame_count - 1), "the image itself counts"


def test_frames_that_compile_do_not_count(
    gpu: Gpu, runner: SessionRunner, clock: FixedTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new technique, and a new variant of a shader."""
    session = runner.session
    run_steps(runner)
    for slot, act in (
        ("A", lambda: session.choose_mode("A", "GTAO")),
        ("B", lambda: session.change({"ssdo.samples": 3}, "B")),
    ):
        monkeypatch.setattr(gpu.shaders, "programs", {})
        act()
        clock.milliseconds = 1000.0
        run_steps(runner, 1)
        clock.milliseconds = 1.0
        times = get_times(session, cast(Slot, slot))
        assert times.lighting.samples and not any(times.lighting.samples.values())
        run_steps(runner)
        samples = times.lighting.samples
        assert all(set(map(round, milliseconds)) == {1} for milliseconds in samples.values()), samples


def test_times_of_other_settings_are_dropped(runner: SessionRunner, clock: FixedTime) -> None:
    """A change of the technique keeps the times of the passes it does not affect; a camera keeps none."""
    session = runner.session
    run_steps(runner)
    shared_samples = get_times(session, "B").shared.samples
    clock.milliseconds = 2.0
    session.change({"ssdo.samples": 3}, "B")
    run_steps(runner, 1)
    assert session.scheduler.lighting_ms("B") is None
    assert get_times(session, "B").shared.samples["gbuffer"] == shared_samples["gbuffer"]
    run_steps(runner)
    lighting = get_times(session, "B").lighting
    assert lighting.total_ms == pytest.approx(2 * len(lighting.samples))
    session.change({"camera.fov": 47.0})
    run_steps(runner)
    for slot in PAIR:
        times = get_times(session, slot)
        assert times.shared.total_ms == pytest.approx(2 * len(times.shared.samples))


def test_times_of_previews_are_not_shown(runner: SessionRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    run_steps(runner)
    monkeypatch.setattr(runner.session.scheduler, "_affordable_scale", lambda shots: 0.5)
    for fov in (30.0, 31.0, 32.0):
        runner.session.change({"camera.fov": fov})
        runner.session.step(SIZE, is_interacting=True)
        assert runner.session.renders["A"].scale == 0.5
        assert runner.session.scheduler.lighting_ms("A") is None and "measuring, " in runner.status
    for _ in range(6):
        runner.session.scheduler.draw("A", runner.session.shot("A"), 0.5, force=True)
    assert get_times(runner.session, "A").lighting_ms is not None
    assert runner.session.scheduler.lighting_ms("A") is None, "known, but not of the image at rest"


def test_timing_frames_leave_the_image(runner: SessionRunner) -> None:
    """Results stay the same objects, so that nothing derived from them is computed anew. Targets are freed."""
    run_steps(runner, 2)
    results = {slot: runner.session.renders[slot].result for slot in PAIR}
    pixels = runner.read_view()
    assert run_steps(runner, 1) == 2
    assert any(name.startswith(TIMING_SCOPE) for name in runner.gpu.targets)
    run_steps(runner)
    assert all(runner.session.renders[slot].result is results[slot] for slot in PAIR)
    assert np.array_equal(runner.read_view(), pixels)
    assert not any(name.startswith(TIMING_SCOPE) for name in runner.gpu.targets)


def test_timing_frames_are_interruptible(runner: SessionRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever one is left: image and buffers stay, and so do the passes that it has measured."""
    for limit in ("UNINTERRUPTED_MS", "ONCE_INTERRUPTED_MS"):
        monkeypatch.setattr(render_scheduler, limit, -1.0)
    run_steps(runner, 2)
    session = runner.session
    result = session.renders["A"].result
    assert result
    before: list[Any] = [runner.gpu.read(result.inputs.gbuffer.depth), runner.read_view()]
    names = list(get_times(session, "A").timer.last_frame)
    for asked in range(1, 8):
        calls = iter(range(1000))
        session.scheduler.has_input = lambda calls=calls, asked=asked: next(calls) == asked
        assert run_steps(runner, 1) <= 1, "of two frames"
        after: list[Any] = [runner.gpu.read(result.inputs.gbuffer.depth), runner.read_view()]
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
        assert list(get_times(session, "A").timer.last_frame) == names
    session.scheduler.has_input = None
    run_steps(runner)
    assert session.scheduler.lighting_ms("A") == pytest.approx(len(get_times(session, "A").lighting.samples))


def test_nothing_is_timed_while_the_user_interacts(runner: SessionRunner) -> None:
    run_steps(runner, 2)
    drawn = runner.session.scheduler.draw_count
    for _ in range(4):
        runner.clock.now += 10
        runner.session.step(SIZE, is_interacting=True)
    assert runner.session.scheduler.draw_count == drawn


def test_a_pass_without_a_time_ends_the_search(runner: SessionRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a driver whose queries never answer."""
    monkeypatch.setattr(PassTimer, "_add_sample", lambda *_: None)
    assert 2 * 5 <= run_steps(runner, 60) <= 2 * (slot_times.MAX_TIMING_FRAMES + 2)
    assert runner.session.scheduler.lighting_ms("A") is None


# ---- what is listed ----


def test_list_of_a_split_view(runner: SessionRunner) -> None:
    run_steps(runner)
    groups = list_groups(runner.session)
    assert list(groups) == ["A: SSAO", "B: SSDO", "shared"]
    assert groups["shared"][0] == ["gbuffer", "sun:diffuse", "composite:diffuse", "display"]
    assert "ssao" in groups["A: SSAO"][0] and "ssdo:direct" in groups["B: SSDO"][0]
    assert not set(groups["A: SSAO"][0]) & set(groups["shared"][0])
    a, b, shared = (len(names) for names, _ in groups.values())
    assert f"A {a} ms, B {b} ms, shared {shared} ms, " in runner.status


def test_list_of_one_view(runner: SessionRunner) -> None:
    runner.session.choose_view("A")
    run_steps(runner)
    groups = list_groups(runner.session)
    assert list(groups) == ["SSAO", "shared"] and None not in [ms for _, ms in groups.values()]
    own, shared = (len(names) for names, _ in groups.values())
    assert f"technique {own} ms, shared {shared} ms, " in runner.status
    runner.session.choose_view("B")
    run_steps(runner)
    assert list(list_groups(runner.session)) == ["SSDO", "shared"]
    assert "ssdo:indirect" in list_groups(runner.session)["SSDO"][0]


def test_list_of_slots_in_different_light(runner: SessionRunner) -> None:
    """Passes that differ are not shared, and counted for each slot."""
    session = runner.session
    session.set_linked("sun.irradiance", False)
    session.change({"sun.irradiance": 0.0}, "A")
    run_steps(runner)
    groups = list_groups(session)
    assert list(groups) == ["A: SSAO", "B: SSDO", "A: other", "B: other"]
    assert "sun:diffuse" in groups["B: other"][0] and "sun:diffuse" not in groups["A: other"][0]
    counts = [len(names) for names, _ in groups.values()]
    assert f"A {counts[0]} ms + {counts[2]} ms, B {counts[1]} ms + {counts[3]} ms, " in runner.status


@pytest.mark.parametrize("values", [{"lighting.resolution": "half"}, {"temporal.history_length": 3}], ids=str)
def test_list_with_other_settings(runner: SessionRunner, values: dict[str, Any]) -> None:
    """At half resolution, and with a history, whose frames are timed as they are drawn."""
    runner.session.change(values)
    run_steps(runner)
    groups = list_groups(runner.session)
    added = {"lighting.resolution": "upsample:diffuse", "temporal.history_length": "temporal:diffuse"}[min(values)]
    assert added in groups["A: SSAO"][0] and added in groups["B: SSDO"][0]
    assert None not in [ms for _, ms in groups.values()]


def test_list_with_the_reference_in_a_slot(runner: SessionRunner) -> None:
    runner.session.choose_mode("A", "reference")
    run_steps(runner, 12)
    groups = list_groups(runner.session)
    title = next(iter(groups))
    assert title.startswith("A: ") and any(name.startswith("reference") for name in groups[title][0])
    assert not any(name.startswith("ssao") for name in groups[title][0])
    assert None not in [ms for _, ms in groups.values()]


def test_list_after_a_change_of_technique(runner: SessionRunner) -> None:
    """Never the passes of the technique before, nor its times."""
    run_steps(runner)
    runner.session.choose_mode("A", "GTAO")
    names, total = list_groups(runner.session)["A: GTAO"]
    assert not names
    run_steps(runner, 1)
    names, total = list_groups(runner.session)["A: GTAO"]
    assert "ssao" not in names and any(name.startswith("gtao") for name in names) and total is None
    run_steps(runner)
    assert list_groups(runner.session)["A: GTAO"][1] is not None


def test_probes_are_not_traced_for_their_time(runner: SessionRunner) -> None:
    """They are drawn when scene or light change, and are in no total."""
    runner.session.change({"probes.enabled": True, "probes.grid_size": 2, "probes.octahedral_size": 4})
    run_steps(runner)
    times = get_times(runner.session, "B")
    assert "probe_trace:basic" in times.lighting.samples and not times.lighting.samples["probe_trace:basic"]
    assert runner.session.scheduler.lighting_ms("B") == pytest.approx(len(times.lighting.samples) - 1)


# ---- text ----


def test_times_are_told_by_slot() -> None:
    assert describe_times(PAIR, (103.0, 192.0), (80.0, 80.0), True) == "A 103 ms, B 192 ms, shared 80 ms"
    assert describe_times(PAIR, (103.0, 192.0), (80.0, 90.0), False) == "A 103 ms + 80 ms, B 192 ms + 90 ms"
    assert describe_times(("B",), (192.0,), (80.0,), False) == "technique 192 ms, shared 80 ms"
    for times in ((None, 1.0), (1.0, None)):
        assert describe_times(PAIR, times, (1.0, 1.0), True) == "measuring"
        assert describe_times(PAIR, (1.0, 1.0), times, True) == "measuring"


def test_frame_counts_are_told() -> None:
    def group(total_ms: float | None, *counts: int) -> Any:
        times = PassTimes({str(n): [1.0] * count for n, count in enumerate(counts)})
        return SimpleNamespace(total_ms=total_ms, times=times)

    assert describe_frame_counts([group(1.0, 5, 7), group(1.0, 5)]) == "medians of 5 frames"
    assert describe_frame_counts([group(1.0, 2, 3), group(1.0, 5)]) == "medians of 2 to 5 frames"
    assert describe_frame_counts([group(1.0, 5), group(None, 1)]) == "measuring"


def test_median_of_some_passes() -> None:
    times = PassTimes({"a": [1.0, 9.0, 2.0], "b": [4.0, 4.0], "c": [], "probe_trace:basic": [99.0]})
    assert times.medians == {"a": 2.0, "b": 4.0, "c": None, "probe_trace:basic": 99.0}
    assert times.total_ms == 6.0 and times.frame_count == 0
    assert replace(times, samples={"a": [1.0] * 3, "b": [4.0] * 2, "probe_trace:basic": []}).frame_count == 2


# ---- timer queries ----


def draw_frame(times: SlotTimes, simulated: SimulatedGpu, shot: Shot, milliseconds: float) -> None:
    """A frame of a shared pass and one of the technique, of that time each."""
    times.begin_frame(shot, 1.0)
    for name, is_shared in (("gbuffer", True), ("ssao", False)):
        times.timer.is_shared = is_shared
        simulated.draw_times, simulated.pending_ms = [milliseconds], 0.0
        with times.timer.measure(name):
            simulated.draw()


def test_queries_in_flight_at_a_change_do_not_count() -> None:
    """Each result is read three frames later, when the shot may be another one."""
    simulated = SimulatedGpu("NVIDIA H200", [])
    timer = PassTimer(cast(Any, simulated))
    timer.enabled = True
    times, shots = SlotTimes(timer), [Shot().with_values({"ssdo.samples": n}) for n in (4, 8)]
    for _ in range(10):
        draw_frame(times, simulated, shots[0], 7.0)
    assert times.lighting_ms == times.shared_ms is None and times.lighting.total_ms == 7.0
    for _ in range(8):
        draw_frame(times, simulated, shots[1], 2.0)
    assert times.timer.samples["ssao"] == pytest.approx([2.0] * 5) and times.lighting_ms == pytest.approx(2.0)
    assert times.timer.samples["gbuffer"] == pytest.approx([7.0] * 7 + [2.0] * 5), "unaffected by the change"


def test_a_query_of_an_unfinished_pass_does_not_count() -> None:
    simulated = SimulatedGpu("NVIDIA H200", [])
    timer = PassTimer(cast(Any, simulated))
    timer.enabled = True
    times, shot = SlotTimes(timer), Shot()
    for n in range(20):
        if n == 10:
            times.begin_frame(shot, 1.0)
            with pytest.raises(KeyboardInterrupt), timer.measure("gbuffer"):
                raise KeyboardInterrupt
            timer.abort_frame()
            assert list(timer.last_frame) == ["gbuffer", "ssao"]
        draw_frame(times, simulated, shot, 3.0)
    assert set(timer.samples["gbuffer"]) == {3.0} == set(timer.samples["ssao"])


def test_queries_of_a_pass_that_was_not_drawn_for_a_while() -> None:
    """Its last results are those of an earlier frame."""
    simulated = SimulatedGpu("NVIDIA H200", [])
    timer = PassTimer(cast(Any, simulated))
    timer.enabled = True
    samples = []
    for n in range(2 * QUERY_LATENCY + 4):
        timer.begin_frame()
        if n in (QUERY_LATENCY + 1, QUERY_LATENCY + 2):
            continue
        simulated.draw_times, simulated.pending_ms = [float(n)], 0.0
        with timer.measure("pass"):
            simulated.draw()
        samples = timer.samples.get("pass", [])
    assert samples and min(samples) > QUERY_LATENCY + 2


def test_cached_passes_are_numbered_as_drawn_ones(gpu: Gpu) -> None:
    timer = PassTimer(gpu.ctx)
    timer.enabled = True
    for act in (timer.measure, timer.skip, timer.measure):
        timer.begin_frame()
        for _ in range(3):
            if act == timer.measure:
                with timer.measure("gbuffer"):
                    pass
            else:
                timer.skip("gbuffer")
        assert list(timer.last_frame) == ["gbuffer", "gbuffer 2", "gbuffer 3"]


# ---- budget ----


def test_no_sample_count_is_tried_twice() -> None:
    """Times that vary by more than the tolerance would change the count forever."""
    tried = TriedCounts()
    choose: Callable[[int, int], int] = lambda count, proposal: tried.choose("key", count, proposal)  # noqa: E731
    assert [choose(16, 8), choose(8, 9), choose(9, 8), choose(9, 16)] == [8, 9, 9, 9]
    assert choose(16, 8) == 8, "the user has set the count"
    assert tried.choose("other key", 8, 16) == 16


def test_equal_time_counts_the_passes_that_do_not_depend_on_samples(
    runner: SessionRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B's total is matched to A's: 10 ms plus 2 ms a sample against 42 ms."""
    session = runner.session
    session.change({"ssdo.samples": 4}, "B")
    monkeypatch.setattr(session.scheduler, "fixed_ms", lambda slot: 10.0)
    monkeypatch.setattr(
        session.scheduler,
        "lighting_ms",
        lambda slot: {"A": 42.0, "B": 10.0 + 2.0 * session.slots.techniques["B"].sample_count}[slot],
    )
    session.slots.budget = "time"
    run_steps(runner, 4)
    assert session.slots.techniques["B"].sample_count == 16


def test_equal_time_waits_for_the_time_of_the_present_count(runner: SessionRunner, clock: FixedTime) -> None:
    """The time of another count would be matched again and again."""
    session = runner.session
    run_steps(runner)
    counts = []
    clock.milliseconds = 1.0
    session.slots.budget = "time"
    for _ in range(30):
        run_steps(runner, 1)
        counts.append(session.slots.techniques["B"].sample_count)
    lighting = [get_times(session, slot).lighting.total_ms for slot in PAIR]
    assert len(set(counts)) <= 2, counts  # passes that take a millisecond whatever the count: tried once
    assert None not in lighting


def test_a_timed_frame_ignores_what_no_pass_depends_on() -> None:
    shot = Shot()
    frame = TimedFrame.of(shot, 1.0)
    for name, value in (("display.exposure", 2.0), ("antialias", 8), ("display.tone_mapper", "aces")):
        assert TimedFrame.of(shot.with_values({name: value}), 1.0) == frame, name
    for name, value in (("camera.fov", 30.0), ("ssdo.samples", 3), ("sun.irradiance", 1.0), ("width", 9)):
        assert TimedFrame.of(shot.with_values({name: value}), 1.0) != frame, name
    assert TimedFrame.of(shot, 0.5) != frame
    for values in ({"technique": "ssao"}, {"lighting.resolution": "half"}, {"denoise.radius": 4}):
        other = TimedFrame.of(shot.with_values(values), 1.0)
        assert other != frame and other.without_lighting == frame.without_lighting
