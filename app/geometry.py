"""A scene's triangles and images on the GPU: one buffer, one range of indices for each material."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.gpu import Geometry, Gpu, Part, Texture
from app.scene import Floats, Image, Ints, Mesh, Scene
from app.settings import Vec3

LAYOUT, NAMES = "3f 3f 2f", ("position_ws", "normal_ws", "uv")


@dataclass(frozen=True)
class Surface:
    """What a material's shader is told besides its images."""

    albedo: Vec3
    emission: Vec3


class Uploaded(NamedTuple):
    geometry: Geometry
    parts: list[Part]


def upload(gpu: Gpu, scene: Scene) -> Uploaded:
    """The scene's geometry on the GPU; made once for each scene."""
    return gpu.cached("geometry", scene, lambda: _make(gpu, scene))


def corners(mesh: Mesh) -> tuple[Floats, Ints]:
    """(n, 8) position, normal, uv and the (m, 3) corners of triangles; a mesh without normals gets those of its triangles."""
    positions, triangles = mesh.positions, mesh.triangles
    uvs = np.zeros((len(positions), 2), "f4") if mesh.uvs is None else mesh.uvs
    normals = mesh.normals
    if normals is None:
        positions, uvs = positions[triangles.ravel()], uvs[triangles.ravel()]
        triangle = positions.reshape(-1, 3, 3).astype("f8")
        across = np.cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0])
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-30)
        normals, triangles = np.repeat(across, 3, 0), np.arange(len(positions), dtype="i4").reshape(-1, 3)
    return np.concatenate([positions, normals, uvs], 1).astype("f4"), triangles


def _make(gpu: Gpu, scene: Scene) -> Uploaded:
    vertices, indices, parts, start, first = [], [], [], 0, 0
    images: dict[int, Texture] = {}

    def image(wanted: Image | None) -> Texture:  # white where there is none
        pixels = None if wanted is None else wanted.pixels
        if id(pixels) not in images:
            images[id(pixels)] = gpu.image(np.full((1, 1, 4), 255, "u1") if pixels is None else pixels)
        return images[id(pixels)]

    for mesh in scene.meshes:
        if not mesh.triangles.size:
            continue
        v, c = corners(mesh)
        m = mesh.material
        bound = {"material": Surface(m.albedo, m.emission), "albedo_image": image(m.albedo_image), "emission_image": image(m.emission_image)}
        vertices.append(v)
        indices.append(c + start)
        parts.append(Part(first, c.size, bound))
        start, first = start + len(v), first + c.size
    if not parts:
        return Uploaded(gpu.geometry(np.zeros((0, 8), "f4"), LAYOUT, NAMES, np.zeros(0, "i4")), [])
    return Uploaded(gpu.geometry(np.concatenate(vertices), LAYOUT, NAMES, np.concatenate(indices).astype("i4")), parts)
