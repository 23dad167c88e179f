"""Radiance pictures (.hdr, RGBE) -> linear radiance.

Format: G. Ward, "Real Pixels", Graphics Gems II, 1991, and the reader of Radiance itself (src/common/color.c). A pixel
is three mantissas and one exponent, value = mantissa * 2^(exponent - 136), without the half step Radiance adds: so do
most other readers, and black stays black. Scanlines are run-length coded by channel ("new", widths 8 to 32767), by
pixel ("old"), or flat.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssdo.scene.files import file_bytes
from ssdo.scene.model import Bytes, Floats
from ssdo.settings import UserError

MAX_PIXELS = 2**28  # 3 GiB of floats
MAX_FILE = 2**33  # bytes; the worst code, runs of one, takes 8 bytes a pixel
MAX_HEADER = 2**16  # bytes
NARROWEST, WIDEST = 8, 32767  # of the new code
BAND = 2**18  # pixels decoded at a time, so that what is in work stays in the cache


class Header(NamedTuple):
    width: int
    height: int
    exposure: float  # the product of all EXPOSURE lines: stored value / radiance
    size: int  # bytes


def load(path: Path) -> Floats:
    """(h, w, 3) float32, linear radiance in the file's own primaries, row 0 on top. Exposure is divided out.

    Raises UserError("<file>: <element>: <rule>"), one line, for what cannot be read: other formats, XYZ colour, turned or
    mirrored pictures, more than 2^28 pixels, damage.
    """
    try:
        raw = file_bytes(path, "file", MAX_FILE)
        header = _header(raw)
        return _decoded(np.frombuffer(raw, np.uint8, offset=header.size), header)
    except UserError as problem:
        raise UserError(" ".join(f"{path}: {problem}".splitlines())) from None
    except MemoryError:
        raise UserError(f"{path}: file: needs more memory than there is") from None


def _header(raw: bytes) -> Header:
    """The lines up to an empty one, then the resolution."""
    if raw[:2] != b"#?":
        raise UserError("header: must begin with #?RADIANCE; this is no Radiance picture")
    top = raw[:MAX_HEADER]
    blank = re.search(rb"\n\r?\n", top)
    end = top.find(b"\n", blank.end()) if blank else -1
    if blank is None or end < 0:
        raise UserError("header: must end with an empty line and the resolution; the file is cut off")
    lines = [line.strip().decode("latin-1") for line in top[: blank.start()].split(b"\n")]
    formats = [line[7:].strip() for line in lines if line.startswith("FORMAT=")]
    if formats != ["32-bit_rle_rgbe"]:
        raise UserError(f"header: must have FORMAT=32-bit_rle_rgbe once, not {ascii(formats[:2])[:60]}")
    width, height = _resolution(top[blank.end() : end].strip().decode("latin-1"))
    return Header(width, height, _exposure(lines), end + 1)


def _resolution(line: str) -> tuple[int, int]:
    """Width and height."""
    match = re.fullmatch(r"([+-][XY]) ([0-9]{1,10}) ([+-][XY]) ([0-9]{1,10})", line)
    if match is None or match[1][1] == match[3][1]:
        raise UserError(f"resolution: must be like -Y 512 +X 1024, not {ascii(line)[:40]}")
    if (match[1], match[3]) != ("-Y", "+X"):
        raise UserError(
            f"resolution: must be -Y +X (rows from the top, from the left), not {match[1]} {match[3]}; turn the picture"
        )
    height, width = int(match[2]), int(match[4])
    if not 0 < width * height <= MAX_PIXELS:
        raise UserError(f"resolution: must be 1 to {MAX_PIXELS} pixels, not {width} x {height}")
    return width, height


def _exposure(lines: list[str]) -> float:
    product = 1.0
    for line in lines:
        if line.startswith("EXPOSURE="):
            try:
                product *= float(line[9:])
            except ValueError:
                raise UserError(f"header: EXPOSURE must be a number, not {ascii(line[9:])[:40]}") from None
    if not 1e-30 <= product <= 1e30:  # false for NaN too
        raise UserError(f"header: EXPOSURE must be 1e-30 to 1e30 in all, not {product:g}")
    return product


def _decoded(data: Bytes, header: Header) -> Floats:
    width, height = header.width, header.height
    if NARROWEST <= width <= WIDEST and len(data) >= 4 and data[0] == data[1] == 2 and data[2] < 128:
        return _new_style(data, header)
    pixels = _old_style(data, width, height).view(np.uint8).reshape(height, width, 4)
    image, scales = np.empty((height, width, 3), np.float32), _scales(header)
    step = max(BAND // width, 1)
    for y in range(0, height, step):
        _fill(image[y : y + step], pixels[y : y + step], scales)
    return image


def _scales(header: Header) -> Floats:
    """What a mantissa is worth, by exponent. Exponent 0 is black."""
    scales = np.ldexp(1.0, np.arange(256) - 136) / header.exposure
    scales[0] = 0
    with np.errstate(over="ignore"):  # matters only if such a pixel occurs
        return scales.astype(np.float32)


def _fill(image: Floats, pixels: Bytes, scales: Floats) -> None:
    """Radiance (rows, w, 3) of pixels (rows, w, 4)."""
    with np.errstate(over="ignore", invalid="ignore"):
        np.multiply(pixels[..., :3], scales[pixels[..., 3], None], out=image)
        if not (np.isfinite(scales[-1] * np.float32(255)) or np.isfinite(image).all()):
            raise UserError("pixels: radiance must be finite; EXPOSURE is too small for it")


def _too_short(width: int, height: int) -> UserError:
    return UserError(f"pixels: the file is cut off, or too small for {width} x {height}")


# ---- runs of one channel --------------------------------------------------------------------------------------------------


def _new_style(data: Bytes, header: Header) -> Floats:
    """Scanlines of 2, 2, width in two bytes, then each channel: n > 128 repeats a byte n - 128 times, else n bytes
    follow.
    """
    width, height = header.width, header.height
    if len(data) < height * (4 + 4 * 2 * -(-width // 127)):
        raise _too_short(width, height)
    image, scales = np.empty((height, width, 3), np.float32), _scales(header)
    at, step = 0, max(BAND // width, 1)
    code = data.tobytes()  # indexing bytes is four times as fast as indexing an array
    for y in range(0, height, step):
        rows = min(step, height - y)
        at, starts = _walk(code, at, width, rows, y)
        planes = _expanded(data, starts, rows * 4 * width).reshape(rows, 4, width)
        _fill(image[y : y + rows], planes.transpose(0, 2, 1), scales)
    return image


def _walk(code: bytes, at: int, width: int, rows: int, y: int) -> tuple[int, list[int]]:
    """Where the scanlines end, and where each run begins. The only loop over the code: a run's place depends on all
    before it.
    """
    starts: list[int] = []
    start = starts.append
    mark = bytes((2, 2, width >> 8, width & 255))
    try:
        for row in range(y, y + rows):
            if code[at : at + 4] != mark:
                if at + 4 > len(code):
                    break
                raise UserError(f"pixels: row {row} must begin with 2, 2 and the width {width}")
            at += 4
            for channel in range(1, 5):
                left = width
                while left > 0:
                    start(at)
                    n = code[at]
                    if n > 128:
                        left -= n - 128
                        at += 2
                    elif n:
                        left -= n
                        at += n + 1
                    else:
                        raise UserError(f"pixels: row {row} has a run of no length")
                if left:
                    raise UserError(f"pixels: row {row}, channel {channel}: a run goes beyond the width {width}")
        else:
            if at <= len(code):
                return at, starts
    except IndexError:
        pass
    raise UserError(f"pixels: the file is cut off before the end of row {row}")


def _expanded(data: Bytes, starts: list[int], size: int) -> Bytes:
    """The bytes that the runs at `starts` stand for: an index that stays in a repeat and moves on in a literal run."""
    begin = np.array(starts, np.int64)
    n = data[begin].astype(np.int64)
    literal = n <= 128
    length = np.where(literal, n, n - 128)
    step = np.repeat(literal.astype(np.int32), length)
    first, last = begin + 1, begin + np.where(literal, n, 1)
    step[0] = 0
    step[np.cumsum(length)[:-1]] = first[1:] - last[:-1]
    assert step.size == size
    return data[first[0] :][np.cumsum(step)]


# ---- runs of whole pixels -------------------------------------------------------------------------------------------------


def _old_style(data: Bytes, width: int, height: int) -> npt.NDArray[np.uint32]:
    """(h * w,) pixels as four bytes in one. 1, 1, 1, n repeats the pixel before it n times; another one at once 256 n
    times.
    """
    size = width * height
    units = data[: min(len(data) // 4, size * 2) * 4]  # more than one code for a pixel would be senseless
    pixels = np.frombuffer(units.tobytes(), np.uint32)
    repeats = (units.reshape(-1, 4)[:, :3] == 1).all(1)
    if not repeats[:size].any():
        if len(pixels) < size:
            raise _too_short(width, height)
        return pixels[:size]
    length = np.where(repeats, units[3::4].astype(np.int64) << 8 * np.minimum(_place_in_chain(repeats), 5), 1)
    length = np.minimum(length, size + 1)
    end = np.cumsum(length)  # 2^29 codes of at most 2^28 + 1: no overflow
    used = int(np.searchsorted(end, size)) + 1
    if used > len(end):
        raise _too_short(width, height)
    length, end, repeats = length[:used], end[:used], repeats[:used]
    row = (end - length) // width
    if (repeats & ((end - length) % width == 0)).any():
        raise UserError(f"pixels: row {row[repeats & ((end - length) % width == 0)][0]} begins with a repeat")
    if ((end - 1) // width > row).any():
        raise UserError(f"pixels: row {row[(end - 1) // width > row][0]}: a run goes beyond the width {width}")
    source = np.maximum.accumulate(np.where(repeats, 0, np.arange(used)))
    return np.repeat(pixels[source], length)


def _place_in_chain(repeats: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """How many repeats stand directly before each one."""
    order = np.arange(len(repeats))
    return order - 1 - np.maximum.accumulate(np.where(repeats, -1, order))
