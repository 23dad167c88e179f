"""Lighting at half resolution: its pixels are exact, and upsampled light stays on its surface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from closed_forms import HALF_FLOAT_ROUNDING
from render_small import SMALL, read_depth, read_lighting, register_scene, render_small
from ssdo.arrays import Array, Floats, Longs
from ssdo.commands.capture import main as capture
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Texture
from ssdo.measure import images, references
from ssdo.measure.reference_cache import ReferenceCache
from ssdo.render import half_resolution
from ssdo.render.frame_uniforms import world_positions
from ssdo.render.pipeline import FrameResult, render_all_frames, render_frame
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides
from ssdo.render.technique import LIGHTING_FORMAT, Lighting, Technique
from ssdo.render.techniques.reference import Reference
from ssdo.scene.loader import load_scene
from ssdo.scene.model import Material, Scene
from ssdo.scene.modelling.assembly import merge_by_material
from ssdo.scene.modelling.shapes import make_quad
from ssdo.settings import UserError
from ssdo.viewer.pixel_inspector import OCCLUDED, inspect_pixel
from ssdo.viewer.session import Session
from ssdo.viewer.status import StatusLine

FLOAT_ROUNDING = 2.0**-22  # of sums of a few single floats, relative
SIZES = [(64, 36), (63, 35), (5, 3), (2, 2), (1, 1), (1, 7), (9, 1)]
TECHNIQUES = [name for name, technique in Technique.known.items() if not technique.progressive]


def render_half(gpu: Gpu, values: dict[str, Any]) -> FrameResult:
    """A small frame with lighting at half resolution, unless the values say otherwise."""
    return render_frame(gpu, Shot().with_values(SMALL | {"lighting.resolution": "half"} | values))


def halve(values: Array) -> Array:
    """Every second pixel of an array with row 0 on top, beginning at the lower left."""
    return values[::-1][::2, ::2][::-1]


def upsample(gpu: Gpu, result: FrameResult, values: Floats) -> Floats:
    """Upsample values (h, w, 4) of the half resolution to all pixels of a frame."""
    target = gpu.target("half lighting", (values.shape[1], values.shape[0]), LIGHTING_FORMAT, LIGHTING_FORMAT)
    for texture in target.textures:
        gpu.write(texture, values)
    lighting = half_resolution.upsample_lighting(gpu, result.inputs, Lighting(*target.textures), result.shot.denoise)
    direct, indirect = gpu.read(lighting.direct), gpu.read(lighting.indirect)
    assert ((direct == indirect) | (indirect == 0)).all()
    return direct


# ---- the pixels of the half resolution -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scene", ["cornell", "courtyard", "atelier"])  # diffuse; normal maps; specular reflection
def test_pixels_of_the_half_resolution_are_bit_equal(gpu: Gpu, scene: str, size: tuple[int, int]) -> None:
    result = render_half(gpu, {"scene": scene, "technique": "off", "width": size[0], "height": size[1]})
    textures: list[tuple[Texture | None, Texture | None]] = list(
        zip(result.inputs.gbuffer, result.shading_inputs.gbuffer, strict=True)
    )
    textures += zip(result.inputs.direct_lighting, result.shading_inputs.direct_lighting, strict=True)
    for full, half in textures:
        assert (full is None) == (half is None)
        if full and half:
            assert full.dtype == half.dtype
            np.testing.assert_array_equal(halve(gpu.read(full)), gpu.read(half))
    assert result.unfiltered.direct.size == result.shading_inputs.size == (-(-size[0] // 2), -(-size[1] // 2))
    assert result.lighting.direct.size == size
    assert load_scene(scene, 0.0).has_specular == (result.shading_inputs.direct_lighting.specular is not None)


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
@pytest.mark.parametrize("size", SIZES)
def test_an_off_centre_projection_keeps_positions(gpu: Gpu, size: tuple[int, int], projection: str) -> None:
    """In Python and in shaders: world positions, pixels and heights over a plane.

    float32 resolves 6e-8 of a depth; measured 2e-7, and below 1e-5 pixels.
    """
    values = {"scene": "nook", "technique": "off", "width": size[0], "height": size[1], "camera.projection": projection}
    result = render_half(gpu, values)
    depth = read_depth(gpu, result.inputs.gbuffer)
    full_positions, positions = (
        world_positions(result.inputs.frame, depth),
        world_positions(result.shading_inputs.frame, halve(depth)),
    )
    np.testing.assert_allclose(positions, halve(full_positions), rtol=1e-12, atol=1e-12)
    mask = np.isfinite(halve(depth))
    shader_positions, errors = (
        gpu.read(t)
        for t in gpu.draw(
            "lens.frag",
            gpu.target("lens", result.shading_inputs.size, *["rgba32f"] * 2),
            frame=result.shading_inputs.frame,
            gbuffer=result.shading_inputs.gbuffer,
        )
    )
    assert (
        np.abs(shader_positions[..., :3] - positions)[mask].max(initial=0)
        < 1e-5 * load_scene("nook", 0.0).bounding_radius
    )
    assert errors[mask][:, :2].max(initial=0) < 1e-4
    assert errors[mask][:, 2].max(initial=0) < 1e-5
    clip = np.concatenate([positions[mask], np.ones((mask.sum(), 1))], -1) @ np.array(
        result.shading_inputs.frame.clip_from_world
    ).reshape(4, 4)
    rows, columns = np.nonzero(mask)
    np.testing.assert_allclose(
        (clip[:, 0] / clip[:, 3] + 1) / 2 * result.shading_inputs.size[0], columns + 0.5, atol=1e-5
    )
    np.testing.assert_allclose((1 - clip[:, 1] / clip[:, 3]) / 2 * result.shading_inputs.size[1], rows + 0.5, atol=1e-5)


def test_pixels_of_both_resolutions_match() -> None:
    for size in SIZES:
        full = np.arange(size[0] * size[1]).reshape(size[1], size[0])
        half = halve(full)
        uv = np.stack(np.meshgrid(*((np.arange(n) + 0.5) / n for n in half.shape[::-1])), -1).astype("f4")
        centers = half_resolution.full_resolution_uv(size, uv) * size  # pixels from the lower left
        for y, x in np.ndindex(full.shape):
            i, j = half_resolution.half_resolution_pixel(size, x, y)
            row, column = np.argwhere(full == half[j, i])[0]
            nearest = int(column), size[1] - 1 - int(row)  # from the lower left
            assert (x - nearest[0], (size[1] - 1 - y) - nearest[1]) in {(0, 0), (1, 0), (0, 1), (1, 1)}
            np.testing.assert_allclose(centers[half.shape[0] - 1 - j, i], np.add(nearest, 0.5), atol=1e-3)


# ---- closed forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("technique", ["ssao", "ssdo"])
@pytest.mark.parametrize("visibility", ["ray-march", "single-sample"])
@pytest.mark.parametrize("tilt", [0, 45, 85])
@pytest.mark.parametrize("size", [(64, 36), (63, 35)])
def test_f1_a_plane_is_unoccluded_at_half_resolution(
    gpu: Gpu, technique: str, visibility: str, tilt: int, size: tuple[int, int]
) -> None:
    for blur in (0, 4):
        values = {
            f"{technique}.visibility": visibility,
            "lighting.resolution": "half",
            "width": size[0],
            "height": size[1],
            "denoise.radius": blur,
        }
        result = render_small(
            gpu, {"scene": f"plane:tilt={tilt}", "technique": technique, f"{technique}.radius": 3.0} | values
        )
        assert result.surface_mask.all()
        assert result.visibility.min() == result.visibility.max() == 1.0
        assert np.abs(result.direct / np.pi - 1).max() < HALF_FLOAT_ROUNDING
        assert not result.indirect.any()


@pytest.mark.slow
@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("size", SIZES)
def test_every_technique_at_every_size(gpu: Gpu, technique: str, size: tuple[int, int]) -> None:
    for scene in ("courtyard", "atelier"):
        result = render_half(
            gpu, {"scene": scene, "technique": technique, "width": size[0], "height": size[1], "denoise.radius": 4}
        )
        arrays = images.read_arrays(gpu, result)
        assert all(np.isfinite(values).all() for name, values in arrays.items() if name != "depth")
        surface = np.isfinite(arrays["depth"])
        assert (arrays["visibility"] >= 0).all() and (arrays["visibility"] <= 1 + FLOAT_ROUNDING).all()
        assert (
            (arrays["visibility"][~surface] == 1).all()
            and not arrays["direct"][~surface].any()
            and not arrays["indirect"][~surface].any()
        )
        assert surface.sum() == 0 or arrays["direct"][surface].max() > 0
        assert (
            technique == "off"
            or result.lighting.specular is None
            or np.isfinite(gpu.read(result.lighting.specular)).all()
        )


def test_the_reference_is_always_at_full_resolution(gpu: Gpu) -> None:
    result = render_half(gpu, {"scene": "cornell", "technique": "reference"})
    assert (
        not result.shot.lighting.is_half
        and result.shading_inputs is result.inputs
        and result.unfiltered.direct.size == result.display.size
    )
    shots = references.independent_shots(Shot().with_values({"lighting.resolution": "half"}), 4)
    assert not any(shot.lighting.is_half for shot in shots), (
        "nor is the converged screen-space result, so that errors contain the loss by half resolution"
    )
    with pytest.raises(UserError, match=r"--lighting\.resolution half has no effect"):
        Overrides({}, {"technique": "reference", "lighting.resolution": "half"}).build_shots()
    assert Overrides({}, {"lighting.resolution": "half"}).build_shots(["ssao", "reference"])[0].lighting.is_half


def test_equal_shots_are_bit_equal(gpu: Gpu) -> None:
    values = {"scene": "atelier", "technique": "ssdo", "denoise.radius": 4}
    first = images.read_arrays(gpu, render_half(gpu, values))
    render_half(gpu, values | {"scene": "cornell", "width": 33})
    second = images.read_arrays(gpu, render_half(gpu, values))
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


# ---- upsampling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(64, 36), (63, 35)])
def test_a_constant_is_kept_and_so_are_the_shaded_pixels(gpu: Gpu, size: tuple[int, int]) -> None:
    result = render_half(gpu, {"scene": "courtyard", "technique": "off", "width": size[0], "height": size[1]})
    surface = np.isfinite(read_depth(gpu, result.inputs.gbuffer))
    columns, rows = result.shading_inputs.size
    constant = np.broadcast_to(np.array((0.3, 2.0, 7.0, 1.0), "f4"), (rows, columns, 4))
    assert np.abs(upsample(gpu, result, constant)[surface] / constant[0, 0] - 1).max() < FLOAT_ROUNDING
    assert (upsample(gpu, result, constant)[~surface] == (0, 0, 0, 1)).all()
    light = np.random.default_rng(1).uniform(0.1, 1.0, (rows, columns, 4)).astype("f4")
    full_resolution = upsample(gpu, result, light)
    np.testing.assert_array_equal(halve(full_resolution)[halve(surface)], light[halve(surface)])
    assert (
        full_resolution[surface].min() >= 0.1 * (1 - FLOAT_ROUNDING)
        and full_resolution[surface].max() <= 1 + FLOAT_ROUNDING
    )


def test_upsampling_is_linear_on_a_surface(gpu: Gpu) -> None:
    """A horizontal and a vertical ramp on a plane that fills the picture, constant beyond the last shaded pixel."""
    result = render_half(gpu, {"scene": "plane:tilt=45", "technique": "off"})
    x, y = np.meshgrid(np.arange(64.0), np.arange(35.0, -1, -1))  # from the lower left
    ramp = np.stack([x, y, x + y, np.ones_like(x)], -1).astype("f4")
    full_resolution = upsample(gpu, result, halve(ramp))
    expected = np.stack(
        [np.minimum(x, 62), np.minimum(y, 34), np.minimum(x, 62) + np.minimum(y, 34), np.ones_like(x)], -1
    )
    np.testing.assert_allclose(full_resolution, expected, rtol=FLOAT_ROUNDING, atol=1e-6)


def face_numbers(gpu: Gpu, result: FrameResult) -> Longs:
    """(h, w) the number of the visible face, by its plane to a decimetre; 0 is the background."""
    depth = read_depth(gpu, result.inputs.gbuffer)
    mask = np.isfinite(depth)
    position = world_positions(result.inputs.frame, depth)
    normal = gpu.read(result.inputs.gbuffer.normal)[..., :3]
    height = np.einsum("hwc,hwc->hw", np.where(mask[..., None], position, 0), normal)
    planes = np.concatenate([np.rint(8 * normal), np.rint(10 * height[..., None] + 0.2), mask[..., None]], -1).reshape(
        -1, 5
    )
    number = np.unique(planes, axis=0, return_inverse=True)[1].reshape(depth.shape)
    return np.where(mask, number + 1, 0)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(160, 90), (81, 45)])
@pytest.mark.parametrize("scene", ["cornell", "step", "fence", "trench"])
def test_light_does_not_bleed_across_faces(gpu: Gpu, scene: str, size: tuple[int, int]) -> None:
    """Where one of the nearest 4 x 4 shaded pixels is of the same face. The background sends none either."""
    result = render_half(gpu, {"scene": scene, "technique": "off", "width": size[0], "height": size[1]})
    face = face_numbers(gpu, result)
    half_face = halve(face)
    light = np.repeat(np.where(face == 0, 1e6, face)[..., None], 4, -1).astype("f4")
    full_resolution = upsample(gpu, result, halve(light))[..., 0]
    has_shaded_pixel = np.zeros(face.shape, bool)
    for y, x in np.ndindex(face.shape):
        i, j = half_resolution.half_resolution_pixel(size, x, y)
        # with one shaded pixel to the left and below, two to the right and above
        has_shaded_pixel[y, x] = (half_face[max(0, j - 2) : j + 2, max(0, i - 1) : i + 3] == face[y, x]).any()
    assert len(np.unique(face)) > 1 and has_shaded_pixel[face > 0].mean() > 0.85  # the rim of the box is one pixel wide
    mask = has_shaded_pixel & (face > 0)
    np.testing.assert_allclose(full_resolution[mask], face[mask], rtol=FLOAT_ROUNDING)


def strip_scene(column: int) -> Scene:
    """A white vertical strip, one pixel wide, in one column of 16 x 9 pixels before the background."""
    low, high = (2 * (column + k) / 16 - 1 for k in (0, 1))
    white = Material(albedo=(1.0, 1.0, 1.0))
    x = np.tan(np.radians(20)) * 16 / 9
    mesh = make_quad((low * x, -1, -1), (high * x, -1, -1), (high * x, 1, -1), (low * x, 1, -1), white)
    return Scene(tuple(merge_by_material([mesh])), (0.0, 0.0, 0.0), (0.0, 0.0, -1.0), 40.0, environment="ramp-z")


@pytest.mark.parametrize("column", [4, 5])
def test_surfaces_between_shaded_pixels_see_the_whole_environment(gpu: Gpu, column: int) -> None:
    scene = register_scene(f"strip {column}", lambda: strip_scene(column))
    renders = {
        r: render_small(gpu, {"scene": scene, "technique": "ssdo", "lighting.resolution": r, "width": 16, "height": 9})
        for r in ("full", "half")
    }
    assert (renders["half"].surface_mask == (np.arange(16) == column)).all()
    unoccluded = render_small(gpu, {"scene": scene, "technique": "off", "width": 16, "height": 9})
    half, mask = renders["half"], unoccluded.surface_mask
    assert unoccluded.direct[mask].min() > 0.1
    assert (half.visibility[mask] == 1).all() and not half.indirect[mask].any()
    if column % 2:
        np.testing.assert_array_equal(half.direct, unoccluded.direct)
    else:  # every second pixel of the strip is shaded
        assert np.abs(half.direct[mask] / unoccluded.direct[mask] - 1).max() < 0.3


# ---- quality ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_error_grows_little(gpu: Gpu) -> None:
    """RMSE of radiance against the reference. Measured: SSAO 0.0911 and 0.0933, SSDO 0.1049 and 0.1064."""
    shot = Shot().with_values({"width": 160, "height": 90})
    world = references.render_world_reference(gpu, shot, Reference(rays=4), 16, ReferenceCache(None))
    for technique in ("ssao", "ssdo"):
        errors = {}
        for resolution in ("full", "half"):
            arrays = images.read_arrays(
                gpu,
                render_all_frames(gpu, shot.with_values({"technique": technique, "lighting.resolution": resolution})),
            )
            errors[resolution] = world.rmse(arrays["radiance"], references.surface_mask(arrays))
        assert errors["half"] < 1.05 * errors["full"]


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["ssdo", "bitmask"])
def test_specular_light_is_upsampled_too(gpu: Gpu, technique: str) -> None:
    """On surfaces with specular reflection only; its mean changes little."""
    specular = {}
    for resolution in ("full", "half"):
        result = render_half(
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
        assert result.lighting.specular is not None and result.inputs.gbuffer.specular is not None
        specular[resolution], f0_roughness = (
            gpu.read(result.lighting.specular),
            gpu.read(result.inputs.gbuffer.specular),
        )
    mask = f0_roughness[..., :3].any(-1)
    assert mask.sum() > 100 and (specular["half"][~mask] == (0, 0, 0, 1)).all()
    full, half = (specular[r][mask] for r in ("full", "half"))
    np.testing.assert_allclose(half.mean(0), full.mean(0), rtol=0.1)  # measured 0.05


# ---- commands and viewer ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_image_can_be_rendered_again(tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"{name}.png" for name in "abc")
    shot = ["--scene", "nook", "--width", "65", "--height", "37", "--lighting.resolution", "half"]
    assert capture([*shot, "--output", str(first)]) == 0
    assert images.load_shot_values(first)["lighting.resolution"] == "half"
    assert capture(["--from-image", str(first), "--output", str(second)]) == 0
    assert first.read_bytes() == second.read_bytes()
    assert capture(["--from-image", str(first), "--lighting.resolution", "full", "--output", str(third)]) == 0
    assert third.read_bytes() != first.read_bytes()


def test_the_viewer_toggles_half_resolution(gpu: Gpu) -> None:
    session = Session(gpu, Shot().with_values({"scene": "nook", "technique": "ssdo"}), {})
    session.step((65, 37))
    assert "half" not in StatusLine(session).text
    session.toggle_half_resolution()
    assert session.shot("A").lighting.is_half and session.shot("B").lighting.is_half
    assert not session.shot("reference").lighting.is_half
    session.step((65, 37))
    result = session.view_renderer.result("B")
    assert result and result.shading_inputs.size == (33, 19) and result.display.size == (65, 37)
    assert "half resolution" in StatusLine(session).text
    session.choose_view("split")
    session.set_linked("lighting.resolution", False)
    session.change({"lighting.resolution": "full"}, "A")
    assert not session.shot("A").lighting.is_half and session.shot("B").lighting.is_half
    session.slots.choose_technique("A", "reference")
    session.toggle_half_resolution()
    assert not session.shot("B").lighting.is_half
    session.choose_view("A")
    session.toggle_half_resolution()
    assert "the reference" in session.message


@pytest.mark.slow
@pytest.mark.parametrize(
    "technique, uses_probes",
    [("ssdo", False), ("ssdo", True), ("ssao", False), ("gtao", False), ("bitmask", False), ("bitmask", True)],
)
@pytest.mark.parametrize("size", [(64, 36), (65, 37)])
def test_the_inspected_pixel_is_the_nearest_shaded_one(
    gpu: Gpu, technique: str, uses_probes: bool, size: tuple[int, int]
) -> None:
    """Its samples add up to the pixel, and its occluders are at shaded pixels of the full resolution."""
    session = Session(
        gpu,
        Shot().with_values(
            {"scene": "nook", "technique": technique, "lighting.resolution": "half", "probes.enabled": uses_probes}
        ),
        {},
    )
    session.step(size)
    result = session.view_renderer.result("B")
    assert result
    direct, indirect = read_lighting(gpu, result.unfiltered)
    mask = np.isfinite(read_depth(gpu, result.shading_inputs.gbuffer))
    occluder_count = 0
    for y, x in np.argwhere(np.isfinite(read_depth(gpu, result.inputs.gbuffer)))[::41]:
        i, j = half_resolution.half_resolution_pixel(size, int(x), int(y))
        inspected = inspect_pixel(gpu, result, int(x), int(y))
        assert (inspected is not None) == mask[j, i]
        if inspected is None:
            continue
        sums = inspected.sums
        assert sums[0] == pytest.approx(direct[j, i, :3], rel=1e-5, abs=1e-6)
        assert sums[1] == pytest.approx(indirect[j, i, :3], rel=1e-5, abs=1e-6)
        occluder_px = inspected.occluders_uv[inspected.states == OCCLUDED] * size - 0.5  # of a shaded pixel
        assert np.abs(occluder_px / 2 - np.rint(occluder_px / 2)).max(initial=0) < 1e-3
        occluder_count += len(occluder_px)
    assert occluder_count > 20
