"""Read Wavefront OBJ: polygons with materials, normals, UVs and vertex colours.

Format: Wavefront's OBJ specification, version 3.0. Curves, curved surfaces, points and lines are left out; groups and
objects have no effect. Colours behind a vertex's position are sRGB, as scanners write them.
"""

from __future__ import annotations

import itertools
from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ssdo.arrays import Doubles, Longs
from ssdo.scene.files.errors import quote_value
from ssdo.scene.files.mesh_builder import MAX_TRIANGLES, PolygonMesh, read_mesh_file, srgb_to_linear
from ssdo.scene.files.mtl import MaterialLibrary, read_material_file
from ssdo.scene.files.opacity import make_opaque
from ssdo.scene.files.text import decode_text, iterate_lines
from ssdo.scene.model import Material, Scene
from ssdo.settings import UserError

MAX_MATERIAL_FILES = 64  # of one statement
CURVE_KEYWORDS = {
    b"curv",
    b"curv2",
    b"surf",
    b"parm",
    b"trim",
    b"hole",
    b"scrv",
    b"bmat",
    b"cstype",
    b"deg",
    b"step",
    b"call",
    b"csh",
}

Corner = bytes | tuple[int, int, int]  # "1/2/3" as written, or the indices of position, UV and normal from 1


@dataclass
class FaceGroup:
    """The faces of one material."""

    corners: array[int] = field(default_factory=lambda: array("i"))  # numbers of corners, face after face
    sizes: array[int] = field(default_factory=lambda: array("i"))  # number of corners of each face


@dataclass
class ObjFile:
    """The content of the lines that have been read."""

    library: MaterialLibrary
    positions: array[float] = field(default_factory=lambda: array("d"))
    colors: array[float] = field(default_factory=lambda: array("d"))
    uvs: array[float] = field(default_factory=lambda: array("d"))
    normals: array[float] = field(default_factory=lambda: array("d"))
    # Different corners, numbered 0, 1, 2 in the order of their first use.
    corner_numbers: dict[Corner, int] = field(default_factory=lambda: defaultdict(itertools.count().__next__))
    groups: dict[str, FaceGroup] = field(default_factory=lambda: defaultdict(FaceGroup))  # by material
    material: str = ""  # of the faces that follow


def read_obj(path: Path, up: str = "y") -> Scene:
    """Read a scene from an .obj file: metres, linear colour.

    `up` is the file's axis that points up, y or z; the scene is y up. Raises UserError("<file>: <element>: <rule>").
    """
    return read_mesh_file(path, _parse, up)


def _parse(data: bytes, path: Path, warnings: list[str]) -> list[PolygonMesh]:
    obj = ObjFile(MaterialLibrary(path.parent, warnings))
    if b"\\\n" in data or b"\\\r\n" in data:  # a backslash continues the line
        data = data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    for number, line in iterate_lines(data):
        words = line.partition(b"#")[0].split()
        if words:
            try:
                _parse_statement(obj, words[0], words[1:], line)
            except UserError as error:
                raise UserError(f"line {number}: {error}") from None
            except ValueError:
                keyword, text = quote_value(words[0].decode("latin-1")), _quote_line(line)
                raise UserError(f"line {number}: {keyword}: must have numbers, not {text}") from None
    return _build_polygon_meshes(obj)


def _quote_line(line: bytes) -> str:
    return quote_value(line[:80].decode("latin-1").strip())


def _quote_corner(corner: bytes) -> str:
    return quote_value(corner[:40].decode("latin-1"))


def _parse_statement(obj: ObjFile, keyword: bytes, arguments: list[bytes], line: bytes) -> None:
    """Raises UserError, or ValueError where an argument is no number."""
    if keyword == b"f":
        _add_face(obj, arguments, b"-" in line)
    elif keyword == b"v":
        x, y, z = map(float, arguments[:3])
        obj.positions.extend((x, y, z))
        if len(arguments) in (6, 7):
            obj.colors.extend(map(float, arguments[-3:]))
        if len(obj.positions) > 3 * MAX_TRIANGLES:
            raise UserError(f"v: there must be at most {MAX_TRIANGLES} vertices")
    elif keyword == b"vn":
        x, y, z = map(float, arguments[:3])
        obj.normals.extend((x, y, z))
    elif keyword == b"vt":
        # v points up from the lower edge; ours points down from the upper.
        u = float(arguments[0]) if arguments else 0.0
        v = 1 - float(arguments[1]) if len(arguments) > 1 else 1.0
        obj.uvs.extend((u, v))
    elif keyword == b"usemtl":
        obj.material = _parse_name(line)
    elif keyword == b"mtllib":
        _read_material_files(obj.library, _parse_name(line))
    elif keyword in CURVE_KEYWORDS:
        obj.library.warn("curves and curved surfaces are not read")
    elif keyword in (b"p", b"l"):
        obj.library.warn("points and lines are not read")


def _parse_name(line: bytes) -> str:
    """Everything behind the keyword: names may contain spaces."""
    return decode_text(line).strip().replace("\t", " ").partition(" ")[2].strip()


def _read_material_files(library: MaterialLibrary, names: str) -> None:
    """Read one file whose name may contain spaces, or several."""
    if not read_material_file(library, names, "mtllib"):
        for name in names.split()[:MAX_MATERIAL_FILES]:
            if not read_material_file(library, name, "mtllib"):
                library.warn(f"mtllib: there is no file {quote_value(name)}; drawn without its materials")


def _add_face(obj: ObjFile, corners: Sequence[Corner], has_negative: bool) -> None:
    group = obj.groups[obj.material]
    if has_negative:
        corners = [_resolve_negative(obj, c) if isinstance(c, bytes) and b"-" in c else c for c in corners]
    group.corners.extend(map(obj.corner_numbers.__getitem__, corners))
    group.sizes.append(len(corners))
    if len(obj.corner_numbers) > MAX_TRIANGLES:
        raise UserError(f"f: there must be at most {MAX_TRIANGLES} different corners")


def _resolve_negative(obj: ObjFile, corner: bytes) -> tuple[int, int, int]:
    """The indices of a corner, from 1. Negative indices count back from the last element read so far."""
    counts = len(obj.positions) // 3, len(obj.uvs) // 2, len(obj.normals) // 3
    indices = []
    for index, count in zip(_parse_indices(corner), counts, strict=True):
        if index < -count:
            raise UserError(f"f: {_quote_corner(corner)} counts back beyond the first")
        indices.append(index + count + 1 if index < 0 else index)
    return indices[0], indices[1], indices[2]


def _parse_indices(corner: bytes) -> tuple[int, int, int]:
    """Parse `a`, `a/b`, `a//c` or `a/b/c`; an index that is missing is 0. Raises ValueError, and UserError."""
    words = corner.split(b"/", 3)
    if len(words) > 3:
        raise UserError(f"f: a corner must be like 1/2/3, not {_quote_corner(corner)}")
    position, uv, normal = (int(word) if word else 0 for word in (*words, b"", b"")[:3])
    if position == 0 or any(word.strip(b"+-0") == b"" for word in words if word):
        raise UserError("f: corners are counted from 1; there is no 0")
    return position, uv, normal


def _build_corner_table(obj: ObjFile) -> Longs:
    """(n, 3) rows of position, UV and normal of every corner; -1: it has none. Raises UserError."""
    counts = len(obj.positions) // 3, len(obj.uvs) // 2, len(obj.normals) // 3
    table = np.empty((len(obj.corner_numbers), 3), np.int64)
    for row, corner in enumerate(obj.corner_numbers):
        try:
            indices = _parse_indices(corner) if isinstance(corner, bytes) else corner
        except ValueError:
            text = _quote_corner(corner if isinstance(corner, bytes) else b"")
            raise UserError(f"f: a corner must be like 1/2/3, not {text}") from None
        if indices[0] > counts[0]:
            raise UserError(f"f: v {quote_value(indices[0])} does not exist, {counts[0]} present")
        for column, keyword in ((1, "vt"), (2, "vn")):
            if indices[column] > counts[column]:
                obj.library.warn(f"f: a {keyword} does not exist, {counts[column]} present; left out")
        table[row] = [index if index <= count else 0 for index, count in zip(indices, counts, strict=True)]
    return table - 1


def _build_polygon_meshes(obj: ObjFile) -> list[PolygonMesh]:
    position_rows, uv_rows, normal_rows = _build_corner_table(obj).T
    positions, colors = np.array(obj.positions).reshape(-1, 3), _get_colors(obj)
    normals, uvs = _gather_rows(obj.normals, 3, normal_rows, 0.0), _gather_rows(obj.uvs, 2, uv_rows, np.nan)
    _warn_of_missing_materials(obj)
    materials = _get_materials(obj)
    polygon_meshes = []
    for name, group in obj.groups.items():
        corners, face_indices = np.unique(np.array(group.corners, np.int64), return_inverse=True)
        rows = position_rows[corners]
        polygon_meshes.append(
            PolygonMesh(
                positions[rows],
                face_indices,
                np.array(group.sizes, np.int64),
                materials[name],
                None if normals is None else normals[corners],
                None if uvs is None else uvs[corners],
                None if colors is None else colors[rows],
            )
        )
    return polygon_meshes


def _get_materials(obj: ObjFile) -> dict[str, Material]:
    """The materials of the faces by name. If none could be seen, all are opaque: some programs write `d 0` so."""
    materials = {
        name: obj.library.materials.get(name, Material(name=name.encode("utf-8", "replace").decode()))
        for name in obj.groups
    }
    invisible = [name for name, material in materials.items() if not material.opacity]
    if not invisible:
        return materials
    if len(invisible) < len(materials):
        names = ", ".join(map(quote_value, invisible[:3])) + (", ..." if len(invisible) > 3 else "")
        obj.library.warn(f"usemtl: {names}: fully transparent, not seen")
        return materials
    obj.library.warn("usemtl: all materials are fully transparent (d 0 or Tr 1); drawn opaque")
    return {name: make_opaque(material) for name, material in materials.items()}


def _warn_of_missing_materials(obj: ObjFile) -> None:
    missing = [name for name in obj.groups if name and name not in obj.library.materials]
    if missing:
        names = ", ".join(map(quote_value, missing[:3])) + (", ..." if len(missing) > 3 else "")
        obj.library.warn(f"usemtl: there is no material {names}; drawn grey")


def _gather_rows(values: array[float], width: int, rows: Longs, missing: float) -> Doubles | None:
    """The values of each corner, `missing` where it has none; None if no corner has one."""
    if not (rows >= 0).any():
        return None
    gathered: Doubles = np.array(values).reshape(-1, width)[rows]
    gathered[rows < 0] = missing
    return gathered


def _get_colors(obj: ObjFile) -> Doubles | None:
    """(n, 4) linear colours of the vertices; None unless every vertex has one."""
    if not obj.colors:
        return None
    colors = np.array(obj.colors).reshape(-1, 3)
    if len(colors) * 3 != len(obj.positions) or not ((colors >= 0) & (colors <= 1)).all():
        obj.library.warn("v: colours are not read, as not every vertex has one from 0 to 1")
        return None
    return np.insert(srgb_to_linear(colors), 3, 1.0, 1)
