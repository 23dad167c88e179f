"""A scene's triangles on the GPU for rays: the tree, the corners, materials and images as long lists of texels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from app import bvh
from app.geometry import corners
from app.gpu import ROW, Gpu, Texture
from app.scene import Bytes, Floats, Image, Scene


class Traced(NamedTuple):
    """Passed to shaders as `traced`; read through shaders/common/tracing.glsl."""

    nodes: Texture  # two texels a node, see bvh.Tree
    triangles: Texture  # three texels: corner and 1 where a leaf ends; the two edges from there
    corners: Texture  # four texels: normals, UVs, material
    materials: Texture  # four texels: albedo; emission; where the image of each lies: first row, width, height (0: white)
    images: Texture  # every image's texels one after the other, each from a row's start


class Uploaded(NamedTuple):
    traced: Traced
    nodes: int


class Arrays(NamedTuple):
    """What `Traced` holds, as arrays (n, 4) and for triangles (n, texels, 4)."""

    nodes: Floats
    triangles: Floats
    corners: Floats
    materials: Floats
    images: Bytes


def upload(gpu: Gpu, scene: Scene) -> Uploaded:
    """The scene's triangles as rays meet them; made once for each scene. Raises Problem when there are too many."""

    def make() -> Uploaded:
        made = arrays(scene)
        return Uploaded(Traced(*(gpu.texels(values.reshape(-1, 4)) for values in made)), len(made.nodes))

    return gpu.cached("traced", scene, make, keep=2)


def arrays(scene: Scene) -> Arrays:
    """The tree of a scene, and what its leaves hold, in the leaves' order."""
    vertices, materials, shelf = [np.zeros((0, 3, 8), "f4")], [np.zeros((0, 4, 4), "f4")], _Shelf()
    numbers = [np.zeros(0, "f4")]
    for index, mesh in enumerate(scene.meshes):
        v, c = corners(mesh)
        vertices.append(v[c])
        numbers.append(np.full(len(c), index, "f4"))
        m = mesh.material
        materials.append(np.array([[(*m.albedo, 0), (*m.emission, 0), shelf.place(m.albedo_image), shelf.place(m.emission_image)]], "f4"))
    vertex = np.concatenate(vertices)
    number = np.concatenate(numbers)
    # Without area there is nothing to hit but by rounding.
    solid = np.cross(vertex[:, 1, :3] - vertex[:, 0, :3], vertex[:, 2, :3] - vertex[:, 0, :3]).any(1)
    vertex, number = vertex[solid], number[solid]
    tree = bvh.build(vertex[..., :3])
    vertex, number = vertex[tree.order], number[tree.order]
    triangles = np.zeros((len(vertex), 3, 4), "f4")
    triangles[:, 0, :3], triangles[:, 0, 3] = vertex[:, 0, :3], tree.last
    triangles[:, 1:, :3] = vertex[:, 1:, :3] - vertex[:, :1, :3]
    held = np.empty((len(vertex), 4, 4), "f4")
    held[:, :3, :3], held[:, :3, 3] = vertex[..., 3:6], vertex[..., 6]
    held[:, 3, :3], held[:, 3, 3] = vertex[..., 7], number
    return Arrays(tree.nodes, triangles, held, np.concatenate(materials), shelf.texels())


class _Shelf:
    """Images of any size in one list."""

    def __init__(self) -> None:
        self._rows: list[Bytes] = [np.full((ROW, 4), 255, "u1")]  # something to fetch where there is no image
        self._count = 1
        self._known: dict[int, tuple[float, float, float, float]] = {}

    def place(self, wanted: Image | None) -> tuple[float, float, float, float]:
        """First row, width, height of an image; width 0 where there is none."""
        if wanted is None:
            return 0.0, 0.0, 0.0, 0.0
        image = wanted.pixels
        if id(image) not in self._known:
            h, w = image.shape[:2]
            rows = -(-h * w // ROW)
            self._known[id(image)] = float(self._count), float(w), float(h), 0.0
            self._rows.append(np.concatenate([image.reshape(-1, 4), np.zeros((rows * ROW - h * w, 4), "u1")]))
            self._count += rows
        return self._known[id(image)]

    def texels(self) -> Bytes:
        return np.concatenate(self._rows)
