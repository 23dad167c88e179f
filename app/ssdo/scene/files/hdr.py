"""Read Radiance images (.hdr, RGBE) as linear radiance.

Format: G. Ward, "Real Pixels", Graphics Gems II, 1991, and Radiance's own reader (src/common/color.c). A pixel is three
mantissas and one exponent: value = mantissa * 2^(exponent - 136). Radiance adds half a step; most other readers do not,
and neither does this one, so that black stays black. Scanlines are run-length coded by channel ("new" code, widths 8 to
32767), by pixel ("old" code), or flat. They are rows or columns, from either side.

Values are radiance for the primaries of the line PRIMARIES, or CIE XYZ. Radiance's ra_xyze scales XYZ by the luminous
efficacy of white, 179 lm/W, says so by another EXPOSURE line, and adapts to equal-energy white: such files are
converted back.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssdo.arrays import Bools, Bytes, Floats, Longs
from ssdo.scene.files.errors import name_file_in_errors
from ssdo.scene.files.file_access import read_file_bytes
from ssdo.scene.files.radiance import (
    CIE_XYZ,
    MAX_FLOAT,
    REC_709,
    Chromaticities,
    adapt_white,
    clip_negative,
    compute_rec_709_matrix,
    convert_primaries,
    is_rec_709,
    multiply_colors,
)
from ssdo.settings import UserError

MAX_PIXELS = 2**28  # 3 GiB of floats
MAX_FILE_BYTES = 2**33  # the worst code, runs of one, takes 8 bytes a pixel
MAX_HEADER_BYTES = 2**16
MIN_FACTOR = 1e-30  # of exposure and colour correction
MIN_NEW_CODE_WIDTH, MAX_NEW_CODE_WIDTH = 8, 32767
BATCH_PIXELS = 2**18  # pixels decoded at a time, so that they stay in the cache


RGBE, XYZE = "32-bit_rle_rgbe", "32-bit_rle_xyze"
WHITE_EFFICACY = 179.0  # lumens per watt, as Radiance defines it


class HdrHeader(NamedTuple):
    width: int  # of a scanline
    height: int  # scanlines
    axes: tuple[str, str]  # direction from one scanline to the next and along it: -Y and +X are down and right
    is_xyz: bool
    exposure: float  # the product of all EXPOSURE lines: stored value / radiance
    color_correction: tuple[float, ...]  # of red, green, blue: likewise, of all COLORCORR lines
    primaries: Chromaticities
    is_adapted_xyz: bool  # whether ra_xyze adapted XYZ to equal-energy white
    size: int  # bytes


def read_hdr(path: Path, notes: list[str] | None = None) -> Floats:
    """Linear radiance, (h, w, 3) float32 with Rec. 709 primaries, row 0 on top. Values are finite and not negative.

    Exposure and colour correction are divided out. Without PRIMARIES, Rec. 709 is taken. What a user should know is
    added to `notes`, a line each.

    Raises UserError("<file>: <element>: <rule>"), one line, for: other formats, more than 2^28 pixels, damage.
    """
    notes = [] if notes is None else notes
    with name_file_in_errors(path):
        raw = read_file_bytes(path, "file", MAX_FILE_BYTES)
        header = _parse_header(raw, notes)
        image = _decode_pixels(np.frombuffer(raw, np.uint8, offset=header.size), header)
        _convert_colors(image, header, notes)
        return _turn_upright(image, header.axes)


def _parse_header(raw: bytes, notes: list[str]) -> HdrHeader:
    """Parse the lines up to an empty one, and the resolution behind it."""
    if raw[:2] != b"#?":
        raise UserError("header: must begin with #?RADIANCE; this is no Radiance picture")
    top = raw[:MAX_HEADER_BYTES]
    blank = re.search(rb"\n\r?\n", top)
    end = top.find(b"\n", blank.end()) if blank else -1
    if blank is None or end < 0:
        raise UserError("header: must end with an empty line and the resolution; the file is cut off")
    lines = [line.strip().decode("latin-1") for line in top[: blank.start()].split(b"\n")]
    formats = {line[7:].strip() for line in lines if line.startswith("FORMAT=")} or {RGBE}
    if len(formats) > 1 or not formats <= {RGBE, XYZE}:
        raise UserError(f"header: FORMAT must be {RGBE} or {XYZE}, not {ascii(', '.join(sorted(formats)))[:60]}")
    axes, height, width = _parse_resolution(top[blank.end() : end].strip().decode("latin-1"))
    is_xyz = formats == {XYZE}
    exposures = [exposure for (exposure,) in _parse_factors(lines, "EXPOSURE", 1, notes)]
    efficacies = [e for e in exposures if is_xyz and abs(e * WHITE_EFFICACY - 1) < 0.01]
    exposure = math.prod(exposures) / math.prod(efficacies)
    corrections = _parse_factors(lines, "COLORCORR", 3, notes)
    color_correction = tuple(math.prod(values) for values in zip((1.0,) * 3, *corrections, strict=True))
    if not all(MIN_FACTOR <= exposure * factor <= 1 / MIN_FACTOR for factor in (1, *color_correction)):
        notes.append("header: EXPOSURE and COLORCORR are not used: their product must be 1e-30 to 1e30")
        exposure, color_correction = 1.0, (1.0, 1.0, 1.0)
    primaries = _parse_primaries(lines)
    return HdrHeader(width, height, axes, is_xyz, exposure, color_correction, primaries, bool(efficacies), end + 1)


def _parse_resolution(line: str) -> tuple[tuple[str, str], int, int]:
    """The axes, the number of scanlines and their length."""
    match = re.fullmatch(r"([+-][XY]) ([0-9]{1,10}) ([+-][XY]) ([0-9]{1,10})", line)
    if match is None or match[1][1] == match[3][1]:
        raise UserError(f"resolution: must be like -Y 512 +X 1024, not {ascii(line)[:40]}")
    height, width = int(match[2]), int(match[4])
    if not 0 < width * height <= MAX_PIXELS:
        raise UserError(f"resolution: must be 1 to {MAX_PIXELS} pixels, not {width} x {height}")
    return (match[1], match[3]), height, width


def _turn_upright(image: Floats, axes: tuple[str, str]) -> Floats:
    """The image with rows from the top, from the left."""
    if axes == ("-Y", "+X"):
        return image
    if axes[0][1] == "X":
        image, axes = image.swapaxes(0, 1), axes[::-1]
    upright = image[:: 1 if axes[0] == "-Y" else -1, :: 1 if axes[1] == "+X" else -1]
    return np.ascontiguousarray(upright)


def _parse_numbers(text: str, count: int) -> tuple[float, ...]:
    """`count` finite numbers. Raises ValueError."""
    numbers = tuple(float(word) for word in text.split())
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise ValueError
    return numbers


def _parse_factors(lines: list[str], keyword: str, count: int, notes: list[str]) -> list[tuple[float, ...]]:
    """The values of all lines of a keyword: `count` factors by which the stored values were multiplied."""
    factors = []
    for line in lines:
        if line.startswith(f"{keyword}="):
            text = line.partition("=")[2]
            try:
                values = _parse_numbers(text, count)
                if min(values) <= 0:
                    raise ValueError
                factors.append(values)
            except ValueError:
                rule = "a number" if count == 1 else f"{count} numbers"
                notes.append(f"header: {keyword} is left out: must be {rule} above 0, not {ascii(text)[:40]}")
    return factors


def _parse_primaries(lines: list[str]) -> Chromaticities:
    """The last PRIMARIES line, as it is; Rec. 709 without one, or if all numbers are 0, as Photoshop writes."""
    texts = [line.partition("=")[2] for line in lines if line.startswith("PRIMARIES=")]
    try:
        primaries = _parse_numbers(texts[-1], 8) if texts else REC_709
    except ValueError:
        return (np.nan,) * 8
    return primaries if any(primaries) else REC_709


def _convert_colors(image: Floats, header: HdrHeader, notes: list[str]) -> None:
    """Divide out colour corrections, and convert to Rec. 709, in place."""
    factors = header.color_correction
    with np.errstate(over="ignore"):
        if factors != (1, 1, 1):
            image /= np.array(factors, np.float32)
    if min(header.exposure, *factors) < 1:
        np.minimum(image, MAX_FLOAT, out=image)
    if header.is_xyz:
        adaptation = adapt_white(CIE_XYZ[6:]) if header.is_adapted_xyz else np.eye(3)
        multiply_colors(image, compute_rec_709_matrix(CIE_XYZ) @ adaptation)
    else:
        try:
            convert_primaries(image, header.primaries)
        except ValueError:
            notes.append("header: PRIMARIES make no colour space; Rec. 709 is taken")
    if header.is_xyz or not is_rec_709(header.primaries):
        clip_negative(image, notes)


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
    return np.minimum(scales, MAX_FLOAT).astype(np.float32)


def _write_radiance(image: Floats, pixels: Bytes, scales: Floats) -> None:
    """Write the radiance of RGBE pixels (rows, w, 4) into `image` (rows, w, 3). It is infinite beyond float32."""
    with np.errstate(over="ignore"):
        np.multiply(pixels[..., :3], scales[pixels[..., 3], None], out=image)


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
