"""A scene's triangles on the GPU for rays: the tree, the corners, materials and images as long lists of texels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ssdo.gpu.context import ROW, Gpu, Texture
from ssdo.render import bvh
from ssdo.render.mesh_buffers import corners
from ssdo.scene.model import Bytes, Floats, Image, Mesh, Scene

MATERIAL_TEXELS = 12  # as in shaders/common/ray_scene.glsl


@dataclass(frozen=True)
class Walk:
    """Passed to shaders as `walk`."""

    nodes: int


class Traced(NamedTuple):
    """Passed to shaders as `traced`; read through shaders/common/ray_scene.glsl."""

    nodes: Texture  # two texels a node, see bvh.Tree
    # three texels: corner, and 1 where a leaf ends, 2 more where there may be a hole; the two edges from there
    triangles: Texture
    corners: Texture  # four texels: normals, UVs, material
    extras: Texture  # five texels where any mesh has them: second UVs, colours
    materials: Texture  # MATERIAL_TEXELS, see `_material`
    images: Texture  # every image's texels one after the other, each from a row's start


class Uploaded(NamedTuple):
    traced: Traced
    nodes: int


class Arrays(NamedTuple):
    """What `Traced` holds, as arrays (n, 4) and for triangles (n, texels, 4)."""

    nodes: Floats
    triangles: Floats
    corners: Floats
    extras: Floats
    materials: Floats
    images: Bytes


def upload(gpu: Gpu, scene: Scene) -> Uploaded:
    """The scene's triangles as rays meet them; made once for each scene. Raises UserError when there are too many."""

    def make() -> Uploaded:
        made = arrays(scene)
        return Uploaded(Traced(*(gpu.texels(values.reshape(-1, 4)) for values in made)), len(made.nodes))

    return gpu.cached("traced", scene, make, keep=2)


def arrays(scene: Scene) -> Arrays:
    """The tree of a scene, and what its leaves hold, in the leaves' order."""
    vertices, materials, shelf = [np.zeros((0, 3, 8), "f4")], [np.zeros((0, MATERIAL_TEXELS, 4), "f4")], _Shelf()
    numbers, extra = [np.zeros(0, "f4")], any(_has_extras(mesh) for mesh in scene.meshes)
    more = [np.zeros((0, 5, 4), "f4")]
    for index, mesh in enumerate(scene.meshes):
        v, c = corners(mesh)
        vertices.append(v[c])
        numbers.append(np.full(len(c), index, "f4"))
        materials.append(_material(mesh, shelf))
        if extra:
            more.append(_extras(mesh))
    vertex = np.concatenate(vertices)
    number = np.concatenate(numbers)
    pierced = np.array([mesh.material.cutoff > 0 for mesh in scene.meshes] or [False])
    # Without area there is nothing to hit but by rounding.
    solid = np.cross(vertex[:, 1, :3] - vertex[:, 0, :3], vertex[:, 2, :3] - vertex[:, 0, :3]).any(1)
    vertex, number = vertex[solid], number[solid]
    tree = bvh.build(vertex[..., :3])
    vertex, number = vertex[tree.order], number[tree.order]
    extras = np.concatenate(more)[solid][tree.order] if extra else np.zeros((1, 5, 4), "f4")
    triangles = np.zeros((len(vertex), 3, 4), "f4")
    triangles[:, 0, :3], triangles[:, 0, 3] = vertex[:, 0, :3], tree.last + 2 * pierced[number.astype("i4")]
    triangles[:, 1:, :3] = vertex[:, 1:, :3] - vertex[:, :1, :3]
    held = np.empty((len(vertex), 4, 4), "f4")
    held[:, :3, :3], held[:, :3, 3] = vertex[..., 3:6], vertex[..., 6]
    held[:, 3, :3], held[:, 3, 3] = vertex[..., 7], number
    return Arrays(tree.nodes, triangles, held, extras, np.concatenate(materials), shelf.texels())


def _material(mesh: Mesh, shelf: _Shelf) -> Floats:
    """(1, MATERIAL_TEXELS, 4): albedo, opacity; emission, cutoff; metallic, roughness, reflectance, 1 where the mesh
    has extras; then for the images of albedo, emission and surface: where each lies, and the two rows that make its
    coordinates.
    """
    m = mesh.material
    rows: list[tuple[float, ...]] = [
        (*m.albedo, m.opacity),
        (*m.emission, m.cutoff),
        (m.metallic, m.roughness, m.reflectance, _has_extras(mesh)),
    ]
    for image in (m.albedo_image, m.emission_image, m.surface_image):
        u, v = image.transform if image else ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
        rows += [shelf.place(image), (*u, 0.0), (*v, 0.0)]
    return np.array([rows], "f4")


def _has_extras(mesh: Mesh) -> bool:
    return mesh.uvs2 is not None or mesh.colors is not None


def _extras(mesh: Mesh) -> Floats:
    """(m, 5, 4): the second UVs of three corners, then their colours."""
    found = np.ones((len(mesh.triangles), 5, 4), "f4")
    if mesh.uvs2 is not None:
        found[:, :2].reshape(-1, 8)[:, :6] = mesh.uvs2[mesh.triangles].reshape(-1, 6)
    if mesh.colors is not None:
        found[:, 2:] = mesh.colors[mesh.triangles]
    return found


class _Shelf:
    """Images of any size in one list."""

    def __init__(self) -> None:
        self._rows: list[Bytes] = [np.full((ROW, 4), 255, "u1")]  # something to fetch where there is no image
        self._count = 1
        self._known: dict[int, tuple[float, float, float]] = {}

    def place(self, wanted: Image | None) -> tuple[float, float, float, float]:
        """First row, width, height of an image; width 0 where there is none. Then which UVs it takes (1), where it ends
        in u (2), in v (4).
        """
        if wanted is None:
            return 0.0, 0.0, 0.0, 0.0
        image = wanted.pixels
        if id(image) not in self._known:
            h, w = image.shape[:2]
            rows = -(-h * w // ROW)
            self._known[id(image)] = float(self._count), float(w), float(h)
            self._rows.append(np.concatenate([image.reshape(-1, 4), np.zeros((rows * ROW - h * w, 4), "u1")]))
            self._count += rows
        return *self._known[id(image)], float(wanted.uv_set + 2 * wanted.clamp[0] + 4 * wanted.clamp[1])

    def texels(self) -> Bytes:
        return np.concatenate(self._rows)
