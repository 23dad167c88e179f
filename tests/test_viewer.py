"""The viewer: camera controls, keys, the session without a window, and a window under Xvfb."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import pytest
from PIL import Image, ImageGrab, features
from ssdo.arrays import Bytes, Doubles
from ssdo.gpu.context import Gpu
from ssdo.gpu.timer import PassTimer
from ssdo.measure import images
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.pipeline import FrameResult, render_all_frames
from ssdo.render.screen_space import HemisphereTechnique, SliceTechnique
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.render.techniques.gtao import Gtao
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.scene.built_in import fixtures
from ssdo.settings import Param, UserError, Vec3
from ssdo.viewer import controls, keys
from ssdo.viewer.action_buttons import BUTTONS, CHECKBOXES
from ssdo.viewer.controls import Pose
from ssdo.viewer.convergence import Convergence
from ssdo.viewer.cost import FrameCost
from ssdo.viewer.panel.panel import MAX_WIDTH_FRACTION
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.render_scheduler import IDLE_DELAY, PREVIEW_MS, Slot
from ssdo.viewer.screenshots import save_screenshot
from ssdo.viewer.session import Session
from ssdo.viewer.shared_params import sampling_params, shared_params
from ssdo.viewer.status import StatusLine, format_ms

ROOT = Path(__file__).parent.parent
POSE = Pose((1.0, 2.0, 5.0), (0.5, 0.25, -1.0), 40.0)
# The environment is not uniform: under a uniform one, SSAO and SSDO without bounce are equal.
VALUES = {"scene": "ball", "environment": "ramp-x", "ssdo.samples": 4, "ssdo.steps": 2, "denoise.radius": 0}


# ---- camera ----


def test_orbit_keeps_target_and_distance() -> None:
    """A drag to the right shows more of the left side of an object."""
    new_pose = controls.orbit(POSE, 30.0, 0.0)
    assert new_pose.target == POSE.target and new_pose.distance == pytest.approx(POSE.distance)
    assert controls.camera_axes(POSE)[0] @ np.subtract(new_pose.eye, POSE.eye) < 0


@pytest.mark.parametrize("rotate", [controls.orbit, controls.look_around])
def test_pitch_is_limited_and_the_camera_never_rolls(rotate: Callable[[Pose, float, float], Pose]) -> None:
    pose = POSE
    for _ in range(40):
        pose = rotate(pose, 17.0, -25.0)
        right, up, forward = controls.camera_axes(pose)
        assert abs(controls.heading_and_pitch(forward)[1]) <= controls.MAX_PITCH + 1e-9
        assert right[1] == pytest.approx(0.0, abs=1e-12) and up[1] > 0
    assert pose.distance == pytest.approx(POSE.distance)


def test_look_around_keeps_the_eye() -> None:
    new_pose = controls.look_around(POSE, 10.0, 5.0)
    assert new_pose.eye == POSE.eye
    old_angles, new_angles = (controls.heading_and_pitch(np.subtract(p.target, p.eye)) for p in (POSE, new_pose))
    assert np.subtract(new_angles, old_angles) == pytest.approx((10.0, 5.0))


def test_pan_moves_by_the_image_height() -> None:
    new_pose = controls.pan(POSE, 0.0, 1.0)
    offset = np.subtract(new_pose.eye, POSE.eye)
    assert offset == pytest.approx(np.subtract(new_pose.target, POSE.target))
    _, up, forward = controls.camera_axes(POSE)
    assert offset @ up == pytest.approx(2 * np.tan(np.radians(POSE.fov / 2)) * POSE.distance)
    assert offset @ forward == pytest.approx(0, abs=1e-9)


def test_dolly_multiplies_the_distance_within_limits() -> None:
    scene = fixtures.build_ball()
    assert controls.dolly(POSE, 0.5, scene).distance == pytest.approx(POSE.distance / 2)
    near, far = POSE, POSE
    for _ in range(400):
        near, far = controls.dolly(near, 0.8, scene), controls.dolly(far, 1.25, scene)
    assert 0 < near.distance < 0.01 * scene.bounding_radius
    assert scene.bounding_radius < far.distance < 100 * scene.bounding_radius
    angles = controls.heading_and_pitch(np.subtract(POSE.target, POSE.eye))
    assert controls.heading_and_pitch(np.subtract(near.target, near.eye)) == pytest.approx(angles, abs=1e-3)


def test_fly_moves_eye_and_target() -> None:
    new_pose = controls.fly(POSE, 0.0, 0.0, 2.0)
    assert np.subtract(new_pose.eye, POSE.eye) == pytest.approx(2 * controls.camera_axes(POSE)[2])
    assert controls.fly(POSE, 0.0, 3.0, 0.0).eye[1] == pytest.approx(POSE.eye[1] + 3)


@pytest.mark.parametrize("aspect", [0.2, 1.0, 4.0])
def test_fit_scene_fills_the_image(aspect: float) -> None:
    """All vertices lie in the middle 80 % of its width and height, and span one of them."""
    scene = fixtures.build_bowl()
    pose = controls.fit_scene(POSE, scene, aspect)
    right, up, forward = controls.camera_axes(pose)
    to_vertices = np.concatenate([mesh.positions for mesh in scene.meshes]) - pose.eye
    half_height = np.tan(np.radians(pose.fov) / 2) * (to_vertices @ forward)
    x, y = to_vertices @ right / (aspect * half_height), to_vertices @ up / half_height
    assert max(np.abs(x).max(), np.abs(y).max()) == pytest.approx(0.8, abs=1e-4)
    spans = [(values.max() - values.min()) / 2 for values in (x, y)]
    assert max(spans) == pytest.approx(0.8, abs=1e-4)
    angles = controls.heading_and_pitch(np.subtract(POSE.target, POSE.eye))
    assert controls.heading_and_pitch(forward) == pytest.approx(angles, abs=1e-6)


def project_point(pose: Pose, point: Doubles) -> Doubles:
    """Where a point is in the image, from its centre to the right and up, in fractions of its height."""
    axes = np.stack([*controls.image_axes(pose), controls.camera_axes(pose)[2]])
    x, y, z = axes @ (point - pose.eye)
    return np.array((x, y)) / (pose.height or 2 * math.tan(math.radians(pose.fov) / 2) * z)


@pytest.mark.parametrize("height", [None, 2.5])
@pytest.mark.parametrize("roll", [0.0, 30.0])
@pytest.mark.parametrize("cursor", [(0.0, 0.0), (-0.7, 0.4), (0.3, -0.5)])
def test_dolly_keeps_what_is_under_the_cursor(cursor: tuple[float, float], roll: float, height: float | None) -> None:
    pose = POSE._replace(roll=roll, height=height)
    right, up = controls.image_axes(pose)
    point = np.array(pose.target) + (right * cursor[0] + up * cursor[1]) * pose.height_at_target
    assert project_point(pose, point) == pytest.approx(cursor)
    for ratio in (0.5, 1.5):
        moved = controls.dolly(pose, ratio, fixtures.build_bowl(), cursor)
        assert project_point(moved, point) == pytest.approx(cursor, abs=1e-9)
        assert moved.height_at_target == pytest.approx(ratio * pose.height_at_target)
        assert controls.camera_axes(moved)[2] == pytest.approx(controls.camera_axes(pose)[2])


def test_center_on_pans_to_a_point_and_orbits_about_it() -> None:
    point = (0.3, -0.2, 0.7)
    centered = controls.center_on(POSE, point)
    assert project_point(centered, np.array(point)) == pytest.approx((0, 0), abs=1e-9) and centered.target == point
    assert controls.camera_axes(centered)[2] == pytest.approx(controls.camera_axes(POSE)[2])
    depths = [np.subtract(point, pose.eye) @ controls.camera_axes(pose)[2] for pose in (POSE, centered)]
    assert depths[0] == pytest.approx(depths[1]), "as large as before"


def count_surfaces(corners: Doubles, start: Vec3, end: Vec3) -> int:
    """How many triangles (n, 3, 3) lie between two points: by their planes and edges, unlike the viewer."""
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    heights = [((np.array(point) - corners[:, 0]) * normal).sum(1) for point in (start, end)]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = heights[0] / (heights[0] - heights[1])
    crossing = start + np.where((t > 0) & (t < 1), t, np.nan)[:, None] * np.subtract(end, start)
    sides = [
        (np.cross(corners[:, (i + 1) % 3] - corners[:, i], crossing - corners[:, i]) * normal).sum(1) > 0
        for i in range(3)
    ]
    return int(np.all(sides, axis=0).sum())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["courtyard", "room"])
def test_orbit_does_not_leave_a_room(gpu: Gpu, name: str) -> None:
    """Whatever the drags from the scene's own camera: a step that would cross a wall is left out, or one part of it."""
    session = Session(gpu, Shot(scene=name), {})
    session.size = (64, 36)
    low, high = session.scene.subject.low, session.scene.subject.high
    corners = np.concatenate([mesh.positions[mesh.triangles] for mesh in session.scene.meshes]).astype("f8")
    rng = np.random.default_rng(1)
    move_count = blocked_count = 0
    for heading, pitch in rng.uniform((-5, -30), (40, 20), (20, 2)):
        pose, free_pose = session.pose, controls.orbit(session.pose, heading, pitch)
        session.orbit(float(heading), float(pitch))
        if session.pose != pose:
            move_count += 1
            is_through = count_surfaces(corners, pose.eye, session.pose.eye) > 0
            assert not is_through or count_surfaces(corners, session.pose.target, session.pose.eye) <= count_surfaces(
                corners, pose.target, pose.eye
            )
            assert session.pose.distance == pytest.approx(pose.distance)
        blocked_count += session.pose != free_pose
    assert move_count > 5 and blocked_count > 0
    center = (low + high) / 2
    session.move_camera(session.pose._replace(eye=(float(center[0]), float(high[1]) + 50.0, float(center[2]) + 1.0)))
    outside = session.pose
    session.orbit(30.0, 0.0)
    assert session.pose != outside, "nothing stops the camera outside"


# ---- keys ----


def find_action(name: str, **modifiers: bool) -> str:
    """The action of a key press; empty if there is none."""
    key = keys.find_key(name, **modifiers)
    return key.action if key else ""


@pytest.mark.slow
def test_every_key_has_an_action(gpu: Gpu, tmp_path: Path) -> None:
    actions = pytest.importorskip("ssdo.viewer.actions", exc_type=ImportError).Actions
    panel = pytest.importorskip("ssdo.viewer.panel.panel", exc_type=ImportError).Panel
    session, preferences = Session(gpu, Shot(scene="ball"), {}), Preferences(tmp_path)
    handlers = actions(session, panel(session, None, preferences), preferences, None).handlers
    of_keys = {key.action for key in keys.all_keys() if key.action}
    of_buttons = {button.action for row in BUTTONS.values() for button in row} | CHECKBOXES.keys()
    assert {action.partition(" ")[0] for action in of_keys | of_buttons} == handlers.keys()
    assert find_action("NUMBER_3") == "mode SSDO direct"
    assert find_action("NUMBER_3", shift=True) == "mode-A SSDO direct"
    assert find_action("Q", ctrl=True) == "quit" and find_action("Q") == ""
    assert keys.find_character_action("+") == "more-samples"


def test_every_mode_has_a_key() -> None:
    modes = Technique.all_modes()
    assert [find_action(f"NUMBER_{mode.key}") for _, mode in modes] == [f"mode {mode.label}" for _, mode in modes]
    assert {kind.group for kind, _ in modes} == set(Technique.known)


def test_no_key_has_two_actions() -> None:
    combinations = [(name, k.shift, k.ctrl, k.alt) for k in keys.all_keys() for name in k.names]
    assert len(combinations) == len(set(combinations))


def test_table_lists_every_key_once() -> None:
    rows = keys.table().splitlines()[2:]
    assert len(rows) == len({row.split("|")[1] for row in rows}) == len([k for k in keys.all_keys() if k.label])


# ---- session ----


class FakeClock:
    """A clock that is advanced by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class SessionRunner:
    """A session, and a framebuffer to draw its view into."""

    def __init__(self, gpu: Gpu, **values: Any) -> None:
        self.gpu = gpu
        self.clock = FakeClock()
        ssao = Technique.by_name("ssao")().with_values({"samples": 4, "steps": 2})
        self.session = Session(gpu, Shot().with_values(VALUES | values), {"ssao": ssao}, now=self.clock)

    def render_idle(self, width: int = 64, height: int = 36) -> Bytes:
        """The view when nothing changes any more: (h, w, 3), row 0 on top."""
        for _ in range(20):
            self.clock.now += 10.0
            if not self.session.step((width, height)):
                break
        return self.read_view()

    def read_view(self) -> Bytes:
        """Draw the view without rendering: (h, w, 3), row 0 on top."""
        size = self.session.size
        framebuffer = self.gpu.ctx.framebuffer([self.gpu.ctx.texture(size, 4)])
        self.session.draw_view(framebuffer)
        return np.frombuffer(framebuffer.read(components=3, alignment=1), "u1").reshape(size[1], size[0], 3)[::-1]

    @property
    def status(self) -> str:
        return StatusLine(self.session).text

    def result(self, slot: Slot) -> FrameResult:
        result = self.session.renders[slot].result
        assert result is not None
        return result


@pytest.fixture
def runner(gpu: Gpu) -> Iterator[SessionRunner]:
    yield SessionRunner(gpu)
    free_targets(gpu, "A", "B")


@contextlib.contextmanager
def open_split(gpu: Gpu, **values: Any) -> Iterator[SessionRunner]:
    """A session with SSAO beside the shot's technique, rendered."""
    runner = SessionRunner(gpu, **values)
    runner.session.toggle_split()
    runner.render_idle()
    yield runner
    free_targets(gpu, "A", "B", "reference", "A antialiased", "B antialiased")


def free_targets(gpu: Gpu, *scopes: str) -> None:
    """Free all targets of scopes."""
    for scope in scopes:
        gpu.free_scope(scope)


def assert_all_differ(views: list[Bytes], minimum: int = 2) -> None:
    """Each pair of images has pixels that differ by more than a minimum."""
    signed_views = [view.astype(int) for view in views]
    assert all(np.abs(a - b).max() > minimum for i, a in enumerate(signed_views) for b in signed_views[:i])


def test_shows_the_rendered_image(runner: SessionRunner) -> None:
    view = runner.render_idle()
    assert np.array_equal(view, images.read_display(runner.result("B")))
    assert runner.status.startswith("SSDO, 4 directions, 2 steps, radius ") and "64x36 at 100 %" in runner.status


def test_an_idle_image_is_not_rendered_again(runner: SessionRunner) -> None:
    runner.render_idle()
    draw_count = runner.session.scheduler.draw_count
    for _ in range(50):
        runner.clock.now += 0.02
        assert not runner.session.step((64, 36))
    assert runner.session.scheduler.draw_count == draw_count


def test_modes_choose_techniques(runner: SessionRunner) -> None:
    session, views = runner.session, []
    session.change({"scene": "corner"})
    for label in ("off", "SSAO", "SSDO direct", "SSDO", "GTAO", "bitmask"):
        session.choose_mode("B", label)
        assert session.slots.mode_label("B") == label
        views.append(runner.render_idle())
    assert_all_differ(views)
    session.choose_mode("B", "SSDO")
    assert session.slots.techniques["B"].values()["samples"] == 4, "a technique keeps its settings"


def test_a_label_without_a_mode_names_the_difference(runner: SessionRunner) -> None:
    assert runner.session.change({"ssdo.direct": False})
    assert runner.session.slots.mode("B") is None and runner.session.slots.mode_label("B") == "SSDO, no direct"


def test_split_shows_both_slots_beside_the_divider(runner: SessionRunner) -> None:
    session, slots = runner.session, runner.session.slots
    session.toggle_split()
    runner.render_idle()
    assert (slots.mode_label("A"), slots.mode_label("B")) == ("SSAO", "SSDO")
    session.display.divider = 0.25
    view = runner.read_view()
    left, right = (images.read_display(runner.result(slot)) for slot in session.visible_slots)
    assert np.array_equal(view[:, :14], left[:, :14]) and np.array_equal(view[:, 18:], right[:, 18:])
    draw_count, result = session.scheduler.draw_count, runner.result("B")
    session.choose_mode("A", "off")
    runner.render_idle()
    assert runner.result("B") is result, "the unchanged slot is not rendered"
    assert session.scheduler.draw_count - draw_count <= 6, "A is rendered once, and five times for its time"
    slots.swap()
    assert (slots.mode_label("A"), slots.mode_label("B")) == ("SSDO", "off")


def test_split_shows_two_techniques(gpu: Gpu) -> None:
    session = Session(gpu, Shot(scene="ball", technique=Technique.by_name("ssao")()), {})
    session.toggle_split()
    assert (session.slots.mode_label("A"), session.slots.mode_label("B")) == ("SSAO", "SSDO")


def test_split_leaves_two_techniques_that_are_in_no_mode(runner: SessionRunner) -> None:
    slots = runner.session.slots
    slots.techniques = {"A": Ssdo(direct=False, bounce=False), "B": Ssdo(direct=False)}
    previous_techniques = dict(slots.techniques)
    assert slots.mode("A") is slots.mode("B") is None
    runner.session.toggle_split()
    assert slots.techniques == previous_techniques


def test_samples_double_and_halve_within_their_range(runner: SessionRunner) -> None:
    session, slots = runner.session, runner.session.slots
    session.toggle_split()
    session.multiply_samples(2.0)
    assert [slots.techniques[slot].values()["samples"] for slot in session.visible_slots] == [8, 8]
    for ratio, limit in ((2.0, 256), (0.5, 1)):
        for _ in range(12):
            session.multiply_samples(ratio)
        assert slots.techniques["B"].values()["samples"] == limit
    session.choose_mode("A", "off")
    session.choose_mode("B", "off")
    session.multiply_samples(2.0)
    assert "no samples" in session.message
    session.choose_mode("B", "GTAO")
    slots.techniques["B"] = Gtao(slices=4)
    session.multiply_samples(2.0)
    assert slots.techniques["B"] == Gtao(slices=8) and session.message == "no samples, 8 slices"


def test_slices_and_directions_keep_equal_fetches(gpu: Gpu) -> None:
    """16 directions of 8 steps and 4 slices of 2 x 16 steps. Neither leaves the range of the other."""
    runner = SessionRunner(gpu, scene="corner", technique="ssdo", **{"ssdo.samples": 16, "ssdo.steps": 8})
    session, slots = runner.session, runner.session.slots

    def sample_counts() -> tuple[int, int]:
        return slots.techniques["A"].sample_count, slots.techniques["B"].sample_count

    assert {slots.last_used[name].fetches for name in ("ssdo", "gtao", "bitmask")} == {128}
    session.choose_mode("A", "bitmask")
    session.choose_view("split")
    runner.render_idle()
    assert "A: bitmask, 4 slices, 2 x 16 steps" in runner.status and "B: SSDO, 16 directions, 8 steps" in runner.status
    changes: tuple[tuple[str, Any, Slot, tuple[int, int]], ...] = (
        ("ssdo.samples", 32, "B", (8, 32)),
        ("bitmask.slices", 2, "A", (2, 8)),
        ("bitmask.steps", 32, "A", (2, 16)),
        ("ssdo.steps", 16, "B", (4, 16)),
        ("ssdo.visibility", "single-sample", "B", (1, 16)),
        ("ssdo.visibility", "ray-march", "B", (4, 16)),
    )
    for name, value, slot, expected in changes:
        assert session.change({name: value}, slot)
        assert sample_counts() == expected, name
    assert session.change({"ssdo.radius": 0.3, "ssdo.thickness": 0.1}, "B")
    values = slots.techniques["A"].values()
    assert values["radius"] == 0.3 and values["thickness"] == 0.1
    gtao_values = slots.last_used["gtao"].values()
    assert gtao_values["radius"] == 0.3 and "visibility" not in gtao_values
    for _ in range(4):
        session.multiply_samples(0.5)
    assert sample_counts() == (1, 4), "one slice is the minimum"
    session.set_linked("bitmask.slices", False)
    assert session.change({"ssdo.samples": 16}, "B") and slots.techniques["A"].sample_count == 1
    session.set_linked("bitmask.slices", True)
    assert session.change({"ssdo.samples": 32}, "B") and slots.techniques["A"].sample_count == 8


def test_shared_parameters_are_those_of_technique_families() -> None:
    hemisphere, slices = ({f.name for f in fields(family)} for family in (HemisphereTechnique, SliceTechnique))
    assert shared_params() == hemisphere | slices
    assert sampling_params() == {"samples", "visibility", "slices", "steps"}


def test_linked_parameters_change_in_all_techniques(runner: SessionRunner) -> None:
    session, slots = runner.session, runner.session.slots
    assert session.change({"ssdo.radius": 2.0})
    slots.choose_technique("B", "ssao")
    assert slots.techniques["B"].values()["radius"] == 2.0
    session.set_linked("ssdo.radius", False)
    assert session.change({"ssao.radius": 3.0})
    assert slots.last_used["ssdo"].values()["radius"] == 2.0
    assert session.change({"ssao.radius": None}) and "radius" not in slots.techniques["B"].values()


def test_errors_are_one_line_and_change_nothing(runner: SessionRunner, tmp_path: Path) -> None:
    session = runner.session
    view, shared_values = runner.render_idle(), session.slots.shared
    (tmp_path / "bad.glb").write_bytes(b"not a scene")
    for values in (
        {"scene": "nowhere"},
        {"environment": "nowhere.hdr"},
        {"scene": str(tmp_path / "missing.glb")},
        {"scene": str(tmp_path / "bad.glb")},
        {"ssdo.radius": -1.0},
        {"ssao.radius": 1.0},
    ):
        assert not session.change(values)
        assert session.error and "\n" not in session.error and session.slots.shared == shared_values
    assert np.array_equal(runner.render_idle(), view)
    assert session.change({"display.exposure": 1.0}) and not session.error


def test_a_failed_frame_keeps_the_image(runner: SessionRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    view = runner.render_idle()
    calls = []

    def fail(*_: Any) -> None:
        calls.append(1)
        raise UserError("no memory; ask for less")

    monkeypatch.setattr("ssdo.viewer.render_scheduler.render_frame", fail)
    runner.session.change({"sun.irradiance": 2.0})
    assert np.array_equal(runner.render_idle(), view)
    assert runner.session.error == "no memory; ask for less" and len(calls) == 1, "it is not tried again"


def test_another_scene_resets_the_camera(runner: SessionRunner) -> None:
    session = runner.session
    runner.render_idle()
    session.move_camera(controls.orbit(session.pose, 20.0, 0.0))
    assert session.change({"scene": "bowl"})
    assert session.slots.shared.camera.eye is None and session.slots.shared.sun == Shot().sun
    assert runner.render_idle().std() > 0


def test_frame_scene_resets_the_camera_then_fits_the_scene(runner: SessionRunner) -> None:
    runner.render_idle()
    session = runner.session
    scene_pose = session.pose
    session.move_camera(controls.fly(scene_pose, 1.0, 2.0, 3.0))
    session.frame_scene()
    assert session.pose == scene_pose
    session.frame_scene()
    assert session.pose.distance > session.scene.bounding_radius


@pytest.mark.slow
def test_reload_keeps_programs_that_do_not_compile(
    runner: SessionRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, session = runner.gpu, runner.session
    view = runner.render_idle()
    with monkeypatch.context() as patch:
        (tmp_path / "passes").mkdir(exist_ok=True)
        (tmp_path / "passes/composite.frag").write_text("this is no shader\n")
        patch.setattr(gpu.shaders, "folders", (tmp_path, *gpu.shaders.folders))
        session.reload_shaders()
        assert session.error.startswith("shaders/passes/composite.frag:1") and "\n" not in session.error
        assert np.array_equal(runner.render_idle(), view) and session.error
    session.reload_shaders()
    assert not session.error and np.array_equal(runner.render_idle(), view)


# ---- scheduling ----


@pytest.mark.slow
def test_interaction_renders_a_preview_until_idle(runner: SessionRunner) -> None:
    session, size = runner.session, (640, 360)
    runner.render_idle(*size)
    session.renders["B"].costs["ssdo"].record(640 * 360, 300.0)
    session.move_camera(controls.orbit(session.pose, 5.0, 0.0))
    runner.clock.now += 1
    assert session.step(size, is_interacting=True)
    assert runner.result("B").display.size == (240, 135) and "preview at 37.5 %" in runner.status
    assert runner.read_view().shape == (360, 640, 3)
    runner.clock.now += 0.1
    assert not session.step(size)
    runner.clock.now += 1
    assert session.step(size) and session.renders["B"].scale == 1 and "at 100 %" in runner.status


def test_a_preview_is_as_large_as_is_fast_enough(runner: SessionRunner) -> None:
    """Also if much of the frame time does not depend on the size."""
    session, size = runner.session, (640, 360)
    runner.render_idle(*size)
    cost = session.renders["B"].costs["ssdo"]
    for pixels in (640 * 360, 80 * 45):  # the latest one is small
        cost.record(pixels, PREVIEW_MS[runner.gpu.is_software_renderer] * (0.3 + 0.6 * pixels / (480 * 270)))
    session.move_camera(controls.orbit(session.pose, 5.0, 0.0))
    runner.clock.now += 1
    assert session.step(size, is_interacting=True) and session.renders["B"].scale == 0.75


@pytest.mark.slow
def test_the_first_frame_of_a_size_is_not_measured(runner: SessionRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """It renders passes that later ones take from the cache, so that the preview's size would alternate."""
    session, size = runner.session, (640, 360)
    runner.render_idle(*size)
    cost, pixel_counts = session.renders["B"].costs["ssdo"], []
    cost.record(640 * 360, 10.0 * PREVIEW_MS[runner.gpu.is_software_renderer])
    monkeypatch.setattr(FrameCost, "record", lambda self, pixels, milliseconds: pixel_counts.append(pixels))
    scales = []
    for degrees in range(1, 4):
        session.change({"sky.rotation": float(degrees)})
        runner.clock.now += 0.1
        session.step(size, is_interacting=True)
        scales.append(session.renders["B"].scale)
    assert len(set(scales)) == 1 and scales[0] < 1
    assert pixel_counts == [round(640 * scales[0]) * round(360 * scales[0])] * 2


@pytest.mark.parametrize(("fixed_ms", "ms_per_pixel"), [(0.0, 1e-4), (24.0, 3e-4), (5.0, 0.0)])
def test_cost_is_linear_in_the_pixel_count(fixed_ms: float, ms_per_pixel: float) -> None:
    cost = FrameCost()
    for pixels in (14400, 921600, 129600):
        cost.record(pixels, fixed_ms + ms_per_pixel * pixels)
    for pixels in (1, 57600, 8294400):
        assert cost.predict(pixels) == pytest.approx(fixed_ms + ms_per_pixel * pixels)


def test_cost_of_one_size_is_proportional_and_never_negative() -> None:
    cost = FrameCost()
    cost.record(1000, 5.0)
    assert cost.predict(4000) == pytest.approx(20.0) and cost.predict(0) == 0
    cost.record(4000, 4.0)  # with fewer samples
    assert 0 < cost.predict(1000) <= 4.0
    cost.record(1000, 1.0)
    assert cost.predict(1) >= 0 and cost.predict(4000) == pytest.approx(4.0)


def test_every_window_size_is_rendered(runner: SessionRunner) -> None:
    gpu, session = runner.gpu, runner.session
    session.toggle_split()
    large = (1920, 1080) if gpu.is_software_renderer else (3840, 2160)
    for size in ((1, 1), (17, 3), (640, 360), large, (0, 0)):
        session.choose_mode("B", "off")
        session.step(size)
        if min(size):
            assert session.renders["B"].result and runner.read_view().shape == (size[1], size[0], 3)
    assert gpu.ctx.error == "GL_NO_ERROR"


def test_noise_of_a_mean_is_estimated() -> None:
    """For frames of known noise, within 4 standard errors of an RMS over n values, 1 / sqrt(2 n)."""
    rng, convergence, total = np.random.default_rng(0), Convergence(), np.zeros((20_000, 3))
    assert convergence.noise is None and convergence.text == "0 frames"
    for count in range(1, 41):
        total += 1 + 0.5 * rng.standard_normal(total.shape)
        convergence.add_frame(lambda: (total / count).astype("f4"))  # noqa: B023 - called at once or never
        assert convergence.frame_count == count and (convergence.noise is None) == (count == 1)
        if convergence.noise is not None:
            assert convergence.noise == pytest.approx(0.5 / np.sqrt(count), rel=4 / np.sqrt(2 * total.size))
    assert convergence.text == "40 frames, noise 0.079"


@pytest.mark.slow
def test_the_reference_converges_while_nothing_changes(runner: SessionRunner, tmp_path: Path) -> None:
    """Each step is a frame. A screenshot after 5 frames equals a capture of 5 frames without denoising, bit for bit."""
    session = runner.session
    session.choose_mode("B", "reference")
    session.change({"denoise.radius": 4})
    for frame_count in range(1, 6):
        runner.clock.now += 10
        assert session.step((64, 36)) and session.renders["B"].convergence.frame_count == frame_count
        assert f"{frame_count} frame" in runner.status
    assert "noise " in runner.status and "64x36 at 100 %" in runner.status
    assert not session.step((64, 36), is_interacting=True), "interaction comes first"
    (path,) = save_screenshot(session, tmp_path)
    values = images.load_shot_values(path)
    assert (values["technique"], values["accumulated_frames"], values["denoise.radius"]) == ("reference", 5, 0)
    capture = images.read_display(render_all_frames(runner.gpu, Shot().with_values(values)))
    with Image.open(path) as file:
        assert np.array_equal(np.asarray(file), capture)
    session.change({"display.exposure": 0.5})
    assert session.step((64, 36)) and session.renders["B"].convergence.frame_count == 5, "tone-mapped, not rendered"
    session.change({"sun.irradiance": 2.0})
    assert session.step((64, 36)) and session.renders["B"].convergence.frame_count == 1


@pytest.mark.slow
def test_a_converging_slot_does_not_render_the_other(runner: SessionRunner) -> None:
    session = runner.session
    session.toggle_split()
    session.choose_mode("B", "reference")
    runner.render_idle()
    draw_count, ssao_result = session.scheduler.draw_count, session.renders["A"].result
    runner.clock.now += 10
    assert session.step((64, 36))
    assert session.scheduler.draw_count == draw_count + 1 and session.renders["A"].result is ssao_result


def test_a_slow_reference_is_smaller_than_the_window(runner: SessionRunner, tmp_path: Path) -> None:
    """Its size stays while it converges, and its screenshot has that size."""
    session, size = runner.session, (320, 180)
    session.choose_mode("B", "reference")
    render = session.renders["B"]
    for _ in range(6):
        render.costs["reference"] = FrameCost()
        render.costs["reference"].record(320 * 180, 8000.0)
        runner.clock.now += 10
        assert session.step(size)
    frame_count = render.convergence.frame_count
    assert render.scale == 0.25 and frame_count > 2 and "320x180 at 25 %" in runner.status
    (path,) = save_screenshot(session, tmp_path)
    values = images.load_shot_values(path)
    assert (values["width"], values["height"], values["accumulated_frames"]) == (80, 45, frame_count)
    with Image.open(path) as file:
        assert file.size == (80, 45)


@pytest.mark.slow
def test_resizing_leaks_no_objects(runner: SessionRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = moderngl.Texture, moderngl.Framebuffer, moderngl.VertexArray, moderngl.Buffer

    def count_objects() -> list[int]:
        return [sum(isinstance(o, kind) for o in gc.get_objects()) for kind in kinds]

    # A timer that is not enabled: on a software renderer an enabled one waits for every pass.
    monkeypatch.setattr(runner.session.scheduler, "_start_timer", lambda: PassTimer(runner.gpu.ctx))
    runner.session.choose_mode("B", "off")
    runner.render_idle(16, 9)
    target_count = len(runner.gpu.targets)
    gc.collect()
    old_counts = count_objects()
    gc.disable()  # objects must be freed at once: the garbage collector does not know the size of a texture
    try:
        for i in range(500):
            runner.clock.now += 0.01
            runner.session.step((16 + i % 50, 9 + i % 30), is_interacting=True)
        assert all(new <= old for new, old in zip(count_objects(), old_counts, strict=True))
        assert len(runner.gpu.targets) == target_count
    finally:
        gc.enable()


# ---- views ----


def test_targets_of_an_earlier_technique_are_freed(runner: SessionRunner) -> None:
    session = runner.session
    runner.render_idle()
    assert any("ssdo" in name for name in session.view_renderer.buffers("B"))
    session.choose_mode("B", "SSAO")
    runner.render_idle()
    assert not any("ssdo" in name for name in session.view_renderer.buffers("B"))


@pytest.mark.slow
def test_every_buffer_can_be_shown(runner: SessionRunner) -> None:
    session, gpu = runner.session, runner.gpu
    runner.render_idle()
    views = {}
    for name in session.view_renderer.buffers("B"):
        session.display.buffer = name
        views[name] = runner.read_view()
    assert len(views) > 15
    assert views["normals"][-1, 32] == pytest.approx((128, 255, 128), abs=1), "the floor's normal is up"
    grey = views["depth"].astype(int)
    assert grey[2, 32, 0] < grey[-3, 32, 0] and (grey[..., 0] == grey[..., 2]).all(), "near surfaces are brighter"
    result = runner.result("B")
    depth = gpu.read(result.inputs.gbuffer.depth)[..., 0]
    near, far = np.percentile(depth[depth < BACKGROUND_DEPTH], (0.5, 99.5))
    expected = np.where(depth < BACKGROUND_DEPTH, 1 - 0.9 * np.clip((depth - near) / (far - near), 0, 1), 0)
    assert np.abs(views["depth"][..., 0] / 255 - expected).max() < 0.6 / 255
    visibility = gpu.read(result.lighting.direct)[..., 3]
    assert np.abs(views["ambient visibility"][..., 0] / 255 - visibility).max() < 0.01
    session.display.buffer = "radiance *"
    dark = runner.read_view()
    session.display.exposure = 2.0
    assert runner.read_view().mean() > dark.mean()


def test_a_screenshot_is_the_view_and_stores_its_shot(runner: SessionRunner, tmp_path: Path) -> None:
    session = runner.session
    view = runner.render_idle()
    (path,) = save_screenshot(session, tmp_path)
    with Image.open(path) as file:
        assert np.array_equal(np.asarray(file), view)
    assert Shot().with_values(images.load_shot_values(path)) == runner.result("B").shot
    assert path.is_absolute() and str(path) in session.message
    session.toggle_split()
    runner.render_idle()
    both_path, left_path, right_path = save_screenshot(session, tmp_path)
    assert images.load_shot_values(left_path)["technique"] == "ssao"
    assert images.load_shot_values(right_path)["technique"] == "ssdo"
    with Image.open(both_path) as file:
        assert np.array_equal(np.asarray(file), runner.read_view())


def test_time_advances_only_in_animated_scenes(runner: SessionRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    session = runner.session
    session.is_playing = True
    session.advance_time(0.5)
    assert session.slots.shared.time == 0
    monkeypatch.setattr("ssdo.viewer.session.is_animated", lambda name: True)
    session.advance_time(0.5)
    assert session.slots.shared.time == 0.5


def test_a_missing_scene_is_an_error_at_the_start(gpu: Gpu) -> None:
    with pytest.raises(UserError, match="no scene nowhere"):
        Session(gpu, Shot(scene="nowhere"), {})


def test_times_have_three_digits() -> None:
    assert [format_ms(t) for t in (0.01234, 8.0, 83.26, 1234.5)] == ["0.0123 ms", "8 ms", "83.3 ms", "1234 ms"]


def test_wide_sliders_are_narrowed_around_the_default() -> None:
    slider_range = pytest.importorskip("ssdo.viewer.parameter_row", exc_type=ImportError).slider_range
    radius = Param(1e-4, 1e4, unit="m", log=True)
    assert slider_range(radius, 1.5, 1.5) == pytest.approx((0.03, 30.0))
    assert slider_range(radius, 500.0, 1.5) == pytest.approx((0.03, 500.0)), "a typed value is in range"
    assert slider_range(radius, 1e-3, 1e-3)[0] == 1e-4
    assert slider_range(Param(1, 256, log=True), 16, 16) == (1, 256)
    assert slider_range(Param(0.0, 1e4, log=True), 1.0, 1.0) == (0.0, 20.0)
    assert slider_range(Param(-20.0, 20.0, unit="EV"), 0.0, 0.0) == (-8.0, 8.0)


# ---- window ----


VIEWPORT_WIDTH = round(640 * (1 - MAX_WIDTH_FRACTION))  # what the panel leaves of a window of 640 pixels


class ViewerWindow:
    """The viewer in a process and on a display of its own. Its state is read from the shots of screenshots."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder
        self.server, self.display = start_xvfb()
        self.env = os.environ | {"DISPLAY": self.display, "PYTHONPATH": str(ROOT / "app")}
        command = [sys.executable, "-m", "ssdo", "view", "--width", "640", "--height", "360", *flags]
        self.viewer = subprocess.Popen(
            command, cwd=folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            self.wait_until(lambda: bool(self.find_window()), 40, "window")
            self.id = self.find_window()
            self.wait_until(lambda: len(np.unique(self.read_display()[:300, 400:640])) > 20, 30, "panel")
            self.run_xdotool("windowfocus", self.id)
        except BaseException:
            self.close()
            raise

    def find_window(self) -> str:
        """The window's identifier; empty if there is none."""
        command = ["xdotool", "search", "--onlyvisible", "--name", "SSAO and SSDO"]
        process = subprocess.run(command, env=self.env, capture_output=True, text=True)
        return next(iter(process.stdout.split()), "")

    def wait_until(self, condition: Callable[[], bool], seconds: float, description: str) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if self.viewer.poll() is not None:
                raise AssertionError(f"the viewer has ended: {self.viewer.communicate()}")
            assert time.monotonic() < end, f"no {description} within {seconds} s"
            time.sleep(0.05)

    def run_xdotool(self, *arguments: Any) -> None:
        subprocess.run(["xdotool", *map(str, arguments)], env=self.env, check=True)

    def press_key(self, *names: str) -> None:
        self.run_xdotool("key", *names)

    def drag(self, start: tuple[int, int], offset: tuple[int, int], button: int = 1) -> None:
        self.run_xdotool("mousemove", *start, "mousedown", button, "sleep", 0.1)
        for step in range(1, 6):
            x, y = start[0] + offset[0] * step // 5, start[1] + offset[1] * step // 5
            self.run_xdotool("mousemove", x, y, "sleep", 0.03)
        self.run_xdotool("mouseup", button)

    def read_display(self) -> Bytes:
        """The display, (h, w, 3)."""
        return np.asarray(ImageGrab.grab(xdisplay=self.display).convert("RGB"))

    def assert_changes(self, act: Callable[[], None], region: tuple[slice, slice]) -> None:
        """Wait until a region of the display is idle, act, and wait until the region changes."""
        idle = self.wait_idle(region)
        act()
        self.wait_until(lambda: not np.array_equal(self.read_display()[region], idle), 15, "change")

    def wait_idle(self, region: tuple[slice, slice]) -> Bytes:
        """A region of the display, once it stays the same for longer than a preview does."""
        images = [self.read_display()[region]]

        def is_idle() -> bool:
            time.sleep(3 * IDLE_DELAY)
            images.append(self.read_display()[region])
            return np.array_equal(images[-2], images[-1])

        self.wait_until(is_idle, 30, "idle display")
        return images[-1]

    def list_screenshots(self) -> set[Path]:
        return set(self.folder.glob("captures/*.png"))

    def read_state(self) -> dict[str, Any]:
        """The values of a screenshot's shot; of several, that with the shortest name."""
        old_paths = self.list_screenshots()
        self.press_key("F12")
        self.wait_until(lambda: bool(self.list_screenshots() - old_paths), 20, "screenshot")
        path = max(self.list_screenshots() - old_paths, key=lambda p: (-len(p.name), p.name))
        return images.load_shot_values(path)

    def close(self) -> None:
        for process in (self.viewer, self.server):
            if process.returncode is None:
                process.terminate()
                process.communicate()


def start_xvfb() -> tuple[subprocess.Popen[bytes], str]:
    """Start a display server. Returns its process and the display's name."""
    read_end, write_end = os.pipe()
    # Without -noreset, the server restarts when its last client leaves, and refuses clients meanwhile.
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=[write_end],
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    number = b""  # the number and the end of the line arrive in parts
    while not number.endswith(b"\n"):
        part = os.read(read_end, 16) if select.select([read_end], [], [], 20)[0] else b""
        if not part:
            os.close(read_end)
            server.kill()
            server.wait()
            pytest.skip("Xvfb does not start")
        number += part
    os.close(read_end)
    return server, f":{number.decode().strip()}"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ViewerWindow]:
    if missing := [name for name in ("Xvfb", "xdotool") if not shutil.which(name)]:
        pytest.skip(f"{' and '.join(missing)} not installed")
    if not features.check("xcb"):
        pytest.skip("Pillow cannot read an X display")
    scene = ["--scene", "ball", "--environment", "ramp-x", "--technique", "ssdo"]
    ssdo = ["--ssdo.samples", "4", "--ssdo.steps", "2"]
    ssao = ["--ssao.samples", "4", "--ssao.steps", "2"]
    viewer_window = ViewerWindow(tmp_path_factory.mktemp("viewer"), *scene, *ssdo, *ssao, "--denoise.radius", "0")
    yield viewer_window
    viewer_window.close()


IMAGE, PANEL = (slice(40, 300), slice(20, 300)), (slice(0, 360), slice(345, 640))
CENTRE = (150, 180)


def find_first_slider(pixels: Bytes) -> tuple[int, int]:
    """Handle of the panel's first slider: the first narrow blue run in the right column."""
    top, x_min = 75, 440
    column = pixels[top:360, x_min:625].astype(int)
    is_blue = (column[..., 2] > column[..., 0] + 50) & (column[..., 2] > 120)
    for y, row in enumerate(is_blue):
        if 3 <= row.sum() <= 8:
            return x_min + int(np.flatnonzero(row).mean()), top + y + 6
    raise AssertionError("no slider in the panel")


@pytest.mark.window
def test_window_keys_choose_techniques(window: ViewerWindow) -> None:
    for number, technique in ((1, "off"), (2, "ssao"), (3, "ssdo"), (4, "ssdo")):
        window.press_key(str(number))
        state = window.read_state()
        assert state["technique"] == technique and state.get("ssdo.bounce", False) == (number == 4)
        assert (state["width"], state["height"]) == (VIEWPORT_WIDTH, 360)


@pytest.mark.window
def test_window_reference_converges(window: ViewerWindow) -> None:
    window.press_key("5")
    first = window.read_state()
    assert (first["technique"], first["denoise.radius"]) == ("reference", 0)
    frame_count = first["accumulated_frames"] + 2
    window.wait_until(lambda: window.read_state()["accumulated_frames"] > frame_count, 30, "further frame")
    window.press_key("4")
    assert window.read_state()["accumulated_frames"] == 1


@pytest.mark.window
def test_window_plus_and_minus(window: ViewerWindow) -> None:
    window.press_key("4", "plus", "plus")
    assert window.read_state()["ssdo.samples"] == 16
    window.press_key("minus", "minus")
    assert window.read_state()["ssdo.samples"] == 4


@pytest.mark.window
def test_window_mouse_moves_the_camera(window: ViewerWindow) -> None:
    start = window.read_state()
    window.drag(CENTRE, (60, 20))
    orbit = window.read_state()
    assert orbit["camera.target"] == start["camera.target"] and orbit["camera.eye"] != start["camera.eye"]
    window.run_xdotool("mousemove", *CENTRE, "click", 4, "click", 4)
    dolly = window.read_state()
    distances = [math.dist(state["camera.eye"], state["camera.target"]) for state in (orbit, dolly)]
    assert distances[1] == pytest.approx(distances[0] * 0.88**2)
    window.drag(CENTRE, (40, 0), button=2)
    pan = window.read_state()
    assert pan["camera.target"] != dolly["camera.target"]
    fly = ("mousedown", 3, "sleep", 0.1, "keydown", "w", "sleep", 0.4, "keyup", "w", "mouseup", 3)
    window.run_xdotool("mousemove", *CENTRE, *fly)
    assert window.read_state()["camera.eye"] != pan["camera.eye"]
    window.press_key("f")
    assert window.read_state()["camera.eye"] == start["camera.eye"]


@pytest.mark.window
def test_window_panel_keeps_the_mouse(window: ViewerWindow) -> None:
    start = window.read_state()
    over_panel = ("mousemove", 500, 200)
    scroll = ("click", 5, "click", 5, "click", 4, "click", 4, "click", 4)
    window.run_xdotool("mousemove", *CENTRE, *over_panel, *scroll)
    window.drag((348, 345), (-200, -100))
    assert window.read_state()["camera.eye"] == start["camera.eye"]
    window.run_xdotool(*over_panel, "sleep", 0.5, "mousemove", *CENTRE, "click", 4)
    assert window.read_state()["camera.eye"] != start["camera.eye"], "the image gets the mouse without delay"
    window.press_key("f")


@pytest.mark.window
def test_window_slider_drags_resets_and_takes_text(window: ViewerWindow) -> None:
    window.press_key("4")
    time.sleep(0.5)
    x, y = find_first_slider(window.read_display())
    window.drag((x, y), (60, 0))
    window.wait_until(lambda: window.read_state()["ssdo.samples"] > 8, 20, "dragged value")
    window.run_xdotool("mousemove", x, y, "click", 3)
    window.wait_until(lambda: window.read_state()["ssdo.samples"] == 16, 20, "reset value")
    ctrl_click = ("keydown", "ctrl", "mousemove", x, y, "click", 1, "keyup", "ctrl")
    window.run_xdotool(*ctrl_click, "sleep", 0.4)
    window.run_xdotool("key", "ctrl+a", "1", "2", "Return", "sleep", 0.3)
    state = window.read_state()
    assert state["technique"] == "ssdo" and state["ssdo.samples"] == 12, "typed digits choose no technique"
    window.run_xdotool(*ctrl_click, "key", "ctrl+a", "1", "Return", "sleep", 0.5)
    assert window.read_state()["technique"] == "ssdo", "also if they are typed before the click is handled"


@pytest.mark.window
def test_window_split_and_divider(window: ViewerWindow) -> None:
    window.press_key("4")
    old_paths = window.list_screenshots()
    window.assert_changes(lambda: window.press_key("s"), IMAGE)
    time.sleep(1.0)
    rows = slice(60, 120)  # between the labels and the handle, above the messages
    divider = int(np.argmax(window.read_display()[rows, 5:330].min((0, 2)) > 235)) + 5
    window.assert_changes(lambda: window.drag((divider, 90), (80, 0)), IMAGE)
    window.press_key("shift+1")
    window.read_state()

    def list_slot_screenshots() -> list[Path]:
        paths = window.list_screenshots() - old_paths
        return sorted(p for p in paths if p.stem.endswith(("-left", "-right")))

    window.wait_until(lambda: len(list_slot_screenshots()) == 2, 10, "screenshot of each slot")
    values = images.load_shot_values(list_slot_screenshots()[0])
    assert values["technique"] == "off"

    def is_divider_moved() -> bool:
        columns = window.read_display()[rows, divider + 78 : divider + 83]
        return bool((columns.min((0, 2)) > 235).any())

    window.wait_until(is_divider_moved, 10, "divider under the mouse")
    window.press_key("s")
    assert window.read_state()["camera.eye"] == values["camera.eye"], "a dragged divider does not move the camera"


@pytest.mark.window
def test_window_help_and_panel(window: ViewerWindow) -> None:
    window.assert_changes(lambda: window.press_key("F1"), IMAGE)
    window.assert_changes(lambda: window.press_key("Escape"), IMAGE)
    window.assert_changes(lambda: window.press_key("F2"), PANEL)
    without_panel = window.read_display()[PANEL]
    window.assert_changes(lambda: window.press_key("F2"), PANEL)
    assert window.read_display()[PANEL].mean() != pytest.approx(without_panel.mean(), abs=1)


@pytest.mark.window
def test_window_reload_and_resize(window: ViewerWindow) -> None:
    window.press_key("F5")
    window.run_xdotool("windowsize", window.id, 500, 300, "sleep", 0.3)
    state = window.read_state()
    assert (state["width"], state["height"]) == (round(500 * (1 - MAX_WIDTH_FRACTION)), 300)
    for width, height in ((1, 1), (17, 3), (900, 700), (640, 360)):
        window.run_xdotool("windowsize", window.id, width, height, "sleep", 0.3)
    window.run_xdotool("windowfocus", window.id)
    assert window.read_state()["width"] == VIEWPORT_WIDTH


@pytest.mark.window
def test_window_uses_little_processor_time_when_idle(window: ViewerWindow) -> None:
    window.read_state()

    def measure_processor_seconds(wall_seconds: float) -> float:
        """Of the viewer, from now on."""
        start = read_processor_seconds()
        time.sleep(wall_seconds)
        return read_processor_seconds() - start

    def read_processor_seconds() -> float:
        words = Path(f"/proc/{window.viewer.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    window.wait_until(lambda: measure_processor_seconds(0.5) < 0.15, 30, "idle viewer")
    assert measure_processor_seconds(2) < 0.6


@pytest.mark.window
def test_window_closes(window: ViewerWindow) -> None:
    window.press_key("ctrl+q")
    output, errors = window.viewer.communicate(timeout=10)
    assert window.viewer.returncode == 0 and not errors
    assert all(Path(line).is_file() and Path(line).is_absolute() for line in output.split("\n") if line)


OPEN_VIEWER = """
from ssdo.render.shot import Shot
from ssdo.viewer import open_viewer
try:
    open_viewer(Shot(scene="ball"), {})
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
def test_a_missing_display_is_one_line(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    env["PYTHONPATH"] = str(ROOT / "app")
    command = [sys.executable, "-c", OPEN_VIEWER]
    process = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert re.match(r"NoOpenGLError no window can be opened \(.+\); .+\n$", process.stdout) and not process.stderr
