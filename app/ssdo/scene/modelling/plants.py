"""Leaves by the hundred: small curved blades, placed at random with a seed. Single skins, seen from both sides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ssdo.scene.model import Material, Mesh
from ssdo.scene.modelling.assembly import Points, copies, painted
from ssdo.scene.modelling.shapes import grid, sphere, tube
from ssdo.scene.modelling.textures import shade


def blade(length: float, width: float, droop: float, material: Material, rows: int = 4, fold: float = 0.25) -> Mesh:
    """A pointed leaf from the origin along +z, bent down by `droop` metres at its tip and folded along its middle."""
    t = np.linspace(0, 1, rows + 1)
    half = width / 2 * np.sin(np.pi * np.clip(0.08 + 0.92 * t, 0, 1)) ** 0.8
    mid = np.stack([0 * t, -droop * t**2, length * t], -1)
    side = np.stack([half, half * fold * 2, 0 * t], -1)
    return grid(np.stack([mid - side * (1, -1, 1), mid, mid + side], 1), material)


def frames(forward: npt.ArrayLike, origins: npt.ArrayLike, size: npt.ArrayLike, roll: npt.ArrayLike = 0.0) -> Points:
    """Matrices (n, 4, 4) that turn +z towards `forward`, keep +y as upright as possible but for `roll` (radians), scale
    and move.
    """
    z = np.asarray(forward, "f8")
    z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    x = np.cross([0.02, 1.0, 0.01], z)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    y = np.cross(z, x)
    angle = np.broadcast_to(np.asarray(roll, "f8"), len(z))[:, None]
    x, y = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    m = np.tile(np.eye(4), (len(z), 1, 1))
    m[:, :3, :3] = np.stack([x, y, z], -1) * np.broadcast_to(np.asarray(size, "f8"), len(z))[:, None, None]
    m[:, :3, 3] = origins
    return m


def around(rng: np.random.Generator, count: int, low: float, high: float) -> Points:
    """Unit vectors at even angles (the golden one) about the vertical, with heights y from `low` to `high`."""
    phi = np.arange(count) * 2.399963 + rng.normal(0, 0.15, count)
    y = rng.uniform(low, high, count)
    across = np.sqrt(1 - y * y)
    return np.stack([across * np.cos(phi), y, across * np.sin(phi)], -1)


def agave(base: npt.ArrayLike, size: float, material: Material, rng: np.random.Generator, count: int = 26) -> Mesh:
    """A rosette of stiff blades, upright in the middle and spreading outside, `size` metres tall."""
    leaf = blade(1.0, 0.13, 0.28, material, 6)
    forward = around(rng, count, 0.0, 1.0)
    forward[:, 1] = np.linspace(0.35, 3.0, count)
    place = frames(forward, np.asarray(base), size * rng.uniform(0.8, 1.05, count))
    return painted(copies(leaf, place), shade(rng.integers(0, 16, count)))


def bush(
    center: npt.ArrayLike,
    radii: npt.ArrayLike,
    count: int,
    leaf: float,
    material: Material,
    rng: np.random.Generator,
    first: int = 0,
    kinds: int = 16,
) -> Mesh:
    """A crown of leaves `leaf` metres long in the outer part of an ellipsoid, in `kinds` shades from the palette's
    entry `first` on.
    """
    out = around(rng, count, -0.9, 1.0)
    depth = rng.uniform(0.6, 1.0, (count, 1)) ** 0.7 * (1 + 0.12 * np.sin(out @ np.array([[5.0], [4.0], [6.0]])))
    forward = out + rng.normal((0, -0.15, 0), 0.45, (count, 3))
    place = frames(
        forward,
        np.asarray(center) + out * depth * np.asarray(radii),
        leaf * rng.uniform(0.7, 1.2, count),
        rng.normal(0, 0.7, count),
    )
    return painted(copies(blade(1.0, 0.5, 0.15, material, 2), place), shade(first + rng.integers(0, kinds, count)))


def fruit(
    center: npt.ArrayLike,
    radii: npt.ArrayLike,
    count: int,
    size: float,
    material: Material,
    rng: np.random.Generator,
    entry: int,
) -> Mesh:
    """Round fruit in a crown's surface, `size` metres in radius."""
    at = np.asarray(center) + around(rng, count, -0.7, 0.6) * np.asarray(radii) * 0.95
    place = np.tile(np.eye(4), (count, 1, 1))
    place[:, :3, 3] = at
    return painted(copies(sphere((0, 0, 0), size, material, 6), place), shade(entry))


def trunk(base: npt.ArrayLike, top: npt.ArrayLike, radius: float, material: Material, rng: np.random.Generator) -> Mesh:
    """A stem that wavers and tapers."""
    a, b = np.asarray(base, "f8"), np.asarray(top, "f8")
    t = np.linspace(0, 1, 9)[:, None]
    bend = (
        np.concatenate([np.sin(3 * t + 1) - np.sin(1), 0 * t, np.sin(2.3 * t)], 1)
        * 0.12
        * np.linalg.norm(b - a)
        * t
        * (1 - t)
    )
    return tube(a + (b - a) * t + bend, radius * np.linspace(1.2, 0.7, 9), material, 9)


def cascade(
    path: npt.ArrayLike,
    spread: float,
    count: int,
    leaf: float,
    material: Material,
    rng: np.random.Generator,
    first: int,
    kinds: int,
) -> Mesh:
    """Leaves or bracts along a polyline (n, 3), scattered `spread` metres about it, in clusters."""
    p = np.asarray(path, "f8")
    at = rng.uniform(0, len(p) - 1, count)
    spots = np.stack([np.interp(at, np.arange(len(p)), p[:, k]) for k in range(3)], -1)
    clusters = rng.normal(0, spread, (max(count // 14, 1), 3))[rng.integers(0, max(count // 14, 1), count)]
    spots = spots + clusters * (1, 1, 0.55) + rng.normal(0, spread * 0.22, (count, 3))
    forward = rng.normal((0, -0.3, 0.4), 1, (count, 3))
    place = frames(forward, spots, leaf * rng.uniform(0.7, 1.2, count), rng.uniform(-2, 2, count))
    return painted(copies(blade(1.0, 0.7, 0.2, material, 2, 0.35), place), shade(first + rng.integers(0, kinds, count)))
