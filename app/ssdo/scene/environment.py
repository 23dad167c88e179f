"""Environment light as lat-long maps: mip levels, irradiance, importance sampling, and extraction of the sun.

A map is (h, w, 3) float32, linear radiance, row 0 at the zenith. Column u = atan2(x, -z) / 2 pi: north (-z) at u = 0,
east (+x) at u = 0.25. No OpenGL here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ssdo.arrays import Bools, Doubles, Floats
from ssdo.scene.files.errors import quote_name
from ssdo.scene.files.file_cache import FileCache
from ssdo.scene.files.radiance import clip_radiance
from ssdo.scene.model import DirectionalLight
from ssdo.scene.skies import BUILT_IN_SKIES, SUN_DEPENDENT_SKIES, latlong_directions
from ssdo.settings import UserError, Vec3, suggest

ENVIRONMENT_SUFFIXES = (".hdr", ".exr")
MAX_MAP_SIDE = 16384  # rows or columns: the texture size that all GPUs support
# Brighter radiance L is clipped. The sun's disc has 2e7 W/(m^2 sr) or 1.6e9 cd/m^2. Below the largest float, 3.4e38,
# must stay: radiance over the probability of a texel, 4e10 L, times `sky.intensity`, 1e4 at most; and the sum of the
# squares of irradiance, pi L times 1e4, over thousands of frames.
MAX_RADIANCE = 1e12
MAX_ASPECT_ERROR = 0.01  # a lat-long map is twice as wide as high
# Columns of the finest prefiltered level: 0.7 degrees, finer than the solid angle of 256 x 16 samples.
MAX_PREFILTERED_WIDTH = 512
IRRADIANCE_ROWS, IRRADIANCE_COLUMNS = 33, 64  # interpolation errs by at most 0.12 % of the map's contrast
# Texels a side of each cell of an octahedral map, which is read without interpolation.
TEXELS_PER_CELL = 8

# Importance sampling.
BRIGHT_RATIO = 2.5  # radiance cap over mean radiance; smaller values cost more rays, larger ones more variance
MAX_BRIGHT_TEXELS = 1 << 20
CDF_SCALE = 1 << 24  # the CDF's integers end here: up to here they are exact as float32

# Extraction of the sun.
SUN_RADIUS = 2.0  # degrees around the brightest texel that a sun lies within
SUN_CONTRAST = 10.0  # least radiance of a sun's texel, over the mean of the ring from one to two radii
MIN_SUN_MAP_SIDE = 64  # rows and columns: coarser maps have no sun
MIN_SUN_FRACTION = 0.05  # least irradiance of a sun, over that of a uniform map of the same mean


class EnvironmentSampling(NamedTuple):
    """A map as the sum of two, so that rays can be aimed at the brighter one.

    Radiance up to a cap is in `capped`, the remainder in `bright_texels`, by channel. The cap is the same for all
    texels, so the sum equals the map between texels, too.
    """

    capped: Floats  # (h, w, 3)
    # (n, 2, 4): CDF times CDF_SCALE, column, row; then the remainder over the texel's probability
    bright_texels: Floats
    bright_power: float  # sum of remainder times sin(theta) over texels and channels: what the CDF is normalised by


class SunExtraction(NamedTuple):
    """An environment without its sun, and that sun. Together they have the light of the original map."""

    environment: Environment  # the original one, if there is no sun
    sun: DirectionalLight | None  # for sky rotation 0 and intensity 1


@dataclass(frozen=True, eq=False)
class Environment:
    """Radiance from every direction."""

    radiance: Floats  # (h, w, 3), any size
    notes: tuple[str, ...] = ()  # what a user should know of its file, a line each

    @cached_property
    def levels(self) -> tuple[Floats, ...]:
        """The map at 2^k x 2^(k-1) and its mip levels down to 1 x 1. Texels are means over their solid angle."""
        columns = 1 << min(int(np.log2(max(self.radiance.shape[1], 2))), int(np.log2(MAX_PREFILTERED_WIDTH)))
        levels = [_resample(self.radiance, max(columns // 2, 1), columns)]
        while columns > 1:
            columns //= 2
            levels.append(_resample(levels[-1], max(columns // 2, 1), columns))
        return tuple(levels)

    def resample_octahedral(self, cells: int) -> Floats:
        """The map on an equal-area octahedron that is unfolded to a square, blurred by a tent over two cells.

        Returns (TEXELS_PER_CELL * cells, same, 3) mean radiance: y up in the centre, x to the right, z down. All cells
        have the same solid angle, so no light is lost between them (Clarberg, Fast Equal-Area Mapping of the
        (Hemi)Sphere Using SIMD, 2008).
        """
        level = next(level for level in reversed(self.levels) if level.shape[1] >= 8 * cells or level is self.levels[0])
        # Subdivide texels, so that a texel on a cell's edge contributes to both sides.
        subdivision = max(8 * cells // level.shape[1], 1) + 1
        rows, columns = (subdivision * n for n in level.shape[:2])
        theta = (np.arange(rows) + 0.5) * np.pi / rows
        w = latlong_directions(theta, (np.arange(columns) + 0.5) / columns)
        column, row = np.moveaxis(np.minimum((_unfold_octahedron(w) * cells).astype("i8"), cells - 1), -1, 0)
        cell, weight = (row * cells + column).ravel(), np.repeat(np.sin(theta), columns)
        radiance = np.repeat(np.repeat(level, subdivision, 0), subdivision, 1).reshape(-1, 3)
        total = np.bincount(cell, weight, cells * cells)
        sums = np.stack([np.bincount(cell, weight * channel, cells * cells) for channel in radiance.T], -1)
        mean = (sums / total[:, None]).reshape(cells, cells, 3)
        return np.ascontiguousarray(_upsample_octahedral(mean), "f4")

    @cached_property
    def sampling(self) -> EnvironmentSampling:
        """The split for importance sampling. A map without contrast has no bright texels."""
        peak = self.radiance.max(-1)
        cap = np.float32(BRIGHT_RATIO * self.levels[-1].mean())
        if peak.size > MAX_BRIGHT_TEXELS:
            cap = max(cap, np.partition(peak, -MAX_BRIGHT_TEXELS, None)[-MAX_BRIGHT_TEXELS])
        row, column = np.nonzero(peak > cap)
        remainder = np.maximum(self.radiance[row, column].astype("f8") - cap, 0)
        power = remainder.sum(1) * np.sin((row + 0.5) * np.pi / len(peak))
        # Every bright texel gets at least one step of the CDF, however dim it is.
        shared_steps = np.cumsum(power) / max(power.sum(), 1e-300) * (CDF_SCALE - len(row))
        cdf = np.round(shared_steps) + np.arange(1, len(row) + 1)
        bright_texels = np.zeros((len(row), 2, 4), "f4")
        bright_texels[:, 0, :3] = np.stack([cdf, column, row], 1)
        bright_texels[:, 1, :3] = remainder * (CDF_SCALE / np.diff(cdf, prepend=0.0))[:, None]
        return EnvironmentSampling(np.minimum(self.radiance, cap), bright_texels, float(power.sum()))

    @cached_property
    def sun_extraction(self) -> SunExtraction:
        """The map without its sun, and the sun. See `extract_sun`."""
        return extract_sun(self)

    @cached_property
    def irradiance(self) -> Floats:
        """Irradiance (IRRADIANCE_ROWS, IRRADIANCE_COLUMNS, 3) by the surface's normal.

        The first and the last row are the poles, so that a floor's normal needs no interpolation. It is a
        cosine-weighted sum over a coarse level, scaled so that constant radiance L gives exactly pi L.
        """
        coarse = next(level for level in self.levels if level.shape[1] <= 128)
        rows, columns = max(coarse.shape[0], 64), max(coarse.shape[1], 128)
        coarse = np.repeat(np.repeat(coarse, rows // coarse.shape[0], 0), columns // coarse.shape[1], 1)
        theta = (np.arange(rows) + 0.5) * np.pi / rows
        w = latlong_directions(theta, (np.arange(columns) + 0.5) / columns).reshape(-1, 3)
        solid_angle = np.sin(theta) * np.sin(np.pi / rows / 2) * 4 * np.pi / columns  # of a texel, by row
        normals = latlong_directions(np.linspace(0, np.pi, IRRADIANCE_ROWS), np.zeros(1)).reshape(-1, 3)
        weights = np.maximum(normals @ w.T, 0) * np.repeat(solid_angle, columns)
        weights *= np.pi / weights.sum(1, keepdims=True)
        # A normal that is rotated about the zenith sees the map rotated back, so each row needs one set of weights.
        doubled = np.concatenate([coarse, coarse], 1)
        # (rows, normals, 3, columns)
        rotated = sliding_window_view(doubled, columns, 1)[:, : -1 : columns // IRRADIANCE_COLUMNS]
        radiance = rotated.transpose(0, 3, 1, 2).reshape(rows * columns, -1)
        irradiance: Floats = (weights.astype("f4") @ radiance).reshape(IRRADIANCE_ROWS, IRRADIANCE_COLUMNS, 3)
        return irradiance


# ---- resampling ------------------------------------------------------------------------------------------------------


def _unfold_octahedron(w: Doubles) -> Doubles:
    """Unit vectors (..., 3) to the equal-area unfolded octahedron, (..., 2) from 0 to 1."""
    radius = np.sqrt(1 - np.abs(w[..., 1]))
    turn = np.arctan2(np.abs(w[..., 2]), np.abs(w[..., 0])) * (2 / np.pi)
    p = np.stack([radius * (1 - turn), radius * turn], -1)
    p = np.where(w[..., 1:2] < 0, 1 - p[..., ::-1], p) * np.where(w[..., (0, 2)] < 0, -1, 1)
    unfolded: Doubles = 0.5 * p + 0.5
    return unfolded


def _upsample_octahedral(cells: Doubles) -> Doubles:
    """Interpolate an octahedral map (n, n, k) at TEXELS_PER_CELL as many texels a side.

    Beyond an edge the map continues at the same edge, mirrored.
    """
    tall = np.concatenate([cells[:1, ::-1], cells, cells[-1:, ::-1]])
    padded = np.concatenate([tall[::-1, :1], tall, tall[::-1, -1:]], 1)
    position = (np.arange(len(cells) * TEXELS_PER_CELL) + 0.5) / TEXELS_PER_CELL + 0.5
    low = position.astype("i8")
    fraction = (position - low)[:, None, None]
    rows = padded[low] * (1 - fraction) + padded[low + 1] * fraction
    columns = rows.swapaxes(0, 1)
    texels: Doubles = (columns[low] * (1 - fraction) + columns[low + 1] * fraction).swapaxes(0, 1)
    return texels


def _resample(radiance: Floats, rows: int, columns: int) -> Floats:
    """Resample a lat-long map by mean over solid angle, which is proportional to cos(theta)."""
    h, w = radiance.shape[:2]
    old_edges, new_edges = (-np.cos(np.linspace(0, np.pi, n + 1)) for n in (h, rows))
    resampled_rows = _average_intervals(radiance, old_edges, new_edges)
    old_edges, new_edges = (np.linspace(0, 1, n + 1) for n in (w, columns))
    resampled = _average_intervals(resampled_rows.swapaxes(0, 1), old_edges, new_edges)
    return np.ascontiguousarray(resampled.swapaxes(0, 1))


def _average_intervals(values: Floats, edges: Doubles, new_edges: Doubles) -> Floats:
    """Means over new intervals along the first axis: (n, ...) between n + 1 edges to (m, ...) between m + 1.

    Each interval reads only what it overlaps, so large maps are read once.
    """
    means = np.empty((len(new_edges) - 1, *values.shape[1:]), "f4")
    first = np.maximum(np.searchsorted(edges, new_edges[:-1], "right") - 1, 0)
    end = np.minimum(np.searchsorted(edges, new_edges[1:], "left"), len(values))
    for i, (a, b) in enumerate(zip(first, end, strict=True)):
        overlap = np.minimum(edges[a + 1 : b + 1], new_edges[i + 1]) - np.maximum(edges[a:b], new_edges[i])
        means[i] = np.tensordot(overlap / overlap.sum(), values[a:b], 1)
    return means


# ---- extraction of the sun -------------------------------------------------------------------------------------------


class BrightSpot(NamedTuple):
    """The texels of a sun, in a band of rows. Arrays are (rows, w)."""

    rows: slice
    texels: Bools
    surroundings: Bools  # texels that the spot is filled from
    directions: Doubles  # (rows, w, 3)
    solid_angle: Doubles


def extract_sun(environment: Environment) -> SunExtraction:
    """Separate a sun from a map, and fill its place with the mean of its surroundings where they are darker.

    A sun lies within SUN_RADIUS of the brightest texel, or within two texels if these are wider than a degree. It is
    brighter than the ring around it by SUN_CONTRAST; windows and softboxes reach into that ring. It brings at least
    MIN_SUN_FRACTION of the light.

    Its direction and irradiance are those of the vector irradiance of what is removed. So the remaining map and the sun
    together give the irradiance of the whole map, on every surface that all of the spot shines on.
    """
    spot = _find_bright_spot(environment.radiance)
    if spot is None:
        return SunExtraction(environment, None)
    band, fill_weights = environment.radiance[spot.rows], spot.solid_angle[spot.surroundings, None]
    fill = ((band[spot.surroundings] * fill_weights).sum(0) / fill_weights.sum()).astype("f4")
    filled = np.minimum(band[spot.texels], fill)
    removed, solid_angle = band[spot.texels].astype("f8") - filled, spot.solid_angle[spot.texels, None]
    vector_irradiance = (removed * solid_angle).T @ spot.directions[spot.texels]  # by channel
    direction = vector_irradiance.sum(0) / np.linalg.norm(vector_irradiance.sum(0))
    irradiance = np.maximum(vector_irradiance @ direction, 0)
    if irradiance.mean() < MIN_SUN_FRACTION * np.pi * environment.levels[-1].mean():
        return SunExtraction(environment, None)
    remaining = environment.radiance.copy()
    remaining[spot.rows][spot.texels] = filled
    azimuth = np.degrees(np.arctan2(direction[0], -direction[2])) % 360
    elevation = np.degrees(np.arcsin(np.clip(direction[1], -1, 1)))
    peak = float(irradiance.max())
    r, g, b = (float(e) / peak for e in irradiance)
    # The solid angle of a disc of even radiance with the same first two moments.
    grey = removed.mean(1, keepdims=True)
    disc = (grey * solid_angle).sum() ** 2 / (grey**2 * solid_angle).sum()
    angular_diameter = float(np.degrees(2 * np.arccos(1 - disc / (2 * np.pi))))
    sun = DirectionalLight(float(azimuth), float(elevation), peak, (r, g, b), angular_diameter)
    return SunExtraction(Environment(remaining), sun)


def _find_bright_spot(radiance: Floats) -> BrightSpot | None:
    """Find the texels of a sun. `extract_sun` states the rule."""
    h, w = radiance.shape[:2]
    if min(h, w) < MIN_SUN_MAP_SIDE:
        return None
    grey = radiance @ np.full(3, 1 / 3, "f4")
    theta, u = (np.arange(h) + 0.5) * np.pi / h, (np.arange(w) + 0.5) / w
    row, column = np.unravel_index(grey.argmax(), grey.shape)
    center = latlong_directions(theta[[row]], u[[column]])[0, 0]
    radius = np.radians(max(SUN_RADIUS, 360.0 / h))
    for _ in range(3):  # the brightest texel may lie at the edge of the disc
        center_theta = np.arccos(np.clip(center[1], -1, 1))
        low, high = np.searchsorted(theta, (center_theta - 2 * radius, center_theta + 2 * radius))
        directions = latlong_directions(theta[low:high], u)
        row_edges = np.cos(np.arange(low, high + 1) * np.pi / h)
        solid_angle = 2 * np.pi / w * -np.diff(row_edges)[:, None] + np.zeros(w)
        power, angle = grey[low:high] * solid_angle, np.arccos(np.clip(directions @ center, -1, 1))
        ring = (angle > radius) & (angle <= 2 * radius)
        has_contrast = grey[low:high] * solid_angle[ring].sum() > SUN_CONTRAST * power[ring].sum()
        texels = (angle <= radius) & has_contrast
        if not ring.any() or not texels.any():
            return None
        center = (power[texels, None] * directions[texels]).sum(0)
        center /= np.linalg.norm(center)
    surroundings = (angle <= 2 * (angle[texels].max() + np.pi / h)) & ~texels
    return BrightSpot(slice(low, high), texels, surroundings, directions, solid_angle)


# ---- loading ---------------------------------------------------------------------------------------------------------


def load_environment(name: str, sun_direction: Vec3) -> Environment:
    """Load a built-in environment, or an .hdr or .exr file by its path; the last few are cached.

    `sun_direction` is the unit vector towards the sun, which some skies follow. Raises UserError for an environment
    that does not exist or cannot be read.
    """
    if name in BUILT_IN_SKIES:
        return _build_sky(name, sun_direction if name in SUN_DEPENDENT_SKIES else (0.0, 1.0, 0.0))
    path = _parse_path(name)
    return _files.load(path, lambda: _read_file(path))


def list_environment_notes(name: str) -> tuple[str, ...]:
    """What a user should know of an environment's file, a line each. Raises UserError as `load_environment` does."""
    return () if name in BUILT_IN_SKIES else load_environment(name, (0.0, 1.0, 0.0)).notes


def compute_environment_digest(name: str) -> str:
    """A digest of the contents of an environment's file; empty for a built-in one. Raises UserError."""
    if name in BUILT_IN_SKIES:
        return ""
    path = _parse_path(name)
    return _files.compute_digest(path, lambda: _read_file(path))


_files: FileCache[Environment] = FileCache(max_entries=2)


@lru_cache(4)
def _build_sky(name: str, sun_direction: Vec3) -> Environment:
    return Environment(BUILT_IN_SKIES[name](sun_direction))


def _parse_path(name: str) -> Path:
    """The path of an environment's file, which may not exist. Raises UserError for another kind of file."""
    path = Path(name)
    if path.suffix.lower() not in ENVIRONMENT_SUFFIXES:
        suffixes = " or ".join(ENVIRONMENT_SUFFIXES)
        hint = f"{suggest(name, BUILT_IN_SKIES)}, or give a path to an {suffixes} file"
        raise UserError(f"no environment {quote_name(name)}{hint}")
    return path


def _read_file(path: Path) -> Environment:
    notes: list[str] = []
    radiance = clip_radiance(_read_radiance(path, notes), MAX_RADIANCE, notes)
    h, w = radiance.shape[:2]
    if abs(w / (2 * h) - 1) > MAX_ASPECT_ERROR:
        notes.append(f"is {w} x {h}; a lat-long map is twice as wide as high: it is stretched over the whole sphere")
    if max(h, w) > MAX_MAP_SIDE:
        radiance = _resample(radiance, min(h, MAX_MAP_SIDE), min(w, MAX_MAP_SIDE))
    return Environment(radiance, tuple(notes))


def _read_radiance(path: Path, notes: list[str]) -> Floats:
    """Readers are imported when they are needed."""
    if path.suffix.lower() == ".exr":
        from ssdo.scene.files.exr import read_exr

        return read_exr(path, notes)
    from ssdo.scene.files.hdr import read_hdr

    return read_hdr(path, notes)
