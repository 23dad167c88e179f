"""Tests of OBJ, PLY and STL: content and variants of the formats; broken files give one-line errors or warnings."""

from __future__ import annotations

import itertools
import os
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from render_small import render_small
from ssdo.arrays import Bytes, Doubles
from ssdo.gpu.context import Gpu
from ssdo.render.technique import Technique
from ssdo.scene.files import mesh_builder, obj, polygons
from ssdo.scene.files.file_access import record_files
from ssdo.scene.loader import read_scene_file
from ssdo.scene.model import DIELECTRIC_F0, MIN_OPAQUE_ALPHA, Mesh, Scene
from ssdo.settings import UserError
from test_commands import call, read_image

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
FACET = "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
CORNERS = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], "f4")
PIXELS = np.array([[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]], "u1")


def read_scene(tmp_path: Path, name: str, content: str | bytes) -> Scene:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_scene_file(path, "y")


def read_mesh(tmp_path: Path, name: str, content: str | bytes) -> Mesh:
    (mesh,) = read_scene(tmp_path, name, content).meshes
    return mesh


def read_error(tmp_path: Path, name: str, content: str | bytes) -> str:
    with pytest.raises(UserError) as caught:
        read_scene(tmp_path, name, content)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / name}: ") and "\n" not in text and len(text) < 300 + len(str(tmp_path)), text
    return text.removeprefix(f"{tmp_path / name}: ")


def compute_area_vector(mesh: Mesh) -> Doubles:
    """The sum of the triangles' area vectors. It equals the outline's, however the polygon is triangulated."""
    a, b, c = mesh.positions[mesh.triangles].astype("f8").transpose(1, 0, 2)
    total: Doubles = np.cross(b - a, c - a).sum(0) / 2
    return total


def compute_area(mesh: Mesh) -> float:
    """The sum of the triangles' areas."""
    a, b, c = mesh.positions[mesh.triangles].astype("f8").transpose(1, 0, 2)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def write_image(tmp_path: Path, name: str = "a.png") -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    Image.fromarray(PIXELS).save(tmp_path / name, "tga" if name.endswith("tga") else None)


def make_ply(
    body: bytes,
    form: str = "ascii",
    vertex: str = "",
    faces: int = 1,
    vertices: int = 4,
    index: str = "uchar int vertex_indices",
) -> bytes:
    lines = [
        f"ply\nformat {form} 1.0\ncomment made by a test",
        f"element vertex {vertices}\nproperty float x\nproperty float y\nproperty float z",
        f"{vertex}element face {faces}\nproperty list {index}\nend_header\n",
    ]
    return "\n".join(lines).encode() + body


def make_stl(triangles: Any, count: int | None = None, head: bytes = b"") -> bytes:
    records = b"".join(bytes(12) + np.asarray(t, "<f4").tobytes() + b"\0\0" for t in triangles)
    return head.ljust(80) + struct.pack("<I", len(triangles) if count is None else count) + records


# ---- OBJ -------------------------------------------------------------------------------------------------------------


def test_obj(tmp_path: Path) -> None:
    """A corner has an index of its own for position, UV and normal. v points up in OBJ and down in the scene."""
    mesh = read_mesh(
        tmp_path, "a.obj", SQUARE + "vt 0 0\nvt 1 0.25\nvt 0.5 1\nvn 0 0 2\nvn 0 3 4\nf 1/1/1 2/2/1 3/3/2\n"
    )
    np.testing.assert_array_equal(mesh.positions[mesh.triangles[0]], CORNERS[:3])
    assert mesh.uvs is not None and mesh.normals is not None and mesh.colors is None
    np.testing.assert_array_equal(mesh.uvs[mesh.triangles[0]], [(0, 1), (1, 0.75), (0.5, 0)])
    np.testing.assert_allclose(mesh.normals[mesh.triangles[0]], [(0, 0, 1), (0, 0, 1), (0, 0.6, 0.8)], atol=1e-7)
    assert mesh.material.albedo == (0.8, 0.8, 0.8) and mesh.material.f0 == (0, 0, 0)


def test_uv_origin(tmp_path: Path) -> None:
    """vt 0 1 is the upper left pixel of the image, the scene's (0, 0)."""
    write_image(tmp_path)
    (tmp_path / "a.mtl").write_text("newmtl m\nmap_Kd a.png\n")
    mesh = read_mesh(tmp_path, "a.obj", "mtllib a.mtl\n" + SQUARE + "vt 0 1\nvt 1 1\nvt 0 0\nusemtl m\nf 1/1 2/2 3/3\n")
    assert mesh.uvs is not None and mesh.material.albedo_texture is not None
    np.testing.assert_array_equal(mesh.uvs[mesh.triangles[0]], [(0, 0), (1, 0), (0, 1)])
    np.testing.assert_array_equal(mesh.material.albedo_texture.pixels[..., :3], PIXELS)


@pytest.mark.parametrize(
    "faces",
    [
        "f 1 2 3 4",
        "f -4 -3 -2 -1",
        "f\t1\t2 3 \t 4  # a comment",
        "f 1 2 \\\n3 4",
        "f 1// 2// 3// 4//",
        "g x\no y\ns 1\nf 1 2 3\nf 1 3 4",
        "f 1 2 3\r\nf 1 3 -1\r\n",
        "l 1 2\np 1\nf 1 2 3 4",
    ],
)
def test_obj_variants(tmp_path: Path, faces: str) -> None:
    mesh = read_mesh(tmp_path, "a.obj", SQUARE + faces)
    assert compute_area_vector(mesh).tolist() == [0, 0, 1] and compute_area(mesh) == 1
    assert mesh.normals is None and mesh.uvs is None
    text = (SQUARE + faces).replace("\r", "")
    for content in (text.replace("\n", "\r\n").encode(), text.encode("utf-16"), b"\xef\xbb\xbf" + text.encode()):
        assert compute_area_vector(read_mesh(tmp_path, "a.obj", content)).tolist() == [0, 0, 1]


def test_negative_indices(tmp_path: Path) -> None:
    mesh = read_mesh(tmp_path, "a.obj", SQUARE + "f -4 -3 -2 -1\n" + SQUARE.replace(" 0\n", " 5\n") + "f -4 -3 -2 -1\n")
    assert compute_area_vector(mesh).tolist() == [0, 0, 2] and sorted(set(mesh.positions[:, 2].tolist())) == [0, 5]


def test_meshes_are_split_by_attributes(tmp_path: Path) -> None:
    write_image(tmp_path)
    (tmp_path / "a.mtl").write_text("newmtl m\nmap_Kd a.png\n")
    faces = "f 1/1/1 2/1/1 3/1/1\nf 1/1 2/1 3/1\nf 1//1 2//1 3//1\nf 1 2 3\nf 1/1/1 2/1/1 3/1/2\n"
    text = SQUARE + "vt 0 0\nvn 0 0 1\nvn 0 0 0\nmtllib a.mtl\nusemtl m\n" + faces
    meshes = read_scene(tmp_path, "a.obj", text).meshes
    has = [
        (m.normals is not None, m.uvs is not None, m.material.albedo_texture is not None, len(m.triangles))
        for m in meshes
    ]
    assert has == [(True, True, True, 1), (True, False, False, 1), (False, True, True, 2), (False, False, False, 1)]


def test_normals_of_any_length(tmp_path: Path) -> None:
    """Their squares neither overflow nor vanish."""
    mesh = read_mesh(tmp_path, "a.obj", SQUARE + "vn 0 3e200 4e200\nvn 0 3e-20 4e-20\nf 1//1 2//2 3//1\n")
    assert mesh.normals is not None
    np.testing.assert_allclose(mesh.normals, [(0, 0.6, 0.8)] * 3, atol=1e-6)


def test_vertex_colours_become_linear(tmp_path: Path) -> None:
    """sRGB 0.5 becomes 0.214 (IEC 61966-2-1) in OBJ; 188 of 255 becomes 0.503 in PLY, whose alpha is linear."""
    mesh = read_mesh(tmp_path, "a.obj", "v 0 0 0 0.5 0 1\nv 1 0 0 0.5 0 1\nv 0 1 0 0.5 0 1\nf 1 2 3\n")
    assert mesh.colors is not None
    np.testing.assert_allclose(mesh.colors, [[0.21404, 0, 1, 1]] * 3, atol=1e-5)
    colors = "".join(f"property uchar {name}\n" for name in ("red", "green", "blue", "alpha"))
    mesh = read_mesh(
        tmp_path,
        "a.ply",
        make_ply(
            b"0 0 0 188 0 255 51\n1 0 0 188 0 255 51\n1 1 0 188 0 255 51\n0 1 0 188 0 255 51\n4 0 1 2 3\n",
            vertex=colors,
        ),
    )
    assert mesh.colors is not None and mesh.material.albedo == (1, 1, 1)
    np.testing.assert_allclose(mesh.colors, [[0.50289, 0, 1, 0.2]] * 4, atol=1e-5)
    scene = read_scene(tmp_path, "a.obj", "v 0 0 0 0.5 0 1\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert scene.meshes[0].colors is None and "colours" in scene.warnings[0]


# ---- MTL -------------------------------------------------------------------------------------------------------------


def read_material(tmp_path: Path, text: str) -> tuple[Any, tuple[str, ...]]:
    (tmp_path / "a.mtl").write_text("newmtl m\n" + text)
    scene = read_scene(tmp_path, "a.obj", "mtllib a.mtl\nusemtl m\n" + SQUARE + "vt 0 0\nf 1/1 2/1 3/1\n")
    return scene.meshes[0].material, scene.warnings


def test_material(tmp_path: Path) -> None:
    m, warnings = read_material(
        tmp_path, "Kd 0.1 0.2 0.3\nKe 4 5 6\nKs 0.5 0.5 0.5\nNs 30\nPm 0.25\nd 0.75\nillum 2\nKa 1 1 1\nNi 1.5\n"
    )
    assert (m.albedo, m.emission, m.name) == ((0.1, 0.2, 0.3), (4, 5, 6), "m")
    assert (m.metallic, m.opacity, m.f0) == (0.25, 0.75, DIELECTRIC_F0)
    assert m.roughness == pytest.approx(0.5) and warnings == ()  # GGX: alpha^2 = 2 / (30 + 2), alpha = roughness^2
    assert m.albedo_texture is None
    m, _ = read_material(tmp_path, "Kd 0.5\nKs 0 0 0\nNs 30\nPr 0.7\nTr 0.25\n")
    assert (m.albedo, m.f0, m.roughness, m.opacity) == ((0.5, 0.5, 0.5), (0, 0, 0), 0.7, 0.75)
    m, _ = read_material(tmp_path, "Kd 2 -1 0.5\nd -halo 0.5\nTr 0.9\n")
    assert (m.albedo, m.opacity) == ((1, 0, 0.5), 0.5)


def test_maps(tmp_path: Path) -> None:
    write_image(tmp_path)
    write_image(tmp_path, "in here/b c.png")
    write_image(tmp_path, "d.tga")
    m, warnings = read_material(
        tmp_path, "Kd 0 0 0\nmap_Kd a.png\nKe 2 2 2\nmap_Ke in here\\b c.png\ndisp a.png\nmap_Bump -bm 1 a.png\n"
    )
    assert m.albedo == (1, 1, 1) and m.emission == (2, 2, 2), "black beside a texture means white"
    np.testing.assert_array_equal(m.albedo_texture.pixels[..., :3], PIXELS)
    np.testing.assert_array_equal(m.emission_texture.pixels[..., :3], PIXELS)
    assert (
        len(warnings) == 2
        and "disp" in warnings[0]
        and "map_Bump" in warnings[1]
        and all("not read" in warning for warning in warnings)
    )
    m, _ = read_material(tmp_path, "Kd 0.5 1 1\nmap_Kd -clamp on -s 2 3 1 -o 0.25 0.5 -mm 0 1 d.tga\n")
    assert m.albedo == (0.5, 1, 1) and m.albedo_texture.clamp == (True, True)
    np.testing.assert_array_equal(m.albedo_texture.pixels[..., :3], PIXELS)
    # Upwards, v' = 3 v + 0.5: the lower edge, v = 1 here, is mapped to 1 - 0.5.
    (su, _, ou), (_, sv, ov) = m.albedo_texture.transform
    assert (su + ou, ou, sv + ov, ov) == (2.25, 0.25, 0.5, 1 - 3.5)


@pytest.mark.parametrize(
    ("text", "opacity"),
    [
        ("d 1", 1.0),
        ("d 0.4", 0.4),
        ("d -halo 0.4", 0.4),
        ("Tr 0.4", 0.6),
        ("Tr 0", 1.0),
        ("d 1\nTr 1", 1.0),  # d wins over Tr
        ("Tr 0.9\nd 0.4", 0.4),
        ("d 0", 1.0),  # nothing else would be seen
        ("Tr 1", 1.0),
        ("d 0\nmap_d mask.png", 1.0),
        ("d 0.4\nmap_d mask.png", 0.4),
        ("d x", 1.0),
    ],
)
def test_opacity_of_materials(tmp_path: Path, text: str, opacity: float) -> None:
    """Below 1 they are blended, and drawn as opaque surfaces where they are opaque."""
    write_grey(tmp_path / "mask.png", SHAPES["opaque"])
    m, warnings = read_material(tmp_path, text)
    assert m.opacity == pytest.approx(opacity)
    assert (m.blending, m.alpha_cutoff) == (("none", 0) if opacity == 1 else ("alpha", MIN_OPAQUE_ALPHA))
    assert bool(warnings) == (text in ("d 0", "Tr 1", "d x")) and m.albedo_texture is None


def test_invisible_materials_beside_others(tmp_path: Path) -> None:
    """They stay so, with a note."""
    (tmp_path / "a.mtl").write_text("newmtl m\nd 0\nnewmtl n\nd 0.5\n")
    scene = read_scene(tmp_path, "a.obj", "mtllib a.mtl\nusemtl m\n" + SQUARE + "f 1 2 3\nusemtl n\nf 1 3 4\n")
    assert {mesh.material.name: mesh.material.opacity for mesh in scene.meshes} == {"m": 0, "n": 0.5}
    assert scene.warnings == ("usemtl: 'm': fully transparent, not seen",)


def make_shape(name: str, size: int = 32) -> Bytes:
    """(size, size) alpha: a disc with hard or smooth edges, or something else."""
    y, x = np.mgrid[:size, :size]
    distance = size / 3 - np.hypot(x - size / 2, y - size / 2)  # texels within the disc
    window = np.full((size, size), 255)
    window[4:9, 4:9] = 128
    shapes = {
        "opaque": np.full((size, size), 255),
        "hard": np.where(distance > 0, 255, 0),
        "smooth": np.clip(128 + 100 * distance, 0, 255),
        "blurred": np.clip(128 + 10 * distance, 0, 255),
        "gradient": x * 255 // (size - 1),
        "window": window,
        "glass": np.full((size, size), 99),
    }
    return np.asarray(shapes[name], "u1")


SHAPES = {name: make_shape(name) for name in ("opaque", "hard", "smooth", "blurred", "gradient", "window", "glass")}
MASKS = ("hard", "smooth")
COLORS = np.random.default_rng(1).integers(0, 256, (32, 32, 3), "u1")


def write_grey(path: Path, alpha: Bytes) -> None:
    Image.fromarray(alpha).save(path)


def write_rgba(path: Path, rgb: Bytes, alpha: Bytes) -> None:
    Image.fromarray(np.dstack([rgb, alpha])).save(path)


def assert_drawn_with(material: Any, shape: str) -> None:
    """Opaque, with an alpha mask or blended, as the alpha of its albedo texture needs it."""
    expected = ("none", 0.5) if shape in MASKS else ("alpha", MIN_OPAQUE_ALPHA)
    assert (material.blending, material.alpha_cutoff) == (("none", 0) if shape == "opaque" else expected), shape


@pytest.mark.parametrize("shape", SHAPES)
def test_opacity_images(tmp_path: Path, shape: str) -> None:
    """Alpha of map_Kd; map_d by its alpha or its luminance, alone or beside an image with other alpha; and PLY."""
    alpha = SHAPES[shape]
    write_rgba(tmp_path / "rgba.png", COLORS, alpha)
    write_rgba(tmp_path / "other.png", COLORS, SHAPES["gradient"].T)
    Image.fromarray(COLORS).save(tmp_path / "rgb.png")
    write_grey(tmp_path / "grey.png", alpha)
    for text in (
        "map_Kd rgba.png",
        "map_Kd rgb.png\nmap_d grey.png",
        "map_Kd rgba.png\nmap_d rgba.png",
        "map_Kd other.png\nmap_d grey.png",
        "map_Kd -s 2 2 -clamp on rgb.png\nmap_d -clamp on -s 2 2 1 grey.png",
    ):
        m, warnings = read_material(tmp_path, text)
        np.testing.assert_array_equal(m.albedo_texture.pixels, np.dstack([COLORS, alpha]), text)
        assert_drawn_with(m, shape)
        assert warnings == ()
    m, _ = read_material(tmp_path, "Kd 0.1 0.2 0.3\nmap_d grey.png")
    assert m.albedo == (0.1, 0.2, 0.3) and (m.albedo_texture is None) == (shape == "opaque")
    assert m.albedo_texture is None or (m.albedo_texture.pixels[..., :3] == 255).all()
    assert_drawn_with(m, shape)
    m, _ = read_material(tmp_path, "d 0.5\nmap_Kd rgba.png")
    assert_drawn_with(m, "glass")
    uvs = "property float s\nproperty float t\n"
    content = make_ply(b"0 0 0 0 0\n1 0 0 1 0\n0 1 0 0 1\n3 0 1 2\n", vertex=uvs, vertices=3)
    mesh = read_mesh(tmp_path, "a.ply", content.replace(b"made by a test", b"TextureFile rgba.png"))
    assert_drawn_with(mesh.material, shape)


def test_images_of_opacity_that_differ(tmp_path: Path) -> None:
    """The smaller image is enlarged. One that lies otherwise is left out with a note."""
    write_grey(tmp_path / "small.png", make_shape("hard", 8))
    write_grey(tmp_path / "large.png", make_shape("hard", 64))
    write_grey(tmp_path / "medium.png", make_shape("hard", 32))
    Image.fromarray(COLORS.repeat(4, 0).repeat(4, 1)).save(tmp_path / "rgb128.png")
    Image.fromarray(COLORS).save(tmp_path / "rgb.png")
    m, _ = read_material(tmp_path, "map_Kd rgb.png\nmap_d small.png")
    np.testing.assert_array_equal(m.albedo_texture.pixels[..., :3], COLORS)
    assert abs(float(m.albedo_texture.pixels[..., 3].mean()) - float(make_shape("hard", 8).mean())) < 4
    m, _ = read_material(tmp_path, "map_Kd rgb128.png\nmap_d medium.png")
    assert m.albedo_texture.pixels.shape == (128, 128, 4)
    assert_drawn_with(m, "hard")  # though enlarging has made its edges smooth
    m, _ = read_material(tmp_path, "map_Kd rgb.png\nmap_d large.png")
    np.testing.assert_array_equal(m.albedo_texture.pixels[..., 3], make_shape("hard", 64))
    m, warnings = read_material(tmp_path, "map_Kd -s 2 2 rgb.png\nmap_d large.png")
    assert m.albedo_texture.pixels.shape == (32, 32, 4) and m.alpha_cutoff == 0 and "options of map_Kd" in warnings[0]


def test_channels_of_opacity_images(tmp_path: Path) -> None:
    """-imfchan chooses the channel, -mm scales it. Without, alpha counts before luminance."""
    alpha = SHAPES["gradient"]
    write_rgba(tmp_path / "d.png", COLORS, alpha)
    red, green, blue = COLORS.astype("f8").transpose(2, 0, 1)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    channels = {"": alpha, "m": alpha, "r": red, "g": green, "b": blue, "l": luma}
    for option, expected in channels.items():
        m, _ = read_material(tmp_path, f"map_d {option and '-imfchan ' + option} d.png")
        np.testing.assert_allclose(m.albedo_texture.pixels[..., 3], expected, atol=2 if option == "l" else 0)
    m, _ = read_material(tmp_path, "map_d -mm 1 -1 d.png")
    np.testing.assert_array_equal(m.albedo_texture.pixels[..., 3], 255 - alpha)


def test_images_transparent_everywhere_are_opaque(tmp_path: Path) -> None:
    """Some programs write alpha so. There is a note."""
    write_rgba(tmp_path / "a.png", COLORS, np.zeros((32, 32), "u1"))
    write_grey(tmp_path / "b.png", np.zeros((32, 32), "u1"))
    for text in ("map_Kd a.png\nd 0.5", "map_Kd a.png\nmap_d b.png\nd 0.5"):
        m, warnings = read_material(tmp_path, text)
        assert (m.albedo_texture.pixels[..., 3] == 255).all() and "0 everywhere" in warnings[-1]


def test_opaque_images_cost_nothing(tmp_path: Path) -> None:
    """No other array is made of them, and triangles without UVs have no alpha mask."""
    write_rgba(tmp_path / "rgba.png", COLORS, SHAPES["opaque"])
    write_rgba(tmp_path / "mask.png", COLORS, SHAPES["hard"])
    m, _ = read_material(tmp_path, "map_Kd rgba.png\nmap_Ke rgba.png\nmap_d rgba.png")
    assert m.albedo_texture.pixels is m.emission_texture.pixels
    m, _ = read_material(tmp_path, "map_Kd mask.png\nmap_Ke mask.png\nmap_d mask.png")
    assert m.albedo_texture.pixels is m.emission_texture.pixels
    scene = read_scene(tmp_path, "a.obj", "mtllib a.mtl\nusemtl m\n" + SQUARE + "f 1 2 3\n")
    assert scene.meshes[0].material.alpha_cutoff == 0


def test_images_are_read_once_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path)
    m, _ = read_material(tmp_path, "map_Kd a.png\nmap_Ke ./a.png\n")
    assert m.albedo_texture.pixels is m.emission_texture.pixels
    monkeypatch.setattr("ssdo.scene.files.images.MAX_TOTAL_PIXELS", 7)
    write_image(tmp_path, "b.png")
    m, warnings = read_material(tmp_path, "map_Kd a.png\nmap_Ke b.png\n")
    assert m.emission_texture is None and "all images together" in warnings[0]


def test_missing_files_are_warnings(tmp_path: Path) -> None:
    assert "aaa" in read_scene(tmp_path, "a.obj", f"mtllib {'a' * 5000}\n" + SQUARE + "f 1 2 3\n").warnings[0]
    scene = read_scene(tmp_path, "a.obj", "mtllib none.mtl\nusemtl m\n" + SQUARE + "f 1 2 3\n")
    assert scene.meshes[0].material.albedo == (0.8, 0.8, 0.8)
    assert "none.mtl" in scene.warnings[0] and "no material 'm'" in scene.warnings[1]
    m, warnings = read_material(tmp_path, "Kd 0.1 0.2 0.3\nmap_Kd none.png\n")
    assert m.albedo_texture is None and "none.png" in warnings[0] and "no such file" in warnings[0]
    (tmp_path / "bad.png").write_bytes(b"no image")
    m, warnings = read_material(tmp_path, "map_Kd bad.png\n")
    assert m.albedo_texture is None and "not a whole PNG, JPEG, WebP, BMP, TGA" in warnings[0]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("../a.png", "must stay in the folder"),
        ("x/../../a.png", "must stay in the folder"),
        ("..\\a.png", "must stay in the folder"),
        ("/etc/passwd", "must stay in the folder"),
        ("https://example.org/a.png", "must name a file beside this one"),
        ("\\\\server\\a.png", "must name a file beside this one"),
        ("C:\\a.png", "must name a file beside this one"),
        ("link.png", "must stay in the folder"),
    ],
)
def test_paths_outside_of_the_folder_are_never_opened(tmp_path: Path, name: str, rule: str) -> None:
    """The mesh is drawn without them."""
    write_image(tmp_path)
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.png").symlink_to(tmp_path / "a.png")
    (inside / "a.mtl").write_text(f"newmtl m\nmap_Kd {name}\n")
    text = SQUARE + "vt 0 0\nusemtl m\nf 1/1 2/1 3/1\n"

    def read_noted(file: str, content: str | bytes, element: str) -> None:
        with record_files() as files:
            scene = read_scene(inside, file, content)
        assert scene.meshes[0].material.albedo_texture is None
        assert any(warning.startswith(element) and rule in warning for warning in scene.warnings), scene.warnings
        assert all(path.resolve().is_relative_to(inside.resolve()) for path in files if path.exists())

    read_noted("a.obj", "mtllib a.mtl\n" + text, "'a.mtl' line 2: map_Kd:")
    if name != "link.png":
        read_noted("a.obj", f"mtllib {name}\n" + text, "mtllib:")
        ply = make_ply(b"0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n")
        texture = b"\ncomment TextureFile " + name.encode()
        read_noted("a.ply", ply.replace(b"made by a test", texture), "comment TextureFile:")


@pytest.mark.parametrize("folder", ["", "materials"])
@pytest.mark.parametrize("place", ["", "materials", "materials/images"])
def test_images_are_found_beside_both_files(tmp_path: Path, folder: str, place: str) -> None:
    """Beside the OBJ file, or beside the .mtl file, which may lie in a folder of its own."""
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    write_image(tmp_path, f"{place}/t.png".lstrip("/"))
    for base in {"", folder}:
        name = os.path.relpath(f"{place}/t.png".lstrip("/"), base or ".").replace(os.sep, "/")
        library = tmp_path / folder / "a.mtl"
        library.parent.mkdir(exist_ok=True)
        library.write_text(f"newmtl m\nmap_Kd {name}\n")
        text = f"mtllib {folder}/a.mtl\n".replace(" /", " ") + SQUARE + "vt 0 0\nusemtl m\nf 1/1 2/1 3/1\n"
        scene = read_scene(tmp_path, "a.obj", text)
        is_inside = ".." not in name or base  # what leads out of the OBJ file's folder is not opened
        assert (scene.meshes[0].material.albedo_texture is not None) == bool(is_inside), scene.warnings


def test_names_of_files(tmp_path: Path) -> None:
    """Quotes around them, options behind them, other letter case, a comment behind the name of a material."""
    write_image(tmp_path, "Some Folder/Image.PNG")
    for name in ('"some folder/image.png"', "Some Folder\\image.PNG", "SOME FOLDER/image.png -s 2 2 1 -clamp on"):
        (tmp_path / "B.mtl").write_text(f"newmtl m # one\nmap_Kd {name}\n")
        text = SQUARE + "vt 0 0\nusemtl m # one\nf 1/1 2/1 3/1\n"
        scene = read_scene(tmp_path, "a.obj", 'mtllib "b.mtl"\n' + text)
        texture = scene.meshes[0].material.albedo_texture
        assert scene.warnings == () and texture is not None
        assert texture.clamp == (("-clamp" in name),) * 2 and texture.transform[0][0] == (2 if "-s" in name else 1)


def test_other_letter_case_never_leads_outside(tmp_path: Path) -> None:
    write_image(tmp_path)
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "LINK.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "inside" / "a.mtl").write_text("newmtl m\nmap_Kd link.png\n")
    text = "mtllib a.mtl\n" + SQUARE + "vt 0 0\nusemtl m\nf 1/1 2/1 3/1\n"
    scene = read_scene(tmp_path / "inside", "a.obj", text)
    assert scene.meshes[0].material.albedo_texture is None and "must stay in the folder" in scene.warnings[0]


def test_roughness_and_metallic_images(tmp_path: Path) -> None:
    """map_Pr is green and map_Pm is blue. An image that both name is as in glTF."""
    rough, metal = SHAPES["gradient"], SHAPES["gradient"].T
    write_grey(tmp_path / "r.png", rough)
    write_grey(tmp_path / "m.png", metal)
    Image.fromarray(COLORS).save(tmp_path / "rgb.png")
    m, warnings = read_material(tmp_path, "Kd 1 1 1\nmap_Pr r.png\nmap_Pm m.png")
    assert m.metallic_roughness_texture is not None and warnings == ()
    np.testing.assert_array_equal(m.metallic_roughness_texture.pixels[..., 1:3], np.dstack([rough, metal]))
    assert (m.roughness, m.metallic) == (1, 1) and any(m.f0)
    m, _ = read_material(tmp_path, "Pr 0.5\nPm 0\nmap_Pr r.png\nKs 0 0 0")
    assert m.metallic_roughness_texture is not None and (m.metallic_roughness_texture.pixels[..., 2] == 255).all()
    assert (m.roughness, m.metallic) == (0.5, 0) and not any(m.f0)
    m, _ = read_material(tmp_path, "map_Pr rgb.png\nmap_Pm rgb.png")
    np.testing.assert_array_equal(m.metallic_roughness_texture.pixels[..., 1:3], COLORS[..., 1:3])
    m, _ = read_material(tmp_path, "map_Pr -imfchan b rgb.png\nmap_Pm -imfchan r -mm 1 -1 rgb.png")
    np.testing.assert_array_equal(m.metallic_roughness_texture.pixels[..., 1], COLORS[..., 2])
    np.testing.assert_array_equal(m.metallic_roughness_texture.pixels[..., 2], 255 - COLORS[..., 0])
    m, warnings = read_material(tmp_path, "map_Pr r.png\nmap_Pm -s 2 2 m.png")
    assert (m.metallic_roughness_texture.pixels[..., 2] == 255).all() and "options of map_Pr" in warnings[0]


@pytest.mark.parametrize("statement", ["norm n.png", "map_Bump -bm 0.5 n.png", "bump n.png -bm 0.5"])
@pytest.mark.parametrize("has_normals", [False, True])
def test_normal_maps(tmp_path: Path, statement: str, has_normals: bool) -> None:
    """norm, and bump maps that hold normals. Tangents run along u; without normals the surface is flat."""
    Image.fromarray(np.full((4, 4, 3), (100, 140, 250), "u1")).save(tmp_path / "n.png")
    (tmp_path / "a.mtl").write_text(f"newmtl m\n{statement}\n")
    face = "f 1/1/1 2/2/1 3/3/1 4/4/1" if has_normals else "f 1/1 2/2 3/3 4/4"
    text = "mtllib a.mtl\nusemtl m\nvt 0 0\nvt 0 1\nvt -1 1\nvt -1 0\nvn 0 0 1\n" + SQUARE + face + "\n"
    scene = read_scene(tmp_path, "a.obj", text)
    (mesh,) = scene.meshes
    assert mesh.material.normal_texture is not None and scene.warnings == ()
    assert mesh.material.normal_scale == (0.5 if "-bm" in statement else 1)
    assert mesh.tangents is not None and mesh.normals is not None and len(mesh.positions) == (4 if has_normals else 6)
    np.testing.assert_allclose(mesh.normals, np.tile((0, 0, 1), (len(mesh.positions), 1)), atol=1e-6)
    # u grows along -y, v upwards along x: together with the normal they are right-handed.
    np.testing.assert_allclose(mesh.tangents, np.tile((0, -1, 0, 1), (len(mesh.positions), 1)), atol=1e-6)
    assert compute_area_vector(mesh).tolist() == [0, 0, 1]


def test_normal_maps_on_mirrored_uvs(tmp_path: Path) -> None:
    """The vertices between a triangle and its mirror image are split: their tangents differ."""
    Image.fromarray(np.full((4, 4, 3), (100, 140, 250), "u1")).save(tmp_path / "n.png")
    (tmp_path / "a.mtl").write_text("newmtl m\nnorm n.png\n")
    text = SQUARE + "vt 0 0\nvt 1 0\nvt 1 1\nvn 0 0 1\nusemtl m\nf 1/1/1 2/2/1 3/3/1\nf 1/1/1 3/3/1 4/2/1\n"
    mesh = read_mesh(tmp_path, "a.obj", "mtllib a.mtl\n" + text)
    assert mesh.tangents is not None and len(mesh.positions) == 6
    np.testing.assert_array_equal(mesh.tangents[mesh.triangles][..., 3], [(1, 1, 1), (-1, -1, -1)])
    np.testing.assert_array_equal(mesh.positions[mesh.triangles], CORNERS[[(0, 1, 2), (0, 2, 3)]])


# ---- polygons --------------------------------------------------------------------------------------------------------


def make_star(n: int) -> Doubles:
    """A star of n corners in a slanted plane. No corner sees all others, so it needs ear clipping."""
    angle = np.arange(n) * 2 * np.pi / n
    size = np.where(np.arange(n) % 2, 0.2, 1.0)
    flat = np.stack([size * np.cos(angle), size * np.sin(angle)], 1)
    corners: Doubles = flat @ np.array([(0.6, 0.8, 0), (0, 0, 1)])
    return corners


@pytest.mark.parametrize("shift", range(5))
def test_concave_polygons(tmp_path: Path, shift: int) -> None:
    """The triangles cover exactly the outline, wherever the numbering begins."""
    outline = np.roll([(0, 0), (1, 0), (0.5, 0.25), (1, 1), (0, 1)], shift, 0)
    mesh = read_mesh(tmp_path, "a.obj", "".join(f"v {x} {y} 0\n" for x, y in outline) + "f 1 2 3 4 5\n")
    assert compute_area_vector(mesh).tolist() == [0, 0, 0.75] and compute_area(mesh) == 0.75
    outline = np.roll([(1, 0), (0.25, 0.25), (0, 1), (0, 0)], shift, 0)
    mesh = read_mesh(tmp_path, "a.obj", "".join(f"v {x} {y} 0\n" for x, y in outline) + "f 1 2 3 4\n")
    assert compute_area_vector(mesh).tolist() == [0, 0, 0.25] and compute_area(mesh) == 0.25


@pytest.mark.parametrize("n", [6, 10, 20, 100])
@pytest.mark.parametrize("backwards", [False, True])
def test_stars(tmp_path: Path, n: int, backwards: bool) -> None:
    corners = make_star(n)[::-1] if backwards else make_star(n)
    scene = read_scene(
        tmp_path,
        "a.obj",
        "".join(f"v {x} {y} {z}\n" for x, y, z in corners) + "f " + " ".join(map(str, range(1, n + 1))) + "\n",
    )
    (mesh,) = scene.meshes
    assert len(mesh.triangles) == n - 2 and scene.warnings == ()
    area = n / 2 * 0.2 * np.sin(2 * np.pi / n)
    assert compute_area(mesh) == pytest.approx(area, rel=1e-5) and np.linalg.norm(
        compute_area_vector(mesh)
    ) == pytest.approx(area, rel=1e-5)


def test_polygons_that_cannot_be_cut_are_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = read_scene(tmp_path, "a.obj", "v 0 0 0\nv 1 1 0\nv 1 0 0\nv 0 1 0\nf 1 2 3 4\nf 1 2 3\n")
    assert any("crosses itself" in warning for warning in scene.warnings)
    monkeypatch.setattr(polygons, "MAX_CLIP_WORK", 4000)
    lines = (
        "".join(f"v {x} {y} {z}\n" for x, y, z in make_star(100))
        + ("f " + " ".join(map(str, range(1, 101))) + "\n") * 9
    )
    assert any(
        warning.startswith("9 polygons cross themselves or are too intricate")
        for warning in read_scene(tmp_path, "a.obj", lines).warnings
    )


def test_intricate_polygons_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Combs of 1000 teeth, whose ears contain many other corners, stop at the limit of work."""
    comb = np.array(
        [(k, (k % 2) * 1000 - (k % 2 == 0) * k * 0.001) for k in range(1000)] + [(1000, 2000), (0, 2000)], "f8"
    )
    work: list[int] = []
    contains_any = polygons._contains_any

    def count_work(a: Any, b: Any, c: Any, points: Any) -> bool:
        work.append(len(points) + polygons.EAR_COST)
        return contains_any(a, b, c, points)

    monkeypatch.setattr(polygons, "_contains_any", count_work)
    monkeypatch.setattr(polygons, "MAX_CLIP_WORK", 2**18)
    triangles, failed_count = polygons.triangulate_polygons(
        np.tile(np.insert(comb, 2, 0, 1), (9, 1)), np.full(9, len(comb))
    )
    assert len(triangles) == 9 * (len(comb) - 2) and failed_count == 9
    assert 2**17 < sum(work) < 2**18 + len(comb) + polygons.EAR_COST


def test_triangles_without_area_are_left_out(tmp_path: Path) -> None:
    scene = read_scene(tmp_path, "a.obj", SQUARE + "f 1 2 3\nf 1 1 2\nf 1 2\nv 2 0 0\nf 1 2 5\n")
    assert len(scene.meshes[0].triangles) == 1 and scene.warnings == ("3 triangles have no area and are left out",)
    assert read_error(tmp_path, "b.obj", SQUARE + "f 1 1 2\n") == "file: has no triangles"


# ---- PLY -------------------------------------------------------------------------------------------------------------

FORMS = {"binary_little_endian": "<", "binary_big_endian": ">"}
ROWS = b"0 0 0\n1 0 0\n1 1 0\n0 1 0\n"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sizes", [(3, 3), (4,), (3, 4), (4, 3, 3)])
def test_ply_binary(tmp_path: Path, form: str, sizes: tuple[int, ...]) -> None:
    """Both byte orders, lists of equal and of different lengths, other properties, and bytes behind the faces."""
    order = FORMS[form]
    faces = b"".join(struct.pack(f"{order}fB{n}iH", 9.5, n, *((0, 1, 2, 3)[:n]), 7) for n in sizes)
    content = make_ply(CORNERS.astype(f"{order}f4").tobytes() + faces + b"\n", form, faces=len(sizes)).replace(
        b"property list uchar int vertex_indices",
        b"property float quality\nproperty list uchar int vertex_indices\nproperty ushort flags",
    )
    mesh = read_mesh(tmp_path, "a.ply", content)
    assert compute_area_vector(mesh).tolist() == [0, 0, sum(0.5 if n == 3 else 1 for n in sizes)]


@pytest.mark.parametrize(
    "index",
    ["uchar int vertex_indices", "uint8 uint32 vertex_index", "int short vertex_indices", "ushort uchar vertex_index"],
)
def test_ply_text(tmp_path: Path, index: str) -> None:
    for body in (ROWS + b"3 0 1 2\n4 0 1 2 3\n", (ROWS + b"3 0 1 2\n4 0 1 2 3\n").replace(b"\n", b" ")):
        mesh = read_mesh(tmp_path, "a.ply", make_ply(body, faces=2, index=index))
        assert compute_area_vector(mesh).tolist() == [0, 0, 1.5]
    with_crlf = make_ply(ROWS + b"4 0 1 2 3\n", index=index).replace(b"\n", b"\r\n")
    assert compute_area_vector(read_mesh(tmp_path, "a.ply", with_crlf)).tolist() == [0, 0, 1]


def test_ply_elements_before_and_behind(tmp_path: Path) -> None:
    content = make_ply(b"7 8\n" + ROWS + b"4 0 1 2 3\n1 2\n").replace(
        b"element vertex", b"element camera 1\nproperty float a\nproperty double b\nelement vertex"
    )
    content = content.replace(b"end_header", b"element edge 1\nproperty list int int c\nend_header")
    assert compute_area_vector(read_mesh(tmp_path, "a.ply", content)).tolist() == [0, 0, 1]


@pytest.mark.parametrize("names", [("s", "t"), ("u", "v"), ("texture_u", "texture_v")])
def test_ply_normals_uvs_and_image(tmp_path: Path, names: tuple[str, str]) -> None:
    write_image(tmp_path)
    more = "".join(f"property float {name}\n" for name in ("nx", "ny", "nz", *names))
    rows = b"0 0 0 0 0 2 0 0\n1 0 0 0 0 2 1 0\n1 1 0 0 0 2 1 1\n0 1 0 0 0 2 0 1\n"
    mesh = read_mesh(
        tmp_path, "a.ply", make_ply(rows + b"4 0 1 2 3\n", vertex=more).replace(b"made by a test", b"TextureFile a.png")
    )
    assert mesh.uvs is not None and mesh.normals is not None and mesh.material.albedo_texture is not None
    np.testing.assert_array_equal(mesh.normals, [(0, 0, 1)] * 4)
    np.testing.assert_array_equal(mesh.uvs, [(0, 1), (1, 1), (1, 0), (0, 0)])


# ---- STL -------------------------------------------------------------------------------------------------------------

TRIANGLE = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]


@pytest.mark.parametrize(
    "content",
    [
        f"solid a\n{FACET}endsolid a\n".encode(),
        f"solid vertex 9 endsolid\n{FACET}".encode(),
        f"solid a\n{FACET}endsolid a\n".upper().replace("\n", "\r\n").encode(),
        f"  solid\n{FACET}".replace("1 0 0", "1.0e0 0 -0").encode(),
        make_stl([TRIANGLE]),
        make_stl([TRIANGLE], head=b"solid binary all the same"),
        make_stl([TRIANGLE], head=b"solid facet"),
        make_stl([TRIANGLE]) + b"\r\n",
    ],
)
def test_stl(tmp_path: Path, content: bytes) -> None:
    mesh = read_mesh(tmp_path, "a.stl", content)
    np.testing.assert_array_equal(mesh.positions[mesh.triangles[0]], TRIANGLE)
    assert mesh.normals is None and len(mesh.triangles) == 1


def test_stl_of_several_solids(tmp_path: Path) -> None:
    mesh = read_mesh(tmp_path, "a.stl", f"solid a\n{FACET}endsolid a\nsolid b\n{FACET}endsolid b\n")
    assert compute_area_vector(mesh).tolist() == [0, 0, 1]


# ---- against trimesh -------------------------------------------------------------------------------------------------

TRIMESH_COMPARISON = """
import sys, numpy as np, trimesh
from pathlib import Path
from ssdo.scene.loader import read_scene_file
folder = Path(sys.argv[1])
for solid in (trimesh.creation.icosphere(2), trimesh.creation.torus(2, 0.5), trimesh.creation.box((1, 2, 3))):
    solid.visual.vertex_colors = np.arange(len(solid.vertices) * 4).reshape(-1, 4) % 256
    solid.vertex_normals
    files = {"a.obj": {}, "b.ply": {}, "c.ply": {"encoding": "ascii"}, "d.stl": {}, "e.stl": {"file_type": "stl_ascii"}}
    for name, options in files.items():
        solid.export(folder / name, **options)
        theirs = trimesh.load_mesh(folder / name, process=False)
        (ours,) = read_scene_file(folder / name, "y").meshes
        np.testing.assert_allclose(ours.positions[ours.triangles], theirs.triangles, atol=1e-6, err_msg=name)
        if name[-3:] != "stl":
            normals = theirs.vertex_normals[theirs.faces]
            np.testing.assert_allclose(ours.normals[ours.triangles], normals, atol=1e-6, err_msg=name)
            c = ours.colors[ours.triangles]
            srgb = np.where(c <= 0.0031308, c * 12.92, 1.055 * c ** (1 / 2.4) - 0.055)[..., :3] * 255
            np.testing.assert_allclose(srgb, theirs.visual.vertex_colors[theirs.faces][..., :3], atol=0.6, err_msg=name)
"""


@pytest.mark.slow
def test_equals_trimesh(tmp_path: Path) -> None:
    """In a subprocess: trimesh imports a thousand modules and changes numpy's warnings."""
    subprocess.run([sys.executable, "-c", TRIMESH_COMPARISON, str(tmp_path)], check=True, cwd=Path(__file__).parents[1])


# ---- broken ----------------------------------------------------------------------------------------------------------

BROKEN: dict[str, tuple[str, str | bytes, str]] = {
    "nothing": ("a.obj", "", "file: has no triangles"),
    "points only": ("a.obj", SQUARE, "file: has no triangles"),
    "index beyond": ("a.obj", SQUARE + "f 1 2 5\n", "f: v 5 does not exist, 4 present"),
    "index far beyond": ("a.obj", SQUARE + f"f 1 2 {10**30}\n", "line 5: f: '1000"),
    "index of ten thousand digits": ("a.obj", SQUARE + f"f 1 2 {'9' * 10_000}\n", "line 5: f: a corner must be like"),
    "index 0": ("a.obj", SQUARE + "f 0 1 2\n", "line 5: f: '0' does not exist: corners are counted from 1"),
    "index minus 0": ("a.obj", SQUARE + "f -0 1 2\n", "line 5: f: '-0' does not exist: corners are counted from 1"),
    "counts back beyond the first": ("a.obj", SQUARE + "f -5 1 2\n", "line 5: f: '-5' counts back"),
    "word for an index": ("a.obj", SQUARE + "f 1 b 3\n", "line 5: f: a corner must be like 1/2/3, not 'b'"),
    "four parts": ("a.obj", SQUARE + "f 1/2/3/4 2 3\n", "line 5: f: a corner must be like 1/2/3"),
    "no position": ("a.obj", SQUARE + "f 1 2 /3\n", "line 5: f: a corner must be like 1/2/3, not '/3'"),
    "word for a number": ("a.obj", SQUARE + "v 1 x 2\n", "line 5: 'v': must have numbers, not 'v 1 x 2'"),
    "word behind many lines": (
        "a.obj",
        SQUARE + "vn 0 0 1\n" * 2000 + "v 1 x 2\nv 1 2 3\n" * 50,
        "line 2005: 'v': must",
    ),
    "vertex without numbers": ("a.obj", SQUARE + "v x\nf 1 2 5\n", "line 5: 'v': must have numbers, not 'v x'"),
    "two numbers": ("a.obj", SQUARE + "v 1 2\n", "line 5: 'v': must have numbers"),
    "not finite": ("a.obj", SQUARE + "v nan 2 3\nf 1 2 5\n", "vertices: must be finite"),
    "beyond 32 bit": ("a.obj", SQUARE + "v 1e39 2 3\nf 1 2 5\n", "vertices: must be finite"),
    "UTF-16 without a mark": ("a.obj", (SQUARE + "f 1 2 3").encode("utf-16-le"), "file: must be text"),
    "binary": ("a.obj", bytes(range(256)) * 9, "file: must be text"),
    "endless line": ("a.obj", SQUARE + "f" + " 1 2 3" * 200_000, "line 5: must have at most 1024 KiB"),
    "PLY, empty": ("a.ply", "", "file: no PLY"),
    "PLY, no end": ("a.ply", "ply\nformat ascii 1.0\n" + "comment\n" * 20_000, "file: no PLY"),
    "PLY, no format": ("a.ply", make_ply(ROWS).replace(b"format ascii 1.0\n", b""), "header: must have a format"),
    "PLY, version": ("a.ply", make_ply(ROWS).replace(b"1.0", b"2.0"), "header: not understood: 'format ascii 2.0'"),
    "PLY, type": ("a.ply", make_ply(ROWS).replace(b"float x", b"quad x"), "header: not understood: 'property quad x'"),
    "PLY, no vertices": (
        "a.ply",
        "ply\nformat ascii 1.0\nelement face 0\nproperty list int int vertex_index\nend_header\n",
        "header: must have an element vertex",
    ),
    "PLY, no x": (
        "a.ply",
        make_ply(ROWS + b"4 0 1 2 3\n").replace(b"float x", b"float a"),
        "element vertex: must have the properties x, y and z",
    ),
    "PLY, points": ("a.ply", make_ply(ROWS, faces=0), "file: has no triangles, and points are not drawn; make a mesh"),
    "PLY, no faces": ("a.ply", make_ply(ROWS).replace(b"element face", b"element edge"), "file: has no triangles"),
    "PLY, no list": (
        "a.ply",
        make_ply(ROWS + b"4 0 1 2 3\n", index="uchar float vertices"),
        "element face: must have a list vertex_indices or vertex_index",
    ),
    "PLY, twice": (
        "a.ply",
        make_ply(ROWS).replace(b"float y", b"float x"),
        "header: element 'vertex': property 'x' twice",
    ),
    "PLY, x is a list": (
        "a.ply",
        make_ply(b"0 0 1 0\n1 0 1 0\n1 1 1 0\n0 1 1 0\n4 0 1 2 3\n").replace(b"float z", b"list int int z"),
        "element vertex: must have the properties x, y and z",
    ),
    "PLY, index beyond": ("a.ply", make_ply(ROWS + b"4 0 1 2 4\n"), "element face: vertex 4 does not exist, 4 present"),
    "PLY, negative index": ("a.ply", make_ply(ROWS + b"4 0 1 2 -1\n"), "element face: vertex -1 does not exist"),
    "PLY, half an index": ("a.ply", make_ply(ROWS + b"4 0 1 2 0.5\n"), "element face: indices must be whole"),
    "PLY, NaN for an index": ("a.ply", make_ply(ROWS + b"4 0 1 2 nan\n"), "element face: indices must be whole"),
    "PLY, NaN": ("a.ply", make_ply(b"nan 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n"), "vertices: must be finite"),
    "PLY, word": ("a.ply", make_ply(ROWS + b"4 0 1 two 3\n"), "file: must have nothing but numbers"),
    "PLY, negative length": ("a.ply", make_ply(ROWS + b"-4 0 1 2 3\n"), "element 'face': the file is cut off"),
    "PLY, NaN for a length": (
        "a.ply",
        make_ply(ROWS + b"3 0 1 2 nan 0 1 2\n", faces=2),
        "element 'face': the file is cut off",
    ),
    "PLY, text cut off": ("a.ply", make_ply(ROWS + b"4 0 1 2\n"), "element 'face': the file is cut off"),
    "PLY, cut off in vertices": (
        "a.ply",
        make_ply(bytes(40), "binary_little_endian"),
        "element 'vertex': the file is cut off",
    ),
    "PLY, cut off in faces": (
        "a.ply",
        make_ply(bytes(48) + b"\3\0", "binary_little_endian"),
        "element 'face': the file is cut off",
    ),
    "PLY, 10^9 vertices": (
        "a.ply",
        make_ply(bytes(99), "binary_little_endian", vertices=10**9),
        "element 'vertex': the file is cut off",
    ),
    "PLY, 10^18 faces": (
        "a.ply",
        make_ply(bytes(99), "binary_little_endian", faces=10**18 - 1),
        "element 'face': the file is cut off",
    ),
    "PLY, 2^31 corners": (
        "a.ply",
        make_ply(bytes(48) + b"\xff\xff\xff\x7f" * 9, "binary_little_endian", index="uint int vertex_index"),
        "element 'face': the file is cut off",
    ),
    "STL, empty": ("a.stl", "", "file: neither ASCII STL nor binary"),
    "STL, cut off": ("a.stl", make_stl([TRIANGLE], 2), "file: cut off, or no STL: 2 triangles declared, 1 present"),
    "STL, 2^32 triangles": ("a.stl", make_stl([TRIANGLE], 2**32 - 1), "file: cut off, or no STL: 4294967295"),
    "STL, no triangles": ("a.stl", make_stl([]), "file: has no triangles"),
    "STL, NaN": ("a.stl", make_stl([[(0, 0, 0), (1, 0, 0), (0, np.nan, 0)]]), "vertices: must be finite"),
    "STL, word": (
        "a.stl",
        f"solid a\n{FACET.replace('1 0 0', '1 q 0')}",
        "line 5: vertex: must be three numbers, not 'vertex 1 q 0'",
    ),
    "STL, two corners": (
        "a.stl",
        f"solid a\n{FACET.replace('vertex 1 0 0', '')}",
        "line 8: a facet must have three vertices",
    ),
    "STL, four corners": (
        "a.stl",
        f"solid a\n{FACET.replace('endloop', 'vertex 0 0 0')}",
        "line 7: a facet must have three vertices",
    ),
    "STL, ends in a facet": ("a.stl", f"solid a\n{FACET}{FACET[:60]}", "file: cut off within a facet"),
    "STL, cut off in a number": ("a.stl", f"solid a\n{FACET[:40]}", "line 4: vertex: must be three numbers"),
}


# A file, with one sound triangle; a warning; whether the broken triangle is drawn.
IMPERFECT: dict[str, tuple[str, Any, str, bool]] = {
    "no such UV": ("a.obj", SQUARE + "vt 0 0\nf 1/1 2/1 3/1\nf 1/1 3/1 4/2\n", "f: a vt does not exist, 1", True),
    "no such normal": ("a.obj", SQUARE + "vn 0 0 1\nf 1//1 2//1 3//1\nf 1//1 3//1 4//9\n", "f: a vn does not", True),
    "UV 0": ("a.obj", SQUARE + "vt 0 0\nf 1/1 2/1 3/1\nf 1/0 3/1 4/1\n", "f: a vt does not exist, 1 present", True),
    "normal before the first": ("a.obj", SQUARE + "vn 0 0 1\nf 1 2 3\nf 1//-2 3//1 4//1\n", "f: a vn does", True),
    "no such vertex": ("a.obj", SQUARE + "f 1 2 3\nf 1 3 5\n", "f: v 5 does not exist, 4 present; 1 face is", False),
    "vertex 0": ("a.obj", SQUARE + "f 1 2 3\nf 0 1 3\n", "line 6: f: '0' does not exist: corners are counted", False),
    "vertex before the first": ("a.obj", SQUARE + "f 1 2 3\nf -5 -4 -3\n", "line 6: f: '-5' counts back", False),
    "huge index": ("a.obj", SQUARE + f"f 1 2 3\nf 1 3 4/{'9' * 30}\n", "f: a vt does not exist, 0 present", True),
    "infinite normal": ("a.obj", SQUARE + "vn inf 0 0\nf 1 2 3\nf 1//1 3//1 4//1\n", "", True),
    "infinite UV": ("a.obj", SQUARE + "vt 0 1e39\nf 1 2 3\nf 1/1 3/1 4/1\n", "", True),
    "NaN": ("a.obj", SQUARE + "v nan 0 0\nf 1 2 3\nf 1 3 5\n", "1 triangle has a vertex that is not finite", False),
    "beyond 32 bit": ("a.obj", SQUARE + "v 1e39 0 0\nf 1 2 3\nf 1 3 5\n", "1 triangle has a vertex", False),
    "PLY, NaN": (
        "a.ply",
        make_ply(b"0 0 0\n1 0 0\n1 1 0\nnan 1 0\n3 0 1 2\n3 0 2 3\n", faces=2),
        "1 triangle has a vertex",
        False,
    ),
    "PLY, no such vertex": (
        "a.ply",
        make_ply(ROWS + b"3 0 1 2\n3 0 2 4\n", faces=2),
        "element face: vertex 4 does not exist, 4 present; 1 face is left out",
        False,
    ),
    "no number": ("a.obj", SQUARE + "v -nan(ind) 1.#QNAN 0\nf 1 2 3\nf 1 3 5\n", "1 triangle has a vertex", False),
    "PLY, no number": (
        "a.ply",
        make_ply(b"0 0 0\n1 0 0\n1 1 0\n-nan(ind) 1.#INF 0\n# 7 8\ncomment 9\n3 0 1 2\n3 0 2 3\n", faces=2),
        "1 triangle has a vertex",
        False,
    ),
    "STL, no number": (
        "a.stl",
        f"solid a\n{FACET}{FACET.replace('1 0 0', '1.#IND nan nan')}",
        "1 triangle has a vertex",
        False,
    ),
    "Fortran": ("a.obj", SQUARE + "v 0.d0 2.5D-1 1\nf 1 2 3\nf 1 3 5\n", "", True),
    "decimal commas": ("a.obj", SQUARE + "v 0,5 2,0, -0,5\nf 1 2 3\nf 1 3 5\n", "commas in numbers are read", True),
    "PLY, colour": (
        "a.ply",
        make_ply(
            b"0 0 0 nan 0 0\n1 0 0 1 1 1\n1 1 0 1 inf 1\n0 1 0 0 0 0\n3 0 1 2\n3 0 2 3\n",
            vertex="property float red\nproperty float green\nproperty float blue\n",
            faces=2,
        ),
        "element vertex: a colour must be numbers; NaN is drawn as 1",
        True,
    ),
    "STL, infinite": (
        "a.stl",
        make_stl([TRIANGLE, [(0, 0, 0), (1, 0, 0), (0, np.inf, 0)]]),
        "1 triangle has a vertex",
        False,
    ),
}


@pytest.mark.parametrize("name", IMPERFECT)
def test_imperfect_triangles_do_not_refuse_the_others(tmp_path: Path, name: str) -> None:
    file, content, warning, is_drawn = IMPERFECT[name]
    scene = read_scene(tmp_path, file, content)
    assert scene.triangle_count == 1 + is_drawn
    assert [text.startswith(warning) for text in scene.warnings if "up" not in text] == [True] * bool(warning)
    for mesh in scene.meshes:
        assert all(np.isfinite(a).all() for a in (mesh.positions, mesh.normals, mesh.uvs, mesh.colors) if a is not None)


# Lines, and the indices of the corners that are drawn; the first line is the one that is named.
BAD_LINES: dict[str, tuple[str, str, list[int]]] = {
    "vertex": ("v 0 null 1\n", "f 1 2 3\nf 1 2 5\n", [1, 2, 3]),
    "vertex before others": ("v 0 1\nv 2 2 2\n", "f 1 2 6\nf 1 2 5\n", [1, 2, 6]),
    "vertex with a colour": ("v 0 0 0 x 0 0\n", "f 1 2 3\nf 1 2 5\n", [1, 2, 3]),
    "UV": ("vt x 0\nvt 0 0\n", "f 1/2 2/2 3/2\nf 1/1 3/2 4/2\n", [1, 2, 3, 1, 3, 4]),
    "normal": ("vn 0 0\nvn 0 0 1\n", "f 1//2 2//2 3//2\nf 1//1 3//2 4//2\n", [1, 2, 3, 1, 3, 4]),
    "half an index": ("f 1 2 3.5\n", "f 1.0 2. 3.00\n", [1, 2, 3]),
    "face": ("f a b c\n", "f 1 2 3\n", [1, 2, 3]),
    "huge index": ("f 1 2 1e20\n", "f 1 3 4\n", [1, 3, 4]),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_lines_that_cannot_be_parsed_are_left_out(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a note; all other elements keep their indices, attributes and colours."""
    line, rest, expected = BAD_LINES[name]
    color = " 0 1 0" if name == "vertex with a colour" else ""
    text = SQUARE.replace("\n", color + "\n") + line + rest
    vertices = [text.split()[1:4] for text in (SQUARE + line).splitlines() if text.startswith("v ")]
    for min_lines in (1, 10**9):
        monkeypatch.setattr(obj, "MIN_BLOCK_LINES", min_lines)
        scene = read_scene(tmp_path, "a.obj", text)
        rows = np.concatenate([m.positions[m.triangles].reshape(-1, 3) for m in scene.meshes])
        assert rows.tolist() == [list(map(float, vertices[i - 1])) for i in expected]
        assert scene.warnings[0].startswith("line 5: ") and scene.warnings[0].endswith("; 1 line is left out")
        assert sum(len(m.triangles) for m in scene.meshes if m.uvs is not None) == (name == "UV")
        assert sum(len(m.triangles) for m in scene.meshes if m.normals is not None) == (name == "normal")
        if color:
            assert scene.meshes[0].colors is not None and scene.meshes[0].colors.tolist() == [[0, 1, 0, 1]] * 3


@pytest.mark.parametrize("prefix", ["diffuse_", ""])
@pytest.mark.parametrize("kind", ["float", "uchar"])
def test_ply_colors_with_other_names(tmp_path: Path, prefix: str, kind: str) -> None:
    names = [prefix + name for name in (("red", "green", "blue") if prefix else "rgb")]
    vertex = "".join(f"property {kind} {name}\n" for name in names)
    one = 255 if kind == "uchar" else 1
    body = f"0 0 0 {one} 0 0\n1 0 0 0 {one} 0\n1 1 0 0 0 {one}\n0 1 0 0 0 0\n3 0 1 2\n".encode()
    mesh = read_mesh(tmp_path, "a.ply", make_ply(body, vertex=vertex))
    assert mesh.colors is not None and mesh.colors.tolist() == [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]]


@pytest.mark.parametrize("suffix", ["stl", "obj"])
@pytest.mark.parametrize("far", [1e8, -1e8, 1e12, -1e20, 3e38])
@pytest.mark.parametrize("far_vertices", [1, 2, 3])
def test_endless_triangles_are_left_out(tmp_path: Path, suffix: str, far: float, far_vertices: int) -> None:
    """They touch the others, or do not; those that can be told apart from them stay."""
    cube = (CUBE[np.array(SIDES) - 1][:, [0, 1, 2, 0, 2, 3]]).reshape(-1, 3, 3)
    for distance, is_left_out in ((far, True), (1e6, False)):
        stray = np.array([(0, 0, 0), (0.5, 0, 1), (0, 1, 0)]) * distance
        stray[: 3 - far_vertices] = cube[0, : 3 - far_vertices]
        triangles = [stray, *cube]
        if suffix == "stl":
            content = make_stl(triangles)
        else:
            lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in np.concatenate(triangles)]
            content = "\n".join([*lines, *(f"f {k} {k + 1} {k + 2}" for k in range(1, len(lines), 3))]).encode()
        scene = read_scene(tmp_path, "a." + suffix, content)
        assert scene.triangle_count == len(triangles) - is_left_out
        assert [text for text in scene.warnings if "millions" in text] == [
            "1 triangle reaches millions of times as far as all others, and is left out"
        ] * is_left_out
        assert (np.abs(scene.bounds).max() <= 1) == is_left_out


@pytest.mark.parametrize("name", BROKEN)
def test_broken(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of OBJ files are named whether they are parsed in blocks or one by one."""
    file, content, rule = BROKEN[name]
    assert read_error(tmp_path, file, content).startswith(rule)
    if file == "a.obj":
        monkeypatch.setattr(obj, "MIN_BLOCK_LINES", 1)
        assert read_error(tmp_path, file, content).startswith(rule)


@pytest.mark.parametrize(
    "text", ["Kd a b c\n", "Kd 1 2\n", "Kd\n", "Ns x\n", "d\n", "Kd nan 0 0\n", "map_Kd\n", "Kd 1 1 1 1 1\n"]
)
def test_broken_values_of_materials_are_left_out(tmp_path: Path, text: str) -> None:
    """With a note that names the line; all else of the material is read."""
    broken, warnings = read_material(tmp_path, text + "Pm 0.25\n")
    plain, _ = read_material(tmp_path, "Pm 0.25\n")
    assert len(warnings) == 1 and warnings[0].startswith("'a.mtl' line 2: "), warnings
    assert vars(broken) == vars(plain)


@pytest.mark.parametrize(
    "content",
    [b"newmtl m\nKd 1 0 0\nmap_Kd a\0b.png\n", b"newmtl m\nKd 1 0 0\n" + b"#" * 600 + b"\n#\0", bytes(range(256))],
)
def test_binary_material_files_do_not_refuse_the_geometry(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mtl").write_bytes(content)
    scene = read_scene(tmp_path, "a.obj", "mtllib a.mtl\n" + SQUARE + "f 1 2 3\n")
    assert scene.triangle_count == 1 and len(scene.warnings) == 1
    assert scene.warnings[0].startswith("mtllib 'a.mtl': ") and scene.warnings[0].endswith(
        "drawn without its materials"
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_material_files_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.mtl").write_bytes("newmtl ä\nKd 1 0 0\n".encode(encoding))
    scene = read_scene(tmp_path, "a.obj", "mtllib a.mtl # materials\nusemtl ä\n" + SQUARE + "f 1 2 3\n")
    assert scene.meshes[0].material.albedo == (1, 0, 0) and scene.warnings == ()


@pytest.mark.parametrize(
    ("statement", "name", "clamped"),
    [
        ("Kd inf 0 0", "albedo", (1, 0, 0)),
        ("Kd 0 255 0", "albedo", (0, 1, 0)),
        ("Kd 0 0 1e39", "albedo", (0, 0, 1)),
        ("Kd -0.5 1 0", "albedo", (0, 1, 0)),
        ("Ke -2 0 0", "emission", (0, 0, 0)),
        ("d 255", "opacity", 1),
        ("Pm -1", "metallic", 0),
        ("Kd 1.00001 -0.00001 0", "albedo", (1, 0, 0)),  # rounded
        ("Kd 1 0 0#red", "albedo", (1, 0, 0)),
        ("Pm 0.5#", "metallic", 0.5),
    ],
)
def test_factors_are_clamped_with_a_note(tmp_path: Path, statement: str, name: str, clamped: Any) -> None:
    material, warnings = read_material(tmp_path, statement + "\n")
    assert getattr(material, name) == clamped
    is_noted = "#" not in statement and "1.00001" not in statement
    assert [text.startswith("'a.mtl' line 2: ") and text.endswith("is clamped") for text in warnings] == [
        True
    ] * is_noted


def test_comments_and_a_fourth_number_in_materials(tmp_path: Path) -> None:
    write_image(tmp_path, "a#1.png")
    m, warnings = read_material(tmp_path, "#\n # x\nKd 0.1 0.2 0.3 1 # r g b a\nd 0.5#\nmap_Ke a#1.png # light\n")
    assert m.albedo == (0.1, 0.2, 0.3) and m.emission_texture is not None
    assert m.opacity == 0.5 and warnings == ()


def test_missing_files(tmp_path: Path) -> None:
    (tmp_path / "folder.obj").mkdir()
    for name, rule in (("none.ply", "there is no such file"), ("folder.obj", "is a folder")):
        with pytest.raises(UserError, match=rule):
            read_scene_file(tmp_path / name)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh_builder, "MAX_TRIANGLES", 3)
    assert read_error(tmp_path, "a.obj", SQUARE + "f 1 2 3 4\n" * 2) == "file: must have at most 3 triangles"
    monkeypatch.setattr(obj, "MAX_TRIANGLES", 3)
    assert read_error(tmp_path, "a.obj", SQUARE) == "line 4: v: there must be at most 3 vertices"
    monkeypatch.setattr(obj, "MAX_TRIANGLES", 4)
    monkeypatch.setattr(obj, "MAX_CORNERS", 7)
    assert read_error(tmp_path, "a.obj", SQUARE + "f 1 2 3 4\n" * 2) == "line 6: f: there must be at most 4 triangles"
    monkeypatch.setattr(mesh_builder, "MAX_FILE_BYTES", 9)
    assert read_error(tmp_path, "a.obj", SQUARE) == "file: must be at most 0 MiB"


def test_small_files_take_little_memory(tmp_path: Path) -> None:
    """Counts are checked against the data before anything is allocated."""
    cases = [
        BROKEN[name]
        for name in (
            "PLY, 10^9 vertices",
            "PLY, 10^18 faces",
            "PLY, 2^31 corners",
            "STL, 2^32 triangles",
            "index far beyond",
        )
    ]
    tracemalloc.start()
    try:
        for name, content, _ in cases:
            read_error(tmp_path, name, content)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.obj", "a.ply", "a.stl"])
def test_capture_draws_mesh_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Files are recognised by their suffix, also in capitals, and drawn."""
    content = {
        "a.obj": (SQUARE + "f 1 2 3 4\n").encode(),
        "a.ply": make_ply(ROWS + b"4 0 1 2 3\n"),
        "a.stl": make_stl([TRIANGLE]),
    }[name]
    (tmp_path / name.upper()).write_bytes(content)
    out = tmp_path / "out.png"
    shot = ["--scene", tmp_path / name.upper(), "--width", "32", "--height", "18", "--environment", "sky"]
    assert call(monkeypatch, "capture", *shot, "--output", out) == 0
    # a shape in front of a sky
    assert len(set(np.asarray(read_image(out)).reshape(-1, 3).sum(1).tolist())) > 20


CUBE = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], "f8")
SIDES = [(3, 4, 2, 1), (6, 8, 7, 5), (2, 6, 5, 1), (7, 8, 4, 3), (5, 7, 3, 1), (4, 8, 6, 2)]  # seen from inside


def format_cube(suffix: str, winding: int, normal_sign: int) -> bytes:
    """A cube wound outwards (1) or inwards (-1), with a normal for each side, outwards or inwards."""
    sides = [side[::-winding] for side in SIDES]
    normals = [normal_sign * CUBE[np.array(side) - 1].sum(0) / 4 for side in SIDES]
    if suffix == "stl":
        return make_stl([CUBE[np.array([side[0], *pair]) - 1] for side in sides for pair in (side[1:3], side[2:])])
    if suffix == "obj":
        lines = [f"v {x} {y} {z}" for x, y, z in CUBE] + [f"vn {x} {y} {z}" for x, y, z in normals]
        lines += ["f " + " ".join(f"{v}//{k + 1}" for v in side) for k, side in enumerate(sides)]
        return "\n".join(lines).encode()
    rows = [(*CUBE[v - 1], *normal) for side, normal in zip(sides, normals, strict=True) for v in side]
    body = "".join(" ".join(map(str, row)) + "\n" for row in rows)
    body += "".join(f"4 {k} {k + 1} {k + 2} {k + 3}\n" for k in range(0, 24, 4))
    names = "".join(f"property float n{axis}\n" for axis in "xyz")
    return make_ply(body.encode(), vertex=names, vertices=24, faces=6)


@pytest.mark.slow
@pytest.mark.parametrize("technique", Technique.known)
def test_winding_against_normals(gpu: Gpu, tmp_path: Path, technique: str) -> None:
    """Normals are turned to the side that is seen: a cube looks the same whichever way it is wound.

    All renders are equal but for roundings: of normals, and of depths on triangles of the other diagonal.
    """
    shot = {"technique": technique, "environment": "sunset", "sun.irradiance": 2.0, "ground": "on", "up": "y"}
    shot |= {"width": 32, "height": 18, "camera.eye": (2.0, 1.5, 4.0), "camera.target": (0.0, 0.0, 0.0)}
    renders = {}
    for suffix, winding, normal_sign in itertools.product(("obj", "ply", "stl"), (1, -1), (1, -1)):
        path = tmp_path / f"{winding}{normal_sign}.{suffix}"
        path.write_bytes(format_cube(suffix, winding, normal_sign))
        renders[path.name] = render_small(gpu, shot | {"scene": str(path)})
    right = renders["11.obj"]
    assert right.surface_mask.mean() > 0.1 and right.radiance[right.surface_mask].mean() > 0.2
    for name, render in renders.items():
        np.testing.assert_allclose(render.radiance, right.radiance, rtol=0, atol=2e-6, err_msg=name)
