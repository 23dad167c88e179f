"""Culled surfaces: what the camera looks through is absent for rays and shadows, and only that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from render_small import SmallRender, register_scene, render_small
from ssdo.arrays import Doubles, Floats, Ints
from ssdo.gpu.context import Gpu
from ssdo.render import culling
from ssdo.render.culling import cull_triangles, find_surfaces
from ssdo.render.frame_uniforms import CameraPose, make_frame
from ssdo.render.ray_scene import _build, build_arrays
from ssdo.render.technique import Technique
from ssdo.scene.model import ImageTexture, Material, Mesh, PunctualLight, Scene
from ssdo.scene.modelling.shapes import make_box, make_prism, make_quad, make_sphere
from ssdo.settings import Vec3

GREY = Material((0.5, 0.5, 0.5))
RED = Material((0.7, 0.2, 0.2), double_sided=False)


def turn_over(mesh: Mesh) -> Mesh:
    """The same triangles, facing the other way."""
    normals = None if mesh.normals is None else -mesh.normals
    return replace(mesh, triangles=np.ascontiguousarray(mesh.triangles[:, ::-1]), normals=normals)


def take(mesh: Mesh, mask: Any) -> Mesh:
    """Some triangles of a mesh."""
    return replace(mesh, triangles=mesh.triangles[mask])


def facing(mesh: Mesh, eye: Vec3) -> Doubles:
    """(m,) positive where a triangle faces the eye."""
    a, b, c = mesh.positions[mesh.triangles].astype("f8").swapaxes(0, 1)
    side: Doubles = np.einsum("ij,ij->i", np.cross(b - a, c - a), np.array(eye) - a)
    return side


def cull(meshes: Sequence[Mesh], eye: Vec3, height: float | None = None) -> Ints:
    """Indices of the triangles that a camera at `eye` culls, which looks at the origin."""
    scene = Scene(tuple(meshes))
    frame = make_frame(scene, CameraPose(eye, (0.0, 0.0, 0.0), 40.0, height=height), (16, 9))
    return np.frombuffer(cull_triangles(find_surfaces(scene), frame), "i4")


# ---- which triangles -------------------------------------------------------------------------------------------------


def turn_randomly(mesh: Mesh, rng: np.random.Generator) -> Mesh:
    matrix = np.linalg.qr(rng.normal(size=(3, 3)))[0].astype("f4")
    if np.linalg.det(matrix) < 0:
        matrix[0] *= -1
    return replace(mesh, positions=mesh.positions @ matrix + rng.uniform(-3, 3, 3).astype("f4"), normals=None)


@pytest.mark.parametrize("seed", range(20))
def test_surfaces_are_culled_that_the_eye_is_behind(seed: int) -> None:
    """Random sheets and boxes, among others that are double-sided, in one mesh or several."""
    rng = np.random.default_rng(seed)
    quad, box = make_quad((0, 0, 0), (1, 0, 0), (1, 0.7, 0), (0, 0.7, 0), RED), make_box((0, 0, 0), (1, 2, 1), RED)
    sheets = [turn_randomly(quad, rng) for _ in range(6)]
    solids = [turn_randomly(box, rng) for _ in range(3)]
    others = [turn_randomly(replace(mesh, material=GREY), rng) for mesh in (quad, box)]
    merged = Mesh(
        np.concatenate([mesh.positions for mesh in sheets[:3]]),
        np.concatenate([mesh.triangles + 4 * i for i, mesh in enumerate(sheets[:3])]).astype("i4"),
        RED,
    )
    meshes = [others[0], merged, *solids, others[1], *sheets[3:]]
    for eye in [*rng.uniform(-4, 4, (4, 3)), solids[0].positions.mean(0)]:
        expected, first = [], 0
        for mesh in meshes:
            is_behind = facing(mesh, eye) < 0
            is_culled = np.zeros(len(is_behind), bool)
            if mesh.material is RED:
                is_culled = is_behind if len(mesh.triangles) < 12 else np.repeat(is_behind.all(), 12)
            expected += list(first + np.flatnonzero(is_culled))
            first += len(mesh.triangles)
        assert cull(meshes, tuple(eye)).tolist() == expected
    assert len(solids[0].triangles) == 12 and len(expected) >= 12, "the last eye is in a solid"


@pytest.mark.parametrize("open_sides", [0, 1, 2])
def test_nearer_walls_of_a_room_are_culled(open_sides: int) -> None:
    """Seen from outside, those that show their back; seen from within, none."""
    room = turn_over(make_box((-1, -1, -1), (1, 1, 1), RED))
    room = take(room, slice(2 * open_sides, None))
    furniture = take(make_box((-0.2, -1, -0.2), (0.2, -0.5, 0.2), RED), [*range(6), *range(8, 12)])
    meshes = room, furniture
    for eye in ((3.0, 2.0, 1.5), (-3.0, 0.2, 0.3), (0.5, 0.5, -4.0)):
        expected = np.flatnonzero(facing(room, eye) < 0)
        assert cull(meshes, eye).tolist() == expected.tolist() and 0 < len(expected) < len(room.triangles)
    assert not len(cull(meshes, (0.5, 0.3, 0.6)))


def test_no_wall_is_culled_around_a_corner() -> None:
    """Of a room with two wings, seen from within: it is hidden, not seen through."""
    outline = [(-1, -1), (3, -1), (3, 0), (0, 0), (0, 3), (-1, 3)]
    room = turn_over(make_prism(outline, -1, 1, RED))
    eye = (0.0, 2.5, -0.5)
    assert (facing(room, eye) < 0).any()
    assert not len(cull((room,), eye)) and len(cull((room,), (0.0, 2.5, -2.5)))


def test_solids_stay_whole() -> None:
    """Spheres and cups, closed or open: their far side is hidden, and casts shadows."""
    sphere = make_sphere((0, 0, 0), 1, RED, 12)
    cup = take(sphere, sphere.positions[sphere.triangles][..., 1].max(1) < 0.5)
    for solid in (sphere, cup):
        for eye in ((3.0, 2.0, 1.0), (1.5, 0.8, 0.1), (0.0, -4.0, 0.1)):
            assert not len(cull((solid,), eye))
    assert len(cull((cup,), (0.0, 4.0, 0.1))) == len(cup.triangles), "nothing of it is seen from above"
    for eye in ((3.0, 2.0, 1.0), (0.0, -4.0, 0.1)):
        skydome = turn_over(sphere)
        assert len(cull((skydome,), eye)) == (facing(skydome, eye) < 0).sum() > 0
    assert len(cull((sphere,), (0.1, 0.1, 0.0))) == len(sphere.triangles), "the camera looks out of it"


def test_orthographic_cameras_cull_by_their_direction() -> None:
    """Where the eye stands does not matter."""
    floor = make_quad((-1, 0, 1), (1, 0, 1), (1, 0, -1), (-1, 0, -1), RED)
    for eye, is_culled in (((0.2, 3.0, 1.0), False), ((0.2, -3.0, 1.0), True)):
        assert len(cull((floor,), eye, height=2.0)) == 2 * is_culled
    # from above, but so far down that the eye is below the sheet
    lifted = replace(floor, positions=floor.positions + np.float32(9))
    assert not len(cull((lifted,), (0.2, 3.0, 1.0), height=2.0))


def test_surfaces_are_searched_for_in_small_meshes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large meshes would take too long."""
    quad = make_quad((-1, 0, 1), (1, 0, 1), (1, 0, -1), (-1, 0, -1), RED)
    sphere = make_sphere((0, 0, 0), 1, RED, 12)
    below = (0.0, -3.0, 0.1)
    monkeypatch.setattr(culling, "MAX_TRIANGLES", 2)
    assert cull((sphere, quad), below).tolist() == [len(sphere.triangles), len(sphere.triangles) + 1]
    monkeypatch.setattr(culling, "MAX_TRIANGLES", 1)
    assert not len(cull((sphere, quad), below))
    assert not len(cull((), below)) and not len(cull((replace(quad, material=GREY),), below))


# ---- pictures --------------------------------------------------------------------------------------------------------

MASK = np.full((4, 4, 4), 255, "u1")
MASK[1:3, 1:3, 3] = 0
SHEETS = {
    "plain": RED,
    "emissive": replace(RED, emission=(3.0, 2.0, 1.0)),
    "masked": replace(RED, albedo_texture=ImageTexture(MASK), alpha_cutoff=0.5),
}
LIGHTS = (
    PunctualLight((0.5, 2.5, 0.5), (3.0, 3.0, 3.0)),
    PunctualLight((-0.9, 2.0, 0.9), (9.0, 9.0, 9.0), (0.4, -0.8, -0.4), 20.0, 40.0),
)
EYE = (0.3, 2.4, 2.6)
VALUES: dict[str, Any] = {
    "width": 24,
    "height": 16,
    "environment": "ramp-y",
    "sun.irradiance": 2.0,
    "sun.azimuth": 160.0,
    "sun.elevation": 60.0,
    "sun.resolution": 256,
    "lights.resolution": 64,
}
PICTURES: list[Any] = [
    *((technique, {}) for technique in Technique.known if technique != "reference"),
    pytest.param("reference", {}, marks=pytest.mark.slow),
    ("ssdo", {"ssdo.depth_layers": "2"}),
    pytest.param("ssdo", {"probes.enabled": True, "probes.grid_size": 4}, marks=pytest.mark.slow),
]


def make_scene(*meshes: Mesh) -> Scene:
    floor = make_quad((-2, 0, 2), (2, 0, 2), (2, 0, -2), (-2, 0, -2), GREY)
    box = make_box((-1.5, 0, -1.5), (-0.8, 1.5, -0.8), GREY)
    lamp = make_quad(
        (1.2, 0.9, 0), (1.2, 0.9, -0.3), (1.5, 0.9, -0.3), (1.5, 0.9, 0), replace(GREY, emission=(5, 5, 5))
    )
    return Scene((floor, *meshes, box, lamp), EYE, (0.0, 0.2, 0.0), 50.0, lights=LIGHTS)


def make_sheet(material: Material, faces_up: bool) -> Mesh:
    """Above the floor, below the eye."""
    sheet = make_quad((-0.7, 0.8, 0.7), (0.7, 0.8, 0.7), (0.7, 0.8, -0.7), (-0.7, 0.8, -0.7), material)
    return sheet if faces_up else turn_over(sheet)


def render(gpu: Gpu, scene: Scene, technique: str, values: dict[str, Any]) -> SmallRender:
    name = register_scene("culling", lambda: scene)
    rays = {"reference.rays": 4} if technique == "reference" else {}
    return render_small(gpu, VALUES | {"scene": name, "technique": technique} | rays | values)


def list_differences(a: SmallRender, b: SmallRender) -> list[str]:
    return [name for name, value in vars(a).items() if not np.array_equal(value, getattr(b, name))]


@pytest.mark.parametrize("technique, values", PICTURES)
def test_a_culled_surface_is_absent(gpu: Gpu, technique: str, values: dict[str, Any]) -> None:
    """Every array is that of the scene without it, bit for bit, from frame to frame."""
    below = values | {"camera.eye": (0.3, 0.4, 2.6), "camera.target": (0.0, 0.6, 0.0)}
    for name in SHEETS if technique == "reference" else ["masked"]:
        sheet = make_sheet(SHEETS[name], faces_up=False)
        scene, bare_scene = make_scene(sheet), make_scene(take(sheet, slice(0)))
        bare = render(gpu, bare_scene, technique, values)
        assert not list_differences(render(gpu, scene, technique, values), bare)
        visible, hidden = (render(gpu, each, technique, below) for each in (scene, bare_scene))
        assert {"depth", "sun_and_lights", "radiance"} <= set(list_differences(visible, hidden))
        assert not list_differences(render(gpu, scene, technique, values), bare)


@pytest.mark.parametrize("technique", ["off", "reference"])
def test_a_surface_that_the_camera_sees_is_solid(gpu: Gpu, technique: str) -> None:
    """For rays and shadows it is as if it had two sides: a visible sheet casts a shadow, from whichever side."""
    for meshes in (
        (make_sheet(RED, faces_up=True),),
        (make_box((-0.7, 0.4, -0.7), (0.7, 0.8, 0.7), RED),),
        (make_sphere((0, 0.7, 0), 0.6, RED, 12),),
    ):
        single = render(gpu, make_scene(*meshes), technique, {})
        double_sided = replace(RED, double_sided=True)
        both = make_scene(*(replace(mesh, material=double_sided) for mesh in meshes))
        assert not list_differences(single, render(gpu, both, technique, {}))
        nothing = render(gpu, make_scene(), technique, {})
        on_floor = (single.depth == nothing.depth) & (np.abs(single.position[..., 1]) < 1e-4)
        assert (single.sun_and_lights < nothing.sun_and_lights)[on_floor].any()


@pytest.mark.parametrize("technique", ["off", "reference"])
def test_a_room_is_lit_through_its_nearer_walls(gpu: Gpu, technique: str) -> None:
    """As if these were not modelled."""
    room = turn_over(make_box((-1.9, 0.01, -1.9), (1.9, 1.6, 1.9), RED))
    eye = (1.0, 3.0, 5.0)
    values = {"camera.eye": eye, "camera.target": (0.0, 0.5, 0.0)}
    is_near = facing(room, eye) < 0
    assert is_near.sum() == 4
    whole = render(gpu, make_scene(room), technique, values)
    assert not list_differences(whole, render(gpu, make_scene(take(room, ~is_near)), technique, values))
    assert whole.radiance[whole.surface_mask].min() > 0.01


def test_shadows_return_with_the_camera(gpu: Gpu) -> None:
    """Of the sun and of punctual lights: each of two cameras has shadow maps of its own."""
    scene = make_scene(make_sheet(RED, faces_up=False))
    low = {"camera.eye": (0.3, 0.5, 2.9), "camera.target": (0.0, 0.2, 0.0)}
    fresh = [render(gpu, make_scene(make_sheet(RED, faces_up=False)), "off", values) for values in ({}, low)]
    shot = VALUES | {"technique": "off", "scene": register_scene("culling", lambda: scene)}
    for _ in range(2):
        for values, expected in zip(({}, low), fresh, strict=True):
            assert not list_differences(render_small(gpu, shot | values), expected)
    bare = render(gpu, make_scene(), "off", low)
    on_floor = (fresh[1].depth == bare.depth) & (np.abs(bare.position[..., 1]) < 1e-4)
    assert (fresh[1].sun_and_lights < bare.sun_and_lights)[on_floor].mean() > 0.02


# ---- emission --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("is_sampled, is_full", [(True, False), (False, False), (True, True)])
def test_a_single_sided_emitter_shines_from_its_front(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch, is_sampled: bool, is_full: bool
) -> None:
    """A floor and a ceiling, one of them black to a panel between both; sampled or found by rays, basic or full."""
    if not is_sampled:
        monkeypatch.setattr("ssdo.render.ray_scene.MAX_EMITTER_AREA", 0.0)
    panel = replace(RED, albedo=(0.0, 0.0, 0.0), emission=(4.0, 4.0, 4.0), alpha_cutoff=0.5 * is_full)

    def render_light(mesh: Mesh, eye: Vec3, target: Vec3) -> Floats:
        floor = make_quad((-2, 0, 2), (2, 0, 2), (2, 0, -2), (-2, 0, -2), GREY)
        ceiling = make_quad((-2, 1, -2), (2, 1, -2), (2, 1, 2), (-2, 1, 2), GREY)
        scene = Scene((floor, ceiling, mesh), eye, target, 30.0)
        name = register_scene("panel", lambda: scene)
        values = {"environment": "black", "reference.rays": 16, "reference.max_bounces": 0, "width": 16, "height": 9}
        return render_small(gpu, values | {"scene": name, "technique": "reference"}).indirect

    # solid, although the camera is in its plane
    sheet = make_quad((-0.3, 0.5, 0.3), (0.3, 0.5, 0.3), (0.3, 0.5, -0.3), (-0.3, 0.5, -0.3), panel)
    for mesh, lit in ((sheet, 1.0), (turn_over(sheet), 0.0)):
        for height in (0.0, 1.0):
            light = render_light(mesh, (0.0, 0.5, 1.5), (0.0, height, 0.0))
            if height == lit:
                assert light.mean() > 0.02
            else:
                assert not light.any()
    light = render_light(sheet, (0.0, 0.5, 1.5), (0.0, 1.0, 0.0))
    double_sided = replace(sheet, material=replace(panel, double_sided=True))
    np.testing.assert_array_equal(light, render_light(double_sided, (0.0, 0.5, 1.5), (0.0, 1.0, 0.0)))


def test_arrays_are_in_the_order_of_the_leaves() -> None:
    """Culling finds triangles by their index in the scene, whatever the order of the BVH."""
    meshes = [turn_randomly(make_box((0, 0, 0), (1, 1, 1), RED), np.random.default_rng(i)) for i in range(8)]
    arrays, order = _build(Scene(tuple(meshes)))
    corners = np.concatenate([mesh.positions[mesh.triangles[:, 0]] for mesh in meshes])
    np.testing.assert_array_equal(arrays.triangles[:, 0, :3], corners[order])
    assert len(build_arrays(Scene(())).triangles) == 0
