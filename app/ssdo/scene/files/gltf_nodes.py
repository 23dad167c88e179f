"""The node hierarchy of a glTF document: what stands where, instances, and the joints of skins.

Section numbers are those of the specification.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssdo.scene.files.gltf_document import Document, read_attribute
from ssdo.scene.files.json_tree import Json, get_entry, get_extension, get_list, get_numbers, get_object, get_reference
from ssdo.settings import UserError

Doubles = npt.NDArray[np.float64]

INSTANCING = "EXT_mesh_gpu_instancing"
MAX_INSTANCES = 2**18  # of a node: each costs microseconds


class Node(NamedTuple):
    """A node of the scene."""

    entry: Json
    world: Doubles  # (4, 4) world_from_node
    where: str


def read_nodes(doc: Document, scene: int | None) -> dict[int, Node]:
    """Everything in a scene by its number, parents first, in the file's order. No recursion: depth has no limit."""
    stack = [(i, np.eye(4)) for i in reversed(_roots(doc, scene))]
    found: dict[int, Node] = {}
    while stack:
        i, parent = stack.pop()
        if i in found:
            raise UserError(f"nodes[{i}]: must have one parent and be in no cycle")
        entry, where = get_entry(doc.tree, "nodes", i), f"nodes[{i}]"
        world, local = parent, _local(doc, entry, where)
        if local is not None:
            world = parent @ local
            if not np.isfinite(world).all():
                raise UserError(f"{where}: the transform must be finite")
        found[i] = Node(entry, world, where)
        stack += [(child, world) for child in reversed(_node_list(doc, entry, "children", where))]
    return found


def _roots(doc: Document, scene: int | None) -> list[int]:
    """Where a scene begins, the default one unless it is chosen. Without scenes: every node that is nobody's child."""
    scenes = get_list(doc.tree, "scenes", "")
    if scene is not None and scene >= len(scenes):
        raise UserError(f"scene: scenes[{scene}] does not exist, {len(scenes)} present")
    if scenes:
        default = {"scene": 0} if "scene" not in doc.tree else doc.tree
        i = get_reference(doc.tree, "scenes", default, "scene", "") if scene is None else scene
        return _node_list(doc, get_entry(doc.tree, "scenes", i), "nodes", f"scenes[{i}]")
    count = len(get_list(doc.tree, "nodes", ""))
    children = {
        c for i in range(count) for c in _node_list(doc, get_entry(doc.tree, "nodes", i), "children", f"nodes[{i}]")
    }
    if count and len(children) == count:
        raise UserError("nodes: every one is another's child, which is a cycle")
    return [i for i in range(count) if i not in children]


def _node_list(doc: Document, parent: Json, key: str, where: str) -> list[int]:
    return [get_reference(doc.tree, "nodes", {key: i}, key, where) for i in get_list(parent, key, where)]


def _local(doc: Document, node: Json, where: str) -> Doubles | None:
    """parent_from_node, 4x4; None where nothing moves."""
    if "matrix" in node:
        matrix = np.array(get_numbers(node, "matrix", where, (0.0,) * 16)).reshape(4, 4).T  # stored by columns
        if not np.allclose(matrix[3], (0, 0, 0, 1)):
            raise UserError(f"{where}.matrix: must have 0, 0, 0, 1 as its last row")
        return matrix
    if not {"translation", "rotation", "scale"} & node.keys():
        return None
    rotation = np.array(get_numbers(node, "rotation", where, (0, 0, 0, 1), -2, 2))
    size = float(np.linalg.norm(rotation))
    if size < 1e-3:
        raise UserError(f"{where}.rotation: must be a quaternion of length 1")
    if abs(size - 1) > 0.01:
        doc.note(where, "has a rotation whose length is not 1, and is turned as if it were")
    shift, scale = get_numbers(node, "translation", where, (0, 0, 0)), get_numbers(node, "scale", where, (1, 1, 1))
    moved: Doubles = _moves(np.array([shift]), rotation[None], np.array([scale]))[0]
    return moved


def _moves(shifts: Doubles, rotations: Doubles, scales: Doubles) -> Doubles:
    """(k, 4, 4) of translations, quaternions of any length, and scales; scaled first."""
    x, y, z, w = (rotations / np.linalg.norm(rotations, axis=1, keepdims=True)).T
    m = np.tile(np.eye(4), (len(x), 1, 1))
    m[:, :3, 0] = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)], 1) * scales[:, :1]
    m[:, :3, 1] = np.stack([2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)], 1) * scales[:, 1:2]
    m[:, :3, 2] = np.stack([2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y)], 1) * scales[:, 2:]
    m[:, :3, 3] = shifts
    return m


def read_instances(doc: Document, node: Node) -> Doubles:
    """(k, 4, 4) world_from_mesh of a node's mesh: one, or as many as EXT_mesh_gpu_instancing says."""
    extension = get_extension(node.entry, INSTANCING, node.where)
    if extension is None:
        return node.world[None]
    where = f"{node.where}.extensions.{INSTANCING}"
    attributes = get_object(extension, "attributes", where)
    kinds = {"TRANSLATION": ("VEC3", (0, 0, 0)), "ROTATION": ("VEC4", (0, 0, 0, 1)), "SCALE": ("VEC3", (1, 1, 1))}
    found = {
        n: read_attribute(doc, attributes, n, f"{where}.attributes", kind).astype(np.float64)
        for n, (kind, _) in kinds.items()
        if n in attributes
    }
    if not found:
        raise UserError(f"{where}.attributes: must have TRANSLATION, ROTATION or SCALE")
    counts = {len(values) for values in found.values()}
    count = max(counts)
    if len(counts) > 1 or count > MAX_INSTANCES:
        raise UserError(
            f"{where}.attributes: must be of one count, at most {MAX_INSTANCES}, not {', '.join(map(str, sorted(counts)))}"
        )
    for name, values in found.items():
        if not np.isfinite(values).all() or (name == "ROTATION" and (np.linalg.norm(values, axis=1) < 1e-3).any()):
            raise UserError(
                f"{where}.attributes.{name}: must be finite numbers"
                + (", quaternions of length 1" if name == "ROTATION" else "")
            )
    shifts, rotations, scales = (
        found.get(name, np.tile(np.array(default, np.float64), (count, 1))) for name, (_, default) in kinds.items()
    )
    worlds: Doubles = node.world @ _moves(shifts, rotations, scales)
    if not np.isfinite(worlds).all():
        raise UserError(f"{where}: the transforms must be finite")
    return worlds


def read_joints(doc: Document, i: int, nodes: Mapping[int, Node]) -> Doubles:
    """(j, 4, 4) world_from_mesh for each joint of a skin: where it stands, after its inverse bind matrix (section
    3.7.3.1).
    """
    skin, where = get_entry(doc.tree, "skins", i), f"skins[{i}]"
    numbers = _node_list(doc, skin, "joints", where)
    if not numbers:
        raise UserError(f"{where}.joints: must name at least one node")
    for k, number in enumerate(numbers):
        if number not in nodes:
            raise UserError(f"{where}.joints[{k}]: nodes[{number}] must be in the scene")
    worlds = np.stack([nodes[number].world for number in numbers])
    if "inverseBindMatrices" not in skin:
        return worlds
    inverse = read_attribute(doc, skin, "inverseBindMatrices", where, "MAT4")
    if len(inverse) < len(numbers):
        raise UserError(f"{where}.inverseBindMatrices: {len(inverse)} of them for {len(numbers)} joints")
    joints: Doubles = worlds @ inverse[: len(numbers)].reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)
    if not np.isfinite(joints).all():
        raise UserError(f"{where}.inverseBindMatrices: must be finite numbers")
    return joints


def back(node: Node) -> Doubles:
    """A node's own +z in the world, unit length: cameras look and lights shine along -z."""
    along = node.world[:3, 2]
    length = np.linalg.norm(along)
    if not 0 < length < math.inf:
        raise UserError(f"{node.where}: a camera or light must not be scaled to nothing")
    unit: Doubles = along / length
    return unit
