"""Features of materials: alpha masks, vertex colours, UV sets and transforms, normal maps.

Each is compared with the same content without the feature, in the G-buffer and at the hits of rays. Half floats resolve
1 in 2048, 8-bit images 1 in 255.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from closed_forms import HALF_FLOAT_ROUNDING, corner_shot
from render_small import (
    SMALL,
    Bools,
    SmallRender,
    binomial_tolerance,
    cosine_directions,
    register_scene,
    render_small,
)
from ssdo.arrays import Bytes, Doubles, Floats
from ssdo.gpu.context import Gpu
from ssdo.render.pipeline import render_all_frames
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.scene.model import (
    CLAY_ALBEDO,
    WHITE_ALBEDO,
    ImageTexture,
    Material,
    Mesh,
    PunctualLight,
    Scene,
    override_materials,
)
from ssdo.scene.modelling.shapes import make_quad
from ssdo.settings import Vec3
from test_reference import REFERENCE, polygon_coverage

TECHNIQUES = ("off", "ssao", "ssdo", "reference")
BLACK, GREY = Material((0.0, 0.0, 0.0)), Material((0.5, 0.5, 0.5))
FLOOR = make_quad((-3, 0, 3), (3, 0, 3), (3, 0, -3), (-3, 0, -3), GREY)
BLACK_ENVIRONMENT: dict[str, Any] = {"environment": "black", "sun.irradiance": 0.0}
UNLIT: dict[str, Any] = {"technique": "off", "sun.irradiance": 0.0}


def make_wall(material: Material, **arrays: Any) -> Mesh:
    """A wall of 2 x 2 m that faces +z, with its texture upright; `arrays` replace those of the mesh."""
    return replace(make_quad((-1, 0, 0), (1, 0, 0), (1, 2, 0), (-1, 2, 0), material), **arrays)


def make_scene(*meshes: Mesh, **fields: Any) -> Scene:
    """A scene seen along -z, in which the wall fills most of the image."""
    view: dict[str, Any] = {"eye": (0.0, 1.0, 3.2), "target": (0.0, 1.0, 0.0), "fov": 38.0} | fields
    return Scene(meshes, **view)


def render(gpu: Gpu, scene: Scene, values: dict[str, Any] | None = None) -> SmallRender:
    return render_small(gpu, UNLIT | {"scene": register_scene("materials", lambda: scene)} | (values or {}))


def corner_uvs(mesh: Mesh) -> Floats:
    assert mesh.uvs is not None
    return mesh.uvs


def make_checker(cells: int = 4, size: int = 64) -> Bytes:
    """(size, size, 4) opaque cells of random colours."""
    rng = np.random.default_rng(3)
    colours = rng.integers(30, 255, (cells, cells, 3))
    pixels = np.full((size, size, 4), 255, "u1")
    pixels[..., :3] = np.kron(colours, np.ones((size // cells, size // cells, 1))).astype("u1")
    return pixels


def render_floor_light(gpu: Gpu, wall: Mesh, values: dict[str, Any]) -> Floats:
    """(n, 3) the light that a path-traced wall sends to the pixels of a black floor in front of it."""
    floor = make_quad((-1, 0, 0.02), (-1, 0, 2), (1, 0, 2), (1, 0, 0.02), BLACK)
    scene = make_scene(wall, floor, eye=(0.0, 2.5, 2.0), target=(0.0, 0.0, 0.5))
    p = render(gpu, scene, REFERENCE | values)
    light: Floats = p.indirect[p.surface_mask & (p.position[..., 1] < 1e-3)]
    return light


def assert_equal_textures(gpu: Gpu, one: Mesh, other: Mesh) -> None:
    """Compare in the G-buffer, and by the light that the wall, emitting, sends to a floor in front of it."""
    a, b = (render(gpu, make_scene(mesh)) for mesh in (one, other))
    difference = np.abs(a.albedo - b.albedo).max(-1) + np.abs(a.emission - b.emission).max(-1)
    assert (difference[a.surface_mask] > 0.01).mean() < 0.04  # at edges of cells, coordinates are rounded differently
    assert a.surface_mask.mean() > 0.3 and a.albedo[a.surface_mask].std() + a.emission[a.surface_mask].std() > 0.05
    floor_light = []
    for mesh in (one, other):
        m = mesh.material
        if not any(m.emission):
            m = replace(m, albedo=(0.0, 0.0, 0.0), emission=m.albedo, emission_texture=m.albedo_texture)
        values = BLACK_ENVIRONMENT | {"accumulated_frames": 2}
        floor_light.append(render_floor_light(gpu, replace(mesh, material=m), values))
    assert floor_light[0].mean() > 0.01
    # Both use the same 32 rays; at an edge one of them may hit another cell.
    difference = np.abs(floor_light[0] - floor_light[1])
    assert difference.max() < 0.05 * floor_light[0].max() and difference.mean() < 0.002 * floor_light[0].max()


@pytest.mark.slow
@pytest.mark.parametrize("emits", [False, True])
@pytest.mark.parametrize("transform", ["second uvs", "offset", "scale", "rotation", "all"])
def test_texture_transforms_and_uv_sets(gpu: Gpu, transform: str, emits: bool) -> None:
    """Texture transforms and second UVs against transformed UVs of the mesh."""
    c, s = np.cos(0.7), np.sin(0.7)
    rows: dict[str, tuple[Vec3, Vec3]] = {
        "second uvs": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        "offset": ((1.0, 0.0, 0.3), (0.0, 1.0, -0.2)),
        "scale": ((2.0, 0.0, 0.0), (0.0, 0.5, 0.0)),
        "rotation": ((float(c), float(s), 0.0), (float(-s), float(c), 0.0)),
        "all": ((float(1.5 * c), float(0.7 * s), 0.3), (float(-1.5 * s), float(0.7 * c), -0.2)),
    }
    image = ImageTexture(make_checker(), 1 if transform in ("second uvs", "all") else 0, rows[transform])
    base = corner_uvs(make_wall(GREY))
    source_uvs = base + np.float32(0.125) if image.uv_set else base
    uvs = (np.concatenate([source_uvs, np.ones((4, 1), "f4")], 1) @ np.array(rows[transform], "f4").T).astype("f4")

    def make_material(image: ImageTexture) -> Material:
        if emits:
            return Material((0.0, 0.0, 0.0), emission=(0.9, 0.8, 0.7), emission_texture=image)
        return Material((0.9, 0.8, 0.7), albedo_texture=image)

    first_uvs, second_uvs = (np.zeros_like(base), source_uvs) if image.uv_set else (base, None)
    transformed = make_wall(make_material(image), uvs=first_uvs, uvs2=second_uvs)
    assert_equal_textures(gpu, transformed, make_wall(make_material(ImageTexture(image.pixels)), uvs=uvs))


@pytest.mark.slow
@pytest.mark.parametrize("clamp", [(False, False), (True, False), (False, True), (True, True)])
def test_texture_wrapping(gpu: Gpu, clamp: tuple[bool, bool]) -> None:
    """Three by three copies, against an image that contains them."""
    pixels, uvs = make_checker(), corner_uvs(make_wall(GREY)) * np.float32(3) - np.float32(1)
    index = np.arange(3 * 64) - 64
    u, v = (np.clip(index, 0, 63) if is_clamped else index % 64 for is_clamped in clamp)
    tiled = np.ascontiguousarray(pixels[v][:, u])
    wrapped = make_wall(Material((1.0, 1.0, 1.0), albedo_texture=ImageTexture(pixels, clamp=clamp)), uvs=uvs)
    assert_equal_textures(gpu, wrapped, make_wall(Material((1.0, 1.0, 1.0), albedo_texture=ImageTexture(tiled))))


def test_vertex_colours_are_linear(gpu: Gpu) -> None:
    """A gradient of vertex colours against a texture of the same gradient, in the G-buffer and at hits."""
    low, high = np.array([0.1, 0.8, 0.3, 1.0], "f4"), np.array([0.9, 0.2, 0.6, 1.0], "f4")
    uvs = corner_uvs(make_wall(GREY))
    colors = np.where(uvs[:, :1] > 0.5, high, low).astype("f4")
    coloured = make_wall(Material((0.5, 1.0, 0.8)), colors=colors)
    p = render(gpu, make_scene(coloured))
    t = (p.position[..., 0] + 1)[..., None] / 2
    expected = np.array((0.5, 1.0, 0.8)) * ((1 - t) * low[:3] + t * high[:3])
    assert np.abs(p.albedo - expected)[p.surface_mask].max() < 2 * HALF_FLOAT_ROUNDING
    # The light that it reflects to a floor in a white environment, against a texture of 256 columns.
    columns = (low[:3] + (np.arange(256) + 0.5)[:, None] / 256 * (high - low)[:3]).astype("f8")
    srgb_columns = np.where(columns <= 0.0031308, 12.92 * columns, 1.055 * columns ** (1 / 2.4) - 0.055)
    image = np.full((4, 256, 4), 255, "u1")
    image[..., :3] = np.rint(255 * srgb_columns)
    textured = make_wall(Material((0.5, 1.0, 0.8), albedo_texture=ImageTexture(image, clamp=(True, True))))
    floor_light = [render_floor_light(gpu, mesh, {"reference.max_bounces": 1}) for mesh in (coloured, textured)]
    assert floor_light[0].mean() > 0.1
    assert np.abs(floor_light[0] - floor_light[1]).max() < 0.01 * floor_light[0].max()


# ---- alpha masks -----------------------------------------------------------------------------------------------------


def make_masked_wall(kind: str) -> tuple[Mesh, Bools]:
    """A wall whose left half is masked by a texture, a texture and a factor, or vertex colours; and its right half."""
    pixels = np.full((8, 64, 4), 255, "u1")
    pixels[:, :32, 3] = 120
    if kind == "image":
        material = Material((0.5, 0.5, 0.5), albedo_texture=ImageTexture(pixels, clamp=(True, True)), alpha_cutoff=0.6)
    elif kind == "factor":
        pixels[:, :32, 3] = 170
        material = Material(
            (0.5, 0.5, 0.5), albedo_texture=ImageTexture(pixels, clamp=(True, True)), opacity=0.7, alpha_cutoff=0.6
        )
    else:
        material = Material((0.5, 0.5, 0.5), alpha_cutoff=0.5)
    colors = None
    if kind == "colours":
        colors = np.ones((4, 4), "f4")
        colors[:, 3] = corner_uvs(make_wall(GREY))[:, 0]  # 0 on the left, 1 on the right
    return make_wall(material, colors=colors), make_quad((0, 0, 0), (1, 0, 0), (1, 2, 0), (0, 2, 0), GREY)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["image", "factor", "colours"])
def test_alpha_mask_equals_missing_geometry(gpu: Gpu, kind: str) -> None:
    """For the camera, shadow maps and rays, a masked half is the same as a missing half."""
    masked, half_wall = make_masked_wall(kind)
    light = PunctualLight((0.3, 1.5, -1.5), (4.0, 4.0, 4.0))

    def render_all(mesh: Mesh) -> list[SmallRender]:
        with_light = make_scene(mesh, FLOOR, eye=(0.0, 3.0, 4.0), target=(0.0, 0.3, 0.3), lights=(light,))
        sunlit = replace(with_light, lights=())
        sun = {"sun.irradiance": 2.0, "sun.azimuth": 0.0, "sun.elevation": 40.0, "sun.angular_diameter": 0.0}
        return [
            render(gpu, with_light, BLACK_ENVIRONMENT),
            render(gpu, sunlit, BLACK_ENVIRONMENT | sun),
            render(gpu, sunlit, REFERENCE | {"accumulated_frames": 4}),
        ]

    masked_renders, half_renders = render_all(masked), render_all(half_wall)
    names = ("sun_and_lights", "sun_and_lights", "visibility")
    for a, b, name in zip(masked_renders, half_renders, names, strict=True):
        same = a.surface_mask & b.surface_mask & np.isclose(a.depth, b.depth, rtol=0, atol=1e-3)
        assert ((a.surface_mask | b.surface_mask) & ~same).sum() < 30  # one pixel along the edge
        x, y = np.broadcast_arrays(getattr(a, name), getattr(b, name))
        difference = np.abs(x - y).reshape(*same.shape, -1).max(-1)
        # measured below 0.01, at edges of shadows: a texel of the mask
        assert (difference[same] > 0.02 * float(y.max())).mean() < 0.02
    masked_render = masked_renders[0]
    floor = masked_render.surface_mask & (masked_render.position[..., 1] < 1e-3)
    assert (masked_render.sun_and_lights[floor] == 0).any(-1).mean() > 0.02, "the floor has a shadow"
    unmasked = render_all(replace(half_wall, positions=make_wall(GREY).positions))[0]
    assert (masked_render.sun_and_lights > unmasked.sun_and_lights + 0.05).any(-1).mean() > 0.02, (
        "the mask lets light pass"
    )


@pytest.mark.slow
def test_rays_pass_the_alpha_mask(gpu: Gpu) -> None:
    """Visibility in front of a half masked wall, against the solid angle of the other half."""
    masked, _ = make_masked_wall("image")
    p = render(
        gpu,
        make_scene(masked, FLOOR, eye=(0.0, 6.0, 3.0), target=(0.0, 0.0, 0.8), fov=30.0),
        REFERENCE | {"accumulated_frames": 8},
    )
    mask = p.surface_mask & (np.abs(p.position[..., 1]) < 1e-3) & (p.position[..., 2] > 0.1)
    exact = 1 - polygon_coverage(
        np.array([(0, 0, 0), (1, 0, 0), (1, 2, 0), (0, 2, 0)], "f8"), p.position[mask], np.array([0.0, 1.0, 0.0])
    )
    error = p.visibility[mask] - exact
    assert mask.sum() > 200 and exact.min() < 0.8
    # the edge of the mask is uncertain by a texel, 0.03 m
    assert (np.abs(error) < binomial_tolerance(exact, 128, 4.5) + 0.01).all()
    assert abs(error.mean()) < binomial_tolerance(0.85, 128 * int(mask.sum())) + 0.004


def test_no_alpha_mask_without_a_cutoff(gpu: Gpu) -> None:
    pixels = np.zeros((4, 4, 4), "u1")
    p = render(
        gpu,
        make_scene(
            make_wall(Material((0.5, 0.5, 0.5), albedo_texture=ImageTexture(pixels), opacity=0.1, f0=(0.04,) * 3))
        ),
    )
    assert p.surface_mask.mean() > 0.3


# ---- normal maps -----------------------------------------------------------------------------------------------------


def make_normal_mapped_scene(
    pixel: tuple[int, int, int],
    *,
    w: float = 1.0,
    mirrored: bool = False,
    scale: float = 1.0,
    back: bool = False,
    uv_set: int = 0,
) -> Scene:
    """The wall with a normal map of one texel value and tangents along u; mirrored: u runs to the left."""
    image = ImageTexture(np.full((4, 4, 4), (*pixel, 255), "u1"), uv_set)
    uvs = corner_uvs(make_wall(GREY)).copy()
    if mirrored:
        uvs[:, 0] = 1 - uvs[:, 0]
    tangents = np.tile(np.array([-1.0 if mirrored else 1.0, 0, 0, w], "f4"), (4, 1))
    normals = np.tile(np.array([0, 0, 1], "f4"), (4, 1))
    material = Material((0.5, 0.5, 0.5), normal_texture=image, normal_scale=scale)
    return make_scene(
        make_wall(material, uvs=uvs, tangents=tangents, normals=normals), eye=(0.3, 1.4, -3.2 if back else 3.2)
    )


@pytest.mark.parametrize("w", [1.0, -1.0])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_normal_map_formula(gpu: Gpu, w: float, mirrored: bool, back: bool, scale: float) -> None:
    """n = x t + y w (n x t) + z n."""
    pixel = (200, 90, 220)
    p = render(gpu, make_normal_mapped_scene(pixel, w=w, mirrored=mirrored, scale=scale, back=back))
    x, y, z = np.array(pixel) / 255 * 2 - 1
    t = -1.0 if mirrored else 1.0
    expected = np.array([scale * x * t, scale * y * w * t, z])  # n x t = (0, t, 0)
    expected *= (-1 if back else 1) / np.linalg.norm(expected)
    assert p.surface_mask.sum() > 500
    assert np.abs(p.normal[p.surface_mask] - expected).max() < 2 * HALF_FLOAT_ROUNDING
    result = render_all_frames(gpu, Shot().with_values(SMALL | UNLIT | {"scene": "materials"}))
    geometric_normal = gpu.read(result.inputs.gbuffer.geometric_normal)[..., :3]
    assert np.abs(geometric_normal[p.surface_mask] - (0, 0, -1 if back else 1)).max() < HALF_FLOAT_ROUNDING


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_neutral_normal_map_changes_nothing(gpu: Gpu, technique: str) -> None:
    """Except for the difference between 128 / 255 and 0.5."""
    values = {"technique": technique, "environment": "ramp-y", "sun.irradiance": 2.0}
    a, b = (
        render(gpu, make_normal_mapped_scene((128, 128, 255)), values),
        render(gpu, make_scene(make_wall(GREY), eye=(0.3, 1.4, 3.2)), values),
    )
    assert np.abs(a.normal - b.normal).max() < 0.006
    assert np.abs(a.radiance - b.radiance)[a.surface_mask].max() < 0.006


def make_normal_mapped_floor(material: Material) -> Mesh:
    """A floor of 100 x 100 m. Its texels of 0.3 m have random normals, up to 40 degrees from upright."""
    rng = np.random.default_rng(0)
    n = np.concatenate([rng.uniform(-0.6, 0.6, (16, 16, 2)), np.ones((16, 16, 1))], -1)
    pixels = np.full((16, 16, 4), 255, "u1")
    pixels[..., :3] = np.rint((n / np.linalg.norm(n, axis=-1, keepdims=True) + 1) / 2 * 255)
    material = replace(material, normal_texture=ImageTexture(pixels))
    floor = make_quad((-50, 0, 50), (50, 0, 50), (50, 0, -50), (-50, 0, -50), material)
    tangents, normals = np.tile(np.array([1, 0, 0, 1], "f4"), (4, 1)), np.tile(np.array([0, 1, 0], "f4"), (4, 1))
    return replace(floor, uvs=corner_uvs(floor) * np.float32(20), tangents=tangents, normals=normals)


@pytest.mark.slow
@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("albedo, f0", [(1.0, 0.0), (1.0, 0.04)])
def test_normal_mapped_plane_is_unoccluded(gpu: Gpu, technique: str, albedo: float, f0: float) -> None:
    """Directions below the surface's plane are mirrored, so a normal map causes no self-occlusion."""
    floor = make_normal_mapped_floor(Material((albedo,) * 3, f0=(f0,) * 3, roughness=0.5))
    p = render(
        gpu,
        Scene((floor,), (0.0, 4.0, 5.0), (0.0, 0.0, 0.0), 40.0),
        {"technique": technique, "accumulated_frames": 4 if technique == "reference" else 1},
    )
    assert p.normal[..., 1].std() > 0.02 and p.surface_mask.all()
    assert p.visibility.min() == 1.0 and not p.indirect.any()
    # Filtered normals are normalised again; the reference samples the specular lobe with few rays.
    assert np.abs(p.radiance - 1).max() < (0.15 if f0 and technique == "reference" else 2 * HALF_FLOAT_ROUNDING)
    assert abs(p.radiance.mean() - 1) < 0.004


WALL_X, RAY_LENGTH = 0.25, 1.0  # metres
# Technique and its parameters. Sectors of slices are not mirrored.
DIRECTION_TECHNIQUES: dict[str, dict[str, Any]] = {
    f"{name}, {visibility}": corner_shot(name, visibility=visibility, steps=48)
    for name in ("ssao", "ssdo")
    for visibility in ("ray-march", "single-sample")
}
DIRECTION_TECHNIQUES["reference"] = REFERENCE | {"reference.rays": 32, "reference.max_distance": RAY_LENGTH}


@pytest.mark.parametrize("turn", [0.0, 50.0, 90.0, 140.0, 180.0])
@pytest.mark.parametrize("name", DIRECTION_TECHNIQUES)
def test_directions_below_the_surface_see_what_their_mirror_images_see(gpu: Gpu, name: str, turn: float) -> None:
    """Visibility of a floor whose normals lean by 50 degrees, beside a wall: towards it, along it and away from it."""
    tilt, azimuth = np.radians(50.0), np.radians(turn)
    normal = np.array([np.sin(tilt) * np.cos(azimuth), np.cos(tilt), np.sin(tilt) * np.sin(azimuth)])
    floor = make_quad((-4, 0, 4), (4, 0, 4), (4, 0, -4), (-4, 0, -4), GREY)
    floor = replace(floor, normals=np.tile(normal.astype("f4"), (4, 1)))
    wall = make_quad((WALL_X, 0, -4), (WALL_X, 0, 4), (WALL_X, 2.5, 4), (WALL_X, 2.5, -4), GREY)
    scene = Scene((floor, wall), (-1.6, 2.6, 0.3), (0.0, 0.0, 0.0), 40.0)
    values = DIRECTION_TECHNIQUES[name] | {"width": 48, "height": 27, "accumulated_frames": 4}
    p = render(gpu, scene, values | {"scene": register_scene("materials", scene)})
    x, y, z = np.moveaxis(p.position, -1, 0)
    mask = p.surface_mask & (np.abs(y) < 1e-3) & (np.abs(z) < 0.3) & (x > WALL_X - 0.9) & (x < WALL_X - 0.1)
    assert mask.sum() > 50 and np.abs(p.normal[mask] - normal).max() < HALF_FLOAT_ROUNDING
    directions = cosine_directions(normal, 128)
    below = directions[:, 1] < 0
    towards_wall = directions[:, 0] > 1e-9
    assert below.mean() > 0.15

    def compute_visibility(is_counted: Bools) -> Doubles:
        """Of rays that end at the wall or at their length; with one point on each, of uniform distance."""
        distance = np.where(towards_wall & is_counted, 1 / np.maximum(directions[:, 0], 1e-9), np.inf)
        t = (WALL_X - x[mask])[:, None] * distance / RAY_LENGTH
        occlusion = np.clip(1 - t, 0, 1) if "single" in name else (t < 1).astype("f8")
        visibility: Doubles = 1 - occlusion.mean(1)
        return visibility

    # The wall is as high as any ray, so that a direction and its mirror image meet it at the same distance.
    expected = compute_visibility(np.ones(len(directions), bool))
    error = p.visibility[mask] - expected
    # As beside the wall of F2: measured 0.005, and 0.05 for the 128 rays of the reference.
    assert abs(error.mean()) < 0.007 and np.abs(error).max() < 0.06
    if turn <= 90:
        unmirrored = compute_visibility(~below)
        assert (unmirrored - expected).mean() > 0.01, "the test would notice"


# ---- overrides -------------------------------------------------------------------------------------------------------


def make_scene_of_all_materials() -> Scene:
    """Side by side: metal, a textured dielectric, an emitter, a masked sheet with a normal map."""
    pixels = make_checker()
    masked_pixels = make_checker()
    masked_pixels[:32, :, 3] = 0
    normal_map = ImageTexture(np.full((4, 4, 4), (200, 90, 220, 255), "u1"))
    normals, tangents = np.tile(np.array([0, 0, 1], "f4"), (4, 1)), np.tile(np.array([1, 0, 0, 1], "f4"), (4, 1))
    materials = [
        Material((1.0, 0.7, 0.3), metallic=1.0, roughness=0.4),
        Material(
            (0.2, 0.3, 0.6),
            f0=(0.04,) * 3,
            albedo_texture=ImageTexture(pixels),
            metallic_roughness_texture=ImageTexture(np.full((4, 4, 4), 128, "u1")),
        ),
        Material((0.1, 0.1, 0.1), emission=(2.0, 1.0, 0.5)),
        Material(
            (0.9, 0.2, 0.2),
            albedo_texture=ImageTexture(masked_pixels),
            alpha_cutoff=0.5,
            normal_texture=normal_map,
            occlusion_texture=ImageTexture(np.full((4, 4, 4), 100, "u1")),
        ),
    ]
    meshes = []
    for i, material in enumerate(materials):
        x = -1.6 + 0.8 * i
        mesh = make_quad((x, 0, 0), (x + 0.8, 0, 0), (x + 0.8, 2, 0), (x, 2, 0), material)
        meshes.append(replace(mesh, normals=normals, tangents=tangents))
    return make_scene(*meshes, eye=(0.0, 1.0, 4.0))


# ---- tinted emission -------------------------------------------------------------------------------------------------

TINTS = np.array([(0.25, 1.0, 0.5, 1.0), (1.0, 0.125, 0.25, 1.0)], "f4")  # of the triangles of a wall
SMALL_FLOOR = make_quad((-1, 0, 2), (1, 0, 2), (1, 0, 0), (-1, 0, 0), GREY)  # so that the walls are much of the scene
LAMP = Material((0.0, 0.0, 0.0), emission=(1.0, 2.0, 4.0))


def make_tinted_walls(is_tinted: bool, size: float = 1.0) -> tuple[Mesh, ...]:
    """Two triangles with vertex colours, which tint their emission or not."""
    wall = make_wall(replace(LAMP, has_tinted_emission=is_tinted))
    triangles = np.arange(6, dtype="i4").reshape(2, 3)
    return (
        replace(
            wall,
            positions=size * wall.positions[wall.triangles.ravel()],
            triangles=triangles,
            normals=None,
            uvs=None,
            colors=np.repeat(TINTS, 3, 0),
        ),
    )


def make_plain_walls(is_tinted: bool, size: float = 1.0) -> tuple[Mesh, ...]:
    """The same as two meshes that emit what the tinted triangles should."""
    (walls,) = make_tinted_walls(is_tinted, size)
    meshes = []
    for rows, tint in zip(walls.triangles, TINTS if is_tinted else np.ones((2, 4)), strict=True):
        r, g, b = (float(x) for x in LAMP.emission * tint[:3])
        triangle = replace(
            walls, positions=walls.positions[rows], triangles=walls.triangles[:1], colors=np.ones((3, 4), "f4")
        )
        meshes.append(replace(triangle, material=replace(LAMP, emission=(r, g, b))))
    return tuple(meshes)


@pytest.mark.slow
@pytest.mark.parametrize("is_tinted", [True, False])
@pytest.mark.parametrize("technique", Technique.known)
def test_tinted_emission(gpu: Gpu, technique: str, is_tinted: bool) -> None:
    """Vertex colours multiply the emission of materials that say so: seen directly, and in the light of a floor."""
    pictures = []
    for make in (make_tinted_walls, make_plain_walls):
        scene = make_scene(*make(is_tinted), SMALL_FLOOR, eye=(0.0, 1.5, 4.0), target=(0.0, 0.7, 0.0))
        pictures.append(render(gpu, scene, BLACK_ENVIRONMENT | {"technique": technique}))
    tinted, plain = pictures
    for one, other in ((tinted.emission, plain.emission), (tinted.radiance, plain.radiance)):
        np.testing.assert_allclose(one, other, rtol=2 * HALF_FLOAT_ROUNDING, atol=1e-6)
    ratio = tinted.emission[..., 0].max() / tinted.emission[..., 2].max()
    assert ratio == pytest.approx(0.5 if is_tinted else 0.25, rel=2 * HALF_FLOAT_ROUNDING)


@pytest.mark.slow
@pytest.mark.parametrize("is_tinted", [True, False])
@pytest.mark.parametrize("is_sampled", [True, False])
def test_rays_meet_tinted_emission(gpu: Gpu, is_sampled: bool, is_tinted: bool) -> None:
    """Found by any ray, and sampled, as emitters are that are a small part of the scene."""
    light = []
    for make in (make_tinted_walls, make_plain_walls):
        walls = make(is_tinted, 0.5 if is_sampled else 1.0)
        scene = make_scene(*walls, FLOOR if is_sampled else SMALL_FLOOR, eye=(0.0, 2.5, 2.0), target=(0.0, 0.0, 0.5))
        image = render(gpu, scene, REFERENCE | BLACK_ENVIRONMENT | {"accumulated_frames": 4})
        light.append(image.indirect[image.surface_mask & (image.position[..., 1] < 1e-3)])
    tinted, plain = light
    if is_sampled and is_tinted:  # other densities of samples
        difference = tinted - plain
        standard_error = difference.std(0) / np.sqrt(len(difference))
        assert (np.abs(difference.mean(0)) < 4 * standard_error).all()
        assert (standard_error < 0.02 * plain.mean(0)).all()
    else:
        np.testing.assert_allclose(tinted, plain, rtol=1e-5)
    assert plain.mean() > 0


TEXTURES = [f.name for f in fields(Material) if f.name.endswith("_texture")]
# The textures that each override removes from a surface without an alpha mask.
REMOVED_TEXTURES = {
    "full": set(),
    "diffuse": {"f0_texture", "metallic_roughness_texture"},
    **dict.fromkeys(("white", "clay"), set(TEXTURES) - {"emission_texture"}),
}


@pytest.mark.parametrize("name", TEXTURES)
def test_every_texture_is_counted_and_overridden(name: str) -> None:
    """It counts among the material's textures and in the scene's memory, and goes with the layer that it is of."""
    texture = ImageTexture(np.full((8, 8, 4), 100, "u1"))
    textured_field: dict[str, Any] = {name: texture}
    material = Material(emission=(1.0, 1.0, 1.0), f0=(0.05, 0.04, 0.03), **textured_field)
    assert material.textures == [texture]
    scene = Scene((make_wall(material),))
    assert scene.byte_size == Scene((make_wall(GREY),)).byte_size + texture.pixels.nbytes
    for material_override, removed in REMOVED_TEXTURES.items():
        overridden = override_materials(scene, material_override, occlusion_maps=True).meshes[0].material
        # An override that changes pixels keeps the texture only where opacity needs it.
        assert bool(overridden.textures) == (name not in removed), material_override
        assert overridden.has_specular == (material_override == "full"), material_override


@pytest.mark.parametrize("textures", ["none", "albedo", "f0", "both"])
def test_diffuse_override_keeps_the_colour_of_metals(textures: str) -> None:
    """Of those that are dielectrics of a high F0, as in specular-glossiness: albedo (1 - F0) + F0 in every texel."""
    rng = np.random.default_rng(4)
    albedo_pixels, f0_pixels = (rng.integers(0, 256, (8, 4, 4), "u1") for _ in range(2))
    albedo, f0 = np.array((0.1, 0.5, 0.0)), np.array((0.9, 0.25, 0.6))
    material = Material(
        (0.1, 0.5, 0.0),
        f0=(0.9, 0.25, 0.6),
        albedo_texture=ImageTexture(albedo_pixels) if textures in ("albedo", "both") else None,
        f0_texture=ImageTexture(f0_pixels) if textures in ("f0", "both") else None,
        alpha_cutoff=0.5,
    )

    def linearize(pixels: Bytes) -> Doubles:
        codes = pixels[..., :3].astype("f8") / 255
        return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)

    def override(m: Material) -> Material:
        return override_materials(Scene((make_wall(m),)), "diffuse", occlusion_maps=True).meshes[0].material

    overridden = override(material)
    assert not overridden.has_specular and overridden.f0_texture is None
    a = albedo * (linearize(albedo_pixels) if material.albedo_texture else 1)
    f = f0 * (linearize(f0_pixels) if material.f0_texture else 1)
    texture, actual = overridden.albedo_texture, np.array(overridden.albedo)
    if texture is not None:
        actual = actual * linearize(texture.pixels)
        alpha = albedo_pixels[..., 3] if material.albedo_texture else 255
        np.testing.assert_array_equal(texture.pixels[..., 3], np.broadcast_to(alpha, texture.pixels.shape[:2]))
    # A step of sRGB is 2.3 / 255 at most.
    np.testing.assert_allclose(actual, np.broadcast_to(a * (1 - f) + f, actual.shape), atol=1.2 / 255)
    plain = override(replace(material, f0=(0.08, 0.04, 0.04)))
    assert (plain.albedo, plain.albedo_texture) == (material.albedo, material.albedo_texture)
    if textures == "both":  # no texel of one lies on a texel of the other
        unlike = override(replace(material, f0_texture=ImageTexture(f0_pixels, clamp=(True, False))))
        assert (unlike.albedo, unlike.albedo_texture) == (material.albedo, material.albedo_texture)


def test_material_override(gpu: Gpu) -> None:
    overrides = ("full", "diffuse", "white", "clay")
    renders = {name: render(gpu, make_scene_of_all_materials(), {"material_override": name}) for name in overrides}
    full = renders["full"]
    strips = [
        full.surface_mask & (full.position[..., 0] > -1.55 + 0.8 * i) & (full.position[..., 0] < -0.85 + 0.8 * i)
        for i in range(4)
    ]
    assert all(s.sum() > 100 for s in strips)
    assert not full.albedo[strips[0]].any()
    assert (
        np.abs(renders["diffuse"].albedo[strips[0]] - (1.0, 0.7, 0.3)).max() < HALF_FLOAT_ROUNDING
    )  # the metal's colour
    assert np.array_equal(renders["diffuse"].normal, full.normal)
    for name, colour in (("white", WHITE_ALBEDO), ("clay", CLAY_ALBEDO)):
        p = renders[name]
        assert np.abs(p.albedo[p.surface_mask] - colour).max() < HALF_FLOAT_ROUNDING
        assert np.abs(p.normal[p.surface_mask] - (0, 0, 1)).max() < HALF_FLOAT_ROUNDING
    for p in renders.values():
        assert np.array_equal(p.depth, full.depth), "alpha masks stay"
        assert np.array_equal(p.emission, full.emission) and p.emission[strips[2]].min() > 0
    assert (~full.surface_mask & (np.abs(full.ray[..., 0] * 4 - 1.2) < 0.2)).any(), "the sheet's upper half is masked"
    diffuse = render_all_frames(
        gpu, Shot().with_values(SMALL | UNLIT | {"scene": "materials", "material_override": "diffuse"})
    )
    assert diffuse.inputs.gbuffer.specular is None and diffuse.inputs.direct_lighting.specular is None


def test_occlusion_maps(gpu: Gpu) -> None:
    """The AO map, by its strength, scales the light of the environment, not of the sun or emission."""
    image = ImageTexture(np.full((4, 4, 4), (100, 255, 255, 255), "u1"))
    sky, sun = (
        {"environment": "white", "sun.irradiance": 0.0},
        {"environment": "black", "sun.irradiance": 2.0, "sun.azimuth": 180.0},
    )
    for strength in (1.0, 0.5):
        emission = (0.25, 0.0, 0.0)
        with_map = make_scene(
            make_wall(
                Material((0.5, 0.5, 0.5), occlusion_texture=image, occlusion_strength=strength, emission=emission)
            )
        )
        without_map = render(gpu, make_scene(make_wall(Material((0.5, 0.5, 0.5), emission=emission))), sky)
        off, on = (render(gpu, with_map, sky | {"occlusion_maps": enabled}) for enabled in (False, True))
        assert np.array_equal(off.radiance, without_map.radiance)
        occlusion = 1 + strength * (100 / 255 - 1)
        expected = without_map.emission + occlusion * (without_map.radiance - without_map.emission)
        assert np.abs(on.radiance - expected)[on.surface_mask].max() < 2 * HALF_FLOAT_ROUNDING
        sunlit, sunlit_on = (render(gpu, with_map, sun | {"occlusion_maps": enabled}) for enabled in (False, True))
        assert sunlit.radiance[sunlit.surface_mask].max() > 0.2
        assert np.array_equal(sunlit.radiance, sunlit_on.radiance)


DIMMED_MATERIALS = {
    "diffuse": Material((0.6, 0.5, 0.4)),
    "dielectric": Material((0.5, 0.4, 0.3), f0=(0.04,) * 3, roughness=0.4),
    "metal": Material((0.9, 0.6, 0.3), metallic=1.0, roughness=0.3),
}
OCCLUSION = 100 / 255
OCCLUSION_IMAGE = ImageTexture(np.full((4, 4, 4), (100, 255, 255, 255), "u1"))
# Light of the environment, light that one surface sends to another, and both.
AMBIENT_LIGHT = {"environment": ("white", 0.0), "bounce": ("black", 1.0), "both": ("ramp-x", 1.0)}


@pytest.mark.parametrize("light", AMBIENT_LIGHT)
@pytest.mark.parametrize("technique", Technique.known)
def test_occlusion_maps_dim_every_kind_of_ambient_light(gpu: Gpu, technique: str, light: str) -> None:
    """Diffuse light and reflections, of the environment and of a bounce, are those without the map times its value."""
    environment, emission = AMBIENT_LIGHT[light]
    colour = (emission, 0.5 * emission, 0.25 * emission)
    side = make_quad((1, 0, 0), (1, 0, 2), (1, 2, 2), (1, 2, 0), Material((0.5, 0.5, 0.5), emission=colour))
    values = {"technique": technique, "environment": environment, "occlusion_maps": True, "width": 32, "height": 18}
    has_bounce = technique == "reference" or hasattr(Technique.by_name(technique), "bounce")
    for name, material in DIMMED_MATERIALS.items():
        plain, with_map = (
            render(gpu, make_scene(make_wall(m), side, eye=(-0.8, 1.0, 3.0)), values)
            for m in (material, replace(material, occlusion_texture=OCCLUSION_IMAGE))
        )
        wall = plain.surface_mask & (np.abs(plain.position[..., 2]) < 1e-3)
        assert wall.sum() > 200 and (plain.radiance[wall].max() > 0.05) == (environment != "black" or has_bounce), name
        expected = OCCLUSION * plain.radiance[wall]
        # Half floats: the map's value, and both images.
        np.testing.assert_allclose(with_map.radiance[wall], expected, 3 * HALF_FLOAT_ROUNDING, 1e-7, err_msg=name)


@pytest.mark.parametrize("name", DIMMED_MATERIALS)
def test_occlusion_maps_leave_sun_lights_and_emission(gpu: Gpu, name: str) -> None:
    """Also their reflections."""
    light = PunctualLight((0.5, 1.5, 1.0), (2.0, 1.0, 3.0))
    values = {"environment": "black", "sun.irradiance": 2.0, "sun.azimuth": 170.0, "occlusion_maps": True}
    for technique in ("off", "ssao", "ssdo"):
        plain, with_map = (
            render(gpu, make_scene(make_wall(m), lights=(light,)), values | {"technique": technique})
            for m in (
                replace(DIMMED_MATERIALS[name], emission=(0.25, 0.0, 0.5), occlusion_texture=image)
                for image in (None, OCCLUSION_IMAGE)
            )
        )
        assert (plain.radiance - plain.emission)[plain.surface_mask].max() > 0.05
        assert np.array_equal(plain.radiance, with_map.radiance)
