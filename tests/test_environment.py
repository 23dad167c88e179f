"""Light from far away: the skies by the laws they claim, maps by integrals with known answers, the sun that is taken
out of a map.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ssdo.arrays import Doubles, Floats
from ssdo.gpu.context import Gpu
from ssdo.measure import reference_cache
from ssdo.render.frame_uniforms import direction_from_angles
from ssdo.render.pipeline import draw_surfaces, render_accumulated
from ssdo.render.shot import Shot
from ssdo.scene import environment, skies
from ssdo.scene.environment import Environment
from ssdo.scene.skies import latlong_directions
from ssdo.settings import UserError


def solid_angles(h: int, w: int) -> Doubles:
    """Of every texel, (h, w)."""
    return np.repeat(-np.diff(np.cos(np.arange(h + 1) * np.pi / h))[:, None] * 2 * np.pi / w, w, 1)


def grid(h: int, w: int) -> Doubles:
    return latlong_directions((np.arange(h) + 0.5) * np.pi / h, (np.arange(w) + 0.5) / w)


def irradiance(radiance: Floats, normal: Doubles) -> Doubles:
    """Of a map on a surface, summed over all its texels."""
    h, w = radiance.shape[:2]
    found: Doubles = np.einsum(
        "hwc,hw->c", radiance.astype("f8"), solid_angles(h, w) * np.maximum(grid(h, w) @ normal, 0)
    )
    return found


# ---- skies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, expected",
    [("sky", 2.0), ("overcast", 2.0), ("sunset", 0.8), ("studio", 2.0), ("night", 0.25), ("half", np.pi)],
)
def test_skies_bring_what_they_say(name: str, expected: float) -> None:
    """On a floor. The sums here and there differ by how a row's solid angle is taken, 2e-5 at these sizes."""
    for azimuth, elevation in ((0, 5), (123, 40), (272, 90)):
        found = environment.load_environment(name, direction_from_angles(azimuth, elevation))
        assert irradiance(found.radiance, np.array((0.0, 1.0, 0.0))).mean() == pytest.approx(expected, rel=1e-3)
        assert found.irradiance[0].mean() == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("name", skies.BUILT_IN_SKIES)
def test_skies_are_light_wherever_the_sun_is(name: str) -> None:
    """Finite, not negative, and moving no faster than the sun does: half a degree changes no texel by more than a share
    of the brightest.
    """
    for azimuth in (0.0, 271.3):
        for elevation in np.linspace(-89, 90, {"sky": 60, "sunset": 9, "night": 9}.get(name, 3)):
            here, beside = (skies.BUILT_IN_SKIES[name](direction_from_angles(azimuth, float(e))) for e in (elevation, elevation - 0.5))
            assert here.dtype == np.float32 and np.isfinite(here).all() and here.min() >= 0
            # At dusk light falls by 0.4 of a decade a degree, 37 % in half a degree; else 4 % at most, measured.
            assert np.abs(here - beside).max() < (0.4 if elevation < 1 else 0.1) * max(here.max(), beside.max(), 1e-9)


def test_the_sky_at_nadir_and_zenith_knows_no_azimuth() -> None:
    for y in (-1.0, 1.0):
        straight, leaning = skies.make_clear_sky((0.0, y, 0.0)), skies.make_clear_sky((1e-6, y, 0.0))
        assert np.isfinite(straight).all()
        assert np.abs(straight - leaning).max() < 1e-4


def test_dusk_fades_as_it_is_measured() -> None:
    """Lux on a floor under a clear sky, from Seidelmann's table, as shares of that at sunset; the law is within a
    factor of 2.5.
    """
    light = {
        e: float(irradiance(skies.make_clear_sky(direction_from_angles(200.0, e)), np.array((0.0, 1.0, 0.0))).mean())
        for e in (30, 0, -3, -6, -12, -18, -60)
    }
    assert light[30] == pytest.approx(light[0], rel=1e-6)
    for elevation, lux in ((-6, 3.4), (-12, 0.008)):
        assert 1 / 2.5 < light[elevation] / light[0] / (lux / 600) < 2.5
    assert light[0] > light[-3] > light[-6] > light[-12] > light[-18] == pytest.approx(light[-60], rel=1e-4)
    assert light[-18] > 0


def test_overcast_is_the_standard_sky() -> None:
    found = skies.make_overcast((0.0, 1.0, 0.0))
    sine = grid(*found.shape[:2])[:, 0, 1]
    zenith = 2.0 / (7 * np.pi / 9)  # the integral of (1 + 2 sin h) / 3 sin h over the hemisphere is 7 pi / 9
    np.testing.assert_allclose(found[sine > 0, 5, 1], zenith * (1 + 2 * sine[sine > 0]) / 3, rtol=2e-4)
    np.testing.assert_allclose(found[sine < 0], 0.25 * 2.0 / np.pi, rtol=1e-6)
    assert (found == found[:, :1, :1]).all()


def test_what_follows_the_sun_and_what_does_not() -> None:
    low, high, east = direction_from_angles(0.0, 10.0), direction_from_angles(0.0, 70.0), direction_from_angles(90.0, 10.0)
    for name, make in skies.BUILT_IN_SKIES.items():
        moved = any((make(low) != make(other)).any() for other in (high, east))
        assert moved == (name in skies.SUN_DEPENDENT_SKIES), name
    np.testing.assert_array_equal(skies.make_sunset(low), skies.make_sunset(high))
    columns = skies.make_sunset(low).shape[1]
    np.testing.assert_allclose(np.roll(skies.make_sunset(low), columns // 4, 1), skies.make_sunset(east), rtol=1e-5)
    between = (skies.make_sunset(low) + np.roll(skies.make_sunset(low), 1, 1)) / 2
    np.testing.assert_allclose(skies.make_sunset(direction_from_angles(180.0 / columns, 10.0)), between, rtol=1e-5)


def test_the_sky_does_not_jump_where_its_model_ends() -> None:
    for elevation in (0.0, np.degrees(np.arcsin(skies.MIN_SUN_SINE))):  # dusk takes 0.9 % in a hundredth of a degree
        above, below = (skies.make_clear_sky(direction_from_angles(200.0, elevation + by)) for by in (0.005, -0.005))
        assert np.abs(above - below).max() < 0.012 * above.max()


def test_the_sunset_is_where_the_sun_is_and_warm() -> None:
    for azimuth in (0.0, 80.0, 200.0):
        found = skies.make_sunset(direction_from_angles(azimuth, 50.0))
        h, w = found.shape[:2]
        row, column = np.unravel_index(found.sum(-1).argmax(), (h, w))
        assert abs((((column + 0.5) / w * 360 - azimuth) + 180) % 360 - 180) < 2 and h // 2 - 6 < row < h // 2
        red, _, blue = found[h // 2 - 2, column]
        assert red > 5 * blue and found[2, column, 2] > 1.2 * found[2, column, 0]


def test_the_studio_has_three_lights() -> None:
    """Warm key, cool fill, narrow strip: regions ten times as bright as the walls, by where they are."""
    found = skies.make_studio((0.0, 1.0, 0.0))
    h, w = found.shape[:2]
    colors = {}
    for name, azimuth, elevation in (("key", 140, 42), ("fill", 245, 24), ("rim", 12, 34)):
        colors[name] = found[int((90 - elevation) / 180 * h), int(azimuth / 360 * w)]
        assert colors[name].mean() > 10 * np.median(found)
    assert colors["key"][0] > 1.5 * colors["key"][2] and colors["fill"][2] > 1.5 * colors["fill"][0]
    assert colors["key"].mean() > 2 * colors["fill"].mean()


def test_the_night_has_windows_and_a_moon() -> None:
    moon = direction_from_angles(200.0, 40.0)
    found = skies.make_night(moon)
    h, w = found.shape[:2]
    assert found[int(50 / 180 * h), int(200 / 360 * w)].mean() > 5 * found[int(50 / 180 * h), int(20 / 360 * w)].mean()
    assert found[2, 0, 2] > 2 * found[2, 0, 0], "deep blue"
    skyline = found[h // 2 - 8 : h // 2]
    lit = (skyline.mean(-1) > 3 * np.median(skyline.mean(-1))) & (skyline[..., 0] > 1.5 * skyline[..., 2])
    assert 0.02 < lit.mean() < 0.2


# ---- maps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(100, 200), (37, 200), (300, 90), (1, 2), (700, 1500)])
def test_levels_keep_the_light(size: tuple[int, int]) -> None:
    """Every level has the same mean over the sphere, whatever the map's size; each texel is the mean over its own
    part.
    """
    radiance = np.random.default_rng(2).random((*size, 3)).astype("f4") ** 8
    mean = (radiance * solid_angles(*size)[..., None]).sum((0, 1)) / (4 * np.pi)
    levels = Environment(radiance).levels
    assert levels[-1].shape == (1, 1, 3)
    for level in levels:
        np.testing.assert_allclose(
            (level * solid_angles(*level.shape[:2])[..., None]).sum((0, 1)) / (4 * np.pi), mean, rtol=1e-5
        )
    # a square: 64 x 64 becomes 32 x 64
    halves = np.concatenate([np.zeros((32, 64, 3)), np.ones((32, 64, 3))]).astype("f4")
    assert set(np.unique(Environment(halves).levels[0])) == {0.0, 1.0}


def test_a_map_that_no_texture_holds_is_made_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 20 +X 40\n"
    (tmp_path / "a.hdr").write_bytes(top + bytes((128, 64, 32, 129)) * 800)
    assert environment.load_environment(str(tmp_path / "a.hdr"), (0, 1, 0)).radiance.shape == (20, 40, 3)
    monkeypatch.setattr(environment, "MAX_MAP_SIDE", 16)
    environment._read_cached_file.cache_clear()
    found = environment.load_environment(str(tmp_path / "a.hdr"), (0, 1, 0)).radiance
    assert found.shape == (16, 16, 3)
    np.testing.assert_allclose(found, np.broadcast_to((1, 0.5, 0.25), found.shape), rtol=1e-6)


def test_an_exr_file_is_an_environment(tmp_path: Path) -> None:
    library = pytest.importorskip("OpenEXR")
    image = np.random.default_rng(0).random((8, 16, 3)).astype("f4")
    header = {"compression": library.ZIP_COMPRESSION, "type": library.scanlineimage}
    library.File(header, {"RGB": image}).write(str(tmp_path / "a.EXR"))
    np.testing.assert_array_equal(environment.load_environment(str(tmp_path / "a.EXR"), (0, 1, 0)).radiance, image)
    with pytest.raises(UserError, match=r"or give a path to an \.hdr or \.exr file"):
        environment.load_environment(str(tmp_path / "a.png"), (0, 1, 0))


# ---- the sun in a map ------------------------------------------------------------------------------------------------


def disc(
    rows: int, azimuth: float, elevation: float, radius: float, radiance: tuple[float, ...], sky: Floats | float = 1.0
) -> Floats:
    """A map of `sky` and a disc that adds to it: every texel has the mean of 8 x 8 points, spread evenly over its solid
    angle.
    """
    columns, towards, within = 2 * rows, np.array(direction_from_angles(azimuth, elevation)), (np.arange(8) + 0.5) / 8
    share, edges = np.zeros((rows, columns)), np.cos(np.arange(rows + 1) * np.pi / rows)
    near = np.argwhere(grid(rows, columns) @ towards > np.cos(np.radians(radius + 360 / rows)))
    for row, column in near:
        w = latlong_directions(np.arccos(edges[row] + (edges[row + 1] - edges[row]) * within), (column + within) / columns)
        share[row, column] = (w @ towards > np.cos(np.radians(radius))).mean()
    found: Floats = (sky + share[..., None] * np.array(radiance)).astype("f4")
    return found


PLACES = [(0.05, 30.0), (359.9, -40.0), (77.0, 0.1), (200.0, 88.9), (10.0, 90.0), (123.0, -90.0), (300.0, 60.0)]


@pytest.mark.parametrize("azimuth, elevation", PLACES)
@pytest.mark.parametrize("radius", [0.6, 1.2])
def test_a_disc_is_found_wherever_it_is(azimuth: float, elevation: float, radius: float) -> None:
    """In an even sky: over the seam, at the poles. The solid angle of a disc is 2 pi (1 - cos r); 8 x 8 points a texel
    miss it by up to 0.7 %.
    """
    whole = Environment(disc(512, azimuth, elevation, radius, (2000.0, 1500.0, 500.0)))
    rest, sun, size = whole.sun_extraction
    assert sun is not None
    towards = np.array(direction_from_angles(sun.azimuth, sun.elevation))
    assert np.degrees(np.arccos(min(towards @ np.array(direction_from_angles(azimuth, elevation)), 1.0))) < 0.02
    assert sun.irradiance == pytest.approx(2000 * 2 * np.pi * (1 - np.cos(np.radians(radius))), rel=0.015)
    np.testing.assert_allclose(sun.color, (1.0, 0.75, 0.25), rtol=1e-4)
    # Texels that the disc covers in part count as dimmer parts of a wider one: by up to 15 % at 0.6 degrees, less than
    # two texels.
    assert 2 * radius * 0.99 < size < 2 * radius * 1.16
    np.testing.assert_allclose(rest.radiance, 1.0, rtol=1e-6)


@pytest.mark.parametrize("azimuth, elevation", PLACES)
def test_no_light_is_lost(azimuth: float, elevation: float) -> None:
    """On surfaces that face the disc, at any angle, irradiance of the map is that of the rest and the sun together; by
    channel.
    """
    noise = np.random.default_rng(4).random((256, 512, 3)) * 2
    radiance = disc(256, azimuth, elevation, 0.8, (3000.0, 2500.0, 900.0), noise.astype("f4"))
    rest, sun, _ = Environment(radiance).sun_extraction
    assert sun is not None
    towards = np.array(direction_from_angles(sun.azimuth, sun.elevation))
    rng, tried = np.random.default_rng(0), 0
    for normal in rng.normal(size=(40, 3)):
        normal /= np.linalg.norm(normal)
        cosine = towards @ normal
        if cosine > np.sin(np.radians(2)):  # else the horizon cuts the disc
            together = irradiance(rest.radiance, normal) + sun.irradiance * np.array(sun.color) * cosine
            np.testing.assert_allclose(together, irradiance(radiance, normal), rtol=1e-5)
            tried += 1
    assert tried > 10
    changed = (rest.radiance != radiance).any(-1)
    angle = np.degrees(np.arccos(np.clip(grid(256, 512) @ np.array(direction_from_angles(azimuth, elevation)), -1, 1)))
    assert changed.any() and angle[changed].max() < 2.1 and rest.radiance.max() < 3
    assert (rest.radiance <= radiance).all()


def test_an_aureole_stays() -> None:
    """A sun in its glow: the disc goes, what is around it remains, and there is no hole."""
    angle = np.degrees(np.arccos(np.clip(grid(512, 1024) @ np.array(direction_from_angles(100.0, 30.0)), -1, 1)))
    glow = (1 + 20 * np.exp(-angle / 1.5))[..., None].repeat(3, 2)
    rest, sun, _ = Environment(disc(512, 100.0, 30.0, 0.5, (20000.0,) * 3, glow.astype("f4"))).sun_extraction
    assert sun is not None and sun.irradiance == pytest.approx(
        20000 * 2 * np.pi * (1 - np.cos(np.radians(0.5))), rel=0.02
    )
    np.testing.assert_allclose(rest.radiance[angle > 2], glow[angle > 2], rtol=1e-6)
    assert rest.radiance[angle < 0.3].min() > 8 and rest.radiance.max() < 21.01


def test_where_there_is_no_sun_nothing_changes() -> None:
    patch = disc(256, 90.0, 30.0, 6.0, (500.0,) * 3)  # reaches into its own surroundings
    weak = disc(256, 90.0, 30.0, 0.5, (100.0,) * 3)  # brings 2.4 % of the sky's pi
    window = np.ones((256, 512, 3), "f4")
    window[100:140, 50:60] = 300
    maps = [patch, weak, window, *(make(direction_from_angles(33.0, e)) for make in skies.BUILT_IN_SKIES.values() for e in (3.0, 40.0))]
    for radiance in maps:
        whole = Environment(radiance)
        assert whole.sun_extraction.sun is None and whole.sun_extraction.environment is whole


def sunny(path: Path, azimuth: float = 250.0, elevation: float = 35.0, rows: int = 256) -> Path:
    """An .hdr file: a bluish sky that is brighter above, darker ground, and a sun of 0.8 degrees."""
    sky = (
        np.array((0.45, 0.6, 0.9))
        * (0.35 + 0.4 * np.maximum(grid(rows, 2 * rows)[..., 1:2], 0))
        * np.where(grid(rows, 2 * rows)[..., 1:2] > 0, 1, 0.4)
    )
    radiance = disc(rows, azimuth, elevation, 0.8, (6500.0, 5800.0, 4600.0), sky.astype("f4"))
    exponent = np.frexp(radiance.max(-1))[1]
    pixels = (
        np.concatenate([radiance / np.ldexp(1.0, exponent)[..., None] * 256, exponent[..., None] + 128], -1)
        .clip(0, 255)
        .astype("u1")
    )
    path.write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (rows, 2 * rows) + pixels.tobytes())
    return path


def test_the_suns_place_is_the_shots(tmp_path: Path, gpu: Gpu) -> None:
    """Turned and dimmed with the sky; what the shot itself says wins; picture and store look at the same map."""
    file = str(sunny(tmp_path / "a.hdr"))
    wanted = {
        "scene": "ball",
        "environment": file,
        "width": 32,
        "height": 18,
        "sky.rotation": 150.0,
        "sky.intensity": 0.5,
    }
    plain, taken, own = (
        Shot().with_values(wanted | more)
        for more in (
            {},
            {"sky.extract_sun": True},
            {"sky.extract_sun": True, "sun.azimuth": 9.0, "sun.angular_diameter": 3.0},
        )
    )
    whole = environment.load_environment(file, (0.0, 1.0, 0.0))
    sun = whole.sun_extraction.sun
    assert sun is not None
    shot, view, _ = draw_surfaces(gpu, taken)
    assert shot.sun.azimuth == pytest.approx((250 + 150) % 360, abs=0.05) and shot.sun.elevation == pytest.approx(
        35, abs=0.05
    )
    assert (
        shot.sun.irradiance == pytest.approx(sun.irradiance / 2)
        and shot.sun.color == sun.color
        and 1.6 < (shot.sun.angular_diameter or 0) < 1.9
    )
    assert view.environment is whole.sun_extraction.environment and gpu.read(view.direct_lighting.irradiance)[..., :3].max() > 0
    again, *_ = draw_surfaces(gpu, shot)
    assert again == shot, "a resolved shot is resolved"
    mine, *_ = draw_surfaces(gpu, own)
    assert (mine.sun.azimuth, mine.sun.angular_diameter) == (9.0, 3.0) and mine.sun.elevation == shot.sun.elevation
    unchanged, view, _ = draw_surfaces(gpu, plain)
    assert view.environment is whole and unchanged.sun.irradiance == 0 and unchanged.sun.angular_diameter == 0.53
    keys = [reference_cache.cache_key(gpu, s) for s in (plain, taken, own)]
    assert len(set(keys)) == 3 and reference_cache.cache_key(gpu, shot) == keys[1]
    sunny(tmp_path / "a.hdr", rows=128)
    assert reference_cache.cache_key(gpu, taken) != keys[1]
    for name in ("sky", "white"):
        there, view, _ = draw_surfaces(
            gpu,
            Shot().with_values(
                {"scene": "nook", "environment": name, "sky.extract_sun": True, "width": 16, "height": 9}
            ),
        )
        assert (
            there.sun
            == draw_surfaces(gpu, Shot().with_values({"scene": "nook", "environment": name, "width": 16, "height": 9}))[
                0
            ].sun
        )


def test_a_sun_that_is_taken_out_is_met_by_few_samples(tmp_path: Path, gpu: Gpu) -> None:
    """With 16 samples, against rays in the whole map: RMSE 0.10 with the sun in the map, 0.04 without, at 320 x 180.
    And with rays it is the same picture, in the mean.
    """
    view = {
        "scene": "nook",
        "environment": str(sunny(tmp_path / "a.hdr")),
        "sky.rotation": -100.0,
        "width": 96,
        "height": 54,
    }
    inside, taken = view | {"sun.irradiance": 0.0}, view | {"sky.extract_sun": True}
    rays = {"technique": "reference", "reference.rays": 8, "accumulated_frames": 4, "denoise.radius": 0}
    pictures = [
        gpu.read(render_accumulated(gpu, Shot().with_values(s)).radiance)[..., :3]
        for s in (inside, taken, inside | rays, taken | rays)
    ]
    errors = [float(np.sqrt(np.mean((p - pictures[2]) ** 2))) for p in pictures]
    assert errors[1] < 0.6 * errors[0], errors
    assert errors[3] < 0.5 * errors[1], errors
    assert pictures[3].mean() == pytest.approx(pictures[2].mean(), rel=0.01)
