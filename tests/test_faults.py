"""The faults that reviewers of such renderers look for, each with the test that would show it.

tests/faults.py plants them one by one and checks that what stands here fails.
"""

from __future__ import annotations

import contextlib
import functools
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from render_small import SMALL, SmallRender, register_scene, render_small
from ssdo.arrays import Doubles, Floats
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Texture
from ssdo.gpu.timer import PassTimer
from ssdo.measure import images
from ssdo.render.frame_uniforms import FrameUniforms, direction_from_angles
from ssdo.render.gbuffer import GBuffer
from ssdo.render.pipeline import FrameResult, render_accumulated, render_frame
from ssdo.render.shot import Shot
from ssdo.render.technique import Lighting, Technique, TechniqueInputs
from ssdo.scene import environment, skies
from ssdo.scene.model import DirectionalLight, ImageTexture, Material, Scene
from ssdo.scene.modelling.assembly import make_mesh
from ssdo.scene.modelling.shapes import make_box, make_quad, make_sphere

HALF = 1 / 2048  # what the half floats of the G-buffer resolve
GREY = Material(albedo=(0.5, 0.5, 0.5))
TECHNIQUES = ("off", "ssao", "ssdo")
GUIDES = ("surface", "variance")  # of the blur


def yard() -> Scene:
    """Something of everything: floor, boxes, a sphere, an emitter, sky and sun."""
    floor = make_quad((-6, 0, 6), (6, 0, 6), (6, 0, -6), (-6, 0, -6), Material(albedo=(0.7, 0.6, 0.5)))
    red = make_box((-1.5, 0, -1), (-0.5, 1.2, 0.5), Material(albedo=(0.7, 0.1, 0.1)))
    lamp = make_box((-0.3, 0, 1.0), (0.1, 0.4, 1.4), Material(albedo=(0.2, 0.2, 0.2), emission=(0.0, 1.5, 3.0)))
    ball = make_sphere((0.9, 0.6, 0.3), 0.6, Material(albedo=(0.8, 0.8, 0.8)), rings=48)
    return Scene(
        (floor, red, lamp, ball),
        (2.0, 2.5, 4.0),
        (0.0, 0.4, 0.0),
        45.0,
        DirectionalLight(120.0, 40.0, 4.0, (1.0, 0.9, 0.7)),
        "sky",
    )


register_scene("yard", yard)
register_scene("open yard", lambda: replace(yard(), eye=(2.0, 0.6, 4.0), target=(0.0, 1.0, 0.0)))
register_scene("ball alone", lambda: Scene((make_sphere((0, 0, 0), 1.0, GREY, rings=96),), (0.0, 1.0, 4.0), (0.0, 0.0, 0.0), 40.0))


def texture(gpu: Gpu, values: Floats) -> Texture:
    """(h, w, 4) float32 as a texture, row 0 on top."""
    made = gpu.ctx.texture(values.shape[1::-1], 4, np.ascontiguousarray(values[::-1], "f4").tobytes(), dtype="f4")
    made.filter = gpu.target("gbuffer", (1, 1), "rgba16f").textures[0].filter
    made.repeat_x = made.repeat_y = False
    return made


# ---- weights and energy: faults 1, 2, 26, 27, 28, 33, 41 ----------------------------------------------------------------


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_white_sky_gives_the_albedo(gpu: Gpu, technique: str) -> None:
    p = render_small(gpu, {"scene": "plane", "technique": technique})
    assert np.abs(p.radiance / 0.5 - 1).max() < 2 * HALF


@pytest.mark.parametrize("seed", range(6))
def test_02_occlusion_only_takes_light_away(gpu: Gpu, seed: int) -> None:
    """Against the same directions with nothing closed (occluders without thickness), for parameters drawn at random."""
    rng = np.random.default_rng(seed)
    technique = ("ssao", "ssdo")[seed % 2]
    given = {
        "samples": int(rng.integers(1, 64)),
        "radius": float(rng.uniform(0.05, 5)),
        "steps": int(rng.integers(1, 24)),
        "bias": float(rng.uniform(0, 0.2)),
        "visibility": str(rng.choice(["ray-march", "single-sample"])),
        "bounce_estimator": str(rng.choice(["form-factor", "solid-angle"])),
    }
    if technique == "ssao":
        del given["bounce_estimator"]
    shot = {"scene": "yard", "technique": technique} | {f"{technique}.{k}": v for k, v in given.items()}
    p, unoccluded = render_small(gpu, shot), render_small(gpu, shot | {f"{technique}.thickness": 1e-4})
    assert (p.direct >= 0).all()
    assert (p.direct <= unoccluded.direct * (1 + HALF) + 1e-6).all()
    assert (p.visibility[p.surface_mask] < 1).any()
    assert (p.visibility >= 0).all()
    assert (p.visibility <= 1).all()
    assert np.isfinite(p.indirect).all()


def test_26_one_bounce_makes_no_energy(gpu: Gpu) -> None:
    """Under radiance 1 no surface receives more than pi, whatever its surroundings reflect."""
    for scene in ("niche", "corner:albedo=1.0", "bowl:albedo=1.0", "trench"):
        p = render_small(gpu, {"scene": scene, "technique": "ssdo", "ssdo.radius": 3.0, "ssdo.thickness": 100.0})
        total = (p.direct + p.indirect)[p.surface_mask]
        assert total.max() < np.pi * (1 + 2 * HALF)
        assert p.indirect.max() > 0.2


def test_27_what_is_farther_than_the_radius_sends_nothing(gpu: Gpu) -> None:
    p = render_small(gpu, {"scene": "corner", "technique": "ssdo", "ssdo.radius": 0.2, "width": 128, "height": 72})
    beyond = p.surface_mask & (np.abs(p.position[..., 1]) < 1e-3) & (p.position[..., 0] < 0.25 - 0.23)
    assert beyond.sum() > 100
    assert not p.indirect[beyond].any()
    assert (p.visibility[beyond] == 1).all()
    assert p.indirect.any()


@pytest.mark.parametrize("samples", [16, 30, 80, 200])
def test_27_samples_in_parts_are_all_of_them(gpu: Gpu, samples: int) -> None:
    """With a bounce they are taken 24 or 72 at once, without one all together; with probes what is beyond the screen is
    added up beside them. Where a part begins azimuths are computed anew, and by the last digit of one a direction may
    be hidden that was open: at 4 pixels of 10 000.
    """
    s = {"scene": "yard", "technique": "ssdo", "ssdo.radius": 1.5, "environment": "sky", "ssdo.samples": samples}
    whole, parts, few = render_small(gpu, s | {"ssdo.bounce": False}), render_small(gpu, s), render_small(gpu, s | {"ssdo.samples": 16})
    assert (np.abs(whole.visibility - parts.visibility) > 1e-5).mean() < 0.005 and np.abs(
        whole.visibility - parts.visibility
    ).max() < 2.5 / samples
    assert np.abs(whole.direct - parts.direct).mean() < 1e-4 * whole.direct.mean()
    assert parts.indirect.mean() == pytest.approx(few.indirect.mean(), rel=0.05)  # measured 0.026 at most
    far, far_few = (render_small(gpu, s | {"probes.enabled": True, "ssdo.samples": count}) for count in (samples, 16))
    assert far.indirect.mean() == pytest.approx(far_few.indirect.mean(), rel=0.05)  # measured 0.015 at most
    assert far.indirect.mean() > 1.05 * parts.indirect.mean()


def test_28_light_is_linear(gpu: Gpu) -> None:
    s = {"scene": "yard", "technique": "ssdo", "ssdo.radius": 1.5, "environment": "sky"}
    sun, sky = {"sky.intensity": 0.0}, {"sun.irradiance": 0.0}
    both, only_sun, only_sky, nothing = (render_small(gpu, s | x) for x in ({}, sun, sky, sun | sky))
    # what the lamp emits is in all four
    assert (
        np.abs(both.radiance - (only_sun.radiance + only_sky.radiance - nothing.radiance)).max()
        < 4 * HALF * both.radiance.max()
    )
    assert nothing.indirect.max() > 0.05
    eightfold = render_small(gpu, s | {"sky.intensity": 8.0, "sun.irradiance": 32.0})
    lit = both.radiance - nothing.radiance
    assert np.abs((eightfold.radiance - nothing.radiance) - 8 * lit).max() < 8 * 4 * HALF * both.radiance.max()


def test_33_a_term_switched_off_takes_itself_away_and_nothing_else(gpu: Gpu) -> None:
    s = {"scene": "yard", "technique": "ssdo", "ssdo.radius": 1.5}
    on = render_small(gpu, s)
    for off, term in (
        ({"ssdo.bounce": False}, on.indirect),
        ({"ssdo.direct": False}, on.direct),
        ({"sun.irradiance": 0.0, "ssdo.bounce": False}, None),
    ):
        without = render_small(gpu, s | off)
        if term is None:
            term, before = on.sun_and_lights, render_small(gpu, s | {"ssdo.bounce": False})
        else:
            before = on
        difference = (before.radiance - without.radiance)[on.surface_mask]
        assert np.abs(difference - (on.albedo / np.pi * term)[on.surface_mask]).max() < 2 * HALF * on.radiance.max()
        assert term[on.surface_mask].max() > 0.1
        assert (before.radiance == without.radiance)[~on.surface_mask].all()


@pytest.mark.parametrize("visibility", ["ray-march", "single-sample"])
def test_41_under_a_constant_sky_ssdo_is_ssao(gpu: Gpu, visibility: str) -> None:
    given = {"visibility": visibility, "samples": 24, "radius": 1.2}
    ssao, ssdo = (
        render_small(
            gpu, {"scene": "yard", "environment": "white", "technique": t} | {f"{t}.{k}": v for k, v in given.items()}
        )
        for t in ("ssao", "ssdo")
    )
    assert (ssao.visibility == ssdo.visibility).all()
    assert np.abs(ssao.direct - ssdo.direct).max() < np.pi * 2 * HALF


# ---- which light is dimmed: faults 3, 29, 30 ----------------------------------------------------------------------------


def test_03_ssao_leaves_sunlight_alone(gpu: Gpu) -> None:
    s = {"scene": "yard", "environment": "black", "sun.irradiance": 4.0}
    off, ssao = (render_small(gpu, s | {"technique": t}) for t in ("off", "ssao"))
    assert (off.radiance == ssao.radiance).all()
    assert off.sun_and_lights.max() > 1
    assert (ssao.visibility[ssao.surface_mask] < 0.9).any()


def test_29_a_wall_in_the_sun_lights_a_floor_that_gets_none(gpu: Gpu) -> None:
    """Sunlight level from the west: the floor's irradiance is rho E times F2's occlusion."""
    s = {
        "environment": "black",
        "sun.azimuth": 270.0,
        "sun.elevation": 0.0,
        "sun.irradiance": 4.0,
        "accumulated_frames": 8,
        "width": 128,
        "height": 72,
    }
    p = render_small(
        gpu,
        s
        | {
            "scene": "corner",
            "technique": "ssdo",
            "ssdo.radius": 1.0,
            "ssdo.thickness": 100.0,
            "ssdo.steps": 24,
            "ssdo.samples": 64,
        },
    )
    c = np.clip(0.25 - p.position[..., 0], 1e-6, 1)
    where = (np.abs(p.position[..., 1]) < 1e-3) & (np.abs(p.position[..., 2]) < 0.3) & (c > 0.1) & (c < 0.9)
    assert where.sum() > 20
    assert p.sun_and_lights[where].max() < 1e-3
    exact = 0.5 * 4.0 * (np.arccos(c) - c * np.sqrt(1 - c * c)) / np.pi
    assert abs((p.indirect[..., 0] - exact)[where].mean()) < 0.02  # rho E times F2's 0.005, and the sun's penumbra


def test_30_a_wall_in_shadow_sends_nothing(gpu: Gpu) -> None:
    def shaded() -> Scene:
        floor = make_quad((-9, 0, 9), (0.25, 0, 9), (0.25, 0, -9), (-9, 0, -9), GREY)
        wall = make_quad((0.25, 0, 9), (0.25, 4, 9), (0.25, 4, -9), (0.25, 0, -9), GREY)
        shield = make_box((-9.5, -1, -9), (-9.2, 9, 9), GREY)
        return Scene((floor, wall, shield), (-4.0, 4.0, 1.0), (0.0, 0.0, 0.0), 30.0, DirectionalLight(270.0, 5.0, 4.0), "black")

    s = {"technique": "ssdo", "ssdo.radius": 1.0}
    assert not render_small(gpu, s | {"scene": register_scene("shaded", shaded)}).indirect.any()
    assert render_small(gpu, s | {"scene": "shaded", "sun.elevation": 60.0}).indirect.max() > 0.1


# ---- what counts as an occluder: faults 4, 7, 10, 21, 22, 23, 24, 25 ----------------------------------------------------


@pytest.mark.parametrize("technique", ["ssao", "ssdo"])
@pytest.mark.parametrize("visibility", ["ray-march", "single-sample"])
@pytest.mark.parametrize("blur", [0, 4])
def test_04_no_halo_around_what_is_far_in_front(gpu: Gpu, technique: str, visibility: str, blur: int) -> None:
    shot = {
        "scene": "step:gap=10",
        "technique": technique,
        f"{technique}.visibility": visibility,
        f"{technique}.radius": 1.0,
        "denoise.radius": blur,
        "accumulated_frames": 4,
    }
    p = render_small(gpu, shot)
    assert {round(float(d)) for d in np.unique(p.depth)} == {10, 20}
    assert p.visibility.min() == 1.0


def test_10_the_back_of_a_sheet_is_a_surface(gpu: Gpu) -> None:
    found = yard()
    register_scene(
        "inside out",
        lambda: Scene(
            tuple(make_mesh(m.positions, m.triangles[:, ::-1], m.material) for m in found.meshes),
            found.eye,
            found.target,
            found.fov,
            found.sun,
            "sky",
        ),
    )
    register_scene(
        "flat yard",
        lambda: Scene(
            tuple(make_mesh(m.positions, m.triangles, m.material) for m in found.meshes),
            found.eye,
            found.target,
            found.fov,
            found.sun,
            "sky",
        ),
    )
    a, b = (render_small(gpu, {"scene": name, "technique": "ssdo"}) for name in ("flat yard", "inside out"))
    assert np.abs(a.normal - b.normal).max() < 2 * HALF
    assert np.abs(a.visibility - b.visibility).max() < 0.1  # a sample or two where the normals' last bits differ
    assert np.abs(a.radiance - b.radiance).mean() < 1e-3


def test_21_what_is_off_screen_closes_nothing(gpu: Gpu) -> None:
    """The middle of a larger image is the smaller image, wherever the radius does not reach its border."""
    s = {"scene": "yard", "technique": "ssdo", "ssdo.radius": 0.3, "ssdo.samples": 16}
    wide = float(np.degrees(2 * np.arctan(2 * np.tan(np.radians(45) / 2))))
    small, large = (
        render_small(gpu, s | {"width": 64, "height": 40, "camera.fov": 45.0}),
        render_small(gpu, s | {"width": 128, "height": 80, "camera.fov": wide}),
    )
    a, b = small.visibility[12:-12, 12:-12], large.visibility[20:-20, 32:-32][12:-12, 12:-12]
    assert (a < 1).any()
    assert (np.abs(a - b) > 1 / 32).mean() < 0.02  # rounding moves a sample across a pixel's border now and then
    edge = render_small(gpu, {"scene": "plane:tilt=70", "technique": "ssdo", "ssdo.radius": 5.0})
    assert edge.visibility.min() == 1.0


@pytest.mark.parametrize("technique", sorted(Technique.known))
def test_22_behind_the_surfaces_is_no_light(gpu: Gpu, technique: str) -> None:
    """There nothing is lit: direct and indirect are 0, the open share 1, in what the technique answers and after the
    blur and the average.
    """
    for values in ({"denoise.radius": 0}, {"denoise.radius": 4, "accumulated_frames": 2}):
        p = render_small(gpu, {"scene": "nook", "technique": technique, "environment": "white"} | values)
        behind = ~p.surface_mask
        assert behind.sum() > 100
        assert not p.direct[behind].any() and not p.indirect[behind].any() and (p.visibility[behind] == 1).all()


def test_22_the_sky_closes_nothing_and_is_not_shaded(gpu: Gpu) -> None:
    for scene in ("ball alone", "open yard"):
        shot = {"scene": scene, "environment": "ramp-x", "denoise.radius": 2, "width": 128, "height": 72}
        shots = [render_small(gpu, shot | {"technique": t}) for t in TECHNIQUES]
        sky = ~shots[0].surface_mask
        assert sky.sum() > 1000
        for p in shots:
            assert (p.radiance == shots[0].radiance)[sky].all()
            assert (p.visibility[sky] == 1).all()
            # 1 + w.x, of which texels of 0.7 degrees keep all but 2e-4
            assert np.abs(p.radiance[..., 0] - 1 - p.ray[..., 0])[sky].max() < 1e-3
            if scene == "ball alone":
                assert p.visibility[p.surface_mask].min() > 0.97  # facets of 2 degrees under smooth normals


def test_23_a_thin_pole_beyond_the_radius_casts_no_halo(gpu: Gpu) -> None:
    p = render_small(gpu, {"scene": "pole:distance=5", "technique": "ssdo", "ssdo.radius": 1.0, "accumulated_frames": 4})
    wall = p.depth > 14.5
    assert (~wall).any()
    assert p.visibility[wall].min() == 1.0


@pytest.mark.parametrize("technique", ["ssao", "ssdo"])
@pytest.mark.parametrize("visibility", ["ray-march", "single-sample"])
def test_34_facets_under_smooth_normals_do_not_close_one_another(gpu: Gpu, technique: str, visibility: str) -> None:
    """A ball of 12 rings: its interpolated normals lean up to 7 degrees away from the facets whose depth is seen."""
    coarse = register_scene(
        "coarse ball", lambda: Scene((make_sphere((0, 0, 0), 1.0, GREY, rings=12),), (0.0, 1.0, 4.0), (0.0, 0.0, 0.0), 40.0)
    )
    for radius in (0.3, 2.0):
        shot = {
            "scene": coarse,
            "technique": technique,
            f"{technique}.visibility": visibility,
            f"{technique}.radius": radius,
            f"{technique}.samples": 64,
        }
        p = render_small(gpu, shot)
        assert p.visibility[p.surface_mask].mean() > 0.99  # measured 0.9965
        assert p.visibility[p.surface_mask].min() > 0.92  # 4 samples of 64 beside an edge


@pytest.mark.parametrize("form", ["form-factor", "solid-angle"])
def test_24_a_convex_body_sends_nothing_to_itself(gpu: Gpu, form: str) -> None:
    for scene in ("ball alone", "plane:tilt=80"):
        p = render_small(
            gpu,
            {
                "scene": scene,
                "technique": "ssdo",
                "ssdo.radius": 2.0,
                "ssdo.bounce_estimator": form,
                "ssdo.samples": 64,
            },
        )
        assert p.indirect.max() < 0.01 * np.pi


@pytest.mark.parametrize("form", ["form-factor", "solid-angle"])
def test_24_the_back_of_what_is_seen_sends_nothing(gpu: Gpu, form: str) -> None:
    """The near plane closes directions of the far one, but what the camera sees of it faces the other way."""
    p = render_small(gpu, {"scene": "step:gap=0.5", "technique": "ssdo", "ssdo.radius": 2.0, "ssdo.bounce_estimator": form})
    assert p.visibility.min() < 0.9
    assert not p.indirect.any()


def scaled(scene: Scene, factor: float) -> Scene:
    """Everything `factor` times as large."""
    meshes = tuple(make_mesh(m.positions * factor, m.triangles, m.material, m.normals, m.uvs) for m in scene.meshes)
    assert scene.eye and scene.target
    eye, target = (tuple(float(x) * factor for x in p) for p in (scene.eye, scene.target))
    return Scene(meshes, eye, target, scene.fov, scene.sun, scene.environment)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["form-factor", "solid-angle"])
@pytest.mark.parametrize("factor", [0.001, 1000.0])
def test_09_25_size_does_not_matter(gpu: Gpu, form: str, factor: float) -> None:
    """Scene, radius and camera times k: the same image. In the corner the bounce stays finite."""
    from ssdo.scene.loader import load_scene

    small = register_scene(f"scaled {factor} yard", lambda: scaled(yard(), factor))
    p, q = (render_small(gpu, {"scene": name, "technique": "ssdo", "ssdo.bounce_estimator": form}) for name in ("yard", small))
    # rounding moves a sample across a pixel's border now and then
    assert (np.abs(p.radiance - q.radiance) > 0.02).mean() < 0.01
    assert np.abs(p.radiance - q.radiance).mean() < 2e-3
    corner = register_scene(f"scaled {factor} corner", lambda: scaled(load_scene("corner:distance=0.0"), factor))
    r = render_small(
        gpu,
        {
            "scene": corner,
            "technique": "ssdo",
            "ssdo.radius": float(factor),
            "ssdo.bounce_estimator": form,
            "camera.fov": 10.0,
        },
    )
    # senders leave at most rho E / pi = 0.5; patches at the least distance weigh pi each, which adds up to pi sqrt(16)
    assert 0.1 < r.indirect.max() < np.pi * 0.5 * (1 if form == "solid-angle" else 4)


# ---- space: faults 11, 12, 13, 35, 38 -----------------------------------------------------------------------------------


def test_11_tangent_frames(gpu: Gpu) -> None:
    rng = np.random.default_rng(1)
    n = rng.normal(size=(100, 100, 3))
    n /= np.linalg.norm(n, axis=-1, keepdims=True)
    n[0, :6] = [(0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0)]
    n[0, 6:10] = [(1e-8, 0, -1), (-1e-8, 1e-8, -1), (0, 1e-5, -1), (0.6, -0.8, 0.0)]
    into = gpu.target("test", (100, 100), "rgba32f")
    normals = texture(gpu, np.concatenate([n, np.zeros((100, 100, 1))], -1).astype("f4"))
    (error,) = gpu.draw("basis.frag", into, frame=frame_of(gpu), normals=normals)
    found = gpu.read(error)
    assert np.isfinite(found).all()
    assert found.max() < 1e-5  # 32-bit rounding near -z, where 1 / (1 + |z|) is as large as it gets


def frame_of(gpu: Gpu) -> FrameUniforms:
    return render_frame(gpu, Shot().with_values(SMALL | {"scene": "plane", "technique": "off"})).inputs.frame


def test_12_the_environment_stays_with_the_world(gpu: Gpu) -> None:
    s = {
        "technique": "ssdo",
        "environment": "ramp-x",
        "ssdo.radius": 0.01,
        "accumulated_frames": 16,
        "scene": "ball alone",
        "ssdo.samples": 32,
    }
    front, side = (
        render_small(gpu, s | {"camera.eye": eye, "camera.target": (0.0, 0.0, 0.0)})
        for eye in ((0.0, 0.5, 4.0), (4.0, 0.5, 0.0))
    )
    for p in (front, side):
        exact = np.pi + 2 * np.pi / 3 * p.normal[..., 0]
        assert np.abs(p.direct[..., 0] - exact)[p.surface_mask].mean() < 0.03
    # the east side is brighter
    assert abs(front.direct[..., 0][front.surface_mask].mean() - side.direct[..., 0][side.surface_mask].mean()) > 0.5
    together = render_small(gpu, s | {"camera.eye": (4.0, 0.5, 0.0), "camera.target": (0.0, 0.0, 0.0), "sky.rotation": -90.0})
    assert np.abs(together.direct - front.direct).mean() < 0.02


def shown(map_: Floats, sun: object) -> Floats:
    return map_


def test_13_a_bright_spot_lights_the_side_that_faces_it(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    for column in (0, 5, 20, 31):  # of 32, from north over east
        spot = np.zeros((16, 32, 3), "f4")
        spot[7:9, column] = 10.0
        monkeypatch.setitem(skies.BUILT_IN_SKIES, "spot", functools.partial(shown, spot))
        environment._build_sky.cache_clear()
        azimuth = 2 * np.pi * (column + 0.5) / 32
        towards = np.array((np.sin(azimuth), 0.0, -np.cos(azimuth)))
        eye = tuple(float(x) for x in 4 * towards + (0, 0.3, 0))
        p = render_small(
            gpu,
            {
                "scene": "ball alone",
                "technique": "off",
                "environment": "spot",
                "camera.eye": eye,
                "camera.target": (0.0, 0.0, 0.0),
            },
        )
        brightest = p.normal.reshape(-1, 3)[p.direct[..., 0].argmax()]
        assert brightest @ towards > 0.97
        q = render_small(
            gpu,
            {
                "scene": "ball alone",
                "technique": "ssdo",
                "environment": "spot",
                "camera.eye": eye,
                "camera.target": (0.0, 0.0, 0.0),
                "ssdo.radius": 0.01,
                "ssdo.samples": 256,
            },
        )
        assert abs(q.direct[q.surface_mask].mean() / p.direct[p.surface_mask].mean() - 1) < 0.1


@pytest.mark.parametrize("technique", ["off", "ssdo"])
def test_13_the_environment_turns_from_north_to_east(gpu: Gpu, technique: str) -> None:
    """Seen from the south, and from the west of what was turned by a quarter, a ball and what is behind it look the
    same.
    """
    view = {"scene": "ball alone", "technique": technique, "environment": "ramp-x", "camera.target": (0.0, 0.0, 0.0)}
    south, west = (
        render_small(gpu, view | {"camera.eye": eye, "sky.rotation": turn})
        for eye, turn in (((0.0, 0.0, 3.0), 0.0), ((-3.0, 0.0, 0.0), 90.0))
    )
    unturned = render_small(gpu, view | {"camera.eye": (-3.0, 0.0, 0.0)})
    # measured 0.051, as SSDO's tangent frames are not turned and it asks other directions; else 2e-7; unturned 1.4
    assert np.abs(west.radiance - south.radiance).max() < (0.1 if technique == "ssdo" else 1e-5)
    assert np.abs(unturned.radiance - south.radiance).max() > 0.3


def test_13_the_environment_has_no_seam(gpu: Gpu) -> None:
    seam = render_small(
        gpu,
        {
            "scene": "ball alone",
            "technique": "off",
            "environment": "ramp-x",
            "camera.eye": (0.0, 0.0, 3.0),
            "camera.target": (0.0, 5.0, 0.0),
        },
    )
    row = seam.radiance[2, :, 0]
    assert np.abs(np.diff(row)).max() < 4 * np.abs(np.diff(row)).mean()


# Of the sphere, the spots are 1 part in 13 000 and 2.7 in 1000. Measured, in six places: means of 0.935 to 1.01 and
# 0.964 to 1.00, brightest pixels up to 12 and 4.1 times the brightest true one; unfiltered 0.28 to 1.56 and 0.84 to
# 1.12, 218 and 5.7 times.
@pytest.mark.parametrize("radius, astray, brightest", [(1.0, 0.1, 15.0), (6.0, 0.05, 4.5)])
def test_14_a_small_bright_light_brings_its_share(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch, radius: float, astray: float, brightest: float
) -> None:
    """With 16 samples, no blur and the default prefilter, on a ball, where every pixel asks other directions."""
    rows, columns = 256, 512
    theta = (np.arange(rows) + 0.5) * np.pi / rows
    w = skies.latlong_directions(theta, (np.arange(columns) + 0.5) / columns)
    for azimuth, elevation in ((20, 30), (100, 10), (77, -40)):
        towards = np.array(direction_from_angles(azimuth, elevation))
        spot = np.where(w @ towards > np.cos(np.radians(radius)), 1000.0, 0.0)[..., None].repeat(3, 2).astype("f4")
        monkeypatch.setitem(skies.BUILT_IN_SKIES, "small sun", functools.partial(shown, spot))
        environment._build_sky.cache_clear()
        eye = tuple(float(x) for x in 4 * towards + (0, 0.3, 0))
        view = {"scene": "ball alone", "environment": "small sun", "camera.eye": eye, "camera.target": (0.0, 0.0, 0.0)}
        p = render_small(gpu, view | {"technique": "ssdo", "ssdo.radius": 0.01, "ssdo.bounce": False})
        flux = (spot[..., 0] * np.sin(theta)[:, None]).sum() * np.pi / rows * 2 * np.pi / columns
        exact = flux * np.maximum(p.normal @ towards, 0)[p.surface_mask]
        found = p.direct[..., 0][p.surface_mask]
        assert abs(found.mean() / exact.mean() - 1) < astray
        assert found.max() < brightest * exact.max()


def test_14_a_wider_prefilter_calms_a_small_bright_light(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sample sees the mean over its solid angle: the wider, the less the 16 pixels of a tile differ, and none
    finds it alone.
    """
    spot = np.zeros((64, 128, 3), "f4")
    spot[12, 40] = 1000.0
    monkeypatch.setitem(skies.BUILT_IN_SKIES, "small spot", functools.partial(shown, spot))
    environment._build_sky.cache_clear()
    s = {"scene": "plane:tilt=30", "technique": "ssdo", "environment": "small spot", "ssdo.bounce": False}
    exact = render_small(gpu, {"scene": "plane:tilt=30", "technique": "off", "environment": "small spot"}).direct.mean()
    found = [render_small(gpu, s | {"ssdo.environment_footprint": width}).direct for width in (4.0, 16.0, 64.0)]
    assert abs(found[1].mean() / exact - 1) < 0.1  # measured 0.02 here; up to 0.36 at other places
    assert found[2].std() < 0.5 * found[0].std()  # measured 0.29


@pytest.mark.parametrize("distance", [3.0, 12.0])
def test_35_the_radius_is_in_metres(gpu: Gpu, distance: float) -> None:
    """From twice and from half as far, the open share beside the wall is what F2 says."""
    e = np.array((-0.72, 0.64, 0.26)) * distance
    s = {
        "scene": "corner",
        "technique": "ssdo",
        "ssdo.radius": 0.5,
        "ssdo.thickness": 100.0,
        "ssdo.steps": 24,
        "ssdo.samples": 64,
        "accumulated_frames": 4,
        "ssdo.bounce": False,
    }
    p = render_small(
        gpu,
        s
        | {
            "camera.eye": tuple(float(x) for x in e),
            "width": 192,
            "height": 108,
            "camera.fov": 40.0 * 6 / (3 + distance),
        },
    )
    c = np.clip((0.25 - p.position[..., 0]) / 0.5, 1e-6, 1)
    where = p.surface_mask & (np.abs(p.position[..., 1]) < 2e-3) & (np.abs(p.position[..., 2]) < 0.2) & (c > 0.3) & (c < 0.8)
    exact = (np.arccos(c) - c * np.sqrt(1 - c * c)) / np.pi
    assert where.sum() > 10
    assert abs((1 - p.visibility - exact)[where].mean()) < 0.012  # pixels of 0.02 to 0.04 m; measured 0.006


def test_38_nothing_is_shifted_by_half_a_pixel(gpu: Gpu) -> None:
    """A trench seen from straight above is as dark on its left as on its right, and one pixel further, one pixel
    further.
    """
    s = {
        "scene": "trench",
        "technique": "ssdo",
        "ssdo.radius": 1.0,
        "ssdo.samples": 64,
        "accumulated_frames": 16,
        "camera.fov": 60.0,
        "ssdo.bounce": False,
    }
    pixel = 2 * 4.0 * np.tan(np.radians(30)) / 36
    p, q = (render_small(gpu, s | {"camera.eye": (x, 4.0, 0.0), "camera.target": (x, 0.0, 0.0)}) for x in (0.0, pixel))
    profile, moved = p.visibility[8:-8].mean(0), q.visibility[8:-8].mean(0)
    inside = slice(20, 44)
    assert profile[inside].min() < 0.9
    assert np.abs(profile - profile[::-1])[inside].max() < 0.012  # 16 x 64 x 20 samples
    floor = np.abs(np.arange(64) - 31.5)[inside] < 4
    assert np.abs(moved[19:43] - profile[inside])[floor].max() < 0.02


# ---- pattern and blur: faults 15, 16, 17, 18, 20, 36, 40 ----------------------------------------------------------------


@pytest.mark.parametrize("guide", GUIDES)
def test_15_16_the_pattern_repeats_every_4_pixels_and_the_blur_removes_it(gpu: Gpu, guide: str) -> None:
    s = {
        "scene": "plane:tilt=0",
        "technique": "ssdo",
        "environment": "ramp-x",
        "width": 64,
        "height": 64,
        "denoise.guide": guide,
    }
    raw = render_small(gpu, s).direct[..., 0]
    assert (raw[4:] == raw[:-4]).all()
    assert (raw[:, 4:] == raw[:, :-4]).all()
    assert len(np.unique(raw[:4, :4])) == 16
    assert raw.std() > 0.005
    for radius in (2, 4, 8):
        smooth = render_small(gpu, s | {"denoise.radius": radius}).direct[8:-8, 8:-8, 0]
        assert smooth.std() < 1e-6


def blurred(gpu: Gpu, scene: str, guide: str, values: Floats, radius: int = 4) -> tuple[Floats, SmallRender]:
    """What the blur makes of some lighting on a scene, as if it were of 16 samples."""
    shot = Shot().with_values(
        SMALL
        | {"scene": scene, "technique": "ssao", "ssao.samples": 16, "denoise.radius": radius, "denoise.guide": guide}
    )
    view: TechniqueInputs = render_frame(gpu, shot).inputs
    light = Lighting(texture(gpu, values), texture(gpu, values))
    out = shot.denoise.draw(gpu, view, light, shot.technique)
    direct, indirect = gpu.read(out.direct), gpu.read(out.indirect)
    assert (direct == indirect).all()
    return direct, render_small(gpu, {"scene": scene, "technique": "off"})


@pytest.mark.parametrize("guide", GUIDES)
def test_17_the_blur_does_not_cross_edges(gpu: Gpu, guide: str) -> None:
    h, w = 36, 64
    halves = np.where(np.arange(w) < w // 2, 0.0, 1.0)[None, :, None] * np.ones((h, 1, 4))
    rounding = {"surface": 0.0, "variance": 2.0**-24}[guide]  # of single floats up to 1; measured 2^-25
    out, _ = blurred(gpu, "step:gap=0.5", guide, halves.astype("f4"))
    assert np.abs(out - halves).max() <= rounding
    p = render_small(gpu, {"scene": "ball alone", "technique": "off"})
    on_ball = np.where(p.surface_mask, 0.25, 9.0)[..., None] * np.ones(4)
    out, _ = blurred(gpu, "ball alone", guide, on_ball.astype("f4"))
    assert np.abs(out - on_ball).max() <= rounding


@pytest.mark.parametrize("guide", GUIDES)
@pytest.mark.parametrize("radius", [2, 4, 16])
def test_18_the_blur_keeps_a_constant(gpu: Gpu, radius: int, guide: str) -> None:
    for scene in ("yard", "plane:tilt=85", "ball"):
        out, _ = blurred(gpu, scene, guide, np.full((36, 64, 4), 0.75, "f4"), radius)
        assert np.abs(out - 0.75).max() < 1e-6


def full_kernel(p: SmallRender, picture: FrameResult, values: Doubles) -> Doubles:
    """What the blur would make of (h, w, k) values if it went over its square at once, each neighbour weighed once,
    from G-buffer arrays.
    """
    blur, frame = picture.shot.denoise, picture.inputs.frame
    pixel = 2 * frame.tan_half_fov[1] * p.depth / values.shape[0]
    sum_, total = np.zeros_like(values), np.zeros_like(pixel)
    h, w = pixel.shape
    y, x = np.mgrid[:h, :w]
    reach = range(-blur.radius, blur.radius + 1)
    for dy, dx in ((i, j) for i in reach for j in reach):
        inside = (y + dy >= 0) & (y + dy < h) & (x + dx >= 0) & (x + dx < w)
        q = (y + dy).clip(0, h - 1), (x + dx).clip(0, w - 1)
        off_plane = np.abs(((p.position[q] - p.position) * p.normal).sum(-1)) / (pixel * blur.plane_distance)
        turned = (1 - (p.normal * p.normal[q]).sum(-1)) / (1 - np.cos(np.radians(blur.max_normal_angle)))
        weight = (
            inside
            * np.clip(2 - off_plane, 0, 1)
            * np.clip(2 - turned, 0, 1)
            * np.prod([0.5 if abs(d) == blur.radius else 1.0 for d in (dy, dx)])
        )
        weight = np.where((dy, dx) == (0, 0), 1.0, weight)
        sum_, total = sum_ + weight[..., None] * values[q], total + weight
    found: Doubles = sum_ / total[..., None]
    return found


@pytest.mark.parametrize("scene", ["groove:angle=90", "ball"])
def test_19_across_then_down_is_nearly_the_whole_square(gpu: Gpu, scene: str) -> None:
    """Separable, the blur reaches some neighbours by way of others, and leaves no streaks of that: far less than what
    it takes away.
    """
    shot = Shot().with_values(
        SMALL | {"scene": scene, "ssdo.radius": 1.0, "environment": "ramp-x", "denoise.radius": 4}
    )
    picture, p = render_frame(gpu, shot), render_small(gpu, {"scene": scene, "technique": "off"})
    assert p.surface_mask.all()
    for raw, out in zip(picture.unfiltered[:2], picture.lighting[:2], strict=True):
        before, after = gpu.read(raw).astype("f8"), gpu.read(out).astype("f8")
        apart = np.abs(after - full_kernel(p, picture, before)).max(-1)
        taken = np.sqrt(((after - before) ** 2).mean())
        # of pi; measured 0.12 in the groove, 0.31 at the ball's outline; root mean squares 0.06 and 0.14 of what is
        # taken away
        assert apart.max() < 0.4
        assert np.sqrt((apart**2).mean()) < 0.2 * taken


@pytest.mark.parametrize("guide", GUIDES)
def test_20_the_blur_comes_before_albedo(gpu: Gpu, guide: str) -> None:
    for technique in TECHNIQUES:
        p = render_small(gpu, {"scene": "checker", "technique": technique, "denoise.radius": 4, "denoise.guide": guide})
        ratio = p.radiance / p.albedo
        assert np.abs(ratio[p.surface_mask] - 1).max() < 3 * HALF
        assert p.albedo[p.surface_mask].min() < 0.2 < 0.7 < p.albedo.max()


@pytest.mark.parametrize("visibility", ["ray-march", "single-sample"])
def test_36_the_mean_does_not_depend_on_the_sample_count(gpu: Gpu, visibility: str) -> None:
    s = {
        "scene": "corner",
        "technique": "ssao",
        "ssao.radius": 1.0,
        "ssao.thickness": 100.0,
        "ssao.visibility": visibility,
        "ssao.steps": 8,
    }
    truth = render_small(gpu, s | {"ssao.samples": 256, "accumulated_frames": 16})
    where = truth.surface_mask & (truth.visibility < 0.95)
    errors = []
    for n in (8, 16, 32, 64, 128):
        error = (render_small(gpu, s | {"ssao.samples": n}).visibility - truth.visibility)[where]
        sigma = np.sqrt((truth.visibility * (1 - truth.visibility))[where].mean() / n / where.sum())
        assert abs(error.mean()) < 3 * sigma
        errors.append(np.sqrt((error**2).mean()))
    slope = np.polyfit(np.log([8, 16, 32, 64, 128]), np.log(errors), 1)[0]
    assert slope < -0.45


def test_37_the_tile_is_one_even_pattern(gpu: Gpu) -> None:
    """A whole tile of N samples errs less than one pixel with as many: its directions are different and evenly
    spread.
    """
    s = {"scene": "plane:tilt=0", "technique": "ssdo", "environment": "ramp-x", "ssdo.samples": 4}
    tile = render_small(gpu, s).direct[:4, :4, 0]
    assert len(np.unique(tile)) == 16
    assert abs(tile.mean() - np.pi) < 0.1 * tile.std()


def test_40_the_same_shot_twice_is_the_same_to_the_bit(gpu: Gpu) -> None:
    for technique in TECHNIQUES:
        first = render_small(gpu, {"scene": "yard", "technique": technique, "accumulated_frames": 3, "denoise.radius": 2})
        render_small(gpu, {"scene": "ball", "technique": "off"})
        again = render_small(gpu, {"scene": "yard", "technique": technique, "accumulated_frames": 3, "denoise.radius": 2})
        for name in ("radiance", "direct", "indirect", "sun_and_lights", "visibility"):
            assert (getattr(first, name) == getattr(again, name)).all()
    other = render_small(gpu, {"scene": "yard", "technique": "ssdo", "accumulated_frames": 3, "denoise.radius": 2, "seed": 7})
    assert (other.direct != first.direct).any()


# ---- colour: faults 31, 32 ----------------------------------------------------------------------------------------------


def test_31_half_is_188(gpu: Gpu) -> None:
    shot = Shot().with_values(
        SMALL | {"scene": "plane", "technique": "ssdo", "display.tone_mapper": "none", "display.dither": False}
    )
    picture = render_accumulated(gpu, shot)
    assert abs(images.read_arrays(gpu, picture)["radiance"] - 0.5).max() < 1e-3
    assert set(np.unique(images.read_display(picture))) == {188}


def test_31_the_png_says_what_the_screen_showed(gpu: Gpu, tmp_path: Path) -> None:
    from PIL import Image

    picture = render_accumulated(gpu, Shot().with_values(SMALL | {"scene": "yard"}))
    images.save_result(tmp_path / "a.png", gpu, picture, picture.shot.values())
    with Image.open(tmp_path / "a.png") as image:
        assert (np.asarray(image) == images.read_display(picture)).all()


def test_32_images_are_linearised(gpu: Gpu) -> None:
    image = np.full((8, 8, 4), 188, "u1")
    image[:4, :4] = (255, 0, 0, 255)  # the top left quarter, where u and v are small
    board = make_quad(
        (-50, -50, 0),
        (50, -50, 0),
        (50, 50, 0),
        (-50, 50, 0),
        Material(albedo=(1.0, 1.0, 1.0), albedo_texture=ImageTexture(image)),
    )
    register_scene("board", lambda: Scene((board,), (0.0, 0.0, 80.0), (0.0, 0.0, 0.0), 40.0))
    p = render_small(gpu, {"scene": "board", "technique": "ssdo"})
    assert np.abs(p.albedo[-6:, 30:40] - 0.503).max() < 2e-3
    assert np.abs(p.radiance[-6:, 30:40] - 0.503).max() < 4e-3
    assert (p.albedo[6, 6] == (1, 0, 0)).all()


# ---- the sun ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("elevation", [4.0, 30.0, 89.0])
@pytest.mark.parametrize("size", [0.0, 0.53, 8.0])
def test_a_plane_does_not_shadow_itself(gpu: Gpu, elevation: float, size: float) -> None:
    p = render_small(
        gpu,
        {
            "scene": "plane:distance=4",
            "technique": "off",
            "sun.irradiance": 2.0,
            "sun.elevation": elevation,
            "sun.azimuth": 200.0,
            "sun.angular_diameter": size,
        },
    )
    assert np.abs(p.sun_and_lights / (2 * np.sin(np.radians(elevation))) - 1).max() < 2 * HALF


def test_a_ball_does_not_shadow_its_lit_side(gpu: Gpu) -> None:
    p = render_small(
        gpu,
        {
            "scene": "ball alone",
            "technique": "off",
            "sun.irradiance": 1.0,
            "sun.azimuth": 160.0,
            "sun.elevation": 20.0,
            "width": 128,
            "height": 72,
        },
    )
    e, a = np.radians(20), np.radians(160)
    cosine = p.normal @ np.array((np.sin(a) * np.cos(e), np.sin(e), -np.cos(a) * np.cos(e)))
    assert np.abs(p.sun_and_lights[..., 0] - np.maximum(cosine, 0))[p.surface_mask & (cosine > 0.1)].max() < 2e-3
    assert p.sun_and_lights[cosine < 0].max() == 0


def test_a_shadow_begins_at_the_foot_and_ends_where_it_should(gpu: Gpu) -> None:
    """A fence 1 m high, sun at 45 degrees behind it: the floor is dark from the fence to 1 m before it."""
    s: dict[str, Any] = {
        "scene": "low fence",
        "technique": "off",
        "sun.irradiance": 2.0,
        "sun.azimuth": 90.0,
        "sun.elevation": 45.0,
        "width": 256,
        "height": 144,
    }

    def fence() -> Scene:
        floor = make_quad((-6, 0, 6), (6, 0, 6), (6, 0, -6), (-6, 0, -6), GREY)
        return Scene((floor, make_box((1.0, 0, -5), (1.3, 1, 5), GREY)), (0.2, 7.0, 0.1), (0.2, 0.0, 0.0), 40.0)

    register_scene("low fence", fence)
    p = render_small(gpu, s)
    x, texel = p.position[..., 0], 2 * p.position[..., 2].max() / 2048 + 2 * 6 * 2**0.5 / 2048
    floor = p.surface_mask & (np.abs(p.position[..., 1]) < 1e-3)
    dark = floor & (x > 0.0 + 4 * texel) & (x < 1.0 - 1e-3)
    light = floor & (x < -4 * texel)
    assert dark.sum() > 100
    assert p.sun_and_lights[dark].max() < 0.05 * 2
    assert np.abs(p.sun_and_lights[light] - 2 * np.sin(np.radians(45))).max() < 4 * HALF
    hard, soft = (render_small(gpu, s | {"sun.angular_diameter": size}).sun_and_lights[..., 0] for size in (0.0, 10.0))
    between = [((v > 0.1) & (v < 1.3) & floor).sum() for v in (hard, soft)]
    assert between[1] > 3 * between[0]


def test_gbuffer_is_what_it_says(gpu: Gpu) -> None:
    p = render_small(gpu, {"scene": "yard", "technique": "off", "width": 128, "height": 72})
    assert np.abs(np.linalg.norm(p.normal[p.surface_mask], axis=-1) - 1).max() < 2e-3
    assert p.emission[p.surface_mask].max() == 3.0
    on_floor = p.surface_mask & (p.normal[..., 1] > 0.999) & (p.albedo[..., 2] > 0.4) & (p.albedo[..., 2] < 0.6)
    assert np.abs(p.position[..., 1][on_floor]).max() < 1e-4
    assert isinstance(render_accumulated(gpu, Shot().with_values(SMALL | {"scene": "yard"})).inputs.gbuffer, GBuffer)


# ---- times: fault 42 ----------------------------------------------------------------------------------------------------


class Stopwatch:
    """Stands for a context and for the wall clock. Drawing is counted at once, but takes its time only when it is
    waited for.
    """

    def __init__(self, renderer: str, drawn: Sequence[float]) -> None:
        self.info = {"GL_RENDERER": renderer}
        self.drawn = list(drawn)  # milliseconds that each drawing takes
        self.now, self.waiting, self.queries, self.waits = 100.0, 0.0, 0, 0

    def perf_counter(self) -> float:
        return self.now

    def draw(self) -> None:
        self.waiting += self.drawn.pop(0)

    def finish(self) -> None:
        self.now, self.waiting, self.waits = self.now + 1e-3 * self.waiting, 0.0, self.waits + 1

    def query(self, time: bool) -> Query:
        self.queries += 1
        return Query(self)


class Query(contextlib.AbstractContextManager["Query"]):
    """A timer query, whose first reading means nothing."""

    def __init__(self, watch: Stopwatch) -> None:
        self.watch, self.took, self.read = watch, 0.0, False

    def __exit__(self, *error: object) -> None:
        self.took, self.watch.waiting = self.watch.waiting, 0.0

    @property
    def elapsed(self) -> int:
        first, self.read = not self.read, True
        return 2**32 - 1 if first else round(1e6 * self.took)


def timed(monkeypatch: pytest.MonkeyPatch, renderer: str, drawn: Sequence[float]) -> tuple[PassTimer, Stopwatch]:
    """A clock that has measured a pass once in each frame, after another drawing that is none of its business."""
    watch = Stopwatch(renderer, [ms for one in drawn for ms in (7.0, one)])
    monkeypatch.setattr("ssdo.gpu.timer.time", watch)
    clock = PassTimer(cast(Any, watch), clock=watch.perf_counter)
    clock.enabled = True
    for _ in drawn:
        clock.begin_frame()
        watch.draw()
        if not clock.is_software_renderer:
            watch.waiting = 0.0
        with clock.measure("pass"):
            watch.draw()
    return clock, watch


def test_42_a_software_renderer_is_waited_for(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wall clock around each pass, from when all before is done until it is done itself; the median, so that one hiccup
    does not count.
    """
    for renderer in ("llvmpipe (LLVM 15.0.6, 256 bits)", "Google SwiftShader"):
        clock, watch = timed(monkeypatch, renderer, (2.0, 3.0, 100.0, 2.0, 3.0))
        assert clock.is_software_renderer and not watch.queries and watch.waits == 10
        assert clock.medians == {"pass": pytest.approx(3.0)}


def test_42_a_gpu_is_asked_and_not_waited_for(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its three timer queries, each is read three frames later; what they say first means nothing."""
    clock, watch = timed(monkeypatch, "NVIDIA H200", (50.0,) * 3 + (2.0, 3.0, 100.0, 2.0, 3.0) + (50.0,) * 3)
    assert not clock.is_software_renderer and not watch.waits and watch.queries == 3
    assert clock.medians == {"pass": pytest.approx(3.0)}


def test_42_a_time_comes_with_what_it_was_measured_by(gpu: Gpu, capsys: pytest.CaptureFixture[str]) -> None:
    """Renderer and kind of timer, beside resolution and samples."""
    from ssdo.commands.doctor import main
    from ssdo.viewer.session import Session
    from ssdo.viewer.status import StatusLine

    renderer = gpu.ctx.info["GL_RENDERER"]
    session = Session(gpu, Shot().with_values({"scene": "ball", "ssdo.samples": 4}), {})
    session.step((64, 36))
    with gpu.scope("B"):
        gpu.free_unused()
        gpu.free_unused()
    timer = "wall clock" if gpu.is_software_renderer else "GPU timer"
    for words in ("4 directions", "64x36", f"{timer} on {renderer.split('(')[0].split('/')[0].strip()}"):
        assert words in StatusLine(session).text
    if gpu.is_software_renderer:
        session.renders["B"].frame_times = deque((2.0, 3.0, 100.0))
        assert " 3 ms, wall clock" in StatusLine(session).text
    assert main([]) == 0
    told = capsys.readouterr().out
    assert (
        f"renderer  {renderer}" in told
        and {"wall clock": "wall clock", "GPU timer": "GPU timer queries"}[timer] in told
    )
