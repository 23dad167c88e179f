"""Closed forms of visibility and irradiance on analytic scenes, and the pixels at which they hold.

All are cosine-weighted. E is irradiance, L radiance, rho albedo; occlusion is 1 - ambient visibility.

    F1   plane                                  visibility 1, E = pi L
    F2   wall at c radii, rays of one radius    occlusion (acos c - c sqrt(1 - c^2)) / pi
         the same, one point on each ray        occlusion (acos c + c sqrt(1 - c^2) - 2 c acosh(1 / c)) / pi
    F2b  edge of two planes, corner of three    visibility 1/2, 1/4
    F3   wall of height h at distance d         occlusion (1 - d / sqrt(d^2 + h^2)) / 2
    F4   V-groove of interior angle b           visibility (1 - cos b) / 2
    F5   middle of a trench, width w, depth h   visibility (w / 2) / sqrt((w / 2)^2 + h^2)
    F6   sphere of radius a on a floor          visibility 1 - (a / sqrt(x^2 + a^2))^3 at distance x from the contact
    F7   hemispherical bowl                     visibility 1/2; with one bounce L = rho / 2 + rho^2 / 4
    F8   environment L(w) = 1 + b.w             E: see linear_environment_irradiance
    F9   environment 1 above the horizon        E = pi (1 + n.y) / 2
    F10  closed room whose walls emit L         indirect E = pi L, direct E = 0

Tolerances: the G-buffer's half floats resolve 1 in 2048. Sampling noise follows binomial_tolerance.
Other tolerances have their reason beside them, measured on software OpenGL.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from render_small import Bools, SmallRender, occluded_fraction
from ssdo.arrays import Doubles

HALF_FLOAT_ROUNDING = 1 / 2048
FENCE_CAMERA: dict[str, object] = {"camera.fov": 60.0, "camera.target": (0.3, 0.0, 0.0)}


# ---- closed forms ----------------------------------------------------------------------------------------------------


def corner_occlusion_of_rays(c: Doubles) -> Doubles:
    """F2: occlusion by a wall at a distance of c radii, for rays as long as the radius."""
    occlusion: Doubles = (np.arccos(c) - c * np.sqrt(1 - c * c)) / np.pi
    return occlusion


def corner_occlusion_of_points(c: Doubles) -> Doubles:
    """F2 for one point on each ray, uniform in the radius, as SSDO was published."""
    occlusion: Doubles = (np.arccos(c) + c * np.sqrt(1 - c * c) - 2 * c * np.arccosh(1 / c)) / np.pi
    return occlusion


def sphere_visibility(x: Doubles) -> Doubles:
    """F6: visibility of a floor at distance x from where a unit sphere touches it."""
    visibility: Doubles = 1 - (1 / np.sqrt(x * x + 1)) ** 3
    return visibility


def linear_environment_irradiance(c: Doubles, b: Doubles) -> Doubles:
    """F8: irradiance of a floor with a wall at +x, at a distance of c radii, in the environment 1 + b.w."""
    irradiance: Doubles = (
        np.pi * (1 - corner_occlusion_of_rays(c))
        - b[0] * 2 / 3 * (1 - c * c) ** 1.5
        + b[1] * (2 * np.pi / 3 - np.pi / 2 * (2 / 3 - c + c**3 / 3))
    )
    return irradiance


def hits_niche(w: Doubles, x: Doubles) -> Bools:
    """Whether rays of length 1 from x hit one of the three planes of the niche."""
    with np.errstate(divide="ignore"):
        return ((-x / w > 1e-3) & (-x / w < 1)).any(1)


def hits_fence(w: Doubles, x: Doubles) -> Bools:
    """Whether rays of length 2 from x hit a wall 1 m high at x = 1."""
    t = np.where(w[:, 0] > 1e-9, (1 - x[0]) / np.maximum(w[:, 0], 1e-9), np.inf)
    return (t < 2) & (t * w[:, 1] < 1)


def hits_sphere(w: Doubles, x: Doubles) -> Bools:
    """Whether rays from x hit a unit sphere that stands on the origin."""
    center = np.array((0.0, 1.0, 0.0)) - x
    b = w @ center
    return (b > 0) & (b * b - center @ center + 1 > 0)


def integrate_visibility(result: SmallRender, mask: Bools, is_hit: Callable[[Doubles, Doubles], Bools]) -> Doubles:
    """Exact visibility of the pixels in a mask, by integration of `is_hit(directions, position)`."""
    points = zip(result.normal[mask], result.position[mask], strict=True)
    return 1 - np.array([occluded_fraction(normal, position, is_hit) for normal, position in points])


def assert_circular_occlusion(result: SmallRender) -> None:
    """F6 from straight above: the scene `ball` has the closed form's visibility, equal in every direction."""
    x, y, z = np.moveaxis(result.position, -1, 0)
    distance = np.hypot(x, z)
    floor = result.surface_mask & (np.abs(y) < 1e-3)
    near = floor & (distance > 1.6) & (distance < 2.2)
    far = floor & (distance > 3.5) & (distance < 4)
    error = result.visibility - sphere_visibility(distance)
    # The camera does not see below the sphere, which is taken for solid there. SSDO is 0.046 too dark all around.
    assert abs(error[near].mean()) < 0.06
    horizontal, vertical = near & (np.abs(x) > np.abs(z)), near & (np.abs(x) < np.abs(z))
    assert abs(error[horizontal].mean() - error[vertical].mean()) < 0.02
    assert abs(error[far].mean()) < 0.03


# ---- pixels and shots ------------------------------------------------------------------------------------------------


def near_origin_mask(result: SmallRender) -> Bools:
    """Floor around the point the camera looks at. Everything within 1 m of these pixels is in the image."""
    x, y, z = np.moveaxis(result.position, -1, 0)
    return result.surface_mask & (np.abs(y) < 1e-3) & (np.abs(z) < 0.3) & (x > -0.6)


def corner_mask(result: SmallRender) -> tuple[Bools, Doubles]:
    """Floor pixels at which F2 holds for a radius of 1 m, and their distance c to the wall of the scene `corner`."""
    c = np.clip(0.25 - result.position[..., 0], 1e-6, 1)
    mask = near_origin_mask(result) & (c > 0.1) & (c < 0.9)
    assert mask.sum() > 20
    return mask, c[mask]


def wall_interior_mask(result: SmallRender) -> Bools:
    """Pixels on one wall of the scene `room`, whose corners are at +-1. The centre of others lies on an edge of two."""
    mask = result.surface_mask & ((np.abs(result.position) > 1 - 1e-4).sum(-1) == 1)
    assert mask.sum() > 0.97 * mask.size
    return mask


def corner_shot(technique: str, **parameters: object) -> dict[str, object]:
    """Values of a shot that leaves only the estimator's error: thick occluders, short steps, 512 directions."""
    parameters = {"visibility": "ray-march", "steps": 24, "radius": 1.0, "thickness": 100.0, "samples": 64} | parameters
    if technique == "ssdo":
        parameters = {"bounce": False} | parameters
    shot: dict[str, object] = {
        "scene": "corner",
        "technique": technique,
        "accumulated_frames": 8,
        "width": 128,
        "height": 72,
    }
    return shot | {f"{technique}.{name}": value for name, value in parameters.items()}
