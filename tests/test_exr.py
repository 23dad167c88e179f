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
from ssdo.arrays import Array, Floats
from ssdo.scene.files import exr
from ssdo.settings import UserError

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


def test_negative_values_become_0_and_infinite_ones_are_refused(tmp_path: Path) -> None:
    """`read_exr_unclamped` returns values as stored."""
    image = make_image()
    image[3, 4, 1] = -2
    path = save(tmp_path / "a.exr", split_channels(image))
    assert (
        exr.read_exr(path)[3, 4, 1] == 0
        and exr.read_exr(path)[3, 4, 0] == image[3, 4, 0]
        and exr.read_exr_unclamped(path)[3, 4, 1] == -2
    )
    for value in (np.nan, np.inf, -np.inf):
        image[7, 9, 2] = value
        assert "must be finite, and is not at column 9, row 7" in read_error(
            save(tmp_path / "b.exr", split_channels(image))
        )


def test_unsupported_images_are_refused(tmp_path: Path) -> None:
    image, path = make_image(), tmp_path / "a.exr"
    window = np.array((0, 0), "i4"), np.array((99, 49), "i4")
    assert "dataWindow: must be the displayWindow, (0, 0, 99, 49), not (0, 0, 41, 20)" in read_error(
        save(path, split_channels(image), displayWindow=window)
    )
    assert "must be R, G and B, or Y alone, not 'B, G'" in read_error(
        save(path, {k: v for k, v in split_channels(image).items() if k != "R"})
    )
    assert "without layers" in read_error(save(path, {f"left.{k}": v for k, v in split_channels(image).items()}))
    assert "must be R, G and B, or Y alone" in read_error(
        save(path, {"Y": image[..., 0].copy(), "RY": image[..., 1].copy(), "BY": image[..., 2].copy()})
    )
    assert "not a cube map" in read_error(save(path, split_channels(image), envmap=OpenEXR.ENVMAP_CUBE))
    exr.read_exr(save(path, split_channels(image), envmap=OpenEXR.ENVMAP_LATLONG))
    parts = [OpenEXR.Part({"type": OpenEXR.scanlineimage}, split_channels(image), name) for name in ("left", "right")]
    OpenEXR.File(parts).write(str(path))
    assert "with one part" in read_error(path)


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
        overwrite_attribute(
            plain, "dataWindow", struct.pack("<4i", 0, 0, -5, 20)
        ): "must be 1 to 268435456 pixels, not -4 x 21",
        overwrite_attribute(
            plain, "dataWindow", struct.pack("<4i", -(2**31), 0, 2**31 - 1, 20)
        ): "must be 1 to 268435456 pixels",
        overwrite_attribute(plain, "compression", b"\x63"): "is damaged",
        overwrite_attribute(plain, "channels", struct.pack("<i", 7), at=2): "is damaged",
        overwrite_attribute(plain, "channels", struct.pack("<i", 2), at=10): "without subsampling",
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
    with pytest.raises(UserError, match=r"^EXR files need the package OpenEXR: pip install OpenEXR$"):
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
