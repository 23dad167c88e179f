"""The viewer: its camera, its keys, its session without a window, and a real window under Xvfb, driven by keys and
mouse.
"""

from __future__ import annotations

import gc
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import pytest
from PIL import Image, ImageGrab, features
from ssdo.arrays import Bytes
from ssdo.gpu.context import Gpu
from ssdo.gpu.timer import PassTimer
from ssdo.measure import images
from ssdo.render.pipeline import render_accumulated
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.render.techniques.gtao import Gtao
from ssdo.scene.built_in import fixtures
from ssdo.settings import Param, UserError
from ssdo.viewer import controls, keys
from ssdo.viewer.controls import Pose
from ssdo.viewer.convergence import Convergence
from ssdo.viewer.cost import FrameCost
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.render_scheduler import IDLE_DELAY, PREVIEW_MS, Slot
from ssdo.viewer.screenshots import save_screenshot
from ssdo.viewer.session import Session
from ssdo.viewer.status import StatusLine, format_ms

ROOT = Path(__file__).parent.parent
POSE = Pose((1.0, 2.0, 5.0), (0.5, 0.25, -1.0), 40.0)
# Light that is not the same from everywhere: in a white furnace SSAO and SSDO without bounce agree.
LIGHT = {"scene": "ball", "environment": "ramp-x", "ssdo.samples": 4, "ssdo.steps": 2, "denoise.radius": 0}


# ---- camera -------------------------------------------------------------------------------------------------------------


def test_orbit_keeps_target_and_distance() -> None:
    """Dragging to the right brings the left side of things to the front."""
    moved = controls.orbit(POSE, 30.0, 0.0)
    assert moved.target == POSE.target and moved.distance == pytest.approx(POSE.distance)
    assert controls.camera_axes(POSE)[0] @ np.subtract(moved.eye, POSE.eye) < 0


@pytest.mark.parametrize("turn", [controls.orbit, controls.look_around])
def test_pitch_stays_within_89_degrees_and_nothing_rolls(turn: Callable[[Pose, float, float], Pose]) -> None:
    pose = POSE
    for _ in range(40):
        pose = turn(pose, 17.0, -25.0)
        right, up, forward = controls.camera_axes(pose)
        assert abs(controls.heading_and_pitch(forward)[1]) <= 89.0 + 1e-9
        assert right[1] == pytest.approx(0.0, abs=1e-12) and up[1] > 0
    assert pose.distance == pytest.approx(POSE.distance)


def test_look_keeps_the_eye() -> None:
    moved = controls.look_around(POSE, 10.0, 5.0)
    assert moved.eye == POSE.eye
    before, after = (controls.heading_and_pitch(np.subtract(p.target, p.eye)) for p in (POSE, moved))
    assert np.subtract(after, before) == pytest.approx((10.0, 5.0))


def test_pan_follows_the_mouse() -> None:
    """By the whole height of the image, what was at the centre is at the edge's other side."""
    moved = controls.pan(POSE, 0.0, 1.0)
    step = np.subtract(moved.eye, POSE.eye)
    assert step == pytest.approx(np.subtract(moved.target, POSE.target))
    _, up, forward = controls.camera_axes(POSE)
    assert step @ up == pytest.approx(2 * np.tan(np.radians(20)) * POSE.distance) and step @ forward == pytest.approx(
        0, abs=1e-9
    )


def test_zoom_is_a_ratio_with_ends() -> None:
    scene = fixtures.build_ball()
    assert controls.dolly(POSE, 0.5, scene).distance == pytest.approx(POSE.distance / 2)
    near, far = POSE, POSE
    for _ in range(400):
        near, far = controls.dolly(near, 0.8, scene), controls.dolly(far, 1.25, scene)
    assert (
        0 < near.distance < 0.01 * scene.bounding_radius
        and scene.bounding_radius < far.distance < 100 * scene.bounding_radius
    )
    assert controls.heading_and_pitch(np.subtract(near.target, near.eye)) == pytest.approx(
        controls.heading_and_pitch(np.subtract(POSE.target, POSE.eye)), abs=1e-3
    )


def test_fly_moves_eye_and_target_alike() -> None:
    moved = controls.fly(POSE, 0.0, 0.0, 2.0)
    assert np.subtract(moved.eye, POSE.eye) == pytest.approx(2 * controls.camera_axes(POSE)[2])
    assert controls.fly(POSE, 0.0, 3.0, 0.0).eye[1] == pytest.approx(POSE.eye[1] + 3)


@pytest.mark.parametrize("aspect", [0.2, 1.0, 4.0])
def test_framed_sees_all_of_the_scene(aspect: float) -> None:
    scene = fixtures.build_bowl()
    pose = controls.fit_scene(POSE, scene, aspect)
    right, up, forward = controls.camera_axes(pose)
    slope = np.tan(np.radians(pose.fov) / 2)
    for corner in np.stack(np.meshgrid(*np.transpose(scene.bounds)), -1).reshape(-1, 3):
        v = corner - pose.eye
        assert (
            abs(v @ up) <= slope * (v @ forward) * 1.0001 and abs(v @ right) <= slope * aspect * (v @ forward) * 1.0001
        )


# ---- keys ---------------------------------------------------------------------------------------------------------------


def test_every_key_of_the_table_does_something(gpu: Gpu, tmp_path: Path) -> None:
    actions = pytest.importorskip("ssdo.viewer.actions", exc_type=ImportError).Actions
    panel = pytest.importorskip("ssdo.viewer.panel.panel", exc_type=ImportError).Panel
    session, preferences = Session(gpu, Shot(scene="ball"), {}), Preferences(tmp_path)
    handlers = actions(session, panel(session, 1.0, None, preferences), preferences, None).handlers
    assert {k.action.partition(" ")[0] for k in keys.all_keys() if k.action} == handlers.keys()
    assert (
        keys.find_action("NUMBER_3") == "mode-B SSDO direct"
        and keys.find_action("NUMBER_3", shift=True) == "mode-A SSDO direct"
    )
    assert (
        keys.find_action("Q", ctrl=True) == "quit"
        and keys.find_action("Q") == ""
        and keys.find_character_action("+") == "more-samples"
    )


def test_no_key_does_two_things() -> None:
    pressed = [(name, k.shift, k.ctrl, k.alt) for k in keys.all_keys() for name in k.names]
    assert len(pressed) == len(set(pressed))


def test_table_names_every_key_once() -> None:
    rows = keys.table().splitlines()[2:]
    assert len(rows) == len({row.split("|")[1] for row in rows}) == len([k for k in keys.all_keys() if k.label])


# ---- session ------------------------------------------------------------------------------------------------------------


class Time:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Screen:
    """A session and a framebuffer to show it in."""

    def __init__(self, gpu: Gpu, **values: Any) -> None:
        self.gpu = gpu
        self.time = Time()
        ssao = Technique.by_name("ssao")().with_values({"samples": 4, "steps": 2})
        self.session = Session(gpu, Shot().with_values(LIGHT | values), {"ssao": ssao}, now=self.time)

    def rest(self, width: int = 64, height: int = 36) -> Bytes:
        """What is shown when nothing changes any more: (h, w, 3), row 0 on top."""
        for _ in range(20):
            self.time.now += 10.0
            if not self.session.step((width, height)):
                break
        return self.seen()

    def seen(self) -> Bytes:
        size = self.session.size
        into = self.gpu.ctx.framebuffer([self.gpu.ctx.texture(size, 4)])
        self.session.draw_view(into)
        return np.frombuffer(into.read(components=3, alignment=1), "u1").reshape(size[1], size[0], 3)[::-1]


@pytest.fixture
def screen(gpu: Gpu) -> Iterator[Screen]:
    yield Screen(gpu)
    for slot in ("A", "B"):
        with gpu.scope(slot):
            gpu.free_unused()
            gpu.free_unused()


def test_shows_what_render_draws(screen: Screen) -> None:
    seen = screen.rest()
    picture = screen.session.renders["B"].result
    assert picture and np.array_equal(seen, images.read_display(picture))
    assert (
        StatusLine(screen.session).text.startswith("SSDO, 4 directions, 2 steps, radius ")
        and "64x36 at 100 %" in StatusLine(screen.session).text
    )


def test_a_picture_at_rest_costs_nothing(screen: Screen) -> None:
    screen.rest()
    draws = screen.session.scheduler.draw_count
    for _ in range(50):
        screen.time.now += 0.02
        assert not screen.session.step((64, 36))
    assert screen.session.scheduler.draw_count == draws


def test_number_keys_choose_techniques(screen: Screen) -> None:
    pictures = []
    for label in ("off", "SSAO", "SSDO direct", "SSDO", "GTAO", "bitmask"):
        screen.session.choose_mode("B", label)
        assert screen.session.slots.mode_label("B") == label
        pictures.append(screen.rest().astype(int))
    assert all(np.abs(a - b).max() > 2 for i, a in enumerate(pictures) for b in pictures[:i])
    screen.session.choose_mode("B", "SSDO")
    assert screen.session.slots.techniques["B"].values()["samples"] == 4, "the values given by flags stay"


def test_every_mode_has_its_name_and_its_key() -> None:
    modes = Technique.all_modes()
    actions = [keys.find_action(f"NUMBER_{mode.key}") for _, mode in modes]
    assert actions == [f"mode-B {mode.label}" for _, mode in modes]
    assert {kind.group for kind, _ in modes} == set(Technique.known)


def test_split_shows_both_sides_and_follows_the_divider(screen: Screen) -> None:
    session = screen.session
    session.toggle_split()
    screen.rest()
    assert (session.slots.mode_label("A"), session.slots.mode_label("B")) == ("SSAO", "SSDO")
    session.display.divider = 0.25
    seen = screen.seen()
    left, right = (images.read_display(p) for slot in session.visible_slots if (p := session.renders[slot].result))
    assert np.array_equal(seen[:, :14], left[:, :14]) and np.array_equal(seen[:, 18:], right[:, 18:])
    draws = session.scheduler.draw_count
    session.choose_mode("A", "off")
    screen.rest()
    assert session.scheduler.draw_count - draws <= 4, (
        "the side that did not change is not drawn again, but for its times"
    )
    session.slots.swap()
    assert (session.slots.mode_label("A"), session.slots.mode_label("B")) == ("SSDO", "off")


def test_split_never_shows_the_same_twice(gpu: Gpu) -> None:
    session = Session(gpu, Shot(scene="ball", technique=Technique.by_name("ssao")()), {})
    session.toggle_split()
    assert (session.slots.mode_label("A"), session.slots.mode_label("B")) == ("SSAO", "SSDO")


def test_samples_double_and_halve_within_their_ends(screen: Screen) -> None:
    session = screen.session
    session.toggle_split()
    session.multiply_samples(2.0)
    assert [session.slots.techniques[s].values()["samples"] for s in session.visible_slots] == [8, 8]
    for ratio, end in ((2.0, 256), (0.5, 1)):
        for _ in range(12):
            session.multiply_samples(ratio)
        assert session.slots.techniques["B"].values()["samples"] == end
    session.choose_mode("A", "off")
    session.choose_mode("B", "off")
    session.multiply_samples(2.0)
    assert "no samples" in session.message
    session.choose_mode("B", "GTAO")
    session.slots.techniques["B"] = Gtao(slices=4)
    session.multiply_samples(2.0)
    assert session.slots.techniques["B"] == Gtao(slices=8) and session.message == "no samples, 8 slices"


def test_slices_and_directions_stay_equal_in_what_they_look_up(gpu: Gpu) -> None:
    """16 directions of 8 points, 4 slices of 2 x 16: whoever changes, the other follows, and neither goes where the
    other cannot.
    """
    screen = Screen(gpu, scene="corner", technique="ssdo", **{"ssdo.samples": 16, "ssdo.steps": 8})
    session = screen.session
    assert {session.slots.last_used[name].fetches for name in ("ssdo", "gtao", "bitmask")} == {128}
    session.choose_mode("A", "bitmask")
    session.choose_view("split")
    screen.rest()
    assert (
        "A: bitmask, 4 slices, 2 x 16 steps" in StatusLine(session).text
        and "B: SSDO, 16 directions, 8 steps" in StatusLine(session).text
    )
    cases: tuple[tuple[str, Any, Slot, tuple[int, int]], ...] = (
        ("ssdo.samples", 32, "B", (8, 32)),
        ("bitmask.slices", 2, "A", (2, 8)),
        ("bitmask.steps", 32, "A", (2, 16)),
        ("ssdo.steps", 16, "B", (4, 16)),
        ("ssdo.visibility", "single-sample", "B", (1, 16)),
        ("ssdo.visibility", "ray-march", "B", (4, 16)),
    )
    for name, value, slot, expected in cases:
        assert session.change({name: value}, slot)
        assert (session.slots.techniques["A"].sample_count, session.slots.techniques["B"].sample_count) == expected, (
            name
        )
    assert session.change({"ssdo.radius": 0.3, "ssdo.thickness": 0.1}, "B")
    assert (
        session.slots.techniques["A"].values()["radius"] == 0.3
        and session.slots.techniques["A"].values()["thickness"] == 0.1
    )
    assert (
        session.slots.last_used["gtao"].values()["radius"] == 0.3
        and "visibility" not in session.slots.last_used["gtao"].values()
    )
    for _ in range(4):
        session.multiply_samples(0.5)
    assert (session.slots.techniques["A"].sample_count, session.slots.techniques["B"].sample_count) == (1, 4), (
        "one slice is as few as there are"
    )
    session.set_linked("bitmask.slices", False)
    assert session.change({"ssdo.samples": 16}, "B") and session.slots.techniques["A"].sample_count == 1
    session.set_linked("bitmask.slices", True)
    assert session.change({"ssdo.samples": 32}, "B") and session.slots.techniques["A"].sample_count == 8


def test_linked_parameters_change_in_all_techniques(screen: Screen) -> None:
    session = screen.session
    assert session.change({"ssdo.radius": 2.0})
    session.slots.choose_technique("B", "ssao")
    assert session.slots.techniques["B"].values()["radius"] == 2.0
    session.set_linked("ssdo.radius", False)
    assert session.change({"ssao.radius": 3.0})
    assert session.slots.last_used["ssdo"].values()["radius"] == 2.0
    assert session.change({"ssao.radius": None}) and "radius" not in session.slots.techniques["B"].values()


def test_mistakes_are_one_line_and_change_nothing(screen: Screen, tmp_path: Path) -> None:
    session = screen.session
    before = screen.rest()
    base = session.slots.shared
    (tmp_path / "bad.glb").write_bytes(b"not a scene")
    for values in (
        {"scene": "nowhere"},
        {"environment": "nowhere.hdr"},
        {"scene": str(tmp_path / "missing.glb")},
        {"ssdo.radius": -1.0},
        {"ssao.radius": 1.0},
    ):
        assert not session.change(values)
        assert session.error and "\n" not in session.error and session.slots.shared == base
    assert np.array_equal(screen.rest(), before)
    assert session.change({"display.exposure": 1.0}) and not session.error


def test_what_fails_while_drawing_keeps_the_picture(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    before = screen.rest()
    calls = []

    def fail(*_: Any) -> None:
        calls.append(1)
        raise UserError("no memory; ask for less")

    monkeypatch.setattr("ssdo.viewer.render_scheduler.render_frame", fail)
    screen.session.change({"display.exposure": 2.0})
    assert np.array_equal(screen.rest(), before)
    assert screen.session.error == "no memory; ask for less" and len(calls) == 1, "not tried again and again"


def test_another_scene_comes_with_its_own_camera(screen: Screen) -> None:
    screen.rest()
    screen.session.move_camera(controls.orbit(screen.session.pose, 20.0, 0.0))
    assert screen.session.change({"scene": "bowl"})
    assert screen.session.slots.shared.camera.eye is None and screen.session.slots.shared.sun == Shot().sun
    assert screen.rest().std() > 0


def test_frame_goes_home_then_shows_all(screen: Screen) -> None:
    screen.rest()
    session = screen.session
    home = session.pose
    session.move_camera(controls.fly(home, 1.0, 2.0, 3.0))
    session.frame_scene()
    assert session.pose == home
    session.frame_scene()
    assert session.pose.distance > session.scene.bounding_radius


def test_reload_keeps_the_old_program_and_says_why(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, session = screen.gpu, screen.session
    before = screen.rest()
    with monkeypatch.context() as patch:
        (tmp_path / "passes").mkdir(exist_ok=True)
        (tmp_path / "passes/composite.frag").write_text("this is no shader\n")
        patch.setattr(gpu.shaders, "folders", (tmp_path, *gpu.shaders.folders))
        session.reload_shaders()
        assert session.error.startswith("shaders/passes/composite.frag:1") and "\n" not in session.error
        assert np.array_equal(screen.rest(), before) and session.error
    session.reload_shaders()
    assert not session.error and np.array_equal(screen.rest(), before)


def test_resolution_follows_the_hand_until_it_rests(screen: Screen) -> None:
    session, size = screen.session, (640, 360)
    screen.rest(*size)
    session.renders["B"].costs["ssdo"].record(640 * 360, 300.0)
    session.move_camera(controls.orbit(session.pose, 5.0, 0.0))
    screen.time.now += 1
    assert session.step(size, is_busy=True)
    picture = session.renders["B"].result
    assert picture and picture.display.size == (240, 135) and "preview at 37.5 %" in StatusLine(session).text
    assert screen.seen().shape == (360, 640, 3)
    screen.time.now += 0.1
    assert not session.step(size)
    screen.time.now += 1
    assert session.step(size) and session.renders["B"].scale == 1 and "at 100 %" in StatusLine(session).text


def test_what_moves_is_as_large_as_is_fast_enough_though_triangles_take_their_time(screen: Screen) -> None:
    session, size = screen.session, (640, 360)
    screen.rest(*size)
    cost = session.renders["B"].costs["ssdo"]
    for pixels in (640 * 360, 80 * 45):  # the last picture was small
        cost.record(pixels, PREVIEW_MS[screen.gpu.is_software_renderer] * (0.3 + 0.6 * pixels / (480 * 270)))
    session.move_camera(controls.orbit(session.pose, 5.0, 0.0))
    screen.time.now += 1
    assert session.step(size, is_busy=True) and session.renders["B"].scale == 0.75


def test_a_frame_that_is_the_first_of_its_size_tells_no_cost(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the sky turns surfaces are kept, but for that frame: it would make the picture small again, and large, and
    small.
    """
    session, size = screen.session, (640, 360)
    screen.rest(*size)
    cost, measured = session.renders["B"].costs["ssdo"], []
    cost.record(640 * 360, 10.0 * PREVIEW_MS[screen.gpu.is_software_renderer])
    monkeypatch.setattr(FrameCost, "record", lambda self, pixels, milliseconds: measured.append(pixels))
    scales = []
    for turn in range(1, 4):
        session.change({"sky.rotation": float(turn)})
        screen.time.now += 0.1
        session.step(size, is_busy=True)
        scales.append(session.renders["B"].scale)
    assert len(set(scales)) == 1 and scales[0] < 1 and measured == [round(640 * scales[0]) * round(360 * scales[0])] * 2


@pytest.mark.parametrize(("fixed", "each"), [(0.0, 1e-4), (24.0, 3e-4), (5.0, 0.0)])
def test_cost_of_another_size_is_on_the_line_through_two(fixed: float, each: float) -> None:
    cost = FrameCost()
    for pixels in (14400, 921600, 129600):
        cost.record(pixels, fixed + each * pixels)
    for pixels in (1, 57600, 8294400):
        assert cost.predict(pixels) == pytest.approx(fixed + each * pixels)


def test_cost_with_one_size_is_by_the_pixel_and_never_negative() -> None:
    cost = FrameCost()
    cost.record(1000, 5.0)
    assert cost.predict(4000) == pytest.approx(20.0) and cost.predict(0) == 0
    cost.record(4000, 4.0)  # of few samples, where the other had many
    assert 0 < cost.predict(1000) <= 4.0
    cost.record(1000, 1.0)
    assert cost.predict(1) >= 0 and cost.predict(4000) == pytest.approx(4.0)


def test_every_size_is_drawn_and_none_stays(screen: Screen) -> None:
    gpu, session = screen.gpu, screen.session
    session.toggle_split()
    for size in ((1, 1), (17, 3), (640, 360), (3840, 2160) if not gpu.is_software_renderer else (1920, 1080), (0, 0)):
        session.choose_mode("B", "off")
        session.step(size)
        if min(size):
            assert session.renders["B"].result and screen.seen().shape == (size[1], size[0], 3)
    assert gpu.ctx.error == "GL_NO_ERROR"


def test_noise_of_a_growing_mean_is_stated() -> None:
    """Against frames whose noise is known: within 4 standard errors of an RMS over so many values, 1 / sqrt(2 n)."""
    rng, convergence, total = np.random.default_rng(0), Convergence(), np.zeros((20_000, 3))
    assert convergence.noise is None and convergence.text == "0 frames"
    for count in range(1, 41):
        total += 1 + 0.5 * rng.standard_normal(total.shape)
        convergence.add_frame(lambda: (total / count).astype("f4"))  # noqa: B023 - called at once or never
        assert convergence.frame_count == count and (convergence.noise is None) == (count == 1)
        if convergence.noise is not None:
            assert convergence.noise == pytest.approx(0.5 / np.sqrt(count), rel=4 / np.sqrt(2 * total.size))
    assert convergence.text == "40 frames, noise 0.079"


def test_truth_grows_while_nothing_changes(screen: Screen, tmp_path: Path) -> None:
    """Each step is a frame; what is saved after 5 of them is what a capture of 5 frames draws, without blur, bit for
    bit.
    """
    session, gpu = screen.session, screen.gpu
    session.choose_mode("B", "reference")
    session.change({"denoise.radius": 4})
    for frames in range(1, 6):
        screen.time.now += 10
        assert session.step((64, 36)) and session.renders["B"].convergence.frame_count == frames
        assert f"{frames} frame" in StatusLine(session).text
    assert "noise " in StatusLine(session).text and "64x36 at 100 %" in StatusLine(session).text
    assert not session.step((64, 36), is_busy=True), "a mouse that is held comes first"
    (path,) = save_screenshot(session, tmp_path)
    values = images.load_shot_values(path)
    assert (values["technique"], values["accumulated_frames"], values["denoise.radius"]) == ("reference", 5, 0)
    again = images.read_display(render_accumulated(gpu, Shot().with_values(values)))
    with Image.open(path) as file:
        assert np.array_equal(np.asarray(file), again)
    session.change({"display.exposure": 0.5})
    assert session.step((64, 36)) and session.renders["B"].convergence.frame_count == 1


def test_truth_beside_another_technique_leaves_it_alone(screen: Screen) -> None:
    session = screen.session
    session.toggle_split()
    session.choose_mode("B", "reference")
    screen.rest()
    draws, ssao = session.scheduler.draw_count, session.renders["A"].result
    screen.time.now += 10
    assert session.step((64, 36))
    assert session.scheduler.draw_count == draws + 1 and session.renders["A"].result is ssao


def test_truth_is_drawn_as_large_as_the_window_can_wait_for(screen: Screen, tmp_path: Path) -> None:
    """A frame that takes too long is drawn smaller, stays so while it grows, and is saved as what its shot draws."""
    session, size = screen.session, (320, 180)
    session.choose_mode("B", "reference")
    side = session.renders["B"]
    for _ in range(6):
        side.costs["reference"] = FrameCost()
        side.costs["reference"].record(320 * 180, 8000.0)  # as if a full frame took 8 s
        screen.time.now += 10
        assert session.step(size)
    assert side.scale == 0.25 and side.convergence.frame_count > 2 and "320x180 at 25 %" in StatusLine(session).text
    (path,) = save_screenshot(session, tmp_path)
    values = images.load_shot_values(path)
    assert (values["width"], values["height"], values["accumulated_frames"]) == (80, 45, side.convergence.frame_count)
    with Image.open(path) as file:
        assert file.size == (80, 45)


def test_500_resizes_leave_nothing_behind(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = moderngl.Texture, moderngl.Framebuffer, moderngl.VertexArray, moderngl.Buffer

    def alive() -> list[int]:
        return [sum(isinstance(o, kind) for o in gc.get_objects()) for kind in kinds]

    # which does not run: waiting for every pass takes a minute
    monkeypatch.setattr(screen.session.scheduler, "_start_timer", lambda: PassTimer(screen.gpu.ctx))
    screen.session.choose_mode("B", "off")
    screen.rest(16, 9)
    targets = len(screen.gpu.targets)
    gc.collect()
    before = alive()
    gc.disable()  # nothing may wait for the collector, which does not know how large a texture is
    try:
        for i in range(500):
            screen.time.now += 0.01
            screen.session.step((16 + i % 50, 9 + i % 30), is_busy=True)
        assert (
            all(now <= then for now, then in zip(alive(), before, strict=True)) and len(screen.gpu.targets) == targets
        )
    finally:
        gc.enable()


def test_targets_of_a_former_technique_go(screen: Screen) -> None:
    screen.rest()
    assert any("ssdo" in name for name in screen.session.view_renderer.buffers("B"))
    screen.session.choose_mode("B", "SSAO")
    screen.rest()
    assert not any("ssdo" in name for name in screen.session.view_renderer.buffers("B"))


def test_every_buffer_can_be_shown(screen: Screen) -> None:
    session = screen.session
    screen.rest()
    looks = {}
    for name in session.view_renderer.buffers("B"):
        session.display.buffer = name
        looks[name] = screen.seen()
    assert len(looks) > 15
    assert looks["normals"][-1, 32] == pytest.approx((128, 255, 128), abs=1), "the floor's normal is up"
    depth = looks["depth"].astype(int)
    assert depth[2, 32, 0] < depth[-3, 32, 0] and (depth[..., 0] == depth[..., 2]).all(), "nearer is lighter"
    open_share = looks["ambient visibility"][..., 0]
    picture = session.renders["B"].result
    assert picture
    metres = screen.gpu.read(picture.inputs.gbuffer.depth)[..., 0]
    near, far = np.percentile(metres[metres < 1e29], (0.5, 99.5))
    exact = np.where(metres < 1e29, 1 - 0.9 * np.clip((metres - near) / (far - near), 0, 1), 0)
    assert np.abs(looks["depth"][..., 0] / 255 - exact).max() < 0.6 / 255
    assert picture and np.abs(open_share / 255 - screen.gpu.read(picture.lighting.direct)[..., 3]).max() < 0.01
    session.display.buffer = "radiance *"
    dark = screen.seen()
    session.display.exposure = 2.0
    assert screen.seen().mean() > dark.mean()


def test_screenshot_is_what_is_seen_and_holds_its_shot(screen: Screen, tmp_path: Path) -> None:
    session = screen.session
    seen = screen.rest()
    (path,) = save_screenshot(session, tmp_path)
    with Image.open(path) as file:
        assert np.array_equal(np.asarray(file), seen)
    picture = session.renders["B"].result
    assert picture and Shot().with_values(images.load_shot_values(path)) == picture.shot
    assert path.is_absolute() and str(path) in session.message
    session.toggle_split()
    screen.rest()
    both, left, right = save_screenshot(session, tmp_path)
    assert (
        images.load_shot_values(left)["technique"] == "ssao" and images.load_shot_values(right)["technique"] == "ssdo"
    )
    with Image.open(both) as file:
        assert np.array_equal(np.asarray(file), screen.seen())


def test_time_runs_only_where_something_moves(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    session = screen.session
    session.is_playing = True
    session.advance_time(0.5)
    assert session.slots.shared.time == 0
    monkeypatch.setattr("ssdo.viewer.session.is_animated", lambda name: True)
    session.advance_time(0.5)
    assert session.slots.shared.time == 0.5


def test_wrong_scene_is_said_before_a_window_opens(gpu: Gpu) -> None:
    with pytest.raises(UserError, match="no scene nowhere"):
        Session(gpu, Shot(scene="nowhere"), {})


def test_times_have_three_digits() -> None:
    assert [format_ms(t) for t in (0.01234, 8.0, 83.26, 1234.5)] == ["0.0123 ms", "8 ms", "83.3 ms", "1234 ms"]


def test_sliders_reach_where_it_is_useful() -> None:
    slider_range = pytest.importorskip("ssdo.viewer.parameter_row", exc_type=ImportError).slider_range
    radius = Param(1e-4, 1e4, unit="m", log=True)
    assert slider_range(radius, 1.5, 1.5) == pytest.approx((0.03, 30.0))
    assert slider_range(radius, 500.0, 1.5) == pytest.approx((0.03, 500.0)), "a typed value stays within reach"
    assert slider_range(radius, 1e-3, 1e-3)[0] == 1e-4
    assert slider_range(Param(1, 256, log=True), 16, 16) == (1, 256)
    assert slider_range(Param(0.0, 1e4, log=True), 1.0, 1.0) == (0.0, 20.0)
    assert slider_range(Param(-20.0, 20.0, unit="EV"), 0.0, 0.0) == (-8.0, 8.0)


# ---- a real window ------------------------------------------------------------------------------------------------------


class Window:
    """The viewer in a window of its own display, driven as by hand. What it thinks is read from the shot in its
    screenshots.
    """

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder
        read, write = os.pipe()
        # -noreset: when its last client leaves, a server starts anew and turns away who comes meanwhile; here clients come and go.
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        told = b""  # its number and the end of the line come one by one
        while not told.endswith(b"\n"):
            part = os.read(read, 16) if select.select([read], [], [], 20)[0] else b""
            if not part:
                os.close(read)
                self.server.kill()
                self.server.wait()
                pytest.skip("Xvfb does not start")
            told += part
        os.close(read)
        self.display = f":{told.decode().strip()}"
        self.env = os.environ | {"DISPLAY": self.display, "PYTHONPATH": str(ROOT / "app")}
        command = [sys.executable, "-m", "ssdo", "view", "--width", "640", "--height", "360", *flags]
        self.viewer = subprocess.Popen(
            command, cwd=folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            self.until(lambda: bool(self.found()), 40, "a window")
            self.id = self.found()
            self.until(lambda: len(np.unique(self.pixels()[:300, :300])) > 20, 30, "a picture")
            self.do("windowfocus", self.id)
        except BaseException:
            self.end()
            raise

    def found(self) -> str:
        told = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", "SSAO and SSDO"],
            env=self.env,
            capture_output=True,
            text=True,
        )
        return told.stdout.split()[0] if told.stdout.split() else ""

    def until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if self.viewer.poll() is not None:
                raise AssertionError(f"the viewer ended: {self.viewer.communicate()}")
            assert time.monotonic() < end, f"{what} did not come in {seconds} s"
            time.sleep(0.05)

    def do(self, *words: Any) -> None:
        subprocess.run(["xdotool", *map(str, words)], env=self.env, check=True)

    def key(self, *names: str) -> None:
        self.do("key", *names)

    def drag(self, start: tuple[int, int], by: tuple[int, int], button: int = 1) -> None:
        self.do("mousemove", *start, "mousedown", button, "sleep", 0.1)
        for step in range(1, 6):
            self.do("mousemove", start[0] + by[0] * step // 5, start[1] + by[1] * step // 5, "sleep", 0.03)
        self.do("mouseup", button)

    def pixels(self) -> Bytes:
        """The display, (h, w, 3)."""
        return np.asarray(ImageGrab.grab(xdisplay=self.display).convert("RGB"))

    def changes(self, act: Callable[[], None], box: tuple[slice, slice]) -> None:
        """Act when that part of the display is at rest, and wait until it is another."""
        before = self.still(box)
        act()
        self.until(lambda: not np.array_equal(self.pixels()[box], before), 15, "a change")

    def still(self, box: tuple[slice, slice]) -> Bytes:
        """That part of the display, once it has been the same for longer than a picture that moved waits to become
        whole.
        """
        seen = [self.pixels()[box]]

        def rests() -> bool:
            time.sleep(3 * IDLE_DELAY)
            seen.append(self.pixels()[box])
            return np.array_equal(seen[-2], seen[-1])

        self.until(rests, 30, "rest")
        return seen[-1]

    def state(self) -> dict[str, Any]:
        """The shot of a screenshot taken now."""
        before = set(self.folder.glob("captures/*.png"))
        self.key("F12")
        self.until(lambda: bool(set(self.folder.glob("captures/*.png")) - before), 20, "a screenshot")
        return images.load_shot_values(
            max(set(self.folder.glob("captures/*.png")) - before, key=lambda p: (-len(p.name), p.name))
        )

    def end(self) -> None:
        for process in (self.viewer, self.server):
            if process.returncode is None:
                process.terminate()
                process.communicate()


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    if missing := [name for name in ("Xvfb", "xdotool") if not shutil.which(name)]:
        pytest.skip(f"{' and '.join(missing)} not installed")
    if not features.check("xcb"):
        pytest.skip("Pillow cannot read an X display")
    fast = [
        "--ssdo.samples",
        "4",
        "--ssdo.steps",
        "2",
        "--ssao.samples",
        "4",
        "--ssao.steps",
        "2",
        "--denoise.radius",
        "0",
    ]
    opened = Window(
        tmp_path_factory.mktemp("viewer"), "--scene", "ball", "--environment", "ramp-x", "--technique", "ssdo", *fast
    )
    yield opened
    opened.end()


PICTURE, PANEL = (slice(40, 300), slice(20, 300)), (slice(0, 360), slice(345, 640))
CENTRE = (150, 180)


def grab_of_first_slider(pixels: Bytes) -> tuple[int, int]:
    """Where the handle of the panel's uppermost slider is: the first narrow blue run in the right column."""
    part = pixels[75:360, 440:625].astype(int)
    blue = (part[..., 2] > part[..., 0] + 50) & (part[..., 2] > 120)
    for y, row in enumerate(blue):
        if 3 <= row.sum() <= 8:
            return 440 + int(np.flatnonzero(row).mean()), 75 + y + 6
    raise AssertionError("no slider is seen")


def test_window_keys_choose_techniques(window: Window) -> None:
    for number, technique in ((1, "off"), (2, "ssao"), (3, "ssdo"), (4, "ssdo")):
        window.key(str(number))
        state = window.state()
        assert state["technique"] == technique and state.get("ssdo.bounce", False) == (number == 4)
        assert (state["width"], state["height"]) == (640, 360)


def test_window_truth_grows(window: Window) -> None:
    window.key("5")
    first = window.state()
    assert (first["technique"], first["denoise.radius"]) == ("reference", 0)
    window.until(lambda: window.state()["accumulated_frames"] > first["accumulated_frames"] + 2, 30, "another frame")
    window.key("4")
    assert window.state()["accumulated_frames"] == 1


def test_window_plus_and_minus(window: Window) -> None:
    window.key("4", "plus", "plus")
    assert window.state()["ssdo.samples"] == 16
    window.key("minus", "minus")
    assert window.state()["ssdo.samples"] == 4


def test_window_drag_wheel_and_fly_move_the_camera(window: Window) -> None:
    start = window.state()
    window.drag(CENTRE, (60, 20))
    orbit = window.state()
    assert orbit["camera.target"] == start["camera.target"] and orbit["camera.eye"] != start["camera.eye"]
    window.do("mousemove", *CENTRE, "click", 4, "click", 4)
    zoomed = window.state()
    assert np.linalg.norm(zoomed["camera.eye"]) == pytest.approx(np.linalg.norm(orbit["camera.eye"]) * 0.88**2)
    window.drag(CENTRE, (40, 0), button=2)
    panned = window.state()
    assert panned["camera.target"] != zoomed["camera.target"]
    window.do(
        "mousemove", *CENTRE, "mousedown", 3, "sleep", 0.1, "keydown", "w", "sleep", 0.4, "keyup", "w", "mouseup", 3
    )
    assert window.state()["camera.eye"] != panned["camera.eye"]
    window.key("f")
    assert window.state()["camera.eye"] == start["camera.eye"]


def test_window_panel_keeps_the_mouse(window: Window) -> None:
    start = window.state()
    window.do("mousemove", *CENTRE, "mousemove", 500, 200, "click", 5, "click", 5, "click", 4, "click", 4, "click", 4)
    window.drag((348, 345), (-200, -100))
    assert window.state()["camera.eye"] == start["camera.eye"]
    window.do("mousemove", 500, 200, "sleep", 0.5, "mousemove", *CENTRE, "click", 4)
    assert window.state()["camera.eye"] != start["camera.eye"], "the picture has it as soon as it is there"
    window.key("f")


def test_window_slider_drags_resets_and_takes_text(window: Window) -> None:
    window.key("4")
    time.sleep(0.5)
    x, y = grab_of_first_slider(window.pixels())
    window.drag((x, y), (60, 0))
    window.until(lambda: window.state()["ssdo.samples"] > 8, 20, "the dragged value")
    window.do("mousemove", x, y, "click", 3)
    assert window.state()["ssdo.samples"] == 16
    window.do("keydown", "ctrl", "mousemove", x, y, "click", 1, "keyup", "ctrl", "sleep", 0.4)
    window.do("key", "ctrl+a", "1", "2", "Return", "sleep", 0.3)
    state = window.state()
    assert state["technique"] == "ssdo" and state["ssdo.samples"] == 12, "digits typed into a field choose no technique"
    window.do(
        "keydown", "ctrl", "mousemove", x, y, "click", 1, "keyup", "ctrl", "key", "ctrl+a", "1", "Return", "sleep", 0.5
    )
    assert window.state()["technique"] == "ssdo", "nor do they when they come before the click has been seen"


def test_window_split_and_divider(window: Window) -> None:
    window.key("4")
    before = set(window.folder.glob("captures/*.png"))
    window.changes(lambda: window.key("s"), PICTURE)
    time.sleep(1.0)
    rows = slice(60, 120)  # between labels and handle, above messages
    line = int(np.argmax(window.pixels()[rows, 5:330].min((0, 2)) > 235)) + 5
    window.changes(lambda: window.drag((line, 90), (80, 0)), PICTURE)
    window.key("shift+1")
    window.state()

    def saved() -> list[Path]:
        return sorted(
            p for p in set(window.folder.glob("captures/*.png")) - before if p.stem.endswith(("-left", "-right"))
        )

    window.until(lambda: len(saved()) == 2, 10, "each side's picture")
    left = saved()
    assert images.load_shot_values(left[0])["technique"] == "off"
    eye = images.load_shot_values(left[0])["camera.eye"]
    window.until(
        lambda: bool((window.pixels()[rows, line + 78 : line + 83].min((0, 2)) > 235).any()),
        10,
        "the divider, after the mouse,",
    )
    window.key("s")
    assert window.state()["camera.eye"] == eye, "dragging the divider does not turn the camera"


def test_window_help_and_panel(window: Window) -> None:
    window.changes(lambda: window.key("F1"), PICTURE)
    window.changes(lambda: window.key("Escape"), PICTURE)
    window.changes(lambda: window.key("F2"), PANEL)
    bare = window.pixels()[PANEL]
    window.changes(lambda: window.key("F2"), PANEL)
    assert window.pixels()[PANEL].mean() != pytest.approx(bare.mean(), abs=1)


def test_window_reload_and_resize(window: Window) -> None:
    window.key("F5")
    window.do("windowsize", window.id, 500, 300, "sleep", 0.3)
    state = window.state()
    assert (state["width"], state["height"]) == (500, 300)
    for width, height in ((1, 1), (17, 3), (900, 700), (640, 360)):
        window.do("windowsize", window.id, width, height, "sleep", 0.3)
    window.do("windowfocus", window.id)
    assert window.state()["width"] == 640


def test_window_at_rest_leaves_the_processor_alone(window: Window) -> None:
    window.state()
    time.sleep(8)

    def used() -> float:
        words = Path(f"/proc/{window.viewer.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    before = used()
    time.sleep(2)
    assert used() - before < 0.6


def test_window_closes(window: Window) -> None:
    window.key("ctrl+q")
    out, errors = window.viewer.communicate(timeout=10)
    assert window.viewer.returncode == 0 and not errors
    assert all(Path(line).is_file() and Path(line).is_absolute() for line in out.split("\n") if line)


def test_no_display_is_said_in_one_line(tmp_path: Path) -> None:
    code = "from ssdo.viewer import open_viewer; from ssdo.render.shot import Shot\ntry: open_viewer(Shot(scene='ball'), {})\nexcept Exception as e: print(type(e).__name__, e)"
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")} | {
        "PYTHONPATH": str(ROOT / "app")
    }
    told = subprocess.run([sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert re.match(r"NoOpenGLError no window can be opened \(.+\); .+\n$", told.stdout) and not told.stderr
