"""The light that comes from far away, as lat-long maps: what is seen, what a sample of some solid angle sees, irradiance.

A map is (h, w, 3) float32, linear radiance, row 0 at the zenith. Column u = atan2(x, -z) / 2 pi: north (-z) at u = 0, east (+x)
at a quarter. No OpenGL here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.loading import hdr
from app.scene import Floats
from app.settings import Problem, Vec3, suggestion

Doubles = npt.NDArray[np.float64]

WIDEST = 512  # columns of the finest prefiltered level: 0.7 degrees, finer than the solid angle of 256 x 16 samples
# Times the mean radiance: what is above is met by rays of its own. At 2.5, 4 and 8 the variance of 4 rays a pixel in the courtyard is 0.6,
# 0.9 and 1 of what it is without under the built-in sky, and 0.03, 0.05 and 0.12 in a sky with two soft patches, for 1.4 times the time.
BRIGHT = 2.5
MOST = 1 << 20  # bright texels
SHARES = 1 << 24  # into so many parts light is divided: whole numbers up to here are exact as float32
IRRADIANCE_ROWS, IRRADIANCE_COLUMNS = 33, 64  # interpolation errs by at most 0.12 % of the map's contrast


class Split(NamedTuple):
    """A map as two that add up to it, so that rays can be aimed at the brighter. `dim` (h, w, 3) is the radiance up to a cap, by
    channel. `bright` (n, 2, 4) are the texels with a remainder: the running sum of their shares of its light, in parts of SHARES,
    then column and row; radiance over that share. As the cap is the same for all texels the sum is the map between them too.
    """

    dim: Floats
    bright: Floats


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

    @cached_property
    def split(self) -> Split:
        """What rays in all directions may be left to find, and what they should be aimed at. Maps without contrast are all dim."""
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
        return Split(np.minimum(self.radiance, cap), bright)

    @cached_property
    def irradiance(self) -> Floats:
        """Irradiance by normal, (rows, columns, 3). First and last row are the poles, so that a floor's normal needs no
        interpolation. Cosine-weighted sum over a coarse level, scaled so that constant radiance L gives exactly pi L."""
        coarse = next(level for level in self.levels if level.shape[1] <= 128)
        rows, columns = (max(n, m) for n, m in zip(coarse.shape, (64, 128), strict=False))
        coarse = np.repeat(np.repeat(coarse, rows // coarse.shape[0], 0), columns // coarse.shape[1], 1)
        theta = (np.arange(rows) + 0.5) * np.pi / rows
        w = directions(theta, (np.arange(columns) + 0.5) / columns).reshape(-1, 3)
        angle = np.sin(theta) * np.sin(np.pi / rows / 2) * 4 * np.pi / columns  # solid angle of a texel, by row
        light, solid = (coarse * angle[:, None, None]).reshape(-1, 3), np.repeat(angle, columns)
        normals = directions(np.linspace(0, np.pi, IRRADIANCE_ROWS), np.arange(IRRADIANCE_COLUMNS) / IRRADIANCE_COLUMNS).reshape(-1, 3)
        cosine = np.maximum(normals.astype("f4") @ w.T.astype("f4"), 0)
        total = cosine @ light.astype("f4") * (np.pi / (cosine @ solid.astype("f4")))[:, None]
        found: Floats = total.reshape(IRRADIANCE_ROWS, IRRADIANCE_COLUMNS, 3).astype("f4")
        return found


def directions(theta: Doubles, u: Doubles) -> Doubles:
    """Unit vectors (rows, columns, 3) for angles from the zenith (radians) and columns 0 to 1."""
    sin, phi = np.sin(theta)[:, None], 2 * np.pi * u[None]
    return np.stack([sin * np.sin(phi), np.cos(theta)[:, None] + 0 * phi, -sin * np.cos(phi)], -1)


def _overlap(edges_from: Doubles, edges_to: Doubles) -> Doubles:
    """How much of each interval of the one lies in each of the other, as shares that sum to 1: (to, from)."""
    low = np.maximum(edges_from[None, :-1], edges_to[:-1, None])
    high = np.minimum(edges_from[None, 1:], edges_to[1:, None])
    share = np.maximum(high - low, 0)
    total: Doubles = share / share.sum(1, keepdims=True)
    return total


def _averaged(radiance: Floats, rows: int, columns: int) -> Floats:
    """Resampled by mean over solid angle: heights are compared by cos(theta), which is area on the sphere."""
    h, w = radiance.shape[:2]
    down = _overlap(-np.cos(np.linspace(0, np.pi, h + 1)), -np.cos(np.linspace(0, np.pi, rows + 1)))
    across = _overlap(np.linspace(0, 1, w + 1), np.linspace(0, 1, columns + 1))
    averaged: Floats = np.matmul(across, np.tensordot(down, radiance, 1)).astype("f4")
    return averaged


# ---- built in -----------------------------------------------------------------------------------------------------------


def white(sun: Vec3) -> Floats:
    """Radiance 1 from everywhere."""
    return np.ones((1, 2, 3), "f4")


def black(sun: Vec3) -> Floats:
    """No light."""
    return np.zeros((1, 2, 3), "f4")


def half(sun: Vec3) -> Floats:
    """1 above the horizon, 0 below."""
    return np.repeat(np.array([1, 0], "f4"), 128 * 512 * 3).reshape(256, 512, 3)


def _ramp(axis: int) -> Callable[[Vec3], Floats]:
    def ramp(sun: Vec3) -> Floats:
        w = directions((np.arange(256) + 0.5) * np.pi / 256, (np.arange(512) + 0.5) / 512)
        return np.repeat(1 + w[..., axis : axis + 1], 3, 2).astype("f4")

    ramp.__doc__ = f"1 + w.{'xyz'[axis]}: the linear environment of analytic tests."
    return ramp


def sky(sun: Vec3) -> Floats:
    """A clear sky around the sun's direction, without its disc; horizontal irradiance 2; grey ground of albedo 0.25.

    Preetham, Shirley, Smits: A Practical Analytic Model for Daylight, SIGGRAPH 1999, turbidity 2.5.
    """
    turbidity, irradiance, ground = 2.5, 2.0, 0.25
    h, w = 128, 256
    v = directions((np.arange(h) + 0.5) * np.pi / h, (np.arange(w) + 0.5) / w)
    towards = np.array(sun)
    towards[1] = max(towards[1], 0.05)  # the model ends at the horizon
    towards /= np.linalg.norm(towards)
    cos_theta, cos_sun = np.maximum(v[..., 1], 0.02), towards[1]
    gamma, theta_sun = np.arccos(np.clip(v @ towards, -1, 1)), np.arccos(cos_sun)

    def perez(c: tuple[float, ...], cos_angle: Doubles | float, g: Doubles | float) -> Doubles:
        return (1 + c[0] * np.exp(c[1] / np.asarray(cos_angle))) * (1 + c[2] * np.exp(c[3] * np.asarray(g)) + c[4] * np.cos(g) ** 2)

    t = turbidity
    coefficients = {
        "Y": (0.1787 * t - 1.4630, -0.3554 * t + 0.4275, -0.0227 * t + 5.3251, 0.1206 * t - 2.5771, -0.0670 * t + 0.3703),
        "x": (-0.0193 * t - 0.2592, -0.0665 * t + 0.0008, -0.0004 * t + 0.2125, -0.0641 * t - 0.8989, -0.0033 * t + 0.0452),
        "y": (-0.0167 * t - 0.2608, -0.0950 * t + 0.0092, -0.0079 * t + 0.2102, -0.0441 * t - 1.6537, -0.0109 * t + 0.0529),
    }
    powers = np.array([theta_sun**3, theta_sun**2, theta_sun, 1])
    zenith = {
        "Y": 1.0,  # scaled below
        "x": np.array([t * t, t, 1])
        @ np.array([[0.00166, -0.00375, 0.00209, 0], [-0.02903, 0.06377, -0.03202, 0.00394], [0.11693, -0.21196, 0.06052, 0.25886]])
        @ powers,
        "y": np.array([t * t, t, 1])
        @ np.array([[0.00275, -0.00610, 0.00317, 0], [-0.04214, 0.08970, -0.04153, 0.00516], [0.15346, -0.26756, 0.06670, 0.26688]])
        @ powers,
    }
    lum, x, y = (zenith[k] * perez(c, cos_theta, gamma) / perez(c, 1.0, theta_sun) for k, c in coefficients.items())
    xyz = np.stack([x / y * lum, lum, (1 - x - y) / y * lum], -1)
    rgb = np.maximum(xyz @ np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]).T, 0)
    solid = np.maximum(v[..., 1:2], 0) * np.sin((np.arange(h) + 0.5) * np.pi / h)[:, None, None] * (np.pi / h) * (2 * np.pi / w)
    below = v[..., 1] < 0
    rgb *= irradiance / (rgb * solid).sum((0, 1)).mean()
    rgb[below] = ground * irradiance / np.pi
    found: Floats = rgb.astype("f4")
    return found


BUILT_IN: dict[str, Callable[[Vec3], Floats]] = {"white": white, "black": black, "half": half, "sky": sky} | {
    f"ramp-{a}": _ramp(i) for i, a in enumerate("xyz")
}


def load(name: str, sun: Vec3) -> Environment:
    """The environment of a built-in name or a path to an .hdr file. `sun`: unit vector towards the sun, which the sky follows.

    Raises Problem for what does not exist or cannot be read.
    """
    if name in BUILT_IN:
        return _built_in(name, sun if name == "sky" else (0.0, 1.0, 0.0))
    path = Path(name)
    if path.suffix.lower() == ".hdr":
        return _file(path, path.stat().st_mtime_ns if path.is_file() else 0)
    raise Problem(f"no environment {name}{suggestion(name, BUILT_IN)}, or give a path to an .hdr file")


@lru_cache(4)
def _built_in(name: str, sun: Vec3) -> Environment:
    return Environment(BUILT_IN[name](sun))


@lru_cache(2)
def _file(path: Path, changed: int) -> Environment:
    return Environment(hdr.load(path))
