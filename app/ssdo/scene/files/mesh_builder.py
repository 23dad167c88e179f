"""Build the meshes of OBJ, PLY and STL files from polygons, with checks and limits.

The formats have neither units nor an up axis: numbers are metres, y is up, in STL files z. What can be left out without
harm (a missing image, triangles without area) is left out with a warning; anything else that is wrong is a UserError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from ssdo.arrays import Array, Bools, Doubles, Floats, Longs
from ssdo.scene.coordinates import IDENTITY, FileCoordinates, find_origin, sample_rows
from ssdo.scene.files.corners import find_used
from ssdo.scene.files.errors import name_file_in_errors
from ssdo.scene.files.file_access import read_file_bytes
from ssdo.scene.files.gltf_tangents import compute_tangents
from ssdo.scene.files.opacity import set_blending
from ssdo.scene.files.polygons import triangulate_polygons
from ssdo.scene.model import Material, Mesh, Scene
from ssdo.scene.subject import find_subject
from ssdo.settings import UserError

MAX_FILE_BYTES = 2**29  # as text 4 to 8 million triangles, as binary more than MAX_TRIANGLES
MAX_TRIANGLES = 2**24  # of a scene; a file has at most as many vertices
MAX_REACH = 2.0**23  # of a triangle, in widths of all others: 32-bit numbers tell no more apart
SAMPLED_VERTICES = 1 << 10  # of each mesh, for a first look
AREA_BATCH = 2**16  # triangles whose area is computed at a time


@dataclass(frozen=True, eq=False)
class PolygonMesh:
    """Polygons of one material, as a file has them. Faces are runs of `face_indices`."""

    positions: Doubles  # (n, 3)
    face_indices: Array  # whole numbers: rows of the vertex arrays, face after face
    face_sizes: Longs  # number of vertices of each face
    material: Material
    normals: Doubles | None = None  # (n, 3) of any length; 0: the vertex has none, and its faces are flat
    uvs: Doubles | None = None  # (n, 2), (0, 0) at the top left; NaN: the vertex has none
    colors: Doubles | None = None  # (n, 4) linear


ParseFunction = Callable[[bytes, Path, list[str]], list[PolygonMesh]]


def read_mesh_file(path: Path, parse: ParseFunction, up: str) -> Scene:
    """Read a scene with the parser of its format: metres, linear colour, a mesh for every material.

    `up` is the file's axis that points up; the scene is y up and near the origin. `parse` gets the file's bytes, its
    path and the list to which it adds warnings. Raises UserError("<file>: <element>: <rule>"), one line, for anything
    that is wrong with the file or is not supported.
    """
    # Overflow is checked where it matters, with a message that names the element.
    with name_file_in_errors(path), np.errstate(all="ignore"):
        warnings: list[str] = []
        polygon_meshes = parse(read_file_bytes(path, "file", MAX_FILE_BYTES), path, warnings)
        samples = [p.positions[sample_rows(p.face_indices)] for p in polygon_meshes]
        points = np.concatenate([np.zeros((0, 3)), *samples])
        coordinates = FileCoordinates(find_origin(points), up == "z")
        meshes = _build_meshes([_place(p, coordinates) for p in polygon_meshes], warnings)
        meshes = _remove_endless_triangles(meshes, warnings)
        return Scene(meshes, name=path.stem, warnings=tuple(warnings), coordinates=coordinates)


def _place(polygons: PolygonMesh, coordinates: FileCoordinates) -> PolygonMesh:
    """The same polygons in the world."""
    if coordinates == IDENTITY:
        return polygons
    normals = None if polygons.normals is None else coordinates.rotate_to_world(polygons.normals)
    return replace(polygons, positions=coordinates.to_world(polygons.positions), normals=normals)


def _build_meshes(polygon_meshes: list[PolygonMesh], warnings: list[str]) -> tuple[Mesh, ...]:
    """Triangulate polygons into meshes, and add to `warnings`.

    Raises UserError for too many triangles, or none that can be drawn.
    """
    if sum(int(np.maximum(p.face_sizes - 2, 0).sum()) for p in polygon_meshes) > MAX_TRIANGLES:
        raise UserError(f"file: must have at most {MAX_TRIANGLES} triangles")
    meshes: list[Mesh] = []
    failed_count = degenerate_count = infinite_count = 0
    for polygons in polygon_meshes:
        triangles, failed = _triangulate(polygons)
        failed_count += failed
        positions = polygons.positions.astype(np.float32)
        vertex_is_finite: Bools = np.all(np.isfinite(positions), axis=1)
        if not vertex_is_finite.all():
            is_finite = _all_vertices(vertex_is_finite, triangles)
            infinite_count += int((~is_finite).sum())
            triangles = triangles[is_finite]
        has_area = _have_area(positions, triangles)
        if not has_area.all():
            triangles = triangles[has_area]
        degenerate_count += int((polygons.face_sizes < 3).sum()) + int((~has_area).sum())
        meshes += _split_by_attributes(polygons, triangles)
    if infinite_count:
        subject, verb = ("triangle has", "is") if infinite_count == 1 else ("triangles have", "are")
        warnings.append(f"{infinite_count} {subject} a vertex that is not finite, and {verb} left out")
    if degenerate_count:
        subject, verb = ("triangle has", "is") if degenerate_count == 1 else ("triangles have", "are")
        warnings.append(f"{degenerate_count} {subject} no area and {verb} left out")
    if failed_count:
        subject = "polygon crosses itself or is" if failed_count == 1 else "polygons cross themselves or are"
        warnings.append(f"{failed_count} {subject} too intricate, and may be filled wrongly")
    if not meshes:
        raise UserError("vertices: must be finite numbers" if infinite_count else "file: has no triangles")
    return tuple(meshes)


def _remove_endless_triangles(meshes: tuple[Mesh, ...], warnings: list[str]) -> tuple[Mesh, ...]:
    """The meshes without triangles beyond all precision, such as those with a coordinate of 1e30, if they are few."""
    # By axis: numpy reduces rows of three much more slowly.
    low, high = (
        np.array([reduce([reduce(mesh.positions[:, k]) for mesh in meshes]) for k in range(3)])
        for reduce in (np.min, np.max)
    )
    extent = high.astype("f8") - low
    axis = int(extent.argmax())
    samples = np.concatenate([m.positions[:: len(m.positions) // SAMPLED_VERTICES + 1, axis] for m in meshes])
    deviation = float(np.median(np.abs(samples.astype("f8") - np.median(samples))))
    if extent[axis] <= MAX_REACH * deviation:
        return meshes
    subject = find_subject(meshes, (low, high))
    reach = MAX_REACH * float((subject.high - subject.low).max())
    if extent[axis] <= reach:
        return meshes
    kept_meshes, count = [], 0
    for mesh in meshes:
        is_inside = (mesh.positions >= subject.low - reach) & (mesh.positions <= subject.high + reach)
        is_near: Bools = np.all(is_inside, axis=1)
        is_kept = _all_vertices(is_near, mesh.triangles)
        count += int((~is_kept).sum())
        if is_kept.all():
            kept_meshes.append(mesh)
        elif is_kept.any():
            vertices, indices = find_used(mesh.triangles[is_kept])
            triangles = indices.reshape(-1, 3).astype(np.int32)
            kept_meshes.append(replace(_select_vertices(mesh, vertices), triangles=triangles))
    subject_text, verb = ("triangle reaches", "is") if count == 1 else ("triangles reach", "are")
    warnings.append(f"{count} {subject_text} millions of times as far as all others, and {verb} left out")
    return tuple(kept_meshes)


def _triangulate(polygons: PolygonMesh) -> tuple[Array, int]:
    """(m, 3) triangles, those of the file first, and the number of polygons that cannot be cut well."""
    is_triangle = polygons.face_sizes == 3
    if is_triangle.all():
        return polygons.face_indices.reshape(-1, 3), 0
    in_triangle = np.repeat(is_triangle, polygons.face_sizes)
    triangles, others = polygons.face_indices[in_triangle], polygons.face_indices[~in_triangle]
    rows, failed_count = triangulate_polygons(polygons.positions[others], polygons.face_sizes[~is_triangle])
    return np.concatenate([triangles.reshape(-1, 3), others[rows]]), failed_count


def _all_vertices(flags: Bools, triangles: Array) -> Bools:
    """(m,) whether all vertices of each triangle have the flag, (n,)."""
    a, b, c = (flags[triangles[:, k]] for k in range(3))
    all_set: Bools = a & b & c
    return all_set


def _have_area(positions: Floats, triangles: Array) -> Bools:
    has_area = np.empty(len(triangles), bool)
    for start in range(0, len(triangles), AREA_BATCH):
        batch = slice(start, start + AREA_BATCH)
        a, b, c = (np.ascontiguousarray(positions[triangles[batch, k]].T, np.float64) for k in range(3))
        (x1, y1, z1), (x2, y2, z2) = b - a, c - a
        has_area[batch] = (y1 * z2 != z1 * y2) | (z1 * x2 != x1 * z2) | (x1 * y2 != y1 * x2)
    return has_area


def _split_by_attributes(polygons: PolygonMesh, triangles: Array) -> Iterator[Mesh]:
    """Up to four meshes: with and without normals, with and without UVs. Without UVs the textures are left out."""
    with_normals: Bools = np.zeros(len(triangles), bool)
    with_uvs: Bools = with_normals
    if polygons.normals is not None:
        is_finite = np.all(np.isfinite(polygons.normals), axis=1)
        vertex_has_normal = is_finite & (np.abs(polygons.normals).max(1) > 1e-30)
        with_normals = _all_vertices(vertex_has_normal, triangles)
    if polygons.uvs is not None:
        vertex_has_uv = np.all(np.isfinite(polygons.uvs.astype(np.float32)), axis=1)
        with_uvs = _all_vertices(vertex_has_uv, triangles)
    untextured = _remove_textures(polygons.material)
    for has_normals in (True, False):
        for has_uvs in (True, False):
            is_selected = (with_normals == has_normals) & (with_uvs == has_uvs)
            if not is_selected.any():
                continue
            vertices, indices = find_used(triangles if is_selected.all() else triangles[is_selected])
            normals = uvs = None
            if has_normals and polygons.normals is not None:
                normals = _normalize(polygons.normals[vertices])
            if has_uvs and polygons.uvs is not None:
                uvs = _to_float32(polygons.uvs[vertices], "texture coordinates")
            mesh = Mesh(
                _to_float32(polygons.positions[vertices], "vertices"),
                indices.reshape(-1, 3).astype(np.int32),
                polygons.material if has_uvs else untextured,
                normals,
                uvs,
                colors=None if polygons.colors is None else _to_float32(polygons.colors[vertices], "colours"),
            )
            yield _add_tangents(mesh)


def _remove_textures(material: Material) -> Material:
    textures: dict[str, None] = {f.name: None for f in fields(Material) if f.name.endswith("_texture")}
    return set_blending(replace(material, **textures), "opaque")  # type: ignore[arg-type]


def _add_tangents(mesh: Mesh) -> Mesh:
    """The mesh with tangents if it has a normal map, and then with normals: flat ones if it had none."""
    texture = mesh.material.normal_texture
    if texture is None or mesh.uvs is None:
        return mesh
    if mesh.normals is None:  # every triangle has vertices of its own
        a, b, c = (mesh.positions[mesh.triangles[:, k]].astype(np.float64) for k in range(3))
        normals = np.repeat(_normalize(np.cross(b - a, c - a)), 3, 0)
        triangles = np.arange(len(normals), dtype=np.int32).reshape(-1, 3)
        mesh = replace(_select_vertices(mesh, mesh.triangles.ravel()), normals=normals, triangles=triangles)
    assert mesh.normals is not None and mesh.uvs is not None
    rows = np.array(texture.transform)
    image_uvs = (mesh.uvs @ rows[:, :2].T + rows[:, 2]).astype(np.float32)
    tangents, vertices, triangles = compute_tangents(mesh.positions, mesh.normals, image_uvs, mesh.triangles)
    return replace(_select_vertices(mesh, vertices), tangents=tangents, triangles=triangles)


def _select_vertices(mesh: Mesh, vertices: Array) -> Mesh:
    """The mesh with these vertices. The caller replaces its triangles."""
    arrays = {name: getattr(mesh, name) for name in ("positions", "normals", "uvs", "colors", "tangents")}
    return replace(mesh, **{name: values[vertices] for name, values in arrays.items() if values is not None})


def _normalize(normals: Doubles) -> Floats:
    scaled = normals / np.abs(normals).max(1, keepdims=True)  # the squares of large components would overflow
    return _to_float32(scaled / np.linalg.norm(scaled, axis=1, keepdims=True), "normals")


def _to_float32(values: Doubles, element: str) -> Floats:
    """Raises UserError("<element>: <rule>") for values that are not finite as float32."""
    rounded: Floats = values.astype(np.float32)
    if not np.isfinite(rounded).all():
        raise UserError(f"{element}: must be finite, as 32-bit numbers too")
    return rounded
