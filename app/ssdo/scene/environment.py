"""The light that comes from far away, as lat-long maps: what is seen, what a sample of some solid angle sees,
irradiance.

A map is (h, w, 3) float32, linear radiance, row 0 at the zenith. Column u = atan2(x, -z) / 2 pi: north (-z) at u = 0,
east (+x) at a quarter. No OpenGL here.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from ssdo.scene import skies
from ssdo.scene.model import Floats, Sunlight
from ssdo.scene.skies import Doubles
from ssdo.scene.skies import directions as directions
from ssdo.settings import UserError, Vec3, suggest

WIDEST = 512  # columns of the finest prefiltered level: 0.7 degrees, finer than the solid angle of 256 x 16 samples
# Times the mean radiance: what is above is met by rays of its own. At 2.5, 4 and 8 the variance of 4 rays a pixel in
# the courtyard is 0.6, 0.9 and 1 of what it is without under the built-in sky, and 0.03, 0.05 and 0.12 in a sky with
# two soft patches, for 1.4 times the time.
BRIGHT = 2.5
MOST = 1 << 20  # bright texels
SHARES = 1 << 24  # into so many parts light is divided: whole numbers up to here are exact as float32
LARGEST = 16384  # columns or rows of what is seen: as large as textures can be everywhere
SPOT = 2.0  # degrees: a sun lies within, around its brightest place
CONTRAST = 10.0  # times the mean radiance of the ring from there to twice as far: what is brighter belongs to it
FINE = 64  # rows and columns: in coarser maps nothing is small
LEAST = 0.05  # of the irradiance that the whole map brings, were it the same from everywhere: less is no sun
# texels a side of each cell of a map that is read without interpolation: with one, direct light of two scenes was off
# by 1 to 2 %
FINER = 8
IRRADIANCE_ROWS, IRRADIANCE_COLUMNS = 33, 64  # interpolation errs by at most 0.12 % of the map's contrast


class Split(NamedTuple):
    """A map as two that add up to it, so that rays can be aimed at the brighter. `dim` (h, w, 3) is the radiance up to
    a cap, by channel. `bright` (n, 2, 4) are the texels with a remainder: the running sum of their shares of its light,
    in parts of SHARES, then column and row; radiance over that share. As the cap is the same for all texels the sum is
    the map between them too. `light` is what is shared out: the sum over texels and channels of remainder times
    sin(theta).
    """

    dim: Floats
    bright: Floats
    light: float


class Extracted(NamedTuple):
    """An environment without its sun, and that sun: together they bring the light of the whole."""

    rest: Environment
    sun: Sunlight | None  # as the map hangs unturned, for intensity 1; None: there is none, and the rest is the whole
    size: float = 0.0  # its angular diameter, degrees


@dataclass(frozen=True, eq=False)
class Environment:
    """Radiance from every direction. (h, w, 3) float32, any size."""

    radiance: Floats

    @cached_property
    def levels(self) -> tuple[Floats, ...]:
        """The map at 2^k x 2^(k-1) and halved down to 1 x 1; every texel is the mean radiance over its solid angle."""
        columns = 1 << min(int(np.log2(max(self.radiance.shape[1], 2))), int(np.log2(WIDEST)))
        levels = [_averaged(self.radiance, max(columns // 2, 1), columns)]
        while columns > 1:
            columns //= 2
            levels.append(_averaged(levels[-1], max(columns // 2, 1), columns))
        return tuple(levels)

    def around(self, cells: int) -> Floats:
        """(FINER cells, FINER cells, 3) mean radiance of the directions around each, as wide as a tent over two cells
        of an octahedron that is unfolded to a square: y up in the middle, x to the right, z down. All cells have the
        same solid angle, so that no light is lost between them (Clarberg, Fast Equal-Area Mapping of the (Hemi)Sphere
        Using SIMD, 2008).
        """
        level = next(level for level in reversed(self.levels) if level.shape[1] >= 8 * cells or level is self.levels[0])
        parts = max(8 * cells // level.shape[1], 1) + 1  # a side: of a texel on an edge, each side gets its part
        rows, columns = (parts * n for n in level.shape[:2])
        theta = (np.arange(rows) + 0.5) * np.pi / rows
        w = directions(theta, (np.arange(columns) + 0.5) / columns)
        far, turn = np.sqrt(1 - np.abs(w[..., 1])), np.arctan2(np.abs(w[..., 2]), np.abs(w[..., 0])) * (2 / np.pi)
        p = np.stack([far * (1 - turn), far * turn], -1)
        p = np.where(w[..., 1:2] < 0, 1 - p[..., ::-1], p) * np.where(w[..., (0, 2)] < 0, -1, 1)
        column, row = np.moveaxis(np.minimum(((0.5 * p + 0.5) * cells).astype("i8"), cells - 1), -1, 0)
        cell, solid = (row * cells + column).ravel(), np.repeat(np.sin(theta), columns)
        light = np.repeat(np.repeat(level, parts, 0), parts, 1).reshape(-1, 3)
        total = np.bincount(cell, solid, cells * cells)
        mean = np.stack([np.bincount(cell, solid * channel, cells * cells) for channel in light.T], -1) / total[:, None]
        return np.ascontiguousarray(_finer(mean.reshape(cells, cells, 3)), "f4")

    @cached_property
    def split(self) -> Split:
        """What rays in all directions may be left to find, and what they should be aimed at. Maps without contrast are
        all dim.
        """
        peak = self.radiance.max(-1)
        cap = np.float32(BRIGHT * self.levels[-1].mean())
        if peak.size > MOST:
            cap = max(cap, np.partition(peak, -MOST, None)[-MOST])
        row, column = np.nonzero(peak > cap)
        rest = np.maximum(self.radiance[row, column].astype("f8") - cap, 0)
        light = rest.sum(1) * np.sin((row + 0.5) * np.pi / len(peak))
        # Every texel has a part at least, so that none is left out, however weak.
        until = np.round(np.cumsum(light) / max(light.sum(), 1e-300) * (SHARES - len(row))) + np.arange(1, len(row) + 1)
        bright = np.zeros((len(row), 2, 4), "f4")
        bright[:, 0, :3] = np.stack([until, column, row], 1)
        bright[:, 1, :3] = rest * (SHARES / np.diff(until, prepend=0.0))[:, None]
        return Split(np.minimum(self.radiance, cap), bright, float(light.sum()))

    @cached_property
    def extracted(self) -> Extracted:
        """The map without its sun, and the sun.

        A sun is what is within 2 degrees of the brightest texel and 10 times as bright as the ring from 2 to 4 degrees
        is in the mean; in maps with texels wider than a degree, within two of them; in those of less than 64 rows or
        columns there is none. A window or a softbox reaches into the ring, and so is none; nor is what brings less than
        a twentieth of the light. It is filled with the mean of its surroundings, as far as these are no brighter.
        """
        return _without_sun(self)

    @cached_property
    def irradiance(self) -> Floats:
        """Irradiance by normal, (rows, columns, 3). First and last row are the poles, so that a floor's normal needs no
        interpolation. Cosine-weighted sum over a coarse level, scaled so that constant radiance L gives exactly pi
        L.
        """
        coarse = next(level for level in self.levels if level.shape[1] <= 128)
        rows, columns = (max(n, m) for n, m in zip(coarse.shape, (64, 128), strict=False))
        coarse = np.repeat(np.repeat(coarse, rows // coarse.shape[0], 0), columns // coarse.shape[1], 1)
        theta = (np.arange(rows) + 0.5) * np.pi / rows
        w = directions(theta, (np.arange(columns) + 0.5) / columns).reshape(-1, 3)
        angle = np.sin(theta) * np.sin(np.pi / rows / 2) * 4 * np.pi / columns  # solid angle of a texel, by row
        normals = directions(np.linspace(0, np.pi, IRRADIANCE_ROWS), np.zeros(1)).reshape(-1, 3)
        cosine = np.maximum(normals @ w.T, 0) * np.repeat(angle, columns)
        cosine *= np.pi / cosine.sum(1, keepdims=True)
        # Turned about the zenith, a normal sees what another of its row sees of the map that is turned back: the
        # weights are made once for a row.
        twice = np.concatenate([coarse, coarse], 1)
        # (rows, normals, 3, columns)
        turned = sliding_window_view(twice, columns, 1)[:, : -1 : columns // IRRADIANCE_COLUMNS]
        light = turned.transpose(0, 3, 1, 2).reshape(rows * columns, -1)
        found: Floats = (cosine.astype("f4") @ light).reshape(IRRADIANCE_ROWS, IRRADIANCE_COLUMNS, 3)
        return found


def _finer(unfolded: Doubles) -> Doubles:
    """An unfolded octahedron (n, n, k), interpolated at FINER times as many places a side. Beyond an edge it goes on at
    the same edge, mirrored.
    """
    tall = np.concatenate([unfolded[:1, ::-1], unfolded, unfolded[-1:, ::-1]])
    padded = np.concatenate([tall[::-1, :1], tall, tall[::-1, -1:]], 1)
    at = (np.arange(len(unfolded) * FINER) + 0.5) / FINER + 0.5
    low = at.astype("i8")
    share = (at - low)[:, None, None]
    down = padded[low] * (1 - share) + padded[low + 1] * share
    across = down.swapaxes(0, 1)
    found: Doubles = (across[low] * (1 - share) + across[low + 1] * share).swapaxes(0, 1)
    return found


def _averaged(radiance: Floats, rows: int, columns: int) -> Floats:
    """Resampled by mean over solid angle: heights are compared by cos(theta), which is area on the sphere."""
    h, w = radiance.shape[:2]
    down = _means(radiance, -np.cos(np.linspace(0, np.pi, h + 1)), -np.cos(np.linspace(0, np.pi, rows + 1)))
    across = _means(down.swapaxes(0, 1), np.linspace(0, 1, w + 1), np.linspace(0, 1, columns + 1))
    return np.ascontiguousarray(across.swapaxes(0, 1))


def _means(values: Floats, edges: Doubles, wanted: Doubles) -> Floats:
    """Means over other intervals, along the first axis: (n, ...) between n + 1 edges -> (m, ...) between m + 1. Each
    looks only at what it overlaps, so that large maps are read once.
    """
    found = np.empty((len(wanted) - 1, *values.shape[1:]), "f4")
    first = np.maximum(np.searchsorted(edges, wanted[:-1], "right") - 1, 0)
    end = np.minimum(np.searchsorted(edges, wanted[1:], "left"), len(values))
    for i, (a, b) in enumerate(zip(first, end, strict=True)):
        share = np.minimum(edges[a + 1 : b + 1], wanted[i + 1]) - np.maximum(edges[a:b], wanted[i])
        found[i] = np.tensordot(share / share.sum(), values[a:b], 1)
    return found


# ---- the sun in a map -----------------------------------------------------------------------------------------------------


class Spot(NamedTuple):
    """A bright spot of a map, in a band of rows. Masks and angles are (rows, w)."""

    rows: slice
    texels: npt.NDArray[np.bool_]
    beside: npt.NDArray[np.bool_]  # the surroundings it is filled from
    directions: Doubles  # (rows, w, 3)
    solid: Doubles  # solid angle of each texel


def _spot(radiance: Floats) -> Spot | None:
    """See `Environment.extracted` for the rule."""
    h, w = radiance.shape[:2]
    if min(h, w) < FINE:
        return None
    light, theta, u = radiance @ np.full(3, 1 / 3, "f4"), (np.arange(h) + 0.5) * np.pi / h, (np.arange(w) + 0.5) / w
    row, column = np.unravel_index(light.argmax(), light.shape)
    towards = directions(theta[[row]], u[[column]])[0, 0]
    reach = np.radians(max(SPOT, 360.0 / h))
    for _ in range(3):  # the brightest texel may lie at the edge of the disc
        from_zenith = np.arccos(np.clip(towards[1], -1, 1))
        low, high = np.searchsorted(theta, (from_zenith - 2 * reach, from_zenith + 2 * reach))
        v = directions(theta[low:high], u)
        solid = 2 * np.pi / w * -np.diff(np.cos(np.arange(low, high + 1) * np.pi / h))[:, None] + np.zeros(w)
        power, angle = light[low:high] * solid, np.arccos(np.clip(v @ towards, -1, 1))
        ring = (angle > reach) & (angle <= 2 * reach)
        texels = (angle <= reach) & (light[low:high] * solid[ring].sum() > CONTRAST * power[ring].sum())
        if not ring.any() or not texels.any():
            return None
        towards = (power[texels, None] * v[texels]).sum(0)
        towards /= np.linalg.norm(towards)
    beside = (angle <= 2 * (angle[texels].max() + np.pi / h)) & ~texels
    return Spot(slice(low, high), texels, beside, v, solid)


def _without_sun(environment: Environment) -> Extracted:
    """See `Environment.extracted`. The sun's direction and irradiance are those of the vector irradiance of what was
    taken, so that on every surface that all of it shines on, rest and sun bring what the whole map does.
    """
    spot = _spot(environment.radiance)
    if spot is None:
        return Extracted(environment, None)
    band, around = environment.radiance[spot.rows], spot.solid[spot.beside, None]
    fill = ((band[spot.beside] * around).sum(0) / around.sum()).astype("f4")
    filled = np.minimum(band[spot.texels], fill)
    taken, solid = band[spot.texels].astype("f8") - filled, spot.solid[spot.texels, None]
    by_channel = (taken * solid).T @ spot.directions[spot.texels]
    towards = by_channel.sum(0) / np.linalg.norm(by_channel.sum(0))
    irradiance = np.maximum(by_channel @ towards, 0)
    if irradiance.mean() < LEAST * np.pi * environment.levels[-1].mean():
        return Extracted(environment, None)
    rest = environment.radiance.copy()
    rest[spot.rows][spot.texels] = filled
    grey, peak = taken.mean(1, keepdims=True), float(irradiance.max())
    # solid angle; that of a disc, where it is one of even radiance
    disc = (grey * solid).sum() ** 2 / (grey**2 * solid).sum()
    azimuth, elevation = (
        np.degrees(np.arctan2(towards[0], -towards[2])) % 360,
        np.degrees(np.arcsin(np.clip(towards[1], -1, 1))),
    )
    r, g, b = (float(e) / peak for e in irradiance)
    sun = Sunlight(float(azimuth), float(elevation), peak, (r, g, b))
    return Extracted(Environment(rest), sun, float(np.degrees(2 * np.arccos(1 - disc / (2 * np.pi)))))


# ---- by name ------------------------------------------------------------------------------------------------------------

BUILT_IN = skies.MAPS
FILES = {".hdr": "hdr", ".exr": "exr"}  # modules of scene/files, imported when one is read


def load(name: str, sun: Vec3) -> Environment:
    """The environment of a built-in name or a path to an .hdr or .exr file. `sun`: unit vector towards the sun, which
    some skies follow.

    Raises UserError for what does not exist or cannot be read.
    """
    if name in BUILT_IN:
        return _built_in(name, sun if name in skies.FOLLOWING else (0.0, 1.0, 0.0))
    path = Path(name)
    if path.suffix.lower() in FILES:
        return _file(path, path.stat().st_mtime_ns if path.is_file() else 0)
    raise UserError(f"no environment {name}{suggest(name, BUILT_IN)}, or give a path to an {' or '.join(FILES)} file")


@lru_cache(4)
def _built_in(name: str, sun: Vec3) -> Environment:
    return Environment(BUILT_IN[name](sun))


@lru_cache(2)
def _file(path: Path, changed: int) -> Environment:
    radiance: Floats = importlib.import_module(f"ssdo.scene.files.{FILES[path.suffix.lower()]}").load(path)
    h, w = radiance.shape[:2]
    return Environment(radiance if max(h, w) <= LARGEST else _averaged(radiance, min(h, LARGEST), min(w, LARGEST)))
