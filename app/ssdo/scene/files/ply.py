"""PLY, ASCII and binary of both byte orders -> polygons, with normals, UVs and colours where the vertices have them.

Format: G. Turk, "The PLY Polygon File Format", 1994, with the names of properties that are in use. Colours are sRGB.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssdo.scene.files import beside, check_no_url, file_bytes, images
from ssdo.scene.files.json_tree import shown
from ssdo.scene.files.mesh_builder import MAX_TRIANGLES, Surface, linear
from ssdo.scene.files.mtl import MAX_PICTURE
from ssdo.scene.files.polygons import Doubles, Longs
from ssdo.scene.model import Image, Material
from ssdo.settings import UserError

MAX_HEADER = 2**16  # bytes
MAX_PROPERTIES = 256  # of an element
TYPES = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
}
TYPES |= {
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "float32": "f4",
    "float64": "f8",
}
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "<"}
UVS = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
INDICES = ("vertex_indices", "vertex_index")


class Property(NamedTuple):
    name: str
    stored: str  # as numpy writes types
    full: float  # what stands for 1 in a colour
    counted: str = ""  # the type of a list's length; "" for a single number


@dataclass
class Element:
    name: str
    count: int
    properties: list[Property] = field(default_factory=list)

    @property
    def has_lists(self) -> bool:
        return any(p.counted for p in self.properties)


@dataclass
class Header:
    order: str = ""
    ascii: bool = False
    elements: list[Element] = field(default_factory=list)
    texture: str = ""
    size: int = 0  # bytes


def read(data: bytes, path: Path, notes: list[str]) -> list[Surface]:
    """Its faces. Raises UserError("<element>: <rule>"); adds to `notes`."""
    header = _header(data)
    if header.ascii:
        header, data = _as_doubles(header, data)
    names = [e.name for e in header.elements]
    if "vertex" not in names:
        raise UserError("header: must have an element vertex")
    if "face" not in names:
        raise UserError(
            f"file: has no triangles: there is no element face{'; strips are not read' if 'tristrips' in names else ''}"
        )
    at, vertices, faces = header.size, None, None
    found: dict[str, Doubles]
    for element in header.elements:
        if element.name == "vertex" and vertices is None:
            found, at = _singles(data, at, element, header.order)
            vertices = element, found
        elif element.name == "face" and faces is None:
            faces, at = _faces(data, at, element, header.order, notes)
        elif faces is not None and vertices is not None:
            break  # what stands behind does not matter
        elif element.has_lists:
            raise UserError(f"element {shown(element.name)}: lists before the faces are not read")
        else:
            _, at = _singles(data, at, element, header.order)
    assert vertices and faces
    return [_surface(*vertices, *faces, _material(header, path, notes))]


# ---- the header -----------------------------------------------------------------------------------------------------------


def _header(data: bytes) -> Header:
    end = re.search(rb"^end_header[ \t]*(\r\n|\n|\r)", data[:MAX_HEADER], re.MULTILINE) or re.search(
        rb"\rend_header(\r)", data[:MAX_HEADER]
    )
    if data[:3] != b"ply" or end is None:
        raise UserError(f"file: no PLY: must begin with ply, and have end_header within {MAX_HEADER >> 10} KiB")
    header = Header(size=end.end())
    for line in re.split(r"\r\n|\n|\r", data[: end.start()].decode("latin-1"))[1:]:
        words = line.split()
        match words:
            case ["format", name, "1.0"] if name in ORDERS:
                header.order, header.ascii = ORDERS[name], name == "ascii"
            case ["element", name, count] if re.fullmatch(r"[0-9]{1,18}", count):
                header.elements.append(Element(name, int(count)))
            case ["property", "list", counted, stored, name] if (
                header.elements and counted in TYPES and stored in TYPES
            ):
                _add(header.elements[-1], Property(name, TYPES[stored], _full(stored), TYPES[counted]))
            case ["property", stored, name] if header.elements and stored in TYPES:
                _add(header.elements[-1], Property(name, TYPES[stored], _full(stored)))
            case ["comment", "TextureFile", *_]:
                header.texture = header.texture or line.partition("TextureFile")[2].strip()
            case [] | ["comment" | "obj_info", *_]:
                pass
            case _:
                raise UserError(f"header: not understood: {shown(line.strip())}")
    if not header.order:
        raise UserError(f"header: must have a format, one of {', '.join(ORDERS)}, and version 1.0")
    return header


def _add(element: Element, p: Property) -> None:
    if any(p.name == other.name for other in element.properties) or len(element.properties) >= MAX_PROPERTIES:
        raise UserError(
            f"header: element {shown(element.name)}: property {shown(p.name)} twice, or more than {MAX_PROPERTIES} of them"
        )
    element.properties.append(p)


def _full(stored: str) -> float:
    """What stands for 1."""
    kind = np.dtype(TYPES[stored])
    return 1.0 if kind.kind == "f" else float(np.iinfo(kind).max)


def _as_doubles(header: Header, data: bytes) -> tuple[Header, bytes]:
    """An ASCII file as the binary one that has doubles throughout."""
    try:
        values: Doubles = np.fromstring(data[header.size :].decode("ascii"), dtype=np.float64, sep=" ")
    except ValueError:  # UnicodeDecodeError too
        raise UserError("file: must have nothing but numbers behind the header") from None
    elements = [
        Element(e.name, e.count, [p._replace(stored="f8", counted="f8" if p.counted else "") for p in e.properties])
        for e in header.elements
    ]
    return Header("<", True, elements, header.texture), values.tobytes()


# ---- elements -------------------------------------------------------------------------------------------------------------


def _cut_off(element: Element) -> UserError:
    return UserError(f"element {shown(element.name)}: the file is cut off, or {element.count} are too many")


def _singles(data: bytes, at: int, element: Element, order: str) -> tuple[dict[str, Doubles], int]:
    """The numbers of an element without lists by name, and where it ends."""
    if element.has_lists:
        raise UserError(f"element {shown(element.name)}: must have no lists")
    row = np.dtype([(p.name, order + p.stored) for p in element.properties])
    if element.count * row.itemsize > len(data) - at:
        raise _cut_off(element)
    if not row.itemsize:
        return {}, at
    rows = np.frombuffer(data, row, element.count, at)
    wanted = (
        ("x", "y", "z", "nx", "ny", "nz", "red", "green", "blue", "alpha", *sum(UVS, ()))
        if element.name == "vertex"
        else ()
    )
    return {p.name: rows[p.name].astype(np.float64) for p in element.properties if p.name in wanted}, at + rows.nbytes


def _faces(data: bytes, at: int, element: Element, order: str, notes: list[str]) -> tuple[tuple[Longs, Longs], int]:
    """Corners and how many each face has, and where the element ends."""
    wanted = next((k for k, p in enumerate(element.properties) if p.counted and p.name in INDICES), None)
    if wanted is None:
        raise UserError(f"element face: must have a list {' or '.join(INDICES)}")
    if any(p.name == "red" for p in element.properties):
        notes.append("colours of faces are not read")
    if element.count > len(data) - at:  # a row has a byte at least
        raise _cut_off(element)
    if not element.count:
        return (np.empty(0, np.int64), np.empty(0, np.int64)), at
    found = _even(data, at, element, order, wanted) or _uneven(data, at, element, order, wanted)
    if len(found[0]) > 4 * MAX_TRIANGLES:
        raise UserError(f"element face: must have at most {MAX_TRIANGLES} triangles")
    corners = found[0].astype(np.int64)
    if not (corners == found[0]).all():
        raise UserError("element face: indices must be whole numbers")
    return (corners, found[1]), found[2]


def _even(
    data: bytes, at: int, element: Element, order: str, wanted: int
) -> tuple[npt.NDArray[np.generic], Longs, int] | None:
    """Faces whose lists are as long as those of the first, as most files have them: a table. None where they are
    not.
    """
    fields: list[Any] = []
    size, lengths = 0, {}
    for k, p in enumerate(element.properties):
        if p.counted:
            lengths[k] = _length(data, at + size, p, order, element)
            fields.append((f"count {k}", order + p.counted))
            fields.append((f"list {k}", order + p.stored, (lengths[k],)))
            size += np.dtype(p.counted).itemsize + lengths[k] * np.dtype(p.stored).itemsize
        else:
            fields.append((f"single {k}", order + p.stored))
            size += np.dtype(p.stored).itemsize
        if size * element.count > len(data) - at:
            return None
    rows = np.frombuffer(data, np.dtype(fields), element.count, at)
    if any((rows[f"count {k}"] != length).any() for k, length in lengths.items()):
        return None
    return rows[f"list {wanted}"].ravel(), np.full(element.count, lengths[wanted]), at + rows.nbytes


def _uneven(
    data: bytes, at: int, element: Element, order: str, wanted: int
) -> tuple[npt.NDArray[np.generic], Longs, int]:
    """Faces of any kind, one by one."""
    chosen, sizes = bytearray(), np.empty(element.count, np.int64)
    plan = [
        (np.dtype(p.stored).itemsize, struct.Struct(order + np.dtype(p.counted).char) if p.counted else None)
        for p in element.properties
    ]
    for row in range(element.count):
        for k, (itemsize, length) in enumerate(plan):
            if length is None:
                at += itemsize
                continue
            try:
                (n,) = length.unpack_from(data, at)
            except struct.error:
                raise _cut_off(element) from None
            at += length.size
            end = at + int(n) * itemsize if 0 <= n < len(data) else -1
            if end < 0 or end > len(data) or n != int(n):
                raise _cut_off(element)
            if k == wanted:
                chosen += data[at:end]
                sizes[row] = n
            at = end
    if at > len(data):
        raise _cut_off(element)
    return np.frombuffer(bytes(chosen), order + element.properties[wanted].stored), sizes, at


def _length(data: bytes, at: int, p: Property, order: str, element: Element) -> int:
    kind = np.dtype(order + p.counted)
    if at + kind.itemsize > len(data):
        raise _cut_off(element)
    n = float(np.frombuffer(data, kind, 1, at)[0])
    if not 0 <= n <= len(data) or n != int(n):
        raise _cut_off(element)
    return int(n)


# ---- what they mean -------------------------------------------------------------------------------------------------------


def _surface(element: Element, found: dict[str, Doubles], corners: Longs, sizes: Longs, material: Material) -> Surface:
    if not {"x", "y", "z"} <= found.keys():
        raise UserError("element vertex: must have the properties x, y and z")
    if element.count > MAX_TRIANGLES:
        raise UserError(f"element vertex: there must be at most {MAX_TRIANGLES} vertices")
    if corners.size and not (corners.min() >= 0 and corners.max() < element.count):
        bad = corners[(corners < 0) | (corners >= element.count)][0]
        raise UserError(f"element face: vertex {bad} does not exist, {element.count} present")
    normals = np.stack([found[n] for n in ("nx", "ny", "nz")], 1) if {"nx", "ny", "nz"} <= found.keys() else None
    s, t = next(((s, t) for s, t in UVS if s in found and t in found), ("", ""))
    uvs = np.stack([found[s], 1 - found[t]], 1) if s else None  # t points up from the lower edge
    return Surface(
        np.stack([found[n] for n in "xyz"], 1), corners, sizes, material, normals, uvs, _colors(element, found)
    )


def _colors(element: Element, found: dict[str, Doubles]) -> Doubles | None:
    """(n, 4) linear, of numbers that are whole from 0 to what their type holds, or from 0 to 1."""
    if not {"red", "green", "blue"} <= found.keys():
        return None
    full = {p.name: p.full for p in element.properties}
    values = [
        np.clip(found[n] / full[n], 0, 1) if n in found else np.ones(element.count)
        for n in ("red", "green", "blue", "alpha")
    ]
    return np.stack([*(linear(v) for v in values[:3]), values[3]], 1)


def _material(header: Header, path: Path, notes: list[str]) -> Material:
    """White where there are colours, which it is multiplied with, or the image that the header names."""
    vertex = next(e for e in header.elements if e.name == "vertex")
    white = Material((1, 1, 1)) if any(p.name == "red" for p in vertex.properties) else Material()
    if not header.texture:
        return white
    where, name = "comment TextureFile", header.texture.replace("\\", "/")
    check_no_url(name, where)
    target = beside(path.parent, name, where)
    try:
        pixels = images.decoded(
            file_bytes(target, f"{where} {shown(name)}", MAX_PICTURE), where, images.Spent(), images.MORE_FORMATS
        )
    except UserError as problem:
        notes.append(f"{problem}; drawn without it")
        return white
    return Material((1, 1, 1), albedo_image=Image(pixels))
