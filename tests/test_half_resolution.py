"""Lighting at half the resolution: every second pixel is exactly what it was, and what is brought to the others stays
on its surface.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from render_small import SMALL, lights, register, shoot
from ssdo.commands.capture import main as capture
from ssdo.gpu.context import Gpu, Texture
from ssdo.measure import images, references
from ssdo.measure.reference_cache import Store
from ssdo.render import half_resolution
from ssdo.render.frame_uniforms import positions
from ssdo.render.gbuffer import BACKGROUND
from ssdo.render.pipeline import FrameResult, render_accumulated, render_frame
from ssdo.render.shot import Shot, Wanted
from ssdo.render.technique import LIGHTING_FORMAT, Lighting, Technique
from ssdo.render.techniques.reference import Reference
from ssdo.scene import built_in
from ssdo.scene.model import Floats, Material, Scene
from ssdo.scene.modelling.assembly import merged
from ssdo.scene.modelling.shapes import quad
from ssdo.settings import UserError
from ssdo.viewer.pixel_inspector import CLOSED, probed
from ssdo.viewer.session import Session

ROUNDING = 1 / 2048  # half floats of the G-buffer
FLOAT = 2.0**-22  # of sums of a few single floats, as a share
SIZES = [(64, 36), (63, 35), (5, 3), (2, 2), (1, 1), (1, 7), (9, 1)]
DRAWN = [name for name, kind in Technique.known.items() if not kind.progressive]


def drawn(gpu: Gpu, values: dict[str, Any]) -> FrameResult:
    """A picture at half the resolution, unless the values say otherwise."""
    return render_frame(gpu, Shot().with_values(SMALL | {"lighting.resolution": "half"} | values))


def every_second(whole: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Of an array with row 0 on top: the lower left pixel is the first."""
    return whole[::-1][::2, ::2][::-1]


def upsampled(gpu: Gpu, p: FrameResult, values: Floats) -> Floats:
    """What becomes of values (h, w, 4) of every second pixel, at all of them."""
    into = gpu.target("given light", (values.shape[1], values.shape[0]), LIGHTING_FORMAT, LIGHTING_FORMAT)
    for texture in into.textures:
        gpu.write(texture, values)
    light = half_resolution.upsampled(gpu, p.view, Lighting(*into.textures), p.shot.denoise)
    direct, indirect = gpu.read(light.direct), gpu.read(light.indirect)
    assert ((direct == indirect) | (indirect == 0)).all()
    return direct


# ---- every second pixel -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scene", ["cornell", "courtyard", "atelier"])  # diffuse; and with normal images; and glossy
def test_every_second_pixel_is_exactly_what_it_was(gpu: Gpu, scene: str, size: tuple[int, int]) -> None:
    p = drawn(gpu, {"scene": scene, "technique": "off", "width": size[0], "height": size[1]})
    textures: list[tuple[Texture | None, Texture | None]] = list(zip(p.view.gbuffer, p.lit_view.gbuffer, strict=True))
    for whole, sparse in [
        *textures,
        (p.view.sun, p.lit_view.sun),
        (p.view.direct_specular, p.lit_view.direct_specular),
    ]:
        assert (whole is None) == (sparse is None)
        if whole and sparse:
            assert whole.dtype == sparse.dtype
            np.testing.assert_array_equal(every_second(gpu.read(whole)), gpu.read(sparse))
    assert p.unfiltered.direct.size == p.lit_view.size == (-(-size[0] // 2), -(-size[1] // 2))
    assert p.lighting.direct.size == size
    assert built_in.load(scene, 0.0).glossy == (p.lit_view.direct_specular is not None)


@pytest.mark.parametrize("size", SIZES)
def test_a_shifted_lens_sees_every_second_pixel_where_it_is(gpu: Gpu, size: tuple[int, int]) -> None:
    """In Python, and by what shaders know: places, pixels and heights. float32 resolves 6e-8 of a depth; measured 2e-7
    and below 1e-5 pixels.
    """
    p = drawn(gpu, {"scene": "nook", "technique": "off", "width": size[0], "height": size[1]})
    depth = gpu.read(p.view.gbuffer.depth)[..., 0]
    depth = np.where(depth < BACKGROUND, depth, np.inf).astype("f4")
    whole, sparse = positions(p.view.frame, depth), positions(p.lit_view.frame, every_second(depth))
    np.testing.assert_allclose(sparse, every_second(whole), rtol=1e-12, atol=1e-12)
    seen = np.isfinite(every_second(depth))
    place, error = (
        gpu.read(t)
        for t in gpu.draw(
            "lens.frag",
            gpu.target("lens", p.lit_view.size, *["rgba32f"] * 2),
            frame=p.lit_view.frame,
            gbuffer=p.lit_view.gbuffer,
        )
    )
    assert np.abs(place[..., :3] - sparse)[seen].max(initial=0) < 1e-5 * built_in.load("nook", 0.0).size
    assert error[seen][:, :2].max(initial=0) < 1e-4
    assert error[seen][:, 2].max(initial=0) < 1e-5
    corners = np.concatenate([sparse[seen], np.ones((seen.sum(), 1))], -1) @ np.array(
        p.lit_view.frame.clip_from_world
    ).reshape(4, 4)
    rows, columns = np.nonzero(seen)
    np.testing.assert_allclose((corners[:, 0] / corners[:, 3] + 1) / 2 * p.lit_view.size[0], columns + 0.5, atol=1e-5)
    np.testing.assert_allclose((1 - corners[:, 1] / corners[:, 3]) / 2 * p.lit_view.size[1], rows + 0.5, atol=1e-5)


def test_where_a_pixel_has_its_light_from() -> None:
    for size in SIZES:
        whole = np.arange(size[0] * size[1]).reshape(size[1], size[0])
        sparse = every_second(whole)
        uv = np.stack(np.meshgrid(*((np.arange(n) + 0.5) / n for n in sparse.shape[::-1])), -1).astype("f4")
        back = half_resolution.whole(size, uv) * size  # pixels from the lower left
        for y, x in np.ndindex(whole.shape):
            i, j = half_resolution.place(size, x, y)
            found = (
                int(np.argwhere(whole == sparse[j, i])[0][1]),
                size[1] - 1 - int(np.argwhere(whole == sparse[j, i])[0][0]),
            )
            assert (x - found[0], (size[1] - 1 - y) - found[1]) in {(0, 0), (1, 0), (0, 1), (1, 1)}
            np.testing.assert_allclose(back[sparse.shape[0] - 1 - j, i], np.add(found, 0.5), atol=1e-3)


# ---- what is known exactly ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("technique", ["ssao", "ssdo"])
@pytest.mark.parametrize("visibility", ["ray-march", "single-sample"])
@pytest.mark.parametrize("tilt", [0, 45, 85])
@pytest.mark.parametrize("size", [(64, 36), (63, 35)])
def test_f1_a_plane_is_open_at_half_the_resolution(
    gpu: Gpu, technique: str, visibility: str, tilt: int, size: tuple[int, int]
) -> None:
    for blur in (0, 4):
        own = {
            f"{technique}.visibility": visibility,
            "lighting.resolution": "half",
            "width": size[0],
            "height": size[1],
            "denoise.radius": blur,
        }
        p = shoot(gpu, {"scene": f"plane:tilt={tilt}", "technique": technique, f"{technique}.radius": 3.0} | own)
        assert p.surface.all()
        assert p.open.min() == p.open.max() == 1.0
        assert np.abs(p.direct / np.pi - 1).max() < ROUNDING
        assert not p.indirect.any()


@pytest.mark.parametrize("technique", DRAWN)
@pytest.mark.parametrize("size", SIZES)
def test_every_technique_at_every_size(gpu: Gpu, technique: str, size: tuple[int, int]) -> None:
    for scene in ("courtyard", "atelier"):
        p = drawn(
            gpu, {"scene": scene, "technique": technique, "width": size[0], "height": size[1], "denoise.radius": 4}
        )
        found = images.arrays(gpu, p)
        assert all(np.isfinite(values).all() for name, values in found.items() if name != "depth")
        surface = np.isfinite(found["depth"])
        assert (found["open"] >= 0).all() and (found["open"] <= 1 + FLOAT).all()
        assert (
            (found["open"][~surface] == 1).all()
            and not found["direct"][~surface].any()
            and not found["indirect"][~surface].any()
        )
        assert surface.sum() == 0 or found["direct"][surface].max() > 0
        assert technique == "off" or p.lighting.gloss is None or np.isfinite(gpu.read(p.lighting.gloss)).all()


def test_the_truth_is_always_at_full_resolution(gpu: Gpu) -> None:
    p = drawn(gpu, {"scene": "cornell", "technique": "reference"})
    assert not p.shot.lighting.half and p.lit_view is p.view and p.unfiltered.direct.size == p.display.size
    shots = references.halves(Shot().with_values({"lighting.resolution": "half"}), 4)
    assert not any(shot.lighting.half for shot in shots), (
        "nor that of the screen, so that what half the resolution costs is part of an error"
    )
    with pytest.raises(UserError, match=r"--lighting\.resolution half has no effect"):
        Wanted({}, {"technique": "reference", "lighting.resolution": "half"}).shots()
    assert Wanted({}, {"lighting.resolution": "half"}).shots(["ssao", "reference"])[0].lighting.half


def test_the_same_shot_twice_is_the_same_to_the_bit(gpu: Gpu) -> None:
    values = {"scene": "atelier", "technique": "ssdo", "denoise.radius": 4}
    first = images.arrays(gpu, drawn(gpu, values))
    drawn(gpu, values | {"scene": "cornell", "width": 33})
    second = images.arrays(gpu, drawn(gpu, values))
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


# ---- from every second pixel to all -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(64, 36), (63, 35)])
def test_a_constant_stays_and_a_pixel_keeps_its_own(gpu: Gpu, size: tuple[int, int]) -> None:
    p = drawn(gpu, {"scene": "courtyard", "technique": "off", "width": size[0], "height": size[1]})
    surface = gpu.read(p.view.gbuffer.depth)[..., 0] < BACKGROUND
    columns, rows = p.lit_view.size
    one = np.broadcast_to(np.array((0.3, 2.0, 7.0, 1.0), "f4"), (rows, columns, 4))
    assert np.abs(upsampled(gpu, p, one)[surface] / one[0, 0] - 1).max() < FLOAT
    assert (upsampled(gpu, p, one)[~surface] == (0, 0, 0, 1)).all()
    light = np.random.default_rng(1).uniform(0.1, 1.0, (rows, columns, 4)).astype("f4")
    found = upsampled(gpu, p, light)
    np.testing.assert_array_equal(every_second(found)[every_second(surface)], light[every_second(surface)])
    assert found[surface].min() >= 0.1 * (1 - FLOAT) and found[surface].max() <= 1 + FLOAT


def test_between_pixels_of_one_surface_light_is_linear(gpu: Gpu) -> None:
    """A ramp across and one down, on a plane that fills the picture; beyond the last of these pixels it goes on as at
    that.
    """
    p = drawn(gpu, {"scene": "plane:tilt=45", "technique": "off"})
    x, y = np.meshgrid(np.arange(64.0), np.arange(35.0, -1, -1))  # from the lower left
    ramp = np.stack([x, y, x + y, np.ones_like(x)], -1).astype("f4")
    found = upsampled(gpu, p, every_second(ramp))
    expected = np.stack(
        [np.minimum(x, 62), np.minimum(y, 34), np.minimum(x, 62) + np.minimum(y, 34), np.ones_like(x)], -1
    )
    np.testing.assert_allclose(found, expected, rtol=FLOAT, atol=1e-6)


def faces(p: FrameResult, gpu: Gpu) -> npt.NDArray[np.int64]:
    """The number of the flat face that is seen at each pixel, told by its plane; 0 is the sky."""
    depth = gpu.read(p.view.gbuffer.depth)[..., 0]
    seen = depth < BACKGROUND
    place, normal = (
        positions(p.view.frame, np.where(seen, depth, np.inf).astype("f4")),
        gpu.read(p.view.gbuffer.normal)[..., :3],
    )
    height = np.einsum("hwc,hwc->hw", np.where(seen[..., None], place, 0), normal)
    planes = np.concatenate([np.rint(8 * normal), np.rint(10 * height[..., None] + 0.3), seen[..., None]], -1).reshape(
        -1, 5
    )
    number = np.unique(planes, axis=0, return_inverse=True)[1].reshape(depth.shape)
    return np.where(seen, number + 1, 0)


@pytest.mark.parametrize("size", [(160, 90), (81, 45)])
@pytest.mark.parametrize("scene", ["cornell", "step", "fence", "trench"])
def test_light_stays_on_its_face_and_the_sky_does_not_bleed(gpu: Gpu, scene: str, size: tuple[int, int]) -> None:
    """Where a face is known within 4 x 4 of these pixels, each of its own has its light and nothing of another's, to
    the last digits.
    """
    p = drawn(gpu, {"scene": scene, "technique": "off", "width": size[0], "height": size[1]})
    face = faces(p, gpu)
    sparse = every_second(face)
    light = np.repeat(np.where(face == 0, 1e6, face)[..., None], 4, -1).astype("f4")
    found = upsampled(gpu, p, every_second(light))[..., 0]
    known = np.zeros(face.shape, bool)
    for y, x in np.ndindex(face.shape):
        i, j = half_resolution.place(size, x, y)  # and one to the left and below, two to the right and above
        known[y, x] = (sparse[max(0, j - 2) : j + 2, max(0, i - 1) : i + 3] == face[y, x]).any()
    assert len(np.unique(face)) > 1 and known[face > 0].mean() > 0.85  # not the rim of the box, a pixel wide
    where = known & (face > 0)
    np.testing.assert_allclose(found[where], face[where], rtol=FLOAT)


def strip(column: int) -> Scene:
    """A white strip as wide as a pixel, upright, seen in one column of 16 x 9 pixels before the sky."""
    low, high = (2 * (column + k) / 16 - 1 for k in (0, 1))
    white = Material(albedo=(1.0, 1.0, 1.0))
    x = np.tan(np.radians(20)) * 16 / 9
    mesh = quad((low * x, -1, -1), (high * x, -1, -1), (high * x, 1, -1), (low * x, 1, -1), white)
    return Scene(tuple(merged([mesh])), (0.0, 0.0, 0.0), (0.0, 0.0, -1.0), 40.0, environment="ramp-z")


@pytest.mark.parametrize("column", [4, 5])
def test_what_is_seen_at_none_of_these_pixels_is_lit_by_all_of_the_sky(gpu: Gpu, column: int) -> None:
    scene = register(f"strip {column}", lambda: strip(column))
    found = {
        r: shoot(gpu, {"scene": scene, "technique": "ssdo", "lighting.resolution": r, "width": 16, "height": 9})
        for r in ("full", "half")
    }
    assert (found["half"].surface == (np.arange(16) == column)).all()
    everything = shoot(gpu, {"scene": scene, "technique": "off", "width": 16, "height": 9})
    sparse, seen = found["half"], everything.surface
    assert everything.direct[seen].min() > 0.1
    assert (sparse.open[seen] == 1).all() and not sparse.indirect[seen].any()
    if column % 2:
        np.testing.assert_array_equal(sparse.direct, everything.direct)
    else:  # seen at every second row: its samples are its own
        assert np.abs(sparse.direct[seen] / everything.direct[seen] - 1).max() < 0.3


# ---- how good -----------------------------------------------------------------------------------------------------------


def test_the_error_against_the_truth_is_hardly_larger(gpu: Gpu) -> None:
    """The courtyard, RMSE of radiance without the truth's noise. Measured here: SSAO 0.0911 and 0.0933, SSDO 0.1049 and
    0.1064; the larger the picture the less."""
    shot = Shot().with_values({"width": 160, "height": 90})
    world = references.world(gpu, shot, Reference(rays=4), 16, Store(None))
    for technique in ("ssao", "ssdo"):
        errors = {}
        for resolution in ("full", "half"):
            found = images.arrays(
                gpu,
                render_accumulated(gpu, shot.with_values({"technique": technique, "lighting.resolution": resolution})),
            )
            errors[resolution] = world.error(found["radiance"], references.surface(found))
        assert errors["half"] < 1.05 * errors["full"]


@pytest.mark.parametrize("technique", ["ssdo", "bitmask"])
def test_a_reflection_is_brought_to_all_pixels_too(gpu: Gpu, technique: str) -> None:
    """The open share of the lobe and what closes it, where it is: on what is glossy. Of the mean over the picture half
    the resolution takes little.
    """
    found = {}
    for resolution in ("full", "half"):
        p = drawn(
            gpu,
            {
                "scene": "atelier",
                "technique": technique,
                "width": 160,
                "height": 90,
                "denoise.radius": 4,
                "lighting.resolution": resolution,
            },
        )
        assert p.lighting.gloss is not None and p.view.gbuffer.gloss is not None
        found[resolution], surfaces = gpu.read(p.lighting.gloss), gpu.read(p.view.gbuffer.gloss)
    glossy = surfaces[..., :3].any(-1)
    assert glossy.sum() > 100 and (found["half"][~glossy] == (0, 0, 0, 1)).all()
    full, sparse = (found[r][glossy] for r in ("full", "half"))
    np.testing.assert_allclose(sparse.mean(0), full.mean(0), rtol=0.1)  # measured 0.05


# ---- programs -----------------------------------------------------------------------------------------------------------


def test_a_picture_repeats_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    assert (
        capture(
            [
                "--scene",
                "nook",
                "--width",
                "65",
                "--height",
                "37",
                "--lighting.resolution",
                "half",
                "--output",
                str(first),
            ]
        )
        == 0
    )
    assert images.shot_values(first)["lighting.resolution"] == "half"
    assert capture(["--like", str(first), "--output", str(second)]) == 0
    assert first.read_bytes() == second.read_bytes()
    assert capture(["--like", str(first), "--lighting.resolution", "full", "--output", str(tmp_path / "c.png")]) == 0
    assert (tmp_path / "c.png").read_bytes() != first.read_bytes()


def test_the_viewer_halves_what_is_shown(gpu: Gpu) -> None:
    session = Session(gpu, Shot().with_values({"scene": "nook", "technique": "ssdo"}), {})
    session.step((65, 37))
    assert "half" not in session.status()
    session.toggle_half()
    assert (
        session.shot("A").lighting.half and session.shot("B").lighting.half and not session.shot("truth").lighting.half
    )
    session.step((65, 37))
    p = session.lens.picture("B")
    assert p and p.lit_view.size == (33, 19) and p.display.size == (65, 37)
    assert "half resolution" in session.status()
    session.choose_view("split")
    session.set_linked("lighting.resolution", False)
    session.change({"lighting.resolution": "full"}, "A")
    assert not session.shot("A").lighting.half and session.shot("B").lighting.half
    session.choose("A", "reference")
    session.toggle_half()
    assert not session.shot("B").lighting.half
    session.choose_view("A")
    session.toggle_half()
    assert "the truth" in session.note


@pytest.mark.parametrize(
    "technique, field",
    [
        ("ssdo", "open"),
        ("ssdo", "probes"),
        ("ssao", "open"),
        ("gtao", "open"),
        ("bitmask", "open"),
        ("bitmask", "probes"),
    ],
)
@pytest.mark.parametrize("size", [(64, 36), (65, 37)])
def test_a_pixel_taken_apart_is_the_one_that_was_lit(
    gpu: Gpu, technique: str, field: str, size: tuple[int, int]
) -> None:
    """As tests/test_viewer_session.py at full resolution; and surfaces that close directions are found where they are
    in the whole picture.
    """
    session = Session(
        gpu,
        Shot().with_values(
            {"scene": "nook", "technique": technique, "lighting.resolution": "half", "probes.enabled": field}
        ),
        {},
    )
    session.step(size)
    p = session.lens.picture("B")
    assert p
    direct, indirect = lights(gpu, p.unfiltered)
    sparse = gpu.read(p.lit_view.gbuffer.depth)[..., 0] < BACKGROUND
    counted = 0
    for y, x in np.argwhere(gpu.read(p.view.gbuffer.depth)[..., 0] < BACKGROUND)[::41]:
        i, j = half_resolution.place(size, int(x), int(y))
        found = probed(gpu, p, int(x), int(y))
        assert (found is not None) == sparse[j, i]
        if found is None:
            continue
        sums = found.sums
        assert sums[0] == pytest.approx(direct[j, i, :3], rel=1e-5, abs=1e-6)
        assert sums[1] == pytest.approx(indirect[j, i, :3], rel=1e-5, abs=1e-6)
        at = found.senders[found.fates == CLOSED] * size - 0.5  # a pixel that is one of every second
        assert np.abs(at / 2 - np.rint(at / 2)).max(initial=0) < 1e-3
        counted += len(at)
    assert counted > 20
