"""The viewer without a window: two slots, views, pixel inspector, budgets, experiments, undo and saved states."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from render_small import read_lighting
from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics
from ssdo.render.frame_uniforms import world_positions
from ssdo.render.pipeline import FrameResult, render_all_frames, render_frame
from ssdo.render.screen_space import HemisphereTechnique
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.settings import UserError
from ssdo.viewer import budget, controls, experiments, recording
from ssdo.viewer.buffers import LIGHTING_COMPONENTS, TARGET_SUFFIX, list_buffers
from ssdo.viewer.controls import Pose
from ssdo.viewer.display_state import VIEWS
from ssdo.viewer.history import History
from ssdo.viewer.pixel_inspector import LEAVES_SCREEN, OCCLUDED, VISIBLE, inspect_pixel
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.saved_state import format_state, load_state
from ssdo.viewer.session import Session
from ssdo.viewer.status import StatusLine
from test_viewer import SessionRunner, free_targets

MAGENTA = (255, 0, 255)
DISPLAY_ROUNDING = 0.6 / 255  # half an 8-bit step and a little


@pytest.fixture
def runner(gpu: Gpu) -> Iterator[SessionRunner]:
    """A session with SSAO and SSDO in a corner, where directions are occluded."""
    yield SessionRunner(gpu, scene="corner", technique="ssdo")
    free_targets(gpu, "A", "B", "reference", "inspector", "unoccluded A", "unoccluded B")


def open_view(runner: SessionRunner, view: str = "split") -> Session:
    """The session with a view, rendered until it is idle."""
    runner.session.choose_view(view)
    runner.render_idle()
    return runner.session


def run_steps(runner: SessionRunner, count: int, size: tuple[int, int] = (64, 36)) -> None:
    """Steps of an idle session, ten seconds apart."""
    for _ in range(count):
        runner.clock.now += 10
        runner.session.step(size)


def get_result(session: Session, slot: Slot) -> FrameResult:
    result = session.view_renderer.result(slot)
    assert result
    return result


def encode_srgb(linear: Any) -> Any:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


# ---- two slots ----


def test_linked_parameters_change_in_both_slots(runner: SessionRunner) -> None:
    session = open_view(runner)
    assert session.change({"denoise.radius": 2}, "A")
    assert session.shot("B").denoise.radius == 2
    session.set_linked("denoise.radius", False)
    assert session.change({"denoise.radius": 8}, "A")
    assert (session.shot("A").denoise.radius, session.shot("B").denoise.radius) == (8, 2)
    assert session.change({"display.exposure": 1.0}, "A")
    assert session.shot("B").display.exposure == 1.0
    session.set_linked("denoise.radius", True)
    assert (session.shot("A").denoise.radius, session.shot("B").denoise.radius) == (2, 2), "both have B's value"


def test_technique_parameters_are_linked_by_name(runner: SessionRunner) -> None:
    session = open_view(runner)
    session.set_linked("ssao.radius", False)
    assert session.change({"ssao.radius": 0.5}, "A")
    assert session.slots.techniques["B"].values().get("radius") is None
    session.set_linked("ssdo.radius", True)
    assert session.slots.techniques["A"].values().get("radius") is None


@pytest.mark.parametrize(
    "name, can_unlink",
    [
        ("scene", False),
        ("camera.fov", False),
        ("ssdo.bounce_estimator", False),
        ("environment", True),
        ("sky.rotation", True),
        ("ssdo.samples", True),
    ],
)
def test_only_some_parameters_can_be_unlinked(runner: SessionRunner, name: str, can_unlink: bool) -> None:
    assert runner.session.slots.can_unlink(name) == can_unlink


def test_slots_can_have_different_environments(runner: SessionRunner) -> None:
    session = open_view(runner)
    session.set_linked("environment", False)
    assert session.change({"environment": "white"}, "A")
    assert (session.shot("A").environment, session.shot("B").environment) == ("white", "ramp-x")
    assert not session.change({"environment": "nowhere"}, "A")
    assert session.error
    assert session.shot("A").environment == "white"


def test_slots_are_swapped_and_copied(runner: SessionRunner) -> None:
    session = open_view(runner)
    session.set_linked("denoise.radius", False)
    session.change({"denoise.radius": 2}, "A")
    a, b = session.shot("A"), session.shot("B")
    session.slots.swap()
    assert (session.shot("A"), session.shot("B")) == (b, a)
    session.copy_slot("A", "B")
    assert session.shot("A") == session.shot("B") == b


# ---- views ----


@pytest.mark.slow
def test_difference_of_equal_slots_is_zero(runner: SessionRunner) -> None:
    session = open_view(runner, "difference")
    session.display.gain = 100
    assert runner.read_view().any()
    session.copy_slot("B", "A")
    runner.render_idle()
    assert not runner.read_view().any()
    assert session.metrics.changed_fraction() == 0
    assert "look the same" in StatusLine(session).text


def test_difference_view_shows_the_difference_of_radiance(runner: SessionRunner) -> None:
    session = open_view(runner, "difference")
    a, b = (session.metrics.radiance(slot) for slot in ("A", "B"))
    assert a is not None
    assert b is not None
    for gain in (1, 10, 100):
        assert session.display.gain == gain
        expected = encode_srgb(np.clip(np.abs(a - b) * gain, 0, 1))
        assert np.abs(runner.read_view() / 255 - expected).max() < DISPLAY_ROUNDING
        session.choose_view("difference")
    assert session.display.gain == 1


@pytest.mark.parametrize("divider, slot", [(0.0, "B"), (1.0, "A")])
def test_split_view_with_the_divider_at_an_edge_is_one_slot(runner: SessionRunner, divider: float, slot: str) -> None:
    """Bit for bit, except for the columns below the divider."""
    session = open_view(runner)
    session.display.divider = divider
    split = runner.render_idle()
    session.display.view = slot
    single = runner.render_idle()
    assert np.array_equal(split[:, 2:-2], single[:, 2:-2])


def test_side_by_side_view_shows_the_middle_of_each_slot(runner: SessionRunner) -> None:
    session = open_view(runner, "side by side")
    side_by_side = runner.read_view()
    session.display.view = "A"
    a = runner.render_idle()
    session.display.view = "B"
    b = runner.render_idle()
    assert np.array_equal(side_by_side[:, 2:30], a[:, 18:46])
    assert np.array_equal(side_by_side[:, 34:62], b[:, 18:46])


def test_flipped_view_shows_the_other_slot(runner: SessionRunner) -> None:
    session = open_view(runner)
    pixels = {}
    for view in ("A", "B"):
        session.display.view = view
        pixels[view] = runner.render_idle()
    session.display.is_flipped = True
    assert np.array_equal(runner.render_idle(), pixels["A"])
    session.display.view = "A"
    assert np.array_equal(runner.render_idle(), pixels["B"])


def test_stepping_through_components_shows_each(runner: SessionRunner) -> None:
    session = open_view(runner, "B")
    pixels: list[Any] = []
    for name in LIGHTING_COMPONENTS:
        session.display.step_component(1)
        assert session.display.buffer == name
        assert name in session.display.step_component(0)
        component = runner.read_view().astype(int)
        assert all(np.abs(component - other).max() > 2 for other in pixels), name
        pixels.append(component)


def test_rgb_visibility_is_direct_light_relative_to_unoccluded_light(runner: SessionRunner) -> None:
    session = open_view(runner, "B")
    session.display.buffer = "RGB visibility"
    pixels = runner.read_view()
    buffers = session.view_renderer.buffers("B")
    direct, unoccluded = (
        runner.gpu.read(buffers[name]().texture)[..., :3] for name in ("direct light", "unoccluded light")
    )
    off = Technique.by_name("off")()
    off_result = render_all_frames(runner.gpu, replace(get_result(session, "B").shot, technique=off))
    assert np.array_equal(unoccluded, runner.gpu.read(off_result.lighting.direct)[..., :3])
    expected = encode_srgb(np.clip(direct / np.maximum(unoccluded, 1e-9), 0, 1))
    assert np.abs(pixels / 255 - expected).max() < 1.1 / 255


SCREEN_SPACE = [name for name, technique in Technique.known.items() if technique.sample_param]


@pytest.mark.slow
@pytest.mark.parametrize("scene", ["ball", "cornell", "parlour"])
@pytest.mark.parametrize("technique, samples", [*((name, 8) for name in SCREEN_SPACE), ("ssdo", 32)])
def test_menu_lists_every_texture_of_every_technique(gpu: Gpu, scene: str, technique: str, samples: int) -> None:
    """In diffuse, emissive and specular scenes, with few and many samples, with hidden layers and probes."""
    values: dict[str, Any] = {"scene": scene, "technique": technique, "width": 48, "height": 32}
    values |= {"probes.enabled": True, "probes.grid_size": 2}
    if hasattr(Technique.known[technique], "depth_layers"):
        values[f"{technique}.depth_layers"] = "2"
    shot = Shot().with_values(values)
    with gpu.scope("named"):
        result = render_frame(gpu, replace(shot, technique=shot.technique.with_samples(samples)))
        buffers = list_buffers(gpu, "named", result, lambda: result.lighting.direct)
        listed = {id(buffer().texture) for name, buffer in buffers.items() if name.endswith(TARGET_SUFFIX)}
        targets = [target for name, target in gpu.targets.items() if name.startswith("named/")]
        textures = {id(texture) for target in targets for texture in target.textures}
        gpu.free_unused()
        gpu.free_unused()
    assert listed == textures


def test_last_target_of_a_pass_is_known(runner: SessionRunner) -> None:
    open_view(runner, "B")
    targets = runner.gpu.last_target_name
    assert targets["B/ssdo:indirect"] == "B/ssdo.indirect"
    assert targets["B/composite:diffuse"] == "B/radiance"


def test_nan_and_infinite_pixels_are_magenta_and_counted(runner: SessionRunner) -> None:
    session = open_view(runner, "B")
    result = get_result(session, "B")
    values = runner.gpu.read(result.radiance)
    values[3, 5, 1], values[7, 9, 0] = np.nan, np.inf
    runner.gpu.write(result.radiance, values)
    assert session.metrics.invalid_pixels("B") == 2
    assert "2 NaN or infinite pixels" in StatusLine(session).text
    session.display.buffer = "radiance *"
    is_magenta = (runner.read_view() == MAGENTA).all(-1)
    assert is_magenta[3, 5]
    assert is_magenta[7, 9]
    assert is_magenta.sum() == 2
    display = result.shot.display.draw(runner.gpu, result.radiance)
    assert (images.read_display(result._replace(display=display))[3, 5] == MAGENTA).all()


# ---- the reference ----


@pytest.mark.slow
def test_errors_against_the_reference_converge(runner: SessionRunner) -> None:
    """Those in the viewer agree with errors against a reference of many frames, within the noise of both."""
    session = open_view(runner)
    session.reference_enabled = True
    run_steps(runner, 40)
    convergence = session.renders["reference"].convergence
    assert convergence.frame_count > 20
    assert convergence.noise is not None
    errors = {slot: session.metrics.rmse(slot) for slot in session.visible_slots}
    reference_result = render_all_frames(runner.gpu, replace(session.shot("reference"), accumulated_frames=256))
    reference = images.read_arrays(runner.gpu, reference_result)
    surface = np.isfinite(reference["depth"])
    for slot in session.visible_slots:
        radiance = session.metrics.radiance(slot)
        assert radiance is not None
        expected = float(np.sqrt(np.mean((radiance - reference["radiance"])[surface] ** 2)))
        assert errors[slot] == pytest.approx(expected, abs=2 * convergence.noise)
    session.choose_view("error")
    assert runner.read_view().std() > 0
    shots = {slot: session.shot(slot) for slot in session.visible_slots}
    assert session.scheduler.step(shots, {}, is_interacting=True) is False


def compute_flip_color_error(image: Any, reference: Any) -> Any:
    """FLIP's colour term without its filters (Andersson et al. 2020).

    L*a*b* under D65, chroma times 0.01 L, HyAB distance, power and remapping.
    """

    def to_hunt_lab(c: Any) -> Any:
        matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        xyz = np.clip(c, 0, 1) @ matrix.T / (0.9505, 1.0, 1.0890)
        delta = 6 / 29
        f = np.where(xyz > delta**3, np.cbrt(xyz), xyz / (3 * delta**2) + 4 / 29)
        lightness = 116 * f[..., 1] - 16
        a, b = 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])
        return np.stack([lightness, 0.01 * lightness * a, 0.01 * lightness * b], -1)

    def hyab_distance(a: Any, b: Any) -> Any:
        return (np.abs(a[..., 0] - b[..., 0]) + np.hypot(a[..., 1] - b[..., 1], a[..., 2] - b[..., 2])) ** 0.7

    max_distance = hyab_distance(to_hunt_lab(np.array([0.0, 1, 0])), to_hunt_lab(np.array([0.0, 0, 1])))
    distance, knee = hyab_distance(to_hunt_lab(image), to_hunt_lab(reference)), 0.4 * max_distance
    return np.where(distance < knee, 0.95 * distance / knee, 0.95 + 0.05 * (distance - knee) / (max_distance - knee))


def test_error_view_shows_flips_color_error(runner: SessionRunner) -> None:
    """For colours of all kinds, against a second implementation."""
    session = open_view(runner, "error")
    run_steps(runner, 12)
    a, reference = get_result(session, "A"), get_result(session, "reference")
    assert a.display.size == reference.display.size
    rng = np.random.default_rng(0)
    image = (rng.random((36, 64, 4)) ** 2).astype("f4")
    noise = 0.3 * rng.standard_normal(image.shape) * rng.random((36, 64, 1))
    reference_image = np.clip(image + noise, 0, 1.2).astype("f4")
    runner.gpu.write(a.radiance, image)
    runner.gpu.write(reference.radiance, reference_image)
    session.display.divider = 1.0
    error = compute_flip_color_error(image[..., :3].astype("f8"), reference_image[..., :3].astype("f8"))
    expected = metrics.false_colour(np.rint(np.clip(error, 0, 1) * 255).astype("f4") / 255, 1.0)
    assert np.ptp(error) > 0.6
    assert (error > 0.95).any()
    assert np.abs(runner.read_view()[:, :60].astype(int) - expected[:, :60]).max() <= 3  # one step of the colour map


@pytest.mark.slow
def test_smaller_reference_measures_the_same_errors(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow reference is drawn smaller, textures included: errors stay within a tenth; measured 3 and 4 %."""
    errors = []
    for scale in (1.0, 0.25):
        values = {"ssdo.samples": 16, "ssdo.steps": 8, "denoise.radius": 4}
        runner = SessionRunner(gpu, scene="courtyard", environment=None, technique="ssdo", **values)
        session = runner.session

        def idle_scale(slot: str, shot: Shot, scale: float = scale) -> float:
            return scale if slot == "reference" else 1.0

        monkeypatch.setattr(session.scheduler, "idle_scale", idle_scale)
        session.reference_enabled = True
        session.choose_view("split")
        run_steps(runner, 40, (240, 135))
        assert session.renders["reference"].scale == scale
        assert session.renders["reference"].convergence.frame_count > 20
        errors.append([session.metrics.rmse(slot) for slot in ("A", "B")])
    full_size_errors, small_errors = errors
    assert small_errors == pytest.approx(full_size_errors, rel=0.1)


def test_reference_pauses_during_interaction(runner: SessionRunner) -> None:
    session = open_view(runner)
    session.reference_enabled = True
    run_steps(runner, 1)
    frames = session.renders["reference"].convergence.frame_count
    session.move_camera(controls.orbit(session.pose, 5.0, 0.0))
    session.step((64, 36), is_interacting=True)
    session.step((64, 36), is_interacting=True)
    assert session.renders["reference"].convergence.frame_count == frames


# ---- pixel inspector ----


INSPECTED_VALUES: list[dict[str, Any]] = [
    {"technique": "ssdo", "ssdo.samples": 16},
    {
        "technique": "ssdo",
        "ssdo.samples": 32,
        "ssdo.bounce_estimator": "form-factor",
        "ssdo.visibility": "single-sample",
        "ssdo.indirect_intensity": 2.0,
    },
    {"technique": "ssdo", "ssdo.bounce": False},
    {"technique": "ssao", "ssao.samples": 16},
    {"technique": "ssao", "ssao.visibility": "single-sample", "ssao.samples": 64},
    {"technique": "gtao", "gtao.slices": 4},
    {
        "technique": "gtao",
        "gtao.bent_normals": True,
        "gtao.thin_occluder_compensation": 0.1,
        "gtao.falloff_range": 0.5,
    },
    {"technique": "bitmask", "bitmask.slices": 4, "bitmask.indirect_intensity": 2.0},
    {"technique": "bitmask", "bitmask.bounce": False, "bitmask.environment_samples": 3, "bitmask.thickness": 0.1},
]


@pytest.mark.slow
@pytest.mark.parametrize("values", INSPECTED_VALUES)
def test_inspected_directions_add_up_to_the_pixel(gpu: Gpu, values: dict[str, Any]) -> None:
    """Directions, or sectors of slices: direct light, indirect light and visibility before the denoiser."""
    session = Session(gpu, Shot().with_values({"scene": "nook", "width": 64, "height": 36} | values), {})
    session.step((64, 36))
    result = get_result(session, "B")
    direct_image, indirect_image = read_lighting(gpu, result.unfiltered)
    depth = gpu.read(result.inputs.gbuffer.depth)[..., 0]
    is_surface = depth < 1e29
    positions = world_positions(result.inputs.frame, np.where(is_surface, depth, np.inf))
    states, disc_radii = set(), []
    for y, x in np.argwhere(is_surface)[::97]:
        inspection = inspect_pixel(gpu, result, int(x), int(y))
        assert inspection is not None
        direct, indirect, visibility = inspection.sums
        assert direct == pytest.approx(direct_image[y, x, :3], rel=1e-5, abs=1e-6)
        assert indirect == pytest.approx(indirect_image[y, x, :3], rel=1e-5, abs=1e-6)
        assert visibility == pytest.approx(direct_image[y, x, 3], abs=1e-6)
        # normals are half floats
        assert np.abs(np.linalg.norm(inspection.directions, axis=1) - 1).max() < 1 / 1024
        is_occluded = inspection.states == OCCLUDED
        assert (inspection.direct[is_occluded] == 0).all()
        assert (inspection.indirect[~is_occluded] == 0).all()
        disc_radii.append(np.square(inspection.disc).sum(1).mean())
        # an occluder lies on the direction's line in the image, within half a pixel, and not behind the receiver
        pixel = np.array((x + 0.5, 35.5 - y))
        near_points = positions[y, x] + 0.01 * inspection.radius * inspection.directions
        line = project_to_pixels(result, near_points)[is_occluded] - pixel
        line /= np.linalg.norm(line, axis=1, keepdims=True)
        to_occluder = inspection.occluders_uv[is_occluded] * (64, 36) - pixel
        line_distance = np.abs(to_occluder[:, 0] * line[:, 1] - to_occluder[:, 1] * line[:, 0])
        assert line_distance.max(initial=0) < 0.75
        assert (to_occluder * line).sum(1).min(initial=0) > -0.75
        states |= set(inspection.states.tolist())
    assert states == {VISIBLE, OCCLUDED, LEAVES_SCREEN}
    # projected onto the surface, directions fill a disc evenly: the mean of r^2 is 1/2, measured within 4e-4
    assert abs(np.mean(disc_radii) - 0.5) < 2e-3
    y, x = np.argwhere(~is_surface)[0]
    assert inspect_pixel(gpu, result, int(x), int(y)) is None, "the background"


def project_to_pixels(result: FrameResult, p_ws: Floats) -> Floats:
    """(n, 2) pixel positions of world positions (n, 3), from the lower left."""
    clip_from_world = np.array(result.inputs.frame.clip_from_world).reshape(4, 4)
    clip = np.column_stack([p_ws, np.ones(len(p_ws))]) @ clip_from_world
    pixels: Floats = (0.5 + 0.5 * clip[:, :2] / clip[:, 3:]) * result.inputs.size
    return pixels


@pytest.mark.slow
@pytest.mark.parametrize("name", ["off", "reference"])
def test_techniques_without_samples_cannot_be_inspected(gpu: Gpu, name: str) -> None:
    session = Session(gpu, Shot().with_values({"scene": "nook", "width": 64, "height": 36, "technique": name}), {})
    session.step((64, 36))
    with pytest.raises(UserError, match=f"{name} cannot be inspected"):
        inspect_pixel(gpu, get_result(session, "B"), 20, 30)


def test_values_below_the_cursor_are_those_of_the_image(runner: SessionRunner) -> None:
    session = open_view(runner)
    x, y = 20, 30
    cursor = session.read_pixel((x, y))
    for slot in session.visible_slots:
        arrays, values = images.read_arrays(runner.gpu, get_result(session, slot)), cursor.by_slot[slot]
        for name in ("radiance", "direct", "indirect"):
            assert values[name] == pytest.approx(arrays[name][y, x])
        assert values["visibility"][0] == pytest.approx(arrays["visibility"][y, x])
    assert cursor.normal == pytest.approx((0, 1, 0), abs=1e-3)
    assert cursor.position
    assert cursor.position[1] == pytest.approx(0, abs=1e-3)


# ---- budgets ----


def test_samples_are_matched_to_time_and_error() -> None:
    assert budget.match_time(16, milliseconds=20.0, target_ms=10.0) == 8
    assert budget.match_time(16, milliseconds=22.0, target_ms=12.0, fixed_ms=2.0) == 8
    assert budget.match_time(16, milliseconds=10.2, target_ms=10.0) == 16, "close enough: it does not oscillate"
    assert budget.match_time(1, milliseconds=10.0, target_ms=1.0) == 1
    assert budget.match_time(200, milliseconds=1.0, target_ms=10.0) == 256
    assert budget.match_error(16, error=0.2, target_error=0.1) == 64
    assert budget.match_error(16, error=0.2, target_error=0.1, bias=0.15) == 256, "no number of samples reaches it"


def test_equal_time_sets_the_samples_of_b(runner: SessionRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    session = open_view(runner)
    session.slots.budget = "time"
    ms_per_sample: dict[Slot, float] = {"A": 0.625, "B": 2.5}

    def lighting_ms(slot: Slot) -> float:
        return ms_per_sample[slot] * session.slots.techniques[slot].sample_count

    def render_8_times() -> None:
        for _ in range(8):
            runner.render_idle()

    monkeypatch.setattr(session.scheduler, "lighting_ms", lighting_ms)
    for samples in (16, 32):
        assert session.change({"ssao.samples": samples}, "A")
        render_8_times()
        assert isinstance(session.slots.techniques["B"], HemisphereTechnique)
        assert session.slots.techniques["B"].samples == samples // 4
    session.slots.choose_technique("B", "bitmask", slices=9)
    ms_per_sample["B"] = 5.0
    render_8_times()
    assert session.slots.techniques["B"].sample_count == 4, "slices, too"
    assert session.slots.techniques["A"].sample_count == 32


# ---- experiments ----


def run_experiment(runner: SessionRunner, experiment: experiments.Experiment) -> dict[Slot, list[tuple[float, float]]]:
    """The curves of an experiment that runs to its end."""
    experiment.begin(runner.session)
    for _ in range(3000):
        run_steps(runner, 1)
        experiment.step(runner.session)
        if experiment.is_done:
            return experiment.curves
    raise AssertionError("the experiment does not end")


@pytest.mark.slow
def test_only_ssdo_follows_a_rotating_environment(gpu: Gpu) -> None:
    """SSAO attenuates every direction alike: its curve is constant."""
    values = {"ssdo.samples": 16, "ssdo.steps": 8}
    runner = SessionRunner(gpu, scene="corner", environment="ramp-x", technique="ssdo", **values)
    session = open_view(runner)
    state = session.slots.state()
    curves = run_experiment(runner, experiments.rotate_environment(session))
    ssao, ssdo = (np.array(curves[slot]) for slot in ("A", "B"))
    assert ssao.shape == ssdo.shape == (25, 2)
    assert ssao[-1, 0] == 360
    assert np.ptp(ssao[:, 1]) < 1e-4
    assert np.ptp(ssdo[:, 1]) > 0.05
    assert ssdo[0, 1] == pytest.approx(ssdo[-1, 1], abs=1e-4), "a full turn"
    assert session.slots.state() == state


def test_ending_an_experiment_restores_the_session(runner: SessionRunner) -> None:
    session = open_view(runner, "B")
    state = session.slots.state()
    experiment = experiments.sweep_radius(session)
    experiment.begin(session)
    assert session.slots.state() != state
    runner.render_idle()
    experiment.step(session)
    experiment.end(session)
    assert session.slots.state() == state
    assert session.display.view == "B"
    assert experiment.is_done


def run_sample_sweep(runner: SessionRunner) -> dict[Slot, list[tuple[float, float]]]:
    """Errors over samples of both slots, against a reference of many frames."""
    session = open_view(runner)
    session.reference_enabled = True
    run_steps(runner, 100)
    return run_experiment(runner, experiments.sweep_samples(session))


def test_error_falls_with_samples(gpu: Gpu) -> None:
    runner = SessionRunner(gpu, scene="nook", technique="ssdo", **{"denoise.radius": 0, "ssdo.steps": 16})
    curves = run_sample_sweep(runner)
    errors = [error for _, error in curves["B"]]
    assert [samples for samples, _ in curves["B"]] == list(experiments.SAMPLE_COUNTS)
    assert errors[0] > errors[3] > errors[-1] > 0


@pytest.mark.slow
def test_error_falls_with_slices(gpu: Gpu) -> None:
    """From one slice, which costs as many fetches as 4 directions, in both slots."""
    runner = SessionRunner(gpu, scene="nook", technique="ssdo", **{"denoise.radius": 0, "ssdo.steps": 8})
    runner.session.slots.choose_technique("B", "bitmask")
    curves = run_sample_sweep(runner)
    for slot in ("A", "B"):
        assert [samples for samples, _ in curves[slot]] == [4, 8, 16, 32, 64, 128]
    errors = [error for _, error in curves["B"]]
    assert errors[0] > errors[2] > errors[-1] > 0


# ---- undo, saved states, preferences ----


def test_quick_changes_are_one_undo_step() -> None:
    history = History(0)
    for seconds, state in ((1.0, 1), (1.1, 2), (1.2, 3), (5.0, 4)):
        history.record(state, seconds)
    assert (history.undo(), history.undo(), history.undo()) == (3, 0, None)
    assert (history.redo(), history.redo(), history.redo()) == (3, 4, None)
    history.undo()
    history.record(9, 9.0)
    assert history.redo() is None
    assert history.undo() == 3


def test_changes_are_undone_and_redone(runner: SessionRunner) -> None:
    session = open_view(runner)
    start = session.slots.state()
    session.change({"display.exposure": 2.0})
    runner.render_idle()
    session.choose_mode("A", "off")
    runner.render_idle()
    session.undo()
    assert session.slots.mode_label("A") == "SSAO"
    assert session.slots.shared.display.exposure == 2.0
    session.undo()
    assert session.slots.state() == start
    session.undo()
    assert "nothing" in session.message
    session.redo()
    session.redo()
    assert session.slots.mode_label("A") == "off"
    assert session.slots.shared.display.exposure == 2.0


def test_loaded_state_shows_the_same_pixels(runner: SessionRunner, gpu: Gpu) -> None:
    """In another session, bit for bit, in every view."""
    session = open_view(runner)
    session.set_linked("denoise.radius", False)
    session.change({"denoise.radius": 2}, "A")
    session.change({"sky.rotation": 33.0, "display.tone_mapper": "aces", "ssdo.indirect_intensity": 2.0})
    session.move_camera(controls.orbit(session.pose, 12.0, 5.0))
    session.display.divider = 0.3
    pixels = {}
    for view in VIEWS[:-1]:
        session.display.view = view
        pixels[view] = runner.render_idle()
    session.display.view = "split"
    text = format_state(session)
    other = SessionRunner(gpu, scene="ball")
    load_state(other.session, text, "the clipboard")
    assert other.session.slots.state() == session.slots.state() or format_state(other.session) == text
    assert other.session.display.view == "split"
    assert other.session.display.divider == 0.3
    for view in pixels:
        other.session.display.view = view
        assert np.array_equal(other.render_idle(), pixels[view]), view


def test_preset_or_shot_of_an_image_is_loaded_into_b(runner: SessionRunner) -> None:
    session = open_view(runner)
    text = 'technique = "ssdo"\n[ssdo]\nsamples = 32\n[ssao]\nsamples = 8\n[display]\nexposure = 1.0\n'
    load_state(session, text, "a preset")
    assert session.slots.techniques["B"].sample_count == 32
    assert session.slots.shared.display.exposure == 1.0


@pytest.mark.parametrize(
    "text, message",
    [
        ("not = = toml", "not TOML"),
        ('[shared]\nscene = "nowhere"', "no scene nowhere"),
        ('[shared]\nscene = "ball"\n[A]\ntechnique = "magic"', "no technique magic"),
        ('[shared]\nscene = "ball"\n[B]\ntechnique = "ssdo"\n[B.ssdo]\nsamples = 0', "samples = 0"),
        ('[shared]\nscene = "ball"\n[viewer]\nview = "upside down"', "must be one of"),
        ('[shared]\nscene = "ball"\n[viewer]\nexposure = "a"', "viewer.exposure"),
        ('[shared]\nscene = "ball"\n[viewer]\nbudget = "money"', "viewer.budget"),
        ('[shared]\nscene = "ball"\n[viewer]\nunlinked = ["colour"]', "viewer.unlinked"),
        ("[ssdo]\nsamples = -3", "samples"),
        ("colour = 3", "no parameter colour"),
    ],
)
def test_invalid_state_is_an_error_and_changes_nothing(runner: SessionRunner, text: str, message: str) -> None:
    session = open_view(runner)
    state, display = session.slots.state(), replace(session.display)
    with pytest.raises(UserError, match=message) as error:
        load_state(session, text, "file.toml")
    assert str(error.value).startswith("file.toml: ")
    assert "\n" not in str(error.value)
    assert session.slots.state() == state
    assert session.display == display


def test_preferences_keep_bookmarks_and_recent_scenes(tmp_path: Path) -> None:
    preferences = Preferences(tmp_path)
    pose = Pose((1.0, 2.0, 3.0), (0.0, 0.5, 0.0), 40.0)
    assert preferences.restore_bookmark("nook", 1) is None
    preferences.save_bookmark("nook", 1, pose)
    for name in ("a.glb", "b.glb", "a.glb"):
        preferences.add_recent_scene(name)
    loaded = Preferences(tmp_path)
    assert loaded.restore_bookmark("nook", 1) == pose
    assert loaded.restore_bookmark("nook", 2) is None
    assert loaded.restore_bookmark("cornell", 1) is None
    assert loaded.recent_scenes == ["a.glb", "b.glb"]


@pytest.mark.parametrize("content", [b"recent = 3\nbookmarks = [1]\n", b"\xff\xfe not toml"])
def test_invalid_preferences_are_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "viewer.toml").write_bytes(content)
    preferences = Preferences(tmp_path)
    assert preferences.recent_scenes == []
    assert preferences.restore_bookmark("nook", 1) is None


# ---- recording ----


def run_turntable(runner: SessionRunner, turntable: recording.Turntable) -> None:
    for _ in range(200):
        run_steps(runner, 1)
        turntable.step(runner.session)
        if turntable.is_done:
            return


def test_turntable_writes_an_animation_and_restores_the_session(runner: SessionRunner, tmp_path: Path) -> None:
    session = open_view(runner, "B")
    state = session.slots.state()
    turntable = recording.Turntable(session, tmp_path, frame_count=6)
    run_turntable(runner, turntable)
    with Image.open(turntable.path) as image:
        assert image.n_frames == 6  # type: ignore[attr-defined]
        assert image.size == (64, 36)
        frames = []
        for number in range(6):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB")).astype(int))
    assert all(np.abs(a - b).mean() > 1 for a, b in itertools.pairwise(frames))
    assert session.slots.state() == state


def test_turntable_keeps_its_size_when_the_window_is_resized(runner: SessionRunner, tmp_path: Path) -> None:
    session = open_view(runner, "B")
    turntable = recording.Turntable(session, tmp_path, frame_count=3)
    for number in range(60):
        run_steps(runner, 1, (64, 36) if number < 2 else (50, 40))
        turntable.step(session)
    with Image.open(turntable.path) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
        assert image.size == (64, 36)


def test_ended_turntable_writes_nothing(runner: SessionRunner, tmp_path: Path) -> None:
    session = open_view(runner, "B")
    state = session.slots.state()
    turntable = recording.Turntable(session, tmp_path, frame_count=6)
    turntable.end(session)
    assert turntable.is_done
    assert session.slots.state() == state
    assert not turntable.path.exists()


@pytest.mark.slow
def test_report_is_the_page_of_compare(runner: SessionRunner, tmp_path: Path) -> None:
    """For both slots with their own parameters."""
    session = open_view(runner)
    session.set_linked("denoise.radius", False)
    session.change({"denoise.radius": 2}, "A")
    runner.render_idle()
    report = recording.Report(session, tmp_path)
    for _ in range(1200):
        report.step(session)
        if report.is_done:
            break
        assert "report: " in session.message
        time.sleep(0.1)
    page_metrics = json.loads((report.output / "metrics.json").read_text())
    assert [entry["id"] for entry in page_metrics["entries"]] == ["ssao", "ssdo", "reference"]
    assert (report.output / "index.html").exists()
    assert images.load_shot_values(report.output / "ssao.png")["denoise.radius"] == 2
    assert images.load_shot_values(report.output / "ssdo.png")["denoise.radius"] == 0


def test_ended_report_writes_no_page(runner: SessionRunner, tmp_path: Path) -> None:
    session = open_view(runner)
    report = recording.Report(session, tmp_path)
    report.end(session)
    assert report.is_done
    assert not (report.output / "index.html").exists()


def test_cached_metrics_do_not_keep_old_results_alive(runner: SessionRunner) -> None:
    session = open_view(runner)
    assert session.metrics.changed_fraction() is not None
    session.choose_view("B")
    assert session.change({"scene": "ball"})
    runner.render_idle()
    assert session.metrics.invalid_pixels("B") == 0
    current_results = [render.result for render in session.renders.values()]
    for cached_results, _ in session.view_renderer.cache.entries.values():
        for cached in cached_results:
            assert any(cached is result for result in current_results)
