"""Writes uncompressed OpenEXR files, also of kinds that the package OpenEXR does not write.

Format: https://openexr.com/en/latest/OpenEXRFileLayout.html.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from ssdo.arrays import Array

PIXEL_TYPES = {"u4": 0, "f2": 1, "f4": 2}
Box = tuple[int, int, int, int]  # first column, first row, last column, last row
Attribute = tuple[str, bytes]  # type and value


class Part(NamedTuple):
    """A part of a file: values by channel, each (rows, columns) of those that its sampling leaves."""

    channels: Mapping[str, Array]
    sampling: Mapping[str, tuple[int, int]] = {}  # pixels per value in x and y; left out: one
    data_window: Box | None = None  # None: from the origin, as large as the first channel without sampling
    display_window: Box | None = None  # None: the data window
    attributes: Mapping[str, Attribute] = {}
    tile: tuple[int, int] | None = None
    level_mode: int = 0  # of tiles: one level, mip map, rip map


def encode_exr(*parts: Part) -> bytes:
    """A file with one part, or with several."""
    is_multipart = len(parts) > 1
    flags = 2 | (0x1000 if is_multipart else 0x200 if parts[0].tile else 0)
    chunks = [_encode_chunks(part) for part in parts]
    headers = [
        _encode_header(part, len(some), number if is_multipart else None)
        for number, (part, some) in enumerate(zip(parts, chunks, strict=True))
    ]
    top = struct.pack("<2I", 20000630, flags) + b"".join(headers) + (b"\0" if is_multipart else b"")
    if is_multipart:
        chunks = [[struct.pack("<i", number) + chunk for chunk in some] for number, some in enumerate(chunks)]
    bodies = list(itertools.chain(*chunks))
    offsets = np.cumsum([len(top) + 8 * len(bodies), *map(len, bodies)])[:-1]
    return top + offsets.astype("<u8").tobytes() + b"".join(bodies)


def encode_chromaticities(primaries: Sequence[float]) -> Attribute:
    """Red, green, blue and white, x and y of each."""
    return "chromaticities", struct.pack("<8f", *primaries)


def get_data_window(part: Part) -> Box:
    if part.data_window:
        return part.data_window
    rows, columns = next(values.shape for name, values in part.channels.items() if name not in part.sampling)
    return 0, 0, columns - 1, rows - 1


def _encode_header(part: Part, chunk_count: int, number: int | None) -> bytes:
    channels = b"".join(
        name.encode()
        + b"\0"
        + struct.pack("<4i", PIXEL_TYPES[values.dtype.str[1:]], 0, *part.sampling.get(name, (1, 1)))
        for name, values in sorted(part.channels.items())
    )
    data_window = get_data_window(part)
    attributes: dict[str, Attribute] = {
        "channels": ("chlist", channels + b"\0"),
        "compression": ("compression", b"\0"),
        "dataWindow": ("box2i", struct.pack("<4i", *data_window)),
        "displayWindow": ("box2i", struct.pack("<4i", *(part.display_window or data_window))),
        "lineOrder": ("lineOrder", b"\0"),
        "pixelAspectRatio": ("float", struct.pack("<f", 1)),
        "screenWindowCenter": ("v2f", bytes(8)),
        "screenWindowWidth": ("float", struct.pack("<f", 1)),
    }
    if part.tile:
        attributes["tiles"] = "tiledesc", struct.pack("<2IB", *part.tile, part.level_mode)
    if number is not None:
        attributes["type"] = "string", b"tiledimage" if part.tile else b"scanlineimage"
        attributes["name"] = "string", f"part {number}".encode()
        attributes["chunkCount"] = "int", struct.pack("<i", chunk_count)
    attributes |= part.attributes
    return b"".join(_encode_attribute(name, *attribute) for name, attribute in attributes.items()) + b"\0"


def _encode_attribute(name: str, kind: str, value: bytes) -> bytes:
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value


def _encode_chunks(part: Part) -> list[bytes]:
    if part.tile:
        return _encode_tiles(part)
    _, low_y, _, high_y = get_data_window(part)
    chunks = []
    for y in range(low_y, high_y + 1):
        row = b""
        for name, values in sorted(part.channels.items()):
            step = part.sampling.get(name, (1, 1))[1]
            if y % step == 0:
                row += values[y // step - -(-low_y // step)].tobytes()
        chunks.append(struct.pack("<2i", y, len(row)) + row)
    return chunks


def _encode_tiles(part: Part) -> list[bytes]:
    """All levels; those after the first are black."""
    assert part.tile
    columns, rows = part.tile
    height, width = next(iter(part.channels.values())).shape
    levels = [(0, 0)]
    counts = (
        [max(width, height).bit_length()] * 2 if part.level_mode == 1 else [width.bit_length(), height.bit_length()]
    )
    if part.level_mode == 1:
        levels = [(level, level) for level in range(counts[0])]
    elif part.level_mode == 2:
        levels = [(x, y) for y in range(counts[1]) for x in range(counts[0])]
    chunks = []
    for level_x, level_y in levels:
        w, h = max(width >> level_x, 1), max(height >> level_y, 1)
        for y, x in itertools.product(range(-(-h // rows)), range(-(-w // columns))):
            body = b""
            box = slice(y * rows, min((y + 1) * rows, h)), slice(x * columns, min((x + 1) * columns, w))
            texels = [
                v[box] if not level_x and not level_y else v[:h, :w][box] * 0 for _, v in sorted(part.channels.items())
            ]
            for line in range(texels[0].shape[0]):
                body += b"".join(np.ascontiguousarray(values[line]).tobytes() for values in texels)
            chunks.append(struct.pack("<5i", x, y, level_x, level_y, len(body)) + body)
    return chunks
