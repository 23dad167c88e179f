"""Radiance pictures: every code for the same pixels gives the same image, and nothing but UserError comes out of damaged
files.
"""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from ssdo.arrays import Bytes, Doubles
from ssdo.scene.files import hdr
from ssdo.settings import UserError

TOP = b"#?RADIANCE\n# a comment\nFORMAT=32-bit_rle_rgbe\n"


def picture(h: int, w: int, seed: int = 0) -> Bytes:
    """(h, w, 4) RGBE with noise, long runs and black, as pictures have them."""
    rng = np.random.default_rng(seed)
    mantissas = rng.integers(0, 256, (h, w, 3))
    mantissas[:, w // 3 : w // 2] = mantissas[:, w // 3, None]
    mantissas[..., 0] |= 128  # at least one has its top bit: never 1, 1, 1, which is a code
    exponents = np.repeat(rng.integers(110, 140, (h, -(-w // 9), 1)), 9, 1)[:, :w]
    exponents[:, w // 2 : w // 2 + 2] = 0
    return np.concatenate([mantissas, exponents], -1).astype(np.uint8)


def radiance(pixels: Bytes) -> Doubles:
    """By the definition of the format, a pixel at a time."""
    return np.array(
        [[[m * 2.0 ** (int(p[3]) - 136) if p[3] else 0.0 for m in p[:3].tolist()] for p in row] for row in pixels]
    )


def runs(row: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """For every place how far the same value goes on."""
    ends = np.append(np.flatnonzero(np.diff(row)), len(row) - 1)
    return ends[np.searchsorted(ends, np.arange(len(row)))] + 1 - np.arange(len(row))


def channel_runs(channel: Bytes, rng: random.Random) -> bytes:
    """The new code of one channel, with runs and literals cut at random: a reader must take any cut."""
    code, x, row, ahead = bytearray(), 0, channel.tobytes(), runs(channel.astype(int)).tolist()
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


def new_style(pixels: Bytes, seed: int = 0) -> bytes:
    w, rng = pixels.shape[1], random.Random(seed)
    rows = (bytes((2, 2, w >> 8, w & 255)) + b"".join(channel_runs(row[:, c], rng) for c in range(4)) for row in pixels)
    return b"".join(rows)


def old_style(pixels: Bytes) -> bytes:
    code = bytearray()
    for row in pixels:
        x, ahead = 0, runs(np.ascontiguousarray(row).view(np.uint32)[:, 0].astype(int)).tolist()
        while x < len(row):
            code += row[x].tobytes()
            x, left = x + ahead[x], ahead[x] - 1
            while left:
                code += bytes((1, 1, 1, left & 255))
                left >>= 8
    return bytes(code)


def write(path: Path, body: bytes, h: int, w: int, top: bytes = TOP) -> Path:
    path.write_bytes(top + b"\n-Y %d +X %d\n" % (h, w) + body)
    return path


def pretend(monkeypatch: pytest.MonkeyPatch, content: bytes) -> Path:
    """A file of this content, without the disk, which the loops below would wait for."""
    monkeypatch.setattr(hdr, "read_file_bytes", lambda *_: content)
    return Path("pretended.hdr")


def problem(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        hdr.read_hdr(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and text.count(": ") >= 2 and "\n" not in text
    return text


def test_values(tmp_path: Path) -> None:
    pixels = np.array([[(128, 64, 32, 129), (255, 0, 1, 136)], [(9, 9, 9, 0), (255, 255, 255, 255)]], np.uint8)
    image = hdr.read_hdr(write(tmp_path / "a.hdr", pixels.tobytes(), 2, 2))
    assert image.dtype == np.float32 and image.shape == (2, 2, 3)
    np.testing.assert_array_equal(image[0], [(1, 0.5, 0.25), (255, 0, 1)])
    np.testing.assert_array_equal(image[1, 0], 0)
    assert image[1, 1] == pytest.approx([255 * 2.0**119] * 3)


@pytest.mark.parametrize(("h", "w"), [(3, 8), (2, 127), (2, 128), (3, 129), (5, 300), (1, 32767)])
def test_new_style_is_the_same_as_flat(tmp_path: Path, h: int, w: int) -> None:
    pixels = picture(h, w)
    coded = hdr.read_hdr(write(tmp_path / "new.hdr", new_style(pixels), h, w))
    np.testing.assert_array_equal(coded, hdr.read_hdr(write(tmp_path / "flat.hdr", pixels.tobytes(), h, w)))
    np.testing.assert_array_equal(coded, radiance(pixels))


@pytest.mark.parametrize(("h", "w"), [(1, 1), (3, 5), (4, 7), (5, 300), (2, 40000), (1, 70000)])
def test_old_style_and_flat_take_any_width(tmp_path: Path, h: int, w: int) -> None:
    pixels = picture(h, w)
    if w > 1:
        # 1, 1, 1, n chains of two and three: runs of more than 255 and 65535
        pixels[:, w // 4 if w < 1000 else 99 :] = (200, 100, 50, 130)
    code = old_style(pixels)
    assert w == 1 or len(code) < pixels.size
    coded = hdr.read_hdr(write(tmp_path / "old.hdr", code, h, w))
    np.testing.assert_array_equal(coded, hdr.read_hdr(write(tmp_path / "flat.hdr", pixels.tobytes(), h, w)))
    np.testing.assert_array_equal(coded[:, ::997], radiance(pixels[:, ::997]))


def test_bands_meet_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = picture(11, 40)
    for body in (new_style(pixels), pixels.tobytes()):
        path = write(tmp_path / "a.hdr", body, 11, 40)
        whole = hdr.read_hdr(path)
        monkeypatch.setattr(hdr, "BATCH_PIXELS", 100)
        np.testing.assert_array_equal(hdr.read_hdr(path), whole)
        monkeypatch.undo()


def test_header(tmp_path: Path) -> None:
    pixels = picture(4, 20)
    plain = hdr.read_hdr(write(tmp_path / "a.hdr", pixels.tobytes(), 4, 20))
    exposed = hdr.read_hdr(
        write(tmp_path / "b.hdr", pixels.tobytes(), 4, 20, TOP + b"EXPOSURE=4\nEXPOSURE= 0.5\nGAMMA=1\n")
    )
    np.testing.assert_array_equal(exposed * 2, plain)
    (tmp_path / "c.hdr").write_bytes(b"#?RGBE\r\nFORMAT=32-bit_rle_rgbe\r\n\r\n-Y 4 +X 20\r\n" + pixels.tobytes())
    np.testing.assert_array_equal(hdr.read_hdr(tmp_path / "c.hdr"), plain)
    np.testing.assert_array_equal(hdr.read_hdr(write(tmp_path / "d.hdr", pixels.tobytes() + b"more", 4, 20)), plain)


@pytest.mark.parametrize(
    "order", ["+Y 2 +X 9", "-Y 2 -X 9", "+Y 2 -X 9", "+X 9 -Y 2", "-X 9 -Y 2", "+X 9 +Y 2", "-X 9 +Y 2"]
)
def test_turned_pictures_are_refused_by_name(tmp_path: Path, order: str) -> None:
    (tmp_path / "a.hdr").write_bytes(TOP + b"\n" + order.encode() + b"\n" + picture(2, 9).tobytes())
    first, _, second, _ = order.split()
    assert f"not {first} {second}" in problem(tmp_path / "a.hdr")


ROW = bytes((2, 2, 0, 10))
RUN = bytes((138, 5)) * 4  # four channels of ten
BROKEN = {
    "empty": (b"", "must begin with #?RADIANCE"),
    "another format": (b"\x89PNG\r\n\x1a\n" + bytes(100), "must begin with #?RADIANCE"),
    "header only": (TOP, "cut off"),
    "no resolution": (TOP + b"\n", "cut off"),
    "endless header": (TOP + b"x" * 100_000 + b"\n\n-Y 1 +X 1\n\0\0\0\0", "must end with an empty line"),
    "no format": (b"#?RADIANCE\n\n-Y 1 +X 1\n\0\0\0\0", "must have FORMAT"),
    "xyz": (b"#?RADIANCE\nFORMAT=32-bit_rle_xyze\n\n-Y 1 +X 1\n\0\0\0\0", "32-bit_rle_xyze"),
    "exposure text": (TOP + b"EXPOSURE=bright\n\n-Y 1 +X 1\n\0\0\0\0", "EXPOSURE must be a number"),
    "exposure nan": (TOP + b"EXPOSURE=nan\n\n-Y 1 +X 1\n\0\0\0\0", "EXPOSURE must be 1e-30"),
    "exposure 0": (TOP + b"EXPOSURE=0\n\n-Y 1 +X 1\n\0\0\0\0", "EXPOSURE must be 1e-30"),
    "exposure too small": (TOP + b"EXPOSURE=1e-9\n\n-Y 1 +X 1\n\xff\xff\xff\xff", "must be finite"),
    "resolution garbage": (TOP + b"\nforty two\n\0\0\0\0", "must be like"),
    "resolution -Y -Y": (TOP + b"\n-Y 1 -Y 1\n\0\0\0\0", "must be like"),
    "resolution 0": (TOP + b"\n-Y 0 +X 9\n\0\0\0\0", "must be 1 to"),
    "resolution huge": (TOP + b"\n-Y 99999 +X 99999\n\0\0\0\0", "must be 1 to"),
    "flat, no pixels": (TOP + b"\n-Y 1 +X 9\n", "cut off"),
    "flat, cut off": (TOP + b"\n-Y 1 +X 9\n" + bytes(35), "cut off"),
    "new, too small": (TOP + b"\n-Y 9 +X 10\n" + ROW + RUN, "too small"),
    "new, wrong width": (TOP + b"\n-Y 1 +X 11\n" + ROW + RUN, "row 0 must begin with"),
    "new, second row flat": (TOP + b"\n-Y 2 +X 10\n" + ROW + RUN + bytes(40), "row 1 must begin with"),
    "new, empty run": (TOP + b"\n-Y 1 +X 10\n" + ROW + b"\0" + RUN, "no length"),
    "new, run too long": (TOP + b"\n-Y 1 +X 10\n" + ROW + b"\x8b\5" + RUN, "channel 1: a run goes beyond"),
    "old, begins with a repeat": (
        TOP + b"\n-Y 2 +X 3\n" + bytes((1, 1, 1, 3)) + bytes(24),
        "row 0 begins with a repeat",
    ),
    "old, row begins with a repeat": (
        TOP + b"\n-Y 2 +X 3\n" + bytes((9, 9, 9, 9, 1, 1, 1, 2, 1, 1, 1, 3)),
        "row 1 begins with a repeat",
    ),
    "old, repeat over the edge": (TOP + b"\n-Y 2 +X 3\n" + bytes((9, 9, 9, 9, 1, 1, 1, 5)), "row 0: a run goes beyond"),
    "old, endless chain": (
        TOP + b"\n-Y 2 +X 3\n" + bytes((9, 9, 9, 9)) + bytes((1, 1, 1, 0)) * 9 + bytes((1, 1, 1, 255)),
        "beyond",
    ),
    "old, chain beyond 64 bits": (
        TOP + b"\n-Y 1 +X 40000\n" + bytes((9, 9, 9, 9)) + bytes((1, 1, 1, 255)) * 79_999,
        "beyond",
    ),
    "old, cut off": (TOP + b"\n-Y 2 +X 3\n" + bytes((9, 9, 9, 9, 1, 1, 1, 2)), "cut off"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(tmp_path: Path, name: str) -> None:
    content, rule = BROKEN[name]
    (tmp_path / "broken.hdr").write_bytes(content)
    assert rule in problem(tmp_path / "broken.hdr")


def test_files_that_are_none(tmp_path: Path) -> None:
    assert "no such file" in problem(tmp_path / "none.hdr")
    assert "is a folder" in problem(tmp_path)
    assert "cannot be read" in problem(tmp_path / ("x" * 300))


def test_truncation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every beginning of a file is refused."""
    pixels = picture(2, 8)
    for body in (new_style(pixels), old_style(pixels), pixels.tobytes()):
        whole = write(tmp_path / "a.hdr", body, 2, 8).read_bytes()
        hdr.read_hdr(pretend(monkeypatch, whole))
        for n in range(len(whole)):
            problem(pretend(monkeypatch, whole[:n]))


def test_small_files_take_little_memory(tmp_path: Path) -> None:
    """What a header promises is not allocated before the pixels are seen to be there."""
    paths = [
        write(tmp_path / "new.hdr", bytes((2, 2, 0x40, 0)) + bytes(100_000), 2**14, 2**14),
        write(tmp_path / "flat.hdr", bytes(100_000), 2**14, 2**14),
        write(tmp_path / "old.hdr", bytes((9, 9, 9, 9, 1, 1, 1, 255)) * 1000, 1, 2**28),
    ]
    tracemalloc.start()
    try:
        for path in paths:
            assert "too small" in problem(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_mutations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flipped, cut and repeated bytes give an image or a UserError, nothing else."""
    rng, pixels = random.Random(1), picture(4, 30)
    valid = [write(tmp_path / "a.hdr", body, 4, 30).read_bytes() for body in (new_style(pixels), old_style(pixels))]
    results = {True: 0, False: 0}
    for trial in range(3000):
        content = bytearray(valid[trial % 2])
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(TOP), len(content)) if rng.random() < 0.8 else rng.randrange(len(content))
            content[at] = rng.choice((rng.randrange(256), 0, 1, 2, 128, 129, 255))
        if rng.random() < 0.2:
            del content[rng.randrange(len(content)) :]
        try:
            image = hdr.read_hdr(pretend(monkeypatch, bytes(content)))
        except UserError as caught:
            assert "\n" not in str(caught)
            results[False] += 1
        else:
            assert np.isfinite(image).all() and image.shape[2] == 3
            results[True] += 1
    assert min(results.values()) > 300, "the loop must reach both ends"
