"""Scenes far from the origin of their file, and files with another up axis: the same picture, by the file's cameras."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import gltf_files
import numpy as np
import pytest
from render_small import SmallRender, render_small
from ssdo.arrays import Doubles, to_vec3
from ssdo.gpu.context import Gpu
from ssdo.render.shot import MAX_COORDINATE, Shot
from ssdo.render.shot_flags import Overrides
from ssdo.scene.coordinates import UP_AXES, FileCoordinates, find_origin
from ssdo.scene.loader import load_scene
from ssdo.scene.model import Scene
from ssdo.settings import UserError
from ssdo.viewer.session import Session

# Corners of eight stairs, in metres: a shape with edges in all directions, 2 x 0.8 x 0.8 m.
STEP = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (0.0, 0.1) for z in (0.0, 0.1)])
STAIRS = np.concatenate([STEP + (0.0, 0.1 * k, -0.1 * k) for k in range(8)])
BOX_TRIANGLES = np.array(
    [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4)]
    + [(1, 5, 7), (1, 7, 3)]
)
STAIR_TRIANGLES = np.concatenate([BOX_TRIANGLES + 8 * k for k in range(8)])
EYE, TARGET = np.array((1.5, 1.6, 2.0)), np.array((0.0, 0.35, -0.3))
PLACES = {
    "UTM": np.array((2600000.0, 450.0, -1200000.0)),
    "ECEF": np.array((4201793.0, 172463.0, 4780035.0)),
    "Web Mercator": np.array((-1.3e7, 4.5e6, 12.0)),
    "a hundred million metres": np.array((1e8, -1e8, 1e8)),
}
LIGHTING: dict[str, Any] = {"sun.irradiance": 2.0, "sun.azimuth": 60.0, "width": 48, "height": 36}

WriteScene = Callable[[Path, Doubles], Path]


def rotate_z_up(points: Doubles) -> Doubles:
    """From y up to z up."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)


def write_obj(path: Path, corners: Doubles) -> Path:
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in corners.tolist()]
    path = path.with_suffix(".obj")
    path.write_text("\n".join(lines + [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in STAIR_TRIANGLES.tolist()]))
    return path


def write_ply(path: Path, corners: Doubles) -> Path:
    header = f"ply\nformat ascii 1.0\nelement vertex {len(corners)}\n"
    header += "".join(f"property double {axis}\n" for axis in "xyz")
    header += f"element face {len(STAIR_TRIANGLES)}\nproperty list uchar int vertex_indices\nend_header\n"
    lines = [f"{x!r} {y!r} {z!r}" for x, y, z in corners.tolist()]
    path = path.with_suffix(".ply")
    path.write_text(header + "\n".join(lines + [f"3 {a} {b} {c}" for a, b, c in STAIR_TRIANGLES.tolist()]))
    return path


def write_stl(path: Path, corners: Doubles) -> Path:
    facets = [
        "facet normal 0 0 0\nouter loop\n"
        + "".join(f"vertex {x!r} {y!r} {z!r}\n" for x, y, z in corners[triangle].tolist())
        + "endloop\nendfacet\n"
        for triangle in STAIR_TRIANGLES
    ]
    path = path.with_suffix(".stl")
    path.write_text("solid stairs\n" + "".join(facets) + "endsolid\n")
    return path


def split_placement(corners: Doubles) -> tuple[Doubles, Doubles]:
    """Vertices near zero, and where they are moved to, as exporters write what is far away."""
    place = np.round(corners.mean(0))
    return corners - place, place


def write_gltf(path: Path, corners: Doubles) -> Path:
    """Placed by a node below another."""
    vertices, place = split_placement(corners)
    tree, binary = gltf_files.make_empty()
    gltf_files.add_mesh(tree, binary, POSITION=vertices.astype("f4"), indices=STAIR_TRIANGLES.astype("u4"))
    tree["nodes"][0]["translation"] = (place - 7.0).tolist()
    tree["scenes"][0]["nodes"] = [gltf_files.add_node(tree, children=[0], translation=[7.0, 7.0, 7.0])]
    return gltf_files.write_glb(path.with_suffix(".glb"), tree, binary)


def write_skin(path: Path, corners: Doubles) -> Path:
    """Placed by two joints with equal weights."""
    vertices, place = split_placement(corners)
    tree, binary = gltf_files.make_empty()
    count = len(vertices)
    joints = np.tile(np.array([0, 1, 0, 0], "u1"), (count, 1))
    weights = np.tile(np.array([0.3, 0.7, 0, 0], "f4"), (count, 1))
    arrays = {"POSITION": vertices.astype("f4"), "indices": STAIR_TRIANGLES.astype("u4")}
    gltf_files.add_mesh(tree, binary, **arrays, JOINTS_0=joints, WEIGHTS_0=weights)
    nodes = [gltf_files.add_node(tree, translation=place.tolist()) for _ in range(2)]
    tree["skins"] = [{"joints": nodes}]
    tree["nodes"][0]["skin"] = 0
    return gltf_files.write_glb(path.with_suffix(".glb"), tree, binary)


WRITERS: dict[str, WriteScene] = {
    "obj": write_obj,
    "ply": write_ply,
    "stl": write_stl,
    "gltf": write_gltf,
    "skin": write_skin,
}


def render_stairs(gpu: Gpu, path: Path, move: Callable[[Doubles], Doubles], values: dict[str, Any]) -> SmallRender:
    camera = {"camera.eye": to_vec3(move(EYE)), "camera.target": to_vec3(move(TARGET))}
    return render_small(gpu, LIGHTING | camera | {"scene": str(path)} | values)


def assert_equal_pictures(result: SmallRender, expected: SmallRender) -> None:
    """Equal but for the rounding of 32-bit floats, which decides the pixels of edges."""
    assert 0.1 < expected.surface_mask.mean() < 0.9
    assert (result.surface_mask != expected.surface_mask).mean() < 0.002
    both = result.surface_mask & expected.surface_mask
    is_equal = np.isclose(result.depth, expected.depth, rtol=1e-4) & (
        np.abs(result.radiance - expected.radiance).max(-1) < 0.01
    )
    assert is_equal[both].mean() > 0.99


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", WRITERS)
def test_far_scenes_make_the_same_picture(gpu: Gpu, tmp_path: Path, kind: str, place: str) -> None:
    up = {"up": "y"} if kind == "stl" else {}
    near = WRITERS[kind](tmp_path / "near", STAIRS)
    far = WRITERS[kind](tmp_path / "far", STAIRS + PLACES[place])
    expected = render_stairs(gpu, near, lambda p: p, {"technique": "off"} | up)
    result = render_stairs(gpu, far, lambda p: p + PLACES[place], {"technique": "off"} | up)
    assert_equal_pictures(result, expected)
    assert load_scene(str(near), up=up.get("up")).coordinates.origin == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("technique", ["ssdo", "gtao", "reference"])
def test_far_scenes_have_the_same_light(gpu: Gpu, tmp_path: Path, technique: str) -> None:
    near, far = write_obj(tmp_path / "near", STAIRS), write_obj(tmp_path / "far", STAIRS + PLACES["UTM"])
    expected = render_stairs(gpu, near, lambda p: p, {"technique": technique})
    result = render_stairs(gpu, far, lambda p: p + PLACES["UTM"], {"technique": technique})
    both = result.surface_mask & expected.surface_mask
    assert abs(result.direct[both].mean() - expected.direct[both].mean()) < 0.01
    assert np.abs(result.visibility - expected.visibility)[both].mean() < 0.02


@pytest.mark.parametrize("up", UP_AXES)
def test_default_cameras_and_lights_of_a_far_file(gpu: Gpu, tmp_path: Path, up: str) -> None:
    """A glTF camera and a point light beside far stairs; without a camera the scene is fitted."""
    turn = rotate_z_up if up == "z" else np.array
    place = PLACES["ECEF"]

    def write(name: str, offset: Doubles, has_camera: bool) -> str:
        corners = turn(STAIRS) + offset
        path = write_gltf(tmp_path / name, corners)
        vertices, _ = split_placement(corners)
        tree, binary = gltf_files.make_empty()
        gltf_files.add_mesh(tree, binary, POSITION=vertices.astype("f4"), indices=STAIR_TRIANGLES.astype("u4"))
        tree["nodes"][0]["translation"] = np.round(corners.mean(0)).tolist()
        lamp = {"KHR_lights_punctual": {"light": 0}}
        position = (turn(np.array((0.5, 2.0, 1.0))) + offset).tolist()
        gltf_files.add_node(tree, translation=position, extensions=lamp)
        tree["extensions"] = {"KHR_lights_punctual": {"lights": [{"type": "point", "intensity": 3.0}]}}
        tree["extensionsUsed"] = ["KHR_lights_punctual"]
        if has_camera:
            tree["cameras"] = [{"type": "perspective", "perspective": {"yfov": 0.9, "znear": 0.1}}]
            tilt = {"rotation": [np.sqrt(0.5), 0, 0, np.sqrt(0.5)]} if up == "z" else {}
            gltf_files.add_node(tree, camera=0, translation=(turn(np.array((0.0, 0.4, 2.5))) + offset).tolist(), **tilt)
        return str(gltf_files.write_glb(path, tree, binary))

    for has_camera in (True, False):
        values = LIGHTING | {"technique": "off", "up": up, "sun.irradiance": 0.0}
        near, far = (write(f"{has_camera} {offset[0]}", offset, has_camera) for offset in (np.zeros(3), place))
        expected, result = (render_small(gpu, values | {"scene": name}) for name in (near, far))
        assert_equal_pictures(result, expected)
        assert expected.sun_and_lights.max() > 0.5
        reference = render_small(gpu, values | {"scene": near, "up": "y"})
        assert up == "y" or has_camera or np.abs(reference.radiance - expected.radiance).max() > 0.1


@pytest.mark.parametrize("kind", WRITERS)
def test_up_axis_turns_files(gpu: Gpu, tmp_path: Path, kind: str) -> None:
    """Geometry with z up, and cameras in the coordinates of the file."""
    expected = render_stairs(gpu, WRITERS[kind](tmp_path / "y", STAIRS), lambda p: p, {"technique": "off", "up": "y"})
    path = WRITERS[kind](tmp_path / "z", rotate_z_up(STAIRS))
    result = render_stairs(gpu, path, rotate_z_up, {"technique": "off", "up": "z"})
    assert_equal_pictures(result, expected)


def test_stl_files_are_z_up(tmp_path: Path) -> None:
    path = write_stl(tmp_path / "a", STAIRS)
    scene = load_scene(str(path))
    assert scene.coordinates.up == "z" and any("--up y" in note for note in scene.notes)
    assert load_scene(str(path), up="y").notes == ()
    for kind in WRITERS.keys() - {"stl"}:
        assert load_scene(str(WRITERS[kind](tmp_path / kind, STAIRS))).coordinates == FileCoordinates()
    assert load_scene("cornell", up="z") is load_scene("cornell")
    for name, is_refused in (("cornell", True), ("blocks:count=4", True), (str(path), False)):
        with pytest.raises(UserError, match="--up has no effect") if is_refused else nullcontext():
            Overrides({}, {"scene": name, "up": "z"}).build_shots()


# ---- the viewer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("up", UP_AXES)
def test_viewer_keeps_cameras_in_file_coordinates(gpu: Gpu, tmp_path: Path, up: str) -> None:
    """The pose that is moved is in the world, what is stored in the file's coordinates."""
    turn = rotate_z_up if up == "z" else np.array
    place = PLACES["UTM"]
    path = write_obj(tmp_path / "far", turn(STAIRS) + place)
    eye, target = to_vec3(turn(EYE) + place), to_vec3(turn(TARGET) + place)
    shot = Shot().with_values({"scene": str(path), "up": up, "camera.eye": eye, "camera.target": target})
    session = Session(gpu, shot, {})
    session.size = (48, 36)
    np.testing.assert_allclose(np.subtract(session.pose.eye, session.pose.target), EYE - TARGET, atol=1e-8)
    assert np.abs(session.pose.eye).max() < 1000
    session.move_camera(session.pose)
    np.testing.assert_allclose(np.subtract(session.slots.shared.camera.eye or 0, eye), 0, atol=1e-8)
    assert session.set_pose(session.file_pose)
    np.testing.assert_allclose(session.file_pose.target, target, atol=1e-8)
    session.frame_scene()
    assert session.slots.shared.camera.eye is None
    session.frame_scene()
    assert np.linalg.norm(np.subtract(session.file_pose.target, place)) < 10


# ---- the origin ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_origin_is_near_most_points(seed: int) -> None:
    random = np.random.default_rng(seed)
    size, distance = 10.0 ** random.uniform(-3, 5), 10.0 ** random.uniform(3.5, 8)
    points = size * random.random((200, 3)) + distance * size * random.choice((-1, 1), 3)
    points[:15] = 0.0  # left at the file's origin
    origin = np.array(find_origin(points))
    assert np.abs(np.median(points, 0) - origin).max() <= 2 * size
    assert (origin == origin.astype("f4")).all() or distance > 1e5
    exact = points - origin
    assert (exact + origin == points).all()


@pytest.mark.parametrize("offset", [0.0, 1.0, -20.0, 90.0])
def test_points_near_their_origin_stay(offset: float) -> None:
    assert find_origin(np.random.default_rng(1).random((100, 3)) + offset) == (0.0, 0.0, 0.0)
    assert find_origin(np.zeros((0, 3))) == (0.0, 0.0, 0.0)
    assert find_origin(np.full((3, 3), np.nan)) == (0.0, 0.0, 0.0)
    assert find_origin(np.full((3, 3), 5.0)) == (0.0, 0.0, 0.0)


def test_coordinates_reach_the_earth() -> None:
    assert MAX_COORDINATE > 4e7
    assert Scene(()).coordinates.point_to_world((-0.0, 1e-30, 3.0)) == (0.0, 1e-30, 3.0)
    for up in UP_AXES:
        coordinates = FileCoordinates((1.0, 2.0, 3.0), up == "z")
        points = np.random.default_rng(1).random((5, 3))
        homogeneous = np.column_stack([points, np.ones(5)])
        np.testing.assert_allclose(coordinates.to_world(points), (homogeneous @ coordinates.world_from_file.T)[:, :3])
        np.testing.assert_allclose(coordinates.to_file(coordinates.to_world(points)), points)
