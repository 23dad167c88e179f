"""Tests of OBJ, PLY and STL by twins: every legal way to write a mesh gives the same corners."""

from __future__ import annotations

import itertools
import random
import struct
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from ssdo.arrays import Array, Doubles
from ssdo.scene.files import corners, number_text, obj, ply
from ssdo.scene.loader import read_scene_file
from ssdo.scene.model import MIN_OPAQUE_ALPHA, ImageTexture, Material, Mesh, Scene
from ssdo.settings import UserError

MISSING = 99.0  # instead of an attribute that a corner does not have
Corner = tuple[int, int, int]  # numbers of position, UV and normal


# ---- corners ---------------------------------------------------------------------------------------------------------


def make_corner(position: Any, normal: Any = None, uv: Any = None, color: Any = None) -> list[float]:
    """Position, normal, UV and linear colour in one row."""
    attributes = ((normal, 3), (uv, 2), (color, 4))
    return [*position, *itertools.chain(*([MISSING] * n if values is None else values for values, n in attributes))]


def sort_corners(triangles: Any) -> Array:
    """(m, 3, 12) corners of triangles without regard to their order: each from its first position on, sorted."""
    corners: Array = np.reshape(np.array(triangles, "f4"), (-1, 3, 12))
    rotated_corners = [np.roll(t, -min(range(3), key=t[:, :3].tolist().__getitem__), 0) for t in corners]
    return np.array(sorted(rotated_corners, key=lambda t: (t[:, :3].tolist(), t.tolist())))


def gather_corners(scene: Scene) -> dict[str, Array]:
    """The triangles of every material, from all of its meshes."""
    triangles: dict[str, list[Any]] = defaultdict(list)
    for mesh in scene.meshes:
        arrays = (mesh.positions, mesh.normals, mesh.uvs, mesh.colors)
        rows = [make_corner(*(None if a is None else a[v] for a in arrays)) for v in range(len(mesh.positions))]
        triangles[mesh.material.name] += [[rows[v] for v in vertices] for vertices in mesh.triangles.tolist()]
    return {name: sort_corners(rows) for name, rows in triangles.items()}


def assert_corners(scene: Scene, expected: Mapping[str, Any]) -> None:
    """The scene has these triangles, by material. A rounding of float32 is allowed for normals and colours."""
    actual = gather_corners(scene)
    assert actual.keys() == expected.keys()
    for name, triangles in expected.items():
        twin = sort_corners(triangles)
        np.testing.assert_array_equal(actual[name][..., :3], twin[..., :3], name)
        np.testing.assert_allclose(actual[name], twin, 0, 1.2e-7, err_msg=name)


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def normalize(vector: Any) -> Doubles:
    unit: Doubles = np.divide(vector, np.linalg.norm(vector))
    return unit


def linearize(srgb: float) -> float:
    """IEC 61966-2-1."""
    return srgb / 12.92 if srgb <= 0.04045 else ((srgb + 0.055) / 1.055) ** 2.4


# ---- OBJ: faces ------------------------------------------------------------------------------------------------------

FORMS = {
    "{0}": (False, False),
    "{0}/{1}": (True, False),
    "{0}//{2}": (False, True),
    "{0}/{1}/{2}": (True, True),
}  # and whether it has UVs and normals
LINE_ENDS = ("\n", "\r\n", "\r")
COLOR_COLUMNS = ("{0} {1}", "{0} 1.0 {1}")  # with or without the weight w of a rational curve


class ObjData(NamedTuple):
    positions: Doubles  # (n, 3)
    uvs: Doubles  # (k, 2), v upwards
    normals: Doubles  # (l, 3)
    colors: Doubles  # (n, 3) sRGB
    triangles: list[tuple[Corner, Corner, Corner]]


def make_obj_data() -> ObjData:
    """Random corners, with independent numbers of position, UV and normal. No two triangles have the same positions."""
    rng = np.random.default_rng(8)
    positions, normals = (rng.uniform(-9, 9, (n, 3)).round(2) for n in (7, 4))
    uvs, colors = rng.uniform(-1, 2, (5, 2)).round(3), rng.random((7, 3)).round(3)
    uvs[3, 1] = 0
    triples = rng.permutation(list(itertools.combinations(range(7), 3)))[:9]
    triangles = [
        tuple((int(p), int(rng.integers(5)), int(rng.integers(4))) for p in rng.permutation(row)) for row in triples
    ]
    return ObjData(positions, uvs, normals, colors, triangles)  # type: ignore[arg-type]


class Style(NamedTuple):
    """How an OBJ file is laid out."""

    negative: int = 0  # of three indices: how many count back
    is_interleaved: bool = False  # elements stand just before the face that needs them
    line_end: str = "\n"
    is_elaborate: bool = False  # tabs, comments, continued lines, exponents, ignored statements


STYLES = [
    Style(*values)
    for values in itertools.product((0, 1, 2, 3), (False, True), LINE_ENDS, (False, True))
    if values[2] != "\r" or not values[3]  # a backslash continues no line that ends so
]


def format_obj(data: ObjData, forms: Sequence[str], style: Style, materials: Sequence[str] = (), rows: str = "") -> str:
    """The triangles, each with its form and material. `rows` formats positions with colours."""
    rng = random.Random(4)
    lines: list[str] = []
    element_counts = [0, 0, 0]

    def add(keyword: str, words: Sequence[str]) -> None:
        if style.is_elaborate:
            parts = [keyword, *words]
            gaps = [rng.choice((" ", "\t", "  ", " \\\n ")) for _ in parts]
            comment = "" if keyword == "usemtl" else "# 7 8 9"  # a name takes all of the line
            lines.append(" " + "".join(map("".join, zip(parts, gaps, strict=True))) + comment)
            lines.append(rng.choice(("", "# f 1 2 3", "g a b", "o c", "s off", "vp 1 2", "lod 1")))
        else:
            lines.append(" ".join((keyword, *words)))

    def add_numbers(keyword: str, values: Any) -> None:
        text = [f"{v:.6e}" if style.is_elaborate and k % 2 else f"{v:g}" for k, v in enumerate(values)]
        if keyword == "vt" and style.is_elaborate:
            text = text[:1] if not values[1] else [*text, "0.5"]  # a third coordinate, or none that is 0
        if keyword == "v" and rows:
            text = rows.format(" ".join(text[:3]), " ".join(text[3:])).split()
        add(keyword, text)

    def add_elements(counts: Sequence[int]) -> None:
        tables = (
            ("v", np.hstack([data.positions, data.colors]) if rows else data.positions),
            ("vt", data.uvs),
            ("vn", data.normals),
        )
        for i, (keyword, table) in enumerate(tables):
            for row in table[element_counts[i] : counts[i]]:
                add_numbers(keyword, row)
            element_counts[i] = max(element_counts[i], counts[i])

    all_counts = len(data.positions), len(data.uvs), len(data.normals)
    if not style.is_interleaved:
        add_elements(all_counts)
    material = ""
    for i, (triangle, form) in enumerate(zip(data.triangles, forms, strict=True)):
        add_elements([max(c[k] for c in triangle) + 1 for k in range(3)])
        if materials and materials[i] != material:
            material = materials[i]
            add("usemtl", [material])
        words = []
        for j, corner in enumerate(triangle):
            numbers = [n + 1 for n in corner]
            for k in range(style.negative):
                numbers[(k + i + j) % 3] -= element_counts[(k + i + j) % 3] + 1
            words.append(form.format(*numbers))
        add("f", words)
    add_elements(all_counts)
    return "\n".join(lines).replace("\n", style.line_end)


def list_obj_corners(data: ObjData, forms: Sequence[str], has_colors: bool = False) -> list[list[list[float]]]:
    """What the triangles mean: v points down in the scene, colours are linear."""
    result = []
    for triangle, form in zip(data.triangles, forms, strict=True):
        has_uvs, has_normals = FORMS[form]
        result.append(
            [
                make_corner(
                    data.positions[p],
                    normalize(data.normals[n]) if has_normals else None,
                    (data.uvs[t, 0], 1 - data.uvs[t, 1]) if has_uvs else None,
                    [*map(linearize, data.colors[p]), 1] if has_colors else None,
                )
                for p, t, n in triangle
            ]
        )
    return result


@pytest.mark.slow
@pytest.mark.parametrize("min_block_lines", [1, 10**9])
def test_forms_of_obj_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, min_block_lines: int) -> None:
    """All faces in one form, or each in another; indices that count back; elements before their faces or between.

    Lines are parsed in blocks or one by one.
    """
    monkeypatch.setattr(obj, "MIN_BLOCK_LINES", min_block_lines)
    data = make_obj_data()
    count = len(data.triangles)
    mixed_forms = [list(FORMS)[k % 4] for k in range(count)]
    for forms in (*([form] * count for form in FORMS), mixed_forms):
        expected = {"": list_obj_corners(data, forms)}
        for style in STYLES:
            scene = read_scene_file(write(tmp_path / "a.obj", format_obj(data, forms, style)))
            assert_corners(scene, expected)
            assert scene.warnings == ()


@pytest.mark.parametrize("rows", COLOR_COLUMNS)
@pytest.mark.parametrize("min_block_lines", [1, 10**9])
def test_vertex_colours_of_obj(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, min_block_lines: int, rows: str
) -> None:
    """They belong to positions, whatever the form of faces."""
    monkeypatch.setattr(obj, "MIN_BLOCK_LINES", min_block_lines)
    data = make_obj_data()
    for form, style in itertools.product(FORMS, STYLES[::5]):
        forms = [form] * len(data.triangles)
        scene = read_scene_file(write(tmp_path / "a.obj", format_obj(data, forms, style, rows=rows)))
        assert_corners(scene, {"": list_obj_corners(data, forms, has_colors=True)})


def describe_reading(path: Path) -> Any:
    """Everything that a scene consists of, bit for bit, or the message of its error."""
    try:
        scene = read_scene_file(path)
    except UserError as error:
        return str(error)
    meshes = [
        (
            mesh.material.name,
            mesh.triangles.tolist(),
            *(None if a is None else a.tobytes() for a in (mesh.positions, mesh.normals, mesh.uvs, mesh.colors)),
        )
        for mesh in scene.meshes
    ]
    return scene.warnings, meshes


@pytest.mark.parametrize("style", [STYLES[0], STYLES[2], STYLES[8]])
def test_blocks_equal_single_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: Style) -> None:
    """Damaged files give the same scene or the same error whether lines are parsed in blocks or one by one."""
    data, rng = make_obj_data(), random.Random(3)
    path = tmp_path / "a.obj"
    forms = ["{0}", "{0}/{1}", "{0}//{2}", "{0}/{1}/{2}"]
    inserts = [*"0123456789+-./eE \t\n\r#vtnfgx,", "\nf 1 2 3", "nan", "//", "\nusemtl a\n", "1e5", "_", "-0 ", "\0"]
    results = set()
    for k in range(150):
        text = format_obj(data, [forms[k % 4]] * len(data.triangles), style)
        for _ in range(k % 4):
            place = rng.randrange(len(text))
            text = text[:place] + rng.choice(inserts) + text[place + rng.randrange(3) :]
        path.write_bytes(text.encode())
        monkeypatch.setattr(obj, "MIN_BLOCK_LINES", 1)
        expected = describe_reading(path)
        monkeypatch.setattr(obj, "MIN_BLOCK_LINES", 10**9)
        assert describe_reading(path) == expected, text
        results.add(type(expected))
    assert results == {str, tuple}


REGULAR_ON_AVERAGE = (
    "v 1 2 3 4\nv 1 2\nf 1 2 3\n",
    "vt 1 2 3\nvt 1\nf 1 2 3\n",
    "f 1/1/1 2 3/1\n",
    "f 1 2/1/1 3/1\n",
    "f 1/1 2/1/1/1 3/1/1\n",
)


@pytest.mark.parametrize("lines", REGULAR_ON_AVERAGE)
def test_blocks_that_are_regular_on_average(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str) -> None:
    path = write(tmp_path / "a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvn 0 0 1\n" + lines)
    monkeypatch.setattr(obj, "MIN_BLOCK_LINES", 1)
    expected = describe_reading(path)
    monkeypatch.setattr(obj, "MIN_BLOCK_LINES", 10**9)
    assert describe_reading(path) == expected


def test_corners_are_numbered_in_the_order_of_their_first_use() -> None:
    """Also where a vertex has more corners than the rounds tell apart."""
    for seed, vertex_count, value_count in ((1, 9, 2), (2, 2, 40), (3, 1, 1)):
        rng = np.random.default_rng(seed)
        vertices, *attributes = (rng.integers(0, n, 300, "i4") for n in (vertex_count, value_count, value_count))
        numbers: dict[Any, int] = {}
        rows = list(zip(vertices.tolist(), *(a.tolist() for a in attributes), strict=True))
        expected = [numbers.setdefault(row, len(numbers)) for row in rows]
        first, actual = corners.number_corners(vertices, attributes, vertex_count)
        assert actual.tolist() == expected and [rows[k] for k in first] == list(numbers)


def test_blocks_of_regular_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No regular line is parsed alone: it would be ten times slower."""
    data, path = make_obj_data(), tmp_path / "a.obj"
    monkeypatch.setattr(obj, "MIN_BLOCK_LINES", 1)
    monkeypatch.setattr(obj, "_parse_line", lambda *_: pytest.fail("a line is parsed alone"))
    for form, style in itertools.product(FORMS, STYLES):
        if not style.is_elaborate:
            text = format_obj(data, [form] * len(data.triangles), style, rows=COLOR_COLUMNS[0])
            read_scene_file(write(path, "# a comment" + style.line_end + text + style.line_end))


ODD_NUMBERS = (
    *("-0", "-0.0", "+.5", "5.", "-.25", "-0.", "007.50", "0", "1E5"),
    *("9007199254740993", "-2.5e-320", "0.0000000000000000000000000123"),
)


def make_number(rng: random.Random) -> str:
    """A number in one of the ways that programs write it."""
    value = rng.uniform(-1, 1) * 10 ** rng.randint(-6, 16)
    return rng.choice(
        (
            f"{value:.{rng.randint(0, 19)}f}",
            f"{value:+.{rng.randint(0, 17)}e}",
            f"{value:g}",
            repr(value),
            str(int(value)),
            str(rng.randint(-(10**25), 10**25)),
            rng.choice(ODD_NUMBERS),
        )
    )


def test_numbers_are_read_as_float_does() -> None:
    """Bit for bit, in blocks of any mixture; whatever float() refuses is refused."""
    rng = random.Random(6)
    for k in range(2000):
        words = [make_number(rng) for _ in range(rng.randint(1, 9))]
        words = words if k % 3 else [word for word in words if "e" not in word.lower()]
        text = rng.choice((" ", "\n", " \t\r\n")).join(words).encode()
        assert number_text.parse_numbers(text).tobytes() == np.array(list(map(float, words)), "f8").tobytes(), text
    for _ in range(4000):
        text = bytes(rng.choice(b"0123456789+-. .e  ") for _ in range(rng.randint(1, 8)))
        try:
            expected = [float(word) for word in text.split()]
        except ValueError:
            with pytest.raises(ValueError):
                number_text.parse_numbers(text)
        else:
            assert number_text.parse_numbers(text).tolist() == expected, text


LIBRARIES = {
    "a.mtl": "newmtl one\nKd 0.1 0.2 0.3\nnewmtl two words\nKd 0.4 0.5 0.6\n",
    "in here/b c.mtl": "newmtl three\r\nKd 0.7 0.8 0.9\r\nnewmtl one\r\nKd 1 1 1\r\n",
    "d.mtl": "\tnewmtl\tfour\n\tKd\t0.25\t0.5\t0.75\n",
}
ALBEDOS = {
    "one": (0.1, 0.2, 0.3),  # the first of two
    "two words": (0.4, 0.5, 0.6),
    "three": (0.7, 0.8, 0.9),
    "four": (0.25, 0.5, 0.75),
    "none": (0.8, 0.8, 0.8),
    "": (0.8, 0.8, 0.8),
}
LIBRARY_STATEMENTS = (
    ["mtllib a.mtl", "mtllib in here/b c.mtl", "mtllib d.mtl"],
    ["mtllib a.mtl d.mtl", "mtllib in here\\b c.mtl"],
    ["mtllib d.mtl a.mtl", "mtllib a.mtl", "mtllib ./in here/b c.mtl", "mtllib d.mtl"],
)


@pytest.mark.parametrize("statements", LIBRARY_STATEMENTS)
def test_materials_of_obj_faces(tmp_path: Path, statements: list[str]) -> None:
    """Faces in turn with several materials; libraries before, between or behind them; the first definition holds."""
    for name, content in LIBRARIES.items():
        write(tmp_path / name, content)
    data = make_obj_data()
    materials = ["", "one", "three", "one", "none", "two words", "four", "two words", "one"]
    forms = [list(FORMS)[k * k % 4] for k in range(len(materials))]
    corners = list_obj_corners(data, forms)
    expected = {n: [c for c, m in zip(corners, materials, strict=True) if m == n] for n in ALBEDOS}
    for style, index in itertools.product(STYLES[:2], range(3)):
        lines = format_obj(data, forms, style, materials).split("\n")
        index = index * len(lines) // 2
        scene = read_scene_file(write(tmp_path / "a.obj", "\n".join([*lines[:index], *statements, *lines[index:]])))
        assert_corners(scene, expected)
        assert {mesh.material.name: mesh.material.albedo for mesh in scene.meshes} == ALBEDOS
        assert scene.warnings == ("usemtl: there is no material 'none'; drawn grey",)


# ---- OBJ: polygons ---------------------------------------------------------------------------------------------------

OUTLINES: dict[str, list[tuple[float, float]]] = {
    "triangle": [(0, 0), (3, 0), (1, 2)],
    "quadrilateral": [(0, 0), (3, 0), (4, 2), (1, 3)],
    "heptagon": [(0, 0), (2, -1), (4, 0), (5, 2), (3, 4), (1, 4), (-1, 2)],
    "with points on an edge": [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (0, 2)],
    "arrow": [(0, 0), (4, 1), (0, 2), (1, 1)],
    "L": [(0, 0), (4, 0), (4, 1), (1, 1), (1, 3), (0, 3)],
    "comb": [(0, 0), (7, 0), (7, 3), (6, 3), (6, 1), (4, 1), (4, 4), (3, 4), (3, 1), (1, 1), (1, 5), (0, 5)],
    "spiral": [(0, 0), (6, 0), (6, 5), (1, 5), (1, 2), (4, 2), (4, 3), (2, 3), (2, 4), (5, 4), (5, 1), (0, 1)],
}
# Directions of the outline's x and y: all six sides of a box, and an oblique plane.
PLANES = [np.roll(np.eye(3), k, 1)[[i, j]] for k in range(3) for i, j in ((0, 1), (1, 0))]
PLANES.append(np.array([(0.6, 0.3, -0.7), (0.2, 0.9, 0.5)]))


@pytest.mark.parametrize("name", OUTLINES)
def test_polygons_are_covered_once(tmp_path: Path, name: str) -> None:
    """The edges of the triangles cancel but for the outline, and all triangles face as the polygon does.

    Every corner keeps its attributes. Wherever the numbering begins, whichever way it runs, in any plane.
    """
    outline = np.array(OUTLINES[name], "f8")
    n = len(outline)
    uvs, normals = np.random.default_rng(n).uniform(-1, 1, (n, 2)).round(3), np.eye(3)[np.arange(n) % 3]
    table = "".join(f"vt {u} {v}\n" for u, v in uvs) + "".join(f"vn {x} {y} {z}\n" for x, y, z in normals)
    for plane, shift, step in itertools.product(PLANES, range(0, n, 1 + n // 4), (1, -1)):
        points = outline @ plane + (0.5, 1, 1.5)
        order = np.roll(np.arange(n)[::step], shift)
        vertices = "".join(f"v {x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in points)
        face = "f " + " ".join(f"{k + 1}/{k + 1}/{k + 1}" for k in order) + "\n"
        scene = read_scene_file(write(tmp_path / "a.obj", vertices + table + face))
        (mesh,) = scene.meshes
        numbers = find_rows(mesh.positions, points.astype("f4"))
        assert mesh.uvs is not None and mesh.normals is not None
        np.testing.assert_allclose(mesh.uvs, (uvs * (1, -1) + (0, 1))[numbers], atol=1e-6)
        np.testing.assert_array_equal(mesh.normals, normals[numbers])
        triangles = numbers[mesh.triangles]
        if name != "with points on an edge":  # triangles without area are left out
            assert list_outer_edges(triangles) == list_edges(order)
        a, b, c = points[triangles].transpose(1, 0, 2)
        normal = np.cross(*plane)
        areas = np.cross(b - a, c - a) @ normal * step
        # Triangles of three points on an edge have no area but for rounding.
        assert (areas > -1e-12).all() and areas.sum() == pytest.approx(compute_area(outline) * (normal @ normal))


def list_edges(polygon: Sequence[int] | Array) -> Counter[tuple[int, int]]:
    numbers = [int(n) for n in polygon]
    return Counter(zip(numbers, numbers[1:] + numbers[:1], strict=True))


def list_outer_edges(triangles: Array) -> Counter[tuple[int, int]]:
    """The edges of all triangles without those that run both ways."""
    edges = sum(map(list_edges, triangles), Counter[tuple[int, int]]())
    return edges - Counter({(b, a): count for (a, b), count in edges.items()})


def compute_area(outline: Doubles) -> float:
    """Twice the area of an outline that runs counter-clockwise."""
    x, y = outline.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def find_rows(rows: Array, table: Array) -> Array:
    """Of each row, the row of the table that is equal."""
    is_equal = (rows[:, None] == table[None]).all(2)
    assert (is_equal.sum(1) == 1).all()
    numbers: Array = is_equal.argmax(1)
    return numbers


# ---- MTL -------------------------------------------------------------------------------------------------------------

PIXELS = np.arange(5, 5 + 5 * 3 * 3, dtype="u1").reshape(5, 3, 3) * np.uint8(5)  # 5 rows of 3, all different
STATEMENTS = (
    "Kd 0.25 0.5 0.75",
    "Kd 0.375",
    "Kd 0 0 0.125",
    "Kd 0 0 0",
    "Ke 0.5 2 70",
    "Ke 3e4 0 0",
    "Ke 0 0 0",
    "Ks 0 0 0.0625",
    "Ks 0 0 0",
    "Ns 14.5",
    "Ns 900",
    "Pr 0.625",
    "Pm 0.375",
    "d 0.75",
    "d -halo 0.5",
    "Tr 0.125",
    "illum 2",
    "Ni 1.7",
    "map_Kd a.png",
    "map_Ke a.png",
)


def compute_mtl_material(name: str, statements: Sequence[str]) -> dict[str, Any]:
    """The fields of Material, but for textures, of statements of different keywords."""
    values = {line.split()[0]: line.split()[1:] for line in statements}

    def get_color(keyword: str, default: float) -> tuple[float, ...]:
        """Of a texture's factor, black means white."""
        color = tuple(map(float, values.get(keyword, ["0" if f"map_{keyword}" in values else str(default)])))
        color = color * 3 if len(color) == 1 else color
        return color if any(color) or f"map_{keyword}" not in values else (1, 1, 1)

    phong_exponent = float(values.get("Ns", ["0"])[0])
    opacity = float(values["d"][-1]) if "d" in values else 1 - float(values.get("Tr", ["0"])[0])
    default = Material()
    return {
        "albedo": get_color("Kd", 0.8),
        "emission": get_color("Ke", 0),
        "metallic": float(values.get("Pm", ["0"])[0]),
        "roughness": float(values["Pr"][0]) if "Pr" in values else (2 / (phong_exponent + 2)) ** 0.25,
        "f0": (0.04,) * 3 if any(get_color("Ks", 0)) else (0,) * 3,
        "opacity": opacity,
        "alpha_cutoff": 0 if opacity == 1 else MIN_OPAQUE_ALPHA,
        "blending": "none" if opacity == 1 else "alpha",
        "name": name,
        **{key: getattr(default, key) for key in ("normal_scale", "occlusion_strength", "double_sided")},
    }


def write_materials(folder: Path, materials: Mapping[str, str]) -> Path:
    """An OBJ file with one triangle for every material of an MTL file."""
    Image.fromarray(PIXELS).save(folder / "a.png")
    write(folder / "a.mtl", "".join(f"newmtl {name}\n{text}\n\n" for name, text in materials.items()))
    faces = "".join(f"usemtl {name}\nf 1/1 2/1 3/1\n" for name in list(materials)[::-1])
    return write(folder / "a.obj", "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\n" + faces)


def format_statements(lines: Sequence[str], style: int) -> list[str]:
    """In one of three styles: plain; in reverse with keywords in capitals; with tabs, and comments behind numbers."""
    if style == 1:
        return [keyword.upper() + gap + text for keyword, gap, text in (line.partition(" ") for line in lines[::-1])]
    if style == 2:
        return ["\t" + line.replace(" ", "\t") + ("" if line.startswith("map") else "\t# 0.5") for line in lines]
    return list(lines)


def test_statements_of_mtl(tmp_path: Path) -> None:
    """Every statement alone and every two; then all in reverse, in capitals, and with tabs."""
    statement_sets = [c for n in range(3) for c in itertools.combinations(STATEMENTS, n)]
    statement_sets = [c for c in statement_sets if len({line.split()[0] for line in c}) == len(c)]
    statement_sets += [tuple({line.split()[0]: line for line in STATEMENTS}.values())]
    for style in range(3):
        texts = {f"{style} {i}": "\n".join(format_statements(lines, style)) for i, lines in enumerate(statement_sets)}
        scene = read_scene_file(write_materials(tmp_path, texts))
        materials = {mesh.material.name: mesh.material for mesh in scene.meshes}
        for (name, text), lines in zip(texts.items(), statement_sets, strict=True):
            for key, value in compute_mtl_material(name, lines).items():
                actual = getattr(materials[name], key)
                assert actual == (pytest.approx(value) if isinstance(value, (float, tuple)) else value), (key, text)
            has_maps = [any(line.startswith(key) for line in lines) for key in ("map_Kd", "map_Ke")]
            textures = materials[name].albedo_texture, materials[name].emission_texture
            assert [texture is not None for texture in textures] == has_maps


SCALES = {"": (1, 1), "-s 2": (2, 1), "-s 2 -3": (2, -3), "-s 0.5 3 4": (0.5, 3)}
OFFSETS = {"": (0, 0), "-o 0.3": (0.3, 0), "-o 0.3 -0.45": (0.3, -0.45), "-o -1.3 0.45 7": (-1.3, 0.45)}
CLAMPS = {"": False, "-clamp on": True, "-clamp off": False}
OTHER_OPTIONS = (
    "",
    "-blendu off -blendv on -mm 0.25 0.75 -t 1 2 -bm 3 -cc on -imfchan r -texres 64 -boost 2 -type sphere",
)
FILES = ("a.png", "in here\\b c.png")


def sample_texture(texture: ImageTexture, u: Doubles, v: Doubles) -> Array:
    """(n, 3) pixels at UVs of the scene, as ImageTexture defines them."""
    h, w = texture.pixels.shape[:2]
    x, y = np.array(texture.transform) @ np.stack([u, v, np.ones_like(u)])
    x, y = (np.clip(p, 0, 1 - 1e-9) if clamp else p % 1 for p, clamp in zip((x, y), texture.clamp, strict=True))
    pixels: Array = texture.pixels[(y * h).astype(int), (x * w).astype(int), :3]
    return pixels


def test_options_of_mtl_maps(tmp_path: Path) -> None:
    """Scale, offset and clamping, among other options in either order, of both maps."""
    write(tmp_path / FILES[1].replace("\\", "/"), b"")
    Image.fromarray(PIXELS[::-1]).save(tmp_path / "in here" / "b c.png")
    ways = tuple(zip(FILES, (1, -1), strict=True))
    cases = tuple(itertools.product(("map_Kd", "map_Ke"), SCALES, OFFSETS, CLAMPS, OTHER_OPTIONS, ways))
    texts = {}
    for i, (keyword, scale, offset, clamp, other, (file, step)) in enumerate(cases):
        options = " ".join(filter(None, (scale, offset, clamp, other)[::step]))
        texts[str(i)] = f"{keyword} {options} {file}"
    scene = read_scene_file(write_materials(tmp_path, texts))
    materials = {mesh.material.name: mesh.material for mesh in scene.meshes}
    u, v = np.random.default_rng(2).uniform(-2.5, 2.5, (2, 40))
    for i, (keyword, scale, offset, clamp, _, (file, _)) in enumerate(cases):
        material = materials[str(i)]
        texture = material.albedo_texture if keyword == "map_Kd" else material.emission_texture
        assert texture is not None
        # In the file, v points up from the lower edge.
        x, y = np.array((u, v)) * np.reshape(SCALES[scale], (2, 1)) + np.reshape(OFFSETS[offset], (2, 1))
        x, y = (np.clip((x, y), 1e-9, 1 - 1e-9)) if CLAMPS[clamp] else (x % 1, y % 1)
        pixels = PIXELS if file == FILES[0] else PIXELS[::-1]
        expected = pixels[::-1][(y * 5).astype(int), (x * 3).astype(int)]
        np.testing.assert_array_equal(sample_texture(texture, u, 1 - v), expected, texts[str(i)])


# ---- PLY -------------------------------------------------------------------------------------------------------------

PLY_TYPES = {
    "char": "b", "int8": "b", "uchar": "B", "uint8": "B", "short": "h", "int16": "h", "ushort": "H", "uint16": "H",
    "int": "i", "int32": "i", "uint": "I", "uint32": "I", "float": "f", "float32": "f", "double": "d", "float64": "d",
}  # fmt: skip
INTEGER_TYPES = tuple(name for name, code in PLY_TYPES.items() if code not in "fd")  # each by two names in turn
ENCODINGS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
LIST = "list"
Column = tuple[str, str, list[Any]]  # name, type ("list LENGTH ITEM" for lists), values


class Element(NamedTuple):
    name: str
    columns: list[Column]


def encode_ply(encoding: str, elements: Sequence[Element], comment: str = "comment 4 vertices") -> bytes:
    """A PLY file. Values that are written as text are exact."""
    order = ENCODINGS[encoding]
    head = ["ply", f"format {encoding} 1.0", comment, "obj_info element vertex 9"]
    body = bytearray()
    for name, columns in elements:
        head.append(f"element {name} {len(columns[0][2])}")
        head += [f"property {kind} {column}" for column, kind, _ in columns]
        for row in zip(*(values for _, _, values in columns), strict=True):
            for (_, kind, _), value in zip(columns, row, strict=True):
                items = [len(value), *value] if kind.startswith(LIST) else [value]
                types = [kind.split()[1], *kind.split()[2:] * len(value)] if kind.startswith(LIST) else [kind]
                if order:
                    body += struct.pack(order + "".join(PLY_TYPES[t] for t in types), *items)
                else:
                    body += (" ".join(map(repr, items)) + " ").encode()
            body += b"" if order else b"\n"
    return "\n".join([*head, "end_header", ""]).encode() + body


def make_values(kind: str, rng: random.Random, count: int, is_color: bool) -> list[Any]:
    """Numbers of a scalar type. Integers use its whole range, but for what float32 does not hold exactly."""
    code = PLY_TYPES[kind]
    if code in "fd":
        return [rng.randint(0 if is_color else -8192, 4096) / 4096 for _ in range(count)]
    top = 2 ** (8 * struct.calcsize("<" + code) - code.islower()) - 1
    low, high = (0, top) if is_color else (-top if code.islower() else 1, top)
    return [rng.randint(max(low, -(2**24)), high if is_color else min(high, 2**24)) for _ in range(count)]


def scale_color(kind: str, value: float) -> float:
    """0 to 1 of a float, or of an integer's full range."""
    code = PLY_TYPES[kind]
    return value if code in "fd" else value / (2 ** (8 * struct.calcsize("<" + code) - code.islower()) - 1)


UV_NAMES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
VERTEX_COLUMNS = ("x", "y", "z", "nx", "ny", "nz", "s", "t", "red", "green", "blue", "alpha")
SIZES = ((3, 3, 3), (3, 5, 4))  # of faces: equal, or not
LAYOUTS = tuple(itertools.product(ENCODINGS, INTEGER_TYPES[::2], INTEGER_TYPES[1::2], SIZES))


def make_vertex_columns(types: Sequence[str], names: Sequence[str], rng: random.Random, count: int) -> list[Column]:
    columns = []
    for name, kind in zip(names, types, strict=True):
        columns.append((name, kind, make_values(kind, rng, count, is_color=name in VERTEX_COLUMNS[-4:])))
    return columns


def list_ply_corners(columns: Sequence[Column], uv_names: tuple[str, str] = ("s", "t")) -> list[list[float]]:
    """What each vertex means. Alpha is linear, colours are sRGB."""
    values, kinds = {name: v for name, _, v in columns}, {name: kind for name, kind, _ in columns}
    vertices = []
    for i in range(len(values["x"])):
        position, normal = ([values.get(name, [0] * 99)[i] for name in names] for names in ("xyz", ("nx", "ny", "nz")))
        color = [scale_color(kinds[n], values[n][i]) if n in kinds else 1 for n in VERTEX_COLUMNS[-4:]]
        uv = (values[uv_names[0]][i], 1 - values[uv_names[1]][i]) if uv_names[0] in values else None
        linear = [*map(linearize, color[:3]), color[3]] if "red" in values else None
        vertices.append(make_corner(position, normalize(normal) if "nx" in values else None, uv, linear))
    return vertices


@pytest.mark.slow
def test_types_and_orders_of_ply(tmp_path: Path) -> None:
    """Scalar types of every property, types of lists, orders of properties and elements, and what is ignored."""
    names = list(PLY_TYPES)
    for i, (encoding, length, index, sizes) in enumerate(LAYOUTS):
        rng = random.Random(i)
        count = sum(sizes)
        types = [names[(i + 5 * k) % 16] for k in range(len(VERTEX_COLUMNS))]
        columns = make_vertex_columns(types, VERTEX_COLUMNS, rng, count)
        vertices = list_ply_corners(columns)
        columns += make_vertex_columns([names[i % 16], names[(i + 7) % 16]], ["quality", "material_index"], rng, count)
        neighbours = [[1] * (k % 3 if i % 2 else 2) for k in range(count)]
        columns += [("neighbours", f"list {length} {names[i % 16]}", neighbours)] if i % 3 else []
        rng.shuffle(columns)
        order = rng.sample(range(count), count)
        faces = [order[sum(sizes[:k]) : sum(sizes[: k + 1])] for k in range(3)]
        long = 127 if PLY_TYPES[index] == "b" else 200
        face_columns: list[Column] = [
            (("vertex_indices", "vertex_index", "corners")[i % 3], f"list {length} {index}", faces),
            ("flags", names[(i + 3) % 16], [7, 8, 9]),
            ("texcoord", f"list {INTEGER_TYPES[i % 12]} {names[(i + 4) % 16]}", [[1, 2]] * 3),
            ("other", f"list {index} {length}", [[1] * long, [2, 3], []] if sizes[1] > 3 else [[1] * long] * 3),
        ]
        face_columns = face_columns[: 3 if i % 3 == 2 else 4]  # a list of any name, if it is the only one
        rng.shuffle(face_columns)
        elements = [Element("vertex", columns), Element("face", face_columns)]
        if i % 2:
            elements.reverse()
        extra: list[Column] = [("a", names[i % 16], [1, 2]), ("b", names[(i + 1) % 16], [3, 4])]
        lists: list[Column] = [("d", f"list {length} {names[i % 16]}", [[1, 2, 3], []])]
        elements.insert(i // 2 % 2, Element("camera", [*extra, *lists][i % 3 :]))
        elements.append(Element("edge", [*extra, ("c", "list uchar int", [[1], []])]))
        scene = read_scene_file(write(tmp_path / "a.ply", encode_ply(encoding, elements)))
        corners = gather_corners(scene)[""].reshape(-1, 12)
        numbers = find_rows(corners[:, :3], np.array(vertices, "f4")[:, :3])
        np.testing.assert_allclose(corners, np.array(vertices, "f4")[numbers], 0, 1.2e-7, err_msg=str(LAYOUTS[i]))
        assert list_outer_edges(numbers.reshape(-1, 3)) == sum((list_edges(face) for face in faces), Counter())


@pytest.mark.parametrize("uv_names", [None, *UV_NAMES])
def test_properties_of_ply(tmp_path: Path, uv_names: tuple[str, str] | None) -> None:
    """Each set of optional properties."""
    assert set(UV_NAMES) == set(ply.UV_NAMES)
    Image.fromarray(PIXELS).save(tmp_path / "a b.png")
    groups = ((), ("nx", "ny", "nz")), ((), ("red", "green", "blue"), ("red", "green", "blue", "alpha"))
    for encoding, normal_names, color_names in itertools.product(ENCODINGS, *groups):
        names = ["x", "y", "z", *normal_names, *(uv_names or ()), *color_names]
        rng = random.Random(str(names))
        columns = make_vertex_columns(["double" if k % 2 else "float" for k in range(len(names))], names, rng, 4)
        corners = list_ply_corners(columns, uv_names or ("s", "t"))
        rng.shuffle(columns)
        faces: Column = ("vertex_indices", "list uchar int", [[2, 0, 3], [1, 2, 3]])
        elements = Element("vertex", columns), Element("face", [faces])
        content = encode_ply(encoding, elements, "comment TextureFile a b.png")
        scene = read_scene_file(write(tmp_path / "a.ply", content))
        assert_corners(scene, {"": [[corners[v] for v in face] for face in faces[2]]})
        material = scene.meshes[0].material
        assert material.albedo == (1, 1, 1) and (material.albedo_texture is not None) == (uv_names is not None)


def make_faces(rng: random.Random, sizes: Sequence[int], count: int) -> list[list[int]]:
    """Convex polygons: runs of the vertices of a circle."""
    return [sorted(rng.sample(range(count), n)) for n in sizes]


@pytest.mark.parametrize("sizes", [(3, 3, 3, 3, 3), (3, 4, 3, 5, 3), (5, 5, 5, 5, 5)])
def test_attributes_of_ply_faces(tmp_path: Path, sizes: Sequence[int]) -> None:
    """UVs of faces, an image for each, and colours of faces: each set of them, in every encoding."""
    count, names = 8, ["a b.png", "b.png"]
    for k, name in enumerate(names):
        Image.fromarray(PIXELS + np.uint8(k)).save(tmp_path / name)
    angles = np.arange(count) * 2 * np.pi / count
    points = np.stack([np.cos(angles), np.sin(angles), np.ones(count)], 1).astype("f4").astype("f8")
    numbers = [0, 1, -1, 0, 7]  # of images; -1 and 7: none
    groups = itertools.product((False, True), repeat=4)
    for i, (encoding, (has_uvs, has_numbers, has_colors, has_vertex_uvs)) in enumerate(
        itertools.product(ENCODINGS, groups)
    ):
        rng = random.Random(i)
        faces = make_faces(rng, sizes, count)
        uvs = [[rng.randint(-9, 9) / 8 for _ in range(2 * n)] for n in sizes]
        uvs[4] = []  # that of the vertices, if they have any
        vertex_uvs = [[rng.randint(-9, 9) / 8 for _ in range(2)] for _ in range(count)]
        colors = [[rng.randint(0, 255) for _ in range(3)] for _ in sizes]
        face_columns: list[Column] = [("vertex_indices", "list uchar int", faces)]
        face_columns += [("texcoord", "list uchar float", uvs)] if has_uvs else []
        face_columns += [("texnumber", "int", numbers)] if has_numbers else []
        face_columns += [
            (name, "uchar", [color[k] for color in colors])
            for k, name in enumerate(("red", "green", "blue"))
            if has_colors
        ]
        rng.shuffle(face_columns)
        columns: list[Column] = [(name, "float", points[:, k].tolist()) for k, name in enumerate("xyz")]
        columns += [(name, "float", [uv[k] for uv in vertex_uvs]) for k, name in enumerate("st") if has_vertex_uvs]
        comment = "".join(f"comment TextureFile {name}\n" for name in names)[:-1]
        elements = Element("vertex", columns), Element("face", face_columns)
        scene = read_scene_file(write(tmp_path / "a.ply", encode_ply(encoding, elements, comment)))
        expected: dict[int, list[Any]] = defaultdict(list)
        for face, uv, number, color in zip(faces, uvs, numbers, colors, strict=True):
            corner_uvs: Any = np.reshape(uv, (-1, 2)) if has_uvs and uv else None
            if corner_uvs is None and has_vertex_uvs:
                corner_uvs = np.array(vertex_uvs)[face]
            linear = [linearize(c / 255) for c in color] + [1] if has_colors else None
            face_corners = [
                make_corner(
                    points[v], uv=None if corner_uvs is None else corner_uvs[k] * (1, -1) + (0, 1), color=linear
                )
                for k, v in enumerate(face)
            ]
            number = number if has_numbers else 0
            image = number if number in (0, 1) and corner_uvs is not None else -1
            expected[image] += [
                [face_corners[0], face_corners[k], face_corners[k + 1]] for k in range(1, len(face) - 1)
            ]
        actual: dict[int, list[Mesh]] = defaultdict(list)
        for mesh in scene.meshes:
            texture = mesh.material.albedo_texture
            image = -1 if texture is None else int(texture.pixels[0, 0, 0] - PIXELS[0, 0, 0])
            actual[image].append(mesh)
        assert actual.keys() == expected.keys()
        for image, triangles in expected.items():
            assert_corners(Scene(tuple(actual[image])), {"": triangles})


def test_strips_of_ply(tmp_path: Path) -> None:
    """Strips separated by -1 and strips in lists of their own; the winding alternates; beside faces, too."""
    points = np.random.default_rng(5).integers(-9, 9, (20, 3)).astype("f8")
    strips = [[0, 1, 2], [3, 4, 5, 6, 7], [8, 9], [], [10, 11, 12, 13], [13, 14, 15, 15, 16, 17]]
    expected = []
    for strip in strips:
        for k in range(len(strip) - 2):
            a, b, c = strip[k : k + 3]
            if len({a, b, c}) == 3:  # others only join
                expected.append([make_corner(points[v]) for v in ((b, a, c) if k % 2 else (a, b, c))])
    joined = [index for strip in strips for index in (*strip, -1)]
    for encoding, lists, has_faces in itertools.product(ENCODINGS, ([joined], [joined[:-1]], strips), (False, True)):
        columns: list[Column] = [(name, "float", points[:, k].tolist()) for k, name in enumerate("xyz")]
        elements = [Element("vertex", columns), Element("tristrips", [("vertex_indices", "list int int", lists)])]
        if has_faces:
            elements.insert(1, Element("face", [("vertex_indices", "list uchar int", [[17, 18, 19]])]))
        scene = read_scene_file(write(tmp_path / "a.ply", encode_ply(encoding, elements)))
        face = [[make_corner(points[v]) for v in (17, 18, 19)]] * has_faces
        assert_corners(scene, {"": expected + face})
        assert scene.warnings == ()


# ---- STL -------------------------------------------------------------------------------------------------------------


def encode_binary_stl(corners: Array, head: bytes) -> bytes:
    rng = np.random.default_rng(1)
    records = np.zeros(len(corners), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    records["normal"], records["corners"] = rng.normal(size=(len(corners), 3)), corners
    records["attribute"] = rng.integers(0, 2**16, len(corners))
    return head.ljust(80, b"x") + struct.pack("<I", len(corners)) + records.tobytes()


def encode_ascii_stl(corners: Array, number: str, line_end: str, solids: int) -> bytes:
    lines = []
    for part in np.array_split(corners, solids):
        lines.append("solid a part")
        for triangle in part.tolist():
            lines += ["facet normal 0 0 0", "\touter loop"]
            lines += ["    vertex " + "  ".join(number.format(x) for x in corner) for corner in triangle]
            lines += ["endloop", "endfacet", ""]
        lines.append("endsolid a part")
    return line_end.join(lines).encode()


def test_codes_of_stl(tmp_path: Path) -> None:
    """Binary and ASCII, with any header, number format, line end and number of solids."""
    corners = np.random.default_rng(3).uniform(-100, 100, (7, 3, 3)).astype("f4")
    expected = {"": [[make_corner(p) for p in t] for t in corners.tolist()]}
    codes = [encode_binary_stl(corners, head) for head in (b"", b"solid", b"solid facet\n", b"\0\xff")]
    for number, line_end, solids in itertools.product(("{:.9g}", "{:+.9e}", "{:.9E}"), LINE_ENDS, (1, 3)):
        code = encode_ascii_stl(corners, number, line_end, solids)
        codes += [code, code.upper()]
    for code in codes:
        assert_corners(read_scene_file(write(tmp_path / "a.stl", code), "y"), expected)
