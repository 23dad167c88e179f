"""Putting meshes together: joining, copying, moving, and the texture coordinates they are painted with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ssdo.scene.model import Floats, Material, Mesh

Points = npt.NDArray[np.float64]
Place = Sequence[float] | Floats | Points  # three numbers


def mesh_of(
    positions: npt.ArrayLike,
    triangles: npt.ArrayLike,
    material: Material,
    normals: npt.ArrayLike | None = None,
    uvs: npt.ArrayLike | None = None,
) -> Mesh:
    """A `Mesh` with its arrays in the types it asks for."""
    return Mesh(
        np.asarray(positions, "f4").reshape(-1, 3),
        np.asarray(triangles, "i4").reshape(-1, 3),
        material,
        None if normals is None else np.asarray(normals, "f4").reshape(-1, 3),
        None if uvs is None else np.asarray(uvs, "f4").reshape(-1, 2),
    )


def flat(mesh: Mesh) -> Mesh:
    """The same mesh with the normals of its triangles written out, no corner shared."""
    p = mesh.positions[mesh.triangles]
    n = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    n /= np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-20)
    uvs = None if mesh.uvs is None else mesh.uvs[mesh.triangles]
    return mesh_of(p, np.arange(p.size // 3), mesh.material, np.repeat(n, 3, 0), uvs)


def merged(meshes: Sequence[Mesh]) -> list[Mesh]:
    """One mesh for each material, in order of first appearance. Flat meshes stay flat beside smooth ones."""
    groups: dict[int, list[Mesh]] = {}
    for mesh in meshes:
        groups.setdefault(id(mesh.material), []).append(mesh)
    return [_joined(group) for group in groups.values()]


def _joined(group: list[Mesh]) -> Mesh:
    smooth = any(m.normals is not None for m in group)
    parts = [flat(m) if smooth and m.normals is None else m for m in group]
    starts = np.cumsum([0] + [len(m.positions) for m in parts[:-1]])
    uvs = [np.zeros((len(m.positions), 2), "f4") if m.uvs is None else m.uvs for m in parts]
    return Mesh(
        np.concatenate([m.positions for m in parts]),
        np.concatenate([m.triangles + np.int32(s) for m, s in zip(parts, starts, strict=True)]).astype("i4"),
        group[0].material,
        np.concatenate([m.normals for m in parts if m.normals is not None]) if smooth else None,
        np.concatenate(uvs) if any(m.uvs is not None for m in parts) else None,
    )


def transformed(mesh: Mesh, matrix: npt.ArrayLike) -> Mesh:
    """The mesh under an affine 4x4 matrix (columns are the axes); a mirror image is wound outwards again."""
    return copies(mesh, np.asarray(matrix, "f8")[None])


def copies(mesh: Mesh, matrices: npt.ArrayLike) -> Mesh:
    """The mesh once for every affine matrix (n, 4, 4), in one."""
    m = np.asarray(matrices, "f8")
    count, linear = len(m), m[:, :3, :3]
    p = mesh.positions @ linear.transpose(0, 2, 1) + m[:, None, :3, 3]
    mirrored = np.linalg.det(linear) < 0
    triangles = mesh.triangles[None] + (np.arange(count) * len(mesh.positions))[:, None, None]
    triangles[mirrored] = triangles[mirrored][..., ::-1]
    n = None
    if mesh.normals is not None:
        n = mesh.normals @ np.linalg.inv(linear)
        n /= np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-20)
    return mesh_of(p, triangles, mesh.material, n, None if mesh.uvs is None else np.tile(mesh.uvs, (count, 1)))


def aligned(up: Place, origin: Place = (0, 0, 0)) -> Points:
    """The matrix that turns +y towards `up` and then moves to `origin`."""
    y = np.asarray(up, "f8")
    y = y / np.linalg.norm(y)
    x = np.cross(y, [0.0, 0.0, 1.0] if abs(y[2]) < 0.9 else [1.0, 0.0, 0.0])
    x /= np.linalg.norm(x)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([x, y, np.cross(x, y)], -1)
    matrix[:3, 3] = origin
    return matrix


def placing(offset: Place = (0, 0, 0), degrees: float = 0.0, factor: npt.ArrayLike = 1.0) -> Points:
    """The matrix that scales (one factor or three), turns about the vertical (from +x towards -z) and moves."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) * np.broadcast_to(np.asarray(factor, "f8"), 3)
    matrix[:3, 3] = offset
    return matrix


def moved(mesh: Mesh, offset: Place) -> Mesh:
    """The mesh moved by three metres."""
    return transformed(mesh, placing(offset))


def turned(mesh: Mesh, degrees: float) -> Mesh:
    """The mesh turned about the vertical, from +x towards -z."""
    return transformed(mesh, placing(degrees=degrees))


def scaled(mesh: Mesh, factor: npt.ArrayLike) -> Mesh:
    """The mesh scaled about the origin by one factor or by three."""
    return transformed(mesh, placing(factor=factor))


def painted(mesh: Mesh, uv: npt.ArrayLike) -> Mesh:
    """The mesh with one texture coordinate for all of it, or (n, 2) of which each serves an equal share of the corners
    in turn.
    """
    each = np.atleast_2d(np.asarray(uv, "f4"))
    return replace(mesh, uvs=np.repeat(each, len(mesh.positions) // len(each), 0))


def placed_uvs(mesh: Mesh, scale: float, axes: tuple[int, int] = (0, 2), origin: Place = (0, 0, 0)) -> Mesh:
    """The mesh with its image laid over it along two axes from `origin` on, one repeat for every `scale` metres."""
    flat_uvs: Floats = ((mesh.positions - np.asarray(origin, "f4"))[:, axes] / scale).astype("f4")
    return replace(mesh, uvs=flat_uvs)
