"""SSAO and SSDO against the closed forms F1 to F10 of tests/closed_forms.py.

Tolerances: HALF_FLOAT_ROUNDING for the G-buffer, binomial_tolerance for sampling noise.
Others have their reason beside them, measured on software OpenGL.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from closed_forms import (
    FENCE_CAMERA,
    HALF_FLOAT_ROUNDING,
    assert_circular_occlusion,
    corner_mask,
    corner_occlusion_of_points,
    corner_occlusion_of_rays,
    corner_shot,
    hits_fence,
    hits_niche,
    integrate_visibility,
    linear_environment_irradiance,
    near_origin_mask,
    sphere_visibility,
    wall_interior_mask,
)
from render_small import Bools, SmallRender, binomial_tolerance, occluded_fraction, render_small
from ssdo.arrays import Doubles
from ssdo.gpu.context import Gpu

TECHNIQUES = ("ssao", "ssdo")


# ---- F1 to F5: planes ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("visibility", ["ray-march", "single-sample"])
@pytest.mark.parametrize("tilt", [0, 45, 85])
@pytest.mark.parametrize("distance", [1, 10, 100, 1000])
def test_plane_is_unoccluded(gpu: Gpu, technique: str, visibility: str, tilt: int, distance: int) -> None:
    """F1: visibility 1 and irradiance pi, at every tilt and distance."""
    for radius in (0.5, 0.3 * distance):
        parameters = {f"{technique}.visibility": visibility, f"{technique}.radius": radius}
        scene = f"plane:tilt={tilt},distance={distance}"
        result = render_small(gpu, {"scene": scene, "technique": technique} | parameters)
        assert result.surface_mask.all()
        assert result.visibility.min() == 1.0
        assert np.abs(result.direct / np.pi - 1).max() < HALF_FLOAT_ROUNDING
        assert not result.indirect.any()


@pytest.mark.slow
@pytest.mark.parametrize("camera, turn", [(20, 0), (40, 20), (60, 30), (75, 60), (30, 60)])
@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("visibility", ["ray-march", "single-sample"])
def test_corner_matches_closed_form(gpu: Gpu, technique: str, visibility: str, camera: int, turn: int) -> None:
    """F2: occlusion beside a wall follows the curve of the estimator in use, and not the other one's."""
    shot = corner_shot(technique, visibility=visibility) | {"scene": f"corner:camera={camera},turn={turn}"}
    result = render_small(gpu, shot)
    mask, c = corner_mask(result)
    expected, other = corner_occlusion_of_rays(c), corner_occlusion_of_points(c)
    if visibility == "single-sample":
        expected, other = other, expected
    error = 1 - result.visibility[mask] - expected
    # A pixel covers 0.03 m, and the wall's lowest row of pixels stands for what lies between; measured 0.0035.
    assert abs(error.mean()) < 0.005
    assert np.abs(error).max() < binomial_tolerance(expected, 8 * 64).max() + 0.01
    assert abs((1 - result.visibility[mask] - other).mean()) > 5 * abs(error.mean())


@pytest.mark.slow
def test_foot_of_wall_is_half_occluded(gpu: Gpu) -> None:
    """F2b: visibility approaches 1/2 at the edge of two planes."""
    size = {"scene": "corner:distance=0.0", "width": 384, "height": 216, "accumulated_frames": 2}
    result = render_small(gpu, corner_shot("ssdo") | size)
    x = result.position[..., 0]
    mask = near_origin_mask(result) & (x > -0.06) & (x < -0.02)
    expected = corner_occlusion_of_rays(np.clip(-x[mask], 1e-6, 1))
    assert mask.sum() > 20
    assert expected.max() > 0.47
    assert abs((1 - result.visibility[mask] - expected).mean()) < 0.015  # pixels of 0.01 m


@pytest.mark.slow
def test_corner_of_three_planes_has_quarter_visibility(gpu: Gpu) -> None:
    """F2b: visibility approaches 1/4 where three planes meet."""
    result = render_small(gpu, corner_shot("ssdo") | {"scene": "niche"})
    mask = result.surface_mask & (result.position.max(-1) < 0.12)
    expected = integrate_visibility(result, mask, hits_niche)
    assert mask.sum() > 4
    assert expected.mean() < 0.36
    assert abs((result.visibility[mask] - expected).mean()) < 0.04  # pixels of 0.05 m; measured 0.02


@pytest.mark.slow
def test_fence_matches_closed_form(gpu: Gpu) -> None:
    """F3 for rays of 2 m: a wall 1 m high at a distance of up to 1 m."""
    result = render_small(gpu, corner_shot("ssdo", radius=2.0) | {"scene": "fence"} | FENCE_CAMERA)
    x = result.position[..., 0]
    mask = near_origin_mask(result) & (x > 0) & (x < 0.9)
    expected = integrate_visibility(result, mask, hits_fence)
    assert abs((result.visibility[mask] - expected).mean()) < 0.015  # measured 0.006
    assert mask.sum() > 10


@pytest.mark.slow
@pytest.mark.parametrize("along", [0, 1])
@pytest.mark.parametrize("angle", [60, 90, 120])
def test_groove_matches_closed_form(gpu: Gpu, angle: int, along: int) -> None:
    """F4 for rays of 1 m: a V-groove, seen along and across."""
    half_angle = np.radians(angle / 2)
    left_normal = np.array([np.cos(half_angle), np.sin(half_angle), 0.0])

    def hits_left_face(w: Doubles, x: Doubles) -> Bools:
        cosine = w @ left_normal
        return (cosine < -1e-9) & (-(x @ left_normal) / np.minimum(cosine, -1e-9) < 1)

    shot = corner_shot("ssdo") | {"scene": f"groove:angle={angle},along={along}", "camera.fov": 40.0}
    result = render_small(gpu, shot)
    x, y, z = np.moveaxis(result.position, -1, 0)
    edge_distance = x * np.sin(half_angle) + y * np.cos(half_angle)
    right_face = result.surface_mask & (result.normal[..., 0] < -0.1) & (np.abs(z) < 0.3)
    mask = right_face & (edge_distance > 0.08) & (edge_distance < 0.6)
    expected = integrate_visibility(result, mask, hits_left_face)
    assert mask.sum() > 10

    # The integration itself meets the closed form for rays of unlimited length.
    right_normal = (-np.cos(half_angle), np.sin(half_angle), 0)
    occlusion = occluded_fraction(right_normal, np.zeros(3), lambda w, _: w @ left_normal < 0)
    assert abs(occlusion - (1 + np.cos(np.radians(angle))) / 2) < 1e-3

    assert abs((result.visibility[mask] - expected).mean()) < 0.015  # measured 0.008
    assert np.abs(result.visibility[mask] - expected).max() < binomial_tolerance(0.5, 512) + 0.03


@pytest.mark.slow
def test_trench_matches_closed_form(gpu: Gpu) -> None:
    """F5 for rays of 3 m: the floor of a trench 2 m wide and 1 m deep."""

    def hits_walls(w: Doubles, x: Doubles) -> Bools:
        side = np.sign(w[:, 0])
        t = (side - x[0]) / np.where(np.abs(w[:, 0]) < 1e-9, 1e-9, w[:, 0])
        return (t < 3) & (t * w[:, 1] < 1)

    result = render_small(gpu, corner_shot("ssdo", radius=3.0, steps=32) | {"scene": "trench", "camera.fov": 75.0})
    mask = near_origin_mask(result) & (np.abs(result.position[..., 0]) < 0.3)
    assert mask.sum() > 4
    expected = integrate_visibility(result, mask, hits_walls)
    # The camera sees the walls at a grazing angle; measured 0.01.
    assert abs((result.visibility[mask] - expected).mean()) < 0.02


# ---- F6 and F7: sphere and bowl --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("size", [(72, 72), (168, 72)])
def test_occlusion_around_sphere_is_circular(gpu: Gpu, size: tuple[int, int]) -> None:
    """F6 from straight above, equal in every direction for any aspect ratio (fault 39)."""
    camera = {
        "camera.eye": (0.0, 12.0, 0.0),
        "camera.target": (0.0, 0.0, 0.0),
        "camera.fov": 60.0,
        "width": size[0],
        "height": size[1],
        "accumulated_frames": 4,
    }
    result = render_small(gpu, corner_shot("ssdo", radius=12.0, steps=48, samples=32) | {"scene": "ball"} | camera)
    assert_circular_occlusion(result)


@pytest.mark.slow
def test_contact_of_sphere_and_floor_is_dark(gpu: Gpu) -> None:
    """F6 towards the contact: visibility approaches 0."""
    camera = {"camera.eye": (0.0, 2.0, 6.0), "camera.target": (0.0, 0.0, 0.5), "camera.fov": 30.0}
    result = render_small(gpu, corner_shot("ssdo", radius=3.0) | {"scene": "ball"} | camera)
    x, y, z = np.moveaxis(result.position, -1, 0)
    contact = result.surface_mask & (np.abs(y) < 1e-3) & (np.hypot(x, z) < 0.25) & (z > 0)
    assert contact.sum() > 3
    assert result.visibility[contact].max() < 0.35
    assert result.visibility[contact].mean() < sphere_visibility(np.array(0.25)) + 0.2


@pytest.mark.slow
def test_bowl_matches_closed_form(gpu: Gpu) -> None:
    """F7 from above: visibility 1/2 everywhere; one bounce gives rho / 2 + rho^2 / 4 for rho = 0.5."""
    shot = corner_shot("ssdo", radius=2.05, steps=64, bounce=True)
    result = render_small(gpu, shot | {"scene": "bowl", "accumulated_frames": 4, "camera.fov": 40.0})
    inside = result.surface_mask & (result.position[..., 1] < -0.3)
    assert inside.sum() > 100
    # Rays just below the rim pass it between two steps: measured 0.526 and 0.326, deviation 0.035.
    assert abs(result.visibility[inside].mean() - 0.5) < 0.03
    assert abs(result.radiance[inside].mean() - (0.25 + 0.0625)) < 0.016
    assert result.visibility[inside].std() < 0.04


def render_by_radius(
    gpu: Gpu, scene: str, visibility: str, radii: tuple[float, ...], camera: dict[str, object]
) -> list[SmallRender]:
    """The same view with each radius, and steps of equal length, so that all find the same occluders."""
    results = []
    for radius in radii:
        steps = int(64 * radius / radii[-1])
        shot = corner_shot("ssdo", radius=radius, steps=steps, visibility=visibility)
        results.append(render_small(gpu, shot | {"scene": scene, "accumulated_frames": 4} | camera))
    return results


@pytest.mark.slow
@pytest.mark.parametrize("scene, camera", [("fence", FENCE_CAMERA), ("ball", {}), ("bowl", {"camera.fov": 40.0})])
def test_larger_radius_never_brightens(gpu: Gpu, scene: str, camera: dict[str, object]) -> None:
    """F3, F6, F7: longer rays hit more (fault 43)."""
    results = render_by_radius(gpu, scene, "ray-march", (0.25, 0.5, 1.0, 2.0), camera)
    y = results[0].position[..., 1]
    mask = results[0].surface_mask & (y < -0.3 if scene == "bowl" else np.abs(y) < 1e-3)
    assert mask.sum() > 1000
    for smaller, larger in itertools.pairwise(results):
        brightening = (larger.visibility - smaller.visibility)[mask]
        assert brightening.mean() < 0
        assert brightening.max() < binomial_tolerance(0.1, 256)  # measured 0.012


def test_single_samples_tunnel(gpu: Gpu) -> None:
    """As published, a sample behind a small occluder is visible, so that a larger radius brightens (fault 43)."""
    results = render_by_radius(gpu, "fence", "single-sample", (2.0, 4.0, 8.0), FENCE_CAMERA)
    x = results[0].position[..., 0]
    mask = near_origin_mask(results[0]) & (x > 0) & (x < 0.9)
    visibility = [float(result.visibility[mask].mean()) for result in results]  # measured 0.90, 0.94, 0.97
    assert visibility[0] + 0.02 < visibility[1] < visibility[2] - 0.02


# ---- F8 to F10: environments and emission ----------------------------------------------------------------------------


each_linear_environment = pytest.mark.parametrize(
    "axis, rotation", [("x", 0.0), ("y", 0.0), ("z", 0.0), ("z", 90.0), ("x", -90.0)]
)


def rotate_axis(axis: str, rotation: float) -> Doubles:
    """b of the environment 1 + b.w, rotated by degrees from north (-z) to east (+x)."""
    b, angle = np.eye(3)["xyz".index(axis)], np.radians(rotation)
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.array((b[0] * cosine - b[2] * sine, b[1], b[0] * sine + b[2] * cosine))


@each_linear_environment
def test_linear_environment_lights_by_the_normal(gpu: Gpu, axis: str, rotation: float) -> None:
    """F8 without occluders, at every normal of a sphere: E = pi + 2/3 pi n.b."""
    sky = {"environment": f"ramp-{axis}", "sky.rotation": rotation}
    result = render_small(gpu, {"scene": "ball", "technique": "off"} | sky)
    mask = result.surface_mask
    expected = np.pi + 2 / 3 * np.pi * result.normal[mask] @ rotate_axis(axis, rotation)
    # Texels of 5.6 degrees: chords of a cosine are lower by 1/8 of that squared, 0.0012; half floats round by 0.0005.
    np.testing.assert_allclose(result.direct[..., 0][mask], expected, atol=2 * np.pi / 3 * 0.004)


@pytest.mark.slow
@each_linear_environment
def test_linear_environment_shows_directional_occlusion(gpu: Gpu, axis: str, rotation: float) -> None:
    """F8: SSDO has the irradiance of L = 1 + b.w beside a wall at +x. SSAO misses the term of b_x."""
    b = rotate_axis(axis, rotation)
    sky = {"environment": f"ramp-{axis}", "sky.rotation": rotation}
    result = render_small(gpu, corner_shot("ssdo") | sky)
    mask, c = corner_mask(result)
    expected = linear_environment_irradiance(c, b)
    # Prefiltering takes 0.3 % of the contrast, F2's pixels 0.005 of pi; measured 0.02.
    assert abs((result.direct[..., 0][mask] - expected).mean()) < 0.03
    ssao = render_small(gpu, corner_shot("ssao") | sky).direct[..., 0][mask]
    unoccluded = np.pi + b[1] * 2 * np.pi / 3
    assert abs((ssao - unoccluded * (1 - corner_occlusion_of_rays(c))).mean()) < 0.03
    if abs(b[0]) > 0.5:
        assert abs((ssao - expected).mean()) > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["off", "ssao", "ssdo"])
def test_half_sky_lights_by_tilt(gpu: Gpu, technique: str) -> None:
    """F9: irradiance pi (1 + n.y) / 2 of an environment that is 1 above the horizon."""
    parameters: dict[str, object] = {}
    if technique != "off":
        parameters = {f"{technique}.radius": 1e-3, f"{technique}.samples": 64}
    if technique == "ssdo":
        parameters["ssdo.direct_estimator"] = "sum"  # the control variate is exact here
    shot = {"scene": "ball", "technique": technique, "environment": "half", "accumulated_frames": 4}
    result = render_small(gpu, shot | parameters)
    error = (result.direct[..., 0] - np.pi * (1 + result.normal[..., 1]) / 2)[result.surface_mask]
    assert abs(error.mean()) < 0.01
    assert np.abs(error).max() < (0.02 if technique != "ssdo" else np.pi * binomial_tolerance(0.5, 4 * 64))


@pytest.mark.slow
def test_emissive_room_matches_closed_form(gpu: Gpu) -> None:
    """F10: walls that emit 1 bring irradiance pi. The camera does not see the wall behind it, which stays open."""
    shot = {
        "scene": "room",
        "technique": "ssdo",
        "ssdo.radius": 4.0,
        "ssdo.thickness": 100.0,
        "ssdo.steps": 64,
        "ssdo.samples": 64,
        "camera.fov": 100.0,
        "accumulated_frames": 4,
    }
    result = render_small(gpu, shot | {"environment": "black"})
    assert not result.direct.any()
    inside = wall_interior_mask(result)
    occlusion = 1 - result.visibility
    assert np.abs(result.indirect[..., 0] / np.pi - occlusion)[inside].max() < 2 * HALF_FLOAT_ROUNDING
    furnace = render_small(gpu, shot)
    assert np.abs((furnace.direct + furnace.indirect) / np.pi - 1)[inside].max() < 2 * HALF_FLOAT_ROUNDING

    def hits_visible_wall(w: Doubles, x: Doubles) -> Bools:
        t = np.where(w > 0, 1 - x, -1 - x) / np.where(np.abs(w) < 1e-9, 1e-9, w)
        hit = x + w * np.where(t > 1e-6, t, np.inf).min(1)[:, None]
        depth = 0.95 - hit[:, 2]
        half_height = depth * np.tan(np.radians(50))
        half_width = half_height * 64 / 36
        return (depth > 0) & (np.abs(hit[:, 1]) < half_height) & (np.abs(hit[:, 0]) < half_width)

    center = np.zeros_like(result.surface_mask)
    center[14:22, 26:38] = True
    expected = np.pi * (1 - integrate_visibility(result, center, hits_visible_wall))
    assert expected.mean() > 0.5 * np.pi
    assert abs((result.indirect[..., 0][center] - expected).mean()) < 0.06  # 2 % of pi; measured 0.03
