"""A small scene with every kind of light source, and renders in which each intensity can be scaled alone.

All reflectances are grey, so that the light of a source keeps the source's colour however often it is reflected.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from render_small import SmallRender, register_scene, render_small
from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu
from ssdo.scene import skies
from ssdo.scene.model import DirectionalLight, ImageTexture, Material, Mesh, PunctualLight, Scene
from ssdo.scene.modelling.shapes import make_box, make_quad
from ssdo.scene.skies import latlong_directions
from ssdo.settings import Vec3

GREY = Material((0.5, 0.5, 0.5))
METAL = Material((0.5, 0.5, 0.5), metallic=1.0, roughness=0.3)
TEXTURE_VALUE = 188  # sRGB; 0.503 linear

# Colours without one of the channels: light that leaks into that channel is seen.
COLORS: dict[str, Vec3] = {
    "environment": (1.0, 0.5, 0.0),
    "sun": (0.0, 1.0, 0.25),
    "point light": (0.5, 0.0, 1.0),
    "spot light": (1.0, 0.0, 0.5),
    "emitter": (0.0, 0.25, 1.0),
    "textured emitter": (0.25, 1.0, 0.0),
}
SOURCES = tuple(COLORS)


class Intensity(NamedTuple):
    """A number that scales the light of one source or of several."""

    sources: tuple[str, ...]
    factor: float  # to test it with: a power of two within its range


# Parameters of the shot.
SHOT_INTENSITIES = {
    "sky.intensity": Intensity(("environment",), 4.0),
    "sun.irradiance": Intensity(("sun",), 16.0),
    "sun.color": Intensity(("sun",), 0.5),
    "lights.intensity": Intensity(("point light", "spot light"), 2.0),
}
# Numbers of the scene and of its environment. The shot's sun replaces the scene's.
SCENE_INTENSITIES = {
    "Environment.radiance": Intensity(("environment",), 2.0),
    "DirectionalLight.irradiance": Intensity(("sun",), 8.0),
    "DirectionalLight.color": Intensity(("sun",), 0.25),
    "PunctualLight.intensity of a point light": Intensity(("point light",), 4.0),
    "PunctualLight.intensity of a spot light": Intensity(("spot light",), 16.0),
    "Material.emission": Intensity(("emitter",), 0.5),
    "Material.emission beside a texture": Intensity(("textured emitter",), 8.0),
}


@dataclass(frozen=True)
class LightYard:
    """A floor with a box, two emitters and, behind the camera, a wall.

    `scales`: factors of SHOT_INTENSITIES and SCENE_INTENSITIES, 1 unless given. `dark`: sources that are off.
    """

    scales: tuple[tuple[str, float], ...] = ()
    dark: frozenset[str] = frozenset()
    has_metal: bool = False
    has_bright_texels: bool = False  # in the environment, so that it is importance-sampled
    contrast: float = 1.0  # of the environment, up to 5
    quarter_turns: int = 0  # of everything: meshes, lights, sun, environment and camera

    def scale(self, name: str) -> float:
        """The factor of an intensity."""
        return dict(self.scales).get(name, 1.0)

    def color(self, source: str, *intensities: str) -> Vec3:
        """The colour of a source times some intensities; black if it is dark."""
        factor = 0.0 if source in self.dark else float(np.prod([self.scale(name) for name in intensities]))
        r, g, b = COLORS[source]
        return factor * r, factor * g, factor * b

    def make_scene(self) -> Scene:
        material = METAL if self.has_metal else GREY
        emitter = replace(GREY, emission=self.color("emitter", "Material.emission"))
        texture = ImageTexture(np.full((2, 2, 4), (TEXTURE_VALUE,) * 3 + (255,), "u1"))
        textured_emission = self.color("textured emitter", "Material.emission beside a texture")
        textured_emitter = replace(GREY, emission=textured_emission, emission_texture=texture)
        meshes: tuple[Mesh, ...] = (
            make_quad((-2, 0, 2), (2, 0, 2), (2, 0, -2), (-2, 0, -2), GREY),
            make_box((-0.5, 0, -0.4), (0.1, 0.5, 0.2), material),
            make_quad((-1.2, 0, -0.6), (-0.6, 0, -1.0), (-0.6, 0.5, -1.0), (-1.2, 0.5, -0.6), emitter),
            make_quad((0.6, 0, -1.0), (1.2, 0, -0.6), (1.2, 0.5, -0.6), (0.6, 0.5, -1.0), textured_emitter),
            make_quad((2, 0, 2), (-2, 0, 2), (-2, 1.5, 2), (2, 1.5, 2), GREY),
        )
        lights = (
            PunctualLight((0.6, 0.9, 0.5), self.color("point light", "PunctualLight.intensity of a point light")),
            PunctualLight(
                (-0.3, 1.2, 0.8),
                self.color("spot light", "PunctualLight.intensity of a spot light"),
                (0.0, -0.8, -0.6),
                20.0,
                40.0,
            ),
        )
        # Without the shot's values the scene's own sun shines.
        irradiance = 0.0 if "sun" in self.dark else self.scale("DirectionalLight.irradiance")
        r, g, b = (self.scale("DirectionalLight.color") * c for c in COLORS["sun"])
        sun = DirectionalLight(320.0, 50.0, irradiance, (r, g, b))
        scene = Scene(meshes, (0.0, 1.0, 1.9), (0.0, 0.2, -0.3), 50.0, sun, lights=lights)
        return turn_scene(scene, self.quarter_turns)

    def make_radiance(self) -> Floats:
        """(16, 32, 3): brighter to the north-west and above, and perhaps with bright texels.

        Without them no channel exceeds the cap of importance sampling, which is the same for all channels.
        """
        w = latlong_directions((np.arange(16) + 0.5) * np.pi / 16, (np.arange(32) + 0.5) / 32)
        radiance = 0.5 + self.contrast * (w @ np.array((-0.06, 0.04, -0.06)))
        if self.has_bright_texels:
            radiance[4:6, 26:28] = 30.0
        color = self.scale("Environment.radiance") * np.array(COLORS["environment"])
        colored: Floats = (radiance[..., None] * color).astype("f4")
        return colored

    def shot_values(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        """Values of a shot of this scene. Register scene and environment under names of their own."""
        number = next(_numbers)
        radiance = self.make_radiance()
        monkeypatch.setitem(skies.BUILT_IN_SKIES, f"light yard {number}", lambda _: radiance)
        scene = self.make_scene()
        values: dict[str, Any] = {
            "scene": register_scene("light yard", scene),
            "environment": f"light yard {number}",
            "sky.rotation": 90.0 * self.quarter_turns,
            # A black map would not be sampled, which changes the random numbers of rays.
            "sky.intensity": 0.0 if "environment" in self.dark else self.scale("sky.intensity"),
            "lights.intensity": self.scale("lights.intensity"),
        }
        if self.scale("sun.irradiance") != 1:
            values["sun.irradiance"] = self.scale("sun.irradiance")
        if self.scale("sun.color") != 1:
            values["sun.color"] = tuple(self.scale("sun.color") * c for c in COLORS["sun"])
        return values


_numbers = itertools.count()


def turn_vector(vector: Vec3, quarter_turns: int) -> Vec3:
    """Turn a vector about y, from north (-z) to east (+x)."""
    x, y, z = vector
    for _ in range(quarter_turns % 4):
        x, z = -z, x
    return x, y, z


def turn_scene(scene: Scene, quarter_turns: int) -> Scene:
    """Turn meshes without normals, lights, sun and camera about y, from north (-z) to east (+x)."""
    matrix = np.array([turn_vector(axis, quarter_turns) for axis in ((1, 0, 0), (0, 1, 0), (0, 0, 1))], "f4")
    assert scene.eye and scene.target and all(mesh.normals is None for mesh in scene.meshes)
    return replace(
        scene,
        meshes=tuple(replace(mesh, positions=mesh.positions @ matrix) for mesh in scene.meshes),
        eye=turn_vector(scene.eye, quarter_turns),
        target=turn_vector(scene.target, quarter_turns),
        sun=replace(scene.sun, azimuth=(scene.sun.azimuth + 90.0 * quarter_turns) % 360),
        lights=tuple(
            replace(
                light,
                position=turn_vector(light.position, quarter_turns),
                direction=turn_vector(light.direction, quarter_turns),
            )
            for light in scene.lights
        ),
    )


SIZE = {"width": 32, "height": 18, "sun.resolution": 256, "lights.resolution": 64}


def render_yard(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, yard: LightYard, values: Mapping[str, Any]) -> SmallRender:
    """A render of 32 x 18 pixels."""
    return render_small(gpu, SIZE | yard.shot_values(monkeypatch) | dict(values))
