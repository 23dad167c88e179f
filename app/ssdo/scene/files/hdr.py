"""Read Radiance images (.hdr, RGBE) as linear radiance.

Format: G. Ward, "Real Pixels", Graphics Gems II, 1991, and Radiance's own reader (src/common/color.c). A pixel is three
mantissas and one exponent: value = mantissa * 2^(exponent - 136). Radiance adds half a step; most other readers do not,
and neither does this one, so that black stays black. Scanlines are run-length coded by channel ("new" code, widths 8 to
32767), by pixel ("old" code), or flat.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssdo.arrays import Bools, Bytes, Floats, Longs
from ssdo.scene.files.errors import name_file_in_errors
from ssdo.scene.files.file_access import read_file_bytes
from ssdo.settings import UserError

MAX_PIXELS = 2**28  # 3 GiB of floats
MAX_FILE_BYTES = 2**33  # the worst code, runs of one, takes 8 bytes a pixel
MAX_HEADER_BYTES = 2**16
MIN_NEW_CODE_WIDTH, MAX_NEW_CODE_WIDTH = 8, 32767
BATCH_PIXELS = 2**18  # pixels decoded at a time, so that they stay in the cache


class HdrHeader(NamedTuple):
    width: int
    height: int
    exposure: float  # the product of all EXPOSURE lines: stored value / radiance
    color_correction: tuple[float, ...]  # of red, green, blue: likewise, of all COLORCORR lines
    size: int  # bytes


def read_hdr(path: Path) -> Floats:
    """Linear radiance, (h, w, 3) float32, row 0 on top, in the file's own primaries.

    Exposure and colour correction are divided out.

    Raises UserError("<file>: <element>: <rule>"), one line, for: other formats, XYZ colour, rotated or mirrored images,
    more than 2^28 pixels, damage.
    """
    with name_file_in_errors(path):
        raw = read_file_bytes(path, "file", MAX_FILE_BYTES)
        header = _parse_header(raw)
        image = _decode_pixels(np.frombuffer(raw, np.uint8, offset=header.size), header)
        return image if header.color_correction == (1, 1, 1) else _divide_colors(image, header.color_correction)


def _parse_header(raw: bytes) -> HdrHeader:
    """Parse the lines up to an empty one, and the resolution behind it."""
    if raw[:2] != b"#?":
        raise UserError("header: must begin with #?RADIANCE; this is no Radiance picture")
    top = raw[:MAX_HEADER_BYTES]
    blank = re.search(rb"\n\r?\n", top)
    end = top.find(b"\n", blank.end()) if blank else -1
    if blank is None or end < 0:
        raise UserError("header: must end with an empty line and the resolution; the file is cut off")
    lines = [line.strip().decode("latin-1") for line in top[: blank.start()].split(b"\n")]
    formats = [line[7:].strip() for line in lines if line.startswith("FORMAT=")]
    if formats != ["32-bit_rle_rgbe"]:
        raise UserError(f"header: must have FORMAT=32-bit_rle_rgbe once, not {ascii(formats[:2])[:60]}")
    width, height = _parse_resolution(top[blank.end() : end].strip().decode("latin-1"))
    (exposure,), color_correction = _parse_factors(lines, "EXPOSURE", 1), _parse_factors(lines, "COLORCORR", 3)
    return HdrHeader(width, height, exposure, color_correction, end + 1)


def _parse_resolution(line: str) -> tuple[int, int]:
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


def _parse_factors(lines: list[str], keyword: str, count: int) -> tuple[float, ...]:
    """The product of all lines of a keyword: `count` factors by which the stored values were multiplied."""
    factors = [1.0] * count
    for line in lines:
        if line.startswith(f"{keyword}="):
            text = line.partition("=")[2]
            try:
                values = [float(word) for word in text.split()]
                factors = [factor * value for factor, value in zip(factors, values, strict=True)]
            except ValueError:
                rule = "must be a number" if count == 1 else f"must be {count} numbers"
                raise UserError(f"header: {keyword} {rule}, not {ascii(text)[:40]}") from None
    for factor in factors:
        if not 1e-30 <= factor <= 1e30:  # false for NaN, too
            raise UserError(f"header: {keyword} must be 1e-30 to 1e30 in all, not {factor:g}")
    return tuple(factors)


def _decode_pixels(data: Bytes, header: HdrHeader) -> Floats:
    width, height = header.width, header.height
    has_new_mark = len(data) >= 4 and data[0] == data[1] == 2 and data[2] < 128
    if MIN_NEW_CODE_WIDTH <= width <= MAX_NEW_CODE_WIDTH and has_new_mark:
        return _decode_new_code(data, header)
    pixels = _decode_old_code(data, width, height).view(np.uint8).reshape(height, width, 4)
    image, scales = np.empty((height, width, 3), np.float32), _compute_scales(header)
    batch_rows = max(BATCH_PIXELS // width, 1)
    for y in range(0, height, batch_rows):
        _write_radiance(image[y : y + batch_rows], pixels[y : y + batch_rows], scales)
    return image


def _compute_scales(header: HdrHeader) -> Floats:
    """(256,) the factor of a mantissa by exponent. Exponent 0 is black."""
    scales = np.ldexp(1.0, np.arange(256) - 136) / header.exposure
    scales[0] = 0
    with np.errstate(over="ignore"):  # matters only if such a pixel occurs
        return scales.astype(np.float32)


def _write_radiance(image: Floats, pixels: Bytes, scales: Floats) -> None:
    """Write the radiance of RGBE pixels (rows, w, 4) into `image` (rows, w, 3). Raises UserError if it is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        np.multiply(pixels[..., :3], scales[pixels[..., 3], None], out=image)
        if not (np.isfinite(scales[-1] * np.float32(255)) or np.isfinite(image).all()):
            raise UserError("pixels: radiance must be finite; EXPOSURE is too small for it")


def _divide_colors(image: Floats, divisors: tuple[float, ...]) -> Floats:
    """Divide the channels in place. Raises UserError if a value is infinite."""
    with np.errstate(over="ignore"):
        image /= np.array(divisors, np.float32)
    if not np.isfinite(image).all():
        raise UserError("pixels: radiance must be finite; COLORCORR is too small for it")
    return image


def _make_cut_off_error(width: int, height: int) -> UserError:
    return UserError(f"pixels: the file is cut off, or too small for {width} x {height}")


# ---- new code: runs of one channel -----------------------------------------------------------------------------------


def _decode_new_code(data: Bytes, header: HdrHeader) -> Floats:
    """Decode scanlines of: 2, 2, the width in two bytes, then each channel.

    A run n > 128 repeats the next byte n - 128 times; else n bytes follow.
    """
    width, height = header.width, header.height
    if len(data) < height * (4 + 4 * 2 * -(-width // 127)):
        raise _make_cut_off_error(width, height)
    image, scales = np.empty((height, width, 3), np.float32), _compute_scales(header)
    offset, batch_rows = 0, max(BATCH_PIXELS // width, 1)
    code = data.tobytes()  # indexing bytes is faster than indexing an array
    for y in range(0, height, batch_rows):
        rows = min(batch_rows, height - y)
        offset, run_starts = _find_runs(code, offset, width, rows, y)
        channels = _expand_runs(data, run_starts, rows * 4 * width).reshape(rows, 4, width)
        _write_radiance(image[y : y + rows], channels.transpose(0, 2, 1), scales)
    return image


def _find_runs(code: bytes, offset: int, width: int, rows: int, first_row: int) -> tuple[int, list[int]]:
    """The offset behind `rows` scanlines, and the offset of each of their runs.

    This is the only loop over the code: a run's place depends on all runs before it.
    """
    run_starts: list[int] = []
    add_run = run_starts.append
    mark = bytes((2, 2, width >> 8, width & 255))
    try:
        for row in range(first_row, first_row + rows):
            if code[offset : offset + 4] != mark:
                if offset + 4 > len(code):
                    break
                raise UserError(f"pixels: row {row} must begin with 2, 2 and the width {width}")
            offset += 4
            for channel in range(1, 5):
                remaining = width
                while remaining > 0:
                    add_run(offset)
                    n = code[offset]
                    if n > 128:
                        remaining -= n - 128
                        offset += 2
                    elif n:
                        remaining -= n
                        offset += n + 1
                    else:
                        raise UserError(f"pixels: row {row} has a run of no length")
                if remaining:
                    raise UserError(f"pixels: row {row}, channel {channel}: a run goes beyond the width {width}")
        else:
            if offset <= len(code):
                return offset, run_starts
    except IndexError:
        pass
    raise UserError(f"pixels: the file is cut off before the end of row {row}")


def _expand_runs(data: Bytes, run_starts: list[int], size: int) -> Bytes:
    """The bytes that runs stand for, gathered by an index that stops in a repeat and advances in a literal run."""
    starts = np.array(run_starts, np.int64)
    n = data[starts].astype(np.int64)
    is_literal = n <= 128
    lengths = np.where(is_literal, n, n - 128)
    steps = np.repeat(is_literal.astype(np.int32), lengths)
    first, last = starts + 1, starts + np.where(is_literal, n, 1)
    steps[0] = 0
    steps[np.cumsum(lengths)[:-1]] = first[1:] - last[:-1]
    assert steps.size == size
    return data[first[0] :][np.cumsum(steps)]


# ---- old code: runs of whole pixels ----------------------------------------------------------------------------------


def _decode_old_code(data: Bytes, width: int, height: int) -> npt.NDArray[np.uint32]:
    """(h * w,) pixels as four bytes in one integer.

    1, 1, 1, n repeats the pixel before it n times; another repeat directly behind it counts 256 n times.
    """
    pixel_count = width * height
    units = data[: min(len(data) // 4, pixel_count * 2) * 4]  # valid code has no more than two units for a pixel
    pixels = np.frombuffer(units.tobytes(), np.uint32)
    is_repeat = (units.reshape(-1, 4)[:, :3] == 1).all(1)
    if not is_repeat[:pixel_count].any():
        if len(pixels) < pixel_count:
            raise _make_cut_off_error(width, height)
        return pixels[:pixel_count]
    repeat_counts = units[3::4].astype(np.int64) << 8 * np.minimum(_count_repeats_before(is_repeat), 5)
    lengths = np.minimum(np.where(is_repeat, repeat_counts, 1), pixel_count + 1)
    ends = np.cumsum(lengths)  # 2^29 units of at most 2^28 + 1: no overflow
    unit_count = int(np.searchsorted(ends, pixel_count)) + 1
    if unit_count > len(ends):
        raise _make_cut_off_error(width, height)
    lengths, ends, is_repeat = lengths[:unit_count], ends[:unit_count], is_repeat[:unit_count]
    starts = ends - lengths
    rows = starts // width
    begins_row = is_repeat & (starts % width == 0)
    if begins_row.any():
        raise UserError(f"pixels: row {rows[begins_row][0]} begins with a repeat")
    crosses_row = (ends - 1) // width > rows
    if crosses_row.any():
        raise UserError(f"pixels: row {rows[crosses_row][0]}: a run goes beyond the width {width}")
    sources = np.maximum.accumulate(np.where(is_repeat, 0, np.arange(unit_count)))
    return np.repeat(pixels[sources], lengths)


def _count_repeats_before(is_repeat: Bools) -> Longs:
    """How many repeats stand directly before each one."""
    order = np.arange(len(is_repeat))
    return order - 1 - np.maximum.accumulate(np.where(is_repeat, -1, order))
