"""What a material may have besides: holes, colours at corners, second UVs, images that lie askew, bumps, one side only;
and what a shot makes of it.

Each is held against the same content written plainly: in the G-buffer and where a ray meets it. Tolerances: half floats
resolve 1 in 2048, 8-bit images 1 in 255.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from render_small import SMALL, Bools, Doubles, Probe, binomial, register, shoot
from ssdo.gpu.context import Gpu
from ssdo.render.pipeline import render_accumulated
from ssdo.render.shot import Shot
from ssdo.scene.model import CLAY, WHITE, Bytes, Floats, Image, Lamp, Material, Mesh, Scene
from ssdo.scene.modelling.shapes import quad
from ssdo.settings import Vec3
from test_reference import TRUE, seen

HALF = 1 / 2048
TECHNIQUES = ("off", "ssao", "ssdo", "reference")
BLACK, GREY = Material((0.0, 0.0, 0.0)), Material((0.5, 0.5, 0.5))
DARK: dict[str, Any] = {"environment": "black", "sun.irradiance": 0.0}
PLAIN: dict[str, Any] = {"technique": "off", "sun.irradiance": 0.0}


def wall(material: Material, **arrays: Any) -> Mesh:
    """2 x 2 m, facing +z, its image upright; with other arrays if they are given."""
    return replace(quad((-1, 0, 0), (1, 0, 0), (1, 2, 0), (-1, 2, 0), material), **arrays)


def before(*meshes: Mesh, **given: Any) -> Scene:
    """Seen straight on: the wall fills most of the picture."""
    view: dict[str, Any] = {"eye": (0.0, 1.0, 3.2), "target": (0.0, 1.0, 0.0), "fov": 38.0} | given
    return Scene(meshes, **view)


def drawn(gpu: Gpu, scene: Scene, values: dict[str, Any] | None = None) -> Probe:
    return shoot(gpu, PLAIN | {"scene": register("layers", lambda: scene)} | (values or {}))


def corner_uvs(mesh: Mesh) -> Floats:
    assert mesh.uvs is not None
    return mesh.uvs


def chequer(cells: int = 4, size: int = 64) -> Bytes:
    """(size, size, 4): cells of colours of their own, opaque."""
    rng = np.random.default_rng(3)
    found = np.full((size, size, 4), 255, "u1")
    found[..., :3] = np.kron(
        rng.integers(30, 255, (cells, cells, 3)), np.ones((size // cells, size // cells, 1))
    ).astype("u1")
    return found


def linear(srgb: npt.ArrayLike) -> Doubles:
    s = np.asarray(srgb, "f8") / 255
    found: Doubles = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
    return found


def same_texels(gpu: Gpu, one: Mesh, other: Mesh) -> None:
    """In the G-buffer, and on a floor before the wall, which shines: its light comes back as rays find it."""
    a, b = (drawn(gpu, before(mesh)) for mesh in (one, other))
    apart = np.abs(a.albedo - b.albedo).max(-1) + np.abs(a.emission - b.emission).max(-1)
    assert (apart[a.surface] > 0.01).mean() < 0.04  # where cells meet, coordinates are rounded differently
    assert a.surface.mean() > 0.3 and a.albedo[a.surface].std() + a.emission[a.surface].std() > 0.05
    seen_by_rays = []
    for mesh in (one, other):
        m = mesh.material
        shining = (
            replace(m, albedo=(0.0, 0.0, 0.0), emission=m.albedo, emission_image=m.albedo_image)
            if not any(m.emission)
            else m
        )
        ground = quad((-1, 0, 0.02), (-1, 0, 2), (1, 0, 2), (1, 0, 0.02), BLACK)
        scene = before(replace(mesh, material=shining), ground, eye=(0.0, 2.5, 2.0), target=(0.0, 0.0, 0.5))
        p = drawn(gpu, scene, TRUE | DARK | {"accumulated_frames": 2})
        seen_by_rays.append(p.indirect[p.surface & (p.position[..., 1] < 1e-3)])
    assert seen_by_rays[0].mean() > 0.01
    # the same 32 rays; where cells meet one of them may see the other cell
    apart = np.abs(seen_by_rays[0] - seen_by_rays[1])
    assert apart.max() < 0.05 * seen_by_rays[0].max() and apart.mean() < 0.002 * seen_by_rays[0].max()


@pytest.mark.parametrize("emits", [False, True])
@pytest.mark.parametrize("how", ["second uvs", "offset", "scale", "rotation", "all"])
def test_images_lie_as_they_are_told(gpu: Gpu, how: str, emits: bool) -> None:
    """Transforms and second UVs against the same coordinates written at the corners."""
    c, s = np.cos(0.7), np.sin(0.7)
    rows: dict[str, tuple[Vec3, Vec3]] = {
        "second uvs": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        "offset": ((1.0, 0.0, 0.3), (0.0, 1.0, -0.2)),
        "scale": ((2.0, 0.0, 0.0), (0.0, 0.5, 0.0)),
        "rotation": ((float(c), float(s), 0.0), (float(-s), float(c), 0.0)),
        "all": ((float(1.5 * c), float(0.7 * s), 0.3), (float(-1.5 * s), float(0.7 * c), -0.2)),
    }
    image = Image(chequer(), 1 if how in ("second uvs", "all") else 0, rows[how])
    base = corner_uvs(wall(GREY))
    own = base + np.float32(0.125) if image.uv_set else base
    uvs = (np.concatenate([own, np.ones((4, 1), "f4")], 1) @ np.array(rows[how], "f4").T).astype("f4")

    def made(image: Image) -> Material:
        return (
            Material((0.0, 0.0, 0.0), emission=(0.9, 0.8, 0.7), emission_image=image)
            if emits
            else Material((0.9, 0.8, 0.7), albedo_image=image)
        )

    asked = wall(made(image), uvs2=own if image.uv_set else None, uvs=np.zeros_like(base) if image.uv_set else base)
    same_texels(gpu, asked, wall(made(Image(image.pixels)), uvs=uvs))


@pytest.mark.parametrize("clamp", [(False, False), (True, False), (False, True), (True, True)])
def test_images_end_or_begin_again(gpu: Gpu, clamp: tuple[bool, bool]) -> None:
    """Three by three of them, against a picture in which that is painted."""
    pixels, uvs = chequer(), corner_uvs(wall(GREY)) * np.float32(3) - np.float32(1)
    index = np.arange(3 * 64) - 64
    u, v = (np.clip(index, 0, 63) if end else index % 64 for end in clamp)
    painted = np.ascontiguousarray(pixels[v][:, u])
    one = wall(Material((1.0, 1.0, 1.0), albedo_image=Image(pixels, clamp=clamp)), uvs=uvs)
    same_texels(gpu, one, wall(Material((1.0, 1.0, 1.0), albedo_image=Image(painted))))


def test_colours_at_corners_multiply_in_linear_light(gpu: Gpu) -> None:
    """Across the wall from one colour to another, against the image that shows it; at a hit too."""
    low, high = np.array([0.1, 0.8, 0.3, 1.0], "f4"), np.array([0.9, 0.2, 0.6, 1.0], "f4")
    uvs = corner_uvs(wall(GREY))
    colors = np.where(uvs[:, :1] > 0.5, high, low).astype("f4")
    p = drawn(gpu, before(wall(Material((0.5, 1.0, 0.8)), colors=colors)))
    share = (p.position[..., 0] + 1)[..., None] / 2
    exact = np.array((0.5, 1.0, 0.8)) * ((1 - share) * low[:3] + share * high[:3])
    assert np.abs(p.albedo - exact)[p.surface].max() < 2 * HALF
    # Its light on a floor before it, in a white environment: with albedo as painted the same as with a picture of 256
    # columns.
    columns = (low[:3] + (np.arange(256) + 0.5)[:, None] / 256 * (high - low)[:3]).astype("f8")
    stored = np.where(columns <= 0.0031308, 12.92 * columns, 1.055 * columns ** (1 / 2.4) - 0.055)
    image = np.full((4, 256, 4), 255, "u1")
    image[..., :3] = np.rint(255 * stored)
    found = []
    ground = quad((-1, 0, 0.02), (-1, 0, 2), (1, 0, 2), (1, 0, 0.02), BLACK)
    for mesh in (
        wall(Material((0.5, 1.0, 0.8)), colors=colors),
        wall(Material((0.5, 1.0, 0.8), albedo_image=Image(image, clamp=(True, True)))),
    ):
        scene = before(mesh, ground, eye=(0.0, 2.5, 2.0), target=(0.0, 0.0, 0.5))
        q = drawn(gpu, scene, TRUE | {"reference.max_bounces": 1})
        found.append(q.indirect[q.surface & (q.position[..., 1] < 1e-3)])
    assert found[0].mean() > 0.1 and np.abs(found[0] - found[1]).max() < 0.01 * found[0].max()


# ---- holes ----------------------------------------------------------------------------------------------------------------


def fence(kind: str) -> tuple[Mesh, Bools]:
    """A wall whose left half is a hole, by an image's opacity, a factor times it, or the colours of its corners; and
    the same without that half.
    """
    pixels = np.full((8, 64, 4), 255, "u1")
    pixels[:, :32, 3] = 120
    if kind == "image":
        material = Material((0.5, 0.5, 0.5), albedo_image=Image(pixels, clamp=(True, True)), cutoff=0.6)
    elif kind == "factor":
        pixels[:, :32, 3] = 170
        material = Material((0.5, 0.5, 0.5), albedo_image=Image(pixels, clamp=(True, True)), opacity=0.7, cutoff=0.6)
    else:
        material = Material((0.5, 0.5, 0.5), cutoff=0.5)
    colors = None
    if kind == "colours":
        colors = np.ones((4, 4), "f4")
        colors[:, 3] = corner_uvs(wall(GREY))[:, 0]  # 0 at the left, 1 at the right
    return wall(material, colors=colors), quad((0, 0, 0), (1, 0, 0), (1, 2, 0), (0, 2, 0), GREY)


@pytest.mark.parametrize("kind", ["image", "factor", "colours"])
def test_a_hole_is_a_hole(gpu: Gpu, kind: str) -> None:
    """To the camera, to the sun, to a lamp, and to rays: as if that half were not there."""
    ground = quad((-3, 0, 3), (3, 0, 3), (3, 0, -3), (-3, 0, -3), GREY)
    holed, cut = fence(kind)
    lamp = Lamp((0.3, 1.5, -1.5), (4.0, 4.0, 4.0))

    def pictures(mesh: Mesh) -> list[Probe]:
        scene = before(mesh, ground, eye=(0.0, 3.0, 4.0), target=(0.0, 0.3, 0.3), lamps=(lamp,))
        sunlit = before(mesh, ground, eye=(0.0, 3.0, 4.0), target=(0.0, 0.3, 0.3))
        sun = {"sun.irradiance": 2.0, "sun.azimuth": 0.0, "sun.elevation": 40.0, "sun.angular_diameter": 0.0}
        return [
            drawn(gpu, scene, DARK),
            drawn(gpu, sunlit, DARK | sun),
            drawn(gpu, sunlit, TRUE | {"accumulated_frames": 4}),
        ]

    for (a, b), field in zip(zip(pictures(holed), pictures(cut), strict=True), ("sun", "sun", "open"), strict=True):
        same = a.surface & b.surface & np.isclose(a.depth, b.depth, rtol=0, atol=1e-3)
        assert ((a.surface | b.surface) & ~same).sum() < 30  # along the edge, within a pixel
        x, y = np.broadcast_arrays(getattr(a, field), getattr(b, field))
        apart = np.abs(x - y).reshape(*same.shape, -1).max(-1)
        # measured below 0.01: shadows' edges, a texel of the image
        assert (apart[same] > 0.02 * float(y.max())).mean() < 0.02
    lit = pictures(holed)[0]
    assert (lit.sun[lit.surface & (lit.position[..., 1] < 1e-3)] == 0).any(-1).mean() > 0.02  # there is a shadow, and
    solid = drawn(
        gpu,
        before(
            replace(cut, positions=wall(GREY).positions),
            ground,
            eye=(0.0, 3.0, 4.0),
            target=(0.0, 0.3, 0.3),
            lamps=(lamp,),
        ),
        DARK,
    )
    assert (lit.sun > solid.sun + 0.05).any(-1).mean() > 0.02  # light through the hole


def test_rays_pass_a_hole(gpu: Gpu) -> None:
    """The open share before a fence of which a half is a hole, against the solid angle of the other half."""
    ground = quad((-3, 0, 3), (3, 0, 3), (3, 0, -3), (-3, 0, -3), GREY)
    holed, _ = fence("image")
    p = drawn(
        gpu,
        before(holed, ground, eye=(0.0, 6.0, 3.0), target=(0.0, 0.0, 0.8), fov=30.0),
        TRUE | {"accumulated_frames": 8},
    )
    where = p.surface & (np.abs(p.position[..., 1]) < 1e-3) & (p.position[..., 2] > 0.1)
    exact = 1 - seen(
        np.array([(0, 0, 0), (1, 0, 0), (1, 2, 0), (0, 2, 0)], "f8"), p.position[where], np.array([0.0, 1.0, 0.0])
    )
    error = p.open[where] - exact
    assert where.sum() > 200 and exact.min() < 0.8
    assert (np.abs(error) < binomial(exact, 128, 4.5) + 0.01).all()  # the image's edge lies within a texel of 0.03 m
    assert abs(error.mean()) < binomial(0.85, 128 * int(where.sum())) + 0.004


def test_without_a_cutoff_nothing_is_a_hole(gpu: Gpu) -> None:
    pixels = np.zeros((4, 4, 4), "u1")
    p = drawn(gpu, before(wall(Material((0.5, 0.5, 0.5), albedo_image=Image(pixels), opacity=0.1, reflectance=0.04))))
    assert p.surface.mean() > 0.3


# ---- sides and bumps --------------------------------------------------------------------------------------------------------


def test_one_sided_surfaces_vanish_from_behind(gpu: Gpu) -> None:
    """For the camera; sun, lamps and rays meet them."""
    ground = quad((-3, 0, 3), (3, 0, 3), (3, 0, -3), (-3, 0, -3), GREY)
    lamp = Lamp((0.3, 1.5, -1.5), (4.0, 4.0, 4.0))
    sun = {"sun.irradiance": 2.0, "sun.azimuth": 0.0, "sun.elevation": 40.0}
    for side, eye in ((1, (0.0, 3.0, 4.0)), (-1, (0.0, 3.0, -4.0))):
        found = []
        for two in (True, False):
            scene = before(wall(replace(GREY, two_sided=two)), ground, eye=eye, target=(0.0, 0.3, 0.0), lamps=(lamp,))
            found.append((drawn(gpu, scene, sun | DARK | {"sun.irradiance": 2.0}), drawn(gpu, scene, TRUE)))
        (both, traced), (one, traced_one) = found
        upright = both.surface & (np.abs(both.position[..., 2]) < 1e-3) & (both.position[..., 1] > 1e-2)
        assert upright.sum() > 50
        if side == 1:
            assert np.array_equal(both.depth, one.depth)
        else:
            assert (one.depth[upright] > both.depth[upright]).all()
        rest = both.surface & ~upright & (both.depth == one.depth)
        assert (
            rest.sum() > 300
            and np.array_equal(both.sun[rest], one.sun[rest])
            and np.array_equal(traced.open[rest], traced_one.open[rest])
        )


def bumpy(
    pixel: tuple[int, int, int],
    *,
    w: float = 1.0,
    mirrored: bool = False,
    scale: float = 1.0,
    back: bool = False,
    set_of: int = 0,
) -> Scene:
    """The wall with one normal everywhere, tangents along its u; mirrored: u runs to the left."""
    image = Image(np.full((4, 4, 4), (*pixel, 255), "u1"), set_of)
    uvs = corner_uvs(wall(GREY)).copy()
    if mirrored:
        uvs[:, 0] = 1 - uvs[:, 0]
    tangents = np.tile(np.array([-1.0 if mirrored else 1.0, 0, 0, w], "f4"), (4, 1))
    normals = np.tile(np.array([0, 0, 1], "f4"), (4, 1))
    material = Material((0.5, 0.5, 0.5), normal_image=image, normal_scale=scale)
    return before(wall(material, uvs=uvs, tangents=tangents, normals=normals), eye=(0.3, 1.4, -3.2 if back else 3.2))


@pytest.mark.parametrize("w", [1.0, -1.0])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_bumps_turn_the_normal(gpu: Gpu, w: float, mirrored: bool, back: bool, scale: float) -> None:
    """n = x t + y w (n x t) + z n, by hand."""
    pixel = (200, 90, 220)
    p = drawn(gpu, bumpy(pixel, w=w, mirrored=mirrored, scale=scale, back=back))
    x, y, z = np.array(pixel) / 255 * 2 - 1
    t = -1.0 if mirrored else 1.0
    exact = np.array([scale * x * t, scale * y * w * t, z])  # n x t = (0, t, 0)
    exact *= (-1 if back else 1) / np.linalg.norm(exact)
    assert p.surface.sum() > 500
    assert np.abs(p.normal[p.surface] - exact).max() < 2 * HALF
    flat = gpu.read(render_accumulated(gpu, Shot().with_values(SMALL | PLAIN | {"scene": "layers"})).view.gbuffer.flat)[
        ..., :3
    ]
    assert np.abs(flat[p.surface] - (0, 0, -1 if back else 1)).max() < HALF


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_flat_normal_image_changes_nothing(gpu: Gpu, technique: str) -> None:
    """But what 128 of 255 is beside a half."""
    values = {"technique": technique, "environment": "ramp-y", "sun.irradiance": 2.0}
    a, b = drawn(gpu, bumpy((128, 128, 255)), values), drawn(gpu, before(wall(GREY), eye=(0.3, 1.4, 3.2)), values)
    assert np.abs(a.normal - b.normal).max() < 0.006
    assert np.abs(a.radiance - b.radiance)[a.surface].max() < 0.006


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("albedo, reflectance", [(1.0, 0.0), (1.0, 0.04)])
def test_a_bumpy_plane_alone_is_open(gpu: Gpu, technique: str, albedo: float, reflectance: float) -> None:
    """Bumps hide nothing from one another: what a direction of theirs would meet is their own plane, which is not
    there.
    """
    rng = np.random.default_rng(0)
    n = np.concatenate([rng.uniform(-0.6, 0.6, (16, 16, 2)), np.ones((16, 16, 1))], -1)
    pixels = np.full((16, 16, 4), 255, "u1")
    pixels[..., :3] = np.rint((n / np.linalg.norm(n, axis=-1, keepdims=True) + 1) / 2 * 255)
    material = Material((albedo,) * 3, normal_image=Image(pixels), reflectance=reflectance, roughness=0.5)
    floor = quad((-50, 0, 50), (50, 0, 50), (50, 0, -50), (-50, 0, -50), material)
    tangents, normals = np.tile(np.array([1, 0, 0, 1], "f4"), (4, 1)), np.tile(np.array([0, 1, 0], "f4"), (4, 1))
    floor = replace(floor, uvs=corner_uvs(floor) * np.float32(20), tangents=tangents, normals=normals)
    p = drawn(
        gpu,
        Scene((floor,), (0.0, 4.0, 5.0), (0.0, 0.0, 0.0), 40.0),
        {"technique": technique, "accumulated_frames": 4 if technique == "reference" else 1},
    )
    assert p.normal[..., 1].std() > 0.02 and p.surface.all()
    assert p.open.min() == 1.0 and not p.indirect.any()
    # Normals leave their texture shorter than 1 and are made unit again; the reference's lobe is a few rays.
    assert np.abs(p.radiance - 1).max() < (0.15 if reflectance and technique == "reference" else 2 * HALF)
    assert abs(p.radiance.mean() - 1) < 0.004


# ---- overrides ----------------------------------------------------------------------------------------------------------------


def everything() -> Scene:
    """Side by side: painted metal, lacquer, a lamp of paper, a holed sheet with bumps."""
    pixels = chequer()
    holed = chequer()
    holed[:32, :, 3] = 0
    bumps = Image(np.full((4, 4, 4), (200, 90, 220, 255), "u1"))
    normals, tangents = np.tile(np.array([0, 0, 1], "f4"), (4, 1)), np.tile(np.array([1, 0, 0, 1], "f4"), (4, 1))
    paints = [
        Material((1.0, 0.7, 0.3), metallic=1.0, roughness=0.4),
        Material(
            (0.2, 0.3, 0.6),
            reflectance=0.04,
            albedo_image=Image(pixels),
            surface_image=Image(np.full((4, 4, 4), 128, "u1")),
        ),
        Material((0.1, 0.1, 0.1), emission=(2.0, 1.0, 0.5)),
        Material(
            (0.9, 0.2, 0.2),
            albedo_image=Image(holed),
            cutoff=0.5,
            normal_image=bumps,
            occlusion_image=Image(np.full((4, 4, 4), 100, "u1")),
        ),
    ]
    meshes = []
    for i, paint in enumerate(paints):
        x = -1.6 + 0.8 * i
        mesh = quad((x, 0, 0), (x + 0.8, 0, 0), (x + 0.8, 2, 0), (x, 2, 0), paint)
        meshes.append(replace(mesh, normals=normals, tangents=tangents))
    return before(*meshes, eye=(0.0, 1.0, 4.0))


def test_what_a_shot_makes_of_materials(gpu: Gpu) -> None:
    found = {
        name: drawn(gpu, everything(), {"material_override": name}) for name in ("full", "diffuse", "white", "clay")
    }
    full = found["full"]
    strips = [
        full.surface & (full.position[..., 0] > -1.55 + 0.8 * i) & (full.position[..., 0] < -0.85 + 0.8 * i)
        for i in range(4)
    ]
    assert all(s.sum() > 100 for s in strips)
    assert not full.albedo[strips[0]].any()
    assert np.abs(found["diffuse"].albedo[strips[0]] - (1.0, 0.7, 0.3)).max() < HALF  # of a metal the colour stays
    assert np.array_equal(found["diffuse"].normal, full.normal)  # and bumps
    for name, colour in (("white", WHITE), ("clay", CLAY)):
        p = found[name]
        assert np.abs(p.albedo[p.surface] - colour).max() < HALF
        assert np.abs(p.normal[p.surface] - (0, 0, 1)).max() < HALF
    for p in found.values():
        assert np.array_equal(p.depth, full.depth), "holes stay"
        assert np.array_equal(p.emission, full.emission) and p.emission[strips[2]].min() > 0
    upper = ~full.surface & (np.abs(full.ray[..., 0] * 4 - 1.2) < 0.2)
    assert upper.any()
    diffuse = render_accumulated(gpu, Shot().with_values(SMALL | PLAIN | {"scene": "layers", "material": "diffuse"}))
    assert diffuse.view.gbuffer.gloss is None and diffuse.view.direct_specular is None


def test_occlusion_images_count_when_asked_for(gpu: Gpu) -> None:
    """r of the image, by its strength, of light from everywhere; neither of the sun, nor of what shines."""
    image = Image(np.full((4, 4, 4), (100, 255, 255, 255), "u1"))
    sky, sun = (
        {"environment": "white", "sun.irradiance": 0.0},
        {"environment": "black", "sun.irradiance": 2.0, "sun.azimuth": 180.0},
    )
    for strength in (1.0, 0.5):
        dimmed = before(
            wall(
                Material((0.5, 0.5, 0.5), occlusion_image=image, occlusion_strength=strength, emission=(0.25, 0.0, 0.0))
            )
        )
        plain = drawn(gpu, before(wall(Material((0.5, 0.5, 0.5), emission=(0.25, 0.0, 0.0)))), sky)
        off, on = (drawn(gpu, dimmed, sky | {"occlusion_maps": k}) for k in (False, True))
        assert np.array_equal(off.radiance, plain.radiance)
        share = 1 + strength * (100 / 255 - 1)
        exact = plain.emission + share * (plain.radiance - plain.emission)
        assert np.abs(on.radiance - exact)[on.surface].max() < 2 * HALF
        lit, lit_on = (drawn(gpu, dimmed, sun | {"occlusion_maps": k}) for k in (False, True))
        assert lit.radiance[lit.surface].max() > 0.2 and np.array_equal(lit.radiance, lit_on.radiance)
