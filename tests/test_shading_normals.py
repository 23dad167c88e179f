"""Light at path vertices: by shading normals that contradict their triangles, and of emissive surfaces.

Vertex normals and normal maps are random. Triangles are recognised by their own normals, which only the test knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from periscope import render_floor_by_rays
from render_small import SMALL, Bools, read_depth, register_scene, render_small
from ssdo.arrays import Doubles
from ssdo.gpu.context import Gpu
from ssdo.render import ray_scene
from ssdo.render.depth_layers import draw_hidden_surfaces
from ssdo.render.environment_maps import integrate_dfg
from ssdo.render.frame_uniforms import world_positions
from ssdo.render.pipeline import render_all_frames
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.scene.environment import CDF_SCALE
from ssdo.scene.model import ImageTexture, Material, Mesh, Scene
from ssdo.scene.modelling.shapes import make_box, make_quad, make_sphere
from ssdo.settings import Vec3
from test_reference import add_bright_texel
from test_specular import (
    DFG_INTERPOLATION_ERROR,
    DFG_MIN_COSINE,
    HALF_FLOAT_ROUNDING,
    assert_reference_mean,
    dot,
    make_dielectric,
    make_metal,
    normalize,
    specular_albedo,
)

TINY_VIEW: dict[str, Any] = {"width": 24, "height": 14, "environment": "white", "sun.irradiance": 0.0}
DIFFUSE = Material((1.0, 1.0, 1.0))
MATERIALS = {
    "diffuse": DIFFUSE,
    **{f"dielectric of roughness {r}": make_dielectric(r) for r in (0.0, 0.3, 1.0)},
    **{f"metal of roughness {r}": make_metal(r) for r in (0.0, 0.3, 1.0)},
}


def smooth_cube(material: Material) -> Mesh:
    """Eight vertices whose normals point away from the centre, 55 degrees from those of the faces."""
    box = make_box((-1, -1, -1), (1, 1, 1), material)
    corners, index = np.unique(box.positions, axis=0, return_inverse=True)
    normals = normalize(corners).astype("f4")
    return Mesh(corners, index.reshape(-1)[box.triangles].astype("i4"), material, normals)


def random_vertex_normals(material: Material) -> Mesh:
    """A cube, every vertex of which has a normal up to 85 degrees from its face's."""
    box = make_box((-1, -1, -1), (1, 1, 1), material)
    positions = box.positions[box.triangles].reshape(-1, 3)
    triangles = np.arange(len(positions), dtype="i4").reshape(-1, 3)
    faces = np.repeat(triangle_normals(Mesh(positions, triangles, material)), 3, 0)
    rng = np.random.default_rng(1)
    sideways = rng.normal(size=faces.shape)
    sideways = normalize(sideways - dot(sideways, faces)[:, None] * faces)
    angle = np.radians(rng.uniform(0, 85, len(faces)))[:, None]
    normals = (np.cos(angle) * faces + np.sin(angle) * sideways).astype("f4")
    return Mesh(positions, triangles, material, normals)


def coarse_sphere(material: Material) -> Mesh:
    return make_sphere((0, 0, 0), 1.3, material, rings=5)


def fine_sphere(material: Material) -> Mesh:
    """At its outline, normals of vertices behind it face away from the eye."""
    return make_sphere((0, 0, 0), 1.3, material, rings=64)


def normal_mapped_sphere(material: Material) -> Mesh:
    """The map turns normals by up to 80 degrees."""
    rng = np.random.default_rng(2)
    n = np.concatenate([rng.uniform(-1, 1, (16, 16, 2)), rng.uniform(0.2, 1, (16, 16, 1))], -1)
    pixels = np.full((16, 16, 4), 255, "u1")
    pixels[..., :3] = np.rint((normalize(n) + 1) / 2 * 255)
    sphere = make_sphere((0, 0, 0), 1.3, material, rings=24)
    assert sphere.normals is not None
    x, y, z = sphere.normals.astype("f8").T
    uvs = np.stack([np.arctan2(x, z) / (2 * np.pi) * 12, y * 6], -1).astype("f4")
    tangents = np.stack([z, 0 * x, -x, np.ones_like(x)], -1)
    tangents[:, :3] = normalize(tangents[:, :3] + (1e-6, 0, 0))
    material = replace(material, normal_texture=ImageTexture(pixels))
    return replace(sphere, material=material, uvs=uvs, tangents=tangents.astype("f4"))


CONVEX_MESHES: dict[str, Callable[[Material], Mesh]] = {
    mesh.__name__: mesh
    for mesh in (smooth_cube, random_vertex_normals, coarse_sphere, fine_sphere, normal_mapped_sphere)
}


def triangle_normals(mesh: Mesh) -> Doubles:
    """(m, 3) unit."""
    a, b, c = np.moveaxis(mesh.positions[mesh.triangles].astype("f8"), 1, 0)
    return normalize(np.cross(b - a, c - a))


def register_alone(mesh: Mesh) -> str:
    """The mesh alone, seen from a corner."""
    return register_scene("contradicting normals", Scene((mesh,), (2.0, 2.4, 3.4), (0.0, 0.0, 0.0), 38.0))


@pytest.mark.slow
@pytest.mark.parametrize("technique", Technique.known)
def test_furnace_is_white_with_any_shading_normal(gpu: Gpu, technique: str) -> None:
    """A convex object of albedo 1 in radiance 1: dielectrics are white, metals have the albedo of their lobe."""
    slope = 31 * np.abs(np.diff(integrate_dfg().sum(-1))).max()  # of the lobe's albedo
    for shape, make_mesh in CONVEX_MESHES.items():
        for name, material in MATERIALS.items():
            values = TINY_VIEW | {"technique": technique, "scene": register_alone(make_mesh(material))}
            p = render_small(gpu, values)
            cosine = -dot(normalize(p.normal), p.ray)
            mask = p.surface_mask
            expected = np.ones(p.radiance.shape)
            if material.metallic:
                expected = specular_albedo(np.ones(3), material.roughness, cosine)
            assert mask.mean() > 0.2
            if technique == "reference":
                exact = mask & (cosine > DFG_MIN_COSINE)
                assert exact.sum() > 0.8 * mask.sum()
                assert_reference_mean(gpu, values, expected, exact, DFG_INTERPOLATION_ERROR)
            else:
                error = np.abs(p.radiance - expected)[mask].max()
                assert error < HALF_FLOAT_ROUNDING * (1 + slope), (shape, name, error)


@pytest.mark.parametrize("technique", Technique.known)
@pytest.mark.parametrize("shape", CONVEX_MESHES)
def test_mirrors_lose_no_light(gpu: Gpu, shape: str, technique: str) -> None:
    """Every pixel of a metal of F0 1 without roughness is white in a furnace, at the outline too, by a single ray."""
    name = register_alone(CONVEX_MESHES[shape](make_metal(0.0)))
    p = render_small(gpu, TINY_VIEW | {"width": 48, "height": 28, "technique": technique, "scene": name})
    assert p.surface_mask.mean() > 0.2
    assert np.abs(p.radiance - 1)[p.surface_mask].max() < 2 * HALF_FLOAT_ROUNDING


def test_mirrors_count_sampled_light_once(gpu: Gpu) -> None:
    """A panel that is sampled, in a mirror: every pixel shows its radiance or none."""
    light = make_quad(
        (-0.5, 2, 0.5), (0.5, 2, 0.5), (0.5, 2, -0.5), (-0.5, 2, -0.5), Material(emission=(3.0, 2.0, 1.0))
    )
    floor = make_quad((-9, 0, 9), (9, 0, 9), (9, 0, -9), (-9, 0, -9), make_metal(0.0))
    scene = Scene((floor, light), (0.0, 1.0, 1.0), (0.0, 0.0, 0.3), 25.0, environment="black")
    values = {"scene": register_scene("panel in a mirror", scene), "technique": "reference", "reference.rays": 4}
    p = render_small(gpu, TINY_VIEW | values | {"environment": "black", "accumulated_frames": 2})
    is_lit = p.radiance[..., 0] > 1e-6
    assert p.surface_mask.all() and 0.05 < is_lit.mean() < 0.9 and p.radiance[~is_lit].max() < 1e-6
    # Its rays have one direction. At the outline of the panel a ray's origin is rounded.
    assert np.abs(p.radiance[is_lit] - (3.0, 2.0, 1.0)).max() < 3 * 2 * HALF_FLOAT_ROUNDING


@pytest.mark.parametrize("material", ["diffuse", "dielectric of roughness 0.3"])
@pytest.mark.parametrize("shape", CONVEX_MESHES)
def test_every_shading_normal_is_seen_from_the_eye(gpu: Gpu, shape: str, material: str) -> None:
    """Also where the mesh's normal is turned away. The geometric normal is that of the triangle, or nearly so."""
    mesh = CONVEX_MESHES[shape](MATERIALS[material])
    shot = {"scene": register_alone(mesh), "technique": "off"}
    p = render_small(gpu, TINY_VIEW | shot)
    result = render_all_frames(gpu, Shot().with_values(SMALL | TINY_VIEW | shot))
    geometric_normal = gpu.read(result.inputs.gbuffer.geometric_normal)[..., :3]
    rounding = 2 * HALF_FLOAT_ROUNDING
    assert (-dot(p.normal, p.ray)[p.surface_mask] > -rounding).all()
    assert np.abs(np.linalg.norm(p.normal[p.surface_mask], axis=-1) - 1).max() < rounding
    # The triangle of a pixel is the one whose plane it lies in, and whose normal is nearest.
    corners, normals = mesh.positions[mesh.triangles][:, 0].astype("f8"), triangle_normals(mesh)
    position = p.position[p.surface_mask]
    height = np.abs(dot(position[:, None] - corners, normals))
    deviation = np.linalg.norm(np.cross(geometric_normal[p.surface_mask][:, None], normals), axis=-1)
    assert np.where(height < 1e-4, deviation, 1).min(1).max() < 0.015 + rounding  # FLAT_DEVIATION in gbuffer.frag
    assert (-dot(geometric_normal, p.ray)[p.surface_mask] > -0.015 - rounding).all()


def test_normals_that_are_seen_from_the_eye_stay(gpu: Gpu) -> None:
    """Interpolated normals of a sphere, which are radial, and those of a plane at a grazing angle."""
    p = render_small(gpu, {"scene": register_alone(make_sphere((0, 0, 0), 1.3, DIFFUSE, rings=64)), "technique": "off"})
    radial = normalize(p.position)
    faces_eye = p.surface_mask & (-dot(radial, p.ray) > 0.1)
    assert faces_eye.sum() > 400
    assert np.abs(p.normal - radial)[faces_eye].max() < 2e-3  # the radius of a chord
    plane = render_small(gpu, {"scene": "plane:tilt=85", "technique": "off"})
    normals = plane.normal[plane.surface_mask]
    assert (normals == normals[0]).all()


@pytest.mark.parametrize("material", ["diffuse", "dielectric of roughness 0.3"])
def test_normals_of_hidden_backs_point_outwards(gpu: Gpu, material: str) -> None:
    """Away from the camera: a back is not bent towards it."""
    sphere = make_sphere((0, 0, 0), 1.3, MATERIALS[material], rings=64)
    inputs = render_all_frames(
        gpu, Shot().with_values(SMALL | TINY_VIEW | {"scene": register_alone(sphere), "technique": "off"})
    ).inputs
    back = draw_hidden_surfaces(gpu, inputs.scene, inputs.frame, inputs.gbuffer).back_1
    depth = read_depth(gpu, back)
    position = world_positions(inputs.frame, depth)
    towards_eye = normalize(np.array(inputs.frame.eye_ws) - position)
    radial = normalize(position)
    mask = np.isfinite(depth) & (dot(radial, towards_eye) < -0.1)
    assert mask.sum() > 50
    for normals in (back.normal, back.geometric_normal):
        assert np.abs(gpu.read(normals)[..., :3] - radial)[mask].max() < 0.05  # a triangle is 2.8 degrees high


# ---- light from below the geometric surface --------------------------------------------------------------------------


def tilted_floor(normal: Doubles, material: Material) -> Mesh:
    floor = make_quad((-50, 0, 50), (50, 0, 50), (50, 0, -50), (-50, 0, -50), material)
    return replace(floor, normals=np.tile(normal.astype("f4"), (4, 1)))


@pytest.mark.parametrize("tilt", [25.0, 60.0])
def test_bright_light_below_the_surface_is_mirrored(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, tilt: float) -> None:
    """A small bright light above a floor whose normal leans, as if it were in the mirrored direction, too."""
    up, angle = np.array([0.0, 1.0, 0.0]), np.radians(tilt)
    expected, rendered, mirrored_light = [], [], []
    values, light = add_bright_texel(monkeypatch, 13, 20)
    mean = normalize((light.irradiance[:, None] * light.directions).sum(0))
    away = normalize(mean * (1, 0, 1))
    for side in (-1, 1):  # towards the light and away from it
        normal = np.cos(angle) * up + side * np.sin(angle) * away
        mirrored = light.directions * (1, -1, 1)
        mirrored_light.append(float(np.maximum(mirrored @ normal, 0) @ light.irradiance))
        expected.append(float(np.maximum(light.directions @ normal, 0) @ light.irradiance) + mirrored_light[-1])
        scene = Scene((tilted_floor(normal, DIFFUSE),), (0.0, 9.0, 0.1), (0.0, 0.0, 0.0), 40.0)
        shot = values | {"scene": register_scene("leaning floor", scene), "technique": "reference"}
        p = render_small(gpu, shot | {"reference.rays": 64, "width": 32, "height": 18, "sun.irradiance": 0.0})
        rendered.append(p.direct[..., 0].astype("f8"))
    scale = max(expected)
    assert max(mirrored_light) > 0.05 * scale or tilt < 45  # what a path tracer would lose
    for irradiance, exact in zip(rendered, expected, strict=True):
        standard_error = irradiance.std(ddof=1) / np.sqrt(irradiance.size)
        assert abs(irradiance.mean() - exact) < 4 * standard_error + 2 * HALF_FLOAT_ROUNDING * scale
        assert standard_error < 0.01 * scale


@pytest.mark.parametrize("tilt", [25.0, 60.0, 75.0])
@pytest.mark.parametrize("material", MATERIALS)
def test_rays_see_white_surfaces_whose_normals_lean(gpu: Gpu, material: str, tilt: float) -> None:
    """A floor of albedo 1 in radiance 1, as a mirror shows it."""
    angle = np.radians(tilt)
    normal = np.array([np.sin(angle) * 0.6, np.cos(angle), np.sin(angle) * 0.8])
    values = {"width": 32, "height": 18, "sun.irradiance": 0.0, "reference.rays": 64, "environment": "white"}
    eye = (0.0, 2.0, 0.0)
    view = render_floor_by_rays(gpu, (tilted_floor(normal, MATERIALS[material]),), eye, 30.0, values)
    cosine = -(view.direction @ normal)
    in_range: Bools = cosine > DFG_MIN_COSINE
    assert in_range.mean() > 0.1
    expected = np.ones(cosine.shape)
    if MATERIALS[material].metallic:
        expected = specular_albedo(1.0, MATERIALS[material].roughness, cosine)
    error = (view.radiance.mean(-1) - expected)[in_range]
    standard_error = error.std(ddof=1) / np.sqrt(error.size)
    # The view ray spreads by SPREAD, and so does the cosine that the albedo is looked up with.
    assert abs(error.mean()) < 4 * standard_error + DFG_INTERPOLATION_ERROR


@pytest.mark.parametrize("is_full", [False, True])
def test_light_between_surfaces_is_not_lost_behind_them(gpu: Gpu, is_full: bool) -> None:
    """A speck of floor beside a large white cube of random normals, in radiance 1: what the cube reflects is white.

    Else rays would go on inside the cube, and bring nothing after the last bounce.
    """
    cube = random_vertex_normals(DIFFUSE)
    cube = replace(cube, positions=cube.positions * np.float32(4))
    floor = make_quad((4.5, 0, 0.1), (4.7, 0, 0.1), (4.7, 0, -0.1), (4.5, 0, -0.1), DIFFUSE)
    speck = (make_box((40, 5, 40), (40.1, 5.1, 40.1), make_metal(0.5)),) if is_full else ()
    scene = Scene((floor, cube, *speck), (5.0, 0.5, 0.3), (4.6, 0.0, 0.0), 20.0)
    values = TINY_VIEW | {"scene": register_scene("floor beside a cube", scene), "technique": "reference"}
    p = render_small(gpu, values | {"reference.rays": 32})
    on_floor = p.surface_mask & (np.abs(p.position[..., 1]) < 1e-3) & (p.position[..., 0] > 4.4)
    total = (p.direct + p.indirect)[on_floor] / np.pi
    assert on_floor.sum() > 50 and (p.visibility[on_floor] < 0.7).all()
    assert total.max() < 1 + 1e-5 and total.mean() > 0.995  # of the cube's rays few return to the floor


@pytest.mark.parametrize("tilt", [20.0, 85.0])
def test_rays_bend_normals_as_the_camera_does(gpu: Gpu, tilt: float) -> None:
    """A mirror whose normal leans away from the ray reflects the environment 1 + y from the bent normal."""
    eye = (0.0, 2.0, 0.0)
    values = {"width": 32, "height": 18, "sun.irradiance": 0.0, "reference.rays": 64, "environment": "ramp-y"}
    angle = np.radians(tilt)
    normal = np.array([0.0, np.cos(angle), np.sin(angle)])  # the ray goes south and down
    floor = tilted_floor(normal, make_metal(0.0))
    view = render_floor_by_rays(gpu, (floor,), eye, 30.0, values, pitch=40.0)
    v = -view.direction
    cosine = np.minimum(DFG_MIN_COSINE, 0.5 * v[..., 1])
    lift = np.maximum(cosine - v @ normal, 0)[..., None]
    bent_normal = normalize(normal + lift * v)
    reflected = 2 * dot(bent_normal, v)[..., None] * bent_normal - v
    reflected[..., 1] = np.abs(reflected[..., 1])
    assert (lift > 0).all() == (tilt > 60)
    error = view.radiance.mean(-1) - (1 + reflected[..., 1])
    # The tail of the lobe of GGX; beside it what it loses at this cosine.
    assert np.median(np.abs(error)) < 0.02


# ---- emissive surfaces -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("max_bounces", [0, 1, 3])
def test_emitted_light_is_reflected_as_often_as_other_light(gpu: Gpu, max_bounces: int, is_full: bool) -> None:
    """A closed room of albedo 0.5 that emits 1 everywhere: 1 + 1/2 + ... with as many terms as reflections, and one."""
    room = make_box((-1, -1, -1), (1, 1, 1), Material((0.5, 0.5, 0.5), emission=(1.0, 1.0, 1.0)))
    # A speck of metal outside makes the shaders evaluate full materials.
    speck = (make_box((5, 5, 5), (5.1, 5.1, 5.1), make_metal(0.5)),) if is_full else ()
    scene = Scene((room, *speck), (0.3, 0.2, 0.9), (0.0, -0.2, -1.0), 60.0, environment="black")
    values = {"scene": register_scene("emissive room", scene), "technique": "reference", "sun.irradiance": 0.0}
    values |= {"reference.rays": 4, "reference.max_bounces": max_bounces, "width": 32, "height": 18}
    p = render_small(gpu, values)
    expected = sum(0.5**k for k in range(max_bounces + 1))
    assert p.surface_mask.all() and not p.direct.any()
    assert np.abs(p.indirect / np.pi - expected).max() < 1e-4


PANEL = 0.5  # metres


def make_panel_scene(panel: Material, surface: Material, others: tuple[Mesh, ...] = ()) -> Scene:
    """A floor, a wall and a box of one material below a panel whose light reaches most of them."""
    height, half = 1.5, PANEL / 2
    corners = ((-half, height, -half), (half, height, -half), (half, height, half), (-half, height, half))
    meshes = (
        make_quad((-2, 0, 2), (2, 0, 2), (2, 0, -2), (-2, 0, -2), surface),
        make_quad((-2, 0, -1), (2, 0, -1), (2, 2, -1), (-2, 2, -1), surface),
        make_box((0.3, 0, -0.6), (0.9, 0.6, 0.0), surface),
        replace(make_quad(*corners, panel), uvs=np.array([(0, 0), (1, 0), (1, 1), (0, 1)], "f4")),
    )
    return Scene((*meshes, *others), (0.2, 1.2, 3.6), (0.1, 0.5, 0.0), 40.0, environment="black")


def checkered_emission() -> ImageTexture:
    pixels = np.full((4, 4, 4), 255, "u1")
    pixels[(np.indices((4, 4)).sum(0) % 2) == 1, :3] = (90, 30, 0)
    return ImageTexture(pixels, clamp=(True, True))


def masked_texture() -> ImageTexture:
    pixels = np.full((4, 4, 4), 255, "u1")
    pixels[:, :2, 3] = 0
    return ImageTexture(pixels, clamp=(True, True))


EMISSION = (30.0, 20.0, 10.0)
PANELS = {
    "plain": Material((0.0, 0.0, 0.0), emission=EMISSION),
    "textured": Material((0.0, 0.0, 0.0), emission=EMISSION, emission_texture=checkered_emission()),
    "masked": Material((0.0, 0.0, 0.0), emission=EMISSION, albedo_texture=masked_texture(), alpha_cutoff=0.5),
    "reflective": Material((0.8, 0.8, 0.8), emission=EMISSION),
    "single-sided": Material((0.0, 0.0, 0.0), emission=EMISSION, double_sided=False),
}
SURFACES = {
    "diffuse": Material((0.6, 0.5, 0.4)),
    "dielectric": make_dielectric(0.3, (0.6, 0.5, 0.4)),
    "metal": make_metal(0.3, (0.9, 0.8, 0.7)),
}


def render_batches(gpu: Gpu, scene: Scene, values: dict[str, Any], count: int) -> tuple[Doubles, Doubles]:
    """Mean over the pixels of images with different seeds (count, 3), and of their squared noise (count,)."""
    shot = TINY_VIEW | {"environment": "black", "technique": "reference", "reference.rays": 16} | values
    name = register_scene("panel", scene)
    radiance = np.stack([render_small(gpu, shot | {"scene": name, "seed": s}).radiance for s in range(count)]).astype(
        "f8"
    )
    return radiance.mean((1, 2)), radiance.var(0, ddof=1).mean((0, 1))


@pytest.mark.slow
@pytest.mark.parametrize(
    "panel, surface, bounces, max_distance",
    [
        *((panel, "diffuse", 1, None) for panel in PANELS),
        *(("textured", surface, 1, None) for surface in SURFACES if surface != "diffuse"),
        *(("masked", surface, 3, None) for surface in SURFACES),
        ("plain", "dielectric", 1, 1.6),
    ],
)
def test_sampled_emitters_have_the_light_that_rays_find(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch, panel: str, surface: str, bounces: int, max_distance: float | None
) -> None:
    """With and without sampling, means are equal within 4.5 standard errors, and noise falls."""
    scene = make_panel_scene(PANELS[panel], SURFACES[surface])
    values: dict[str, Any] = {"reference.max_bounces": bounces, "reference.max_distance": max_distance}
    sampled, noise = render_batches(gpu, scene, values, 8)
    monkeypatch.setattr(ray_scene, "MAX_EMITTER_AREA", 0.0)
    unsampled, noise_without = render_batches(gpu, replace(scene, name="without sampling"), values, 16)
    standard_error = np.sqrt(sampled.var(0, ddof=1) / len(sampled) + unsampled.var(0, ddof=1) / len(unsampled))
    difference = sampled.mean(0) - unsampled.mean(0)
    assert (np.abs(difference) < 4.5 * standard_error).all(), difference / standard_error
    assert (standard_error < 0.05 * unsampled.mean(0)).all()
    assert noise.sum() < 0.5 * noise_without.sum()


@pytest.mark.slow
def test_rays_see_the_reflection_of_a_sampled_panel(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a glossy floor that a mirror shows, with and without sampling: both ways of a half diffuse lobe count once."""
    panel = Material((0.0, 0.0, 0.0), emission=EMISSION)
    light = make_quad((-1, 2.5, 1.5), (1, 2.5, 1.5), (1, 2.5, 3.5), (-1, 2.5, 3.5), panel)
    floor = make_quad((-9, 0, 9), (9, 0, 9), (9, 0, -9), (-9, 0, -9), make_dielectric(0.5, (0.5, 0.5, 0.5), 0.3))
    values = {"width": 24, "height": 14, "sun.irradiance": 0.0, "reference.rays": 64, "environment": "black"}

    def render_batches_of_floor() -> Doubles:
        views = (
            render_floor_by_rays(gpu, (floor, light), (0.0, 1.5, 0.0), 20.0, values | {"seed": seed}, pitch=50.0)
            for seed in range(8)
        )
        return np.stack([view.radiance.mean(dtype="f8") for view in views])

    with_sampling = render_batches_of_floor()
    monkeypatch.setattr(ray_scene, "MAX_EMITTER_AREA", 0.0)
    without_sampling = render_batches_of_floor()
    standard_error = float(np.sqrt((with_sampling.var(ddof=1) + without_sampling.var(ddof=1)) / 8))
    assert abs(with_sampling.mean() - without_sampling.mean()) < 4.5 * standard_error
    assert standard_error < 0.01 * without_sampling.mean()


def scale_color(color: Vec3, factor: float) -> Vec3:
    r, g, b = color
    return factor * r, factor * g, factor * b


def test_sampled_emitters_add_up(gpu: Gpu) -> None:
    """Two of different light and area, each alone and together; four times the emission is four times the light."""
    first, second = PANELS["plain"], Material((0.0, 0.0, 0.0), emission=(0.0, 2.0, 9.0))
    small = make_quad((-1.4, 0.2, 0.4), (-1.1, 0.2, 0.4), (-1.1, 0.4, 0.4), (-1.4, 0.4, 0.4), second)

    def render(is_first: float, is_second: float) -> Doubles:
        panel, other = (
            replace(material, emission=scale_color(material.emission, factor))
            for material, factor in ((first, is_first), (second, is_second))
        )
        scene = make_panel_scene(panel, SURFACES["dielectric"], (replace(small, material=other),))
        return render_batches(gpu, scene, {}, 8)[0]

    alone, other, both = render(1, 0), render(0, 1), render(1, 1)
    difference = (alone + other).mean(0) - both.mean(0)
    standard_error = np.sqrt(sum(batches.var(0, ddof=1) / len(batches) for batches in (alone, other, both)))
    assert (np.abs(difference) < 4.5 * standard_error).all(), difference / standard_error
    assert (standard_error < 0.02 * both.mean(0)).all() and (other.mean(0)[1:] > 5 * standard_error[1:]).all()
    np.testing.assert_allclose(render(4, 4), 4 * both, rtol=1e-5)


@pytest.mark.parametrize("count", [1, 5, 300])
def test_emitters_are_sampled_by_their_power(count: int) -> None:
    """Probabilities follow area times mean radiance, and the density that rays weigh with is that of the samples."""
    rng = np.random.default_rng(count)
    floor = make_quad((-90, 0, 90), (90, 0, 90), (90, 0, -90), (-90, 0, -90), DIFFUSE)
    meshes = [floor]
    for _ in range(count):
        x, z, size = (float(v) for v in rng.uniform(0.2, 2.0, 3))
        texture = checkered_emission() if rng.random() < 0.5 else None
        red, green, blue = (float(v) for v in 10 ** rng.uniform(-3, 3, 3))
        panel = Material((0.5, 0.5, 0.5), emission=(red, green, blue), emission_texture=texture)
        meshes.append(make_quad((x, 1, z), (x + size, 1, z), (x + size, 1, z + size), (x, 1, z + size), panel))
    arrays = ray_scene.build_arrays(Scene(tuple(meshes)))
    cdf, triangle, area_over_probability = arrays.emitters[:, 0, :3].astype("f8").T
    probability = np.diff(cdf, prepend=0.0) / CDF_SCALE
    mesh = arrays.attributes[triangle.astype(int), 3, 3].astype(int)
    assert cdf[-1] == CDF_SCALE and (probability > 0).all() and len(set(triangle)) == 2 * count and (mesh > 0).all()
    srgb = checkered_emission().pixels[..., :3].astype("f8") / 255
    texture_mean = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).mean((0, 1))
    materials = [m.material for m in meshes]
    radiance = np.array([(texture_mean if m.emission_texture else np.ones(3)) @ m.emission for m in materials])
    area = np.linalg.norm(np.cross(*arrays.triangles[triangle.astype(int), 1:, :3].swapaxes(0, 1)), axis=-1) / 2
    power = area * radiance[mesh]
    step = 1.5 / CDF_SCALE
    assert (np.abs(probability - power / power.sum()) < step * (1 + 2 * count)).all()
    np.testing.assert_allclose(area_over_probability, area / probability, rtol=1e-5)
    density = arrays.materials[mesh, ray_scene.EMISSION_TEXEL + 1, 3]
    np.testing.assert_allclose(density, radiance[mesh] / power.sum(), rtol=1e-5)
    assert arrays.materials[0, ray_scene.EMISSION_TEXEL + 1, 3] == 0.0


def test_nothing_is_sampled_where_much_emits() -> None:
    """A closed emissive room: every ray finds light, and does so without noise."""
    room = make_box((-1, -1, -1), (1, 1, 1), Material((0.5, 0.5, 0.5), emission=(1.0, 1.0, 1.0)))
    assert not len(ray_scene.build_arrays(Scene((room,))).emitters)
    assert not len(ray_scene.build_arrays(Scene(())).emitters)
    assert not len(ray_scene.build_arrays(Scene((make_box((0, 0, 0), (1, 1, 1), DIFFUSE),))).emitters)
