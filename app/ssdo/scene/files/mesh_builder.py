"""What the readers of OBJ, PLY and STL share: polygons of one material on their way to a Mesh, checked."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ssdo.scene.files.polygons import Doubles, Longs, triangulated
from ssdo.scene.model import Floats, Material, Mesh
from ssdo.settings import UserError

Bools = npt.NDArray[np.bool_]

MAX_FILE = 2**29  # bytes; as text 4 to 8 million triangles, as binary more than MAX_TRIANGLES
MAX_TRIANGLES = 2**24  # of a scene; as many vertices of a file
MAX_LINE = 2**20  # bytes of a line of text: a polygon of a hundred thousand corners
BAND = 2**20  # triangles whose area is computed at a time


@dataclass(frozen=True, eq=False)
class Surface:
    """Polygons of one material, one behind the other: `sizes` corners each, indices of the rows of all other arrays."""

    positions: Doubles  # (n, 3)
    corners: Longs
    sizes: Longs
    material: Material
    normals: Doubles | None = None  # (n, 3) of any length; without one the polygon is flat
    uvs: Doubles | None = None  # (n, 2), (0, 0) at the top left; NaN: has none
    colors: Doubles | None = None  # (n, 4) linear


def lines_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines of a text with their numbers, from 1, one at a time. Raises UserError for what no program writes: other
    encodings, endless lines.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:512]:
        raise UserError("file: must be text, in ASCII or UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    for number, line in enumerate(io.BytesIO(data if b"\n" in data else data.replace(b"\r", b"\n")), 1):
        if len(line) > MAX_LINE:
            raise UserError(f"line {number}: must have at most {MAX_LINE >> 10} KiB")
        yield number, line


def linear(srgb: Doubles) -> Doubles:
    """Linear colour of sRGB from 0 to 1 (IEC 61966-2-1)."""
    found: Doubles = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return found


def finished(surfaces: list[Surface], notes: list[str]) -> tuple[Mesh, ...]:
    """Meshes of whole triangles. Raises UserError where there are none, or too many, or a number is not finite; adds to
    `notes`.
    """
    if sum(int(np.maximum(s.sizes - 2, 0).sum()) for s in surfaces) > MAX_TRIANGLES:
        raise UserError(f"file: must have at most {MAX_TRIANGLES} triangles")
    meshes: list[Mesh] = []
    crude = empty = 0
    for surface in surfaces:
        short = int((surface.sizes < 3).sum())
        triangles, badly = triangulated(surface.positions[surface.corners], surface.sizes)
        triangles = surface.corners[triangles]
        if not np.isfinite(surface.positions[triangles]).all():
            raise UserError("vertices: must be finite numbers")
        good = _has_area(surface.positions.astype(np.float32), triangles)
        crude, empty = crude + badly, empty + short + int((~good).sum())
        meshes += _meshes(surface, triangles[good])
    if empty:
        notes.append(
            f"{empty} {'triangle has' if empty == 1 else 'triangles have'} no area and {'is' if empty == 1 else 'are'} left out"
        )
    if crude:
        notes.append(
            f"{crude} {'polygon crosses itself or is' if crude == 1 else 'polygons cross themselves or are'} too intricate, and may be filled wrongly"
        )
    if not meshes:
        raise UserError("file: has no triangles")
    return tuple(meshes)


def _has_area(positions: Floats, triangles: Longs) -> Bools:
    good = np.empty(len(triangles), bool)
    for at in range(0, len(triangles), BAND):
        a, b, c = (positions[triangles[at : at + BAND, k]].astype(np.float64) for k in range(3))
        good[at : at + BAND] = np.cross(b - a, c - a).any(1)
    return good


def _meshes(surface: Surface, triangles: Longs) -> Iterator[Mesh]:
    """A mesh of what has normals and UVs, others of what has less. Without UVs there are no images."""
    smooth = (
        np.zeros(len(triangles), bool)
        if surface.normals is None
        else _all_of(np.abs(surface.normals).max(1) > 1e-30, triangles)
    )
    mapped = (
        np.zeros(len(triangles), bool) if surface.uvs is None else _all_of(~np.isnan(surface.uvs).any(1), triangles)
    )
    plain = replace(surface.material, albedo_image=None, emission_image=None)
    for has_normals in (True, False):
        for has_uvs in (True, False):
            own = triangles[(smooth == has_normals) & (mapped == has_uvs)]
            if not len(own):
                continue
            used, corners = np.unique(own, return_inverse=True)
            normals = uvs = None
            if has_normals and surface.normals is not None:
                # their squares would overflow
                normals = surface.normals[used] / np.abs(surface.normals[used]).max(1, keepdims=True)
                normals = _finite(normals / np.linalg.norm(normals, axis=1, keepdims=True), "normals")
            if has_uvs and surface.uvs is not None:
                uvs = _finite(surface.uvs[used], "texture coordinates")
            yield Mesh(
                _finite(surface.positions[used], "vertices"),
                corners.reshape(-1, 3).astype(np.int32),
                surface.material if has_uvs else plain,
                normals,
                uvs,
                colors=None if surface.colors is None else _finite(surface.colors[used], "colours"),
            )


def _all_of(good: Any, triangles: Longs) -> Bools:
    """Which triangles have nothing but good corners."""
    found: Bools = good[triangles].all(1)
    return found


def _finite(values: Doubles, what: str) -> Floats:
    narrow: Floats = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        raise UserError(f"{what}: must be finite, as 32-bit numbers too")
    return narrow
