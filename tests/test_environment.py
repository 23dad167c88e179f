"""Tests of environments: skies and their models, integrals of maps, and the extraction of the sun."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from ssdo.arrays import Doubles, Floats
from ssdo.gpu.context import Gpu
from ssdo.measure import reference_cache
from ssdo.render.frame_uniforms import direction_from_angles
from ssdo.render.pipeline import load_shot, preload_shot, prepare_frame, render_all_frames
from ssdo.render.shot import Shot
from ssdo.scene import environment, skies
from ssdo.scene.environment import Environment
from ssdo.scene.skies import latlong_directions
from ssdo.settings import UserError
from ssdo.viewer.file_loading import load_file


def compute_solid_angles(h: int, w: int) -> Doubles:
    """(h, w) solid angles of texels."""
    return np.repeat(-np.diff(np.cos(np.arange(h + 1) * np.pi / h))[:, None] * 2 * np.pi / w, w, 1)


def texel_directions(h: int, w: int) -> Doubles:
    return latlong_directions((np.arange(h) + 0.5) * np.pi / h, (np.arange(w) + 0.5) / w)


def compute_angles(h: int, w: int, azimuth: float, elevation: float) -> Doubles:
    """(h, w) angles in degrees between the texels' directions and another direction."""
    towards = np.array(direction_from_angles(azimuth, elevation))
    angles: Doubles = np.degrees(np.arccos(np.clip(texel_directions(h, w) @ towards, -1, 1)))
    return angles


def disc_solid_angle(radius: float) -> float:
    """The solid angle of a disc whose radius is in degrees."""
    return float(2 * np.pi * (1 - np.cos(np.radians(radius))))


def compute_irradiance(radiance: Floats, normal: Doubles) -> Doubles:
    """Irradiance (3,) on a surface, summed over all texels."""
    h, w = radiance.shape[:2]
    total: Doubles = np.einsum(
        "hwc,hw->c", radiance.astype("f8"), compute_solid_angles(h, w) * np.maximum(texel_directions(h, w) @ normal, 0)
    )
    return total


# ---- skies -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, expected",
    [("sky", 2.0), ("overcast", 2.0), ("sunset", 0.8), ("studio", 2.0), ("night", 0.25), ("half", np.pi)],
)
def test_irradiance_of_skies(name: str, expected: float) -> None:
    """Irradiance on a floor. The sums differ by how they compute a row's solid angle, 2e-5 at these sizes."""
    for azimuth, elevation in ((0, 5), (123, 40), (272, 90)):
        sky = environment.load_environment(name, direction_from_angles(azimuth, elevation))
        assert compute_irradiance(sky.radiance, np.array((0.0, 1.0, 0.0))).mean() == pytest.approx(expected, rel=1e-3)
        assert sky.irradiance[0].mean() == pytest.approx(expected, rel=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", skies.BUILT_IN_SKIES)
def test_skies_are_valid_for_every_sun(name: str) -> None:
    """Finite and not negative. A sun that moves by half a degree changes texels by at most a part of the brightest."""
    for azimuth in (0.0, 271.3):
        for elevation in np.linspace(-89, 90, {"sky": 60, "sunset": 9, "night": 9}.get(name, 3)):
            sky, next_sky = (
                skies.BUILT_IN_SKIES[name](direction_from_angles(azimuth, float(e)))
                for e in (elevation, elevation - 0.5)
            )
            assert sky.dtype == np.float32 and np.isfinite(sky).all() and sky.min() >= 0
            # At dusk light falls by 0.4 decades a degree, 37 % in half a degree.
            largest = max(sky.max(), next_sky.max(), 1e-9)
            assert np.abs(sky - next_sky).max() < (0.4 if elevation < 1 else 0.1) * largest


def test_a_vertical_sun_has_no_azimuth() -> None:
    for y in (-1.0, 1.0):
        straight, leaning = skies.make_clear_sky((0.0, y, 0.0)), skies.make_clear_sky((1e-6, y, 0.0))
        assert np.isfinite(straight).all()
        assert np.abs(straight - leaning).max() < 1e-4


def test_twilight_equals_measurements() -> None:
    """Lux on a floor under a clear sky relative to sunset, within a factor of 2.5 of Seidelmann's table."""
    light = {}
    for e in (30, 0, -3, -6, -12, -18, -60):
        sky = skies.make_clear_sky(direction_from_angles(200.0, e))
        light[e] = float(compute_irradiance(sky, np.array((0.0, 1.0, 0.0))).mean())
    assert light[30] == pytest.approx(light[0], rel=1e-6)
    for elevation, lux in ((-6, 3.4), (-12, 0.008)):
        assert 1 / 2.5 < light[elevation] / light[0] / (lux / 600) < 2.5
    assert light[0] > light[-3] > light[-6] > light[-12] > light[-18] == pytest.approx(light[-60], rel=1e-4)
    assert light[-18] > 0


def test_overcast_is_the_standard_sky() -> None:
    sky = skies.make_overcast((0.0, 1.0, 0.0))
    sine = texel_directions(*sky.shape[:2])[:, 0, 1]
    zenith = 2.0 / (7 * np.pi / 9)  # the integral of (1 + 2 sin h) / 3 sin h over the hemisphere is 7 pi / 9
    np.testing.assert_allclose(sky[sine > 0, 5, 1], zenith * (1 + 2 * sine[sine > 0]) / 3, rtol=2e-4)
    np.testing.assert_allclose(sky[sine < 0], 0.25 * 2.0 / np.pi, rtol=1e-6)
    assert (sky == sky[:, :1, :1]).all()


def test_sun_dependent_skies() -> None:
    low, high, east = (
        direction_from_angles(0.0, 10.0),
        direction_from_angles(0.0, 70.0),
        direction_from_angles(90.0, 10.0),
    )
    for name, make in skies.BUILT_IN_SKIES.items():
        depends_on_sun = any((make(low) != make(other)).any() for other in (high, east))
        assert depends_on_sun == (name in skies.SUN_DEPENDENT_SKIES), name
    np.testing.assert_array_equal(skies.make_sunset(low), skies.make_sunset(high))
    columns = skies.make_sunset(low).shape[1]
    np.testing.assert_allclose(np.roll(skies.make_sunset(low), columns // 4, 1), skies.make_sunset(east), rtol=1e-5)
    between = (skies.make_sunset(low) + np.roll(skies.make_sunset(low), 1, 1)) / 2
    np.testing.assert_allclose(skies.make_sunset(direction_from_angles(180.0 / columns, 10.0)), between, rtol=1e-5)


def test_the_sky_is_continuous_at_the_models_limits() -> None:
    for elevation in (0.0, np.degrees(np.arcsin(skies.MIN_SUN_SINE))):  # dusk takes 0.9 % in a hundredth of a degree
        upper, lower = (skies.make_clear_sky(direction_from_angles(200.0, elevation + by)) for by in (0.005, -0.005))
        assert np.abs(upper - lower).max() < 0.012 * upper.max()


def test_the_sunset_is_warm_at_the_sun() -> None:
    for azimuth in (0.0, 80.0, 200.0):
        sunset = skies.make_sunset(direction_from_angles(azimuth, 50.0))
        h, w = sunset.shape[:2]
        row, column = np.unravel_index(sunset.sum(-1).argmax(), (h, w))
        assert abs((((column + 0.5) / w * 360 - azimuth) + 180) % 360 - 180) < 2 and h // 2 - 6 < row < h // 2
        red, _, blue = sunset[h // 2 - 2, column]
        assert red > 5 * blue and sunset[2, column, 2] > 1.2 * sunset[2, column, 0]


def test_the_studio_has_three_lights() -> None:
    """Warm key, cool fill, narrow strip: regions ten times as bright as the walls, by where they are."""
    studio = skies.make_studio((0.0, 1.0, 0.0))
    h, w = studio.shape[:2]
    colors = {}
    for name, azimuth, elevation in (("key", 140, 42), ("fill", 245, 24), ("rim", 12, 34)):
        colors[name] = studio[int((90 - elevation) / 180 * h), int(azimuth / 360 * w)]
        assert colors[name].mean() > 10 * np.median(studio)
    assert colors["key"][0] > 1.5 * colors["key"][2] and colors["fill"][2] > 1.5 * colors["fill"][0]
    assert colors["key"].mean() > 2 * colors["fill"].mean()


def test_the_night_has_windows_and_a_moon() -> None:
    moon = direction_from_angles(200.0, 40.0)
    night = skies.make_night(moon)
    h, w = night.shape[:2]
    assert night[int(50 / 180 * h), int(200 / 360 * w)].mean() > 5 * night[int(50 / 180 * h), int(20 / 360 * w)].mean()
    assert night[2, 0, 2] > 2 * night[2, 0, 0], "deep blue"
    skyline = night[h // 2 - 8 : h // 2]
    is_window = (skyline.mean(-1) > 3 * np.median(skyline.mean(-1))) & (skyline[..., 0] > 1.5 * skyline[..., 2])
    assert 0.02 < is_window.mean() < 0.2


# ---- maps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(100, 200), (37, 200), (300, 90), (1, 2), (700, 1500)])
def test_levels_keep_the_mean(size: tuple[int, int]) -> None:
    """All levels have the same mean over the sphere, for any size of the map. Each texel is a mean over its area."""
    radiance = np.random.default_rng(2).random((*size, 3)).astype("f4") ** 8
    mean = (radiance * compute_solid_angles(*size)[..., None]).sum((0, 1)) / (4 * np.pi)
    levels = Environment(radiance).levels
    assert levels[-1].shape == (1, 1, 3)
    for level in levels:
        np.testing.assert_allclose(
            (level * compute_solid_angles(*level.shape[:2])[..., None]).sum((0, 1)) / (4 * np.pi), mean, rtol=1e-5
        )
    # a square map: 64 x 64 becomes 32 x 64
    halves = np.concatenate([np.zeros((32, 64, 3)), np.ones((32, 64, 3))]).astype("f4")
    assert set(np.unique(Environment(halves).levels[0])) == {0.0, 1.0}


def test_large_maps_are_resampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 20 +X 40\n"
    (tmp_path / "a.hdr").write_bytes(top + bytes((128, 64, 32, 129)) * 800)
    assert environment.load_environment(str(tmp_path / "a.hdr"), (0, 1, 0)).radiance.shape == (20, 40, 3)
    monkeypatch.setattr(environment, "MAX_MAP_SIDE", 16)
    environment._files.clear()
    radiance = environment.load_environment(str(tmp_path / "a.hdr"), (0, 1, 0)).radiance
    assert radiance.shape == (16, 16, 3)
    np.testing.assert_allclose(radiance, np.broadcast_to((1, 0.5, 0.25), radiance.shape), rtol=1e-6)


def test_an_exr_file_is_an_environment(tmp_path: Path) -> None:
    library = pytest.importorskip("OpenEXR")
    image = np.random.default_rng(0).random((8, 16, 3)).astype("f4")
    header = {"compression": library.ZIP_COMPRESSION, "type": library.scanlineimage}
    library.File(header, {"RGB": image}).write(str(tmp_path / "a.EXR"))
    np.testing.assert_array_equal(environment.load_environment(str(tmp_path / "a.EXR"), (0, 1, 0)).radiance, image)
    with pytest.raises(UserError, match=r"or give a path to an \.hdr or \.exr file"):
        environment.load_environment(str(tmp_path / "a.png"), (0, 1, 0))


def write_rgbe(path: Path, radiance: Floats, line: str = "") -> str:
    """Write an .hdr file. Returns its name."""
    exponent = np.frexp(radiance.max(-1))[1]
    mantissas = radiance / np.ldexp(1.0, exponent)[..., None] * 256
    pixels = np.concatenate([mantissas, exponent[..., None] + 128], -1).clip(0, 255).astype("u1")
    h, w = radiance.shape[:2]
    path.write_bytes(f"#?RADIANCE\n{line}FORMAT=32-bit_rle_rgbe\n\n-Y {h} +X {w}\n".encode() + pixels.tobytes())
    return str(path)


SIZE_NOTE = "is {} x {}; a lat-long map is twice as wide as high: it is stretched over the whole sphere"
# Width, height, radiance and a header line, and the notes.
NOTED_FILES: list[tuple[tuple[int, int], float, str, tuple[str, ...]]] = [
    ((64, 32), 1.0, "", ()),
    ((400, 199), 1.0, "", ()),
    ((96, 54), 1.0, "", (SIZE_NOTE.format(96, 54),)),
    ((20, 20), 1.0, "", (SIZE_NOTE.format(20, 20),)),
    ((64, 32), 1e36, "", ("2048 pixels of up to 1e+36 clipped to 1e+12",)),
    ((2, 1), 1.0, "EXPOSURE=0\n", ("header: EXPOSURE is left out: must be a number above 0, not '0'",)),
]


@pytest.mark.parametrize("case", range(len(NOTED_FILES)))
def test_notes_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], case: int) -> None:
    """They are printed once before a shot is drawn, after the file's name, and shown by the viewer."""
    (w, h), value, line, notes = NOTED_FILES[case]
    file = write_rgbe(tmp_path / "a.hdr", np.full((h, w, 3), value, "f4"), line)
    assert environment.list_environment_notes(file) == notes
    preload_shot(Shot().with_values({"scene": "plane", "environment": file}))
    assert capsys.readouterr().err == "".join(f"{file}: {note}\n" for note in notes)
    session = Mock(message="")
    load_file(file, session, "B", Mock(), Mock())
    session.change.assert_called_once_with({"environment": file}, "B")
    assert session.message == (f"{file}: {'; '.join(notes)}" if notes else "")
    assert environment.list_environment_notes("sky") == ()


def make_extreme_maps() -> dict[str, Floats]:
    """Radiance up to the limit: everywhere, in a texel, in a row at a pole, in all decades, in one channel."""
    limit, maps = environment.MAX_RADIANCE, {}
    maps["everywhere"] = np.full((64, 128, 3), limit, "f4")
    for name, place in (("one texel", (30, 77)), ("a pole", (0, slice(None))), ("one channel", (slice(20), 5, 1))):
        maps[name] = np.full((64, 128, 3), 0.5, "f4")
        maps[name][place] = limit
    maps["all decades"] = np.geomspace(1e-30, limit, 64 * 128 * 3).reshape(64, 128, 3).astype("f4")
    return maps


@pytest.mark.parametrize("name", make_extreme_maps())
def test_extreme_radiance_stays_finite(name: str) -> None:
    """All that is derived from a map at the limit of radiance, with the room that MAX_RADIANCE states."""
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        light = Environment(make_extreme_maps()[name])
        remaining = light.sun_extraction.environment
        for some in (light, remaining):
            derived = (*some.levels, some.irradiance, some.resample_octahedral(8), *some.sampling[:2])
            assert all(np.isfinite(values).all() for values in derived)
        largest = float(np.finfo("f4").max)
        assert light.sampling.bright_texels.max(initial=0) * 1e4 < largest
        assert (1e4 * float(light.irradiance.max())) ** 2 * 4096 < largest


@pytest.mark.slow
@pytest.mark.parametrize("peak", [1e13, 1e36])
@pytest.mark.parametrize("technique", ["reference", "ssdo", "bitmask"])
def test_radiance_beyond_the_limit_is_drawn(tmp_path: Path, gpu: Gpu, technique: str, peak: float) -> None:
    """As that of the limit: every pixel is finite, and lit."""
    radiance = np.zeros((32, 64, 3), "f4")
    radiance[4:9, 20:30] = peak
    values = {"scene": "nook", "width": 16, "height": 9, "technique": technique}
    files = [write_rgbe(tmp_path / f"{i}.hdr", r) for i, r in enumerate((radiance, np.minimum(radiance, 2.0**39)))]
    clipped, limit = (
        gpu.read(render_all_frames(gpu, Shot().with_values(values | {"environment": file})).radiance)[..., :3]
        for file in files
    )
    assert np.isfinite(clipped).all() and clipped.max() > 1e10
    np.testing.assert_allclose(clipped, limit * (environment.MAX_RADIANCE / 2.0**39), rtol=1e-3)


# ---- extraction of the sun -------------------------------------------------------------------------------------------


def make_disc(
    rows: int, azimuth: float, elevation: float, radius: float, radiance: tuple[float, ...], sky: Floats | float = 1.0
) -> Floats:
    """A map of `sky` plus a disc. Texels are means of 8 x 8 points, spread evenly over their solid angle."""
    columns, center = 2 * rows, np.array(direction_from_angles(azimuth, elevation))
    coverage, edges = np.zeros((rows, columns)), np.cos(np.arange(rows + 1) * np.pi / rows)
    offsets = (np.arange(8) + 0.5) / 8
    nearby = np.argwhere(texel_directions(rows, columns) @ center > np.cos(np.radians(radius + 360 / rows)))
    for row, column in nearby:
        theta = np.arccos(edges[row] + (edges[row + 1] - edges[row]) * offsets)
        w = latlong_directions(theta, (column + offsets) / columns)
        coverage[row, column] = (w @ center > np.cos(np.radians(radius))).mean()
    radiance_map: Floats = (sky + coverage[..., None] * np.array(radiance)).astype("f4")
    return radiance_map


SUN_ANGLES = [(0.05, 30.0), (359.9, -40.0), (77.0, 0.1), (200.0, 88.9), (10.0, 90.0), (123.0, -90.0), (300.0, 60.0)]


@pytest.mark.slow
@pytest.mark.parametrize("azimuth, elevation", SUN_ANGLES)
@pytest.mark.parametrize("radius", [0.6, 1.2])
def test_a_disc_is_extracted_at_any_direction(azimuth: float, elevation: float, radius: float) -> None:
    """In a uniform sky, also across the seam and at the poles.

    The disc's 8 x 8 points a texel are off by up to 0.7 % of its solid angle.
    """
    original = Environment(make_disc(512, azimuth, elevation, radius, (2000.0, 1500.0, 500.0)))
    remaining, sun = original.sun_extraction
    assert sun is not None
    towards = np.array(direction_from_angles(sun.azimuth, sun.elevation))
    assert np.degrees(np.arccos(min(towards @ np.array(direction_from_angles(azimuth, elevation)), 1.0))) < 0.02
    assert sun.irradiance == pytest.approx(2000 * disc_solid_angle(radius), rel=0.015)
    np.testing.assert_allclose(sun.color, (1.0, 0.75, 0.25), rtol=1e-4)
    # Partly covered texels count as dimmer parts of a wider disc: up to 15 % at 0.6 degrees, less than two texels.
    assert 2 * radius * 0.99 < sun.angular_diameter < 2 * radius * 1.16
    np.testing.assert_allclose(remaining.radiance, 1.0, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("azimuth, elevation", SUN_ANGLES)
def test_extraction_keeps_irradiance(azimuth: float, elevation: float) -> None:
    """On surfaces that all of the disc shines on, the remaining map and the sun give the irradiance of the original."""
    noise = np.random.default_rng(4).random((256, 512, 3)) * 2
    radiance = make_disc(256, azimuth, elevation, 0.8, (3000.0, 2500.0, 900.0), noise.astype("f4"))
    remaining, sun = Environment(radiance).sun_extraction
    assert sun is not None
    towards = np.array(direction_from_angles(sun.azimuth, sun.elevation))
    rng, tested_count = np.random.default_rng(0), 0
    for normal in rng.normal(size=(40, 3)):
        normal /= np.linalg.norm(normal)
        cosine = towards @ normal
        if cosine > np.sin(np.radians(2)):  # the horizon does not cut the disc
            total = compute_irradiance(remaining.radiance, normal) + sun.irradiance * np.array(sun.color) * cosine
            np.testing.assert_allclose(total, compute_irradiance(radiance, normal), rtol=1e-5)
            tested_count += 1
    assert tested_count > 10
    changed = (remaining.radiance != radiance).any(-1)
    angle = compute_angles(256, 512, azimuth, elevation)
    assert changed.any() and angle[changed].max() < 2.1 and remaining.radiance.max() < 3
    assert (remaining.radiance <= radiance).all()


def test_an_aureole_remains() -> None:
    """Of a sun in a glow, the disc is removed and filled with the glow."""
    angle = compute_angles(512, 1024, 100.0, 30.0)
    glow = (1 + 20 * np.exp(-angle / 1.5))[..., None].repeat(3, 2)
    remaining, sun = Environment(make_disc(512, 100.0, 30.0, 0.5, (20000.0,) * 3, glow.astype("f4"))).sun_extraction
    assert sun is not None and sun.irradiance == pytest.approx(20000 * disc_solid_angle(0.5), rel=0.02)
    np.testing.assert_allclose(remaining.radiance[angle > 2], glow[angle > 2], rtol=1e-6)
    assert remaining.radiance[angle < 0.3].min() > 8 and remaining.radiance.max() < 21.01


@pytest.mark.slow
def test_maps_without_a_sun_are_unchanged() -> None:
    patch = make_disc(256, 90.0, 30.0, 6.0, (500.0,) * 3)  # larger than a sun
    weak = make_disc(256, 90.0, 30.0, 0.5, (100.0,) * 3)  # 2.4 % of the sky's irradiance pi
    window = np.ones((256, 512, 3), "f4")
    window[100:140, 50:60] = 300
    maps = [
        patch,
        weak,
        window,
        *(make(direction_from_angles(33.0, e)) for make in skies.BUILT_IN_SKIES.values() for e in (3.0, 40.0)),
    ]
    for radiance in maps:
        original = Environment(radiance)
        assert original.sun_extraction.sun is None and original.sun_extraction.environment is original


def write_sunny_map(path: Path, azimuth: float = 250.0, elevation: float = 35.0, rows: int = 256) -> Path:
    """Write an .hdr file with a gradient sky, darker ground, and a sun with a radius of 0.8 degrees."""
    up = texel_directions(rows, 2 * rows)[..., 1:2]
    sky = np.array((0.45, 0.6, 0.9)) * (0.35 + 0.4 * np.maximum(up, 0)) * np.where(up > 0, 1, 0.4)
    radiance = make_disc(rows, azimuth, elevation, 0.8, (6500.0, 5800.0, 4600.0), sky.astype("f4"))
    write_rgbe(path, radiance)
    return path


@pytest.mark.slow
def test_a_shot_resolves_the_extracted_sun(tmp_path: Path, gpu: Gpu) -> None:
    """The extracted sun rotates and dims with the sky, and the shot's own values override it.

    The cache of references depends on the same map.
    """
    file = str(write_sunny_map(tmp_path / "a.hdr"))
    values = {
        "scene": "ball",
        "environment": file,
        "width": 32,
        "height": 18,
        "sky.rotation": 150.0,
        "sky.intensity": 0.5,
    }
    plain, extracted, overridden = (
        Shot().with_values(values | more)
        for more in (
            {},
            {"sky.extract_sun": True},
            {"sky.extract_sun": True, "sun.azimuth": 9.0, "sun.angular_diameter": 3.0},
        )
    )
    original = environment.load_environment(file, (0.0, 1.0, 0.0))
    sun = original.sun_extraction.sun
    assert sun is not None
    shot, view, _ = prepare_frame(gpu, load_shot(extracted))
    assert shot.sun.azimuth == pytest.approx((250 + 150) % 360, abs=0.05)
    assert shot.sun.elevation == pytest.approx(35, abs=0.05)
    assert shot.sun.irradiance == pytest.approx(sun.irradiance / 2) and shot.sun.color == sun.color
    assert 1.6 < (shot.sun.angular_diameter or 0) < 1.9
    assert view.environment is original.sun_extraction.environment
    assert gpu.read(view.direct_lighting.irradiance)[..., :3].max() > 0
    resolved_again, *_ = prepare_frame(gpu, load_shot(shot))
    assert resolved_again == shot, "resolving again changes nothing"
    resolved, *_ = prepare_frame(gpu, load_shot(overridden))
    assert (resolved.sun.azimuth, resolved.sun.angular_diameter) == (9.0, 3.0)
    assert resolved.sun.elevation == shot.sun.elevation
    unchanged, view, _ = prepare_frame(gpu, load_shot(plain))
    assert view.environment is original and unchanged.sun.irradiance == 0 and unchanged.sun.angular_diameter == 0.53
    keys = [reference_cache.cache_key(gpu, load_shot(s)) for s in (plain, extracted, overridden)]
    assert len(set(keys)) == 3 and reference_cache.cache_key(gpu, load_shot(shot)) == keys[1]
    write_sunny_map(tmp_path / "a.hdr", rows=128)
    assert reference_cache.cache_key(gpu, load_shot(extracted)) != keys[1]
    for name in ("sky", "white"):
        small = Shot().with_values({"scene": "nook", "environment": name, "width": 16, "height": 9})
        without_sun, *_ = prepare_frame(gpu, load_shot(small.with_values({"sky.extract_sun": True})))
        default, *_ = prepare_frame(gpu, load_shot(small))
        assert without_sun.sun == default.sun


@pytest.mark.slow
def test_extraction_reduces_noise(tmp_path: Path, gpu: Gpu) -> None:
    """With 16 samples, the error against the reference is smaller with the sun extracted. The mean stays the same."""
    view = {
        "scene": "nook",
        "environment": str(write_sunny_map(tmp_path / "a.hdr")),
        "sky.rotation": -100.0,
        "width": 96,
        "height": 54,
    }
    in_map, extracted = view | {"sun.irradiance": 0.0}, view | {"sky.extract_sun": True}
    rays = {"technique": "reference", "reference.rays": 8, "accumulated_frames": 4, "denoise.radius": 0}
    images = [
        gpu.read(render_all_frames(gpu, Shot().with_values(s)).radiance)[..., :3]
        for s in (in_map, extracted, in_map | rays, extracted | rays)
    ]
    errors = [float(np.sqrt(np.mean((image - images[2]) ** 2))) for image in images]
    assert errors[1] < 0.6 * errors[0], errors
    assert errors[3] < 0.5 * errors[1], errors
    assert images[3].mean() == pytest.approx(images[2].mean(), rel=0.01)
