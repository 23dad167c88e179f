"""The built-in scenes parlour and atelier: meshes, materials, cameras and lights, and the parts they are built from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ssdo.arrays import Doubles
from ssdo.render.frame_uniforms import look_at
from ssdo.scene.built_in.atelier import CAMERAS as ATELIER
from ssdo.scene.built_in.atelier import build_atelier
from ssdo.scene.built_in.parlour import CAMERAS as PARLOUR
from ssdo.scene.built_in.parlour import GARDEN_DOORS, HALF_DEPTH, HALF_WIDTH, WEST_WINDOW, build_parlour
from ssdo.scene.loader import load_scene
from ssdo.scene.model import ImageTexture, Material, Mesh, PunctualLight, Scene
from ssdo.scene.modelling import joinery, luminaires, room_textures, upholstery
from ssdo.scene.modelling.shapes import make_cylinder, make_sphere
from ssdo.settings import Vec3

SCENES: dict[str, tuple[Callable[[], Scene], tuple[tuple[Vec3, Vec3], ...]]] = {
    "parlour": (build_parlour, PARLOUR),
    "atelier": (build_atelier, ATELIER),
}
OPEN_MATERIALS = {"leaves"}  # open meshes, drawn double-sided
furnished_scenes = pytest.mark.parametrize("name", list(SCENES))


def get_corners(mesh: Mesh) -> Doubles:
    """(m, 3, 3) corners of the triangles."""
    return mesh.positions.astype("f8")[mesh.triangles]


def compute_area_normals(mesh: Mesh) -> Doubles:
    """(m, 3) normals of the triangles, of twice their area's length."""
    p = get_corners(mesh)
    return np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])


def label_components(mesh: Mesh) -> tuple[npt.NDArray[np.intp], int]:
    """The connected component of each triangle (m,), with welded vertices, and the number of open edges.

    An edge is open if no other triangle has it in the opposite direction.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, where = np.unique(np.round(mesh.positions.astype("f8") * 2e5).astype("i8"), axis=0, return_inverse=True)
    corner = where.ravel()[mesh.triangles].astype(np.intp)
    n = int(where.max()) + 1
    a, b = corner.ravel(), np.roll(corner, -1, 1).ravel()
    is_edge = a != b
    directed_edges = coo_array((np.ones(is_edge.sum()), (a[is_edge], b[is_edge])), shape=(n, n)).tocsr()
    open_edges = abs(directed_edges - directed_edges.T).sum() / 2
    _, label = connected_components(directed_edges, directed=False)
    return label[corner[:, 0]], int(open_edges)


def count_open_edges(mesh: Mesh) -> int:
    return label_components(mesh)[1]


def compute_volumes(mesh: Mesh) -> Doubles:
    """The signed volume of each connected component, in cubic metres."""
    component, _ = label_components(mesh)
    p = get_corners(mesh)
    center = np.zeros((component.max() + 1, 3))
    count = np.bincount(component)[:, None]
    for k in range(3):
        center[:, k] = np.bincount(component, p.mean(1)[:, k])
    center /= np.maximum(count, 1)
    p = p - center[component][:, None]
    volume = np.bincount(component, np.einsum("ij,ij->i", p[:, 0], np.cross(p[:, 1], p[:, 2])) / 6)
    return np.asarray(volume[np.unique(component)])


def make_tracer(scene: Scene) -> Callable[[npt.ArrayLike, npt.ArrayLike], tuple[Doubles, npt.NDArray[np.intp]]]:
    """A function that traces rays from origins and unit directions (n, 3).

    It returns distances, infinite where nothing is hit, and the indices of the meshes, -1 where nothing is hit.
    """
    rtcore_scene = pytest.importorskip("embreex.rtcore_scene")
    from embreex.mesh_construction import TriangleMesh

    p = np.concatenate([get_corners(m) for m in scene.meshes])
    mesh_index = np.concatenate([np.full(len(m.triangles), k) for k, m in enumerate(scene.meshes)])
    embree_scene = rtcore_scene.EmbreeScene()
    TriangleMesh(embree_scene, p.astype("f4"))

    def trace(origins: npt.ArrayLike, directions: npt.ArrayLike) -> tuple[Doubles, npt.NDArray[np.intp]]:
        w = np.asarray(directions, "f4")
        result: dict[str, Any] = embree_scene.run(
            np.ascontiguousarray(np.broadcast_to(np.asarray(origins, "f4"), w.shape)), w, output=True
        )
        is_hit = np.asarray(result["primID"]) >= 0
        return np.where(is_hit, result["tfar"], np.inf).astype("f8"), np.where(
            is_hit, mesh_index[np.maximum(result["primID"], 0)], -1
        )

    return trace


def decode_normals(image: ImageTexture) -> Doubles:
    return image.pixels[..., :3].astype("f8") / 255 * 2 - 1


def fibonacci_sphere(count: int) -> Doubles:
    """Evenly spread unit vectors (a Fibonacci lattice)."""
    y = 1 - 2 * (np.arange(count) + 0.5) / count
    phi = np.arange(count) * math.pi * (3 - math.sqrt(5))
    r = np.sqrt(1 - y * y)
    return np.stack([r * np.cos(phi), y, r * np.sin(phi)], -1)


@pytest.mark.slow
@furnished_scenes
def test_builds_are_deterministic(name: str) -> None:
    a, b = SCENES[name][0](), SCENES[name][0]()
    assert a.lights == b.lights and len(a.meshes) == len(b.meshes)
    for m, n in zip(a.meshes, b.meshes, strict=True):
        assert m.positions.tobytes() == n.positions.tobytes() and m.triangles.tobytes() == n.triangles.tobytes()
        assert (m.uvs is None) == (n.uvs is None) and (
            m.uvs is None or n.uvs is None or m.uvs.tobytes() == n.uvs.tobytes()
        )
        for i, j in zip(m.material.textures, n.material.textures, strict=True):
            assert i.pixels.tobytes() == j.pixels.tobytes(), m.material.name


@pytest.mark.slow
@furnished_scenes
def test_meshes_are_watertight_and_wound_outwards(name: str) -> None:
    for mesh in load_scene(name).meshes:
        if mesh.material.name in OPEN_MATERIALS:
            continue
        assert count_open_edges(mesh) == 0, mesh.material.name
        smallest = compute_volumes(mesh).min()
        assert smallest > 0, f"{mesh.material.name}: a component of {smallest} cubic metres"


@pytest.mark.slow
@furnished_scenes
def test_mesh_arrays_are_valid(name: str) -> None:
    for mesh in load_scene(name).meshes:
        material_name = mesh.material.name
        assert mesh.positions.dtype == np.float32 and mesh.triangles.dtype == np.int32, material_name
        assert np.isfinite(mesh.positions).all(), material_name
        assert mesh.triangles.min() >= 0 and mesh.triangles.max() < len(mesh.positions), material_name
        assert mesh.uvs is None or np.isfinite(mesh.uvs).all(), material_name
        if mesh.normals is None:
            continue
        used_vertices = mesh.normals[np.unique(mesh.triangles)]
        np.testing.assert_allclose(np.linalg.norm(used_vertices, axis=1), 1, atol=1e-3, err_msg=material_name)
        facing = np.einsum("ij,ij->i", compute_area_normals(mesh), mesh.normals[mesh.triangles].mean(1))
        # In tight folds some may point inwards (2.1 % of the curtains); of an inverted mesh all would.
        assert (facing > 0).mean() > 0.97, f"{material_name}: normals of {(facing <= 0).mean():.1%} point inwards"


@furnished_scenes
def test_materials_are_physically_plausible(name: str) -> None:
    """Albedo is between 0.02 and 0.8, textures included; metals may reflect more. F0 and roughness are realistic."""
    scene = load_scene(name)
    for material in {id(m.material): m.material for m in scene.meshes}.values():
        factor, material_name = np.array(material.albedo), material.name
        pixels = (
            np.full((1, 1, 3), 255.0)
            if material.albedo_texture is None
            else material.albedo_texture.pixels[..., :3].astype("f8")
        )
        srgb = pixels / 255
        albedo = factor * np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
        step = 0.004  # one step of 8-bit sRGB at 0.8
        assert albedo.min() >= 0.02 - step and albedo.max() <= (0.95 if material.metallic else 0.8 + step), (
            f"{material_name}: {albedo.min():.3f} to {albedo.max():.3f}"
        )
        assert material.metallic in (0.0, 1.0) and 0.05 <= material.roughness <= 1, material_name
        assert all(0 <= f0 <= 0.05 for f0 in material.f0), material_name
        if material.normal_texture is not None:
            n = decode_normals(material.normal_texture)
            np.testing.assert_allclose(np.linalg.norm(n, axis=-1), 1, atol=0.02, err_msg=material_name)
            assert n[..., 2].min() > 0.3, material_name
    specular_materials = [m.material for m in scene.meshes if m.material.has_specular]
    assert any(m.metallic for m in specular_materials) and any(any(m.f0) for m in specular_materials)
    assert len({m.roughness for m in specular_materials}) > 3


@furnished_scenes
def test_scene_sizes(name: str) -> None:
    scene = load_scene(name)
    low, high = scene.bounds
    limits = {"parlour": ((-4.7, -0.21, -2.7), (3.2, 3.0, 2.7)), "atelier": ((-5.9, -0.1, -2.4), (5.9, 4.7, 3.7))}[name]
    assert (low >= limits[0]).all() and (high <= limits[1]).all(), (low, high)
    assert 100_000 < scene.triangle_count < 500_000
    assert scene.eye == SCENES[name][1][0][0] and scene.target == SCENES[name][1][0][1]


@pytest.mark.slow
@furnished_scenes
def test_cameras_have_a_free_view(name: str) -> None:
    scene, cameras = load_scene(name), SCENES[name][1]
    assert len(cameras) == 3
    trace = make_tracer(scene)
    tangent = math.tan(math.radians(scene.fov) / 2)
    x, y = np.meshgrid(np.linspace(-1, 1, 65) * tangent * 16 / 9, np.linspace(-1, 1, 37) * tangent)
    rays = np.stack([x, y, -np.ones_like(x)], -1).reshape(-1, 3)
    for eye, target in cameras:
        w = rays @ look_at(eye, target)[:3, :3].T
        distance, _ = trace(eye, w / np.linalg.norm(w, axis=1, keepdims=True))
        assert distance.min() > 0.5, (eye, distance.min())
        assert np.isinf(distance).mean() < 0.12, eye  # through the window, and past the backdrop


@pytest.mark.slow
@furnished_scenes
def test_lights_are_not_enclosed(name: str) -> None:
    """Many rays within a light's cone leave its shade, and no light lies within a mesh."""
    scene = load_scene(name)
    assert scene.lights
    trace, directions = make_tracer(scene), fibonacci_sphere(4000)
    for light in scene.lights:
        assert abs(np.linalg.norm(light.direction) - 1) < 1e-6
        assert 0 < light.inner_cone_angle <= light.outer_cone_angle <= 180
        in_cone = directions @ np.array(light.direction) > math.cos(math.radians(light.outer_cone_angle)) - 1e-9
        distance, _ = trace(light.position, directions[in_cone])
        assert (distance > 0.6).mean() > 0.25, (light.position, (distance > 0.6).mean())
        assert distance.min() > 0.02, light.position
    # Lights with shades shine up and down.
    for light in (light for light in scene.lights if light.outer_cone_angle == 180):
        for side in (1, -1):
            distance, _ = trace(light.position, directions[directions[:, 1] * side > math.cos(math.radians(30))])
            assert (distance > 0.3).mean() > 0.55, (light.position, side)  # a jar below blocks a third


def test_the_parlour_is_open_at_windows_and_doors_only() -> None:
    """Rays from within the room reach the sky only through the window or a door."""
    trace, directions = make_tracer(load_scene("parlour")), fibonacci_sphere(8000)
    z0, z1, y0, y1 = WEST_WINDOW
    eyes = np.random.default_rng(5).uniform(
        (-HALF_WIDTH + 0.02, 0.02, -HALF_DEPTH + 0.02), (HALF_WIDTH - 0.02, 2.7, HALF_DEPTH - 0.02), (60, 3)
    )
    window = doors = 0
    for eye in eyes:
        distance, _ = trace(eye, directions)
        w = directions[np.isinf(distance)]
        with np.errstate(divide="ignore", invalid="ignore"):
            west, south = (
                eye + w * ((wall - eye[axis]) / w[:, axis])[:, None]
                for axis, wall in ((0, -HALF_WIDTH), (2, HALF_DEPTH))
            )
        by_window = (w[:, 0] < 0) & (west[:, 2] >= z0) & (west[:, 2] <= z1) & (west[:, 1] >= y0) & (west[:, 1] <= y1)
        by_doors = (w[:, 2] > 0) & (south[:, 1] >= -0.02) & (south[:, 1] <= 2.35)
        by_doors &= np.any([(south[:, 0] >= a) & (south[:, 0] <= b) for a, b in GARDEN_DOORS], axis=0)
        leaks = w[~by_window & ~by_doors]
        assert not len(leaks), (eye, leaks[0])
        window, doors = window + by_window.sum(), doors + by_doors.sum()
    assert window > 2000 and doors > 10_000, (window, doors)


def test_emissive_materials() -> None:
    emissive = {m.material.name for m in load_scene("parlour").meshes if max(m.material.emission) > 0}
    assert emissive == {"shade", "lining"}


# ---- parts of the scenes ---------------------------------------------------------------------------------------------


def test_normal_maps_tilt_away_from_the_slope() -> None:
    """Ramps that rise by 1 in 2 to the right, and downwards. The normal map's x points right, its y up."""
    ramp = np.arange(8.0) * 0.5
    right_normal = decode_normals(room_textures.make_normal_map(np.tile(ramp, (8, 1)), 1.0))[4, 4]
    down_normal = decode_normals(room_textures.make_normal_map(np.tile(ramp[:, None], (1, 8)), 1.0))[4, 4]
    tilt = 0.5 / math.sqrt(1.25)
    np.testing.assert_allclose(right_normal, (-tilt, 0, 2 * tilt), atol=0.005)  # half a step of 8 bits is 0.004
    np.testing.assert_allclose(down_normal, (0, tilt, 2 * tilt), atol=0.005)


def test_volume_of_a_wall_with_openings() -> None:
    wall = joinery.build_wall_with_openings((0, 0, 4, 3), [(0.5, 1, 1.5, 2), (2, -0.0, 3, 2.2)], 0.25)
    assert count_open_edges(wall) == 0
    np.testing.assert_allclose(compute_volumes(wall).sum(), (12 - 1 - 2.2) * 0.25, rtol=1e-6)
    front = compute_area_normals(wall)[(get_corners(wall)[..., 2] == 0).all(1)]
    assert (front[:, 2] > 0).all()


def test_volume_of_a_mitred_frame() -> None:
    """The volume is the profile's area times the length of the line through its centroid (Pappus)."""
    frame = joinery.make_mitred_frame(2.0, 1.0, [(0, 0), (0.1, 0), (0.1, 0.05), (0, 0.05)])
    assert count_open_edges(frame) == 0
    np.testing.assert_allclose(compute_volumes(frame), [0.1 * 0.05 * 2 * (2.1 + 1.1)], rtol=1e-6)


def test_soft_boxes_keep_their_size_and_are_smooth() -> None:
    box = upholstery.make_soft_box((0.6, 0.2, 0.4), 0.05)
    np.testing.assert_allclose(box.positions.max(0) - box.positions.min(0), (0.6, 0.2, 0.4), rtol=1e-6)
    assert count_open_edges(box) == 0 and box.normals is not None
    # vertices of the rounded edge along z
    edge = np.abs(box.positions - np.array((0.25, 0.05, 0.0), "f4"))[:, :2].max(1) < 0.051
    assert edge.any()
    inner = np.clip(box.positions, -np.array((0.25, 0.05, 0.15)), (0.25, 0.05, 0.15))
    expected = box.positions - inner
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    # arcs have 5 points, 11 degrees apart
    assert np.einsum("ij,ij->i", expected, box.normals).min() > math.cos(math.radians(6))
    bulging = upholstery.make_soft_box((0.6, 0.2, 0.4), 0.05, bulge=(0, 0.5, 0))
    np.testing.assert_allclose(np.ptp(bulging.positions, 0), (0.6, 0.3, 0.4), rtol=1e-3)


def test_smoothed_normals_of_a_sphere() -> None:
    ball = make_sphere((0.3, 0.1, -0.2), 0.5, rings=24)
    smooth = upholstery.smooth_normals(ball)
    assert smooth.normals is not None and ball.normals is not None
    used_vertices = np.unique(ball.triangles)
    assert np.einsum("ij,ij->i", smooth.normals[used_vertices], ball.normals[used_vertices]).min() > math.cos(
        math.radians(2)
    )


def test_grain_uvs() -> None:
    rail = joinery.assign_grain_uvs(make_cylinder((0, 0, 0), (2.0, 0, 0), 0.03), 3, 0)
    assert rail.uvs is not None
    np.testing.assert_allclose(np.ptp(rail.uvs[:, 0]), 2.0 / room_textures.WOOD_TEXTURE_LENGTH, rtol=1e-5)
    boards = rail.uvs[:, 1] * room_textures.BOARDS_PER_TEXTURE
    assert boards.min() > 3 and boards.max() < 4


def test_books_fit_their_shelf() -> None:
    paint = Material()
    for seed in range(5):
        rows = joinery.build_book_row(0.7, 0.3, np.random.default_rng(seed), paint, paint, paint)
        x, y, _ = np.concatenate([m.positions for m in rows]).T
        assert x.min() > -0.002 and 0.4 < x.max() < 0.7
        assert y.min() > -0.002 and y.max() < 0.31


def test_a_light_stands_within_its_shade() -> None:
    paper, brass = Material(name="paper"), Material(name="brass")
    lamp = luminaires.build_floor_lamp((1.0, 0.0, 2.0), (1.0, 1.0, 1.0), paper, brass)
    assert isinstance(lamp.light, PunctualLight)
    shade = next(m for m in lamp.meshes if m.material is paper)
    low, high = shade.positions.min(0), shade.positions.max(0)
    assert (low < lamp.light.position).all() and (lamp.light.position < high).all()
    assert count_open_edges(shade) == 0 and compute_volumes(shade).min() > 0
