"""Temporal reuse: a static camera gets the mean of its frames, a moving one reprojects them; off by default."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import temporal_stability
from render_small import SMALL, Bools, read_lighting, register_scene
from ssdo.arrays import Doubles, Floats
from ssdo.commands.capture import main as capture
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.render.frame_uniforms import FrameUniforms, world_positions
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.pipeline import FrameResult, render_all_frames, render_frame
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides
from ssdo.render.technique import Technique, TechniqueInputs
from ssdo.render.temporal import LightingHistory
from ssdo.scene.loader import load_scene
from ssdo.scene.model import Material, Scene
from ssdo.scene.modelling.shapes import make_box, make_quad
from ssdo.settings import UserError
from ssdo.viewer.screenshots import save_slot_screenshots
from ssdo.viewer.session import Session

GREY = Material(albedo=(0.5, 0.5, 0.5))
HISTORY = {"temporal.history_length": 8, "temporal.clip_sigma": 100.0, "denoise.radius": 4}
FLOAT_ROUNDING = 1e-5  # of a few float32 sums and of reprojected positions: measured 2e-6


def make_shot(values: dict[str, Any]) -> Shot:
    """A small shot with a history that is hardly clipped, unless the values say otherwise."""
    return Shot().with_values(SMALL | HISTORY | values)


def without_history(shot: Shot) -> Shot:
    return replace(shot, temporal=replace(shot.temporal, history_length=0))


def read_light(gpu: Gpu, result: FrameResult) -> Floats:
    """(h, w, 8): direct and indirect."""
    return np.concatenate(read_lighting(gpu, result.lighting), -1)


def render_light(gpu: Gpu, shot: Shot, index: int = 0) -> Floats:
    """(h, w, 8): direct and indirect light of one frame."""
    return read_light(gpu, render_frame(gpu, shot, index))


def surface_mask(gpu: Gpu, inputs: TechniqueInputs) -> Bools:
    """(h, w) False on the background."""
    return gpu.read(inputs.gbuffer.depth)[..., 0] < BACKGROUND_DEPTH


def get_history(gpu: Gpu, index: int) -> LightingHistory:
    """The history that frame `index` left."""
    return LightingHistory(*gpu.targets[f"temporal.{index % 2}"].textures)


def read_frame_count(gpu: Gpu, index: int) -> Floats:
    """(h, w) frames in the direct light of frame `index`, the last one drawn."""
    return gpu.read(get_history(gpu, index).frame_count)[..., 0]


def move_camera(shot: Shot, eye: tuple[float, float, float], target: tuple[float, float, float]) -> Shot:
    return replace(shot, camera=replace(shot.camera, eye=eye, target=target))


def rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype="f8"))))


def post_scene() -> Scene:
    """A post in front of a wall, and a wall behind the camera."""
    wall = make_quad((-9, -9, -3), (9, -9, -3), (9, 9, -3), (-9, 9, -3), GREY)
    back = make_quad((9, -9, 9), (-9, -9, 9), (-9, 9, 9), (9, 9, 9), GREY)
    post = make_box((-0.3, -5.0, -0.3), (0.3, 5.0, 0.3), GREY)
    return Scene((wall, back, post), (0.0, 0.0, 4.0), (0.0, 0.0, 0.0), 45.0)


register_scene("posts", post_scene)

# ---- off -------------------------------------------------------------------------------------------------------------


def test_there_is_no_history_by_default() -> None:
    assert Shot().temporal.history_length == 0 and not Shot().uses_history


def test_without_a_history_no_pass_is_drawn(gpu: Gpu) -> None:
    """Then a frame does not depend on earlier ones. The first frame with a history is equal to it."""
    local_gpu = Gpu(gpu.ctx)
    off = make_shot({"scene": "cornell", "technique": "ssdo", "temporal.history_length": 0})
    plain = render_light(local_gpu, off)
    render_light(local_gpu, off, 1)
    np.testing.assert_array_equal(render_light(local_gpu, off), plain)
    assert not [name for name in local_gpu.targets if "temporal" in name]
    assert not [name for name in local_gpu.last_target_name if "temporal:" in name]
    on = replace(off, temporal=make_shot({}).temporal)
    np.testing.assert_array_equal(render_light(local_gpu, on), plain)
    assert [name for name in local_gpu.last_target_name if "temporal:" in name]


def test_a_mean_of_frames_has_no_history() -> None:
    """Asking for both is an error."""
    for values in ({"technique": "reference"}, {"accumulated_frames": 4}):
        shot = make_shot(values)
        assert not shot.uses_history and shot.frame_count == shot.accumulated_frames
        with pytest.raises(UserError, match=r"--temporal\.history_length has no effect: .*leave it out"):
            Overrides({}, values | {"temporal.history_length": 8}).build_shots()
        (shot,) = Overrides({"temporal.history_length": 8}, values).build_shots()
        assert not shot.uses_history  # a preset may contain more
    assert Overrides({}, {"temporal.history_length": 8}).build_shots(["ssao", "reference"])[0].frame_count == 8
    with pytest.raises(UserError, match=r"temporal\.history_length = 65: must be 0 to 64"):
        make_shot({"temporal.history_length": 65})


# ---- a static camera -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("resolution", ["full", "half"])
@pytest.mark.parametrize("scene", ["cornell", "atelier"])  # diffuse; with specular reflection
def test_a_static_camera_gets_the_mean_of_its_frames(gpu: Gpu, scene: str, resolution: str) -> None:
    """Where the history is not clipped: pixels whose neighbours do not deviate at all are left out."""
    values = {"scene": scene, "technique": "ssdo", "lighting.resolution": resolution}
    result = render_all_frames(gpu, make_shot(values))
    light, frame_count = read_light(gpu, result), read_frame_count(gpu, 7)
    mask = surface_mask(gpu, result.shading_inputs)
    mean_shot = make_shot(values | {"accumulated_frames": 8, "temporal.history_length": 0})
    mean_result = render_all_frames(gpu, mean_shot)
    mean, full_mask = read_light(gpu, mean_result), surface_mask(gpu, mean_result.inputs)
    single = render_light(gpu, make_shot(values | {"temporal.history_length": 0}))
    assert (frame_count[mask] > 7.99).mean() > 0.9
    assert (frame_count <= 8).all()
    unclipped_mask = np.ones(light.shape[:2], bool) if resolution == "half" else frame_count > 7.99
    error = rms((light - mean)[unclipped_mask & full_mask][:, :4])
    assert error < (1e-4 if resolution == "full" else 0.1 * rms((single - mean)[full_mask][:, :4]))


@pytest.mark.slow
def test_noise_falls_as_in_a_mean(gpu: Gpu) -> None:
    """Against 64 other frames. The pattern complements itself: n frames err less than 1 / sqrt(n) of one frame."""
    values = {"scene": "cornell", "technique": "ssdo", "denoise.radius": 2}
    mean_shot = make_shot(values | {"accumulated_frames": 64, "temporal.history_length": 0, "seed": 9})
    mean = read_light(gpu, render_all_frames(gpu, mean_shot))

    def error(history_length: int, **options: float) -> float:
        shot = make_shot(values | {"temporal.history_length": history_length} | options)
        return rms(read_light(gpu, render_all_frames(gpu, shot)) - mean)

    errors = {history_length: error(history_length) for history_length in (1, 4, 16)}
    assert errors[4] < 0.6 * errors[1]
    assert errors[16] < 0.35 * errors[1]
    assert errors[16] < error(16, **{"temporal.clip_sigma": 1.0}) < 0.75 * errors[1]


def test_a_history_reduces_flicker(gpu: Gpu) -> None:
    values = {"scene": "cornell", "technique": "ssdo", "temporal.clip_sigma": 1.0}
    flicker = {}
    for history_length in (0, 8):
        shot = make_shot(values | {"temporal.history_length": history_length})
        frames = [render_light(gpu, shot, index) for index in range(12)]
        flicker[history_length] = rms(frames[-1] - frames[-2])
    assert flicker[8] < 0.5 * flicker[0]


def test_equal_sequences_are_bit_equal(gpu: Gpu) -> None:
    """Also with frames of another scope in between. Frame 0 does not use an older history."""
    shot, other = (
        make_shot({"scene": scene, "technique": "ssao", "temporal.clip_sigma": 1.0}) for scene in ("cornell", "nook")
    )
    first = [render_light(gpu, shot, index) for index in range(5)]
    with gpu.scope("other"):
        render_frame(gpu, other)
    for index in range(5):
        np.testing.assert_array_equal(render_light(gpu, shot, index), first[index])
        with gpu.scope("other"):
            render_frame(gpu, other, index + 1)
    assert np.abs(first[4] - render_light(gpu, without_history(shot), 4)).max() > 1e-3


def test_only_the_history_of_the_previous_frame_is_used(gpu: Gpu) -> None:
    """After a gap, a change of size, or when the history's target was freed, a frame stands alone."""
    shot = make_shot({"scene": "cornell", "technique": "ssao"})
    alone = {index: render_light(gpu, without_history(shot), index) for index in (2, 5)}
    for index in (0, 1):
        render_frame(gpu, shot, index)
    assert np.abs(render_light(gpu, shot, 2) - alone[2]).max() > 1e-3
    np.testing.assert_array_equal(render_light(gpu, shot, 5), alone[5])
    render_frame(gpu, shot, 1)
    render_frame(gpu, replace(shot, width=32), 1)
    np.testing.assert_array_equal(render_light(gpu, shot, 2), alone[2])
    local_gpu = Gpu(gpu.ctx)
    render_frame(local_gpu, shot, 1)
    local_gpu.free_unused()
    local_gpu.free_unused()
    assert not any(target.metadata for target in local_gpu.targets.values())
    np.testing.assert_array_equal(render_light(local_gpu, shot, 2), alone[2])


# ---- a moving camera -------------------------------------------------------------------------------------------------


def tap_distances(
    frame: FrameUniforms, depth: Floats, previous: FrameUniforms, previous_depth: Floats
) -> tuple[Doubles, Bools]:
    """How well four pixels of the previous frame, around a pixel's reprojection, match its surface. In float64.

    (4, h, w): distances in world space, in widths of the pixel there, infinite outside the previous image;
    (h, w): whether the reprojection lies inside.
    """
    h, w = depth.shape
    position = world_positions(frame, depth)
    homogeneous = np.concatenate([position, np.ones((h, w, 1))], -1)
    clip = homogeneous @ np.array(previous.clip_from_world).reshape(4, 4)
    x = (clip[..., 0] / clip[..., 3] + 1) / 2 * w - 0.5
    y = (1 - clip[..., 1] / clip[..., 3]) / 2 * h - 0.5
    previous_position = world_positions(previous, previous_depth)
    pixel_width = 2 * frame.tan_half_fov[1] * depth / h
    column, row = (np.floor(np.nan_to_num(value, nan=-9.0)).astype(int) for value in (x, y))
    distances = []
    for k in range(4):
        i, j = column + (k & 1), row + (k >> 1)
        is_inside = (i >= 0) & (i < w) & (j >= 0) & (j < h)
        tap = previous_position[np.clip(j, 0, h - 1), np.clip(i, 0, w - 1)]
        distances.append(np.where(is_inside, np.linalg.norm(tap - position, axis=-1) / pixel_width, np.inf))
    return np.array(distances), (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1)


@pytest.mark.parametrize("resolution", ["full", "half"])
@pytest.mark.parametrize("target", [(0.0, 0.0, 0.0), (1.6, 0.2, 0.0)])  # translation; translation and rotation
@pytest.mark.parametrize("technique", ["off", "ssao"])
def test_disoccluded_surfaces_have_no_history(
    gpu: Gpu, technique: str, target: tuple[float, float, float], resolution: str
) -> None:
    """The camera moves past a post. What the post or the image's edge hid has no history; other surfaces have one."""
    shot = make_shot(
        {"scene": "posts", "technique": technique, "width": 96, "height": 54, "lighting.resolution": resolution}
    )
    moved_shot = move_camera(shot, (0.9, 0.1, 4.0), target)
    previous = render_frame(gpu, shot).shading_inputs
    previous_depth = gpu.read(previous.gbuffer.depth)[..., 0]
    previous_depth = np.where(previous_depth < BACKGROUND_DEPTH, previous_depth, np.inf).astype("f4")
    current = render_frame(gpu, moved_shot, 1).shading_inputs
    depth, frame_count = gpu.read(current.gbuffer.depth)[..., 0], read_frame_count(gpu, 1)
    with np.errstate(invalid="ignore"):
        distances, is_inside = tap_distances(current.frame, depth, previous.frame, previous_depth)
    # on the wall neighbours are 1 pixel width apart, across its corner 1.5
    disoccluded, reprojected = distances.min(0) > 8, is_inside & (distances.max(0) < 2)
    assert disoccluded.sum() > 0.05 * disoccluded.size and reprojected.sum() > 0.3 * reprojected.size
    assert (frame_count[disoccluded] == 1).all()
    # the history of noisy light may be clipped
    assert (frame_count[reprojected] > 1.99).mean() > (0.9 if technique == "ssao" else 0.9999)
    light = gpu.read(get_history(gpu, 1).direct)
    alone = gpu.read(render_frame(gpu, without_history(moved_shot), 1).lighting.direct)
    if resolution == "full":
        np.testing.assert_array_equal(light[disoccluded], alone[disoccluded])


def test_a_cut_drops_the_history(gpu: Gpu) -> None:
    shot = make_shot({"scene": "posts", "technique": "ssao"})
    after_cut = move_camera(shot, (0.0, 0.0, 6.0), (0.0, 0.0, 9.0))
    for index in range(4):
        render_frame(gpu, shot, index)
    light = render_light(gpu, after_cut, 4)
    assert (read_frame_count(gpu, 4) == 1).all()
    np.testing.assert_array_equal(light, render_light(gpu, without_history(after_cut), 4))


@pytest.mark.slow
def test_light_stays_on_its_surface(gpu: Gpu) -> None:
    """The camera moves; light with little noise stays nearer to that of its surface than to that of its pixel."""
    values = {
        "scene": "cornell",
        "technique": "ssao",
        "ssao.samples": 128,
        "width": 128,
        "height": 72,
        "temporal.history_length": 64,
    }
    shot = make_shot(values).resolve(load_scene("cornell", 0.0))
    for motion in temporal_stability.create_motions(3.0, 0.0)[1:4]:
        first = gpu.read(render_frame(gpu, motion.apply(shot, 0)).lighting.direct)[..., 3]
        for index in range(1, 6):
            result = render_frame(gpu, motion.apply(shot, index), index)
        visibility = gpu.read(result.lighting.direct)[..., 3]
        mask = surface_mask(gpu, result.inputs) & (read_frame_count(gpu, 5) > 4)
        alone = gpu.read(render_frame(gpu, without_history(motion.apply(shot, 5)), 5).lighting.direct)[..., 3]
        assert mask.mean() > 0.4
        assert rms((visibility - alone)[mask]) < 0.35 * rms((first - alone)[mask]), motion.description


@pytest.mark.slow
@pytest.mark.parametrize("resolution", ["full", "half"])
@pytest.mark.parametrize("technique", [name for name, kind in Technique.known.items() if kind.sample_param])
def test_a_plane_stays_unoccluded(gpu: Gpu, technique: str, resolution: str) -> None:
    """Exactly, while the camera moves; in a constant environment its irradiance stays, too."""
    values = {
        "scene": "plane:tilt=60",
        "technique": technique,
        "lighting.resolution": resolution,
        "temporal.clip_sigma": 1.0,
    }
    shot = make_shot(values).resolve(load_scene("plane:tilt=60", 0.0))
    first = gpu.read(render_frame(gpu, shot).lighting.direct)
    for index in range(1, 6):
        result = render_frame(gpu, temporal_stability.create_motions(3.0, 0.0)[2].apply(shot, index), index)
        direct, mask = gpu.read(result.lighting.direct), surface_mask(gpu, result.inputs)
        assert (direct[..., 3] == 1).all()
        assert np.abs(direct - np.median(first[mask], axis=0))[mask].max() < 4 * FLOAT_ROUNDING
    assert read_frame_count(gpu, 5).max() > 5.9


# ---- changing light --------------------------------------------------------------------------------------------------


def test_changing_light_leaves_no_ghost(gpu: Gpu) -> None:
    """The environment darkens between two frames. Clipping removes most of the excess light, on a plane all of it."""
    for scene, max_ratio in (("cornell", 0.15), ("plane:tilt=60", 1e-4)):
        excess = []
        for clip_sigma in (1.0, 100.0):
            values = {"scene": scene, "technique": "ssdo", "temporal.clip_sigma": clip_sigma, "environment": "white"}
            bright = make_shot(values)
            dark = replace(bright, sky=replace(bright.sky, intensity=0.25))
            for index in range(6):
                render_frame(gpu, bright, index)
            light = render_light(gpu, dark, 6)
            excess.append(rms((light - render_light(gpu, without_history(dark), 6))[..., :3]))
        assert excess[0] < max_ratio * max(excess[1], 1.0), scene


# ---- commands, viewer and tools --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_image_can_be_rendered_again(tmp_path: Path) -> None:
    """A capture with a history draws as many frames, and stores the length in the image."""
    first, second, plain = (tmp_path / f"{name}.png" for name in "abc")
    small = ["--scene", "nook", "--width", "65", "--height", "37"]
    assert capture([*small, "--temporal.history_length", "4", "--output", str(first)]) == 0
    assert images.load_shot_values(first)["temporal.history_length"] == 4
    assert capture(["--from-image", str(first), "--output", str(second)]) == 0
    assert first.read_bytes() == second.read_bytes()
    assert capture([*small, "--output", str(plain)]) == 0
    assert images.load_shot_values(plain)["temporal.history_length"] == 0
    assert plain.read_bytes() != first.read_bytes()


def test_the_viewer_draws_until_the_history_is_full(gpu: Gpu, tmp_path: Path) -> None:
    """A and B have a history each, which continues while the camera moves. Saved images can be rendered again."""
    session = Session(
        gpu,
        Shot().with_values(
            {"scene": "cornell", "technique": "ssdo", "temporal.history_length": 6, "temporal.clip_sigma": 1.0}
        ),
        {},
    )
    session.choose_view("split")
    while session.step((64, 36)):
        pass
    scheduler = session.scheduler
    assert [scheduler.renders[slot].stable_frames for slot in ("A", "B")] == [6, 6]
    draw_count, index = scheduler.draw_count, scheduler.renders["B"].frame_index
    assert not session.step((64, 36)) and scheduler.draw_count == draw_count
    pose = session.pose
    for step in range(3):
        session.move_camera(pose._replace(eye=(pose.eye[0] + 0.05 * step + 0.01, *pose.eye[1:])))
        scheduler.draw("B", session.shot("B"), 1.0)  # at full size however slow this machine is
    render = scheduler.renders["B"]
    assert render.frame_index == index + 3 and render.stable_frames == 1
    assert {
        f"temporal.{k} {part} *" for k in (0, 1) for part in ("direct", "indirect", "surface", "frame_count")
    } <= session.view_renderer.buffers("B").keys()
    assert gpu.read(gpu.targets[f"B/temporal.{render.frame_index % 2}"].textures[3]).max() > 3
    session.set_linked("temporal.history_length", False)
    session.change({"temporal.history_length": 0}, "A")
    session.step((64, 36))
    assert not session.shot("A").uses_history and session.shot("B").uses_history
    saved_paths = save_slot_screenshots(session, tmp_path)
    again = tmp_path / "again.png"
    assert capture(["--from-image", str(saved_paths[1]), "--output", str(again)]) == 0
    assert saved_paths[1].read_bytes() == again.read_bytes()


@pytest.mark.slow
def test_the_stability_tool_measures_flicker_and_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shot = ("--scene", "cornell", "--width", "32", "--height", "18", "--temporal.history_length", "3")
    flags = (*shot, "--pixels", "2", "--reference-frames", "4", "--runs", "3")
    assert temporal_stability.main([*flags, "--output", str(tmp_path / "a.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "|  | without history | with history | without clipping |"
    assert [line.split("|")[1].strip().split(",")[0] for line in lines[2:9]] == ["flicker", *["error"] * 6]
    plain_flicker, clipped_flicker, unclipped_flicker = (float(cell) for cell in lines[2].split("|")[2:5])
    assert unclipped_flicker < clipped_flicker < plain_flicker
    assert lines[-1].startswith("temporal passes take ")
    for wrong, rule in (
        (["--pixels", "-1"], "0 to 1000"),
        (["--temporal.history_length", "0"], "the shot uses no history"),
        (["--runs", "2"], "3 to 1000"),
    ):
        with pytest.raises(UserError, match=rule):
            temporal_stability.main(wrong)
