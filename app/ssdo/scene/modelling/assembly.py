"""Mesh operations: merging, instancing, affine transforms and texture coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ssdo.arrays import Doubles, Floats
from ssdo.scene.model import Material, Mesh

Vec3Like = Sequence[float] | Floats | Doubles  # three numbers

UNTEXTURED_UV = (0.5, 0.5)  # of meshes whose material has no texture
MIN_LENGTH = 1e-20  # shorter vectors are not normalised


def make_mesh(
    positions: npt.ArrayLike,
    triangles: npt.ArrayLike,
    material: Material,
    normals: npt.ArrayLike | None = None,
    uvs: npt.ArrayLike | None = None,
) -> Mesh:
    """Build a mesh from arrays of any type: positions and normals (..., 3), triangles (..., 3), uvs (..., 2)."""
    return Mesh(
        np.asarray(positions, "f4").reshape(-1, 3),
        np.asarray(triangles, "i4").reshape(-1, 3),
        material,
        None if normals is None else np.asarray(normals, "f4").reshape(-1, 3),
        None if uvs is None else np.asarray(uvs, "f4").reshape(-1, 2),
    )


def make_flat_shaded(mesh: Mesh) -> Mesh:
    """Give every triangle its own three vertices, with the triangle's normal."""
    corners = mesh.positions[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), MIN_LENGTH)
    uvs = None if mesh.uvs is None else mesh.uvs[mesh.triangles]
    return make_mesh(corners, np.arange(corners.size // 3), mesh.material, np.repeat(normals, 3, 0), uvs)


def merge_by_material(meshes: Sequence[Mesh]) -> list[Mesh]:
    """Merge meshes that share a material object, in order of first appearance.

    A mesh without normals stays flat-shaded when it is merged with a smooth one.
    """
    groups: dict[int, list[Mesh]] = {}
    for mesh in meshes:
        groups.setdefault(id(mesh.material), []).append(mesh)
    return [_concatenate(group) for group in groups.values()]


def _concatenate(group: list[Mesh]) -> Mesh:
    is_smooth = any(m.normals is not None for m in group)
    parts = [make_flat_shaded(m) if is_smooth and m.normals is None else m for m in group]
    first_vertices = np.cumsum([0] + [len(m.positions) for m in parts[:-1]])
    triangles = [m.triangles + np.int32(first) for m, first in zip(parts, first_vertices, strict=True)]
    uvs = [np.zeros((len(m.positions), 2), "f4") if m.uvs is None else m.uvs for m in parts]
    return Mesh(
        np.concatenate([m.positions for m in parts]),
        np.concatenate(triangles).astype("i4"),
        group[0].material,
        np.concatenate([m.normals for m in parts if m.normals is not None]) if is_smooth else None,
        np.concatenate(uvs) if any(m.uvs is not None for m in parts) else None,
    )


def transform(mesh: Mesh, matrix: npt.ArrayLike) -> Mesh:
    """Transform by an affine 4x4 matrix whose columns are the axes. Mirroring keeps triangles facing outwards."""
    return instantiate(mesh, np.asarray(matrix, "f8")[None])


def instantiate(mesh: Mesh, matrices: npt.ArrayLike) -> Mesh:
    """One mesh that holds a copy of `mesh` for every affine matrix (n, 4, 4)."""
    matrices = np.asarray(matrices, "f8")
    count, linear = len(matrices), matrices[:, :3, :3]
    positions = mesh.positions @ linear.transpose(0, 2, 1) + matrices[:, None, :3, 3]
    triangles = mesh.triangles[None] + (np.arange(count) * len(mesh.positions))[:, None, None]
    is_mirrored = np.linalg.det(linear) < 0
    triangles[is_mirrored] = triangles[is_mirrored][..., ::-1]
    normals = None
    if mesh.normals is not None:
        normals = mesh.normals @ np.linalg.inv(linear)
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), MIN_LENGTH)
    uvs = None if mesh.uvs is None else np.tile(mesh.uvs, (count, 1))
    return make_mesh(positions, triangles, mesh.material, normals, uvs)


def align_y_axis(direction: Vec3Like, origin: Vec3Like = (0, 0, 0)) -> Doubles:
    """The 4x4 matrix that rotates +y to `direction` and moves the origin to `origin`."""
    y = np.asarray(direction, "f8")
    y = y / np.linalg.norm(y)
    x = np.cross(y, [0.0, 0.0, 1.0] if abs(y[2]) < 0.9 else [1.0, 0.0, 0.0])
    x /= np.linalg.norm(x)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([x, y, np.cross(x, y)], -1)
    matrix[:3, 3] = origin
    return matrix


def make_transform(translation: Vec3Like = (0, 0, 0), yaw: float = 0.0, scale: npt.ArrayLike = 1.0) -> Doubles:
    """The 4x4 matrix that scales, then rotates, then translates.

    `yaw` is in degrees about +y, from +x towards -z. `scale` is one factor or three.
    """
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) * np.broadcast_to(np.asarray(scale, "f8"), 3)
    matrix[:3, 3] = translation
    return matrix


def translate(mesh: Mesh, offset: Vec3Like) -> Mesh:
    """Move by `offset`, metres."""
    return transform(mesh, make_transform(offset))


def rotate_y(mesh: Mesh, yaw: float) -> Mesh:
    """Rotate about the y axis by `yaw` degrees, from +x towards -z."""
    return transform(mesh, make_transform(yaw=yaw))


def scale(mesh: Mesh, factor: npt.ArrayLike) -> Mesh:
    """Scale about the origin by one factor or by three."""
    return transform(mesh, make_transform(scale=factor))


def assign_uvs(mesh: Mesh, uvs: npt.ArrayLike) -> Mesh:
    """Give every vertex the texture coordinate (2,), or consecutive groups of vertices one of (n, 2) each.

    The groups are equally large: n must divide the number of vertices.
    """
    values = np.atleast_2d(np.asarray(uvs, "f4"))
    return replace(mesh, uvs=np.repeat(values, len(mesh.positions) // len(values), 0))


def project_uvs(mesh: Mesh, texture_size: float, axes: tuple[int, int] = (0, 2), origin: Vec3Like = (0, 0, 0)) -> Mesh:
    """Planar UV projection along two axes: u and v are 0 at `origin`, one repeat every `texture_size` metres."""
    uvs: Floats = ((mesh.positions - np.asarray(origin, "f4"))[:, axes] / texture_size).astype("f4")
    return replace(mesh, uvs=uvs)
