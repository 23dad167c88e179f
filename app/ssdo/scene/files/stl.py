"""Read STL, binary and ASCII, as flat triangles. Its normals are ignored: many programs write zeros.

Format: StereoLithography Interface Specification, 3D Systems, 1989.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import replace
from pathlib import Path

import numpy as np

from ssdo.arrays import Doubles
from ssdo.scene.files.errors import quote_value
from ssdo.scene.files.mesh_builder import MAX_TRIANGLES, PolygonMesh, read_mesh_file
from ssdo.scene.files.number_text import repair_number
from ssdo.scene.files.text import iterate_lines
from ssdo.scene.model import Material, Scene
from ssdo.settings import UserError

HEADER_BYTES = 84  # the last 4 are the number of triangles
RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read_stl(path: Path, up: str | None = None) -> Scene:
    """Read a scene from an .stl file: metres.

    `up` is the file's axis that points up, y or z; None: z, with a warning. The scene is y up.
    Raises UserError("<file>: <element>: <rule>").
    """
    if up is not None:
        return read_mesh_file(path, _parse, up)
    scene = read_mesh_file(path, _parse, "z")
    return replace(scene, warnings=(*scene.warnings, "z is taken to point up, as in most STL files; --up y turns it"))


def _parse(data: bytes, path: Path, warnings: list[str]) -> list[PolygonMesh]:
    """All solids of the file as one."""
    is_ascii = data[:HEADER_BYTES].lstrip()[:5].lower() == b"solid" and b"facet" in data[:4096].lower()
    binary_size = HEADER_BYTES + _read_count(data) * RECORD.itemsize
    # A binary file may begin with `solid`, too; then its size is right.
    is_ascii = is_ascii and len(data) != binary_size
    points = (_parse_ascii(data) if is_ascii else _parse_binary(data, warnings)).reshape(-1, 3)
    return [PolygonMesh(points, np.arange(len(points)), np.full(len(points) // 3, 3), Material())]


def _read_count(data: bytes) -> int:
    """The number of triangles that a binary file declares."""
    if len(data) < HEADER_BYTES:
        return 0
    count: int = struct.unpack_from("<I", data, HEADER_BYTES - 4)[0]
    return count


def _parse_binary(data: bytes, warnings: list[str]) -> Doubles:
    """(n, 3, 3) vertices of the triangles."""
    count = _read_count(data)
    size = HEADER_BYTES + count * RECORD.itemsize
    if len(data) < HEADER_BYTES:
        raise UserError(f"file: neither ASCII STL nor binary, which has {HEADER_BYTES} bytes at least")
    if len(data) < size:
        present = (len(data) - HEADER_BYTES) // RECORD.itemsize
        raise UserError(f"file: cut off, or no STL: {count} triangles declared, {present} present")
    if count > MAX_TRIANGLES:
        raise UserError(f"file: must have at most {MAX_TRIANGLES} triangles")
    if len(data) > size:
        warnings.append(f"{len(data) - size} bytes behind the last triangle are not read")
    return np.frombuffer(data, RECORD, count, HEADER_BYTES)["corners"].astype(np.float64)


def _parse_number(word: bytes) -> float:
    try:
        return float(word)
    except ValueError:
        return float(repair_number(word))


def _parse_ascii(data: bytes) -> Doubles:
    """(9 n,) coordinates of the vertices, three for each facet."""
    coordinates = array("d")
    expected = 0  # number of coordinates at the end of the facet
    for number, line in iterate_lines(data):
        words = line.split(None, 4)
        keyword = words[0].lower() if words else b""
        try:
            if keyword == b"vertex":
                x, y, z = words[1:]
                coordinates.extend(map(_parse_number, (x, y, z)))
            elif keyword == b"facet":
                expected += 9
            complete = expected - 9 if keyword == b"facet" else expected
            is_boundary = keyword in (b"facet", b"endfacet")
            if (is_boundary and len(coordinates) != complete) or len(coordinates) > expected:
                raise UserError(f"line {number}: a facet must have three vertices")
        except ValueError:
            text = quote_value(line[:60].decode("latin-1").strip())
            raise UserError(f"line {number}: vertex: must be three numbers, not {text}") from None
    if len(coordinates) != expected:
        raise UserError("file: cut off within a facet")
    return np.array(coordinates)
