"""The subject of a scene: stray triangles and wide grounds do not decide its size."""

from __future__ import annotations

import numpy as np
import pytest
from ssdo.arrays import Doubles
from ssdo.scene.built_in import BUILT_IN_SCENES
from ssdo.scene.loader import load_scene
from ssdo.scene.model import Mesh, Scene
from ssdo.scene.subject import Subject

CUBE = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)])
CUBE_TRIANGLES = [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1)]
CUBE_TRIANGLES += [(2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)]


def make_box(low: tuple[float, float, float], size: tuple[float, float, float]) -> Mesh:
    return Mesh((np.array(low) + CUBE * size).astype("f4"), np.array(CUBE_TRIANGLES, "i4"))


def make_stray(position: Doubles) -> Mesh:
    corners = position + 0.01 * np.eye(3)
    return Mesh(corners.astype("f4"), np.array([(0, 1, 2)], "i4"))


def find(*meshes: Mesh) -> Subject:
    return Scene(meshes).subject


def assert_bounds(subject: Subject, low: tuple[float, float, float], high: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(subject.low, low, atol=1e-5)
    np.testing.assert_allclose(subject.high, high, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, module in BUILT_IN_SCENES.items() if isinstance(module, str)])
def test_built_in_scenes_are_subjects_as_a_whole(name: str) -> None:
    """But for the ball, which stands on a floor of 100 m."""
    scene = load_scene(name)
    bounds = ((-1, 0, -1), (1, 2, 1)) if name == "ball" else scene.bounds
    np.testing.assert_allclose((scene.subject.low, scene.subject.high), bounds, atol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_stray_triangles_do_not_count(seed: int) -> None:
    """Up to three of them, anywhere from 20 m to 1000 km away, also in one line or in a cluster."""
    random = np.random.default_rng(seed)
    boxes = [make_box((x, 0.0, 0.0), (0.7, 1.2, 0.5)) for x in (0.0, 0.8, 1.1)]
    count = int(random.integers(1, 4))
    directions = random.standard_normal((count, 3))
    directions /= np.abs(directions).max(1, keepdims=True)
    strays = [make_stray(d * 10 ** random.uniform(1.4, 6.0)) for d in directions]
    subject = find(*boxes, *strays)
    assert_bounds(subject, (0.0, 0.0, 0.0), (1.8, 1.2, 0.5))
    assert (subject.stray_count, subject.wide_count) == (count, 0)


def test_grounds_and_sky_domes_do_not_count() -> None:
    """Slab, plane and dome, each at least ten times wider than what it contains; all have their own scale."""
    box, low, high = make_box((3.0, 0.0, 3.0), (0.2, 0.3, 0.2)), (3.0, 0.0, 3.0), (3.2, 0.3, 3.2)
    slab = make_box((-50.0, -1.0, -50.0), (100.0, 1.0, 100.0))
    dome = make_box((-1e4, -1e4, -1e4), (2e4, 2e4, 2e4))
    assert_bounds(find(box, slab), low, high)
    assert_bounds(find(box, slab, dome), low, high)
    assert find(box, slab, dome, make_stray(np.array((1e7, 0.0, 0.0)))).stray_count == 1


def test_what_belongs_to_the_scene_counts() -> None:
    """Two equal things far apart, a floor nine times as wide, and as many far triangles as near ones."""
    box, far_box = make_box((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), make_box((1000.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert_bounds(find(box, far_box), (0.0, 0.0, 0.0), (1001.0, 1.0, 1.0))
    near = make_stray(np.array((6.0, 0.0, 0.0)))
    assert find(box, near).stray_count == 0, "a gap of five times the width"
    floor = make_box((-4.0, -0.1, -4.0), (9.0, 0.1, 9.0))
    assert_bounds(find(box, floor), (-4.0, -0.1, -4.0), (5.0, 1.0, 5.0))


def test_sizes_of_any_magnitude() -> None:
    for size in (1e-9, 1e30):
        box, ground = make_box((0.0, 0.0, 0.0), (size, size, size)), make_box((0.0, 0.0, 0.0), (20 * size,) * 3)
        np.testing.assert_allclose(find(box, ground).high, (size,) * 3, rtol=1e-5)
