"""Tests of OpenEXR by twins: every pixel reads the same in every storage that the package can write."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exr_files import Part, encode_chromaticities, encode_exr
from ssdo.arrays import Array
from ssdo.scene.files import exr
from test_radiance import SPACES

OpenEXR = pytest.importorskip("OpenEXR")
COMPRESSIONS = tuple(name.removesuffix("_COMPRESSION") for name in dir(OpenEXR) if name.endswith("_COMPRESSION"))
# All others store these pixel types exactly.
LOSSY = {("B44", "f2"), ("B44A", "f2"), ("PXR24", "f4"), ("LJ2K", "f4")}
LOSSY |= set(itertools.product(("DWAA", "DWAB"), ("f2", "f4")))
LINE_ORDERS = ("INCREASING_Y", "DECREASING_Y")
HEIGHT, WIDTH = 37, 50  # more rows than a chunk of most compressions has, and no multiple of a tile


def save_exr(
    path: Path, channels: dict[str, Array], compression: str = "ZIP", tile: tuple[int, int] | None = None, **header: Any
) -> Path:
    header["compression"] = getattr(OpenEXR, f"{compression}_COMPRESSION")
    header["type"] = OpenEXR.tiledimage if tile else OpenEXR.scanlineimage
    if tile:
        header["tiles"] = OpenEXR.TileDescription()
        header["tiles"].xSize, header["tiles"].ySize = tile
    OpenEXR.File(header, channels).write(str(path))
    return path


def make_exr_values(kind: str, seed: int = 0) -> Array:
    """(h, w, 3) of the whole range of a pixel type, with the smallest and largest numbers, all of them different."""
    rng, shape = np.random.default_rng(seed), (HEIGHT, WIDTH, 3)
    if kind == "u4":
        values = (2 ** rng.uniform(0, 32, shape)).astype(kind)
        values[0, 0] = 0, 1, 2**32 - 1
        return values
    limits = np.finfo(kind)
    exponents = rng.uniform(limits.minexp, limits.maxexp - 1, shape)
    values = (rng.choice([-1, 1], shape) * 2**exponents).astype(kind)
    values[0, 0] = limits.smallest_subnormal, limits.max, limits.min
    return values


def split_channels(values: Array, names: str = "RGB") -> dict[str, Array]:
    """By name: three channels, or the first of them as Y."""
    return {name: np.ascontiguousarray(values[..., i]) for i, name in enumerate(names)}


@pytest.mark.parametrize("names", ["RGB", "Y"])
@pytest.mark.parametrize("kind", ["f2", "f4", "u4"])
def test_storage_of_exr(tmp_path: Path, kind: str, names: str) -> None:
    """Compressions, tiles, pixel types, line orders: each value where it stands in the file."""
    values = make_exr_values(kind)
    expected = values.astype("f4") if names == "RGB" else values[..., :1].repeat(3, 2).astype("f4")
    # Powers of two in fields of 8 x 8 pixels, which lossy compressions keep within a factor of 1.4
    rows, columns = np.arange(HEIGHT)[:, None] // 8, np.arange(WIDTH) // 8
    logarithms = np.stack(
        [1 + (rows * 3 + columns) % 13, (rows + columns * 5) % 14, 13 - (rows * 4 + columns * 2) % 11], -1
    )
    fields = 2.0 ** (logarithms if names == "RGB" else logarithms[..., :1].repeat(3, 2))
    for compression, tile, order in itertools.product(COMPRESSIONS, (None, (16, 24)), LINE_ORDERS):
        options: dict[str, Any] = {"lineOrder": getattr(OpenEXR, order)}
        case = f"{compression}, {tile}, {order}"
        is_lossy = (compression, kind) in LOSSY
        pixels = 2.0**logarithms if is_lossy else values
        path = save_exr(tmp_path / "a.exr", split_channels(pixels.astype(kind), names), compression, tile, **options)
        actual = exr.read_exr_unclamped(path)
        if is_lossy:
            np.testing.assert_array_equal(np.rint(np.log2(actual)), np.log2(fields), case)
        else:
            np.testing.assert_array_equal(actual, expected, case)
            np.testing.assert_array_equal(exr.read_exr(path), np.maximum(expected, 0), case)


def test_channels_of_exr(tmp_path: Path) -> None:
    """Each channel has a pixel type of its own, and others stand before, between and behind."""
    others = {"A": "f2", "BB": "f4", "GREEN": "u4", "Q": "f2", "X.R": "f4", "Z": "f4", "b": "f2"}
    more = {name: np.full((HEIGHT, WIDTH), 7, kind) for name, kind in others.items()}
    for kinds in itertools.product(("f2", "f4", "u4"), repeat=3):
        values = [make_exr_values(kind, seed)[..., seed] for seed, kind in enumerate(kinds)]
        channels = dict(zip("RGB", map(np.ascontiguousarray, values), strict=True))
        radiance = exr.read_exr_unclamped(save_exr(tmp_path / "a.exr", channels | more))
        np.testing.assert_array_equal(radiance, np.stack([v.astype("f4") for v in values], -1), str(kinds))


@pytest.mark.parametrize("origin", [(0, 0), (5, -3), (-7, 11)])
def test_windows_of_exr(tmp_path: Path, origin: tuple[int, int]) -> None:
    """The picture is where its window is."""
    values = make_exr_values("f4")
    corners = np.array(origin, "i4"), np.array((origin[0] + WIDTH - 1, origin[1] + HEIGHT - 1), "i4")
    for tile in (None, (7, 64)):
        path = save_exr(
            tmp_path / "a.exr",
            split_channels(values),
            "PIZ",
            tile,
            dataWindow=corners,
            displayWindow=corners,
            pixelAspectRatio=1.5,
            screenWindowWidth=3.0,
        )
        np.testing.assert_array_equal(exr.read_exr_unclamped(path), values)


SHIFTS = [shift for shift in itertools.product((-3, 0, 2), repeat=4) if any(shift)]


@pytest.mark.parametrize("tile", [None, (7, 64)])
def test_windows_of_exr_that_differ(tmp_path: Path, tile: tuple[int, int] | None) -> None:
    """The picture is the display window: pixels beyond it are left out, those without a value are black."""
    channels = split_channels(np.abs(make_exr_values("f2")))
    values = np.stack([*channels.values()], -1)
    corners = np.array((3, -4, 3 + WIDTH - 1, -4 + HEIGHT - 1), "i4")
    for shift in SHIFTS:
        left, top, right, bottom = shifted = corners + np.array(shift, "i4")
        windows = {"dataWindow": (corners[:2], corners[2:]), "displayWindow": (shifted[:2], shifted[2:])}
        notes: list[str] = []
        path = save_exr(tmp_path / "a.exr", channels, "NO", tile, **windows)
        radiance = exr.read_exr(path, notes)
        rows, columns = np.arange(top, bottom + 1) - corners[1], np.arange(left, right + 1) - corners[0]
        is_inside = (rows >= 0)[:, None] & (rows < HEIGHT)[:, None] & (columns >= 0) & (columns < WIDTH)
        expected = np.where(is_inside[..., None], values[rows.clip(0, HEIGHT - 1)][:, columns.clip(0, WIDTH - 1)], 0)
        np.testing.assert_array_equal(radiance, expected.astype("f4"), str(shift))
        assert len(notes) == 1 and ("black outside" in notes[0]) != is_inside.all()


def test_windows_of_exr_without_common_pixels(tmp_path: Path) -> None:
    """Beside, above, below and far away: black, with a note."""
    channels = split_channels(make_exr_values("f2"))
    for x, y in ((WIDTH, 0), (-WIDTH, 0), (0, HEIGHT), (0, -HEIGHT), (10**9, -(10**9))):
        corners = np.array((x, y), "i4"), np.array((x + WIDTH - 1, y + HEIGHT - 1), "i4")
        window = np.array((0, 0), "i4"), np.array((WIDTH - 1, HEIGHT - 1), "i4")
        notes: list[str] = []
        path = save_exr(tmp_path / "a.exr", channels, "NO", dataWindow=corners, displayWindow=window)
        assert not exr.read_exr(path, notes).any() and "lies outside of the display window" in notes[0]


def test_environments_of_exr_are_the_data_window(tmp_path: Path) -> None:
    """As ImfEnvmap.h defines them, whatever the display window."""
    values = make_exr_values("f4")
    window = np.array((5, -3), "i4"), np.array((19, 60), "i4")
    path = save_exr(tmp_path / "a.exr", split_channels(values), envmap=OpenEXR.ENVMAP_LATLONG, displayWindow=window)
    np.testing.assert_array_equal(exr.read_exr_unclamped(path), values)


@pytest.mark.slow
def test_colors_of_exr_agree_with_mitsuba(tmp_path: Path) -> None:
    """Chromaticities with the white D65; luminance with one chroma. Mitsuba adapts no other white."""
    mitsuba = pytest.importorskip("mitsuba")
    mitsuba.set_variant("scalar_rgb")
    rng = np.random.default_rng(0)
    luminance, red, blue = (rng.random(shape).astype("f4") for shape in ((6, 8), (1, 1), (1, 1)))
    contents: list[tuple[dict[str, Array], dict[str, tuple[int, int]]]] = [
        (split_channels(rng.random((6, 8, 3)).astype("f4")), {}),
        (
            {"Y": luminance, "RY": red.repeat(3, 0).repeat(4, 1), "BY": blue.repeat(3, 0).repeat(4, 1)},
            {"RY": (2, 2), "BY": (2, 2)},
        ),
    ]
    for (channels, sampling), name in itertools.product(contents, ("Rec. 709", "Rec. 2020", "P3 D65")):
        attributes = {"chromaticities": encode_chromaticities(SPACES[name][0])}
        path = tmp_path / "a.exr"
        path.write_bytes(encode_exr(Part(channels, sampling, attributes=attributes)))
        expected = np.array(mitsuba.Bitmap(str(path)))
        np.testing.assert_allclose(exr.read_exr_unclamped(path), expected, atol=1e-5, err_msg=name)
