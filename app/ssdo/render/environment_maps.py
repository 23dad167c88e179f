"""An environment's maps on the GPU."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np

from ssdo.gpu.context import Gpu, Texture
from ssdo.render.frame_uniforms import FrameUniforms
from ssdo.scene.environment import WIDEST, Environment
from ssdo.scene.model import Floats

GLOSS_LEVELS = 6  # as in shaders/common/specular.glsl
SAMPLES = 64  # of a texel; with four times as many, maps of the built-in sky change by less than 0.5 %
# texels a side of maps for directions that stand for a part of the sphere
AROUND = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
TABLE = 32  # texels a side of the table of reflectances


class EnvironmentMaps(NamedTuple):
    """Passed to shaders as `environment`; read through shaders/common/environment.glsl."""

    background: Texture  # radiance as given
    prefiltered: Texture  # radiance, halved from level to level by mean over solid angle
    irradiance: Texture  # by normal; first and last row are the poles


class GlossMaps(NamedTuple):
    """Passed to shaders as `gloss`: what glossy surfaces need besides; read through shaders/common/specular.glsl."""

    environment: Texture  # what a surface of roughness 0 to 1 reflects, a level for each fifth
    reflectance: Texture  # of the lobe, see `reflectances`


@dataclass(frozen=True)
class Lobe:
    """Passed to shaders/passes/prefilter_specular.frag as `lobe`."""

    roughness: float
    samples: int
    size: tuple[float, float]  # texels
    texel: float  # solid angle at the equator


def upload(gpu: Gpu, environment: Environment) -> EnvironmentMaps:
    """The maps, made once for each environment."""

    def make() -> EnvironmentMaps:
        return EnvironmentMaps(
            gpu.sphere_map(environment.radiance),
            gpu.sphere_map(*environment.levels),
            gpu.sphere_map(environment.irradiance),
        )

    return gpu.cached("environment", environment, make)


def around(gpu: Gpu, environment: Environment, solid_angle: float) -> Texture:
    """What directions see that each stand for so much of the sphere: a map of about as large texels, made once."""
    wanted = math.sqrt(4 * math.pi / max(solid_angle, 1e-9))
    texels = min(AROUND, key=lambda n: abs(math.log(wanted / n)))
    return gpu.cached("around", (environment, texels), lambda: gpu.nearest(environment.around(texels)), keep=8)


def glossy(gpu: Gpu, environment: Environment, maps: EnvironmentMaps, frame: FrameUniforms) -> GlossMaps:
    """What glossy surfaces need, made once for each environment. Of the frame nothing is used but what shaders must be
    given.
    """

    def make() -> Texture:
        columns = max(min(environment.levels[0].shape[1], WIDEST), 2 << GLOSS_LEVELS)
        levels = []
        for level in range(GLOSS_LEVELS):
            size = (columns >> level, columns >> level + 1)
            into = gpu.target("glossy", size, "rgba32f")
            lobe = Lobe(
                level / (GLOSS_LEVELS - 1),
                SAMPLES if level else 1,
                (float(size[0]), float(size[1])),
                2 * math.pi**2 / (size[0] * size[1]),
            )
            drawn = gpu.draw(
                "passes/prefilter_specular.frag",
                into,
                lobe=lobe,
                frame=replace(frame, sky_rotation=0.0, sky_intensity=1.0),
                environment=maps,
            )
            levels.append(np.ascontiguousarray(gpu.read(drawn[0])[..., :3]))
        return gpu.sphere_map(*levels)

    return GlossMaps(gpu.cached("gloss environment", environment, make), reflectance_table(gpu))


def reflectance_table(gpu: Gpu) -> Texture:
    """`reflectances` as a texture, to be interpolated from edge to edge."""
    return gpu.cached("gloss reflectance", None, lambda: gpu.table(reflectances()))


@cache
def reflectances() -> Floats:
    """(TABLE, TABLE, 2): with f0 at normal incidence a lobe reflects f0 a + b of white light from everywhere; rows by
    roughness, columns by the cosine towards the eye, both 0 to 1. GGX, separable Smith masking, Schlick's Fresnel; 32 x
    32 directions of the visible normals (Heitz 2018) for each, the denser the flatter they lie, as the lobe ends where
    the last few would reflect into the surface: right to 1.5e-3 beyond the first column.
    """
    count = 32
    cosine, roughness = np.meshgrid(np.linspace(0, 1, TABLE), np.linspace(0, 1, TABLE))
    cosine, alpha = np.maximum(cosine, 1e-3)[..., None], np.maximum(roughness**2, 2e-3)[..., None]
    flat, turn = (np.stack(np.meshgrid(*[(np.arange(count) + 0.5) / count] * 2), -1)).reshape(-1, 2).T
    u = 1 - flat**2
    x, y = np.sqrt(u) * np.cos(2 * np.pi * turn), np.sqrt(u) * np.sin(2 * np.pi * turn)
    v = np.stack([np.sqrt(1 - cosine**2), cosine])  # in the plane x, z
    c = np.stack([alpha * v[0], v[1]]) / np.hypot(alpha * v[0], v[1])
    s = 0.5 * (1 + c[1])
    up = (1 - s) * np.sqrt(np.maximum(1 - x**2, 0)) + s * y
    out = np.sqrt(np.maximum(1 - x**2 - up**2, 0))
    # c, the y axis and their product are the frame of the stretched view: h = x t + up (c x t) + out c with t = +y
    h = np.stack([alpha * (-up * c[1] + out * c[0]), alpha * x, np.maximum(up * c[0] + out * c[1], 1e-6)])
    h /= np.linalg.norm(h, axis=0)
    vh = np.maximum(v[0] * h[0] + v[1] * h[2], 0)
    below = 2 * vh * h[2] - v[1]
    out_cosine = np.maximum(below, 0)
    weight = (
        2 * flat * 2 * out_cosine / np.maximum(out_cosine + np.sqrt(alpha**2 + (1 - alpha**2) * out_cosine**2), 1e-9)
    )
    edge = (1 - vh) ** 5
    found: Floats = np.stack([((1 - edge) * weight).mean(-1), (edge * weight).mean(-1)], -1).astype("f4")
    return found
