"""Primitives of a glTF document as triangles in the mesh's own space: attributes, morph targets, normals, tangents.

Section numbers are those of the specification.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ssdo.arrays import Array, Floats, Ints
from ssdo.scene.files import gltf_draco
from ssdo.scene.files.errors import LimitError
from ssdo.scene.files.gltf_document import Document, read_attribute, read_integers
from ssdo.scene.files.gltf_materials import MaterialBinding
from ssdo.scene.files.gltf_tangents import compute_tangents, make_perpendicular
from ssdo.scene.files.json_tree import (
    Json,
    find_reference,
    get_entry,
    get_extension,
    get_list,
    get_numbers,
    get_object,
    get_reference,
    get_unsigned,
)
from ssdo.settings import UserError

MAX_TRIANGLES = 2**25  # of the scene with every instance counted; as many vertices
MAX_JOINT_SETS = 8  # of four joints each

TRIANGLES, STRIP, FAN = 4, 5, 6  # primitive modes

GetBinding = Callable[[int | None], MaterialBinding]  # by the material's index in the file
Arrays = dict[str, Array]  # by attribute name


class Primitive(NamedTuple):
    """Triangles of one primitive in the mesh's own space. Arrays it does not have are None."""

    positions: Floats
    triangles: Array  # (m, 3) as stored
    normals: Floats | None
    uvs: Floats | None
    uvs2: Floats | None
    colors: Floats | None  # (n, 4)
    tangents: Floats | None  # (n, 4)
    joints: Array | None  # (n, k) indices of the skin's joints
    weights: Floats | None  # (n, k), their sum 1
    material: int | None  # index in the file
    where: str

    @property
    def layout(self) -> tuple[bool, ...]:
        """Which optional arrays it has. Primitives of the same layout and material can be one mesh."""
        return tuple(values is not None for values in (self.normals, self.uvs, self.uvs2, self.colors, self.tangents))


@dataclass
class GeometryLimits:
    """Counts the scene's geometry against MAX_TRIANGLES."""

    indices: int = 0  # limit: three times as many, every primitive counted once
    vertices: int = 0  # every instance counted
    triangles: int = 0  # every instance counted

    def add_primitive(self, indices: int, where: str) -> None:
        """Count a primitive. Raises UserError beyond the limit."""
        self.indices += indices
        if self.indices > 3 * MAX_TRIANGLES:
            raise LimitError(f"{where}: all primitives together must have at most {MAX_TRIANGLES} triangles")

    def add_instances(self, primitive: Primitive, count: int, where: str) -> None:
        """Count the instances of a primitive. Raises LimitError beyond the limit."""
        self.vertices += count * len(primitive.positions)
        self.triangles += count * len(primitive.triangles)
        if max(self.vertices, self.triangles) > MAX_TRIANGLES:
            raise LimitError(
                f"{where}: all instances together must have at most {MAX_TRIANGLES} triangles and vertices"
            )


def read_primitives(
    doc: Document,
    i: int,
    weights: tuple[float, ...] | None,
    is_skinned: bool,
    get_binding: GetBinding,
    limits: GeometryLimits,
) -> list[Primitive]:
    """The primitives of a mesh that have triangles; those that cannot be read are left out.

    `weights` are those of the morph targets, None for the mesh's own. Joints are read if the mesh `is_skinned`.
    """
    entry, where = get_entry(doc.tree, "meshes", i), f"meshes[{i}]"
    if weights is None and "weights" in entry:
        weights = read_weights(doc, entry, where)
    primitives = []
    for k, primitive in enumerate(get_list(entry, "primitives", where)):
        inside = f"{where}.primitives[{k}]"
        try:
            read = _read_primitive(doc, primitive, weights or (), is_skinned, get_binding, limits, inside)
        except UserError as error:
            doc.leave_out(error)
        else:
            primitives += [read] if read is not None and len(read.triangles) else []
    return primitives


def read_weights(doc: Document, entry: Json, where: str) -> tuple[float, ...]:
    """The weights of morph targets of a mesh or a node."""
    count = len(get_list(entry, "weights", where))
    return get_numbers(entry, "weights", where, (0.0,) * count) if count else ()


def _read_primitive(
    doc: Document,
    entry: Any,
    weights: tuple[float, ...],
    is_skinned: bool,
    get_binding: GetBinding,
    limits: GeometryLimits,
    where: str,
) -> Primitive | None:
    """None for points, lines, and a primitive without positions. Raises UserError for one that cannot be read."""
    if not isinstance(entry, dict):
        raise UserError(f"{where}: must be an object")
    mode = get_unsigned(entry, "mode", where, TRIANGLES)
    if mode > FAN:
        raise UserError(f"{where}.mode: must be 0 to {FAN}, not {mode}")
    attributes = get_object(entry, "attributes", where)
    if mode < TRIANGLES:
        doc.warn(where, "points and lines are not shown")
        return None
    if "POSITION" not in attributes:
        doc.warn(where, "has no positions, so nothing of it is shown")
        return None
    if _decompress_if_needed(doc, entry, attributes, where):
        mode = TRIANGLES
    material = find_reference(doc.tree, "materials", entry, "material", where) if "material" in entry else None
    binding = get_binding(material)
    arrays = _read_arrays(doc, attributes, binding, where)
    count = len(arrays["POSITION"])
    triangles = _build_triangles(doc, _read_indices(doc, entry, count, limits, where), count, mode, where)
    _apply_morph_targets(doc, entry, arrays, weights, where)
    if is_skinned:
        arrays |= _read_joint_arrays(doc, attributes, count, where)
    if triangles.size < count:  # primitives that share large accessors use a part of them
        arrays, triangles = _compact_vertices(arrays, triangles)
    arrays, triangles = _replace_infinite(doc, arrays, triangles, where)
    joints, joint_weights = _normalize_joints(doc, arrays, where)
    primitive = Primitive(
        arrays["POSITION"],
        triangles,
        arrays.get("NORMAL"),
        _get_uvs(arrays, binding, 0),
        _get_uvs(arrays, binding, 1),
        _get_colors(doc, arrays, where),
        None,
        joints,
        joint_weights,
        material,
        where,
    )
    _warn_of_missing_uvs(doc, primitive, binding)
    return _add_normals_and_tangents(primitive, arrays.get("TANGENT"), binding)


def _replace_infinite(doc: Document, arrays: Arrays, triangles: Array, where: str) -> tuple[Arrays, Array]:
    """Leave out triangles whose positions are not finite, and replace other numbers that are not."""
    for name, values in arrays.items():
        is_finite = np.isfinite(values)
        if is_finite.all():
            continue
        element = f"{where}.attributes.{name}"
        if name == "POSITION":
            vertex_is_finite: Array = np.all(is_finite, axis=1)
            has_corners: Array = np.all(vertex_is_finite[triangles], axis=1)
            if not has_corners.all():
                doc.warn(element, "must be finite numbers; triangles with others are left out")
            triangles = triangles[has_corners]
        elif name == "COLOR_0":
            doc.warn(element, "must be finite numbers; others are taken as 1")
        else:
            doc.warn(element, "must be finite numbers; others are taken as 0")
        arrays = arrays | {name: np.where(is_finite, values, np.float32(name == "COLOR_0"))}
    return _compact_vertices(arrays, triangles) if triangles.size < len(arrays["POSITION"]) else (arrays, triangles)


def _warn_of_missing_uvs(doc: Document, primitive: Primitive, binding: MaterialBinding) -> None:
    for name, use in binding.textures.items():
        if (primitive.uvs, primitive.uvs2)[binding.uv_slots.get(use.uv_set, 0)] is None:
            texture = f"{name.replace('_', ' ').replace('.', ' ')} of {binding.where}"
            doc.warn(primitive.where, f"has no TEXCOORD_{use.uv_set} for the {texture}, which is left out")


# ---- stored attributes -----------------------------------------------------------------------------------------------


def _decompress_if_needed(doc: Document, entry: Json, attributes: Json, where: str) -> bool:
    """Whether the primitive was decompressed. Uncompressed data beside compressed data is preferred."""
    compressed = get_extension(entry, gltf_draco.EXTENSION, where)
    if compressed is None:
        return False
    i = get_reference(doc.tree, "accessors", attributes, "POSITION", f"{where}.attributes")
    if "bufferView" in get_entry(doc.tree, "accessors", i):
        return False
    gltf_draco.decompress(doc, entry, compressed, where)
    return True


def _read_arrays(doc: Document, attributes: Json, binding: MaterialBinding, where: str) -> Arrays:
    """The attributes that the material uses. Tangents need normals (section 3.7.2.1) and a normal map."""
    uv_set_by_slot = {slot: n for n, slot in binding.uv_slots.items()}
    kinds: dict[str, tuple[str, ...]] = {"NORMAL": ("VEC3",), "COLOR_0": ("VEC3", "VEC4")}
    kinds |= {f"TEXCOORD_{n}": ("VEC2",) for n in (uv_set_by_slot.get(0, 0), *uv_set_by_slot.values())}
    if binding.normal_map and "NORMAL" in attributes:
        kinds["TANGENT"] = ("VEC4",)
    inside = f"{where}.attributes"
    arrays: Arrays = {"POSITION": read_attribute(doc, attributes, "POSITION", inside, "VEC3")}
    for name, kind in kinds.items():
        if name in attributes:
            try:
                values = read_attribute(doc, attributes, name, inside, *kind, always_normalized=name == "COLOR_0")
            except UserError as error:
                doc.leave_out(error)
            else:
                if _have_count(doc, values, len(arrays["POSITION"]), f"{inside}.{name}"):
                    arrays[name] = values
    if "NORMAL" not in arrays:
        arrays.pop("TANGENT", None)
    return arrays


def _have_count(doc: Document, values: Array, count: int, element: str) -> bool:
    """Whether there is a value for each vertex; warns if not."""
    if len(values) != count:
        doc.warn(element, f"{len(values)} of them for {count} positions; they are left out")
    return len(values) == count


def _get_uvs(arrays: Arrays, binding: MaterialBinding, slot: int) -> Floats | None:
    default = 0 if slot == 0 else -1
    n = next((n for n, s in binding.uv_slots.items() if s == slot), default)
    return arrays.get(f"TEXCOORD_{n}")


def _get_colors(doc: Document, arrays: Arrays, where: str) -> Floats | None:
    """(n, 4) from 0 to 1."""
    colors = arrays.get("COLOR_0")
    if colors is None:
        return None
    if colors.size and (colors.min() < 0 or colors.max() > 1):
        doc.warn(where, "has colours of vertices beyond 0 to 1, which are clipped")
        colors = np.clip(colors, 0, 1)
    return np.pad(colors, ((0, 0), (0, 1)), constant_values=1) if colors.shape[1] == 3 else colors


def _read_joint_arrays(doc: Document, attributes: Json, count: int, where: str) -> Arrays:
    """JOINTS_n and WEIGHTS_n of all sets that have both, for so many vertices."""
    inside = f"{where}.attributes"
    arrays: Arrays = {}
    for n in range(MAX_JOINT_SETS):
        names = f"JOINTS_{n}", f"WEIGHTS_{n}"
        if not attributes.keys() >= set(names):
            break
        try:
            joints = read_integers(doc, attributes, names[0], inside, "VEC4")
            weights = read_attribute(doc, attributes, names[1], inside, "VEC4", always_normalized=True)
        except UserError as error:
            doc.leave_out(error)
            continue
        if _have_count(doc, joints, count, f"{inside}.{names[0]}") and _have_count(
            doc, weights, count, f"{inside}.{names[1]}"
        ):
            arrays |= zip(names, (joints, weights), strict=True)
    if not arrays:
        doc.warn(where, "belongs to a skin but has no JOINTS_0 and WEIGHTS_0; it stands as its node says")
    return arrays


def _normalize_joints(doc: Document, arrays: Arrays, where: str) -> tuple[Array | None, Floats | None]:
    """Joints, and weights whose sum is 1. A vertex without weights follows its first joint."""
    sets = [n for n in range(MAX_JOINT_SETS) if f"JOINTS_{n}" in arrays]
    if not sets:
        return None, None
    joints = np.concatenate([arrays[f"JOINTS_{n}"] for n in sets], 1).astype(np.int64)
    weights = np.concatenate([arrays[f"WEIGHTS_{n}"] for n in sets], 1)
    if weights.size and weights.min() < 0:
        doc.warn(f"{where}.attributes", "has negative weights, which are taken as 0")
        weights = np.maximum(weights, 0)
    if not weights.any(1).all():
        doc.warn(where, "has weights whose sum is 0; these vertices go with their first joint")
    return _scale_weights(joints, weights)


def _scale_weights(joints: Array, weights: Array) -> tuple[Array, Floats]:
    """Joints, and weights scaled to a sum of 1. Where all are 0, the first joint has the weight."""
    weights = np.where(weights.any(1, keepdims=True), weights, np.eye(1, weights.shape[1]))
    sums = weights.sum(1, keepdims=True, dtype=np.float64)
    return np.where(weights > 0, joints, 0), (weights / sums).astype(np.float32)


def limit_joints(doc: Document, primitive: Primitive, count: int) -> Primitive:
    """A skinned primitive that follows the first `count` joints only; warns if it has others."""
    assert primitive.joints is not None and primitive.weights is not None
    is_present = primitive.joints < count
    if is_present.all():
        return primitive
    element = f"{primitive.where}.attributes"
    doc.warn(element, f"joint {primitive.joints.max()} of {count}; weights of joints that do not exist are left out")
    joints, weights = _scale_weights(
        np.where(is_present, primitive.joints, 0), np.where(is_present, primitive.weights, 0)
    )
    return primitive._replace(joints=joints, weights=weights)


def _apply_morph_targets(doc: Document, entry: Json, arrays: Arrays, weights: tuple[float, ...], where: str) -> None:
    """Add the morph targets to the arrays, at their weights (section 3.7.2.2)."""
    targets = get_list(entry, "targets", where)
    if weights and len(weights) != len(targets):
        doc.warn(f"{where}.targets", f"{len(targets)} of them for {len(weights)} weights")
    # zip is not strict: without weights no target applies
    for k, (target, weight) in enumerate(zip(targets, weights, strict=False)):
        if weight:
            try:
                arrays |= _morph(doc, target, arrays, np.float32(weight), f"{where}.targets[{k}]")
            except UserError as error:
                doc.leave_out(error)


def _morph(doc: Document, target: Any, arrays: Arrays, weight: np.float32, where: str) -> Arrays:
    """The arrays that a morph target changes."""
    if not isinstance(target, dict):
        raise UserError(f"{where}: must be an object")
    morphed_arrays = {}
    for name in arrays.keys() & target.keys():
        base = arrays[name]
        kind = "VEC3" if name == "TANGENT" else f"VEC{base.shape[1]}"
        offsets = read_attribute(doc, target, name, where, kind, always_normalized=name == "COLOR_0")
        if len(offsets) != len(base):
            raise UserError(f"{where}.{name}: {len(offsets)} of them for {len(base)} positions")
        doc.count_numbers(offsets.size, f"{where}.{name}")  # a shared accessor costs time for each target
        morphed = base.copy()
        morphed[:, : offsets.shape[1]] += weight * offsets
        morphed_arrays[name] = morphed
    return morphed_arrays


# ---- triangles -------------------------------------------------------------------------------------------------------


def _read_indices(doc: Document, entry: Json, vertex_count: int, limits: GeometryLimits, where: str) -> Array:
    """(n,) vertex indices of a primitive as stored. Without an accessor: all vertices in order."""
    indices = read_integers(doc, entry, "indices", where)[:, 0] if "indices" in entry else None
    limits.add_primitive(vertex_count if indices is None else len(indices), where)
    return np.arange(vertex_count, dtype=np.int32) if indices is None else indices


def _build_triangles(doc: Document, indices: Array, vertex_count: int, mode: int, where: str) -> Array:
    """(m, 3) triangles of vertices that exist, all with the same side outside (section 3.7.2.1)."""
    if mode == TRIANGLES:
        if len(indices) % 3:
            doc.warn(where, "has corners that make no whole triangle, which are left out")
        triangles = indices[: len(indices) // 3 * 3].reshape(-1, 3)
    else:
        triangles = _split_strips(indices, vertex_count, mode)
    if triangles.size and triangles.max() >= vertex_count:
        rule = f"vertex {triangles.max()} of {vertex_count}; triangles of vertices that do not exist are left out"
        doc.warn(f"{where}.indices", rule)
        triangles = triangles[(triangles < vertex_count).all(1)]
    return triangles


def _split_strips(indices: Array, vertex_count: int, mode: int) -> Array:
    """(m, 3) triangles of strips or fans. The largest integer of its type, if it is no vertex, starts the next one."""
    if len(indices) < 3:
        return np.empty((0, 3), np.int32)
    place, restart = np.arange(len(indices)), np.iinfo(indices.dtype).max
    is_restart = (indices == restart) & (restart >= vertex_count)
    start = np.maximum.accumulate(np.where(is_restart, place + 1, 0))[:-2]  # of the strip of each triangle
    first = indices[start] if mode == FAN else indices[:-2]
    triangles = np.stack([first, indices[1:-1], indices[2:]], 1)
    if mode == STRIP:
        is_odd = (place[:-2] - start) % 2 == 1
        triangles[is_odd] = triangles[is_odd][:, [1, 0, 2]]
    # Strips are joined by degenerate triangles, which are left out.
    a, b, c = triangles.T
    has_restart = is_restart[:-2] | is_restart[1:-1] | is_restart[2:]
    has_corners: Array = (a != b) & (b != c) & (c != a) & ~has_restart
    return triangles[has_corners]


def _compact_vertices(arrays: Arrays, triangles: Array) -> tuple[Arrays, Ints]:
    """Arrays of the vertices in use, and the triangles as indices into them."""
    vertices, indices = np.unique(triangles, return_inverse=True)
    compact = {name: values[vertices] for name, values in arrays.items()}
    return compact, indices.reshape(-1, 3).astype(np.int32)


# ---- normals and tangents --------------------------------------------------------------------------------------------


def _add_normals_and_tangents(primitive: Primitive, tangents: Floats | None, binding: MaterialBinding) -> Primitive:
    """Replace normals of zero length. With a normal map, add normals and tangents; `tangents` are the file's."""
    use = binding.normal_map
    uvs = None
    if use is not None and use.uv_set in binding.uv_slots:
        uvs = (primitive.uvs, primitive.uvs2)[binding.uv_slots[use.uv_set]]
    if primitive.normals is not None:
        primitive = _replace_zero_normals(primitive, primitive.normals)
    if use is None or uvs is None:
        return primitive
    if primitive.normals is None:  # flat shading: every triangle has vertices of its own
        corners = primitive.triangles.ravel()
        primitive, uvs = _select_vertices(primitive, corners), uvs[corners]
        primitive = primitive._replace(triangles=np.arange(len(corners), dtype=np.int32).reshape(-1, 3))
        primitive = _replace_zero_normals(primitive, np.zeros_like(primitive.positions))
    assert primitive.normals is not None
    normals = _normalize(primitive.normals)
    if tangents is not None:
        is_undefined = np.linalg.norm(tangents[:, :3], axis=1, keepdims=True) < 1e-6
        directions = _normalize(np.where(is_undefined, make_perpendicular(normals), tangents[:, :3]))
        signs = np.where(tangents[:, 3:] < 0, -1, 1)
        return primitive._replace(tangents=np.concatenate([directions, signs], 1).astype(np.float32))
    rows = np.array(use.transform)
    image_uvs = (uvs @ rows[:, :2].T + rows[:, 2]).astype(np.float32)
    computed, vertices, triangles = compute_tangents(primitive.positions, normals, image_uvs, primitive.triangles)
    if len(vertices) > len(primitive.positions):
        primitive = _select_vertices(primitive, vertices)
    return primitive._replace(triangles=triangles, tangents=computed)


def _select_vertices(primitive: Primitive, vertices: Array) -> Primitive:
    """The primitive with these vertices. The caller replaces its triangles."""
    names = ("positions", "normals", "uvs", "uvs2", "colors", "tangents", "joints", "weights")
    arrays = {name: getattr(primitive, name) for name in names}
    return primitive._replace(**{name: values[vertices] for name, values in arrays.items() if values is not None})


def _normalize(vectors: Floats) -> Floats:
    doubles = vectors.astype(np.float64)
    unit: Floats = (doubles / np.linalg.norm(doubles, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _replace_zero_normals(primitive: Primitive, normals: Floats) -> Primitive:
    """Replace normals of zero length, which exporters write for slivers.

    The new normal is the mean of the faces around the vertex, weighted by area, or up.
    """
    is_zero: Array = ~np.any(normals, axis=1)
    if not is_zero.any():
        return primitive._replace(normals=normals)
    triangles = primitive.triangles
    a, b, c = (primitive.positions[triangles[:, k]].astype(np.float64) for k in range(3))
    sums = np.zeros(normals.shape)
    for k in range(3):
        np.add.at(sums, triangles[:, k], np.cross(b - a, c - a))
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    mean_normals = np.where(length > 0, sums / length, (0.0, 1.0, 0.0))
    return primitive._replace(normals=np.where(is_zero[:, None], mean_normals, normals).astype(np.float32))
