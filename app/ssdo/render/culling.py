"""Culled surfaces: what the camera looks through is absent for rays and shadows, too.

The camera draws only the front of a single-sided surface. What it sees behind a culled surface shall be lit as if that
was not there. But the far side of a solid is not drawn either, and casts shadows nonetheless. So of the surfaces, the
connected parts of a scene, these are culled:

- a surface of which the eye is behind every triangle, and
- the nearer walls of a room that is seen from outside: triangles that the eye is behind.

All others are solid for rays and shadows, from both sides. A rule for each ray alone cannot agree with the camera: rays
from the surface behind a culled one meet its front, as rays do that go down to a floor.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssdo.arrays import Bools, Doubles, Floats, Ints, Longs
from ssdo.gpu.context import Gpu
from ssdo.gpu.geometry import Geometry
from ssdo.render.frame_uniforms import FrameUniforms
from ssdo.render.mesh_buffers import upload_scene
from ssdo.render.topology import connected_components, find_edges
from ssdo.scene.model import Scene

CulledTriangles = bytes  # int32 indices into all triangles of a scene, ascending; hashable
NO_TRIANGLES: CulledTriangles = b""

MAX_TRIANGLES = 50_000  # in which surfaces are searched for, small meshes first; larger meshes are taken for solids
MAX_ROOM_BULGE = -0.05  # see `_measure_bulge`: -1 is a sphere seen from within, 0 a plane, 1 a sphere


class SingleSidedSurfaces(NamedTuple):
    """The single-sided triangles of a scene, one surface after the other."""

    triangles: Ints  # (n,) indices into all triangles of the scene
    planes: Doubles  # (n, 4) product with a homogeneous point: positive in front of the triangle
    surfaces: Longs  # (n,) index of the surface of each triangle
    starts: Longs  # (s,) first triangle of each surface
    is_room: Bools  # (s,) its triangles face each other
    bounds: Floats  # (s, 2, 3) lowest and highest corner, metres


def find_culled_triangles(gpu: Gpu, scene: Scene, frame: FrameUniforms) -> CulledTriangles:
    """The triangles that are absent in the pictures of a camera."""
    surfaces = gpu.cached("single-sided surfaces", scene, lambda: find_surfaces(scene))
    return cull_triangles(surfaces, frame) if len(surfaces.triangles) else NO_TRIANGLES


def cull_triangles(surfaces: SingleSidedSurfaces, frame: FrameUniforms) -> CulledTriangles:
    """The same of surfaces that are known."""
    if frame.orthographic:  # the eye is infinitely far away
        eye = np.append(np.array(frame.world_from_view).reshape(4, 4)[2, :3], 0.0)
        is_outside = np.ones(len(surfaces.starts), bool)
    else:
        eye = np.append(frame.eye_ws, 1.0)
        low, high = surfaces.bounds[:, 0], surfaces.bounds[:, 1]
        is_outside = np.any((eye[:3] < low) | (eye[:3] > high), axis=1)
    is_behind = surfaces.planes @ eye < 0
    is_culled = np.logical_and.reduceat(is_behind, surfaces.starts) | (surfaces.is_room & is_outside)
    return np.sort(surfaces.triangles[is_behind & is_culled[surfaces.surfaces]]).tobytes()


def find_surfaces(scene: Scene) -> SingleSidedSurfaces:
    """Find the connected parts of single-sided meshes."""
    first_triangles = np.cumsum([0, *(len(mesh.triangles) for mesh in scene.meshes)])
    indices = [i for i, mesh in enumerate(scene.meshes) if mesh.triangles.size and not mesh.material.double_sided]
    indices.sort(key=lambda i: len(scene.meshes[i].triangles))
    total = np.cumsum([len(scene.meshes[i].triangles) for i in indices])
    indices = indices[: int(np.searchsorted(total, MAX_TRIANGLES, "right"))]
    meshes = [scene.meshes[i] for i in indices]
    triangles = [np.arange(first_triangles[i], first_triangles[i + 1], dtype="i4") for i in indices]
    if not meshes:
        nothing = np.zeros(0, "i8")
        return SingleSidedSurfaces(
            nothing.astype("i4"), np.zeros((0, 4)), nothing, nothing, np.zeros(0, bool), np.zeros((0, 2, 3), "f4")
        )
    _, edges = find_edges(meshes)
    corners = np.concatenate([mesh.positions[mesh.triangles] for mesh in meshes])
    return _sort_by_surface(np.concatenate(triangles), corners, connected_components(edges))


def _sort_by_surface(triangles: Ints, corners: Floats, components: Longs) -> SingleSidedSurfaces:
    """`corners`: (n, 3, 3). Triangles without area are left out."""
    area_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).astype("f8")
    order = np.argsort(components, kind="stable")
    order = order[area_normals[order].any(1)]
    corners, area_normals = corners[order], area_normals[order]
    normals = area_normals / np.linalg.norm(area_normals, axis=1, keepdims=True)
    offsets = -np.einsum("ij,ij->i", normals, corners[:, 0].astype("f8"))
    _, starts, surfaces = np.unique(components[order], return_index=True, return_inverse=True)
    bulge = _measure_bulge(corners.mean(1, dtype="f8"), area_normals, starts, surfaces)
    low, high = corners.min(1), corners.max(1)
    bounds = np.stack([np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)], 1)
    planes = np.column_stack([normals, offsets])
    return SingleSidedSurfaces(triangles[order], planes, surfaces, starts, bulge < MAX_ROOM_BULGE, bounds)


def _measure_bulge(centroids: Doubles, area_normals: Doubles, starts: Longs, surfaces: Longs) -> Doubles:
    """(s,) how far the triangles of each surface face away from its centre: from -1, towards it, to 1."""
    areas = np.linalg.norm(area_normals, axis=1)
    total = np.add.reduceat(areas, starts)[:, None]
    centers = np.add.reduceat(areas[:, None] * centroids, starts) / total
    offsets = centroids - centers[surfaces]
    distances = np.add.reduceat(areas * np.linalg.norm(offsets, axis=1), starts)
    outward = np.add.reduceat(np.einsum("ij,ij->i", offsets, area_normals), starts)
    bulge: Doubles = outward / np.maximum(distances, 1e-300)
    return bulge


def upload_occluders(gpu: Gpu, scene: Scene, culled: CulledTriangles) -> Geometry:
    """The geometry of a scene for shadow maps: its culled triangles have no area. Raises UserError."""
    geometry = upload_scene(gpu, scene).geometry
    if not culled:
        return geometry

    def upload() -> Geometry:
        indices = np.frombuffer(geometry.indices.read(), "i4").reshape(-1, 3).copy()
        indices[np.frombuffer(culled, "i4")] = 0
        return Geometry(geometry.vertices, geometry.layout, geometry.attributes, gpu.ctx.buffer(indices.tobytes()))

    return gpu.cached("occluders", (scene, culled), upload, max_entries=2)
