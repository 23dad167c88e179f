"""Read PLY, ASCII and binary of both byte orders: polygons and triangle strips, with normals, UVs, colours and images.

Format: G. Turk, "The PLY Polygon File Format", 1994, with the property names that are in use. Faces may have UVs of
their own (a list `texcoord`, as VCG writes it), an image each (`texnumber`) and colours. Colours are sRGB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ssdo.arrays import Array, Bools, Doubles, Longs
from ssdo.scene.files import images
from ssdo.scene.files.corners import number_corners
from ssdo.scene.files.errors import quote_value
from ssdo.scene.files.file_access import check_no_url, read_file_bytes, resolve_beside
from ssdo.scene.files.mesh_builder import MAX_TRIANGLES, PolygonMesh, read_mesh_file
from ssdo.scene.files.number_text import NAN_WORDS, parse_numbers
from ssdo.scene.files.opacity import classify_alpha, fill_empty_alpha, set_blending
from ssdo.scene.files.ply_elements import DTYPES, Columns, Element, Lists, Property, read_element
from ssdo.scene.files.text import decode_text
from ssdo.scene.model import ImageTexture, Material, Scene
from ssdo.settings import UserError
from ssdo.srgb import decode_srgb

MAX_HEADER_BYTES = 2**16
MAX_PROPERTIES = 256  # of an element
MAX_TEXTURES = 256
BYTE_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "<"}
POSITION_NAMES = ("x", "y", "z")
NORMAL_NAMES = ("nx", "ny", "nz")
UV_NAMES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
COLOR_NAMES = ("red", "green", "blue")
COLOR_ALIASES = (("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
VERTEX_NAMES = {*POSITION_NAMES, *NORMAL_NAMES, *COLOR_NAMES, "alpha", *sum(UV_NAMES, ())}
INDEX_NAMES = ("vertex_indices", "vertex_index")
WEDGE_UV_NAME, TEXTURE_NUMBER_NAME = "texcoord", "texnumber"
FACE_NAMES = {*COLOR_NAMES, "alpha", WEDGE_UV_NAME, TEXTURE_NUMBER_NAME}


@dataclass
class PlyHeader:
    byte_order: str = ""
    is_ascii: bool = False
    elements: list[Element] = field(default_factory=list)
    textures: list[str] = field(default_factory=list)  # names of image files
    size: int = 0  # bytes


class Faces(NamedTuple):
    """The faces of a file, one after the other."""

    indices: Longs  # of vertices
    sizes: Longs  # number of vertices of each face
    uvs: Doubles | None = None  # (n, 2) of each vertex index; NaN: it has that of the vertex
    colors: Doubles | None = None  # (m, 4) linear, of each face
    textures: Longs | None = None  # (m,) number of each face's image; None: 0


def read_ply(path: Path, up: str = "y") -> Scene:
    """Read a scene from a .ply file: metres, linear colour.

    `up` is the file's axis that points up, y or z; the scene is y up. Raises UserError("<file>: <element>: <rule>").
    """
    return read_mesh_file(path, _parse, up)


def _parse(data: bytes, path: Path, warnings: list[str]) -> list[PolygonMesh]:
    header = _parse_header(data)
    if header.is_ascii:
        header, data = _convert_ascii(header, data)
    elements = {element.name: element for element in reversed(header.elements)}  # the first of each name
    if "vertex" not in elements:
        raise UserError("header: must have an element vertex")
    faces_element, strips_element = elements.get("face"), elements.get("tristrips")
    if not any(element and element.count for element in (faces_element, strips_element)):
        raise UserError("file: has no triangles, and points are not drawn; make a mesh of them, as MeshLab does")
    columns = _read_elements(header, data)
    vertices = columns["vertex"]
    parts = []
    if faces_element:
        parts.append(_read_faces(faces_element, columns["face"], warnings))
    if strips_element:
        parts.append(_read_strips(strips_element, columns["tristrips"]))
    faces = _join_faces(parts)
    if len(faces.indices) > 4 * MAX_TRIANGLES:
        raise UserError(f"element face: must have at most {MAX_TRIANGLES} triangles")
    if vertices.numbers.keys() & set(COLOR_NAMES) and faces.colors is not None:
        faces = faces._replace(colors=None)
        warnings.append("colours of faces are not read, as vertices have some")
    faces = _remove_broken_faces(faces, elements["vertex"].count, warnings)
    mesh = _build_polygon_mesh(elements["vertex"], vertices.numbers, faces, warnings)
    return list(_split_by_texture(mesh, faces, header, path, warnings))


def _read_elements(header: PlyHeader, data: bytes) -> dict[str, Columns]:
    """What is used of the elements, by name. The elements behind the last that is used are not read."""
    missing = {element.name for element in header.elements} & {"vertex", "face", "tristrips"}
    columns: dict[str, Columns] = {}
    offset = header.size
    for element in header.elements:
        names: set[str] = set()
        if element.name in missing:
            names = VERTEX_NAMES if element.name == "vertex" else {*FACE_NAMES, _find_index_property(element).name}
        read = read_element(data, offset, element, header.byte_order, names)
        columns.setdefault(element.name, read)
        offset = read.end
        missing.discard(element.name)
        if not missing:
            break
    return columns


# ---- the header ------------------------------------------------------------------------------------------------------


def _parse_header(data: bytes) -> PlyHeader:
    top = data[:MAX_HEADER_BYTES]
    end = re.search(rb"^end_header[ \t]*(\r\n|\n|\r)", top, re.MULTILINE) or re.search(rb"\rend_header(\r)", top)
    if data[:3] != b"ply" or end is None:
        limit = f"{MAX_HEADER_BYTES >> 10} KiB"
        raise UserError(f"file: no PLY: must begin with ply, and have end_header within {limit}")
    header = PlyHeader(size=end.end())
    for line in re.split(r"\r\n|\n|\r", decode_text(data[: end.start()]))[1:]:
        _parse_header_line(header, line)
    if not header.byte_order:
        raise UserError(f"header: must have a format, one of {', '.join(BYTE_ORDERS)}, and version 1.0")
    _rename_colors(header)
    return header


def _parse_header_line(header: PlyHeader, line: str) -> None:
    match line.split():
        case ["format", name, "1.0"] if name in BYTE_ORDERS:
            header.byte_order, header.is_ascii = BYTE_ORDERS[name], name == "ascii"
        case ["element", name, count] if re.fullmatch(r"[0-9]{1,18}", count):
            header.elements.append(Element(name, int(count)))
        case ["property", "list", length, kind, name] if header.elements and length in DTYPES and kind in DTYPES:
            _add_property(header, Property(name, kind, DTYPES[kind], DTYPES[length]))
        case ["property", kind, name] if header.elements and kind in DTYPES:
            _add_property(header, Property(name, kind, DTYPES[kind]))
        case ["comment", keyword, _, *_] if keyword.lower() == "texturefile" and len(header.textures) < MAX_TEXTURES:
            header.textures.append(line.partition(keyword)[2].strip())
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


def _rename_colors(header: PlyHeader) -> None:
    """Give the colours of vertices and faces their usual names."""
    for element in header.elements:
        for names in COLOR_ALIASES:
            present = {p.name for p in element.properties if not p.length_dtype}
            if present >= set(names) and not present & set(COLOR_NAMES):
                usual = dict(zip(names, COLOR_NAMES, strict=True))
                element.properties = [p._replace(name=usual.get(p.name, p.name)) for p in element.properties]


def _convert_ascii(header: PlyHeader, data: bytes) -> tuple[PlyHeader, bytes]:
    """An ASCII file as a binary one whose numbers are all doubles."""
    try:
        values = _parse_ascii(data[header.size :])
    except ValueError:
        raise UserError("file: must have nothing but numbers behind the header") from None
    elements = [
        Element(
            element.name,
            element.count,
            [p._replace(dtype="f8", length_dtype="f8" if p.length_dtype else "") for p in element.properties],
        )
        for element in header.elements
    ]
    return PlyHeader("<", True, elements, header.textures), values.tobytes()


def _parse_ascii(text: bytes) -> Doubles:
    """The numbers of a file. Raises ValueError for anything else."""
    try:
        return parse_numbers(text)
    except ValueError:
        text = re.sub(rb"(?m)^[ \t]*(?:#|comment|obj_info).*", b"", text)
        return parse_numbers(NAN_WORDS.sub(b"nan", text))


# ---- faces -----------------------------------------------------------------------------------------------------------


def _find_index_property(element: Element) -> Property:
    """The list of vertex indices: by its name, else the first of whole numbers. Raises UserError."""
    lists = [p for p in element.properties if p.length_dtype]
    named = [p for p in lists if p.name in INDEX_NAMES]
    whole = [p for p in lists if np.dtype(DTYPES[p.kind]).kind != "f" and p.name != WEDGE_UV_NAME]
    if not named and not whole:
        raise UserError(f"element {element.name}: must have a list {' or '.join(INDEX_NAMES)}")
    return (named + whole)[0]


def _read_indices(element: Element, columns: Columns) -> tuple[Longs, Longs]:
    """The vertex indices of all rows, and their number in each."""
    indices, sizes = columns.lists[_find_index_property(element).name]
    whole = indices.astype(np.int64)
    if not (whole == indices).all():
        raise UserError(f"element {element.name}: indices must be whole numbers")
    return whole, sizes


def _read_faces(element: Element, columns: Columns, warnings: list[str]) -> Faces:
    indices, sizes = _read_indices(element, columns)
    uvs = None
    if WEDGE_UV_NAME in columns.lists:
        uvs = _arrange_wedge_uvs(columns.lists[WEDGE_UV_NAME], sizes, warnings)
    textures = columns.numbers.get(TEXTURE_NUMBER_NAME)
    return Faces(
        indices,
        sizes,
        uvs,
        _get_colors(element, columns.numbers, warnings),
        None if textures is None else textures.astype(np.int64),
    )


def _arrange_wedge_uvs(lists: Lists, sizes: Longs, warnings: list[str]) -> Doubles | None:
    """(n, 2) UVs of the vertices of all faces; NaN in faces whose list has another length. None if all are so."""
    has_uvs = lists.sizes == 2 * sizes
    if not has_uvs.all():
        if (~has_uvs & (lists.sizes > 0)).any():
            warnings.append(f"element face: a {WEDGE_UV_NAME} must have two numbers for each vertex; left out")
        if not (has_uvs & (sizes > 0)).any():
            return None
    uvs = np.full((int(sizes.sum()), 2), np.nan)
    uvs[np.repeat(has_uvs, sizes)] = lists.values[np.repeat(has_uvs, lists.sizes)].reshape(-1, 2)
    uvs[:, 1] = 1 - uvs[:, 1]  # the second points up from the lower edge
    return uvs


def _read_strips(element: Element, columns: Columns) -> Faces:
    """The triangles of strips. -1 begins another strip; every second triangle is wound the other way."""
    indices, sizes = _read_indices(element, columns)
    rows = np.arange(len(indices))
    is_separator = indices == -1
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)  # of the strip that each index belongs to
    starts[is_separator] = rows[is_separator] + 1
    starts = np.maximum.accumulate(starts)
    last = rows[rows >= starts + 2]  # of each triangle
    triangles = indices[last[:, None] + (-2, -1, 0)]
    is_odd = (last - starts[last]) % 2 == 1
    triangles[is_odd] = triangles[is_odd][:, [1, 0, 2]]
    a, b, c = triangles.T
    triangles = triangles[(a != b) & (b != c) & (c != a)]  # others join two strips
    return Faces(triangles.ravel(), np.full(len(triangles), 3))


def _join_faces(parts: list[Faces]) -> Faces:
    if len(parts) == 1:
        return parts[0]
    faces, strips = parts
    corner_count, count = len(strips.indices), len(strips.sizes)
    return Faces(
        np.concatenate([faces.indices, strips.indices]),
        np.concatenate([faces.sizes, strips.sizes]),
        None if faces.uvs is None else np.concatenate([faces.uvs, np.full((corner_count, 2), np.nan)]),
        None if faces.colors is None else np.concatenate([faces.colors, np.ones((count, 4))]),
        None if faces.textures is None else np.concatenate([faces.textures, np.full(count, -1)]),
    )


def _remove_broken_faces(faces: Faces, vertex_count: int, warnings: list[str]) -> Faces:
    """The faces whose vertices exist. Raises UserError if there are none."""
    is_wrong = (faces.indices < 0) | (faces.indices >= vertex_count)
    if not is_wrong.any():
        return faces
    starts = np.cumsum(faces.sizes) - faces.sizes
    has_vertices = faces.sizes > 0
    is_broken = np.zeros(len(faces.sizes), bool)
    is_broken[has_vertices] = np.logical_or.reduceat(is_wrong, starts[has_vertices])
    text = f"vertex {faces.indices[is_wrong][0]} does not exist, {vertex_count} present"
    if is_broken[has_vertices].all():
        raise UserError(f"element face: {text}")
    subject, verb = ("face", "is") if is_broken.sum() == 1 else ("faces", "are")
    warnings.append(f"element face: {text}; {is_broken.sum()} {subject} {verb} left out")
    return _select_faces(faces, ~is_broken)


def _select_faces(faces: Faces, is_selected: Bools) -> Faces:
    corners = np.repeat(is_selected, faces.sizes)
    return Faces(
        faces.indices[corners],
        faces.sizes[is_selected],
        None if faces.uvs is None else faces.uvs[corners],
        None if faces.colors is None else faces.colors[is_selected],
        None if faces.textures is None else faces.textures[is_selected],
    )


# ---- meshes and materials --------------------------------------------------------------------------------------------


def _build_polygon_mesh(
    element: Element, vertices: Mapping[str, Array], faces: Faces, warnings: list[str]
) -> PolygonMesh:
    """All faces, without a material."""
    if not vertices.keys() >= set(POSITION_NAMES):
        raise UserError("element vertex: must have the properties x, y and z")
    if element.count > MAX_TRIANGLES:
        raise UserError(f"element vertex: there must be at most {MAX_TRIANGLES} vertices")
    normals = uvs = None
    if vertices.keys() >= set(NORMAL_NAMES):
        normals = np.stack([vertices[name] for name in NORMAL_NAMES], 1).astype(np.float64)
    for s, t in UV_NAMES:
        if s in vertices and t in vertices:
            # t points up from the lower edge.
            uvs = np.stack([vertices[s].astype(np.float64), 1 - vertices[t].astype(np.float64)], 1)
            break
    positions = np.stack([vertices[name] for name in POSITION_NAMES], 1).astype(np.float64)
    colors = _get_colors(element, vertices, warnings)
    mesh = PolygonMesh(positions, faces.indices, faces.sizes, Material(), normals, uvs, colors)
    return _split_vertices(mesh, faces)


def _split_vertices(mesh: PolygonMesh, faces: Faces) -> PolygonMesh:
    """The mesh with a vertex for every UV and colour that faces give it."""
    if faces.uvs is None and faces.colors is None:
        return mesh
    attributes: list[Array] = []
    if faces.uvs is not None:
        if mesh.uvs is not None:
            uvs = np.where(np.isnan(faces.uvs), mesh.uvs[faces.indices], faces.uvs)
            faces = faces._replace(uvs=uvs)
        attributes.append(np.ascontiguousarray(faces.uvs, np.float32).view(np.int64)[:, 0])
    if faces.colors is not None:
        colors = np.ascontiguousarray(faces.colors, np.float32).view(np.int64)
        attributes += list(np.repeat(colors, faces.sizes, 0).T)
    first, numbers = number_corners(faces.indices, attributes, len(mesh.positions))
    vertices, face_of_corner = faces.indices[first], np.repeat(np.arange(len(faces.sizes)), faces.sizes)
    return replace(
        mesh,
        positions=mesh.positions[vertices],
        face_indices=numbers,
        normals=_gather(mesh.normals, vertices),
        uvs=_gather(mesh.uvs, vertices) if faces.uvs is None else faces.uvs[first],
        colors=_gather(mesh.colors, vertices) if faces.colors is None else faces.colors[face_of_corner[first]],
    )


def _gather(values: Doubles | None, rows: Longs) -> Doubles | None:
    return None if values is None else values[rows]


def _split_by_texture(
    mesh: PolygonMesh, faces: Faces, header: PlyHeader, path: Path, warnings: list[str]
) -> Iterator[PolygonMesh]:
    """A mesh for every image of the header that faces have."""
    untextured = Material() if mesh.colors is None else Material((1, 1, 1))
    count = len(header.textures)
    if not count or faces.textures is None:
        yield replace(
            mesh, material=_read_material(header.textures[0], path, untextured, warnings) if count else untextured
        )
        return
    numbers = np.where((faces.textures >= 0) & (faces.textures < count), faces.textures, -1)
    if (faces.textures >= count).any():
        warnings.append(f"element face: a {TEXTURE_NUMBER_NAME} has no image, {count} present; drawn without")
    for number in np.unique(numbers).tolist():
        name = header.textures[number]
        selected = numbers == number
        yield replace(
            mesh,
            face_indices=mesh.face_indices[np.repeat(selected, mesh.face_sizes)],
            face_sizes=mesh.face_sizes[selected],
            material=untextured if number < 0 else _read_material(name, path, untextured, warnings),
        )


def _read_material(name: str, path: Path, untextured: Material, warnings: list[str]) -> Material:
    """White below an image; `untextured` if it cannot be read."""
    where, name = "comment TextureFile", name.replace("\\", "/")
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


def _get_colors(element: Element, numbers: Mapping[str, Array], warnings: list[str]) -> Doubles | None:
    """(n, 4) linear, from integers of the type's full range or floats from 0 to 1. NaN becomes 1, with a warning."""
    if not numbers.keys() >= set(COLOR_NAMES):
        return None
    full_scale = {p.name: p.full_scale for p in element.properties}
    channels = [
        np.clip(numbers[name].astype(np.float64) / full_scale[name], 0, 1)
        if name in numbers
        else np.ones(element.count)
        for name in (*COLOR_NAMES, "alpha")
    ]
    if any(np.isnan(channel).any() for channel in channels):
        warnings.append(f"element {element.name}: a colour must be numbers; NaN is drawn as 1")
        channels = [np.nan_to_num(channel, nan=1.0) for channel in channels]
    red, green, blue, alpha = channels
    return np.stack([decode_srgb(red), decode_srgb(green), decode_srgb(blue), alpha], 1)
