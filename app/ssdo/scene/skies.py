"""Procedural skies as lat-long maps, for a direction towards the sun.

A map is (h, w, 3) float32, linear radiance, laid out as environment.py says. None contains the sun's disc, which is a
light of its own. Functions take `sun_direction`, the unit vector towards the sun. No OpenGL here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from ssdo.arrays import Doubles, Floats
from ssdo.settings import Vec3

MIN_SUN_SINE = 0.05  # sine of the lowest elevation of the daylight model, 2.9 degrees
GROUND_ALBEDO = 0.25


def latlong_directions(theta: Doubles, u: Doubles) -> Doubles:
    """Unit vectors (rows, columns, 3) for angles from the zenith, in radians, and columns from 0 to 1."""
    sin, phi = np.sin(theta)[:, None], 2 * np.pi * u[None]
    return np.stack([sin * np.sin(phi), np.cos(theta)[:, None] + 0 * phi, -sin * np.cos(phi)], -1)


# ---- analytic maps ---------------------------------------------------------------------------------------------------


def make_white(sun_direction: Vec3) -> Floats:
    """Radiance 1 from everywhere."""
    return np.ones((1, 2, 3), "f4")


def make_black(sun_direction: Vec3) -> Floats:
    """No light."""
    return np.zeros((1, 2, 3), "f4")


def make_half(sun_direction: Vec3) -> Floats:
    """Radiance 1 above the horizon, 0 below."""
    return np.repeat(np.array([1, 0], "f4"), 128 * 512 * 3).reshape(256, 512, 3)


def _make_ramp(axis: int) -> Floats:
    """Radiance 1 + w[axis], for analytic tests."""
    w = latlong_directions((np.arange(256) + 0.5) * np.pi / 256, (np.arange(512) + 0.5) / 512)
    return np.repeat(1 + w[..., axis : axis + 1], 3, 2).astype("f4")


def make_ramp_x(sun_direction: Vec3) -> Floats:
    """Radiance 1 + x."""
    return _make_ramp(0)


def make_ramp_y(sun_direction: Vec3) -> Floats:
    """Radiance 1 + y."""
    return _make_ramp(1)


def make_ramp_z(sun_direction: Vec3) -> Floats:
    """Radiance 1 + z."""
    return _make_ramp(2)


# ---- daylight --------------------------------------------------------------------------------------------------------

TURBIDITY = 2.5
# Preetham's Perez coefficients A to E of luminance and chromaticity: (slope, offset) over turbidity.
PEREZ_COEFFICIENTS = {
    "Y": ((0.1787, -1.4630), (-0.3554, 0.4275), (-0.0227, 5.3251), (0.1206, -2.5771), (-0.0670, 0.3703)),
    "x": ((-0.0193, -0.2592), (-0.0665, 0.0008), (-0.0004, 0.2125), (-0.0641, -0.8989), (-0.0033, 0.0452)),
    "y": ((-0.0167, -0.2608), (-0.0950, 0.0092), (-0.0079, 0.2102), (-0.0441, -1.6537), (-0.0109, 0.0529)),
}
# Chromaticity of the zenith: rows for turbidity^2, turbidity, 1; columns for powers 3 to 0 of the sun's zenith angle.
ZENITH_CHROMATICITY = {
    "x": (
        (0.00166, -0.00375, 0.00209, 0),
        (-0.02903, 0.06377, -0.03202, 0.00394),
        (0.11693, -0.21196, 0.06052, 0.25886),
    ),
    "y": (
        (0.00275, -0.00610, 0.00317, 0),
        (-0.04214, 0.08970, -0.04153, 0.00516),
        (0.15346, -0.26756, 0.06670, 0.26688),
    ),
}
RGB_FROM_XYZ = ((3.2406, -1.5372, -0.4986), (-0.9689, 1.8758, 0.0415), (0.0557, -0.2040, 1.0570))  # Rec. 709


def make_clear_sky(sun_direction: Vec3) -> Floats:
    """A clear sky around the sun, over grey ground. Horizontal irradiance 2 while the sun is up.

    Preetham, Shirley, Smits: A Practical Analytic Model for Daylight, SIGGRAPH 1999, turbidity 2.5. The model ends at
    the horizon: for a lower sun, the sky of the lowest sun fades by `compute_twilight_factor`.
    """
    v = _compute_texel_directions(128, 256)
    clamped_sun = _clamp_sun_elevation(sun_direction)
    cos_theta, cos_sun = np.maximum(v[..., 1], 0.02), clamped_sun[1]
    gamma, theta_sun = np.arccos(np.clip(v @ clamped_sun, -1, 1)), np.arccos(cos_sun)
    powers = np.array([theta_sun**3, theta_sun**2, theta_sun, 1])
    turbidity_powers = np.array([TURBIDITY * TURBIDITY, TURBIDITY, 1])
    zenith = {name: turbidity_powers @ np.array(rows) @ powers for name, rows in ZENITH_CHROMATICITY.items()}
    zenith["Y"] = 1.0  # the sky is scaled to its irradiance below
    luminance, x, y = (
        zenith[name] * _evaluate_perez(name, cos_theta, gamma) / _evaluate_perez(name, 1.0, theta_sun)
        for name in PEREZ_COEFFICIENTS
    )
    xyz = np.stack([x / y * luminance, luminance, (1 - x - y) / y * luminance], -1)
    rgb = np.maximum(xyz @ np.array(RGB_FROM_XYZ).T, 0)
    return _add_ground(rgb, 2.0 * compute_twilight_factor(sun_direction[1]))


def _evaluate_perez(name: str, cos_angle: Doubles | float, gamma: Doubles | float) -> Doubles:
    """Perez's luminance distribution for a zenith angle and an angle to the sun."""
    a, b, c, d, e = (slope * TURBIDITY + offset for slope, offset in PEREZ_COEFFICIENTS[name])
    gradation = 1 + a * np.exp(b / np.asarray(cos_angle))
    indicatrix = 1 + c * np.exp(d * np.asarray(gamma)) + e * np.cos(gamma) ** 2
    return gradation * indicatrix


def compute_twilight_factor(sun_sine: float) -> float:
    """The fraction of the sky's light that remains for the sine of the sun's elevation: 1 above the horizon.

    0.4 decades a degree down to -16 degrees. A clear sky brings about 600 lx at 0 degrees, 3.4 lx at -6, 0.008 lx at
    -12 and 0.001 lx at night: P. K. Seidelmann, Explanatory Supplement to the Astronomical Almanac, 1992, section 9.35.
    """
    depression = math.degrees(math.asin(min(max(-sun_sine, 0.0), 1.0)))
    return float(10 ** (-0.4 * min(depression, 16.0)))


def make_overcast(sun_direction: Vec3) -> Floats:
    """The CIE standard overcast sky, over grey ground. Horizontal irradiance 2; use it with `--sun.irradiance 0`.

    Radiance is (1 + 2 sin elevation) / 3 of the zenith's, whatever the sun. P. Moon, D. E. Spencer: Illumination from a
    Non-Uniform Sky, 1942; CIE S 011, type 16.
    """
    v = _compute_texel_directions(128, 256)
    return _add_ground(np.repeat((1 + 2 * v[..., 1:2]) / 3, 3, 2), 2.0)


# ---- sunset ----------------------------------------------------------------------------------------------------------

# Coefficients per km at sea level, for red, green and blue. Hillaire's, with twice the Mie scattering and absorption.
RAYLEIGH_SCATTERING = np.array((5.802e-3, 13.558e-3, 33.1e-3))
MIE_SCATTERING = np.array((7.992e-3,) * 3)
MIE_ABSORPTION = np.array((0.888e-3,) * 3)
OZONE_ABSORPTION = np.array((0.650e-3, 1.881e-3, 0.085e-3))
MIE_ASYMMETRY = 0.8
GROUND_RADIUS, ATMOSPHERE_RADIUS = 6360.0, 6460.0  # km
SUNSET_ELEVATION = 1.5  # degrees
VIEW_STEPS, SUN_STEPS = 24, 12


def make_sunset(sun_direction: Vec3) -> Floats:
    """A hazy sky with the sun 1.5 degrees above the horizon. It follows the sun's azimuth, but not its elevation.

    Horizontal irradiance 0.8, mean over channels; ground in its colour. Single scattering of air and haze, with ozone:
    Nishita, Sirai, Tadamura, Nakamae: Display of the Earth Taking into Account Atmospheric Scattering, SIGGRAPH 1993;
    coefficients of Hillaire: A Scalable and Production Ready Sky and Atmosphere Rendering Technique, EGSR 2020, table
    1, with twice the haze.
    """
    sunset = _make_north_sunset()
    turn = math.atan2(sun_direction[0], -sun_direction[2]) / (2 * math.pi) % 1
    columns, fraction = divmod(turn * sunset.shape[1], 1)
    near, far = np.roll(sunset, int(columns), 1), np.roll(sunset, int(columns) + 1, 1)
    rotated: Floats = (near * (1 - fraction) + far * fraction).astype("f4")
    return rotated


@cache
def _make_north_sunset() -> Floats:
    """The sunset with the sun in the north."""
    h, w = 128, 256
    v = _compute_texel_directions(h, w)
    rgb = np.zeros((h, w, 3))
    for row in range(h // 2):
        half = _compute_single_scattering(v[row, : w // 2])
        rgb[row] = np.concatenate([half, half[::-1]])  # the other half of the sky is its mirror image
    return _add_ground(rgb, 0.8, colored=True)


def _compute_single_scattering(directions: Doubles) -> Doubles:
    """Radiance (n, 3) of the sky in directions (n, 3), up to a factor."""
    elevation = math.radians(SUNSET_ELEVATION)
    to_sun = np.array((0.0, math.sin(elevation), -math.cos(elevation)))
    eye = np.broadcast_to((0.0, GROUND_RADIUS + 0.2, 0.0), directions.shape)
    points, lengths = _march_to_space(eye, directions, VIEW_STEPS)
    segment_depth = _compute_extinction(points) * lengths
    view_depth = np.cumsum(segment_depth, -2) - segment_depth / 2
    sun_points, sun_lengths = _march_to_space(points, np.broadcast_to(to_sun, points.shape), SUN_STEPS)
    transmittance = np.exp(-view_depth - (_compute_extinction(sun_points) * sun_lengths).sum(-2))
    cosine, g = (directions @ to_sun)[:, None], MIE_ASYMMETRY
    rayleigh_phase = 3 / (16 * np.pi) * (1 + cosine**2)
    # Cornette and Shanks
    mie_phase = 3 / (8 * np.pi) * (1 - g * g) / (2 + g * g) * (1 + cosine**2) / (1 + g * g - 2 * g * cosine) ** 1.5
    air, haze, _ = _compute_densities(points)
    rayleigh = rayleigh_phase * RAYLEIGH_SCATTERING * (air * transmittance * lengths).sum(-2)
    mie = mie_phase * MIE_SCATTERING * (haze * transmittance * lengths).sum(-2)
    radiance: Doubles = rayleigh + mie
    return radiance


def _compute_densities(p: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Densities (..., 1) of air, haze and ozone at points (..., 3), relative to the largest."""
    height = np.maximum(np.linalg.norm(p, axis=-1) - GROUND_RADIUS, 0.0)[..., None]
    return np.exp(-height / 8.0), np.exp(-height / 1.2), np.maximum(1 - np.abs(height - 25.0) / 15.0, 0.0)


def _compute_extinction(p: Doubles) -> Doubles:
    """Extinction coefficients (..., 3) per km at points (..., 3)."""
    air, haze, ozone = _compute_densities(p)
    extinction: Doubles = (
        air * RAYLEIGH_SCATTERING + haze * (MIE_SCATTERING + MIE_ABSORPTION) + ozone * OZONE_ABSORPTION
    )
    return extinction


def _march_to_space(p: Doubles, w: Doubles, count: int) -> tuple[Doubles, Doubles]:
    """March from points p along w to the top of the atmosphere, with shorter steps near p.

    Returns points (..., count, 3) and step lengths (..., count, 1) in km.
    """
    along = (p * w).sum(-1, keepdims=True)
    distance = np.sqrt(along**2 + ATMOSPHERE_RADIUS**2 - (p * p).sum(-1, keepdims=True)) - along
    edges = np.linspace(0.0, 1.0, count + 1) ** 2
    centers, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    return p[..., None, :] + w[..., None, :] * (distance * centers)[..., None], (distance * widths)[..., None]


# ---- studio ----------------------------------------------------------------------------------------------------------


def make_studio(sun_direction: Vec3) -> Floats:
    """A dark room with three softboxes: a warm key light, a cool fill light and a narrow rim light.

    The key stands at the front right, the larger and dimmer fill at the left, the rim light behind. Horizontal
    irradiance 2, mean over channels. It does not follow the sun.
    """
    v = _compute_texel_directions(256, 512)
    # walls, and a slightly lighter ceiling
    rgb = 0.035 + 0.03 * np.clip(v[..., 1:2] + 0.3, 0, 1) * np.array((1.0, 1.05, 1.15))
    rgb += _make_softbox(v, 140.0, 42.0, (0.42, 0.42), (11.0, 8.6, 6.2))
    rgb += _make_softbox(v, 245.0, 24.0, (0.75, 0.45), (1.2, 1.7, 2.5))
    rgb += _make_softbox(v, 12.0, 34.0, (0.09, 0.75), (10.0, 10.5, 11.5))
    return _scale_to_irradiance(rgb, 2.0)


def make_dim(sun_direction: Vec3) -> Floats:
    """The studio at a fifth of its light: for scenes with lights of their own."""
    return make_studio(sun_direction) * np.float32(0.2)


def _make_softbox(
    directions: Doubles, azimuth: float, elevation: float, half_size: tuple[float, float], radiance: Vec3
) -> Doubles:
    """Radiance (..., 3) of a rectangle at a distance of 1, with soft and darker edges.

    `half_size` is half its width and height.
    """
    a, e = math.radians(azimuth), math.radians(elevation)
    forward = np.array((math.sin(a) * math.cos(e), math.sin(e), -math.cos(a) * math.cos(e)))
    right = np.array((math.cos(a), 0.0, math.sin(a)))
    depth = np.maximum(directions @ forward, 1e-9)
    x, y = directions @ right / depth, directions @ np.cross(right, forward) / depth
    half_width, half_height = half_size
    coverage_x = np.clip((half_width - np.abs(x)) / 0.03 + 0.5, 0, 1)
    coverage_y = np.clip((half_height - np.abs(y)) / 0.03 + 0.5, 0, 1)
    falloff = 1 - 0.25 * np.minimum((x / half_width) ** 2 + (y / half_height) ** 2, 2)
    softbox: Doubles = (coverage_x * coverage_y * falloff)[..., None] * np.array(radiance)
    return softbox


# ---- night -----------------------------------------------------------------------------------------------------------


def make_night(sun_direction: Vec3) -> Floats:
    """A deep blue sky over a city with lit windows, and a glow around the moon, which stands where the sun does.

    Horizontal irradiance 0.25, mean over channels. Use it with `--sun.irradiance 0.3 --sun.color 0.6,0.75,1`.
    """
    city, sky_mask = _make_city()
    moon = _clamp_sun_elevation(sun_direction)
    gamma = np.degrees(np.arccos(np.clip(_compute_texel_directions(*city.shape[:2]) @ moon, -1, 1)))
    glow = sky_mask * (1.6 * np.exp(-gamma / 2.5) + 0.35 * np.exp(-gamma / 14.0))
    return _scale_to_irradiance(city + glow[..., None] * np.array((0.62, 0.74, 1.0)), 0.25)


@cache
def _make_city() -> tuple[Doubles, Doubles]:
    """Radiance (h, w, 3) of the night without the moon, and a mask (h, w) of the sky. Every third window is lit."""
    h, w = 512, 1024
    up = np.maximum(_compute_texel_directions(h, w)[..., 1:2], 0)
    zenith, horizon_blue, horizon_haze = (0.02, 0.04, 0.11), (0.055, 0.065, 0.1), (0.28, 0.15, 0.06)
    rgb = np.array(zenith) + np.array(horizon_blue) * (1 - up) ** 4 + np.array(horizon_haze) * np.exp(-up / 0.09)
    sky_mask = np.ones((h, w))
    rng, horizon, x = np.random.default_rng(1883), h // 2, 0
    rgb[horizon:], sky_mask[horizon:] = (0.012, 0.013, 0.018), 0
    while x < w:
        width, height = 2 * int(rng.integers(4, 12)) + 1, 2 * int(rng.integers(3, 8) + (rng.random() < 0.15) * 8) + 1
        rgb[horizon - height : horizon, x : x + width] = _make_house(rng, width, height)[:, : w - x]
        sky_mask[horizon - height : horizon, x : x + width] = 0
        x += width
    return rgb, sky_mask


def _make_house(rng: np.random.Generator, width: int, height: int) -> Doubles:
    """A dark facade (height, width, 3) with a window at every second texel."""
    house = np.tile((0.010, 0.011, 0.017), (height, width, 1))
    windows = house[1::2, 1::2]
    warmth = rng.random(windows.shape[:2])[..., None]
    is_lit = (rng.random(windows.shape[:2]) < 0.35)[..., None]
    brightness = is_lit * rng.uniform(0.8, 4.0, windows.shape[:2])[..., None]
    windows += brightness * (np.array((1.0, 0.50, 0.16)) * (1 - warmth) + np.array((1.0, 0.78, 0.50)) * warmth)
    return house


# ---- helpers ---------------------------------------------------------------------------------------------------------


@cache
def _compute_texel_directions(h: int, w: int) -> Doubles:
    """The directions (h, w, 3) of texel centres."""
    return latlong_directions((np.arange(h) + 0.5) * np.pi / h, (np.arange(w) + 0.5) / w)


def _clamp_sun_elevation(sun_direction: Vec3) -> Doubles:
    """The direction towards the sun, raised to the lowest elevation of the daylight model."""
    direction, sine = np.array(sun_direction, "f8"), max(sun_direction[1], MIN_SUN_SINE)
    horizontal = math.hypot(direction[0], direction[2])
    if sun_direction[1] < MIN_SUN_SINE:
        heading = (direction[0] / horizontal, 0.0, direction[2] / horizontal) if horizontal > 0 else (0.0, 0.0, -1.0)
        direction = np.array(heading) * math.sqrt(1 - sine**2)
        direction[1] = sine
    unit: Doubles = direction / np.linalg.norm(direction)
    return unit


def _compute_floor_irradiance(rgb: Doubles) -> Doubles:
    """Irradiance (3,) on a horizontal surface."""
    h, w = rgb.shape[:2]
    v = _compute_texel_directions(h, w)
    weights = (
        np.maximum(v[..., 1:2], 0)
        * np.sin((np.arange(h) + 0.5) * np.pi / h)[:, None, None]
        * (np.pi / h)
        * (2 * np.pi / w)
    )
    irradiance: Doubles = (rgb * weights).sum((0, 1))
    return irradiance


def _scale_to_irradiance(rgb: Doubles, irradiance: float) -> Floats:
    """Scale a map to a horizontal irradiance, mean over channels."""
    scaled: Floats = (rgb * (irradiance / _compute_floor_irradiance(rgb).mean())).astype("f4")
    return scaled


def _add_ground(rgb: Doubles, irradiance: float, colored: bool = False) -> Floats:
    """Scale a sky to a horizontal irradiance, and add ground that reflects it: in grey, or `colored` by the sky."""
    radiance = _scale_to_irradiance(rgb, irradiance)
    floor_irradiance = _compute_floor_irradiance(rgb)
    floor_irradiance *= irradiance / floor_irradiance.mean()
    ground = GROUND_ALBEDO / np.pi * (floor_irradiance if colored else irradiance)
    radiance[radiance.shape[0] // 2 :] = ground
    return radiance


# Built-in environments by name, as the flag --environment takes it.
BUILT_IN_SKIES: dict[str, Callable[[Vec3], Floats]] = {
    "white": make_white,
    "black": make_black,
    "half": make_half,
    "sky": make_clear_sky,
    "overcast": make_overcast,
    "sunset": make_sunset,
    "studio": make_studio,
    "dim": make_dim,
    "night": make_night,
    "ramp-x": make_ramp_x,
    "ramp-y": make_ramp_y,
    "ramp-z": make_ramp_z,
}
SUN_DEPENDENT_SKIES = ("sky", "sunset", "night")
