"""Public test models of glTF, drawn as their published descriptions ask, by every technique.

Their names are those of Khronos' glTF-Sample-Assets and glTF-Asset-Generator. Their content is built here, much
smaller: panels in cells, see panel_sheet.py. In the white furnace the radiance of an unoccluded panel is known exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from gltf_files import Tree, add_node
from panel_sheet import CELL, CORNERS, TRIANGLES, Picture, Sheet, approx, decode_normal, encode_normal, make_uvs
from render_small import render_small
from ssdo.arrays import Array, Bytes, Doubles, Floats
from ssdo.gpu.context import Gpu
from ssdo.render.frame_uniforms import direction_from_angles
from ssdo.render.technique import Technique
from ssdo.scene.loader import load_scene
from ssdo.scene.model import DIELECTRIC_F0
from ssdo.scene.modelling.shapes import make_sphere
from ssdo.srgb import LINEAR_VALUES
from test_alpha_coverage import draw_blades
from test_specular import DFG_ERROR, evaluate_specular, integrate_lobe

GREEN, RED, BLACK, WHITE, GREY = (0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.5, 0.5, 0.5)
GREEN_CODE, RED_CODE, BLACK_CODE, WHITE_CODE = (0, 255, 0), (255, 0, 0), (0, 0, 0), (255, 255, 255)
DIELECTRIC = DIELECTRIC_F0[0]  # reflectance at normal incidence
DECODE_ERROR = 0.02  # relative: of llvmpipe's conversion of sRGB
GREY_CODE = 188  # sRGB of about 0.5
FRONT_SUN = 180.0  # azimuth: it shines on the panels from the front
# Offset of one thing in front of another: too little to occlude it much.
ABOVE = 0.02
CLAMP, MIRROR, REPEAT = 33071, 33648, 10497

NO_SUN = {"sun.irradiance": 1e-12}  # which shares shaders with a sun
FURNACE: Mapping[str, Any] = {"environment": "white", **NO_SUN}
BEFORE_WHITE: Mapping[str, Any] = {**FURNACE, "background_color": WHITE}
DARK: Mapping[str, Any] = {"environment": "black", **NO_SUN}
# Irradiance pi: a diffuse panel has the radiance of its colour times the cosine.
SUNLIT: Mapping[str, Any] = {
    "environment": "black",
    "sun.irradiance": math.pi,
    "sun.azimuth": FRONT_SUN,
    "sun.elevation": 0.0,
    "sun.angular_diameter": 0.0,
    "sun.resolution": 512,
}


def move_sun(azimuth: float, elevation: float) -> Mapping[str, Any]:
    return {**SUNLIT, "sun.azimuth": azimuth, "sun.elevation": elevation}


NEAR_SUN = np.array(direction_from_angles(165, 25))
SIDE_SUN = np.array(direction_from_angles(145, 25))


@dataclass(frozen=True)
class Model:
    """A test model."""

    name: str
    description: str  # what a viewer shall show
    build: Callable[[], Sheet]
    check: Callable[[Picture], None]
    values: Mapping[str, Any] = field(default_factory=lambda: FURNACE)  # of the shot
    notes: tuple[str, ...] = ()  # a word of each warning, in any order


# ---- materials -------------------------------------------------------------------------------------------------------


def extend(name: str, **members: Any) -> Tree:
    return {f"KHR_materials_{name}": members}


def join(*extensions: Tree) -> Tree:
    return {"extensions": {name: value for extension in extensions for name, value in extension.items()}}


def make_pbr(color: npt.ArrayLike, metallic: float = 0.0, roughness: float = 1.0, **factors: Any) -> Tree:
    rgba = [*np.asarray(color, "f8").tolist(), 1.0]
    return {"baseColorFactor": rgba[:4], "metallicFactor": metallic, "roughnessFactor": roughness, **factors}


def make_dielectric(color: npt.ArrayLike, roughness: float = 1.0, **members: Any) -> Tree:
    return {"pbrMetallicRoughness": make_pbr(color, 0.0, roughness), **members}


NO_SPECULAR = extend("specular", specularFactor=0)


def make_diffuse(color: npt.ArrayLike, **members: Any) -> Tree:
    """Without specular reflection: its radiance in the furnace is its colour."""
    return {**join(NO_SPECULAR), "pbrMetallicRoughness": make_pbr(color), **members}


def make_textured(texture: Tree, **members: Any) -> Tree:
    """Diffuse, with a base colour texture."""
    return make_diffuse(WHITE, **members) | {"pbrMetallicRoughness": make_pbr(WHITE, baseColorTexture=texture)}


def make_metal(color: npt.ArrayLike, roughness: float = 0.0, **members: Any) -> Tree:
    return {"pbrMetallicRoughness": make_pbr(color, 1.0, roughness), **members}


def make_unlit(color: npt.ArrayLike, **members: Any) -> Tree:
    return {"pbrMetallicRoughness": make_pbr(color), **join(extend("unlit")), **members}


def make_halves(first: tuple[int, ...], second: tuple[int, ...]) -> Bytes:
    """(8, 8) left half and right half."""
    pixels = np.zeros((8, 8, len(first)), "u1")
    pixels[:, :4], pixels[:, 4:] = first, second
    return pixels


def make_quadrants(column: int, row: int, inside: tuple[int, ...], outside: tuple[int, ...]) -> Bytes:
    """(8, 8) one quadrant unlike the others."""
    pixels = np.full((8, 8, 3), outside, "u1")
    pixels[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = inside
    return pixels


def make_uniform(*codes: int) -> Bytes:
    return np.full((4, 4, len(codes)), codes, "u1")


def to_linear(*codes: int) -> list[float]:
    return [float(LINEAR_VALUES[code]) for code in codes]


def shows_green(p: Picture) -> None:
    p.assert_cells(GREEN)


def is_near_green(p: Picture) -> None:
    """Where something in front of something else occludes it a little."""
    p.assert_cells(GREEN, rtol=0.05)


# ---- sides, samplers and UVs -----------------------------------------------------------------------------------------


def build_texture_settings() -> Sheet:
    sheet = Sheet(4, 3)
    green_left, green_right = make_halves(GREEN_CODE, RED_CODE), make_halves(RED_CODE, GREEN_CODE)
    # Each other mode shows some red: halves of the image, and the stretch of it that a panel shows.
    for column, (mode, pixels, low, high) in enumerate(
        (
            (REPEAT, green_left, 1.1, 1.4),
            (MIRROR, green_left, 1.6, 1.9),
            (CLAMP, green_left, -0.9, -0.1),
            (CLAMP, green_right, 1.1, 1.9),
        )
    ):
        along_u, along_v = make_uvs(low, 0, high, 1), make_uvs(0, low, 1, high)
        sheet.add(column, 0, make_textured(sheet.add_image(pixels, wrapS=mode)), TEXCOORD_0=along_u)
        transposed = pixels.swapaxes(0, 1)
        sheet.add(column, 1, make_textured(sheet.add_image(transposed, wrapT=mode)), TEXCOORD_0=along_v)
    for column, is_double_sided in enumerate((False, True, False, True)):
        front, back = (GREEN, RED) if is_double_sided else (RED, GREEN)
        sheet.add(column, 2, make_diffuse(back))
        sheet.add_turned(column, 2, make_diffuse(front, doubleSided=is_double_sided), ABOVE)
    return sheet


DARK_GREEN = (0.0, 0.1, 0.0)  # whose bounce on the next one is weak
OCTAHEDRON_RADIUS = 0.45


def make_octahedron() -> tuple[Floats, Array, Floats]:
    """Positions, triangles and normals, flat. Its faces face the eight octants."""
    axes = np.eye(3) * OCTAHEDRON_RADIUS
    octants = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    positions = np.array([[axes[k] * octant[k] for k in range(3)] for octant in octants], "f4").reshape(-1, 3)
    triangles = np.arange(24, dtype="u2").reshape(-1, 3)
    is_inverted = np.prod(octants, 1) < 0
    triangles[is_inverted] = triangles[is_inverted][:, ::-1]
    return positions, triangles, np.repeat(np.array(octants) / np.sqrt(3), 3, 0).astype("f4")


def build_negative_scale() -> Sheet:
    sheet = Sheet(4, 2)
    positions, triangles, normals = make_octahedron()
    for i in range(8):
        signs = [-1.0 if i >> axis & 1 else 1.0 for axis in range(3)]
        arrays = {"POSITION": positions, "indices": triangles, "NORMAL": normals}
        sheet.add(i % 4, i // 4, make_diffuse(DARK_GREEN), **arrays)["scale"] = signs
    return sheet


def check_negative_scale(p: Picture) -> None:
    """Each quadrant of a cell is a face, whose mean radiance is that of its normal and area, plus a little bounce."""
    cells = p.split_cells()
    quadrants = cells.reshape(2, 4, 2, CELL // 2, 2, CELL // 2, 3)[..., 1].mean((3, 5))
    normals = np.array([[(x, y, 1) for x in (-1, 1)] for y in (1, -1)]) / np.sqrt(3)
    area = OCTAHEDRON_RADIUS**2 / 2 / 0.25
    expected = DARK_GREEN[1] * area * np.maximum(normals @ NEAR_SUN, 0)
    assert quadrants == approx(np.broadcast_to(expected, quadrants.shape), abs=0.004)
    assert np.diff(np.sort(expected.ravel())).min() > 0.008


def build_two_sided_plane() -> Sheet:
    sheet = Sheet(2)
    sheet.add(0, 0, make_diffuse(GREEN, doubleSided=True))
    sheet.add_turned(1, 0, make_diffuse(GREEN, doubleSided=True))
    return sheet


def build_texture_coordinates() -> Sheet:
    sheet = Sheet(2, 2)
    pixels = np.zeros((16, 16, 3), "u1")
    pixels[:8, 8:], pixels[8:, :8], pixels[8:, 8:] = RED_CODE, GREEN_CODE, WHITE_CODE
    texture = sheet.add_image(pixels)
    for row in range(2):
        for column in range(2):
            uvs = make_uvs(column / 2, row / 2, column / 2 + 0.5, row / 2 + 0.5)
            sheet.add(column, row, make_textured(texture), TEXCOORD_0=uvs)
    return sheet


def check_texture_coordinates(p: Picture) -> None:
    p.assert_cells([[BLACK, RED], [GREEN, WHITE]])


def transform_texture(texture: Tree, **members: Any) -> Tree:
    return {**texture, "extensions": {"KHR_texture_transform": members}}


def build_texture_transforms() -> Sheet:
    """Panels show a quadrant of their image, without its border: [0.1, 0.4] in u and v by the UVs alone."""
    sheet = Sheet(3, 2)
    near = make_uvs(0.1, 0.1, 0.4, 0.4)
    # (transform, UVs, quadrant of the image that they show)
    cases: list[tuple[Tree, Floats, tuple[int, int]]] = [
        ({"offset": [0.5, 0]}, near, (1, 0)),
        ({"offset": [0, 0.5]}, near, (0, 1)),
        ({"offset": [0.5, 0.5]}, near, (1, 1)),
        # a quarter turn takes (u, v) to (v, -u)
        ({"rotation": math.pi / 2}, make_uvs(0.1, 0.6, 0.4, 0.9), (1, 1)),
        ({"scale": [2, 1]}, make_uvs(0.3, 0.1, 0.45, 0.4), (1, 0)),
        # scaled, turned, moved: (0.3..0.45, 0.1..0.4) to (0.6..0.9, 0.1..0.4) to (0.1..0.4, -0.9..-0.6), and by 1.5
        ({"offset": [0, 1.5], "rotation": math.pi / 2, "scale": [2, 1]}, make_uvs(0.3, 0.1, 0.45, 0.4), (0, 1)),
    ]
    for i, (members, uvs, (column, row)) in enumerate(cases):
        texture = sheet.add_image(make_quadrants(column, row, GREEN_CODE, RED_CODE))
        sheet.add(i % 3, i // 3, make_textured(transform_texture(texture, **members)), TEXCOORD_0=uvs)
    return sheet


def build_texture_transforms_of_each_texture() -> Sheet:
    """Base colour, metal and roughness, normal, F0: the quadrant at the right shows green, others do not."""
    sheet = Sheet(4)
    away = tuple(int(c) for c in encode_normal((0.98, 0, 0.2)))
    up = tuple(int(c) for c in encode_normal((0, 0, 1)))

    def add_moved(inside: tuple[int, ...], outside: tuple[int, ...]) -> Tree:
        return transform_texture(sheet.add_image(make_quadrants(1, 1, inside, outside)), offset=[0.5, 0.5])

    diffuse = make_diffuse(GREEN)
    metal = make_pbr(GREEN, 1.0, 1.0, metallicRoughnessTexture=add_moved((0, 255, 0), (0, 0, 255)))
    f0 = join(extend("specular", specularColorTexture=add_moved(BLACK_CODE, RED_CODE), specularColorFactor=[9, 9, 9]))
    for column, material in enumerate(
        (
            make_textured(add_moved(GREEN_CODE, RED_CODE)),
            {**diffuse, "pbrMetallicRoughness": metal},
            {**diffuse, "normalTexture": add_moved(up, away)},
            {**make_dielectric(GREEN), **f0},
        )
    ):
        sheet.add(column, 0, material, TEXCOORD_0=make_uvs(0.1, 0.1, 0.4, 0.4))
    return sheet


def build_multi_uv() -> Sheet:
    """Each set of UVs shows green to one texture only. The last texture is moved there."""
    sheet = Sheet(4)
    left, right = make_uvs(0.1, 0.1, 0.4, 0.9), make_uvs(0.6, 0.1, 0.9, 0.9)
    green_left = sheet.add_image(make_halves(GREEN_CODE, RED_CODE))
    black_right = sheet.add_image(make_halves(RED_CODE, BLACK_CODE))
    green_right = sheet.add_image(make_halves(RED_CODE, GREEN_CODE))
    for column, material in enumerate(
        (
            make_textured(green_left, emissiveFactor=WHITE, emissiveTexture={**black_right, "texCoord": 1}),
            make_textured({**green_right, "texCoord": 1}),
            make_textured(transform_texture(green_right, texCoord=1)),
            make_diffuse(BLACK, emissiveFactor=WHITE, emissiveTexture=transform_texture(green_right, offset=[0.5, 0])),
        )
    ):
        sheet.add(column, 0, material, TEXCOORD_0=left, TEXCOORD_1=right)
    return sheet


def build_texture_encoding() -> Sheet:
    """Rows: base colour, roughness and metal. Columns: texture, factor."""
    sheet = Sheet(2, 2)
    color, linear = make_uniform(GREY_CODE, 90, 64), to_linear(GREY_CODE, 90, 64)
    sheet.add(0, 0, make_textured(sheet.add_image(color)))
    sheet.add(1, 0, make_diffuse(linear))
    values = sheet.add_image(make_uniform(0, 120, 90))
    sheet.add(0, 1, {"pbrMetallicRoughness": make_pbr(GREEN, 1.0, 1.0, metallicRoughnessTexture=values)})
    sheet.add(1, 1, {"pbrMetallicRoughness": make_pbr(GREEN, 90 / 255, 120 / 255)})
    return sheet


def check_texture_encoding(p: Picture) -> None:
    """Of two noisy panels, either is what the other shall be."""
    colors = np.array([to_linear(GREY_CODE, 90, 64)] * 2)
    p.assert_cells(np.stack([colors, p.compute_means()[1, ::-1]]), rtol=DECODE_ERROR)


def build_linear_interpolation() -> Sheet:
    """Two texels, black and white, across a panel; green and red."""
    sheet = Sheet(2)
    for column, colors in enumerate(((BLACK_CODE, WHITE_CODE), (GREEN_CODE, RED_CODE))):
        image = sheet.add_image(np.array([colors], "u1"), wrapS=CLAMP, wrapT=CLAMP)
        sheet.add(column, 0, make_textured(image))
    return sheet


def check_linear_interpolation(p: Picture) -> None:
    """Linear in light, not in codes, as textures are decoded before they are filtered."""
    ramp = np.clip(2 * (np.arange(CELL) + 0.5) / CELL - 0.5, 0, 1)
    cells = p.split_cells()[0].mean(1)  # (columns, CELL, 3)
    expected = [np.stack([ramp] * 3, -1), np.stack([ramp, 1 - ramp, 0 * ramp], -1)]
    assert cells == approx(expected, abs=1 / 200)  # filters have 8 bits


def build_non_power_of_two() -> Sheet:
    """Images of odd sizes, smaller and larger than their panels."""
    sheet = Sheet(3)
    for column, (width, height) in enumerate(((3, 5), (37, 61), (150, 75))):
        pixels = np.zeros((height, width, 3), "u1")
        pixels[..., 1] = 255
        sheet.add(column, 0, make_textured(sheet.add_image(pixels)))
    return sheet


# ---- colours ---------------------------------------------------------------------------------------------------------


VERTEX_GREEN = (0.0, 0.4, 0.0)  # exact in 8 and 16 bits


def build_vertex_colors() -> Sheet:
    """Float, 8 and 16 bits, with and without alpha; each times a texture or a factor without which red is seen."""
    sheet = Sheet(4, 2)
    cyan = sheet.add_image(make_uniform(0, 255, 255))
    for row, material in enumerate((make_textured(cyan), make_diffuse((0.0, 1.0, 1.0)))):
        for column, (kind, scale) in enumerate((("f4", 1), ("u1", 255), ("u2", 65535))):
            rgba = scale * np.tile([1.0, 0.4, 0.0, 1.0], (4, 1))
            rounded = rgba if kind == "f4" else np.rint(rgba)
            sheet.add(column, row, material, COLOR_0=rounded[:, : 3 if kind == "f4" else 4].astype(kind))
        sheet.add(3, row, make_diffuse(VERTEX_GREEN))
    return sheet


def check_vertex_colors(p: Picture) -> None:
    p.assert_cells(VERTEX_GREEN)


def build_unlit() -> Sheet:
    sheet = Sheet(2)
    for column, color in enumerate(UNLIT_COLORS):
        sheet.add(column, 0, make_unlit(color))
    return sheet


UNLIT_COLORS = ((1.0, 0.217637640824031, 0.0), (0.0, 0.217637640824031, 1.0))


def check_unlit(p: Picture) -> None:
    """All pixels, up to half floats."""
    expected = np.repeat(UNLIT_COLORS, CELL, 0)[None]
    assert p.radiance == approx(np.broadcast_to(expected, p.radiance.shape), rel=1 / 1024)


STRENGTHS = (1.0, 2.0, 4.0, 8.0, 16.0)


def build_emissive_strength() -> Sheet:
    sheet = Sheet(len(STRENGTHS), 2)
    texture = sheet.add_image(make_uniform(GREY_CODE, 255, 0))
    for column, strength in enumerate(STRENGTHS):
        extensions = join(NO_SPECULAR, extend("emissive_strength", emissiveStrength=strength))
        factor = make_diffuse(BLACK, emissiveFactor=[*to_linear(GREY_CODE), 1.0, 0.0])
        sheet.add(column, 0, factor | extensions)
        sheet.add(column, 1, make_diffuse(BLACK, emissiveFactor=WHITE, emissiveTexture=texture) | extensions)
    return sheet


def check_emissive_strength(p: Picture) -> None:
    color = np.array([*to_linear(GREY_CODE), 1.0, 0.0])
    p.assert_cells(np.array(STRENGTHS)[:, None] * color)


def build_base_color() -> Sheet:
    """Factor, texture, half of each."""
    sheet = Sheet(3)
    color = np.array(to_linear(GREY_CODE, 124, 64))
    texture = sheet.add_image(make_uniform(GREY_CODE, 124, 64))
    white = sheet.add_image(make_uniform(*WHITE_CODE))
    sheet.add(0, 0, make_diffuse(0.5 * color))
    for column, (info, factor) in enumerate(((texture, GREY), (white, tuple(0.5 * color))), 1):
        sheet.add(
            column,
            0,
            make_diffuse(WHITE) | {"pbrMetallicRoughness": make_pbr(factor, baseColorTexture=info)},
        )
    return sheet


def check_base_color(p: Picture) -> None:
    p.assert_cells(0.5 * np.array(to_linear(GREY_CODE, 124, 64)), rtol=DECODE_ERROR)


def build_occlusion() -> Sheet:
    """Without, with a texture, at half its strength."""
    sheet = Sheet(3)
    texture = sheet.add_image(make_uniform(102, 0, 255))
    for column, info in enumerate(({}, texture, {**texture, "strength": 0.5})):
        members = {"occlusionTexture": info} if info else {}
        sheet.add(column, 0, make_diffuse(GREY, **members))
    return sheet


def check_occlusion(p: Picture) -> None:
    p.assert_cells(0.5 * np.array([1, 0.4, 0.7])[:, None])


# ---- alpha -----------------------------------------------------------------------------------------------------------


def make_gradient() -> Bytes:
    """(1, CELL) alpha from 0 to 1, black."""
    pixels = np.zeros((1, CELL, 4), "u1")
    pixels[..., 3] = np.rint(np.linspace(0, 255, CELL))
    return pixels


def build_alpha_modes() -> Sheet:
    """Before white panels: OPAQUE, BLEND, MASK at the default of 0.5, at 0.25, at 0.75."""
    sheet = Sheet(5)
    texture = sheet.add_image(make_gradient(), wrapS=CLAMP, wrapT=CLAMP)
    modes: list[Tree] = [{}, {"alphaMode": "BLEND"}]
    modes += [{"alphaMode": "MASK", **cutoff} for cutoff in ({}, {"alphaCutoff": 0.25}, {"alphaCutoff": 0.75})]
    for column, mode in enumerate(modes):
        sheet.add(column, 0, make_textured(texture, **mode), ABOVE)
    return sheet


def check_alpha_modes(p: Picture) -> None:
    cells = p.split_cells()[0, :, 1:-1].mean((1, 3))  # by column and pixel
    # the image's texels are the cell's pixels
    alpha = np.linspace(0, 1, CELL)
    expected = [0 * alpha, 1 - alpha, *((alpha < cutoff) for cutoff in (0.5, 0.25, 0.75))]
    assert cells == approx(np.array(expected, "f8"), abs=1 / 200)


def build_blending_order() -> Sheet:
    """Two panes before a black panel: the nearer one is first in the file, and last."""
    sheet = Sheet(2)
    panes = [(ABOVE, RED), (2 * ABOVE, GREEN)]
    for column, ordered in enumerate((panes, panes[::-1])):
        sheet.add(column, 0, make_diffuse(BLACK))
        for z, color in ordered:
            material = make_diffuse(color, alphaMode="BLEND")
            material["pbrMetallicRoughness"]["baseColorFactor"] = [*color, 0.5]
            sheet.add(column, 0, material, z)
    return sheet


def check_blending_order(p: Picture) -> None:
    p.assert_cells((0.25, 0.5, 0.0))


def build_alpha_coverage() -> Sheet:
    """Far away: a texel of the leaves is an eighth of a pixel. OPAQUE, MASK, BLEND."""
    sheet = Sheet(3)
    pixels = np.zeros((128, 128, 4), "u1")
    pixels[..., 3] = np.rint(255 * draw_blades())
    texture = sheet.add_image(pixels)
    for column, mode in enumerate(("OPAQUE", "MASK", "BLEND")):
        sheet.add(column, 0, make_textured(texture, alphaMode=mode), ABOVE)
    return sheet


def check_alpha_coverage(p: Picture) -> None:
    alpha, covered = draw_blades(), 1 - p.split_cells()[0].mean((1, 2, 3))
    assert covered == approx([1, (alpha >= 0.5).mean(), alpha.mean()], abs=0.05)


# ---- transmission ----------------------------------------------------------------------------------------------------


TINT = (0.9, 0.5, 0.2)


def compute_f0(ior: float) -> float:
    return ((ior - 1) / (ior + 1)) ** 2


def compute_reflectance(f0: float, roughness: float) -> float:
    """What a dielectric that faces the viewer reflects in the furnace."""
    return integrate_lobe(f0, roughness, 1.0)[0] if f0 and roughness else f0


def build_transmission() -> Sheet:
    """Before white panels and black ones: opaque, half and fully transmissive by the factor, half by the texture."""
    sheet = Sheet(4, 2)
    half = sheet.add_image(make_uniform(128, 0, 0))
    cases: list[Tree] = [{"transmissionFactor": factor} for factor in (0.0, 128 / 255, 1.0)]
    cases.append({"transmissionFactor": 1.0, "transmissionTexture": half})
    for row in range(2):
        for column, members in enumerate(cases):
            material = make_dielectric(TINT, 0.0, **join(extend("transmission", **members)))
            sheet.add(column, row, material, ABOVE)
            if row == 1:
                sheet.add(column, row, make_diffuse(BLACK))
    return sheet


def check_transmission(p: Picture) -> None:
    """In the furnace all panes before white are alike; before black, they lack what they transmit."""
    transmitted = np.array([0, 128 / 255, 1, 128 / 255])[:, None]
    f0, tint = DIELECTRIC, np.array(TINT)
    expected = [f0 + (1 - f0) * tint + 0 * transmitted, f0 + (1 - f0) * tint * (1 - transmitted)]
    p.assert_cells(expected, rtol=0.005)


IORS = (1.0, 1.33, 1.5, 2.0)


def build_rough_transmission() -> Sheet:
    """Columns: indices of refraction. Rows: smooth before white, rough before white, smooth before black."""
    sheet = Sheet(len(IORS), 3)
    for row, roughness in enumerate((0.0, 0.7, 0.0)):
        for column, ior in enumerate(IORS):
            if row == 2:
                sheet.add(column, row, make_diffuse(BLACK))
            extensions = join(extend("transmission", transmissionFactor=1), extend("ior", ior=ior))
            sheet.add(column, row, make_dielectric(WHITE, roughness, **extensions), ABOVE)
    return sheet


def check_rough_transmission(p: Picture) -> None:
    """Before white, white panes are invisible, but a rough lobe lacks some light. Before black, they reflect F0."""
    f0 = np.array([compute_f0(ior) for ior in IORS])
    rough = np.array([compute_reflectance(f, 0.7) for f in f0])
    expected = np.array([1 + 0 * f0, 1 - f0 + rough, f0])
    p.assert_cells(expected[..., None] * np.ones(3), rtol=0.005)


GRID_ROUGHNESSES = (0.0, 0.3, 0.6)
GRID_COLORS = (WHITE, TINT, (0.2, 0.6, 0.9))


def build_thin_walls() -> Sheet:
    """Columns: colours. Rows: roughness, before white; below them opaque panels of the same colours."""
    sheet = Sheet(len(GRID_COLORS), 4)
    for column, color in enumerate(GRID_COLORS):
        for row, roughness in enumerate(GRID_ROUGHNESSES):
            material = make_dielectric(
                color, roughness, doubleSided=True, **join(extend("transmission", transmissionFactor=1))
            )
            sheet.add(column, row, material, ABOVE)
        sheet.add(column, 3, make_dielectric(color, 0.0))
    return sheet


def check_thin_walls(p: Picture) -> None:
    """Tinted once, also where both sides are drawn, however rough."""
    reflected = np.array([compute_reflectance(DIELECTRIC, roughness) for roughness in (*GRID_ROUGHNESSES, 0.0)])
    p.assert_cells(reflected[:, None, None] + (1 - DIELECTRIC) * np.array(GRID_COLORS), rtol=0.005)


THICKNESSES = (0.25, 0.5, 1.0, 2.0)
ATTENUATION = (0.9, 0.5, 0.2)


def build_attenuation() -> Sheet:
    """Rows: thickness, attenuation distance, and the thickness' texture, whose products are the same."""
    sheet = Sheet(len(THICKNESSES), 3)
    for column, thickness in enumerate(THICKNESSES):
        texture = sheet.add_image(make_uniform(0, round(255 * thickness / 2), 255))
        rows: list[Tree] = [
            {"thicknessFactor": thickness, "attenuationDistance": 1.0},
            {"thicknessFactor": 1.0, "attenuationDistance": 1 / thickness},
            {"thicknessFactor": 2.0, "attenuationDistance": 1.0, "thicknessTexture": texture},
        ]
        for row, members in enumerate(rows):
            volume = extend("volume", attenuationColor=ATTENUATION, **members)
            extensions = join(extend("transmission", transmissionFactor=1), extend("ior", ior=1), volume)
            sheet.add(column, row, make_dielectric(WHITE, 0.0, **extensions), ABOVE)
    return sheet


def check_attenuation(p: Picture) -> None:
    p.assert_cells(np.array(ATTENUATION) ** np.array(THICKNESSES)[:, None], rtol=DECODE_ERROR)


# ---- reflection ------------------------------------------------------------------------------------------------------


ROUGHNESSES = (0.25, 0.5, 0.75, 1.0)
METAL_COLOR = (1.0, 0.766, 0.336)  # gold


def build_metal_rough() -> Sheet:
    """Columns: roughness. Rows: metals and dielectrics, each by factors and by textures."""
    sheet = Sheet(len(ROUGHNESSES), 4)
    for column, roughness in enumerate(ROUGHNESSES):
        for row, metallic in enumerate((1.0, 0.0)):
            code = round(255 * roughness)
            texture = sheet.add_image(make_uniform(0, code, round(255 * metallic)))
            factors = make_pbr(METAL_COLOR, metallic, code / 255)
            textured = make_pbr(METAL_COLOR, 1.0, 1.0, metallicRoughnessTexture=texture)
            sheet.add(column, 2 * row, {"pbrMetallicRoughness": factors})
            sheet.add(column, 2 * row + 1, {"pbrMetallicRoughness": textured})
    return sheet


def check_metal_rough(p: Picture) -> None:
    """Sunlit from the front: the brightness of the highlight's centre, by the BRDF of the specification."""
    axis = np.array([0.0, 0.0, 1.0])
    rows = []
    for metallic in (1.0, 1.0, 0.0, 0.0):
        base = np.array(METAL_COLOR)
        f0 = np.full(3, 0.04) * (1 - metallic) + base * metallic
        for roughness in ROUGHNESSES:
            specular = math.pi * evaluate_specular(axis, axis, axis, f0, round(255 * roughness) / 255)
            # what the lobe reflects of all light is taken from the diffuse part
            rows.append(specular + (1 - metallic) * base * (1 - compute_reflectance(DIELECTRIC, roughness)))
    expected = np.reshape(rows, (4, len(ROUGHNESSES), 3))
    p.assert_cells(expected, rtol=0.005)


def build_environment() -> Sheet:
    """Mirrors that are tilted upwards, not, downwards, and a mirror whose normals are."""
    sheet = Sheet(3)
    for column, y in enumerate((1, 0, -1)):
        normals = np.tile(np.array((0, y, 1)) / np.hypot(y, 1), (4, 1)).astype("f4")
        angle = math.radians(-45.0 * y)
        corners = CORNERS * np.float32(0.7)
        turned = np.stack(
            [
                corners[:, 0],
                corners[:, 1] * math.cos(angle),
                corners[:, 1] * math.sin(angle),
            ],
            1,
        ).astype("f4")
        sheet.add(column, 0, make_metal(WHITE), POSITION=turned, indices=TRIANGLES, NORMAL=normals)
    return sheet


def check_environment(p: Picture) -> None:
    """The environment's radiance is 1 + y: 2 above, 1 behind the camera, 0 below."""
    p_means = p.compute_means()[0, :, 1]
    assert p_means == approx([2, 1, 0], abs=0.03)


SPECULAR_FACTORS = (0.0, 64 / 255, 128 / 255, 1.0)


def build_specular() -> Sheet:
    """Black panels, smooth. Rows: the factor, its texture's alpha, and a colour of the same values, twice as well."""
    sheet = Sheet(len(SPECULAR_FACTORS), 4)
    for column, factor in enumerate(SPECULAR_FACTORS):
        code = round(255 * factor)
        strength = sheet.add_image(make_uniform(255, 255, 255, code))
        color_code = int(np.abs(LINEAR_VALUES - factor).argmin())
        color = sheet.add_image(make_uniform(color_code, color_code, color_code))
        rows: list[Tree] = [
            {"specularFactor": factor},
            {"specularTexture": strength},
            {"specularColorFactor": [factor] * 3},
            {"specularColorTexture": color},
        ]
        for row, members in enumerate(rows):
            sheet.add(column, row, make_dielectric(BLACK, 0.0, **join(extend("specular", **members))))
    return sheet


def check_specular(p: Picture) -> None:
    """From no reflection to F0 of 0.04."""
    means = p.compute_means()
    assert not means[:, 0].any()
    # codes of colours resolve 0.005 of 1
    p.assert_cells(0.04 * np.array(SPECULAR_FACTORS)[:, None] * np.ones(3), rtol=0.02)


def build_ior_grid() -> Sheet:
    """Columns: indices of refraction, black panels. Rows: smooth, rough."""
    sheet = Sheet(len(IORS), 2)
    for column, ior in enumerate(IORS):
        for row, roughness in enumerate((0.0, 0.6)):
            sheet.add(column, row, make_dielectric(BLACK, roughness, **join(extend("ior", ior=ior))))
    return sheet


def check_ior_grid(p: Picture) -> None:
    """Fresnel's reflectance at normal incidence, and that of a rough lobe."""
    assert not p.compute_means()[:, 0].any()
    expected = np.array([[compute_reflectance(compute_f0(ior), roughness) for ior in IORS] for roughness in (0.0, 0.6)])
    p.assert_cells(expected[..., None] * np.ones(3), atol=DFG_ERROR)


def build_sheen() -> Sheet:
    """Rows: roughness on black, then on white. Columns: no sheen, red by the factor and by the texture, white."""
    sheet = Sheet(4, 4)
    red = sheet.add_image(make_uniform(*RED_CODE))
    cases: list[Tree] = [{}, {"sheenColorFactor": RED}, {"sheenColorFactor": WHITE, "sheenColorTexture": red}]
    cases.append({"sheenColorFactor": WHITE})
    for row, (roughness, color) in enumerate(((0.2, BLACK), (0.5, BLACK), (1.0, BLACK), (1.0, WHITE))):
        for column, members in enumerate(cases):
            extensions = join(NO_SPECULAR, extend("sheen", sheenRoughnessFactor=roughness, **members))
            sheet.add(column, row, make_diffuse(color) | extensions)
    return sheet


def check_sheen(p: Picture) -> None:
    """Sheen of its colour only, brighter where rougher; white stays white in the furnace, as no light is added."""
    means = p.compute_means()
    reflected = means[:3, 3, 0]
    assert reflected.min() > 0.02 and np.diff(reflected).min() > 0.05 and reflected.max() < 0.5
    expected = np.array([BLACK, RED, RED, WHITE]) * reflected[:, None, None]
    p.assert_cells(np.concatenate([expected, np.ones((1, 4, 3))]), rtol=DECODE_ERROR)


def build_clear_coats() -> Sheet:
    """Columns: no coat, half a coat by the factor and by the texture, a coat. Rows: on black, on white."""
    sheet = Sheet(4, 2)
    half = sheet.add_image(make_uniform(128, 0, 0))
    cases: list[Tree] = [{}, {"clearcoatFactor": 128 / 255}, {"clearcoatFactor": 1, "clearcoatTexture": half}]
    cases.append({"clearcoatFactor": 1})
    for row, color in enumerate((BLACK, WHITE)):
        for column, members in enumerate(cases):
            sheet.add(column, row, make_diffuse(color) | join(NO_SPECULAR, extend("clearcoat", **members)))
    return sheet


def check_clear_coats(p: Picture) -> None:
    """The coat adds its reflection to black, and leaves white as it is in the furnace."""
    strengths = np.array([0, 128 / 255, 128 / 255, 1])[:, None]
    p.assert_cells([0.04 * strengths * np.ones(3), np.ones((4, 3))], rtol=0.02)


def build_compare_clearcoat() -> Sheet:
    """A rough black base under no coat, a rough coat, a smooth one; and a base with a normal map below a coat."""
    sheet = Sheet(4)
    away = sheet.add_image(np.tile(encode_normal((0.9, 0, 0.4)), (4, 4, 1)))
    cases: list[Tree] = [{}, {"clearcoatFactor": 1, "clearcoatRoughnessFactor": 0.5}]
    cases.append({"clearcoatFactor": 1, "clearcoatRoughnessFactor": 0.25})
    for column, members in enumerate([*cases, cases[-1]]):
        normal: Tree = {"normalTexture": away} if column == 3 else {}
        material = make_diffuse(BLACK) | join(NO_SPECULAR, extend("clearcoat", **members)) | normal
        sheet.add(column, 0, material)
    return sheet


def check_compare_clearcoat(p: Picture) -> None:
    """Highlights of the sun from the front: none, wide, narrow, and the same above a normal map of the base."""
    axis = np.array([0.0, 0.0, 1.0])
    rough, smooth = (math.pi * evaluate_specular(axis, axis, axis, 0.04, roughness) for roughness in (0.5, 0.25))
    p.assert_cells(np.array([0, rough, smooth, smooth])[:, None] * np.ones(3), rtol=0.02)


def build_two_workflows() -> Sheet:
    """Two bottles, spheres, whose upper half is metal. Left: metallic-roughness, right: specular-glossiness."""
    sheet = Sheet(2)
    sphere = make_sphere((0, 0, 0), 0.48, rings=16)
    assert sphere.normals is not None
    # v is 0 on top
    v = (0.5 - sphere.positions[:, 1] / 0.96).astype("f4")
    arrays = {
        "POSITION": sphere.positions,
        "NORMAL": sphere.normals,
        "indices": sphere.triangles.astype("u2"),
        "TEXCOORD_0": np.stack([0 * v + 0.5, v], 1).astype("f4"),
    }

    def add_rows(top: tuple[int, ...], bottom: tuple[int, ...]) -> Tree:
        return sheet.add_image(make_halves(top, bottom).swapaxes(0, 1), wrapS=CLAMP, wrapT=CLAMP)

    metal, plastic, f0 = (230, 190, 110), (60, 120, 180), (56, 56, 56)
    ior = 2 / (1 - math.sqrt(LINEAR_VALUES[56])) - 1
    metal_rough = make_pbr(
        WHITE,
        1.0,
        1.0,
        baseColorTexture=add_rows(metal, plastic),
        metallicRoughnessTexture=add_rows((0, 90, 255), (0, 60, 0)),
    )
    sheet.add(0, 0, {"pbrMetallicRoughness": metal_rough, **join(extend("ior", ior=ior))}, **arrays)
    spec_gloss = extend(
        "pbrSpecularGlossiness",
        diffuseTexture=add_rows(BLACK_CODE, plastic),
        specularGlossinessTexture=add_rows((*metal, 165), (*f0, 195)),
    )
    sheet.add(1, 0, {"pbrMetallicRoughness": make_pbr(RED), **join(spec_gloss)}, **arrays)
    return sheet


def check_two_workflows(p: Picture) -> None:
    """Row by row, without those where the filter mixes metal and plastic."""
    one, other = p.split_cells()[0][:, :, 3:-3].astype("f8")
    assert one.mean() > 0.1 and one.std() > 0.05
    rows = [2, 3, 4, 7, 8, 9]
    noise = np.hypot(one.std(1, ddof=1), other.std(1, ddof=1)) * SPEC_GLOSS_SIGMAS / np.sqrt(one.shape[1])
    assert (np.abs(one.mean(1) - other.mean(1)) <= noise + 0.01)[rows].all()


SPEC_GLOSS_SIGMAS = 1.0  # of all pixels of a row, whose brightness differs much more than by noise


# ---- normals ---------------------------------------------------------------------------------------------------------

TILTS = [encode_normal(n) for n in ((0.5, 0, 1), (-0.5, 0, 1), (0, 0.5, 1), (0, -0.5, 1))]
# UVs of a panel, and the axes along which u and upward v grow.
UV_LAYOUTS = (
    (make_uvs(0, 0, 1, 1), (1, 0, 0), (0, 1, 0)),
    (make_uvs(1, 0, 0, 1), (-1, 0, 0), (0, 1, 0)),  # mirrored
    (np.roll(make_uvs(0, 0, 1, 1), 1, 0), (0, 1, 0), (-1, 0, 0)),
)


def find_tilted_normal(codes: npt.ArrayLike, u_axis: npt.ArrayLike, v_axis: npt.ArrayLike) -> Doubles:
    x, y, z = decode_normal(codes)
    tilted: Doubles = x * np.asarray(u_axis) + y * np.asarray(v_axis) + z * np.array((0, 0, 1))
    return tilted


def build_normal_tangents(has_tangents: bool, layouts: tuple[int, ...]) -> Sheet:
    """Rows: a normal map laid out in several ways, then the same normals as geometry. Columns: tilts."""
    sheet = Sheet(len(TILTS), 2 * len(layouts))
    normals = np.tile(np.array((0, 0, 1), "f4"), (4, 1))
    for i, layout in enumerate(layouts):
        uvs, u_axis, v_axis = UV_LAYOUTS[layout]
        side = np.cross(u_axis, v_axis)[2]
        tangents = np.tile(np.array((*u_axis, side), "f4"), (4, 1))
        for column, codes in enumerate(TILTS):
            texture = sheet.add_image(np.tile(codes, (4, 4, 1)))
            stored = {"TANGENT": tangents} if has_tangents else {}
            mapped = make_diffuse(WHITE, normalTexture=texture)
            sheet.add(column, 2 * i, mapped, TEXCOORD_0=uvs.astype("f4"), NORMAL=normals, **stored)
            tilted = np.tile(find_tilted_normal(codes, u_axis, v_axis), (4, 1)).astype("f4")
            sheet.add(column, 2 * i + 1, make_diffuse(WHITE), NORMAL=tilted)
    return sheet


def check_normal_tangents(*layouts: int) -> Callable[[Picture], None]:
    def check(p: Picture) -> None:
        expected = [
            [[SIDE_SUN @ find_tilted_normal(codes, *UV_LAYOUTS[layout][1:])] * 3 for codes in TILTS]
            for layout in layouts
            for _ in range(2)
        ]
        p.assert_cells(expected)

    return check


def build_compare_normal() -> Sheet:
    """A tilted normal map at the scales 0, 1 and 2."""
    sheet = Sheet(3)
    texture = sheet.add_image(np.tile(TILTS[0], (4, 4, 1)))
    for column, scale in enumerate((0, 1, 2)):
        sheet.add(column, 0, make_diffuse(WHITE, normalTexture={**texture, "scale": scale}))
    return sheet


def check_compare_normal(p: Picture) -> None:
    """As the specification: normalize((2 texel - 1) * (scale, scale, 1))."""
    normals = decode_normal(TILTS[0]) * np.array([(0, 0, 1), (1, 1, 1), (2, 2, 1)])
    cosines = normals @ SIDE_SUN / np.linalg.norm(normals, axis=1)
    p.assert_cells(cosines[:, None] * np.ones(3))


# ---- nodes and geometry ----------------------------------------------------------------------------------------------


def turn(axis: tuple[float, float, float], degrees: float) -> list[float]:
    half = math.radians(degrees) / 2
    return [*(math.sin(half) * a for a in axis), math.cos(half)]


def add_red(sheet: Sheet) -> None:
    """Red panels behind all cells."""
    for row in range(sheet.rows):
        for column in range(sheet.columns):
            sheet.add(column, row, make_diffuse(RED), -ABOVE)


def build_orientations() -> Sheet:
    """Green panels that cover red ones: turned about each axis, by a matrix, below two parents, and moved alone.

    Panels stand two metres from their node's origin, in the direction that the turn takes to +x.
    """
    sheet = Sheet(3, 2)
    add_red(sheet)
    x, y, z = (CORNERS + np.array((2, 0, 0), "f4")).T
    quarter = turn((0, 0, 1), 90)
    cases: list[tuple[list[Array], Tree]] = [
        ([x, z, -y], {"rotation": turn((1, 0, 0), 90)}),
        ([-z, y, x], {"rotation": turn((0, 1, 0), 90)}),
        ([y, -x, z], {"rotation": quarter}),
        ([y, -x, z], {"matrix": [0, 1, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]}),  # by columns
        ([y / 2, -x / 2, z / 2], {"scale": [2, 2, 2]}),
        ([x, y, z], {}),
    ]
    for i, (coordinates, transform) in enumerate(cases):
        column, row = i % 3, i // 3
        positions = np.stack(coordinates, 1).astype("f4")
        node = sheet.add(column, row, make_diffuse(GREEN), POSITION=positions, indices=TRIANGLES)
        origin = sheet.get_center(column - 2, row)
        node |= {"translation": origin, **transform}
        if "matrix" in node:
            node["matrix"][12:15] = node.pop("translation")
        elif "scale" in node:  # scaled below a node that is turned, below one that is moved
            node["translation"] = [0, 0, 0]
            child = sheet.tree["scenes"][0]["nodes"].pop()
            sheet.tree["nodes"].append({"rotation": quarter, "children": [child]})
            add_node(sheet.tree, translation=origin, children=[child + 1])
    return sheet


def build_morph_primitives() -> Sheet:
    """Two primitives of a mesh, of which one is displaced by half of its target; the other covers its cell."""
    sheet = Sheet(2)
    add_red(sheet)
    node = sheet.add(0, 0, make_diffuse(GREEN))
    node["translation"] = [0.5, -0.5, 0]
    primitive = sheet.get_primitive(node)
    away = CORNERS + np.array((3, -2, 0), "f4")
    displacement = np.tile(np.array((-4, 4, 0), "f4"), (4, 1))  # half of it leads to the right cell
    primitives = sheet.tree["meshes"][node["mesh"]]["primitives"]
    primitives.append(
        {
            **primitive,
            "attributes": {**primitive["attributes"], "POSITION": sheet.add_accessor(away)},
            "targets": [{"POSITION": sheet.add_accessor(displacement)}],
        }
    )
    primitive["targets"] = [{"POSITION": sheet.add_accessor(np.zeros((4, 3), "f4"))}]
    sheet.tree["meshes"][node["mesh"]]["weights"] = [0.5]
    return sheet


def build_morph_stress() -> Sheet:
    """Eight targets at rest, each of which would bare a red panel; a ninth at 1, which hides it, by the node."""
    sheet = Sheet(1)
    add_red(sheet)
    node = sheet.add(0, 0, make_diffuse(GREEN), POSITION=CORNERS - np.float32(4), indices=TRIANGLES)
    away = [np.tile(np.array((i + 1, 0, 0), "f4"), (4, 1)) for i in range(8)]
    home = np.tile(np.array((4, 4, 4), "f4"), (4, 1))
    sheet.get_primitive(node)["targets"] = [{"POSITION": sheet.add_accessor(target)} for target in (*away, home)]
    sheet.tree["meshes"][node["mesh"]]["weights"] = [1.0] * 8 + [0.0]
    node["weights"] = [0.0] * 8 + [1.0]
    return sheet


def add_skin(sheet: Sheet, node: Tree, joints: list[int], inverse_bind: Array, numbers: list[int]) -> None:
    """Let the corners of a panel follow joints by their numbers in the skin."""
    attributes = sheet.get_primitive(node)["attributes"]
    attributes["JOINTS_0"] = sheet.add_accessor(np.array([[n, 0, 0, 0] for n in numbers], "u1"))
    attributes["WEIGHTS_0"] = sheet.add_accessor(np.tile(np.array((1, 0, 0, 0), "f4"), (4, 1)))
    matrices = sheet.add_accessor(inverse_bind.transpose(0, 2, 1).reshape(-1, 16).astype("f4"))
    sheet.tree.setdefault("skins", []).append({"joints": joints, "inverseBindMatrices": matrices})
    node["skin"] = len(sheet.tree["skins"]) - 1


def build_skin() -> Sheet:
    """A panel as wide as a cell that two joints stretch over two. Its own node would move it away."""
    sheet = Sheet(2)
    add_red(sheet)
    node = sheet.add(5, 5, make_diffuse(GREEN))
    left = add_node(sheet.tree, translation=[0.5, -0.5, 0])
    right = len(sheet.tree["nodes"])
    sheet.tree["nodes"].append({"translation": [1, 0, 0]})
    sheet.tree["nodes"][left]["children"] = [right]
    add_skin(sheet, node, [left, right], np.stack([np.eye(4)] * 2), [0, 1, 1, 0])
    return sheet


def build_recursive_skeletons() -> Sheet:
    """Skinned panels, each of which hangs below a joint of the one before; inverse bind matrices bring them home."""
    sheet = Sheet(3)
    add_red(sheet)
    parent = None
    for column in range(3):
        node = sheet.add(7, 7, make_diffuse(GREEN))
        index = sheet.tree["scenes"][0]["nodes"].pop()
        joint: Tree = {"translation": [1, 2, 0], "children": [index]}
        sheet.tree["nodes"].append(joint)
        joint_index = len(sheet.tree["nodes"]) - 1
        if parent is None:
            sheet.tree["scenes"][0]["nodes"].append(joint_index)
        else:
            parent["children"].append(joint_index)
        depth = column + 1
        inverse_bind = np.eye(4)
        inverse_bind[:3, 3] = np.array(sheet.get_center(column, 0)) - np.array((depth, 2 * depth, 0))
        add_skin(sheet, node, [joint_index], inverse_bind[None], [0, 0, 0, 0])
        parent = joint
    return sheet


def build_sparse() -> Sheet:
    """Positions of which sparse values replace some, and all of those without other values."""
    sheet = Sheet(2)
    add_red(sheet)
    for column, has_base in enumerate((True, False)):
        positions = CORNERS.copy()
        positions[1:3] -= np.float32(3)
        node = sheet.add(column, 0, make_diffuse(GREEN), POSITION=positions, indices=TRIANGLES)
        accessor = sheet.tree["accessors"][sheet.get_primitive(node)["attributes"]["POSITION"]]
        numbers = np.arange(1, 3) if has_base else np.arange(4)
        indices, values = (
            sheet.tree["accessors"][sheet.add_accessor(array)]["bufferView"]
            for array in (numbers.astype("u2"), CORNERS[numbers])
        )
        accessor["sparse"] = {
            "count": len(numbers),
            "indices": {"bufferView": indices, "componentType": 5123},
            "values": {"bufferView": values},
        }
        if not has_base:
            del accessor["bufferView"]
    return sheet


def build_instances() -> Sheet:
    """One panel, half as large as a cell and edge on, moved, turned and scaled to each cell."""
    sheet = Sheet(3, 2)
    add_red(sheet)
    x, y, z = CORNERS.T / 2
    node = sheet.add(0, 0, make_diffuse(GREEN), POSITION=np.stack([z, y, x], 1).astype("f4"), indices=TRIANGLES)
    node["translation"] = [0.5, -0.5, 0]
    offsets = [(column, -row, 0) for row in range(2) for column in range(3)]
    attributes = {
        "TRANSLATION": np.array(offsets, "f4"),
        "ROTATION": np.tile(np.array(turn((0, 1, 0), 90), "f4"), (6, 1)),
        "SCALE": np.full((6, 3), 2, "f4"),
    }
    node["extensions"] = {
        "EXT_mesh_gpu_instancing": {
            "attributes": {name: sheet.add_accessor(values) for name, values in attributes.items()}
        }
    }
    return sheet


def build_primitive_modes() -> Sheet:
    """Triangles, strip and fan, with indices and without. In the last column points and lines, which stay black."""
    sheet = Sheet(4, 2)
    orders = {4: [0, 1, 2, 0, 2, 3], 5: [0, 1, 3, 2], 6: [0, 1, 2, 3]}
    for column, (mode, order) in enumerate(orders.items()):
        indexed = sheet.add(column, 0, make_diffuse(GREEN), POSITION=CORNERS, indices=np.array(order, "u2"))
        plain = sheet.add(column, 1, make_diffuse(GREEN), POSITION=CORNERS[order])
        for node in (indexed, plain):
            sheet.get_primitive(node)["mode"] = mode
    for row, modes in enumerate(((0, 1), (2, 3))):
        for mode in modes:
            node = sheet.add(3, row, make_diffuse(GREEN), POSITION=CORNERS[[0, 1, 2, 3]])
            sheet.get_primitive(node)["mode"] = mode
    return sheet


def check_primitive_modes(p: Picture) -> None:
    p.assert_cells([GREEN, GREEN, GREEN, BLACK])


def build_animated() -> Sheet:
    """Green panels at rest; animations of each interpolation would bare the red ones."""
    sheet = Sheet(3)
    add_red(sheet)
    times = sheet.add_accessor(np.array([0, 1], "f4"), min=[0], max=[1])
    samplers, channels = [], []
    for column, interpolation in enumerate(("STEP", "LINEAR", "CUBICSPLINE")):
        sheet.add(column, 0, make_diffuse(GREEN))
        count = 6 if interpolation == "CUBICSPLINE" else 2
        away = sheet.add_accessor(np.tile(np.array((9, 9, 9), "f4"), (count, 1)))
        samplers.append({"input": times, "output": away, "interpolation": interpolation})
        target = {"node": len(sheet.tree["nodes"]) - 1, "path": "translation"}
        channels.append({"sampler": column, "target": target})
    sheet.tree["animations"] = [{"samplers": samplers, "channels": channels}]
    return sheet


def build_many_nodes() -> Sheet:
    """256 nodes, of which each row is below another parent, with one mesh: tiles that cover the red panels."""
    sheet = Sheet(2, 2)
    add_red(sheet)
    node = sheet.add(0, 0, make_diffuse(GREEN), POSITION=CORNERS / np.float32(8), indices=TRIANGLES)
    mesh = node["mesh"]
    for row in range(16):
        children = []
        for column in range(16):
            sheet.tree["nodes"].append({"mesh": mesh, "translation": [(column + 0.5) / 8, 0, 0]})
            children.append(len(sheet.tree["nodes"]) - 1)
        add_node(sheet.tree, translation=[0, -(row + 0.5) / 8, 0], children=children)
    return sheet


def build_metadata() -> Sheet:
    sheet = Sheet(1)
    node = sheet.add(0, 0, make_diffuse(GREEN))
    packet = {"@context": {"dc": "http://purl.org/dc/elements/1.1/"}, "dc:title": "a panel"}
    sheet.tree["extensions"] = {"KHR_xmp_json_ld": {"packets": [packet]}}
    for element in (sheet.tree["asset"], node, sheet.tree["materials"][0]):
        element.setdefault("extensions", {})["KHR_xmp_json_ld"] = {"packet": 0}
    return sheet


def build_visibility() -> Sheet:
    """Red panels and lights are hidden, by themselves and by a parent. A hidden camera still sees."""
    sheet = Sheet(2)
    hidden: Tree = {"KHR_node_visibility": {"visible": False}}
    for column in range(2):
        sheet.add(column, 0, make_diffuse(GREEN))
        sheet.add(column, 0, make_diffuse(RED), ABOVE)
    sheet.tree["nodes"][2]["extensions"] = hidden
    child = sheet.tree["scenes"][0]["nodes"].pop()
    sheet.tree["nodes"][child]["extensions"] = {"KHR_node_visibility": {"visible": True}}
    add_node(sheet.tree, children=[child], extensions=hidden)
    sheet.tree["nodes"][0]["extensions"] = hidden
    return sheet


def build_variants() -> Sheet:
    sheet = Sheet(1)
    primitive = sheet.get_primitive(sheet.add(0, 0, make_diffuse(GREEN)))
    other = sheet.add_material(make_diffuse(RED))
    primitive["extensions"] = {"KHR_materials_variants": {"mappings": [{"material": other, "variants": [0]}]}}
    sheet.tree["extensions"] = {"KHR_materials_variants": {"variants": [{"name": "red"}]}}
    return sheet


def build_scenes() -> Sheet:
    """Two scenes with a camera each; the second is the default."""
    sheet = Sheet(1)
    sheet.add(0, 0, make_diffuse(GREEN))
    sheet.add(0, 0, make_diffuse(RED), ABOVE)
    camera, green, red = sheet.tree["scenes"][0]["nodes"]
    sheet.tree["scenes"] = [{"nodes": [camera, red]}, {"nodes": [camera, green]}]
    sheet.tree["scene"] = 1
    return sheet


CAMERA_AZIMUTH = 1.0  # radians


def build_cameras() -> Sheet:
    """An orthographic camera and a perspective one, turned by its node, which a picture takes by default."""
    sheet = Sheet(1)
    sheet.add(0, 0, make_diffuse(GREEN))["scale"] = [0.5, 0.5, 0.5]
    angle = math.radians(20)
    distance = 0.5 / math.tan(angle)
    perspective = {"yfov": 2 * angle, "znear": 0.1}
    sheet.tree["cameras"].append({"type": "perspective", "perspective": perspective})
    eye = [0.5 + distance * math.sin(CAMERA_AZIMUTH), -0.5, distance * math.cos(CAMERA_AZIMUTH)]
    add_node(sheet.tree, camera=1, translation=eye, rotation=turn((0, 1, 0), math.degrees(CAMERA_AZIMUTH)))
    return sheet


def check_cameras(p: Picture) -> None:
    """Half of the middle column of pixels shows the panel; across it is shortened by the cosine."""
    is_green, middle = p.radiance[..., 1] > 0.5, CELL // 2
    assert is_green[:, middle].sum() == middle
    assert is_green[middle].sum() == pytest.approx(middle * math.cos(CAMERA_AZIMUTH), abs=1)


# ---- lights ----------------------------------------------------------------------------------------------------------

LIGHT_DISTANCE = 2.0


def add_light(sheet: Sheet, column: float, row: float, z: float, **light: Any) -> Tree:
    """Add a node with a light of KHR_lights_punctual, which shines along its -z."""
    extension = sheet.tree.setdefault("extensions", {}).setdefault("KHR_lights_punctual", {"lights": []})
    extension["lights"].append(light)
    reference = {"KHR_lights_punctual": {"light": len(extension["lights"]) - 1}}
    index = add_node(sheet.tree, translation=sheet.get_center(column, row, z), extensions=reference)
    node: Tree = sheet.tree["nodes"][index]
    return node


def build_punctual_lights() -> Sheet:
    """Small panels: below a red point light, in the cone of a green spot light, and beside it."""
    sheet = Sheet(3)
    for column in range(3):
        sheet.add(column, 0, make_diffuse(WHITE))
    add_light(sheet, 0, 0, LIGHT_DISTANCE, type="point", color=RED, intensity=8)
    cone = {"innerConeAngle": math.radians(12), "outerConeAngle": math.radians(14)}
    # so that its cone covers the middle of the cell, and nothing of the next one's
    add_light(sheet, 1, 0, LIGHT_DISTANCE, type="spot", color=GREEN, intensity=8, spot=cone)
    return sheet


def check_punctual_lights(p: Picture) -> None:
    """The inverse square law, and Lambert's; radiance = irradiance / pi."""
    inside = slice(CELL // 4, -CELL // 4)
    x = (np.arange(3 * CELL) + 0.5) / CELL - 0.5
    y = (np.arange(CELL) + 0.5) / CELL - 0.5
    squared = LIGHT_DISTANCE**2 + x**2 + y[:, None] ** 2
    point = 8 * LIGHT_DISTANCE / squared**1.5 / math.pi
    assert p.radiance[inside, :, 0] == approx(point[inside], rel=0.01)
    spot = np.roll(point, CELL, 1)
    cells = slice(CELL + CELL // 4, 2 * CELL - CELL // 4)
    assert p.radiance[inside, cells, 1] == approx(spot[inside, cells], rel=0.01)
    assert not p.radiance[:, 2 * CELL :, 1].any() and not p.radiance[..., 2].any()


def build_directional_light() -> Sheet:
    """Panels whose normals are tilted by 0, 30, 60 and 120 degrees to the light, which its node turns."""
    sheet = Sheet(3)
    for column, angle in enumerate((0, 30, 60)):
        normal = np.array((math.sin(math.radians(angle)), 0, math.cos(math.radians(angle))))
        sheet.add(column, 0, make_diffuse(WHITE), NORMAL=np.tile(normal, (4, 1)).astype("f4"))
    light = add_light(sheet, 0, 0, -5, type="directional", intensity=math.pi, color=[0.5, 1, 0.25])
    light["rotation"] = turn((0, 1, 0), -20)
    return sheet


def check_directional_light(p: Picture) -> None:
    cosines = np.cos(np.radians(np.array([0, 30, 60]) + 20))
    p.assert_cells(cosines[:, None] * (0.5, 1, 0.25))


# ---- approximated ----------------------------------------------------------------------------------------------------


APPROXIMATED: dict[str, Tree] = {
    "anisotropy": {"anisotropyStrength": 0.8, "anisotropyRotation": 1.0},
    "diffuse_transmission": {"diffuseTransmissionFactor": 0.5},
    "dispersion": {"dispersion": 1.0},
    "iridescence": {"iridescenceFactor": 1.0, "iridescenceThicknessMaximum": 400},
}


def build_approximated(name: str) -> Callable[[], Sheet]:
    """Rough and smooth panels, plain and with the extension."""

    def build() -> Sheet:
        sheet = Sheet(2, 2)
        for row, roughness in enumerate((0.2, 0.8)):
            for column, extensions in enumerate(({}, join(extend(name, **APPROXIMATED[name])))):
                sheet.add(column, row, make_dielectric((0.3, 0.5, 0.4), roughness, **extensions))
        return sheet

    return build


def check_approximated(p: Picture) -> None:
    """Drawn as the base, which is not black, and without more light than comes in."""
    p.assert_alike(axis=1)
    assert p.compute_means().min() > 0.3 and p.radiance.max() < 1


# ---- the table -------------------------------------------------------------------------------------------------------

MODELS = [
    Model(
        "TextureSettingsTest",
        "check marks only: single- and double-sided, repeat, mirror, clamp",
        build_texture_settings,
        is_near_green,
    ),
    Model(
        "NegativeScaleTest",
        "mirrored objects are lit as the others, from outside",
        build_negative_scale,
        check_negative_scale,
        move_sun(165, 25),
    ),
    Model("TwoSidedPlane", "both sides are seen, and lit", build_two_sided_plane, shows_green, SUNLIT),
    Model(
        "TextureCoordinateTest",
        "(0, 0) is the upper left corner of an image",
        build_texture_coordinates,
        check_texture_coordinates,
    ),
    Model(
        "TextureTransformTest",
        "check marks only: offset, rotation and scale, counter-clockwise",
        build_texture_transforms,
        shows_green,
    ),
    Model(
        "TextureTransformMultiTest",
        "no red: every texture of a material has a transform of its own",
        build_texture_transforms_of_each_texture,
        shows_green,
        SUNLIT,
    ),
    Model("MultiUVTest", "each texture is laid out by its own UVs", build_multi_uv, shows_green),
    Model(
        "TextureEncodingTest",
        "colours are sRGB and values linear: textures equal factors",
        build_texture_encoding,
        check_texture_encoding,
    ),
    Model(
        "TextureLinearInterpolationTest",
        "textures are interpolated in linear light",
        build_linear_interpolation,
        check_linear_interpolation,
    ),
    Model("BoxTexturedNonPowerOfTwo", "images may have any size", build_non_power_of_two, shows_green),
    Model(
        "VertexColorTest",
        "check marks only: vertex colours multiply the base colour",
        build_vertex_colors,
        check_vertex_colors,
    ),
    Model("UnlitTest", "the base colour, whatever the light", build_unlit, check_unlit, SUNLIT),
    Model(
        "EmissiveStrengthTest",
        "each panel is twice as bright as the one before",
        build_emissive_strength,
        check_emissive_strength,
        DARK,
    ),
    Model("CompareBaseColor", "factor and texture are multiplied", build_base_color, check_base_color),
    Model(
        "CompareAmbientOcclusion",
        "the texture darkens ambient light, by its strength",
        build_occlusion,
        check_occlusion,
        {**FURNACE, "occlusion_maps": True},
    ),
    Model(
        "AlphaBlendModeTest",
        "OPAQUE ignores alpha, BLEND is smooth, MASK ends at its cutoff",
        build_alpha_modes,
        check_alpha_modes,
        BEFORE_WHITE,
    ),
    Model("Material_AlphaBlend", "the nearer pane lies on the farther one", build_blending_order, check_blending_order),
    Model(
        "CompareAlphaCoverage",
        "from far away, leaves cover as much as their alpha says",
        build_alpha_coverage,
        check_alpha_coverage,
        BEFORE_WHITE,
    ),
    Model(
        "TransmissionTest",
        "panes transmit by factor and texture, tinted by the base colour",
        build_transmission,
        check_transmission,
        BEFORE_WHITE,
    ),
    Model(
        "TransmissionRoughnessTest",
        "panes are clear at an index of 1, and reflect more at higher ones",
        build_rough_transmission,
        check_rough_transmission,
        BEFORE_WHITE,
    ),
    Model(
        "TransmissionThinwallTestGrid",
        "thin walls are tinted once, at any roughness",
        build_thin_walls,
        check_thin_walls,
        BEFORE_WHITE,
    ),
    Model(
        "AttenuationTest",
        "rows of thickness, of attenuation distance and of textures look the same",
        build_attenuation,
        check_attenuation,
        BEFORE_WHITE,
    ),
    Model(
        "MetalRoughSpheres",
        "highlights widen with roughness; textures equal factors",
        build_metal_rough,
        check_metal_rough,
        SUNLIT,
    ),
    Model(
        "EnvironmentTest",
        "mirrors show the environment the right way up",
        build_environment,
        check_environment,
        {"environment": "ramp-y", **NO_SUN},
    ),
    Model("SpecularTest", "rows look the same; on the left nothing is reflected", build_specular, check_specular),
    Model("IORTestGrid", "reflectance grows with the index of refraction", build_ior_grid, check_ior_grid),
    Model("ClearCoatTest", "coats reflect by factor and texture", build_clear_coats, check_clear_coats),
    Model(
        "CompareClearcoat",
        "the coat has a highlight of its own, without the normal map of the base",
        build_compare_clearcoat,
        check_compare_clearcoat,
        SUNLIT,
    ),
    Model("SheenTestGrid", "sheen grows with roughness, in its colour", build_sheen, check_sheen),
    Model(
        "SpecGlossVsMetalRough",
        "both bottles look the same",
        build_two_workflows,
        check_two_workflows,
        {**move_sun(145, 25), "environment": "ramp-y"},
    ),
    Model(
        "NormalTangentTest",
        "without tangents: normal maps are lit as the same normals",
        lambda: build_normal_tangents(False, (0, 2)),
        check_normal_tangents(0, 2),
        move_sun(145, 25),
    ),
    Model(
        "NormalTangentMirrorTest",
        "with tangents and mirrored UVs: likewise",
        lambda: build_normal_tangents(True, (0, 1)),
        check_normal_tangents(0, 1),
        move_sun(145, 25),
    ),
    Model("CompareNormal", "the scale of a normal map", build_compare_normal, check_compare_normal, move_sun(145, 25)),
    Model("OrientationTest", "every arrow lies on its target", build_orientations, is_near_green),
    Model("MorphPrimitivesTest", "each primitive has targets of its own", build_morph_primitives, is_near_green),
    Model("MorphStressTest", "weights of the node; targets at 0 change nothing", build_morph_stress, is_near_green),
    Model("SimpleSkin", "vertices follow their joints, not their node", build_skin, is_near_green),
    Model("RecursiveSkeletons", "skins below joints of other skins", build_recursive_skeletons, is_near_green),
    Model("SimpleSparseAccessor", "sparse values replace others", build_sparse, is_near_green),
    Model("SimpleInstancing", "every instance is in its place", build_instances, is_near_green),
    Model(
        "MeshPrimitiveModes",
        "strips and fans equal triangles; points and lines are left out",
        build_primitive_modes,
        check_primitive_modes,
        notes=("points and lines",),
    ),
    Model("InterpolationTest", "at rest", build_animated, is_near_green, notes=("animations",)),
    Model("NodePerformanceTest", "every tile is in its place", build_many_nodes, is_near_green),
    Model("XmpMetadataRoundedCube", "metadata has no effect", build_metadata, shows_green),
    Model("CubeVisibility", "hidden nodes, and those below them, are not seen", build_visibility, shows_green),
    Model("MaterialsVariantsShoe", "the default variant", build_variants, shows_green),
    Model("MultipleScenes", "the default scene alone", build_scenes, shows_green),
    Model("Cameras", "perspective, from the side", build_cameras, check_cameras),
    Model(
        "LightsPunctualLamp",
        "a point light and a spot light, whose cone ends",
        build_punctual_lights,
        check_punctual_lights,
        DARK,
    ),
    Model(
        "DirectionalLight",
        "brightness by the cosine to the light",
        build_directional_light,
        check_directional_light,
        {"environment": "black", "sun.angular_diameter": 0.0},
    ),
    *(
        Model(
            f"Compare{name.title().replace('_', '')}",
            "is named in a note, and drawn without",
            build_approximated(name),
            check_approximated,
            notes=(f"KHR_materials_{name}",),
        )
        for name in APPROXIMATED
    ),
]

SHOT: dict[str, Any] = {
    "ground": "off",
    "background": "color",
    "background_color": BLACK,
    "lights.units": "radiometric",
    "lights.resolution": 256,
}


Files = dict[str, tuple[Path, int, int]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Of every model its file, and how many columns and rows it has."""
    folder = tmp_path_factory.mktemp("models")
    sheets = {model.name: model.build() for model in MODELS}
    return {name: (sheet.write(folder / f"{name}.glb"), sheet.columns, sheet.rows) for name, sheet in sheets.items()}


def draw_model(gpu: Gpu, files: Files, model: Model, technique: str, cell: int = CELL) -> Picture:
    path, columns, rows = files[model.name]
    values = SHOT | dict(model.values) | {"width": columns * cell, "height": rows * cell}
    if technique == "reference":
        values["reference.rays"] = 8
    return Picture(render_small(gpu, values | {"scene": str(path), "technique": technique}).radiance)


@pytest.mark.parametrize("technique", Technique.known)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_sample_model(gpu: Gpu, files: Files, model: Model, technique: str) -> None:
    """It is drawn as its description asks, and notes name just what is left out."""
    picture = draw_model(gpu, files, model, technique)
    notes = load_scene(str(files[model.name][0])).notes
    assert len(notes) == len(model.notes), notes
    assert all(word in note for word, note in zip(sorted(model.notes), sorted(notes), strict=True)), notes
    model.check(picture)
