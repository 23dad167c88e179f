"""Wavefront OBJ -> polygons of a material each. Curves, surfaces, points and lines are not read; groups and objects
make no difference.

Format: Wavefront's OBJ specification, version 3.0. Colours behind a vertex's position are sRGB, as programs for scans
write them.
"""

from __future__ import annotations

import itertools
from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ssdo.scene.files.json_tree import shown
from ssdo.scene.files.mesh_builder import MAX_TRIANGLES, Surface, linear, lines_of
from ssdo.scene.files.mtl import Library, decoded, read_library
from ssdo.scene.files.polygons import Doubles, Longs
from ssdo.scene.model import Material
from ssdo.settings import UserError

CURVES = {
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


Corner = bytes | tuple[int, int, int]  # as it is written, or counted from 1


@dataclass
class Group:
    """The faces of one material: corners by number, and how many each face has."""

    corners: array[int] = field(default_factory=lambda: array("i"))
    sizes: array[int] = field(default_factory=lambda: array("i"))


@dataclass
class Content:
    """What the lines of a file have said so far."""

    library: Library
    positions: array[float] = field(default_factory=lambda: array("d"))
    colors: array[float] = field(default_factory=lambda: array("d"))
    uvs: array[float] = field(default_factory=lambda: array("d"))
    normals: array[float] = field(default_factory=lambda: array("d"))
    # of corners that differ: 0, 1, 2 as they come
    numbers: dict[Corner, int] = field(default_factory=lambda: defaultdict(itertools.count().__next__))
    groups: dict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    material: str = ""


def read(data: bytes, path: Path, notes: list[str]) -> list[Surface]:
    """The faces of each material. Raises UserError("<element>: <rule>"); adds to `notes`."""
    content = Content(Library(path.parent, notes))
    if b"\\\n" in data or b"\\\r\n" in data:  # a line goes on in the next
        data = data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    for number, line in lines_of(data):
        words = line.partition(b"#")[0].split()
        if words:
            try:
                _take(content, words[0], words[1:], line)
            except UserError as problem:
                raise UserError(f"line {number}: {problem}") from None
            except ValueError:
                raise UserError(
                    f"line {number}: {shown(words[0].decode('latin-1'))}: must have numbers, not {_excerpt(line)}"
                ) from None
    return _surfaces(content)


def _excerpt(line: bytes) -> str:
    return shown(line[:80].decode("latin-1").strip())


def _take(content: Content, word: bytes, rest: list[bytes], line: bytes) -> None:
    """One line. Raises UserError, and ValueError where there is no number."""
    if word == b"f":
        _face(content, rest, b"-" in line)
    elif word == b"v":
        x, y, z = map(float, rest[:3])
        content.positions.extend((x, y, z))
        if len(rest) in (6, 7):
            content.colors.extend(map(float, rest[-3:]))
        if len(content.positions) > 3 * MAX_TRIANGLES:
            raise UserError(f"v: there must be at most {MAX_TRIANGLES} vertices")
    elif word == b"vn":
        x, y, z = map(float, rest[:3])
        content.normals.extend((x, y, z))
    elif word == b"vt":
        # v points up from the lower edge
        content.uvs.extend((float(rest[0]) if rest else 0.0, 1 - float(rest[1]) if len(rest) > 1 else 1.0))
    elif word == b"usemtl":
        content.material = _name(line)
    elif word == b"mtllib":
        _libraries(content.library, _name(line))
    elif word in CURVES:
        content.library.note("curves and curved surfaces are not read")
    elif word in (b"p", b"l"):
        content.library.note("points and lines are not read")


def _name(line: bytes) -> str:
    """What stands behind the first word: names may have spaces."""
    return decoded(line).strip().replace("\t", " ").partition(" ")[2].strip()


def _libraries(library: Library, names: str) -> None:
    """One file whose name may have spaces, else several."""
    if not read_library(library, names, "mtllib"):
        for name in names.split()[:64]:
            if not read_library(library, name, "mtllib"):
                library.note(f"mtllib: there is no file {shown(name)}; drawn without its materials")


def _face(content: Content, words: Sequence[Corner], negative: bool) -> None:
    group = content.groups[content.material]
    if negative:
        words = [_counted_back(content, word) if isinstance(word, bytes) and b"-" in word else word for word in words]
    group.corners.extend(map(content.numbers.__getitem__, words))
    group.sizes.append(len(words))
    if len(content.numbers) > MAX_TRIANGLES:
        raise UserError(f"f: there must be at most {MAX_TRIANGLES} different corners")


def _counted_back(content: Content, word: bytes) -> tuple[int, int, int]:
    """Position, UVs and normal of a corner, from 1. Negative numbers count back from the last of what stands above."""
    present = len(content.positions) // 3, len(content.uvs) // 2, len(content.normals) // 3
    found = []
    for index, count in zip(_indices(word), present, strict=True):
        if index < -count:
            raise UserError(f"f: {shown(word[:40].decode('latin-1'))} counts back beyond the first")
        found.append(index + count + 1 if index < 0 else index)
    return found[0], found[1], found[2]


def _indices(word: bytes) -> tuple[int, int, int]:
    """`a`, `a/b`, `a//c` or `a/b/c`; 0: not there. Raises ValueError, and UserError."""
    parts = word.split(b"/", 3)
    if len(parts) > 3:
        raise UserError(f"f: a corner must be like 1/2/3, not {shown(word[:40].decode('latin-1'))}")
    position, uv, normal = (int(part) if part else 0 for part in (*parts, b"", b"")[:3])
    if position == 0 or any(part.strip(b"+-0") == b"" for part in parts if part):
        raise UserError("f: corners are counted from 1; there is no 0")
    return position, uv, normal


def _table(content: Content) -> Longs:
    """(n, 3) rows in positions, UVs and normals of every corner; -1: has none. Raises UserError."""
    limits = len(content.positions) // 3, len(content.uvs) // 2, len(content.normals) // 3
    table = np.empty((len(content.numbers), 3), np.int64)
    for row, key in enumerate(content.numbers):
        try:
            indices = _indices(key) if isinstance(key, bytes) else key
        except ValueError:
            raise UserError(
                f"f: a corner must be like 1/2/3, not {shown(key[:40].decode('latin-1') if isinstance(key, bytes) else '')}"
            ) from None
        for index, limit, kind in zip(indices, limits, ("v", "vt", "vn"), strict=True):
            if index > limit:
                raise UserError(f"f: {kind} {shown(index)} does not exist, {limit} present")
        table[row] = indices
    return table - 1


def _surfaces(content: Content) -> list[Surface]:
    place, uv, normal = _table(content).T
    positions, colors = np.array(content.positions).reshape(-1, 3), _colors(content)
    normals, uvs = _rows(content.normals, 3, normal, 0.0), _rows(content.uvs, 2, uv, np.nan)
    missing = [name for name in content.groups if name and name not in content.library.materials]
    if missing:
        content.library.note(
            f"usemtl: there is no material {', '.join(map(shown, missing[:3]))}{', ...' if len(missing) > 3 else ''}; drawn grey"
        )
    surfaces = []
    for name, group in content.groups.items():
        own, corners = np.unique(np.array(group.corners, np.int64), return_inverse=True)
        surfaces.append(
            Surface(
                positions[place[own]],
                corners,
                np.array(group.sizes, np.int64),
                content.library.materials.get(name, Material(name=name.encode("utf-8", "replace").decode())),
                None if normals is None else normals[own],
                None if uvs is None else uvs[own],
                None if colors is None else colors[place[own]],
            )
        )
    return surfaces


def _rows(values: array[float], width: int, rows: Longs, missing: float) -> Doubles | None:
    """The rows of a list of numbers, None where no corner has one."""
    if not (rows >= 0).any():
        return None
    found: Doubles = np.array(values).reshape(-1, width)[rows]
    found[rows < 0] = missing
    return found


def _colors(content: Content) -> Doubles | None:
    """(n, 4) linear, of every vertex; None where not every vertex has a colour."""
    if not content.colors:
        return None
    colors = np.array(content.colors).reshape(-1, 3)
    if len(colors) * 3 != len(content.positions) or not ((colors >= 0) & (colors <= 1)).all():
        content.library.note("v: colours are not read, as not every vertex has one from 0 to 1")
        return None
    return np.insert(linear(colors), 3, 1.0, 1)
