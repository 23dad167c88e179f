"""Upholstered furniture: rounded cushions that swell and crease, and the sofas made of them. Metres, y up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from ssdo.arrays import Doubles
from ssdo.scene.model import Material, Mesh
from ssdo.scene.modelling.assembly import (
    Vec3Like,
    make_mesh,
    make_transform,
    merge_by_material,
    transform,
    translate,
)
from ssdo.scene.modelling.room_textures import CLOTH_TEXTURE_SIZE
from ssdo.scene.modelling.shapes import DEFAULT_MATERIAL, make_cylinder, make_grid

WELDS_PER_METRE = 1e5  # vertices within 10 micrometres count as one
CREASE_WAVES = 6


# ---- cushions ----


def smooth_normals(mesh: Mesh) -> Mesh:
    """Average the triangles' normals, weighted by area, over vertices at the same position."""
    positions = mesh.positions.astype("f8")
    _, welded = np.unique(np.round(positions * WELDS_PER_METRE).astype("i8"), axis=0, return_inverse=True)
    welded = welded.ravel()
    corners = positions[mesh.triangles]
    area_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sums = np.zeros((welded.max() + 1, 3))
    for k in range(3):
        np.add.at(sums, welded[mesh.triangles[:, k]], area_normals)
    normals = sums[welded]
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
    return make_mesh(mesh.positions, mesh.triangles, mesh.material, normals, mesh.uvs)


def make_soft_box(
    size: Vec3Like,
    radius: float,
    material: Material = DEFAULT_MATERIAL,
    bulge: Vec3Like = (0, 0, 0),
    crease_depth: float = 0.0,
    rng: Generator | None = None,
    cells: int = 10,
) -> Mesh:
    """A smooth closed box about the origin with rounded edges.

    `bulge`: how much thicker the middle is than the edges along each axis, relative. `crease_depth`, in metres, has an
    effect only with `rng`. The texture repeats every `room_textures.CLOTH_TEXTURE_SIZE` metres.
    """
    half_size = np.asarray(size, "f8") / 2
    radius = min(radius, float(half_size.min()) * 0.999)
    arc = radius * np.tan(np.radians(np.linspace(0, 45, 5)))[1:]
    grid_lines = []
    for k in range(3):
        upper = np.concatenate([np.linspace(0, half_size[k] - radius, cells // 2 + 1), half_size[k] - radius + arc])
        grid_lines.append(np.concatenate([-upper[:0:-1], upper]))
    waves = np.zeros((0, 4))  # wave vector and phase
    if rng is not None:
        waves = np.concatenate([rng.normal(0, 1, (CREASE_WAVES, 3)) * 14, rng.uniform(0, 6.28, (CREASE_WAVES, 1))], 1)

    def deform(cube_points: Doubles) -> Doubles:
        """Move points of a box's surface onto the rounded, bulging, creased one."""
        inner = np.clip(cube_points, -(half_size - radius), half_size - radius)
        normals = cube_points - inner
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        points = inner + radius * normals
        # 1 in the middle, 0 at the edges
        x, y, z = np.moveaxis(np.maximum(1 - (points / half_size) ** 2, 0), -1, 0)
        points = points * (1 + np.asarray(bulge, "f8") * np.stack([y * z, x * z, x * y], -1))
        for wave in waves:
            points = points + normals * (crease_depth / 3 * np.sin(points @ wave[:3] + wave[3]))[..., None]
        return np.asarray(points)

    faces = []
    for axis, a, b in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        for sign in (1.0, -1.0):
            s, t = np.meshgrid(grid_lines[a], grid_lines[b])
            points = np.empty((*s.shape, 3))
            points[..., axis], points[..., a], points[..., b] = sign * half_size[axis], s, t
            uvs = np.stack([s, -t] if axis != 0 else [t, -s], -1) / CLOTH_TEXTURE_SIZE
            if sign < 0:
                points, uvs = points[:, ::-1], uvs[:, ::-1]
            faces.append(make_grid(deform(points), material, uvs=uvs))
    return smooth_normals(merge_by_material(faces)[0])


def build_pillow(width: float, height: float, thickness: float, material: Material, rng: Generator) -> Mesh:
    """A cushion in the xy plane about the origin: thick in the middle, drawn out to its four corners."""
    edge = 0.035
    bulge = (-0.07, -0.07, thickness / edge - 1)
    return make_soft_box((width, height, edge), edge / 2.05, material, bulge, 0.008, rng, 14)


def build_pouf(radius: float, height: float, material: Material, ribs: int = 18) -> Mesh:
    """A round stool of knitted cloth with ribbed sides, standing on y = 0."""
    t = np.linspace(0, 1, 33)
    angle = np.pi * (t - 0.5)
    section_radius, section_y = np.maximum(np.cos(angle), 0) ** 0.42, np.sin(angle)
    section_radius[[0, -1]] = 0.0
    phi = np.linspace(0, 2 * np.pi, ribs * 8 + 1)
    rib = 1 + 0.035 * np.abs(np.sin(phi * ribs / 2)) ** 0.7
    rib[-1] = rib[0]
    circle: Doubles = np.stack([np.cos(phi), -np.sin(phi)])
    circle[:, -1] = circle[:, 0]
    r = radius * section_radius[:, None] * (1 + (rib[None] - 1) * section_radius[:, None])
    y = (height / 2 * (1 + np.sign(section_y) * np.abs(section_y) ** 0.8))[:, None]
    points = np.stack([r * circle[0], np.broadcast_to(y, r.shape), r * circle[1]], -1)
    v, u = np.meshgrid(t * 4, phi * radius / CLOTH_TEXTURE_SIZE, indexing="ij")
    return smooth_normals(make_grid(points, material, uvs=np.stack([u, v], -1)))


# ---- sofas ----


def build_sofa(
    width: float,
    seat_count: int,
    fabric: Material,
    wood: Material,
    rng: Generator,
    depth: float = 0.90,
    back_height: float = 0.84,
) -> list[Mesh]:
    """An armchair (one seat) or a sofa about the origin, facing +z, on four tapered legs."""
    arm_width, arm_height, frame_top, leg_height = 0.17, 0.60, 0.30, 0.14
    back_z, front_z = -depth / 2, depth / 2
    frame_size = (width - 0.02, frame_top - leg_height, depth - 0.03)
    parts = [translate(make_soft_box(frame_size, 0.03, fabric), (0, (leg_height + frame_top) / 2, 0.0))]
    arm_size = (arm_width, arm_height - leg_height, depth - 0.01)
    for side in (-1, 1):
        arm = make_soft_box(arm_size, 0.07, fabric, (0.06, 0.0, 0.0), 0.004, rng)
        arm_x = side * (width / 2 - arm_width / 2)
        parts.append(translate(arm, (arm_x, (leg_height + arm_height) / 2 + 0.004, 0.006)))
    rear_top = back_height - 0.12
    rear = make_soft_box((width - 0.05, rear_top - leg_height, 0.20), 0.08, fabric, (0, 0, 0.04), 0.004, rng)
    parts.append(translate(rear, (0, (leg_height + rear_top) / 2 + 0.008, back_z + 0.10)))
    inner_width = width - 2 * arm_width
    seat_width = inner_width / seat_count
    cushion_height = back_height - frame_top - 0.10
    for k in range(seat_count):
        x = -inner_width / 2 + seat_width * (k + 0.5)
        seat_size = (seat_width - 0.006, 0.16, depth - 0.24)
        seat = make_soft_box(seat_size, 0.05, fabric, (0, 0.16, 0.01), 0.006, rng, 14)
        parts.append(translate(seat, (x, frame_top + 0.07, 0.11)))
        cushion_size = (seat_width - 0.012, cushion_height, 0.17)
        cushion = make_soft_box(cushion_size, 0.07, fabric, (0.01, 0.02, 0.30), 0.009, rng, 14)
        position = (x, frame_top + 0.12 + cushion_height / 2, back_z + 0.28)
        parts.append(transform(cushion, _make_lean_matrix(11, position)))
    for side in (-1, 1):
        for end, z in ((-1, back_z + 0.09), (1, front_z - 0.09)):
            top = (side * (width / 2 - 0.09), leg_height + 0.01, z)
            foot = (side * (width / 2 - 0.06), 0.0, z + end * 0.03)
            parts.append(make_cylinder(top, foot, 0.022, wood, 16, 0.6))
    return parts


def _make_lean_matrix(lean: float, position: Vec3Like = (0, 0, 0)) -> Doubles:
    """The matrix that rotates +y by `lean` degrees towards -z and moves the origin to `position`."""
    c, s = np.cos(np.radians(-lean)), np.sin(np.radians(-lean))
    x, y, z = position
    return np.array([[1, 0, 0, x], [0, c, -s, y], [0, s, c, z], [0, 0, 0, 1]])


def lean_back(mesh: Mesh, position: Vec3Like, lean: float, yaw: float = 0.0) -> Mesh:
    """Lean an object of the xy plane back by `lean` degrees, rotate it by `yaw` and move its origin to `position`."""
    return transform(transform(mesh, _make_lean_matrix(lean)), make_transform(position, yaw))


def repeat_uvs(mesh: Mesh, width: float, length: float) -> Mesh:
    """Repeat the texture of a cloth of `width` by `length` metres, stretched over it once, at its real size."""
    assert mesh.uvs is not None
    return replace(mesh, uvs=mesh.uvs * np.array([width, length], "f4") / np.float32(CLOTH_TEXTURE_SIZE))
