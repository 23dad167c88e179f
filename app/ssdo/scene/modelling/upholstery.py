"""Soft furniture: bodies with round edges that swell and crease, and what is put together from them. Metres, y up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ssdo.scene.model import Material, Mesh
from ssdo.scene.modelling.assembly import Place, Points, merged, mesh_of, moved, placing, transformed
from ssdo.scene.modelling.room_textures import WEAVE
from ssdo.scene.modelling.shapes import PLAIN, cylinder, grid

Rng = np.random.Generator


def smoothed(mesh: Mesh) -> Mesh:
    """The mesh with normals that are the mean, by area, over all triangles at a place: corners within 10 micrometres
    are one.
    """
    _, where = np.unique(np.round(mesh.positions.astype("f8") * 1e5).astype("i8"), axis=0, return_inverse=True)
    p = mesh.positions.astype("f8")[mesh.triangles]
    across = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    total = np.zeros((where.max() + 1, 3))
    for k in range(3):
        np.add.at(total, where.ravel()[mesh.triangles[:, k]], across)
    n = total[where.ravel()]
    return mesh_of(
        mesh.positions,
        mesh.triangles,
        mesh.material,
        n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-20),
        mesh.uvs,
    )


def soft_box(
    size: Place,
    radius: float,
    material: Material = PLAIN,
    puff: Place = (0, 0, 0),
    rumple: float = 0.0,
    rng: Rng | None = None,
    cells: int = 10,
) -> Mesh:
    """A box about the origin with round edges, closed and smooth.

    `puff`: by which share its middle is thicker along each axis than its edges. `rumple`: the depth of its creases,
    metres, which `rng` lays. One repeat of its image for every `decor.WEAVE` metres.
    """
    h = np.asarray(size, "f8") / 2
    r = min(radius, float(h.min()) * 0.999)
    arc = r * np.tan(np.radians(np.linspace(0, 45, 5)))[1:]
    lines = []
    for k in range(3):
        upper = np.concatenate([np.linspace(0, h[k] - r, cells // 2 + 1), h[k] - r + arc])
        lines.append(np.concatenate([-upper[:0:-1], upper]))
    waves = (
        np.zeros((0, 4))
        if rng is None
        else np.concatenate([rng.normal(0, 1, (6, 3)) * 14, rng.uniform(0, 6.28, (6, 1))], 1)
    )

    def shaped(q: Points) -> Points:
        inner = np.clip(q, -(h - r), h - r)
        n = q - inner
        n /= np.linalg.norm(n, axis=-1, keepdims=True)
        p = inner + r * n
        x, y, z = np.moveaxis(np.maximum(1 - (p / h) ** 2, 0), -1, 0)  # 1 in the middle, 0 at the edges
        swollen = p * (1 + np.asarray(puff, "f8") * np.stack([y * z, x * z, x * y], -1))
        for wave in waves:
            swollen = swollen + n * (rumple / 3 * np.sin(swollen @ wave[:3] + wave[3]))[..., None]
        return np.asarray(swollen)

    faces = []
    for axis, a, b in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        for sign in (1.0, -1.0):
            s, t = np.meshgrid(lines[a], lines[b])
            q = np.empty((*s.shape, 3))
            q[..., axis], q[..., a], q[..., b] = sign * h[axis], s, t
            uvs = np.stack([s, -t] if axis != 0 else [t, -s], -1) / WEAVE
            faces.append(grid(shaped(q if sign > 0 else q[:, ::-1]), material, uvs=uvs if sign > 0 else uvs[:, ::-1]))
    return smoothed(merged(faces)[0])


def pillow(width: float, height: float, thick: float, material: Material, rng: Rng) -> Mesh:
    """A cushion in the xy plane about the origin: thick in the middle, drawn out to its four corners."""
    thin = 0.035
    return soft_box((width, height, thin), thin / 2.05, material, (-0.07, -0.07, thick / thin - 1), 0.008, rng, 14)


def seat(
    width: float, seats: int, fabric: Material, wood: Material, rng: Rng, depth: float = 0.90, back: float = 0.84
) -> list[Mesh]:
    """An armchair (one seat) or a sofa: about the origin, facing +z, on four tapered legs; `back`: the height of its
    back, metres.
    """
    arm, sill, foot = 0.17, 0.30, 0.14
    z0, z1 = -depth / 2, depth / 2
    inside = width - 2 * arm
    parts = [moved(soft_box((width - 0.02, sill - foot, depth - 0.03), 0.03, fabric), (0, (foot + sill) / 2, 0.0))]
    for s in (-1, 1):
        side = soft_box((arm, 0.60 - foot, depth - 0.01), 0.07, fabric, (0.06, 0.0, 0.0), 0.004, rng)
        parts.append(moved(side, (s * (width / 2 - arm / 2), (foot + 0.60) / 2 + 0.004, 0.006)))
    rear = soft_box((width - 0.05, back - 0.12 - foot, 0.20), 0.08, fabric, (0, 0, 0.04), 0.004, rng)
    parts.append(moved(rear, (0, (foot + back - 0.12) / 2 + 0.008, z0 + 0.10)))
    each = inside / seats
    for k in range(seats):
        x = -inside / 2 + each * (k + 0.5)
        base = soft_box((each - 0.006, 0.16, depth - 0.24), 0.05, fabric, (0, 0.16, 0.01), 0.006, rng, 14)
        parts.append(moved(base, (x, sill + 0.07, 0.11)))
        rest = soft_box((each - 0.012, back - sill - 0.10, 0.17), 0.07, fabric, (0.01, 0.02, 0.30), 0.009, rng, 14)
        tilt = np.radians(-11)
        c, t = np.cos(tilt), np.sin(tilt)
        parts.append(
            transformed(
                rest,
                [[1, 0, 0, x], [0, c, -t, sill + 0.12 + (back - sill - 0.10) / 2], [0, t, c, z0 + 0.28], [0, 0, 0, 1]],
            )
        )
    for sx in (-1, 1):
        for sz, z in ((-1, z0 + 0.09), (1, z1 - 0.09)):
            parts.append(
                cylinder(
                    (sx * (width / 2 - 0.09), foot + 0.01, z),
                    (sx * (width / 2 - 0.06), 0.0, z + sz * 0.03),
                    0.022,
                    wood,
                    16,
                    0.6,
                )
            )
    return parts


def fitted(mesh: Mesh, width: float, length: float) -> Mesh:
    """A cloth whose image, laid once over all of it, is laid as often as its `width` and `length` (metres) ask for."""
    assert mesh.uvs is not None
    return replace(mesh, uvs=mesh.uvs * np.array([width, length], "f4") / np.float32(WEAVE))


def leaning(mesh: Mesh, at: Place, lean: float, turn: float = 0.0) -> Mesh:
    """A thing of the xy plane leaned back by `lean` degrees, turned by `turn` about the vertical, and put with its
    middle at a place.
    """
    c, s = np.cos(np.radians(-lean)), np.sin(np.radians(-lean))
    tilted = transformed(mesh, [[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]])
    return transformed(tilted, placing(at, turn))


def pouf(radius: float, height: float, material: Material, ribs: int = 18) -> Mesh:
    """A round stool of knitted cloth on the floor, its sides in ribs."""
    t = np.linspace(0, 1, 33)
    angle = np.pi * (t - 0.5)
    across, up = np.maximum(np.cos(angle), 0) ** 0.42, np.sin(angle)
    across[[0, -1]] = 0.0
    phi = np.linspace(0, 2 * np.pi, ribs * 8 + 1)
    swell = 1 + 0.035 * np.abs(np.sin(phi * ribs / 2)) ** 0.7
    swell[-1] = swell[0]
    turn: npt.NDArray[np.float64] = np.stack([np.cos(phi), -np.sin(phi)])
    turn[:, -1] = turn[:, 0]
    r = radius * across[:, None] * (1 + (swell[None] - 1) * across[:, None])
    points = np.stack(
        [
            r * turn[0],
            np.broadcast_to((height / 2 * (1 + np.sign(up) * np.abs(up) ** 0.8))[:, None], r.shape),
            r * turn[1],
        ],
        -1,
    )
    v, u = np.meshgrid(t * 4, phi * radius / WEAVE, indexing="ij")
    return smoothed(grid(points, material, uvs=np.stack([u, v], -1)))
