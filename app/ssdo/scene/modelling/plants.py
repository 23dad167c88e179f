"""Plants: many small curved leaves, placed at random. Leaves are single open surfaces, visible from both sides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from ssdo.arrays import Doubles
from ssdo.scene.model import Material, Mesh
from ssdo.scene.modelling.assembly import assign_uvs, instantiate
from ssdo.scene.modelling.shapes import make_grid, make_sphere, make_tube
from ssdo.scene.modelling.textures import get_palette_uv

GOLDEN_ANGLE = 2.399963  # radians
LEAVES_PER_CLUSTER = 14
AGAVE_SHADES = 16  # palette entries


# ---- leaves ----


def make_leaf(length: float, width: float, droop: float, material: Material, rows: int = 4, fold: float = 0.25) -> Mesh:
    """A pointed leaf from the origin along +z. Its tip hangs `droop` metres down, and it is folded along its middle."""
    t = np.linspace(0, 1, rows + 1)
    half_width = width / 2 * np.sin(np.pi * np.clip(0.08 + 0.92 * t, 0, 1)) ** 0.8
    middle = np.stack([0 * t, -droop * t**2, length * t], -1)
    edge = np.stack([half_width, half_width * fold * 2, 0 * t], -1)
    return make_grid(np.stack([middle - edge * (1, -1, 1), middle, middle + edge], 1), material)


def make_leaf_transforms(
    forward: npt.ArrayLike, origins: npt.ArrayLike, size: npt.ArrayLike, roll: npt.ArrayLike = 0.0
) -> Doubles:
    """Matrices (n, 4, 4) that rotate +z to `forward`, scale by `size` and move to `origins`.

    +y stays as upright as possible, but for `roll` radians about `forward`.
    """
    z = np.asarray(forward, "f8")
    z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    x = np.cross([0.02, 1.0, 0.01], z)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    y = np.cross(z, x)
    angle = np.broadcast_to(np.asarray(roll, "f8"), len(z))[:, None]
    x, y = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    matrices = np.tile(np.eye(4), (len(z), 1, 1))
    matrices[:, :3, :3] = np.stack([x, y, z], -1) * np.broadcast_to(np.asarray(size, "f8"), len(z))[:, None, None]
    matrices[:, :3, 3] = origins
    return matrices


def sample_directions(rng: Generator, count: int, min_y: float, max_y: float) -> Doubles:
    """Unit vectors (count, 3) at even angles (the golden angle) about the vertical, with random heights."""
    phi = np.arange(count) * GOLDEN_ANGLE + rng.normal(0, 0.15, count)
    y = rng.uniform(min_y, max_y, count)
    r = np.sqrt(1 - y * y)
    return np.stack([r * np.cos(phi), y, r * np.sin(phi)], -1)


# ---- plants ----


def build_agave(base: npt.ArrayLike, size: float, material: Material, rng: Generator, leaf_count: int = 26) -> Mesh:
    """A rosette of stiff leaves, upright in the middle and spreading outside, `size` metres tall."""
    leaf = make_leaf(1.0, 0.13, 0.28, material, 6)
    forward = sample_directions(rng, leaf_count, 0.0, 1.0)
    forward[:, 1] = np.linspace(0.35, 3.0, leaf_count)
    transforms = make_leaf_transforms(forward, np.asarray(base), size * rng.uniform(0.8, 1.05, leaf_count))
    return assign_uvs(instantiate(leaf, transforms), get_palette_uv(rng.integers(0, AGAVE_SHADES, leaf_count)))


def build_bush(
    center: npt.ArrayLike,
    radii: npt.ArrayLike,
    leaf_count: int,
    leaf_length: float,
    material: Material,
    rng: Generator,
    palette_start: int = 0,
    shade_count: int = 16,
) -> Mesh:
    """A crown of leaves in the outer part of an ellipsoid, in `shade_count` palette entries from `palette_start`."""
    outward = sample_directions(rng, leaf_count, -0.9, 1.0)
    bulges = 1 + 0.12 * np.sin(outward @ np.array([[5.0], [4.0], [6.0]]))
    depth = rng.uniform(0.6, 1.0, (leaf_count, 1)) ** 0.7 * bulges
    forward = outward + rng.normal((0, -0.15, 0), 0.45, (leaf_count, 3))
    origins = np.asarray(center) + outward * depth * np.asarray(radii)
    lengths = leaf_length * rng.uniform(0.7, 1.2, leaf_count)
    transforms = make_leaf_transforms(forward, origins, lengths, rng.normal(0, 0.7, leaf_count))
    leaves = instantiate(make_leaf(1.0, 0.5, 0.15, material, 2), transforms)
    return assign_uvs(leaves, get_palette_uv(palette_start + rng.integers(0, shade_count, leaf_count)))


def build_fruit(
    center: npt.ArrayLike,
    radii: npt.ArrayLike,
    count: int,
    fruit_radius: float,
    material: Material,
    rng: Generator,
    palette_entry: int,
) -> Mesh:
    """Round fruit in the surface of an ellipsoidal crown."""
    transforms = np.tile(np.eye(4), (count, 1, 1))
    outward = sample_directions(rng, count, -0.7, 0.6)
    transforms[:, :3, 3] = np.asarray(center) + outward * np.asarray(radii) * 0.95
    fruit = make_sphere((0, 0, 0), fruit_radius, material, 6)
    return assign_uvs(instantiate(fruit, transforms), get_palette_uv(palette_entry))


def build_trunk(base: npt.ArrayLike, top: npt.ArrayLike, radius: float, material: Material, rng: Generator) -> Mesh:
    """A stem that wavers and tapers."""
    a, b = np.asarray(base, "f8"), np.asarray(top, "f8")
    t = np.linspace(0, 1, 9)[:, None]
    wave = np.concatenate([np.sin(3 * t + 1) - np.sin(1), 0 * t, np.sin(2.3 * t)], 1)
    bend = wave * 0.12 * np.linalg.norm(b - a) * t * (1 - t)
    return make_tube(a + (b - a) * t + bend, radius * np.linspace(1.2, 0.7, 9), material, 9)


def build_vine(
    path: npt.ArrayLike,
    spread: float,
    leaf_count: int,
    leaf_length: float,
    material: Material,
    rng: Generator,
    palette_start: int,
    shade_count: int,
) -> Mesh:
    """Leaves or bracts in clusters along a polyline (n, 3), scattered `spread` metres about it."""
    path = np.asarray(path, "f8")
    position = rng.uniform(0, len(path) - 1, leaf_count)
    origins = np.stack([np.interp(position, np.arange(len(path)), path[:, k]) for k in range(3)], -1)
    cluster_count = max(leaf_count // LEAVES_PER_CLUSTER, 1)
    cluster_offsets = rng.normal(0, spread, (cluster_count, 3))[rng.integers(0, cluster_count, leaf_count)]
    origins = origins + cluster_offsets * (1, 1, 0.55) + rng.normal(0, spread * 0.22, (leaf_count, 3))
    forward = rng.normal((0, -0.3, 0.4), 1, (leaf_count, 3))
    lengths = leaf_length * rng.uniform(0.7, 1.2, leaf_count)
    transforms = make_leaf_transforms(forward, origins, lengths, rng.uniform(-2, 2, leaf_count))
    leaves = instantiate(make_leaf(1.0, 0.7, 0.2, material, 2, 0.35), transforms)
    return assign_uvs(leaves, get_palette_uv(palette_start + rng.integers(0, shade_count, leaf_count)))
