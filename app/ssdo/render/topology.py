"""How triangles are connected: by edges, whose ends are at equal positions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ssdo.arrays import Longs
from ssdo.scene.model import Mesh


def find_edges(meshes: Sequence[Mesh]) -> tuple[Longs, Longs]:
    """(m, 3) welded vertices of the triangles of all meshes, and (m, 3) their edges: each to the next vertex.

    An edge has the same index in both directions.
    """
    a = weld_vertices(meshes)
    b = np.roll(a, -1, 1)
    edge_keys = np.minimum(a, b) * (int(a.max()) + 1) + np.maximum(a, b)
    edges: Longs = np.unique(edge_keys, return_inverse=True)[1].reshape(a.shape)
    return a, edges


def weld_vertices(meshes: Sequence[Mesh]) -> Longs:
    """(m, 3) vertices of the triangles of all meshes; equal positions have equal indices."""
    first_vertices = np.cumsum([0] + [len(mesh.positions) for mesh in meshes[:-1]])
    positions = np.concatenate([mesh.positions for mesh in meshes]) + np.float32(0.0)  # turns -0 into 0
    bit_patterns = np.ascontiguousarray(positions).view("V12").ravel()
    welded = np.unique(bit_patterns, return_inverse=True)[1].astype("i8")
    triangles = [mesh.triangles + first for mesh, first in zip(meshes, first_vertices, strict=True)]
    corners: Longs = welded[np.concatenate(triangles)]
    return corners


def connected_components(edges: Longs) -> Longs:
    """(m,) the component of each triangle, from the (m, 3) indices of its edges."""
    # Each triangle takes the lowest label among those that share an edge with it, then that label's own, until no
    # label changes.
    labels = np.arange(len(edges))
    while True:
        lowest = np.full(int(edges.max()) + 1, len(edges))
        np.minimum.at(lowest, edges, labels[:, None])
        next_labels = lowest[edges].min(1)
        next_labels = next_labels[next_labels]
        if (next_labels == labels).all():
            return labels
        labels = next_labels
