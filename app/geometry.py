"""A scene's triangles and images on the GPU: one buffer, one range of indices for each material."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import moderngl
import numpy as np

from app.gpu import Geometry, Gpu, Part, Texture
from app.scene import Bytes, Floats, Ints, Mesh, Scene
from app.settings import Vec3

SRGB8_ALPHA8 = 0x8C43  # texels are linearised before they are filtered


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


def _vertices(mesh: Mesh) -> tuple[Floats, Ints]:
    """(n, 8) position, normal, uv and the (m, 3) corners of triangles; a mesh without normals gets those of its triangles."""
    positions, corners = mesh.positions, mesh.triangles
    uvs = np.zeros((len(positions), 2), "f4") if mesh.uvs is None else mesh.uvs
    normals = mesh.normals
    if normals is None:
        positions, uvs = positions[corners.ravel()], uvs[corners.ravel()]
        triangle = positions.reshape(-1, 3, 3).astype("f8")
        across = np.cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0])
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-30)
        normals, corners = np.repeat(across, 3, 0), np.arange(len(positions), dtype="i4").reshape(-1, 3)
    return np.concatenate([positions, normals, uvs], 1).astype("f4"), corners


def _image(gpu: Gpu, image: Bytes | None) -> Texture:
    """An sRGB image with its mip levels; white where there is none."""
    pixels = np.full((1, 1, 4), 255, "u1") if image is None else image
    texture = gpu.ctx.texture((pixels.shape[1], pixels.shape[0]), 4, np.ascontiguousarray(pixels).tobytes(), internal_format=SRGB8_ALPHA8)
    texture.build_mipmaps()
    texture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
    texture.anisotropy = 8.0
    return texture


def _make(gpu: Gpu, scene: Scene) -> Uploaded:
    vertices, corners, parts, start, first = [], [], [], 0, 0
    images: dict[int, Texture] = {}

    def image(pixels: Bytes | None) -> Texture:
        if id(pixels) not in images:
            images[id(pixels)] = _image(gpu, pixels)
        return images[id(pixels)]

    for mesh in scene.meshes:
        if not mesh.triangles.size:
            continue
        v, c = _vertices(mesh)
        m = mesh.material
        bound = {"material": Surface(m.albedo, m.emission), "albedo_image": image(m.albedo_image), "emission_image": image(m.emission_image)}
        vertices.append(v)
        corners.append(c + start)
        parts.append(Part(first, c.size, bound))
        start, first = start + len(v), first + c.size
    buffer = gpu.ctx.buffer(np.concatenate(vertices).tobytes() if vertices else bytes(32))
    indices = gpu.ctx.buffer(np.concatenate(corners).astype("u4").tobytes() if corners else bytes(12))
    return Uploaded(Geometry(buffer, "3f 3f 2f", ("position_ws", "normal_ws", "uv"), indices), parts)
