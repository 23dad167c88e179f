"""One glTF scene that uses every array of the format, stored in every way that the specification allows.

`write_scene` writes it; `compute_mesh` says what its arrays mean, without the reader.
"""

from __future__ import annotations

import base64
import itertools
import json
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gltf_files import CODES, PIXELS, TYPES, Tree, encode_glb, encode_png
from ssdo.arrays import Array, Doubles

VERTICES, INSTANCES, JOINTS = 6, 3, 5
MORPH_WEIGHT = 0.375
FILLER = 0xA5  # the bytes between elements

# The component types of each array, "n" for normalised. Sections 3.7.2.1, 3.7.2.2 and 3.7.3.1, KHR_mesh_quantization,
# EXT_mesh_gpu_instancing.
FLOATS = ("f4",)
DIRECTIONS = ("f4", "i1n", "i2n")
FRACTIONS = ("f4", "u1n", "u2n")
ANY = ("f4", "i1", "i1n", "u1", "u1n", "i2", "i2n", "u2", "u2n")
SIGNED = ("f4", "i1", "i1n", "i2", "i2n")
ALL_NORMALIZED = ("f4", "i1n", "u1n", "i2n", "u2n")
KINDS: dict[str, tuple[str, ...]] = {
    "POSITION": ANY,
    "NORMAL": DIRECTIONS,
    "TANGENT": DIRECTIONS,
    "TEXCOORD_0": ANY,
    "TEXCOORD_1": ANY,
    "COLOR_0": FRACTIONS,
    "JOINTS_0": ("u1", "u2"),
    "WEIGHTS_0": FRACTIONS,
    "JOINTS_1": ("u2", "u1"),
    "WEIGHTS_1": FRACTIONS,
    "indices": ("u1", "u2", "u4"),
    "second indices": ("u2", "u4", "u1"),  # of another primitive, which uses half of the vertices
    "inverseBindMatrices": FLOATS,
    "TRANSLATION": FLOATS,
    "ROTATION": DIRECTIONS,
    "SCALE": FLOATS,
    "target POSITION": SIGNED,
    "target NORMAL": DIRECTIONS,
    "target TANGENT": DIRECTIONS,
    "target TEXCOORD_0": ALL_NORMALIZED,
    "target TEXCOORD_1": ALL_NORMALIZED,
    "target COLOR_0": ALL_NORMALIZED,
}
VERTEX_ARRAYS = tuple(itertools.takewhile(lambda name: name != "indices", KINDS))
INSTANCE_ARRAYS = ("TRANSLATION", "ROTATION", "SCALE")
WIDTHS = {"NORMAL": 3, "POSITION": 3, "TANGENT": 4, "COLOR_0": 4, "TEXCOORD_0": 2, "TEXCOORD_1": 2, "indices": 1}
WIDTHS |= {"inverseBindMatrices": 16, "TRANSLATION": 3, "ROTATION": 4, "SCALE": 3, "target TANGENT": 3}
MAX_STEPS = max(map(len, KINDS.values()))


class Layout(NamedTuple):
    """Where the numbers of every array stand in the file."""

    gap: int = 0  # bytes behind each element of a vertex array
    offset: int = 0  # bytes before the first element, in its buffer view
    view_offset: int = 0  # bytes before each buffer view
    sparse: str = ""  # "values": replaces some elements; "zeros": there is no buffer view below
    container: str = "glb"  # "chunks": with a chunk that no reader knows; "bin": files; "data": URIs
    is_interleaved: bool = False  # all vertex arrays in one buffer view


LAYOUTS = tuple(
    Layout(gap, offset, 3 * offset, sparse, is_interleaved=is_interleaved)
    for (gap, offset), sparse, is_interleaved in itertools.product(
        ((0, 4), (8, 0), (8, 4)), ("", "values", "zeros"), (False, True)
    )
    if not (is_interleaved and sparse == "zeros")  # nothing is left to interleave
)
PLAIN = Layout()
CONTAINERS = ("glb", "chunks", "bin", "data")


class Transform(NamedTuple):
    """Translation, rotation and scale of a node. The quaternion is (x, y, z, w)."""

    translation: tuple[float, ...] = (0, 0, 0)
    rotation: tuple[float, ...] = (0, 0, 0, 1)
    scale: tuple[float, ...] = (1, 1, 1)

    def compute_matrix(self) -> Doubles:
        """(4, 4), with the rotation by Rodrigues' formula."""
        axis, w = np.array(self.rotation[:3], "f8"), self.rotation[3]
        sine = float(np.linalg.norm(axis))
        angle = 2 * math.atan2(sine, w)
        x, y, z = axis / (sine or 1)
        k = np.array([(0, -z, y), (z, 0, -x), (-y, x, 0)])
        matrix = np.eye(4)
        matrix[:3, :3] = np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * k @ k
        matrix[:3, :3] *= self.scale  # of the columns: scale applies first
        matrix[:3, 3] = self.translation
        return matrix

    def format(self, as_matrix: bool) -> Tree:
        """Members of a node."""
        if as_matrix:
            return {"matrix": self.compute_matrix().T.ravel().tolist()}
        return {k: list(v) for k, v in self._asdict().items()}


def make_transform(rng: np.random.Generator, signs: Sequence[int] = (1, 1, 1)) -> Transform:
    """A transform with a large rotation, and an uneven scale of these signs."""
    axis = rng.normal(size=3)
    angle = rng.uniform(0.5, 2.5)
    scale = rng.permuted([0.5, 1.0, 1.75]) * rng.uniform(0.9, 1.1, 3) * signs
    quaternion = (*(axis / np.linalg.norm(axis) * math.sin(angle / 2)), math.cos(angle / 2))
    return Transform(*(tuple(map(float, v)) for v in (rng.uniform(-3, 3, 3), quaternion, scale)))


class Nodes(NamedTuple):
    """The transforms of the scene. `child` is below `parent`, the joints and the instances are below `child`."""

    parent: Transform
    child: Transform
    joints: tuple[Transform, ...]  # of joints 2, 3, ...; joint 0 is `child` and joint 1 `parent`
    as_matrix: tuple[bool, bool] = (False, False)  # of parent and child


def make_nodes(
    seed: int, parent_signs: Sequence[int] = (1, 1, 1), child_signs: Sequence[int] = (1, 1, 1), **options: Any
) -> Nodes:
    rng = np.random.default_rng(seed)
    joints = tuple(make_transform(rng) for _ in range(JOINTS - 2))
    return Nodes(make_transform(rng, parent_signs), make_transform(rng, child_signs), joints, **options)


# ---- numbers ---------------------------------------------------------------------------------------------------------


def make_numbers(step: int) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays as stored, and the kind of each: every step takes the next one. Colours have 3 or 4 components."""
    colors = 4 - step % 2
    rng = np.random.default_rng(step)
    kinds = {name: choices[step % len(choices)] for name, choices in KINDS.items()}
    return {name: _make_array(name, kind, rng, colors) for name, kind in kinds.items()}, kinds


def _make_array(name: str, kind: str, rng: np.random.Generator, colors: int) -> Array:
    base_name = name.removeprefix("target ")
    width = colors if base_name == "COLOR_0" else WIDTHS.get(name, WIDTHS.get(base_name, 4))
    count = {"inverseBindMatrices": JOINTS, **dict.fromkeys(INSTANCE_ARRAYS, INSTANCES)}.get(name, VERTICES)
    dtype = np.dtype(kind[:2])
    if name == "indices":
        return np.array([0, 2, 1, 3, 1, 2, 0, 4, 2, 5, 1, 4, 5, 0, 3, 2, 5, 4], dtype)
    if name == "second indices":
        return np.array([5, 0, 3], dtype)
    if name == "inverseBindMatrices":
        rows: Array = np.stack([make_transform(rng).compute_matrix().T.ravel() for _ in range(count)])
        return rows.astype(dtype)
    if name == "SCALE":
        signed: Array = rng.uniform(0.5, 2, (count, 3)) * [(1, 1, 1), (1, -1, 1), (-1, 1, -1)]
        return signed.astype(dtype)
    if name.startswith("JOINTS"):
        return rng.integers(0, JOINTS, (count, width)).astype(dtype)
    if dtype.kind == "f":
        low = 0.05 if name.startswith(("COLOR", "WEIGHTS")) else -1
        values: Array = rng.uniform(low, 1, (count, width)).astype(dtype)
    else:
        limits = np.iinfo(dtype)
        values = rng.integers(limits.min, limits.max, (count, width), dtype, endpoint=True)
        values[0, 0], values[-1, 1] = limits.min, limits.max
        if name.startswith("WEIGHTS"):
            values = np.maximum(values, 1)
    if name == "TANGENT":
        largest = 1 if dtype.kind == "f" else np.iinfo(dtype).max
        values[:, 3] = np.where(np.arange(count) % 3 == 1, -largest, largest)
    if not name.startswith(("NORMAL", "TANGENT", "WEIGHTS", "ROTATION")):
        values[2] = 0  # an element that sparse storage may leave out
    return values


def decode(values: Array, kind: str) -> Array:
    """The numbers that stored values mean (section 3.6.2.2): float32, or integers where no float is allowed."""
    if not kind.endswith("n"):
        return values.astype("f4")
    return np.maximum(values.astype("f8") / np.iinfo(values.dtype).max, -1).astype("f4")


def decode_all(arrays: Mapping[str, Array], kinds: Mapping[str, str]) -> dict[str, Array]:
    """The same arrays in the plainest way: floats, 8-bit joints, 16-bit indices, colours with alpha."""
    plain = {name: decode(values, kinds[name]) for name, values in arrays.items()}
    plain |= {name: plain[name].astype("u2") for name in ("indices", "second indices")}
    plain |= {name: plain[name].astype("u1") for name in ("JOINTS_0", "JOINTS_1")}
    if plain["COLOR_0"].shape[1] == 3:
        plain["COLOR_0"] = np.insert(plain["COLOR_0"], 3, 1, 1)
        plain["target COLOR_0"] = np.insert(plain["target COLOR_0"], 3, 0, 1)
    return plain


# ---- files -----------------------------------------------------------------------------------------------------------


class GltfFile:
    """A tree and its two buffers, filled array by array."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.tree: Tree = {"asset": {"version": "2.0"}, "scene": 0, "buffers": [{}, {}]}
        self.tree |= {"bufferViews": [], "accessors": []}
        self.buffers = bytearray(), bytearray()

    def add_view(self, data: bytes, **members: Any) -> int:
        """Append a buffer view, to one buffer and the other in turn."""
        views = self.tree["bufferViews"]
        buffer = self.buffers[len(views) % 2]
        buffer += bytes([FILLER]) * (self.layout.view_offset + -len(buffer) % 4)
        view = {"buffer": len(views) % 2, "byteOffset": len(buffer), "byteLength": len(data), **members}
        views.append(view)
        buffer += data
        return len(views) - 1

    def add_accessor(self, values: Array, kind: str, is_packed: bool = False) -> int:
        (i,) = self.add_accessors({"": values}, {"": kind}, is_packed).values()
        return i

    def add_accessors(
        self, arrays: Mapping[str, Array], kinds: Mapping[str, str], is_packed: bool = False
    ) -> dict[str, int]:
        """Append arrays that are interleaved in one buffer view. Packed elements have neither gaps nor alignment."""
        names = {}
        for name, values in arrays.items():
            names[name] = len(self.tree["accessors"])
            width = 1 if values.ndim == 1 else values.shape[1]
            entry = {"componentType": CODES[values.dtype.str[1:]], "count": len(values), "type": TYPES[width]}
            if kinds[name].endswith("n"):
                entry["normalized"] = True
            self.tree["accessors"].append(entry)
        bases = {name: self._add_sparse(names[name], values) for name, values in arrays.items()}
        if self.layout.sparse != "zeros":
            self._add_rows(names, bases, is_packed)
        return names

    def _add_sparse(self, accessor: int, values: Array) -> Array:
        """Store some or all elements sparsely. Returns the array below them."""
        if not self.layout.sparse:
            return values
        is_nonzero = values.reshape(len(values), -1).any(1)
        rows = np.flatnonzero(is_nonzero if self.layout.sparse == "zeros" else np.arange(len(values)) % 2)
        base = values.copy()
        base[rows] = values[::-1][rows] + values.dtype.type(1)
        indices = rows.astype(("u1", "u2", "u4")[accessor % 3])
        skipped = bytes([FILLER]) * self.layout.offset
        self.tree["accessors"][accessor]["sparse"] = {
            "count": len(rows),
            "indices": {
                "bufferView": self.add_view(skipped + indices.tobytes()),
                "byteOffset": len(skipped),
                "componentType": CODES[indices.dtype.str[1:]],
            },
            "values": {
                "bufferView": self.add_view(skipped + values[rows].tobytes()),
                "byteOffset": len(skipped),
            },
        }
        return base

    def _add_rows(self, names: Mapping[str, int], arrays: Mapping[str, Array], is_packed: bool) -> None:
        element_bytes = {name: values[0].nbytes for name, values in arrays.items()}
        strides = {name: n if is_packed else -(-n // 4) * 4 for name, n in element_bytes.items()}
        gap = 0 if is_packed else self.layout.gap
        stride, (count, *_) = sum(strides.values()) + gap, map(len, arrays.values())
        data = np.full(self.layout.offset + stride * count, FILLER, "u1")
        offset = end = self.layout.offset
        for name, values in arrays.items():
            rows = np.ndarray((count, element_bytes[name]), "u1", data.data, offset, (stride, 1))
            rows[:] = np.frombuffer(values.tobytes(), "u1").reshape(count, -1)
            self.tree["accessors"][names[name]]["byteOffset"] = offset
            end = offset + stride * (count - 1) + element_bytes[name]
            offset += strides[name]
        members = {} if stride == sum(element_bytes.values()) and len(arrays) == 1 else {"byteStride": stride}
        view = self.add_view(data[:end].tobytes(), **members)
        for i in names.values():
            self.tree["accessors"][i]["bufferView"] = view

    def write(self, folder: Path) -> Path:
        for entry, data in zip(self.tree["buffers"], self.buffers, strict=True):
            entry["byteLength"] = len(data)
        first, second = self.tree["buffers"]
        if self.layout.container != "data":
            (folder / "second part.bin").write_bytes(self.buffers[1] + b"behind")
            second["uri"] = "second%20part.bin"
        match self.layout.container:
            case "glb" | "chunks":
                path, content = folder / "a.glb", encode_glb(self.tree, self.buffers[0])
                if self.layout.container == "chunks":
                    content += struct.pack("<I4s8s", 8, b"MORE", b"ignored!")
                    content = content[:8] + struct.pack("<I", len(content)) + content[12:]
                path.write_bytes(content)
                return path
            case "bin":
                (folder / "first.bin").write_bytes(self.buffers[0])
                first["uri"] = "first.bin"
            case "data":
                for entry, data in zip((first, second), self.buffers, strict=True):
                    entry["uri"] = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
        path = folder / "a.gltf"
        path.write_text(json.dumps(self.tree))
        return path


def write_scene(
    folder: Path,
    arrays: Mapping[str, Array],
    kinds: Mapping[str, str],
    nodes: Nodes,
    layout: Layout = PLAIN,
    second_uvs: int = 1,
) -> Path:
    """Write the scene. TEXCOORD_1 gets the number `second_uvs`. Its first node has a mesh, a camera and the sun."""
    file = GltfFile(layout)
    names = {"TEXCOORD_1": f"TEXCOORD_{second_uvs}"}
    vertex_arrays = {name: arrays[name] for name in VERTEX_ARRAYS}
    if layout.is_interleaved:
        accessors = file.add_accessors(vertex_arrays, kinds)
    else:
        accessors = {name: file.add_accessor(values, kinds[name]) for name, values in vertex_arrays.items()}
    target = {
        name.removeprefix("target "): file.add_accessor(values, kinds[name])
        for name, values in arrays.items()
        if name.startswith("target")
    }
    primitives = [
        {
            "attributes": {names.get(name, name): i for name, i in accessors.items()},
            "targets": [{names.get(name, name): i for name, i in target.items()}],
            "indices": file.add_accessor(arrays[name], kinds[name], is_packed=True),
            "material": 0,
        }
        for name in ("indices", "second indices")
    ]
    inverse_bind = file.add_accessor(arrays["inverseBindMatrices"], "f4", is_packed=True)
    spread = {name: file.add_accessor(arrays[name], kinds[name]) for name in INSTANCE_ARRAYS}
    image = file.add_view(encode_png(PIXELS))
    first_joint = 6
    joints = range(first_joint, first_joint + len(nodes.joints))
    file.tree |= {
        "meshes": [{"primitives": primitives, "weights": [MORPH_WEIGHT]}],
        "skins": [
            {"joints": [1, 0, *joints], "inverseBindMatrices": inverse_bind},
            {"joints": [*reversed(joints), 0, 1]},
        ],
        "cameras": [{"type": "perspective", "perspective": {"yfov": 0.875, "znear": 0.5}}],
        "images": [{"bufferView": image, "mimeType": "image/png"}],
        "textures": [{"source": 0}],
        "materials": [
            {
                "pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "texCoord": second_uvs}},
                "normalTexture": {"index": 0},
            }
        ],
        "extensions": {"KHR_lights_punctual": {"lights": [{"type": t} for t in ("directional", "point", "spot")]}},
        "scenes": [{"nodes": [0, 4, 5]}],
        "nodes": [
            {"children": [1], **nodes.parent.format(nodes.as_matrix[0])},
            {
                "children": [2, 3, *joints],
                "mesh": 0,
                "camera": 0,
                "extensions": refer_light(0),
                **nodes.child.format(nodes.as_matrix[1]),
            },
            {"mesh": 0, "extensions": {"EXT_mesh_gpu_instancing": {"attributes": spread}, **refer_light(1)}},
            {"extensions": refer_light(2)},
            # The transforms of skinned nodes are not used.
            *({"mesh": 0, "skin": skin, **Transform((50, 60, 70)).format(False)} for skin in (0, 1)),
            *(joint.format(False) for joint in nodes.joints),
        ],
    }
    return file.write(folder)


def refer_light(i: int) -> Tree:
    """The extensions of a node that carries lights[i]."""
    return {"KHR_lights_punctual": {"light": i}}


# ---- meaning ---------------------------------------------------------------------------------------------------------


def compute_mesh(arrays: Mapping[str, Array], nodes: Nodes) -> dict[str, Doubles]:
    """The arrays of the scene's one mesh, by the names in Mesh, from plain arrays, without the reader.

    The order is: the child's mesh, its instances, the mesh on either skin; of each, one primitive and the other.
    """
    numbers = {name: values.astype("f8") for name, values in arrays.items()}
    morphed = {}
    for name in ("POSITION", "NORMAL", "TANGENT", "TEXCOORD_0", "TEXCOORD_1", "COLOR_0"):
        morphed[name] = numbers[name].copy()
        offsets = numbers[f"target {name}"]
        morphed[name][:, : offsets.shape[1]] += MORPH_WEIGHT * offsets
    parent, child = nodes.parent.compute_matrix(), nodes.child.compute_matrix()
    world = parent @ child
    instances = [
        world @ Transform(*map(tuple, rows)).compute_matrix()
        for rows in zip(*(numbers[name].tolist() for name in INSTANCE_ARRAYS), strict=True)
    ]
    bare_joints = np.stack([world, parent, *(world @ joint.compute_matrix() for joint in nodes.joints)])
    joints = bare_joints @ numbers["inverseBindMatrices"].reshape(-1, 4, 4).transpose(0, 2, 1)
    joint_numbers = np.concatenate([arrays["JOINTS_0"], arrays["JOINTS_1"]], 1).astype(int)
    weights = normalize_sum(np.concatenate([numbers["WEIGHTS_0"], numbers["WEIGHTS_1"]], 1))
    skins = [np.einsum("nk,nkij->nij", weights, m[joint_numbers]) for m in (joints, bare_joints[::-1])]
    # Of each node: a matrix for every vertex of its instances.
    matrices = [[np.tile(m, (VERTICES, 1, 1)) for m in group] for group in ([world], instances)] + [[m] for m in skins]
    meshes = [
        _transform(morphed, vertices, m)
        for group, vertices in itertools.product(matrices, (np.arange(VERTICES), np.unique(arrays["second indices"])))
        for m in group
    ]
    triangles, vertex = [], 0
    for group in matrices:
        for name in ("indices", "second indices"):
            vertices, indices = np.unique(arrays[name], return_inverse=True)
            for m in group:
                is_mirrored = 2 * (np.linalg.det(m[vertices, :3, :3]) < 0).sum() > len(vertices)  # the majority
                wound = indices.reshape(-1, 3)[:, [0, 2, 1] if is_mirrored else [0, 1, 2]]
                triangles.append(wound + vertex)
                vertex += len(vertices)
    return {"triangles": np.concatenate(triangles)} | {
        name: np.concatenate([mesh[name] for mesh in meshes]) for name in meshes[0]
    }


def _transform(morphed: Mapping[str, Doubles], vertices: Array, matrices: Doubles) -> dict[str, Doubles]:
    """Some vertices of the mesh, each transformed by its own matrix."""
    attributes = {name: values[vertices] for name, values in morphed.items()}
    linear, translation = matrices[vertices, :3, :3], matrices[vertices, :3, 3]
    # A plane n . x = d is mapped to (n L^-1) . x = d'.
    normals = np.einsum("nji,nj->ni", np.linalg.inv(linear), attributes["NORMAL"])
    tangents = normalize(np.einsum("nij,nj->ni", linear, attributes["TANGENT"][:, :3]))
    return {
        "positions": np.einsum("nij,nj->ni", linear, attributes["POSITION"]) + translation,
        "normals": normalize(normals),
        "uvs": attributes["TEXCOORD_0"],
        "uvs2": attributes["TEXCOORD_1"],
        "colors": np.clip(attributes["COLOR_0"], 0, 1),
        "tangents": np.column_stack([tangents, attributes["TANGENT"][:, 3] * np.sign(np.linalg.det(linear))]),
    }


def normalize_sum(weights: Doubles) -> Doubles:
    normalized: Doubles = weights / weights.sum(1, keepdims=True)
    return normalized


def normalize(vectors: Doubles) -> Doubles:
    unit: Doubles = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
