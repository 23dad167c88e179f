"""Read OpenEXR images (.exr) as linear radiance. The package OpenEXR decodes the pixels.

Format: https://openexr.com/en/latest/OpenEXRFileLayout.html. The header is read and checked here first, because the
package allocates whatever a header declares. It reports damaged pixels on stdout and stderr only, so its output is
silenced and a missing channel becomes a UserError.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import math
import os
import struct
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ssdo.arrays import Floats
from ssdo.scene.files.errors import name_file_in_errors
from ssdo.scene.files.file_access import check_file
from ssdo.settings import UserError

MAX_PIXELS = 2**28  # 3 GiB of floats
MAX_DECODED_BYTES = 2**33  # of all channels; the package decodes every channel of a file
MAX_FILE_BYTES = 2**33
MAX_HEADER_BYTES = 2**20  # may include a preview image
MAX_TILE_PIXELS = 2**24  # a tile is decoded as a whole
BYTES_PER_VALUE = (4, 2, 4)  # by pixel type: uint, half, float
# By compression: none, RLE, ZIPS, ZIP, PIZ, PXR24, B44, ...
MAX_ROWS_PER_CHUNK = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32, 256, 256)
TILED_FLAG, DEEP_FLAG, MULTIPART_FLAG = 0x200, 0x800, 0x1000  # bits of the version field


class Channel(NamedTuple):
    pixel_type: int  # index into BYTES_PER_VALUE
    sampling: tuple[int, int]  # pixels per value, in x and y


class ExrHeader(NamedTuple):
    width: int
    height: int
    channels: Mapping[str, Channel]


def read_exr(path: Path) -> Floats:
    """Linear radiance, (h, w, 3) float32, row 0 on top, in the file's own primaries. Negative values become 0.

    The channels are R, G and B, or Y alone; others are left out. Memory: all channels as stored, plus the result.

    Raises UserError("<file>: <element>: <rule>"), one line, for damaged files, and without the package. Not supported
    are other channels, a dataWindow that is not the displayWindow, several parts, deep pixels, cube maps, more than
    2^28 pixels, and radiance that is not finite.
    """
    radiance = read_exr_unclamped(path)
    if not (finite := np.isfinite(radiance)).all():
        row, column = np.argwhere(~finite.all(-1))[0]
        raise UserError(
            f"{path}: pixels: radiance must be finite, and is not at column {column}, row {row}; "
            "write it as float, not half, or repair it"
        )
    return np.maximum(radiance, 0, out=radiance)


def read_exr_unclamped(path: Path) -> Floats:
    """As `read_exr`, but with values as stored: they may be negative, infinite or NaN."""
    openexr = import_openexr()
    with name_file_in_errors(path):
        try:
            check_file(path, "file", MAX_FILE_BYTES)
            with path.open("rb") as file:
                header = _parse_header(file.read(MAX_HEADER_BYTES), path.stat().st_size)
            return _decode_pixels(openexr, path, header)
        except OSError as error:
            raise UserError(f"file: cannot be read ({error.strerror})") from None


def import_openexr() -> Any:
    """The package OpenEXR. Raises UserError if it is not installed."""
    try:
        import OpenEXR
    except ImportError:
        raise UserError("EXR files need the package OpenEXR: pip install OpenEXR") from None
    return OpenEXR


# ---- the header ------------------------------------------------------------------------------------------------------


def _parse_header(raw: bytes, file_size: int) -> ExrHeader:
    """Parse a header, and check that a file of `file_size` bytes can hold what it declares."""
    if raw[:4] != b"\x76\x2f\x31\x01":
        raise UserError("header: must begin with 76 2f 31 01; this is no OpenEXR picture")
    try:
        (flags,) = struct.unpack_from("<I", raw, 4)
        if flags & 0xFF != 2 or flags & (DEEP_FLAG | MULTIPART_FLAG):
            raise UserError(
                "header: must be of version 2, with one part and no deep pixels; save it as a flat single-part EXR"
            )
        attributes, header_size = _parse_attributes(raw)
        data_window = struct.unpack("<4i", attributes["dataWindow"])
        display_window = struct.unpack("<4i", attributes["displayWindow"])
        width, height = data_window[2] - data_window[0] + 1, data_window[3] - data_window[1] + 1
        channels = _parse_channels(attributes["channels"])
        rows_per_chunk = MAX_ROWS_PER_CHUNK[attributes["compression"][0]]
        tile_size = struct.unpack_from("<2I", attributes["tiles"]) if flags & TILED_FLAG else None
        is_cube_map = attributes.get("envmap", b"\0")[0]
    except KeyError as error:
        raise UserError(f"header: must have {error.args[0]}") from None
    except (struct.error, IndexError, ValueError):
        raise UserError("header: is damaged, or the file is cut off") from None
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise UserError(f"dataWindow: must be 1 to {MAX_PIXELS} pixels, not {width} x {height}")
    if data_window != display_window:
        raise UserError(
            f"dataWindow: must be the displayWindow, {display_window}, not {data_window}; crop or pad the picture"
        )
    if is_cube_map:
        raise UserError("envmap: must be a lat-long map, not a cube map; convert it with exrenvmap -l")
    if tile_size and not 0 < tile_size[0] * tile_size[1] <= MAX_TILE_PIXELS:
        raise UserError(f"tiles: must be 1 to {MAX_TILE_PIXELS} pixels, not {tile_size[0]} x {tile_size[1]}")
    decoded_bytes = sum(BYTES_PER_VALUE[c.pixel_type] for c in channels.values()) * width * height
    if decoded_bytes > MAX_DECODED_BYTES:
        raise UserError(
            f"channels: {len(channels)} of {width} x {height} pixels need more than {MAX_DECODED_BYTES >> 30} GiB; "
            "leave R, G and B"
        )
    if tile_size:
        chunks = math.ceil(width / tile_size[0]) * math.ceil(height / tile_size[1])
    else:
        chunks = math.ceil(height / rows_per_chunk)
    # A chunk takes at least 16 bytes: its entry in the offset table, its number and its size.
    if file_size < header_size + 16 * chunks:
        raise UserError(f"pixels: the file is cut off, or too small for {width} x {height}")
    return ExrHeader(width, height, channels)


def _parse_attributes(raw: bytes) -> tuple[dict[str, bytes], int]:
    """Attribute values by name, and the size of the header. Raises ValueError, IndexError or struct.error."""
    attributes: dict[str, bytes] = {}
    offset = 8
    while raw[offset]:
        name, offset = _parse_name(raw, offset)
        _, offset = _parse_name(raw, offset)  # the type
        (size,) = struct.unpack_from("<i", raw, offset)
        offset += 4
        if not 0 <= size <= len(raw) - offset:
            raise ValueError
        attributes[name] = raw[offset : offset + size]
        offset += size
    return attributes, offset + 1


def _parse_name(raw: bytes, offset: int) -> tuple[str, int]:
    """A zero-terminated name, and the offset behind it."""
    end = raw.index(b"\0", offset, offset + 257)
    return raw[offset:end].decode("utf-8"), end + 1


def _parse_channels(raw: bytes) -> dict[str, Channel]:
    channels: dict[str, Channel] = {}
    offset = 0
    while raw[offset]:
        name, offset = _parse_name(raw, offset)
        pixel_type, _, x_sampling, y_sampling = struct.unpack_from("<4i", raw, offset)
        if not 0 <= pixel_type < len(BYTES_PER_VALUE):
            raise ValueError
        channels[name] = Channel(pixel_type, (x_sampling, y_sampling))
        offset += 16
    return channels


# ---- the pixels ------------------------------------------------------------------------------------------------------


def _decode_pixels(openexr: Any, path: Path, header: ExrHeader) -> Floats:
    names = tuple("RGB") if set("RGB") <= header.channels.keys() else ("Y",)
    if names == ("Y",) and ("Y" not in header.channels or {"RY", "BY"} & header.channels.keys()):
        present = ascii(", ".join(header.channels))[:60]
        raise UserError(f"channels: must be R, G and B, or Y alone, not {present}; save it as RGB, without layers")
    if any(header.channels[name].sampling != (1, 1) for name in names):
        raise UserError("channels: must have a value for each pixel; save it without subsampling")
    with _silence_output():
        try:
            channels = openexr.File(str(path), separate_channels=True).channels()
        except MemoryError:
            raise
        except Exception as error:  # the package raises several kinds, and UnicodeDecodeError
            raise UserError("pixels: the file is damaged or cut off") from error
    shape = header.height, header.width
    radiance = np.empty((*shape, 3), np.float32)
    for i, name in enumerate(names * (3 // len(names))):
        values = getattr(channels.get(name), "pixels", None)
        if values is None or values.shape != shape or values.dtype.kind not in "fu":
            raise UserError(f"pixels: the file is damaged: channel {name} is missing")
        radiance[..., i] = values
    return radiance


@contextlib.contextmanager
def _silence_output() -> Iterator[None]:
    """Discard what libraries print: through Python, to C's buffered stdout, and to stderr."""
    flush_c_buffers = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None).fflush
    flush_c_buffers(None)
    saved = os.dup(1), os.dup(2)
    null_device = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null_device, 1)
        os.dup2(null_device, 2)
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        flush_c_buffers(None)
        for descriptor, copy in enumerate(saved, 1):
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(null_device)
