"""Primitives of a glTF document as triangles in the mesh's own space: accessors, morph targets, tangents.

Section numbers are those of the specification.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ssdo.scene.files import gltf_draco
from ssdo.scene.files.gltf_document import Array, Document, read_attribute, read_integers
from ssdo.scene.files.gltf_materials import Look
from ssdo.scene.files.gltf_tangents import perpendicular, tangents
from ssdo.scene.files.json_tree import (
    Json,
    get_entry,
    get_extension,
    get_list,
    get_numbers,
    get_object,
    get_reference,
    get_whole,
)
from ssdo.scene.model import Floats, Ints
from ssdo.settings import UserError

MAX_TRIANGLES = 2**25  # of the scene with every instance counted; as many vertices
MAX_INFLUENCES = 8  # sets of four joints

TRIANGLES, STRIP, FAN = 4, 5, 6


class Part(NamedTuple):
    """Triangles of one primitive in the mesh's own space. What is None the primitive has not."""

    positions: Floats
    triangles: Array  # (m, 3) as stored
    normals: Floats | None
    uvs: Floats | None
    uvs2: Floats | None
    colors: Floats | None  # (n, 4)
    tangents: Floats | None  # (n, 4)
    joints: Array | None  # (n, k) which joints of the skin
    weights: Floats | None  # (n, k), their sum 1
    material: int | None  # the file's number for it
    where: str

    @property
    def kind(self) -> tuple[bool, ...]:
        """What it has; parts of one kind and material can be one mesh."""
        return tuple(values is not None for values in (self.normals, self.uvs, self.uvs2, self.colors, self.tangents))


@dataclass
class Spent:
    """What has been counted so far against MAX_TRIANGLES."""

    corners: int = 0  # of three times as many, every primitive once
    vertices: int = 0  # every instance
    triangles: int = 0  # every instance

    def add_primitive(self, corners: int, where: str) -> None:
        """Raises UserError where that is one too many."""
        self.corners += corners
        if self.corners > 3 * MAX_TRIANGLES:
            raise UserError(f"{where}: all primitives together must have at most {MAX_TRIANGLES} triangles")

    def add_instances(self, part: Part, count: int, where: str) -> None:
        """Raises UserError where that is one too many."""
        self.vertices, self.triangles = (
            self.vertices + count * len(part.positions),
            self.triangles + count * len(part.triangles),
        )
        if max(self.vertices, self.triangles) > MAX_TRIANGLES:
            raise UserError(f"{where}: all instances together must have at most {MAX_TRIANGLES} triangles and vertices")


def read_parts(
    doc: Document,
    i: int,
    weights: tuple[float, ...] | None,
    skinned: bool,
    look_at: Callable[[int | None], Look],
    spent: Spent,
) -> list[Part]:
    """The triangles of a mesh. `weights` of its morph targets, None for the mesh's own; joints are read where it is
    `skinned`.
    """
    entry, where = get_entry(doc.tree, "meshes", i), f"meshes[{i}]"
    if weights is None and "weights" in entry:
        weights = get_numbers(entry, "weights", where, (0.0,) * len(get_list(entry, "weights", where)))
    primitives = get_list(entry, "primitives", where)
    parts = (
        _part(doc, p, weights or (), skinned, look_at, spent, f"{where}.primitives[{k}]")
        for k, p in enumerate(primitives)
    )
    return [part for part in parts if part is not None and len(part.triangles)]


def _part(
    doc: Document,
    primitive: Any,
    weights: tuple[float, ...],
    skinned: bool,
    look_at: Callable[[int | None], Look],
    spent: Spent,
    where: str,
) -> Part | None:
    """One primitive; None for points, lines and what has no positions."""
    if not isinstance(primitive, dict):
        raise UserError(f"{where}: must be an object")
    mode = get_whole(primitive, "mode", where, TRIANGLES)
    if mode > FAN:
        raise UserError(f"{where}.mode: must be 0 to {FAN}, not {mode}")
    attributes = get_object(primitive, "attributes", where)
    if mode < TRIANGLES or "POSITION" not in attributes:
        doc.note(
            where,
            "points and lines are not shown" if mode < TRIANGLES else "has no positions, so nothing of it is shown",
        )
        return None
    if _unpacked(doc, primitive, attributes, where):
        mode = TRIANGLES
    material = get_reference(doc.tree, "materials", primitive, "material", where) if "material" in primitive else None
    look = look_at(material)
    arrays = _arrays(doc, attributes, look, where)
    joints = _joints(doc, attributes, where) if skinned else {}
    count = len(arrays["POSITION"])
    for name, values in (arrays | joints).items():
        if len(values) != count:
            raise UserError(f"{where}.attributes.{name}: {len(values)} of them for {count} positions")
    triangles = _triangles(doc, _index(doc, primitive, count, spent, where), mode, where)
    _morph(doc, primitive, arrays, weights, where)
    if triangles.size < count:  # primitives that share one big accessor take only their part of it
        used, triangles = _compact(triangles)
        arrays, joints = (
            {name: values[used] for name, values in arrays.items()},
            {name: values[used] for name, values in joints.items()},
        )
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise UserError(f"{where}.attributes.{name}: must be finite numbers")
    first, second = (_in_slot(arrays, look, slot) for slot in (0, 1))
    numbers, shares = _bound(doc, joints, where)
    part = Part(
        arrays["POSITION"],
        triangles,
        arrays.get("NORMAL"),
        first,
        second,
        _colors(doc, arrays, look, where),
        None,
        numbers,
        shares,
        material,
        where,
    )
    for name, use in look.uses.items():
        if (part.uvs, part.uvs2)[look.slots.get(use.uv_set, 0)] is None:
            doc.note(
                where,
                f"has no TEXCOORD_{use.uv_set} for the {name.replace('_', ' ')} of {look.where}, which is left out",
            )
    return _with_directions(part, arrays.get("TANGENT"), look)


# ---- what is stored -------------------------------------------------------------------------------------------------------


def _unpacked(doc: Document, primitive: Json, attributes: Json, where: str) -> bool:
    """Whether it was compressed. Where uncompressed data stands beside it, that is taken."""
    packed = get_extension(primitive, gltf_draco.NAME, where)
    if packed is None:
        return False
    i = get_reference(doc.tree, "accessors", attributes, "POSITION", f"{where}.attributes")
    if "bufferView" in get_entry(doc.tree, "accessors", i):
        return False
    gltf_draco.unpack(doc, primitive, packed, where)
    return True


def _arrays(doc: Document, attributes: Json, look: Look, where: str) -> dict[str, Floats]:
    """The attributes that are wanted, by their names in the file. Tangents need normals (section 3.7.2.1) and an image
    of them.
    """
    sets = {slot: n for n, slot in look.slots.items()}
    kinds = {"POSITION": ("VEC3",), "NORMAL": ("VEC3",), "COLOR_0": ("VEC3", "VEC4")}
    kinds |= {f"TEXCOORD_{n}": ("VEC2",) for n in (sets.get(0, 0), *sets.values())}
    if "normal_image" in look.uses and "NORMAL" in attributes:
        kinds["TANGENT"] = ("VEC4",)
    inside = f"{where}.attributes"
    return {
        name: read_attribute(doc, attributes, name, inside, *kind, fractions=name == "COLOR_0")
        for name, kind in kinds.items()
        if name in attributes
    }


def _in_slot(arrays: dict[str, Floats], look: Look, slot: int) -> Floats | None:
    n = next((n for n, s in look.slots.items() if s == slot), 0 if slot == 0 else -1)
    return arrays.get(f"TEXCOORD_{n}")


def _colors(doc: Document, arrays: dict[str, Floats], look: Look, where: str) -> Floats | None:
    """(n, 4) from 0 to 1."""
    colors = arrays.get("COLOR_0")
    if colors is None:
        return None
    if look.unlit:
        doc.note(where, "colours of vertices are not shown on an unlit material")
    if colors.size and (colors.min() < 0 or colors.max() > 1):
        doc.note(where, "has colours of vertices beyond 0 to 1, which are clipped")
        colors = np.clip(colors, 0, 1)
    return np.pad(colors, ((0, 0), (0, 1)), constant_values=1) if colors.shape[1] == 3 else colors


def _joints(doc: Document, attributes: Json, where: str) -> dict[str, Array]:
    """JOINTS_n and WEIGHTS_n, as many sets as there are; none without both."""
    inside, found = f"{where}.attributes", {}
    for n in range(MAX_INFLUENCES):
        if f"JOINTS_{n}" not in attributes or f"WEIGHTS_{n}" not in attributes:
            break
        found[f"JOINTS_{n}"] = read_integers(doc, attributes, f"JOINTS_{n}", inside, "VEC4")
        found[f"WEIGHTS_{n}"] = read_attribute(doc, attributes, f"WEIGHTS_{n}", inside, "VEC4", fractions=True)
    if not found:
        doc.note(where, "belongs to a skin but has no JOINTS_0 and WEIGHTS_0; it stands as its node says")
    return found


def _bound(doc: Document, joints: dict[str, Array], where: str) -> tuple[Array | None, Floats | None]:
    """Joints and weights whose sum is 1; what nothing holds goes with its first joint."""
    if not joints:
        return None, None
    numbers = np.concatenate([values for name, values in joints.items() if name[0] == "J"], 1).astype(np.int64)
    weights = np.concatenate([values for name, values in joints.items() if name[0] == "W"], 1)
    if not np.isfinite(weights).all() or (weights.size and weights.min() < 0):
        raise UserError(f"{where}.attributes.WEIGHTS_0: must be finite numbers from 0")
    sums = weights.sum(1, keepdims=True, dtype=np.float64)
    if (sums <= 0).any():
        doc.note(where, "has weights whose sum is 0; these vertices go with their first joint")
        weights, sums = np.where(sums > 0, weights, np.eye(1, weights.shape[1])), np.where(sums > 0, sums, 1)
    return np.where(weights > 0, numbers, 0), (weights / sums).astype(np.float32)


def _morph(doc: Document, primitive: Json, arrays: dict[str, Floats], weights: tuple[float, ...], where: str) -> None:
    """Adds the morph targets at their weights (section 3.7.2.2)."""
    targets = get_list(primitive, "targets", where)
    if weights and len(weights) != len(targets):
        raise UserError(f"{where}.targets: {len(targets)} of them for {len(weights)} weights")
    for k, (target, weight) in enumerate(zip(targets, weights, strict=False)):
        inside = f"{where}.targets[{k}]"
        if not isinstance(target, dict):
            raise UserError(f"{inside}: must be an object")
        if not weight:
            continue
        for name in arrays.keys() & target.keys():
            base = arrays[name]
            kinds = ("VEC3",) if name == "TANGENT" else (f"VEC{base.shape[1]}",)
            change = read_attribute(doc, target, name, inside, *kinds, fractions=name == "COLOR_0")
            if len(change) != len(base):
                raise UserError(f"{inside}.{name}: {len(change)} of them for {len(base)} positions")
            doc.spend(change.size, f"{inside}.{name}")  # an accessor that many targets share costs each of them time
            moved = base.copy()
            moved[:, : change.shape[1]] += np.float32(weight) * change
            arrays[name] = moved


def _index(doc: Document, primitive: Json, vertices: int, spent: Spent, where: str) -> Array:
    """(n,) indices of a primitive, each below `vertices`; without an accessor all in order."""
    index = read_integers(doc, primitive, "indices", where)[:, 0] if "indices" in primitive else None
    spent.add_primitive(vertices if index is None else len(index), where)
    if index is None:
        return np.arange(vertices, dtype=np.int32)
    if index.size and index.max() >= vertices:
        raise UserError(f"{where}.indices: vertex {index.max()} of {vertices}")
    return index


def _triangles(doc: Document, index: Array, mode: int, where: str) -> Array:
    """(m, 3) corners in the order of section 3.7.2.1: the same side is outside in all three modes."""
    if mode == TRIANGLES:
        if len(index) % 3:
            doc.note(where, "has corners that make no whole triangle, which are left out")
        return index[: len(index) // 3 * 3].reshape(-1, 3)
    if len(index) < 3:
        return np.empty((0, 3), np.int32)
    first = np.broadcast_to(index[0], len(index) - 2) if mode == FAN else index[:-2]
    triangles = np.stack([first, index[1:-1], index[2:]], 1)
    if mode == STRIP:
        triangles[1::2] = triangles[1::2, [1, 0, 2]]
    a, b, c = triangles.T
    whole: Array = triangles[(a != b) & (b != c) & (c != a)]  # strips are joined by triangles without area
    return whole


def _compact(triangles: Array) -> tuple[Ints, Ints]:
    """The vertices in use, and the triangles in their numbers."""
    used, corners = np.unique(triangles, return_inverse=True)
    return used, corners.reshape(-1, 3).astype(np.int32)


# ---- directions -----------------------------------------------------------------------------------------------------------


def _with_directions(part: Part, given: Floats | None, look: Look) -> Part:
    """The part with normals that have a direction and, where its material has an image of normals, with tangents."""
    use = look.uses.get("normal_image")
    uvs = None if use is None or use.uv_set not in look.slots else (part.uvs, part.uvs2)[look.slots[use.uv_set]]
    if part.normals is not None:
        part = part._replace(normals=_found(part.normals, part.positions, part.triangles))
    if use is None or uvs is None:
        return part
    if part.normals is None:  # flat: every triangle has corners of its own
        corners = part.triangles.ravel()
        part, uvs = _picked(part, corners), uvs[corners]
        part = part._replace(triangles=np.arange(len(corners), dtype=np.int32).reshape(-1, 3))
        part = part._replace(normals=_found(np.zeros_like(part.positions), part.positions, part.triangles))
    assert part.normals is not None
    n = _unit(part.normals)
    if given is not None:
        lost = np.linalg.norm(given[:, :3], axis=1, keepdims=True) < 1e-6
        along = np.where(lost, perpendicular(n), given[:, :3])
        return part._replace(
            tangents=np.concatenate([_unit(along), np.where(given[:, 3:] < 0, -1, 1)], 1).astype(np.float32)
        )
    rows = np.array(use.rows)
    along, vertices, triangles = tangents(
        part.positions, n, (uvs @ rows[:, :2].T + rows[:, 2]).astype(np.float32), part.triangles
    )
    return (_picked(part, vertices) if len(vertices) > len(part.positions) else part)._replace(
        triangles=triangles, tangents=along
    )


def _picked(part: Part, vertices: Array) -> Part:
    """The part with these vertices; its triangles are the caller's to number."""
    names = ("positions", "normals", "uvs", "uvs2", "colors", "tangents", "joints", "weights")
    return part._replace(**{name: values[vertices] for name in names if (values := getattr(part, name)) is not None})


def _unit(vectors: Floats) -> Floats:
    long = vectors.astype(np.float64)
    unit: Floats = (long / np.linalg.norm(long, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _found(normals: Floats, positions: Floats, triangles: Array) -> Floats:
    """Where a normal has no length, as exporters write for slivers, the mean of the faces around, else up."""
    lost: Array = ~np.any(normals, axis=1)
    if not lost.any():
        return normals
    a, b, c = (positions[triangles[:, k]].astype(np.float64) for k in range(3))
    around = np.zeros(normals.shape)
    for k in range(3):
        np.add.at(around, triangles[:, k], np.cross(b - a, c - a))
    size = np.linalg.norm(around, axis=1, keepdims=True)
    around = np.where(size > 0, around / size, (0.0, 1.0, 0.0))
    return np.where(lost[:, None], around, normals).astype(np.float32)
