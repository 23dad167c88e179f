"""The node hierarchy of a glTF document: world matrices, instances, and the joints of skins.

Section numbers are those of the specification.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ssdo.arrays import Doubles
from ssdo.scene.files.errors import LimitError
from ssdo.scene.files.gltf_document import Document, read_attribute
from ssdo.scene.files.json_tree import (
    Json,
    find_reference,
    get_bool,
    get_entry,
    get_extension,
    get_list,
    get_numbers,
    get_object,
    get_reference,
)
from ssdo.settings import UserError

INSTANCING = "EXT_mesh_gpu_instancing"
VISIBILITY = "KHR_node_visibility"
MAX_INSTANCES = 2**18  # of a node
MIN_QUATERNION = 1e-3  # length below which it has no direction
IDENTITY = tuple(np.eye(4).ravel().tolist())


class Node(NamedTuple):
    """A node of the scene."""

    entry: Json
    world_from_node: Doubles  # (4, 4)
    where: str
    is_visible: bool = True  # with all above it (KHR_node_visibility); cameras and joints work in any case


class LocalTransform(NamedTuple):
    """parent_from_node: translation times rotation times scale."""

    translation: tuple[float, ...] = (0.0, 0.0, 0.0)
    rotation: tuple[float, ...] = (0.0, 0.0, 0.0, 1.0)
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)


@dataclass
class _Hierarchy:
    """The nodes of a scene in the order in which they are met, a row each. Parents come first."""

    rows: dict[int, int] = field(default_factory=dict)  # by index in the file
    entries: list[Json] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)  # rows; -1 for roots
    levels: list[list[int]] = field(default_factory=list)  # rows by depth
    transforms: list[LocalTransform] = field(default_factory=list)
    matrices: dict[int, Doubles] = field(default_factory=dict)  # by row, in place of the transform
    is_visible: list[bool] = field(default_factory=list)


def read_nodes(doc: Document, scene: int | None) -> dict[int, Node]:
    """The nodes of a scene by their indices, parents first, in the file's order. Depth is not limited.

    A node stands where it is met first: with another parent or in a cycle it is not repeated.
    """
    hierarchy = _collect_nodes(doc, _get_roots(doc, scene))
    matrices = _compute_world_matrices(hierarchy)
    is_finite: list[bool] = np.all(np.isfinite(matrices), axis=(1, 2)).tolist()
    nodes: dict[int, Node] = {}
    for i, row in hierarchy.rows.items():
        parent = hierarchy.parents[row]
        if parent >= 0 and not is_finite[parent]:
            is_finite[row] = False
        elif not is_finite[row]:
            doc.leave_out(UserError(f"nodes[{i}]: the transform must be finite"))
        if is_finite[row]:
            nodes[i] = Node(hierarchy.entries[row], matrices[row], f"nodes[{i}]", hierarchy.is_visible[row])
    return nodes


def _collect_nodes(doc: Document, roots: list[int]) -> _Hierarchy:
    hierarchy = _Hierarchy()
    stack = [(i, -1, 0) for i in reversed(roots)]  # index, parent's row, depth
    while stack:
        i, parent, depth = stack.pop()
        where = f"nodes[{i}]"
        if i in hierarchy.rows:
            doc.warn(where, "must have one parent and be in no cycle; it is shown once")
            continue
        row = hierarchy.rows[i] = len(hierarchy.rows)
        entry = get_entry(doc.tree, "nodes", i)
        has_matrix = "matrix" in entry
        if has_matrix:
            hierarchy.matrices[row] = _read_matrix(doc, entry, where)
        hierarchy.transforms.append(LocalTransform() if has_matrix else _read_local_transform(doc, entry, where))
        is_visible = parent < 0 or hierarchy.is_visible[parent]
        if "extensions" in entry:
            visibility = get_extension(entry, VISIBILITY, where) or {}
            is_visible &= get_bool(visibility, "visible", f"{where}.extensions.{VISIBILITY}", True)
        hierarchy.entries.append(entry)
        hierarchy.parents.append(parent)
        hierarchy.is_visible.append(is_visible)
        if depth == len(hierarchy.levels):
            hierarchy.levels.append([])
        hierarchy.levels[depth].append(row)
        if "children" in entry:
            children = _get_node_list(doc, entry, "children", where)
            stack += [(child, row, depth + 1) for child in reversed(children)]
    return hierarchy


def _compute_world_matrices(hierarchy: _Hierarchy) -> Doubles:
    """(n, 4, 4) world_from_node of each row. All nodes of a depth are computed at once."""
    if not hierarchy.rows:
        return np.zeros((0, 4, 4))
    translations, rotations, scales = (np.array(values) for values in zip(*hierarchy.transforms, strict=True))
    world_from_node = _compose_matrices(translations, rotations, scales)
    for row, matrix in hierarchy.matrices.items():
        world_from_node[row] = matrix
    parents = np.array(hierarchy.parents)
    for level in hierarchy.levels[1:]:
        world_from_node[level] = world_from_node[parents[level]] @ world_from_node[level]
    return world_from_node


def _get_roots(doc: Document, scene: int | None) -> list[int]:
    """The root nodes of a scene, or of the default one. Without scenes: all nodes that have no parent."""
    scenes = get_list(doc.tree, "scenes", "")
    if scene is not None and scene >= len(scenes):
        raise UserError(f"scene: scenes[{scene}] does not exist, {len(scenes)} present")
    if scenes:
        i = scene
        if i is None and "scene" in doc.tree:
            i = find_reference(doc.tree, "scenes", doc.tree, "scene", "")
        return _get_node_list(doc, get_entry(doc.tree, "scenes", i or 0), "nodes", f"scenes[{i or 0}]")
    count = len(get_list(doc.tree, "nodes", ""))
    children = {
        child
        for i in range(count)
        for child in _get_node_list(doc, get_entry(doc.tree, "nodes", i), "children", f"nodes[{i}]")
    }
    if count and len(children) == count:
        raise UserError("nodes: every one is another's child, which is a cycle")
    return [i for i in range(count) if i not in children]


def _get_node_list(doc: Document, parent: Json, key: str, where: str) -> list[int]:
    nodes = (find_reference(doc.tree, "nodes", {key: i}, key, where) for i in get_list(parent, key, where))
    return [i for i in nodes if i is not None]


def _read_matrix(doc: Document, node: Json, where: str) -> Doubles:
    """(4, 4) parent_from_node."""
    matrix = np.array(get_numbers(node, "matrix", where, IDENTITY)).reshape(4, 4).T  # stored by columns
    if not np.allclose(matrix[3], (0, 0, 0, 1)):
        doc.warn(f"{where}.matrix", "must have 0, 0, 0, 1 as its last row, which is taken")
        matrix[3] = 0, 0, 0, 1
    return matrix


def _read_local_transform(doc: Document, node: Json, where: str) -> LocalTransform:
    default = LocalTransform()
    rotation = get_numbers(node, "rotation", where, default.rotation)
    length = math.hypot(*rotation)
    if length < MIN_QUATERNION:
        doc.warn(f"{where}.rotation", "must be a quaternion of length 1; it is left out")
        rotation = default.rotation
    elif abs(length - 1) > 0.01:
        doc.warn(where, "has a rotation whose length is not 1, which is normalised")
    translation = get_numbers(node, "translation", where, default.translation)
    return LocalTransform(translation, rotation, get_numbers(node, "scale", where, default.scale))


def _compose_matrices(translations: Doubles, rotations: Doubles, scales: Doubles) -> Doubles:
    """(k, 4, 4) translation times rotation times scale. Quaternions may have any length."""
    x, y, z, w = (rotations / np.linalg.norm(rotations, axis=1, keepdims=True)).T
    m = np.tile(np.eye(4), (len(x), 1, 1))
    m[:, :3, 0] = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)], 1) * scales[:, :1]
    m[:, :3, 1] = np.stack([2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)], 1) * scales[:, 1:2]
    m[:, :3, 2] = np.stack([2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y)], 1) * scales[:, 2:]
    m[:, :3, 3] = translations
    return m


def read_instances(doc: Document, node: Node) -> Doubles:
    """(k, 4, 4) world_from_mesh of a node's mesh: one, or those of EXT_mesh_gpu_instancing."""
    extension = get_extension(node.entry, INSTANCING, node.where)
    if extension is None:
        return node.world_from_node[None]
    where = f"{node.where}.extensions.{INSTANCING}"
    attributes = get_object(extension, "attributes", where)
    defaults: dict[str, tuple[float, ...]] = {"TRANSLATION": (0, 0, 0), "ROTATION": (0, 0, 0, 1), "SCALE": (1, 1, 1)}
    values = {}
    for name in defaults.keys() & attributes.keys():
        try:
            kind = f"VEC{len(defaults[name])}"
            values[name] = read_attribute(doc, attributes, name, f"{where}.attributes", kind).astype(np.float64)
        except UserError as error:
            doc.leave_out(error)
    if not values:
        doc.warn(f"{where}.attributes", "must have TRANSLATION, ROTATION or SCALE; the mesh is shown once")
        return node.world_from_node[None]
    counts = {len(array) for array in values.values()}
    count = min(counts)
    if max(counts) > MAX_INSTANCES:
        raise LimitError(f"{where}.attributes: must be at most {MAX_INSTANCES}, not {max(counts)}")
    if len(counts) > 1:
        present = ", ".join(map(str, sorted(counts)))
        doc.warn(f"{where}.attributes", f"must be of one count, not {present}; the others are left out")
    translations, rotations, scales = (
        values.get(name, np.tile(np.array(default, np.float64), (count, 1)))[:count]
        for name, default in defaults.items()
    )
    has_length = np.linalg.norm(rotations, axis=1) >= MIN_QUATERNION
    rotations = np.where(has_length[:, None], rotations, defaults["ROTATION"])
    world_from_mesh: Doubles = node.world_from_node @ _compose_matrices(translations, rotations, scales)
    is_finite = np.isfinite(world_from_mesh).all((1, 2))
    if not (is_finite & has_length).all():
        doc.warn(f"{where}.attributes", "must be finite numbers, and quaternions of length 1; others are left out")
    return world_from_mesh[is_finite]


def read_joints(doc: Document, i: int, nodes: Mapping[int, Node]) -> Doubles:
    """(j, 4, 4) world_from_mesh of each joint of a skin, with its inverse bind matrix (section 3.7.3.1).

    Raises UserError for a skin that cannot be read.
    """
    skin, where = get_entry(doc.tree, "skins", i), f"skins[{i}]"
    joints = [get_reference(doc.tree, "nodes", {"joints": k}, "joints", where) for k in get_list(skin, "joints", where)]
    if not joints:
        raise UserError(f"{where}.joints: must name at least one node")
    for k, joint in enumerate(joints):
        if joint not in nodes:
            raise UserError(f"{where}.joints[{k}]: nodes[{joint}] must be in the scene")
    world_from_joint = np.stack([nodes[joint].world_from_node for joint in joints])
    if "inverseBindMatrices" not in skin:
        return world_from_joint
    inverse_bind = read_attribute(doc, skin, "inverseBindMatrices", where, "MAT4")
    if len(inverse_bind) < len(joints):
        raise UserError(f"{where}.inverseBindMatrices: {len(inverse_bind)} of them for {len(joints)} joints")
    joint_from_mesh = inverse_bind[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)
    world_from_mesh: Doubles = world_from_joint @ joint_from_mesh
    if not np.isfinite(world_from_mesh).all():
        raise UserError(f"{where}.inverseBindMatrices: must be finite numbers")
    return world_from_mesh


def get_back_axis(node: Node) -> Doubles:
    """A node's own +z in the world, unit length. Cameras look and lights shine along -z."""
    return _normalize_axis(node, node.world_from_node[:3, 2])


def get_up_axis(node: Node) -> Doubles:
    """The direction in the world that is up in a camera's picture, unit length: perpendicular to `get_back_axis`."""
    back, up = get_back_axis(node), node.world_from_node[:3, 1]
    return _normalize_axis(node, up - (up @ back) * back)


def _normalize_axis(node: Node, axis: Doubles) -> Doubles:
    length = np.linalg.norm(axis)
    if not 0 < length < math.inf:
        raise UserError(f"{node.where}: a camera or light must not be scaled to nothing")
    unit: Doubles = axis / length
    return unit
