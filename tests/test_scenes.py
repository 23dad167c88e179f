"""The furnished scenes: bodies closed and wound outwards, one build like the other, rooms that let light in only where
they should, lamps that are let out.

And the shapes and images that they are made of.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ssdo.render.frame_uniforms import look_at
from ssdo.scene.built_in import load
from ssdo.scene.built_in.atelier import CAMERAS as ATELIER
from ssdo.scene.built_in.atelier import atelier
from ssdo.scene.built_in.parlour import CAMERAS as PARLOUR
from ssdo.scene.built_in.parlour import DEEP, DOORS, SILL, WIDE, parlour
from ssdo.scene.model import Image, Lamp, Material, Mesh, Scene
from ssdo.scene.modelling import joinery, luminaires, room_textures, upholstery
from ssdo.scene.modelling.shapes import cylinder, sphere
from ssdo.settings import Vec3

Doubles = npt.NDArray[np.float64]
SCENES: dict[str, tuple[Callable[[], Scene], tuple[tuple[Vec3, Vec3], ...]]] = {
    "parlour": (parlour, PARLOUR),
    "atelier": (atelier, ATELIER),
}
SKINS = {"leaves"}  # single, seen from both sides
furnished = pytest.mark.parametrize("name", list(SCENES))


def corners(mesh: Mesh) -> Doubles:
    """(m, 3, 3) the corners of its triangles."""
    return mesh.positions.astype("f8")[mesh.triangles]


def across(mesh: Mesh) -> Doubles:
    """(m, 3) normals of its triangles, as long as twice their area."""
    p = corners(mesh)
    return np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])


def bodies(mesh: Mesh) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], int]:
    """Its triangles by welded corner (m, 3), the body of each (m,), and how many edges have no neighbour that runs the
    other way.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, where = np.unique(np.round(mesh.positions.astype("f8") * 2e5).astype("i8"), axis=0, return_inverse=True)
    corner = where.ravel()[mesh.triangles].astype(np.intp)
    n = int(where.max()) + 1
    a, b = corner.ravel(), np.roll(corner, -1, 1).ravel()
    real = a != b
    directed = coo_array((np.ones(real.sum()), (a[real], b[real])), shape=(n, n)).tocsr()
    lonely = abs(directed - directed.T).sum() / 2
    _, label = connected_components(directed, directed=False)
    return corner, label[corner[:, 0]], int(lonely)


def volumes(mesh: Mesh) -> Doubles:
    """The signed volume of each of its bodies, cubic metres."""
    _, body, _ = bodies(mesh)
    p = corners(mesh)
    middle = np.zeros((body.max() + 1, 3))
    count = np.bincount(body)[:, None]
    for k in range(3):
        middle[:, k] = np.bincount(body, p.mean(1)[:, k])
    middle /= np.maximum(count, 1)
    p = p - middle[body][:, None]
    found = np.bincount(body, np.einsum("ij,ij->i", p[:, 0], np.cross(p[:, 1], p[:, 2])) / 6)
    return np.asarray(found[np.unique(body)])


def tracer(scene: Scene) -> Callable[[npt.ArrayLike, npt.ArrayLike], tuple[Doubles, npt.NDArray[np.intp]]]:
    """From origins and unit directions (n, 3) the distance to what they meet, infinite where nothing is, and the number
    of its mesh.
    """
    rtcore_scene = pytest.importorskip("embreex.rtcore_scene")
    from embreex.mesh_construction import TriangleMesh

    p = np.concatenate([corners(m) for m in scene.meshes])
    owner = np.concatenate([np.full(len(m.triangles), k) for k, m in enumerate(scene.meshes)])
    world = rtcore_scene.EmbreeScene()
    TriangleMesh(world, p.astype("f4"))

    def trace(origins: npt.ArrayLike, directions: npt.ArrayLike) -> tuple[Doubles, npt.NDArray[np.intp]]:
        w = np.asarray(directions, "f4")
        found: dict[str, Any] = world.run(
            np.ascontiguousarray(np.broadcast_to(np.asarray(origins, "f4"), w.shape)), w, output=True
        )
        met = np.asarray(found["primID"]) >= 0
        return np.where(met, found["tfar"], np.inf).astype("f8"), np.where(
            met, owner[np.maximum(found["primID"], 0)], -1
        )

    return trace


def everywhere(count: int) -> Doubles:
    """Unit vectors, spread evenly (a Fibonacci lattice)."""
    y = 1 - 2 * (np.arange(count) + 0.5) / count
    phi = np.arange(count) * math.pi * (3 - math.sqrt(5))
    r = np.sqrt(1 - y * y)
    return np.stack([r * np.cos(phi), y, r * np.sin(phi)], -1)


def images(material: Material) -> list[Image]:
    every = (
        material.albedo_image,
        material.emission_image,
        material.surface_image,
        material.normal_image,
        material.occlusion_image,
    )
    return [i for i in every if i is not None]


@furnished
def test_every_build_is_the_same(name: str) -> None:
    a, b = SCENES[name][0](), SCENES[name][0]()
    assert a.lamps == b.lamps and len(a.meshes) == len(b.meshes)
    for m, n in zip(a.meshes, b.meshes, strict=True):
        assert m.positions.tobytes() == n.positions.tobytes() and m.triangles.tobytes() == n.triangles.tobytes()
        assert (m.uvs is None) == (n.uvs is None) and (
            m.uvs is None or n.uvs is None or m.uvs.tobytes() == n.uvs.tobytes()
        )
        for i, j in zip(images(m.material), images(n.material), strict=True):
            assert i.pixels.tobytes() == j.pixels.tobytes(), m.material.name


@furnished
def test_bodies_are_closed_and_wound_outwards(name: str) -> None:
    for mesh in load(name).meshes:
        if mesh.material.name in SKINS:
            continue
        _, _, lonely = bodies(mesh)
        assert lonely == 0, f"{mesh.material.name}: {lonely} edges are open"
        least = volumes(mesh).min()
        assert least > 0, f"{mesh.material.name}: a body of {least} cubic metres"


@furnished
def test_arrays_are_what_a_mesh_promises(name: str) -> None:
    for mesh in load(name).meshes:
        what = mesh.material.name
        assert (
            mesh.positions.dtype == np.float32
            and mesh.triangles.dtype == np.int32
            and np.isfinite(mesh.positions).all()
        ), what
        assert mesh.triangles.min() >= 0 and mesh.triangles.max() < len(mesh.positions), what
        assert mesh.uvs is None or np.isfinite(mesh.uvs).all(), what
        if mesh.normals is None:
            continue
        used = mesh.normals[np.unique(mesh.triangles)]
        np.testing.assert_allclose(np.linalg.norm(used, axis=1), 1, atol=1e-3, err_msg=what)
        facing = np.einsum("ij,ij->i", across(mesh), mesh.normals[mesh.triangles].mean(1))
        # In a cloth's tightest folds they may, 2.1 % of the curtains; of a skin turned inside out all do.
        assert (facing > 0).mean() > 0.97, f"{what}: normals of {(facing <= 0).mean():.1%} point inwards"


@furnished
def test_materials_are_of_this_world(name: str) -> None:
    """Albedo between 0.02 and 0.8, images included, but for metals, which reflect more; gloss as real things have
    it.
    """
    scene = load(name)
    for material in {id(m.material): m.material for m in scene.meshes}.values():
        factor, what = np.array(material.albedo), material.name
        pixels = (
            np.full((1, 1, 3), 255.0)
            if material.albedo_image is None
            else material.albedo_image.pixels[..., :3].astype("f8")
        )
        c = pixels / 255
        albedo = factor * np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        step = 0.004  # of 8 bits, sRGB, at 0.8
        assert albedo.min() >= 0.02 - step and albedo.max() <= (0.95 if material.metallic else 0.8 + step), (
            f"{what}: {albedo.min():.3f} to {albedo.max():.3f}"
        )
        assert (
            material.metallic in (0.0, 1.0) and 0.05 <= material.roughness <= 1 and 0 <= material.reflectance <= 0.05
        ), what
        if material.normal_image is not None:
            n = material.normal_image.pixels[..., :3].astype("f8") / 255 * 2 - 1
            np.testing.assert_allclose(np.linalg.norm(n, axis=-1), 1, atol=0.02, err_msg=what)
            assert n[..., 2].min() > 0.3, what
    glossy = [m.material for m in scene.meshes if m.material.glossy]
    assert (
        any(m.metallic for m in glossy)
        and any(m.reflectance for m in glossy)
        and len({m.roughness for m in glossy}) > 3
    )


@furnished
def test_scenes_are_as_large_as_they_say(name: str) -> None:
    scene = load(name)
    low, high = scene.bounds
    limits = {"parlour": ((-4.7, -0.21, -2.7), (3.2, 3.0, 2.7)), "atelier": ((-5.9, -0.1, -2.4), (5.9, 4.7, 3.7))}[name]
    assert (low >= limits[0]).all() and (high <= limits[1]).all(), (low, high)
    assert 100_000 < scene.triangle_count < 500_000
    assert scene.eye == SCENES[name][1][0][0] and scene.target == SCENES[name][1][0][1]


@furnished
def test_cameras_see_the_scene_and_nothing_stands_in_their_way(name: str) -> None:
    scene, cameras = load(name), SCENES[name][1]
    assert len(cameras) == 3
    trace = tracer(scene)
    tangent = math.tan(math.radians(scene.fov) / 2)
    x, y = np.meshgrid(np.linspace(-1, 1, 65) * tangent * 16 / 9, np.linspace(-1, 1, 37) * tangent)
    rays = np.stack([x, y, -np.ones_like(x)], -1).reshape(-1, 3)
    for eye, target in cameras:
        w = rays @ look_at(eye, target)[:3, :3].T
        distance, _ = trace(eye, w / np.linalg.norm(w, axis=1, keepdims=True))
        assert distance.min() > 0.5, (eye, distance.min())
        assert np.isinf(distance).mean() < 0.12, eye  # what is seen through the window, and past the backdrop


@furnished
def test_lamps_are_not_shut_in(name: str) -> None:
    """Of what a lamp sends out within its cone, a good part goes farther than any shade is wide, and nothing begins
    within a body.
    """
    scene = load(name)
    assert scene.lamps
    trace, out = tracer(scene), everywhere(4000)
    for lamp in scene.lamps:
        assert abs(np.linalg.norm(lamp.direction) - 1) < 1e-6 and 0 < lamp.inner <= lamp.outer <= 180
        within = out[out @ np.array(lamp.direction) > math.cos(math.radians(lamp.outer)) - 1e-9]
        distance, _ = trace(lamp.position, within)
        assert (distance > 0.6).mean() > 0.25, (lamp.position, (distance > 0.6).mean())
        assert distance.min() > 0.02, lamp.position
    for lamp in (lamp for lamp in scene.lamps if lamp.outer == 180):  # those with shades shine up and down
        for side in (1, -1):
            distance, _ = trace(lamp.position, out[out[:, 1] * side > math.cos(math.radians(30))])
            assert (distance > 0.3).mean() > 0.55, (lamp.position, side)  # a jar below takes a third


def test_light_comes_into_the_parlour_by_its_openings_alone() -> None:
    """Whatever sees the sky from within the room sees it through the window or a door."""
    trace, out = tracer(load("parlour")), everywhere(8000)
    z0, z1, y0, y1 = SILL
    places = np.random.default_rng(5).uniform(
        (-WIDE + 0.02, 0.02, -DEEP + 0.02), (WIDE - 0.02, 2.7, DEEP - 0.02), (60, 3)
    )
    window = doors = 0
    for eye in places:
        distance, _ = trace(eye, out)
        w = out[np.isinf(distance)]
        with np.errstate(divide="ignore", invalid="ignore"):
            west, south = (
                eye + w * ((wall - eye[axis]) / w[:, axis])[:, None] for axis, wall in ((0, -WIDE), (2, DEEP))
            )
        by_window = (w[:, 0] < 0) & (west[:, 2] >= z0) & (west[:, 2] <= z1) & (west[:, 1] >= y0) & (west[:, 1] <= y1)
        by_doors = (w[:, 2] > 0) & (south[:, 1] >= -0.02) & (south[:, 1] <= 2.35)
        by_doors &= np.any([(south[:, 0] >= a) & (south[:, 0] <= b) for a, b in DOORS], axis=0)
        leaks = w[~by_window & ~by_doors]
        assert not len(leaks), (eye, leaks[0])
        window, doors = window + by_window.sum(), doors + by_doors.sum()
    assert window > 2000 and doors > 10_000, (window, doors)


def test_shades_glow() -> None:
    glowing = {m.material.name for m in load("parlour").meshes if max(m.material.emission) > 0}
    assert glowing == {"shade", "lining"}


# ---- what they are made of ----------------------------------------------------------------------------------------------


def test_relief_tilts_normals_away_from_the_slope() -> None:
    """A ramp that rises by 1 in 2 to the right and one that rises as much downwards: x towards the right, y up."""
    ramp = np.arange(8.0) * 0.5
    right = decoded(room_textures.relief(np.tile(ramp, (8, 1)), 1.0))[4, 4]
    down = decoded(room_textures.relief(np.tile(ramp[:, None], (1, 8)), 1.0))[4, 4]
    tilt = 0.5 / math.sqrt(1.25)
    np.testing.assert_allclose(right, (-tilt, 0, 2 * tilt), atol=0.005)  # half a step of 8 bits is 0.004
    np.testing.assert_allclose(down, (0, tilt, 2 * tilt), atol=0.005)


def decoded(image: Image) -> Doubles:
    return image.pixels[..., :3].astype("f8") / 255 * 2 - 1


def test_a_pierced_wall_has_the_volume_that_is_left() -> None:
    wall = joinery.pierced((0, 0, 4, 3), [(0.5, 1, 1.5, 2), (2, -0.0, 3, 2.2)], 0.25)
    _, _, lonely = bodies(wall)
    assert lonely == 0
    np.testing.assert_allclose(volumes(wall).sum(), (12 - 1 - 2.2) * 0.25, rtol=1e-6)
    front = across(wall)[(corners(wall)[..., 2] == 0).all(1)]
    assert (front[:, 2] > 0).all()


def test_a_border_is_mitred() -> None:
    """Its volume is its profile's area times the length of the line through its profile's centroid (Pappus, for
    straight sides).
    """
    frame = joinery.border(2.0, 1.0, [(0, 0), (0.1, 0), (0.1, 0.05), (0, 0.05)])
    _, _, lonely = bodies(frame)
    assert lonely == 0
    np.testing.assert_allclose(volumes(frame), [0.1 * 0.05 * 2 * (2.1 + 1.1)], rtol=1e-6)


def test_a_soft_box_keeps_its_size_and_is_smooth() -> None:
    body = upholstery.soft_box((0.6, 0.2, 0.4), 0.05)
    np.testing.assert_allclose(body.positions.max(0) - body.positions.min(0), (0.6, 0.2, 0.4), rtol=1e-6)
    _, _, lonely = bodies(body)
    assert lonely == 0 and body.normals is not None
    # the rounded edge along z and what is beside it
    edge = np.abs(body.positions - np.array((0.25, 0.05, 0.0), "f4"))[:, :2].max(1) < 0.051
    assert edge.any()
    inner = np.clip(body.positions, -np.array((0.25, 0.05, 0.15)), (0.25, 0.05, 0.15))
    true = body.positions - inner
    true /= np.linalg.norm(true, axis=1, keepdims=True)
    # arcs of 5 points: 11 degrees from one to the next
    assert np.einsum("ij,ij->i", true, body.normals).min() > math.cos(math.radians(6))
    swollen = upholstery.soft_box((0.6, 0.2, 0.4), 0.05, puff=(0, 0.5, 0))
    np.testing.assert_allclose(np.ptp(swollen.positions, 0), (0.6, 0.3, 0.4), rtol=1e-3)


def test_smoothed_normals_of_a_sphere_are_its_own() -> None:
    ball = sphere((0.3, 0.1, -0.2), 0.5, rings=24)
    smooth = upholstery.smoothed(ball)
    assert smooth.normals is not None and ball.normals is not None
    used = np.unique(ball.triangles)
    assert np.einsum("ij,ij->i", smooth.normals[used], ball.normals[used]).min() > math.cos(math.radians(2))


def test_wood_runs_along_the_grain() -> None:
    rail = joinery.grained(cylinder((0, 0, 0), (2.0, 0, 0), 0.03), 3, 0)
    assert rail.uvs is not None
    np.testing.assert_allclose(np.ptp(rail.uvs[:, 0]), 2.0 / room_textures.GRAIN, rtol=1e-5)
    assert rail.uvs[:, 1].min() > 3 / room_textures.STRIPS and rail.uvs[:, 1].max() < 4 / room_textures.STRIPS


def test_volumes_stand_within_their_shelf() -> None:
    paint = Material()
    for seed in range(5):
        rows = joinery.volumes(0.7, 0.3, np.random.default_rng(seed), paint, paint, paint)
        p = np.concatenate([m.positions for m in rows])
        assert (
            p[:, 0].min() > -0.002
            and p[:, 0].max() < 0.7
            and p[:, 1].min() > -0.002
            and p[:, 1].max() < 0.31
            and p[:, 0].max() > 0.4
        )


def test_a_lamp_shines_from_within_its_shade() -> None:
    paper, brass = Material(name="paper"), Material(name="brass")
    made = luminaires.floor_lamp((1.0, 0.0, 2.0), (1.0, 1.0, 1.0), paper, brass)
    assert isinstance(made.lamp, Lamp)
    shade = next(m for m in made.meshes if m.material is paper)
    low, high = shade.positions.min(0), shade.positions.max(0)
    assert (low < made.lamp.position).all() and (made.lamp.position < high).all()
    _, _, lonely = bodies(shade)
    assert lonely == 0 and volumes(shade).min() > 0
