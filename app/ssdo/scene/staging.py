"""What a scene file leaves open for a picture: light, background, and a ground to stand on.

Most files hold an object and nothing else. Under equal light from everywhere, over the same white, it would show
neither shape nor directional occlusion. Built-in scenes bring all of this themselves.
"""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from ssdo.arrays import Doubles
from ssdo.scene.model import DirectionalLight, Ground, Material, Mesh, Scene

UNLIT_ENVIRONMENT, LIT_ENVIRONMENT = "studio", "dim"  # of files without and with lights
# A soft key light from the left front of the default camera.
KEY_LIGHT = DirectionalLight(95.0, 42.0, irradiance=2.0, color=(1.0, 0.95, 0.87), angular_diameter=6.0)

GROUND_ALBEDO = 0.5
GROUND_RADIUS = 12.0  # relative to the subject's bounding radius: where it has faded out
GROUND_FADE_START = 2.0  # likewise: where it starts to fade
GROUND_GAP = 2e-4  # likewise: below the subject, so that faces that lie on the ground do not flicker
GROUND_SEGMENTS = 32
FLOOR_HEIGHT = 0.1  # relative to the subject's height: how far above the lowest point a floor may lie
FLOOR_COVERAGE = 0.45  # of the subject's bounds, seen from above
FLOOR_CELLS = 16  # in x and z, in which the topmost surface is searched
FLOOR_SAMPLES = 20000

LUMENS_PER_WATT = 683.0  # as Blender's exporter multiplies: the luminous efficacy at 555 nm
# Irradiance on the subject above which lights are taken for photometric: white surfaces would be 10 times too bright.
# Blender's sun of 0.1 W/m2 is above. Lights that are written by hand, as for three.js, bring 1 to 10.
MIN_PHOTOMETRIC_IRRADIANCE = 40.0

MAX_IRRADIANCE = 20.0  # above which white surfaces are several stops too bright

_staged_scenes: WeakKeyDictionary[Scene, dict[tuple[str, str], Scene]] = WeakKeyDictionary()


def stage_file_scene(scene: Scene) -> Scene:
    """A file's scene with light, if it has none of its own, over a blurred background."""
    has_lights = bool(scene.lights) or scene.sun.irradiance > 0
    return replace(
        scene,
        environment=LIT_ENVIRONMENT if has_lights else UNLIT_ENVIRONMENT,
        background="blurred",
        key_light=None if has_lights else KEY_LIGHT,
        wants_ground=_wants_ground(scene),
        light_units="photometric" if _find_irradiance(scene) > MIN_PHOTOMETRIC_IRRADIANCE else "radiometric",
    )


def stage_scene(scene: Scene, ground: str, light_units: str) -> Scene:
    """The scene on a neutral ground, and with its lights in radiometric units, as the flags of these names ask for."""
    key = ground, light_units
    staged_scenes = _staged_scenes.setdefault(scene, {})
    if key not in staged_scenes:
        staged = scene
        if light_units == "photometric" or (light_units == "auto" and scene.light_units == "photometric"):
            staged = _to_radiometric(staged)
        if ground == "on" or (ground == "auto" and scene.wants_ground):
            disc = _fit_ground(scene)
            staged = replace(staged, meshes=(*staged.meshes, _make_ground_mesh(disc)), ground=disc)
        if staged is scene:
            return scene  # a dictionary that holds its own key would keep it alive
        staged_scenes[key] = staged
    return staged_scenes[key]


def describe_staging(scene: Scene, staged: Scene, uses_key_light: bool) -> list[str]:
    """What was added to a scene and changed in it, a line each, with the flag that decides it."""
    notes = []
    if uses_key_light and scene.key_light:
        notes.append(f"has no lights; lit by {scene.environment} and a key light: --environment chooses others")
    if staged.ground:
        notes.append("stands on a neutral ground that is not in the file: --ground off removes it")
    if (staged.sun, staged.lights) != (scene.sun, scene.lights):
        notes.append("lights are lux and candela, divided by 683 lm/W: --lights.units radiometric keeps them")
    if _find_irradiance(staged) > MAX_IRRADIANCE:
        notes.append("lights are very bright: --display.exposure auto adapts to them")
    return notes


def _find_irradiance(scene: Scene) -> float:
    """The largest irradiance by a light of the file on a surface that faces it, at the middle of the subject."""
    middle = (scene.subject.low + scene.subject.high) / 2
    irradiances = [scene.sun.irradiance * max(scene.sun.color)]
    for light in scene.lights:
        distance = max(float(np.linalg.norm(middle - light.position)), 0.5 * scene.bounding_radius)
        irradiances.append(max(light.intensity) / distance**2)
    return max(irradiances)


def _to_radiometric(scene: Scene) -> Scene:
    """Light in W instead of lm: lux to W/m2, candela to W/sr."""
    sun = replace(scene.sun, irradiance=scene.sun.irradiance / LUMENS_PER_WATT)
    lights = []
    for light in scene.lights:
        r, g, b = (float(intensity) / LUMENS_PER_WATT for intensity in light.intensity)
        lights.append(replace(light, intensity=(r, g, b)))
    return replace(scene, sun=sun, lights=tuple(lights))


def _wants_ground(scene: Scene) -> bool:
    """Whether it has neither a camera nor a floor. With a camera it is a picture that somebody composed."""
    return scene.eye is None and not scene.subject.wide_count and not _has_floor(scene)


def _has_floor(scene: Scene) -> bool:
    """Whether a floor is seen from above in much of the subject's bounds, near their lowest point."""
    low, high = scene.subject.low, scene.subject.high
    size = np.maximum(high - low, 1e-30)
    points = (_sample_surface(scene) - low) / size
    columns = np.clip(points[:, (0, 2)] * FLOOR_CELLS, 0, FLOOR_CELLS - 1).astype(np.int64)
    heights = np.full((FLOOR_CELLS, FLOOR_CELLS), np.inf)  # of the topmost surface in each cell
    order = np.argsort(points[:, 1])
    heights[columns[order, 0], columns[order, 1]] = points[order, 1]  # the last one stays
    return bool((heights <= FLOOR_HEIGHT).mean() >= FLOOR_COVERAGE)


def _sample_surface(scene: Scene) -> Doubles:
    """(n, 3) random points, spread evenly over the surface without stray triangles."""
    # Contiguous coordinates: numpy gathers rows of three much more slowly.
    coordinates = [np.ascontiguousarray(mesh.positions.T) for mesh in scene.meshes]
    corners = np.concatenate(
        [p[:, mesh.triangles.T] for p, mesh in zip(coordinates, scene.meshes, strict=True)], axis=2
    )  # by axis, corner and triangle
    if scene.subject.stray_count:
        low, high = (corner[:, None, None] for corner in (scene.subject.low, scene.subject.high))
        corners = corners[:, :, ((corners >= low) & (corners <= high)).all((0, 1))]
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    scale = np.float32(1 / scene.bounding_radius)  # areas of any scene fit into 32-bit floats
    areas = np.linalg.norm(np.cross((b - a) * scale, (c - a) * scale, axis=0), axis=0)
    cumulative_area = np.cumsum(areas, dtype="f8")
    random = np.random.default_rng(0)
    numbers = np.searchsorted(cumulative_area, random.random(FLOOR_SAMPLES) * cumulative_area[-1])
    a, b, c = corners[:, :, np.minimum(numbers, len(cumulative_area) - 1)].astype("f8").transpose(1, 0, 2)
    u, v = np.sort(random.random((2, FLOOR_SAMPLES)), axis=0)
    points: Doubles = (a * u + b * (v - u) + c * (1 - v)).T
    return points


def _fit_ground(scene: Scene) -> Ground:
    low, high = scene.subject.low, scene.subject.high
    radius = scene.bounding_radius
    x, _, z = 0.5 * (low + high)
    height = low[1] - GROUND_GAP * radius
    return Ground((float(x), float(height), float(z)), GROUND_FADE_START * radius, GROUND_RADIUS * radius)


def _make_ground_mesh(ground: Ground) -> Mesh:
    """A disc."""
    angles = 2 * np.pi * np.arange(GROUND_SEGMENTS) / GROUND_SEGMENTS
    rim: Doubles = np.stack([np.sin(angles), 0 * angles, np.cos(angles)], 1) / np.cos(np.pi / GROUND_SEGMENTS)
    positions = np.array(ground.center) + ground.fade_end * np.concatenate([np.zeros((1, 3)), rim])
    numbers = np.arange(GROUND_SEGMENTS)
    triangles = np.stack([0 * numbers, 1 + numbers, 1 + (numbers + 1) % GROUND_SEGMENTS], 1)
    # From below it is not seen, so that it hides nothing.
    material = Material(albedo=(GROUND_ALBEDO,) * 3, double_sided=False, name="ground")
    return Mesh(positions.astype("f4"), triangles.astype("i4"), material)
