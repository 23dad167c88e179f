"""Orthographic and rolled cameras: closed forms of all techniques, glTF's cameras, and the viewer's controls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gltf_files
import numpy as np
import pytest
from closed_forms import (
    HALF_FLOAT_ROUNDING,
    corner_mask,
    corner_occlusion_of_points,
    corner_occlusion_of_rays,
    corner_shot,
    integrate_visibility,
)
from render_small import Bools, binomial_tolerance, read_depth, render_small
from ssdo.arrays import Doubles, to_vec3
from ssdo.gpu.context import Gpu
from ssdo.render.frame_uniforms import CameraPose, make_frame
from ssdo.render.pipeline import load_shot, render_all_frames, render_loaded_frame
from ssdo.render.shot import Shot
from ssdo.scene.files.gltf import read_gltf
from ssdo.scene.loader import load_scene
from ssdo.viewer import controls
from ssdo.viewer.controls import Pose
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.session import Session
from test_slices import slice_shot

ORTHOGRAPHIC: dict[str, Any] = {"camera.projection": "orthographic"}
HEMISPHERE_TECHNIQUES, SLICE_TECHNIQUES = ("ssao", "ssdo"), ("gtao", "bitmask")
TECHNIQUES = HEMISPHERE_TECHNIQUES + SLICE_TECHNIQUES
PROBES: dict[str, Any] = {"probes.enabled": True}
LENS_TOLERANCE = 0.006  # of visibility and radiance, mean; measured 0.004


def make_shot(technique: str, scene: str, **parameters: object) -> dict[str, Any]:
    """Values that leave only the estimator's error."""
    if technique in SLICE_TECHNIQUES:
        return slice_shot(technique, scene, **parameters) | ORTHOGRAPHIC
    return corner_shot(technique, **parameters) | {"scene": scene} | ORTHOGRAPHIC


# ---- closed forms ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("with_probes", [False, True])
@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("tilt", [0, 45, 85])
def test_plane_is_unoccluded(gpu: Gpu, technique: str, tilt: int, with_probes: bool) -> None:
    """F1: visibility 1 at every tilt and distance, with one depth layer and with two."""
    if with_probes and technique not in ("ssdo", "bitmask"):
        return
    for distance, radius in ((10, 3.0), (1000, 0.5)):
        values = {"scene": f"plane:tilt={tilt},distance={distance}", "technique": technique} | ORTHOGRAPHIC
        values |= {f"{technique}.radius": radius} | (PROBES if with_probes else {})
        variants: list[dict[str, object]] = [{}]
        if technique in HEMISPHERE_TECHNIQUES:
            variants = [{f"{technique}.visibility": v} for v in ("ray-march", "single-sample")]
        if technique != "gtao":
            variants.append({f"{technique}.depth_layers": "2"})
        for variant in variants:
            result = render_small(gpu, values | variant)
            assert result.surface_mask.all()
            assert result.visibility.min() == 1.0
            assert np.abs(result.direct / np.pi - 1).max() < HALF_FLOAT_ROUNDING
            assert not result.indirect.any()


@pytest.mark.slow
@pytest.mark.parametrize("with_probes", [False, True])
@pytest.mark.parametrize("camera, turn", [(20, 0), (60, 30)])
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_corner_matches_closed_form(gpu: Gpu, technique: str, camera: int, turn: int, with_probes: bool) -> None:
    """F2: occlusion beside a wall. Tolerances are those of the perspective camera.

    With probes, what is beyond the radius is open: their grid is large against it.
    """
    scene = f"corner:camera={camera},turn={turn}"
    if with_probes and technique not in ("ssdo", "bitmask"):
        return
    visibilities = ("ray-march", "single-sample") if technique in HEMISPHERE_TECHNIQUES and not with_probes else ("",)
    for visibility in visibilities:
        parameters = {"visibility": visibility} if visibility else {}
        shot = make_shot(technique, scene, **parameters)
        result = render_small(gpu, shot | {"camera.roll": 30.0})
        mask, c = corner_mask(result)
        expected = (corner_occlusion_of_points if visibility == "single-sample" else corner_occlusion_of_rays)(c)
        error = 1 - result.visibility[mask] - expected
        if with_probes:
            probes = render_small(gpu, shot | {"camera.roll": 30.0} | PROBES)
            error = 1 - probes.visibility[mask] - corner_occlusion_of_all(c)
            assert abs(error.mean()) < 0.06, "what probes find beyond the radius"
            continue
        assert abs(error.mean()) < 0.007
        tolerance = binomial_tolerance(expected, 512).max() + 0.01 if technique in HEMISPHERE_TECHNIQUES else 0.02
        assert np.abs(error).max() < tolerance


def corner_occlusion_of_all(c: Doubles) -> Doubles:
    """F2b: of rays of unlimited length."""
    return np.full_like(c, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("angle, along", [(60, 1), (120, 0)])
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_groove_matches_closed_form(gpu: Gpu, technique: str, angle: int, along: int) -> None:
    """F4 for rays of 1 m."""
    half_angle = np.radians(angle / 2)
    left_normal = np.array([np.cos(half_angle), np.sin(half_angle), 0.0])

    def hits_left_face(w: Doubles, x: Doubles) -> Bools:
        cosine = w @ left_normal
        return (cosine < -1e-9) & (-(x @ left_normal) / np.minimum(cosine, -1e-9) < 1)

    result = render_small(gpu, make_shot(technique, f"groove:angle={angle},along={along}") | {"camera.height": 4.0})
    x, y, z = np.moveaxis(result.position, -1, 0)
    edge_distance = x * np.sin(half_angle) + y * np.cos(half_angle)
    right_face = result.surface_mask & (result.normal[..., 0] < -0.1) & (np.abs(z) < 0.3)
    mask = right_face & (edge_distance > 0.08) & (edge_distance < 0.6)
    assert mask.sum() > 10
    expected = integrate_visibility(result, mask, hits_left_face)
    assert abs((result.visibility[mask] - expected).mean()) < 0.015


@pytest.mark.slow
@pytest.mark.parametrize("technique", [*TECHNIQUES, "reference"])
def test_far_orthographic_cameras_see_the_same(gpu: Gpu, technique: str) -> None:
    """The picture does not depend on how far away the camera stands, but for the rounding of depth."""
    direction, target = np.array((-1.0, 0.8, 0.5)) / np.linalg.norm((-1.0, 0.8, 0.5)), np.array((0.0, 0.6, 0.0))
    values = {"scene": "nook", "technique": technique, "accumulated_frames": 2, "camera.target": to_vec3(target)}
    if technique in HEMISPHERE_TECHNIQUES:
        values |= {f"{technique}.thickness": 0.1}
    near, far = (
        render_small(
            gpu, values | ORTHOGRAPHIC | {"camera.eye": to_vec3(target + direction * distance), "camera.height": 4.0}
        )
        for distance in (6.0, 6e4)
    )
    assert (near.surface_mask == far.surface_mask).all()
    both = near.surface_mask
    assert np.abs(far.visibility - near.visibility)[both].mean() < 0.003
    assert np.abs(far.radiance - near.radiance)[both].mean() < 0.003
    np.testing.assert_allclose(far.depth[both] - near.depth[both], 6e4 - 6.0, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("technique", [*TECHNIQUES, "reference"])
def test_orthographic_cameras_are_the_limit_of_long_lenses(gpu: Gpu, technique: str) -> None:
    """The narrowest lens, from 230 m, shows the same visibility and the same light as parallel rays."""
    height, target = 4.0, np.array((0.0, 0.6, 0.0))
    eye = target + np.array((-0.5, 0.5, 0.7)) / np.linalg.norm((-0.5, 0.5, 0.7)) * height / 2 / np.tan(np.radians(0.5))
    values = {"scene": "nook", "technique": technique, "accumulated_frames": 8, "camera.target": to_vec3(target)}
    values |= {"camera.eye": to_vec3(eye), "camera.fov": 1.0, "camera.height": height, "denoise.radius": 4}
    if technique in HEMISPHERE_TECHNIQUES:
        values |= {f"{technique}.thickness": 0.1}
    lens, orthographic = render_small(gpu, values), render_small(gpu, values | ORTHOGRAPHIC)
    both = lens.surface_mask & orthographic.surface_mask & ((lens.normal * orthographic.normal).sum(-1) > 0.999)
    assert both.sum() > 0.95 * lens.surface_mask.sum()
    assert np.abs(orthographic.visibility - lens.visibility)[both].mean() < LENS_TOLERANCE
    assert np.abs(orthographic.radiance - lens.radiance)[both].mean() < LENS_TOLERANCE


# ---- pixels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("roll", [0.0, 30.0, -120.0])
@pytest.mark.parametrize("height", [None, 3.0])
@pytest.mark.parametrize("eye", [(1.0, 2.0, 4.0), (0.0, 5.0, 0.0), (0.0, -5.0, 0.0)])
def test_points_project_to_their_pixels(eye: tuple[float, float, float], height: float | None, roll: float) -> None:
    """By axes that are found without matrices: the camera is turned counter-clockwise, as seen from behind it."""
    frame = make_frame(load_scene("nook"), CameraPose(eye, (0.0, 0.0, 0.0), 40.0, roll, height), (80, 60))
    forward = -np.array(eye) / np.linalg.norm(eye)
    up = np.array((0.0, 1.0, 0.0)) if eye[0] else np.array((0.0, 0.0, np.sign(forward[1])))
    right = np.cross(forward, up) / np.linalg.norm(np.cross(forward, up))
    up = np.cross(right, forward)
    angle = np.radians(roll)
    rolled_right, rolled_up = right * np.cos(angle) + up * np.sin(angle), up * np.cos(angle) - right * np.sin(angle)
    points = np.random.default_rng(2).uniform(-1, 1, (20, 3))
    offset = points - eye
    half_height = np.full(20, height / 2) if height else np.tan(np.radians(20.0)) * (offset @ forward)
    expected = np.stack([offset @ rolled_right, offset @ rolled_up], -1) / half_height[:, None]
    clip = np.column_stack([points, np.ones(20)]) @ np.array(frame.clip_from_world).reshape(4, 4)
    np.testing.assert_allclose(clip[:, :2] / clip[:, 3:] * (80 / 60, 1.0), expected, atol=1e-9)


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_normals_of_triangles_follow_from_depth(gpu: Gpu, projection: str) -> None:
    """The background and the geometric normals know the view direction."""
    values = {"scene": "nook", "technique": "off", "camera.projection": projection, "camera.roll": 10.0}
    values |= {"environment": "sunset"}
    result = render_all_frames(gpu, Shot().with_values(values | {"width": 64, "height": 48}))
    depth = read_depth(gpu, result.inputs.gbuffer)
    normals = gpu.read(result.inputs.gbuffer.geometric_normal)[..., :3]
    is_surface = np.isfinite(depth)
    assert np.abs(np.linalg.norm(normals[is_surface], axis=-1) - 1).max() < 2e-3
    if projection == "orthographic":
        background = gpu.read(result.radiance)[~is_surface]
        assert len(background) > 100 and np.ptp(background, axis=0).max() < 1e-4, "all view rays are parallel"
        back = np.array(result.inputs.frame.world_from_view).reshape(4, 4)[2, :3]
        assert (normals[is_surface] @ back).min() > -1e-2


def test_perspective_at_the_target_is_the_default_height(gpu: Gpu) -> None:
    """A change of the projection keeps the size of what the camera looks at."""
    shot = Shot().with_values({"scene": "nook"} | ORTHOGRAPHIC)
    camera = shot.resolve(load_scene("nook")).camera
    assert camera.eye and camera.target and camera.fov and camera.height
    distance = np.linalg.norm(np.subtract(camera.eye, camera.target))
    np.testing.assert_allclose(camera.height, 2 * distance * np.tan(np.radians(camera.fov) / 2))


# ---- glTF ------------------------------------------------------------------------------------------------------------


def write_camera(path: Path, camera: dict[str, Any], **node: Any) -> Path:
    tree, binary = gltf_files.make_tetrahedron()
    tree["cameras"] = [camera]
    gltf_files.add_node(tree, camera=0, **node)
    return gltf_files.write_glb(path / "camera.glb", tree, binary)


@pytest.mark.parametrize("seed", range(8))
def test_gltf_cameras_keep_their_roll_and_projection(tmp_path: Path, seed: int) -> None:
    """A camera at any node: its own axes are those of the picture. Half of them are orthographic."""
    random = np.random.default_rng(seed)
    q = random.standard_normal(4)
    q = np.array((-0.5, 0.5, 0.5, 0.5)) if seed == 7 else q / np.linalg.norm(q)  # straight up or down, rolled
    camera: dict[str, Any] = {"type": "perspective", "perspective": {"yfov": 0.7, "znear": 0.1}}
    if seed % 2:
        camera = {"type": "orthographic", "orthographic": {"xmag": 2, "ymag": 1.5, "znear": 0.1, "zfar": 9}}
    scene = read_gltf(write_camera(tmp_path, camera, rotation=q.tolist(), translation=[3.0, -2.0, 5.0]))
    x, y, z, w = q
    right = np.array((1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)))
    up = np.array((2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)))
    assert scene.picture_height == (3.0 if seed % 2 else 0.0)
    shot = Shot().resolve(scene)
    frame = shot.frame_uniforms(scene, 0)
    view = np.array(frame.view_from_world).reshape(4, 4)[:3, :3]
    np.testing.assert_allclose(np.stack([right, up]) @ view, np.eye(3)[:2], atol=1e-5)
    assert frame.orthographic == bool(seed % 2)
    assert frame.tan_half_fov[1] == pytest.approx(1.5 if seed % 2 else np.tan(0.35))


def test_perspective_cameras_come_first(tmp_path: Path) -> None:
    orthographic = {"type": "orthographic", "orthographic": {"xmag": 1, "ymag": -1, "znear": 0.1, "zfar": 9}}
    perspective = {"type": "perspective", "perspective": {"yfov": 0.7, "znear": 0.1}}
    tree, binary = gltf_files.make_tetrahedron()
    tree["cameras"] = [orthographic, perspective]
    for i in range(2):
        gltf_files.add_node(tree, camera=i, translation=[0, 0, 5])
    path = gltf_files.write_glb(tmp_path / "a.glb", tree, binary)
    assert read_gltf(path).picture_height == 0
    assert read_gltf(path, camera=0).picture_height == 2
    assert read_gltf(write_camera(tmp_path, orthographic)).picture_height == 2
    orthographic["orthographic"] |= {"ymag": 0}  # type: ignore[operator]
    scene = read_gltf(write_camera(tmp_path, orthographic))
    assert scene.eye is None and "cameras[0].orthographic.ymag: must not be 0" in scene.warnings[0]


# ---- the viewer ------------------------------------------------------------------------------------------------------


def project(pose: Pose, point: Doubles) -> Doubles:
    """(..., 2) pixels of points (..., 3) in a picture of 100 x 100, row 0 below."""
    camera = CameraPose(pose.eye, pose.target, pose.fov, pose.roll, pose.height)
    clip_from_world = np.array(make_frame(load_scene("nook"), camera, (100, 100)).clip_from_world).reshape(4, 4)
    clip = np.concatenate([point, np.ones_like(point[..., :1])], -1) @ clip_from_world
    pixel: Doubles = (clip[..., :2] / clip[..., 3:] + 1) * 50
    return pixel


@pytest.mark.parametrize("roll", [0.0, 35.0, 180.0])
@pytest.mark.parametrize("height", [None, 2.5])
def test_controls_work_with_every_camera(height: float | None, roll: float) -> None:
    pose = Pose((1.0, 1.5, 4.0), (0.2, 0.4, -0.3), 50.0, roll, height)
    target = np.array(pose.target)
    scene = load_scene("nook")
    # What the camera looked at moves against the pan.
    np.testing.assert_allclose(project(controls.pan(pose, 0.1, -0.2), target), (40.0, 70.0), atol=1e-6)
    orbited = controls.orbit(pose, 30.0, -10.0)
    np.testing.assert_allclose(project(orbited, target), (50.0, 50.0), atol=1e-6)
    assert (orbited.roll, orbited.height) == (roll, height)
    corner = target + controls.camera_axes(pose)[0] * 0.5
    near, far = (project(controls.dolly(pose, ratio, scene), corner) - 50 for ratio in (0.5, 2.0))
    np.testing.assert_allclose(np.linalg.norm(near) / np.linalg.norm(far), 4.0, rtol=1e-6)
    fitted = controls.fit_scene(pose, scene, 1.0)
    pixels = project(fitted, np.concatenate([mesh.positions for mesh in scene.meshes]).astype("f8"))
    assert pixels.min() > 9.9 and pixels.max() < 90.1 and np.ptp(pixels, axis=0).max() > 79.9


def test_viewer_moves_and_stores_orthographic_cameras(gpu: Gpu, tmp_path: Path) -> None:
    """Zoom changes the height; undo of the projection, bookmarks and the scene's camera restore it."""
    session = Session(gpu, Shot().with_values({"scene": "nook", "camera.roll": 20.0} | ORTHOGRAPHIC), {})
    session.size = (64, 48)
    pose = session.pose
    assert pose.height and pose.roll == 20.0
    session.move_camera(controls.orbit(pose, 10.0, 0.0))
    assert session.slots.shared.camera.height is None, "an orbit leaves the height to the target's distance"
    session.move_camera(controls.dolly(session.pose, 0.5, session.scene))
    assert session.pose.height == pytest.approx(pose.height / 2)
    preferences = Preferences(tmp_path)
    for number, stored in enumerate((session.file_pose, session.file_pose._replace(height=None, roll=-5.0))):
        preferences.save_bookmark("nook", number, stored)
        restored = Preferences(tmp_path).restore_bookmark("nook", number)
        assert restored == stored
        assert restored and session.set_pose(restored)
        assert session.file_pose == stored
    session.frame_scene()
    assert session.pose.roll == 0 and session.slots.shared.camera.eye is None


# ---- history ---------------------------------------------------------------------------------------------------------


def test_history_starts_anew_with_another_projection(gpu: Gpu) -> None:
    """Its surfaces cannot be compared. With an equal projection the history is found as the camera moves."""
    shot = Shot().with_values({"scene": "nook", "technique": "ssao", "temporal.history_length": 8, "width": 32})

    def render(projection: str, index: int, roll: float) -> float:
        """Frames in the history of a pixel, mean."""
        values = {"camera.projection": projection, "height": 24, "camera.roll": roll}
        render_loaded_frame(gpu, load_shot(shot.with_values(values)), index)
        return float(gpu.read(gpu.targets[f"temporal.{index % 2}"].textures[3])[..., 0].mean())

    render("perspective", 0, 0.0)
    assert render("orthographic", 1, 0.0) == 1.0
    assert render("orthographic", 2, 5.0) > 1.4
