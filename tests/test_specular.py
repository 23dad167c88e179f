"""Glossy materials: what a lobe reflects, known from its formula written a second time, against what every technique
shows.

Tolerances: the G-buffer's half floats resolve 1 in 2048; the table of reflectances is right to 1.5e-3; noise is
measured from pictures of other seeds. What else is left is stated where it stands, measured on software OpenGL.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from render_small import SMALL, Bools, Doubles, Probe, register, shoot
from ssdo.gpu.context import Gpu
from ssdo.measure import references
from ssdo.measure.reference_cache import Store
from ssdo.render.environment_maps import TABLE, reflectances
from ssdo.render.frame_uniforms import frame
from ssdo.render.pipeline import render_accumulated
from ssdo.render.shot import Shot
from ssdo.render.techniques.bitmask import Bitmask
from ssdo.render.techniques.reference import Reference
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.resources import SHADERS
from ssdo.scene import built_in, environment
from ssdo.scene.model import Floats, Lamp, Material, Scene
from ssdo.scene.modelling.shapes import FACES, box, quad, sphere
from ssdo.settings import Vec3

HALF = 1 / 2048
TABLED = 1.5e-3  # what the table of reflectances is off by
GRAZING = 2 / 31  # the cosine from which on it is
CHORD = TABLED + 2.6e-3  # and between its columns, where Fresnel's curve is steepest
TECHNIQUES = ("off", "ssao", "ssdo", "bitmask", "reference")
TRUE: dict[str, Any] = {"technique": "reference", "reference.rays": 16}


# ---- the lobe, a second time ------------------------------------------------------------------------------------------------


def dot(a: npt.ArrayLike, b: npt.ArrayLike) -> Any:
    return (np.asarray(a, "f8") * np.asarray(b, "f8")).sum(-1)


def unit(a: npt.ArrayLike) -> Doubles:
    found: Doubles = np.asarray(a, "f8") / np.maximum(
        np.linalg.norm(np.asarray(a, "f8"), axis=-1, keepdims=True), 1e-30
    )
    return found


def lobe(n: Doubles, v: Doubles, l: Doubles, f0: npt.ArrayLike, roughness: float) -> Doubles:  # noqa: E741 - the literature's letter
    """glTF 2.0, appendix B.3.2 to B.3.4, with the separable masking of B.3.2.2: the BRDF for unit vectors (..., 3), f0
    scalar or (3,).

    Returns (...,) or (..., 3), 0 where either direction lies below the surface.
    """
    h = unit(v + l)
    alpha2 = max(roughness**4, 4e-6)
    nv, nl, nh, vh = dot(n, v), dot(n, l), dot(n, h), dot(v, h)
    d = alpha2 / (np.pi * (nh**2 * (alpha2 - 1) + 1) ** 2)
    g = [2 * c / (c + np.sqrt(alpha2 + (1 - alpha2) * c**2)) for c in (np.maximum(nv, 1e-9), np.maximum(nl, 1e-9))]
    value = np.where((nv > 0) & (nl > 0), d * g[0] * g[1] / np.maximum(4 * nv * nl, 1e-12), 0)
    edge = (1 - np.clip(vh, 0, 1)) ** 5
    if np.ndim(f0):
        value, edge = value[..., None], edge[..., None]
    found: Doubles = value * (np.asarray(f0) + (1 - np.asarray(f0)) * edge)
    return found


@cache
def normals(roughness: float, count: int) -> tuple[Doubles, Doubles]:
    """(2 count^2, 3) normals of microfacets about +z and the solid angle each stands for: as dense as GGX is wide,
    tan(theta) = alpha tan(x) for even x.
    """
    alpha = max(roughness**2, 2e-3)
    x, phi = np.meshgrid(
        (np.arange(count) + 0.5) / count * np.pi / 2, (np.arange(2 * count) + 0.5) / count * np.pi, indexing="ij"
    )
    theta = np.arctan(alpha * np.tan(x))
    wide = alpha / (np.cos(x) ** 2 + alpha**2 * np.sin(x) ** 2)  # d theta / dx
    h = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1).reshape(-1, 3)
    return h, (np.sin(theta) * wide * (np.pi / 2 / count) * (np.pi / count)).ravel()


def eye_at(cosine: float) -> Doubles:
    return np.array([np.sqrt(1 - cosine**2), 0, cosine])


@cache
def reflected(f0: float, roughness: float, cosine: float, count: int = 300) -> tuple[float, Vec3]:
    """What a lobe reflects of light 1 from everywhere, and of light that is each direction's own x, y, z, the eye in
    the plane of x and z: a sum over microfacets, each of which sends light one way; a solid angle of them is 1 / (4
    v.h) of that of the light.
    """
    h, share = normals(roughness, count)
    v = eye_at(cosine)
    w = 2 * (h @ v)[:, None] * h - v
    seen = (h @ v > 0) & (w[:, 2] > 0)
    w, share = w[seen], (4 * (h @ v) * share)[seen]
    found = lobe(np.array([0.0, 0.0, 1.0]), v, w, f0, roughness) * w[:, 2] * share
    x, y, z = found @ w
    return float(found.sum()), (float(x), float(y), float(z))


def tabled(f0: npt.ArrayLike, roughness: float, cosine: Any) -> Any:
    """The table read between its entries: (...,) or with f0 (3,) (..., 3)."""
    table, x, y = reflectances().astype("f8"), np.clip(cosine, 0, 1) * (TABLE - 1), roughness * (TABLE - 1)
    i, j = np.minimum(x.astype("i4"), TABLE - 2), min(int(y), TABLE - 2)
    fx, fy = (x - i)[..., None], y - j
    a, b = np.moveaxis(
        (1 - fy) * ((1 - fx) * table[j, i] + fx * table[j, i + 1])
        + fy * ((1 - fx) * table[j + 1, i] + fx * table[j + 1, i + 1]),
        -1,
        0,
    )
    return np.asarray(f0) * a[..., None] + b[..., None] if np.ndim(f0) else f0 * a + b


@pytest.mark.parametrize("row", [4, 6, 12, 20, 31])
def test_the_table_is_what_the_lobe_reflects(row: int) -> None:
    for column in (1, 2, 5, 10, 20, 31):
        with_f0, without = reflected(1.0, row / 31, column / 31)[0], reflected(0.0, row / 31, column / 31)[0]
        a, b = reflectances()[row, column]
        assert abs(a - (with_f0 - without)) < TABLED, (row, column)
        assert abs(b - without) < TABLED, (row, column)


def test_a_mirror_reflects_what_fresnel_says() -> None:
    """Schlick's curve itself. Between the table's columns too, but where it is steepest: chords above a convex curve,
    1/8 h^2 f''.
    """
    c = np.linspace(2 / 31, 1, 300)
    edge = (1 - c) ** 5
    chord = 20 * (1 + 1 / 31 - c) ** 3 / 8 / 31**2  # of the steeper end of its column
    for f0 in (0.0, 0.04, 0.5, 1.0):
        assert (np.abs(tabled(f0, 0.0, c) - (f0 + (1 - f0) * edge)) < TABLED + chord).all()


def test_nothing_is_reflected_twice() -> None:
    """a + b, what a lobe of f0 = 1 reflects, is at most 1, falls with the roughness where the eye does not graze, and
    is all of it for a mirror.
    """
    whole = reflectances().sum(-1).astype("f8")
    assert whole.max() < 1 + 1e-6
    assert (np.diff(whole[:, 16:], axis=0) < TABLED).all()
    assert (whole[0, 2:] > 1 - TABLED).all()


# ---- pictures ------------------------------------------------------------------------------------------------------------


class Glossy(NamedTuple):
    """A capture, and what glossy surfaces have besides."""

    probe: Probe
    gloss: Floats | None  # (h, w, 4) the technique's answer for the reflection lobe
    shine: Floats  # (h, w, 3)
    surface: Floats  # (h, w, 4) reflectance, roughness

    @property
    def where(self) -> Bools:
        return self.probe.surface

    @property
    def cosine(self) -> Doubles:
        """(h, w) between normal and eye."""
        found: Doubles = -dot(unit(self.probe.normal), self.probe.ray)
        return found


def glossy(gpu: Gpu, values: dict[str, Any]) -> Glossy:
    """Draw a shot of 64 x 36 pixels without blur, unless the values say otherwise."""
    probe = shoot(gpu, values)
    picture = render_accumulated(gpu, Shot().with_values(SMALL | values))
    lighting, view = picture.lighting, picture.view
    assert view.direct_specular is not None and view.gbuffer.gloss is not None
    return Glossy(
        probe,
        None if lighting.gloss is None else gpu.read(lighting.gloss),
        gpu.read(view.direct_specular)[..., :3],
        gpu.read(view.gbuffer.gloss),
    )


def metal(roughness: float, colour: Vec3 = (1.0, 1.0, 1.0)) -> Material:
    return Material(colour, metallic=1.0, roughness=roughness)


def lacquer(roughness: float, colour: Vec3 = (1.0, 1.0, 1.0), reflectance: float = 0.04) -> Material:
    return Material(colour, reflectance=reflectance, roughness=roughness)


def ball(material: Material, **given: Any) -> str:
    """A ball alone that fills most of the picture."""
    scene = Scene(
        (sphere((0, 0, 0), 1.0, material, rings=64),), eye=(1.0, 1.5, 3.0), target=(0.0, 0.0, 0.0), fov=36.0, **given
    )
    return register("glossy ball", lambda: scene)


def plane(material: Material, tilt: float = 60.0, **given: Any) -> str:
    """A plane alone, seen at `tilt` degrees from its normal."""
    t = np.radians(tilt)
    floor = quad((-500, 0, 500), (500, 0, 500), (500, 0, -500), (-500, 0, -500), material)
    scene = Scene(
        (floor,),
        eye=(0.0, 5 * np.cos(t), 5 * np.sin(t)),
        target=(0.0, 0.0, 0.0),
        fov=min(40.0, (89 - tilt) * 1.6),
        **given,
    )
    return register("glossy plane", lambda: scene)


def batches(gpu: Gpu, values: dict[str, Any], count: int = 6) -> tuple[Doubles, Doubles]:
    """Mean (h, w, 3) of pictures of several seeds, and its standard error by what they differ by."""
    found = np.stack([shoot(gpu, values | {"seed": seed}).radiance.astype("f8") for seed in range(count)])
    return found.mean(0), found.std(0, ddof=1) / np.sqrt(count)


def is_mean(gpu: Gpu, values: dict[str, Any], exact: Doubles, where: Bools, slack: float) -> None:
    """The reference is right: the mean of its pixels within four standard errors of theirs, no pixel farther off than
    ten of the picture's usual one, or than two rays that are lost: the tail of a sharp lobe is no bell.
    """
    mean, error = batches(gpu, values)
    off, error = (mean - exact)[where], np.maximum(error[where], 1e-9)
    assert abs(off.mean()) < 4 * np.sqrt((error**2).mean() / where.sum()) + slack
    assert (np.abs(off) < 10 * np.sqrt((error**2).mean()) + slack + 2 / (6 * 16)).all()


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("roughness", [0.0, 0.15, 0.5, 1.0])
def test_a_white_furnace_stays_white(gpu: Gpu, technique: str, roughness: float) -> None:
    """Albedo 1 below a lobe: what the lobe reflects the diffuse part gives up."""
    for scene in (ball(lacquer(roughness)), plane(lacquer(roughness))):
        g = glossy(gpu, {"scene": scene, "technique": technique})
        assert g.where.mean() > 0.3
        if technique == "reference":  # edges of the ball alone are seen at less
            is_mean(gpu, TRUE | {"scene": scene}, np.ones_like(g.probe.radiance), g.where & (g.cosine > GRAZING), CHORD)
        else:
            assert np.abs(g.probe.radiance[g.where] - 1).max() < HALF  # of the irradiance; measured 1e-6


@pytest.mark.parametrize("roughness", [0.1, 0.7])
def test_a_furnace_with_a_corner_stays_white(gpu: Gpu, roughness: float) -> None:
    """What lacquer reflects of lacquer, with eight bounces: neither lost nor made, whichever part of it the light goes
    on from.
    """
    lacquered = lacquer(roughness, reflectance=0.4)
    ground = quad((-50, 0, 50), (0.5, 0, 50), (0.5, 0, -50), (-50, 0, -50), lacquered)
    wall = quad((0.5, 0, 50), (0.5, 50, 50), (0.5, 50, -50), (0.5, 0, -50), lacquered)
    scene = Scene((ground, wall), (-2.0, 3.0, 1.0), (0.3, 0.2, 0.0), 40.0)
    values = TRUE | {"scene": register("lacquered corner", lambda: scene), "reference.max_bounces": 8}
    p = shoot(gpu, values)
    assert 0.2 < 1 - p.open.mean() < 0.6
    # Half of the light goes on at each bounce, so that the last one is some 2^-9 of it; table and noise; measured
    # 0.9995 and 0.9993.
    assert abs(p.radiance.mean() - 1) < 0.006


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("roughness", [0.0, 0.3, 0.7, 1.0])
def test_a_metal_in_a_furnace_reflects_what_the_table_says(gpu: Gpu, technique: str, roughness: float) -> None:
    """Nothing lies below a metal: what rough ones lose in a single reflection they lose here too."""
    for scene in (ball(metal(roughness, (1.0, 0.5, 0.1))), plane(metal(roughness, (1.0, 0.5, 0.1)))):
        g = glossy(gpu, {"scene": scene, "technique": technique})
        exact = tabled(np.array([1.0, 0.5, 0.1]), roughness, g.cosine)
        assert not g.probe.albedo.any()
        if technique == "reference":
            is_mean(gpu, TRUE | {"scene": scene}, exact, g.where & (g.cosine > GRAZING), CHORD)
        else:
            # Of a colour's half floats; the cosine's, times the steepest slope of the table.
            assert (
                np.abs(g.probe.radiance - exact)[g.where].max()
                < HALF + HALF * 31 * np.abs(np.diff(reflectances().sum(-1))).max()
            )


# ---- environments -----------------------------------------------------------------------------------------------------------


def turned(w: Doubles, degrees: float) -> Doubles:
    """The direction of an environment, as it was made, that stands at w once it is turned from north to east."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y, z = np.moveaxis(w, -1, 0)
    east, north = x, -z
    return np.stack([c * east - s * north, y, -(c * north + s * east)], -1)


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("rotation", [0.0, 65.0])
def test_a_mirror_shows_the_environment(gpu: Gpu, technique: str, axis: int, rotation: float) -> None:
    """Radiance 1 + one of the coordinates of the direction: the mirrored direction's own, times Fresnel's
    reflectance.
    """
    colour = np.array([1.0, 0.7, 0.3])
    scene = ball(metal(0.0, (1.0, 0.7, 0.3)))
    g = glossy(
        gpu,
        {
            "scene": scene,
            "technique": technique,
            "environment": f"ramp-{'xyz'[axis]}",
            "sky.rotation": rotation,
            "sky.intensity": 2.0,
        },
    )
    n, v = unit(g.probe.normal), -g.probe.ray
    w = 2 * g.cosine[..., None] * n - v
    where = g.where & (g.cosine > 0.15)
    exact = 2 * (1 + turned(w, rotation)[..., axis, None]) * (colour + (1 - colour) * (1 - g.cosine[..., None]) ** 5)
    off = np.abs(g.probe.radiance - exact)[where]
    if technique == "reference":  # even so sharp a lobe has a tail, which one of its 16 rays may find
        # measured 0.003 and 0.001
        assert np.median(off) < 0.006 and abs((g.probe.radiance - exact)[where].mean()) < 0.004
    else:
        # of up to 4: texels of 0.7 degrees, Fresnel's curve between the table's columns; measured 0.0022
        assert off.max() < 0.006


@cache
def in_a_ramp(roughness: float) -> tuple[Doubles, Doubles, Doubles]:
    """By cosine, 0.02 to 1: what a metal of f0 = 1 reflects of 1 from everywhere, and of a direction's coordinates
    along the normal and along the eye's direction less its part along the normal, which vanishes straight on.
    """
    cosines = np.concatenate([np.linspace(0.02, 0.2, 7), np.linspace(0.25, 0.9999, 16)])
    found = [reflected(1.0, roughness, float(c), 400) for c in cosines]
    return (
        cosines,
        np.array([a for a, _ in found]),
        np.array([(m[2], m[0] / np.sqrt(1 - c * c)) for (_, m), c in zip(found, cosines, strict=True)]),
    )


def exactly_in_a_ramp(g: Glossy, roughness: float, axis: int) -> Doubles:
    """(h, w): radiance of a metal of f0 = 1 in the environment 1 + w's coordinate."""
    cosines, whole, along = in_a_ramp(roughness)
    n, v = unit(g.probe.normal), -g.probe.ray
    t, c = v - g.cosine[..., None] * n, g.cosine
    found: Doubles = (
        np.interp(c, cosines, whole)
        + np.interp(c, cosines, along[:, 0]) * n[..., axis]
        + np.interp(c, cosines, along[:, 1]) * t[..., axis]
    )
    return found


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("roughness", [0.2, 0.5, 1.0])
def test_rough_metal_in_a_linear_environment(gpu: Gpu, axis: int, roughness: float) -> None:
    """Against the integral of the lobe over the environment: the reference has it, the split sum nearly."""
    values = {"scene": ball(metal(roughness)), "environment": f"ramp-{'xyz'[axis]}"}
    g = glossy(gpu, values | {"technique": "off"})
    exact = exactly_in_a_ramp(g, roughness, axis)
    where = g.where & (g.cosine > 0.05)
    # of interpolating the integral between cosines
    is_mean(gpu, TRUE | values, np.repeat(exact[..., None], 3, -1), where, TABLED + 0.002)
    off = g.probe.radiance[..., 0] - exact
    for low, high, bound in SPLIT:
        band = where & (g.cosine > low) & (g.cosine <= high)
        rms = np.sqrt((off[band] ** 2).mean())
        print(
            f"\nroughness {roughness}, ramp-{'xyz'[axis]}, cosines {low} to {high}: off by {rms:.4f} RMS, {np.abs(off[band]).max():.3f} at most",
            end="",
        )
        assert band.sum() > 20 and rms < bound


# By cosines, RMS of what the split sum is off by. Measured at roughness 0.2, 0.5 and 1: 0.017, 0.175, 0.020; 0.007,
# 0.074, 0.016; 0.008, 0.013, 0.017.
SPLIT = ((0.05, 0.3, 0.2), (0.3, 0.6, 0.09), (0.6, 1.0, 0.025))


# ---- highlights --------------------------------------------------------------------------------------------------------------


def lit_by(
    g: Glossy, l: Doubles, irradiance: npt.ArrayLike, colour: Vec3, reflectance: Vec3, roughness: float
) -> Doubles:
    """(h, w, 3): radiance of light (..., 3) from directions l (..., 3), irradiance as on a surface that faces it."""
    n, v = unit(g.probe.normal), -g.probe.ray
    cosine = np.maximum(dot(n, l), 0)[..., None]
    below = (1 - tabled(np.array(reflectance), roughness, g.cosine)) * np.array(colour) / np.pi
    found: Doubles = (
        np.asarray(irradiance) * cosine * (lobe(n, v, np.broadcast_to(l, n.shape), reflectance, roughness) + below)
    )
    return found


def agree(found: Any, exact: Doubles, where: Bools, rough: float) -> None:
    """A share of the picture's brightest and of each pixel: `rough`, half floats of normals and reflectances."""
    off = np.abs(found - exact)[where]
    assert (off < rough * (exact[where] + 0.02 * exact[where].max())).all(), float(
        (off / (exact[where] + 0.02 * exact[where].max())).max()
    )


MATERIALS: list[tuple[Material, Vec3, Vec3]] = [  # with the colour of the diffuse part, and the reflectance
    (metal(0.3, (1.0, 0.7, 0.3)), (0.0, 0.0, 0.0), (1.0, 0.7, 0.3)),
    (lacquer(0.2, (0.6, 0.3, 0.1)), (0.6, 0.3, 0.1), (0.04, 0.04, 0.04)),
    (lacquer(0.8, (0.6, 0.3, 0.1), 0.1), (0.6, 0.3, 0.1), (0.1, 0.1, 0.1)),
    (Material((0.8, 0.4, 0.2), metallic=0.5, reflectance=0.04, roughness=0.5), (0.4, 0.2, 0.1), (0.42, 0.22, 0.12)),
]


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("which", range(len(MATERIALS)))
def test_the_suns_highlight(gpu: Gpu, technique: str, which: int) -> None:
    material, colour, reflectance = MATERIALS[which]
    sun = {
        "sun.azimuth": 60.0,
        "sun.elevation": 50.0,
        "sun.irradiance": 3.0,
        "sun.color": (1.0, 0.9, 0.5),
        "sun.angular_diameter": 0.0,
    }
    a, e = np.radians(60.0), np.radians(50.0)
    towards = np.array([np.sin(a) * np.cos(e), np.sin(e), -np.cos(a) * np.cos(e)])
    for scene in (ball(material, environment="black"), plane(material, 50.0, environment="black")):
        g = glossy(gpu, {"scene": scene, "technique": technique} | sun)
        exact = lit_by(g, towards, (3.0, 2.7, 1.5), colour, reflectance, material.roughness)
        # where it grazes facets shadow their neighbours
        where = g.where & (g.cosine > 0.1) & (np.abs(dot(g.probe.normal, towards)) > 0.1)
        # The distribution's slope times what half floats turn normals by; measured 0.006.
        agree(g.probe.radiance, exact, where, 0.015)
        assert exact[where].max() > 0.1


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("which", range(len(MATERIALS)))
def test_lamps_highlights(gpu: Gpu, technique: str, which: int) -> None:
    """Two of them, near and far, by the inverse square of the distance to each pixel."""
    material, colour, reflectance = MATERIALS[which]
    lamps = (Lamp((1.0, 2.0, -1.5), (9.0, 6.0, 3.0)), Lamp((-4.0, 5.0, -2.0), (20.0, 20.0, 40.0)))
    for scene in (
        ball(material, environment="black", lamps=lamps),
        plane(material, 50.0, environment="black", lamps=lamps),
    ):
        g = glossy(gpu, {"scene": scene, "technique": technique, "lights.shadows": 0})
        exact = np.zeros_like(g.probe.position)
        for lamp in lamps:
            to = np.array(lamp.position) - g.probe.position
            exact += lit_by(
                g, unit(to), np.array(lamp.intensity) / dot(to, to)[..., None], colour, reflectance, material.roughness
            )
        agree(g.probe.radiance, exact, g.where & (g.cosine > 0.1), 0.02)  # measured 0.006


def test_highlights_are_as_strong_as_their_light(gpu: Gpu) -> None:
    """Nothing but light reflects: no sun, a sun below, a lamp switched off; twice the light, twice the highlight."""
    lamp = Lamp((0.0, 3.0, -2.0), (5.0, 5.0, 5.0))
    scene = plane(lacquer(0.3), environment="black", lamps=(lamp,))
    once, twice, off = (
        glossy(gpu, {"scene": scene, "technique": "off", "lights.intensity": k}) for k in (1.0, 2.0, 0.0)
    )
    assert once.shine.max() > 0.1
    assert np.allclose(twice.shine, 2 * once.shine, rtol=1e-5)
    assert not off.shine.any() and not off.probe.radiance.any()
    below = glossy(
        gpu,
        {"scene": scene, "technique": "off", "lights.intensity": 0.0, "sun.irradiance": 5.0, "sun.elevation": -10.0},
    )
    assert not below.shine.any()


# ---- reflections in screen space ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("roughness", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("tilt", [0.0, 45.0, 80.0])
def test_a_glossy_plane_reflects_the_environment_alone(gpu: Gpu, roughness: float, tilt: float) -> None:
    """Nothing closes its lobe, to the last bit."""
    for values in (
        {"technique": "ssdo"},
        {"technique": "ssdo", "ssdo.visibility": "single-sample"},
        {"technique": "bitmask"},
    ):
        g = glossy(gpu, {"scene": plane(metal(roughness), tilt)} | values)
        assert g.gloss is not None and g.where.all()
        assert (g.gloss[..., 3] == 1.0).all() and not g.gloss[..., :3].any()


def before_a_glow(material: Material) -> Scene:
    """A floor before a wall that shines, in the dark."""
    wall = quad(
        (-2, 0, -1), (2, 0, -1), (2, 1.2, -1), (-2, 1.2, -1), Material((0.0, 0.0, 0.0), emission=(3.0, 2.0, 1.0))
    )
    ground = quad((-2, 0, 2), (2, 0, 2), (2, 0, -1), (-2, 0, -1), material)
    return Scene((ground, wall), (0.0, 1.0, 3.5), (0.0, 0.4, 0.0), 36.0, environment="black")


DEEP: dict[str, dict[str, Any]] = {
    "ssdo": {
        "technique": "ssdo",
        "ssdo.radius": 4.0,
        "ssdo.steps": 64,
        "ssdo.samples": 32,
        "ssdo.specular_samples": 16,
        "accumulated_frames": 4,
    },
    "bitmask": {
        "technique": "bitmask",
        "bitmask.radius": 4.0,
        "bitmask.steps": 64,
        "bitmask.specular_samples": 4,
        "accumulated_frames": 4,
    },
}


@pytest.mark.parametrize("roughness", [0.0, 0.2, 0.5, 1.0])
def test_a_floor_reflects_the_wall_before_it(gpu: Gpu, roughness: float) -> None:
    """As the reference has it, where the camera sees all of what is reflected; and in colour."""
    scene = before_a_glow(metal(roughness))
    values: dict[str, Any] = {"scene": register("glow", lambda: scene)}
    true = glossy(gpu, values | TRUE | {"accumulated_frames": 4})
    floor = (
        true.where
        & (np.abs(true.probe.position[..., 1]) < 1e-3)
        & (np.abs(true.probe.position[..., 0]) < 1.2)
        & (true.probe.position[..., 2] < 0.3)
    )
    b = true.probe.radiance[floor]
    assert floor.sum() > 100 and b[:, 0].mean() > 0.3
    for technique, deep in DEEP.items():
        screen, still = glossy(gpu, values | deep), glossy(gpu, values | deep | {f"{technique}.bounce": False})
        a = screen.probe.radiance[floor]
        print(
            f"\nroughness {roughness}: {technique} {a.mean(0)}, reference {b.mean(0)}, RMSE {np.sqrt(((a - b) ** 2).mean()):.4f}",
            end="",
        )
        # rays that pass the wall between two steps, or go over its edge
        assert np.abs(a.mean(0) / b.mean(0) - 1).max() < 0.05
        assert np.abs(a[:, 1] / np.maximum(a[:, 0], 1e-6) - 2 / 3)[a[:, 0] > 0.01].max() < 1e-3
        assert still.gloss is not None and not still.gloss[..., :3].any() and not still.probe.radiance[floor].any()
        assert screen.gloss is not None and np.allclose(still.gloss[..., 3], screen.gloss[..., 3])


def test_a_wall_reflects_the_back_of_a_lamp(gpu: Gpu) -> None:
    """It is not in the picture: with one interval there is nothing of it, with two as much as the reference has."""
    wall, board = (
        quad((-6, -3, 0), (6, -3, 0), (6, 3, 0), (-6, 3, 0), metal(0.3)),
        box((-1, -2, 0.8), (1, 2, 1.0), Material((0.0, 0.0, 0.0))),
    )
    back = np.arange(12) // 2 == FACES.index((2, 3, 7, 6))
    shining = replace(
        board, triangles=board.triangles[back], material=Material((0.0, 0.0, 0.0), emission=(3.0, 2.0, 1.0))
    )
    scene = Scene(
        (wall, replace(board, triangles=board.triangles[~back]), shining),
        (4.0, 0.0, 8.0),
        (0.8, 0.0, 0.0),
        20.0,
        environment="black",
    )
    values: dict[str, Any] = {"scene": register("lamp's back", lambda: scene)}
    true = glossy(gpu, values | TRUE)
    x, y, z = np.moveaxis(true.probe.position, -1, 0)
    where = true.where & (np.abs(z) < 1e-3) & (x > 0.7) & (x < 1.1) & (np.abs(y) < 1)
    exact = true.probe.radiance[where].mean(0)
    assert where.sum() > 20 and exact[0] > 1.0
    for technique, deep in DEEP.items():
        one, two = (
            glossy(gpu, values | deep | {f"{technique}.depth_layers": n, "accumulated_frames": 1})
            .probe.radiance[where]
            .mean(0)
            for n in ("1", "2")
        )
        print(f"\n{technique}: {one}, {two}, reference {exact}", end="")
        assert one.max() < 0.1 * exact[0]  # measured: 0
        assert np.abs(two / exact - 1).max() < 0.05  # measured: 0.009 with directions, 0.001 with slices


@pytest.mark.parametrize("roughness", [0.1, 0.3, 0.6, 1.0])
def test_a_lobe_in_a_slice_is_its_integral(gpu: Gpu, tmp_path: Path, roughness: float) -> None:
    """What lies below a direction of a slice, and what of it lies above the surface: against the sum of the density of
    visible normals over angles.
    """
    (tmp_path / "slices.frag").write_text(SLICES_OF_LOBES.replace("DEGREES", ", ".join(map(str, LEANING))))
    own, alpha, tilt, parts = Gpu(gpu.ctx, (tmp_path, SHADERS)), roughness**2, np.radians(LEANING), 64
    view = frame(built_in.load("plane"), (0.0, 0.0, 5.0), (0.0, 0.0, 0.0), 40.0, (parts, len(tilt)))
    into = own.target("slices", (parts, len(tilt)), *["rgba32f"] * 2)
    drawn = own.draw("slices.frag", into, frame=view, leaning=Leaning(alpha))
    d, (below, inside, at, _) = (
        own.read(drawn[0]).astype("f8")[..., :3],
        np.moveaxis(own.read(drawn[1]).astype("f8"), -1, 0),
    )
    # as the shader has them, row 0 on top: the eye along +z, the normal in the plane of x and z
    n = np.stack([np.sin(tilt), 0 * tilt, np.cos(tilt)], -1)[::-1]
    for row in range(len(tilt)):
        theta = (np.arange(20_000) + 0.5) / 20_000 * 2 * np.pi - np.pi
        for column in range(0, parts, 9):
            w = np.cos(theta)[:, None] * np.array([0.0, 0.0, 1.0]) + np.sin(theta)[:, None] * d[row, column]
            nh = unit(w + np.array([0.0, 0.0, 1.0])) @ n[row]
            density = np.where(nh > 0, np.abs(np.sin(theta)) / (nh**2 * (alpha**2 - 1) + 1) ** 2, 0)
            above = density * (w @ n[row] > 0)
            exact = np.interp(at[row, column], theta + np.pi / 20_000, np.cumsum(above)) / above.sum()
            off = above.sum() / density.sum() - inside[row, column], exact - below[row, column]
            assert np.abs(off).max() < 5e-4, (row, column)  # of single precision; measured: 1e-4


LEANING = (0.5, 20.0, 45.0, 70.0, 85.0)  # degrees of the normal from the view ray


@dataclass(frozen=True)
class Leaning:
    """Passed to the shader below as `leaning`."""

    alpha: float


SLICES_OF_LOBES = """// What are the slices of a lobe, for a normal that leans by so much?
#include <leaning>
const bool TWO_DEPTH_LAYERS = false;
#include "common/slices.glsl"
#include "common/ggx.glsl"
layout(location = 0) out vec4 axis;
layout(location = 1) out vec4 found;

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    float tilt = radians(float[5](DEGREES)[at.y]);
    Post p;
    p.v_vs = vec3(0.0, 0.0, 1.0);
    p.n_vs = vec3(sin(tilt), 0.0, cos(tilt));
    p.tilt = vec2(cos(tilt), sin(tilt));
    p.along_vs = vec3(1.0, 0.0, 0.0);
    p.across_vs = vec3(0.0, 1.0, 0.0);
    Lobe l = lobe_slice(p, at.x, 64, 5, leaning.alpha);
    float theta = l.s.gamma + (fract(float(at.x) * 0.618) - 0.5) * 0.5 * PI;
    if (at.x % 2 == 0) theta = 2.0 * l.s.gamma + (fract(float(at.x) * 0.618) - 0.5) * 2.0 * l.s.spread;
    theta = clamp(theta, l.s.gamma - 0.49 * PI, l.s.gamma + 0.49 * PI);
    axis = vec4(l.s.d_vs, 0.0);
    found = vec4(lobe_place(l.s, cos(theta), theta < 0.0 ? -1.0 : 1.0), l.inside, theta, 0.0);
}
"""


@pytest.mark.parametrize("roughness, left", [(0.1, 0.5), (0.3, 0.5), (0.6, 0.8)])
def test_looking_along_the_lobe_is_nearer_to_the_truth_than_dimming_it(gpu: Gpu, roughness: float, left: float) -> None:
    """A metal floor and a metal ball among things, below a white sky, each technique with its own defaults but for the
    radius: RMSE on metal.
    """
    polished, red, blue, grey = (
        metal(roughness, (0.9, 0.9, 0.9)),
        *(Material(c) for c in ((0.7, 0.2, 0.1), (0.2, 0.5, 0.7), (0.7, 0.7, 0.3))),
    )
    ground, wall = (
        quad((-2, 0, 2), (2, 0, 2), (2, 0, -1), (-2, 0, -1), polished),
        quad((-2, 0, -1), (2, 0, -1), (2, 2, -1), (-2, 2, -1), red),
    )
    things = (
        sphere((-0.6, 0.45, 0.0), 0.45, blue),
        box((0.3, 0, -0.3), (0.9, 0.7, 0.3), grey),
        sphere((0.1, 0.25, 0.7), 0.25, polished),
    )
    scene = Scene((ground, wall, *things), (0.6, 1.6, 3.6), (0.1, 0.5, 0.0), 32.0, environment="white")
    values: dict[str, Any] = {"scene": register("polished", lambda: scene), "width": 96, "height": 54}
    shot = Shot().with_values(values | {"technique": "reference", "reference.rays": 16})
    true, where = (
        references.world(gpu, shot, Reference(rays=16), 4, Store(None)),
        glossy(gpu, values | {"technique": "off"}).surface[..., 0] > 0,
    )
    for technique, kind in (("ssdo", Ssdo()), ("bitmask", Bitmask())):
        found = []
        for count in (0, kind.specular_samples):
            given = {
                "technique": technique,
                f"{technique}.radius": 4.0,
                f"{technique}.thickness": 1.0,
                f"{technique}.specular_samples": count,
            }
            found.append(true.error(shoot(gpu, values | given | {"denoise.radius": 4}).radiance, where))
        print(
            f"\nroughness {roughness}, {technique}: {found[0]:.3f} dimmed by the open share, {found[1]:.3f} with {count} in the lobe",
            end="",
        )
        assert found[1] < left * found[0]


def test_without_reflections_the_lobe_is_dimmed(gpu: Gpu) -> None:
    """As SSAO's: by Lagarde's formula of the open share, written a second time; with the same samples to the last
    digits.
    """
    scene = Scene(
        (*before_a_glow(metal(0.4)).meshes, sphere((0, 0.4, 0), 0.4, metal(0.4))),
        (0.0, 1.0, 3.5),
        (0.0, 0.4, 0.0),
        36.0,
        environment="white",
    )
    values: dict[str, Any] = {"scene": register("dimmed", lambda: scene)}
    ssdo = glossy(
        gpu, values | {"technique": "ssdo", "ssdo.specular_samples": 0, "ssdo.bounce": False, "ssdo.radius": 0.8}
    )
    ssao = glossy(gpu, values | {"technique": "ssao", "ssao.radius": 0.8})
    assert ssdo.gloss is None and np.allclose(ssdo.probe.radiance, ssao.probe.radiance, atol=1e-5)
    for g in (
        ssao,
        glossy(
            gpu,
            values
            | {"technique": "bitmask", "bitmask.specular_samples": 0, "bitmask.bounce": False, "bitmask.radius": 0.8},
        ),
    ):
        share = np.clip((np.maximum(g.cosine, 0) + g.probe.open) ** np.exp2(-16 * 0.4 - 1) - 1 + g.probe.open, 0, 1)
        exact = tabled(np.array([1.0, 1.0, 1.0]), 0.4, g.cosine) * share[..., None]
        where = g.where & ~g.probe.emission.any(-1)
        assert g.gloss is None and np.abs(g.probe.radiance - exact)[where].max() < 4 * HALF
        assert 0.1 < (share[where] < 0.95).mean() < 0.9


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_everything_stays_finite(gpu: Gpu, technique: str) -> None:
    """Materials by chance, ends included, in all lights, seen at grazing angles; and nothing is darker than black."""
    rng = np.random.default_rng(5)
    for _ in range(3):
        balls = []
        for x, z in ((x, z) for x in (-1.2, -0.4, 0.4, 1.2) for z in (-1, 0, 1)):
            r, g, b, metallic, reflectance, roughness = (
                float(v) for v in np.where(rng.random(6) < 0.5, rng.random(6), rng.choice([0.0, 1.0], 6))
            )
            balls.append(
                sphere(
                    (x, 0.3, z),
                    0.3,
                    Material((r, g, b), metallic=metallic, reflectance=reflectance, roughness=roughness),
                    rings=16,
                )
            )
        ground = quad(
            (-9, 0, 9), (9, 0, 9), (9, 0, -9), (-9, 0, -9), Material((1.0, 1.0, 1.0), reflectance=0.04, roughness=0.0)
        )
        lamps = (
            Lamp((0.0, 0.65, 0.0), (1.0, 1.0, 1.0)),
            Lamp((0.4, 0.6001, 0.0), (1.0, 1.0, 1.0), (0.0, -1.0, 0.0), 20.0, 40.0),
        )
        scene = Scene((ground, *balls), (0.0, 0.12, 4.0), (0.0, 0.1, 0.0), 40.0, environment="sky", lamps=lamps)
        values = {
            "scene": register("by chance", partial(lambda s: s, scene)),
            "technique": technique,
            "sun.irradiance": 3.0,
            "sun.elevation": 10.0,
        }
        found = glossy(
            gpu,
            values
            | ({"reference.max_bounces": 3, "reference.rays": 4} if technique == "reference" else {})
            | {"denoise.radius": 4},
        )
        for array in (
            found.probe.radiance,
            found.shine,
            found.probe.direct,
            found.probe.indirect,
            *([found.gloss] if found.gloss is not None else []),
        ):
            assert np.isfinite(array).all() and array.min() >= 0


# ---- against Mitsuba ---------------------------------------------------------------------------------------------------------


def beside_gloss(material: Material) -> Scene:
    """A ball on a floor of one material beside a red diffuse wall."""
    wall = quad((-2, 0, -1), (2, 0, -1), (2, 2, -1), (-2, 2, -1), Material((0.7, 0.2, 0.1)))
    ground = quad((-2, 0, 2), (2, 0, 2), (2, 0, -1), (-2, 0, -1), material)
    return Scene(
        (ground, wall, sphere((0.2, 0.5, 0.2), 0.5, material, rings=48)), (0.6, 1.6, 3.6), (0.1, 0.5, 0.0), 32.0
    )


@pytest.mark.parametrize("kind", ["metal", "lacquer"])
@pytest.mark.parametrize("roughness", [0.1, 0.3, 0.7])
def test_every_glossy_pixel_agrees_with_mitsuba(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch, kind: str, roughness: float
) -> None:
    """Environment, and one bounce from glossy and diffuse surfaces, pixel by pixel by Welch's test as in
    test_reference; the whole radiance.

    See mitsuba_reference for the BSDFs. The sky has bright patches, which rays are aimed at, and lobes find. Pixels
    below a thousandth of the mean are left out: of a sharp lobe that meets nothing they show the tails, where one ray
    in a hundred thousand finds the dim part of the sky, which is right in the mean, and no bell. At one of them (metal
    0.1) the integral over all directions is 7.2e-5, Mitsuba finds 6.9e-5, we 4.0e-5, the rays that are aimed.
    """
    pytest.importorskip("mitsuba")
    pytest.importorskip("scipy")
    import mitsuba_reference as truth
    from test_mitsuba import _sky, inside, traced
    from test_reference import SIDE, smooth, welch

    monkeypatch.setitem(environment.BUILT_IN, "patches", _sky)
    assert len(environment.Environment(_sky((0.0, 1.0, 0.0))).split.bright)
    scene = beside_gloss(
        metal(roughness, (0.9, 0.6, 0.3)) if kind == "metal" else lacquer(roughness, (0.2, 0.3, 0.5), 0.06)
    )
    count, batches, paths = (32, 10, 32) if kind == "metal" else (20, 10, 8)
    values: dict[str, Any] = {
        "scene": register(f"beside {kind}", lambda: scene),
        "width": count,
        "height": count,
        "environment": "patches",
    }
    values |= {"technique": "reference", "reference.rays": 4, "sun.irradiance": 0.0, "denoise.radius": 0}
    shot, fine = Shot().with_values(values), values | {"width": count * SIDE, "height": count * SIDE}
    plain = shoot(gpu, fine)
    where: Bools = (inside(plain.surface) & smooth(plain)).reshape(count, SIDE, count, SIDE).all((1, 3))
    ours = np.stack(
        [
            shoot(gpu, fine | {"seed": k}).radiance.reshape(count, SIDE, count, SIDE, 3).mean((1, 3, 4), dtype="f8")
            for k in range(batches)
        ]
    )
    theirs = np.stack([traced(scene, shot, truth.BOUNCE, paths, 1 + k) for k in range(batches)]).mean(-1, dtype="f8")
    where &= theirs.mean(0) > 0.001 * theirs[:, where].mean()
    p_values = welch(ours[:, where], theirs[:, where])
    least, limit, rejected = (
        float(np.nanmin(p_values)),
        1 - 0.999 ** (1 / where.sum()),
        float(np.nanmean(p_values < 0.05)),
    )
    means = ours[:, where].mean(1), theirs[:, where].mean(1)
    error = np.sqrt(sum(m.var(ddof=1) for m in means) / batches)
    apart = means[0].mean() - means[1].mean()
    print(
        f"\n{kind} {roughness}: {where.sum()} pixels, smallest p {least:.1e}, limit {limit:.1e}; {rejected:.1%} below 0.05; mean {means[1].mean():.4f},",
        end="",
    )
    print(f" off by {apart:.5f} +- {error:.5f}")
    assert least > limit
    assert rejected < 0.05 + 4 * np.sqrt(0.05 * 0.95 / where.sum())
    assert abs(apart) < 4 * error and error < 0.02 * means[1].mean()
