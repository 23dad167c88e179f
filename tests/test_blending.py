"""Blended surfaces against exact compositing: in pictures, in shadows and along rays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from render_small import SmallRender, binomial_tolerance, register_scene, render_small
from ssdo.arrays import Doubles
from ssdo.gpu.context import Gpu
from ssdo.render.pipeline import composite_lighting, load_shot, prepare_frame, render_all_frames, render_frame
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.scene.model import (
    MIN_OPAQUE_ALPHA,
    Blending,
    Ground,
    ImageTexture,
    Material,
    Mesh,
    PunctualLight,
    Scene,
    override_materials,
)
from ssdo.scene.modelling.shapes import make_box, make_quad
from ssdo.settings import Vec3
from ssdo.srgb import LINEAR_VALUES
from test_specular import DFG_INTERPOLATION_ERROR

BLACK: Vec3 = (0.0, 0.0, 0.0)
WHITE: Vec3 = (1.0, 1.0, 1.0)
FACING: dict[str, Any] = {"width": 16, "height": 12, "technique": "off", "environment": "white"}
HALF_FLOAT = 2e-3  # relative: radiance and transmittance of a layer are rounded to 11 bits
OPACITIES = (0.1, 0.25, 0.5, 0.75, 0.9)
MAX_LAYERS = 6  # as README.md says


def make_pane(distance: float, opacity: float, blending: Blending = "alpha", **fields: Any) -> Mesh:
    """A pane that fills the view of a camera at the origin that looks along -z."""
    material = Material(opacity=opacity, alpha_cutoff=MIN_OPAQUE_ALPHA, blending=blending, **fields)
    return make_wall(distance, material)


def make_wall(distance: float, material: Material) -> Mesh:
    w = 2 * distance
    corners = (-w, -w, -distance), (w, -w, -distance), (w, w, -distance), (-w, w, -distance)
    return make_quad(*corners, material)


def facing(*meshes: Mesh) -> str:
    return register_scene("facing panes", Scene(meshes, BLACK, (0.0, 0.0, -1.0)))


def compose(panes: list[tuple[float, float, Vec3]], background: float) -> Doubles:
    """(3,) radiance behind panes of (distance, opacity, emission): those nearest first (Porter, Duff 1984)."""
    radiance, transmittance = np.zeros(3), 1.0
    for _, opacity, emission in sorted(panes):
        radiance += transmittance * opacity * np.array(emission)
        transmittance *= 1 - opacity
    return radiance + transmittance * background


@pytest.mark.parametrize("count", [1, 2, 3, MAX_LAYERS])
def test_panes_are_composited_by_distance_not_by_order(gpu: Gpu, count: int) -> None:
    """Each is a mesh of its own, or all are one mesh."""
    rng = np.random.default_rng(count)
    for is_joined in (False, True):
        distances = rng.permutation(np.linspace(1, 1.1, count))
        panes = [(d, float(rng.uniform(0.1, 0.9)), tuple(rng.uniform(0, 2, 3))) for d in distances]
        if is_joined:
            panes = [(d, 0.4, (0.3, 0.6, 0.9)) for d in distances]
        meshes = [make_pane(d, opacity, albedo=BLACK, emission=emission) for d, opacity, emission in panes]
        if is_joined:
            positions = np.concatenate([m.positions for m in meshes])
            triangles = np.concatenate([m.triangles + len(meshes[0].positions) * i for i, m in enumerate(meshes)])
            meshes = [replace(meshes[0], positions=positions, triangles=triangles, normals=None, uvs=None)]
        p = render_small(gpu, FACING | {"scene": facing(*meshes)})
        assert p.radiance == pytest.approx(np.broadcast_to(compose(panes, 1.0), p.radiance.shape), rel=HALF_FLOAT)


def test_panes_behind_the_last_layer_are_left_out(gpu: Gpu) -> None:
    """Those of opacity 0 do not count."""
    panes = [(1 + 0.01 * i, 0.5, (1.0, 2.0, 3.0)) for i in range(MAX_LAYERS + 2)]
    meshes = [make_pane(d, opacity, albedo=BLACK, emission=emission) for d, opacity, emission in panes]
    meshes += [make_pane(0.5 + 0.01 * i, 0.0, albedo=BLACK, emission=WHITE) for i in range(MAX_LAYERS)]
    p = render_small(gpu, FACING | {"scene": facing(*meshes)})
    expected = np.broadcast_to(compose(panes[:MAX_LAYERS], 1.0), p.radiance.shape)
    assert p.radiance == pytest.approx(expected, rel=HALF_FLOAT)


@pytest.mark.parametrize("technique", Technique.known)
def test_every_technique_shows_the_same_blended_surface(gpu: Gpu, technique: str) -> None:
    """It is composited over what is seen without it, as it neither occludes nor is occluded on the screen."""
    values = FACING | {"technique": technique}
    wall = make_wall(2.0, Material((0.5, 0.4, 0.3)))
    box = make_box((-0.5, -0.5, -2.0), (0.5, 0.5, -1.5), Material((0.5, 0.5, 0.5)))
    back = make_box((-4.0, -4.0, 0.0), (4.0, 4.0, 0.1))  # the pane is within the bounds, which default lengths follow
    opacity, emission = 0.3, (0.5, 0.25, 1.0)
    without = render_small(gpu, values | {"scene": facing(wall, box, back)})
    pane = make_pane(0.05, opacity, albedo=BLACK, emission=emission)
    p = render_small(gpu, values | {"scene": facing(wall, box, back, pane)})
    if technique != "reference":  # whose rays from the wall hit the pane
        expected = opacity * np.array(emission) + (1 - opacity) * without.radiance
        assert p.radiance == pytest.approx(expected, rel=HALF_FLOAT)
    assert np.abs(p.radiance - without.radiance).max(-1).min() > 0.01
    assert (p.depth == without.depth).all()  # the G-buffer is that of the opaque surfaces


def render_opaque_and_blended(
    gpu: Gpu, values: dict[str, Any], material: Material, *others: Mesh, **fields: Any
) -> list[SmallRender]:
    """A tilted pane in a part of the picture: absent, opaque, and of opacity 0.5."""
    pane = make_quad((-0.4, -0.3, -1.2), (0.2, -0.3, -0.9), (0.2, 0.2, -1.0), (-0.4, 0.2, -1.3))
    blended = replace(material, opacity=0.5, alpha_cutoff=MIN_OPAQUE_ALPHA, blending="alpha")
    pictures = []
    for meshes in ((), (replace(pane, material=material),), (replace(pane, material=blended),)):
        scene = Scene((*others, *meshes), BLACK, (0.0, 0.0, -1.0), **fields)
        pictures.append(render_small(gpu, FACING | values | {"scene": register_scene("pane", scene)}))
    return pictures


@pytest.mark.parametrize("light", ["sun", "spot", "environment", "all"])
def test_a_pane_is_lit_as_an_opaque_surface(gpu: Gpu, light: str) -> None:
    """The surface behind it keeps its own light. Shadows fall beside the picture."""
    spot = PunctualLight((-2.0, 0.3, -0.2), (9.0, 7.0, 5.0), (0.8, 0.0, -0.6), 60.0, 70.0)
    values: dict[str, Any] = {"sun.azimuth": 250.0, "sun.elevation": 5.0, "environment": "black"}
    values |= {"sun.irradiance": 3.0} if light in ("sun", "all") else {"sun.irradiance": 0.0}
    values |= {"environment": "sky"} if light in ("environment", "all") else {}
    wall = make_wall(3.0, Material((0.5, 0.4, 0.3), f0=(0.1, 0.2, 0.3), roughness=0.5))
    fields = {"lights": (spot,) if light in ("spot", "all") else ()}
    for f0 in (0.0, 0.5):
        material = Material((0.3, 0.5, 0.7), f0=(f0, f0, f0), roughness=0.4)
        others = (wall if f0 else replace(wall, material=Material((0.5, 0.4, 0.3))),)
        absent, opaque, blended = render_opaque_and_blended(gpu, values, material, *others, **fields)
        is_pane = opaque.depth < 2
        assert 20 < is_pane.sum() < is_pane.size / 2 and absent.radiance.min() > 0.005
        assert np.abs(opaque.radiance - absent.radiance)[is_pane].max(-1).min() > 0.01
        assert (opaque.radiance == absent.radiance)[~is_pane].all(), "a shadow is in the picture"
        expected = (opaque.radiance + absent.radiance) / 2
        assert blended.radiance == pytest.approx(expected, rel=HALF_FLOAT)


@pytest.mark.parametrize(
    "settings",
    [
        {"guard_band.size": 0.3},
        {"lighting.resolution": "half"},
        {"accumulated_frames": 3},
        {"antialias": 3},
        {"temporal.history_length": 4},
        {"denoise.radius": 4},
        {"low_memory": True},
        {"camera.roll": 30.0},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_panes_are_blended_however_a_frame_is_drawn(
    gpu: Gpu, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pixel by pixel the mean of the picture without a pane and that of an opaque one."""
    # Nothing is within the radius: every pixel of the wall has the light of the whole sky.
    values = {"technique": "ssdo", "ssdo.radius": 0.05, "ssdo.samples": 4, **settings}
    monkeypatch.setattr(gpu, "low_memory", values.pop("low_memory", False))
    wall = make_wall(3.0, Material((0.5, 0.4, 0.3)))
    material = Material(BLACK, emission=(3.0, 2.0, 1.0))
    absent, opaque, blended = render_opaque_and_blended(gpu, values, material, wall)
    assert (absent.radiance == absent.radiance[0, 0]).all() and (opaque.radiance != absent.radiance).any()
    assert blended.radiance == pytest.approx((opaque.radiance + absent.radiance) / 2, rel=HALF_FLOAT)


def test_techniques_share_the_panes_of_a_prepared_frame(gpu: Gpu) -> None:
    """So do references that come from the cache."""
    scene = facing(make_wall(2.0, Material((0.5, 0.4, 0.3))), make_pane(1.0, 0.5, emission=(1.0, 2.0, 3.0)))
    shots = [Shot().with_values(FACING | {"scene": scene, "technique": name}) for name in ("ssdo", "off", "ssao")]
    expected = [gpu.read(render_all_frames(gpu, shot).radiance) for shot in shots]
    prepared = prepare_frame(gpu, load_shot(shots[0]))
    for shot, radiance in zip(shots, expected, strict=True):
        resolved = replace(prepared.shot, technique=load_shot(shot).shot.technique)
        result = render_frame(gpu, resolved, 0, prepared)
        assert (gpu.read(result.radiance) == radiance).all()
    composited = composite_lighting(gpu, load_shot(shots[-1]), result.lighting)
    assert (gpu.read(composited.radiance) == expected[-1]).all()


def test_a_pane_on_the_ground_does_not_fade_with_it(gpu: Gpu) -> None:
    ground = make_quad((-9, -1, 9), (9, -1, 9), (9, -1, -9), (-9, -1, -9), Material((0.5, 0.5, 0.5)))
    pane = replace(ground, material=replace(make_pane(1.0, 0.5).material, albedo=BLACK, emission=WHITE))
    fading = Ground((0.0, -1.0, 0.0), 0.1, 0.2)
    values = FACING | {"background": "color", "background_color": (0.25, 0.5, 0.75)}
    scene = Scene((pane, ground), (0.0, 1.0, 4.0), (0.0, -1.0, 2.0), 20.0, ground=fading)
    p = render_small(gpu, values | {"scene": register_scene("pane on the ground", scene)})
    expected = 0.5 + 0.5 * np.array(values["background_color"])
    assert p.radiance == pytest.approx(np.broadcast_to(expected, p.radiance.shape), rel=HALF_FLOAT)


@pytest.mark.parametrize("source", ["texture", "transform", "second uvs", "vertices"])
def test_opacity_lies_alike_for_camera_shadows_and_rays(gpu: Gpu, source: str) -> None:
    """A pane just before a wall, of opacity 0.25 on the left and 0.75 on the right."""
    pane, opacities = make_pane(1.0, 1.0, albedo=BLACK), np.array([0.25, 0.75])
    if source == "vertices":
        half = make_quad((-2, -2, -1), (0, -2, -1), (0, 2, -1), (-2, 2, -1), pane.material)
        colors = [np.broadcast_to(np.array([1, 1, 1, opacity], "f4"), (4, 4)) for opacity in opacities]
        other_half = half.positions + np.array([2, 0, 0], "f4")
        meshes = [replace(half, colors=colors[0]), replace(half, colors=colors[1], positions=other_half)]
    else:
        assert pane.uvs is not None
        mirrored = pane.uvs * np.array([-1, 1], "f4") + np.array([1, 0], "f4")
        pixels = np.full((1, 64, 4), 255, "u1")
        pixels[0, :, 3] = np.rint(255 * np.repeat(opacities, 32))
        texture = ImageTexture(pixels)
        if source == "transform":
            texture = replace(texture, transform=((-1.0, 0.0, 1.0), (0.0, 1.0, 0.0)))
            pane = replace(pane, uvs=mirrored)
        elif source == "second uvs":
            texture = replace(texture, uv_set=1)
            pane = replace(pane, uvs=mirrored, uvs2=pane.uvs)
        meshes = [replace(pane, material=replace(pane.material, albedo_texture=texture))]
    scene = facing(make_wall(1.02, Material(WHITE)), *meshes)
    sun = {"sun.irradiance": np.pi, "sun.azimuth": 180.0, "sun.elevation": 0.0, "environment": "black"}
    sunlit = render_small(gpu, FACING | sun | {"scene": scene})
    rays = render_small(gpu, FACING | {"technique": "reference", "reference.rays": 64, "scene": scene})
    assert (sunlit.depth == np.float32(1.02)).all()
    for columns, passing in zip((slice(0, 6), slice(10, 16)), 1 - opacities, strict=True):
        shadow = sunlit.sun_and_lights[:, columns].mean() / np.pi
        assert shadow == pytest.approx(passing, abs=1 / 16)
        # The light of the wall, twice dimmed. The pane itself is black.
        assert sunlit.radiance[:, columns].mean() == pytest.approx(passing * shadow, abs=0.01)
        visibility = rays.visibility[:, columns]
        assert visibility.mean() == pytest.approx(
            passing, abs=binomial_tolerance(passing, 64 * visibility.size) + 1 / 255
        )


@pytest.mark.parametrize("f0", [0.0, 0.04, 0.5])
@pytest.mark.parametrize("blending", ["alpha", "transmission"])
def test_white_panes_in_a_furnace_are_invisible(gpu: Gpu, blending: Blending, f0: float) -> None:
    """They reflect, scatter or transmit all light, whatever their opacity."""
    for opacity in (0.0, *OPACITIES, 1.0):
        panes = [make_pane(d, opacity, blending, albedo=WHITE, f0=(f0, f0, f0), roughness=0.0) for d in (1.0, 1.2)]
        for i, pane in enumerate(panes):
            tilt = np.array([(1, 0, 0.5 * (-1) ** i), (0, 1, 0.4), (0, 0, 1)], "f4")
            panes[i] = replace(pane, positions=pane.positions @ tilt.T, normals=None)
        p = render_small(gpu, FACING | {"scene": facing(*panes)})
        # Schlick's transmission beside the exact table of the reflection
        assert p.radiance == pytest.approx(np.ones_like(p.radiance), abs=HALF_FLOAT if f0 == 0 else 0.012)


@pytest.mark.parametrize("source", ["factor", "texture", "vertex colour"])
def test_transmission_is_tinted(gpu: Gpu, source: str) -> None:
    """By the base colour, wherever it is from, once for each pane. A metal transmits nothing."""
    codes = np.array([255, 188, 124], "u1")
    tint = LINEAR_VALUES[codes]
    white_background = {"sky.intensity": 0.0, "background": "color", "background_color": WHITE}
    for opacity in (0.0, 0.25, 0.75):
        for metallic in (0.0, 1.0):
            fields: dict[str, Any] = {"albedo": WHITE, "metallic": metallic}
            if source == "factor":
                fields["albedo"] = tuple(tint)
            elif source == "texture":
                fields["albedo_texture"] = ImageTexture(np.array([[(*codes, 255)]], "u1"))
            panes = [make_pane(d, opacity, "transmission", **fields) for d in (1.0, 1.2)]
            if source == "vertex colour":
                colors = np.broadcast_to(np.array([*tint, 1.0], "f4"), (4, 4))
                panes = [replace(pane, colors=colors) for pane in panes]
            p = render_small(gpu, FACING | white_background | {"scene": facing(*panes)})
            expected = np.broadcast_to(((1 - opacity) * (1 - metallic) * tint) ** 2, p.radiance.shape)
            assert p.radiance == pytest.approx(expected, rel=0.01, abs=1e-4)


def test_opaque_texels_are_opaque_surfaces(gpu: Gpu) -> None:
    """A material that could blend but is opaque everywhere is drawn bit for bit as an opaque one."""
    for technique in ("ssdo", "reference"):
        values = FACING | {"technique": technique, "sun.irradiance": 2.0}
        pictures = []
        for blending in get_args(Blending):
            cutoff = 0.5 if blending == "none" else MIN_OPAQUE_ALPHA
            material = Material((0.6, 0.5, 0.4), alpha_cutoff=cutoff, blending=blending)
            scene = facing(make_wall(2.0, material), make_box((-0.2, -0.2, -1.2), (0.2, 0.2, -1.0), material))
            pictures.append(render_small(gpu, values | {"scene": scene}))
        for picture in pictures[1:]:
            assert (picture.radiance == pictures[0].radiance).all()
            assert (picture.depth == pictures[0].depth).all()


def test_the_edge_of_a_texture_is_blended_and_the_rest_is_not(gpu: Gpu) -> None:
    """Texels of opacity 1, 0.5 and 0, side by side, over a black wall."""
    pixels = np.full((1, 4, 4), 255, "u1")
    pixels[0, :, 3] = 255, 255, 0, 0
    texture = ImageTexture(pixels, clamp=(True, True))
    pane = make_pane(1.0, 1.0, albedo=BLACK, emission=WHITE, albedo_texture=texture)
    size = {"width": 64, "height": 48}
    p = render_small(gpu, FACING | size | {"scene": facing(make_wall(2.0, Material(BLACK)), pane)})
    row, is_near = p.radiance[24, :, 0], p.depth[24] < 1.5
    assert is_near[0] and (row[is_near] == 1).all() and (np.diff(is_near.astype(int)) <= 0).all()
    assert (np.diff(row) <= 1e-6).all() and row[-1] == 0
    assert ((row > 0.02) & (row < 0.98)).sum() > 4  # a ramp of one texel, 8 pixels


def test_what_hides_and_what_lies_on_what(gpu: Gpu) -> None:
    """A pane behind an opaque surface is hidden; one in its plane lies on it; a culled face is not seen."""
    wall = make_wall(1.0, Material(BLACK))
    for distance, is_seen in ((0.5, True), (1.0, True), (1.001, False), (2.0, False)):
        p = render_small(gpu, FACING | {"scene": facing(wall, make_pane(distance, 0.5, albedo=BLACK, emission=WHITE))})
        assert p.radiance == pytest.approx(np.full_like(p.radiance, 0.5 if is_seen else 0.0), abs=HALF_FLOAT)
    pane = make_pane(0.5, 0.5, albedo=BLACK, emission=WHITE, double_sided=False)
    back = replace(pane, triangles=pane.triangles[:, ::-1], normals=None)
    for mesh, radiance in ((pane, 0.5), (back, 0.0)):
        p = render_small(gpu, FACING | {"scene": facing(wall, mesh)})
        assert p.radiance == pytest.approx(np.full_like(p.radiance, radiance), abs=HALF_FLOAT)


def test_a_transparent_background_shows_through(gpu: Gpu) -> None:
    """Alpha is what panes and surfaces cover."""
    for opacity in OPACITIES:
        scene = facing(make_pane(1.0, opacity, albedo=BLACK), make_pane(1.5, 0.5, albedo=BLACK))
        result = render_all_frames(gpu, Shot().with_values(FACING | {"scene": scene, "background": "transparent"}))
        assert gpu.read(result.radiance)[..., 3] == pytest.approx(1 - (1 - opacity) * 0.5, rel=HALF_FLOAT)


@pytest.mark.parametrize("camera", ["perspective", "orthographic"])
def test_a_small_pane_changes_the_pixels_that_it_covers(gpu: Gpu, camera: str) -> None:
    """Anywhere in the picture, and partly outside of it or behind the camera. Other meshes are elsewhere."""
    rng = np.random.default_rng(3)
    far_box = make_box((1.0, 1.0, -4.1), (1.1, 1.1, -4.0), Material(BLACK))
    box_behind = make_box((-1.0, -1.0, 2.0), (1.0, 1.0, 2.1))
    for i in range(9):
        x, y, z = rng.uniform((-1, -1, -3), (1, 1, 0.5))
        a, b = (x - 0.3, y - 0.3, z), (x + 0.3, y - 0.3, z + 0.2)
        c, d = (x + 0.3, y + 0.3, z), (x - 0.3, y + 0.3, z - 0.2)
        if i % 3 == 0:  # from behind the camera into the picture
            a, b, c, d = ((x / 4 + u, -0.3, z) for u, z in ((-0.1, 1.0), (0.1, 1.0), (0.1, -3.0), (-0.1, -3.0)))
        picture_height = 1.5 if camera == "orthographic" else 0.0
        emissive = Material(BLACK, (3.0, 3.0, 3.0))
        blended = replace(emissive, opacity=0.5, alpha_cutoff=MIN_OPAQUE_ALPHA, blending="alpha")
        pictures = []
        for meshes in ((), (make_quad(a, b, c, d, emissive),), (make_quad(a, b, c, d, blended),)):
            scene = Scene(
                ((far_box, box_behind)[i % 2], *meshes), BLACK, (0.0, 0.0, -1.0), picture_height=picture_height
            )
            pictures.append(render_small(gpu, FACING | {"scene": register_scene("small pane", scene)}).radiance)
        without, opaque, radiance = pictures
        assert radiance == pytest.approx((without + opaque) / 2, rel=HALF_FLOAT)


# ---- shadows and rays ------------------------------------------------------------------------------------------------


def make_scene_below_pane(pane_material: Material, w: float, height: float = 0.5) -> Scene:
    """A floor seen from just above it, below a horizontal pane of half width `w`."""
    floor = make_quad((-w, 0, w), (w, 0, w), (w, 0, -w), (-w, 0, -w), Material((0.5, 0.5, 0.5)))
    pane = make_quad((-w, height, w), (w, height, w), (w, height, -w), (-w, height, -w), pane_material)
    return Scene((floor, pane), (0.0, 0.3, 0.0), (0.3, 0.0, 0.2), 40.0)


def make_tinted(opacity: float, blending: Blending, metallic: float = 0.0) -> Material:
    return Material(
        (0.9, 0.6, 0.3), opacity=opacity, alpha_cutoff=MIN_OPAQUE_ALPHA, blending=blending, metallic=metallic
    )


def passing_fraction(material: Material) -> float:
    """Of a transmissive surface the mean of its colour; none of a metal."""
    tint = 1.0 if material.blending == "alpha" else float(np.mean(material.albedo)) * (1 - material.metallic)
    return (1 - material.opacity) * tint


@pytest.mark.parametrize("blending", ["alpha", "transmission"])
def test_rays_pass_by_chance(gpu: Gpu, blending: Blending) -> None:
    """As many as the pane lets through. The pane scatters what its opacity and its colour say."""
    values = {"technique": "reference", "reference.rays": 64, "reference.max_bounces": 1, "width": 16, "height": 12}
    for opacity, metallic in ((0.0, 0.0), *((opacity, 0.0) for opacity in OPACITIES), (0.2, 1.0)):
        material = make_tinted(opacity, blending, metallic)
        fraction = passing_fraction(material)
        below = make_scene_below_pane(material, 200.0)
        p = render_small(gpu, values | {"environment": "white", "scene": register_scene("below a pane", below)})
        tolerance = binomial_tolerance(fraction, 64 * p.visibility.size)
        assert p.visibility.mean() == pytest.approx(fraction, abs=tolerance)
        if metallic:
            continue
        # All light is from the floor.
        below = replace(below, meshes=(replace(below.meshes[0], material=Material(BLACK, WHITE)), below.meshes[1]))
        p = render_small(gpu, values | {"environment": "black", "scene": register_scene("below a pane", below)})
        scattered = opacity * np.array(material.albedo)
        tolerances = tolerance * scattered / (1 - fraction) if fraction < 1 else 0
        assert (np.abs(p.indirect.mean((0, 1), dtype="f8") / np.pi - scattered) <= tolerances + 1e-3).all()


@pytest.mark.parametrize("light", ["sun", "spot"])
@pytest.mark.parametrize("blending", ["alpha", "transmission"])
def test_shadows_are_as_dark_as_the_pane_is_opaque(gpu: Gpu, blending: Blending, light: str) -> None:
    """One threshold of the dither pattern is in each sixteenth."""
    values = {"technique": "off", "environment": "black", "width": 32, "height": 24, "lights.resolution": 256}
    values |= {"sun.irradiance": 2.0, "sun.elevation": 60.0, "sun.resolution": 512} if light == "sun" else {}
    spot = PunctualLight((0.5, 3.0, 0.3), (9.0, 9.0, 9.0), (0.0, -1.0, 0.0), 40.0, 45.0)

    def render_floor(material: Material) -> Doubles:
        scene = make_scene_below_pane(material, 3.0)
        scene = replace(scene, lights=(spot,) if light == "spot" else ())
        p = render_small(gpu, values | {"scene": register_scene("shadow of a pane", scene)})
        return p.sun_and_lights.astype("f8")

    unshadowed = render_floor(make_tinted(0.0, "alpha"))
    assert unshadowed.min() > 0
    for opacity, metallic in ((0.0, 0.0), *((opacity, 0.0) for opacity in OPACITIES), (1.0, 0.0), (0.0, 1.0)):
        material = make_tinted(opacity, blending, metallic)
        fraction = (render_floor(material) / unshadowed).mean()
        assert fraction == pytest.approx(passing_fraction(material), abs=1 / 32)


@pytest.mark.parametrize("light", ["sun", "spot"])
@pytest.mark.parametrize("opacities", [(0.5, 0.5), (0.3, 0.3, 0.3), (0.8, 0.5), (0.2,) * 8, (0.1,) * 6], ids=str)
@pytest.mark.parametrize("is_joined", [False, True])
def test_shadows_of_panes_multiply(gpu: Gpu, light: str, opacities: tuple[float, ...], is_joined: bool) -> None:
    """Of meshes of their own, and of one mesh."""
    values = {"technique": "off", "environment": "black", "width": 32, "height": 24, "lights.resolution": 1024}
    values |= {"sun.irradiance": 2.0, "sun.elevation": 60.0, "sun.resolution": 512} if light == "sun" else {}
    spot = PunctualLight((0.5, 3.0, 0.3), (9.0, 9.0, 9.0), (0.0, -1.0, 0.0), 40.0, 45.0)

    def render_floor(opacities: tuple[float, ...]) -> Doubles:
        floor, *_ = make_scene_below_pane(Material(), 3.0).meshes
        materials = [make_tinted(opacity, "alpha") for opacity in opacities]
        panes = [make_scene_below_pane(m, 3.0, 0.5 + 0.03 * i).meshes[1] for i, m in enumerate(materials)]
        if is_joined and panes:
            positions = np.concatenate([pane.positions for pane in panes])
            triangles = np.concatenate([pane.triangles + len(pane.positions) * i for i, pane in enumerate(panes)])
            colors = np.repeat([(1.0, 1.0, 1.0, opacity / opacities[0]) for opacity in opacities], 4, 0).astype("f4")
            panes = [Mesh(positions, triangles, materials[0], colors=np.clip(colors, 0, 1))]
        scene = replace(make_scene_below_pane(Material(), 3.0), meshes=(floor, *panes))
        scene = replace(scene, lights=(spot,) if light == "spot" else ())
        return render_small(gpu, values | {"scene": register_scene("panes", scene)}).sun_and_lights.astype("f8")

    fraction = (render_floor(opacities) / render_floor(())).mean()
    # Texels of the map are few: some 100 x 100, random for each triangle.
    assert fraction == pytest.approx(float(np.prod([1 - opacity for opacity in opacities])), abs=0.02)


# ---- clear coats -----------------------------------------------------------------------------------------------------


def make_coat(f0: float, roughness: float = 0.0, **fields: Any) -> Material:
    return Material(
        WHITE,
        opacity=0.0,
        alpha_cutoff=MIN_OPAQUE_ALPHA,
        blending="transmission",
        f0=(f0, f0, f0),
        roughness=roughness,
        **fields,
    )


def test_a_coat_lies_on_its_surface(gpu: Gpu) -> None:
    """It reflects F0 of the light ahead, and dims the surface below by that. Behind another surface it is hidden."""
    for f0 in (0.04, 0.2):
        coated = Material((0.5, 0.4, 0.3), coat=make_coat(f0))
        bare = render_small(gpu, FACING | {"scene": facing(make_wall(2.0, replace(coated, coat=None)))})
        p = render_small(gpu, FACING | {"scene": facing(make_wall(2.0, coated))})
        center = (slice(5, 7), slice(7, 9))  # seen from straight ahead
        expected = f0 + (1 - f0) * bare.radiance[center]
        assert p.radiance[center] == pytest.approx(expected, rel=0.01)
        hidden = render_small(gpu, FACING | {"scene": facing(make_wall(2.0, coated), make_wall(1.0, Material(BLACK)))})
        assert not hidden.radiance.any()
        plan = Scene((make_wall(2.0, coated),), BLACK, (0.0, 0.0, -1.0), picture_height=6.0)  # all is straight ahead
        p = render_small(gpu, FACING | {"scene": register_scene("coat in a plan", plan)})
        assert p.radiance == pytest.approx(np.broadcast_to(expected[0, 0], p.radiance.shape), rel=0.01)


def test_a_coat_is_culled_with_its_surface(gpu: Gpu) -> None:
    wall = make_wall(2.0, Material(BLACK, double_sided=False, coat=make_coat(0.5)))
    p = render_small(gpu, FACING | {"scene": facing(replace(wall, triangles=wall.triangles[:, ::-1], normals=None))})
    assert not p.surface_mask.any() and (p.radiance == 1).all()


def test_rays_do_not_meet_a_coat(gpu: Gpu) -> None:
    material = Material(BLACK, emission=WHITE, coat=make_coat(0.5))
    scene = register_scene("below a coat", make_scene_below_pane(material, 200.0))
    p = render_small(gpu, FACING | {"technique": "reference", "reference.rays": 8, "scene": scene})
    assert p.indirect == pytest.approx(np.full_like(p.indirect, np.pi), rel=1e-3)


def test_overrides_of_coats_and_vertex_opacity() -> None:
    """Only "full" keeps coats; all keep the opacity of vertices. Memory of a coat's images counts."""
    image = ImageTexture(np.full((8, 8, 4), 255, "u1"))
    coat = make_coat(0.04, f0_texture=image)
    colors = np.full((4, 4), 0.5, "f4")
    pane = replace(make_pane(1.0, 1.0), colors=colors)
    scene = Scene((make_wall(2.0, Material(coat=coat)), pane))
    assert scene.meshes[0].material.textures == [image]
    bare = replace(scene, meshes=(make_wall(2.0, Material(coat=make_coat(0.04))), pane))
    assert scene.byte_size - bare.byte_size == image.pixels.nbytes
    for name in ("full", "diffuse", "white", "clay"):
        overridden = override_materials(scene, name, False)
        has_coat = name == "full"
        assert (overridden.meshes[0].material.coat is coat, overridden.has_specular) == (has_coat, has_coat)
        overridden_colors = overridden.meshes[1].colors
        assert overridden_colors is not None and (overridden_colors[:, 3] == 0.5).all()


@pytest.mark.parametrize("f0", [0.0, 0.004, 0.02, 0.04])
def test_a_coated_furnace_is_white(gpu: Gpu, f0: float) -> None:
    """What a coat of any strength reflects towards the eye is what it takes from the surface below, at all angles."""
    white = Material(WHITE, coat=make_coat(f0))
    floor = make_quad((-500, 0, 500), (500, 0, 500), (500, 0, -500), (-500, 0, -500), white)
    for eye in ((0.0, 5.0, 0.1), (0.0, 2.0, 5.0), (0.0, 0.6, 5.0)):
        scene = register_scene("coated floor", Scene((floor,), eye, (0.0, 0.0, 0.0), 10.0))
        p = render_small(gpu, FACING | {"scene": scene})
        assert p.surface_mask.all()
        # The DFG table is interpolated along the cosine, where Schlick's curve is a power.
        assert np.abs(p.radiance - 1).max() < DFG_INTERPOLATION_ERROR + HALF_FLOAT, (f0, eye)
