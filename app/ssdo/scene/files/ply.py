"""Read PLY, ASCII and binary of both byte orders: polygons, with normals, UVs and colours of vertices.

Format: G. Turk, "The PLY Polygon File Format", 1994, with the property names that are in use. Colours are sRGB.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssdo.arrays import Doubles, Longs
from ssdo.scene.files import images
from ssdo.scene.files.errors import quote_value
from ssdo.scene.files.file_access import check_no_url, read_file_bytes, resolve_beside
from ssdo.scene.files.mesh_builder import MAX_TRIANGLES, PolygonMesh, read_mesh_file, srgb_to_linear
from ssdo.scene.files.opacity import classify_alpha, fill_empty_alpha, set_blending
from ssdo.scene.model import ImageTexture, Material, Scene
from ssdo.settings import UserError

MAX_HEADER_BYTES = 2**16
MAX_PROPERTIES = 256  # of an element
DTYPES = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "float32": "f4",
    "float64": "f8",
}
BYTE_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "<"}
POSITION_NAMES = ("x", "y", "z")
NORMAL_NAMES = ("nx", "ny", "nz")
UV_NAMES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
COLOR_NAMES = ("red", "green", "blue")
VERTEX_NAMES = {*POSITION_NAMES, *NORMAL_NAMES, *COLOR_NAMES, "alpha", *sum(UV_NAMES, ())}
INDEX_NAMES = ("vertex_indices", "vertex_index")


class Property(NamedTuple):
    name: str
    dtype: str  # as numpy names it, without byte order
    full_scale: float  # the value that means 1 in a colour
    length_dtype: str = ""  # of the length of a list; "" for a single number


@dataclass
class Element:
    name: str
    count: int
    properties: list[Property] = field(default_factory=list)

    @property
    def has_lists(self) -> bool:
        return any(p.length_dtype for p in self.properties)


@dataclass
class PlyHeader:
    byte_order: str = ""
    is_ascii: bool = False
    elements: list[Element] = field(default_factory=list)
    texture: str = ""  # name of an image file
    size: int = 0  # bytes


class Faces(NamedTuple):
    """The faces of a file, one after the other."""

    indices: Longs  # of vertices
    sizes: Longs  # number of vertices of each face


class RawFaces(NamedTuple):
    """Faces as stored, and the offset of the byte behind them."""

    indices: npt.NDArray[np.generic]
    sizes: Longs
    end: int


def read_ply(path: Path, up: str = "y") -> Scene:
    """Read a scene from a .ply file: metres, linear colour.

    `up` is the file's axis that points up, y or z; the scene is y up. Raises UserError("<file>: <element>: <rule>").
    """
    return read_mesh_file(path, _parse, up)


def _parse(data: bytes, path: Path, warnings: list[str]) -> list[PolygonMesh]:
    header = _parse_header(data)
    if header.is_ascii:
        header, data = _convert_ascii(header, data)
    names = [element.name for element in header.elements]
    if "vertex" not in names:
        raise UserError("header: must have an element vertex")
    if "face" not in names:
        hint = "; strips are not read" if "tristrips" in names else ""
        raise UserError(f"file: has no triangles: there is no element face{hint}")
    offset = header.size
    vertex_element: Element | None = None
    vertices: dict[str, Doubles] = {}
    faces: Faces | None = None
    for element in header.elements:
        if element.name == "vertex" and vertex_element is None:
            vertices, offset = _read_numbers(data, offset, element, header.byte_order)
            vertex_element = element
        elif element.name == "face" and faces is None:
            faces, offset = _read_faces(data, offset, element, header.byte_order, warnings)
        elif faces is not None and vertex_element is not None:
            break  # the elements behind are not used
        elif element.has_lists:
            raise UserError(f"element {quote_value(element.name)}: lists before the faces are not read")
        else:
            _, offset = _read_numbers(data, offset, element, header.byte_order)
    assert vertex_element and faces
    return [_build_polygon_mesh(vertex_element, vertices, faces, _read_material(header, path, warnings))]


# ---- the header ------------------------------------------------------------------------------------------------------


def _parse_header(data: bytes) -> PlyHeader:
    top = data[:MAX_HEADER_BYTES]
    end = re.search(rb"^end_header[ \t]*(\r\n|\n|\r)", top, re.MULTILINE) or re.search(rb"\rend_header(\r)", top)
    if data[:3] != b"ply" or end is None:
        limit = f"{MAX_HEADER_BYTES >> 10} KiB"
        raise UserError(f"file: no PLY: must begin with ply, and have end_header within {limit}")
    header = PlyHeader(size=end.end())
    for line in re.split(r"\r\n|\n|\r", data[: end.start()].decode("latin-1"))[1:]:
        _parse_header_line(header, line)
    if not header.byte_order:
        raise UserError(f"header: must have a format, one of {', '.join(BYTE_ORDERS)}, and version 1.0")
    return header


def _parse_header_line(header: PlyHeader, line: str) -> None:
    match line.split():
        case ["format", name, "1.0"] if name in BYTE_ORDERS:
            header.byte_order, header.is_ascii = BYTE_ORDERS[name], name == "ascii"
        case ["element", name, count] if re.fullmatch(r"[0-9]{1,18}", count):
            header.elements.append(Element(name, int(count)))
        case ["property", "list", length, kind, name] if header.elements and length in DTYPES and kind in DTYPES:
            _add_property(header, Property(name, DTYPES[kind], _get_full_scale(kind), DTYPES[length]))
        case ["property", kind, name] if header.elements and kind in DTYPES:
            _add_property(header, Property(name, DTYPES[kind], _get_full_scale(kind)))
        case ["comment", "TextureFile", *_]:
            header.texture = header.texture or line.partition("TextureFile")[2].strip()
        case [] | ["comment" | "obj_info", *_]:
            pass
        case _:
            raise UserError(f"header: not understood: {quote_value(line.strip())}")


def _add_property(header: PlyHeader, new: Property) -> None:
    element = header.elements[-1]
    if any(new.name == p.name for p in element.properties) or len(element.properties) >= MAX_PROPERTIES:
        problem = f"property {quote_value(new.name)} twice, or more than {MAX_PROPERTIES} of them"
        raise UserError(f"header: element {quote_value(element.name)}: {problem}")
    element.properties.append(new)


def _get_full_scale(kind: str) -> float:
    dtype = np.dtype(DTYPES[kind])
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)


def _convert_ascii(header: PlyHeader, data: bytes) -> tuple[PlyHeader, bytes]:
    """An ASCII file as a binary one whose numbers are all doubles."""
    try:
        values: Doubles = np.fromstring(data[header.size :].decode("ascii"), dtype=np.float64, sep=" ")
    except ValueError:  # UnicodeDecodeError, too
        raise UserError("file: must have nothing but numbers behind the header") from None
    elements = [
        Element(
            element.name,
            element.count,
            [p._replace(dtype="f8", length_dtype="f8" if p.length_dtype else "") for p in element.properties],
        )
        for element in header.elements
    ]
    return PlyHeader("<", True, elements, header.texture), values.tobytes()


# ---- elements --------------------------------------------------------------------------------------------------------


def _make_cut_off_error(element: Element) -> UserError:
    return UserError(f"element {quote_value(element.name)}: the file is cut off, or {element.count} are too many")


def _read_numbers(data: bytes, offset: int, element: Element, byte_order: str) -> tuple[dict[str, Doubles], int]:
    """The numbers of an element without lists by name, and the offset behind them. Only used properties are kept."""
    if element.has_lists:
        raise UserError(f"element {quote_value(element.name)}: must have no lists")
    row_dtype = np.dtype([(p.name, byte_order + p.dtype) for p in element.properties])
    if element.count * row_dtype.itemsize > len(data) - offset:
        raise _make_cut_off_error(element)
    if not row_dtype.itemsize:
        return {}, offset
    rows = np.frombuffer(data, row_dtype, element.count, offset)
    names = VERTEX_NAMES if element.name == "vertex" else set()
    numbers = {p.name: rows[p.name].astype(np.float64) for p in element.properties if p.name in names}
    return numbers, offset + rows.nbytes


def _read_faces(data: bytes, offset: int, element: Element, byte_order: str, warnings: list[str]) -> tuple[Faces, int]:
    """The faces, and the offset behind them."""
    index_property = next(
        (k for k, p in enumerate(element.properties) if p.length_dtype and p.name in INDEX_NAMES), None
    )
    if index_property is None:
        raise UserError(f"element face: must have a list {' or '.join(INDEX_NAMES)}")
    if any(p.name == "red" for p in element.properties):
        warnings.append("colours of faces are not read")
    if element.count > len(data) - offset:  # a row has at least one byte
        raise _make_cut_off_error(element)
    if not element.count:
        return Faces(np.empty(0, np.int64), np.empty(0, np.int64)), offset
    arguments = data, offset, element, byte_order, index_property
    raw = _read_uniform_faces(*arguments) or _read_mixed_faces(*arguments)
    if len(raw.indices) > 4 * MAX_TRIANGLES:
        raise UserError(f"element face: must have at most {MAX_TRIANGLES} triangles")
    indices = raw.indices.astype(np.int64)
    if not (indices == raw.indices).all():
        raise UserError("element face: indices must be whole numbers")
    return Faces(indices, raw.sizes), raw.end


def _read_uniform_faces(
    data: bytes, offset: int, element: Element, byte_order: str, index_property: int
) -> RawFaces | None:
    """Faces whose lists all have the lengths of the first face's, read as a table; None if they differ."""
    fields: list[Any] = []
    row_bytes, lengths = 0, {}
    for k, p in enumerate(element.properties):
        if p.length_dtype:
            lengths[k] = _read_length(data, offset + row_bytes, p, byte_order, element)
            fields.append((f"count {k}", byte_order + p.length_dtype))
            fields.append((f"list {k}", byte_order + p.dtype, (lengths[k],)))
            row_bytes += np.dtype(p.length_dtype).itemsize + lengths[k] * np.dtype(p.dtype).itemsize
        else:
            fields.append((f"single {k}", byte_order + p.dtype))
            row_bytes += np.dtype(p.dtype).itemsize
        if row_bytes * element.count > len(data) - offset:
            return None
    rows = np.frombuffer(data, np.dtype(fields), element.count, offset)
    if any((rows[f"count {k}"] != length).any() for k, length in lengths.items()):
        return None
    sizes = np.full(element.count, lengths[index_property])
    return RawFaces(rows[f"list {index_property}"].ravel(), sizes, offset + rows.nbytes)


def _read_mixed_faces(data: bytes, offset: int, element: Element, byte_order: str, index_property: int) -> RawFaces:
    """Faces with lists of any length, read one by one."""
    index_bytes, sizes = bytearray(), np.empty(element.count, np.int64)
    layout = [
        (
            np.dtype(p.dtype).itemsize,
            struct.Struct(byte_order + np.dtype(p.length_dtype).char) if p.length_dtype else None,
        )
        for p in element.properties
    ]
    for row in range(element.count):
        for k, (itemsize, length_format) in enumerate(layout):
            if length_format is None:
                offset += itemsize
                continue
            try:
                (length,) = length_format.unpack_from(data, offset)
            except struct.error:
                raise _make_cut_off_error(element) from None
            offset += length_format.size
            end = offset + int(length) * itemsize if 0 <= length < len(data) else -1
            if end < 0 or end > len(data) or length != int(length):
                raise _make_cut_off_error(element)
            if k == index_property:
                index_bytes += data[offset:end]
                sizes[row] = length
            offset = end
    if offset > len(data):
        raise _make_cut_off_error(element)
    indices = np.frombuffer(bytes(index_bytes), byte_order + element.properties[index_property].dtype)
    return RawFaces(indices, sizes, offset)


def _read_length(data: bytes, offset: int, p: Property, byte_order: str, element: Element) -> int:
    dtype = np.dtype(byte_order + p.length_dtype)
    if offset + dtype.itemsize > len(data):
        raise _make_cut_off_error(element)
    length = float(np.frombuffer(data, dtype, 1, offset)[0])
    if not 0 <= length <= len(data) or length != int(length):
        raise _make_cut_off_error(element)
    return int(length)


# ---- meshes and materials --------------------------------------------------------------------------------------------


def _build_polygon_mesh(
    element: Element, vertices: dict[str, Doubles], faces: Faces, material: Material
) -> PolygonMesh:
    if not vertices.keys() >= set(POSITION_NAMES):
        raise UserError("element vertex: must have the properties x, y and z")
    if element.count > MAX_TRIANGLES:
        raise UserError(f"element vertex: there must be at most {MAX_TRIANGLES} vertices")
    indices = faces.indices
    if indices.size and not (indices.min() >= 0 and indices.max() < element.count):
        wrong = indices[(indices < 0) | (indices >= element.count)][0]
        raise UserError(f"element face: vertex {wrong} does not exist, {element.count} present")
    normals = uvs = None
    if vertices.keys() >= set(NORMAL_NAMES):
        normals = np.stack([vertices[name] for name in NORMAL_NAMES], 1)
    for s, t in UV_NAMES:
        if s in vertices and t in vertices:
            uvs = np.stack([vertices[s], 1 - vertices[t]], 1)  # t points up from the lower edge
            break
    positions = np.stack([vertices[name] for name in POSITION_NAMES], 1)
    return PolygonMesh(positions, indices, faces.sizes, material, normals, uvs, _get_colors(element, vertices))


def _get_colors(element: Element, vertices: dict[str, Doubles]) -> Doubles | None:
    """(n, 4) linear, from integers of the type's full range or floats from 0 to 1."""
    if not vertices.keys() >= set(COLOR_NAMES):
        return None
    full_scale = {p.name: p.full_scale for p in element.properties}
    red, green, blue, alpha = (
        np.clip(vertices[name] / full_scale[name], 0, 1) if name in vertices else np.ones(element.count)
        for name in (*COLOR_NAMES, "alpha")
    )
    return np.stack([srgb_to_linear(red), srgb_to_linear(green), srgb_to_linear(blue), alpha], 1)


def _read_material(header: PlyHeader, path: Path, warnings: list[str]) -> Material:
    """White below vertex colours or the image that the header names; else grey."""
    vertex = next(element for element in header.elements if element.name == "vertex")
    has_colors = any(p.name == "red" for p in vertex.properties)
    untextured = Material((1, 1, 1)) if has_colors else Material()
    if not header.texture:
        return untextured
    where, name = "comment TextureFile", header.texture.replace("\\", "/")
    try:
        check_no_url(name, where)
        target = resolve_beside(path.parent, name, where)
        data = read_file_bytes(target, f"{where} {quote_value(name)}", images.MAX_FILE_BYTES)
        pixels = images.decode_image(data, where, images.ImageLimits(), images.MESH_FORMATS)
    except UserError as error:
        warnings.append(f"{error}; drawn without it")
        return untextured
    if fill_empty_alpha(pixels):
        warnings.append(f"{where}: alpha is 0 everywhere; drawn opaque")
    return set_blending(Material((1, 1, 1), albedo_texture=ImageTexture(pixels)), classify_alpha(pixels))
