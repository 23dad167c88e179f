"""Shadows and penumbrae against the geometry: of shadow maps, and of the rays of the path tracer.

Both are compared with closed forms, not with each other, as they share the sun's radius and the lights' formulas.
Rays are seen in a mirror (periscope.py), which blurs by periscope.SPREAD.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from periscope import SPREAD, render_floor_by_rays
from render_small import Bools, register_scene, render_small
from ssdo.arrays import Doubles
from ssdo.gpu.context import Gpu
from ssdo.scene.model import ImageTexture, Material, Mesh, PunctualLight, Scene
from ssdo.scene.modelling.shapes import make_box, make_quad
from ssdo.settings import Vec3

ALBEDO = 0.5
GREY = Material((ALBEDO, ALBEDO, ALBEDO))
RENDERERS = ("shadow maps", "rays")
SUN_IRRADIANCE = 3.0


class Floor(NamedTuple):
    """The light on a floor at height 0, by pixel."""

    position: Doubles  # (h, w, 3) metres
    irradiance: Doubles  # (h, w, 3)
    mask: Bools  # (h, w) False where something hides the floor


def make_floor(half_width: float, material: Material = GREY) -> Mesh:
    w = half_width
    return make_quad((-w, 0, w), (w, 0, w), (w, 0, -w), (-w, 0, -w), material)


def view_from_above(
    gpu: Gpu, renderer: str, meshes: tuple[Mesh, ...], eye: Vec3, fov: float, values: dict[str, Any], **fields: Any
) -> Floor:
    """Render a floor from straight above, north up."""
    black: dict[str, Any] = {"environment": "black", "sun.irradiance": 0.0, "lights.shadows": 8}
    if renderer == "rays":
        view = render_floor_by_rays(gpu, meshes, eye, fov, black | values, **fields)
        irradiance = view.radiance.astype("f8") * math.pi / ALBEDO
        return Floor(view.position, irradiance, np.ones(irradiance.shape[:2], bool))
    values = {name: value for name, value in values.items() if not name.startswith(("reference.", "accumulated"))}
    x, _, z = eye
    scene = Scene(meshes, eye, (x, 0.0, z), fov, **fields)
    p = render_small(gpu, black | values | {"scene": register_scene("seen from above", scene), "technique": "off"})
    return Floor(p.position, p.sun_and_lights.astype("f8"), p.surface_mask & (np.abs(p.position[..., 1]) < 1e-3))


def sun_values(azimuth: float, elevation: float, angular_diameter: float) -> dict[str, Any]:
    return {
        "sun.azimuth": azimuth,
        "sun.elevation": elevation,
        "sun.irradiance": SUN_IRRADIANCE,
        "sun.color": (1.0, 1.0, 1.0),
        "sun.angular_diameter": angular_diameter,
    }


# ---- penumbra of the sun ---------------------------------------------------------------------------------------------


def visible_disc_fraction(s: Doubles) -> Doubles:
    """The part of a disc of radius 1 on one side of a line, by the distance of its centre from the line."""
    s = np.clip(s, -1, 1)
    fraction: Doubles = 0.5 + (s * np.sqrt(1 - s * s) + np.arcsin(s)) / np.pi
    return fraction


def relative_width(s: Doubles, visibility: Doubles) -> float:
    """The width of a penumbra over that of `visible_disc_fraction`: the integral of v (1 - v)."""
    order = np.argsort(s)
    exact = np.linspace(-1, 1, 2001)
    widths = [
        np.trapezoid(v * (1 - v), x) for x, v in ((s[order], visibility[order]), (exact, visible_disc_fraction(exact)))
    ]
    return float(widths[0] / widths[1])


# Height of the roof in metres, angular diameter and elevation of the sun in degrees.
PENUMBRAE = [(0.5, 10.0, 60.0), (2.0, 4.0, 60.0), (2.0, 2.0, 60.0), (1.0, 4.0, 35.0), (1.0, 16.0, 60.0)]


@pytest.mark.slow
@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("height, angular_diameter, elevation", PENUMBRAE)
def test_penumbra_has_the_width_of_the_sun(
    gpu: Gpu, renderer: str, height: float, angular_diameter: float, elevation: float
) -> None:
    """The edge of a roof halves the sun where the sun's centre is behind it, and the penumbra spans its diameter."""
    sun_angle, radius = math.radians(elevation), math.radians(angular_diameter / 2)
    roof = make_quad((0, height, 5), (5, height, 5), (5, height, -5), (0, height, -5), GREY)
    center = -height / math.tan(sun_angle)
    half_width = 1.5 * height / math.sin(sun_angle) ** 2 * radius
    eye, size = (center, 4 * half_width, 0.0), {"width": 64, "height": 4}
    fov = math.degrees(2 * math.atan(half_width * size["height"] / size["width"] / eye[1]))
    values = sun_values(90.0, elevation, angular_diameter) | size | {"reference.rays": 64, "accumulated_frames": 2}
    floor = view_from_above(gpu, renderer, (make_floor(5.0), roof), eye, fov, values)
    assert floor.mask.all()
    edge_angle = np.arctan2(height, -floor.position[0, :, 0])
    s = np.tan(sun_angle - edge_angle) / math.tan(radius)
    assert s.max() > 1.2 and s.min() < -1.2
    visibility = floor.irradiance[..., 0].mean(0) / (SUN_IRRADIANCE * math.sin(sun_angle))
    error = visibility - visible_disc_fraction(s)
    width = relative_width(s, visibility)
    if renderer == "rays":
        # 512 samples in a column. Measured 1.00 to 1.03, and 0.005.
        assert np.abs(error).max() < 4.5 * 0.5 / math.sqrt(512)
        assert abs(error.mean()) < 0.01 and 0.95 < width < 1.06
    else:
        # One mean distance of the occluders, and a disc of 16 points that widens by a texel: measured 1.06 to 1.24.
        assert np.abs(error).max() < 0.15
        assert abs(error.mean()) < 0.03 and 0.95 < width < 1.3


# ---- lights ----------------------------------------------------------------------------------------------------------


class Light(NamedTuple):
    """A light, as values of a shot or fields of a scene, and what reaches the floor without shadows."""

    values: dict[str, Any]
    lights: tuple[PunctualLight, ...]
    direction: Callable[[Doubles], Doubles]  # towards the light, of any length, from positions (h, w, 3)
    irradiance: Callable[[Doubles], Doubles]  # (h, w, 3)


def make_sun(azimuth: float, elevation: float) -> Light:
    """A sun without extent: azimuth from north (-z) to east (+x), elevation above the horizon."""
    a, e = math.radians(azimuth), math.radians(elevation)
    towards = np.array([math.sin(a) * math.cos(e), math.sin(e), -math.cos(a) * math.cos(e)])
    return Light(
        sun_values(azimuth, elevation, 0.0),
        (),
        lambda p: np.broadcast_to(towards, p.shape),
        lambda p: np.full(p.shape, SUN_IRRADIANCE * math.sin(e)),
    )


def make_punctual(light: PunctualLight) -> Light:
    """Irradiance as in KHR_lights_punctual."""

    def irradiance(p: Doubles) -> Doubles:
        to = np.array(light.position) - p
        d = np.linalg.norm(to, axis=-1, keepdims=True)
        inner, outer = (math.cos(math.radians(a)) for a in (light.inner_cone_angle, light.outer_cone_angle))
        cone = np.ones_like(d)
        if light.outer_cone_angle < 180:
            axis = np.array(light.direction) / np.linalg.norm(light.direction)
            cosine = -(to / d) @ axis[:, None]
            cone = np.clip((cosine - outer) / max(inner - outer, 0.001), 0, 1) ** 2
        window = np.clip(1 - (d / light.range) ** 4, 0, 1)
        total: Doubles = np.array(light.intensity) * cone * window * to[..., 1:2] / d**3
        return total

    return Light({}, (light,), lambda p: np.array(light.position) - p, irradiance)


# ---- contact shadows -------------------------------------------------------------------------------------------------

# Thickness (along x) and height in metres of boxes that stand on the floor.
BOXES = {"fence": (0.002, 0.2), "plate": (0.3, 0.03)}


class ContactLight(NamedTuple):
    """A light east of the boxes, and the width of its shadow map's texels on the floor beside them, metres."""

    light: Light
    texel: float


CONTACT_LIGHTS = {
    # the map covers a floor of 2 x 2 m with 2048 x 2048 texels
    **{f"sun at {e:.0f}": ContactLight(make_sun(90.0, e), 2 * math.sqrt(2) / 2048) for e in (25.0, 50.0, 70.0)},
    # 1024 and 2048 texels, of 90 and 60 degrees, at a distance of 1.1 m
    "point light": ContactLight(make_punctual(PunctualLight((0.8, 0.8, 0.0), (3.0, 2.0, 1.0))), 2.2 / 1024),
    "spot light": ContactLight(
        make_punctual(PunctualLight((0.6, 0.9, 0.0), (3.0, 2.0, 1.0), (-0.6, -0.8, 0.0), 20.0, 30.0)), 1.3 / 2048
    ),
}
CONTACT_VALUES = {"width": 64, "height": 4, "sun.resolution": 2048, "lights.resolution": 1024}


@pytest.mark.slow
@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("kind", BOXES)
@pytest.mark.parametrize("name", CONTACT_LIGHTS)
def test_shadow_begins_at_the_foot_of_a_thin_box(gpu: Gpu, renderer: str, kind: str, name: str) -> None:
    """It is dark from the foot on and ends where the light appears above the box. The other side is lit to the foot."""
    (thickness, height), (light, texel) = BOXES[kind], CONTACT_LIGHTS[name]
    box = make_box((-thickness / 2, 0, -0.5), (thickness / 2, height, 0.5), GREY)
    foot = -thickness / 2
    x, y, _ = light.direction(np.array([foot, height, 0.0]))  # from the upper edge on the dark side
    end = foot - height * x / y
    half_width = 8 * texel
    for center in (foot - 0.95 * half_width, end, -foot + 0.95 * half_width):
        eye = (center, 6 * half_width, 0.0)
        fov = math.degrees(2 * math.atan(1 / 6 / 16))
        values = light.values | CONTACT_VALUES
        floor = view_from_above(gpu, renderer, (make_floor(1.0), box), eye, fov, values, lights=light.lights)
        x_floor = np.where(floor.mask[1], floor.position[1, :, 0], math.nan)
        visibility = (floor.irradiance / light.irradiance(floor.position)).mean((0, 2))
        # Shadow maps: the filter spans three texels. Of the rays from a mirror, 4 % deviate by five times its spread.
        is_map = renderer == "shadow maps"
        margin, foot_margin, slack = (2.5 * texel, texel, 1e-4) if is_map else (5 * SPREAD * eye[1],) * 2 + (0.15,)
        in_shadow = (x_floor < foot - foot_margin) & (x_floor > end + margin)
        in_light = (x_floor < end - margin) | (x_floor > -foot + margin)
        assert in_shadow.sum() + in_light.sum() > 20
        assert np.abs(visibility[in_shadow]).max(initial=0) < slack
        assert np.abs(visibility[in_light] - 1).max(initial=0) < slack


# ---- where shadows lie -----------------------------------------------------------------------------------------------


class Board(NamedTuple):
    """A board above the floor, parallel to it, perhaps with a rectangle that its alpha mask leaves out."""

    low: tuple[float, float]  # x, z
    high: tuple[float, float]
    height: float
    has_window: bool

    @property
    def window(self) -> tuple[Doubles, Doubles]:
        """The rectangle from 1/2 to 7/8 of its width and from 1/4 to 1/2 of its depth."""
        low, size = np.array(self.low), np.subtract(self.high, self.low)
        return low + size * (1 / 2, 1 / 4), low + size * (7 / 8, 1 / 2)

    def make_mesh(self) -> Mesh:
        (x0, z0), (x1, z1), y = self.low, self.high, self.height
        material = GREY
        if self.has_window:
            pixels = np.full((16, 16, 4), 255, "u1")  # row 0 at the lowest z
            pixels[4:8, 8:14, 3] = 0
            material = replace(GREY, albedo_texture=ImageTexture(pixels, clamp=(True, True)), alpha_cutoff=0.5)
        return make_quad((x0, y, z1), (x1, y, z1), (x1, y, z0), (x0, y, z0), material)

    def edge_distance(self, p: Doubles) -> Doubles:
        """Distance (h, w) of points (h, w, 2) from the edge: negative where the board is."""
        distance = _rectangle_distance(p, np.array(self.low), np.array(self.high))
        if self.has_window:
            distance = np.maximum(distance, -_rectangle_distance(p, *self.window))
        return distance


def _rectangle_distance(p: Doubles, low: Doubles, high: Doubles) -> Doubles:
    """Distance (h, w) from a rectangle's edge, negative inside; outside of corners it is the larger component."""
    distance: Doubles = np.maximum(low - p, p - high).max(-1)
    return distance


BOARDS = {"board": Board((-0.5, -0.4), (0.6, 0.3), 0.5, False), "window": Board((-0.5, -0.4), (0.6, 0.3), 0.5, True)}
EYE = (0.0, 1.6, 0.0)
BOARD_SIZE = {"width": 48, "height": 48}


LIGHTS = {
    **{
        f"sun at {a:.0f}, {e:.0f}": make_sun(a, e) for a, e in ((0.0, 45.0), (90.0, 40.0), (200.0, 50.0), (315.0, 30.0))
    },
    "point light": make_punctual(PunctualLight((0.5, 1.3, 0.4), (3.0, 2.0, 1.0))),
    "point light with a range": make_punctual(PunctualLight((-0.4, 1.2, 0.3), (3.0, 2.0, 1.0), range=1.8)),
    "spot light": make_punctual(PunctualLight((0.7, 1.4, 0.5), (3.0, 2.0, 1.0), (-0.48, -0.8, -0.36), 15.0, 45.0)),
    "narrow spot light": make_punctual(
        PunctualLight((0.7, 1.4, 0.5), (3.0, 2.0, 1.0), (-0.48, -0.8, -0.36), 5.0, 20.0)
    ),
    "wide spot light": make_punctual(PunctualLight((-0.5, 1.2, 0.6), (3.0, 2.0, 1.0), (0.48, -0.8, -0.36), 40.0, 85.0)),
}


def make_board_near(light: PunctualLight) -> Board:
    """A small board at 0.3 of the way from a light to a point of the floor."""
    x, y, z = 0.7 * np.array(light.position) + 0.3 * np.array((-0.3, 0.0, -0.3))
    return Board((x - 0.08, z - 0.06), (x + 0.08, z + 0.06), y, False)


BOARD_LIGHTS = [
    *((board, name) for board in BOARDS for name in LIGHTS),
    *(("near the light", name) for name, light in LIGHTS.items() if light.lights),
]


def assert_board_shadow(floor: Floor, light: Light, board: Board, margin: float, max_error: float) -> None:
    """No light where the board hides it, all of it elsewhere, `margin` metres of the board from its edge."""
    expected = light.irradiance(floor.position)

    def edge_distance_towards(direction: Doubles) -> Doubles:
        at_board = floor.position + direction * (board.height / direction[..., 1:2])
        return board.edge_distance(at_board[..., [0, 2]])

    distance = edge_distance_towards(light.direction(floor.position))
    # The board hides floor from the camera.
    visible = floor.mask & (edge_distance_towards(np.array(EYE) - floor.position) > margin)
    in_shadow, in_light = visible & (distance < -margin), visible & (distance > margin)
    error = np.abs(floor.irradiance - np.where(in_shadow[..., None], 0, expected)) / expected.max()
    assert in_shadow.sum() > 15 and in_light.sum() > 900
    assert error[in_shadow].mean() < 10 * max_error and error[in_light].mean() < max_error


@pytest.mark.slow
@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("kind, name", BOARD_LIGHTS)
def test_shadow_lies_where_the_light_is_hidden(gpu: Gpu, renderer: str, kind: str, name: str) -> None:
    """By direction and distance of the light, also through a window of an alpha mask; elsewhere is all of its light."""
    light = LIGHTS[name]
    board = BOARDS.get(kind) or make_board_near(light.lights[0])
    meshes = make_floor(2.0), board.make_mesh()
    floor = view_from_above(gpu, renderer, meshes, EYE, 70.0, light.values | BOARD_SIZE, lights=light.lights)
    # Texels of shadow maps. Of rays from a mirror, 4 % deviate by more: measured 0.006 in the shadow, 0.001 elsewhere.
    margin, max_error = (0.02, 1e-6) if renderer == "shadow maps" else (5 * SPREAD * EYE[1], 0.002)
    assert_board_shadow(floor, light, board, margin, max_error)


def test_shadow_follows_the_sun(gpu: Gpu) -> None:
    """From frame to frame, to every azimuth, in a scene that stays; with shadow maps of changing size."""
    board = BOARDS["board"]
    scene = Scene((make_floor(2.0), board.make_mesh()), EYE, (0.0, 0.0, 0.0), 70.0, environment="black")
    values = BOARD_SIZE | {"scene": register_scene("under the sun", scene), "technique": "off"}
    for frame, azimuth in enumerate((0.0, 90.0, 180.0, 270.0, 0.0)):
        sun = make_sun(azimuth, 40.0)
        resolution = (2048, 512)[frame % 2]
        p = render_small(gpu, values | sun.values | {"sun.resolution": resolution})
        on_floor = p.surface_mask & (np.abs(p.position[..., 1]) < 1e-3)
        margin = 2.5 * 4 * math.sqrt(2) / resolution
        assert_board_shadow(Floor(p.position, p.sun_and_lights.astype("f8"), on_floor), sun, board, margin, 1e-6)


@pytest.mark.parametrize("parameter, low", [("sun.resolution", 256), ("lights.resolution", 64)])
def test_shadow_maps_have_the_resolution_of_their_frame(gpu: Gpu, parameter: str, low: int) -> None:
    """Whichever resolutions the frames before it had."""
    lights = LIGHTS["point light"].lights

    def render(*resolutions: int) -> Floor:
        scene = Scene((make_floor(2.0), BOARDS["board"].make_mesh()), EYE, (0.0, 0.0, 0.0), 70.0, lights=lights)
        values = BOARD_SIZE | {"scene": register_scene("new scene", scene), "technique": "off"}
        for resolution in resolutions:
            p = render_small(gpu, values | sun_values(30.0, 40.0, 0.53) | {parameter: resolution})
        return Floor(p.position, p.sun_and_lights.astype("f8"), p.surface_mask)

    fine, coarse, fine_after_coarse = render(1024), render(low), render(low, 1024)
    np.testing.assert_array_equal(fine_after_coarse.irradiance, fine.irradiance)
    assert (coarse.irradiance != fine.irradiance).any()


# ---- edges of shadows in coarse maps ---------------------------------------------------------------------------------

MAP_RESOLUTION, EDGE_TEXELS, EDGE_PIXELS = 64, 8, 48  # of the map; texels and pixels across the image
LIGHT_HEIGHT, BOARD_HEIGHT, EYE_HEIGHT = 1.5, 0.6, 0.5  # metres above the plane
EDGE_ANGLES = np.radians([0.0, *(7.0 + 30 * k for k in range(12))])
EDGE_LIGHTS = ("point light", "spot light")
MAP_DIRECTIONS = [
    (0.0, -1.0, 0.0),
    (0.0, 1.0, 0.0),
    (-1.0, 0.0, 0.0),
    (1.0, 0.0, 0.0),
    (0.0, 0.0, -1.0),
    (0.0, 0.0, 1.0),
]


class ShadowEdge(NamedTuple):
    """A plane beyond a board with a straight edge, by pixel."""

    distance: Doubles  # (h, w) from the exact edge of the shadow, positive in the light; texels
    visibility: Doubles  # (h, w) of the light


def render_shadow_edge(gpu: Gpu, kind: str, direction: Vec3, angle: float, lean: Vec3 = (0.0, 0.0, 0.0)) -> ShadowEdge:
    """`direction`: from the light to the plane. `angle`: of the edge. `lean`: is added to the axis of a spot light."""
    down = np.array(direction)
    first = np.roll(np.abs(down), 1)
    across = np.cos(angle) * first + np.sin(angle) * np.cross(first, down)
    along = np.cross(across, down)
    # A map of a point light spans 90 degrees; so does that of this spot light, with twice as many texels.
    texel = 2 * LIGHT_HEIGHT / MAP_RESOLUTION / (2 if kind == "spot light" else 1)
    shadow_edge = 0.3 + 0.37 * math.sin(9 * angle) * texel
    edge = shadow_edge * (LIGHT_HEIGHT - BOARD_HEIGHT) / LIGHT_HEIGHT

    def place(a: float, b: float, height: float) -> Vec3:
        x, y, z = a * across + b * along - height * down
        return float(x), float(y), float(z)

    light = PunctualLight(place(0, 0, LIGHT_HEIGHT), (3.0, 3.0, 3.0))
    if kind == "spot light":
        x, y, z = down + lean
        light = replace(light, direction=(float(x), float(y), float(z)), inner_cone_angle=35.0, outer_cone_angle=45.0)
    plane = make_quad(place(-2, -2, 0), place(2, -2, 0), place(2, 2, 0), place(-2, 2, 0), GREY)
    h = BOARD_HEIGHT
    board = make_quad(place(edge - 4, -3, h), place(edge, -3, h), place(edge, 3, h), place(edge - 4, 3, h), GREY)
    fov = math.degrees(2 * math.atan(EDGE_TEXELS / 2 * texel / EYE_HEIGHT))
    scene = Scene((plane, board), place(0.3, 0, EYE_HEIGHT), place(0.3, 0, 0), fov, lights=(light,))
    values: dict[str, Any] = {"scene": register_scene("shadow edge", scene), "technique": "off", "environment": "black"}
    values |= {"width": EDGE_PIXELS, "height": EDGE_PIXELS, "sun.irradiance": 0.0, "lights.resolution": MAP_RESOLUTION}
    p = render_small(gpu, values)
    assert np.abs(p.position @ down).max() < 1e-4
    to = np.array(light.position) - p.position
    unshadowed = 3.0 * (to @ -down) / np.linalg.norm(to, axis=-1) ** 3
    return ShadowEdge((p.position @ across - shadow_edge) / texel, p.sun_and_lights[..., 0] / unshadowed)


@pytest.mark.parametrize("kind", EDGE_LIGHTS)
@pytest.mark.parametrize("direction", MAP_DIRECTIONS)
def test_shadow_edges_are_smooth_and_centred(gpu: Gpu, kind: str, direction: Vec3) -> None:
    """Bilinear filtering: light rises along rows and columns, by no more than a texel's share, about the exact edge."""
    offsets = []
    for angle in EDGE_ANGLES:
        edge = render_shadow_edge(gpu, kind, direction, angle)
        assert abs(edge.visibility.min()) < 1e-4 and abs(edge.visibility.max() - 1) < 1e-4
        for axis in (0, 1):
            steps, rise = np.diff(edge.distance, axis=axis), np.diff(edge.visibility, axis=axis)
            assert np.ptp(steps) < 1e-3, "image axes are those of the map"
            assert (rise * np.sign(steps.mean()) > -1e-4).all(), (math.degrees(angle), axis)
            assert np.abs(rise).max() < EDGE_TEXELS / EDGE_PIXELS + 1e-4, (math.degrees(angle), axis)
        width = (edge.visibility - (edge.distance > 0)).mean() * EDGE_TEXELS  # of light that is too much, texels
        offsets.append((width, width * math.cos(angle), width * math.sin(angle)))
    # An edge along the map's axes lies between texels, up to half a texel away. Others are right in the mean: measured
    # 0.013 wider or narrower, and moved by 0.031.
    assert abs(offsets[0][0]) < 0.5 + EDGE_TEXELS / EDGE_PIXELS
    assert np.abs(np.mean(offsets[1:], 0)).max() < 0.1


def test_shadow_edges_of_leaning_spot_lights_are_smooth(gpu: Gpu) -> None:
    """Their maps are turned against the image: light changes by no more than a texel's diagonal."""
    for angle in EDGE_ANGLES:
        edge = render_shadow_edge(gpu, "spot light", (0.0, -1.0, 0.0), angle, lean=(-0.2, 0.0, -0.1))
        assert np.ptp(edge.visibility) > 0.99
        for axis in (0, 1):
            # Texels are smaller than those of an upright light by the cosine of 13 degrees.
            limit = math.sqrt(2) * EDGE_TEXELS / EDGE_PIXELS / math.cos(math.radians(13.0))
            assert np.abs(np.diff(edge.visibility, axis=axis)).max() < limit, math.degrees(angle)


# ---- several lights --------------------------------------------------------------------------------------------------

PUNCTUAL_LIGHTS = [light for scene in LIGHTS.values() for light in scene.lights]


def test_lights_and_their_shadows_add_up(gpu: Gpu) -> None:
    """In any order, although lights share an atlas in which each kind of light fills maps of another size."""
    meshes = make_floor(2.0), BOARDS["board"].make_mesh()

    def render(*lights: PunctualLight) -> Floor:
        return view_from_above(gpu, "shadow maps", meshes, EYE, 70.0, {"width": 32, "height": 32}, lights=lights)

    alone = [render(light) for light in PUNCTUAL_LIGHTS]
    total = np.sum([floor.irradiance for floor in alone], 0)
    for order in (1, -1):
        together = render(*PUNCTUAL_LIGHTS[::order])
        np.testing.assert_allclose(together.irradiance, total, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_rays_find_every_light(gpu: Gpu) -> None:
    """A ray samples one light at random, which counts for all."""
    values = {"width": 32, "height": 32, "reference.rays": 64}
    floor = view_from_above(gpu, "rays", (make_floor(2.0),), EYE, 70.0, values, lights=tuple(PUNCTUAL_LIGHTS))
    expected = np.sum([make_punctual(light).irradiance(floor.position) for light in PUNCTUAL_LIGHTS], 0)
    # 65536 samples. One light of five brings up to five times the mean.
    assert np.abs(floor.irradiance.mean((0, 1)) / expected.mean((0, 1)) - 1).max() < 4 * 5 / math.sqrt(65536)


@pytest.mark.parametrize("count", [1, 2])
def test_nearest_lights_follow_the_camera(gpu: Gpu, count: int) -> None:
    """Which lights cast shadows depends on the camera of each frame, not on that of an earlier one."""
    positions = (-1.6, 0.0, 1.6)
    lights = tuple(
        PunctualLight((x, 1.5, 0.9), (float(i == 0), float(i == 1), float(i == 2))) for i, x in enumerate(positions)
    )
    scene = Scene((make_floor(3.0), BOARDS["board"].make_mesh()), lights=lights)
    values = {"scene": register_scene("row of lights", scene), "environment": "black", "technique": "off"}
    for eye_x in (-2.0, 2.0, -2.0, -0.1):
        camera = {"camera.eye": (eye_x, 3.0, 2.5), "camera.target": (0.0, 0.0, -0.3)}
        without, some = (
            render_small(gpu, values | camera | {"lights.shadows": number}).sun_and_lights for number in (0, count)
        )
        has_shadow = [bool((some[..., i] < without[..., i]).any()) for i in range(3)]
        nearest = sorted(range(3), key=lambda i: abs(positions[i] - eye_x))[:count]
        assert has_shadow == [i in nearest for i in range(3)], eye_x
