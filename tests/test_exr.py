"""Tests of OpenEXR: the same pixels give the same radiance however they are stored; damaged files give UserErrors."""

from __future__ import annotations

import random
import struct
import sys
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exr_files import Part, encode_chromaticities, encode_exr
from ssdo.arrays import Array, Doubles, Floats
from ssdo.scene.files import exr
from ssdo.settings import UserError
from test_radiance import SPACES, UNUSABLE

OpenEXR = pytest.importorskip("OpenEXR")
LOSSLESS = ("NO", "RLE", "ZIPS", "ZIP", "PIZ")
LOSSY = ("PXR24", "B44", "B44A", "DWAA", "DWAB", "HTJ2K32")  # of floats, at least


def make_image(h: int = 21, w: int = 42, seed: int = 0) -> Floats:
    """Values that are exact as half floats."""
    image: Floats = (np.random.default_rng(seed).integers(0, 2000, (h, w, 3)) / 16).astype("f4")
    image[:, 5:20] = 1
    return image


def save(path: Path, channels: Mapping[str, Array], compression: str = "ZIP", tile: int = 0, **header: Any) -> Path:
    kind = {
        "type": OpenEXR.tiledimage if tile else OpenEXR.scanlineimage,
        "compression": getattr(OpenEXR, f"{compression}_COMPRESSION"),
    }
    if tile:
        description = OpenEXR.TileDescription()
        description.xSize = description.ySize = tile
        kind["tiles"] = description
    OpenEXR.File(kind | header, dict(channels)).write(str(path))
    return path


def split_channels(image: Floats, kind: str = "f4") -> dict[str, Array]:
    return {name: np.ascontiguousarray(image[..., i]).astype(kind) for i, name in enumerate("RGB")}


def read_error(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        exr.read_exr(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and text.count(": ") >= 2 and "\n" not in text
    return text


@pytest.mark.parametrize("compression", LOSSLESS)
@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize("kind", ["f2", "f4"])
def test_storage_does_not_change_radiance(tmp_path: Path, compression: str, tile: int, kind: str) -> None:
    radiance = exr.read_exr(save(tmp_path / "a.exr", split_channels(make_image(), kind), compression, tile))
    assert radiance.dtype == np.float32
    np.testing.assert_array_equal(radiance, make_image())


def test_channels(tmp_path: Path) -> None:
    """Grey is repeated, integers keep their values, other channels are ignored."""
    image = make_image()
    grey = exr.read_exr(save(tmp_path / "y.exr", {"Y": image[..., 0].copy()}))
    np.testing.assert_array_equal(grey, image[..., :1].repeat(3, 2))
    integers = np.floor(image)
    np.testing.assert_array_equal(exr.read_exr(save(tmp_path / "uint.exr", split_channels(integers, "u4"))), integers)
    others = {
        "A": np.full(image.shape[:2], 0.25, "f2"),
        "Z": image[..., 1].copy(),
        "Y": image[..., 2].copy(),
        "diffuse.R": image[..., 2].copy(),
    }
    mixed = split_channels(image) | {"G": image[..., 1].astype("f2")} | others
    np.testing.assert_array_equal(exr.read_exr(save(tmp_path / "more.exr", mixed)), image)
    upwards = save(tmp_path / "up.exr", split_channels(image), lineOrder=OpenEXR.DECREASING_Y)
    np.testing.assert_array_equal(exr.read_exr(upwards), image)


def read_parts(path: Path, *parts: Part) -> tuple[Floats, list[str]]:
    """What is read of a file, and the notes."""
    notes: list[str] = []
    path.write_bytes(encode_exr(*parts))
    radiance = exr.read_exr(path, notes)
    assert radiance.dtype == np.float32 and np.isfinite(radiance).all() and radiance.min() >= 0
    assert all(note and "\n" not in note and len(note) < 300 for note in notes)
    return radiance, notes


def test_values_that_are_no_radiance(tmp_path: Path) -> None:
    """They are replaced, with a note if that changes the light. `read_exr_unclamped` returns values as stored."""
    image = make_image()
    image[3, 4, 1] = -2
    image[7, 9, 2], image[8, 9, 2] = np.nan, np.inf
    expected = image.copy()
    expected[3, 4, 1] = expected[7, 9, 2] = 0
    expected[8, 9, 2] = 65504
    radiance, notes = read_parts(tmp_path / "a.exr", Part(split_channels(image)))
    np.testing.assert_array_equal(radiance, expected)
    assert len(notes) == 1 and "first at column 9, row 7" in notes[0]
    np.testing.assert_array_equal(exr.read_exr_unclamped(tmp_path / "a.exr"), image)
    _, notes = read_parts(tmp_path / "a.exr", Part(split_channels(make_image() - 20)))
    assert len(notes) == 1 and "negative values are clipped" in notes[0]


# ---- primaries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPACES)
def test_chromaticities(tmp_path: Path, name: str) -> None:
    """Colours are converted to Rec. 709 and clipped at 0; the package writes the attribute likewise."""
    primaries, matrix = SPACES[name]
    image = make_image() / np.float32(125)
    expected = np.einsum("ij,hwj->hwi", matrix, image)
    attributes = {"chromaticities": encode_chromaticities(primaries)}
    radiance, _ = read_parts(tmp_path / "a.exr", Part(split_channels(image), attributes=attributes))
    np.testing.assert_allclose(radiance, np.maximum(expected, 0), atol=2e-4)
    np.testing.assert_allclose(exr.read_exr_unclamped(tmp_path / "a.exr"), expected, atol=2e-4)
    save(tmp_path / "b.exr", split_channels(image), chromaticities=primaries)
    np.testing.assert_array_equal(exr.read_exr(tmp_path / "b.exr"), radiance)


@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_pure_red_in_xyz_is_pure_red(tmp_path: Path, scale: float) -> None:
    """The XYZ of Rec. 709 red, as IEC 61966-2-1 rounds it to four decimals."""
    image = np.full((4, 8, 3), np.multiply((0.4124, 0.2126, 0.0193), scale), "f4")
    attributes = {"chromaticities": encode_chromaticities(SPACES["CIE XYZ"][0])}
    radiance, notes = read_parts(tmp_path / "a.exr", Part(split_channels(image), attributes=attributes))
    np.testing.assert_allclose(radiance / scale, np.broadcast_to((1, 0, 0), radiance.shape), atol=4e-4)
    assert notes == []


def test_names_of_color_spaces(tmp_path: Path) -> None:
    """Without chromaticities, the attribute colorInteropID decides; names that are not known mean Rec. 709."""
    image = make_image()
    names = {
        "lin_rec2020_scene": "Rec. 2020",
        "lin_p3d65_scene": "P3 D65",
        "lin_ap0_scene": "ACES AP0",
        "lin_ap1_scene": "ACES AP1",
        "lin_ciexyzd65_scene": "CIE XYZ",
        "lin_rec709_scene": "Rec. 709",
        "data": "Rec. 709",
        "": "Rec. 709",
    }
    for interop_id, name in names.items():
        attributes = {"colorInteropID": ("string", interop_id.encode())}
        named, _ = read_parts(tmp_path / "a.exr", Part(split_channels(image), attributes=attributes))
        attributes = {"chromaticities": encode_chromaticities(SPACES[name][0])}
        both = attributes | {"colorInteropID": ("string", b"lin_adobergb_scene")}
        for more in (attributes, both):
            stated, _ = read_parts(tmp_path / "a.exr", Part(split_channels(image), attributes=more))
            np.testing.assert_allclose(named, stated, atol=1e-3, err_msg=interop_id)


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_chromaticities_are_noted(tmp_path: Path, name: str) -> None:
    attributes = {"chromaticities": encode_chromaticities(UNUSABLE[name])}
    radiance, notes = read_parts(tmp_path / "a.exr", Part(split_channels(make_image()), attributes=attributes))
    np.testing.assert_array_equal(radiance, make_image())
    assert notes == ["chromaticities: make no colour space; Rec. 709 is taken"]


# ---- parts and layers ------------------------------------------------------------------------------------------------

# Names of channels, and those that are the picture: one for grey, three for red, green and blue. "": black.
LAYERS: dict[str, tuple[str, str]] = {
    "plain": ("R G B", "R G B"),
    "with alpha and depth": ("A B G R Z", "R G B"),
    "Blender": (
        "Composite.Z ViewLayer.Combined.R ViewLayer.Combined.G ViewLayer.Combined.B ViewLayer.Combined.A "
        "ViewLayer.Diffuse_Color.R ViewLayer.Diffuse_Color.G ViewLayer.Diffuse_Color.B "
        "ViewLayer.Normal.X ViewLayer.Normal.Y ViewLayer.Normal.Z ViewLayer.Depth.Z",
        "ViewLayer.Combined.R ViewLayer.Combined.G ViewLayer.Combined.B",
    ),
    "a short layer": (
        "Combined.R Combined.G Combined.B Albedo.R Albedo.G Albedo.B",
        "Combined.R Combined.G Combined.B",
    ),
    "rgba": ("rgba.R rgba.G rgba.B rgba.A diffuse.R diffuse.G diffuse.B", "rgba.R rgba.G rgba.B"),
    "the unnamed layer": ("R G B albedo.R albedo.G albedo.B beauty.R beauty.G beauty.B", "R G B"),
    "small letters": ("r g b a", "r g b"),
    "words": ("beauty.red beauty.green beauty.blue other.blue", "beauty.red beauty.green beauty.blue"),
    "any one layer": ("left.R left.G left.B", "left.R left.G left.B"),
    "the first of layers": ("p.R p.G p.B q.R q.G q.B", "p.R p.G p.B"),
    "luminance": ("Y A", "Y"),
    "luminance of a layer": ("Depth.Z Combined.Y", "Combined.Y"),
    "colour before luminance": ("R G B Y", "R G B"),
    "depth": ("Z", "Z"),
    "one colour": ("R", "R"),
    "any name": ("density", "density"),
    "no alpha": ("A mask", "mask"),
    "alpha alone": ("A", "A"),
    "two colours": ("R G", "R G "),
    "motion": ("B G", " G B"),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("storage", ["f2", "f4", "u4", "parts"])
def test_layers(tmp_path: Path, name: str, storage: str) -> None:
    """The picture is found in the layers of one part, or of as many parts as there are layers, in any order."""
    all_names, expected_names = (text.split(" ") for text in LAYERS[name])
    kind = "f4" if storage == "parts" else storage
    values = {n: np.full((4, 6), 3 * i + 1, kind) + np.arange(6).astype(kind) for i, n in enumerate(all_names)}
    zeros = np.zeros((4, 6))
    expected = np.stack([values.get(n, zeros) for n in expected_names], -1) * np.ones(3)
    by_layer: dict[str, dict[str, Array]] = {}
    for n in all_names:
        by_layer.setdefault(n.rpartition(".")[0], {})[n] = values[n]
    parts = [Part(channels, attributes={"name": ("string", layer.encode())}) for layer, channels in by_layer.items()]
    orders = [(Part(values),)] if storage != "parts" else [parts, parts[::-1]]
    for order in orders:
        if storage == "parts" and name in ("the first of layers", "the unnamed layer"):
            continue  # the order and the names of parts decide
        radiance, _ = read_parts(tmp_path / "a.exr", *order)
        np.testing.assert_array_equal(radiance, expected.astype("f4"))


def test_the_choice_of_a_layer_is_noted(tmp_path: Path) -> None:
    """If others could be the picture, too, or if none is one. Names of the file stay on one line and short."""

    def note(*layers: str) -> str:
        channels = {name: np.zeros((2, 4), "f4") for layer in layers for name in layer.split(" ")}
        _, notes = read_parts(tmp_path / "a.exr", Part(channels))
        return "; ".join(notes)

    assert note("R G B") == note("R G B A Z") == note("Y") == note("depth") == note("diffuse.R diffuse.G R G B") == ""
    assert note("R G B", "d.R d.G d.B") == "shows the channels R, G, B, not 'd'"
    assert note("Combined.R Combined.G Combined.B", "d.Y") == "shows the layer 'Combined', not 'd'"
    layers = [f"{c}.Y" for c in "abcdefg"]
    assert note(*layers) == "shows the layer 'a', not 'b', 'c', 'd', 'e' and 2 more"
    assert note("A Z") == "has no R, G and B, and no Y: 'Z' shown as grey"
    assert note("R G") == "has no R, G and B, and no Y: 'R, G' shown as colour; the third is 0"
    assert note("X Y Z") == "has no R, G and B, and no Y: 'X, Y, Z' shown as CIE XYZ"
    assert "not 'b\\nb" in note("a.Y", f"b\nb{'x' * 200}.Y")


def test_channels_of_cie_xyz(tmp_path: Path) -> None:
    image = make_image()
    radiance, _ = read_parts(tmp_path / "a.exr", Part(dict(zip("XYZ", split_channels(image).values(), strict=True))))
    matrix = SPACES["CIE XYZ"][1]
    np.testing.assert_allclose(radiance, np.maximum(np.einsum("ij,hwj->hwi", matrix, image), 0), atol=0.1)


def test_parts_have_windows_and_tiles_of_their_own(tmp_path: Path) -> None:
    """All of the chosen part's count, and none of the others'. Primaries are the same for all (OpenEXR requires it)."""
    image, other = make_image(8, 10), make_image(5, 7, seed=1)
    window = (-3, 2, 6, 9)
    primaries, matrix = SPACES["P3 D65"]
    for tile in (None, (4, 4)):
        depth = Part(split_channels(other), display_window=window, tile=(2, 2))
        beauty = Part(split_channels(image, "f2"), data_window=window, tile=tile)
        parts = [
            part._replace(
                attributes={"name": ("string", name), "chromaticities": encode_chromaticities(primaries)},
            )
            for part, name in ((depth, b"depth"), (beauty, b"beauty"), (depth._replace(tile=None), b"normal"))
        ]
        for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
            radiance, notes = read_parts(tmp_path / "a.exr", *(parts[i] for i in order))
            np.testing.assert_allclose(radiance, np.maximum(np.einsum("ij,hwj->hwi", matrix, image), 0), atol=0.02)
            assert notes[0].startswith("shows the layer 'beauty', not ")


@pytest.mark.parametrize("level_mode", [0, 1, 2])
def test_mip_maps(tmp_path: Path, level_mode: int) -> None:
    """The finest level is read."""
    image = make_image(21, 42)
    radiance, _ = read_parts(tmp_path / "a.exr", Part(split_channels(image), tile=(16, 8), level_mode=level_mode))
    np.testing.assert_array_equal(radiance, image)


# ---- luminance and chroma --------------------------------------------------------------------------------------------


def split_chroma(image: Doubles, weights: Doubles) -> dict[str, Array]:
    """Y, and RY and BY at every other pixel in both directions."""
    y = image @ weights
    chroma = {name: ((image[..., i] - y) / y)[::2, ::2] for name, i in (("RY", 0), ("BY", 2))}
    return {name: np.ascontiguousarray(values, "f4") for name, values in ({"Y": y} | chroma).items()}


CHROMA_SAMPLING = {"RY": (2, 2), "BY": (2, 2)}
# Luminance of red, green and blue: ITU-R BT.709 and BT.2020.
LUMINANCE_WEIGHTS = {"Rec. 709": np.array((0.2126, 0.7152, 0.0722)), "Rec. 2020": np.array((0.2627, 0.6780, 0.0593))}


@pytest.mark.parametrize("name", LUMINANCE_WEIGHTS)
@pytest.mark.parametrize("origin", [(0, 0), (-4, 6)])
def test_luminance_and_chroma(tmp_path: Path, name: str, origin: tuple[int, int]) -> None:
    """Luminance is that of each pixel. Chroma that is linear over the picture is exact, but for the last pixels."""
    x, y = np.meshgrid(np.arange(12), np.arange(8))
    luminance = np.random.default_rng(0).uniform(0.5, 2, (8, 12))
    primaries, matrix = SPACES[name]
    weights = LUMINANCE_WEIGHTS[name]
    red, blue = luminance * (1 + 0.02 * x - 0.01 * y), luminance * (1 - 0.01 * x + 0.03 * y)
    green = (luminance - weights[0] * red - weights[2] * blue) / weights[1]
    image = np.stack([red, green, blue], -1)
    part = Part(
        split_chroma(image, weights),
        CHROMA_SAMPLING,
        data_window=(*origin, origin[0] + 11, origin[1] + 7),
        attributes={"chromaticities": encode_chromaticities(primaries)},
    )
    radiance, notes = read_parts(tmp_path / "a.exr", part)
    expected = np.einsum("ij,hwj->hwi", matrix, image)
    np.testing.assert_allclose(radiance[:7, :11], expected[:7, :11], atol=1e-3)
    assert np.abs(radiance @ LUMINANCE_WEIGHTS["Rec. 709"] - luminance).max() < 1e-3 and notes == []


def test_subsampled_colors(tmp_path: Path) -> None:
    """Any channel may have a value for several pixels only, between which it is linear."""
    x, y = np.meshgrid(np.arange(12.0), np.arange(8.0))
    image = np.stack([x + y, 2 * x, 3 * y + 1], -1).astype("f4")
    channels = split_channels(image) | {"R": image[::2, ::3, 0].copy(), "B": image[:, ::4, 2].copy()}
    radiance, _ = read_parts(tmp_path / "a.exr", Part(channels, {"R": (3, 2), "B": (4, 1)}))
    np.testing.assert_allclose(radiance[:7, :10], image[:7, :10], atol=1e-5)


# ---- files that are refused ------------------------------------------------------------------------------------------


def test_unsupported_images_are_refused(tmp_path: Path) -> None:
    image, path = make_image(), tmp_path / "a.exr"
    assert "not a cube map" in read_error(save(path, split_channels(image), envmap=OpenEXR.ENVMAP_CUBE))
    exr.read_exr(save(path, split_channels(image), envmap=OpenEXR.ENVMAP_LATLONG))
    part = Part(split_channels(image))
    for kind in (b"deepscanline", b"deeptile"):
        deep = part._replace(attributes={"type": ("string", kind)})
        for parts in ((deep,), (part, deep)):
            path.write_bytes(encode_exr(*parts))
            assert "header: must have no deep pixels; flatten them: oiiotool" in read_error(path)
    single = encode_exr(part)
    path.write_bytes(single[:5] + bytes([single[5] | 8]) + single[6:])
    assert "no deep pixels" in read_error(path)
    path.write_bytes(encode_exr(part._replace(channels={}, data_window=(0, 0, 3, 3))))
    assert "channels: must have at least one" in read_error(path)


def overwrite_attribute(content: bytes, name: str, value: bytes, at: int = 0) -> bytes:
    """The content with the value of an attribute overwritten."""
    place = content.index(name.encode() + b"\0") + len(name) + 1
    place = content.index(b"\0", place) + 5 + at
    return content[:place] + value + content[place + len(value) :]


def test_wrong_headers(tmp_path: Path) -> None:
    """A header is checked before anything is allocated for it."""
    plain, tiled = (save(tmp_path / f"{t}.exr", split_channels(make_image()), "NO", t).read_bytes() for t in (0, 16))
    huge, large = struct.pack("<4i", 0, 0, 2**30, 2**30), struct.pack("<4i", 0, 0, 2**14 - 1, 2**14 - 1)
    windows = {
        name: overwrite_attribute(overwrite_attribute(plain, "dataWindow", box), "displayWindow", box)
        for name, box in (("huge", huge), ("large", large))
    }
    cases = {
        windows["huge"]: "must be 1 to 268435456 pixels",
        windows["large"]: "too small for 16384 x 16384",
        overwrite_attribute(plain, "displayWindow", huge): "displayWindow: must be 1 to 268435456 pixels",
        overwrite_attribute(plain, "displayWindow", struct.pack("<4i", 9, 0, 8, 0)): "not 0 x 1",
        overwrite_attribute(
            plain, "dataWindow", struct.pack("<4i", 0, 0, -5, 20)
        ): "must be 1 to 268435456 pixels, not -4 x 21",
        overwrite_attribute(
            plain, "dataWindow", struct.pack("<4i", -(2**31), 0, 2**31 - 1, 20)
        ): "must be 1 to 268435456 pixels",
        overwrite_attribute(plain, "compression", b"\x63"): "is damaged",
        overwrite_attribute(plain, "channels", struct.pack("<i", 7), at=2): "is damaged",
        overwrite_attribute(plain, "channels", struct.pack("<i", 0), at=10): "is damaged",
        overwrite_attribute(tiled, "tiles", struct.pack("<2I", 2**20, 2**20)): "must be 1 to 16777216 pixels",
        overwrite_attribute(tiled, "tiles", struct.pack("<2I", 0, 16)): "tiles: must be 1",
        plain.replace(b"dataWindow\0", b"dataWinter\0"): "must have dataWindow",
        b"": "no OpenEXR picture",
        b"\x89PNG\r\n\x1a\n" + bytes(100): "no OpenEXR picture",
        plain[:4] + b"\x03" + plain[5:]: "version 2",
        plain[:100]: "cut off",
        plain[:8] + b"x" * 2**21: "is damaged",
        plain[: len(plain) // 2]: "cut off",
    }
    tracemalloc.start()
    try:
        for content, words in cases.items():
            (tmp_path / "lie.exr").write_bytes(content)
            assert words in read_error(tmp_path / "lie.exr")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The package reports damaged pixels on stdout and stderr, and raises nothing."""
    path = save(tmp_path / "a.exr", split_channels(make_image()), "ZIP")
    content = path.read_bytes()
    path.write_bytes(content[: -len(content) // 4])
    OpenEXR.File(str(path))
    assert "".join(capfd.readouterr()), "the package prints nothing itself; remove _silence_output"
    assert "damaged or cut off" in read_error(path)
    print("heard")
    assert capfd.readouterr() == ("heard\n", "")


def test_missing_files(tmp_path: Path) -> None:
    assert "no such file" in read_error(tmp_path / "none.exr")
    assert "is a folder" in read_error(tmp_path)
    assert "cannot be read" in read_error(tmp_path / ("x" * 300))


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(UserError, match=r"^EXR files need the package OpenEXR: .* install OpenEXR$"):
        exr.read_exr(tmp_path / "a.exr")


@pytest.mark.slow
def test_mutations(tmp_path: Path) -> None:
    """Changed or missing bytes give an image or a UserError, for all compressions. Half of the damage is in headers."""
    rng, path = random.Random(1), tmp_path / "a.exr"
    valid = [
        save(path, split_channels(make_image(9, 20), "f2" if i % 3 else "f4"), compression, tile).read_bytes()
        for i, compression in enumerate(LOSSLESS + LOSSY)
        for tile in (0, 16)
    ]
    numbers = [n.to_bytes(4, "little", signed=True) for n in (0, 1, -1, 2**31 - 1, -(2**31), 2**30, 2**20, 70_000)]
    results = {True: 0, False: 0}
    for trial in range(3000):
        content = bytearray(valid[trial % len(valid)])
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(content)) if rng.random() < 0.5 else rng.randrange(8, 340)
            if rng.random() < 0.3:
                content[at : at + 4] = rng.choice(numbers)
            else:
                content[at] = rng.choice((rng.randrange(256), 0, 1, 127, 128, 255))
        if rng.random() < 0.2:
            del content[rng.randrange(len(content)) :]
        path.write_bytes(content)
        try:
            image = exr.read_exr(path)
        except UserError as caught:
            assert "\n" not in str(caught)
            results[False] += 1
        else:
            assert np.isfinite(image).all() and image.min() >= 0 and image.shape[2] == 3
            results[True] += 1
    assert min(results.values()) > 300, "the mutations must give images and errors"
