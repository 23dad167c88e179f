"""The guard band: surfaces just outside the picture occlude and send light; the picture keeps its place and size."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from closed_forms import HALF_FLOAT_ROUNDING
from render_small import SMALL, SmallRender, read_depth, read_lighting, register_scene, render_small
from ssdo.arrays import Doubles, Floats
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.render import half_resolution
from ssdo.render.frame_uniforms import world_positions
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.guard_band import GuardBand
from ssdo.render.pipeline import FrameResult, render_all_frames, render_frame
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides
from ssdo.render.technique import Lighting, Technique
from ssdo.scene.loader import load_scene
from ssdo.scene.model import Material, Mesh, Scene
from ssdo.scene.modelling.shapes import make_box, make_quad
from ssdo.settings import UserError
from ssdo.viewer.buffers import TARGET_SUFFIX, list_buffers
from ssdo.viewer.pixel_inspector import OCCLUDED, inspect_pixel

BAND = 0.25
SCREEN_SPACE = [name for name, technique in Technique.known.items() if technique.sample_param]
WITH_BOUNCE = [name for name in SCREEN_SPACE if hasattr(Technique.known[name], "bounce")]
# Their visibility converges to the cosine-weighted one, which not every technique claims.
COSINE_WEIGHTED = ["bitmask", "gtao", "ssao", "ssdo"]
INSPECTABLE = [name for name in SCREEN_SPACE if Technique.known[name].inspect_pass is not Technique.inspect_pass]
WITH_DEPTH_LAYERS = [name for name in SCREEN_SPACE if hasattr(Technique.known[name], "depth_layers")]
RESOLUTIONS = ["full", "half"]
SIZES = [(64, 36), (65, 37), (5, 3), (1, 1)]

WALL = make_quad((-50, -50, 0), (50, -50, 0), (50, 50, 0), (-50, 50, 0), Material(albedo=(0.5, 0.5, 0.5)))


def make_board(**material: Any) -> Mesh:
    """A board beyond the picture's right edge, within a band of a quarter of the height."""
    return make_box((2.6, -5.0, 0.0), (2.8, 5.0, 1.0), Material(**material))


def make_wall_scene(*meshes: Mesh) -> Scene:
    """A camera before a grey wall."""
    return Scene((WALL, *meshes), (0.0, 0.0, 8.0), (0.0, 0.0, 0.0), 20.0)


register_scene("board outside", lambda: make_wall_scene(make_board(albedo=(0.9, 0.6, 0.3))))
register_scene(
    "niche alone",
    lambda: Scene(
        (
            make_box((-1, -1, -1), (1, 1, -0.8)),
            make_box((-1, -1, -0.8), (-0.8, 1, 0.4)),
            make_box((-1, -1, -0.8), (1, -0.8, 0.4)),
        ),
        (0.4, 0.5, 6.0),
        (0.0, 0.0, 0.0),
        30.0,
    ),
)
register_scene(
    "emitter outside",
    lambda: replace(make_wall_scene(make_board(albedo=(0.0, 0.0, 0.0), emission=(1.0, 1.0, 1.0))), environment="black"),
)


def shot_values(technique: str, scene: str, **more: Any) -> dict[str, Any]:
    """Many samples with short steps within a metre, and occluders as thick as the scene."""
    options: dict[str, Any] = {"samples": 64, "slices": 8, "radius": 1.0, "steps": 32, "thickness": 10.0}
    names = {f.name for f in fields(Technique.known[technique])}
    values = {f"{technique}.{name}": value for name, value in options.items() if name in names}
    return {"scene": scene, "technique": technique, **values, **more}


def render_padded(gpu: Gpu, values: dict[str, Any], index: int = 0) -> FrameResult:
    """A small frame with a guard band, unless the values say otherwise."""
    return render_frame(gpu, Shot().with_values(SMALL | {"guard_band.size": BAND} | values), index)


def enlarge(shot: Shot, band: int) -> Shot:
    """The same camera with a wider field of view and so many more pixels on each side."""
    fov = shot.camera.fov
    assert fov is not None
    wide_fov = 2 * math.degrees(math.atan(math.tan(math.radians(fov) / 2) * (1 + 2 * band / shot.height)))
    return replace(
        shot,
        guard_band=GuardBand(),
        width=shot.width + 2 * band,
        height=shot.height + 2 * band,
        camera=replace(shot.camera, fov=wide_fov),
    )


def read_terms(gpu: Gpu, lighting: Lighting) -> list[Floats]:
    """Direct, indirect and, if there is any, specular light."""
    specular = [gpu.read(lighting.specular)] if lighting.specular else []
    return [*read_lighting(gpu, lighting), *specular]


# ---- the same as in a larger image -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("scene", ["nook", "atelier"])  # diffuse; with normal maps and specular reflection
@pytest.mark.parametrize(
    "technique, depth_layers",
    [*((name, "1") for name in SCREEN_SPACE), *((name, "2") for name in WITH_DEPTH_LAYERS)],
)
def test_lighting_is_bit_equal_to_that_of_a_larger_image(
    gpu: Gpu, technique: str, depth_layers: str, scene: str, resolution: str
) -> None:
    """In a black environment the bounce is equal, too: that of sunlight does not depend on visibility."""
    values: dict[str, Any] = {
        "scene": scene,
        "technique": technique,
        "lighting.resolution": resolution,
        "width": 65,
        "height": 37,
    }
    if depth_layers == "2":
        values[f"{technique}.depth_layers"] = "2"
    for is_black in (False, True) if technique in WITH_BOUNCE else (False,):
        light = {"environment": "black", "sun.irradiance": 3.0} if is_black else {}
        result = render_padded(gpu, values | light)
        terms = read_terms(gpu, result.unfiltered)
        band = result.shot.guard_band.size_px(result.shot.height)
        enlarged = render_frame(gpu, enlarge(result.shot, band))
        border = band // (2 if resolution == "half" else 1)
        cropped = [term[border:-border, border:-border] for term in read_terms(gpu, enlarged.unfiltered)]
        assert len(terms) == len(cropped) and (not is_black or cropped[1].any())
        for number, (term, expected) in enumerate(zip(terms, cropped, strict=True)):
            # of indirect and specular light only the visibility, unless the environment is black
            channels = slice(None) if is_black or number == 0 else slice(3, None)
            np.testing.assert_array_equal(term[..., channels], expected[..., channels])


def test_history_is_that_of_a_larger_image(gpu: Gpu) -> None:
    """But for the outermost pixels, whose history is clipped to the deviation of fewer neighbours."""
    values = {
        "scene": "nook",
        "technique": "ssdo",
        "temporal.history_length": 3,
        "environment": "black",
        "sun.irradiance": 3.0,
    }
    result = render_all_frames(gpu, Shot().with_values(SMALL | {"guard_band.size": BAND} | values))
    terms = read_lighting(gpu, result.lighting)
    band = result.shot.guard_band.size_px(result.shot.height)
    enlarged = render_all_frames(gpu, enlarge(result.shot, band))
    for term, expected in zip(terms, read_lighting(gpu, enlarged.lighting), strict=True):
        difference = np.abs(term - expected[band:-band, band:-band])[3:-3, 3:-3]
        assert difference.max() < 1e-5  # measured: only rounding of reprojected positions


def test_the_picture_does_not_move(gpu: Gpu) -> None:
    """The camera is bit-equal. Depths differ by the rounding of the padded projection (measured: 3e-6 of them).

    Normals are equal but where an edge runs through a pixel's centre.
    """
    padded = render_padded(gpu, {"scene": "nook", "technique": "ssao"})
    depth, normal = gpu.read(padded.inputs.gbuffer.depth), gpu.read(padded.inputs.gbuffer.normal)
    plain = render_padded(gpu, {"scene": "nook", "technique": "ssao", "guard_band.size": 0.0})
    assert plain.padded_inputs is plain.inputs and plain.inputs.frame == padded.inputs.frame
    same = np.isclose(depth, gpu.read(plain.inputs.gbuffer.depth), rtol=1e-5)
    assert same.mean() > 0.998
    assert np.abs(normal - gpu.read(plain.inputs.gbuffer.normal))[same[..., 0]].max() < 2 * HALF_FLOAT_ROUNDING


@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("technique", SCREEN_SPACE)
def test_each_pixel_takes_the_same_samples_as_without_a_band(gpu: Gpu, technique: str, resolution: str) -> None:
    """Around a single object the band is empty, so that visibility is equal but where rounding decides on an edge."""
    values = {
        "scene": "niche alone",
        "technique": technique,
        "lighting.resolution": resolution,
        "width": 65,
        "height": 37,
        f"{technique}.radius": 1.0,
    }
    plain, banded = (render_small(gpu, values | {"guard_band.size": band}) for band in (0.0, 0.27))
    inside = plain.surface_mask & (plain.visibility < 1)
    assert inside.sum() > 100
    # measured: 1, and 4 to 40 % of the pixels where the band is not a whole number of tiles
    assert (~np.isclose(plain.visibility, banded.visibility, atol=1e-4))[inside].sum() <= 2


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_world_positions_are_equal_with_and_without_the_band(gpu: Gpu, resolution: str) -> None:
    result = render_padded(
        gpu, {"scene": "nook", "technique": "ssao", "width": 65, "height": 37, "lighting.resolution": resolution}
    )
    for view, padded in ((result.inputs, result.padded_inputs), (result.shading_inputs, result.padded_shading_inputs)):
        assert padded.scissor and not view.scissor
        x, y, width, height = padded.scissor
        assert view.size == (width, height) and padded.size[0] >= x + width and padded.size[1] >= y + height
        positions, padded_positions = (
            world_positions(inputs.frame, read_depth(gpu, inputs.gbuffer)) for inputs in (view, padded)
        )
        rows = slice(len(padded_positions) - y - height, len(padded_positions) - y)
        np.testing.assert_allclose(positions, padded_positions[rows, x : x + width], rtol=1e-9, atol=1e-9)


# ---- closed forms ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("technique", SCREEN_SPACE)
def test_f1_a_plane_is_unoccluded_with_a_band(gpu: Gpu, technique: str, resolution: str) -> None:
    for tilt in (0, 60, 85):
        values = {
            f"{technique}.radius": 3.0,
            "lighting.resolution": resolution,
            "guard_band.size": 0.5,
            "denoise.radius": 4,
        }
        result = render_small(gpu, {"scene": f"plane:tilt={tilt}", "technique": technique} | values)
        assert result.surface_mask.all()
        assert result.visibility.min() == result.visibility.max() == 1.0
        assert not result.indirect.any()


def near_board(render: SmallRender) -> Any:
    """(h, w) pixels that the board occludes and lights: within half the radius."""
    return render.position[..., 0] > 2.0


@pytest.mark.slow
@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("technique", COSINE_WEIGHTED)
def test_surfaces_just_outside_occlude(gpu: Gpu, technique: str, resolution: str) -> None:
    reference = render_small(
        gpu, {"scene": "board outside", "technique": "reference", "reference.rays": 64, "reference.max_distance": 1.0}
    )
    mask = near_board(reference)
    assert mask.sum() > 100
    expected = reference.visibility[mask]
    renders = {
        band: render_small(
            gpu, shot_values(technique, "board outside", **{"guard_band.size": band, "lighting.resolution": resolution})
        )
        for band in (0.0, BAND)
    }
    assert renders[0.0].visibility.min() == 1.0
    assert 1 - expected.mean() > 0.05
    # measured: 0.977 to 1.024 of the occlusion, and 0.052 to 0.090 of the error without a band
    assert abs((1 - renders[BAND].visibility[mask].mean()) / (1 - expected.mean()) - 1) < 0.05
    assert np.square(renders[BAND].visibility[mask] - expected).mean() < 0.15**2 * np.square(1 - expected).mean()


@pytest.mark.slow
@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("technique", WITH_BOUNCE)
@pytest.mark.parametrize("scene, near", [("emitter outside", 0.05), ("board outside", 0.25)])
def test_surfaces_just_outside_send_light(gpu: Gpu, technique: str, scene: str, near: float, resolution: str) -> None:
    """They emit light, and reflect that of the environment."""
    reference = render_small(
        gpu, {"scene": scene, "technique": "reference", "reference.rays": 64, "reference.max_distance": 1.0}
    )
    mask = near_board(reference)
    expected = reference.indirect[mask].mean(0)
    renders = {
        band: render_small(
            gpu, shot_values(technique, scene, **{"guard_band.size": band, "lighting.resolution": resolution})
        )
        for band in (0.0, BAND)
    }
    assert not renders[0.0].indirect.any()
    # measured: 0.993 to 1.024 of the emitted light, and 0.80 to 0.89 of the reflected light: the board sees more of the
    # sky than the nearest pixel of the picture does
    assert np.abs(renders[BAND].indirect[mask].mean(0) / expected - 1).max() < near


@pytest.mark.slow
@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("technique", WITH_BOUNCE)
def test_surfaces_just_outside_are_lit_by_their_normal(gpu: Gpu, technique: str, resolution: str) -> None:
    """The board's side faces -x: in the environments 1 - x and 1 + x it has pi (1 + 2/3) and pi (1 - 2/3)."""
    values = shot_values(technique, "board outside", environment="ramp-x", **{"lighting.resolution": resolution})
    dim, bright = (
        read_terms(gpu, render_padded(gpu, values | {"sky.rotation": rotation}).unfiltered)[1][..., 0]
        for rotation in (0.0, 180.0)
    )
    mask = bright > 0.05  # where half floats resolve the dim one well
    assert mask.sum() > 20
    # Texels of 5.6 degrees change pi (1 - 2/3) by at most 0.0012 of 2/3 pi; half floats round both.
    np.testing.assert_allclose(bright[mask] / dim[mask], 5, rtol=0.0024 + 4 * HALF_FLOAT_ROUNDING)


# ---- later passes, viewer and flags ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("technique", SCREEN_SPACE)
@pytest.mark.parametrize("size", SIZES)
def test_all_results_have_the_size_of_the_picture(
    gpu: Gpu, technique: str, resolution: str, size: tuple[int, int]
) -> None:
    result = render_padded(
        gpu,
        {
            "scene": "atelier",
            "technique": technique,
            "lighting.resolution": resolution,
            "width": size[0],
            "height": size[1],
            "denoise.radius": 4,
        },
    )
    gbuffer = result.inputs.gbuffer
    textures = [result.radiance, result.display, result.lighting.direct, result.inputs.direct_lighting.irradiance]
    textures += [gbuffer.normal, gbuffer.albedo, gbuffer.depth, gbuffer.geometric_normal]
    assert result.inputs.size == size and all(texture.size == size for texture in textures)
    lit_size = size if resolution == "full" else (-(-size[0] // 2), -(-size[1] // 2))
    assert result.shading_inputs.size == result.unfiltered.direct.size == lit_size
    has_bounce = technique in WITH_BOUNCE
    assert result.lighting.indirect.size == (size if has_bounce else (1, 1))
    assert result.unfiltered.indirect.size == (lit_size if has_bounce else (1, 1))
    for name, values in images.read_arrays(gpu, result).items():
        assert values.shape[:2] == size[::-1]
        assert name == "depth" or np.isfinite(values).all()


def test_equal_shots_are_bit_equal(gpu: Gpu) -> None:
    """What another shot left in the band does not matter."""
    for technique in SCREEN_SPACE:
        values = {"scene": "atelier", "technique": technique, "denoise.radius": 4}
        first = images.read_arrays(gpu, render_padded(gpu, values))
        for target in gpu.targets.values():
            if target.name.startswith(technique):
                target.framebuffer.clear(9.0, 9.0, 9.0, 9.0)
        second = images.read_arrays(gpu, render_padded(gpu, values))
        for name, array in first.items():
            np.testing.assert_array_equal(array, second[name])


@pytest.mark.parametrize("technique", SCREEN_SPACE)
def test_only_the_picture_is_shaded(gpu: Gpu, technique: str) -> None:
    names = [technique] if technique not in WITH_BOUNCE else [f"{technique}.direct", f"{technique}.indirect"]
    render_padded(gpu, {"scene": "nook", "technique": technique})
    for name in names:
        gpu.targets[name].framebuffer.clear(9.0, 9.0, 9.0, 9.0)
    result = render_padded(gpu, {"scene": "nook", "technique": technique})
    band = result.shot.guard_band.size_px(result.shot.height)
    for name in names:
        light = gpu.read(gpu.targets[name].textures[0])
        assert light.shape == (36 + 2 * band, 64 + 2 * band, 4)
        assert (light[band:-band, band:-band] < 9.0).all()
        light[band:-band, band:-band] = 9.0
        assert (light == 9.0).all()


@pytest.mark.slow
@pytest.mark.parametrize("technique", WITH_BOUNCE)
@pytest.mark.parametrize("depth_layers", ["1", "2"])
def test_surfaces_outside_have_the_visibility_of_the_nearest_pixel(gpu: Gpu, technique: str, depth_layers: str) -> None:
    layers = {f"{technique}.depth_layers": depth_layers}
    result = render_padded(gpu, shot_values(technique, "board outside", **layers, **{"sun.irradiance": 0.0}))
    assert result.padded_inputs.scissor
    band = result.shot.guard_band.size_px(result.shot.height)
    visibility = np.pad(gpu.read(result.unfiltered.direct)[..., 3], band, mode="edge")[..., None]
    assert visibility[:, -1].max() < 0.99
    albedo = gpu.read(result.padded_inputs.gbuffer.albedo)[..., :3]
    radiance = gpu.read(gpu.targets["bounce_sources"].textures[0])[..., :3]
    assert np.abs(radiance - albedo * visibility).max() < 2 * HALF_FLOAT_ROUNDING
    if depth_layers == "2":  # and so does a hidden surface: the board's back
        hidden_radiance = gpu.read(gpu.targets["bounce_sources.back_1"].textures[0])
        hidden_albedo = gpu.read(gpu.targets["hidden.back_1"].textures[1])[..., :3]
        mask = hidden_radiance[..., 3] > 0
        assert mask.any() and not mask[band:-band, band:-band].any()
        difference = np.abs(hidden_radiance[..., :3] - hidden_albedo * visibility)
        assert difference[mask].max() < 2 * HALF_FLOAT_ROUNDING


def test_without_a_band_nothing_is_copied(gpu: Gpu) -> None:
    for technique in SCREEN_SPACE:
        result = render_padded(gpu, {"scene": "nook", "technique": technique, "guard_band.size": 0.0})
        targets = [target for name, target in gpu.targets.items() if name.startswith(technique)]
        assert result.padded_inputs is result.inputs and result.shading_inputs is result.inputs
        assert any(result.unfiltered.direct in target.textures for target in targets)
        assert result.inputs.gbuffer.depth in gpu.targets["gbuffer"].textures


def project_to_pixels(result: FrameResult, positions: Doubles) -> Doubles:
    """(n, 2) pixels from the lower left at which world positions (n, 3) appear in the picture."""
    clip_from_world = np.array(result.inputs.frame.clip_from_world).reshape(4, 4)
    clip = np.column_stack([positions, np.ones(len(positions))]) @ clip_from_world
    pixels: Doubles = (0.5 + 0.5 * clip[:, :2] / clip[:, 3:]) * result.inputs.size
    return pixels


def distance_to_lines(points: Doubles, lines: Doubles) -> Doubles:
    """(n,) distances of points (n, 2) from lines through the origin along vectors (n, 2)."""
    distance: Doubles = np.abs(points[:, 0] * lines[:, 1] - points[:, 1] * lines[:, 0]) / np.linalg.norm(lines, axis=1)
    return distance


@pytest.mark.slow
@pytest.mark.parametrize("technique", INSPECTABLE)
@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_the_inspected_pixel_is_the_shaded_one(gpu: Gpu, technique: str, resolution: str) -> None:
    """Its occluders are where they are in the picture, also in the band."""
    with gpu.scope("A"):
        result = render_padded(
            gpu,
            shot_values(
                technique, "board outside", **{"lighting.resolution": resolution, "camera.target": (0.0, 0.6, 0.0)}
            ),
        )
    direct, indirect = read_lighting(gpu, result.unfiltered)
    depth = read_depth(gpu, result.inputs.gbuffer)
    positions = world_positions(result.inputs.frame, depth)
    outside_count = 0
    for y, x in np.argwhere(np.isfinite(depth) & (positions[..., 0] > 1.5))[::23]:
        i, j = half_resolution.half_resolution_pixel((64, 36), int(x), int(y)) if resolution == "half" else (x, y)
        inspected = inspect_pixel(gpu, result, int(x), int(y))
        if inspected is None:
            continue
        assert inspected.sums[0] == pytest.approx(direct[j, i, :3], rel=1e-5, abs=1e-6)
        assert inspected.sums[1] == pytest.approx(indirect[j, i, :3], rel=1e-5, abs=1e-6)
        occluders = inspected.occluders_uv[inspected.states == OCCLUDED] * (64, 36)
        if resolution == "half":  # at a pixel of the half resolution
            assert np.abs((occluders - 0.5) / 2 - np.rint((occluders - 0.5) / 2)).max(initial=0) < 1e-3
        # on the projection of the direction, a line; those of a slice are not
        elif technique != "gtao":
            pixel_center = np.array((x + 0.5, 35.5 - y))
            ends = positions[y, x] + 0.01 * inspected.radius * inspected.directions[inspected.states == OCCLUDED]
            lines = project_to_pixels(result, ends) - pixel_center
            assert distance_to_lines(occluders - pixel_center, lines).max(initial=0) < 0.75
        outside_count += int(((occluders < 0) | (occluders > (64, 36))).any(-1).sum())
    assert outside_count > 5


@pytest.mark.slow
@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_the_buffer_menu_crops_every_target(gpu: Gpu, resolution: str) -> None:
    values = {"scene": "atelier", "technique": "ssdo", "ssdo.depth_layers": "2", "lighting.resolution": resolution}
    render_padded(gpu, values)  # draws what is cached for the scene, into targets of other sizes
    with gpu.scope("A"):
        gpu.free_unused()
        result = render_padded(gpu, values)
        gpu.free_unused()
    buffers = list_buffers(gpu, "A", result, lambda: result.lighting.direct)
    sizes = {name: buffer().texture.size for name, buffer in buffers.items() if name.endswith(TARGET_SUFFIX)}
    assert set(sizes.values()) <= {(64, 36), (32, 18), (1, 1)}, sizes
    depth = gpu.read(result.inputs.gbuffer.depth)
    np.testing.assert_array_equal(gpu.read(buffers["gbuffer depth *"]().texture), depth)
    lit_depth = gpu.read(result.shading_inputs.gbuffer.depth)
    front = gpu.read(buffers["depth_layers *"]().texture)[..., :1]
    np.testing.assert_allclose(front, np.where(lit_depth < BACKGROUND_DEPTH, 1 / lit_depth, 0), rtol=1e-6, atol=1e-20)


def test_only_screen_space_techniques_have_a_band() -> None:
    scene = load_scene("nook")
    for technique in ("off", "reference"):
        assert (
            Shot().with_values({"technique": technique, "guard_band.size": BAND}).resolve(scene).guard_band
            == GuardBand()
        )
        with pytest.raises(
            UserError,
            match=r"--guard_band\.size has no effect: .* is not a screen-space technique; add .*ssdo.* or leave it out",
        ):
            Overrides({}, {"technique": technique, "guard_band.size": BAND}).build_shots()
    assert Overrides({}, {"guard_band.size": BAND}).build_shots(["off", "ssao"])[1].guard_band.size == BAND
    (shot,) = Overrides({"guard_band.size": BAND}, {"technique": "off"}).build_shots()
    assert shot.resolve(scene).guard_band == GuardBand()


def test_a_band_is_a_whole_number_of_tiles() -> None:
    for height in (1, 36, 37, 180, 720):
        assert GuardBand().size_px(height) == 0
        for band in (1e-3, 0.125, 0.25, 0.5):
            size_px = GuardBand(size=band).size_px(height)
            assert size_px % 8 == 0 and band * height <= size_px < band * height + 8
