"""Parts of a glTF document placed in the world, by their nodes, instance by instance, or by skins, and joined into a
Mesh.

Section numbers are those of the specification.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssdo.scene.files.gltf_document import Array
from ssdo.scene.files.gltf_geometry import Part
from ssdo.scene.files.gltf_nodes import Doubles
from ssdo.scene.files.gltf_tangents import perpendicular
from ssdo.scene.model import Floats, Ints, Material, Mesh
from ssdo.settings import UserError

BLOCK = 2**17  # vertices at once: what stands between is of 64 bits


class Placement(NamedTuple):
    """A part, and where it stands: once for each of `worlds`; or, where it hangs on joints, once and as these say."""

    part: Part
    worlds: Doubles  # (k, 4, 4) world_from_mesh
    joints: Doubles | None  # (j, 4, 4) world_from_mesh of each joint
    where: str


def joined(placements: list[Placement], material: Material) -> Mesh:
    """One mesh of parts of one kind. Everything is written to its place at once, with no copy between."""
    first = placements[0].part
    vertices = sum(len(p.worlds) * len(p.part.positions) for p in placements)
    count = sum(len(p.worlds) * len(p.part.triangles) for p in placements)
    positions, triangles = np.empty((vertices, 3), np.float32), np.empty((count, 3), np.int32)
    normals = None if first.normals is None else np.empty((vertices, 3), np.float32)
    tangents = None if first.tangents is None else np.empty((vertices, 4), np.float32)
    v = t = 0
    for p in placements:
        k, n, m = len(p.worlds), len(p.part.positions), len(p.part.triangles)
        rows = slice(v, v + k * n)
        into = positions[rows], None if normals is None else normals[rows], None if tangents is None else tangents[rows]
        mirrored = _skin(p, *into) if p.joints is not None and p.part.joints is not None else _place(p, *into)
        _number(p.part.triangles, mirrored, v, n, triangles[t : t + k * m])
        v, t = v + k * n, t + k * m
    uvs, uvs2, colors = (_repeated(placements, name) for name in ("uvs", "uvs2", "colors"))
    return Mesh(positions, triangles, material, normals, uvs, uvs2, colors, tangents)


def _repeated(placements: list[Placement], name: str) -> Floats | None:
    """What is the same wherever a part stands."""
    if getattr(placements[0].part, name) is None:
        return None
    return np.concatenate([getattr(p.part, name) for p in placements for _ in p.worlds])


def _number(triangles: Array, mirrored: Array, start: int, vertices: int, into: Ints) -> None:
    """Corners in the numbers of the mesh. A mirror turns them round, so that outside stays outside (section 3.7.4)."""
    for i, (turned, target) in enumerate(zip(mirrored, into.reshape(len(mirrored), -1, 3), strict=True)):
        np.add(
            triangles[:, [0, 2, 1]] if turned else triangles,
            start + i * vertices,
            out=target,
            dtype=np.int32,
            casting="unsafe",
        )


def _place(p: Placement, positions: Floats, normals: Floats | None, tangents: Floats | None) -> Array:
    """Fills the rows of one placement. Returns (k,) which of its instances are mirrored."""
    part, worlds, n = p.part, p.worlds, len(p.part.positions)
    linear, mirrored = worlds[:, :3, :3], _mirrors(worlds[:, :3, :3])
    cofactors, sign = _cofactors(linear), np.where(mirrored, -1.0, 1.0)[:, None, None]
    step = max(BLOCK // n, 1)
    for a in range(0, len(worlds), step):
        some = slice(a, a + step)
        for b in range(0, n, BLOCK):
            rows = slice(b, b + BLOCK)
            positions.reshape(-1, n, 3)[some, rows] = (
                _times(part.positions[rows], linear[some]) + worlds[some, None, :3, 3]
            )
            if normals is not None and part.normals is not None:
                turned = _unit(_times(part.normals[rows], cofactors[some]) * sign[some], np.array((0.0, 1.0, 0.0)))
                normals.reshape(-1, n, 3)[some, rows] = turned
                if tangents is not None and part.tangents is not None:
                    into = tangents.reshape(-1, n, 4)[some, rows]
                    into[..., :3] = _unit(_times(part.tangents[rows, :3], linear[some]), turned)
                    into[..., 3:] = part.tangents[rows, 3:] * sign[some]
    _check(positions, p.where)
    return mirrored


def _skin(p: Placement, positions: Floats, normals: Floats | None, tangents: Floats | None) -> Array:
    """The same for a part on joints, at rest (section 3.7.3). Mirrored is what most of its vertices are."""
    part, turned_over = p.part, 0
    assert p.joints is not None and part.joints is not None and part.weights is not None
    for b in range(0, len(positions), BLOCK // 4):  # a matrix for each vertex
        rows = slice(b, b + BLOCK // 4)
        m = np.zeros((len(part.positions[rows]), 3, 4))
        for k in range(part.joints.shape[1]):
            m += part.weights[rows, k, None, None] * p.joints[part.joints[rows, k], :3]
        linear, mirrored = m[:, :, :3], _mirrors(m[:, :, :3])
        positions[rows] = np.einsum("nij,nj->ni", linear, part.positions[rows]) + m[:, :, 3]
        turned_over += int(mirrored.sum())
        sign = np.where(mirrored, -1.0, 1.0)[:, None]
        if normals is not None and part.normals is not None:
            turned = _unit(
                np.einsum("nij,nj->ni", _cofactors(linear), part.normals[rows]) * sign, np.array((0.0, 1.0, 0.0))
            )
            normals[rows] = turned
            if tangents is not None and part.tangents is not None:
                tangents[rows, :3] = _unit(np.einsum("nij,nj->ni", linear, part.tangents[rows, :3]), turned)
                tangents[rows, 3:] = part.tangents[rows, 3:] * sign
    _check(positions, p.where)
    return np.array([2 * turned_over > len(positions)])


def _check(positions: Floats, where: str) -> None:
    if not np.isfinite(positions).all():
        raise UserError(f"{where}: moves vertices beyond what float32 holds")


# ---- matrices -------------------------------------------------------------------------------------------------------------


def _times(rows: Floats, m: Doubles) -> Doubles:
    """(k, n, 3) of (n, 3) rows and (k, 3, 3) matrices, in a fifth of the time that matmul takes."""
    x, y, z = (rows[None, :, c : c + 1] for c in range(3))
    product: Doubles = x * m[:, None, :, 0] + y * m[:, None, :, 1] + z * m[:, None, :, 2]
    return product


def _scaled(m: Doubles) -> Doubles:
    """Largest number 1, so that products neither vanish nor overflow."""
    size = np.abs(m).max((1, 2), keepdims=True)
    scaled: Doubles = m / np.where(size > 0, size, 1)
    return scaled


def _mirrors(m: Doubles) -> Array:
    """(k,) whether the determinants of (k, 3, 3) are negative."""
    a, b, c = np.moveaxis(_scaled(m), 2, 0)
    negative: Array = (a * np.cross(b, c)).sum(1) < 0
    return negative


def _cofactors(m: Doubles) -> Doubles:
    """The inverse transpose times the determinant: right for normals even where a scale is 0 and no inverse exists."""
    a, b, c = np.moveaxis(_scaled(m), 2, 0)
    return np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], 2)


def _unit(vectors: Doubles, other: Doubles) -> Doubles:
    """Unit length. Where nothing is left, as of what is scaled to nothing, at right angles to `other`; of one `other`,
    that itself.
    """
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    lost = length[..., 0] < 1e-60  # not merely short: a thin scale makes cofactors of 1e-14
    if lost.any():
        vectors[lost] = other if other.ndim == 1 else perpendicular(other[lost])
        length[lost] = 1
    vectors /= length
    return vectors
