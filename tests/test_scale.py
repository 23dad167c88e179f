"""Scenes of any size, and small things in large surroundings: near plane, shadow map, probes and default lengths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from render_small import SmallRender, register_scene, render_small
from ssdo.arrays import Doubles, to_vec3
from ssdo.commands.bench.errors import _set_lengths
from ssdo.commands.sweep.plan import SceneFraction, _build_shot
from ssdo.gpu.context import Gpu
from ssdo.render.frame_uniforms import look_at, near_far
from ssdo.render.pipeline import render_frame
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides
from ssdo.render.technique import Technique
from ssdo.scene.loader import load_scene, preload_scene
from ssdo.scene.model import Material, Mesh, PunctualLight, Scene, override_materials
from ssdo.scene.modelling.shapes import make_box
from test_subject import make_stray

GREY = Material((0.5, 0.5, 0.5))
BOX_SIZE = 0.2  # metres
SIZES = (1e-9, 1e-4, 1.0, 1e5, 1e8, 1e12)
CLOSE_UP: dict[str, Any] = {
    "camera.eye": (0.6, 0.3, 0.6),
    "camera.target": (0.0, 0.1, 0.0),
    "sun.irradiance": 3.0,
    "sun.azimuth": 20.0,
    "sun.elevation": 35.0,
    "technique": "off",
    "environment": "black",
}


def make_boxes_on_ground(ground_width: float, *more: Mesh) -> Scene:
    """A box of 0.2 m, with another that floats above the ground, and a slab below."""
    h = ground_width / 2
    ground = make_box((-h, -1.0, -h), (h, 0.0, h), GREY)
    boxes = [make_box((x - 0.1, y, -0.1), (x + 0.1, y + BOX_SIZE, 0.1), GREY) for x, y in ((0.0, 0.0), (-0.3, 0.1))]
    return Scene((*boxes, ground, *more), lights=(PunctualLight((0.3, 0.9, -0.5), (0.5, 0.5, 0.5)),))


def render_boxes(gpu: Gpu, scene: Scene, values: dict[str, Any]) -> SmallRender:
    return render_small(gpu, CLOSE_UP | {"scene": register_scene("boxes on ground", scene)} | values)


def is_near(result: SmallRender, radius: float) -> Any:
    return result.surface_mask & (np.linalg.norm(result.position, axis=-1) < radius)


@pytest.mark.parametrize("width", [40.0, 4e3, 4e5])
@pytest.mark.parametrize("surroundings", ["ground", "stray triangle"])
def test_surroundings_do_not_change_a_close_up(gpu: Gpu, surroundings: str, width: float) -> None:
    """Surfaces, their sunlight with contact shadows, and the shadows of a point light, as on a ground of 3 m."""
    expected = render_boxes(gpu, make_boxes_on_ground(3.0), {})
    stray = make_stray(np.array((width, 0.0, 0.0)))
    scene = make_boxes_on_ground(width) if surroundings == "ground" else make_boxes_on_ground(3.0, stray)
    result = render_boxes(gpu, scene, {})
    near = is_near(expected, 0.6)
    assert near.sum() > 600
    np.testing.assert_allclose(result.depth[near], expected.depth[near], rtol=1e-5)
    # Penumbras follow the shadow map's texels. Where they end, pixels differ.
    difference = np.abs(result.sun_and_lights - expected.sun_and_lights).max(-1)[near]
    assert (expected.sun_and_lights.max(-1)[near] < 0.8).sum() > 50
    assert (difference > 0.02 * expected.sun_and_lights.max()).mean() < 0.02


@pytest.mark.parametrize("distance, diameter", [(1.5, 20.0), (30.0, 0.5)])
def test_surfaces_outside_of_the_shadow_map_are_lit(gpu: Gpu, distance: float, diameter: float) -> None:
    """Also by a wide sun at the map's border, whose filter reaches beyond it. The light of the sun comes from -z."""
    eye = (0.6 * distance, 0.6 * distance, -distance)
    values = {"camera.eye": eye, "camera.target": (0.0, 0.0, 0.0), "lights.intensity": 0.0, "sun.azimuth": 0.0}
    result = render_boxes(gpu, make_boxes_on_ground(4e3), values | {"sun.angular_diameter": diameter})
    floor = result.surface_mask & (result.normal[..., 1] > 0.99) & (result.position[..., 1] < 1e-3)
    floor &= (result.position[..., 2] < -0.25) | ~is_near(result, 2.0)  # before the boxes, or away from their shadow
    assert floor.sum() > 500
    irradiance = result.sun_and_lights[floor]
    np.testing.assert_allclose(irradiance, np.broadcast_to(3 * np.sin(np.radians(35.0)), irradiance.shape), rtol=1e-3)


def test_surfaces_beyond_the_shadow_maps_of_punctual_lights_are_lit(gpu: Gpu) -> None:
    """Those end at the subject. Beyond it there is no shadow in the directions in which nothing stands."""
    values = {"camera.eye": (3.0, 4.0, -5.0), "camera.target": (1.0, 0.0, -3.0), "sun.irradiance": 0.0}
    scene = make_boxes_on_ground(4e3)
    result, unshadowed = (render_boxes(gpu, scene, values | {"lights.shadows": n}) for n in (8, 0))
    floor = unshadowed.surface_mask & (unshadowed.position[..., 2] < -2)
    assert floor.sum() > 500 and unshadowed.sun_and_lights[floor].min() > 0
    np.testing.assert_array_equal(result.sun_and_lights[floor], unshadowed.sun_and_lights[floor])


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["ssdo", "bitmask"])
def test_probes_stand_around_the_subject(gpu: Gpu, technique: str) -> None:
    """A ground without end is open: neither its probes nor those far away occlude it."""
    values = {"technique": technique, "probes.enabled": True, "environment": "white", "sun.irradiance": 0.0}
    near = render_boxes(gpu, make_boxes_on_ground(4e3), values)
    small = render_boxes(gpu, make_boxes_on_ground(3.0), values)
    both = is_near(small, 0.5)
    assert abs(near.visibility[both].mean() - small.visibility[both].mean()) < 0.03
    far = render_boxes(
        gpu, make_boxes_on_ground(4e3), values | {"camera.eye": (12.0, 8.0, 12.0), "camera.target": (8.0, 0.0, 8.0)}
    )
    assert far.visibility[is_near(far, 12.0)].min() == 1.0


@pytest.mark.parametrize("distance", [1e-3, 0.5, 20.0])
def test_near_plane_follows_what_the_camera_stands_near(distance: float) -> None:
    """It is at most a twentieth as far as the target and as the subject, however far the far plane is."""
    scene = make_boxes_on_ground(400.0)
    eye = np.array((0.0, 0.1, 0.1 + distance))

    def find_near_plane(target: Doubles) -> float:
        return near_far(scene, eye, target, -look_at(tuple(eye), tuple(target))[:3, 2])[0]

    assert 0 < find_near_plane(np.array((0.0, 0.1, 0.1))) <= 0.0501 * distance
    subject_distance = max(distance, 0.1 * scene.bounding_radius)
    assert 0 < find_near_plane(np.array((0.0, 0.1, -100.0))) <= 0.0501 * subject_distance
    # within the bounds of a large scene
    hall, eye = Scene((make_box((-200.0, -200.0, -200.0), (200.0, 200.0, 200.0)),)), np.zeros(3)
    target = np.array((0.0, 0.0, -distance))
    near = near_far(hall, eye, target, -look_at(to_vec3(eye), to_vec3(target))[:3, 2])[0]
    assert 0 < near <= max(0.0501 * distance, 0.21 if distance > 4 else 0.0)


# ---- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("technique", Technique.known)
@pytest.mark.parametrize("size", SIZES)
def test_derived_lengths_are_in_range(gpu: Gpu, technique: str, size: float) -> None:
    """Default lengths of every technique, for objects of any size: nothing is refused, and the object is drawn."""
    name = register_scene("object", Scene((make_box((0.0, 0.0, 0.0), (size, size, size), GREY),)))
    shot = Shot().with_values({"scene": name, "technique": technique, "width": 16, "height": 9})
    result = render_frame(gpu, shot)
    assert (gpu.read(result.inputs.gbuffer.depth) < 1e29).sum() > 10
    assert np.isfinite(gpu.read(result.radiance)).all()


@pytest.mark.parametrize("technique", Technique.known)
@pytest.mark.parametrize("size", SIZES)
def test_lengths_of_commands_are_in_range(technique: str, size: float) -> None:
    """Fractions of the scene's size, as `bench` and `sweep` make them."""
    settings = Technique.known[technique]()
    _set_lengths(settings, size)
    if hasattr(settings, "radius"):
        values = {f"{technique}.radius": SceneFraction(0.5)}
        _build_shot(Overrides({}, {}), technique, "cornell", 1, values, size)


# ---- notes -----------------------------------------------------------------------------------------------------------


def test_stray_triangles_are_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    squares = "".join(f"v {x} 0 0\nv {x + 1} 0 0\nv {x + 1} 0 1\nv {x} 0 1\nf -4 -3 -2 -1\n" for x in range(20))
    lines = ("v 1e5 0 0\nv 100001 0 0\nv 1e5 1 0\nf -3 -2 -1\n", "v -1e5 0 0\nv -100001 0 0\nv -1e5 1 0\nf -3 -2 -1\n")
    for count, words in (
        (0, ""),
        (1, "1 triangle far from all others does"),
        (2, "2 triangles far from all others do"),
    ):
        path = tmp_path / f"{count}.obj"
        path.write_text(squares + "".join(lines[:count]))
        preload_scene(str(path))
        note = capsys.readouterr().err
        assert note == (f"{path}: {words} not count for framing and default lengths\n" if count else "")


def test_overridden_materials_keep_the_subject() -> None:
    scene = make_boxes_on_ground(4e3)
    overridden = override_materials(scene, "white", False)
    assert overridden is not scene
    assert overridden.subject is scene.subject
    assert load_scene("cornell").notes == ()


@pytest.mark.parametrize("gap", [0.0, 1e-7, 1e-3, 0.05])
def test_the_near_plane_at_the_edge_of_the_bounds_is_that_of_a_camera_inside(gap: float) -> None:
    """A gap of rounding errors would leave depth no precision."""
    scene = load_scene("courtyard")
    eye = scene.subject.high - (1.0, 0.0, 1.0) + (0.0, gap * scene.bounding_radius, 0.0)
    target = np.array((0.0, 1.0, 0.0))
    forward = (target - eye) / np.linalg.norm(target - eye)
    near, far = near_far(scene, eye, target, forward)
    assert near >= 0.9e-3 * far
