"""Antialiasing: jittered frames, their mean, and the filter of single frames."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_data import read_pixels
from render_small import read_depth, register_scene
from ssdo.arrays import Bytes, Doubles, Floats
from ssdo.commands import capture
from ssdo.gpu.context import Gpu
from ssdo.measure import images, references
from ssdo.render.antialiasing import MAX_ANTIALIAS, PICTURE_FRAMES, subpixel_offsets
from ssdo.render.display import Display
from ssdo.render.frame_uniforms import FrameUniforms, halve_frame, jitter_frame, pad_frame, world_positions
from ssdo.render.pipeline import FrameResult, load_shot, render_all_frames, render_frame, render_loaded_frame
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides, with_picture_defaults, without_antialiasing
from ssdo.render.technique import Technique
from ssdo.scene.loader import load_scene
from ssdo.scene.model import DirectionalLight, Material, Mesh, Scene
from ssdo.settings import UserError
from ssdo.viewer.buffers import FINAL_IMAGE
from ssdo.viewer.screenshots import read_window_pixels, save_screenshot
from ssdo.viewer.session import Session

COUNTS = range(1, MAX_ANTIALIAS + 1)
SMALL = {"width": 64, "height": 36, "technique": "off"}
BUFFERS = ("albedo", "normal", "depth", "direct", "indirect", "visibility", "sun_and_lights", "emission")


def make_shot(**values: Any) -> Shot:
    return Shot().with_values(SMALL | {name.replace("__", "."): value for name, value in values.items()})


def read_radiance(gpu: Gpu, result: FrameResult) -> Floats:
    return gpu.read(result.radiance)[..., :3]


def draw_offset(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, shot: Shot, offset: tuple[float, float]) -> FrameResult:
    """A single frame with an offset of the test's choice."""
    with monkeypatch.context() as patch:
        patch.setattr(Shot, "frame_offset", lambda self, index: offset)
        return render_frame(gpu, shot)


# ---- offsets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", COUNTS)
def test_offsets_fill_the_pixel_evenly_about_its_centre(count: int) -> None:
    """An edge at any position, along a row or a column, is covered right within one frame."""
    offsets = np.array(subpixel_offsets(count))
    assert offsets.shape == (count, 2) and len({*map(tuple, offsets)}) == count
    assert np.abs(offsets.sum(0)).max() < 1e-13 * count
    assert (np.abs(offsets) < 0.5).all()
    assert count == 2 or (offsets[0] == 0).all()
    edges = np.linspace(-0.5, 0.5, 1001)
    coverage = (offsets[None] < edges[:, None, None]).mean(1)
    assert np.abs(coverage - (edges[:, None] + 0.5)).max() <= 1 / count


@pytest.mark.parametrize("count", [8, 16, 64])
def test_offsets_fill_the_pixel_in_two_dimensions(count: int) -> None:
    """Half planes of any direction are covered better than by a row or a diagonal of the pixel."""
    offsets = np.array(subpixel_offsets(count))
    samples = (np.stack(np.meshgrid(np.arange(64), np.arange(64)), -1).reshape(-1, 2) + 0.5) / 64 - 0.5
    worst = []
    for points in (offsets, offsets * (1, 0), np.repeat(offsets[:, :1], 2, 1)):
        errors = []
        for angle in np.linspace(0, np.pi, 32, endpoint=False):
            normal = np.array((np.cos(angle), np.sin(angle)))
            edges = np.linspace(-0.6, 0.6, 25)[:, None]
            errors.append(((points @ normal < edges).mean(1) - (samples @ normal < edges).mean(1)) ** 2)
        worst.append(np.sqrt(np.mean(errors)))
    assert worst[0] < 0.6 * min(worst[1:])


@pytest.mark.parametrize("count", [8, 16, 32, 64])
def test_the_first_frames_are_spread_over_the_pixel(count: int) -> None:
    """While frames come in, the image hardly moves, and a quarter of them already covers half the pixel."""
    offsets = np.array(subpixel_offsets(count))
    means = np.cumsum(offsets, 0) / np.arange(1, count + 1)[:, None]
    assert np.abs(means).max() <= 0.25
    if count > 8:
        assert np.ptp(offsets[: count // 4], 0).min() > 0.5


# ---- projection ------------------------------------------------------------------------------------------------------


def frame_of(width: int, height: int) -> FrameUniforms:
    shot = make_shot(scene="nook", width=width, height=height)
    scene = load_scene("nook")
    return shot.resolve(scene).frame_uniforms(scene, 0)


KINDS: dict[str, Callable[[FrameUniforms], FrameUniforms]] = {
    "plain": lambda frame: frame,
    "padded": lambda frame: pad_frame(frame, 8),
    "halved": halve_frame,
    "padded and halved": lambda frame: halve_frame(pad_frame(frame, 8)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(64, 36), (33, 27)])
def test_a_jittered_pixel_samples_the_scene_at_its_offset(kind: str, size: tuple[int, int]) -> None:
    """In the projection of surfaces and in the reconstruction of positions, with guard band and at half resolution."""
    offset = (0.25, -0.375)
    plain, jittered = (KINDS[kind](jitter_frame(frame_of(*size), shift)) for shift in ((0.0, 0.0), offset))
    assert jittered.size == plain.size and jittered.tan_half_fov == plain.tan_half_fov
    w, h = (int(n) for n in plain.size)
    scale = 1 if "halved" not in kind else 2
    depth = np.full((h, w), 3.0, "f4")
    position = np.concatenate([world_positions(jittered, depth), np.ones((h, w, 1))], -1)
    clip = position @ np.array(plain.clip_from_world).reshape(4, 4)
    ndc = clip[..., :2] / clip[..., 3:]
    pixel = (ndc * 0.5 + 0.5) * (w, h)
    x, y = np.meshgrid(np.arange(w) + 0.5, np.arange(h)[::-1] + 0.5)
    expected = np.stack([x + offset[0] / scale, y + offset[1] / scale], -1)
    assert np.abs(pixel - expected).max() < 1e-9
    own_clip = position @ np.array(jittered.clip_from_world).reshape(4, 4)
    own_pixel = (own_clip[..., :2] / own_clip[..., 3:] * 0.5 + 0.5) * (w, h)
    assert np.abs(own_pixel - np.stack([x, y], -1)).max() < 1e-9


def test_no_offset_changes_no_frame() -> None:
    frame = frame_of(64, 36)
    assert jitter_frame(frame, (0.0, 0.0)) is frame
    one, many = make_shot(scene="nook"), make_shot(scene="nook", antialias=8)
    scene = load_scene("nook")
    for index in (0, 8):
        frames = [shot.resolve(scene).frame_uniforms(scene, index) for shot in (one, many)]
        assert frames[0] == frames[1]


@pytest.mark.parametrize("axis", [0, 1])
def test_a_whole_pixel_of_offset_is_the_next_pixel(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, axis: int) -> None:
    """Right is positive, and up."""
    shot = make_shot(scene="nook")
    plain = read_depth(gpu, render_frame(gpu, shot).inputs.gbuffer)
    offset = (1.0, 0.0) if axis == 0 else (0.0, 1.0)
    shifted = read_depth(gpu, draw_offset(gpu, monkeypatch, shot, offset).inputs.gbuffer)
    pair = (shifted[:, :-1], plain[:, 1:]) if axis == 0 else (shifted[1:], plain[:-1])
    is_equal = np.isclose(*pair, rtol=1e-4) | (pair[0] == pair[1])
    assert is_equal.mean() > 0.995  # but for rounding at silhouettes


# ---- the mean --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"accumulated_frames": 5},
        {"technique": "ssdo", "lighting.resolution": "half", "guard_band.size": 0.2},
        {"technique": "reference", "reference.rays": 1},
        {"technique": "ssao", "temporal.history_length": 3},
    ],
    ids=["off", "accumulated", "half", "reference", "temporal"],
)
def test_an_image_is_the_mean_of_its_frames(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]) -> None:
    """Of as many as the larger of `antialias` and `accumulated_frames`; a history is filled before them."""
    shot = Shot().with_values(SMALL | {"scene": "nook", "antialias": 3} | values)
    first = shot.first_averaged_frame
    assert first == (2 if shot.uses_history else 0)
    assert shot.frame_count == first + max(3, shot.accumulated_frames)
    mean = read_radiance(gpu, render_all_frames(gpu, shot))
    loaded, frames = load_shot(shot), []
    for index in range(shot.frame_count):
        # a frame of its own, with the same samples and offset, but no mean of frames
        offset = subpixel_offsets(3)[(index - first) % 3]
        with monkeypatch.context() as patch:
            patch.setattr(Shot, "frame_offset", lambda self, index, offset=offset: offset)
            single = loaded._replace(shot=replace(loaded.shot, antialias=1, accumulated_frames=1))
            frames.append(read_radiance(gpu, render_loaded_frame(gpu, single, index)))
    expected = np.mean(frames[first:], 0, dtype="f8")
    assert np.abs(mean - expected).max() <= 1e-6 * max(1.0, expected.max())
    assert np.abs(frames[first] - expected).max() > 0.01, "frames must differ"


def register_emitter(axis: int, edge_px: float) -> str:
    """A quad of radiance 1 that fills an image of 16 x 16 pixels beyond an edge, from the left or from below."""
    low, high = np.full(2, -9.0), np.full(2, 9.0)
    low[axis] = 2 * edge_px / 16 - 1
    positions = np.array([(low[0], low[1], -1), (high[0], low[1], -1), (*high, -1), (low[0], high[1], -1)], "f4")
    quad = Mesh(positions, np.array([(0, 1, 2), (0, 2, 3)], "i4"), Material((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
    sun = DirectionalLight(0.0, 45.0, 0.0)
    return register_scene("emitter", Scene((quad,), (0.0, 0.0, 0.0), (0.0, 0.0, -1.0), 90.0, sun, "white"))


@pytest.mark.parametrize("count", [2, 3, 8, 64])
@pytest.mark.parametrize("axis", [0, 1])
def test_edges_are_covered_where_they_are(gpu: Gpu, axis: int, count: int) -> None:
    """A vertical and a horizontal edge at known positions: the pixel on it is covered right within one frame."""
    errors = []
    for position in np.arange(0.06, 1.0, 0.12):
        scene = register_emitter(axis, 7 + position)
        shot = make_shot(scene=scene, antialias=count, width=16, height=16, sky__intensity=0.0)
        image = read_radiance(gpu, render_all_frames(gpu, shot))[..., 0]
        line = image.mean(0) if axis == 0 else image[::-1].mean(1)
        assert (np.ptp(image, axis=axis) < 1e-6).all() and (line[:7] == 0).all() and (line[8:] > 1 - 1e-6).all()
        errors.append(line[7] - (1 - position))
    assert np.abs(errors).max() <= 1 / count + 1e-5
    assert abs(np.mean(errors)) < 0.25 / count + 0.01, "the edge is where it is, on average"


# In courtyard and atelier, which take five times as long, the RMSE falls 4.1 and 4.3 times at 160 x 90.
@pytest.mark.slow
@pytest.mark.parametrize("scene", ["nook", "blocks", "cornell"])
def test_eight_frames_smooth_edges(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, scene: str) -> None:
    """RMSE of display values against 256 jittered frames, whose offsets are a regular grid, falls by 3 times."""
    shot = make_shot(scene=scene, width=96, height=54)
    steps = (np.arange(16) + 0.5) / 16 - 0.5
    truth = np.mean([read_radiance(gpu, draw_offset(gpu, monkeypatch, shot, (x, y))) for x in steps for y in steps], 0)
    expected = images.tone_map(gpu, shot, truth).astype("f4")

    def rmse(**values: Any) -> float:
        pixels = images.read_display(render_all_frames(gpu, shot.with_values(values)))
        return float(np.sqrt(np.mean((pixels - expected) ** 2)))

    single, filtered = rmse(), rmse(**{"display.fxaa": True})
    assert rmse(antialias=8) < single / 3
    assert filtered < 0.97 * single


# ---- what is stored, and what is measured ----------------------------------------------------------------------------


def save_picture(folder: Path, name: str, *flags: str) -> Path:
    path = folder / name
    size = ["--width", "48", "--height", "27", "--scene", "nook", "--technique", "ssao"]
    source = any(flag.startswith("--from-image") for flag in flags)
    assert capture.main([*([] if source else size), *flags, "--output", str(path)]) == 0
    return path


@pytest.mark.parametrize(
    "flags",
    [(), ("--antialias=5", "--accumulated-frames=7"), ("--antialias=1",), ("--display.fxaa",)],
    ids=["default", "accumulated", "off", "fxaa"],
)
def test_pictures_repeat_bit_for_bit(tmp_path: Path, flags: tuple[str, ...]) -> None:
    first = save_picture(tmp_path, "first.png", *flags)
    again = save_picture(tmp_path, "again.png", f"--from-image={first}")
    assert images.load_shot_values(first) == images.load_shot_values(again)
    assert first.read_bytes() == again.read_bytes()
    expected = {0: PICTURE_FRAMES, 1: 1, 2: 5}
    assert images.load_shot_values(first)["antialias"] == expected[len(flags)]


def test_older_pictures_are_of_one_frame(gpu: Gpu, tmp_path: Path) -> None:
    """Those without the parameter."""
    shot = make_shot(scene="nook", width=48, height=27)
    pixels = images.read_display(render_all_frames(gpu, shot))
    values = {name: value for name, value in shot.values().items() if name not in ("antialias", "display.fxaa")}
    images.save_png(tmp_path / "old.png", pixels, values)
    again = save_picture(tmp_path, "again.png", f"--from-image={tmp_path / 'old.png'}")
    assert images.load_shot_values(again)["antialias"] == 1
    assert again.read_bytes() != b"" and (read_pixels(again) == pixels).all()


def test_arrays_are_of_the_centres_unless_antialiasing_is_asked_for(tmp_path: Path) -> None:
    """And then only radiance is averaged."""
    centred, averaged = (
        dict(np.load(save_picture(tmp_path, name, *flags)))
        for name, flags in (("a.npz", ()), ("b.npz", ("--antialias=4",)))
    )
    for name in BUFFERS:
        assert np.array_equal(centred[name], averaged[name]), name
    assert np.abs(centred["radiance"] - averaged["radiance"]).max() > 0.01


def test_low_memory_changes_no_antialiased_pixel(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    shot = make_shot(scene="nook", antialias=3, technique="ssdo")
    expected = read_radiance(gpu, render_all_frames(gpu, shot))
    monkeypatch.setattr(gpu, "low_memory", True)
    assert np.array_equal(read_radiance(gpu, render_all_frames(gpu, shot)), expected)


def test_measurements_are_of_the_centres() -> None:
    """References, and all that takes its shots from flags of a measurement."""
    shot = make_shot(scene="nook", antialias=8)
    assert all(half.antialias == 1 for half in references.independent_shots(shot, 8))
    preset = {"antialias": 8, "display.fxaa": True}
    assert without_antialiasing(Overrides(preset, {"antialias": 1})).build_shot("ssdo") == Shot()
    for flag in preset:
        with pytest.raises(UserError, match=f"--{flag} has no effect"):
            without_antialiasing(Overrides({}, {flag: preset[flag]}))


def test_fxaa_is_refused_beside_antialiasing() -> None:
    fxaa = {"display.fxaa": True}
    with pytest.raises(UserError, match=r"--display\.fxaa has no effect: --antialias 3"):
        Overrides({}, {**fxaa, "antialias": 3}).build_shots()
    (shot,) = with_picture_defaults(Overrides({}, fxaa)).build_shots()
    assert shot.antialias == 1 and shot.effective_display.fxaa
    (shot,) = with_picture_defaults(Overrides(fxaa, {})).build_shots()
    assert shot.antialias == PICTURE_FRAMES and not shot.effective_display.fxaa


# ---- cached passes ---------------------------------------------------------------------------------------------------


def test_jittered_frames_draw_shadow_maps_and_probes_once(gpu: Gpu) -> None:
    """What does not depend on the camera; what does is drawn for each."""
    values = {"technique": "ssdo", "probes.enabled": True, "probes.grid_size": 2, "sun.resolution": 256}
    shot = Shot().with_values(
        {"scene": "nook", "width": 32, "height": 18, "sun.irradiance": 1.0, "antialias": 4} | values
    )
    counts: dict[str, int] = {}
    timer, gpu.timer = gpu.timer, CountingTimer(counts)  # type: ignore[assignment]
    try:
        with gpu.scope("jittered shadows"):
            gpu.pass_cache.invalidate()
            render_all_frames(gpu, shot)
    finally:
        gpu.timer = timer
    once = {name for name in counts if ("shadow" in name and "sun:" not in name) or "probe_trace" in name}
    assert {"sun_shadow", "gbuffer"} <= counts.keys() and any("probe" in name for name in once)
    for name, count in counts.items():
        is_camera_independent = name.startswith(("sun_shadow", "punctual_shadow", "probe_trace", "prefilter"))
        assert count == 1 if is_camera_independent else count % 4 == 0, (name, count)


class CountingTimer:
    """Counts the passes that are drawn."""

    enabled = False

    def __init__(self, counts: dict[str, int]) -> None:
        self.counts = counts
        self.is_software_renderer = True

    def skip(self, name: str) -> None:
        pass

    @contextlib.contextmanager
    def measure(self, name: str) -> Iterator[None]:
        self.counts[name] = self.counts.get(name, 0) + 1
        yield


# ---- the filter of single frames -------------------------------------------------------------------------------------


def filter_picture(gpu: Gpu, picture: Floats, fxaa: bool = True) -> Bytes:
    """(h, w, 3) linear, through the display without a tone curve."""
    shot = make_shot(display__tone_mapper="none", display__dither=False, display__fxaa=fxaa)
    return images.tone_map(gpu, shot, picture.astype("f4"))


def linear_from_srgb(pixels: Bytes) -> Doubles:
    srgb = pixels.astype("f8") / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def draw_half_plane(angle: float, size: int = 48) -> tuple[Floats, Floats]:
    """A white half plane on black, in degrees from a horizontal edge: sampled at centres, and its exact coverage."""
    direction = np.array((-np.sin(np.radians(angle)), np.cos(np.radians(angle))))
    steps = (np.arange(size * 16) + 0.5) / 16 - size / 2
    fine = (steps[None, :] * direction[0] + steps[:, None] * direction[1] > 0.13).astype("f4")
    coverage = fine.reshape(size, 16, size, 16).mean((1, 3))
    centers = np.arange(size) + 0.5 - size / 2
    aliased = (centers[None, :] * direction[0] + centers[:, None] * direction[1] > 0.13).astype("f4")
    return np.repeat(aliased[..., None], 3, -1), np.repeat(coverage[..., None], 3, -1)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("angle", [5, 10, 20, 35, -8, -27])
def test_fxaa_gives_edges_their_coverage(gpu: Gpu, angle: int, turn: int) -> None:
    """Steps along edges of any direction become ramps: the error of linear coverage falls."""
    aliased, coverage = draw_half_plane(angle + turn)
    inner = np.s_[12:-12, 12:-12]
    error, filtered = (
        np.sqrt(np.mean((linear_from_srgb(filter_picture(gpu, aliased, fxaa)) - coverage)[inner] ** 2))
        for fxaa in (False, True)
    )
    assert filtered < 0.62 * error


def test_fxaa_changes_nothing_without_edges(gpu: Gpu) -> None:
    """Neither smooth gradients nor straight edges along rows and columns, nor faint ones."""
    ramp = np.repeat(np.repeat(np.linspace(0.1, 0.9, 64)[None], 24, 0)[..., None], 3, -1)
    faint = np.where(np.arange(64)[None, :, None] + np.arange(24)[:, None, None] // 5 > 30, 0.5, 0.52) * np.ones(3)
    edges = [np.repeat(np.repeat((np.arange(64) > k)[None], 24, 0)[..., None], 3, -1).astype("f4") for k in (9, 30)]
    for picture in (ramp, faint, *edges, *(edge.transpose(1, 0, 2) for edge in edges)):
        assert np.array_equal(filter_picture(gpu, picture), filter_picture(gpu, picture, False))


def test_fxaa_is_the_last_step_of_a_single_frame(gpu: Gpu) -> None:
    """It changes the picture only, and only of single frames."""
    shot = make_shot(scene="nook")
    results = [
        (read_radiance(gpu, result), images.read_display(result))
        for fxaa in (False, True)
        for result in [render_frame(gpu, replace(shot, display=Display(fxaa=fxaa)))]
    ]
    assert np.array_equal(results[0][0], results[1][0]) and not np.array_equal(results[0][1], results[1][1])
    averaged = [
        images.read_display(render_all_frames(gpu, replace(shot, antialias=3, display=Display(fxaa=fxaa))))
        for fxaa in (False, True)
    ]
    assert np.array_equal(averaged[0], averaged[1])


# ---- the viewer ------------------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class RestingViewer:
    """A session, stepped while nothing changes."""

    size = (48, 27)

    def __init__(self, gpu: Gpu, **values: Any) -> None:
        self.clock = Clock()
        shot = Shot().with_values({"scene": "nook", "antialias": 4, "display.fxaa": True} | values)
        self.session = Session(gpu, shot, {}, self.clock)

    def step(self, count: int = 1, seconds: float = 10.0) -> None:
        for _ in range(count):
            self.clock.now += seconds
            self.session.step(self.size)

    def step_until_idle(self) -> None:
        """Step until nothing more is drawn."""
        idle_steps = 0
        for _ in range(100):
            self.clock.now += 10
            idle_steps = 0 if self.session.step(self.size) else idle_steps + 1
            if idle_steps == 3:
                return
        raise AssertionError("the viewer does not come to rest")

    def window_pixels(self) -> Bytes:
        return read_window_pixels(self.session)


@pytest.fixture
def resting(gpu: Gpu) -> Iterator[RestingViewer]:
    yield RestingViewer(gpu)
    gpu.targets.clear()


def test_the_viewer_averages_frames_at_rest(gpu: Gpu, resting: RestingViewer) -> None:
    """First a single frame, filtered; at last what `capture` draws. Buffers stay those of the pixels' centres."""
    session = resting.session
    resting.step()
    render = session.renders["B"]
    first = render.result
    assert first and render.image is first and first.shot.antialias == 1 and first.shot.display.fxaa
    single = replace(session.shot("B"), antialias=1)
    assert np.array_equal(images.read_display(first), images.read_display(render_all_frames(gpu, single)))
    depth = gpu.read(first.inputs.gbuffer.depth)
    resting.step_until_idle()
    image = render.image
    assert image and image is not render.result and image.inputs is render.result.inputs  # type: ignore[union-attr]
    assert np.array_equal(gpu.read(image.inputs.gbuffer.depth), depth)
    expected = images.read_display(render_all_frames(gpu, session.shot("B")))
    assert np.array_equal(images.read_display(image), expected)
    assert np.array_equal(resting.window_pixels(), expected)
    assert not [name for name in gpu.targets if name.startswith("B antialiased")], "freed once all frames are in"


def test_the_viewer_averages_only_what_rests_and_is_shown(resting: RestingViewer) -> None:
    """Not while it moves, shortly after, or while buffers, differences and errors are shown."""
    session = resting.session
    render = session.renders["B"]
    resting.step_until_idle()
    count = render.antialiased and render.antialiased.frame_count
    assert count == 4
    session.change({"camera.fov": 50.0})
    resting.step()
    assert render.antialiased is None and render.image is render.result
    resting.clock.now += 1e-3
    for _ in range(5):
        session.step(resting.size, is_interacting=True)
    assert render.antialiased is None
    for view, buffer in (("B", "depth"), ("difference", FINAL_IMAGE)):
        session.display.view, session.display.buffer = view, buffer
        resting.step_until_idle()
        assert render.antialiased is None and session.renders["A"].antialiased is None
    session.display.view, session.display.buffer = "B", FINAL_IMAGE
    resting.step_until_idle()
    assert render.antialiased is not None


@pytest.mark.parametrize("technique", Technique.known)
@pytest.mark.parametrize("history", [0, 3])
def test_screenshots_are_complete_and_repeat(gpu: Gpu, tmp_path: Path, technique: str, history: int) -> None:
    """Also when few frames are in, of techniques that converge, and with a history."""
    viewer = RestingViewer(gpu, technique=technique, **{"temporal.history_length": history})
    viewer.session.display.view = "B"
    viewer.step(6)
    (path,) = save_screenshot(viewer.session, tmp_path)
    assert images.load_shot_values(path)["antialias"] == 4
    repeated = render_all_frames(gpu, Shot().with_values(images.load_shot_values(path)))
    assert np.array_equal(read_pixels(path), images.read_display(repeated))
    assert np.array_equal(read_pixels(path), viewer.window_pixels()), "it is what the window shows"
    gpu.targets.clear()


def test_equal_slots_have_no_difference(gpu: Gpu, resting: RestingViewer) -> None:
    """At any time, in the window's difference and in what the status line says."""
    session = resting.session
    session.choose_mode("A", session.slots.mode_label("B"))
    for view in ("split", "difference"):
        session.display.view = view
        for _ in range(12):
            resting.step()
            a, b = (session.renders[slot] for slot in ("A", "B"))
            assert a.result and b.result and a.image and b.image
            assert np.array_equal(read_radiance(gpu, a.result), read_radiance(gpu, b.result))
            assert np.array_equal(images.read_display(a.image), images.read_display(b.image))
            assert session.metrics.changed_fraction() == 0
    assert (resting.window_pixels() == 0).all()


def test_errors_in_the_viewer_are_of_the_centres(resting: RestingViewer) -> None:
    session = resting.session
    session.reference_enabled = True
    resting.step(20)
    reference = session.renders["reference"]
    assert reference.result and reference.result.shot.antialias == 1 and reference.antialiased is None
    errors = session.metrics.rmse("B")
    render = session.renders["B"]
    render.antialiased = None
    assert errors is not None and session.metrics.rmse("B") == errors
