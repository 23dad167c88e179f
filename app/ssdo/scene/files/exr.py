"""OpenEXR pictures (.exr) -> linear radiance, decoded by the package OpenEXR.

Format: https://openexr.com/en/latest/OpenEXRFileLayout.html. The header is read here first. The package believes what a
header says (20 GiB for 300 bytes), and of damage in the pixels it tells on stdout and stderr, and then has no pixels:
all that is said is what is raised here.
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

from ssdo.scene.files import check_file
from ssdo.scene.model import Floats
from ssdo.settings import UserError

MAX_PIXELS = 2**28  # 3 GiB of floats
MAX_DECODED = 2**33  # bytes of all channels; the package decodes all there are
MAX_FILE = 2**33  # bytes
MAX_HEADER = 2**20  # bytes; a preview may be in it
MAX_TILE = 2**24  # pixels, each tile is decoded as a whole
BYTES = (4, 2, 4)  # of a value: uint, half, float
# in a chunk at most, by compression: none, RLE, ZIPS, ZIP, PIZ, PXR24, B44 ...
ROWS = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32, 256, 256)
TILED, DEEP, PARTS = 0x200, 0x800, 0x1000  # bits of the version field


class Channel(NamedTuple):
    kind: int  # an index of BYTES
    sampling: tuple[int, int]


class Header(NamedTuple):
    width: int
    height: int
    channels: Mapping[str, Channel]


def load(path: Path) -> Floats:
    """(h, w, 3) float32, linear radiance in the file's own primaries, row 0 on top. Channels R, G and B, or Y alone;
    others are left out. What is negative, as filters leave it, becomes 0.

    It takes the channels as they are stored and the result: 2.3 GiB for 16384 x 8192 half floats, 3.0 GiB for floats.
    Raises UserError("<file>: <element>: <rule>"), one line, for what cannot be read: other channels, windows that differ,
    several parts, deep pixels, cube maps, more than 2^28 pixels, radiance that is not finite, damage; and without the
    package.
    """
    radiance = picture(path)
    if not (finite := np.isfinite(radiance)).all():
        row, column = np.argwhere(~finite.all(-1))[0]
        raise UserError(
            f"{path}: pixels: radiance must be finite, and is not at column {column}, row {row}; write it as float, not half, or repair it"
        )
    return np.maximum(radiance, 0, out=radiance)


def picture(path: Path) -> Floats:
    """As `load`, but values as they are: negative, infinite or NaN."""
    library = openexr()
    try:
        check_file(path, "file", MAX_FILE)
        with path.open("rb") as file:
            header = _header(file.read(MAX_HEADER), path.stat().st_size)
        return _decoded(library, path, header)
    except UserError as problem:
        raise UserError(" ".join(f"{path}: {problem}".splitlines())) from None
    except OSError as error:
        raise UserError(f"{path}: file: cannot be read ({error.strerror})") from None
    except MemoryError:
        raise UserError(f"{path}: file: needs more memory than there is") from None


def openexr() -> Any:
    """The package. Raises UserError without it."""
    try:
        import OpenEXR
    except ImportError:
        raise UserError("EXR files need the package OpenEXR: pip install OpenEXR") from None
    return OpenEXR


# ---- the header -----------------------------------------------------------------------------------------------------------


def _header(raw: bytes, size: int) -> Header:
    """What the first bytes of a file of `size` bytes say, if the file can hold it."""
    if raw[:4] != b"\x76\x2f\x31\x01":
        raise UserError("header: must begin with 76 2f 31 01; this is no OpenEXR picture")
    try:
        (flags,) = struct.unpack_from("<I", raw, 4)
        if flags & 0xFF != 2 or flags & (DEEP | PARTS):
            raise UserError(
                "header: must be of version 2, with one part and no deep pixels; save it as a flat single-part EXR"
            )
        found, end = _attributes(raw)
        box, window = struct.unpack("<4i", found["dataWindow"]), struct.unpack("<4i", found["displayWindow"])
        width, height = box[2] - box[0] + 1, box[3] - box[1] + 1
        channels = _channels(found["channels"])
        rows = ROWS[found["compression"][0]]
        tile = struct.unpack_from("<2I", found["tiles"]) if flags & TILED else None
        cube = found.get("envmap", b"\0")[0]
    except KeyError as error:
        raise UserError(f"header: must have {error.args[0]}") from None
    except (struct.error, IndexError, ValueError):
        raise UserError("header: is damaged, or the file is cut off") from None
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise UserError(f"dataWindow: must be 1 to {MAX_PIXELS} pixels, not {width} x {height}")
    if box != window:
        raise UserError(f"dataWindow: must be the displayWindow, {window}, not {box}; crop or pad the picture")
    if cube:
        raise UserError("envmap: must be a lat-long map, not a cube map; convert it with exrenvmap -l")
    if tile and not 0 < tile[0] * tile[1] <= MAX_TILE:
        raise UserError(f"tiles: must be 1 to {MAX_TILE} pixels, not {tile[0]} x {tile[1]}")
    decoded = sum(BYTES[c.kind] for c in channels.values()) * width * height
    if decoded > MAX_DECODED:
        raise UserError(
            f"channels: {len(channels)} of {width} x {height} pixels need more than {MAX_DECODED >> 30} GiB; leave R, G and B"
        )
    chunks = math.ceil(width / tile[0]) * math.ceil(height / tile[1]) if tile else math.ceil(height / rows)
    if size < end + 16 * chunks:  # each has a place in the table of offsets, and there its own number and size at least
        raise UserError(f"pixels: the file is cut off, or too small for {width} x {height}")
    return Header(width, height, channels)


def _attributes(raw: bytes) -> tuple[dict[str, bytes], int]:
    """Values by name, and where the header ends."""
    found: dict[str, bytes] = {}
    at = 8
    while raw[at]:
        name, at = _text(raw, at)
        _, at = _text(raw, at)
        (size,) = struct.unpack_from("<i", raw, at)
        at += 4
        if not 0 <= size <= len(raw) - at:
            raise ValueError
        found[name] = raw[at : at + size]
        at += size
    return found, at + 1


def _text(raw: bytes, at: int) -> tuple[str, int]:
    """A name up to its zero byte, and what is behind it."""
    end = raw.index(b"\0", at, at + 257)
    return raw[at:end].decode("utf-8"), end + 1


def _channels(raw: bytes) -> dict[str, Channel]:
    found: dict[str, Channel] = {}
    at = 0
    while raw[at]:
        name, at = _text(raw, at)
        kind, _, across, down = struct.unpack_from("<4i", raw, at)
        if not 0 <= kind < len(BYTES):
            raise ValueError
        found[name] = Channel(kind, (across, down))
        at += 16
    return found


# ---- the pixels -----------------------------------------------------------------------------------------------------------


def _decoded(library: Any, path: Path, header: Header) -> Floats:
    names = tuple("RGB") if set("RGB") <= header.channels.keys() else ("Y",)
    if names == ("Y",) and ("Y" not in header.channels or {"RY", "BY"} & header.channels.keys()):
        there = ascii(", ".join(header.channels))[:60]
        raise UserError(f"channels: must be R, G and B, or Y alone, not {there}; save it as RGB, without layers")
    if any(header.channels[name].sampling != (1, 1) for name in names):
        raise UserError("channels: must have a value for each pixel; save it without subsampling")
    with _silence():
        try:
            found = library.File(str(path), separate_channels=True).channels()
        except MemoryError:
            raise
        except Exception as error:  # of several kinds, and not only its own: UnicodeDecodeError too
            raise UserError("pixels: the file is damaged or cut off") from error
    size = header.height, header.width
    radiance = np.empty((*size, 3), np.float32)
    for i, name in enumerate(names * (3 // len(names))):
        values = getattr(found.get(name), "pixels", None)
        if values is None or values.shape != size or values.dtype.kind not in "fu":
            raise UserError(f"pixels: the file is damaged: channel {name} is missing")
        radiance[..., i] = values
    return radiance


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """What libraries print themselves goes nowhere: through Python, to stdout, which C keeps back until it is flushed,
    and to stderr.
    """
    flush = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None).fflush
    flush(None)
    kept = os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        flush(None)
        for to, back in enumerate(kept, 1):
            os.dup2(back, to)
            os.close(back)
        os.close(nowhere)
