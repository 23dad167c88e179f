"""Place the primitives of a glTF document in the world and join them into meshes.

A primitive is placed by its node, instance by instance, or by a skin. Section numbers are those of the specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ssdo.arrays import Array, Bools, Doubles, Floats, Ints
from ssdo.scene.coordinates import sample_rows
from ssdo.scene.files.gltf_geometry import Primitive
from ssdo.scene.files.gltf_tangents import make_perpendicular
from ssdo.scene.model import Material, Mesh

Warn = Callable[[str, str], None]  # element, text

BATCH = 2**17  # vertices at a time: intermediate arrays are doubles
MAX_RUN_VERTICES = 512  # of a placement that is computed together with others
SAMPLED_VERTICES, SAMPLED_INSTANCES = 64, 64  # of a placement, to find where it is


class Placement(NamedTuple):
    """A primitive placed once for each of its instances. A skinned primitive has one, placed by its joints."""

    primitive: Primitive
    instances: Doubles  # (k, 4, 4) world_from_mesh
    joints: Doubles | None  # (j, 4, 4) world_from_mesh of each joint
    where: str

    def transform(self, matrix: Doubles) -> Placement:
        """The same placed by a further matrix, (4, 4)."""
        joints = None if self.joints is None else matrix @ self.joints
        return self._replace(instances=matrix @ self.instances, joints=joints)


class VertexSlices(NamedTuple):
    """Rows of the arrays that a placement transforms."""

    positions: Floats
    normals: Floats | None
    tangents: Floats | None

    def map(self, change: Callable[[Floats], Floats]) -> VertexSlices:
        """The arrays, each changed by a function."""
        positions, normals, tangents = self
        return VertexSlices(
            change(positions),
            None if normals is None else change(normals),
            None if tangents is None else change(tangents),
        )

    def select(self, rows: slice | tuple[slice, slice]) -> VertexSlices:
        return self.map(lambda values: values[rows])


def sample_vertices(p: Placement) -> Doubles:
    """(n, 3) some of the vertices of a placement in the world; of a skin as if each followed one joint."""
    positions = sample_rows(p.primitive.positions.astype(np.float64), SAMPLED_VERTICES)
    if p.joints is not None and p.primitive.joints is not None:
        matrices = p.joints[sample_rows(p.primitive.joints, SAMPLED_VERTICES)[:, 0]]
        skinned: Doubles = np.einsum("nij,nj->ni", matrices[:, :3, :3], positions) + matrices[:, :3, 3]
        return skinned
    instances = sample_rows(p.instances, SAMPLED_INSTANCES)
    return (_multiply(positions, instances[:, :3, :3]) + instances[:, None, :3, 3]).reshape(-1, 3)


def join_placements(placements: list[Placement], material: Material, warn: Warn) -> Mesh:
    """One mesh of primitives of the same layout. Arrays are filled in place, without copies.

    Triangles that are placed beyond what float32 holds are left out, which `warn` is told.
    """
    first = placements[0].primitive
    vertex_count = sum(len(p.instances) * len(p.primitive.positions) for p in placements)
    triangle_count = sum(len(p.instances) * len(p.primitive.triangles) for p in placements)
    positions, triangles = np.empty((vertex_count, 3), np.float32), np.empty((triangle_count, 3), np.int32)
    normals = None if first.normals is None else np.empty((vertex_count, 3), np.float32)
    tangents = None if first.tangents is None else np.empty((vertex_count, 4), np.float32)
    vertex = triangle = 0
    for run in _split_runs(placements):
        vertices = slice(vertex, vertex + sum(len(p.instances) * len(p.primitive.positions) for p in run))
        rows = slice(triangle, triangle + sum(len(p.instances) * len(p.primitive.triangles) for p in run))
        output = VertexSlices(positions, normals, tangents).select(vertices)
        if len(run) > 1:
            _write_triangles_of_run(run, _transform_run(run, output), vertex, triangles[rows])
        else:
            _write_triangles(run[0].primitive, _transform_placement(run[0], output), vertex, triangles[rows])
        vertex, triangle = vertices.stop, rows.stop
    if not np.isfinite(positions).all():
        triangles = _leave_out_infinite(placements, positions, triangles, warn)
    uvs, uvs2, colors = (_repeat_attribute(placements, name) for name in ("uvs", "uvs2", "colors"))
    return Mesh(positions, triangles, material, normals, uvs, uvs2, colors, tangents)


def _split_runs(placements: list[Placement]) -> Iterator[list[Placement]]:
    """Split placements into runs that are computed at once: small ones with one instance, or one of another kind."""
    run: list[Placement] = []
    vertex_count = 0
    for p in placements:
        size = len(p.primitive.positions)
        is_small = size <= MAX_RUN_VERTICES and len(p.instances) == 1 and p.joints is None
        if run and (not is_small or vertex_count + size > BATCH):
            yield run
            run, vertex_count = [], 0
        if is_small:
            run.append(p)
            vertex_count += size
        else:
            yield [p]
    if run:
        yield run


def _leave_out_infinite(placements: list[Placement], positions: Floats, triangles: Ints, warn: Warn) -> Ints:
    """The triangles whose positions are finite. Other positions are set to 0."""
    is_finite: Bools = np.all(np.isfinite(positions), axis=1)
    vertex = 0
    for p in placements:
        count = len(p.instances) * len(p.primitive.positions)
        if not is_finite[vertex : vertex + count].all():
            warn(p.where, "moves vertices beyond what float32 holds, which are left out")
        vertex += count
    positions[~is_finite] = 0
    return triangles[np.all(is_finite[triangles], axis=1)]


def _repeat_attribute(placements: list[Placement], name: str) -> Any:
    """An attribute of all placements as it is stored, once for each instance; None if they have none."""
    if getattr(placements[0].primitive, name) is None:
        return None
    return np.concatenate([getattr(p.primitive, name) for p in placements for _ in p.instances])


def _write_triangles(primitive: Primitive, is_mirrored: Array, first_vertex: int, output: Ints) -> None:
    """Write the triangles of all instances. Mirrored instances have their winding reversed (section 3.7.4)."""
    for i, (mirrored, rows) in enumerate(zip(is_mirrored, output.reshape(len(is_mirrored), -1, 3), strict=True)):
        wound = primitive.triangles[:, [0, 2, 1]] if mirrored else primitive.triangles
        np.add(wound, first_vertex + i * len(primitive.positions), out=rows, dtype=np.int32, casting="unsafe")


def _write_triangles_of_run(run: list[Placement], is_mirrored: Array, first_vertex: int, output: Ints) -> None:
    """Write the triangles of placements with one instance each, as `_write_triangles` does."""
    np.concatenate([p.primitive.triangles for p in run], out=output, casting="unsafe")
    counts = [len(p.primitive.triangles) for p in run]
    first_vertices = first_vertex + np.cumsum([0] + [len(p.primitive.positions) for p in run[:-1]])
    output += np.repeat(first_vertices, counts).astype(np.int32)[:, None]
    to_reverse = np.repeat(is_mirrored, counts)
    output[to_reverse] = output[to_reverse][:, [0, 2, 1]]


def _transform_placement(p: Placement, output: VertexSlices) -> Array:
    """Fill the rows of one placement. Returns (k,) which of its instances are mirrored."""
    is_skinned = p.joints is not None and p.primitive.joints is not None
    return _transform_skinned(p, output) if is_skinned else _transform_instances(p, output)


def _transform_instances(p: Placement, output: VertexSlices) -> Array:
    """Fill the rows of one placement. Returns (k,) which of its instances are mirrored."""
    primitive, n = p.primitive, len(p.primitive.positions)
    matrices = _InstanceMatrices.compute(p.instances)
    source = VertexSlices(primitive.positions, primitive.normals, primitive.tangents)
    output = output.map(lambda values: values.reshape(-1, n, values.shape[1]))
    batch_instances = max(BATCH // n, 1)
    for first_instance in range(0, len(p.instances), batch_instances):
        some = slice(first_instance, first_instance + batch_instances)
        for first_vertex in range(0, n, BATCH):
            rows = slice(first_vertex, first_vertex + BATCH)
            _transform(source.select(rows), matrices.select(some), output.select((some, rows)))
    return matrices.is_mirrored


def _transform_run(run: list[Placement], output: VertexSlices) -> Array:
    """Fill the rows of placements with one instance each. Returns (k,) which of them are mirrored."""
    matrices = _InstanceMatrices.compute(np.concatenate([p.instances for p in run]))
    owners = np.repeat(np.arange(len(run)), [len(p.primitive.positions) for p in run])
    source = VertexSlices(*(_repeat_attribute(run, name) for name in ("positions", "normals", "tangents")))
    # Each vertex is an instance of its own.
    _transform(source.map(_insert_axis), matrices.select(owners), output.map(_insert_axis))
    return matrices.is_mirrored


def _insert_axis(values: Floats) -> Floats:
    return values[:, None]


class _InstanceMatrices(NamedTuple):
    """What transforms the vertices of k instances."""

    linear: Doubles  # (k, 3, 3)
    translation: Doubles  # (k, 1, 3)
    cofactors: Doubles  # (k, 3, 3) for normals
    is_mirrored: Bools  # (k,)

    @classmethod
    def compute(cls, matrices: Doubles) -> _InstanceMatrices:
        """From (k, 4, 4) matrices."""
        linear = matrices[:, :3, :3]
        return cls(linear, matrices[:, None, :3, 3], _compute_cofactors(linear), _are_mirrored(linear))

    def select(self, i: slice | Array) -> _InstanceMatrices:
        return _InstanceMatrices(self.linear[i], self.translation[i], self.cofactors[i], self.is_mirrored[i])


def _transform(source: VertexSlices, matrices: _InstanceMatrices, output: VertexSlices) -> None:
    """Fill (k, n, 3) arrays for k instances of (n, 3) vertices, or of (k, n, 3) if each has its own."""
    sign = np.where(matrices.is_mirrored, -1.0, 1.0)[:, None, None]
    output.positions[...] = _multiply(source.positions, matrices.linear) + matrices.translation
    if output.normals is None or source.normals is None:
        return
    normals = _normalize(_multiply(source.normals, matrices.cofactors) * sign, np.array((0.0, 1.0, 0.0)))
    output.normals[...] = normals
    if output.tangents is None or source.tangents is None:
        return
    output.tangents[..., :3] = _normalize(_multiply(source.tangents[..., :3], matrices.linear), normals)
    output.tangents[..., 3:] = source.tangents[..., 3:] * sign


def _transform_skinned(p: Placement, output: VertexSlices) -> Array:
    """Fill the rows of a skinned primitive in its rest pose (section 3.7.3).

    Returns (1,) whether it is mirrored, which is decided by the majority of its vertices.
    """
    primitive, mirrored_count = p.primitive, 0
    assert p.joints is not None and primitive.joints is not None and primitive.weights is not None
    for first_vertex in range(0, len(output.positions), BATCH // 4):  # smaller, as every vertex has a matrix
        rows = slice(first_vertex, first_vertex + BATCH // 4)
        matrices = np.zeros((len(primitive.positions[rows]), 3, 4))
        for k in range(primitive.joints.shape[1]):
            matrices += primitive.weights[rows, k, None, None] * p.joints[primitive.joints[rows, k], :3]
        linear, translation = matrices[:, :, :3], matrices[:, :, 3]
        is_mirrored = _are_mirrored(linear)
        output.positions[rows] = np.einsum("nij,nj->ni", linear, primitive.positions[rows]) + translation
        mirrored_count += int(is_mirrored.sum())
        sign = np.where(is_mirrored, -1.0, 1.0)[:, None]
        if output.normals is None or primitive.normals is None:
            continue
        normals = np.einsum("nij,nj->ni", _compute_cofactors(linear), primitive.normals[rows]) * sign
        normals = _normalize(normals, np.array((0.0, 1.0, 0.0)))
        output.normals[rows] = normals
        if output.tangents is None or primitive.tangents is None:
            continue
        tangents = np.einsum("nij,nj->ni", linear, primitive.tangents[rows, :3])
        output.tangents[rows, :3] = _normalize(tangents, normals)
        output.tangents[rows, 3:] = primitive.tangents[rows, 3:] * sign
    return np.array([2 * mirrored_count > len(output.positions)])


# ---- matrices --------------------------------------------------------------------------------------------------------


def _multiply(rows: Floats | Doubles, m: Doubles) -> Doubles:
    """(k, n, 3) products of (k, 3, 3) matrices and (n, 3) or (k, n, 3) vectors.

    Written out, as matmul takes five times as long.
    """
    x, y, z = (rows[..., c : c + 1] for c in range(3))
    product: Doubles = x * m[:, None, :, 0] + y * m[:, None, :, 1] + z * m[:, None, :, 2]
    return product


def _rescale(m: Doubles) -> Doubles:
    """Scale matrices so that their largest component is 1 and products neither vanish nor overflow."""
    largest = np.abs(m).max((1, 2), keepdims=True)
    scaled: Doubles = m / np.where(largest > 0, largest, 1)
    return scaled


def _are_mirrored(m: Doubles) -> Bools:
    """(k,) whether the determinants of (k, 3, 3) are negative."""
    a, b, c = np.moveaxis(_rescale(m), 2, 0)
    is_negative: Bools = (a * np.cross(b, c)).sum(1) < 0
    return is_negative


def _compute_cofactors(m: Doubles) -> Doubles:
    """The inverse transpose times the determinant, for normals. It exists even where a scale is 0."""
    a, b, c = np.moveaxis(_rescale(m), 2, 0)
    return np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], 2)


def _normalize(vectors: Doubles, fallback: Doubles) -> Doubles:
    """Normalize vectors in place. Vectors of zero length become the fallback.

    `fallback` is one vector, or as many as `vectors`, to which the result is then perpendicular.
    """
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    is_zero = length[..., 0] < 1e-60  # not merely short: a thin scale makes cofactors of 1e-14
    if is_zero.any():
        vectors[is_zero] = fallback if fallback.ndim == 1 else make_perpendicular(fallback[is_zero])
        length[is_zero] = 1
    vectors /= length
    return vectors
