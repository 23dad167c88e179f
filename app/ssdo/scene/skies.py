"""Skies that need no file, as lat-long maps: pure functions of the direction in which the sun stands.

A map is (h, w, 3) float32, linear radiance, laid out as environment.py says. None has the sun's disc: that is the
scene's own light. No OpenGL here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

from ssdo.scene.model import Floats
from ssdo.settings import Vec3

Doubles = npt.NDArray[np.float64]

LOWEST = 0.05  # the sine of the lowest elevation, 2.9 degrees, for which the daylight model is asked


def directions(theta: Doubles, u: Doubles) -> Doubles:
    """Unit vectors (rows, columns, 3) for angles from the zenith (radians) and columns 0 to 1."""
    sin, phi = np.sin(theta)[:, None], 2 * np.pi * u[None]
    return np.stack([sin * np.sin(phi), np.cos(theta)[:, None] + 0 * phi, -sin * np.cos(phi)], -1)


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
    """A clear sky around the sun's direction; horizontal irradiance 2 while the sun is up; grey ground of albedo 0.25.

    Preetham, Shirley, Smits: A Practical Analytic Model for Daylight, SIGGRAPH 1999, turbidity 2.5. The model ends at
    the horizon: below it the sky of the lowest sun fades by `twilight`.
    """
    turbidity = 2.5
    h, w = 128, 256
    v = _grid(h, w)
    towards = _raised(sun)
    cos_theta, cos_sun = np.maximum(v[..., 1], 0.02), towards[1]
    gamma, theta_sun = np.arccos(np.clip(v @ towards, -1, 1)), np.arccos(cos_sun)

    def perez(c: tuple[float, ...], cos_angle: Doubles | float, g: Doubles | float) -> Doubles:
        return (1 + c[0] * np.exp(c[1] / np.asarray(cos_angle))) * (
            1 + c[2] * np.exp(c[3] * np.asarray(g)) + c[4] * np.cos(g) ** 2
        )

    t = turbidity
    coefficients = {
        "Y": (
            0.1787 * t - 1.4630,
            -0.3554 * t + 0.4275,
            -0.0227 * t + 5.3251,
            0.1206 * t - 2.5771,
            -0.0670 * t + 0.3703,
        ),
        "x": (
            -0.0193 * t - 0.2592,
            -0.0665 * t + 0.0008,
            -0.0004 * t + 0.2125,
            -0.0641 * t - 0.8989,
            -0.0033 * t + 0.0452,
        ),
        "y": (
            -0.0167 * t - 0.2608,
            -0.0950 * t + 0.0092,
            -0.0079 * t + 0.2102,
            -0.0441 * t - 1.6537,
            -0.0109 * t + 0.0529,
        ),
    }
    powers = np.array([theta_sun**3, theta_sun**2, theta_sun, 1])
    zenith = {
        "Y": 1.0,  # scaled below
        "x": np.array([t * t, t, 1])
        @ np.array(
            [
                [0.00166, -0.00375, 0.00209, 0],
                [-0.02903, 0.06377, -0.03202, 0.00394],
                [0.11693, -0.21196, 0.06052, 0.25886],
            ]
        )
        @ powers,
        "y": np.array([t * t, t, 1])
        @ np.array(
            [
                [0.00275, -0.00610, 0.00317, 0],
                [-0.04214, 0.08970, -0.04153, 0.00516],
                [0.15346, -0.26756, 0.06670, 0.26688],
            ]
        )
        @ powers,
    }
    lum, x, y = (zenith[k] * perez(c, cos_theta, gamma) / perez(c, 1.0, theta_sun) for k, c in coefficients.items())
    xyz = np.stack([x / y * lum, lum, (1 - x - y) / y * lum], -1)
    rgb = np.maximum(
        xyz @ np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]).T, 0
    )
    return _over_ground(rgb, 2.0 * twilight(sun[1]))


def twilight(sine: float) -> float:
    """What is left of the sky's light while the sun, at an elevation of that sine, is below the horizon: 1 above.

    0.4 decades a degree until 16 degrees. Under a clear sky there are some 600 lx at 0 degrees, 3.4 lx at -6, 0.008 lx
    at -12 and 0.001 lx in the night: P. K. Seidelmann, Explanatory Supplement to the Astronomical Almanac, 1992,
    section 9.35.
    """
    return float(10 ** (-0.4 * min(math.degrees(math.asin(min(max(-sine, 0.0), 1.0))), 16.0)))


def overcast(sun: Vec3) -> Floats:
    """The CIE standard overcast sky: radiance (1 + 2 sin elevation) / 3 of the zenith's, the same all around, wherever
    the sun is. Horizontal irradiance 2; grey ground of albedo 0.25. With it goes `--sun.irradiance 0`.

    P. Moon, D. E. Spencer: Illumination from a Non-Uniform Sky, 1942; CIE S 011, type 16.
    """
    v = _grid(128, 256)
    return _over_ground(np.repeat((1 + 2 * v[..., 1:2]) / 3, 3, 2), 2.0)


def sunset(sun: Vec3) -> Floats:
    """A hazy sky in which the sun stands 1.5 degrees above the horizon, in the sun's azimuth but whatever its
    elevation. Horizontal irradiance 0.8, mean over channels; ground of albedo 0.25 in its colour.

    Light scattered once, by air and haze, with the ozone that leaves the zenith blue: Nishita, Sirai, Tadamura,
    Nakamae: Display of the Earth Taking into Account Atmospheric Scattering, SIGGRAPH 1993; figures as in Hillaire: A
    Scalable and Production Ready Sky and Atmosphere Rendering Technique, EGSR 2020, table 1, with twice the haze.
    """
    whole, part = divmod(math.atan2(sun[0], -sun[2]) / (2 * math.pi) % 1 * _dusk().shape[1], 1)
    turned: Floats = (np.roll(_dusk(), int(whole), 1) * (1 - part) + np.roll(_dusk(), int(whole) + 1, 1) * part).astype(
        "f4"
    )
    return turned


@cache
def _dusk() -> Floats:
    """The sunset with the sun in the north."""
    elevation = math.radians(1.5)
    towards = np.array((0.0, math.sin(elevation), -math.cos(elevation)))
    scattering = np.array(((5.802e-3, 13.558e-3, 33.1e-3), (7.992e-3,) * 3))  # of air and haze at sea level, per km
    absorption = np.array((0.650e-3, 1.881e-3, 0.085e-3)), np.array((0.888e-3,) * 3)  # of ozone and haze
    ground, top = 6360.0, 6460.0  # radii, km

    def densities(p: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        """Of air, haze and ozone at points (..., 3), as shares of the densest."""
        height = np.maximum(np.linalg.norm(p, axis=-1) - ground, 0.0)[..., None]
        return np.exp(-height / 8.0), np.exp(-height / 1.2), np.maximum(1 - np.abs(height - 25.0) / 15.0, 0.0)

    def steps(p: Doubles, w: Doubles, count: int) -> tuple[Doubles, Doubles]:
        """Points (..., count, 3) from p along w to the end of the air, nearer ones closer, and the kilometres each
        stands for.
        """
        along = (p * w).sum(-1, keepdims=True)
        length = np.sqrt(along**2 + top**2 - (p * p).sum(-1, keepdims=True)) - along
        edges = np.linspace(0.0, 1.0, count + 1) ** 2
        at, share = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        return p[..., None, :] + w[..., None, :] * (length * at)[..., None], (length * share)[..., None]

    def thickness(p: Doubles) -> Doubles:
        """How much a kilometre at points takes away, by channel."""
        air, haze, ozone = densities(p)
        taken: Doubles = air * scattering[0] + haze * (scattering[1] + absorption[1]) + ozone * absorption[0]
        return taken

    h, w = 128, 256
    v = _grid(h, w)
    rgb = np.zeros((h, w, 3))
    for row in range(h // 2):
        half = v[row, : w // 2]  # the other half of the sky is its mirror image
        points, far = steps(np.broadcast_to((0.0, ground + 0.2, 0.0), half.shape), half, 24)
        until = np.cumsum(thickness(points) * far, -2) - thickness(points) * far / 2
        beyond, reach = steps(points, np.broadcast_to(towards, points.shape), 12)
        light = np.exp(-until - (thickness(beyond) * reach).sum(-2))
        cosine, g = (half @ towards)[:, None], 0.8
        phases = (
            3 / (16 * np.pi) * (1 + cosine**2),
            3 / (8 * np.pi) * (1 - g * g) / (2 + g * g) * (1 + cosine**2) / (1 + g * g - 2 * g * cosine) ** 1.5,
        )
        air, haze, _ = densities(points)
        found = sum(
            phase * k * (d * light * far).sum(-2) for phase, k, d in zip(phases, scattering, (air, haze), strict=True)
        )
        rgb[row] = np.concatenate([found, found[::-1]])
    return _over_ground(rgb, 0.8, colored=True)


def studio(sun: Vec3) -> Floats:
    """A dark room with three softboxes: a large warm key from the front right, a larger and dimmer cool fill from the
    left, and a tall narrow strip behind that draws a rim. Horizontal irradiance 2, mean over channels. It does not
    follow the sun.
    """
    v = _grid(256, 512)
    # walls, and a ceiling that is a little lighter
    rgb = 0.035 + 0.03 * np.clip(v[..., 1:2] + 0.3, 0, 1) * np.array((1.0, 1.05, 1.15))
    rgb += _softbox(v, 140.0, 42.0, (0.42, 0.42), (11.0, 8.6, 6.2))
    rgb += _softbox(v, 245.0, 24.0, (0.75, 0.45), (1.2, 1.7, 2.5))
    rgb += _softbox(v, 12.0, 34.0, (0.09, 0.75), (10.0, 10.5, 11.5))
    return _scaled(rgb, 2.0)


def _softbox(v: Doubles, azimuth: float, elevation: float, half: tuple[float, float], radiance: Vec3) -> Doubles:
    """The radiance of a rectangle a metre away, `half` as wide and high in metres, in directions v: less towards its
    edges, which are soft, so that no texel's border is seen.
    """
    a, e = math.radians(azimuth), math.radians(elevation)
    forward = np.array((math.sin(a) * math.cos(e), math.sin(e), -math.cos(a) * math.cos(e)))
    right = np.array((math.cos(a), 0.0, math.sin(a)))
    depth = np.maximum(v @ forward, 1e-9)
    x, y = v @ right / depth, v @ np.cross(right, forward) / depth
    cover = np.clip((half[0] - np.abs(x)) / 0.03 + 0.5, 0, 1) * np.clip((half[1] - np.abs(y)) / 0.03 + 0.5, 0, 1)
    fall = 1 - 0.25 * np.minimum((x / half[0]) ** 2 + (y / half[1]) ** 2, 2)
    shown: Doubles = (cover * fall)[..., None] * np.array(radiance)
    return shown


def night(sun: Vec3) -> Floats:
    """A deep blue sky over a city: a skyline with small warm windows, the haze they light, and a glow around the moon,
    which stands where the sun does. Horizontal irradiance 0.25, mean over channels; with it goes `--sun.irradiance 0.3
    --sun.color 0.6,0.75,1`.
    """
    city, open_sky = _city()
    gamma = np.degrees(np.arccos(np.clip(_grid(*city.shape[:2]) @ _raised(sun), -1, 1)))
    glow = open_sky * (1.6 * np.exp(-gamma / 2.5) + 0.35 * np.exp(-gamma / 14.0))
    return _scaled(city + glow[..., None] * np.array((0.62, 0.74, 1.0)), 0.25)


@cache
def _city() -> tuple[Doubles, Doubles]:
    """The night without the moon: radiance (h, w, 3), and 1 where there is sky (h, w). Houses are dark, every third
    window is lit.
    """
    h, w = 512, 1024
    up = np.maximum(_grid(h, w)[..., 1:2], 0)
    rgb = (
        np.array((0.02, 0.04, 0.11))
        + np.array((0.055, 0.065, 0.1)) * (1 - up) ** 4
        + np.array((0.28, 0.15, 0.06)) * np.exp(-up / 0.09)
    )
    open_sky = np.ones((h, w))
    rng, horizon, x = np.random.default_rng(1883), h // 2, 0
    rgb[horizon:], open_sky[horizon:] = (0.012, 0.013, 0.018), 0
    while x < w:
        width, height = 2 * int(rng.integers(4, 12)) + 1, 2 * int(rng.integers(3, 8) + (rng.random() < 0.15) * 8) + 1
        house = np.tile((0.010, 0.011, 0.017), (height, width, 1))
        windows = house[1::2, 1::2]
        warmth = rng.random(windows.shape[:2])[..., None]
        lit = (rng.random(windows.shape[:2]) < 0.35)[..., None] * rng.uniform(0.8, 4.0, windows.shape[:2])[..., None]
        windows += lit * (np.array((1.0, 0.50, 0.16)) * (1 - warmth) + np.array((1.0, 0.78, 0.50)) * warmth)
        rgb[horizon - height : horizon, x : x + width] = house[:, : w - x]
        open_sky[horizon - height : horizon, x : x + width] = 0
        x += width
    return rgb, open_sky


@cache
def _grid(h: int, w: int) -> Doubles:
    """The direction of every texel's middle, (h, w, 3)."""
    return directions((np.arange(h) + 0.5) * np.pi / h, (np.arange(w) + 0.5) / w)


def _raised(sun: Vec3) -> Doubles:
    """The sun's direction, lifted to where the model can be asked, in the same azimuth."""
    towards, sine = np.array(sun, "f8"), max(sun[1], LOWEST)
    across = math.hypot(towards[0], towards[2])
    if sun[1] < LOWEST:
        towards = np.array(
            (towards[0] / across, 0.0, towards[2] / across) if across > 0 else (0.0, 0.0, -1.0)
        ) * math.sqrt(1 - sine**2)
        towards[1] = sine
    unit: Doubles = towards / np.linalg.norm(towards)
    return unit


def _horizontal(rgb: Doubles) -> Doubles:
    """Irradiance on a floor, (3,)."""
    h, w = rgb.shape[:2]
    v = _grid(h, w)
    solid = (
        np.maximum(v[..., 1:2], 0)
        * np.sin((np.arange(h) + 0.5) * np.pi / h)[:, None, None]
        * (np.pi / h)
        * (2 * np.pi / w)
    )
    total: Doubles = (rgb * solid).sum((0, 1))
    return total


def _scaled(rgb: Doubles, irradiance: float) -> Floats:
    """With that horizontal irradiance, mean over channels."""
    found: Floats = (rgb * (irradiance / _horizontal(rgb).mean())).astype("f4")
    return found


def _over_ground(rgb: Doubles, irradiance: float, colored: bool = False) -> Floats:
    """A sky with that horizontal irradiance, mean over channels, over a ground of albedo 0.25 that reflects it, grey or
    in its colour.
    """
    found = _scaled(rgb, irradiance)
    light = _horizontal(rgb)
    light *= irradiance / light.mean()
    found[found.shape[0] // 2 :] = 0.25 / np.pi * (light if colored else irradiance)
    return found


MAPS: dict[str, Callable[[Vec3], Floats]] = {
    "white": white,
    "black": black,
    "half": half,
    "sky": sky,
    "overcast": overcast,
    "sunset": sunset,
    "studio": studio,
    "night": night,
} | {f"ramp-{a}": _ramp(i) for i, a in enumerate("xyz")}
FOLLOWING = ("sky", "sunset", "night")  # the sun
