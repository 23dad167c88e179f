"""glTF files of panels in columns and rows in front of a camera, and their pictures cell by cell.

A cell is one metre wide. Column 0 is on the left, row 0 on top. The plane of the panels is z = 0, seen from +z.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from gltf_files import Tree, add_accessor, add_mesh, add_node, add_texture, make_empty, write_glb
from ssdo.arrays import Array, Bytes, Doubles, Floats

# Llvmpipe compiles shaders for each kind of scene and of texture size, powers of two or not. Here pictures never have
# such a size, and each sheet has a panel for padding, so that shaders are compiled once.
CELL = 12  # pixels
PADDING_SIZE = 256  # texels: an image of 16 rows of a texel list; others add less than as many
BORDER = CELL // 4  # of a cell, left out of its mean: pixels that an edge or a filter touches
SIGMAS = 5.0  # of the mean of a noisy cell
# Standard deviation in a cell, relative: measured 0.11 in the reference, 0.002 otherwise. A hole has more.
MAX_NOISE = 0.15
HALF_FLOAT = 2e-3  # relative: layers and materials are rounded to 11 bits, and added up
CORNERS = np.array([(-0.5, -0.5, 0), (0.5, -0.5, 0), (0.5, 0.5, 0), (-0.5, 0.5, 0)], "f4")
TRIANGLES = np.array([(0, 1, 2), (0, 2, 3)], "u2")
WHOLE_IMAGE = (0.0, 0.0, 1.0, 1.0)


def make_uvs(left: float, top: float, right: float, bottom: float) -> Floats:
    """(4, 2) UVs of a panel's corners, counter-clockwise from the lower left."""
    return np.array([(left, bottom), (right, bottom), (right, top), (left, top)], "f4")


@dataclass
class Sheet:
    """A glTF file with a grid of cells and an orthographic camera that sees just these."""

    columns: int
    rows: int = 1
    tree: Tree = field(init=False)
    binary: bytearray = field(init=False)

    def __post_init__(self) -> None:
        self.tree, self.binary = make_empty()
        height = self.rows / 2
        self.tree["cameras"].append(
            {
                "type": "orthographic",
                "orthographic": {"xmag": self.columns / 2, "ymag": height, "znear": 0.1, "zfar": 9},
            }
        )
        add_node(self.tree, camera=0, translation=[self.columns / 2, -height, 5])

    def add_material(self, material: Tree) -> int:
        self.tree["materials"].append(material)
        return len(self.tree["materials"]) - 1

    def add_image(self, pixels: npt.ArrayLike, **sampler: int) -> Tree:
        """Add a texture of an image, RGB or RGBA, with a sampler. Returns its textureInfo."""
        image = np.array(pixels, "u1")
        if image.shape[2] == 3:
            image = np.concatenate([image, np.full_like(image[..., :1], 255)], 2)
        index = add_texture(self.tree, self.binary, image)
        if sampler:
            samplers = self.tree.setdefault("samplers", [])
            samplers.append(sampler)
            self.tree["textures"][index]["sampler"] = len(samplers) - 1
        return {"index": index}

    def add(self, column: float, row: float, material: Tree, z: float = 0.0, /, **arrays: Array) -> Tree:
        """Add a node with a mesh, by default a panel that fills the cell. Returns the node."""
        if "POSITION" not in arrays:
            arrays = {
                "POSITION": CORNERS,
                "indices": TRIANGLES,
                "TEXCOORD_0": make_uvs(*WHOLE_IMAGE),
                **arrays,
            }
        add_mesh(self.tree, self.binary, **arrays)["material"] = self.add_material(material)
        node: Tree = self.tree["nodes"][-1]
        node["translation"] = self.get_center(column, row, z)
        return node

    def add_turned(self, column: float, row: float, material: Tree, z: float = 0.0, /, **arrays: Array) -> Tree:
        """Add a panel that faces away from the camera."""
        return self.add(column, row, material, z, **{"indices": TRIANGLES[:, ::-1].copy(), **arrays})

    def get_center(self, column: float, row: float, z: float = 0.0) -> list[float]:
        return [column + 0.5, -row - 0.5, z]

    def get_primitive(self, node: Tree) -> Tree:
        primitive: Tree = self.tree["meshes"][node["mesh"]]["primitives"][0]
        return primitive

    def add_accessor(self, values: Array, **members: Any) -> int:
        return add_accessor(self.tree, self.binary, values, **members)

    def write(self, path: Path) -> Path:
        self._add_padding()
        names = set(_list_extensions(self.tree))
        tree = {key: value for key, value in self.tree.items() if value != []}
        return write_glb(path, tree | ({"extensionsUsed": sorted(names)} if names else {}), self.binary)

    def _add_padding(self) -> None:
        """A tiny panel behind the camera with the padding image, also of F0 if others are specular."""
        is_specular = any(map(_is_specular, self.tree["materials"]))
        texture = self.add_image(np.full((PADDING_SIZE, PADDING_SIZE, 3), 255, "u1"))
        specular = {"specularColorTexture": texture} if is_specular else {"specularFactor": 0}
        material = {
            "pbrMetallicRoughness": {"baseColorTexture": texture, "metallicFactor": 0},
            "extensions": {"KHR_materials_specular": specular},
        }
        self.add(0, 0, material, 6)["scale"] = [1e-3, 1e-3, 1e-3]
        for scene in self.tree["scenes"][1:]:
            scene["nodes"].append(len(self.tree["nodes"]) - 1)


def _is_specular(material: Tree) -> bool:
    extensions = material.get("extensions", {})
    has_base = extensions.get("KHR_materials_specular", {}).get("specularFactor") != 0
    return "KHR_materials_unlit" not in extensions and (has_base or "KHR_materials_clearcoat" in extensions)


def _list_extensions(value: Any) -> list[str]:
    """Names of all extensions that a tree uses."""
    if not isinstance(value, dict):
        return [name for inner in value for name in _list_extensions(inner)] if isinstance(value, list) else []
    own = list(value.get("extensions", {}))
    return own + [name for inner in value.values() for name in _list_extensions(inner)]


@dataclass(frozen=True)
class Picture:
    """Linear radiance of a sheet."""

    radiance: Floats  # (rows * CELL, columns * CELL, 3)

    def split_cells(self) -> Floats:
        """(rows, columns, CELL, CELL, 3)."""
        height, width, _ = self.radiance.shape
        cells = self.radiance.reshape(height // CELL, CELL, width // CELL, CELL, 3)
        return cells.transpose(0, 2, 1, 3, 4)

    def compute_means(self) -> Doubles:
        """(rows, columns, 3) of each cell without its border."""
        inside = slice(BORDER, -BORDER)
        means: Doubles = self.split_cells()[:, :, inside, inside].mean((2, 3), dtype="f8")
        return means

    def compute_tolerances(self) -> Doubles:
        """(rows, columns, 3) of each mean: by the noise of its pixels, and by rounding."""
        inside = slice(BORDER, -BORDER)
        cells = self.split_cells()[:, :, inside, inside].astype("f8")
        means, deviations = cells.mean((2, 3)), cells.std((2, 3), ddof=1)
        assert (deviations <= MAX_NOISE * means + 1e-3).all(), "a cell has more than one colour"
        tolerances: Doubles = SIGMAS * deviations / (CELL - 2 * BORDER) + HALF_FLOAT * means
        return tolerances

    def assert_cells(self, expected: npt.ArrayLike, rtol: float = 0.0, atol: float = 1e-6) -> None:
        """That each cell has this mean, (rows, columns, 3) or what broadcasts to it, up to noise and rounding."""
        means = self.compute_means()
        values = np.asarray(expected, "f8")
        tolerances = self.compute_tolerances() + rtol * np.abs(values) + atol
        assert (np.abs(means - values) <= tolerances).all(), f"{means.round(4)}, not {values.round(4)}"

    def assert_alike(self, axis: int) -> None:
        """That all cells along an axis have the same mean: 0, those of a column, or 1, those of a row."""
        means = self.compute_means()
        largest = self.compute_tolerances().max(axis, keepdims=True)
        assert (np.abs(means - means.mean(axis, keepdims=True)) <= 2 * largest + 1e-6).all(), means.round(4)


def encode_normal(normal: npt.ArrayLike) -> Bytes:
    """(3,) codes of a normal in a normal map."""
    unit = np.asarray(normal, "f8") / np.linalg.norm(np.asarray(normal, "f8"))
    codes: Bytes = np.rint((unit + 1) / 2 * 255).astype("u1")
    return codes


def decode_normal(codes: npt.ArrayLike) -> Doubles:
    """(3,) the unit normal of these codes."""
    normal = np.asarray(codes, "f8") / 255 * 2 - 1
    unit: Doubles = normal / np.linalg.norm(normal)
    return unit


def approx(values: npt.ArrayLike, rel: float | None = None, abs: float | None = None) -> Any:
    return pytest.approx(np.asarray(values, "f8"), rel=rel, abs=abs)
