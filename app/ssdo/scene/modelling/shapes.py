"""Geometric primitives. Every function returns a closed mesh that faces outwards unless its docstring says otherwise.

Metres, y up; angles in degrees. Texture coordinate (0, 0) is the top left of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ssdo.arrays import Doubles
from ssdo.scene.model import Material, Mesh
from ssdo.scene.modelling.assembly import Vec3Like, align_y_axis, make_mesh, merge_by_material, transform

DEFAULT_MATERIAL = Material()

# Faces of a box: corners 0 to 3 run around the bottom, 4 to 7 around the top, counter-clockwise seen from above.
BOX_FACES = ((3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))
# A box with chamfered top edges: corners 4 to 7 run around the lower end of the chamfer, 8 to 11 around the top.
CHAMFERED_BOX_FACES = (
    *BOX_FACES[:1],
    *BOX_FACES[2:],
    (8, 9, 10, 11),
    (4, 5, 9, 8),
    (5, 6, 10, 9),
    (6, 7, 11, 10),
    (7, 4, 8, 11),
)
QUAD_UVS = ((0, 1), (1, 1), (1, 0), (0, 0))
MIN_DOUBLE_AREA = 1e-12  # m^2; twice the area below which a triangle of a grid is left out


# ---- flat faces ----


def make_polygons(corners: npt.ArrayLike, material: Material, uvs: npt.ArrayLike | None = None) -> Mesh:
    """Flat convex polygons of equal corner count, (n, corners, 3), counter-clockwise seen from the front. Open."""
    points = np.asarray(corners, "f8")
    polygon_count, corner_count = points.shape[:2]
    fan = np.array([[0, i, i + 1] for i in range(1, corner_count - 1)])
    triangles = np.arange(polygon_count)[:, None, None] * corner_count + fan
    return make_mesh(points, triangles, material, uvs=uvs)


def make_quad(a: Vec3Like, b: Vec3Like, c: Vec3Like, d: Vec3Like, material: Material = DEFAULT_MATERIAL) -> Mesh:
    """A flat quadrilateral, a to d counter-clockwise seen from the front. Open. The image's lower edge is at ab."""
    return make_polygons(np.asarray([a, b, c, d], "f8")[None], material, QUAD_UVS)


def make_hexahedra(
    corners: npt.ArrayLike, material: Material = DEFAULT_MATERIAL, faces: Sequence[Sequence[int]] = BOX_FACES
) -> Mesh:
    """Solids with corners (n, corners, 3) and the same quadrilateral faces. Every face shows the whole image."""
    quads = np.asarray(corners, "f8")[:, faces, :].reshape(-1, 4, 3)
    return make_polygons(quads, material, np.tile(QUAD_UVS, (len(quads), 1)))


def _compute_box_corners(lows: npt.ArrayLike, highs: npt.ArrayLike) -> Doubles:
    """Corners (n, 8, 3) in the order of BOX_FACES."""
    ends = np.stack([np.atleast_2d(np.asarray(lows, "f8")), np.atleast_2d(np.asarray(highs, "f8"))])
    end_of_axis = np.array([[0, 0, 1], [1, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1], [1, 1, 0], [0, 1, 0]])
    return np.stack([ends[end_of_axis[:, axis], :, axis] for axis in range(3)], -1).transpose(1, 0, 2)


def make_box(low: Vec3Like, high: Vec3Like, material: Material = DEFAULT_MATERIAL) -> Mesh:
    """An axis-aligned box between its lowest and its highest corner."""
    return make_boxes(np.asarray(low), np.asarray(high), material)


def make_boxes(lows: npt.ArrayLike, highs: npt.ArrayLike, material: Material = DEFAULT_MATERIAL) -> Mesh:
    """Axis-aligned boxes between their lowest and highest corners, (n, 3) each."""
    return make_hexahedra(_compute_box_corners(lows, highs), material)


def make_chamfered_boxes(
    lows: npt.ArrayLike, highs: npt.ArrayLike, chamfer: float, material: Material = DEFAULT_MATERIAL
) -> Mesh:
    """Axis-aligned boxes whose top edges are cut off by `chamfer` metres: flagstones, steps, dressed blocks."""
    corners = _compute_box_corners(lows, highs)
    sides, top = corners.copy(), corners[:, 4:].copy()
    sides[:, 4:, 1] -= chamfer
    top += np.array([[1, 0, -1], [-1, 0, -1], [-1, 0, 1], [1, 0, 1]]) * chamfer
    return make_hexahedra(np.concatenate([sides, top], 1), material, CHAMFERED_BOX_FACES)


def make_prism(outline: npt.ArrayLike, x0: float, x1: float, material: Material = DEFAULT_MATERIAL) -> Mesh:
    """Extrude a convex outline along x.

    The outline is (z, y) points, counter-clockwise where z points to the right and y up.
    """
    points = np.asarray(outline, "f8")
    low, high = (np.stack([np.full(len(points), x), points[:, 1], points[:, 0]], -1) for x in (x0, x1))
    ends = make_polygons(np.stack([low, high[::-1]]), material)
    sides = make_polygons(np.stack([np.roll(low, -1, 0), low, high, np.roll(high, -1, 0)], 1), material)
    return merge_by_material([ends, sides])[0]


def make_arch(
    span: float,
    voussoir_height: float,
    depth: float,
    material: Material = DEFAULT_MATERIAL,
    voussoirs: int = 15,
    joint: float = 0.006,
    sweep: float = 180.0,
) -> Mesh:
    """A round arch of wedge stones (voussoirs) in the xy plane, centred on the origin.

    `span` is the clear opening, `depth` the size along z, `joint` the gap between stones, in metres. A `sweep` of more
    than 180 degrees makes a horseshoe arch.
    """
    radius, half_sweep = span / 2, np.radians(sweep) / 2
    joint_angles = np.linspace(half_sweep, -half_sweep, voussoirs + 1)
    start, end = joint_angles[:-1] - joint / radius / 2, joint_angles[1:] + joint / radius / 2

    def compute_corner(angle: Doubles, r: float, z: float) -> Doubles:
        return np.stack([-np.sin(angle) * r, np.cos(angle) * r, np.full_like(angle, z)], -1)

    front, back = depth / 2, -depth / 2
    corners = [
        compute_corner(angle, r, z)
        for r in (radius, radius + voussoir_height)
        for angle, z in ((start, front), (end, front), (end, back), (start, back))
    ]
    return make_hexahedra(np.stack(corners, 1), material)


# ---- smooth surfaces ----


def make_grid(
    points: npt.ArrayLike,
    material: Material = DEFAULT_MATERIAL,
    normals: npt.ArrayLike | None = None,
    uvs: npt.ArrayLike | None = None,
) -> Mesh:
    """A smooth surface through points (rows, columns, 3), seen from the front with rows upwards and columns rightwards.

    Where the first and the last row or column coincide, it is closed and smooth across the seam; else it is open.
    Triangles without area are left out.
    """
    points = np.asarray(points, "f8")
    rows, columns = points.shape[:2]
    if uvs is None:
        u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(1, 0, rows))
        uvs = np.stack([u, v], -1)
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    b, c, d = a + 1, a + columns + 1, a + columns
    triangles = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)])
    corners = points.reshape(-1, 3)[triangles]
    double_area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=-1)
    triangles = triangles[double_area > MIN_DOUBLE_AREA]
    return make_mesh(points, triangles, material, compute_grid_normals(points) if normals is None else normals, uvs)


def compute_grid_normals(points: Doubles) -> Doubles:
    """Unit normals of a grid of points by central differences, (rows, columns, 3)."""
    n = np.cross(_compute_tangents(points, 1), _compute_tangents(points, 0))
    return np.asarray(n / np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-12))


def _compute_tangents(points: Doubles, axis: int) -> Doubles:
    """Central differences along an axis, not normalised; they wrap around where the ends coincide."""
    p = np.moveaxis(points, axis, 0)
    tangents = np.empty_like(p)
    tangents[1:-1] = p[2:] - p[:-2]
    tangents[0], tangents[-1] = p[1] - p[0], p[-1] - p[-2]
    if np.allclose(p[0], p[-1], atol=1e-9):
        tangents[0] = tangents[-1] = p[1] - p[-2]
    return np.moveaxis(tangents, 0, axis)


def make_surface(
    function: Callable[[Doubles, Doubles], npt.ArrayLike],
    material: Material = DEFAULT_MATERIAL,
    rows: int = 32,
    columns: int = 32,
    thickness: float = 0.0,
) -> Mesh:
    """A parametric surface: `function(u, v)` returns points (..., 3), u rightwards and v upwards from 0 to 1.

    With a `thickness` in metres it is closed: a front, a back and a rim. Without, it is one open surface.
    """
    u, v = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
    points = np.asarray(function(u, v), "f8")
    if thickness <= 0:
        return make_grid(points, material)
    normals = compute_grid_normals(points)
    front, back = points + normals * thickness / 2, points - normals * thickness / 2
    rim_uvs = np.stack([_get_border(np.stack([u, v], -1)) * (1, -1) + (0, 1)] * 2)
    rim = make_grid(np.stack([_get_border(back), _get_border(front)]), material, uvs=rim_uvs)
    uvs = np.stack([u, 1 - v], -1)
    front_mesh = make_grid(front, material, normals, uvs)
    back_mesh = make_grid(back[:, ::-1], material, -normals[:, ::-1], uvs[:, ::-1])
    return merge_by_material([front_mesh, back_mesh, rim])[0]


def _get_border(grid: Doubles) -> Doubles:
    """The outermost values of a grid (rows, columns, k), around it from the first corner and back to it."""
    return np.concatenate([grid[0, :-1], grid[:-1, -1], grid[-1, :0:-1], grid[:0:-1, 0], grid[:1, 0]])


# ---- surfaces of revolution and tubes ----


def _unit_circle(segments: int, clockwise: bool = False) -> Doubles:
    """Points (2, segments + 1) on the unit circle. The last equals the first bit for bit, so that meshes close."""
    phi = np.linspace(0, 2 * np.pi, segments + 1)
    circle = np.stack([np.cos(phi), -np.sin(phi) if clockwise else np.sin(phi)])
    circle[:, -1] = circle[:, 0]
    return circle


def make_sphere(center: Vec3Like, radius: float, material: Material = DEFAULT_MATERIAL, rings: int = 48) -> Mesh:
    """A smooth sphere of `rings` bands from pole to pole and twice as many segments around."""
    theta = np.linspace(0, np.pi, rings + 1)
    ring_radius, height = np.sin(theta), -np.cos(theta)
    ring_radius[-1] = 0.0  # exactly 0, so that the pole is closed
    x, z = _unit_circle(2 * rings, clockwise=True)
    normals = np.stack(np.broadcast_arrays(ring_radius[:, None] * x, height[:, None], ring_radius[:, None] * z), -1)
    return make_grid(normals * radius + np.asarray(center, "f8"), material, normals=normals)


def lathe(
    profile: npt.ArrayLike,
    center: Vec3Like = (0, 0, 0),
    material: Material = DEFAULT_MATERIAL,
    segments: int = 32,
    crease_angle: float = 35.0,
) -> Mesh:
    """Rotate a profile of (radius, height) points, from bottom to top, about the vertical axis through `center`.

    Edges sharper than `crease_angle` degrees stay sharp. Closed where both ends have radius 0 or meet.
    """
    points = np.asarray(profile, "f8")
    points = points[np.append(True, np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-9)]
    edges = np.diff(points, axis=0)
    edge_normals = np.stack([edges[:, 1], -edges[:, 0]], -1) / np.linalg.norm(edges, axis=1, keepdims=True)
    normals = np.stack([edge_normals, edge_normals], 1)  # at the start and at the end of every edge
    is_smooth = (edge_normals[1:] * edge_normals[:-1]).sum(-1) > np.cos(np.radians(crease_angle))
    mean = edge_normals[1:] + edge_normals[:-1]
    mean = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
    normals[1:, 0][is_smooth] = normals[:-1, 1][is_smooth] = mean[is_smooth]
    x, z = _unit_circle(segments, clockwise=True)

    def rotate_profile(values: Doubles) -> Doubles:
        return np.stack(np.broadcast_arrays(values[:, :1] * x, values[:, 1:], values[:, :1] * z), -1)

    rings = np.stack([points[:-1], points[1:]], 1).reshape(-1, 2)
    return make_grid(rotate_profile(rings) + np.asarray(center, "f8"), material, rotate_profile(normals.reshape(-1, 2)))


def make_cylinder(
    start: Vec3Like,
    end: Vec3Like,
    radius: float,
    material: Material = DEFAULT_MATERIAL,
    segments: int = 24,
    taper: float = 1.0,
) -> Mesh:
    """A cylinder between the centres of its ends; `taper` scales the radius of the second end."""
    a, b = np.asarray(start, "f8"), np.asarray(end, "f8")
    length = float(np.linalg.norm(b - a))
    profile = [(0, 0), (radius, 0), (radius * taper, length), (0, length)]
    return transform(lathe(profile, material=material, segments=segments), align_y_axis(b - a, a))


def make_tube(
    path: npt.ArrayLike, radius: npt.ArrayLike, material: Material = DEFAULT_MATERIAL, sides: int = 12
) -> Mesh:
    """A smooth tube along a path (n, 3), with one radius or one for every point.

    Where the path's ends coincide, the tube closes on itself; else its ends are capped.
    """
    path = np.asarray(path, "f8")
    radii = np.broadcast_to(np.asarray(radius, "f8"), len(path))[:, None, None]
    is_loop = bool(np.allclose(path[0], path[-1]))
    tangents = _compute_tangents(path[:, None, :], 0)[:, 0]
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    sideways = _transport_parallel(tangents)
    if is_loop:
        sideways = _remove_twist(tangents, sideways)
    up = np.cross(tangents, sideways)
    phi = np.linspace(0, 2 * np.pi, sides + 1)[None, :, None]
    normals = np.cos(phi) * sideways[:, None] + np.sin(phi) * up[:, None]
    normals[:, -1] = normals[:, 0]
    rings = path[:, None] + radii * normals
    if is_loop:
        rings[-1] = rings[0]
        return make_grid(rings, material)
    first, last = (np.broadcast_to(path[i], rings[:1].shape) for i in (0, -1))
    cap_shape = (2, sides + 1, 3)
    start_cap = make_grid(np.concatenate([first, rings[:1]]), material, np.broadcast_to(-tangents[0], cap_shape))
    end_cap = make_grid(np.concatenate([rings[-1:], last]), material, np.broadcast_to(tangents[-1], cap_shape))
    return merge_by_material([make_grid(rings, material), start_cap, end_cap])[0]


def _transport_parallel(tangents: Doubles) -> Doubles:
    """A unit vector across each unit tangent, rotated as little as possible from one to the next."""
    normals = np.empty_like(tangents)
    normal = np.eye(3)[int(np.argmin(np.abs(tangents[0])))]
    for i, tangent in enumerate(tangents):
        normal = normal - tangent * (normal @ tangent)
        normals[i] = normal = normal / np.sqrt(normal @ normal)
    return normals


def _remove_twist(tangents: Doubles, normals: Doubles) -> Doubles:
    """Rotate the normals of a closed path about its tangents, evenly along it, so that the last equals the first."""
    binormal = np.cross(tangents[0], normals[0])
    twist = np.arctan2(normals[-1] @ binormal, normals[-1] @ normals[0])
    angles = (-twist * np.linspace(0, 1, len(normals)))[:, None]
    return np.asarray(normals * np.cos(angles) + np.cross(tangents, normals) * np.sin(angles))
