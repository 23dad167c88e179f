"""Read Wavefront OBJ: polygons with materials, normals, UVs and vertex colours.

Format: Wavefront's OBJ specification, version 3.0. Curves, curved surfaces, points and lines are left out; groups and
objects have no effect. Colours behind a vertex's position are sRGB, as scanners write them.
"""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ssdo.arrays import Array, Bools, Bytes, Doubles, Ints, Longs
from ssdo.scene.files.corners import find_used, number_corners
from ssdo.scene.files.errors import quote_value
from ssdo.scene.files.mesh_builder import MAX_TRIANGLES, PolygonMesh, read_mesh_file
from ssdo.scene.files.mtl import MaterialLibrary, read_material_file, remove_comment
from ssdo.scene.files.number_text import NAN_WORDS, repair_number
from ssdo.scene.files.obj_blocks import OTHER, Block, find_lines, iterate_blocks, parse_block
from ssdo.scene.files.opacity import make_opaque
from ssdo.scene.files.progress import track_progress
from ssdo.scene.files.text import decode_text, prepare_text
from ssdo.scene.model import Material, Scene
from ssdo.settings import UserError
from ssdo.srgb import decode_srgb

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

MAX_CORNERS = 4 * MAX_TRIANGLES
MISSING = 2**31 - 1  # an index of nothing
MIN_BLOCK_LINES = 32  # fewer are parsed one by one
BLOCK_PARTS = 32  # of lines that are not all regular: the irregular parts are parsed line by line


class CornerParser(dict[bytes, tuple[int, int, int]]):
    """The indices of corners by their text, such as 1/2/3: of position, UV and normal, from 1; 0: it has none."""

    def __missing__(self, corner: bytes) -> tuple[int, int, int]:
        indices = _parse_indices(corner)
        if b"-" not in corner:  # negative ones depend on the place in the file
            self[corner] = indices
        return indices


@dataclass
class ObjFile:
    """The content of the lines that have been read."""

    library: MaterialLibrary
    positions: array[float] = field(default_factory=lambda: array("d"))
    colors: array[float] = field(default_factory=lambda: array("d"))
    uvs: array[float] = field(default_factory=lambda: array("d"))
    normals: array[float] = field(default_factory=lambda: array("d"))
    corners: array[int] = field(default_factory=lambda: array("i"))  # position, UV and normal of each, from 1; 0: none
    sizes: array[int] = field(default_factory=lambda: array("i"))  # number of corners of each face
    materials: list[tuple[str, int]] = field(default_factory=lambda: [("", 0)])  # and the first face that has it
    parser: CornerParser = field(default_factory=CornerParser)
    first_problem: str = ""  # of a face that is left out
    first_bad_line: str = ""  # the problem of the first line that cannot be parsed
    bad_line_count: int = 0

    @property
    def counts(self) -> tuple[int, int, int]:
        """The numbers of v, vt and vn."""
        return len(self.positions) // 3, len(self.uvs) // 2, len(self.normals) // 3


def read_obj(path: Path, up: str = "y") -> Scene:
    """Read a scene from an .obj file: metres, linear colour.

    `up` is the file's axis that points up, y or z; the scene is y up. Raises UserError("<file>: <element>: <rule>").
    """
    return read_mesh_file(path, _parse, up)


def _parse(data: bytes, path: Path, warnings: list[str]) -> list[PolygonMesh]:
    obj = ObjFile(MaterialLibrary(path.parent, warnings))
    data = prepare_text(data)
    if b"\\\n" in data or b"\\\r\n" in data:  # a backslash continues the line
        data = data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    blocks = track_progress("text", iterate_blocks(data), len(data), lambda block: len(block[1]))
    for number, block in blocks:
        bounds, kinds = find_lines(block)
        offsets = bounds.tolist()
        start = 0
        for other in np.flatnonzero(kinds == OTHER).tolist():
            if start < other:
                _parse_lines(obj, block, bounds[start : other + 1], kinds[start:other], number + start, BLOCK_PARTS)
            _parse_line(obj, block[offsets[other] : offsets[other + 1]], number + other)
            start = other + 1
        _parse_lines(obj, block, bounds[start:], kinds[start:], number + start, BLOCK_PARTS)
    del data  # frees the memory of the file
    return _build_polygon_meshes(obj)


def _parse_lines(obj: ObjFile, block: bytes, bounds: Longs, kinds: Bytes, number: int, parts: int) -> None:
    """Parse lines that are probably regular, at once or, if some are not, in parts. `number` is that of the first."""
    n = len(kinds)
    if n >= MIN_BLOCK_LINES:
        content = parse_block(block, bounds, kinds, obj.counts)
        if content is not None and _add_block(obj, content):
            return
    if n >= MIN_BLOCK_LINES * parts and parts > 1:
        for start, end in itertools.pairwise(np.linspace(0, n, parts + 1).astype(int).tolist()):
            _parse_lines(obj, block, bounds[start : end + 1], kinds[start:end], number + start, 1)
        return
    for k, (start, end) in enumerate(itertools.pairwise(bounds.tolist())):
        _parse_line(obj, block[start:end], number + k)


def _add_block(obj: ObjFile, content: Block) -> bool:
    """Add the content of regular lines. Returns whether it is within the limits."""
    if obj.counts[0] + len(content.positions) > MAX_TRIANGLES:
        return False
    if len(obj.corners) // 3 + len(content.corners) > MAX_CORNERS:
        return False
    obj.positions.frombytes(np.ascontiguousarray(content.positions).tobytes())
    if content.colors is not None:
        obj.colors.frombytes(np.ascontiguousarray(content.colors).tobytes())
    # v points up from the lower edge; ours points down from the upper.
    obj.uvs.frombytes(np.stack([content.uvs[:, 0], 1 - content.uvs[:, 1]], 1).tobytes())
    obj.normals.frombytes(np.ascontiguousarray(content.normals).tobytes())
    obj.corners.frombytes(content.corners.tobytes())
    obj.sizes.frombytes(content.sizes.astype(np.int32).tobytes())
    return True


def _parse_line(obj: ObjFile, line: bytes, number: int) -> None:
    if b"1.#" in line:  # NaN as Windows prints it, no comment
        line = NAN_WORDS.sub(b"nan", line)
    words = line.partition(b"#")[0].split()
    if not words:
        return
    try:
        _parse_statement(obj, words[0], words[1:], line, number)
    except UserError as error:
        raise UserError(f"line {number}: {error}") from None
    except ValueError:
        repaired = [words[0], *map(repair_number, words[1:])]
        if repaired != words and words[0] in (b"v", b"vt", b"vn"):
            if b"," in line:
                obj.library.warn("commas in numbers are read as decimal points")
            _parse_line(obj, b" ".join(repaired), number)
            return
        _leave_out_line(obj, words, line, number)
    if len(obj.positions) > 3 * MAX_TRIANGLES:
        raise UserError(f"line {number}: v: there must be at most {MAX_TRIANGLES} vertices")


def _leave_out_line(obj: ObjFile, words: list[bytes], line: bytes, number: int) -> None:
    """Note a line that cannot be parsed. An element becomes NaN: those behind it keep their indices."""
    keyword = words[0]
    if keyword == b"v":
        has_colors = len(obj.colors) == len(obj.positions) if obj.positions else len(words) in (7, 8)
        obj.colors.extend((0, 0, 0) if has_colors else ())
        obj.positions.extend((math.nan, math.nan, math.nan))
    elif keyword == b"vt":
        obj.uvs.extend((math.nan, math.nan))
    elif keyword == b"vn":
        obj.normals.extend((math.nan, math.nan, math.nan))
    obj.bad_line_count += 1
    if obj.first_bad_line:
        return
    if keyword in (b"f", b"fo"):
        corner = next(filter(_is_no_corner, words[1:]))
        problem = f"f: a corner must be like 1/2/3, not {_quote_corner(corner)}"
    else:
        problem = f"{quote_value(keyword.decode('latin-1'))}: must have numbers, not {_quote_line(line)}"
    obj.first_bad_line = f"line {number}: {problem}"


def _quote_line(line: bytes) -> str:
    return quote_value(line[:80].decode("latin-1").strip())


def _quote_corner(corner: bytes) -> str:
    return quote_value(corner[:40].decode("latin-1"))


def _parse_statement(obj: ObjFile, keyword: bytes, arguments: list[bytes], line: bytes, number: int) -> None:
    """Raises UserError for too many elements, ValueError where an argument is no number or no corner."""
    if keyword in (b"f", b"fo"):
        _add_face(obj, arguments, number)
    elif keyword == b"v":
        x, y, z = map(float, arguments[:3])
        color = tuple(map(float, arguments[-3:])) if len(arguments) in (6, 7) else ()
        obj.positions.extend((x, y, z))
        obj.colors.extend(color)
    elif keyword == b"vn":
        x, y, z = map(float, arguments[:3])
        obj.normals.extend((x, y, z))
    elif keyword == b"vt":
        # v points up from the lower edge; ours points down from the upper.
        u = float(arguments[0]) if arguments else 0.0
        v = 1 - float(arguments[1]) if len(arguments) > 1 else 1.0
        obj.uvs.extend((u, v))
    elif keyword == b"usemtl":
        obj.materials.append((_parse_name(line), len(obj.sizes)))
    elif keyword == b"mtllib":
        _read_material_files(obj.library, _parse_name(line))
    elif keyword in CURVE_KEYWORDS:
        obj.library.warn("curves and curved surfaces are not read")
    elif keyword in (b"p", b"l"):
        obj.library.warn("points and lines are not read")


def _parse_name(line: bytes) -> str:
    """Everything behind the keyword: names may contain spaces."""
    return remove_comment(decode_text(line)).strip().replace("\t", " ").partition(" ")[2].strip()


def _read_material_files(library: MaterialLibrary, names: str) -> None:
    """Read one file whose name may contain spaces, or several."""
    if not read_material_file(library, names.strip('"'), "mtllib"):
        for name in names.split()[:MAX_MATERIAL_FILES]:
            if not read_material_file(library, name, "mtllib"):
                library.warn(f"mtllib: there is no file {quote_value(name)}; drawn without its materials")


def _add_face(obj: ObjFile, corners: Sequence[bytes], number: int) -> None:
    indices = [obj.parser[corner] for corner in corners]
    if any(min(corner) < 0 or corner[0] == MISSING for corner in indices):
        indices = [_resolve_indices(obj, *pair, number) for pair in zip(indices, corners, strict=True)]
    obj.corners.extend(itertools.chain.from_iterable(indices))
    obj.sizes.append(len(corners))
    if len(obj.corners) // 3 > MAX_CORNERS:
        raise UserError(f"f: there must be at most {MAX_TRIANGLES} triangles")


def _resolve_indices(obj: ObjFile, indices: tuple[int, int, int], corner: bytes, number: int) -> tuple[int, int, int]:
    """The indices of a corner, from 1. Negative indices count back from the last element read so far.

    MISSING stands for one that does not exist.
    """
    resolved = [
        index if index >= 0 else index + count + 1 if -index <= count else MISSING
        for index, count in zip(indices, obj.counts, strict=True)
    ]
    if resolved[0] == MISSING and not obj.first_problem:
        rule = "counts back beyond the first" if indices[0] < 0 else "does not exist: corners are counted from 1"
        obj.first_problem = f"line {number}: f: {_quote_corner(corner)} {rule}"
    return resolved[0], resolved[1], resolved[2]


def _parse_indices(corner: bytes) -> tuple[int, int, int]:
    """Parse `a`, `a/b`, `a//c` or `a/b/c`. 0: not written; MISSING: written as 0. Raises ValueError."""
    position, uv, normal, *_ = (*corner.split(b"/", 3), b"", b"")
    if corner.count(b"/") > 2 or not position:
        raise ValueError
    return _parse_index(position), _parse_index(uv), _parse_index(normal)


def _parse_index(word: bytes) -> int:
    whole, _, decimals = word.partition(b".")  # some programs write 1.0
    if decimals.strip(b"0"):
        raise ValueError
    return max(-MISSING, min(int(whole) or MISSING, MISSING)) if word else 0


def _is_no_corner(corner: bytes) -> bool:
    try:
        _parse_indices(corner)
    except ValueError:
        return True
    return False


def _build_corner_table(obj: ObjFile) -> tuple[Ints, Bools]:
    """(n, 3) rows of position, UV and normal of every corner; -1: it has none. And whether its position exists."""
    table = np.frombuffer(obj.corners, np.int32).reshape(-1, 3) - 1 if obj.corners else np.empty((0, 3), np.int32)
    for column, (keyword, count) in enumerate(zip(("v", "vt", "vn"), obj.counts, strict=True)):
        exists = table[:, column] < count
        if column == 0:
            position_exists = exists
            if not exists.all() and not obj.first_problem:
                index = table[~exists, 0][0] + 1
                obj.first_problem = f"f: v {index} does not exist, {count} present"
        elif not exists.all():
            obj.library.warn(f"f: a {keyword} does not exist, {count} present; left out")
            table[~exists, column] = -1
    return table, position_exists


def _select_faces(obj: ObjFile, sizes: Longs, position_exists: Bools) -> tuple[Bools, Bools]:
    """The faces and the corners that are drawn: of faces whose positions exist. Raises UserError if there are none."""
    is_drawn = _all_corners(position_exists, sizes)
    if not is_drawn.any():
        raise UserError(obj.first_problem)
    count = int((~is_drawn).sum())
    subject, verb = ("face", "is") if count == 1 else ("faces", "are")
    obj.library.warn(f"{obj.first_problem}; {count} {subject} {verb} left out")
    return is_drawn, np.repeat(is_drawn, sizes)


def _all_corners(flags: Bools, sizes: Longs) -> Bools:
    """Whether all corners of each face have the flag."""
    all_set = np.ones(len(sizes), bool)
    all_set[sizes > 0] = np.logical_and.reduceat(flags, (np.cumsum(sizes) - sizes)[sizes > 0])
    return all_set


def _check_bad_lines(obj: ObjFile, table: Ints, sizes: Longs) -> None:
    """Raises UserError if no face remains whose vertices are numbers."""
    is_finite = np.append(np.isfinite(_to_rows(obj.positions, 3)).all(1), False)
    if not _all_corners(is_finite[np.minimum(table[:, 0], len(is_finite) - 1)], sizes).any():
        raise UserError(obj.first_bad_line)
    subject, verb = ("line", "is") if obj.bad_line_count == 1 else ("lines", "are")
    obj.library.warn(f"{obj.first_bad_line}; {obj.bad_line_count} {subject} {verb} left out")


def _build_polygon_meshes(obj: ObjFile) -> list[PolygonMesh]:
    table, position_exists = _build_corner_table(obj)
    sizes, material_numbers, names = np.array(obj.sizes, np.int64), *_number_materials(obj)
    if obj.first_bad_line:
        _check_bad_lines(obj, table, sizes)
    if not position_exists.all():
        is_drawn, is_drawn_corner = _select_faces(obj, sizes, position_exists)
        table, sizes, material_numbers = table[is_drawn_corner], sizes[is_drawn], material_numbers[is_drawn]
    first, corner_numbers = number_corners(table[:, 0], (table[:, 1], table[:, 2]), obj.counts[0])
    position_rows, uv_rows, normal_rows = table[first].T
    positions, colors = _to_rows(obj.positions, 3), _get_colors(obj)
    normals = _gather_rows(obj.normals, 3, normal_rows, 0.0)
    uvs = _gather_rows(obj.uvs, 2, uv_rows, np.nan)
    _warn_of_missing_materials(obj, names)
    materials = _get_materials(obj, names)
    polygon_meshes = []
    for name, group_corners, group_sizes in _group_faces(corner_numbers, sizes, material_numbers, names):
        corners, face_indices = find_used(group_corners)
        rows = position_rows[corners]
        polygon_meshes.append(
            PolygonMesh(
                positions[rows],
                face_indices,
                group_sizes,
                materials[name],
                None if normals is None else normals[corners],
                None if uvs is None else uvs[corners],
                None if colors is None else colors[rows],
            )
        )
    return polygon_meshes


def _number_materials(obj: ObjFile) -> tuple[Array, list[str]]:
    """The number of each face's material, and the names of the materials in the order of their first use."""
    names, first_faces = zip(*obj.materials, strict=True)
    run_lengths = np.diff(first_faces, append=len(obj.sizes))
    numbers: dict[str, int] = {}
    for name, length in zip(names, run_lengths.tolist(), strict=True):
        if length:
            numbers.setdefault(name, len(numbers))
    run_numbers = np.array([numbers.get(name, 0) for name in names], np.int32)
    return np.repeat(run_numbers, run_lengths), list(numbers)


def _group_faces(
    corners: Array, sizes: Longs, material_numbers: Array, names: list[str]
) -> Iterator[tuple[str, Array, Longs]]:
    """The corners and the sizes of the faces of each material. Materials without faces are left out."""
    if (np.diff(material_numbers) < 0).any():
        order = np.argsort(material_numbers, kind="stable")
        starts = (np.cumsum(sizes) - sizes)[order]
        material_numbers, sizes = material_numbers[order], sizes[order]
        corners = corners[np.repeat(starts - (np.cumsum(sizes) - sizes), sizes) + np.arange(len(corners))]
    face_bounds = np.searchsorted(material_numbers, np.arange(len(names) + 1))
    corner_bounds = np.concatenate([[0], np.cumsum(sizes)])[face_bounds]
    for k, name in enumerate(names):
        if face_bounds[k] < face_bounds[k + 1]:
            faces, group = (slice(bounds[k], bounds[k + 1]) for bounds in (face_bounds, corner_bounds))
            yield name, corners[group], sizes[faces]


def _get_materials(obj: ObjFile, names: list[str]) -> dict[str, Material]:
    """The materials of the faces by name. If none could be seen, all are opaque: some programs write `d 0` so."""
    materials = {
        name: obj.library.materials.get(name, Material(name=name.encode("utf-8", "replace").decode())) for name in names
    }
    invisible = [name for name, material in materials.items() if not material.opacity]
    if not invisible:
        return materials
    if len(invisible) < len(materials):
        text = ", ".join(map(quote_value, invisible[:3])) + (", ..." if len(invisible) > 3 else "")
        obj.library.warn(f"usemtl: {text}: fully transparent, not seen")
        return materials
    obj.library.warn("usemtl: all materials are fully transparent (d 0 or Tr 1); drawn opaque")
    return {name: make_opaque(material) for name, material in materials.items()}


def _warn_of_missing_materials(obj: ObjFile, names: list[str]) -> None:
    missing = [name for name in names if name and name not in obj.library.materials]
    if missing:
        text = ", ".join(map(quote_value, missing[:3])) + (", ..." if len(missing) > 3 else "")
        obj.library.warn(f"usemtl: there is no material {text}; drawn grey")


def _to_rows(values: array[float], width: int) -> Doubles:
    return np.frombuffer(values, np.float64).reshape(-1, width) if values else np.empty((0, width))


def _gather_rows(values: array[float], width: int, rows: Ints, missing: float) -> Doubles | None:
    """The values of each corner, `missing` where it has none; None if no corner has one."""
    if not (rows >= 0).any():
        return None
    gathered: Doubles = _to_rows(values, width)[rows]
    gathered[rows < 0] = missing
    return gathered


def _get_colors(obj: ObjFile) -> Doubles | None:
    """(n, 4) linear colours of the vertices; None unless every vertex has one."""
    if not obj.colors:
        return None
    colors = _to_rows(obj.colors, 3)
    if len(colors) * 3 != len(obj.positions) or not ((colors >= 0) & (colors <= 1)).all():
        obj.library.warn("v: colours are not read, as not every vertex has one from 0 to 1")
        return None
    return np.insert(decode_srgb(colors), 3, 1.0, 1)
