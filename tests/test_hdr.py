"""Tests of Radiance files: every code of the same pixels gives the same radiance; damaged files give UserErrors."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from ssdo.arrays import Bytes, Doubles, Floats
from ssdo.scene.files import hdr
from ssdo.settings import UserError
from test_radiance import SPACES

HEADER = b"#?RADIANCE\n# a comment\nFORMAT=32-bit_rle_rgbe\n"


def make_pixels(h: int, w: int, seed: int = 0) -> Bytes:
    """(h, w, 4) RGBE with noise, long runs and black."""
    rng = np.random.default_rng(seed)
    mantissas = rng.integers(0, 256, (h, w, 3))
    mantissas[:, w // 3 : w // 2] = mantissas[:, w // 3, None]
    mantissas[..., 0] |= 128  # red is at least 128: never 1, 1, 1, which is a code
    exponents = np.repeat(rng.integers(110, 140, (h, -(-w // 9), 1)), 9, 1)[:, :w]
    exponents[:, w // 2 : w // 2 + 2] = 0
    return np.concatenate([mantissas, exponents], -1).astype(np.uint8)


def compute_radiance(pixels: Bytes) -> Doubles:
    """Radiance by the definition of the format, pixel by pixel."""
    return np.array(
        [[[m * 2.0 ** (int(p[3]) - 136) if p[3] else 0.0 for m in p[:3].tolist()] for p in row] for row in pixels]
    )


def count_repeats(row: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """For every position, how often its value repeats from there."""
    ends = np.append(np.flatnonzero(np.diff(row)), len(row) - 1)
    return ends[np.searchsorted(ends, np.arange(len(row)))] + 1 - np.arange(len(row))


def encode_channel(channel: Bytes, rng: random.Random) -> bytes:
    """The new code of one channel, divided at random: a reader must accept any division."""
    code, x, row, ahead = bytearray(), 0, channel.tobytes(), count_repeats(channel.astype(int)).tolist()
    while x < len(row):
        same = ahead[x]
        if same > 1 and rng.random() < 0.8:
            n = rng.randint(1, min(same, 127))
            code += bytes((128 + n, row[x]))
        else:
            n = rng.choice((1, min(128, len(row) - x), rng.randint(1, min(128, len(row) - x))))
            code += bytes((n,)) + row[x : x + n]
        x += n
    return bytes(code)


def encode_new(pixels: Bytes, seed: int = 0) -> bytes:
    w, rng = pixels.shape[1], random.Random(seed)
    rows = (
        bytes((2, 2, w >> 8, w & 255)) + b"".join(encode_channel(row[:, c], rng) for c in range(4)) for row in pixels
    )
    return b"".join(rows)


def encode_old(pixels: Bytes) -> bytes:
    code = bytearray()
    for row in pixels:
        x, ahead = 0, count_repeats(np.ascontiguousarray(row).view(np.uint32)[:, 0].astype(int)).tolist()
        while x < len(row):
            code += row[x].tobytes()
            x, repeats = x + ahead[x], ahead[x] - 1
            while repeats:
                code += bytes((1, 1, 1, repeats & 255))
                repeats >>= 8
    return bytes(code)


def write_hdr(path: Path, body: bytes, h: int, w: int, top: bytes = HEADER) -> Path:
    path.write_bytes(top + b"\n-Y %d +X %d\n" % (h, w) + body)
    return path


def patch_content(monkeypatch: pytest.MonkeyPatch, content: bytes) -> Path:
    """Let the reader see this content, without writing a file. Returns the path to read."""
    monkeypatch.setattr(hdr, "read_file_bytes", lambda *_: content)
    return Path("memory.hdr")


def read_error(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        hdr.read_hdr(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and text.count(": ") >= 2 and "\n" not in text
    return text


def test_values(tmp_path: Path) -> None:
    pixels = np.array([[(128, 64, 32, 129), (255, 0, 1, 136)], [(9, 9, 9, 0), (255, 255, 255, 255)]], np.uint8)
    image = hdr.read_hdr(write_hdr(tmp_path / "a.hdr", pixels.tobytes(), 2, 2))
    assert image.dtype == np.float32 and image.shape == (2, 2, 3)
    np.testing.assert_array_equal(image[0], [(1, 0.5, 0.25), (255, 0, 1)])
    np.testing.assert_array_equal(image[1, 0], 0)
    assert image[1, 1] == pytest.approx([255 * 2.0**119] * 3)


@pytest.mark.slow
@pytest.mark.parametrize(("h", "w"), [(3, 8), (2, 127), (2, 128), (3, 129), (5, 300), (1, 32767)])
def test_new_code_equals_flat(tmp_path: Path, h: int, w: int) -> None:
    pixels = make_pixels(h, w)
    coded = hdr.read_hdr(write_hdr(tmp_path / "new.hdr", encode_new(pixels), h, w))
    np.testing.assert_array_equal(coded, hdr.read_hdr(write_hdr(tmp_path / "flat.hdr", pixels.tobytes(), h, w)))
    np.testing.assert_array_equal(coded, compute_radiance(pixels))


@pytest.mark.parametrize(("h", "w"), [(1, 1), (3, 5), (4, 7), (5, 300), (2, 40000), (1, 70000)])
def test_old_code_equals_flat_at_any_width(tmp_path: Path, h: int, w: int) -> None:
    pixels = make_pixels(h, w)
    if w > 1:
        # 1, 1, 1, n chains of two and three: runs of more than 255 and 65535
        pixels[:, w // 4 if w < 1000 else 99 :] = (200, 100, 50, 130)
    code = encode_old(pixels)
    assert w == 1 or len(code) < pixels.size
    coded = hdr.read_hdr(write_hdr(tmp_path / "old.hdr", code, h, w))
    np.testing.assert_array_equal(coded, hdr.read_hdr(write_hdr(tmp_path / "flat.hdr", pixels.tobytes(), h, w)))
    np.testing.assert_array_equal(coded[:, ::997], compute_radiance(pixels[:, ::997]))


def test_batches_have_no_seams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = make_pixels(11, 40)
    for body in (encode_new(pixels), pixels.tobytes()):
        path = write_hdr(tmp_path / "a.hdr", body, 11, 40)
        expected = hdr.read_hdr(path)
        monkeypatch.setattr(hdr, "BATCH_PIXELS", 100)
        np.testing.assert_array_equal(hdr.read_hdr(path), expected)
        monkeypatch.undo()


def test_header(tmp_path: Path) -> None:
    pixels = make_pixels(4, 20)
    plain = hdr.read_hdr(write_hdr(tmp_path / "a.hdr", pixels.tobytes(), 4, 20))
    exposed = hdr.read_hdr(
        write_hdr(tmp_path / "b.hdr", pixels.tobytes(), 4, 20, HEADER + b"EXPOSURE=4\nEXPOSURE= 0.5\nGAMMA=1\n")
    )
    np.testing.assert_array_equal(exposed * 2, plain)
    (tmp_path / "c.hdr").write_bytes(b"#?RGBE\r\nFORMAT=32-bit_rle_rgbe\r\n\r\n-Y 4 +X 20\r\n" + pixels.tobytes())
    np.testing.assert_array_equal(hdr.read_hdr(tmp_path / "c.hdr"), plain)
    np.testing.assert_array_equal(hdr.read_hdr(write_hdr(tmp_path / "d.hdr", pixels.tobytes() + b"more", 4, 20)), plain)


@pytest.mark.parametrize(
    ("order", "place"),
    [
        ("-Y 9 +X 14", lambda i, j: (i, j)),
        ("+Y 9 +X 14", lambda i, j: (8 - i, j)),
        ("-Y 9 -X 14", lambda i, j: (i, 13 - j)),
        ("+Y 9 -X 14", lambda i, j: (8 - i, 13 - j)),
        ("+X 9 -Y 14", lambda i, j: (j, i)),
        ("-X 9 -Y 14", lambda i, j: (j, 8 - i)),
        ("+X 9 +Y 14", lambda i, j: (13 - j, i)),
        ("-X 9 +Y 14", lambda i, j: (13 - j, 8 - i)),
    ],
)
def test_orientations(tmp_path: Path, order: str, place: Callable[[int, int], tuple[int, int]]) -> None:
    """Value j of scanline i comes to the row and the column that the order says (Y is up, X right), in every code."""
    pixels = make_pixels(9, 14)
    expected = np.empty((14, 9, 3) if order[1] == "X" else (9, 14, 3))
    for i, j in np.ndindex(9, 14):
        expected[place(i, j)] = compute_radiance(pixels)[i, j]
    for body in (pixels.tobytes(), encode_old(pixels), encode_new(pixels)):
        (tmp_path / "a.hdr").write_bytes(HEADER + b"\n" + order.encode() + b"\n" + body)
        image = hdr.read_hdr(tmp_path / "a.hdr")
        assert image.flags.c_contiguous
        np.testing.assert_array_equal(image, expected)


# ---- colour ----------------------------------------------------------------------------------------------------------


def read_lines(path: Path, pixels: Bytes, lines: str) -> tuple[Floats, list[str]]:
    """What is read of pixels below these header lines, and the notes."""
    notes: list[str] = []
    top = f"#?RADIANCE\n{lines}\n".encode()
    h, w = pixels.shape[:2]
    image = hdr.read_hdr(write_hdr(path, pixels.tobytes(), h, w, top), notes)
    assert image.dtype == np.float32 and np.isfinite(image).all() and image.min() >= 0
    assert all("\n" not in note for note in notes)
    return image, notes


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("factors", ["", "EXPOSURE=4\nCOLORCORR=1 2 0.5\n"])
def test_primaries(tmp_path: Path, name: str, factors: str) -> None:
    """Stored values are divided by exposure and colour correction, then converted to Rec. 709 and clipped at 0."""
    pixels = make_pixels(4, 20)
    pixels[..., 3] = np.clip(pixels[..., 3], 120, 128)
    primaries, matrix = SPACES[name]
    stored = compute_radiance(pixels) / ((4, 8, 2) if factors else 1)
    line = f"PRIMARIES= {' '.join(map(str, primaries))}\nFORMAT=32-bit_rle_rgbe"
    image, _ = read_lines(tmp_path / "a.hdr", pixels, factors + line)
    np.testing.assert_allclose(image, np.maximum(np.einsum("ij,hwj->hwi", matrix, stored), 0), atol=2e-4)


def test_xyze(tmp_path: Path) -> None:
    """CIE XYZ is converted, whatever PRIMARIES says. Exposure is divided out. Rec. 709 red stays pure red."""
    pixels = make_pixels(4, 20)
    pixels[..., 3] = np.clip(pixels[..., 3], 120, 128)
    expected = np.maximum(np.einsum("ij,hwj->hwi", SPACES["CIE XYZ"][1], compute_radiance(pixels)), 0)
    for lines, factor in (("", 1), ("EXPOSURE=4\n", 4), ("PRIMARIES=0.708 0.292 0.17 0.797 0.131 0.046 0.3 0.3\n", 1)):
        image, _ = read_lines(tmp_path / "a.hdr", pixels, f"{lines}FORMAT=32-bit_rle_xyze")
        np.testing.assert_allclose(image, expected / factor, atol=3e-4)
    red = np.full((2, 8, 4), (211, 109, 10, 128), "u1")  # 0.4124, 0.2126, 0.0193 times 2, in steps of 1/256
    image, notes = read_lines(tmp_path / "a.hdr", red, "FORMAT=32-bit_rle_xyze")
    assert notes == [] and image[..., 0].min() > 1.99 and image[..., 1:].max() < 0.012


def test_xyze_of_radiance(tmp_path: Path) -> None:
    """The program ra_xyze notes 179 lm/W as an exposure, and adapts to equal-energy white: grey stays grey."""
    grey = np.full((2, 8, 4), (128, 128, 128, 129), "u1")
    for lines, factor in (("EXPOSURE=5.586592e-03\n", 1), ("EXPOSURE=2\nEXPOSURE=5.586592e-03\n", 2)):
        image, _ = read_lines(tmp_path / "a.hdr", grey, f"{lines}FORMAT=32-bit_rle_xyze")
        np.testing.assert_allclose(image, 1 / factor, rtol=1e-5)
    image, _ = read_lines(tmp_path / "a.hdr", grey, "EXPOSURE=5.586592e-03\nFORMAT=32-bit_rle_rgbe")
    np.testing.assert_allclose(image, 1 / 5.586592e-03, rtol=1e-5)


# Lines that say nothing usable, and the start of the note.
UNUSABLE_LINES = {
    "": "",
    "PRIMARIES=0 0 0 0 0 0 0 0": "",  # Photoshop
    "PRIMARIES=": "header: PRIMARIES make no colour space",
    "PRIMARIES=0.64 0.33": "header: PRIMARIES make no colour space",
    "PRIMARIES=red green blue white": "header: PRIMARIES make no colour space",
    "PRIMARIES=1 1 1 1 1 1 1 1": "header: PRIMARIES make no colour space",
    "PRIMARIES=nan 1 1 1 1 1 1 1": "header: PRIMARIES make no colour space",
    "EXPOSURE=bright": "header: EXPOSURE is left out: must be a number above 0, not 'bright'",
    "EXPOSURE=nan": "header: EXPOSURE is left out",
    "EXPOSURE=0": "header: EXPOSURE is left out",
    "EXPOSURE=-2": "header: EXPOSURE is left out",
    "EXPOSURE=1 2": "header: EXPOSURE is left out",
    "EXPOSURE=1e-20\nEXPOSURE=1e-20": "header: EXPOSURE and COLORCORR are not used",
    "EXPOSURE=1e200\nEXPOSURE=1e200": "header: EXPOSURE and COLORCORR are not used",
    "COLORCORR=1 2": "header: COLORCORR is left out: must be 3 numbers above 0, not '1 2'",
    "COLORCORR=1 2 0": "header: COLORCORR is left out",
    "COLORCORR=1 2 1e-31": "header: EXPOSURE and COLORCORR are not used",
}


@pytest.mark.parametrize("lines", UNUSABLE_LINES)
def test_unusable_lines_are_noted(tmp_path: Path, lines: str) -> None:
    pixels = make_pixels(4, 20)
    for form in ("FORMAT=32-bit_rle_rgbe", "X=1"):  # without a format, pixels are RGBE
        image, notes = read_lines(tmp_path / "a.hdr", pixels, f"{lines}\n{form}".strip())
        np.testing.assert_array_equal(image, compute_radiance(pixels).astype("f4"))
        assert [note[: len(UNUSABLE_LINES[lines])] for note in notes] == [UNUSABLE_LINES[lines]] * bool(
            UNUSABLE_LINES[lines]
        )


@pytest.mark.parametrize(
    "lines", ["EXPOSURE=1e-9", "COLORCORR=1 1e-9 1e-30", "PRIMARIES=0.9 0.1 0.1 0.8 0.1 0.1 0.3 0.3"]
)
@pytest.mark.parametrize("form", ["rgbe", "xyze"])
def test_values_beyond_float_are_finite(tmp_path: Path, lines: str, form: str) -> None:
    """Also next to channels of 0. Nothing is warned of."""
    pixels = np.array([[(255, 255, 255, 255), (255, 0, 0, 255), (0, 0, 255, 255), (0, 255, 0, 1)]], "u1")
    image, _ = read_lines(tmp_path / "a.hdr", pixels, f"{lines}\nFORMAT=32-bit_rle_{form}")
    assert image.max() > 1e38


# ---- files that are refused ------------------------------------------------------------------------------------------

ROW = bytes((2, 2, 0, 10))
RUN = bytes((138, 5)) * 4  # four channels of ten
BROKEN = {
    "unknown format": (
        b"#?RADIANCE\nFORMAT=64-bit\n\n-Y 1 +X 1\n\0\0\0\0",
        "must be 32-bit_rle_rgbe or 32-bit_rle_xyze",
    ),
    "two formats": (HEADER + b"FORMAT=32-bit_rle_xyze\n\n-Y 1 +X 1\n\0\0\0\0", "FORMAT must be"),
    "empty": (b"", "must begin with #?RADIANCE"),
    "another format": (b"\x89PNG\r\n\x1a\n" + bytes(100), "must begin with #?RADIANCE"),
    "header only": (HEADER, "cut off"),
    "no resolution": (HEADER + b"\n", "cut off"),
    "endless header": (HEADER + b"x" * 100_000 + b"\n\n-Y 1 +X 1\n\0\0\0\0", "must end with an empty line"),
    "resolution garbage": (HEADER + b"\nforty two\n\0\0\0\0", "must be like"),
    "resolution -Y -Y": (HEADER + b"\n-Y 1 -Y 1\n\0\0\0\0", "must be like"),
    "resolution 0": (HEADER + b"\n-Y 0 +X 9\n\0\0\0\0", "must be 1 to"),
    "resolution huge": (HEADER + b"\n-Y 99999 +X 99999\n\0\0\0\0", "must be 1 to"),
    "flat, no pixels": (HEADER + b"\n-Y 1 +X 9\n", "cut off"),
    "flat, cut off": (HEADER + b"\n-Y 1 +X 9\n" + bytes(35), "cut off"),
    "new, too small": (HEADER + b"\n-Y 9 +X 10\n" + ROW + RUN, "too small"),
    "new, wrong width": (HEADER + b"\n-Y 1 +X 11\n" + ROW + RUN, "row 0 must begin with"),
    "new, second row flat": (HEADER + b"\n-Y 2 +X 10\n" + ROW + RUN + bytes(40), "row 1 must begin with"),
    "new, empty run": (HEADER + b"\n-Y 1 +X 10\n" + ROW + b"\0" + RUN, "no length"),
    "new, run too long": (HEADER + b"\n-Y 1 +X 10\n" + ROW + b"\x8b\5" + RUN, "channel 1: a run goes beyond"),
    "old, begins with a repeat": (
        HEADER + b"\n-Y 2 +X 3\n" + bytes((1, 1, 1, 3)) + bytes(24),
        "row 0 begins with a repeat",
    ),
    "old, row begins with a repeat": (
        HEADER + b"\n-Y 2 +X 3\n" + bytes((9, 9, 9, 9, 1, 1, 1, 2, 1, 1, 1, 3)),
        "row 1 begins with a repeat",
    ),
    "old, repeat over the edge": (
        HEADER + b"\n-Y 2 +X 3\n" + bytes((9, 9, 9, 9, 1, 1, 1, 5)),
        "row 0: a run goes beyond",
    ),
    "old, endless chain": (
        HEADER + b"\n-Y 2 +X 3\n" + bytes((9, 9, 9, 9)) + bytes((1, 1, 1, 0)) * 9 + bytes((1, 1, 1, 255)),
        "beyond",
    ),
    "old, chain beyond 64 bits": (
        HEADER + b"\n-Y 1 +X 40000\n" + bytes((9, 9, 9, 9)) + bytes((1, 1, 1, 255)) * 79_999,
        "beyond",
    ),
    "old, cut off": (HEADER + b"\n-Y 2 +X 3\n" + bytes((9, 9, 9, 9, 1, 1, 1, 2)), "cut off"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(tmp_path: Path, name: str) -> None:
    content, rule = BROKEN[name]
    (tmp_path / "broken.hdr").write_bytes(content)
    assert rule in read_error(tmp_path / "broken.hdr")


def test_missing_files(tmp_path: Path) -> None:
    assert "no such file" in read_error(tmp_path / "none.hdr")
    assert "is a folder" in read_error(tmp_path)
    assert "cannot be read" in read_error(tmp_path / ("x" * 300))


def test_truncation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every incomplete file is refused."""
    pixels = make_pixels(2, 8)
    for body in (encode_new(pixels), encode_old(pixels), pixels.tobytes()):
        content = write_hdr(tmp_path / "a.hdr", body, 2, 8).read_bytes()
        hdr.read_hdr(patch_content(monkeypatch, content))
        for n in range(len(content)):
            read_error(patch_content(monkeypatch, content[:n]))


def test_small_files_take_little_memory(tmp_path: Path) -> None:
    """The size of the file is checked before pixels are allocated."""
    paths = [
        write_hdr(tmp_path / "new.hdr", bytes((2, 2, 0x40, 0)) + bytes(100_000), 2**14, 2**14),
        write_hdr(tmp_path / "flat.hdr", bytes(100_000), 2**14, 2**14),
        write_hdr(tmp_path / "old.hdr", bytes((9, 9, 9, 9, 1, 1, 1, 255)) * 1000, 1, 2**28),
    ]
    tracemalloc.start()
    try:
        for path in paths:
            assert "too small" in read_error(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_mutations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changed or missing bytes give an image or a UserError."""
    rng, pixels = random.Random(1), make_pixels(4, 30)
    valid = [
        write_hdr(tmp_path / "a.hdr", body, 4, 30).read_bytes() for body in (encode_new(pixels), encode_old(pixels))
    ]
    results = {True: 0, False: 0}
    for trial in range(3000):
        content = bytearray(valid[trial % 2])
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(HEADER), len(content)) if rng.random() < 0.8 else rng.randrange(len(content))
            content[at] = rng.choice((rng.randrange(256), 0, 1, 2, 128, 129, 255))
        if rng.random() < 0.2:
            del content[rng.randrange(len(content)) :]
        try:
            image = hdr.read_hdr(patch_content(monkeypatch, bytes(content)))
        except UserError as caught:
            assert "\n" not in str(caught)
            results[False] += 1
        else:
            assert np.isfinite(image).all() and image.shape[2] == 3
            results[True] += 1
    assert min(results.values()) > 300, "the mutations must give images and errors"
