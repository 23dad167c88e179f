"""STL, binary and ASCII -> flat triangles. The normals of the file are not believed: many programs write zeros.

Format: StereoLithography Interface Specification, 3D Systems, 1989.
"""

from __future__ import annotations

import struct
from array import array
from pathlib import Path

import numpy as np

from ssdo.scene.files.json_tree import shown
from ssdo.scene.files.mesh_builder import MAX_TRIANGLES, Surface, lines_of
from ssdo.scene.files.polygons import Doubles
from ssdo.scene.model import Material
from ssdo.settings import UserError

HEADER = 84  # bytes, the last 4 of which are the number of triangles
RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read(data: bytes, path: Path, notes: list[str]) -> list[Surface]:
    """All solids as one. Raises UserError("<element>: <rule>"); adds to `notes`."""
    count = struct.unpack_from("<I", data, HEADER - 4)[0] if len(data) >= HEADER else 0
    total = HEADER + count * RECORD.itemsize
    text = data[:HEADER].lstrip()[:5].lower() == b"solid" and b"facet" in data[:4096].lower()
    if text and len(data) != total:  # binary files may begin with `solid` too
        points = _ascii(data)
    elif len(data) < HEADER:
        raise UserError("file: neither ASCII STL nor binary, which has 84 bytes at least")
    elif len(data) < total:
        raise UserError(
            f"file: cut off, or no STL: {count} triangles declared, {(len(data) - HEADER) // RECORD.itemsize} present"
        )
    elif count > MAX_TRIANGLES:
        raise UserError(f"file: must have at most {MAX_TRIANGLES} triangles")
    else:
        if len(data) > total:
            notes.append(f"{len(data) - total} bytes behind the last triangle are not read")
        points = np.frombuffer(data, RECORD, count, HEADER)["corners"].astype(np.float64)
    points = points.reshape(-1, 3)
    return [Surface(points, np.arange(len(points)), np.full(len(points) // 3, 3), Material())]


def _ascii(data: bytes) -> Doubles:
    """(n * 9,) coordinates of corners, three for each facet."""
    points = array("d")
    due = 0  # corners when the facet ends
    for number, line in lines_of(data):
        words = line.split(None, 4)
        word = words[0].lower() if words else b""
        try:
            if word == b"vertex":
                x, y, z = words[1:]
                points.extend((float(x), float(y), float(z)))
            elif word == b"facet":
                due += 9
            if (word in (b"facet", b"endfacet") and len(points) != due - 9 * (word == b"facet")) or len(points) > due:
                raise UserError(f"line {number}: a facet must have three vertices")
        except ValueError:
            raise UserError(
                f"line {number}: vertex: must be three numbers, not {shown(line[:60].decode('latin-1').strip())}"
            ) from None
    if len(points) != due:
        raise UserError("file: cut off within a facet")
    return np.array(points)
